"""Every command does its work: what is tried with all versions of Python and of packages."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.main import get_command

from helpers.command_line import Command, compared_briefly, done
from narrows.cli.app import app
from narrows.data import Dataset

BRIEFLY = ("--preset", "simple", "--epochs", "1", "--latent", "3")


@pytest.mark.slow
def test_arrays(
    narrows: Command, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared_briefly(monkeypatch)
    items, model, codes = (tmp_path / name for name in ("x.npy", "m.safetensors", "codes.npy"))
    archive = tmp_path / "x.nrw"
    np.save(items, digits.items[:200])
    lines = (
        ("fit", items, *BRIEFLY, "--out", model),
        ("summary", model),
        ("evaluate", model, items),
        ("encode", model, items, "--out", codes),
        ("decode", model, codes, "--out", tmp_path / "decoded.npy"),
        ("reconstruct", model, items, "--out", tmp_path / "pictures"),
        ("denoise", model, items, "--noise", "gaussian:0.3", "--out", tmp_path / "clean.npy"),
        ("detect", model, items, "--out", tmp_path / "scores.csv"),
        ("generate", model, "-n", "4", "--out", tmp_path / "new.png"),
        ("compress", items, "--effort", "fast", "--out", archive),
        ("info", archive),
        ("verify", archive, "--against", items),
        ("decompress", archive, "--out", tmp_path / "back.npy"),
        ("demo", "--data", items, "--out", tmp_path / "demo"),
        ("explore", model, items, "--export", tmp_path / "explore.html"),
        ("compare", items, "--model", model, "--out", tmp_path / "page.html"),
    )
    for line in lines:
        done(narrows(*line))
    assert {line[0] for line in lines} == set(get_command(app).commands)
    assert np.array_equal(np.load(tmp_path / "back.npy"), digits.items[:200])


@pytest.mark.slow
def test_tables(narrows: Command, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    size, kind = random.normal(size=80), random.integers(0, 3, 80)
    table = pa.table(
        {
            "size": pa.array(size, mask=random.random(80) < 0.1),
            "weight": np.round(3 * size + kind, 2).astype("f4"),
            "kind": [f"kind {k}" for k in kind],
            "when": pa.array(10**18 + 86_400 * 10**9 * kind + kind).cast(pa.timestamp("ns")),
            "count": pa.array(kind).cast(pa.int8()),
        }
    )
    rows, model, codes = (tmp_path / name for name in ("x.parquet", "m.safetensors", "codes.csv"))
    archive, text = tmp_path / "x.nrw", tmp_path / "back.csv"
    pa.parquet.write_table(table, rows)
    for line in (
        ("fit", rows, *BRIEFLY, "--noise", "masking:0.2", "--out", model),
        ("evaluate", model, rows),
        ("encode", model, rows, "--out", codes),
        ("decode", model, codes, "--out", tmp_path / "decoded.parquet"),
        ("reconstruct", model, rows, "--out", tmp_path / "again.csv"),
        ("denoise", model, rows, "--out", tmp_path / "filled.parquet"),
        ("detect", model, rows, "--out", tmp_path / "scores.csv"),
        ("generate", model, "-n", "4", "--out", tmp_path / "new.csv"),
        ("compress", rows, "--effort", "fast", "--out", archive),
        ("verify", archive, "--against", rows),
        ("decompress", archive, "--out", text),
        ("evaluate", model, text),
        ("compress", text, "--effort", "fast", "--out", tmp_path / "text.nrw"),
        ("verify", tmp_path / "text.nrw", "--against", text),
    ):
        done(narrows(*line))
    done(narrows("decompress", archive, "--out", tmp_path / "back.parquet"))
    assert pa.parquet.read_table(tmp_path / "back.parquet").equals(table)
