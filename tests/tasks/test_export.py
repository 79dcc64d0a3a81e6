"""How many items come along in an exported page, and what is said of it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from narrows import Dataset
from narrows.model.trained import DataDescription
from narrows.tasks.export import page as exported
from narrows.tasks.export.page import ExportedPage
from narrows.tasks.export.precision import Precision, grey_levels

AS_THEY_ARE = Precision()


@pytest.mark.parametrize(
    ("count", "side", "most"),
    [(48, 55, 400), (390, 8, 400), (1797, 8, 400), (1000, 30, 104), (300, 60, 26), (50, 300, 12)],
)
def test_small_data_come_whole(monkeypatch, count: int, side: int, most: int) -> None:
    monkeypatch.setattr(exported, "turns", lambda trained: False)
    random = np.random.default_rng(0)
    data = Dataset("noise", random.integers(0, 256, (count, side, side), np.uint8))
    found = exported._most_items(None, data)  # type: ignore[arg-type]
    assert found == pytest.approx(most, abs=2)


def test_items_left_out_are_told() -> None:
    def said(items: int, given: int, things: str = "items") -> str:
        page = ExportedPage(text="", items=items, given=given, precision=AS_THEY_ARE, things=things)
        return page.sentences()[0]

    assert "with 48 items;" in said(48, 48) and "with 1 item;" in said(1, 1)
    assert "with 400 of 1,797 items, as a page takes no more" in said(400, 1797)
    assert "with 26 of 300 items, as all take over 1 MB" in said(26, 300)
    assert "with 400 of 20,640 rows," in said(400, 20_640, "rows")
    assert "with 1 row;" in said(1, 1, "rows") and "0 " not in said(0, 0).removeprefix("0.0 MB")


def test_grey_levels_are_those_that_a_page_draws() -> None:
    """Over the range that the data fill: 12 bits in a type of 16."""
    described = DataDescription(
        name="scans", count=4, dtype="uint16", value_range=(0.0, 65535.0), extent=(0.0, 4095.0)
    )
    trained: Any = SimpleNamespace(data=described, described=described)
    values = np.array([0, 16, 2048, 4095], np.float32)
    found = grey_levels(trained, values)
    np.testing.assert_array_equal(found, np.rint(255 * values / 4095))
