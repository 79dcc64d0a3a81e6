"""What happens to commands: signals, full disks, lost terminals, truncated files and more."""

import contextlib
import importlib.util
import os
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from environment_clusters import cut_off
from environment_counts import CODE, LOST, failed_badly, files_in, said_badly
from environment_machines import can_connect, compiled_clock, jump, own_clock
from environment_processes import clock_of_two, cut_apart, lost_on_the_way, one_of_two
from environment_trials import (
    COMMANDS,
    FIT,
    MANY,
    TOGETHER,
    Command,
    Ended,
    Trial,
    environment_of_locale,
    slowness,
)
from environment_workers import damaged_checkpoint, kill, starve, stopped, to_worker

Random = np.random.Generator

#: Within so many seconds a command has obeyed, or was done anyway.
_OBEYED = 2.0
#: What a case may need; a cluster is a network, and Dask.
DISK, NETWORK, CLOCK, CLUSTER = "disk", "network", "clock", "cluster"
# The share of signals that come while a file is being written.
_WHILE_WRITING = 0.3
# A refusal that comes before so much of a command's time is one at the start.
_AT_START = 0.4
_LONGEST_NAME = 255
_FAILED_WELL = (0, 1)
_USES_KERNELS = tuple(
    each for each in COMMANDS if each.name in ("encode", "decode", "reconstruct", "detect", "fit")
)


@dataclass(frozen=True)
class Case:
    """Something that happens to commands.

    Attributes:
        name: what the record calls it.
        group: what it is an example of.
        run: does it to one command, counts its faults and gives how it ended.
        commands: to which.
        share: of the moments that were asked for; less where each takes long.
        needs: what not every user may make: a disk, a network, a clock, or a cluster.
    """

    name: str
    group: str
    run: Callable[[Trial, Random], Ended]
    commands: tuple[Command, ...] = COMMANDS
    share: float = 1.0
    needs: str = ""


def moment(trial: Trial, random: Random) -> float:
    """A moment between the interpreter's start and the usual end, in processor time."""
    return float(random.uniform(0, trial.reference.seconds))


# Signals


def _stopping(number: signal.Signals, twice: bool = False) -> Callable[[Trial, Random], Ended]:
    """Send a signal; those of a terminal go to the whole process group."""

    def run(trial: Trial, random: Random) -> Ended:
        if random.random() < 0.5:
            trial.put_earlier()
        process, delay = trial.start(), float(random.uniform(0.02, 1))
        sent: list[float] = []

        def send() -> None:
            with contextlib.suppress(OSError):
                if number in (signal.SIGINT, signal.SIGHUP):
                    os.killpg(process.pid, number)
                else:
                    process.send_signal(number)
            sent.append(time.monotonic())

        def again() -> None:
            if len(sent) == 1 and time.monotonic() > sent[0] + delay:
                send()

        writing, when = random.random() < _WHILE_WRITING, moment(trial, random)
        if writing:  # at the end at the latest
            when = trial.reference.seconds * float(random.uniform(0.9, 1))
        ended = trial.watch(
            process, send, when, ends=True, writing=writing, meanwhile=again if twice else None
        )
        _judge_stopped(trial, ended, -number, 128 + number)
        killed = number == signal.SIGKILL
        trial.faults += ended.faults if killed else trial.rest(ended)
        if killed or trial.command.trains:
            _judge_next(trial)
        return ended

    return run


def _judge_stopped(trial: Trial, ended: Ended, *codes: int) -> None:
    """A command that was asked to end: did it, or was it done?"""
    if ended.code != 0:
        trial.judge_unbroken()
        trial.must_be(ended, *codes) if ended.happened else trial.must_be(ended, 0)
        return
    trial.judge_complete()
    if ended.happened and ended.after > _OBEYED * slowness():
        trial.faults.append((CODE, f"went on for {ended.after:.1f} s and ended with 0"))


def _judge_next(trial: Trial) -> None:
    """The same command again, a fit from its checkpoint: it has to leave what it always leaves.

    Where it was done already, its new folder may be refused as one that is there.
    """
    checkpoint = trial.out / Path(trial.command.out).stem / "checkpoint.safetensors"
    resumes = trial.command.trains and checkpoint.exists()
    new_folder = not Path(trial.command.out).suffix and not trial.earlier
    was_done = new_folder and trial.is_complete()
    ended = trial.watch(trial.start(*(["--resume"] if resumes else [])))
    refused = was_done and f"out/{trial.command.out} exists already" in ended.said
    trial.must_be(ended, 1 if refused else 0)
    trial.judge_complete()
    trial.faults += trial.rest(ended)


# Disks


@contextlib.contextmanager
def mounted(folder: Path, size: int) -> Iterator[None]:
    """A small disk in memory at ``folder``."""
    folder.mkdir(exist_ok=True)
    pages = f"size={max(4096, size)}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", pages, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def can_mount(scratch: Path) -> bool:
    """Whether this user may mount a disk in memory."""
    folder = scratch / "mount"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4096", "tmpfs", str(folder)]
    try:
        mount = subprocess.run(words, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return False
    return mount.returncode == 0 and subprocess.run(["umount", str(folder)]).returncode == 0


def possible(scratch: Path) -> set[str]:
    """What of the needs of cases this user may make here."""
    makes = {DISK: can_mount, NETWORK: can_connect, CLOCK: compiled_clock}
    made = {"", *(need for need, make in makes.items() if make(scratch))}
    has_dask = importlib.util.find_spec("distributed") is not None
    return made | ({CLUSTER} if NETWORK in made and has_dask else set())


def _fill(folder: Path) -> Path:
    """Leave no byte free on the disk at ``folder``."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(1))
    return filler


def _judge_failed(trial: Trial, ended: Ended, readable: bool = True) -> None:
    """A command that may fail, with one error, and may break nothing."""
    if ended.code == 0:
        trial.judge_complete(ended.said)
    else:
        trial.judge_unbroken()
        if not ended.faults:
            trial.faults += failed_badly(ended.code, ended.said, readable)
    trial.faults += trial.rest(ended)


def _small_disk(trial: Trial, random: Random) -> Ended:
    size = 1.3 * trial.reference.size
    if trial.command.trains:  # it is told at the start that there is less than its model takes
        size = 0.85 * trial.reference.largest
    with mounted(trial.out, int(random.uniform(0, size))):
        if random.random() < 0.5:
            with contextlib.suppress(OSError):
                trial.put_earlier()
        ended = trial.watch()
        _judge_failed(trial, ended)
        _judge_refused_early(trial, ended)
    return ended


def _judge_refused_early(trial: Trial, ended: Ended) -> None:
    """A training whose model cannot be written, or has no room from the start: a refusal has to
    come before it, not after."""
    late = ended.seconds > _AT_START * trial.reference.seconds
    if trial.command.trains and ended.code == 1 and late:
        trial.faults.append((LOST, "trained, and refused to write the model then"))


def _filled_disk(trial: Trial, random: Random) -> Ended:
    with mounted(trial.out, 2 * trial.reference.size + (1 << 20)):
        if random.random() < 0.5:
            trial.put_earlier()
        ended = trial.watch(None, lambda: _fill(trial.out) and None, moment(trial, random))
        (trial.out / "filler").unlink(missing_ok=True)
        _judge_failed(trial, ended)
    return ended


def _quota(trial: Trial, random: Random) -> Ended:
    if random.random() < 0.5:
        trial.put_earlier()
    process, limit = trial.start(), int(random.uniform(0, trial.reference.largest))

    def restrict() -> None:
        with contextlib.suppress(OSError):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))

    ended = trial.watch(process, restrict, moment(trial, random))
    _judge_failed(trial, ended)
    return ended


def _full_temporary(trial: Trial, random: Random) -> Ended:
    """Where temporary files go is full: results lie elsewhere."""
    folder = trial.folder / "tmp"
    with mounted(folder, 1 << 16):
        ended = trial.watch(None, lambda: _fill(folder) and None, moment(trial, random))
        (folder / "filler").unlink(missing_ok=True)
        trial.must_be(ended, 0)
        trial.judge_complete()
        trial.faults += trial.rest(ended)
    return ended


def _full_run_folder(trial: Trial, random: Random) -> Ended:
    """Pictures, history and checkpoint have no room, the model has: it has to be there."""
    folder = trial.folder / "run"
    with mounted(folder, int(random.uniform(0, trial.reference.size / 2))):
        ended = trial.watch(trial.start("--run-dir", "run"))
        written = files_in(trial.out).get(trial.command.out)
        refused = ended.code == 1 and ended.seconds < _AT_START * trial.reference.seconds
        if written != trial.reference.files[trial.command.out] and not refused:
            trial.faults.append((LOST, f"{trial.command.out} was not written"))
        if ended.code == 1 and written and trial.command.out not in ended.said:
            trial.faults.append((CODE, "ended with 1 and did not say that the model is there"))
        if not ended.faults:
            trial.faults += failed_badly(ended.code, ended.said)
        trial.faults += trial.rest(ended)
    return ended


def _kernels(caches: Path, random: Random) -> list[Path]:
    """All files of one compiled function in the caches."""
    files = sorted([*caches.rglob("*.nbi"), *caches.rglob("*.nbc")])
    functions = sorted({path.name.partition(".py3")[0] for path in files})
    one = functions[int(random.integers(len(functions)))]
    return [path for path in files if path.name.startswith(f"{one}.")]


def _full_cache(trial: Trial, random: Random) -> Ended:
    """A function is not in the caches, and there is no room to keep it."""
    caches = trial.folder / "caches"
    with mounted(caches, 64 << 20):
        shutil.copytree(trial.place.caches, caches, dirs_exist_ok=True)
        trial.use_caches(caches)
        for path in _kernels(caches, random):
            path.unlink()
        _fill(caches)
        ended = trial.watch()
        _judge_unmoved(trial, ended)
    return ended


def _judge_unmoved(trial: Trial, ended: Ended, *codes: int) -> None:
    """A command that has no reason to fail."""
    trial.must_be(ended, *(codes or (0,)))
    trial.judge_complete()
    trial.faults += trial.rest(ended)


# Terminals


def _closed_stderr(trial: Trial, random: Random) -> Ended:
    ended = trial.watch(trial.start(shell='exec "$@" 2>&-'))
    _judge_unmoved(trial, ended)
    _judge_output(trial, ended)
    return ended


def _full_stderr(trial: Trial, random: Random) -> Ended:
    with Path("/dev/full").open("wb") as full:
        ended = trial.watch(trial.start(stderr=full.fileno()))
    _judge_unmoved(trial, ended)
    _judge_output(trial, ended)
    return ended


def _broken_stderr(trial: Trial, random: Random) -> Ended:
    """Whoever read standard error goes away at a moment."""
    reading, writing = os.pipe()
    process = trial.start(stderr=writing)
    os.close(writing)
    ended = trial.watch(process, lambda: os.close(reading), moment(trial, random))
    if not ended.happened:
        os.close(reading)
    _judge_unmoved(trial, ended)
    _judge_output(trial, ended)
    return ended


def _judge_output(trial: Trial, ended: Ended) -> None:
    """The result has to be on standard output, and nothing else."""
    lines, usual = ended.output.count("\n"), trial.reference.output.count("\n")
    if lines != usual and ended.code == 0:
        trial.faults.append((LOST, f"{lines} lines of result instead of {usual}"))


def _gone_stdout(trial: Trial, random: Random) -> Ended:
    """Standard output is closed, full, or nobody reads it: files are written nevertheless."""
    kind = random.integers(3)
    if kind == 0:
        ended = trial.watch(trial.start(shell='exec "$@" >&-'))
    elif kind == 1:
        with Path("/dev/full").open("wb") as full:
            ended = trial.watch(trial.start(stdout=full.fileno()))
    else:
        reading, writing = os.pipe()
        process = trial.start(stdout=writing)
        os.close(writing)
        os.close(reading)
        ended = trial.watch(process)
    _judge_unmoved(trial, ended, *_FAILED_WELL)
    return ended


def _hung_up(ignored: bool) -> Callable[[Trial, Random], Ended]:
    """The terminal goes away at a moment; ``ignored`` as under ``nohup``."""

    def run(trial: Trial, random: Random) -> Ended:
        if random.random() < 0.5:
            trial.put_earlier()
        master, slave = os.openpty()
        seen: list[bytes] = []
        process = trial.start(
            shell="trap '' HUP; exec \"$@\"" if ignored else "",
            stdin=slave,
            stdout=slave if random.random() < 0.5 else subprocess.PIPE,
            stderr=slave,
            terminal=True,
        )
        os.close(slave)
        gone = False

        def go() -> None:
            nonlocal gone
            gone = True
            os.close(master)

        def read() -> None:
            while not gone and select.select([master], [], [], 0)[0]:
                try:
                    seen.append(os.read(master, 1 << 16))
                except OSError:
                    return

        ended = trial.watch(process, go, moment(trial, random), ends=not ignored, meanwhile=read)
        if not gone:
            os.close(master)
        if ignored:
            _judge_unmoved(trial, ended, *_FAILED_WELL)
        else:
            _judge_stopped(trial, ended, -signal.SIGHUP, 128 + signal.SIGHUP)
            trial.faults += trial.rest(ended)
        trial.faults += said_badly(b"".join(seen).decode("utf-8", "replace"))
        return ended

    return run


# Truncations


def _shrinking_input(trial: Trial, random: Random) -> Ended:
    """A file that is read loses its end at a moment: the whole result, or a sentence."""
    inputs = trial.own_inputs()
    read = inputs / trial.command.reads
    if read.is_dir():
        files = sorted(read.iterdir())
        read = files[int(random.integers(len(files)))]
    # a table may end at any line, an empty one is none
    size = 0 if read.suffix == ".csv" else int(random.uniform(0, read.stat().st_size))
    ended = trial.watch(None, lambda: os.truncate(read, size), moment(trial, random))
    _judge_failed(trial, ended)
    return ended


def _damage(path: Path, random: Random) -> None:
    """Empty a file, cut it, change a byte of it, or put something else in its place."""
    content = bytearray(path.read_bytes())
    kind = random.integers(4)
    place = int(random.integers(max(1, len(content))))
    if kind == 0:
        content.clear()
    elif kind == 1:
        del content[place:]
    elif kind == 2 and content:
        content[place] ^= 1 << int(random.integers(8))
    else:
        content[:] = random.bytes(len(content))
    path.write_bytes(content)


def _damaged_caches(trial: Trial, random: Random) -> Ended:
    """Files of a compiled function are damaged: the same result, now and the next time."""
    for path in _kernels(trial.own_caches(), random):
        if random.random() < 0.7:
            _damage(path, random)
    ended = trial.watch()
    _judge_unmoved(trial, ended)
    return ended


def _damaged_input(trial: Trial, random: Random) -> Ended:
    """The model or the archive that is read has lost its end: a sentence."""
    inputs = trial.own_inputs()
    (name,) = [
        word.removeprefix("in/")
        for word in trial.command.arguments
        if word.endswith((".safetensors", ".nrw"))
    ]
    os.truncate(inputs / name, int(random.uniform(0, (inputs / name).stat().st_size)))
    trial.put_earlier()
    ended = trial.watch()
    _judge_failed(trial, ended)
    trial.must_be(ended, 1)
    return ended


def _half(name: str) -> Callable[[Trial, Random], Ended]:
    """A file of a run folder has lost its end, and the run shall go on."""

    def run(trial: Trial, random: Random) -> Ended:
        shutil.copytree(trial.place.before, trial.out, dirs_exist_ok=True)
        path = trial.out / Path(trial.command.out).stem / name
        os.truncate(path, int(random.uniform(0, path.stat().st_size)))
        trial.earlier = files_in(trial.out)
        ended = trial.watch(trial.start("--resume"))
        _judge_failed(trial, ended)
        if ended.code == 1 and "hint:" not in ended.said:
            trial.faults.append((CODE, "ended with 1 and gave no hint"))
        return ended

    return run


# Two at once, and names


def _two_at_once(trial: Trial, random: Random) -> Ended:
    """The same command again while the first is at work."""
    other = list[subprocess.Popen[bytes]]()
    ended = trial.watch(None, lambda: other.append(trial.start()), moment(trial, random))
    endings = [ended, *(trial.watch(process) for process in other)]
    codes = sorted(each.code for each in endings)
    if codes not in ([0], [0, 0], [0, 1]) and not any(each.faults for each in endings):
        trial.faults.append((CODE, f"the two ended with {codes}"))
    for each in endings:
        if each.code == 1:
            trial.faults += failed_badly(each.code, each.said)
        trial.faults += trial.rest(each)
    trial.judge_complete()
    return ended


def _encoding(trial: Trial, random: Random) -> Ended:
    places = environment_of_locale()
    trial.environment |= places[int(random.integers(len(places)))]
    ended = trial.watch()
    _judge_unmoved(trial, ended)
    _judge_output(trial, ended)
    return ended


def _name(trial: Trial, random: Random) -> Ended:
    """The longest names that a file system takes, one that is too long, and names that are no
    text."""
    suffix = Path(trial.command.out).suffix
    room = _LONGEST_NAME - len(suffix)
    stems = (
        "n" * room,
        "n" * int(random.integers(200, room)),
        "é" * (min(243, room) // 2),
        os.fsdecode(b"caf\xe9 \xff"),
        "two\nlines",
        "-",
        "n" * (room + 1),
    )
    # most often those at the limit
    stem = stems[random.choice([0, 1, 2, 3, 4, 5, 6], p=[0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2])]
    named = Trial(trial.place, trial.command.called(stem + suffix), trial.folder / "named")
    ended = named.watch()
    if len(stem) > room:
        named.must_be(ended, 1)
        _judge_failed(named, ended)
        _judge_refused_early(named, ended)
    else:
        _judge_unmoved(named, ended)
    trial.faults += named.faults
    return ended


def _clock(trial: Trial, random: Random) -> Ended:
    """The time of day jumps, ahead or back: nothing comes of it."""
    place = own_clock(trial)
    ended = trial.watch(None, lambda: jump(place, random), moment(trial, random))
    _judge_unmoved(trial, ended)
    return ended


_READS = tuple(each for each in COMMANDS if each.reads)
_READS_MODEL = tuple(
    each
    for each in COMMANDS
    if any(word.endswith((".safetensors", ".nrw")) for word in each.arguments)
)

# Their results have rules and signs that some encodings lack.
_SAYS_SIGNS = tuple(each for each in COMMANDS if each.arguments[0] == "compress")

CASES = (
    Case("interrupt", "signals", _stopping(signal.SIGINT)),
    Case("interrupt-twice", "signals", _stopping(signal.SIGINT, twice=True)),
    Case("terminate", "signals", _stopping(signal.SIGTERM)),
    Case("hang-up", "signals", _stopping(signal.SIGHUP)),
    Case("kill", "signals", _stopping(signal.SIGKILL)),
    Case("small-disk", "disks", _small_disk, needs=DISK),
    Case("filled-disk", "disks", _filled_disk, needs=DISK),
    Case("quota", "disks", _quota),
    Case("full-temporary", "disks", _full_temporary, needs=DISK),
    Case("full-run-folder", "disks", _full_run_folder, (FIT,), 0.25, needs=DISK),
    Case("full-cache", "disks", _full_cache, _USES_KERNELS, 0.5, needs=DISK),
    Case("closed-stderr", "terminals", _closed_stderr),
    Case("full-stderr", "terminals", _full_stderr),
    Case("broken-stderr", "terminals", _broken_stderr),
    Case("gone-stdout", "terminals", _gone_stdout),
    Case("lost-terminal", "terminals", _hung_up(ignored=False)),
    Case("lost-terminal-nohup", "terminals", _hung_up(ignored=True)),
    Case("shrinking-input", "truncations", _shrinking_input, _READS),
    Case("damaged-cache", "truncations", _damaged_caches, _USES_KERNELS),
    Case("damaged-input", "truncations", _damaged_input, _READS_MODEL),
    Case("half-history", "truncations", _half("history.jsonl"), (FIT,), 0.5),
    Case("half-checkpoint", "truncations", _half("checkpoint.safetensors"), (FIT,)),
    Case("two-at-once", "others", _two_at_once),
    Case("encoding", "others", _encoding, _SAYS_SIGNS, 0.5),
    Case("name", "others", _name),
    Case("flipped-checkpoint", "truncations", damaged_checkpoint, (FIT,)),
    Case("worker-killed", "workers", to_worker(kill), (MANY,)),
    Case("worker-memory", "workers", to_worker(starve), (MANY,)),
    Case("workers-interrupt", "workers", stopped(signal.SIGINT, group=True), (MANY,)),
    Case("workers-terminate", "workers", stopped(signal.SIGTERM, group=False), (MANY,)),
    Case("workers-hang-up", "workers", stopped(signal.SIGHUP, group=True), (MANY,)),
    Case("workers-two-at-once", "workers", _two_at_once, (MANY,)),
    Case("worker-cut", "workers", cut_off((0, 1), 0), (MANY,), needs=CLUSTER),
    Case("workers-cut", "workers", cut_off((1, 1), 0), (MANY,), needs=CLUSTER),
    Case("scheduler-cut", "workers", cut_off((0, 0), 1), (MANY,), needs=CLUSTER),
    Case("process-interrupted", "processes", one_of_two(signal.SIGINT), (TOGETHER,)),
    Case("process-killed", "processes", one_of_two(signal.SIGKILL), (TOGETHER,)),
    Case("process-killed-early", "processes", lost_on_the_way, (TOGETHER,)),
    Case("processes-cut", "processes", cut_apart, (TOGETHER,), needs=NETWORK),
    Case("processes-clock", "processes", clock_of_two, (TOGETHER,), needs=CLOCK),
    Case("clock", "others", _clock, (*COMMANDS, MANY), needs=CLOCK),
)
