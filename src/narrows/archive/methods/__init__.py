"""Methods of coding a block of integers, one family a module; ``base`` has the interface.

================  ========================================================================
``base``          what every method is
``compressors``   general ones of bytes: stored, zlib, bzip2, xz, and Zstandard where it is there
``mixing``        context mixing, which learns as it goes
``rows``          columns of a table together: integers that a table's archive codes itself
``images``        PNG, WebP and JPEG XL, a block as one sheet
================  ========================================================================

``METHODS`` has them by the names that archives use. Another one goes in there, or adds itself by
``register`` where it lies above this package, as :mod:`narrows.archive.codes.predicted` does; and
into ``docs/format.md``. Which of them an archive uses :mod:`narrows.archive.choosing` decides.
"""

from narrows.archive.methods.base import EFFORTS, Effort, Method, ReadPart
from narrows.archive.methods.compressors import Bzip2, Deflate, Stored, Xz, Zstandard
from narrows.archive.methods.images import JpegXl, Png, WebP
from narrows.archive.methods.mixing import Mixing
from narrows.archive.methods.rows import Rows

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        *(Stored, Deflate, Bzip2, Xz, Zstandard),
        *(Mixing, Rows),
        *(Png, WebP, JpegXl),
    )
}


def register(method: type[Method]) -> type[Method]:
    """Add a method that lies above this package, so that archives that use it can be opened."""
    METHODS[method.name] = method
    return method


__all__ = ["EFFORTS", "METHODS", "Effort", "Method", "ReadPart", "Rows", "Stored", "register"]
