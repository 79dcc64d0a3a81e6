"""Listens on an address and serves the page of one model until the program ends."""

import contextlib
import errno
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Iterator

from narrows.errors import NarrowsError, UsageError
from narrows.server.guard import App, Guard

# Requests at a time, beyond which they are told to come again.
_MOST_AT_ONCE = 64


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens on an address of this machine.

    Args:
        host: a name or an address.
        port: 0 for any that is free.

    Raises:
        UsageError: there is no such address here.
        NarrowsError: the port is taken, or may not be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.create_server(address[:2], family=family, backlog=128)
    except (OSError, UnicodeError, OverflowError) as error:
        raise _cannot_listen(host, port, error) from error
    with found:
        # Connections inherit it; asyncio does not see that they are TCP's. Without it the end of an
        # answer waits for the browser to acknowledge its start, 40 ms later.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield found


def _cannot_listen(host: str, port: int, error: Exception) -> NarrowsError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return NarrowsError(
            f"port {port} of {host} is taken by another program",
            hint="take another with --port, or any that is free with --port 0",
        )
    if number == errno.EACCES:
        return NarrowsError(
            f"port {port} of {host} is not allowed to this user",
            hint="take one above 1023 with --port",
        )
    return UsageError(
        f"nothing can listen on {host}, port {port}: {getattr(error, 'strerror', None) or error}",
        hint="give an address of this machine with --host, such as 127.0.0.1",
    )


def address_of(server: socket.socket) -> str:
    """The address of the page, for people."""
    host, port = server.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def is_local(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(app: App, server: socket.socket) -> None:
    """Answer requests until KeyboardInterrupt, or whatever else is raised in this thread.

    The server works in a thread of its own: signals stay with who called.

    Raises:
        NarrowsError: the server ended by itself.
    """
    import uvicorn

    config = uvicorn.Config(
        Guard(app, server.getsockname()[0]),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=0,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(
        target=running.run, args=([server],), name="narrows-server", daemon=True
    )
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.2)  # Windows lets no signal through a wait without an end
    finally:
        running.should_exit = running.force_exit = True
        thread.join(1)
    raise NarrowsError("the server ended by itself", hint="start it again")


def open_browser(address: str) -> bool:
    """Open the page where there is a browser with windows; whether one was asked to."""
    import webbrowser

    has_windows = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    with contextlib.suppress(webbrowser.Error, OSError):
        return has_windows and webbrowser.open(address)
    return False
