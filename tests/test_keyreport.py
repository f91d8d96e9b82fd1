"""The key report: its measures against closed forms, its laws, and its words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from benchmarks.keyreport import many_tables
from tests.designs import SHIPPED, design
from workbench.ceilings import zipf_share
from workbench.keyanalysis import KeyAnalysis
from workbench.keyreport import LEGEND, KeyReport, key_report
from workbench.spreads import KINDS, LIMITS

USERS = """\
tables: {{Users: {{partition_key: user{sort}{capacity}}}}}
fields: {{user: {{count: {count}, format: "u-{{:06}}", popularity: {popularity}}}, {field}}}
entities: {{User: {{size: 500 B}}}}
access_patterns:
  read: {{operation: GetItem, entity: User, rate: {reads}/s, consistent: true}}
  write: {{operation: PutItem, entity: User, target: existing, rate: {writes}/s}}
"""


def users(
    count=1000, popularity="zipf(1.1)", reads=100, writes=100, sort="", capacity="", field="x: 1..9"
) -> KeyAnalysis:
    text = USERS.format(
        count=count, popularity=popularity, reads=reads, writes=writes, sort=sort, capacity=capacity, field=field
    )
    return key_report(design(text))["Users"]


# Against closed forms


@pytest.mark.parametrize("exponent", [0.8, 0.99, 1.2])
def test_the_highest_rate_is_the_closed_form_of_zipf(exponent):
    """R* = 1,000 / q1 for writes of one unit; the mix has as many reads, so that the rate of requests is twice that."""
    share = zipf_share(exponent, 100_000)
    one = users(100_000, f"zipf({exponent})")
    assert one.frequency["write"].top1 == pytest.approx(share, rel=1e-9)
    assert one.frequency["write"].zipf == pytest.approx(exponent, abs=1e-6)
    assert one.by_keys == pytest.approx(2 * 1000 / share)


def test_throttled_after_splits_is_the_sum_over_keys_above_the_limit():
    one = users(100, "top(50% 30%)", writes=4000)  # 2,000 and 1,200 a second on two keys, the rest below
    assert one.after_splits("write") == pytest.approx((1000 + 200) / 4000)
    assert one.verdict.throttled_after_splits == pytest.approx(0.3)
    assert one.verdict.shards == 4  # 2,000 / 500
    assert one.verdict.rate_per_s == pytest.approx((4000 + 100) / 2)


def test_a_collection_that_can_be_split_serves_more_than_one_partition():
    """One key with 400 random sort keys: 64 parts; with a local index, one."""
    spread = {
        "count": 1,
        "popularity": "uniform",
        "writes": 5000,
        "field": "device: {per: user, count: 400, type: uuid}",
    }
    free = users(sort=", sort_key: device", **spread)
    pinned = users(
        sort=", sort_key: device, lsi: {byX: {sort_key: x}}", **spread | {"field": spread["field"] + ", x: 1..9"}
    )
    assert free.verdict.holds
    assert free.verdict.bound.resource.startswith("the quota")
    assert free.key_bounds[1].rate_per_s == pytest.approx(64 * 1000 * 5100 / 5000)
    assert not pinned.verdict.holds
    assert pinned.by_keys == pytest.approx(1000 * 5100 / 5000, rel=0.6)  # the entry in the index is written too
    assert "local index byX" in str(pinned.verdict)


def test_the_hottest_part_and_the_key_that_uses_the_busiest_partition_are_named():
    one = users(100, "top(50% 30%)", writes=4000)
    assert one.atom_share("write") == pytest.approx(0.5)
    assert one.utilised_by == "u-000001"
    assert one.utilisation >= 2
    measures = one.measures().set_index(["measure", "of"])["value"]
    assert measures["share of the hottest indivisible part", "write units"] == pytest.approx(0.5)
    assert measures["utilisation of the busiest partition", "its limit, most by u-000001"] == one.utilisation


@pytest.mark.parametrize("peak, lost", [(2000, 0), (2250, 375 / 3375)])
def test_what_splits_serve_whole_is_not_throttled_by_a_rounding(peak, lost):
    """50 items under one key are as many parts: a Query of 1.5 RU for all, 2,250 times a second, is 67 RU/s of each."""
    one = key_report(
        design(f"""
tables: {{Config: {{partition_key: pk, sort_key: sk}}}}
fields: {{flag: {{count: 50}}}}
entities: {{Flag: {{key: {{pk: FLAGS, sk: "FLAG#{{flag}}"}}, attributes: {{note: text(200)}}}}}}
access_patterns:
  read: {{operation: Query, key_condition: pk = :pk, rate: {peak}/s}}
  set: {{operation: UpdateItem, update: "SET note = :note", rate: 1/s}}
""")
    )["Config"]
    assert [one.after_splits(kind) for kind in KINDS] == [0, 0]
    assert one.at_first("read") == pytest.approx(lost)  # 3,375 RU/s, and one partition serves 3,000
    assert ("until splits are done" in str(one.verdict)) == (lost > 0)


def test_a_hot_item_is_not_split_with_its_collection():
    field = "device: {per: user, count: 100, type: integer, popularity: top(60%)}"
    one = users(1, "uniform", writes=2000, reads=1, sort=", sort_key: device", field=field)
    assert one.atoms["write"].hottest[0] == pytest.approx(1200)
    assert one.after_splits("write") == pytest.approx(200 / 2000)


# Laws


@given(st.floats(0, 2), st.integers(1, 300), st.integers(1, 40_000), st.integers(1, 40_000))
def test_a_load_holds_up_to_the_highest_rate_and_is_throttled_beyond(exponent, count, reads, writes):
    one = users(count, f"zipf({exponent:.3f})", reads, writes)
    within = all(one.atoms[kind].hottest.max() <= LIMITS[kind] * (1 + 1e-9) for kind in KINDS)
    assert (min(bound.multiple for bound in one.key_bounds) >= 1 - 1e-9) == within
    for kind in KINDS:
        assert (one.after_splits(kind) > 1e-9) <= (not within)
        assert 0 <= one.after_splits(kind) <= one.at_first(kind) + 1e-9  # splits never hurt
        assert (one.atoms[kind].hottest <= one.requests.units(kind) * (1 + 1e-9) + 1e-12).all()
        assert one.per_range(kind).sum() == pytest.approx(one.requests.units(kind).sum())


@given(st.integers(1, 20))
def test_the_highest_rate_does_not_depend_on_the_load(factor):
    one, more = users(50, "zipf(1.2)", 100, 100), users(50, "zipf(1.2)", 100 * factor, 100 * factor)
    assert more.by_keys == pytest.approx(one.by_keys)
    assert more.key_bounds[0].multiple == pytest.approx(one.key_bounds[0].multiple / factor)


# Settings, indexes, targeting


def test_provisioned_capacity_binds_before_the_keys():
    one = users(1000, "uniform", reads=0.001, capacity=", capacity: {read: 10, write: 50}")
    assert one.verdict.bound.resource == "50 WU/s provisioned"
    assert one.verdict.rate_per_s == pytest.approx(50, rel=1e-4)
    assert one.requests.partitions == 1
    scaled = users(1000, "uniform", capacity=", capacity: {read: 500, write: {min: 5, max: 400}}")
    assert "auto scaling's maximum" in str(scaled.verdict.bound)


STATUS = """\
tables: {Orders: {partition_key: order, gsi: {byStatus: {partition_key: status, sort_key: order}}}}
fields: {order: {count: 500, type: uuid}}
entities: {Order: {attributes: {status: {choice: {OPEN: 80%, PAID: 15%, SENT: 5%}, new: OPEN}}}}
access_patterns:
  place: {operation: PutItem, entity: Order, rate: 2_000/s}
  open-orders:
    {operation: Query, entity: Order, index: byStatus, key_condition: "#status = :status", limit: 10, rate: 5/s}
"""


def test_an_index_on_a_status_holds_back_the_table():
    """AWS: gsi-throttling. All new orders are OPEN: with random ids the collection can be split, once it is hot."""
    report = key_report(design(STATUS))
    table, index = report["Orders"], report["Orders", "byStatus"]
    assert index.hottest.key == "OPEN"
    assert index.frequency["write"].top1 == pytest.approx(1)
    assert index.at_first("write") == pytest.approx(0.5)  # 2,000 on one partition at first
    assert any(bound.index == "byStatus" for bound in table.bounds)
    rising = STATUS.replace("type: uuid", "type: ulid")
    held = key_report(design(rising))["Orders"].verdict
    assert held.bound.index == "byStatus"
    assert held.rate_per_s == pytest.approx(1000)
    assert "in index byStatus OPEN is asked for 2,000 WU/s" in str(held)


def test_targeting_tells_one_key_from_several_and_all():
    text = """\
tables: {Tab: {partition_key: person, sort_key: n}}
fields: {person: {count: 9}, n: {per: person, count: 4}}
entities: {Item: {}}
access_patterns:
  one: {operation: GetItem, entity: Item, rate: 5/s}
  collection: {operation: Query, entity: Item, key_condition: person = :person, rate: 1/s}
  batch: {operation: BatchGetItem, entity: Item, count: 10, rate: 3/s}
  all: {operation: Scan, table: Tab, rate: 1/s}
"""
    found = key_report(design(text))["Tab"].targeting
    assert (found.one, found.several, found.all) == pytest.approx((0.6, 0.3, 0.1))


def test_sharded_reads_pay_for_a_unit_in_each_shard():
    one = key_report(wb.load_design(SHIPPED / "flights.yaml"))["FlightsByDay"]
    (read,) = one.verdict.reads
    assert (read.pattern, read.queries) == ("board-of-the-day", 3)
    assert read.units_after == pytest.approx(3 * read.units_before)  # with a limit each shard reads as many again
    assert one.sharded_reads("DAY#2013-12-31", 1)[0].units_after == pytest.approx(read.units_before)


# Shipped designs, words, frames


def test_flights_by_day_name_the_day():
    report = key_report(wb.load_design(SHIPPED / "flights.yaml"))
    assert isinstance(report, KeyReport)
    assert report.worst.name == "FlightsByDay"
    assert not report.holds
    assert "DAY#2013-12-31 is asked for 1,500 WU/s, and one partition serves 1,000" in str(report.worst.verdict)
    assert report["FlightsByDay"].items.is_even  # the items do not show it
    assert report["FlightsByNumber"].verdict.holds
    assert "FlightsByDay" in repr(report)
    assert list(report.to_frame()["holds"]) == [False, True, True]
    assert report["FlightsByDay"].to_frame()["key"][0] == "DAY#2013-12-31"
    measures = report["FlightsByDay"].measures()
    assert set(measures) == {"measure", "of", "value"}
    assert measures["value"].notna().all()
    assert "<script" not in report._repr_html_()


def test_names_that_there_are_not_are_refused_with_those_there_are():
    made = design(STATUS)
    with pytest.raises(ValueError, match="has no table 'Order'; its tables are Orders"):
        key_report(made, tables=["Order"])
    with pytest.raises(KeyError, match="byStatus of Orders"):
        key_report(made)["Orders", "byState"]
    with pytest.raises(ValueError, match="at='now'"):
        key_report(made, at="now")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is no design: give"):
        key_report("flights.yaml")  # type: ignore[arg-type]


def test_a_design_without_rates_is_reported_too():
    text = STATUS.replace(", rate: 2_000/s", "").replace(", rate: 5/s", "")
    report = key_report(design(text))
    assert report.holds
    assert str(report["Orders"].verdict) == "no access pattern with a rate comes here"
    assert report["Orders"].cardinality.values == 500
    assert report["Orders"].frequency["read"].keys == 0


def test_requests_count_items_of_transactions_and_entries_of_indexes_as_the_legend_says():
    """700 puts, 400 updates, 10 transactions of two are 1,120 items; 710 entries come, and 400 move, which is two."""
    report = key_report(
        design("""
tables: {Jobs: {partition_key: id, gsi: {ByState: {partition_key: state, projection: KEYS_ONLY}}}}
fields: {id: {count: 2_000}}
entities: {Job: {attributes: {state: {choice: {OPEN: 10%, DONE: 90%}, new: OPEN}}}}
access_patterns:
  add: {operation: PutItem, rate: 700/s}
  finish: {operation: UpdateItem, target: {state: OPEN}, update: "SET #state = :d", values: {d: DONE}, rate: 400/s}
  both:
    operation: TransactWriteItems
    actions: [{operation: Put}, {operation: ConditionCheck, condition: attribute_exists(id)}]
    rate: 10/s
""")
    )
    assert report["Jobs"].verdict.load_per_s == pytest.approx(700 + 400 + 10 * 2)
    assert report["ByState of Jobs"].verdict.load_per_s == pytest.approx(700 + 400 * 2 + 10)
    assert "each item of a batch or transaction is one, and each entry" in LEGEND


def test_mean_rates_are_taken_where_asked():
    made = wb.load_design(SHIPPED / "task_board.yaml")
    assert key_report(made, at="rate").worst.requests.requests_per_s < key_report(made).worst.requests.requests_per_s


# Speed


def test_a_report_grows_with_the_tables_and_not_with_their_square():
    """300 access patterns of 50 tables are each looked at on the rings of their own table alone."""
    few, many = (design(many_tables(tables, 20)) for tables in (5, 40))
    assert least_seconds(many) < 2 * 8 * least_seconds(few)


def least_seconds(made):
    """Of the processor, the least of three reports: what else the machine does only adds to it."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        assert len(key_report(made)) == 3 * len(made.tables)
        seconds.append(time.process_time() - started)
    return min(seconds)


TODAY = """
tables: {Log: {partition_key: day, sort_key: id}}
fields: {day: {type: date(-30d..now)}, id: {per: day, count: 700, type: ulid}}
entities: {Line: {size: 500 B}}
access_patterns: {write: {operation: PutItem, rate: 3000/s}}
"""


def test_a_day_that_is_a_field_is_limited_by_one_partition():
    """Closed forms 3 and 7 of the partition model: L whatever the number of partitions; shards = 3,000 / (0.5 * L)."""
    one = key_report(design(TODAY))["Log"]
    assert one.verdict.rate_per_s == pytest.approx(1000)
    assert one.verdict.throttled_after_splits == pytest.approx(2 / 3)
    assert one.verdict.shards == 6
    assert one.hottest.key == "2026-01-01"
    sim = wb.simulate(design(TODAY), duration="5min")
    assert sim.summary().throttled_share == {"write": pytest.approx(2 / 3, abs=0.01)}
    assert [(atom.key, atom.motion) for atom in sim.ring().hot] == [("2026-01-01", "current time")]


STORED = """
tables: {Log: {partition_key: id%s}}
fields: {id: {count: 210_000, type: uuid}}
entities: {Line: {size: %s}}
access_patterns: {write: {operation: PutItem, target: existing, rate: 9000/s}}
"""


@pytest.mark.parametrize(
    ("capacity", "size", "count"),
    [
        ("", "500 B", 4),  # 3.6.1, 3.2.3: a new on-demand table
        ("", "390 KB", 8),  # 3.2.2: 78 GB, at 10 GB each
        (", warm_throughput: {read: 100, write: 7_000}", "500 B", 7),
        (", capacity: {read: 5, write: {min: 100, max: 9_000}}", "500 B", 1),  # auto scaling begins at its minimum
        (", capacity: {read: 7_500, write: 3_000}", "500 B", 6),  # 3.2.2
    ],
)
def test_the_report_begins_with_the_partitions_of_the_simulation(capacity, size, count):
    made = design(STORED % (capacity, size))
    assert key_report(made)["Log"].requests.partitions == count
    sim = wb.simulate(made, duration=10, heat=False)
    assert sim.ring().partitions.count(1) == count
