"""The hash ring: the placement seen on the service, contiguous ranges, and which items share a key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import load
from workbench.designfile import load_design, parse_design
from workbench.entries import IndexSchema, index_entry
from workbench.items import generate_items
from workbench.ring import PartitionKeys, entry_sizes, is_in, key_bytes, key_hash, keys_of, partition_of
from workbench.sizes import item_size

HASH_VECTORS = [vector for vector in load() if vector["kind"] in ("hash_order", "scan_segment")]
KINDS = {"S": str, "N": lambda text: __import__("decimal").Decimal(text)}

INDEXED = """
name: indexed
tables:
  Accounts:
    partition_key: pk
    sort_key: sk
    gsi:
      ByState: {partition_key: [region, state], sort_key: at, projection: [note]}
      KeysOnly: {partition_key: state, projection: KEYS_ONLY}
    lsi:
      ByTime: {sort_key: at}
fields:
  account: {count: 40, format: "a-{:03}"}
  order: {per: account, count: 3}
entities:
  Account: {key: {pk: "A#{account}", sk: PROFILE}, attributes: {name: name}}
  Order:
    key: {pk: "A#{account}", sk: "O#{order}"}
    attributes:
      region: [EU, US]
      state: {choice: {OPEN: 20%, DONE: 80%}, present: 60%}
      at: timestamp(-1y..now)
      note: text(5..50)
      bulk: text(500)
access_patterns:
  orders: {operation: Query, entity: Order, key_condition: pk = :pk, rate: 1/s}
"""


@pytest.fixture(scope="module")
def indexed():
    return generate_items(parse_design(INDEXED))


@pytest.mark.parametrize("vector", HASH_VECTORS, ids=lambda vector: vector["id"])
def test_keys_stand_on_the_ring_as_the_service_scans_them(vector):
    # dynalite's tests, which also run against the service, know this order
    given_, kind = vector["input"], KINDS[vector["input"]["type"]]
    if vector["kind"] == "hash_order":
        assert sorted(given_["keys"], key=lambda key: key_hash(kind(key))) == vector["expected"]
    else:
        place = [key_hash(kind(given_["key"])) >> 64]
        assert partition_of(place, given_["TotalSegments"]).tolist() == [vector["expected"]]


def test_text_and_the_bytes_of_it_hash_alike_and_numbers_do_not():
    assert key_hash("1") == key_hash(b"1") != key_hash(1)
    assert key_hash(1) == key_hash(1.0)
    assert key_hash(("EU", "OPEN")) == key_hash("EUOPEN")  # the parts of a key are hashed together


@pytest.mark.parametrize("value", [True, None, ["a"]])
def test_what_cannot_be_a_key_has_no_place(value):
    with pytest.raises(TypeError, match="is no key value: a key is text, a number or binary"):
        key_bytes(value)


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**20))
def test_a_partition_is_its_range_of_the_ring_exactly(place, partitions):
    assert partition_of([place], partitions).tolist() == [place * partitions >> 64]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(1, 5000))
def test_a_split_in_two_moves_no_key_out_of_its_range(places, partitions):
    halves = partition_of(places, 2 * partitions)
    assert (halves // 2 == partition_of(places, partitions)).all()
    assert (np.diff(partition_of(sorted(places), partitions)) >= 0).all()


def test_a_table_has_at_least_one_partition():
    with pytest.raises(ValueError, match="partitions=0: a table has at least 1"):
        partition_of([0], 0)


def test_random_keys_fall_on_partitions_evenly():
    # 40,000 keys on 8 partitions: a binomial of mean 5,000 and standard deviation 66
    counts = np.bincount(partition_of([key_hash(f"user-{i}") >> 64 for i in range(40_000)], 8))
    assert abs(counts - 5000).max() < 4 * 66


def test_a_seed_gives_another_ring_and_the_same_again():
    assert key_hash("a", seed=1) == key_hash("a", seed=1) != key_hash("a", seed=2) != key_hash("a")


def test_entities_that_share_a_key_share_its_number(designs):
    items = generate_items(load_design(designs / "task_board.yaml"))
    keys = PartitionKeys(items, "ClaudeCodeLabDemo")
    for entity in items.entities.values():
        numbers = keys.of[entity.name]
        assert [keys.values[n] for n in numbers[:50]] == [(item["PK"],) for item in entity.take(range(50))]
    assert set(keys.of["Task"]) <= set(keys.of["Project"])
    assert len(set(keys.labels())) == len(keys)


def test_an_index_holds_only_items_that_have_all_of_its_key_attributes(indexed):
    keys = PartitionKeys(indexed, "Accounts", "ByState")
    orders = indexed.entities["Order"]
    taken = orders.take(range(len(orders)))
    assert (keys.of["Account"] == -1).all()
    assert [n >= 0 for n in keys.of["Order"]] == ["state" in item for item in taken]
    assert sorted(keys.labels()) == ["EU, DONE", "EU, OPEN", "US, DONE", "US, OPEN"]


@pytest.mark.parametrize("index", ["ByState", "KeysOnly", "ByTime"])
def test_an_entry_weighs_what_the_index_projects(indexed, index):
    table, orders = indexed.design.tables["Accounts"], indexed.entities["Order"]
    part = table.indexes[index]
    schema = IndexSchema(index, part.kind, part.key_attributes, table.key_attributes, part.projection)
    entries = [index_entry(item, schema) for item in orders.take(range(len(orders)))]
    expected = [item_size(entry) if entry else 0 for entry in entries]
    assert (entry_sizes(orders, part) * is_in(orders, part)).tolist() == expected


def test_the_table_and_index_must_be_known(indexed):
    with pytest.raises(ValueError, match="indexed has no table 'U'; its tables are Accounts"):
        PartitionKeys(indexed, "U")
    with pytest.raises(ValueError, match="table Accounts has no index 'x'; its indexes are ByState, KeysOnly, ByTime"):
        PartitionKeys(indexed, "Accounts", "x")


def test_keys_that_were_made_once_are_those_of_a_new_look_also_after_requests_added_some():
    items = generate_items(parse_design(INDEXED))
    first, again, new = keys_of(items, "Accounts"), keys_of(items, "Accounts"), PartitionKeys(items, "Accounts")
    first.number(("asked for, and nowhere",), add=True)
    assert len(first) == len(new) + 1 and len(again) == len(new)
    for one in (again, first):
        assert one.labels()[: len(new)] == new.labels()
        assert (one.hashes()[: len(new)] == new.hashes()).all()
        assert (one.placed(4)[: len(new)] == partition_of(new.hashes(), 4)).all()
        assert (one.held()[0][: len(new)] == new.held()[0]).all()
    assert first.held()[0][-1] == 0 and len(first.hashes()) == len(first.labels()) == len(first)
