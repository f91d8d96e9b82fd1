"""The rules of DynamoDB's operations, checked for every access pattern when a design is loaded."""

import pytest

from tests.designs import BOARD, SHIPPED, problems
from workbench.designfile import load_design, parse_design
from workbench.serving import not_served, unserved_reason

SHOP = """\
name: shop
tables:
  Shop:
    partition_key: PK
    sort_key: SK
    gsi:
      ByState: {partition_key: [state, region], sort_key: [placedAt, SK], projection: [total]}
    lsi:
      ByTotal: {sort_key: total}
  Simple: {partition_key: id}
fields:
  customer: {count: 20}
  order: {per: customer, count: 1..5, type: ulid}
  id: {count: 10}
entities:
  Customer: {table: Shop, key: {PK: "C#{customer}", SK: PROFILE}, attributes: {email: email, points: 0..9}}
  Order:
    table: Shop
    key: {PK: "C#{customer}", SK: "O#{order}"}
    attributes: {state: [OPEN, SENT], region: [EU, US], placedAt: timestamp, total: 1..99, notes: text(5)}
  Thing: {table: Simple, attributes: {size: 1..3}}
roles:
  shopper: {tenant: customer}
access_patterns:
"""


def said(pattern: str) -> list[str]:
    """What is said of one pattern, without the place."""
    return [line.split(": ", 1)[1] for line in problems(SHOP + f"  p: {pattern}\n")]


SERVED = [
    "{operation: GetItem, entity: Order, consistent: true, projection: notes}",
    "{operation: BatchGetItem, entity: Order, count: 100, same: [customer], consistent: true}",
    "{operation: Query, entity: Order, key_condition: PK = :PK}",
    '{operation: Query, entity: Order, key_condition: "PK = :PK AND begins_with(SK, :o)", values: {o: "O#"}}',
    '{operation: Query, entity: Order, index: ByState, key_condition: "#state = :state AND #region = :region"}',
    '{operation: Query, entity: Order, index: ByState, key_condition: "#state = :state AND #region = :region AND '
    'placedAt >= :placedAt", filter: "#total > :total"}',
    '{operation: Query, entity: Order, index: ByTotal, key_condition: "PK = :PK AND #total > :total", consistent: '
    "true}",
    "{operation: Query, entity: [Customer, Order], key_condition: PK = :PK, select: COUNT}",
    "{operation: Query, entity: Order, index: ByState, key_condition: '#s = :state AND #r = :region', names: {s: "
    "state, "
    "r: region}}",
    "{operation: Scan, table: Shop, segments: 1000000}",
    "{operation: Scan, entity: Order, index: ByState, limit: 5, pages: all}",
    "{operation: PutItem, entity: Order, condition: attribute_not_exists(PK), role: shopper}",
    "{operation: UpdateItem, entity: Order, update: 'SET notes = :notes REMOVE #total', expect: {units: ..2}}",
    "{operation: DeleteItem, entity: Order, given: [customer, order]}",
    "{operation: BatchWriteItem, entity: Order, count: 25}",
    "{operation: BatchWriteItem, actions: [{operation: Put, entity: Order, count: 20}, {operation: Delete, entity: "
    "Thing, count: 5}]}",
    "{operation: TransactGetItems, actions: [{operation: Get, entity: Order, projection: notes}]}",
    "{operation: TransactWriteItems, actions: [{operation: Put, entity: Order}, {operation: ConditionCheck, entity: "
    "Customer, condition: points > :zero, values: {zero: 0}}]}",
    "{operation: TransactWriteItems, values: {one: 1}, actions: [{operation: Update, entity: Customer, update: ADD "
    "points "
    ":one}]}",
    "{operation: GetItem, entity: Order, expect: {error: ValidationException, attributes: [notes]}}",
]


@pytest.mark.parametrize("pattern", SERVED)
def test_what_dynamodb_takes_loads(pattern):
    assert list(parse_design(SHOP + f"  p: {pattern}\n").access_patterns) == ["p"]


KEY = (
    "partition key {} of index ByState must be fixed with {} = :value (all of state, region); a Query reads one item "
    "collection"
)

REFUSED = [
    # Query.KeyConditionExpressions
    (
        "{operation: Query, entity: Order, index: ByState, key_condition: '#state = :state'}",
        [KEY.format("region", "region")],
    ),
    (
        '{operation: Query, entity: Order, index: ByState, key_condition: "#state = :state AND #region = :region AND '
        'SK = :SK"}',
        [
            "sort key attributes of index ByState are used left to right (placedAt, SK), a range last; SK needs "
            "placedAt = :value before it"
        ],
    ),
    (
        "{operation: Query, entity: Thing, key_condition: id > :id}",
        ["partition key id of table Simple takes only =, not >; partitions are found by a hash, which keeps no order"],
    ),
    ("{operation: Query, entity: Order}", ["Query needs key_condition"]),
    (
        "{operation: Query, entity: Order, key_condition: PK = :PK, filter: SK > :SK}",
        ["the filter names SK, key of Shop: they belong into key_condition; a Query's filter takes no key attributes"],
    ),
    (
        "{operation: Query, entity: Order, key_condition: 'PK = :PK AND SK > :x', values: {x: 5}}",
        [":x is a number (N), and key attribute SK is text (S); DynamoDB compares a key with its own type only"],
    ),
    (
        "{operation: Query, entity: Order, index: ByTotal, key_condition: 'PK = :PK AND #total > :x', values: {x: "
        "'5'}}",
        [":x is text (S), and key attribute total is a number (N); DynamoDB compares a key with its own type only"],
    ),
    # GSI: eventually consistent only, and only what is projected
    (
        "{operation: Query, entity: Order, index: ByState, key_condition: '#state = :state AND #region = :region', "
        "consistent: true}",
        ["ByState is a GSI: its reads are always eventually consistent"],
    ),
    (
        "{operation: Scan, entity: Order, index: ByState, filter: notes = :notes}",
        ["GSI ByState does not project notes; known: PK, SK, placedAt, region, state, total"],
    ),
    (
        "{operation: Scan, entity: Order, index: ByState, select: ALL_ATTRIBUTES}",
        ["GSI ByState does not project all attributes, and a GSI fetches nothing"],
    ),
    (
        "{operation: Query, entity: Order, index: ByStat, key_condition: PK = :PK}",
        ["table Shop has no index 'ByStat'; did you mean 'ByState'? known: ByState, ByTotal"],
    ),
    # what an operation takes
    (
        "{operation: GetItem, entity: Order, filter: notes = :notes}",
        ["GetItem takes no filter: a filter is applied to what a Query or Scan has read"],
    ),
    (
        "{operation: PutItem, entity: Order, consistent: true}",
        ["PutItem takes no consistent: consistency is chosen for reads"],
    ),
    (
        "{operation: BatchWriteItem, entity: Order, condition: attribute_exists(PK)}",
        [
            "BatchWriteItem takes no condition: a condition goes with a single write; in a transaction it stands in "
            "the action"
        ],
    ),
    (
        "{operation: DeleteItem, entity: Order, update: REMOVE notes}",
        ["DeleteItem takes no update: only an UpdateItem changes attributes in place"],
    ),
    (
        "{operation: Query, entity: Order, key_condition: PK = :PK, segments: 4}",
        ["Query takes no segments: it belongs to Scan"],
    ),
    ("{operation: UpdateItem, entity: Order}", ["UpdateItem needs update"]),
    (
        "{operation: UpdateItem, entity: Order, update: SET SK = :notes}",
        ["SK is part of the primary key, which no update changes: delete and put"],
    ),
    (
        "{operation: Scan, table: Shop, entity: Order}",
        ["a Scan names an entity or a table, not both; the entity's table is known"],
    ),
    (
        "{operation: Query, entity: Order, key_condition: PK = :PK, projection: notes, select: COUNT}",
        ["a projection names what comes back, and select COUNT says otherwise: leave one out"],
    ),
    (
        "{operation: Scan, entity: Order, select: SPECIFIC_ATTRIBUTES}",
        ["select SPECIFIC_ATTRIBUTES needs a projection that names them"],
    ),
    (
        "{operation: Scan, entity: Order, select: ALL_PROJECTED_ATTRIBUTES}",
        ["select ALL_PROJECTED_ATTRIBUTES is for an index"],
    ),
    # batches and transactions
    ("{operation: BatchGetItem, entity: Order, count: 101}", ["101 items; a BatchGetItem has at most 100"]),
    ("{operation: BatchWriteItem, entity: Order, count: 1..26}", ["1..26 items; a BatchWriteItem has at most 25"]),
    (
        "{operation: BatchWriteItem, actions: [{operation: Put, entity: Order, count: 25}, {operation: Delete, entity: "
        "Order}]}",
        ["26 items; a BatchWriteItem has at most 25"],
    ),
    (
        "{operation: BatchWriteItem, actions: [{operation: Update, entity: Order, update: REMOVE notes}]}",
        ["a BatchWriteItem has no Update; known: Put, Delete"],
    ),
    (
        "{operation: BatchWriteItem, actions: [{operation: Put, entity: Order, condition: attribute_exists(PK)}]}",
        ["a batch has no conditions; use TransactWriteItems"],
    ),
    ("{operation: TransactWriteItems, entity: Order}", ["TransactWriteItems needs actions"]),
    (
        "{operation: TransactWriteItems, actions: [{operation: Update, entity: Order}]}",
        ["an action Update needs update"],
    ),
    (
        "{operation: TransactWriteItems, actions: [{operation: Put, entity: Order, update: REMOVE notes}]}",
        ["Put takes no update; it goes with Update"],
    ),
    (
        "{operation: TransactWriteItems, actions: [{operation: Put, entity: Ordr}]}",
        ["'Ordr' is not an entity; did you mean 'Order'? known: Customer, Order, Thing"],
    ),
    (
        "{operation: TransactWriteItems, actions: [{operation: Put}]}",
        ["the action names no entity; known: Customer, Order, Thing"],
    ),
    (
        '{operation: TransactWriteItems, actions: [{operation: Put, entity: Order, key: {PK: "X#{customer}"}}]}',
        ["PK: 'X#{customer}': the key of Order is as 'C#{customer}' with other fields"],
    ),
    # names
    (
        "{operation: Scan, entity: Order, role: shoper}",
        ["'shoper' is not a role; did you mean 'shopper'? known: shopper"],
    ),
    (
        "{operation: UpdateItem, entity: Thing, update: 'SET #size = :other', values: {other: {of: thing}}}",
        ["{thing} is no field or attribute; known: customer, id, order, size"],
    ),
    (
        "{operation: UpdateItem, entity: Thing, update: 'SET #size = :x', values: {x: {set: {of: thing}, length: 2}}}",
        ["{thing} is no field or attribute; known: customer, id, order, size"],
    ),
    (
        "{operation: UpdateItem, entity: Thing, update: 'SET #size = :x', values: {x: {type: uuid, count: 5}}}",
        ["count and per stand under fields; here each request draws one value"],
    ),
    (
        "{operation: UpdateItem, entity: Order, update: SET notes = :x, values: {x: {type: date(placedAt + 1d)}}}",
        ["date(placedAt + 1d): a time in values is counted from now, as {type: date(-7d)}"],
    ),
    (
        "{operation: GetItem, entity: Thing, popularity: {customer: latest}}",
        ["'customer' is no field or attribute of what is addressed; known: id, size"],
    ),
    (
        "{operation: GetItem, entity: Order, expect: {order: customer}}",
        ["'customer' is no attribute of what is addressed; known: PK, SK, notes, placedAt, region, state, total"],
    ),
    (
        "{operation: GetItem, entity: Thing, popularity: {ID: latest}}",
        ["'ID' is no field or attribute of what is addressed; did you mean 'id'? known: id, size"],
    ),
    (
        "{operation: GetItem, entity: Thing, names: {x: size}}",
        ["#x stands in no expression; remove it: DynamoDB refuses unused names"],
    ),
]


@pytest.mark.parametrize(("pattern", "messages"), REFUSED)
def test_what_dynamodb_refuses_is_one_message(pattern, messages):
    assert said(pattern) == messages


LARGE = """\
name: large
tables: {{Docs: {{partition_key: doc}}}}
fields: {{doc: {{count: 200}}}}
entities: {{Doc: {{size: {size}}}}}
access_patterns: {{p: {pattern}}}
"""


@pytest.mark.parametrize(
    ("size", "pattern"),
    [
        ("64 KB", "{operation: TransactGetItems, actions: [{operation: Get, count: 64}]}"),  # 4 MB to the byte
        ("64 KB", "{operation: TransactGetItems, count: 64}"),
        ("60 KB..90 KB", "{operation: TransactWriteItems, actions: [{operation: Put, count: 1..68}]}"),
        ("lognormal(300 KB..390 KB)", "{operation: TransactWriteItems, actions: [{operation: Put, count: 100}]}"),
        ("400 KB", "{operation: BatchWriteItem, actions: [{operation: Put, count: 25}]}"),
        ("400 KB", "{operation: BatchGetItem, count: 100}"),  # returns 16 MB, and the other keys as unprocessed
    ],
)
def test_a_transaction_that_may_stay_within_4_mb_loads(size, pattern):
    assert parse_design(LARGE.format(size=size, pattern=pattern))


@pytest.mark.parametrize(
    ("size", "pattern", "items", "fix"),
    [
        ("65537", "{operation: TransactGetItems, count: 64}", "64 of 64 KB are 4,194,368 bytes", "at most 63 of them"),
        (
            "60 KB..90 KB",
            "{operation: TransactWriteItems, actions: [{operation: Put, count: 1..69}]}",
            "69 of 60 KB are 4,239,360 bytes",
            "at most 68 of them",
        ),
        (
            "400 KB",
            "{operation: TransactWriteItems, actions: [{operation: Put, count: 8}, {operation: Delete, count: 3}]}",
            "8 of 400 KB and 3 of 400 KB are 4,505,600 bytes",
            "or smaller ones",
        ),
    ],
)
def test_a_transaction_that_passes_4_mb_by_its_stated_sizes_is_an_error(size, pattern, items, fix):
    [said] = problems(LARGE.format(size=size, pattern=pattern))
    assert items in said and fix in said
    assert f"have at most 4,194,304 (4 MB, API_{pattern[1:].split(',')[0].split(': ')[1]})" in said


def test_an_unknown_error_to_expect_is_named_with_the_nearest():
    (message,) = said("{operation: GetItem, entity: Order, expect: {error: ConditionFailed}}")
    assert message.startswith(
        "'ConditionFailed' is no error of DynamoDB; did you mean 'ConditionalCheckFailedException'?"
    )


# Patterns that no key serves


def test_a_caller_who_does_not_know_the_key_is_told_what_is_missing():
    assert said("{operation: UpdateItem, entity: Order, given: [order], update: REMOVE notes}") == [
        "UpdateItem needs the whole primary key of Shop (PK = C#{customer}, SK = O#{order}), and the caller knows only "
        "order: customer is missing"
    ]


def test_a_caller_who_does_not_know_the_partition_key_cannot_query():
    assert said("{operation: Query, entity: Order, given: [order], key_condition: PK = :PK}") == [
        "the key condition needs customer, and the caller knows only order"
    ]


def test_a_pattern_that_no_key_serves_may_stay_if_it_says_why():
    text = SHOP + "  p: {operation: GetItem, entity: Order, given: [order], unserved: to come}\n"
    assert parse_design(text).access_patterns["p"].unserved == "to come"


def test_unserved_on_a_pattern_that_a_key_serves_is_an_error_too():
    assert said("{operation: GetItem, entity: Order, given: [order, customer], unserved: to come}") == [
        "p can be served by the keys it has: remove unserved"
    ]


def test_an_unserved_pattern_is_told_which_key_would_serve():
    design = load_design(SHIPPED / "task_board.yaml")
    reason = unserved_reason(design, design.access_patterns["update-task-by-id"])
    assert reason == (
        "UpdateItem needs the whole primary key of ClaudeCodeLabDemo (PK = PROJECT#{project_id}, SK = "
        "TASK#{task_id}), and "
        "the caller knows only task_id: project_id is missing. It would be reached with project_id given too, or by "
        "a Query "
        "of a GSI with partition key task_id first"
    )


def test_attributes_that_each_item_has_of_its_own_are_missing_too():
    design = load_design(SHIPPED / "elearning.yaml")
    reason = unserved_reason(design, design.access_patterns["verify-certificate"])
    assert "verification_code: tenant_id, user_id, course_id and issued_date are missing. It would be reached" in reason
    assert "reached with tenant_id, user_id, course_id and issued_date given too, or by a Query of a GSI" in reason


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("[box]", "at and shard are missing"),
        ("[box, at]", "shard is missing"),
        ("[PK]", "at and shard are missing"),
        ("[box, at, shard]", ""),
        ("[box, SK]", ""),
    ],
)
def test_an_attribute_or_what_it_is_made_of_may_be_given(given, missing):
    text = """\
name: given
tables: {Boxes: {partition_key: PK, sort_key: SK}}
fields: {box: {count: 20}, shard: {type: shard(4)}}
entities: {Box: {key: {PK: "BOX#{box}", SK: "{kind}#{at}#{shard}"}, attributes: {at: timestamp, kind: [BOX]}}}
access_patterns:
"""
    stays = ", unserved: so far" if missing else ""
    design = parse_design(f"{text}  p: {{operation: GetItem, given: {given}{stays}}}\n")
    reasons = not_served(design, design.access_patterns["p"])
    assert [reason.rpartition(": ")[2] for reason in reasons] == ([missing] if missing else [])


def test_a_query_needs_the_sort_key_that_it_names():
    condition = "'#state = :state AND #region = :region AND placedAt > :placedAt'"
    query = "{operation: Query, entity: Order, index: ByState, given: [state, region], key_condition: %s}"
    assert said(query % condition) == ["the key condition needs placedAt, and the caller knows only state, region"]


def test_an_index_that_the_caller_could_query_is_named():
    text = SHOP.replace("gsi:\n", "gsi:\n      ByOrder: {partition_key: orderId}\n").replace(
        "notes: ", 'orderId: "{order}", notes: '
    )
    design = parse_design(text + "  p: {operation: GetItem, entity: Order, given: [order], unserved: to come}\n")
    assert unserved_reason(design, design.access_patterns["p"]).endswith("or by a Query of the index ByOrder first")


def test_patterns_that_are_served_have_no_reasons():
    for text in (BOARD, (SHIPPED / "sessions_simple.yaml").read_text(encoding="utf-8")):
        design = parse_design(text)
        assert [not_served(design, pattern) for pattern in design.access_patterns.values()] == [[]] * len(
            design.access_patterns
        )


# Targets


RESTRICTED = """\
name: restricted
tables: {Boxes: {partition_key: PK, sort_key: SK}}
fields:
  box: {count: 20, format: "b-{:03}"}
  taker: {of: box}
  thing: {per: box, count: 4, type: ulid}
  hue: [RED, BLUE]
rows: {given: {columns: [sku, price]}}
entities:
  Box: {key: {PK: "{box}", SK: BOX}, attributes: {state: [NEW, OLD]}}
  Thing:
    key: {PK: "{box}", SK: "THING#{thing}"}
    attributes:
      state: {choice: {OPEN: 70%, DONE: 30%}, new: DRAFT}
      level: {choice: [1, 2]}
      size: 1..9
      weight: lognormal(1..9)
      flag: boolean
      kind: [THING]
      hue:
      colour: "{hue}"
      place: {of: taker}
      note: text(5)
      at: timestamp
      code: "{box}-{hue}"
      tags: {set: [a, b]}
  Price: {rows: given, key: {PK: "{sku}", SK: PRICE}}
access_patterns:
"""


def restricted(target: str, entity: str = "Thing", operation: str = "GetItem") -> str:
    return RESTRICTED + f"  p: {{operation: {operation}, entity: {entity}, target: {target}}}\n"


@pytest.mark.parametrize(
    "target",
    [
        *("existing", "missing", "new", "{state: OPEN}", "{state: [OPEN, DONE]}", "{state: DRAFT}", "{level: 2}"),
        *('{level: "2"}', "{size: 1}", "{size: 9}", '{size: "9"}', "{weight: 90}", "{flag: true}", "{kind: THING}"),
        *("{hue: RED}", "{colour: BLUE}", "{place: b-001}", "{box: b-020}", "{PK: b-001}", '{SK: "THING#x"}'),
        *("{note: hello}", "{at: 2026-01-01T00:00:00Z}", "{code: b-001-RED}", "{state: OPEN, hue: [RED, BLUE]}"),
    ],
)
def test_a_target_that_items_can_meet_loads(target):
    parse_design(restricted(target))


FORM = "a target holds texts, numbers and booleans, one or a list of them, as {status: OPEN} or {status: [OPEN, DONE]}"
COLUMN = len("  p: {operation: GetItem, entity: Thing, target: ") + 1


@pytest.mark.parametrize(
    ("target", "at", "message"),
    [
        ("{state: OPNE}", 8, "'OPNE' is no value of state; did you mean 'OPEN'? known: OPEN, DONE, DRAFT"),
        ("{state: [OPEN, OPNE]}", 15, "'OPNE' is no value of state; did you mean 'OPEN'? known: OPEN, DONE, DRAFT"),
        ("{level: 3}", 8, "3 is no value of level; known: 1, 2"),
        ("{kind: BOX}", 7, "'BOX' is no value of kind; known: THING"),
        ("{hue: GREEN}", 6, "'GREEN' is no value of hue; known: RED, BLUE"),
        ("{colour: GREEN}", 9, "'GREEN' is no value of colour; known: RED, BLUE"),
        ("{size: 0}", 7, "0 is no value of size, which is 1..9"),
        ("{size: 10}", 7, "10 is no value of size, which is 1..9"),
        ("{size: big}", 7, "'big' is text (S), and size is a number (N)"),
        ("{flag: 1}", 7, "1 is a number (N), and flag is a boolean (BOOL)"),
        ("{note: 5}", 7, "5 is a number (N), and note is text (S): write '5', in quotes"),
        ("{note: true}", 7, "true is a boolean (BOOL), and note is text (S): write 'True', in quotes"),
        ("{tags: a}", 7, "'a' is text (S), and tags is a set"),
        ("{place: x-001}", 8, "'x-001' is no value of place, which has the format b-{:03}"),
        ("{place: b-}", 8, "'b-' is no value of place, which has the format b-{:03}"),
        ("{box: 1}", 6, "1 is no value of box, which has the format b-{:03}"),
        ("{SK: BOX}", 5, "'BOX' is no value of SK, which is made as THING#{thing}"),
        ("{code: RED}", 7, "'RED' is no value of code, which is made as {box}-{hue}"),
        ("{state: {a: 1}}", 1, "{'a': 1} is no value of state: " + FORM),
        ("{state: []}", 1, "[] is no value of state: " + FORM),
        ("{state: }", 1, "nothing is no value of state: " + FORM),
        ("{stat: OPEN}", 1, "'stat' is no field or attribute of what is addressed; did you mean 'state'? known: "),
    ],
)
def test_a_target_that_no_item_can_meet_is_an_error_at_its_value(target, at, message):
    (line,) = problems(restricted(target))
    place, _, told = line.partition(": ")
    assert told.startswith(message)
    assert place.endswith(f":{COLUMN + at}")


def test_an_empty_target_is_an_error():
    (line,) = problems(restricted("{}"))
    assert line.endswith("{} restricts nothing: write existing, or an attribute with its value, as {status: OPEN}")


def test_one_of_several_entities_is_enough_for_a_target():
    query = "[Box, Thing], key_condition: PK = :PK"
    parse_design(restricted("{state: OPEN}", query, "Query"))
    parse_design(restricted("{state: NEW}", query, "Query"))
    (line,) = problems(restricted("{state: LOST}", query, "Query"))
    assert "'LOST' is no value of state; known: NEW, OLD" in line


def test_what_columns_hold_is_known_only_with_the_items():
    parse_design(restricted("{price: cheap}", "Price"))


def test_a_target_that_has_no_effect_is_an_error():
    (line,) = problems(restricted("{state: OPEN}", operation="Scan"))
    assert line.endswith("a target has no effect here: a Scan reads every item; choose by filter")
    pattern = "  p: {operation: TransactWriteItems, %s, actions: [{operation: Put, entity: Box, %s}]}\n"
    (line,) = problems(RESTRICTED + pattern % ("target: existing", "target: existing"))
    assert line.endswith("a target has no effect here: each action has its own")
    (line,) = problems(RESTRICTED + pattern % ("rate: 1/s", "target: {state: OPEN}"))
    assert "'OPEN' is no value of state; known: NEW, OLD" in line
