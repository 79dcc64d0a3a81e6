"""What codes are good for, where labels are at hand: telling classes."""

from collections.abc import Sequence
from dataclasses import replace

from narrows.report.comparison.result import CodeUse, CodeUseRow
from narrows.report.comparison.usefulness import (
    Encoder,
    Labels,
    find_labels,
    measure_usefulness,
)
from narrows.report.evaluation import fitted_pca
from narrows.support.progress import Tracker
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.parts import Parts


def code_use(
    parts: Parts,
    candidates: Sequence[Candidate],
    best: int,
    column: str | None,
    *,
    most: int | None,
    track: Tracker,
) -> CodeUse | None:
    """How well classes are told from the codes of each model, of PCA with as many numbers as the
    best model has, and from the items themselves; None without labels.

    Args:
        column: of a table, the column that says the classes; models that were given may have
            learnt from it, and get its mean instead.
        most: items that classifiers are fitted to, drawn by the seed; None for as many as are
            done in half a minute or so.

    Raises:
        DataError: the labels are no classes to be told apart.
    """
    # models of tables that were given standardise columns in their own way
    apart = parts.test.table is not None and any(each.kind == "given" for each in candidates)
    labels = None
    if column is not None or len(parts.classes) > 1:  # a folder that all images lie in is no class
        labels = find_labels(parts.training, parts.test, parts.things)
    if labels is None:
        return None
    names = {each.name for each in candidates}
    groups = [[each] for each in candidates] if apart else [list(candidates)]
    rows, found = list[CodeUseRow](), None
    for group in groups:
        told = _hidden(labels, group[0], column)
        measured = _measured(group, candidates[best], told, parts, most=most, track=track)
        own = {each.name for each in group}
        rows += [each for each in measured.rows if each.name in own]
        if candidates[best] in group:
            found = measured
    assert found is not None
    for row in found.rows:
        if row.kind == "raw":
            rows.append(replace(row, name=f"the {parts.things} themselves"))
        elif row.name not in names:
            rows.append(row)
    return replace(found, rows=tuple(rows))


def _measured(
    group: Sequence[Candidate],
    best: Candidate,
    labels: Labels,
    parts: Parts,
    *,
    most: int | None,
    track: Tracker,
) -> CodeUse:
    encoders = {
        each.name: Encoder(each.kind, each.autoencoder.encode, each.coded) for each in group
    }
    if best in group:
        encoders[best.pca_name] = Encoder("pca", fitted_pca(best.autoencoder.trained).encode)
    training = parts.training if group[0].training is None else group[0].training
    return measure_usefulness(
        training.items,
        group[0].test.items,
        labels,
        encoders,
        most=most,
        seed=parts.seed,
        track=track,
    )


def _hidden(labels: Labels, candidate: Candidate, column: str | None) -> Labels:
    """The labels, and the features of a model's that say them."""
    table = candidate.test.table
    if table is None or column is None or column not in table.by_name:
        return labels
    found = table[column]
    return replace(labels, hidden=found.features if found.width else None)
