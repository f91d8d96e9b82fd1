"""The brief: its code does what the run did, call by call, and its guardrails follow from the design."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

import workbench as wb
from tests.designs import SHIPPED, SHIPPED_DESIGNS, as_yaml, design
from workbench.arguments import MORE, Member, identifier
from workbench.briefs import Brief, brief
from workbench.runs import _load, run_patterns
from workbench.sampling import plan_run
from workbench.snippets import Snippet
from workbench.tables import RunTables

CALLS, SAMPLE = 3, 2_000
EVERY_OPERATION = (Path(__file__).parent / "data" / "every_operation.yaml").read_text(encoding="utf-8")
NATIVE = TypeDeserializer()


def native(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {name: NATIVE.deserialize(value) for name, value in wire.items()}


def arguments(member: Member, parameters: Mapping[str, Any], now: int) -> dict[str, Any]:
    """What a caller would give for a request that was drawn: its fields, read back from keys and values."""
    found: dict[str, Any] = {}
    named: dict[str, set[str]] = {}
    for binding in member.bindings:
        kind, name = binding.place
        named.setdefault(kind, set()).add(name)
        values = native(parameters.get(kind, {}))
        if name not in values:
            continue  # a sparse attribute, of which there is no parameter to give
        if binding.parameter:
            found[binding.parameter] = values[name]
        elif binding.template and binding.template.lone_field:
            found[binding.template.lone_field] = values[name]
        elif binding.template:
            found |= binding.template.match(values[name]) or {}
    if member.has_more:
        found[MORE] = {n: v for n, v in native(parameters["Item"]).items() if n not in named["Item"]}
    return found


def members(one: Snippet, request: Any) -> Iterator[tuple[Member, Mapping[str, Any]]]:
    """The members of a drawn request, each with the part of the code that makes it."""
    wire = request.parameters
    if "TransactItems" in wire:
        for part in wire["TransactItems"]:
            ((verb, inside),) = part.items()
            yield next(m for m in one.members if m.operation == verb and _fits(m, inside)), inside
    elif "RequestItems" in wire:
        for table, inside in wire["RequestItems"].items():
            for each in inside["Keys"] if isinstance(inside, dict) else inside:
                part = {"Key": each} if isinstance(inside, dict) else next(iter(each.values()))
                verb = "Get" if isinstance(inside, dict) else "Put" if "PutRequest" in each else "Delete"
                yield next(m for m in one.members if m.table.name == table and m.operation == verb), part
    else:
        yield one.members[0], wire


def _fits(member: Member, inside: Mapping[str, Any]) -> bool:
    keys = native(inside.get("Key") or inside.get("Item") or {})
    return inside["TableName"] == member.table.name and all(
        b.template is None or b.template.match(str(keys[b.place[1]])) is not None
        for b in member.bindings
        if b.place[0] in ("Key", "Item") and b.place[1] in member.table.key_attributes
    )


def call_arguments(one: Snippet, call: Any, now: int) -> dict[str, Any]:
    """The arguments of the function for one drawn call."""
    given: dict[str, Any] = {member.name: [] for member in one.members if member.many}
    for member, part in members(one, call.requests[0]):
        found = arguments(member, part, now)
        if member.many:
            given[member.name].append(found)
        elif member.name:
            given[member.name] = found
        else:
            given |= found
    given |= {"now": now} if "now" in one.parameters else {}
    return {identifier(name): value for name, value in given.items() if name in one.parameters}


@pytest.fixture
def environment(engine, monkeypatch):
    """What the code takes from its environment: an endpoint, a region, credentials."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint_url)
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


class Counted:
    """Counts what the answers of a client say was read and returned."""

    def __init__(self, client: Any):
        self.scanned = self.returned = 0
        client.meta.events.register("after-call.dynamodb.*", self.see)

    def see(self, parsed: Mapping[str, Any], **_: Any) -> None:
        self.scanned += parsed.get("ScannedCount", 0)
        self.returned += parsed.get("Count", 0)

    def taken(self) -> tuple[int, int]:
        found = self.scanned, self.returned
        self.scanned = self.returned = 0
        return found


def contents(client: Any, name: str) -> list[Any]:
    found = [item for page in client.get_paginator("scan").paginate(TableName=name) for item in page["Items"]]
    return sorted((sorted(native(item).items()) for item in found), key=repr)


def check_code(one: wb.Design, engine: Any) -> None:
    """Run a design; then do what it did with the code of its brief, on tables of its own; all must come out alike."""
    items = wb.generate_items(one)
    run = run_patterns(one, engine, items, calls=CALLS, sample=SAMPLE, prefix="ran-", keep=True, progress=False)
    plan = plan_run(items, CALLS, items.seed, SAMPLE)
    ran, own = RunTables(one, engine, "ran-"), RunTables(one, engine, "")
    own.check()
    own.claim()
    try:
        _load(own, items, plan, False)
        page = brief(one)
        scope: dict[str, Any] = {}
        exec(compile(page.code, "brief", "exec"), scope)
        counted = Counted(scope["dynamodb"].meta.client)
        records = iter(run.records)
        for name, calls in plan.calls.items():
            for call in calls:
                check_call(page.snippets[name], call, scope, counted, next(records), items.now)
        client = engine.client()
        for table in one.tables:
            assert contents(client, own.name(table)) == contents(client, ran.name(table)), table
        assert next(records, None) is None
    finally:
        own.delete()
        own.release()
        ran.delete()


def check_call(one: Snippet, call: Any, scope: Any, counted: Counted, record: Mapping[str, Any], now: int) -> None:
    given = call_arguments(one, call, now)
    try:
        found, error = scope[one.function](**given), ""
    except ClientError as failed:
        found, error = None, failed.response["Error"]["Code"]
    assert error == record["error"], (one.pattern.name, given)
    scanned, returned = counted.taken()
    if one.pattern.operation in ("Query", "Scan"):
        assert (scanned, returned) == (record["items_scanned"], record["items_returned"]), one.pattern.name
        assert (found if isinstance(found, int) else len(found)) == returned
    elif one.pattern.is_read and not error:
        assert len([found] if isinstance(found, dict) else found or []) == record["items_returned"], one.pattern.name


@pytest.mark.engine
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "flights")) for name in SHIPPED_DESIGNS]
)
def test_the_code_of_a_shipped_design_does_what_its_run_did(name, engine, environment):
    check_code(wb.load_design(SHIPPED / f"{name}.yaml"), engine)


@pytest.mark.engine
def test_the_code_of_every_operation_does_what_its_run_did(engine, environment):
    check_code(design(EVERY_OPERATION), engine)


PUT_BACK = """
tables: {Orders: {partition_key: id}}
fields: {id: {count: 100, type: uuid}}
entities:
  Order:
    key: {id: "{id}"}
    attributes: {status: {choice: {OPEN: 10%, SENT: 90%}, new: OPEN}, version: {type: 1..9, new: 1}}
access_patterns:
  read: {operation: GetItem, rate: 1/s}
  place: {operation: PutItem, condition: attribute_not_exists(id), rate: 1/s}
  save: {operation: PutItem, target: existing, condition: "version = :version", rate: 3/s}
  pay:
    operation: TransactWriteItems
    actions: [{operation: Put, entity: Order, target: existing, condition: "version = :version"}]
"""


@pytest.mark.engine
def test_the_code_that_puts_an_item_back_keeps_what_it_holds(engine, environment):
    check_code(design(PUT_BACK), engine)


def test_only_a_created_item_has_what_new_items_have_and_a_compared_version_is_the_one_that_was_read():
    snippets = brief(design(PUT_BACK)).snippets
    assert 'Item={"id": id_, "status": "OPEN", "version": 1}' in snippets["place"].code
    assert snippets["save"].parameters == ("id", "status", "version", "read_version")
    assert 'Item={"id": id_, "status": status, "version": version}' in snippets["save"].code
    assert '{":version": read_version}' in snippets["save"].code
    assert "order['read_version']" in snippets["pay"].code


@pytest.fixture(scope="module")
def board(designs) -> Brief:
    return brief(wb.load_design(designs / "task_board.yaml"))


def test_the_page_says_how_keys_are_made(board):
    row = "| Task | `PROJECT#{project_id}` | `TASK#{task_id}` | `title`, `status`, `ownerId`, `createdAt` |"
    assert row in str(board).splitlines()


GUARDRAILS = [
    "`create-task`: keep the condition `attribute_not_exists(PK)`; it keeps a second Task from overwriting the first.",
    "checks ownerId and status in the same step as the write.",
    "No Scan for Task: Query serves it by `PK = :PK AND begins_with(SK, :tasks)`.",
    "`expiresAt` of ClaudeCodeLabDemo is TTL: a Number, epoch **seconds**",
    "Keep `ReturnConsumedCapacity` in development",
    "No local endpoint",
    "- **update-task-by-id**: UpdateItem needs the whole primary key",
    "**DW103** table ClaudeCodeLabDemo: at peak WEBHOOK#stripe takes",
]


@pytest.mark.parametrize("text", GUARDRAILS)
def test_a_guardrail_follows_from_the_design(board, text):
    assert text in str(board)


def test_every_served_pattern_has_code_and_no_other(board):
    assert list(board.snippets) == [p.name for p in wb.load_design(SHIPPED / "task_board.yaml").served_patterns()]
    assert board.to_frame().function.is_unique


def test_an_attribute_that_a_key_is_made_of_is_a_guardrail():
    page = str(brief(design(EVERY_OPERATION)))
    assert "`GSI1PK` of Order is made of `state`: an update of one sets `GSI1PK` too, as `S#{state}`." in page


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (
            "{operation: ConditionCheck, condition: attribute_exists(id)}",
            "cancels the whole transaction where there is no Item",
        ),
        (
            "{operation: ConditionCheck, condition: attribute_not_exists(id)}",
            "cancels the whole transaction if there is such an item of Item",
        ),
        (
            "{operation: ConditionCheck, condition: n > :n}",
            "cancels the whole transaction where there is no Item and checks n in the same transaction",
        ),
        ("{operation: Delete, condition: attribute_exists(id)}", "lets the caller know where there was no Item"),
        (
            "{operation: Update, update: ADD n :n, condition: attribute_exists(id)}",
            "keeps the write from creating an Item where there is none",
        ),
        (
            "{operation: Put, condition: attribute_not_exists(id)}",
            "keeps a second Item from overwriting the first",
        ),
    ],
)
def test_a_condition_is_told_by_what_its_action_does(action, said):
    text = f"""\
tables: {{Items: {{partition_key: id}}}}
fields: {{id: {{count: 9}}}}
entities: {{Item: {{attributes: {{n: 0..9}}}}}}
access_patterns: {{p: {{operation: TransactWriteItems, actions: [{action}], rate: 1/s}}}}
"""
    assert f"; it {said}." in str(brief(design(text)))


def test_what_a_design_says_cannot_break_out_of_the_page():
    hostile = {
        "tables": {"Notes": {"partition_key": "PK"}},
        "fields": {"id": {"count": 3}},
        "entities": {"Note": {"key": {"PK": 'it\'s "{id}" {{x}}'}, "attributes": {"a`b|c": "text(3)"}}},
        "access_patterns": {
            "read`` it": {"operation": "GetItem", "description": 'ends """ here \\ and <script>alert(1)</script>'}
        },
    }
    page = brief(design(as_yaml(hostile)))
    scope: dict[str, Any] = {}
    exec(compile(page.snippets["read`` it"].code, "code", "exec"), scope)
    shown = page.markdown.replace(page.snippets["read`` it"].code, "")
    assert "<script>" not in shown.replace("\\<script>", "")
    assert "```python" in page.markdown
