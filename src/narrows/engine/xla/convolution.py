"""XLA's own convolution, where it is faster than the matrix product of windows that the blocks use.

On the CPU that is for windows a stride of 1 apart: nine times as fast in training, outside a scan.
Where windows are further apart its gradients are slow, and the product is faster. On accelerators
it is faster throughout.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

from narrows.nn.activations import apply_activation
from narrows.nn.blocks import Arrays, Block, Conv, ConvTranspose
from narrows.nn.blocks.base import with_channels
from narrows.nn.blocks.convolution import sizes_of
from narrows.nn.flow import Flow
from narrows.nn.spec import Spec

_LAYOUT = ("NHWC", "HWIO", "NHWC")


@dataclass(frozen=True)
class NativeConv(Conv):
    """A convolution as XLA does it."""

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return apply_activation(
            self.activation, _convolved(self, with_channels(x), arrays["weight"]) + arrays["bias"]
        )


@dataclass(frozen=True)
class NativeConvTranspose(ConvTranspose):
    """The transpose of XLA's convolution."""

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        import jax

        x = with_channels(x)
        item = self.output_shape(x.shape[1:])
        image = jax.ShapeDtypeStruct((len(x), *item), x.dtype)
        transpose = jax.linear_transpose(lambda y: _convolved(self, y, arrays["weight"]), image)
        (result,) = transpose(x)
        return apply_activation(self.activation, result + arrays["bias"])


def _convolved(block: Conv | ConvTranspose, x: Any, weight: Any) -> Any:
    import jax

    _, stride = sizes_of(block)
    return jax.lax.conv_general_dilated(
        x, weight, stride, block.padding.upper(), dimension_numbers=_LAYOUT
    )


_NATIVE: dict[type[Block], type[Block]] = {Conv: NativeConv, ConvTranspose: NativeConvTranspose}


def with_native_convolutions(spec: Spec) -> Spec:
    """``spec`` with the blocks that compute the same in less time on the device that JAX uses."""
    import jax

    everywhere = jax.default_backend() != "cpu"

    def native(block: Block) -> Block:
        if not isinstance(block, Conv | ConvTranspose):
            return block
        kernel, stride = sizes_of(block)
        if not everywhere and (stride != (1, 1) or kernel == (1, 1)):
            return block
        options = {field.name: getattr(block, field.name) for field in fields(block)}
        return _NATIVE[type(block)](**options)

    encoder, decoder = (tuple(map(native, blocks)) for blocks in (spec.encoder, spec.decoder))
    return replace(spec, encoder=encoder, decoder=decoder)


def has_native_convolutions(spec: Spec) -> bool:
    """Whether :func:`with_native_convolutions` found any."""
    native = tuple(_NATIVE.values())
    return any(isinstance(block, native) for block in (*spec.encoder, *spec.decoder))
