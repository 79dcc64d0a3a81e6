"""NumPy's masked arrays as a table of one column, missing where they are masked, and back."""

import math
from typing import Any

import numpy as np

from narrows.data.tables.frames.form import Form
from narrows.data.tables.frames.scalars import scalar_from_text, scalar_to_text
from narrows.errors import DataError
from narrows.support.lazy_modules import pa

_NAME = "values"


def masked_to_arrow(data: Any) -> tuple[Any, Form]:
    """A masked array as an Arrow table of one column and its form; what is under the mask is not
    in it.

    Raises:
        DataError: values that an archive does not hold.
    """
    dtype = data.dtype
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise DataError(
            f"masked values of type {dtype.name} cannot be compressed",
            hint="give truth values, integers of 8 to 64 bits or floats of 16 to 64 bits",
        )
    values = np.ascontiguousarray(np.ma.getdata(data)).reshape(-1)
    values = values.astype(dtype.newbyteorder("="))
    if dtype.kind == "b":
        values = values.view(np.uint8) != 0
    mask = np.ma.getmaskarray(data).reshape(-1)
    more = {
        "dtype": dtype.str,
        "shape": list(data.shape),
        "mask": np.ma.getmask(data) is not np.ma.nomask,
    }
    fill = data._fill_value
    # NumPy's own, which there is without a choice, need not be of the dtype
    if fill is not None and np.asarray(fill).astype(dtype) == fill:
        more["fill"] = scalar_to_text(np.asarray(fill, dtype.newbyteorder("="))[()])
    table = pa.table({_NAME: pa.array(values, mask=mask)})
    return table, Form("numpy", "array", more=more)


def masked_from_arrow(table: Any, form: Form) -> Any:
    """What :func:`masked_to_arrow` was given.

    Raises:
        Exception: of any kind, where the form is not the table's.
    """
    (column,) = table.columns
    dtype, shape = np.dtype(form.more["dtype"]), tuple(map(int, form.more["shape"]))
    if dtype.kind not in "biuf" or math.prod(shape) != len(column):
        raise ValueError("an array of another shape")
    mask = np.array(column.is_null(), bool)
    zero = pa.scalar(False if pa.types.is_boolean(column.type) else 0).cast(column.type)
    values = np.array(column.fill_null(zero).to_numpy()).astype(dtype).reshape(shape)
    kept = mask.reshape(shape) if form.more["mask"] else np.ma.nomask
    if not form.more["mask"] and mask.any():
        raise ValueError("an array with a mask that it has not")
    fill = scalar_from_text(form.more["fill"]) if "fill" in form.more else None
    return np.ma.MaskedArray(values, kept, fill_value=fill)
