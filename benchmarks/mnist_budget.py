"""How much of MNIST do 20 and 30 numbers keep, in the time that the article's program takes, and
in half an hour?

Targets, errors on the 10,000 test images, in grey levels squared a pixel, or as the squared error
of an image with pixels in 0..1 (x 784 / 65025):

``article``  ``narrows fit mnist --latent 20`` with nothing else said: at most 290 (aim: 240), in no
             more wall time than the article's program in Keras on TensorFlow takes for its 50
             epochs. Both run whole, import to last picture, in turns, the article's first; the
             first seed finds no compiled code.
``half-hour-20``  with 1,800 s allowed, 20 numbers: at most 225 (aim: 200).
``half-hour-30``  the same for 30: at most 1.9 an image (aim: 1.6; 3.00 in Hinton and Salakhutdinov,
             Science 313, 2006).

Every seed counts, the worst one for the targets. The test images are measured after each epoch and
decide nothing, which is checked: the model must be that of the last epoch.

    python benchmarks/mnist_budget.py article|half-hour-20|half-hour-30 [--seeds N,N] [--epochs N]
        [--keep DIR]
"""

import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    run_process,
    save_mnist,
    table,
    with_spread,
    write_record,
)
from narrows_cli import errors, fit, per_image

#: Of the article's program.
ARTICLE_EPOCHS = 50
#: What is said besides where half an hour is allowed: wider layers repay more epochs.
HALF_HOUR_OPTIONS = ["--hidden", "1024,512"]
HALF_HOUR_EPOCHS = 60
HALF_HOUR_SECONDS = 1800


@dataclass(frozen=True)
class Goal:
    """What a latent size shall reach on the test images."""

    latent: int
    limit: float
    aim: float
    an_image: bool = False

    def error(self, raw: float) -> float:
        """An error in grey levels squared a pixel, in the unit of the limit."""
        return per_image(raw) if self.an_image else raw

    @property
    def unit(self) -> str:
        return "an image" if self.an_image else "grey levels² a pixel"


GOALS = {
    "article": (Goal(20, 290, 240),),
    "half-hour-20": (Goal(20, 225, 200),),
    "half-hour-30": (Goal(30, 1.9, 1.6, an_image=True),),
}


def train(
    latent: int, seed: int, options: list[str], folder: Path, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Train and test one model, left in ``folder``.

    Raises:
        SystemExit: the model is of another epoch than the last, so that test images chose it.
    """
    rate = matrix_rate()
    model = folder / f"mnist-{latent}-seed{seed}.safetensors"
    arguments = ["--latent", str(latent), "--seed", str(seed), *options]
    run = fit("mnist", model, *arguments, environment=environment)
    if run["training"]["epoch"] != run["training"]["epochs"]:
        raise SystemExit("the test images have chosen the model's epoch")
    return {**run, **errors(model, "mnist:test"), "rate": rate}


def article(epochs: int) -> dict[str, float]:
    """Run the article's program."""
    with tempfile.TemporaryDirectory() as folder:
        save_mnist(Path(folder))
        script = str(Path(__file__).with_name("article_keras.py"))
        command = [sys.executable, script, folder, str(epochs), f"{folder}/loss.png"]
        finished = run_process(command, {"KERAS_BACKEND": "tensorflow"})
    return {"seconds": finished.seconds, "peak_bytes": finished.peak_bytes}


def measure(journal: Journal, arguments: Namespace, folder: Path) -> dict[str, list[Any]]:
    """The runs of every seed: ``narrows LATENT``, and ``article`` where that is the budget."""
    epochs = arguments.epochs or (HALF_HOUR_EPOCHS if arguments.part != "article" else None)
    options = HALF_HOUR_OPTIONS if arguments.part != "article" else []
    options = options if epochs is None else [*options, "--epochs", str(epochs)]
    runs: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory() as caches:
        environment = {"NUMBA_CACHE_DIR": caches}
        for seed in arguments.seeds:
            if arguments.part == "article":
                what = (
                    f"the article's program, {arguments.article_epochs} epochs, before seed {seed}"
                )
                run = journal.measure(what, article, arguments.article_epochs)
                runs.setdefault("article", []).append(run)
            for goal in GOALS[arguments.part]:
                said = " ".join(["fit mnist", f"--latent {goal.latent} --seed {seed}", *options])
                run = journal.measure(said, train, goal.latent, seed, options, folder, environment)
                runs.setdefault(f"narrows {goal.latent}", []).append(run)
    return runs


def shares(runs: dict[str, list[Any]]) -> list[float]:
    """Of each seed's wall time, over that of the article's program just before."""
    pairs = zip(runs["narrows 20"], runs["article"], strict=True)
    return [run["seconds"] / budget["seconds"] for run, budget in pairs]


def targets(part: str, runs: dict[str, list[Any]]) -> tuple[list[Target], list[Target]]:
    """What had to be reached and what was hoped for, by the worst seed."""
    limits, aims = [], []
    for goal in GOALS[part]:
        found = runs[f"narrows {goal.latent}"]
        worst = max(goal.error(run["model"]) for run in found)
        what = f"{goal.latent} numbers, worst seed's error, {goal.unit}"
        limits.append(Target(what, goal.limit, worst, at_least=False))
        aims.append(Target(what, goal.aim, worst, at_least=False))
        if part == "article":
            what = "largest share of the wall time that the article's program took just before"
            limits.append(Target(what, 1, max(shares(runs)), at_least=False))
        else:
            longest = max(run["seconds"] for run in found)
            what = f"{goal.latent} numbers, longest wall time, s"
            limits.append(Target(what, HALF_HOUR_SECONDS, longest, at_least=False))
    return limits, aims


def seeds_table(part: str, seeds: list[int], runs: dict[str, list[Any]]) -> str:
    """A row a run, then each latent size's median and spread."""
    rows = []
    for goal in GOALS[part]:
        found = runs[f"narrows {goal.latent}"]
        programs = runs.get("article", [])
        budgets = [f"{run['seconds']:.1f}" for run in programs] or [""] * len(seeds)
        for seed, run, budget in zip(seeds, found, budgets, strict=True):
            rows.append(
                [
                    f"{goal.latent} numbers, seed {seed}",
                    f"{run['model']:.1f}",
                    f"{per_image(run['model']):.3f}",
                    f"{run['pca']:.1f}",
                    str(run["training"]["epochs"]),
                    f"{run['seconds']:.1f}",
                    budget,
                    f"{run['peak_bytes'] / 1e6:,.0f}",
                ]
            )
        rows.append(
            [
                f"**{goal.latent} numbers**",
                with_spread([run["model"] for run in found], 1),
                with_spread([per_image(run["model"]) for run in found]),
                "",
                "",
                with_spread([run["seconds"] for run in found], 1),
                with_spread([run["seconds"] for run in programs], 1) if programs else "",
                "",
            ]
        )
    columns = [
        "test images",
        "grey levels² a pixel",
        "an image of 0..1",
        "PCA, grey levels²",
        "epochs",
        "wall time, s",
        "the article's program, s",
        "peak memory, MB",
    ]
    return table(columns, rows)


def main() -> None:
    parser = argument_parser(
        __doc__, "seeds", *JOURNAL, packages=["numpy", "numba", "jax", "keras", "tensorflow"]
    )
    parser.add_argument("part", choices=GOALS)
    parser.add_argument(
        "--epochs",
        type=int,
        help=f"of narrows; fit's own for article, {HALF_HOUR_EPOCHS} for the others",
    )
    parser.add_argument("--article-epochs", type=int, default=ARTICLE_EPOCHS, help="of Keras")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the models there")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal(f"mnist-budget-{arguments.part}", arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        runs = measure(journal, arguments, folder)
    limits, aims = targets(arguments.part, runs)
    write_record(
        f"mnist-budget-{arguments.part}",
        "MNIST in 20 numbers within the article's wall time"
        if arguments.part == "article"
        else f"MNIST in {GOALS[arguments.part][0].latent} numbers within half an hour",
        targets=limits,
        aims=aims,
        sections=[seeds_table(arguments.part, arguments.seeds, runs)],
        data={"seeds": arguments.seeds, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for name, found in runs.items() if name != "article" for run in found],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
