"""Ports that tests may listen at."""

import random
import socket


def free_port() -> int:
    """A port at which nobody listens, below those that systems give to callers: who calls one of
    these again and again while nobody listens may get it for its own end, and then holds it."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as some:
            try:
                some.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
