"""The explorer: what its knobs do to a design, that its numbers are those of the plain functions, and its panel."""

import asyncio
import base64
import re

import matplotlib
import nbformat
import numpy as np
import pytest
from matplotlib import pyplot
from nbformat.v4 import new_code_cell, new_notebook

import workbench as wb
from tests.conftest import DESIGNS
from workbench.adjustments import State, rate_words
from workbench.amazon import HEADLESS
from workbench.amendments import amended, amended_yaml, merged
from workbench.designfile import parse_design
from workbench.errors import DesignError, NotebookError
from workbench.focus import choosable
from workbench.outlook import Outlooks
from workbench.panel import REST_S
from workbench.pictures import alt_text
from workbench.regression import run_notebook
from workbench.results import percent
from workbench.spreads import KINDS

matplotlib.use("Agg")

BOARD = DESIGNS / "task_board.yaml"
TEXT = """
name: sessions
tables: {Sessions: {partition_key: PK, sort_key: SK}}
fields:
  user: {count: 200, popularity: zipf(1.1)}
  session: {per: user, count: 3, type: uuid}
entities:
  Session: {key: {PK: "USER#{user}", SK: "SESSION#{session}"}, size: 1 KB}
access_patterns:
  open-session: {operation: PutItem, rate: 500/s}
  list-sessions: {operation: Query, key_condition: PK = :PK, rate: 1_000/s, peak: 4_000/s}  # at login
"""
HOT = """
name: hot
tables: {Events: {partition_key: PK, sort_key: SK}}
fields:
  provider: {choice: {stripe: 70%, github: 25%, slack: 5%}}
  event: {per: provider, count: 60, type: ulid}
  user: {count: 50}
entities:
  Event: {key: {PK: "WEBHOOK#{provider}", SK: "EVENT#{event}"}, size: 2 KB}
  User: {key: {PK: "USER#{user}", SK: META}}
access_patterns:
  record-webhook: {operation: PutItem, entity: Event, rate: 30/s, peak: 900/s}
  read-user: {operation: GetItem, entity: User, rate: 10/s}
"""
ONE = [  # each knob alone
    {"skew": 0.0},
    {"skew": 1.6},
    {"rate": 4321.0},
    {"cardinality": 60},
    {"size": 5000},
    {"shards": 1},
    {"shards": 4},
    {"capacity": "on-demand"},
    {"capacity": "provisioned"},
    {"capacity": "auto scaling"},
    {"consistency": "strong"},
]
ALL = {"skew": 1.3, "rate": 77.5, "cardinality": 90, "size": 2100, "shards": 3, "capacity": "provisioned"}


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def outlooks():
    return Outlooks(parse_design(TEXT), duration="10min")


def state(outlooks, pattern="list-sessions", **knobs):
    return State(outlooks.focus(pattern), **knobs)


# The law: numbers are those of the plain functions, on the design whose file the panel gives


def assert_as_plain_functions_have_it(found):
    design = parse_design(found.state.design.to_yaml())
    items = wb.generate_items(design)
    table = found.state.focus.table
    plain = wb.key_report(items, tables=[table]).worst
    assert plain.name == found.analysis.name
    assert plain.requests.keys == found.analysis.requests.keys
    for kind in KINDS:
        assert (plain.requests.units(kind) == found.analysis.requests.units(kind)).all()
    assert plain.verdict == found.analysis.verdict
    cost = wb.estimate_cost(items)
    assert (cost.usd, cost.lines) == (found.cost.usd, found.cost.lines)
    return items


@pytest.mark.parametrize("knobs", [{}, *ONE, ALL], ids=str)
def test_numbers_are_those_of_the_plain_functions_on_the_design_of_the_panel(outlooks, knobs):
    assert_as_plain_functions_have_it(outlooks.outlook(state(outlooks, **knobs)))


def test_whatever_was_turned_before_the_numbers_are_the_same():
    used, knobs = Outlooks(parse_design(TEXT)), {"rate": 2000.0, "shards": 2}
    for other in [*ONE, ALL, {"cardinality": 61, "size": 300}]:
        used.outlook(state(used, **other))
    assert_as_plain_functions_have_it(used.outlook(state(used, **knobs)))


def test_the_simulation_is_that_of_the_plain_function(outlooks):
    found = outlooks.simulated(outlooks.outlook(state(outlooks, shards=2, rate=5000.0, load="ramp")))
    items = assert_as_plain_functions_have_it(found)
    plain = wb.simulate(items, "10min", "ramp", table="Sessions")
    assert found.simulation.throttled_share == plain.throttled_share > 0
    assert (found.simulation.ring().heat.consumed["read"] == plain.ring().heat.consumed["read"]).all()


def test_the_law_holds_for_a_single_table_with_five_entities():
    board = Outlooks(wb.load_design(BOARD))
    assert board.focus().pattern == "record-webhook"
    assert_as_plain_functions_have_it(board.outlook(State(board.focus(), shards=4, rate=300.0, skew=0.5)))


def test_the_preview_of_the_heat_sums_up_to_what_is_asked_for(outlooks):
    for load, share in (("step", 1.0), ("ramp", 1.0), ("constant", None)):
        found = outlooks.outlook(state(outlooks, load=load))
        last = found.heat[:, -1].sum()
        units = found.analysis.requests.units(found.kind).sum()
        if share is None:  # a constant load stays at the mean; only this pattern has a peak above it
            assert last == pytest.approx(
                sum(p.units.sum() for p in found.analysis.requests.loads if p.kind == "read") / 4
            )
        else:
            assert last == pytest.approx(units * share, rel=0.02)


# What a knob changes


def test_what_is_not_turned_changes_nothing(outlooks):
    untouched = state(outlooks)
    assert untouched.patch == {} and untouched.design is outlooks.design
    assert untouched.yaml() == "# nothing of sessions is changed\n"


STATUS = """
name: orders
tables:
  Orders: {partition_key: customer, sort_key: order, gsi: {ByStatus: {partition_key: status, projection: ALL}}}
fields:
  customer: {count: 200, popularity: {read: zipf(0.9), write: zipf(1.1)}}
  order: {per: customer, count: poisson(3), type: ulid}
entities:
  Order: {size: 700 B, attributes: {status: {choice: {OPEN: 10%, SENT: 90%}, new: OPEN}}}
access_patterns:
  place: {operation: PutItem, rate: 400/s, peak: 1_200/s}
  mine: {operation: Query, key_condition: customer = :customer, rate: 500/s}
  read: {operation: GetItem, rate: 5/s}
"""


@pytest.mark.parametrize(
    "design", [parse_design(TEXT), parse_design(STATUS), wb.load_design(BOARD)], ids=lambda d: d.name
)
def test_a_skew_set_to_what_the_design_has_gives_the_numbers_of_the_design(design):
    found, moved = Outlooks(design), 0
    for name in choosable(design):
        focus = found.focus(name)
        if stated := re.fullmatch(r"zipf\((.+)\)|uniform", focus.popularity):
            own, same = (found.outlook(State(focus, skew=skew)).results for skew in (None, float(stated[1] or 0)))
            assert same.pop("hottest_key") == own.pop("hottest_key")
            assert same == pytest.approx(own)
            moved += 1
    assert moved >= 2


def test_no_skew_of_customers_changes_the_status_of_new_orders():
    # 1,200 puts/s of 700 bytes are as many write units, all of them under OPEN: 200 of 1,200 pass no partition
    found = Outlooks(parse_design(STATUS))
    for skew in (None, 0.0, 0.5, 1.1, 2.0):
        outlook = found.outlook(State(found.focus("place"), skew=skew))
        index = next(one for one in outlook.report if one.index == "ByStatus")
        assert index.hottest.key == "OPEN"
        assert index.hottest.units_per_s == pytest.approx(1200)
        assert index.after_splits("write") == pytest.approx(200 / 1200)


def test_a_report_and_a_simulation_that_take_other_limits_say_which():
    # a Query of 50 items of 240 bytes is 1.5 RU: 2,250 a second are 3,375, 375 above what AWS documents
    found = Outlooks(
        parse_design("""
name: flags
tables: {Config: {partition_key: pk, sort_key: sk}}
fields: {flag: {count: 50}}
entities: {Flag: {key: {pk: FLAGS, sk: "FLAG#{flag}"}, attributes: {note: text(200)}}}
access_patterns: {read: {operation: Query, key_condition: pk = :pk, rate: 2_250/s}}
"""),
        duration="5min",
    )
    outlook = found.simulated(found.outlook(State(found.focus("read"))))
    assert "11 % of units are throttled at the 3,000 RU/s of each that AWS documents" in outlook.headline
    assert "nothing is throttled. A partition serves 4,500 RU/s of these eventually consistent reads" in outlook.detail


def test_a_hot_key_says_what_is_throttled_before_splits_and_what_after_them():
    # of 2,036 write units a second 260 stay above the 1,000 of one partition: 13 %; until then it shares its partition
    found = Outlooks(wb.load_design(BOARD))
    outlook = found.outlook(State(found.focus("record-webhook")))
    assert outlook.results["throttled_after_splits"] == pytest.approx(260 / 2036, rel=0.01)
    first = percent(outlook.results["throttled_now"])
    assert f": {first} of write units are throttled until splits are done, 13 % for good. No split" in outlook.headline


def test_a_key_that_fills_an_index_alone_loses_the_same_before_and_after_splits():
    found = Outlooks(parse_design(STATUS))
    headline = found.outlook(State(found.focus("place"))).headline
    assert (
        "OPEN is asked for 1,200 WU/s, and one partition serves 1,000: 17 % of write units are throttled for good."
        in headline
    )


def test_a_peak_moves_with_its_rate(outlooks):
    pattern = state(outlooks, rate=100.0).design.access_patterns["list-sessions"]
    assert (pattern.rate, pattern.peak) == (100.0, 400.0)


def test_shards_add_a_suffix_and_queries_ask_all_of_them(outlooks):
    found = state(outlooks, shards=4)
    assert found.patch == {
        "fields": {"shard": {"type": "shard(4 of session)"}},
        "entities": {"Session": {"key": {"PK": "USER#{user}#{shard}"}}},
        "access_patterns": {"list-sessions": {"for_each": "shard"}},
    }
    before, after = (outlooks.outlook(each).analysis.requests for each in (state(outlooks), found))
    assert after.requests("read").sum() == pytest.approx(4 * before.requests("read").sum())
    assert after.hottest("write").units_per_s < 0.6 * before.hottest("write").units_per_s


@pytest.mark.slow
def test_shards_of_todays_key_divide_todays_requests():
    flights = Outlooks(wb.load_design(DESIGNS / "flights.yaml"))
    one = flights.outlook(State(flights.focus(table="FlightsByDay")))
    four = flights.outlook(State(flights.focus(table="FlightsByDay"), shards=4))
    assert one.headline.startswith("Too hot: DAY#2013-12-31 is asked for 1,500 WU/s, and one partition serves 1,000")
    assert four.headline.startswith("Holds: the hottest key is DAY#2013-12-31#")
    assert four.analysis.monotonicity.motions["record-departure-by-day"] == "current time"
    assert four.analysis.hottest.units_per_s == pytest.approx(1500 / 4, rel=0.1)


def test_provisioned_capacity_holds_the_peak_and_auto_scaling_begins_at_the_mean(outlooks):
    capacity = outlooks.outlook(state(outlooks, capacity="provisioned")).state.design.tables["Sessions"].capacity
    assert (capacity.read, capacity.write) == (2000, 500)  # 4,000 Queries of 3 KB at half a unit; 500 puts of 1 KB
    scaling = outlooks.outlook(state(outlooks, capacity="auto scaling")).state.design.tables["Sessions"].capacity
    assert (scaling.read.min, scaling.read.max, scaling.read.target) == (500, 2858, 0.7)


def test_the_files_comments_survive_a_change(outlooks):
    text = state(outlooks, rate=90.0).design.to_yaml()
    assert "rate: 90/s" in text and "# at login" in text


def test_a_patch_is_laid_over_what_is_there_and_null_takes_away():
    design = parse_design(TEXT)
    patch = {"fields": {"user": {"popularity": None, "count": 7}}}
    changed = amended(design, patch)
    assert changed.fields["user"].count.mean == 7 and changed.fields["user"].popularity is None
    same = parse_design(amended_yaml(design, {}))
    assert all(getattr(same, name) == getattr(design, name) for name in type(design).model_fields)
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": {}}}) == {"a": {"c": 2, "d": {}}}


@pytest.mark.parametrize(("rate", "text"), [(0.0001, "0.0001/s"), (1234.5, "1234.5/s"), (999_999.0, "999999/s")])
def test_rates_are_written_as_design_files_read_them(rate, text):
    assert rate_words(rate) == text
    assert parse_design(TEXT.replace("500/s", text)).access_patterns["open-session"].rate == pytest.approx(rate)


def test_parameters_and_call_open_the_same_explorer():
    explorer = wb.explorer(parse_design(TEXT), pattern="list-sessions", shards=2, load="ramp", skew=0.7)
    scope = {"wb": wb, "design": explorer.outlooks.design}
    exec(explorer.state.parameters(), scope)
    again = eval(explorer.panel.parameters.value.partition("below\n")[2], scope)
    assert again.state.settings == explorer.state.settings == {
        "pattern": "list-sessions", "load": "ramp", "skew": 0.7, "shards": 2
    }  # fmt: skip


# What cannot be


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"rate": 0}, r"rate=0: requests a second, above 0 and at most 1,000,000"),
        ({"skew": 3.1}, r"skew=3\.1: a Zipf exponent from 0 \(even\) to 3"),
        ({"shards": 101}, r"shards=101: a whole number from 1 to 100"),
        ({"size": 409_601}, r"size=409601: whole bytes from 1 to 409,600"),
        ({"cardinality": 10**7}, r"cardinality=10000000: a whole number from 1 to 133,333: items are made for all"),
        ({"capacity": "free"}, r"capacity='free': one of on-demand, provisioned, auto scaling"),
        ({"load": "wave"}, r"load='wave': one of step, constant"),
        ({"colour": 1}, r"explorer has no knob 'colour'; there are load, skew"),
        ({"pattern": "nope"}, r"pattern='nope': an access pattern with a rate, for one entity: open-session"),
        ({"table": "Nope"}, r"sessions has no table 'Nope'; its tables are Sessions"),
        ({"pattern": "open-session", "consistency": "strong"}, r"nothing to act upon: open-session writes"),
    ],
)
def test_a_setting_that_cannot_be_says_what_is_allowed(knobs, words):
    with pytest.raises(ValueError, match=words):
        wb.explorer(parse_design(TEXT), **({"pattern": "list-sessions"} | knobs))


@pytest.mark.parametrize(("knob", "most"), [("shards", 100), ("size", 409_600), ("cardinality", 133_333)])
def test_the_most_that_is_allowed_is_allowed(outlooks, knob, most):
    assert state(outlooks, **{knob: most}).patch


def test_a_design_that_was_changed_in_python_says_how_to_load_it():
    changed = parse_design(TEXT).model_copy(update={"name": "other"})
    object.__setattr__(changed, "_text", "")
    with pytest.raises(ValueError, match=r"other was changed in Python and has no text .* wb\.load_design"):
        wb.explorer(changed, rate=5.0)


def test_what_is_no_design_is_said():
    with pytest.raises(DesignError, match="no such file"):
        wb.explorer("nope.yaml")
    with pytest.raises(ValueError, match="is no design"):
        wb.explorer(3)  # type: ignore[arg-type]


# The panel


def in_a_kernel(work):
    """Run as in a kernel, where the simulation comes when the knobs rest."""
    return asyncio.run(work())


def value(panel, name):
    return panel.charts[name].value


def alt(html):
    return re.search(r'alt="([^"]*)"', html)[1]


def test_a_move_changes_sentence_charts_and_alt_text_at_once_and_the_simulation_follows():
    async def work():
        explorer = wb.explorer(parse_design(TEXT), pattern="list-sessions", duration="2min")
        panel, words = explorer.panel, explorer.panel.verdict.value
        seen = {name: value(panel, name) for name in ("spread", "heat", "cost")}
        panel.knobs["rate"].value = 8000
        assert panel.verdict.value != words
        assert all(value(panel, name) != seen[name] and alt(value(panel, name)) != alt(seen[name]) for name in seen)
        assert "a preview before any split" in alt(value(panel, "heat")) and explorer.found.simulation is None
        assert base64.b64decode(value(panel, "heat").partition("base64,")[2][:40]).startswith(b"\x89PNG")
        for _ in range(100):
            await asyncio.sleep(REST_S / 4)
            if explorer.found.simulation is not None:
                break
        assert alt(value(panel, "heat")).startswith("Heat map of Sessions.")
        assert panel.error.value == ""

    in_a_kernel(work)


def test_only_what_a_move_touches_is_drawn_again():
    async def work():
        panel = wb.explorer(parse_design(TEXT), pattern="list-sessions").panel
        spread, cost = value(panel, "spread"), value(panel, "cost")
        panel.knobs["load"].value = "ramp"
        assert (value(panel, "spread"), value(panel, "cost")) == (spread, cost)
        panel.knobs["skew"].value = 0.3
        assert value(panel, "spread") != spread

    in_a_kernel(work)


def test_the_simulation_of_an_older_state_is_given_up():
    async def work():
        explorer = wb.explorer(parse_design(TEXT), pattern="list-sessions", duration="1h")
        first = explorer.panel._rest
        explorer.panel.knobs["rate"].value = 50
        with pytest.raises(asyncio.CancelledError):
            await first
        assert explorer.panel._rest is not first and explorer.found.simulation is None

    in_a_kernel(work)


def test_a_run_that_is_told_to_stop_ends_where_it_is(outlooks):
    found = outlooks.outlook(state(outlooks))
    assert outlooks.simulated(found, lambda: True).simulation.duration_s == 0


def test_what_cannot_be_is_said_in_the_panel_which_stays_usable():
    async def work():
        explorer = wb.explorer(parse_design(HOT), duration="1min")
        panel, words = explorer.panel, explorer.panel.verdict.value
        panel.knobs["consistency"].value = "strong"
        assert "has nothing to act upon: record-webhook writes" in panel.error.value
        assert panel.verdict.value == words
        panel.knobs["shards"].value = 4
        assert panel.error.value == "" and "Holds" in panel.verdict.value

    in_a_kernel(work)


def test_headless_a_callback_that_raises_is_the_cells_error(monkeypatch):
    panel = wb.explorer(parse_design(HOT), duration="1min").panel
    monkeypatch.setenv(HEADLESS, "1")
    with pytest.raises(ValueError, match="consistency='strong' has nothing to act upon"):
        panel.knobs["consistency"].value = "strong"


@pytest.mark.notebooks
@pytest.mark.parametrize(("value", "says"), [("strong", "record-webhook writes"), ("eventually", "value not found")])
def test_a_callback_that_raises_fails_the_notebook_that_runs_headless(value, says, tmp_path):
    cells = [
        f"import workbench as wb\nfrom workbench.designfile import parse_design\n"
        f"explorer = wb.explorer(parse_design({HOT!r}), duration='1min')\nexplorer",
        f"explorer.panel.knobs['consistency'].value = {value!r}",
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    parameters = new_code_cell("seed: int = 7", metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[parameters, *map(new_code_cell, cells)], metadata=kernel)
    nbformat.write(notebook, tmp_path / "knob.ipynb")
    with pytest.raises(NotebookError, match=says):
        run_notebook(tmp_path / "knob.ipynb", tmp_path / "out.ipynb")
    shown = nbformat.read(tmp_path / "out.ipynb", 4).cells
    assert any("image/png" in output.get("data", {}) for cell in shown for output in cell.get("outputs", ()))


def test_a_slider_begins_at_what_the_design_has_to_the_last_digit_and_comes_back_to_it():
    design = parse_design(HOT.replace("30/s", "31.234/s").replace("2 KB", "2137"))
    explorer = wb.explorer(design, duration="1min")
    rate, size = (explorer.panel.knobs[name] for name in ("rate", "size"))
    assert (rate.label, size.label) == ("31.234/s", "2,137 bytes")
    first = rate.index
    assert [rate.options[first + step][0] for step in (-1, 1)] == ["30/s", "35/s"]
    rate.index = first + 1  # what an arrow key does
    assert explorer.state.rate == 35
    rate.index = first
    assert explorer.state.patch == {} and explorer.found.cost.usd == wb.estimate_cost(design).usd


def test_a_skew_that_no_exponent_states_begins_where_the_hottest_key_has_its_share():
    explorer = wb.explorer(parse_design(HOT), duration="1min")
    skew, designed = explorer.panel.knobs["skew"], explorer.found.analysis.hottest.units_per_s
    assert skew.label == "≈ 1.8"  # 1 / (1 + 2**-1.8 + 3**-1.8) = 0.702
    skew.index += 1
    assert explorer.found.analysis.hottest.units_per_s == pytest.approx(designed, rel=0.02)


def test_what_a_cell_sets_stands_on_the_sliders_too():
    async def work():
        explorer = wb.explorer(parse_design(HOT), duration="1min")
        panel = explorer.panel
        explorer.pin().set(shards=4, rate=77.7)
        assert (panel.knobs["shards"].label, panel.knobs["rate"].label) == ("4", "77.7/s")
        assert "<b>4</b>" in panel.hints.value and not panel.unpin.disabled
        assert "Since the pin" in panel.verdict.value and explorer.found.state.shards == 4
        await panel._rest
        assert explorer.state.settings["rate"] == 77.7 and explorer.found.simulation is not None

    in_a_kernel(work)


def test_a_pinned_state_stands_beside_the_new_one_in_charts_and_words():
    explorer = wb.explorer(parse_design(HOT), duration="1min")
    panel = explorer.panel
    panel.pin.click()
    panel.knobs["shards"].value = 4
    assert "Since the pin: shards as designed → 4; the hottest key WEBHOOK#stripe 1,2" in panel.verdict.value
    assert alt(value(panel, "heat-before")).startswith("Before: Heat map of")
    assert "Before: WEBHOOK#stripe takes" in alt(value(panel, "spread"))
    figure = explorer.figure()
    assert len([ax for ax in figure.axes if ax.images]) == 2
    panel.unpin.click()
    assert value(panel, "heat-before") == "" and "Since the pin" not in panel.verdict.value


def test_every_knob_has_a_description_and_what_it_acts_upon():
    panel = wb.explorer(parse_design(HOT), duration="1min").panel
    assert all(knob.description and knob.tooltip for knob in panel.knobs.values())
    assert {n: k.disabled for n, k in panel.knobs.items() if k.disabled} == {"cardinality": True, "consistency": True}
    assert "rate of record-webhook, and its peak, 30 times that: <b>as designed, 30/s</b>" in panel.hints.value


def test_another_pattern_brings_its_own_ranges_and_sets_the_knobs_back():
    explorer = wb.explorer(parse_design(HOT), duration="1min", shards=3)
    explorer.panel.knobs["pattern"].value = "read-user"
    assert explorer.state.settings == {"pattern": "read-user", "load": "step"}
    assert explorer.panel.knobs["cardinality"].label == "50" and not explorer.panel.knobs["cardinality"].disabled
    assert explorer.panel.knobs["consistency"].value == "eventual"


def test_the_figure_says_it_all_and_results_are_plain():
    explorer = wb.explorer(parse_design(HOT), duration="1min", shards=4)
    assert alt_text(explorer.figure()).startswith("Holds: the hottest key is WEBHOOK#stripe#")
    assert set(map(type, wb.record(**explorer.results).values())) <= {str, float, int}
    assert np.isclose(explorer.results["usd_per_month"], explorer.outlook.cost.usd)
