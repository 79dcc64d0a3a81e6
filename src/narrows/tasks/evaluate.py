"""What a model keeps of a data set, and of a table which columns follow from the others."""

from dataclasses import asdict, dataclass
from typing import Any

from narrows.data import Dataset
from narrows.model.use import TrainedAutoencoder
from narrows.report import evaluation
from narrows.report.evaluation import Evaluation
from narrows.report.redundancy import Redundancy, redundancy
from narrows.support.progress import Tracker, silent
from narrows.support.text_tables import Shown, Told
from narrows.tasks.opening import items_learnt


@dataclass(frozen=True)
class Evaluated(Shown):
    """The model's errors beside those of simpler codes; of tables that can be looked at, what
    follows from what in them.

    Attributes:
        evaluation: the errors.
        redundancy: of a table, or None.
        learnt: how many of the items the model was trained on, where that can be known: they have
            the name that its training data had; 0 otherwise.
    """

    evaluation: Evaluation
    redundancy: Redundancy | None
    learnt: int = 0

    def told(self) -> Told:
        """Tables of the errors, and of what follows from what."""
        told = list(self.evaluation.told())
        if self.redundancy is not None:
            told += ["", *self.redundancy.told()]
        if self.learnt:
            count = self.evaluation.count
            which = f"{self.learnt:,} of these {count:,}" if self.learnt < count else "these"
            told += [
                "",
                f"the model was trained on {which} items, if the data are still what they were: "
                "of new ones it may lose more",
            ]
        return told

    def values(self) -> dict[str, Any]:
        """The same for machines."""
        found = asdict(self.evaluation)
        if self.redundancy is not None:
            found["redundancy"] = asdict(self.redundancy)
        return {**found, "learnt_from": self.learnt} if self.learnt else found


def evaluate(
    autoencoder: TrainedAutoencoder, data: Dataset, *, track: Tracker = silent
) -> Evaluated:
    """Measure what a model keeps of ``data``, beside PCA with as many numbers.

    Raises:
        ShapeError: the model was trained on items of another shape.
        ModelFileError: the model came without a PCA to compare it with.
    """
    found = evaluation.evaluate(autoencoder, data, track=track)
    compared = redundancy(data, track=track)
    return Evaluated(found, compared, items_learnt(autoencoder.trained.data, data.name, len(data)))
