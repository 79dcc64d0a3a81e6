"""Methods of coding a block of integers, one family a module; ``base`` has the interface.

================  ==============================================================
``base``          what every method is; general compressors of bytes
``stored``        bytes as they are
``deflate``       zlib
``bzip2``         bzip2
``xz``            LZMA2
``zstandard``     Zstandard, where it is installed
``mixing``        context mixing, which learns as it goes
``rows``          columns of a table together: integers that a table's archive codes itself
``predicted``     codes of a trained model, each number from those before it
``images``        PNG, WebP and JPEG XL, a block as one sheet
================  ==============================================================

``METHODS`` has them by the names that archives use. Another one goes in there, and into
``docs/format.md``; which of them an archive uses is decided in :mod:`narrows.archive.choosing`.
"""

from narrows.archive.methods.base import EFFORTS, Effort, Method, ReadPart
from narrows.archive.methods.bzip2 import Bzip2
from narrows.archive.methods.deflate import Deflate
from narrows.archive.methods.images import JpegXl, Png, WebP
from narrows.archive.methods.mixing import Mixing
from narrows.archive.methods.predicted import Predicted
from narrows.archive.methods.rows import Rows
from narrows.archive.methods.stored import Stored
from narrows.archive.methods.xz import Xz
from narrows.archive.methods.zstandard import Zstandard

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        *(Stored, Deflate, Bzip2, Xz, Zstandard),
        *(Mixing, Rows, Predicted),
        *(Png, WebP, JpegXl),
    )
}

__all__ = ["EFFORTS", "METHODS", "Effort", "Method", "ReadPart", "Rows", "Stored"]
