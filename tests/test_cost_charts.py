"""Charts of money: what they show, what they say, and that nothing is told by colour alone."""

import matplotlib

matplotlib.use("Agg")

import re

import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex

from tests.designs import merged
from tests.test_costs import of, table
from workbench import charts
from workbench.comparison import compare
from workbench.costs import estimate_cost
from workbench.designfile import load_design
from workbench.pictures import BLUE, GREEN, ORANGE, WARNING_HATCH, alt_text, png
from workbench.prices import load_prices


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def board(designs):
    return estimate_cost(load_design(designs / "task_board.yaml"))


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_costs_are_bars_the_dearest_first_with_dollars_and_share(board):
    ax = charts.cost(board)
    assert [label.get_text() for label in ax.get_yticklabels()][:2] == ["count-request", "record-webhook"]
    assert texts(ax)[0] == "$328.50, 44.2%"
    assert ax.get_title(loc="left") == "task-board costs $743.59 a month: count-request alone $328.50, 44%"
    assert "us-east-1 prices of 2026-09-11" in ax.get_xlabel()
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == sorted(widths, reverse=True)


def test_reads_writes_and_standing_costs_differ_in_colour_and_hatch():
    ax = charts.cost(of(table(pitr=True)))
    styles = {(to_hex(bar.get_facecolor()).upper(), bar.get_hatch() or "") for bar in ax.patches}
    assert styles == {(BLUE, ""), (GREEN, ""), (ORANGE, WARNING_HATCH)}
    assert [entry.get_text() for entry in ax.get_legend().get_texts()] == ["reads", "writes", "without any request"]


def test_many_patterns_are_summed_up_in_a_last_bar():
    change = {f"p{i}": {"operation": "GetItem", "rate": "1/s"} for i in range(30)}
    ax = charts.cost(of({"access_patterns": change}))
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) == 15 and labels[-1].endswith("others")
    total = sum(bar.get_width() for bar in ax.patches)
    assert total == pytest.approx(of({"access_patterns": change}).usd)


def test_the_breakeven_is_marked_where_the_lines_cross():
    ax = charts.breakeven()
    assert {"28.9%", "13.3%", "6.6%", "on demand", "provisioned", "one year reserved"} <= set(texts(ax))
    assert ax.get_title(loc="left") == "on demand is cheaper below 28.9% utilisation"
    (line,) = [line for line in ax.lines if len(line.get_xdata()) == 101]
    crossing = next(line for line in ax.lines if line.get_marker() == "o")
    assert crossing.get_ydata()[0] == pytest.approx(crossing.get_xdata()[0] * line.get_ydata()[-1])


def test_a_cost_has_its_loads_on_the_breakeven_chart():
    ax = charts.breakeven(of({"access_patterns": {"place": {"rate": "10/s", "peak": "100/s"}}}))
    assert "writes of Orders, writes of byDay: 10%" in texts(ax), "loads that lie together share a label"
    assert any(re.fullmatch(r"reads of Orders.*: 100%", text) for text in texts(ax))
    assert "writes of Orders, writes of byDay are below" in ax.get_title(loc="left").replace("\n", " ")


def test_other_prices_move_the_breakeven():
    prices = load_prices()
    values = {**prices.values, "STANDARD.write_unit_hour": 2 * prices["STANDARD.write_unit_hour"]}
    ax = charts.breakeven(type(prices)(prices.region, prices.date, prices.source, values))
    assert "57.8%" in texts(ax)


def test_table_classes_stand_side_by_side_and_say_what_is_saved():
    quiet = {"access_patterns": {"place": {"rate": "1/day", "peak": "1/day"}, "read": {"rate": "1/day"}}}
    ax = charts.table_classes(of(merged(table(), {**quiet, "fields": {"order": {"count": 90_000}}})))
    assert "as Standard-IA" in ax.get_title(loc="left")
    assert [entry.get_text() for entry in ax.get_legend().get_texts()] == ["Standard", "Standard-IA"]
    assert {bar.get_hatch() or "" for bar in ax.patches} == {"", "///"}
    assert charts.table_classes(of()).get_title(loc="left") == "every table is in the cheaper class"


def test_a_spike_compares_what_is_stated_with_on_demand(board):
    assert "15 times a mean hour" in charts.spike(board.spike()).get_title(loc="left")
    ax = charts.spike(of(table(capacity={"read": 100, "write": 20})).spike())
    title = ax.get_title(loc="left").replace("\n", " ")
    assert "as a mean hour" in title and "units a second are refused" in title
    assert len(ax.patches) == 6
    assert len(charts.spike(board.spike()).patches) == 3


def test_a_comparison_shows_common_patterns_first_and_says_what_is_only_in_one(designs):
    found = compare(load_design(designs / "sessions_simple.yaml"), load_design(designs / "task_board.yaml"))
    ax = charts.comparison(found)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert set(labels[:4]) == set(found.common)
    assert texts(ax).count("none known") == len(labels) - 4
    assert "the 4 access patterns that all have cost the same, $185.60 a month" in alt_text(ax)
    assert [entry.get_text() for entry in ax.get_legend().get_texts()] == ["sessions-simple", "task-board"]


@pytest.mark.parametrize("chart", ["cost", "breakeven", "table_classes"])
def test_a_chart_draws_into_the_axes_it_is_given_and_becomes_a_picture(board, chart):
    _, ax = pyplot.subplots()
    assert getattr(charts, chart)(board, ax=ax) is ax
    assert alt_text(ax) and png(ax).startswith(b"\x89PNG")
