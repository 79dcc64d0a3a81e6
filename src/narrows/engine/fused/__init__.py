"""The fused engine: stacks of layers on the CPU, in kernels compiled by LLVM.

XLA runs the simple autoencoder's small products on one core at half its speed, with Adam as
separate passes over memory, and convolutions at a third of the processor's (``records/`` has the
measurements). Here one function per slice of an epoch does it all; see
:mod:`narrows.engine.fused.loops` for the plan of a step.

    machine.py      threads and caches, as instructions
    registers.py    tiles of matrix products, squares turned, Adam, as instructions
    zeros.py        sums without what is zero, as instructions
    vector_math.py  the logistic function, as instructions
    structure.py    what the kernels are told
    sharing.py      crews of threads, and each thread's share
    moving.py       values in from memory, turned around, in and out of windows
    activating.py   activations, and codes that are drawn
    products.py     matrix products forward and back
    losses.py       the loss and its derivative
    gradients.py    gradients and Adam
    loops.py        steps, and items that are only run
    layers.py       what blocks are as matrices
    placement.py    where everything lies, who owns what
    fastest.py      which of several ways is fastest
    threads.py      threads that run one kernel, and all end
    stack.py        a stack of layers
    single.py       a few items through dense layers, one by one
    trainer.py      FusedTrainer
    runner.py       FusedRunner
    refinement.py   FusedRefiner: better codes for a given decoder
    check.py        whether they compute what they should here
"""
