"""Imports go only downwards, those inside functions and those for types included."""

import ast
import functools
from pathlib import Path

import pytest

import narrows

PACKAGE = Path(narrows.__file__).parent

# Lowest first. A module, or package, imports from the lines above its own and from itself.
LAYERS = (
    {"errors", "version"},
    {"support"},
    {"data", "nn", "learnt", "pages"},
    {"engine", "archive"},
    {"model", "training", "baselines"},
    {"planning"},
    {"report"},
    {"tasks", "figures"},
    {"estimators", "server"},
    {"cli"},
)
# What users import and what they run: nothing of the package may lean on either.
FACES = {"__init__", "__main__"}

# Libraries that only these modules and packages may import.
RESERVED = {
    "jax": ("narrows.engine",),
    "llvmlite": ("narrows.engine.fused", "narrows.support.compiling"),
    "numba": (
        "narrows.archive.mixing.kernels",
        "narrows.support.compiling",
    ),
}
# They run what is in the file that they read.
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}

FILES = {
    ".".join(["narrows", *path.relative_to(PACKAGE).with_suffix("").parts]): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
every_file = pytest.mark.parametrize("module", FILES)


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


@functools.cache
def imports(module: str) -> list[str]:
    """The full name of everything that a module imports, wherever in it: modules and names."""
    found = []
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            source = [*above, *filter(None, [node.module])]
            found += [".".join([*source, alias.name]) for alias in node.names]
    return found


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def unit(name: str) -> str:
    """The module or package directly under narrows that a full name belongs to."""
    return name.split(".")[1] if "." in name else "__init__"


def layer(name: str) -> int:
    return next(number for number, units in enumerate(LAYERS) if name in units)


def test_every_module_has_its_layer() -> None:
    assert {unit(module) for module in FILES} - FACES == set().union(*LAYERS)


@pytest.mark.parametrize("module", [name for name in FILES if unit(name) not in FACES])
def test_imports_go_only_downwards(module: str) -> None:
    upwards = [
        name
        for name in imports(module)
        if is_within(name, "narrows")
        and unit(name) != unit(module)
        and not any(unit(name) in units for units in LAYERS[: layer(unit(module))])
    ]
    assert not upwards, f"{module} imports {', '.join(upwards)}"


@every_file
def test_libraries_are_imported_only_where_they_belong(module: str) -> None:
    for library, homes in RESERVED.items():
        if not any(is_within(module, home) for home in homes):
            assert not [name for name in imports(module) if is_within(name, library)]


@every_file
def test_engines_are_entered_by_their_front_door(module: str) -> None:
    """What they offer is in the package itself; which of them does it is their own matter."""
    if not is_within(module, "narrows.engine"):
        inside = ("narrows.engine.xla", "narrows.engine.fused")
        assert not [name for name in imports(module) if any(is_within(name, p) for p in inside)]


@every_file
def test_nothing_reads_code_from_a_file(module: str) -> None:
    assert not [name for name in imports(module) if name.split(".")[0] in UNSAFE]
    for call in (node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)):
        if ast.unparse(call.func) in ("np.load", "numpy.load"):
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert options.get("allow_pickle") == "False", ast.unparse(call)
