"""The estimator: what scikit-learn asks of one, and that items come back as they were given."""

import copy
import importlib.util
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from helpers.optional import optional
from narrows import Autoencoder, Dataset
from narrows.errors import DataError, ModelFileError, UsageError


def small(**parameters: Any) -> Autoencoder:
    return Autoencoder(
        **{"latent": 3, "hidden": (8,), "preset": "simple", "epochs": 2} | parameters
    )


@pytest.fixture(scope="module")
def rows(digits: Dataset) -> np.ndarray:
    """300 digits as flat rows of uint8."""
    return digits.items[:300].reshape(300, -1)


@pytest.mark.slow
@parametrize_with_checks([Autoencoder(epochs=2)])
def test_scikit_learns_own_checks_pass(estimator: Autoencoder, check: Any) -> None:
    check(estimator)


# Shapes and dtypes


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64,), (8, 8), (8, 8, 1), (4, 4, 4), (2, 2, 4, 4)])
def test_items_of_any_shape_come_back_in_it(shape: tuple[int, ...], rows: np.ndarray) -> None:
    items = rows.reshape(-1, *shape)
    estimator = small()
    assert estimator.fit(items) is estimator
    codes = estimator.transform(items)
    assert codes.shape == (300, 3)
    assert codes.dtype == np.float32
    assert estimator.inverse_transform(codes).shape == items.shape
    assert estimator.item_shape_ == shape


@pytest.mark.slow
def test_the_shape_of_the_items_changes_nothing_else(rows: np.ndarray) -> None:
    images = rows.reshape(-1, 8, 8)
    flat, shaped = small().fit(rows), small().fit(images)
    np.testing.assert_array_equal(shaped.transform(images), flat.transform(rows))
    np.testing.assert_array_equal(shaped.score_samples(images), flat.score_samples(rows))


def test_a_model_of_images_takes_flat_rows(rows: np.ndarray) -> None:
    images = rows.reshape(-1, 8, 8)
    estimator = small().fit(images)
    np.testing.assert_array_equal(estimator.transform(rows), estimator.transform(images))


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "uint16", "int64", "float16", "float32", "float64"]
)
def test_items_come_back_in_their_dtype(dtype: str, rows: np.ndarray) -> None:
    items = (rows > 8 if dtype == "bool" else rows).astype(dtype)
    estimator = small().fit(items)
    found = estimator.inverse_transform(estimator.transform(items))
    assert found.dtype == items.dtype
    assert found.shape == items.shape


def test_8_bit_items_come_back_within_their_range(rows: np.ndarray) -> None:
    estimator = small(epochs=1).fit(rows)
    far = np.full((1, 3), 1e6, np.float32)
    assert estimator.inverse_transform(far).max() == 255


@pytest.mark.slow
def test_integers_come_back_rounded(rows: np.ndarray) -> None:
    whole = small(epochs=5).fit(rows.astype(np.int64))
    exact = small(epochs=5).fit(rows.astype(np.float64))
    codes = exact.transform(rows)
    np.testing.assert_array_equal(whole.transform(rows), codes)
    np.testing.assert_allclose(
        whole.inverse_transform(codes), exact.inverse_transform(codes), atol=0.5
    )


# Where the items lie in memory


def test_read_only_items_do(rows: np.ndarray) -> None:
    locked = rows.copy()
    locked.flags.writeable = False
    np.testing.assert_array_equal(
        small().fit(locked).transform(locked), small().fit(rows).transform(rows)
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_memory_mapped_items_do(dtype: str, rows: np.ndarray, tmp_path: Path) -> None:
    items = rows.astype(dtype)
    np.save(tmp_path / "items.npy", items)
    mapped = np.load(tmp_path / "items.npy", mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(
        small().fit(mapped).transform(mapped), small().fit(items).transform(items)
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_columns_first_items_do(dtype: str, rows: np.ndarray) -> None:
    items = rows.astype(dtype)
    columns = np.asfortranarray(items)
    trained, other = small().fit(items), small().fit(columns)
    np.testing.assert_array_equal(other.transform(items), trained.transform(items))
    np.testing.assert_array_equal(trained.transform(columns), trained.transform(items))
    np.testing.assert_array_equal(trained.score_samples(columns), trained.score_samples(items))


@pytest.mark.slow
def test_lists_of_lists_do(rows: np.ndarray) -> None:
    lists = rows.tolist()
    codes = small().fit(lists).transform(lists)
    np.testing.assert_array_equal(codes, small().fit(rows.astype(int)).transform(rows))


# Scores


def test_scores_are_minus_the_mean_squared_error(rows: np.ndarray) -> None:
    items = rows.astype(np.float64)
    estimator = small().fit(items)
    found = estimator.inverse_transform(estimator.transform(items))
    expected = -((found - items) ** 2).mean(axis=1)
    np.testing.assert_allclose(estimator.score_samples(items), expected, rtol=1e-6)
    np.testing.assert_allclose(estimator.score(items), expected.mean(), rtol=1e-6)


def test_the_score_of_the_validation_data_is_their_last_loss(rows: np.ndarray) -> None:
    estimator = small().fit(rows[:200], validation_data=rows[200:])
    np.testing.assert_allclose(
        estimator.score(rows[200:]), -estimator.history_[-1]["val_loss"], rtol=1e-5
    )


# Validation


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "fraction", "validated"),
    [(300, 0.1, True), (300, 0.0, False), (20, 0.1, True), (19, 0.1, False), (20, 0.99, True)],
)
def test_rows_are_held_out_where_there_are_enough(
    count: int, fraction: float, validated: bool, rows: np.ndarray
) -> None:
    estimator = small(validation_fraction=fraction).fit(rows[:count])
    assert all(("val_loss" in record) == validated for record in estimator.history_)


@pytest.mark.parametrize("fraction", [-0.1, 1, 2.5, float("nan")])
def test_a_fraction_outside_its_limits_is_refused(fraction: float, rows: np.ndarray) -> None:
    with pytest.raises(UsageError, match="validation_fraction is"):
        small(validation_fraction=fraction).fit(rows)


def test_validation_data_of_another_shape_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\(63,\).*\(64,\)"):
        small().fit(rows, validation_data=rows[:, :63])


def test_patience_keeps_the_best_epoch(rows: np.ndarray) -> None:
    estimator = small(epochs=100, learning_rate=0.05, patience=2).fit(
        rows[:30], validation_data=rows[200:]
    )
    best = min(record["val_loss"] for record in estimator.history_)
    assert len(estimator.history_) < 100
    np.testing.assert_allclose(-estimator.score(rows[200:]), best, rtol=1e-5)


# Randomness


@pytest.mark.slow
def test_the_same_random_state_gives_the_same_model(rows: np.ndarray) -> None:
    def codes(state: Any) -> bytes:
        return small(random_state=state).fit(rows).transform(rows).tobytes()

    assert codes(5) == codes(5) != codes(6)
    assert codes(np.random.RandomState(5)) == codes(np.random.RandomState(5))
    assert codes(None) != codes(None)
    shared = np.random.RandomState(5)
    assert codes(shared) != codes(shared)


@pytest.mark.parametrize("state", [-1, 1.5, "seed"])
def test_a_random_state_that_is_none_is_refused(state: Any, rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="random_state is"):
        small(random_state=state).fit(rows)


# Bad input: scikit-learn's own checks send NaN, infinity, objects, sparse, complex and empty flat
# rows; these are the ones it does not send.


@pytest.mark.slow
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(64,), (8, 8)])
def test_values_that_are_not_finite_are_refused(
    value: float, shape: tuple[int, ...], rows: np.ndarray
) -> None:
    good = rows.reshape(-1, *shape).astype(float)
    bad = good.copy()
    bad[7].flat[5] = value
    with pytest.raises(ValueError, match=r"(?i)nan|inf"):
        small().fit(bad)
    with pytest.raises(ValueError, match=r"(?i)nan|inf"):
        small().fit(good, validation_data=bad)
    fitted = small(epochs=1).fit(good)
    for method in (fitted.transform, fitted.score_samples, fitted.score):
        with pytest.raises(ValueError, match=r"(?i)nan|inf"):
            method(bad)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((30, 4), complex),
        np.full((30, 4), "text"),
        np.full((30, 4), None),
        np.zeros((30, 4), "datetime64[s]"),
        scipy.sparse.csr_array(np.full((30, 4), np.nan)),
        np.zeros((0, 4)),
        np.zeros((30, 0)),
        np.zeros((30, 2, 0)),
        np.zeros((1, 4)),
        np.zeros(30),
        np.float64(1),
        [[1, 2], [3]],
        None,
    ],
    ids=[
        "complex", "text", "objects", "dates", "sparse", "empty", "no values", "images without",
        "one row", "one dimension", "a number", "ragged", "nothing",
    ],
)  # fmt: skip
def test_what_is_no_table_of_numbers_is_refused(bad: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        small(latent=None).fit(bad)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 63), (5, 65), (5, 8, 7), (5, 8, 8, 2), (0, 64), (0, 8, 8)])
@pytest.mark.parametrize("trained_on", [(64,), (8, 8)])
def test_items_of_another_shape_are_refused(
    shape: tuple[int, ...], trained_on: tuple[int, ...], rows: np.ndarray
) -> None:
    fitted = small(epochs=1).fit(rows.reshape(-1, *trained_on))
    for method in (fitted.transform, fitted.score_samples, fitted.score):
        with pytest.raises(ValueError):
            method(np.zeros(shape))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 2), (5, 4), (5,), (0, 4), (5, 3, 1)])
def test_codes_of_another_shape_are_refused(shape: tuple[int, ...], rows: np.ndarray) -> None:
    fitted = small(epochs=1).fit(rows)
    with pytest.raises(ValueError):
        fitted.inverse_transform(np.zeros(shape))


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"latent": 0}, "latent size of 0"),
        ({"latent": 65}, "latent size of 65 is outside 1 to 64"),
        ({"hidden": (0,)}, "hidden is"),
        ({"hidden": (2.5,)}, "hidden is"),
        ({"preset": "none"}, "no preset called 'none'"),
        ({"loss": "l3"}, "no loss called 'l3'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": -1}, "batch size is -1"),
        ({"learning_rate": 0.0}, "learning rate is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"spec": "missing.toml", "latent": None, "hidden": None}, "missing.toml cannot be read"),
        ({"spec": "missing.toml"}, "latent"),
    ],
)
def test_parameters_outside_their_limits_are_refused_by_fit(
    parameter: dict[str, Any], message: str, rows: np.ndarray
) -> None:
    estimator = small(**parameter)
    with pytest.raises(ValueError, match=message):
        estimator.fit(rows)


def test_nothing_works_before_fit(rows: np.ndarray, tmp_path: Path) -> None:
    estimator = small()
    for call in (
        lambda: estimator.transform(rows),
        lambda: estimator.inverse_transform(rows[:, :3]),
        lambda: estimator.score(rows),
        lambda: estimator.score_samples(rows),
        lambda: estimator.summary(),
        lambda: estimator.save(tmp_path / "model"),
        lambda: estimator.get_feature_names_out(),
    ):
        with pytest.raises(NotFittedError):
            call()
    assert list(tmp_path.iterdir()) == []


def test_all_of_it_can_be_listed_where_refine_cannot_be(rows: np.ndarray) -> None:
    assert "transform" in dir(small().fit(rows).set_params(refine=-1))


# With the rest of scikit-learn


def test_in_a_pipeline(rows: np.ndarray) -> None:
    pipeline = make_pipeline(MinMaxScaler(), small())
    codes = pipeline.fit_transform(rows)
    assert codes.shape == (300, 3)
    assert pipeline.inverse_transform(codes).shape == rows.shape
    assert pipeline.score(rows) == pytest.approx(
        pipeline[-1].score(pipeline[0].transform(rows)), rel=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_in_a_grid_search(workers: int, rows: np.ndarray) -> None:
    grid = {"latent": [1, 6], "loss": ["l2", "l1"] if workers == 1 else ["l2"]}
    search = GridSearchCV(small(epochs=4), grid, cv=2, n_jobs=workers).fit(rows)
    assert search.best_params_["latent"] == 6
    assert search.transform(rows).shape == (300, 6)
    np.testing.assert_allclose(search.score(rows), search.best_estimator_.score(rows))


def test_parameters_as_numpys_numbers_are_parameters(rows: np.ndarray, tmp_path: Path) -> None:
    # as a search over np.arange and np.logspace gives them
    numbers = {
        "latent": np.int64(3), "hidden": (np.int32(8),), "epochs": np.int64(2),
        "batch_size": np.int64(64), "learning_rate": np.float32(0.5), "random_state": np.int64(0),
    }  # fmt: skip
    plain = small(learning_rate=0.5, batch_size=64, random_state=0).fit(rows)
    estimator = small(**numbers).fit(rows)
    np.testing.assert_array_equal(estimator.transform(rows), plain.transform(rows))
    estimator.save(tmp_path / "numpy")
    plain.save(tmp_path / "plain")
    assert (tmp_path / "numpy").read_bytes() == (tmp_path / "plain").read_bytes()


@pytest.mark.slow
def test_codes_as_a_pandas_frame(rows: np.ndarray) -> None:
    pandas = optional("pandas")
    frame = pandas.DataFrame(rows, columns=[f"pixel_{number}" for number in range(64)])
    estimator = small().set_output(transform="pandas").fit(frame)
    codes = estimator.transform(frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1", "autoencoder2"]
    assert list(codes.columns) == list(estimator.get_feature_names_out())
    assert list(estimator.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(codes.to_numpy(), small().fit(frame).transform(frame))
    with pytest.raises(ValueError, match="feature names"):
        estimator.transform(frame.rename(columns={"pixel_0": "other"}))


def mixed_frame() -> Any:
    """A DataFrame of 200 rows with a column of every kind."""
    pandas = optional("pandas")
    random = np.random.default_rng(0)
    days = pandas.to_timedelta(random.integers(0, 1000, 200), "D")
    return pandas.DataFrame(
        {
            "number": np.where(random.random(200) < 0.1, np.nan, random.normal(size=200)),
            "count": random.integers(0, 9, 200).astype("int16"),
            "flag": random.random(200) > 0.5,
            "class": pandas.Categorical(random.choice(list("pqr"), 200), categories=list("rqpz")),
            "text": random.choice(["u", "v"], 200),
            "day": pandas.Timestamp("2020-01-01") + days,
            "zoned": pandas.Timestamp("2020-01-01", tz="Europe/Berlin") + days,
            "nullable": pandas.array(random.choice([1, 2, None], 200), dtype="Int64"),
            "maybe": pandas.array(random.choice([True, False, None], 200), dtype="boolean"),
            "fixed": 5,
            "id": [f"row {number}" for number in range(200)],
        }
    )


def test_a_frame_comes_back_with_its_columns_and_dtypes(tmp_path: Path) -> None:
    pandas = optional("pandas")
    frame = mixed_frame()
    estimator = small().fit(frame)
    codes = estimator.transform(frame)
    assert codes.shape == (200, 3)
    result = estimator.inverse_transform(codes)
    assert type(result) is pandas.DataFrame
    assert dict(result.dtypes) == dict(frame.dtypes)
    assert list(result.columns) == list(estimator.feature_names_in_) == list(frame.columns)
    assert estimator.n_features_in_ == len(frame.columns)
    assert estimator.score_samples(frame).shape == (200,)

    estimator.save(tmp_path / "model")
    kept = Autoencoder.load(tmp_path / "model")
    np.testing.assert_array_equal(kept.transform(frame), codes)
    pandas.testing.assert_frame_equal(kept.inverse_transform(codes), result)
    assert list(kept.feature_names_in_) == list(frame.columns)


def test_a_frame_of_another_kind_is_told_apart() -> None:
    frame = mixed_frame()
    estimator = small().fit(frame)
    with pytest.raises(ValueError, match="yet now missing:\n- number"):
        estimator.transform(frame.drop(columns="number"))
    with pytest.raises(DataError, match=r"column 'number' holds 'x' in row 0, which is not a num"):
        estimator.transform(frame.assign(number="x"))
    with pytest.warns(UserWarning, match=r"'text' has 200 values that training never .*'w' 200x"):
        estimator.transform(frame.assign(text="w"))
    with pytest.raises(DataError, match="every column of the table is constant"):
        small().fit(frame[["fixed", "id"]])


@pytest.mark.slow
def test_rows_of_numbers_are_taken_for_the_columns_of_a_frame(rows: np.ndarray) -> None:
    pandas = optional("pandas")
    frame = pandas.DataFrame(rows, columns=[f"pixel_{number}" for number in range(64)])
    estimator = small().fit(frame, validation_data=frame[:50])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        codes = estimator.transform(rows)
    np.testing.assert_array_equal(codes, estimator.transform(frame))


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="polars is not installed")
def test_a_polars_frame_comes_back_as_one() -> None:
    polars = optional("polars")
    frame = polars.from_pandas(mixed_frame())
    estimator = small().fit(frame)
    result = estimator.inverse_transform(estimator.transform(frame))
    assert type(result) is polars.DataFrame
    assert result.columns == frame.columns
    assert result.dtypes == frame.dtypes


def test_a_clone_learns_the_same(rows: np.ndarray) -> None:
    estimator = small(loss="huber:3", patience=4).fit(rows)
    again = clone(estimator)
    assert again.get_params() == estimator.get_params()
    assert not hasattr(again, "model_")
    np.testing.assert_array_equal(again.fit(rows).transform(rows), estimator.transform(rows))


# Keeping a fitted estimator


@pytest.mark.slow
@pytest.mark.parametrize("way", ["deepcopy", "pickle", "joblib", "save"])
@pytest.mark.parametrize("shape", [(64,), (8, 8)])
def test_a_kept_estimator_does_what_it_did(
    way: str, shape: tuple[int, ...], rows: np.ndarray, tmp_path: Path
) -> None:
    items = rows.reshape(-1, *shape)
    estimator = small().fit(items)
    if way == "deepcopy":
        again = copy.deepcopy(estimator)
    elif way == "pickle":
        again = pickle.loads(pickle.dumps(estimator))
    elif way == "joblib":
        joblib.dump(estimator, tmp_path / "estimator")
        again = joblib.load(tmp_path / "estimator")
    else:
        estimator.save(tmp_path / "model")
        again = Autoencoder.load(tmp_path / "model")
    codes = estimator.transform(items)
    assert again.transform(items).tobytes() == codes.tobytes()
    assert again.inverse_transform(codes).tobytes() == estimator.inverse_transform(codes).tobytes()
    assert again.score(items) == estimator.score(items)
    assert again.summary() == estimator.summary()
    assert list(again.get_feature_names_out()) == list(estimator.get_feature_names_out())
    assert again.latent_size_ == 3
    assert again.n_features_in_ == estimator.n_features_in_
    if way != "save":
        assert again.history_ == estimator.history_


def test_a_loaded_estimator_can_be_fitted_and_cloned(rows: np.ndarray, tmp_path: Path) -> None:
    small(loss="l1", batch_size=32).fit(rows).save(tmp_path / "model")
    loaded = Autoencoder.load(tmp_path / "model")
    assert (loaded.loss, loaded.batch_size, loaded.epochs, loaded.latent) == ("l1", 32, 2, 3)
    assert clone(loaded).fit(rows).transform(rows).shape == (300, 3)


def test_what_is_no_model_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        Autoencoder.load(tmp_path / "missing")


@pytest.mark.slow
def test_a_model_from_a_spec_file(rows: np.ndarray, tmp_path: Path) -> None:
    spec = tmp_path / "model.toml"
    spec.write_text('encoder = [{ block = "dense", units = 5, activation = "tanh" }]\n')
    estimator = Autoencoder(spec=spec, hidden=None, epochs=2).fit(rows)
    assert estimator.transform(rows).shape == (300, 5)
    assert estimator.inverse_transform(estimator.transform(rows)).shape == rows.shape
    estimator.save(tmp_path / "model.safetensors")
    again = Autoencoder.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.transform(rows), estimator.transform(rows))


def test_the_summary_shows_itself(rows: np.ndarray) -> None:
    summary = small().fit(rows).summary()
    assert repr(summary) == str(summary)
    # 64 x 8 + 8 + 8 x 3 + 3 into the code, 3 x 8 + 8 + 8 x 64 + 64 out of it
    for count in ("547", "608", "1,155"):
        assert count in summary
