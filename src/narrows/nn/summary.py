"""What a model is made of, as the table that Keras users know."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from narrows.nn.blocks import Shape
from narrows.nn.spec import Spec
from narrows.support.text_tables import TextTable


@dataclass(frozen=True)
class LayerSummary:
    """One line of a summary."""

    name: str
    kind: str
    output_shape: Shape
    parameters: int


def layer_summaries(spec: Spec) -> dict[str, list[LayerSummary]]:
    """The layers of "encoder" and "decoder", inputs included, named as Keras numbers them."""
    seen: dict[str, int] = {}

    def named(kind: str, shape: Shape, parameters: int) -> LayerSummary:
        number = seen[kind] = seen.get(kind, -1) + 1
        return LayerSummary(f"{kind}_{number}" if number else kind, kind, shape, parameters)

    def of_part(part: str) -> Iterator[LayerSummary]:
        yield named("input", spec.shapes(part)[0], 0)
        results = spec.shapes(part)[1:]
        for (_, block, shape), result in zip(spec.placed(part), results, strict=True):
            count = sum(math.prod(needed) for needed in block.array_shapes(shape).values())
            yield named(block.name, result, count)

    return {part: list(of_part(part)) for part in ("encoder", "decoder")}


def parameter_count(part: list[LayerSummary]) -> int:
    """How many numbers training adjusts in the layers of a part."""
    return sum(layer.parameters for layer in part)


def whole_parameter_count(spec: Spec) -> int:
    """The same of a whole model."""
    return sum(map(parameter_count, layer_summaries(spec).values()))


def summary_text(spec: Spec) -> str:
    """Tables of the encoder, the decoder and the whole, as plain text."""
    parts = layer_summaries(spec)
    encoder, decoder = parts["encoder"], parts["decoder"]
    whole = [
        *encoder,
        LayerSummary("decoder", "decoder", decoder[-1].output_shape, parameter_count(decoder)),
    ]
    tables = {"encoder": encoder, "decoder": decoder, "autoencoder": whole}
    return "\n\n".join(_table(name, rows) for name, rows in tables.items())


def summary_values(spec: Spec) -> dict[str, Any]:
    """The same for machines: the layers, their parameters and the spec itself."""
    parts = layer_summaries(spec)
    counts = {part: parameter_count(rows) for part, rows in parts.items()}
    return {
        "layers": {part: [asdict(layer) for layer in rows] for part, rows in parts.items()},
        "parameters": {**counts, "autoencoder": sum(counts.values())},
        "spec": spec.to_dict(),
    }


def _table(name: str, rows: list[LayerSummary]) -> str:
    cells = [
        (
            f"{layer.name} ({_type(layer.kind)})",
            f"({', '.join(['None', *map(str, layer.output_shape)])})",
            f"{layer.parameters:,}",
        )
        for layer in rows
    ]
    header = ("Layer (type)", "Output shape", "Parameters")
    count = parameter_count(rows)
    total = f"Total parameters: {count:,} ({math.ceil(4 * count / 1000):,} kB)"
    return f"{TextTable(f'Model: {name}', [header, *cells], left=(0, 1)).text()}\n{total}"


def _type(kind: str) -> str:
    """A kind of block as Keras writes its types: conv_transpose as ConvTranspose."""
    return kind.title().replace("_", "")


def operations(spec: Spec, part: str) -> int:
    """Operations of a training step in a part for each item: a multiplication and an addition for
    every weight at every place, once forward and twice back."""
    total = 0
    results = spec.shapes(part)[1:]
    for (_, block, shape), result in zip(spec.placed(part), results, strict=True):
        weights = math.prod(block.array_shapes(shape).get("weight", (0,)))
        # a convolution's places are its results', a transposed one's what it gets
        places = min(math.prod(x[:-1]) for x in (shape, result))
        total += 6 * weights * places
    return total
