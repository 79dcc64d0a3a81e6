"""The files of a training run: the model, and a folder of its history, checkpoint and pictures."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrows.data import Dataset
from narrows.errors import UsageError
from narrows.learnt.forest import MOST_BYTES
from narrows.model.coded_items import CodedItems
from narrows.model.file import save_model
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.planning.plan import Plan
from narrows.report.evaluation import Evaluation
from narrows.report.run_folder import PICTURES, draw_run
from narrows.support.files import is_standard_output, require_folder, require_room
from narrows.support.progress import Note, Tracker
from narrows.support.temporary import LOCK
from narrows.tasks.outputs import RUN_FOLDER
from narrows.training import History
from narrows.training.event_file import event_history
from narrows.training.history import HistoryFile, history_line, keep_all
from narrows.training.loop import CHECKPOINT_SECONDS

CHECKPOINT, HISTORY = "checkpoint.safetensors", "history.jsonl"
#: Everything that a run leaves in its folder.
NAMES = (CHECKPOINT, HISTORY, *PICTURES)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A model that was judged, and by what: the items, these with the codes that are known, and the
    errors. What is drawn of them is drawn by ``seed``."""

    autoencoder: TrainedAutoencoder
    seed: int
    shown: Dataset
    coded: CodedItems
    evaluation: Evaluation


class FitFiles:
    """Writes what a fit leaves: histories, as many as are named, and else nothing.

    Attributes:
        judge: whether the model is to be judged in any case.
    """

    judge = False

    def __init__(self, histories: Sequence[HistoryFile] = ()) -> None:
        self.histories = list(histories)

    def begin(self, plan: Plan, detection: bool) -> dict[str, Any]:
        """Make sure that there is room; what :func:`narrows.training.train` has to know.

        Raises:
            OutputError: there is no room.
        """
        return {"on_epoch": self.keep}

    def keep(self, history: History) -> None:
        """Write the last epoch of a history, and what is not written yet of those before."""
        keep_all(self.histories, history)

    def save(self, trained: TrainedModel) -> None:
        """Write the model.

        Raises:
            OutputError: it cannot be written.
        """

    def report(self, history: History, judged: Judged | None, track: Tracker) -> dict[str, str]:
        """Finish the histories, and what else a run leaves of a model: what to say of each file
        that could not be written, by its name."""
        missing = dict[str, str]()
        for each in self.histories:
            missing |= each.missing(history)
        return missing


#: Nothing is written.
NO_FILES = FitFiles()


class RunFiles(FitFiles):
    """Writes what a training run leaves: its model, and a folder.

    Args:
        model: the model file.
        folder: the run folder; None for one beside the model, named after it (``photos-run`` of
            ``photos.safetensors`` where ``photos`` holds something else).
        resume: whether to go on from its checkpoint; None where that cannot be asked for.
        checkpoint_seconds: a checkpoint is written at least this often.
        tensorboard: a folder for a file of events, which TensorBoard shows; None for none.
        note: told what was written, and what cannot be.

    Attributes:
        written: the model file, once it is there; None before.

    Raises:
        UsageError: the model would go to standard output, the seconds are below 0, or what writes
            files of events is not installed.
        OutputError: a folder is a file.
    """

    judge = True

    def __init__(
        self,
        model: Path,
        folder: Path | None = None,
        *,
        resume: bool | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        tensorboard: Path | None = None,
        note: Note,
    ) -> None:
        if not checkpoint_seconds >= 0:
            raise UsageError(
                f"--checkpoint-seconds is {checkpoint_seconds:g}, and cannot be below 0",
                hint="give the seconds of work that a kill may cost, such as 10",
            )
        if is_standard_output(model):
            raise UsageError(
                "fit writes a model with a folder beside it, which standard output cannot hold",
                hint="name a file, as in --out model.safetensors",
            )
        if folder is None:
            folder = _beside(model)
        else:
            require_folder(folder)
        self.model, self.folder, self.resume, self.note = model, folder, resume, note
        self.checkpoint, self.checkpoint_seconds = folder / CHECKPOINT, checkpoint_seconds
        super().__init__([HistoryFile(folder / HISTORY, note, history_line)])
        if tensorboard is not None:
            self.histories.append(event_history(tensorboard, note))
        self.written: Path | None = None

    def outputs(self) -> dict[str, Path]:
        """What a run writes into its folder, by what messages call it."""
        names = {f"the run's {name}": self.folder / name for name in NAMES}
        for each in self.histories[1:]:
            names["--tensorboard"] = each.path
        return {RUN_FOLDER: self.folder, **names}

    def begin(self, plan: Plan, detection: bool) -> dict[str, Any]:
        """The same. The disks have to hold the model and two checkpoints, of which one takes the
        other's place: weights, both moments, and the best weights where patience keeps them. Beside
        its weights a model holds principal components, and what detects, most of which is a forest.
        """
        weights = 4 * sum(map(math.prod, plan.spec.array_shapes().values()))
        components = 4 * plan.spec.latent_size * math.prod(plan.spec.item_shape)
        hint = "free some space, or write to another disk with --out and --run-dir"
        copies = 3 if plan.settings.patience is None else 4
        require_room(self.checkpoint, 2 * copies * weights, hint)
        require_room(self.model, weights + components + (MOST_BYTES if detection else 0), hint)
        if self.resume and not self.checkpoint.exists():
            self.note(f"there is no checkpoint in {self.folder} yet: starting at the beginning")
        return {
            "checkpoint": self.checkpoint,
            "checkpoint_seconds": self.checkpoint_seconds,
            "resume": bool(self.resume),
            **super().begin(plan, detection),
        }

    def save(self, trained: TrainedModel) -> None:
        save_model(self.model, trained)
        if self.written is None:
            self.note(f"wrote the model to {self.model}")
        self.written = self.model

    def report(self, history: History, judged: Judged | None, track: Tracker) -> dict[str, str]:
        """Draw the pictures too."""
        assert judged is not None
        drawn = draw_run(
            self.folder,
            judged.autoencoder,
            history,
            shown=judged.shown,
            evaluation=judged.evaluation,
            seed=judged.seed,
            coded=judged.coded,
            track=track,
        )
        missing = super().report(history, judged, track)
        self.note(f"its history and pictures are in {self.folder}")
        return drawn | missing

    def last_words(self) -> str:
        """What to say of a run that is broken off now."""
        if self.written is not None:
            return f"stopped; the model is in {self.written}, and not all of {self.folder} is new"
        if self.resume is None:
            return "stopped; the same command starts at the beginning"
        if not self.checkpoint.exists():
            return "stopped before there was anything to go on from"
        return f"stopped; the same command with --resume goes on from {self.checkpoint}"


def _beside(model: Path) -> Path:
    """The folder of a model's run: named after the model, or with ``-run`` behind that where the
    model has no suffix, or a folder of that name holds other things, such as the data."""
    named = model.with_suffix("")
    longer = model.with_name(f"{named.name}-run")
    if not model.suffix:
        return longer
    held = set[str]()
    with contextlib.suppress(OSError):
        held = {path.name for path in named.iterdir()}
    return named if not held or held & {LOCK, *NAMES} else longer
