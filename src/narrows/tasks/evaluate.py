"""What a model keeps of a data set, and of a table which columns follow from the others."""

from dataclasses import asdict, dataclass
from typing import Any

from narrows.data import Dataset
from narrows.model.use import TrainedAutoencoder
from narrows.report import evaluation
from narrows.report.evaluation import Evaluation
from narrows.report.redundancy import Redundancy, is_comparable, redundancy
from narrows.support.progress import Tracker, silent
from narrows.support.text_tables import Shown, Told


@dataclass(frozen=True)
class Evaluated(Shown):
    """The model's errors beside those of simpler codes; of tables that can be looked at, what
    follows from what in them."""

    evaluation: Evaluation
    redundancy: Redundancy | None

    def told(self) -> Told:
        """Tables of the errors, and of what follows from what."""
        told = self.evaluation.told()
        return told if self.redundancy is None else [*told, "", *self.redundancy.told()]

    def values(self) -> dict[str, Any]:
        """The same for machines."""
        found = asdict(self.evaluation)
        return (
            found if self.redundancy is None else {**found, "redundancy": asdict(self.redundancy)}
        )


def evaluate(
    autoencoder: TrainedAutoencoder, data: Dataset, *, track: Tracker = silent
) -> Evaluated:
    """Measure what a model keeps of ``data``, beside PCA with as many numbers.

    Raises:
        ShapeError: the model was trained on items of another shape.
        ModelFileError: the model came without a PCA to compare it with.
    """
    found = evaluation.evaluate(autoencoder, data, track=track)
    return Evaluated(found, redundancy(data, track=track) if is_comparable(data) else None)
