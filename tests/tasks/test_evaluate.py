"""``evaluate``: whether the items were learnt from, where that can be known."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from narrows.data import Dataset
from narrows.model.use import TrainedAutoencoder
from narrows.tasks.evaluate import evaluate
from narrows.tasks.fit_plan import Fitted


def test_items_that_were_learnt_from_are_said_to_be(
    fitted: Fitted, digits: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "digits.npy"
    np.save(path, digits.items)
    trained = replace(fitted.trained, data=replace(fitted.trained.data, name=str(path)))
    autoencoder = TrainedAutoencoder(trained)
    some = replace(digits.rows(np.arange(20)), name=str(path))
    count = trained.data.count
    assert evaluate(autoencoder, some).learnt == 0  # they are fewer: others than there were
    found = evaluate(autoencoder, replace(digits, name=str(path)))
    assert found.learnt == count and found.values()["learnt_from"] == count
    assert f"trained on {count:,} of these {len(digits):,} items" in found.text()
    other = evaluate(autoencoder, replace(digits, name=str(tmp_path)))
    assert other.learnt == 0 and "learnt_from" not in other.values()
