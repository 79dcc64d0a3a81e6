"""One self-contained HTML file from a template, the stylesheet, scripts and data."""

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.errors import UsageError
from narrows.pages.embedding import bytes_text
from narrows.support.files import atomic_file
from narrows.support.number_text import three_digits
from narrows.support.streams import printable

if TYPE_CHECKING:
    from jinja2 import Environment

# What a page may load: itself. No address of any host, whoever wrote the data into it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src {connect}; base-uri 'none'; form-action 'none'"
)
# Elements whose spaces stay, tags, or the space between a number and its unit.
_BREAKS = re.compile(
    r"(<(script|style|pre|code)\b.*?</\2>|<[^>]*>)|(?<=\d) "
    r"(?=(?:%|s|dB|[kMG]B|bytes?|numbers?|values?|items?|rows?|times|grey levels?)(?!\w))",
    re.DOTALL,
)
# Elements that hold no text of the page, tags, or an option, which a line could end in.
_OPTIONS = re.compile(
    r"(<(script|style|title|desc|text)\b.*?</\2>|<[^>]*>)|(?<![\w-])--[a-z][\w-]*", re.DOTALL
)
_IMPORT = re.compile(r'(\bfrom\s+|\bimport\s+)"\./([\w-]+\.js)"')


def build_page(
    template: str,
    *,
    scripts: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
    server: bool = False,
    **context: Any,
) -> str:
    """A page as one text, which opens from disk and loads nothing.

    Args:
        template: the name of a file in ``templates/``, which extends ``base.html``.
        scripts: files in ``scripts/`` to run; the modules that they import come along.
        data: what scripts read by ``pageData()`` of ``page_data.js``: anything that is JSON,
            without NaN or infinity.
        server: whether the page may ask the server that it came from.
        context: what the template names. Texts are escaped.

    Raises:
        ValueError: the data hold NaN or infinity.
    """
    policy = _POLICY.format(connect="'self'" if server else "'none'")
    page = (
        _environment()
        .get_template(template)
        .render(
            policy=policy,
            style=_resource("style.css"),
            import_map=_json({"imports": dict(_modules(scripts))}),
            scripts=[_named(_resource(f"scripts/{name}")) for name in scripts],
            page_data=_json({} if data is None else data),
            **context,
        )
    )
    return _unbroken(printable(page))  # names of files may be no text


def _unbroken(page: str) -> str:
    """A page in which no line ends between a number and what it counts, or within an option. What
    is copied, such as a command, keeps its spaces."""
    page = _BREAKS.sub(lambda found: found[1] or "\u00a0", page)
    return _OPTIONS.sub(lambda found: found[1] or f'<span class="option">{found[0]}</span>', page)


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("narrows.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["three_digits"] = three_digits
    return environment


def _resource(name: str) -> str:
    return files("narrows.pages").joinpath(name).read_text(encoding="utf-8")


def _json(values: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element, whatever texts it holds."""
    return json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _named(script: str) -> str:
    """A script that imports by the names of the import map: paths would need a server."""
    return _IMPORT.sub(r'\1"narrows/\2"', script)


def _modules(scripts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The modules that scripts import, directly or not: names, and addresses that hold them."""
    waiting, seen = list(scripts), set(scripts)
    while waiting:
        text = _resource(f"scripts/{waiting.pop()}")
        for _, name in _IMPORT.findall(text):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
                module = _named(_resource(f"scripts/{name}")).encode()
                yield f"narrows/{name}", f"data:text/javascript;base64,{bytes_text(module)}"


_SUFFIXES = (".html", ".htm")


def require_page_name(path: str | os.PathLike[str]) -> None:
    """Make sure that a file has a page's name: browsers show the text of any other.

    Raises:
        UsageError: it has not.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{path} is no name of a page", hint="give a name that ends in .html")


def write_page(path: str | os.PathLike[str], page: str) -> None:
    """Write a page.

    Raises:
        UsageError: the name does not end as a page's does.
        OutputError: the file cannot be written.
    """
    require_page_name(path)
    with atomic_file(path, "w") as stream:
        stream.write(page)
