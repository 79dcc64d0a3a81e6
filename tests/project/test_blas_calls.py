"""What BLAS computes in many small steps runs on one of its threads (narrows/support/blas.py)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import narrows

PACKAGE = Path(narrows.__file__).parent
# A benchmark's, tested as the package is.
MEASURES = Path(__file__).parents[2] / "benchmarks" / "generation_measures.py"
# What of numpy.linalg and scipy.linalg decomposes nothing.
NO_DECOMPOSITIONS = {"norm", "LinAlgError", "LinAlgWarning"}
# What only threads of blas.side_by_side call, in which BLAS has one already.
SIDE_BY_SIDE = ("engine/fused/refinement.py",)
# What of scikit-learn fits nothing.
NO_MODELS = {"base", "utils", "exceptions", "datasets"}


def name_of(node: ast.AST) -> str:
    """``a.b.c`` of a chain of attributes."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def is_one_thread(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) == "one_blas_thread"


def decompositions(tree: ast.Module) -> Iterator[tuple[ast.Call, bool]]:
    """Every call that decomposes or fits, and whether BLAS has one thread there."""
    fits = any(
        isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("sklearn.")
        and (node.module or "").split(".")[1] not in NO_MODELS
        for node in ast.walk(tree)
    )

    def within(node: ast.AST, inside: bool) -> Iterator[tuple[ast.Call, bool]]:
        if isinstance(node, ast.FunctionDef):
            inside = inside or any(map(is_one_thread, node.decorator_list))
        if isinstance(node, ast.With):
            inside = inside or any(is_one_thread(item.context_expr) for item in node.items)
        if isinstance(node, ast.Call):
            *package, linalg, name = ["", "", *name_of(node.func).split(".")]
            ours = linalg == "linalg" and package[-1] != "jnp" and name not in NO_DECOMPOSITIONS
            if ours or (fits and name == "fit"):
                yield node, inside
        for child in ast.iter_child_nodes(node):
            yield from within(child, inside)

    return within(tree, False)


def test_every_decomposition_has_one_thread() -> None:
    found = [
        (f"{path}:{call.lineno}", inside)
        for path in (*sorted(PACKAGE.rglob("*.py")), MEASURES)
        if not path.as_posix().endswith(SIDE_BY_SIDE)
        for call, inside in decompositions(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert len(found) > 10
    assert [place for place, inside in found if not inside] == []


@pytest.mark.parametrize(
    ("source", "inside"),
    (
        ("def f(a):\n    return np.linalg.eigh(a)", False),
        ("def f(a):\n    with one_blas_thread():\n        return np.linalg.eigh(a)", True),
        ("@one_blas_thread()\ndef f(a):\n    return scipy.linalg.svd(a)", True),
        ("def f(a):\n    return linalg.svd(a)", False),
        ("from sklearn.linear_model import Ridge\nRidge().fit(a, b)", False),
    ),
)
def test_calls_are_found(source: str, inside: bool) -> None:
    assert [each for _, each in decompositions(ast.parse(source))] == [inside]
