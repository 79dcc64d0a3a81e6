"""The local server of ``narrows explore``: one model, one page, on this machine only.

``requests.py`` makes answers of an :class:`narrows.tasks.explore.Explorer`; ``guard.py`` refuses
what no page of ours asks; ``serving.py`` listens.
"""
