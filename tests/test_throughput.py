"""Throughput: the worked examples of AWS's documentation, buckets, and auto scaling."""

import numpy as np
import pytest

from workbench.ceilings import first_throttle
from workbench.profile import PROFILE, Profile
from workbench.throughput import (
    REASONS,
    AutoScaler,
    TableBucket,
    admitted,
    decreases_allowed,
    effective_limit,
    on_demand_units,
    partitions_for,
)


def test_the_service_has_sixteen_reasons():
    """API_ThrottlingReason, since August 2025: table or index, read or write, four causes."""
    assert len(set(REASONS)) == 16
    assert "IndexWriteMaxOnDemandThroughputExceeded" in REASONS


def test_a_bucket_saves_three_hundred_seconds_and_no_more():
    bucket = TableBucket([(150.0, 300.0, "ProvisionedThroughputExceeded")])
    for _ in range(400):
        bucket.refill()
    assert bucket.saved() == 150 * 301  # 300 seconds' worth, and that of the present second
    seconds = 0
    while bucket.available()[0] >= 200:
        bucket.spend(200)
        bucket.refill()
        seconds += 1
    assert seconds == 900 == first_throttle(150, 200)  # re:Post: 45,000 units last 900 s at 50/s above the rate


def test_the_tightest_limit_names_the_reason():
    bucket = TableBucket([(4000.0, 0.0, "KeyRangeThroughputExceeded"), (100.0, 0.0, "MaxOnDemandThroughputExceeded")])
    bucket.refill()
    assert bucket.available() == (100.0, "MaxOnDemandThroughputExceeded")


def test_a_hot_partition_uses_what_the_table_leaves_up_to_its_own_limit():
    """burst-adaptive-capacity: 400 write units on 4 partitions serve 50, 50, 50 and 150."""
    assert admitted([50, 50, 50, 150], 1000, 400).sum() == 300
    assert admitted([50, 50, 50, 350], 1000, 400) == pytest.approx(np.array([50, 50, 50, 350]) * 0.8)


@pytest.mark.parametrize(
    ("read", "write", "size", "rule", "count"),
    [
        (0, 0, 0, "sum", 1),
        (3000, 1000, 0, "sum", 2),
        (3000, 1000, 0, "max", 1),
        (3001, 0, 0, "max", 2),
        (1, 1, 10 * 2**30 + 1, "max", 2),
    ],
)
def test_partitions_for_units_and_bytes(read, write, size, rule, count):
    assert partitions_for(read, write, size, rule=rule) == count


@pytest.mark.parametrize("bad", [-1, float("inf"), float("nan")])
def test_partitions_for_units_that_cannot_be(bad):
    with pytest.raises(ValueError, match="write="):
        partitions_for(0, bad)


def test_an_on_demand_table_serves_twice_its_peak_up_to_its_quota():
    assert on_demand_units("write", 3000) == 6000
    assert on_demand_units("write", 30_000) == 40_000
    assert on_demand_units("write", warm=9000) == 9000
    assert on_demand_units("write", 1000) == 4000


def test_capacity_is_raised_after_two_minutes_above_the_target():
    scaler = AutoScaler(5, 400, 0.7)
    assert scaler.watch(80, 100, 1) is None
    assert scaler.watch(80, 100, 2) == 115  # 80 / 70 %, rounded up
    assert scaler.watch(70, 100, 3) is None


def test_capacity_is_lowered_after_fifteen_minutes_below_it():
    scaler = AutoScaler(5, 400, 0.7)
    found = [scaler.watch(10, 100, minute) for minute in range(15)]
    assert found == [None] * 14 + [15]


def test_capacity_stays_between_its_bounds():
    assert [AutoScaler(5, 90, 0.7).watch(500, 90, m) for m in range(5)] == [None] * 5
    scaler = AutoScaler(20, 90, 0.7)
    assert [scaler.watch(1, 50, m) for m in range(15)][-1] == 20


def test_decreases_are_used_up():
    """ServiceQuotas: four decreases in the first hour, then one an hour, 27 in a day."""
    assert [decreases_allowed(hours) for hours in (1, 2, 3, 24)] == [4, 5, 6, 27]
    scaler = AutoScaler(1, 400, 0.7)
    capacity, minutes = 400.0, []
    for minute in range(24 * 60):
        lowered = scaler.watch(capacity * 0.3, capacity, minute)
        if lowered:
            capacity, minutes = 400.0, [*minutes, minute]
    assert len(minutes) == 27
    assert sum(minute - minutes[0] < 60 for minute in minutes) == 4


def test_parameters_say_what_they_rest_on():
    assert PROFILE.basis("partition_write_units") == "documented"
    assert PROFILE.basis("split_utilisation") == "measured"
    assert PROFILE.basis("new_bucket_s") == "assumed"


@pytest.mark.parametrize("wrong", [{"burst_s": -1}, {"split_hold_s": float("inf")}, {"split_delay_least_s": 900}])
def test_a_profile_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="profile"):
        Profile(**wrong)


@pytest.mark.parametrize(
    ("read", "write", "served"),
    [
        (24_000, 1_000, {"read": 24_000, "write": 4_000}),  # each kind by itself
        (100, 5_000, {"read": 12_000, "write": 5_000}),
        (24_000, 8_000, {"read": 24_000, "write": 8_000}),  # bp-switching-capacity-modes prints this one
        (12_000, 4_000, {"read": 12_000, "write": 4_000}),
        (12_001, 4_001, {"read": 12_001, "write": 4_001}),
    ],
)
def test_a_table_switched_to_on_demand_serves_no_less_than_a_new_one(read, write, served):
    assert {"read": on_demand_units("read", warm=read), "write": on_demand_units("write", warm=write)} == served


def test_a_maximum_of_minus_one_is_none():
    assert effective_limit(30_000, -1) == effective_limit(30_000) == 30_000
    assert effective_limit(30_000, 1) == 1


@pytest.mark.parametrize("maximum", [0, 0.5, -2, float("nan")])
def test_a_maximum_below_one_unit_is_refused(maximum):
    with pytest.raises(ValueError, match="at least 1 unit a second; -1 removes it"):
        effective_limit(30_000, maximum)
