"""Items of an archive to files: arrays, tables of numbers, images numbered or by their names."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from narrows.archive.arrays import Layout
from narrows.data import item_writer, named_image_writer
from narrows.data.image_files import ImageFiles, written_name
from narrows.support.progress import Note


def is_named_folder(out: str) -> bool:
    """Whether what is written to ``out`` becomes a folder, in which files have names."""
    return not Path(out).suffix or out.endswith("/")


def write_items(
    batches: Iterable[np.ndarray],
    count: int,
    layout: Layout,
    out: str,
    *,
    files: ImageFiles | None,
    note: Note,
) -> None:
    """Write ``count`` items in the format that the name of ``out`` says, or images that came from
    ``files`` under their names; what is not called as it was is noted."""
    if files is not None:
        _write_named(files, batches, out, note)
        return
    shape = layout.item_shape
    if out.lower().endswith((".csv", ".parquet")):
        shape = (math.prod(shape),)  # a table has no pixels: an image becomes a row
    with item_writer(out, count, shape, layout.dtype) as writer:
        for batch in batches:
            writer.write(batch.reshape(len(batch), *shape))


def _write_named(files: ImageFiles, batches: Iterable[np.ndarray], out: str, note: Note) -> None:
    place = 0
    with named_image_writer(out, files.names, colours=files.colours) as write:
        for batch in batches:
            for pixels in batch:
                write(files.names[place], pixels, files.orientations.get(place, 1))
                place += 1
    renamed = [name for name in files.names if written_name(name, files.colours) != name]
    if renamed:
        became = written_name(renamed[0], files.colours)
        note(
            f"{len(renamed):,} of the files have another name, of a kind that keeps every value: "
            f"{renamed[0]} is {became}"
        )
