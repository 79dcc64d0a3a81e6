"""Dask collections: lazy results of known form, equal to those of all at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.optional import optional
from narrows import Autoencoder, NarrowsWarning, OutlierDetector, load_data
from narrows.errors import DataError, ShapeError, UsageError

dask = optional("dask")
da = optional("dask.array")
dd = optional("dask.dataframe")
pd = optional("pandas")
distributed = optional("distributed")

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(90, 3)) @ RANDOM.normal(size=(3, 8))
IMAGES = RANDOM.integers(0, 256, (60, 6, 6), np.uint8)
SMALL = {"latent": 2, "epochs": 1, "refine": 0}


@pytest.fixture(autouse=True)
def here() -> Any:
    """Tasks run in this thread, pickled as a cluster would have them."""
    with dask.config.set(scheduler="synchronous"):
        yield


def frame() -> Any:
    names = [f"c{n}" for n in range(8)]
    made = pd.DataFrame(ROWS, columns=names, index=np.arange(90) * 3)
    return made.assign(kind=np.where(ROWS[:, 0] > 0, "a", "b"))


def test_arrays_in_and_arrays_out() -> None:
    ae = Autoencoder(**SMALL).fit(ROWS)  # type: ignore[arg-type]
    X = da.from_array(ROWS, chunks=(40, 5))
    codes = ae.transform(X)
    assert (codes.shape, codes.dtype, codes.chunks[0]) == ((90, 2), np.float32, (40, 40, 10))
    found = ae.transform(ROWS)
    np.testing.assert_array_equal(codes.compute(), found)
    back = ae.inverse_transform(codes)
    assert (back.shape, back.dtype) == ((90, 8), np.float64)
    np.testing.assert_array_equal(back.compute(), ae.inverse_transform(found))
    np.testing.assert_allclose(ae.score_samples(X).compute(), ae.score_samples(ROWS), rtol=1e-6)
    unknown = X[X[:, 0] > 0]
    np.testing.assert_array_equal(ae.transform(unknown).compute(), found[ROWS[:, 0] > 0])
    with pytest.raises(ShapeError, match=r"\(7,\)"):
        ae.transform(X[:, :7])


@pytest.mark.parametrize("kind", ["file", "polars", "arrow"])
def test_codes_of_a_model_of_no_pandas_frame_give_frames(kind: str, tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False)
    X: Any = load_data(tmp_path / "a.csv")
    if kind != "file":
        X = optional("polars").from_pandas(frame())
        X = X.to_arrow() if kind == "arrow" else X
    ae = Autoencoder(**SMALL).fit(X)  # type: ignore[arg-type]
    codes = pd.DataFrame(ae.transform(X), index=frame().index)
    found, back = ae.inverse_transform(codes), ae.inverse_transform(dd.from_pandas(codes, 3))
    expected = ae.inverse_transform(codes.to_numpy()).to_pandas().set_axis(codes.index)
    same = {"check_dtype": False, "check_categorical": False}
    pd.testing.assert_frame_equal(back.compute(), expected, **same)
    assert list(back.columns) == list(expected.columns)
    if kind == "file":
        pd.testing.assert_frame_equal(found, expected, **same)
        polars = optional("polars").from_pandas(codes)
        assert type(ae.inverse_transform(polars)) is type(polars)


def test_fit_says_that_it_holds_all_in_memory() -> None:
    with pytest.warns(NarrowsWarning, match="held in memory: partial_fit takes one part"):
        Autoencoder(**SMALL).fit(da.from_array(ROWS, chunks=(40, 8)))  # type: ignore[arg-type]


def test_images_in_and_images_out() -> None:
    ae = Autoencoder(**SMALL, preset="dense").fit(IMAGES)  # type: ignore[arg-type]
    for X in (da.from_array(IMAGES, chunks=(25, 3, 6)), da.from_array(IMAGES.reshape(60, 36))):
        codes = ae.transform(X)
        assert codes.shape == (60, 2)
        np.testing.assert_array_equal(codes.compute(), ae.transform(IMAGES))
        back = ae.inverse_transform(codes)
        assert (back.shape, back.dtype) == ((60, 6, 6), np.uint8)
        np.testing.assert_array_equal(back.compute(), ae.reconstruct(IMAGES))


def test_the_range_is_asked_of_each_block_which_is_then_called_one() -> None:
    bright = IMAGES.astype(np.float64)
    ae = Autoencoder(**SMALL, preset="dense").fit(bright)  # type: ignore[arg-type]
    some_dark = np.concatenate([bright[:40], RANDOM.integers(0, 2, (20, 6, 6))])
    codes = ae.transform(some_dark)
    X = da.from_array(some_dark, chunks=(20, 6, 6))
    np.testing.assert_array_equal(ae.transform(X)[:40].compute(), codes[:40])
    with pytest.raises(UsageError, match=r"^a block of X holds values from 0 to 1"):
        ae.transform(X).compute()
    with pytest.raises(UsageError, match=r"^X holds"):
        ae.transform(some_dark[40:])
    ae.set_params(check_range=False)
    np.testing.assert_array_equal(ae.transform(X).compute(), codes)


def test_types_are_those_of_the_model_in_each_partition() -> None:
    """A partition without a value in a column, or with no more than one category, is read as the
    whole is."""
    table = frame().assign(none=np.where(np.arange(90) < 30, np.nan, ROWS[:, 0]))
    table["yes"] = pd.Series(ROWS[:, 1] > 0, dtype=object, index=table.index)
    table.iloc[60:, table.columns.get_loc("yes")] = None
    table.iloc[:30, table.columns.get_loc("kind")] = "a"
    ae = Autoencoder(**SMALL).fit(table)  # type: ignore[arg-type]
    with dask.config.set({"dataframe.convert-string": False}):
        found = ae.transform(dd.from_pandas(table, npartitions=3)).compute()
    np.testing.assert_array_equal(found.to_numpy(), ae.transform(table))


@pytest.mark.slow
def test_frames_keep_their_index() -> None:
    table = frame()
    ae = Autoencoder(**SMALL).fit(table)  # type: ignore[arg-type]
    X = dd.from_pandas(table, npartitions=3)
    codes = ae.transform(X)
    assert list(codes.columns) == list(ae.get_feature_names_out())
    assert set(codes.dtypes) == {np.dtype(np.float32)}
    found = codes.compute()
    np.testing.assert_array_equal(found.index, table.index)
    np.testing.assert_array_equal(found.to_numpy(), ae.transform(table))
    back = ae.inverse_transform(codes)
    # Dask has texts in Arrow's memory, before pandas 3 too
    expected = ae.inverse_transform(found).astype(back.dtypes.to_dict())
    pd.testing.assert_frame_equal(back._meta, expected.iloc[:0])
    pd.testing.assert_frame_equal(back.compute(), expected)
    scored = ae.score_samples(X)
    assert scored.dtype == np.float64
    np.testing.assert_allclose(scored.compute().to_numpy(), ae.score_samples(table), rtol=1e-6)
    with pytest.raises((DataError, ValueError), match="kind"):
        ae.transform(X.drop(columns="kind"))


@pytest.mark.slow
def test_each_row_group_of_one_file_is_a_partition_that_any_worker_does(tmp_path: Path) -> None:
    table = frame().assign(when=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(90), "D"))
    table["yes"] = pd.Series(ROWS[:, 1] > 0, dtype=object, index=table.index)
    table["level"] = pd.Categorical(np.where(ROWS[:, 2] > 0, "low", "high"))
    table["count"] = pd.array([*range(60), *[None] * 30], "Int64")  # none in the last groups
    table.iloc[:30, table.columns.get_loc("yes")] = None
    path, size = tmp_path / "rows.parquet", 25
    table.to_parquet(path, row_group_size=size)
    ae = Autoencoder(**SMALL).fit(table)  # type: ignore[arg-type]
    detector = OutlierDetector(latent=2, epochs=1).fit(table)
    X = dd.read_parquet(path, split_row_groups=True)
    codes, found = ae.transform(X), ae.transform(table)
    lazy = codes, ae.inverse_transform(codes), ae.score_samples(X), detector.predict(X)
    assert [each.npartitions for each in lazy] == [4] * 4
    late = X[X["when"] >= table["when"].iloc[50]]  # of which the first row groups have none
    some = ae.transform(late), ae.score_samples(late), detector.predict(late)
    small: dict[str, Any] = {"processes": False, "n_workers": 2, "dashboard_address": None}
    with (
        distributed.LocalCluster(**small, threads_per_worker=1, protocol="tcp") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        places = [worker.address for worker in cluster.workers.values()]
        futures = [
            client.compute(part, workers=places[number % 2])
            for number, part in enumerate(codes.to_delayed())
        ]
        parts = client.gather(futures)
        results = client.gather(client.compute([*lazy, *some]))
    assert [len(part) for part in parts] == [25, 25, 25, 15]
    np.testing.assert_array_equal(np.concatenate(parts), found)
    np.testing.assert_array_equal(results[0].to_numpy(), found)
    expected = ae.inverse_transform(pd.DataFrame(found, index=table.index))
    pd.testing.assert_frame_equal(results[1], expected.astype(results[1].dtypes.to_dict()))
    np.testing.assert_allclose(results[2].to_numpy(), ae.score_samples(table), rtol=1e-6)
    np.testing.assert_array_equal(results[3].to_numpy(), detector.predict(table))
    np.testing.assert_array_equal(results[4].to_numpy(), found[50:])
    np.testing.assert_allclose(results[5], results[2][50:])
    np.testing.assert_array_equal(results[6], results[3][50:])


@pytest.mark.slow
def test_outliers_are_found_lazily() -> None:
    detector = OutlierDetector(latent=2, epochs=1).fit(ROWS)
    X = da.from_array(ROWS, chunks=(30, 8))
    found = detector.predict(X)
    assert (found.shape, found.dtype) == ((90,), np.int64)
    np.testing.assert_array_equal(found.compute(), detector.predict(ROWS))
    scored = detector.decision_function(X).compute()
    np.testing.assert_allclose(scored, detector.decision_function(ROWS), rtol=1e-6)
    named = dd.from_pandas(pd.DataFrame(ROWS, index=np.arange(90)[::-1]), npartitions=2)
    np.testing.assert_array_equal(detector.predict(named).compute(), detector.predict(ROWS)[::-1])
    rare = detector.p_values(named)
    assert isinstance(rare, dd.Series)
    np.testing.assert_allclose(rare.compute(), detector.p_values(ROWS)[::-1], rtol=1e-6)
    assert list(detector.transform(named).columns) == list(detector.get_feature_names_out())


def test_frames_in_memory_are_refused_and_graphs_keep_the_estimator_that_was() -> None:
    ae = Autoencoder(**SMALL).fit(ROWS)  # type: ignore[arg-type]
    X, found = da.from_array(ROWS, chunks=(40, 8)), ae.transform(ROWS)
    codes = ae.transform(X)
    ae.fit(2 * ROWS[::-1])
    np.testing.assert_array_equal(codes.compute(), found)
    with pytest.raises(UsageError, match="frames in memory"):
        ae.set_output(transform="pandas").transform(X)


def test_the_model_is_one_task_and_takes_no_rows_along() -> None:
    ae = Autoencoder(**SMALL).partial_fit(ROWS)  # type: ignore[arg-type]
    X = da.from_array(ROWS, chunks=(1, 8))
    graph = dict(ae.transform(X).__dask_graph__())
    held = [value for value in graph.values() if isinstance(value, Autoencoder)]
    data = [getattr(value, "value", None) for value in graph.values()]
    held += [value for value in data if isinstance(value, Autoencoder)]
    assert len(held) == 1
    assert "_reservoir" not in held[0].__dict__ and "_reservoir" in ae.__dict__
