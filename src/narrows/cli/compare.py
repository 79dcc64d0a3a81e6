"""``narrows compare`` and ``demo``: models of data beside what one would use instead, on a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from narrows.cli.data_options import reads_data
from narrows.cli.gathering import Given, gathers, options_of
from narrows.cli.options import DataArgument, Json, data_option, path_option
from narrows.cli.terminal import PERSON, progress, say, show
from narrows.support.interruption import with_last_words
from narrows.tasks.option_texts import parse_numbers
from narrows.tasks.options import ARTICLE_FILE, DEFAULT_FILE, CompareOptions
from narrows.tasks.outputs import RUN_FOLDER, check_outputs, still_there

if TYPE_CHECKING:
    from narrows.data.read_options import ReadOptions
    from narrows.report.comparison.result import Comparison

_AGAIN = "stopped; the same command starts at the beginning"


def _chosen(given: Given) -> CompareOptions:
    return CompareOptions(**given | {"numbers": parse_numbers(given["numbers"])})


Models = Annotated[
    list[Path] | None,
    path_option(
        "MODEL",
        "A file that narrows fit wrote. May be given several times; without it, the article's "
        "model and the default one are trained.",
        "--model",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN|FILE",
        help="Classes, to see what codes are good for: of a table a column, which nothing is "
        "learnt from; else whole numbers, one an item. mnist, digits and folders in class "
        "folders have their own.",
    ),
]


@reads_data
@gathers({"chosen": options_of(CompareOptions, _chosen, {"numbers": str | None})})
def compare(
    *,
    data: DataArgument,
    model: Models = None,
    out: Annotated[Path, path_option("REPORT.html", "The page to write.")],
    test: Annotated[
        str | None,
        data_option(
            "DATA",
            "What to measure on; mnist:test for mnist without --labels, a fifth of DATA elsewhere.",
        ),
    ] = None,
    labels: Labels = None,
    chosen: CompareOptions,
    json: Json = False,
    reading: "ReadOptions",
) -> None:
    """Write one page that compares an autoencoder of DATA with what one would use instead.

    PCA, cosine transforms, image formats, compressors and archives, on items that nothing was
    learnt from. It opens from disk, in any browser, without a network.

    \b
    Example:
      narrows compare mnist --out mnist.html
      narrows compare houses.csv --labels kind --out houses.html
      narrows compare scans/ --grey --resize 64,64 --out scans.html
      narrows compare mnist --model digits.safetensors --out mine.html
    """
    from narrows.pages.building import require_page_name

    say(f"opening {data}")  # what computes takes seconds to load
    from narrows.tasks.comparison.parts import Reading

    models = list(model or ())
    folder, names = chosen.folder, (ARTICLE_FILE, DEFAULT_FILE)
    kept = {} if folder is None else {f"--keep-models {name}": folder / name for name in names}
    check_outputs(
        {"DATA": data, "--test": test, "--labels": _file(labels)},
        {"--out": out, **kept},
        models={f"--model {path}": path for path in models},
        json=json,
    )
    require_page_name(out)
    found = compared(data, models, chosen, Reading(test=test, labels=labels, options=reading))
    write_and_show(found, out, json)


def compared(data: str, models: list[Path], options: CompareOptions, reading: Any) -> "Comparison":
    """:func:`narrows.tasks.compare.compare` as a terminal shows it, and as Ctrl-C ends it."""
    from narrows.tasks.compare import compare as job
    from narrows.tasks.comparison.candidates import named

    with with_last_words(lambda: _AGAIN):
        return job(data, named(models), options, reading, listener=PERSON)


def write_and_show(found: "Comparison", page: Path, json: bool, **files: str) -> None:
    """Write the page; show its three sentences, and where it is."""
    from narrows.report.comparison.compared import comparison_values
    from narrows.report.comparison.page import write_comparison

    write_comparison(page, found)
    sentences = "\n".join(found.in_short)
    values = {"page": str(page), **files, **comparison_values(found)}
    show(f"{sentences}\nthe page: {page.resolve().as_uri()}", values, json)


def _file(labels: str | None) -> str | None:
    """``--labels`` where it names a file, and no column."""
    return labels if labels is not None and Path(labels).exists() else None


PAGE = "index.html"
# digits has 64 values an item where MNIST has 784: the article's 20 numbers would not be narrow.
_DIGITS_LATENT = 5
# Of what takes long, as much as a newcomer waits for.
_BOUNDS, _MOST_BYTES, _CODECS, _MOST_TOLD = ("3%",), 1 << 20, ("JPEG", "WebP", "PNG"), 3_000


def demo(
    data: Annotated[
        str | None,
        typer.Option(
            help="What to learn: mnist where it can be had, otherwise digits, which comes along."
        ),
    ] = None,
    out: Annotated[Path, path_option("DIR", "Where everything goes.")] = Path("narrows-demo"),
    json: Json = False,
) -> None:
    """Train the article's autoencoder and today's default one, and compare them on one page.

    \b
    Example:
      narrows demo --out story
      narrows demo --data scans/
    """
    from narrows.support.locking import held_folder
    from narrows.tasks.comparison.parts import Reading

    models, page = [out / ARTICLE_FILE, out / DEFAULT_FILE], out / PAGE
    named = {each.name: each for each in models}
    check_outputs({"--data": data}, {RUN_FOLDER: out, **named, PAGE: page})
    with held_folder(out, "wait until it has ended, or name another with --out"):
        source = _source() if data is None else data
        options = CompareOptions(
            numbers=(),
            folder=out,
            pictures=True,
            latent=_DIGITS_LATENT if source == "digits" else None,
            bounds=_BOUNDS,
            codes=False,
            most_bytes=_MOST_BYTES,
            codecs=_CODECS,
            most_told=_MOST_TOLD,
        )
        found = compared(source, [], options, Reading())
        with still_there(*models):
            write_and_show(found, page, json, run_dir=str(out))


def _source() -> str:
    """MNIST, and where it cannot be had, digits, saying why."""
    from narrows.data import load_data
    from narrows.errors import DataError

    try:
        load_data("mnist", track=progress)
    except DataError as error:
        say(f"{error.message}; going on with digits, which comes along")
        return "digits"
    return "mnist"
