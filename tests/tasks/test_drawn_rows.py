"""Rows that are drawn, filled in and decoded: nothing that the table could not hold."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.command_line import Command, done
from helpers.optional import optional
from narrows import Autoencoder, NarrowsWarning
from narrows.data import load_data
from narrows.data.tables import TableSchema
from narrows.data.tables.columns import Column
from narrows.data.tables.identifiers import IdentifierFinder
from narrows.data.tables.marginals import Marginal
from narrows.data.tables.resolution import Resolution, ResolutionFinder
from narrows.model.use import TrainedAutoencoder
from narrows.tasks.drawn_rows import DrawnRows

pd = optional("pandas")

RANDOM = np.random.default_rng(17)
ROWS = 1500


def people() -> pd.DataFrame:
    """A table of every kind of column that draws used to leave."""
    random = np.random.default_rng(3)
    wealth, age = random.normal(size=ROWS), random.normal(size=ROWS)
    frame = pd.DataFrame(
        {
            "customer_id": 100_000 + np.arange(ROWS),
            "age": np.clip(np.rint(40 + 15 * age), 18, 90).astype(int),
            "gain": np.where(random.random(ROWS) < 0.68, 0, np.rint(400 * wealth)),
            "price": np.round(np.exp(3 + wealth), 2),
            "rating": np.clip(np.rint(2 * (3 + wealth)), 0, 10) / 2,
            "tenure": np.clip(np.rint(30 + 30 * age), 0, 72),
            "city": [f"city {int(k)}" for k in np.minimum(random.zipf(1.2, ROWS), 700)],
            "member": random.random(ROWS) < 0.1,
        }
    )
    frame.loc[random.random(ROWS) < 0.12, "tenure"] = np.nan
    frame.loc[random.random(ROWS) < 0.1, "city"] = None
    return frame


FRAME = people()


@pytest.fixture(scope="module")
def learnt() -> Autoencoder:
    return Autoencoder(4, epochs=8, noise="masking:0.2").fit(FRAME)


@pytest.fixture(scope="module")
def drawn(learnt: Autoencoder) -> pd.DataFrame:
    return learnt.sample(4000, random_state=1)


def hold(rows: pd.DataFrame) -> None:
    """Make sure that rows hold nothing but what the table could."""
    for name in ("age", "gain", "price", "rating", "tenure"):
        cells = rows[name].dropna().to_numpy(float)
        assert FRAME[name].min() <= cells.min() and cells.max() <= FRAME[name].max(), name
        places = {"price": 100, "rating": 2}.get(name, 1)
        np.testing.assert_array_equal(cells, np.rint(cells * places) / places, err_msg=name)
    assert set(rows["city"].dropna()) <= set(FRAME["city"].dropna())
    assert (rows.dtypes.drop("customer_id") == FRAME.dtypes.drop("customer_id")).all()


@pytest.mark.slow
def test_drawn_cells_are_such_as_the_table_has(drawn: pd.DataFrame) -> None:
    hold(drawn)


def test_sums_that_drawn_rows_do_not_keep_are_named(narrows: Command, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    price, tax, size = random.lognormal(3, 1, (3, 120)).round(2)
    frame = pd.DataFrame({"price": price, "tax": tax, "size": size, "copy": price})
    plain = Autoencoder(2, epochs=1).fit(frame)
    assert plain.model_.data.sums == ()  # a copy is kept
    drawn = plain.sample(20, random_state=0)
    np.testing.assert_array_equal(drawn["price"], drawn["copy"])
    frame["total"] = price + tax
    summed = Autoencoder(2, epochs=1).fit(frame)
    with pytest.warns(NarrowsWarning, match="parts: 'price', 'tax', 'total'; in drawn rows"):
        summed.sample(5)
    summed.save(tmp_path / "m.safetensors")
    out = tmp_path / "new.csv"
    told = done(narrows("generate", tmp_path / "m.safetensors", "-n", 5, "--out", out)).err
    assert "as a total from its parts: 'price', 'tax', 'total'; in drawn rows" in told


@pytest.mark.parametrize("name", ["age", "gain", "price", "rating", "tenure"])
def test_drawn_numbers_lie_as_those_of_the_table(name: str, drawn: pd.DataFrame) -> None:
    wanted, found = FRAME[name].dropna(), drawn[name].dropna()
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        at = wanted.quantile(share)
        assert abs((found <= at).mean() - (wanted <= at).mean()) < 0.04
        assert abs((found < at).mean() - (wanted < at).mean()) < 0.04


def test_masses_and_gaps_have_their_shares(drawn: pd.DataFrame) -> None:
    assert abs((drawn["gain"] == 0).mean() - (FRAME["gain"] == 0).mean()) < 0.03
    assert abs((drawn["gain"] < 0).mean() - (FRAME["gain"] < 0).mean()) < 0.03
    assert abs((drawn["tenure"] == 72).mean() - (FRAME["tenure"] == 72).mean()) < 0.03
    assert abs((drawn["member"]).mean() - FRAME["member"].mean()) < 0.03
    for name in ("tenure", "city"):
        assert abs(drawn[name].isna().mean() - FRAME[name].isna().mean()) < 0.04


def test_relations_are_kept(drawn: pd.DataFrame) -> None:
    for pair in (("age", "tenure"), ("price", "rating")):
        wanted = FRAME[list(pair)].corr("spearman").iloc[0, 1]
        assert abs(drawn[list(pair)].corr("spearman").iloc[0, 1] - wanted) < 0.12


def test_rare_categories_are_drawn_by_how_frequent_they_are(drawn: pd.DataFrame) -> None:
    kept = FRAME["city"].value_counts().index[:100]
    rare = drawn["city"].dropna()[~drawn["city"].dropna().isin(kept)]
    assert rare.nunique() > 50
    counts = FRAME["city"].value_counts()
    wanted = counts[~counts.index.isin(kept)]
    assert abs(len(rare) / 4000 - wanted.sum() / ROWS) < 0.05


def test_identifiers_are_not_learnt_and_new_where_rows_are(
    learnt: Autoencoder, drawn: pd.DataFrame
) -> None:
    table = learnt.model_.data.table
    assert table is not None and table["customer_id"].kind == "ignored"
    assert "identifier" in table["customer_id"].describe()
    assert drawn["customer_id"].tolist() == list(range(101_500, 105_500))
    assert any("'customer_id'" in note for note in load_data(FRAME).notes)
    assert load_data(FRAME, types={"customer_id": "integer"}).table["customer_id"].width == 1  # type: ignore[index]


def test_cells_filled_in_are_such_as_the_table_has(learnt: Autoencoder) -> None:
    filled = learnt.denoise(FRAME)
    hold(filled)
    assert not filled.drop(columns="customer_id").isna().any().any()
    for name in FRAME:
        there = FRAME[name].notna()
        assert (filled.loc[there, name] == FRAME.loc[there, name]).all()


def test_decoded_and_reconstructed_cells_are_such_as_the_table_has(learnt: Autoencoder) -> None:
    hold(learnt.inverse_transform(learnt.transform(FRAME)))
    hold(learnt.inverse_transform(RANDOM.normal(0, 9, (200, 4))))


def test_rows_depend_on_seed_and_place_alone(learnt: Autoencoder) -> None:
    many, few = (learnt.sample(n, random_state=5) for n in (5000, 12))
    pd.testing.assert_frame_equal(many[:12], few)
    assert len(learnt.sample(0)) == 0


def test_the_command_line_draws_the_same(
    narrows: Command, learnt: Autoencoder, tmp_path: Path
) -> None:
    learnt.save(tmp_path / "m")
    done(
        narrows("generate", tmp_path / "m", "-n", 300, "--seed", 1, "--out", tmp_path / "a.parquet")
    )
    written = pd.read_parquet(tmp_path / "a.parquet")
    assert written.astype(str).equals(learnt.sample(300, random_state=1).astype(str))


def test_a_real_category_of_that_name_is_one_like_others() -> None:
    texts = ["(other)"] * 400 + [f"t{i}" for i in range(400) for _ in range(2)]
    frame = pd.DataFrame({"c": texts, "n": RANDOM.normal(size=len(texts)).round(3)})
    schema = load_data(frame).table
    assert schema is not None and schema["c"].categories[0] == "(other)"
    decoded = schema.decode(schema.encode(frame))["c"].to_pylist()
    assert decoded[:400] == ["(other)"] * 400 and "(other)" not in decoded[400:]
    old = replace(schema["c"], rest=(), rest_counts=())  # as older files have it
    assert set(old.decode(schema.encode(frame)[:, old.features]).to_pylist()) <= set(texts)


def test_a_model_of_before_draws_within_the_range(learnt: Autoencoder) -> None:
    trained = learnt.model_
    schema = trained.data.table
    assert schema is not None
    columns = [
        replace(each, marginal_levels=(), marginal_values=(), resolution=None)
        for each in schema.columns
    ]
    old = replace(trained, data=replace(trained.data, table=TableSchema(tuple(columns))))
    rows = next(DrawnRows(TrainedAutoencoder(old), 500, 0).batches()).to_pandas()
    assert rows["age"].min() >= 18 and rows["age"].max() <= 90


# The parts


@pytest.mark.parametrize(
    ("numbers", "dtype", "grid"),
    [
        (np.arange(40.0), "f8", (0, 1, 0)),
        (np.arange(40.0) * 5 + 3, "f8", (0, 5, 3)),
        (np.arange(40.0) / 2, "f8", (1, 5, 0)),
        (np.round(RANDOM.normal(size=400), 2), "f8", (2, 1, 0)),
        (np.round(RANDOM.normal(size=400), 2).astype("f4"), "f4", (2, 1, 0)),
        (np.round(RANDOM.normal(size=400) * 1e6, 3), "f8", (3, 1, 0)),
        (-np.arange(40.0), "f8", (0, 1, 0)),
        (RANDOM.normal(size=400), "f8", None),
        (np.arange(40.0) * 1e16, "f8", None),
        (np.array([0.0, 7.0]), "f8", (0, 1, 0)),
    ],
)
def test_the_coarsest_grid_is_found(numbers: np.ndarray, dtype: str, grid: Any) -> None:
    finder = ResolutionFinder()
    for part in np.array_split(numbers.astype(np.float64), 3):
        finder.add(part, np.dtype(dtype))
    found = finder.found()
    assert (None if found is None else (found.decimals, found.step, found.anchor)) == grid
    if found is not None:
        nearest = found.nearest(numbers.astype(float) + 0.001 * 10.0**-found.decimals)
        np.testing.assert_array_equal(nearest.astype(dtype), numbers)


@pytest.mark.parametrize(
    ("name", "numbers", "identifies"),
    [
        ("id", RANDOM.permutation(500) * 7, True),
        ("PassengerId", np.arange(1, 892), True),
        ("order", np.arange(1, 500), True),
        ("customer", RANDOM.permutation(500) + 7000, True),
        ("account", RANDOM.choice(10**9, 500, replace=False), True),
        ("steam", 76561198012345678 + RANDOM.choice(10**9, 500, replace=False), True),
        ("steam", np.uint64(2**64 - 1) - np.arange(60, dtype=np.uint64), True),
        ("pageNo", RANDOM.choice(10**9, 500, replace=False), True),
        ("ticket", np.cumsum(RANDOM.integers(1, 3, 500)), True),
        ("id", RANDOM.integers(0, 50, 500), False),
        ("year", np.arange(1950, 2020), False),
        ("season", np.arange(1950, 2020), False),
        ("day", np.arange(365), False),
        ("income", RANDOM.choice(10**6, 500, replace=False), False),
        ("population", np.unique(np.rint(np.exp(RANDOM.normal(10, 2, 500)))), False),
        ("id", np.arange(10), False),
        ("price_index", RANDOM.choice(10**6, 500, replace=False), False),
        ("reading", RANDOM.normal(size=500), False),
        ("when", np.sort(RANDOM.choice(10**6, 500, replace=False)) / 8, False),
    ],
)
def test_what_names_rows(name: str, numbers: np.ndarray, identifies: bool) -> None:
    finder = IdentifierFinder()
    for part in np.array_split(numbers, 4):
        finder.add(part)
    assert finder.found(name) is identifies


def test_identifiers_alone_are_learnt_all_the_same() -> None:
    data = load_data(pd.DataFrame({"id": range(100), "row": RANDOM.permutation(100)}))
    assert data.table is not None and data.table.width == 2


def test_a_marginal_has_jumps_at_masses_and_nothing_in_gaps() -> None:
    numbers = np.concatenate([np.zeros(600), RANDOM.uniform(50, 90, 300), np.full(100, 100.0)])
    marginal = Marginal.of(RANDOM.permutation(numbers), 64)
    found = marginal.at(np.linspace(0, 1, 10_001))
    assert abs((found == 0).mean() - 0.6) < 0.01 and abs((found == 100).mean() - 0.1) < 0.01
    assert not ((found > 0) & (found < 50)).any() and not ((found > 90) & (found < 100)).any()
    np.testing.assert_allclose(
        np.quantile(found, [0.7, 0.8]), np.quantile(numbers, [0.7, 0.8]), rtol=0.03
    )
    assert (Marginal.of(np.array([4.0]), 64).at(np.array([0.0, 0.5, 1.0])) == 4).all()


def test_numbers_decoded_near_a_mass_are_taken_for_it() -> None:
    amounts = np.where(RANDOM.random(900) < 0.7, 0, RANDOM.uniform(5, 90, 900).round(2))
    data = load_data(pd.DataFrame({"amount": amounts}))
    assert data.table is not None
    blurred = data.items + 0.02 * RANDOM.normal(size=data.items.shape).astype(np.float32)
    found = data.table.with_marginals(data.items).with_masses(data.items, blurred)
    assert found["amount"].masses == (0.0,)
    back = found.decode(blurred)["amount"].to_numpy()
    np.testing.assert_array_equal(back == 0, amounts == 0)
    assert Column.from_dict(json.loads(json.dumps(found["amount"].to_dict())), 0) == found["amount"]


@pytest.mark.parametrize(
    "changes",
    [
        {"grid": [0, 0, 0]},
        {"grid": [0, 2, 5]},
        {"grid": [40, 1, 0]},
        {"grid": [0, 1]},
        {"grid": ["a", 1, 0]},
        {"marginal_levels": [0, 1], "marginal_values": [5]},
        {"marginal_levels": [0.5, 0.1], "marginal_values": [0, 1]},
        {"marginal_levels": [0, 2], "marginal_values": [0, 1]},
        {"marginal_levels": [0, 1], "marginal_values": [0, float("nan")]},
        {"rest": ["q"], "rest_counts": []},
        {"rest": ["q"], "rest_counts": [0]},
        {"rest": ["q"], "rest_counts": ["many"]},
        {"identifier": True},
        {"declared": True},
        {"masses": [0.0]},
        {"masses": [0.0], "windows": [-1]},
        {"masses": [0.0], "windows": [float("nan")]},
        {"lowest": 3.0, "highest": float("inf")},
    ],
)
def test_forged_statistics_are_refused(changes: dict[str, Any]) -> None:
    schema = load_data(FRAME).table
    assert schema is not None
    entry = schema["age"].to_dict()
    assert Column.from_dict(json.loads(json.dumps(entry)), 0) == replace(schema["age"], start=0)
    with pytest.raises((ValueError, TypeError)):
        Column.from_dict({**entry, **changes}, 0)


def test_a_grid_is_read_as_it_is_written() -> None:
    assert Resolution.from_list(list(Resolution(2, 5, 3))) == Resolution(2, 5, 3)
