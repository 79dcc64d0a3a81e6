"""What computes here: the versions of what matters, and which engine."""

import platform
from importlib import metadata

from narrows.engine import chosen_engine
from narrows.support.compiling import cache_folder
from narrows.support.progress import Tracker, silent
from narrows.version import __version__

_PACKAGES = "numpy", "numba", "jax"


def installed_packages() -> dict[str, str]:
    """The versions of those packages that numbers may depend on and that are there."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def versions(*, track: Tracker = silent) -> dict[str, str | None]:
    """All versions, the engine with its reason, and where compiled code is kept; an engine that was
    never tried here is tried first."""
    choice, folder = chosen_engine(track), cache_folder()
    return {
        "narrows": __version__,
        "python": platform.python_version(),
        **dict.fromkeys(_PACKAGES),
        **installed_packages(),
        "engine": choice.engine,
        "engine_reason": choice.reason,
        "cache": None if folder is None else str(folder),
    }
