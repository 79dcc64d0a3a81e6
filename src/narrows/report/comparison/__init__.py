"""``narrows compare``: what is compared (``result.py``), what is said of it, and its page."""
