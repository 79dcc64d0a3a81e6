"""One job done to each of many files, by several processes.

- ``jobs.py``: what is done to a file: encode, reconstruct, detect, compress
- ``places.py``: which files there are, and where the result of each goes
- ``record.py``: what a folder of results says of the job that made them
- ``running.py``: all of it, ``run_files``
"""
