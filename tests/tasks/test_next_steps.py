"""The commands that a comparison's page goes on with."""

import shlex
from pathlib import Path

import numpy as np
import pytest

from narrows.cli.app import run
from narrows.data.read_options import ReadOptions
from narrows.model.file import load_model
from narrows.support.temporary import temporary_folder
from narrows.tasks.comparison.next_steps import commands
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
        lines = [each.line for each in commands(parts, reading, Path("kept/a model.safetensors"))]
        words = {line[1]: line[2:] for line in map(shlex.split, lines)}
        for use in ("explore", "evaluate", "encode"):
            assert words[use][:2] == ["kept/a model.safetensors", measured]
        assert words["compress"][0] == "my data/one's.npy"
    lines = [each.line for each in commands(parts, own, None, 4)]
    assert shlex.split(lines[0])[:5] == ["narrows", "fit", "my data/one's.npy", "--latent", "4"]
    assert "YOUR_DATA" not in " ".join(lines)


@pytest.mark.slow
def test_commands_read_the_data_as_the_page_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    lines = ["a comment", "wide one;low;kind;zip"]
    for number in range(60):
        values = [f"{value:.2f}".replace(".", ",") for value in random.normal(size=2)]
        cells = [*values, "ab"[number % 2]]
        lines.append(";".join([*cells, str(number % 4)]))
    Path("my rows.csv").write_text("\n".join(lines))
    csv = ReadOptions(csv={"delimiter": ";", "skip_rows": 1, "decimal": ",", "header": True})
    reading = Reading(labels="kind", types={"zip": "categorical", "low": "numeric"}, options=csv)
    parts = load_parts("my rows.csv", reading, seed=0)
    said = [each.line for each in commands(parts, reading, None, 2)]
    fit, compress = map(shlex.split, said[:2])
    assert fit[fit.index("--types") + 1] == "zip=categorical,low=numeric,kind=ignored"
    for line in (fit, compress):
        assert line[line.index("--delimiter") + 1] == ";"
        assert line[line.index("--skip-rows") + 1] == "1"
        assert "--header" in line
    assert run([*fit[1:], "--epochs", "1", "--preset", "simple"]) == 0
    table = load_model("model.safetensors").data.table
    assert table is not None
    assert [column.name for column in table.learnt] == ["wide one", "low", "zip"]
    assert run(compress[1:]) == 0


def test_data_without_a_name_are_yours() -> None:
    parts = load_parts(np.zeros((50, 6), np.float32), Reading(), seed=0)
    lines = [each.line for each in commands(parts, Reading(), Path("m.safetensors"))]
    assert lines[0] == "narrows explore m.safetensors YOUR_DATA"


def test_no_command_names_a_model_that_is_gone() -> None:
    parts = load_parts(np.zeros((50, 6), np.float32), Reading(), seed=0)
    with temporary_folder() as folder:
        lines = [each.line for each in commands(parts, Reading(), folder / "m.safetensors")]
    assert not any("m.safetensors" in line for line in lines[1:])
    assert lines[0] == "narrows fit YOUR_DATA --out model.safetensors"
