"""What is in a baseline JPEG file of one component: its table, and the whole numbers it keeps.

Written from ITU-T T.81 alone, as an oracle: segments (annex B), Huffman codes (annex C and F.2.2),
zigzag (figure A.6), differences of the first coefficient (F.2.1.3.1).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Figure A.6, written out: the place in a block, row by row, of each number as it comes.
ZIGZAG = [
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48),
    *(41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15),
    *(23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63),
]

Codes = dict[tuple[int, int], int]  # of how many bits, which, and what it stands for


@dataclass(frozen=True)
class JpegContent:
    """A grey JPEG file, decoded up to its coefficients.

    Attributes:
        size: height and width of the picture.
        table: (8, 8), what coefficients were divided by.
        kept: (rows, columns, 8, 8), the coefficients as they are stored.
    """

    size: tuple[int, int]
    table: np.ndarray
    kept: np.ndarray


def read_grey_jpeg(content: bytes) -> JpegContent:
    """The coefficients in a baseline JPEG file of one component, without restarts."""
    assert content[:2] == b"\xff\xd8"
    place = 2
    tables: dict[int, np.ndarray] = {}
    codes: dict[int, Codes] = {}
    height = width = which = 0
    while True:
        marker, size = content[place + 1], int.from_bytes(content[place + 2 : place + 4], "big")
        segment = content[place + 4 : place + 2 + size]
        place += 2 + size
        if marker == 0xDB:
            for start in range(0, len(segment), 65):
                assert segment[start] >> 4 == 0, "16-bit tables are not for baseline"
                flat = np.zeros(64, np.int64)
                flat[ZIGZAG] = list(segment[start + 1 : start + 65])
                tables[segment[start] & 15] = flat.reshape(8, 8)
        elif marker == 0xC4:
            codes.update(_huffman(segment))
        elif marker == 0xC0:
            assert segment[0] == 8 and segment[5] == 1, "8 bits and one component"
            height, width = (int.from_bytes(segment[n : n + 2], "big") for n in (1, 3))
            which = segment[8]
        elif marker == 0xDA:
            assert segment[0] == 1
            chosen = segment[2]
            break
    rows, columns = -(-height // 8), -(-width // 8)
    bits = _bits(content[place:])
    kept = np.zeros((rows * columns, 64), np.int64)
    before = 0
    for block in kept:
        _read_block(block, bits, codes[chosen >> 4], codes[16 + (chosen & 15)])
        before += int(block[0])
        block[0] = before
    return JpegContent((height, width), tables[which], kept.reshape(rows, columns, 8, 8))


def _huffman(segment: bytes) -> Iterator[tuple[int, Codes]]:
    """The codes of a DHT segment, by class and number (C.2)."""
    place = 0
    while place < len(segment):
        counts = segment[place + 1 : place + 17]
        values = iter(segment[place + 17 : place + 17 + sum(counts)])
        found: Codes = {}
        code = 0
        for length, count in enumerate(counts, 1):
            for _ in range(count):
                found[length, code] = next(values)
                code += 1
            code <<= 1
        yield segment[place], found
        place += 17 + sum(counts)


def _bits(content: bytes) -> Iterator[int]:
    """The bits of entropy-coded data; behind FF stands a 00 that does not count (F.1.2.3)."""
    place = 0
    while True:
        byte = content[place]
        place += 1
        if byte == 0xFF:
            assert content[place] == 0, "a marker within the data"
            place += 1
        for shift in range(7, -1, -1):
            yield byte >> shift & 1


def _symbol(bits: Iterator[int], codes: Codes) -> int:
    code = 0
    for length in range(1, 17):
        code = code << 1 | next(bits)
        if (length, code) in codes:
            return codes[length, code]
    raise AssertionError("no such code")


def _number(bits: Iterator[int], length: int) -> int:
    """A number of so many bits, negative where the first is 0 (F.2.2.1)."""
    value = 0
    for _ in range(length):
        value = value << 1 | next(bits)
    return value if not length or value >> (length - 1) else value - (1 << length) + 1


def _read_block(block: np.ndarray, bits: Iterator[int], first: Codes, others: Codes) -> None:
    """The 64 numbers of a block (F.2.2.2); the first is a difference."""
    block[0] = _number(bits, _symbol(bits, first))
    place = 1
    while place < 64:
        symbol = _symbol(bits, others)
        zeros, length = symbol >> 4, symbol & 15
        if not length:
            if zeros != 15:
                return
            place += 16
            continue
        place += zeros
        block[ZIGZAG[place]] = _number(bits, length)
        place += 1
