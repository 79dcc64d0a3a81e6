"""The dense engine on processors that this machine is not: narrower vectors, no x86 estimates."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# The kernels ask what the processor has when they are imported; Numba must have asked before.
SCRIPT = """
import sys
import numba
import numpy as np
from llvmlite import binding

numba.njit(lambda: 0)()
with_patches = binding.get_host_cpu_features, binding.get_default_triple
binding.get_host_cpu_features = lambda: {}
if sys.argv[1] == "arm":
    binding.get_default_triple = lambda: "aarch64-unknown-linux-gnu"
from narrows.engine.fused.registers import LANES
binding.get_host_cpu_features, binding.get_default_triple = with_patches
assert LANES == 8

from narrows.engine import AdamSettings
from narrows.engine.fused.trainer import FusedTrainer
from narrows.engine.xla import XlaTrainer
from narrows.nn.model import initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.objectives import Objective

items = np.random.default_rng(0).integers(0, 256, (500, 37)).astype(np.uint8)
items[:, ::3] = 0
order = np.random.default_rng(1).permutation(500)
model = initial_model(preset_spec("simple", (37,), latent=5, hidden=(30, 13)), Scaling(), 0)
dense, xla = (kind(model, Objective(), AdamSettings(), 48) for kind in (FusedTrainer, XlaTrainer))
np.testing.assert_allclose(dense.train(items, order), xla.train(items, order), rtol=1e-5)
for name, array in dense.state().arrays.items():
    np.testing.assert_allclose(array, xla.state().arrays[name], atol=1e-6)
np.testing.assert_allclose(dense.measure(items), xla.measure(items), rtol=1e-5)
"""


@pytest.mark.parametrize("processor", ["x86 without AVX-512", "arm"])
def test_the_kernels_agree_with_xla_on(processor: str, tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, processor], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
