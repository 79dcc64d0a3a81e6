"""The README: every command and every example in it runs, and it can be read in ten minutes."""

import re
from pathlib import Path

import pytest

from helpers.command_line import command
from helpers.documents import blocks, commands, run_commands

README = Path(__file__).parents[2] / "README.md"
INSTALLATION = (
    "python -m pip install . && narrows demo",
    "python -m pip install -e '.[test]' && python -m pytest",
)


@pytest.mark.parametrize("line", INSTALLATION)
def test_the_two_commands_that_do_everything_are_there(line: str) -> None:
    assert any(line in block.splitlines() for block in blocks(README, "sh"))


@pytest.mark.slow
def test_every_command_runs_in_the_order_of_the_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert {words[0] for words in commands(README)} >= {"fit", "evaluate", "encode", "decode"}
    run_commands(README, command(capsys, pictures=False), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("source", blocks(README, "python"))
def test_every_example_runs(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(re.sub(r"epochs=\d+", "epochs=2", source), str(README), "exec"), {})


def test_there_are_examples() -> None:
    assert blocks(README, "python")


def test_every_link_to_a_file_leads_to_one() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8"))
    for link in links:
        assert "://" in link or (README.parent / link).exists(), link


def test_it_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 150
