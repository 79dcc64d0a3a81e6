"""Libraries for tables are loaded when they are first used, and not before."""

import subprocess
import sys

import pyarrow
import pytest

from narrows.support.lazy_modules import LazyModule, pa


@pytest.mark.slow
def test_nothing_is_loaded_before_it_is_used() -> None:
    program = """
import sys
import narrows.archive.opening, narrows.data.tables.frames
from narrows.support.lazy_modules import pa
assert not {"pyarrow", "pandas", "polars", "PIL"} & set(sys.modules)
assert pa.int64().bit_width == 64
assert "pyarrow" in sys.modules and "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_it_gives_what_the_module_has() -> None:
    assert pa.Table is pyarrow.Table
    assert getattr(pa, "nothing_of_this_name", None) is None


def test_a_library_that_is_not_there_is_missed_on_first_use() -> None:
    missing = LazyModule("narrows_has_no_such_library")
    with pytest.raises(ImportError, match="narrows_has_no_such_library"):
        _ = missing.anything
