"""Zstandard, RFC 8878: from Python's own library where it has it, else from ``zstandard``."""

import importlib
import sys
from typing import Any

from narrows.archive.methods.base import ByteMethod, Effort, unpacked_to_the_end

_LEVELS: dict[Effort, int] = {"fast": 3, "normal": 19, "best": 22}
_MODULES = ("compression.zstd", "zstandard")
_LARGEST_WINDOW = 27  # its exponent: 128 MiB


class Zstandard(ByteMethod):
    """A single frame, without a checksum of its own."""

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
