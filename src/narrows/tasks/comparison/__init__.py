"""The parts of ``narrows compare``, which :mod:`narrows.tasks.compare` makes one result of."""
