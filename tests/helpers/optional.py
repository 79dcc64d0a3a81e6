"""Packages that narrows does without, for tests that want them."""

from importlib import import_module
from typing import Any

import pytest


def optional(name: str) -> Any:
    """The module ``name``; where it is not installed, the first use of what it has skips the test,
    or, outside of tests, the file."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name.partition(".")[0]:
            raise
        return _Absent(name)


class _Absent:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):  # pytest looks at everything that a file of tests has
            raise AttributeError(attribute)
        pytest.skip(f"{self._name} is not installed", allow_module_level=True)
