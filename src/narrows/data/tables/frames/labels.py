"""The labels of pandas columns, and the levels of an index: their texts, their JSON values."""

import base64
import decimal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from narrows.data.tables.arrow_types import is_binary, number_dtype, type_from_text
from narrows.data.tables.frames.objects import is_whole_text
from narrows.data.tables.frames.pandas_columns import series_from_arrow, series_of, series_to_arrow
from narrows.data.tables.frames.scalars import scalar_from_text, scalar_to_text
from narrows.support.lazy_modules import pa, pd


def label_texts(labels: Iterable[Any]) -> list[str]:
    """A text of its own for each label: a text's is itself."""
    labels = list(labels)
    used = set(filter(_is_text, labels))
    texts = []
    for label in labels:
        text = label if _is_text(label) else _shown(label)
        while not _is_text(label) and text in used:
            text += "_"
        used.add(text)
        texts.append(text)
    return texts


def _is_text(label: Any) -> bool:
    return type(label) is str and is_whole_text(label)


def _shown(label: Any) -> str:
    try:
        text = str(label)
    except ValueError:  # an integer of thousands of digits
        text = hex(label)
    return text.encode(errors="backslashreplace").decode()


def labels_to_json(index: Any) -> dict[str, Any] | None:
    """The labels of columns as JSON values; None where they are texts and nothing else.

    Raises:
        TypeError: some are of a kind that is not held.
    """
    names = [scalar_to_text(name) for name in index.names]
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "names": names}
    if index.nlevels == 1 and all(map(_is_text, index)) and not isinstance(index, pd.MultiIndex):
        return {"texts": series_to_arrow(pd.Series(index))[0], "names": names}
    levels = [
        {**level, "type": str(array.type), "cells": _cells(array)}
        for level, array in levels_to_arrow(index)
    ]
    return {"levels": levels, "names": names, "several": isinstance(index, pd.MultiIndex)}


def levels_to_arrow(index: Any) -> list[tuple[dict[str, Any], Any]]:
    """The levels of a pandas index: JSON values and an Arrow array of each.

    Of several levels each is held as the categories that it is, which are exact where a label is
    missing among whole numbers.

    Raises:
        TypeError: one is of a kind that is not held.
    """
    if not isinstance(index, pd.MultiIndex):
        entry, array = series_to_arrow(pd.Series(index))
        return [({"entry": entry, **_freq(index)}, array)]
    found = []
    for level, codes in zip(index.levels, index.codes, strict=True):
        own = isinstance(level.dtype, pd.CategoricalDtype)
        if own:
            inner = np.append(level.codes, -1)[np.asarray(codes)]
            values = pd.Categorical.from_codes(inner, dtype=level.dtype)
        else:
            values = pd.Categorical.from_codes(codes, level)
        entry, array = series_to_arrow(pd.Series(values))
        found.append(({"entry": entry, "own": own, **_freq(level)}, array))
    return found


def _freq(index: Any) -> dict[str, str]:
    """The frequency of an index of dates, as JSON values."""
    known = isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex)
    return {"freq": index.freqstr} if known and index.freq is not None else {}


def labels_from_json(stored: Mapping[str, Any], texts: list[str]) -> Any:
    """The pandas index that :func:`labels_to_json` was given.

    Args:
        texts: the names of the columns.

    Raises:
        Exception: of any kind, where there is none.
    """
    names = [scalar_from_text(name) for name in stored["names"]]
    if "range" in stored:
        start, stop, step = map(int, stored["range"])
        return pd.RangeIndex(start, stop, step, name=names[0])
    if "texts" in stored:
        values = series_from_arrow(stored["texts"], pa.array(texts, pa.large_string()))
        return pd.Index(series_of(values), name=names[0])
    arrays = [
        _from_cells(level["cells"], type_from_text(level["type"])) for level in stored["levels"]
    ]
    return levels_from_arrow(stored["levels"], arrays, names, stored["several"] is True)


def levels_from_arrow(
    stored: Sequence[Any], arrays: list[Any], names: list[Any], several: bool
) -> Any:
    """The pandas index whose levels :func:`levels_to_arrow` gave."""
    values = [
        series_from_arrow(dict(level["entry"]), array)
        for level, array in zip(stored, arrays, strict=True)
    ]
    if not several:
        ((level, only),) = zip(stored, values, strict=True)
        return _timed(pd.Index(series_of(only), name=names[0]), level)
    levels, codes = [], []
    for level, each in zip(stored, values, strict=True):
        if level["own"] is True:
            places, labels = pd.factorize(pd.CategoricalIndex(each))
        else:
            places, labels = each.codes, each.categories
        levels.append(_timed(labels, level))
        codes.append(places)
    return pd.MultiIndex(levels=levels, codes=codes, names=names)


def _timed(index: Any, stored: Mapping[str, Any]) -> Any:
    freq = stored.get("freq")
    if isinstance(freq, str) and len(freq) <= 40:
        index = index.copy()
        index.freq = freq  # which compares it with the dates
    return index


def _cells(array: Any) -> list[Any]:
    """The cells of an Arrow array as JSON values."""
    types, type_ = pa.types, array.type
    if types.is_dictionary(type_):
        return [array.indices.to_pylist(), _cells(array.dictionary)]
    if types.is_temporal(type_):
        array = array.view(pa.from_numpy_dtype(number_dtype(type_)))
    elif types.is_floating(type_):
        return [None if cell is None else repr(float(cell)) for cell in array.to_pylist()]
    elif types.is_decimal(type_):
        return [None if cell is None else str(cell) for cell in array.to_pylist()]
    elif is_binary(type_):
        return [
            None if cell is None else base64.b64encode(cell).decode() for cell in array.to_pylist()
        ]
    return array.to_pylist()


def _from_cells(cells: Any, type_: Any) -> Any:
    types = pa.types
    if types.is_dictionary(type_):
        indices, values = cells
        array = pa.array(indices, type_.index_type)
        dictionary = _from_cells(values, type_.value_type)
        return pa.DictionaryArray.from_arrays(array, dictionary, ordered=type_.ordered)
    if types.is_temporal(type_):
        return pa.array(cells, pa.from_numpy_dtype(number_dtype(type_))).view(type_)
    convert: Any = None
    if types.is_floating(type_):
        convert = np.float16 if types.is_float16(type_) else float
    elif types.is_decimal(type_):
        convert = decimal.Decimal
    elif is_binary(type_):
        convert = base64.b64decode
    if convert:
        cells = [None if cell is None else convert(cell) for cell in cells]
    return pa.array(cells, type_)
