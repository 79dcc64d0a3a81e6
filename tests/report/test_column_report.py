"""What is said of a table's columns, against scikit-learn and against what the columns were made
of."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error

from narrows.data import Dataset
from narrows.data.tables import Column, TableSchema
from narrows.report.columns import ColumnMeter, ColumnScore, columns_told
from narrows.report.redundancy import Redundancy, redundancy
from narrows.support.text_tables import told_text

ROWS = 400
ANIMALS = ("cat", "dog", "eel")


def number(name: str, kind: str = "numeric", dtype: str = "double", **options: Any) -> Column:
    statistics = {"centre": (50.0,), "scale": (10.0,)} | options
    return Column(name, kind, dtype, **statistics)


def category(name: str, classes: tuple[str, ...] = ANIMALS, **options: Any) -> Column:
    count = len(classes) + options.get("missing", False)
    shares = np.arange(count, 0, -1) / np.arange(1, count + 1).sum()
    scale = float(np.sqrt(1 - (shares**2).sum()))
    return Column(
        name,
        "categorical",
        "string",
        centre=tuple(shares.tolist()),
        scale=(scale,) * count,
        categories=classes,
        **options,
    )


def number_features(column: Column, values: np.ndarray) -> np.ndarray:
    """Features of numbers, NaN where missing, as the docstring of ``Column`` defines them."""
    absent = np.isnan(values)
    first = np.where(absent, 0, (values - column.centre[0]) / column.scale[0])
    if not column.missing:
        return first[:, None].astype(np.float32)
    second = (absent - column.centre[1]) / column.scale[1]
    return np.column_stack([first, second]).astype(np.float32)


def category_features(column: Column, codes: np.ndarray) -> np.ndarray:
    raw = codes[:, None] == np.arange(column.width)
    return ((raw - np.array(column.centre)) / np.array(column.scale)).astype(np.float32)


def random() -> np.random.Generator:
    return np.random.default_rng(7)


def scored(
    column: Column, truth: np.ndarray, model: np.ndarray, pca: np.ndarray, chunk: int = ROWS
) -> ColumnScore:
    meter = ColumnMeter(TableSchema.of([column]))
    for start in range(0, len(truth), chunk):
        part = slice(start, start + chunk)
        meter.add(truth[part], model[part], pca[part])
    (score,) = meter.scores()
    return score


# Errors, column by column


@pytest.mark.parametrize("chunk", [ROWS, 7])
def test_numbers_are_scored_as_scikit_learn_scores_them(chunk: int) -> None:
    column = number("length")
    truth = random().normal(52, 9, ROWS)
    model, pca = truth + random().normal(0, 1, ROWS), truth + random().normal(0, 4, ROWS)
    score = scored(column, *(number_features(column, v) for v in (truth, model, pca)), chunk)
    assert (score.name, score.kind) == ("length", "numeric")
    for error, r2, found in (
        (score.error, score.r2, model),
        (score.pca_error, score.pca_r2, pca),
    ):
        assert error == pytest.approx(root_mean_squared_error(truth, found), rel=1e-5)
        assert r2 == pytest.approx(r2_score(truth, found), rel=1e-5)
    expected = root_mean_squared_error(truth, np.full(ROWS, 50.0))
    assert score.baseline_error == pytest.approx(expected, rel=1e-5)
    assert score.missing_wrong is None


@pytest.mark.parametrize("chunk", [ROWS, 7])
@pytest.mark.parametrize("values", [[9999.0], [9999.0, -5000.0]])
def test_r2_that_rests_on_few_wild_values_is_told_with_that_of_the_others(
    values: list[float], chunk: int
) -> None:
    truth = random().normal(5, 2, ROWS)
    truth[20 : 20 + len(values)] = values
    column = number("length", centre=(float(truth.mean()),), scale=(float(truth.std()),))
    model, pca = truth + random().normal(0, 1, ROWS), truth + random().normal(0, 1.5, ROWS)
    score = scored(column, *(number_features(column, v) for v in (truth, model, pca)), chunk)
    assert score.r2 == pytest.approx(r2_score(truth, model), rel=1e-4)
    assert score.wild == len(values)
    usual = np.abs(truth) < 100
    expected = [r2_score(truth[usual], found[usual]) for found in (model, pca)]
    assert score.usual_r2 == pytest.approx(expected, rel=1e-4)
    said = told_text(columns_told([score], 4)).splitlines()[-1]
    assert said.startswith("length: ")
    assert f"R² is {expected[0]:.3f}, and PCA's {expected[1]:.3f}" in said


@pytest.mark.parametrize("chunk", [ROWS, 7])
def test_r2_of_other_columns_is_told_without_the_rows_of_wild_values(chunk: int) -> None:
    wild, width = random().normal(5, 2, ROWS), random().normal(0, 1, ROWS)
    wild[20] = 9999.0
    city = np.arange(ROWS) % 3
    columns = [
        number("length", centre=(float(wild.mean()),), scale=(float(wild.std()),)),
        number("width", centre=(float(width.mean()),), scale=(float(width.std()),)),
        category("city", ANIMALS[:3]),
    ]
    schema = TableSchema.of(columns)
    bad, other = width + random().normal(0, 0.1, ROWS), width + random().normal(0, 0.2, ROWS)
    bad[20] += 50.0  # the wild row comes back badly elsewhere too
    wrong = np.where(np.arange(ROWS) % 20 == 0, (city + 1) % 3, city)  # 20 among them
    truth, model, pca = (
        np.concatenate(
            [
                number_features(columns[0], wild),
                number_features(columns[1], w),
                category_features(columns[2], c),
            ],
            axis=1,
        )
        for w, c in ((width, city), (bad, wrong), (other, city))
    )
    meter = ColumnMeter(schema)
    for start in range(0, ROWS, chunk):
        meter.add(*(part[start : start + chunk] for part in (truth, model, pca)))
    length, wide, of_city = meter.scores()
    kept = np.arange(ROWS) != 20
    expected = [r2_score(width[kept], found[kept]) for found in (bad, other)]
    assert (length.wild, wide.wild, wide.r2) == (1, 0, pytest.approx(r2_score(width, bad), 1e-4))
    assert wide.usual_r2 == pytest.approx(expected, rel=1e-4)
    most = (city[kept] != 0).sum()  # the first class is the most frequent in training
    assert of_city.usual_r2 == pytest.approx((1 - (wrong != city)[kept].sum() / most, 1.0))
    told = told_text(columns_told(meter.scores(), 4)).splitlines()[-1]
    named = f"width {expected[0]:.3f}, PCA's {expected[1]:.3f}"
    assert told.startswith(f"R² of other columns without the same rows: {named}")
    assert "without the same rows" not in told_text(columns_told((wide, of_city), 4))


@pytest.mark.parametrize("off", [1e6, 1e13])
def test_r2_that_rounding_has_taken_is_not_told(off: float) -> None:
    wild, width = random().normal(5, 2, ROWS), random().normal(0, 1, ROWS)
    wild[20] = 9999.0
    columns = [
        number(name, centre=(float(each.mean()),), scale=(float(each.std()),))
        for name, each in (("length", wild), ("width", width))
    ]
    bad = width + random().normal(0, 0.1, ROWS)
    bad[20] += off  # its square takes those of all other rows with it, in float64 too
    truth, model = (
        np.concatenate([number_features(columns[0], wild), number_features(columns[1], w)], axis=1)
        for w in (width, bad)
    )
    meter = ColumnMeter(TableSchema.of(columns))
    meter.add(truth, model, model)
    kept = np.arange(ROWS) != 20
    told = meter.scores()[1].r2_without
    assert (
        told is None
        if off > 1e9
        else told == pytest.approx(r2_score(width[kept], bad[kept]), rel=1e-3)
    )


@pytest.mark.parametrize("name", ["normal", "exponential", "uniform"])
def test_usual_spreads_have_no_wild_values(name: str) -> None:
    truth = getattr(random(), name)(size=ROWS)
    column = number("length", centre=(float(truth.mean()),), scale=(float(truth.std()),))
    features = number_features(column, truth)
    score = scored(column, features, features, features)
    assert (score.wild, score.usual_r2) == (0, (score.r2, score.pca_r2))


def test_beside_one_other_value_no_r2_is_left() -> None:
    truth = np.zeros(ROWS)
    truth[3] = 1.0
    column = number("flag", centre=(float(truth.mean()),), scale=(float(truth.std()),))
    features = number_features(column, truth)
    score = scored(column, features, features, features)
    assert (score.r2, score.wild, score.usual_r2) == (1.0, 1, (None, None))
    assert "the others are all alike" in told_text(columns_told([score], 4))


@pytest.mark.parametrize(
    ("dtype", "unit"),
    [
        ("date32[day]", 1.0),
        ("date64[ms]", 86_400e3),
        ("timestamp[s]", 86_400.0),
        ("timestamp[ns, tz=Europe/Berlin]", 86_400e9),
        ("time64[us]", 86_400e6),
    ],
)
def test_dates_are_scored_in_days(dtype: str, unit: float) -> None:
    column = number("when", "date", dtype, centre=(19_000 * unit,), scale=(300 * unit,))
    days = random().normal(19_000, 300, ROWS)
    score = scored(
        column,
        number_features(column, days * unit),
        number_features(column, (days + 2.5) * unit),
        number_features(column, days * unit),
    )
    assert score.error == pytest.approx(2.5, rel=1e-3)
    assert score.pca_error == 0
    assert score.r2 == pytest.approx(r2_score(days, days + 2.5), abs=1e-6)


def test_missing_numbers_are_no_errors_and_are_counted() -> None:
    column = number("depth", missing=True, centre=(50.0, 0.25), scale=(10.0, 0.75**0.5))
    truth = random().normal(50, 10, ROWS)
    found = truth + 3
    absent = np.arange(ROWS) % 4 == 0
    features = number_features(column, np.where(absent, np.nan, truth))
    said = absent ^ (np.arange(ROWS) < 40)
    made = number_features(column, found)
    made[:, 1] = number_features(column, np.where(said, np.nan, 0.0))[:, 1]
    score = scored(column, features, made, features)
    assert score.error == pytest.approx(3, rel=1e-5)
    assert score.pca_error == 0
    assert score.missing_wrong == pytest.approx(40 / ROWS)
    assert score.r2 == pytest.approx(r2_score(truth[~absent], found[~absent]), rel=1e-5)


def test_categories_are_right_or_wrong() -> None:
    column = category("animal")
    truth = random().integers(0, 3, ROWS)
    model, pca = np.where(random().random(ROWS) < 0.1, 0, truth), np.full(ROWS, 1)
    score = scored(column, *(category_features(column, codes) for codes in (truth, model, pca)))
    wrong = 1 - accuracy_score(truth, model)
    baseline = 1 - accuracy_score(truth, np.zeros(ROWS, int))  # the cat is the most frequent one
    assert score.error == pytest.approx(wrong)
    assert score.pca_error == pytest.approx(1 - accuracy_score(truth, pca))
    assert score.baseline_error == pytest.approx(baseline)
    assert score.r2 == pytest.approx(1 - wrong / baseline)


def test_a_missing_category_is_a_category() -> None:
    column = category("animal", missing=True)
    truth = np.arange(ROWS) % 4  # the last is missing
    features = category_features(column, truth)
    score = scored(column, features, category_features(column, np.zeros(ROWS, int)), features)
    assert score.error == pytest.approx(0.75)
    assert score.missing_wrong is None


def test_a_category_that_training_never_saw_is_never_right() -> None:
    column = category("animal")
    features = category_features(column, np.zeros(ROWS, int))
    unseen = features.copy()
    unseen[:100] = 0
    score = scored(column, unseen, features, features)
    assert score.error == pytest.approx(0.25)


def test_truth_values_are_right_or_wrong() -> None:
    column = number("sold", "boolean", "bool", centre=(0.3,), scale=(0.21**0.5,))
    truth = (random().random(ROWS) < 0.3).astype(float)
    found = np.where(truth == 1, 0.6, 0.49)
    found[:20] = 1 - found[:20]
    features = number_features(column, truth)
    score = scored(column, features, number_features(column, found), features)
    assert score.error == pytest.approx(20 / ROWS)
    assert score.baseline_error == pytest.approx(truth.mean())
    assert score.pca_r2 == 1


def test_where_every_row_is_alike_there_is_no_r2() -> None:
    column = number("year", centre=(2021.0,), scale=(3.0,))
    features = number_features(column, np.full(ROWS, 2024.0))
    score = scored(column, features, features + 1, features)
    assert (score.r2, score.pca_r2) == (None, None)
    assert score.error == pytest.approx(3)


def test_columns_without_features_are_left_out() -> None:
    schema = TableSchema.of(
        [Column("a", "constant", "int64", value="3"), number("b"), Column("c", "ignored", "string")]
    )
    meter = ColumnMeter(schema)
    meter.add(*(np.zeros((5, 1), np.float32) for _ in range(3)))
    assert [score.name for score in meter.scores()] == ["b"]


SCORES = (
    ColumnScore(
        name="length of the way from door to door, in metres",
        kind="numeric",
        error=1.234567,
        r2=0.98765,
        pca_error=23456.7,
        pca_r2=-0.25,
        baseline_error=99.5,
    ),
    ColumnScore(
        name="when",
        kind="date",
        error=2.5,
        r2=0.9,
        pca_error=3.5,
        pca_r2=0.8,
        baseline_error=300.0,
        missing_wrong=0.0125,
    ),
    ColumnScore(
        name="animal",
        kind="categorical",
        error=0.0625,
        r2=0.875,
        pca_error=0.5,
        pca_r2=None,
        baseline_error=0.5,
    ),
)


def test_the_table_of_columns_reads_in_a_hundred_places() -> None:
    text = told_text(columns_told(SCORES, 20))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in text
    assert lines[0] == "what 20 numbers keep of each column"
    (first,) = [line for line in lines if line.startswith("length of")]
    for words in ("…", "1.235", "23,457", "99.5", "0.988", "-0.250"):
        assert words in first
    (second,) = [line for line in lines if line.startswith("when")]
    for words in ("2.5 d", "3.5 d", "300 d", "1.25%"):
        assert words in second
    (third,) = [line for line in lines if line.startswith("animal")]
    for words in ("6.2%", "50.0%", "0.875", "–"):
        assert words in third


# Which columns are redundant


def table(columns: dict[str, tuple[Column, np.ndarray]]) -> Dataset:
    schema = TableSchema.of([column for column, _ in columns.values()])
    return Dataset(
        "table.csv",
        np.concatenate([features for _, features in columns.values()], axis=1),
        table=schema,
    )


def numbers(name: str, values: np.ndarray, **options: Any) -> tuple[Column, np.ndarray]:
    spread = float(values.std()) or 1.0
    column = number(name, centre=(float(values.mean()),), scale=(spread,), **options)
    return column, number_features(column, values)


@pytest.fixture(scope="module")
def made() -> Redundancy:
    """Columns that follow from others by rules, and ones that follow from none."""
    draw = np.random.default_rng(3)
    a, b, noise = draw.normal(size=(3, 1500))
    kinds = draw.integers(0, 3, 1500)
    animal = category("animal")
    columns = {
        "a": numbers("a", a),
        "b": numbers("b", b),
        "sum": numbers("sum", 2 * a - b + 0.1 * noise),
        "square": numbers("square", kinds * 2.0 + np.square(a) + 0.5 * draw.normal(size=1500)),
        "again": numbers("again", b, same_as="b"),
        "animal": (animal, category_features(animal, kinds)),
        "lonely": numbers("lonely", draw.normal(size=1500)),
    }
    columns["fixed"] = (Column("fixed", "constant", "int64", value="3"), np.zeros((1500, 0)))
    columns["name"] = (Column("name", "ignored", "string"), np.zeros((1500, 0)))
    return redundancy(table(columns))


@pytest.mark.slow
def test_every_column_that_is_used_has_its_line(made: Redundancy) -> None:
    names = [column.name for column in made.columns]
    assert names == ["a", "b", "sum", "square", "again", "animal", "lonely", "fixed"]
    assert (made.rows_fitted, made.rows_measured) == (900, 300)


def test_what_follows_is_told_from_what_does_not(made: Redundancy) -> None:
    found = {column.name: column for column in made.columns}
    # sum leaves a hundredth of variance 5.01 unexplained, and is explained by the other two
    assert found["sum"].score == pytest.approx(1 - 0.01 / 5.01, abs=0.002)
    assert found["b"].score > 0.999
    assert found["lonely"].score < 0.05
    assert found["square"].score > 0.85
    assert found["square"].method in ("trees", "products")
    assert found["sum"].method == "linear"
    assert found["fixed"].score == 1
    assert all(0 <= column.score <= 1 for column in made.columns)


def test_what_a_column_follows_from_is_named(made: Redundancy) -> None:
    found = {column.name: column for column in made.columns}
    assert set(found["square"].follows) == {"a", "animal"}
    assert found["a"].follows[0] == "sum"
    assert found["lonely"].follows == ()
    assert found["again"].same_as == "b"


def test_a_column_follows_from_a_score_of_a_half_on() -> None:
    """In R²: with noise as strong as half the signal it is 0.8, with twice as strong 0.2."""
    random = np.random.default_rng(0)
    cause = random.normal(size=2_000)
    noise = random.normal(size=(2, 2_000)) * [[0.5], [2]]
    columns = {"cause": cause, "well": cause + noise[0], "badly": cause + noise[1]}
    result = redundancy(table({name: numbers(name, values) for name, values in columns.items()}))
    found = {column.name: column for column in result.columns}
    assert 0.5 < found["well"].score < 0.9 and found["well"].follows == ("cause",)
    assert 0.1 < found["badly"].score < 0.5 and found["badly"].follows == ()


def test_a_product_follows_from_its_factors_and_what_hangs_on_it_from_it() -> None:
    random = np.random.default_rng(0)
    width, length = random.uniform(4, 12, 500), random.uniform(5, 15, 500)
    rooms, price = random.integers(1, 8, 500), random.normal(0, 150, 500)
    price += 30 * width * length + 100 * rooms
    columns = {"width": width, "length": length, "area": width * length}
    columns |= {"rooms": rooms.astype(float), "price": price}
    result = redundancy(table({name: numbers(name, values) for name, values in columns.items()}))
    found = {column.name: column for column in result.columns}
    assert set(found["area"].follows) == {"width", "length"} and found["area"].score > 0.97
    assert set(found["width"].follows) == {"area", "length"}
    assert set(found["price"].follows) == {"area", "rooms"}


def test_categories_have_a_share_of_wrong_ones(made: Redundancy) -> None:
    found = {column.name: column for column in made.columns}
    assert found["a"].wrong is None
    assert 0 < found["animal"].wrong < 0.3
    # three equally frequent ones: two thirds of the most frequent one's answers are wrong
    assert found["animal"].score == pytest.approx(1 - found["animal"].wrong / (2 / 3), abs=0.05)


def test_of_columns_that_tell_each_other_enough_are_kept(made: Redundancy) -> None:
    dropped = [drop.name for drop in made.drops]
    assert dropped[:2] == ["fixed", "again"]  # free, the later one of the two
    assert "b" not in dropped or "sum" not in dropped  # b and sum have nothing else to follow from
    assert len({"a", "b", "again", "sum"} - set(dropped)) == 2  # two are worth two dimensions
    assert "lonely" not in dropped
    lowest = [drop.lowest for drop in made.drops]
    assert lowest == sorted(lowest, reverse=True)
    assert all(drop.lowest <= drop.score for drop in made.drops)


@pytest.mark.slow
def test_scores_are_of_rows_that_nothing_was_fitted_to() -> None:
    # As many columns as rows to fit to: what follows there follows by chance.
    noise = np.random.default_rng(0).normal(size=(60, 40))
    result = redundancy(table({f"c{n}": numbers(f"c{n}", noise[:, n]) for n in range(40)}))
    assert np.mean([column.score for column in result.columns]) < 0.2
    assert result.drops == () or len(result.drops) < 5


def test_the_same_data_give_the_same_result() -> None:
    values = np.random.default_rng(1).normal(size=(200, 3))
    data = table({f"c{n}": numbers(f"c{n}", values[:, n] + values[:, 0]) for n in range(3)})
    assert redundancy(data) == redundancy(data)


def test_a_column_alone_follows_from_nothing() -> None:
    result = redundancy(table({"a": numbers("a", np.random.default_rng(0).normal(size=100))}))
    assert result.columns[0].score == pytest.approx(0, abs=0.01)
    assert result.drops == ()
    assert "no column can be dropped" in result.text()


def test_of_no_table_of_few_rows_and_of_very_many_columns_there_is_nothing() -> None:
    assert redundancy(Dataset("digits", np.zeros((100, 8, 8)))) is None
    short = table({"a": numbers("a", np.arange(29.0)), "b": numbers("b", np.arange(29.0))})
    assert redundancy(short) is None
    wide = table({f"c{n}": numbers(f"c{n}", np.arange(40.0)) for n in range(201)})
    assert redundancy(wide) is None


def test_many_columns_are_compared_without_trees() -> None:
    values = np.random.default_rng(0).normal(size=(300, 70))
    values[:, 69] = values[:, 0] - values[:, 1]
    result = redundancy(table({f"c{n}": numbers(f"c{n}", values[:, n]) for n in range(70)}))
    assert {column.method for column in result.columns} == {"linear"}
    assert set(result.columns[69].follows) == {"c0", "c1"}
    assert [drop.name for drop in result.drops] == ["c69"]


def test_redundancy_reads_in_a_hundred_places(made: Redundancy) -> None:
    text = made.text()
    assert max(map(len, text.splitlines())) <= 100
    assert "the same as b" in text
    assert "2. again" in text
    assert "fitted to 900 rows and measured on 300 others" in text
