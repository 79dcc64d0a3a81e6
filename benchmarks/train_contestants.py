"""Ways to train the article's autoencoder, each in a process of its own; see train_speed.py.

    python benchmarks/train_contestants.py NAME FOLDER EPOCHS RESULT.json

Each trains on the 60,000 MNIST images in ``FOLDER`` in batches of 64, measures the loss on the
10,000 test images after every epoch, and leaves when each epoch ended (:func:`time.time`), and the
last losses. It tells whoever listens when an epoch ends (:mod:`neighbours`).
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from common import leave_result, load_mnist
from neighbours import tell_epoch_end

BATCH_SIZE = 64
# PyTorch needs no gradient to validate, so that one batch may take more.
_VALIDATION_BATCH = 1000

#: When each epoch ended, the last epoch's mean loss, and its validation loss.
Training = tuple[list[float], float, float]


def note_end(ends: list[float]) -> None:
    """An epoch has ended."""
    ends.append(time.time())
    tell_epoch_end()


def keras(folder: str, epochs: int) -> Training:
    """The article's code on whatever backend KERAS_BACKEND names, everything at its default."""
    from keras.callbacks import LambdaCallback

    from article_keras import build

    x_train, x_test = load_mnist(folder)
    _, _, autoencoder = build()
    ends: list[float] = []
    history = autoencoder.fit(
        x_train,
        x_train,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        validation_data=(x_test, x_test),
        callbacks=[LambdaCallback(on_epoch_end=lambda epoch, logs: note_end(ends))],
    ).history
    return ends, history["loss"][-1], history["val_loss"][-1]


def torch_eager(folder: str, epochs: int) -> Training:
    """PyTorch as a careful user writes it: data in memory as bytes, Adam in one fused kernel."""
    return _torch(folder, epochs, lambda function: function)


def torch_compiled(folder: str, epochs: int) -> Training:
    """The same with forward and backward pass compiled, once for each size of batch."""
    import torch

    return _torch(folder, epochs, lambda function: torch.compile(function, dynamic=False))


def _torch(folder: str, epochs: int, compiled: Callable[[Any], Any]) -> Training:
    import torch
    from torch import nn

    x_train, x_test = (torch.from_numpy(x.reshape(len(x), -1)) for x in load_mnist(folder))
    sizes = (784, 100, 20, 100, 784)
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    for layer in layers:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    model = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)

    @compiled
    def loss_of(batch: Any) -> Any:
        items = batch.float()
        return nn.functional.mse_loss(model(items), items)

    ends: list[float] = []
    for _ in range(epochs):
        total = torch.zeros(())
        for rows in torch.randperm(len(x_train)).split(BATCH_SIZE):
            loss = loss_of(x_train[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        with torch.inference_mode():
            parts = [loss_of(part) * len(part) for part in x_test.split(_VALIDATION_BATCH)]
            validation = float(sum(parts)) / len(x_test)
        note_end(ends)
    return ends, float(total) / len(x_train), validation


def narrows(folder: str, epochs: int) -> Training:
    """What ``narrows fit`` and ``Autoencoder.fit`` call, from the program's own source of MNIST."""
    ends: list[float] = []
    return ends, *_narrows(epochs, lambda: note_end(ends))


def narrows_on_one_core(folder: str, epochs: int) -> Training:
    """The same where the process may use one core only."""
    _use_one_core()
    return narrows(folder, epochs)


def _narrows(epochs: int, end_epoch: Callable[[], None]) -> tuple[float, float]:
    """Train, and say when each epoch ends: the last losses."""
    from narrows.data import load_data
    from narrows.planning.options import FitOptions
    from narrows.planning.plan import make_plan
    from narrows.tasks.fit_plan import fit_plan

    images = load_data("mnist")
    options = FitOptions(preset="simple", epochs=epochs, batch_size=BATCH_SIZE)
    fitted = fit_plan(
        images,
        load_data("mnist:test"),
        make_plan(images, options),
        on_epoch=lambda history: end_epoch(),
    )
    last = fitted.history[-1]
    return last["loss"], last["val_loss"]


def _use_one_core() -> None:
    """Keep this thread, and those that it starts, on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def in_turn(epochs: int) -> dict[str, list[float]]:
    """Train twice in this process, an epoch of each in turn: as narrows does, and on one core.
    Seconds of the epochs of each, by its name."""
    seconds: dict[str, list[float]] = {"narrows": [], "on one core": []}
    names = list(seconds)
    turns = {name: threading.Semaphore(0) for name in names}

    def fit(name: str, other: str) -> None:
        if name != names[0]:
            _use_one_core()
        begun = 0.0

        def end_epoch() -> None:
            nonlocal begun
            seconds[name].append(time.perf_counter() - begun)
            if name != names[0]:
                tell_epoch_end()
            turns[other].release()
            turns[name].acquire()
            begun = time.perf_counter()

        turns[name].acquire()
        begun = time.perf_counter()
        _narrows(epochs, end_epoch)
        turns[other].release()

    threads = [threading.Thread(target=fit, args=pair) for pair in (names, names[::-1])]
    for thread in threads:
        thread.start()
    turns[names[0]].release()
    for thread in threads:
        thread.join()
    return seconds


CONTESTANTS = {
    function.__name__: function
    for function in (keras, torch_eager, torch_compiled, narrows, narrows_on_one_core)
}


def main(name: str, folder: str, epochs: str, result: str) -> None:
    if name == in_turn.__name__:
        leave_result(result, in_turn(int(epochs)))
        return
    ends, loss, validation = CONTESTANTS[name](folder, int(epochs))
    leave_result(result, {"ends": ends, "loss": loss, "val_loss": validation})


if __name__ == "__main__":
    main(*sys.argv[1:])
