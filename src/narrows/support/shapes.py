"""Whether items are images, going by the shape of one."""


def is_image_shape(item_shape: tuple[int, ...]) -> bool:
    """Whether items of a shape are images: (height, width) or (height, width, channels)."""
    return len(item_shape) in (2, 3)


def is_picture_shape(item_shape: tuple[int, ...]) -> bool:
    """Whether they are images that can be shown: grey, RGB, or RGB with transparency."""
    return is_image_shape(item_shape) and item_shape[2:] in ((), (1,), (3,), (4,))
