import re

import pytest

from narrows.nn.blocks import Dense, Flatten, Reshape
from narrows.nn.model import initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.nn.summary import layer_summaries, parameter_count, summary_text

# As Keras prints them for the article's encoder, decoder and autoencoder.
ARTICLE = {
    "encoder": [
        ("input (Input)", "(None, 28, 28)", "0"),
        ("flatten (Flatten)", "(None, 784)", "0"),
        ("dense (Dense)", "(None, 100)", "78,500"),
        ("dense_1 (Dense)", "(None, 20)", "2,020"),
    ],
    "decoder": [
        ("input_1 (Input)", "(None, 20)", "0"),
        ("dense_2 (Dense)", "(None, 100)", "2,100"),
        ("dense_3 (Dense)", "(None, 784)", "79,184"),
        ("reshape (Reshape)", "(None, 28, 28)", "0"),
    ],
}
ARTICLE["autoencoder"] = [
    *ARTICLE["encoder"],
    ("decoder (Decoder)", "(None, 28, 28)", "81,284"),
]
TOTALS = {"encoder": "80,520", "decoder": "81,284", "autoencoder": "161,804"}


def tables(text: str) -> dict[str, list[str]]:
    """The lines of each table of a summary by the name in its first line."""
    parts = [table.splitlines() for table in text.split("\n\n")]
    return {part[0].removeprefix("Model: "): part[1:] for part in parts}


@pytest.mark.parametrize("name", ARTICLE)
def test_the_tables_of_simple_are_those_of_the_article(name: str) -> None:
    lines = tables(summary_text(preset_spec("simple", (28, 28))))[name]
    rows = [tuple(re.split(r" {2,}", line)) for line in lines if "(None" in line]
    assert rows == ARTICLE[name]
    assert lines[-1].startswith(f"Total parameters: {TOTALS[name]} ")


def test_totals_count_the_arrays_of_a_model() -> None:
    spec = Spec((2, 3), (Flatten(), Dense(5), Dense(2)), (Dense(6), Reshape((2, 3))))
    arrays = initial_model(spec, Scaling(), 0).arrays
    counted = sum(parameter_count(part) for part in layer_summaries(spec).values())
    assert counted == sum(array.size for array in arrays.values())


def test_columns_line_up() -> None:
    for lines in tables(summary_text(preset_spec("simple", (28, 28), hidden=(1000, 10)))).values():
        table = [line for line in lines if "(None" in line or line.startswith(("Layer", "─"))]
        assert len({len(line) for line in table}) == 1
