"""Any model on any device: JAX traces a model's blocks, XLA compiles them for what is there.

transfer.py   items on their way to the device, a batch at a time
precision.py  which float the training computes in
loss.py       what a batch loses and what training minimises
step.py       one training step, and many in a row
trainer.py    XlaTrainer
runner.py     XlaRunner
"""

from narrows.engine.xla.runner import XlaRunner
from narrows.engine.xla.trainer import XlaTrainer

__all__ = ["XlaRunner", "XlaTrainer"]
