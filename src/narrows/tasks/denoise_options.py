"""What can be said of denoising."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from narrows.errors import UsageError
from narrows.support.option_fields import option

if TYPE_CHECKING:
    from narrows.data.read_options import ReadOptions
    from narrows.tasks.denoise import AddedNoise


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions:
    """What can be said of denoising.

    Attributes:
        check_range: refuse items in another range than those that the model was trained on.
        reading: how images of a folder and CSV files are read.
    """

    against: str | None = option(
        None,
        "The same items without noise: measure what is left of it, beside filters.",
        "CLEAN",
        is_data=True,
    )
    noise: str | None = option(
        None, "Add this to DATA first, and measure against DATA as it was.", "KIND:AMOUNT"
    )
    cells: str = option(
        "missing",
        "Of a table: fill the missing cells in and keep the others, or write what the model makes "
        "of all.",
        "missing|all",
    )
    seed: int = option(0, "Governs the noise that is added.")
    check_range: bool = True
    reading: "ReadOptions"

    @property
    def added(self) -> "AddedNoise | None":
        """The noise that is added.

        Raises:
            UsageError: ``noise`` names none.
        """
        from narrows.tasks.denoise import AddedNoise
        from narrows.training import Noise

        return None if self.noise is None else AddedNoise(Noise.parse(self.noise), self.seed)

    def check(self) -> None:
        """Make sure that the options can be meant together.

        Raises:
            UsageError: they cannot.
        """
        if self.cells not in ("missing", "all"):
            raise UsageError(f"--cells {self.cells} is unknown", hint="write missing or all")
        if self.against is not None and self.noise is not None:
            raise UsageError(
                "--against says what the items are without noise, and so does --noise",
                hint="leave one of them out",
            )
        if self.seed < 0:
            raise UsageError(f"--seed is {self.seed}, and must be at least 0", hint="leave it out")
        _ = self.added
