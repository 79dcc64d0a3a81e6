"""``info`` of a model: which data it is for, how good it is and what it can do."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from helpers.command_line import Command, done
from helpers.optional import optional
from narrows import Autoencoder
from narrows.data import Dataset
from narrows.model.file import load_model, save_model
from narrows.report.evaluation import evaluate
from narrows.tasks.fit_plan import Fitted
from narrows.tasks.model_facts import model_text, model_values

pd = optional("pandas")

RANDOM = np.random.default_rng(4)
ROWS = 300


def fact(text: str, name: str) -> str:
    """What is told behind a name, on however many lines."""
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip().startswith(name))
    told = [lines[at].strip().removeprefix(name).strip()]
    for line in lines[at + 1 :]:
        if not line.startswith(" " * 12):
            break
        told.append(line.strip())
    return " ".join(told)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    price = np.round(RANDOM.lognormal(3, 0.5, ROWS), 2)
    return pd.DataFrame(
        {
            "order id": np.arange(ROWS) + 10_000,
            "price": price,
            "tax": np.round(price / 5, 2),
            "city of the buyer": RANDOM.choice(["Graz", "Oulu", "Lyon"], ROWS),
            "member": RANDOM.random(ROWS) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def learnt(table: pd.DataFrame) -> Autoencoder:
    return Autoencoder(latent=2, epochs=3, random_state=0).fit(
        table[:250], validation_data=table[250:]
    )


def test_columns_are_named_with_their_kinds(learnt: Autoencoder) -> None:
    text = learnt.info()
    assert fact(text, "learnt from") == "the table, 250 rows"
    assert fact(text, "numeric (2)") == "price, tax"
    assert fact(text, "categorical (1)") == "city of the buyer"
    assert fact(text, "boolean (1)") == "member"
    assert fact(text, "ignored (1)") == "order id"
    named = {each["name"]: each["kind"] for each in model_values(learnt.model_)["columns"]}
    assert named == {
        "order id": "ignored",
        "price": "numeric",
        "tax": "numeric",
        "city of the buyer": "categorical",
        "member": "boolean",
    }


def test_the_errors_are_those_of_the_held_out_rows(
    learnt: Autoencoder, table: pd.DataFrame
) -> None:
    record = learnt.model_.training
    rows = learnt.model_.data.table.encode(table[250:])
    assert record.measured == 50
    assert record.error == pytest.approx(-learnt.score(table[250:]), rel=1e-5)
    held = Dataset("held out", rows, table=learnt.model_.data.table)
    found = evaluate(learnt._in_use(), held)
    assert record.pca_error == pytest.approx(found.pca.mse, rel=1e-9)
    assert fact(learnt.info(), "held out").startswith("50 rows: mean squared error ")


def test_the_program_and_the_estimator_say_the_same(
    learnt: Autoencoder, narrows: Command, tmp_path: Path
) -> None:
    learnt.save(tmp_path / "m.safetensors")
    shown = done(narrows("info", tmp_path / "m.safetensors")).out
    assert shown.startswith(f"{learnt.info()}\n\n")
    assert len(shown.splitlines()) <= 40
    assert all(len(line) <= 100 for line in shown.splitlines())
    told = json.loads(done(narrows("info", tmp_path / "m.safetensors", "--json")).out)
    assert told["training"]["error"] == learnt.model_.training.error
    assert told["jobs"]["generate"] and not told["jobs"]["detect"]


def test_what_a_model_cannot_do_is_said_with_the_reason(fitted: Fitted) -> None:
    trained = replace(fitted.trained, density={}, detection={})
    told = fact(model_text(trained), "cannot")
    assert "generate (how its codes lie is not known)" in told
    assert "detect (it did not learn what odd items are)" in told
    assert "denoise (its file knows of no noise in its training)" in told
    assert "detect" not in fact(model_text(trained), "can ")


def test_a_table_of_very_many_columns_fits_a_screen(learnt: Autoencoder) -> None:
    table = learnt.model_.data.table
    many = [replace(table["price"], name=f"a rather long name {n:04}") for n in range(1000)]
    wide = replace(learnt.model_.data, table=type(table).of(many))
    text = model_text(replace(learnt.model_, data=wide))
    assert len(text.splitlines()) < 20 and "numeric (1,000)" in text and "..." in text
    names = fact(text, "numeric (1,000)").removesuffix(" ...").removesuffix(",").split(", ")
    assert names == [f"a rather long name {n:04}" for n in range(len(names))]


def test_errors_come_back_from_a_file(fitted: Fitted, tmp_path: Path) -> None:
    told = replace(fitted.trained.training, error=1.5, pca_error=2.5, measured=7)
    save_model(tmp_path / "m", replace(fitted.trained, training=told))
    assert load_model(tmp_path / "m").training == told


def test_the_file_is_the_same_for_any_number_of_blas_threads(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(600, 120)).astype(np.float32)
    given = {"latent": 4, "epochs": 2, "refine": 0, "validation_fraction": 0.3, "random_state": 0}
    contents = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="blas"):
            Autoencoder(**given).fit(rows).save(tmp_path / "m.safetensors")
        contents.append((tmp_path / "m.safetensors").read_bytes())
    assert contents[1:] == contents[:1] * 2


def test_a_model_that_refines_otherwise_does_not_keep_the_errors(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    ae = Autoencoder(latent=2, epochs=2, random_state=0, validation_fraction=0.2).fit(rows)
    assert fact(ae.info(), "held out").startswith("60 items: mean squared error")
    ae.set_params(refine=ae.model_.refinement + 1)
    ae.save(tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").training.error is None
    assert "mean squared error" not in fact(ae.info(), "held out")


def test_pca_with_fewer_numbers_is_called_so() -> None:
    rows = np.random.default_rng(0).normal(size=(15, 40)).astype(np.float32)
    ae = Autoencoder(latent=14, preset="dense", epochs=1, random_state=0)
    ae.fit(rows[:12], validation_data=rows[12:])
    assert "PCA with 12 numbers" in fact(ae.info(), "held out")


def test_sums_of_a_model_that_goes_on_are_those_of_both(table: pd.DataFrame) -> None:
    both = {"a": [1.0, 2, 3, 4, 5] * 12, "b": [3.0, 1, 4, 1, 5, 9] * 10}
    first = pd.DataFrame({**both, "c": np.add(both["a"], both["b"])})
    second = first.assign(c=first["c"] * RANDOM.uniform(0.5, 2, len(first)))
    ae = Autoencoder(latent=2, epochs=1, random_state=0, warm_start=True)
    assert ae.fit(second).model_.data.sums == ()
    assert ae.fit(first).model_.data.sums == ()
