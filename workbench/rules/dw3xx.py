"""DW3xx: access patterns. What a read pays for, and what a write makes sure of.

One file per family of codes, however long: two lines in five are the docstrings that the review and docs/rules.md show.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench import limits, syntax
from workbench.aggregates import MOST_BYTES
from workbench.columns import Floats
from workbench.design import AccessPattern
from workbench.entities import EntityItems
from workbench.evidence import Evidence, Write
from workbench.findings import Finding
from workbench.guards import compares, needs_item, needs_no_item
from workbench.reach import query_condition, read_factor
from workbench.results import percent
from workbench.rules.registry import rule
from workbench.schema import Provisioned, most_units
from workbench.serving import unknown_parts
from workbench.spreads import rate_text
from workbench.syntax import written
from workbench.thresholds import (
    CONFLICTING_WRITES,
    COUNT_UNITS,
    DISCARDED_ERROR,
    DISCARDED_NOTE,
    DISCARDED_WARNING,
    MONTH_SECONDS,
    PAGE,
    PARALLEL_SCAN,
    QUERIES_PER_CALL,
    REFUSED_ERROR,
    SAME_INSTANT,
    SCAN_SHARE,
    SMALL_SCAN,
    STRONG_UNITS,
)
from workbench.typewords import ID_TYPES
from workbench.waste import discarded, largest_read, reached

INSTANTS = {"timestamp": 1.0, "epoch": 1.0, "timestamp_ms": 0.001, "epoch_ms": 0.001}  # seconds; docs/design-file.md


@rule("DW301", "error")
def user_facing_scan(evidence: Evidence) -> Iterator[Finding]:
    """A Scan that a user waits for.

    What it does
        Finds a Scan behind a user-facing access pattern, unless it reads a table or sparse index of at most 32 KB that
        no pattern adds to.
    Why it is bad
        A Scan reads and pays for everything that is there, and takes longer with every item that is added. A filter
        makes the answer smaller, not the bill.
    Example
        access_patterns:
          open-tasks: {operation: Scan, entity: Task, filter: "#status = :open", values: {open: OPEN}, rate: 5/s}
    Use instead
        A Query: of a key that the caller knows, or of an index, which may be sparse. A job that nobody waits for says
        `user_facing: false`.
    Source
        AWS: bp-query-scan.
    """
    for pattern in (p for p in evidence.served if p.operation == "Scan" and p.user_facing):
        size = sum(int(entity.sizes.sum()) for entity, _ in reached(evidence, pattern))
        if 0 < size <= SMALL_SCAN and not _grows(evidence, pattern):
            continue
        where = f"index {pattern.index}" if pattern.index else f"table {evidence.design.table_for(pattern).name}"
        units = evidence.mean_units(pattern)
        cost = f": {size / limits.MB:,.1f} MB and {rate_text(units)} RU a call" if units else ""
        message = f"reads all of {where}{cost}, more with every item that is added"
        facts = {"ru_per_call": units, "bytes": size, "rate_per_s": pattern.rate}
        yield evidence.finding("DW301", "error", evidence.place(pattern), message, _instead(evidence, pattern), **facts)


def _grows(evidence: Evidence, pattern: AccessPattern) -> bool:
    return any(
        write.operation == "Put" and write.target == "new"
        for entity in evidence.design.addressed(pattern)
        for write in evidence.writes_of(entity.name, "Put")
    )


def _instead(evidence: Evidence, pattern: AccessPattern) -> str:
    """The key that serves, or would serve, what a filter asks for."""
    table = evidence.design.table_for(pattern)
    for index in (None, *table.indexes):
        if _finds(evidence, pattern, index):
            where = f"index {index}" if index else f"table {table.name}"
            return f"Query {where} by {' and '.join(table.keys(index)[0])}, which it is keyed by"
    keys = table.keys(pattern.index)
    named = [name for name in _equal(evidence, pattern) if name not in (*keys[0], *keys[1])]
    if named:
        return f"Query a global index whose partition key begins with {' and '.join(named)}, sparse if few items match"
    return "Query a key that the caller knows, or an index; a job that nobody waits for says user_facing: false"


def _finds(evidence: Evidence, pattern: AccessPattern, index: str | None) -> bool:
    """Whether a Query of the table or an index finds all that a filter keeps: by equal keys, with no item left out."""
    partition, sort = evidence.design.table_for(pattern).keys(index)
    node = evidence.node(pattern, pattern, "filter")
    either = node is None or any(isinstance(n, syntax.Or | syntax.Not) for n in syntax.walk(node))
    if either or not set(_equal(evidence, pattern)).issuperset(partition):
        return False
    domains = [evidence.domain(entity, key) for entity in evidence.design.addressed(pattern) for key in sort if index]
    return all(domain is not None and domain.present is None for domain in domains)


def _equal(evidence: Evidence, pattern: AccessPattern) -> list[str]:
    """The attributes that a filter asks to be equal to something."""
    node = evidence.node(pattern, pattern, "filter")
    nodes = syntax.walk(node) if node is not None else ()
    equal = [n for n in nodes if isinstance(n, syntax.Compare) and n.operator == "="]
    return list(dict.fromkeys(name for n in equal for name in syntax.attributes(n)))


@rule("DW302", "warning")
def filter_as_where(evidence: Evidence) -> Iterator[Finding]:
    """A filter that throws away what was paid for.

    What it does
        Says which share of the items that a Query or Scan reads its filter discards: from the run, or else estimated
        from the design's items. From 20 % it is a note, from half a warning, from 90 % an error. A filter on the TTL
        attribute, which leaves out what has expired, is none of this.
    Why it is bad
        FilterExpression is no WHERE: it is applied after the read, and all that it discards is paid for. Pages come
        back half empty.
    Example
        access_patterns:
          open-tasks:
            operation: Query
            key_condition: PK = :PK
            filter: "#status = :open"
            values: {open: OPEN}
    Use instead
        Put what is filtered by into the sort key, or into an index; a sparse index holds only the few items that have
        its key attribute.
    Source
        AWS: Query.FilterExpression, bp-query-scan, bp-indexes-general-sparse-indexes.
    """
    for pattern in (p for p in evidence.served if p.operation == "Query" or not p.user_facing):
        found = discarded(evidence, pattern) if pattern.filter else None
        if found is None or found.share < DISCARDED_NOTE:
            continue
        wasted = found.share * evidence.mean_units(pattern)
        monthly = wasted * (pattern.rate or 0) * MONTH_SECONDS
        cost = f", {rate_text(wasted)} RU a call" if wasted else ""
        cost += f" and {monthly:,.0f} RU a month" if monthly else ""
        message = f"{pattern.filter} throws away {percent(found.share)} of what is read ({found.basis}){cost}"
        severity = "error" if found.share >= DISCARDED_ERROR else "warning"
        severity = "note" if found.share < DISCARDED_WARNING else severity
        names = " and ".join(_equal(evidence, pattern)) or "what is asked for"
        fix = f"put {names} into the sort key or an index"
        fix += "; a sparse index holds those items alone" if found.share >= DISCARDED_ERROR else ""
        facts = {"discarded_share": found.share, "wasted_ru_per_call": wasted, "wasted_ru_per_month": monthly}
        yield evidence.finding("DW302", severity, evidence.place(pattern), message, fix, **facts)


@rule("DW303", "note")
def parallel_scan_of_little(evidence: Evidence) -> Iterator[Finding]:
    """A parallel Scan of a table that is not large.

    What it does
        Finds a Scan in several segments of a table under 20 GB.
    Why it is bad
        All segments read at once and take the capacity that everybody else needs; a small table gains little time.
    Example
        access_patterns:
          export: {operation: Scan, table: Orders, segments: 8, user_facing: false}
    Use instead
        One segment, with a limit on the page size.
    Source
        AWS: bp-query-scan (parallel scans from 20 GB).
    """
    for pattern in (p for p in evidence.served if p.segments > 1 and evidence.items is not None):
        size = sum(int(entity.sizes.sum()) for entity, _ in reached(evidence, pattern))
        if size < PARALLEL_SCAN:
            message = f"{pattern.segments} segments at once for {size / limits.MB:,.1f} MB"
            fix = "scan in one segment, and limit the page size"
            yield evidence.finding("DW303", "note", evidence.place(pattern), message, fix, bytes=size)


@rule("DW304", "warning")
def scan_beside_users(evidence: Evidence) -> Iterator[Finding]:
    """A Scan that takes the provisioned capacity that users need.

    What it does
        Finds a Scan on a table with provisioned capacity where one call needs half of a minute's read units or more,
        and user-facing patterns read the same table.
    Why it is bad
        The Scan reads as fast as it can, and the users' reads are throttled meanwhile.
    Example
        tables:
          Orders: {partition_key: order_id, capacity: {read: 50, write: 50}}
        access_patterns:
          export: {operation: Scan, table: Orders, user_facing: false, rate: 1/day}
          read: {operation: GetItem, entity: Order, rate: 20/s}
    Use instead
        Small pages with pauses, an export to S3, or a copy of the table for jobs.
    Source
        AWS: bp-query-scan (avoid sudden spikes).
    """
    for pattern in (p for p in evidence.served if p.operation == "Scan"):
        table = evidence.design.table_for(pattern)
        users = [p for p in evidence.served if p.is_read and p.user_facing and evidence.design.table_for(p) is table]
        if not isinstance(table.capacity, Provisioned) or not [p for p in users if p.name != pattern.name]:
            continue
        most, units = most_units(table.capacity.read), evidence.mean_units(pattern)
        if units >= SCAN_SHARE * most * 60:
            message = (
                f"one call takes {rate_text(units)} RU, of {rate_text(most)} a second for all readers of the table"
            )
            fix = "read small pages with pauses (limit), export to S3, or scan a copy"
            facts = {"ru_per_call": units, "capacity_ru_per_s": most}
            yield evidence.finding("DW304", "warning", evidence.place(pattern), message, fix, **facts)


@rule("DW305", "note")
def many_queries(evidence: Evidence) -> Iterator[Finding]:
    """A user action that takes five Queries or more.

    What it does
        Finds a user-facing pattern with `for_each` over five values or more, and says what a call costs.
    Why it is bad
        The slowest of the Queries decides how long the user waits, and each costs half a unit at least.
    Example
        access_patterns:
          today: {operation: Query, key_condition: PK = :PK, for_each: region, rate: 50/s}
    Use instead
        Items that are read together under one key; for a sharded key as few shards as its writes ask for.
    Source
        AWS's data modelling guidance (five queries per user action: restructure); bp-partition-key-sharding.
    """
    for pattern in (p for p in evidence.queries if p.for_each and p.user_facing and evidence.items is not None):
        entity = evidence.design.addressed(pattern)[0]
        made = evidence.items.entities[entity.name] if evidence.items is not None else None
        queries = len(evidence.items.source.all_values(made, str(pattern.for_each))) if made and evidence.items else 0
        if queries >= QUERIES_PER_CALL:
            units = evidence.mean_units(pattern)
            message = f"each call sends {queries} Queries, one for each {pattern.for_each}: {rate_text(units)} RU"
            fix = "keep what is read together under one key, or use fewer shards"
            facts = {"queries": queries, "ru_per_call": units}
            yield evidence.finding("DW305", "note", evidence.place(pattern), message, fix, **facts)


@rule("DW306", "warning")
def reads_past_a_page(evidence: Evidence) -> Iterator[Finding]:
    """A Query that reads more than a page for one call.

    What it does
        Finds a user-facing Query without a limit that reads more than 1 MB for its largest collection.
    Why it is bad
        One request returns 1 MB at most; the rest needs more requests, one after the other, which grow with the
        collection.
    Example
        access_patterns:
          history: {operation: Query, entity: Event, key_condition: PK = :PK, rate: 5/s}
    Use instead
        A limit with `descending` for the newest, a narrower sort key range, or a projection onto an index.
    Source
        AWS: Query.Pagination.
    """
    for pattern in (p for p in evidence.queries if p.user_facing and p.page_limit is None and not p.for_each):
        factor, most = read_factor(pattern), largest_read(evidence, pattern)
        if most > factor * PAGE / limits.READ_UNIT_BYTES * 1.01:
            pages = most / (factor * PAGE / limits.READ_UNIT_BYTES)
            message = (
                f"the largest collection takes {rate_text(most)} RU a call, {pages:,.0f} pages of 1 MB in sequence"
            )
            fix = "set a limit, or narrow the range of the sort key"
            facts = {"most_ru_per_call": most, "pages": pages}
            yield evidence.finding("DW306", "warning", evidence.place(pattern), message, fix, **facts)


@rule("DW307", "warning")
def reads_what_nobody_asked(evidence: Evidence) -> Iterator[Finding]:
    """A Query that reads other kinds of item too.

    What it does
        Finds a Query whose key condition reaches items of entities that it does not name, where they are 20 % or more
        of the bytes that it reads.
    Why it is bad
        They are paid for with every call, and whoever reads the answer has to tell the kinds apart.
    Example
        entities:
          Order: {key: {PK: "CUSTOMER#{customer}", SK: "ORDER#{order}"}}
          Event: {key: {PK: "CUSTOMER#{customer}", SK: "EVENT#{event}"}}
        access_patterns:
          orders: {operation: Query, entity: Order, key_condition: PK = :PK}
    Use instead
        `begins_with(SK, :orders)` with the prefix of the kind; or name both entities, if both are wanted.
    Source
        AWS: bp-sort-keys.
    """
    for pattern in (p for p in evidence.queries if p.entity and not _narrowed(evidence, p)):
        sizes = {e.name: float(e.sizes.sum()) * share for e, share in _beside(evidence, pattern)}
        others = {name: size for name, size in sizes.items() if name not in pattern.entity}
        share = sum(others.values()) / sum(sizes.values()) if sizes else 0.0
        if share >= DISCARDED_NOTE:
            names = " and ".join(others)
            message = f"asks for {' and '.join(pattern.entity)} and reads {names} too: {percent(share)} of the bytes"
            fix = "narrow the sort key to the prefix that is wanted, or name the other entity as wanted"
            facts = {"others": list(others), "share": share}
            yield evidence.finding("DW307", "warning", evidence.place(pattern), message, fix, **facts)


def _beside(evidence: Evidence, pattern: AccessPattern) -> list[tuple[EntityItems, float]]:
    """What a Query reads, where the table has items of other entities at all."""
    there = evidence.design.entities_in(evidence.design.table_for(pattern).name)
    return list(reached(evidence, pattern)) if len(there) > len(pattern.entity) else []


def _narrowed(evidence: Evidence, pattern: AccessPattern) -> bool:
    """Whether a Query states a range of the sort key, so that what it reaches depends on its values."""
    return bool(query_condition(evidence.design, pattern).sort)


@rule("DW308", "note")
def no_rate(evidence: Evidence) -> Iterator[Finding]:
    """Access patterns without a rate.

    What it does
        Lists the served patterns that state no rate.
    Why it is bad
        Nothing can be said of their cost and of the heat of their keys, and they are missing from everybody else's.
    Example
        access_patterns:
          read: {operation: GetItem}
    Use instead
        An estimate, `rate: 20/s` and the `peak`: the order of magnitude decides most questions.
    Source
        AWS: bp-general-nosql-design (know size, shape and velocity first).
    """
    missing = [p.name for p in evidence.served if p.rate is None and p.expect.error is None]
    if missing:
        every = len(evidence.served)
        message = f"{len(missing)} of {every} access patterns have no rate: {_listed(missing)}"
        fix = "give each a rate, as 20/s, and the peak where it differs"
        yield evidence.finding("DW308", "note", (), message, fix, patterns=missing)


def _listed(names: list[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@rule("DW309", "note")
def nobody_writes(evidence: Evidence) -> Iterator[Finding]:
    """Items that are read, and that no access pattern writes.

    What it does
        Finds an entity that patterns read and none creates, changes or deletes.
    Why it is bad
        Its writes are missing from cost and heat; they often are the larger part.
    Example
        access_patterns:
          read-user: {operation: GetItem, entity: User, rate: 50/s}
    Use instead
        Add the pattern that creates it; if another system loads the items, accept this and say so.
    Source
        AWS's data modelling guidance (every read pattern has a write pattern).
    """
    for entity in evidence.design.entities.values():
        reads, writes = evidence.reads_of(entity.name), evidence.writes_of(entity.name)
        if reads and not writes:
            names = _listed([p.name for p in reads])
            message = f"{names} {'reads' if len(reads) == 1 else 'read'} it, and no access pattern writes it"
            fix = f"add the access pattern that creates {entity.name}, with its rate"
            yield evidence.finding("DW309", "note", ("entities", entity.name), message, fix)


@rule("DW310", "warning")
def put_without_condition(evidence: Evidence) -> Iterator[Finding]:
    """A put that creates an item, and would overwrite one.

    What it does
        Finds a PutItem, or a Put in a transaction, for new items without `attribute_not_exists` in its condition. With
        a random id in the key it is a note: there only a repeated request meets an item.
    Why it is bad
        A put replaces whatever stands under the key, and reports success: a request that is sent twice, or a second
        user with the same name, silently destroys the first item.
    Example
        access_patterns:
          sign-up: {operation: PutItem, entity: User, rate: 2/s}
    Use instead
        `condition: attribute_not_exists(PK)`; it costs nothing more.
    Source
        AWS: Expressions.ConditionExpressions (preventing overwrites).
    """
    for write in evidence.writes:
        batch = write.pattern.operation == "BatchWriteItem"  # takes no conditions
        guarded = needs_no_item(evidence.node(write.pattern, write.part, "condition"))
        if write.operation != "Put" or write.target != "new" or batch or guarded or write.pattern.expect.error:
            continue
        key = written(evidence.design.table_of(write.entity.name).partition_key)
        random = evidence.key_has(write.entity, ID_TYPES)
        why = "a repeated request" if random else "a second put with the same key"
        message = f"creates {write.entity.name} without attribute_not_exists({key}): {why} overwrites it"
        fix = f"condition: attribute_not_exists({key})"
        severity = "note" if random else "warning"
        yield evidence.finding("DW310", severity, write.place, message, fix, random_id=random)


@rule("DW311", "warning")
def update_without_condition(evidence: Evidence) -> Iterator[Finding]:
    """An update that would create an item where there is none.

    What it does
        Finds an UpdateItem, or an Update in a transaction, that no condition keeps from creating an item, where
        another access pattern creates these items. An update that is how items come to be, as a counter per window
        is, is none of this.
    Why it is bad
        An update of a key that does not exist creates an item with only the attributes that it sets: half a task,
        which every reader trips over.
    Example
        access_patterns:
          create: {operation: PutItem, entity: Task, condition: attribute_not_exists(PK)}
          rename: {operation: UpdateItem, entity: Task, update: SET title = :title}
    Use instead
        `condition: attribute_exists(PK)`, or any comparison that a missing item fails.
    Source
        AWS: API_UpdateItem (creates the item if it does not exist).
    """
    for write in (w for w in evidence.writes if w.operation == "Update"):
        created = [w for w in evidence.writes_of(write.entity.name, "Put") if w.target == "new"]
        guarded = needs_item(evidence.node(write.pattern, write.part, "condition"))
        if created and not guarded and write.target != "new" and not write.pattern.expect.error:
            key = written(evidence.design.table_of(write.entity.name).partition_key)
            message = (
                f"updates {write.entity.name} whether it exists or not: of a missing one it creates a part, though "
                f"{created[0].pattern.name} is what creates it"
            )
            fix = f"condition: attribute_exists({key})"
            yield evidence.finding("DW311", "warning", write.place, message, fix, created_by=created[0].pattern.name)


@rule("DW312", "warning")
def write_back_without_version(evidence: Evidence) -> Iterator[Finding]:
    """An item that is read, changed and written back without a version.

    What it does
        Finds a put that replaces existing items which other patterns read, without a condition that compares an
        attribute, such as a version; an update whose condition asks for a version that the update does not raise; and,
        as a note, an update that sets a number which a pattern reads item by item to a value that the caller gives,
        where no condition compares anything.
    Why it is bad
        Of two clients that read the same item and write it back, the second destroys what the first changed; both are
        told that all is well. A balance that was read as 100 becomes 90 for one, 70 for the other, and 70 in the table.
    Example
        access_patterns:
          read: {operation: GetItem, entity: Cart, rate: 50/s}
          save: {operation: PutItem, entity: Cart, target: existing, rate: 10/s}
    Use instead
        An UpdateItem that says what changes, "SET balance = balance - :paid"; or
        `condition: version = :read_version`, and a version that every write raises: by the update, or in the item that
        is put.
    Source
        AWS: DynamoDBMapper.OptimisticLocking, BestPractices_ImplementingVersionControl, WorkingWithItems (atomic
        counters).
    """
    for write in (w for w in evidence.writes if w.operation == "Put" and w.target not in ("new", "missing")):
        condition = evidence.node(write.pattern, write.part, "condition")
        reads = [p.name for p in evidence.reads_of(write.entity.name)]
        if reads and not compares(condition) and not needs_no_item(condition):
            message = (
                f"replaces whole items of {write.entity.name}, which {_listed(reads)} read, whatever they hold by now"
            )
            fix = "update the attributes that change, or compare a version: condition: version = :read_version"
            yield evidence.finding("DW312", "warning", write.place, message, fix, read_by=reads)
    for write in (w for w in evidence.writes if w.operation == "Update" and not w.pattern.expect.error):
        condition = evidence.node(write.pattern, write.part, "condition")
        node = evidence.node(write.pattern, write.part, "update")
        fixed = {*evidence.design.table_of(write.entity.name).key_attributes}
        fixed |= {str(clause.path.parts[0]) for clause in node.clauses}
        for name in sorted(name for name in compares(condition) - fixed if _VERSION.match(name)):
            message = (
                f"compares {name} and leaves it as it was: the next writer with the same {name} meets no objection"
            )
            fix = f"raise it in the same update: ADD {written(name)} :one"
            yield evidence.finding("DW312", "warning", write.place, message, fix, version=name)
        for name in _given_numbers(evidence, write, node) if not compares(condition) else ():
            reads = [p.name for p in evidence.reads_of(write.entity.name) if _reads_one(evidence, p, name)]
            if reads:
                own = written(name)
                message = (
                    f"sets the number {name} to what the caller says, whatever it is by now: if that is computed from "
                    f"what {_listed(reads)} returned, one of two writers loses its change"
                )
                fix = f"SET {own} = {own} + :change, or a condition that compares: {own} = :read_{name}"
                yield evidence.finding("DW312", "note", write.place, message, fix, attribute=name, read_by=reads)


_VERSION = re.compile(r"(?i)((item|lock|row|record)?_?(version|revision|etag)(_?(no|num|number|id))?|ver|rev)\Z")


def _given_numbers(evidence: Evidence, write: Write, update: syntax.Update) -> list[str]:
    """The plain numbers, no times and no parts of keys, that an update sets to a value from the caller."""
    table = evidence.design.table_of(write.entity.name)
    found = []
    for clause in update.clauses:
        name, value = str(clause.path.parts[0]), clause.value
        domain = evidence.domain(write.entity, name)
        kind = domain.type.word if domain is not None and domain.type is not None else ""
        if clause.action != "SET" or kind not in ("integer", "number") or name in table.indexed_attributes:
            continue
        stated = evidence.value(write.pattern, write.part, value.name) if isinstance(value, syntax.Value) else None
        if isinstance(value, syntax.Value) and (stated is None or stated.value is None):
            found.append(name)
    return found


def _reads_one(evidence: Evidence, pattern: AccessPattern, name: str) -> bool:
    """Whether a pattern reads items by their key, and returns an attribute of them."""
    node = evidence.node(pattern, pattern, "projection")
    returned = node is None or name in syntax.attributes(node)
    return returned and pattern.user_facing and pattern.operation in ("GetItem", "BatchGetItem", "TransactGetItems")


@rule("DW313", "error")
def update_forgets_key(evidence: Evidence) -> Iterator[Finding]:
    """An update that changes what a key is made of, and not the key.

    What it does
        Finds an update that sets an attribute from which a key attribute's template is made, without setting that key
        attribute too.
    Why it is bad
        The index goes on finding the item under its old value: the order is SHIPPED, and Query lists it as OPEN. In the
        primary key it cannot be repaired by an update at all.
    Example
        entities:
          Order:
            key: {PK: "{order}", GSI1PK: "STATUS#{status}"}
            attributes: {status: [OPEN, SHIPPED]}
        access_patterns:
          ship: {operation: UpdateItem, update: "SET #status = :shipped", values: {shipped: SHIPPED}}
    Use instead
        Set both, "SET #status = :shipped, GSI1PK = :key"; or let the index be keyed by the attribute itself.
    Source
        Keys are plain attributes that the application writes: AWS, GSI (index key attributes).
    """
    for write in (w for w in evidence.writes if w.operation == "Update"):
        node = evidence.node(write.pattern, write.part, "update")
        changed = {str(clause.path.parts[0]) for clause in node.clauses}
        table, domains = evidence.design.table_of(write.entity.name), evidence.design.domains_of(write.entity.name)
        for name in table.indexed_attributes:
            template = domains[name].template if name in domains else None
            made_of = {a for a in changed if template and _stands_in(a, domains.get(a), template.fields)}
            if template and made_of and name not in changed:
                what = " and ".join(sorted(made_of))
                primary = name in table.key_attributes
                message = f"changes {what}, of which {name} ({template.text}) is made, and leaves {name} as it was"
                fix = "delete the item and put it under its new key, in a transaction" if primary else f"set {name} too"
                yield evidence.finding("DW313", "error", write.place, message, fix, key=name, template=template.text)


def _stands_in(attribute: str, domain: Any, fields: tuple[str, ...]) -> bool:
    """Whether an attribute, or the field that it holds, stands in a template."""
    held = domain.template.lone_field if domain is not None and domain.template else None
    return attribute in fields or held in fields


@rule("DW314", "warning")
def transaction_of_one(evidence: Evidence) -> Iterator[Finding]:
    """A transaction for a single item.

    What it does
        Finds a TransactWriteItems or TransactGetItems with one member.
    Why it is bad
        A transaction costs two units for each that a plain request takes. One item is written atomically anyway.
    Example
        access_patterns:
          pay: {operation: TransactWriteItems, actions: [{operation: Update, update: "SET paid = :now"}]}
    Use instead
        UpdateItem, PutItem, DeleteItem or GetItem (strongly consistent), with the same condition.
    Source
        AWS: transaction-apis (capacity management), read-write-operations.
    """
    plain = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem with consistent: true"}
    for pattern in (p for p in evidence.served if p.operation.startswith("Transact")):
        counts = [action.count for action in pattern.actions] or [pattern.count]
        if len(counts) == 1 and (counts[0] is None or counts[0].most <= 1):
            operation = pattern.actions[0].operation if pattern.actions else "Get"
            half = evidence.mean_units(pattern) * (pattern.rate or 0) / 2
            cost = (
                f": {rate_text(half)} units/s more than a plain request" if half else ": twice a plain request's units"
            )
            message = f"a transaction for one item{cost}"
            fix = f"use {plain.get(operation, 'PutItem with the condition')}; a single write is atomic"
            yield evidence.finding("DW314", "warning", evidence.place(pattern), message, fix, wasted_units_per_s=half)


@rule("DW315", "warning")
def transactions_on_one_item(evidence: Evidence) -> Iterator[Finding]:
    """Transactions that meet on one item.

    What it does
        Finds a TransactWriteItems whose most popular item gets 20 transactions a second or more at peak.
    Why it is bad
        A transaction that meets another on an item is cancelled: TransactionConflict. Retries cost double units again
        and make more conflicts.
    Example
        access_patterns:
          order:
            operation: TransactWriteItems
            peak: 200/s
            actions:
              - {operation: Put, entity: Order}
              - {operation: Update, entity: Total, update: ADD orders :one, values: {one: 1}}
    Use instead
        Keep the shared item out of the transaction: count from a stream, or in shards.
    Source
        AWS: transaction-apis (conflict handling).
    """
    from workbench.changes import member_weights, members

    for pattern in (p for p in evidence.served if p.operation == "TransactWriteItems" and p.peak_rate):
        for member in members(evidence.items, pattern) if evidence.items is not None else ():
            weights = [] if member.is_new or evidence.items is None else member_weights(evidence.items, pattern, member)
            rate = float(max(weights, default=0.0)) * (pattern.peak_rate or 0)
            if rate >= CONFLICTING_WRITES and len(pattern.actions) > 1:
                message = f"one item of {member.entity} is part of {rate_text(rate)} transactions a second at peak"
                fix = f"take {member.entity} out of the transaction: count from a stream, or in shards"
                facts = {"entity": member.entity, "transactions_per_s": rate}
                yield evidence.finding("DW315", "warning", evidence.place(pattern), message, fix, **facts)


@rule("DW316", "note")
def count_by_reading(evidence: Evidence) -> Iterator[Finding]:
    """Counting by reading.

    What it does
        Finds a user-facing Query with `select: COUNT` that reads 10 units or more a call.
    Why it is bad
        A count reads and pays for every item that it counts, each time anew.
    Example
        access_patterns:
          how-many: {operation: Query, key_condition: PK = :PK, select: COUNT, rate: 50/s}
    Use instead
        A counter item, kept by a stream or raised with the write.
    Source
        AWS: bp-gsi-aggregation, Query (Select: COUNT).
    """
    for pattern in (p for p in evidence.served if p.select == "COUNT" and p.user_facing):
        units = evidence.mean_units(pattern)
        if units >= COUNT_UNITS:
            message = f"reads {rate_text(units)} RU a call to say how many there are"
            fix = "keep a counter beside the items, raised from a stream"
            yield evidence.finding("DW316", "note", evidence.place(pattern), message, fix, ru_per_call=units)


@rule("DW317", "note")
def strong_reads(evidence: Evidence) -> Iterator[Finding]:
    """Strongly consistent reads, at twice the units.

    What it does
        Finds a pattern with `consistent: true` that takes 100 read units a second or more for it.
    Why it is bad
        A strongly consistent read costs twice an eventually consistent one, and only the leader of a partition serves
        it. Most readers see nothing of the milliseconds in between.
    Example
        access_patterns:
          feed: {operation: Query, key_condition: PK = :PK, consistent: true, rate: 500/s}
    Use instead
        Eventually consistent reads, except right after a write that must be seen; there ReturnValues may do.
    Source
        AWS: HowItWorks.ReadConsistency, read-write-operations.
    """
    for pattern in (p for p in evidence.served if p.consistent and p.rate):
        saved = evidence.mean_units(pattern) * (pattern.rate or 0) / 2
        if saved >= STRONG_UNITS:
            message = f"eventually consistent it would take {rate_text(saved)} RU/s less"
            fix = "leave consistent out, unless what was just written must be seen"
            yield evidence.finding("DW317", "note", evidence.place(pattern), message, fix, saved_ru_per_s=saved)


@rule("DW318", "warning")
def items_of_one_instant(evidence: Evidence) -> Iterator[Finding]:
    """Items that nothing but the time of their creation tells apart.

    What it does
        Finds a put of new items, without a condition, whose primary key differs within an item collection by the clock
        alone, in seconds or milliseconds. From the rate and popularity of each partition key follows how many requests
        a month meet another one in the same instant, if they come independently; from one a month on they are named.
    Why it is bad
        Two such items have one primary key, and a put replaces what stands under it: the second destroys the first, and
        both report success. It shows under load alone, and no test finds it.
    Example
        fields:
          at: {per: device, count: 1..50, type: timestamp}
        entities:
          Reading: {key: {PK: "DEVICE#{device}", SK: "{at}"}}
        access_patterns:
          record: {operation: PutItem, entity: Reading, rate: 200/s}
    Use instead
        A sort key that ends in an id, "{at}#{id}", or an id that rises with time, as a ULID; it sorts the same. With
        `condition: attribute_not_exists(PK)` the second put is refused, and the application can take the next instant.
    Source
        AWS: API_PutItem (an item with the same primary key is replaced). The number is that of a Poisson process:
        r - (1 - exp(-r t)) / t items a second at r requests a second, where an instant is t seconds.
    """
    for write in evidence.writes:
        instant = _instant_alone(evidence, write)
        if instant and write.pattern.rate and write.pattern.operation == "PutItem" and not _guarded(evidence, write):
            name, seconds = instant
            lost = MONTH_SECONDS * _replaced(_rates(evidence, write), seconds)
            if lost >= SAME_INSTANT:
                unit = "second" if seconds == 1 else "millisecond"
                message = (
                    f"items of one partition key that come in the same {unit} of {name} have one key: about "
                    f"{rate_text(lost)} puts a month replace another {write.entity.name}"
                )
                fix = f"end the sort key with an id, as {{{name}}}#{{id}}; or put only if there is no such item yet"
                yield evidence.finding("DW318", "warning", write.place, message, fix, replaced_per_month=lost)


def _guarded(evidence: Evidence, write: Write) -> bool:
    return needs_no_item(evidence.node(write.pattern, write.part, "condition")) or bool(write.pattern.expect.error)


def _instant_alone(evidence: Evidence, write: Write) -> tuple[str, float] | None:
    """The one time, and its resolution in seconds, that tells new items of a partition key apart."""
    design, entity = evidence.design, write.entity
    table = design.table_of(entity.name)
    if write.operation != "Put" or write.target != "new" or entity.rows or not table.sort_key or evidence.items is None:
        return None
    partition = unknown_parts(design, entity, (), [table.partition_key])
    sort = unknown_parts(design, entity, partition, [table.sort_key])
    source = evidence.items.source
    if len(sort) != 1 or not {*source.leaves(entity)} <= {*sort} or evidence.key_has(entity, ID_TYPES):
        return None
    domain = evidence.domain(entity, sort[0]) or design.fields.get(sort[0])
    kind = domain.type if domain and domain.new is None else None
    created_now = kind is not None and kind.span is not None and kind.span.ends_now
    return (sort[0], INSTANTS[kind.word]) if kind and created_now and kind.word in INSTANTS else None


def _rates(evidence: Evidence, write: Write) -> Floats:
    """Requests a second of a pattern on each partition key that it puts to, at its mean rate."""
    keys = evidence.keys(evidence.design.table_of(write.entity.name).name)
    found = [load.requests for load in keys.requests.loads if load.pattern == write.pattern.name] if keys else []
    peak = write.pattern.peak_rate or 1.0
    return np.concatenate([*found, np.zeros(0)]) * (write.pattern.rate or 0.0) / peak


def _replaced(rates: Floats, seconds: float) -> float:
    """Requests a second that come in an instant in which their key had one before: all but the first of each."""
    each = rates * seconds
    some = each > 1e-4  # below, the difference of two nearly equal numbers is noise
    many = rates + np.expm1(-each) / seconds
    return float(np.where(some, many, rates * each / 2).sum())


@rule("DW319", "error")
def more_bytes_than_a_request_takes(evidence: Evidence) -> Iterator[Finding]:
    """A batch or transaction of more bytes than one request takes.

    What it does
        Draws calls of each transaction and BatchGetItem, and adds up the sizes of their items. Transactions of more
        than 4 MB are an error if they are one in a hundred or more, otherwise a warning; a BatchGetItem of more than
        16 MB is a note. Sizes that the design states (`size` times `count`) are checked with the design file.
    Why it is bad
        DynamoDB refuses such a transaction whole, each time that it is tried. A BatchGetItem returns the items that
        fit, and the other keys as UnprocessedKeys: they take another request, and the application has to send it.
    Example
        entities:
          Page: {attributes: {text: text(60 KB..120 KB)}}
        access_patterns:
          publish: {operation: TransactWriteItems, actions: [{operation: Put, entity: Page, count: 50}], rate: 1/s}
    Use instead
        Fewer items in a call; smaller items, with what is large in S3; or single writes that can be repeated, and at
        the end the one that makes them visible.
    Source
        AWS: API_TransactWriteItems, API_TransactGetItems (4 MB), API_BatchGetItem (16 MB).
    """
    for pattern in (p for p in evidence.served if p.operation in MOST_BYTES and evidence.costs is not None):
        most = MOST_BYTES[pattern.operation]
        size = evidence.costs.bytes_over(pattern, most) if evidence.costs else np.zeros(0)
        over = size[size > most]
        if len(over):
            share, is_batch = len(over) / len(size), pattern.operation == "BatchGetItem"
            severity = "note" if is_batch else "error" if share >= REFUSED_ERROR else "warning"
            happens = "leave keys unprocessed" if is_batch else "are refused"
            message = (
                f"{percent(share)} of its calls {happens}: their items have up to {over.max() / limits.MB:,.2f} MB "
                f"together, and a {pattern.operation} takes {most // limits.MB} MB (API_{pattern.operation})"
            )
            fits = int(most // (size.mean() / _items_a_call(pattern)))
            fix = f"put fewer items into a call, of this size {fits:,} at most in the mean, or make them smaller"
            facts = {"share": share, "mean_bytes": float(size.mean()), "largest_bytes": float(over.max())}
            yield evidence.finding("DW319", severity, evidence.place(pattern), message, fix, **facts)


def _items_a_call(pattern: AccessPattern) -> float:
    """How many items a batch or transaction addresses in the mean."""
    return sum(part.count.mean if part.count else 1.0 for part in pattern.actions or (pattern,))
