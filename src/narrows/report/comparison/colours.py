"""The colour of each method, the same in every plot of a page, and which rows are marked."""

from collections.abc import Iterable, Iterator

from narrows.report.comparison.result import Comparison, Kind

#: A method: its name, and what it is.
Method = tuple[str, Kind]

_FIXED: dict[Kind, str] = {
    "ours": "ours",
    "article": "other",
    "archive": "series-6",
    "pca": "grey",
    "mean": "grey",
    "raw": "grey",
}
# What the others take in turn, those that are most like the ones above last.
_OTHERS = tuple(f"series-{number}" for number in (3, 5, 7, 8, 10, 9, 4))


def colours_of(comparison: Comparison) -> dict[str, str]:
    """The stylesheet's name of each method's colour, by the method's name.

    The best of the models is ours where none is: of those that the user gave. What is made of a
    model, as its codes are, has its colour.
    """
    best = comparison.models[comparison.best]
    ours_is_there = any(model.kind == "ours" for model in comparison.models)
    colours: dict[str, str] = {} if ours_is_there else {best.name: "ours"}
    taken = 0
    for name, kind in dict.fromkeys(_methods(comparison)):
        if name in colours:
            continue
        of_model = [known for known in colours if kind == "given" and known in name]
        if of_model:
            colours[name] = colours[max(of_model, key=len)]
        elif kind in _FIXED:
            colours[name] = _FIXED[kind]
        else:
            colours[name] = _OTHERS[taken % len(_OTHERS)]
            taken += 1
    return colours


def _methods(comparison: Comparison) -> Iterator[Method]:
    parts: list[Iterable[object]] = [
        comparison.models,
        comparison.numbers.series,
        comparison.spent.points if comparison.spent else (),
        comparison.losses.curves if comparison.losses else (),
    ]
    for part in parts:
        for method in part:
            yield method.name, method.kind  # type: ignore[attr-defined]
