"""Named specs: models that a user gets by name, fitted to the shape of the data."""

import math

from narrows.errors import UsageError
from narrows.nn.blocks import Dense, Flatten, Shape
from narrows.nn.spec import Spec, mirrored

#: Names that ``--preset`` takes, and what each is.
PRESETS = {"simple": "one hidden dense layer on each side of the code, ReLU throughout"}

_DEFAULT_LATENT_SIZE = 20
_DEFAULT_HIDDEN = (100,)


def default_latent_size(item_shape: Shape) -> int:
    """20 numbers, or half as many as an item has where it has no more than 20 itself."""
    size = math.prod(item_shape)
    return _DEFAULT_LATENT_SIZE if size > _DEFAULT_LATENT_SIZE else max(size // 2, 1)


def preset_spec(
    name: str,
    item_shape: Shape,
    *,
    latent: int | None = None,
    hidden: tuple[int, ...] | None = None,
    output_activation: str = "relu",
) -> Spec:
    """The spec of preset ``name`` for items of ``item_shape``.

    Args:
        latent: the size of the latent code, from 1 to the number of values in an item; None for
            :func:`default_latent_size`.
        hidden: units of the encoder's hidden layers, outermost first, which the decoder mirrors;
            None for (100,).
        output_activation: how the decoder ends.

    Raises:
        UsageError: no such preset, or a latent size or a hidden layer outside its limits.
    """
    if name not in PRESETS:
        raise UsageError(
            f"there is no preset called {name!r}", hint=f"take one of {', '.join(PRESETS)}"
        )
    size = math.prod(item_shape)
    if latent is None:
        latent = default_latent_size(item_shape)
    elif not 1 <= latent <= size:
        raise UsageError(
            f"a latent size of {latent} is outside 1 to {size}, the number of values in an item",
            hint="ask for fewer numbers than an item has: the code is what it is narrowed to",
        )
    encoder = (
        Flatten(),
        *(Dense(units, "relu") for units in (_DEFAULT_HIDDEN if hidden is None else hidden)),
        Dense(latent, "relu"),
    )
    return Spec(item_shape, encoder, mirrored(encoder, item_shape, output_activation))
