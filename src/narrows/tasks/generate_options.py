"""What can be said of the items that a model generates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from narrows.errors import UsageError
from narrows.support.option_fields import option

# Which options each choice heeds.
_HEEDED = {"-n": ("--from",), "--between": ("--steps",), "--traverse": ("--at", "--steps")}


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """What can be said of new items: one of ``count``, ``between`` and ``traverse``.

    Attributes:
        csv: how a CSV file is read, as :func:`narrows.load_data` takes it.
    """

    count: int | None = option(None, "How many new items to draw.", names=("--count", "-n"))
    seed: int = option(0, "The same seed draws the same items.")
    source: str | None = option(
        None,
        "Draw codes from the density of the training codes, the default, or from a variational "
        "model's prior.",
        "density|prior",
        names=("--from",),
    )
    between: str | None = option(
        None, "Lead from item A of DATA to its item B, counting from 0.", "DATA:A,B"
    )
    traverse: int | None = option(
        None,
        "Vary this latent number, counting from 1 as pages do, over its range in training.",
        "NUMBER",
    )
    at: str | None = option(
        None,
        "With --traverse: keep the other numbers of item A of DATA, not the mean ones.",
        "DATA:A",
    )
    steps: int | None = option(
        None,
        "Of --between and --traverse: how many items, both ends included.  [default: 10]",
    )
    csv: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Make sure that exactly one thing is asked for, and nothing that it does not heed.

        Raises:
            UsageError: it is not so.
        """
        choices = {"-n": self.count, "--between": self.between, "--traverse": self.traverse}
        given = [name for name, value in choices.items() if value is not None]
        if len(given) != 1:
            what = "nothing" if not given else " and ".join(given)
            raise UsageError(
                f"{what} was asked for, and it takes one of {', '.join(choices)}",
                hint="write -n 64 for 64 new items, or see narrows generate --help",
            )
        for name, value in (("--from", self.source), ("--at", self.at), ("--steps", self.steps)):
            if value is not None and name not in _HEEDED[given[0]]:
                of = " and ".join(each for each, heeded in _HEEDED.items() if name in heeded)
                raise UsageError(
                    f"{name} says nothing about {given[0]}",
                    hint=f"leave it out: it belongs to {of}",
                )
        if self.csv and self.between is None and self.at is None:
            raise UsageError(
                f"{next(iter(self.csv))} says how a CSV file is read, and none is",
                hint="leave it out: it belongs to --between and --at",
            )
