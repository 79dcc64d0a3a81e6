"""``compare``: what an autoencoder makes of data, beside everything that one would use instead.

The command lines ``narrows compare`` and ``narrows demo`` show the same
:class:`narrows.report.comparison.result.Comparison`, whose parts are made in
:mod:`narrows.tasks.comparison`.
"""

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from narrows.data import Dataset
from narrows.engine import begin_trying
from narrows.errors import DataError, NarrowsError, UsageError
from narrows.model.file import load_model
from narrows.nn.summary import whole_parameter_count
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.planning.recipe import patience_for
from narrows.report.comparison.result import (
    Archives,
    BytesSpent,
    CodeUse,
    Comparison,
    NumbersKept,
    NumbersSeries,
    TableColumns,
)
from narrows.report.comparison.sentences import with_facts, with_sentences
from narrows.report.redundancy import redundancy
from narrows.support.progress import NOBODY, Listener, Tracker
from narrows.support.spelling import spelt
from narrows.tasks.comparison.archives import Stored, stored_arrays
from narrows.tasks.comparison.candidates import (
    ARTICLE,
    DEFAULT,
    Candidate,
    Trained,
    open_candidates,
    train_candidate,
)
from narrows.tasks.comparison.denoising import denoising
from narrows.tasks.comparison.facts import (
    cautions,
    data_facts,
    figure_facts,
    provenance,
    scores,
    split,
    stored_facts,
    title,
)
from narrows.tasks.comparison.gallery import gallery
from narrows.tasks.comparison.latent import features, latent_space
from narrows.tasks.comparison.losses import losses
from narrows.tasks.comparison.next_steps import commands
from narrows.tasks.comparison.numbers import numbers_kept, sizes_for
from narrows.tasks.comparison.parts import Parts, Reading, Source, has_name, load_parts
from narrows.tasks.comparison.tables import stored_tables
from narrows.tasks.comparison.use import code_use
from narrows.tasks.comparison.walk import jpeg_walk
from narrows.tasks.opening import reading_for
from narrows.tasks.options import ARTICLE_FILE, DEFAULT_FILE, CompareOptions

# Fifty epochs of MNIST are 47,000 steps of 161,804 parameters. After fewer steps than the first
# number the article's model has hardly looked at a small set, and gets more epochs there, unless
# its items are so large that these would be more work than MNIST is.
_FEWEST_STEPS, _MOST_WORK = 10_000, 47_000 * 161_804


def compare(
    source: Source,
    models: Mapping[str, Path] | None = None,
    options: CompareOptions | None = None,
    reading: Reading | None = None,
    *,
    listener: Listener = NOBODY,
) -> Comparison:
    """Compare models of data with what one would use instead.

    Everything is measured on items that nothing was learnt from and nothing chosen by: the test set
    of ``mnist`` with its own labels, ``reading.test`` where it is given, a fifth of the items
    otherwise.

    Args:
        source: data as :func:`narrows.load_data` takes them, or a Dataset.
        models: files of trained models by what people call these. Without any the article's model
            and the default one are trained.
        options: how much is done.
        reading: how the data are read.
        listener: who is told how far it is.

    Raises:
        DataError, ShapeError: the data are not what they must be.
        ModelFileError: a file is no model.
        UsageError: an option that cannot be meant.
    """
    begun = time.monotonic()
    options, reading = options or CompareOptions(), reading or Reading()
    listener = listener.once()
    if models:
        folder = None if options.folder is None else os.fspath(options.folder)
        for name, value in (("latent", options.latent), ("keep_models", folder)):
            if value is not None:
                raise UsageError(
                    f"{spelt(name, value)} is for models that are trained here, and some are given",
                    hint="leave it out: those that are given stay as they are",
                )
        reading = _read_alike(next(iter(models.values())), source, reading)
    begin_trying()
    parts = load_parts(source, reading, options.seed, validated=not models, track=listener.track)
    if models:
        candidates = open_candidates(models, source, parts, reading, listener=listener)
    else:
        candidates = _trained(parts, options, listener)
    sizes = sizes_for(parts, options.numbers)
    series = numbers_kept(parts, candidates, sizes, options.epochs, listener)
    stored, lost = _stored(source, parts, candidates, options, reading, listener=listener)
    found = _shown(parts, candidates, series, reading, options, track=listener.track)
    kept = tuple((models or {}).values()) or _kept(options)
    going_on = commands(
        parts, reading, kept[found.best] if kept else None, candidates[found.best].latent
    )
    found = replace(found, commands=tuple(going_on), cautions=(*found.cautions, *lost))
    if stored is not None:
        found = _with_stored(found, stored, parts)
    return with_sentences(replace(found, seconds=time.monotonic() - begun))


def _shown(
    parts: Parts,
    candidates: Sequence[Candidate],
    series: tuple[NumbersSeries, ...],
    reading: Reading,
    options: CompareOptions,
    *,
    track: Tracker,
) -> Comparison:
    """All that is shown but what the items take, without sentences."""
    errors = [each.evaluation.model.mse for each in candidates]
    best = errors.index(min(errors))
    data = data_facts(parts, candidates[best])
    facts = figure_facts(parts, data.unit)
    given = any(each.kind == "given" for each in candidates)
    use, untold = _use(parts, candidates, best, reading, options, track=track)
    found = Comparison(
        title=title(parts, candidates[best]),
        in_short=("", "", ""),
        data=data,
        split=split(parts, given=given),
        models=tuple(each.facts() for each in candidates),
        best=best,
        scores=tuple(sorted(scores(candidates, best), key=lambda each: each.error)),
        numbers=NumbersKept(series=series, facts=facts),
        spent=None,
        archives=None,
        jpeg=jpeg_walk(parts, facts),
        features=features(candidates[best]),
        gallery=gallery(parts, candidates, best, track=track),
        use=use,
        losses=losses(parts, candidates),
        latent=tuple(latent_space(parts, each) for each in candidates),
        table=_table(parts, candidates, track),
        denoising=tuple(filter(None, (denoising(parts, each) for each in candidates))),
        cautions=(*cautions(parts, candidates, options.epochs, told=use is not None), *untold),
        commands=(),
        provenance=provenance(),
        seconds=0.0,
    )
    return with_facts(found, facts)


def _use(
    parts: Parts,
    candidates: Sequence[Candidate],
    best: int,
    reading: Reading,
    options: CompareOptions,
    *,
    track: Tracker,
) -> tuple[CodeUse | None, tuple[str, ...]]:
    """What codes are good for, and nothing said; None without labels, and where these are no
    classes to be told apart, and why."""
    try:
        most = options.most_told
        return code_use(parts, candidates, best, reading.labels, most=most, track=track), ()
    except DataError as error:
        return None, (f"what the codes are good for is not measured: {error.message}",)


def _read_alike(model: Path, source: Source, reading: Reading) -> Reading:
    """How data are read for a model: images of a folder as those that it was trained on."""
    if not has_name(source):
        return reading
    alike = reading_for(load_model(model), os.fspath(source), reading.options)
    return replace(reading, options=alike)


def _kept(options: CompareOptions) -> tuple[Path, ...]:
    """Where the models that are trained stay; () for nowhere."""
    folder = options.folder
    return () if folder is None else (folder / ARTICLE_FILE, folder / DEFAULT_FILE)


def _trained(parts: Parts, options: CompareOptions, listener: Listener) -> list[Candidate]:
    """The article's model and the default one, with as many numbers."""
    default: dict[str, Any] = {"preset": "auto", "latent": options.latent}
    plan = make_plan(parts.training, FitOptions.of(default, options.seed))
    epochs = _bounded(plan.settings.epochs, options.epochs)
    if epochs < plan.settings.epochs:
        default["epochs"] = epochs
    wanted = Trained(name=DEFAULT, kind="ours", given=default, run=options.pictures)
    both = [_article(parts, wanted, plan.spec.latent_size, options), wanted]
    if files := _kept(options):
        both = [replace(each, file=file) for each, file in zip(both, files, strict=True)]
    first = train_candidate(parts, both[0], listener)
    more = [size for size in sizes_for(parts, options.numbers) if size != first.latent]
    return [first, train_candidate(parts, both[1], listener, (first.seconds or 0) if more else 0)]


def _article(parts: Parts, default: Trained, latent: int, options: CompareOptions) -> Trained:
    """The article's model with ``latent`` numbers, for more epochs where its 50 are few steps, and
    then for no more of them than gain something on what is held out for that."""
    given = {**default.given, "preset": "simple", "latent": latent, "epochs": None}
    plan = make_plan(parts.training, FitOptions.of(given, options.seed))
    steps = math.ceil(len(parts.training) / plan.settings.batch_size)
    usual, why = plan.settings.epochs, tuple[str, ...]()
    enough = enough_steps(whole_parameter_count(plan.spec))
    epochs = _bounded(max(usual, math.ceil(enough / steps)), options.epochs)
    if epochs > usual:
        most = "" if parts.validation is None else "at most "
        why = (
            f"{most}{epochs:,} epochs instead of {usual}, which are {steps * usual:,} steps here "
            f"and 47,000 on MNIST",
        )
    given["epochs"] = epochs
    if parts.validation is not None:
        given["patience"] = patience_for(epochs)
        why += ("the best epoch on the validation set",)
    return replace(default, name=ARTICLE, kind="article", given=given, why=why)


def enough_steps(parameters: int) -> int:
    """Steps of the article's model with so many parameters that are enough for a small set."""
    return min(_FEWEST_STEPS, _MOST_WORK // parameters)


def _bounded(epochs: int, most: int | None) -> int:
    return epochs if most is None else min(epochs, most)


def _stored(
    source: Source,
    parts: Parts,
    candidates: Sequence[Candidate],
    options: CompareOptions,
    reading: Reading,
    *,
    listener: Listener,
) -> tuple[Stored | None, tuple[str, ...]]:
    """What the measured items take, or the rows of a table as it came, and nothing said; None where
    it cannot be measured, and why: what was trained is shown all the same."""
    csv = reading.options.csv
    try:
        if parts.test.table is None:
            return stored_arrays(parts, candidates, options, listener), ()
        if isinstance(source, Dataset):
            return None, (f"what rows take is not measured: {parts.name} was given as features",)
        return stored_tables(source, candidates, options.bounds, csv=csv, listener=listener), ()
    except NarrowsError as error:
        return None, (f"what {parts.things} take is not measured: {error.message}",)


def _with_stored(found: Comparison, stored: Stored, parts: Parts) -> Comparison:
    """The comparison with what its items take."""
    of_points, of_archives = stored_facts(parts, found.numbers.facts, stored)
    spent = BytesSpent(
        points=stored.points,
        count=stored.count,
        raw_bytes=stored.raw_bytes / max(stored.count, 1),
        facts=of_points,
    )
    archives = Archives(
        rows=stored.rows,
        count=stored.count,
        raw_bytes=stored.raw_bytes,
        facts=of_archives,
    )
    return replace(found, spent=spent, archives=archives if stored.rows else None)


def _table(parts: Parts, candidates: Sequence[Candidate], track: Tracker) -> TableColumns | None:
    if parts.rows is None:
        return None
    return TableColumns(
        errors=tuple((each.name, each.evaluation.columns) for each in candidates),
        redundancy=redundancy(parts.rows, track=track),
    )
