"""Cells that are texts, read as what their column holds; and what among them says that nothing is
known."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.cell_formats import CellFormat, normalized
from narrows.support.lazy_modules import pa, pc

_TRUTH_WORDS = ("true", "false")
# Texts of a column that a message names.
_NAMED = 3


def parse_cells(
    array: Any, type_: Any, cell_format: CellFormat | None, *, loose: bool = False
) -> Any:
    """Texts as cells of a type, or None if some are none; ``loose``: also without the unit."""
    if cell_format is not None:
        array = normalized(array, cell_format, loose=loose)
        if array is None:
            return None
        try:
            return cells.from_texts(array, type_)
        except pa.ArrowException:
            return None
    return cells.parse(array, type_)


def numbers_of(columns: dict[str, Any]) -> dict[str, Any]:
    """The cells, as float64, of those of some columns of texts that hold nothing but plain numbers.

    All are read at once, and in halves where some hold more: with many columns, a call for each
    costs more than its cells.
    """
    names, arrays = list(columns), [array.cast(pa.string()) for array in columns.values()]
    try:
        parsed = cells.parse(pa.concat_arrays(arrays), pa.float64()) if arrays else None
    except pa.ArrowException:  # more letters than one array holds
        parsed = None
    if parsed is not None:
        starts = np.cumsum([0, *map(len, arrays)]).tolist()
        return {
            name: parsed.slice(start, len(array))
            for name, array, start in zip(names, arrays, starts, strict=False)
        }
    if len(arrays) < 2:
        return {}
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    first, second = (numbers_of({name: columns[name] for name in half}) for half in halves)
    return first | second


def candidate_types() -> list[Any]:
    """The Arrow types that the texts of a CSV file's column are tried as, the narrowest first; what
    is none of them is text."""
    stamps = [pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("s", "us")]
    return [pa.bool_(), pa.int64(), pa.float64(), pa.date32(), *stamps]


def are_truth_words(texts: Any) -> bool:
    """Whether all texts are "true" or "false", in any case: 1, 0, yes and no are truth values only
    where a column is known to hold such."""
    texts = texts.drop_null()
    if len(texts) and texts[0].as_py().lower() not in _TRUTH_WORDS:
        return False  # as in most columns, for a tenth of the time
    lower = pc.utf8_lower(texts)
    return pc.all(pc.is_in(lower, pa.array(_TRUTH_WORDS, lower.type))).as_py() is not False


def parse_valid(array: Any, reads: Callable[[Any], Any]) -> tuple[Any, list[int]]:
    """What can be read of some texts, others missing, and the places of those.

    Args:
        array: an Arrow array.
        reads: gives cells of texts, or None if some are none.
    """
    parsed = reads(array)
    if parsed is not None:
        return parsed, []
    if len(array) == 1:
        empty = reads(pa.nulls(1, array.type))
        return empty, [0]
    middle = len(array) // 2
    first, wrong = parse_valid(array[:middle], reads)
    last, more = parse_valid(array[middle:], reads)
    joined = pa.concat_arrays([cells.whole(first), cells.whole(last)])
    return joined, [*wrong, *(middle + place for place in more)]


def counted(counts: Counter[str]) -> str:
    """Texts and how often each came, the most frequent first, for people."""
    named = ", ".join(f"{text[:40]!r} {count:,}x" for text, count in counts.most_common(_NAMED))
    return named + (f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else "")
