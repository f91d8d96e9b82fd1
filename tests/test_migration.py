"""What a change means in production: each kind of change gets in by the way that DynamoDB has for it."""

from typing import Any

import pytest

from tests.designs import as_yaml, merged
from workbench.designfile import load_design, parse_design
from workbench.documents import read_document
from workbench.migration import WAYS, Diff, diff

SHOP = """\
name: shop
tables:
  Orders:
    partition_key: PK
    sort_key: SK
    gsi: {byDay: {partition_key: day, projection: [amount]}}
    lsi: {byAmount: {sort_key: amount}}
  Logs: {partition_key: log}
fields:
  customer: {count: 50}
  order: {per: customer, count: 4}
  log: {count: 30}
entities:
  Order:
    table: Orders
    key: {PK: "C#{customer}", SK: "O#{order}"}
    attributes: {day: [mon, tue], amount: 1..9, note: text(2000)}
  Log: {table: Logs, attributes: {text: text(50)}}
access_patterns:
  list: {operation: Query, entity: Order, key_condition: PK = :PK, rate: 2/s}
"""


SHOP_WITH_MORE = SHOP.replace("  Logs: {", "  Logs: {pitr: true, ") + "  scan: {operation: Scan, table: Logs}\n"
OTHER_KEY = SHOP.replace("sort_key: SK", "sort_key: SK2").replace(', SK: "O#', ', SK2: "O#')


def of(change: Any) -> Diff:
    """What changes when parts of the shop do."""
    old = read_document(SHOP).data
    return diff(parse_design(SHOP), parse_design(as_yaml(merged(old, change))))


def table(**settings: Any) -> dict[str, Any]:
    return {"tables": {"Orders": settings}}


def test_a_design_that_stays_changes_nothing():
    assert len(of({})) == 0
    assert of({}).summary_line() == "shop: nothing changes in production"


def test_a_load_is_no_change_of_production():
    assert len(of({"access_patterns": {"list": {"rate": "5/s", "peak": "9/s"}}, "fields": {"log": {"count": 9}}})) == 0


@pytest.mark.parametrize(
    ("change", "where", "way", "said"),
    [
        (table(lsi={"byNote": {"sort_key": "note"}}), "local index byNote", "rebuild", "added"),
        (table(lsi={"byAmount": {"sort_key": "amount", "projection": "KEYS_ONLY"}}), "byAmount", "rebuild", "changed"),
        (table(gsi={"byDay": {"partition_key": "note"}}), "index byDay", "rebuild", "partition key day to note"),
        (table(gsi={"byDay": {"projection": "ALL"}}), "index byDay", "rebuild", "projection amount to ALL"),
        (table(gsi={"byNote": {"partition_key": "note"}}), "index byNote", "backfill", "added"),
        (table(capacity={"read": 5, "write": 5}), "table Orders", "in place", "on-demand to {read: 5, write: 5}"),
        (table(table_class="STANDARD_INFREQUENT_ACCESS"), "table Orders", "in place", "table class STANDARD to"),
        (table(pitr=True), "table Orders", "in place", "pitr off to on"),
        (table(stream="NEW_IMAGE"), "table Orders", "in place", "stream none to NEW_IMAGE"),
        (table(ttl="amount"), "table Orders", "in place", "ttl none to amount"),
        (table(replicas=["eu-west-1"]), "table Orders", "in place", "replicas none to eu-west-1"),
        (table(max_throughput={"write": 100}), "table Orders", "in place", "max throughput none to {write: 100}"),
        (table(gsi={"byDay": {"max_throughput": {"read": 9}}}), "index byDay", "in place", "max throughput"),
        ({"entities": {"Log": {"attributes": {"level": "1..3"}}}}, "entity Log", "code", "with level"),
        ({"entities": {"Order": {"key": {"PK": "CUST#{customer}"}}}}, "entity Order", "rewrite", "key PK is made"),
        ({"entities": {"Order": {"attributes": {"day": ["mon", "wed"]}}}}, "", "", ""),
        ({"access_patterns": {"list": {"filter": "amount > :five", "values": {"five": 5}}}}, "list", "code", "filter"),
        ({"access_patterns": {"scan": {"operation": "Scan", "table": "Logs"}}}, "scan", "code", "added"),
    ],
)
def test_each_change_gets_into_production_by_its_own_way(change, where, way, said):
    found = [(c.where, c.way, c.what) for c in of(change)]
    if not way:
        assert found == []
    else:
        assert any(where in c[0] and c[1] == way and said in c[2] for c in found), found


def test_a_removed_index_is_dropped_and_a_removed_local_one_needs_a_new_table():
    without = parse_design(SHOP.replace("    gsi: {byDay: {partition_key: day, projection: [amount]}}\n", ""))
    (change,) = diff(parse_design(SHOP), without)
    assert (change.way, change.what) == ("in place", "removed")
    (change,) = diff(parse_design(SHOP), parse_design(SHOP.replace("    lsi: {byAmount: {sort_key: amount}}\n", "")))
    assert (change.way, change.what) == ("rebuild", "removed")


def test_a_table_that_is_copied_says_how_many_items_and_write_units():
    found = diff(parse_design(SHOP), parse_design(OTHER_KEY))
    (change,) = [c for c in found if c.way == "rebuild"]
    assert change.what == "primary key PK, SK to PK, SK2"
    assert change.items == 200
    assert change.write_units == 2 * 200  # items of more than 1 KB
    assert change.usd == pytest.approx(400 * 0.625e-6)


def test_an_index_is_filled_with_the_entries_of_items_that_have_its_key():
    (change,) = of(table(gsi={"byNote": {"partition_key": "amount", "projection": "KEYS_ONLY"}}))
    assert (change.way, change.items, change.write_units) == ("backfill", 200, 200)


def test_items_that_lack_an_indexs_key_must_be_written_first():
    entity = {"Order": {"attributes": {"region": ["a", "b"]}}}
    change = {**table(gsi={"byRegion": {"partition_key": "region"}}), "entities": entity}
    found = {c.way: c for c in of(change)}
    assert found["rewrite"].what == "gets region" and found["rewrite"].items == 200
    assert found["rewrite"].write_units == 200 * (2 + 2)  # items of more than 1 KB, and their entries, which copy all
    assert found["backfill"].items == 0  # no item has it yet


def test_a_key_attribute_of_another_type_is_another_key():
    old = SHOP.replace("log: {count: 30}", "log: {count: 30, type: integer}")
    (change,) = diff(parse_design(old), parse_design(SHOP))
    assert (change.way, change.what) == ("rebuild", "type of key attribute log N to S")


def test_an_entity_that_moves_is_copied(designs):
    found = diff(load_design(designs / "sessions_simple.yaml"), load_design(designs / "task_board.yaml"))
    (moved,) = [c for c in found if c.where == "entity Session"]
    assert moved.what == "moves from table Sessions to ClaudeCodeLabDemo" and moved.way == "rewrite"
    assert {c.where for c in found if c.what == "removed"} == {"table Sessions", "table WebhookEvents"}


def test_the_hardest_stands_first_and_every_way_is_explained():
    more = SHOP_WITH_MORE.replace("sort_key: SK", "sort_key: SK2").replace(', SK: "O#', ', SK2: "O#')
    found = diff(parse_design(SHOP), parse_design(more))
    ways = [change.way for change in found]
    assert ways == sorted(ways, key=list(WAYS).index) and set(ways) == {"rebuild", "in place", "code"}
    assert found.of("rebuild")[0].how.startswith("a table with the new key")
    assert list(found.to_frame().columns)[:4] == ["where", "what", "way", "how"]
    assert "rebuild" in found._repr_html_() and repr(found).startswith("<Diff shop: 1 rebuild")


FORMS = """\
name: forms
tables:
  Forms: {partition_key: PK, sort_key: SK, ttl: expires, gsi: {byRank: {partition_key: rank}}}
fields:
  user: {count: 20}
  task: {per: user, count: 5, format: "task-{:05}"}
  session: {per: user, count: 2, type: uuid}
entities:
  Task:
    key: {PK: "U#{user}", SK: "{task}"}
    attributes: {rank: 1..9, note: 1..5, expires: "epoch(now..+30d)"}
  Session: {key: {PK: "U#{user}", SK: "S#{session}"}, attributes: {rank: 1..9}}
access_patterns:
  get: {operation: GetItem, entity: Task}
"""


def forms(*changes: tuple[str, str]) -> list[tuple[str, str, str, int]]:
    text = FORMS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return [(c.where, c.what, c.way, c.items) for c in diff(parse_design(FORMS), parse_design(text))]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("task-{:05}", "T{:07}", [("entity Task", "key SK is made otherwise", "rewrite", 100)]),
        ("type: uuid", "type: ulid", [("entity Session", "key SK is made otherwise", "rewrite", 40)]),
        ('"{task}"', '"{task:>9}"', [("entity Task", "key SK is made otherwise", "rewrite", 100)]),
        ("epoch(now..+30d)", "timestamp(now..+30d)", [("entity Task", "time to live expires N to S", "rewrite", 100)]),
        ("note: 1..5", "note: text(4)", [("entity Task", "note N to S", "code", 0)]),
    ],
)
def test_what_is_written_otherwise_is_found_in_fields_and_types(old, new, expected):
    assert forms((old, new)) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [("rank: 1..9", "rank: 1..99"), ("count: 20", "count: 30"), ("now..+30d", "now..+9d")],
)
def test_a_wider_range_or_another_count_rewrites_nothing(old, new):
    assert forms((old, new)) == []


def test_a_renamed_field_rewrites_nothing():
    assert forms(("task: {per", "job: {per"), ('"{task}"', '"{job}"')) == []


def test_an_index_whose_keys_type_changes_is_built_anew():
    # The type of a key attribute is fixed by AttributeDefinitions while an index has it (AWS: API_AttributeDefinition).
    (found,) = forms(("rank: 1..9", "rank: text(3)"))
    assert found == ("index byRank of table Forms", "type of key attribute rank N to S", "rebuild", 140)


def test_what_is_removed_is_deleted_and_said_with_its_items():
    session = '  Session: {key: {PK: "U#{user}", SK: "S#{session}"}, attributes: {rank: 1..9}}\n'
    assert forms((session, "")) == [("entity Session", "removed", "delete", 40)]
    old = read_document(SHOP).data
    without = {k: {n: v for n, v in old[k].items() if n not in ("Logs", "Log")} for k in ("tables", "entities")}
    (found,) = diff(parse_design(SHOP), parse_design(as_yaml({**old, **without})))
    assert (found.where, found.way, found.items) == ("table Logs", "delete", 30)
