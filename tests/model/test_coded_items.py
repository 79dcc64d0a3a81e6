"""Codes that are found once."""

import numpy as np
import pytest

from narrows.model import coded_items
from narrows.model.coded_items import CodedItems
from narrows.nn.blocks import Dense
from narrows.nn.spec import Spec

ITEMS = np.arange(20.0).reshape(10, 2)


class Doubling:
    """A runner whose codes are twice the items; it notes how many it was asked for."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, items: np.ndarray) -> np.ndarray:
        self.encoded += len(items)
        return (2 * items).astype(np.float32)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return codes / 2

    def reconstruct(self, items: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(items))


@pytest.mark.parametrize("most", (coded_items._MOST_KEPT, 0))
def test_each_is_found_once_where_they_can_be_kept(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coded_items, "_MOST_KEPT", most)
    runner = Doubling()
    coded = CodedItems(runner, Spec((2,), (Dense(2),), (Dense(2),)), ITEMS)
    some = np.array([1, 4, 7])
    np.testing.assert_array_equal(coded.codes(some), 2 * ITEMS[some])
    np.testing.assert_array_equal(coded.codes(slice(3, 6)), 2 * ITEMS[3:6])
    np.testing.assert_array_equal(coded.reconstructions(slice(0, 20)), ITEMS)
    assert runner.encoded == (10 if most else 16)
