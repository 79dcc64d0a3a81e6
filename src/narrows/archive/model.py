"""Model files: what archives have in common, kept once, beside them.

A model is a container as an archive is, of the kind ``model``: its header says of what it was
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

from narrows.archive.arrays import Layout
from narrows.archive.bounds import Quantiser, quantiser_from_header
from narrows.archive.container import LARGEST_PART, MAGIC, Container
from narrows.archive.damage import damaged, field
from narrows.errors import ArchiveError, ShapeError, UsageError
from narrows.support import arguments
from narrows.support.inputs import unchanged

KIND = "model"


@dataclass(frozen=True)
class Model:
    """A model file in memory.

    Attributes:
        name: the file, as messages call it.
        content: all its bytes.
    """

    name: str
    content: bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return Model, (self.name, self.content)

    @classmethod
    def of(cls, model: "Model | bytes | str | os.PathLike[str]") -> "Model":
        """A model given as itself, as its bytes or as the path of its file.

        Raises:
            ArchiveError: there is no such file, it cannot be read, or is no model.
        """
        if isinstance(model, Model):
            return model
        if isinstance(model, bytes):
            read = cls("the model", model)
        else:
            name = arguments.path(
                "model", model, hint="give the path of a model file, or its bytes"
            )
            read = cls(name, _content(Path(name)))
        if not read.content.startswith(MAGIC[:4]):
            raise ArchiveError(
                f"{read.name} is no model that archives start from",
                hint="give a file that narrows compress --keep-model wrote, or --codes-only with "
                "one of narrows fit",
            )
        if read.container.header["data"].get("kind") != KIND:
            raise ArchiveError(
                f"{read.name} is an archive, and no model",
                hint="give a file that narrows compress --keep-model wrote",
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

    @property
    def of_codes(self) -> bool:
        """Whether it is for archives of codes: of others it has what mixing learnt."""
        return "decoder" in self.container

    @cached_property
    def layout(self) -> Layout:
        """The items that it was learnt from."""
        return Layout.from_header(self.container.header["data"], self.name)

    @cached_property
    def bound(self) -> float:
        """The largest error that they were coded with, in their own units."""
        bound = self.container.header.get("bound")
        if not isinstance(bound, int | float) or not 0 <= bound < float("inf"):
            raise damaged(self.name, "its header has no usable 'bound'")
        return float(bound)

    @cached_property
    def quantiser(self) -> Quantiser:
        """What made integers of their values."""
        levels = self.container.header.get("levels")
        return quantiser_from_header(levels, self.layout.working_dtype, self.name)

    def require_readable(self) -> None:
        """Make sure that its bytes are a model whose parts are whole.

        Raises:
            ArchiveError: they are not.
        """
        container = Container(io.BytesIO(self.content), self.name)
        for part in list(container.sizes)[1:]:
            container.read(part)  # its checksum
        self.layout  # noqa: B018 - looks at what the header says
        if not self.of_codes:
            self.bound  # noqa: B018
            self.quantiser  # noqa: B018

    def require_fit(self, layout: Layout, bound: float, name: str) -> None:
        """Make sure that an array can be compressed with it.

        Raises:
            ShapeError: it was learnt from items of another shape or dtype.
            UsageError: it was learnt within another bound, or is for archives of codes.
        """
        if self.of_codes:
            raise UsageError(
                f"{self.name} is a model of codes, which keep no bound",
                hint="add --codes-only, or give a model that was kept without it",
            )
        ours, theirs = self.layout, layout
        kinds = ours.working_dtype, theirs.working_dtype
        if ours.item_shape != theirs.item_shape or kinds[0] != kinds[1]:
            raise ShapeError(
                f"{self.name} was learnt from {kinds[0].name} items of shape {ours.item_shape}, "
                f"and {name} has {kinds[1].name} ones of shape {theirs.item_shape}",
                hint="give a model of such data",
            )
        if self.bound != bound:
            raise UsageError(
                f"{self.name} was learnt within errors of {self.bound:g}, and {bound:g} is asked "
                "for",
                hint=f"give --max-error {self.bound:g}, or a model of that bound",
            )


def is_model(path: Path) -> bool:
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
        raise ArchiveError(
            f"{path} cannot be read: {error.strerror or error}",
            hint="check the path and its permissions",
        ) from error
    raise ArchiveError(
        f"{path} takes {size:,} bytes, and no model takes more than {LARGEST_PART:,}",
        hint="give a file that narrows compress --keep-model wrote",
    )
