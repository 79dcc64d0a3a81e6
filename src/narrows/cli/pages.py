"""``narrows fit --target`` and ``--tile``: learning from pairs of images, and from their tiles."""

from typing import TYPE_CHECKING

from narrows.cli.options import HELD_OUT, as_fraction
from narrows.cli.terminal import progress, say
from narrows.errors import UsageError

if TYPE_CHECKING:
    from narrows.data import Dataset, Pages
    from narrows.data.image_options import ImageOptions


def load_pages(
    source: str,
    target: str | None,
    tile: int | None,
    validation: str | None,
    seed: int,
    options: "ImageOptions",
) -> "tuple[Dataset, Dataset | None]":
    """The training set and what is held out: items that go in from ``source``, and what they shall
    become from ``target``, whole or in tiles.

    Whole images are held out, before any is cut: tiles of one page overlap.

    Raises:
        DataError: a source is missing, or the two do not have the same items.
        UsageError: ``validation`` is no share of the rows, or a source is a table.
    """
    from narrows.data import open_pages
    from narrows.data.pages import TILE, needs_tiles, require_pairs
    from narrows.data.tables import is_table_path

    for name in filter(None, (source, target)):
        if is_table_path(name):
            raise UsageError(
                f"{name} is a table, and --target and --tile are for arrays and images",
                hint="train on it with --noise masking:0.3, and missing cells can be filled in",
            )
    fraction = HELD_OUT if validation is None else as_fraction(validation)
    if fraction is None:
        raise UsageError(
            f"--validation {validation} is no share of the rows, which --target and --tile need",
            hint="give a number from 0 (none) to below 1",
        )
    given = open_pages(source, options=options, track=progress)
    wanted = given if target is None else open_pages(target, options=options, track=progress)
    require_pairs(given, wanted)
    if tile is None and needs_tiles(wanted):
        tile = TILE
    kept, held = list(range(len(wanted))), list[int]()
    if fraction:
        kept, held = wanted.split(fraction, seed)
    say(f"{len(kept):,} images to learn from, {len(held):,} to validate on")

    def part(indices: list[int], number: int) -> "Dataset":
        clean = wanted.take(indices)
        noisy = None if target is None else given.take(indices)
        return _items(noisy, clean, tile, seed + number)

    return part(kept, 0), part(held, 1) if held else None


def _items(noisy: "Pages | None", clean: "Pages", tile: int | None, seed: int) -> "Dataset":
    from narrows.data.pages import cut_tiles, whole_pages

    if tile is None:
        return whole_pages(noisy, clean)
    return cut_tiles(noisy, clean, tile, seed, track=progress)
