"""The local server of ``narrows explore``: one model, one page, on this machine only."""
