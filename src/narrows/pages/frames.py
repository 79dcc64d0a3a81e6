"""Pages inside other pages: how notebooks show one."""

from html import escape

# A page in a frame reaches nothing around it; its buttons, forms and downloads work.
_ALLOWED = "allow-scripts allow-forms allow-downloads"
_HEIGHT = 860  # pixels


class Framed:
    """A page that notebooks show in a frame of its own.

    Attributes:
        text: the page, of :func:`narrows.pages.building.build_page`.
    """

    text: str

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="A page of narrows" sandbox="{_ALLOWED}" srcdoc="{escape(self.text)}" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
        )
