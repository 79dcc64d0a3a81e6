"""DEFLATE: see :mod:`narrows.archive.deflated`."""

from narrows.archive.deflated import deflated, inflated
from narrows.archive.methods.base import ByteMethod, Effort


class Deflate(ByteMethod):
    """zlib's compressor."""

    name = "zlib"
    largest_expansion = 1040

    def compress(self, content: bytes, effort: Effort) -> bytes:
        return deflated(content, 6 if effort == "fast" else 9)

    def decompress(self, content: bytes, size: int) -> bytes:
        return inflated(content, size)
