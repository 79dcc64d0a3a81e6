"""``narrows denoise``: images, arrays and tables from files to files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from narrows.data import Pages
from narrows.data.image_options import ImageOptions
from narrows.data.sources import require_folder
from narrows.errors import UsageError
from narrows.model.use import TrainedAutoencoder
from narrows.support.progress import Note, Tracker, silent, unheard
from narrows.tasks.denoise import AddedNoise, Denoised, denoise_pages, open_pages_for
from narrows.tasks.fill import fill_file
from narrows.tasks.loading import require_no_csv
from narrows.training import Noise


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions:
    """What can be said of denoising.

    Attributes:
        against: the same items without noise, to measure what is left of it.
        noise: ``KIND:AMOUNT``, added to the items first, which are then the clean ones.
        cells: of a table: ``missing``, to fill these in, or ``all``.
        seed: draws the noise.
        check_range: refuse items in another range than those that the model was trained on.
        images: what becomes of the images of a folder.
        csv: how a CSV file is read, as :func:`narrows.load_data` takes it.
    """

    against: str | None = None
    noise: str | None = None
    cells: str = "missing"
    seed: int = 0
    check_range: bool = True
    images: ImageOptions = field(default_factory=ImageOptions)
    csv: Mapping[str, Any] = field(default_factory=dict)

    @property
    def added(self) -> AddedNoise | None:
        """The noise that is added.

        Raises:
            UsageError: ``noise`` names none.
        """
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


def denoise_files(
    autoencoder: TrainedAutoencoder,
    source: str,
    out: str,
    options: DenoiseOptions,
    *,
    track: Tracker = silent,
    note: Note = unheard,
) -> Denoised:
    """Write what the model makes of the items of ``source``; of a table, fill its cells in.

    Args:
        source: as :func:`narrows.load_data` takes it.
        out: as of :func:`narrows.tasks.denoise.denoise_pages`.
        options: see :meth:`DenoiseOptions.check`.

    Raises:
        UsageError: an option is for other data, or the items are in another unit.
        DataError, ShapeError: the data are not what the model takes.
    """
    heard: dict[str, Any] = {"track": track, "note": note}
    require_folder(source, options.images)
    if autoencoder.trained.data.table is not None:
        if options.against is not None or options.noise is not None:
            raise UsageError(
                "a table's cells are filled in, and --against and --noise are for arrays and "
                "images",
                hint="leave them out",
            )
        written = fill_file(
            autoencoder,
            source,
            out,
            all_cells=options.cells == "all",
            check_range=options.check_range,
            csv=options.csv,
            **heard,
        )
        return Denoised(written, None)
    require_no_csv(source, options.csv)
    pages = open_pages_for(autoencoder, source, images=options.images, track=track)
    clean: Pages | AddedNoise | None = options.added
    if options.against is not None:
        of_folder = options.images if Path(options.against).is_dir() else None
        clean = open_pages_for(autoencoder, options.against, images=of_folder, track=track)
    return denoise_pages(
        autoencoder, pages, out, against=clean, check_range=options.check_range, **heard
    )
