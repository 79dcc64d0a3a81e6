"""Archives need nothing of what learns models, neither to be imported nor to be opened."""

import json
import subprocess
import sys

import pytest

from helpers import golden_archives, golden_tables

PROGRAM = """
import json, sys
from base64 import b64decode
import narrows.archive
imported = sorted(sys.modules)
for blob in json.loads(sys.stdin.read()):
    narrows.archive.decompress(b64decode(blob))
print(json.dumps([imported, sorted(sys.modules)]))
"""
OURS = ("nn", "learnt", "engine", "model", "training", "planning", "report", "tasks", "estimators")
LIBRARIES = ("jax", "sklearn")


@pytest.mark.slow
def test_importing_and_opening_archives_of_every_kind_loads_nothing_that_learns() -> None:
    arrays = [*golden_archives.ARCHIVES.values(), *golden_archives.CODES.values()]
    for blobs, needed in ((arrays, {"PIL"}), (list(golden_tables.ARCHIVES.values()), {"pyarrow"})):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=json.dumps(blobs), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        imported, opened = map(set, json.loads(done.stdout))
        assert not opened & {*(f"narrows.{name}" for name in OURS), *LIBRARIES}
        assert not imported & {"PIL", "pyarrow", "pandas"}
        assert needed <= opened
