"""The sentences of a comparison name whoever wins, whatever the data are."""

from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import pytest

from narrows.data.tables.wild import WildNote
from narrows.pages.tables import Table
from narrows.report.columns import ColumnScore
from narrows.report.comparison import result as r
from narrows.report.comparison import sentences as said
from narrows.report.comparison.page import comparison_page
from narrows.report.comparison.tables import bytes_table, use_table
from narrows.report.comparison.wording import Words
from narrows.report.denoising import DenoisingScore
from narrows.report.redundancy import Redundancy, Redundant
from narrows.support.number_text import three_digits

GREY = Words.of("image", "grey levels²", "grey levels")
ROWS = Words.of("table", "standardised units²")


def model(name: str, kind: r.Kind, error: float, pca: float = 1531.0, **more: Any) -> r.ModelFacts:
    facts: dict[str, Any] = {
        "preset": "dense", "latent": 20, "parameters": 161_804, "file_bytes": 900_000,
        "seconds": 13.5, "epochs": 50, "seed": 0, "version": "narrows 0", "data": "made up",
        "unit": "grey levels²", "psnr": None, "relative": None, "summary": "",
    }  # fmt: skip
    return r.ModelFacts(
        **{**facts, "name": name, "kind": kind, "error": error, "pca_error": pca, **more}
    )


ARTICLE = model("the article's net", "article", 1340.0)
OURS = model("the default model", "ours", 222.0, parameters=1_080_000, seconds=130.0)


def score(name: str, kind: r.Kind, error: float, numbers: int = 20) -> r.MethodScore:
    return r.MethodScore(
        name=name, kind=kind, numbers=numbers, error=error, psnr=None, relative=None
    )


def point(name: str, kind: r.Kind, item_bytes: float, error: float, **more: Any) -> r.BytesPoint:
    facts: dict[str, Any] = {"setting": "", "layout": "file"}
    return r.BytesPoint(
        name=name, kind=kind, item_bytes=item_bytes, error=error, **{**facts, **more}
    )


def spent(*points: r.BytesPoint) -> r.BytesSpent:
    return r.BytesSpent(points=points, count=100, raw_bytes=784.0, sentence="", facts="")


def series(kind: r.Kind, name: str, **errors: float) -> r.NumbersSeries:
    points = tuple(
        r.NumbersPoint(numbers=int(key[1:]), error=error) for key, error in errors.items()
    )
    return r.NumbersSeries(name=name, kind=kind, points=points)


def comparison(*models: r.ModelFacts, mean: float = 4387.0, **changes: Any) -> r.Comparison:
    best = min(range(len(models)), key=lambda place: models[place].error)
    data = r.DataFacts(
        name="made up", count=100, item_shape=(28, 28), dtype="uint8", form="image",
        item_bytes=784, limits=(0.0, 255.0), unit="grey levels²", value_unit="grey levels",
    )  # fmt: skip
    facts: dict[str, Any] = {
        "title": "made up", "in_short": ("", "", ""), "data": data,
        "split": r.Split(
            learnt=80, validated=0, measured=20, measured_name="made up", seed=0, sentence=""
        ),
        "models": models, "best": best,
        "scores": (
            *(score(each.name, each.kind, each.error) for each in models),
            score("PCA", "pca", models[best].pca_error),
            score("mean item", "mean", mean, 0),
        ),
        "numbers": r.NumbersKept(
            series=(series("ours", "the default model", n20=222), series("pca", "PCA", n20=1531)),
            sentence="", facts="",
        ),
        "spent": None, "archives": None, "jpeg": None, "features": None, "gallery": None,
        "use": None, "losses": None, "latent": (), "table": None, "denoising": (),
        "cautions": (), "commands": (), "provenance": "", "seconds": 1.0,
    }  # fmt: skip
    return r.Comparison(**{**facts, **changes})


def worth(found: r.Comparison) -> str:
    return said.with_sentences(found).in_short[0]


# In short


def test_a_model_that_wins_is_worth_it() -> None:
    assert worth(comparison(ARTICLE, OURS)) == (
        "An autoencoder is worth it for these data: with 20 numbers the default model leaves a "
        "mean squared error of 222 grey levels², 14.5% of what PCA leaves (1,531)."
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (1600.0, "PCA wins, with a mean squared error of 1,531 grey levels² with 20 numbers"),
        (
            1531.0,
            "PCA leaves a mean squared error of 1,531 grey levels² with 20 numbers, and ",
        ),
        (1510.0, "not worth it for these data: PCA leaves a mean squared error of 1,531"),
        (1400.0, "gains little on these data"),
    ],
)
def test_pca_that_wins_or_is_as_good_is_named(error: float, told: str) -> None:
    sentence = worth(comparison(model("mine", "given", error)))
    assert told in sentence
    assert "mine" in sentence and "autoencoder is worth it" not in sentence
    assert "not worth it" in sentence or "gains little" in sentence


def test_two_pcas_are_told_apart() -> None:
    pca = "PCA of mine's training data"
    mine, linear = (model(name, "given", 222.0, pca_name=pca) for name in ("mine", "linear"))
    linear = replace(linear, preset="PCA", error=1600.0)
    curves = (series("given", "mine", n20=222), series("pca", "PCA of 80 of these items", n20=1500))
    kept = r.NumbersKept(series=curves, sentence="", facts="")
    found = said.with_sentences(comparison(mine, linear, numbers=kept))
    assert found.in_short[0].endswith(f"14.5% of what {pca} leaves (1,531).")
    assert "linear leaves 1,600 grey levels² from 20 numbers (PCA, " in found.in_short[1]
    assert "mine lies below PCA of 80 of these items: with 20 numbers" in found.numbers.sentence
    assert f"than {pca} with 20 numbers, 1,531" in unescape(comparison_page(found)).replace(
        "\u00a0", " "
    )
    alone = replace(linear, error=222.0)
    assert "the best of the models, linear, is PCA itself" in worth(comparison(alone))
    for error in (1531.0, 1600.0):
        assert f"for these data: {pca} " in worth(comparison(replace(mine, error=error)))


def test_pca_in_the_models_place_is_no_autoencoder() -> None:
    linear = model("the default model", "ours", 1531.0, preset="PCA")
    assert "nothing that was trained beat PCA" in worth(comparison(linear))
    cost = said.with_sentences(comparison(ARTICLE, linear)).in_short[1]
    assert cost.endswith("13.5 s for 161,804 weights and 13.5 s for a net that PCA replaced.")


def test_what_keeps_everything_in_fewer_bytes_than_a_code_wins() -> None:
    xz = point("xz", "codec", 30.0, 0.0, setting="lossless")
    sentence = worth(comparison(OURS, spent=spent(xz, point("xz", "codec", 99.0, 0.0))))
    assert sentence.startswith("To store these data an autoencoder is not worth it: xz keeps every")
    assert "30 bytes an item" in sentence and "80 bytes" in sentence and "14.5%" in sentence
    assert "is worth it" in worth(comparison(OURS, spent=spent(replace(xz, item_bytes=81.0))))
    linear = model("the default model", "ours", 1531.0, preset="PCA")
    told = worth(comparison(linear, spent=spent(xz)))
    assert "nothing that was trained beat PCA, which took its place and leaves a mean" in told


def test_a_decoder_that_is_not_charged_keeps_nothing_for_nothing() -> None:
    free = point("codes", "archive", 1.0, 0.0, charged=False)
    assert "is worth it" in worth(comparison(OURS, spent=spent(free)))


def test_constant_data_need_no_numbers() -> None:
    nothing = model("the default model", "ours", 0.0, pca=0.0)
    assert "all measured items are the mean item" in worth(comparison(nothing, mean=0.0))


def test_a_model_worse_than_the_mean_is_told_of() -> None:
    sentence = worth(comparison(model("mine", "given", 5000.0, pca=6000.0)))
    assert "no less than the mean item without any numbers (4,387)" in sentence


def test_both_models_and_their_cost_are_compared() -> None:
    second = said.with_sentences(comparison(ARTICLE, OURS)).in_short[1]
    assert second == (
        "From the same 20 numbers the default model leaves 222 grey levels² and the article's net "
        "1,340, 6.04 times as much; training them, in that order, took 130 s for 1,080,000 "
        "weights and 13.5 s for 161,804 weights."
    )
    better = replace(ARTICLE, error=100.0)
    assert (
        "the article's net leaves 100" in said.with_sentences(comparison(better, OURS)).in_short[1]
    )
    mine = said.with_sentences(comparison(model("<mine>", "given", 300.0))).in_short[1]
    assert mine == "<mine> leaves 300 grey levels² from 20 numbers (161,804 weights)."


def test_bytes_are_compared_at_the_error_of_the_codes() -> None:
    rough, fine = (point("AVIF", "codec", size, error) for size, error in ((20, 500), (33, 200)))
    png = point("PNG", "codec", 300.0, 0.0)
    third = said.with_sentences(comparison(OURS, spent=spent(rough, fine, png))).in_short[2]
    assert third == (
        "Without loss PNG takes least, 300 bytes an item of 784 bytes; the code of the default "
        "model takes 80 bytes, more than the 33 bytes of AVIF with no more error."
    )
    own = point("narrows compress", "archive", 200.0, 0.0)
    row = r.ArchiveRow(
        name="lossless", total=400, item_bytes=200, parts={}, classical="bzip2: 400 bytes",
        classical_bytes=400, largest=0.0, error=0.0, seconds=None, seconds_back=None,
    )  # fmt: skip
    archives = r.Archives(rows=(row,), count=2, raw_bytes=1568, sentence="", facts="")
    third = said.with_sentences(comparison(OURS, spent=spent(own), archives=archives)).in_short[2]
    assert "200 bytes an item of 784 bytes, by bzip2, a classical method that it chose; " in third
    dear = spent(point("AVIF", "codec", 90, 200))
    third = said.with_sentences(comparison(OURS, spent=dear)).in_short[2]
    assert third == (
        "The code of the default model takes 80 bytes, less than the 90 bytes of AVIF with no "
        "more error."
    )
    third = said.with_sentences(comparison(OURS, spent=spent(rough))).in_short[2]
    assert "nothing else that loses some came to as small an error" in third
    assert (
        "takes 784 bytes and its code 80 bytes" in said.with_sentences(comparison(OURS)).in_short[2]
    )


def test_a_row_takes_the_same_bytes_wherever_it_is_told() -> None:
    data = replace(comparison(OURS).data, form="table", item_shape=(10,), item_bytes=40)
    xz = point("CSV + xz", "codec", 12.0, 0.0)
    stored = replace(spent(xz), raw_bytes=59.2)
    row = r.ArchiveRow(
        name="lossless", total=1200, item_bytes=12, parts={}, classical="", classical_bytes=None,
        largest=0.0, error=0.0, seconds=None, seconds_back=None,
    )  # fmt: skip
    archives = r.Archives(rows=(row,), count=100, raw_bytes=5920, sentence="", facts="")
    found = said.with_sentences(comparison(OURS, data=data, spent=stored, archives=archives))
    assert "12 bytes a row of 59.2 bytes as CSV" in found.in_short[2]
    assert found.spent is not None and found.archives is not None
    assert "12 bytes of 59.2 bytes as CSV" in found.spent.sentence
    assert "1,200 of 5,920 bytes as CSV" in found.archives.sentence
    page = comparison_page(found).replace("\u00a0", " ")
    assert "59.2 → 80 bytes</strong> a row as CSV, and its code" in page and "40 →" not in page
    alone = said.with_sentences(comparison(OURS, data=data))  # of rows that are encoded already
    assert "A row encoded as 10 values takes 40 bytes and its code 80" in alone.in_short[2]
    page = comparison_page(alone).replace("\u00a0", " ")
    assert "40 → 80 bytes</strong> a row encoded as 10 values" in page


# Each figure


@pytest.mark.parametrize("share", [0.47474, 0.0312, 0.5, 0.98765, 0.869499, 1.0])
def test_a_figure_is_the_same_in_sentences_and_tables(share: float) -> None:
    row = r.CodeUseRow(name="mine", kind="given", numbers=20, neighbours=share, logistic=share)
    part = r.CodeUse(
        rows=(row,), learnt=80, measured=20, classes=3, most_frequent=0.4, sentence="", facts=""
    )
    table = use_table(part, GREY, ())
    assert table.rows[-1][2:] == [40, 40]  # what needs no code
    assert f" {rounded(table, 2)}%" in said.use_sentence(part, GREY)
    stored = spent(replace(point("xz", "codec", 100 * share, 0.0), setting="lossless"))
    table = bytes_table(stored, GREY, ())
    assert f" {rounded(table, 4)} bytes" in said.bytes_sentence(stored, GREY)


def rounded(table: Table, column: int) -> str:
    """The figure of a table's first row as a sentence has it: others may need more decimals."""
    return three_digits(float(table.texts()[column][0].replace(",", "")))


def numbers(*curves: r.NumbersSeries) -> str:
    return said.numbers_sentence(r.NumbersKept(series=curves, sentence="", facts=""), GREY)


def test_error_over_numbers_says_who_is_lower_where() -> None:
    pca = series("pca", "PCA", n2=3620, n20=1531, n50=747)
    ours = series("ours", "the default model", n2=2193, n20=222)
    assert numbers(pca, ours) == (
        "The default model lies below PCA at every size: with 20 numbers it leaves 222 grey "
        "levels², 85.5% below PCA's 1,531; PCA does not get there with 50."
    )
    worse = series("given", "mine", n2=4000, n20=1600)
    assert numbers(pca, worse).startswith("PCA is lowest at every size")
    mixed = series("given", "mine", n2=4000, n20=800)
    assert "below PCA with 20 numbers" in numbers(pca, mixed)
    assert "PCA needs 50 for as little" in numbers(pca, mixed)
    alike = series("given", "mine", n2=3619, n20=1516, n50=747.1)  # PCA of more items, say
    assert numbers(pca, alike).startswith("PCA leaves as little as mine: 1,516 grey levels²")


def test_a_method_that_is_no_model_is_named_where_it_leaves_least() -> None:
    scores = [score("mine", "given", 438), score("PCA", "pca", 440), score("cosines", "dct", 248)]
    assert said.least_sentence(scores, GREY) == (
        " Least of all is left by the cosines, with 20 numbers: 248 grey levels²."
    )
    assert said.least_sentence(scores[:2], GREY) == ""


def test_use_of_codes_is_told_beside_pca_and_the_items() -> None:
    rows = (
        r.CodeUseRow(name="mine", kind="given", numbers=20, neighbours=0.984, logistic=0.943),
        r.CodeUseRow(name="PCA", kind="pca", numbers=20, neighbours=0.969, logistic=0.88),
        r.CodeUseRow(name="items", kind="raw", numbers=784, neighbours=0.97, logistic=0.92),
    )
    use = r.CodeUse(
        rows=rows, learnt=100, measured=50, classes=10, most_frequent=0.11, sentence="", facts=""
    )
    assert said.use_sentence(use, GREY) == (
        "From 20 numbers of mine, five nearest neighbours classify 98.4% of 50 items correctly "
        "and logistic regression 94.3%; from PCA of the same size 96.9% and 88%; from the items "
        "themselves 97% and 92%; always answering the most frequent class 11%."
    )
    longer = replace(use, rows=(rows[0], replace(rows[1], numbers=32), rows[2]))
    assert "; from PCA's 32 numbers 96.9% and 88%; " in said.use_sentence(longer, GREY)
    said_of_none = said.use_sentence(replace(use, most_frequent=0.99), GREY)
    assert said_of_none.endswith("class 99%, so these codes say nothing of the class.")
    assert "of one class" in said.use_sentence(replace(use, classes=1), ROWS)
    wide = said.use_sentence(replace(use, rows=rows[:2]), GREY)
    assert "; the items themselves are too large for that; always" in wide
    assert use_table(use, GREY, ()).title == (
        "Accuracy in %, 50 items of 10 classes, learnt from 100 others"
    )


def test_losses_say_how_each_run_ended() -> None:
    def ended(loss: list[float], held_out: list[float], kept: int, **more: Any) -> str:
        curve = r.LossCurve(
            name="mine", kind="given", loss=tuple(loss), held_out=tuple(held_out),
            held_out_name="validation", pca=10.0, kept=kept, seconds=1.0, **more,
        )  # fmt: skip
        return said.losses_sentence(r.Losses(curves=(curve,), sentence="", facts=""), GREY)

    assert "still falling" in ended([9, 6, 4], [9, 7, 5], 3)
    assert "still falling" not in ended([5, 5, 5], [5, 5, 5], 3)
    stopped = ended([9, 4, 1], [9, 5, 6], 2)
    assert "best in epoch 2 of 3, which is kept" in stopped and "50% below PCA's 10" in stopped
    replaced = ended([9, 4, 1], [19, 15, 16], 2, replaced=True)
    assert replaced.startswith("The net of mine was best") and "is kept" not in replaced
    assert "PCA took its place" in replaced
    assert "overfits" in ended([9, 2, 1], [9, 5, 5], 3)
    assert "one epoch" in ended([9], [9], 1)
    assert "ends at 9" in ended([9], [], 1)
    refined = ended([9, 4, 1], [9, 5, 6], 2, refined=True)
    assert "with 5 grey levels² on validation items before its codes are refined, 50%" in refined
    assert refined.endswith("All other errors on this page are after that refinement.")
    assert "refine" not in stopped


def test_a_latent_plane_says_whether_classes_lie_apart() -> None:
    places = np.array([[0, 0], [0, 1], [9, 0], [9, 1]], np.float32)
    space = r.LatentSpace(
        model="mine", kind="given", positions=places, axes=("a", "b"), explained=0.31,
        labels=np.array([0, 0, 1, 1]), classes=("x", "y"), indices=np.arange(4),
        thumbnails=np.zeros(0, int), pictures=places, dead=1, sentence="", facts="",
    )  # fmt: skip
    assert said.latent_sentence(space, GREY) == (
        "The plane holds 31% of the variance of the codes; 1 latent number is the same for every "
        "measured item; the nearest other point is of the same class for 100% of the points, and "
        "no class was shown to the model."
    )
    mixed = replace(space, labels=np.array([0, 1, 0, 1]))
    assert "for 0% of the points" in said.latent_sentence(mixed, GREY)
    assert "class" not in said.latent_sentence(replace(space, labels=None, dead=0), GREY)


def test_a_table_says_what_follows_and_what_is_kept() -> None:
    def column(name: str, r2: float, pca: float) -> ColumnScore:
        return ColumnScore(
            name=name, kind="numeric", error=1.0, r2=r2, pca_error=1.0, pca_r2=pca,
            baseline_error=2.0,
        )  # fmt: skip

    redundant = (
        Redundant(name="a", kind="numeric", score=0.9, follows=("b",), method="trees"),
        Redundant(name="b", kind="numeric", score=0.2, method="linear"),
    )
    table = r.TableColumns(
        errors=(("mine", (column("a", 0.99, 0.9), column("b", 0.5, 0.7))),),
        redundancy=Redundancy(redundant, (), 60, 20),
        sentence="",
        facts="",
    )
    assert said.table_sentence(table) == (
        "1 of 2 columns can be predicted from the others with a score of 0.5 or more, a best from "
        "b (0.900). mine keeps a best (R² 0.990) and b worst (0.500); PCA keeps 1 of 2 "
        "columns better."
    )
    same = (("mine", (column("a", 0.99, 0.99 + 1e-7),)),)
    assert "PCA keeps 0 of 1" in said.table_sentence(replace(table, errors=same))
    none = said.table_sentence(replace(table, redundancy=None))
    assert "predicted" not in none
    assert none.startswith("Which columns follow from others is told of 30 rows or more, and of at")


def test_the_first_sentence_says_where_errors_rest_on_wild_values() -> None:
    usual = comparison(ARTICLE, OURS, cautions=("some other caution",))
    wild = "few wild values make nearly all of the spread of 1 column"
    told = WildNote(f"{wild}: 'b' (9999 in line 7; the others ...)")
    found = replace(usual, cautions=(told, "another"))
    assert worth(found) == f"{worth(usual)[:-1]}; {wild}, whose errors say little of usual rows."


def test_the_first_sentence_has_errors_with_wild_rows_behind_those_without() -> None:
    usual = comparison(ARTICLE, OURS)
    best = replace(OURS, with_wild=(98765.4, 123.456))
    found = comparison(ARTICLE, best, cautions=("few wild values make all of it: ...",))
    told = "with the rows that errors leave out, 98,765, and PCA's 123"
    assert worth(found) == f"{worth(usual)[:-1]}; {told}."


def test_denoising_names_the_best_of_the_others() -> None:
    def left(method: str, rmse: float) -> DenoisingScore:
        return DenoisingScore(method=method, rmse=rmse, psnr=None, ssim=None)

    part = r.DenoisingPart(
        model="mine", noise="gaussian:0.5", count=9, clean=np.zeros(1), noisy=np.zeros(1),
        scores=(left("noisy", 0.34), left("autoencoder", 0.09), left("median", 0.2)),
        versions=(), sentence="", facts="",
    )  # fmt: skip
    assert said.denoising_sentence(part) == (
        "Of an error of 0.34 of the range mine leaves 0.09; the best of the others, median "
        "filter, leaves 0.2."
    )
    worse = replace(part, scores=(*part.scores[:2], left("median", 0.05)))
    assert said.denoising_sentence(worse).endswith("leaves 0.05, which is less.")


def test_an_archive_that_does_no_better_says_so() -> None:
    def row(name: str, total: int, error: float, classical: int | None) -> r.ArchiveRow:
        return r.ArchiveRow(
            name=name, total=total, item_bytes=total / 100, parts={"payload": total},
            classical="" if classical is None else f"xz: {classical:,} bytes",
            classical_bytes=classical, largest=error, error=error, seconds=1.0, seconds_back=1.0,
        )  # fmt: skip

    def told(*rows: r.ArchiveRow) -> str:
        found = r.Archives(rows=rows, count=100, raw_bytes=78_400, sentence="", facts="")
        return said.archives_sentence(found, ROWS)

    better = told(row("lossless", 6000, 0.0, 10_000), row("within 8", 3000, 4.0, None))
    assert better == (
        "Without loss all 100 rows take 6,000 of 78,400 bytes as CSV, 40% less than the best "
        "classical method, xz; within 8 takes 50% of that."
    )
    assert "narrows compress chose xz, a classical method" in told(row("lossless", 6000, 0.0, 6000))


def test_a_nearer_method_is_told_with_its_bytes() -> None:
    def version(name: str, error: float, item_bytes: int) -> r.Version:
        return r.Version(
            name=name, kind="ours", values=np.zeros(1), cells=(), error=error, item_bytes=item_bytes
        )

    def told(jpeg_bytes: tuple[int, int]) -> str:
        items = tuple(
            r.GalleryItem(
                index=0, file="", rank="best", label="", original=np.zeros(1), cells=(),
                versions=(version("the code", 2.0, 80), version("JPEG", 1.0, each)),
            )
            for each in jpeg_bytes
        )  # fmt: skip
        found = r.Gallery(items=items, ranked_by="the code", sentence="", facts="")
        return said.gallery_sentence(found, ROWS)

    nearer = "is nearer to the original in 2 of these 2."
    assert told((75, 79)).endswith(f"; JPEG, in up to 79 bytes where the code takes 80, {nearer}")
    assert told((80, 78)).endswith(f"; JPEG {nearer}")


def test_a_row_that_no_method_is_nearer_to_may_have_columns_that_one_is() -> None:
    versions = tuple(
        r.Version(name=name, kind="ours", values=np.zeros(1), cells=(), error=error, item_bytes=4)
        for name, error in (("the code", 1.0), ("PCA", 2.0))
    )
    item = r.GalleryItem(
        index=0, file="", rank="best", label="", original=np.zeros(1), cells=(), versions=versions
    )
    found = r.Gallery(items=(item,), ranked_by="the code", sentence="", facts="")
    whole = "; no other method is nearer to the original in any of these 1"
    together = ", all columns taken together."
    assert said.gallery_sentence(found, ROWS).endswith(whole + together)
    assert said.gallery_sentence(found, GREY).endswith(f"{whole}.")
