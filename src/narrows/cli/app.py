"""The program: its commands, and what becomes of an error."""

import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from narrows.cli import archive, compare, explore, fit, use
from narrows.cli.terminal import progress, say, show, show_error, unwritten
from narrows.errors import NarrowsError, NarrowsWarning, UsageError
from narrows.support import memory
from narrows.support.inputs import cannot_be_read
from narrows.support.interruption import INTERRUPTED, came
from narrows.support.log import log_as_before
from narrows.support.spelling import as_command_line
from narrows.support.streams import output_error
from narrows.version import __version__

app = typer.Typer(
    name="narrows",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def narrows(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; anywhere on the line.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="With --version: which engine computes here and why, and the versions of what it "
            "needs, as JSON. An engine that was never tried here is tried first: some seconds.",
        ),
    ] = False,
) -> None:
    """Learn a small code for your data, and see what it keeps.

    \b
    narrows demo                                        an autoencoder beside everything else
    narrows fit mnist --out digits.safetensors          train a model
    narrows evaluate digits.safetensors mnist:test      what it keeps, beside PCA
    narrows explore digits.safetensors mnist:test       turn the latent numbers by hand
    narrows generate digits.safetensors -n 64 --out new.png    new items like them
    narrows compress mnist:test --out digits.nrw        all of it in a small file

    DATA is everywhere one of: mnist, mnist:test, digits, an IDX file (.gz or raw), an .npy or
    .npz file, a table (.csv, .tsv or .parquet, or many as a folder or 'part-*.parquet'), a folder
    of images, or - for standard input.
    """
    if version:
        values: dict[str, Any] = {}
        if as_json:
            from narrows.tasks.versions import versions

            values = versions(track=progress)
        show(f"narrows {__version__}", values, as_json)
        raise typer.Exit
    if as_json:
        raise UsageError("--json stands here only with --version", hint="see narrows --help")
    if context.invoked_subcommand is None:
        context.fail("Missing command.")


app.command()(compare.demo)
app.command()(compare.compare)
app.command()(fit.fit)
for _command in (use.summary, use.evaluate, use.encode, use.decode, use.reconstruct):
    app.command()(_command)
for _command in (use.denoise, use.generate, use.detect):
    app.command()(_command)
app.command()(explore.explore)
app.command()(archive.compress)
app.command()(archive.decompress)
app.command()(archive.verify)
app.command()(archive.info)


def run(arguments: Sequence[str]) -> int:
    """Run a command line; gives the exit code: 0 done, 1 the work failed, 2 wrong usage."""
    with warnings.catch_warnings(), log_as_before(), as_command_line():
        warnings.simplefilter("always", NarrowsWarning)  # a note ends no work, whatever -W says
        warnings.showwarning = _show_warning
        code = _run(arguments)
        error = output_error()  # what shows help and the version does not look
        if code == 0 and error is not None and not isinstance(error, BrokenPipeError):
            show_error(unwritten(error))
    return code or int(error is not None)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """A warning of ours as a note; others as Python shows them."""
    if issubclass(category, NarrowsWarning):
        say(f"note: {message}")
    else:
        say(warnings.formatwarning(message, category, filename, lineno, line).rstrip())


def _run(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    try:
        result: Any = app(rest, prog_name="narrows", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except NarrowsError as error:
        if debug:
            raise
        show_error(error)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        if debug:
            raise
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except Exception as error:
        if came():  # whatever a library makes of an interrupt
            return INTERRUPTED
        known = None if debug else _known(error, rest)
        if known is not None:
            show_error(known)
            return 1
        return _run_failed(error, debug)


def _known(error: Exception, arguments: Sequence[str]) -> NarrowsError | None:
    """What to say of an error of the system, whoever met it; None of any other."""
    shortage = memory.explained(error, _smaller(arguments))
    if shortage is None and isinstance(error, OSError) and error.filename and error.errno:
        return cannot_be_read(error.filename, error)
    return shortage


def _smaller(arguments: Sequence[str]) -> str:
    """What a command can be asked for that takes less memory."""
    command = next((each for each in arguments if not each.startswith("-")), "")
    return _SMALLER.get(command, "give fewer items, or an .npy file, whose rows are read in turn")


_SMALLER = {
    "fit": "lower --batch-size, --hidden or --latent, or give fewer items; --refine 0 does without "
    "XLA, which sets much memory aside",
    "compress": "lower --effort, or give fewer items, or an .npy file, whose rows are read in turn",
    "decompress": "read a part at a time: --items A:B; --max-bytes refuses what is larger",
    "verify": "verify it where there is more memory; --max-bytes refuses what is larger",
    "generate": "lower -n",
}


def _run_failed(error: Exception, debug: bool) -> int:
    """The exit code of an error that narrows did not raise: the parser's, or a fault of ours."""
    if type(error).__name__ == "NoArgsIsHelpError":
        say(str(getattr(error, "ctx", None) and error.ctx.get_help()))  # type: ignore[attr-defined]
        return 2
    if type(error).__name__ == "Abort":
        # the parser takes the end of some file for an interrupt
        if not isinstance(error.__cause__, EOFError):
            return INTERRUPTED
        error = error.__cause__
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        name = context.command_path if context is not None else "narrows"
        show_error(UsageError(error.format_message(), hint=f"see {name} --help"))
        return 2
    if isinstance(error, OSError) and (found := output_error()):
        show_error(unwritten(found))
        return 1
    if debug:
        raise error
    show_error(
        NarrowsError(
            f"narrows failed where it should not: {type(error).__name__}: {error}",
            hint="run it again with --debug and report what it shows",
        )
    )
    return 1
