"""The text of a CSV file, so that an archive gives it back byte for byte.

    records.py      the file's rows as they stand there, cell by cell
    types.py        which types lose nothing of what texts say
    spelling.py     how a column writes its values: decimals, quotes, missing cells
    file.py         a CSV file as a table of typed columns, and the spelling of each
    description.py  what an archive says of all this, and the text that it makes of cells

An archive holds typed cells, as of any table. The description says how they were written; what
does not follow from it, a line with a blank too many, is kept as it stands. The whole is made again
while it is written and compared with the file.
"""
