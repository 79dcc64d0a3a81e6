"""A folder of images: Pillow's own pixels, one array, and the odd one out named."""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.data import image_folder, load_data, storage
from narrows.data.image_folder import FolderImages
from narrows.data.image_options import ImageOptions
from narrows.errors import DataError, ShapeError, UsageError
from narrows.support.progress import Advance

PIXELS = np.random.default_rng(0)


def save(path: Path, *shape: int, dtype: str = "uint8", mode: str | None = None) -> np.ndarray:
    """Save an image of random pixels, and give what Pillow reads from it."""
    pixels = PIXELS.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    with Image.open(path) as saved:
        return np.asarray(saved)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "jpg", "PNG"])
def test_colour_in_any_format(tmp_path: Path, suffix: str) -> None:
    expected = [save(tmp_path / f"{i}.{suffix}", 5, 4, 3) for i in range(3)]
    dataset = load_data(tmp_path)
    assert dataset.items.dtype == np.uint8
    assert dataset.value_range == (0, 255)
    np.testing.assert_array_equal(dataset.items, expected)


@pytest.mark.parametrize(
    ("dtype", "suffix", "value_range"),
    [("uint8", "png", (0, 255)), ("uint16", "png", (0, 65535)), ("uint16", "tif", (0, 65535))],
)
def test_grey_keeps_its_depth(
    tmp_path: Path, dtype: str, suffix: str, value_range: tuple[float, float]
) -> None:
    expected = [save(tmp_path / f"{i}.{suffix}", 5, 4, dtype=dtype) for i in range(3)]
    dataset = load_data(tmp_path)
    assert dataset.items.dtype == dtype
    assert dataset.value_range == value_range
    np.testing.assert_array_equal(dataset.items, expected)


def test_transparency_is_the_fourth_channel(tmp_path: Path) -> None:
    expected = save(tmp_path / "a.png", 5, 4, 4)
    np.testing.assert_array_equal(load_data(tmp_path).items, expected[None])


@pytest.mark.parametrize(
    ("mode", "read_as"), [("P", "RGB"), ("1", "L"), ("LA", "RGBA"), ("CMYK", "RGB")]
)
def test_other_modes_are_read_as_their_nearest(tmp_path: Path, mode: str, read_as: str) -> None:
    path = tmp_path / "a.tif"
    save(path, 5, 4, 3, mode=mode)
    with Image.open(path) as image:
        expected = np.asarray(image.convert(read_as))
    np.testing.assert_array_equal(load_data(tmp_path).items, expected[None])


def test_palette_with_transparency_keeps_it(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(20, dtype=np.uint8).reshape(5, 4)).convert("P")
    image.save(tmp_path / "a.png", transparency=3)
    items = load_data(tmp_path).items
    assert items.shape == (1, 5, 4, 4)
    assert (items[..., 3] == 0).sum() == 1


def test_sorted_by_name_and_everything_else_passed_over(tmp_path: Path) -> None:
    expected = {name: save(tmp_path / name, 5, 4) for name in ("b.png", "a.png", "C.bmp", "10.png")}
    for name in ("Thumbs.db", "notes.txt", ".hidden.png", "figure.eps"):
        (tmp_path / name).write_bytes(b"not an image")
    (tmp_path / "folder.png").mkdir()
    items = load_data(tmp_path).items
    np.testing.assert_array_equal(items, [expected[name] for name in sorted(expected)])


def test_first_image_of_another_size_is_named(tmp_path: Path) -> None:
    for name, shape in {"a": (5, 4), "b": (5, 4), "c": (4, 5), "d": (9, 9)}.items():
        save(tmp_path / f"{name}.png", *shape)
    with pytest.raises(ShapeError, match=r"c\.png is 5 x 4 pixels, and a\.png before it 4 x 5"):
        load_data(tmp_path)


def test_a_size_that_is_proposed_is_the_smaller_one(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 30, 40)
    save(tmp_path / "b.png", 12, 16)
    with pytest.raises(ShapeError) as caught:
        load_data(tmp_path)
    assert caught.value.hint == "give all images one size, as resize=(16, 12) does"
    with pytest.raises(ShapeError) as caught:
        load_data([Image.open(tmp_path / name) for name in ("a.png", "b.png")])
    assert caught.value.hint == "give all images one size"


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [((5, 4, 3), "uint8", "RGB of uint8"), ((5, 4), "uint16", "grey of uint16")],
)
def test_first_image_of_another_kind_is_named(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, kind: str
) -> None:
    save(tmp_path / "a.png", 5, 4)
    save(tmp_path / "b.png", *shape, dtype=dtype)
    with pytest.raises(ShapeError, match=rf"b\.png is {kind}, and a\.png .* grey of uint8"):
        load_data(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "gif", "webp"])
def test_damaged_image_is_named(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"a.{suffix}", 40, 40)
    whole = save_bytes(tmp_path / f"b.{suffix}")
    for content in (b"", b"not an image", whole[: len(whole) // 2]):
        (tmp_path / f"b.{suffix}").write_bytes(content)
        with pytest.raises(DataError, match=rf"b\.{suffix} cannot be read as an image"):
            load_data(tmp_path)


def save_bytes(path: Path) -> bytes:
    save(path, 40, 40)
    return path.read_bytes()


@pytest.mark.parametrize("limit", [19, 9])  # beyond the limit; beyond twice the limit
def test_pillows_limit_on_pixels_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    save(tmp_path / "a.png", 5, 4)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=rf"a\.png has more than {limit} pixels"):
        load_data(tmp_path)


def test_folder_without_an_image(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(DataError, match="holds no image"):
        load_data(tmp_path)


def class_folders(root: Path) -> dict[str, np.ndarray]:
    """27 images in folders beside 3 at the top, and what is no image."""
    expected = {}
    for name in ["a.png", "b.png", "c.png", *(f"{c}/{i:03}.png" for c in "yzx" for i in range(9))]:
        (root / name).parent.mkdir(exist_ok=True)
        expected[name] = save(root / name, 5, 4)
    (root / "notes.txt").write_text("none")
    (root / ".hidden").mkdir()
    save(root / ".hidden" / "a.png", 9, 9)
    return expected


def test_folders_in_folders_are_walked_and_name_the_classes(tmp_path: Path) -> None:
    expected = class_folders(tmp_path)
    data = load_data(tmp_path, labels=True)
    assert data.files is not None and data.labels is not None
    assert list(data.files.names) == sorted(expected)
    np.testing.assert_array_equal(data.items, [expected[name] for name in sorted(expected)])
    assert data.classes == (".", "x", "y", "z")
    told = [data.classes[label] for label in data.labels]
    assert told == [name.rpartition("/")[0] or "." for name in sorted(expected)]
    assert "passed over 1 file that is no image: notes.txt" in data.notes
    assert load_data(tmp_path).labels is None


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    (root / "z" / "deep").mkdir(parents=True)
    other.mkdir()
    save(root / "z" / "deep" / "1.png", 5, 4)
    save(other / "2.png", 5, 4)
    for name, target in {"a": root / "z" / "deep", "b": other, "c": other, "d": tmp_path}.items():
        (root / name).symlink_to(target)
    (root / "z" / "up").symlink_to(root)
    data = load_data(root)
    assert data.files is not None
    assert data.files.names == ("b/2.png", "z/deep/1.png")
    assert any("links to folders" in note and ": a, c, " in note for note in data.notes)


def test_grey_resize_and_skip_damaged(tmp_path: Path) -> None:
    colour = save(tmp_path / "a.png", 6, 8, 3)
    grey = save(tmp_path / "b.png", 6, 8)
    large = save(tmp_path / "c.png", 12, 16, 3)
    (tmp_path / "d.png").write_bytes(b"not an image")
    with pytest.raises(ShapeError, match="grey") as caught:
        load_data(tmp_path, resize=(8, 6), skip_damaged=True)
    assert "grey=True" in (caught.value.hint or "")
    with pytest.raises(ShapeError, match="16 x 12") as caught:
        load_data(tmp_path, grey=True, skip_damaged=True)
    assert "resize=(8, 6)" in (caught.value.hint or "")
    with pytest.raises(DataError, match=r"d\.png") as damaged:
        load_data(tmp_path, grey=True, resize=(8, 6))
    assert "skip_damaged=True" in (damaged.value.hint or "")
    data = load_data(tmp_path, grey=True, resize="8,6", skip_damaged=True)
    np.testing.assert_array_equal(data.items[0], np.asarray(Image.fromarray(colour).convert("L")))
    np.testing.assert_array_equal(data.items[1], grey)
    shrunk = Image.fromarray(large).convert("L").resize((8, 6), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(data.items[2], np.asarray(shrunk))
    assert any("left out 1 file" in note and "d.png" in note for note in data.notes)


@pytest.mark.parametrize("size", ["8", "0,5", "a,b", (3,), (2.5, 3), "1,2,3", 7, (1 << 20, 3)])
def test_sizes_that_are_none(tmp_path: Path, size: object) -> None:
    save(tmp_path / "a.png", 6, 8)
    with pytest.raises(UsageError, match="resize="):
        load_data(tmp_path, resize=size)


def test_options_of_images_are_for_folders() -> None:
    with pytest.raises(UsageError, match="digits is no folder of images"):
        load_data("digits", grey=True)


def test_many_images_are_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [save(tmp_path / f"{i}.png", 20, 20) for i in range(4)]
    monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", 500)
    items = load_data(tmp_path).items
    assert isinstance(items, np.memmap)
    np.testing.assert_array_equal(items, expected)


@pytest.mark.parametrize("most", [1, 4 << 20])  # bytes that a thread reads at a time
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_reads_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, most: int
) -> None:
    monkeypatch.setattr(image_folder, "usable_cores", lambda: threads)
    monkeypatch.setattr(image_folder, "_BLOCK_BYTES", most)
    expected = [save(tmp_path / f"{i:03}.png", 6, 5) for i in range(150)]
    pages = [Image.fromarray(pixels) for pixels in PIXELS.integers(0, 255, (7, 6, 5), np.uint8)]
    pages[0].save(tmp_path / "075+.tif", save_all=True, append_images=pages[1:])
    for name in ("020+.png", "140+.png"):
        (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"020\+\.png cannot be read as an image"):
        load_data(tmp_path)
    (tmp_path / "020+.png").write_bytes(b"")
    told, before = list[float](), threading.enumerate()

    @contextlib.contextmanager
    def track(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
        yield lambda amount, note="": told.append(amount)

    data = load_data(tmp_path, skip_damaged=True, track=track)
    np.testing.assert_array_equal(
        data.items, [*expected[:75], *map(np.asarray, pages), *expected[75:]]
    )
    assert data.files is not None
    assert data.files.names == (
        *(f"{i:03}.png" for i in range(75)),
        *(f"075+.tif#{i}" for i in range(1, 8)),
        *(f"{i:03}.png" for i in range(75, 150)),
    )
    assert "left out 2 files that cannot be read: 020+.png, 140+.png" in data.notes
    assert "1 file holds several images, pages or frames: 7 items" in data.notes
    assert sum(told) == 153
    assert set(threading.enumerate()) <= set(before)


def test_warnings_are_as_before_when_images_are_read(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 6, 5)
    before = list(warnings.filters)
    images = FolderImages(tmp_path, ImageOptions())
    assert images[0].shape == (6, 5)
    load_data(tmp_path)
    assert warnings.filters == before
