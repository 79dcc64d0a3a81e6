"""The training loop: epochs, slices, validation, early stopping, checkpoints."""

import contextlib
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from narrows.data.file_arrays import FileArray
from narrows.data.limits import extent_of
from narrows.data.storage import LARGEST_IN_MEMORY
from narrows.engine import Losses, Trainer, TrainingState, make_trainer
from narrows.errors import DataError, OutputError, ShapeError, TrainingError
from narrows.nn.model import Model
from narrows.support.ahead import OneAhead
from narrows.support.chunks import release
from narrows.support.progress import NOBODY, Advance, Listener, warn
from narrows.training.augmentation import Varied
from narrows.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from narrows.training.history import EpochRecord, History, best_epoch
from narrows.training.noise import NoiseLimits, damaged_parts
from narrows.training.pace import Spent
from narrows.training.settings import TrainingSettings
from narrows.training.shuffling import EpochOrder
from narrows.training.together import same_start

#: Seconds of work that a kill may cost.
CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True)
class Trained:
    """What training gives: the model, what happened, the epoch the model is from, and what could
    not be written."""

    model: Model
    history: History
    epoch: int
    notes: tuple[str, ...] = ()


class RunKeywords(TypedDict, total=False):
    """How a run goes on from an earlier one, and who is told of it and may stop it.

    Attributes:
        checkpoint: the file to write checkpoints to, at least every ``checkpoint_seconds`` and at
            the end; None for none.
        checkpoint_seconds: seconds of work that a kill may cost.
        resume: go on from ``checkpoint`` if it is there. The result is the same, byte for byte, as
            that of a run that was never stopped.
        on_epoch: called with the history after each epoch.
        listener: told about the progress, in items; and makes the blocks in which an interrupt has
            to wait: steps, and what is written. A checkpoint is written where KeyboardInterrupt
            comes between them.
        should_stop: asked several times a second; when it says so, a checkpoint is written and
            KeyboardInterrupt raised.
        devices: how many of this process share every batch; None for all accelerators, and one CPU.
    """

    checkpoint: Path | None
    checkpoint_seconds: float
    resume: bool
    on_epoch: Callable[[History], None]
    listener: Listener
    should_stop: Callable[[], bool]
    devices: int | None


@dataclass(frozen=True, kw_only=True)
class _Control:
    """:class:`RunKeywords` with their defaults."""

    checkpoint: Path | None = None
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    resume: bool = False
    on_epoch: Callable[[History], None] = lambda history: None
    listener: Listener = NOBODY
    should_stop: Callable[[], bool] = lambda: False
    devices: int | None = None


def train(
    model: Model,
    items: np.ndarray,
    validation: np.ndarray | None,
    settings: TrainingSettings,
    *,
    inputs: np.ndarray | None = None,
    validation_inputs: np.ndarray | None = None,
    limits: NoiseLimits | None = None,
    **run: Unpack[RunKeywords],
) -> Trained:
    r"""Train ``model`` to reconstruct ``items``.

    Args:
        model: where to start from.
        items: (n, \*item_shape), any real dtype, possibly memory-mapped; n at least 1.
        validation: items to measure the loss on after each epoch, or None. Where the settings have
            noise, they are damaged too, the same way every time.
        settings: what to do.
        inputs: what goes into the encoder in place of ``items``, of their shape; None for the same.
        validation_inputs: the same of ``validation``.
        limits: of the noise, where the settings have any; None for from the lowest to the highest
            of all values.
        run: see :class:`RunKeywords`; by default nothing is written, told or stopped.

    Raises:
        ShapeError: items that the model does not take.
        TrainingError: the loss became NaN or infinite.
        UsageError: ``checkpoint`` is of a run with other data or settings.
    """
    for rows in (items, validation, inputs, validation_inputs):
        if rows is not None:
            _require_fit(rows, model)
    if limits is None:
        lowest, highest = (0.0, 1.0) if settings.noise is None else extent_of(items)
        limits = NoiseLimits(lowest, highest, lowest)
    shown = _Shown(
        items=items,
        inputs=inputs,
        validation=validation,
        validation_inputs=validation_inputs,
        limits=limits,
    )
    return _Run(model, shown, settings, _Control(**run)).to_the_end()


def _require_fit(rows: np.ndarray, model: Model) -> None:
    """Make sure that there are items, and that a model takes them."""
    if rows.shape[1:] != model.spec.item_shape:
        raise ShapeError(
            f"items of shape {rows.shape[1:]} do not fit a model for {model.spec.item_shape}"
        )
    if not len(rows):
        raise DataError("there is nothing to train or validate on: 0 items")


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What a run learns from and is judged by; see :func:`train`."""

    items: np.ndarray
    inputs: np.ndarray | None
    validation: np.ndarray | None
    validation_inputs: np.ndarray | None
    limits: NoiseLimits


class _Run:
    """A training run under way: the trainer, and where it is."""

    def __init__(
        self, model: Model, shown: _Shown, settings: TrainingSettings, control: _Control
    ) -> None:
        items = shown.items
        self.control, self.path = control, control.checkpoint
        # whether what there is of the model is what is said of it, and not half a slice further
        self.is_whole = True
        self.has_warned = False  # that no checkpoint can be written
        self.model, self.shown, self.settings = model, shown, settings
        self.items, self.validation = items, shown.validation
        # A batch larger than the set is the set: nothing is padded or repeated.
        self.batch_size = min(settings.batch_size, len(items))
        self.adam = settings.adam_for(len(items), self.batch_size)
        self.trainer: Trainer = make_trainer(
            model,
            settings.objective,
            self.adam,
            self.batch_size,
            seed=settings.seed,
            devices=control.devices,
            track=control.listener.track,
        )
        self.varied = Varied(items, shown.limits, settings, shown.inputs)
        self.values_per_item = items[:1].size
        self.to_data_units = settings.objective.to_data_units(model.scaling.scale)
        identity = _identity(model, shown, settings)
        if control.resume and self.path is not None and self.path.exists():
            self.at = read_checkpoint(self.path, identity)
            self.has_checkpoint = True
        else:
            self.has_checkpoint = False
            self.at = Checkpoint(identity=identity, state=TrainingState.start(model.arrays))
        self.at = same_start(self.at)
        self.taken = len(self.at.losses)  # steps of this epoch
        self.under_way = list[Losses]()  # of the last of them
        if self.at.state.steps:
            self.trainer.restore(self.at.state)
        self.saved_at = time.monotonic()
        self.order = self._shuffled()
        self.reader = OneAhead(self._read)

    def to_the_end(self) -> Trained:
        """Take all slices that are left, and give the result."""
        total = self.settings.epochs * len(self.items)
        with self.control.listener.track("training", total=total, unit="items") as advance:
            advance(self.items_done(), self.note())
            try:
                while not self.finished():
                    if self.control.should_stop():
                        raise KeyboardInterrupt
                    self.advance(advance)
            except KeyboardInterrupt:
                if self.is_whole:
                    self.save()
                raise
            finally:
                self.reader.close()
        return self.result(self.save_at_the_end())

    def steps_at_once(self) -> int:
        """The steps of a slice: what is read of a file for it is held in memory."""
        steps = self.trainer.steps_per_call
        if not self.varied.reads_file:
            return steps
        size = max(self.batch_size * self.items[:1].nbytes, 1)
        return max(min(steps, LARGEST_IN_MEMORY // size), 1)

    def items_done(self) -> int:
        in_epoch = min(self.taken * self.batch_size, len(self.items))
        return (self.at.epoch - 1) * len(self.items) + in_epoch

    def finished(self) -> bool:
        """Whether the epochs are done, or patience is at its end."""
        done = len(self.at.history)
        patience = self.settings.patience
        lost = patience is not None and done - best_epoch(self.at.history) >= patience
        return done >= self.settings.epochs or lost

    def advance(self, advance: Advance) -> None:
        """One slice of an epoch; after the last one, what ends an epoch."""
        start, before = time.monotonic(), self.items_done()
        with self._undivided():
            self._train_slice()
        if self.taken * self.batch_size >= len(self.items):
            with self.at.spent.on("validating"):
                validation_loss = self._validation_loss()
            with self._undivided():
                self._end_epoch(start, validation_loss)
                self.control.on_epoch(self.at.history)
        else:
            self.at.spent.whole += time.monotonic() - start
        # told only now, so that the first time is that of what validating compiles too
        advance(self.items_done() - before, self.note())
        if time.monotonic() - self.saved_at > self.control.checkpoint_seconds:
            self.save()

    @contextlib.contextmanager
    def _undivided(self) -> Iterator[None]:
        """What changes this run's state: all of it happens, or the state is not whole."""
        with self.control.listener.unbroken():
            self.is_whole = False
            yield
            self.is_whole = True

    def _train_slice(self) -> None:
        first = self.taken * self.batch_size
        last = self._end_of_slice(first)
        if first >= last:  # it was stopped while an epoch's model was judged
            return
        with self.at.spent.on("waiting"):
            if isinstance(self.items, FileArray):
                for start, stop in self.order.entered(first, last):
                    self.items.will_need(start, stop)
            following = last if self.varied.reads_here and last < len(self.items) else None
            slice = self.reader.take(first, following)
        with self.at.spent.on("computing"):
            self.under_way.append(self.trainer.begin(*slice))
        release(self.items)
        self.taken = math.ceil(last / self.batch_size)
        # A device computes this slice while the next one is sent and, of a file, the one after it
        # is read: no more than three are held in memory.
        self._wait_for_losses(ahead=1 if last < len(self.items) else 0)

    def _end_of_slice(self, first: int) -> int:
        return min(first + self.steps_at_once() * self.batch_size, len(self.items))

    def _read(self, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """What the slice from ``first`` on is trained with."""
        order = self.order[first : self._end_of_slice(first)]
        return self.varied.slice(order, self.at.epoch, first)

    def _wait_for_losses(self, ahead: int = 0) -> None:
        """Until no more than ``ahead`` slices are still computed."""
        while len(self.under_way) > ahead:
            with self.at.spent.on("computing"):
                losses = self.under_way.pop(0)()
            self.at.losses = np.concatenate([self.at.losses, losses])
            if not np.isfinite(losses).all():
                raise self._diverged()

    def _end_epoch(self, slice_start: float, validation_loss: float | None) -> None:
        record: EpochRecord = {
            "epoch": self.at.epoch,
            "loss": self._mean_loss(self.at.losses.sum(), len(self.items)),
            "learning_rate": self._last_learning_rate(),
        }
        if validation_loss is not None:
            record["val_loss"] = validation_loss
        self.at.spent.whole += time.monotonic() - slice_start
        record.update(self.at.spent.told(len(self.items), self.varied.size))
        self.at.history = [*self.at.history, record]
        if self.settings.patience and best_epoch(self.at.history) == self.at.epoch:
            self.at.best = self.trainer.state().arrays
        self.at.epoch += 1
        self.at.losses, self.at.spent, self.taken = np.zeros(0), Spent(), 0
        self.order = self._shuffled()

    def _validation_loss(self) -> float | None:
        """The mean loss of the validation set, data units; None without one."""
        if self.validation is None:
            return None
        parts = damaged_parts(
            self.validation,
            self.shown.validation_inputs,
            self.settings.noise,
            self.shown.limits,
            self.settings.seed,
        )
        total = sum(self.trainer.measure(part, inputs) for part, inputs in parts)
        release(self.validation)
        loss = self._mean_loss(total, len(self.validation))
        if not np.isfinite(loss):
            raise self._diverged()
        return loss

    def note(self) -> str:
        """The epoch under way and the last losses, for a progress bar."""
        epoch = min(self.at.epoch, self.settings.epochs)
        text = f"epoch {epoch}/{self.settings.epochs}"
        for record in self.at.history[-1:]:
            text += f"  loss {record['loss']:.5g}"
            if "val_loss" in record:
                text += f"  val {record['val_loss']:.5g}"
        return text

    def save(self) -> None:
        """Make sure that all is finite; write a checkpoint, if this run has a file for it. Where it
        cannot be written, that is said once, and the run goes on."""
        problem = self._save()
        if problem and not self.has_warned:
            warn(f"{problem}; until it can be, this run goes on without", stacklevel=5)
            self.has_warned = True

    def save_at_the_end(self) -> tuple[str, ...]:
        """Write the last checkpoint, or give why there is none."""
        problem = self._save()
        return (problem,) if problem else ()

    def _save(self) -> str:
        """What keeps the checkpoint from being written; empty where nothing does."""
        if self.under_way:
            with self._undivided(), self.at.spent.on("whole"):
                self._wait_for_losses()
        self.at.state = self.trainer.state()
        if not all(np.isfinite(array).all() for array in self.at.state.arrays.values()):
            raise self._diverged()
        self.saved_at = time.monotonic()
        if self.path is None:
            return ""
        try:
            with self.control.listener.unbroken():
                write_checkpoint(self.path, self.at)
        except OutputError as error:
            return error.message
        self.has_checkpoint = True
        return ""

    def result(self, notes: tuple[str, ...]) -> Trained:
        keep_best = self.settings.patience is not None and self.at.best
        arrays = self.at.best if keep_best else self.trainer.state().arrays
        epoch = best_epoch(self.at.history) if keep_best else len(self.at.history)
        return Trained(replace(self.model, arrays=arrays), self.at.history, epoch, notes)

    def _mean_loss(self, total: float, count: int) -> float:
        return float(total) / (count * self.values_per_item) * self.to_data_units

    def _last_learning_rate(self) -> float:
        steps = self.at.epoch * math.ceil(len(self.items) / self.batch_size)
        return float(self.adam.learning_rates(steps, 1)[0])

    def _shuffled(self) -> EpochOrder:
        size = self.items[:1].nbytes
        return EpochOrder(len(self.items), size, self.settings.seed, self.at.epoch)

    def _diverged(self) -> TrainingError:
        wrong = np.flatnonzero(~np.isfinite(self.at.losses))
        step = int(wrong[0]) + 1 if wrong.size else len(self.at.losses)
        if self.has_checkpoint:
            good = f"the last good checkpoint is {self.path}"
        else:
            good = "no checkpoint was written before that"
        return TrainingError(
            f"the loss is no longer a finite number in epoch {self.at.epoch}, step {step}; {good}",
            hint=f"lower the learning rate from {self.settings.adam.learning_rate:g}, "
            "or look for extreme values in the data",
        )


def _identity(model: Model, shown: _Shown, settings: TrainingSettings) -> dict[str, Any]:
    identity = {
        "training_data": _digest(shown.items),
        "validation_data": None if shown.validation is None else _digest(shown.validation),
        "spec": model.spec.to_dict(),
        "scaling": [model.scaling.offset, model.scaling.scale],
        **settings.identity(),
    }
    if shown.inputs is not None:
        identity["inputs"] = _digest(shown.inputs)
    return identity


def _digest(items: np.ndarray) -> str:
    """Shape, dtype and a checksum: enough to tell two sets apart."""
    # A thousand or two items spread over all: the whole set may be larger than memory.
    sample = items[:: max(len(items) // 1000, 1)]
    checksum = zlib.crc32(np.ascontiguousarray(sample).tobytes())
    return f"{'x'.join(map(str, items.shape))} {items.dtype.name} {checksum:08x}"
