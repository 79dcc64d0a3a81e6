"""Named arrays and one JSON object in a safetensors file, under a checksum.

Models and checkpoints are such files. The format holds no code, so one from a stranger is safe to
open, and every tool reads it; what it lacks is a checksum, which stands in its metadata here.

The same content gives the same bytes. Metadata has one entry only, because safetensors writes
several in no fixed order.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from narrows.errors import DataError, OutputError
from narrows.support.files import atomic_file
from narrows.support.inputs import Refused, unchanged

_ENTRY = "narrows"
#: A few names and shapes and a history: a header that promises more is none of ours, and none that
#: would is written.
LARGEST_HEADER = 64 << 20


class NotOursError(ValueError):
    """The file is none that :func:`write_tensors` wrote: the message says what it is instead."""


class DamagedError(ValueError):
    """The file was written by :func:`write_tensors` and has changed since."""


# Looks at arrays and entry, and raises what is wrong with them.
Check = Callable[[dict[str, np.ndarray], dict[str, Any]], None]


def write_tensors(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    entry: Mapping[str, Any],
    check: Check = lambda arrays, entry: None,
) -> None:
    """Write ``arrays`` and the JSON object ``entry``, all at once, after reading them back.

    Args:
        check: told what was read back, before anything is at ``path``.

    Raises:
        OutputError: ``path`` cannot be written, or could not be read again.
    """
    from safetensors.numpy import load, save

    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = save(arrays, {_ENTRY: _metadata(arrays, entry)})
    header = int.from_bytes(content[:8], "little")
    if header > LARGEST_HEADER:
        raise OutputError(
            f"{path} was not written: what describes its content takes {header:,} bytes, and "
            f"{LARGEST_HEADER:,} are read at most",
            hint="give fewer or shorter names and classes",
        )
    metadata = json.loads(content[8 : 8 + header])["__metadata__"][_ENTRY]
    try:
        read = load(content)
        check(read, _entry(read, metadata))
    except (DamagedError, ValueError) as error:
        raise OutputError(
            f"{path} was not written: it could not be read again, for {error}",
            hint="please report it, with what the data are",
        ) from error
    with atomic_file(path) as file:
        file.write(content)


def header_size(entry: Mapping[str, Any]) -> int:
    """The bytes that ``entry`` takes in a file's header."""
    # as JSON in JSON in JSON
    return len(json.dumps(json.dumps(json.dumps(entry))))


def _metadata(arrays: Mapping[str, np.ndarray], entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry, sort_keys=True)
    return json.dumps({"sha256": _checksum(arrays, text), "content": text})


def _entry(arrays: Mapping[str, np.ndarray], metadata: str) -> Any:
    """The JSON value beside ``arrays``, all of which match their checksum."""
    written = json.loads(metadata)
    text = str(written["content"])
    if written["sha256"] != _checksum(arrays, text):
        raise DamagedError("its checksum does not match its content")
    return json.loads(text)


def read_tensors(
    path: str | os.PathLike[str], refused: Refused = DataError
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote: the arrays and the JSON object.

    Raises:
        OSError: the file cannot be read.
        NotOursError: it is something else.
        DamagedError: it is not what was written.
        DataError, or what ``refused`` says: it changed while it was read.
    """
    with unchanged(path, refused=refused), Path(path).open("rb") as file:
        return _read(file)


def _read(file: IO[bytes]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    # The library maps a file that it opens by itself, and one that gets shorter would kill us.
    from safetensors import SafetensorError
    from safetensors.numpy import load

    size = os.fstat(file.fileno()).st_size
    front = file.read(8)
    length = int.from_bytes(front, "little")
    if not 2 <= length <= min(size, LARGEST_HEADER):
        raise NotOursError("not a safetensors file, or cut short")
    try:
        header = file.read(length)
        metadata = (json.loads(header).get("__metadata__") or {}).get(_ENTRY)
        if metadata is None:
            raise NotOursError("a safetensors file that narrows did not write")
        try:
            arrays = load(front + header + file.read())
        except KeyError as error:  # a dtype that NumPy has not
            raise NotOursError("a safetensors file that narrows did not write") from error
        entry = _entry(arrays, metadata)
    except (NotOursError, DamagedError):
        raise
    except (SafetensorError, AttributeError, *_WRONG) as error:
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


# What a header makes of us that no safetensors file has.
_WRONG = (ValueError, TypeError, LookupError, RecursionError)


def arrays_under(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
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


def require_floats(
    arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], name: str
) -> None:
    """Make sure that a group of arrays has those of ``shapes``, finite floats of these.

    Args:
        name: of the group.

    Raises:
        ValueError: one is missing, or another.
    """
    for key, shape in shapes.items():
        array = arrays.get(key)
        if array is None:
            wrong = "is missing"
        elif array.shape != shape or array.dtype.kind != "f":
            wrong = f"is {array.dtype.name} of shape {array.shape}"
        elif not np.isfinite(array).all():
            wrong = "is not finite"
        else:
            continue
        raise ValueError(f"{name}/{key} {wrong}, and must be finite floats of shape {shape}")


def _checksum(arrays: Mapping[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
