"""The names of the files that images of an archive came from: a part of its own."""

import json
import zlib
from typing import Any

from narrows.archive.container import Container, Part
from narrows.archive.validation import damaged, field, whole_number
from narrows.data.image_files import LONGEST_NAME, ImageFiles
from narrows.errors import ArchiveError, UsageError

PART = "files"
#: The most bytes of it, unpacked.
MOST_BYTES = 1 << 28
# What an item may take in it beside its name: quotes, escapes and its orientation.
_AN_ITEM = 6 * LONGEST_NAME + 64


def files_part(files: ImageFiles) -> tuple[dict[str, Any], Part]:
    """What a header says of the part, and the part: a raw DEFLATE stream of JSON."""
    text = json.dumps(files.to_dict(), sort_keys=True, separators=(",", ":")).encode()
    packer = zlib.compressobj(9, wbits=-15)
    return {"bytes": len(text)}, Part.of(PART, packer.compress(text) + packer.flush())


def read_files(container: Container, count: int) -> ImageFiles | None:
    """The files of ``count`` items; None where an archive does not say.

    Raises:
        ArchiveError: the part is damaged, or a name would lead out of its folder.
    """
    if PART not in container.header:
        return None
    name = container.name
    entry = field(container.header, PART, dict, name)
    most = min(MOST_BYTES, 1024 + count * _AN_ITEM)
    size = whole_number(entry.get("bytes"), 2, most, "the size of the files' names", name)
    try:
        unpacker = zlib.decompressobj(wbits=-15)
        text = unpacker.decompress(container.read(PART), size + 1)
        if len(text) != size or not unpacker.eof or unpacker.unused_data:
            raise ValueError("they do not have the size that the header says")
        return ImageFiles.from_dict(json.loads(text), count)
    except ArchiveError:
        raise
    except (zlib.error, ValueError, RecursionError, UsageError) as error:
        what = getattr(error, "message", error)
        raise damaged(name, f"its names of files are none: {what}") from error
