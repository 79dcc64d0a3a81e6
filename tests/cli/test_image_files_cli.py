"""Folders of images through the commands: names are kept, values exact, options remembered."""

import json
import zlib
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from helpers.command_line import Command, contents, done, failed
from narrows import Dataset, compress, load_data
from narrows.archive import open_archive
from narrows.archive.container import Container, Part, write_container
from narrows.data.image_files import ImageFiles, require_safe
from narrows.errors import ArchiveError, UsageError
from narrows.model.file import load_model

NAMES = ["cat/001.png", "cat/002.png", "dog/001.png", "top.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Colour images of 6 x 5 pixels in two folders, and one beside them."""
    random = np.random.default_rng(0)
    for name in NAMES:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (5, 6, 3), np.uint8)).save(path)
    return tmp_path / "images"


@pytest.fixture
def model(narrows: Command, tmp_path: Path) -> Path:
    """A model of grey images of 4 x 3 pixels."""
    random = np.random.default_rng(0)
    (tmp_path / "many").mkdir()
    for number in range(24):
        pixels = random.integers(0, 255, (5, 6, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "many" / f"{number:02}.png")
    out = tmp_path / "model.safetensors"
    options = ("--preset", "simple", "--epochs", 1, "--latent", 2, "--hidden", "4")
    done(narrows("fit", tmp_path / "many", *options, "--grey", "--resize", "4,3", "--out", out))
    return out


def test_an_archive_of_a_folder_gives_the_files_back(
    narrows: Command, folder: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(folder / NAMES[0]) as image:
        image.load()
    image.save(folder / NAMES[0], exif=exif)
    out, back = tmp_path / "a.nrw", tmp_path / "back"
    assert "files" in done(narrows("compress", folder, "--out", out)).out
    assert "all 360 values" in done(narrows("verify", out, "--against", folder)).out
    done(narrows("decompress", out, "--out", f"{back}/"))
    for name in NAMES:
        with Image.open(folder / name) as original, Image.open(back / name) as again:
            assert again.getexif().get(0x0112) == original.getexif().get(0x0112)
            np.testing.assert_array_equal(np.asarray(again), np.asarray(original))
    assert sum(path.is_file() for path in back.rglob("*")) == len(NAMES)
    done(narrows("decompress", out, "--items", "2:4", "--out", tmp_path / "two"))
    assert (tmp_path / "two" / "dog" / "001.png").exists()
    assert not (tmp_path / "two" / "cat").exists()
    (folder / "cat" / "001.png").rename(folder / "cat" / "000.png")
    failed(narrows("verify", out, "--against", folder), 1, "cat/001.png", "cat/000.png")


def test_images_of_two_sizes_are_kept_exactly_by_what_is_advised(
    narrows: Command, tmp_path: Path
) -> None:
    """One archive cannot hold them: each size in a folder of its own is an archive of its own."""
    rng, folder = np.random.default_rng(0), tmp_path / "photographs"
    folder.mkdir()
    sizes = {"a": (8, 6), "b": (4, 3), "c": (8, 6)}
    for name, (width, height) in sizes.items():
        pixels = rng.integers(0, 256, (height, width), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    advice = "narrows compress FOLDER --workers 2", "as --resize 4,3 does"
    failed(narrows("compress", folder, "--out", tmp_path / "a.nrw"), 1, *advice)
    for name, (width, _) in sizes.items():
        path = folder / str(width) / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        (folder / f"{name}.png").rename(path)
    out = tmp_path / "archives"
    done(narrows("compress", folder, "--workers", 2, "--out", out))
    for width in ("8", "4"):
        done(narrows("verify", out / f"{width}.nrw", "--against", folder / width))


def test_changed_images_are_said_to_be(narrows: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.nrw"
    told = done(narrows("compress", folder, "--grey", "--resize", "3,2", "--out", out))
    assert "all images are made grey, 3 x 2 pixels" in told.err
    assert "grey, 3 x 2 pixels" in done(narrows("info", out)).out
    checked = done(narrows("verify", out, "--against", folder))
    assert "grey, 3 x 2 pixels" in checked.err and "all 24 values" in checked.out


def test_a_model_keeps_how_images_were_read(model: Path) -> None:
    images = load_model(model).data.images
    assert (images.grey, images.resize) == (True, (4, 3))


@pytest.mark.slow
def test_results_name_the_file(narrows: Command, model: Path, folder: Path, tmp_path: Path) -> None:
    codes = tmp_path / "codes.csv"
    done(narrows("encode", model, folder, "--out", codes))
    table = pyarrow.csv.read_csv(codes)
    assert table.column_names == ["file", "code_0", "code_1"]
    assert table["file"].to_pylist() == NAMES
    done(narrows("decode", model, codes, "--out", tmp_path / "decoded.npy"))
    assert np.load(tmp_path / "decoded.npy").shape == (4, 3, 4)
    done(narrows("decode", model, codes, "--out", tmp_path / "decoded"))
    assert all((tmp_path / "decoded" / name).is_file() for name in NAMES)
    done(narrows("reconstruct", model, folder, "--out", tmp_path / "made"))
    assert all((tmp_path / "made" / name).is_file() for name in NAMES)
    done(narrows("detect", model, folder, "--out", tmp_path / "scores.parquet"))
    scores = pyarrow.parquet.read_table(tmp_path / "scores.parquet")
    assert scores["file"].to_pylist() == NAMES
    failed(narrows("encode", model, folder, "--resize", "5,5", "--out", codes), 2, "--resize")
    done(narrows("denoise", model, folder, "--out", tmp_path / "clean"))
    assert all((tmp_path / "clean" / name).is_file() for name in NAMES)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../outside.png", "leads out of its folder"),
        ("a:1.png", "leads out of its folder"),
        (NAMES[1], f"two images would be written as {NAMES[1]}"),
        ("cat/002.jpg", f"two images would be written as {NAMES[1]}"),
        ("", "a name is none"),
    ],
)
def test_images_whose_names_cannot_be_those_of_files_are_numbered(
    name: str, why: str, narrows: Command, model: Path, folder: Path, tmp_path: Path
) -> None:
    codes = tmp_path / "codes.csv"
    done(narrows("encode", model, folder, "--out", codes))
    codes.write_text(codes.read_text().replace(NAMES[0], name))
    done(narrows("decode", model, codes, "--out", tmp_path / "items.csv"))
    names = pyarrow.csv.read_csv(tmp_path / "items.csv")["file"].to_pylist()
    assert names == [name, *NAMES[1:]]
    told = done(narrows("decode", model, codes, "--out", tmp_path / "out"))
    assert "the images are numbered, and not named as in column file" in told.err
    assert why in told.err and not (tmp_path / "outside.png").exists()
    assert sorted(contents(tmp_path / "out")) == [f"00000{number}.png" for number in range(4)]


def test_one_damaged_file_is_left_out_and_named(
    narrows: Command, model: Path, folder: Path, tmp_path: Path
) -> None:
    (folder / "dog" / "002.png").write_bytes(b"none")
    out = tmp_path / "codes.csv"
    failed(narrows("encode", model, folder, "--out", out), 1, "dog/002.png", "--skip-damaged")
    told = done(narrows("encode", model, folder, "--skip-damaged", "--out", out))
    assert "left out 1 file that cannot be read: dog/002.png" in told.err
    assert pyarrow.csv.read_csv(out)["file"].to_pylist() == NAMES


def forged(blob: bytes, names: object, orientations: object = ()) -> bytes:
    """An archive whose names of files are others."""
    import io

    container = Container(io.BytesIO(blob), "a")
    text = json.dumps({"names": names, "orientations": list(orientations)}).encode()
    header = {**container.header, "files": {"bytes": len(text)}}
    packer = zlib.compressobj(9, wbits=-15)
    content = packer.compress(text) + packer.flush()
    parts = [
        Part(part, container.read(part), size, checked=part != "payload")
        for part, size in container.sizes.items()
        if part not in ("header", "files")
    ]
    out = io.BytesIO()
    write_container(out, header, [*parts, Part.of("files", content)])
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "/etc/a.png",
        "../a.png",
        "a/../../b.png",
        "",
        "a//b.png",
        "C:a.png",
        "a\\b.png",
        "a\0.png",
        "x" * 256,
        "a/" * 2500 + "b",
        ".",
        7,
        None,
    ],
)
def test_a_forged_name_leads_nowhere(narrows: Command, tmp_path: Path, name: object) -> None:
    with pytest.raises(ValueError):
        require_safe(name)
    good = compress(
        Dataset("X", np.zeros((2, 3, 3), np.uint8), files=ImageFiles(("a.png", "b.png")))
    )
    path = tmp_path / "a.nrw"
    path.write_bytes(forged(good, ["a.png", name]))
    with open_archive(path) as archive, pytest.raises(ArchiveError, match="names of files"):
        _ = archive.files
    told = narrows("decompress", path, "--out", tmp_path / "deep" / "out")
    failed(told, 1, "is damaged: its names of files")
    assert not (tmp_path / "deep" / "out").exists()


def test_forged_files_of_other_kinds(tmp_path: Path) -> None:
    good = compress(
        Dataset("X", np.zeros((2, 3, 3), np.uint8), files=ImageFiles(("a.png", "b.png")))
    )
    path = tmp_path / "a.nrw"
    for names, turns in (
        (["a.png"], []),
        (["a.png", "a.png"], []),
        ({}, []),
        (["a.png", "b.png"], [[0, 9]]),
        (["a.png", "b.png"], [[-1, 2]]),
        (["a.png", "b.png"], ["x"]),
    ):
        path.write_bytes(forged(good, names, turns))
        with open_archive(path) as archive, pytest.raises(ArchiveError, match="names of files"):
            _ = archive.files
    path.write_bytes(forged(good, ["c.png", "d.png"], [[1, 8]]))
    with open_archive(path) as archive:
        assert archive.files is not None
        assert archive.files.names == ("c.png", "d.png")
        assert archive.files.orientations == {1: 8}


def test_two_files_that_would_become_one_are_refused(
    narrows: Command, folder: Path, tmp_path: Path
) -> None:
    with Image.open(folder / "top.png") as image:
        image.save(folder / "top.jpg")
    done(narrows("compress", folder, "--out", tmp_path / "a.nrw"))
    told = narrows("decompress", tmp_path / "a.nrw", "--out", tmp_path / "back")
    failed(told, 2, "two images would be written as top.png")


def test_a_dataset_with_its_files_is_compressed_in_python(folder: Path, tmp_path: Path) -> None:
    data = load_data(folder, as_is=True)
    (tmp_path / "a.nrw").write_bytes(compress(data))
    with open_archive(tmp_path / "a.nrw") as archive:
        assert archive.files is not None and list(archive.files.names) == NAMES
        np.testing.assert_array_equal(archive.read(), data.items)


def test_options_of_images_need_a_folder(narrows: Command, tmp_path: Path) -> None:
    told = narrows("compress", "digits", "--grey", "--out", tmp_path / "a.nrw")
    failed(told, 2, "digits is no folder of images")
    with pytest.raises(UsageError):
        load_data("digits", skip_damaged=True)
