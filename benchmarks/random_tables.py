"""Tables drawn at random: data frames of every type, and CSV files of every spelling."""

import csv
import datetime
import decimal
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

Random = np.random.Generator

_WORDS = (
    "",
    "a",
    "NA",
    "null",
    "ä ö",
    "x,y",
    'say "so"',
    "two\nlines",
    "0",
    "1.5",
    " pad ",
    "日本",
    "-",
)
_INTEGERS = (0, 1, -1, 255, 2**31, 2**53, 2**53 + 1, -(2**63), 2**63 - 1)
_FLOATS = (
    0.0,
    -0.0,
    1.5,
    0.1,
    1e-320,
    1e308,
    -1e-5,
    3.0,
    float("inf"),
    float("-inf"),
    float("nan"),
)


def _some(random: Random, values: Sequence[Any], count: int) -> list[Any]:
    return [values[place] for place in random.integers(0, len(values), count)]


def _gaps(random: Random, values: list[Any]) -> list[Any]:
    """The values, of one draw in two some of them missing."""
    share = random.choice([0, 0, 0.3, 1.0], p=[0.3, 0.2, 0.45, 0.05])
    return [None if random.random() < share else value for value in values]


def _within(random: Random, dtype: str, count: int) -> list[int]:
    limits = np.iinfo(dtype)
    ends = [value for value in _INTEGERS if limits.min <= value <= limits.max]
    return _some(random, [*ends, int(limits.min), int(limits.max), 7], count)


def _days(random: Random, count: int) -> list[datetime.date]:
    return [
        datetime.date(1970, 1, 1) + datetime.timedelta(int(day))
        for day in random.integers(-20_000, 30_000, count)
    ]


def _moments(random: Random, count: int) -> list[datetime.datetime]:
    return [
        datetime.datetime(2000, 1, 1) + datetime.timedelta(microseconds=int(value) * 1000)
        for value in random.integers(-(10**11), 10**11, count)
    ]


def _decimals(random: Random, count: int) -> list[decimal.Decimal]:
    return [
        decimal.Decimal(int(value)).scaleb(-3) for value in random.integers(-(10**6), 10**6, count)
    ]


def _arrow_types() -> dict[str, Callable[[Random, int], list[Any]]]:
    """What columns of each Arrow type hold, by the type's name."""
    integers = {
        name: (lambda random, count, name=name: _within(random, name, count))
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    }
    return {
        **integers,
        "float32": lambda random, count: _some(
            random, (0.0, -0.0, 1.5, 1e-40, float("nan")), count
        ),
        "float64": lambda random, count: _some(random, _FLOATS, count),
        "bool": lambda random, count: _some(random, (True, False), count),
        "string": lambda random, count: _some(random, _WORDS, count),
        "large_string": lambda random, count: _some(random, _WORDS, count),
        "date32": _days,
        "timestamp[s]": lambda random, count: [
            m.replace(microsecond=0) for m in _moments(random, count)
        ],
        "timestamp[ms]": _moments,
        "timestamp[us]": _moments,
        "timestamp[ns]": _moments,
        "decimal128(12, 3)": _decimals,
        "dictionary": lambda random, count: _some(random, _WORDS, count),
        "time64[us]": lambda random, count: [m.time() for m in _moments(random, count)],
        "duration[us]": lambda random, count: [
            datetime.timedelta(microseconds=int(v))
            for v in random.integers(-(10**12), 10**12, count)
        ],
        "binary": lambda random, count: [word.encode() for word in _some(random, _WORDS, count)],
    }


_SPECIAL: dict[str, Callable[[], pa.DataType]] = {
    "decimal128(12, 3)": lambda: pa.decimal128(12, 3),
    "dictionary": lambda: pa.dictionary(pa.int32(), pa.string()),
    "time64[us]": lambda: pa.time64("us"),
    "duration[us]": lambda: pa.duration("us"),
    "date32": pa.date32,
    "large_string": pa.large_string,
    "bool": pa.bool_,
    "timestamp[s]": lambda: pa.timestamp("s"),
    "timestamp[ms]": lambda: pa.timestamp("ms"),
    "timestamp[us]": lambda: pa.timestamp("us"),
    "timestamp[ns]": lambda: pa.timestamp("ns"),
}


def _arrow_type(name: str) -> pa.DataType:
    return _SPECIAL[name]() if name in _SPECIAL else getattr(pa, name)()


def arrow_column(random: Random, count: int) -> pa.Array:
    """A column of a type drawn at random."""
    makers = _arrow_types()
    name = str(random.choice(list(makers)))
    values = _gaps(random, makers[name](random, count))
    if name == "dictionary":
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, _arrow_type(name))


def arrow_table(random: Random) -> pa.Table:
    """An Arrow table of a few columns and rows."""
    count = int(random.integers(0, 12))
    names = _names(random)
    return pa.table([arrow_column(random, count) for _ in names], names=names)


def polars_frame(random: Random) -> pl.DataFrame:
    """A polars frame: the same types, and polars' own."""
    frame = pl.from_arrow(arrow_table(random))
    assert isinstance(frame, pl.DataFrame)
    if random.random() < 0.3:
        words = _gaps(random, _some(random, ("low", "mid", "high"), len(frame)))
        kind = pl.Enum(["high", "low", "mid", "never"]) if random.random() < 0.5 else pl.Categorical
        frame = frame.with_columns(pl.Series("own", words, dtype=pl.String).cast(kind))
    return frame


def _names(random: Random) -> list[str]:
    pool = ("a", "B b", "", "1", "ü", "a,b", 'q"q', "x" * 40)
    return [str(n) for n in random.choice(pool, int(random.integers(1, 5)), replace=False)]


def pandas_frame(random: Random) -> pd.DataFrame:
    """A pandas frame: NumPy's dtypes, pandas' own and Arrow's; names and index of any kind."""
    count = int(random.integers(0, 12))
    index = _index(random, count)
    columns = [_pandas_column(random, count) for _ in range(int(random.integers(1, 5)))]
    frame = pd.concat([column.set_axis(index) for column in columns], axis=1)
    frame.columns = _labels(random, len(columns))
    return frame


def _pandas_column(random: Random, count: int) -> pd.Series:
    kinds: tuple[Callable[[], pd.Series], ...] = (
        lambda: _numpy_column(random, count),
        lambda: _nullable_column(random, count),
        lambda: pd.Series(
            pd.array(arrow := arrow_column(random, count), pd.ArrowDtype(arrow.type))
        ),
        lambda: pd.Series(_gaps(random, _some(random, _WORDS, count)), dtype="object"),
        lambda: pd.Series(_gaps(random, _some(random, _WORDS, count)), dtype="string[python]"),
        lambda: pd.Series(_gaps(random, _some(random, _WORDS, count)), dtype="string[pyarrow]"),
        lambda: _category(random, count),
        lambda: _times(random, count),
        lambda: pd.Series([2**64 + int(v) for v in random.integers(0, 9, count)], dtype="object"),
    )
    return kinds[int(random.integers(len(kinds)))]()


def _numpy_column(random: Random, count: int) -> pd.Series:
    dtype = str(random.choice(["int8", "int64", "uint64", "float32", "float64", "bool", "uint8"]))
    if dtype.startswith("float"):
        with np.errstate(over="ignore"):
            return pd.Series(np.array(_some(random, _FLOATS, count), dtype))
    if dtype == "bool":
        return pd.Series(random.random(count) < 0.5)
    return pd.Series(np.array(_within(random, dtype, count), dtype))


def _nullable_column(random: Random, count: int) -> pd.Series:
    dtype = str(random.choice(["Int8", "Int64", "UInt64", "Float64", "boolean"]))
    if dtype == "Float64":
        return pd.Series(_gaps(random, _some(random, _FLOATS[:-1], count)), dtype=dtype)
    if dtype == "boolean":
        return pd.Series(_gaps(random, _some(random, (True, False), count)), dtype=dtype)
    return pd.Series(_gaps(random, _within(random, dtype.lower(), count)), dtype=dtype)


def _category(random: Random, count: int) -> pd.Series:
    pools: tuple[Sequence[Any], ...] = (("low", "mid", "high"), (3, 1, 2), (0.5, 1.5))
    pool = pools[int(random.integers(len(pools)))]
    kind = pd.CategoricalDtype(list(pool), ordered=bool(random.random() < 0.5))
    return pd.Series(_gaps(random, _some(random, pool, count)), dtype=kind)


def _times(random: Random, count: int) -> pd.Series:
    unit = str(random.choice(["s", "ms", "us", "ns"]))
    moments = np.array(_moments(random, count), dtype=f"datetime64[{unit}]")
    moments[random.random(count) < 0.2] = np.datetime64("NaT")
    column = pd.Series(moments)
    if random.random() < 0.3:
        return column.dt.tz_localize("UTC").dt.tz_convert("Europe/Oslo")
    if random.random() < 0.3:
        return column - pd.Series(np.full(count, np.datetime64("2000-01-01"), moments.dtype))
    return column


def _index(random: Random, count: int) -> pd.Index:
    kinds: tuple[Callable[[], pd.Index], ...] = (
        lambda: pd.RangeIndex(count),
        lambda: pd.RangeIndex(5, 5 + 3 * count, 3, name="row"),
        lambda: pd.Index(random.permutation(count) + 100),
        lambda: pd.Index([f"r{number}" for number in range(count)], name="key"),
        lambda: pd.DatetimeIndex(np.datetime64("2024-01-01", "ns") + np.arange(count) * 10**9),
        lambda: pd.MultiIndex.from_arrays(
            [np.arange(count) % 3, [f"g{number}" for number in range(count)]], names=["a", None]
        ),
    )
    return kinds[int(random.integers(len(kinds)))]()


def _labels(random: Random, count: int) -> pd.Index:
    kinds: tuple[Callable[[], pd.Index], ...] = (
        lambda: pd.Index([f"c{number}" for number in range(count)]),
        lambda: pd.RangeIndex(count),
        lambda: pd.Index([10 * number for number in range(count)], name="year"),
        lambda: pd.MultiIndex.from_tuples(
            [("x", number) for number in range(count)], names=["part", "number"]
        ),
    )
    return kinds[int(random.integers(len(kinds)))]()


@dataclass(frozen=True)
class CsvFile:
    """A CSV file.

    Attributes:
        content: its bytes.
        rows: its cells, row by row, the names first.
    """

    content: bytes
    rows: list[list[str]]


def csv_file(random: Random) -> CsvFile:
    """A CSV file of a few columns and rows, in one of many manners of writing."""
    count, width = int(random.integers(1, 12)), int(random.integers(1, 6))
    delimiter, end = str(random.choice([",", ";", "\t"])), str(random.choice(["\n", "\r\n"]))
    columns = [_cells(random, count) for _ in range(width)]
    names = [f"name {number}" for number in range(width)]
    rows = [names, *map(list, zip(*columns, strict=True))]
    stream = io.StringIO()
    quoting = int(random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    text = stream.getvalue()
    if random.random() < 0.2:
        text = text.removesuffix(end)
    mark = b"\xef\xbb\xbf" if random.random() < 0.15 else b""
    return CsvFile(mark + text.encode(), rows)


_SPELLINGS: tuple[tuple[str, ...], ...] = (
    ("0", "1", "-5", "42", "9223372036854775807"),
    ("9007199254740993", "0.5", "1", "2"),
    ("76561198012345678", "76561198012345679", "0.5"),
    ("1.50", "2.00", "-0.25", "10.00"),
    ("9.0", "10.0", "0.0", "-0.0"),
    ("2.3e-412", "1e-5", "0.001", "5E3"),
    ("1e400", "1.7976931348623157e308", "1"),
    ("+4712345678", "+1", "2"),
    ("007", "012", "100"),
    ("0.1", "0.30000000000000004", "0.10000000000000000555", "1e22", "123456789.123456789"),
    ("NaN", "inf", "-inf", "1.5"),
    ("true", "false"),
    ("True", "False", "TRUE"),
    ("yes", "no", "maybe"),
    ("2024-01-31", "1999-12-01", "2024-02-29"),
    ("2024-02-30", "2024-01-31"),
    ("01/31/2024", "12/01/1999"),
    ("31.01.2024", "01.12.1999"),
    ("2024-01-31T10:00:00", "2024-01-31 10:00:00", "2024-01-31"),
    ("2024-01-31 10:00:00.5", "2024-01-31 10:00:00.123456789"),
    ("10:00:00", "23:59:59"),
    ("1,5", "2,25", "1.234,56"),
    ("$1,234", "$5", "12 %"),
    ("a", "b", "ä", 'q"q', "x,y", "x;y", "two\nlines", " pad", "pad "),
    ("'", "`", "#", "\\", "\\n", "0x10", "1_000", "٣"),
    ("NA", "null", "None", "nan", "-", "?", "N/A"),
    ("1", "NA", "2"),
    ("1", "?", "2.5"),
    ("", "a"),
)
_MISSING = ("", "NA", "null", "?")


def _cells(random: Random, count: int) -> list[str]:
    """Cells of one manner of writing, of some draws with gaps, or with a cell of another manner."""
    pool = _SPELLINGS[int(random.integers(len(_SPELLINGS)))]
    cells = _some(random, pool, count)
    if random.random() < 0.4:
        gap = str(random.choice(_MISSING))
        cells = [gap if random.random() < 0.25 else cell for cell in cells]
    if random.random() < 0.2:
        other = _SPELLINGS[int(random.integers(len(_SPELLINGS)))]
        cells[int(random.integers(count))] = _some(random, other, 1)[0]
    return cells
