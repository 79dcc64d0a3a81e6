"""How fast a training run is, and what its time goes to."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from narrows.support.memory import peak_memory
from narrows.support.number_text import share, sized, three_digits
from narrows.training.history import EpochRecord, History


@dataclass
class Spent:
    """Seconds of an epoch so far.

    Attributes:
        whole: all of them.
        waiting: until training items were read from their file and made ready: moved, damaged.
        computing: in the engine's steps.
        validating: on what is held out.
    """

    whole: float = 0.0
    waiting: float = 0.0
    computing: float = 0.0
    validating: float = 0.0

    @contextlib.contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the block as ``what``, unless it is broken off: it will be done again."""
        start = time.monotonic()
        yield
        setattr(self, what, getattr(self, what) + time.monotonic() - start)

    def told(self, items: int, size: int) -> EpochRecord:
        """What a history says of an epoch of so many items, and bytes of them."""
        taken = max(self.waiting + self.computing, 1e-9)
        record: EpochRecord = {
            "seconds": round(self.whole, 4),
            "waiting_seconds": round(self.waiting, 6),
            "computing_seconds": round(self.computing, 6),
            "validating_seconds": round(self.validating, 6),
            "items_per_second": round(items / taken, 1),
            "bytes_per_second": round(size / taken),
        }
        if (peak := peak_memory()) is not None:
            record["peak_memory"] = peak
        return record


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A whole run's.

    Attributes:
        seconds: of all epochs.
        items_per_second, bytes_per_second: training items and their bytes, as they are given, over
            the seconds of waiting and computing; without those of the first epoch, in which the
            engine is compiled, where there are others.
        waiting: the share of these that went to waiting for data.
        peak_memory: bytes that the process held at once at most, from its start to the last epoch;
            None where that is not known.
    """

    seconds: float
    items_per_second: float
    bytes_per_second: float
    waiting: float
    peak_memory: int | None

    @classmethod
    def of(cls, history: History) -> "Pace":
        """That of the epochs of a history of which it is known."""
        known = [each for each in history if "items_per_second" in each]
        whole = sum(each["seconds"] for each in known)
        known = known[1:] or known
        waiting = sum(each["waiting_seconds"] for each in known)
        taken = [each["waiting_seconds"] + each["computing_seconds"] for each in known]
        total = max(sum(taken), 1e-9)
        items = sum(each["items_per_second"] * s for each, s in zip(known, taken, strict=True))
        size = sum(each["bytes_per_second"] * s for each, s in zip(known, taken, strict=True))
        return cls(
            seconds=whole,
            items_per_second=items / total,
            bytes_per_second=size / total,
            waiting=waiting / total,
            peak_memory=max((each.get("peak_memory", 0) for each in known), default=0) or None,
        )

    def sentence(self) -> str:
        """The same for people."""
        text = (
            f"{three_digits(self.items_per_second)} items or {sized(self.bytes_per_second)} a "
            f"second in training, {share(self.waiting)} of it waiting for data"
        )
        most = self.peak_memory
        return text if most is None else f"{text}; {sized(most)} of memory at most"
