"""The job behind ``narrows compare``: its numbers are those of the other commands."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from helpers.command_line import compared_briefly
from narrows.data import Dataset, load_data
from narrows.errors import DataError, UsageError
from narrows.model.file import save_model
from narrows.model.use import TrainedAutoencoder
from narrows.planning.options import FitOptions
from narrows.report.comparison.classes import NO_CLASS, same_neighbour
from narrows.report.comparison.result import Comparison
from narrows.report.comparison.usefulness import find_labels
from narrows.report.redundancy import redundancy
from narrows.support import chunks
from narrows.support.progress import NOBODY, Listener, silent
from narrows.tasks.compare import CompareOptions, _stored, compare, enough_steps
from narrows.tasks.comparison.candidates import Trained, named, open_candidates, train_candidate
from narrows.tasks.comparison.facts import cautions, figure_facts, first_of, split
from narrows.tasks.comparison.gallery import file_of, gallery, label_of, ranked
from narrows.tasks.comparison.parts import Reading, load_parts
from narrows.tasks.comparison.use import code_use
from narrows.tasks.evaluate import evaluate
from narrows.tasks.fit import FitRequest, fit


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    compared_briefly(monkeypatch)


# What is learnt from, and what is measured


def test_what_is_measured_is_no_part_of_what_is_learnt_from(digits: Dataset) -> None:
    few = digits.rows(np.arange(200))
    parts = load_parts(few, Reading(), seed=3)
    assert parts.validation is not None
    sizes = [len(each) for each in (parts.training, parts.validation, parts.test)]
    assert sizes == [144, 16, 40]
    rows = [
        {each.tobytes() for each in part.items}
        for part in (parts.training, parts.validation, parts.test)
    ]
    assert not rows[0] & rows[1] and not rows[0] & rows[2] and not rows[1] & rows[2]
    again = load_parts(few, Reading(), seed=3)
    assert np.array_equal(again.test.items, parts.test.items)
    assert np.array_equal(few.items[parts.places], parts.test.items)
    assert not np.array_equal(load_parts(few, Reading(), seed=4).test.items, parts.test.items)


def test_a_test_set_that_is_named_is_all_that_is_measured(digits: Dataset, tmp_path: Path) -> None:
    for name, rows in (("a.npy", slice(0, 90)), ("b.npy", slice(90, 110))):
        np.save(tmp_path / name, digits.items[rows])
    reading = Reading(test=str(tmp_path / "b.npy"))
    parts = load_parts(str(tmp_path / "a.npy"), reading, seed=0, validated=False)
    assert parts.validation is None and len(parts.training) == 90
    assert np.array_equal(parts.test.items, digits.items[90:110])


def test_all_of_very_many_items_are_measured(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most in ("MOST_MEASURED", "MOST_SAMPLED"):
        monkeypatch.setattr(chunks, most, 20)
    parts = load_parts(digits.rows(np.arange(200)), Reading(), seed=0, validated=False)
    wanted = Trained(name="net", kind="given", given={"preset": "simple", "epochs": 1})
    evaluation = train_candidate(parts, wanted, NOBODY).evaluation
    assert (evaluation.count, evaluation.total) == (40, 40)


def table(path: Path, rows: int, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    size = random.normal(size=rows)
    kinds = np.array(["red", "<blue>", "green"])[random.integers(0, 3, rows)]
    lines = ["the size,weight,kind,same"]
    lines += [f"{a:.3f},{3 * a + 1:.3f},{kind},7" for a, kind in zip(size, kinds, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_row_of_many_files_has_its_file_and_no_folder_above_all(tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / f"year=202{number}"
        folder.mkdir()
        table(folder / "rows.csv", 40, seed=number)
    for source in (str(tmp_path), f"{tmp_path}/*/rows.csv"):
        parts = load_parts(source, Reading(), seed=0)
        for place in range(len(parts.test)):
            year, row = divmod(int(parts.places[place]), 40)
            assert file_of(parts, place) == f"{row} of year=202{year}/rows.csv"


def with_wild_row(path: Path, rows: int, line: int) -> Path:
    """A table as above, in one line of which a number is wild."""
    lines = table(path, rows).read_text(encoding="utf-8").splitlines()
    lines[line] = "99999," + lines[line].partition(",")[2]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_wild_row_is_in_no_figure_and_told_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    places = load_parts(str(table(path, 120)), Reading(), seed=0).places
    with_wild_row(path, 120, int(places[4]) + 1)  # which is measured
    parts = load_parts(str(path), Reading(), seed=0)
    assert parts.wild is not None and len(parts.wild) == 1
    np.testing.assert_array_equal(parts.places, np.delete(places, 4))
    assert split(parts, given=False).measured == 23
    assert "Errors leave out 1 more row, with numbers far" in split(parts, given=False).sentence
    options = FitOptions(preset="simple", latent=2, epochs=1)
    model = fit(parts.training, parts.validation, FitRequest(options=options)).trained
    save_model(tmp_path / "m", model)
    (found,) = open_candidates({"m": tmp_path / "m"}, str(path), parts, Reading(), listener=NOBODY)
    both = np.concatenate([found.test.items, parts.wild.reencoded(found.test.table).items])
    errors = [np.square(both - found.autoencoder.reconstruct_floats(both)).mean(dtype=float)]
    errors += [np.square(both - model.learnt_pca.reconstruct(both)).mean(dtype=float)]
    assert found.with_wild == pytest.approx(errors, rel=1e-4)
    assert found.with_wild[0] > 100 * found.evaluation.model.mse
    assert found.facts().with_wild == found.with_wild


def test_all_models_are_measured_on_the_same_rows(tmp_path: Path) -> None:
    """Also one that leaves the column out whose wild number leaves out a row."""
    path = tmp_path / "t.csv"
    measured = load_parts(str(table(path, 120)), Reading(), seed=0).places
    with_wild_row(path, 120, int(measured[4]) + 1)
    left_out = Reading(types={"the size": "ignored"})
    own = load_parts(str(path), left_out, seed=0)
    assert own.wild is None
    options = FitOptions(preset="simple", latent=2, epochs=1)
    save_model(tmp_path / "m", fit(own.training, None, FitRequest(options=options)).trained)
    parts = load_parts(str(path), Reading(), seed=0)
    (found,) = open_candidates({"m": tmp_path / "m"}, str(path), parts, Reading(), listener=NOBODY)
    assert found.evaluation.total == len(parts.test) == 23
    assert found.test.table is not None
    usual = own.test.rows(np.delete(np.arange(24), 4)).reencoded(found.test.table)
    np.testing.assert_allclose(found.test.items, usual.items, rtol=1e-6, atol=1e-6)


def rows_of(path: Path, *rows: str) -> str:
    """A table of two numbers and a category."""
    path.write_text("\n".join(["x,y,kind", *rows]) + "\n", "utf-8")
    return str(path)


@pytest.mark.parametrize("validated", [True, False])
def test_a_cell_that_only_measured_rows_lack_is_shown_as_missing(
    validated: bool, tmp_path: Path
) -> None:
    """Training had none, so that the mean of x, which is 3, is what the model is given; 3 itself
    is shown."""
    learnt = [f"{1 + at % 5},{at * at % 7}.5,{'ab'[at % 2]}" for at in range(60)]
    source = rows_of(tmp_path / "learnt.csv", *learnt)
    test = rows_of(tmp_path / "test.csv", ",1.5,a", "3,2.5,b", "5,,a")
    parts = load_parts(source, Reading(test=test), seed=0, validated=validated)
    assert (parts.validation is not None) == validated and parts.test.table is not None
    features = parts.test.items[:, parts.test.table["x"].features]
    assert features[0] == 0 and parts.test.items[2, parts.test.table["y"].start] == 0
    wanted = Trained(name="net", kind="ours", given={"preset": "simple", "epochs": 1})
    found = gallery(parts, [train_candidate(parts, wanted, NOBODY)], 0)
    cells = {item.index: item.cells for item in found.items}
    assert cells == {0: ("", "1.5", "a"), 1: ("3", "2.5", "b"), 2: ("5", "", "a")}


def test_features_of_other_columns_are_no_rows_of_a_table(tmp_path: Path) -> None:
    learnt = [f"{at % 7},{at * at % 11},{'ab'[at % 2]}" for at in range(60)]
    source = rows_of(tmp_path / "learnt.csv", *learnt)
    test = rows_of(tmp_path / "test.csv", "1,2,a", "3,4,c", "5,7,c", "6,7,b")
    data = load_data(source)
    with pytest.raises(DataError, match=r"test\.csv are not those of the columns of lea"):
        load_parts(data, Reading(test=load_data(test)), seed=0)
    own, other = (
        load_parts(data, Reading(test=each), seed=0)
        for each in (test, load_data(test, table=data.table))
    )
    np.testing.assert_allclose(own.test.items[:, :2], other.test.items[:, :2], atol=1e-6)


def test_a_wild_row_that_is_learnt_from_leaves_none_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    measured = load_parts(str(table(path, 120)), Reading(), seed=0, validated=False).places
    learnt = int(np.setdiff1d(np.arange(120), measured)[0])
    with_wild_row(path, 120, learnt + 1)
    parts = load_parts(str(path), Reading(), seed=0, validated=False)
    assert parts.wild is None and len(parts.test) == 24
    assert "leave out" not in split(parts, given=False).sentence


def test_the_column_of_labels_is_not_learnt_from(tmp_path: Path) -> None:
    path = table(tmp_path / "a table.csv", 80)
    parts = load_parts(str(path), Reading(labels="kind"), seed=0)
    assert parts.test.table is not None
    assert [column.name for column in parts.test.table.learnt] == ["the size", "weight"]
    assert set(parts.classes) == {"red", "<blue>", "green"}
    texts = path.read_text("utf-8").splitlines()[1:]
    kinds = [line.split(",")[2] for line in texts]
    counts = {name: kinds.count(name) for name in set(kinds)}
    found = np.concatenate(
        [each.labels for each in (parts.training, parts.test) if each.labels is not None]
    )
    assert parts.validation is not None and parts.validation.labels is not None
    found = np.concatenate([found, parts.validation.labels])
    assert {name: int((found == place).sum()) for place, name in enumerate(parts.classes)} == counts


def test_rows_without_a_class_are_no_class_of_their_own(tmp_path: Path) -> None:
    path = table(tmp_path / "a table.csv", 80)
    lines = path.read_text("utf-8").splitlines()
    for row in (3, 40, 41):
        cells = lines[row].split(",")
        lines[row] = ",".join([*cells[:2], "", *cells[3:]])
    path.write_text("\n".join(lines), "utf-8")
    parts = load_parts(str(path), Reading(labels="kind"), seed=0)
    assert set(parts.classes) == {"red", "<blue>", "green"}
    assert parts.unlabelled == 3
    found = find_labels(parts.training, parts.test)
    assert found is not None and found.classes == len(parts.classes)
    assert (found.training == -1).sum() + (found.held_out == -1).sum() <= 3
    assert {label_of(parts, place) for place in range(len(parts.test))} <= {
        *parts.classes, "not known"
    }  # fmt: skip


def test_labels_of_arrays_may_be_missing(digits: Dataset, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    np.save(tmp_path / "x.npy", digits.items[:60])
    gaps = [None, float("nan"), np.float32("nan"), pandas.NA, pandas.NaT]
    texts = [np.array(["even", "odd", gap] * 20, object) for gap in gaps]
    texts.append(pandas.Series(["even", "odd", pandas.NA] * 20, dtype="string"))
    texts.append(np.ma.array(["even", "odd", "x"] * 20, mask=[False, False, True] * 20))
    numbers = [
        np.array([0.0, 1.0, np.nan] * 20),
        np.ma.array([0, 1, 2] * 20, mask=[False, False, True] * 20),
        pandas.Series([0, 1, pandas.NA] * 20, dtype="Int64"),
    ]
    for group, classes in ((texts, ("even", "odd")), (numbers, ("0", "1"))):
        for labels in group:
            parts = load_parts(str(tmp_path / "x.npy"), Reading(labels=labels), seed=0)
            assert parts.classes == classes
            assert parts.unlabelled == 20


def test_numbers_beside_a_gap_are_numbers(digits: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", digits.items[:60])
    for labels in (np.array([10, 2, None] * 20, object), [2.0, 10.0, None] * 20):
        parts = load_parts(str(tmp_path / "x.npy"), Reading(labels=labels), seed=0)
        assert parts.classes == ("2", "10") and parts.unlabelled == 20
    with pytest.raises(DataError, match=r"holds 0.5, and labels are whole numbers"):
        load_parts(str(tmp_path / "x.npy"), Reading(labels=[0.5, 1, None] * 20), seed=0)


def test_labels_are_called_what_they_are(digits: Dataset) -> None:
    few = digits.rows(np.arange(60))
    for values, names in (
        (np.array([20230101, 20230102]), ("20230101", "20230102")),
        (np.array([20230101.0, 20230102.0]), ("20230101", "20230102")),
        (np.array([0, 200], np.uint8), ("0", "200")),
        (np.array(["b", "a"]), ("a", "b")),
    ):
        labels = np.resize(values, 60)
        own = replace(few, labels=labels if labels.dtype.kind in "iu" else None, classes=None)
        readings = [(few, Reading(labels=labels))]
        readings += [(own, Reading())] if own.labels is not None else []
        for data, reading in readings:
            parts = load_parts(data, reading, seed=0)
            assert parts.classes == names and parts.training.labels is not None
            assert set(parts.training.labels) == {0, 1}


def test_labels_that_are_no_classes_are_told_by_a_value(digits: Dataset) -> None:
    few = digits.rows(np.arange(60))
    for odd in (0.5, np.inf, np.datetime64("2024-01-02")):
        with pytest.raises(DataError, match=f"the array of labels holds {odd}, and labels are wh"):
            load_parts(few, Reading(labels=np.full(60, odd)), seed=0)


def test_labels_that_are_given_are_not_those_of_the_usual_test_set(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = {"x.npy": "other.npy"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("narrows.tasks.comparison.parts.validation_source", usual.get)
    np.save("x.npy", digits.items[:60])
    np.save("other.npy", digits.items[60:80])
    np.save("y.npy", np.arange(60) % 2)
    assert not load_parts("x.npy", Reading(), seed=0).held_out
    parts = load_parts("x.npy", Reading(labels="y.npy"), seed=0)
    assert parts.held_out and len(parts.test) == 12
    with pytest.raises(UsageError, match=r"^labels= are those of x.npy, and other.npy has none"):
        load_parts("x.npy", Reading(labels="y.npy", test="other.npy"), seed=0)


def test_a_class_that_only_the_test_set_has_is_its_own(tmp_path: Path) -> None:
    kinds = {"a": ["red"] * 6 + ["blue"] * 4, "b": ["blue", "new", "", "red"]}
    for name, some in kinds.items():
        lines = [f"{at}.5,{at * at},{kind}" for at, kind in enumerate(some)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["x,y,kind", *lines]), "utf-8")
    reading = Reading(labels="kind", test=str(tmp_path / "b.csv"))
    parts = load_parts(str(tmp_path / "a.csv"), reading, seed=0, validated=False)
    with pytest.raises(UsageError, match="is a Dataset, which has features and no column 'kind'"):
        load_parts(str(tmp_path / "a.csv"), replace(reading, test=parts.test), seed=0)
    named = [label_of(parts, place) for place in range(4)]
    assert named == ["blue", "new", "not known", "red"] and parts.unlabelled == 1
    told = list(cautions(parts, [], None))
    assert told == [
        "no rows of 'new' were learnt from: where classes are told, 1 measured row can only be "
        "wrong"
    ]


@pytest.mark.parametrize("rows", [["3.5,9,red"], ["3.5,9,red"] * 3, ["3.5,9,"], ["3.5,9,new"]])
def test_what_is_measured_may_be_one_row_or_the_same_rows(rows: list[str], tmp_path: Path) -> None:
    """Of a table by itself there would be nothing to learn."""
    learnt = [f"{at}.5,{at * at},{('red', 'blue')[at % 2]}" for at in range(10)]
    for name, lines in (("a", learnt), ("b", rows)):
        (tmp_path / f"{name}.csv").write_text("\n".join(["x,y,kind", *lines]), "utf-8")
    reading = Reading(labels="kind", test=str(tmp_path / "b.csv"))
    parts = load_parts(str(tmp_path / "a.csv"), reading, seed=0)
    kind = rows[0].split(",")[2] or "not known"
    assert [label_of(parts, place) for place in range(len(parts.test))] == [kind] * len(rows)
    assert parts.test.table is not None
    size = parts.test.table["x"].numbers(parts.test.items[:, parts.test.table["x"].features])
    assert size == pytest.approx([3.5] * len(rows))
    count = {1: "1 row", 3: "3 rows"}[len(rows)]
    assert f"Everything is measured on {count} of b.csv" in split(parts, given=False).sentence
    assert figure_facts(parts, "units").startswith(f"b.csv, {count}; errors in units")


def test_a_column_of_labels_that_only_training_has_is_missed_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,kind\n" + "1,2,red\n3,5,blue\n" * 5, "utf-8")
    (tmp_path / "b.csv").write_text("x,y,kinds\n1,2,red\n", "utf-8")
    reading = Reading(labels="kind", test=str(tmp_path / "b.csv"))
    with pytest.raises(UsageError, match=r"b\.csv has no column 'kind'"):
        load_parts(str(tmp_path / "a.csv"), reading, seed=0)


def test_classes_of_folders_are_the_same_by_name_whatever_their_numbers(tmp_path: Path) -> None:
    """Folders number the classes that they have: what is measured lacks some, and has another."""
    random = np.random.default_rng(0)
    for folder, names in (("all", ("cat", "dog", "eel")), ("few", ("dog", "eel", "fox"))):
        for name in names:
            (tmp_path / folder / name).mkdir(parents=True)
            for number in range(4):
                pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / name / f"{number}.png")
    reading = Reading(test=str(tmp_path / "few"))
    parts = load_parts(str(tmp_path / "all"), reading, seed=0, validated=False)
    assert parts.classes == ("cat", "dog", "eel", "fox")
    assert parts.test.files is not None
    for place, file in enumerate(parts.test.files.names):
        assert label_of(parts, place) == file.split("/")[0]
    found = find_labels(parts.training, parts.test)
    assert found is not None and found.classes == len(parts.classes)
    np.testing.assert_array_equal(found.held_out, parts.test.labels)


@pytest.mark.parametrize("learnt", ["folder", "numbers"])
def test_a_number_is_the_folder_that_it_names(tmp_path: Path, learnt: str) -> None:
    """Folders number the classes that they have from 0 on; numbers without names are their own."""
    random = np.random.default_rng(0)
    for name in ("3", "8"):
        (tmp_path / name).mkdir()
        for number in range(4):
            pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    numbers = np.array([8, 0, 3, NO_CLASS, 8, -2, 10], np.int64)
    images = random.integers(0, 256, (len(numbers), 8, 8), dtype=np.uint8)
    numbered = Dataset("numbered", images, labels=numbers)
    source, test = (tmp_path, numbered) if learnt == "folder" else (numbered, tmp_path)
    parts = load_parts(source, Reading(test=test), seed=0, validated=False)
    folder, other = parts.training, parts.test
    if learnt == "numbers":
        folder, other = other, folder
    names = np.array([*parts.classes, "-1"])
    assert folder.files is not None
    assert folder.labels is not None and other.labels is not None
    assert names[folder.labels].tolist() == [each.split("/")[0] for each in folder.files.names]
    assert names[other.labels].tolist() == [str(each) for each in numbers]
    found = find_labels(parts.training, parts.test)
    assert found is not None and found.classes == 5
    assert {len(set(found.training)), len(set(found.held_out))} == {2, 6}


def test_points_without_a_class_are_no_neighbours() -> None:
    points = np.array([[0, 0], [0.1, 0], [0.2, 0], [9, 9], [9.1, 9]])
    labels = np.array([0, NO_CLASS, 0, 1, 1])
    assert same_neighbour(points, labels) == 1.0


def test_labels_of_arrays_are_a_file_of_whole_numbers(digits: Dataset, tmp_path: Path) -> None:
    assert digits.labels is not None
    np.save(tmp_path / "x.npy", digits.items[:60])
    np.save(tmp_path / "y.npy", digits.labels[:60] + 5)
    reading = Reading(labels=str(tmp_path / "y.npy"))
    parts = load_parts(str(tmp_path / "x.npy"), reading, seed=0)
    assert parts.classes == tuple(map(str, range(5, 15)))
    np.save(tmp_path / "y.npy", digits.labels[:59])
    with pytest.raises(DataError, match=r"has the shape \(59,\), and labels of .* are 60 whole"):
        load_parts(str(tmp_path / "x.npy"), reading, seed=0)


# The whole


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Items to learn from and to measure, in files."""
    from narrows.data import load_data

    folder = tmp_path_factory.mktemp("images")
    items = load_data("digits").items
    np.save(folder / "train.npy", items[:300])
    np.save(folder / "test.npy", items[300:380])
    return folder / "train.npy", folder / "test.npy"


def check_whole(found: Comparison, measured: int) -> None:
    """What holds of every comparison: sentences, facts and one set of items everywhere."""
    assert found.split.measured == measured
    assert len(found.in_short) == 3 and all(text.endswith(".") for text in found.in_short)
    assert found.gallery is not None and found.numbers.sentence
    for part in (found.numbers, found.gallery, found.spent, found.losses, *found.latent):
        assert part is None or (part.sentence and part.facts)
    names = [[each.name for each in item.versions] for item in found.gallery.items]
    assert all(each == names[0] for each in names)
    places = [item.index for item in found.gallery.items]
    assert len(set(places)) == len(places) and max(places) < found.data.count
    for version in (each for item in found.gallery.items for each in item.versions):
        most = 4 * found.models[found.best].latent
        assert version.name != "JPEG without its header" or version.item_bytes <= most
    assert found.models[found.best].error == min(each.error for each in found.models)


@pytest.mark.slow
def test_models_that_are_given_are_measured_and_nothing_is_trained(
    images: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from narrows.data import load_data
    from narrows.model.file import save_model

    train, test = images
    options = FitOptions(preset="simple", latent=3, epochs=2, noise="gaussian:0.2")
    result = fit(load_data(str(train)), None, FitRequest(options=options))
    save_model(tmp_path / "mine.safetensors", result.trained)
    monkeypatch.setattr("narrows.tasks.comparison.candidates.fit", None)
    found = compare(
        str(train),
        {"mine": tmp_path / "mine.safetensors"},
        CompareOptions(bounds=(), codes=False),
        Reading(test=str(test)),
    )
    check_whole(found, 80)
    [mine] = found.models
    told = evaluate(TrainedAutoencoder(result.trained), load_data(str(test))).evaluation
    assert mine.name == "mine" and mine.kind == "given" and mine.error == told.model.mse
    assert found.losses is None and "not known" in found.split.sentence
    [left] = found.denoising
    methods = [each.method for each in left.scores]
    assert methods[:2] == ["noisy", "autoencoder"] and "Hopfield's memory" in methods
    said = list[str]()
    for source in (str(train), str(test)):
        parts = load_parts(source, Reading(), seed=0, validated=False)
        mine_alone = {"mine": tmp_path / "mine.safetensors"}
        open_candidates(mine_alone, source, parts, Reading(), listener=Listener(note=said.append))
    [sentence] = said
    assert f"mine was trained on {len(load_data(str(train)))} items of {train}" in sentence


def test_models_are_called_by_their_files(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "deep.safetensors", tmp_path / "b" / "deep.safetensors"]
    assert named([*paths, Path("PCA.safetensors")]) == {
        "a/deep": paths[0], "b/deep": paths[1], "PCA": Path("PCA.safetensors"),
    }  # fmt: skip
    with pytest.raises(UsageError, match="a model is given twice"):
        named([paths[0]] * 2)


@pytest.mark.slow
def test_a_table_is_compared_with_compressors_of_tables(tmp_path: Path) -> None:
    path = table(tmp_path / "a table.csv", 120)
    options = CompareOptions(numbers=())
    found = compare(str(path), options=options, reading=Reading(labels="kind"))
    check_whole(found, 24)
    assert found.data.form == "table" and found.jpeg is None
    assert found.use is not None and found.use.classes == 3
    assert found.table is not None and found.table.redundancy is not None
    of_all = redundancy(load_data(str(path), types={"kind": "ignored"}))  # as evaluate has it
    assert found.table.redundancy.rows_measured == of_all.rows_measured == 24
    assert found.table.redundancy.columns == of_all.columns
    assert found.spent is not None and found.spent.count == 120
    assert {"CSV + xz", "Parquet + zstd"} <= {each.name for each in found.spent.points}
    bounded = [each for each in found.spent.points if each.setting.startswith("within 5%")]
    assert bounded and all(0 < each.error < 0.1 for each in bounded)
    assert found.gallery is not None and found.gallery.items[0].cells
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    for item in found.gallery.items:  # the numbers are those of the file's rows
        assert float(lines[item.index].split(",")[0]) == pytest.approx(float(item.cells[0]), 1e-4)
        assert item.label == lines[item.index].split(",")[2]
        assert item.cells[2] is None and item.versions[0].cells[2] is None
    assert "row" in found.in_short[2]
    assert found.spent is not None and found.archives is not None
    assert found.archives.facts.startswith(f"{found.data.name}: bytes are those of all 120 rows; ")
    assert "held out" not in found.archives.facts
    assert "errors of models: " in found.spent.facts


@pytest.mark.slow
def test_too_many_classes_are_told_of(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(300, 2)).tolist()
    rows = [f"{a:.3f},{b:.3f},k{at % 100}" for at, (a, b) in enumerate(numbers)]
    source = rows_of(tmp_path / "learnt.csv", *rows)
    test = rows_of(tmp_path / "test.csv", *rows[:9], "0.5,0.5,new")
    options = CompareOptions(numbers=(), epochs=1, bounds=())
    found = compare(source, None, options, Reading(labels="kind", test=test))
    assert found.use is None
    told = [each for each in found.cautions if "class" in each]
    assert told == [
        "what the codes are good for is not measured: the rows have 101 classes, and more than 100 "
        "are not told apart"
    ]
    shorter = rows_of(tmp_path / "shorter.csv", *rows[:9])
    found = compare(source, None, options, Reading(labels="kind", test=shorter))
    assert found.use is not None and not any("class" in each for each in found.cautions)


def test_a_folder_that_all_images_lie_in_is_no_class(tmp_path: Path) -> None:
    (tmp_path / "all" / "2024").mkdir(parents=True)
    for number in range(10):
        pixels = np.full((8, 8), 9 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "all" / "2024" / f"{number}.png")
    parts = load_parts(str(tmp_path / "all"), Reading(), seed=0, validated=False)
    assert parts.classes == ("2024",)
    assert code_use(parts, [], 0, None, most=None, track=silent) is None
    with pytest.raises(DataError, match="learnt from are of fewer than 2 classes"):
        code_use(parts, [], 0, "asked for", most=None, track=silent)


def test_rows_that_are_features_already_have_no_bytes_and_that_is_told(tmp_path: Path) -> None:
    data = load_data(str(table(tmp_path / "t.csv", 40)))
    parts = load_parts(data, Reading(), seed=0, validated=False)
    assert _stored(data, parts, [], CompareOptions(), Reading(), listener=NOBODY) == (
        None,
        ("what rows take is not measured: t.csv was given as features",),
    )


def test_of_many_notes_the_first_are_shown_and_the_others_counted() -> None:
    notes = [f"note {number}" for number in range(14)]
    assert first_of(notes[:12]) == tuple(notes[:12])
    assert first_of(notes) == (*notes[:12], "and 2 more like these")


@pytest.mark.slow
@pytest.mark.parametrize("measured", [True, False])
def test_columns_that_are_not_learnt_cost_no_page(
    measured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, random = tmp_path / "t.parquet", np.random.default_rng(0)
    numbers = {name: random.normal(size=100).round(2) for name in "ab"}
    odd = {"tags": [["x"], []] * 50, "raw": [b"\xff", b"\x80"] * 50}
    pyarrow.parquet.write_table(pa.table({**numbers, **odd}), path)
    if measured:
        monkeypatch.setattr("narrows.tasks.comparison.tables._MOST_CELLS", 80)
    else:

        def failed(*_: object, **__: object) -> None:
            raise DataError("it is too odd")

        monkeypatch.setattr("narrows.tasks.compare.stored_tables", failed)
    found = compare(str(path), options=CompareOptions(numbers=(), epochs=1, bounds=()))
    check_whole(found, 20)
    if measured:
        assert found.spent is not None and found.archives is not None
        assert found.spent.count == found.archives.count == 40
        assert "bytes are those of the first 40 of 100 rows" in found.spent.facts
        assert "types that are not learnt are left out: 'tags', 'raw'" in found.spent.facts
        text = io.BytesIO()
        pyarrow.csv.write_csv(pa.table(numbers).slice(0, 40), text)
        assert found.archives.raw_bytes == len(text.getvalue())
    else:
        assert found.spent is found.archives is None
        assert found.cautions[-1] == "what rows take is not measured: it is too odd"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["twelve", "constant", "colour", "curve"])
def test_data_of_any_kind_are_compared(kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    items = {
        "twelve": random.normal(size=(12, 5)),
        "constant": np.full((60, 6, 6), 7, np.uint8),
        "colour": random.integers(0, 256, (60, 9, 10, 3), np.uint8),
        "curve": np.sin(random.normal(size=(60, 1)) + np.linspace(0, 6, 40)).astype(np.float32),
    }[kind]
    np.save(tmp_path / "x.npy", items)
    options = CompareOptions(numbers=(), bounds=("10%",), codes=False)
    found = compare(str(tmp_path / "x.npy"), options=options)
    check_whole(found, round(len(items) / 5))
    assert (found.jpeg is not None) == (items.dtype == np.uint8)
    if kind == "constant":
        assert "not worth it" in found.in_short[0]


def test_ranks_hold_different_items() -> None:
    assert ranked(np.arange(30.0)) == {
        "best": [0, 1, 2, 3, 4],
        "median": [12, 13, 14, 15, 16],
        "worst": [29, 28, 27, 26, 25],
    }
    assert ranked(np.array([2.0, 0.0, 1.0])) == {"best": [1], "median": [2], "worst": [0]}
    assert ranked(np.array([2.0])) == {"best": [0], "median": [], "worst": []}


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(UsageError, match=r"numbers=\(2, 0\): codes have at least 1 number"):
        replace(CompareOptions(), numbers=(2, 0))
    with pytest.raises(UsageError, match="epochs=0: models are trained for at least 1 epoch"):
        CompareOptions(epochs=0)


def test_large_images_take_no_more_work_than_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.tasks.compare._FEWEST_STEPS", 10_000)  # as outside tests
    assert enough_steps(161_804) == 10_000  # the article's net of MNIST
    wide = 2 * 27_648 * 100  # of images of 96 x 96 in colour
    assert 47_000 * 161_804 - wide < enough_steps(wide) * wide <= 47_000 * 161_804
