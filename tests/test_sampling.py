"""A sample changes what is loaded, never what a call costs; and no call asks for what is not there."""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.items import Items, generate_items
from workbench.requests import Call
from workbench.runs import Run, run_patterns
from workbench.sampling import Plan, plan_run

DESIGN = """
name: large
tables:
  Devices:
    partition_key: PK
    sort_key: SK
    gsi:
      ByState: {partition_key: state, sort_key: [at, PK]}        # sparse: 30 % of the readings
      ByShard: {partition_key: [state, shard], sort_key: at, projection: KEYS_ONLY}
    lsi:
      ByValue: {sort_key: value, projection: [SK]}
fields:
  device: {count: 90, format: "d-{}", popularity: zipf(1.2)}
  reading: {per: device, count: 5..60}
  number: {count: 100}
entities:
  Device: {key: {PK: "{device}", SK: META}, size: 500 B}
  Reading:
    key: {PK: "{device}", SK: "R#{reading}"}
    attributes:
      state: {choice: {ALARM: 20%, OK: 80%}, present: 30%}
      shard: shard(4)
      at: timestamp(-7d..now)
      value: -500..500
      note: text(lognormal(20..400))
  Setting: {key: {PK: SETTINGS, SK: "{number}"}, size: 2 KB}
access_patterns:
  device: {operation: GetItem, entity: Device}
  readings:
    operation: Query
    entity: Reading
    key_condition: &all PK = :PK AND begins_with(SK, :r)
    values: &r {r: "R#"}
  everything: {operation: Query, entity: [Device, Reading], key_condition: PK = :PK}
  last: {operation: Query, entity: Reading, key_condition: *all, values: *r, limit: 4, descending: true}
  first-pages: {operation: Query, entity: Reading, key_condition: *all, values: *r, limit: 3, pages: 2}
  one: {operation: Query, entity: Reading, key_condition: PK = :PK AND SK = :SK}
  later: {operation: Query, entity: Reading, key_condition: PK = :PK AND SK > :SK}
  filtered:
    operation: Query
    entity: Reading
    key_condition: *all
    filter: "#value > :high"
    values: {r: "R#", high: 400}
  alarms:                                   # whoever is drawn: what is asked for is the state ALARM
    operation: Query
    entity: Reading
    index: ByState
    key_condition: "#state = :alarm"
    values: {alarm: ALARM}
    limit: 20
  alarms-in-shards:
    operation: Query
    entity: Reading
    index: ByShard
    key_condition: "#state = :alarm AND #shard = :shard"
    values: {alarm: ALARM}
    for_each: shard
    limit: 5
  low:
    operation: Query
    entity: Reading
    index: ByValue
    key_condition: "PK = :PK AND #value < :zero"
    values: {zero: 0}
  whole-low:
    operation: Query
    entity: Reading
    index: ByValue
    key_condition: "PK = :PK AND #value BETWEEN :low AND :high"
    values: {low: -100, high: 100}
    select: ALL_ATTRIBUTES
  settings: {operation: Query, entity: Setting, key_condition: PK = :PK, limit: 10}
  some-readings: {operation: BatchGetItem, entity: Reading, count: 1..20}
  neighbours: {operation: BatchGetItem, entity: Reading, count: 4, same: [device]}
  at-once: {operation: TransactGetItems, entity: Reading, count: 3}
  nowhere: {operation: Query, entity: Reading, target: missing, key_condition: PK = :PK AND SK = :SK}
  silence:
    operation: UpdateItem
    entity: Reading
    target: {state: ALARM}
    update: "SET #state = :ok"
    condition: "#state = :alarm"
    values: {ok: OK, alarm: ALARM}
  drop: {operation: DeleteItem, entity: Reading}
  add: {operation: PutItem, entity: Reading, condition: attribute_not_exists(PK)}
  readings-again: {operation: Query, entity: Reading, key_condition: *all, values: *r}
"""
MEASURED = ["pattern", "call", "requests", "pages", "items_scanned", "items_returned", "read_units", "write_units"]


@cache
def large() -> Items:
    return generate_items(parse_design(DESIGN))


def run(items: Items, engine: Engine, **options: Any) -> Run:
    return run_patterns(items.design, engine, items, progress=False, **{"prefix": "sample-", **options})


def keys_of(items: Items, places: dict[str, np.ndarray]) -> set[tuple[str, str]]:
    return {(item["PK"], item["SK"]) for name, index in places.items() for item in items.entities[name].take(index)}


# Units


def test_a_sample_does_not_change_what_a_call_costs(engine):
    items = large()
    assert len(items) > 2_500
    whole, part = run(items, engine, calls=6), run(items, engine, calls=6, sample=1_500)
    assert (whole.loaded, part.loaded) == (len(items), 1_500)
    pd.testing.assert_frame_equal(part.calls[MEASURED], whole.calls[MEASURED])
    assert part.failures == whole.failures == ()
    # What is loaded is said.
    assert whole.notes[0] == f"all {len(items):,} items loaded"
    assert part.notes[0] == f"1,500 of {len(items):,} items loaded: all that the calls reach, and a sample of the rest"


def test_a_scan_reads_the_sample_and_this_is_said(engine):
    """A Scan reads all that is there, and there is less."""
    items = tasks("operation: Scan, table: Tasks", "operation: Scan, table: Tasks, limit: 5", count=400)
    part = run(items, engine, calls=2, sample=100)
    ratio = f"{len(items) / 100:.3g}"
    assert part.notes[0].endswith(
        f"a sample of the rest; p0, a Scan, would read all items and cost about {ratio} times what it does here"
    )
    assert part.calls.items_scanned.tolist() == [100, 5]


def test_the_sample_is_the_same_for_the_same_seed():
    plans = [plan_run(large(), 5, seed, 1_000) for seed in (7, 7, 8)]
    same, other = (all(np.array_equal(plans[0].places[n], p.places[n]) for n in p.places) for p in plans[1:])
    assert same and not other


@pytest.mark.parametrize("sample", [1, 10, 1_000, 10_000_000])
def test_about_the_sample_is_loaded(sample):
    items = large()
    plan = plan_run(items, 1, 7, sample)
    assert plan.total == len(items)
    if sample > len(items):
        assert plan.loaded == len(items)
    elif sample == 1_000:
        assert plan.loaded == 1_000
    else:  # what the calls ask for by its key is there in any case
        assert plan.loaded < 200


def test_the_sample_has_a_part_of_every_entity_and_whole_collections():
    items = large()
    plan = plan_run(items, 1, 7, 1_800)
    shares = {name: len(index) / len(items.entities[name]) for name, index in plan.places.items()}
    assert all(0.3 < share < 1 for share in shares.values()), shares
    reading = items.entities["Reading"]
    codes = reading.key_codes(["PK"])
    there, total = Counter(codes[plan.places["Reading"]].tolist()), Counter(codes.tolist())
    partial = [code for code, count in there.items() if count < total[code]]
    assert len(there) > 40
    assert len(partial) < 20, "only what single calls touch, and the last one that fits in"


def test_collections_that_are_too_much_for_the_sample_are_cut_and_this_is_said(engine):
    design = parse_design("""
name: huge
tables: {Events: {partition_key: PK, sort_key: SK}}
fields: {PK: {count: 3}, SK: {per: PK, count: 600}}
entities: {Event: {}}
access_patterns:
  all: {operation: Query, key_condition: PK = :PK, expect: {order: SK}}
  newest: {operation: Query, key_condition: PK = :PK, limit: 10, descending: true, expect: {items: 10}}
""")
    items = generate_items(design)
    part = run(items, engine, calls=5, sample=300)
    assert part.loaded == 300
    assert part.notes[0] == (
        "300 of 1,800 items loaded: the first items that each call reaches, and a sample of the rest; "
        "3 item collections are cut, and a Query that reads one costs more than here"
    )
    whole = run(items, engine, calls=5)
    newest = [r.calls[r.calls.pattern == "newest"][MEASURED].reset_index(drop=True) for r in (part, whole)]
    pd.testing.assert_frame_equal(*newest)


def test_a_collection_that_fits_is_not_cut():
    """One collection may take more than a twentieth of the sample, as long as there is room."""
    design = parse_design("""
name: fits
tables: {Events: {partition_key: PK, sort_key: SK}}
fields: {PK: {count: 20}, SK: {per: PK, count: 400}}
entities: {Event: {}}
access_patterns: {all: {operation: Query, key_condition: PK = :PK}}
""")
    plan = plan_run(generate_items(design), 2, 7, 1_000)
    assert (plan.loaded, plan.cut) == (1_000, 0)
    stretched = plan_run(generate_items(design), 2, 7, 400)
    assert (stretched.loaded, stretched.cut) == (800, 0), "two calls, 400 items each: twice the sample"
    assert plan_run(generate_items(design), 2, 7, 399).cut > 0


# What the calls ask for


def addressed(plan: Plan, pattern: str) -> list[tuple[str, int]]:
    return [place for call in plan.calls[pattern] for request in call.requests for place in request.places]


def tasks(*patterns: str, count: int = 12, more: str = "") -> Items:
    listed = "\n".join(f"  p{i}: {{{pattern}}}" for i, pattern in enumerate(patterns))
    return generate_items(
        parse_design(f"""
name: tasks
tables: {{Tasks: {{partition_key: PK, sort_key: SK, gsi: {{ByState: {{partition_key: state}}}}}}}}
fields:
  project: {{count: 4, popularity: zipf(1.5)}}
  task: {{per: project, count: {count // 4}}}
entities:
  Project: {{key: {{PK: "P#{{project}}", SK: META}}, attributes: {{open: 1..9}}}}
  Task: {{key: {{PK: "P#{{project}}", SK: "T#{{task}}"}}, attributes: {{state: {{choice: {{OPEN: 50%, DONE: 50%}}}}}}}}
access_patterns:
{listed}
{more}""")
    )


DELETES = [
    "operation: DeleteItem, entity: Task",
    "operation: BatchWriteItem, actions: [{operation: Delete, entity: Task}]",
    "operation: TransactWriteItems, actions: [{operation: Delete, entity: Task, condition: attribute_exists(PK)}]",
]


@pytest.mark.parametrize("delete", DELETES)
def test_what_was_deleted_is_asked_for_by_no_later_call(engine, delete):
    reads = [
        "operation: GetItem, entity: Task, expect: {items: 1}",
        "operation: BatchGetItem, entity: Task, count: 3, expect: {items: 3}",
    ]
    items = tasks(
        delete,
        *reads,
        "operation: UpdateItem, entity: Task, update: SET x = :x, values: {x: 1}, condition: attribute_exists(PK)",
    )
    plan = plan_run(items, 5, 7, 1_000)
    gone = addressed(plan, "p0")
    assert len(set(gone)) == 5, "each is deleted once"
    for later in ("p1", "p2", "p3"):
        assert not set(gone) & set(addressed(plan, later))
    assert run(items, engine, calls=5).failures == ()


def test_when_everything_was_deleted_a_later_call_is_not_made_and_this_is_said(engine):
    items = tasks(DELETES[0], "operation: GetItem, entity: Task")
    found = run(items, engine, calls=20, strict=False)
    assert found.calls.pattern.tolist() == ["p0"] * 12
    assert found.failures == ("p1: no items fit its target, so that nothing was called",)
    assert "p0 was called 12 times instead of 20: no more items fit its target" in found.notes


def test_what_was_changed_can_still_be_read(engine):
    """A read by primary key finds any item; a condition may depend on how it was, and gets what nothing changed."""
    update = "operation: UpdateItem, entity: Task, update: 'SET #state = :s', values: {s: DONE}"
    items = tasks(
        update, "operation: GetItem, entity: Task, expect: {items: 1}", f"{update}, condition: attribute_exists(PK)"
    )
    found = run(items, engine, calls=20)
    assert found.failures == ()
    changed = {place for _, place in addressed(plan_run(items, 20, 7, 1_000), "p0")}
    assert Counter(found.calls.pattern) == {"p0": 20, "p1": 20, "p2": 12 - len(changed)}


def test_a_pattern_that_needs_a_state_gets_items_that_still_have_it(engine):
    """Closing a task that was closed before would fail."""
    close = (
        "operation: UpdateItem, entity: Task, target: {state: OPEN}, update: 'SET #state = :done', "
        "condition: '#state = :open', values: {done: DONE, open: OPEN}"
    )
    items = tasks(close, close, count=40)
    plan = plan_run(items, 6, 7, 1_000)
    assert not set(addressed(plan, "p0")) & set(addressed(plan, "p1"))
    assert len(set(addressed(plan, "p0"))) == 6
    assert run(items, engine, calls=6).failures == ()


def test_a_transaction_addresses_what_belongs_together_and_never_a_task_twice(engine):
    """With every task it closes it counts down the task's own project, again and again the same one."""
    close = (
        "operation: TransactWriteItems, actions: ["
        "{operation: Update, entity: Task, target: {state: OPEN}, update: 'SET #state = :done', "
        "condition: '#state = :open', values: {done: DONE, open: OPEN}}, "
        "{operation: Update, entity: Project, update: 'SET #open = #open - :one', condition: attribute_exists(PK), "
        "values: {one: 1}}]"
    )
    items = tasks(close, count=40)
    plan = plan_run(items, 12, 7, 1_000)
    pairs = [request.keys for call in plan.calls["p0"] for request in call.requests]
    assert len(pairs) == 12
    assert all(task[1]["PK"] == project[1]["PK"] for task, project in pairs)
    assert len({str(task) for task, _ in pairs}) == 12
    assert len({str(project) for _, project in pairs}) <= 4
    assert run(items, engine, calls=12).failures == ()


def test_a_transaction_ends_when_one_of_its_members_has_no_more_items(engine):
    both = (
        "operation: TransactWriteItems, actions: ["
        "{operation: Delete, entity: Project, condition: attribute_exists(PK)}, {operation: Put, entity: Task}]"
    )
    found = run(tasks(both), engine, calls=9)
    assert 1 <= len(found.calls) <= 4
    called = (
        f"p0 was called {'once' if len(found.calls) == 1 else f'{len(found.calls)} times'} instead of 9: no more items"
    )
    assert any(note.startswith(f"{called} agree in project, which Delete Project and ") for note in found.notes)


PUT_IF_NEW = "condition: attribute_not_exists(PK)"
CREATES = [
    f"operation: PutItem, entity: Task, {PUT_IF_NEW}",
    f"operation: TransactWriteItems, actions: [{{operation: Put, entity: Task, {PUT_IF_NEW}}}]",
    "operation: BatchWriteItem, entity: Task, count: 3",
    "operation: BatchWriteItem, entity: Task, count: 3, same: [project]",
]


@pytest.mark.parametrize("first", CREATES)
@pytest.mark.parametrize("second", CREATES)
def test_what_is_created_is_new_each_time(engine, first, second):
    """Also where two patterns, or two calls of one, create tasks of the same project."""
    items = tasks(first, second)
    plan = plan_run(items, 4, 7, 1_000)
    keys = [str(key) for name in ("p0", "p1") for call in plan.calls[name] for r in call.requests for key in r.keys]
    assert len(set(keys)) == len(keys)
    there = {str((e.table.name, wire(item))) for e in items.entities.values() for item in e.take(range(len(e)))}
    assert not there & set(keys)
    assert run(items, engine, calls=4).failures == ()


def wire(item: dict[str, Any]) -> dict[str, Any]:
    return {name: {"S": item[name]} for name in ("PK", "SK")}


def test_a_batch_of_new_items_with_the_same_parent_has_one_parent():
    plan = plan_run(tasks(CREATES[3]), 5, 7, 1_000)
    for call in plan.calls["p0"]:
        keys = [key for _, key in call.requests[0].keys]
        assert len(keys) == 3
        assert len({key["PK"]["S"] for key in keys}) == 1
        assert {place for _, place in call.requests[0].places} == {-1}


# Rows


def flights(count: int, *patterns: str) -> Items:
    listed = "\n".join(f"  p{i}: {{{pattern}}}" for i, pattern in enumerate(patterns))
    design = parse_design(f"""
name: flights
tables: {{Flights: {{partition_key: PK, sort_key: SK}}}}
rows: {{flights: {{columns: [PK, SK, seats]}}}}
entities: {{Flight: {{rows: flights}}}}
access_patterns:
{listed}
""")
    rows = pd.DataFrame(
        {"PK": [f"d-{i // 10}" for i in range(count)], "SK": [f"{i:03}" for i in range(count)], "seats": 100}
    )
    return generate_items(design, rows={"flights": rows})


PUT_ROW = "operation: PutItem, condition: attribute_not_exists(PK)"
READ_ROW = "operation: GetItem, expect: {items: 1}"


def test_rows_that_a_put_takes_are_not_there_before(engine):
    """The read stands before the put: it must not ask for what the put will bring."""
    items = flights(100, READ_ROW, PUT_ROW, READ_ROW, PUT_ROW)
    found = run(items, engine, calls=15, keep=True)
    assert found.failures == ()
    assert found.loaded == 100 - 2 * 15
    assert len(engine.call("Scan", {"TableName": "sample-Flights"})["Items"]) == 100
    run(items, engine, calls=15)


def test_a_put_takes_the_rows_in_their_order():
    plan = plan_run(flights(100, PUT_ROW, PUT_ROW), 3, 7, 1_000)
    assert [addressed(plan, name) for name in ("p0", "p1")] == [
        [("Flight", 0), ("Flight", 1), ("Flight", 2)],
        [("Flight", 3), ("Flight", 4), ("Flight", 5)],
    ]


def test_few_rows_are_left_to_the_others_in_part(engine):
    found = run(flights(12, PUT_ROW, READ_ROW), engine, calls=20)
    assert Counter(found.calls.pattern) == {"p0": 6, "p1": 20}
    assert "p0 was called 6 times instead of 20: no more items fit its target" in found.notes


@pytest.mark.parametrize(
    "pattern",
    [
        "operation: BatchWriteItem, count: 5",
        "operation: TransactWriteItems, actions: [{operation: Put, count: 5, condition: attribute_not_exists(PK)}]",
    ],
)
def test_batches_and_transactions_take_rows_too(engine, pattern):
    items = flights(100, READ_ROW, pattern, READ_ROW)
    plan = plan_run(items, 4, 7, 1_000)
    assert [place for _, place in addressed(plan, "p1")] == list(range(20))
    assert plan.loaded == 80
    assert run(items, engine, calls=4).failures == ()


# The plan


def test_a_scan_is_called_for_every_twenty_calls():
    items = tasks("operation: Scan, table: Tasks", "operation: GetItem, entity: Task")
    asked = {calls: plan_run(items, calls, 7, 1_000).asked for calls in (1, 20, 39, 40, 100)}
    assert {calls: found["p0"] for calls, found in asked.items()} == {1: 1, 20: 1, 39: 1, 40: 2, 100: 5}
    assert all(found["p1"] == calls for calls, found in asked.items())


def test_calls_are_in_file_order_and_without_the_unserved():
    items = tasks(
        "operation: GetItem, entity: Task",
        "operation: GetItem, entity: Task, given: [task], unserved: not yet",
        "operation: GetItem, entity: Project",
    )
    plan = plan_run(items, 2, 7, 1_000)
    assert list(plan.calls) == ["p0", "p2"]
    assert all(isinstance(call, Call) for calls in plan.calls.values() for call in calls)


def test_more_calls_begin_with_the_same():
    """So that a short run is a part of a long one."""
    items = tasks("operation: GetItem, entity: Task", "operation: Query, entity: Task, key_condition: PK = :PK")
    few, many = (plan_run(items, calls, 7, 1_000) for calls in (3, 9))
    for name in few.calls:
        assert [c.requests[0].places for c in many.calls[name]][:3] == [c.requests[0].places for c in few.calls[name]]
