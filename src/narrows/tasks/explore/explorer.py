"""A model, and data for it, as the page of ``narrows explore`` asks for them."""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.data.limits import filled_range
from narrows.data.named_arrays import page_name
from narrows.errors import DataError, UsageError
from narrows.model.use import TrainedAutoencoder
from narrows.pages.embedding import floats_text
from narrows.report.latent_plane import latent_plane
from narrows.report.redundancy import redundancy
from narrows.support.chunks import chunks, drawn_places
from narrows.support.progress import Tracker, silent
from narrows.support.shapes import is_picture_shape
from narrows.tasks.denoise import denoise
from narrows.tasks.detector import Detector
from narrows.tasks.explore.cells import cells_of, columns_of, features_of
from narrows.tasks.explore.latent_numbers import latent_numbers, start_code, turns, typical_codes
from narrows.tasks.explore.noise import denoises, noise_data
from narrows.tasks.explore.thumbnails import thumbnail_sheet
from narrows.version import __version__

#: Items to choose from, on the map and among the nearest; of more, as many are drawn.
MOST_ITEMS = 2000
# Values that these may have in all: of large images there are fewer.
_MOST_VALUES = 1 << 26
_STREAM = 0xE4910

#: A cell of a table's row: its ``column`` and its ``value``.
Cells = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """What a model makes of an item.

    Attributes:
        item: its values, float32 (size,), in data units, or features of a table.
        code: float32 (latent,).
        values: its reconstruction, float32 (size,).
        score, p_value: how odd it is, and the share of held-out training items that are at least as
            odd; None where the model file does not tell.
        cells: of a table, those of the reconstruction; otherwise None.
    """

    item: np.ndarray
    code: np.ndarray
    values: np.ndarray
    score: float | None
    p_value: float | None
    cells: Cells | None


# What the page is told of the items to choose from.
_OF_ITEMS = ("thumbnails", "map", "codes", "rows", "labels", "classes", "files")


@dataclass(frozen=True, kw_only=True, eq=False)
class ChosenItem:
    """One of the data's items: its values, its code, its label if it has one, the file it came from
    if there is one, and of a table its cells."""

    values: np.ndarray
    code: np.ndarray
    label: str | None
    file: str | None
    cells: Cells | None


class Explorer:
    """Turns codes to items and items to codes, and knows the items of a data set by their codes.

    Attributes:
        turns: whether there are latent numbers to turn, see :func:`turns`; else there are no codes.
        denoises: whether the model learnt to undo noise.

    Args:
        autoencoder: the model.
        data: items of the model's shape, as :func:`narrows.tasks.opening.load_for` gives them; None
            for none.
        title: what the page is called.
        most_items: how many of the data are taken at most: the first one, and others drawn at
            random, always the same ones.
        track: told how far it is.

    Raises:
        UsageError: the model is of a table, and its decoder takes more than a code.
    """

    def __init__(
        self,
        autoencoder: TrainedAutoencoder,
        data: Dataset | None,
        *,
        title: str,
        most_items: int = MOST_ITEMS,
        track: Tracker = silent,
    ) -> None:
        self.autoencoder, self.title = autoencoder, title
        self.trained = autoencoder.trained
        self.denoises, self.turns = denoises(self.trained), turns(self.trained)
        if self.trained.data.table is not None and not self.turns:
            raise UsageError(
                "the decoder of this model of a table takes more than a code, so that there is "
                "nothing to turn",
                hint="take a model of another spec, or use narrows denoise",
            )
        self._track = track
        self._whole = data
        self._sampled(data, most_items)
        # how odd an item is, is measured on items without noise
        told = self.turns and self.trained.learnt_detection is not None
        self._detector = Detector(autoencoder) if told else None

    def _sampled(self, data: Dataset | None, most: int) -> None:
        """Take some of the data, and find their codes."""
        shape = self.trained.item_shape
        size = self.trained.model.spec.latent_size if self.turns else 0
        self.data, self.rows = None, np.zeros(0, np.int64)
        self.codes = np.zeros((0, size), np.float32)
        if data is None:
            return
        most = max(min(most, _MOST_VALUES // int(np.prod(shape, dtype=np.int64))), 1)
        self.rows = drawn_places(len(data), most, np.random.default_rng(_STREAM))
        self.rows[:1] = 0  # the page opens with the first one
        self.data = data.rows(self.rows)
        if not self.turns:
            self.codes = np.zeros((len(self.rows), 0), np.float32)
            return
        with self._track("encoding", total=len(self.rows), unit="items") as advance:
            parts = []
            for chunk in chunks(self.data.items, width=size):
                parts.append(self.autoencoder.encode(chunk))
                advance(len(chunk))
        self.codes = np.concatenate(parts) if parts else self.codes

    def warm_up(self) -> None:
        """Compute once what the page asks for first, which is compiled by that."""
        blank = np.full(math.prod(self.trained.item_shape), self.limits[0], np.float32)
        with self._track("compiling", total=1, unit="models") as advance:
            if self.denoises and self.kind != "table":
                self.denoise(blank)
            if self.turns or not self.denoises:
                self.encode(blank)
            advance(1)

    def __len__(self) -> int:
        return len(self.rows)

    def decode(self, code: np.ndarray) -> tuple[np.ndarray, Cells | None]:
        """The values of a code, float32 (size,), not rounded to the data's dtype; and a table's
        cells.

        Args:
            code: (latent,).

        Raises:
            ShapeError: another number of numbers.
            DataError: some are not finite.
        """
        _require_finite(code, "code")
        values = self.autoencoder.decode_floats(np.asarray(code)[None])[0]
        return _flat(values), self._cells(values)

    def encode(self, values: np.ndarray) -> Encoded:
        """The code of an item, what comes back of it, and how odd it is.

        Args:
            values: (size,), in data units; taken to the data's dtype first.

        Raises:
            ShapeError: another number of values.
            DataError: some are not finite.
        """
        _require_finite(values, "item")
        item = self.autoencoder.as_data(self.autoencoder.shaped(np.asarray(values)[None]))
        codes, made = self.autoencoder.encode_and_reconstruct(item)
        score = p_value = None
        if self._detector is not None:
            scores = self._detector.scores(item)
            score = float(scores[0])
            p_value = float(self._detector.detection.p_values(scores)[0])
        return Encoded(
            item=_flat(item[0]),
            code=codes[0],
            values=_flat(made[0]),
            score=score,
            p_value=p_value,
            cells=self._cells(made[0]),
        )

    def encode_cells(self, cells: Any) -> Encoded:
        """The same of a table's row.

        Args:
            cells: a list of ``{column, value}``; what is not in it is missing.

        Raises:
            UsageError: the model is of no table.
            DataError: they are no such cells.
        """
        table = self.trained.data.table
        if table is None:
            raise UsageError("the model is of no table, so that its items have no cells")
        return self.encode(features_of(table, cells))

    def item(self, row: int) -> ChosenItem:
        """One of the data's items, whether it is among those that were drawn or not.

        Args:
            row: its place in the data.

        Raises:
            DataError: there is no such item.
        """
        data = self._whole
        if data is None or not 0 <= row < len(data):
            raise DataError(
                f"there is no {self.things[:-1]} {row}",
                hint="give DATA" if data is None else f"there are {len(data):,}, from 0 on",
            )
        values = np.asarray(data.items[row])
        place = int(np.searchsorted(self.rows, row))
        drawn = place < len(self) and self.rows[place] == row
        return ChosenItem(
            values=_flat(values),
            code=self.codes[place] if drawn else self._code(values),
            label=self._label(data, row),
            file=None if data.files is None else data.files.names[row],
            cells=self._cells(values, given=True),
        )

    def _code(self, item: np.ndarray) -> np.ndarray:
        return self.autoencoder.encode(item[None])[0] if self.turns else self.codes[:0].reshape(0)

    def nearest(self, code: np.ndarray, count: int) -> list[dict[str, float]]:
        """The items drawn whose codes lie nearest by Euclidean distance: ``{row, distance}`` each,
        the nearest first.

        Raises:
            ShapeError: another number of numbers.
            DataError: some are not finite.
        """
        _require_finite(code, "code")
        self.autoencoder.require_codes(np.asarray(code)[None])
        away = self.codes.astype(np.float64) - np.asarray(code, np.float64)
        distances = np.sqrt(np.square(away).sum(axis=1))
        first = np.argsort(distances, kind="stable")[: max(count, 0)]
        return [{"row": int(self.rows[at]), "distance": float(distances[at])} for at in first]

    def denoise(self, values: np.ndarray) -> np.ndarray:
        """What the model takes an item to be without noise: float32 (size,).

        Raises:
            UsageError: the model did not learn that.
            ShapeError: another number of values.
            DataError: some are not finite.
        """
        if not self.denoises:
            raise UsageError("the model did not learn to undo noise", hint="see fit --noise")
        _require_finite(values, "item")
        return _flat(denoise(self.autoencoder, self.autoencoder.shaped(np.asarray(values)[None])))

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value to draw with: the range that the data fill."""
        data = self.trained.described
        known = filled_range(data.value_range, data.extent)
        is_known = data.value_range is not None or data.extent is not None
        if not self.turns:
            if not is_known and len(self):
                items = np.asarray(self.data.items) if self.data is not None else np.zeros(1)
                known = float(items.min()), float(items.max())
        elif not is_known or self.kind == "table":
            drawn = self.autoencoder.decode_floats(self._typical[0][:64])
            known = float(drawn.min()), float(drawn.max())
        return known if known[1] > known[0] else (known[0], known[0] + 1)

    @property
    def kind(self) -> str:
        """``image``, ``table`` or ``values``: how an item is shown."""
        if self.trained.data.table is not None:
            return "table"
        return "image" if is_picture_shape(self.trained.item_shape) else "values"

    @property
    def things(self) -> str:
        """What several items are called in sentences."""
        return "rows" if self.kind == "table" else "items"

    def page_data(self) -> dict[str, Any]:
        """What of the page never changes; docs/explore.md describes it. All is JSON."""
        data = self._whole
        return {
            "kind": self.kind,
            "title": self.title,
            "provenance": self._provenance(),
            "notes": self._notes(),
            "shape": list(self.trained.item_shape),
            "dtype": str(self.trained.data.dtype),
            "limits": list(self.limits),
            **self._latent_data(),
            "items": len(self),
            "data_rows": None if data is None else len(data),
            **self._items_data(),
            "columns": self._columns(),
            "denoises": self.denoises,
            **noise_data(self.trained),
            "detects": self._detector is not None,
        }

    def _latent_data(self) -> dict[str, Any]:
        """The numbers to turn, and the code to begin with."""
        if not self.turns:
            return {"latent": [], "start": []}
        typical, _ = self._typical
        found = latent_numbers(self.autoencoder, typical, track=self._track)
        start = start_code(self.autoencoder, typical).tolist()
        return {"latent": [asdict(each) for each in found], "start": start}

    def _items_data(self) -> dict[str, Any]:
        """What the page has of the items to choose from; None each, without any."""
        if self.data is None:
            return dict.fromkeys(_OF_ITEMS)
        pictures = self.kind == "image"
        labels, classes, files = self.data.labels, self.data.classes, self.data.files
        return {
            "thumbnails": thumbnail_sheet(self.data.items, self.limits) if pictures else None,
            "map": self._map() if self.turns else None,
            "codes": floats_text(self.codes) if self.turns else None,
            "rows": self.rows.tolist(),
            "labels": None if labels is None else np.asarray(labels).tolist(),
            "classes": None if classes is None else list(classes),
            "files": None if files is None else list(files.names),
        }

    @cached_property
    def _typical(self) -> tuple[np.ndarray, str]:
        return typical_codes(self.autoencoder, self.codes if len(self) else None)

    def _columns(self) -> list[dict[str, Any]] | None:
        table, data = self.trained.data.table, self._whole
        if table is None:
            return None
        return columns_of(table, None if data is None else redundancy(data, track=self._track))

    def _cells(self, features: np.ndarray, *, given: bool = False) -> Cells | None:
        table = self.trained.data.table
        return None if table is None else cells_of(table, features, given=given)

    @staticmethod
    def _label(data: Dataset, row: int) -> str | None:
        if data.labels is None:
            return None
        label = int(data.labels[row])
        return str(label) if data.classes is None else data.classes[label]

    def _map(self) -> dict[str, Any]:
        plane = latent_plane(self.codes)
        return {
            "xy": floats_text(plane.points),
            "explained": float(plane.explained) if np.isfinite(plane.explained) else None,
            "axes": list(plane.axes),
        }

    def _provenance(self) -> str:
        training = self.trained.training
        parts = [f"narrows {__version__}", f"trained on {page_name(self.trained.data.name)}"]
        if training.linear:
            parts += ["PCA, which took the net's place"]
        elif training.preset:
            parts += [f"preset {training.preset}"]
        parts += [f"seed {training.seed}"] if training.seed is not None else []
        return ", ".join(parts)

    def _notes(self) -> list[str]:
        if not self.turns:
            takes_more = self.trained.model.spec.crosses
            why = (
                "decoder takes more than a code"
                if takes_more
                else "code is about as large as items"
            )
            return [f"There are no latent numbers to turn: the model's {why}."]
        lines = [f"The range of each slider holds 99 in 100 {self._typical[1]}."]
        if self._whole is not None and len(self) < len(self._whole):
            some = f"{len(self):,} of the {len(self._whole):,} {self.things}"
            lines.append(
                f"The map and the most similar codes are of {some} of "
                f"{page_name(self._whole.name)}, drawn at random."
            )
        return lines


def _flat(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32).reshape(-1)


def _require_finite(values: np.ndarray, what: str) -> None:
    if not np.isfinite(values).all():
        raise DataError(
            f"the {what} holds a number that is not finite", hint="give finite numbers alone"
        )
