"""The dense engine: stacks of dense layers on the CPU, in kernels compiled by Numba.

XLA runs the simple autoencoder's small products on one core at half its speed, with Adam as
separate passes over memory (``records/`` has the measurements). Here one function per slice of an
epoch does it all: see :mod:`narrows.engine.fused.kernels` for the plan of a step.
"""
