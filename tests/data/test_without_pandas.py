"""Tables need neither pandas nor polars, which Arrow asks for where one does not look."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import narrows
from helpers.command_line import ENVIRONMENT
from narrows.data.tables.arrow_types import number_dtype

NUMBERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NUMBERS += ["float16", "float32", "float64"]

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "polars"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""

TABLE = """
import numpy as np, pyarrow as pa

counts = np.arange(20)
moments = pa.array(10**18 + 1_234_567_891 * counts, mask=counts % 9 == 4)  # in nanoseconds
numbers = np.random.default_rng(0).integers(0, 9, 20)
columns = {name: pa.array(numbers.astype(name)) for name in NUMBERS}
columns["moment"] = moments.cast(pa.timestamp("ns"))
columns["zoned"] = moments.cast(pa.timestamp("ns", "Europe/Berlin"))
columns["span"] = moments.cast(pa.duration("ns"))
columns["time"] = pa.array(counts * 1001).cast(pa.time64("ns"))
columns["day"] = pa.array(counts).cast(pa.int32()).cast(pa.date32())
columns["decimal"] = pa.array(counts).cast(pa.decimal128(30, 2))
columns["text"] = pa.array([f"t{count % 5}" for count in counts])
columns["category"] = columns["text"].cast(pa.dictionary(pa.int8(), pa.string()))
columns["moments"] = columns["moment"].dictionary_encode()
table = pa.table(columns)
"""

ARCHIVE = """
import io
from narrows import compress, decompress
from narrows.archive import opening
from narrows.archive.tables.verifying import verify_table

blob = compress(table, effort="fast")
assert decompress(blob).equals(table)
assert verify_table(opening.opened(io.BytesIO(blob), "a"), table).rows == 20
"""

LEARNT = """
from narrows import load_data

data = load_data(table)
back = data.table.decode(data.items)
assert back.schema.equals(table.schema), back.schema
told = "\\n".join(data.table.describe())
assert "2001-09-09 01:46:40 to 2001-09-09 01:47:03.456789" in told, told
try:
    data.table.encode(table.set_column(0, "int8", columns["moment"]))
except ValueError as error:
    assert "'2001-09-09 01:46:40'" in str(error), error
else:
    raise AssertionError("a moment is no number")
"""


@pytest.mark.parametrize("name", NUMBERS)
def test_the_dtype_of_numbers(name: str) -> None:
    array = pa.array(np.ones(1, name))
    assert number_dtype(array.type) == array.to_numpy().dtype == np.dtype(name)


def test_arrow_is_not_asked_for_dtypes() -> None:
    """It asks pandas, up to release 25; with the newest release no other test shows it."""
    sources = sorted(Path(narrows.__file__).parent.rglob("*.py"))
    uses = [path.name for path in sources if "to_pandas_dtype(" in path.read_text("utf-8")]
    assert uses == []


@pytest.mark.slow
@pytest.mark.parametrize("work", [ARCHIVE, LEARNT], ids=["archive", "learnt"])
def test_columns_of_every_type(work: str, tmp_path: Path) -> None:
    program = "\n".join([BLOCKED, f"NUMBERS = {NUMBERS}", TABLE, work])
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
