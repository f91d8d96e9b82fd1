"""What a design costs: published prices on known loads, and the laws that every bill keeps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.designs import as_yaml, changed, design, merged
from workbench.costs import SECONDS, Cost, estimate_cost
from workbench.designfile import load_design, parse_design
from workbench.documents import read_document
from workbench.items import generate_items
from workbench.limits import GB
from workbench.prices import HOURS, load_prices
from workbench.results import usd
from workbench.scaling import MINUTES, daily_curve, reserved_units, scaled, stated_curve

SHOP = """\
name: shop
tables:
  Orders: {partition_key: order, gsi: {byDay: {partition_key: day, projection: KEYS_ONLY}}}
fields:
  order: {count: 1000, format: "o-{:05}"}
entities:
  Order: {size: 1000, attributes: {day: [mon, tue]}}
access_patterns:
  place: {operation: PutItem, rate: 10/s, peak: 40/s}
  read: {operation: GetItem, rate: 100/s, consistent: true}
"""
WRITES, READS = 10 * SECONDS * 0.625e-6, 100 * SECONDS * 0.125e-6  # one unit a call each, at list price


def of(change: dict | None = None, **options) -> Cost:
    """What the shop costs, with parts of it changed."""
    data = merged(read_document(SHOP).data, change or {})
    return estimate_cost(parse_design(as_yaml(data)), **options)


def table(**settings) -> dict:
    return {"tables": {"Orders": settings}}


# Lines


def test_requests_are_priced_by_the_mean_rate_on_the_table_and_in_its_index():
    cost = of()
    assert cost.sum(pattern="read") == pytest.approx(READS)
    assert cost.sum(pattern="place", index="") == pytest.approx(WRITES)
    assert cost.sum(pattern="place", index="byDay") == pytest.approx(WRITES)
    assert cost.sum(line="reads") == pytest.approx(READS)


def test_stored_items_and_index_entries_weigh_100_bytes_more():
    cost, items = of(), generate_items(parse_design(SHOP)).entities["Order"]
    assert cost.sum(line="storage", index="") == pytest.approx(1000 * 1100 / GB * 0.25)
    keys = len("order") + len("o-00001") + len("day") + 3
    assert cost.sum(line="storage", index="byDay") == pytest.approx(1000 * (keys + 100) / GB * 0.25)
    assert items.sizes.sum() == 1_000_000


def test_the_infrequent_access_class_has_its_own_prices():
    cost = of(table(table_class="STANDARD_INFREQUENT_ACCESS"))
    assert cost.sum(line="reads") == pytest.approx(READS * 0.155 / 0.125)
    assert cost.sum(line="writes", index="") == pytest.approx(WRITES * 0.78 / 0.625)
    assert cost.sum(line="storage", index="") == pytest.approx(1000 * 1100 / GB * 0.10)


def test_replicas_take_each_write_in_every_region_and_items_of_148_bytes_more():
    cost = of(table(replicas=["eu-west-1", "us-west-2"]))
    assert cost.sum(line="replicated writes") == pytest.approx(3 * WRITES)
    assert cost.sum(line="writes", index="byDay") == pytest.approx(3 * WRITES)
    assert cost.sum(line="reads") == pytest.approx(READS)
    assert cost.sum(line="storage", index="") == pytest.approx(3 * 1000 * 1148 / GB * 0.25)


def test_global_tables_cost_what_the_guides_example_says():
    # global-tables-billing, day 3: 200 writes in two regions with one GSI are 400 rWRU and 400 WRU
    cost = of(table(replicas=["eu-west-1"]))
    per_write = {line.what: line.quantity / (10 * SECONDS) for line in cost.lines if "write" in line.what}
    assert per_write == pytest.approx({"replicated_write_requests": 2, "write_requests": 2})


def test_point_in_time_recovery_holds_items_and_local_indexes():
    assert of(table(pitr=True)).sum(line="point-in-time recovery") == pytest.approx(1000 * 1100 / GB * 0.20)


def test_backups_restores_exports_and_stream_reads_are_said_in_the_call():
    usage = {"Orders": {"backups": 7, "restores": 1, "exports": 2, "stream_reads": 5_000_000}}
    cost = of(table(stream="NEW_IMAGE"), usage=usage)
    stored = 1000 * 1100 / GB
    assert cost.sum(line="backups") == pytest.approx(7 * stored * 0.10)
    assert cost.sum(line="restores") == pytest.approx(stored * 0.15)
    assert cost.sum(line="exports") == pytest.approx(2 * stored * 0.10)
    assert cost.sum(line="stream reads") == pytest.approx(1.0)
    assert [n.what for n in cost.not_estimated if "Orders" in n.what] == []


def test_entries_in_local_indexes_load_the_table():
    change = {"tables": {"Orders": {"sort_key": "line", "lsi": {"byDay2": {"sort_key": "day"}}}}}
    cost = of(merged(change, {"fields": {"line": {"per": "order", "count": 1}}}))
    assert cost.sum(index="byDay2", line="writes") == pytest.approx(WRITES)
    assert {(s.table, s.index) for s in cost.capacity} == {("Orders", ""), ("Orders", "byDay")}


# What is not estimated


def test_what_is_not_estimated_is_listed_and_is_not_0():
    change = {"access_patterns": {"read": {"rate": None}}}
    data = merged(read_document(SHOP).data, change)
    del data["access_patterns"]["read"]["rate"]
    cost = estimate_cost(parse_design(as_yaml(data)))
    assert {n.what: n.why for n in cost.not_estimated}["access pattern read"] == "no rate is stated"
    row = cost.patterns.set_index("pattern").loc["read"]
    assert math.isnan(row["usd_per_month"]) and row["note"] == "no rate is stated"
    assert "read" not in cost.shown()["access pattern or part"]


def test_a_pattern_that_no_key_serves_is_listed(designs):
    cost = estimate_cost(load_design(designs / "task_board.yaml"))
    (why,) = [n.why for n in cost.not_estimated if n.what == "access pattern update-task-by-id"]
    assert why.startswith("not served")


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"stream": "KEYS_ONLY"}, "stream of Orders"),
        ({"replicas": ["eu-west-1"]}, "transfer of Orders to eu-west-1"),
        ({"replicas": ["eu-west-1"]}, "prices in eu-west-1"),
        ({"replicas": ["eu-west-1"], "pitr": True}, "recovery of replicas of Orders"),
        ({"warm_throughput": {"write": 9000}}, "warm throughput of Orders"),
        ({}, "backups, restores and exports of Orders"),
    ],
)
def test_settings_whose_cost_is_not_known_are_listed(settings, what):
    cost = of(table(**settings))
    assert what in {n.what for n in cost.not_estimated}
    assert any(what in note for note in cost.notes())


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        ({"Order": {}}, "no table 'Order'"),
        ({"Orders": {"backup": 1}}, "'backup' is unknown; there are backups"),
        ({"Orders": {"backups": -1}}, "backups is -1"),
        ({"Orders": {"backups": float("nan")}}, "backups is nan"),
    ],
)
def test_usage_that_cannot_be_is_an_error(usage, said):
    with pytest.raises(ValueError, match=said):
        of(usage=usage)


# Capacity modes


def test_fixed_units_are_paid_for_every_hour_and_shared_out_by_the_load():
    cost = of(table(capacity={"read": 300, "write": 50}))
    assert cost.sum(line="reads", pattern="read") == pytest.approx(300 * HOURS * 0.00013)
    assert cost.sum(line="writes", index="") == pytest.approx(50 * HOURS * 0.00065)
    assert cost.sum(line="writes", index="byDay") == pytest.approx(50 * HOURS * 0.00065)  # its table's, unless it says
    assert cost.sum(pattern="place") == pytest.approx(2 * 50 * HOURS * 0.00065)
    assert cost.sum(line="reads", pattern="") == pytest.approx(300 * HOURS * 0.00013)  # nobody reads the index
    assert "reads, unused" in cost.shown()["operation or line"]


def test_an_index_may_have_a_capacity_of_its_own():
    change = table(capacity={"read": 300, "write": 50}, gsi={"byDay": {"capacity": {"read": 5, "write": 20}}})
    cost = of(change)
    assert cost.sum(line="writes", index="byDay") == pytest.approx(20 * HOURS * 0.00065)
    assert cost.sum(line="reads", index="byDay", pattern="") == pytest.approx(5 * HOURS * 0.00013)


def test_peaks_decide_what_must_be_provisioned():
    rows = of().throughput.set_index(["index", "kind"])
    assert rows.loc[("", "write"), "at_peak_usd_per_month"] == pytest.approx(40 * HOURS * 0.00065)
    assert rows.loc[("", "write"), "mean_units_per_s"] == 10
    assert rows.loc[("", "write"), "peak_units_per_s"] == 40


def test_auto_scaling_costs_between_the_mean_and_the_peak_at_its_target():
    rows = of().throughput.set_index(["index", "kind"])
    write, read = rows.loc[("", "write")], rows.loc[("", "read")]
    assert 10 / 0.7 < write["provisioned_units"] < 40 / 0.7
    assert read["provisioned_units"] == math.ceil(100 / 0.7)  # a load without a peak: the target, all day
    assert write["short_minutes_per_day"] == 0


def test_bounds_of_auto_scaling_are_kept():
    cost = of(table(capacity={"read": {"min": 200, "max": 400}, "write": {"min": 5, "max": 30, "target": "50%"}}))
    (write,) = [s for s in cost.capacity if (s.index, s.kind) == ("", "write")]
    assert write.scaled.units.max() == 30 and write.scaled.units.min() >= 5
    assert write.scaled.short_minutes > 0
    assert cost.sum(line="reads", index="") == pytest.approx(200 * HOURS * 0.00013)


def test_reservations_cost_less_the_longer_and_never_more_than_none():
    modes = of().modes.set_index("mode")["usd_per_month"]
    assert modes["with three years reserved"] <= modes["with one year reserved"] <= modes["with auto scaling"]
    big = of({"access_patterns": {"read": {"rate": "5_000/s"}}}).modes.set_index("mode")["requests_usd_per_month"]
    reads = 7100 * HOURS * 0.00013  # 71 whole blocks of the 7,143 units that 5,000 need at 70 %
    assert big["with auto scaling"] - big["with one year reserved"] == pytest.approx(reads * 0.54)


def test_a_reservation_serves_one_region_and_no_other():
    # Reserved capacity is regional, in blocks of 100 units (Developer Guide: reserved-capacity). 29 units of an index
    # in each of four regions are no 116: a block costs 46 % of 100 units for a year, 23 % for three.
    gsi = {"byDay": {"partition_key": "day", "projection": "KEYS_ONLY"}}
    change = {
        **table(gsi=gsi, replicas=["eu-west-1", "us-west-2", "ap-south-1"]),
        "access_patterns": {"place": {"rate": "20/s", "peak": "20/s"}, "read": {"rate": "1/s"}},
    }
    modes = of(change).modes.set_index("mode")["usd_per_month"]
    assert modes["with one year reserved"] == pytest.approx(modes["with auto scaling"])
    saved = 4 * (29 - 23) * 730 * 0.00065
    assert modes["with auto scaling"] - modes["with three years reserved"] == pytest.approx(saved)


def test_replicated_writes_and_infrequent_access_cannot_be_reserved():
    for settings_ in ({"replicas": ["eu-west-1"]}, {"table_class": "STANDARD_INFREQUENT_ACCESS"}):
        change = merged(table(**settings_, gsi={"byDay": {"projection": "KEYS_ONLY"}}), {})
        modes = of(merged(change, {"access_patterns": {"place": {"rate": "900/s", "peak": "900/s"}}})).modes
        modes = modes.set_index("mode")["requests_usd_per_month"]
        if "table_class" in settings_:
            assert modes["with three years reserved"] == pytest.approx(modes["with auto scaling"])
        else:
            assert modes["with three years reserved"] < modes["with auto scaling"]  # reads, and the index's writes


def test_below_the_breakeven_on_demand_is_cheaper_above_it_provisioned():
    for mean, cheaper in ((28, True), (30, False)):  # of 100 at peak: 28.9 % is the published break-even
        change = {"access_patterns": {"place": {"rate": f"{mean}/s", "peak": "100/s"}}}
        row = of(change).throughput.set_index(["index", "kind"]).loc[("", "write")]
        assert (row["on_demand_usd_per_month"] < row["at_peak_usd_per_month"]) == cheaper


# Curves


@given(st.floats(1, 500))
@settings(max_examples=60)
def test_a_day_has_its_mean_and_its_peak(ratio):
    curve = daily_curve(ratio)
    assert curve.mean() == pytest.approx(1) and curve.min() >= 0
    assert curve.max() == pytest.approx(ratio, rel=1e-3)


@pytest.mark.parametrize("ratio", [0.5, float("inf"), float("nan")])
def test_a_peak_below_the_mean_is_an_error(ratio):
    with pytest.raises(ValueError, match="at least 1"):
        daily_curve(ratio)


@pytest.mark.parametrize("loads", [[], [0, 0], [-1, 2], [float("nan")], [1] * (MINUTES + 1)])
def test_a_curve_that_is_none_is_an_error(loads):
    with pytest.raises(ValueError, match="a load curve has"):
        stated_curve(loads)


def test_a_stated_curve_takes_the_place_of_the_smooth_one():
    flat, office = of(curve=[1] * 24), of(curve=[0] * 8 + [3] * 8 + [0] * 8)
    even, peaked = (c.capacity[1].scaled.units for c in (flat, office))
    assert flat.capacity[1].kind == "write" and set(even) == {math.ceil(10 / 0.7)}
    assert peaked.max() == math.ceil(30 / 0.7) and peaked.min() == 1


@given(st.lists(st.floats(0, 300), min_size=24, max_size=24).filter(any), st.floats(0.2, 0.9))
@settings(max_examples=40)
def test_auto_scaling_stays_within_its_bounds_and_ends_above_a_load_that_stays(loads, target):
    load = np.repeat(np.array(loads), 60)
    found = scaled(load, 5, 200, target)
    assert (found.units >= 5).all() and (found.units <= 200).all()
    last = load[-1]
    assert found.units[-1] >= min(math.ceil(last / target), 200) - 1e-9 or found.units[-1] >= last


@given(st.lists(st.integers(1, 2000), min_size=2, max_size=40), st.floats(0.05, 0.95))
@settings(max_examples=60)
def test_no_other_number_of_blocks_is_cheaper(units, discount):
    load = np.array(units, dtype=float)

    def spent(reserved: float) -> float:
        return reserved * (1 - discount) + np.maximum(load - reserved, 0).mean()

    best = min(spent(blocks * 100) for blocks in range(22))
    assert spent(reserved_units(load, discount, 100)) == pytest.approx(best)


# Spikes


def test_the_worst_hour_costs_as_much_more_as_the_peak_is_above_the_mean():
    mean, worst, storm = of().spike(attempts=3).hours
    reads, writes = 100 * 3600 * 0.125e-6, 2 * 3600 * 0.625e-6
    assert mean.usd == pytest.approx(reads + 10 * writes)
    assert worst.usd == pytest.approx(reads + 40 * writes)
    assert storm.usd == pytest.approx(3 * worst.usd)
    assert storm.refused_units_per_s == 0


def test_a_maximum_caps_the_bill_and_refuses_the_rest():
    _, _, storm = of(table(max_throughput={"read": 150, "write": 50})).spike(attempts=3).hours
    assert storm.usd == pytest.approx((150 * 0.125e-6 + 50 * 0.625e-6 + 120 * 0.625e-6) * 3600)  # the index has none
    assert storm.refused_units_per_s == pytest.approx(300 - 150 + 120 - 50)
    assert storm.on_demand_usd > storm.usd


def test_provisioned_capacity_costs_the_same_in_a_storm():
    hours = of(table(capacity={"read": 100, "write": 20})).spike().hours
    assert len({hour.usd for hour in hours}) == 1
    assert [hour.refused_units_per_s for hour in hours] == [0, 40, 200 + 2 * 100]


def test_a_call_is_sent_at_least_once():
    with pytest.raises(ValueError, match="attempts=0"):
        of().spike(attempts=0)


# Table classes


def test_infrequent_access_pays_where_storage_is_much_of_the_bill():
    # costoptimization-tableclass: worth it from about half of the cost; at list price from 29 %
    quiet = {"access_patterns": {"place": {"rate": "1/day", "peak": "1/day"}, "read": {"rate": "1/day"}}}
    row = of(quiet).classes.iloc[0]
    assert row["cheaper"] == "STANDARD_INFREQUENT_ACCESS" and row["saves_usd_per_month"] > 0
    assert of().classes.iloc[0]["cheaper"] == "STANDARD"
    assert of().classes.iloc[0]["saves_usd_per_month"] == 0


# Laws


@settings(max_examples=25)
@given(
    st.floats(0.1, 500), st.floats(1, 20), st.sampled_from(["on-demand", {"read": 40, "write": 70}]),
    st.sampled_from([[], ["eu-west-1"]]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_bill_is_the_sum_of_its_lines_patterns_and_modes(rate, peak, capacity, replicas, pitr, free_tier):
    load = {"rate": f"{rate:.3f}/s", "peak": f"{rate * peak + 1:.3f}/s"}
    change = merged(table(capacity=capacity, replicas=replicas, pitr=pitr), {"access_patterns": {"place": load}})
    cost = of(change, free_tier=free_tier)
    assert cost.usd == pytest.approx(cost.to_frame()["usd_per_month"].sum())
    by_pattern = cost.patterns["usd_per_month"].sum()
    assert by_pattern + sum(line.usd for line in cost.lines if not line.pattern) == pytest.approx(cost.usd)
    modes = cost.modes.set_index("mode")["usd_per_month"]
    assert modes["as designed"] == pytest.approx(cost.usd)
    if capacity == "on-demand":
        assert modes["on demand"] == pytest.approx(cost.usd)
    assert (modes >= 0).all() and all(line.usd >= 0 for line in cost.lines if line.line != "free tier")


@settings(max_examples=20)
@given(st.floats(0.1, 100))
def test_on_demand_requests_scale_with_their_rate(rate):
    change = {"access_patterns": {"place": {"rate": f"{rate:.4f}/s", "peak": "200/s"}}}
    assert of(change).sum(pattern="place") == pytest.approx(2 * round(rate, 4) * SECONDS * 0.625e-6)


def test_the_free_tier_is_taken_off_once_for_all_tables():
    cost = of(table(capacity={"read": 30, "write": 20}), free_tier=True)
    off = {line.what: line.usd for line in cost.lines if line.line == "free tier"}
    assert off["write_unit_hours"] == pytest.approx(-18_600 * 0.00065)  # 40 units, of which 25 for a month of 744 hours
    assert off["read_unit_hours"] == pytest.approx(-18_600 * 0.00013)
    assert off["storage_gb"] == pytest.approx(-cost.sum(line="storage"))


def test_other_prices_change_the_bill_and_are_named():
    doubled = {name: dict(part) if isinstance(part, dict) else part for name, part in _data().items()}
    doubled["STANDARD"]["write_requests_million"] *= 2
    doubled["region"] = "eu-central-1"
    cost = of(prices=doubled)
    assert cost.sum(line="writes") == pytest.approx(2 * of().sum(line="writes"))
    assert "eu-central-1 prices of 2026-09-11" in cost.summary_line()


def _data() -> dict:
    import tomllib

    from workbench.prices import FILE

    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def test_old_prices_are_warned_of_first():
    late = of(now=1_900_000_000)
    assert late.notes()[0] == late.warning and "days old" in late.warning
    assert of(now=1_789_084_800).warning == of().warning == ""


def test_prices_that_are_not_from_the_list_are_named():
    notes = of(table(capacity={"read": 9, "write": 9}, table_class="STANDARD_INFREQUENT_ACCESS")).notes()
    assert any("not from the list" in note and "write_unit_hours" in note for note in notes)
    assert not any("not from the list" in note for note in of().notes())


def test_a_cost_shows_itself(designs):
    items = generate_items(load_design(designs / "task_board.yaml"))
    cost = estimate_cost(items)
    assert repr(cost).startswith("<Cost task-board: $") and cost.design is items.design
    assert "not estimated" in cost._repr_html_() and "<script" not in cost._repr_html_()
    assert list(cost.to_frame().columns) == [
        "table", "index", "line", "pattern", "what", "quantity_per_month", "table_class", "usd_per_month"
    ]  # fmt: skip
    assert cost.spike().summary_line().startswith("task-board: a mean hour $")


def test_names_that_hold_markup_are_escaped():
    text = changed("name: shop", 'name: "<b>"', SHOP)
    assert "<b>&lt;b&gt;" in estimate_cost(parse_design(text))._repr_html_()


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "$0.00"), (147.825, "$147.83"), (0.005, "$0.005"), (1e6, "$1,000,000.00"), (-3, "-$3.00")]
)
def test_amounts_are_written_as_people_read_them(amount, text):
    assert usd(amount) == text


def test_a_design_without_load_costs_its_storage():
    cost = estimate_cost(design("entities: {E: {key: {PK: a, SK: b}}}"))
    assert cost.sum(line=("reads", "writes")) == 0 and cost.usd > 0
    assert math.isnan(cost.spike().times)
    assert load_prices().usd("storage_gb", 1) == 0.25
