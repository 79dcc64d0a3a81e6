"""What happens to archives that are damaged, or forged by somebody who repairs the checksums?

Target: of every single-bit flip in small archives and of 100,000 random mutations of larger ones,
each ends in a clear error or in the right data: not one other exception, wrong value, or decoding
that takes longer than 10 seconds; all in at most 512 MB, of which 64 MB are what the caller allows
the data to take.

A mutation changes, cuts out, puts in, repeats or cuts off bytes. Every other one is *resealed*: a
part or an entry of the header is changed, and every CRC-32 is right for what is there, so that the
decoders themselves are met; the SHA-256 of the data is left. (Who changes what the header says that
the values are, such as their type, has made another archive: these are counted apart.) The archives
hold integers, images, floats within a bound, decimals, tables and codes; the data are made here,
but for scikit-learn's digits.

    python benchmarks/archive_damage.py [--mutations N]
"""

import concurrent.futures
import contextlib
import io
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import types
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    Target,
    announce,
    argument_parser,
    matrix_rate,
    table,
    write_record,
)
from narrows import compress, decompress
from narrows.archive import blocks
from narrows.archive.container import Container, Part, write_container
from narrows.errors import NarrowsError
from narrows_cli import compress_digits_to_codes

MOST_SECONDS, MOST_BYTES, DATA_BYTES = 10.0, 512 << 20, 64 << 20
_CHUNK = 2500
_SMALL_BLOCK, _BLOCK = 400, 8192


def datasets(scale: int) -> dict[str, tuple[Any, Any, int]]:
    """Data by name, the largest error allowed, and the bytes of a block; ``scale`` 1 is small."""
    import pyarrow as pa

    random = np.random.default_rng(scale)
    n = 40 * scale
    block = _SMALL_BLOCK if scale == 1 else _BLOCK
    walk = random.normal(size=(n, 4)).cumsum(axis=0)
    images = (np.abs(walk[:, :1, None] + np.add.outer(np.arange(6), np.arange(6))) * 9).astype("u1")
    columns = {
        "number": np.round(walk[:, 0], 2),
        "count": (walk[:, 1] * 10).astype("i4"),
        "kind": np.array(["red", "grün", "blue"])[np.arange(n) * 7 % 3],
        "known": pa.array(np.arange(n) % 5 > 1, mask=np.arange(n) % 11 == 0),
    }
    return {
        "integers": ((walk * 50).astype("i2"), 0, block),
        "images": (images, 0, 1 << 20),
        "images within 5": (images, 5, 1 << 20),
        "floats": (walk.astype("f4"), 0, block),
        "floats within 0.1": (np.where(walk > 3, np.nan, walk), 0.1, block),
        "decimals": (np.round(walk, 3), 0, block),
        "table": (pa.table(columns), None, 1 << 20),
        "table within 1 %": (pa.table(columns), "1%", 1 << 20),
    }


def make_archives(scale: int, folder: Path) -> None:
    """An archive of each of :func:`datasets`, and of codes of the digits."""
    for name, (data, bound, block) in datasets(scale).items():
        blocks.BLOCK_BYTES = block
        (folder / f"{name}.nrw").write_bytes(compress(data, bound))
    compress_digits_to_codes(folder / "codes.nrw")


def read_archives(folder: str) -> list[tuple[bytes, Any]]:
    """The archives of a folder, and what they hold."""
    blobs = [path.read_bytes() for path in sorted(Path(folder).glob("*.nrw"))]
    return [(blob, decompress(blob)) for blob in blobs]


def outcome(blob: bytes, expected: Any) -> str:
    """What reading comes to: ``right``, ``refused``, ``wrong values`` or another exception."""
    begun = time.perf_counter()
    try:
        result = decompress(blob, max_bytes=DATA_BYTES)
        found = "right" if same(result, expected) else "wrong values"
    except NarrowsError:
        found = "refused"
    except Exception as error:  # the thing that must not happen
        found = f"{type(error).__name__}: {error}"[:100]
    return "too slow" if time.perf_counter() - begun > MOST_SECONDS else found


def same(result: Any, expected: Any) -> bool:
    """Whether two arrays have the same bits, or two tables are equal."""
    if isinstance(expected, np.ndarray):
        return (
            isinstance(result, np.ndarray)
            and (result.shape, result.dtype) == (expected.shape, expected.dtype)
            and result.tobytes() == expected.tobytes()
        )
    return type(result) is type(expected) and bool(result.equals(expected))


class _Matching(int):
    """A checksum that is equal to any."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


@contextlib.contextmanager
def every_checksum_matches() -> Iterator[None]:
    """What a reader meets when somebody has computed all CRC-32 anew."""
    believing = types.SimpleNamespace(**{**vars(zlib), "crc32": lambda *given: _Matching()})
    readers = [
        module
        for name, module in sys.modules.items()
        if name.startswith("narrows.archive") and getattr(module, "zlib", None) is zlib
    ]
    for module in readers:
        module.zlib = believing  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in readers:
            module.zlib = zlib  # type: ignore[attr-defined]


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Bytes with one to four changes."""
    changed = bytearray(content)
    for _ in range(random.integers(1, 5)):
        if not changed:
            break
        start, length = int(random.integers(len(changed))), int(random.integers(1, 20))
        piece = random.integers(0, 256, length, "u1").tobytes()
        kind = random.integers(6)
        if kind == 0:
            changed[start] ^= 1 << int(random.integers(8))
        elif kind == 1:
            changed[start : start + length] = piece
        elif kind == 2:
            del changed[start : start + length]
        elif kind == 3:
            changed[start:start] = piece
        elif kind == 4:
            changed[start:start] = changed[start : start + length]
        else:
            del changed[int(random.integers(start, len(changed))) :]
    return bytes(changed)


def resealed(blob: bytes, random: np.random.Generator) -> tuple[bytes, bool]:
    """An archive with another part or another entry of the header, and whether it is that."""
    container = Container(io.BytesIO(blob), "a")
    parts = {name: container.read(name) for name in container.sizes if name != "header"}
    header, of_header = container.header, bool(random.integers(4) == 0)
    if of_header:
        header = _changed_entry(header, random)
    else:
        name = str(random.choice(sorted(parts)))
        parts[name] = mutated(parts[name], random)
    out = io.BytesIO()
    write_container(out, header, [Part.of(name, held) for name, held in parts.items()])
    return out.getvalue(), of_header


def _changed_entry(value: Any, random: np.random.Generator) -> Any:
    """A JSON value with one of its leaves changed."""
    if isinstance(value, dict) and value:
        key = str(random.choice(sorted(value)))
        return {**value, key: _changed_entry(value[key], random)}
    if isinstance(value, list) and value:
        at = int(random.integers(len(value)))
        return [*value[:at], _changed_entry(value[at], random), *value[at + 1 :]]
    others = [0, 1, -1, 255, 1 << 20, 1 << 40, (1 << 62) - 1, 0.5, "", "xz", None, [], {}, True]
    return others[int(random.integers(len(others)))]


def flips(folder: str, which: int) -> Counter[str]:
    """Every single-bit flip of one of the archives."""
    found: Counter[str] = Counter()
    for blob, expected in read_archives(folder)[which : which + 1]:
        for place in range(len(blob)):
            for bit in range(8):
                damaged = bytearray(blob)
                damaged[place] ^= 1 << bit
                found[outcome(bytes(damaged), expected)] += 1
    return found


def mutations(folder: str, first: int, count: int) -> tuple[Counter[str], Counter[str], int]:
    """``count`` mutations with the seed ``first``: what came of the plain ones, what of the
    resealed ones, and the most memory that this process held."""
    random = np.random.default_rng(first)
    archives = read_archives(folder)
    plain: Counter[str] = Counter()
    sealed: Counter[str] = Counter()
    for number in range(count):
        blob, expected = archives[number // 2 % len(archives)]
        if number % 2:
            forged, of_header = resealed(blob, random)
            with every_checksum_matches():
                found = outcome(forged, expected)
            sealed["other data" if of_header and found == "wrong values" else found] += 1
        else:
            plain[outcome(mutated(blob, random), expected)] += 1
    return plain, sealed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bad(found: Counter[str]) -> int:
    """How many outcomes there must not be."""
    fine = {"right", "refused", "other data"}
    return sum(count for what, count in found.items() if what not in fine)


def main() -> None:
    parser = argument_parser(__doc__, packages=["numpy", "pyarrow"])
    parser.add_argument("--mutations", type=int, default=100_000, help="in all")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    rates = [matrix_rate()]
    flipped: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    sealed: Counter[str] = Counter()
    peak = 0
    workers = len(os.sched_getaffinity(0))
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as small,
        tempfile.TemporaryDirectory() as larger,
        concurrent.futures.ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn")
        ) as pool,
    ):
        make_archives(1, Path(small))
        (Path(small) / "codes.nrw").unlink()  # its digits are what they are
        make_archives(25, Path(larger))
        count = len(list(Path(small).glob("*.nrw")))
        for found in pool.map(flips, [small] * count, range(count)):
            flipped += found
        announce(f"{flipped.total():,} flips: {dict(flipped)}")
        seeds = range(0, arguments.mutations, _CHUNK)
        sizes = [min(_CHUNK, arguments.mutations - seed) for seed in seeds]
        for one, other, bytes_ in pool.map(mutations, [larger] * len(seeds), seeds, sizes):
            plain, sealed, peak = plain + one, sealed + other, max(peak, bytes_)
            announce(f"{plain.total() + sealed.total():,}: {bad(plain) + bad(sealed)} bad")
    seconds = time.perf_counter() - begun
    rates.append(matrix_rate())
    kinds = {"single-bit flips": flipped, "mutations": plain, "resealed": sealed}
    outcomes = sorted(set().union(*kinds.values()))
    rows = [[kind, *(f"{found[what]:,}" for what in outcomes)] for kind, found in kinds.items()]
    write_record(
        "archive-damage",
        "Damaged and forged archives",
        targets=[
            Target("single-bit flips that end otherwise", 0, bad(flipped), at_least=False),
            Target("mutations that end otherwise", 0, bad(plain), at_least=False),
            Target("resealed mutations that end otherwise", 0, bad(sealed), at_least=False),
            Target("mutations in all", 100_000, plain.total() + sealed.total()),
            Target("peak memory, MB", MOST_BYTES / 1e6, peak / 1e6, at_least=False),
        ],
        sections=[table(["", *outcomes], rows), f"{seconds:,.0f} s for all of it."],
        data={"outcomes": {kind: dict(found) for kind, found in kinds.items()}},
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
