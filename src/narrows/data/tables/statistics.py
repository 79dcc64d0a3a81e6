"""Statistics of a column's cells that come in blocks: moments of numbers, counts of texts."""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.columns import MAX_CATEGORIES, MAX_TEXT

# Different texts of one column that are counted at a time. When there are more, the rarer half is
# forgotten, so that the counts of what is left are lower bounds (Manku & Motwani, Approximate
# frequency counts over data streams, VLDB 2002).
_COUNTED = 20_000
# A longer text is counted by its SHA-256, so that counts of long texts take no more memory than of
# short ones, and is remembered besides while such texts of a column have no more letters than this.
_LONG = 200
_REMEMBERED = 1 << 22
#: Letters of a column's categories, or of the classes that its type declares, kept at most.
MOST_LETTERS = 200_000
# A column of texts of which the kept categories hold less than this share says nothing.
_LEAST_KEPT = 0.1


@dataclass(kw_only=True)
class Moments:
    """Count, mean and squared deviations of numbers that come in blocks (Chan, Golub & LeVeque,
    Updating formulae and a pairwise algorithm for computing sample variances, 1979)."""

    count: int = 0
    mean: float = 0.0
    deviations: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf

    def add(self, numbers: np.ndarray) -> None:
        if not len(numbers):
            return
        mean = float(numbers.mean())
        deviations = float(np.square(numbers - mean).sum())
        count = self.count + len(numbers)
        difference = mean - self.mean
        self.deviations += deviations + difference**2 * (self.count * len(numbers) / count)
        self.mean += difference * (len(numbers) / count)
        self.count = count
        self.lowest = min(self.lowest, float(numbers.min()))
        self.highest = max(self.highest, float(numbers.max()))

    @property
    def spread(self) -> float:
        """The standard deviation of all of them."""
        return math.sqrt(self.deviations / self.count) if self.highest > self.lowest else 0.0


@dataclass(kw_only=True)
class TextCounts:
    """How often each text comes."""

    counts: Counter[str] = field(default_factory=Counter)
    long: dict[str, str] = field(default_factory=dict)
    letters: int = 0
    total: int = 0
    forgotten: bool = False

    def add(self, texts: Any) -> None:
        for text, count in cells.text_counts(texts).items():
            key = text if len(text) <= _LONG else self._key(text)
            self.counts[key] += count
            self.total += count
        if len(self.counts) > _COUNTED:
            self.counts = Counter(dict(self.counts.most_common(_COUNTED // 2)))
            self.long = {key: text for key, text in self.long.items() if key in self.counts}
            self.letters = sum(map(len, self.long.values()))
            self.forgotten = True

    def _key(self, text: str) -> str:
        """What a long text is counted by: all of it counts."""
        key = "\0" + hashlib.sha256(text.encode()).hexdigest()
        room = min(MAX_TEXT, _REMEMBERED - self.letters)
        if key not in self.long and len(text) <= room:
            self.long[key] = text
            self.letters += len(text)
        return key

    def kept(self) -> dict[str, int]:
        """The most frequent categories, those of one frequency by name.

        Long texts are categories only where short ones make up too little; and never such, or so
        many, that a model file would not hold them.
        """
        ordered = self.ordered()
        short = dict([item for item in ordered if len(item[0]) <= _LONG][:MAX_CATEGORIES])
        if sum(short.values()) >= _LEAST_KEPT * self.total:
            return short
        found, letters = dict[str, int](), 0
        for text, count in ordered:
            if len(found) < MAX_CATEGORIES and letters + len(text) <= MOST_LETTERS:
                found[text] = count
                letters += len(text)
        return found

    def ordered(self) -> list[tuple[str, int]]:
        """All texts that are remembered and how often each came, the most frequent first."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        texts = ((self.long.get(key) if _is_long(key) else key, n) for key, n in ordered)
        return [(text, count) for text, count in texts if text is not None]

    def says_nothing(self, free: bool) -> bool:
        """Whether free texts all differ, or there are so many that hardly a row has a kept one."""
        if free and not self.forgotten and len(self.counts) == self.total > 1:
            return True
        return sum(self.kept().values()) < _LEAST_KEPT * self.total


def _is_long(key: str) -> bool:
    """Whether a text is counted by its digest."""
    return len(key) == _DIGEST and key.startswith("\0")


_DIGEST = 65
