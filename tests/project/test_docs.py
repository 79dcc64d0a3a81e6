"""The documentation: its specs are specs, and it names what there is, all of it."""

import dataclasses
import re
import sys
import tomllib
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

import narrows
from helpers import golden_archives, golden_tables
from helpers.command_line import command
from helpers.documents import blocks, run_commands
from narrows import compress, decompress
from narrows.archive.filters import FILTERS
from narrows.archive.methods import METHODS
from narrows.cli.app import app
from narrows.data.tables import KINDS
from narrows.nn.blocks import BLOCKS, Shape
from narrows.nn.flow import Flow
from narrows.nn.model import apply_part, initial_model
from narrows.nn.presets import PRESETS
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored
from narrows.report import diagnostics

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
MODELS, TABLES = ROOT / "docs" / "models.md", ROOT / "docs" / "tables.md"
FORMAT = ROOT / "docs" / "format.md"


def rows(path: Path, heading: str) -> dict[str, list[str]]:
    """The rows of the table after ``heading``, by the code in their first cell."""
    text = path.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `([a-z][\w-]*)` \|(.*)\|$", text, re.M)
    return {name: rest.split("|") for name, rest in found}


SPECS = [
    pytest.param(source, id=f"{path.stem}-{number}")
    for path in (ROOT / "README.md", *DOCS)
    for number, source in enumerate(blocks(path, "toml"))
]


def item_shape(source: str) -> Shape:
    """What a spec's first line says, as in ``# items of 28x28``."""
    match = re.match(r"# items of (\d+(?:x\d+)*)\n", source)
    assert match, f"the first line does not say what items it is for:\n{source}"
    return tuple(map(int, match[1].split("x")))


@pytest.mark.parametrize("source", SPECS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("own_decoder", [True, False], ids=["as-written", "mirrored"])
def test_every_spec_takes_its_items_and_gives_them_back(
    source: str, training: bool, own_decoder: bool
) -> None:
    shape = item_shape(source)
    spec = Spec.from_dict(tomllib.loads(source), shape)
    if not own_decoder:
        spec = Spec(shape, spec.encoder, mirrored(spec.encoder, shape, "linear"))
    random = np.random.default_rng(0)
    items = random.random((2, *shape), np.float32)
    flow = Flow(
        training=training,
        uniform=lambda size: random.random(size, np.float32),
        normal=lambda size: random.standard_normal(size, np.float32),
    )
    arrays = initial_model(spec, Scaling(), 0).arrays
    codes = apply_part(spec, "encoder", arrays, items, flow)
    results = apply_part(spec, "decoder", arrays, codes, flow)
    assert codes.shape == (2, spec.latent_size)
    assert results.shape == items.shape
    assert np.isfinite(results).all()


def test_every_block_has_an_example() -> None:
    specs = [tomllib.loads(source) for source in blocks(MODELS, "toml")]
    used = {
        block["block"]
        for spec in specs
        for part in ("encoder", "decoder")
        for block in spec.get(part, [])
    }
    assert used == set(BLOCKS)


def test_every_block_is_listed_with_its_fields_and_their_defaults() -> None:
    listed = rows(MODELS, "Blocks")
    assert list(listed) == list(BLOCKS)
    for name, cells in listed.items():
        stated = dict.fromkeys(re.findall(r"`(\w+)`", cells[0]))
        stated |= tomllib.loads("\n".join(re.findall(r"`(\w+ = [^`]+)`", cells[0])))
        known = {
            field.name: None if field.default is dataclasses.MISSING else field.default
            for field in dataclasses.fields(BLOCKS[name])  # type: ignore[arg-type]
        }
        assert set(stated) == set(known), name
        for field, default in known.items():
            pair = isinstance(default, tuple)
            assert default == ((stated[field],) * 2 if pair else stated[field]), (name, field)


def test_every_preset_kind_and_warning_is_listed() -> None:
    assert set(rows(MODELS, "Presets")) == set(PRESETS)
    assert set(rows(TABLES, "Kinds of columns")) == {*KINDS, "constant"}
    source = Path(diagnostics.__file__).read_text("utf-8")
    kinds = set(re.findall(r'Caution\(\s*"([\w-]+)"', source))
    assert kinds and set(rows(TABLES, "Warnings")) == kinds


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_option_that_is_named_exists(path: Path) -> None:
    program = get_command(app)
    commands = program.commands.values()  # type: ignore[attr-defined]
    items = [item for each in (program, *commands) for item in each.params]
    known = {option for item in items for option in (*item.opts, *item.secondary_opts)} | {"--help"}
    others = r"`python [^`]*`|^dask .*$"  # which have their own
    ours = re.sub(others, "", path.read_text("utf-8"), flags=re.M)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) <= known


def test_the_job_for_kubernetes_is_one_and_counts_its_processes_once() -> None:
    yaml = pytest.importorskip("yaml")
    (source,) = blocks(ROOT / "docs" / "scale.md", "yaml")
    service, job = yaml.safe_load_all(source)
    pod = job["spec"]["template"]["spec"]
    assert service["metadata"]["name"] == pod["subdomain"]
    (line,) = pod["containers"][0]["args"]
    count = job["spec"]["completions"]
    assert count == job["spec"]["parallelism"] and f"--processes {count} " in line
    assert f"{job['metadata']['name']}-0.{pod['subdomain']}:" in line


#: The pages of which every command runs; what others begin from are files of their readers.
RUN = ("fit", "evaluate", "archives", "codes", "generating")


@pytest.mark.slow
@pytest.mark.usefixtures("optimised")  # searching codes computes for longer than it compiles
@pytest.mark.parametrize("name", RUN)
def test_every_command_runs_in_the_order_of_the_text(
    name: str,
    model_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(model_file.parent)  # which holds digits.safetensors
    Path("zeros.nrw").write_bytes(compress(np.zeros(100_000)))
    run_commands(ROOT / "docs" / f"{name}.md", command(capsys, pictures=False), monkeypatch)


@pytest.mark.slow
def test_the_spec_of_the_page_on_learning_is_learnt(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "model.toml").write_text(blocks(ROOT / "docs" / "fit.md", "toml")[0], "utf-8")
    line = ["fit", "digits", "--epochs", 1, "--spec", tmp_path / "model.toml"]
    code, _, err = command(capsys)(*line, "--out", tmp_path / "model.safetensors")
    assert code == 0, err


@pytest.mark.slow
@pytest.mark.parametrize("source", [source for path in DOCS for source in blocks(path, "python")])
def test_every_example_runs(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for library in ("pandas", "polars", "dask"):
        if f"import {library}" in source:
            pytest.importorskip(library)
    # the reader in format.md knows what needs Python and NumPy alone
    for library in ("compression.zstd", "zstandard", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, library, None)
    exec(compile(re.sub(r"epochs=\d+", "epochs=2", source), "docs", "exec"), {})


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        assert "://" in link or (path.parent / link).exists(), link


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    listed = re.findall(r": docs/(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)
    assert sorted(listed) == [path.name for path in DOCS]


def test_every_public_name_is_in_the_reference() -> None:
    listed = re.findall(
        r"^::: narrows\.(\w+)$", (ROOT / "docs/reference.md").read_text("utf-8"), re.M
    )
    assert sorted(listed) == sorted({*narrows.__all__, "figures"} - {"__version__"})


def test_every_method_and_filter_of_archives_is_described() -> None:
    assert set(rows(FORMAT, "Methods")) == set(METHODS)
    assert set(rows(FORMAT, "Filters")) == set(FILTERS)


def reader() -> Callable[[bytes], np.ndarray]:
    """The reader that the description of the format gives, without its example."""
    source = blocks(FORMAT, "python")[0].split("\nfrom narrows import")[0]
    names: dict[str, Any] = {}
    exec(compile(source, "docs", "exec"), names)
    return names["read"]


EVERY_ARCHIVE = golden_archives.ARCHIVES | golden_archives.CODES


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_ARCHIVE)
def test_the_reader_of_the_format_reads_what_narrows_reads(name: str) -> None:
    if name.endswith(("png", "webp")):
        pytest.skip("it reads no images")
    blob = b64decode(EVERY_ARCHIVE[name])
    ours, theirs = decompress(blob), reader()(blob)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", golden_tables.ARCHIVES)
def test_the_reader_of_the_format_reads_tables_too(name: str) -> None:
    blob = b64decode(golden_tables.ARCHIVES[name])
    ours, theirs = decompress(blob), reader()(blob)
    assert list(theirs) == ours.column_names
    for title, cells in theirs.items():
        column = ours[title].combine_chunks()
        if str(column.type).startswith("timestamp"):
            column = column.cast("int64")
        assert list(map(repr, map(plain, cells))) == list(map(repr, column.to_pylist()))


def plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell
