"""Shards of a hot key: how many, what they cost, what they do to the load, and code that works."""

import zlib
from decimal import Decimal

import numpy as np
import pytest
from boto3.dynamodb.types import TypeSerializer

import workbench as wb
from tests.designs import SHIPPED, design
from workbench.keyreport import key_report
from workbench.sharding import rate_with_shards, shard_code, sharded_load, sharding
from workbench.simulation import simulate
from workbench.workload import workload

EVENTS = """\
tables: {Events: {partition_key: source, sort_key: event}}
fields:
  source: {count: 20, format: "s-{:02}", popularity: top(75%)}
  event: {per: source, count: 50, type: ulid}
entities: {Event: {size: 500 B}}
access_patterns:
  put: {operation: PutItem, entity: Event, rate: 2_000/s}
  list: {operation: Query, entity: Event, key_condition: "#source = :source", rate: 10/s}
  get: {operation: GetItem, entity: Event, rate: 10/s}
"""


@pytest.fixture(scope="module")
def items():
    return wb.generate_items(design(EVENTS))


@pytest.fixture(scope="module")
def one(items):
    return key_report(items)["Events"]


def test_the_hottest_key_gets_as_many_shards_as_keep_each_at_half_a_partition(one):
    found = sharding(one)
    assert (found.key, found.shards, found.unit) == ("s-01", 3, "WU")  # 1,500 / 500
    assert found.units_per_s == pytest.approx(1500)
    assert 0 < found.together <= 1
    assert "3 shards get 500 each, 50 % of a partition's limit" in found.finding
    (read,) = found.reads
    assert (read.pattern, read.queries) == ("list", 3)
    assert list(found.to_frame()["queries"]) == [3]


def test_a_key_that_one_partition_serves_needs_none(one):
    found = sharding(one, "s-05")
    assert found.shards == 1
    assert "needs no shards" in found.finding


@pytest.mark.parametrize("shards", [2, 3, 7])
def test_the_load_is_kept_and_divided(items, one, shards):
    before, after = workload(items), sharded_load(workload(items), one, "s-01", shards)
    (old,), (new,) = before.rings, after.rings
    assert new.count == old.count + shards - 1
    assert len(new.hashes(None)) == len(set(new.hashes(None).tolist())) == new.count
    labels = [new.label(n) for n in range(new.count)]
    assert sorted(label for label in labels if label.startswith("s-01#")) == [f"s-01#{n}" for n in range(shards)]
    by_pattern = {before.patterns[s.pattern].name: (s, t) for s, t in zip(old.streams, new.streams, strict=True)}
    for name, (was, now) in by_pattern.items():
        mine = [n for n, label in enumerate(labels) if label.startswith("s-01#")]
        requests = {n: float(now.requests[now.keys == n].sum()) for n in mine}
        whole = now.total_requests - was.total_requests
        assert len({round(r, 9) for r in requests.values()}) == 1, "each shard alike"
        if name == "list":  # a Query for each of the shards, where there was one
            assert whole == pytest.approx(float(np.mean(list(requests.values()))) * (shards - 1))
        else:
            assert whole == pytest.approx(0, abs=1e-9)
            assert now.total_units == pytest.approx(was.total_units)


def test_shards_end_the_throttling_in_the_simulation(items, one):
    work = workload(items)
    hot, cool = (simulate(w, "4min", seed=3) for w in (work, sharded_load(work, one, "s-01", 6)))
    assert hot.throttled_share > 0.99 * 500 / 2020  # and what shares its partition
    assert cool.throttled_share < 0.4 * hot.throttled_share  # what is left are shards that share a partition at first
    assert rate_with_shards(one, sharding(one, shards=6)) > 5 * one.by_keys


def test_one_shard_changes_nothing(items, one):
    work = workload(items)
    assert sharded_load(work, one, "s-01", 1) is work


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": "s-99"}, "Events has no key 's-99'; the busiest are s-01"),
        ({"shards": 0}, "shards=0: a whole number from 1 to 1,000"),
        ({"shards": 2.5}, "shards=2.5"),
        ({"shards": 1001}, "shards=1001"),
    ],
)
def test_shards_that_cannot_be_are_refused(one, options, words):
    with pytest.raises(ValueError, match=words):
        sharding(one, **options)


def test_an_idle_table_has_no_hot_key():
    idle = key_report(design(EVENTS.replace(", rate: 2_000/s", "").replace(", rate: 10/s", "")))["Events"]
    with pytest.raises(ValueError, match="so no key is hot"):
        sharding(idle)


# The code


def serialized(value):
    """The value as a request has it."""
    return TypeSerializer().serialize(value)


class Pages:
    """What a table's `query` gives: the items of one key in pages of two."""

    def __init__(self, items):
        self.items, self.asked = items, []

    def query(self, **asked):
        self.asked.append(asked)
        key = asked["KeyConditionExpression"].get_expression()["values"][1]
        mine = sorted((i for i in self.items if i["PK"] == key), key=lambda i: i["SK"])
        begin = int(asked.get("ExclusiveStartKey", 0))
        more = {"LastEvaluatedKey": begin + 2} if begin + 2 < len(mine) else {}
        return {"Items": mine[begin : begin + 2], **more}


def test_the_code_writes_to_and_reads_from_all_shards_in_order():
    names: dict = {}
    exec(shard_code("PK", "SK", 3), names)
    items = [{"PK": names["sharded"]("HOT", f"{n:03}"), "SK": f"{n:03}"} for n in range(25)]
    assert {item["PK"] for item in items} == {"HOT#0", "HOT#1", "HOT#2"}
    assert items[5]["PK"] == f"HOT#{zlib.crc32(b'005') % 3}"
    table = Pages([*items, {"PK": "HOTTER#0", "SK": "000"}])
    assert [item["SK"] for item in names["query_shards"](table, "HOT", ConsistentRead=True)] == [
        f"{n:03}" for n in range(25)
    ]
    assert all(asked["ConsistentRead"] for asked in table.asked)


def test_the_code_for_an_index_names_it_and_needs_no_order_without_a_sort_key():
    names: dict = {}
    exec(shard_code("PK", None, 2, "byOwner"), names)
    table = Pages([{"PK": "A#0", "SK": "1"}, {"PK": "A#1", "SK": "2"}])
    assert len(list(names["query_shards"](table, "A"))) == 2
    assert {asked["IndexName"] for asked in table.asked} == {"byOwner"}


def test_shards_of_a_number_are_numbers_that_no_other_key_has():
    names: dict = {}
    exec(shard_code("PK", "SK", 4, key_type="N"), names)
    shards = [names["shard_of"](key, shard) for key in (-2, 0, 7, 8, Decimal(9)) for shard in range(4)]
    assert len(set(shards)) == 20
    assert all(serialized(shard) == {"N": str(shard)} for shard in shards)
    items = [{"PK": names["sharded"](7, f"{n:03}"), "SK": f"{n:03}"} for n in range(25)]
    table = Pages([*items, {"PK": names["sharded"](8, "000"), "SK": "000"}])
    assert [item["SK"] for item in names["query_shards"](table, 7)] == [f"{n:03}" for n in range(25)]


def test_shards_of_bytes_are_bytes():
    names: dict = {}
    exec(shard_code("PK", "SK", 3, key_type="B"), names)
    assert serialized(names["shard_of"](b"\x00\xff", 2)) == {"B": b"\x00\xff#2"}


def test_a_design_with_numbers_as_keys_gets_code_for_numbers():
    made = design(EVENTS.replace('count: 20, format: "s-{:02}"', "count: 20, type: integer"))
    found = wb.whatif.shards(made, "Events", seeds=1, duration="2min", load="constant")
    names: dict = {}
    exec(found.code, names)
    assert list(serialized(names["sharded"](5, "a"))) == ["N"]


def test_a_design_that_ships_is_sharded_by_its_own_attribute_names():
    found = wb.whatif.shards(wb.load_design(SHIPPED / "flights.yaml"), "FlightsByDay", seeds=1, duration="8min")
    assert 'Key("day_key")' in found.code
    assert 'item["departure"]' in found.code
