"""NumPy's own files: of a large ``.npy`` rows are read when asked for, of an ``.npz`` one array.

Neither is ever unpickled.
"""

import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO, Literal

import numpy as np

from narrows.data.checks import MAX_EXPANSION, check_dtype, check_extent, damaged_file
from narrows.data.file_arrays import array_in_file
from narrows.data.named_arrays import chosen, is_sparse_npz, read_sparse_npz
from narrows.errors import DataError

_Order = Literal["C", "F"]


def read_npy(path: Path, *, may_be_empty: bool = False) -> np.ndarray:
    """Read an ``.npy`` file, or of a large one the rows that are asked for: see
    :func:`narrows.data.file_arrays.array_in_file`.

    Raises:
        DataError: not an ``.npy`` file, not of real numbers, empty, not of the promised length, or
            changed while it was read.
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as stream:
        shape, dtype, order = _read_header(stream, str(path))
        held = os.fstat(stream.fileno()).st_size - stream.tell()
        check_extent(str(path), shape, dtype, held, may_be_empty=may_be_empty)
        return array_in_file(stream, str(path), shape, dtype, order)


def read_npz(path: Path, name: str | None = None, *, may_be_empty: bool = False) -> np.ndarray:
    """Read the items from an ``.npz`` file: the array ``name``, or one with a name in
    :data:`narrows.data.named_arrays.ITEM_NAMES`, or the only one; or the sparse matrix that it is.

    Raises:
        DataError: not an ``.npz`` file, no or several arrays that could be meant, or one that is
            not of real numbers, empty, damaged, or not of the promised length.
        OSError: the file cannot be opened or read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                info.filename.removesuffix(".npy"): info
                for info in archive.infolist()
                if info.filename.endswith(".npy")
            }
            if name is None and is_sparse_npz(members):
                return read_sparse_npz(path)
            found = {each: _called(archive, info) for each, info in members.items()}
            member = members[chosen(path, found, name)]
            return _read_member(archive, member, path, may_be_empty)
    except DataError:
        raise
    # zipfile's ways of failing on a damaged or encrypted archive.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise damaged_file(path, "not an .npz file", error) from error


def _called(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """The shape and the dtype of an array, for people; nothing of what cannot be read."""
    try:
        with archive.open(member) as stream:
            shape, dtype, _ = _read_header(stream, member.filename)
        return f"{shape} {dtype}"
    except DataError:
        return "(no numbers)"
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
        return "(damaged)"


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, may_be_empty: bool
) -> np.ndarray:
    name = f"{path} ({member.filename})"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{name} is packed in a way that NumPy does not use",
            hint="save it again with np.savez or np.savez_compressed",
        )
    if member.file_size > member.compress_size * MAX_EXPANSION:
        raise DataError(
            f"{name} promises {member.file_size:,} bytes, and {member.compress_size:,} packed "
            "bytes cannot hold as many",
            hint="the file is damaged: get it again",
        )
    with archive.open(member) as stream:
        shape, dtype, order = _read_header(stream, name)
        promised = member.file_size - stream.tell()
        check_extent(name, shape, dtype, promised, may_be_empty=may_be_empty)
        content = stream.read(promised)
    check_extent(name, shape, dtype, len(content), may_be_empty=may_be_empty)
    return np.frombuffer(content, dtype, math.prod(shape)).reshape(shape, order=order)


def _read_header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype, _Order]:
    """The shape, the dtype and the memory order of the ``.npy`` that starts here."""
    try:
        version = np.lib.format.read_magic(stream)
        # Version 3.0 differs only for records with names beyond Latin-1, which hold no numbers.
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read(stream)
    except (OSError, zipfile.BadZipFile, zlib.error):
        raise
    # NumPy reads the header as a Python literal, and a damaged one makes that fail in many ways.
    except Exception as error:
        raise DataError(
            f"{name} is not an .npy array of numbers: its header cannot be read",
            hint="save it again with np.save",
        ) from error
    check_dtype(name, dtype)
    return shape, dtype, "F" if fortran_order else "C"
