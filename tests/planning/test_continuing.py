"""Going on from a trained model: what stays, what is refused, and what is learnt."""

import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import Command, done, failed
from narrows import Autoencoder, NarrowsWarning
from narrows.errors import ShapeError, UsageError
from narrows.model.file import load_model
from narrows.planning.options import FitOptions
from narrows.tasks import fit_plan
from narrows.tasks.fit import FitRequest

RANDOM = np.random.default_rng(0)
MIXING = RANDOM.normal(size=(3, 12))


def drawn(count: int, mixing: np.ndarray = MIXING, seed: int = 1) -> np.ndarray:
    return np.tanh(np.random.default_rng(seed).normal(size=(count, 3)) @ mixing)


@pytest.fixture(scope="module")
def first() -> Autoencoder:
    return Autoencoder(latent=3, hidden=(16,), preset="dense", epochs=5, refine=0).fit(drawn(400))


def plan(first: Autoencoder, rows: np.ndarray, **said: object):  # type: ignore[no-untyped-def]
    from narrows import Dataset

    request = FitRequest(options=FitOptions(**said), start=first.model_)  # type: ignore[arg-type]
    return request.plan(Dataset("new", rows))


def test_the_net_and_the_scaling_stay_and_the_rate_is_half(first: Autoencoder) -> None:
    before = first.model_
    found = plan(first, drawn(300, seed=2))
    assert found.spec == before.model.spec and found.start is before
    usual = 0.005 * np.sqrt(found.settings.batch_size / 128)
    assert found.settings.adam.learning_rate == pytest.approx(usual / 2)
    assert "going on from a model of 360 items of X" in found.reasons
    assert plan(first, drawn(300), learning_rate=0.01).settings.adam.learning_rate == 0.01
    assert plan(first, drawn(300), epochs=3).settings.epochs == 3


def test_going_on_many_times_does_not_lower_the_rate(first: Autoencoder) -> None:
    again = Autoencoder(latent=3, hidden=(16,), preset="dense", refine=0, warm_start=True)
    again.set_params(epochs=2).fit(drawn(400))
    rates = [again.fit(drawn(400, seed=n)).model_.training.learning_rate for n in (2, 3)]
    assert rates[0] == rates[1]


@pytest.mark.parametrize(
    "said", [{"latent": 4}, {"preset": "conv"}, {"hidden": (8,)}, {"loss": "l1"}]
)
def test_what_a_model_has_settled_is_refused(first: Autoencoder, said: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(said))} is .*keeps its own"):
        plan(first, drawn(50), **said)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_a_model_has_settled_is_asked_before_its_data(method: str, first: Autoencoder) -> None:
    other = deepcopy(first).set_params(latent=4, warm_start=True)
    with pytest.raises(UsageError, match="latent is 4"):
        getattr(other, method)(drawn(50)[:, :5])


def test_what_it_was_trained_with_may_be_said_again(first: Autoencoder) -> None:
    plan(first, drawn(50), latent=3, hidden=(16,), preset="dense")


def test_other_items_are_refused(first: Autoencoder) -> None:
    with pytest.raises(ShapeError, match=r"\(11,\).*\(12,\)"):
        plan(first, drawn(50)[:, :11])


def test_new_data_are_learnt_and_the_old_ranges_are_kept(first: Autoencoder) -> None:
    new = 2 * drawn(600, np.flip(MIXING, 1), seed=3) + 0.5
    ae = Autoencoder(latent=3, hidden=(16,), preset="dense", refine=0, warm_start=True)
    ae.set_params(epochs=5).fit(drawn(400))
    before, scaling = ae.score(new[500:]), ae.model_.model.scaling
    low = ae.model_.data.extent
    ae.set_params(epochs=30).fit(new[:500])
    assert ae.score(new[500:]) > before / 2  # at most half the error: scores are negative
    assert ae.model_.model.scaling == scaling
    assert ae.model_.data.extent is not None and low is not None
    assert ae.model_.data.extent[0] <= low[0] and ae.model_.data.extent[1] >= low[1]
    assert ae.model_.training.continued == "X, 360 items"
    ae.transform(drawn(20))  # what it learnt first is still in its range


def test_a_model_that_gets_worse_is_kept_as_it_was(first: Autoencoder) -> None:
    ae = Autoencoder(latent=3, hidden=(16,), preset="dense", refine=0, warm_start=True)
    ae.set_params(epochs=20).fit(drawn(800))
    arrays = ae.model_.model.arrays
    # a rate at which nothing is left of what it knew
    ae.set_params(epochs=1, learning_rate=0.5).fit(drawn(800, seed=5))
    assert any("kept the model as it was" in line and "held out" in line for line in ae.notes_)
    for name, array in ae.model_.model.arrays.items():
        np.testing.assert_array_equal(array, arrays[name])


def test_batches_one_by_one_forget_nothing() -> None:
    """Two halves that differ: after the second, the first is still known."""
    old, new = drawn(300), drawn(300, np.flip(MIXING, 1), seed=4)
    options = {"latent": 3, "hidden": (24,), "preset": "dense", "refine": 0, "epochs": 40}
    ae = Autoencoder(**options).partial_fit(old)  # type: ignore[arg-type]
    only = Autoencoder(**options, warm_start=True).fit(old).fit(new)  # type: ignore[arg-type]
    ae.partial_fit(new)
    together = Autoencoder(**options).fit(np.concatenate([old, new]))  # type: ignore[arg-type]
    assert -ae.score(old) < -only.score(old) / 2
    both = np.concatenate([old, new])
    assert -ae.score(both) < 1.5 * -together.score(both)


def test_what_training_found_is_told_where_the_batch_before_did_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = ["kept PCA, 0.25", "kept PCA, 1,024", "kept another, 1", "kept PCA, 3"]
    each = iter(found)
    monkeypatch.setattr(fit_plan, "where_linear_is_better", lambda *_, **__: [next(each)])
    ae, told = Autoencoder(latent=2, epochs=1, refine=0), list[list[str]]()
    for note in found:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", NarrowsWarning)
            ae.partial_fit(drawn(50))
        told.append([text for each in caught if (text := str(each.message)) in found])
        assert note in ae.notes_
    assert told == [found[:1], [], found[2:3], found[3:]]


def test_batches_that_do_not_fit_are_refused_and_change_nothing() -> None:
    ae = Autoencoder(latent=2, epochs=1, refine=0).partial_fit(drawn(50))
    before = ae.model_
    with pytest.raises(ValueError, match="11"):
        ae.partial_fit(drawn(50)[:, :11])
    assert ae.model_ is before and ae.n_features_in_ == 12


def test_tables_go_on_with_their_categories(narrows: Command, tmp_path: Path) -> None:
    lines = [f"{n % 7},{'red' if n % 2 else 'blue'}" for n in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["size,colour", *lines]), encoding="utf-8")
    more = [f"{n % 5},{'green' if n % 3 else 'blue'}" for n in range(60)]
    (tmp_path / "b.csv").write_text("\n".join(["size,colour", *more]), encoding="utf-8")
    a, b = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    done(narrows("fit", tmp_path / "a.csv", "--epochs", 2, "--latent", 2, "--out", a))
    outcome = done(narrows("fit", tmp_path / "b.csv", "--from", a, "--epochs", 1, "--out", b))
    assert "green" in outcome.err
    before, after = load_model(a), load_model(b)
    assert before.data.table is not None and after.data.table is not None
    for old, new in zip(before.data.table.columns, after.data.table.columns, strict=True):
        assert (old.categories, old.mean, old.std) == (new.categories, new.mean, new.std)
    assert after.parameters["values"]["latent"] == 2
    (tmp_path / "c.csv").write_text("size\n1\n2\n3\n", encoding="utf-8")
    failed(narrows("fit", tmp_path / "c.csv", "--from", a, "--out", b), 1, "colour")
    failed(
        narrows("fit", tmp_path / "b.csv", "--from", a, "--latent", 3, "--out", b), 2, "latent is 3"
    )
