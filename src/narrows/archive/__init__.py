"""Archives: arrays and tables of any size as one file that says what it holds, and is checked.

==================  =======================================================================
``opening``         ``compress``, ``decompress``, ``open_archive``: whatever kind of data it is
``holding``         items by their numbers, in pieces and to files; what every open archive has
``series``          many archives as one, which an index names
``archive``         an archive of an array
``item_files``      its items to files
``verifying``       an archive against its checksums, and against its data
``tables/``         the same for tables: its ``__init__`` has the map
``writing``         from an array to an archive, verified block by block
``choosing``        which way of coding an array: those that look good are tried
``size_breakdown``  where the bytes of an archive are
``block_coder``     blocks to bytes, decoded again and compared
``blocks``          blocks of values and their index
``pipeline``        a quantiser, filters and a method: from values to bytes and back
``error_bounds``    error bounds as a user gives them: a number, per cent, by column
``bounds``          values to integer levels within a guaranteed error; what is within it
``filters``         differences, narrowing, byte planes
``deflated``        raw DEFLATE streams
``methods/``        integers to bytes: general compressors, formats of images, models
``mixing/``         how context mixing works
``ans``             the entropy coder
``codes/``          archives of nothing but codes and a decoder
``arrays``          shape, dtype and byte order
``container``       the bytes of the file: header, parts, checksums
``validation``      reading what a stranger may have written
==================  =======================================================================

Reading and writing an archive takes NumPy and Python alone, but where an image format or Zstandard
was the smallest. ``docs/format.md`` describes the file, for other programs.
"""

from narrows.archive.archive import Archive
from narrows.archive.codes.shared import SharedModel
from narrows.archive.opening import compress, decompress, open_archive
from narrows.archive.size_breakdown import SizeBreakdown, Trial
from narrows.archive.tables import TableArchive, TableSizeBreakdown, write_table
from narrows.archive.writing import write_archive

__all__ = [
    "Archive",
    "SharedModel",
    "SizeBreakdown",
    "TableArchive",
    "TableSizeBreakdown",
    "Trial",
    "compress",
    "decompress",
    "open_archive",
    "write_archive",
    "write_table",
]
