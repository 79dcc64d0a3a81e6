"""What is said of the data, of how they were split and of what computed, beside the figures."""

import platform
from collections.abc import Iterator, Sequence

import numpy as np

from narrows.data import Dataset
from narrows.data.limits import filled_range
from narrows.data.tables.wild import WildNote
from narrows.report.comparison.classes import NO_CLASS
from narrows.report.comparison.result import DataFacts, Form, Kind, MethodScore, Split
from narrows.report.evaluation import Score
from narrows.support.cores import usable_cores
from narrows.support.number_text import count_of, listed, share
from narrows.support.shapes import is_picture_shape
from narrows.support.spelling import spelt
from narrows.tasks.comparison.archives import Stored
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.parts import MEASURED, Parts
from narrows.tasks.versions import installed_packages
from narrows.version import __version__

_OF_TABLES, _OF_OTHERS = "standardised units²", "squared units of the data"
_KINDS: dict[str, Kind] = {"PCA": "pca", "mean item": "mean", "cosine transform": "dct"}
# Of a table with many columns.
_MOST_NOTES = 12


def title(parts: Parts, best: Candidate) -> str:
    """The page's heading."""
    numbers = count_of(best.latent, "numbers")
    return f"{parts.name}: {count_of(parts.test.item_size, 'values')} through {numbers}"


def data_facts(parts: Parts, best: Candidate) -> DataFacts:
    """What the data are."""
    test = parts.test
    table = test.table
    unit = best.evaluation.unit or (_OF_OTHERS if table is None else _OF_TABLES)
    return DataFacts(
        name=parts.name,
        count=parts.count,
        item_shape=test.item_shape,
        dtype=test.items.dtype.name,
        form=form_of(test),
        item_bytes=test.items[:1].nbytes,
        limits=filled_range(test.value_range, parts.training.extent),
        unit=unit,
        value_unit=unit.removesuffix("²") if unit.endswith("²") else "",
        classes=parts.classes,
        unlabelled=parts.unlabelled,
        columns=() if table is None else tuple(table.names),
        notes=first_of([*_notes(parts, wild=False), *(table.describe() if table else ())]),
    )


def first_of(notes: Sequence[str]) -> tuple[str, ...]:
    """The first of many notes, and how many more there are."""
    more = len(notes) - _MOST_NOTES
    return tuple(notes) if more < 1 else (*notes[:_MOST_NOTES], f"and {more:,} more like these")


def _notes(parts: Parts, *, wild: bool) -> list[str]:
    """How the data were read: what is said of wild values, which errors rest on, or all else."""
    return [note for note in parts.training.notes if isinstance(note, WildNote) == wild]


def form_of(data: Dataset) -> Form:
    """What the items are."""
    if data.table is not None:
        return "table"
    if is_picture_shape(data.item_shape):
        return "image"
    return "curve" if len(data.item_shape) == 1 else "values"


def split(parts: Parts, *, given: bool) -> Split:
    """What was learnt from, and what everything was measured on."""
    learnt, measured = len(parts.training), len(parts.test)
    validated = 0 if parts.validation is None else len(parts.validation)
    held_out, things = parts.held_out, parts.things
    all_ = count_of(measured, things)
    name = f"{parts.name}, {share(MEASURED)} of it held out" if held_out else parts.test.name
    if given:
        unknown = f"which {things} the models were trained on is not known"
        text = (
            f"Everything is measured on {all_} of {name} by seed {parts.seed}. PCA "
            f"learnt from {count_of(learnt, 'others')}; {unknown}: some of them may be among "
            "the measured ones, which then look better than new ones would."
            if held_out
            else f"Everything is measured on the {all_} of {name}. PCA learnt from "
            f"the {learnt:,} of {parts.name}; {unknown}."
        )
    else:
        text = f"Models and PCA learnt from {learnt:,} {things}"
        if validated:
            text += f"; {count_of(validated, 'others')} decided when to stop"
        text += f". Everything is measured on {all_} of {name}"
        text += f" by seed {parts.seed}, which" if held_out else ", which"
        text += " had no part in any of it and decided nothing."
    if parts.wild is not None:
        rows = count_of(len(parts.wild), "more rows")
        text += (
            f" Errors leave out {rows}, with numbers far outside those of the training rows: one "
            "such row would outweigh all others."
        )
    return Split(
        learnt=learnt,
        validated=validated,
        measured=measured,
        measured_name=name,
        seed=parts.seed,
        sentence=text,
    )


def figure_facts(parts: Parts, unit: str) -> str:
    """What stands below every figure: of which data, in which unit, by which seed and version."""
    which = f"{count_of(len(parts.test), parts.things)}{' held out' if parts.held_out else ''}"
    return f"{parts.test.name}, {which}; errors in {unit}; seed {parts.seed}; narrows {__version__}"


def stored_facts(parts: Parts, facts: str, stored: Stored) -> tuple[str, str]:
    """What stands below the figure of bytes, and below the archives. Of a table these are its first
    rows, held out or not, and only the errors of models are those of rows held out."""
    if parts.rows is None:
        archived = f"{facts}; {stored.count:,} {parts.things} archived"
        return "; ".join([facts, *stored.notes]), archived
    rows, *more = stored.notes
    which = f"{parts.name}: {rows}"
    made = f"narrows {__version__}"
    return "; ".join([which, *more, f"errors of models: {facts}"]), f"{which}; {made}"


def scores(candidates: Sequence[Candidate], best: int) -> Iterator[MethodScore]:
    """The models, and the simplest codes as they were measured beside the best of them."""
    for each in candidates:
        yield _score(each.evaluation.model, each.name, each.kind)
    of_best = candidates[best]
    names = {
        "cosine transform": "cosine coefficients of the lowest frequencies",
        "PCA": of_best.pca_name,
        "mean item": "mean item" if of_best.test.table is None else "mean row",
    }
    for score in of_best.evaluation.baselines:
        yield _score(score, names.get(score.method, score.method), _KINDS[score.method])


def _score(score: Score, name: str, kind: Kind) -> MethodScore:
    return MethodScore(
        name=name,
        kind=kind,
        numbers=score.numbers,
        error=score.mse,
        psnr=score.psnr,
        relative=score.relative,
    )


def cautions(
    parts: Parts,
    candidates: Sequence[Candidate],
    most_epochs: int | None,
    *,
    told: bool = True,
) -> Iterator[str]:
    """What may spoil the results.

    Args:
        told: whether classes are told from codes.
    """
    yield from _notes(parts, wild=True)
    if told:
        yield from _new_classes(parts)
    trained = [each for each in candidates if each.kind != "given"]
    taken = {each.name: each.autoencoder.trained.training.epochs for each in trained}
    cut = [name for name, epochs in taken.items() if epochs == most_epochs]
    if most_epochs is not None and cut:
        yield (
            f"no training took more than {most_epochs:,} epochs, as asked by {spelt('epochs')}: "
            f"{' and '.join(cut)} might have gained by more"
        )
    for each in candidates:
        yield from (f"{each.name}: {line}" for line in each.cautions)
        if each.kind == "article" and parts.training.extent[0] < 0:
            yield (
                f"{each.name}: it ends in a ReLU, which gives no number below 0, and these data "
                "have such numbers"
            )
    if len({_scales(each) for each in candidates}) > 1:
        yield (
            "the models standardise columns by different rows, so that their errors are in "
            "slightly different units; those of single columns are in the columns' own"
        )


def _new_classes(parts: Parts) -> Iterator[str]:
    """Classes of measured items that no item has which classifiers learn from."""
    learnt, measured = parts.training.labels, parts.test.labels
    if learnt is None or measured is None:
        return
    new = measured[~np.isin(measured, np.append(learnt, NO_CLASS))]
    if len(new):
        names = listed([parts.classes[label] for label in np.unique(new)], 10, repr)
        things = parts.things
        yield (
            f"no {things} of {names} were learnt from: where classes are told, "
            f"{count_of(len(new), f'measured {things}')} can only be wrong"
        )


def _scales(candidate: Candidate) -> tuple[tuple[float, ...], ...]:
    """By what the columns of a table are divided; () of other data."""
    table = candidate.test.table
    return () if table is None else tuple(column.scale for column in table.learnt)


def provenance() -> str:
    """What computed here, in one line."""
    known = ", ".join(f"{name} {version}" for name, version in installed_packages().items())
    return (
        f"narrows {__version__}, Python {platform.python_version()}, {known}; "
        f"{platform.system()} {platform.machine()}, {usable_cores()} cores"
    )
