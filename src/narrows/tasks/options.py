"""What can be said of jobs: fields with their names, defaults and texts, which commands take as
they are, and what of them cannot be meant together. What is said of a model to be trained is in
:mod:`narrows.planning.options`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.errors import UsageError
from narrows.support.option_fields import option
from narrows.support.spelling import spelt

if TYPE_CHECKING:
    from narrows.data.read_options import ReadOptions
    from narrows.tasks.denoise import AddedNoise

#: Files of the models that ``compare`` trained, in the folder that keeps them.
ARTICLE_FILE, DEFAULT_FILE = "article.safetensors", "default.safetensors"
# Which options each choice of ``generate`` heeds.
_HEEDED = {"-n": ("--from",), "--between": ("--steps",), "--traverse": ("--at", "--steps")}


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What is learnt from and validated on, beside the data."""

    target: str | None = option(
        None,
        "What DATA shall become: the same items without their noise, or a folder of images of the "
        "same names.",
        "CLEAN",
        is_data=True,
    )
    tile: int | None = option(
        None,
        "Learn from tiles of so many pixels each way; 48 with --target and large images.",
        "PIXELS",
    )
    validation: str | None = option(
        None,
        "What to validate on: data, or the share of rows to hold out (0 for none). mnist:test for "
        "mnist, a tenth elsewhere.",
        "DATA|FRACTION",
        is_data=True,
    )

    def read_beside(self, data: str) -> dict[str, str | None]:
        """All that is read, by what messages call it."""
        return {"DATA": data, "--target": self.target, "--validation": self.validation}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What :class:`narrows.tasks.run_files.RunFiles` writes beside the model."""

    resume: bool = option(
        False, "Go on from the checkpoint in the run folder.", names=("--resume",)
    )
    folder: Path | None = option(
        None,
        "History, pictures, checkpoint; a folder beside the model, named after it.",
        "DIR",
        names=("--run-dir",),
    )
    checkpoint_seconds: float = option(10.0, "Write a checkpoint at least this often.")
    tensorboard: Path | None = option(
        None, "A folder for what TensorBoard shows: losses, learning rate and speed.", "DIR"
    )


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


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions:
    """What can be said of denoising.

    Attributes:
        check_range: refuse items in another range than those that the model was trained on.
        reading: how images of a folder and CSV files are read.
    """

    against: str | None = option(
        None,
        "The same items without noise: measure what is left of it, beside filters.",
        "CLEAN",
        is_data=True,
    )
    noise: str | None = option(
        None, "Add this to DATA first, and measure against DATA as it was.", "KIND:AMOUNT"
    )
    cells: str = option(
        "missing",
        "Of a table: fill the missing cells in and keep the others, or write what the model makes "
        "of all.",
        "missing|all",
    )
    seed: int = option(0, "Governs the noise that is added.")
    check_range: bool = True
    reading: "ReadOptions"

    @property
    def added(self) -> "AddedNoise | None":
        """The noise that is added.

        Raises:
            UsageError: ``noise`` names none.
        """
        from narrows.tasks.denoise import AddedNoise
        from narrows.training import Noise

        return None if self.noise is None else AddedNoise(Noise.parse(self.noise), self.seed)

    def check(self) -> None:
        """Make sure that the options can be meant together.

        Raises:
            UsageError: they cannot.
        """
        if self.cells not in ("missing", "all"):
            raise UsageError(f"--cells {self.cells} is unknown", hint="write missing or all")
        if self.against is not None and self.noise is not None:
            raise UsageError(
                "--against says what the items are without noise, and so does --noise",
                hint="leave one of them out",
            )
        if self.seed < 0:
            raise UsageError(f"--seed is {self.seed}, and must be at least 0", hint="leave it out")
        _ = self.added


@dataclass(frozen=True, kw_only=True)
class DetectOptions:
    """What can be said of how odd items are.

    Raises:
        UsageError: an option outside its limits.
    """

    score: str = option(
        "combined",
        "combined, or one of what it is made of: reconstruction, density, isolation.",
    )
    false_alarms: float = option(0.01, "The share of normal rows that may be flagged.", "RATE")
    explain: int | None = option(
        None,
        "Say of so many rows, the oddest first, what made them odd; as many as take about three "
        "seconds, and 1,000 at most, where nothing is said. 0 for none.",
        "N",
    )

    def __post_init__(self) -> None:
        from narrows.learnt.detection import require_rate, score_index

        score_index(self.score)
        require_rate(self.false_alarms)
        if self.explain is not None and self.explain < 0:
            raise UsageError(
                f"--explain is {self.explain}, and must be at least 0", hint="0 explains no row"
            )


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """What can be said of new items: one of ``count``, ``between`` and ``traverse``.

    Attributes:
        csv: how a CSV file is read, as :func:`narrows.load_data` takes it.
    """

    count: int | None = option(None, "How many new items to draw.", names=("--count", "-n"))
    seed: int = option(0, "The same seed draws the same items.")
    source: str | None = option(
        None,
        "Draw codes from the density of the training codes, the default, or from a variational "
        "model's prior.",
        "density|prior",
        names=("--from",),
    )
    between: str | None = option(
        None, "Lead from item A of DATA to its item B, counting from 0.", "DATA:A,B"
    )
    traverse: int | None = option(
        None,
        "Vary this latent number, counting from 1 as pages do, over its range in training.",
        "NUMBER",
    )
    at: str | None = option(
        None,
        "With --traverse: keep the other numbers of item A of DATA, not the mean ones.",
        "DATA:A",
    )
    steps: int | None = option(
        None,
        "Of --between and --traverse: how many items, both ends included.  [default: 10]",
    )
    csv: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Make sure that exactly one thing is asked for, and nothing that it does not heed.

        Raises:
            UsageError: it is not so.
        """
        choices = {"-n": self.count, "--between": self.between, "--traverse": self.traverse}
        given = [name for name, value in choices.items() if value is not None]
        if len(given) != 1:
            what = "nothing" if not given else " and ".join(given)
            raise UsageError(
                f"{what} was asked for, and it takes one of {', '.join(choices)}",
                hint="write -n 64 for 64 new items, or see narrows generate --help",
            )
        for name, value in (("--from", self.source), ("--at", self.at), ("--steps", self.steps)):
            if value is not None and name not in _HEEDED[given[0]]:
                of = " and ".join(each for each, heeded in _HEEDED.items() if name in heeded)
                raise UsageError(
                    f"{name} says nothing about {given[0]}",
                    hint=f"leave it out: it belongs to {of}",
                )
        if self.csv and self.between is None and self.at is None:
            raise UsageError(
                f"{next(iter(self.csv))} says how a CSV file is read, and none is",
                hint="leave it out: it belongs to --between and --at",
            )


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
