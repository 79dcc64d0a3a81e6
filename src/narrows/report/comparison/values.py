"""A comparison for machines."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from narrows.report.comparison.result import Comparison


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """All numbers and texts of a comparison, by the names of its fields; items, pictures and
    positions are left out."""
    found = _plain(comparison)
    assert isinstance(found, dict)
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        held = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: _plain(one) for name, one in held.items() if not isinstance(one, np.ndarray)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value if not isinstance(one, np.ndarray)]
    return value
