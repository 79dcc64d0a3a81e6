"""Contestants that run in turn, round after round, of which nothing measured is lost."""

from collections.abc import Callable, Mapping
from typing import Any

from common import announce, matrix_rate

#: By name: each measures one contestant, once, and gives what it came to.
Contestants = Mapping[str, Callable[[], Any]]


class Rounds:
    """What contestants came to, whatever came between.

    One that fails is noted, and the others go on; Ctrl-C ends the rounds and keeps what there is.

    Attributes:
        values: for each round, what each contestant came to, by name.
        rates: what :func:`common.matrix_rate` gave before each of them.
        failures: what went wrong, one text each, for :func:`common.write_record`.
    """

    def __init__(self) -> None:
        self.values: list[dict[str, Any]] = []
        self.rates: list[float] = []
        self.failures: list[str] = []
        self._stopped = False

    def warm_up(self, contestants: Contestants) -> None:
        """Run every contestant once, for the caches it fills; nothing of it counts."""
        self._run("filling the caches", contestants)

    def measure(self, count: int, contestants: Contestants) -> None:
        """Run every contestant ``count`` times, in turn."""
        for number in range(count):
            if self._stopped:
                return
            self.values.append(values := {})
            self._run(f"round {number + 1} of {count}", contestants, values)

    def _run(
        self, what: str, contestants: Contestants, values: dict[str, Any] | None = None
    ) -> None:
        announce(what)
        try:
            for name, work in contestants.items():
                announce(name)
                if values is not None:
                    self.rates.append(matrix_rate())
                try:
                    result = work()
                except SystemExit as error:
                    self.failures.append(f"{what}, {name}: {error}")
                    announce(self.failures[-1])
                    continue
                if values is not None:
                    values[name] = result
        except KeyboardInterrupt:
            self.failures.append(f"{what}: stopped by Ctrl-C")
            self._stopped = True

    def of(self, name: str) -> list[Any]:
        """What a contestant came to in each round that it ended well."""
        return [values[name] for values in self.values if name in values]

    def both(self, name: str, other: str) -> list[tuple[Any, Any]]:
        """What two contestants came to in each round that both ended well."""
        return [(v[name], v[other]) for v in self.values if name in v and other in v]
