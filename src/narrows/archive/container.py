"""The bytes of an archive: a header that says what follows, then named parts, and nothing else.

    offset  bytes   meaning
    0       8       89 4E 52 57 0D 0A 1A 0A: changed by whatever changes line ends or the eighth bit
    8       2       version of the format, 1
    10      1       how the header is held: 0 as it is, 1 as a raw DEFLATE stream
    11      1       0
    12      4       bytes of the header as it is held
    16      4       bytes of the header itself
    20      4       CRC-32 of bytes 0 to 19 and of the header as it is held
    24      …       the header: a JSON object in UTF-8
    …       …       the parts, in the order of the header's "parts", each [name, bytes, CRC-32]

All integers are unsigned and little-endian. A part without a CRC-32 carries checksums inside. The
same header and parts always make the same bytes. ``docs/format.md`` has it all.
"""

import json
import os
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from narrows.archive.deflated import deflated, inflated
from narrows.archive.positioned_reader import PositionedReader
from narrows.archive.validation import damaged, field, whole_number
from narrows.errors import ArchiveError, DataError
from narrows.support.spelling import spelt

MAGIC = b"\x89NRW\r\n\x1a\n"
VERSION = 1
HEAD = struct.Struct("<8sHBBIII")

#: A header says what the parts are; one that claims more than this is none of ours.
LARGEST_HEADER = 4 << 20
#: A part that is read as a whole: models, tables, an index. Payload is read block by block.
LARGEST_PART = 1 << 30
MOST_PARTS = 1 << 16

_CHUNK = 1 << 20


def begins_container(path: Path) -> bool:
    """Whether there is a file that begins as archives and models of archives do."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == MAGIC[:4]


@dataclass(frozen=True)
class Part:
    """A named piece of an archive, about to be written.

    Attributes:
        name: unique in its archive.
        content: the bytes, or a file that holds them from its start.
        size: how many bytes.
        checked: whether it gets a CRC-32 of its own; False where its content carries them.
    """

    name: str
    content: bytes | IO[bytes]
    size: int
    checked: bool = True

    @classmethod
    def of(cls, name: str, content: bytes) -> "Part":
        """A part of bytes in memory, with a CRC-32."""
        return cls(name, content, len(content))


def write_container(
    out: IO[bytes], header: Mapping[str, Any], parts: Sequence[Part]
) -> dict[str, int]:
    """Write an archive from where ``out`` stands; gives the bytes of the header and of each part.

    Args:
        out: takes bytes; need not be seekable.
        header: what the parts mean, in what JSON can say; no entry is named ``parts``.
        parts: in the order in which they shall lie.
    """
    entries = [
        [part.name, part.size, *([zlib.crc32(_in_memory(part))] if part.checked else [])]
        for part in parts
    ]
    front = _front({**header, "parts": entries})
    out.write(front)
    for part in parts:
        if isinstance(part.content, bytes):
            out.write(part.content)
            continue
        part.content.seek(0)
        while chunk := part.content.read(_CHUNK):
            out.write(chunk)
    return {"header": len(front), **{part.name: part.size for part in parts}}


def _in_memory(part: Part) -> bytes:
    assert isinstance(part.content, bytes)
    return part.content


def header_text(header: Mapping[str, Any]) -> bytes:
    """What a header is in an archive.

    Raises:
        DataError: it is longer than one may be.
    """
    text = json.dumps(
        header, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
    if len(text) > LARGEST_HEADER:
        raise DataError(
            f"what an archive says of the data takes {len(text):,} bytes, and may take "
            f"{LARGEST_HEADER:,}",
            hint="give fewer columns, shorter names, or a CSV file with less above its first row",
        )
    return text


def _front(header: Mapping[str, Any]) -> bytes:
    text = header_text(header)
    packed = deflated(text)
    held, how = (packed, 1) if len(packed) < len(text) else (text, 0)
    start = HEAD.pack(MAGIC, VERSION, how, 0, len(held), len(text), 0)[:-4]
    return start + struct.pack("<I", zlib.crc32(held, zlib.crc32(start))) + held


class Container:
    """An archive that is open for reading: its header, and its parts by name.

    Attributes:
        name: the file, as messages call it.
        header: the JSON object, ``parts`` left out.
        sizes: the bytes of ``header`` (with what stands before it) and of every part, in order.
        model: the SHA-256 of the model file that has the parts which the archive itself lacks; None
            where it lacks none.
        model_size: how many bytes that file takes; 0 where there is none.
    """

    def __init__(self, stream: IO[bytes], name: str, *, cut_short: bool = False) -> None:
        """Read the header of the archive in ``stream``.

        Args:
            stream: seekable; read from its start.
            name: what messages call it.
            cut_short: take a file that ends early too, for what can still be read of it.

        Raises:
            ArchiveError: not an archive, a newer one, damaged, cut short, or longer than it says.
        """
        self.name = name
        self._stream, self._pieces = stream, PositionedReader(stream, name)
        with self._pieces.input.reading():
            self._read_header(cut_short)

    def _read_header(self, cut_short: bool) -> None:
        name = self.name
        self.file_size = self._stream.seek(0, os.SEEK_END)
        text, start = self._front()
        self.header = _parsed(text, name)
        self._places = self._read_places(start)
        self.model, self.model_size = self._read_model()
        self._lent: Container | None = None
        self.sizes = {"header": start} | {part: size for part, (_, size, _) in self._places.items()}
        expected = sum(self.sizes.values())
        if self.file_size < expected and not cut_short:
            raise ArchiveError(
                f"{name} is cut short: it takes {expected:,} bytes and has {self.file_size:,}",
                hint=f"get it again, or read what is left with {spelt('skip_damaged', True)}",
            )
        if self.file_size > expected:
            raise damaged(
                name, f"{self.file_size - expected:,} bytes follow where it should have ended"
            )

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def lend(self, model: "Container", digest: str) -> None:
        """Take parts that are missing here from a model file, if this archive has been written
        with one.

        Args:
            model: that file, open.
            digest: the SHA-256 of all its bytes.

        Raises:
            ArchiveError: it is another one.
        """
        if self.model is None:
            return
        if digest != self.model:
            raise ArchiveError(
                f"{self.name} was written with the model {self.model}, and {model.name} is "
                f"{digest}",
                hint="give the file with that SHA-256",
            )
        self._lent = model

    def __contains__(self, part: str) -> bool:
        return part in self._places

    def read(self, part: str) -> bytes:
        """The whole of a part, its checksum compared; of the model that was lent where it is not
        here.

        Raises:
            ArchiveError: there is no such part, it is damaged, or larger than is read at once.
        """
        if part not in self._places:
            if self._lent is not None:
                return self._lent.read(part)
            if self.model is not None:
                raise ArchiveError(
                    f"{self.name} was written with the model {self.model}, and holds none of it",
                    hint=f"give the file with that SHA-256 as {spelt('model')}",
                )
            raise damaged(self.name, f"its part {part!r} is missing")
        start, size, checksum = self._places[part]
        if size > LARGEST_PART:
            raise damaged(self.name, f"its part {part!r} takes {size:,} bytes")
        content = self._read(start, size)
        if checksum is not None and zlib.crc32(content) != checksum:
            raise damaged(self.name, f"the checksum of its part {part!r} does not match")
        return content

    def read_piece(self, part: str, offset: int, size: int) -> bytes:
        """``size`` bytes of a part from ``offset`` on; checking them is the caller's.

        Raises:
            ArchiveError: the part, or the file, ends before.
        """
        start, length, _ = self._places.get(part, (0, -1, None))
        if offset + size > length:
            raise damaged(self.name, f"its part {part!r} ends too early")
        return self._read(start + offset, size)

    def _read(self, start: int, size: int) -> bytes:
        if start + size > self.file_size:
            raise damaged(self.name, "it ends too early")
        content = self._pieces.read(start, size)
        if len(content) < size:
            raise damaged(self.name, "it ends too early")
        return content

    def _front(self) -> tuple[bytes, int]:
        """The header's text, and where it ends."""
        name = self.name
        self._stream.seek(0)
        head = self._stream.read(HEAD.size)
        if head[:4] == MAGIC[:4] and len(head) >= len(MAGIC) and not head.startswith(MAGIC):
            raise damaged(name, "something has changed its line ends, as transfers of text do")
        if not head or not head.startswith(MAGIC[: len(head)]):
            raise ArchiveError(
                f"{name} is not an archive that narrows wrote",
                hint="give a .nrw file, as narrows compress writes them",
            )
        if len(head) < HEAD.size:
            raise damaged(name, f"it ends after {len(head)} bytes, within its first {HEAD.size}")
        _, version, how, zero, held, length, checksum = HEAD.unpack(head)
        if version > VERSION:
            raise ArchiveError(
                f"{name} has version {version} of the format, and this narrows reads {VERSION}",
                hint="update narrows",
            )
        if held > self.file_size - HEAD.size:
            raise damaged(name, f"it ends within its header of {held:,} bytes")
        if max(held, length) > LARGEST_HEADER:
            raise damaged(name, f"its header takes {max(held, length):,} bytes")
        content = self._stream.read(held)
        if zlib.crc32(content, zlib.crc32(head[:-4])) != checksum:
            raise damaged(name, "the checksum of its header does not match")
        if version != VERSION or how > 1 or zero:
            raise damaged(name, "its first bytes are none that narrows writes")
        return self._unpacked(content, length) if how else content, HEAD.size + held

    def _unpacked(self, content: bytes, length: int) -> bytes:
        try:
            return inflated(content, length)
        except ValueError as error:
            raise damaged(self.name, f"its header cannot be unpacked: {error}") from error

    def _read_model(self) -> tuple[str | None, int]:
        """The SHA-256 and the bytes of the model that the header names."""
        if "model" not in self.header:
            return None, 0
        entry = field(self.header, "model", dict, self.name)
        digest = field(entry, "sha256", str, self.name)
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise damaged(self.name, "its header names a model that there cannot be")
        size = whole_number(entry.get("bytes"), 0, 1 << 62, "the length of its model", self.name)
        return digest, size

    def _read_places(self, start: int) -> dict[str, tuple[int, int, int | None]]:
        """Where each part starts, its bytes, and its CRC-32."""
        entries = field(self.header, "parts", list, self.name)
        if len(entries) > MOST_PARTS:
            raise damaged(self.name, f"its header names {len(entries):,} parts")
        del self.header["parts"]
        places: dict[str, tuple[int, int, int | None]] = {}
        for entry in entries:
            if not (isinstance(entry, list) and 2 <= len(entry) <= 3 and isinstance(entry[0], str)):
                raise damaged(self.name, "its header does not say what its parts are")
            part, size, checksum = entry[0], entry[1], entry[2] if len(entry) == 3 else None
            size = whole_number(size, 0, 1 << 62, f"the length of its part {part!r}", self.name)
            if part in places or part == "header":
                raise damaged(self.name, f"its part {part!r} is there twice")
            places[part] = (start, size, checksum)
            start += size
        return places


def _parsed(text: bytes, name: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        header = json.loads(text.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise damaged(name, f"its header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise damaged(name, "its header is not a JSON object")
    return header
