"""The server as a program: where it listens, and how it ends."""

import contextlib
import http.client
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.explored import digits
from narrows.errors import NarrowsError, UsageError
from narrows.model.file import save_model
from narrows.server.serving import address_of, is_local, listening

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "digits.safetensors"
    save_model(path, digits()[0].trained)
    return path


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The program, and the port that it says."""
    command = [sys.executable, "-m", "narrows", "explore", *arguments, "--port", "0"]
    process = subprocess.Popen([*command, "--no-browser"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if "Ctrl-C ends it" in line:
                break
        found = re.search(r"at http://127\.0\.0\.1:(\d+)/", said)
        assert found, said
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_answers_and_ends_soon(model: Path, number: signal.Signals, code: int) -> None:
    with running(str(model), "digits") as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        answer = connection.getresponse()
        page = answer.read().decode()
        assert answer.status == 200 and 'id="page-data"' in page
        connection.request("POST", "/decode", body=bytes(16))  # the connection is kept
        assert connection.getresponse().status == 200
        _, others = _listeners(port)
        assert others == {"0100007F"}  # 127.0.0.1, as Linux writes it
        process.send_signal(number)
        rest = process.communicate(timeout=30)[1]
        assert process.returncode == code and "Traceback" not in rest


def _listeners(port: int) -> tuple[int, set[str]]:
    """How many sockets listen on a port, and on which addresses."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux tells who listens")
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    lines += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    found = [line[1].split(":") for line in lines if line[3] == "0A"]
    ours = [address for address, number in found if int(number, 16) == port]
    return len(ours), set(ours)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(NarrowsError, match=f"port {port} of 127.0.0.1 is taken") as caught,
            listening("127.0.0.1", port),
        ):
            pass
        assert caught.value.hint is not None and "--port 0" in caught.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a b", "\x00"])
def test_an_address_that_is_none_here_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="nothing can listen on"), listening(host, 0):
        pass


def test_addresses_for_people() -> None:
    with listening("127.0.0.1", 0) as server:
        assert address_of(server) == f"http://127.0.0.1:{server.getsockname()[1]}/"
    assert is_local("127.0.0.1") and is_local("::1") and is_local("localhost")
    assert not is_local("0.0.0.0") and not is_local("192.168.1.2")


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with (
        listening("127.0.0.1", 0) as server,
        socket.create_connection(server.getsockname()),
        server.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
