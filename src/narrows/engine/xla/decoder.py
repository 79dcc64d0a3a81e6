"""A decoder as a function of codes, and how what it gives answers to them: what refining codes and
searching for shorter ones have in common."""

from collections.abc import Callable
from typing import Any

from narrows.nn.model import apply_part
from narrows.nn.spec import Spec


def flat_decoder(spec: Spec) -> Callable[[Any, Any], Any]:
    """A function of a model's arrays and codes (n, latent) that gives their items as rows of
    network values, (n, item_size)."""

    def decode(arrays: Any, codes: Any) -> Any:
        return apply_part(spec, "decoder", arrays, codes).reshape(len(codes), -1)

    return decode


def slopes_and_curvature(decode: Callable[[Any], Any], codes: Any) -> tuple[Any, Any]:
    """The derivatives of what ``decode`` makes of codes (n, latent), of shape (latent, n, values):
    how each value answers to each number; and their products, summed over the values, of shape
    (n, latent, latent): Gauss and Newton's curvature of half the squared error."""
    import jax
    import jax.numpy as jnp

    count, latent = codes.shape
    directions = jnp.broadcast_to(jnp.eye(latent)[:, None], (latent, count, latent))
    slopes = jax.vmap(lambda by: jax.jvp(decode, (codes,), (by,))[1])(directions)
    return slopes, jnp.einsum("ind,jnd->nij", slopes, slopes)
