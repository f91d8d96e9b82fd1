"""Every vector of a covered kind passes; the runner says what failed and what it does not cover."""

import json

import pytest

from tests import vectors

VECTORS = vectors.load()
COVERED = [vector for vector in VECTORS if vector["kind"] in vectors.COVERED]


@pytest.mark.parametrize("vector", COVERED, ids=lambda vector: vector["id"])
def test_vector(vector):
    found = vectors.outcome(vector)
    assert found.passed, str(found)


def test_every_check_has_a_vector():
    assert set(vectors.COVERED) == {vector["kind"] for vector in COVERED}


def test_runner_prints_failures_then_kinds_not_covered_then_the_score(tmp_path, capsys):
    right = {"id": "a", "kind": "number_size", "input": {"N": "15"}, "expected": 2, "source": "a page"}
    wrong = {"id": "b", "kind": "number_size", "input": {"N": "1.5"}, "expected": 2, "source": "another page"}
    foreign = {"id": "c", "kind": "weather", "input": {}, "expected": "rain", "source": "the window"}
    path = tmp_path / "some.json"
    path.write_text(json.dumps([right, wrong, foreign]), encoding="utf-8")
    assert vectors.main(path) == 1
    assert capsys.readouterr().out.splitlines() == [
        "FAILED b (number_size)",
        '    input: {"N": "1.5"}',
        " expected: 2",
        "      got: 3",
        "   source: another page",
        "not covered: weather (1)",
        "1 passed, 1 failed",
    ]


def test_a_vector_that_cannot_be_answered_fails_and_says_why():
    found = vectors.outcome({"id": "x", "kind": "number_size", "input": {"N": "seven"}, "expected": 2})
    assert not found.passed
    assert found.got.startswith("ValueError: 'seven' is not a number")


def test_an_open_expectation_accepts_the_recommended_value_only():
    vector = {"id": "x", "kind": "number_size", "input": {"N": "1.5"}, "expected": {"either": [2, 3], "recommended": 3}}
    assert vectors.outcome(vector).passed
    vector["expected"] = {"either": [2, 3], "recommended": 2}
    assert not vectors.outcome(vector).passed


def test_units_of_an_index_that_should_be_absent_fail():
    item = {"pk": {"S": "a"}, "status": {"S": "open"}}
    index = {"type": "GSI", "name": "g", "keys": ["status"], "projection": "ALL"}
    put = {"op": "PutItem", "schema": {"keys": ["pk"], "indexes": [index]}, "old_item": None, "new_item": item}
    vector = {"id": "x", "kind": "index_write", "input": put, "expected": {"CapacityUnits": 2, "Table": 1}}
    assert not vectors.outcome(vector).passed
    vector["expected"]["GlobalSecondaryIndexes"] = {"g": 1}
    assert vectors.outcome(vector).passed


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [  # facts of sections 3.1 to 3.6 in other words
        ("burst", {"provisioned_rcu": 150, "demand_per_s": 200, "idle_seconds": 300}, {"seconds_until_throttle": 900}),
        ("burst", {"rcu": 150, "consumption_per_s": 200}, {"bucket_units": 45_000}),
        ("hot_key_reads", {"item_kb": 20, "consistency": "strong"}, {"max_reads_per_second": 600}),
        ("hot_key_reads", {"item_bytes": 20_480, "transactional": True}, {"max_reads_per_second": 300}),
        ("initial_partitions", {"rcu": 10, "wcu": 10, "size_gb": 25}, {"partitions": 3}),
        ("initial_partitions_classic", {"rcu": 10, "wcu": 10, "size_bytes": 25 * 2**30}, {"partitions": 3}),
        ("partition_split_allocation", {"table_wcu": 6_000}, {"partitions": 8, "per_partition_wcu": 750}),
        ("on_demand_instant_capacity", {"previous_peak": {"read": 50_000}}, {"read": 100_000}),
        ("on_demand_instant_capacity", {"previous_peak_reads": 7_000}, {"instant": 14_000}),
        ("on_demand_instant_capacity", {"previous_peak_wru": 3_000}, {"instant": 6_000}),
        ("on_demand_instant_capacity", {"previous_peak": 3_000, "warm": 9_000}, {"instant": 9_000}),
        ("on_demand_initial", {"provisioned_ever": {"wcu": 1_000, "rcu": 24_000}}, {"write": 4_000, "read": 24_000}),
        ("on_demand_initial", {"provisioned_ever": {"wcu": 5_000, "rcu": 100}}, {"write": 5_000, "read": 12_000}),
        ("warm_throughput", {"warm_read": 30_000, "set_provisioned": {"rcu": 50_000}}, {"warm_read": 50_000}),
        ("warm_throughput", {"warm": {"read": 12_000}, "previous_peak": {"read": 20_000}}, {"warm_read": 40_000}),
        ("effective_limit", {"warm_read": 30_000, "max_read_request_units": -1}, {"limit": 30_000}),
        ("effective_limit", {"warm": {"read": 30_000}, "max": {"read": 5_000}}, {"limit": 5_000}),
        ("decrease_quota", {"days": 1}, {"max_decreases": 27}),
        ("scan_segment", {"type": "S", "key": "3635", "total_segments": 4096}, 0),
    ],
)
def test_a_vector_may_be_written_in_other_words(kind, source, expected):
    found = vectors.outcome({"id": "x", "kind": kind, "input": source, "expected": expected})
    assert found.passed, str(found)


def test_a_switched_table_is_held_to_no_less_than_a_new_one():
    vector = {"id": "x", "kind": "on_demand_initial", "input": {"provisioned_ever": {"wcu": 5_000, "rcu": 100}}}
    assert not vectors.outcome({**vector, "expected": {"read": 12_001}}).passed
    assert vectors.outcome({**vector, "expected": {"read": 100}}).passed  # as AWS prints: at least what it had


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        ("cost_month", {"wru": 1, "electricity": 3}, "electricity: 3 is no amount"),
        ("cost_month", {"wcu": 1, "reserved": "5yr"}, "'5yr' is no term"),
        ("iam_eval", {"statement": {}, "request": {"action": "GetItem", "leading_kees": ["a"]}}, "is no condition key"),
    ],
)
def test_a_name_that_means_nothing_is_refused_rather_than_left_out(kind, source, said):
    found = vectors.outcome({"id": "x", "kind": kind, "input": source, "expected": {}})
    assert not found.passed and said in found.got


@pytest.mark.parametrize("keys", [{"leading_keys": ["u2"]}, {"LeadingKeys": ["u2"]}, {"dynamodb:LeadingKeys": ["u2"]}])
def test_condition_keys_are_read_in_each_spelling(keys):
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["u1"]}}
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": condition}
    source = {"statement": statement, "request": {"action": "GetItem", **keys}}
    assert vectors.outcome({"id": "x", "kind": "iam_eval", "input": source, "expected": "implicit-deny"}).passed


@pytest.mark.parametrize(
    ("source", "dollars"),
    [  # us-east-1 list prices; a year's reservation takes off at most 54 % (Developer Guide: reserved-capacity)
        ({"rWRU": 3_000_000}, 1.875),
        ({"wcu": 100, "hours": 730, "reserved": "1yr"}, 21.827),
        ({"wcu": 100, "hours": 730, "reserved_discount": 0.77}, 10.9135),
        ({"kinesis_cdc_units": 10_000_000}, 1.0),
    ],
)
def test_amounts_are_priced_in_each_spelling(source, dollars):
    assert vectors.COVERED["cost_month"](source)["usd"] == pytest.approx(dollars)
