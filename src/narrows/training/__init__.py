"""Training: settings, the loop over epochs, its history and its checkpoints."""

from narrows.training.history import EpochRecord, History
from narrows.training.loop import Trained, train
from narrows.training.noise import Noise
from narrows.training.settings import TrainingSettings

__all__ = ["EpochRecord", "History", "Noise", "Trained", "TrainingSettings", "train"]
