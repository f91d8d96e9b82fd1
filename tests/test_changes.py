"""What writes do to items, in columns: against the same items as dictionaries, charged one by one by `capacity`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import capacity
from workbench.changes import change, entry_units, members, stored_places, table_units
from workbench.columns import Maps, Numbers, Pooled, constant
from workbench.designfile import parse_design
from workbench.entries import IndexSchema
from workbench.items import Items, generate_items
from workbench.picks import new_items
from workbench.sizes import item_size, value_size
from workbench.text_columns import Texts
from workbench.updates import unequal

DESIGN = """
name: changes
tables:
  Things:
    partition_key: PK
    sort_key: SK
    gsi:
      ByState: {partition_key: state, sort_key: due}
      ByOwner: {partition_key: owner, sort_key: SK, projection: [title, n]}
      ByFlag: {partition_key: flag, projection: KEYS_ONLY}
    lsi:
      ByRank: {sort_key: rank, projection: [place]}
fields:
  box: {count: 12, format: "b{:03}"}
  thing: {per: box, count: 5..20, format: "t{:04}"}
  person: {count: 9, format: "u{:03}"}
  friend: {of: person}
entities:
  Thing:
    key: {PK: "BOX#{box}", SK: "THING#{thing}", owner: "{person}"}
    attributes:
      state: {choice: {OPEN: 60%, DONE: 40%}, new: OPEN}
      due: date(-5d..now)
      rank: {type: text(5), present: 70%}
      flag: {choice: [red, green], present: 30%}
      title: text(10..1500)
      n: 90..110
      price: 1.00..99.99
      seen: {type: epoch(-9d..now), present: 50%}
      note: {type: text(5..900), present: 50%}
      tags: {set: {type: word}, length: 1..4}
      journal: {list: {type: text(10..60)}, length: 1..5}
      place: {map: {city: city, zip: {type: text(5), present: 50%}}}
    size: 300..5000
  Follow:
    key: {PK: "USER#{person}", SK: "FOLLOWS#{friend}"}
    items: all
    attributes: {weight: text(1..3000), state: {choice: [A, B], present: 50%}, due: date(-5d..now)}
access_patterns:
  put: {operation: PutItem, entity: Thing}
  put-the-same: {operation: PutItem, entity: Thing, target: existing}
  put-over: {operation: PutItem, entity: Follow}
  drop: {operation: DeleteItem, entity: Thing}
  drop-nothing: {operation: DeleteItem, entity: Thing, target: missing}
  retitle: {operation: UpdateItem, entity: Thing, update: SET title = :title}
  restate: {operation: UpdateItem, entity: Thing, update: "SET #state = :state, #flag = :flag"}
  close: {operation: UpdateItem, entity: Thing, update: "SET #state = :d", values: {d: DONE}}
  keep: {operation: UpdateItem, entity: Thing, update: "SET #state = :state", condition: "#state = :state"}
  give: {operation: UpdateItem, entity: Thing, update: "SET #owner = :o", values: {o: "{friend}"}}
  name-it: {operation: UpdateItem, entity: Thing, update: "SET title = :t", values: {t: "{box} of {person}"}}
  count: {operation: UpdateItem, entity: Thing, update: ADD n :one, values: {one: 1}}
  discount: {operation: UpdateItem, entity: Thing, update: SET price = price - :c, values: {c: 0.5}}
  see: {operation: UpdateItem, entity: Thing, update: SET seen = :now}
  first-seen: {operation: UpdateItem, entity: Thing, update: "SET seen = if_not_exists(seen, :now), n = n + :k",
               values: {k: 7}}
  rank: {operation: UpdateItem, entity: Thing, update: "SET #rank = if_not_exists(#rank, :r)", values: {r: zzzzz}}
  copy: {operation: UpdateItem, entity: Thing, update: "SET #copy = title, city = place.city"}
  grow: {operation: UpdateItem, entity: Thing, update: "SET extra = :x", values: {x: {type: text(100..3000)}}}
  shrink: {operation: UpdateItem, entity: Thing, update: "REMOVE note, flag, #rank"}
  move: {operation: UpdateItem, entity: Thing, update: "SET place.city = :c, place.country = :d REMOVE place.zip",
         values: {c: {type: text(600)}, d: Norway}}
  upsert: {operation: UpdateItem, entity: Thing, target: missing, update: "SET title = :title, flag = :f",
           values: {f: red}}
  together:
    operation: TransactWriteItems
    actions: [{operation: Update, entity: Thing, update: "SET #state = :d", values: {d: DONE}}]
"""
# What cannot be followed in columns: only its size is known.
SIZED = """
  append: {operation: UpdateItem, entity: Thing, update: "SET journal = list_append(journal, :l)",
           values: {l: {list: {type: text(400)}, length: 2}}}
  tag: {operation: UpdateItem, entity: Thing, update: "ADD tags :t", values: {t: {set: {type: uuid}, length: 3}}}
  untag: {operation: UpdateItem, entity: Thing, update: "DELETE tags :tags"}
  first-page: {operation: UpdateItem, entity: Thing, update: "SET journal[0] = :x", values: {x: x}}
"""
WRITES = list(parse_design(DESIGN).access_patterns)


@pytest.fixture(scope="module")
def items() -> Items:
    return generate_items(parse_design(DESIGN + SIZED))


def changed(items: Items, name: str):
    """The change of a pattern's one member, with the entity's items for those that exist."""
    pattern = items.design.access_patterns[name]
    (member,) = members(items, pattern)
    entity = items.entities[member.entity]
    if member.is_new:
        entity = new_items(items, pattern, member.entity, 300, np.random.default_rng(7))
    return pattern, member, change(items, pattern, member, entity)


def images(done) -> list[tuple[dict | None, dict | None]]:
    """Before and after, as dictionaries."""
    every = np.arange(len(done.before))
    taken = [entity.take(every) for entity in (done.before, done.after)]
    return [
        (old if was else None, new if now else None)
        for old, new, was, now in zip(*taken, done.was, done.now, strict=True)
    ]


def schema(table, index) -> IndexSchema:
    return IndexSchema(index.name, index.kind, index.key_attributes, table.key_attributes, index.projection)


@pytest.mark.parametrize("name", WRITES)
def test_each_item_is_charged_in_columns_as_it_is_alone(items, name):
    pattern, member, done = changed(items, name)
    table = done.before.table
    schemas = [schema(table, index) for index in table.indexes.values()]
    transactional = pattern.operation == "TransactWriteItems"
    single = [capacity.write_cost(old, new, schemas, transactional=transactional) for old, new in images(done)]
    assert table_units(pattern, member, done).tolist() == [units.table for units in single]
    for index in table.indexes.values():
        units = sum(entry_units(pattern, member, done, index))
        assert units.tolist() == [{**one.gsi, **one.lsi}.get(index.name, 0.0) for one in single], index.name


@pytest.mark.parametrize(
    ("name", "was", "now"),
    [
        ("put", False, True),
        ("drop", True, False),
        ("drop-nothing", False, False),
        ("upsert", False, True),
        ("retitle", True, True),
    ],
)
def test_a_new_item_is_absent_before_and_a_deleted_one_after(items, name, was, now):
    _, _, done = changed(items, name)
    assert set(done.was.tolist()) == {was}
    assert set(done.now.tolist()) == {now}


def test_an_update_of_nothing_creates_the_key_and_what_it_sets(items):
    _, _, done = changed(items, "upsert")
    assert {frozenset(after) for _, after in images(done)} == {frozenset({"PK", "SK", "title", "flag"})}


def test_a_put_of_a_key_that_exists_replaces_the_item_that_has_it(items):
    _, _, done = changed(items, "put-over")
    assert done.was.all()  # all combinations exist, so that each put meets one
    for old, new in images(done):
        assert (old["PK"], old["SK"]) == (new["PK"], new["SK"])
    fresh = new_items(items, items.design.access_patterns["put"], "Thing", 50, np.random.default_rng(7))
    assert (stored_places(items, fresh) == -1).all()


def test_constants_and_counts_are_written_as_the_design_states_them(items):
    before, after = zip(*images(changed(items, "first-seen")[2]), strict=True)
    assert {new["n"] - old["n"] for old, new in zip(before, after, strict=True)} == {7}
    assert all(new["seen"] == old.get("seen", items.now) for old, new in zip(before, after, strict=True))
    assert {new["state"] for _, new in images(changed(items, "close")[2])} == {"DONE"}


def sizes_of(items, name):
    _, _, done = changed(items, name)
    return done.before.sizes, done.after.sizes


def test_what_is_appended_adds_its_elements(items):
    """An element of a list costs its bytes and 1 (capacity-unit-calculations)."""
    before, after = sizes_of(items, "append")
    assert (after - before == 2 * (400 + 1)).all()


def test_what_is_added_to_a_set_adds_its_bytes(items):
    before, after = sizes_of(items, "tag")
    assert (after - before == 3 * 36).all()


@pytest.mark.parametrize("name", ["untag", "first-page"])
def test_a_change_inside_of_lists_and_sets_counts_as_a_change_of_the_same_size(items, name):
    before, after = sizes_of(items, name)
    assert (before == after).all()
    pattern, member, done = changed(items, name)
    by_state, by_flag = (done.before.table.indexes[index] for index in ("ByState", "ByFlag"))
    assert (sum(entry_units(pattern, member, done, by_state)) == table_units(pattern, member, done)).all()
    assert not sum(entry_units(pattern, member, done, by_flag)).any()  # KEYS_ONLY


def test_sizes_after_an_update_are_those_of_the_items(items):
    for name in ("retitle", "move", "shrink", "grow", "copy", "discount"):
        _, _, done = changed(items, name)
        assert done.after.sizes.tolist() == [item_size(new) for _, new in images(done)], name


# Comparing columns


@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99), st.booleans(), st.booleans()), min_size=1))
def test_values_differ_where_they_or_their_presence_do(drawn):
    one, other, has_one, has_other = (np.array(column) for column in zip(*drawn, strict=True))
    numbers = Numbers(has_one.astype(bool), one.astype(np.int64))
    pool = list(range(-99, 100))
    pooled = Pooled(has_other.astype(bool), pool, other.astype(np.int64) + 99)
    expected = [(a if p else None) != (b if q else None) for a, b, p, q in drawn]
    assert unequal(numbers, pooled, len(drawn)).tolist() == expected
    assert unequal(numbers, None, len(drawn)).tolist() == has_one.tolist()
    assert not unequal(numbers, numbers, len(drawn)).any()


def test_one_is_not_true_and_sets_have_no_order():
    assert unequal(constant(1, 1), constant(True, 1), 1).tolist() == [True]
    assert unequal(constant({"a", "b"}, 1), constant({"b", "a"}, 1), 1).tolist() == [False]


def test_texts_of_very_many_items_are_taken_to_differ():
    def texts(count):
        return Texts(None, np.full(count, 5), np.zeros(count, dtype=np.int64))

    assert unequal(texts(5), texts(5), 5).tolist() == [False] * 5
    assert unequal(texts(20_001), texts(20_001), 20_001).all()


def test_members_of_maps_are_counted_with_their_names():
    place = Maps(None, {"city": constant("Oslo", 1)}, 1)
    assert place.sizes.tolist() == [value_size({"city": "Oslo"})]
