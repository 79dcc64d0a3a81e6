"""A short training whose every number is compared between engines, and between processors."""

from collections.abc import Callable

import numpy as np

from narrows.engine.interface import AdamSettings, Trainer
from narrows.nn.model import initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling


def learnt_by(make: Callable[..., Trainer]) -> dict[str, np.ndarray]:
    """The losses of a few steps, all arrays after the last, and what is ``left`` of the loss then:
    of widths that vectors do not divide, and items with zeros that are passed over."""
    items = np.random.default_rng(0).integers(0, 256, (500, 37)).astype(np.uint8)
    items[:, ::3] = 0
    order = np.random.default_rng(1).permutation(500)
    model = initial_model(preset_spec("simple", (37,), latent=5, hidden=(30, 13)), Scaling(), 0)
    trainer = make(model, Objective(), AdamSettings(), 48)
    losses = trainer.train(items, order)
    return {"losses": losses, "left": np.array(trainer.measure(items)), **trainer.state().arrays}
