"""Refined codes: never worse than the encoder's, and what other solvers find."""

import itertools
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from helpers.command_line import Command, command
from narrows import Autoencoder
from narrows.data import Dataset
from narrows.engine import make_runner
from narrows.engine.fused.refinement import FusedRefiner, _solved
from narrows.engine.xla import XlaRefiner
from narrows.errors import UsageError
from narrows.model.file import load_model, save_model
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.nn.activations import ACTIVATIONS
from narrows.nn.blocks import Block, Conv, Dense, Flatten
from narrows.nn.model import Model, apply_part, initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored
from narrows.planning.options import FitOptions
from narrows.planning.plan import Plan, make_plan
from narrows.planning.refinement import require_refinable
from narrows.tasks.fit_plan import fit_plan

SHAPE = (6, 6)
RANDOM = np.random.default_rng(7)
ITEMS = RANDOM.random((30, *SHAPE)).astype(np.float32)


def model_of(*encoder: Block, scaling: Scaling | None = None) -> Model:
    spec = Spec(SHAPE, encoder, mirrored(encoder, SHAPE, "linear"))
    return initial_model(spec, scaling or Scaling(), 0)


CURVED = model_of(Flatten(), Dense(9, "silu"), Dense(3))
MODELS = {
    "linear": model_of(Flatten(), Dense(3)),
    "curved": CURVED,
    "conv": model_of(Conv(4, 3, 2, activation="silu"), Flatten(), Dense(3)),
}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def squared_errors(model: Model, steps: int, items: np.ndarray = ITEMS) -> np.ndarray:
    """Of each item, in data units."""
    found = make_runner(model, steps).reconstruct(items)
    return ((found.astype(float) - items) ** 2).sum(axis=(1, 2))


@pytest.mark.slow
def test_of_a_linear_decoder_it_finds_the_least_squares() -> None:
    model = MODELS["linear"]
    weight = model.arrays["decoder.0.weight"].astype(float)
    flat = ITEMS.reshape(30, -1).astype(float) - model.arrays["decoder.0.bias"]
    wanted = np.linalg.lstsq(weight.T, flat.T, rcond=None)[0].T
    np.testing.assert_allclose(make_runner(model, 4).encode(ITEMS), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_of_a_curved_decoder_it_ends_where_scipy_does() -> None:
    begun, ended = (make_runner(CURVED, steps).encode(ITEMS[:5]) for steps in (0, 30))
    for item, first, last in zip(ITEMS, begun, ended, strict=False):

        def missed(code: np.ndarray, item: np.ndarray = item) -> np.ndarray:
            there = apply_part(CURVED.spec, "decoder", CURVED.arrays, code[None])
            return (there - item).ravel()

        best = least_squares(missed, first.astype(float), method="lm")
        assert (missed(last.astype(float)) ** 2).sum() == pytest.approx(2 * best.cost, rel=1e-3)


@pytest.mark.slow
@each_model
@pytest.mark.parametrize("scaling", [Scaling(), Scaling(-3.0, 50.0)], ids=["as it is", "scaled"])
def test_no_item_gets_worse_and_most_get_better(model: Model, scaling: Scaling) -> None:
    model, items = replace(model, scaling=scaling), scaling.to_data(ITEMS)
    errors = [squared_errors(model, steps, items) for steps in range(4)]
    for before, after in itertools.pairwise(errors):
        assert (after <= before * (1 + 1e-5)).all()
    assert np.mean(errors[1] < errors[0]) > 0.9


def test_eight_bit_items_are_refined_as_their_values() -> None:
    scaling = Scaling.to_unit_range(0, 255)
    bytes_ = np.rint(255 * ITEMS).astype(np.uint8)
    runner = make_runner(replace(CURVED, scaling=scaling), 2)
    np.testing.assert_allclose(
        runner.encode(bytes_), runner.encode(bytes_.astype(np.float64)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("model", [CURVED, MODELS["conv"]], ids=["curved", "conv"])
def test_a_code_does_not_depend_on_its_company(model: Model) -> None:
    runner = make_runner(model, 2)
    codes = runner.encode(ITEMS)
    assert runner.encode(ITEMS[:0]).shape == (0, 3)
    for rows in (slice(0, 1), slice(4, 9), slice(29, 30)):
        np.testing.assert_array_equal(runner.encode(ITEMS[rows]), codes[rows])
    many = np.concatenate([ITEMS[::-1]] * 9)
    np.testing.assert_array_equal(runner.encode(many), np.concatenate([codes[::-1]] * 9))


def test_wide_items_are_refined_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = make_runner(CURVED, 2).encode(ITEMS)
    monkeypatch.setattr("narrows.engine.fused.refinement._DERIVATIVES", 5 * 3 * 36)
    runner = make_runner(CURVED, 2)
    few = runner.encode(ITEMS)
    np.testing.assert_allclose(few, codes, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(runner.encode(ITEMS[7:9]), few[7:9])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_decoders_are_refined_as_by_xla(activation: str) -> None:
    encoder = (Flatten(), Dense(9, activation), Dense(3))
    spec = Spec(SHAPE, encoder, mirrored(encoder, SHAPE, activation))
    model = initial_model(spec, Scaling(0.5, 2.0), 1)
    codes = make_runner(model).encode(ITEMS)
    here, there = (
        refiner(model, 1).refined(ITEMS, codes) for refiner in (FusedRefiner, XlaRefiner)
    )
    assert (here != codes).any()
    np.testing.assert_allclose(here, there, rtol=1e-3, atol=1e-4)


def test_dense_decoders_are_refined_without_jax(tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", fit_plan(blots(), None, plan()).trained)
    np.save(tmp_path / "x.npy", blots().items)
    code = "from narrows.__main__ import _run; assert _run() == 0; assert 'jax' not in sys.modules"
    command = ["encode", "m.safetensors", "x.npy", "--out", "z.npy"]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}", *command],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_where_a_system_has_no_solution_the_others_are_solved() -> None:
    matrices = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)]).astype(np.float32)
    found = _solved(matrices, np.ones((3, 2, 1), np.float32))[..., 0]
    np.testing.assert_array_equal(found, [[1, 1], [np.nan, np.nan], [0.5, 0.5]])


def test_a_number_that_decodes_to_nothing_stays_finite() -> None:
    arrays = dict(CURVED.arrays)
    arrays["decoder.0.weight"] = arrays["decoder.0.weight"] * np.float32([[1], [0], [1]])
    dead = replace(CURVED, arrays=arrays)
    assert np.isfinite(make_runner(dead, 3).encode(ITEMS)).all()
    assert (squared_errors(dead, 3) <= squared_errors(dead, 0)).all()


def blots() -> Dataset:
    """8-bit blots that move about: two numbers say where."""
    middle = np.random.default_rng(0).uniform(2, 8, (120, 2, 1, 1))
    rows, columns = np.mgrid[:10, :10]
    distance = (rows - middle[:, 0]) ** 2 + (columns - middle[:, 1]) ** 2
    return Dataset("blots", np.rint(255 * np.exp(-distance / 4)).astype(np.uint8), (0.0, 255.0))


def plan(preset: str = "dense", hidden: tuple[int, ...] = (16,), **options: object) -> Plan:
    options = {"preset": preset, "latent": 3, "hidden": hidden, "epochs": 4, **options}
    return make_plan(blots(), FitOptions(**options))  # type: ignore[arg-type]


def test_a_plan_refines_where_the_squared_error_is_the_aim() -> None:
    for preset in ("auto", "dense", "conv"):
        assert plan(preset).refinement == 2
        assert any("refine" in reason for reason in plan(preset).reasons)
    for preset in ("simple", "variational", "unet"):
        assert plan(preset).refinement == 0
    assert plan(noise="gaussian:0.1").refinement == 0
    assert plan(loss="l1").refinement == 0
    assert plan(hidden=(4096, 4096)).refinement == 0  # too slow to encode with


def test_what_is_asked_for_goes_first() -> None:
    assert plan(refine=0).refinement == 0
    assert plan("simple", refine=5).refinement == 5
    assert plan(noise="gaussian:0.1", refine=1).refinement == 1


@pytest.mark.parametrize(
    ("preset", "steps", "said"),
    [
        ("dense", -1, "-1 steps of refinement are outside 0 to 100"),
        ("simple", 101, "101 steps of refinement are outside 0 to 100"),
        ("unet", 2, "its encoder kept"),
        ("variational", 2, "draws from a distribution"),
    ],
)
def test_what_cannot_be_is_refused(preset: str, steps: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(preset, refine=steps)
    spec = plan(preset).spec
    require_refinable(spec, 0)
    with pytest.raises(UsageError, match=said):
        require_refinable(spec, steps)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return fit_plan(blots(), None, replace(plan(), may_be_linear=False)).trained


def test_a_model_file_keeps_it(
    trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("kept") / "m.safetensors"
    save_model(path, trained)
    items = blots().items
    before, after = TrainedAutoencoder(trained), TrainedAutoencoder(load_model(path))
    np.testing.assert_array_equal(before.encode(items), after.encode(items))
    plain = TrainedAutoencoder(replace(trained, refinement=0))
    mse = [((c.reconstruct_floats(items) - items) ** 2).mean() for c in (plain, after)]
    assert mse[1] < 0.9 * mse[0]


def test_statistics_are_those_of_the_codes_that_are_given(trained: TrainedModel) -> None:
    codes = TrainedAutoencoder(trained).encode(blots().items)
    np.testing.assert_array_equal(trained.latent["lowest"], codes.min(axis=0))
    np.testing.assert_array_equal(trained.latent["highest"], codes.max(axis=0))


def test_the_program_takes_another_number(
    capsys: pytest.CaptureFixture[str], trained: TrainedModel, tmp_path: Path
) -> None:
    narrows: Command = command(capsys)
    model, data = tmp_path / "m.safetensors", tmp_path / "x.npy"
    save_model(model, trained)
    np.save(data, blots().items)

    def error(*options: object) -> float:
        done = narrows("evaluate", model, data, "--json", *options)
        return json.loads(done.out)["model"]["mse"]

    assert error("--refine", 2) == error() < error("--refine", 1) < error("--refine", 0)
    done = narrows("evaluate", model, data, "--refine", 101)
    assert done.code == 2 and "outside 0 to 100" in done.err


def test_of_an_estimator_it_holds_at_once(trained: TrainedModel, tmp_path: Path) -> None:
    path, X = tmp_path / "m.safetensors", blots().items
    save_model(path, trained)
    ae = Autoencoder.load(path)
    assert ae.model_.refinement == 2
    Z, best = ae.transform(X), ae.score(X)
    plain = make_runner(trained.model).encode(X)
    assert (ae.set_params(refine=0).transform(X) == plain).all() and not (plain == Z).all()
    assert ae.score(X) < ae.set_params(refine=1).score(X) < best
    again = pickle.loads(pickle.dumps(ae))
    assert again.score(X) == ae.score(X)
    ae.save(path)  # as it is used now
    again = Autoencoder.load(path)
    assert again.refine == again.model_.refinement == 1 and again.score(X) == ae.score(X)
    np.testing.assert_array_equal(ae.set_params(refine=None).transform(X), Z)
    for value, said in ((101, "outside 0 to 100"), ("two", "refine is 'two'")):
        with pytest.raises(UsageError, match=said):
            ae.set_params(refine=value).transform(X)
