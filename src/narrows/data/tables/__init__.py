"""Tables: columns of any type become float32 features of equal weight, and come back.

=================  =======================================================================
``arrow_types``    the column types that are known, to and from text
``columns``        one column: what training rows said of it, and its cells of features
``schema``         all columns of a table
``cells``          cells of any type as numbers or texts, and numbers as cells
``shown``          the cells of rows as people are shown them
``cell_formats``   how numbers and dates are written in texts
``text_cells``     texts as what their column holds, and what among them is missing
``csv_options``    what a user says of how a CSV file is read
``csv_bytes``      its bytes as text: packed or not, in whatever encoding
``csv_layout``     what its first lines say: delimiter, names, what stands above them
``csv_dialect``    what it is like: all of that, and what is wrong with it
``reading``        sources: CSV, Parquet, data frames, in batches
``table_source``   what any of them offers
``part_tables``    several files as one table
``scanning``       what kind of column it is and its statistics, in one pass or few
``statistics``     moments and counts of cells that come in blocks
``resolution``     decimals and steps that all numbers of a column have
``identifiers``    whole numbers that name rows
``marginals``      how the numbers of a column are distributed
``encoding``       cells as features, also where they are written otherwise than in training
``drift``          how a table differs from that of training, counted for the user
``loading``        from a source to a Dataset
``filling``        missing cells filled in, in the types of the table at hand
``frames``         data frames as Arrow tables and back, without a change
=================  =======================================================================
"""

from narrows.data.tables.columns import KINDS, Column
from narrows.data.tables.csv_options import CsvKeywords, CsvOptions
from narrows.data.tables.drift import SchemaDrift
from narrows.data.tables.loading import load_table, open_like_training
from narrows.data.tables.reading import arrow_table, is_frame, is_table, is_table_path, open_table
from narrows.data.tables.schema import TableSchema
from narrows.data.tables.shown import shown_cells

__all__ = [
    "KINDS",
    "Column",
    "CsvKeywords",
    "CsvOptions",
    "SchemaDrift",
    "TableSchema",
    "arrow_table",
    "is_frame",
    "is_table",
    "is_table_path",
    "load_table",
    "open_like_training",
    "open_table",
    "shown_cells",
]
