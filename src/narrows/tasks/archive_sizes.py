"""Where the bytes of a file are: of an archive of any kind, of a model, of a shared decoder."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from narrows.archive import SharedModel, open_archive
from narrows.archive.codes.shared import is_shared_model
from narrows.archive.container import begins_container
from narrows.archive.series import ArchiveSeries, is_index
from narrows.report.archive_sizes import breakdown_told, breakdown_values
from narrows.support.number_text import count_of
from narrows.support.tensor_file import tensor_sizes
from narrows.support.text_tables import TextTable, told_text

# Archives of an index that a text names.
_SHOWN = 20


def file_sizes(file: Path, model: Path | None = None) -> tuple[str, dict[str, Any]]:
    """Where the bytes of a file are, as a text and as values.

    Args:
        file: an archive, an index of several, a model, or what ``--keep-model`` wrote.
        model: of an archive of codes, what it was written with, if that is not in it.

    Raises:
        ArchiveError, ModelFileError: it is none of them, or damaged.
    """
    if is_index(file):
        return _series_sizes(file, model)
    is_container = begins_container(file)
    if file.suffix.lower() != ".nrw" and not is_container:
        return _model_sizes(file)
    if is_container and is_shared_model(file):
        return _shared_model_sizes(file)
    with open_archive(file, model=model) as opened:
        breakdown = opened.size_breakdown
    values = {"kind": "archive", **breakdown_values(breakdown)}
    return told_text(breakdown_told(str(file), breakdown)), values


def _model_sizes(file: Path) -> tuple[str, dict[str, Any]]:
    """Of a model also what it is and what it can do, its checksum compared."""
    from narrows.model.file import load_model  # which loads more than archives need
    from narrows.tasks.model_facts import model_text, model_values

    trained = load_model(file)
    sizes = tensor_sizes(file)
    total, parts = sum(sizes.values()), dict[str, int]()
    for name, size in sizes.items():
        part = name.partition("/")[0]
        parts[part] = parts.get(part, 0) + size
    rows = [["part", "bytes", "share", ""]]
    for part, size in parts.items():
        meaning = _PARTS_OF_MODELS.get(part, "")
        rows.append([part, f"{size:,}", f"{size / total:.1%}", meaning])
    rows.append(["all", f"{total:,}", "100.0%", ""])
    text = f"{model_text(trained)}\n\n{TextTable(str(file), rows, left=(0, 3)).text()}"
    return text, {"kind": "model", **model_values(trained), "bytes": sizes, "total": total}


_PARTS_OF_MODELS = {
    "header": "what the facts above are from",
    "baseline": "PCA, which the model is compared with",
    "density": "how codes lie, which generate draws from",
    "detection": "what tells odd items",
    "latent": "the lowest, the highest and the mean of each number of the code",
    "model": "the weights",
    "scaling": "what values are divided by",
    "scores": "how odd each training item is",
    "values": "the range of each value in training",
}


def _series_sizes(file: Path, model: Path | None) -> tuple[str, dict[str, Any]]:
    """Of an index: its archives, and what they come to."""
    with ArchiveSeries(file, damaged_too=True, model=model) as series:
        entries, unit, count = series.entries, series.unit, len(series)
    total = sum(entry.size for entry in entries)
    raw = sum(entry.nbytes for entry in entries)
    rows = [["archive", f"{unit}s", "bytes"]]
    rows += [[entry.file, f"{entry.count:,}", f"{entry.size:,}"] for entry in entries[:_SHOWN]]
    if len(entries) > _SHOWN:
        rest = entries[_SHOWN:]
        size = sum(entry.size for entry in rest)
        told = [f"{len(rest):,} more", f"{sum(entry.count for entry in rest):,}", f"{size:,}"]
        rows.append(told)
    title = (
        f"{file}: {count_of(len(entries), 'archives')} of {count_of(count, f'{unit}s')}, "
        f"{total:,} bytes for {raw:,} of values"
    )
    values = {
        "kind": "index of archives",
        "count": count,
        "total": total,
        "raw": raw,
        "archives": [asdict(entry) for entry in entries],
    }
    return told_text([TextTable(title, rows)]), values


def _shared_model_sizes(file: Path) -> tuple[str, dict[str, Any]]:
    """Of a shared model also what it was learnt from, and the name that archives know it by."""
    model = SharedModel.of(file)
    model.require_whole()
    layout, sizes = model.layout, model.container.sizes
    rows = [["part", "bytes"], *([part, f"{size:,}"] for part, size in sizes.items())]
    shape = " × ".join(map(str, layout.item_shape)) or "one"
    what = (
        f"a model for archives of codes, learnt from {count_of(layout.count, 'items')} of {shape} "
        f"{layout.dtype.name}"
    )
    text = told_text([TextTable(f"{file}: {what}", rows), f"SHA-256 {model.digest}"])
    values = {
        "kind": "model of archives",
        "shape": list(layout.shape),
        "dtype": layout.dtype.name,
        "bytes": dict(sizes),
        "total": len(model.content),
        "sha256": model.digest,
    }
    return text, values
