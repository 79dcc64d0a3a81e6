"""What benchmarks/generate_mnist.py draws digits with, beside narrows. Each writes its samples.

    python benchmarks/generate_contestants.py pythae SEED SECONDS FOLDER SAMPLES.npy
    python benchmarks/generate_contestants.py pca SEED FOLDER SAMPLES.npy

pythae's VAE and its GaussianMixtureSampler have their own defaults, but for the size of the code;
training ends with the epoch in which its SECONDS of processor time are over, or after its own 100.
PCA keeps as many numbers, and scikit-learn's GaussianMixture has as many components as make
held-out codes likeliest.
"""

import contextlib
import sys
import tempfile
import time
from typing import Any

import numpy as np

from common import leave_result, load_mnist

NUMBERS, SAMPLES = 20, 10_000
COMPONENTS = (1, 10, 50, 100)


def as_images(samples: np.ndarray) -> np.ndarray:
    """Values around 0..1 as uint8 images."""
    return np.rint(255 * np.clip(samples, 0, 1)).astype(np.uint8).reshape(-1, 28, 28)


def pythae(train: np.ndarray, seed: int, seconds: float) -> tuple[np.ndarray, dict[str, Any]]:
    """The VAE and its sampler: samples, and how long it was trained."""
    import torch
    from pythae.models import VAE, VAEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.samplers import GaussianMixtureSampler
    from pythae.trainers import BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    class Enough(Exception):
        """The time is over."""

    class Stop(TrainingCallback):
        epochs, start = 0, time.process_time()

        def on_epoch_end(self, training_config: Any, **others: Any) -> None:
            self.epochs += 1
            print(self.epochs, time.process_time() - self.start, file=sys.stderr, flush=True)
            if time.process_time() - self.start > seconds:
                raise Enough

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - its sampler's mixture draws from it
    images = train.reshape(-1, 1, 28, 28).astype(np.float32) / 255
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=NUMBERS))
    stop = Stop()
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(output_dir=folder, no_cuda=True, seed=seed)
        with contextlib.suppress(Enough):
            TrainingPipeline(model=model, training_config=settings)(images, callbacks=[stop])
    model.eval()
    sampler = GaussianMixtureSampler(model)
    sampler.fit(images)
    drawn = sampler.sample(SAMPLES)
    spent = time.process_time() - stop.start
    return as_images(drawn.numpy()), {"epochs": stop.epochs, "processor_seconds": spent}


def pca(train: np.ndarray, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """A mixture over the codes of PCA: samples, and how many components it has."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    linear = PCA(NUMBERS, random_state=seed).fit(train.reshape(-1, 784) / 255)
    codes = linear.transform(train.reshape(-1, 784) / 255)
    order = np.random.default_rng(seed).permutation(len(codes))
    held_out, rest = codes[order[:10_000]], codes[order[10_000:]]
    fitted = [GaussianMixture(k, random_state=seed).fit(rest) for k in COMPONENTS]
    likelihoods = [mixture.score(held_out) for mixture in fitted]
    best = fitted[int(np.argmax(likelihoods))]
    drawn = linear.inverse_transform(best.sample(SAMPLES)[0])
    return as_images(drawn), {"components": best.n_components, "likelihoods": likelihoods}


def main() -> None:
    kind, seed, *rest, folder, out, result = sys.argv[1:]
    train = load_mnist(folder)[0]
    if kind == "pythae":
        samples, facts = pythae(train, int(seed), float(rest[0]))
    else:
        samples, facts = pca(train, int(seed))
    np.save(out, samples)
    leave_result(result, facts)


if __name__ == "__main__":
    main()
