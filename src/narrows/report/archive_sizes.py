"""Where the bytes of archives are, of a table's column by column, for people and for machines."""

from typing import Any

from narrows.archive import SizeBreakdown, TableSizeBreakdown, Trial
from narrows.archive.arrays import Layout
from narrows.support.number_text import count_of, readable
from narrows.support.text_tables import TextTable, Told, cell_text

Breakdown = SizeBreakdown | TableSizeBreakdown

_MEANING = {
    "header": "what the archive is, of what, and where its parts lie",
    "index": "where each block lies, and its checksum",
    "payload": "the blocks",
    "decoder": "what makes values of codes, in whole numbers",
    "predictor": "how likely each number of a code is",
    "files": "the names of the files that the items came from",
}


def breakdown_told(title: str, breakdown: Breakdown, raw: int | None = None) -> Told:
    """Where the bytes of an archive are, and its error bound, for people.

    Args:
        title: what stands above.
        raw: the bytes of the table's own file, where they are known.
    """
    if isinstance(breakdown, TableSizeBreakdown):
        return _table_told(title, breakdown, raw)
    layout = breakdown.layout
    rows = [["part", "bytes", "share", ""]]
    for part, size in breakdown.sizes.items():
        share = f"{size / breakdown.total:.1%}"
        rows.append([part, f"{size:,}", share, _MEANING.get(part, "of the method")])
    rows.append(["all", f"{breakdown.total:,}", "100.0%", ""])
    lines: list[TextTable | str] = [TextTable(f"{title}, {_what(layout)}", rows, left=(0, 3))]
    lines.append(_rate(breakdown))
    lines.append(_bound_line(breakdown))
    if breakdown.changes:
        lines.append(f"of images that were changed before: {breakdown.changes}")
    if breakdown.numbers is not None:
        lines += _codes_lines(breakdown)
    else:
        lines += _comparison(breakdown)
    used = "; ".join(
        f"{name} ({count_of(count, 'blocks')})" for name, count in breakdown.methods.items()
    )
    if used:
        lines.append(f"coded with {used}")
    lines += _seconds_lines(breakdown.seconds, breakdown.seconds_back)
    return [*lines, "", *_trials_told(breakdown)] if breakdown.trials else lines


def _comparison(breakdown: SizeBreakdown) -> list[str]:
    """How it stands beside the best classical method."""
    whole, alone = breakdown.classical, breakdown.classical_alone
    lines = []
    if whole is not None:
        about = _about(breakdown, whole)
        lines.append(
            f"{whole.name}, the best classical method, takes {about}{whole.size:,} bytes, "
            f"{about}{whole.size / breakdown.total:.2f} times as many"
        )
    if alone is not None and alone.item_bytes and breakdown.alone:
        more = alone.item_bytes / breakdown.alone
        lines.append(
            f"one item alone takes {breakdown.alone:,.1f} bytes, as an average of some; with "
            f"{alone.name} {alone.item_bytes:,.1f}, {more:.2f} times as many"
        )
    return lines


def _about(breakdown: SizeBreakdown, trial: Trial) -> str:
    """What stands before a figure that is an estimate."""
    return "about " if breakdown.estimates(trial) else ""


def _codes_lines(breakdown: SizeBreakdown) -> list[str]:
    """What a code takes, with what says where it lies, what all the rest does, and from how many
    items on that and its model are smaller than the items as they are."""
    codes = breakdown.sizes["payload"] + breakdown.sizes["index"]
    count = max(breakdown.layout.count, 1)
    lines = [
        f"codes of {count_of(breakdown.numbers or 0, 'whole numbers')}: {codes / count:.2f} bytes "
        f"an item, and all the rest {(breakdown.total - codes) / count:.2f}",
    ]
    if breakdown.model is not None:
        lines.append(
            f"starts from a model of {breakdown.model_size:,} bytes that it does not hold, SHA-256 "
            f"{breakdown.model}"
        )
    pays = breakdown.codes_pay_from
    if pays is not None:
        lines.append(
            f"its model charged, it is smaller than the values as they are from {pays:,} items on"
        )
    return lines


def _what(layout: Layout) -> str:
    shape = " × ".join(map(str, layout.item_shape)) or "one"
    return f"{count_of(layout.count, 'items')} of {shape} {layout.dtype.name}"


def _rate(breakdown: SizeBreakdown) -> str:
    if breakdown.bits_per_value is None:
        return "no values"
    return (
        f"{breakdown.bits_per_value:.3f} bits a value, all parts counted; {breakdown.ratio:.2f} "
        f"times smaller than the {breakdown.layout.nbytes:,} bytes of the values"
    )


def _bound_line(breakdown: SizeBreakdown) -> str:
    mean = breakdown.mean_squared_error
    measured = f", mean squared error {readable(mean)}" if mean is not None else ""
    if breakdown.bound is None:
        largest = readable(breakdown.largest_error)
        return f"no bound is promised; measured: largest error {largest}{measured}"
    if breakdown.bound == 0:
        return "lossless, with the SHA-256 of the values"
    return (
        f"every value within {readable(breakdown.bound)}; measured: largest error "
        f"{readable(breakdown.largest_error)}{measured}"
    )


def _trials_told(breakdown: SizeBreakdown) -> Told:
    """What was tried, the smallest first."""
    values = breakdown.layout.size
    timed = breakdown.trials[0].seconds is not None
    header = ["method", "bytes, whole set", "bits a value", "bytes, one item a file"]
    rows = [[*header[: 4 if timed else 3], *(["seconds", "and back"] if timed else [])]]
    for trial in breakdown.trials:
        about = _about(breakdown, trial)
        row = [trial.name, f"{about}{trial.size:,}", f"{8 * trial.size / values:.3f}"]
        if timed:
            row.append("" if trial.item_bytes is None else f"{trial.item_bytes:,.0f}")
            row += [f"{trial.seconds:.2f}", f"{trial.seconds_back:.2f}"]
        rows.append(row)
    whole = breakdown.sampled == breakdown.blocks
    blocks = count_of(breakdown.blocks, "blocks")
    on = "all of it" if whole else f"{breakdown.sampled:,} of its {blocks}"
    table = TextTable(f"what was tried, on {on}: the smallest is taken", rows)
    if breakdown.blocks == 1:
        return [table]
    alone = "each block on its own: a compressor that sees all of them at once may take less"
    return [table, alone]


def _compared(breakdown: SizeBreakdown) -> dict[str, Any] | None:
    """The best classical methods, as values."""
    whole, alone = breakdown.classical, breakdown.classical_alone
    if whole is None or breakdown.numbers is not None:
        return None
    return {
        "method": whole.name,
        "bytes": whole.size,
        "estimate": breakdown.estimates(whole),
        "ratio": whole.size / breakdown.total,
        "alone_method": None if alone is None else alone.name,
        "alone_bytes": None if alone is None else alone.item_bytes,
        "alone_ratio": alone.item_bytes / breakdown.alone
        if alone is not None and alone.item_bytes and breakdown.alone
        else None,
    }


def breakdown_values(breakdown: Breakdown) -> dict[str, Any]:
    """The same for machines."""
    if isinstance(breakdown, TableSizeBreakdown):
        return _table_values(breakdown)
    layout = breakdown.layout
    return {
        "shape": list(layout.shape),
        "dtype": layout.dtype.name,
        "bound": breakdown.bound,
        "largest_error": breakdown.largest_error,
        "mean_squared_error": breakdown.mean_squared_error,
        "latent": breakdown.numbers,
        "bytes": dict(breakdown.sizes),
        **({"images_changed": breakdown.changes} if breakdown.changes else {}),
        "total": breakdown.total,
        "raw": layout.nbytes,
        "bits_per_value": breakdown.bits_per_value,
        "ratio": breakdown.ratio,
        "methods": dict(breakdown.methods),
        "tried": [
            {
                "method": trial.name,
                "bytes": trial.size,
                "in_part": trial.in_part,
                "estimate": breakdown.estimates(trial),
                "item_bytes": trial.item_bytes,
                "seconds": trial.seconds,
                "seconds_back": trial.seconds_back,
            }
            for trial in breakdown.trials
        ],
        "classical": _compared(breakdown),
        "pays_from": breakdown.codes_pay_from,
        "model": breakdown.model,
        "model_bytes": breakdown.model_size,
        "blocks": breakdown.blocks,
        "blocks_tried": breakdown.sampled,
        "seconds": breakdown.seconds,
        "seconds_back": breakdown.seconds_back,
    }


def _seconds_lines(there: float | None, back: float | None) -> list[str]:
    """What writing and decoding took, where both were measured."""
    if there is None or back is None:
        return []
    return [f"{there:.1f} s, trials and verification included; {back:.2f} s to decode all of it"]


# Tables


def _table_told(title: str, breakdown: TableSizeBreakdown, raw: int | None) -> Told:
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
    return [*lines, *_seconds_lines(breakdown.seconds, breakdown.seconds_back)]


def _table_values(breakdown: TableSizeBreakdown) -> dict[str, Any]:
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
