"""Every error that narrows raises on purpose.

    NarrowsError
    ├── UsageError         the request cannot be meant: an option outside its limits
    ├── DataError          a source of data is missing, damaged, or not what it must be
    │   └── ShapeError     items of a shape that the model or the file does not take
    ├── ModelFileError     a model file is missing, damaged, too new, or not ours
    ├── ArchiveError       an archive is damaged, cut short, too new, or not ours
    ├── TrainingError      training cannot go on: the loss is no longer a number
    ├── OutputError        a result cannot be written: no permission, a full disk
    └── NotEnoughMemoryError    there is less memory than the work takes

The message is one sentence that names the thing, the value and the limit; ``hint`` says what to do
about it. The command line prints both and no traceback, and exits with 2 for a ``UsageError`` and
1 for every other one.
"""


class NarrowsWarning(UserWarning):
    """What a user should know of data or of a model, and may live with."""


class NarrowsError(Exception):
    """The root: catch it to catch everything narrows raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(NarrowsError, ValueError):
    """The request cannot be meant: an option or argument outside its limits."""


class DataError(NarrowsError, ValueError):
    """A source of data is missing, damaged, or not what it must be; ``row`` is the number of the
    table's row that the message names, where it does."""

    row: int | None = None


class ShapeError(DataError):
    """Items of a shape that the model or the file does not take."""


class ModelFileError(NarrowsError, ValueError):
    """A model file is missing, damaged, from a newer version, or not ours."""


class ArchiveError(NarrowsError, ValueError):
    """An archive is missing, damaged, cut short, from a newer version, or not ours."""


class TrainingError(NarrowsError, ArithmeticError):
    """Training cannot go on: the loss is no longer a finite number."""


class OutputError(NarrowsError, OSError):
    """A result cannot be written: no permission, no such folder, a full disk."""


class NotEnoughMemoryError(NarrowsError, MemoryError):
    """There is less memory than the work takes."""
