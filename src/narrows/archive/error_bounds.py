"""Error bounds as a user gives them: of everything, of one column, as a number or per cent."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from narrows.errors import UsageError
from narrows.support import arguments
from narrows.support.spelling import spelt

# Digits of a bound that is computed from a range: enough, and short where it is stored.
_DIGITS = 6


@dataclass(frozen=True)
class ErrorBound:
    """A largest error.

    Attributes:
        amount: in the data's own units, or a share of their range.
        of_range: whether it is a share.
    """

    amount: Fraction
    of_range: bool = False

    @classmethod
    def parse(cls, text: Any) -> "ErrorBound":
        """``0.5``, ``1/3`` or ``1%`` as a bound.

        Raises:
            UsageError: it is none of these, or below 0.
        """
        number = str(text).strip()
        percent = number.endswith("%")
        try:
            amount = Fraction(number.removesuffix("%").strip())
            float(amount)
        except (ValueError, OverflowError, ZeroDivisionError):
            amount = Fraction(-1)
        if amount < 0:
            raise UsageError(
                f"the largest error allowed is {text}, and must be a number from 0 on",
                hint="give it in the data's own units, such as 0.5, in per cent of their range, "
                "such as 1%, or 0 for lossless",
            )
        return cls(amount / 100 if percent else amount, percent)

    def __str__(self) -> str:
        return (
            f"{float(self.amount * 100):.10g}%" if self.of_range else f"{float(self.amount):.10g}"
        )

    def in_units(self, lowest: Any, highest: Any) -> float:
        """The largest float that is no more, for data of this range.

        Args:
            lowest: of the finite values, an integer or a float.
            highest: of the finite values.
        """
        if not self.of_range:
            return float_below(self.amount)
        return rounded_down(self.amount * (Fraction(highest) - Fraction(lowest)))


@dataclass(frozen=True)
class ErrorBounds:
    """Largest errors: of whatever is not named, and of the columns that are."""

    general: ErrorBound = ErrorBound(Fraction(0))
    named: Mapping[str, ErrorBound] = field(default_factory=dict)

    @classmethod
    def of(cls, max_error: Any) -> "ErrorBounds":
        """What ``max_error`` asks: None, a number, a text such as ``1%`` or ``price=0.5``, several
        of these, or a mapping of names.

        Raises:
            UsageError: something in it cannot be meant, or one thing is asked twice.
        """
        if isinstance(max_error, ErrorBounds):
            return max_error
        max_error = arguments.scalar(max_error)
        if isinstance(max_error, bool):
            raise arguments.refused(
                "max_error", max_error, "a number, a text such as '1%', or None"
            )
        if max_error is None:
            return cls()
        if isinstance(max_error, Mapping):
            named = {str(name): ErrorBound.parse(value) for name, value in max_error.items()}
            return cls(named=named)
        several = isinstance(max_error, Iterable) and not isinstance(max_error, str)
        general: ErrorBound | None = None
        named = {}
        for text in map(str, max_error if several else [max_error]):
            name, equals, value = text.rpartition("=")
            error_bound = ErrorBound.parse(value)
            if (name in named) if equals else (general is not None):
                raise UsageError(
                    f"two largest errors are asked for {f'column {name!r}' if equals else 'all'}",
                    hint="leave one of them out",
                )
            if equals:
                named[name] = error_bound
            else:
                general = error_bound
        return cls(general or ErrorBound(Fraction(0)), named)

    def __contains__(self, name: object) -> bool:
        """Whether an error is allowed in a column of this name, if it holds numbers."""
        error_bound = self.named.get(name, self.general) if isinstance(name, str) else self.general
        return error_bound.amount > 0

    def spelt_with(self, name: str, amount: str) -> str:
        """The option that asks the same, and this largest error of one column."""
        general = [str(self.general)] if self.general.amount else []
        named = {each: str(error_bound) for each, error_bound in self.named.items()}
        both = (named | {name: amount}).items()
        return spelt("max_error", [*general, *(f"{each}={text}" for each, text in both)])


def float_below(exact: Fraction) -> float:
    """The largest float that is no more than ``exact``, from 0 on."""
    try:
        nearest = float(exact)
    except OverflowError:
        return math.nextafter(math.inf, 0)
    return nearest if nearest <= exact else math.nextafter(nearest, 0.0)


def rounded_down(exact: Fraction) -> float:
    """A float of few decimal digits, just below ``exact``."""
    nearest = float_below(exact)
    if not nearest:
        return 0.0
    power = math.floor(math.log10(nearest)) - _DIGITS + 1
    step = Fraction(10) ** power
    return float_below(min(exact // step * step, exact))
