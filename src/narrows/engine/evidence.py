"""The evidence lower bound (ELBO) of a variational autoencoder, in nats.

    log p(x)  >=  E_q(z|x) [log p(x|z)]  -  KL(q(z|x) || p(z))

(Kingma and Welling, arXiv:1312.6114, eq. 3). What the decoder gives for a code z is the middle of a
distribution p(x|z) that the objective stands for:

    l2    a normal distribution of each value, all with one variance
    bce   a Bernoulli distribution of each value, which the decoder gives the chance of

Formulas only, on NumPy and on JAX arrays alike.
"""

import math
from dataclasses import dataclass
from typing import Any

from narrows.errors import UsageError
from narrows.nn.blocks import Gaussian
from narrows.nn.objectives import Objective
from narrows.nn.spec import Spec

#: The objectives that are the logarithm of a distribution.
LIKELIHOODS = ("l2", "bce")

#: Added to a mean squared error in network units, so that its logarithm is finite where a batch is
#: reconstructed exactly.
SMALLEST_VARIANCE = 1e-12


def is_variational(spec: Spec) -> bool:
    """Whether codes are draws from a distribution that the encoder gives."""
    return any(isinstance(block, Gaussian) for block in spec.encoder)


def require_likelihood(objective: Objective) -> None:
    """Make sure that an objective stands for a distribution of the data.

    Raises:
        UsageError: it does not.
    """
    if objective.name not in LIKELIHOODS:
        raise UsageError(
            f"a variational model needs a loss that is a likelihood, and {objective} is none",
            hint=f"take one of {', '.join(LIKELIHOODS)}",
        )


def negative_elbo(objective: Objective, total: Any, values: int, divergence: Any) -> Any:
    """What training minimises for a batch: -ELBO in nats, but for a constant.

    Under l2 the variance is the one that suits the batch best, its mean squared error: of
    D/2 log(2 pi v) + total / (2 v) that leaves D/2 log(total / D) (sigma-VAE: Rybkin, Daniilidis
    and Levine, arXiv:2006.13202, eq. 5). So nobody has to weigh squared errors against nats, and
    the result does not depend on the data's unit.

    Args:
        objective: l2 or bce.
        total: the loss summed over the batch.
        values: how many values that are, D.
        divergence: KL(q(z|x) || p(z)) summed over the batch, in nats, times beta.
    """
    if objective.name == "bce":
        return total + divergence
    log = total.__array_namespace__().log
    return 0.5 * values * log(total / values + SMALLEST_VARIANCE) + divergence


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the ELBO of some items is made of.

    Attributes:
        objective: l2 or bce.
        items: how many.
        values: how many values they have together.
        total: the loss of their reconstructions from one drawn code each, summed over all values,
            in the data's own units.
        divergence: KL(q(z|x) || p(z)) summed over the items, in nats.
    """

    objective: Objective
    items: int
    values: int
    total: float
    divergence: float

    @property
    def noise_variance(self) -> float:
        """The variance under which the items are likeliest: their mean squared error. In the
        data's own unit squared; only under l2."""
        return self.total / self.values

    def elbo(self, noise_variance: float) -> float:
        """The mean ELBO of an item, in nats.

        Under l2, p(x|z) is a density over the data's own values: data in another unit, c times as
        large, have an ELBO that is smaller by log c a value, for the density is spread over more.
        Under bce it is a probability of values that are 0 or 1 in network units, and for values
        between them a formula only; ``noise_variance`` is not used.
        """
        log_likelihood = -self.total
        if self.objective.name == "l2":
            log_likelihood = -0.5 * (
                self.values * math.log(2 * math.pi * noise_variance) + self.total / noise_variance
            )
        return (log_likelihood - self.divergence) / self.items
