"""``narrows denoise``: images, arrays and tables from files to files."""

from typing import Any

from narrows.data import Pages
from narrows.data.sources import require_folder
from narrows.errors import UsageError
from narrows.model.use import TrainedAutoencoder
from narrows.support.progress import NOBODY, Listener
from narrows.tasks.denoise import AddedNoise, Denoised, denoise_pages, open_pages_for
from narrows.tasks.fill import fill_file
from narrows.tasks.options import DenoiseOptions


def denoise_files(
    autoencoder: TrainedAutoencoder,
    source: str,
    out: str,
    options: DenoiseOptions,
    *,
    listener: Listener = NOBODY,
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
    how: dict[str, Any] = {"check_range": options.check_range, "listener": listener}
    require_folder(source, options.reading.images)
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
            csv=options.reading.csv,
            **how,
        )
        return Denoised(written, None)
    options.reading.require_no_csv(source)
    pages = open_pages_for(autoencoder, source, options.reading, track=listener.track)
    clean: Pages | AddedNoise | None = options.added
    if options.against is not None:
        reading = options.reading.images_if_folder(options.against)
        clean = open_pages_for(autoencoder, options.against, reading, track=listener.track)
    return denoise_pages(autoencoder, pages, out, against=clean, **how)
