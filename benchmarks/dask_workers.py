"""Do many workers write what one process does, when one of them is killed half-way?

100 files of 100 MNIST images are compressed, and encoded by a small net: by one process, one after
the other; by 2 and 4 workers of a Dask cluster on this machine, and by ``--workers`` 2 and 4. One
worker is killed when half of the results are there. Targets: no result is missing, none has other
bytes than that of the one process, and the index of the archives has them in the order of their
files.

    python benchmarks/dask_workers.py
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from common import Target, announce, argument_parser, matrix_rate, table, write_record

FILES, ITEMS, COUNTS = 100, 100, (2, 4)
JOBS = ("compress", "encode")
SUFFIX = {"compress": ".nrw", "encode": ".npy"}
NARROWS = (sys.executable, "-m", "narrows")


def prepare() -> None:
    """Write the files and a model, whose training does not matter."""
    from narrows import Autoencoder, load_data

    images = load_data("mnist:test").items
    Path("in").mkdir()
    for number in range(FILES):
        np.save(f"in/part-{number}.npy", images[number * ITEMS : (number + 1) * ITEMS])
    autoencoder = Autoencoder(latent=16, epochs=1, preset="dense", random_state=0)
    autoencoder.fit(images).save("m.safetensors")


def serially(job: str) -> float:
    """The seconds in which one process, with no worker, does it to each file."""
    from narrows.support.progress import NOBODY
    from narrows.tasks.many_files.jobs import CompressFiles, EncodeFiles, FileJob

    made: FileJob = (
        CompressFiles() if job == "compress" else EncodeFiles(model=Path("m.safetensors"))
    )
    start = time.perf_counter()
    work = made.settled().opened()
    for number in range(FILES):
        out = f"serial/part-{number}{SUFFIX[job]}"
        work(f"in/part-{number}.npy", out, NOBODY)
    return time.perf_counter() - start


@contextmanager
def cluster(count: int) -> Iterator[tuple[str, list[int]]]:
    """The address of a scheduler, and its workers' processes."""
    with ExitStack() as held:

        def started(module: str, *arguments: str) -> int:
            line = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"]
            process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
            held.callback(process.wait)
            held.callback(process.kill)
            return process.pid

        started(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "s.json"
        )
        while not Path("s.json").exists():
            time.sleep(0.1)
        address = json.loads(Path("s.json").read_text(encoding="utf-8"))["address"]
        workers = [
            started("dask_worker", address, "--nthreads", "1", "--no-nanny") for _ in range(count)
        ]
        yield address, workers
    Path("s.json").unlink()


def run(job: str, who: tuple[str, str], workers: list[int], out: Path) -> float:
    """The seconds in which workers do it, of which one is killed half-way."""
    model = ("m.safetensors",) if job == "encode" else ()
    start = time.perf_counter()
    process = subprocess.Popen([*NARROWS, job, *model, "in", *who, "--out", str(out)])
    killer = threading.Thread(target=kill_half_way, args=(process, workers, out, SUFFIX[job]))
    killer.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    killer.join()
    assert not code, code
    return seconds


def kill_half_way(
    process: "subprocess.Popen[bytes]", workers: list[int], out: Path, suffix: str
) -> None:
    """Kill a worker when half of the results are there."""
    while len(list(out.glob(f"*{suffix}"))) < FILES // 2:
        assert process.poll() is None, "it ended before a worker was killed"
        time.sleep(0.02)
    os.kill((workers or own_workers(process.pid))[0], signal.SIGKILL)


def own_workers(program: int) -> list[int]:
    """The processes that a program with ``--workers`` started (Linux)."""
    children = Path(f"/proc/{program}/task/{program}/children").read_text(encoding="ascii").split()
    commands = {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in children}
    return [each for each, command in commands.items() if b"spawn_main" in command]


def compared(out: Path, suffix: str) -> tuple[int, int, int]:
    """How many results are missing, have other bytes, and lie elsewhere in the index."""
    names = [f"part-{number}{suffix}" for number in range(FILES)]
    there = [name for name in names if (out / name).exists()]
    differ = [n for n in there if (out / n).read_bytes() != Path("serial", n).read_bytes()]
    index = out / "archives.json"
    listed = names
    if suffix == ".nrw":
        listed = [each["file"] for each in json.loads(index.read_text("utf-8"))["archives"]]
    elsewhere = sum(one != other for one, other in zip(names, listed, strict=True))
    return FILES - len(there), len(differ), elsewhere


def main() -> None:
    packages = ["numpy", "dask", "distributed"]
    versions = argument_parser(__doc__, packages=packages).parse_args().versions
    rates, rows, found = [matrix_rate()], [], dict[str, tuple[int, int, int]]()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        announce("writing files")
        prepare()
        for job in JOBS:
            announce(f"{job}, one process")
            rows.append([job, "one process", "", f"{serially(job):.1f}"])
            for count in COUNTS:
                announce(f"{job}, {count} workers")
                out = Path(f"dask-{job}-{count}")
                with cluster(count) as (address, workers):
                    seconds = run(job, ("--dask", address), workers, out)
                found[f"{job}, {count} Dask workers"] = compared(out, SUFFIX[job])
                rows.append([job, f"{count} Dask workers", "1", f"{seconds:.1f}"])
                out = Path(f"own-{job}-{count}")
                seconds = run(job, ("--workers", str(count)), [], out)
                found[f"{job}, --workers {count}"] = compared(out, SUFFIX[job])
                rows.append([job, f"--workers {count}", "1", f"{seconds:.1f}"])
        os.chdir("/")
    rates.append(matrix_rate())
    kinds = ("missing", "of other bytes", "out of order")
    targets = [
        Target(f"{name}: {kind}", 0, count, at_least=False)
        for name, counts in found.items()
        for kind, count in zip(kinds, counts, strict=True)
    ]
    write_record(
        "dask-workers",
        "Many files by many workers, of which one is killed",
        targets=targets,
        sections=[
            table(["job", "who", "workers killed", "seconds"], rows),
            f"{FILES} files of {ITEMS} images. Seconds count the start of the program and, where "
            "they are its own, of the workers; all share the cores of one machine, which others "
            "used meanwhile.",
        ],
        data={name: dict(zip(kinds, counts, strict=True)) for name, counts in found.items()},
        versions=versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
