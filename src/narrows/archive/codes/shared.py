"""What archives of codes have in common, in a model file: the decoder, how likely numbers are, and
what encodes other items.

A model file is a container as an archive is, of the kind ``model``: its header says of what it was
learnt, and its parts are those that archives written with it lack. These name it by the SHA-256 of
all its bytes, so that no other can be taken for it.
"""

import hashlib
import io
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.codes.decoder import Decoder
from narrows.archive.codes.predicted import Predicted
from narrows.archive.codes.predictor import Predictor
from narrows.archive.container import LARGEST_PART, MAGIC, Container, Part, write_container
from narrows.archive.methods.compressors import Xz
from narrows.archive.pipeline import Pipeline
from narrows.archive.validation import damaged, decoding, field, whole_number
from narrows.errors import ArchiveError
from narrows.support import arguments
from narrows.support.inputs import cannot_be_read, unchanged

KIND = "model"

# Codes before they are narrowed to what they need.
_CODES = np.dtype("i2")
_HINT = "give a file that narrows compress --codes-only --keep-model wrote"


@dataclass(frozen=True)
class SharedModel:
    """A model file in memory.

    Attributes:
        name: the file, as messages call it.
        content: all its bytes.
    """

    name: str
    content: bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedModel, (self.name, self.content)

    @classmethod
    def of(cls, model: "SharedModel | bytes | str | os.PathLike[str]") -> "SharedModel":
        """A model given as itself, as its bytes or as the path of its file.

        Raises:
            ArchiveError: there is no such file, it cannot be read, or is no model.
        """
        if isinstance(model, SharedModel):
            return model
        if isinstance(model, bytes):
            read = cls("the model", model)
        else:
            name = arguments.path(
                "model", model, hint="give the path of a model file, or its bytes"
            )
            read = cls(name, _content(Path(name)))
        if not read.content.startswith(MAGIC[:4]):
            raise ArchiveError(f"{read.name} is no model that archives start from", hint=_HINT)
        if read.container.header["data"].get("kind") != KIND:
            raise ArchiveError(f"{read.name} is an archive, and no model", hint=_HINT)
        if "decoder" not in read.container:
            raise ArchiveError(
                f"{read.name} is a model for lossless archives, which narrows has no more",
                hint="compress without it, or give a model of archives of codes",
            )
        return read

    @cached_property
    def container(self) -> Container:
        """Its header and parts.

        Raises:
            ArchiveError: it is damaged, or something else.
        """
        container = Container(io.BytesIO(self.content), self.name)
        field(container.header, "data", dict, self.name)
        return container

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all its bytes, by which archives name it."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def layout(self) -> Layout:
        """The items that it was learnt from."""
        return Layout.from_header(self.container.header["data"], self.name)

    def require_whole(self) -> None:
        """Make sure that its parts are.

        Raises:
            ArchiveError: they are not.
        """
        container = Container(io.BytesIO(self.content), self.name)
        for part in list(container.sizes)[1:]:
            container.read(part)  # its checksum
        self.layout  # noqa: B018 - looks at what the header says


def model_of_codes(
    decoder: Decoder, predictor: Predictor, encoder: bytes, layout: Layout
) -> SharedModel:
    """A model file that archives of codes can start from.

    Args:
        decoder: from codes to items.
        predictor: of the numbers of a code.
        encoder: what finds codes of other items, of which decoding takes nothing.
        layout: of the items that all this was learnt from.
    """
    entry, part = decoder.packed()
    predicted = Predicted.of(predictor)
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
    return SharedModel("the model", out.getvalue())


def shared_predicted(model: SharedModel, embed: bool = False) -> Predicted:
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


def shared_decoder(model: SharedModel, layout: Layout) -> Decoder:
    """What decodes them to items of ``layout``.

    Raises:
        ArchiveError: the model is damaged, or of other items.
    """
    entry = field(model.container.header, "decoder", dict, model.name)
    part, inputs = model.container.read("decoder"), shared_predicted(model).size
    return Decoder.unpacked(entry, part, inputs, layout, model.name)


def shared_encoder(model: SharedModel) -> bytes:
    """What :func:`model_of_codes` was given to encode other items with.

    Raises:
        ArchiveError: the model is damaged.
    """
    entry, name = field(model.container.header, "encoder", dict, model.name), model.name
    size = whole_number(entry.get("bytes"), 1, LARGEST_PART, "the length of its encoder", name)
    content = model.container.read("encoder")
    with decoding(name, "its encoder"):
        return Xz().decompress(content, size)


def is_shared_model(path: Path) -> bool:
    """Whether a file is a container of the kind ``model``.

    Raises:
        ArchiveError: it is no container, or damaged.
    """
    with path.open("rb") as stream:
        container = Container(stream, str(path), cut_short=True)
        data: Any = container.header.get("data")
    return isinstance(data, dict) and data.get("kind") == KIND


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size <= LARGEST_PART:
            with unchanged(path, refused=ArchiveError):
                return path.read_bytes()
    except OSError as error:
        raise cannot_be_read(path, error, ArchiveError) from error
    raise ArchiveError(
        f"{path} takes {size:,} bytes, and no model takes more than {LARGEST_PART:,}", hint=_HINT
    )
