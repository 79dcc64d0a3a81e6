"""Refuses what the page itself never asks: requests by other names, and from other pages.

A page of another site can have a browser send requests to 127.0.0.1, and by a name of its own that
leads there (DNS rebinding) it could read the answers. So the Host header has to name what is
listened on, and a request with a body has to come from the page.
"""

import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    # the page's own policy is in its head; this one counts in a header alone
    b"content-security-policy": b"frame-ancestors 'none'",
}


class Guard:
    """Wraps an application; see the module.

    Args:
        app: what answers the requests that are let through.
        host: the address that is listened on.
        port: the port.
    """

    def __init__(self, app: App, host: str, port: int) -> None:
        self.app, self.port = app, port
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
        if named.get(b"sec-fetch-site") in ("cross-site", "same-site"):
            return "the request comes from another page"
        origin = named.get(b"origin")
        if origin is not None and origin != f"http://{hosts[0]}":
            return "the request comes from another page"
        return None

    def _is_ours(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        if not name or port != str(self.port):
            return self.port == 80 and self._is_name(host)
        return self._is_name(name)

    def _is_name(self, name: str) -> bool:
        name = name.removeprefix("[").removesuffix("]")
        if name in self.names:
            return True
        try:
            return self.anywhere and bool(ipaddress.ip_address(name))
        except ValueError:
            return False
