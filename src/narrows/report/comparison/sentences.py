"""What a comparison says in words: computed from its numbers, and from nothing else.

:func:`with_sentences` fills in what the tasks leave empty: ``in_short``, and the sentence of each
part. A method that wins is named, whichever it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

from narrows.report.columns import wild_sentences
from narrows.report.comparison.classes import same_neighbour
from narrows.report.comparison.in_short import in_short
from narrows.report.comparison.result import (
    Archives,
    BytesPoint,
    BytesSpent,
    CodeUse,
    Comparison,
    DenoisingPart,
    Features,
    Form,
    Gallery,
    JpegWalk,
    LatentSpace,
    LossCurve,
    Losses,
    MethodScore,
    NumbersKept,
    NumbersSeries,
    Part,
    TableColumns,
)
from narrows.report.comparison.wording import (
    NO_GAIN,
    Words,
    beside,
    bytes_text,
    capital,
    is_less,
    joined,
    pixels_error,
    times,
)
from narrows.report.denoising import TITLES
from narrows.report.diagnostics import BEFORE_REFINEMENT, OVERFIT_RATIO
from narrows.report.redundancy import FEWEST_ROWS, FOLLOWING, MOST_COLUMNS
from narrows.support.number_text import count_of, fixed, share, three_digits

# The kinds of what was trained, here or elsewhere.
_MODELS = ("ours", "article", "given")
# A loss that fell by more than this in its last tenth would have fallen on.
_STILL_FALLING = 0.02


def with_sentences(comparison: Comparison) -> Comparison:
    """The comparison with all that it has to say."""
    words, form = comparison.data.words, comparison.data.form
    more = least_sentence(comparison.scores, words)
    sentences: dict[type[Part], Callable[[Any], str]] = {
        NumbersKept: lambda part: numbers_sentence(part, words) + more,
        BytesSpent: lambda part: bytes_sentence(part, words),
        Archives: lambda part: archives_sentence(part, words),
        JpegWalk: lambda part: jpeg_sentence(part, words),
        Features: lambda part: features_sentence(part, words, form),
        Gallery: lambda part: gallery_sentence(part, words),
        CodeUse: lambda part: use_sentence(part, words),
        Losses: lambda part: losses_sentence(part, words),
        LatentSpace: lambda part: latent_sentence(part, words),
        TableColumns: table_sentence,
        DenoisingPart: denoising_sentence,
    }
    said = replace(comparison, in_short=in_short(comparison))
    return _with(said, lambda part: replace(part, sentence=sentences[type(part)](part)))


def with_facts(comparison: Comparison, facts: str) -> Comparison:
    """The comparison with the same facts below every figure that has none of its own."""
    return _with(comparison, lambda part: replace(part, facts=part.facts or facts))


def _with(comparison: Comparison, changed: Callable[[Part], Part]) -> Comparison:
    """The comparison with every part as ``changed`` makes it."""
    changes: dict[str, Any] = {}
    for each in fields(comparison):
        part = getattr(comparison, each.name)
        if isinstance(part, Part):
            changes[each.name] = changed(part)
        elif isinstance(part, tuple) and part and isinstance(part[0], Part):
            changes[each.name] = tuple(map(changed, part))
    return replace(comparison, **changes)


def numbers_sentence(numbers: NumbersKept, words: Words) -> str:
    """Which curve is lowest, where, and how many numbers PCA needs for as little."""
    curves = [each for each in numbers.series if each.kind in _MODELS]
    pca = next((each for each in numbers.series if each.kind == "pca"), None)
    if not curves or pca is None:
        return "Lower is better: the same error with fewer numbers."
    best = min(curves, key=lambda each: min(point.error for point in each.points))
    at = {point.numbers: point.error for point in pca.points}
    compared = [point for point in best.points if point.numbers in at]
    won = [point for point in compared if is_less(point.error, at[point.numbers], NO_GAIN)]
    if not compared:
        return "Lower is better: the same error with fewer numbers."
    if not won and not any(is_less(at[each.numbers], each.error, NO_GAIN) for each in compared):
        middle = compared[len(compared) // 2]
        return (
            f"{pca.name} leaves as little as {best.name}: {three_digits(middle.error)}"
            f"{words.unit} with {count_of(middle.numbers, 'numbers')}."
        )
    if not won:
        return (
            f"{pca.name} is lowest at every size that both were measured at: with "
            f"{count_of(compared[-1].numbers, 'numbers')} it leaves "
            f"{three_digits(at[compared[-1].numbers])}, and {best.name} "
            f"{three_digits(compared[-1].error)}{words.unit}."
        )
    middle = won[len(won) // 2]
    where = ""
    if len(won) < len(compared):
        where = f" with {joined([str(point.numbers) for point in won])} numbers"
    elif len(compared) > 1:
        where = " at every size"
    text = (
        f"{capital(best.name)} lies below {pca.name}{where}: with "
        f"{count_of(middle.numbers, 'numbers')} it leaves {three_digits(middle.error)}{words.unit}"
        f", {beside(middle.error, at[middle.numbers])} PCA's {three_digits(at[middle.numbers])}"
    )
    return f"{text}; {_as_little(pca, middle.error)}."


def least_sentence(scores: Sequence[MethodScore], words: Words) -> str:
    """What leaves least of all, where that is neither a model nor PCA; else empty."""
    least = min(scores, key=lambda each: each.error)
    if least.kind in (*_MODELS, "pca"):
        return ""
    return (
        f" Least of all is left by the {least.name}, with {count_of(least.numbers, 'numbers')}: "
        f"{three_digits(least.error)}{words.unit}."
    )


def _as_little(pca: NumbersSeries, error: float) -> str:
    """How many numbers PCA needs for an error."""
    enough = [point.numbers for point in pca.points if point.error <= error]
    if enough:
        return f"PCA needs {min(enough)} for as little"
    return f"PCA does not get there with {pca.points[-1].numbers}"


def bytes_sentence(spent: BytesSpent, words: Words) -> str:
    """What is cheapest at the error of the best codes, and what costs least without loss."""
    texts = []
    codes = [each for each in spent.points if each.kind in _MODELS]
    if codes:
        best = min(codes, key=lambda each: each.error)
        charged = next((each for each in codes if each.name == best.name and each.charged), best)
        alone = next((each for each in codes if each.name == best.name and not each.charged), best)
        others = [
            each
            for each in spent.points
            if each.kind in ("jpeg", "codec", "archive")
            and each.charged
            and each.error <= best.error
        ]
        text = (
            f"{capital(best.name)} take {bytes_text(alone.item_bytes)} {words.a_thing} at an error "
            f"of {three_digits(best.error)}{words.unit}, {bytes_text(charged.item_bytes)} with the "
            f"model's file shared among {spent.count:,} {words.things}"
        )
        if others:
            cheapest = min(others, key=lambda each: each.item_bytes)
            text += (
                f"; the cheapest of the others that loses no more, {_named(cheapest)}, takes "
                f"{bytes_text(cheapest.item_bytes)}"
            )
        texts.append(f"{text}.")
    exact = [each for each in spent.points if not each.error and each.charged]
    if exact:
        least = min(exact, key=lambda each: each.item_bytes)
        texts.append(
            f"Without any loss {_named(least)} takes least, {bytes_text(least.item_bytes)} of "
            f"{bytes_text(spent.raw_bytes)}{words.written}."
        )
    return " ".join(texts) or "Lower and further to the left is better: less error in fewer bytes."


def _named(point: BytesPoint) -> str:
    """A way to store items, in words."""
    where = {"item": "a file for each item", "sheet": "all on one sheet", "file": "all in one file"}
    setting = f", {point.setting}" if point.setting else ""
    return f"{point.name}{setting} ({where[point.layout]})"


def archives_sentence(archives: Archives, words: Words) -> str:
    """What the lossless archive takes beside the best classical one, and what a bound saves."""
    if not archives.rows:
        return ""
    lossless = next((row for row in archives.rows if not row.error), archives.rows[0])
    text = (
        f"Without loss all {archives.count:,} {words.things} take {lossless.total:,} of "
        f"{archives.raw_bytes:,} bytes{words.written}"
    )
    if lossless.classical_bytes:
        name = lossless.classical_name
        if lossless.total < lossless.classical_bytes:
            less = 1 - lossless.total / lossless.classical_bytes
            text += f", {share(less)} less than the best classical method, {name}"
        else:
            text += f"; narrows compress chose {name}, a classical method"
    rest = [row for row in archives.rows if row.error]
    if rest:
        smallest = min(rest, key=lambda row: row.total)
        fraction = smallest.total / lossless.total
        text += (
            f"; {smallest.name} takes {share(fraction)} of that"
            if fraction < 1
            else f"; {smallest.name} takes more than that"
        )
    return f"{text}."


def jpeg_sentence(jpeg: JpegWalk, words: Words) -> str:
    """How much rounding makes zero, and what it costs."""
    nonzero = int((jpeg.rounded != 0).sum())
    return (
        f"At quality {jpeg.quality}, {share(jpeg.zeros)} of the rounded coefficients of all blocks "
        f"are 0; {nonzero} of the 64 of the block shown are left. What comes back is off by "
        f"{pixels_error(jpeg.error, jpeg.factor, words.unit)}, and the file takes "
        f"{jpeg.file_bytes:,} bytes."
    )


def features_sentence(features: Features, words: Words, form: Form) -> str:
    """How unequal the numbers are."""
    numbers = features.numbers
    first = numbers[0]
    text = (
        f"Number {first.index + 1} of {features.model} changes the {words.thing} most, by "
        f"{three_digits(first.effect)}{words.value_unit} on average over its range"
    )
    if first.columns:
        text += f", above all {joined(first.columns)}"
    if len(numbers) > 1:
        last = numbers[-1]
        text += (
            f"; number {last.index + 1} does nothing"
            if last.effect <= first.effect * 1e-6
            else f", {times(first.effect / last.effect)} as much as the last one shown, number "
            f"{last.index + 1}"
        )
    return (
        f"{text}. JPEG's features are the same cosines for all pictures; these were learnt from "
        "the data."
        if form == "image"
        else f"{text}."
    )


def gallery_sentence(gallery: Gallery, words: Words) -> str:
    """How far the best are from the worst, and who wins how often."""

    def errors(rank: str) -> list[float]:
        return [
            version.error
            for item in gallery.items
            if item.rank == rank
            for version in item.versions
            if version.name == gallery.ranked_by
        ]

    least = f"{three_digits(min(errors('best')))}{words.unit}"
    text = f"{capital(gallery.ranked_by)} leaves {least} of its best {words.thing}"
    if errors("median"):
        text += f", about {three_digits(errors('median')[0])} of a usual one"
    if errors("worst"):
        text += f" and {three_digits(max(errors('worst')))} of its worst"
    names = list(dict.fromkeys(each.name for item in gallery.items for each in item.versions))
    rivals = [name for name in names if name != gallery.ranked_by]
    wins = {name: _wins(gallery, name) for name in rivals}
    if rivals:
        most = max(rivals, key=lambda name: wins[name])
        count = len(gallery.items)
        text += (
            f"; {most}{_room(gallery, most)} is nearer to the original in {wins[most]} of these "
            f"{count}"
            if wins[most]
            else f"; no other method is nearer to the original in any of these {count}"
            f"{', all columns taken together' if words.thing == 'row' else ''}"
        )
    return f"{text}."


def _room(gallery: Gallery, name: str) -> str:
    """What a method takes for these items, where the code takes another number of bytes."""

    def most(which: str) -> int:
        versions = (each for item in gallery.items for each in item.versions)
        return max(each.item_bytes for each in versions if each.name == which)

    own, other = most(gallery.ranked_by), most(name)
    if own == other:
        return ""
    return f", in up to {other:,} bytes where the code takes {own:,},"


def _wins(gallery: Gallery, name: str) -> int:
    """Of how many items a method leaves less than the one that ranks them."""
    found = 0
    for item in gallery.items:
        errors = {each.name: each.error for each in item.versions}
        found += is_less(errors[name], errors[gallery.ranked_by])
    return found


def use_sentence(use: CodeUse, words: Words) -> str:
    """Whether classes are told better from codes than from PCA's and from the items."""
    if use.classes < 2:
        return f"All {words.things} are of one class, so there is nothing to tell apart."
    codes = [row for row in use.rows if row.kind in _MODELS]
    others = [row for row in use.rows if row.kind in ("pca", "raw")]
    if not codes:
        return ""
    best = max(codes, key=lambda row: row.neighbours)
    text = (
        f"From {count_of(best.numbers, 'numbers')} of {best.name}, five nearest neighbours "
        f"classify {share(best.neighbours)} of {count_of(use.measured, words.things)} correctly "
        f"and logistic regression {share(best.logistic)}"
    )
    for row in others:
        what = f"the {words.things} themselves"
        if row.kind == "pca":
            alike = row.numbers == best.numbers
            what = "PCA of the same size" if alike else f"PCA's {count_of(row.numbers, 'numbers')}"
        text += f"; from {what} {share(row.neighbours)} and {share(row.logistic)}"
    if not any(row.kind == "raw" for row in use.rows):
        text += f"; the {words.things} themselves are too large for that"
    text += f"; always answering the most frequent class {share(use.most_frequent)}"
    if max(best.neighbours, best.logistic) <= use.most_frequent:
        text += ", so these codes say nothing of the class"
    return f"{text}."


def losses_sentence(losses: Losses, words: Words) -> str:
    """How each run ended: still falling, overfitted, or below PCA."""
    texts = [_loss_text(curve, words) for curve in losses.curves]
    if any(curve.refined for curve in losses.curves):
        texts.append("All other errors on this page are after that refinement.")
    return " ".join(texts)


def _loss_text(curve: LossCurve, words: Words) -> str:
    values = curve.held_out or curve.loss
    kept = values[min(curve.kept, len(values)) - 1]
    is_last = curve.kept >= len(values)
    name = f"the net of {curve.name}" if curve.replaced else curve.name
    if is_last:
        epochs = f"{len(values):,} epochs" if len(values) > 1 else "one epoch"
        text = f"{capital(name)} ends at {three_digits(kept)}{words.unit} after {epochs}"
    else:
        which = "" if curve.replaced else ", which is kept,"
        text = (
            f"{capital(name)} was best in epoch {curve.kept} of {len(values):,}{which} with "
            f"{three_digits(kept)}{words.unit}"
        )
    if curve.held_out:
        text += f" on {curve.held_out_name} {words.things}"
    if curve.refined:
        text += BEFORE_REFINEMENT
    if curve.pca is not None and curve.held_out:
        text += f", {beside(kept, curve.pca)} PCA's {three_digits(curve.pca)}"
    before = values[max(len(values) - 1 - max(len(values) // 10, 1), 0)]
    fell = (before - values[-1]) / before if before > 0 else 0.0
    if is_last and len(values) > 1 and fell > _STILL_FALLING:
        text += "; it was still falling, so more epochs would help"
    own = curve.loss[min(curve.kept, len(curve.loss)) - 1]
    if curve.held_out and own > 0 and kept > OVERFIT_RATIO * own:
        text += f"; it is {times(kept / own)} the training loss, so the model overfits"
    if curve.replaced:
        text += "; PCA took its place, and all else on this page is of that"
    return f"{text}."


def latent_sentence(space: LatentSpace, words: Words) -> str:
    """How much of the codes the plane shows, and whether classes lie apart in it."""
    text = f"The plane holds {share(space.explained)} of the variance of the codes"
    if space.dead:
        plural = "number is" if space.dead == 1 else "numbers are"
        text += f"; {space.dead} latent {plural} the same for every measured {words.thing}"
    if space.labels is not None and len(space.classes) > 1:
        apart = same_neighbour(space.positions, space.labels)
        if apart is not None:
            text += (
                f"; the nearest other point is of the same class for {share(apart)} of the points, "
                "and no class was shown to the model"
            )
    return f"{text}."


def table_sentence(table: TableColumns) -> str:
    """Which columns follow from others, and which come back best and worst."""
    texts = []
    if table.redundancy is None:
        texts.append(
            f"Which columns follow from others is told of {FEWEST_ROWS} rows or more, and of at "
            f"most {MOST_COLUMNS} columns that vary."
        )
    else:
        columns = [each for each in table.redundancy.columns if each.method]
        follows = [each for each in columns if each.score >= FOLLOWING]
        if columns:
            first = max(columns, key=lambda each: each.score)
            of = f" from {joined(first.follows)}" if first.follows else ""
            texts.append(
                f"{len(follows)} of {count_of(len(columns), 'columns')} can be predicted from the "
                f"others with a score of {FOLLOWING} or more, {first.name} best{of} "
                f"({fixed(first.score, 3)})."
            )
    for name, scores in table.errors:
        # of columns with wild values R² of the others, as those say little
        r2 = {
            each.name: (found[0], found[1] or 0)
            for each in scores
            if (found := each.usual_r2)[0] is not None
        }
        if r2:
            best = max(r2, key=lambda name: r2[name][0])
            worst = min(r2, key=lambda name: r2[name][0])
            lost = sum(is_less(1 - pca, 1 - model) for model, pca in r2.values())
            texts.append(
                f"{capital(name)} keeps {best} best (R² {fixed(r2[best][0], 3)}) and "
                f"{worst} worst ({fixed(r2[worst][0], 3)}); PCA keeps {lost} of "
                f"{len(r2)} columns better."
            )
        texts += wild_sentences(scores)
    return " ".join(texts)


def denoising_sentence(part: DenoisingPart) -> str:
    """What is left of the noise by the model, and by the best of the others."""
    noisy, model, *others = part.scores
    text = (
        f"Of an error of {three_digits(noisy.rmse)} of the range {part.model} leaves "
        f"{three_digits(model.rmse)}"
    )
    if others:
        best = min(others, key=lambda each: each.rmse)
        name = TITLES.get(best.method, best.method)
        text += f"; the best of the others, {name}, leaves {three_digits(best.rmse)}"
        if best.rmse < model.rmse:
            text += ", which is less"
    return f"{text}."
