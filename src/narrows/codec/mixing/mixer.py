"""One probability of many: a layer of weights that learns from every answer.

The logit of the mix is the weighted sum of the logits that go in, and each weight moves along the
gradient of the bits that the answer cost, input times error. All items that share a set of weights
move it at once; the step grows with the square root of their number.
"""

from math import isqrt

import numpy as np

from narrows.codec.mixing.logistic import LARGEST_LOGIT, ONE, probabilities

# Weights are in 1/65536. A sum of at most 64 products of weights up to 2^23 and inputs below 2^12
# stays below 2^41; a gradient of 2^15 answers, each an error below 2^16 times an input, below 2^43:
# exact in float64. So is the step, whose divisor is below 2^24: no quotient of such integers is
# rounded up to a whole number that it does not reach.
_WEIGHT = float(1 << 16)
_LARGEST_WEIGHT = float(1 << 23)
_INVERSE_RATE = 51_200
# No answer is impossible, and none costs more than 11.4 bits.
_LEAST = 24


class Mixer:
    """``sets`` sets of weights, one for each kind of item; at first each is ``first``."""

    def __init__(self, sets: int, first: np.ndarray) -> None:
        self._weights = np.repeat(first[:, None] * _WEIGHT, sets, axis=1)  # (inputs, sets)

    def mix(self, inputs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The probability of yes of each item, int64 (m,), in 1/65536.

        Args:
            inputs: logits, whole numbers in float64 (m, inputs).
            chosen: which set of weights each item uses, int64 (m,).
        """
        sums = inputs @ self._weights
        logit = np.floor(sums[np.arange(len(sums)), chosen] / _WEIGHT).astype(np.int64)
        of = probabilities()[np.clip(logit, -LARGEST_LOGIT, LARGEST_LOGIT) + LARGEST_LOGIT]
        return np.clip(of, _LEAST, ONE - _LEAST)

    def learn(
        self, inputs: np.ndarray, chosen: np.ndarray, errors: np.ndarray, answers: np.ndarray
    ) -> None:
        """Move the weights by what was answered.

        Args:
            inputs: as they were mixed.
            chosen: as they were mixed.
            errors: the answer, 0 or 65536, less its probability, summed over the answers of an
                item: whole numbers in float64 (m,).
            answers: how many those are, int64 (m,).
        """
        for number in range(self._weights.shape[1]):
            here = chosen == number
            count = int(answers[here].sum())
            if count:
                gradient = errors[here] @ inputs[here]
                step = np.floor(gradient / (_INVERSE_RATE * isqrt(count + 1)))
                moved = self._weights[:, number] + step
                self._weights[:, number] = np.clip(moved, -_LARGEST_WEIGHT, _LARGEST_WEIGHT)
