"""Answers to the workshop's exercises, as changes of the text with the fault: right ones, wrong ones, and dodges."""

import json

from workbench.exercises import EXERCISES, TEMPLATES

Change = tuple[str, str]

QUERY = ("{operation: Scan, filter: customer_id", "{operation: Query, key_condition: customer_id")
BY_CUSTOMER = ("{partition_key: order_id}", "{partition_key: customer_id, sort_key: order_id}")
INDEX = "{partition_key: order_id, gsi: {byCustomer: {partition_key: customer_id%s}}}"
BY_INDEX = ("{operation: Scan, filter: customer_id", "{operation: Query, index: byCustomer, key_condition: customer_id")
LACKING = '{operation: Query, projection: "#status, #total", key_condition: customer_id'
TODAY_KEY = ("partition_key: on_day, sort", "partition_key: PK, sort")
TODAY_SHARD = ("  gate: {", "  shard: shard(8)\n  gate: {")
TODAY_PK = ("  CheckIn: {", '  CheckIn: {key: {PK: "{on_day}#{shard}"}, ')
EACH_SHARD = ("key_condition: on_day = :on_day,", "key_condition: PK = :PK, for_each: shard,")
WEBHOOK = "{operation: PutItem, rate: 40"
OPEN = 'key_condition: "#status = :open", values: {open: OPEN}'
FINISH = """UpdateItem, target: {status: OPEN}, update: "SET #status = :done",
               values: {done: DONE}"""
STATUS_KEY = ("partition_key: status, sort", "partition_key: queue, sort")
SPARSE = ("created_at: timestamp", "queue: {type: shard(10), present: {status: OPEN}}, created_at: timestamp")
REMOVE = ("SET #status = :done", "SET #status = :done REMOVE queue")
EACH_OPEN = (OPEN, "for_each: queue, key_condition: queue = :queue")
SHARDED = (
    ("partition_key: status, sort", "partition_key: status_shard, sort"),
    ("  job_id: {", "  shard: shard(10)\n  job_id: {"),
    ("  Job: {attributes: {", '  Job: {key: {status_shard: "{status}#{shard}"}, attributes: {shard: , '),
)
SHARDED_DONE = (
    ("SET #status = :done", "SET #status = :done, status_shard = :done_shard"),
    ("{done: DONE}", '{done: DONE, done_shard: "DONE#{shard}"}'),
)
SHARDED_LIST = (OPEN, 'for_each: shard, key_condition: "status_shard = :key", values: {key: "OPEN#{shard}"}')

RIGHT: dict[str, dict[str, tuple[Change, ...]]] = {
    "scan": {
        "an index": (("{partition_key: order_id}", INDEX % ""), BY_INDEX),
        "an index with what the page shows": (
            ("{partition_key: order_id}", INDEX % ", projection: [status, total]"),
            BY_INDEX,
        ),
        "the table's own key": (BY_CUSTOMER, QUERY),
        "the number and what the page shows": (
            BY_CUSTOMER,
            (QUERY[0], LACKING.replace('"#status', '"order_id, #status')),
        ),
        "keys with prefixes": (
            ("{partition_key: order_id}", "{partition_key: PK, sort_key: SK}"),
            ("  Order:\n", '  Order:\n    key: {PK: "CUSTOMER#{customer_id}", SK: "ORDER#{order_id}"}\n'),
            ("attribute_not_exists(order_id)", "attribute_not_exists(PK)"),
            ("{operation: Scan, filter: customer_id = :customer_id", "{operation: Query, key_condition: PK = :PK"),
        ),
    },
    "today": {
        "by gate and day": (
            ("partition_key: on_day, sort", "partition_key: gate_day, sort"),
            ("  CheckIn: {", '  CheckIn: {key: {gate_day: "{gate}#{on_day}"}, '),
            ("key_condition: on_day = :on_day,", "key_condition: gate_day = :gate_day, for_each: gate,"),
        ),
        "shards": (TODAY_KEY, TODAY_SHARD, TODAY_PK, EACH_SHARD),
        "by gate, sorted by day": (
            ("partition_key: on_day, sort_key: check_in", "partition_key: gate, sort_key: SK"),
            ("  CheckIn: {attributes: {gate: , ", '  CheckIn: {key: {SK: "{on_day}#{check_in}"}, attributes: {'),
            ("on_day = :on_day,", '"gate = :gate AND begins_with(SK, :on_day)", for_each: gate,'),
        ),
        "three shards": (TODAY_KEY, ("  gate: {", "  shard: shard(3)\n  gate: {"), TODAY_PK, EACH_SHARD),
    },
    "ttl": {
        "seconds": (("epoch_ms", "epoch"),),
        "another attribute": (
            ("ttl: expires_at", "ttl: ends"),
            ("device:", "ends: epoch(began_at + 7d), device:"),
            ("filter: expires_at", "filter: ends"),
        ),
    },
    "webhook": {
        "no such item": ((WEBHOOK, "{operation: PutItem, condition: attribute_not_exists(provider_id), rate: 40"),),
        "no status yet": ((WEBHOOK, '{operation: PutItem, condition: "attribute_not_exists(#status)", rate: 40'),),
        "a transaction": (
            (
                WEBHOOK,
                "{operation: TransactWriteItems, actions: [{operation: Put, condition: attribute_not_exists(event_id)}]"
                ", rate: 40",
            ),
        ),
        "an update that keeps what is there": (
            (
                WEBHOOK,
                '{operation: UpdateItem, target: new, update: "SET #status = if_not_exists(#status, :status), '
                'payload = if_not_exists(payload, :payload)", rate: 40',
            ),
        ),
    },
    "status": {
        "shards": (*SHARDED, *SHARDED_DONE, SHARDED_LIST),
        "sparse shards": (STATUS_KEY, SPARSE, REMOVE, EACH_OPEN),
    },
}

# What is still wrong -> a word of what the check says of it.
WRONG: dict[str, dict[str, tuple[str, tuple[Change, ...]]]] = {
    "scan": {
        "as it was": ("to show", ()),
        "a parallel Scan": ("to show", (("operation: Scan,", "operation: Scan, segments: 4,"),)),
        "an index of one key": (
            "to show",
            (
                ("{partition_key: order_id}", "{partition_key: order_id, gsi: {all: {partition_key: kind}}}"),
                ("{customer_id: ,", "{kind: [ORDER], customer_id: ,"),
                ("operation: Scan,", "operation: Query, index: all, key_condition: kind = :kind,"),
            ),
        ),
        "only the first page": ("shows", (BY_CUSTOMER, QUERY, ("peak: 200/s", "peak: 200/s, limit: 1"))),
        "what cannot be told apart": ("lacks order_id", (BY_CUSTOMER, (QUERY[0], LACKING))),
        "an LSI without a sort key": (
            "no sort key, so no LSI",
            (
                ("{partition_key: order_id}", "{partition_key: order_id, lsi: {byCustomer: {sort_key: customer_id}}}"),
                BY_INDEX,
            ),
        ),
        "somebody's orders": (
            "do not belong",
            (BY_CUSTOMER, QUERY, ("peak: 200/s", "peak: 200/s, values: {customer_id: c-0001}")),
        ),
        "an index without what the page shows": (
            "status, total",
            (("{partition_key: order_id}", INDEX % ", projection: KEYS_ONLY"), BY_INDEX),
        ),
        "reading one": (
            "cannot list",
            (("{operation: Scan, filter: customer_id = :customer_id", "{operation: GetItem"),),
        ),
        "no list": (
            "gone",
            (("  list-orders: {operation: Scan, filter", "  x: {operation: Scan, filter"),),
        ),
        "no load": ("rate per second is 0", (("rate: 50/s, peak: 200/s", "user_facing: true"),)),
        "a lower peak": ("peak per second is 50", ((", peak: 200/s", ""),)),
        "a job": ("a user waits for it: no now", (("peak: 200/s", "peak: 200/s, user_facing: false"),)),
        "fewer customers": ("customer_id is not what it was", (("count: 400", "count: 2"),)),
        "fewer attributes": ("lines is not what it was", ((", lines: text(300..900)", ""),)),
        "no design": ("not YAML", (("tables:", "tables: ["),)),
    },
    "today": {
        "as it was": ("1,000 of the 2,400", ()),
        "two shards": (
            "the requests of one moment",
            (TODAY_KEY, ("  gate: {", "  shard: shard(2)\n  gate: {"), TODAY_PK, EACH_SHARD),
        ),
        "more shards than check-ins": (
            "5,000 requests a call",
            (TODAY_KEY, ("  gate: {", "  shard: shard(5000)\n  gate: {"), TODAY_PK, EACH_SHARD),
        ),
        "one shard read": (
            "where are the others",
            (TODAY_KEY, TODAY_SHARD, TODAY_PK, ("key_condition: on_day = :on_day,", "key_condition: PK = :PK,")),
        ),
        "by check-in, and a Scan": (
            "to show",
            (
                ("partition_key: on_day, sort_key: check_in", "partition_key: check_in"),
                ("{gate: ,", "{gate: , on_day: ,"),
                ("operation: Query, key_condition:", "operation: Scan, filter:"),
            ),
        ),
        "by check-in, and an index by day": (
            "byDay of CheckIns serves at most",
            (
                (
                    "partition_key: on_day, sort_key: check_in",
                    "partition_key: check_in, gsi: {byDay: {partition_key: on_day}}",
                ),
                ("operation: Query,", "operation: Query, index: byDay,"),
            ),
        ),
        "no peak": ("peak per second is 500", ((", peak: 2_400/s", ""),)),
        "not today": ("on_day is not what it was", (("date(-30d..now), popularity: latest}", "date(-30d..now)}"),)),
        "smaller": ("its size", (("800 B", "100 B"),)),
    },
    "ttl": {
        "as it was": ("year 57", ()),
        "no ttl": ("kept and paid for", ((", ttl: expires_at", ""), ("epoch_ms", "epoch"))),
        "from now": ("From when does it count", (("epoch_ms(began_at + 7d)", "epoch(now + 7d)"),)),
        "ten weeks": ("it is to be", (("epoch_ms(began_at + 7d)", "epoch(began_at + 70d)"),)),
        "a text": ("Numbers alone", (("epoch_ms(began_at + 7d)", "timestamp(began_at + 7d)"),)),
        "nothing": ("has no expires_at", ((" expires_at: epoch_ms(began_at + 7d),", ""),)),
        "a time that is none": ("no day of any", (("epoch_ms(began_at + 7d)", "1e100"),)),
        "no filter": ("do not belong", (("epoch_ms", "epoch"), ("filter: expires_at > :now, ", ""))),
        "new sessions only": ("began_at is not what it was", (("-14d..now", "-1d..now"), ("epoch_ms", "epoch"))),
    },
    "webhook": {
        "as it was": ("came twice", ()),
        "what is there already": (
            "not stored",
            ((WEBHOOK, "{operation: PutItem, condition: attribute_exists(event_id), rate: 40"),),
        ),
        "an attribute that never is": (
            "came twice",
            ((WEBHOOK, "{operation: PutItem, condition: attribute_not_exists(version), rate: 40"),),
        ),
        "half an event": (
            "stores lacks status",
            ((WEBHOOK, '{operation: UpdateItem, target: new, update: "SET payload = :payload", rate: 40'),),
        ),
        "only what exists": (
            "the items that it is about are",
            ((WEBHOOK, "{operation: PutItem, target: existing, rate: 40"),),
        ),
        "no event": ("record-event is gone", (("  record-event:", "  other-event:"),)),
        "no booking": ("book-event is gone", (("  book-event:", "  other-event:"),)),
    },
    "status": {
        "as it was": ("byStatus of Jobs serves at most", ()),
        "sparse, one key": (
            "serves at most",
            (
                STATUS_KEY,
                ("created_at: timestamp", "queue: {value: OPEN, present: {status: OPEN}}, created_at: timestamp"),
                REMOVE,
                (OPEN, 'key_condition: "queue = :queue"'),
            ),
        ),
        "finished is deleted": (
            "not there with status = DONE",
            (STATUS_KEY, SPARSE, (FINISH, "DeleteItem, target: {status: OPEN}"), EACH_OPEN),
        ),
        "finished is not done": (
            "not there with status = DONE",
            (STATUS_KEY, SPARSE, (FINISH, 'UpdateItem, target: {status: OPEN}, update: "REMOVE queue"'), EACH_OPEN),
        ),
        "what is finished stays": ("do not belong", (STATUS_KEY, SPARSE, EACH_OPEN)),
        "one shard read": (
            "where are the others",
            (*SHARDED, *SHARDED_DONE, (OPEN, SHARDED_LIST[1].replace("for_each: shard, ", ""))),
        ),
        "a Scan": (
            "to show",
            (
                (", gsi: {byStatus: {partition_key: status, sort_key: created_at}}", ""),
                ("{operation: Query, index: byStatus, key_condition:", "{operation: Scan, filter:"),
            ),
        ),
        "without the input": (
            "lacks input",
            (
                STATUS_KEY,
                SPARSE,
                REMOVE,
                EACH_OPEN,
                ("sort_key: created_at}", "sort_key: created_at, projection: KEYS_ONLY}"),
            ),
        ),
        "nobody opens jobs": ("status is not what it was", (("OPEN: 5%, DONE: 95%", "OPEN: 1%, DONE: 99%"),)),
    },
}

POLICY = json.loads((TEMPLATES / "policy.json").read_text(encoding="utf-8"))
OWN = "TENANT#${aws:PrincipalTag/tenant_id}"
NEEDED = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
WITH_KEY = {"Null": {"dynamodb:LeadingKeys": "false"}}


def changed(exercise: str, changes: tuple[Change, ...]) -> str:
    """The exercise's text with changes made; each must find its place."""
    text = EXERCISES[exercise].text
    for before, after in changes:
        assert before in text, f"{exercise}: {before}"
        text = text.replace(before, after)
    return text


def policy(operator: str, keys: str, actions: list[str] = NEEDED, more: dict | None = None, **entries: object) -> dict:
    """A policy of one statement, as that of the exercise."""
    condition = {operator: {"dynamodb:LeadingKeys": [keys]}, **(more or {})}
    statement = {**POLICY["Statement"][0], "Action": actions, "Condition": condition, **entries}
    return {"Version": "2012-10-17", "Statement": [statement]}


RIGHT_POLICIES = {
    "every key, and one at least": policy("ForAllValues:StringEquals", OWN, more=WITH_KEY),
    "the pattern without its star": policy("ForAllValues:StringEquals", OWN, more=WITH_KEY, Sid="Other"),
    "as JSON text": json.dumps(policy("ForAllValues:StringEquals", OWN, more=WITH_KEY)),
}
WRONG_POLICIES = {
    "as it was": ("t10", POLICY),
    "no star": ("without a partition key", policy("ForAllValues:StringLike", OWN, [*NEEDED, "dynamodb:Scan"])),
    "nobody": ("is denied", policy("ForAllValues:StringEquals", "TENANT#nobody", more=WITH_KEY)),
    "denied": ("is denied", policy("ForAllValues:StringEquals", OWN, more=WITH_KEY, Effect="Deny")),
    "less than is needed": ("Query by t1", policy("ForAllValues:StringEquals", OWN, NEEDED[:2], more=WITH_KEY)),
    "every table": ("must not be", policy("ForAllValues:StringEquals", OWN, more=WITH_KEY, Resource="*")),
    "everything": ("must not be", policy("ForAllValues:StringEquals", OWN, ["dynamodb:*"], more=WITH_KEY)),
    "nothing": ("Statement is missing", {"Version": "2012-10-17", "Statement": []}),
    "no JSON": ("no JSON", "{"),
    "no policy": ("an object with Version", "NaN"),
    "too deep": ("nested deeper", "[" * 100_000),
    "a list": ("is a list: give the policy", []),  # type: ignore[dict-item]
}
