"""What a training run is asked to do."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from narrows.engine import AdamSettings
from narrows.errors import UsageError
from narrows.objectives import Objective

_LEAVE = "leave it out for the value that suits most data"


@dataclass(frozen=True)
class TrainingSettings:
    """A training run; the defaults are the article's.

    Attributes:
        objective: the loss, in the data's own units.
        epochs: passes over the training set.
        batch_size: items a step; the last batch of an epoch takes what is left.
        adam: the optimiser's constants.
        seed: governs the initial weights and the order of the items.
        patience: stop when the validation loss has not improved for so many epochs, and give the
            model of the best one; None to train every epoch and give the last.

    Raises:
        UsageError: a number outside its limits.
    """

    objective: Objective = field(default_factory=Objective)
    epochs: int = 50
    batch_size: int = 64
    adam: AdamSettings = field(default_factory=AdamSettings)
    seed: int = 0
    patience: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch size", self.batch_size)):
            if value < 1:
                raise UsageError(f"{name} is {value}, and must be at least 1", hint=_LEAVE)
        if self.patience is not None and self.patience < 1:
            raise UsageError(
                f"patience is {self.patience}, and must be at least 1",
                hint="leave it out to train every epoch",
            )
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}, and must be at least 0", hint=_LEAVE)
        rate = self.adam.learning_rate
        if not (rate > 0 and math.isfinite(rate)):
            raise UsageError(
                f"learning rate is {rate:g}, and must be a number above 0",
                hint="0.001 suits most data; smaller is slower and safer",
            )

    def identity(self) -> dict[str, Any]:
        """What two runs must share for one to go on from the other: everything but how long."""
        values = asdict(self)
        del values["epochs"]
        return {**values, "objective": str(self.objective)}
