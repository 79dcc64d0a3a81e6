"""Jobs from plain arguments to files: what they write is what the model makes, and they say it."""

from pathlib import Path

import numpy as np
import pytest

from narrows.data import Dataset, load_codes
from narrows.errors import ShapeError, UsageError
from narrows.model.file import save_model
from narrows.model.use import TrainedAutoencoder
from narrows.tasks import convert
from narrows.tasks.evaluate import evaluate
from narrows.tasks.fit_plan import Fitted
from narrows.tasks.generate import codes_at, draw
from narrows.tasks.opening import load_for, open_autoencoder
from narrows.tasks.outputs import Written


@pytest.fixture(scope="module")
def autoencoder(fitted: Fitted) -> TrainedAutoencoder:
    return TrainedAutoencoder(fitted.trained)


def test_codes_go_to_a_file_and_back(
    autoencoder: TrainedAutoencoder, digits: Dataset, tmp_path: Path
) -> None:
    codes, items = str(tmp_path / "codes.npy"), str(tmp_path / "items.npy")
    assert convert.encode(autoencoder, digits, codes) == Written(codes, len(digits), "code")
    assert (load_codes(codes) == autoencoder.encode(digits.items)).all()
    done = convert.decode(autoencoder, load_codes(codes), items)
    assert done.sentence() == f"wrote {len(digits):,} items to {items}"
    assert (np.load(items) == autoencoder.decode(load_codes(codes))).all()
    again = str(tmp_path / "again.npy")
    done = convert.reconstruct(autoencoder, digits, again)
    assert (np.load(again) == autoencoder.reconstruct(digits.items)).all()
    difference = autoencoder.reconstruct_floats(digits.items) - digits.items.astype(np.float64)
    assert done.mse == pytest.approx(np.square(difference).mean())
    measured = evaluate(autoencoder, digits).evaluation
    assert done.mse == measured.model.mse
    error = done.sentence().removeprefix(f"wrote {len(digits):,} items to {again}; ")
    assert measured.sentence().startswith(f"{digits.name}: {error} with ")


def test_codes_of_another_model_leave_no_file(
    autoencoder: TrainedAutoencoder, tmp_path: Path
) -> None:
    with pytest.raises(ShapeError, match="do not fit a model"):
        convert.decode(autoencoder, np.zeros((2, 99), np.float32), str(tmp_path / "items.npy"))
    assert not list(tmp_path.iterdir())


def test_data_come_in_the_shape_of_the_model(
    fitted: Fitted, digits: Dataset, tmp_path: Path
) -> None:
    model, flat = tmp_path / "model", tmp_path / "flat.npy"
    save_model(model, fitted.trained)
    np.save(flat, digits.items.reshape(len(digits), -1))
    autoencoder = open_autoencoder(model)
    assert load_for(autoencoder, str(flat)).item_shape == fitted.trained.item_shape
    np.save(flat, digits.items.reshape(len(digits), -1) / 255)
    with pytest.raises(UsageError, match="was trained on values"):
        load_for(autoencoder, str(flat))
    assert len(load_for(autoencoder, str(flat), check_range=False)) == len(digits)


def test_what_is_measured_shows_as_text_and_as_values(
    autoencoder: TrainedAutoencoder, digits: Dataset
) -> None:
    found = evaluate(autoencoder, digits)
    assert found.redundancy is None and "redundancy" not in found.values()
    assert found.values()["model"]["mse"] == found.evaluation.model.mse
    assert found.text().startswith(f"digits, {len(digits):,} items\n")


def test_items_are_drawn_into_a_file(autoencoder: TrainedAutoencoder, tmp_path: Path) -> None:
    out = str(tmp_path / "new.npy")
    assert draw(autoencoder, 3, out, seed=1).count == len(np.load(out)) == 3
    with pytest.raises(UsageError, match="the third names item 9,999"):
        codes_at(autoencoder, "digits", [9999], named="the third")
