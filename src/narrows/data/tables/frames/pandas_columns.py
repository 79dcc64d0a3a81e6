"""One column of a pandas DataFrame as an Arrow array and JSON values, and back without a change.

The JSON values, an *entry*, say what the Arrow array does not: ``{"kind": "nullable", "dtype":
"Int64"}``. An entry from a file is looked at before it is used.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from narrows.data.tables.arrow_types import is_stored
from narrows.data.tables.cells import whole
from narrows.data.tables.frames.objects import objects_from_arrow, objects_to_arrow
from narrows.data.tables.frames.scalars import scalar_from_text, scalar_to_text, time_unit
from narrows.data.tables.frames.zones import zone_for_arrow, zone_from_json, zone_to_json
from narrows.support.lazy_modules import pa, pd

Entry = dict[str, Any]
Converted = tuple[Entry, Any]

_NULLABLE = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean")
_NUMPY = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|[mM]8\[(s|ms|us|ns)\])")


class Unsupported(TypeError):
    """A column is of a type that is not held; the message names the type."""


def series_to_arrow(values: Any) -> Converted:
    """A pandas Series as an entry and an Arrow array.

    Raises:
        Unsupported: it is of no type that can be given back as it was.
    """
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return objects_to_arrow(values) if dtype.kind == "O" else _numpy_to_arrow(values.to_numpy())
    for class_ in type(dtype).__mro__:
        if class_.__module__.split(".")[0] == "pandas" and class_.__name__ in _TO_ARROW:
            return _TO_ARROW[class_.__name__](values)
    raise Unsupported(str(dtype))


def series_from_arrow(entry: Entry, array: Any) -> Any:
    """What :func:`series_to_arrow` was given: what ``pandas.Series`` takes as its values.

    Raises:
        ValueError, TypeError, LookupError: the entry is none, or not the array's.
    """
    return _FROM_ARROW[entry["kind"]](entry, array)


def series_of(values: Any, index: Any = None, name: Any = None) -> Any:
    """A pandas Series of what :func:`series_from_arrow` gave; texts that are objects stay so."""
    dtype = object if isinstance(values, np.ndarray) and values.dtype == object else None
    return pd.Series(values, index=index, dtype=dtype, name=name, copy=False)


def _numpy_to_arrow(values: np.ndarray) -> Converted:
    if not _NUMPY.fullmatch(values.dtype.str):
        raise Unsupported(str(values.dtype))
    entry = {"kind": "numpy", "dtype": values.dtype.str}
    values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    if values.dtype.kind in "mM":
        return entry, _as_times(values.view(np.int64), _time_type(values.dtype))
    if values.dtype.kind == "b":
        return entry, pa.array(values.view(np.uint8) != 0)
    return entry, pa.array(values, from_pandas=True)


def _time_type(dtype: np.dtype, zone: str | None = None) -> Any:
    unit = np.datetime_data(dtype)[0]
    return pa.duration(unit) if dtype.kind == "m" else pa.timestamp(unit, zone)


_NO_TIME = np.iinfo(np.int64).min


def _as_times(integers: np.ndarray, type_: Any) -> Any:
    return pa.array(integers, mask=integers == _NO_TIME).view(type_)


def _integers(array: Any) -> np.ndarray:
    """Times, or integers, as int64; the lowest of all where one is missing."""
    filled = array.view(pa.int64()).fill_null(_NO_TIME)
    return np.array(filled.to_numpy(zero_copy_only=False), np.int64)


def _numpy_from_arrow(entry: Entry, array: Any) -> np.ndarray:
    if not _NUMPY.fullmatch(entry["dtype"]):
        raise ValueError("no dtype")
    dtype = np.dtype(entry["dtype"])
    if dtype.kind in "mM":
        if str(array.type) != str(_time_type(dtype)):
            array = array.cast(_time_type(dtype), safe=False)
        return _integers(array).view(dtype.newbyteorder("=")).astype(dtype)
    if pa.types.is_null(array.type):
        array = array.cast(pa.float64())
    if array.null_count and dtype.kind in "iu":
        return np.array(array.to_numpy(zero_copy_only=False), np.float64)
    if array.null_count and dtype.kind == "b":
        return np.array(array.to_pylist(), object)
    values = array.to_numpy(zero_copy_only=False)
    return np.array(values.astype(dtype))


def _nullable_to_arrow(values: Any) -> Converted:
    if not _NULLABLE.fullmatch(str(values.dtype)):
        raise Unsupported(str(values.dtype))
    return {"kind": "nullable", "dtype": str(values.dtype)}, _arrow(values.array)


def _arrow(values: Any) -> Any:
    """What an extension array of pandas is in Arrow, as one array."""
    return whole(values.__arrow_array__())


def _nullable_from_arrow(entry: Entry, array: Any) -> Any:
    if not _NULLABLE.fullmatch(entry["dtype"]):
        raise ValueError("no dtype")
    dtype = pd.api.types.pandas_dtype(entry["dtype"])
    missing = np.array(array.is_null(), bool)
    zero = pa.scalar(False if pa.types.is_boolean(array.type) else 0).cast(array.type)
    if pa.types.is_null(array.type):
        values: np.ndarray = np.zeros(len(array), dtype.numpy_dtype)
    else:
        filled = array.fill_null(zero).to_numpy(zero_copy_only=False)
        values = np.array(filled.astype(dtype.numpy_dtype))
    return dtype.construct_array_type()(values, missing)


def _text_to_arrow(values: Any) -> Converted:
    dtype = values.dtype
    missing = "NA" if getattr(dtype, "na_value", pd.NA) is pd.NA else "NaN"
    entry = {"kind": "text", "storage": str(dtype.storage), "missing": missing}
    try:
        array = _arrow(values.array)
        return entry, array.cast(pa.large_string()) if array.type != pa.string() else array
    except UnicodeEncodeError:
        raise Unsupported("str with halves of characters (surrogates)") from None


def _text_from_arrow(entry: Entry, array: Any) -> Any:
    storage, missing = entry["storage"], entry["missing"]
    if storage not in ("python", "pyarrow", "pyarrow_numpy") or missing not in ("NA", "NaN"):
        raise ValueError("no text")
    if missing == "NaN" and storage != "pyarrow_numpy":
        dtype = pd.StringDtype(storage, na_value=np.nan)
    else:
        dtype = pd.StringDtype(storage)
    return dtype.__from_arrow__(pa.chunked_array([array.cast(pa.large_string())]))


def _zoned_to_arrow(values: Any) -> Converted:
    dtype = values.dtype
    try:
        entry = {"kind": "zoned", "unit": dtype.unit, "zone": zone_to_json(dtype.tz)}
        zone = zone_for_arrow(dtype.tz)
    except TypeError as error:
        raise Unsupported(f"{dtype}, in {error}") from None
    plain = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return entry, _as_times(plain.view(np.int64), _time_type(plain.dtype, zone))


def _zoned_from_arrow(entry: Entry, array: Any) -> Any:
    stamps = _integers(array).view(np.dtype(f"M8[{time_unit(entry['unit'])}]"))
    index = pd.DatetimeIndex(stamps).tz_localize("UTC")
    return index.tz_convert(zone_from_json(entry["zone"])).array


def _classes_to_arrow(values: Any) -> Converted:
    classes = values.dtype.categories
    entry, dictionary = series_to_arrow(pd.Series(classes))
    if pa.types.is_null(dictionary.type):
        dictionary = pa.array([], pa.string())
    if pa.types.is_dictionary(dictionary.type) or dictionary.null_count:
        raise Unsupported(f"category of {classes.dtype}")
    codes = values.cat.codes.to_numpy()
    indices = pa.array(codes, mask=codes < 0)
    array = pa.DictionaryArray.from_arrays(indices, dictionary, ordered=bool(values.dtype.ordered))
    return {"kind": "classes", "of": entry, "ordered": bool(values.dtype.ordered)}, array


def _classes_from_arrow(entry: Entry, array: Any) -> Any:
    if type(entry["ordered"]) is not bool or entry["of"]["kind"] == "classes":
        raise ValueError("no classes")
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    classes = pd.Index(series_of(series_from_arrow(entry["of"], array.dictionary)))
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    dtype = pd.CategoricalDtype(classes, ordered=entry["ordered"])
    return pd.Categorical.from_codes(codes, dtype=dtype)


def _periods_to_arrow(values: Any) -> Converted:
    integers = np.asarray(values.array.asi8)
    array = pa.array(integers, mask=integers == _NO_TIME)
    return {"kind": "periods", "freq": str(values.dtype.name)[7:-1]}, array


def _periods_from_arrow(entry: Entry, array: Any) -> Any:
    if not isinstance(entry["freq"], str) or len(entry["freq"]) > 40:
        raise ValueError("no frequency")
    return pd.arrays.PeriodArray(_integers(array), dtype=pd.PeriodDtype(entry["freq"]))


def _intervals_to_arrow(values: Any) -> Converted:
    subtype = pd.Series(values.array.left).iloc[:0]
    entry, _ = series_to_arrow(subtype)
    left, right = (list(ends.astype(object)) for ends in (values.array.left, values.array.right))
    missing = np.asarray(values.isna())
    ends = [
        None if gone else f"{_end_to_text(low)}, {_end_to_text(high)}"
        for low, high, gone in zip(left, right, missing, strict=True)
    ]
    entry = {"kind": "intervals", "of": entry, "closed": values.dtype.closed}
    return entry, pa.array(ends, pa.string())


def _end_to_text(value: Any) -> str:
    """An end of an interval: a plain number as it is, so that people can read it."""
    text = scalar_to_text(value)
    return text.partition(":")[2] if text.startswith(("int:", "float:")) else text


def _end_from_text(text: str) -> Any:
    if re.match("[A-Za-z]+:", text):
        return scalar_from_text(text)
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _intervals_from_arrow(entry: Entry, array: Any) -> Any:
    if entry["of"]["kind"] not in ("numpy", "zoned"):
        raise ValueError("no interval")
    ends = []
    missing = np.array(array.is_null(), bool)
    for text in array.to_pylist():
        low, comma, high = ("", "", "") if text is None else _parted(text)
        ends.append((_end_from_text(low), _end_from_text(high)) if comma else None)
    kind = _dtype_of(entry["of"])
    if missing.all():
        none = series_of(series_from_arrow(entry["of"], pa.nulls(len(array), _empty_type(kind))))
        return pd.arrays.IntervalArray.from_arrays(none, none, closed=entry["closed"])
    left, right = (
        pd.Index([None if pair is None else pair[at] for pair in ends]).astype(kind)
        if not missing.any()
        else pd.Series([None if pair is None else pair[at] for pair in ends]).astype(kind)
        for at in (0, 1)
    )
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=entry["closed"])


def _parted(text: str) -> tuple[str, str, str]:
    # ends of times hold commas too, and are written alike
    parts = text.split(", ")
    half = len(parts) // 2
    return ", ".join(parts[:half]), ",", ", ".join(parts[half:])


def _empty_type(kind: Any) -> Any:
    dtype = np.dtype("M8[ns]") if not isinstance(kind, np.dtype) else kind
    return _time_type(dtype) if dtype.kind in "mM" else pa.float64()


def _dtype_of(entry: Entry) -> Any:
    if entry["kind"] == "numpy":
        if not _NUMPY.fullmatch(entry["dtype"]):
            raise ValueError("no dtype")
        return np.dtype(entry["dtype"])
    return pd.DatetimeTZDtype(time_unit(entry["unit"]), zone_from_json(entry["zone"]))


def _sparse_to_arrow(values: Any) -> Converted:
    dtype = values.dtype
    if not isinstance(dtype.subtype, np.dtype) or dtype.subtype.kind not in "biufmM":
        raise Unsupported(str(dtype))
    entry, array = _numpy_to_arrow(np.asarray(values.array.to_dense()))
    fill = np.asarray(dtype.fill_value, dtype.subtype)[()]
    text = scalar_to_text(fill if dtype.subtype.kind in "mM" else fill.item())
    return {"kind": "sparse", "of": entry, "fill": text}, array


def _sparse_from_arrow(entry: Entry, array: Any) -> Any:
    dense = _numpy_from_arrow(entry["of"], array)
    fill = scalar_from_text(entry["fill"])
    return pd.arrays.SparseArray(dense, dtype=pd.SparseDtype(dense.dtype, fill))


def _arrow_to_arrow(values: Any) -> Converted:
    array = _arrow(values.array)
    if not is_stored(array.type):
        raise Unsupported(str(values.dtype))
    return {"kind": "arrow"}, array


def _arrow_from_arrow(entry: Entry, array: Any) -> Any:
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))


_TO_ARROW: dict[str, Callable[[Any], Converted]] = {
    "BaseMaskedDtype": _nullable_to_arrow,
    "StringDtype": _text_to_arrow,
    "DatetimeTZDtype": _zoned_to_arrow,
    "CategoricalDtype": _classes_to_arrow,
    "PeriodDtype": _periods_to_arrow,
    "IntervalDtype": _intervals_to_arrow,
    "SparseDtype": _sparse_to_arrow,
    "ArrowDtype": _arrow_to_arrow,
}
_FROM_ARROW: dict[str, Callable[[Entry, Any], Any]] = {
    "numpy": _numpy_from_arrow,
    "nullable": _nullable_from_arrow,
    "text": _text_from_arrow,
    "zoned": _zoned_from_arrow,
    "classes": _classes_from_arrow,
    "periods": _periods_from_arrow,
    "intervals": _intervals_from_arrow,
    "sparse": _sparse_from_arrow,
    "arrow": _arrow_from_arrow,
    "objects": objects_from_arrow,
}
