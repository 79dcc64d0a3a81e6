"""What a trained model is, for which data, and what it can do: ``narrows info`` of a model."""

import textwrap
from collections.abc import Iterator
from typing import Any

from narrows.data import TableSchema
from narrows.engine.evidence import is_variational
from narrows.model.trained import TrainedModel
from narrows.nn.summary import whole_parameter_count
from narrows.report.evaluation import error_unit, fitted_pca
from narrows.support.number_text import count_of, readable
from narrows.support.text_tables import cell_text
from narrows.version import __version__

# What is told fits a screen: so wide, and so many lines of the columns of each kind.
_WIDTH, _MOST_LINES = 100, 3
# Between the words of a name, which stay on one line.
_BLANK = "\N{NO-BREAK SPACE}"


def model_text(trained: TrainedModel) -> str:
    """The facts of a model, a line or a few each."""
    facts = list(_facts(trained))
    margin = max(len(name) for name, _ in facts) + 2
    return "\n".join(
        textwrap.fill(
            text,
            _WIDTH,
            initial_indent=f"{name:<{margin}}",
            subsequent_indent=" " * margin,
            max_lines=_MOST_LINES,
            placeholder=" ...",
            break_long_words=False,
            break_on_hyphens=False,
        ).replace(_BLANK, " ")
        for name, text in facts
    )


def model_values(trained: TrainedModel) -> dict[str, Any]:
    """The same for machines, with every column."""
    data, table = trained.data, trained.data.table
    columns = [] if table is None else [{"name": c.name, "kind": c.kind} for c in table.columns]
    return {
        "data": {"name": data.name, "count": data.count, "dtype": data.dtype},
        "item_shape": list(trained.item_shape),
        "columns": columns,
        "latent": trained.model.spec.latent_size,
        "parameters": whole_parameter_count(trained.model.spec),
        "training": trained.training.to_dict(),
        "jobs": {job: why is None for job, why in _jobs(trained).items()},
        "versions": _versions(trained),
    }


def _facts(trained: TrainedModel) -> Iterator[tuple[str, str]]:
    data, spec, training = trained.data, trained.model.spec, trained.training
    yield "learnt from", f"{data.name}, {count_of(data.count, _items(trained))}"
    if data.table is not None:
        yield from _columns(data.table)
    else:
        ends = "" if data.extent is None else ", {} to {}".format(*map(readable, data.extent))
        shape = " × ".join(map(str, trained.item_shape))
        yield "each item", f"{shape} values, {data.dtype}{ends}"
    weights = count_of(whole_parameter_count(spec), "weights")
    preset = training.preset or "a spec of its own"
    linear = "; PCA took the place of what was trained" if training.linear else ""
    yield "code", count_of(spec.latent_size, "numbers")
    yield "preset", f"{preset}, {weights}{linear}"
    if training.epochs is not None:
        yield "training", _training(trained)
    yield "held out", _held_out(trained)
    jobs = _jobs(trained)
    yield "can", ", ".join(job for job, why in jobs.items() if why is None)
    reasons = dict.fromkeys(why for why in jobs.values() if why is not None)
    told = [f"{', '.join(job for job in jobs if jobs[job] == why)} ({why})" for why in reasons]
    if told:
        yield "cannot", "; ".join(told)
    yield "made with", ", ".join(" ".join(each) for each in sorted(_versions(trained).items()))


def _versions(trained: TrainedModel) -> dict[str, str]:
    """What computed it: of a model that no file was made of yet, this narrows."""
    return {"narrows": __version__, **trained.versions}


def _items(trained: TrainedModel) -> str:
    return "items" if trained.data.table is None else "rows"


def _columns(table: TableSchema) -> Iterator[tuple[str, str]]:
    """The columns of each kind by name, what is learnt from first."""
    kinds = dict[str, list[str]]()
    for column in sorted(table.columns, key=lambda each: each.why_not() is not None):
        kinds.setdefault(column.kind, []).append(cell_text(column.name) or "(no name)")
    yield "columns", f"{len(table.columns):,}"
    for kind, names in kinds.items():
        whole = ", ".join(name.replace(" ", _BLANK) for name in names)
        yield f"  {kind} ({len(names):,})", whole


def _training(trained: TrainedModel) -> str:
    training = trained.training
    told = [count_of(training.epochs or 0, "epochs")]
    if not training.linear and training.epoch not in (None, training.epochs):
        told[0] += f", of which epoch {training.epoch:,} is kept"
    told.append(f"loss {training.objective}")
    told += [f"noise {training.noise}"] if training.noise else []
    told += [f"seed {training.seed}"] if training.seed is not None else []
    told += [f"went on from {training.continued}"] if training.continued else []
    return "; ".join(told)


def _held_out(trained: TrainedModel) -> str:
    """The error of held-out items, beside that of PCA."""
    training = trained.training
    own, pca, count = training.error, training.pca_error, training.measured
    if own is None or pca is None or count is None:
        if training.val_loss is None:
            return "not known: narrows evaluate measures the model on other data"
        return f"a loss of {readable(training.val_loss)}"
    unit = f" {error_unit(trained)}" if error_unit(trained) else ""
    unit = " of standardised columns" if trained.data.table is not None else unit
    noisy = " with noise" if training.noise else ""
    return (
        f"{count_of(count, _items(trained))}{noisy}: mean squared error {readable(own)}{unit}, "
        f"PCA with {_numbers_of_pca(trained)} {readable(pca)}"
    )


def _numbers_of_pca(trained: TrainedModel) -> str:
    """How many numbers PCA keeps: no more than there are rows or values."""
    count = len(fitted_pca(trained).components)
    same = count == trained.model.spec.latent_size
    return "as many numbers" if same else count_of(count, "numbers")


def _jobs(trained: TrainedModel) -> dict[str, str | None]:
    """What the commands of a model's name do with it: why not, or None where they do."""
    crosses = "its decoder takes more than a code" if trained.model.spec.crosses else None
    lie = trained.density or is_variational(trained.model.spec)
    denoises = trained.training.noise or trained.training.filters or trained.data.table
    return {
        "evaluate": None,
        "encode": None,
        "reconstruct": None,
        "decode": crosses,
        "generate": crosses or (None if lie else "how its codes lie is not known"),
        "detect": None if trained.detection else "it did not learn what odd items are",
        "denoise": None if denoises else "its file knows of no noise in its training",
    }
