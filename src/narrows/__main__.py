"""``python -m narrows`` and the program ``narrows``."""

import sys

_ASKING = frozenset({"-h", "--help", "--version"})


class _WithoutPandas:
    """Keeps pandas out: Arrow imports it, for half a second, to see whether a list is a Series, and
    the program makes no data frames."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Nothing, as other finders know the rest."""
        if name == "pandas":
            raise ModuleNotFoundError("the program does without pandas", name=name)


def main() -> None:
    """Run the program and leave with its exit code."""
    from narrows.support.starting import die_quietly
    from narrows.support.streams import open_standard_streams

    die_quietly()  # whatever started it
    open_standard_streams()
    # before anything that takes its time
    from narrows.support.interruption import obeying

    sys.exit(obeying(_run))


def _run() -> int:
    from narrows.support.log import log_as_asked
    from narrows.support.progress import going_on
    from narrows.support.pulse import resting

    words = sys.argv[1:]
    log_as_asked(words)
    # Who asks what there is waits for a text, however slow the machine, and for no work.
    asks = not words or not _ASKING.isdisjoint(words)
    with resting() if asks else going_on("starting"):
        from narrows.cli.app import run

        sys.meta_path.insert(0, _WithoutPandas)
        with resting() if asks else going_on("working"):
            return run(words)


if __name__ == "__main__":
    main()
