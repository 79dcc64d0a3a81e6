"""Standard streams that are closed, full, gone, or lack letters: the work is done all the same."""

import io
import json
import os
import pty
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.command_line import start
from narrows import Autoencoder, NarrowsWarning
from narrows.cli.app import run
from narrows.support.files import atomic_file
from narrows.support.log import say
from narrows.support.progress import shown, warn
from narrows.support.streams import beyond_standard, file_name, printable, utf8_name


class Gone(io.StringIO):
    """A terminal that was closed."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error

    def isatty(self) -> bool:
        return True


class Bare:
    """What some windows put in the place of a stream."""

    def write(self, text: str) -> None:
        raise RuntimeError("the window is closed")


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "closed": _closed,
    "gone": lambda: Gone(OSError(5, "Input/output error")),
    "no reader": lambda: Gone(BrokenPipeError(32, "Broken pipe")),
    "not ours": lambda: Gone(RuntimeError("reentrant call")),
    "bare": Bare,
    "ascii": lambda: io.TextIOWrapper(io.BytesIO(), "ascii"),
}
every_stream = pytest.mark.parametrize("stream", STREAMS)


@every_stream
def test_nothing_that_only_reports_fails(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", STREAMS[stream]())
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(warnings, "showwarning", lambda text, *more, **_: sys.stderr.write(text))
    say("größe × 2, caf\udce9")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warn("largest × 2", stacklevel=1)
    with shown("training ×", total=10, unit="items") as advance:
        for _ in range(3):
            advance(3, "loss × 1")
    assert out.getvalue() == ""


@pytest.mark.slow
@every_stream
def test_commands_and_estimators_work_without_standard_error(
    stream: str, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", STREAMS[stream]())
    assert run(["encode", str(model_file), "digits", "--out", str(tmp_path / "codes.npy")]) == 0
    assert np.load(tmp_path / "codes.npy").shape == (1797, 4)
    assert run(["encode", str(tmp_path / "none"), "digits", "--out", "codes.npy"]) == 1
    X = np.random.default_rng(0).normal(size=(40, 3))
    ae = Autoencoder(latent=1, hidden=(4,), epochs=1, verbose=True, refine=0).fit(X)
    assert ae.transform(X).shape == (40, 1)


def test_a_warning_that_is_an_error_is_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NarrowsWarning, match="odd"):
            warn("odd", stacklevel=1)


def test_a_bar_that_can_have_no_thread_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(threading.Thread, "start", start)
    with shown("training", total=2, unit="items") as advance:
        advance(1)
        advance(1)


def test_the_error_of_the_work_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", STREAMS["gone"]())
    with pytest.raises(ZeroDivisionError), shown("dividing", total=1, unit="items"):
        1 / 0  # noqa: B018


@pytest.mark.slow
def test_fit_without_standard_error_reports_nowhere(tmp_path: Path) -> None:
    """With its descriptor closed, too: what is opened later must not get it."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    np.save(tmp_path / "a.npy", X)
    line = "fit a.npy --latent 1 --hidden 4 --epochs 2 --refine 0 --json --out m.safetensors"
    process = start(*line.split(), cwd=tmp_path, stderr=None, preexec_fn=lambda: os.close(2))
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert json.loads(out)["not_written"] == {}
    assert Autoencoder.load(tmp_path / "m.safetensors").transform(X).shape == (40, 1)


@pytest.mark.slow
def test_a_terminal_that_is_closed_costs_nothing(model_file: Path, tmp_path: Path) -> None:
    """Its processes get no signal where they ignore it, and every write is an error."""
    ours, theirs = pty.openpty()
    process = start("encode", model_file, "digits", "--out", "z.npy", cwd=tmp_path, stderr=theirs)
    os.close(theirs)
    os.close(ours)
    assert process.wait(timeout=120) == 0
    assert np.load(tmp_path / "z.npy").shape == (1797, 4)


def test_a_file_gets_no_descriptor_of_a_standard_stream(tmp_path: Path) -> None:
    before = os.dup(2)
    try:
        os.close(2)
        opened = os.open(tmp_path / "x", os.O_CREAT | os.O_WRONLY)
        assert opened == 2
        moved = beyond_standard(opened)
        with atomic_file(tmp_path / "y") as file:
            assert file.fileno() > 2 and moved > 2
        os.close(moved)
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(2)
    finally:
        os.dup2(before, 2)
        os.close(before)


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("utf-8", "28 × 28 → 2 m²", "28 × 28 → 2 m²"),
        ("cp1252", "28 × 28 → 2 m²…", "28 × 28 -> 2 m²…"),
        ("latin-1", "─ é – ≤", "- é - <="),
        ("ascii", "28 × 28 → 2 m² · é €", "28 x 28 -> 2 m^2 . \\xe9 \\u20ac"),
        ("utf-8", "caf\udce9 caf\udcc3\udca9", "caf\\xe9 café"),
        ("ascii", "caf\udcc3\udca9", "caf\\xe9"),
        ("utf-8", "half \ud83d", "half \\ud83d"),
        ("utf-16", "caf\udce9 ×", "caf\\xe9 ×"),
        (None, "×", "x"),
        ("no such encoding", "×", "x"),
    ],
)
def test_what_an_encoding_lacks_is_replaced(encoding: str | None, text: str, expected: str) -> None:
    assert printable(text, encoding) == expected


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "cp437"])
def test_results_are_told_in_any_encoding(
    encoding: str, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = model_file.rename(model_file.with_name("größe\udce9→.safetensors"))
    for line in (["summary"], ["info"], ["info", "--json"], ["evaluate"]):
        out = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr(sys, "stdout", out)
        data = ["digits"] if line[0] == "evaluate" else []
        assert run([line[0], str(named), *data, *line[1:]]) == 0
        text = out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
        assert len(text) > 100
        if line[0] == "evaluate":
            sign = "²" if encoding != "ascii" else "^2"
            assert f"(grey levels{sign})" in text


@pytest.mark.slow
def test_a_closed_standard_output_is_said_where_results_go_to_it(
    model_file: Path, tmp_path: Path
) -> None:
    for line, code in (("summary", 1), ("--version", 1), ("encode", 0)):
        more = {
            "summary": [model_file],
            "encode": [model_file, "digits", "--out", "codes.npy"],
        }.get(line, [])
        process = start(line, *more, cwd=tmp_path, stdout=None, preexec_fn=lambda: os.close(1))
        err = process.communicate(timeout=120)[1]
        assert process.returncode == code
        assert err.count("error: the result cannot be written to standard output") == code
        assert "Traceback" not in err and "Exception ignored" not in err
    assert (tmp_path / "codes.npy").exists()


def test_names_are_utf_8_in_a_locale_without_their_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_name("caf\udce9/ü") == "caf\udce9/ü"
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("ascii", "surrogateescape"))
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode("ascii", "surrogateescape"))
    assert file_name("ü.png") == "\udcc3\udcbc.png"
    assert file_name("a.png") == "a.png"
    assert utf8_name("\udcc3\udcbc.png") == "ü.png"
    assert utf8_name("caf\udce9") == "caf\udce9"
    assert utf8_name("a.png") == "a.png"
