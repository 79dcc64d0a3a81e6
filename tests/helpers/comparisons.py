"""Comparisons with made-up numbers, of items of any kind: what a page must be able to show."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from narrows.baselines.jpeg import open_jpeg
from narrows.report.columns import ColumnScore
from narrows.report.comparison import result as r
from narrows.report.denoising import DenoisingScore
from narrows.report.redundancy import Drop, Redundancy, Redundant

METHODS: list[tuple[str, r.Kind]] = [
    ("PCA, 20 numbers", "pca"),
    ("JPEG of as many bytes", "jpeg"),
    ("the article's net", "article"),
    ("narrows", "ours"),
]
KEPT = (2, 5, 10, 20, 30, 50)


def comparison(
    items: np.ndarray, form: r.Form, *, labels: np.ndarray | None = None, **changes: Any
) -> r.Comparison:
    """A comparison of ``items`` (n, \\*item_shape), at least 12 of them, and of their labels."""
    limits = (float(items.min()), float(items.max()))
    names = tuple(f"column <{number}>" for number in range(items[0].size))
    classes = () if labels is None else tuple(str(label) for label in range(labels.max() + 1))
    unit = "grey levels²" if form == "image" else "squared units"
    facts = r.DataFacts(
        name="made-up <items>",
        count=len(items),
        item_shape=items.shape[1:],
        dtype=items.dtype.name,
        form=form,
        item_bytes=items[0].nbytes,
        limits=(0.0, 255.0) if items.dtype == np.uint8 else limits,
        unit=unit,
        value_unit="grey levels" if form == "image" else "",
        classes=classes,
        columns=names if form == "table" else (),
        notes=("They were made up.",),
    )
    parts: dict[str, Any] = {
        "title": "made-up <items>, compared",
        "in_short": ("An autoencoder is worth it.", "PCA is not.", "The rest is in the tables."),
        "data": facts,
        "split": r.Split(
            learnt=len(items),
            validated=10,
            measured=len(items),
            measured_name="test",
            seed=0,
            sentence="All were measured, seed 0.",
        ),
        "models": models(unit),
        "best": 1,
        "scores": scores(),
        "numbers": numbers(),
        "spent": spent(),
        "archives": archives(),
        "jpeg": jpeg(items[0]) if form == "image" and items.dtype == np.uint8 else None,
        "features": features(items, names if form == "table" else ()),
        "gallery": gallery(items, form, classes, labels),
        "use": None if labels is None else use(len(classes)),
        "losses": losses(),
        "latent": (latent(items, form, labels, classes),),
        "table": table(names) if form == "table" else None,
        "denoising": (denoising(items),),
        "cautions": ("There are few items.",),
        "commands": (r.Command("narrows explore m.safetensors", "turns the numbers"),),
        "provenance": "narrows 0, Python 3, two cores",
        "seconds": 12.3,
    }
    return r.Comparison(**{**parts, **changes})


def models(unit: str) -> tuple[r.ModelFacts, ...]:
    kinds: list[tuple[str, r.Kind, float]] = [
        ("the article's net", "article", 1340.0),
        ("narrows", "ours", 222.0),
    ]
    return tuple(
        r.ModelFacts(
            name=name,
            kind=kind,
            preset="dense",
            latent=20,
            parameters=161_804,
            file_bytes=650_000,
            seconds=12.5,
            epochs=50,
            seed=0,
            version="0.1",
            data="made-up items",
            unit=unit,
            error=error,
            psnr=24.7,
            relative=0.2,
            pca_error=1531.0,
            summary="layer      parameters\ndense 784      78,500",
            choices=("dense, because items are few.",),
            file="m.safetensors",
        )
        for name, kind, error in kinds
    )


def scores() -> tuple[r.MethodScore, ...]:
    errors = (222.0, 1340.0, 1531.0)
    methods = (METHODS[3], METHODS[2], METHODS[0])
    return tuple(
        r.MethodScore(name=name, kind=kind, numbers=20, error=error, psnr=20.0, relative=0.3)
        for (name, kind), error in zip(methods, errors, strict=True)
    )


def numbers() -> r.NumbersKept:
    curves: list[tuple[str, r.Kind, float]] = [
        ("PCA", "pca", 3900.0),
        ("cosine transform, k largest", "dct", 5100.0),
        ("the article's net", "article", 3700.0),
        ("narrows", "ours", 2500.0),
    ]
    return r.NumbersKept(
        series=tuple(
            r.NumbersSeries(
                name=name,
                kind=kind,
                points=tuple(
                    r.NumbersPoint(
                        numbers=kept, error=start * (1 - 0.3 * place) ** 2 + 50.0, psnr=20.0
                    )
                    for place, kept in enumerate(KEPT[: 6 if kind != "article" else 3])
                ),
            )
            for name, kind, start in curves
        ),
        sentence="narrows loses least.",
        facts="Test items, seed 0.",
    )


def spent() -> r.BytesSpent:
    def points(
        name: str, kind: r.Kind, layout: Literal["item", "sheet", "file"], start: float
    ) -> list[r.BytesPoint]:
        return [
            r.BytesPoint(
                name=name,
                kind=kind,
                setting=f"quality {quality}",
                layout=layout,
                item_bytes=start * quality / 20,
                error=9000.0 / quality,
                largest=80.0,
                psnr=20.0,
                charged=kind != "article",
                seconds=0.5,
            )
            for quality in (10, 30, 60, 90)
        ]

    lossless = r.BytesPoint(
        name="PNG", kind="codec", setting="", layout="item", item_bytes=276.0, error=0.0
    )
    return r.BytesSpent(
        points=(
            *points("JPEG", "jpeg", "item", 330.0),
            *points("JPEG", "jpeg", "sheet", 100.0),
            *points("WebP", "codec", "item", 130.0),
            *points("AVIF", "codec", "sheet", 40.0),
            *points("narrows, codes", "ours", "file", 8.0),
            *points("the article's codes", "article", "file", 10.0),
            lossless,
        ),
        count=1000,
        raw_bytes=784.0,
        sentence="Codes take least.",
        facts="1,000 test items.",
    )


def archives() -> r.Archives:
    row = r.ArchiveRow(
        name="lossless",
        total=940_000,
        item_bytes=94.0,
        parts={"values": 930_000, "index": 10_000},
        classical="xz, 1,080,000 bytes",
        classical_bytes=1_080_000,
        largest=0.0,
        error=0.0,
        seconds=11.0,
        seconds_back=5.0,
    )
    return r.Archives(
        rows=(row,), count=10_000, raw_bytes=7_840_000, sentence="It is small.", facts="narrows 0."
    )


def jpeg(item: np.ndarray) -> r.JpegWalk:
    opened = open_jpeg(item, 50)
    row, column = opened.block
    block = slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8)
    return r.JpegWalk(
        index=0,
        label="7",
        pixels=opened.pixels,
        quality=50,
        block=opened.block,
        samples=opened.padded[block].astype(int) - 128,
        coefficients=opened.frequencies[row, column],
        table=opened.table,
        rounded=opened.kept[row, column],
        zeros=opened.zero_share,
        decoded=opened.decoded,
        error=opened.mse,
        file_bytes=500,
        sentence="Most of it becomes zero.",
        facts="Item 0 of the test items.",
    )


def features(items: np.ndarray, columns: Sequence[str]) -> r.Features:
    numbers = tuple(
        r.LatentNumber(
            index=number,
            effect=20.0 / (number + 1),
            values=np.linspace(-2, 2, 7, dtype=np.float32),
            items=np.stack([items[(number + step) % len(items)] for step in range(7)]),
            columns=tuple(columns[:2]),
        )
        for number in range(12)
    )
    return r.Features(
        model="narrows",
        start=items[0],
        numbers=numbers,
        sentence="Each moves strokes.",
        facts="Codes.",
    )


def gallery(
    items: np.ndarray, form: r.Form, classes: Sequence[str], labels: np.ndarray | None
) -> r.Gallery:
    def cells(item: np.ndarray) -> tuple[str, ...]:
        return tuple(f"{value:.3g}" for value in item.ravel()) if form == "table" else ()

    def version(number: int, name: str, kind: r.Kind) -> r.Version:
        values = items[(number + len(name)) % len(items)]
        return r.Version(
            name=name, kind=kind, values=values, cells=cells(values), error=300.5, item_bytes=80
        )

    ranks: list[Literal["best", "median", "worst"]] = ["best", "median", "worst"]
    return r.Gallery(
        items=tuple(
            r.GalleryItem(
                index=5 * place + number,
                file="",
                rank=rank,
                label="" if labels is None else classes[labels[number]],
                original=items[number],
                cells=cells(items[number]),
                versions=tuple(version(number, *method) for method in METHODS),
            )
            for place, rank in enumerate(ranks)
            for number in range(5 if len(items) >= 15 else 4)
        ),
        ranked_by="narrows",
        sentence="The worst ones are odd.",
        facts="Test items.",
    )


def use(classes: int) -> r.CodeUse:
    rows: list[tuple[str, r.Kind]] = [("narrows", "ours"), ("PCA", "pca"), ("the items", "raw")]
    return r.CodeUse(
        rows=tuple(
            r.CodeUseRow(name=name, kind=kind, numbers=20, neighbours=0.984, logistic=0.943)
            for name, kind in rows
        ),
        learnt=60_000,
        measured=10_000,
        classes=classes,
        most_frequent=0.11,
        sentence="Neighbours in code are neighbours.",
        facts="Test items.",
    )


def losses() -> r.Losses:
    falling = tuple(3000 / (epoch + 1) + 200 for epoch in range(50))
    return r.Losses(
        curves=(
            r.LossCurve(
                name="the article's net",
                kind="article",
                loss=tuple(2 * loss for loss in falling),
                held_out=tuple(2.1 * loss for loss in falling),
                held_out_name="test",
                pca=1531.0,
                kept=50,
                seconds=12.5,
            ),
            r.LossCurve(
                name="narrows",
                kind="ours",
                loss=falling,
                held_out=(),
                held_out_name="test",
                pca=None,
                kept=50,
                seconds=60.0,
            ),
        ),
        sentence="It still falls.",
        facts="Grey levels².",
    )


def latent(
    items: np.ndarray, form: r.Form, labels: np.ndarray | None, classes: tuple[str, ...]
) -> r.LatentSpace:
    generator = np.random.default_rng(0)
    positions = generator.normal(size=(len(items), 2)).astype(np.float32)
    shown = np.arange(min(len(items), 200) if form == "image" else 0)
    return r.LatentSpace(
        model="narrows",
        kind="ours",
        positions=positions,
        axes=("First principal component (30%)", "Second principal component (20%)"),
        explained=0.5,
        labels=labels,
        classes=classes,
        indices=np.arange(len(items)),
        thumbnails=shown,
        pictures=items[shown],
        dead=0,
        sentence="Classes lie apart.",
        facts="Test items.",
    )


def table(names: Sequence[str]) -> r.TableColumns:
    scores = tuple(
        ColumnScore(
            name=name,
            kind="categorical" if number == 1 else "numeric",
            error=0.1,
            r2=0.9,
            pca_error=0.2,
            pca_r2=None,
            baseline_error=0.5,
            missing_wrong=None if number == 1 else 0.05,
        )
        for number, name in enumerate(names)
    )
    columns = tuple(
        Redundant(name=name, kind="numeric", score=0.9, follows=(names[0],), method="trees")
        for name in names
    )
    return r.TableColumns(
        errors=(("narrows", scores),),
        redundancy=Redundancy(columns, (Drop(names[-1], 0.99, None, 0.99),), 500, 200),
        sentence="One column follows from the others.",
        facts="Test rows.",
    )


def denoising(items: np.ndarray) -> r.DenoisingPart:
    few = items[:8]
    return r.DenoisingPart(
        model="narrows",
        noise="gaussian:0.5",
        scores=(
            DenoisingScore(method="the noisy items", rmse=0.5, psnr=9.4, ssim=0.2),
            DenoisingScore(method="narrows", rmse=0.08, psnr=21.2, ssim=0.8),
            DenoisingScore(
                method="median filter", rmse=0.19, psnr=14.2, ssim=None, settings={"size": 3.0}
            ),
        ),
        count=1000,
        clean=few,
        noisy=few[::-1],
        versions=(("narrows", few), ("median filter", few[::-1])),
        sentence="It leaves least.",
        facts="Seed 0.",
    )
