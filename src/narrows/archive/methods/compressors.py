"""General compressors of bytes: Python's own, and Zstandard where it is installed."""

import bz2
import importlib
import lzma
import sys
from abc import abstractmethod
from typing import Any

import numpy as np

from narrows.archive.deflated import deflated, inflated
from narrows.archive.methods.base import Effort, Method

# Of xz: a dictionary reaches no further than its block, and is given no more memory; and what
# decoding takes besides the dictionary.
_SMALLEST_DICTIONARY, _LARGEST_DICTIONARY, _ROOM = 1 << 12, 1 << 26, 16 << 20
# Of Zstandard: its levels, the modules that have it, and the exponent of the largest window, 128
# MiB.
_LEVELS: dict[Effort, int] = {"fast": 3, "normal": 19, "best": 22}
_MODULES, _LARGEST_WINDOW = ("compression.zstd", "zstandard"), 27


class ByteMethod(Method):
    """A general compressor, which takes the values' bytes in little-endian order."""

    @abstractmethod
    def compress(self, content: bytes, effort: Effort) -> bytes:
        """Compress bytes."""

    @abstractmethod
    def decompress(self, content: bytes, size: int) -> bytes:
        """Decompress to ``size`` bytes; if they are more, nothing beyond the first of them."""

    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        little = values.dtype.newbyteorder("<")
        return self.compress(values.astype(little, copy=False).tobytes(), effort)

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        unpacked = self.decompress(content, size)
        if len(unpacked) != size:
            raise ValueError(f"a block is not the {size:,} bytes that it should be")
        values = np.frombuffer(unpacked, dtype.newbyteorder("<")).reshape(shape)
        return values.astype(dtype, copy=False)


def unpacked_to_the_end(unpacker: Any, content: bytes, size: int) -> bytes:
    """What ``unpacker`` makes of ``content``: a whole stream of ``size`` bytes, and nothing behind.

    Raises:
        ValueError: the stream is longer, unfinished, or something follows it.
    """
    unpacked = unpacker.decompress(content, size + 1)
    if len(unpacked) == size and not unpacker.eof:
        unpacked += unpacker.decompress(b"", 1)  # the end of the stream may still be to come
    if len(unpacked) > size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"a block is not a stream of {size:,} bytes")
    return unpacked


class Stored(ByteMethod):
    """Bytes as they are: for what cannot be made smaller."""

    name = "stored"
    largest_expansion = 1

    def compress(self, content: bytes, effort: Effort) -> bytes:
        return content

    def decompress(self, content: bytes, size: int) -> bytes:
        return content


class Deflate(ByteMethod):
    """DEFLATE by zlib: see :mod:`narrows.archive.deflated`."""

    name = "zlib"
    largest_expansion = 1040

    def compress(self, content: bytes, effort: Effort) -> bytes:
        return deflated(content, 6 if effort == "fast" else 9)

    def decompress(self, content: bytes, size: int) -> bytes:
        return inflated(content, size)


class Bzip2(ByteMethod):
    """A .bz2 stream: the Burrows-Wheeler transform and Huffman codes; blocks of 900,000 bytes."""

    name = "bzip2"
    largest_expansion = 1 << 21  # 255 equal bytes are 5 before the transform

    def compress(self, content: bytes, effort: Effort) -> bytes:
        return bz2.compress(content, 9)

    def decompress(self, content: bytes, size: int) -> bytes:
        return unpacked_to_the_end(bz2.BZ2Decompressor(), content, size)


class Xz(ByteMethod):
    """LZMA2 in an .xz stream without a checksum of its own, as the index has one of each block;
    efforts ``best`` and ``normal`` are xz's options -9e, ``fast`` is -1."""

    name = "xz"

    def compress(self, content: bytes, effort: Effort) -> bytes:
        preset = 1 if effort == "fast" else 9 | lzma.PRESET_EXTREME
        size = min(max(len(content), _SMALLEST_DICTIONARY), _LARGEST_DICTIONARY)
        filters = [{"id": lzma.FILTER_LZMA2, "preset": preset, "dict_size": size}]
        return lzma.compress(content, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=filters)

    def decompress(self, content: bytes, size: int) -> bytes:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, _LARGEST_DICTIONARY + _ROOM)
        return unpacked_to_the_end(unpacker, content, size)


class Zstandard(ByteMethod):
    """A single frame, RFC 8878, without a checksum of its own: from Python's own library where it
    has it, else from ``zstandard``."""

    name = "zstd"
    needs = "python -m pip install zstandard"

    def available(self) -> bool:
        return _module() is not None

    def compress(self, content: bytes, effort: Effort) -> bytes:
        module, level = _module(), _LEVELS[effort]
        if module.__name__ == "compression.zstd":
            return module.compress(content, level)
        return module.ZstdCompressor(level=level).compress(content)

    def decompress(self, content: bytes, size: int) -> bytes:
        module = _module()
        if module.__name__ == "compression.zstd":
            options = {module.DecompressionParameter.window_log_max: _LARGEST_WINDOW}
            return unpacked_to_the_end(module.ZstdDecompressor(options=options), content, size)
        # The package gives a frame the memory that it asks for.
        if module.frame_content_size(content) != size:
            raise ValueError(f"a block is not a frame of {size:,} bytes")
        unpacker = module.ZstdDecompressor(max_window_size=1 << _LARGEST_WINDOW)
        return unpacker.decompress(content, size, allow_extra_data=False)


def _module() -> Any:
    # Looking for a module that is not there takes a fifth of a small table's time.
    loaded = [sys.modules[name] for name in _MODULES if sys.modules.get(name) is not None]
    if loaded:
        return loaded[0]
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None
