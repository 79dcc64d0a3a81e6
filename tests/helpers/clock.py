"""The clock by which work is told of, in the hands of a test."""

import threading

import pytest

from narrows.support import pulse


class Clock:
    """Goes on when a test says so, and has the pulse look then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 100.0
        monkeypatch.setattr(pulse._State, "clock", lambda: self.seconds)
        monkeypatch.setattr(pulse, "_LOOK_SECONDS", threading.TIMEOUT_MAX)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.seconds += 0.25
            pulse.beat()
