"""Where the bytes of a table's archive are, column by column, for people and for machines."""

from typing import Any

from narrows.archive import TableAccount
from narrows.report.archive_sizes import seconds_lines
from narrows.report.measures import readable
from narrows.support.text_tables import cell_text, table_text


def table_account_text(title: str, account: TableAccount, raw: int | None = None) -> str:
    """Where the bytes of a table's archive are, and what it promises: a line a column."""
    rows = [["column", "type", "largest error", "bytes", "share", "coded with"]]
    for column in account.columns:
        bound = f"within {readable(column.bound)}" if column.bound else "exact"
        share = f"{column.size / account.total:.1%}"
        methods = "; ".join(column.methods)
        name, type_ = cell_text(column.name), cell_text(column.type, 20)
        rows.append([name, type_, bound, f"{column.size:,}", share, cell_text(methods)])
    rest = account.total - sum(column.size for column in account.columns)
    rows.append(["header, index", "", "", f"{rest:,}", f"{rest / account.total:.1%}", ""])
    rows.append(["all", "", "", f"{account.total:,}", "100.0%", ""])
    plural = "" if account.rows == 1 else "s"
    what = f"{title}, a table of {account.rows:,} row{plural}"
    lines = [table_text(what, rows, left=(0, 1, 2, 5))]
    if raw:
        lines.append(f"{account.total / raw:.2%} of the {raw:,} bytes that the table had")
    if account.text_exact:
        lines.append("the text comes back byte for byte")
    elif account.text_exact is not None:
        lines.append(f"the values come back, and not the text as it stands: {account.text_reason}")
    lines += seconds_lines(account.seconds, account.seconds_back)
    return "\n".join(lines)


def table_account_values(account: TableAccount) -> dict[str, Any]:
    """The same for machines."""
    return {
        "rows": account.rows,
        "groups": account.groups,
        "bytes": dict(account.sizes),
        "total": account.total,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "bound": column.bound,
                "methods": dict(column.methods),
                "bytes": column.size,
                "largest_error": column.largest_error,
            }
            for column in account.columns
        ],
        "text_exact": account.text_exact,
        "text_reason": account.text_reason or None,
        "seconds": account.seconds,
        "seconds_back": account.seconds_back,
    }
