"""The cost of a large design: 300 access patterns of every kind, against the second that it may take.

The limit is what a person waits without noticing; processor time is measured, since what else the machine does would
meet one side only.
"""

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.ratios import Fact, Ratio
from workbench.costs import estimate_cost
from workbench.design import Design
from workbench.items import generate_items

SECONDS = 1.0
PATTERNS: dict[str, dict[str, Any]] = {
    "create": {"operation": "PutItem", "condition": "attribute_not_exists(PK)"},
    "read": {"operation": "GetItem"},
    "list": {"operation": "Query", "key_condition": "PK = :PK AND begins_with(SK, :kind)"},
    "newest": {"operation": "Query", "key_condition": "PK = :PK AND begins_with(SK, :kind)", "limit": 3},
    "find": {"operation": "Query", "index": "byId", "key_condition": "GSI1PK = :GSI1PK"},
    "finish": {"operation": "UpdateItem", "update": "SET #state = :done", "values": {"done": "DONE"}},
    "rename": {"operation": "UpdateItem", "update": "SET title = :title"},
    "delete": {"operation": "DeleteItem"},
    "read-many": {"operation": "BatchGetItem", "count": 10},
    "replace": {"operation": "TransactWriteItems"},
}


def measure(rounds: int = 5, kinds: int = 30) -> Iterator[Ratio | Fact]:
    """Processor time of the cost of ten patterns for each kind of item, over the second that 300 may take."""
    design = large_design(kinds)
    items = generate_items(design)
    estimate_cost(items)
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        estimate_cost(items)
        spent.append((time.process_time() - start) / SECONDS)
    yield Ratio(f"cost of {len(design.access_patterns)} access patterns : {SECONDS:g} s, time", tuple(spent), at_most=1)
    yield Fact("items", f"{len(items):,}")


def large_design(kinds: int) -> Design:
    """A table with so many kinds of item under a tenant, two indexes, and ten access patterns for each."""
    fields: dict[str, Any] = {"tenant": {"count": 100, "format": "t-{:04}", "popularity": "zipf(1.1)"}}
    entities: dict[str, Any] = {}
    patterns: dict[str, Any] = {}
    for n in range(kinds):
        fields[f"id{n}"] = {"per": "tenant", "count": "lognormal(5..20)", "format": "x-{:05}"}
        entities[f"Kind{n}"] = {
            "key": {"PK": "TENANT#{tenant}", "SK": f"KIND{n}#{{id{n}}}", "GSI1PK": f"KIND{n}#{{id{n}}}"},
            "attributes": {
                "title": "text(40)",
                "state": {"choice": {"OPEN": "70%", "DONE": "30%"}, "new": "OPEN"},
                "createdAt": "timestamp(-90d..now)",
                "body": "text(lognormal(200..2000))",
            },
        }
        patterns |= {f"{name}-{n}": _pattern(n, part) for name, part in PATTERNS.items()}
    indexes = {"byId": {"partition_key": "GSI1PK"}, "byState": {"partition_key": "state", "projection": "KEYS_ONLY"}}
    table = {"partition_key": "PK", "sort_key": "SK", "gsi": indexes}
    parts = {"tables": {"Main": table}, "fields": fields, "entities": entities, "access_patterns": patterns}
    return Design.model_validate({"name": "large", **parts})


def _pattern(n: int, part: dict[str, Any]) -> dict[str, Any]:
    entity, load = f"Kind{n}", {"rate": "5/s", "peak": "20/s"}
    if part["operation"] == "TransactWriteItems":
        put, update = {"operation": "Put"}, {"operation": "Update", "update": "SET title = :title"}
        return {**part, **load, "actions": [{**put, "entity": entity}, {**update, "entity": entity}]}
    values = {"kind": f"KIND{n}#"} if ":kind" in part.get("key_condition", "") else part.get("values", {})
    return {**part, **load, "entity": entity, "values": values}
