"""Cells that are texts, read as what their column holds; and what among them says that nothing is
known."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from narrows.data.tables import cells
from narrows.data.tables.cell_formats import CellFormat, normalized

#: Texts that stand for missing values in a column of numbers, dates or truth values, in any case;
#: in a column of texts they are texts.
MISSING_WORDS = (
    "", "na", "n/a", "n.a.", "nan", "-nan", "null", "(null)", "#n/a", "?", "??", "-", "--", "---",
    "\u2013", "\u2014", ".", "..", "...", "*", "none", "nil", "nat", "<na>", "\\n", "unknown",
    "missing", "not available", "not applicable", "unspecified", "undefined", "blank", "empty",
    "#n/a n/a", "1.#qnan", "1.#ind", "-1.#ind",
)  # fmt: skip


def parse_cells(
    array: Any, type_: Any, cell_format: CellFormat | None, *, loose: bool = False
) -> Any:
    """Texts as cells of a type, or None if some are none; ``loose``: also without the unit."""
    import pyarrow as pa

    if cell_format is not None:
        array = normalized(array, cell_format, loose=loose)
        if array is None:
            return None
        try:
            return cells.from_texts(array, type_)
        except pa.ArrowException:
            return None
    return cells.parse(array, type_)


def without_missing_words(array: Any) -> tuple[Any, Counter[str]]:
    """Texts without those that stand for missing values, and how often each of them came."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pc.is_in(pc.utf8_lower(array), pa.array(MISSING_WORDS, array.type))
    if not pc.any(words).as_py():
        return array, Counter()
    counts = Counter(cells.text_counts(array.filter(words)))
    return pc.if_else(words, pa.scalar(None, array.type), array), counts


def parse_valid(array: Any, reads: Callable[[Any], Any]) -> tuple[Any, list[int]]:
    """What can be read of some texts, others missing, and the places of those.

    Args:
        array: an Arrow array.
        reads: gives cells of texts, or None if some are none.
    """
    import pyarrow as pa

    parsed = reads(array)
    if parsed is not None:
        return parsed, []
    if len(array) == 1:
        empty = reads(pa.nulls(1, array.type))
        return empty, [0]
    middle = len(array) // 2
    first, wrong = parse_valid(array[:middle], reads)
    last, more = parse_valid(array[middle:], reads)
    joined = pa.concat_arrays([_whole(first), _whole(last)])
    return joined, [*wrong, *(middle + place for place in more)]


def _whole(array: Any) -> Any:
    import pyarrow as pa

    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def counted(counts: Counter[str], most: int = 3) -> str:
    """Texts and how often each came, the most frequent first, for people."""
    named = ", ".join(f"{text[:40]!r} {count:,}x" for text, count in counts.most_common(most))
    return named + (f" and {len(counts) - most:,} more" if len(counts) > most else "")
