"""Image files give the values that are in them, whatever Pillow's modes hold, or are refused."""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from helpers.optional import optional
from narrows import Autoencoder, compress, decompress, load_data
from narrows.errors import DataError

imagecodecs = optional("imagecodecs")
tifffile = optional("tifffile")


def values(dtype: str, *shape: int) -> np.ndarray:
    random = np.random.default_rng(len(shape))
    if np.dtype(dtype).kind == "f":
        return (random.normal(size=shape) * 100).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def read(folder: Path, *, as_is: bool = True) -> np.ndarray:
    return load_data(folder, as_is=as_is).items


@pytest.mark.parametrize("as_is", [False, True])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_colour_png(tmp_path: Path, channels: int, as_is: bool) -> None:
    pixels = values("uint16", 6, 5, channels)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    expected = pixels[..., [0, 0, 0, 1]] if channels == 2 else pixels
    items = read(tmp_path, as_is=as_is)
    assert items.dtype == np.uint16
    np.testing.assert_array_equal(items, expected[None])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize(
    "dtype",
    [
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
    ],
)
def test_grey_tiff_of_every_type(
    tmp_path: Path, dtype: str, compression: str | None, byteorder: str
) -> None:
    pixels = values(dtype, 6, 5)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, compression=compression, byteorder=byteorder)
    items = read(tmp_path)
    assert items.dtype == dtype
    np.testing.assert_array_equal(items, pixels[None])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colour_tiff(tmp_path: Path, channels: int, planar: str, dtype: str) -> None:
    pixels = values(dtype, 6, 5, channels)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, 2, 0)
    more = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, **more)
    np.testing.assert_array_equal(read(tmp_path), pixels[None])


def test_white_as_0_is_read_with_black_as_0_and_said(tmp_path: Path) -> None:
    for dtype in ("uint8", "uint16", "uint32"):
        folder = tmp_path / dtype
        folder.mkdir()
        pixels = values(dtype, 6, 5)
        tifffile.imwrite(folder / "a.tif", pixels, photometric="miniswhite")
        data = load_data(folder, as_is=True)
        np.testing.assert_array_equal(data.items[0], np.iinfo(dtype).max - pixels)
        assert any("white as 0" in note for note in data.notes)


def test_premultiplied_transparency_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        values("uint8", 6, 5, 4),
        photometric="rgb",
        extrasamples=["assocalpha"],
    )
    with pytest.raises(DataError, match=r"a\.tif is a TIFF page of RGB with channels"):
        read(tmp_path)


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_other_colours_are_kept_for_archives_and_converted_for_learning(
    tmp_path: Path, mode: str
) -> None:
    image = Image.frombytes(mode, (5, 6), values("uint8", 6, 5, len(mode)).tobytes())
    image.save(tmp_path / "a.tif")
    exact, learnt = load_data(tmp_path, as_is=True), load_data(tmp_path)
    np.testing.assert_array_equal(exact.items[0], np.asarray(image))
    np.testing.assert_array_equal(learnt.items[0], np.asarray(image.convert("RGB")))
    assert any("converted to RGB" in note for note in learnt.notes)


def test_pages_and_frames_are_items(tmp_path: Path) -> None:
    pages = values("uint8", 3, 6, 5)
    for name, options in (("tif", {}), ("deep", {"byteorder": ">", "compression": "lzw"})):
        folder = tmp_path / name
        folder.mkdir()
        given = pages if name == "tif" else pages.astype("int16")
        tifffile.imwrite(folder / "a.tif", given, photometric="minisblack", **options)
        data = load_data(folder)
        np.testing.assert_array_equal(data.items, given)
        assert data.files is not None
        assert data.files.names == ("a.tif#1", "a.tif#2", "a.tif#3")
        assert any("several images" in note and "3 items" in note for note in data.notes)
    colour = values("uint8", 3, 6, 5, 3)
    for suffix, lossless in (("png", {}), ("webp", {"lossless": True})):
        folder = tmp_path / suffix
        folder.mkdir()
        first, *others = map(Image.fromarray, colour)
        first.save(folder / f"a.{suffix}", save_all=True, append_images=others, **lossless)
        np.testing.assert_array_equal(read(folder), colour)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_for_learning_as_stored_for_archives(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    source = Image.fromarray(np.arange(30, dtype=np.uint8).reshape(6, 5) * 8)
    source.save(path, exif=exif)
    plain = tmp_path / f"plain.{suffix}"
    source.save(plain)
    with Image.open(plain) as image:  # the same pixels, with nothing to be turned by
        stored = np.asarray(image)
    plain.unlink()
    tagged = Image.fromarray(stored)
    tagged.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(read(tmp_path), stored[None])
    upright = load_data(tmp_path)
    np.testing.assert_array_equal(upright.items[0], np.asarray(ImageOps.exif_transpose(tagged)))
    assert any("turned" in note for note in upright.notes) == (orientation != 1)
    with Image.open(path) as image:
        np.testing.assert_array_equal(decompress(compress(image)), stored)


def test_transparent_colour_of_grey_and_rgb(tmp_path: Path) -> None:
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17
    Image.fromarray(grey).save(tmp_path / "a.png", transparency=34)
    items = read(tmp_path)
    assert items.shape == (1, 4, 4, 4)
    np.testing.assert_array_equal(items[0, ..., 3] == 0, grey == 34)
    np.testing.assert_array_equal(items[0, ..., 0], grey)


@pytest.mark.parametrize("bits", [2, 4])
def test_transparent_level_of_few_bits(tmp_path: Path, bits: int) -> None:
    levels = np.arange(8).reshape(2, 4) % (1 << bits)
    few = np.unpackbits(levels.astype(np.uint8)[..., None], axis=-1)[..., -bits:]
    packed = np.pad(np.packbits(few.reshape(2, -1), axis=1), ((0, 0), (1, 0)))
    png = b"\x89PNG\r\n\x1a\n"
    for kind, content in [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 2, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", 2)),
        (b"IDAT", zlib.compress(packed.tobytes())),
        (b"IEND", b""),
    ]:
        check = zlib.crc32(kind + content)
        png += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
    (tmp_path / "a.png").write_bytes(png)
    items = read(tmp_path)
    np.testing.assert_array_equal(items[0, ..., 3] == 0, levels == 2)
    np.testing.assert_array_equal(items[0, ..., 0], levels * (255 // ((1 << bits) - 1)))


def test_pnm_values_are_not_spread(tmp_path: Path) -> None:
    pixels = np.array([[0, 1, 1000], [7, 512, 1023]], ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5\n# depth 10\n3 2\n1023\n" + pixels.tobytes())
    np.testing.assert_array_equal(read(tmp_path)[0], pixels)
    colour = values("uint16", 2, 3, 3).astype(">u2")
    (tmp_path / "a.pgm").unlink()
    (tmp_path / "a.ppm").write_bytes(b"P6 3 2 65535\n" + colour.tobytes())
    np.testing.assert_array_equal(read(tmp_path)[0], colour)


def test_smaller_copies_in_a_tiff_are_said(tmp_path: Path) -> None:
    full = values("uint8", 8, 6)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(full, subfiletype=0)
        writer.write(full[::2, ::2], subfiletype=1)
    data = load_data(tmp_path)
    np.testing.assert_array_equal(data.items, full[None])
    assert any("smaller copies" in note for note in data.notes)


def test_a_tiff_without_pages_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + b"\xff" * 20)
    Image.new("L", (5, 5)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"a\.tif cannot be read as an image"):
        read(tmp_path)


def test_deep_jpeg_2000(tmp_path: Path) -> None:
    pixels = values("uint16", 32, 32, 3)
    content = imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True)
    (tmp_path / "a.jp2").write_bytes(content)
    np.testing.assert_array_equal(read(tmp_path), pixels[None])


@pytest.mark.parametrize("name", ["a.exr", "a.hdr", "a.heic"])
def test_what_is_not_read_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(DataError, match=rf"{name} is an image in a .* format"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_without_the_extra_deep_colour_is_refused_with_what_to_install(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = values("uint16", 6, 5, 3)
    if name == "a.png":
        (tmp_path / name).write_bytes(imagecodecs.png_encode(pixels))
    else:
        tifffile.imwrite(tmp_path / name, pixels, photometric="rgb")
    for package in ("tifffile", "imagecodecs"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match="16-bit") as caught:
        read(tmp_path)
    assert "narrows[images]" in (caught.value.hint or "")


def test_pillow_images_are_read_as_files_are(tmp_path: Path) -> None:
    deep = values("uint16", 6, 5, 3)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(decompress(compress(image)), deep)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        with pytest.raises(DataError, match="16-bit RGB in its file"):
            compress(image)
    colours = [Image.fromarray(values("uint8", 6, 5, 3)).quantize(8) for _ in range(3)]
    expected = np.stack([np.asarray(image.convert("RGB")) for image in colours])
    np.testing.assert_array_equal(decompress(compress(colours)), expected)
    np.testing.assert_array_equal(load_data(colours).items, expected)


def test_estimators_take_pillow_images() -> None:
    random = np.random.default_rng(0)
    images = [
        Image.fromarray(random.integers(0, 255, (4, 4, 3), np.uint8)).quantize(16)
        for _ in range(24)
    ]
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])
    of_images = Autoencoder(latent=2, preset="simple", epochs=1).fit(images)
    of_arrays = Autoencoder(latent=2, preset="simple", epochs=1).fit(pixels)
    np.testing.assert_array_equal(of_images.transform(images), of_arrays.transform(pixels))
    np.testing.assert_array_equal(of_images.transform(images[0]), of_arrays.transform(pixels[:1]))
