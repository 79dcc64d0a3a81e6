"""The explore page has what the model and the data allow, and nothing that they do not."""

import re
from pathlib import Path

import numpy as np
import pytest

from helpers.scripts import needs_node, run_node
from narrows.pages.explore import build_explore_page
from narrows.report.redundancy import FOLLOWING

PAGE = {
    "kind": "image",
    "title": "<digits> & co",
    "provenance": "made of 12 items",
    "notes": ["Some are <b>."],
    "shape": [8, 8],
    "dtype": "uint8",
    "limits": [0, 16],
    "latent": [{"index": 0, "low": -1, "high": 1, "median": 0, "effect": 3, "idle": False}],
    "start": [0.0],
    "items": 12,
    "thumbnails": None,
    "map": {"xy": "", "explained": 0.5, "axes": ["a", "b"]},
    "labels": None,
    "classes": None,
    "codes": None,
    "rows": list(range(12)),
    "data_rows": 12,
    "columns": None,
    "denoises": False,
    "noise": None,
    "median": None,
    "tile": False,
    "detects": False,
    "backend": "server",
}


IDLE = {**PAGE["latent"][0], "idle": True}
NOISE = {"kind": "gaussian", "learnt": [0.1, 0.5], "most": 1.0, "lowest": 0, "highest": 16}


def ids(**changes: object) -> set[str]:
    html = build_explore_page({**PAGE, **changes}, server=True)
    return set(re.findall(r'\sid="([\w-]+)"', html))


def test_a_form_says_what_is_marked_and_what_follows_as_the_other_reports_do() -> None:
    column = {"name": "a", "follows_from": ["b"]}
    html = build_explore_page({**PAGE, "kind": "table", "columns": [column]}, server=True)
    assert "more than a tenth of the column's range in training away" in html
    assert f"follows from others, with a score of {FOLLOWING} or more" in html


def test_texts_of_files_are_escaped() -> None:
    html = build_explore_page(PAGE, server=True)
    assert "Explore &lt;digits&gt; &amp; co" in html and "Some are &lt;b&gt;." in html
    assert "<digits>" not in html


@pytest.mark.parametrize(
    ("changes", "there", "absent"),
    [
        ({}, {"picture-item", "draw-centre", "upload", "map", "walk", "nearest"}, {"row"}),
        ({"latent": PAGE["latent"] * 30}, {"sliders-rest"}, {"row", "sliders-idle"}),
        ({"latent": [*PAGE["latent"] * 24, IDLE]}, {"sliders-idle"}, {"sliders-rest"}),
        ({"denoises": True}, {"picture-denoised"}, {"draw-colour"}),
        (
            {"denoises": True, "latent": [], "map": None, "noise": NOISE, "median": 3},
            {"picture-noisy", "picture-median", "noise-amount", "item-number", "draw"},
            {"sliders", "map", "nearest", "walk", "picture-denoised"},
        ),
        ({"denoises": True, "latent": [], "median": 3}, {"picture-median"}, {"noise-amount"}),
        ({"shape": [8, 8, 3]}, {"draw-colour"}, {"draw-centre"}),
        ({"items": 0, "map": None}, {"draw", "upload"}, {"map", "walk", "nearest"}),
        ({"kind": "values", "shape": [100]}, {"draw", "picture-item"}, {"upload", "draw-brush"}),
        ({"kind": "table", "shape": [9], "columns": []}, {"row", "walk"}, {"draw", "upload"}),
        ({"latent": []}, {"picture-code"}, {"sliders", "picture-median"}),
    ],
)
def test_parts_follow_the_data(changes, there, absent) -> None:
    found = ids(**changes)
    assert there <= found
    assert not absent & found


def test_the_numbers_to_choose_are_the_datas_own() -> None:
    served = build_explore_page({**PAGE, "rows": [3, 8, 40], "data_rows": 1234}, server=True)
    assert 'min="0" max="1233"' in served and "0 to 1,233" in served
    exported = build_explore_page({**PAGE, "rows": [3, 8, 40], "data_rows": None}, server=False)
    assert 'min="3" max="40"' in exported and "12 of them, from 3 to 40" in exported


@needs_node
def test_rows_that_are_not_in_the_page_are_told(tmp_path: Path) -> None:
    code = """
        import { makeRows } from "./scripts/rows.js";
        const found = (page) => {
          const rows = makeRows(page);
          return {
            beside: [rows.beside(8, 1), rows.beside(8, -1), rows.beside(40, 1)],
            has: [8, 9, 41].map(rows.has),
            places: [8, 9].map(rows.placeOf),
            labels: [8, 9].map(rows.labelOf),
            files: [8, 9].map(rows.fileOf),
            lacks: [8, 9, 99, -1, 2.5, NaN].map((number) => rows.lack(number)),
          };
        };
        print(given.map(found));
    """
    page = {
        "rows": [3, 8, 40],
        "labels": [1, 0, 1],
        "classes": ["a", "b"],
        "files": ["k", "l", "m"],
    }
    some, all_ = run_node(tmp_path, code, [{**page, "data_rows": each} for each in (None, 41)])
    assert some["beside"] == [40, 3, 40] and all_["beside"] == [9, 7, 40]
    assert some["has"] == [True, False, False] and all_["has"] == [True, True, False]
    assert some["places"] == all_["places"] == [1, -1]
    assert some["lacks"][0] == "" and all(some["lacks"][1:])
    assert "3 from 3 to 40; the next one is 8" in some["lacks"][1]
    assert all_["lacks"][:2] == ["", ""] and "from 0 to 40" in all_["lacks"][2]
    assert some["files"] == all_["files"] == ["l", None]
    assert some["labels"] == all_["labels"] == ["a", None]


@needs_node
def test_cells_are_off_by_a_tenth_of_their_range(tmp_path: Path) -> None:
    code = """
        import { isOff } from "./scripts/row_form.js";
        print(given.map(([one, other, column]) => isOff(one, other, column)));
    """
    number = {"kind": "number", "low": 0, "high": 50}
    date = {"kind": "date", "low": "2024-01-01", "high": "2024-12-31"}
    other = {"kind": "category", "categories": ["12", "12.0"], "low": None, "high": None}
    clock = {"kind": "date", "low": "00:00:00", "high": "20:00:00"}
    span = {"kind": "date", "low": "0:00:00", "high": "10 days, 0:00:00"}
    cases = [
        (10, 14.9, number, False),
        (10, 15.1, number, True),
        (None, 3, number, True),
        ("2024-03-01", "2024-03-30", date, False),
        ("2024-03-01", "2024-05-01", date, True),
        ("2024-03-01", None, date, True),
        ("12", "12.0", other, True),
        (None, None, other, False),
        ("(other)", "rare", other, False),
        ("(other)", "12", other, True),
        ("(other)", None, other, True),
        ("08:00:00", "09:59:00", clock, False),
        ("08:00:00", "10:01:00", clock, True),
        ("0:08:23", "23:00:00", span, False),
        ("1 day, 0:00:00", "2 days, 12:00:00.5", span, True),
        ("-1 day, 23:00:00", "22:00:00", span, False),
    ]
    assert run_node(tmp_path, code, [case[:3] for case in cases]) == [case[3] for case in cases]


@needs_node
def test_what_the_code_gives_is_shown_with_all_digits_before_its_point(tmp_path: Path) -> None:
    code = """
        import { textOf } from "./scripts/row_form.js";
        print(given.map(textOf));
    """
    numbers = [123456.78, -1234567.8, 0.0123456, 12.34567, 7, None]
    shown = ["123457", "-1234568", "0.012346", "12.346", "7", "missing"]
    assert run_node(tmp_path, code, numbers) == shown


def test_classes_of_the_map_have_a_legend_where_there_are_few() -> None:
    labelled = {"labels": [2, 0, 2], "classes": ["cat", "cow", "dog & co"]}
    html = build_explore_page({**PAGE, **labelled}, server=True)
    assert re.findall(r"--class-(\d)\)\"></i>(.*?)</li>", html) == [
        ("0", "cat"),
        ("1", "dog &amp; co"),
    ]
    many = {"labels": list(range(12))}
    html = build_explore_page({**PAGE, **many}, server=True)
    assert 'class="legend"' not in html and "The 12 classes share 10 colours." in html
    assert "share 10 colours" not in build_explore_page({**PAGE, **labelled}, server=True)


@needs_node
def test_colours_go_by_the_rank_of_a_class_among_those_that_there_are(tmp_path: Path) -> None:
    code = """
        import { rankAmong } from "./scripts/map.js";
        print(given.map(rankAmong(given)));
    """
    labels = [10, 0, 20, 10, -1, 100]
    expected = np.unique(labels, return_inverse=True)[1]
    assert run_node(tmp_path, code, labels) == expected.tolist()


@needs_node
def test_what_is_wrong_with_a_link_is_said_beside_what_is_shown(tmp_path: Path) -> None:
    code = """
        import { makeActions } from "./scripts/actions.js";
        import { makeStore } from "./scripts/state.js";
        const said = [];
        const failed = (error) => said.push(error?.message ?? null);
        const store = makeStore(() => failed(null));
        const refuse = async () => { throw new Error("no column x"); };
        const found = async (row) => ({ values: [row], cells: [], code: new Float32Array(2) });
        const backend = { encodeCells: refuse, item: (row) => (row > 5 ? refuse() : found(row)) };
        const page = { kind: "table", latent: [0, 1], start: [0, 0], dtype: "float32" };
        const { open } = makeActions({ page, backend, store, failed });
        const nothing = { code: null, row: null, to: null, values: null, cells: null, name: null };
        await open({ ...nothing, cells: [{ column: "x", value: 1 }] });
        await open({ ...nothing, row: 1 });
        await open({ ...nothing, row: 1, to: 9 });
        print({ said, item: store.state.item.row });
    """
    found = run_node(tmp_path, code)
    assert found == {"said": [None, "no column x", None, None, "no column x"], "item": 1}


# A page of pictures whose oddness is told later, which `told()` does.
_LATER = """
    import { makeActions } from "./scripts/actions.js";
    import { makeStore } from "./scripts/state.js";
    let said = null;
    const failed = (error) => { said = error?.message ?? null; };
    const store = makeStore((state, isOther) => { if (isOther) failed(null); });
    const waiting = [];
    const later = () => new Promise((resolve) => waiting.push(resolve));
    const told = async () => {
      for (const resolve of waiting.splice(0)) resolve({ score: 2, pValue: 0.5 });
      await new Promise((resolve) => setTimeout(resolve));
    };
    const items = new Map();
    const backend = {
      encode: later,
      item: async (row) => {
        await items.get(row);
        if (row > 5) throw new Error(`there is no item ${row}`);
        return { values: [row], cells: [], code: new Float32Array(2) };
      },
    };
    const page = { kind: "image", latent: [0, 1], start: [0, 0], dtype: "uint8", detects: true };
    const actions = makeActions({ page, backend, store, failed });
    const nothing = { code: null, row: null, to: null, values: null, cells: null, name: null };
"""


@needs_node
def test_what_is_wrong_with_a_link_stays_when_more_is_known_of_what_is_shown(
    tmp_path: Path,
) -> None:
    code = """
        await actions.open({ ...nothing, row: 1, to: 9, wrong: "The code does not fit." });
        const first = said;
        await told();
        print({ first, then: said, score: store.state.item.score });
    """
    found = run_node(tmp_path, _LATER + code)
    wrong = "The code does not fit. there is no item 9"
    assert found == {"first": wrong, "then": wrong, "score": 2}


@needs_node
def test_a_link_that_was_overtaken_is_not_shown(tmp_path: Path) -> None:
    code = """
        await actions.open({ ...nothing, row: 1 });
        let come;
        items.set(2, new Promise((resolve) => { come = resolve; }));
        const opening = actions.open({ ...nothing, row: 2 });
        await actions.take(3);
        come();
        await opening;
        print(store.state.item.row);
    """
    assert run_node(tmp_path, _LATER + code) == 3


@needs_node
def test_what_of_a_link_does_not_fit_the_page_is_said(tmp_path: Path) -> None:
    code = """
        import { readLink } from "./scripts/state.js";
        import { makeRows } from "./scripts/rows.js";
        const of = (page) => ({ code: 2, item: 4, rows: makeRows(page) });
        const nine = of({ rows: [0, 1], data_rows: 9 });
        const none = of({ rows: null, data_rows: null });
        const said = (link, sizes = nine) => readLink(link, sizes).wrong;
        print([
          said("#code=AACAPwAAAEA&item=8&to=0&share=0.5"),
          said("#levels=AQIDBA&name=mine"),
          said('#row=[{"column":"x","value":1}]'),
          said(""),
          said("#code=AAAA"),
          said("#code=AAAA", { ...nine, code: 0 }),
          said("#item=9"),
          said("#item=x&to=99"),
          said("#item=3", none),
          said("#levels=AQI"),
          said("#values=%%"),
          said("#row={"),
        ]);
    """
    absent = "The link names an item that is not here."
    ends = "they go from 0 to 8."
    assert run_node(tmp_path, code) == [
        None,
        None,
        None,
        None,
        "The link's code does not fit this model, whose code has 2 numbers.",
        "The link's code does not fit this model, which has none to turn.",
        f"{absent} There is no number 9: {ends}",
        f"{absent} {absent} There is no number 99: {ends}",
        f"{absent} This page was opened without data.",
        "The link's item does not fit this model, whose items have 4 values.",
        "The link's item does not fit this model, whose items have 4 values.",
        "The link's row cannot be read.",
    ]


@needs_node
def test_an_answer_that_takes_two_seconds_is_told_until_it_comes(tmp_path: Path) -> None:
    code = """
        import { watched } from "./scripts/waiting.js";
        const timers = new Map();
        globalThis.setTimeout = (act, pause) => timers.set(timers.size, { act, pause }).size - 1;
        globalThis.clearTimeout = (timer) => timers.get(timer).act = () => {};
        const coming = [];
        const answer = () => new Promise((resolve, reject) => coming.push({ resolve, reject }));
        const said = [];
        const backend = watched({ decode: answer, encode: answer }, (slow) => said.push(slow));
        const quick = backend.decode(1);
        coming[0].resolve("quick");
        await quick;
        const asked = [backend.decode(2), backend.encode(3).catch((error) => error.message)];
        for (const { act } of timers.values()) act();
        coming[1].resolve("slow");
        const first = await asked[0];
        said.push(first);
        coming[2].reject(new Error("failed"));
        print({ said: [...said, await asked[1]], end: said.at(-1), pause: timers.get(0).pause });
    """
    assert run_node(tmp_path, code) == {
        "said": [True, True, True, "slow", "failed"],
        "end": False,
        "pause": 2000,
    }
