"""What all benchmarks share: arguments, processes to measure, the machine, and records."""

import argparse
import datetime
import importlib.metadata
import importlib.util
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import kept_bytecode  # noqa: F401

# isort: split
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


def numbers(text: str) -> list[int]:
    """``0,1,2`` as a list."""
    return [int(part) for part in text.split(",")]


#: Arguments that several benchmarks take.
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "rounds": {"type": int, "default": 3, "help": "times that everything runs"},
    "seeds": {"type": numbers, "default": [0, 1, 2], "metavar": "N,N", "help": "0,1,2"},
    "records": {
        "type": Path,
        "default": REPOSITORY / "records",
        "metavar": "DIR",
        "help": "where the dated folder goes",
    },
    "resume": {"action": "store_true", "help": "go on with the newest record's runs.jsonl"},
    "again": {"action": "store_true", "help": "start over where today's record has runs"},
}
#: Those of a benchmark that keeps a :class:`Journal`.
JOURNAL = ("records", "resume", "again")


def argument_parser(
    documentation: str | None, *shared: str, packages: Sequence[str]
) -> argparse.ArgumentParser:
    """A parser whose help is a script's docstring, with some of the shared arguments.

    What it parses has ``versions`` besides, of ``packages``, for :func:`write_record`: a benchmark
    without one of them ends there, before anything is measured.
    """
    parser = _Parser(packages, documentation)
    for name in shared:
        parser.add_argument(f"--{name}", **_ARGUMENTS[name])
    return parser


class _Parser(argparse.ArgumentParser):
    """Makes sure of what a benchmark needs as soon as its arguments are read."""

    def __init__(self, packages: Sequence[str], documentation: str | None) -> None:
        super().__init__(
            description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self._packages = packages

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        arguments, rest = super().parse_known_args(args, namespace)
        arguments.versions = versions(self._packages)
        return arguments, rest


@dataclass(frozen=True)
class Finished:
    """A process that has ended well.

    Attributes:
        started: when it was started, seconds since the epoch of :func:`time.time`.
        seconds: wall time from then to its end.
        peak_bytes: the most physical memory it held.
        processor_seconds: what it took of all cores, its own and the system's for it.
        output: what it wrote to its standard output.
        said: what it wrote to its standard error.
        result: what it wrote to its result file, if it was given one.
    """

    started: float
    seconds: float
    peak_bytes: int
    processor_seconds: float
    output: str = ""
    said: str = ""
    result: Any = None


def run_process(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
) -> Finished:
    """Run ``command`` to its end, with ``environment`` on top of this process's own, and with these
    open file descriptors. Where this process is interrupted, the command ends too.

    The peak counts this process's own memory at the start as well, because the child shares it
    until it becomes another program: whoever measures must stay small.

    Raises:
        SystemExit: the command failed; the message ends with what it said last.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.time()
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=errors,
            env={**os.environ, **(environment or {})},
            pass_fds=descriptors,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.time() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = [_text(stream) for stream in (output, errors)]
    if process.returncode != 0:
        said = "".join(texts)[-3000:]
        raise SystemExit(f"{shlex.join(command)} failed ({process.returncode}):\n{said}")
    taken = usage.ru_utime + usage.ru_stime
    return Finished(started, seconds, usage.ru_maxrss * _RSS_UNIT, taken, *texts)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


@dataclass(frozen=True)
class Contestant:
    """What is measured beside others: its name, the function of a script that does the work, and
    the environment that it runs in."""

    name: str
    function: str
    environment: dict[str, str] = field(default_factory=dict)


def run_contestant(
    script: str,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
) -> Finished:
    """Run a script of this folder in a process of its own, as :func:`run_process` does, and read
    the JSON it leaves.

    The script is called with ``arguments`` and, as the last one, the file to write to
    (:func:`leave_result`).
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, str(Path(__file__).with_name(script)), *arguments, str(path)]
        finished = run_process(command, environment, descriptors)
        result = json.loads(path.read_text(encoding="utf-8"))
    return replace(finished, result=result)


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
    """Python's version, those of ``packages``, and narrows' commit.

    Raises:
        SystemExit: one of them is not installed, or the narrows that is imported is another than
            the one that this benchmark stands beside.
    """
    found = {name: _version(name) for name in packages}
    if missing := [name for name, version in found.items() if version is None]:
        raise SystemExit(
            f"{', '.join(missing)} cannot be had, and this benchmark needs it\n"
            "hint: python -m pip install -r benchmarks/requirements.txt"
        )
    imported = importlib.util.find_spec("narrows")
    if imported is None or REPOSITORY not in Path(str(imported.origin)).resolve().parents:
        raise SystemExit(
            f"narrows is imported from {imported and imported.origin}, and not from {REPOSITORY}, "
            f"whose benchmark this is\nhint: PYTHONPATH={REPOSITORY / 'src'}"
        )
    told = {name: str(version) for name, version in found.items()}
    return {"python": platform.python_version(), **told, "narrows": _commit()}


def _version(package: str) -> str | None:
    """The version of a package, or of the one that brings the module of this name: tensorflow comes
    of tensorflow-cpu too."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        brought_by = importlib.metadata.packages_distributions().get(package)
        return importlib.metadata.version(brought_by[0]) if brought_by else None


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    # what another benchmark of the same commit measured is no change of it
    sources = ("status", "--porcelain", "--untracked-files=no", "--", ".", ":!records")
    changed = git(*sources)
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
    """The median, and the smallest and largest value; of no values, nothing."""
    if not values:
        return ""
    middle, low, high = (f"{f(values):,.{digits}f}" for f in (statistics.median, min, max))
    return f"{middle} ({low} to {high})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows))


class Journal:
    """The record of a long benchmark, and in it each measurement from the moment it is made.

    ``runs.jsonl`` in the record's folder has one line for each: what was measured, what it came to,
    when, and at which commit. A benchmark that was stopped goes on after the last of them.

    Attributes:
        folder: where the record is written.
    """

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        """Open the journal of benchmark ``name`` as the arguments :data:`JOURNAL` say.

        Raises:
            SystemExit: there are runs already, and the arguments say neither resume nor again.
        """
        earlier = sorted(arguments.records.glob(f"????-??-??-{name}"))
        new = arguments.records / f"{_today()}-{name}"
        self.folder = earlier[-1] if arguments.resume and earlier else new
        self._path = self.folder / "runs.jsonl"
        self.folder.mkdir(parents=True, exist_ok=True)
        if arguments.again:
            self._path.unlink(missing_ok=True)
        self._kept = self._read()
        if self._kept and not arguments.resume:
            raise SystemExit(
                f"{self._path} has {len(self._kept)} runs already: --resume goes on with them, "
                "--again starts over"
            )

    def measure(self, what: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """What ``work(*arguments)`` gives, which must be JSON, or gave in the run that is resumed.

        ``what`` must name everything that the result depends on.
        """
        if what in self._kept:
            announce(f"{what}: measured before")
            return self._kept[what]
        announce(what)
        value = work(*arguments)
        entry = {
            "what": what,
            "value": value,
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "narrows": _commit(),
        }
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
        self._kept[what] = value
        return value

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {}
        # without what follows the last line break, which is of a run that was cut off
        lines = self._path.read_text(encoding="utf-8").split("\n")[:-1]
        entries = [json.loads(line) for line in lines]
        return {entry["what"]: entry["value"] for entry in entries}


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def write_record(
    name: str,
    title: str,
    *,
    targets: Sequence[Target],
    sections: Sequence[str],
    data: Mapping[str, Any],
    versions: Mapping[str, str],
    rates: Sequence[float],
    aims: Sequence[Target] = (),
    failures: Sequence[str] = (),
    folder: Path | None = None,
) -> Path:
    """Write ``records/DATE-name/`` with ``result.json`` and ``README.md``, and print the latter.

    A record of the same day and name is replaced.

    Args:
        targets: what was to be reached.
        sections: Markdown that tells more.
        data: everything measured, for machines.
        versions: those that the parser of arguments found.
        rates: what :func:`matrix_rate` gave in the course of the run.
        aims: what was hoped for beyond the targets.
        failures: what went wrong; the record tells of it above all else.
        folder: a :class:`Journal`'s, instead of today's.

    Returns:
        The folder.

    Raises:
        SystemExit: something went wrong, and all the rest is written.
    """
    date = _today()
    machine = describe_machine()
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    told = [f"{name} {version}" for name, version in versions.items()]
    gigaflops = with_spread([rate / 1e9 for rate in rates], 0)
    text = "\n\n".join(
        [
            f"# {title}, {date}",
            f"```sh\n{command}\n```",
            *(f"**Not complete.** {failure}" for failure in failures),
            _targets_table("target", targets),
            *([_targets_table("aim", aims)] if aims else []),
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
        "versions": dict(versions),
        "matrix_flop_per_second": list(rates),
        "targets": [{**vars(target), "met": target.met} for target in targets],
        "failures": list(failures),
        "aims": [{**vars(aim), "met": aim.met} for aim in aims],
        **data,
    }
    folder = folder or REPOSITORY / "records" / f"{date}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(text + "\n", encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(text)
    if failures:
        raise SystemExit(f"{folder} is not complete: {len(failures)} failures")
    return folder


def _targets_table(kind: str, targets: Sequence[Target]) -> str:
    return table([kind, "limit", "measured", "met"], [target.row() for target in targets])


def announce(message: str) -> None:
    """Tell whoever waits what is being measured."""
    print(message, file=sys.stderr, flush=True)
