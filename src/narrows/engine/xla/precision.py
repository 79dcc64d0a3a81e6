"""Which float the training computes in."""

from typing import Any

import numpy as np


def training_dtype() -> Any:
    """float32 on the CPU; on accelerators bfloat16, which their matrix units are made for.

    Weights, moments, statistics and losses are float32 everywhere, and so is all that runs a
    trained model: in bfloat16 are only the tensors between the blocks and the copy of the weights
    that a step works with (Micikevicius et al., arXiv:1710.03740, without the loss scaling, for
    bfloat16 has the range of float32).
    """
    import jax

    return np.float32 if jax.default_backend() == "cpu" else jax.numpy.bfloat16
