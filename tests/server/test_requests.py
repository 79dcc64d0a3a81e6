"""What the server answers is what the Explorer says; it refuses what the page never asks."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from helpers.explored import digits, people
from narrows.server.guard import Guard
from narrows.server.requests import application
from narrows.tasks.explore import Explorer

pytest.importorskip("httpx", reason="Starlette's test client needs httpx")

from starlette.testclient import TestClient

_PAGE = "http://127.0.0.1:8765"


def client_of(explorer: Explorer, host: str = "127.0.0.1") -> TestClient:
    guarded: Any = Guard(application(explorer, "<p>the page</p>"), host)
    return TestClient(guarded, base_url=_PAGE, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer(*digits(), title="t")


@pytest.fixture(scope="module")
def client(explorer: Explorer) -> TestClient:
    return client_of(explorer)


def read(body: bytes) -> dict[str, Any]:
    """A frame, read as docs/explore.md says."""
    (size,) = struct.unpack_from("<I", body)
    found = json.loads(body[4 : 4 + size])
    at = 4 + size
    for name, count in found.pop("arrays"):
        found[name] = np.frombuffer(body, "<f4", count, at)
        at += 4 * count
    assert size % 4 == 0 and at == len(body)
    return found


def test_answers_are_the_explorers(client: TestClient, explorer: Explorer) -> None:
    assert client.get("/").text == "<p>the page</p>"
    found = read(client.get("/item?row=5").content)
    chosen = explorer.item(5)
    assert (found["values"] == chosen.values).all() and (found["code"] == chosen.code).all()
    assert found["label"] == chosen.label
    decoded = read(client.post("/decode", content=chosen.code.tobytes()).content)
    assert (decoded["values"] == explorer.decode(chosen.code)[0]).all()
    encoded = read(client.post("/encode", content=chosen.values.tobytes()).content)
    expected = explorer.encode(chosen.values)
    assert (encoded["code"] == expected.code).all()
    assert (encoded["score"], encoded["pValue"]) == (expected.score, expected.p_value)
    near = client.post("/nearest?count=3", content=chosen.code.tobytes()).json()
    assert near == explorer.nearest(chosen.code, 3)


def test_rows_travel_as_cells() -> None:
    autoencoder, _ = people()
    explorer = Explorer(autoencoder, None, title="t")
    client = client_of(explorer)
    cells = explorer.decode(np.zeros(3, np.float32))[1]
    found = read(client.post("/encode-cells", json=cells).content)
    expected = explorer.encode_cells(cells)
    assert (found["item"] == expected.item).all() and found["cells"] == expected.cells


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/item?row=300", b"", 400, "there is no item 300"),
        ("GET", "/item?row=-1", b"", 400, "must be a whole number"),
        ("GET", "/item", b"", 400, "must be a whole number"),
        ("POST", "/decode", bytes(12), 400, "the code has 12 bytes, and one of this model has 16"),
        ("POST", "/decode", bytes(20), 413, "larger than 16 bytes"),
        ("POST", "/encode", bytes(50 << 20), 413, "larger than 256 bytes"),
        ("POST", "/encode", np.full(64, np.nan, "<f4").tobytes(), 400, "not finite"),
        ("POST", "/denoise", bytes(256), 400, "did not learn to undo noise"),
        ("POST", "/encode-cells", b"[", 400, "no JSON"),
        ("POST", "/encode-cells", b"[]", 400, "the model is of no table"),
        ("GET", "/decode", b"", 405, "asked in another way"),
        ("GET", "/etc/passwd", b"", 404, "no such page"),
        ("GET", "/../../etc/passwd", b"", 404, "no such page"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", b"", 404, "no such page"),
        ("GET", "/digits.safetensors", b"", 404, "no such page"),
    ],
)
def test_what_is_wrong_gets_a_sentence(
    client: TestClient, method: str, path: str, body: bytes, status: int, said: str
) -> None:
    answer = client.request(method, path, content=body or None)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_a_body_without_a_length_is_not_read_to_its_end(client: TestClient) -> None:
    sent = []

    def parts() -> Any:
        for _ in range(1000):
            sent.append(1)
            yield bytes(1 << 16)

    assert client.post("/encode", content=parts()).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8765"},
        {"host": "127.0.0.1.evil.example:8765"},
        {"host": "evil.example:127.0.0.1"},
        {"host": "127.0.0.1:8765:8765"},
        {"host": "127.0.0.1:evil"},
        {"host": "[127.0.0.1"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8765"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/decode"])
def test_other_names_and_other_pages_are_refused(
    client: TestClient, headers: dict[str, str], path: str
) -> None:
    answer = client.request("GET" if path == "/" else "POST", path, headers=headers)
    assert answer.status_code == 403 and answer.json()["error"]


# A port that is forwarded is another one to the browser, and its page asks from there. A name that
# was made to lead here has this port anyway, so that the port tells nobody apart.
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8765"},
        {"host": "localhost:9000", "origin": "http://localhost:9000"},
        {"host": "127.0.0.1"},
        {"host": "[::1]:9000"},
        {"origin": _PAGE, "sec-fetch-site": "same-origin"},
    ],
)
def test_our_own_page_is_answered(client: TestClient, headers: dict[str, str]) -> None:
    body = np.zeros(4, "<f4").tobytes()
    assert client.post("/decode", headers=headers, content=body).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_elsewhere_opens_the_page_and_nothing_else(
    client: TestClient, site: str
) -> None:
    """A terminal in a web page has such links. What linked to the page cannot read the answer, and
    has it in no frame: only going there in a window of its own is let through."""
    going = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = client.get("/", headers=going)
    assert answer.status_code == 200 and answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert client.get("/item?row=1", headers=going).status_code == 403
    assert client.post("/", headers=going).status_code == 403
    assert client.get("/", headers=going | {"host": "evil.example:8765"}).status_code == 403
    for other in (
        {"sec-fetch-dest": "iframe"},
        {"sec-fetch-dest": "empty", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-mode": "cors"},
    ):
        assert client.get("/", headers=going | other).status_code == 403


def test_on_all_addresses_numbers_are_ours_and_names_are_not(explorer: Explorer) -> None:
    client = client_of(explorer, "0.0.0.0")
    assert client.get("/", headers={"host": "192.168.1.7:8765"}).status_code == 200
    assert client.get("/", headers={"host": "evil.example:8765"}).status_code == 403


def test_answers_are_kept_and_framed_by_nobody(client: TestClient) -> None:
    for answer in (client.get("/"), client.get("/nothing"), client.get("/", headers={"host": "x"})):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_a_fault_of_ours_shows_no_traceback(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*given: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(explorer, "nearest", broken)
    answer = client_of(explorer).post("/nearest?count=1", content=bytes(16))
    assert answer.status_code == 500 and "secret" not in answer.text
    assert "secret" in capsys.readouterr().err
