"""Running the program in tests, and seeing what it leaves."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

import narrows
from narrows.cli.app import run

#: Where a process of its own finds the package, whatever folder it runs in.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(narrows.__file__).parents[1])}


#: What ``fit`` draws into its run folder.
PICTURES = ("codes.png", "loss.png", "reconstructions.png")


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


def compared_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``compare`` and ``demo`` train for a few steps, and measure one format of images."""
    from narrows.baselines.image_codecs import JPEG

    monkeypatch.setattr("narrows.tasks.comparison.archives.IMAGE_CODECS", (JPEG,))
    monkeypatch.setattr("narrows.tasks.compare._FEWEST_STEPS", 1)
    monkeypatch.setattr("narrows.planning.recipe._MOST_STEPS", 60)


Command = Callable[..., Outcome]


def command(capsys: pytest.CaptureFixture[str], *, pictures: bool = True) -> Command:
    """Runs a command line in this process.

    Args:
        pictures: whether ``fit`` draws the pictures of its folder, half of what a short run takes,
            or leaves blank ones.
    """

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        words = [str(argument) for argument in arguments]
        with pytest.MonkeyPatch.context() as patch:
            if not pictures and words[:1] == ["fit"]:
                leave_blank(patch)
            code = run(words)
        return Outcome(code, *capsys.readouterr())

    return call


def leave_blank(patch: pytest.MonkeyPatch) -> None:
    """Have a run with files leave blank pictures."""

    def blank(folder: Path, *_rest: object, **_options: object) -> dict[str, str]:
        for name in PICTURES:
            Image.new("L", (1, 1)).save(folder / name)
        return {}

    patch.setattr("narrows.tasks.run_files.draw_run", blank)


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
