"""Error over numbers kept: PCA, the largest cosine coefficients, and models of several sizes."""

from collections.abc import Iterator, Mapping, Sequence

from narrows.baselines.numbers_kept import largest_dct_errors, pca_errors
from narrows.data import Dataset
from narrows.learnt.pca import fit_pca
from narrows.model.use import TrainedAutoencoder
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.report.comparison.result import NumbersPoint, NumbersSeries
from narrows.report.measures import ErrorMeter, psnr
from narrows.support.chunks import chunks
from narrows.support.number_text import count_of
from narrows.support.progress import Listener, Tracker
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.parts import Parts
from narrows.tasks.fit_plan import fit_plan

#: Sizes that models are trained in where nobody says which, as far as items have more values.
NUMBERS = (2, 5, 10, 20, 30, 50)
# Between them, what costs next to nothing is measured too.
_FINER = (1, 2, 3, 4, 5, 7, 10, 15, 20, 25, 30, 40, 50)


def numbers_kept(
    parts: Parts,
    candidates: Sequence[Candidate],
    numbers: Sequence[int],
    most_epochs: int | None,
    listener: Listener,
) -> tuple[NumbersSeries, ...]:
    """A curve a method.

    Args:
        parts: what is learnt from and measured on.
        candidates: the models at hand; of those that were trained for the comparison, others of
            the sizes in ``numbers`` are trained too, all of them together in as many epochs as it
            took.
        numbers: those sizes; () for none.
        most_epochs: of each of those trainings; None for no such bound.
        listener: who is told.
    """
    peak = candidates[0].autoencoder.trained.described.peak
    sizes = sorted({each.latent for each in candidates} | set(numbers))
    sizes = [size for size in sizes if size <= parts.test.item_size]
    finer = [size for size in _FINER if size < parts.test.item_size]
    given = any(each.kind == "given" for each in candidates)
    series = list(_classical(parts, sorted({*sizes, *finer}), peak, given, listener.track))
    for candidate in candidates:
        own = candidate.evaluation.model
        points = [NumbersPoint(numbers=candidate.latent, error=own.mse, psnr=own.psnr)]
        how = ""
        if candidate.seconds is not None:
            wanted = [size for size in numbers if size != candidate.latent]
            more = list(_trained(parts, candidate, wanted, most_epochs, listener))
            points += more
            how = _how(candidate, more)
        points.sort(key=lambda point: point.numbers)
        series.append(
            NumbersSeries(name=candidate.name, kind=candidate.kind, points=tuple(points), how=how)
        )
    return tuple(series)


def sizes_for(parts: Parts, numbers: Sequence[int] | None) -> list[int]:
    """The sizes to train: those asked for, or the usual ones, below the size of an item."""
    wanted = NUMBERS if numbers is None else numbers
    return sorted({size for size in wanted if size < parts.training.item_size})


def _classical(
    parts: Parts, sizes: Sequence[int], peak: float | None, given: bool, track: Tracker
) -> Iterator[NumbersSeries]:
    items = parts.test.items
    pca = fit_pca(parts.training.items, max(sizes))
    errors = pca_errors(pca, items, sizes, track=track)
    # beside models that were trained elsewhere there is a PCA of what those learnt from too
    name = f"PCA of {len(parts.training):,} of these {parts.things}" if given else "PCA"
    yield NumbersSeries(name=name, kind="pca", points=_points(errors, peak))
    if parts.test.table is None and items.ndim <= 4:
        even = [size for size in sizes if size % 2 == 0]
        errors = largest_dct_errors(items, even, track=track)
        yield NumbersSeries(
            name="each item's largest cosine coefficients",
            kind="dct",
            points=_points(errors, peak),
            how="each counts as two numbers: which one it is has to be kept too",
        )


def _points(errors: Mapping[int, float], peak: float | None) -> tuple[NumbersPoint, ...]:
    return tuple(_point(numbers, error, peak) for numbers, error in errors.items())


def _point(numbers: int, error: float, peak: float | None, how: str = "") -> NumbersPoint:
    quality = None if peak is None else psnr(error, peak)
    return NumbersPoint(numbers=numbers, error=error, psnr=quality, how=how)


def _trained(
    parts: Parts,
    candidate: Candidate,
    sizes: Sequence[int],
    most_epochs: int | None,
    listener: Listener,
) -> Iterator[NumbersPoint]:
    """Models like a candidate of other sizes, each trained for its share of the epochs."""
    peak = candidate.autoencoder.trained.described.peak
    preset = "simple" if candidate.kind == "article" else "auto"
    for place, size in enumerate(sizes, 1):
        listener.note(f"{candidate.name} with {size} numbers, {place} of {len(sizes)}:")
        options = FitOptions(preset=preset, latent=size, seed=parts.seed)
        whole = make_plan(parts.training, options).settings.epochs
        if preset == "simple":
            whole = candidate.autoencoder.trained.training.epochs or whole
        elif most_epochs is not None:
            whole = min(whole, most_epochs)
        epochs = max(round(whole / len(sizes)), 1)
        options = FitOptions(preset=preset, latent=size, seed=parts.seed, epochs=epochs)
        fitted = fit_plan(
            parts.training,
            parts.validation,
            make_plan(parts.training, options),
            density=False,
            listener=listener,
        )
        error = _error(TrainedAutoencoder(fitted.trained), parts.test, listener.track)
        most = "" if parts.validation is None else "at most "
        how = f"{most}{epochs} of {whole} epochs" if epochs < whole else ""
        yield _point(size, error, peak, how)


def _error(autoencoder: TrainedAutoencoder, test: Dataset, track: Tracker) -> float:
    meter = ErrorMeter()
    with track("measuring", total=len(test), unit="items") as advance:
        for chunk in chunks(test.items):
            items = autoencoder.shaped(chunk)
            meter.add(items, autoencoder.reconstruct_floats(items))
            advance(len(chunk))
    return meter.mse


def _how(candidate: Candidate, more: Sequence[NumbersPoint]) -> str:
    """How the models of a curve were trained, in a few words."""
    if not more:
        return ""
    shorter = [point.how for point in more if point.how]
    if not shorter:
        return "each size trained like the model itself"
    return (
        f"{count_of(candidate.latent, 'numbers')} trained in full; the other sizes together as "
        f"long as that: {shorter[0]} for {count_of(more[0].numbers, 'numbers')}"
    )
