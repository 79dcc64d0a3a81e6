"""What a page computes of a model is what Python computes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import narrows.nn.blocks as nn
from helpers.scripts import needs_node, run_node
from narrows.data import Dataset
from narrows.engine import make_runner
from narrows.errors import UsageError
from narrows.model.trained import DataDescription, TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.nn.flow import Flow
from narrows.nn.model import Model, apply_part, initial_model
from narrows.nn.presets import PRESETS, fits, preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.tasks.detector import Detector
from narrows.tasks.export import Precision, choose_precision, model_data
from narrows.tasks.export.precision import grey_levels, tried_codes
from narrows.tasks.export.scorer import scorer_data
from narrows.tasks.fit_plan import Fitted, fit_plan

pytestmark = needs_node

RANDOM = np.random.default_rng(4)
FLOATS = DataDescription(name="data", count=10, dtype="float32")

_MANY = """
    import { Net } from "./scripts/net.js";
    const listed = (values) => Array.from(values);
    print(given.map(({ model, codes, items }) => {
      const net = new Net(model);
      const made = items.map((item) => net.reconstruct(item));
      return {
        decoded: net.crosses ? [] : codes.map((code) => listed(net.decode(code))),
        codes: made.map(({ code }) => listed(code)),
        reconstructed: made.map(({ values }) => listed(values)),
      };
    }));
"""


def random_model(spec: Spec, scaling: Scaling = Scaling()) -> Model:  # noqa: B008
    """A model none of whose arrays has the value that it begins with."""
    model = initial_model(spec, scaling, 3)
    arrays = {
        name: (
            array * RANDOM.uniform(1, 2, array.shape)
            + RANDOM.uniform(0, 0.2, array.shape) * (array.ndim < 2)
        ).astype(np.float32)
        for name, array in model.arrays.items()
    }
    return Model(spec, arrays, scaling)


def in_node(folder: Path, *given: tuple[TrainedModel, Precision, Any, Any]) -> list[Any]:
    """Of each model what node makes of its codes and its items."""
    cases = [
        {
            "model": model_data(trained, precision),
            "codes": codes.astype(float).tolist(),
            "items": items.reshape(len(items), -1).astype(float).tolist(),
        }
        for trained, precision, codes, items in given
    ]
    return run_node(folder, _MANY, cases)  # type: ignore[no-any-return]


def image(*encoder: nn.Block, shape: tuple[int, ...] = (7, 5, 3), **more: Any) -> Spec:
    """A spec of such an encoder, with a row of three numbers behind it, and its mirror."""
    blocks = [block.to_dict() for block in (*encoder, nn.Flatten(), nn.Dense(3))]
    return Spec.from_dict({"encoder": blocks, **more}, shape)


SPECS = {
    **{
        f"preset {name} of {shape}": preset_spec(name, shape, latent=3, hidden=(6, 5))
        for name in PRESETS
        for shape in ((8, 9), (5, 7, 3), (11,))
        if fits(name, shape)
    },
    **{
        f"{name} after a layer": image(nn.Conv(4, 2), nn.Activation(name))
        for name in ("relu", "sigmoid", "tanh", "gelu", "silu")
    },
    "windows without padding": image(
        nn.Conv(9, (3, 2), (2, 1), "valid", "silu"), output_activation="sigmoid"
    ),
    "a stride beyond the kernel": image(nn.Conv(2, (2, 1), (3, 2), activation="tanh")),
    "a kernel beyond the image": image(nn.Conv(3, 9, 1), shape=(4, 5)),
    "a transposed layer": image(nn.ConvTranspose(10, 3, 2), nn.ConvTranspose(2, 2, 3, "valid")),
    "largest of windows": image(nn.Conv(3, 3), nn.Pool(2), nn.Pool((1, 3))),
    "means of windows": image(nn.Pool((3, 2), "mean"), nn.Upsample((1, 2)), shape=(7, 5)),
    "norms": image(nn.Conv(4), nn.Norm(), nn.Conv(5), nn.Norm("layer"), nn.Activation("silu")),
    "a norm of images without channels": image(nn.Reshape((5, 7)), nn.Norm(), shape=(7, 5)),
    "patches": image(nn.Pad((8, 6, 3)), nn.Patch((2, 3)), nn.Conv(12), nn.Unpatch((3, 2))),
    "a part of an image": image(nn.Crop((4, 3, 2)), nn.Conv(2)),
    "a part of a row": image(nn.Reshape((105,)), nn.Crop((50,)), nn.Pad((60,))),
    "a sum and channels side by side": image(
        nn.Conv(4), nn.Copy("a"), nn.Conv(4, activation="silu"), nn.Join("a"), nn.Copy("b"),
        nn.Dropout(0.5), nn.Conv(3), nn.Join("b", "concatenate"),
    ),
}  # fmt: skip


@pytest.mark.slow
def test_every_block_is_computed_as_python_computes_it(tmp_path: Path) -> None:
    tried = {block.name for spec in SPECS.values() for block in (*spec.encoder, *spec.decoder)}
    assert tried == set(nn.BLOCKS)
    given = []
    for spec in SPECS.values():
        model = random_model(spec, Scaling(0.25, 1.5))
        items = RANDOM.normal(size=(3, *spec.item_shape)).astype(np.float32)
        codes = RANDOM.normal(size=(3, spec.latent_size)).astype(np.float32)
        given.append((TrainedModel(model=model, data=FLOATS), Precision(), codes, items))
    for name, (trained, _, codes, items), found in zip(
        SPECS, given, in_node(tmp_path, *given), strict=True
    ):
        model, flow = trained.model, Flow()
        code = apply_part(
            model.spec, "encoder", model.arrays, model.scaling.to_network(items), flow
        )
        made = apply_part(model.spec, "decoder", model.arrays, code, flow)
        wanted = {"codes": code, "reconstructed": model.scaling.to_data(made)}
        if not model.spec.crosses:
            decoded = apply_part(model.spec, "decoder", model.arrays, codes)
            wanted["decoded"] = model.scaling.to_data(decoded)
        for key, values in wanted.items():
            close = {"rtol": 1e-5, "atol": 1e-5, "err_msg": f"{name}: {key}"}
            np.testing.assert_allclose(found[key], values.reshape(3, -1), **close)


def test_each_value_has_its_own_centre(tmp_path: Path) -> None:
    scaling = Scaling(1.0, 2.0, np.array([10.0, -20.0, 1e6, 0.0]))
    spec = Spec((4,), (nn.Dense(2),), (nn.Dense(4),))
    model = random_model(spec, scaling)
    assert scaling.centre is not None
    items = scaling.centre + RANDOM.normal(size=(3, 4))
    trained = TrainedModel(model=model, data=FLOATS)
    (found,) = in_node(tmp_path, (trained, Precision(), np.zeros((1, 2)), items))
    codes = apply_part(spec, "encoder", model.arrays, scaling.to_network(items))
    made = scaling.to_data(apply_part(spec, "decoder", model.arrays, codes))
    np.testing.assert_allclose(found["codes"], codes, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["reconstructed"], made, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("optimised")  # without, XLA finds no slopes of these blocks
def test_codes_are_refined_by_the_same_steps(tmp_path: Path) -> None:
    """Through every block whose slope is no constant."""
    decoder = (
        nn.Dense(60, "gelu"), nn.Reshape((5, 4, 3)), nn.Norm("layer"), nn.Copy("a"),
        nn.Conv(3, 3, activation="tanh"), nn.Join("a"), nn.Norm(), nn.Copy("b"), nn.Upsample(2),
        nn.Pool(2), nn.Join("b", "concatenate"), nn.ConvTranspose(9, 3, 2, activation="silu"),
        nn.Pool(2, "mean"), nn.Conv(2, 3, activation="relu"), nn.Conv(1, 2, activation="sigmoid"),
        nn.Reshape((5, 4)),
    )  # fmt: skip
    spec = Spec((5, 4), (nn.Flatten(), nn.Dense(3)), decoder)
    model = random_model(spec)
    items = RANDOM.uniform(size=(20, 5, 4)).astype(np.float32)
    trained = TrainedModel(model=model, data=FLOATS, refinement=3)
    (found,) = in_node(tmp_path, (trained, Precision(), np.zeros((1, 3)), items))
    codes = make_runner(model, 3).encode(items)
    before = make_runner(model).encode(items)
    assert (np.abs(codes - before).max(axis=1) > 1e-2).all()
    np.testing.assert_allclose(found["codes"], codes, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["dense", "conv"])
def test_pictures_are_pythons(digits: Dataset, preset: str, tmp_path: Path) -> None:
    """At most one grey level off anywhere, and equal in 99.9% of the pixels."""
    options = FitOptions(preset=preset, latent=6, hidden=(40,), epochs=4)
    autoencoder = TrainedAutoencoder(fit_plan(digits, None, make_plan(digits, options)).trained)
    trained = autoencoder.trained
    assert trained.refinement
    precision = choose_precision(autoencoder, digits.items)
    assert precision.most_off <= 1 and precision.equal >= 0.999 and precision.tried > 200
    assert 11 <= precision.decoder <= 22 and 11 <= precision.encoder <= 22
    items = digits.items[-200:]
    codes = tried_codes(autoencoder, items)
    (found,) = in_node(tmp_path, (trained, precision, codes, items))
    wanted = {
        "decoded": autoencoder.decode_floats(codes),
        "reconstructed": autoencoder.reconstruct_floats(items),
    }
    for key, values in wanted.items():
        got = np.reshape(found[key], values.shape)
        off = np.abs(grey_levels(trained, got) - grey_levels(trained, values))
        assert len(off) >= 200
        assert off.max() <= 1
        assert (off == 0).mean() >= 0.999


def test_what_a_page_cannot_compute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(model_data.__globals__["_COMPUTED"], "pool")
    trained = TrainedModel(model=random_model(SPECS["largest of windows"]), data=FLOATS)
    with pytest.raises(UsageError, match="the block pool of the encoder cannot be computed"):
        model_data(trained, Precision())


def test_nothing_that_only_learning_needs_is_written() -> None:
    spec = preset_spec("rounded", (6,), latent=2, hidden=(4,))
    data = model_data(TrainedModel(model=random_model(spec), data=FLOATS), Precision())
    names = [entry["name"] for entry in data["arrays"]]
    assert names and all(name.rsplit(".", 1)[1] in ("weight", "bias") for name in names)
    assert not any("context" in name for name in names)
    assert math.prod(data["shape"]) == 6


_SCORES = """
    import { Net } from "./scripts/net.js";
    import { inflated } from "./scripts/packed_arrays.js";
    import { Scorer } from "./scripts/scorer.js";
    const net = new Net(given.model);
    const scorer = new Scorer(await inflated(given.scorer));
    print(given.items.map((item) => {
      const { code, values } = net.reconstruct(item);
      const { score, pValue } = scorer.judge(item, code, values);
      return [score, pValue];
    }));
"""


@pytest.mark.slow
def test_items_are_as_odd_as_python_has_it(fitted: Fitted, digits: Dataset, tmp_path: Path) -> None:
    trained = fitted.trained
    items = np.concatenate([digits.items[:100], 16 - digits.items[:20]]).astype(np.uint8)
    scorer = scorer_data(trained)
    assert scorer is not None
    given = {
        "model": model_data(trained, Precision()),
        "scorer": scorer,
        "items": items.reshape(len(items), -1).astype(float).tolist(),
    }
    found = np.array(run_node(tmp_path, _SCORES, given))
    detector = Detector(TrainedAutoencoder(trained))
    scores = detector.scores(items)
    np.testing.assert_allclose(found[:, 0], scores, rtol=1e-3, atol=1e-3)
    p_values = detector.detection.p_values(scores)
    np.testing.assert_allclose(found[:, 1], p_values, atol=0.02)
    assert (found[-20:, 1] < 0.01).all() and np.median(found[:100, 1]) > 0.3


def test_without_what_tells_odd_items_there_is_no_scorer() -> None:
    assert scorer_data(TrainedModel(model=random_model(SPECS["norms"]), data=FLOATS)) is None
