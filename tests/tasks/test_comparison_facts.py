"""What a comparison's page says besides its figures."""

import shlex
from pathlib import Path

import numpy as np
import pytest

from narrows.support.temporary import temporary_folder
from narrows.tasks.comparison.facts import commands
from narrows.tasks.comparison.parts import Reading, load_parts


def test_commands_to_go_on_with_name_files_as_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("my data")
    folder.mkdir()
    values = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    for name in ("one's.npy", "test.npy"):
        np.save(folder / name, values)
    own = Reading(test="my data/test.npy")
    for reading, measured in ((Reading(), "my data/one's.npy"), (own, "my data/test.npy")):
        parts = load_parts("my data/one's.npy", reading, seed=0)
        lines = [each.line for each in commands(parts, Path("kept/a model.safetensors"))]
        words = {line[1]: line[2:] for line in map(shlex.split, lines)}
        for use in ("explore", "evaluate", "encode"):
            assert words[use][:2] == ["kept/a model.safetensors", measured]
        assert words["compress"][0] == "my data/one's.npy"
    lines = [each.line for each in commands(parts, None, 4)]
    assert shlex.split(lines[0])[:5] == ["narrows", "fit", "my data/one's.npy", "--latent", "4"]
    assert "YOUR_DATA" not in " ".join(lines)


def test_data_without_a_name_are_yours() -> None:
    parts = load_parts(np.zeros((50, 6), np.float32), Reading(), seed=0)
    lines = [each.line for each in commands(parts, Path("m.safetensors"))]
    assert lines[0] == "narrows explore m.safetensors YOUR_DATA"


def test_no_command_names_a_model_that_is_gone() -> None:
    parts = load_parts(np.zeros((50, 6), np.float32), Reading(), seed=0)
    with temporary_folder() as folder:
        lines = [each.line for each in commands(parts, folder / "m.safetensors")]
    assert not any("m.safetensors" in line for line in lines[1:])
    assert lines[0] == "narrows fit YOUR_DATA --out model.safetensors"
