"""Libraries for tables, loaded when something of them is first used: asking for help needs none."""

import importlib
from typing import Any


class LazyModule:
    """Stands for a module, which is imported when something of it is first asked for.

    Raises:
        ImportError: on first use, where the library is not installed.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module(self._name), name)
        setattr(self, name, found)  # the next time there is nothing to look up
        return found


pa = LazyModule("pyarrow")
pc = LazyModule("pyarrow.compute")
pd = LazyModule("pandas")
pl = LazyModule("polars")
