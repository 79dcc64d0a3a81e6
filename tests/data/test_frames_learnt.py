"""Estimators give data frames back with their own index, labels and dtypes, and leave alone what
they were not trained on."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from helpers.command_line import Command, done
from helpers.optional import optional
from narrows import Autoencoder, OutlierDetector, load_data
from narrows.data.tables import SchemaDrift
from narrows.data.writing import row_writer
from narrows.errors import DataError
from narrows.model.use import TrainedAutoencoder
from narrows.tasks.fill import Filling

pd = optional("pandas")
pl = optional("polars")

ROWS = 60
GONE = np.arange(ROWS) % 5 == 0
X = np.random.default_rng(0).normal(size=ROWS).round(3)
DAY = dt.date(2020, 1, 1)


def cells(make: Any) -> list:
    """Something of each number, and nothing in every fifth row."""
    return [None if gone else make(float(x)) for x, gone in zip(X, GONE, strict=True)]


def frame() -> pd.DataFrame:
    """Columns of every dtype that follow from the first; all have missing cells but for two."""
    side = cells(lambda x: "large" if x > 0 else "small")
    levels = ["unused", "small", "large"]
    days = pd.Series(pd.to_datetime(cells(lambda x: DAY + dt.timedelta(int(9 * x)))))
    columns: dict[str, Any] = {
        "x": X,
        "Int64": pd.array(cells(lambda x: 2**53 + 1 + int(9 * x)), "Int64"),
        "float32": np.array(cells(float), np.float32),
        "category": pd.Categorical(side, categories=levels, ordered=True),
        "intervals": pd.cut(pd.Series(cells(float), dtype=float), 3),
        "tuples": pd.Categorical(pd.Index(cells(lambda x: (x > 0, "a")), tupleize_cols=False)),
        "str": pd.array(side, "str"),
        "string": pd.array(side, "string"),
        "object": pd.Series(side, dtype=object),
        "boolean": pd.array(cells(lambda x: x > 0), "boolean"),
        "stamps": days.dt.tz_localize("Europe/Berlin"),
        "dates": pd.Series(cells(lambda x: DAY + dt.timedelta(int(9 * x))), dtype=object),
        "decimals": pd.Series(cells(lambda x: Decimal(f"{x:.2f}")), dtype=object),
        "timedelta": pd.to_timedelta(pd.Series(cells(lambda x: int(9 * x)), dtype=float), "h"),
        "period": pd.PeriodIndex(cells(lambda x: pd.Period("2020-01", "M") + int(9 * x)), freq="M"),
        "int32[pyarrow]": pd.array(cells(lambda x: int(9 * x)), pd.ArrowDtype(pa.int32())),
        "decimal[pyarrow]": pd.array(
            cells(lambda x: Decimal(f"{x:.2f}")), pd.ArrowDtype(pa.decimal128(9, 2))
        ),
        "sparse": pd.arrays.SparseArray(np.array(cells(lambda x: max(x, 0)), float)),
        "constant": "m",
    }
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def learnt() -> Autoencoder:
    return Autoencoder(latent=3, epochs=2, preset="dense").fit(frame())


def assert_filled(result: pd.DataFrame, given: pd.DataFrame) -> None:
    """Every cell that had a value has the same, of the same class, and all have one."""
    pd.testing.assert_index_equal(result.index, given.index, exact=True)
    pd.testing.assert_index_equal(result.columns, given.columns, exact=True)
    for label in given:
        ours, theirs = result[label], given[label]
        assert repr(ours.dtype) == repr(theirs.dtype), label
        assert not ours.isna().any(), label
        kept = theirs.notna()
        assert [(type(cell), cell) for cell in ours[kept]] == [
            (type(cell), cell) for cell in theirs[kept]
        ], label


@pytest.mark.slow
def test_shuffled_rows_are_filled_with_their_own_values(learnt: Autoencoder) -> None:
    given = frame().sample(frac=1, random_state=0).rename_axis("id")
    result = learnt.denoise(given)
    assert_filled(result, given)
    columns = ["Int64", "float32", "str", "boolean"]
    pd.testing.assert_frame_equal(given[columns].fillna(result[columns]), result[columns])
    codes = learnt.set_output(transform="pandas").transform(given)
    pd.testing.assert_index_equal(codes.index, given.index)
    back = learnt.inverse_transform(codes)
    pd.testing.assert_index_equal(back.index, given.index)
    pd.testing.assert_series_equal(back.dtypes, given.dtypes)
    assert isinstance(learnt.inverse_transform(codes.to_numpy()).index, pd.RangeIndex)
    learnt.set_output(transform="default")


def test_columns_that_were_not_trained_on_stay_in_their_place(learnt: Autoencoder) -> None:
    given = frame()[::-1]
    given.insert(0, 7, [[row] for row in range(ROWS)])
    given.insert(3, "gaps", [None, "007", 1.50] * (ROWS // 3))
    given["Complex"] = np.arange(ROWS) * 1j
    with pytest.warns(UserWarning, match="not trained on"):
        result = learnt.denoise(given)
    assert_filled(result.drop(columns="gaps"), given.drop(columns="gaps"))
    pd.testing.assert_series_equal(result["gaps"], given["gaps"])
    assert list(result.columns) == list(given.columns)


def test_the_dtypes_are_those_of_the_frame_that_is_given(learnt: Autoencoder) -> None:
    given = frame().astype(
        {
            "x": "Float64",
            "Int64": float,
            "float32": object,
            "str": "category",
            "string": object,
            "boolean": float,
            "decimals": float,
            "int32[pyarrow]": "Int8",
            "stamps": "datetime64[ms, UTC]",
        }
    )
    given["category"] = given["category"].cat.set_categories(["large"])
    given.loc[3, "x"] = pd.NA
    with pytest.warns(UserWarning, match="column 'x' has 1 missing value"):
        result = learnt.denoise(given)
    assert result["category"].cat.categories[0] == "large"
    assert result["category"].cat.ordered and not result["category"].isna().any()
    given["category"] = given["category"].cat.set_categories(result["category"].cat.categories)
    assert_filled(result, given)


def test_a_saved_estimator_knows_the_labels(learnt: Autoencoder, tmp_path: Path) -> None:
    learnt.save(tmp_path / "m")
    codes = learnt.transform(frame())
    again = Autoencoder.load(tmp_path / "m").inverse_transform(codes)
    pd.testing.assert_frame_equal(again, learnt.inverse_transform(codes))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [Autoencoder, OutlierDetector])
@pytest.mark.parametrize(
    "labels",
    [
        pd.RangeIndex(3),
        pd.Index([0, "a", None], dtype=object),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["u", None]),
    ],
    ids=["numbers", "mixed", "several levels"],
)
def test_labels_of_any_kind_come_back(estimator: Any, labels: Any, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(40, 3)).round(2)
    given = pd.DataFrame(values, columns=labels).sample(frac=1, random_state=1)
    given.iloc[::7, 1] = np.nan
    fitted = estimator(latent=2, epochs=1).fit(given)
    assert_filled(fitted.denoise(given), given)
    fitted.save(tmp_path / "m")
    again = estimator.load(tmp_path / "m")
    for each in (fitted, again):
        back = each.inverse_transform(each.transform(given))
        pd.testing.assert_index_equal(back.columns, labels, exact=True)
    pd.testing.assert_index_equal(fitted.sample(2).columns, labels, exact=True)


@pytest.mark.slow
def test_frames_of_polars_keep_their_dtypes() -> None:
    side = cells(lambda x: "large" if x > 0 else "small")
    given = pl.DataFrame(
        {
            "x": X,
            "Int128": pl.Series(cells(lambda x: int(9 * x)), dtype=pl.Int128),
            "Enum": pl.Series(side, dtype=pl.Enum(["unused", "large", "small"])),
            "Categorical": pl.Series(side, dtype=pl.Categorical),
            "Decimal": pl.Series(cells(lambda x: Decimal(f"{x:.2f}")), dtype=pl.Decimal(38, 2)),
            "Duration": pl.Series(cells(lambda x: dt.timedelta(hours=int(9 * x)))),
        }
    )
    fitted = Autoencoder(latent=2, epochs=1).fit(given)
    more = given.with_columns(list=pl.Series([[1]] * ROWS)).select("list", *given.columns)
    with pytest.warns(UserWarning, match="not trained on: 'list'"):
        result = fitted.denoise(more)
    assert result.schema == more.schema and not any(result.null_count().row(0))
    for name in given.columns:
        kept = pl.Series(~GONE)
        assert result[name].filter(kept).equals(given[name].filter(kept))
    assert fitted.inverse_transform(fitted.transform(given)).schema == given.schema


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_program_leaves_other_columns_alone(
    suffix: str, narrows: Command, tmp_path: Path
) -> None:
    write = pyarrow.parquet.write_table if suffix == ".parquet" else pyarrow.csv.write_csv
    table = pa.table({"x": X, "y": pa.array(np.rint(9 * X).astype(int), mask=GONE)})
    write(table, tmp_path / f"a{suffix}")
    done(narrows("fit", tmp_path / f"a{suffix}", "--epochs", 1, "--out", tmp_path / "m"))
    ids = [f"{row:03}" for row in range(ROWS)]
    more = pa.table({"y": table["y"], "id": ids, "x": X, "empty": pa.nulls(ROWS, pa.string())})
    write(more, tmp_path / f"b{suffix}")
    out = tmp_path / "out.parquet"
    said = done(narrows("denoise", tmp_path / "m", tmp_path / f"b{suffix}", "--out", out)).err
    assert "not trained on: 'id', 'empty'" in said
    found = pyarrow.parquet.read_table(out)
    assert found.column_names == more.column_names
    assert found["id"].to_pylist() == ids and found["empty"].null_count == ROWS
    assert found["y"].null_count == 0 and found["x"].to_pylist() == X.tolist()
    kept = [y for y in table["y"].to_pylist() if y is not None]
    assert [y for y, gone in zip(found["y"].to_pylist(), GONE, strict=True) if not gone] == kept


def test_what_is_under_a_mask_is_not_learnt() -> None:
    plain = np.random.default_rng(2).normal(size=(30, 4))
    masked = np.ma.masked_array(plain, plain > 1)
    fitted = Autoencoder(latent=2, epochs=1).fit(np.ma.masked_array(plain))
    records = np.rec.fromarrays([plain[:, 0], plain[:, 1]], names="a,b")
    for use in (Autoencoder().fit, fitted.transform, fitted.score_samples, fitted.denoise):
        with pytest.raises(DataError, match="values of a masked array are masked"):
            use(masked)
        with pytest.raises(DataError, match="records with the fields a, b"):
            use(records)
    with pytest.raises(DataError, match="masked"):
        fitted.inverse_transform(np.ma.masked_array(np.ones((1, 2)), [[0, 1]]))
    with pytest.raises(DataError, match="masked"):
        Autoencoder().fit(plain, validation_data=masked)
    with pytest.raises(DataError, match="masked"):
        Autoencoder().fit(plain, target=masked)


def plain_table() -> pa.Table:
    columns = {"a": X, "b": X**2, "side": cells(lambda x: "large" if x > 0 else "small")}
    return pa.table(columns).cast(
        pa.schema([("a", pa.float64()), ("b", pa.float64()), ("side", pa.string_view())])
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["pandas", "numbers", "polars", "arrow"])
def test_later_frames_may_be_in_another_order_wider_or_empty(kind: str) -> None:
    table = plain_table()
    others = {"more": pa.array([[1]] * ROWS), "again": table["b"]}
    wide = pa.table({**others, **{name: table[name] for name in table.column_names[::-1]}})
    make: Any = {
        "pandas": lambda rows: rows.to_pandas(),
        "numbers": lambda rows: rows.to_pandas().rename(columns={"a": 0, "b": 1, "side": 2}),
        "polars": pl.from_arrow,
        "arrow": lambda rows: rows,
    }[kind]
    whole, other, empty = make(table), make(wide), make(table.slice(0, 0))
    detector = OutlierDetector(2, epochs=1, preset="simple").fit(whole)
    for name in ("transform", "score_samples", "predict", "p_values", "contributions"):
        method = getattr(detector, name)
        np.testing.assert_array_equal(method(other), method(whole), name)
        assert len(method(empty)) == 0
    for results in (
        detector.reconstruct(empty),
        detector.denoise(empty),
        detector.inverse_transform(np.zeros((0, 2))),
        detector.sample(0),
    ):
        assert type(results) is type(whole)
        assert len(results) == 0
    with pytest.raises(ValueError, match=r"missing|lacks"):
        detector.transform(make(wide.drop_columns(["side"])))


def test_gaps_in_string_views_are_filled() -> None:
    table = plain_table()
    filled = Autoencoder(2, epochs=1, preset="simple").fit(table).denoise(table)
    assert filled.schema == table.schema
    old, new = (each["side"].to_pylist() for each in (table, filled))
    assert set(new) == {"large", "small"}
    assert [text for text, gone in zip(new, GONE, strict=True) if not gone] == [
        text for text in old if text is not None
    ]


def dated() -> pd.DataFrame:
    """Dates, times and durations as texts, each with a missing cell."""
    at = pd.date_range("2024-01-05", periods=ROWS, freq="37min")
    texts = {
        "day": (at + pd.to_timedelta(np.arange(ROWS), "D")).strftime("%Y-%m-%d"),
        "at": at.strftime("%Y-%m-%d %H:%M:%S"),
        "clock": at.strftime("%H:%M:%S"),
        "wait": [f"{each}" for each in pd.to_timedelta((X * 1e5).round(), "s")],
        "exact": [f"{each}" for each in pd.to_timedelta(np.arange(ROWS) * 25_001 + 1, "us")],
        "finest": [f"{each}" for each in pd.to_timedelta(np.arange(ROWS) * 250, "ns")],
    }
    made = pd.DataFrame(texts).astype(str)
    made.iloc[1] = None
    return made.assign(x=X)


def test_dates_as_texts_are_read_as_in_a_csv_file_and_come_back_as_texts(tmp_path: Path) -> None:
    X = dated()
    X.to_csv(tmp_path / "a.csv", index=False)
    X.to_parquet(tmp_path / "a.parquet")
    of_csv = load_data(tmp_path / "a.csv")
    assert of_csv.table is not None
    kinds = [(each.kind, each.dtype) for each in of_csv.table.columns]
    durations = [("date", f"duration[{unit}]") for unit in ("us", "us", "ns")]
    assert kinds == [("date", "date32[day]"), ("date", "timestamp[s]"), ("date", "time32[s]"),
                     *durations, ("numeric", "double")]  # fmt: skip
    assert not any("could as well be" in note for note in of_csv.notes)
    texts = list(X.columns[:-1])
    given = X, pl.from_pandas(X), pa.Table.from_pandas(X), tmp_path / "a.parquet"
    for source in given:
        data = load_data(source)
        assert data.table is not None
        assert [(each.kind, each.dtype) for each in data.table.columns] == kinds
        np.testing.assert_array_equal(data.items, of_csv.items)
        rows = data.table.decode(data.items)
        assert rows.select(texts).to_pydict() == {
            name: [None if each is None or each != each else each for each in X[name]]
            for name in texts
        }
        later = X.astype(dict.fromkeys(texts, "category"))
        np.testing.assert_array_equal(data.table.encode(later), data.items)
        again = type(data.table).from_dict(data.table.to_dict())
        assert again.decode(data.items).schema == rows.schema
    pandas = load_data(X)
    assert pandas.table is not None
    pd.testing.assert_frame_equal(pandas.table.decode_frame(pandas.items).drop(columns="x"),
                                  X.drop(columns="x"))  # fmt: skip


def test_dates_as_texts_are_filled_in_as_texts_and_no_type_is_said_to_change(
    tmp_path: Path,
) -> None:
    X, drift = dated(), SchemaDrift()
    X.to_csv(tmp_path / "a.csv", index=False)
    model = Autoencoder(2, epochs=1, preset="simple").fit(X).model_
    filling = Filling(TrainedAutoencoder(model), str(tmp_path / "a.csv"), drift)
    rows = pa.concat_tables(filling.rows())
    assert not drift.retyped
    for name in X.columns[:-1]:
        found = rows[name].to_pylist()
        assert isinstance(found[1], str)
        assert found[:1] + found[2:] == X[name].drop(1).tolist()


def test_texts_that_would_be_written_otherwise_stay_categories() -> None:
    """Texts of a frame come back as they were, and these would not."""
    for texts in (["05.01.2024", "06.01.2024"], ["2024-01-05T10:00", "2024-01-06T10:00"],
                  ["2024-01-05", "unclear"], ["0 days 25:00:00", "1 days 00:00:00"]):  # fmt: skip
        data = load_data(pd.DataFrame({"t": texts * 30, "x": X}))
        assert data.table is not None and data.table["t"].kind == "categorical"
        assert data.table.decode_frame(data.items)["t"].tolist() == texts * 30


def test_durations_go_to_csv_and_back_as_pandas_writes_them(tmp_path: Path) -> None:
    waits = pd.to_timedelta((X * 1e5).round(), "s").to_series(index=range(ROWS))
    waits[3], waits[7] = pd.NaT, pd.Timedelta(-1500, "us")
    frame = pd.DataFrame({"wait": waits, "x": X})
    data = load_data(frame)
    assert data.table is not None
    with row_writer(tmp_path / "back.csv", data.table) as write:
        write(data.items)
    back = pd.read_csv(tmp_path / "back.csv")["wait"]
    assert back.isna().equals(waits.isna())
    seconds = (pd.to_timedelta(back) - waits).dt.total_seconds()
    assert seconds.abs().max() < 0.1  # of two days, in float32
    frame.to_csv(tmp_path / "a.csv", index=False)
    np.testing.assert_array_equal(data.table.encode(pd.read_csv(tmp_path / "a.csv")), data.items)
