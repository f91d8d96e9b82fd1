"""Closed forms, against the worked examples of AWS's guide and re:Post, published measurements, and each other."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ceilings import (
    first_throttle,
    index_ceiling,
    noise_throttled,
    served,
    settled_partitions,
    shards_needed,
    shared_partition_chance,
    sustainable_rate,
    throttled_share,
    zipf_share,
)

units = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("exponent", "percent", "thousands_per_s"),
    [(0.8, 1.34, 74.8), (0.99, 6.50, 15.4), (1.2, 19.0, 5.3)],
)
def test_the_hottest_of_a_million_zipf_keys_sets_the_highest_rate_of_writes(exponent, percent, thousands_per_s):
    """1 / the generalised harmonic number: 1.34 %, 6.50 % and 19.0 %, so 74.8k, 15.4k and 5.3k writes a second."""
    share = zipf_share(exponent, 1_000_000)
    assert 100 * share == pytest.approx(percent, abs=0.05 if percent > 10 else 0.005)
    assert sustainable_rate(share, 1.0, 1000) / 1000 == pytest.approx(thousands_per_s, abs=0.06)


def test_an_item_of_20_kb_read_strongly_is_served_600_times_a_second():
    """AWS: bp-partition-key-design; 20 KB are 5 read units."""
    assert sustainable_rate(1.0, 5.0, 3000) == 600


def test_nothing_limits_a_key_that_nobody_asks_for():
    assert sustainable_rate(0.0, 1.0, 1000) == sustainable_rate(0.5, 0.0, 1000) == float("inf")


def test_burst_capacity_carries_the_example_of_aws_for_900_seconds():
    """AWS re:Post: 150 read units a second, idle for five minutes, then 200 a second: 45,000 / 50 = 900 s."""
    assert first_throttle(150, 200) == first_throttle(150, 200, age=300) == 900
    assert first_throttle(150, 200, age=0) == 0
    assert first_throttle(150, 150) == float("inf")


def test_noise_throttles_a_partition_that_is_offered_just_its_limit():
    """Poisson: E[(N - L)+] / mean; 1.26 % at the limit of 1,000, 0.51 % at 98 %, 0.08 % at 95 % of it."""
    assert 100 * noise_throttled(1000) == pytest.approx(1.26, abs=0.005)
    assert 100 * noise_throttled(1000, 0.98) == pytest.approx(0.51, abs=0.005)
    assert 100 * noise_throttled(1000, 0.95) == pytest.approx(0.08, abs=0.006)
    assert noise_throttled(1000, 0.0) == 0.0


def test_noise_agrees_with_drawn_arrivals():
    drawn = np.random.default_rng(1).poisson(970, 400_000)
    assert noise_throttled(1000, 0.97) == pytest.approx(np.maximum(drawn - 1000, 0).sum() / drawn.sum(), rel=0.02)


def test_twenty_thousand_writes_a_second_end_on_56_partitions():
    """Measured: qyjohn/AWS_Tutorials, ForcePartitionSplit (2020): 56 partitions after about an hour."""
    assert settled_partitions(20_000).about == 56
    assert settled_partitions(1) == (1, 1, 1)


def test_a_status_with_three_values_limits_a_table_to_1000_writes_a_second_per_value():
    """AWS: gsi-throttling; index partitions follow the index's key."""
    assert index_ceiling(1 / 3, 1.0) == pytest.approx(3000)
    assert index_ceiling(1 / 3, 2.0) == pytest.approx(1500)


def test_shards_keep_each_under_half_a_partition():
    assert [shards_needed(each, 1000) for each in (500, 501, 1000, 1001)] == [1, 2, 2, 3]
    with pytest.raises(ValueError, match="utilisation=0"):
        shards_needed(10, 1000, utilisation=0)


def test_zipf_needs_a_key_and_an_exponent_from_0():
    assert zipf_share(0, 4) == 0.25
    for wrong in ((1.0, 0), (-0.1, 5)):
        with pytest.raises(ValueError, match="zipf_share"):
            zipf_share(*wrong)


@given(units, st.floats(1, 1e5))
def test_what_is_offered_is_served_or_throttled(offered, limit):
    assert served(offered, limit) == pytest.approx(sum(offered) * (1 - throttled_share(offered, limit)), abs=1e-6)


@given(units, st.floats(1, 1e5), st.floats(1, 3))
def test_the_throttled_share_never_falls_as_the_load_grows(offered, limit, factor):
    more = [factor * each for each in offered]
    assert throttled_share(more, limit) >= throttled_share(offered, limit) - 1e-9


@given(st.floats(0.05, 1), st.floats(0.1, 400), st.sampled_from([1000, 3000]))
def test_at_the_sustainable_rate_the_hottest_key_fills_its_partition(share, each, limit):
    rate = sustainable_rate(share, each, limit)
    assert rate * share * each == pytest.approx(limit)
    assert throttled_share([rate * share * each], limit) == pytest.approx(0, abs=1e-9)


@given(st.integers(1, 60), st.integers(1, 500))
def test_shards_are_likelier_to_meet_the_more_there_are(shards, partitions):
    chances = [shared_partition_chance(n, partitions) for n in range(1, shards + 1)]
    assert chances[0] == 0
    assert all(a <= b for a, b in pairwise(chances))
    assert (chances[-1] == 1) == (shards > partitions) or chances[-1] > 0.999999
