"""What the commands of archives do with models that archives start from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.terminal import progress, say, show
from narrows.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from narrows.archive import Model
    from narrows.archive.error_bounds import Promises
    from narrows.archive.methods import Effort

ModelOfArchive = Annotated[
    Path | None,
    typer.Option(
        "--model",
        readable=False,
        metavar="MODEL",
        help="What it was written with, if that is not in the archive.",
    ),
]


def require_a_model(embed_model: bool, model: Path | None) -> None:
    """Refuse to embed nothing."""
    if embed_model and model is None:
        raise UsageError(
            "--embed-model is given without a model to embed", hint="add --model, or leave it out"
        )


def require_no_model_of_table(data: str, model: Path | None, keep_model: Path | None) -> None:
    """Refuse models for tables."""
    if model is not None or keep_model is not None:
        raise UsageError(f"{data} is a table, and models are of arrays", hint="leave the model out")


def write_model(
    path: Path, items: "np.ndarray", promises: "Promises", effort: "Effort", data: str
) -> None:
    """Write what mixing learns of the items."""
    from narrows.archive import learn_model

    write_kept(
        path, learn_model(items, max_error=promises, effort=effort, name=data, track=progress)
    )


def write_kept(path: Path, model: "Model") -> None:
    """Write a model file, after reading it back, and say by which name archives know it."""
    from narrows.archive import Model
    from narrows.support.files import atomic_file

    again = Model(str(path), model.content)
    again.require_readable()
    if again.of_codes:
        from narrows.tasks.compress_codes import require_readable

        require_readable(again)
    with atomic_file(path) as file:
        file.write(model.content)
    say(f"wrote {path}: {len(model.content):,} bytes, SHA-256 {model.digest}")


def prior_info(file: Path, json: bool) -> None:
    """What a model was learnt from, where its bytes are, and the name that archives know it by."""
    from narrows.archive import Model
    from narrows.report.measures import readable
    from narrows.support.text_tables import table_text

    model = Model.of(file)
    layout, sizes = model.layout, model.container.sizes
    for part in list(sizes)[1:]:
        model.container.read(part)  # its checksum
    rows = [["part", "bytes"], *([part, f"{size:,}"] for part, size in sizes.items())]
    shape = " × ".join(map(str, layout.item_shape)) or "one"
    bound = None if model.of_codes else model.bound
    promise = "of codes" if bound is None else f"within {readable(bound)}" if bound else "lossless"
    what = (
        f"a model for archives, learnt from {layout.count:,} items of {shape} {layout.dtype.name}"
    )
    text = f"{table_text(f'{file}: {what}, {promise}', rows)}\nSHA-256 {model.digest}"
    values = {
        "kind": "model of archives",
        "shape": list(layout.shape),
        "dtype": layout.dtype.name,
        "bound": bound,
        "bytes": dict(sizes),
        "total": len(model.content),
        "sha256": model.digest,
    }
    show(text, values, json)
