"""Any model on any device: JAX traces a model's blocks, XLA compiles them for what is there.

    transfer.py     items on their way to the device, a batch at a time
    resident.py     items that stay on the device
    precision.py    which floats are computed in
    convolution.py  XLA's own convolution in place of the blocks'
    loss.py         what a batch loses and what training minimises
    step.py         one training step
    trainer.py      XlaTrainer
    runner.py       XlaRunner
    decoder.py      a decoder as a function of codes, and its derivatives
    refinement.py   XlaRefiner: better codes for a given decoder
    code_search.py  CodeSearch: shorter and better codes of whole numbers
    variational.py  what the ELBO of some items is made of

Nothing here imports JAX before it is used.
"""

from narrows.engine.xla.code_search import CodeSearch
from narrows.engine.xla.refinement import XlaRefiner
from narrows.engine.xla.runner import XlaRunner
from narrows.engine.xla.trainer import XlaTrainer
from narrows.engine.xla.variational import measure_evidence

__all__ = [
    "CodeSearch",
    "XlaRefiner",
    "XlaRunner",
    "XlaTrainer",
    "measure_evidence",
]
