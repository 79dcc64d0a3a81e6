"""Commands that write, in folders of their own, watched while something happens to them."""

import concurrent.futures
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common import announce
from environment_counts import (
    CODE,
    EARLIER,
    HANG,
    Fault,
    Reference,
    complete,
    left_over,
    left_temporary,
    nothing_broken,
    reference,
    said_badly,
)
from narrows_cli import NARROWS, caches_in

_POLL, _POLL_WRITING = 0.02, 0.002
#: Seconds after a signal within which a command has to end.
LIMIT = 5.0
# A command that nothing stops may take so many times its time, and compile its kernels anew.
_SLOW, _COMPILING = 3.0, 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Command:
    """A command line, as it is typed in a folder that has ``in`` and ``out``.

    Attributes:
        name: what the record calls it.
        arguments: the words after ``narrows``, without where to write.
        out: what it writes, relative to the folder ``out``.
        reads: what of ``in`` it reads its items or its model from.
        option: the name of the option for ``out``.
    """

    name: str
    arguments: tuple[str, ...]
    out: str
    reads: str
    option: str = "--out"

    @property
    def trains(self) -> bool:
        """Whether it leaves a checkpoint that it can go on from."""
        return self.arguments[0] == "fit"

    def words(self, *more: str) -> list[str]:
        """The whole command line."""
        return [*NARROWS, *self.arguments, self.option, f"out/{self.out}", *more]

    def called(self, out: str) -> "Command":
        """The same command, writing elsewhere."""
        return dataclasses.replace(self, out=out)


def _fit(data: str, model: str, *options: str) -> tuple[str, ...]:
    return ("fit", f"in/{data}", "--latent", "4", "--checkpoint-seconds", "0", *options)


#: Epochs of the fit that is stopped, and of a run that :mod:`environment_cases` damages.
EPOCHS, EPOCHS_BEFORE = 50, 25
_ARRAY = _fit("readings.npy", "model", "--preset", "simple")
FIT = Command("fit", (*_ARRAY, "--epochs", str(EPOCHS)), "model.safetensors", "readings.npy")
FIT_BEFORE = Command("fit", (*_ARRAY, "--epochs", str(EPOCHS_BEFORE)), FIT.out, FIT.reads)
FIT_TABLE = Command(
    "fit, table",
    _fit("table.csv", "model", "--hidden", "16", "--epochs", "30"),
    "model.safetensors",
    "table.csv",
)
_FIT_IMAGES = Command(
    "fit, images",
    _fit("images", "model", "--preset", "dense", "--hidden", "16", "--epochs", "30"),
    "model.safetensors",
    "images",
)


def _with_model(verb: str, model: str, data: str, out: str) -> Command:
    return Command(verb, (verb, f"in/{model}.safetensors", f"in/{data}"), out, data)


#: Every command that writes.
COMMANDS: tuple[Command, ...] = (
    FIT,
    _with_model("encode", "array", "readings.npy", "codes.npy"),
    _with_model("decode", "array", "codes.npy", "decoded.csv"),
    _with_model("reconstruct", "images", "images", "near"),
    _with_model("denoise", "table", "table.csv", "full.csv"),
    _with_model("detect", "table", "table.csv", "scores.csv"),
    Command("generate", ("generate", "in/images.safetensors", "-n", "1000"), "drawn", ""),
    Command("compress", ("compress", "in/grey.npy"), "grey.nrw", "grey.npy"),
    Command("decompress", ("decompress", "in/images.nrw"), "again", ""),
    Command("demo", ("demo", "--data", "in/readings.npy"), "story", "readings.npy"),
    FIT_TABLE,
    Command("compress, table", ("compress", "in/table.csv"), "table.nrw", "table.csv"),
)


#: Two workers, each file with a result of its own.
MANY = Command(
    "encode, workers",
    ("encode", "in/array.safetensors", "in/parts", "--workers", "2"),
    "codes",
    "parts",
)
#: A training that several processes may share.
TOGETHER = Command(
    "fit, processes", (*_ARRAY, "--no-detection", "--epochs", "2"), FIT.out, FIT.reads
)
EVERY = (*COMMANDS, MANY, TOGETHER)


@dataclass(frozen=True)
class Workplace:
    """Inputs, caches that are filled, and what commands leave undisturbed.

    Attributes:
        scratch: a folder for everything.
        references: by the command's name.
    """

    scratch: Path
    references: dict[str, Reference] = field(default_factory=dict)

    @property
    def inputs(self) -> Path:
        return self.scratch / "inputs"

    @property
    def caches(self) -> Path:
        return self.scratch / "caches"

    @property
    def before(self) -> Path:
        """The folder ``out`` of :data:`FIT_BEFORE`."""
        return self.scratch / "before" / "out"

    def prepare(self, commands: Sequence[Command], processes: int) -> None:
        """Make the inputs, fill the caches, and run every command undisturbed, twice."""
        make_data(self.inputs)
        for name, command in (("array", FIT), ("table", FIT_TABLE), ("images", _FIT_IMAGES)):
            announce(f"making a model: {command.name}")
            made = self._undisturbed(f"made-{name}", command)
            shutil.copy(made.out / command.out, self.inputs / f"{name}.safetensors")
        codes = _with_model("encode", "array", "readings.npy", "codes.npy")
        images = Command("compress", ("compress", "in/images"), "images.nrw", "images")
        for command in (codes, images):
            made = self._undisturbed(f"made-{command.out}", command)
            shutil.copy(made.out / command.out, self.inputs / command.out)
        self._undisturbed("before", FIT_BEFORE)
        with concurrent.futures.ThreadPoolExecutor(processes) as pool:
            for command, found in zip(commands, pool.map(self._reference, commands), strict=True):
                self.references[command.name] = found

    def _reference(self, command: Command) -> Reference:
        announce(f"undisturbed: {command.name}")
        first, second = (
            self._undisturbed(f"{part}-{command.name}", command) for part in ("first", "second")
        )
        return reference(first.out, second.out, second.output, second.seconds)

    def _undisturbed(self, name: str, command: Command) -> "Undisturbed":
        trial = Trial(self, command, self.scratch / name)
        ended = trial.watch()
        if ended.code != 0:
            raise SystemExit(f"{' '.join(trial.command.words())} failed:\n{ended.said}")
        return Undisturbed(trial.out, ended.output, ended.seconds)


@dataclass(frozen=True)
class Undisturbed:
    """The folder that a command wrote to, what it printed and how long it took."""

    out: Path
    output: str
    seconds: float


def make_data(folder: Path) -> None:
    """Write an array, small whole numbers, a table and a folder of images."""
    from PIL import Image

    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    mixed = np.tanh(random.normal(size=(2000, 4)) @ random.normal(size=(4, 20)))
    readings = (mixed + 0.05 * random.normal(size=mixed.shape)).astype(np.float32)
    np.save(folder / "readings.npy", readings)
    grey = np.concatenate([readings, readings[::-1] * 0.9]) * 60 + 128
    np.save(folder / "grey.npy", np.clip(grey, 0, 255).astype(np.uint8))
    (folder / "parts").mkdir()
    for number in range(8):
        np.save(folder / "parts" / f"{number}.npy", np.tile(readings, (10 + number, 1)))
    lines = ["age,price,city,when,score"]
    for value in random.normal(size=500):
        price = "" if random.random() < 0.05 else f"{1000 + 300 * value + random.normal():.2f}"
        day = f"2024-{1 + random.integers(12):02}-{1 + random.integers(28):02}"
        city = random.choice(["Bern", "Rom", "Paris"])
        lines.append(f"{40 + 10 * value:.0f},{price},{city},{day},{2 * value:.3f}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    down, across = np.mgrid[:16, :16]
    for number in range(30):
        x, y, width = random.uniform(3, 13, 3)
        spot = 255 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * width))
        Image.fromarray(spot.astype(np.uint8)).save(folder / "images" / f"{number:03}.png")


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code, negative for a signal that ended it.
        said: what it wrote to standard error, as far as that was a pipe.
        output: what it wrote to standard output, likewise.
        seconds: processor time that it took.
        happened: whether what was to happen did so before its end.
        after: seconds from then, or from the start, to its end.
        faults: hangs.
    """

    code: int
    said: str
    output: str
    seconds: float
    happened: bool
    after: float
    faults: tuple[Fault, ...] = ()


def slowness() -> float:
    """How many times as long things take as on a quiet machine, at most: its load, a core."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def processor_seconds(pid: int) -> float:
    """What a process and its ended children have used."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    return sum(map(int, text.rpartition(")")[2].split()[11:15])) / _TICKS


class Trial:
    """A command in a folder of its own, which may be started more than once.

    Attributes:
        command: the command.
        folder: where it is started; has ``in``, ``out`` and ``tmp``.
        environment: what is said on top of this process's environment.
        expected: what it leaves undisturbed; None while that is found out.
        earlier: what lies at its outputs' places already, by path.
        faults: what was wrong so far.
    """

    def __init__(self, place: Workplace, command: Command, folder: Path) -> None:
        self.place, self.command, self.folder = place, command, folder
        self.expected = place.references.get(command.name)
        if self.expected and command not in EVERY:  # it writes to another name
            usual = next(each for each in COMMANDS if each.name == command.name)
            self.expected = self.expected.renamed(Path(usual.out).stem, Path(command.out).stem)
        self.earlier: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        for name in ("out", "tmp"):
            (folder / name).mkdir(parents=True)
        (folder / "in").symlink_to(place.inputs)
        # what an installed program has: bytecode that is not compiled anew each time
        kept = {
            "PYTHONPYCACHEPREFIX": str(place.scratch / "bytecode"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        self.environment = {"TMPDIR": str(folder / "tmp"), **kept, **caches_in(place.caches)}

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def reference(self) -> Reference:
        assert self.expected is not None
        return self.expected

    def put_earlier(self) -> None:
        """Put an earlier file where each single file of the command goes."""
        for name in self.reference.files:
            if name == self.command.out or name.endswith(("/model.safetensors", ".html")):
                (self.out / name).parent.mkdir(exist_ok=True)
                (self.out / name).write_bytes(EARLIER)
                self.earlier[name] = EARLIER

    def own_inputs(self) -> Path:
        """Give it inputs of its own, which may be damaged."""
        inputs = self.folder / "in"
        inputs.unlink()
        shutil.copytree(self.place.inputs, inputs)
        return inputs

    def own_caches(self) -> Path:
        """Give it caches of its own, filled."""
        caches = self.folder / "caches"
        shutil.copytree(self.place.caches, caches)
        self.use_caches(caches)
        return caches

    def use_caches(self, caches: Path) -> None:
        self.environment |= caches_in(caches)

    def start(
        self,
        *more: str,
        shell: str = "",
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        terminal: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start it.

        Args:
            more: words at the command's end.
            shell: what a shell does around it, where "$@" is the command.
            terminal: make stdin its controlling terminal, so that it is told of a hang-up.
        """
        words = self.command.words(*more)
        if shell:
            words = ["sh", "-c", shell, "sh", *words]
        if terminal:
            words = ["setsid", "--ctty", *words]
        return subprocess.Popen(
            [os.fsencode(word) for word in words],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=not terminal,
        )

    def watch(
        self,
        process: subprocess.Popen[bytes] | None = None,
        happen: Callable[[], None] | None = None,
        moment: float = 0.0,
        *,
        ends: bool = False,
        writing: bool = False,
        meanwhile: Callable[[], None] | None = None,
    ) -> Ended:
        """Wait for its end.

        Args:
            process: what was started; it is started if nothing is given.
            happen: what happens to it, ``moment`` seconds of its processor time after its start.
            ends: whether it has to end after that, within :data:`LIMIT`.
            writing: let it happen as soon as a hidden file is seen, if that is earlier.
            meanwhile: called again and again.
        """
        process = process or self.start()
        usual = self.expected.seconds if self.expected else 120.0
        start, since, used = time.monotonic(), None, 0.0
        faults: list[Fault] = []
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, said = process.communicate(timeout=_POLL_WRITING if writing else _POLL)
                break
            used = processor_seconds(process.pid)
            if meanwhile is not None:
                meanwhile()
            now = used >= moment or (writing and self.is_writing())
            if happen is not None and since is None and now:
                happen()
                since = time.monotonic()
            waited = time.monotonic() - (since if ends and since else start)
            limit = LIMIT if ends and since else _SLOW * usual + _COMPILING
            if waited > limit * slowness() and not faults:
                faults.append((HANG, f"still there {waited:.0f} s " + ("on" if ends else "after")))
                _end(process)
        end = time.monotonic()
        faults += end_the_rest(process.pid)
        texts = [(text or b"").decode("utf-8", "replace") for text in (said, output)]
        happened = happen is None or since is not None
        return Ended(
            process.returncode, *texts, used, happened, end - (since or start), tuple(faults)
        )

    def is_writing(self) -> bool:
        """Whether a hidden file is in its output folder, or in the folder of its run."""
        folders = [self.out, self.out / Path(self.command.out).stem]
        return any(
            path.name.startswith(".")
            for folder in folders
            if folder.is_dir()
            for path in folder.iterdir()
        )

    def rest(self, ended: Ended) -> Iterator[Fault]:
        """Hangs, tracebacks and files left, of which no case allows any."""
        yield from (*ended.faults, *said_badly(ended.said))
        yield from (*left_over(self.out), *left_temporary(self.folder / "tmp"))

    def is_complete(self) -> bool:
        """Whether all of a finished result is there."""
        return not any(complete(self.out, self.reference))

    def judge_complete(self, said: str = "") -> None:
        """Count what is missing of a finished result, but for what ``said`` names with a reason."""
        self.faults += complete(self.out, self.reference, said)

    def judge_unbroken(self) -> None:
        """Count what is broken where the command did not finish."""
        self.faults += nothing_broken(self.out, self.reference, self.earlier)

    def must_be(self, ended: Ended, *codes: int) -> None:
        """Count another exit code than these; a hang is counted already."""
        if ended.code not in codes and not ended.faults:
            told = " or ".join(map(str, codes))
            lines = ended.said.strip().splitlines()
            last = ([line for line in lines if "error:" in line] or lines or [""])[-1]
            self.faults.append((CODE, f"ended with {ended.code}, not {told}: {last[:160]}"))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()


def end_the_rest(group: int, seconds: float = 1.0) -> Iterator[Fault]:
    """Count and end what is left of the process group of a command that has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not _is_there(group):
            return
        time.sleep(_POLL)
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)
        yield HANG, "it left a process behind"


def _is_there(group: int) -> bool:
    """Whether a process of the group goes on: one that has ended may wait to be taken notice of."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text(encoding="utf-8", errors="replace")
            state, _, of = text.rpartition(")")[2].split()[:3]
            if int(of) == group and state not in "ZX":
                return True
    return False


def environment_of_locale() -> Sequence[Mapping[str, str]]:
    """Encodings of standard output that lack some of what results say."""
    return (
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )


def heed_signals() -> None:
    """Ignore no signal that commands would then ignore too: what a shell starts in the background
    ignores Ctrl-C, and under nohup hang-ups."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
