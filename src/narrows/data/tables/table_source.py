"""What any source of a table's rows offers."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class TableSource(Protocol):
    """Where a table comes from.

    Attributes:
        name: what the user called it.
        types: the Arrow type of each column by name, in order.
        textual: whether every cell is a text whose type is still to be found out.
        frame: the kind of data frame it is; None for a file.
    """

    name: str
    types: dict[str, Any]
    textual: bool
    frame: str | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how it is read, all of it once it has been read."""
        ...

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Arrow record batches of all rows in order, of some columns only where they are named."""
        ...

    def frame_dtype(self, column: str) -> str | None:
        """The dtype that a column has in a pandas DataFrame."""
        ...
