"""The command line: a thin translation of arguments, and everything a terminal needs to see."""
