import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from narrows.errors import DataError, OutputError, ShapeError
from narrows.report.columns import ColumnScore
from narrows.report.figures import grid_figure, heat_map_figure
from narrows.report.figures.column_errors import column_errors_figure
from narrows.report.figures.item_rows import sheet_of
from narrows.report.figures.latent_space import codes
from narrows.report.figures.loss_curves import loss_figure
from narrows.report.figures.reconstructions import reconstructions
from narrows.report.figures.style import save_figure
from narrows.support.number_text import three_digits

HISTORY = [
    {"epoch": epoch, "loss": 1440 + 1600 / epoch**1.5, "val_loss": 1440 + 540 / epoch}
    for epoch in range(1, 51)
]


def pixels(path: Path) -> np.ndarray:
    """The RGB values of a PNG of the promised width, shape (h, 1200, 3)."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == 1200
        assert not {"Software", "Creation Time", "date"} & set(image.info)
        return np.asarray(image.convert("RGB"))


def contains(picture: np.ndarray, block: np.ndarray) -> bool:
    """Whether the block of pixels occurs in the picture; both of shape (h, w, 3)."""
    height, width, _ = block.shape
    for top in range(len(picture) - height + 1):
        left = picture[top].tobytes().find(block[0].tobytes()) // 3
        found = picture[top : top + height, left : left + width]
        if left >= 0 and np.array_equal(found, block):
            return True
    return False


def saved_figure(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures of losses that are saved from now on, instead of files."""
    figures: list[Figure] = []
    target = "narrows.report.figures.loss_curves.save_figure"
    monkeypatch.setattr(target, lambda figure, path: figures.append(figure))
    return figures


def codes_figure(points: np.ndarray, labels: np.ndarray | None, path: Path) -> None:
    save_figure(codes(points, labels), path)


def reconstructions_figure(
    originals: np.ndarray, results: np.ndarray, path: Path, **more: Any
) -> None:
    save_figure(reconstructions(originals, results, **more), path)


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def column_scores(count: int) -> list[ColumnScore]:
    """Scores of numbers and categories; a guess is never wrong about the first, and nothing can be
    told of the last."""
    return [
        ColumnScore(
            name=f"${number}_{{a column of a long, long name}}",
            kind=("numeric", "categorical", "date")[number % 3],
            error=math.nan if number == count - 1 else 0.1 * number,
            r2=None,
            pca_error=0.2,
            pca_r2=None,
            baseline_error=0.0 if number == 0 else 0.5,
        )
        for number in range(count)
    ]


DRAWINGS: dict[str, Callable[[Path], None]] = {
    "columns": lambda path: column_errors_figure(column_scores(12), path, label="8 numbers"),
    "a column": lambda path: column_errors_figure(column_scores(1), path, label="8 numbers"),
    "very many columns": lambda path: column_errors_figure(
        column_scores(90), path, label="8 numbers"
    ),
    "loss_curves": lambda path: loss_figure(HISTORY, path, pca_error=1530.6, pca_label="PCA, 20"),
    "one epoch": lambda path: loss_figure(HISTORY[:1], path),
    "negative losses": lambda path: loss_figure([{"epoch": 1, "loss": -2}, HISTORY[1]], path),
    "constant losses": lambda path: loss_figure(
        [{"epoch": epoch, "loss": 0.0} for epoch in range(1, 21)], path
    ),
    "infinite losses": lambda path: loss_figure(
        [*HISTORY, {"epoch": 51, "loss": math.inf, "val_loss": math.nan}], path
    ),
    "grey": lambda path: reconstructions_figure(images(12, 28, 28), images(12, 28, 28), path),
    "grey with a channel": lambda path: reconstructions_figure(
        images(3, 9, 7, 1), images(3, 9, 7, 1) * 2.5, path, value_range=(0, 255)
    ),
    "colour": lambda path: reconstructions_figure(
        images(10, 32, 32, 3), images(10, 32, 32, 3), path, pca=images(10, 32, 32, 3)
    ),
    "transparent": lambda path: reconstructions_figure(
        images(2, 8, 8, 4), images(2, 8, 8, 4), path
    ),
    "large images": lambda path: reconstructions_figure(
        images(6, 300, 200), images(6, 300, 200), path
    ),
    "vectors": lambda path: reconstructions_figure(
        images(7, 13) - 9.0, images(7, 13) + 0.5, path, pca=images(7, 13)
    ),
    "single numbers": lambda path: reconstructions_figure(images(3), images(3), path),
    "volumes": lambda path: reconstructions_figure(
        images(2, 4, 4, 4, 2), images(2, 4, 4, 4, 2), path
    ),
    "constant items": lambda path: reconstructions_figure(
        np.zeros((2, 4, 4)), np.zeros((2, 4, 4)), path
    ),
    "codes without labels": lambda path: codes_figure(images(50, 20), None, path),
    "codes of one number": lambda path: codes_figure(images(50, 1), None, path),
    "codes of one number, labelled": lambda path: codes_figure(
        images(50, 1), np.arange(50) % 3, path
    ),
    "codes of two numbers": lambda path: codes_figure(images(50, 2), np.arange(50) % 20, path),
    "codes on a scale": lambda path: codes_figure(images(50, 3), np.arange(50), path),
    "dead codes": lambda path: codes_figure(np.zeros((50, 4)), np.zeros(50, int), path),
    "a single code": lambda path: codes_figure(images(1, 4), np.array([1]), path),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=list(DRAWINGS))
def test_every_kind_of_input_becomes_a_picture(
    draw: Callable[[Path], None], tmp_path: Path
) -> None:
    draw(tmp_path / "figure.png")
    assert np.ptp(pixels(tmp_path / "figure.png")) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loss_curves", "colour", "codes of two numbers"])
def test_the_same_input_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    DRAWINGS[name](first)
    DRAWINGS[name](second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_matplotlibs_settings_are_left_alone_and_do_not_change_the_size(tmp_path: Path) -> None:
    with matplotlib.rc_context({"savefig.bbox": "tight", "savefig.dpi": 30, "figure.dpi": 40}):
        before = dict(matplotlib.rcParams)
        loss_figure(HISTORY, tmp_path / "losses.png")
        assert dict(matplotlib.rcParams) == before
    assert pixels(tmp_path / "losses.png").shape == (660, 1200, 3)


@pytest.mark.slow
def test_matplotlib_waits_for_the_first_figure_and_pyplot_for_ever(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from narrows.report.figures.loss_curves import loss_figure\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"loss_figure([{{'epoch': 1, 'loss': 2.0}}], {str(tmp_path / 'losses.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_losses_are_labelled_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = saved_figure(monkeypatch)
    loss_figure(HISTORY, "losses.png", pca_error=1530.6, pca_label="PCA, 20 numbers")
    axes = figures[0].axes[0]
    assert axes.get_title(loc="left") == "Training Loss vs Validation Loss"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Epochs", "Loss")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["Train", "Val", "PCA, 20 numbers"]
    train, val, pca = axes.get_lines()
    np.testing.assert_array_equal(train.get_ydata(), [row["loss"] for row in HISTORY])
    np.testing.assert_array_equal(val.get_ydata(), [row["val_loss"] for row in HISTORY])
    assert set(pca.get_ydata()) == {1530.6}


def test_without_a_validation_set_there_is_only_the_training_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures = saved_figure(monkeypatch)
    loss_figure([{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}], "losses.png")
    assert [line.get_label() for line in figures[0].axes[0].get_lines()] == ["Train"]


def test_loss_ticks_are_plain_numbers_close_enough_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = saved_figure(monkeypatch)
    loss_figure(HISTORY, "losses.png")
    for axes in figures[0].axes:
        low, high = axes.get_ylim()
        positions = axes.get_yticks()
        shown = positions[(positions >= low) & (positions <= high)]
        texts = [axes.yaxis.get_major_formatter()(position, 0) for position in shown]
        assert [float(text.replace(",", "")) for text in texts] == pytest.approx(list(shown))
        assert len(shown) >= 4


@pytest.mark.parametrize(("shape", "scale"), [((8, 8), 10), ((28, 28), 3), ((7, 3), 12)])
def test_small_images_are_enlarged_to_exact_squares(
    shape: tuple[int, int], scale: int, tmp_path: Path
) -> None:
    originals, reconstructions = images(4, *shape), images(4, *shape, seed=1)
    path = tmp_path / "reconstructions.png"
    reconstructions_figure(originals, reconstructions, path, value_range=(0, 255))
    picture = pixels(path)
    for image in (*originals, *reconstructions):
        enlarged = np.kron(image, np.ones((scale, scale), np.uint8))
        assert contains(picture, np.repeat(enlarged[..., None], 3, axis=2))


def test_colours_are_those_of_the_data(tmp_path: Path) -> None:
    image = images(1, 8, 8, 3)
    reconstructions_figure(image, 255 - image, tmp_path / "colour.png", value_range=(0, 255))
    picture = pixels(tmp_path / "colour.png")
    for expected in (image[0], 255 - image[0]):
        assert contains(picture, expected.repeat(10, axis=0).repeat(10, axis=1))


def test_values_outside_the_range_are_clipped(tmp_path: Path) -> None:
    original = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    reconstruction = np.array([[[-3.0, 9.0], [1.0, 0.0]]])
    path = tmp_path / "clipped.png"
    reconstructions_figure(original, reconstruction, path, value_range=(0, 1))
    white = np.full((42, 42, 3), 255, np.uint8)
    black = np.zeros_like(white)
    expected = np.block([[[black], [white]], [[white], [black]]])
    assert contains(pixels(path)[100 + 42 :], expected)


def test_codes_of_two_numbers_are_drawn_as_they_are() -> None:
    points = np.random.default_rng(0).standard_normal((40, 2))
    drawn = np.asarray(codes(points).collections[0].get_offsets())
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(points, axis=0))


def test_longer_codes_are_drawn_along_their_principal_components() -> None:
    from sklearn.decomposition import PCA

    points = np.random.default_rng(0).standard_normal((60, 4)) * [1, 9, 2, 5]
    axes = codes(points)
    reference = PCA(2).fit(points)
    drawn = np.asarray(axes.collections[0].get_offsets())
    expected = np.abs(reference.transform(points))
    np.testing.assert_allclose(np.sort(np.abs(drawn), axis=0), np.sort(expected, axis=0), atol=1e-8)
    for label, share in zip(
        (axes.get_xlabel(), axes.get_ylabel()), reference.explained_variance_ratio_, strict=True
    ):
        assert f"({three_digits(100 * share)}% of their variance)" in label


def test_at_most_5000_codes_are_drawn_and_classes_are_mixed() -> None:
    labels = np.repeat([0, 1], 4000)
    axes = codes(np.column_stack([labels, labels]), labels)
    drawn = np.asarray(axes.collections[0].get_offsets())[:, 0]
    assert len(drawn) == 5000
    assert drawn[:2500].mean() == pytest.approx(0.5, abs=0.05)


def test_up_to_twenty_classes_look_different() -> None:
    legend = codes(images(40, 2), np.arange(40) % 20 + 100).get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [str(c) for c in range(100, 120)]
    looks = {(handle.get_color(), handle.get_marker()) for handle in legend.get_lines()}
    assert len(looks) == 20


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    with pytest.raises(DataError, match="0 epochs"):
        loss_figure([], path)
    with pytest.raises(ShapeError, match=r"\(3, 4\).*\(3, 5\)"):
        reconstructions_figure(np.ones((3, 5)), np.ones((3, 4)), path)
    with pytest.raises(ShapeError):
        reconstructions_figure(np.ones((0, 5)), np.ones((0, 5)), path)
    with pytest.raises(ShapeError, match=r"\(7,\)"):
        codes_figure(np.ones(7), None, path)
    with pytest.raises(ShapeError, match=r"\(3,\).*4 codes"):
        codes_figure(np.ones((4, 2)), np.zeros(3, int), path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        loss_figure(HISTORY, tmp_path / "file" / "losses.png")


@pytest.mark.parametrize(
    ("items", "columns", "grid"),
    [
        (images(7, 9, 5), 3, (3, 3)),
        (images(4, 6, 6, 3), None, (2, 2)),
        (images(3, 400, 300, 4), 3, (1, 3)),
        (images(5, 6, 8, 1) / 255 - 0.5, 10, (1, 5)),
    ],
    ids=["grey", "colour", "large and translucent", "floats, more columns than items"],
)
def test_a_grid_shows_each_image_in_its_place(
    tmp_path: Path, items: np.ndarray, columns: int | None, grid: tuple[int, int]
) -> None:
    low, high = (0.0, 255.0) if items.dtype == np.uint8 else (-0.5, 0.5)
    grid_figure(items, tmp_path / "grid.png", value_range=(low, high), columns=columns)
    with Image.open(tmp_path / "grid.png") as opened:
        found = np.asarray(opened)
    cell = (np.array(found.shape[:2]) - 4) // grid
    scale = (cell[0] - 4) // items.shape[1]
    assert tuple(cell) == (scale * items.shape[1] + 4, scale * items.shape[2] + 4)
    assert (found[:4] == 255).all() and (found[:, :4] == 255).all()
    levels = np.rint((items - low) / (high - low) * 255).reshape(*items.shape[:3], -1)
    for number, image in enumerate(levels):
        top, left = 4 + cell * divmod(number, grid[1])
        shown = found[top : top + cell[0] - 4 : scale, left : left + cell[1] - 4 : scale]
        np.testing.assert_array_equal(shown[..., : image.shape[2]], image)


def test_a_row_of_fewer_images_is_white_where_it_has_none() -> None:
    black = np.zeros((3, 70, 70), np.uint8)  # as large as they are shown
    rows = {count: (str(count), black[:count]) for count in (1, 3)}
    for order in ((3, 1), (1, 3)):
        sheet = sheet_of([rows[count] for count in order], (0, 255))
        top, bottom = (sheet[:70] == 0).sum(), (sheet[-70:] == 0).sum()
        assert (top, bottom) == tuple(count * 70 * 70 * 3 for count in order)
        assert (sheet[-70:, :70] == 0).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_heat_maps_of_images_of_every_number_of_channels(tmp_path: Path, channels: int) -> None:
    """Where nothing is odd a map is white, and where all is, the darkest red."""
    originals = np.full((2, 70, 70, channels), 255, np.uint8)
    heat = np.zeros(originals.shape)
    heat[1] = 1
    heat_map_figure(originals, originals, heat, tmp_path / "odd.png", value_range=(0, 255))
    picture = pixels(tmp_path / "odd.png")
    assert contains(picture, np.full((70, 70, 3), (102, 0, 13), np.uint8))
