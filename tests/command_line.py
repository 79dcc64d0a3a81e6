"""Running the program in tests, and seeing what it leaves."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import narrows
from narrows.cli.app import run

#: Where a process of its own finds the package, whatever folder it runs in.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(narrows.__file__).parents[1])}


class Outcome(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str


def done(outcome: Outcome) -> Outcome:
    """Make sure that a command did what it was to do."""
    assert outcome.code == 0, outcome.err
    assert "error: " not in outcome.err
    return outcome


def failed(outcome: Outcome, code: int, *texts: str) -> None:
    """Make sure that it failed with this code, and one error that says all of this."""
    assert outcome.code == code and not outcome.out
    assert outcome.err.count("error: ") == 1 and "hint: " in outcome.err
    for text in texts:
        assert text in outcome.err


Command = Callable[..., Outcome]


def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


def start(*arguments: object, cwd: Path, **options: object) -> subprocess.Popen[str]:
    """Starts a command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "narrows", *map(str, arguments)],
        cwd=cwd,
        text=True,
        **{"env": ENVIRONMENT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file under ``folder``, hidden ones too, and every folder as None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
