"""LZMA2 in an .xz stream without a checksum of its own, as the index has one of each block."""

import lzma

from narrows.archive.methods.base import ByteMethod, Effort, unpacked_to_the_end

# A dictionary reaches no further than its block, and is given no more memory.
_SMALLEST_DICTIONARY, _LARGEST_DICTIONARY = 1 << 12, 1 << 26
# What decoding takes besides the dictionary.
_ROOM = 16 << 20


class Xz(ByteMethod):
    """xz, with effort ``best`` and ``normal`` as with its options -9e, with ``fast`` as with -1."""

    name = "xz"

    def compress(self, content: bytes, effort: Effort) -> bytes:
        preset = 1 if effort == "fast" else 9 | lzma.PRESET_EXTREME
        size = min(max(len(content), _SMALLEST_DICTIONARY), _LARGEST_DICTIONARY)
        filters = [{"id": lzma.FILTER_LZMA2, "preset": preset, "dict_size": size}]
        return lzma.compress(content, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=filters)

    def decompress(self, content: bytes, size: int) -> bytes:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, _LARGEST_DICTIONARY + _ROOM)
        return unpacked_to_the_end(unpacker, content, size)
