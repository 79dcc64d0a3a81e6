"""What can be said of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from narrows.errors import UsageError
from narrows.support.option_fields import option
from narrows.support.spelling import spelt

#: Files of the models that were trained, in the folder that keeps them.
ARTICLE_FILE, DEFAULT_FILE = "article.safetensors", "default.safetensors"


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """How much a comparison does.

    Attributes:
        numbers: None for the usual ones, () for none.
        folder: None for nowhere.
        pictures: whether histories and pictures of the models stay there too.
        bounds: the largest errors of bounded archives; None for the usual ones.
        codes: whether to train a model for an archive of codes alone.
        most_bytes: of the items that are archived: by default some ten seconds of one core an
            archive.
        codecs: formats of images that are measured, by name; None for all that are installed.
        most_told: items that classifiers of codes are fitted to; None for as many as are done in
            half a minute or so.
    """

    numbers: Sequence[int] | None = option(
        None,
        "Sizes of codes to train models of, for the curve of error over numbers; 2, 5, 10, 20, 30, "
        "50 as far as items are larger. 0 for none, which is faster.",
        "N,N",
    )
    epochs: int | None = option(
        None, "Of each training at most; as many as suit the data otherwise."
    )
    latent: int | None = option(
        None, "Numbers in the codes of both models; as many as fit would take otherwise."
    )
    folder: Path | None = option(
        None, "Where to leave the models that are trained.", "DIR", names=("--keep-models",)
    )
    seed: int = option(0, "Governs everything drawn at random.")
    pictures: bool = False
    bounds: Sequence[str] | None = None
    codes: bool = True
    most_bytes: int = 4 << 20
    codecs: Sequence[str] | None = None
    most_told: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise UsageError(
                f"{spelt('epochs', self.epochs)}: models are trained for at least 1 epoch",
                hint="give a whole number above 0, or leave it out",
            )
        numbers = tuple(self.numbers or ())
        if min(numbers, default=1) < 1:
            raise UsageError(
                f"{spelt('numbers', numbers)}: codes have at least 1 number",
                hint=f"give whole numbers above 0, as in {spelt('numbers', (2, 5, 10))}",
            )
