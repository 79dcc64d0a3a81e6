import numpy as np
import pytest

from narrows.nn.blocks import Dense, Flatten, Reshape
from narrows.nn.model import Model, apply_part, initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec


@pytest.fixture
def spec() -> Spec:
    encoder = (Flatten(), Dense(4, "relu"), Dense(2, "tanh"))
    decoder = (Dense(6, "sigmoid"), Reshape((2, 3)))
    return Spec((2, 3), encoder, decoder)


def test_arrays_are_named_after_their_place(spec: Spec) -> None:
    shapes = {name: array.shape for name, array in initial_model(spec, Scaling(), 0).arrays.items()}
    assert shapes == {
        "encoder.1.weight": (6, 4),
        "encoder.1.bias": (4,),
        "encoder.2.weight": (4, 2),
        "encoder.2.bias": (2,),
        "decoder.0.weight": (2, 6),
        "decoder.0.bias": (6,),
    }


def test_a_seed_settles_every_array(spec: Spec) -> None:
    first, again, other = (initial_model(spec, Scaling(), seed).arrays for seed in (7, 7, 8))
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    assert all((first[name] != other[name]).all() for name in first if name.endswith("weight"))


def test_no_global_random_state_is_read_or_set(spec: Spec) -> None:
    before = np.random.get_state()  # noqa: NPY002
    first = initial_model(spec, Scaling(), 7).arrays
    after = np.random.get_state()  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    np.random.seed(1)  # noqa: NPY002
    again = initial_model(spec, Scaling(), 7).arrays
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)


def test_parts_are_their_blocks_one_after_the_other(spec: Spec) -> None:
    model = initial_model(spec, Scaling(), 0)
    a = model.arrays
    items = np.random.default_rng(0).standard_normal((5, 2, 3)).astype(np.float32)
    hidden = np.maximum(items.reshape(5, 6) @ a["encoder.1.weight"] + a["encoder.1.bias"], 0)
    code = np.tanh(hidden @ a["encoder.2.weight"] + a["encoder.2.bias"])
    logits = code @ a["decoder.0.weight"] + a["decoder.0.bias"]
    np.testing.assert_allclose(apply_part(spec, "encoder", a, items), code, rtol=1e-5)
    np.testing.assert_allclose(
        apply_part(spec, "decoder", a, code), 1 / (1 + np.exp(-logits)).reshape(5, 2, 3), rtol=1e-5
    )


def test_a_tenth_block_is_not_taken_for_the_first() -> None:
    spec = Spec((3,), tuple(Dense(3) for _ in range(11)), (Dense(3),))
    model = initial_model(spec, Scaling(), 0)
    items = np.ones((1, 3), np.float32)
    expected = items
    for number in range(11):
        expected = expected @ model.arrays[f"encoder.{number}.weight"]
    np.testing.assert_allclose(
        apply_part(spec, "encoder", model.arrays, items), expected, rtol=1e-4
    )


def test_values_are_the_network_s_own_unless_said_otherwise(spec: Spec) -> None:
    assert Model(spec, {}).scaling == Scaling(0, 1)
