"""Named arrays and one JSON object in a safetensors file, under a checksum.

Models and checkpoints are such files. The format holds no code, so one from a stranger is safe to
open, and every tool reads it; what it lacks is a checksum, which stands in its metadata here.

The same content gives the same bytes. Metadata has one entry only, because safetensors writes
several in no fixed order.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from narrows.files import atomic_file

_ENTRY = "narrows"
# A few names and shapes and a history: a header that promises more is none of ours.
_LARGEST_HEADER = 64 << 20


class NotOursError(ValueError):
    """The file is none that :func:`write_tensors` wrote: the message says what it is instead."""


class DamagedError(ValueError):
    """The file was written by :func:`write_tensors` and has changed since."""


def write_tensors(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], entry: Mapping[str, Any]
) -> None:
    """Write ``arrays`` and the JSON object ``entry``, all at once.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(entry, sort_keys=True)
    metadata = json.dumps({"sha256": _checksum(arrays, text), "content": text})
    content = save(arrays, {_ENTRY: metadata})
    with atomic_file(path) as file:
        file.write(content)


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote: the arrays and the JSON object.

    Raises:
        OSError: the file cannot be read.
        NotOursError: it is something else.
        DamagedError: it is not what was written.
    """
    from safetensors import SafetensorError, safe_open

    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if not 2 <= header <= min(size, _LARGEST_HEADER):
        raise NotOursError("not a safetensors file, or cut short")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = (file.metadata() or {}).get(_ENTRY)
            if metadata is None:
                raise NotOursError("a safetensors file that narrows did not write")
            arrays = {name: _tensor(file, name) for name in file.keys()}  # noqa: SIM118
        written = json.loads(metadata)
        text = str(written["content"])
        if written["sha256"] != _checksum(arrays, text):
            raise DamagedError("its checksum does not match its content")
        entry = json.loads(text)
    except (NotOursError, DamagedError):
        raise
    except (SafetensorError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise DamagedError(str(error)) from error
    if not isinstance(entry, dict):
        raise NotOursError("a safetensors file that narrows did not write")
    return arrays, entry


def tensor_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Where the bytes of a file are that :func:`read_tensors` has read: its header and each array.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    places = {name: entry["data_offsets"] for name, entry in entries.items()}
    sizes = {name: stop - start for name, (start, stop) in places.items()}
    return {"header": 8 + length, **sizes}


def _tensor(file: Any, name: str) -> np.ndarray:
    try:
        return file.get_tensor(name)
    except AttributeError as error:  # a dtype that NumPy has not
        raise NotOursError("a safetensors file that narrows did not write") from error


def group(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with ``name/``, without that."""
    prefix = f"{name}/"
    return {
        key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)
    }


def grouped(groups: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """All arrays of named groups under ``group/name``."""
    return {
        f"{name}/{key}": array for name, arrays in groups.items() for key, array in arrays.items()
    }


def _checksum(arrays: Mapping[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
