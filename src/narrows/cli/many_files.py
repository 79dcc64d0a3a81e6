"""The options of a job that is done to each of many files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from narrows.cli.gathering import Group
from narrows.cli.terminal import PERSON, show_work

if TYPE_CHECKING:
    from narrows.tasks.many_files.jobs import FileJob


@dataclass(frozen=True)
class ManyFiles:
    """What was given of many files.

    Attributes:
        workers: how many processes do it; or
        dask: the address of a Dask scheduler whose workers do. Where neither is given, DATA is one
            data set.
    """

    workers: int | None
    dask: str | None

    def __bool__(self) -> bool:
        """Whether DATA is many files, with a result each."""
        return self.workers is not None or self.dask is not None

    def run(self, job: "FileJob", data: str, out: Any, json: bool) -> None:
        """Do a job to each file and show what became of them.

        Raises:
            NarrowsError: a file has no result.
        """
        from narrows.tasks.many_files.running import run_files

        found = run_files(
            job, data, Path(out), workers=self.workers, dask=self.dask, listener=PERSON
        )
        show_work(found.text(), found.values(), json)
        found.require_all()


_WORKERS = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        help="DATA, a folder or a pattern, is many files: do this to each by itself, N at a time, "
        "in processes of their own. --out is a folder with a result for each; the same command "
        "again does what is missing there.",
    ),
]
_DASK = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="The same by the workers of a Dask cluster, whose scheduler is at ADDRESS, "
        "tcp://HOST:8786. They read and write all files under the same paths.",
    ),
]


#: By the parameter of a command that they come to.
FILES: dict[str, Group] = {
    "files": Group(
        {"workers": (_WORKERS, None), "dask": (_DASK, None)}, lambda given: ManyFiles(**given)
    )
}
