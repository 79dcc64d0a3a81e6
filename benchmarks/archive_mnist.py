"""How small does an archive of images become?

Targets, all for MNIST's 10,000 test images, of which nothing was chosen: lossless at most 1.03 bits
a pixel of payload, aim 0.98, and with the model charged over all 70,000 images 1.06, aim 1.00
(nothing is trained, so a model takes 0 bytes); the archive as a whole 10 % smaller than xz -9e; and
within errors of 1, 3, 7, 15 and 31 at most 77, 60, 48, 37 and 28 bytes an image of payload and
index. (Those of 3 and 7 were set for archives that started from a model of the training images,
which narrows had until November 2026; without one they are missed.)

Beside it stand the general compressors and the formats of images that are installed, each with the
whole set at once, images as one sheet. Every size is of something that was decoded again.

    python benchmarks/archive_mnist.py [--resume | --again]
"""

import bz2
import gzip
import io
import lzma
from typing import Any

import numpy as np

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    table,
    write_record,
)

BOUNDS = {1: 77, 3: 60, 7: 48, 15: 37, 31: 28}
PAYLOAD, PAYLOAD_AIM = 1.03, 0.98
CHARGED, CHARGED_AIM = 1.06, 1.00
_INDEX_BYTES = 13


def images() -> np.ndarray:
    """The test images, uint8 (10000, 28, 28)."""
    from narrows.data import load_data

    return load_data("mnist:test").items


def archive(effort: str) -> dict[str, Any]:
    """What ``compress`` makes of them."""
    from narrows.archive import write_archive
    from narrows.archive.opening import opened

    items, out = images(), io.BytesIO()
    account = write_archive(out, items, effort=effort)
    with opened(io.BytesIO(out.getvalue()), "archive") as archive:
        assert np.array_equal(archive.read(), items)
    parts = dict(account.sizes)
    tried = {trial.method: trial.size for trial in account.trials}
    return {"total": account.total, "parts": parts, "methods": account.methods, "tried": tried}


def bounded(bound: int, effort: str) -> int:
    """Bytes of payload and index within a largest error, by ``mixing``."""
    from narrows.archive.bounds import Steps, within
    from narrows.archive.methods.mixing import Mixing
    from narrows.archive.pipeline import Pipeline

    items = images()
    pipeline = Pipeline(Mixing(), Steps.for_bound(bound, items.dtype))
    content = pipeline.encode(items, bound, effort)
    assert within(items, pipeline.decode(content, items.shape, items.dtype), bound).all()
    return len(content) + _INDEX_BYTES


def general() -> dict[str, int]:
    """Bytes that general compressors need at their strongest."""
    raw = images().tobytes()
    return {
        "gzip -9": len(gzip.compress(raw, 9)),
        "bzip2 -9": len(bz2.compress(raw, 9)),
        "xz -9e": len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)),
    }


def main() -> None:
    arguments = argument_parser(
        __doc__, *JOURNAL, packages=["numpy", "numba", "pillow"]
    ).parse_args()
    announce(__doc__ or "")
    journal = Journal("archive-mnist", arguments)
    pixels, count = images().size, len(images())
    others = journal.measure("general compressors", general)
    efforts = {
        effort: journal.measure(f"an archive, effort {effort}", archive, effort)
        for effort in ("fast", "normal", "best")
    }
    within = {
        bound: journal.measure(f"within {bound}, best", bounded, bound, "best") for bound in BOUNDS
    }
    lossless = efforts["normal"]
    payload = lossless["parts"]["payload"] * 8 / pixels
    xz = others["xz -9e"]
    targets = [
        Target("payload, bits a pixel", PAYLOAD, payload, at_least=False),
        Target("with the model (none) over 70,000", CHARGED, payload, at_least=False),
        Target("smaller than xz -9e, %", 10, 100 * (1 - lossless["total"] / xz)),
        *(
            Target(f"within {bound}, bytes an image", limit, within[bound] / count, at_least=False)
            for bound, limit in BOUNDS.items()
        ),
    ]
    sizes = {
        **{f"narrows, effort {effort}": found["total"] for effort, found in efforts.items()},
        **others,
        **{
            name: size
            for name, size in efforts["best"]["tried"].items()
            if name not in ("xz", "mixing")
        },
    }
    rows = [[name, f"{size:,}", f"{size * 8 / pixels:.4f}"] for name, size in sizes.items()]
    write_record(
        "archive-mnist",
        "MNIST's test images as an archive",
        targets=targets,
        aims=[
            Target("payload, bits a pixel", PAYLOAD_AIM, payload, at_least=False),
            Target("with the model (none) over 70,000", CHARGED_AIM, payload, at_least=False),
        ],
        sections=[
            table(["lossless", "bytes", "bits a pixel"], rows),
            table(
                ["largest error", "bytes an image"],
                [[str(bound), f"{size / count:.2f}"] for bound, size in within.items()],
            ),
            "Sizes do not depend on the machine. Formats of images, and zlib, are those that "
            "`compress` tried at the effort `best`.",
        ],
        data={"efforts": efforts, "general": others, "within": within},
        versions=arguments.versions,
        rates=[matrix_rate(1)],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
