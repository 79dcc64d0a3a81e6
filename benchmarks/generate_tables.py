"""Rows drawn from a model of a table beside its own, and beside what the decoder says of the
same codes: distribution of every column, correlations, gaps.

    python benchmarks/generate_tables.py adult california_housing
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from narrows import Autoencoder
from narrows.tasks.drawn_codes import DrawnCodes

ROWS, LATENT, EPOCHS = 8000, 8, 15


def table(name: str) -> pd.DataFrame:
    folder = Path(os.environ["NARROWS_DATA"]) / "tables"
    if name == "adult":
        path = folder / "adult.data"
        frame = pd.read_csv(path, header=None, skipinitialspace=True, na_values="?")
        frame.columns = [f"c{number}" for number in frame]
    else:
        frame = pd.read_csv(folder / f"{name}.csv")
    return frame.sample(ROWS, random_state=0).reset_index(drop=True)


def is_number(cells: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)


def shares(cells: pd.Series) -> pd.Series:
    return cells.astype(object).where(cells.notna(), "missing").value_counts(normalize=True)


def indicators(rows: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Ranks of numbers, and whether a cell is each of the six most frequent categories."""
    found = {}
    for name in like:
        if is_number(like[name]):
            found[name] = rows[name].rank()
            continue
        for text in shares(like[name]).index[:6]:
            found[f"{name}={text}"] = (rows[name].astype(str) == str(text)).astype(float)
    return pd.DataFrame(found)


def compared(real: pd.DataFrame, drawn: pd.DataFrame) -> dict[str, float]:
    numbers = [name for name in real if is_number(real[name])]
    classes = [name for name in real if name not in numbers]
    pairs = [(shares(real[name]), shares(drawn[name])) for name in classes]
    apart = [first.sub(other, fill_value=0).abs().sum() / 2 for first, other in pairs]
    between = [indicators(rows, real).corr().fillna(0).to_numpy() for rows in (real, drawn)]
    return {
        "Kolmogorov-Smirnov": float(
            np.mean([ks_2samp(real[n].dropna(), drawn[n].dropna()).statistic for n in numbers])
        ),
        "total variation": float(np.mean(apart)) if apart else 0.0,
        "correlations": float(np.abs(between[0] - between[1]).mean()),
        "missing": float((real.isna().mean() - drawn.isna().mean()).abs().max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+")
    for name in parser.parse_args().tables:
        real = table(name)
        learnt = Autoencoder(LATENT, epochs=EPOCHS).fit(real)
        decoded = learnt.inverse_transform(DrawnCodes(learnt.model_, ROWS, 1)[:])
        results = {"drawn": learnt.sample(ROWS, random_state=1), "decoded": decoded}
        print(json.dumps({name: {how: compared(real, rows) for how, rows in results.items()}}))


if __name__ == "__main__":
    main()
