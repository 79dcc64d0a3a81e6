"""pandas' DataFrame, Series, Index and arrays as Arrow tables and forms, and back."""

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from narrows.data.tables.cells import whole
from narrows.data.tables.frames.form import Form, library_of, unsupported
from narrows.data.tables.frames.labels import (
    label_texts,
    labels_from_json,
    labels_to_json,
    levels_from_arrow,
    levels_to_arrow,
)
from narrows.data.tables.frames.pandas_columns import (
    Unsupported,
    series_from_arrow,
    series_of,
    series_to_arrow,
)
from narrows.data.tables.frames.scalars import same_scalar, scalar_from_text, scalar_to_text
from narrows.errors import DataError
from narrows.support.lazy_modules import pa, pd

#: What makes an entry and an Arrow array of one column.
Convert = Callable[[Any], tuple[Mapping[str, Any], Any]]


def _shape(data: Any) -> str:
    library, shape = library_of(data) or ("", "")
    return shape if library == "pandas" else ""


def pandas_to_arrow(
    data: Any,
    convert: Convert = series_to_arrow,
    *,
    keep_index: bool = True,
    wanted: Container[str] | None = None,
) -> tuple[Any, Form]:
    """An object of pandas as an Arrow table and its form.

    Args:
        convert: makes an entry and an Arrow array of a column.
        keep_index: whether the index is kept: its levels are the table's first columns.
        wanted: names of the columns that are held, None for all; others are empty in the table.

    Raises:
        DataError: a column or a label is of a type that is not held, or two columns have one name.
    """
    shape, more = _shape(data), {}
    if shape == "index":
        stored, levels = _index_to_arrow(data, as_range=False)
        levels = _apart_from(levels, [])
        table = pa.table([array for _, array in levels], names=[name for name, _ in levels])
        return table, Form("pandas", "index", index=stored)
    if shape == "frame":
        _check_labels(data.columns)
        columns, labels = (
            data.columns,
            _explained("the labels of its columns", data.columns, labels_to_json),
        )
    else:
        if shape == "array":
            data = pd.Series(data)
        name = data.name
        more = {"name": _explained("the name of the Series", name, scalar_to_text)}
        columns, labels = ["values" if name is None else name], None
    stored_index, levels = (
        _index_to_arrow(data.index) if keep_index and shape != "array" else ({}, [])
    )
    texts = label_texts(columns)
    levels = _apart_from(levels, texts)
    entries: list[Mapping[str, Any]] = []
    arrays: list[Any] = []
    for at, text in enumerate(texts):
        if wanted is not None and text not in wanted:
            entries.append({"kind": "unread"})
            arrays.append(pa.nulls(len(data)))
            continue
        series = data.iloc[:, at] if shape == "frame" else data
        entry, array = _explained(f"column {text!r}", series, convert)
        entries.append(entry)
        arrays.append(array)
    table = pa.table(
        [*(array for _, array in levels), *arrays], names=[*(name for name, _ in levels), *texts]
    )
    simple = shape == "frame" and _is_simple(stored_index, labels, entries)
    form = Form("pandas", shape, columns=tuple(entries), labels=labels, more=more, simple=simple)
    return table, replace(form, index=stored_index or None)


def _check_labels(labels: Any) -> None:
    if not labels.is_unique:
        twice = list(labels[labels.duplicated()].unique())
        raise DataError(
            f"the DataFrame has several columns of the name {', '.join(map(repr, twice[:5]))}",
            hint="give each column a name of its own",
        )


def _explained(what: str, value: Any, convert: Callable[[Any], Any]) -> Any:
    try:
        return convert(value)
    except (Unsupported, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        kind = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise unsupported(what, kind[:200]) from error


def _index_to_arrow(
    index: Any, *, as_range: bool = True
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """A row index as JSON values, and its levels with names that they may have as columns."""
    names = [_explained("the name of the index", name, scalar_to_text) for name in index.names]
    if as_range and isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "names": names}, []
    stored = _explained("the index", index, levels_to_arrow)
    levels = [{**level, "name": name} for (level, _), name in zip(stored, names, strict=True)]
    several = isinstance(index, pd.MultiIndex)
    shown = [
        (f"level_{at}" if several else "index") if name is None else name
        for at, name in enumerate(index.names)
    ]
    found = {"levels": levels, "several": several}
    return found, list(zip(label_texts(shown), [array for _, array in stored], strict=True))


def _apart_from(levels: list[tuple[str, Any]], texts: list[str]) -> list[tuple[str, Any]]:
    """Levels under names that no column has, nor another level."""
    used, result = set(texts), []
    for name, array in levels:
        while name in used:
            name += "_"
        used.add(name)
        result.append((name, array))
    return result


def _is_simple(index: Mapping[str, Any], labels: Any, entries: list[Mapping[str, Any]]) -> bool:
    """Whether the frame is one that older versions of narrows gave back as it was."""
    plain = index.get("range", [1])[0] == 0 and index["range"][2] == 1
    unnamed = index.get("names") == ["None:"] and labels and labels.get("names") == ["None:"]
    texts: dict[str, Any] = {"kind": "text", "storage": "pyarrow", "missing": "NaN"}
    if pd.Series(["text"]).dtype == object:  # before pandas 3
        texts = {"kind": "objects", "missing": "None"}
    known = all(
        (entry.get("kind") == "numpy" and not str(entry.get("dtype")).startswith(">"))
        or entry == texts
        for entry in entries
    )
    return bool(plain and unnamed and labels.get("texts") == texts and known)


def pandas_from_arrow(table: Any, form: Form) -> Any:
    """What :func:`pandas_to_arrow` was given.

    Raises:
        Exception: of any kind, where the form is not the table's.
    """
    arrays = [whole(column) for column in table.columns]
    count = form.index_columns
    index = _index_from_arrow(form.index, arrays[:count], table.num_rows)
    if form.shape == "index":
        return index
    values = [
        series_from_arrow(dict(entry), array)
        for entry, array in zip(form.columns, arrays[count:], strict=True)
    ]
    if form.shape == "frame":
        frame = pd.DataFrame({at: series_of(each) for at, each in enumerate(values)}, copy=False)
        frame.index = index
        texts = table.column_names[count:]
        frame.columns = (
            pd.Index(texts) if form.labels is None else labels_from_json(form.labels, texts)
        )
        return frame
    (only,) = values
    series = series_of(only, index, scalar_from_text(form.more["name"]))
    return series.array if form.shape == "array" else series


def _index_from_arrow(stored: Mapping[str, Any] | None, arrays: list[Any], rows: int) -> Any:
    if not stored:
        return pd.RangeIndex(rows)
    if "range" in stored:
        start, stop, step = map(int, stored["range"])
        index = pd.RangeIndex(start, stop, step, name=scalar_from_text(stored["names"][0]))
        if len(index) != rows:
            raise ValueError("an index of another length")
        return index
    names = [scalar_from_text(level["name"]) for level in stored["levels"]]
    return levels_from_arrow(stored["levels"], arrays, names, stored["several"] is True)


def require_same(data: Any, given: Any) -> None:
    """Make sure that what came back of a pandas object is what it was.

    Raises:
        DataError: a column, or the index, is not.
    """
    shape = _shape(data)
    if shape == "frame":
        for at, label in enumerate(data.columns):
            if not _same_values(data.iloc[:, at], given.iloc[:, at]):
                raise _changed(f"column {str(label)!r}", data.iloc[:, at].dtype)
        if not _same_index(data.columns, given.columns):
            raise _changed("the labels of its columns", data.columns.dtype)
    elif shape in ("series", "array") and not _same_values(data, given):
        raise _changed("the Series", data.dtype)
    if shape == "index" and not _same_index(data, given):
        raise _changed("the Index", data.dtype)
    if shape in ("frame", "series") and not _same_index(data.index, given.index):
        raise _changed("the index", data.index.dtype)


def _changed(what: str, dtype: Any) -> DataError:
    return DataError(
        f"{what} is of type {dtype}, which narrows does not give back as it is",
        hint="leave it out, or turn it into numbers, texts or dates",
    )


def _same_values(one: Any, other: Any) -> bool:
    one, other = pd.Series(one), pd.Series(other)
    if str(one.dtype) != str(other.dtype) or one.dtype != other.dtype:
        return False
    if isinstance(one.dtype, pd.ArrowDtype):  # which are in the table as they are
        return len(one) == len(other)
    if one.dtype == object:
        return all(map(same_scalar, one.to_list(), other.to_list()))
    if one.dtype == bool:  # of which NumPy takes any byte but 0 for true
        one, other = (pd.Series(each.to_numpy().view(np.uint8) != 0) for each in (one, other))
    return bool(one.reset_index(drop=True).equals(other.reset_index(drop=True)))


def _same_index(one: Any, other: Any) -> bool:
    if one.nlevels != other.nlevels or len(one) != len(other):
        return False
    if not all(map(same_scalar, one.names, other.names)):
        return False
    return all(
        _same_values(one.get_level_values(at), other.get_level_values(at))
        for at in range(one.nlevels)
    )


def with_index(frame: Any, like: Any) -> Any:
    """A pandas DataFrame with the index of ``like``, where that is one too, of as many rows."""
    index = getattr(like, "index", None)
    if _shape(like) != "frame" or _shape(frame) != "frame" or index is None:
        return frame
    return frame.set_axis(index, axis=0) if len(index) == len(frame) else frame
