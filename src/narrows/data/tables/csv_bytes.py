"""The bytes of a CSV file as text: unpacked, in whatever encoding they are."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from narrows.errors import DataError
from narrows.support.lazy_modules import pa
from narrows.support.number_text import listed
from narrows.support.spelling import spelt

#: What unpacking, decoding and parsing a damaged file fails with.
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)
#: What a packed file's name ends in.
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Bytes that no text in one of the Latin encodings has.
_NO_TEXT = bytes({*range(9), 11, *range(14, 26), *range(28, 32), 127})
# Bytes that Windows' encoding for western Europe leaves undefined.
_NOT_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked if its name says that it is packed.

    Raises:
        DataError: an archive of another number of files than one, or one with a password.
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    if suffix == ".bz2":
        return bz2.open(path)
    if suffix == ".xz":
        return lzma.open(path)
    if suffix == ".zst":
        return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
    if suffix == ".zip":
        return _only_file(path)
    return path.open("rb")


def _only_file(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [
        info.filename
        for info in archive.infolist()
        # without what systems put beside them
        if not info.is_dir()
        and not info.filename.startswith("__MACOSX/")
        and not info.filename.rpartition("/")[2].startswith(".")
    ]
    if len(names) != 1:
        archive.close()
        raise DataError(
            f"{path} holds {len(names):,} files{': ' if names else ''}{listed(names, 5)}",
            hint="give a .zip with one table in it, or unpack it",
        )
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError) as error:
        archive.close()
        raise DataError(f"{path} cannot be unpacked: {error}", hint="unpack it first") from error


def open_text(path: Path, encoding: str = "utf-8") -> IO[str]:
    """The file's text, with its line ends as they are and without a byte order mark."""
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    elif encoding in _WITH_MARKS and _has_mark(path):
        encoding = _WITH_MARKS[encoding]
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")


# Codecs that take away a mark, by those that take it for text.
_WITH_MARKS = {"utf-16-le": "utf-16", "utf-16-be": "utf-16"}
_WITH_MARKS |= {"utf-32-le": "utf-32", "utf-32-be": "utf-32"}


def _has_mark(path: Path) -> bool:
    with open_bytes(path) as file:
        return file.read(4).startswith(tuple(mark for mark, _ in _MARKS))


def find_encoding(path: Path) -> str:
    """The encoding of a file: that of its byte order mark, UTF-8 where it is such throughout, and
    otherwise Windows' for western Europe, or Latin-1.

    All of the file is looked at, a piece at a time.

    Raises:
        DataError: it is no text.
        OSError: it cannot be read.
    """
    with open_bytes(path) as file:
        start = file.read(_CHUNK)
        for mark, encoding in _MARKS:
            if start.startswith(mark):
                if encoding == "utf-8":
                    break  # the rest may be none all the same
                return encoding
        wide = _without_mark(start)
        if wide is not None:
            return wide
        decoder = codecs.getincrementaldecoder("utf-8")()
        chunk = start
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            pass
        else:
            return "utf-8"
    return _narrow(path)


def _without_mark(start: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of most texts is 0."""
    sample = start[: 1 << 12]
    even, odd = sample[::2], sample[1::2]
    if len(sample) < 8 or b"\0" not in sample:
        return None
    if odd.count(0) > 0.7 * len(odd) and not even.count(0):
        return "utf-16-le"
    if even.count(0) > 0.7 * len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def _narrow(path: Path) -> str:
    """Which encoding of single bytes a file is in that is no UTF-8."""
    encoding, high, joined = "cp1252", 0, 0
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            if len(chunk) != len(chunk.translate(None, _NO_TEXT)):
                raise bad_encoding(path)
            if len(chunk) != len(chunk.translate(None, _NOT_IN_CP1252)):
                encoding = "latin-1"
            ascii_ = bytes(range(128))
            high += len(chunk.translate(None, ascii_))
            valid = chunk.decode("utf-8", errors="ignore").encode("utf-8")
            joined += len(valid.translate(None, ascii_))
    # A text in UTF-8 that was damaged: most of its letters beyond ASCII are whole.
    if joined > high / 2:
        raise bad_encoding(path)
    return encoding


def bad_encoding(path: Path) -> DataError:
    """Where a file stops being UTF-8."""
    place = ""
    with open_bytes(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
                wrong = line.find(b"\0")
            except UnicodeDecodeError as error:
                wrong = error.start
            if wrong >= 0:
                place = f": byte {wrong + 1} of line {number:,} is 0x{line[wrong]:02x}"
                break
    return DataError(
        f"{path} is not text in UTF-8{place}",
        hint=f"say what it is, as in {spelt('encoding', 'cp1252')}, or save it again as UTF-8, for "
        "example with: iconv -f LATIN1 -t UTF-8 old.csv > new.csv",
    )


class TextBytes(io.RawIOBase):
    """Pieces of text as a file of bytes in UTF-8, for what reads no others."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        filled = 0
        while filled < len(buffer):
            if not len(self._left):
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._left = memoryview(piece.encode("utf-8", "surrogatepass"))
            count = min(len(buffer) - filled, len(self._left))
            buffer[filled : filled + count] = self._left[:count]
            self._left = self._left[count:]
            filled += count
        return filled


def pieces_of(lines: IO[str]) -> Iterator[str]:
    """The rest of a text, a piece at a time."""
    while piece := lines.read(_CHUNK):
        yield piece
