"""What starting narrows may load: a budget in modules, which is the same on every machine."""

import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

import narrows
from helpers import golden_archives
from helpers.codes_cases import counted_archive

HEAVY = {
    "PIL",
    "jax",
    "llvmlite",
    "matplotlib",
    "numba",
    "pandas",
    "pyarrow",
    "safetensors",
    "scipy",
    "sklearn",
}


def loaded_by(program: str, environment: dict[str, str] | None = None) -> set[str]:
    """The top-level modules that a new interpreter holds after running ``program``, with
    ``environment`` on top of this one's."""
    report = "import json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{report}"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def runs(*arguments: str) -> str:
    """A program that does what ``python -m narrows`` does, and goes on if that ends well."""
    return f"""
import runpy, sys
sys.argv = ["narrows", *{arguments!r}]
try:
    runpy.run_module("narrows", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""


def test_importing_narrows_loads_nothing_but_its_version() -> None:
    loaded = loaded_by("import narrows; assert narrows.__version__; dir(narrows)")
    assert not loaded & {*HEAVY, "numpy", "typer", "rich"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("fit", "--help"), ("demo", "--help"), ("compare", "--help")],
    ids=" ".join,
)
def test_asking_for_help_loads_no_heavy_library(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(runs(*arguments))
    assert "narrows" in loaded
    assert not loaded & HEAVY


@pytest.mark.slow
def test_opening_an_archive_loads_no_jax(tmp_path: Path) -> None:
    (tmp_path / "a.nrw").write_bytes(narrows.compress(np.arange(100)))
    loaded = loaded_by(runs("decompress", f"{tmp_path}/a.nrw", "--out", f"{tmp_path}/a.npy"))
    assert "numpy" in loaded
    assert not loaded & HEAVY
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), np.arange(100))


@pytest.mark.slow
def test_opening_a_small_archive_of_mixing_loads_no_numba(tmp_path: Path) -> None:
    (tmp_path / "a.nrw").write_bytes(b64decode(golden_archives.ARCHIVES["images, mixing"]))
    loaded = loaded_by(runs("decompress", f"{tmp_path}/a.nrw", "--out", f"{tmp_path}/a.npy"))
    assert not loaded & HEAVY


@pytest.mark.slow
@pytest.mark.parametrize("effort", ["fast", "normal"])
def test_what_is_small_is_packed_and_unpacked_without_kernels(tmp_path: Path, effort: str) -> None:
    """Neither numba nor pandas: a second to load, or a quarter of a minute to compile."""
    items, rows = np.random.default_rng(0).integers(0, 9, (64, 640), "u1"), range(600)
    np.save(tmp_path / "items.npy", items)
    text = "".join(f"{row},{row % 7 / 8},{'abc'[row % 3]}\n" for row in rows)
    (tmp_path / "table.csv").write_text(f"a,b,c\n{text}")
    for name in ("items.npy", "table.csv"):
        archive, back = f"{tmp_path}/{name}.nrw", f"{tmp_path}/back-{name}"
        line = ("compress", f"{tmp_path}/{name}", "--out", archive, "--effort", effort)
        slow = {"numba", "llvmlite", "pandas", "jax", "scipy", "sklearn", "matplotlib"}
        assert not loaded_by(runs(*line)) & slow
        assert not loaded_by(runs("decompress", archive, "--out", back)) & slow
    np.testing.assert_array_equal(np.load(tmp_path / "back-items.npy"), items)


@pytest.mark.slow
def test_an_archive_of_codes_is_the_same_by_every_library(tmp_path: Path) -> None:
    """Another kernel of BLAS, one thread or two: not one bit differs, and JAX is not there."""
    archive, found = tmp_path / "a.nrw", set()
    archive.write_bytes(counted_archive())
    for number, settings in enumerate(
        (
            {"OPENBLAS_NUM_THREADS": "1"},
            {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Prescott"},
        )
    ):
        out = tmp_path / f"{number}.npy"
        loaded = loaded_by(runs("decompress", f"{archive}", "--out", f"{out}"), settings)
        assert not loaded & HEAVY
        found.add(out.read_bytes())
    assert len(found) == 1


@pytest.mark.slow
def test_the_budget_would_notice() -> None:
    assert "sklearn" in loaded_by("import narrows; narrows.Autoencoder")


@pytest.mark.slow
def test_every_public_name_is_found() -> None:
    loaded_by("import narrows\nfor name in narrows.__all__: getattr(narrows, name)")


def test_an_unknown_name_is_no_attribute() -> None:
    loaded_by("import narrows\nassert not hasattr(narrows, 'Autoencoders')")
