"""Which columns of a table are redundant: how well each follows from the others.

Each column is predicted from all others by a ridge regression and by a small forest of randomised
trees (Geurts, Ernst and Wehenkel, Machine Learning 63:3, 2006), fitted to some rows; the better of
the two on further rows is measured on rows that neither has seen. What a column loses when it is
dropped and predicted instead is the rest.

A column is said to follow from the fewest others, three at most, that tell it nearly as well as
anything does: each few of those that are missed most are fitted, with their squares and products,
so that a product is told from its factors and not from what hangs on it.

Dropping one of two columns that say the same makes the other one indispensable. So columns are
dropped one after the other, and after each one everything is fitted again to the columns kept.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.data.tables import Column
from narrows.report.columns import CATEGORIES
from narrows.support.blas import one_blas_thread
from narrows.support.number_text import count_of
from narrows.support.progress import Advance, Tracker, silent
from narrows.support.text_tables import Shown, TextTable, Told, cell_text

#: Rows that are looked at. More make the figures finer and the wait longer, both slowly.
MOST_ROWS = 5000
#: Fewer rows cannot be parted in three and say something.
FEWEST_ROWS = 30
#: More columns than this take minutes; from the second number on, trees are left out.
MOST_COLUMNS, MOST_FOR_TREES = 200, 60
#: A column of at least this score is said to follow from others, here and wherever it is shown;
#: one of less would lose most of itself if dropped.
FOLLOWING = 0.5
#: Each drop is weighed against all before it; a user who goes on has a new table by then.
MOST_DROPS = 12
#: A column can follow from another if shuffling that one costs this share of its variance.
FOLLOWS = 0.01
#: Few columns tell another nearly as well as all others if they lose no more than this in score.
NEARLY = 0.02

# Features of the rows drawn: 128 MiB.
_DRAWN_VALUES = 1 << 25
# The shares of the rows to fit to and to choose by; the rest is measured on.
_FITTED, _CHOSEN = 0.6, 0.2
# Categories beyond these many, and their features, are too rare to predict or to predict by.
_MOST_CATEGORIES = 32
# From this score on, trees could add nothing that one would see.
_LINEAR_IS_ENOUGH = 0.99
# Twice as many reach a hundredth more, and take twice as long.
_TREES = 12
# The features that a split of a tree is chosen from.
_FEATURES_A_SPLIT = 16
# The columns that few are taken of, where there are many columns, and how many are taken; and
# features that have squares and products.
_STRONGEST, _STRONGEST_OF_MANY, _FEW, _MOST_MULTIPLIED = 6, 3, 3, 24
# How much is predicted at once to see what a prediction follows from.
_SHUFFLED_VALUES = 1 << 22
_SHUFFLED_ROWS = 400


@dataclass(frozen=True, kw_only=True)
class Redundant:
    """How well one column follows from all others, on rows that were not fitted to.

    Attributes:
        name: the column's.
        kind: its kind, such as ``numeric`` or ``categorical``.
        score: of numbers R², of categories the share of the wrong answers of "the most frequent"
            that knowing the others removes (Goodman and Kruskal's λ, 1954); from 0, nothing, to 1,
            everything. A constant column's is 1.
        wrong: the share of wrong categories, None for numbers.
        follows: the fewest columns, at most three, that tell it within :data:`NEARLY` of the best
            score, that which is missed most first; empty where no so few do, or the score is below
            :data:`FOLLOWING`.
        same_as: the earlier column that it repeated exactly in training.
        method: what predicts it best: ``linear`` or ``trees`` of all others, or ``products`` of
            those in ``follows``; empty for a constant column.
    """

    name: str
    kind: str
    score: float
    wrong: float | None = None
    follows: tuple[str, ...] = ()
    same_as: str | None = None
    method: str = ""


@dataclass(frozen=True)
class Drop:
    """One step of leaving columns out: what is left of it, told from the columns still kept.

    Attributes:
        name: the column that goes.
        score: how well it follows from the columns kept, as in :class:`Redundant`.
        wrong: the share of wrong categories, None for numbers.
        lowest: the lowest score of all columns dropped so far, this one included.
    """

    name: str
    score: float
    wrong: float | None
    lowest: float


@dataclass(frozen=True)
class Redundancy(Shown):
    """What follows from what in a table.

    Attributes:
        columns: every column, in the table's order.
        drops: the columns that can go, in the order in which they lose least, while no dropped one
            falls below a score of :data:`FOLLOWING`.
        rows_fitted, rows_measured: how many rows the predictions were fitted to and measured on.
    """

    columns: tuple[Redundant, ...]
    drops: tuple[Drop, ...]
    rows_fitted: int
    rows_measured: int

    def told(self) -> Told:
        """Two tables: what follows from what, and what to drop first."""
        told: list[TextTable | str] = [_columns_table(self), _SCORE, ""]
        if not self.drops:
            return [*told, "no column can be dropped: each would lose more than half of itself"]
        return [*told, _drops_table(self.drops)]


def redundancy(data: Dataset, *, track: Tracker = silent) -> Redundancy | None:
    """How well each column of a table follows from the others, and which could be dropped.

    Some seconds for 30 columns: no more than :data:`MOST_ROWS` rows, drawn at random, are fitted
    to and measured on, the same ones every time.

    Args:
        track: told about the progress, in columns.

    Returns:
        None of what is no table, or has fewer than :data:`FEWEST_ROWS` rows or more than
        :data:`MOST_COLUMNS` columns that vary.
    """
    table = data.table
    if table is None or len(data) < FEWEST_ROWS or len(table.learnt) > MOST_COLUMNS:
        return None
    columns = [column for column in table.columns if column.kind != "ignored"]
    rows = _Rows.draw(data, [column for column in columns if column.width])
    bounds: dict[str, float] = {}
    methods: dict[str, str] = {}
    found = []
    with track("comparing columns", total=len(rows.columns), unit="columns") as advance:
        for column in columns:
            if not column.width:
                found.append(Redundant(name=column.name, kind=column.kind, score=1.0))
                continue
            best = _best(column.name, rows)
            bounds[column.name], methods[column.name] = best.score(rows.chosen)[0], best.method
            found.append(_redundant(column, best))
            advance(1)
    drops = [Drop(column.name, 1.0, None, 1.0) for column in columns if not column.width]
    with track("looking for columns to leave out", total=None, unit="tries") as advance:
        drops += _drops(bounds, methods, rows, advance)
    return Redundancy(tuple(found), tuple(drops), rows.fitted.stop, rows.count - rows.chosen.stop)


@dataclass
class _Column:
    """One column on the rows drawn.

    Attributes:
        features: (n, width), float32: what others are predicted by.
        target: (n, width): what is predicted; of categories one 0/1 number each, rare ones none.
        answers: (n,) which category each row has, -1 for a rare one; None for numbers.
    """

    features: np.ndarray
    target: np.ndarray
    answers: np.ndarray | None = None


@dataclass
class _Rows:
    """The rows drawn, in random order: the first part fits, the second chooses, the last measures.

    Attributes:
        count: how many.
        columns: the columns that vary, by name.
    """

    count: int
    columns: dict[str, _Column]

    @classmethod
    def draw(cls, data: Dataset, columns: Sequence[Column]) -> "_Rows":
        random = np.random.default_rng([0, _ROWS_STREAM])
        affordable = max(_DRAWN_VALUES // max(data.item_size, 1), FEWEST_ROWS)
        drawn = np.sort(random.permutation(len(data))[: min(MOST_ROWS, affordable)])
        items = np.asarray(data.items[drawn])[random.permutation(len(drawn))]
        return cls(
            len(drawn),
            {column.name: _column(column.kind, items[:, column.features]) for column in columns},
        )

    @property
    def fitted(self) -> slice:
        return slice(0, int(_FITTED * self.count))

    @property
    def chosen(self) -> slice:
        return slice(self.fitted.stop, int((_FITTED + _CHOSEN) * self.count))

    @property
    def measured(self) -> slice:
        return slice(self.chosen.stop, self.count)

    def inputs(self, names: Sequence[str], rows: slice) -> np.ndarray:
        return np.concatenate([self.columns[name].features[rows] for name in names], axis=1)


def _column(kind: str, features: np.ndarray) -> _Column:
    busiest = np.sort(np.argsort(-features.var(axis=0), kind="stable")[:_MOST_CATEGORIES])
    if kind not in CATEGORIES:
        return _Column(features[:, busiest], features)
    # Each category, and "missing", has features of its own, whatever their weights.
    _, answers, counts = np.unique(features, axis=0, return_inverse=True, return_counts=True)
    answers = answers.reshape(-1)
    frequent = np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]
    target = (answers[:, None] == frequent).astype(np.float32)
    places = np.full(len(counts), -1)
    places[frequent] = np.arange(len(frequent))
    return _Column(features[:, busiest], target, places[answers])


# Predicting one column by others


class _Prediction:
    """A column predicted from others by one method, fitted to the rows that fit."""

    def __init__(self, rows: _Rows, target: str, given: Sequence[str], method: str) -> None:
        self.rows, self.target, self.given, self.method = rows, rows.columns[target], given, method

    @cached_property
    def _model(self) -> Any:
        rows = self.rows.fitted
        inputs, target = self.rows.inputs(self.given, rows), self.target.target[rows]
        if target.shape[1] == 1:
            target = target[:, 0]
        regressor = _regressor(self.method, inputs.shape[1])
        with one_blas_thread():
            return regressor.fit(inputs, target)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        if not self.given:
            mean = self.target.target[self.rows.fitted].mean(axis=0)
            return np.broadcast_to(mean, (len(inputs), len(mean)))
        model = self._model
        with one_blas_thread():
            return model.predict(inputs).reshape(len(inputs), -1)

    def score(self, rows: slice) -> tuple[float, float | None]:
        """The score and, of categories, the share of wrong ones on ``rows``."""
        fitted, truth = self.target.target[self.rows.fitted], self.target.target[rows]
        found = self.predict(self.rows.inputs(self.given, rows) if self.given else truth)
        answers = self.target.answers
        if answers is None:
            lost = np.square(found - truth).sum(dtype=np.float64)
            return _removed(
                lost, np.square(fitted.mean(axis=0) - truth).sum(dtype=np.float64)
            ), None
        wrong = float((found.argmax(axis=1) != answers[rows]).mean())
        most_frequent = fitted.sum(axis=0).argmax()
        return _removed(wrong, float((answers[rows] != most_frequent).mean())), wrong

    def strongest(self, most: int) -> tuple[str, ...]:
        """Up to ``most`` of the given columns whose values, shuffled, are missed most (Breiman,
        Machine Learning 45:5, 2001, section 10)."""
        if not self.given:
            return ()
        inputs = self.rows.inputs(self.given, self.rows.measured)
        affordable = max(_SHUFFLED_VALUES // (inputs.shape[1] * len(self.given)), 20)
        inputs = inputs[: min(affordable, _SHUFFLED_ROWS)]
        truth = self.target.target[self.rows.measured][: len(inputs)]
        shuffled = np.random.default_rng(_ROWS_STREAM).permutation(len(inputs))
        versions = [inputs]
        start = 0
        for name in self.given:
            part = slice(start, start + self.rows.columns[name].features.shape[1])
            version = inputs.copy()
            version[:, part] = inputs[shuffled, part]
            versions.append(version)
            start = part.stop
        found = self.predict(np.concatenate(versions)).reshape(len(versions), *truth.shape)
        losses = np.square(found - truth).sum(axis=(1, 2), dtype=np.float64)
        total = np.square(truth - truth.mean(axis=0)).sum(dtype=np.float64) or 1.0
        missed = (losses[1:] - losses[0]) / total
        order = np.argsort(-missed, kind="stable")[:most]
        return tuple(self.given[place] for place in order if missed[place] > FOLLOWS)


def _regressor(method: str, width: int) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge

    if method == "products" and width <= _MOST_MULTIPLIED:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import PolynomialFeatures

        return make_pipeline(PolynomialFeatures(2, include_bias=False), Ridge(alpha=1.0))
    if method != "trees":
        # Columns have a variance of 1, so this is a thousandth of it with a thousand rows.
        return Ridge(alpha=1.0)
    return ExtraTreesRegressor(
        _TREES,
        min_samples_leaf=2,
        max_features=min(width, _FEATURES_A_SPLIT),
        n_jobs=-1,
        random_state=_ROWS_STREAM,
    )


def _removed(lost: float, baseline: float) -> float:
    """The share of the baseline's loss that is gone; 0 where the baseline is no worse."""
    if baseline == 0:
        return 1.0 if lost == 0 else 0.0
    return max(float(1 - lost / baseline), 0.0)


def _best(name: str, rows: _Rows) -> _Prediction:
    given = [other for other in rows.columns if other != name]
    linear = _Prediction(rows, name, given, "linear")
    reached = linear.score(rows.chosen)[0]
    if reached > _LINEAR_IS_ENOUGH or len(given) >= MOST_FOR_TREES:
        return linear
    trees = _Prediction(rows, name, given, "trees")
    return trees if trees.score(rows.chosen)[0] > reached else linear


def _redundant(column: Column, best: _Prediction) -> Redundant:
    few, follows = best, tuple[str, ...]()
    if best.score(best.rows.measured)[0] > FOLLOWS:
        few, follows = _fewest(column.name, best)
    if few.score(few.rows.chosen)[0] > best.score(best.rows.chosen)[0] + NEARLY:
        best = few
    score, wrong = best.score(best.rows.measured)
    return Redundant(
        name=column.name,
        kind=column.kind,
        score=score,
        wrong=wrong,
        follows=follows if score >= FOLLOWING else (),
        same_as=column.same_as,
        method=best.method,
    )


def _fewest(name: str, best: _Prediction) -> tuple[_Prediction, tuple[str, ...]]:
    """The fewest columns that tell a column nearly as well as anything does, and what predicts it
    from them; ``best``, of all others, and none, where no so few do."""
    many = len(best.given) >= MOST_FOR_TREES
    strongest = best.strongest(_STRONGEST_OF_MANY if many else _STRONGEST)
    found = list[tuple[float, _Prediction]]()
    for method in dict.fromkeys(("products", best.method)):
        among = strongest if method == "products" else strongest[:_STRONGEST_OF_MANY]
        for count in range(1, min(_FEW, len(among)) + 1):
            for given in combinations(among, count):
                each = _Prediction(best.rows, name, given, method)
                found.append((each.score(best.rows.chosen)[0], each))
    bar = max([best.score(best.rows.chosen)[0], *(score for score, _ in found)]) - NEARLY
    enough = [(-len(each.given), score, each) for score, each in found if score >= bar]
    if not enough:
        return best, ()
    few = max(enough, key=lambda each: each[:2])[2]
    return few, tuple(few.given)


# Leaving columns out


def _drops(
    bounds: dict[str, float], methods: dict[str, str], rows: _Rows, advance: Advance
) -> Iterator[Drop]:
    """Drop, time and again, the column that leaves the lowest score of all dropped ones highest.

    No score rises when fewer columns are kept, so an old score is a bound on the new one, and most
    columns need not be fitted again (Minoux, Optimization Techniques, LNCIS 7, 1978). Scores on the
    rows that choose decide; those on the rows that measure are told.

    Args:
        bounds: each column's score on the rows that choose, given all others.
        methods: what predicts each best.
        rows: the rows drawn.
        advance: told of each column that is weighed.
    """
    names = list(bounds)
    kept, dropped = list(names), list[str]()
    # Of columns that say the same, the later one goes.
    waiting = [(-round(bound, 3), -place) for place, bound in enumerate(bounds.values())]
    heapq.heapify(waiting)
    while waiting and -waiting[0][0] >= FOLLOWING and len(dropped) < MOST_DROPS:
        _, place = heapq.heappop(waiting)
        leaving = names[-place]
        given = [name for name in kept if name != leaving]
        told = [_Prediction(rows, name, given, methods[name]) for name in (leaving, *dropped)]
        bar = max(-waiting[0][0], FOLLOWING) if waiting else FOLLOWING
        lowest = _lowest(told, bar)
        advance(1, f"found {count_of(len(dropped), 'columns')}" if dropped else "")
        if lowest < bar:
            heapq.heappush(waiting, (-lowest, place))
            continue
        scores = [prediction.score(rows.measured) for prediction in told]
        yield Drop(leaving, *scores[0], min(score for score, _ in scores))
        dropped.append(leaving)
        kept = given


def _lowest(told: Sequence[_Prediction], bar: float) -> float:
    """The lowest score on the rows that choose, or the first below ``bar``: that says enough."""
    lowest = 1.0
    for prediction in told:
        # Digits beyond the third are chance, and would part columns that say the same.
        lowest = min(lowest, round(prediction.score(prediction.rows.chosen)[0], 3))
        if lowest < bar:
            break
    return lowest


# What people read


def _columns_table(result: Redundancy) -> TextTable:
    title = (
        f"how well each column follows from the others, fitted to "
        f"{count_of(result.rows_fitted, 'rows')} and measured on "
        f"{count_of(result.rows_measured, 'others')}"
    )
    follows = [["column", "kind", "score", "wrong", "follows from"]]
    for column in result.columns:
        follows.append(
            [
                cell_text(column.name),
                column.kind,
                f"{column.score:.3f}",
                _share(column.wrong),
                _sources(column),
            ]
        )
    return TextTable(title, follows, left=(0, 1, 4))


def _drops_table(drops: Sequence[Drop]) -> TextTable:
    rows = [["drop", "score", "wrong", "lowest so far"]]
    for number, drop in enumerate(drops, 1):
        name = f"{number}. {cell_text(drop.name)}"
        rows.append([name, f"{drop.score:.3f}", _share(drop.wrong), f"{drop.lowest:.3f}"])
    title = "what could be dropped, one after the other, and how well the columns kept tell it"
    return TextTable(title, rows)


_SCORE = (
    "score: R² of numbers; of categories the share of the wrong answers of the most frequent one\n"
    "that the others remove; 1 is all of it. A column of "
    f"{FOLLOWING} or more follows from the fewest\n"
    "others, three at most, that tell it nearly as well as all do: they lose "
    f"{NEARLY} of it at most"
)


def _sources(column: Redundant) -> str:
    if column.same_as is not None:
        return f"the same as {cell_text(column.same_as)}"
    return ", ".join(cell_text(name, 20) for name in column.follows)


def _share(wrong: float | None) -> str:
    return "" if wrong is None else f"{wrong:.1%}"


# Keeps the rows drawn apart from those that the same seed draws elsewhere.
_ROWS_STREAM = 0x5ED0
