"""What an Arrow table does not say of the data frame that it was made of, as JSON values."""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from narrows.errors import DataError

LIBRARIES = ("pandas", "polars", "arrow", "numpy")
#: A frame with columns, one column with or without a name, only its index, an array.
SHAPES = ("frame", "series", "index", "array", "chunked", "batch")
#: Bytes that all of it may take.
MOST_BYTES = 1 << 21


@dataclass(frozen=True)
class Form:
    """What makes a data frame of an Arrow table again.

    Attributes:
        library: ``pandas``, ``polars``, ``arrow``, or ``numpy`` for a masked array.
        shape: one of SHAPES.
        columns: of each column behind those of the index an entry, JSON values that its library
            knows what to do with; none at all where the Arrow types say everything.
        index: of a pandas index its levels, whose columns are the table's first; or its range.
        labels: of pandas column labels that are not just the columns' names, what they are.
        more: the name of a series, the shape of an array.
        simple: whether a reader that knows of no forms makes the same of the table. Not JSON.
    """

    library: str
    shape: str = "frame"
    _: KW_ONLY
    columns: tuple[Mapping[str, Any], ...] = ()
    index: Mapping[str, Any] | None = None
    labels: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    simple: bool = field(default=False, compare=False)

    @property
    def index_columns(self) -> int:
        """How many of the table's first columns are the index."""
        return len((self.index or {}).get("levels", ()))

    def to_json(self) -> dict[str, Any]:
        """JSON values, without what is at its default."""
        values = {
            "library": self.library,
            "shape": self.shape,
            "columns": [dict(entry) for entry in self.columns],
            "index": self.index,
            "labels": self.labels,
            "more": dict(self.more),
        }
        return {key: value for key, value in values.items() if value not in (None, [], {})}

    @property
    def size(self) -> int:
        """Bytes that it takes as JSON."""
        return len(json.dumps(self.to_json(), ensure_ascii=False).encode())

    @classmethod
    def from_json(cls, values: Any, columns: int) -> "Form":
        """A form of so many columns from JSON values that may be a stranger's.

        Raises:
            ValueError: they are none.
        """
        if not isinstance(values, Mapping):
            raise ValueError("a table's form is no object")
        form = cls(
            values.get("library", ""),
            values.get("shape", "frame"),
            columns=tuple(_of(values, "columns", list) or ()),
            index=_of(values, "index", dict),
            labels=_of(values, "labels", dict),
            more=_of(values, "more", dict) or {},
        )
        if form.library not in LIBRARIES or form.shape not in SHAPES:
            raise ValueError("a table's form is of no known kind")
        if not all(isinstance(entry, Mapping) for entry in form.columns):
            raise ValueError("a table's form has columns that are none")
        levels = (form.index or {}).get("levels", [])
        if not isinstance(levels, list) or not all(isinstance(each, Mapping) for each in levels):
            raise ValueError("a table's index has levels that are none")
        if len(form.columns) not in (0, columns - len(levels)):
            raise ValueError("a table's form has another number of columns")
        return form


def _of(values: Mapping[str, Any], key: str, kind: type) -> Any:
    value = values.get(key)
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"a table's form has no usable {key!r}")
    return value


def unsupported(what: str, type_: Any) -> DataError:
    """The error of a part of a frame that is of no type that is taken."""
    return DataError(
        f"{what} is of type {type_}, which narrows does not take",
        hint="leave it out, or turn it into numbers, texts or dates",
    )


def library_of(data: Any) -> tuple[str, str] | None:
    """The library and the shape of what can become a table: see :class:`Form`; None for all else.

    None of the libraries is imported for it: the names of the classes say it.
    """
    for class_ in type(data).__mro__:
        library, name = class_.__module__.split(".")[0], class_.__name__
        if library == "pandas" and name in _PANDAS:
            return "pandas", _PANDAS[name]
        if library == "polars" and name in ("DataFrame", "Series"):
            return "polars", "frame" if name == "DataFrame" else "series"
        if library == "pyarrow" and name in _ARROW:
            return "arrow", _ARROW[name]
        if library == "numpy" and name == "MaskedArray":
            return "numpy", "array"
    return None


_PANDAS = {"DataFrame": "frame", "Series": "series", "Index": "index", "ExtensionArray": "array"}
_ARROW = {"Table": "frame", "RecordBatch": "batch", "ChunkedArray": "chunked", "Array": "array"}
