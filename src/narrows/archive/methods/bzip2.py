"""bzip2: the Burrows-Wheeler transform and Huffman codes, in blocks of 900,000 bytes."""

import bz2

from narrows.archive.methods.base import ByteMethod, Effort, unpacked_to_the_end


class Bzip2(ByteMethod):
    """A .bz2 stream."""

    name = "bzip2"
    largest_expansion = 1 << 21  # 255 equal bytes are 5 before the transform

    def compress(self, content: bytes, effort: Effort) -> bytes:
        return bz2.compress(content, 9)

    def decompress(self, content: bytes, size: int) -> bytes:
        return unpacked_to_the_end(bz2.BZ2Decompressor(), content, size)
