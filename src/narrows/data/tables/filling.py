"""Missing cells of a column, filled in with what a model makes of them, in the type that the column
has in the table at hand, which need not be that of training."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.arrow_types import is_text, kind_of, number_dtype
from narrows.data.tables.columns import Column
from narrows.data.tables.encoding import cast_cells, compatible_types
from narrows.data.tables.frames.learning import without_rare_class
from narrows.data.tables.reading import cells_of
from narrows.data.tables.schema import TableSchema
from narrows.data.tables.table_source import TableSource
from narrows.errors import DataError
from narrows.support.lazy_modules import pa, pc


def fills(column: Column) -> bool:
    """Whether there is something to fill a column's cells in with: training saw a value."""
    return column.kind != "ignored" and (column.width > 0 or column.value is not None)


def filled_types(schema: TableSchema, table: TableSource, *, every: bool = False) -> dict[str, Any]:
    """The Arrow types that columns get whose cells do not keep their own, by name: that of training
    where it holds every cell of the table as it is, and otherwise one that does.

    Args:
        table: which has the model's columns; it is read as often as some type does not do.
        every: the cells that have a value are replaced too.
    """
    found: dict[str, Any] = {}
    waiting: dict[str, list[Any]] = {}
    for column in schema.columns:
        named = column.identifier and table.textual  # whose texts were numbers in training
        if column.name in table.types and (fills(column) or named):
            types = compatible_types(column)
            if not table.textual:
                types = [types[0], table.types[column.name]]
            waiting[column.name] = types[:1] if every and column.width else types
    while waiting:
        found |= {name: types[0] for name, types in waiting.items()}
        waiting = {name: types[1:] for name, types in waiting.items() if len(types) > 1}
        unfit = set[str]()
        for batch in table.batches(list(waiting)) if waiting else ():
            for name in waiting.keys() - unfit:
                array = cells_of(batch, name)
                if not pa.types.is_dictionary(found[name]):
                    unfit |= (
                        {name} if cast_cells(schema[name], array, found[name]) is None else set()
                    )
        waiting = {name: types for name, types in waiting.items() if name in unfit}
    return found


def filled_rows(
    schema: TableSchema,
    block: Any,
    features: np.ndarray,
    *,
    types: Mapping[str, Any],
    every: bool = False,
) -> tuple[Any, Counter[str]]:
    """Rows with their missing cells filled in, a pyarrow.Table with the columns of ``block``, and
    how many cells of which columns were missing.

    Each keeps its type, or gets the one that is asked for; columns that were not trained on are
    as they were.

    Args:
        block: an Arrow table that has all columns, and perhaps more.
        features: what stands in for its rows, (n, width); what they say of missing cells is
            passed over.
        types: Arrow types that columns get, by name, as ``filled_types`` finds them.
        every: replace the cells that have a value too.
    """
    arrays, missing = [], Counter[str]()
    for name in block.column_names:
        column, type_ = schema.by_name.get(name), types.get(name)
        if column is None or not (fills(column) or type_ is not None):
            arrays.append(block.column(name))
            continue
        array, own = cells_of(block, name), features[:, column.features]
        if fills(column):
            # words such as "unknown" are missing among numbers
            numbers = type_ is not None and column.is_number
            known = cast_cells(column, array, type_) if numbers else None
            missing[name] = (array if known is None else known).null_count
        over = every and column.width > 0
        if type_ is not None:
            array = pa.nulls(len(array), array.type) if over else array
            arrays.append(retyped_column(column, array, own, type_))
        else:
            arrays.append(filled_column(column, array, own, every=over))
    return pa.table(arrays, names=block.column_names), +missing


def retyped_column(column: Column, original: Any, features: np.ndarray, type_: Any) -> Any:
    """The cells of an Arrow array, and where they are missing what features stand for: an Arrow
    array of a type that :func:`filled_types` found.

    Raises:
        DataError: it does not hold them.
    """
    filled = column.decode(column.present(features))
    return _completed(column, original, _as(column, filled, features, type_))


def filled_column(
    column: Column, original: Any, features: np.ndarray, entry: Any = None, *, every: bool = False
) -> Any:
    """The cells of an Arrow array, and where they are missing what features stand for: an Arrow
    array of the same type, or of training's where all cells are missing and of no type.

    Categories keep their order; new ones come behind them.

    Args:
        column: what training knew of the column.
        original: its cells, in one array, with NaN as missing.
        features: those of the column that stand in for its rows, (n, column.width).
        entry: what the form of a data frame says of the column.
        every: replace the cells that have a value too.

    Raises:
        DataError: what training knew is of a kind that the column cannot hold.
    """
    filled = column.decode(column.present(features))
    filled = without_rare_class(pa.chunked_array([filled]), entry or {})
    if isinstance(filled, pa.ChunkedArray):
        filled = filled.combine_chunks()
    if pa.types.is_null(original.type):
        return filled
    if every:
        original = _without_values(original)
    if str(original.type) == "string_view":  # of which Arrow fills none in
        plain = original.cast(pa.string())
        return filled_column(column, plain, features, entry).cast(original.type)
    try:
        if pa.types.is_dictionary(original.type):
            return _with_classes(original, filled)
        return pc.coalesce(original, _as(column, filled, features, original.type))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(
            f"column {column.name!r} is of type {original.type}, and was {column.dtype} in "
            f"training, so that its missing cells cannot be filled in: {error}",
            hint="give the column the type that it had",
        ) from error


def _completed(column: Column, original: Any, filled: Any) -> Any:
    """The cells of an Arrow array, and where they are missing those of ``filled``: an Arrow
    array of that one's type, which holds them."""
    if not column.width and original.null_count == len(original):
        return filled
    if pa.types.is_dictionary(filled.type):
        texts = pc.coalesce(cells.to_texts(original), cells.to_texts(filled))
        classes = list(dict.fromkeys([*column.levels, *texts.drop_null().unique().to_pylist()]))
        codes, _ = cells.to_codes(texts, classes)
        codes[codes < 0] = len(classes)
        return cells.from_codes(codes, [*classes, None], filled.type, column.levels)
    if str(filled.type) == "string_view":  # of which Arrow fills none in
        plain = pc.coalesce(cells.to_texts(original), filled.cast(pa.string()))
        return plain.cast(filled.type)
    kept = cast_cells(column, original, filled.type)
    if kept is None:
        raise DataError(
            f"column {column.name!r} was {column.dtype} in training, and holds cells that are no "
            f"{filled.type}",
            hint="correct them, or train on a table that has such cells",
        )
    return pc.coalesce(kept, filled)


def _without_values(array: Any) -> Any:
    if not pa.types.is_dictionary(array.type):
        return pa.nulls(len(array), array.type)
    indices = pa.nulls(len(array), array.type.index_type)
    return pa.DictionaryArray.from_arrays(indices, array.dictionary, ordered=array.type.ordered)


def _as(column: Column, filled: Any, features: np.ndarray, type_: Any) -> Any:
    """What training knew as cells of another type."""
    if filled.type == type_:
        return filled
    filled = cells.without_dictionary(filled)
    if is_text(type_):
        return cells.to_written(filled).cast(type_)
    if is_text(filled.type) and column.is_number:
        return cast_cells(column, filled, type_)
    if is_text(filled.type):
        return cells.from_texts(filled.cast(pa.string()).to_pylist(), type_)
    whole = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal)
    if column.is_number and column.kind != "date" and any(is_(type_) for is_ in whole):
        numbers = column.numbers(column.present(features))
        numbers = column.rounded(column.snapped(numbers))
        return cells.from_numbers(numbers, type_)
    if (kind_of(type_) == "date") != pa.types.is_temporal(filled.type):
        raise ValueError("dates are no numbers")
    return filled.cast(type_, safe=False)


def _with_classes(original: Any, filled: Any) -> Any:
    value_type = original.type.value_type
    texts = cells.to_texts(filled)
    levels = cells.to_texts(original.dictionary)
    missing = original.indices.is_null()
    wanted = texts.filter(missing).drop_null().unique()
    new = wanted.filter(pc.invert(pc.is_in(wanted, levels))).to_pylist()
    known = pa.array([*levels.to_pylist(), *new], pa.string())
    dictionary = original.dictionary
    if new:
        dictionary = pa.concat_arrays([dictionary, cells.from_texts(new, value_type)])
    old = original.indices.cast(pa.int64())
    codes = pc.coalesce(old, pc.index_in(texts, known).cast(pa.int64()))
    index_type = original.type.index_type
    if len(known) > np.iinfo(number_dtype(index_type)).max:
        index_type = pa.int32()
    return pa.DictionaryArray.from_arrays(
        codes.cast(index_type), dictionary, ordered=original.type.ordered
    )
