"""What a trained schema had not met in training, counted for the user: never passed over."""

from collections import Counter
from dataclasses import dataclass, field

# Values of one column that a message names.
_NAMED = 3


@dataclass
class Unfamiliar:
    """Counts of what was encoded as an average or left out.

    Attributes:
        categories: per column, how often each category came that training never saw.
        missing: per column, missing values where training had none.
        extra: columns that the model does not know.
    """

    categories: dict[str, Counter[str]] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)
    extra: list[str] = field(default_factory=list)

    def lines(self) -> tuple[str, ...]:
        """Sentences that name column, value and count; none if nothing was unfamiliar."""
        lines = [_categories(name, counts) for name, counts in self.categories.items() if counts]
        lines += [
            f"column {name!r} has {count:,} missing value{'s' if count > 1 else ''}, and had none "
            "in training: encoded as its mean"
            for name, count in self.missing.items()
            if count
        ]
        if self.extra:
            shown = ", ".join(map(repr, self.extra[:10])) + (", ..." if self.extra[10:] else "")
            lines.append(f"ignored what the model was not trained on: {shown}")
        return tuple(lines)


def _categories(name: str, counts: Counter[str]) -> str:
    total = counts.total()
    named = ", ".join(f"{value!r} {count:,}x" for value, count in counts.most_common(_NAMED))
    more = f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else ""
    return (
        f"column {name!r} has {total:,} value{'s' if total > 1 else ''} that training never saw "
        f"({named}{more}): encoded as an average one"
    )
