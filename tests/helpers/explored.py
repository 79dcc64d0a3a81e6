"""Small models to explore: of pictures, and of a table."""

import datetime
import functools
from typing import Any

import numpy as np
import pyarrow as pa

from narrows import Autoencoder, Dataset, load_data
from narrows.model.use import TrainedAutoencoder
from narrows.planning.options import FitOptions
from narrows.tasks.fit import FitRequest, fit


@functools.cache
def digits(**options: Any) -> tuple[TrainedAutoencoder, Dataset]:
    """A model of 300 digits in 4 numbers, trained for a moment, and these digits."""
    data = load_data("digits", labels=True).rows(np.arange(300))
    given = _GIVEN | {"latent": 4} | options
    result = fit(data, None, FitRequest(options=FitOptions(**given), given=given, detection=True))
    return result.autoencoder, data


@functools.cache
def people() -> tuple[TrainedAutoencoder, Any]:
    """A model of a table with a column of each kind, and the table; ``pounds`` follows from
    ``kilos``."""
    random = np.random.default_rng(0)
    kilos = random.normal(70, 10, 200).round(1)
    days = random.integers(0, 900, 200).tolist()
    table = pa.table(
        {
            "kilos": kilos,
            "pounds": kilos * 2.2,
            "age": random.integers(18, 90, 200),
            "town": np.array(["Oslo", "Rome", "Lima"])[random.integers(0, 3, 200)],
            "member": random.integers(0, 2, 200).astype(bool),
            "since": [datetime.date(2020, 1, 1) + datetime.timedelta(day) for day in days],
            "country": ["here"] * 200,
        }
    )
    fitted = Autoencoder(latent=3, random_state=0, **_GIVEN).fit(table)
    return TrainedAutoencoder(fitted.model_), table


_GIVEN: dict[str, Any] = {"preset": "dense", "hidden": (16,), "epochs": 2}
