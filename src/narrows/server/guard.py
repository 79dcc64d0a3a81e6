"""Refuses what the page itself never asks: requests by other names, and from other pages.

A page of another site can have a browser send requests to 127.0.0.1, and by a name of its own that
leads there (DNS rebinding) it could read the answers. So the Host header has to name what is
listened on, and every request but that for the page itself has to come from the page.

The port in it may be another, that of a forwarded one: it tells nothing of who asks, as a name that
leads here does so with this port. Who follows a link to the page gets it, from wherever: it is the
same for all, and what linked to it cannot read it, nor have it in a frame.
"""

import ipaddress
import json
import re
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

# A name or an IPv4 address, or one of IPv6 in brackets; then perhaps a port.
_HOST = re.compile(r"(?:(?P<name>[^\[\]:]+)|\[(?P<address>[^\[\]]+)\])(?::\d+)?")

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    # the page's own policy is in its head; this one counts in a header alone
    b"content-security-policy": b"frame-ancestors 'none'",
    b"x-frame-options": b"DENY",
}


class Guard:
    """Wraps an application; see the module.

    Args:
        app: what answers the requests that are let through.
        host: the address that is listened on.
    """

    def __init__(self, app: App, host: str) -> None:
        self.app = app
        self.names = {"localhost", "127.0.0.1", "::1", host}
        # on all addresses, any of this machine's: a number is none that a page chose
        self.anywhere = host in ("0.0.0.0", "::", "")
        if self.anywhere:
            self.names.add(socket.gethostname().lower())

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS.items()]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send_guarded)
            return
        body = json.dumps({"error": refusal, "hint": "open the address that narrows said"}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send_guarded({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Message) -> str | None:
        """Why a request is refused; None where it is not."""
        headers = scope["headers"]
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return "the request names another host than the one that is listened on"
        named = {name: value.decode("latin-1").lower() for name, value in headers}
        is_other = named.get(b"sec-fetch-site") in ("cross-site", "same-site")
        if is_other and not _opens_the_page(scope, named):
            return "the request comes from another page"
        origin = named.get(b"origin")
        if origin is not None and origin != f"http://{hosts[0]}":
            return "the request comes from another page"
        return None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"] or found["address"]
        if name in self.names:
            return True
        try:
            return self.anywhere and bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def _opens_the_page(scope: Message, named: dict[bytes, str]) -> bool:
    """Whether a browser goes to the page itself, in a window or tab of its own."""
    how = named.get(b"sec-fetch-mode"), named.get(b"sec-fetch-dest")
    return (scope["method"], scope["path"], *how) == ("GET", "/", "navigate", "document")
