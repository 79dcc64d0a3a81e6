"""Data in another range than the model's are refused, wherever they come in; odd items are not."""

import io
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.command_line import Command
from helpers.optional import optional
from narrows import Autoencoder, Dataset, NarrowsWarning, OutlierDetector
from narrows.errors import ModelFileError, UsageError
from narrows.model import ranges
from narrows.model.file import load_model
from narrows.support.progress import NOBODY
from narrows.support.tensor_file import read_tensors, write_tensors
from narrows.tasks import fit_plan
from narrows.tasks.codes_archive import write_codes_only
from narrows.tasks.fit_plan import Fitted

pd = optional("pandas")

RANDOM = np.random.default_rng(0)
# Photographs: grey levels from 5 or so to 250 or so in each.
PHOTOS = RANDOM.integers(0, 256, (40, 6, 6)).astype(np.uint8)
PHOTOS[:, 0, 0], PHOTOS[:, 5, 5] = 5, 250
SHORT = {"epochs": 1, "preset": "simple", "latent": 3}


@pytest.fixture(scope="module")
def bytes_model() -> Autoencoder:
    return Autoencoder(**SHORT).fit(PHOTOS)


@pytest.fixture(scope="module")
def shares_model() -> Autoencoder:
    return Autoencoder(**SHORT).fit(PHOTOS / 255)


@pytest.fixture(scope="module")
def deep_model() -> Autoencoder:
    return Autoencoder(**SHORT).fit(PHOTOS.astype(np.uint16) * 257)


METHODS = ["transform", "score", "score_samples", "denoise", "reconstruct"]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_shares_of_one_are_refused_where_levels_were_learnt(
    method: str, bytes_model: Autoencoder
) -> None:
    with pytest.raises(UsageError, match=r"X holds values from 0 to 1, and .* from 0 to 255") as e:
        getattr(bytes_model, method)(PHOTOS / 255)
    assert "such as shares of 1 times 255" in str(e.value)
    assert "check_range=False" in str(e.value)
    free = Autoencoder(**SHORT, check_range=False).fit(PHOTOS)
    getattr(free, method)(PHOTOS / 255)


def test_other_scales_are_refused(
    bytes_model: Autoencoder, shares_model: Autoencoder, deep_model: Autoencoder
) -> None:
    deep = PHOTOS.astype(np.uint16) * 257
    refused: list[tuple[Autoencoder, np.ndarray]] = [
        (bytes_model, PHOTOS / 255),
        (bytes_model, (PHOTOS / 255)[:1]),
        (bytes_model, (PHOTOS / 255).astype(np.float32)),
        (bytes_model, deep),
        (bytes_model, deep.astype(np.float64)),
        (bytes_model, deep.astype(np.int32)[:1]),
        (bytes_model, (PHOTOS - 127.5) / 127.5),
        (shares_model, PHOTOS),
        (shares_model, PHOTOS[:1]),
        (shares_model, PHOTOS.astype(float)),
        (shares_model, PHOTOS // 16),  # as scikit-learn's digits are
        (shares_model, PHOTOS / 255 / 255),  # twice
        (shares_model, PHOTOS / 255 + 300),
        (deep_model, PHOTOS),
        (deep_model, PHOTOS / 255),
        (deep_model, deep.astype(float) / 65535),
    ]
    for model, items in refused:
        with pytest.raises(UsageError, match="was trained on"):
            model.transform(items)


def test_what_is_in_the_range_is_taken(
    bytes_model: Autoencoder, shares_model: Autoencoder, deep_model: Autoencoder
) -> None:
    taken: list[tuple[Autoencoder, Any]] = [
        (bytes_model, PHOTOS.astype(float)),
        (bytes_model, PHOTOS.astype(np.int64)),
        (bytes_model, PHOTOS // 10),  # dark
        (bytes_model, PHOTOS * 0.1),
        (bytes_model, np.zeros_like(PHOTOS)),
        (bytes_model, np.full(PHOTOS.shape, 255, np.uint8)),
        (bytes_model, PHOTOS[:1] // 5),
        (bytes_model, np.clip(PHOTOS + RANDOM.normal(0, 120, PHOTOS.shape), -400, 700)),
        (shares_model, PHOTOS / 255 * 0.05),  # very dark
        (shares_model, PHOTOS / 255 + RANDOM.normal(0, 0.8, PHOTOS.shape)),
        (shares_model, np.zeros(PHOTOS.shape)),
        (shares_model, (PHOTOS > 100)),
        (deep_model, PHOTOS.astype(np.uint16) * 16),  # 12 bits
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model, items in taken:
            model.transform(items)


@pytest.mark.parametrize("rows", ["images", "long rows", "short rows"])
def test_the_quick_look_at_a_few_items_finds_what_the_long_one_does(
    rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = PHOTOS if rows == "images" else PHOTOS.reshape(40, -1)
    X = X[:, :30] if rows == "short rows" else X
    model = Autoencoder(**SHORT).fit(X).model_
    random, judged = np.random.default_rng(1), {"usual": 0, "told": 0, "refused": 0}
    ordinary, are_ordinary = ranges.OrdinaryItems.of(model), 0
    for _ in range(300):
        width = 255 * 10 ** random.uniform(-3, 1.5)
        count = random.choice([random.integers(1, 6), 100])
        few = random.uniform(0, width, (count, *X.shape[1:]))
        few[..., : random.integers(0, few.shape[-1])] += random.choice([0, 0, -300, 5000])
        few = few.astype(random.choice([np.float64, np.float32, np.uint8, np.int32]))
        found = []
        for quick in (True, False):
            with monkeypatch.context() as patch:
                if not quick:
                    patch.setattr(ranges, "_is_usual", lambda *_: False)
                    patch.setattr(ranges, "_outside", lambda some, _: np.ones(some.shape[1], bool))
                try:
                    found.append(ranges.require_familiar(model, few, "X"))
                except UsageError as error:
                    found.append([str(error), "refused"])
        assert found[0] == found[1]
        if ordinary is not None and ordinary.has(few):
            assert found[1] == []
            are_ordinary += 1
        judged["refused" if "refused" in found[0] else "told" if found[0] else "usual"] += 1
    assert judged["usual"] > 0 and judged["refused"] > 0, judged
    assert (are_ordinary > 10) == (rows == "images")


def test_many_bytes_are_not_read_where_any_byte_is_familiar(
    bytes_model: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("all items are looked at")

    monkeypatch.setattr(ranges._Seen, "of", read)
    model, many = bytes_model.model_, np.tile(PHOTOS, (10, 1, 1))
    assert ranges.require_familiar(model, many, "X") == []
    for others in (many // 128, many.astype(np.int16), many[:, :, :3] / 1):  # dark, or of more
        with pytest.raises(AssertionError):
            ranges.require_familiar(model, others, "X")


def test_dark_images_of_the_same_type_are_taken_and_told(bytes_model: Autoencoder) -> None:
    with pytest.warns(NarrowsWarning, match="dark, or in another unit"):
        bytes_model.transform(PHOTOS // 128)


def test_one_odd_item_among_many_is_told_and_taken(shares_model: Autoencoder) -> None:
    items = PHOTOS / 255
    items[3] = 900
    with pytest.warns(NarrowsWarning, match=r"1 of 40 items of X .* the first is item 3"):
        shares_model.transform(items)


@pytest.mark.slow
def test_detectors_find_odd_items_and_refuse_other_units() -> None:
    rows = RANDOM.normal(size=(80, 5)) * [1, 100, 10, 1, 1] + [0, 1000, 0, 0, 0]
    detector = OutlierDetector(2, preset="simple", epochs=2).fit(rows)
    odd = rows[:30].copy()
    odd[7] = 1e6
    odd[8:16] = -1e5  # a third of them
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = detector.predict(odd)
        assert (found[7:16] == -1).all()
        assert detector.predict(np.vstack([rows[:1], rows[:1] * 0 + 1e7])).tolist()[1] == -1
    for method in ("predict", "score_samples", "decision_function", "p_values", "contributions"):
        with pytest.raises(UsageError, match="was trained on"):
            getattr(detector, method)(rows * 1000)
    # a column in metres that was in centimetres; in kelvin that was in degrees
    for at, other in ((1, rows[:, 1] / 100), (2, rows[:, 2] + 273)):
        moved = rows.copy()
        moved[:, at] = other
        with pytest.raises(UsageError, match=f"value {at} of X holds values from"):
            detector.predict(moved)
    free = OutlierDetector(2, preset="simple", epochs=1, check_range=False).fit(rows)
    assert (free.predict(rows * 1000) == -1).all()


def frame() -> Any:
    random = np.random.default_rng(1)
    height = random.normal(172, 9, 200)
    return pd.DataFrame(
        {
            "height": np.where(random.random(200) < 0.1, np.nan, height),
            "weight": height / 2 + random.normal(0, 5, 200),
            "income": np.where(random.random(200) < 0.5, 0, random.lognormal(10, 1, 200)),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 30, 200), "D"),
            "kind": random.choice(["a", "b"], 200),
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_column_in_another_unit_is_refused(method: str) -> None:
    table = frame()
    model = Autoencoder(**SHORT).fit(table)
    call: Callable[[pd.DataFrame], Any] = getattr(model, method)
    with pytest.raises(UsageError, match=r"column 'height' of .* holds values from 1\.\d+ to"):
        call(table.assign(height=table["height"] / 100))
    with pytest.raises(UsageError, match="column 'weight'"):
        call(table.assign(weight=table["weight"] * 1000))
    later = table.assign(day=table["day"] + pd.Timedelta("3000D"))
    rich = table.assign(income=np.where(np.arange(200) == 3, 1e9, table["income"]))
    for fine in (table, table[:1], later, rich, table.assign(income=0.0), table.assign(kind="a")):
        call(fine)


@pytest.fixture(scope="module")
def around_zero() -> tuple[Any, Autoencoder]:
    """Degrees on both sides of 0, and a model of them."""
    random = np.random.default_rng(2)
    degrees = np.round(random.normal(0, 10, 200), 1)
    table = pd.DataFrame({"c": degrees, "f": degrees * 1.8 + random.normal(32, 3, 200)})
    return table, Autoencoder(**SHORT | {"latent": 1}).fit(table)


@pytest.mark.parametrize("method", METHODS)
def test_a_column_with_most_values_beyond_either_end_is_refused(
    method: str, around_zero: tuple[Any, Autoencoder]
) -> None:
    table, model = around_zero
    with pytest.raises(UsageError, match=r"column 'c' of .* holds values from -\d+ to"):
        getattr(model, method)(table.assign(c=table["c"] * 1000))
    rows = Autoencoder(**SHORT | {"latent": 1}).fit(table.to_numpy())
    if method != "denoise":
        with pytest.raises(UsageError, match="X holds values from"):
            getattr(rows, method)(table.assign(c=table["c"] * 1000).to_numpy())


def test_items_beyond_either_end_are_refused(shares_model: Autoencoder) -> None:
    sides = np.where(np.arange(40) % 2, 1, -1)[:, None, None]
    with pytest.raises(UsageError, match="was trained on"):
        shares_model.transform(PHOTOS / 255 + sides * 300)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("times", "more"), [(5, 0), (1, 100)])
def test_a_column_most_of_which_lies_outside_is_told_and_taken(
    method: str, times: float, more: float, around_zero: tuple[Any, Autoencoder]
) -> None:
    table, model = around_zero
    with pytest.warns(NarrowsWarning, match="column 'c' of .*: most of them lie outside"):
        getattr(model, method)(table.assign(c=table["c"] * times + more))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(model, method)(table.assign(c=table["c"].max()))  # the end is inside


@pytest.mark.parametrize("method", METHODS)
def test_single_cells_far_outside_are_told(
    method: str, around_zero: tuple[Any, Autoencoder]
) -> None:
    table, model = around_zero
    odd = table.assign(c=np.where(np.arange(200) % 100 == 7, -9999, table["c"]))
    with pytest.warns(NarrowsWarning, match=r"2 of 200 values in column 'c' .* is in row 7"):
        getattr(model, method)(odd)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_tells_another_range_and_knows_it_from_then_on(
    method: str, around_zero: tuple[Any, Autoencoder]
) -> None:
    table, _ = around_zero
    far = table.assign(c=table["c"] * 1000)
    model = Autoencoder(**SHORT | {"latent": 1}, warm_start=True).fit(table)
    with pytest.warns(NarrowsWarning, match="column 'c' of .* the model keeps its scaling"):
        getattr(model, method)(far)
    column = model.model_.data.table["c"]  # type: ignore[index]
    assert column.lowest == pytest.approx(far["c"].min())
    assert column.highest == pytest.approx(far["c"].max())
    model.transform(far)
    with pytest.raises(ValueError, match="no rows"):
        getattr(model, method)(table[:0])


@pytest.mark.parametrize("kind", ["table", "rows"])
def test_a_model_that_is_kept_as_it_was_knows_no_other_range(
    kind: str, around_zero: tuple[Any, Autoencoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = around_zero[0] if kind == "table" else around_zero[0].to_numpy()
    model = Autoencoder(**SHORT | {"latent": 1}, warm_start=True).fit(table)
    before, kept = model.model_, "kept the model as it was"
    monkeypatch.setattr(fit_plan, "where_start_is_better", lambda *_: [kept])
    with pytest.warns(NarrowsWarning, match="the model keeps its scaling"):
        model.fit(table * 1000)
    assert model.model_.model is before.model
    assert model.model_.data.table == before.data.table
    with pytest.raises(UsageError, match="was trained on"):
        model.transform(table * 1000)


def test_going_on_in_the_same_range_leaves_it_exactly() -> None:
    random = np.random.default_rng(4)
    table = pd.DataFrame(random.lognormal(0, [1.0, 0.1, 2.0, 1.0], (200, 4)), columns=list("abcd"))
    table = (table - table.min()).assign(d=table["d"] + 1e4)
    table.loc[5, "a"] = 10.0
    model = Autoencoder(**SHORT, warm_start=True).fit(table)
    found = []
    for _ in range(2):
        columns = model.model_.data.table.columns  # type: ignore[union-attr]
        found.append([(column.lowest, column.highest) for column in columns])
        model.fit(table)
    assert found[0] == found[1]
    assert found[0] == [(table[name].min(), table[name].max()) for name in table]


@pytest.mark.parametrize("kind", ["frame", "arrays"])
def test_denoise_tells_of_every_column_and_row_of_a_long_table(
    kind: str, around_zero: tuple[Any, Autoencoder]
) -> None:
    table, model = around_zero
    long = pd.concat([table] * 50, ignore_index=True)
    long.loc[[3, 9000], "c"], long.loc[[9001, 9002], "f"] = -9999, 9999
    with pytest.warns(NarrowsWarning) as told:
        model.denoise(long if kind == "frame" else long.to_numpy())
    lines = [str(each.message) for each in told if "far outside" in str(each.message)]
    assert sorted(line.partition(" lie")[0] for line in lines) == [
        "1 of 8,192 values in column 'c' of rows 0 to 8,191 of the table",
        "2 of 1,808 values in column 'f' of rows 8,192 to 9,999 of the table",
    ]
    assert sorted(line.rpartition("; ")[2] for line in lines) == [
        "the first is in row 3", "the first is in row 9,001",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["frame", "arrays"])
def test_denoise_does_not_count_the_rows_of_a_table_that_is_one_block(
    kind: str, around_zero: tuple[Any, Autoencoder]
) -> None:
    table, model = around_zero
    odd = table.copy()
    odd.loc[3, "c"] = -9999
    with pytest.warns(NarrowsWarning, match=f"^1 of {len(odd)} values in column 'c' of the table"):
        model.denoise(odd if kind == "frame" else odd.to_numpy())


@pytest.mark.parametrize("value", [1e6, 1e-6])
def test_a_last_block_of_one_odd_row_is_not_refused(
    value: float, around_zero: tuple[Any, Autoencoder]
) -> None:
    table = around_zero[0] + 100  # so that values near 0 are odd too
    model = Autoencoder(**SHORT | {"latent": 1}).fit(table)
    long = pd.concat([table] * 41, ignore_index=True)[:8193]
    long.loc[8192, "c"] = value
    model.denoise(long)
    with pytest.raises(UsageError, match="was trained on"):
        model.denoise(long[8192:])


def test_of_a_long_table_some_rows_are_looked_at(
    around_zero: tuple[Any, Autoencoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, model = around_zero
    monkeypatch.setattr(ranges, "_ROWS", 20)
    monkeypatch.setattr(ranges, "CACHED_VALUES", 20)
    odd = table.assign(c=np.where(np.arange(200) == 0, -9999, table["c"]))
    with pytest.warns(NarrowsWarning, match="1 of 20 values that were looked at in column 'c'"):
        model.transform(odd)


def test_what_was_set_can_be_set_back(around_zero: tuple[Any, Autoencoder]) -> None:
    table, _ = around_zero
    model = Autoencoder(**SHORT | {"latent": 1}, warm_start=True).fit(table)
    with pytest.raises(UsageError, match=r"set_params\(latent=None\)"):
        model.set_params(latent=2).fit(table)
    model.set_params(latent=None).fit(table)


def test_of_many_columns_outside_few_are_named() -> None:
    rows = np.random.default_rng(3).random((60, 9))
    table = pd.DataFrame(rows, columns=list("abcdefghi"))
    model = Autoencoder(**SHORT).fit(table)
    with pytest.warns(NarrowsWarning) as told:
        model.transform(table + 1.5)
    assert [str(each.message)[:10] for each in told][:5] == [f"column '{n}'" for n in "abcde"]
    assert [str(each.message) for each in told][5:] == ["so do 4 more columns of X"]


@pytest.mark.slow
def test_commands_say_of_a_table_what_methods_do(
    narrows: Command, around_zero: tuple[Any, Autoencoder], tmp_path: Path
) -> None:
    table, _ = around_zero
    detector = OutlierDetector(1, preset="simple", epochs=1).fit(table)
    detector.save(tmp_path / "model.safetensors")
    for name, times in (("far", 1000), ("beside", 5)):
        table.assign(c=table["c"] * times).to_csv(tmp_path / f"{name}.csv", index=False)
    start = ["--from", tmp_path / "model.safetensors", "--out", tmp_path / "new.safetensors"]
    on = narrows("fit", tmp_path / "far.csv", *start, "--epochs", 1)
    assert on.code == 0 and "the model keeps its scaling" in on.err, on.err
    texts = table.astype({"c": str}).assign(c="1.5x")
    texts.to_csv(tmp_path / "texts.csv", index=False)
    wrong = narrows("fit", tmp_path / "texts.csv", *start)
    assert "train a new model with the column categorical: --types c=categorical" in wrong.err
    typed = narrows("fit", tmp_path / "texts.csv", *start, "--types", "c=categorical")
    assert typed.code == 2 and "hint: leave out --types, or train a new model" in typed.err
    for command, out in (
        ("encode", "codes.csv"), ("reconstruct", "rows.csv"), ("evaluate", None),
        ("denoise", "full.csv"), ("detect", "scores.csv"),
    ):  # fmt: skip
        more = [] if out is None else ["--out", tmp_path / out]
        far = narrows(command, tmp_path / "model.safetensors", tmp_path / "far.csv", *more)
        assert far.code == 2 and "column 'c' of" in far.err and "--force" in far.err, command
        beside = narrows(command, tmp_path / "model.safetensors", tmp_path / "beside.csv", *more)
        assert beside.code == 0, beside.err
        assert "most of them lie outside" in beside.err, command


@pytest.mark.slow
def test_every_command_refuses_and_goes_on_when_forced(
    narrows: Command, model_file: Path, digits: Dataset, tmp_path: Path
) -> None:
    data = tmp_path / "shares.npy"
    np.save(data, digits.items[:40] / 16)
    for command, out in (
        ("evaluate", None), ("encode", "codes.npy"), ("reconstruct", "items.npy"),
        ("detect", "scores.csv"), ("denoise", "clean.npy"),
    ):  # fmt: skip
        line = [command, model_file, data, *([] if out is None else ["--out", tmp_path / out])]
        done = narrows(*line)
        assert done.code == 2, done.err
        assert (
            "holds values from 0 to 1, and the model was trained on values from 0 to 16" in done.err
        )
        assert "--force" in done.err
        assert out is None or not (tmp_path / out).exists()
        assert narrows(*line, "--force").code == 0, command


@pytest.mark.slow
def test_archives_of_codes_refuse_too() -> None:
    images = PHOTOS[:, :3, :3].astype(np.float32)
    model = Autoencoder(2, preset="rounded", epochs=1, hidden=8).fit(images).model_
    floats = Dataset("X", images / 255)
    with pytest.raises(UsageError, match="X holds values from 0 to 1, and the model was"):
        write_codes_only(io.BytesIO(), floats, model, effort="fast")
    write_codes_only(io.BytesIO(), floats, model, effort="fast", check_range=False)
    told, odd = list[str](), images.copy()
    odd[3] *= 1000
    listener = replace(NOBODY, note=told.append)
    write_codes_only(io.BytesIO(), Dataset("X", odd), model, effort="fast", listener=listener)
    assert any("1 of 40 items of X have values far outside" in line for line in told)


def test_older_files_check_what_they_can(model_file: Path, digits: Dataset) -> None:
    arrays, entry = read_tensors(model_file)
    for name in ("whole", "narrowest"):
        del entry["data"][name]
    write_tensors(model_file, arrays, entry)
    old = Autoencoder.load(model_file)
    old.transform(digits.items[:40])
    with pytest.raises(UsageError, match="was trained on values from 0 to 16"):
        old.transform(digits.items[:40] * 255.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("whole", 1), ("whole", "yes"), ("narrowest", -1), ("narrowest", "x"), ("narrowest", 1e999)],
)
def test_forged_ranges_are_damage(name: str, value: Any, model_file: Path) -> None:
    arrays, entry = read_tensors(model_file)
    entry["data"][name] = value
    write_tensors(model_file, arrays, entry)
    with pytest.raises(ModelFileError, match="is damaged"):
        load_model(model_file)


def test_forged_ends_of_values_are_damage(fitted: Fitted, model_file: Path) -> None:
    arrays, entry = read_tensors(model_file)
    arrays["values/lowest"] = np.zeros(3)
    write_tensors(model_file, arrays, entry)
    with pytest.raises(ModelFileError, match="values/"):
        load_model(model_file)


def test_check_range_is_true_or_false(bytes_model: Autoencoder) -> None:
    wrong = Autoencoder(**SHORT, check_range="no").fit(PHOTOS)
    with pytest.raises(UsageError, match="check_range is 'no'"):
        wrong.transform(PHOTOS)
