"""narrows learns a small code for your data with an autoencoder and proves what the code keeps."""

import narrows.support.starting  # first: Ctrl-C may come at any time

# isort: split
from typing import TYPE_CHECKING, Any

import narrows.support.forks  # noqa: F401  notices forks from here on
from narrows.version import __version__

if TYPE_CHECKING:
    from narrows.archive import compress, decompress
    from narrows.data import Dataset, load_data
    from narrows.errors import NarrowsError, NarrowsWarning
    from narrows.estimators.autoencoder import Autoencoder
    from narrows.estimators.comparing import compare
    from narrows.estimators.outliers import OutlierDetector, PyODDetector

__all__ = [
    "Autoencoder",
    "Dataset",
    "NarrowsError",
    "NarrowsWarning",
    "OutlierDetector",
    "PyODDetector",
    "__version__",
    "compare",
    "compress",
    "decompress",
    "load_data",
]

# Where each public name lives. They are looked up when first used, so that importing narrows, and
# asking the program for help, costs no more than Python itself.
_HOMES = {
    "Autoencoder": "narrows.estimators.autoencoder",
    "Dataset": "narrows.data",
    "NarrowsError": "narrows.errors",
    "NarrowsWarning": "narrows.errors",
    "OutlierDetector": "narrows.estimators.outliers",
    "PyODDetector": "narrows.estimators.outliers",
    "compare": "narrows.estimators.comparing",
    "compress": "narrows.archive",
    "decompress": "narrows.archive",
    "load_data": "narrows.data",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'narrows' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
