"""Data: every source becomes a :class:`Dataset`, and results go back to files."""

from narrows.data.checks import checked
from narrows.data.codes import load_codes
from narrows.data.dataset import Dataset
from narrows.data.idx import read_idx
from narrows.data.pages import Pages, open_pages
from narrows.data.sources import load_data, validation_source
from narrows.data.tables import TableSchema
from narrows.data.writing import item_writer, named_image_writer, row_writer, table_writer

__all__ = [
    "Dataset",
    "Pages",
    "TableSchema",
    "checked",
    "item_writer",
    "load_codes",
    "load_data",
    "named_image_writer",
    "open_pages",
    "read_idx",
    "row_writer",
    "table_writer",
    "validation_source",
]
