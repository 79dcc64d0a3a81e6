"""What can be said of how odd items are."""

from dataclasses import dataclass

from narrows.errors import UsageError
from narrows.support.option_fields import option


@dataclass(frozen=True, kw_only=True)
class DetectOptions:
    """What can be said of how odd items are.

    Raises:
        UsageError: an option outside its limits.
    """

    score: str = option(
        "combined",
        "combined, or one of what it is made of: reconstruction, density, isolation.",
    )
    false_alarms: float = option(0.01, "The share of normal rows that may be flagged.", "RATE")
    explain: int | None = option(
        None,
        "Say of so many rows, the oddest first, what made them odd; as many as take about three "
        "seconds, and 1,000 at most, where nothing is said. 0 for none.",
        "N",
    )

    def __post_init__(self) -> None:
        from narrows.learnt.detection import require_rate, score_index

        score_index(self.score)
        require_rate(self.false_alarms)
        if self.explain is not None and self.explain < 0:
            raise UsageError(
                f"--explain is {self.explain}, and must be at least 0", hint="0 explains no row"
            )
