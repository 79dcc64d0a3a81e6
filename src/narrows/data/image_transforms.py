"""What is done to the pixels of an image on the way to an item: turning, grey, another size."""

import numpy as np

from narrows.data.image_options import ImageOptions

# What a grey value has of red, green and blue: ITU-R 601, in 1/65536 as Pillow rounds it.
_GREY = (19595, 38470, 7471)


def apply_orientation(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """An image (height, width, ...) as it is to be seen, by its EXIF orientation, 1 to 8.

    Of 5 to 8, height and width change places.
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    down = {3: True, 4: True, 7: True, 8: True}.get(orientation, False)
    right = {2: True, 3: True, 6: True, 7: True}.get(orientation, False)
    return np.ascontiguousarray(pixels[:: -1 if down else 1, :: -1 if right else 1])


def apply_options(pixels: np.ndarray, options: ImageOptions) -> np.ndarray:
    """An image as the options want it."""
    if options.grey:
        pixels = grey(pixels)
    if options.resize is not None and pixels.shape[1::-1] != options.resize:
        pixels = resized(pixels, *options.resize)
    return pixels


def grey(pixels: np.ndarray) -> np.ndarray:
    """Colour (height, width, 3 or 4) as grey (height, width) of the same dtype, by ITU-R 601;
    transparency is left out, and what is grey already or has other channels stays."""
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        return pixels
    if pixels.dtype.kind == "f":
        weights = np.array(_GREY, np.float64) / (1 << 16)
        return (pixels[..., :3].astype(np.float64) @ weights).astype(pixels.dtype)
    if pixels.dtype.itemsize > 2:
        weights = np.array(_GREY, np.float64) / (1 << 16)
        return np.rint(pixels[..., :3].astype(np.float64) @ weights).astype(pixels.dtype)
    total = pixels[..., :3].astype(np.int64) @ np.array(_GREY, np.int64)
    return ((total + (1 << 15)) >> 16).astype(pixels.dtype)


def resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """An image in another size: bilinear, and the mean over what a new pixel covers where it gets
    smaller, in the same dtype."""
    from PIL import Image

    if pixels.dtype == np.uint8 and (pixels.ndim == 2 or pixels.shape[2] in (3, 4)):
        made = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(made)
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    results = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize(
                (width, height), Image.Resampling.BILINEAR
            )
        )
        for plane in np.moveaxis(planes, 2, 0)
    ]
    values = np.stack(results, axis=2).reshape(height, width, *pixels.shape[2:])
    if pixels.dtype.kind in "iu":
        limits = np.iinfo(pixels.dtype)
        values = np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max)
    return values.astype(pixels.dtype)
