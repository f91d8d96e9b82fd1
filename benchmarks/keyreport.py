"""The key report of a design as large as they come: 50 tables with two indexes each, and 300 access patterns.

A review of such a design, key reports included, is to answer while somebody looks at it. The limit is one second; items
are generated within it. Designs are told apart by how many items they have, since those are drawn one by one.
"""

import time
from collections.abc import Iterator

from benchmarks.ratios import Fact, Ratio
from workbench.designfile import parse_design
from workbench.keyreport import key_report

TABLES = 50
SECONDS = 1.0
_GSI = "gsi: {byState: {partition_key: state, sort_key: createdAt}, byOwner: {partition_key: ownerId, sort_key: SK}}"
_ORDER = "state: {choice: {OPEN: 70%, DONE: 30%}}, createdAt: timestamp(-30d..now)"
_PATTERNS = """\
  get-N: {operation: GetItem, entity: UserN, rate: 100/s}
  put-N: {operation: PutItem, entity: OrderN, rate: 50/s, peak: 200/s}
  list-N: {operation: Query, entity: OrderN, key_condition: "PK = :PK AND begins_with(SK, :o)", values: {o: "ORDER#"}, \
rate: 9/s}
  since-N: {operation: Query, entity: OrderN, index: byState, key_condition: "#state = :state AND createdAt > :t", \
values: {t: {type: timestamp(-1d..now)}}, limit: 20, rate: 10/s}
  owner-N: {operation: Query, entity: OrderN, index: byOwner, key_condition: "ownerId = :ownerId", rate: 10/s}
  close-N: {operation: UpdateItem, entity: OrderN, update: "SET #state = :done", values: {done: DONE}, rate: 9/s}
"""


def many_tables(tables: int, users: int) -> str:
    """A design of so many tables, each with two indexes, two entities and six access patterns."""
    parts: dict[str, list[str]] = {"tables": [], "fields": [], "entities": []}
    for n in range(tables):
        parts["tables"] += [f"  Table{n}: {{partition_key: PK, sort_key: SK, {_GSI}}}"]
        parts["fields"] += [f"  user{n}: {{count: {users}, popularity: zipf(1.1)}}"]
        parts["fields"] += [f"  order{n}: {{per: user{n}, count: poisson(3), type: uuid}}"]
        parts["entities"] += [f'  User{n}: {{table: Table{n}, key: {{PK: "USER#{{user{n}}}", SK: META}}}}']
        key = f'{{PK: "USER#{{user{n}}}", SK: "ORDER#{{order{n}}}"}}'
        attributes = f'{{{_ORDER}, ownerId: "{{user{n}}}"}}'
        parts["entities"] += [f"  Order{n}: {{table: Table{n}, key: {key}, attributes: {attributes}}}"]
    sections = [f"{name}:\n" + "\n".join(lines) for name, lines in parts.items()]
    patterns = "".join(
        _PATTERNS.replace("N:", f"{n}:").replace("UserN", f"User{n}").replace("OrderN", f"Order{n}")
        for n in range(tables)
    )
    return "\n".join(["name: many", *sections, "access_patterns:", patterns])


def measure(tables: int = TABLES, rounds: int = 5) -> Iterator[Ratio | Fact]:
    """Processor seconds of a whole report as a multiple of the second that it may take."""
    for users in (20, 200):
        design = parse_design(many_tables(tables, users))
        values = tuple(_seconds(design) / SECONDS for _ in range(rounds + 1))[1:]
        name = f"key report of {tables} tables, {6 * tables} access patterns, {users * 4 * tables:,} items"
        yield Ratio(f"{name} : one second", values, at_most=1.0)


def _seconds(design) -> float:
    start = time.process_time()
    for one in key_report(design):
        assert one.verdict.text
    return time.process_time() - start
