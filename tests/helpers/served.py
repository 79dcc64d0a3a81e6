"""The explore page of a small model, served on this machine while a test runs."""

import contextlib
import threading
from collections.abc import Iterator

from narrows.pages.explore import build_explore_page
from narrows.server.guard import Guard
from narrows.server.requests import application
from narrows.server.serving import address_of, listening
from narrows.tasks.explore import Explorer


@contextlib.contextmanager
def served(explorer: Explorer) -> Iterator[str]:
    """The address of an explorer's page."""
    import uvicorn

    with listening("127.0.0.1", 0) as server:
        page = build_explore_page(explorer.page_data(), server=True)
        app = Guard(application(explorer, page), server.getsockname()[0])
        quiet = {"log_config": None, "access_log": False}
        config = uvicorn.Config(app, loop="asyncio", http="h11", ws="none", lifespan="off", **quiet)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([server],), daemon=True)
        thread.start()
        try:
            yield address_of(server)
        finally:
            running.should_exit = running.force_exit = True
            thread.join(10)
