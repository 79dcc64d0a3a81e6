"""Tables: columns of any type become float32 features of equal weight, and come back.

=================  =======================================================================
``arrow_types``    the column types that are known, to and from text
``columns``        one column: how its cells become features, and features cells
``schema``         all columns of a table
``cells``          cells of any type as numbers or texts, and numbers as cells
``csv_options``    what a user says of how a CSV file is read
``csv_bytes``      its bytes as text: packed or not, in whatever encoding
``csv_layout``     what its first lines say: delimiter, names, what stands above them
``csv_text``       what it is like: all of that, and what is wrong with it
``reading``        sources: CSV, Parquet, data frames, in batches
``scanning``       what kind of column it is and its statistics, in one pass or few
``grids``          decimals and steps that all numbers of a column have
``identifiers``    whole numbers that name rows
``marginals``      how the numbers of a column lie
``later``          cells of later tables, written or typed otherwise than in training
``loading``        from a source to a Dataset
``filling``        missing cells filled in, in the types of the table at hand
``frames``         data frames as Arrow tables and back, without a change
``spellings``      how numbers and dates are written in texts
``texts``          texts as what their column holds, and what among them is missing
``unfamiliar``     what a schema had not met in training, counted for the user
=================  =======================================================================
"""

from narrows.data.tables.columns import KINDS, Column
from narrows.data.tables.csv_options import CsvKeywords, CsvOptions
from narrows.data.tables.loading import load_table, open_later
from narrows.data.tables.reading import (
    arrow_table,
    as_arrow,
    is_frame,
    is_table,
    is_table_path,
    open_table,
)
from narrows.data.tables.schema import TableSchema
from narrows.data.tables.unfamiliar import Unfamiliar

__all__ = [
    "KINDS",
    "Column",
    "CsvKeywords",
    "CsvOptions",
    "TableSchema",
    "Unfamiliar",
    "arrow_table",
    "as_arrow",
    "is_frame",
    "is_table",
    "is_table_path",
    "load_table",
    "open_later",
    "open_table",
]
