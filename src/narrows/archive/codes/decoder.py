"""From codes to values: a net in whole numbers, and what its results are in the data's units."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.blocks import LARGEST_BLOCK, BlockReader
from narrows.archive.codes.integer_net import IntegerNet, net_from_header, with_numbers
from narrows.archive.codes.numbers import pack_numbers, unpack_numbers
from narrows.archive.validation import LARGEST, damaged, field, finite_number
from narrows.support.rounding import as_dtype

# Values computed together.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Decoder:
    """value = result * scale + offset, cut to the range, rounded where values are whole.

    Both operations are single ones of IEEE 754 in float64, rounded to nearest, ties to even.

    Attributes:
        net: what codes go into.
        scale: of one unit of its results, in data units.
        offset: what a result of 0 stands for.
        value_range: the lowest and the highest value that there can be; None for what the dtype
            holds.
    """

    net: IntegerNet
    scale: float
    offset: float
    value_range: tuple[float, float] | None = None

    def __call__(self, codes: np.ndarray, layout: Layout) -> np.ndarray:
        """The items (n, \\*item_shape) of the layout's dtype, in the machine's byte order."""
        dtype = layout.working_dtype
        found = np.empty((len(codes), self.net.units), dtype)
        step = max(_AT_ONCE // self.net.units, 1)
        for start in range(0, len(codes), step):
            results = self.net(codes[start : start + step]).astype(np.float64)
            with np.errstate(over="ignore"):
                results *= self.scale
                results += self.offset
            found[start : start + step] = as_dtype(results, dtype, self.value_range)
        return found.reshape(-1, *layout.item_shape)

    def packed(self) -> tuple[dict[str, Any], bytes]:
        """What a header says of it, and its part."""
        entry, content = pack_numbers(self.net.numbers())
        return {
            "layers": self.net.to_header(),
            "numbers": entry,
            "scale": self.scale,
            "offset": self.offset,
            "range": None if self.value_range is None else list(self.value_range),
        }, content

    @classmethod
    def unpacked(
        cls, entry: Mapping[str, Any], content: bytes, inputs: int, layout: Layout, name: str
    ) -> "Decoder":
        """The decoder of codes of ``inputs`` numbers to items of a layout that an archive holds.

        Raises:
            ArchiveError: there can be no such decoder.
        """
        net = net_from_header(entry.get("layers"), inputs, name)
        if net.units != layout.item_size:
            raise damaged(
                name, f"its decoder gives {net.units:,} values, and items have {layout.item_size:,}"
            )
        scale, offset = (
            finite_number(entry.get(key), -LARGEST, key, name) for key in ("scale", "offset")
        )
        limits = None if entry.get("range") is None else _range(entry["range"], layout, name)
        count = sum(layer.weight.size + layer.bias.size for layer in net.layers)
        numbers = unpack_numbers(field(entry, "numbers", dict, name), content, count, name)
        return cls(with_numbers(net, numbers), scale, offset, limits)


def _range(value: Any, layout: Layout, name: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise damaged(name, "its header has no usable 'range'")
    low, high = (finite_number(limit, -LARGEST, "range", name) for limit in value)
    held = np.iinfo(layout.dtype) if layout.dtype.kind in "iu" else np.finfo(np.float64)
    if not held.min <= low <= high <= held.max:
        raise damaged(name, "its header has a 'range' that its values cannot have")
    return low, high


def decoded(
    codes: BlockReader, decoder: Callable[[], Decoder], layout: Layout, name: str
) -> Callable[[int, int], np.ndarray]:
    """What :meth:`BlockReader.values` of ``codes``, whose layout is (items, numbers), is of the
    values that they stand for.

    ``decoder`` gives what decodes them, once values are asked for: it may lie in a model file that
    is not there.

    Raises:
        ArchiveError: a block ends within a code, or has too many.
    """
    numbers, size, decode = codes.layout.item_size, layout.item_size, cache(decoder)
    if (codes.starts % numbers).any():
        raise damaged(name, "a block ends within a code")
    counts = np.diff(codes.starts) // numbers
    most = max(LARGEST_BLOCK // (size * layout.dtype.itemsize), 1)
    if counts.max(initial=0) > most:
        raise damaged(name, f"a block has {counts.max():,} codes, and may have {most:,}")

    def values(start: int, stop: int) -> np.ndarray:
        first, last = start // size, -(-stop // size)
        rows = codes.values(first * numbers, last * numbers).reshape(-1, numbers)
        return decode()(rows, layout).reshape(-1)[start - first * size : stop - first * size]

    return values
