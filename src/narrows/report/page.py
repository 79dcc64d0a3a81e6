"""The whole story of one training run as a single HTML file that needs no network and no script."""

import base64
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from narrows.errors import DataError
from narrows.support.files import atomic_file
from narrows.support.number_text import readable
from narrows.support.streams import printable


@dataclass(frozen=True, kw_only=True)
class MethodResult:
    """A row of the comparison: what one method reaches.

    Attributes:
        name: what people call it.
        numbers: how many numbers it keeps of each item.
        error: its mean squared error on the test items, in data units squared.
        psnr: the same in dB, or None where no peak is known.
        relative: its root as a share of the mean item's, which is shown where there is no PSNR.
    """

    name: str
    numbers: int
    error: float
    psnr: float | None = None
    relative: float | None = None


@dataclass(frozen=True)
class StoryPicture:
    """A PNG file, what it shows in a few words, and what to look for in it."""

    path: str | os.PathLike[str]
    title: str
    caption: str


@dataclass(frozen=True)
class Command:
    """A command line to go on with, and what it does."""

    line: str
    purpose: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the page tells, in the order in which it tells it.

    Attributes:
        title: the page's heading.
        data: lines that describe the data: its name, how many items of what shape, where from.
        model: the trained model's row of the comparison.
        baseline: the row of the method to beat, PCA with as many numbers.
        others: further rows.
        error_unit: the unit of every error, such as ``grey levels squared``.
        bytes_before: of one item as it came.
        bytes_after: of its code.
        seconds: wall time of the training.
        pictures: in the order shown; each file becomes part of the page.
        summary: the table of layers, as plain text.
        commands: what to do next.
        provenance: versions and hardware, in one line.
    """

    title: str
    data: Sequence[str]
    model: MethodResult
    baseline: MethodResult
    error_unit: str
    bytes_before: int
    bytes_after: int
    seconds: float
    pictures: Sequence[StoryPicture]
    summary: str
    commands: Sequence[Command]
    provenance: str
    others: Sequence[MethodResult] = ()


def write_page(path: str | os.PathLike[str], story: Story) -> None:
    """Write the story as one HTML file that holds its pictures and its style.

    Raises:
        DataError: a picture cannot be read.
        OutputError: the page cannot be written.
    """
    template = Template(files("narrows.report").joinpath("page.html").read_text("utf-8"))
    page = template.substitute(
        title=escape(story.title),
        data="\n".join(f"<p>{escape(line)}</p>" for line in story.data),
        results="\n".join(_results(story)),
        pictures="\n".join(_picture(picture) for picture in story.pictures),
        error_unit=escape(story.error_unit),
        quality="relative error" if story.model.psnr is None else "PSNR, dB",
        comparison="\n".join(_comparison(story)),
        summary=escape(story.summary),
        commands="\n".join(
            f"<dt><code>{escape(command.line)}</code></dt><dd>{escape(command.purpose)}</dd>"
            for command in story.commands
        ),
        provenance=escape(story.provenance),
    )
    with atomic_file(path, "w") as stream:
        stream.write(printable(page))  # names of files may be no text


def _results(story: Story) -> Iterator[str]:
    """The result in four tiles: the figure, and what it means."""
    model, baseline = story.model, story.baseline
    quality = _quality(model)
    size = "1 number" if model.numbers == 1 else f"{model.numbers:,} numbers"
    tiles = {
        readable(model.error): f"test error in {story.error_unit}{quality}",
        _beside(model.error, baseline.error): f"than {baseline.name}: {readable(baseline.error)}",
        f"{story.bytes_before:,} → {story.bytes_after:,} bytes": f"an item, and its code of {size}",
        f"{story.seconds:,.1f} s": "to train",
    }
    for figure, meaning in tiles.items():
        yield f"<li><strong>{escape(figure)}</strong> {escape(meaning)}</li>"


def _quality(model: MethodResult) -> str:
    if model.psnr is not None:
        return f", PSNR {model.psnr:.2f} dB"
    return "" if model.relative is None else f", {model.relative:.2%} of the mean item's"


def _beside(error: float, baseline: float) -> str:
    """How much less or more an error is than the baseline's."""
    if baseline == 0:
        return "no gain" if error else "no error"
    change = error / baseline - 1
    return f"{abs(change):.1%} {'more' if change > 0 else 'less'} error"


def _picture(picture: StoryPicture) -> str:
    title = escape(picture.title)
    return (
        f'<figure><img src="{_data_uri(Path(picture.path))}" alt="{title}">'
        f"<figcaption><b>{title}.</b> {escape(picture.caption)}</figcaption></figure>"
    )


def _data_uri(path: Path) -> str:
    """A PNG file as an address that holds it.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"the picture {path} cannot be read: {error.strerror or error}",
            hint="draw it again, then write the page",
        ) from error
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def _comparison(story: Story) -> Iterator[str]:
    """The rows of the table, least error first, the model's marked."""
    methods = (story.model, story.baseline, *story.others)
    for method in sorted(methods, key=lambda method: method.error):
        mark = ' class="ours"' if method is story.model else ""
        quality = "–" if method.relative is None else f"{method.relative:.2%}"
        if method.psnr is not None:
            quality = f"{method.psnr:.2f}"
        yield (
            f'<tr{mark}><th scope="row">{escape(method.name)}</th><td>{method.numbers:,}</td>'
            f"<td>{readable(method.error)}</td><td>{quality}</td></tr>"
        )
