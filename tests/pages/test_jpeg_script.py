"""The page's JPEG steps give what Python's do, to the last coefficient and pixel."""

from pathlib import Path

import numpy as np
import pytest

from helpers.scripts import needs_node, run_node
from narrows.baselines.jpeg import BASE_TABLE, open_jpeg
from narrows.data.digits import load_digits
from narrows.report.comparison.wording import pixels_error

QUALITIES = [1, 10, 25, 49, 50, 75, 90, 100]
SCRIPT = """
import { openBlock, openPicture } from "./scripts/jpeg_steps.js";
print(given.pictures.map((picture) => given.qualities.map((quality) => {
  const { decoded, table, rows, columns, zeros, error } = openPicture(picture, quality);
  const blocks = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const { frequencies, kept } = openBlock(picture, table, row, column);
      blocks.push({ frequencies: [...frequencies], kept });
    }
  }
  return { decoded: [...decoded], table, blocks, zeros, error };
})));
"""


def pictures() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(28), 3 * np.arange(20)).astype(np.uint8)
    # Of few levels, so that many frequencies lie half way between two multiples.
    coarse = (generator.integers(0, 5, (16, 24)) * 64).clip(0, 255).astype(np.uint8)
    flat = np.full((5, 9), 132, np.uint8)
    noise = generator.integers(0, 256, (17, 12)).astype(np.uint8)
    digit = (load_digits("digits").items[0] * 15).astype(np.uint8)
    return [ramp, coarse, flat, noise, digit]


@needs_node
@pytest.mark.parametrize("factor", [1.0, 255 / 16])
def test_errors_are_said_as_python_says_them(factor: float, tmp_path: Path) -> None:
    script = """
    import { pixelsError } from "./scripts/sentences.js";
    print(given.errors.map((error) => pixelsError(error, given)));
    """
    errors, unit = [277.4, 0.031, 1234.0, 0.0], " grey levels²"
    found = run_node(tmp_path, script, {"errors": errors, "factor": factor, "unit": unit})
    assert found == [pixels_error(error, factor, unit) for error in errors]


@needs_node
@pytest.mark.slow
def test_every_coefficient_and_pixel_is_that_of_python(tmp_path: Path) -> None:
    base = BASE_TABLE.ravel().tolist()
    given = [
        {"pixels": p.ravel().tolist(), "height": p.shape[0], "width": p.shape[1], "base": base}
        for p in pictures()
    ]
    found = run_node(tmp_path, SCRIPT, {"pictures": given, "qualities": QUALITIES})
    for picture, by_quality in zip(pictures(), found, strict=True):
        for quality, page in zip(QUALITIES, by_quality, strict=True):
            opened = open_jpeg(picture, quality)
            assert page["table"] == opened.table.ravel().tolist()
            blocks = opened.kept.reshape(-1, 64)
            assert [block["kept"] for block in page["blocks"]] == blocks.tolist()
            frequencies = [block["frequencies"] for block in page["blocks"]]
            assert np.allclose(frequencies, opened.frequencies.reshape(-1, 64), atol=1e-8)
            assert page["decoded"] == opened.decoded.ravel().tolist()
            assert page["zeros"] == opened.zero_share
            assert page["error"] == pytest.approx(opened.mse)
