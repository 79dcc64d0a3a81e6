"""``mnist``: 70,000 handwritten digits of 28x28 grey levels, from disk or from the internet.

Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, 1998.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from narrows.data.dataset import Dataset
from narrows.data.idx import idx_header, read_idx
from narrows.errors import DataError, OutputError
from narrows.support.files import atomic_file
from narrows.support.progress import Tracker, silent

Part = Literal["train", "test"]

FILES: dict[Part, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

# Of the unpacked files.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

# The largest of the four takes 9.9 MB packed.
_DOWNLOAD_LIMIT = 16_000_000


def load_mnist(name: str, part: Part, *, labels: bool = False, track: Tracker = silent) -> Dataset:
    """The 60,000 training or 10,000 test images as uint8 items of shape (n, 28, 28).

    Each file is looked for in ``$NARROWS_DATA/mnist`` and in the user's cache, and downloaded to
    the cache if it is in neither. Labels are uint8, and touched only when asked for.

    Raises:
        DataError: a file of ``$NARROWS_DATA`` is not MNIST's, or it has to be downloaded and
            cannot be. The message is one line and says why.
    """
    images_file, labels_file = FILES[part]
    return Dataset(
        name,
        items=_read(images_file, track),
        value_range=(0.0, 255.0),
        labels=_read(labels_file, track) if labels else None,
    )


def mnist_files() -> list[Path]:
    """The files of MNIST that there are on this machine."""
    users = os.environ.get("NARROWS_DATA")
    folders = [*([Path(users) / "mnist"] if users else []), mnist_folder()]
    names = [name for files in FILES.values() for name in files]
    return [path for folder in folders for name in names if (path := _find(folder, name))]


def mnist_folder() -> Path:
    """Where downloaded files stay."""
    from platformdirs import user_cache_path

    return user_cache_path("narrows") / "mnist"


def _read(file_name: str, track: Tracker) -> np.ndarray:
    users = os.environ.get("NARROWS_DATA")
    if users and (found := _find(Path(users) / "mnist", file_name)):
        return _read_verified(found, file_name)
    if cached := _find(mnist_folder(), file_name):
        try:
            return _read_verified(cached, file_name)
        except DataError:
            # What narrows once put there and has since been damaged, it can fetch again.
            cached.unlink(missing_ok=True)
    return _read_from_mirrors(file_name, track)


def _find(folder: Path, file_name: str) -> Path | None:
    candidates = (folder / f"{file_name}.gz", folder / file_name)
    return next((path for path in candidates if path.is_file()), None)


def _read_from_mirrors(file_name: str, track: Tracker) -> np.ndarray:
    target = mnist_folder() / f"{file_name}.gz"
    reasons = []
    for mirror in MIRRORS:
        try:
            download(f"{mirror}{file_name}.gz", target, limit=_DOWNLOAD_LIMIT, track=track)
            return _read_verified(target, file_name)
        except DataError as error:
            target.unlink(missing_ok=True)
            reasons.append(error.message)
        except OutputError as error:
            reasons.append(error.message)
            break
    raise DataError(
        f"mnist is not on this machine and cannot be fetched: {'; '.join(reasons)}",
        hint="connect to the internet once, or set NARROWS_DATA to a folder that holds mnist/ "
        "with the four files; the built-in data set digits needs neither",
    )


def _read_verified(path: Path, file_name: str) -> np.ndarray:
    """Read an IDX file whose unpacked bytes must have the SHA-256 in the table."""
    values = read_idx(path)
    # An IDX header follows from the shape and dtype, so this is the digest of the unpacked file.
    digest = hashlib.sha256(idx_header(values.shape, values.dtype))
    digest.update(np.ascontiguousarray(values).data)
    expected, found = SHA256[file_name], digest.hexdigest()
    if found != expected:
        raise DataError(
            f"{path} is not MNIST's {file_name}: unpacked, its SHA-256 is {found}, "
            f"and {expected} is expected",
            hint="replace the file, or remove it and narrows downloads its own copy",
        )
    return values


TIMEOUT_SECONDS = 6
_CHUNK = 1 << 16


def download(
    url: str, target: str | os.PathLike[str], *, limit: int, track: Tracker = silent
) -> None:
    """Fetch ``url`` into the file ``target``, all of it or nothing.

    Args:
        url: what to fetch.
        target: the file to write; its folder is made if need be.
        limit: the largest size in bytes that is accepted.
        track: told about the bytes as they come.

    Raises:
        DataError: the server cannot be reached, refuses, stops half-way, or sends too much.
        OutputError: ``target`` cannot be written.
    """
    with atomic_file(target) as file:
        for chunk in _chunks(url, limit, track):
            file.write(chunk)


def _chunks(url: str, limit: int, track: Tracker) -> Iterator[bytes]:
    from http.client import HTTPException
    from urllib.request import urlopen

    received = 0
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            with track(f"downloading {url.rsplit('/', 1)[-1]}", total=total, unit="B") as advance:
                while chunk := response.read(_CHUNK):
                    received += len(chunk)
                    if received > limit:
                        raise DataError(f"{url} is larger than the {limit:,} bytes expected")
                    yield chunk
                    advance(len(chunk))
    except (OSError, HTTPException) as error:
        raise DataError(f"{url} cannot be downloaded: {_reason(error)}") from error
    if total is not None and received < total:
        raise DataError(f"{url} stopped after {received:,} of {total:,} bytes")


def _reason(error: Exception) -> str:
    """The cause in a few words, without urllib's wrapping: ``Name or service not known``."""
    cause = getattr(error, "reason", None)
    if not isinstance(cause, OSError):
        cause = error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
