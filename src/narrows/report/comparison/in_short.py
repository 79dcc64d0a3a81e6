"""The three sentences at the top of a comparison; the first says whether an autoencoder is worth
it for these data."""

from narrows.data.tables.wild import WildNote
from narrows.report.comparison.result import BytesPoint, Comparison, ModelFacts
from narrows.report.comparison.wording import (
    NO_GAIN,
    Words,
    bytes_text,
    capital,
    is_less,
    joined,
    times,
)
from narrows.support.number_text import count_of, share, three_digits

# From this share of PCA's error on, a net would have to be important.
_LITTLE = 0.9
_NOT = "An autoencoder is not worth it for these data:"
_RIVALS = ("jpeg", "codec", "archive")


def in_short(comparison: Comparison) -> tuple[str, str, str]:
    """Whether an autoencoder is worth it; how the models compare and what they cost; and what the
    data take in bytes."""
    worth = _worth(comparison).removesuffix(".") + _wild(comparison)
    return f"{worth}.", _models(comparison), _bytes(comparison)


def _worth(comparison: Comparison) -> str:
    best, words = comparison.models[comparison.best], comparison.data.words
    mean = next((each for each in comparison.scores if each.kind == "mean"), None)
    if mean is not None and mean.error == 0:
        return (
            f"{_NOT} all measured {words.things} are the mean {words.thing}, so no numbers at all "
            "need to be kept."
        )
    lossless = _smaller_lossless(comparison, best)
    if lossless is not None:
        return (
            f"To store these data an autoencoder is not worth it: {lossless.name} keeps every "
            f"value in {bytes_text(lossless.item_bytes)} {words.a_thing}, and the code of "
            f"{best.name} takes {bytes_text(4 * best.latent)} and loses some; as numbers to work "
            f"with, {_beside_pca(best, words.unit)}."
        )
    if mean is not None and best.error >= mean.error:
        return (
            f"{_NOT} {best.name} leaves {_error(best.error)}{words.unit} "
            f"{_with_numbers(best)}, no less than the mean {words.thing} without any numbers "
            f"({three_digits(mean.error)})."
        )
    if best.is_pca:
        which = "nothing that was trained beat PCA, which took its place"
        if best.kind == "given":
            which = f"the best of the models, {best.name}, is PCA itself"
        left = f"{_error(best.error)}{words.unit} {_with_numbers(best)}"
        return f"{_NOT} {which} and leaves {left}."
    return _against_pca(best, words, _is_cheaper(comparison, best))


def _wild(comparison: Comparison) -> str:
    """What errors are with the rows of wild numbers that they leave out, or that they rest on the
    few wild values which a warning names; nothing where there are none."""
    best = comparison.models[comparison.best]
    if best.with_wild is not None:
        model, pca = map(three_digits, best.with_wild)
        return f"; with the rows that errors leave out, {model}, and PCA's {pca}"
    said = [each for each in comparison.cautions if isinstance(each, WildNote)]
    of = "".join(each.partition(":")[0] for each in said[:1])
    return f"; {of}, whose errors say little of usual rows" if of else ""


def _is_cheaper(comparison: Comparison, best: ModelFacts) -> bool:
    """Whether something that learns nothing takes fewer bytes than a code, with no more error."""
    return any(
        each.error <= best.error and each.item_bytes <= 4 * best.latent
        for each in _rivals(comparison)
    )


def _against_pca(best: ModelFacts, words: Words, is_cheaper: bool) -> str:
    """Whether the best model beats PCA, by how much."""
    pca = f"{_error(best.pca_error)}{words.unit} {_with_numbers(best)}"
    if best.error > best.pca_error:
        return (
            f"{_NOT} {best.pca_name} wins, with {pca} against the {three_digits(best.error)} of "
            f"{best.name}."
        )
    if not is_less(best.error, best.pca_error, NO_GAIN):
        less = "as much" if best.error == best.pca_error else "hardly less"
        return (
            f"{_NOT} {best.pca_name} leaves {pca}, and {best.name} {three_digits(best.error)}, "
            f"{less}."
        )
    compared = (
        f"{_with_numbers(best)} {best.name} leaves {_error(best.error)}{words.unit}, "
        f"{share(best.error / best.pca_error)} of what {best.pca_name} leaves "
        f"({three_digits(best.pca_error)})"
    )
    if best.error > _LITTLE * best.pca_error:
        return f"An autoencoder gains little on these data: {compared}."
    if is_cheaper:
        return (
            "An autoencoder is worth it for these data as numbers to work with, not as bytes to "
            f"store: {compared}."
        )
    return f"An autoencoder is worth it for these data: {compared}."


def _beside_pca(best: ModelFacts, unit: str) -> str:
    """What a model leaves, beside PCA."""
    own, pca = f"{_error(best.error)}{unit}", three_digits(best.pca_error)
    if best.is_pca and best.kind != "given":
        return f"nothing that was trained beat PCA, which took its place and leaves {own}"
    if best.error >= best.pca_error:
        return f"those of {best.pca_name} are as good or better ({pca}, beside {own})"
    less = share(best.error / best.pca_error)
    return f"its {best.latent} leave {own}, {less} of what {best.pca_name} leaves ({pca})"


def _error(value: float) -> str:
    """An error by its full name, where a page tells of it first."""
    return f"a mean squared error of {three_digits(value)}"


def _smaller_lossless(comparison: Comparison, best: ModelFacts) -> BytesPoint | None:
    """The smallest way to keep everything, if it takes no more bytes than a code, which keeps
    some; None otherwise."""
    exact = [each for each in _rivals(comparison) if not each.error]
    if not exact:
        return None
    least = min(exact, key=lambda each: each.item_bytes)
    return least if least.item_bytes <= 4 * best.latent and best.error > 0 else None


def _rivals(comparison: Comparison) -> list[BytesPoint]:
    """What keeps items without a model of ours, with all that it takes to have them back."""
    points = () if comparison.spent is None else comparison.spent.points
    return [each for each in points if each.charged and each.kind in _RIVALS]


def _models(comparison: Comparison) -> str:
    models, unit = comparison.models, comparison.data.words.unit
    article = next((each for each in models if each.kind == "article"), None)
    ours = next((each for each in models if each.kind == "ours"), None)
    if article is not None and ours is not None:
        return _article_and_ours(article, ours, unit)
    costs = [
        f"{each.name} leaves {three_digits(each.error)}{unit} {_size(each)}" for each in models
    ]
    text = joined(costs)
    return f"{capital(text)}."


def _article_and_ours(article: ModelFacts, ours: ModelFacts, unit: str) -> str:
    first, second = sorted((article, ours), key=lambda each: each.error)
    numbers = f"the same {count_of(ours.latent, 'numbers')}"
    if article.latent != ours.latent:
        numbers = f"{count_of(first.latent, 'numbers')} and {count_of(second.latent, 'numbers')}"
    if first.error == second.error:
        compared = f"{first.name} and {second.name} both leave {three_digits(ours.error)}{unit}"
    else:
        factor = f", {times(second.error / first.error)} as much" if first.error else ""
        compared = (
            f"{first.name} leaves {three_digits(first.error)}{unit} and {second.name} "
            f"{three_digits(second.error)}{factor}"
        )
    costs = " and ".join(map(_cost, (first, second)))
    text = f"from {numbers} {compared}; training them, in that order, took {costs}"
    return f"{capital(text)}."


def _size(model: ModelFacts) -> str:
    linear = "PCA, " if model.is_pca else ""
    return f"from {count_of(model.latent, 'numbers')} ({linear}{model.parameters:,} weights)"


def _cost(model: ModelFacts) -> str:
    what = "a net that PCA replaced" if model.is_pca else f"{model.parameters:,} weights"
    return f"{three_digits(model.seconds or 0)} s for {what}"


def _bytes(comparison: Comparison) -> str:
    best, spent = comparison.models[comparison.best], comparison.spent
    words, code = comparison.data.words, bytes_text(4 * best.latent)
    size, written = size_before(comparison)
    if spent is None:
        return (
            f"{capital(words.a_thing)}{written} takes {bytes_text(size)} and its code {code}; the "
            f"model's file takes {best.file_bytes:,} bytes more, once."
        )
    rivals = _rivals(comparison)
    exact = [each for each in rivals if not each.error]
    near = [each for each in rivals if 0 < each.error <= best.error]
    texts = []
    if exact:
        least = min(exact, key=lambda each: each.item_bytes)
        texts.append(
            f"without loss {least.name} takes least, {bytes_text(least.item_bytes)} "
            f"{words.a_thing} of {bytes_text(size)}{written}{_classical_too(comparison, least)}"
        )
    own = f"the code of {best.name} takes {code}"
    if near:
        least = min(near, key=lambda each: each.item_bytes)
        setting = f" ({least.setting})" if least.setting else ""
        texts.append(
            f"{own}, {_beside(4 * best.latent, least.item_bytes)} {bytes_text(least.item_bytes)} "
            f"of {least.name}{setting} with no more error"
        )
    else:
        texts.append(f"{own}, and nothing else that loses some came to as small an error")
    return f"{capital('; '.join(texts))}."


def _classical_too(comparison: Comparison, least: BytesPoint) -> str:
    """The classical method that our archive chose as the smallest, with the words around it."""
    rows = comparison.archives.rows if comparison.archives and least.kind == "archive" else ()
    for row in rows:
        if not row.error and row.classical_bytes and row.classical_bytes <= row.total:
            return f", by {row.classical_name}, a classical method that it chose"
    return ""


def size_before(comparison: Comparison) -> tuple[float, str]:
    """The bytes of an item before anything is done to it, and as what it is counted, in words with
    the space before them: of a row that never was text, what it is encoded as."""
    data = comparison.data
    if comparison.spent is not None:
        return comparison.spent.raw_bytes, comparison.data.words.written
    encoded = f" encoded as {data.item_shape[0]:,} values" if data.form == "table" else ""
    return data.item_bytes, encoded


def _beside(own: float, other: float) -> str:
    """How bytes compare with others, which a sentence names next."""
    if own == other:
        return "as much as the"
    return "less than the" if own < other else "more than the"


def _with_numbers(model: ModelFacts) -> str:
    return f"with {count_of(model.latent, 'numbers')}"
