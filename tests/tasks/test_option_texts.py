"""What options say in texts: read as what is meant, or refused by name."""

import pytest

from narrows.errors import UsageError
from narrows.tasks.option_texts import parse_places, parse_range, parse_sizes, parse_types


def test_types_are_read() -> None:
    assert parse_types(None) is None
    assert parse_types("age=integer, zip = categorical") == {"age": "integer", "zip": "categorical"}
    assert parse_types("a=b=date") == {"a=b": "date"}


@pytest.mark.parametrize("text", ["age", "age=int", "age=", "a=date,a=integer"])
def test_types_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(UsageError, match="--types") as caught:
        parse_types(text)
    assert caught.value.hint


def test_sizes_ranges_and_places_are_read() -> None:
    assert parse_sizes(None) is None and parse_sizes("") == () and parse_sizes("9, 4") == (9, 4)
    assert parse_range(None, 7) == (0, 7) and parse_range("2:", 7) == (2, 7)
    assert parse_places("--at", "mnist:test:3, 17", 2) == ("mnist:test", [3, 17])


def test_what_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="--hidden 9,x is not a list"):
        parse_sizes("9,x")
    with pytest.raises(UsageError, match="--items 3 is not a range"):
        parse_range("3", 7)
    with pytest.raises(UsageError, match="--items 3:9 is not a range within 7 items"):
        parse_range("3:9", 7)
    with pytest.raises(UsageError, match="--at digits does not say which items"):
        parse_places("--at", "digits", 1)
