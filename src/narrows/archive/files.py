"""The names of the files that images of an archive came from: a part of its own."""

import json
from typing import Any

from narrows.archive.container import Container, Part
from narrows.archive.deflated import deflated, inflated
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
    return {"bytes": len(text)}, Part.of(PART, deflated(text))


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
        text = inflated(container.read(PART), size)
        return ImageFiles.from_dict(json.loads(text), count)
    except ArchiveError:
        raise
    except (ValueError, RecursionError, UsageError) as error:
        what = getattr(error, "message", error)
        raise damaged(name, f"its names of files are none: {what}") from error
