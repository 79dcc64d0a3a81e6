"""How long is a command silent, with nothing compiled, on a quiet machine and on a busy one?

Target: the first byte comes within 2 s of the start, and after it none is waited for longer than
6 s (a line tells of work after 2 s of silence, and then every 5 s), in a pipe and on a terminal,
also beside as many endless loops as there are cores, or two.

Each command runs whole, in a process of its own, on data so small that it takes seconds, but
compiles as any: its caches are empty at first. What it writes to standard output and standard error
together is read byte by byte, from a pipe or a pseudo-terminal; the waits before the first byte,
between two and after the last one are timed. ``explore`` is ended as soon as its page is there.

    python benchmarks/silences.py [--loads 0,2] [--ways pipe,terminal] [--only fit-table,verify]
"""

import argparse
import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import Target, announce, argument_parser, numbers, table, write_record
from narrows_cli import NARROWS, caches_in

_FIRST_SECONDS, _LATER_SECONDS = 2.0, 6.0
_LOOP = "while True: pass"
_LONGEST_SECONDS = 900.0
#: What each command is given; each works on what earlier ones left.
COMMANDS: dict[str, str] = {
    "fit-table": "fit rows.csv --epochs 3 --out table.safetensors",
    "fit-images": "fit digits --epochs 3 --out images.safetensors",
    "evaluate": "evaluate images.safetensors digits",
    "encode": "encode images.safetensors digits --out codes.npy",
    "decode": "decode images.safetensors codes.npy --out decoded.npy",
    "reconstruct": "reconstruct table.safetensors rows.csv --out back.csv",
    "fit-noise": "fit digits --noise masking:0.3 --epochs 3 --out clean.safetensors",
    "denoise": "denoise clean.safetensors digits --out clean.npy",
    "detect": "detect table.safetensors rows.csv --out odd.csv",
    "generate": "generate table.safetensors -n 500 --out new.csv",
    "compress": "compress rows.csv --out rows.nrw",
    "verify": "verify rows.nrw",
    "decompress": "decompress rows.nrw --out again.csv",
    "compare": "compare digits --epochs 2 --out compare.html",
    "demo": "demo --data digits --epochs 2 --out demo",
    "many-files": "encode table.safetensors parts --workers 2 --out many",
    "explore": "explore images.safetensors digits --no-browser --port 0",
    "export": "explore images.safetensors digits --export page.html",
}
_SERVES = "Ctrl-C ends it"


@dataclass(frozen=True)
class Silences:
    """A command that has ended: its seconds, those before the first byte, the longest after it,
    and what was said before that one."""

    seconds: float
    first: float
    later: float
    after: str


def run(command: Sequence[str], folder: Path, environment: dict[str, str], way: str) -> Silences:
    """Run a command and time its silences.

    Raises:
        SystemExit: it failed.
    """
    reader, writer = pty.openpty() if way == "terminal" else os.pipe()
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    try:
        moments, said = _heard(reader, process, began)
    except BaseException:
        process.kill()
        raise
    finally:
        os.close(reader)
    code, ended = process.wait(), time.monotonic()
    if code not in (0, 128 + signal.SIGINT):
        raise SystemExit(f"{' '.join(command)} failed ({code}):\n{said[-3000:].decode()}")
    ends = [*(moment for moment, _ in moments[1:]), ended]
    waits = [
        (until - since, place)
        for (since, place), until in zip(moments, ends, strict=True)
        if until > since
    ]
    later, place = max(waits)
    after = said[:place].decode(errors="replace").replace("\r", "\n").rstrip().rpartition("\n")[2]
    return Silences(ended - began, moments[0][0] - began, later, after[-80:])


def _heard(
    reader: int, process: "subprocess.Popen[bytes]", began: float
) -> tuple[list[tuple[float, int]], bytes]:
    """When something was said, with how much was said by then; and all of it."""
    moments, said, is_ended = list[tuple[float, int]](), b"", False
    while True:
        if not select.select([reader], [], [], 1.0)[0]:
            if time.monotonic() - began > _LONGEST_SECONDS:
                raise SystemExit(f"it has not ended:\n{said[-3000:].decode()}")
            continue
        try:
            new = os.read(reader, 1 << 16)
        except OSError:  # of a pseudo-terminal whose other end is closed
            new = b""
        if not new:
            return moments, said
        said += new
        moments.append((time.monotonic(), len(said)))
        if _SERVES.encode() in said and not is_ended:
            is_ended = True
            process.send_signal(signal.SIGINT)


@contextlib.contextmanager
def beside(count: int) -> Iterator[None]:
    """The block runs beside so many endless loops."""
    loops = [subprocess.Popen([sys.executable, "-c", _LOOP]) for _ in range(count)]
    try:
        yield
    finally:
        for each in loops:
            each.kill()
            each.wait()


def make_data(folder: Path) -> None:
    """A table of 2,000 rows, and four files of it."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 6))
    kinds = np.array(["red", "green", "blue"])[np.digitize(values[:, 0], [-1, 1])]
    lines = [
        ",".join([*(f"{value:.3f}" for value in row), kind])
        for row, kind in zip(values, kinds, strict=True)
    ]
    head = ",".join([*(f"x{place}" for place in range(6)), "kind"])
    (folder / "parts").mkdir()
    parts = {f"parts/{place}.csv": lines[place::4] for place in range(4)}
    for name, part in {"rows.csv": lines, **parts}.items():
        (folder / name).write_text("\n".join([head, *part, ""]), encoding="utf-8")


def measure(loads: Sequence[int], ways: Sequence[str], only: Sequence[str]) -> list[dict[str, Any]]:
    """Each command in each way beside each load: what is not asked for runs where what is asked for
    needs what it leaves."""
    found = []
    for load in loads:
        for way in ways:
            with tempfile.TemporaryDirectory() as scratch, beside(load):
                folder = Path(scratch)
                make_data(folder)
                for name in COMMANDS:
                    if name in only or name.startswith("fit"):
                        result = _cold(name, folder, way)
                        announce(f"{name}, {way}, beside {load}: {result}")
                        if name in only:
                            found.append(
                                {"command": name, "way": way, "load": load, **vars(result)}
                            )
    return found


def _cold(name: str, folder: Path, way: str) -> Silences:
    with tempfile.TemporaryDirectory() as empty:
        caches = {**caches_in(Path(empty)), "MPLCONFIGDIR": empty, "COLUMNS": "100"}
        return run([*NARROWS, *COMMANDS[name].split()], folder, caches, way)


def silences_table(found: Sequence[dict[str, Any]]) -> str:
    columns = ["command", "written to", "loops", "seconds", "first byte, s", "longest later, s"]
    rows = [
        [
            f"`{COMMANDS[each['command']]}`",
            each["way"],
            str(each["load"]),
            *(f"{each[name]:.1f}" for name in ("seconds", "first", "later")),
        ]
        for each in found
    ]
    return table(columns, rows)


def targets(found: Sequence[dict[str, Any]]) -> list[Target]:
    limits = {"first": ("first byte", _FIRST_SECONDS), "later": ("longest later", _LATER_SECONDS)}
    return [
        Target(
            f"{what}, s, {way}, beside {load} loops, the highest",
            limit,
            max(each[name] for each in found if (each["load"], each["way"]) == (load, way)),
            at_least=False,
        )
        for load, way in dict.fromkeys((each["load"], each["way"]) for each in found)
        for name, (what, limit) in limits.items()
    ]


def arguments_given() -> argparse.Namespace:
    parser = argument_parser(__doc__, packages=["numpy", "numba", "jax", "rich"])
    parser.add_argument("--loads", type=numbers, default=[0, 2], help="endless loops beside it")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=["pipe", "terminal"])
    parser.add_argument("--only", type=lambda text: text.split(","), default=[*COMMANDS])
    parser.add_argument("--no-record", action="store_true", help="print the table alone")
    return parser.parse_args()


def main() -> None:
    arguments = arguments_given()
    found = measure(arguments.loads, arguments.ways, arguments.only)
    if arguments.no_record:
        print(silences_table(found))
        return
    write_record(
        "silences",
        "How long commands are silent",
        targets=targets(found),
        sections=[silences_table(found)],
        data={"runs": found},
        versions=arguments.versions,
        rates=[],
    )


if __name__ == "__main__":
    main()
