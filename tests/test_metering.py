"""Units of every operation, against the arithmetic of AWS's pages worked out by hand, and the engine where it is right.

The items have sizes that are known: a Box 1,000 bytes, a Thing 1,500, a Note 6,000. A read unit carries 4,096 bytes, a
write unit 1,024, an eventually consistent read costs half, a transaction twice (AWS: read-write-operations,
capacity-unit-calculations, GSI.ThroughputConsiderations, LSI.ThroughputConsiderations, transaction-apis).
"""

from dataclasses import dataclass, field
from math import ceil, isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import metering
from workbench.descriptors import to_item
from workbench.design import Design
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.items import Items, generate_items
from workbench.metering import Meter
from workbench.requests import Request
from workbench.runs import Run, run_patterns
from workbench.sizes import item_size
from workbench.tables import RunTables

CALLS = 3
DESIGN = """
name: every-operation
tables:
  Things:
    partition_key: PK
    sort_key: SK
    gsi:
      ByState: {partition_key: state, sort_key: due, projection: KEYS_ONLY}   # sparse: only a Thing has a state
      ByOwner: {partition_key: owner, projection: [title]}
    lsi:
      ByRank: {sort_key: rank, projection: KEYS_ONLY}
fields:
  box: {count: 8, format: "b{:03}"}
  thing: {per: box, count: 40, format: "t{:04}"}
  note: {per: box, count: 5, format: "n{:04}"}
entities:
  Box: {key: {PK: "BOX#{box}", SK: META}, size: 1000 B}
  Thing:
    key: {PK: "BOX#{box}", SK: "THING#{thing}", owner: "{box}"}
    attributes: {state: [OPEN], due: date(-30d..now), rank: text(5), title: text(20)}
    size: 1500 B
  Note: {key: {PK: "BOX#{box}", SK: "NOTE#{note}"}, size: 6000 B}
access_patterns:
  get-thing: {operation: GetItem, entity: Thing}
  get-note: {operation: GetItem, entity: Note}
  get-part-of-a-note: {operation: GetItem, entity: Note, projection: SK}
  get-note-strongly: {operation: GetItem, entity: Note, consistent: true}
  get-what-is-not-there: {operation: GetItem, entity: Note, target: missing}
  get-it-strongly: {operation: GetItem, entity: Note, target: missing, consistent: true}
  get-ten: {operation: BatchGetItem, entity: Note, count: 10}
  get-ten-parts: {operation: BatchGetItem, entity: Note, count: 10, projection: SK}
  get-five-missing: {operation: BatchGetItem, entity: Note, target: missing, count: 5}
  get-strongly: {operation: BatchGetItem, entity: Note, count: 2, consistent: true}
  get-at-once: {operation: TransactGetItems, entity: Note, count: 4}
  get-missing-at-once: {operation: TransactGetItems, entity: Note, target: missing, count: 2}

  whole-box: {operation: Query, entity: [Box, Thing, Note], key_condition: PK = :PK}
  things:
    operation: Query
    entity: Thing
    key_condition: &in_box PK = :PK AND begins_with(SK, :t)
    values: &t {t: "THING#"}
  things-strongly: {operation: Query, entity: Thing, key_condition: *in_box, values: *t, consistent: true}
  things-filtered:
    {operation: Query, entity: Thing, key_condition: *in_box, values: {t: "THING#", none: "-"}, filter: "title = :none"}
  things-counted: {operation: Query, entity: Thing, key_condition: *in_box, values: *t, select: COUNT}
  things-projected: {operation: Query, entity: Thing, key_condition: *in_box, values: *t, projection: SK}
  last-ten:
    operation: Query
    entity: Thing
    key_condition: *in_box
    values: *t
    limit: 10
    descending: true
    expect: {order: SK}
  in-pages: {operation: Query, entity: Thing, key_condition: *in_box, values: *t, limit: 15, pages: all}
  two-pages: {operation: Query, entity: Thing, key_condition: *in_box, values: *t, limit: 15, pages: 2}
  none: {operation: Query, entity: Thing, target: missing, key_condition: "PK = :PK AND SK = :SK"}

  by-state: {operation: Query, entity: Thing, index: ByState, key_condition: "#state = :state"}
  by-owner: {operation: Query, entity: Thing, index: ByOwner, key_condition: "#owner = :owner"}
  by-rank: {operation: Query, entity: Thing, index: ByRank, key_condition: PK = :PK}
  by-rank-own: {operation: Query, entity: Thing, index: ByRank, key_condition: PK = :PK, projection: "SK, #rank"}
  by-rank-title: {operation: Query, entity: Thing, index: ByRank, key_condition: PK = :PK, projection: "SK, title"}
  by-rank-whole:
    {operation: Query, entity: Thing, index: ByRank, key_condition: PK = :PK, select: ALL_ATTRIBUTES, limit: 7}
  by-rank-strongly:
    {operation: Query, entity: Thing, index: ByRank, key_condition: PK = :PK, select: ALL_ATTRIBUTES, consistent: true}

  scan: {operation: Scan, table: Things}
  scan-strongly: {operation: Scan, table: Things, consistent: true}
  scan-filtered: {operation: Scan, entity: Thing, filter: "begins_with(SK, :t)", values: *t}
  scan-index: {operation: Scan, entity: Thing, index: ByState}

  put-refused:
    operation: PutItem
    entity: Thing
    target: existing
    condition: attribute_not_exists(PK)
    expect: &refused {error: ConditionalCheckFailedException}
  update-refused:
    operation: UpdateItem
    entity: Note
    update: SET x = :x
    values: {x: x}
    condition: attribute_not_exists(PK)
    expect: *refused
  delete-refused: {operation: DeleteItem, entity: Note, condition: attribute_not_exists(PK), expect: *refused}
  missing-refused:
    {operation: DeleteItem, entity: Note, target: missing, condition: attribute_exists(PK), expect: *refused}
  transaction-refused:
    operation: TransactWriteItems
    actions:
      - {operation: Put, entity: Thing}
      - {operation: ConditionCheck, entity: Box, condition: attribute_not_exists(PK)}
    expect: {error: TransactionCanceledException}

  put: {operation: PutItem, entity: Thing, condition: attribute_not_exists(PK)}
  put-in-no-index: {operation: PutItem, entity: Note}
  put-the-same: {operation: PutItem, entity: Thing, target: existing}
  delete: {operation: DeleteItem, entity: Thing}
  delete-what-is-not-there: {operation: DeleteItem, entity: Thing, target: missing}
  put-five: {operation: BatchWriteItem, entity: Thing, count: 5}
  delete-three-missing:
    {operation: BatchWriteItem, actions: [{operation: Delete, entity: Thing, target: missing, count: 3}]}
  put-and-delete:
    operation: BatchWriteItem
    actions: [{operation: Put, entity: Note, count: 2}, {operation: Delete, entity: Thing, count: 3}]
  transaction:
    operation: TransactWriteItems
    actions:
      - {operation: Put, entity: Thing, condition: attribute_not_exists(PK)}
      - {operation: Update, entity: Note, update: SET title = :title, values: {title: {type: text(20)}}}
      - {operation: Delete, entity: Thing}
      - {operation: ConditionCheck, entity: Box, condition: attribute_exists(PK)}
  change-what-an-index-holds: {operation: UpdateItem, entity: Thing, update: SET title = :title}
  grow: {operation: UpdateItem, entity: Thing, update: SET extra = :extra, values: {extra: {type: text(3000)}}}
  update-creates: {operation: UpdateItem, entity: Thing, target: missing, update: SET title = :title}
  move:
    operation: UpdateItem
    entity: Thing
    target: {state: OPEN}
    update: "SET #state = :done"
    condition: "#state = :state"
    values: {done: DONE}
  leave-the-index: {operation: UpdateItem, entity: Thing, target: {state: OPEN}, update: "REMOVE #state"}
"""

# Bytes of an index entry: names and values of the table's key, the index's key and what is projected.
KEYS = len("PK" + "BOX#b001") + len("SK" + "THING#t0001")
BY_STATE = KEYS + len("state" + "OPEN") + len("due" + "2026-01-01")
BY_OWNER = KEYS + len("owner" + "b001") + len("title") + 20
BY_RANK = KEYS + len("rank") + 5


def eventual(size: int) -> float:
    """Read units of so many bytes, eventually consistent."""
    return max(1, ceil(size / 4096)) * 0.5


@dataclass(frozen=True)
class Costs:
    """Units of one call, of the table and by index; the items it reads and returns, and its pages."""

    table: float = 0.0
    scanned: int = 0
    returned: int = 0
    pages: int = 1
    indexes: dict[str, float] = field(default_factory=dict)


READS = {
    "get-thing": Costs(eventual(1500), 1, 1),
    "get-note": Costs(1.0, 1, 1),
    # A projection, a filter and COUNT save nothing.
    "get-part-of-a-note": Costs(1.0, 1, 1),
    "get-note-strongly": Costs(2.0, 1, 1),
    "get-what-is-not-there": Costs(0.5),
    "get-it-strongly": Costs(1.0),
    # In a batch each item is rounded up on its own, and one that is missing is charged too.
    "get-ten": Costs(10 * 1.0, 10, 10),
    "get-ten-parts": Costs(10 * 1.0, 10, 10),
    "get-five-missing": Costs(5 * 0.5),
    "get-strongly": Costs(2 * 2.0, 2, 2),
    "get-at-once": Costs(4 * 2 * 2.0, 4, 4),
    "get-missing-at-once": Costs(2 * 2.0),
    # A page is rounded up once.
    "whole-box": Costs(eventual(1000 + 40 * 1500 + 5 * 6000), 46, 46),
    "things": Costs(eventual(40 * 1500), 40, 40),
    "things-strongly": Costs(2 * eventual(40 * 1500), 40, 40),
    "things-filtered": Costs(eventual(40 * 1500), 40, 0),
    "things-counted": Costs(eventual(40 * 1500), 40, 40),
    "things-projected": Costs(eventual(40 * 1500), 40, 40),
    "last-ten": Costs(eventual(10 * 1500), 10, 10),
    "in-pages": Costs(2 * eventual(15 * 1500) + eventual(10 * 1500), 40, 40, pages=3),
    "two-pages": Costs(2 * eventual(15 * 1500), 30, 30, pages=2),
    "none": Costs(0.5),
    # An index is read by the bytes of its entries; a local one fetches what is not in them, item by item.
    "by-state": Costs(0, 320, 320, indexes={"ByState": eventual(320 * BY_STATE)}),
    "by-owner": Costs(0, 40, 40, indexes={"ByOwner": eventual(40 * BY_OWNER)}),
    "by-rank": Costs(0, 40, 40, indexes={"ByRank": eventual(40 * BY_RANK)}),
    "by-rank-own": Costs(0, 40, 40, indexes={"ByRank": eventual(40 * BY_RANK)}),
    "by-rank-title": Costs(40 * eventual(1500), 40, 40, indexes={"ByRank": eventual(40 * BY_RANK)}),
    "by-rank-whole": Costs(7 * eventual(1500), 7, 7, indexes={"ByRank": eventual(7 * BY_RANK)}),
    "by-rank-strongly": Costs(40 * 1.0, 40, 40, indexes={"ByRank": 2 * eventual(40 * BY_RANK)}),
    "scan": Costs(eventual(8 * 1000 + 320 * 1500 + 40 * 6000), 8 + 320 + 40, 8 + 320 + 40),
    "scan-strongly": Costs(2 * eventual(728_000), 368, 368),
    "scan-filtered": Costs(eventual(728_000), 368, 320),
    "scan-index": Costs(0, 320, 320, indexes={"ByState": eventual(320 * BY_STATE)}),
}
REFUSALS = {  # charged by the larger of both images; no index changes
    "put-refused": Costs(2),
    "update-refused": Costs(6),
    "delete-refused": Costs(6),
    "missing-refused": Costs(1),
    # Not documented: taken to cost what it would have cost in the table.
    "transaction-refused": Costs(2 * (2 + 1)),
}
EACH = {"ByState": 1, "ByOwner": 1, "ByRank": 1}  # an entry of less than 1 KB
WRITES = {
    "put": Costs(2, indexes=EACH),
    "put-in-no-index": Costs(6),
    "put-the-same": Costs(2),
    "delete": Costs(2, indexes=EACH),
    "delete-what-is-not-there": Costs(1),
    "put-five": Costs(5 * 2, indexes=dict.fromkeys(EACH, 5)),
    "delete-three-missing": Costs(3 * 1),
    "put-and-delete": Costs(2 * 6 + 3 * 2, indexes=dict.fromkeys(EACH, 3)),
    # A transaction doubles what the table takes, not the indexes; a check costs a write of what it looks at.
    "transaction": Costs(2 * (2 + 6 + 2 + 1), indexes=dict.fromkeys(EACH, 2)),
    "change-what-an-index-holds": Costs(2, indexes={"ByOwner": 1}),
    "grow": Costs(ceil((1500 + len("extra") + 3000) / 1024)),
    "update-creates": Costs(1),
    # With another index key the entry is removed there and added here.
    "move": Costs(2, indexes={"ByState": 1 + 1}),
    "leave-the-index": Costs(2, indexes={"ByState": 1}),
}
EXPECTED = {**READS, **REFUSALS, **WRITES}


def design_with(*patterns: str) -> Design:
    """The design with some of its access patterns only."""
    design = parse_design(DESIGN)
    return design.model_copy(update={"access_patterns": {name: design.access_patterns[name] for name in patterns}})


@pytest.fixture(scope="module")
def items() -> Items:
    return generate_items(parse_design(DESIGN))


@pytest.fixture(scope="module")
def run(engine: Engine, items: Items) -> Run:
    return run_patterns(items.design, engine, items, calls=CALLS, progress=False)


def test_every_pattern_is_worked_out(items):
    assert list(EXPECTED) == list(items.design.access_patterns)
    assert {pattern.operation for pattern in items.design.access_patterns.values()} == set(metering._METERS)


def test_the_items_have_the_sizes_that_the_arithmetic_uses(items):
    assert {name: set(entity.sizes.tolist()) for name, entity in items.entities.items()} == {
        "Box": {1000},
        "Thing": {1500},
        "Note": {6000},
    }
    assert {name: len(entity) for name, entity in items.entities.items()} == {"Box": 8, "Thing": 320, "Note": 40}


@pytest.mark.parametrize("name", EXPECTED)
def test_units_of_each_call_by_table_and_index(run, name):
    wanted, calls = EXPECTED[name], run.calls[run.calls.pattern == name]
    lines = run.by_index[(run.by_index.pattern == name) & (run.by_index.units > 0)]
    assert set(lines.table) <= {"Things"}
    found = dict(zip(lines["index"], lines.mean_units_per_call, strict=True))
    assert found == ({"": wanted.table} if wanted.table else {}) | wanted.indexes
    total = calls.read_units + calls.write_units
    assert set(total) == {wanted.table + sum(wanted.indexes.values())}, "each call costs the same: all items are alike"
    assert (calls.read_units.eq(0) if name not in READS else calls.write_units.eq(0)).all()


@pytest.mark.parametrize("name", READS)
def test_items_and_pages_of_each_read(run, name):
    calls, wanted = run.calls[run.calls.pattern == name], EXPECTED[name]
    assert set(calls.items_scanned) == {wanted.scanned}
    assert set(calls.items_returned) == {wanted.returned}
    assert set(calls.pages) == {wanted.pages}
    assert set(calls.error) == {""}


@pytest.mark.parametrize("name", WRITES)
def test_the_engine_agrees_on_every_write(run, name):
    calls = run.calls[run.calls.pattern == name]
    assert calls.engine_units.tolist() == calls.write_units.tolist()


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_write_is_charged_though_the_engine_reports_nothing(run, name):
    calls = run.calls[run.calls.pattern == name]
    assert len(calls) == CALLS
    assert calls.engine_units.isna().all()
    assert (calls.error != "").all()
    assert calls.as_expected.all()


def test_the_looks_of_the_meter_are_in_no_count(engine, items):
    """A filtered Query is read again without its filter: one page, and its latency, are the call's own."""
    tables = RunTables(items.design, engine, "")
    pattern = items.design.access_patterns["things-filtered"]
    seen: list[str] = []
    with loaded(tables):
        meter = Meter(items.design, tables)
        meter.client.meta.events.register("before-call.dynamodb", lambda model, **_: seen.append(model.name), "look")
        try:
            request = Request(
                "Query",
                {
                    "TableName": "Things",
                    "KeyConditionExpression": "PK = :PK",
                    "FilterExpression": "title = :none",
                    "ExpressionAttributeValues": {":PK": {"S": "p"}, ":none": {"S": "-"}},
                },
            )
            put(engine, "Things", PK="p", SK="a", title="t")
            metered = meter.send(pattern, request)
        finally:
            meter.client.meta.events.unregister("before-call.dynamodb", unique_id="look")
    assert seen == ["Query", "Query"]
    assert (metered.pages, metered.scanned, metered.count, metered.returned) == (1, 1, 0, [])


class loaded:
    """The tables of a design, empty, for the time of a block."""

    def __init__(self, tables: RunTables):
        self.tables = tables

    def __enter__(self) -> RunTables:
        self.tables.create("by hand")
        return self.tables

    def __exit__(self, *_: object) -> None:
        self.tables.delete()


def put(engine: Engine, table: str, **attributes: str) -> None:
    engine.call("PutItem", {"TableName": table, "Item": {name: {"S": value} for name, value in attributes.items()}})


PAGES = """
name: pages
tables: {Logs: {partition_key: PK, sort_key: SK}}
fields:
  device: {count: 2}
  event: {per: device, count: 300}
entities:
  Event: {key: {PK: "{device}", SK: "{event}"}, size: 5000 B, attributes: {grade: [low]}}
access_patterns:
  events: {operation: Query, key_condition: PK = :PK}
  high-events: {operation: Query, key_condition: PK = :PK, filter: grade = :high, values: {high: high}}
  first-page: {operation: Query, key_condition: PK = :PK, pages: 1}
  all-events: {operation: Scan}
  all-in-parts: {operation: Scan, segments: 3}
"""


def page_units(items: int, per_page: int, size: int) -> float:
    whole, rest = divmod(items, per_page)
    return whole * eventual(per_page * size) + (eventual(rest * size) if rest else 0)


def test_each_page_of_1_mb_is_rounded_up(engine):
    """A page ends with the item that reaches 1 MB (AWS: Query.Pagination), here the 210th of 5,000 bytes.

    The embedded engine ends before it, with the 209th. What was read to the end is charged in the service's pages.
    """
    design = parse_design(PAGES)
    calls = run_patterns(design, engine, calls=2, progress=False).calls.set_index("pattern")
    per_page = 209 if engine.kind == "embedded" else 210
    whole = page_units(300, 210, 5000)
    assert whole == 183.5
    for name, returned in (("events", 300), ("high-events", 0)):
        assert calls.loc[name, "pages"].tolist() == [2, 2]
        assert calls.loc[name, "items_scanned"].tolist() == [300, 300]
        assert calls.loc[name, "items_returned"].tolist() == [returned, returned]
        assert calls.loc[name, "read_units"].tolist() == [whole, whole]
    assert set(calls.loc["first-page", "items_returned"]) == {per_page}
    assert set(calls.loc["first-page", "read_units"]) == {page_units(per_page, per_page, 5000)}
    scan = calls.loc["all-events"]
    assert (scan.items_scanned, scan.pages) == (600, 3)
    assert scan.read_units == page_units(600, 210, 5000)
    parts = calls.loc["all-in-parts"]
    assert (parts.items_scanned, parts.requests) == (600, 3)
    assert eventual(600 * 5000) <= parts.read_units <= eventual(600 * 5000) + 0.5 * parts.pages


def test_a_batch_is_sent_again_until_nothing_is_left(engine, items, monkeypatch):
    """UnprocessedKeys and UnprocessedItems are a normal answer (AWS: API_BatchGetItem); the units are counted once."""
    monkeypatch.setattr(metering.time, "sleep", lambda seconds: None)
    design = design_with("get-ten", "put-five")
    send, left = Meter.timed, {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}

    def half(self, metered, operation, parameters):
        (table, wanted), sent = next(iter(parameters["RequestItems"].items())), dict(parameters)
        later: list[object] = []
        if operation == "BatchGetItem" and len(wanted["Keys"]) > 1:
            sent, later = {"RequestItems": {table: {"Keys": wanted["Keys"][:4]}}}, wanted["Keys"][4:]
        elif operation == "BatchWriteItem" and len(wanted) > 1:
            sent, later = {"RequestItems": {table: wanted[:2]}}, wanted[2:]
        answer = send(self, metered, operation, sent)
        if later:
            rest = {"Keys": later} if operation == "BatchGetItem" else later
            answer[left[operation]] = {self.tables.name(table): rest}
        return answer

    monkeypatch.setattr(Meter, "timed", half)
    calls = run_patterns(design, engine, calls=1, prefix="mine-", progress=False).calls.set_index("pattern")
    assert calls.loc["get-ten", ["requests", "pages", "items_returned", "read_units"]].tolist() == [1, 3, 10, 10.0]
    assert calls.loc["put-five", ["requests", "pages", "write_units"]].tolist() == [1, 3, 25.0]


def test_a_batch_that_is_never_done_is_an_error_of_its_call(engine, monkeypatch):
    monkeypatch.setattr(metering.time, "sleep", lambda seconds: None)
    design = design_with("get-ten")

    def nothing(self, metered, operation, parameters):
        return {"Responses": {}, "UnprocessedKeys": self.tables.prefixed(parameters)["RequestItems"]}

    monkeypatch.setattr(Meter, "timed", nothing)
    run = run_patterns(design, engine, calls=1, strict=False, progress=False)
    assert run.failures == ("get-ten, call 1: UnprocessedKeys: something was left 8 times in a row",)
    assert run.calls.read_units.tolist() == [0.0]


def test_a_refusal_for_another_reason_is_not_charged(engine):
    """A request that is not valid never reaches an item."""
    design = design_with("transaction", "put")
    item = {"PK": {"S": "p"}, "SK": {"S": "s"}, "state": {"N": "1"}}  # the index key is text
    with loaded(RunTables(design, engine, "")) as tables:
        meter = Meter(design, tables)
        for name, operation, parameters in (
            ("put", "PutItem", {"TableName": "Things", "Item": item}),
            ("transaction", "TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "Nowhere", "Item": item}}]}),
        ):
            key = ("Things", {"PK": {"S": "p"}, "SK": {"S": "s"}})
            metered = meter.send(design.access_patterns[name], Request(operation, parameters, (key,)))
            assert metered.error in ("ValidationException", "ResourceNotFoundException")
            assert metered.writes == {}


def test_the_engine_reports_no_units_that_count_for_reads(run, engine):
    """The reason why the workbench meters: half a unit for 728,000 bytes."""
    scan = run.calls[run.calls.pattern == "scan"].iloc[0]
    assert scan.read_units == 89.0
    if engine.reads_prove_nothing:
        assert scan.engine_units == 0.5
        assert isnan(run.summary.set_index("pattern").loc["get-ten", "engine_units"])


# What the caller asks for is kept


def test_the_callers_own_return_values_are_kept_and_the_units_are_right(engine):
    """An update that asks for the new image is metered by the old one all the same: 1,500 bytes, cut to a few."""
    design = design_with("change-what-an-index-holds")
    key = {"PK": {"S": "p"}, "SK": {"S": "s"}}
    with loaded(RunTables(design, engine, "")) as tables:
        meter = Meter(design, tables)
        meter.client.put_item(TableName=tables.name("Things"), Item={**key, "title": {"S": "x" * 1500}})
        update = {
            "TableName": "Things",
            "Key": key,
            "UpdateExpression": "SET title = :t",
            "ReturnValues": "UPDATED_NEW",
        }
        values = {"ExpressionAttributeValues": {":t": {"S": "y"}}}
        seen = []
        meter.client.meta.events.register("after-call.dynamodb", lambda parsed, **_: seen.append(parsed))
        request = Request("UpdateItem", {**update, **values}, (("Things", key),))
        metered = meter.send(design.access_patterns["change-what-an-index-holds"], request)
        assert metered.writes["Things"].table == 2
        assert {"title": {"S": "y"}} in [answer.get("Attributes") for answer in seen]


def test_a_page_that_claims_one_item_too_many_ends_at_its_last_key(engine, monkeypatch):
    """One engine counts an item too many in a page that 1 MB ended; LastEvaluatedKey says where it did end."""
    design = design_with("things-counted")
    items = [{"PK": {"S": "p"}, "SK": {"S": f"THING#{i}"}, "pad": {"S": "x" * 300_000}} for i in range(4)]
    with loaded(RunTables(design, engine, "")) as tables:
        meter = Meter(design, tables)
        for item in items:
            meter.client.put_item(TableName=tables.name("Things"), Item=item)
        timed = Meter.timed

        def miscounted(self, metered, operation, parameters):
            answer = timed(self, metered, operation, parameters)
            answer["ScannedCount"] += "LastEvaluatedKey" in answer
            return answer

        monkeypatch.setattr(Meter, "timed", miscounted)
        pattern = design.access_patterns["things-counted"]
        asked = {
            "TableName": "Things", "KeyConditionExpression": "PK = :p", "Select": "COUNT",
            "ExpressionAttributeValues": {":p": {"S": "p"}},
        }  # fmt: skip
        assert meter.send(pattern, Request("Query", asked)).scanned == 4


# The law of index writes, on the entries that a scan of the index returns

SMALL = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["OPEN", "DONE"]),
        "due": st.sampled_from(["1", "2"]),
        "owner": st.sampled_from(["a", "b"]),
        "rank": st.sampled_from(["x", "y"]),
        "title": st.sampled_from(["t", "t" * 1100]),
        "extra": st.sampled_from(["e", "e" * 2100]),
    },
)


@pytest.fixture(scope="module")
def indexed(engine):
    design = design_with("put", "delete")
    with loaded(RunTables(design, engine, "")) as tables:
        yield Meter(design, tables)


@given(before=st.none() | SMALL, after=st.none() | SMALL)
@settings(max_examples=60)
def test_units_of_an_index_are_the_row_of_the_table_for_the_entries_that_a_scan_returns(indexed, before, after):
    """The six rows of AWS's table, for the entry that a full scan of the index shows before and after a write."""
    key = {"PK": "p", "SK": "s"}
    place = {"TableName": indexed.tables.name("Things"), "Key": to_item(key)}
    indexed.client.delete_item(**place)
    if before is not None:
        indexed.client.put_item(TableName=place["TableName"], Item=to_item({**key, **before}))
    was = scanned(indexed)
    if after is None:
        name, parameters = "delete", {"TableName": "Things", "Key": to_item(key)}
    else:
        name, parameters = "put", {"TableName": "Things", "Item": to_item({**key, **after})}
    operation = {"put": "PutItem", "delete": "DeleteItem"}[name]
    request = Request(operation, parameters, (("Things", to_item(key)),))
    metered = indexed.send(indexed.design.access_patterns[name], request)
    indexes = {**metered.writes["Things"].gsi, **metered.writes["Things"].lsi}
    rows = {index: row(was[index], now, INDEX_KEYS[index]) for index, now in scanned(indexed).items()}
    assert indexes == {index: units for index, units in rows.items() if units is not None}


INDEX_KEYS = {"ByState": ("state", "due"), "ByOwner": ("owner",), "ByRank": ("rank",)}


def scanned(meter):
    """The entry of each index as a scan returns it; None if there is none."""
    name = meter.tables.name("Things")
    pages = {index: meter.client.scan(TableName=name, IndexName=index)["Items"] for index in INDEX_KEYS}
    return {index: entries[0] if entries else None for index, entries in pages.items()}


def row(was, now, keys):
    """Units of a change of an entry; None where there is none."""
    kilobytes = [0 if entry is None else ceil(item_size(entry) / 1024) for entry in (was, now)]
    if was == now:
        return None
    if was is None or now is None or any(was[key] != now[key] for key in keys):
        return sum(kilobytes)
    return max(kilobytes)
