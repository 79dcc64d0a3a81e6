"""What the page of ``explore`` is told is what the model, NumPy and Arrow say."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from helpers.explored import digits, people
from narrows.data import Dataset, load_data
from narrows.data.idx import idx_header
from narrows.data.image_files import ImageFiles
from narrows.data.tables import SchemaDrift
from narrows.errors import DataError, ShapeError, UsageError
from narrows.model.trained import TrainingRecord
from narrows.model.use import TrainedAutoencoder
from narrows.nn.presets import preset_spec
from narrows.tasks.denoise import denoise
from narrows.tasks.explore import Explorer
from narrows.tasks.explore.cells import cells_of, columns_of, features_of
from narrows.tasks.explore.latent_numbers import latent_numbers, turns
from narrows.tasks.explore.noise import noise_data
from narrows.tasks.opening import load_for

RANDOM = np.random.default_rng(6)


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    autoencoder, data = digits()
    return Explorer(autoencoder, data, title="digits.safetensors")


@pytest.fixture(scope="module")
def rows() -> Explorer:
    autoencoder, table = people()
    schema = autoencoder.trained.data.table
    assert schema is not None
    data = Dataset("people", schema.encode(table), table=schema)
    return Explorer(autoencoder, data, title="people.safetensors")


def floats(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


def test_codes_and_items_are_what_the_model_makes(explorer: Explorer) -> None:
    autoencoder, data = digits()
    chosen = explorer.item(7)
    assert (chosen.values == data.items[7].ravel()).all()
    assert (chosen.code == autoencoder.encode(data.items[7:8])[0]).all()
    assert chosen.label == str(data.labels[7])
    values, cells = explorer.decode(chosen.code)
    assert (values == autoencoder.decode_floats(chosen.code[None]).ravel()).all()
    assert cells is None
    found = explorer.encode(chosen.values)
    assert (found.code == chosen.code).all()
    np.testing.assert_allclose(found.values, values, rtol=1e-5, atol=1e-4)


def test_an_item_is_as_odd_as_detect_says(explorer: Explorer) -> None:
    from narrows.tasks.detector import Detector

    autoencoder, data = digits()
    detector = Detector(autoencoder)
    scores = detector.scores(data.items[:3])
    found = explorer.encode(data.items[2].ravel().astype(np.float32))
    assert found.score == pytest.approx(scores[2])
    assert found.p_value == pytest.approx(detector.detection.p_values(scores)[2])


def test_what_is_drawn_is_taken_to_the_type_of_the_data(explorer: Explorer) -> None:
    drawn = np.linspace(-5, 99, 64, dtype=np.float32)
    found = explorer.encode(drawn)
    assert (found.item == np.rint(np.clip(drawn, 0, 16))).all()


def test_the_nearest_are_those_that_numpy_finds(explorer: Explorer) -> None:
    code = explorer.item(3).code
    found = explorer.nearest(code, 5)
    distances = np.linalg.norm(explorer.codes.astype(float) - code.astype(float), axis=1)
    assert [each["row"] for each in found] == np.argsort(distances, kind="stable")[:5].tolist()
    assert found[0] == {"row": 3, "distance": 0.0}
    assert found[4]["distance"] == pytest.approx(np.sort(distances)[4])


def test_images_of_files_are_named() -> None:
    autoencoder, data = digits()
    files = ImageFiles(tuple(f"{number}.png" for number in range(20)))
    named = replace(data.rows(np.arange(20)), files=files)
    explorer = Explorer(autoencoder, named, title="t", most_items=5)
    assert explorer.item(11).file == "11.png"
    names = [f"{row}.png" for row in explorer.rows]
    assert len(names) == 5 and explorer.page_data()["files"] == names


def test_the_page_data_hold_every_item_and_are_json(explorer: Explorer) -> None:
    _, data = digits()
    page = json.loads(json.dumps(explorer.page_data(), allow_nan=False))
    assert (page["kind"], page["shape"], page["limits"]) == ("image", [8, 8], [0, 16])
    assert (page["items"], page["detects"], page["denoises"]) == (300, True, False)
    assert (floats(page["codes"], 300, 4) == explorer.codes).all()
    assert floats(page["map"]["xy"], 300, 2).std() > 0
    assert page["labels"] == data.labels.tolist() and page["files"] is None
    sheet = page["thumbnails"]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet["data"]))))
    row, column = divmod(123, sheet["columns"])
    shown = picture[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
    np.testing.assert_allclose(shown, data.items[123] * (255 / 16), atol=0.51)


def test_sliders_are_in_the_order_of_what_they_move(explorer: Explorer) -> None:
    page = explorer.page_data()
    effects = [number["effect"] for number in page["latent"]]
    assert effects == sorted(effects, reverse=True) and effects[-1] > 0
    assert sorted(number["index"] for number in page["latent"]) == [0, 1, 2, 3]
    for number in page["latent"]:
        codes = explorer.codes[:, number["index"]]
        assert number["low"] < np.median(codes) < number["high"]
        inside = (codes >= number["low"]) & (codes <= number["high"])
        assert inside.mean() > 0.9  # of training codes 99 in 100


def test_without_a_density_the_sliders_end_where_the_training_codes_do() -> None:
    trained = replace(digits()[0].trained, density={}, detection={})
    page = Explorer(TrainedAutoencoder(trained), None, title="t").page_data()
    for number in page["latent"]:
        low, high = (trained.latent[end][number["index"]] for end in ("lowest", "highest"))
        assert low <= number["low"] < number["high"] <= high
        assert number["high"] - number["low"] > 0.9 * (high - low)
    assert "ends of the training codes" in page["notes"][0]


def test_of_many_items_some_are_taken_and_it_is_said() -> None:
    autoencoder, data = digits()
    some = Explorer(autoencoder, data, title="t", most_items=10)
    page = some.page_data()
    assert len(some) == page["items"] == len(page["rows"]) == 10
    assert page["rows"][0] == 0  # what the page opens with
    assert any("10 of the 300 items" in note for note in page["notes"])
    assert page["data_rows"] == 300
    assert (some.item(page["rows"][9]).code == some.codes[9]).all()
    (other, *_) = set(range(300)) - set(page["rows"])  # not drawn, and to be had all the same
    chosen = some.item(other)
    assert (chosen.values == data.items[other].ravel()).all()
    assert chosen.label == str(data.labels[other])
    assert (chosen.code == autoencoder.encode(data.items[other][None])[0]).all()
    row = page["rows"][7]
    assert some.nearest(some.codes[7], 1) == [{"row": row, "distance": 0.0}]


def test_labels_that_do_not_fit_stop_only_what_shows_them(tmp_path: Path) -> None:
    autoencoder, data = digits()
    images = tmp_path / "a-images-idx3-ubyte"
    for path, values in (
        (images, data.items),
        (tmp_path / "a-labels-idx1-ubyte", np.zeros(4, np.uint8)),
    ):
        path.write_bytes(idx_header(values.shape, values.dtype) + values.tobytes())
    assert len(load_for(autoencoder, str(images))) == len(data)
    with pytest.raises(DataError, match="labels of shape"):
        load_for(autoencoder, str(images), labels=True)


def test_without_data_there_is_nothing_to_choose() -> None:
    page = Explorer(digits()[0], None, title="t").page_data()
    assert page["items"] == 0
    assert [page[name] for name in ("map", "codes", "rows", "thumbnails")] == [None] * 4
    assert len(page["start"]) == 4 and page["detects"]


@pytest.mark.parametrize("kind", ["code", "item"])
def test_numbers_that_are_none_are_refused(explorer: Explorer, kind: str) -> None:
    work, size = (explorer.decode, 4) if kind == "code" else (explorer.encode, 64)
    with pytest.raises(DataError, match=f"the {kind} holds a number that is not finite"):
        work(np.full(size, np.nan, np.float32))
    with pytest.raises(ShapeError):
        work(np.zeros(size + 1, np.float32))


def test_an_item_that_is_not_there(explorer: Explorer) -> None:
    with pytest.raises(DataError, match="there is no item 300"):
        explorer.item(300)


def test_a_row_goes_to_cells_and_back(rows: Explorer) -> None:
    _, table = people()
    for index in (0, 11):
        chosen = rows.item(index)
        cells = {cell["column"]: cell["value"] for cell in chosen.cells or []}
        expected = {name: table[name][index].as_py() for name in table.column_names}
        expected["since"] = expected["since"].isoformat()
        assert cells == {
            name: pytest.approx(value, abs=1e-4) if isinstance(value, float) else value
            for name, value in expected.items()
        }
        found = rows.encode_cells(chosen.cells)
        np.testing.assert_allclose(found.item, chosen.values, atol=1e-5)
        np.testing.assert_allclose(found.code, chosen.code, atol=1e-3)
        assert {cell["column"] for cell in found.cells or []} == set(cells)


def test_a_form_knows_the_columns_and_which_follow(rows: Explorer) -> None:
    columns = {column["name"]: column for column in rows.page_data()["columns"]}
    kinds = {name: column["kind"] for name, column in columns.items()}
    assert kinds == {
        "kilos": "number",
        "pounds": "number",
        "age": "number",
        "town": "category",
        "member": "truth",
        "since": "date",
        "country": "constant",
    }
    assert columns["country"]["why"].startswith("always ") and columns["town"]["why"] is None
    assert columns["pounds"]["follows_from"][0] == "kilos" and columns["age"]["follows_from"] == []
    assert sorted(columns["town"]["categories"]) == ["Lima", "Oslo", "Rome"]
    assert columns["age"]["whole"] and not columns["kilos"]["whole"]
    assert columns["age"]["low"] == people()[1]["age"].to_numpy().min()
    assert columns["since"]["high"] == max(people()[1]["since"].to_pylist()).isoformat()


def test_a_form_says_of_what_nothing_is_learnt() -> None:
    table = pa.table(
        {
            "id": range(1000, 1400),
            "note": [f"note {place * 7}" for place in range(400)],
            "size": RANDOM.normal(size=400),
        }
    )
    schema = load_data(table).table
    assert schema is not None
    columns = {column["name"]: column for column in columns_of(schema, None)}
    assert [each["kind"] for each in columns.values()] == ["ignored", "ignored", "number"]
    assert columns["id"]["why"].startswith("an identifier, ") and columns["note"]["why"]
    cells = cells_of(schema, np.zeros(schema.width))
    assert [cell["column"] for cell in cells] == ["size"]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("x", "no cells of a row"),
        ([1], "no cells of a row"),
        ([{"column": "weight", "value": 1}], "no column 'weight'"),
        ([{"column": "age", "value": [1]}], "holds no value"),
        ([{"column": "age", "value": "old"}], "column 'age' takes a number, and 'old' is none"),
        ([{"column": "since", "value": "soon"}], "column 'since' takes a date"),
        ([{"column": "age", "value": 10**200}], "column 'age' holds 1e\\+200"),
        ([{"column": "age", "value": True}], "column 'age' takes a number"),
    ],
)
def test_cells_that_are_none_are_refused(rows: Explorer, cells: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        rows.encode_cells(cells)


def test_a_new_category_and_a_gap_are_taken_as_elsewhere(rows: Explorer) -> None:
    cells = rows.item(0).cells or []
    changed = [cell | {"value": "Paris"} if cell["column"] == "town" else cell for cell in cells]
    assert np.isfinite(rows.encode_cells(changed).code).all()


def test_a_model_whose_decoder_takes_more_than_a_code_has_nothing_to_turn() -> None:
    autoencoder, data = digits(preset="unet", hidden=None, latent=None, noise="gaussian:0.1-0.3")
    explorer = Explorer(autoencoder, data, title="t")
    page = json.loads(json.dumps(explorer.page_data(), allow_nan=False))
    assert (page["latent"], page["start"], page["map"], page["codes"]) == ([], [], None, None)
    assert not page["detects"] and "takes more than a code" in page["notes"][0]
    assert page["labels"] == data.labels.tolist() and page["data_rows"] == 300
    assert page["noise"] == {
        "kind": "gaussian",
        "learnt": [0.1, 0.3],
        "most": 0.6,
        "lowest": 0,
        "highest": 16,
    }
    assert page["median"] == autoencoder.trained.training.filters["median"]["size"]
    chosen = explorer.item(5)
    assert (chosen.values == data.items[5].ravel()).all() and chosen.code.shape == (0,)
    expected = denoise(autoencoder, data.items[5:6]).ravel()
    assert (explorer.denoise(chosen.values) == expected).all()


def test_a_code_as_large_as_the_item_is_not_turned_either() -> None:
    trained = digits(noise="gaussian:0.2")[0].trained
    assert turns(trained)
    for preset, narrow in (("denoiser", False), ("unet", False), ("dense", True)):
        spec = preset_spec(preset, (8, 8))
        model = replace(trained.model, spec=spec)
        assert turns(replace(trained, model=model)) == narrow


def test_noise_that_has_no_formula_is_not_added() -> None:
    training = TrainingRecord(filters={"median": {"size": 5}}, tile=48)
    trained = replace(digits()[0].trained, training=training)
    assert noise_data(trained) == {"noise": None, "median": 5, "tile": True}
    assert noise_data(digits()[0].trained)["median"] is None


def test_only_a_model_that_learnt_it_denoises(explorer: Explorer) -> None:
    with pytest.raises(UsageError, match="did not learn to undo noise"):
        explorer.denoise(np.zeros(64, np.float32))
    autoencoder, data = digits(noise="gaussian:0.2")
    denoising = Explorer(autoencoder, None, title="t")
    assert denoising.page_data()["denoises"]
    expected = denoise(autoencoder, data.items[:1])
    assert (denoising.denoise(data.items[0].ravel()) == expected.ravel()).all()


def test_numbers_that_tell_no_items_apart_are_idle_and_last() -> None:
    moves = np.array([[1.0, 1.0], [9.0, 9.0], [0.001, 0.0], [2.0, 2.0]], np.float32)
    model = SimpleNamespace(
        trained=SimpleNamespace(item_shape=(2,), dead=np.array([1])),  # however much it moves
        decode_floats=lambda codes: codes @ moves,
    )
    codes = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    found = latent_numbers(model, codes)  # type: ignore[arg-type]
    assert [(each.index, each.idle) for each in found] == [
        (3, False),
        (0, False),
        (1, True),
        (2, True),
    ]


def test_a_row_with_time_that_passed_can_be_edited() -> None:
    """Also one that pandas writes, of nanoseconds, and without pandas."""
    minutes = RANDOM.integers(0, 5000, 300)
    spans = pa.array(minutes * 60_000_000_000 - 10**13).cast(pa.duration("ns"))
    schema = load_data(pa.table({"span": spans, "size": RANDOM.normal(size=300)})).table
    assert schema is not None
    features = schema.encode(pa.table({"span": spans, "size": np.zeros(300)}))
    for row, span in zip(features[:50], spans.cast(pa.duration("us")).to_pylist(), strict=False):
        for given in (True, False):
            cells = cells_of(schema, row, given=given)
            assert cells[0] == {"column": "span", "value": str(span)}
            np.testing.assert_allclose(features_of(schema, cells)[0], row[0], atol=1e-5)
    for text, hours in (("0 days 02:00:00", 2), ("-1 days +23:00:00.000000000", -1)):
        found = features_of(schema, [{"column": "span", "value": text}])
        assert schema["span"].numbers(found[None])[0] / 3.6e12 == pytest.approx(hours, abs=1e-3)
    assert isinstance(columns_of(schema, None)[0]["low"], str)


def test_numbers_that_training_did_not_have_are_taken() -> None:
    """As elsewhere: no step or type of training keeps them out."""
    table = pa.table(
        {
            "whole": RANDOM.integers(0, 50, 300),
            "byte": RANDOM.integers(0, 200, 300).astype(np.uint8),
        }
    )
    schema = load_data(table).table
    assert schema is not None
    found = features_of(
        schema, [{"column": "whole", "value": 2.5}, {"column": "byte", "value": 300}]
    )
    expected = schema.encode(pa.table({"whole": [2.5], "byte": [300]}), SchemaDrift())
    np.testing.assert_array_equal(found, expected[0])


def test_classes_that_are_numbers_are_those_of_the_form() -> None:
    """Which are texts: else a list of them would get each once more."""
    codes = RANDOM.choice([1, 2, 30], 300)
    table = pa.table({"code": codes, "size": RANDOM.normal(size=300)})
    schema = load_data(table, types={"code": "categorical"}).table
    assert schema is not None
    for row, code in zip(schema.encode(table), codes, strict=True):
        for given in (True, False):
            cells = cells_of(schema, row, given=given)
            assert cells[0] == {"column": "code", "value": str(code)}
        np.testing.assert_allclose(features_of(schema, cells), row, atol=1e-6)
    assert set(columns_of(schema, None)[0]["categories"]) == {"1", "2", "30"}
