"""Whatever a message or a docstring of the package names is there: options, commands, methods."""

import ast
import functools
import re
from pathlib import Path

import pytest
import typer.main

import narrows
from narrows.cli.app import app

PACKAGE = Path(narrows.__file__).parent
# Options of other programs that messages name.
OTHERS = {"--upgrade"}
# What narrows does, where it begins a line of prose.
VERBS = {"does", "learns", "raises", "reads", "writes", "has", "knows", "takes", "is", "failed"}


@functools.cache
def texts() -> list[tuple[str, str]]:
    """Every text in the package, with the file that it is in."""
    return [
        (str(path.relative_to(PACKAGE)), node.value)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def commands() -> dict[str, set[str]]:
    """The options of each command."""
    group = typer.main.get_command(app)
    own = {
        option
        for parameter in group.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    found = {"": own | {"--help"}}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found[name] = {
            option
            for parameter in command.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
    return found


def test_options_that_texts_name_are_there() -> None:
    known = set().union(*commands().values()) | OTHERS
    named = {
        (file, option)
        for file, text in texts()
        # what stands in var() is a colour of a stylesheet
        for option in re.findall(r"(?<![\w-])(?<!var\()--[a-z][a-z-]*[a-z]", text)
    }
    sources = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    named |= {
        (file, f"--{name.replace('_', '-')}")
        for file, path in sources.items()
        for name in re.findall(r"\bspelt\(\s*[\"'](\w+)", path.read_text(encoding="utf-8"))
    }
    assert {("model/ranges.py", "--force"), ("data/tables/cells.py", "--types")} <= named
    assert not {(file, option) for file, option in named if option not in known}


def test_counts_are_written_by_the_one_function_that_knows_of_one() -> None:
    by_hand = re.compile(r"""else ["']e?s["']|["']e?s["'] if .*(> 1|!= 1)|"1 \w+" if """)
    found = {
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if by_hand.search(line)
    }
    assert not found


def test_commands_that_texts_name_are_there() -> None:
    known = set(commands())
    # as after a backquote, or what to type
    pattern = r"(?:``|^ *|train (?:it|one) (?:again )?with |see )narrows ([a-z]+)(?= |``|$)"
    named = {
        (file, command)
        for file, text in texts()
        for command in re.findall(pattern, text, re.MULTILINE)
        if not file.endswith("__init__.py")
    }
    assert any(command == "fit" for _, command in named)
    assert {command for _, command in named} <= known | VERBS


@pytest.mark.parametrize("kind", ["Autoencoder", "OutlierDetector", "PyODDetector"])
def test_methods_that_texts_name_are_there(kind: str) -> None:
    estimator = getattr(narrows, kind)
    named = {
        (file, method)
        for file, text in texts()
        for method in re.findall(rf"\b{kind}\.([a-z][a-z_]*)", text)
    }
    assert not {(file, method) for file, method in named if not hasattr(estimator, method)}
    for method in ("reconstruct",) if kind == "Autoencoder" else ():
        assert hasattr(estimator, method)


def test_names_of_the_package_that_texts_say_are_there() -> None:
    named = {
        (file, name)
        for file, text in texts()
        for name in re.findall(r"\bnarrows\.(load_data|compress|decompress|[A-Z]\w+)", text)
    }
    assert not {(file, name) for file, name in named if not hasattr(narrows, name)}
