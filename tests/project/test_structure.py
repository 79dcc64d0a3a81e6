"""No modules import one another in a circle, and the picture of the house is true."""

import re
from pathlib import Path

import pytest

import structure

CHECKOUT = Path(__file__).parents[2]

# Circles that are still there; each is to go, and then its line here.
KNOWN: tuple[set[str], ...] = ()


@pytest.fixture(scope="module")
def source() -> structure.Source:
    return structure.Source(CHECKOUT)


def test_no_modules_import_one_another_in_a_circle(source: structure.Source) -> None:
    """Imports in functions and those for types included."""
    found = structure.import_circles(source)
    new = [sorted(circle) for circle in found if not any(circle <= known for known in KNOWN)]
    assert not new, f"these import one another: {new}"
    gone = [sorted(known) for known in KNOWN if not any(circle <= known for circle in found)]
    assert not gone, f"take out of KNOWN: {gone}"


def test_the_house_in_the_docs_is_the_one_that_stands(source: structure.Source) -> None:
    drawn = (CHECKOUT / "docs" / "house.svg").read_text(encoding="utf-8")
    assert drawn == structure.house(source), "python tools/structure.py --draw docs/house.svg"


def test_the_layers_in_the_docs_are_those_that_are_checked(source: structure.Source) -> None:
    text = (CHECKOUT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (`[^|]+`) \|", text, re.MULTILINE))
    layers = [set(re.findall(r"`(\w+)`", rows[number])) for number in sorted(rows, key=int)]
    assert layers == source.layers()


def test_modules_that_the_design_names_are_there() -> None:
    text = (CHECKOUT / "docs" / "design.md").read_text(encoding="utf-8")
    files = [
        path.as_posix() for part in ("src", "tests") for path in Path(CHECKOUT / part).rglob("*.py")
    ]
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    assert not [name for name in named if not any(path.endswith(f"/{name}") for path in files)]


def test_walks_are_as_long_as_they_say() -> None:
    text = (CHECKOUT / "docs" / "design.md").read_text(encoding="utf-8")
    walks = text.partition("## Walks\n")[2].partition("\n## ")[0].split("\n### ")[1:]
    numbers = {"Eleven": 11, "Thirteen": 13, "Sixteen": 16}
    for walk in walks:
        *steps, told = walk.strip().split("\n\n")
        named = set(re.findall(r"`([\w/]+\.py)`", "".join(steps))) - {"data/pages.py"}
        assert len(named) == numbers[told.split()[0]], walk


def test_circles_of_any_length_are_found_and_ways_without_return_are_not() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert structure.circles(graph) == [{"a", "b", "c"}, {"d", "e"}]


def test_imports_in_functions_and_for_types_count(tmp_path: Path) -> None:
    package = tmp_path / "src" / "narrows" / "rooms"
    package.mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "one": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .two import x\n",
        "two": "def x():\n    from narrows.rooms import one\n",
        "three": "import numpy\nfrom narrows.rooms.one import anything\n",
    }.items():
        (package / f"{name}.py").write_text(text)
    circles = structure.import_circles(structure.Source(tmp_path))
    assert circles == [{"narrows.rooms.one", "narrows.rooms.two"}]
