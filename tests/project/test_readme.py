"""The README: every command and every example in it runs."""

import itertools
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.command_line import command
from narrows.data import Dataset
from narrows.data.digits import load_digits

README = Path(__file__).parents[2] / "README.md"
INSTALLATION = (
    "python -m pip install . && narrows demo",
    "python -m pip install -e '.[test]' && python -m pytest",
)


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)


def commands() -> list[list[str]]:
    """Every line of a shell block that calls the program, comments left out."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [
        words[1:]
        for line in lines
        if (words := shlex.split(line, comments=True))[:1] == ["narrows"]
    ]


def shortened(words: list[str]) -> list[str]:
    """The command on digits instead of MNIST, and with one epoch."""
    words = [{"mnist": "digits", "mnist:test": "digits"}.get(word, word) for word in words]
    if words[0] != "fit":
        return words
    # Of the epochs that are asked for, only that a second run asks for more than a first matters.
    more = "--resume" in words
    return [*words, "--epochs", "2" if more else "1"]


def some_digits(name: str, *, labels: bool = False) -> Dataset:
    """As many of them as the text reads of."""
    digits = load_digits(name, labels=labels)
    some = None if digits.labels is None else digits.labels[:1010]
    return replace(digits, items=digits.items[:1010], labels=some)


@pytest.mark.parametrize("line", INSTALLATION)
def test_the_two_commands_that_do_everything_are_there(line: str) -> None:
    assert any(line in block.splitlines() for block in blocks("sh"))


@pytest.mark.slow
def test_every_command_runs_in_the_order_of_the_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("narrows.data.sources.load_digits", some_digits)
    narrows = command(capsys, pictures=False)
    lines = commands()
    assert {words[0] for words in lines} >= {"fit", "summary", "evaluate", "encode", "decode"}
    for words in lines:
        code, _, err = narrows(*shortened(words))
        assert code == 0, f"narrows {shlex.join(words)}\n{err}"
        for option, path in itertools.pairwise(words):
            if option == "--out":
                assert Path(path).exists(), f"narrows {shlex.join(words)} left no {path}"


@pytest.mark.slow
@pytest.mark.parametrize("source", blocks("python"))
def test_every_example_runs(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(re.sub(r"epochs=\d+", "epochs=2", source), str(README), "exec"), {})


def test_there_are_examples() -> None:
    assert blocks("python")


@pytest.mark.slow
@pytest.mark.parametrize("source", blocks("toml"))
def test_every_spec_is_one(source: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(source)
    line = ["fit", "digits", "--epochs", 1, "--spec", tmp_path / "model.toml"]
    code, _, err = command(capsys)(*line, "--out", tmp_path / "model.safetensors")
    assert code == 0, err


def test_every_link_to_a_file_leads_to_one() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8"))
    for link in links:
        assert "://" in link or (README.parent / link).exists(), link
