"""The requests of access patterns: whom they ask, with which values, and what share each item gets."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.designs import SHIPPED, SHIPPED_DESIGNS, items
from workbench.defaults import DEFAULT_NOW
from workbench.descriptors import to_item, to_wire
from workbench.design import AccessPattern
from workbench.designfile import load_design, parse_design
from workbench.items import Items, generate_items
from workbench.members import fitting
from workbench.requests import Call, draw_calls
from workbench.targets import draw_places, request_weights

SHOP = """
tables:
  Tab:
    partition_key: PK
    sort_key: SK
    gsi: {{ByState: {{partition_key: state, sort_key: at}}}}
fields:
  a: {{count: 20, format: "a{{:02}}", popularity: {{read: zipf(1.1), write: "top(60% 20%)"}}}}
  b: {{per: a, count: 1..4, type: ulid}}
  other: {{of: a}}
  shard: shard(3)
entities:
  A: {{key: {{PK: "A#{{a}}", SK: META}}, attributes: {{name: name, points: 1..9, orders: 0..9}}}}
  B:
    key: {{PK: "A#{{a}}", SK: "B#{{b}}"}}
    attributes:
      state: {{choice: {{OPEN: 40%, SENT: 60%}}, new: OPEN}}
      at: timestamp(-9d..now)
      note: {{type: text(5), present: 50%}}
      tags: {{set: [x, y, z], length: 2}}
  S: {{key: {{PK: "S#{{a}}#{{shard}}", SK: "{{b}}"}}}}
access_patterns:
  p: {pattern}
"""


@pytest.fixture(scope="module")
def shop():
    """Items of the shop and one of its patterns."""

    def made(pattern: str) -> tuple[Items, AccessPattern]:
        found = items(SHOP.format(pattern=pattern))
        return found, found.design.access_patterns["p"]

    return made


def calls(shop: Any, pattern: str, count: int = 20, seed: int = 1) -> list[Call]:
    found, read = shop(pattern)
    return draw_calls(found, read, count, seed=seed)


def parameters(shop: Any, pattern: str, count: int = 20) -> list[dict[str, Any]]:
    return [request.parameters for call in calls(shop, pattern, count) for request in call.requests]


# boto3's own description of the API says which parameters an operation takes.
API = ServiceModel(Loader().load_service_model("dynamodb", "service-2"), "dynamodb")


def test_a_popularity_that_says_again_what_the_field_has_draws_the_same_calls(shop):
    read = "{{operation: GetItem, entity: A, {}rate: 1/s}}"
    own, again, other = (
        parameters(shop, read.format(stated)) for stated in ("", *map(_STATED.format, ("zipf(1.1)", "uniform")))
    )
    assert again == own
    assert other != own


_STATED = "popularity: {{a: {}}}, "


@pytest.mark.parametrize("name", SHIPPED_DESIGNS)
def test_every_request_of_the_shipped_designs_is_one_that_boto3_takes(name):
    made = generate_items(load_design(SHIPPED / f"{name}.yaml"))
    for pattern in made.design.served_patterns():
        found = draw_calls(made, pattern, 3, seed=1)
        assert len(found) == 3
        for request in (request for call in found for request in call.requests):
            shape = API.operation_model(request.operation).input_shape
            assert ParamValidator().validate(request.parameters, shape).generate_report() == ""


def test_the_same_seed_draws_the_same_calls_and_another_seed_others(shop):
    pattern = "{operation: PutItem, entity: B}"
    one, same, other = (calls(shop, pattern, seed=seed) for seed in (1, 1, 2))
    assert [c.requests for c in one] == [c.requests for c in same] != [c.requests for c in other]


# What values stand for


def test_a_value_is_that_of_the_item_that_the_request_is_about(shop):
    found, pattern = shop("{operation: UpdateItem, entity: B, condition: '#at = :at', update: REMOVE note}")
    stored = {(i["PK"], i["SK"]): i for i in found.entities["B"].take(range(len(found.entities["B"])))}
    for call in draw_calls(found, pattern, 20, seed=1):
        asked = call.requests[0].parameters
        item = stored[asked["Key"]["PK"]["S"], asked["Key"]["SK"]["S"]]
        assert asked["ExpressionAttributeValues"] == {":at": {"S": item["at"]}}


def test_in_an_update_a_value_is_new_unless_a_condition_names_it_too(shop):
    alone = parameters(shop, "{operation: UpdateItem, entity: A, update: SET points = :points}")
    assert len({p["ExpressionAttributeValues"][":points"]["N"] for p in alone}) > 3
    both = parameters(
        shop, "{operation: UpdateItem, entity: B, condition: '#at = :at', update: 'SET #at = :at, note = :note'}"
    )
    found, _ = shop("{operation: Scan, entity: A}")
    stored = {(i["PK"], i["SK"]): i["at"] for i in found.entities["B"].take(range(len(found.entities["B"])))}
    for asked in both:
        values = asked["ExpressionAttributeValues"]
        assert values[":at"]["S"] == stored[asked["Key"]["PK"]["S"], asked["Key"]["SK"]["S"]]
        assert len(values[":note"]["S"]) == 5


VALUES = """{operation: UpdateItem, entity: B, condition: "#state = :state", values: {
  text: OPEN, field: "{a}", made: "by {a} and {other}", number: 1.50, one: {type: 7..9}, some: [p, q],
  old: {type: date(-7d)}, list: {list: 1..2, length: 2}, set: {set: [m, n], length: 2},
  map: {map: {k: 1..2, who: "{a}"}}, role: {of: a}},
  update: "SET s1 = :text, s2 = :field, s3 = :made, s4 = :number, s5 = :one, s6 = :some, s7 = :old, s8 = :list,
  s9 = :set, t1 = :map, t2 = :role, t3 = :now, t4 = :a"}"""


def test_values_are_templates_constants_or_domains(shop):
    for asked in parameters(shop, VALUES):
        values, who = asked["ExpressionAttributeValues"], asked["Key"]["PK"]["S"].removeprefix("A#")
        assert values[":text"] == {"S": "OPEN"} and values[":number"] == {"N": "1.5"}
        assert values[":field"] == {"S": who} and values[":made"]["S"].startswith(f"by {who} and a")
        assert 7 <= int(values[":one"]["N"]) <= 9 and values[":some"]["S"] in "pq"
        assert values[":old"] == {"S": "2025-12-25"} and values[":now"] == {"N": str(DEFAULT_NOW)}
        assert {tuple(value) for value in values[":list"]["L"]} == {("N",)} and len(values[":list"]["L"]) == 2
        assert values[":set"] == {"SS": ["m", "n"]}
        assert values[":map"]["M"]["who"] == {"S": who}
        assert values[":role"]["S"].startswith("a") and values[":a"]["S"].startswith("a")
        assert values[":state"]["S"] in ("OPEN", "SENT")


def test_names_stand_for_attributes(shop):
    (asked,) = parameters(
        shop,
        "{operation: Query, entity: B, index: ByState, key_condition: '#s = :state', projection: '#at, #s', "
        "names: {s: state}}",
        1,
    )
    assert asked["ExpressionAttributeNames"] == {"#s": "state", "#at": "at"}
    assert asked["IndexName"] == "ByState" and asked["ProjectionExpression"] == "#at, #s"


def test_settings_of_reads_are_passed_on(shop):
    query = "key_condition: PK = :PK, consistent: true, descending: true, limit: 5, select: COUNT"
    (asked,) = parameters(shop, f"{{operation: Query, entity: B, {query}}}", 1)
    assert (asked["ConsistentRead"], asked["ScanIndexForward"], asked["Limit"], asked["Select"]) == (
        True,
        False,
        5,
        "COUNT",
    )
    scan = parameters(shop, "{operation: Scan, table: Tab, segments: 3}", 1)
    assert [(one["Segment"], one["TotalSegments"]) for one in scan] == [(0, 3), (1, 3), (2, 3)]


# Which items


def stored_keys(shop: Any, entity: str) -> set[tuple[str, str]]:
    found, _ = shop("{operation: Scan, entity: A}")
    return {(i["PK"], i["SK"]) for i in found.entities[entity].take(range(len(found.entities[entity])))}


def asked_keys(shop: Any, pattern: str, count: int = 20) -> list[tuple[str, str]]:
    found = [p.get("Key") or p["Item"] for p in parameters(shop, pattern, count)]
    return [(key["PK"]["S"], key["SK"]["S"]) for key in found]


@pytest.mark.parametrize(
    ("pattern", "exist"),
    [
        ("{operation: PutItem, entity: B}", False),
        ("{operation: PutItem, entity: B, target: existing}", True),
        ("{operation: GetItem, entity: B}", True),
        ("{operation: GetItem, entity: B, target: missing}", False),
        ("{operation: DeleteItem, entity: A}", True),
        ("{operation: UpdateItem, entity: B, target: new, update: REMOVE note}", False),
    ],
)
def test_a_target_says_whether_the_item_exists(shop, pattern, exist):
    assert {key in stored_keys(shop, pattern.split("entity: ")[1][0]) for key in asked_keys(shop, pattern)} == {exist}


def test_created_items_differ_and_have_their_new_values(shop):
    made = [p["Item"] for p in parameters(shop, "{operation: PutItem, entity: B}", 40)]
    assert len({(item["PK"]["S"], item["SK"]["S"]) for item in made}) == 40
    assert {(item["state"]["S"], item["at"]["S"]) for item in made} == {("OPEN", "2026-01-01T00:00:00Z")}


def test_a_target_restricts_the_items_and_each_is_used_up_once(shop):
    found, pattern = shop(
        "{operation: UpdateItem, entity: B, target: {state: OPEN}, update: 'SET #state = :s', values: {s: SENT}}"
    )
    open_ones = {i["SK"] for i in found.entities["B"].take(range(len(found.entities["B"]))) if i["state"] == "OPEN"}
    asked = [c.requests[0].parameters["Key"]["SK"]["S"] for c in draw_calls(found, pattern, 1000, seed=1)]
    assert len(asked) == len(open_ones) and set(asked) == open_ones


def test_a_target_may_name_several_values(shop):
    found, pattern = shop("{operation: GetItem, entity: A, target: {points: [1, 2]}}")
    entity = found.entities["A"]
    wanted = {i for i, item in enumerate(entity.take(range(len(entity)))) if item["points"] in (1, 2)}
    assert set(np.flatnonzero(request_weights(found, pattern, entity))) == wanted


def test_for_each_asks_once_for_every_value(shop):
    found = calls(shop, "{operation: Query, entity: S, key_condition: PK = :PK, for_each: shard}", 5)
    for call in found:
        asked = [request.parameters["ExpressionAttributeValues"][":PK"]["S"] for request in call.requests]
        assert [key.rpartition("#")[2] for key in asked] == ["0", "1", "2"]
        assert len({key.rpartition("#")[0] for key in asked}) == 1


# Batches and transactions


def test_the_items_of_a_batch_differ_and_share_what_is_the_same(shop):
    for asked in parameters(shop, "{operation: BatchGetItem, entity: B, count: 2..4, same: [a]}"):
        keys = [(key["PK"]["S"], key["SK"]["S"]) for key in asked["RequestItems"]["Tab"]["Keys"]]
        assert 1 <= len(keys) == len(set(keys)) <= 4 and len({pk for pk, _ in keys}) == 1


def test_a_batch_writes_as_many_new_items_as_it_counts(shop):
    for asked in parameters(shop, "{operation: BatchWriteItem, entity: B, count: 25, same: [a]}", 3):
        puts = [one["PutRequest"]["Item"] for one in asked["RequestItems"]["Tab"]]
        assert len({put["SK"]["S"] for put in puts}) == 25 and len({put["PK"]["S"] for put in puts}) == 1


def test_a_mixed_batch_puts_and_deletes(shop):
    pattern = "actions: [{operation: Put, entity: B, count: 2}, {operation: Delete, entity: A}]"
    for asked in parameters(shop, f"{{operation: BatchWriteItem, {pattern}}}", 3):
        assert [next(iter(one)) for one in asked["RequestItems"]["Tab"]] == [
            "PutRequest",
            "PutRequest",
            "DeleteRequest",
        ]


def test_in_a_transaction_a_field_has_one_value_for_all_actions(shop):
    put = "{operation: Put, entity: B, condition: attribute_not_exists(PK)}"
    add = '{operation: Update, entity: A, update: "ADD orders :one", values: {one: 1}}'
    for asked in parameters(shop, f"{{operation: TransactWriteItems, actions: [{add}, {put}]}}"):
        (update, made) = (next(iter(one.values())) for one in asked["TransactItems"])
        assert update["Key"] == {"PK": made["Item"]["PK"], "SK": {"S": "META"}}
        assert update["ExpressionAttributeValues"] == {":one": {"N": "1"}} and "ExpressionAttributeValues" not in made


def test_what_one_action_creates_the_others_see():
    text = """
fields: {customer: {count: 5}, order: {per: customer, count: 2, type: ulid}, line: {per: order, count: 1..3}}
entities:
  Order: {key: {PK: "C#{customer}", SK: "O#{order}"}}
  Line: {key: {PK: "O#{order}", SK: "L#{line}"}, attributes: {by: "{customer}"}}
access_patterns:
  p:
    operation: TransactWriteItems
    actions: [{operation: Put, entity: Line, count: 2}, {operation: Put, entity: Order}]
"""
    made = items(text)
    known = {item["SK"] for item in made.entities["Order"].take(range(10))}
    for call in draw_calls(made, made.design.access_patterns["p"], 10, seed=1):
        one, two, order = (put["Put"]["Item"] for put in call.requests[0].parameters["TransactItems"])
        assert order["SK"]["S"] not in known
        assert one["PK"] == two["PK"] == order["SK"] and one["SK"] != two["SK"]
        assert f"C#{one['by']['S']}" == order["PK"]["S"]


CHAT = """\
name: chat
tables: {{Chat: {{partition_key: PK, sort_key: SK}}}}
fields: {{room: {{count: 100}}, user: {{count: 500}}, msg: {{per: room, count: 20, type: ulid}}}}
entities:
  Member: {{key: {{PK: "R#{{room}}", SK: "U#{{user}}"}}, items: 400, attributes: {{unread: 0..9}}}}
  Message: {{key: {{PK: "R#{{room}}", SK: "M#{{msg}}"}}, attributes: {{by: "{{user}}"}}}}
  Ban: {{key: {{PK: "R#{{room}}", SK: "B#{{user}}"}}, items: 2, attributes: {{days: 0..9}}}}
access_patterns: {{p: {{operation: {operation}, actions: [{actions}]}}}}
"""
PUT, UPDATE = "{operation: Put, entity: Message}", "{operation: Update, entity: Member, update: ADD unread :unread}"


@pytest.mark.parametrize("actions", [f"{PUT}, {UPDATE}", f"{UPDATE}, {PUT}"])
def test_a_new_item_names_a_member_who_exists_whatever_the_order_of_the_actions(actions):
    design = parse_design(CHAT.format(operation="TransactWriteItems", actions=actions))
    drawn = draw_calls(generate_items(design), design.access_patterns["p"], 20, seed=1)
    assert len(drawn) == 20
    for call in drawn:
        parts = {name: part for one in call.requests[0].parameters["TransactItems"] for name, part in one.items()}
        put, key = parts["Put"]["Item"], parts["Update"]["Key"]
        assert (put["PK"], put["by"]["S"]) == (key["PK"], key["SK"]["S"].removeprefix("U#"))


def test_what_members_of_a_transaction_have_to_agree_in_is_said():
    actions = "{operation: Get, entity: Member}, {operation: Get, entity: Ban}"
    design = parse_design(CHAT.format(operation="TransactGetItems", actions=actions))
    said = "agree in room and user, which Get Member and Get Ban share in one transaction"
    assert fitting(design, design.access_patterns["p"]) == said


def test_the_key_of_an_action_names_another_item_of_the_same_kind(shop):
    update = "operation: Update, entity: A, update: ADD points :one"
    other = 'key: {PK: "A#{other}"}'
    pattern = f"{{operation: TransactWriteItems, values: {{one: 1}}, actions: [{{{update}}}, {{{update}, {other}}}]}}"
    pairs = []
    for asked in parameters(shop, pattern, 30):
        pairs.append([one["Update"]["Key"]["PK"]["S"] for one in asked["TransactItems"]])
    assert all(len(set(pair)) == len(pair) for pair in pairs)
    assert sum(len(pair) == 2 for pair in pairs) > 10


def test_transactions_read_several_kinds_of_item(shop):
    get = "{operation: Get, entity: A, projection: points}, {operation: Get, entity: B, count: 2}"
    for asked in parameters(shop, f"{{operation: TransactGetItems, actions: [{get}]}}", 3):
        first, *others = (one["Get"] for one in asked["TransactItems"])
        assert first["ProjectionExpression"] == "points" and len(others) == 2


# Shares of requests


@pytest.mark.parametrize(
    "pattern",
    [
        "{operation: GetItem, entity: B}",
        "{operation: PutItem, entity: B}",
        "{operation: Query, entity: B, index: ByState, key_condition: '#state = :state'}",
        "{operation: UpdateItem, entity: B, target: {state: OPEN}, update: REMOVE note}",
        "{operation: GetItem, entity: B, popularity: {a: latest}}",
        "{operation: GetItem, entity: A, popularity: {PK: hotset(10% takes 90%)}}",
        "{operation: GetItem, entity: A, popularity: {points: zipf(2)}}",
    ],
)
def test_the_shares_of_a_patterns_requests_sum_to_one(shop, pattern):
    found, read = shop(pattern)
    weights = request_weights(found, read, found.design and found.entities[read.entity[0]])
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()


def by_parent(found: Items, pattern: AccessPattern, entity: str) -> Counter[str]:
    shares: Counter[str] = Counter()
    weights = request_weights(found, pattern, found.entities[entity])
    for key, share in zip(found.entities[entity].columns["PK"].take(np.arange(len(weights))), weights, strict=True):
        shares[key] += share
    return shares


def test_reads_follow_the_read_popularity_to_the_closed_form(shop):
    # Zipf: the first of n gets 1 / H(n, s), the k-th 1 / k^s of that.
    found, pattern = shop("{operation: Query, entity: B, key_condition: PK = :PK}")
    harmonic = sum(1 / k**1.1 for k in range(1, 21))
    shares = by_parent(found, pattern, "B")
    assert [shares[f"A#a{k:02}"] for k in range(1, 21)] == pytest.approx([1 / k**1.1 / harmonic for k in range(1, 21)])


def test_writes_follow_the_write_popularity_to_the_closed_form(shop):
    found, pattern = shop("{operation: DeleteItem, entity: B}")
    shares = by_parent(found, pattern, "B")
    assert [shares[f"A#a{k:02}"] for k in range(1, 21)] == pytest.approx([0.6, 0.2] + [0.2 / 18] * 18)


def test_within_a_parent_each_existing_item_is_alike(shop):
    found, pattern = shop("{operation: GetItem, entity: B}")
    entity = found.entities["B"]
    weights, parents = request_weights(found, pattern, entity), entity.places["a"]
    for parent in range(20):
        assert np.ptp(weights[parents == parent]) == pytest.approx(0)


def test_a_pattern_may_have_a_popularity_of_its_own(shop):
    found, pattern = shop("{operation: GetItem, entity: A, popularity: {a: latest}}")
    assert by_parent(found, pattern, "A") == {**{f"A#a{k:02}": 0 for k in range(1, 20)}, "A#a20": pytest.approx(1)}


def test_shares_of_a_choice_are_shares_of_requests_though_a_value_has_no_items():
    made = items(
        "tables: {Tab: {partition_key: id, gsi: {ByS: {partition_key: s}}}}\nfields: {id: {count: 300}}\n"
        "entities: {E: {attributes: {s: {choice: {A: 0%, B: 25%, C: 75%}}}}}\n"
        "access_patterns: {q: {operation: Query, index: ByS, key_condition: s = :s}}"
    )
    entity = made.entities["E"]
    weights = request_weights(made, made.design.access_patterns["q"], entity)
    states = np.array(entity.columns["s"].take(np.arange(300)))
    assert {s: weights[states == s].sum() for s in "ABC"} == pytest.approx({"A": 0, "B": 0.25, "C": 0.75})


def test_unstated_popularity_gives_a_parent_with_many_children_more():
    made = items(
        'fields: {a: {count: 30}, b: {per: a, count: 1..9}}\nentities: {E: {key: {PK: "{a}", SK: "{b}"}}}\n'
        "access_patterns: {q: {operation: Query, key_condition: PK = :PK}}"
    )
    weights = request_weights(made, made.design.access_patterns["q"], made.entities["E"])
    assert weights.tolist() == pytest.approx([1 / len(made)] * len(made))


def test_drawn_requests_follow_the_shares(shop):
    found, pattern = shop("{operation: GetItem, entity: A}")
    weights = request_weights(found, pattern, found.entities["A"])
    drawn = np.bincount(draw_places(weights, 100_000, np.random.default_rng(1)), minlength=20) / 100_000
    assert drawn == pytest.approx(weights, abs=4 * (0.25 / 100_000) ** 0.5)
    distinct = draw_places(weights, 100, np.random.default_rng(1), distinct=True)
    assert sorted(distinct) == list(range(20))


# DynamoDB JSON


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("x", {"S": "x"}),
        (5, {"N": "5"}),
        (True, {"BOOL": True}),
        (b"x", {"B": b"x"}),
        (None, {"NULL": True}),
        ([1, "a"], {"L": [{"N": "1"}, {"S": "a"}]}),
        ({"a": {"b": 1}}, {"M": {"a": {"M": {"b": {"N": "1"}}}}}),
        ({2, 1}, {"NS": ["1", "2"]}),
        ({b"b", b"a"}, {"BS": [b"a", b"b"]}),
    ],
)
def test_values_become_dynamodb_json(value, wire):
    assert to_wire(value) == wire
    assert to_item({"v": value}) == {"v": wire}


# Puts of an entity whose key combines unrelated fields

MEMBERS = """
fields:
  user: {{count: 300, popularity: zipf(1.1)}}
  group: {{count: 20, popularity: zipf(0.8)}}
entities:
  Member: {{key: {{PK: "U#{{user}}", SK: "G#{{group}}"}}, items: {items}}}
  User: {{key: {{PK: "U#{{user}}", SK: META}}}}
access_patterns:
  p: {pattern}
  again: {{operation: PutItem, entity: Member}}
"""


def put_keys(found: list[Call]) -> list[tuple[str, str]]:
    """The keys of all members that are put."""
    keys = [key for call in found for request in call.requests for _, key in request.keys]
    return [(key["PK"]["S"], key["SK"]["S"]) for key in keys if key["SK"]["S"].startswith("G#")]


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        ("{operation: PutItem, entity: Member}", 200),
        ("{operation: BatchWriteItem, entity: Member, count: 5}", 1000),
        ("{operation: BatchWriteItem, entity: Member, count: 2, same: [group]}", 400),
        (
            "{operation: TransactWriteItems, actions: [{operation: Put, entity: Member}, "
            "{operation: Update, entity: User, update: SET n = :n}], values: {n: 1}}",
            200,
        ),
    ],
)
def test_puts_of_a_sparse_combination_are_new_and_differ_from_each_other(pattern, least):
    made = items(MEMBERS.format(items=2000, pattern=pattern))
    created: dict[str, int] = {}
    patterns = made.design.access_patterns
    found = put_keys(draw_calls(made, patterns["p"], 200, seed=1, created=created))
    found += put_keys(draw_calls(made, patterns["again"], 50, seed=1, created=created))
    there = {(item["PK"], item["SK"]) for item in made.entities["Member"].take(range(2000))}
    assert len(found) == least + 50 == len(set(found)) and there.isdisjoint(found)
    users = {item["PK"] for item in made.entities["User"].take(range(300))}
    assert {user for user, _ in found} <= users  # no user is invented


def test_puts_end_with_the_last_free_combination_and_meet_existing_ones_if_none_is_free():
    pattern = "{operation: PutItem, entity: Member}"
    nearly = items(MEMBERS.format(items=5_990, pattern=pattern))
    assert len(set(put_keys(draw_calls(nearly, nearly.design.access_patterns["p"], 50, seed=1)))) == 10
    full = items(MEMBERS.format(items="all", pattern=pattern))
    assert len(draw_calls(full, full.design.access_patterns["p"], 50, seed=1)) == 50


# The pattern's own popularity

READINGS = """
fields:
  day: {{count: 30, format: "{{:02}}", popularity: uniform}}
  device: {{count: 400, format: "{{:03}}"}}
  reading: {{per: day, count: 5}}
entities:
  Day: {{key: {{PK: "{{day}}", SK: "{{device}}"}}, items: 6_000}}
  Reading: {{key: {{PK: "R{{day}}", SK: "{{reading}}"}}, attributes: {{day_key: "D#{{day}}"}}}}
access_patterns:
  p: {{operation: {operation}, entity: {entity}, popularity: {{{popularity}}}{more}}}
"""


@pytest.mark.parametrize(
    ("operation", "more"), [("PutItem", ""), ("BatchWriteItem", ", count: 1"), ("BatchWriteItem", ", count: 3")]
)
@pytest.mark.parametrize(("entity", "newest"), [("Day", "30"), ("Reading", "R30")])
def test_puts_by_a_popularity_of_the_pattern_are_all_for_the_newest_day(entity, newest, operation, more):
    text = READINGS.format(entity=entity, popularity="day: latest", operation=operation, more=more)
    made = items(text)
    found = draw_calls(made, made.design.access_patterns["p"], 40, seed=1)
    keys = [key["PK"]["S"] for call in found for request in call.requests for _, key in request.keys]
    assert len(keys) >= 40 and set(keys) == {newest}


@pytest.mark.parametrize("name", ["day", "PK", "day_key"])
def test_puts_share_the_values_as_the_popularity_of_the_pattern_says(name):
    text = READINGS.format(entity="Reading", popularity=f"{name}: zipf(1)", operation="PutItem", more="")
    made = items(text)
    found = draw_calls(made, made.design.access_patterns["p"], 4_000, seed=1)
    asked = Counter(call.requests[0].keys[0][1]["PK"]["S"] for call in found)
    whole = sum(1 / rank for rank in range(1, 31))  # Zipf's law: value k has the share 1 / (k H)
    for rank in range(1, 31):
        share = 1 / rank / whole
        assert abs(asked[f"R{rank:02}"] - 4_000 * share) < 5 * (4_000 * share * (1 - share)) ** 0.5


# Common random numbers


def test_reads_that_differ_only_in_a_filter_ask_for_the_same_items():
    made = generate_items(load_design(SHIPPED / "task_board.yaml"))
    patterns = made.design.access_patterns
    whole, filtered = (
        [call.requests[0].places for call in draw_calls(made, patterns[name], 50, seed=3)]
        for name in ("list-project-tasks", "list-open-tasks")
    )
    assert whole == filtered


def test_writes_of_two_patterns_draw_apart(shop):
    found, pattern = shop("{operation: PutItem, entity: B}")
    other = pattern.model_copy(update={"name": "q"})
    first, second = (draw_calls(found, p, 20, seed=1) for p in (pattern, other))
    assert [c.requests[0].keys for c in first] != [c.requests[0].keys for c in second]


def test_for_each_of_an_attribute_that_some_items_lack_asks_for_the_values_that_others_have():
    text = """
name: jobs
tables: {Jobs: {partition_key: job, gsi: {Open: {partition_key: queue}}}}
fields: {job: {count: 50}}
entities: {Job: {attributes: {queue: {type: 1..3, present: 30%}}}}
access_patterns: {list: {operation: Query, index: Open, for_each: queue, key_condition: queue = :queue, rate: 1/s}}
"""
    made = generate_items(parse_design(text))
    for call in draw_calls(made, made.design.access_patterns["list"], 5, seed=1):
        asked = [request.parameters["ExpressionAttributeValues"][":queue"]["N"] for request in call.requests]
        assert sorted(asked) == ["1", "2", "3"]
