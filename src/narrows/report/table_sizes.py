"""Where the bytes of a table's archive are, column by column, for people and for machines."""

from typing import Any

from narrows.archive import TableSizeBreakdown
from narrows.report.archive_sizes import seconds_lines
from narrows.support.number_text import count_of, readable
from narrows.support.text_tables import TextTable, Told, cell_text


def table_breakdown_told(title: str, breakdown: TableSizeBreakdown, raw: int | None = None) -> Told:
    """Where the bytes of a table's archive are, and its error bounds: a line a column."""
    rows = [["column", "type", "largest error", "bytes", "share", "coded with"]]
    for column in breakdown.columns:
        bound = f"within {readable(column.bound)}" if column.bound else "exact"
        share = f"{column.size / breakdown.total:.1%}"
        methods = "; ".join(column.methods)
        name, type_ = cell_text(column.name), cell_text(column.type, 20)
        rows.append([name, type_, bound, f"{column.size:,}", share, cell_text(methods)])
    rest = breakdown.total - sum(column.size for column in breakdown.columns)
    rows.append(["header, index", "", "", f"{rest:,}", f"{rest / breakdown.total:.1%}", ""])
    rows.append(["all", "", "", f"{breakdown.total:,}", "100.0%", ""])
    what = f"{title}, a table of {count_of(breakdown.rows, 'rows')}"
    lines: list[TextTable | str] = [TextTable(what, rows, left=(0, 1, 2, 5))]
    if raw:
        lines.append(f"{breakdown.total / raw:.2%} of the {raw:,} bytes that the table had")
    if breakdown.text_exact:
        lines.append("the text comes back byte for byte")
    elif breakdown.text_exact is not None:
        reason = breakdown.text_reason
        lines.append(f"the values come back, and not the text as it stands: {reason}")
    return [*lines, *seconds_lines(breakdown.seconds, breakdown.seconds_back)]


def table_breakdown_values(breakdown: TableSizeBreakdown) -> dict[str, Any]:
    """The same for machines."""
    return {
        "rows": breakdown.rows,
        "groups": breakdown.groups,
        "bytes": dict(breakdown.sizes),
        "total": breakdown.total,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "bound": column.bound,
                "methods": dict(column.methods),
                "bytes": column.size,
                "largest_error": column.largest_error,
            }
            for column in breakdown.columns
        ],
        "text_exact": breakdown.text_exact,
        "text_reason": breakdown.text_reason or None,
        "seconds": breakdown.seconds,
        "seconds_back": breakdown.seconds_back,
    }
