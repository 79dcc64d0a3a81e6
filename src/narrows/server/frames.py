"""Arrays and what is said of them in one body: a frame, as docs/explore.md describes it."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np


def frame(arrays: Mapping[str, np.ndarray], **told: Any) -> bytes:
    """Arrays by their names, as float32, and beside them what is JSON."""
    flat = {name: np.ascontiguousarray(each, "<f4").reshape(-1) for name, each in arrays.items()}
    told["arrays"] = [[name, each.size] for name, each in flat.items()]
    text = json.dumps(told, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join(
        [struct.pack("<I", len(text)), text, *(each.tobytes() for each in flat.values())]
    )
