"""Do archives give the same bytes everywhere, and is the promised error kept, always?

Target: archives of every kind of data give the same bytes under NumPy 1 and NumPy 2 with nothing
else installed, with one thread and with two, with and without Numba, with OpenBLAS told that the
processor is an old one and NumPy that it has no vector units; and of at least 100,000,000 values of
every dtype, written within bounds from tiny to huge, not one comes back further off than it may.

The archives are written once, by the environment that runs this. New virtual environments for the
NumPy versions are made in a temporary folder, which needs a package index. Whether a bound is kept
is checked by other arithmetic than narrows' own: integers in Python's or NumPy's wide ones, floats
in extended precision, and in fractions where that comes near the bound.

    python benchmarks/archive_exact.py [--values N]
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    REPOSITORY,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    table,
    write_record,
)
from narrows import compress
from narrows_cli import compress_digits_to_codes

NUMPY_VERSIONS = ("1.26.4", "2.1.3", "2.4.6")
# What else is set, by what the table calls it.
SETTINGS: dict[str, dict[str, str]] = {
    "as it is": {},
    "one thread": dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "two threads": dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2"),
    "OpenBLAS for Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "OpenBLAS for Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "NumPy without AVX2 and AVX-512": {
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL "
        "AVX512_ICL AVX512_SPR"
    },
    "Numba compiles nothing": {"NUMBA_DISABLE_JIT": "1"},
}
# Decodes every archive of a folder and prints the SHA-256 of what it gives, by name.
READER = """
import hashlib, json, sys
from pathlib import Path
from narrows import decompress

found = {}
for path in sorted(Path(sys.argv[1]).glob("*.nrw")):
    values = decompress(path.read_bytes())
    found[path.stem] = hashlib.sha256(values.tobytes()).hexdigest()
heavy = [name for name in ("jax", "sklearn", "matplotlib", "pyarrow") if name in sys.modules]
print(json.dumps({"digests": found, "heavy": heavy}))
"""

_PIECE = 1 << 22


def archived_data() -> dict[str, tuple[np.ndarray, float]]:
    """Arrays and bounds: enough items that every method of our own is met."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(0)
    digits = load_digits().images.astype("u1") * 15
    walk = random.normal(size=(600, 20)).cumsum(axis=0)
    return {
        "digits": (digits, 0),
        "digits within 7": (digits, 7),
        "16-bit": ((walk * 500).astype("i2"), 0),
        "colours": (np.abs(walk[:256, :3] * 9).astype("u1").repeat(16, 0).reshape(64, 8, 8, 3), 0),
        "one image": (np.add.outer(np.arange(300), np.arange(200)).astype("u1")[None], 0),
        "floats": (walk, 0),
        "floats within 0.01": (walk, 0.01),
        "single floats within 0.5": (walk.astype("f4"), 0.5),
        "decimals": (np.round(walk, 2), 0),
        "wide integers": ((walk * 1e12).astype("i8"), 0),
        "truth values": (walk > 0, 0),
    }


def read_by(python: str, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """What an interpreter makes of the archives."""
    source = {"PYTHONPATH": str(REPOSITORY / "src")}
    finished = subprocess.run(
        [python, "-c", READER, str(folder)],
        env={**os.environ, **source, **environment},
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        return {"digests": {}, "heavy": [], "error": finished.stderr.strip()[-300:]}
    return json.loads(finished.stdout.splitlines()[-1])


def python_with_numpy(version: str, folder: Path) -> str:
    """The interpreter of a new environment that has this NumPy and nothing else."""
    venv.create(folder / version, with_pip=True)
    python = str(folder / version / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", f"numpy=={version}"]
    subprocess.run(install, check=True)
    return python


def readings(folder: Path) -> dict[str, dict[str, Any]]:
    """What every environment reads, by its description; ``folder`` holds the archives."""
    found = {}
    for what, environment in SETTINGS.items():
        announce(what)
        found[what] = read_by(sys.executable, folder, environment)
    with tempfile.TemporaryDirectory() as environments:
        for version in NUMPY_VERSIONS:
            announce(f"NumPy {version} alone")
            python = python_with_numpy(version, Path(environments))
            found[f"NumPy {version} and nothing else"] = read_by(python, folder, {})
    return found


def any_values(dtype: np.dtype, count: int, random: np.random.Generator) -> np.ndarray:
    """A quarter each of any bits, of values around 1, of a walk, and of decimal numbers."""
    bits = random.integers(0, 256, count // 4 * dtype.itemsize, "u1").view(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        walk = random.integers(-3, 4, count // 4).cumsum() % min(int(limits.max), 1 << 40)
        ends = np.where(random.random(count // 2) < 0.5, limits.min, limits.max).astype(dtype)
        return np.concatenate([bits, walk.astype(dtype), ends])
    with np.errstate(over="ignore"):
        around = random.normal(size=count // 4).astype(dtype)
        walk = random.normal(size=count // 4).cumsum().astype(dtype)
        decimals = np.round(random.normal(size=count // 4) * 1000, 2).astype(dtype)
    return np.concatenate([bits, around, walk, decimals])


def violations(values: np.ndarray, result: np.ndarray, bound: float) -> int:
    """How many values came back further off than ``bound``: NaN and infinities changed count."""
    differ = values.view(f"u{values.dtype.itemsize}") != result.view(f"u{values.dtype.itemsize}")
    ours, theirs = values[differ], result[differ]
    if values.dtype.kind in "iu":
        larger, smaller = np.maximum(ours, theirs), np.minimum(ours, theirs)
        size = larger.astype("u8") - smaller.astype("u8")  # modulo 2^64, and so exact
        return int((size > min(int(bound), (1 << 64) - 1)).sum())
    with np.errstate(all="ignore"):
        size = np.abs(ours.astype(np.longdouble) - theirs.astype(np.longdouble))
        near = np.abs(size - bound) <= 1e-15 * bound
        beyond = ~(size <= bound) & ~near
    exact = sum(
        abs(Fraction(float(a)) - Fraction(float(b))) > Fraction(bound)
        for a, b in zip(ours[near], theirs[near], strict=True)
    )
    return int(beyond.sum()) + exact


def check_bounds(wanted: int) -> tuple[int, int, list[list[str]]]:
    """At least ``wanted`` values: how many there were, how many were too far off, and a table."""
    from narrows import decompress

    random = np.random.default_rng(1)
    types = {
        "f4": (1e-30, 1e-3, 0.5, 1e6),
        "f8": (1e-300, 1e-9, 0.1, 1e12),
        "f2": (1e-4, 0.25),
        "u1": (1, 31),
        "i2": (3, 1000),
        "i4": (1, 1 << 20),
        "u8": (2, 1 << 60),
    }
    each = -(-wanted // sum(map(len, types.values())))
    total = wrong = 0
    rows = []
    for name, bounds in types.items():
        for bound in bounds:
            done = bad = 0
            while done < each:
                values = any_values(np.dtype(name), min(_PIECE, each + 4), random)
                result = decompress(compress(values, bound, effort="fast"))
                bad += violations(values, result, bound)
                done += len(values)
            announce(f"{name} within {bound:g}: {done:,} values, {bad} too far off")
            rows.append([np.dtype(name).name, f"{bound:g}", f"{done:,}", str(bad)])
            total, wrong = total + done, wrong + bad
    return total, wrong, rows


def main() -> None:
    parser = argument_parser(__doc__, packages=["numpy", "numba"])
    parser.add_argument("--values", type=int, default=100_000_000, help="to check bounds on")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    rates = [matrix_rate()]
    with tempfile.TemporaryDirectory() as folder:
        expected: dict[str, str | None] = {"codes": None}
        compress_digits_to_codes(Path(folder) / "codes.nrw")
        for name, (values, bound) in archived_data().items():
            blob = compress(values, bound)
            (Path(folder) / f"{name}.nrw").write_bytes(blob)
            expected[name] = None if bound else hashlib.sha256(values.tobytes()).hexdigest()
        found = readings(Path(folder))
    reference = found["as it is"]["digests"]
    agree = {what: reading["digests"] == reference for what, reading in found.items()}
    exact = all(reference.get(n) == digest for n, digest in expected.items() if digest)
    total, wrong, rows = check_bounds(arguments.values)
    rates.append(matrix_rate())
    agreement = [
        [what, "yes" if agree[what] else reading.get("error", "no")[-80:]]
        for what, reading in found.items()
    ]
    write_record(
        "archive-exact",
        "The same bytes everywhere, and bounds that hold",
        targets=[
            Target(
                "environments that give other bytes", 0, len(agree) - sum(agree.values()), False
            ),
            Target("environments", 10, len(agree)),
            Target("lossless archives that give other values", 0, 0 if exact else 1, False),
            Target("values checked against their bound", 1e8, total),
            Target("of them further off than allowed", 0, wrong, False),
        ],
        sections=[
            table(["environment", "the same bytes"], agreement),
            table(["dtype", "largest error", "values", "too far off"], rows),
        ],
        data={"readings": found, "bounds": rows},
        versions=arguments.versions,
        rates=rates,
    )


if __name__ == "__main__":
    main()
