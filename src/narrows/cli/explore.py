"""``narrows explore``: the latent numbers of a model under one's own hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.model_options import ModelAndData, takes_model
from narrows.cli.options import path_option
from narrows.cli.terminal import progress, say
from narrows.errors import UsageError
from narrows.support.number_text import listed
from narrows.support.pulse import resting
from narrows.support.standard_input import received

if TYPE_CHECKING:
    from socket import socket

    from narrows.tasks.explore import Explorer
    from narrows.tasks.export import ExportedPage

Items = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]",
        help="Items to choose from, as for evaluate: a model without them has sliders and takes "
        "drawings and image files.",
        callback=received,
        show_default=False,
    ),
]
Export = Annotated[
    Path | None,
    path_option("PAGE.html", "Write the page as one file that needs no server, and leave."),
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Where the page is; 0 for any that is free.", show_default="8765"
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        help="The address to listen on. Another lets other machines in: no password.",
        show_default="127.0.0.1",
    ),
]
Browser = Annotated[
    bool | None,
    typer.Option(
        "--browser/--no-browser", help="Whether to open a browser.", show_default="browser"
    ),
]


@takes_model(data=(Items, None))
def explore(
    *,
    export: Export = None,
    port: Port = None,
    host: Host = None,
    browser: Browser = None,
    given: ModelAndData,
) -> None:
    """Open a page with a slider for each latent number, and see what the model decodes.

    Choose an item of DATA, drop an image file or draw one; see its code, what comes back of it and
    how odd it is; walk between two items, and find those whose codes lie nearest. Ctrl-C ends it.

    \b
    Example:
      narrows explore digits.safetensors mnist:test
      narrows explore payments.safetensors payments.csv --port 9000
      narrows explore digits.safetensors digits --export page.html
    """
    from narrows.pages.building import require_page_name

    if export is not None:
        opening = "--browser" if browser else "--no-browser"
        _require_no_server({"--port": port, "--host": host, opening: browser})
    model = given.model
    say(f"opening {model}")  # what computes takes seconds to load
    from narrows.server.serving import listening
    from narrows.tasks.explore import Explorer
    from narrows.tasks.export import export_page

    given.check_outputs({"--export": export}, json=False)
    if export is not None:
        require_page_name(export)
    autoencoder = given.open()
    items = None if given.data is None else given.load(autoencoder, labels=True)
    if export is not None:
        _export(export_page(autoencoder, items, title=model.name, track=progress), export)
        return
    host, port = "127.0.0.1" if host is None else host, 8765 if port is None else port
    with listening(host, port) as server:  # a port that is taken is told before long work
        explorer = Explorer(autoencoder, items, title=model.name, track=progress)
        _serve(explorer, server, host, browser is not False)


def _require_no_server(options: dict[str, object]) -> None:
    """Make sure that nothing is said of a server where there is none."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(
            f"--export writes a file and starts no server: {listed(given)} would have no effect",
            hint="leave out --export or the others",
        )


def _export(page: "ExportedPage", out: Path) -> None:
    """Write the page that needs no server, and say what is in it."""
    from narrows.tasks.outputs import shown

    page.write(out)
    say(f"wrote the page to {shown(out)}")
    for line in page.sentences():
        say(line)


def _serve(explorer: "Explorer", server: "socket", host: str, browser: bool) -> None:
    """Show the page until Ctrl-C."""
    from narrows.pages.explore import build_explore_page
    from narrows.server.requests import application
    from narrows.server.serving import address_of, is_local, open_browser, serve

    page = build_explore_page(explorer.page_data(), server=True)
    explorer.warm_up()
    address = address_of(server)
    if not is_local(host):
        say(f"warning: whoever reaches {address} can use this model; there is no password")
    opened = browser and open_browser(address)
    say(f"the page is {'open in your browser, ' if opened else ''}at {address}")
    say("Ctrl-C ends it")
    with resting():
        serve(application(explorer, page), server)
