"""What README and the pages of docs/ hold besides words: blocks of code, and commands."""

import itertools
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.command_line import Command
from narrows.data import Dataset
from narrows.data.digits import load_digits


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.M | re.S)


def commands(path: Path) -> list[list[str]]:
    """Every line of a shell block that calls the program, comments left out."""
    lines = "\n".join(blocks(path, "sh")).replace("\\\n", " ").splitlines()
    return [
        words[1:]
        for line in lines
        if (words := shlex.split(line, comments=True))[:1] == ["narrows"]
    ]


def shortened(words: list[str]) -> list[str]:
    """The command on digits instead of MNIST, and with one epoch."""
    words = [re.sub(r"^mnist(:test)?(?=$|:)", "digits", word) for word in words]
    if words[0] != "fit":
        return words
    # Of the epochs that are asked for, only that a second run asks for more than a first matters.
    more = "--resume" in words
    return [*words, "--epochs", "2" if more else "1"]


def some_digits(page: list[list[str]]) -> Callable[..., Dataset]:
    """What reads so many of them as commands of a page read of, and as little lets them run."""
    ranges = [word for words in page for word in words if re.fullmatch(r"\d+:\d+", word)]
    count = max([300, *(int(each.partition(":")[2]) for each in ranges)])

    def load(name: str, *, labels: bool = False) -> Dataset:
        digits = load_digits(name, labels=labels)
        some = None if digits.labels is None else digits.labels[:count]
        return replace(digits, items=digits.items[:count], labels=some)

    return load


def run_commands(path: Path, narrows: Command, patch: pytest.MonkeyPatch) -> None:
    """Runs every command of a page, in the order of the text, in the working folder."""
    page = commands(path)
    patch.setattr("narrows.data.sources.load_digits", some_digits(page))
    for words in page:
        code, _, err = narrows(*shortened(words))
        assert code == 0, f"narrows {shlex.join(words)}\n{err}"
        for option, written in itertools.pairwise(words):
            if option == "--out":
                assert Path(written).exists(), f"narrows {shlex.join(words)} left no {written}"
