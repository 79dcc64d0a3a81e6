"""Bytecode of what benchmarks and tests start, where Python is told to keep none.

Each process would compile all its modules first and take up to three times as long to load them,
which no program does that pip has installed. It is kept beside other compiled code then, and not
beside the sources. To be imported before anything large, which all processes then find.
"""

import os
import sys
from pathlib import Path

if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _FOLDER = Path(__file__).resolve().parents[1] / ".pytest_cache" / "bytecode"
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(_FOLDER)
