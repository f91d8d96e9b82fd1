"""Every type that a notebook can show: in one line as text, escaped, small, legible in light and dark themes."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import workbench as wb
from tests.exhibits import EXHIBITS, Source, public_results
from tests.test_reviews import large
from workbench.designfile import load_design, parse_design
from workbench.results import SHOWN_BYTES, Result, html_table

EVIL = "<script>alert('$1')</script> & $2"
HOSTILE = """
name: "EVIL"
description: "EVIL"
tables:
  Tab: {partition_key: "EVIL", sort_key: "EVIL.sort", gsi: {byGroup: {partition_key: "EVIL.group"}}}
fields:
  user: {count: 20, format: "EVIL{}"}
  part: {per: user, count: 2}
entities:
  "EVIL":
    key: {"EVIL": "EVIL#{user}", "EVIL.sort": "EVIL{part}"}
    attributes: {"EVIL.group": ["EVIL", other]}
roles: {"EVIL": {tenant: user}}
access_patterns:
  "EVIL":
    operation: Query
    key_condition: "#k = :k"
    names: {k: "EVIL", g: "EVIL.group"}
    filter: "#g = :g"
    values: {k: "EVIL#{user}", g: "EVIL"}
    rate: 100/s
    description: "EVIL"
    role: "EVIL"
  "EVIL put": {operation: PutItem, rate: 9_000/s, role: "EVIL"}
  "EVIL lost": {operation: GetItem, given: [part], unserved: "EVIL", role: "EVIL"}
""".replace("EVIL", EVIL)
BOARD = Path(__file__).parent.parent / "notebooks" / "designs" / "task_board.yaml"
kinds = pytest.mark.parametrize("kind", EXHIBITS, ids=lambda kind: kind.__name__)


@pytest.fixture(scope="module")
def board(engine) -> Source:
    return Source(wb.generate_items(load_design(BOARD)), engine)


@pytest.fixture(scope="module")
def hostile(engine) -> Source:
    return Source(wb.generate_items(parse_design(HOSTILE)), engine)


@pytest.fixture(scope="module")
def big(engine) -> Source:
    return Source(wb.generate_items(large(50)), engine)


def page(result) -> str:
    """What a notebook shows of it."""
    return result._repr_html_() or result._repr_markdown_()


class Page(HTMLParser):
    """The elements of a page and the text in them."""

    def __init__(self, source: str):
        super().__init__()
        self.tags: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.styles += [value or "" for name, value in attrs if name == "style"]
        assert {name for name, _ in attrs} <= {"style", "class", "scope", "rowspan", "colspan"}

    def handle_data(self, data):
        self.text += data


def test_every_type_that_shows_itself_has_an_exhibit():
    assert set(EXHIBITS) == set(public_results())


@kinds
def test_it_is_one_line_as_text_and_a_small_page_in_the_notebooks_own_colours(kind, board):
    result = board.exhibit(kind)
    assert type(result) is kind
    assert "\n" not in repr(result)
    assert len(page(result).encode()) < SHOWN_BYTES
    if kind is not wb.Brief:
        found = Page(page(result))
        colours = re.findall(r"(?:color|background)\w*:\s*([^;]+)", ";".join(found.styles))
        assert {colour.partition("(")[0] for colour in colours} <= {"var"}, "no colour of its own"


@kinds
def test_headings_are_words_and_no_table_has_more_than_eleven_columns(kind, board):
    source = page(board.exhibit(kind))
    for table in re.findall(r"<thead>(.*?)</thead>", source, re.DOTALL):
        headings = re.findall(r"<th[^>]*>(.*?)</th>", table)
        assert len(headings) <= 11
        assert not [heading for heading in headings if "_" in heading]


@kinds
def test_hostile_names_stay_text(kind, hostile):
    result = hostile.exhibit(kind)
    assert "\n" not in repr(result)
    if kind is wb.Brief:
        prose = re.sub(r"^```.*?^```$", "", page(result), flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"(?<!\\)<", re.sub(r"(`+)[^`].*?\1", "", prose)), "escaped, or code"
        return
    found = Page(page(result))
    assert not {"script", "img", "a"} & set(found.tags)
    assert found.tags.count("style") == (kind is wb.ItemCollections), "which has one of its own, of classes"
    assert page(result).startswith("<div class='mathjax_ignore"), "two dollar signs are no formula"


@pytest.mark.slow
@kinds
def test_fifty_tables_with_300_access_patterns_stay_below_50_kilobytes(kind, big):
    assert len(big.design.tables) == 50 and len(big.design.access_patterns) == 300
    result = big.exhibit(kind)
    assert len(page(result).encode()) < 50_000
    assert "\n" not in repr(result) and len(repr(result)) < 2000


def test_hostile_names_are_really_shown(hostile):
    shown = Page(hostile.design._repr_html_()).text
    assert f"{EVIL} put" in shown


def test_figures_end_at_the_right_with_their_points_in_line():
    cells = re.findall(r"<td style='([^']*)'>([^<]*)<", html_table({"units": [1276.5, 0.25, 3], "of": list("abc")}, ""))
    units = [(style, text) for style, text in cells if "right" in style]
    assert [text for _, text in units] == ["1,276.5\u2007", "0.25", "3\u2008\u2007\u2007"]


def test_the_rows_that_are_left_out_are_counted():
    shown = html_table({"n": list(range(50))}, "fifty")
    assert shown.count("<tr>") == 41 and "10 more" in shown
    assert "more" not in html_table({"n": list(range(40))}, "forty")


def test_severity_is_said_in_words_and_by_a_mark(board):
    shown = board.review._repr_html_()
    assert "✖ error" in shown and "▲ warning" in shown and "● note" in shown


def test_a_result_without_rows_says_its_line():
    empty = wb.Race("nothing", 2, (), 0)
    assert isinstance(empty, Result)
    assert "<b>nothing: in 0 of 0 rounds" in empty._repr_html_() and "<table" not in empty._repr_html_()
