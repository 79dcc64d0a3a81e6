"""The losses of the training runs of a comparison."""

from collections.abc import Sequence

from narrows.report.comparison.result import LossCurve, Losses
from narrows.report.evaluation import fitted_pca
from narrows.report.measures import ErrorMeter
from narrows.support.chunks import chunks
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.parts import Parts


def losses(parts: Parts, candidates: Sequence[Candidate]) -> Losses | None:
    """A curve for each model that was trained; None where none was."""
    curves = tuple(_curve(parts, each) for each in candidates if each.history)
    return Losses(curves=curves) if curves else None


def _curve(parts: Parts, candidate: Candidate) -> LossCurve:
    history, trained = candidate.history, candidate.autoencoder.trained
    has_held_out = "val_loss" in history[-1]
    return LossCurve(
        name=candidate.name,
        kind=candidate.kind,
        loss=tuple(record["loss"] for record in history),
        held_out=tuple(record["val_loss"] for record in history) if has_held_out else (),
        held_out_name="test" if parts.validation is None else "validation",
        pca=_pca_error(parts, candidate),
        kept=trained.training.epoch or len(history),
        seconds=sum(record["seconds"] for record in history),
        replaced=trained.training.linear,
        refined=trained.refinement > 0,
    )


def _pca_error(parts: Parts, candidate: Candidate) -> float:
    """The error of PCA with as many numbers on the items that the curve is of."""
    if parts.validation is None:
        return candidate.evaluation.pca.mse
    pca, meter = fitted_pca(candidate.autoencoder.trained), ErrorMeter()
    for chunk in chunks(parts.validation.items):
        meter.add(chunk, pca.reconstruct(chunk))
    return meter.mse
