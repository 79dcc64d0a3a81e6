"""How docstrings are read for the site: the roles of Sphinx that they have become Markdown."""

import re
from pathlib import Path

from griffe import Extension, Object

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
#: The names that the reference has, and docstrings can be linked to.
NAMES = set(re.findall(r"^::: narrows\.(\w+)$", REFERENCE.read_text("utf-8"), re.MULTILINE))


def as_markdown(text: str) -> str:
    """``:class:`narrows.Dataset``` as a link to it, and other names as code."""

    def replaced(match: re.Match[str]) -> str:
        name = match[1].lstrip("~")
        last = name.rpartition(".")[2]
        return f"[`{last}`][narrows.{last}]" if last in NAMES else f"`{name}`"

    return re.sub(r":(?:class|func|meth|mod|attr|data|exc):`([^`]+)`", replaced, text)


class RolesAsMarkdown(Extension):
    """Changes every docstring while it is collected."""

    def on_object(self, *, obj: Object, **_others: object) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
