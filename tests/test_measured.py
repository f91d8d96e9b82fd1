"""Expected units beside measured ones: the same calls on an engine, each metered by what it read and wrote.

Prediction and metering share the rules of charging and nothing else: one sums columns by popularity, the other sizes
the items that an engine returned. So their means agree within the error of so many calls, index by index.
"""

import math

import pandas as pd
import pytest

from workbench.designfile import parse_design
from workbench.items import generate_items
from workbench.outcomes import Costs
from workbench.runs import run_patterns

VARIED = """
name: varied
tables:
  Shop:
    partition_key: PK
    sort_key: SK
    gsi:
      ByState: {partition_key: state, sort_key: due}
      ByOwner: {partition_key: owner, sort_key: SK, projection: [title, n]}
      ByFlag: {partition_key: flag, projection: KEYS_ONLY}
    lsi:
      ByRank: {sort_key: rank, projection: KEYS_ONLY}
fields:
  box: {count: 40, format: "b{:03}", popularity: {read: zipf(0.8), write: zipf(0.5)}}
  thing: {per: box, count: 5..25, format: "t{:04}"}
  order: {per: box, count: 1..6, type: uuid}
  line: {per: order, count: 1..9}
  person: {count: 60, format: "u{:03}"}
  friend: {of: person}
entities:
  Box: {key: {PK: "BOX#{box}", SK: META}, size: 200..3000}
  Thing:
    key: {PK: "BOX#{box}", SK: "THING#{thing}", owner: "{person}"}
    attributes:
      state: {choice: {OPEN: 60%, DONE: 40%}, new: OPEN}
      due: date(-30d..now)
      rank: {type: text(5), present: 70%}
      flag: {choice: [red, green], present: 30%}
      title: text(10..1500)
      n: 1..200
      note: {type: text(5..900), present: 50%}
      tags: {set: {type: word}, length: 1..4}
      log: {list: {type: text(10..60)}, length: 1..5}
      place: {map: {city: city, zip: text(5)}}
    size: 300..6000
  Follow:
    key: {PK: "USER#{person}", SK: "FOLLOWS#{friend}"}
    items: 400
    attributes: {since: timestamp(-1y..now), weight: text(1..2000)}
  Order: {key: {PK: "BOX#{box}", SK: "ORDER#{order}"}, size: 300..6000}
  Line: {key: {PK: "ORDER#{order}", SK: "LINE#{line}"}, size: 100..5000}
access_patterns:
"""
READS = """
  get: {operation: GetItem, entity: Thing}
  get-box: {operation: GetItem, entity: Box, consistent: true}
  get-some: {operation: BatchGetItem, entity: Thing, count: 1..20}
  get-both: {operation: TransactGetItems, actions: [{operation: Get, entity: Box}, {operation: Get, entity: Thing}]}
  box: {operation: Query, entity: [Box, Thing, Order], key_condition: PK = :PK}
  things: {operation: Query, entity: Thing, key_condition: "PK = :PK AND begins_with(SK, :t)", values: {t: "THING#"}}
  some-things: {operation: Query, entity: Thing, key_condition: PK = :PK AND SK BETWEEN :a AND :b,
                values: {a: "THING#t0005", b: "THING#t0012"}}
  after: {operation: Query, entity: [Thing, Order], key_condition: PK = :PK AND SK > :SK}
  last: {operation: Query, entity: [Box, Thing, Order], key_condition: PK = :PK, limit: 4, descending: true}
  first: {operation: Query, entity: [Box, Thing, Order], key_condition: PK = :PK, limit: 2}
  of-owner: {operation: Query, entity: Thing, index: ByOwner, key_condition: "#owner = :owner"}
  open: {operation: Query, entity: Thing, index: ByState, key_condition: "#state = :s AND due >= :due",
         values: {s: OPEN}}
  by-rank: {operation: Query, entity: Thing, index: ByRank, key_condition: PK = :PK, projection: "SK, title"}
  scan-flags: {operation: Scan, entity: Thing, index: ByFlag}
  read-order: {operation: TransactGetItems, actions: [{operation: Get, entity: Order}, {operation: Get, entity: Line}]}
  some-lines: {operation: BatchGetItem, entity: Line, count: 5, same: order}
"""
WRITES = """
  put: {operation: PutItem, entity: Thing}
  put-box: {operation: PutItem, entity: Box}
  follow: {operation: PutItem, entity: Follow}
  put-again: {operation: PutItem, entity: Thing, target: existing, condition: attribute_not_exists(PK),
              expect: {error: ConditionalCheckFailedException}}
  put-many: {operation: BatchWriteItem, entity: Thing, count: 2..10}
  drop: {operation: DeleteItem, entity: Thing}
  pay:
    operation: TransactWriteItems
    actions:
      - {operation: Put, entity: Order}
      - {operation: Put, entity: Line, count: 1..4}
      - {operation: Update, entity: Box, update: "SET n = :n", values: {n: 1}}
  drop-order:
    operation: TransactWriteItems
    actions: [{operation: Delete, entity: Order}, {operation: Delete, entity: Line, count: 1..3}]
  update: %s
"""
UPDATES = [
    "{operation: UpdateItem, entity: Thing, update: SET title = :title}",
    '{operation: UpdateItem, entity: Thing, update: "SET #state = :state, n = n + :k", values: {k: 3}}',
    '{operation: UpdateItem, entity: Thing, target: {state: OPEN}, update: "SET #state = :d", values: {d: DONE}}',
    '{operation: UpdateItem, entity: Thing, update: "SET extra = :x", values: {x: {type: text(100..3000)}}}',
    '{operation: UpdateItem, entity: Thing, update: "REMOVE note, flag"}',
    '{operation: UpdateItem, entity: Thing, update: "ADD tags :t", values: {t: {set: {type: uuid}, length: 3}}}',
    '{operation: UpdateItem, entity: Thing, update: "SET #log = list_append(#log, :l)", '
    "values: {l: {list: {type: text(400)}, length: 2}}}",
    '{operation: UpdateItem, entity: Thing, update: "SET place.city = :c, #rank = if_not_exists(#rank, :r)", '
    "values: {c: {type: text(600)}, r: zzzzz}}",
    '{operation: UpdateItem, entity: Thing, target: missing, update: "SET title = :title, flag = :f", '
    "values: {f: red}}",
]


def assert_measured_as_expected(engine, text: str, calls: int, prefix: str) -> None:
    """Each mean by table and index is within four standard errors of the expected one, and no call above the most."""
    items = generate_items(parse_design(text))
    run = run_patterns(items.design, engine, items, calls=calls, prefix=prefix, progress=False)
    costs, charges = Costs(items), pd.DataFrame(list(run.charges))
    for pattern in items.design.served_patterns():
        outcomes = costs.outcomes(pattern)
        called = int((run.calls.pattern == pattern.name).sum())
        mine = charges[(charges.pattern == pattern.name) & (charges.units > 0)]
        assert called > 0
        consumed = mine.groupby(["table", "index"]).units.sum().to_dict()
        assert set(consumed) <= set(outcomes.by_index), pattern.name
        for where in outcomes.by_index:
            measured, found = consumed.get(where, 0.0) / called, outcomes.per_call(where)
            spread = math.sqrt(max(0.0, outcomes.by_index[where] ** 2 @ outcomes.shares - found.mean**2))
            error = 4 * spread / math.sqrt(called) + 1e-9
            assert abs(measured - found.mean) <= error, (pattern.name, where, measured, found)
        most = run.calls[run.calls.pattern == pattern.name][["read_units", "write_units"]].sum(axis=1).max()
        assert most <= outcomes.per_call().most, pattern.name


@pytest.mark.slow
def test_reads_are_measured_as_they_are_expected(engine):
    assert_measured_as_expected(engine, VARIED + READS, 60, "reads-")


@pytest.mark.slow
@pytest.mark.parametrize("update", UPDATES)
def test_writes_are_measured_as_they_are_expected(engine, update):
    """With updates one at a time: each changes the items, which the expectation takes as they were generated."""
    only = WRITES if update == UPDATES[0] else "  update: %s\n"
    assert_measured_as_expected(engine, VARIED + only % update, 120, "writes-")


def test_some_calls_are_measured_as_they_are_expected(engine):
    patterns = "  get: {operation: GetItem, entity: Thing}\n  put: {operation: PutItem, entity: Thing}\n"
    assert_measured_as_expected(engine, VARIED + patterns + f"  close: {UPDATES[2]}\n", 30, "some-")
