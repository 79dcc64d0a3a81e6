"""What can be said of a fit beside the model: what it learns from, and what its run leaves."""

from dataclasses import dataclass
from pathlib import Path

from narrows.support.option_fields import option


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What is learnt from and validated on, beside the data."""

    target: str | None = option(
        None,
        "What DATA shall become: the same items without their noise, or a folder of images of the "
        "same names.",
        "CLEAN",
        is_data=True,
    )
    tile: int | None = option(
        None,
        "Learn from tiles of so many pixels each way; 48 with --target and large images.",
        "PIXELS",
    )
    validation: str | None = option(
        None,
        "What to validate on: data, or the share of rows to hold out (0 for none). mnist:test for "
        "mnist, a tenth elsewhere.",
        "DATA|FRACTION",
        is_data=True,
    )

    def read_beside(self, data: str) -> dict[str, str | None]:
        """All that is read, by what messages call it."""
        return {"DATA": data, "--target": self.target, "--validation": self.validation}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What :class:`narrows.tasks.run_files.RunFiles` writes beside the model."""

    resume: bool = option(
        False, "Go on from the checkpoint in the run folder.", names=("--resume",)
    )
    folder: Path | None = option(
        None,
        "History, pictures, checkpoint; a folder beside the model, named after it.",
        "DIR",
        names=("--run-dir",),
    )
    checkpoint_seconds: float = option(10.0, "Write a checkpoint at least this often.")
    tensorboard: Path | None = option(
        None, "A folder for what TensorBoard shows: losses, learning rate and speed.", "DIR"
    )
