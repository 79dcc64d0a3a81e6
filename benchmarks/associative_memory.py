"""Is an autoencoder the better associative memory?

Target: with 100 and 200 stored digits, of which 20 % of the bits are flipped, an autoencoder
recalls at least 90 % of them, where a Hopfield network by Hebb's rule recalls at most 10 %; and for
random patterns that network's memory breaks down between 0.12 N and 0.16 N patterns, around the
0.138 N of Amit, Gutfreund and Sompolinsky: there the overlap of what is recalled with the pattern
falls below the 0.967 that their theory ends at.

MNIST's training images are binarised: 784 units. From 10 to 200 of them are stored; then 10 to
40 % of the bits of each are flipped, and it is to be recalled. A pattern counts as recalled where
at most 1 % of its bits are wrong. Contestants: the Hopfield network, asynchronous, by Hebb's rule
and by the pseudo-inverse; the nearest stored pattern; and an autoencoder trained on the stored
patterns with ``noise="salt-pepper:0.2-0.8"``, which flips 10 to 40 % of the bits, applied five
times. Its 128 numbers and 512 hidden units were chosen on the patterns of seed 0.

    python benchmarks/associative_memory.py [--seeds N,N]
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    table,
    write_record,
)

COUNTS = (10, 25, 50, 100, 150, 200)
FLIPS = (0.1, 0.2, 0.3, 0.4)
HEBB, INVERSE, NEAREST, AUTOENCODER = (
    "Hopfield, Hebb",
    "Hopfield, pseudo-inverse",
    "nearest pattern",
    "autoencoder",
)
METHODS = (HEBB, INVERSE, NEAREST, AUTOENCODER)
RECALLED = 0.01
LOADS = (0.05, 0.08, 0.1, 0.12, 0.13, 0.138, 0.145, 0.16, 0.18, 0.2, 0.25)
UNITS = 800
# The overlap of retrieved patterns where retrieval ends, for many units (Amit et al., as above).
AT_CAPACITY = 0.967
TIMES, EPOCHS = 5, 400
NUMBERS, HIDDEN = 128, 512


def patterns_of(count: int, seed: int) -> np.ndarray:
    """Binarised digits, (count, 784) of -1 and +1."""
    from narrows.data import load_data

    images = load_data("mnist").items
    chosen = np.random.default_rng([seed, count]).choice(len(images), count, replace=False)
    return np.where(images[np.sort(chosen)].reshape(count, -1) > 127, 1, -1).astype(np.int8)


def memories(patterns: np.ndarray, seed: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What recalls a pattern from a damaged one, by method."""
    from narrows import Autoencoder
    from narrows.baselines.hopfield import store

    learnt = Autoencoder(
        NUMBERS,
        hidden=(HIDDEN,),
        preset="dense",
        epochs=EPOCHS,
        shift=0,
        noise="salt-pepper:0.2-0.8",
        validation_fraction=0,
        patience=EPOCHS,
        random_state=seed,
    ).fit(np.where(patterns > 0, 255, 0).astype(np.uint8))

    def recall(states: np.ndarray) -> np.ndarray:
        for _ in range(TIMES):
            values = learnt.denoise(np.where(states > 0, 255, 0).astype(np.uint8))
            states = np.where(values > 127, 1, -1)
        return states

    def nearest(states: np.ndarray) -> np.ndarray:
        return patterns[(states.astype(np.int32) @ patterns.T.astype(np.int32)).argmax(axis=1)]

    return {
        HEBB: store(patterns).recall,
        INVERSE: store(patterns, "pseudo-inverse").recall,
        NEAREST: nearest,
        AUTOENCODER: recall,
    }


def contest(count: int, seed: int) -> dict[str, list[list[float]]]:
    """For each method and share of flipped bits: the share of patterns recalled, and of bits that
    are wrong."""
    patterns = patterns_of(count, seed)
    found: dict[str, list[list[float]]] = {}
    for name, recall in memories(patterns, seed).items():
        found[name] = []
        for flip in FLIPS:
            random = np.random.default_rng([seed, count, round(100 * flip)])
            damaged = np.where(random.random(patterns.shape) < flip, -patterns, patterns)
            wrong = (recall(damaged) != patterns).mean(axis=1)
            found[name].append([float((wrong <= RECALLED).mean()), float(wrong.mean())])
    return found


def capacity(load: float, seed: int) -> float:
    """The overlap of random patterns, stored by Hebb's rule, with what they settle in."""
    from narrows.baselines.hopfield import store

    patterns = np.random.default_rng([seed, 7]).choice([-1, 1], (round(load * UNITS), UNITS))
    return float((store(patterns).recall(patterns[:40], sweeps=30) * patterns[:40]).mean())


def breakdown(overlaps: list[float]) -> float:
    """The load at which the mean overlap falls below that of theory at the capacity."""
    at = next(i for i, overlap in enumerate(overlaps) if overlap < AT_CAPACITY)
    high, low = overlaps[at - 1], overlaps[at]
    share = (high - AT_CAPACITY) / (high - low)
    return LOADS[at - 1] + share * (LOADS[at] - LOADS[at - 1])


def draw(found: dict[str, np.ndarray], overlaps: list[float], path: Path) -> None:
    """One panel for each share of flipped bits, with the mean over seeds of ``found`` as a line in
    a band from the lowest to the highest, and one for random patterns."""
    from narrows.baselines.hopfield import CAPACITY
    from narrows.report.figures.style import (
        BLUE,
        CLASS_COLOURS,
        GREY,
        MUTED,
        ORANGE,
        SMALL_SIZE,
        new_figure,
        save_figure,
        set_headings,
        tidy_axes,
    )

    figure = new_figure(820, constrained=True)
    grid = figure.subplots(2, 3)
    colours = dict(zip(METHODS, (ORANGE, CLASS_COLOURS[3], GREY, BLUE), strict=True))
    styles = dict(zip(METHODS, ("-", "-", "--", "-"), strict=True))
    for number, (axes, flip) in enumerate(zip(grid.flat, FLIPS, strict=False)):
        for name in METHODS:
            recalled = 100 * found[name][..., number, 0]
            axes.fill_between(
                COUNTS, recalled.min(0), recalled.max(0), color=colours[name], alpha=0.15, lw=0
            )
            axes.plot(
                COUNTS,
                recalled.mean(0),
                styles[name],
                color=colours[name],
                label=name,
                marker="o",
                markersize=3,
            )
        axes.axvline(784 * CAPACITY, color=MUTED, linewidth=1, linestyle=":")
        axes.set_ylim(-4, 104)
        axes.set_xlabel("stored digits")
        axes.set_ylabel("recalled, %")
        set_headings(axes, f"{round(100 * flip)} % flipped")
        tidy_axes(axes)
    grid[0, 0].text(784 * CAPACITY + 3, 40, "0.138 N", fontsize=SMALL_SIZE, color=MUTED)
    last = grid[1, 1]
    last.plot(LOADS, overlaps, color=ORANGE, marker="o", markersize=3)
    last.axvline(CAPACITY, color=MUTED, linewidth=1, linestyle=":")
    last.text(CAPACITY - 0.008, 0.5, "0.138", ha="right", fontsize=SMALL_SIZE, color=MUTED)
    last.set_xlabel("random patterns / units")
    last.set_ylabel("overlap after recall")
    set_headings(last, "Hebb's capacity")
    tidy_axes(last)
    legend = grid[1, 2]
    legend.set_axis_off()
    legend.legend(*grid[0, 0].get_legend_handles_labels(), loc="center left", frameon=False)
    save_figure(figure, path)


def cell(of_seeds: np.ndarray) -> str:
    """A cell of the table, of (seeds, recalled and wrong)."""
    recalled, wrong = of_seeds.T
    lowest, highest = recalled.min(), recalled.max()
    return f"{recalled.mean():.0%} ({lowest:.0%} to {highest:.0%}), {wrong.mean():.1%}"


def main() -> None:
    arguments = argument_parser(
        __doc__, "seeds", *JOURNAL, packages=["numpy", "numba", "jax"]
    ).parse_args()
    announce(__doc__ or "")
    journal = Journal("associative-memory", arguments)
    seeds, rate = arguments.seeds, matrix_rate()
    runs: dict[str, Any] = {
        f"{count} digits, seed {seed}": journal.measure(
            f"{count} digits, seed {seed}", contest, count, seed
        )
        for count in COUNTS
        for seed in seeds
    }
    found = {
        name: np.array(
            [[runs[f"{count} digits, seed {seed}"][name] for count in COUNTS] for seed in seeds]
        )
        for name in METHODS
    }  # (seeds, counts, flips, recalled and wrong)
    overlaps = [
        float(np.mean([journal.measure(f"load {x}, seed {s}", capacity, x, s) for s in seeds]))
        for x in LOADS
    ]
    recalled = {name: values[..., 0].mean(axis=0) for name, values in found.items()}
    draw(found, overlaps, journal.folder / "recall.png")
    at = [COUNTS.index(100), COUNTS.index(200)]
    twenty = FLIPS.index(0.2)
    limit = breakdown(overlaps)
    rows = [
        [f"{name}, {flip:.0%} flipped", *map(cell, found[name][:, :, number].swapaxes(0, 1))]
        for number, flip in enumerate(FLIPS)
        for name in METHODS
    ]
    write_record(
        "associative-memory",
        "Digits recalled from damaged ones",
        targets=[
            Target(
                "least share of 100 and 200 digits recalled by the autoencoder, 20 % flipped, %",
                90,
                100 * float(min(recalled[AUTOENCODER][at, twenty])),
            ),
            Target(
                "largest share of them recalled by Hebb's rule, %",
                10,
                100 * float(max(recalled[HEBB][at, twenty])),
                False,
            ),
            Target("random patterns a unit where Hebb's rule breaks down", 0.12, limit),
            Target("the same", 0.16, limit, False),
        ],
        sections=[
            "![Shares of digits recalled](recall.png)",
            "Share of the stored digits recalled (at most 1 % of the bits wrong), mean over seeds "
            f"{seeds}, lowest to highest, and share of bits wrong after recall, of",
            table(["", *(f"{count} digits" for count in COUNTS)], rows),
            f"Overlap of random patterns with what they settle in, {UNITS} units, Hebb's rule:",
            table(
                ["patterns / units", *map(str, LOADS)],
                [["overlap", *(f"{x:.3f}" for x in overlaps)]],
            ),
        ],
        data={"seeds": seeds, "runs": runs, "overlaps": overlaps},
        versions=arguments.versions,
        rates=[rate],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
