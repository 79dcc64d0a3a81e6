"""What several test files start from: the digits, and a small model that has learnt them."""

import os
import re
import signal
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kept_bytecode  # noqa: F401

# isort: split
import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook
from llvmlite import binding
from threadpoolctl import threadpool_limits

# Compiling is most of what tests of nets take, and XLA does it in two thirds of the time without
# its optimisations; tests that hold it against something else ask for them (``optimised``), and CI
# runs the quick tests with them. This must stand before JAX is imported.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# Shapes and dtypes in these modules' signatures are checked at every call. Not the kernels:
# compiled functions cannot be wrapped. This must stand before narrows is imported.
_CHECKED = (
    "model.use",
    "engine.xla",
    "engine.refinement",
    "engine.fused.trainer",
    "engine.fused.runner",
    "engine.fused.refinement",
)
install_import_hook([f"narrows.{module}" for module in _CHECKED], "beartype.beartype")

# What a helper asserts is shown as that of a test is. This must stand before they are imported.
pytest.register_assert_rewrite("helpers")

# ruff: noqa: E402
import jax

from helpers.codes_cases import blots
from helpers.command_line import Command, command
from helpers.compiling import compile_plainly
from narrows.data import Dataset, load_data
from narrows.errors import DataError
from narrows.model.file import save_model
from narrows.model.trained import TrainedModel
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.support import blas, cores
from narrows.support.compiling import answer_for
from narrows.tasks.fit_plan import Fitted, fit_plan

# The same cases in every run, so that a red one tells of the change and not of its luck;
# --hypothesis-profile=default searches anew.
settings.register_profile("same-cases", derandomize=True)
settings.load_profile("same-cases")


def pytest_configure(config: pytest.Config) -> None:
    """Keep what XLA compiles for the processes of a run, and from one run to the next, as Numba
    does. Programs that tests start compile for themselves, as they do for a user."""
    config.option.loadscopereorder = False  # files go to processes in the order found below
    compile_plainly()
    cache = getattr(config, "cache", None)
    if cache is None:
        return
    processor = f"{binding.get_host_cpu_name()} {sorted(binding.get_host_cpu_features().items())}"
    kept = cache.mkdir(f"xla-{zlib.crc32(processor.encode()):08x}")
    jax.config.update("jax_compilation_cache_dir", str(kept))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def optimised() -> Iterator[None]:
    """XLA compiles as it does for users."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="session", autouse=True)
def one_thread_for_blas() -> Iterator[None]:
    """Where tests run side by side: the threads of small products would wait for one another."""
    with threadpool_limits(1 if "PYTEST_XDIST_WORKER" in os.environ else None):
        yield


@pytest.fixture(scope="session", autouse=True)
def filters_are_chosen_on_few() -> Iterator[None]:
    """How well they are chosen is tested by itself, and takes longer than all else of a short
    training against noise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("narrows.tasks.training_record._FILTERED", 2)
        yield


@pytest.fixture(scope="session", autouse=True)
def kernels_are_compiled_side_by_side() -> None:
    """Where nothing is compiled yet, each of a run's processes begins with other kernels. It is
    the one that is asked second that waits, and they would all ask for the same."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        checks = ("narrows.engine.fused.check", "narrows.archive.mixing.check")
        for check in checks if int(worker.removeprefix("gw")) % 2 else reversed(checks):
            answer_for(check)


@pytest.fixture(scope="session", autouse=True)
def the_system_is_asked_once() -> Iterator[None]:
    """How many cores there are, and where BLAS lies, which a process that has compiled much has to
    read megabytes for: a fit of a few items would ask dozens of times. It has loaded another BLAS
    where it has imported something."""
    libraries, quota = blas._libraries, cores.quota_of_time(Path("/"))
    found: tuple[int, list[Any]] = (0, [])

    def kept_libraries() -> list[Any]:
        nonlocal found
        if found[0] != len(sys.modules):
            there = libraries()  # which may import something itself
            found = len(sys.modules), there
        return found[1]

    def kept_quota(root: Path, look: Callable[[Path], float] = cores.quota_of_time) -> float:
        return quota if root == Path("/") else look(root)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas, "_libraries", kept_libraries)
        patch.setattr(cores, "quota_of_time", kept_quota)
        yield


@pytest.fixture(scope="session", autouse=True)
def signals_are_heard() -> None:
    """A shell's jobs in the background ignore Ctrl-C, those of nohup that the terminal closes, and
    so does what they start; what tests send signals to must not. A handler does not pass to it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            is_interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_interrupt else lambda *_: None)


@pytest.hookimpl(tryfirst=True)  # before fixtures draw from it
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A module's ``RANDOM`` begins anew for each test, whatever ran before and beside it."""
    random = getattr(getattr(item, "module", None), "RANDOM", None)
    if isinstance(random, np.random.Generator):
        seed = zlib.crc32(Path(item.path).stem.encode())
        random.bit_generator.state = np.random.default_rng(seed).bit_generator.state


@pytest.fixture
def narrows(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Command:
    """Runs a command line in this process; without the pictures of ``fit``, unless a test is marked
    ``pictures``."""
    return command(capsys, pictures=request.node.get_closest_marker("pictures") is not None)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_data("digits", labels=True)


@pytest.fixture(scope="session")
def fitted(digits: Dataset) -> Fitted:
    """A model with four latent numbers after five epochs, a tenth of the digits held out."""
    training, held_out = digits.split(0.1, seed=0)
    plan = make_plan(training, FitOptions(preset="simple", latent=4, hidden=(24,), epochs=5))
    return fit_plan(training, held_out, plan, detection=True)


@pytest.fixture(scope="session")
def short_codes() -> TrainedModel:
    """A model of blots whose codes are six whole numbers, in about two bytes."""
    plan = make_plan(blots(), FitOptions(preset="rounded", item_bytes=2.0, epochs=30))
    return fit_plan(blots(), None, plan).trained


@pytest.fixture
def model_file(fitted: Fitted, tmp_path: Path) -> Path:
    """That model in a folder of its own."""
    folder = tmp_path / "model"
    folder.mkdir()
    save_model(folder / "digits.safetensors", fitted.trained)
    return folder / "digits.safetensors"


@pytest.fixture(scope="session")
def mnist() -> np.ndarray:
    """MNIST's 10,000 test images, where the machine has them; nothing is downloaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("narrows.data.mnist.MIRRORS", ())
        try:
            return load_data("mnist:test").items
        except DataError as error:
            pytest.skip(f"{error.message} (set NARROWS_DATA to a folder that holds mnist/)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Names that hold an address differ from process to process, and tests could not be shared.
    A file goes to one process as a whole, and those at the end should be short: all that have
    tests marked ``slow`` come first, and of both kinds those of few quick tests."""
    unstable = [item.nodeid for item in items if re.search(r" at 0x[0-9a-f]{6,}", item.nodeid)]
    if unstable:
        raise pytest.UsageError(f"name these tests by what they test: {', '.join(unstable)}")
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    quick = Counter(item.path for item in items if item.get_closest_marker("slow") is None)
    items.sort(key=lambda item: (item.path not in slow, quick[item.path]))
