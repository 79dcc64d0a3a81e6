"""``benchmarks/step_profile.py`` calls parts of the engine with what they take now."""

import importlib
from pathlib import Path

import numpy as np
import pytest

_FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_every_part_of_a_step_can_be_timed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_FOLDER))
    profile = importlib.import_module("step_profile")
    monkeypatch.setattr(profile, "_ROUNDS", 1)
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8)
    seconds = profile.profile_parts(images)
    assert seconds.keys() == {*profile.PARTS, "Adam alone"}
    assert all(each > 0 for each in seconds.values())
