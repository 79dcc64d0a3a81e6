import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narrows.errors import UsageError
from narrows.nn.blocks import (
    Activation,
    Block,
    Conv,
    ConvTranspose,
    Copy,
    Crop,
    Dense,
    Dropout,
    Flatten,
    Gaussian,
    Join,
    Norm,
    Pad,
    Pool,
    Reshape,
    Shape,
    Upsample,
)
from narrows.nn.flow import Flow
from narrows.nn.model import apply_part, initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored

SIMPLE_TOML = """
encoder = [
    { block = "flatten" },
    { block = "dense", units = 100, activation = "relu" },
    { block = "dense", units = 20, activation = "tanh" },
]
output_activation = "sigmoid"
"""
FLATTEN = {"block": "flatten"}


def dense(units: Any, activation: Any = "linear") -> dict[str, Any]:
    return {"block": "dense", "units": units, "activation": activation}


def read(toml: str, folder: Path, item_shape: Shape) -> Spec:
    path = folder / "spec.toml"
    path.write_text(toml, encoding="utf-8")
    return Spec.from_toml(path, item_shape)


def refused(entries: dict[str, Any], item_shape: Shape | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        Spec.from_dict(entries, item_shape)
    return caught.value


def test_toml_gives_the_encoder_and_its_mirror(tmp_path: Path) -> None:
    spec = read(SIMPLE_TOML, tmp_path, (28, 28))
    assert spec.item_shape == (28, 28)
    assert spec.encoder == (Flatten(), Dense(100, "relu"), Dense(20, "tanh"))
    assert spec.decoder == (Dense(100, "relu"), Dense(784, "sigmoid"), Reshape((28, 28)))
    assert spec.latent_size == 20


def test_a_mirrored_decoder_ends_linear_where_nothing_is_said() -> None:
    spec = Spec.from_dict({"encoder": [dense(3, "relu"), dense(2, "tanh")]}, (5,))
    assert spec.decoder == (Dense(3, "relu"), Dense(5, "linear"))


def test_a_decoder_of_its_own_is_taken_as_it_is(tmp_path: Path) -> None:
    own = 'encoder = [{ block = "dense", units = 2 }]\ndecoder = [{ block = "dense", units = 5 }]'
    assert read(own, tmp_path, (5,)).decoder == (Dense(5),)


@pytest.mark.parametrize(
    "encoder",
    [
        (Dense(3, "relu"), Dense(2, "tanh")),
        (Flatten(), Dense(6, "sigmoid"), Reshape((2, 3)), Flatten(), Dense(2)),
        (Reshape((10,)), Dense(4)),
        (Flatten(),),
    ],
)
@pytest.mark.parametrize("item_shape", [(10,), (5, 2)])
def test_a_mirror_undoes_the_encoder_and_reads_back_from_json(
    encoder: tuple[Block, ...], item_shape: Shape
) -> None:
    if isinstance(encoder[0], Dense) and len(item_shape) > 1:
        encoder = (Flatten(), *encoder)
    spec = Spec(item_shape, encoder, mirrored(encoder, item_shape, "relu"))
    assert spec.shapes("decoder") == spec.shapes("encoder")[::-1]
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_decoder_of_no_blocks_reads_back_from_json() -> None:
    spec = Spec((5,), (Dense(5),), ())
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_blocks_are_placed_with_their_names_and_inputs() -> None:
    spec = Spec((2, 3), (Flatten(), Dense(4)), (Dense(6), Reshape((2, 3))))
    assert list(spec.placed("encoder")) == [
        ("encoder.0", Flatten(), (2, 3)),
        ("encoder.1", Dense(4), (6,)),
    ]
    assert list(spec.placed("decoder")) == [
        ("decoder.0", Dense(6), (4,)),
        ("decoder.1", Reshape((2, 3)), (6,)),
    ]


@pytest.mark.parametrize(
    "decoder",
    [
        pytest.param({}, id="mirrored"),
        pytest.param({"decoder": [dense(6)]}, id="own"),
    ],
)
def test_a_block_that_does_not_fit_is_named_with_what_it_got(decoder: dict[str, Any]) -> None:
    error = refused({"encoder": [dense(4)], **decoder}, (2, 3))
    assert "encoder block 0" in error.message
    assert "one dimension" in error.message
    assert "(2, 3)" in error.message
    assert "flatten" in (error.hint or "")


def test_a_decoder_block_that_does_not_fit_is_named() -> None:
    decoder = [dense(6), {"block": "reshape", "shape": [2, 4]}]
    error = refused({"encoder": [FLATTEN, dense(4)], "decoder": decoder}, (2, 3))
    assert "decoder block 1" in error.message
    assert "needs 8 values and gets 6" in error.message


def test_a_code_must_be_a_row() -> None:
    encoder = [dense(6), {"block": "reshape", "shape": [2, 3]}]
    error = refused({"encoder": encoder}, (10,))
    assert "encoder ends in shape (2, 3)" in error.message


def test_an_encoder_needs_a_block() -> None:
    with pytest.raises(UsageError, match="encoder"):
        Spec((5,), (), (Dense(5),))


def test_a_decoder_must_end_in_an_item() -> None:
    error = refused({"encoder": [dense(4)], "decoder": [dense(6)]}, (5,))
    assert "decoder ends in shape (6,)" in error.message
    assert "(5,)" in error.message
    assert "mirror" in (error.hint or "")


def test_a_spec_for_other_items_is_refused() -> None:
    error = refused({"item_shape": [7], "encoder": [dense(2)]}, (5,))
    assert "(7,)" in error.message
    assert "(5,)" in error.message


def test_an_unknown_entry_is_named() -> None:
    error = refused({"encoder": [dense(2)], "optimiser": "adam"}, (5,))
    assert "'optimiser'" in error.message
    assert "output_activation" in (error.hint or "")


def test_a_spec_without_an_encoder_is_refused() -> None:
    assert "no encoder" in refused({"decoder": [dense(5)]}, (5,)).message


def test_an_ending_for_a_decoder_that_is_given_is_refused() -> None:
    entries = {"encoder": [dense(2)], "decoder": [dense(5)], "output_activation": "relu"}
    assert "output_activation" in refused(entries, (5,)).message


def test_a_block_of_unknown_kind_is_named_with_the_known_ones() -> None:
    error = refused({"encoder": [FLATTEN, {"block": "transformer"}]}, (5,))
    assert "encoder block 1" in error.message
    assert "'transformer'" in error.message
    assert "dense" in (error.hint or "")


@pytest.mark.parametrize("entry", [dense(0), dense(2.5), dense(2, "swoosh")])
def test_an_option_outside_its_limits_is_named_with_its_block(entry: dict[str, Any]) -> None:
    assert "encoder block 1" in refused({"encoder": [FLATTEN, entry]}, (5,)).message


@pytest.mark.parametrize(
    ("entry", "takes"),
    [
        ({"block": "dense", "units": 3, "width": 4}, "dense takes units, activation"),
        ({"block": "dense"}, "dense takes units, activation"),
        ({"block": "flatten", "units": 3}, "flatten takes no options"),
        ({"block": "reshape"}, "reshape takes shape"),
    ],
)
def test_options_that_a_block_does_not_take_are_answered_with_those_it_does(
    entry: dict[str, Any], takes: str
) -> None:
    error = refused({"encoder": [entry]}, (5,))
    assert f"encoder block 0 ({entry['block']})" in error.message
    assert error.hint == takes


@pytest.mark.parametrize("shape", [None, 5, "5", [5, 0], [2.5], [-1]])
def test_an_item_shape_that_is_none_is_refused(shape: Any) -> None:
    error = refused({"item_shape": shape, "encoder": [dense(2)]})
    assert repr(shape) in error.message


@pytest.mark.parametrize("encoder", ["dense", {"block": "dense"}, [5], [["dense"]], None])
def test_an_encoder_that_is_no_list_of_blocks_is_refused(encoder: Any) -> None:
    assert "encoder" in refused({"encoder": encoder}, (5,)).message


@pytest.mark.parametrize("content", [b"encoder = [", b"\xff\xfe", b"encoder"])
def test_a_file_that_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"broken\.toml cannot be read as a spec"):
        Spec.from_toml(path, (5,))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(UsageError, match="cannot be read as a spec"):
            Spec.from_toml(path, (5,))


def test_the_mirror_of_convolutions_gives_back_odd_sizes() -> None:
    encoder = (Conv(4, 3, 2, activation="silu"), Pool(2), Conv(6, 1), Flatten(), Dense(2))
    assert mirrored(encoder, (9, 7), "sigmoid") == (
        Dense(3 * 2 * 6),
        Reshape((3, 2, 6)),
        ConvTranspose(4, 1, 1, activation="silu", size=(3, 2)),
        Upsample(2, (5, 4)),
        ConvTranspose(1, 3, 2, activation="sigmoid", size=(9, 7)),
        Reshape((9, 7)),
    )


def test_norms_are_mirrored_between_layers_and_dropout_is_not() -> None:
    encoder = (Norm(), Dense(5), Norm(), Activation("relu"), Dropout(0.5), Gaussian(2))
    assert mirrored(encoder, (7,), "sigmoid") == (
        Dense(5, "relu"),
        Norm(),
        Dense(7, "sigmoid"),
    )


def test_sums_are_mirrored_and_concatenations_are_undone() -> None:
    block = (Copy("a"), Dense(6, "relu"), Join("a"))
    assert mirrored((Dense(6), *block, Dense(2)), (4,), "linear") == (
        Dense(6, "relu"),
        Copy("a"),
        Dense(6, "linear"),
        Join("a"),
        Dense(4, "linear"),
    )
    wider = (Dense(6), Copy("a"), Dense(6), Join("a", "concatenate"), Dense(2))
    assert mirrored(wider, (4,), "linear") == (
        Dense(12),
        Crop((6,)),
        Dense(6),
        Dense(4),
    )


def test_a_sum_around_everything_still_ends_as_it_is_told() -> None:
    encoder = (Copy("a"), Dense(4, "relu"), Join("a"), Dense(2))
    assert mirrored(encoder, (4,), "sigmoid")[-2:] == (Join("a"), Activation("sigmoid"))


def test_what_only_moves_values_ends_in_no_activation_of_its_own() -> None:
    assert mirrored((Crop((4, 4)), Flatten(), Dense(2)), (6, 6), "relu") == (
        Dense(16, "relu"),
        Reshape((4, 4)),
        Pad((6, 6)),
    )
    assert mirrored((Flatten(),), (2, 3), "relu") == (Reshape((2, 3)),)


U_SHAPED = """
encoder = [
    { block = "conv", channels = 4, activation = "silu" },
    { block = "copy", to = "across" },
    { block = "pool" },
    { block = "flatten" },
    { block = "dense", units = 3 },
]
decoder = [
    { block = "dense", units = 36, activation = "silu" },
    { block = "reshape", shape = [3, 3, 4] },
    { block = "upsample", to = [5, 6] },
    { block = "join", copy = "across", how = "concatenate" },
    { block = "conv", channels = 1, kernel = [3, 1] },
    { block = "reshape", shape = [5, 6] },
]
"""


def test_a_decoder_may_join_what_the_encoder_kept(tmp_path: Path) -> None:
    spec = read(U_SHAPED, tmp_path, (5, 6))
    assert spec.crosses == ("across",)
    assert spec.shapes("decoder")[4] == (5, 6, 8)
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    items = np.ones((2, 5, 6), np.float32)
    arrays = initial_model(spec, Scaling(), 0).arrays
    flow = Flow()
    code = apply_part(spec, "encoder", arrays, items, flow)
    assert apply_part(spec, "decoder", arrays, code, flow).shape == items.shape


def test_a_decoder_that_joins_the_encoder_s_copies_cannot_run_on_codes(tmp_path: Path) -> None:
    spec = read(U_SHAPED, tmp_path, (5, 6))
    arrays = initial_model(spec, Scaling(), 0).arrays
    for flow in (None, Flow()):
        with pytest.raises(UsageError, match="decoder uses tensors that its encoder kept") as error:
            apply_part(spec, "decoder", arrays, np.ones((2, 3), np.float32), flow)
        assert "reconstruct or denoise" in (error.value.hint or "")


def test_a_join_without_its_copy_is_named_with_its_block(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(U_SHAPED.replace('to = "across"', 'to = "elsewhere"'), tmp_path, (5, 6))
    assert "decoder block 3" in caught.value.message
    assert "'across'" in caught.value.message


def test_statistics_are_named_in_full() -> None:
    encoder = (Norm(), Dense(3), Norm(), Norm("layer"), Dense(2))
    spec = Spec((4,), encoder, mirrored(encoder, (4,), "linear"))
    found = {
        f"{prefix}.{name}"
        for prefix in ("encoder.0", "encoder.2", "decoder.2")
        for name in ("mean", "variance")
    }
    assert spec.statistics == found


@pytest.mark.parametrize(
    ("decoder", "activation"),
    [
        ((Dense(4, "tanh"), Dense(6, "sigmoid"), Reshape((2, 3))), "sigmoid"),
        ((Dense(6), Activation("relu"), Reshape((2, 3))), "relu"),
        ((Dense(6, "relu"), Norm(), Reshape((2, 3))), "linear"),
    ],
)
def test_a_spec_knows_how_its_decoder_ends(decoder: tuple[Block, ...], activation: str) -> None:
    assert Spec((2, 3), (Flatten(), Dense(2)), decoder).output_activation == activation
