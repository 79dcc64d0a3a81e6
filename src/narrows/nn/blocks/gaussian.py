"""The end of a variational encoder."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.blocks.base import Arrays, Block, Shape, check_size, glorot_uniform, is_number
from narrows.nn.blocks.dense import Dense, check_row
from narrows.nn.flow import Flow

#: Standard deviations stay within e^-5..e^5, so that no step of the optimiser, however long, makes
#: an exponential that float32 cannot hold.
LARGEST_LOG_VARIANCE = 10.0


@dataclass(frozen=True)
class Gaussian(Block):
    """A diagonal normal distribution for each item: a draw from it in training, else its mean.

    What it adds to the loss is ``beta`` times its divergence from the standard normal
    distribution, in nats: half the sum of mean^2 + variance - 1 - log variance (Kingma and Welling,
    arXiv:1312.6114, appendix B; beta: Higgins et al., ICLR 2017).
    """

    size: int
    beta: float = 1.0

    name: ClassVar[str] = "gaussian"
    is_layer: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_size(self.name, self.size, "numbers")
        if not is_number(self.beta) or self.beta < 0:
            raise UsageError(
                f"gaussian has a beta of {self.beta!r}, and needs a number of at least 0"
            )

    def output_shape(self, shape: Shape) -> Shape:
        check_row(f"gaussian ({self.size} numbers)", shape)
        return (self.size,)

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {
            f"{part}.{name}": size
            for part in ("mean", "log_variance")
            for name, size in (("weight", (shape[0], self.size)), ("bias", (self.size,)))
        }

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Glorot-uniform weights of the mean, zeros elsewhere: every variance starts at 1,
        whatever the size of the inputs."""
        arrays = {
            name: np.zeros(size, np.float32) for name, size in self.array_shapes(shape).items()
        }
        weight = glorot_uniform((shape[0], self.size), shape[0], self.size, random)
        return arrays | {"mean.weight": weight}

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        mean = x @ arrays["mean.weight"] + arrays["mean.bias"]
        if not flow.training:
            return mean
        assert flow.normal is not None, "a flow that trains draws"
        xp = x.__array_namespace__()
        log_variance = _limited(x @ arrays["log_variance.weight"] + arrays["log_variance.bias"])
        divergence = mean**2 + xp.exp(log_variance) - 1 - log_variance
        flow.penalties.append(self.beta * 0.5 * divergence.sum(dtype=np.float32))
        return mean + xp.exp(0.5 * log_variance) * flow.normal(mean.shape)

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Dense(shape[0], activation),)


def _limited(x: Any) -> Any:
    """x near 0, and within the limit everywhere: x / (1 + |x| / limit).

    Unlike a cut, it has a slope everywhere, so that no variance is stuck at the limit.
    """
    return x / (1 + abs(x) / LARGEST_LOG_VARIANCE)
