"""Tables as plain text: aligned, whatever letters are in the cells."""

from narrows.support.text_tables import cell_text, table_text


def test_cells_stand_under_their_headers() -> None:
    lines = table_text("t", [["name", "value"], ["x", "1.5"], ["longer", "22.25"]]).splitlines()
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
    lines = table_text(
        "t", [["a", "b"], ["温度", "1"], [cell_text("x\x1b[2J\n"), "2"]]
    ).splitlines()
    assert lines[4] == "温度    1"
    assert lines[5] == "x·[2J·  2"
