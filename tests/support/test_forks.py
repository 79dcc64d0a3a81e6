"""Models and archives in processes that were forked or spawned, and archives in several threads."""

import io
import multiprocessing
import pickle
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.compiler_lock import global_compiler_lock

from helpers.optional import optional
from narrows import Autoencoder, compress, load_data
from narrows.archive import open_archive, write_archive, write_table
from narrows.archive.opening import opened
from narrows.errors import ArchiveError, NarrowsError, UsageError
from narrows.support import pulse
from narrows.support.compiling import native

pd = optional("pandas")

COMPILER_LOCKS = native.LOCK, global_compiler_lock._lock
X = load_data("digits").items
# What no method makes smaller, so that it is read as fast as it can be.
NOISE = np.random.default_rng(0).integers(0, 256, (3000, 8, 8), np.uint8)
# A net of a block that the fused engine has not.
NORMED = """
encoder = [
    { block = "flatten" },
    { block = "norm" },
    { block = "dense", units = 3, activation = "linear" },
]
"""
JAX_AND_FORK = """
import jax, os, signal
jax.block_until_ready(jax.numpy.ones(3) + 1)
if not os.fork():
    signal.alarm(60)
    from narrows import Autoencoder, load_data
    try:
        Autoencoder(latent=4, preset="conv", epochs=1).fit(load_data("digits").items[:64])
    except Exception as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""
FORKS = "fork" in multiprocessing.get_all_start_methods()
# Python and JAX warn of every fork: whether it goes well is what is tested here.
forking = [
    pytest.mark.skipif(not FORKS, reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*"),
]


def in_fork(work: Callable[[], Any]) -> Any:
    """What ``work`` gives in a forked process; fails where that hangs."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(work()))
    process.start()
    try:
        assert ours.poll(60), "the forked process does not answer"
        return ours.recv()
    finally:
        process.kill()
        process.join()


def told(work: Callable[[], Any]) -> Callable[[], Any]:
    """``work``, which gives the text of an error of ours instead of raising it."""

    def call() -> Any:
        try:
            return work()
        except NarrowsError as error:
            return str(error)

    return call


@pytest.fixture(scope="module")
def refining() -> Autoencoder:
    ae = Autoencoder(latent=4, preset="conv", epochs=1, refine=1).fit(X[:300])
    ae.transform(X[:5])
    return ae


class TestForks:
    pytestmark = forking

    @pytest.mark.slow
    def test_codes_that_xla_refines_are_refused_at_once(self, refining: Autoencoder) -> None:
        said = in_fork(told(lambda: refining.transform(X[:5])))
        assert "before this process was forked" in said and "spawn" in said

    @pytest.mark.slow
    def test_nets_that_xla_runs_are_refused_at_once(self, tmp_path: Path) -> None:
        spec = tmp_path / "norm.toml"
        spec.write_text(NORMED)
        ae = Autoencoder(spec=spec, epochs=1, refine=0).fit(X[:64])
        for work in (lambda: ae.score(X[:5]), lambda: ae.fit(X[:64])):
            assert "before this process was forked" in in_fork(told(work))

    def test_training_that_ends_with_xla_is_refused_before_it(self, refining: Autoencoder) -> None:
        ae = Autoencoder(latent=4, preset="conv", epochs=10**6, refine=1)
        assert "before this process was forked" in in_fork(told(lambda: ae.fit(X[:64])))

    @pytest.mark.slow
    @pytest.mark.parametrize("first", ["", "import narrows"])
    def test_who_used_xla_does_not_matter(self, first: str) -> None:
        """JAX alone did, before narrows was imported or after; its process forks, and the child
        fits."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", f"{first}\n{JAX_AND_FORK}"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert "before this process was forked" in done.stdout, done.stderr

    def test_a_forked_process_looks_after_its_own_work_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pulse, "_LOOK_SECONDS", threading.TIMEOUT_MAX)
        looked = list[str]()

        def own() -> tuple[list[str], int]:
            pulse.beat()
            with pulse.looked_after(lambda: looked.append("own")):
                pulse.beat()
                names = [thread.name for thread in threading.enumerate()]
            return looked, names.count("narrows-pulse")

        with pulse.looked_after(lambda: looked.append("of the parent")):
            assert in_fork(own) == (["own"], 1)

    @pytest.mark.parametrize("lock", COMPILER_LOCKS)
    def test_a_fork_waits_for_what_another_thread_compiles(self, lock: Any) -> None:
        compiles, forks = threading.Event(), threading.Event()

        def compile_slowly() -> None:
            with lock:
                compiles.set()
                forks.wait()

        def free() -> bool:
            found: bool = lock.acquire(timeout=5)
            return found

        thread = threading.Thread(target=compile_slowly)
        thread.start()
        compiles.wait()
        threading.Timer(0.2, forks.set).start()
        assert in_fork(free)
        assert not thread.is_alive() or forks.is_set()
        thread.join()
        assert free()
        lock.release()

    @pytest.mark.slow
    def test_a_stream_with_a_position_is_refused(self, archive: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "packed.zip", "w") as file:
            file.write(archive, "noise.nrw")
        with zipfile.ZipFile(tmp_path / "packed.zip") as file:
            member = opened(file.open("noise.nrw"), "member")
            said = in_fork(told(lambda: member.items(0, 9)))
            assert "cannot share the position of a stream" in said
            assert (member.items(0, 9) == NOISE[:9]).all()

    @pytest.mark.slow
    def test_the_rest_works(self, refining: Autoencoder) -> None:
        codes = refining.transform(X[:5])
        for method, given in (
            (refining.inverse_transform, codes),
            (lambda seed: refining.sample(3, random_state=seed), 1),
        ):
            expected = method(given)
            np.testing.assert_array_equal(in_fork(lambda m=method, g=given: m(g)), expected)
        for refine in (0, 1):
            ae = Autoencoder(latent=4, preset="dense", epochs=1, refine=refine).fit(X[:300])
            np.testing.assert_array_equal(in_fork(lambda ae=ae: ae.transform(X)), ae.transform(X))

    @pytest.mark.slow
    def test_an_archive_is_read_on_both_sides(self, archive: Path) -> None:
        context = multiprocessing.get_context("fork")
        with open_archive(archive) as shared:

            def good() -> bool:
                places = range(0, 2900, 20)
                return all((shared.items(at, at + 9) == NOISE[at : at + 9]).all() for at in places)

            results = context.Queue()
            workers = [context.Process(target=lambda: results.put(good())) for _ in range(3)]
            for worker in workers:
                worker.start()
            assert good()
            assert all(results.get(timeout=60) for _ in workers)
            for worker in workers:
                worker.join()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Noise, which is stored as it is."""
    path = tmp_path / "noise.nrw"
    with path.open("wb") as file:
        write_archive(file, NOISE, effort="fast")
    return path


@pytest.mark.slow
def test_threads_share_an_archive(archive: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    numbers = {"a": random.integers(0, 1 << 62, 3000), "b": random.normal(size=3000)}
    frame = pd.DataFrame(numbers)
    table = tmp_path / "table.nrw"
    with table.open("wb") as file:
        write_table(file, frame, effort="fast")
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(archive, "noise.nrw")

    def check(opened_archive: Any, expected: Callable[[int], Any]) -> None:
        def good(at: int) -> bool:
            found = opened_archive.items(at, at + 9)
            return bool(np.array_equal(np.asarray(found), expected(at)))

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(good, list(range(0, 2900, 20)) * 2))

    with open_archive(archive) as noise:
        check(noise, lambda at: NOISE[at : at + 9])
    with opened(io.BytesIO(archive.read_bytes()), "bytes") as noise:
        check(noise, lambda at: NOISE[at : at + 9])
    with zipfile.ZipFile(packed) as file, opened(file.open("noise.nrw"), "member") as noise:
        check(noise, lambda at: NOISE[at : at + 9])
    with open_archive(table) as rows:
        check(rows, lambda at: frame[at : at + 9].to_numpy())


@pytest.mark.slow
def test_a_pickled_archive_is_opened_again(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)
    with open_archive(archive.name) as first:
        content = pickle.dumps(first)
    monkeypatch.chdir("/")
    with pickle.loads(content) as again:
        assert (again.items(3, 40) == NOISE[3:40]).all()
    archive.unlink()
    with pytest.raises(Exception, match="cannot be read"):
        pickle.loads(content)


@pytest.mark.slow
def test_a_pickled_archive_is_not_another_one(archive: Path) -> None:
    with open_archive(archive) as first:
        content = pickle.dumps(first)
    archive.write_bytes(compress(NOISE[1:], effort="fast"))
    with pytest.raises(ArchiveError, match="holds other values than when it was handed"):
        pickle.loads(content)


def test_an_archive_in_memory_says_that_it_cannot_be_pickled() -> None:
    with (
        opened(io.BytesIO(compress(NOISE[:9], effort="fast")), "the archive") as archive,
        pytest.raises(UsageError, match="not opened from a file"),
    ):
        pickle.dumps(archive)
