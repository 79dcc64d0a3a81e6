"""``python -m narrows`` and the program ``narrows``."""

import sys


def main() -> None:
    """Run the program and leave with its exit code."""
    from narrows.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
