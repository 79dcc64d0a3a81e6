"""How fast are archives written and read, in how much memory?

Target: MNIST's 10,000 test images are compressed, trials and verification included, and
decompressed at 0.5 MB of their bytes a second or more, with ``--effort fast`` at 2 MB, at no more
than 1.12 bits a pixel. Not more than 1 GB of memory is held for any size of input, which 2 GB of
images show, made as the benchmark runs and mapped from a file. And ``narrows decompress`` loads no
JAX.

Beside them: xz -9e, and PNG and WebP lossless of one sheet of all images, by liblzma and Pillow, in
one thread. Every measurement is a process of its own, in rounds; code is compiled before it counts,
by a first archive that does not, but the program's start is part of it, as it is for its user.

    python benchmarks/archive_speed.py [--rounds N] [--megabytes N]
"""

import io
import json
import lzma
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from common import (
    Target,
    announce,
    argument_parser,
    matrix_rate,
    run_process,
    table,
    with_spread,
    write_record,
)
from narrows_cli import NARROWS, compress_file

MOST_MEMORY = 1e9
# Images of this side are what the large input is made of.
_SIDE = 64


def both_ways(data: Path, archive: Path, effort: str) -> dict[str, float]:
    """Seconds of ``compress`` and ``decompress``, whole processes; bytes; the larger peak."""
    there = compress_file(data, archive, "--effort", effort, "--json")
    back = run_process(
        [*NARROWS, "decompress", str(archive), "--out", str(archive.with_suffix(".npy"))]
    )
    best = json.loads(there.output)["tried"][0]
    return {
        "seconds": there.seconds,
        "seconds_back": back.seconds,
        "method_seconds": best["seconds"],
        "method_seconds_back": best["seconds_back"],
        "bytes": archive.stat().st_size,
        "peak_bytes": max(there.peak_bytes, back.peak_bytes),
    }


def sheet_of(images: np.ndarray) -> Image.Image:
    """All images side by side, 100 in a row."""
    rows = images.reshape(-1, 100, *images.shape[1:])
    return Image.fromarray(np.concatenate(np.concatenate(rows, axis=1), axis=1))


def others(images: np.ndarray) -> dict[str, dict[str, float]]:
    """The same of xz, PNG and WebP, in this process."""
    found = {}
    raw = images.tobytes()
    begun = time.perf_counter()
    packed = lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)
    half = time.perf_counter()
    assert lzma.decompress(packed) == raw
    found["xz -9e"] = _measured(len(packed), begun, half)
    for kind, options in (
        ("PNG", {"optimize": True}),
        ("WebP", {"lossless": True, "quality": 100}),
    ):
        sheet, out = sheet_of(images), io.BytesIO()
        begun = time.perf_counter()
        sheet.save(out, kind, **options)
        half = time.perf_counter()
        Image.open(io.BytesIO(out.getvalue())).load()
        found[f"{kind}, one sheet"] = _measured(len(out.getvalue()), begun, half)
    return found


def _measured(size: int, begun: float, half: float) -> dict[str, float]:
    return {"seconds": half - begun, "seconds_back": time.perf_counter() - half, "bytes": size}


def large_input(path: Path, megabytes: int) -> None:
    """Smooth images with a little noise, written as one array piece by piece: a map of the file
    would count as memory of the processes that are started from here."""
    random = np.random.default_rng(0)
    count = megabytes * 10**6 // _SIDE**2
    ramp = np.add.outer(np.arange(_SIDE), np.arange(_SIDE))
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, _SIDE, _SIDE)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, 1000):
            size = min(1000, count - start)
            noise = random.integers(0, 3, (size, _SIDE, _SIDE))
            items = ramp + random.integers(0, 100, (size, 1, 1)) + noise
            file.write(items.astype(np.uint8).tobytes())


def loads_jax(archive: Path) -> bool:
    """Whether ``narrows decompress`` imports JAX on the way."""
    out = archive.with_suffix(".out.npy")
    code = (
        "import sys; from narrows.__main__ import main\n"
        f"sys.argv = ['narrows', 'decompress', {str(archive)!r}, '--out', {str(out)!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('jax' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return told.stdout.splitlines()[-1] == "True"


def rates_row(name: str, runs: list[dict[str, Any]], raw: int) -> list[str]:
    """Bits a pixel, and MB a second both ways: of all, and of coding alone."""
    kinds = [kind for kind in ("", "method_") if f"{kind}seconds" in runs[0]]
    measured = [f"{kind}seconds{way}" for kind in kinds for way in ("", "_back")]
    ways = [with_spread([raw / 1e6 / run[way] for run in runs], 2) for way in measured]
    peaks = [run["peak_bytes"] / 1e6 for run in runs if "peak_bytes" in run]
    return [
        name,
        f"{8 * runs[0]['bytes'] / raw:.3f}",
        *ways[:2],
        *(ways[2:] or ["", ""]),
        f"{max(peaks):,.0f}" if peaks else "",
    ]


def main() -> None:
    parser = argument_parser(__doc__, "rounds", packages=["numpy", "numba", "pillow"])
    parser.add_argument("--megabytes", type=int, default=2000, help="of the large input")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    from narrows.data import load_data

    images = np.ascontiguousarray(load_data("mnist:test").items)
    raw = images.nbytes
    rates = [matrix_rate()]
    runs: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "images.npy"
        np.save(data, images)
        announce("compiling")
        both_ways(data, folder / "first.nrw", "fast")
        for number in range(arguments.rounds):
            for effort in ("fast", "normal"):
                announce(f"round {number + 1}: --effort {effort}")
                one = both_ways(data, folder / f"{effort}.nrw", effort)
                runs.setdefault(f"narrows --effort {effort}", []).append(one)
            announce(f"round {number + 1}: others")
            for other, figures in others(images).items():
                runs.setdefault(other, []).append(figures)
        rates.append(matrix_rate())
        jax = loads_jax(folder / "normal.nrw")
        announce(f"{arguments.megabytes} MB of images")
        large = folder / "large.npy"
        large_input(large, arguments.megabytes)
        big = both_ways(large, folder / "large.nrw", "fast")
        rates.append(matrix_rate())

    def rate(effort: str, way: str) -> float:
        return raw / 1e6 / statistics.median(run[way] for run in runs[f"narrows --effort {effort}"])

    fast = runs["narrows --effort fast"][0]["bytes"]
    write_record(
        "archive-speed",
        "Archives: speed and memory",
        targets=[
            Target("compress, MB a second", 0.5, rate("normal", "seconds")),
            Target("decompress, MB a second", 0.5, rate("normal", "seconds_back")),
            Target("compress --effort fast, MB a second", 2, rate("fast", "seconds")),
            Target("decompress of that, MB a second", 2, rate("fast", "seconds_back")),
            Target("bits a pixel with --effort fast", 1.12, 8 * fast / raw, at_least=False),
            Target("peak memory for the large input, MB", 1000, big["peak_bytes"] / 1e6, False),
            Target("modules of JAX that decompress loads", 0, int(jax), at_least=False),
        ],
        sections=[
            table(
                [
                    "",
                    "bits a pixel",
                    "MB a second",
                    "and back",
                    "the method alone",
                    "and back",
                    "peak memory, MB",
                ],
                [rates_row(name, each, raw) for name, each in runs.items()],
            ),
            f"{arguments.megabytes:,} MB of images of {_SIDE} by {_SIDE}, --effort fast: "
            f"{big['bytes'] / 1e6:,.0f} MB, {big['seconds']:,.0f} s, {big['seconds_back']:,.0f} s "
            f"back, in at most {big['peak_bytes'] / 1e6:,.0f} MB of memory.",
        ],
        data={"runs": runs, "large": big},
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
