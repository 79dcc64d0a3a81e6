"""Which cells that are texts stand for missing values.

Two sets, as there are two aims. What hardly anybody means as a text is missing in any column, and
an archive keeps which of these a cell was. The longer list holds for columns whose other cells are
numbers, dates or truth values, where nothing else can be meant; among texts, "none" is one.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from narrows.data.tables import cells
from narrows.data.tables.csv_layout import parsed_number
from narrows.support.lazy_modules import pa, pc

#: Missing in any column, without the spaces around them; not where they stand in quotes.
MISSING_CELLS = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A", "?")
#: Missing in a column of numbers, dates or truth values, in any case.
MISSING_WORDS = (
    "", "na", "n/a", "n.a.", "nan", "-nan", "null", "(null)", "#n/a", "?", "??", "-", "--", "---",
    "\u2013", "\u2014", ".", "..", "...", "*", "none", "nil", "nat", "<na>", "\\n", "unknown",
    "missing", "not available", "not applicable", "unspecified", "undefined", "blank", "empty",
    "#n/a n/a", "1.#qnan", "1.#ind", "-1.#ind",
)  # fmt: skip


def without_missing_words(array: Any) -> tuple[Any, Counter[str]]:
    """Texts without those in MISSING_WORDS, and how often each of them came."""
    words = pc.is_in(pc.utf8_lower(array), pa.array(MISSING_WORDS, array.type))
    if not pc.any(words).as_py():
        return array, Counter()
    counts = Counter(cells.text_counts(array.filter(words)))
    return without_cells(array, words), counts


def without_cells(array: Any, absent: Any) -> Any:
    """An array whose cells are missing too where ``absent``, truth values, says so.

    A null scalar in place of the nulls would be shorter, but of a slice of texts Arrow 18 to 22
    make texts of other bytes then.
    """
    return pc.if_else(absent, pa.nulls(len(array), array.type), array)


def is_missing_text(stated: Sequence[str], written: Any, bare: Any) -> Any:
    """Which cells are one of the texts that a user says stand for missing values: a number also
    with a comma or zeros behind it, as -200 is written -200,0 too, and in quotes.

    Args:
        written: an Arrow array of cells, without the blanks around them.
        bare: the same without quotes.
    """
    found = pc.is_in(written, pa.array(stated, written.type))
    for text in stated:
        if parsed_number(text) is not None:
            same = pc.match_substring_regex(bare, rf"^{re.escape(text)}([.,]0*)?$")
            found = pc.or_(found, same)
    return found
