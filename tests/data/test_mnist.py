"""mnist: where it is looked for, what is verified, and what becomes of a bad download."""

import contextlib
import gzip
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from narrows.data import load_data, mnist
from narrows.errors import DataError

IMAGES, LABELS = mnist.FILES["test"]


def idx(array: np.ndarray) -> bytes:
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()


FAKE_IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)
FAKE_LABELS = np.arange(7, dtype=np.uint8)
FAKES = {IMAGES: idx(FAKE_IMAGES), LABELS: idx(FAKE_LABELS)}


class Mirror:
    """A server on this machine that answers with what ``files`` holds, and notes what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.claimed_length: int | None = None
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[-1]
                mirror.asked.append(name)
                if name not in mirror.files:
                    self.send_error(404)
                    return
                body = mirror.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(mirror.claimed_length or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/mnist/"

    def hold_fakes(self) -> None:
        self.files = {f"{name}.gz": gzip.compress(content) for name, content in FAKES.items()}


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mirror, Mirror]]:
    pair = Mirror(), Mirror()
    with contextlib.ExitStack() as stack:
        for mirror in pair:
            stack.callback(mirror.server.server_close)
            threading.Thread(target=mirror.server.serve_forever, args=(0.01,)).start()
            stack.callback(mirror.server.shutdown)
        monkeypatch.setattr(mnist, "MIRRORS", tuple(mirror.url for mirror in pair))
        yield pair


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no NARROWS_DATA, no proxy, and the digests of the fakes."""
    folder = tmp_path / "cache" / "mnist"
    monkeypatch.setattr(mnist, "mnist_folder", lambda: folder)
    monkeypatch.delenv("NARROWS_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name, content in FAKES.items():
        monkeypatch.setitem(mnist.SHA256, name, hashlib.sha256(content).hexdigest())
    return folder


def test_downloaded_once_then_read_from_the_cache(
    cache: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    mirrors[0].hold_fakes()
    for _ in range(2):
        dataset = load_data("mnist:test", labels=True)
        np.testing.assert_array_equal(dataset.items, FAKE_IMAGES)
        np.testing.assert_array_equal(dataset.labels, FAKE_LABELS)
        assert dataset.value_range == (0, 255)
    assert mirrors[0].asked == [f"{IMAGES}.gz", f"{LABELS}.gz"]
    assert mirrors[1].asked == []
    assert sorted(path.name for path in cache.iterdir()) == [f"{IMAGES}.gz", f"{LABELS}.gz"]


def test_labels_are_not_touched_unless_asked_for(
    cache: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    mirrors[0].hold_fakes()
    assert load_data("mnist:test").labels is None
    assert mirrors[0].asked == [f"{IMAGES}.gz"]


def truncate(mirror: Mirror) -> None:
    mirror.claimed_length = 1_000_000


def damage(mirror: Mirror) -> None:
    mirror.files[f"{IMAGES}.gz"] = b"<html>please log in</html>"


def exchange(mirror: Mirror) -> None:
    mirror.files[f"{IMAGES}.gz"] = gzip.compress(idx(255 - FAKE_IMAGES))


def flood(mirror: Mirror) -> None:
    mirror.files[f"{IMAGES}.gz"] = bytes(17_000_000)


def forget(mirror: Mirror) -> None:
    mirror.files = {}


@pytest.mark.parametrize("spoil", [truncate, damage, exchange, flood, forget])
def test_second_mirror_helps_when_the_first_fails(
    cache: Path, mirrors: tuple[Mirror, Mirror], spoil: Callable[[Mirror], None]
) -> None:
    for mirror in mirrors:
        mirror.hold_fakes()
    spoil(mirrors[0])
    np.testing.assert_array_equal(load_data("mnist:test").items, FAKE_IMAGES)
    assert [path.name for path in cache.iterdir()] == [f"{IMAGES}.gz"]


@pytest.mark.parametrize("spoil", [truncate, damage, exchange, flood, forget])
def test_when_both_mirrors_fail_one_line_says_why_and_nothing_is_left(
    cache: Path, mirrors: tuple[Mirror, Mirror], spoil: Callable[[Mirror], None]
) -> None:
    for mirror in mirrors:
        mirror.hold_fakes()
        spoil(mirror)
    with pytest.raises(DataError, match=r"mnist is not on this machine") as caught:
        load_data("mnist:test")
    assert "\n" not in caught.value.message
    assert not cache.exists() or not list(cache.iterdir())


def test_a_download_stops_at_the_limit(cache: Path, mirrors: tuple[Mirror, Mirror]) -> None:
    for mirror in mirrors:
        flood(mirror)
    with pytest.raises(DataError, match="larger than the 16,000,000 bytes"):
        load_data("mnist:test")


def test_no_network(
    cache: Path, mirrors: tuple[Mirror, Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    for mirror in mirrors:
        mirror.server.shutdown()
        mirror.server.server_close()
    with pytest.raises(DataError, match=r"Connection refused.*Connection refused") as caught:
        load_data("mnist:test")
    assert "NARROWS_DATA" in str(caught.value.hint)


def test_a_cache_that_cannot_be_written_is_a_data_error(
    cache: Path, mirrors: tuple[Mirror, Mirror]
) -> None:
    mirrors[0].hold_fakes()
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot be fetched: .* cannot be written"):
        load_data("mnist:test")


def test_damaged_cache_is_fetched_again(cache: Path, mirrors: tuple[Mirror, Mirror]) -> None:
    mirrors[0].hold_fakes()
    cache.mkdir(parents=True)
    (cache / f"{IMAGES}.gz").write_bytes(gzip.compress(idx(255 - FAKE_IMAGES)))
    np.testing.assert_array_equal(load_data("mnist:test").items, FAKE_IMAGES)


@pytest.mark.parametrize("packed", [True, False])
def test_the_users_folder_comes_first(
    cache: Path,
    mirrors: tuple[Mirror, Mirror],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    packed: bool,
) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    for name, content in FAKES.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    dataset = load_data("mnist:test", labels=True)
    np.testing.assert_array_equal(dataset.items, FAKE_IMAGES)
    np.testing.assert_array_equal(dataset.labels, FAKE_LABELS)
    assert mirrors[0].asked == mirrors[1].asked == []


def test_a_wrong_file_of_the_user_is_an_error_and_is_kept(
    cache: Path, mirrors: tuple[Mirror, Mirror], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors[0].hold_fakes()
    path = tmp_path / "mnist" / IMAGES
    path.parent.mkdir()
    wrong = idx(255 - FAKE_IMAGES)
    path.write_bytes(wrong)
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        load_data("mnist:test")
    for part in (str(path), hashlib.sha256(wrong).hexdigest(), mnist.SHA256[IMAGES]):
        assert part in caught.value.message
    assert path.read_bytes() == wrong
    assert mirrors[0].asked == []


def test_progress_counts_the_bytes(cache: Path, mirrors: tuple[Mirror, Mirror]) -> None:
    mirrors[0].hold_fakes()
    told = []

    @contextlib.contextmanager
    def track(label: str, *, total: float | None, unit: str) -> Iterator[Callable[[float], None]]:
        amounts: list[float] = []
        yield amounts.append
        told.append((label, total, unit, sum(amounts)))

    load_data("mnist:test", track=track)
    size = len(mirrors[0].files[f"{IMAGES}.gz"])
    assert told == [(f"downloading {IMAGES}.gz", size, "B", size)]


real = pytest.mark.skipif(
    not (Path(os.environ.get("NARROWS_DATA", "")) / "mnist").is_dir(),
    reason="the MNIST files are not at hand: NARROWS_DATA names no folder with mnist/ in it",
)


@pytest.mark.slow
@real
@pytest.mark.parametrize(
    ("source", "count", "mean"), [("mnist", 60_000, 0.1307), ("mnist:test", 10_000, 0.1325)]
)
def test_the_real_files(source: str, count: int, mean: float) -> None:
    # The means of the pixels scaled to 0..1 are the ones that everybody normalises with.
    dataset = load_data(source, labels=True)
    assert dataset.items.shape == (count, 28, 28)
    assert dataset.items.dtype == np.uint8
    assert dataset.items.mean() / 255 == pytest.approx(mean, abs=5e-5)
    assert dataset.labels.shape == (count,)
    assert set(dataset.labels.tolist()) == set(range(10))


@pytest.mark.slow
@real
def test_train_has_a_name_of_its_own_too() -> None:
    train = load_data("mnist:train")
    assert train.name == "mnist:train"
    assert len(train) == 60_000
