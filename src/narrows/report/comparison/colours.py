"""The colour of each method, the same in every plot of a page, and which rows are marked."""

from typing import Any

from narrows.report.comparison.result import Comparison, Kind

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
    models = {model.name: model.kind for model in comparison.models}
    best = comparison.models[comparison.best].name
    colours: dict[str, str] = {} if "ours" in models.values() else {best: "ours"}
    taken = 0
    methods: list[Any] = [
        *comparison.models,
        *comparison.numbers.series,
        *(comparison.spent.points if comparison.spent else ()),
        *(comparison.losses.curves if comparison.losses else ()),
    ]
    for name, kind in dict.fromkeys((each.name, each.kind) for each in methods):
        if name in colours:
            continue
        made_of = [model for model in models if name not in models and model in name]
        if kind == "given" and made_of:
            colours[name] = colours[max(made_of, key=len)]
        elif kind in _FIXED:
            colours[name] = _FIXED[kind]
        else:
            colours[name] = _OTHERS[taken % len(_OTHERS)]
            taken += 1
    return colours
