"""DEFLATE, RFC 1951, as in gzip, zip and PNG: a raw stream, without header or checksum."""

import zlib

from narrows.archive.methods.base import ByteMethod, Effort, unpacked_to_the_end


class Deflate(ByteMethod):
    """zlib's compressor."""

    name = "zlib"
    largest_expansion = 1040

    def compress(self, content: bytes, effort: Effort) -> bytes:
        packer = zlib.compressobj(6 if effort == "fast" else 9, wbits=-15)
        return packer.compress(content) + packer.flush()

    def decompress(self, content: bytes, size: int) -> bytes:
        return unpacked_to_the_end(_Inflate(), content, size)


class _Inflate:
    """zlib's decompressor, which unlike the others wants what it left over once more."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-15)

    def decompress(self, content: bytes, max_length: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + content, max_length)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data
