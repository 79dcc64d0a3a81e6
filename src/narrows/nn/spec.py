"""The spec of an autoencoder: its encoder and decoder as text.

As TOML, which ``narrows fit --spec`` reads::

    encoder = [
        { block = "flatten" },
        { block = "dense", units = 100, activation = "relu" },
        { block = "dense", units = 20, activation = "relu" },
    ]
    output_activation = "relu"   # ends the mirrored decoder; "linear" if left out

Where no ``decoder`` is given, it is the encoder's mirror. A decoder may join what the encoder's
copy blocks have kept; then it cannot run on codes alone. The shape of the items comes from the
data. As JSON, the same structure with everything spelled out stands in every model file.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from narrows.errors import UsageError
from narrows.nn.blocks import BLOCKS, Activation, Block, Copy, Join, KeptShapes, Norm, Shape


@dataclass(frozen=True)
class Spec:
    """An encoder and a decoder that fit each other.

    Attributes:
        item_shape: the shape of one item.
        encoder: blocks from the item to the latent code, a row of numbers.
        decoder: blocks from the latent code back to an item.

    Raises:
        UsageError: a block does not take the shape that reaches it, the code is not a row of
            numbers, or the decoder does not end in the item's shape.
    """

    item_shape: Shape
    encoder: tuple[Block, ...]
    decoder: tuple[Block, ...]

    def __post_init__(self) -> None:
        code = self.shapes("encoder")[-1]
        if not self.encoder or len(code) != 1:
            raise UsageError(
                f"the encoder ends in shape {code}, and a latent code is a row of numbers",
                hint='end it with { block = "flatten" } or a dense block',
            )
        end = self.shapes("decoder")[-1]
        if end != self.item_shape:
            raise UsageError(
                f"the decoder ends in shape {end}, and the items have shape {self.item_shape}",
                hint="leave the decoder out: the encoder's mirror always fits",
            )

    @property
    def latent_size(self) -> int:
        """How many numbers the latent code has."""
        return self.shapes("encoder")[-1][0]

    def blocks(self, part: str) -> tuple[Block, ...]:
        """The blocks of ``part``: "encoder" or "decoder"."""
        return self.encoder if part == "encoder" else self.decoder

    def shapes(self, part: str) -> list[Shape]:
        """The shapes before, between and after the blocks of a part."""
        kept: dict[str, Shape] = {}
        encoded = _walk("encoder", self.encoder, self.item_shape, kept)
        return encoded if part == "encoder" else _walk("decoder", self.decoder, encoded[-1], kept)

    @property
    def crosses(self) -> tuple[str, ...]:
        """The names of the encoder's copies that the decoder joins; usually none."""
        own: set[str] = set()
        crossing: list[str] = []
        for block in self.decoder:
            if isinstance(block, Copy):
                own.add(block.to)
            elif isinstance(block, Join) and block.copy not in own:
                crossing.append(block.copy)
        return tuple(dict.fromkeys(crossing))

    @property
    def statistics(self) -> frozenset[str]:
        """The full names of the arrays that no gradient changes, such as ``encoder.2.mean``."""
        return frozenset(
            f"{prefix}.{name}"
            for part in ("encoder", "decoder")
            for prefix, block, _ in self.placed(part)
            for name in block.statistics()
        )

    @property
    def output_activation(self) -> str:
        """The activation whose range holds the decoder's output; "linear" where none is known."""
        return _ending(self.decoder)

    def placed(self, part: str) -> Iterator[tuple[str, Block, Shape]]:
        """Each block of a part with the prefix of its arrays' names and the shape it gets."""
        for number, (block, shape) in enumerate(
            zip(self.blocks(part), self.shapes(part), strict=False)
        ):
            yield f"{part}.{number}", block, shape

    def array_shapes(self) -> dict[str, Shape]:
        """The shapes of all arrays of a model of it, by their names there."""
        return {
            f"{prefix}.{name}": shape
            for part in ("encoder", "decoder")
            for prefix, block, given in self.placed(part)
            for name, shape in block.array_shapes(given).items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything spelled out, for JSON."""
        return {
            "item_shape": list(self.item_shape),
            "encoder": [block.to_dict() for block in self.encoder],
            "decoder": [block.to_dict() for block in self.decoder],
        }

    @classmethod
    def from_dict(cls, spec: Mapping[str, Any], item_shape: Shape | None = None) -> "Spec":
        """Read what :meth:`to_dict` or a TOML file gives; ``item_shape`` where it names none.

        Raises:
            UsageError: something in it is unknown, missing or does not fit.
        """
        known = {"item_shape", "encoder", "decoder", "output_activation"}
        unknown = sorted(set(spec) - known)
        if unknown or "encoder" not in spec:
            raise UsageError(
                f"the spec has an unknown entry {unknown[0]!r}"
                if unknown
                else "the spec has no encoder",
                hint=f"a spec has the entries {', '.join(sorted(known))}",
            )
        shape = _shape(spec.get("item_shape", item_shape))
        if item_shape is not None and shape != item_shape:
            raise UsageError(f"the spec is for items of shape {shape}, the data have {item_shape}")
        encoder = _blocks("encoder", spec["encoder"])
        if "decoder" in spec:
            if "output_activation" in spec:
                raise UsageError(
                    "output_activation says how a mirrored decoder ends, and this spec has its own",
                    hint="write the activation into the decoder's last block",
                )
            return cls(shape, encoder, _blocks("decoder", spec["decoder"]))
        ending = spec.get("output_activation", "linear")
        return cls(shape, encoder, mirrored(encoder, shape, ending))

    @classmethod
    def from_toml(cls, path: str | Path, item_shape: Shape) -> "Spec":
        """Read a spec file for items of ``item_shape``.

        Raises:
            UsageError: the file is missing, not TOML, or not a spec that fits.
        """
        try:
            entries = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"{path} cannot be read as a spec: {reason}",
                hint="give a TOML file such as the README shows",
            ) from error
        return cls.from_dict(entries, item_shape)


def mirrored(
    encoder: Sequence[Block], item_shape: Shape, output_activation: str
) -> tuple[Block, ...]:
    """The decoder that undoes ``encoder`` block by block, last to first.

    A mirrored layer ends in the activation that its input had in the encoder, so that both sides
    of the code look alike; the first layer's mirror gives the item and ends in
    ``output_activation``. What is added to a copy in the encoder is added to one in its mirror;
    copies that the encoder concatenates with have no part in it.
    """
    shapes = _walk("encoder", encoder, item_shape, {})
    decoder: list[Block] = []
    activation, inside = output_activation, False
    for number, (block, shape) in enumerate(zip(encoder, shapes, strict=False)):
        if _has_mirror(encoder, number, inside):
            decoder[:0] = block.mirror(shape, activation)
        inside |= block.is_layer
        if inside:
            activation = getattr(block, "activation", "linear" if block.is_layer else activation)
    # a sum around all layers, for one, ends in no activation
    if inside and output_activation not in ("linear", _ending(decoder)):
        decoder.append(Activation(output_activation))
    return tuple(decoder)


def _has_mirror(encoder: Sequence[Block], number: int, inside: bool) -> bool:
    """Whether a block is undone in the decoder; ``inside`` is after the encoder's first layer."""
    block = encoder[number]
    if isinstance(block, Norm):
        return inside  # the decoder ends in items as they are, not in normal ones
    if not isinstance(block, Copy):
        return True
    for later in encoder[number + 1 :]:
        if isinstance(later, Copy) and later.to == block.to:
            break
        if isinstance(later, Join) and later.copy == block.to and later.how == "add":
            return True
    return False


def _ending(blocks: Sequence[Block]) -> str:
    """The activation whose range holds what ``blocks`` give."""
    for block in reversed(blocks):
        if not block.keeps_range:
            return getattr(block, "activation", "linear")
    return "linear"


def _walk(part: str, blocks: Sequence[Block], shape: Shape, kept: dict[str, Shape]) -> list[Shape]:
    """The shapes before, between and after ``blocks``; ``kept`` takes up those that are kept."""
    shapes = [shape]
    for number, block in enumerate(blocks):
        shapes.append(_output_shape(part, number, block, shapes[-1], kept))
        kept |= block.keeps(shapes[-2])
    return shapes


def _output_shape(part: str, number: int, block: Block, shape: Shape, kept: KeptShapes) -> Shape:
    """The shape a block makes, or an error that says which block it is."""
    try:
        return block.joined_shape(shape, kept)
    except UsageError as error:
        raise UsageError(f"{part} block {number}: {error.message}", hint=error.hint) from error


def _shape(value: Any) -> Shape:
    if not isinstance(value, list | tuple) or not all(
        isinstance(size, int) and size >= 1 for size in value
    ):
        raise UsageError(f"the spec's item_shape {value!r} is not a list of whole numbers above 0")
    return tuple(value)


def _blocks(part: str, entries: Any) -> tuple[Block, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"the spec's {part} is not a list of blocks")
    return tuple(_block(part, number, entry) for number, entry in enumerate(entries))


def _block(part: str, number: int, entry: Mapping[str, Any]) -> Block:
    options = dict(entry)
    kind = BLOCKS.get(str(options.pop("block", "")))
    if kind is None:
        raise UsageError(
            f"{part} block {number} is of kind {entry.get('block')!r}, which does not exist",
            hint=f"take one of {', '.join(BLOCKS)}",
        )
    try:
        return kind(**options)
    except UsageError as error:
        raise UsageError(f"{part} block {number}: {error.message}", hint=error.hint) from error
    except TypeError as error:
        takes = ", ".join(field.name for field in fields(kind)) or "no options"  # type: ignore[arg-type]
        raise UsageError(
            f"{part} block {number} ({kind.name}) has the options {', '.join(options) or 'none'}",
            hint=f"{kind.name} takes {takes}",
        ) from error
