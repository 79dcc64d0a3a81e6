"""The scripts of pages, run outside a browser by node."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(str(files("narrows.pages"))) / "scripts"
NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="needs node, which is not on PATH")


def run_node(folder: Path, code: str, given: Any = None) -> Any:
    """What a module prints as JSON, which may import the pages' scripts from ``./scripts/``.

    Args:
        folder: an empty one to work in.
        code: of the module; ``given`` is there as a constant, and it ends in ``print(value)``.
        given: anything that is JSON.
    """
    shutil.copytree(SCRIPTS, folder / "scripts", dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
    start = (
        'import { readFileSync } from "node:fs";\n'
        'const given = JSON.parse(readFileSync("given.json", "utf8"));\n'
        "const print = (value) => process.stdout.write(JSON.stringify(value));\n"
    )
    (folder / "main.js").write_text(f"{start}{code}", encoding="utf-8")
    assert NODE is not None
    done = subprocess.run(
        [NODE, "main.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
