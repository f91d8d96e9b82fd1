"""Runs: every served pattern called in file order, the same each time, and what must come back checked."""

import math
import re
import time
from collections import Counter
from functools import cache
from typing import Any

import pandas as pd
import pytest
import tqdm.auto

from workbench.designfile import load_design, parse_design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import EngineError, RequestError
from workbench.items import Items, generate_items
from workbench.metering import Meter
from workbench.runs import Run, run_patterns, shown

DESIGN = """
name: runs
tables:
  Board:
    partition_key: PK
    sort_key: SK
    gsi: {ByOwner: {partition_key: owner, sort_key: points}}
  Votes: {partition_key: PK, sort_key: SK}
fields:
  project: {count: 12, format: "p-{:02}", popularity: zipf(1.1)}
  task: {per: project, count: 8}
  user: {count: 30}
  candidate: {count: 6}
  shard: {type: shard(5)}
  vote: {per: candidate, count: 40}
entities:
  Project: {table: Board, key: {PK: "P#{project}", SK: META}, attributes: {name: name}}
  Task:
    table: Board
    key: {PK: "P#{project}", SK: "T#{task}", owner: "{user}"}
    attributes: {state: {choice: {OPEN: 60%, DONE: 40%}, new: OPEN}, points: 1..20, note: {type: word, present: 50%}}
    size: 700 B
  Vote: {table: Votes, key: {PK: "{candidate}#{shard}", SK: "{vote}"}}
access_patterns:
"""


@cache
def items_with(patterns: str) -> Items:
    lines = [line.strip() for line in patterns.strip().splitlines()]
    return generate_items(parse_design(DESIGN + "\n".join(f"  {line}" for line in lines)))


def run(engine: Engine, patterns: str, **options: Any) -> Run:
    """A run of the design with these patterns, one a line; expectations that do not hold raise nothing."""
    items = items_with(patterns)
    stated = {"calls": 4, "prefix": "runs-", "progress": False, "strict": False}
    return run_patterns(items.design, engine, items, **{**stated, **options})


def of(found: Run, pattern: str) -> pd.DataFrame:
    return found.calls[found.calls.pattern == pattern].reset_index(drop=True)


EVERYTHING = """
get: {operation: GetItem, entity: Task}
list: {operation: Query, entity: Task, key_condition: "PK = :PK AND begins_with(SK, :t)", values: {t: "T#"}}
open: {operation: Query, entity: Task, key_condition: "PK = :PK AND begins_with(SK, :t)", filter: "#state = :open", values: {t: "T#", open: OPEN}}
of-owner: {operation: Query, entity: Task, index: ByOwner, key_condition: "#owner = :owner"}
some: {operation: BatchGetItem, entity: Task, count: 1..9}
add: {operation: PutItem, entity: Task, condition: attribute_not_exists(PK)}
again: {operation: PutItem, entity: Task, target: existing, condition: attribute_not_exists(PK), expect: {error: ConditionalCheckFailedException}}
close: {operation: UpdateItem, entity: Task, target: {state: OPEN}, update: "SET #state = :done", condition: "#state = :open", values: {done: DONE, open: OPEN}}
by-id: {operation: UpdateItem, entity: Task, given: [task], update: "SET note = :note", unserved: the caller knows no project}
drop: {operation: DeleteItem, entity: Task}
both: {operation: TransactWriteItems, actions: [{operation: Put, entity: Task}, {operation: ConditionCheck, entity: Project, condition: attribute_exists(PK)}]}
votes: {operation: Query, entity: Vote, key_condition: PK = :PK, for_each: shard}
all: {operation: Scan, table: Board}
"""  # noqa: E501


# Units are the same each time


@pytest.fixture(scope="module")
def found(engine: Engine) -> Run:
    return run(engine, EVERYTHING)


def test_two_runs_with_the_same_seed_measure_the_same(engine, found):
    again = run(engine, EVERYTHING)
    pd.testing.assert_frame_equal(again.calls.drop(columns="latency_ms"), found.calls.drop(columns="latency_ms"))
    pd.testing.assert_frame_equal(again.by_index, found.by_index)
    assert (again.failures, again.notes, again.unserved) == (found.failures, found.notes, found.unserved)


def test_another_seed_makes_other_calls_of_the_same_items(engine, found):
    other = run(engine, EVERYTHING, seed=8)
    assert other.loaded == found.loaded
    assert not other.calls.drop(columns="latency_ms").equals(found.calls.drop(columns="latency_ms"))


def test_the_seed_of_the_items_is_the_default(engine, found):
    again = run(engine, EVERYTHING, seed=items_with(EVERYTHING).seed)
    pd.testing.assert_frame_equal(again.calls.drop(columns="latency_ms"), found.calls.drop(columns="latency_ms"))


def test_items_are_generated_if_none_are_given(engine, found):
    design = items_with(EVERYTHING).design
    again = run_patterns(design, engine, calls=4, prefix="runs-", progress=False)
    pd.testing.assert_frame_equal(again.calls.drop(columns="latency_ms"), found.calls.drop(columns="latency_ms"))


# What is recorded


def test_there_is_a_line_for_each_call_in_file_order(found):
    served = ["get", "list", "open", "of-owner", "some", "add", "again", "close", "drop", "both", "votes"]
    assert found.calls.pattern.tolist() == [name for name in served for _ in range(4)] + ["all"]
    assert found.calls.call.tolist() == [*range(4)] * len(served) + [0]
    assert found.calls.columns.tolist() == [
        *("pattern", "operation", "table", "index", "call", "requests", "pages", "items_scanned", "items_returned"),
        *("read_units", "write_units", "engine_units", "errata", "latency_ms", "repeats", "error", "as_expected"),
    ]
    assert (found.calls.latency_ms > 0).all()
    assert set(of(found, "of-owner")["index"]) == {"ByOwner"}
    assert set(of(found, "votes").table) == {"Votes"}


def test_the_summary_has_a_line_for_each_pattern_also_the_unserved(found):
    summary = found.summary.set_index("pattern")
    assert list(summary.index) == list(found.design.access_patterns)
    calls = found.calls.groupby("pattern")
    for column in ("items_scanned", "items_returned", "read_units", "write_units"):
        for name, mean in calls[column].mean().items():
            assert summary.loc[name, column] == pytest.approx(mean)
    assert summary.loc["get", "calls"] == 4
    unserved = summary.loc["by-id"]
    assert (unserved.calls, unserved.errors) == (0, 0)
    assert math.isnan(unserved.read_units) and math.isnan(unserved.latency_ms_p50)
    assert unserved.note == (
        "not served: UpdateItem needs the whole primary key of Board (PK = P#{project}, SK = T#{task}), and the caller "
        "knows only task: project is missing. It would be reached with project given too, or by a Query of a GSI with "
        "partition key task first"
    )
    assert found.unserved == {"by-id": unserved.note.removeprefix("not served: ")}
    assert set(summary.drop(index="by-id").note) == {""}


def test_latency_percentiles_are_measured_calls(engine):
    """By nearest rank: of 20 calls the tenth and the nineteenth."""
    one = run(engine, "get: {operation: GetItem, entity: Task}", calls=20)
    times = sorted(one.calls.latency_ms)
    assert one.summary.loc[0, ["latency_ms_p50", "latency_ms_p95"]].tolist() == [times[9], times[18]]


def test_expected_failures_are_counted_apart(found):
    summary = found.summary.set_index("pattern")
    assert summary.loc["again", ["calls", "errors_expected", "errors"]].tolist() == [4, 4, 0]
    assert summary.errors_expected.sum() == 4
    assert summary.errors.sum() == 0
    assert set(of(found, "again").error) == {"ConditionalCheckFailedException"}
    assert of(found, "again").as_expected.all()
    assert found.failures == ()


def test_units_by_table_and_index_add_up_to_the_units_of_the_calls(found):
    units = found.by_index.groupby(["pattern", "kind"]).units.sum()
    for name, calls in found.calls.groupby("pattern"):
        for kind in ("read", "write"):
            assert units.get((name, kind), 0.0) == pytest.approx(calls[f"{kind}_units"].sum())
    assert set(found.by_index.columns) == {
        *("pattern", "table", "index", "kind", "units", "engine_units"),
        *("mean_units_per_call", "mean_engine_units_per_call"),
    }
    adding = found.by_index[found.by_index.pattern == "add"].set_index(["table", "index"]).mean_units_per_call.to_dict()
    assert adding == {("Board", ""): 1.0, ("Board", "ByOwner"): 1.0}, "700 bytes, and the same in an index with ALL"


def test_a_run_shows_itself_in_a_line_and_as_a_table(found):
    assert repr(found) == (
        f"<Run runs on {found.engine}: {found.loaded:,} items, {len(found.calls)} calls of 12 access patterns>"
    )
    assert "ConditionalCheckFailed" not in found._repr_html_()
    assert "<li>not served: by-id: UpdateItem needs the whole primary key of Board" in found._repr_html_()
    assert found.to_frame().equals(found.summary)


def test_what_people_see_has_nothing_where_there_is_nothing(found):
    """A put reads no items, a read writes nothing, and an error that nobody expects is in no column."""
    seen = shown(found.summary).set_index("access pattern")
    assert seen.columns.tolist() == [
        *("operation", "calls", "items read", "returned", "read units", "write units", "engine's units", "ms"),
        "failed as expected",
    ]
    assert seen.loc["add"].isna().tolist() == [False, False, True, True, True, False, False, False, True]
    assert seen.loc["list"].isna().tolist() == [False, False, False, False, False, True, False, False, True]
    assert seen.loc["by-id"].isna().tolist() == [False, False, *[True] * 7]
    assert seen.loc["again", "failed as expected"] == 4
    reads = found.summary[found.summary.pattern.isin(["get", "list"])]
    assert not {"write units", "failed as expected"} & set(shown(reads).columns)


def test_patterns_find_what_earlier_ones_left(found):
    """12 projects and 12 * 8 tasks, 4 added, 4 dropped and 4 added again."""
    scan = of(found, "all").iloc[0]
    assert scan.items_scanned == 12 + 96 + 4 - 4 + 4


# The values of a call


def test_the_values_of_a_call_come_from_one_item(engine):
    """If they did not belong together, hardly a task would be found."""
    one = run(
        engine,
        """
        exact: {operation: Query, entity: Task, key_condition: PK = :PK AND SK = :SK, filter: "#owner = :owner AND points = :points", expect: {items: 1}}
        by-field: {operation: Query, entity: Task, key_condition: PK = :p AND SK = :t, values: {p: "P#{project}", t: "T#{task}"}, expect: {items: 1}}
        own: {operation: Query, entity: Task, index: ByOwner, key_condition: "#owner = :owner AND points = :points", expect: {items: "1.."}}
        check: {operation: UpdateItem, entity: Task, update: "SET #state = :done", condition: "#owner = :owner AND points = :points AND #state = :state", values: {done: DONE}}
        together: {operation: TransactWriteItems, actions: [{operation: Update, entity: Task, update: "SET x = :x", condition: "#owner = :owner", values: {x: 1}}, {operation: ConditionCheck, entity: Project, condition: "#name = :name"}]}
        """,  # noqa: E501
        calls=20,
    )
    assert one.failures == ()


def test_an_update_gets_new_values(engine):
    """In `update` a new value from the attribute's domain (a title to be set is not the title that is there)."""
    one = run(engine, "rename: {operation: UpdateItem, entity: Project, update: 'SET #name = :name'}", keep=True)
    before = {item["PK"]: item["name"] for item in items_with_projects()}
    after = {item["PK"]["S"]: item["name"]["S"] for item in scan(engine, "runs-Board") if item["SK"]["S"] == "META"}
    changed = {key for key in before if before[key] != after[key]}
    assert 1 <= len(changed) <= 4
    assert one.failures == ()
    run(engine, "rename: {operation: UpdateItem, entity: Project, update: 'SET #name = :name'}")


def items_with_projects() -> list[dict[str, Any]]:
    projects = items_with("rename: {operation: UpdateItem, entity: Project, update: 'SET #name = :name'}").entities[
        "Project"
    ]
    return projects.take(range(len(projects)))


def scan(engine: Engine, table: str) -> list[dict[str, Any]]:
    return engine.call("Scan", {"TableName": table})["Items"]


def test_now_is_the_clock_of_the_items(engine):
    patterns = "late: {operation: UpdateItem, entity: Project, update: 'SET seen = :now'}"
    run(engine, patterns, keep=True)
    seen = {item["seen"]["N"] for item in scan(engine, "runs-Board") if "seen" in item}
    assert seen == {str(items_with(patterns).now)}
    run(engine, patterns)


# Limits, pages and shards


def test_a_limit_is_one_page_unless_all_are_asked_for(engine):
    """AWS: API_Query, Limit is the number of items evaluated; a filter is applied afterwards."""
    listed = 'operation: Query, entity: Task, key_condition: "PK = :PK AND begins_with(SK, :t)"'
    one = run(
        engine,
        f"""
        page: {{{listed}, values: {{t: "T#"}}, limit: 3}}
        filtered: {{{listed}, values: {{t: "T#", none: -1}}, limit: 3, filter: points = :none}}
        pages: {{{listed}, values: {{t: "T#"}}, limit: 3, pages: all}}
        two: {{{listed}, values: {{t: "T#"}}, limit: 3, pages: 2}}
        whole: {{{listed}, values: {{t: "T#"}}}}
        """,
    )
    columns = ["pages", "items_scanned", "items_returned", "read_units"]
    lines = {name: set(map(tuple, of(one, name)[columns].to_numpy().tolist())) for name in one.design.access_patterns}
    assert lines == {
        "page": {(1, 3, 3, 0.5)},  # 2,100 bytes
        "filtered": {(1, 3, 0, 0.5)},
        "pages": {(3, 8, 8, 1.5)},  # each page rounded up, when one would have had 5,600 bytes
        "two": {(2, 6, 6, 1.0)},
        "whole": {(1, 8, 8, 1.0)},
    }


def test_a_sharded_key_is_read_with_a_request_for_each_shard(engine):
    one = run(
        engine,
        """
        sum: {operation: Query, entity: Vote, key_condition: PK = :PK, for_each: shard, expect: {items: 40}}
        count: {operation: Query, entity: Vote, key_condition: PK = :pk, values: {pk: "{candidate}#{shard}"}, for_each: shard, select: COUNT, expect: {items: 40}}
        """,  # noqa: E501
    )
    assert one.failures == (), "all 40 votes of the candidate, wherever they are"
    assert set(one.calls.requests) == {5}
    assert set(one.calls.pages) == {5}
    assert set(one.calls.read_units) == {5 * 0.5}


def test_segments_of_a_scan_are_requests_that_read_everything_once(engine):
    one = run(engine, "all: {operation: Scan, table: Votes, segments: 6, expect: {items: 240}}", calls=40)
    assert one.calls[["requests", "items_scanned"]].to_numpy().tolist() == [[6, 240], [6, 240]]
    assert one.failures == ()


def test_batches_have_as_many_items_as_they_say_and_what_they_share(engine):
    one = run(
        engine,
        """
        nine: {operation: BatchGetItem, entity: Task, count: 9, expect: {items: 9}}
        few: {operation: TransactGetItems, entity: Task, count: 2..4, expect: {items: 2..4}}
        of-one: {operation: BatchGetItem, entity: Task, count: 8, same: [project], expect: {items: 8}}
        put: {operation: BatchWriteItem, entity: Task, count: 25}
        """,
        calls=10,
    )
    assert one.failures == ()
    assert set(of(one, "nine").items_scanned) == {9}
    assert len(set(of(one, "few").items_scanned)) > 1
    assert set(of(one, "put").write_units) == {25 * 2.0}, "700 bytes in the table and in the index"
    from workbench.sampling import plan_run

    calls = plan_run(
        items_with("of-one: {operation: BatchGetItem, entity: Task, count: 8, same: [project]}"), 5, 7, 9_999
    )
    for call in calls.calls["of-one"]:
        keys = call.requests[0].parameters["RequestItems"]["Board"]["Keys"]
        assert len({key["PK"]["S"] for key in keys}) == 1
        assert len({key["SK"]["S"] for key in keys}) == 8


def test_targets(engine):
    one = run(
        engine,
        """
        there: {operation: GetItem, entity: Task, expect: {items: 1}}
        missing: {operation: GetItem, entity: Task, target: missing, expect: {items: 0}}
        open: {operation: GetItem, entity: Task, target: {state: OPEN}, expect: {items: 1}}
        either: {operation: GetItem, entity: Task, target: {state: [OPEN, DONE], points: [3, 4, 5]}, expect: {items: 1}}
        new: {operation: PutItem, entity: Task, condition: attribute_not_exists(PK)}
        over: {operation: PutItem, entity: Task, target: existing, condition: attribute_exists(PK)}
        create: {operation: UpdateItem, entity: Task, target: missing, update: "SET points = :points", condition: attribute_not_exists(PK)}
        close: {operation: UpdateItem, entity: Task, target: {state: OPEN}, update: "SET #state = :done", condition: "#state = :open", values: {open: OPEN, done: DONE}}
        """,  # noqa: E501
        calls=10,
    )
    assert one.failures == (), "none is closed twice"
    assert Counter(one.calls.pattern) == dict.fromkeys(one.design.access_patterns, 10)


# What must come back

TASKS = 'operation: Query, entity: Task, key_condition: "PK = :PK AND begins_with(SK, :t)", values: {t: "T#"}'
HOLDS = {
    "items": f"{TASKS}, expect: {{items: 8}}",
    "items in a range": f"{TASKS}, expect: {{items: 1..8}}",
    "items at least": f'{TASKS}, expect: {{items: "8.."}}',
    "none": "operation: GetItem, entity: Task, target: missing, expect: {items: 0}",
    "items counted": f"{TASKS}, select: COUNT, expect: {{items: 8}}",
    "order": f"{TASKS}, expect: {{order: SK}}",
    "descending order": f"{TASKS}, descending: true, expect: {{order: SK}}",
    # 20 points are more than 3: a number, not a text
    "order of numbers": (
        'operation: Query, entity: Task, index: ByOwner, key_condition: "#owner = :owner", expect: {order: points}'
    ),
    "order over pages": f"{TASKS}, limit: 3, pages: all, expect: {{order: SK}}",
    "attributes": f"{TASKS}, expect: {{attributes: [points, state]}}",
    "attributes of what is projected": f"{TASKS}, projection: points, expect: {{attributes: [points]}}",
    "units": f"{TASKS}, expect: {{units: 1}}",
    "units at most": f"{TASKS}, expect: {{units: ..5}}",
    "units of a write": "operation: PutItem, entity: Task, expect: {units: 2}",
    "error": (
        "operation: UpdateItem, entity: Task, target: missing, update: 'SET points = :points', "
        "condition: attribute_exists(PK), expect: {error: ConditionalCheckFailedException}"
    ),
    "entities": "operation: Query, entity: [Task, Project], key_condition: PK = :PK",
}


@pytest.mark.parametrize("name", HOLDS)
def test_an_expectation_that_holds(engine, name):
    assert run(engine, f"it: {{{HOLDS[name]}}}", strict=True).failures == ()


FAILS = {
    "items": (f"{TASKS}, expect: {{items: 7}}", "expected 7 items, and 8 came back"),
    "items in a range": (f"{TASKS}, expect: {{items: 1..7}}", "expected 1 to 7 items, and 8 came back"),
    "items at least": (f'{TASKS}, expect: {{items: "9.."}}', "expected at least 9 items, and 8 came back"),
    "order": (f"{TASKS}, expect: {{order: points}}", "expected the items ordered by points, and they are not"),
    "descending order": (
        f"{TASKS}, descending: true, expect: {{order: points}}",
        "expected the items ordered by points, and they are not",
    ),
    "order of what is not there": (
        f"{TASKS}, projection: points, expect: {{order: SK}}",
        "expected the items ordered by SK, and 8 of them lack it",
    ),
    "attributes": (
        f"{TASKS}, projection: SK, expect: {{attributes: [SK, state, points]}}",
        "expected state in every item, and 8 of 8 lack it",
    ),
    "units": (f"{TASKS}, expect: {{units: ..0.5}}", "expected 0 to 0.5 units, and it took 1"),
    "units of a write": ("operation: PutItem, entity: Task, expect: {units: 1}", "expected 1 units, and it took 2"),
    "error": (
        "operation: PutItem, entity: Task, expect: {error: ConditionalCheckFailedException}",
        "expected ConditionalCheckFailedException, and it was success",
    ),
    "another error": (
        "operation: PutItem, entity: Task, target: existing, condition: attribute_not_exists(PK), "
        "expect: {error: TransactionCanceledException}",
        "expected TransactionCanceledException, and it was ConditionalCheckFailedException",
    ),
    "success": (
        "operation: PutItem, entity: Task, target: existing, condition: attribute_not_exists(PK)",
        "ConditionalCheckFailedException: The conditional request failed",
    ),
    "entities": (
        "operation: Query, entity: Task, key_condition: PK = :PK",
        "expected items of Task, and PK = P#p-",
    ),
}


@pytest.mark.parametrize("name", FAILS)
def test_an_expectation_that_does_not_hold_is_listed(engine, name):
    pattern, reason = FAILS[name]
    one = run(engine, f"it: {{{pattern}}}\nget: {{operation: GetItem, entity: Task}}", calls=2)
    assert one.failures[0].startswith(f"it, call 1: {reason}")
    assert not of(one, "it").as_expected.any()
    assert of(one, "get").as_expected.all(), "the others are called all the same"
    assert "expectations failed" in repr(one)


def test_items_that_lack_an_attribute_are_counted_once(engine):
    one = run(engine, f"it: {{{TASKS}, expect: {{attributes: [note]}}}}", calls=1)
    lacking = 8 - sum("note" in item for item in tasks_of_call(one))
    assert one.failures == (f"it, call 1: expected note in every item, and {lacking} of 8 lack it",)


def tasks_of_call(one: Run) -> list[dict[str, Any]]:
    from workbench.sampling import plan_run

    items = items_with(f"it: {{{TASKS}, expect: {{attributes: [note]}}}}")
    key = plan_run(items, 1, 7, 9_999).calls["it"][0].requests[0].parameters["ExpressionAttributeValues"][":PK"]["S"]
    task = items.entities["Task"]
    return [item for item in task.take(range(len(task))) if item["PK"] == key]


def test_a_run_that_fails_raises_at_the_end_and_carries_itself(engine):
    with pytest.raises(RequestError) as told:
        run(
            engine,
            f"it: {{{TASKS}, expect: {{items: 7}}}}\nget: {{operation: GetItem, entity: Task}}",
            strict=True,
            calls=5,
        )
    assert str(told.value) == (
        "expectations that did not hold:\n"
        "  it, call 1: expected 7 items, and 8 came back\n"
        "  it, call 2: expected 7 items, and 8 came back\n"
        "  it, call 3: expected 7 items, and 8 came back\n"
        "  it: and 2 calls more"
    )
    carried = told.value.run  # type: ignore[attr-defined]
    assert len(carried.calls) == 10
    assert carried.summary.loc[0, "read_units"] == 1.0
    assert not [name for name in engine.call("ListTables", {})["TableNames"] if name.startswith("runs-")]


def test_a_pattern_for_which_there_is_no_item_is_a_failure(engine):
    one = run(engine, 'none: {operation: GetItem, entity: Task, target: {PK: "P#p-99"}}')
    assert one.failures == ("none: no items fit its target, so that nothing was called",)
    assert len(one.calls) == 0
    assert one.summary.loc[0, "calls"] == 0


def test_a_scan_of_a_table_without_entities_finds_nothing_to_call(engine):
    design = parse_design("""
name: bare
tables: {Bare: {partition_key: PK, key_types: {PK: S}}, Full: {partition_key: PK}}
fields: {PK: {count: 5}}
entities: {Thing: {table: Full}}
access_patterns: {scan: {operation: Scan, table: Bare}, get: {operation: GetItem}}
""")
    one = run_patterns(design, engine, calls=2, prefix="runs-", strict=False, progress=False)
    assert one.failures == ("scan: no items fit its target, so that nothing was called",)
    assert one.calls.pattern.tolist() == ["get", "get"]


def test_a_table_that_is_gone_fails_each_call_with_the_services_code(engine, monkeypatch):
    from workbench.metering import Meter

    def deleted(self: Meter) -> None:
        engine.call("DeleteTable", {"TableName": "runs-Board"})

    monkeypatch.setattr(Meter, "forget", deleted)
    one = run(engine, "get: {operation: GetItem, entity: Task}", calls=2)
    assert [failure.partition(": ")[2].partition(":")[0] for failure in one.failures] == [
        "ResourceNotFoundException"
    ] * 2
    assert one.summary.loc[0, ["errors", "errors_expected"]].tolist() == [2, 0]
    assert pd.isna(one.summary.loc[0, "read_units"]), "what it costs is not known from calls that failed"


# What cannot be run


@pytest.mark.parametrize("options", [{"calls": 0}, {"calls": -1}, {"sample": 0}])
def test_no_calls_and_no_items_are_refused(engine, options):
    stated = {"calls": 4, "sample": 45_000, **options}
    with pytest.raises(
        ValueError, match=f"^calls={stated['calls']}, sample={stated['sample']}: both must be at least 1$"
    ):
        run(engine, "get: {operation: GetItem, entity: Task}", **options)


def test_items_of_another_design_are_refused(engine):
    items, other = items_with("get: {operation: GetItem, entity: Task}"), items_with(EVERYTHING)
    with pytest.raises(ValueError, match=r"^the items are of another design than runs: generate_items\(design\) makes"):
        run_patterns(other.design, engine, items)


def test_items_of_the_same_design_loaded_again_are_its_items(engine, designs):
    path = designs / "sessions_simple.yaml"
    items, again = generate_items(load_design(path)), load_design(designs / ".." / designs.name / path.name)
    assert run_patterns(again, engine, items, calls=1, sample=50, prefix="runs-", progress=False).loaded >= 50


def test_an_engine_that_was_stopped_or_is_unknown_says_so():
    items = items_with("get: {operation: GetItem, entity: Task}")
    with start_engine("embedded") as stopped:
        pass
    with pytest.raises(EngineError, match=r"was stopped: start another with start_engine\(\)"):
        run_patterns(items.design, stopped, items, progress=False)
    with pytest.raises(
        EngineError, match=r"engine 'nosql' is unknown; there are auto, docker, java, dynoxide, embedded, the URL"
    ):
        start_engine("nosql")


def test_an_engine_that_ends_in_the_middle_is_an_engine_error(monkeypatch):
    items = items_with(EVERYTHING)
    with start_engine("embedded") as engine:

        def ended(*_: object) -> None:
            engine._server.process.kill()  # type: ignore[union-attr]

        monkeypatch.setattr("workbench.runs.unmet", lambda *_: ended() or [])
        with pytest.raises(EngineError):
            run_patterns(items.design, engine, items, progress=False)


# Progress


def test_progress_is_shown_for_items_and_calls(engine, monkeypatch):
    bars: list[tuple[str, int, float]] = []

    class Bar(tqdm.auto.tqdm):
        def close(self) -> None:
            bars.append((self.desc, self.total, self.n))
            super().close()

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    one = run(engine, "get: {operation: GetItem, entity: Task}", progress=True)
    assert dict.fromkeys(bars) == {
        ("loading items", one.loaded, one.loaded): None,
        ("calling get: ", 4, 4): None,
    }


def test_slow_calls_after_quick_ones_are_shown_one_by_one_under_their_name(engine, monkeypatch, capfd):
    send = Meter.send

    def slow_where_listing(self, pattern, request):
        time.sleep(0.11 if pattern.name == "list" else 0)  # tqdm draws at most every 0.1 s
        return send(self, pattern, request)

    monkeypatch.setattr(Meter, "send", slow_where_listing)
    patterns = (
        "get: {operation: GetItem, entity: Task}\nlist: {operation: Query, entity: Task, key_condition: PK = :PK}"
    )
    run(engine, patterns, calls=12, progress=True)
    drawn = re.findall(r"calling list:[^\r]*?(\d+)/24", capfd.readouterr().err)
    assert list(map(int, drawn)) == [12, *range(13, 25)]


def test_without_progress_nothing_is_written(engine, capfd):
    run(engine, "get: {operation: GetItem, entity: Task}")
    assert capfd.readouterr() == ("", "")


# The designs that ship


def test_the_task_board_shows_what_its_patterns_cost(engine, designs):
    """The article's table: a filter that wastes, a duplicate that fails, a pattern without a key, a Scan."""
    design = load_design(designs / "task_board.yaml")
    one = run_patterns(design, engine, calls=10, sample=4_000, prefix="runs-", progress=False)
    assert one.failures == ()
    summary = one.summary.set_index("pattern")
    listed, filtered = summary.loc["list-project-tasks"], summary.loc["list-open-tasks"]
    assert listed.items_returned == listed.items_scanned
    assert filtered.items_returned < filtered.items_scanned, "reads the done ones too, and throws them away"
    assert summary.loc["record-webhook-again", ["errors_expected", "errors"]].tolist() == [10, 0]
    assert set(of(one, "record-webhook").write_units) == {3.0}, "a payload of 2 KB, and what is around it"
    assert set(of(one, "record-webhook-again").write_units) == {3.0}, "a failed condition is charged"
    assert one.unserved.keys() == {"update-task-by-id"}
    assert "project_id is missing" in one.unserved["update-task-by-id"]
    assert summary.loc["list-open-tasks-by-scan", "read_units"] > 50 * filtered.read_units
    assert any(note.startswith("TTL on ClaudeCodeLabDemo.expiresAt is declared but not") for note in one.notes)


def test_a_filter_reads_as_much_and_returns_less(found):
    whole, filtered = of(found, "list"), of(found, "open")
    assert whole.items_scanned.sum() > 0
    assert list(filtered.items_scanned) == list(whole.items_scanned)
    assert filtered.items_returned.sum() < whole.items_returned.sum()


def test_puts_of_a_sparse_combination_meet_their_condition(engine):
    text = """
name: members
tables: {Tab: {partition_key: PK, sort_key: SK}}
fields: {user: {count: 300, popularity: zipf(1.1)}, group: {count: 20}}
entities: {Member: {key: {PK: "{user}", SK: "{group}"}, items: 2_000}}
access_patterns: {join: {operation: PutItem, entity: Member, condition: attribute_not_exists(PK)}}
"""
    found = run_patterns(parse_design(text), engine, calls=200, prefix="runs-", progress=False, strict=False)
    joined = of(found, "join")
    assert len(joined) == 200 and set(joined.error) == {""}


def test_a_run_explains_each_call_and_the_arithmetic_gives_its_units(found):
    for line in found.calls.to_dict("records"):
        explained = found.explain(line["pattern"], line["call"])
        assert sum(step.units for step in explained.steps) == line["read_units"] + line["write_units"]
    with pytest.raises(KeyError, match="made no call 99 of"):
        found.explain(found.calls["pattern"][0], 99)
