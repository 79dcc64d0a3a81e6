"""Ways to train the article's autoencoder on a graphics card, each in a process of its own; see
train_speed.py.

    python benchmarks/train_contestants_gpu.py NAME FOLDER EPOCHS RESULT.json
    python benchmarks/train_contestants_gpu.py card RESULT.json

As train_contestants.py has it. PyTorch's data and orders are on the card, as narrows' are, and
nothing comes back from there before an epoch ends; all steps but an epoch's last, short one have
the same shape. Products are float32 throughout, as narrows' are, without TF32.
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from common import leave_result, load_mnist
from train_contestants import BATCH_SIZE, Training, keras, narrows, note_end

_VALIDATION_BATCH = 1000
_CARD = "cuda"

#: Takes a step on a batch of items (n, 784), bytes on the card, and gives its loss there.
Step = Callable[[Any], Any]


def torch_compiled_gpu(folder: str, epochs: int) -> Training:
    """PyTorch, forward and backward pass compiled and replayed as a CUDA graph by its compiler."""
    import torch

    def make_step(loss_of: Step, optimizer: Any) -> Step:
        compiled = torch.compile(loss_of, mode="reduce-overhead", dynamic=False)

        def step(batch: Any) -> Any:
            torch.compiler.cudagraph_mark_step_begin()
            loss = compiled(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            # the next replay writes where this lies
            return loss.detach().clone()

        return step

    return _torch(folder, epochs, make_step)


def torch_graph_gpu(folder: str, epochs: int) -> Training:
    """PyTorch, a whole step captured by hand as one CUDA graph, Adam included."""
    import torch

    def make_step(loss_of: Step, optimizer: Any) -> Step:
        batch = torch.zeros(BATCH_SIZE, 784, dtype=torch.uint8, device=_CARD)

        def take() -> Any:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(batch)
            loss.backward()
            optimizer.step()
            return loss

        graph, loss = _captured(take, optimizer)

        def step(items: Any) -> Any:
            if len(items) < BATCH_SIZE:
                optimizer.zero_grad(set_to_none=True)
                short = loss_of(items)
                short.backward()
                optimizer.step()
                return short.detach()
            batch.copy_(items)
            graph.replay()
            return loss.detach()

        return step

    return _torch(folder, epochs, make_step)


def _captured(take: Callable[[], Any], optimizer: Any) -> tuple[Any, Any]:
    """A step as a CUDA graph, and the tensor that its loss is written to; what the steps before the
    capture learnt, which fill the optimizer's state, is taken back."""
    import torch

    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    kept = [p.detach().clone() for p in parameters]
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            take()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = take()
    with torch.no_grad():
        for p, before in zip(parameters, kept, strict=True):
            p.copy_(before)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()
    return graph, loss


def _torch(folder: str, epochs: int, make_step: Callable[[Step, Any], Step]) -> Training:
    import torch
    from torch import nn

    x_train, x_test = (
        torch.from_numpy(x.reshape(len(x), -1)).to(_CARD) for x in load_mnist(folder)
    )
    layers = [nn.Linear(a, b) for a, b in pairwise((784, 100, 20, 100, 784))]
    for layer in layers:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    model = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU()))).to(_CARD)
    # a graph needs the count of its steps on the card
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True, capturable=True)

    def loss_of(batch: Any) -> Any:
        items = batch.float()
        return nn.functional.mse_loss(model(items), items)

    step = make_step(loss_of, optimizer)
    ends: list[float] = []
    mean = validation = float("nan")
    for _ in range(epochs):
        total = torch.zeros((), device=_CARD)
        for rows in torch.randperm(len(x_train), device=_CARD).split(BATCH_SIZE):
            total += step(x_train[rows]) * len(rows)
        with torch.inference_mode():
            parts = [loss_of(part) * len(part) for part in x_test.split(_VALIDATION_BATCH)]
            validation = float(sum(parts)) / len(x_test)
        mean = float(total) / len(x_train)
        note_end(ends)
    return ends, mean, validation


CONTESTANTS = {
    function.__name__: function
    for function in (keras, torch_compiled_gpu, torch_graph_gpu, narrows)
}


def card() -> dict[str, Any]:
    """What the graphics card is called, and the libraries that see none here."""
    import jax
    import torch

    seen = {"jax": jax.default_backend() == "gpu", "torch": torch.cuda.is_available()}
    missing = [name for name, sees in seen.items() if not sees]
    return {"missing": missing, "name": "" if missing else torch.cuda.get_device_name()}


def main(name: str, folder: str, epochs: str, result: str) -> None:
    ends, loss, validation = CONTESTANTS[name](folder, int(epochs))
    leave_result(result, {"ends": ends, "loss": loss, "val_loss": validation})


if __name__ == "__main__":
    if sys.argv[1] == card.__name__:
        leave_result(sys.argv[2], card())
    else:
        main(*sys.argv[1:])
