"""What all benchmarks share: processes to measure, the machine, and records of what came out."""

import datetime
import importlib.metadata
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent

#: Floating-point operations of the simple autoencoder's products in one epoch of 60,000 MNIST
#: images: two each for the forward pass, the weights' gradient and, except in the first layer,
#: the gradient by the layer's inputs.
EPOCH_OPERATIONS = 2 * 60_000 * (3 * (784 * 100 + 100 * 20 + 20 * 100 + 100 * 784) - 784 * 100)

_MATRIX_SIZE = 2048
# Taken before anything is measured: what others have the machine do.
_LOAD_BEFORE = os.getloadavg()[0]
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Finished:
    """A process that has ended well.

    Attributes:
        started: when it was started, seconds since the epoch of :func:`time.time`.
        seconds: wall time from then to its end.
        peak_bytes: the most physical memory it held.
        result: what it wrote to its result file, if it was given one.
    """

    started: float
    seconds: float
    peak_bytes: int
    result: Any = None


def run_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Finished:
    """Run ``command`` to its end, with ``environment`` on top of this process's own.

    The peak counts this process's own memory at the start as well, because the child shares it
    until it becomes another program: whoever measures must stay small.

    Raises:
        SystemExit: the command failed; the message ends with what it said last.
    """
    with tempfile.TemporaryFile() as output:
        started = time.time()
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.time() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")[-3000:]
            raise SystemExit(f"{shlex.join(command)} failed ({process.returncode}):\n{said}")
    return Finished(started, seconds, usage.ru_maxrss * _RSS_UNIT)


def run_contestant(
    script: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> Finished:
    """Run a script of this folder in a process of its own and read the JSON it leaves.

    The script is called with ``arguments`` and, as the last one, the file to write to
    (:func:`leave_result`).
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, str(Path(__file__).with_name(script)), *arguments, str(path)]
        finished = run_process(command, environment)
        result = json.loads(path.read_text(encoding="utf-8"))
    return Finished(finished.started, finished.seconds, finished.peak_bytes, result)


def leave_result(path: str, result: Any) -> None:
    """Write what a contestant measured where :func:`run_contestant` reads it."""
    Path(path).write_text(json.dumps(result), encoding="utf-8")


def save_mnist(folder: Path) -> None:
    """Write MNIST's images as ``x_train.npy`` and ``x_test.npy``, uint8 (n, 28, 28).

    So that contestants other than narrows read the fastest file there is, with nothing of narrows
    in their process.
    """
    from narrows.data import load_data

    np.save(folder / "x_train.npy", load_data("mnist").items)
    np.save(folder / "x_test.npy", load_data("mnist:test").items)


def load_mnist(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The training and test images that :func:`save_mnist` wrote."""
    train, test = (
        np.load(Path(folder) / f"x_{part}.npy", allow_pickle=False) for part in ("train", "test")
    )
    return train, test


def matrix_rate(repeats: int = 5) -> float:
    """What this machine's cores reach now in a large float32 matrix product, in FLOP/s.

    The best of ``repeats`` products of 2048 x 2048 matrices by NumPy's BLAS, after a first one.
    """
    left = np.random.default_rng(0).random((_MATRIX_SIZE, _MATRIX_SIZE), np.float32)
    right, product = left.T.copy(), np.empty_like(left)
    np.matmul(left, right, out=product)
    times = [_seconds_of_product(left, right, product) for _ in range(repeats)]
    return 2 * _MATRIX_SIZE**3 / min(times)


def _seconds_of_product(left: np.ndarray, right: np.ndarray, product: np.ndarray) -> float:
    start = time.perf_counter()
    np.matmul(left, right, out=product)
    return time.perf_counter() - start


def describe_machine() -> dict[str, Any]:
    """The processor, its usable cores, memory and system: nothing that names the machine."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(_LOAD_BEFORE, 2),
    }


def _cpu_model() -> str:
    from llvmlite import binding

    architecture = binding.get_host_cpu_name()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return architecture
    match = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return f"{match[1]} ({architecture})" if match else architecture


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Python's version, those of ``packages``, and narrows' commit."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found, "narrows": _commit()}


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


@dataclass(frozen=True)
class Target:
    """A figure that was set beforehand, and what was measured.

    Attributes:
        what: what is measured, with its unit.
        limit: what it must reach, or stay below.
        measured: what it came to.
        at_least: whether more is better.
    """

    what: str
    limit: float
    measured: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        if self.at_least:
            return self.measured >= self.limit
        return self.measured <= self.limit

    def row(self) -> list[str]:
        """What, limit, measured, met: as texts."""
        sense = "at least" if self.at_least else "at most"
        reached = "yes" if self.met else "no"
        return [self.what, f"{sense} {self.limit:g}", f"{self.measured:.3g}", reached]


def with_spread(values: Sequence[float], digits: int = 3) -> str:
    """The median, and the smallest and largest value."""
    middle, low, high = (f"{f(values):,.{digits}f}" for f in (statistics.median, min, max))
    return f"{middle} ({low} to {high})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows))


def write_record(
    name: str,
    title: str,
    *,
    targets: Sequence[Target],
    sections: Sequence[str],
    data: Mapping[str, Any],
    packages: Sequence[str],
    rates: Sequence[float],
) -> Path:
    """Write ``records/DATE-name/`` with ``result.json`` and ``README.md``, and print the latter.

    A record of the same day and name is replaced.

    Args:
        targets: what was to be reached.
        sections: Markdown that tells more.
        data: everything measured, for machines.
        packages: whose versions matter here.
        rates: what :func:`matrix_rate` gave in the course of the run.

    Returns:
        The folder.
    """
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    machine, used = describe_machine(), versions(packages)
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    told = [f"{name} {version}" for name, version in used.items()]
    gigaflops = with_spread([rate / 1e9 for rate in rates], 0)
    text = "\n\n".join(
        [
            f"# {title}, {date}",
            f"```sh\n{command}\n```",
            table(["target", "limit", "measured", "met"], [target.row() for target in targets]),
            *sections,
            f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
            f"{machine['system']}; load {machine['load_before']} before the run. A float32 matrix "
            f"product ({_MATRIX_SIZE} x {_MATRIX_SIZE}, NumPy, all cores) ran at {gigaflops} "
            f"GFLOP/s in the course of it. " + ", ".join(told) + ".",
        ]
    )
    result = {
        "command": command,
        "date": date,
        "machine": machine,
        "versions": used,
        "matrix_flop_per_second": list(rates),
        "targets": [{**vars(target), "met": target.met} for target in targets],
        **data,
    }
    folder = REPOSITORY / "records" / f"{date}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(text + "\n", encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(text)
    return folder


def announce(message: str) -> None:
    """Tell whoever waits what is being measured."""
    print(message, file=sys.stderr, flush=True)
