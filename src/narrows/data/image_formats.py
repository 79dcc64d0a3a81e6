"""What an image file says of its own values, where Pillow would give others.

Pillow's modes are few: what does not fit is narrowed to 8 bits, or decoded as another type, and its
mode does not tell. The first bytes of the file do.
"""

import re
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: As many bytes of a file as say what its values are, TIFF aside.
FRONT_BYTES = 1 << 14

_COLOURS = {0: "grey", 2: "RGB", 4: "grey with transparency", 6: "RGB with transparency"}


def beyond_pillow(format: str | None, front: bytes) -> str | None:
    """What the values of a file are, where Pillow would change them: ``16-bit RGB``; None where it
    reads them as they are. Not of TIFF, whose pages differ.

    Args:
        format: Pillow's name of the file's format.
        front: the first bytes of the file.
    """
    look = {
        "PNG": _png,
        "JPEG2000": _jpeg2000,
        "AVIF": _avif,
        "PPM": _pnm,
        "SGI": _sgi,
        "FITS": _fits,
    }.get(format or "")
    return None if look is None else look(front)


def _png(front: bytes) -> str | None:
    depth, colour = front[24], front[25]
    return f"16-bit {_COLOURS[colour]}" if depth == 16 and colour in (2, 4, 6) else None


def _jpeg2000(front: bytes) -> str | None:
    start = front.find(b"\xff\x4f\xff\x51")
    if start < 0:
        return "JPEG 2000 of a kind that does not say its depth"
    (count,) = struct.unpack_from(">H", front, start + 40)
    depths = {front[start + 42 + 3 * number] for number in range(min(count, 64))}
    # The top bit stands for signed values, the others for the depth less one.
    if depths == {7} or (depths == {15} and count == 1):
        return None
    signed = " signed" if max(depths) & 0x80 else ""
    return f"{'/'.join(str((each & 0x7F) + 1) for each in sorted(depths))}-bit{signed} JPEG 2000"


def _avif(front: bytes) -> str | None:
    start = front.find(b"av1C")
    if start < 0 or start + 7 > len(front):
        return None
    flags = front[start + 6]
    return f"{12 if flags & 0x20 else 10}-bit AVIF" if flags & 0x40 else None


_BETWEEN = rb"(?:\s|#[^\n]*\n)*"
_PNM = re.compile(rb"(P[2356])" + (_BETWEEN + rb"(\d{1,9}+)") * 3 + rb"\D")


def pnm_header(front: bytes) -> tuple[bytes, list[int], int] | None:
    """Of a .pgm or .ppm: its kind, its width, height and highest value, and where its values
    start; None for others."""
    found = _PNM.match(front)
    return None if found is None else (found[1], [int(found[i]) for i in (2, 3, 4)], found.end())


def _pnm(front: bytes) -> str | None:
    header = pnm_header(front)
    if header is None or header[1][2] == 255:
        return None
    kind = "grey" if header[0] in (b"P2", b"P5") else "RGB"
    return f"{kind} with values up to {header[1][2]:,}"


def _sgi(front: bytes) -> str | None:
    return "16-bit SGI" if front[3:4] == b"\2" else None


def _fits(front: bytes) -> str | None:
    place = front.find(b"BITPIX")
    bits = front[place + 9 : place + 30].split(b"/")[0].strip() if place >= 0 else b"?"
    # Pillow reads what is wider with the lowest byte first, and the format has it last.
    return None if bits == b"8" else f"FITS of {bits.decode('latin-1')[:4]} bits"


def tiff_beyond_pillow(image: "Image.Image") -> str | None:
    """The same of the page of a TIFF file that an opened image stands at."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    samples = int(tags.get(277, 1))
    bits, forms = set(tags.get(258, (1,))), set(tags.get(339, (1,)))
    shown, extra = tags.get(262), tuple(tags.get(338, ()))
    depth, form = max(bits), max(forms)
    kind = {1: "unsigned", 2: "signed", 3: "floating-point"}.get(form, "unusual")
    colours = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "LAB"}
    said = f"{depth}-bit {kind} {colours.get(shown, 'unusual')} of {samples} samples"
    if len(bits) > 1 or len(forms) > 1:
        return f"{said}, not all of them alike"
    swapped = tags.prefix == b"MM" and int(tags.get(259, 1)) != 1
    if shown in (0, 1) and samples == 1:
        if form == 1 and (depth in (1, 2, 4, 8) or (depth == 16 and not swapped)):
            return None
        if form == 1 and depth == 16 and image.mode in ("I;16", "I;16B"):
            return None
        read = {(2, 8), (2, 16), (1, 32), (2, 32), (3, 32)}
        return None if shown == 1 and not swapped and (form, depth) in read else said
    if form != 1 or depth > 8:
        return said
    if shown == 3 and samples == 1:
        return None if _narrow_palette(tags.get(320, ())) else f"{said} with 16-bit colours"
    if depth != 8:
        return said
    if (shown, samples) == (1, 2):
        return None if extra == (2,) else said
    if (shown, samples) == (2, 4):
        return None if extra == (2,) else f"{said}, the fourth {_EXTRA.get(extra, 'unusual')}"
    known = {(2, 3), (5, 4), (6, 3), (8, 3)}
    return None if (shown, samples) in known and not extra else said


_EXTRA = {(0,): "without a meaning", (): "without a meaning", (1,): "multiplied into the colours"}


def _narrow_palette(values: Any) -> bool:
    """Whether the 16-bit colours of a TIFF palette are 8-bit ones, as nearly all are."""
    return all(value % 257 == 0 for value in values) or all(value % 256 == 0 for value in values)
