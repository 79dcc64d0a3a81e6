"""The program as its user runs it: a command, in a process of its own."""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common import Finished, run_process

#: What starts the program.
NARROWS = (sys.executable, "-m", "narrows")
# Of what fit says, which is what it picked and what it warns of.
_SAID = 4000


def caches_in(folder: Path) -> dict[str, str]:
    """The environment in which compiled code is kept in ``folder``, and nowhere else."""
    names = ("NARROWS_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    return dict.fromkeys(names, str(folder))


def fit(
    data: str | Path, model: Path, *options: str, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run ``narrows fit DATA --out MODEL OPTIONS``.

    Returns:
        ``seconds``, ``processor_seconds`` and ``peak_bytes`` of the whole process, what it
        ``said``, and what the model file says of its ``training``.
    """
    from narrows.model.file import load_model

    command = [*NARROWS, "fit", str(data), "--out", str(model), *options]
    finished = run_process(command, environment)
    return {
        "seconds": finished.seconds,
        "processor_seconds": finished.processor_seconds,
        "peak_bytes": finished.peak_bytes,
        "said": (finished.said + finished.output)[-_SAID:],
        "training": load_model(model).training.to_dict(),
    }


def compress_file(data: str | Path, archive: Path, *options: str) -> Finished:
    """Run ``narrows compress DATA --out ARCHIVE OPTIONS``."""
    return run_process([*NARROWS, "compress", str(data), "--out", str(archive), *options])


def compress_digits_to_codes(archive: Path) -> None:
    """Write a small archive of codes, the one that several benchmarks open."""
    compress_file("digits", archive, "--codes-only", "--item-bytes", "2", "--effort", "fast")


def evaluate(model: Path, data: str | Path) -> dict[str, Any]:
    """What ``narrows evaluate MODEL DATA --json`` prints."""
    output = run_process([*NARROWS, "evaluate", str(model), str(data), "--json"]).output
    return json.loads(output)


def errors(model: Path, data: str | Path) -> dict[str, float]:
    """Of ``data``: how many ``numbers`` the code has, and the mean squared error of the
    ``model`` and of ``pca`` with as many, fitted to what the model was trained on."""
    found = evaluate(model, data)
    (pca,) = (score for score in found["baselines"] if score["method"] == "PCA")
    return {"numbers": found["model"]["numbers"], "model": found["model"]["mse"], "pca": pca["mse"]}


def encode(model: Path, data: str | Path) -> np.ndarray:
    """What ``narrows encode MODEL DATA`` writes: codes of shape (n, latent)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.npy"
        run_process([*NARROWS, "encode", str(model), str(data), "--out", str(path)])
        return np.load(path, allow_pickle=False)


def per_image(raw: float) -> float:
    """A squared error in grey levels, a pixel of a 28 x 28 image, as the squared error of a whole
    image of values in 0..1: the unit of Hinton and Salakhutdinov (Science 313, 2006)."""
    return raw * 784 / 255**2
