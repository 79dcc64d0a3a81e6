"""Bytes as they are: for what cannot be made smaller."""

from narrows.archive.methods.base import ByteMethod, Effort


class Stored(ByteMethod):
    """No compression at all."""

    name = "stored"
    largest_expansion = 1

    def compress(self, content: bytes, effort: Effort) -> bytes:
        return content

    def decompress(self, content: bytes, size: int) -> bytes:
        return content
