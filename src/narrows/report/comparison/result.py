"""All that the page of ``narrows compare`` shows, as numbers, arrays and texts.

:class:`Comparison` is the whole; a :class:`Part` of it that does not apply to the data is None.

Arrays of items are in the data's own units and of the data's dtype, shape (n, \\*item_shape).
Errors are mean squared errors per value in data units squared; of a table, of its standardised
features. What is shown of a method always carries its ``name``, for people, and its ``kind``, by
which a page gives it the same colour everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from narrows.report.columns import ColumnScore
from narrows.report.comparison.wording import Words
from narrows.report.denoising import DenoisingScore
from narrows.report.redundancy import Redundancy

#: What a method is: the default model, the article's, one that the user gave; or a classical one.
Kind = Literal[
    "ours", "article", "given", "pca", "dct", "mean", "raw", "jpeg", "codec", "archive", "filter"
]
#: What the items are: what a gallery draws of them.
Form = Literal["image", "curve", "table", "values"]
#: Where an item stands among the others by its error.
Rank = Literal["best", "median", "worst"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A data set, the models of it, and everything that one would use instead.

    Attributes:
        title: the page's heading.
        in_short: three sentences; the first says whether an autoencoder is worth it.
        data: what the data are.
        split: what was learnt from, validated on and measured on.
        models: what was trained or given, the article's first where there is one.
        best: the place in ``models`` of the one with the smallest error on the measured items.
        scores: the error of each model and of the simplest codes on the measured items, least
            first: the numbers of ``narrows evaluate``.
        numbers: error over numbers kept.
        spent: error over bytes; None where nothing can be compared.
        archives: what archives take.
        jpeg: JPEG opened up on one item; None where items are no images.
        features: what each latent number does, of the best model.
        gallery: items beside what each method makes of them.
        use: what codes are good for; None without labels, or where a caution says why.
        losses: of each training run.
        latent: where codes lie, a part a model.
        table: of a table which columns follow from others, and errors by column; None otherwise.
        denoising: of each model that denoises.
        cautions: what may spoil the results, in sentences.
        commands: what to do next.
        provenance: versions and machine, in one line.
        seconds: that everything took.
    """

    title: str
    in_short: tuple[str, str, str]
    data: "DataFacts"
    split: "Split"
    models: tuple["ModelFacts", ...]
    best: int
    scores: tuple["MethodScore", ...]
    numbers: "NumbersKept"
    spent: "BytesSpent | None"
    archives: "Archives | None"
    jpeg: "JpegWalk | None"
    features: "Features | None"
    gallery: "Gallery | None"
    use: "CodeUse | None"
    losses: "Losses | None"
    latent: tuple["LatentSpace", ...]
    table: "TableColumns | None"
    denoising: tuple["DenoisingPart", ...]
    cautions: tuple[str, ...]
    commands: tuple["Command", ...]
    provenance: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What the data are.

    Attributes:
        name: what the user called them.
        count: items in all.
        item_shape: of one item; of a table, of its features.
        dtype: NumPy's name of the values' type.
        form: what the items are.
        item_bytes: of one item as an array of its dtype; of a table, of its encoded row.
        limits: the lowest and the highest value to draw with; of 8-bit images 0 and 255.
        unit: of an error, such as ``grey levels²``, or ``standardised units²`` of a table.
        value_unit: of a value, such as ``grey levels``; empty where it has no name.
        classes: the names of the labels' numbers, () without labels.
        unlabelled: how many items have no class, where others have one.
        columns: of a table, the names of its columns.
        notes: how the data were read, in sentences.
    """

    name: str
    count: int
    item_shape: tuple[int, ...]
    dtype: str
    form: Form
    item_bytes: int
    limits: tuple[float, float]
    unit: str
    value_unit: str = ""
    classes: tuple[str, ...] = ()
    unlabelled: int = 0
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> Words:
        """What sentences call these things."""
        return Words.of(self.form, self.unit, self.value_unit)


@dataclass(frozen=True, kw_only=True)
class Split:
    """How many items were for what.

    Attributes:
        learnt: that models and PCA were fitted to.
        validated: that decided when to stop; 0 where nothing was decided so.
        measured: that every figure is on.
        measured_name: what these are called.
        seed: that drew what was held out, and everything else.
        sentence: all of that, and whether the measured items chose anything.
    """

    learnt: int
    validated: int
    measured: int
    measured_name: str
    seed: int
    sentence: str


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One model, and what it cost.

    Attributes:
        name: for people, such as ``the article's net``.
        kind: ``ours``, ``article`` or ``given``.
        preset: its preset; ``own`` for a spec of the user's, ``PCA`` where that took the place of
            the net that was trained, whose time is in ``seconds``.
        latent: numbers in its code.
        parameters: weights and biases.
        file_bytes: of its model file.
        detects: whether that holds what ``narrows detect`` needs, which ``narrows fit`` adds.
        seconds: of its training; None of a given model.
        epochs: passes over what it learnt from.
        seed: of its training; None where it is not known.
        version: of the narrows that trained it, or empty.
        data: what it was trained on, such as ``mnist, 60,000 items``.
        unit: of its errors.
        error: its mean squared error on the measured items.
        psnr: the same in dB, or None where no peak is known.
        relative: the root of the error as a share of the mean item's; None where that is 0.
        pca_error: of PCA with as many numbers, on the same items.
        pca_name: of that PCA, which learnt from what the model learnt from.
        with_wild: these two errors with the rows that no figure counts; None without such.
        summary: its layers, as a table of plain text.
        choices: what was chosen for it and why, in sentences.
        file: the name of its file, or empty.
    """

    name: str
    kind: Kind
    preset: str
    latent: int
    parameters: int
    file_bytes: int
    seconds: float | None
    epochs: int | None
    seed: int | None
    version: str
    data: str
    unit: str
    error: float
    psnr: float | None
    relative: float | None
    pca_error: float
    summary: str
    choices: tuple[str, ...] = ()
    file: str = ""
    pca_name: str = "PCA"
    with_wild: tuple[float, float] | None = None
    detects: bool = True

    @property
    def is_pca(self) -> bool:
        """Whether PCA took the place of the net that was trained."""
        return self.preset == "PCA"


@dataclass(frozen=True, kw_only=True)
class MethodScore:
    """What one code of a certain size keeps of the measured items; see ``narrows evaluate``."""

    name: str
    kind: Kind
    numbers: int
    error: float
    psnr: float | None
    relative: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A figure of the page, in words.

    Attributes:
        sentence: what to see in it, computed from its numbers.
        facts: what stands below it: of which data, in which unit, by which seed and version.
    """

    sentence: str = ""
    facts: str = ""


# Error over numbers


@dataclass(frozen=True, kw_only=True)
class NumbersKept(Part):
    """Error over numbers kept of each item.

    Attributes:
        series: a curve a method.
    """

    series: tuple["NumbersSeries", ...]


@dataclass(frozen=True, kw_only=True)
class NumbersSeries:
    """A method's errors, fewest numbers first.

    Attributes:
        name, kind: of the method.
        points: the measurements.
        how: how it was trained, in a few words; empty of what is not trained.
    """

    name: str
    kind: Kind
    points: tuple["NumbersPoint", ...]
    how: str = ""


@dataclass(frozen=True, kw_only=True)
class NumbersPoint:
    """One measurement.

    Attributes:
        numbers: kept of each item.
        error: mean squared error.
        psnr: in dB, or None.
        how: how this one was trained, such as ``9 epochs of 60``; empty where as usual.
    """

    numbers: int
    error: float
    psnr: float | None = None
    how: str = ""


# Error over bytes


@dataclass(frozen=True, kw_only=True)
class BytesSpent(Part):
    """Error over bytes an item.

    Attributes:
        points: everything that was measured.
        count: of how many items.
        raw_bytes: of an item as it is.
    """

    points: tuple["BytesPoint", ...]
    count: int
    raw_bytes: float


@dataclass(frozen=True, kw_only=True)
class BytesPoint:
    """One way to store the items, at one setting.

    Attributes:
        name: of the method, such as ``JPEG`` or ``narrows, bounded``; points of one name, layout
            and charge are one curve.
        kind: ``jpeg``, ``codec``, ``archive``, ``ours``, ``article`` or ``given``.
        setting: such as ``quality 30`` or ``within 8``; empty where there is none.
        layout: ``item``, a file for each; ``sheet``, all in one image; ``file``, all in one file.
        item_bytes: bytes over items.
        error: mean squared error; 0 where nothing is lost.
        largest: the largest error of any value; None where it was not measured.
        psnr: in dB, None where no peak is known or nothing is lost.
        charged: whether what decodes it counts, where it is learnt: of codes their decoder. True
            of what needs no such thing.
        seconds: to write all of them; None where it was not taken.
    """

    name: str
    kind: Kind
    setting: str
    layout: Literal["item", "sheet", "file"]
    item_bytes: float
    error: float
    largest: float | None = None
    psnr: float | None = None
    charged: bool = True
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Archives(Part):
    """What archives of the items take: the numbers of ``narrows info``.

    Attributes:
        rows: one an archive.
        count: of how many items each is.
        raw_bytes: of all of them as they are; of a table, of its text.
    """

    rows: tuple["ArchiveRow", ...]
    count: int
    raw_bytes: int


@dataclass(frozen=True, kw_only=True)
class ArchiveRow:
    """One archive.

    Attributes:
        name: such as ``lossless`` or ``each value within 8``.
        total: its bytes.
        item_bytes: these over items.
        parts: bytes by part.
        classical: the smallest of the methods that learn nothing, in words with its bytes; empty
            where that is not known. Of arrays those of an archive that is coded so.
        classical_bytes: these bytes, or None.
        largest: the largest error of any value, or None.
        error: mean squared error, or None.
        seconds, seconds_back: to write and to read it.
        beyond: bytes of a decoder that is not in the file but must be had, 0 where there is none.
    """

    name: str
    total: int
    item_bytes: float
    parts: Mapping[str, int]
    classical: str
    classical_bytes: int | None
    largest: float | None
    error: float | None
    seconds: float | None
    seconds_back: float | None
    beyond: int = 0

    @property
    def classical_name(self) -> str:
        """The method that takes ``classical_bytes``; empty where that is not known."""
        return self.classical.partition(":")[0]


# JPEG opened up, and the learnt mapping's own features


@dataclass(frozen=True, kw_only=True, eq=False)
class JpegWalk(Part):
    """JPEG's steps on one item, at one quality; a page may do them again at any other.

    Attributes:
        index: where the item is in the data that it is from, from 0 on.
        label: its class, or empty.
        pixels: the item in grey, uint8 (height, width).
        quality: 1 to 100.
        block: the row and the column of the block that is opened up, counted in blocks.
        samples: of that block less 128, int (8, 8).
        coefficients: its cosine transform, float64 (8, 8).
        table: what they are divided by, at this quality, int (8, 8).
        rounded: the quotients, rounded, int (8, 8).
        zeros: the share of the zeros among the rounded ones of all blocks.
        decoded: what comes back, uint8 (height, width).
        error: mean squared error of that.
        file_bytes: of the JPEG file of this item at this quality.
        factor: levels of a pixel, 0 to 255, that one of the data's values is.
    """

    index: int
    label: str
    pixels: np.ndarray
    quality: int
    block: tuple[int, int]
    samples: np.ndarray
    coefficients: np.ndarray
    table: np.ndarray
    rounded: np.ndarray
    zeros: float
    decoded: np.ndarray
    error: float
    file_bytes: int
    factor: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Features(Part):
    """What each latent number of a model does to what is decoded.

    Attributes:
        model: its name.
        start: the decoded item whose code lies nearest the median of all, (\\*item_shape), in the
            data's dtype.
        numbers: in order of effect, the strongest first.
    """

    model: str
    start: np.ndarray
    numbers: tuple["LatentNumber", ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentNumber:
    """One latent number, moved while the others keep those of the item at the start.

    Attributes:
        index: its place in the code, from 0.
        effect: the root mean square of what it changes between its ends, in data units.
        values: of the number, float32 (steps,), from its 5th to its 95th percentile over codes.
        items: what is decoded at each, (steps, \\*item_shape), in the data's dtype.
        columns: of a table, the columns that it moves most; () otherwise.
    """

    index: int
    effect: float
    values: np.ndarray
    items: np.ndarray
    columns: tuple[str, ...] = ()


# Items


@dataclass(frozen=True, kw_only=True, eq=False)
class Gallery(Part):
    """Some of the measured items, beside what each method makes of them.

    Attributes:
        items: the best ones first, then the median ones, then the worst.
        ranked_by: the name of the model whose errors rank them.
    """

    items: tuple["GalleryItem", ...]
    ranked_by: str


@dataclass(frozen=True, kw_only=True, eq=False)
class GalleryItem:
    """One item.

    Attributes:
        index: where it is in the data that it is from, from 0 on.
        file: of a folder of images, the one that it came from; empty otherwise.
        rank: which group it belongs to.
        label: its class, or empty.
        original: (\\*item_shape), in the data's dtype.
        cells: of a table, the row's cells as text in the order of its columns, the first 200 of
            them: empty where it is missing, None in a column that nothing is learnt from; ()
            otherwise.
        versions: what the methods make of it; the same methods in the same order everywhere.
    """

    index: int
    file: str
    rank: Rank
    label: str
    original: np.ndarray
    cells: tuple[str | None, ...]
    versions: tuple["Version", ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Version:
    """What a method makes of an item.

    Attributes:
        name, kind: of the method.
        values: (\\*item_shape), in the data's dtype.
        cells: as of the item.
        error: mean squared error of it.
        item_bytes: what it takes: of a code 4 bytes a number, of a picture its file.
    """

    name: str
    kind: Kind
    values: np.ndarray
    cells: tuple[str | None, ...]
    error: float
    item_bytes: int


# What codes are good for, losses, latent space


@dataclass(frozen=True, kw_only=True)
class CodeUse(Part):
    """How well classes are told from codes.

    Attributes:
        rows: by representation: codes of each model, PCA's of the same size, the items themselves.
        learnt: items that the classifiers were fitted to.
        measured: items that they were asked about.
        classes: how many classes.
        most_frequent: the accuracy of always answering the most frequent one.
    """

    rows: tuple["CodeUseRow", ...]
    learnt: int
    measured: int
    classes: int
    most_frequent: float


@dataclass(frozen=True, kw_only=True)
class CodeUseRow:
    """One representation: the share of right answers of the five nearest neighbours and of a
    logistic regression, from 0 to 1."""

    name: str
    kind: Kind
    numbers: int
    neighbours: float
    logistic: float


@dataclass(frozen=True, kw_only=True)
class Losses(Part):
    """The losses of training runs.

    Attributes:
        curves: one a run.
    """

    curves: tuple["LossCurve", ...]


@dataclass(frozen=True, kw_only=True)
class LossCurve:
    """One run, a value an epoch; losses in data units squared.

    Attributes:
        name, kind: of the model.
        loss: on what was learnt from, as it went in, moved about or damaged where it was.
        held_out: on items that were not learnt from; () without them.
        held_out_name: ``validation`` or ``test``: test items are shown, and decided nothing.
        pca: the error of PCA with as many numbers on the same items; None without them.
        kept: the epoch that the model is of, from 1.
        seconds: of the epochs together.
        replaced: whether PCA took the place of what this run made.
        refined: whether the model refines its codes, which these losses are without.
    """

    name: str
    kind: Kind
    loss: tuple[float, ...]
    held_out: tuple[float, ...]
    held_out_name: str
    pca: float | None
    kept: int
    seconds: float
    replaced: bool = False
    refined: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentSpace(Part):
    """Where the codes of measured items lie.

    Attributes:
        model, kind: whose codes.
        positions: float32 (n, 2): the two directions in which codes vary most, or the two numbers.
        axes: what the two are.
        explained: the share of the codes' variance that is in both.
        labels: of each, int (n,), or None.
        classes: the labels' names.
        indices: where each is in the data that it is from, from 0 on, int (n,).
        thumbnails: places in ``positions`` of the items in ``pictures``, int (m,).
        pictures: (m, \\*item_shape) in the data's dtype; m is 0 where items are no pictures.
        dead: how many latent numbers are the same for every item.
    """

    model: str
    kind: Kind
    positions: np.ndarray
    axes: tuple[str, str]
    explained: float
    labels: np.ndarray | None
    classes: tuple[str, ...]
    indices: np.ndarray
    thumbnails: np.ndarray
    pictures: np.ndarray
    dead: int


# Tables, denoising


@dataclass(frozen=True, kw_only=True)
class TableColumns(Part):
    """A table's columns.

    Attributes:
        errors: of each column, by model: the model's name, and the columns in the table's order.
        redundancy: which columns follow from others; None where there are too few rows or too many
            columns to tell.
    """

    errors: tuple[tuple[str, tuple[ColumnScore, ...]], ...]
    redundancy: Redundancy | None


@dataclass(frozen=True, kw_only=True, eq=False)
class DenoisingPart(Part):
    """What a model that denoises leaves of noise, beside filters and Hopfield's memory.

    Attributes:
        model: its name.
        noise: what was added, such as ``gaussian:0.5``.
        scores: of the noisy items, the model, the filters, Hopfield's memory.
        count: of how many items.
        clean, noisy: some of them, (m, \\*item_shape).
        versions: what each method makes of these: its name, and an array of their shape.
    """

    model: str
    noise: str
    scores: tuple[DenoisingScore, ...]
    count: int
    clean: np.ndarray
    noisy: np.ndarray
    versions: tuple[tuple[str, np.ndarray], ...]


@dataclass(frozen=True)
class Command:
    """A command line to go on with, and what it does."""

    line: str
    purpose: str
