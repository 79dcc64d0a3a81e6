"""Does narrows find outliers where nobody says what they are, on sets that it was not tuned for?

Targets: over six sets (cardio, ionosphere, letter, pendigits, vowels, wbc of the ODDS library, in
$NARROWS_DATA/outliers), the mean area under the ROC curve of ``OutlierDetector`` is at least
0.90, and above those of PCA, Isolation Forest, the local outlier factor and PyOD's AutoEncoder,
which run beside it with their own defaults. 60 % of the rows are trained on, outliers among them
included, and 40 % are judged; both are standardised with the mean and deviation of the first. Ten
seeds make the splits, and the methods where those draw.

    python benchmarks/detect_outliers.py [--seeds N,N]
"""

import time
from collections.abc import Callable
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
from other_sets import data_folder

SETS = ("cardio", "ionosphere", "letter", "pendigits", "vowels", "wbc")
NARROWS = "narrows"
ALONE = ("reconstruction", "density", "isolation")

Scores = np.ndarray


def narrows(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Scores]:
    """Its default, and the three scores that this is made of."""
    from narrows import OutlierDetector

    latent = 20 if train.shape[1] > 20 else None  # the default of the record's day
    detector = OutlierDetector(latent, random_state=seed).fit(train)
    found = {NARROWS: -detector.score_samples(test)}
    for criterion in ALONE:
        found[f"{NARROWS}, {criterion}"] = -detector.set_params(criterion=criterion).score_samples(
            test
        )
    return found


def pyod_autoencoder(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Scores]:
    from pyod.models.auto_encoder import AutoEncoder

    model = AutoEncoder(random_state=seed, verbose=0).fit(train)
    return {"PyOD AutoEncoder": model.decision_function(test)}


def pca(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Scores]:
    from pyod.models.pca import PCA

    return {"PCA": PCA(random_state=seed).fit(train).decision_function(test)}


def isolation_forest(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Scores]:
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(random_state=seed).fit(train)
    return {"Isolation Forest": -forest.score_samples(test)}


def local_outlier_factor(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Scores]:
    from sklearn.neighbors import LocalOutlierFactor

    model = LocalOutlierFactor(novelty=True).fit(train)
    return {"LOF": -model.score_samples(test)}


METHODS: dict[str, Callable[[np.ndarray, np.ndarray, int], dict[str, Scores]]] = {
    "narrows": narrows,
    "PCA": pca,
    "Isolation Forest": isolation_forest,
    "LOF": local_outlier_factor,
    "PyOD AutoEncoder": pyod_autoencoder,
}


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    content = loadmat(data_folder() / "outliers" / f"{name}.mat")
    return content["X"].astype(np.float64), content["y"].ravel().astype(int)


def measure(method: str, name: str, seed: int) -> dict[str, Any]:
    """Areas under both curves of everything a method gives, and its processor time."""
    from sklearn.metrics import average_precision_score, roc_auc_score
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = load(name)
    train, test, _, labels = train_test_split(X, y, test_size=0.4, random_state=seed)
    scaler = StandardScaler().fit(train)
    start = time.process_time()
    found = METHODS[method](scaler.transform(train), scaler.transform(test), seed)
    seconds = time.process_time() - start
    # PyOD's PCA divides by variances of 0
    found = {key: np.nan_to_num(scores) for key, scores in found.items()}
    return {
        "auroc": {key: float(roc_auc_score(labels, scores)) for key, scores in found.items()},
        "precision": {
            key: float(average_precision_score(labels, scores)) for key, scores in found.items()
        },
        "seconds": round(seconds, 3),
    }


def scores_table(what: str, key: str, runs: dict[str, dict[str, list[Any]]]) -> str:
    """A row a method: the mean over the seeds on each set, and over all, with the seeds' spread."""
    rows = []
    for sets in runs.values():
        for name in next(iter(sets.values()))[0][key]:
            values = {each: [run[key][name] for run in found] for each, found in sets.items()}
            means = np.mean(list(values.values()), axis=0)
            rows.append(
                [
                    name,
                    *(f"{np.mean(values[each]):.3f}" for each in SETS),
                    f"{means.mean():.3f} ({means.min():.3f} to {means.max():.3f})",
                ]
            )
    return table([what, *SETS, "mean, lowest to highest seed"], rows)


def mean_auroc(runs: dict[str, dict[str, list[Any]]], method: str) -> float:
    return float(
        np.mean([run["auroc"][method] for found in runs[method].values() for run in found])
    )


def targets(runs: dict[str, dict[str, list[Any]]]) -> list[Target]:
    ours = mean_auroc(runs, NARROWS)
    others = [
        Target(f"narrows' mean area above that of {method}", mean_auroc(runs, method), ours)
        for method in METHODS
        if method != NARROWS
    ]
    return [Target("mean area under the ROC curve over the six sets", 0.90, ours), *others]


def main() -> None:
    parser = argument_parser(
        __doc__, *JOURNAL, "seeds", packages=["numpy", "scikit-learn", "pyod", "torch"]
    )
    parser.set_defaults(seeds=list(range(10)))
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal, rates = Journal("detect-outliers", arguments), [matrix_rate()]
    runs: dict[str, dict[str, list[Any]]] = {method: {} for method in METHODS}
    for seed in arguments.seeds:
        for name in SETS:
            for method in METHODS:
                what = f"{method} on {name}, seed {seed}"
                found = journal.measure(what, measure, method, name, seed)
                runs[method].setdefault(name, []).append(found)
    rates.append(matrix_rate())
    seconds = {
        method: sum(run["seconds"] for found in sets.values() for run in found)
        for method, sets in runs.items()
    }
    told = ", ".join(f"{method} {value:,.0f}" for method, value in seconds.items())
    write_record(
        "detect-outliers",
        "Outliers in six sets",
        targets=targets(runs),
        sections=[
            scores_table("area under the ROC curve", "auroc", runs),
            scores_table("average precision", "precision", runs),
            f"Processor seconds of all {len(SETS) * len(arguments.seeds)} fits and judgements, "
            f"compilation included, on a machine that others used at the same time: {told}.",
        ],
        data={"seeds": arguments.seeds, "runs": runs},
        versions=arguments.versions,
        rates=rates,
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
