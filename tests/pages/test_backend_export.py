"""An exported page answers as the server does: both are held to the same Explorer."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from helpers.scripts import needs_node, run_node
from narrows.data import Dataset, load_data
from narrows.errors import UsageError
from narrows.model.trained import DataDescription, TrainedModel, TrainingRecord
from narrows.model.use import TrainedAutoencoder
from narrows.nn.blocks import Conv, Copy, Dense, Flatten, Join, Reshape
from narrows.nn.model import initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.tasks.explore import Explorer
from narrows.tasks.export import export_page
from narrows.tasks.fit_plan import Fitted, fit_plan

RANDOM = np.random.default_rng(9)

_ANSWERS = """
    import { exportBackend } from "./scripts/backend_export.js";
    const backend = await exportBackend(given.page);
    const listed = (found) => {
      const entries = Object.entries(found);
      return Object.fromEntries(
        entries.map(([name, each]) => [name, ArrayBuffer.isView(each) ? [...each] : each]),
      );
    };
    const all = async (values, ask) => {
      const found = [];
      for (const each of values ?? []) found.push(await ask(each));
      return found;
    };
    print({
      methods: Object.keys(backend).sort(),
      decode: await all(given.codes, async (code) => listed(await backend.decode(code))),
      encode: await all(given.items, async (item) => listed(await backend.encode(item))),
      encodeCells: await all(given.rows, async (row) => listed(await backend.encodeCells(row))),
      item: await all(given.chosen, async (index) => listed(await backend.item(index))),
      nearest: await all(given.codes, (code) => backend.nearest(code, 5)),
      denoise: await all(given.noisy, async (item) => listed(await backend.denoise(item))),
    });
"""


def page_data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


def answers(folder: Path, page: str, **asked: Any) -> Any:
    plain = {
        name: [np.ravel(each).tolist() if isinstance(each, np.ndarray) else each for each in many]
        for name, many in asked.items()
    }
    return run_node(folder, _ANSWERS, {"page": page_data_of(page), **plain})


@needs_node
@pytest.mark.slow
def test_pictures(fitted: Fitted, digits: Dataset, tmp_path: Path) -> None:
    autoencoder = TrainedAutoencoder(fitted.trained)
    page = export_page(autoencoder, digits, title="digits")
    assert 12 <= page.items < len(digits)
    explorer = Explorer(autoencoder, digits, title="digits", most_items=page.items)
    codes, items = list(explorer.codes[:3]), list(digits.items[:5].astype(np.float32) + 0.3)
    rows = [int(explorer.rows[place]) for place in (0, 7, -1)]
    found = answers(tmp_path, page.text, codes=codes, items=items, chosen=rows)
    assert found["methods"] == ["decode", "encode", "encodeCells", "item", "nearest"]
    for code, made, near in zip(codes, found["decode"], found["nearest"], strict=True):
        np.testing.assert_allclose(made["values"], explorer.decode(code)[0], atol=0.1)
        assert list(made) == ["values"]
        expected = explorer.nearest(code, 5)
        assert [each["row"] for each in near] == [each["row"] for each in expected]
        distances = [each["distance"] for each in expected]
        np.testing.assert_allclose([each["distance"] for each in near], distances, rtol=1e-5)
    for item, made in zip(items, found["encode"], strict=True):
        encoded = explorer.encode(item.reshape(-1))
        for name in ("code", "values", "item"):
            np.testing.assert_allclose(made[name], getattr(encoded, name), atol=0.1)
        assert made["score"] == pytest.approx(encoded.score, abs=0.02)
        assert made["pValue"] == pytest.approx(encoded.p_value, abs=0.02)
    for row, made in zip(rows, found["item"], strict=True):
        chosen = explorer.item(row)
        np.testing.assert_array_equal(made["values"], chosen.values)
        np.testing.assert_allclose(made["code"], chosen.code)
        assert made["label"] == chosen.label


@needs_node
@pytest.mark.slow
def test_rows_of_a_table(tmp_path: Path) -> None:
    numbers = RANDOM.normal(size=200)
    rows = {
        "price": pa.array(np.round(numbers * 10, 1), mask=numbers > 1),
        "twice": pa.array(np.round(numbers * 20, 1)),
        "kind": pa.array(np.where(numbers > 0, "above", "below")),
        "always": pa.array(["same"] * 200),
    }
    data = load_data(pa.table(rows))
    fitted = fit_plan(data, None, make_plan(data, FitOptions(latent=2, epochs=5)), detection=True)
    autoencoder = TrainedAutoencoder(fitted.trained)
    page = export_page(autoencoder, data, title="rows")
    explorer = Explorer(autoencoder, data, title="rows")
    asked = [explorer.item(3).cells, [{"column": "kind", "value": "above"}]]
    found = answers(tmp_path, page.text, codes=list(explorer.codes[:3]), rows=asked, chosen=[3])
    for code, made in zip(explorer.codes, found["decode"], strict=False):
        assert made["cells"] == explorer.decode(code)[1]
    for cells, made in zip(asked, found["encodeCells"], strict=True):
        encoded = explorer.encode_cells(cells)
        np.testing.assert_allclose(made["item"], encoded.item, atol=1e-5)
        np.testing.assert_allclose(made["code"], encoded.code, rtol=1e-3, atol=1e-3)
        assert made["cells"] == encoded.cells
        assert made["score"] == pytest.approx(encoded.score, rel=1e-3, abs=1e-3)
    assert found["item"][0]["cells"] == explorer.item(3).cells


_NARROW = Spec(
    (5, 6),
    (Conv(3, activation="relu"), Flatten(), Dense(4)),
    (Dense(30), Reshape((5, 6))),
)
_CROSSING = Spec(
    (5, 6),
    (Conv(3, activation="relu"), Copy("a"), Flatten(), Dense(4)),
    (Dense(90), Reshape((5, 6, 3)), Join("a"), Conv(1), Reshape((5, 6))),
)


def denoiser(spec: Spec = _NARROW, **training: Any) -> TrainedAutoencoder:
    model = initial_model(spec, Scaling.to_unit_range(0, 255), 0)
    data = DataDescription(name="pictures", count=3, dtype="uint8", value_range=(0, 255))
    record = TrainingRecord(noise="gaussian:0.5", **training)
    return TrainedAutoencoder(TrainedModel(model=model, data=data, training=record))


@needs_node
@pytest.mark.parametrize(("spec", "shift"), [(_NARROW, 0), (_CROSSING, 0), (_CROSSING, 1)])
@pytest.mark.slow
def test_noise_is_undone_as_the_server_undoes_it(spec: Spec, shift: int, tmp_path: Path) -> None:
    autoencoder = denoiser(spec, shift=shift)
    noisy = list(RANDOM.uniform(0, 255, (6, 5, 6)).astype(np.float32))
    page = export_page(autoencoder, title="no items")
    assert page.items == 0
    found = answers(tmp_path, page.text, noisy=noisy)
    assert found["methods"][1] == "denoise"
    explorer = Explorer(autoencoder, None, title="no items")
    expected = [explorer.denoise(np.rint(item).reshape(-1)) for item in noisy]
    got = np.array([each["values"] for each in found["denoise"]])
    assert np.abs(got - expected).max() <= 1
    assert (got == expected).mean() > 0.99


def test_what_a_page_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.tasks.export.page._MOST_WEIGHTS", 100)
    with pytest.raises(UsageError, match="and a page of more than 100 opens slowly"):
        export_page(denoiser(), title="large")


def test_the_file_is_the_text_and_says_what_is_in_it(tmp_path: Path) -> None:
    page = export_page(denoiser(), title="a <title>")
    page.write(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.text
    assert "a <title>" not in page.text and "https://" not in page.text
    (line,) = page.sentences()
    assert "without items" in line and "none is more than" in line
    as_they_are = replace(page, precision=replace(page.precision, tried=0))
    assert "as they are in the model" in as_they_are.sentences()[0]
