"""The colour of each method, the same in every plot of a page."""

from collections.abc import Iterable, Iterator

from narrows.report.comparison.result import Comparison, Kind

#: A method: its name, and what it is.
Method = tuple[str, Kind]

_FIXED: dict[Kind, str] = {
    "ours": "ours",
    "article": "other",
    "pca": "grey",
    "mean": "grey",
    "raw": "grey",
}
# What the others take in turn; the first three are those above.
_OTHERS = tuple(f"series-{number}" for number in (3, 4, 5, 7, 8, 6))


def colours_of(comparison: Comparison) -> dict[str, str]:
    """The stylesheet's name of each method's colour, by the method's name."""
    colours: dict[str, str] = {}
    taken = 0
    for name, kind in dict.fromkeys(_methods(comparison)):
        if name in colours:
            continue
        if kind in _FIXED:
            colours[name] = _FIXED[kind]
        else:
            colours[name] = _OTHERS[taken % len(_OTHERS)]
            taken += 1
    return colours


def _methods(comparison: Comparison) -> Iterator[Method]:
    parts: list[Iterable[object]] = [
        comparison.models,
        comparison.scores,
        comparison.numbers.series,
        comparison.spent.points if comparison.spent else (),
        comparison.losses.curves if comparison.losses else (),
        comparison.gallery.items[0].versions if comparison.gallery else (),
    ]
    for part in parts:
        for method in part:
            yield method.name, method.kind  # type: ignore[attr-defined]
