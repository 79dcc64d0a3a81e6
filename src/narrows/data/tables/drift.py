"""What a trained schema had not met in training, counted for the user: never passed over."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from narrows.data.tables.cells import row_name as numbered
from narrows.support.number_text import count_of, listed
from narrows.support.spelling import spelt

# Values of one column that a message names.
_NAMED = 3
# Columns in another range that sentences are about.
_MOST_TOLD = 5


@dataclass(kw_only=True)
class SchemaDrift:
    """Counts of what was encoded as an average or left out.

    Attributes:
        categories: per column, how often each category came that training never saw.
        missing: per column, missing values where training had none.
        extra: columns that the model does not know.
        invalid: per column, how often each text came that is none of its kind and taken for
            missing.
        retyped: per column, its type in training and the one it is given back in, which holds more.
        unlearnt_gaps: whether cells were filled in by a model that never met a row with cells left
            out.
        outside: what is said of columns that lie in another range, by name of the column.
        fractions: per column of whole numbers, how many are not, the first of them and its row.
    """

    categories: dict[str, Counter[str]] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)
    extra: list[str] = field(default_factory=list)
    invalid: dict[str, Counter[str]] = field(default_factory=dict)
    fractions: dict[str, tuple[int, float, int]] = field(default_factory=dict)
    retyped: dict[str, tuple[str, str]] = field(default_factory=dict)
    unlearnt_gaps: bool = False
    outside: dict[str, str] = field(default_factory=dict)

    def fraction(self, name: str, count: int, value: float, row: int) -> None:
        """Count numbers that are not whole in a column of whole ones; the first of them is kept."""
        before, first, at = self.fractions.get(name, (0, value, row))
        self.fractions[name] = before + count, first, at

    def lines(self, row_name: Callable[[int], str] = numbered) -> tuple[str, ...]:
        """Sentences that name column, value and count; none if nothing was drift.

        Args:
            row_name: what rows are called.
        """
        lines = [_categories(name, counts) for name, counts in self.categories.items() if counts]
        lines += [
            f"column {name!r} has {count_of(count, 'missing values')}, and had none "
            "in training: encoded as its mean"
            for name, count in self.missing.items()
            if count
        ]
        lines += [
            f"column {name!r} held whole numbers in training, and {value:.10g} in {row_name(row)}: "
            f"{count_of(count, 'such cells')} taken as written"
            for name, (count, value, row) in self.fractions.items()
        ]
        lines += [
            f"column {name!r}: cells of another kind taken for missing, as in training: "
            + ", ".join(f"{text[:40]!r} {count:,}x" for text, count in counts.most_common(_NAMED))
            for name, counts in self.invalid.items()
        ]
        lines += [
            f"column {name!r} was {before} in training, and has cells that need {now}: given back "
            "as that"
            for name, (before, now) in self.retyped.items()
        ]
        lines += in_short(self.outside, "the table")
        if self.unlearnt_gaps:
            lines.append(
                "the model met no rows with cells left out in training, and what it fills in may "
                f"be no better than the mean: train one with {spelt('noise', 'masking:0.3')}"
            )
        if self.extra:
            shown = listed(self.extra, 10, repr)
            lines.append(f"ignored what the model was not trained on: {shown}")
        return tuple(lines)


def in_short(told: Mapping[str, str], name: str) -> list[str]:
    """What is said of columns of ``name``: of the first few, and how many more there are."""
    lines, more = list(told.values())[:_MOST_TOLD], len(told) - _MOST_TOLD
    return lines if more < 1 else [*lines, f"so do {more:,} more columns of {name}"]


def _categories(name: str, counts: Counter[str]) -> str:
    total = counts.total()
    named = ", ".join(f"{value!r} {count:,}x" for value, count in counts.most_common(_NAMED))
    more = f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else ""
    return (
        f"column {name!r} has {count_of(total, 'values')} that training never saw "
        f"({named}{more}): encoded as an average one"
    )
