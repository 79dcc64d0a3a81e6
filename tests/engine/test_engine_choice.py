"""No single point of failure: compiled code is tried in a process of its own, and does without."""

import contextlib
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import ENVIRONMENT, Command, done, failed
from helpers.compiling import plain_flags
from narrows import NarrowsWarning
from narrows.engine import AdamSettings, choice, chosen_engine, make_runner, make_trainer
from narrows.engine.fused import check
from narrows.engine.fused.runner import FusedRunner
from narrows.engine.fused.trainer import FusedTrainer
from narrows.engine.xla import XlaRunner, XlaTrainer
from narrows.errors import OutputError, UsageError
from narrows.nn.blocks import Dense, Flatten
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.support import compiling
from narrows.support.compiling import answer_for, begin, folder, trying
from narrows.support.memory import Limit


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that has asked nothing yet, and an empty cache."""
    for name, value in (("_answers", {}), ("_warned", set()), ("_begun", {})):
        monkeypatch.setattr(trying, name, value)
    monkeypatch.setattr(folder, "_said", [])
    monkeypatch.setattr(folder, "_handed_over", {})
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    for name in ("NARROWS_ENGINE", "NUMBA_DISABLE_JIT"):
        monkeypatch.delenv(name, raising=False)


class Kernels:
    """A package ``tried`` whose ``check(1)`` is a text."""

    NAME = "tried.check"

    def __init__(self, parent: Path) -> None:
        self.package = parent / "tried"
        self.package.mkdir()
        (self.package / "__init__.py").write_text("")

    def become(self, body: str) -> str:
        text = f"import os, signal\ndef check(kernel):\n    if kernel:\n        {body}\n"
        (self.package / "check.py").write_text(text)
        return self.NAME


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernels:
    for name in [name for name in sys.modules if name.split(".")[0] == "tried"]:
        monkeypatch.delitem(sys.modules, name)  # another test's
    monkeypatch.syspath_prepend(tmp_path)
    return Kernels(tmp_path)


def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(trying.subprocess, "Popen", refuse)


# body, whether it works, what the reason says, whether that is remembered
ENDS = {
    "works": ("pass", True, "NumPy", True),
    "wrong": ("raise ArithmeticError('a weight differs')", False, "a weight differs", True),
    "a compiler's error": ("raise RuntimeError('two\\nlines')", False, "RuntimeError: two", True),
    "a broken library": ("raise ImportError('libz is missing')", False, "libz is missing", False),
    "no such file": ("raise OSError('no libllvmlite.so')", False, "no libllvmlite.so", False),
    "no memory": ("raise MemoryError", False, "MemoryError", False),
    "abort": ("os.abort()", False, "SIGABRT", True),
    "an abort that says why": (
        "os.write(2, b'LLVM ERROR: Do not know how to split\\n'); os.abort()",
        False,
        "SIGABRT: LLVM ERROR: Do not know how to split",
        True,
    ),
    "an abort for want of memory": (
        "os.write(2, b'LLVM ERROR: out of memory\\n'); os.abort()",
        False,
        "out of memory",
        False,
    ),
    "an instruction there is not": (
        "os.kill(os.getpid(), signal.SIGILL)",
        False,
        "SIGILL",
        True,
    ),
    "a wild pointer": ("os.kill(os.getpid(), signal.SIGSEGV)", False, "SIGSEGV", True),
    "killed by somebody": ("os.kill(os.getpid(), signal.SIGKILL)", False, "SIGKILL", False),
    "an exit": ("os._exit(3)", False, "exit code 3", True),
}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("end", ENDS)
def test_a_child_tries_and_its_end_is_survived(
    kernels: Kernels, end: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body, works, reason, remembered = ENDS[end]
    answer = answer_for(kernels.become(body))
    assert answer.works == works and reason in answer.reason and "\n" not in answer.reason
    assert len(list((tmp_path / "cache").rglob("tried-*.json"))) == remembered
    no_child(monkeypatch)
    assert answer_for(kernels.NAME) == answer  # as long as this process lives
    if remembered:
        trying._answers.clear()
        assert answer_for(kernels.NAME) == answer


def test_an_interrupt_of_the_child_is_one(kernels: Kernels, tmp_path: Path) -> None:
    """A terminal sends it to both."""
    with pytest.raises(KeyboardInterrupt):
        answer_for(kernels.become("os.kill(os.getpid(), signal.SIGINT)"))
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_who_starts_beside_another_waits_for_its_answer(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the processes of a grid search do, which would all compile the same."""
    path = trying._path(kernels.become("pass"))
    assert path is not None
    looks = []

    def hold(target: Path, hint: str) -> contextlib.AbstractContextManager[None]:
        looks.append(target)
        if len(looks) < 3:
            raise OutputError("in use by process 1")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"works": false, "reason": "found by another"}')
        return contextlib.nullcontext()

    monkeypatch.setattr(trying, "held_folder", hold)
    monkeypatch.setattr(trying, "_PAUSE_SECONDS", 0)
    no_child(monkeypatch)
    assert answer_for(kernels.NAME) == (False, "found by another")
    assert len(looks) == 3


def test_what_is_held_is_left_as_it_was(kernels: Kernels, tmp_path: Path) -> None:
    answer_for(kernels.become("pass"))
    assert len(list((tmp_path / "cache" / "kernels").iterdir())) == 1  # the answer


def test_who_asks_gets_what_was_begun(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begin(kernels.become("pass"))
    no_child(monkeypatch)
    begin(kernels.NAME)
    steps = list[float]()

    @contextlib.contextmanager
    def track(*arguments: object, **options: object) -> Iterator[Callable[[float], None]]:
        yield steps.append

    assert answer_for(kernels.NAME, track) == (True, "what it computes here agrees with NumPy")
    assert sum(steps) == trying.KERNELS
    assert len(list((tmp_path / "cache" / "kernels").iterdir())) == 1  # the answer
    trying._answers.clear()
    begin(kernels.NAME)
    assert not trying._begun


def test_an_error_of_what_was_begun_is_that_of_who_asks(kernels: Kernels) -> None:
    begin(kernels.become("os.kill(os.getpid(), signal.SIGINT)"))
    with pytest.raises(KeyboardInterrupt):
        answer_for(kernels.NAME)


@pytest.mark.slow
@pytest.mark.parametrize("body", ["import time; time.sleep(60)", "pass"])
def test_what_nobody_asks_for_ends_with_the_process(
    kernels: Kernels, body: str, tmp_path: Path
) -> None:
    """And leaves nothing but an answer that it found in time."""
    kernels.become(body)
    (tmp_path / "temporary").mkdir()
    program = "from narrows.support.compiling import begin, trying; begin('tried.check')"
    if body == "pass":
        program += "; trying._begun['tried.check']._thread.join()"
    environment = ENVIRONMENT | {
        "NARROWS_CACHE": f"{tmp_path}/cache", "TMPDIR": f"{tmp_path}/temporary",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, timeout=50
    )
    assert not list((tmp_path / "temporary").iterdir())
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.suffix for path in left] == [".json"] * (body == "pass")


def test_a_child_ends_with_its_parent(kernels: Kernels, tmp_path: Path) -> None:
    """Whatever killed that, compiling goes on for nobody."""
    kernels.become("open('begun', 'w').write(str(os.getpid())); import time; time.sleep(60)")
    program = "from narrows.support.compiling import answer_for; answer_for('tried.check')"
    environment = ENVIRONMENT | {"NARROWS_CACHE": f"{tmp_path}/cache"}
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment)
    begun, limit = tmp_path / "begun", time.monotonic() + 60
    while not (begun.exists() and begun.read_text()):
        assert time.monotonic() < limit and parent.poll() is None
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    limit = time.monotonic() + 30
    while is_running(int(begun.read_text())):
        assert time.monotonic() < limit
        time.sleep(0.02)


def is_running(process: int) -> bool:
    """Whether there is such a process, and not only its exit code."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cores", "load", "megabytes", "processes"),
    [(1, 0.0, 4000, 1), (2, 0.2, 4000, 2), (2, 1.8, 4000, 1), (2, 0.2, 400, 1)],
)
def test_kernels_are_compiled_side_by_side_where_a_core_is_idle_and_memory_is_left(
    kernels: Kernels,
    cores: int,
    load: float,
    megabytes: int,
    processes: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(trying, "usable_cores", lambda: cores)
    monkeypatch.setattr(trying.os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    monkeypatch.setattr(trying, "memory_limits", lambda: [Limit(megabytes << 20, 0, "a test")])
    kernels.become("pass")
    (kernels.package / "check.py").write_text(
        "import os\ndef check(kernel):\n"
        f"    open(r'{tmp_path}/' + str(kernel), 'w').write(str(os.getpid()))\n"
    )
    assert answer_for(kernels.NAME).works
    assert len({(tmp_path / name).read_text() for name in "01"}) == processes


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0, 1])
def test_one_of_two_that_fails_speaks_for_both(
    kernels: Kernels, wrong: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "_has_room_for_two", lambda: True)
    kernels.become("pass")
    (kernels.package / "check.py").write_text(
        f"def check(kernel):\n    if kernel == {wrong}:\n        raise ArithmeticError('wrong')\n"
    )
    answer = answer_for(kernels.NAME)
    assert not answer.works and "wrong" in answer.reason


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "{", "[]", '{"works": 1, "reason": ""}', "\udc80" * 9])
def test_a_damaged_answer_is_said_and_asked_for_again(kernels: Kernels, content: str) -> None:
    answer = answer_for(kernels.become("pass"))
    path = trying._path(kernels.NAME)
    assert path is not None
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    trying._answers.clear()
    with pytest.warns(NarrowsWarning, match="damaged") as said:
        assert answer_for(kernels.NAME) == answer
    assert len(said) == 1 and str(path) in str(said[0].message)
    assert json.loads(path.read_bytes())["works"] is True


def test_an_answer_holds_for_one_installation_and_processor(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels.become("pass")
    paths = [trying._path(kernels.NAME)]
    assert paths[0] == trying._path(kernels.NAME)
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    paths.append(trying._path(kernels.NAME))
    monkeypatch.setattr(trying, "_processor", lambda: "another one")
    paths.append(trying._path(kernels.NAME))
    kernels.become("pass  # installed anew")
    paths.append(trying._path(kernels.NAME))
    assert len(set(paths)) == len(paths)


@pytest.mark.slow
def test_what_a_child_compiled_is_handed_over_where_nothing_can_be_kept(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_bytes(b"")  # no folder
    (kernels.package / "function.py").write_text("def double(x):\n    return 2 * x\n")
    body = "from narrows.support.compiling import compiled; from tried.function import double; "
    with pytest.warns(NarrowsWarning, match="NARROWS_CACHE") as said:
        assert answer_for(kernels.become(body + "assert compiled(double, 1)(21) == 42")).works
    from tried.function import double  # type: ignore[import-not-found]

    function = compiling.compiled(double, 1)
    assert function(21) == 42
    assert function.stats.cache_hits and len(said) == 1  # type: ignore[attr-defined]


# The engine


@pytest.fixture
def model() -> Model:
    return initial_model(preset_spec("simple", (6,), latent=2, hidden=(4,)), Scaling(), 0)


def engines(model: Model) -> tuple[type, type]:
    trainer = make_trainer(model, Objective(), AdamSettings(), 8)
    return type(trainer), type(make_runner(model))


FUSED, XLA = (FusedTrainer, FusedRunner), (XlaTrainer, XlaRunner)


@pytest.fixture
def numba_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    origin = trying._origin
    monkeypatch.setattr(trying, "_origin", lambda name: None if name == "numba" else origin(name))


@pytest.fixture
def numba_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")


@pytest.fixture
def engine_aborts(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels.become("os.write(2, b'LLVM ERROR: Do not know how to split\\n'); os.abort()")
    monkeypatch.setattr("narrows.engine.choice._CHECK", kernels.NAME)


@pytest.fixture
def engine_does_not_load(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was found to work, and somebody broke it since."""
    kernels.become("pass")
    monkeypatch.setattr("narrows.engine.choice._CHECK", kernels.NAME)
    monkeypatch.setattr("narrows.engine.choice._broken", lambda: "OSError: no libllvmlite.so")


@pytest.fixture
def no_sources(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A frozen program has none, and kernels are compiled from them."""

    def refuse(thing: object) -> str:
        raise OSError("could not get source code")

    kernels.become("pass")
    monkeypatch.setattr("narrows.engine.choice._CHECK", kernels.NAME)
    monkeypatch.setattr("inspect.getsource", refuse)
    choice._broken.cache_clear()
    yield
    choice._broken.cache_clear()


FAULTS = {
    "numba_missing": "Numba is not installed",
    "numba_off": "NUMBA_DISABLE_JIT",
    "engine_aborts": "Do not know how to split",
    "engine_does_not_load": "no libllvmlite.so",
    "no_sources": "could not get source code",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_xla_computes_where_the_fused_engine_cannot_and_one_warning_says_why(
    fault: str, model: Model, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(fault)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert engines(model) == engines(model) == XLA
    (only,) = (str(each.message) for each in said if each.category is NarrowsWarning)
    assert FAULTS[fault] in only and "XLA" in only


@pytest.mark.parametrize("fault", ["numba_missing", "numba_off", "engine_does_not_load"])
def test_what_is_asked_for_and_cannot_be_had_is_an_error(
    fault: str, model: Model, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(fault)
    monkeypatch.setenv("NARROWS_ENGINE", "fused")
    with pytest.raises(UsageError, match=rf"NARROWS_ENGINE is fused.*{FAULTS[fault]}"):
        make_runner(model)


def test_the_user_chooses_and_nothing_is_tried(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_child(monkeypatch)
    monkeypatch.setenv("NARROWS_ENGINE", "fused")
    assert engines(model) == FUSED and chosen_engine().engine == "fused"
    monkeypatch.setenv("NARROWS_ENGINE", "xla")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert engines(model) == XLA and chosen_engine().engine == "xla"
    monkeypatch.setenv("NARROWS_ENGINE", "fast")
    with pytest.raises(UsageError, match=r"'fast'.*auto, fused, xla"):
        make_runner(model)


@pytest.mark.parametrize("wanted", ["", "auto"])
def test_what_works_is_taken(
    wanted: str, kernels: Kernels, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NARROWS_ENGINE", wanted)
    kernels.become("pass")
    monkeypatch.setattr("narrows.engine.choice._CHECK", kernels.NAME)
    assert engines(model) == FUSED


def test_models_that_xla_alone_knows_try_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    no_child(monkeypatch)
    model = initial_model(Spec((5,), (Flatten(),), (Dense(5),)), Scaling(), 0)
    assert engines(model) == XLA


# What is tried


def test_the_fused_engine_passes_its_check_and_a_wrong_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NARROWS_CACHE")  # what the suite compiled
    for kernel in range(trying.KERNELS):
        check.check(kernel)

    class Wrong(FusedTrainer):
        def __init__(self, *arguments: object) -> None:
            model, objective, _, batch = arguments
            slow = AdamSettings(learning_rate=0.0101)
            super().__init__(model, objective, slow, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "FusedTrainer", Wrong)
    with pytest.raises(ArithmeticError, match="differs from NumPy's"):
        check.check(1)


# The program


COMPILERS = "llvmlite", "numba"


@pytest.fixture(scope="module")
def broken_compilers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment whose LLVM and Numba end the process that imports them."""
    root = tmp_path_factory.mktemp("broken")
    for name in COMPILERS:
        (root / name).mkdir()
        (root / name / "__init__.py").write_text("import os\nos.abort()\n")
    paths = os.pathsep.join([str(root), ENVIRONMENT["PYTHONPATH"]])
    yield {"PYTHONPATH": paths, "NARROWS_CACHE": str(root / "cache"), "JAX_PLATFORMS": "cpu"}


PROGRAM = """
import sys, warnings
import numpy as np
import narrows
from narrows.cli.app import run
from narrows.archive.mixing import blocks

assert run(["fit", "items.npy", "--preset", "simple", "--latent", "3", "--epochs", "2",
            "--out", "m.safetensors", "--no-detection"]) == 0
assert run(["encode", "m.safetensors", "items.npy", "--out", "codes.npy"]) == 0
blocks._LOAD_SECONDS = blocks._COMPILE_SECONDS = 0  # archives of any size want kernels
assert run(["compress", "images.npy", "--out", "a.nrw", "--effort", "best"]) == 0
assert run(["decompress", "a.nrw", "--out", "back.npy"]) == 0
assert np.array_equal(np.load("back.npy"), np.load("images.npy"))
assert len(np.load("codes.npy")) == 60
assert "numba" not in sys.modules and "llvmlite" not in sys.modules
"""


@pytest.mark.slow
def test_every_command_does_without_compilers_that_abort(
    broken_compilers: dict[str, str], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    np.save(tmp_path / "items.npy", random.random((60, 5), np.float32))
    np.save(tmp_path / "images.npy", random.integers(0, 3, (12, 28, 28), "u1"))
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=ENVIRONMENT | broken_compilers | {"XLA_FLAGS": plain_flags()},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("SIGABRT") == 2  # XLA in one's place, NumPy in the other's
    assert "note: the fused engine does not work here, XLA computes" in result.stderr
    assert "note: NumPy codes archives here" in result.stderr


def test_the_version_says_which_engine_and_why(
    narrows: Command, kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.engine.choice._CHECK", kernels.NAME)
    kernels.become("raise ArithmeticError('a weight differs')")
    found = json.loads(done(narrows("--version", "--json")).out)
    assert found["engine"] == "xla" and "a weight differs" in found["engine_reason"]
    assert found["numpy"] == np.__version__ and found["cache"] == str(compiling.cache_folder())
    monkeypatch.setenv("NARROWS_ENGINE", "fused")
    assert json.loads(done(narrows("--json", "--version")).out)["engine"] == "fused"
    assert done(narrows("--version")).out == f"narrows {found['narrows']}\n"
    failed(narrows("--json"), 2, "--version")
    monkeypatch.setenv("NARROWS_ENGINE", "fast")
    failed(narrows("--version", "--json"), 2, "NARROWS_ENGINE")
