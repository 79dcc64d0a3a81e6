"""Whether items are images, going by the shape of one."""


def is_image_shape(item_shape: tuple[int, ...]) -> bool:
    """Whether items of a shape are images: (height, width) or (height, width, channels)."""
    return len(item_shape) in (2, 3)


def is_picture_shape(item_shape: tuple[int, ...]) -> bool:
    """Whether they are images that can be shown: grey, RGB, or RGB with transparency."""
    return is_image_shape(item_shape) and item_shape[2:] in ((), (1,), (3,), (4,))


def has_channels_first(item_shape: tuple[int, ...]) -> bool:
    """Whether items look like images whose first axis is that of their channels."""
    if len(item_shape) != 3 or item_shape[2] in (1, 3, 4):
        return False
    channels, height, width = item_shape
    return channels in (1, 3, 4) and min(height, width) >= _SMALLEST


# Below so many pixels each way nobody takes them for images.
_SMALLEST = 8
