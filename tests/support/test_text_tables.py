"""Tables of texts: aligned, whatever letters are in the cells, and escaped in HTML."""

from narrows.support.text_tables import TextTable, cell_text, told_html, told_text


def test_cells_stand_under_their_headers() -> None:
    lines = (
        TextTable("t", [["name", "value"], ["x", "1.5"], ["longer", "22.25"]]).text().splitlines()
    )
    assert lines == [
        "t",
        "─" * 13,
        "name    value",
        "─" * 13,
        "x         1.5",
        "longer  22.25",
        "─" * 13,
    ]


def test_wide_letters_take_two_places_and_control_letters_do_nothing() -> None:
    lines = (
        TextTable("t", [["a", "b"], ["温度", "1"], [cell_text("x\x1b[2J\n"), "2"]])
        .text()
        .splitlines()
    )
    assert lines[4] == "温度    1"
    assert lines[5] == "x·[2J·  2"


def test_the_same_is_a_table_in_html_and_no_letter_is_markup() -> None:
    table = TextTable("<t>", [["name", "a & b"], ["<x>", "1.5"]])
    told = [table, "more < less", "", "the end"]
    assert told_text(told).endswith("\nmore < less\n\nthe end")
    html = told_html(told)
    assert "<caption>&lt;t&gt;</caption>" in html
    assert "<th class='text' scope='row'>&lt;x&gt;</th><td>1.5</td>" in html
    assert "a &amp; b" in html and "<p>more &lt; less</p><p>the end</p>" in html
