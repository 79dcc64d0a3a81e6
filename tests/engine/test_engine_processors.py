"""The fused engine on processors that this machine is not: narrower vectors, no x86 estimates."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

from helpers.command_line import ENVIRONMENT
from helpers.narrow_vectors import learnt_by
from narrows.engine.fused.machine import IS_X86, registers_of
from narrows.engine.xla import XlaTrainer

TESTS = str(Path(__file__).parents[1])

# What Numba is told, and the bits of a vector register then. A name without features adds what it
# stands for to what this machine has, which may have vectors of 512 bits.
TARGETS = {
    "generic": ({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, 128),
    "nehalem": ({"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": ""}, 128),
    "haswell": ({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}, 256),
    "no-fma": ({"NUMBA_CPU_NAME": "sandybridge", "NUMBA_CPU_FEATURES": "+avx"}, 256),
}
PROCESSOR = """
import numpy as np
from narrows.engine.fused.registers import LANES, adam
assert LANES == 8
"""
on_x86 = pytest.mark.skipif(not IS_X86, reason="these are names of x86 processors")
# LLVM ends the process where it does not know a name.
knows_zen_4 = pytest.mark.skipif(
    binding.llvm_version_info < (16,), reason="this LLVM is older than the processor"
)

# Adam in formulas (arXiv:1412.6980), in float64.
UPDATE = """
from helpers.one_update import update
from narrows.support.compiling.native import compiled
random = np.random.default_rng(0)
g, p, m = random.standard_normal((3, 8))
v = random.random(8) ** 8
rate, keep_first, keep_second, epsilon, decay = 0.01, 0.1, 0.001, 1e-7, 0.002
single = [each.astype(np.float32) for each in (g, p, m, v)]

compiled(update, 0)(*single, *np.float32([rate, keep_first, keep_second, epsilon, decay]))
m += (g - m) * keep_first
v += (g * g - v) * keep_second
p -= rate * m / (np.sqrt(v) + epsilon) + decay * p
for found, expected in zip(single[1:], (p, m, v), strict=True):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
"""

TRAINING = """
from helpers.narrow_vectors import learnt_by
from narrows.engine.fused.trainer import FusedTrainer
found = learnt_by(FusedTrainer)
with np.load("xla.npz", allow_pickle=False) as wanted:
    assert set(found) == set(wanted.files)
    for name, array in found.items():
        near = {"rtol": 1e-5} if name in ("losses", "left") else {"rtol": 0, "atol": 1e-6}
        np.testing.assert_allclose(array, wanted[name], **near, err_msg=name)
"""


def run_on(target: str, script: str, cache: Path) -> None:
    told, _ = TARGETS[target]
    # What passes of LLVM make of the kernels is not what is looked at, and takes long.
    own = {"NUMBA_CACHE_DIR": str(cache), "NUMBA_OPT": "1", "JAX_PLATFORMS": "cpu"}
    environment = os.environ | told | own
    command = [sys.executable, "-c", PROCESSOR + script]
    environment["PYTHONPATH"] = os.pathsep.join([ENVIRONMENT["PYTHONPATH"], TESTS])
    result = subprocess.run(command, cwd=cache, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
@on_x86
def test_the_kernels_agree_with_xla_in_narrow_vectors(tmp_path: Path) -> None:
    np.savez(tmp_path / "xla.npz", **learnt_by(XlaTrainer))
    run_on("generic", TRAINING, tmp_path)


@pytest.mark.slow
@on_x86
@pytest.mark.parametrize("target", TARGETS)
def test_adam_is_what_its_formulas_say_on(target: str, tmp_path: Path) -> None:
    """It alone has instructions of a kind of processor in it."""
    run_on(target, UPDATE, tmp_path)


@on_x86
@pytest.mark.parametrize(
    ("processor", "features", "bits"),
    [
        *(
            (told["NUMBA_CPU_NAME"], told.get("NUMBA_CPU_FEATURES", ""), bits)
            for told, bits in TARGETS.values()
        ),
        ("core2", "", 128),
        ("x86-64-v3", "", 256),
        ("znver3", "", 256),
        ("skylake-avx512", "", 512),
        pytest.param("znver4", "", 512, marks=knows_zen_4),
        ("haswell", "-avx", 128),
        ("skylake-avx512", "-avx512f", 256),
        ("generic", "+avx512f", 512),
    ],
)
def test_vectors_are_as_wide_as_a_name_and_features_say(
    processor: str, features: str, bits: int
) -> None:
    assert registers_of("x86_64-unknown-linux-gnu", processor, features) == (True, bits)
