"""The spec of an autoencoder: its encoder and decoder as text.

As TOML, which ``narrows fit --spec`` reads::

    encoder = [
        { block = "flatten" },
        { block = "dense", units = 100, activation = "relu" },
        { block = "dense", units = 20, activation = "relu" },
    ]
    output_activation = "relu"   # ends the mirrored decoder; "linear" if left out

Where no ``decoder`` is given, it is the encoder's mirror. The shape of the items comes from the
data. As JSON, the same structure with everything spelled out stands in every model file.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from narrows.errors import UsageError
from narrows.nn.blocks import BLOCKS, Block, Dense, Shape


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
        shapes = [self.item_shape if part == "encoder" else self.shapes("encoder")[-1]]
        for number, block in enumerate(self.blocks(part)):
            shapes.append(_output_shape(part, number, block, shapes[-1]))
        return shapes

    def placed(self, part: str) -> Iterator[tuple[str, Block, Shape]]:
        """Each block of a part with the prefix of its arrays' names and the shape it gets."""
        for number, (block, shape) in enumerate(
            zip(self.blocks(part), self.shapes(part), strict=False)
        ):
            yield f"{part}.{number}", block, shape

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
    of the code look alike; the first dense layer's mirror gives the item and ends in
    ``output_activation``.
    """
    shapes = [item_shape]
    activations = [output_activation]
    for number, block in enumerate(encoder):
        shapes.append(_output_shape("encoder", number, block, shapes[-1]))
        activations.append(block.activation if isinstance(block, Dense) else activations[-1])
    return tuple(
        block.mirror(shape, activation)
        for block, shape, activation in reversed(
            list(zip(encoder, shapes, activations, strict=False))
        )
    )


def _output_shape(part: str, number: int, block: Block, shape: Shape) -> Shape:
    """The shape a block makes, or an error that says which block it is."""
    try:
        return block.output_shape(shape)
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
