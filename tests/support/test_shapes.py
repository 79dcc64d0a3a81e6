"""Which shapes of items are those of images."""

import pytest

from narrows.support.shapes import is_image_shape, is_picture_shape


@pytest.mark.parametrize(
    ("shape", "image", "picture"),
    [
        ((), False, False),
        ((784,), False, False),
        ((28, 28), True, True),
        ((28, 28, 1), True, True),
        ((28, 28, 2), True, False),
        ((28, 28, 3), True, True),
        ((28, 28, 4), True, True),
        ((8, 28, 28, 3), False, False),
    ],
)
def test_images_have_two_axes_or_channels_besides(
    shape: tuple[int, ...], image: bool, picture: bool
) -> None:
    assert (is_image_shape(shape), is_picture_shape(shape)) == (image, picture)
