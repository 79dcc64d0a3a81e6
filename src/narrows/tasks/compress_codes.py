"""Data to an archive of nothing but codes and a decoder, by a model that is given or trained."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from narrows.archive import SharedModel
from narrows.archive.container import begins_container
from narrows.archive.methods import Effort
from narrows.archive.opening import opened
from narrows.data import Dataset, checked
from narrows.data.read_options import ReadOptions
from narrows.errors import ArchiveError, OutputError
from narrows.model.file import load_model
from narrows.model.trained import TrainedModel
from narrows.report.archive_sizes import Breakdown
from narrows.support.files import atomic_file
from narrows.support.progress import NOBODY, Listener
from narrows.support.spelling import spelt
from narrows.tasks.codes_archive import (
    learn_codes,
    require_codes_only,
    require_readable,
    train_rounded,
    write_codes_only,
)
from narrows.tasks.compress import Compressed
from narrows.tasks.duration import timed_training
from narrows.tasks.loading import load_array
from narrows.tasks.options import CodesOptions
from narrows.tasks.outputs import still_there


def compress_codes(
    data: str,
    out: Path,
    options: CodesOptions,
    *,
    effort: Effort = "normal",
    reading: ReadOptions | None = None,
    check_range: bool = True,
    listener: Listener = NOBODY,
) -> Compressed:
    """Write an archive of codes by a given model, or by one that is trained on the data; and what
    others can have in common with it, where that shall be kept.

    Args:
        data: an array or a folder of images.
        out: the archive.
        options: what is said of codes and their model.
        check_range: refuse items in another range than those that the model was trained on.
        effort, reading, listener: as for :func:`narrows.tasks.compress.compress`.

    Raises:
        UsageError, ShapeError, DataError, ArchiveError: as :func:`write_codes_only` does.
        OutputError: what was written does not open again.
    """
    options.check()
    read: dict[str, Any] = {"reading": reading, "listener": listener}
    trained: TrainedModel | SharedModel
    if options.model is None:
        loaded = load_array(data, upright=True, **read)
        fewer = "" if effort == "fast" else spelt("effort", "fast")
        timed = timed_training(listener, "training its model", fewer=fewer)
        trained = train_rounded(
            checked(loaded), options.latent, options.item_bytes, effort, listener=timed
        )
    else:
        trained = _given(options.model)
        loaded = load_array(data, upright=True, **read)
        options.require_for(isinstance(trained, SharedModel))
    said: dict[str, Any] = {"effort": effort, "check_range": check_range}
    embed_model, item_bytes = options.embed_model, options.item_bytes
    if options.keep_model is not None and not isinstance(trained, SharedModel):
        trained = learn_codes(loaded, trained, item_bytes=item_bytes, **said)
        _write_kept(options.keep_model, trained, listener)
        embed_model, item_bytes = True, None
    said |= {"item_bytes": item_bytes, "embed_model": embed_model, "listener": listener}
    with still_there(options.keep_model):
        return Compressed(out, data, _write_checked(out, loaded, trained, said))


def _write_checked(
    out: Path, data: Dataset, trained: TrainedModel | SharedModel, said: Mapping[str, Any]
) -> Breakdown:
    """Write an archive of codes, once it has been opened again."""
    with tempfile.TemporaryFile() as written, atomic_file(out) as file:
        breakdown = write_codes_only(written, data, trained, **said)
        _read_back(written, trained, out)
        written.seek(0)
        shutil.copyfileobj(written, file)
        return breakdown


def _write_kept(path: Path, model: SharedModel, listener: Listener) -> None:
    """Write a model file, after reading it back, and say by which name archives know it."""
    again = SharedModel(str(path), model.content)
    again.require_whole()
    require_readable(again)
    with atomic_file(path) as file:
        file.write(model.content)
    listener.note(f"wrote {path}: {len(model.content):,} bytes, SHA-256 {model.digest}")


def _read_back(written: IO[bytes], trained: TrainedModel | SharedModel, out: Path) -> None:
    """Make sure that what is to become ``out`` opens, and that items come of it: blocks are decoded
    while they are written, but the header is not read."""
    written.seek(0)
    try:
        model = trained if isinstance(trained, SharedModel) else None
        archive = opened(written, str(out), model=model)
        archive.items(0, min(len(archive), 1))
    except ArchiveError as error:
        raise OutputError(
            f"{out} was not written: it could not be read again, for {error.message}",
            hint="please report it, with what the data are",
        ) from error


def _given(model: Path) -> TrainedModel | SharedModel:
    """A model of ``narrows fit``, or one that ``--keep-model`` wrote."""
    if begins_container(model):
        return SharedModel.of(model)
    trained = load_model(model)
    require_codes_only(trained.model)
    return trained
