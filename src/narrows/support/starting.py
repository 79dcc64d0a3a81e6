"""The first moments of the program, imported before anything else of narrows.

Python makes KeyboardInterrupt of Ctrl-C from its own start on, whose traceback the user sees who
presses it while modules are imported.
"""

import os
import sys


def die_quietly() -> None:
    """Let Ctrl-C end this process as it ends those that are not Python's, at once and without a
    word, until the program has handlers of its own: there is nothing yet that it could leave."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except KeyboardInterrupt:
        os._exit(130)


def _is_the_program() -> bool:
    """Whether Python was started to run narrows: by ``-m``, which stands in the place of a script's
    name while Python looks for the module, or by the script of that name."""
    words = getattr(sys, "argv", None) or [""]
    if words[0] == "-m":
        return sys.orig_argv[-len(words)] in ("narrows", "-mnarrows")
    return words[0].replace("\\", "/").rpartition("/")[2].removesuffix(".exe") == "narrows"


if _is_the_program():
    die_quietly()
