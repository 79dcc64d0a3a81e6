"""Many values are given by name: at most five arguments of a function may be given by place, and
four fields of a dataclass."""

import ast
from collections.abc import Iterator
from pathlib import Path

import narrows

PACKAGE = Path(narrows.__file__).parent
MOST_ARGUMENTS, MOST_FIELDS = 5, 4
# Compiled functions take all arguments by place.
COMPILED = ("engine/fused/", "archive/mixing/kernels.py", "archive/mixing/mixer_selection.py")
# What others settle: a hook of Python's; and what users write by place, as in other libraries.
SETTLED = {
    "cli/app.py: _show_warning",
    "data/dataset.py: Dataset",
    "nn/blocks/convolution.py: Conv",
    "nn/blocks/convolution.py: ConvTranspose",
}
# Where this does not hold yet.
NOT_YET = ("archive/mixing/", "data/")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith((*COMPILED, *NOT_YET)):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def places(function: ast.FunctionDef) -> int:
    arguments = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return len(arguments) - (arguments[:1] in (["self"], ["cls"]))


def many_arguments(name: str, tree: ast.Module) -> Iterator[str]:
    """Functions of a module and methods of its classes; what is local to them is theirs."""
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    for node in (*tree.body, *(each for kind in classes for each in kind.body)):
        if isinstance(node, ast.FunctionDef) and places(node) > MOST_ARGUMENTS:
            yield f"{name}: {node.name}"


def many_fields(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            text = ast.unparse(decorator)
            if text.startswith("dataclass") and "kw_only=True" not in text:
                fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
                if len(fields) > MOST_FIELDS:
                    yield f"{name}: {node.name}"


def test_many_values_are_given_by_name() -> None:
    found = {
        each
        for name, tree in modules()
        for each in (*many_arguments(name, tree), *many_fields(name, tree))
    } - SETTLED
    assert not found, "give them by name: * before them, or kw_only=True"
