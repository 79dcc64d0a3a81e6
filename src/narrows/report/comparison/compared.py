"""A comparison as Python users have it: shown in short by notebooks, and written as a page."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from narrows.report.comparison.page import write_comparison
from narrows.report.comparison.result import Comparison
from narrows.report.comparison.tables import scores_table
from narrows.support.text_tables import Shown, TextTable, Told

_THE_REST = 'All of it is on one page: .write("page.html") makes a file of it.'


@dataclass(frozen=True, kw_only=True)
class Compared(Shown, Comparison):
    """What :func:`narrows.compare` gives: everything on the page of ``narrows compare``, as
    numbers, arrays and texts. A notebook shows its three sentences and the table of errors.

    Attributes:
        in_short: three sentences; the first says whether an autoencoder is worth it.
        scores: the error of each model and of the simplest codes on the measured items.
        models: what was trained or given, and what it cost.
        best: the place in ``models`` of the one with the smallest error.
    """

    def __repr__(self) -> str:
        # its fields are hundreds of lines of arrays
        return self.text()

    def told(self) -> Told:
        """The sentences in short, the table of errors, and how to have the rest."""
        table = scores_table(self.scores, self.data.unit, ()).without_gaps()
        rows = [table.columns, *zip(*table.texts(), strict=True)]
        return [*self.in_short, TextTable(table.title, rows), self.split.sentence, _THE_REST]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page of ``narrows compare``: one HTML file, which holds all that it shows.

        Raises:
            UsageError: its name does not end in .html.
            OutputError: the file cannot be written.
        """
        write_comparison(path, self)


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """All numbers and texts of a comparison, by the names of its fields; items, pictures and
    positions are left out."""
    found = _plain(comparison)
    assert isinstance(found, dict)
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        held = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: _plain(one) for name, one in held.items() if not isinstance(one, np.ndarray)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value if not isinstance(one, np.ndarray)]
    return value
