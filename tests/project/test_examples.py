"""The notebooks of examples/: they run, and are kept with their results."""

from pathlib import Path

import jax
import pytest

pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

import nbformat

from helpers.compiling import plain_flags
from notebooks import EXAMPLES, executed  # in tools/

NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")  # archives.ipynb and tables.ipynb have data frames
    # What XLA compiles is kept for the notebooks' processes as for this one.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", jax.config.jax_compilation_cache_dir or "")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("XLA_FLAGS", plain_flags())
    executed(path, tmp_path, epochs=2)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_with_its_results_which_name_no_folder(path: Path) -> None:
    assert path.stat().st_size < 300_000
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert 5 <= len(code) <= 15
    assert all(cell.outputs for cell in code if "\nprint(" in f"\n{cell.source}")
    assert "/home/" not in path.read_text("utf-8") and "/tmp/" not in path.read_text("utf-8")
