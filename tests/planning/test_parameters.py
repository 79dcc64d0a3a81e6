"""Parameters: what none can mean is refused by name, and model files keep all of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from helpers.command_line import Command
from helpers.optional import optional
from narrows import (
    Autoencoder,
    Dataset,
    OutlierDetector,
    PyODDetector,
    compress,
    decompress,
    load_data,
)
from narrows.archive import open_archive
from narrows.errors import ModelFileError, NarrowsError, UsageError
from narrows.model.file import load_model, save_model
from narrows.support.arguments import sizes, whole
from narrows.support.tensor_file import read_tensors, write_tensors

RANDOM = np.random.default_rng(0)
ITEMS = RANDOM.normal(size=(40, 6)) @ RANDOM.normal(size=(6, 6))


class Unknown:
    """An object of no kind that is known, whose name is the same in every process."""

    def __repr__(self) -> str:
        return "Unknown()"


# What no parameter of a kind takes.
NO_NUMBER = ["3", "x", [1, 2], {}, Unknown(), b"3", True, np.array([1.0, 2.0]), 1j]
NO_WHOLE = [*NO_NUMBER, 0.95, float("nan"), float("inf"), np.float32(2.5)]
NO_TEXT = [3, 0.3, ["l2"], {}, b"l2", True, Unknown(), np.array(1)]
NO_SIZES = ["32", {}, (0,), (2.5,), ("a",), 2.5, True, (True,), Unknown(), -3, [[3]], (None,)]
NO_PATH = [3, 0.3, [], {}, b"x", True, Unknown()]


def cases() -> list[tuple[str, Any]]:
    """Every parameter of an Autoencoder with values that it does not take."""
    wrong: dict[str, list[Any]] = {
        "hidden": NO_SIZES,
        "spec": NO_PATH,
        "tensorboard": NO_PATH,
        "preset": [*NO_TEXT, None, ""],
        "loss": [*NO_TEXT, None, ""],
        "noise": [*NO_TEXT, ""],
        "validation_fraction": [*NO_NUMBER, None, -0.1, 1, float("nan")],
        "random_state": [-1, 1.5, "seed", True, [1], float("nan")],
    }
    for name in ("latent", "epochs", "batch_size", "shift", "refine", "patience", "devices"):
        wrong[name] = [*NO_WHOLE, -1]
    for name in ("learning_rate", "weight_decay", "item_bytes"):
        wrong[name] = [*NO_NUMBER, -1, float("nan"), float("inf")]
    return [(name, value) for name, values in wrong.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(), ids=repr)
def test_what_a_parameter_cannot_mean_is_refused_by_name(name: str, value: Any) -> None:
    preset = {"preset": "rounded"} if name == "item_bytes" else {}
    with pytest.raises(UsageError) as caught:
        Autoencoder(**{"latent": None, "epochs": 1, **preset, name: value}).fit(ITEMS)
    said = caught.value.message.replace(" ", "_")
    named = {"refine": "refine", "item_bytes": "bytes"}.get(name, name)
    assert named in said, said
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("criterion", [3, None, ["density"], True]),
        ("false_alarms", [*NO_NUMBER, None, 0, 1, -0.1, float("nan")]),
    ],
)
def test_a_detectors_parameters_are_refused_by_name(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(UsageError) as caught:
            OutlierDetector(**{"epochs": 1, name: value}).fit(ITEMS)
        assert name.replace("_", " ").rstrip("s") in caught.value.message.replace("_", " ")
        assert caught.value.hint


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        *[({"contamination": value}, "contamination") for value in [*NO_NUMBER, None, 0.0, 0.6]],
        *[({"others": value}, "others") for value in [3, "x", ["epochs"], {"epoch": 3}, {3: 3}]],
    ],
    ids=repr,
)
def test_pyods_parameters_are_refused_by_name(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        PyODDetector(**parameters).fit(ITEMS)
    assert caught.value.hint


def typed_frame() -> Any:
    pd = optional("pandas")

    codes = [["10115", "80331", "50667"][row % 3] for row in range(30)]
    return pd.DataFrame({"zip": codes, "price": np.arange(30.0) % 7, "note": np.arange(30) % 5})


@pytest.mark.slow
def test_types_say_what_the_columns_of_a_frame_are_and_are_kept(tmp_path: Path) -> None:
    frame, types = typed_frame(), {"zip": "integer", "note": "ignored", "price": "categorical"}
    wanted = {"zip": "integer", "price": "categorical", "note": "ignored"}
    for estimator, kind in (
        (Autoencoder(2, epochs=1, refine=0, types=types), "str"),
        (PyODDetector(others={"epochs": 1, "types": types}), "category"),
    ):
        frame["zip"] = frame["zip"].astype(kind)
        estimator.fit(frame).save(tmp_path / "model")
        loaded = type(estimator).load(tmp_path / "model")
        assert loaded.get_params() == estimator.get_params()
        again = clone(loaded).fit(frame)
        trained = again.model_ if isinstance(again, Autoencoder) else again.detector_.model_
        assert {column.name: column.kind for column in trained.data.table.columns} == wanted
    # what load_data has read so is taken, and nothing that was read otherwise
    alike = Autoencoder(2, epochs=1, refine=0, types=types)
    alike.fit(load_data(frame, types=types))
    gap = frame.assign(zip=frame["zip"].where(frame.index > 0))
    assert alike.denoise(gap).notna().all(axis=None)
    with pytest.raises(UsageError, match="types says that column 'zip' is integer"):
        alike.fit(load_data(frame))


@pytest.mark.parametrize(
    "types",
    [3, "zip=integer", ["zip"], {3: "integer"}, {"zip": 3}, {"zip": None}, {"zip": []},
     {"zip": "number"}, {"Zip": "integer"}],
    ids=repr,
)  # fmt: skip
def test_types_that_cannot_be_meant_are_refused(types: Any) -> None:
    with pytest.raises(UsageError, match=r"types|column") as caught:
        Autoencoder(2, epochs=1, types=types).fit(typed_frame())
    assert caught.value.hint


def test_types_of_what_has_no_columns_are_refused() -> None:
    for X in (ITEMS, ITEMS.tolist(), sp.csr_array(ITEMS), Dataset("X", ITEMS)):
        for kind in (Autoencoder, OutlierDetector):
            with pytest.raises(UsageError, match="X has no named columns"):
                kind(2, epochs=1, types={"zip": "integer"}).fit(X)


def test_a_share_for_latent_is_told_apart_from_pcas() -> None:
    for share in (0.95, 1.0, np.float32(0.5), np.array(0.9)):
        with pytest.raises(UsageError, match="latent is") as caught:
            Autoencoder(latent=share).fit(ITEMS)
        assert "share of the variance" in str(caught.value)


def test_one_number_is_one_hidden_layer_whatever_its_type() -> None:
    alone = {"latent": 2, "epochs": 1, "preset": "simple"}
    wanted = Autoencoder(hidden=(32,), **alone).fit(ITEMS).transform(ITEMS)
    found = Autoencoder(hidden=32, **alone).fit(ITEMS)
    np.testing.assert_array_equal(found.transform(ITEMS), wanted)
    for hidden in (np.int16(32), np.array(32), np.array([32]), [32]):
        assert sizes("hidden", hidden) == (32,)


def test_numbers_of_any_type_are_numbers() -> None:
    for value in (3, 3.0, np.int8(3), np.float32(3), np.array(3), np.array(3.0)):
        assert whole("latent", value) == 3
    assert sizes("hidden", np.arange(2, 5)) == (2, 3, 4)
    fitted = Autoencoder(latent=2, epochs=1, preset="simple").fit(ITEMS)
    with pytest.raises(UsageError, match="n_samples is '3'"):
        fitted.sample("3")
    for steps in (None, "x", 2.5, True):
        with pytest.raises(UsageError, match="steps is"):
            fitted.interpolate(ITEMS[0], ITEMS[1], steps)


# Kept in model files


EVERY = {
    "latent": 3,
    "hidden": (8,),
    "preset": "dense",
    "loss": "huber:2.5",
    "epochs": 6,
    "batch_size": 8,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "shift": 0,
    "noise": "gaussian:0.1",
    "refine": 0,
    "validation_fraction": 0.3,
    "patience": 2,
    "random_state": 3,
}


@pytest.mark.slow
def test_a_loaded_estimator_has_every_parameter_and_trains_the_same(tmp_path: Path) -> None:
    estimator = Autoencoder(**EVERY).fit(ITEMS)
    estimator.save(tmp_path / "model")
    loaded = Autoencoder.load(tmp_path / "model")
    assert loaded.get_params() == estimator.get_params()
    again = clone(loaded).fit(ITEMS)
    np.testing.assert_array_equal(again.transform(ITEMS), estimator.transform(ITEMS))
    assert again.history_[-1]["loss"] == estimator.history_[-1]["loss"]
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_what_was_left_open_stays_open(tmp_path: Path) -> None:
    given = {"epochs": 1, "refine": 0}
    Autoencoder(**given).fit(ITEMS).save(tmp_path / "model")
    assert Autoencoder.load(tmp_path / "model").get_params() == Autoencoder(**given).get_params()


@pytest.mark.slow
def test_a_generator_is_kept_as_the_seed_that_it_gave(tmp_path: Path) -> None:
    estimator = Autoencoder(epochs=1, refine=0, random_state=np.random.RandomState(7)).fit(ITEMS)
    estimator.save(tmp_path / "model")
    again = clone(Autoencoder.load(tmp_path / "model")).fit(ITEMS)
    np.testing.assert_array_equal(again.transform(ITEMS), estimator.transform(ITEMS))


@pytest.mark.slow
def test_a_spec_is_kept_without_its_file(tmp_path: Path) -> None:
    spec = tmp_path / "model.toml"
    spec.write_text('encoder = [{ block = "dense", units = 3, activation = "tanh" }]\n')
    estimator = Autoencoder(spec=spec, epochs=2, refine=0).fit(ITEMS)
    estimator.save(tmp_path / "model")
    spec.unlink()
    again = clone(Autoencoder.load(tmp_path / "model")).fit(ITEMS)
    np.testing.assert_array_equal(again.transform(ITEMS), estimator.transform(ITEMS))
    with pytest.raises(UsageError, match=r"for items of shape \(6,\), the data have \(5,\)"):
        clone(again).fit(ITEMS[:, :5])


@pytest.mark.slow
def test_detectors_keep_theirs(tmp_path: Path) -> None:
    detector = OutlierDetector(
        2, criterion="density", false_alarms=0.2, preset="simple", hidden=(8,), epochs=2,
        validation_fraction=0.4,
    ).fit(ITEMS)  # fmt: skip
    detector.save(tmp_path / "model")
    loaded = OutlierDetector.load(tmp_path / "model")
    assert loaded.get_params() == detector.get_params()
    assert loaded.offset_ == detector.offset_
    again = clone(loaded).fit(ITEMS)
    np.testing.assert_array_equal(again.predict(ITEMS), detector.predict(ITEMS))


@pytest.mark.slow
def test_pyods_detector_is_saved_with_its_scores(tmp_path: Path) -> None:
    others = {"epochs": 2, "preset": "simple", "criterion": "isolation"}
    detector = PyODDetector(0.2, others).fit(ITEMS)
    detector.save(tmp_path / "model")
    loaded = PyODDetector.load(tmp_path / "model")
    assert loaded.get_params() == detector.get_params()
    np.testing.assert_array_equal(loaded.decision_scores_, detector.decision_scores_)
    np.testing.assert_array_equal(loaded.labels_, detector.labels_)
    np.testing.assert_array_equal(loaded.predict_proba(ITEMS), detector.predict_proba(ITEMS))
    again = clone(loaded).fit(ITEMS)
    np.testing.assert_array_equal(again.decision_scores_, detector.decision_scores_)
    # and of a file that has no such scores
    detector.detector_.save(tmp_path / "plain")
    plain = PyODDetector.load(tmp_path / "plain")
    assert (plain.contamination, plain.others["criterion"]) == (0.1, "isolation")
    assert set(plain.predict(ITEMS)) <= {0, 1}


@pytest.mark.slow
def test_what_the_program_fitted_is_trained_again(narrows: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ITEMS)
    model = tmp_path / "model.safetensors"
    options = (
        "--latent 3 --hidden 8 --preset simple --epochs 4 --loss l1 --validation 0.25 --seed 5"
    )
    done = narrows("fit", tmp_path / "x.npy", "--out", model, *options.split(), "--patience", 2)
    assert done.code == 0
    loaded = Autoencoder.load(model)
    wanted = {
        "latent": 3, "hidden": (8,), "preset": "simple", "epochs": 4, "loss": "l1",
        "validation_fraction": 0.25, "random_state": 5, "patience": 2, "refine": None,
    }  # fmt: skip
    assert {name: loaded.get_params()[name] for name in wanted} == wanted
    again = clone(loaded).fit(ITEMS)
    np.testing.assert_array_equal(again.transform(ITEMS), loaded.transform(ITEMS))
    # as a detector, which would plan fewer epochs where nothing is said
    done = narrows("fit", tmp_path / "x.npy", "--out", model, "--latent", 2, "--preset", "simple")
    assert done.code == 0
    assert OutlierDetector.load(model).epochs == 50


@pytest.mark.slow
def test_older_files_tell_what_they_can(tmp_path: Path, digits: Dataset) -> None:
    rows = digits.items[:60].reshape(60, -1)
    estimator = Autoencoder(3, hidden=(9,), preset="simple", epochs=2, batch_size=16).fit(rows)
    estimator.save(tmp_path / "model")
    arrays, entry = read_tensors(tmp_path / "model")
    del entry["parameters"]
    write_tensors(tmp_path / "old", arrays, entry)
    loaded = Autoencoder.load(tmp_path / "old")
    assert (loaded.latent, loaded.hidden, loaded.preset) == (3, (9,), "simple")
    again = clone(loaded).fit(rows)
    np.testing.assert_array_equal(again.transform(rows), estimator.transform(rows))


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry",
    [
        3, [], "x", {"of": "Autoencoder"},
        {"of": 3, "values": {}, "spec": False, "epochs": 1},
        {"of": "Autoencoder", "values": {"latent": [[3]]}, "spec": False, "epochs": 1},
        {"of": "Autoencoder", "values": {"types": {"a": []}}, "spec": False, "epochs": 1},
        {"of": "Autoencoder", "values": {}, "spec": 1, "epochs": 1},
        {"of": "Autoencoder", "values": {}, "spec": False, "epochs": "x"},
        {"of": "A", "values": {}, "spec": False, "epochs": 1, "contamination": 3, "others": []},
        {"of": "A", "values": {}, "spec": False, "epochs": 1, "contamination": 0.1, "others": [3]},
    ],
    ids=repr,
)  # fmt: skip
def test_forged_parameters_are_damage(entry: Any, model_file: Path) -> None:
    arrays, header = read_tensors(model_file)
    write_tensors(model_file, arrays, {**header, "parameters": entry})
    with pytest.raises(ModelFileError, match="is damaged"):
        load_model(model_file)


def test_forged_values_of_parameters_are_refused_by_fit(model_file: Path) -> None:
    arrays, header = read_tensors(model_file)
    values = {"epochs": "many", "hidden": ["x"], "unknown": 3, "check_range": "yes"}
    entry = {"of": "Autoencoder", "values": values, "spec": False, "epochs": 1}
    write_tensors(model_file, arrays, {**header, "parameters": entry})
    loaded = Autoencoder.load(model_file)
    with pytest.raises(NarrowsError):
        clone(loaded).fit(ITEMS)
    assert load_model(model_file).parameters == entry


def test_forged_scores_are_damage(model_file: Path) -> None:
    from dataclasses import replace

    trained = load_model(model_file)
    for scores in ({"training": np.zeros((2, 2))}, {"other": np.zeros(2)}):
        arrays, header = read_tensors(model_file)
        arrays |= {f"scores/{name}": array for name, array in scores.items()}
        write_tensors(model_file, arrays, header)
        with pytest.raises(ModelFileError, match="scores/training"):
            load_model(model_file)
        save_model(model_file, replace(trained))


def test_load_takes_paths_alone() -> None:
    for path in (3, None, b"x", ["x"]):
        for kind in (Autoencoder, OutlierDetector, PyODDetector):
            with pytest.raises(UsageError, match="path is"):
                kind.load(path)
    assert load_data("digits").name == "digits"


# Functions


NOTHING = ["x", {}, Unknown(), [1, 2], True, None, -1, float("nan"), float("inf"), 0.5, 1j, 10**400]
ARRAY = np.arange(12).reshape(4, 3)


@pytest.mark.parametrize("value", [*NOTHING, np.array(0.1), np.array([1.0, 2.0])], ids=repr)
def test_functions_of_archives_refuse_what_they_cannot_mean_with_a_hint(value: Any) -> None:
    blob = compress(ARRAY)
    calls: dict[str, Callable[[], Any]] = {
        "X": lambda: compress(value),
        "max_error": lambda: compress(ARRAY.astype(float), value),
        "effort": lambda: compress(ARRAY, effort=value),
        "model": lambda: decompress(blob, model=value),
        "track": lambda: compress(ARRAY, track=value),
        "blob": lambda: decompress(value),
        "max_bytes": lambda: decompress(blob, max_bytes=value),
        "path": lambda: open_archive(value),
    }
    for name, call in calls.items():
        try:
            call()
        except NarrowsError as error:
            assert error.hint, (name, error)


def test_one_number_in_an_array_is_a_largest_error() -> None:
    values = np.linspace(0, 1, 50)
    for bound in (np.array(0.1), np.float32(0.125), np.array(1, np.int8)):
        found = decompress(compress(values, bound))
        assert np.abs(found - values).max() <= float(bound)
    for effort in ("most", None, 3):
        with pytest.raises(UsageError, match="effort is"):
            compress(values, effort=effort)
    for most in ("1", True, -1, float("nan")):
        with pytest.raises(UsageError, match="max_bytes is"):
            decompress(compress(values), max_bytes=most)
    np.testing.assert_array_equal(decompress(compress(sp.csr_array(np.eye(3)))), np.eye(3))
