"""What a training run is asked to do."""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from narrows.engine import AdamSettings
from narrows.errors import UsageError
from narrows.nn.objectives import Objective
from narrows.training.noise import Noise

#: How the learning rate goes: as it is, or up in a line and down along half a cosine.
SCHEDULES = ("constant", "cosine")
# The share of the steps over which a cosine schedule begins.
_WARMUP = 0.05
_LEAVE = "leave it out for the value that suits most data"


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """A training run; the defaults are the article's.

    Attributes:
        objective: the loss, in the data's own units.
        epochs: passes over the training set.
        batch_size: items a step; the last batch of an epoch takes what is left.
        adam: the optimiser's constants.
        seed: governs the initial weights and the order of the items.
        schedule: "constant", or "cosine": the learning rate rises over the first twentieth of the
            steps and then falls to 0 at the last.
        shift: each time an image is taken it is moved by up to so many pixels each way; 0 for data
            that are no images.
        noise: what is done to what goes into the encoder, or None; the loss compares with the clean
            items.
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
    schedule: str = "constant"
    shift: int = 0
    noise: Noise | None = None

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
        if self.schedule not in SCHEDULES:
            raise UsageError(
                f"there is no learning rate schedule called {self.schedule!r}",
                hint=f"take one of {', '.join(SCHEDULES)}",
            )
        if self.shift < 0:
            raise UsageError(f"shift is {self.shift}, and must be at least 0 pixels", hint=_LEAVE)
        if not 0 <= self.adam.weight_decay < 1:
            raise UsageError(
                f"weight decay is {self.adam.weight_decay:g}, and must be from 0 to below 1",
                hint="0.01 is a usual value",
            )
        rate = self.adam.learning_rate
        if not (rate > 0 and math.isfinite(rate)):
            raise UsageError(
                f"learning rate is {rate:g}, and must be a number above 0",
                hint="0.001 suits most data; smaller is slower and safer",
            )

    def adam_for(self, items: int, batch_size: int) -> AdamSettings:
        """The optimiser's constants with the schedule of a run over so many items laid out."""
        if self.schedule == "constant":
            return self.adam
        total = self.epochs * math.ceil(items / batch_size)
        return replace(self.adam, warmup_steps=int(_WARMUP * total), total_steps=total)

    def identity(self) -> dict[str, Any]:
        """What two runs must share for one to go on from the other: everything but how long, unless
        the learning rate depends on that."""
        values = asdict(self)
        if self.schedule == "constant":
            del values["epochs"]
        noise = None if self.noise is None else str(self.noise)
        return {**values, "objective": str(self.objective), "noise": noise}
