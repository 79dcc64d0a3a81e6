"""From what the user names to a checked :class:`Dataset`."""

import contextlib
import difflib
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from narrows.data.array_inputs import array_input, is_sparse
from narrows.data.arrays import read_npy, read_npz
from narrows.data.checks import check_dtype, checked
from narrows.data.dataset import Dataset, format_range
from narrows.data.digits import load_digits
from narrows.data.idx import labels_beside, looks_like_idx, read_idx
from narrows.data.image_folder import are_pillow_images, images_as_dataset, read_image_folder
from narrows.data.image_options import ImageOptions
from narrows.data.image_reading import image_suffixes
from narrows.data.mnist import load_mnist
from narrows.data.named_arrays import SUFFIXES, read_named, split_name
from narrows.data.parts import EACH_BY_ITSELF, is_pattern, part_files
from narrows.data.read_options import ReadKeywords, parted
from narrows.data.tables import CsvOptions, TableSchema, is_frame, is_table, load_table
from narrows.errors import DataError, NarrowsError, UsageError
from narrows.support import arguments, memory
from narrows.support.inputs import cannot_be_read, unchanged
from narrows.support.number_text import count_of, listed
from narrows.support.progress import Tracker, silent
from narrows.support.spelling import spelt

BUILT_IN = ("mnist", "mnist:train", "mnist:test", "digits")

_KINDS = (
    f"give a built-in name ({', '.join(BUILT_IN)}), an IDX file (.gz or raw), "
    "an .npy file, an array of an .npz, .mat or .h5 file (FILE:NAME), a .csv or .parquet table, "
    "a folder of images or of tables, or a pattern such as 'part-*.parquet'"
)


def load_data(
    source: Any,
    *,
    labels: bool = False,
    types: Mapping[str, str] | None = None,
    table: TableSchema | None = None,
    as_is: bool = False,
    track: Tracker = silent,
    **how: Unpack[ReadKeywords],
) -> Dataset:
    """Load a data set.

    Args:
        source: ``mnist`` (its training images, the same as ``mnist:train``), ``mnist:test``,
            ``digits``, or the path of an IDX file (``.gz`` or raw), an ``.npy`` file (of a
            large one rows are read when they are asked for), an ``.npz`` file (its array ``x``,
            ``X``, ``items``, ``data``, ``arr_0``, or its only one), a ``.mat`` or ``.h5`` file
            likewise, or one of their arrays by name, as in ``mnist.npz:x_train``; an array, a list
            of lists, a sparse matrix (which is made dense) or a Dataset; a folder of images, also
            in folders of their own, a list of Pillow images, or a table: a ``.csv`` (also ``.tsv``
            or ``.data``, and any of them with ``.gz``) or ``.parquet`` file, several of
            one kind as a folder or a pattern such as ``part-*.csv``, or a pandas or polars
            DataFrame. A built-in name wins over a file of that name; ``./mnist`` is the file.
        labels: read the labels too, where the source has them: ``mnist``, ``digits``, an IDX file
            of images with its file of labels beside it, named as MNIST's are, and folders with
            folders of images, whose names are the classes.
        types: for a table, what columns are, by name, where it shall not be inferred:
            ``numeric``, ``integer``, ``boolean``, ``categorical``, ``date`` or ``ignored``.
        table: for a table, the schema of a trained model, to make the same features of it.
        as_is: for what learns nothing from the values: take NaN, infinity, empty arrays and those
            of fewer than two dimensions too, and keep the byte order; images as they are in their
            files, not turned as EXIF data say, and in their own colours. Not for tables.
        track: told about whatever takes long.
        how: of a folder of images ``grey``, ``resize`` (to (width, height)) and ``skip_damaged``:
            see :class:`narrows.data.image_options.ImageKeywords`. Of a CSV file, where it is not
            what it looks like, ``missing``, ``decimal``, ``thousands``, ``header``, ``skip_rows``,
            ``encoding`` and ``delimiter``: see :class:`narrows.data.tables.CsvKeywords`. A model
            keeps what it was trained with, and reads other tables alike.

    Returns:
        At least one item, each of at least one value, all real and finite, in the source's dtype;
        of a table, the float32 features of its rows. With ``as_is``, whatever array of real numbers
        the source holds.

    Raises:
        DataError: there is no such source, or it is not what it must be; ``table`` is given and
            the source is no table, or one that does not fit.
        UsageError: ``types`` names what there is not, or is given for what is no table.

    Example:
        >>> load_data("digits").items.shape
        (1797, 8, 8)
    """
    labels, as_is = arguments.truth("labels", labels), arguments.truth("as_is", as_is)
    arguments.tracker("track", track)
    arguments.mapping("types", types, "kinds of columns by name, as in {'age': 'integer'}")
    if isinstance(source, Dataset):
        return source
    of_images, of_csv = parted(how)
    csv = CsvOptions.of(of_csv)
    if is_frame(source):
        return load_table(source, types=types, schema=table, options=csv, track=track)
    images = ImageOptions.of(**of_images)
    if not isinstance(source, str | os.PathLike):
        return _in_memory(source, as_is, types or table, images, csv, track=track)
    name = arguments.path("source", source)
    require_folder(name, images)
    with read_errors_explained(name):
        if is_table_source(name):
            return load_table(name, types=types, schema=table, options=csv, track=track)
        require_there(name)
        csv.require_none(name)
        _require_no_columns(name, types, table)
        dataset = _load(name, labels, as_is, images, track)
        return dataset if as_is else checked(dataset, track=track)


def _in_memory(
    source: Any, as_is: bool, columns: Any, images: ImageOptions, csv: CsvOptions, *, track: Tracker
) -> Dataset:
    name = "a list of images" if are_pillow_images(source) else "an array"
    csv.require_none(name)
    require_folder(name, images)
    if are_pillow_images(source):
        return checked(images_as_dataset(source, exact=as_is))
    return _of_array(source, as_is, columns, track)


def _require_no_columns(
    name: str, types: Mapping[str, str] | None, table: TableSchema | None
) -> None:
    if table is not None:
        raise DataError(
            f"{name} is no table, and the model was trained on one with the columns "
            + listed(table.names, 10),
            hint="give a .csv or .parquet file with these columns",
        )
    if types:
        raise UsageError(
            f"{name} is no table, and only columns have types",
            hint="leave the types out, or give a .csv or .parquet file",
        )


def require_folder(name: str, options: ImageOptions) -> None:
    """Make sure that options for images of a folder are given for one.

    Raises:
        UsageError: they are not.
    """
    if options.is_set and (name in BUILT_IN or not Path(name).is_dir()):
        raise UsageError(
            f"{name} is no folder of images, which {spelt('grey', True)}, {spelt('resize')} and "
            f"{spelt('skip_damaged', True)} are for",
            hint="leave them out",
        )


def require_there(name: str) -> None:
    """Make sure that a source is a built-in one or lies somewhere, whatever is in it.

    Raises:
        DataError: there is no such file or folder.
    """
    path = Path(split_name(name)[0])
    if name not in BUILT_IN and not path.exists():
        raise _several(name) or _not_found(path)


def is_table_source(source: str | os.PathLike[str]) -> bool:
    """Whether there is a table of this name, and no built-in data."""
    return os.fspath(source) not in BUILT_IN and is_table(source)


def validation_source(source: str | os.PathLike[str]) -> str | None:
    """The source made for validating on, where ``source`` has one: ``mnist:test`` for ``mnist``."""
    return "mnist:test" if os.fspath(source) in ("mnist", "mnist:train") else None


def _load(name: str, labels: bool, as_is: bool, options: ImageOptions, track: Tracker) -> Dataset:
    match name:
        case "mnist" | "mnist:train":
            return load_mnist(name, "train", labels=labels, track=track)
        case "mnist:test":
            return load_mnist(name, "test", labels=labels, track=track)
        case "digits":
            return load_digits(name, labels=labels)
    if Path(name).is_dir():
        return read_image_folder(
            Path(name), name=name, labels=labels, options=options, exact=as_is, track=track
        )
    path, array = split_name(name)
    with unchanged(path):
        items = _read_path(Path(path), array, as_is)
    beside = labels_beside(Path(path)) if labels else None
    numbers = None if beside is None else read_idx(beside)
    return Dataset(name, items, format_range(items.dtype), labels=numbers)


def _of_array(source: Any, as_is: bool, columns: Any, track: Tracker) -> Dataset:
    """An array, a list of lists or a sparse matrix as a data set."""
    is_array = isinstance(source, list | tuple) or hasattr(source, "__array__")
    if not (is_array or is_sparse(source)):
        raise arguments.refused(
            "source", source, "a name, a path, an array or a data frame", _KINDS
        )
    if columns:
        raise UsageError(
            "an array has no named columns, and types and table are for those",
            hint="leave them out, or give a data frame",
        )
    try:
        items = np.asarray(array_input(source, "source"))
    except ValueError as error:
        if isinstance(error, NarrowsError):
            raise
        raise DataError(f"the list is no array: {error}", hint="give rows of one length") from error
    dataset = Dataset("X", items, format_range(items.dtype) if items.ndim > 2 else None)
    if as_is:
        check_dtype("X", items.dtype)
        return dataset
    return checked(dataset, track=track)


def _read_path(path: Path, name: str | None, may_be_empty: bool) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        return read_npy(path, may_be_empty=may_be_empty)
    if path.suffix.lower() == ".npz":
        return read_npz(path, name, may_be_empty=may_be_empty)
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return read_named(path, name)
    if path.is_file() and looks_like_idx(path):
        return read_idx(path, may_be_empty=may_be_empty)
    raise DataError(f"{path} is not a kind of data that narrows reads", hint=_KINDS)


def _several(name: str) -> DataError | None:
    """What is said of a pattern that files match which are no table; None where none does."""
    parts = part_files(name) if is_pattern(name) else None
    if parts is None or not parts.files:
        return None
    kinds = {path.suffix.lower() for path in parts.files}
    kind = f"{kinds.pop()} files".lstrip() if len(kinds) == 1 else "files"
    count = count_of(len(parts.files), kind)
    match = "matches" if len(parts.files) == 1 else "match"
    if all(path.suffix.lower() in image_suffixes() for path in parts.files):
        return DataError(
            f"{count} {match} {name}, and images are read by the folder",
            hint=f"name the folder: {parts.base}",
        )
    return DataError(f"{count} {match} {name}, and each is its own data set", hint=EACH_BY_ITSELF)


def _not_found(path: Path) -> DataError:
    # A name without a folder or a suffix may be meant as a built-in one.
    if path.name == str(path) and not path.suffix:
        for meant in difflib.get_close_matches(path.name.lower(), BUILT_IN, n=1):
            return DataError(f"there is no file or folder {path}", hint=f"did you mean {meant}?")
    return DataError(f"there is no file or folder {path}", hint=f"check the path, or {_KINDS}")


@contextlib.contextmanager
def read_errors_explained(name: str) -> Iterator[None]:
    """Turn the system's errors about ``name`` into ones that say what to do."""
    try:
        yield
    except NarrowsError:
        raise
    except (OSError, MemoryError) as error:
        if shortage := memory.explained(error, _SMALLER):
            told = shortage.message.partition(": ")[2]
            raise DataError(f"{name} does not fit in memory: {told}", hint=_SMALLER) from error
        if not isinstance(error, OSError) or error.errno in _OF_WRITING:
            raise
        raise cannot_be_read(name, error) from error


# What only writing fails with: that may be done meanwhile.
_OF_WRITING = (errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EPIPE)
_SMALLER = "save it as .npy, which is read piece by piece, or give fewer rows"
