"""The notebooks of examples/: they run, and are kept with their results."""

import ast
import re
from pathlib import Path
from typing import Any

import jax
import pytest

pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

import nbformat

from helpers.compiling import plain_flags
from notebooks import EXAMPLES, executed  # in tools/

NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def code_of(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def has_magic(path: Path) -> bool:
    """Whether it asks the kernel itself for something."""
    return any(re.search("^%", source, re.M) for source in code_of(path))


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if has_magic(path)], ids=lambda path: path.stem
)
def test_a_notebook_runs_in_a_kernel(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What XLA compiles is kept for the notebooks' processes as for this one.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", jax.config.jax_compilation_cache_dir or "")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("XLA_FLAGS", plain_flags())
    executed(path, tmp_path, epochs=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if not has_magic(path)], ids=lambda path: path.stem
)
def test_a_notebook_of_python_alone_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cells one after the other, and what the last line of each shows, without a kernel."""
    pytest.importorskip("pandas")  # they have data frames
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for source in code_of(path):
        tree = ast.parse(re.sub(r"^epochs = \d+$", "epochs = 2", source, flags=re.M))
        ending = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path.name, "exec"), names)
        if isinstance(ending, ast.Expr):
            value = eval(compile(ast.Expression(ending.value), path.name, "eval"), names)
            assert repr(value) and getattr(value, "_repr_html_", lambda: None)() != ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_with_its_results_which_name_no_folder(path: Path) -> None:
    assert path.stat().st_size < 300_000
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert 5 <= len(code) <= 15
    assert all(cell.outputs for cell in code if "\nprint(" in f"\n{cell.source}")
    assert "/home/" not in path.read_text("utf-8") and "/tmp/" not in path.read_text("utf-8")
