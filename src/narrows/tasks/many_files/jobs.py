"""What is done to each of many files, as plain arguments that another process understands."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from narrows.data.read_options import ReadOptions
from narrows.data.tables import CsvOptions
from narrows.errors import ModelFileError, UsageError
from narrows.model.use import TrainedAutoencoder
from narrows.support.inputs import cannot_be_read
from narrows.support.progress import Listener, Tracker
from narrows.tasks.opening import load_for, open_autoencoder
from narrows.tasks.options import CodesOptions, DenoiseOptions, DetectOptions
from narrows.tasks.outputs import usual_format

#: Does a job to a file: takes its path, that of the result, and who is told what to know of it.
Work = Callable[[str, str, Listener], None]

#: The file, in a folder of archives, that names them.
INDEX = "archives.json"

_TABLES = ("csv", "parquet")


@dataclass(frozen=True, kw_only=True)
class FileJob(ABC):
    """What is done to each file by itself.

    Attributes:
        reading: how images of a folder and CSV files are read.
    """

    #: What it is called, and what is said of it while it goes on.
    name: ClassVar[str]
    label: ClassVar[str]
    #: The file, in a folder of results, by which all are read as one; most jobs have none.
    index_name: ClassVar[str | None] = None

    reading: ReadOptions = field(default_factory=ReadOptions)

    #: Whether paths are meant from the root, as where workers have other working folders.
    from_root: bool = False

    def path(self, path: Path) -> str:
        """A path as those who do it read it."""
        return str(path.absolute() if self.from_root else path)

    def anywhere(self) -> Self:
        """The same for processes in other working folders."""
        return replace(self, from_root=True)

    @abstractmethod
    def settled(self) -> Self:
        """The same with what is not said filled in, once it is sure that it can be done.

        Raises:
            NarrowsError: it cannot, whatever is in the files.
        """

    @abstractmethod
    def suffix(self, source: Path) -> str:
        """What the name of a result ends in: ``.npy``."""

    @abstractmethod
    def opened(self) -> Work:
        """What does it, once for all files of a process."""

    def write_index(self, path: Path, results: Sequence[Path], track: Tracker) -> bool:
        """Write, when all files have their results, what names these: whether they can be read as
        one."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """All that results depend on beside their files, in JSON values; of a model its SHA-256."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        found.pop("from_root")
        return {"job": self.name, **found.pop("reading"), **found}


@dataclass(frozen=True, kw_only=True)
class ModelJob(FileJob):
    """What is done to each file with one model.

    Attributes:
        model: its file, which all processes read.
        refine: steps that improve each code; None for those of the model.
        check_range: refuse items in another range than those that the model was trained on.
        digest: the SHA-256 of the model's file; found by :meth:`settled`.
    """

    model: Path
    refine: int | None = None
    check_range: bool = True
    digest: str = ""

    def anywhere(self) -> Self:
        return replace(super().anywhere(), model=self.model.absolute())

    def settled(self) -> Self:
        self.check(open_autoencoder(self.model, self.refine))
        CsvOptions.of(self.reading.csv)
        return replace(self, digest=_digest(self.model))

    @abstractmethod
    def check(self, autoencoder: TrainedAutoencoder) -> None:
        """Make sure of what can be, before any file is read.

        Raises:
            UsageError: the options cannot be meant, or not of this model.
        """

    @abstractmethod
    def with_model(self, autoencoder: TrainedAutoencoder) -> Work:
        """What does it, with the opened model."""

    def opened(self) -> Work:
        """What does it.

        Raises:
            ModelFileError: the model is not the one that the job began with.
        """
        if self.digest and _digest(self.model) != self.digest:
            raise ModelFileError(
                f"{self.model} is not the file that it was when the work began",
                hint="let it stay as it is until all files are done",
            )
        return self.with_model(open_autoencoder(self.model, self.refine))

    def settings(self) -> dict[str, Any]:
        found = super().settings()
        return {name: value for name, value in found.items() if name != "model"}

    def load(
        self, autoencoder: TrainedAutoencoder, source: str, listener: Listener, **how: bool
    ) -> Any:
        """A file's data as the model takes them: see :func:`narrows.tasks.opening.load_for`."""
        return load_for(
            autoencoder,
            source,
            # of a file there is nothing to do, and a pattern may match folders too
            reading=self.reading.images_if_folder(source),
            check_range=self.check_range,
            listener=listener,
            **how,
        )


@dataclass(frozen=True, kw_only=True)
class EncodeFiles(ModelJob):
    """The code of every item of each file; see :func:`narrows.tasks.convert.encode`.

    Attributes:
        format: npy, npz, csv or parquet.
    """

    name, label = "encode", "encoding"

    format: str = "npy"

    def check(self, autoencoder: TrainedAutoencoder) -> None:
        _require_format(self.format, ("npy", "npz", *_TABLES))

    def suffix(self, source: Path) -> str:
        return f".{self.format}"

    def with_model(self, autoencoder: TrainedAutoencoder) -> Work:
        from narrows.tasks.convert import encode

        def work(source: str, out: str, listener: Listener) -> None:
            encode(autoencoder, self.load(autoencoder, source, listener), out)

        return work


@dataclass(frozen=True, kw_only=True)
class ItemsJob(ModelJob):
    """A job that gives items like those of each file.

    Attributes:
        format: npy, npz, csv or parquet. None is csv for tables, a folder of images for one, and
            else npy.
    """

    format: str | None = None

    def settled(self) -> Self:
        found = super().settled()
        if self.format is None and found._is_of_tables():
            return replace(found, format="csv")
        return found

    def _is_of_tables(self) -> bool:
        return usual_format(open_autoencoder(self.model)) == "csv"

    def check(self, autoencoder: TrainedAutoencoder) -> None:
        is_table = usual_format(autoencoder) == "csv"
        _require_format(self.format, _TABLES if is_table else ("npy", "npz", *_TABLES))

    def suffix(self, source: Path) -> str:
        if self.format is None:
            return "" if source.is_dir() else ".npy"
        return f".{self.format}"


@dataclass(frozen=True, kw_only=True)
class ReconstructFiles(ItemsJob):
    """What a model makes of every item of each file; see
    :func:`narrows.tasks.convert.reconstruct`."""

    name, label = "reconstruct", "reconstructing"

    def with_model(self, autoencoder: TrainedAutoencoder) -> Work:
        from narrows.tasks.convert import reconstruct

        def work(source: str, out: str, listener: Listener) -> None:
            data = self.load(autoencoder, source, listener)
            reconstruct(autoencoder, data, out, listener=listener)

        return work


@dataclass(frozen=True, kw_only=True)
class DenoiseFiles(ItemsJob):
    """Every item of each file without noise, or a table with its cells filled in; see
    :func:`narrows.tasks.denoise_files.denoise_files`.

    Attributes:
        cells: of a table, which are written anew: missing or all.
    """

    name, label = "denoise", "denoising"

    cells: str = "missing"

    @classmethod
    def of(cls, model: Path, options: DenoiseOptions, format: str | None) -> Self:
        """The job that options of denoising ask for.

        Raises:
            UsageError: they ask for what is measured of one data set.
        """
        options.check()
        if options.against is not None or options.noise is not None:
            raise UsageError(
                "--against and --noise measure one data set, and not each of many files",
                hint="leave them out, or leave out --workers and --dask",
            )
        return cls(
            model=model,
            reading=options.reading,
            check_range=options.check_range,
            format=format,
            cells=options.cells,
        )

    def with_model(self, autoencoder: TrainedAutoencoder) -> Work:
        from narrows.tasks.denoise_files import denoise_files

        def work(source: str, out: str, listener: Listener) -> None:
            options = DenoiseOptions(
                reading=self.reading.images_if_folder(source),
                check_range=self.check_range,
                cells=self.cells,
            )
            denoise_files(autoencoder, source, out, options, listener=listener)

        return work


@dataclass(frozen=True, kw_only=True)
class DetectFiles(ModelJob, DetectOptions):
    """How odd every item of each file is, and why; see :func:`narrows.tasks.detect.detect`.

    Attributes:
        format: csv or parquet.
    """

    name, label = "detect", "judging"

    format: str = "csv"

    def check(self, autoencoder: TrainedAutoencoder) -> None:
        from narrows.tasks.detector import Detector

        _require_format(self.format, _TABLES)
        Detector(autoencoder)

    def suffix(self, source: Path) -> str:
        return f".{self.format}"

    def with_model(self, autoencoder: TrainedAutoencoder) -> Work:
        from narrows.tasks.detect import detect
        from narrows.tasks.detector import Detector

        detector = Detector(autoencoder)

        def work(source: str, out: str, listener: Listener) -> None:
            found = detect(detector, self.load(autoencoder, source, listener, finding=True), self)
            found.write(out)
            listener.note_each(found.notes)

        return work


@dataclass(frozen=True, kw_only=True)
class CompressFiles(FileJob):
    """An archive of each file; see :func:`narrows.tasks.compress.compress`.

    Attributes:
        max_error, effort: as there.
        codes: to make archives of codes, by a model that all have in common; see
            :func:`narrows.tasks.compress_codes.compress_codes`.
        check_range: with codes, refuse items in another range than the model's.
    """

    name, label, index_name = "compress", "compressing", INDEX

    max_error: Any = None
    effort: Any = "normal"
    codes: CodesOptions | None = None
    check_range: bool = True

    def settled(self) -> Self:
        from narrows.archive.error_bounds import ErrorBounds

        ErrorBounds.of(self.max_error)
        CsvOptions.of(self.reading.csv)
        if self.codes is not None:
            self.codes.check(self.max_error)
            if self.codes.model is None or self.codes.keep_model is not None:
                raise UsageError(
                    "--codes-only of many files takes a model that is there, and trains none",
                    hint="give --model: train it on one of them with narrows fit --preset rounded",
                )
        return self

    def anywhere(self) -> Self:
        found = super().anywhere()
        if found.codes is None or found.codes.model is None:
            return found
        return replace(found, codes=replace(found.codes, model=found.codes.model.absolute()))

    def suffix(self, source: Path) -> str:
        return ".nrw"

    def opened(self) -> Work:
        from narrows.tasks.compress import compress
        from narrows.tasks.compress_codes import compress_codes

        def work(source: str, out: str, listener: Listener) -> None:
            reading = self.reading.images_if_folder(source)
            said: dict[str, Any] = {"effort": self.effort, "reading": reading, "listener": listener}
            if self.codes is None:
                compress(source, Path(out), max_error=self.max_error, **said)
                return
            compress_codes(source, Path(out), self.codes, check_range=self.check_range, **said)

        return work

    def write_index(self, path: Path, results: Sequence[Path], track: Tracker) -> bool:
        """Write an index of all archives: see :mod:`narrows.archive.series`."""
        from narrows.archive.codes.shared import is_shared_model
        from narrows.archive.container import begins_container
        from narrows.archive.series import write_index

        model = None if self.codes is None else self.codes.model
        is_shared = model is not None and begins_container(model) and is_shared_model(model)
        return write_index(path, results, model=model if is_shared else None, track=track)

    def settings(self) -> dict[str, Any]:
        found = super().settings()
        if self.codes is not None and self.codes.model is not None:
            found["codes"]["model"] = _digest(self.codes.model)
        return found


def _require_format(format: str | None, known: tuple[str, ...]) -> None:
    if format is not None and format not in known:
        raise UsageError(
            f"--format is {format}, and results can be {', '.join(known)}",
            hint="give one of these, or leave it out",
        )


def _digest(model: Path) -> str:
    try:
        with model.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise cannot_be_read(model, error, ModelFileError) from error
