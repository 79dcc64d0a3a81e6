"""What ``narrows demo`` tells of a training run on its page."""

import platform
import shlex
from pathlib import Path

from narrows.data import Dataset
from narrows.engine.cores import usable_cores
from narrows.nn.summary import summary_text
from narrows.report.evaluation import Score
from narrows.report.page import Command, MethodResult, Story, StoryPicture
from narrows.report.run_folder import CODES, LOSS, RECONSTRUCTIONS
from narrows.support.streams import printable
from narrows.tasks.fit import FitResult
from narrows.version import __version__


def tell_story(
    result: FitResult, training: Dataset, held_out: Dataset | None, *, source: str, model: Path
) -> Story:
    """The page of a run on ``source`` that has files: the model is ``model``, in the run folder."""
    trained, evaluation = result.trained, result.evaluation
    assert evaluation is not None
    shape = " × ".join(map(str, training.item_shape))
    numbers = trained.model.spec.latent_size

    def row(score: Score) -> MethodResult:
        return MethodResult(
            name=score.method,
            numbers=score.numbers,
            error=score.mse,
            psnr=score.psnr,
            relative=score.relative,
        )

    shown = training if held_out is None else held_out
    name, data = _quoted(str(model)), _quoted(shown.name)
    return Story(
        title=f"{training.item_size} values through {numbers} numbers",
        data=[
            f"{source}: {len(training):,} items of {shape} values to learn from, and "
            f"{len(shown):,} that training never saw to measure on.",
            "An encoder squeezes each item through a few numbers, and a decoder opens it again. "
            "Both are learnt from the items alone: where they resemble each other, the few "
            "numbers are nearly enough.",
        ],
        model=row(evaluation.model),
        baseline=row(evaluation.pca),
        others=[row(score) for score in evaluation.baselines[1:]],
        error_unit=evaluation.unit or "squared units of the data",
        bytes_before=evaluation.bytes_before,
        bytes_after=evaluation.bytes_after,
        seconds=sum(record["seconds"] for record in result.history),
        pictures=_pictures(result, evaluation.model.numbers, model.parent),
        summary=summary_text(trained.model.spec),
        commands=[
            Command(f"narrows evaluate {name} {data}", "all errors, in the data's own units"),
            Command(f"narrows encode {name} {data} --out codes.npy", "the codes"),
            Command(f"narrows decode {name} codes.npy --out decoded/", "and back, as pictures"),
            Command("narrows fit YOUR_DATA --out model.safetensors", "the same on your data"),
        ],
        provenance=_provenance(trained.versions),
    )


def _pictures(result: FitResult, numbers: int, folder: Path) -> list[StoryPicture]:
    """Those of this run that could be drawn."""
    dead = result.trained.dead
    titles = {
        RECONSTRUCTIONS: "What the numbers keep",
        LOSS: "Training against validation loss",
        CODES: "The latent space",
    }
    captions = {
        RECONSTRUCTIONS: "Items that training never saw, above what the decoder makes of their "
        "code, and what principal component analysis makes of as many numbers.",
        LOSS: "Where the two part, the model has begun to learn its training items by heart.",
        CODES: "Each point is the code of an item. No label was ever shown to the model.",
    }
    if len(dead):
        same = "the same for every item"
        captions[CODES] += f" {len(dead)} of the {numbers} numbers are dead: {same}."
    return [
        StoryPicture(folder / name, title, captions[name])
        for name, title in titles.items()
        if name not in result.not_written
    ]


def _quoted(name: str) -> str:
    """A name for a shell; bytes that are no UTF-8 as bash and zsh write them."""
    quoted = printable(name.replace("\\", r"\\").replace("'", r"\'"))
    return f"$'{quoted}'" if printable(name) != name else shlex.quote(name)


def _provenance(versions: dict[str, str]) -> str:
    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"narrows {__version__}, Python {platform.python_version()}, {known}; "
        f"{platform.system()} {platform.machine()}, {usable_cores()} cores"
    )
