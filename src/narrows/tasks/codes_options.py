"""What can be said of an archive that holds nothing but codes and a decoder."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from narrows.errors import UsageError
from narrows.support.option_fields import option


@dataclass(frozen=True, kw_only=True)
class CodesOptions:
    """What can be said of an archive of codes."""

    item_bytes: float | None = option(
        None, "With --codes-only: what a code takes, about; 6.7, or MODEL's.", "BYTES"
    )
    latent: int | None = option(
        None, "With --codes-only: numbers in a code; three for each of its bytes."
    )
    model: Path | None = option(
        None,
        "With --codes-only: take this model instead of training one on DATA. One that narrows fit "
        "--preset rounded wrote, or what --keep-model wrote, whose decoder is then not in the "
        "archive, which names it and needs it to open.",
        "MODEL",
    )
    embed_model: bool = option(
        False, "Keep the decoder of MODEL in the archive.", names=("--embed-model",)
    )
    keep_model: Path | None = option(
        None,
        "With --codes-only: write the encoder and the decoder, as a MODEL for archives of other "
        "data like DATA.",
        "FILE",
    )

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
