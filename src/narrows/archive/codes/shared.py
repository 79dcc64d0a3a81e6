"""What archives of codes have in common, in a model file: the decoder, how likely numbers are, and
what encodes other items."""

import io

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.codes.decoder import Decoder
from narrows.archive.codes.predictor import Predictor
from narrows.archive.container import LARGEST_PART, Part, write_container
from narrows.archive.damage import damaged, field, whole_number
from narrows.archive.methods.predicted import Predicted
from narrows.archive.methods.xz import Xz
from narrows.archive.model import KIND, Model
from narrows.archive.pipeline import Pipeline
from narrows.errors import UsageError

# Codes before they are narrowed to what they need.
_CODES = np.dtype("i2")


def model_of_codes(decoder: Decoder, predictor: Predictor, encoder: bytes, layout: Layout) -> Model:
    """A model file that archives of codes can start from.

    Args:
        decoder: from codes to items.
        predictor: of the numbers of a code.
        encoder: what finds codes of other items, of which decoding takes nothing.
        layout: of the items that all this was learnt from.
    """
    entry, part = decoder.packed()
    predicted = Predicted(predictor)
    header = {
        "data": {"kind": KIND, **layout.to_header()},
        "decoder": entry,
        "predictor": Pipeline(predicted).to_header(),
        "encoder": {"bytes": len(encoder)},
    }
    parts = {
        "decoder": part,
        **predicted.parts(),
        "encoder": Xz().compress(encoder, "normal"),
    }
    out = io.BytesIO()
    write_container(out, header, [Part.of(*each) for each in parts.items()])
    return Model("the model", out.getvalue())


def require_of_codes(model: Model) -> None:
    """Make sure that archives of codes can start from a model.

    Raises:
        UsageError: it is one of another kind.
    """
    if not model.of_codes:
        raise UsageError(
            f"{model.name} is no model of codes",
            hint="give one that compress --codes-only --keep-model wrote, or leave out "
            "--codes-only",
        )


def shared_predicted(model: Model, embed: bool = False) -> Predicted:
    """How the codes of archives that start from ``model`` are coded; with ``embed``, its part
    becomes one of theirs.

    Raises:
        ArchiveError: the model is damaged.
    """
    container = model.container
    entry = field(container.header, "predictor", dict, model.name)
    method = Pipeline.from_header(entry, _CODES, container.read, model.name).method
    if not isinstance(method, Predicted):
        raise damaged(model.name, "its header does not say how likely its numbers are")
    method.model = None if embed else model.digest
    return method


def shared_decoder(model: Model, layout: Layout) -> Decoder:
    """What decodes them to items of ``layout``.

    Raises:
        ArchiveError: the model is damaged, or of other items.
    """
    entry = field(model.container.header, "decoder", dict, model.name)
    part, inputs = model.container.read("decoder"), shared_predicted(model).size
    return Decoder.unpacked(entry, part, inputs, layout, model.name)


def shared_encoder(model: Model) -> bytes:
    """What :func:`model_of_codes` was given to encode other items with.

    Raises:
        ArchiveError: the model is damaged.
    """
    entry, name = field(model.container.header, "encoder", dict, model.name), model.name
    size = whole_number(entry.get("bytes"), 1, LARGEST_PART, "the length of its encoder", name)
    content = model.container.read("encoder")
    try:
        return Xz().decompress(content, size)
    except Exception as error:  # whatever the library makes of what is none of ours
        raise damaged(name, f"its encoder cannot be unpacked: {error}") from error
