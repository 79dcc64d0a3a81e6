"""Arrays by name in files of several: ``.npz``, ``.mat`` and HDF5, as ``FILE:NAME``.

Nothing is unpickled, no link leads out of a file, and what an array takes is known before it is
read. HDF5, which MATLAB writes from version 7.3 on, needs h5py.
"""

import math
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from narrows.data.array_inputs import dense, require_array_fits
from narrows.data.checks import MAX_EXPANSION, check_dtype, damaged_file
from narrows.errors import DataError
from narrows.support.number_text import count_of

#: Names under which the items are looked for, the first that is there.
ITEM_NAMES = ("x", "X", "items", "data", "arr_0")
_HDF5 = (".h5", ".hdf5", ".hdf")
#: Suffixes of the files that hold arrays by name.
SUFFIXES = (".npz", ".mat", *_HDF5)
# What MATLAB calls its arrays of numbers, and the bytes of a value at most.
_MATLAB = {
    "double": 8, "single": 4, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4,
    "uint32": 4, "int64": 8, "uint64": 8, "logical": 1, "sparse": 8,
}  # fmt: skip
_MOST_LISTED = 20
# Arrays of a file that are looked at to name them.
_MOST_SEEN = 10_000


def split_name(source: str) -> tuple[str, str | None]:
    """``FILE:NAME`` as both; a path that is there is a path, whatever colons it has."""
    if Path(source).exists():
        return source, None
    place = source.rfind(":")
    while place > 0:
        path, name = source[:place], source[place + 1 :]
        if name and Path(path).suffix.lower() in SUFFIXES and Path(path).is_file():
            return path, name
        place = source.rfind(":", 0, place)
    return source, None


def page_name(source: str) -> str:
    """What a page that is sent to others calls data: a file or folder without the path to it.

    >>> page_name("mine/scans.h5:group/images"), page_name("scans/2021/"), page_name("mnist:test")
    ('scans.h5:group/images', '2021', 'mnist:test')
    """
    found = re.search(rf"(?:{'|'.join(map(re.escape, SUFFIXES))})(?=:)", source)
    place = len(source) if found is None else found.end()
    path = Path(source[:place])
    return (path.name or path.resolve().name or source) + source[place:]


def chosen(path: Path, found: Mapping[str, str], name: str | None) -> str:
    """The name of the array that is meant: ``name``, one in ITEM_NAMES, or the only one.

    Args:
        found: of each array that the file holds, what it is, for people.

    Raises:
        DataError: there is none of that name, or several could be meant.
    """
    if name is not None and name in found:
        return name
    usual = [] if name is not None else [each for each in ITEM_NAMES if each in found]
    if usual:
        return usual[0]
    if name is None and len(found) == 1:
        return next(iter(found))
    some, more = list(found.items())[:_MOST_LISTED], ", ..." * (len(found) > _MOST_LISTED)
    names = ", ".join(each for each, _ in some) + more or "none"
    held = f"{count_of(len(found), 'arrays')} ({names})"
    missing = "which is meant is not said" if name is None else f"none is named {name}"
    raise DataError(
        f"{path} holds {held}, and {missing}",
        hint=f"name one, as in {path}:{next(iter(found), 'NAME')}; there are "
        + (", ".join(f"{each} of {what}" for each, what in some) + more or "none"),
    )


def read_named(path: Path, name: str | None) -> np.ndarray:
    """An array of a ``.mat`` or an HDF5 file.

    Raises:
        DataError: it is not there, no array of numbers, does not fit in memory, or is damaged.
        OSError: the file cannot be read.
    """
    if path.suffix.lower() == ".mat" and not _is_hdf5(path):
        return _read_matlab(path, name)
    found = _read_hdf5(path, name)
    # MATLAB counts the other way round
    return found.T if path.suffix.lower() == ".mat" else found


def is_sparse_npz(names: Any) -> bool:
    """Whether an ``.npz`` file with these arrays is one of ``scipy.sparse.save_npz``."""
    return {"format", "shape", "data"} <= set(names)


def read_sparse_npz(path: Path) -> np.ndarray:
    """What ``scipy.sparse.save_npz`` wrote, made dense.

    Raises:
        DataError: it is damaged, or does not fit in memory.
    """
    import scipy.sparse

    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > info.compress_size * MAX_EXPANSION:
                raise DataError(f"{path} ({info.filename}) is damaged", hint="get the file again")
            require_array_fits(str(path), (info.file_size,), np.dtype(np.uint8))
    try:
        matrix = scipy.sparse.load_npz(path)
        if matrix.format in ("csr", "csc", "bsr"):
            matrix.check_format(full_check=True)
        check_dtype(str(path), matrix.dtype)
        return dense(matrix, str(path))
    except DataError:
        raise
    except Exception as error:
        raise damaged_file(path, "no sparse matrix", error) from error


def _read_matlab(path: Path, name: str | None) -> np.ndarray:
    import scipy.io

    try:
        listed = scipy.io.whosmat(path)
    except OSError:
        raise
    except Exception as error:  # each version of the format fails in its own way
        raise damaged_file(path, "no MATLAB file", error) from error
    shapes = {each: (tuple(map(int, shape)), kind) for each, shape, kind in listed}
    found = {each: f"{shape} {kind}" for each, (shape, kind) in shapes.items() if kind in _MATLAB}
    if name in shapes and name not in found:
        raise DataError(
            f"{name} in {path} is a {shapes[name][1]} array, and only numbers are read",
            hint="save its numbers as an array of their own, as in save('x.mat', 'x')",
        )
    name = chosen(path, found, name)
    shape, kind = shapes[name]
    size = math.prod(shape) * _MATLAB[kind]
    if min(shape, default=1) < 0 or (
        kind != "sparse" and size // 8 > path.stat().st_size * MAX_EXPANSION
    ):
        raise DataError(
            f"{name} in {path} promises {size:,} bytes, which the file cannot hold",
            hint="the file is damaged: get it again",
        )
    require_array_fits(f"{name} in {path}", shape, np.dtype(f"V{_MATLAB[kind]}"))
    try:
        values = scipy.io.loadmat(path, variable_names=[name])[name]
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise damaged_file(path, "no MATLAB file", error) from error
    array = np.asarray(dense(values, f"{name} in {path}"))
    check_dtype(f"{name} in {path}", array.dtype)
    return array


def _is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, which may begin behind a block of the user's own."""
    with path.open("rb") as stream:
        size, place = os.fstat(stream.fileno()).st_size, 0
        while place < size:
            stream.seek(place)
            if stream.read(8) == b"\x89HDF\r\n\x1a\n":
                return True
            place = max(2 * place, 512)
    return False


def _read_hdf5(path: Path, name: str | None) -> np.ndarray:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            f"{path} is an HDF5 file, and h5py, which reads it, is not installed",
            hint='python -m pip install "narrows[hdf5]"',
        ) from error
    if not _is_hdf5(path):
        raise DataError(f"{path} is no HDF5 file", hint="get the file again")
    try:
        with h5py.File(path, "r") as file:
            found: dict[str, str] = {}

            def note(each: str, held: Any) -> int | None:
                if isinstance(held, h5py.Dataset) and held.shape is not None:
                    found[each] = f"{held.shape} {held.dtype}"
                return None if len(found) < _MOST_SEEN else 1

            file.visititems(note)  # which follows no links
            dataset = file[chosen(path, found, name if name is None else name.strip("/"))]
            called = f"{dataset.name.strip('/')} in {path}"
            if dataset.external or dataset.is_virtual:
                raise DataError(
                    f"{called} has its values in other files", hint="copy them into this one"
                )
            check_dtype(called, dataset.dtype)
            require_array_fits(called, dataset.shape, dataset.dtype)
            return np.asarray(dataset[()])
    except (DataError, MemoryError):
        raise
    except Exception as error:  # HDF5 tells damage in many ways, as OSError too
        raise damaged_file(path, "no HDF5 file", error) from error
