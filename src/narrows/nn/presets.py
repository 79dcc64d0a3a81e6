"""Named specs: models that a user gets by name, fitted to the shape of the data."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from narrows.errors import UsageError
from narrows.nn.blocks import (
    Block,
    Conv,
    ConvTranspose,
    Copy,
    Dense,
    Flatten,
    Gaussian,
    Join,
    Rounded,
    Shape,
)
from narrows.nn.spec import Spec, mirrored
from narrows.support.shapes import has_channels_first, is_image_shape

#: Names that ``--preset`` takes, and what each is.
PRESETS = {
    "auto": "dense or conv, as the size of the items suggests; to undo noise, unet or denoiser",
    "dense": "two hidden dense layers on each side of the code, SiLU",
    "simple": "one hidden dense layer on each side of the code, ReLU throughout",
    "conv": "for images: convolutions that halve the size, then dense layers, SiLU throughout",
    "variational": "dense layers to a normal distribution of codes, from which to draw new items",
    "rounded": "dense layers to whole numbers that take few bytes, for archives of codes alone",
    "unet": "for denoising small images: convolutions, with copies across from encoder to decoder",
    "denoiser": "for denoising large images: convolutions to a code as large as the image",
}

_MOST_NUMBERS_BY_DEFAULT = 20
# Of a code that is trained to be short.
_NUMBERS_A_BYTE = 3
# Above so many values the first dense layer has most of a model's weights and sees each place anew.
_MOST_DENSE_VALUES = 8192
# Above so many, noise is better undone by looking around each place only, everywhere the same.
_MOST_SEEN_WHOLE = 1024
# The smallest height and width that a convolution is worth its while for.
_SMALLEST_IMAGE = 4


def default_latent_size(item_shape: Shape, item_bytes: float | None = None) -> int:
    """Half as many numbers as an item has values, 20 at most; where codes may take so many bytes,
    three numbers a byte."""
    size = math.prod(item_shape)
    if item_bytes is not None:
        return max(min(round(item_bytes * _NUMBERS_A_BYTE), size), 1)
    return max(min(size // 2, _MOST_NUMBERS_BY_DEFAULT), 1)


def preset_spec(
    name: str,
    item_shape: Shape,
    *,
    latent: int | None = None,
    hidden: tuple[int, ...] | None = None,
    output_activation: str = "relu",
    item_bytes: float | None = None,
) -> Spec:
    """The spec of preset ``name`` for items of ``item_shape``: :func:`fitting_preset` with these
    attributes of :class:`Preset`, as a spec.

    Raises:
        UsageError: as there, or a hidden layer outside its limits.
    """
    found = fitting_preset(name, item_shape, latent=latent, item_bytes=item_bytes)
    return replace(found, hidden=hidden, output_activation=output_activation).spec()


def fitting_preset(
    name: str,
    item_shape: Shape,
    *,
    latent: int | None = None,
    item_bytes: float | None = None,
    denoises: bool = False,
) -> "Preset":
    """Preset ``name`` for items of ``item_shape``.

    Args:
        name: one of :data:`PRESETS`; "auto" for what the items suggest.
        latent: the size of the latent code, from 1 to the number of values in an item; None for
            :func:`default_latent_size`, or of "unet" and "denoiser" their own.
        item_bytes: what the codes of the preset ``rounded`` shall take; None for what suits their
            size.
        denoises: whether the items shall lose their noise.

    Raises:
        UsageError: no such preset, one that does not take such items, or a latent size outside its
            limits.
    """
    if name not in PRESETS:
        raise UsageError(
            f"there is no preset called {name!r}", hint=f"take one of {', '.join(PRESETS)}"
        )
    if name == "auto":
        name = auto_preset(item_shape, denoises)
    _require_fit(name, item_shape)
    size = math.prod(item_shape)
    if latent is None:
        own = _OWN_LATENT.get(name)
        latent = own(item_shape) if own else default_latent_size(item_shape, item_bytes)
    elif not 1 <= latent <= size:
        raise UsageError(
            f"a latent size of {latent} is outside 1 to {size}, the number of values in an item",
            hint="ask for fewer numbers than an item has: the code is what it is narrowed to",
        )
    return Preset(name=name, item_shape=item_shape, latent=latent, item_bytes=item_bytes)


def _require_fit(name: str, item_shape: Shape) -> None:
    """Make sure that a preset takes such items."""
    too_large = name == "dense" and math.prod(item_shape) > _MOST_DENSE_VALUES
    if has_channels_first(item_shape) and (too_large or not fits(name, item_shape)):
        raise UsageError(
            f"items of shape {item_shape} look like images with their {item_shape[0]} channels "
            "first, and images have them last here",
            hint="move the axis: np.moveaxis(X, 1, -1), or save the array so; reshape the items to "
            "rows if they are no images",
        )
    if not fits(name, item_shape):
        fitting = [other for other in PRESETS if fits(other, item_shape)]
        raise UsageError(
            f"preset {name} is for images of at least {_SMALLEST_IMAGE} by {_SMALLEST_IMAGE}, "
            f"and the items have shape {item_shape}",
            hint=f"take one of {', '.join(fitting)}",
        )


def fits(name: str, item_shape: Shape) -> bool:
    """Whether preset ``name`` takes items of ``item_shape``."""
    is_image = is_image_shape(item_shape) and min(item_shape[:2]) >= _SMALLEST_IMAGE
    return is_image or name not in ("conv", "unet", "denoiser")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A preset for items of some shape, with its numbers.

    Attributes:
        name: one of :data:`PRESETS` but "auto".
        item_shape: the shape of an item.
        latent: the size of the latent code.
        item_bytes: what the codes of the preset ``rounded`` shall take; None for what suits their
            size.
        hidden: units of the encoder's hidden dense layers, outermost first, which the decoder
            mirrors; None for the preset's own. Of "denoiser", the channels of its convolutions.
        output_activation: how the decoder ends.
    """

    name: str
    item_shape: Shape
    latent: int
    item_bytes: float | None = None
    hidden: tuple[int, ...] | None = None
    output_activation: str = "relu"

    def spec(self) -> Spec:
        """The model that it stands for.

        Raises:
            UsageError: a hidden layer outside its limits.
        """
        return _MAKERS[self.name](self)

    def hidden_layers(self, *default: int) -> tuple[Block, ...]:
        """Those asked for, or the default ones, which are no narrower than the code."""
        units = [max(count, self.latent) for count in default]
        return tuple(
            Dense(count, "silu") for count in (units if self.hidden is None else self.hidden)
        )

    def mirrored(self, *encoder: Block) -> Spec:
        """``encoder`` and its mirror."""
        decoder = mirrored(encoder, self.item_shape, self.output_activation)
        return Spec(self.item_shape, encoder, decoder)


def auto_preset(item_shape: Shape, denoises: bool = False) -> str:
    """The preset that "auto" stands for, for items of ``item_shape``; for those that shall lose
    their noise."""
    if denoises and fits("unet", item_shape):
        return "unet" if math.prod(item_shape) <= _MOST_SEEN_WHOLE else "denoiser"
    large = math.prod(item_shape) > _MOST_DENSE_VALUES
    return "conv" if large and fits("conv", item_shape) else "dense"


def _dense(asked: Preset) -> Spec:
    return asked.mirrored(Flatten(), *asked.hidden_layers(512, 256), Dense(asked.latent))


def _simple(asked: Preset) -> Spec:
    hidden = (100,) if asked.hidden is None else asked.hidden
    layers = (Dense(units, "relu") for units in (*hidden, asked.latent))
    return asked.mirrored(Flatten(), *layers)


def _conv(asked: Preset) -> Spec:
    """At full size convolutions cost most and see least, so the first one has windows of 4 by 4
    places: side by side in large images, overlapping by half in small ones. Each one after it
    halves the size and doubles the channels, until 4 by 4 places are left."""
    stride = 4 if min(asked.item_shape[:2]) >= 64 else 2
    convolutions = _halving(asked, stride, 4)
    return asked.mirrored(*convolutions, Flatten(), *asked.hidden_layers(256), Dense(asked.latent))


def _halving(asked: Preset, stride: int, most: int) -> list[Conv]:
    """Convolutions to at most ``most`` places along each side: the first with that stride, each one
    after it to half the size with twice the channels."""
    convolutions = [Conv(32, 4, stride, activation="silu")]
    places = -(-max(asked.item_shape[:2]) // stride)
    while places > most:
        channels = min(2 * convolutions[-1].channels, 256)
        convolutions.append(Conv(channels, 3, 2, activation="silu"))
        places = -(-places // 2)
    return convolutions


def _variational(asked: Preset) -> Spec:
    return asked.mirrored(Flatten(), *asked.hidden_layers(512, 256), Gaussian(asked.latent))


def _rounded(asked: Preset) -> Spec:
    latent, wanted = asked.latent, asked.item_bytes
    item_bytes = latent / _NUMBERS_A_BYTE if wanted is None else wanted
    layers = (*asked.hidden_layers(512, 256), Dense(latent), Rounded(item_bytes))
    return asked.mirrored(Flatten(), *layers)


# With so few places along a side a dense layer sees the whole image at little cost.
_UNET_PLACES = 8
# Noise shall be lost, and nothing kept short: of MNIST's images more numbers are no better.
_UNET_NUMBERS = 256


def _unet_latent(item_shape: Shape) -> int:
    return min(_UNET_NUMBERS, math.prod(item_shape) // 2)


def _unet(asked: Preset) -> Spec:
    """Each size with a copy across (Ronneberger, Fischer and Brox, arXiv:1505.04597), added, and
    two convolutions behind it, none at full size, where they would cost most; in the middle a row
    of numbers, so that there is a code here too, and every place learns of all others. Without an
    activation these numbers are large beside the copies, and what is learnt is worse by 5 %."""
    encoder, decoder, given = list[Block](), list[Block](), asked.item_shape
    for level, convolution in enumerate(_halving(asked, 2, _UNET_PLACES)):
        encoder += [convolution, Copy(f"size {level}")]
        channels = convolution.channels
        back = [Join(f"size {level}"), *[Conv(channels, 3, activation="silu")] * 2]
        if level:
            height, width, fewer = given
            back.append(ConvTranspose(fewer, 2, 2, activation="silu", size=(height, width)))
        else:
            back += convolution.mirror(given, asked.output_activation)
        decoder, given = [*back, *decoder], convolution.output_shape(given)
    middle = (Flatten(), *asked.hidden_layers(), Dense(asked.latent, "silu"))
    decoder = [*mirrored(middle, given, "silu"), *decoder]
    return Spec(asked.item_shape, (*encoder, *middle), tuple(decoder))


# Numbers for each 2 by 2 pixels, as many as they are.
_DENOISER_NUMBERS = 4
# One convolution that halves the size, and two that see further.
_DENOISER_CHANNELS = (32, 32, 32)


def _halved(item_shape: Shape) -> int:
    """The places of an image at half its size."""
    return math.prod(-(-side // 2) for side in item_shape[:2])


def _denoiser_latent(item_shape: Shape) -> int:
    """The size of a code with as many numbers at every place, and no more than an item has."""
    places = _halved(item_shape)
    return places * min(_DENOISER_NUMBERS, math.prod(item_shape) // places)


def _denoiser(asked: Preset) -> Spec:
    """Convolutions at half the size, the same at every place, so that what is learnt from tiles
    holds for pages; and a code as large as the item, for it is noise that shall be lost. Where a
    code of another size is asked for, a dense layer makes it."""
    channels = _DENOISER_CHANNELS if asked.hidden is None else asked.hidden
    layers: list[Block] = [
        Conv(count, 3 if number else 4, 1 if number else 2, activation="silu")
        for number, count in enumerate(channels or _DENOISER_CHANNELS[:1])
    ]
    own = _denoiser_latent(asked.item_shape)
    layers += [Conv(own // _halved(asked.item_shape), 1), Flatten()]
    if asked.latent != own:
        layers.append(Dense(asked.latent))
    return asked.mirrored(*layers)


# Latent sizes of presets whose codes need not be short.
_OWN_LATENT: dict[str, Callable[[Shape], int]] = {
    "unet": _unet_latent,
    "denoiser": _denoiser_latent,
}
_MAKERS: dict[str, Callable[[Preset], Spec]] = {
    "dense": _dense,
    "simple": _simple,
    "conv": _conv,
    "variational": _variational,
    "rounded": _rounded,
    "unet": _unet,
    "denoiser": _denoiser,
}
