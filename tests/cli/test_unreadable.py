"""What may not be read is told alike by every command: one sentence, exit code 1."""

import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.command_line import Command, contents, failed
from narrows.archive import compress

COMMANDS = [
    ("info", "locked/x.nrw"),
    ("info", "locked/m.safetensors"),
    ("summary", "locked/m.safetensors"),
    ("decompress", "locked/x.nrw", "--out", "y.npy"),
    ("verify", "locked/x.nrw"),
    ("verify", "x.nrw", "--against", "locked/x.npy"),
    ("compress", "locked/x.npy", "--out", "y.nrw"),
    ("compress", "locked/t.csv", "--out", "y.nrw"),
    ("compress", "x.npy", "--codes-only", "--model", "locked/x.model", "--out", "y.nrw"),
    ("encode", "locked/m.safetensors", "x.npy", "--out", "z.npy"),
    ("detect", "locked/m.safetensors", "x.npy", "--out", "odd.csv"),
    ("fit", "locked/x.npy", "--out", "n.safetensors"),
    ("fit", "locked/t.csv", "--out", "n.safetensors"),
]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_not_be_read_is_named(
    narrows: Command,
    tmp_path: Path,
    command: tuple[str, ...],
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.arange(12.0).reshape(6, 2))
    Path("x.nrw").write_bytes(compress(np.load("x.npy"), effort="fast"))
    Path("m.safetensors").write_bytes(b"no matter what")
    Path("x.model").write_bytes(b"no matter what")
    Path("t.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    Path("locked").mkdir()
    for name in ("x.npy", "x.nrw", "m.safetensors", "x.model", "t.csv"):
        shutil.copy(name, f"locked/{name}")
    before = contents(tmp_path)

    def forbid(module: Any, name: str) -> None:
        allowed = getattr(module, name)

        def call(path: Any, *arguments: Any, **more: Any) -> Any:
            if isinstance(path, str | os.PathLike) and "locked" in os.fspath(path):
                raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
            return allowed(path, *arguments, **more)

        monkeypatch.setattr(module, name, call)

    # tests run as whoever may read everything
    forbid(io, "open")
    if what == "folder":
        forbid(os, "stat")
    found = next(part for part in command if part.startswith("locked/"))
    outcome = narrows(*command)
    monkeypatch.undo()
    failed(outcome, 1, f"error: {found} cannot be read: Permission denied")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", ["info", "summary", "verify"])
def test_paths_are_not_checked_before_commands_are(
    narrows: Command, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.nrw"
    path.write_bytes(b"no matter what")
    monkeypatch.setattr(os, "access", lambda *which, **how: False)  # what the parser asks
    outcome = narrows(command, path)
    assert outcome.code == 1 and "is not readable" not in outcome.err
