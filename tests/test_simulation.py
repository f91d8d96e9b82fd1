"""Partitions through time: laws that hold of every simulation, worked examples, and what is refused.

Bounds come from closed forms, from AWS's documentation, and from simulating every request by itself.
"""

import json
import signal
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from tests import designs
from workbench.clients import ClosedLoop, Retries
from workbench.conditions import Start
from workbench.distributions import parse_popularity
from workbench.profile import PROFILE
from workbench.shapes import Step
from workbench.simulation import prepare, simulate
from workbench.summaries import Simulation
from workbench.throughput import REASONS
from workbench.workload import Settings, keyed

LIFTED = replace(PROFILE, table_read_units=inf, table_write_units=inf)


def zipf(exponent, count):
    return parse_popularity(f"zipf({exponent:.3f})").shares(count)


def uniform(count):
    return np.full(count, 1 / count)


def equal(one: Simulation, other: Simulation) -> bool:
    """Whether two simulations have the same arrays."""
    pairs = list(zip(one.rings, other.rings, strict=True))
    same = all(
        np.array_equal(getattr(a, what)[kind], getattr(b, what)[kind])
        for a, b in pairs
        for what in ("consumed", "throttled", "burst_left")
        for kind in ("read", "write")
    )
    patterns = zip(one.patterns, other.patterns, strict=True)
    return (
        same
        and all(np.array_equal(a.partitions.lo, b.partitions.lo) for a, b in pairs)
        and all(np.array_equal(a.all_throttled, b.all_throttled) for a, b in patterns)
    )


# Laws


@settings(max_examples=15)
@given(
    rate=st.floats(500, 9000),
    exponent=st.floats(0, 1.4),
    units=st.sampled_from([1.0, 3.0, 0.5]),
    mode=st.sampled_from(["on-demand", "provisioned", "maximum"]),
    client=st.sampled_from([None, ClosedLoop(32), Retries(4)]),
    seed=st.integers(0, 5),
)
def test_what_is_offered_is_consumed_or_throttled_by_partition_second_and_reason(
    rate, exponent, units, mode, client, seed
):
    given_units = {
        "on-demand": Settings(),
        "provisioned": Settings("provisioned", {"read": 100.0, "write": 2500.0}),
        "maximum": Settings(most={"write": 2000.0}),
    }[mode]
    work = keyed(zipf(exponent, 60), rate, units=units, settings=given_units)
    sim = simulate(work, 40, clients=client, seed=seed, interval_s=1, heat=False)
    ring, pattern = sim.ring(), sim.patterns[0]
    consumed, throttled = ring.consumed["write"], ring.throttled["write"]
    assert (consumed >= -1e-9).all()
    assert (throttled >= -1e-9).all()
    assert consumed.sum(axis=1) == pytest.approx(ring.consumed_per_s["write"])
    assert (consumed + throttled).sum(axis=1) == pytest.approx(pattern.offered * units)
    assert throttled.sum(axis=1) == pytest.approx(sum(ring.reasons.values(), np.zeros(40)), abs=1e-6)
    assert pattern.all_throttled * units == pytest.approx(throttled.sum(axis=1), abs=1e-6)
    assert set(ring.reasons) <= set(REASONS)
    assert consumed.max() <= 1000 + units  # a request of several units begins while tokens are left


def test_counts_of_a_partition_are_those_of_every_request_by_itself():
    """20 partitions, 1,000 Zipf keys: throttled and served units against drawing each request's key."""
    shares, rate, seconds = zipf(0.9, 1000), 9000.0, 400
    frozen = replace(LIFTED, split_utilisation=5.0)
    sim = simulate(keyed(shares, rate), seconds, start=Start(partitions=20), profile=frozen, interval_s=1, heat=False)
    hashes = keyed(shares, rate).rings[0].hashes(None)
    partition = (hashes.astype(float) / 2**64 * 20).astype(int)
    rng = np.random.default_rng(1)
    counts = np.array(
        [np.bincount(partition[rng.choice(1000, rng.poisson(rate), p=shares)], minlength=20) for _ in range(seconds)]
    )
    for mine, theirs in (
        (sim.ring().consumed["write"], np.minimum(counts, 1000)),
        (sim.ring().throttled["write"], np.maximum(counts - 1000, 0)),
    ):
        error = np.sqrt((mine.var(axis=0) + theirs.var(axis=0)) / seconds)
        assert (np.abs(mine.mean(axis=0) - theirs.mean(axis=0)) <= 4 * error + 1e-9).all()
        assert mine.std(axis=0) == pytest.approx(theirs.std(axis=0), rel=0.25, abs=1e-9)
    assert (counts > 1000).any()


@pytest.mark.parametrize("exponent", [0.8, 0.99, 1.2])
def test_in_the_long_run_each_key_gets_its_rate_up_to_the_limit(exponent):
    """partition-by-partition splits end at the closed form: the sum over keys of min(rate x share, limit)."""
    shares, rate = zipf(exponent, 20_000), 40_000.0
    sim = simulate(keyed(shares, rate), "2h", start=Start(partitions=64), profile=LIFTED, counts="fluid", heat=False)
    closed = np.minimum(rate * shares, 1000).sum()
    assert closed < rate
    assert sim.ring().consumed["write"][-1].sum() / 60 == pytest.approx(closed, rel=5e-5)


def test_noise_leaves_the_long_run_where_it_is():
    shares, rate = zipf(0.99, 2000), 20_000.0
    sim = simulate(keyed(shares, rate), "2h", start=Start(partitions=32), profile=LIFTED, heat=False)
    closed = np.minimum(rate * shares, 1000).sum()
    mean = sim.ring().consumed["write"][-30:].sum() / 1800
    assert mean == pytest.approx(closed, abs=4 * (closed / 1800) ** 0.5)


def test_the_same_seed_gives_the_same_arrays_and_another_seed_others():
    work = keyed(zipf(1.1, 500), 4000)
    first, again, other = (simulate(work, "20min", seed=seed) for seed in (3, 3, 4))
    assert equal(first, again)
    assert not equal(first, other)


def test_a_partition_sees_the_same_weather_whatever_happens_to_the_others():
    """Counts hang on seed, second and partition alone: another hot key elsewhere changes nothing here."""
    shares = np.append(uniform(99) * 0.6, 0.4)
    hotter = np.append(uniform(99) * 0.6 * 5 / 8, 0.625)  # with 8/5 of the rate all others stay as they were
    runs = [
        simulate(keyed(s, rate), 120, start=Start(partitions=8), interval_s=1, profile=LIFTED)
        for s, rate in ((shares, 10_000), (hotter, 16_000))
    ]
    offered = [run.ring().offered("write") for run in runs]
    hot = runs[0].ring().hot[0].position
    others = np.arange(8) != int(hot * 8)
    assert offered[0][:, others] == pytest.approx(offered[1][:, others])
    assert not np.allclose(offered[0][:, ~others], offered[1][:, ~others])


@settings(max_examples=15)
@given(rate=st.floats(1000, 12_000), few=st.integers(4, 10), more=st.integers(1, 12), fluid=st.booleans())
def test_more_partitions_never_throttle_a_uniform_load_more(rate, few, more, fluid):
    counts = "fluid" if fluid else "poisson"
    found = [
        simulate(
            keyed(uniform(5000), rate), 60, start=Start(partitions=n), profile=LIFTED, counts=counts, heat=False
        ).throttled_share
        for n in (few, few + more)
    ]
    assert found[1] <= found[0] + (0 if fluid else 0.003)


def test_partitions_at_rest_are_counted_as_if_they_were_looked_at():
    """The active set is exact: the sum of those at rest is the Poisson count of their sum."""
    sim = simulate(keyed(zipf(0.99, 20_000), 20_000), 120, start=Start(partitions=400), profile=LIFTED)
    ring = sim.ring()
    assert sim.patterns[0].offered.sum() == pytest.approx(20_000 * 120, rel=5 / (20_000 * 120) ** 0.5)
    assert ring.offered("write").sum() == pytest.approx(sim.patterns[0].offered.sum())
    assert (ring.offered("write").sum(axis=0) > 0).all()


def test_the_heat_map_adds_up_to_what_the_partitions_consumed():
    ring = simulate(keyed(zipf(1.0, 2000), 8000), "30min").ring()
    assert ring.heat is not None
    assert len(ring.heat.consumed["write"]) == 1024
    for what in ("consumed", "throttled"):
        assert getattr(ring.heat, what)["write"].sum(axis=0) == pytest.approx(getattr(ring, what)["write"].sum(axis=1))
    hottest = ring.heat.offered("write").sum(axis=1).argmax()
    assert hottest == ring.hot[0].bucket


# Splits


def board(table: str, entity: str, pattern: str, **more: object) -> str:
    """A design of one table whose one collection is written, 800 times a second unless told otherwise."""
    return designs.as_yaml(
        {
            "name": "one",
            "tables": {"Tab": json.loads(table)},
            "fields": {"owner": {"count": 1}, **more},
            "entities": {"Item": json.loads(entity)},
            "access_patterns": {"put": {"operation": "PutItem", "rate": "800/s", **json.loads(pattern)}},
        }
    )


RANDOM = {"item": {"per": "owner", "count": 500, "type": "uuid"}}
RISING = {"item": {"per": "owner", "count": 500, "type": "ulid"}}
SORTED = '{"partition_key": "owner", "sort_key": "item"}'


def inside(sim: Simulation) -> int:
    """How many partition boundaries lie inside a collection."""
    return sum(int((ring.partitions.lo_segment > 0).sum()) for ring in sim.rings)


def test_a_collection_with_random_sort_keys_is_split_inside():
    sim = simulate(designs.design(board(SORTED, "{}", "{}", **RANDOM)), "1h")
    assert inside(sim) > 0
    assert sim.summary().splits["Tab"]["heat"] >= 1


def test_a_collection_with_a_rising_sort_key_is_never_split_inside():
    sim = simulate(designs.design(board(SORTED, "{}", "{}", **RISING)), "1h")
    assert inside(sim) == 0
    assert "rising sort key" in " ".join(sim.ring().partitions.stuck)
    assert sim.ring().hot[0].pinned_by == "rising sort key"


def test_a_collection_of_a_table_with_a_local_index_is_never_split_inside():
    table = '{"partition_key": "owner", "sort_key": "item", "lsi": {"by-size": {"sort_key": "size_"}}}'
    entity = '{"attributes": {"size_": "1..100"}}'
    sim = simulate(designs.design(board(table, entity, "{}", **RANDOM)), "1h")
    assert inside(sim) == 0
    assert "local index" in " ".join(sim.ring().partitions.stuck)


def test_a_unique_time_ordered_partition_key_spreads_evenly():
    """Partition keys are hashed: that ids rise with time makes nothing hot."""
    text = """
        tables: {Tab: {partition_key: id}}
        fields: {id: {count: 5_000, type: ulid}}
        entities: {Item: {size: 500}}
        access_patterns: {put: {operation: PutItem, rate: 3_000/s}}
    """
    sim = simulate(designs.design(text), "5min")
    ring = sim.ring()
    per_partition = ring.consumed["write"][:, :4].sum(axis=0)
    assert per_partition.max() / per_partition.mean() < 1.1
    assert sim.first_throttle_s is None
    assert ring.hot[0].motion == ""


def test_today_as_a_partition_key_is_served_by_one_partition():
    design = wb.load_design(designs.SHIPPED / "flights.yaml")
    rows = {"flights": flights()}
    items = wb.generate_items(design, rows=rows)
    sim = simulate(items, "30min", table="FlightsByDay")
    assert sim.ring("FlightsByDay").consumed_per_s["write"].max() <= 1000 + 1e-6
    assert sim.summary().throttled_share["record-departure-by-day"] == pytest.approx(1 / 3, abs=0.01)
    assert sim.ring("FlightsByDay").partitions.count(1800) == 4


def flights():
    """Some departures with the columns of the data package."""
    import pandas as pd

    n = np.arange(400)
    days = {"year": 2013, "month": 1 + n // 40, "day": 1 + n % 40 // 2}
    return pd.DataFrame(
        {**days, "sched_dep_time": 500 + n % 7 * 100, "carrier": "UA", "flight": 100 + n, "origin": "EWR"}
    )


def test_a_key_of_the_present_minute_moves_on_the_ring():
    text = """
        tables: {Tab: {partition_key: at, sort_key: id}}
        fields: {id: {count: 2_000, type: uuid}, at: {type: minute(-1d..now)}}
        entities: {Item: {}}
        access_patterns: {put: {operation: PutItem, rate: 1_500/s}}
    """
    sim = simulate(designs.design(text), "20min")
    ring = sim.ring()
    assert ring.hot[0].motion == "current time"
    rows = ring.heat.consumed["write"].argmax(axis=0)
    assert len(set(rows.tolist())) > 10
    assert ring.consumed_per_s["write"].max() <= 1000 + 1e-6
    assert sim.throttled_share == pytest.approx(1 / 3, abs=0.02)
    assert sim.summary().splits["Tab"].get("heat", 0) == 0


def test_a_hot_set_that_moves_is_hot_elsewhere_after_a_while():
    text = """
        tables: {Tab: {partition_key: id}}
        fields: {id: {count: 2_000, popularity: hotset(1% takes 90% moving 5min)}}
        entities: {Item: {size: 500}}
        access_patterns: {get: {operation: GetItem, consistent: true, rate: 3_000/s}}
    """
    sim = simulate(designs.design(text), "15min")
    heat = sim.ring().heat.consumed["read"]
    hottest = [set(np.argsort(-heat[:, minute])[:18].tolist()) for minute in (2, 4, 6, 9, 11)]
    assert len(hottest[0] & hottest[1]) >= 16
    assert len(hottest[2] & hottest[3]) >= 16
    assert len(hottest[0] & hottest[2]) <= 3
    assert len(sim.patterns) == 1
    assert sim.patterns[0].offered.mean() == pytest.approx(3000, rel=0.01)


def test_an_item_with_all_of_the_heat_stays_and_one_with_most_of_it_is_cut_free():
    alone = simulate(keyed([1.0], 900), "1h", start=Start(partitions=1))
    assert alone.ring().partitions.count(3600) == 1
    assert "key 1 alone" in alone.ring().partitions.stuck[0]
    mostly = simulate(keyed([0.7, *[0.01] * 30], 900), "1h", start=Start(partitions=1))
    assert mostly.summary().splits["Table"] == {"isolation": 1}
    nearly = simulate(keyed([0.95, *[0.001] * 50], 900), "1h", start=Start(partitions=1))
    assert nearly.ring().partitions.count(3600) == 1
    assert "95 % of its heat" in nearly.ring().partitions.stuck[0]


def test_neighbours_that_a_hot_item_throttles_are_cut_free_of_it():
    sim = simulate(keyed([0.95, *[0.001] * 50], 3000), "1h", start=Start(partitions=1), counts="fluid")
    assert sim.summary().splits["Table"] == {"isolation": 1}
    assert sim.ring().consumed_per_s["write"][-1] == pytest.approx(1000 + 0.05 * 3000)


@pytest.mark.parametrize(("used", "splits"), [(0.499, False), (0.501, True)])
def test_a_partition_splits_from_half_its_limit_on(used, splits):
    sim = simulate(keyed(uniform(1000), 1000 * used), "30min", start=Start(partitions=1), counts="fluid")
    assert (sim.ring().partitions.count(1800) > 1) is splits


@pytest.mark.parametrize(("seconds", "splits"), [(58, False), (62, True)])
def test_heat_has_to_last_a_minute(seconds, splits):
    load = {"shape": "between", "begin_s": 100, "end_s": 100 + seconds}
    sim = simulate(keyed(uniform(1000), 600), "30min", load, start=Start(partitions=1), counts="fluid")
    assert (sim.ring().partitions.count(1800) > 1) is splits


def test_a_split_that_falls_due_in_a_quiet_second_is_made_where_the_heat_was():
    load = {"shape": "between", "begin_s": 0, "end_s": 120}
    sim = simulate(keyed([0.4, 0.3, 0.2, 0.1], 900), "30min", load, start=Start(partitions=1), counts="fluid")
    parts = sim.ring().partitions
    born = parts.born_s[parts.parent >= 0]
    assert len(born) == 2
    assert born.min() >= 60 + 300
    cut = float(parts.hi[1])
    assert cut > 0
    assert cut < 1


def test_splits_come_five_to_thirteen_minutes_after_their_trigger():
    prepared = prepare(keyed(uniform(1000), 700), "16min", start=Start(partitions=1))
    delay = prepared.lanes[0].flow.partitions.delay
    delays = [delay(second, partition) for second in range(60, 100) for partition in range(25)]
    assert min(delays) == 300
    assert max(delays) == 780
    assert np.median(delays) == pytest.approx(510, rel=0.03)
    parts = prepared.run().ring().partitions
    assert parts.born_s[1] == 60 + delay(59, 0)


def test_partitions_of_a_steady_well_spread_load_end_between_x_over_500_and_x_over_250():
    for rate in (2000, 8000):
        sim = simulate(keyed(uniform(20_000), rate), "2h", profile=LIFTED, heat=False)
        assert rate / 500 <= sim.ring().partitions.count(7200) <= rate / 250 + 1


def test_partitions_cover_the_ring_at_every_second():
    parts = simulate(keyed(zipf(1.0, 5000), 9000), "40min").ring().partitions
    for second in range(0, 2400, 97):
        there = parts.alive(second)
        order = np.argsort(parts.lo[there])
        lo, hi = parts.lo[there][order], parts.hi[there][order]
        assert lo[0] == 0
        assert hi[-1] == 1
        assert (lo[1:] == hi[:-1]).all()


def test_a_full_partition_splits_at_the_median_of_its_bytes():
    small = replace(PROFILE, partition_bytes=100_000)
    text = """
        tables: {Tab: {partition_key: id}}
        fields: {id: {count: 1_000, type: uuid}}
        entities: {Item: {size: 500}}
        access_patterns: {put: {operation: PutItem, rate: 2/s}}
    """
    sim = simulate(designs.design(text), "10min", profile=small)
    assert sim.summary().partitions["Tab"][0] == 5  # 500 kB at the start, four of them for throughput
    assert sim.summary().splits["Tab"].get("size", 0) >= 3


# Limits


def test_one_partition_at_its_limit_throttles_what_a_closed_form_says():
    """E[max(N - L, 0)] / L of a Poisson count: 1.26 % at the limit, 0.51 % at 98 %, 0.08 % at 95 %."""
    for utilisation, share in ((1.0, 0.0126), (0.98, 0.0051), (0.95, 0.0008)):
        sim = simulate(keyed([1.0], 1000 * utilisation), "2h", start=Start(partitions=1), heat=False)
        assert sim.throttled_share == pytest.approx(share, rel=0.1)


def test_burst_carries_a_table_over_its_rate_for_as_long_as_was_saved():
    """re:Post: 150 units provisioned, 300 s saved, 200 used: throttled after 900 s."""
    work = keyed(uniform(100), 200, settings=Settings("provisioned", {"read": 1, "write": 150}))
    sim = simulate(work, "30min", start=Start(idle_s=300), counts="fluid")
    assert sim.first_throttle_s == 900
    assert list(sim.ring().reasons) == ["TableWriteProvisionedThroughputExceeded"]
    assert sim.ring().burst_left["write"][0] == 45_000 - 60 * 50
    assert sim.summary().burst_left["Table", "write"] == pytest.approx(0)
    cold = simulate(work, "30min", counts="fluid")
    assert cold.first_throttle_s == 0


def test_burst_never_lifts_a_partition_above_its_limit():
    work = keyed([1.0], 3000, settings=Settings("provisioned", {"read": 1, "write": 2000}))
    sim = simulate(work, "5min", start=Start(idle_s=300, partitions=1))
    assert sim.ring().consumed_per_s["write"].max() == pytest.approx(1000)
    assert list(sim.ring().reasons) == ["TableWriteKeyRangeThroughputExceeded"]


def test_a_hot_partition_uses_what_the_table_has_left():
    """burst-adaptive-capacity: 400 write units on 4 partitions; 50, 50, 50 and 150 are served."""
    hashes = keyed(uniform(4000), 1).rings[0].hashes(None)
    partition = (hashes.astype(float) / 2**64 * 4).astype(int)
    shares = np.array([50, 50, 50, 150])[partition] / np.bincount(partition)[partition] / 300
    work = keyed(shares, 300, settings=Settings("provisioned", {"read": 1, "write": 400}))
    sim = simulate(work, "10min", start=Start(partitions=4), counts="fluid")
    assert sim.first_throttle_s is None
    assert sim.ring().consumed["write"][0] / 60 == pytest.approx([50, 50, 50, 150])


def test_an_older_profile_gives_partitions_an_even_share_until_adaptive_capacity_comes():
    """Before 2019 a table's units were divided evenly, and a hot partition got more after minutes."""
    hashes = keyed(uniform(4000), 1).rings[0].hashes(None)
    partition = (hashes.astype(float) / 2**64 * 4).astype(int)
    shares = np.array([50, 50, 50, 150])[partition] / np.bincount(partition)[partition] / 300
    work = keyed(shares, 300, settings=Settings("provisioned", {"read": 1, "write": 400}))
    late = replace(PROFILE, adaptive_delay_s=300)
    sim = simulate(work, "10min", start=Start(partitions=4), counts="fluid", profile=late)
    served = sim.ring().consumed["write"] / 60
    assert served[0] == pytest.approx([50, 50, 50, 100])
    assert served[-1] == pytest.approx([50, 50, 50, 150])
    assert sim.last_throttle_s == 299
    assert list(sim.ring().reasons) == ["TableWriteKeyRangeThroughputExceeded"]


def test_large_items_are_written_whole_and_paid_for_later():
    """A 20 KB item read strongly costs 5 units: 600 a second of one; one of 400 WU begins while tokens are left."""
    reads = simulate(keyed([1.0], 5000, kind="read", units=5), 600, start=Start(partitions=1), heat=False)
    assert reads.patterns[0].consumed.mean() == pytest.approx(600, rel=1e-3)
    writes = simulate(keyed([1.0], 100, units=400), 600, start=Start(partitions=1), heat=False, interval_s=1)
    assert writes.ring().consumed["write"].sum() / 600 == pytest.approx(1000, rel=0.01)
    assert set(writes.patterns[0].consumed.round(6)) <= {2.0, 3.0}


def test_a_new_on_demand_table_serves_four_thousand_writes_and_twelve_thousand_reads():
    for kind, most in (("write", 4000), ("read", 12_000)):
        sim = simulate(keyed(uniform(50_000), 20_000, kind=kind), 60, counts="fluid")
        assert sim.ring().consumed_per_s[kind].max() == pytest.approx(most, rel=0.005)  # keys are not dealt out evenly


def test_an_on_demand_table_serves_twice_its_previous_peak_at_once():
    start = Start(previous_peak={"write": 15_000})
    served = simulate(keyed(uniform(200_000), 28_000), 120, start=start)
    assert served.throttled_share < 0.001
    beyond = simulate(keyed(uniform(200_000), 60_000), 60, start=start, counts="fluid", profile=LIFTED)
    assert beyond.ring().consumed_per_s["write"][0] == pytest.approx(30_000, rel=0.01)


def test_the_quota_of_a_table_has_a_reason_of_its_own():
    sim = simulate(keyed(uniform(200_000), 60_000), 60, start=Start(warm={"write": 90_000}), counts="fluid")
    assert sim.ring().consumed_per_s["write"].max() == 40_000
    assert list(sim.ring().reasons) == ["TableWriteAccountLimitExceeded"]


def test_a_stated_maximum_has_a_reason_of_its_own():
    """on-demand-capacity-mode-max-throughput: best effort, a burst may exceed it for a while."""
    sim = simulate(keyed(uniform(5000), 900, settings=Settings(most={"write": 500.0})), "5min", counts="fluid")
    assert list(sim.ring().reasons) == ["TableWriteMaxOnDemandThroughputExceeded"]
    assert sim.ring().consumed_per_s["write"] == pytest.approx(500)


def test_auto_scaling_follows_the_load_after_minutes():
    scaled = {"min": 100, "max": 1000, "target": "70%"}
    text = """
        tables: {Tab: {partition_key: id}}
        fields: {id: {count: 5_000, type: uuid}}
        entities: {Item: {size: 500}}
        access_patterns: {put: {operation: PutItem, rate: 10/s, peak: 400/s}}
    """
    sim = simulate(designs.design(text), "1h", Step(), capacity={"read": 5, "write": scaled})
    capacity = sim.ring().capacity["write"]
    assert capacity[:12].max() == 100
    assert capacity[-1] == pytest.approx(400 / 0.7, rel=0.05)
    assert sim.summary().minutes_until_it_ends == pytest.approx(4, abs=3)
    assert sim.ring().mode == "provisioned"


def test_raising_provisioned_capacity_adds_partitions():
    scaled = {"min": 500, "max": 9000, "target": "50%"}
    text = """
        tables: {Tab: {partition_key: id}}
        fields: {id: {count: 5_000, type: uuid}}
        entities: {Item: {size: 500}}
        access_patterns: {put: {operation: PutItem, rate: 3_500/s}}
    """
    sim = simulate(designs.design(text), "30min", capacity={"read": 5, "write": scaled})
    ring = sim.ring()
    assert ring.capacity["write"][-1] == pytest.approx(7000, rel=0.05)
    assert ring.partitions.count(1800) >= 7
    assert sim.summary().splits["Tab"]["capacity"] >= 3
    assert set(sim.patterns[0].throttled) <= {
        "TableWriteProvisionedThroughputExceeded",
        "TableWriteKeyRangeThroughputExceeded",
    }


# Indexes

INDEXED = """
    name: orders
    tables:
      Orders:
        partition_key: id
        capacity: {read: 5, write: 3_000}
        gsi: {by-state: {partition_key: state, projection: KEYS_ONLY}}
    fields: {id: {count: 5_000, type: uuid}}
    entities: {Order: {size: 800, attributes: {state: {choice: {OPEN: 100%}}}}}
    access_patterns: {put: {operation: PutItem, rate: 1_500/s}}
"""


def test_an_index_that_cannot_keep_up_holds_back_every_write_of_the_table():
    """GSI.ThroughputConsiderations: one value of the index key, so 1,000 writes a second of the whole table."""
    sim = simulate(designs.design(INDEXED), "10min", start=Start(idle_s=300))
    table, index = sim.ring("Orders"), sim.ring("Orders", "by-state")
    assert set(sim.patterns[0].throttled) == {"IndexWriteKeyRangeThroughputExceeded"}
    assert table.consumed_per_s["write"][-60:].mean() == pytest.approx(1000, rel=0.01)
    assert index.backlog.max() == pytest.approx(PROFILE.index_backlog_units, rel=0.06)
    assert sim.first_throttle_s == pytest.approx(PROFILE.index_backlog_units / 500, rel=0.1)
    assert "IndexWriteKeyRangeThroughputExceeded" in index.reasons


def test_an_index_writes_what_the_table_admitted():
    sim = simulate(designs.design(INDEXED.replace("1_500/s", "900/s")), "5min", counts="fluid")
    index = sim.ring("Orders", "by-state")
    assert sim.first_throttle_s is None
    assert index.consumed_per_s["write"] == pytest.approx(sim.ring("Orders").consumed_per_s["write"])
    assert index.backlog.max() == pytest.approx(0)


def test_index_writes_are_written_or_wait():
    sim = simulate(designs.design(INDEXED), "5min", start=Start(idle_s=300))
    admitted = sim.patterns[0].consumed.sum()
    index = sim.ring("Orders", "by-state")
    assert index.consumed_per_s["write"].sum() + index.backlog[-1] == pytest.approx(admitted, rel=0.01)


CLIENTS = [None, Retries(4), Retries(10), ClosedLoop(64), ClosedLoop(1000)]


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("counts", ["poisson", "fluid"])
@pytest.mark.parametrize(("size", "factor"), [(800, 1.0), (3000, 1 / 3)])
def test_what_the_table_admits_is_written_to_the_index_or_waits_whoever_asks(client, counts, size, factor):
    """KEYS_ONLY entries are of 1 unit, items of 1 and of 3: so many index units for each unit of the table."""
    sim = simulate(designs.design(INDEXED.replace("800", str(size))), "5min", clients=client, counts=counts)
    table, index = sim.ring("Orders"), sim.ring("Orders", "by-state")
    written = index.consumed_per_s["write"].sum() + index.backlog[-1]
    assert written == pytest.approx(table.consumed_per_s["write"].sum() * factor, rel=1e-6)
    assert index.consumed["write"].sum() == pytest.approx(index.consumed_per_s["write"].sum())


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_one_value_of_an_index_key_admits_what_one_partition_writes_whoever_asks(client):
    """Closed form: once the backlog is full, the table admits what the index works off, 1,000 units a second."""
    sim = simulate(designs.design(INDEXED), "15min", clients=client, start=Start(idle_s=300))
    assert sim.ring("Orders").consumed_per_s["write"][-300:].mean() == pytest.approx(1000, rel=0.01)
    assert sim.ring("Orders", "by-state").backlog.max() <= PROFILE.index_backlog_units + 1000 + 300


def test_rejections_for_an_index_are_booked_on_the_keys_that_were_asked_for():
    """Three values, 60, 30 and 10 %: each has that share of what was rejected, whether it waits itself or not."""
    text = INDEXED.replace("{OPEN: 100%}", "{OPEN: 60%, DONE: 30%, LOST: 10%}").replace("1_500/s", "2_500/s")
    index = simulate(designs.design(text), "10min", start=Start(idle_s=300)).ring("Orders", "by-state")
    throttled = index.heat.throttled["write"].sum(axis=1)
    shares = {atom.key: throttled[atom.bucket] / throttled.sum() for atom in index.hot if atom.kind == "write"}
    assert shares == pytest.approx({"OPEN": 0.6, "DONE": 0.3, "LOST": 0.1}, abs=0.02)


def test_the_capacity_of_an_index_is_its_own():
    text = INDEXED.replace("projection: KEYS_ONLY", "projection: KEYS_ONLY, capacity: {read: 5, write: 1}")
    sim = simulate(designs.design(text), "3min", start=Start(idle_s=300))
    assert set(sim.patterns[0].throttled) == {"IndexWriteProvisionedThroughputExceeded"}


def test_reads_of_an_index_are_throttled_by_the_index():
    text = """
        tables: {Tab: {partition_key: id, gsi: {by-state: {partition_key: state}}}}
        fields: {id: {count: 500}}
        entities: {Item: {size: 500, attributes: {state: [OPEN, DONE]}}}
        access_patterns:
          list: {operation: Query, index: by-state, key_condition: "#state = :state", limit: 10, rate: 20_000/s}
    """
    sim = simulate(designs.design(text), 60)
    assert [ring.name for ring in sim.rings] == ["by-state of Tab"]
    assert set(sim.patterns[0].throttled) == set(sim.rings[0].reasons) == {"IndexReadKeyRangeThroughputExceeded"}


# Clients


def test_a_closed_loop_waits_for_the_hottest_partition():
    """In the long run a client that waits for its answers gets limit / share of the hottest partition."""
    frozen = replace(LIFTED, split_utilisation=5.0)
    shares = zipf(0.5, 200)
    sim = simulate(keyed(shares, 50_000), "5min", clients=ClosedLoop(64), start=Start(partitions=4), profile=frozen)
    hashes = keyed(shares, 1).rings[0].hashes(None)
    hottest = np.bincount((hashes.astype(float) / 2**64 * 4).astype(int), shares).max()
    assert sim.ring().consumed_per_s["write"][10:].mean() == pytest.approx(1000 / hottest, rel=0.01)


def test_a_closed_loop_below_all_limits_reaches_its_rate():
    sim = simulate(keyed(uniform(1000), 800), "5min", clients=ClosedLoop(8))
    assert sim.first_throttle_s is None
    assert sim.patterns[0].offered.mean() == pytest.approx(800, rel=0.01)


def test_retries_come_again_until_they_are_given_up():
    load = {"shape": "between", "begin_s": 10, "end_s": 20}
    work = keyed([1.0], 1200)
    once = simulate(work, 60, load, counts="fluid", start=Start(partitions=1))
    tried = simulate(work, 60, load, counts="fluid", start=Start(partitions=1), retries=Retries(10, 0.5, 5))
    assert once.ring().consumed["write"].sum() == pytest.approx(10_000)
    assert tried.ring().consumed["write"].sum() == pytest.approx(12_000)  # after the burst there is room for them
    assert tried.patterns[0].offered.sum() > 12_000
    fewer = simulate(work, 60, counts="fluid", start=Start(partitions=1), retries=Retries(2))
    assert fewer.patterns[0].given_up.sum() > 0
    served = fewer.patterns[0].consumed.sum()
    assert served + fewer.patterns[0].given_up.sum() == pytest.approx(1200 * 60, rel=0.02)


def test_a_summary_counts_attempts_and_says_which_requests_are_given_up():
    """Of 2,000 requests a second for one key 1,000 are served: half are lost for good, however often they try."""
    work, tries = keyed([1.0], 2000), Retries(4, 0.05)
    sim = simulate(work, "10min", start=Start(partitions=1), retries=tries, counts="fluid")
    assert sim.summary().given_up == {"requests": pytest.approx(0.5, abs=0.01)}
    assert sim.throttled_share > 0.6
    assert "84 % of attempts throttled, first after 0 s; 49.8 % of requests given up" in repr(sim)
    lines = sim.summary().to_frame().set_index("what")
    assert lines.loc["throttled", "unit"] == lines.loc["throttled for", "unit"] == "% of attempts"
    assert lines.loc["given up", ["value", "unit"]].tolist() == [pytest.approx(50, abs=1), "% of requests"]
    once = simulate(work, "10min", start=Start(partitions=1), counts="fluid")
    assert once.given_up_share == once.throttled_share == pytest.approx(0.5)
    assert "given up" not in set(once.summary().to_frame()["what"])
    assert simulate(work, "1min", start=Start(partitions=1), clients=ClosedLoop(8)).given_up_share == 0


def test_a_number_of_retries_is_so_many_attempts():
    work = keyed([1.0], 1500)
    assert equal(simulate(work, 60, retries=3), simulate(work, 60, clients=Retries(3)))


# Designs


def test_the_task_board_throttles_one_providers_webhooks():
    design = wb.load_design(designs.SHIPPED / "task_board.yaml")
    sim = simulate(design, "30min", "step")
    shares = sim.summary().throttled_share
    assert max(shares, key=lambda name: shares[name]) in ("record-webhook", "record-webhook-again")
    assert sim.ring().hot[0].key == "WEBHOOK#stripe"
    assert sim.first_throttle_s == pytest.approx(300, abs=3)


def test_reads_and_writes_have_limits_of_their_own():
    sim = simulate(keyed([1.0], 2900, kind="read"), 60, start=Start(partitions=1), counts="fluid")
    assert sim.first_throttle_s is None


def test_eventually_consistent_reads_are_served_by_all_replicas():
    """AWS Database Blog, "Scaling DynamoDB", part 2: 4,500 read units a second of one partition."""
    text = """
        tables: {Tab: {partition_key: id}}
        fields: {id: {count: 1}}
        entities: {Item: {size: 500}}
        access_patterns: {get: {operation: GetItem, consistent: %s, rate: 20_000/s}}
    """
    found = [
        simulate(designs.design(text % told), 60, start=Start(partitions=1, warm={"read": 90_000}), counts="fluid")
        for told in ("false", "true")
    ]
    assert [sim.ring().consumed_per_s["read"].max() for sim in found] == [pytest.approx(4500), pytest.approx(3000)]


def test_a_spike_without_a_peak_says_that_it_does_nothing():
    flat = " ".join(note.text for note in simulate(keyed([1.0], 500), 60, "spike").notes)
    assert "requests has no peak above its rate, so that its spike load is constant: state one, as peak: 1500/s" in flat
    for work, load in (
        (keyed([1.0], 500, peak=900), "spike"),
        (keyed([1.0], 500), "step"),
        (keyed([1.0], 5), "constant"),
    ):
        assert not any("no peak" in note.text for note in simulate(work, 60, load).notes)


def test_patterns_may_have_loads_of_their_own():
    design = wb.load_design(designs.SHIPPED / "sessions_simple.yaml")
    sim = simulate(design, "5min", {"create-session": {"shape": "between", "begin_s": 60, "end_s": 120}})
    by_name = {p.pattern: p for p in sim.patterns}
    assert not by_name["create-session"].offered[:60].any()
    assert by_name["create-session"].offered[60:120].any()
    assert by_name["list-sessions"].offered[:60].any()
    assert sim.load == "mixed"


# What it says


def test_a_summary_says_what_when_why_and_on_what_it_rests():
    sim = simulate(keyed([0.7, *[0.01] * 30], 2500), "20min", start=Start(partitions=1))
    frame = sim.summary().to_frame()
    assert list(frame.columns) == ["what", "of", "value", "unit", "about"]
    said = set(frame["what"])
    assert {"throttled", "throttled for", "first throttled request", "throttling ends after"} <= said
    assert {"partitions at the start", "partitions at the end", "splits", "rests on"} <= said
    rests = " ".join(frame[frame["what"] == "rests on"]["about"])
    assert "measured: split_utilisation = 0.5" in rests
    assert "assumed: new_bucket_s" in rests
    assert "hash was inferred" in rests
    assert "throttled, first after 0 s" in repr(sim)
    assert "<table" in sim._repr_html_()
    changed = simulate(keyed([1.0], 5), 5, profile=replace(PROFILE, burst_s=60))
    assert "burst_s = 60, where AWS documents 300" in " ".join(note.text for note in changed.notes)


def test_a_frame_has_a_line_for_each_minute_and_partition():
    sim = simulate(keyed(uniform(1000), 2500), "30min", counts="fluid")
    frame = sim.to_frame()
    assert frame["consumed_write_units_per_s"].groupby(frame["start_s"]).sum().to_numpy() == pytest.approx(2500)
    parts = sim.ring().partitions
    assert len(frame[frame["start_s"] == 0]) == 4
    assert len(frame[frame["start_s"] == 1740]) == parts.count(1799)


def test_nothing_throttled_is_said_plainly():
    sim = simulate(keyed(uniform(1000), 100), "5min")
    assert sim.first_throttle_s is None
    assert sim.summary().minutes_until_it_ends is None
    assert "nothing is throttled" in repr(sim)


def test_an_interrupted_simulation_returns_what_it_has(monkeypatch):
    prepared = prepare(keyed(zipf(1.0, 500), 5000), "1h")
    flow, seen = prepared.lanes[0].flow, []

    def begin(first, until, begin=flow.begin):
        seen.append(first)
        if first >= 600:
            raise KeyboardInterrupt
        begin(first, until)

    monkeypatch.setattr(flow, "begin", begin)
    sim = prepared.run()
    assert sim.interrupted
    assert sim.duration_s == 600
    assert len(sim.patterns[0].offered) == 600
    assert len(sim.ring().consumed["write"]) == 10
    assert "interrupted" in repr(sim)
    whole = simulate(keyed(zipf(1.0, 500), 5000), "10min")
    assert sim.ring().consumed["write"].sum() == whole.ring().consumed["write"].sum()
    assert len(sim.to_frame())


@pytest.mark.parametrize("interval_s", [60, 600])
def test_an_interrupt_waits_for_the_end_of_a_block_of_all_tables_and_indexes(monkeypatch, interval_s):
    text = INDEXED.replace("1_500/s", "800/s")
    prepared = prepare(designs.design(text), "1h", interval_s=interval_s)
    lane, before = prepared.lanes[0], prepared.lanes[0].before

    def interrupted(second):
        if second == 660:
            signal.raise_signal(signal.SIGINT)
        before(second)

    monkeypatch.setattr(lane, "before", interrupted)
    sim = prepared.run()
    assert sim.interrupted
    assert sim.duration_s == 720
    for ring in sim.rings:
        assert ring.consumed["write"].sum() == pytest.approx(ring.consumed_per_s["write"].sum())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(("interval_s", "seconds"), [(60, 660), (600, 600)])
def test_what_is_interrupted_within_a_block_ends_at_a_whole_interval(monkeypatch, interval_s, seconds):
    prepared = prepare(designs.design(INDEXED.replace("1_500/s", "800/s")), "1h", interval_s=interval_s)

    def after(until, after=prepared.lanes[0].after):
        if until == 720:
            raise KeyboardInterrupt
        after(until)

    monkeypatch.setattr(prepared.lanes[0], "after", after)
    sim = prepared.run()
    assert (sim.interrupted, sim.duration_s) == (True, seconds)
    for ring in sim.rings:
        assert ring.consumed["write"].sum() == pytest.approx(ring.consumed_per_s["write"].sum())


def test_what_was_interrupted_before_its_first_second_cannot_be_drawn(monkeypatch):
    prepared = prepare(keyed([1.0], 10), "1h")
    monkeypatch.setattr(prepared.lanes[0], "before", _interrupt)
    sim = prepared.run()
    assert (sim.interrupted, sim.duration_s) == (True, 0)
    assert "interrupted" in repr(sim)
    assert len(sim.to_frame()) == 0
    for chart in (wb.charts.heat, wb.charts.throttling, wb.charts.partitions):
        with pytest.raises(ValueError, match="interrupted before its first second"):
            chart(sim)


def _interrupt(second):
    raise KeyboardInterrupt


# What is refused


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: keyed([0.5, 0.4], 10), "sum to 0.9, not to 1"),
        (lambda: keyed([0.5, -0.5, 1.0], 10), "a number from 0 to 1"),
        (lambda: keyed([], 10), "a share for each key"),
        (lambda: keyed([1.0], -10), "rate of -10/s"),
        (lambda: keyed([1.0], inf), "rate of inf/s"),
        (lambda: simulate(keyed([1.0], 10), "0h"), "less than one second"),
        (lambda: simulate(keyed([1.0], 10), 60, "sawtooth"), "there are constant"),
        (lambda: simulate(keyed([1.0], 10), 600, [(0, 1), (60, 1)]), "covers 120 s"),
        (lambda: simulate(keyed([1.0], 10), 60, {"other": "step"}), "no access pattern 'other' with a rate"),
        (lambda: simulate(keyed([1.0], 10), 60, clients={"other": Retries()}), "no access pattern 'other'"),
        (lambda: simulate(keyed([1.0], 10), 60, start="lukewarm"), "'cold', 'warm', or a Start"),
        (lambda: simulate(keyed([1.0], 10), 60, counts="exact"), "'poisson' or 'fluid'"),
        (lambda: simulate(keyed([1.0], 10), 60, interval_s=0), "whole seconds"),
        (lambda: simulate(keyed([1.0], 10), 60, capacity={"read": 5}), "capacity="),
        (lambda: simulate(keyed([1.0], 10), 60, None), "load None: there are constant"),
        (lambda: simulate(keyed([1.0], 10), 60, 3), "load 3: there are constant"),
        (lambda: simulate(keyed([1.0], 10), 60, seed=-1), "seed=-1: a whole number from 0"),
        (lambda: simulate(keyed([1.0], 10), 60, hash_seed="x"), "hash_seed='x': a whole number from 0"),
        (lambda: simulate(keyed([1.0], 10), 60, profile={}), "profile={} is no profile"),
        (lambda: simulate("flights.yaml"), r'give wb.load_design\("flights.yaml"\)'),
        (lambda: simulate(None), "None is no design"),
        (lambda: simulate(keyed([1.0], 10), inf), "over a year"),
        (lambda: keyed([1.0], 10, units=-5), "units=-5: the units of a request are a finite number above 0"),
        (lambda: keyed([1.0], 10, units=float("nan")), "units=nan"),
        (lambda: keyed([1.0], 10, kind="writes"), "kind='writes': either 'read' or 'write'"),
        (lambda: keyed([1.0], "10"), "a rate of '10'/s"),
        (lambda: replace(PROFILE, partition_write_units=0), "partition_write_units=0; a number above 0"),
        (lambda: replace(PROFILE, burst_s="long"), "burst_s='long'; a number from 0"),
        (lambda: wb.charts.heat(simulate(keyed([1.0], 10), 60), kind="foo"), "kind='foo': either 'read' or 'write'"),
        (lambda: Start(partitions=0), "at least 1"),
        (lambda: Start(partitions=2.5), "a whole number of them"),
        (lambda: Start(previous_peak={"write": -1}), "finite number from 0"),
        (lambda: Start(previous_peak={"write": "many"}), "finite number from 0"),
        (lambda: Start(previous_peak={"writes": 8000}), "previous_peak has 'writes'; it is by kind"),
        (lambda: Start(warm={"wcu": 5}), "warm has 'wcu'; it is by kind"),
        (lambda: Start(warm=5000), "warm has 5000; it is by kind"),
        (lambda: ClosedLoop(0), "at least 1 thread"),
        (lambda: Retries(0), "at least 1 attempt"),
        (lambda: Retries(2.5), "whole number of attempts"),
        (lambda: ClosedLoop(float("nan")), "whole number of them"),
        (lambda: ClosedLoop(True), "whole number of them"),
        (lambda: simulate(keyed([1.0], 10), 60, retries=True), "a number of attempts, as 3"),
        (lambda: simulate(keyed([1.0], 10), 60, retries=0), "at least 1 attempt"),
        (lambda: simulate(keyed([1.0], 10), 60, retries=ClosedLoop(3)), "a number of attempts, as 3"),
        (lambda: simulate(keyed([1.0], 10), 60, clients=3), "neither Retries"),
        (lambda: simulate(keyed([1.0], 10), 60, clients={"requests": 3}), "clients of requests: 3 is neither"),
        (lambda: simulate(keyed([1.0], 10), 60, clients=ClosedLoop(3), retries=Retries(3)), "one of them"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_design_or_table_without_a_load_is_refused():
    with pytest.raises(ValueError, match="has no access patterns with a rate: give one a rate, as 20/s"):
        simulate(designs.design("fields: {PK: {count: 3}, SK: {count: 2}}\nentities: {E: {items: all}}"))
    design = wb.load_design(designs.SHIPPED / "sessions_simple.yaml")
    with pytest.raises(ValueError, match="no table 'Other'; its tables are Sessions, WebhookEvents"):
        simulate(design, table="Other")
    with pytest.raises(ValueError, match="table Sessions has no access patterns with a rate"):
        simulate(design, table="Sessions", patterns=["record-webhook"])
    with pytest.raises(ValueError, match="no access pattern 'nothing'"):
        simulate(design, patterns=["nothing"])


@pytest.mark.parametrize("rate", [-5.0, inf, float("nan")])
def test_a_rate_that_cannot_be_is_refused_however_the_design_was_made(rate):
    design = wb.load_design(designs.SHIPPED / "sessions_simple.yaml")
    pattern = design.access_patterns["create-session"].model_copy(update={"rate": rate, "peak": None})
    wrong = design.model_copy(update={"access_patterns": {"create-session": pattern}})
    with pytest.raises(ValueError, match="create-session"):
        simulate(wrong, 60)
