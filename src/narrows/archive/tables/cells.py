"""A column's cells as plain NumPy arrays, and back: which are present, and their numbers.

=======================================  ==================================================
type of the column                       what is held for a cell that is present
=======================================  ==================================================
truth values, integers, floats           the value
dates, times, durations                  the integer that counts days, seconds and so on
decimals of up to 18 digits              the digits, as an integer
dictionaries                             the number of the category
texts, bytes, decimals of more digits    the number of the text, counted as they first come
null                                     nothing
=======================================  ==================================================
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.data.tables.arrow_types import is_binary, is_text, number_dtype
from narrows.errors import DataError
from narrows.support.lazy_modules import pa, pc

#: Bytes that all different texts of one column may take, in one group of rows.
MOST_TEXT = 1 << 26
_MOST_DIGITS = 18
_CODES = np.dtype(np.int32)


@dataclass(frozen=True)
class Cells:
    """The cells of a column in a group of rows.

    Attributes:
        present: which are not missing, bool (n,).
        values: of those that are present, (m,).
        lengths: of texts: bytes of each different one, uint32 (k,); otherwise None.
        letters: of texts: their UTF-8, one after the other, uint8.
    """

    present: np.ndarray
    values: np.ndarray
    lengths: np.ndarray | None = None
    letters: np.ndarray | None = None


@dataclass(frozen=True)
class Storage:
    """How cells of an Arrow type are held.

    Attributes:
        type: the Arrow type.
        dtype: of the values.
        textual: whether the values count texts.
        scale: of decimals, digits behind the point; otherwise 0.
    """

    type: Any
    dtype: np.dtype
    textual: bool = False
    scale: int = 0

    @classmethod
    def of(cls, type_: Any) -> "Storage":
        """How cells of ``type_``, one of those that narrows knows, are held."""
        types = pa.types
        if types.is_dictionary(type_) or types.is_null(type_):
            return cls(type_, _CODES)
        if types.is_decimal(type_) and type_.precision <= _MOST_DIGITS:
            return cls(type_, np.dtype(np.int64), scale=type_.scale)
        if is_text(type_) or is_binary(type_) or types.is_decimal(type_):
            return cls(type_, _CODES, textual=True)
        if types.is_boolean(type_):
            return cls(type_, np.dtype(bool))
        return cls(type_, number_dtype(type_))

    @property
    def numeric(self) -> bool:
        """Whether a largest error can be asked of such cells: integers, floats, decimals."""
        types, type_ = pa.types, self.type
        number = types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_)
        return number and not self.textual

    def cells(self, array: Any, categories: Any = None) -> Cells:
        """The cells of an Arrow array of the type.

        Args:
            array: of a dictionary type, with any dictionary whose values ``categories`` has.
            categories: of a dictionary type, all values in order.

        Raises:
            DataError: more text than a group may have.
        """
        if pa.types.is_dictionary(self.type):
            array = _category_numbers(array, categories)
        present = pc.is_valid(array).to_numpy(zero_copy_only=False).astype(bool)
        if self.textual:
            # Arrow does less with other types of texts
            plain = pa.large_binary() if is_binary(self.type) else pa.large_string()
            return _text_cells(present, array.cast(plain).drop_null())
        return Cells(present, self._numbers(array.drop_null()))

    def _numbers(self, array: Any) -> np.ndarray:
        types = pa.types
        if types.is_null(self.type):
            return np.zeros(0, self.dtype)
        if types.is_decimal(self.type):
            if not len(array):
                return np.zeros(0, self.dtype)
            words = np.frombuffer(array.buffers()[1], _word(self.type))
            words = words.reshape(-1, self.type.byte_width // words.itemsize)
            return words[array.offset : array.offset + len(array), 0].astype(np.int64)
        if types.is_temporal(self.type):
            array = array.view(pa.from_numpy_dtype(self.dtype))
        return array.to_numpy(zero_copy_only=False).astype(self.dtype, copy=False)

    def array(self, cells: Cells, categories: Any = None) -> Any:
        """The Arrow array that :meth:`cells` was given.

        Raises:
            Exception: of any kind, where there are no such cells.
        """
        if pa.types.is_null(self.type):
            return pa.nulls(len(cells.present))
        places = np.cumsum(cells.present) - 1
        indices = pa.array(np.where(cells.present, places, 0), mask=~cells.present)
        if pa.types.is_dictionary(self.type):
            codes = pa.array(cells.values).take(indices).cast(self.type.index_type)
            return pa.DictionaryArray.from_arrays(codes, categories, ordered=self.type.ordered)
        if self.textual:
            plain = pa.large_binary() if is_binary(self.type) else pa.large_string()
            texts = _texts(cells, plain).take(pa.array(cells.values)).take(indices)
            return texts.cast(self.type)
        return self._typed(cells.values).take(indices)

    def _typed(self, values: np.ndarray) -> Any:
        if pa.types.is_decimal(self.type):
            word = _word(self.type)
            more = self.type.byte_width // word.itemsize - 1
            words = np.stack([values, *[values >> np.int64(63)] * more], axis=1).astype(word)
            buffers = [None, pa.py_buffer(words.tobytes())]
            return pa.Array.from_buffers(self.type, len(values), buffers)
        array = pa.array(values)
        return array.view(self.type) if pa.types.is_temporal(self.type) else array


def _word(type_: Any) -> np.dtype:
    """The integers that Arrow has of a decimal, the lowest first."""
    return np.dtype("<i4" if type_.byte_width == 4 else "<i8")


def comparable(array: Any) -> Any:
    """Categories as a type that Arrow finds values in."""
    others = {"string_view": pa.string(), "binary_view": pa.binary(), "halffloat": pa.float32()}
    wanted = others.get(str(array.type))
    return array if wanted is None else array.cast(wanted)


def _category_numbers(array: Any, categories: Any) -> Any:
    """Where each cell's category stands among ``categories``, as an Arrow array."""
    if not pa.types.is_dictionary(array.type):
        return pc.index_in(array, categories, skip_nulls=True)
    numbers = pc.index_in(comparable(array.dictionary), categories, skip_nulls=True)
    return numbers.take(array.indices)


def _text_cells(present: np.ndarray, array: Any) -> Cells:
    # Arrow numbers texts as they first come.
    encoded = array.dictionary_encode()
    texts = encoded.dictionary
    offsets = np.frombuffer(texts.buffers()[1] or b"", np.int64)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
    start, stop = (int(offsets[0]), int(offsets[-1])) if len(texts) else (0, 0)
    if stop - start > MOST_TEXT:
        raise DataError(
            f"a text, or some of one column together, takes {stop - start:,} bytes",
            hint=f"at most {MOST_TEXT:,} bytes are compressed at once: cut the text",
        )
    letters = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[start:stop]
    lengths = np.diff(offsets).astype(np.uint32) if len(texts) else np.zeros(0, np.uint32)
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(_CODES)
    return Cells(present, codes, lengths, letters)


def _texts(cells: Cells, type_: Any) -> Any:
    assert cells.lengths is not None and cells.letters is not None
    offsets = np.concatenate([[0], np.cumsum(cells.lengths, dtype=np.int64)])
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(cells.letters.tobytes())]
    texts = pa.Array.from_buffers(type_, len(cells.lengths), buffers)
    texts.validate(full=True)
    return texts
