"""Measures the structure of the source, and draws it.

    python tools/structure.py [--source CHECKOUT] [--json FILE]     the table of measures
    python tools/structure.py --draw docs/house.svg                 the picture of the house

All is read from the source by ``ast``; nothing of it is run. The layers are those of
``tests/**/test_layers.py``, the one place where they are written.
"""

import argparse
import ast
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from house import draw

LONG, MANY = 60, 8  # lines of a function, and its parameters, from which on they are counted
FACES = {"__init__", "__main__"}  # what users import and what they run: above all layers

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = Mapping[str, set[str]]


class Source:
    """The modules below ``src/narrows`` of a checkout, parsed, by their full names."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        package = checkout / "src" / "narrows"
        self.files = {
            ".".join(["narrows", *path.relative_to(package).with_suffix("").parts]): path
            for path in sorted(package.rglob("*.py"))
        }
        self.texts = {name: path.read_text(encoding="utf-8") for name, path in self.files.items()}
        self.trees = {name: ast.parse(text) for name, text in self.texts.items()}

    def imports(self, module: str) -> set[str]:
        """The other modules that a module imports, wherever in it: in functions, for types."""
        found = {self._module(name) for name in _imported(module, self.trees[module])}
        return {name for name in found if name and name != module}

    def _module(self, name: str) -> str | None:
        """The module that an imported name is, or comes from; None where it is not ours."""
        while name:
            if name in self.files:
                return name
            if f"{name}.__init__" in self.files:
                return f"{name}.__init__"
            name = name.rpartition(".")[0]
        return None

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Every function, also those inside others, with the module that it is in."""
        for module, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, Function):
                    yield module, node

    def layers(self) -> list[set[str]]:
        """The table ``LAYERS`` of the layer test, lowest first."""
        for path in sorted((self.checkout / "tests").rglob("test_layers.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS":
                    return list(ast.literal_eval(node.value))
        raise SystemExit(f"there is no table LAYERS in {self.checkout}/tests/**/test_layers.py")


def _imported(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            start = [*above, *filter(None, [node.module])]
            yield from (".".join([*start, alias.name]) for alias in node.names)


def unit(module: str) -> str:
    """The package, or module, directly under ``narrows`` that a module is in."""
    return module.split(".")[1]


def circles(graph: Graph) -> list[frozenset[str]]:
    """The largest sets of nodes of which each reaches each other, of two nodes and more."""
    reached = {node: _reachable(node, graph) for node in graph}
    found = {
        frozenset(other for other in reached[node] if node in reached[other]) for node in graph
    }
    return sorted((each for each in found if len(each) > 1), key=sorted)


def _reachable(start: str, graph: Graph) -> set[str]:
    seen: set[str] = set()
    waiting = [*graph[start]]
    while waiting:
        if (node := waiting.pop()) not in seen:
            seen.add(node)
            waiting.extend(graph[node])
    return seen


def import_circles(source: Source) -> list[frozenset[str]]:
    """The circles among modules, imports in functions and for types included."""
    return circles({module: source.imports(module) for module in source.files})


def parameters(function: Function) -> int:
    """How many parameters a function has, without self and cls."""
    taken = function.args
    named = [*taken.posonlyargs, *taken.args]
    own = [each for each in named if each.arg not in ("self", "cls")] + taken.kwonlyargs
    return len(own) + (taken.vararg is not None) + (taken.kwarg is not None)


def shared_names(source: Source) -> dict[str, list[str]]:
    """Public names of modules, packages, and of classes and functions at the top of modules,
    that are in more than one of the packages under ``narrows``; each with those packages."""
    homes: dict[str, set[str]] = defaultdict(set)
    for module, tree in source.trees.items():
        # a package is named too, by what is in it; "__init__" is dropped with the private names
        names = [*module.split(".")[2:]]
        names += [each.name for each in tree.body if isinstance(each, Function | ast.ClassDef)]
        for name in names:
            if not name.startswith("_"):
                homes[name].add(unit(module))
    return {name: sorted(units) for name, units in sorted(homes.items()) if len(units) > 1}


def measure(source: Source) -> dict[str, Any]:
    """The measures, by what they are called; lists where it matters which."""
    units = {unit(module) for module in source.files} - FACES
    packages = {name for name in units if f"narrows.{name}.__init__" in source.files}
    lines = {module: text.count("\n") for module, text in source.texts.items()}
    long, many = [], []
    for module, node in source.functions():
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > LONG:
            long.append(f"{module}.{node.name}: {length}")
        if parameters(node) > MANY:
            many.append(f"{module}.{node.name}: {parameters(node)}")
    return {
        "files in src": len(lines),
        "lines in src": sum(lines.values()),
        "lines in cli": sum(count for module, count in lines.items() if unit(module) == "cli"),
        "modules at the top": sorted(units - packages),
        "packages at the top": sorted(packages),
        "layers": len(source.layers()),
        f"functions over {LONG} lines": long,
        f"functions with more than {MANY} parameters": many,
        "of these outside cli": [each for each in many if unit(each) != "cli"],
        "circles among modules": [sorted(each) for each in import_circles(source)],
        "names in more than one package": shared_names(source),
    }


def house(source: Source) -> str:
    """The picture of the packages in their layers, as SVG."""
    graph: dict[str, set[str]] = {unit(module): set() for module in source.files}
    inside: dict[str, set[str]] = defaultdict(set)
    for module in source.files:
        graph[unit(module)] |= {unit(name) for name in source.imports(module)} - {unit(module)}
        if len(parts := module.split(".")) > 3:
            inside[parts[1]].add(parts[2])
    graph = {name: used for name, used in graph.items() if name not in FACES}
    layers = [sorted(units) for units in source.layers()]
    common = _common(layers, graph)
    return draw(
        layers,
        [(name, used) for name, used in sorted(_needed(graph)) if used not in common],
        {name: sorted(rooms) for name, rooms in inside.items()},
        common,
    )


def _common(layers: Sequence[Sequence[str]], graph: Graph) -> set[str]:
    """What six rooms and two thirds of all above use themselves: arrows to it say nothing."""
    found: set[str] = set()
    for number, names in enumerate(layers):
        above = [other for row in layers[number + 1 :] for other in row]
        for name in names:
            if sum(name in graph[other] for other in above) >= max(6, len(above) * 2 / 3):
                found.add(name)
    return found


def _needed(graph: Graph) -> Iterator[tuple[str, str]]:
    """The edges of a graph without circles that no longer way replaces."""
    for node, following in graph.items():
        farther = set().union(*(_reachable(each, graph) for each in following))
        yield from ((node, each) for each in following - farther)


def table(measures: Mapping[str, Any]) -> str:
    """The measures in two columns: their names, and how many there are."""
    width = max(map(len, measures))
    return "\n".join(
        f"{name:{width}}  {value if isinstance(value, int) else len(value):7,}"
        for name, value in measures.items()
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or draw the house."""
    parser = argparse.ArgumentParser(description="Measure the structure of the source, or draw it.")
    here = Path(__file__).resolve().parent.parent
    parser.add_argument("--source", type=Path, default=here, help="another checkout to measure")
    parser.add_argument("--json", type=Path, help="write the measures with all their lists here")
    parser.add_argument("--draw", type=Path, help="draw the house into this SVG file instead")
    options = parser.parse_args(arguments)
    source = Source(options.source)
    if options.draw:
        options.draw.write_text(house(source), encoding="utf-8")
        return
    measures = measure(source)
    print(table(measures))
    if options.json:
        options.json.write_text(json.dumps(measures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
