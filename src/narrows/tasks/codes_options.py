"""What can be said of an archive that holds nothing but codes and a decoder."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from narrows.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class CodesOptions:
    """What can be said of an archive of codes.

    Attributes:
        model: a model to take, of ``narrows fit --preset rounded`` or ``--keep-model``; None to
            train one on the data.
        latent: numbers of a code.
        item_bytes: what a code shall take, about.
        embed_model: keep the decoder of a shared model in the archive.
        keep_model: where to write the encoder and the decoder, for archives of other data.
    """

    model: Path | None = None
    latent: int | None = None
    item_bytes: float | None = None
    embed_model: bool = False
    keep_model: Path | None = None

    def require_none(self) -> None:
        """Refuse what only archives of codes have.

        Raises:
            UsageError: something is given.
        """
        if any(getattr(self, field.name) != field.default for field in fields(self)):
            raise UsageError(
                "--item-bytes, --latent, --model, --embed-model and --keep-model are for archives "
                "of codes",
                hint="add --codes-only, or leave them out",
            )

    def check(self, max_error: Any = None) -> None:
        """Make sure that the options can be meant together.

        Raises:
            UsageError: they cannot.
        """
        if max_error:
            raise UsageError(
                "--codes-only keeps no bound, so --max-error cannot be kept with it",
                hint="leave one of them out",
            )
        if self.item_bytes is not None and not 0 < self.item_bytes < math.inf:
            raise UsageError(
                f"--item-bytes is {self.item_bytes:g}, and must be a number above 0",
                hint="give the bytes that a code may take, such as 8",
            )
        if self.model is None and self.embed_model:
            raise UsageError(
                "--embed-model is given without a model to embed",
                hint="add --model, or leave it out",
            )
        if self.model is not None and self.latent is not None:
            raise UsageError(
                f"{self.model} says how many numbers a code has, so --latent cannot",
                hint="leave one of them out",
            )

    def require_for(self, shared: bool) -> None:
        """Make sure that what is said of the model suits it: a shared one, or one of ``fit``.

        Raises:
            UsageError: it does not.
        """
        if shared:
            if self.keep_model is not None:
                raise UsageError(
                    f"{self.model} is what --keep-model wrote already",
                    hint="leave --keep-model out, or give a model of narrows fit --preset rounded",
                )
        elif self.embed_model:
            raise UsageError(
                f"the decoder of {self.model} is in the archive, with or without --embed-model",
                hint="leave it out: it is for models that --keep-model wrote",
            )
