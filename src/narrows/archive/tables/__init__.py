"""Archives of tables: columns of any type, each exact or within its own bound.

A table lies in groups of rows, each on its own. A column of a group is coded by whatever suits it
best, as arrays are; or, where that takes less, jointly with other columns, each value predicted
from what is known of its row and of the rows above.

=====================  ============================================================
``sources``            tables of files and data frames, typed, in groups of rows
``cells``              a column's cells as plain arrays, and back
``group``              the bytes of a group of rows, and its cells again
``grouping``           coding a group of rows
``column_prediction``  what predicts the columns that are coded jointly
``row_scan``           scanning the rows of such columns
``joint_coding``       such columns to bytes and back
``layout``             what the header says
``size_breakdown``     where the bytes are
``writing``            from a table to an archive, verified group by group
``archive``            an archive open for reading
``verifying``          an archive against the table that it was made of
=====================  ============================================================
"""

from narrows.archive.tables.archive import TableArchive
from narrows.archive.tables.size_breakdown import TableSizeBreakdown
from narrows.archive.tables.verifying import verify_table
from narrows.archive.tables.writing import write_table

__all__ = ["TableArchive", "TableSizeBreakdown", "verify_table", "write_table"]
