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


def test_an_index_arm_that_should_be_absent_fails():
    item = {"pk": {"S": "a"}, "status": {"S": "open"}}
    index = {"type": "GSI", "name": "g", "keys": ["status"], "projection": "ALL"}
    put = {"op": "PutItem", "schema": {"keys": ["pk"], "indexes": [index]}, "old_item": None, "new_item": item}
    vector = {"id": "x", "kind": "index_write", "input": put, "expected": {"CapacityUnits": 2, "Table": 1}}
    assert not vectors.outcome(vector).passed
    vector["expected"]["GlobalSecondaryIndexes"] = {"g": 1}
    assert vectors.outcome(vector).passed


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
