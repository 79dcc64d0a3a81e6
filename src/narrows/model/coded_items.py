"""Items with the codes that a model has for them, which are found once."""

import numpy as np
from jaxtyping import Float, Float32

from narrows.engine import Runner
from narrows.nn.spec import Spec
from narrows.support.chunks import release

# Codes that are kept: 64 MiB. Of more, each is found when it is asked for.
_MOST_KEPT = 1 << 24


class CodedItems:
    """Items with their codes: each is found when it is first asked for, and kept where those of
    all items take little memory. Refined codes take longer than all else that is measured of a
    model, and are asked for by several.

    Args:
        runner: runs the model.
        spec: of it.
        items: (n, \\*item_shape), in data units.
    """

    def __init__(self, runner: Runner, spec: Spec, items: np.ndarray) -> None:
        self.items, self.crosses = items, spec.crosses
        self._runner = runner
        keeps = len(items) * spec.latent_size <= _MOST_KEPT
        self._codes = np.empty((len(items), spec.latent_size), np.float32) if keeps else None
        self._known = np.zeros(len(items), bool)

    def __len__(self) -> int:
        return len(self.items)

    def codes(self, places: slice | np.ndarray) -> Float32[np.ndarray, "m latent"]:
        """The codes of the items at ``places``: a slice without steps, or numbers of items."""
        if self._codes is None:
            return self._runner.encode(np.asarray(self.items[places]))
        wanted = np.arange(len(self))[places]
        new = wanted[~self._known[wanted]]
        if len(new):
            # a slice of a file is read as it lies
            given = self.items[places if len(new) == len(wanted) else new]
            self._codes[new] = self._runner.encode(np.asarray(given))
            self._known[new] = True
            if isinstance(self.items, np.ndarray):
                release(self.items)
        return self._codes[wanted]

    def reconstructions(self, places: slice | np.ndarray) -> Float[np.ndarray, "m *item"]:
        """What the model makes of those items: floats, in data units."""
        if self.crosses:
            # a decoder that takes more than the code needs the encoder's other results too
            return self._runner.reconstruct(np.asarray(self.items[places]))
        return self._runner.decode(self.codes(places))
