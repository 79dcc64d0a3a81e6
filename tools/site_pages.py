"""What mkdocs is given: the files of the repository that people read, under their names there.

The pages in docs/ link to records, benchmarks and pictures beside it, and README to all of them. So
the site is made of the repository's own files, not of docs/ alone, and every link leads in it to
what it leads to in the repository. Two kinds of pages are made for it: the list of records, and a
page of each notebook.
"""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
#: What is read as it is; records besides are on the list of records, not in the navigation.
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md")
SUFFIXES = {".md", ".png", ".svg", ".css"}  # of docs/ and records/

RECORDS = """# Records

Every figure in these pages was measured, by a script in [benchmarks/](../benchmarks/). A record
says by which command, against which targets, and on what machine. Targets were fixed before
anything was measured.

| measured on | what | targets met |
|---|---|---:|
"""

# What a browser loads without being asked, and by which attribute.
LOADED = {
    "audio",
    "embed",
    "iframe",
    "img",
    "input",
    "object",
    "script",
    "source",
    "track",
    "video",
}
LINKED = {"icon", "manifest", "modulepreload", "preconnect", "preload", "stylesheet"}

log = get_plugin_logger("site")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The repository's files in place of those of docs/ alone."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for path in repository_files(ROOT):
        files.append(_file(path, config))
    records = sorted(ROOT.glob("records/*/README.md"), reverse=True)
    files.append(File.generated(config, "records/README.md", content=list_of_records(records)))
    for path in sorted(ROOT.glob("examples/*.ipynb")):
        name = path.relative_to(ROOT).with_suffix(".md").as_posix()
        content = page_of_notebook(path.read_text("utf-8"))
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to folders lead to their pages, and links to notebooks to those made of them."""
    markdown = re.sub(r"\]\(((?:\.\./)*(?:records|benchmarks)/)\)", r"](\1README.md)", markdown)
    return re.sub(r"\]\(([\w./-]+)\.ipynb\)", r"](\1.md)", markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """A page must be readable without a network: it loads nothing from elsewhere."""
    for address in loaded_from_elsewhere(output):
        log.warning(f"{page.file.src_uri} loads {address}")
    return output


def on_post_build(config: MkDocsConfig) -> None:
    """Nor do the stylesheets."""
    for path in sorted(Path(config.site_dir).rglob("*.css")):
        for address in re.findall(
            r"url\(\s*[\"']?((?:https?:)?//[^)\"']+)", path.read_text("utf-8")
        ):
            log.warning(f"{path.name} loads {address}")


def repository_files(root: Path) -> Iterator[Path]:
    """What is read as it is."""
    yield from (root / name for name in PAGES)
    for folder in ("docs", "records"):
        yield from sorted(path for path in (root / folder).rglob("*") if path.suffix in SUFFIXES)


def _file(path: Path, config: MkDocsConfig) -> File:
    name = path.relative_to(ROOT).as_posix()
    is_record = name.startswith("records/")
    file = File(
        name,
        str(ROOT),
        config.site_dir,
        config.use_directory_urls,
        inclusion=InclusionLevel.NOT_IN_NAV if is_record else InclusionLevel.INCLUDED,
    )
    file.dest_uri = file.dest_uri.removeprefix("docs/")  # addresses without what all pages share
    return file


def list_of_records(paths: list[Path]) -> str:
    """A row for each record: its day, its title, and how many of its targets it met."""
    rows = []
    for path in paths:
        text = path.read_text("utf-8")
        title, _, rest = text.removeprefix("# ").partition("\n")
        day = path.parent.name[:10]
        # The first table has the targets, which were fixed before anything was measured.
        first_table = rest.partition("\n| target |")[2].partition("\n\n")[0]
        met = [
            row.rpartition(" | ")[2]
            for row in re.findall(r"^\|.* \| (?:yes|no) \|$", first_table, re.M)
        ]
        yes = sum(word.startswith("yes") for word in met)
        link = f"[{title.replace(f', {day}', '')}]({path.parent.name}/README.md)"
        rows.append(f"| {day} | {link} | {f'{yes} of {len(met)}' if met else ''} |")
    return RECORDS + "\n".join(rows) + "\n"


def page_of_notebook(source: str) -> str:
    """A notebook as Markdown, its results behind the code that made them."""
    parts = []
    for cell in json.loads(source)["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else _fenced(text, "python"))
        for output in cell.get("outputs", ()):
            parts.append(_output(output))
    return "\n\n".join(parts) + "\n"


def _output(output: dict) -> str:
    if output["output_type"] == "stream":
        return _fenced("".join(output["text"]), "text")
    data = output["data"]
    if "image/png" in data:
        picture = "".join(data["image/png"]).replace("\n", "")
        return f"![What the code above draws](data:image/png;base64,{picture})"
    if "text/html" in data:
        return _html("".join(data["text/html"]))
    return _fenced("".join(data["text/plain"]), "text")


def _html(html: str) -> str:
    """What a notebook shows as HTML, in the look of the site: tables without their own, and of an
    estimator what follows scikit-learn's diagram, whose look and scripts are those of notebooks."""
    html = html[max(html.find("<div class='narrows-model'"), 0) :]
    html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
    return f"<div>\n{re.sub(r'<table[^>]*>', '<table>', html)}\n</div>"


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def loaded_from_elsewhere(html: str) -> list[str]:
    """The addresses on other hosts that a page makes a browser ask for."""
    found = _Loaded()
    found.feed(html)
    return [address for address in found.addresses if re.match(r"(https?:)?//", address)]


class _Loaded(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in LOADED:
            self.addresses += [values[name] for name in ("src", "data", "poster") if name in values]
        elif tag == "link" and LINKED & set(values.get("rel", "").split()):
            self.addresses.append(values.get("href", ""))
