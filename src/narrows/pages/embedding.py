"""Bytes, numbers and pictures as texts that a page holds."""

import base64
import io

import numpy as np


def bytes_text(content: bytes) -> str:
    """Bytes in base64, which ``bytesOf`` of ``page_data.js`` reads."""
    return base64.b64encode(content).decode("ascii")


def floats_text(values: np.ndarray) -> str:
    """Numbers of any shape as float32, the lowest byte first, in base64."""
    return bytes_text(np.ascontiguousarray(values, "<f4").tobytes())


def png_bytes(levels: np.ndarray) -> bytes:
    """A picture, uint8 (height, width) or (height, width, 1, 3 or 4), as a PNG file."""
    from PIL import Image

    is_grey = levels.ndim == 3 and levels.shape[2] == 1
    stream = io.BytesIO()
    Image.fromarray(levels[..., 0] if is_grey else levels).save(stream, "PNG")
    return stream.getvalue()


def png_address(content: bytes) -> str:
    """An address that holds a PNG file."""
    return f"data:image/png;base64,{bytes_text(content)}"
