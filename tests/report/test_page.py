import base64
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from narrows.errors import DataError
from narrows.report.page import Command, MethodResult, Story, StoryPicture, write_page

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects what a page holds, and fails where a tag is not closed by its own end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "tr" in self.open:
            self.rows[-1] += f"{data.strip()}|"


@pytest.fixture
def story(tmp_path: Path) -> Story:
    picture = tmp_path / "losses.png"
    picture.write_bytes(b"\x89PNG stands for a picture")
    return Story(
        title="MNIST through 20 numbers",
        data=["60,000 images of 28×28 pixels", "and 10,000 to test on"],
        model=MethodResult(name="Autoencoder", numbers=20, error=1226.6, psnr=17.24),
        baseline=MethodResult(name="PCA, 20 numbers", numbers=20, error=1530.6, psnr=16.28),
        others=(MethodResult(name="PCA, 30 numbers", numbers=30, error=1150.4),),
        error_unit="grey levels squared",
        bytes_before=784,
        bytes_after=80,
        seconds=23.41,
        pictures=[StoryPicture(picture, "Losses", "Both fall.")],
        summary="dense  (20,)  2,020",
        commands=[Command("narrows summary demo/model.safetensors", "Shows the layers.")],
        provenance="narrows 0.1 on 2 cores",
    )


def read(story: Story, path: Path) -> Reader:
    write_page(path, story)
    return Reader(path.read_text("utf-8"))


def test_the_page_tells_the_whole_story(story: Story, tmp_path: Path) -> None:
    text = read(story, tmp_path / "page.html").text
    for told in (
        story.title,
        *story.data,
        "1,226.6",
        "PSNR 17.24 dB",
        "19.9% less error",
        "than PCA, 20 numbers: 1,530.6",
        "784 → 80 bytes",
        "its code of 20 numbers",
        "23.4 s",
        "Both fall.",
        story.summary,
        "narrows summary demo/model.safetensors",
        story.provenance,
    ):
        assert told in text


def test_methods_are_ranked_by_error(story: Story, tmp_path: Path) -> None:
    assert read(story, tmp_path / "page.html").rows[1:] == [
        "PCA, 30 numbers|30|1,150.4|–|",
        "Autoencoder|20|1,226.6|17.24|",
        "PCA, 20 numbers|20|1,530.6|16.28|",
    ]


def test_a_model_that_loses_says_so(story: Story, tmp_path: Path) -> None:
    loser = replace(story, model=replace(story.model, error=1683.66))
    assert "10.0% more error" in read(loser, tmp_path / "page.html").text


@pytest.mark.parametrize("errors", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_errors_of_nothing_are_told_too(
    errors: tuple[float, float], story: Story, tmp_path: Path
) -> None:
    model, baseline = (
        MethodResult(name=name, numbers=1, error=error)
        for name, error in zip("ab", errors, strict=True)
    )
    read(replace(story, model=model, baseline=baseline), tmp_path / "page.html")


def test_the_page_needs_nothing_else(story: Story, tmp_path: Path) -> None:
    page = read(story, tmp_path / "page.html")
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "style")
    ]
    assert addresses
    assert all(address and address.startswith("data:image/png;base64,") for address in addresses)
    content = (tmp_path / "page.html").read_text("utf-8")
    assert "http" not in content.replace("http-equiv", "")
    assert "url(" not in content
    assert "@import" not in content


def test_pictures_are_embedded_byte_for_byte(story: Story, tmp_path: Path) -> None:
    page = read(story, tmp_path / "page.html")
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    embedded = base64.b64decode((image["src"] or "").partition(",")[2])
    assert embedded == Path(story.pictures[0].path).read_bytes()
    assert image["alt"] == "Losses"


def test_whatever_people_call_things_stays_text(story: Story, tmp_path: Path) -> None:
    evil = "<script>alert('1')</script> \"& $title ${data} {braces}"
    page = read(
        replace(
            story,
            title=evil,
            data=[evil],
            model=replace(story.model, name=evil),
            baseline=replace(story.baseline, name=evil),
            error_unit=evil,
            pictures=[StoryPicture(story.pictures[0].path, evil, evil)],
            summary=evil,
            commands=[Command(evil, evil)],
            provenance=evil,
        ),
        tmp_path / "page.html",
    )
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(evil) >= 10
    assert [attributes["alt"] for tag, attributes in page.tags if tag == "img"] == [evil]


def test_a_missing_picture_leaves_no_page(story: Story, tmp_path: Path) -> None:
    broken = replace(story, pictures=[StoryPicture(tmp_path / "gone.png", "", "")])
    with pytest.raises(DataError, match=r"gone\.png cannot be read"):
        write_page(tmp_path / "page.html", broken)
    assert not (tmp_path / "page.html").exists()
