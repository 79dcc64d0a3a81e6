"""Noise and the median filter of pages: held to NumPy and to SciPy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import median_filter

from helpers.scripts import needs_node, run_node

RANDOM = np.random.default_rng(4)

_DAMAGED = """
    import { damaged } from "./scripts/noise.js";
    const values = new Float32Array(20000).fill(given.value);
    print(given.asked.map((noise) => [...damaged(values, given.noise, noise, given.whole)]));
"""


def damaged(folder: Path, kind: str, *asked: tuple[float, int], **given: Any) -> np.ndarray:
    noise = {"kind": kind, "lowest": 0, "highest": 200}
    amounts = [{"amount": amount, "seed": seed} for amount, seed in asked]
    given = {"value": 100, "whole": False} | given | {"noise": noise, "asked": amounts}
    return np.array(run_node(folder, _DAMAGED, given))


@needs_node
def test_gaussian_noise_has_the_deviation_that_was_asked_for(tmp_path: Path) -> None:
    small, again, other, large = damaged(
        tmp_path, "gaussian", (0.1, 1), (0.1, 1), (0.1, 2), (0.2, 1)
    )
    assert small.mean() == pytest.approx(100, abs=0.6) and small.std() == pytest.approx(20, abs=0.5)
    share = [(np.abs(small - 100) < 20 * width).mean() for width in (1, 2)]
    np.testing.assert_allclose(share, [0.683, 0.954], atol=0.01)
    assert (small == again).all() and abs(np.corrcoef(small, other)[0, 1]) < 0.03
    # the same noise, twice as much of it, up to the ends of the range
    np.testing.assert_allclose(large, np.clip(100 + 2 * (small - 100), 0, 200), atol=1e-3)
    (whole,) = damaged(tmp_path, "gaussian", (0.9, 3), whole=True)
    assert (whole == np.rint(whole)).all() and (whole.min(), whole.max()) == (0, 200)


@needs_node
@pytest.mark.parametrize(
    ("kind", "shares"), [("masking", {0: 0.3, 100: 0.7}), ("salt-pepper", {0: 0.15, 200: 0.15})]
)
def test_as_many_values_are_hit_as_were_asked_for(
    tmp_path: Path, kind: str, shares: dict[int, float]
) -> None:
    some, more = damaged(tmp_path, kind, (0.3, 1), (0.6, 1))
    for value, share in shares.items():
        assert (some == value).mean() == pytest.approx(share, abs=0.01)
    assert ((more != 100) >= (some != 100)).all()


@needs_node
def test_the_median_is_scipys(tmp_path: Path) -> None:
    code = """
        import { medianOf } from "./scripts/median.js";
        print(given.map(({ values, layout, side }) => [...medianOf(values, layout, side)]));
    """
    shapes = [(9, 5, 1, 3), (6, 7, 3, 5), (2, 3, 1, 7), (1, 12, 1, 3)]
    asked, expected = [], []
    for height, width, channels, side in shapes:
        image = RANDOM.integers(0, 256, (height, width, channels)).astype(np.float32)
        layout = {"height": height, "width": width, "channels": channels}
        asked.append({"values": image.ravel().tolist(), "layout": layout, "side": side})
        expected.append(median_filter(image, (side, side, 1)).ravel())
    for found, wanted in zip(run_node(tmp_path, code, asked), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
