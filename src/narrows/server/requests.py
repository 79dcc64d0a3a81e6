"""What the server answers: the page, and what the page asks of the model."""

import functools
import json
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.errors import DataError, NarrowsError
from narrows.support.number_text import count_of
from narrows.tasks.explore import Encoded, Explorer

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

# The largest body of cells, in bytes; of numbers it is known how many there are.
_MOST_CELLS = 1 << 20
_MOST_NEAREST = 100

Answer = Callable[["Request"], Awaitable["Response"]]


def application(explorer: Explorer, page: str) -> "Starlette":
    """The application that answers requests, each in a thread of its own, one after the other.

    Args:
        explorer: what is asked.
        page: the text of the page.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

    answers = _Answers(explorer)

    async def show(request: "Request") -> "Response":
        return HTMLResponse(page)

    routes = [
        Route("/", show),
        Route("/item", answers.item),
        Route("/decode", answers.decode, methods=["POST"]),
        Route("/encode", answers.encode, methods=["POST"]),
        Route("/encode-cells", answers.encode_cells, methods=["POST"]),
        Route("/nearest", answers.nearest, methods=["POST"]),
        Route("/denoise", answers.denoise, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    app.add_exception_handler(NarrowsError, _wrong)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    return app


class _Answers:
    """The answers, by what they are asked."""

    def __init__(self, explorer: Explorer) -> None:
        spec = explorer.trained.model.spec
        self.explorer, self.busy = explorer, threading.Lock()
        self.code_size = spec.latent_size
        self.item_size = int(np.prod(spec.item_shape, dtype=np.int64))

    async def item(self, request: "Request") -> "Response":
        found = await self._run(self.explorer.item, _whole(request, "row"))
        arrays = {"code": found.code, "values": found.values}
        return _frame(arrays, label=found.label, file=found.file, **_cells(found.cells))

    async def decode(self, request: "Request") -> "Response":
        values, cells = await self._run(
            self.explorer.decode, await _numbers(request, self.code_size, "code")
        )
        return _frame({"values": values}, **_cells(cells))

    async def encode(self, request: "Request") -> "Response":
        item = await _numbers(request, self.item_size, "item")
        return _encoded(await self._run(self.explorer.encode, item))

    async def encode_cells(self, request: "Request") -> "Response":
        try:
            cells = json.loads(await _body(request, _MOST_CELLS))
        except ValueError as error:
            raise DataError("the cells of a row are no JSON") from error
        found = await self._run(self.explorer.encode_cells, cells)
        return _encoded(found, item=found.item)

    async def nearest(self, request: "Request") -> "Response":
        from starlette.responses import JSONResponse

        code = await _numbers(request, self.code_size, "code")
        count = min(_whole(request, "count"), _MOST_NEAREST)
        return JSONResponse(await self._run(self.explorer.nearest, code, count))

    async def denoise(self, request: "Request") -> "Response":
        item = await _numbers(request, self.item_size, "item")
        return _frame({"values": await self._run(self.explorer.denoise, item)})

    async def _run(self, work: Callable[..., Any], *given: Any) -> Any:
        """What some work gives, done in a thread, while no other is."""
        from starlette.concurrency import run_in_threadpool

        def alone() -> Any:
            with self.busy:
                return work(*given)

        return await run_in_threadpool(alone)


def _frame(arrays: dict[str, np.ndarray], **told: Any) -> "Response":
    from starlette.responses import Response

    return Response(frame(arrays, **told), media_type="application/octet-stream")


def _encoded(found: Encoded, **more: np.ndarray) -> "Response":
    arrays = {"code": found.code, "values": found.values, **more}
    return _frame(arrays, score=found.score, pValue=found.p_value, **_cells(found.cells))


def _cells(cells: Any) -> dict[str, Any]:
    return {} if cells is None else {"cells": cells}


async def _numbers(request: "Request", count: int, what: str) -> np.ndarray:
    """The ``count`` float32 numbers of a request's body.

    Raises:
        DataError: it has more, or fewer.
    """
    body = await _body(request, 4 * count)
    if len(body) != 4 * count:
        raise DataError(
            f"the {what} has {len(body)} bytes, and one of this model has {4 * count}",
            hint=f"send {count_of(count, 'numbers')} of 4 bytes each",
        )
    return np.frombuffer(body, "<f4").astype(np.float32)


async def _body(request: "Request", most: int) -> bytes:
    """The body of a request, of which no more is read than is allowed.

    Raises:
        HTTPException: it is larger than ``most`` bytes.
    """
    from starlette.exceptions import HTTPException

    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise HTTPException(413, f"the request is larger than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _whole(request: "Request", name: str) -> int:
    """A whole number from a request's address."""
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise DataError(f"the request's {name} is {text!r:.40}, and must be a whole number from 0")
    return int(text)


async def _wrong(request: "Request", error: Exception) -> "Response":
    assert isinstance(error, NarrowsError)
    return _sentence(400, error.message, error.hint)


async def _refused(request: "Request", error: Exception) -> "Response":
    said = {404: "there is no such page", 405: "this is asked in another way"}
    status = getattr(error, "status_code", 500)
    return _sentence(status, said.get(status, str(getattr(error, "detail", error))), None)


def _sentence(status: int, error: str, hint: str | None) -> "Response":
    from starlette.responses import JSONResponse

    headers = {"connection": "close"} if status == 413 else None
    return JSONResponse({"error": error, "hint": hint or ""}, status, headers)


@functools.cache
def _said_once(text: str) -> None:
    """Say a fault of ours on standard error, once."""
    from narrows.support.log import say

    say(text)


async def _failed(request: "Request", error: Exception) -> "Response":
    """What to answer where narrows failed where it should not; the program says why."""
    _said_once(f"narrows failed where it should not: {type(error).__name__}: {error}")
    return _sentence(500, "narrows failed where it should not", "see what the program says")


def frame(arrays: Mapping[str, np.ndarray], **told: Any) -> bytes:
    """Arrays by their names, as float32, and beside them what is JSON."""
    flat = {name: np.ascontiguousarray(each, "<f4").reshape(-1) for name, each in arrays.items()}
    told["arrays"] = [[name, each.size] for name, each in flat.items()]
    text = json.dumps(told, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join(
        [struct.pack("<I", len(text)), text, *(each.tobytes() for each in flat.values())]
    )
