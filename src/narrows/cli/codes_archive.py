"""What ``compress --codes-only`` does."""

import math
import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from narrows.cli.data_options import CsvGiven
from narrows.cli.terminal import progress, say, show
from narrows.errors import UsageError
from narrows.tasks.outputs import still_there

if TYPE_CHECKING:
    from narrows.archive import SharedModel, SizeBreakdown
    from narrows.archive.methods import Effort
    from narrows.data.image_options import ImageOptions
    from narrows.model.trained import TrainedModel


def require_no_bound(max_error: list[str] | None) -> None:
    """Refuse a bound where there can be none."""
    if max_error:
        raise UsageError(
            "--codes-only keeps no bound, so --max-error cannot be kept with it",
            hint="leave one of them out",
        )


def require_no_codes(*given: object) -> None:
    """Refuse what only archives of codes have."""
    if any(each is not None for each in given):
        raise UsageError(
            "--item-bytes, --latent, --model, --embed-model and --keep-model are for archives of "
            "codes",
            hint="add --codes-only, or leave them out",
        )


def compress_codes(
    data: str,
    out: Path,
    model: Path | None,
    latent: int | None,
    item_bytes: float | None,
    effort: "Effort",
    embed_model: bool = False,
    keep_model: Path | None = None,
    options: "ImageOptions | None" = None,
    force: bool = False,
    csv: CsvGiven | None = None,
) -> "SizeBreakdown":
    """Write an archive of codes by a given model, or by one that is trained on the data; and what
    others can have in common with it, where that shall be kept."""
    from narrows.archive import SharedModel
    from narrows.data import checked
    from narrows.support.files import atomic_file
    from narrows.tasks.compress_codes import learn_codes, train_rounded, write_codes_only
    from narrows.tasks.loading import load_array, require_array

    if item_bytes is not None and not 0 < item_bytes < math.inf:
        raise UsageError(
            f"--item-bytes is {item_bytes:g}, and must be a number above 0",
            hint="give the bytes that a code may take, such as 8",
        )
    trained: TrainedModel | SharedModel
    if model is None:
        if embed_model:
            raise UsageError(
                "--embed-model is given without a model to embed",
                hint="add --model, or leave it out",
            )
        require_array(data)
        training = load_array(data, options, upright=True, csv=csv, track=progress, note=say)
        trained = train_rounded(
            checked(training), latent, item_bytes, effort, track=progress, note=say
        )
        items = training.items
    else:
        if latent is not None:
            raise UsageError(
                f"{model} says how many numbers a code has, so --latent cannot",
                hint="leave one of them out",
            )
        trained = _given(model)
        loaded = load_array(data, options, upright=True, csv=csv, track=progress, note=say)
        items = loaded.items
    if isinstance(trained, SharedModel):
        if keep_model is not None:
            raise UsageError(
                f"{model} is what --keep-model wrote already",
                hint="leave --keep-model out, or give a model of narrows fit --preset rounded",
            )
    elif embed_model:
        raise UsageError(
            f"the decoder of {model} is in the archive, with or without --embed-model",
            hint="leave it out: it is for models that --keep-model wrote",
        )
    if keep_model is not None and not isinstance(trained, SharedModel):
        trained = learn_codes(
            items, trained, item_bytes=item_bytes, effort=effort, name=data, check_range=not force
        )
        _write_kept(keep_model, trained)
        embed_model, item_bytes = True, None
    with still_there(keep_model), tempfile.TemporaryFile() as written, atomic_file(out) as file:
        breakdown = write_codes_only(
            written,
            items,
            trained,
            item_bytes=item_bytes,
            effort=effort,
            embed_model=embed_model,
            check_range=not force,
            name=data,
            track=progress,
        )
        _read_back(written, trained, out)
        written.seek(0)
        shutil.copyfileobj(written, file)
        return breakdown


def _write_kept(path: Path, model: "SharedModel") -> None:
    """Write a model file, after reading it back, and say by which name archives know it."""
    from narrows.archive import SharedModel
    from narrows.support.files import atomic_file
    from narrows.tasks.compress_codes import require_readable

    again = SharedModel(str(path), model.content)
    again.require_whole()
    require_readable(again)
    with atomic_file(path) as file:
        file.write(model.content)
    say(f"wrote {path}: {len(model.content):,} bytes, SHA-256 {model.digest}")


def _read_back(written: "IO[bytes]", trained: "TrainedModel | SharedModel", out: Path) -> None:
    """Make sure that what is to become ``out`` opens, and that items come of it: blocks are decoded
    while they are written, but the header is not read."""
    from narrows.archive import SharedModel
    from narrows.archive.opening import opened
    from narrows.errors import ArchiveError, OutputError

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


def _given(model: Path) -> "TrainedModel | SharedModel":
    """A model of ``narrows fit``, or one that ``--keep-model`` wrote."""
    from narrows.archive import SharedModel
    from narrows.archive.container import begins_container
    from narrows.model.file import load_model
    from narrows.tasks.compress_codes import require_codes_only

    if begins_container(model):
        return SharedModel.of(model)
    trained = load_model(model)
    require_codes_only(trained.model)
    return trained


def shared_model_info(file: Path, json: bool) -> None:
    """What a model was learnt from, where its bytes are, and the name that archives know it by."""
    from narrows.archive import SharedModel
    from narrows.support.text_tables import table_text

    model = SharedModel.of(file)
    model.require_whole()
    layout, sizes = model.layout, model.container.sizes
    rows = [["part", "bytes"], *([part, f"{size:,}"] for part, size in sizes.items())]
    shape = " × ".join(map(str, layout.item_shape)) or "one"
    what = (
        f"a model for archives of codes, learnt from {layout.count:,} items of {shape} "
        f"{layout.dtype.name}"
    )
    text = f"{table_text(f'{file}: {what}', rows)}\nSHA-256 {model.digest}"
    values = {
        "kind": "model of archives",
        "shape": list(layout.shape),
        "dtype": layout.dtype.name,
        "bytes": dict(sizes),
        "total": len(model.content),
        "sha256": model.digest,
    }
    show(text, values, json)
