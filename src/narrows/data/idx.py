"""IDX, the format of the MNIST files: a header of big-endian integers, then the values.

    offset  bytes   meaning
    0       2       zero
    2       1       type: 08 ubyte, 09 byte, 0b short, 0c int, 0d float, 0e double
    3       1       rank: the number of dimensions
    4       4·rank  the length of each dimension, unsigned
    …               the values, row by row, the last dimension fastest

Source: http://yann.lecun.com/exdb/mnist, "The IDX file format".
"""

import gzip
import math
import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from narrows.data.checks import MAX_EXPANSION, check_extent
from narrows.data.file_arrays import array_in_file, converted
from narrows.errors import DataError

DTYPES: dict[int, np.dtype] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}

# t10k-images-idx3-ubyte.gz, train-images.idx3-ubyte; rank 4 has channels.
_IMAGES = re.compile(r"(.*)images([-.])idx[34](-ubyte)?(?:\.gz)?")
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20


def looks_like_idx(path: Path) -> bool:
    """Whether the file starts as IDX does, or has a name that IDX files have."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(("-ubyte", ".ubyte")) or Path(name).suffix.startswith(".idx"):
        return True
    with path.open("rb") as file:
        try:
            with _unpacked(file) as stream:
                magic = stream.read(4)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return False
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in DTYPES


def read_idx(path: str | os.PathLike[str], *, may_be_empty: bool = False) -> np.ndarray:
    """Read an IDX file, raw or packed with gzip.

    The values come in the machine's byte order. Large raw files of one-byte values are read when
    their rows are asked for: see :func:`narrows.data.file_arrays.array_in_file`. A header is
    believed only as far as the size of the file allows.

    Returns:
        An array of the shape and dtype in the header.

    Raises:
        DataError: not IDX, no values, fewer or more of them than promised, or a damaged gzip.
        OSError: the file cannot be opened or read.
    """
    path = Path(path)
    with path.open("rb") as file, _unpacked(file) as stream:
        size = os.fstat(file.fileno()).st_size
        try:
            shape, dtype = _read_header(stream, path)
            if stream is file:
                start = file.tell()
                held = size - start
                check_extent(str(path), shape, dtype, held, may_be_empty=may_be_empty)
                values = array_in_file(file, str(path), shape, dtype)
            else:
                most = size * MAX_EXPANSION
                values = _read_packed(
                    stream, path, shape, dtype, most=most, may_be_empty=may_be_empty
                )
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path} is a damaged gzip file: {error}", hint="get the file again"
            ) from error
    return converted(values, dtype.newbyteorder("="))


def labels_beside(path: Path) -> Path | None:
    """The IDX file of labels that lies beside one of images, as those of MNIST and its like are
    named: ``t10k-labels-idx1-ubyte`` beside ``t10k-images-idx3-ubyte``, packed or not; None where
    there is none."""
    found = _IMAGES.fullmatch(path.name)
    if found is None:
        return None
    name = f"{found[1]}labels{found[2]}idx1{found[3] or ''}"
    beside = (path.with_name(name + packed) for packed in ("", ".gz"))
    return next((each for each in beside if each.is_file()), None)


def idx_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """The bytes that stand before values of ``shape`` and ``dtype`` in an IDX file."""
    code = next(code for code, known in DTYPES.items() if known == dtype.newbyteorder(">"))
    return bytes([0, 0, code, len(shape)]) + np.array(shape, ">u4").tobytes()


def _unpacked(file: BinaryIO) -> BinaryIO | gzip.GzipFile:
    """``file`` itself, or the stream inside it if it is packed with gzip."""
    packed = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if packed else file


def _read_header(stream: BinaryIO | gzip.GzipFile, path: Path) -> tuple[tuple[int, ...], np.dtype]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        raise DataError(
            f"{path} is not an IDX file: it starts with the bytes {magic.hex(' ') or '(none)'}",
            hint="IDX starts with 00 00, a type (08, 09, 0b, 0c, 0d or 0e) and the rank",
        )
    rank = magic[3]
    lengths = stream.read(4 * rank)
    if len(lengths) < 4 * rank:
        raise DataError(
            f"{path} ends within its IDX header: {rank} dimensions take {4 + 4 * rank} bytes, "
            f"and it holds {4 + len(lengths)}",
            hint="the file is incomplete or damaged: get it again",
        )
    return tuple(np.frombuffer(lengths, ">u4").tolist()), DTYPES[magic[2]]


def _read_packed(
    stream: BinaryIO | gzip.GzipFile,
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype,
    *,
    most: int,
    may_be_empty: bool,
) -> np.ndarray:
    """Unpack the values; nothing is allocated for a promise above ``most`` bytes."""
    promised = math.prod(shape) * dtype.itemsize
    if promised > most:
        raise DataError(
            f"{path} promises {promised:,} bytes of values, {shape} of {dtype.name}, "
            f"and a gzip file of its size holds at most {most:,}",
            hint="the file is incomplete or damaged: get it again",
        )
    content = np.empty(promised, np.uint8)
    held = 0
    while held < promised:
        chunk = stream.read(min(_CHUNK, promised - held))
        if not chunk:
            break
        content[held : held + len(chunk)] = np.frombuffer(chunk, np.uint8)
        held += len(chunk)
    # Reading past the promised end also makes gzip verify its checksum.
    held += len(stream.read(_CHUNK))
    check_extent(str(path), shape, dtype, held, may_be_empty=may_be_empty)
    return content.view(dtype).reshape(shape)
