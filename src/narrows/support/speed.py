"""How fast work is, by the amounts that it tells."""

from narrows.support import pulse


class Speed:
    """The first piece of each size is left out: it compiles, loads, or goes on from what an earlier
    run did."""

    def __init__(self) -> None:
        self.done = self.seconds = 0.0
        self._sizes = set[float]()
        self._last = pulse.now()

    def add(self, amount: float) -> None:
        """So much was done since the last call."""
        now = pulse.now()
        if amount in self._sizes:
            self.done += amount
            self.seconds += now - self._last
        self._sizes.add(amount)
        self._last = now

    def seconds_for(self, amount: float) -> float | None:
        """What an amount takes; None as long as nobody knows."""
        return amount * self.seconds / self.done if self.done else None

    def told(self, unit: str) -> str:
        """It for people, such as ``1.24k items/s``: nothing of less than one a second."""
        rate = self.done / self.seconds if self.seconds > 0 else 0.0
        for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")):
            if rate >= size:
                return f"{rate / size:.3g}{prefix} {unit}/s"
        return ""
