"""Model files: a model comes back whole or not at all, and a stranger's file does no harm."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load, save, save_file

from helpers.optional import optional
from narrows import Autoencoder
from narrows.data import load_data
from narrows.errors import DataError, ModelFileError, OutputError
from narrows.learnt.density import fit_density
from narrows.model.file import load_model, save_model
from narrows.model.trained import DataDescription, TrainedModel, TrainingRecord
from narrows.nn.model import initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.support.tensor_file import read_tensors, write_tensors
from narrows.tasks.fit_plan import Fitted
from narrows.version import __version__

pd = optional("pandas")


def tiny() -> TrainedModel:
    """The smallest model with everything a model file can hold."""
    spec = preset_spec("simple", (2,), latent=1, hidden=())
    return TrainedModel(
        model=initial_model(spec, Scaling(-1.5, 4.0), seed=0),
        data=DataDescription(name="x.npy", count=3, dtype="float64", value_range=(-2.0, 3.0)),
        training=TrainingRecord(preset="simple", objective="l2"),
        baseline={"mean": np.zeros(2), "components": np.eye(1, 2)},
        latent={name: np.zeros(1, np.float32) for name in ("lowest", "highest", "mean")},
        versions={"numpy": "2"},
        refinement=3,
        density=fit_density(np.arange(9.0).reshape(9, 1), 0).to_arrays(),
    )


def tiny_table() -> TrainedModel:
    """The smallest model of a table with a column of every kind."""
    table = pa.table(
        {
            "number": [1.5, None, 4.0, 2.0],
            "flag": [True, False, True, True],
            "text": pa.array(["x", "y", None, "x"]).dictionary_encode(),
            "day": pa.array([1, 2, 3, 3], pa.date32()),
            "fixed": [7, 7, 7, 7],
            "id": ["a", "b", "c", "d"],
        }
    )
    data = load_data(table)
    assert data.table is not None
    spec = preset_spec("simple", (data.table.width,), latent=1, hidden=())
    return TrainedModel(
        model=initial_model(spec, Scaling(), seed=0),
        data=DataDescription(name="a table", count=4, dtype="float32", table=data.table),
    )


def assert_same(found: TrainedModel, expected: TrainedModel) -> None:
    assert found.model.spec == expected.model.spec
    assert found.model.scaling == expected.model.scaling
    assert found.data == expected.data
    assert found.training == expected.training
    assert found.refinement == expected.refinement
    assert found.versions == {"narrows": __version__, **expected.versions}
    for part in ("baseline", "latent", "density"):
        np.testing.assert_equal(getattr(found, part), getattr(expected, part))
    np.testing.assert_equal(found.model.arrays, expected.model.arrays)
    for name, array in expected.model.arrays.items():
        assert found.model.arrays[name].dtype == array.dtype


def test_a_model_comes_back_whole(fitted: Fitted, tmp_path: Path) -> None:
    plain = replace(tiny(), latent={}, density={}, training=TrainingRecord(), versions={})
    for trained in (fitted.trained, tiny(), plain, tiny_table()):
        save_model(tmp_path / "model", trained)
        assert_same(load_model(tmp_path / "model"), trained)


def test_a_loaded_model_is_written_as_the_same_bytes(model_file: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "again", load_model(model_file))
    assert (tmp_path / "again").read_bytes() == model_file.read_bytes()


def test_dead_numbers_are_those_that_never_changed() -> None:
    lowest, highest = np.float32([0, -1, 2]), np.float32([0, 1, 2])
    trained = replace(tiny(), latent={"lowest": lowest, "highest": highest, "mean": lowest})
    assert trained.dead.tolist() == [0, 2]
    assert replace(tiny(), latent={}).dead.tolist() == []


@pytest.mark.slow
def test_no_bit_can_change_unseen(tmp_path: Path) -> None:
    path = tmp_path / "model"
    save_model(path, tiny())
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError) as caught:
            load_model(path)
        assert caught.value.hint
        assert str(path) in caught.value.message


@pytest.mark.slow
def test_no_length_but_the_whole_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model"
    save_model(path, tiny())
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            load_model(path)


def test_a_newer_format_asks_for_an_upgrade(tmp_path: Path) -> None:
    save_model(tmp_path / "model", tiny())
    arrays, entry = read_tensors(tmp_path / "model")
    write_tensors(tmp_path / "model", arrays, {**entry, "model": 5, "spec": "of the future"})
    with pytest.raises(
        ModelFileError, match=r"model format 5, and narrows .* reads up to 4"
    ) as error:
        load_model(tmp_path / "model")
    assert "pip install --upgrade narrows" in str(error.value.hint)


def test_the_first_format_is_still_read(tmp_path: Path) -> None:
    save_model(tmp_path / "model", tiny())
    arrays, entry = read_tensors(tmp_path / "model")
    del entry["data"]["table"]  # which it did not have
    write_tensors(tmp_path / "model", arrays, {**entry, "model": 1})
    assert_same(load_model(tmp_path / "model"), tiny())


def test_what_is_no_model_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(ModelFileError, match="not a safetensors file"):
        load_model(path)
    save_file({"a": np.zeros(3)}, path)
    with pytest.raises(ModelFileError, match="narrows did not write"):
        load_model(path)
    write_tensors(path, {}, {"checkpoint": 1})
    with pytest.raises(ModelFileError, match="not a narrows model"):
        load_model(path)
    path.write_bytes((1 << 50).to_bytes(8, "little") + b"{" * 50)
    with pytest.raises(ModelFileError, match="not a safetensors file"):
        load_model(path)


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        load_model(tmp_path / "missing")
    with pytest.raises(ModelFileError, match="cannot be read: Is a directory"):
        load_model(tmp_path)


# A file that a stranger made, with a checksum that is right.

Change = Callable[[dict[str, np.ndarray], dict[str, Any]], None]


def _set(*path: Any, to: Any) -> Change:
    def change(arrays: dict[str, np.ndarray], entry: dict[str, Any]) -> None:
        place: Any = entry
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def _array(name: str, array: np.ndarray | None) -> Change:
    def change(arrays: dict[str, np.ndarray], entry: dict[str, Any]) -> None:
        if array is None:
            del arrays[name]
        else:
            arrays[name] = array

    return change


def _without(name: str) -> Change:
    return lambda arrays, entry: entry.pop(name)


WEIGHT = "model/encoder.1.weight"
FORGERIES: dict[str, Change] = {
    "no spec": _without("spec"),
    "no data": _without("data"),
    "no scaling": _without("scaling"),
    "no training": _without("training"),
    "no versions": _without("versions"),
    "spec is a list": _set("spec", to=[]),
    "spec is null": _set("spec", to=None),
    "unknown block": _set("spec", "encoder", 0, to={"block": "exec"}),
    "block is a text": _set("spec", "encoder", 0, to="flatten"),
    "block with an unknown option": _set("spec", "encoder", 0, to={"block": "flatten", "x": 1}),
    "a trillion units": _set("spec", "encoder", 1, "units", to=10**12),
    "units beyond 64 bits": _set("spec", "encoder", 1, "units", to=10**30),
    "units as a text": _set("spec", "encoder", 1, "units", to="1"),
    "units as a float": _set("spec", "encoder", 1, "units", to=1.0),
    "no units": _set("spec", "encoder", 1, "units", to=0),
    "an item of a trillion values": _set("spec", "item_shape", to=[10**12]),
    "an item beyond 64 bits": _set("spec", "item_shape", to=[10**30]),
    "an item beyond 64 bits, mirrored": lambda arrays, entry: entry.update(
        spec={"item_shape": [10**30], "encoder": entry["spec"]["encoder"]}
    ),
    "an item of no values": _set("spec", "item_shape", to=[0]),
    "an item of negative length": _set("spec", "item_shape", to=[-2]),
    "another item shape": _set("spec", "item_shape", to=[3]),
    "scaling by zero": _set("scaling", "scale", to=0.0),
    "scaling by NaN": _set("scaling", "scale", to=float("nan")),
    "scaling by infinity": _set("scaling", "offset", to=float("inf")),
    "scaling by a list": _set("scaling", "scale", to=[1]),
    "scaling beyond floats": _set("scaling", "scale", to=10**400),
    "dtype of objects": _set("data", "dtype", to="object"),
    "dtype of texts": _set("data", "dtype", to="U1000000"),
    "dtype of records": _set("data", "dtype", to="f8,f8"),
    "complex dtype": _set("data", "dtype", to="complex128"),
    "no such dtype": _set("data", "dtype", to="float7"),
    "count is infinite": _set("data", "count", to=float("inf")),
    "count is a text": _set("data", "count", to="many"),
    "value range is a number": _set("data", "value_range", to=3),
    "value range is empty": _set("data", "value_range", to=[]),
    "training is a list": _set("training", to=[1]),
    "a loss that is a text": _set("training", "loss", to="low"),
    "an epoch that is a share": _set("training", "epoch", to=0.5),
    "an objective that is a number": _set("training", "objective", to=2),
    "filters that are a list": _set("training", "filters", to=[1]),
    "a filter without numbers": _set("training", "filters", to={"median": {"size": "3"}}),
    "refinement is a text": _set("refinement", to="2"),
    "refinement is negative": _set("refinement", to=-1),
    "refinement without end": _set("refinement", to=10**9),
    "versions is a list": _set("versions", to=[1]),
    "a missing array": _array(WEIGHT, None),
    "an array of integers": _array(WEIGHT, np.zeros((2, 1), np.int32)),
    "an array of another shape": _array(WEIGHT, np.zeros((1, 2), np.float32)),
    "an array with NaN": _array(WEIGHT, np.full((2, 1), np.nan, np.float32)),
    "an array with infinity": _array("model/decoder.0.bias", np.float32([0, np.inf])),
    "a baseline of another size": _array("baseline/mean", np.zeros(3)),
    "a baseline of no dimension": _array("baseline/components", np.zeros(())),
    "a baseline with no components": _array("baseline/components", None),
    "latent statistics of another size": _array("latent/lowest", np.zeros(2, np.float32)),
    "a missing latent statistic": _array("latent/mean", None),
    "a density without weights": _array("density/weights", None),
    "a density of no components": _array("density/weights", np.zeros(0)),
    "a density of another size": _array("density/cholesky", np.ones((1, 2, 2))),
    "a density with a component less": _array("density/weights", np.full(2, 0.5)),
    "weights that are no shares": _array("density/weights", np.full(1, 0.5)),
    "negative weights": _array("density/weights", np.full(1, -1.0)),
    "a component without a width": _array("density/cholesky", np.zeros((1, 1, 1))),
    "a negative scale": _array("density/scale", np.full(1, -1.0)),
    "a density with NaN": _array("density/means", np.full((1, 1), np.nan)),
    "format is a text": _set("model", to="1"),
    "format is null": _set("model", to=None),
}


def _column(index: int, **values: Any) -> Change:
    return lambda arrays, entry: entry["data"]["table"]["columns"][index].update(values)


TABLE_FORGERIES: dict[str, Change] = {
    "table is a list": _set("data", "table", to=[1]),
    "no columns": _set("data", "table", "columns", to=[]),
    "a column that is a text": _set("data", "table", "columns", 0, to="number"),
    "a frame that is no library": _set("data", "table", "frame", to="os"),
    "a column less": lambda arrays, entry: entry["data"]["table"]["columns"].pop(0),
    "an unknown kind": _column(0, kind="exec"),
    "a name that is a number": _column(0, name=3),
    "the same name twice": _column(0, name="flag"),
    "a long name": _column(0, name="x" * 20_000),
    "an unknown dtype": _column(0, dtype="extension<arrow.py_extension_type>"),
    "a nested dtype": _column(0, dtype="list<item: double>"),
    "dtypes within dtypes": _column(
        0,
        dtype="dictionary<values=" * 5000 + "string" + ", indices=int8, ordered=0>" * 5000,
    ),
    "a dtype beyond its digits": _column(0, dtype="decimal128(99, 2)"),
    "a scale of zero": _column(0, scale=[0.0, 1.0]),
    "a scale of NaN": _column(0, scale=[float("nan"), 1.0]),
    "an infinite centre": _column(0, centre=[float("inf"), 1.0]),
    "a feature too many": _column(0, scale=[1.0] * 3, centre=[0.0] * 3),
    "ten thousand features": _column(0, scale=[1.0] * 10**4, centre=[0.0] * 10**4),
    "centres that are texts": _column(0, centre=["a", "b"]),
    "more categories than features": _column(2, categories=["x", "y", "z"]),
    "the same category twice": _column(2, categories=["x", "x"]),
    "categories that are numbers": _column(2, categories=[1, 2]),
    "categories that are a text": _column(2, categories="xy"),
    "a constant of another type": _column(4, value="seven"),
    "a constant that is a number": _column(4, value=7),
    "numbers in a column of texts": _column(0, dtype="string"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "model"),
    [
        *((change, tiny) for change in FORGERIES.values()),
        *((change, tiny_table) for change in TABLE_FORGERIES.values()),
    ],
    ids=[*FORGERIES, *TABLE_FORGERIES],
)
def test_a_forged_file_is_refused_before_memory_is_given(
    change: Change, model: Callable[[], TrainedModel], tmp_path: Path
) -> None:
    path = tmp_path / "model"
    save_model(path, model())
    arrays, entry = read_tensors(path)
    change(arrays, entry)
    write_tensors(path, arrays, entry)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError):
            load_model(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_a_checksum_covers_the_entry_and_the_arrays(tmp_path: Path) -> None:
    path = tmp_path / "model"
    save_model(path, tiny())
    content = path.read_bytes()
    arrays = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata = json.loads(header["__metadata__"]["narrows"])
    forged = {**metadata, "content": metadata["content"].replace("x.npy", "y.npy")}
    assert hashlib.sha256(forged["content"].encode()).hexdigest() != forged["sha256"]
    path.write_bytes(save(arrays, {"narrows": json.dumps(forged)}))
    with pytest.raises(ModelFileError, match="checksum"):
        load_model(path)
    changed = {**arrays, "baseline/mean": arrays["baseline/mean"] + 1}
    path.write_bytes(save(changed, {"narrows": json.dumps(metadata)}))
    with pytest.raises(ModelFileError, match="checksum"):
        load_model(path)


# What is written is read first


@pytest.mark.slow
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "model"
    save_model(path, tiny())
    before = path.read_bytes()
    arrays = {name: array * np.nan for name, array in tiny().model.arrays.items()}
    broken = replace(tiny(), model=replace(tiny().model, arrays=arrays))
    with pytest.raises(OutputError, match="was not written: it could not be read again"):
        save_model(path, broken)
    assert path.read_bytes() == before
    with pytest.raises(OutputError, match="are read at most"):
        write_tensors(path, {}, {"text": "\N{GRINNING FACE}" * 4_000_000})
    assert path.read_bytes() == before


ODD_COLUMNS = {
    "a constant of many letters": ["x" * 12_000] * 40,
    "classes of many letters": ["a" * 9000 + "1", "a" * 9000 + "2"] * 20,
    "one beyond what is kept": ["a" * 20_000, "b", "c", "b"] * 10,
    "declared": ["a", "b"] * 20,
    "odd letters": ["a\0b", "c\nd", "\u202eabc", ""] * 10,
    "far apart": [2**63 - 1 - 7**15 * i for i in range(40)],
    "beyond a double": [2**64 - 1 - i for i in range(40)],
    "signs of zero": [-0.0, 0.0] * 20,
    "subnormal": (np.arange(40) * 5e-324).tolist(),
    "wide": np.linspace(-1e149, 1e149, 40).tolist(),
    "none at all": [None] * 40,
    "half precision": np.linspace(0, 1, 40, dtype=np.float16),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD_COLUMNS)
def test_whatever_is_learnt_opens_again(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"number": np.random.default_rng(0).normal(size=40)})
    frame["x"] = ODD_COLUMNS[kind]
    if kind == "declared":
        frame["x"] = pd.Categorical(frame["x"], categories=["a", "b", "z" * 20_000])
    learnt = Autoencoder(1, preset="simple", epochs=1).fit(frame)
    learnt.save(tmp_path / "m")
    again = Autoencoder.load(tmp_path / "m")
    pd.testing.assert_frame_equal(
        again.inverse_transform(again.transform(frame)),
        learnt.inverse_transform(learnt.transform(frame)),
    )


def test_a_name_of_many_letters_opens_again_or_is_refused_by_name(tmp_path: Path) -> None:
    for letters in (10_000, 10_001):
        frame = pd.DataFrame({"n" * letters: np.arange(40) % 7, "b": np.arange(40) % 3})
        if letters > 10_000:
            with pytest.raises(DataError, match=r"nnn\.\.\. \(10,001 letters\)"):
                Autoencoder(1).fit(frame)
            continue
        Autoencoder(1, preset="simple", epochs=1).fit(frame).save(tmp_path / "m")
        assert list(Autoencoder.load(tmp_path / "m").feature_names_in_) == list(frame)


@pytest.mark.slow
@pytest.mark.parametrize("letters", [200, 300, 12_000, 1_000_001])
def test_texts_that_differ_are_not_the_same(letters: int) -> None:
    texts = ["a" * letters + ending for ending in "xy" * 20]
    frame = pd.DataFrame({"text": texts, "number": np.arange(40) % 7})
    column = load_data(frame).table
    assert column is not None and column["text"].kind in ("categorical", "ignored")
    if letters < 10_000:
        assert set(column["text"].categories) == set(texts)


def test_a_constant_beyond_what_is_kept_is_ignored_and_said() -> None:
    frame = pd.DataFrame({"text": ["x" * 1_000_001] * 40, "number": np.arange(40) % 7})
    data = load_data(frame)
    assert data.table is not None and data.table["text"].kind == "ignored"
    assert "always has the same text of 1,000,001 letters" in data.notes[0]
