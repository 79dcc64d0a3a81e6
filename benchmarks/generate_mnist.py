"""How good are drawn digits: ``narrows generate`` beside pythae and scikit-learn.

Targets, on MNIST with 20 numbers a code: the Fréchet distance of 10,000 drawn digits to the test
images is at most half of that of pythae's VAE with its GaussianMixtureSampler (its own defaults,
as much processor time as ``narrows fit`` takes) and of scikit-learn's GaussianMixture on PCA codes;
recall is at least equal; and nothing is copied: no more than 1 % of the drawn digits are nearer to
a training image than all but 1 % of the test images are.

Features are the last hidden layer of a small network that is trained on the training images and
their labels. All models and mixtures see training images only; the test images are used once, to
measure.

    python benchmarks/generate_mnist.py [--seeds N,N] [--work DIR]

Models and samples are kept in the work folder, and are not made again where they are there. All
seeds are of narrows' own choice; the others, its variational preset too, have one run.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    JOURNAL,
    REPOSITORY,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    run_contestant,
    run_process,
    save_mnist,
    table,
    with_spread,
    write_record,
)
from generate_contestants import SAMPLES
from generation_measures import frechet_distance, nearest, precision_recall, share_of_copies
from narrows_cli import NARROWS, fit

#: What ``narrows fit mnist`` takes of two cores together: its 150 s of wall time, twice.
SECONDS = 300
#: Items whose neighbours are counted, and whose nearest training image is looked for.
COUNTED, LOOKED_FOR = 5_000, 1_000
PER_CENT = 1
OURS = {"narrows": (), "narrows, variational": ("--preset", "variational")}
MADE_BY = [*OURS, "narrows, variational, from its prior", "PCA, mixture", "pythae"]
MEASURES = ["frechet", "precision", "recall", "copies", "nearest"]


def our_samples(name: str, seed: int, work: Path) -> Path:
    """A file of digits that narrows draws."""
    of, _, prior = name.partition(", from its ")
    model = work / f"{of}-{seed}.safetensors"
    if not model.exists():
        fit("mnist", model, "--seed", str(seed), "--validation", "0", *OURS[of])
    out = work / f"{name}-{seed}.npy"
    source = ["--from", prior] if prior else []
    asked = ["-n", str(SAMPLES), "--seed", str(seed), "--out", str(out), *source]
    run_process([*NARROWS, "generate", str(model), *asked])
    return out


def their_samples(name: str, seed: int, work: Path) -> Path:
    """A file of digits that another draws, and beside it what it says of itself."""
    out = work / f"{name}-{seed}.npy"
    if not out.exists():
        kind = ["pythae", str(seed), str(SECONDS)] if name == "pythae" else ["pca", str(seed)]
        done = run_contestant("generate_contestants.py", [*kind, str(work), str(out)])
        out.with_suffix(".json").write_text(json.dumps(done.result), encoding="utf-8")
    return out


@cache
def feature_maker(work: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A network that names the training digits, up to its last hidden layer: of images uint8
    (n, 28, 28) features float32 (n, 128)."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 16, 4, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.SiLU()),
        *(nn.Flatten(), nn.Linear(32 * 49, 128), nn.SiLU(), nn.Linear(128, 10)),
    )
    kept = work / "features.npz"
    if kept.exists():
        arrays = np.load(kept, allow_pickle=False)
        net.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays})
    else:
        _train(net)
        np.savez(kept, **{name: array.numpy() for name, array in net.state_dict().items()})

    def features(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return net[:7](torch.from_numpy(images[:, None].astype(np.float32) / 255)).numpy()

    return features


def _train(net: Any, epochs: int = 4, batch: int = 128) -> None:
    """Adam with one cycle of the learning rate: of 10,000 training images that were held out once,
    it named 1.2 % wrongly."""
    import torch
    from torch import nn

    from narrows.data import load_data

    data = load_data("mnist", labels=True)
    images = torch.from_numpy(data.items[:, None].astype(np.float32) / 255)
    labels = torch.from_numpy(np.asarray(data.labels, np.int64))
    steps = len(images) // batch
    adam = torch.optim.AdamW(net.parameters(), 1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 3e-3, total_steps=epochs * steps)
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for rows in order[: steps * batch].split(batch):
            loss = nn.functional.cross_entropy(net(images[rows]), labels[rows])
            adam.zero_grad()
            loss.backward()
            adam.step()
            cycle.step()


def drawn_digits(samples: Path) -> np.ndarray:
    """The digits in a file, shuffled: scikit-learn's mixtures draw one component after the other,
    so that the first of them would be of one kind."""
    images = np.load(samples, allow_pickle=False)
    return images[np.random.default_rng(0).permutation(len(images))]


def measured(samples: Path, work: Path) -> dict[str, Any]:
    """How good the digits in a file are."""
    images = drawn_digits(samples)
    train, test = (np.load(work / f"x_{part}.npy") for part in ("train", "test"))
    features = feature_maker(work)
    drawn, real = features(images), features(test)
    precision, recall = precision_recall(real[:COUNTED], drawn[:COUNTED])
    flat = [part.reshape(len(part), -1) / np.float32(255) for part in (images, train, test)]
    own = work / "nearest-of-test.npy"
    if not own.exists():
        np.save(own, nearest(flat[2][:LOOKED_FOR], flat[1])[0])
    distances, _ = nearest(flat[0][:LOOKED_FOR], flat[1])
    told = samples.with_suffix(".json")
    return {
        "frechet": frechet_distance(real, drawn),
        "precision": precision,
        "recall": recall,
        "copies": 100 * share_of_copies(distances, np.load(own), PER_CENT),
        "nearest": float(np.median(distances)),
        "same": int((distances < 1e-3).sum()),
        "rate": matrix_rate(2),
        "told": json.loads(told.read_text(encoding="utf-8")) if told.exists() else {},
    }


def training_samples(work: Path) -> Path:
    """A file of training images, as if they had been drawn: the best that there can be."""
    out = work / "training images-0.npy"
    train = np.load(work / "x_train.npy")
    np.save(out, train[np.random.default_rng(0).permutation(len(train))[:SAMPLES]])
    return out


def draw(work: Path, seed: int, folder: Path) -> None:
    """Write the first digits of each, and those of narrows above the nearest training images."""
    from narrows.report.figures.item_rows import COLUMNS, draw_rows
    from narrows.report.figures.style import save_figure

    files = {name: work / f"{name}-{seed}.npy" for name in MADE_BY}
    first = {name: drawn_digits(file)[:COLUMNS] for name, file in files.items() if file.exists()}
    limits = (0.0, 255.0)
    rows = list(first.items())
    save_figure(draw_rows("Drawn digits", rows, value_range=limits), folder / "samples.png")
    train = np.load(work / "x_train.npy")
    drawn = first["narrows"]
    _, places = nearest(drawn.reshape(len(drawn), -1), train.reshape(len(train), -1))
    pairs = [("drawn", drawn), ("nearest, in training", train[places])]
    title = "Drawn digits and the nearest training images"
    save_figure(draw_rows(title, pairs, value_range=limits), folder / "nearest.png")


def row(name: str, runs: list[dict[str, Any]]) -> list[str]:
    """A row of the table: medians, with the lowest and highest."""
    digits = {"frechet": 1, "precision": 3, "recall": 3, "copies": 2, "nearest": 2}
    cells = [with_spread([run[each] for run in runs], digits[each]) for each in MEASURES]
    return [name, str(len(runs)), *cells]


def targets(found: dict[str, list[dict[str, Any]]]) -> list[Target]:
    """The worst seed of narrows beside the best of each other."""
    ours = found["narrows"]
    frechet, recall = max(run["frechet"] for run in ours), min(run["recall"] for run in ours)
    result = []
    for name in ("pythae", "PCA, mixture"):
        theirs = found[name]
        share = frechet / min(run["frechet"] for run in theirs)
        more = recall - max(run["recall"] for run in theirs)
        result += [
            Target(f"Fréchet distance as a share of that of {name}", 0.5, share, at_least=False),
            Target(f"recall beyond that of {name}", 0, more),
        ]
    copies = max(run["copies"] for run in ours)
    what = f"% of drawn digits nearer to training than {100 - PER_CENT} % of test images"
    return [*result, Target(what, PER_CENT, copies, at_least=False)]


def main() -> None:
    parser = argument_parser(
        __doc__, "seeds", *JOURNAL, packages=["numpy", "jax", "scikit-learn", "torch", "pythae"]
    )
    parser.add_argument("--work", type=Path, default=REPOSITORY / "build" / "generate-mnist")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "x_train.npy").exists():
        save_mnist(work)
    journal = Journal("generate-mnist", arguments)
    found: dict[str, list[dict[str, Any]]] = {}

    def take(name: str, seed: int, make: Callable[..., Path], *wishes: Any) -> None:
        value = journal.measure(f"{name}, seed {seed}", lambda: measured(make(*wishes), work))
        found.setdefault(name, []).append(value)

    for seed in arguments.seeds:
        take("narrows", seed, our_samples, "narrows", seed, work)
    first = arguments.seeds[0]
    for name in MADE_BY[1:]:
        make = our_samples if name.startswith("narrows") else their_samples
        take(name, first, make, name, first, work)
    take("training images", 0, training_samples, work)
    draw(work, first, journal.folder)
    columns = ["", "seeds", "Fréchet distance", "precision", "recall"]
    columns += ["% nearer than test images", "median distance to training"]
    write_record(
        "generate-mnist",
        "Drawn digits",
        targets=targets(found),
        sections=[
            table(columns, [row(name, runs) for name, runs in found.items()]),
            "![drawn digits](samples.png)",
            "![drawn digits and the nearest training images](nearest.png)",
        ],
        data={"found": found},
        versions=arguments.versions,
        rates=[run["rate"] for runs in found.values() for run in runs],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
