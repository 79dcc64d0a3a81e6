"""The form of a table in a file that was written before there were forms: what its dtypes tell."""

from collections.abc import Sequence
from typing import Any

from narrows.data.tables.frames.form import Form
from narrows.data.tables.frames.pandas_columns import series_to_arrow
from narrows.support.lazy_modules import pa, pd


def legacy_form(library: str | None, schema: Any, dtypes: Sequence[str | None]) -> Form:
    """A form for the columns of an Arrow schema.

    Args:
        library: what the table was in memory; None, of a file, makes an Arrow table.
        dtypes: what pandas' ``str`` said of each column's dtype.
    """
    if library != "pandas":
        return Form(library or "arrow")
    entries = tuple(_entry(dtype, field.type) for dtype, field in zip(dtypes, schema, strict=True))
    return Form("pandas", columns=entries)


def _entry(dtype: str | None, type_: Any) -> dict[str, Any]:
    """An entry for a column of the pandas dtype that ``dtype`` was the text of, or whatever pandas
    makes of the Arrow type where that text is no help."""
    try:
        if dtype is not None and dtype.endswith("[pyarrow]") and dtype != "string[pyarrow]":
            return {"kind": "arrow"}
        if dtype not in (None, "category"):
            empty = pd.Series([], dtype=dtype)
        else:
            empty = pd.Series(pa.array([], type_).to_pandas())
        entry, _ = series_to_arrow(empty)
    except (TypeError, ValueError, NotImplementedError, pa.ArrowException):
        return {"kind": "objects", "missing": "None"}
    return entry
