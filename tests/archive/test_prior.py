"""Archives that start from a model: smaller, the same on every machine, and never without it."""

import io
import json
import tracemalloc
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import golden_archives
from helpers.archive_cases import assert_same, assert_within, forged, parts_of
from helpers.command_line import Command, done, failed
from helpers.optional import optional
from narrows import Dataset, compress, decompress
from narrows.archive import Archive, Model, learn_model, open_archive
from narrows.archive import blocks as blocks_module
from narrows.archive.container import Container
from narrows.archive.learning import _CONTEXTS
from narrows.archive.methods.primed import Primed
from narrows.archive.mixing import Course, Prior, blocks, compiled, walk
from narrows.archive.mixing.contexts import COUNT, NEAR
from narrows.archive.mixing.kinds import ALL, FIRST, SOME, Mixers
from narrows.archive.mixing.learned import Settings
from narrows.archive.mixing.surroundings import LONGEST_RUN, ROWS, surroundings
from narrows.errors import ArchiveError, DataError, ShapeError, UsageError

assert blocks._compiled() is not None  # for blocks of any size

ARRAYS = ("cells", "quiet", "refined", "weights")
SHAPES = [(40, 9, 8), (30, 4, 5, 2), (2, 16, 20), (300, 7)]


def drawn(shape: tuple[int, ...], seed: int, top: int = 255) -> np.ndarray:
    """Strokes on an empty ground, and some noise: uint8."""
    random = np.random.default_rng(seed)
    values = np.where(random.random(shape) < 0.3, random.integers(0, top + 1, shape), 0)
    if len(shape) > 2:
        values = np.maximum(values, np.roll(values, 1, 1)) * (random.random(shape) < 0.9)
    return values.astype("u1")


def taught(values: np.ndarray, contexts: int, way: Any, mixers: Mixers = ALL) -> Prior:
    course, chosen = Course.of(values.shape, 1), Settings(contexts, 0, 255, mixers)
    prior = Prior.before(chosen, values.size)
    way.encode(course, chosen, values.reshape(course.count, -1), prior.learned)
    return prior


@pytest.fixture(scope="module")
def model() -> Model:
    return learn_model(drawn((240, 9, 8), 0), effort="fast")


ITEMS = drawn((20, 9, 8), 1)


# What is learnt


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("contexts, mixers", [(6, SOME), (NEAR, FIRST), (COUNT, ALL)])
def test_both_ways_learn_the_same_and_go_on_from_it(
    shape: tuple[int, ...], contexts: int, mixers: Mixers
) -> None:
    values = drawn(shape, 0)
    priors = [taught(values, contexts, way, mixers) for way in (walk, compiled)]
    for name in ARRAYS:
        assert_same(*(getattr(prior.learned, name) for prior in priors))
    prior, more = Prior.from_bytes(priors[0].to_bytes()), drawn(shape, 1)
    course = Course.of(shape, 1)
    rows = more.reshape(course.count, -1)
    content = walk.encode(course, prior.settings, rows, prior.learned.copy())
    assert compiled.encode(course, prior.settings, rows, prior.learned.copy()) == content
    for way in (walk, compiled):
        assert_same(way.decode(course, prior.settings, content, prior.learned.copy()), rows)


def test_a_prior_is_what_was_learnt_but_for_cells_of_few_answers() -> None:
    prior = taught(drawn((40, 9, 8), 0), 6, walk)
    back = Prior.from_bytes(prior.to_bytes())
    assert back.settings == prior.settings
    for name in ARRAYS[1:]:
        assert_same(getattr(back.learned, name), getattr(prior.learned, name))
    kept = prior.learned.cells >> 16 > 3
    assert kept.sum() > 100 and (prior.learned.cells[~kept] > 0).any()
    assert_same(back.learned.cells, np.where(kept, prior.learned.cells, 0).astype("u4"))


def test_a_block_does_not_change_the_prior() -> None:
    prior = taught(drawn((40, 9, 8), 0), 6, walk)
    before, course = prior.learned.copy(), Course.of((20, 9, 8), 1)
    content = blocks.encode_block(ITEMS.reshape(20, -1), course, 6, 2, prior)
    assert_same(blocks.decode_block(content, course, prior), ITEMS.reshape(20, -1))
    for name in ARRAYS:
        assert_same(getattr(prior.learned, name), getattr(before, name))


def test_surroundings_are_runs_and_rows_within_the_item() -> None:
    rows, columns = 7, 9
    bright = np.random.default_rng(0).integers(0, 2, (rows, columns)).repeat(2, 0)[:rows]
    row, column = np.divmod(np.arange(rows * columns), columns)
    asked = []

    def look(some: np.ndarray, up: int, right: int) -> np.ndarray:
        asked.append((up, right))
        return bright[row[some] - up, column[some] + right]

    found = surroundings(look, row, column, columns)
    # every place is further back than a step: 3 rows, or less to the right
    assert all(3 * up > right and up >= 0 for up, right in asked)
    directions = {"west": (0, -1), "north": (-1, 0), "north_east": (-1, 1), "north_west": (-1, -1)}
    for name, (down, right) in directions.items():
        for place, length in enumerate(getattr(found, name)):
            line = []
            y, x = row[place] + down, column[place] + right
            while 0 <= y < rows and 0 <= x < columns:
                line.append(bright[y, x])
                y, x = y + down, x + right
            alike = next((n for n, each in enumerate(line) if each != line[0]), len(line))
            assert length == min(max(alike - 1, 0), LONGEST_RUN), (name, place)
    for up, ((first, stop), bits) in enumerate(zip(ROWS, found.rows, strict=True), 1):
        wide = np.pad(bright, ((3, 0), (9, 9)))
        for place, number in enumerate(bits):
            y, x = row[place] - up + 3, column[place] + 9
            text = "".join(map(str, wide[y, x + first : x + stop]))
            assert number == int(text, 2), (up, place)


# Archives


@pytest.mark.parametrize("bound", [0, 3])
@pytest.mark.parametrize("effort", ["fast", "best"])
def test_an_archive_from_a_model_is_smaller_and_comes_back(
    digits: Dataset, bound: float, effort: Any
) -> None:
    learnt = learn_model(digits.items[:600], max_error=bound, effort=effort)
    items = digits.items[600:800]
    blob, without = compress(items, bound, model=learnt), compress(items, bound)
    with Archive(io.BytesIO(blob), "a") as archive:
        account = archive.account
        assert account.methods == {"primed": 1}
        assert (account.model, account.model_size) == (learnt.digest, len(learnt.content))
    with Archive(io.BytesIO(without), "a") as archive:
        # at the effort fast a model looks at few contexts
        assert account.sizes["payload"] < archive.account.sizes["payload"] * (
            0.93 if effort == "best" else 1.1
        )
    assert_within(decompress(blob, model=learnt), items, bound)
    assert account.alone is not None and account.classical_alone is not None
    assert account.alone < 0.7 * (account.classical_alone.item_bytes or 0)


@pytest.mark.parametrize(
    "items",
    [
        drawn((30, 5), 0).astype("i2") - 300,
        drawn((40, 3, 3), 0).astype("u4") * 1000,
        np.where(drawn((40, 4), 0) == 7, np.nan, drawn((40, 4), 0) / 10).astype("f4"),
        drawn((40, 4, 4), 0) > 99,
        drawn((700,), 0),
    ],
    ids=["signed", "wide", "floats", "truth values", "one row"],
)
def test_models_of_every_kind_of_values(items: np.ndarray) -> None:
    bound = 0.3 if items.dtype.kind == "f" else 0
    learnt = learn_model(items, max_error=bound, effort="fast")
    for embed in (False, True):
        blob = compress(items, bound, model=learnt, embed_model=embed)
        assert_within(decompress(blob, model=learnt), items, bound)
    primed = Primed(learnt.container.read)
    levels = learnt.quantiser.levels(np.nan_to_num(items))
    content = primed.encode(levels, "fast")
    assert content[0] == 0
    assert_same(primed.decode(content, levels.shape, levels.dtype), levels)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 255), st.integers(1, 12))
def test_any_values_come_back(seed: int, top: int, count: int) -> None:
    primed = Primed(SMALL.container.read)
    values = drawn((count, 9, 8), seed, top)
    content = primed.encode(values, "fast")
    assert_same(primed.decode(content, values.shape, values.dtype), values)
    assert primed.encode(values.copy(), "best") == content


SMALL = learn_model(drawn((60, 9, 8), 0), effort="fast")


def test_values_beyond_those_of_the_model_start_from_nothing() -> None:
    dark = learn_model(np.clip(drawn((60, 9, 8), 0), 3, 90), effort="fast")
    primed = Primed(dark.container.read)
    for values in (ITEMS, np.clip(ITEMS, 0, 90), np.clip(ITEMS, 3, 255)):
        content = primed.encode(values, "fast")
        assert content[0] == 1
        assert_same(primed.decode(content, values.shape, values.dtype), values)
    values = np.clip(ITEMS, 3, 90)
    assert primed.encode(values, "fast")[0] == 0
    with pytest.raises(ValueError, match="not of values that are mixed"):
        primed.encode(ITEMS[:1], "fast")


def test_any_item_is_read_without_the_other_blocks(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks_module, "BLOCK_BYTES", 5 * 72)
    blob = compress(ITEMS, model=model)
    with open_as(blob, model) as archive:
        assert archive.account.methods == {"primed": 4}
        assert_same(archive.items(7, 12), ITEMS[7:12])


def open_as(blob: bytes, model: Model | None) -> Archive:
    container = Container(io.BytesIO(blob), "a")
    if model is not None:
        container.lend(model.container, model.digest)
    return Archive.of(container)


def test_a_model_that_is_left_in_is_not_asked_for(model: Model) -> None:
    items = np.concatenate([drawn((60, 9, 8), seed) for seed in range(9)])
    blob = compress(items, model=model, embed_model=True)
    header, parts = parts_of(compress(items, model=model))
    embedded = forged(
        {key: value for key, value in header.items() if key != "model"},
        {"prior": model.container.read("prior"), **parts},
    )
    for each in (blob, embedded):
        assert_same(decompress(each), items)
    with Archive(io.BytesIO(embedded), "a") as archive:
        assert archive.account.model is None
        assert archive.account.shared == len(model.container.read("prior"))


def test_from_how_many_items_on_a_model_pays(model: Model) -> None:
    with Archive(io.BytesIO(compress(ITEMS, model=model)), "a") as archive:
        account = archive.account
    other = account.classical
    assert other is not None and account.classical_alone is not None
    found = account.pays_from(other)
    assert found is not None
    fixed = account.model_size + account.sizes["header"]
    ours, theirs = ((account.total - account.sizes["header"]) / 20, other.size / 20)
    assert fixed + found * ours <= found * theirs
    assert fixed + (found - 1) * ours > (found - 1) * theirs
    alone = account.pays_alone_from(account.classical_alone)
    saved = (account.classical_alone.item_bytes or 0) - (account.alone or 0)
    assert alone is not None and (alone - 1) * saved < account.model_size <= alone * saved


# What is missing, or another one


def test_a_missing_model_and_a_wrong_one_are_refused_by_their_hash(model: Model) -> None:
    blob = compress(ITEMS, model=model)
    with pytest.raises(ArchiveError, match=f"{model.digest}, and holds none of it"):
        decompress(blob)
    other = learn_model(drawn((60, 9, 8), 5), effort="fast")
    with pytest.raises(ArchiveError, match=f"{model.digest}, and the model is {other.digest}"):
        decompress(blob, model=other)


def test_what_is_no_model_is_refused(model: Model, tmp_path: Path) -> None:
    blob = compress(ITEMS, model=model)
    with pytest.raises(ArchiveError, match="is an archive, and no model"):
        decompress(blob, model=blob)
    with pytest.raises(ArchiveError, match="no model that archives start from") as error:
        compress(ITEMS, model=b"a model of another kind")
    assert "--codes-only" in (error.value.hint or "")
    with pytest.raises(ArchiveError, match="holds no data"):
        decompress(model.content)
    with pytest.raises(ArchiveError, match="cannot be read"):
        compress(ITEMS, model=tmp_path / "none.model")
    path = tmp_path / "a.model"
    path.write_bytes(model.content)
    assert_same(decompress(compress(ITEMS, model=path), model=str(path)), ITEMS)
    (tmp_path / "a.nrw").write_bytes(blob)
    with open_archive(tmp_path / "a.nrw", model=path) as archive:
        assert_same(archive.items(3, 5), ITEMS[3:5])


def test_a_model_of_other_items_is_refused(model: Model) -> None:
    with pytest.raises(ShapeError, match=r"learnt from uint8 items of shape \(9, 8\)"):
        compress(ITEMS[:, :8], model=model)
    with pytest.raises(ShapeError, match="uint8 items"):
        compress(ITEMS.astype("i4"), model=model)
    with pytest.raises(UsageError, match="learnt within errors of 0, and 2 is asked for"):
        compress(ITEMS, 2, model=model)
    pandas = optional("pandas")
    with pytest.raises(UsageError, match="a model for arrays"):
        compress(pandas.DataFrame({"a": [1]}), model=model)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (1, 1 << 16, 3)])
def test_nothing_is_learnt_of_nothing(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"nothing can be learnt|takes no items"):
        learn_model(np.zeros(shape, "u1"))


# Damage


def test_every_damage_of_a_model_is_noticed(model: Model) -> None:
    blob, content = compress(ITEMS, model=model), model.content
    for place in range(0, len(content), len(content) // 200):
        damaged = content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
        for each in (damaged, content[:place]):
            with pytest.raises(ArchiveError):
                decompress(blob, model=each)


def test_a_forged_prior_ends_in_an_error_or_in_values(model: Model) -> None:
    header, parts = parts_of(compress(ITEMS, model=model))
    del header["model"]
    prior, random = model.container.read("prior"), np.random.default_rng(0)
    for _ in range(60):
        damaged, place = bytearray(prior), int(random.choice([random.integers(30), len(prior)]))
        place = min(place, int(random.integers(len(prior))))
        damaged[place : place + random.integers(3)] = random.bytes(int(random.integers(3)))
        blob = forged(header, {"prior": bytes(damaged), **parts})
        try:
            assert decompress(blob).shape == ITEMS.shape
        except ArchiveError:
            continue


def test_more_cells_than_there_may_be_take_no_memory(model: Model) -> None:
    prior = bytearray(model.container.read("prior"))
    assert 12 <= prior[12] <= 21  # behind width, lowest and settings
    header, parts = parts_of(compress(ITEMS, model=model))
    del header["model"]
    for bits in (11, 22, 32, 255):
        prior[12] = bits
        tracemalloc.start()
        try:
            with pytest.raises(ArchiveError, match="prior is damaged"):
                decompress(forged(header, {"prior": bytes(prior), **parts}))
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "name, answers, yeses", [("cells", 9, 10), ("refined", 9, 10), ("quiet", 1024, 1)]
)
def test_cells_that_nothing_teaches_are_refused(name: str, answers: int, yeses: int) -> None:
    prior = taught(drawn((20, 4, 4), 0), 2, walk)
    getattr(prior.learned, name)[5] = answers << 16 | yeses
    with pytest.raises(ValueError, match="a cell that there is not"):
        Prior.from_bytes(prior.to_bytes())


def test_weights_that_nothing_teaches_are_refused() -> None:
    prior = taught(drawn((20, 4, 4), 0), 2, walk)
    prior.learned.weights[3, 1] = -(1 << 23) - 1
    with pytest.raises(ValueError, match="a weight that there is not"):
        Prior.from_bytes(prior.to_bytes())


def test_a_header_that_names_no_model_is_refused(model: Model) -> None:
    header, parts = parts_of(compress(ITEMS, model=model))
    for entry in ("x", {"sha256": "A" * 64, "bytes": 1}, {"sha256": "0" * 64, "bytes": -1}):
        with pytest.raises(ArchiveError, match="damaged"):
            decompress(forged({**header, "model": entry}, parts), model=model)


# For ever


@pytest.mark.parametrize(
    "contexts, mixers, digest",
    [
        (30, FIRST, "9a13ca7d06776857"),
        (COUNT, SOME, "15a9a964d560f4ca"),
        (COUNT, ALL, "3009792756a0bda4"),
    ],
)
def test_what_is_looked_at_stays_the_same(contexts: int, mixers: Mixers, digest: str) -> None:
    prior = taught(drawn((30, 4, 5, 2), 0), contexts, walk, mixers)
    course, rows = Course.of((20, 4, 5, 2), 1), drawn((20, 4, 5, 2), 1).reshape(20, -1)
    content = compiled.encode(course, prior.settings, rows, prior.learned)
    assert sha256(content).hexdigest()[:16] == digest


def test_an_old_archive_with_a_model_opens() -> None:
    blob = b64decode(golden_archives.PRIMED)
    with Archive(io.BytesIO(blob), "a") as archive:
        assert archive.account.methods == {"primed": 1}
        assert archive.account.sizes["payload"] < 400
        assert_same(archive.read(), golden_archives.PRIMED_ITEMS)


# The program


def test_the_commands_keep_a_model_and_use_it(
    narrows: Command, digits: Dataset, tmp_path: Path
) -> None:
    first, rest = tmp_path / "first.npy", tmp_path / "rest.npy"
    kept, archive, out = (str(tmp_path / name) for name in ("d.model", "rest.nrw", "out.npy"))
    np.save(first, digits.items[:400])
    np.save(rest, digits.items[400:500])
    fast = ("--effort", "fast")
    said = done(
        narrows("compress", first, "--out", tmp_path / "a.nrw", "--keep-model", kept, *fast)
    )
    digest = Model.of(kept).digest
    assert digest in said.err
    shown = done(narrows("compress", rest, "--out", archive, "--model", kept, *fast)).out
    assert digest in shown and "its model charged" in shown
    told = json.loads(done(narrows("info", archive, "--json")).out)
    assert (told["model"], told["model_bytes"]) == (digest, Path(kept).stat().st_size)
    assert told["classical"]["pays_from"] > 0 and told["classical"]["ratio"] > 1
    told = json.loads(done(narrows("info", kept, "--json")).out)
    assert (told["kind"], told["sha256"]) == ("model of archives", digest)
    assert digest in done(narrows("info", kept)).out
    done(narrows("verify", archive, "--against", rest, "--model", kept))
    done(narrows("decompress", archive, "--model", kept, "--items", "3:9", "--out", out))
    assert_same(np.load(out), digits.items[403:409])
    for line in (["decompress", archive, "--out", out], ["verify", archive]):
        failed(narrows(*line), 1, digest, "hint: give the file")


@pytest.mark.parametrize(
    "options, text",
    [
        (["--embed-model"], "without a model to embed"),
        (["--item-bytes", "8"], "are for archives of codes"),
    ],
)
def test_wishes_that_cannot_be_say_why(
    options: list[str], text: str, narrows: Command, tmp_path: Path
) -> None:
    failed(narrows("compress", "digits", "--out", tmp_path / "a.nrw", *options), 2, text)


def test_models_are_not_of_tables(narrows: Command, tmp_path: Path) -> None:
    table, out = tmp_path / "a.csv", tmp_path / "a.nrw"
    table.write_text("x,y\n1,2\n3,4\n")
    kept = tmp_path / "a.model"
    said = narrows("compress", table, "--out", out, "--keep-model", kept)
    failed(said, 2, "models are of arrays")


def test_each_effort_looks_at_more() -> None:
    assert _CONTEXTS["fast"] < _CONTEXTS["normal"] < _CONTEXTS["best"] == COUNT
