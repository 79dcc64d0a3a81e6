"""The three sentences at the top of a comparison; the first says whether an autoencoder is worth
it for these data."""

from narrows.report.comparison.result import BytesPoint, Comparison, ModelFacts
from narrows.report.comparison.wording import bytes_text, joined, share, times
from narrows.support.number_text import readable

# From this share of PCA's error on, nobody would train a net for the difference; from the second
# on, it would have to be important.
_NO_GAIN, _LITTLE = 0.98, 0.9


def in_short(comparison: Comparison) -> tuple[str, str, str]:
    """Whether an autoencoder is worth it; how the models compare and what they cost; and what the
    data take in bytes."""
    return _worth(comparison), _models(comparison), _bytes(comparison)


def _worth(comparison: Comparison) -> str:
    best, unit = comparison.models[comparison.best], _unit(comparison)
    mean = next((each for each in comparison.scores if each.kind == "mean"), None)
    if mean is not None and mean.error == 0:
        return (
            "An autoencoder is not worth it for these data: all measured items are the mean item, "
            "so no numbers at all need to be kept."
        )
    with_numbers = f"with {_numbers(best.latent)}"
    if (lossless := _smaller_lossless(comparison, best)) is not None:
        return (
            f"To store these data an autoencoder is not worth it: {lossless.name} keeps every "
            f"value in {bytes_text(lossless.item_bytes)} an item, and the code of {best.name} "
            f"takes {bytes_text(4 * best.latent)} and loses some; as numbers to work with, "
            f"{_beside_pca(best, unit)}."
        )
    if mean is not None and best.error >= mean.error:
        return (
            f"An autoencoder is not worth it for these data: {best.name} {with_numbers} leaves "
            f"{readable(best.error)}{unit}, no less than the mean item without any numbers "
            f"({readable(mean.error)})."
        )
    if best.preset == "PCA":
        return (
            f"An autoencoder is not worth it for these data: nothing that was trained beat PCA, "
            f"which took its place and leaves {readable(best.error)}{unit} {with_numbers}."
        )
    if best.error >= _NO_GAIN * best.pca_error:
        verdict = "no better" if best.error < best.pca_error else "wins"
        reached = f"{readable(best.pca_error)}{unit} {with_numbers}"
        if verdict == "wins" and best.error > best.pca_error:
            return (
                f"An autoencoder is not worth it for these data: PCA wins, with {reached} against "
                f"the {readable(best.error)} of {best.name}."
            )
        return (
            f"An autoencoder is not worth it for these data: PCA leaves {reached}, and "
            f"{best.name} {readable(best.error)}, hardly less."
        )
    left = share(best.error / best.pca_error)
    comparison_text = (
        f"{with_numbers} {best.name} leaves {readable(best.error)}{unit}, {left} of what PCA "
        f"leaves ({readable(best.pca_error)})"
    )
    if best.error > _LITTLE * best.pca_error:
        return f"An autoencoder gains little on these data: {comparison_text}."
    return f"An autoencoder is worth it for these data: {comparison_text}."


def _beside_pca(best: ModelFacts, unit: str) -> str:
    """What a model leaves, beside PCA."""
    if best.error >= best.pca_error:
        return (
            f"PCA's {best.latent} are as good or better ({readable(best.pca_error)}{unit} are "
            f"lost, and {readable(best.error)} by {best.name})"
        )
    return (
        f"its {best.latent} lose {readable(best.error)}{unit}, "
        f"{share(best.error / best.pca_error)} of what as many of PCA lose "
        f"({readable(best.pca_error)})"
    )


def _smaller_lossless(comparison: Comparison, best: ModelFacts) -> BytesPoint | None:
    """The smallest way to keep everything, if it takes no more bytes than a code, which keeps
    some; None otherwise."""
    if comparison.spent is None:
        return None
    exact = [each for each in comparison.spent.points if not each.error and each.charged]
    exact = [each for each in exact if each.kind in ("jpeg", "codec", "archive")]
    if not exact:
        return None
    least = min(exact, key=lambda each: each.item_bytes)
    return least if least.item_bytes <= 4 * best.latent and best.error > 0 else None


def _models(comparison: Comparison) -> str:
    models, unit = comparison.models, _unit(comparison)
    article = next((each for each in models if each.kind == "article"), None)
    ours = next((each for each in models if each.kind == "ours"), None)
    if article is not None and ours is not None:
        return _article_and_ours(article, ours, unit)
    costs = [f"{each.name} leaves {readable(each.error)}{unit} {_size(each)}" for each in models]
    text = joined(costs)
    return f"{text[:1].upper()}{text[1:]}."


def _article_and_ours(article: ModelFacts, ours: ModelFacts, unit: str) -> str:
    numbers = f"the same {_numbers(ours.latent)}"
    if article.latent != ours.latent:
        numbers = f"{_numbers(article.latent)} and {_numbers(ours.latent)}"
    if article.error == ours.error:
        compared = f"{article.name} and {ours.name} both leave {readable(ours.error)}{unit}"
    else:
        first, second = sorted((article, ours), key=lambda each: each.error)
        factor = f", {times(second.error / first.error)} as much" if first.error else ""
        compared = (
            f"{first.name} leaves {readable(first.error)}{unit} and {second.name} "
            f"{readable(second.error)}{factor}"
        )
    costs = " and ".join(
        f"{_seconds(each)} for {each.parameters:,} weights" for each in (article, ours)
    )
    text = f"from {numbers} {compared}; training them took {costs}"
    return f"{text[:1].upper()}{text[1:]}."


def _size(model: ModelFacts) -> str:
    return f"from {_numbers(model.latent)} ({model.parameters:,} weights)"


def _seconds(model: ModelFacts) -> str:
    seconds = model.seconds or 0
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


def _bytes(comparison: Comparison) -> str:
    best, spent = comparison.models[comparison.best], comparison.spent
    if spent is None:
        return (
            f"An item takes {bytes_text(comparison.data.item_bytes)} and its code "
            f"{bytes_text(4 * best.latent)}; the model's file takes {best.file_bytes:,} bytes "
            "more, once."
        )
    points = [each for each in spent.points if each.charged]
    exact = [each for each in points if not each.error]
    texts = []
    if exact:
        least = min(exact, key=lambda each: each.item_bytes)
        texts.append(
            f"without loss {least.name} takes least, {bytes_text(least.item_bytes)} an item of "
            f"{bytes_text(spent.raw_bytes)}"
        )
    rivals = [
        each
        for each in points
        if each.kind in ("jpeg", "codec", "archive") and 0 < each.error <= best.error
    ]
    code = bytes_text(4 * best.latent)
    if rivals:
        least = min(rivals, key=lambda each: each.item_bytes)
        setting = f" ({least.setting})" if least.setting else ""
        texts.append(
            f"with no more error than {best.name}'s {code} of code, {least.name}{setting} takes "
            f"{bytes_text(least.item_bytes)}"
        )
    else:
        texts.append(
            f"the code of {best.name} takes {code}, and nothing else that was measured keeps as "
            "much in any smaller way"
            if not exact
            else f"the code of {best.name} takes {code}"
        )
    text = "; ".join(texts)
    return f"{text[:1].upper()}{text[1:]}."


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def _unit(comparison: Comparison) -> str:
    return f" {comparison.data.unit}" if comparison.data.unit else ""
