"""``narrows generate``: new items from a model, and the way from one item to another."""

from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.options import Format, Json, ModelArgument
from narrows.cli.terminal import progress, say, show_written
from narrows.errors import UsageError
from narrows.tasks.option_texts import parse_places
from narrows.tasks.outputs import check_outputs, to_standard_output, usual_format

if TYPE_CHECKING:
    import numpy as np


@reads_data
def generate(
    *,
    model: ModelArgument,
    out: Annotated[
        str,  # a path would lose the slash that makes it a folder
        typer.Option(
            metavar="PATH",
            help=".png for one picture, .npy, .npz, .csv or .parquet; no suffix makes a folder of "
            "PNG images; - is standard output.",
            show_default=False,
        ),
    ],
    count: Annotated[
        int | None, typer.Option("--count", "-n", help="How many new items to draw.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same items.")] = 0,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="density|prior",
            help="Draw codes from the density of the training codes, the default, or from a "
            "variational model's prior.",
        ),
    ] = None,
    between: Annotated[
        str | None,
        typer.Option(
            metavar="DATA:A,B", help="Lead from item A of DATA to its item B, counting from 0."
        ),
    ] = None,
    traverse: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Vary this latent number, counting from 0, over its range in training.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="DATA:A",
            help="With --traverse: keep the other numbers of item A of DATA, not the mean ones.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Of --between and --traverse: how many items, both ends included.  [default: 10]"
        ),
    ] = None,
    format: Format = None,
    json: Json = False,
    csv: CsvGiven,
) -> None:
    """Write new items like those that a model was trained on.

    \b
    Example:
      narrows generate digits.safetensors -n 64 --out new.png
      narrows generate digits.safetensors -n 10000 --seed 1 --out new.npy
      narrows generate digits.safetensors --between mnist:test:3,17 --out between.png
      narrows generate digits.safetensors --traverse 0 --at mnist:test:3 --out number-0.png
    """
    from narrows.tasks.drawn_codes import interpolated, traversed
    from narrows.tasks.generate import codes_at, draw, write_decoded
    from narrows.tasks.opening import open_autoencoder

    _require_one_choice(
        {"-n": count, "--between": between, "--traverse": traverse},
        {"--from": source, "--at": at, "--steps": steps},
    )
    if csv and between is None and at is None:
        raise UsageError(
            f"{next(iter(csv))} says how a CSV file is read, and none is",
            hint="leave it out: it belongs to --between and --at",
        )
    autoencoder = open_autoencoder(model, track=progress)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"--between": between, "--at": at}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)

    def codes_of(option: str, text: str, most: int) -> "np.ndarray":
        data, places = parse_places(option, text, most)
        named = f"{option} {text}"
        return codes_at(autoencoder, data, places, named=named, csv=csv, track=progress, note=say)

    if count is not None:
        written = draw(autoencoder, count, out, seed=seed, source=source, track=progress, note=say)
    else:
        steps = 10 if steps is None else steps
        if between is not None:
            first, last = codes_of("--between", between, 2)
            codes = interpolated(first, last, steps)
        else:
            assert traverse is not None
            code = None if at is None else codes_of("--at", at, 1)[0]
            codes = traversed(autoencoder.trained, traverse, steps, code)
        written = write_decoded(autoencoder, codes, out, columns=steps, track=progress, note=say)
    show_written(written, json)


# Which options each choice heeds.
_HEEDED = {"-n": ("--from",), "--between": ("--steps",), "--traverse": ("--at", "--steps")}


def _require_one_choice(choices: dict[str, object], options: dict[str, object]) -> None:
    """Make sure that exactly one thing is asked for, and nothing that it does not heed.

    Raises:
        UsageError: it is not so.
    """
    given = [name for name, value in choices.items() if value is not None]
    if len(given) != 1:
        what = "nothing" if not given else " and ".join(given)
        raise UsageError(
            f"{what} was asked for, and it takes one of {', '.join(choices)}",
            hint="write -n 64 for 64 new items, or see narrows generate --help",
        )
    for name, value in options.items():
        if value is not None and name not in _HEEDED[given[0]]:
            of = " and ".join(each for each, heeded in _HEEDED.items() if name in heeded)
            raise UsageError(
                f"{name} says nothing about {given[0]}", hint=f"leave it out: it belongs to {of}"
            )
