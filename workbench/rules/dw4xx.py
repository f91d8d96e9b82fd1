"""DW4xx: items. How large they are, how they grow, and when they expire.

One file per family of codes, however long: two lines in five are the docstrings that the review and docs/rules.md show.
"""

import re
from collections.abc import Iterator

import numpy as np

from workbench import limits, syntax
from workbench.design import AccessPattern, Entity
from workbench.domains import Domain
from workbench.evidence import Evidence, Write
from workbench.findings import Finding
from workbench.guards import needs_item, needs_no_item, satisfied
from workbench.identity import key_tag
from workbench.lifetimes import MILLISECONDS
from workbench.results import percent
from workbench.rules.registry import rule
from workbench.schema import Table
from workbench.spreads import rate_text
from workbench.syntax import written
from workbench.thresholds import (
    ITEM_SHARE_OF_LIMIT,
    JUST_OVER,
    JUST_OVER_ITEMS,
    JUST_OVER_SAVING,
    LARGE_ITEM,
    SMALL_CHANGE,
    TTL_YEARS,
    WASTED_UNITS,
)
from workbench.typewords import ID_TYPES, SECONDS, TIME_TYPES


@rule("DW401", "error")
def item_near_limit(evidence: Evidence) -> Iterator[Finding]:
    """An item that is near 400 KB.

    What it does
        Finds an entity whose largest item has 90 % of 400 KB or more, or passes it.
    Why it is bad
        A write that would make an item larger than 400 KB fails, names of attributes included. On a table with local
        indexes their entries count too.
    Example
        entities:
          Document: {attributes: {body: text(395 KB)}}
    Use instead
        Parts in items of their own under the same partition key; the large part in S3, with its address in the item;
        or compression.
    Source
        AWS: Constraints (item size), bp-use-s3-too.
    """
    if evidence.items is None and "400 KB" in evidence.refused:
        name = evidence.refused.removeprefix("entity ").partition(":")[0]
        fix = "divide the item, or keep the large part in S3"
        yield evidence.finding("DW401", "error", ("entities", name), evidence.refused, fix)
    for entity, size in _largest(evidence):
        if size >= ITEM_SHARE_OF_LIMIT * limits.ITEM_BYTES:
            share = percent(size / limits.ITEM_BYTES)
            message = f"the largest item has {size / limits.KB:,.0f} KB, {share} of what DynamoDB takes"
            fix = "divide the item, or keep the large part in S3"
            yield evidence.finding("DW401", "error", ("entities", entity.name), message, fix, largest_bytes=size)


def _largest(evidence: Evidence) -> Iterator[tuple[Entity, int]]:
    for name, made in evidence.items.entities.items() if evidence.items is not None else ():
        yield evidence.design.entities[name], int(made.sizes.max(initial=0))


@rule("DW402", "warning")
def large_item(evidence: Evidence) -> Iterator[Finding]:
    """An item of more than 100 KB.

    What it does
        Finds an entity whose largest item has more than 100 KB (and less than 90 % of the limit).
    Why it is bad
        It costs 13 units or more to read and 100 or more to write, whatever part of it is wanted; ten of them fill a
        page.
    Example
        entities:
          Page: {attributes: {html: text(lognormal(60 KB..250 KB))}}
    Use instead
        The parts that are used apart in items of their own; what is large in S3.
    Source
        AWS: bp-use-s3-too; AWS's data modelling guidance (split from 100 KB).
    """
    for entity, size in _largest(evidence):
        if LARGE_ITEM < size < ITEM_SHARE_OF_LIMIT * limits.ITEM_BYTES and evidence.items is not None:
            share = percent(float((evidence.items.entities[entity.name].sizes > LARGE_ITEM).mean()))
            message = f"items have up to {size / limits.KB:,.0f} KB, and {share} of them more than 100 KB"
            fix = "keep what is used apart in items of its own, or what is large in S3"
            yield evidence.finding("DW402", "warning", ("entities", entity.name), message, fix, largest_bytes=size)


@rule("DW403", "warning")
def unbounded_list(evidence: Evidence) -> Iterator[Finding]:
    """A list or set that every update makes longer.

    What it does
        Finds an update that appends to a list, or adds to a set, without a condition on its size.
    Why it is bad
        Each append rewrites and pays for the whole item, so that n of them cost n squared; at 400 KB they fail, and
        with them every other update of the item.
    Example
        access_patterns:
          comment: {operation: UpdateItem, update: "SET comments = list_append(comments, :comment)"}
    Use instead
        An item for each element under the same partition key; or a bound, `condition: size(comments) < :most`.
    Source
        AWS: bp-use-s3-too, Constraints (item size); AWS's data modelling guidance (unbounded lists).
    """
    for write in (w for w in evidence.writes if w.operation == "Update"):
        node = evidence.node(write.pattern, write.part, "update")
        condition = evidence.node(write.pattern, write.part, "condition")
        bounded = _sized(condition)
        for clause in node.clauses:
            name = str(clause.path.parts[0])
            if name not in bounded and _grows(evidence, write, clause):
                message = f"makes {name} of {write.entity.name} longer with every call, and nothing bounds it"
                fix = f"an item for each element, or condition: size({written(name)}) < :most"
                yield evidence.finding("DW403", "warning", write.place, message, fix, attribute=name)


def _sized(condition: syntax.Node | None) -> set[str]:
    """The attributes whose size a condition asks for."""
    nodes = syntax.walk(condition) if condition is not None else ()
    calls = [n for n in nodes if isinstance(n, syntax.Call) and n.function == "size"]
    return {name for call in calls for name in syntax.attributes(call)}


def _grows(evidence: Evidence, write: Write, clause: syntax.Clause) -> bool:
    if clause.action == "SET":
        nodes = syntax.walk(clause.value) if clause.value is not None else ()
        return any(isinstance(n, syntax.Call) and n.function == "list_append" for n in nodes)
    domain = evidence.domain(write.entity, str(clause.path.parts[0]))
    return clause.action == "ADD" and domain is not None and domain.set is not None


@rule("DW404", "note")
def just_over_a_unit(evidence: Evidence) -> Iterator[Finding]:
    """Items just over a unit.

    What it does
        Finds an entity half of whose items are at most a tenth of a unit over a boundary, 1 KB for what is written and
        4 KB for what is read alone, where the last bytes cost a tenth of the units or more.
    Why it is bad
        Writes are rounded up to 1 KB and reads to 4 KB: 1.1 KB costs what 2 KB do.
    Example
        entities:
          Order: {size: 1050}
        access_patterns:
          place: {operation: PutItem, rate: 200/s}
    Use instead
        Shorter attribute names, attributes left out that nobody reads, numbers in place of text.
    Source
        AWS: read-write-operations (rounding), capacity-unit-calculations (names count).
    """
    for entity in evidence.design.entities.values():
        written = [w.pattern for w in evidence.writes_of(entity.name)]
        read = [p for p in evidence.reads_of(entity.name) if p.operation in ("GetItem", "BatchGetItem")]
        for patterns, unit, word in ((written, limits.WRITE_UNIT_BYTES, "WU"), (read, limits.READ_UNIT_BYTES, "RU")):
            rate = sum(pattern.rate or 0.0 for pattern in patterns)
            over = _just_over(evidence, entity, unit) if rate else 0.0
            if over >= JUST_OVER_ITEMS:
                message = (
                    f"{percent(over)} of the items are at most {unit * JUST_OVER:,.0f} bytes over a multiple of "
                    f"{unit / limits.KB:.0f} KB: without them {rate_text(rate * over)} {word}/s less"
                )
                fix = "shorten attribute names or drop attributes, to come under the boundary"
                facts = {"share_of_items": over, f"saved_{word.lower()}_per_s": rate * over}
                yield evidence.finding("DW404", "note", ("entities", entity.name), message, fix, **facts)


def _just_over(evidence: Evidence, entity: Entity, unit: int) -> float:
    """The share of an entity's items that are a little over a multiple of a unit, where that is a good part of them."""
    sizes = evidence.items.entities[entity.name].sizes if evidence.items is not None else np.zeros(0, np.int64)
    over = (sizes - 1) % unit + 1
    units = -(-sizes // unit)
    hit = (sizes > unit) & (over <= unit * JUST_OVER) & (units * JUST_OVER_SAVING <= 1)
    return float(hit.mean()) if len(sizes) else 0.0


@rule("DW405", "warning")
def small_change_of_large_item(evidence: Evidence) -> Iterator[Finding]:
    """A small update of a large item, often.

    What it does
        Finds an update of at most 128 bytes on items that cost so much to write that 50 write units a second or more
        go into bytes that do not change.
    Why it is bad
        An update pays for the whole item, the larger of before and after: a counter in a 20 KB item costs 20 units.
    Example
        entities:
          Article: {attributes: {body: text(20 KB), views: 0..1_000_000}}
        access_patterns:
          view: {operation: UpdateItem, update: ADD views :one, values: {one: 1}, rate: 100/s}
    Use instead
        The counter in an item of its own, under the same partition key: "ARTICLE#7" with the sort keys BODY and STATS.
    Source
        AWS: read-write-operations (UpdateItem), bp-use-s3-too (vertical partitioning).
    """
    for write in (w for w in evidence.writes if w.operation == "Update" and w.pattern.rate):
        table = evidence.design.table_of(write.entity.name)
        units = evidence.drawn_units(write.pattern, table.name)  # without the entries of local indexes
        units /= 2 if write.pattern.operation.startswith("Transact") else 1
        members = max(1, len(write.pattern.actions))
        wasted = (write.pattern.rate or 0) * (units - 1)
        size = _changed_bytes(evidence, write)
        if members == 1 and size is not None and size <= SMALL_CHANGE and wasted >= WASTED_UNITS:
            message = (
                f"changes at most {size:,.0f} bytes and writes {rate_text(units)} WU: {rate_text(wasted)} WU/s go into "
                "what stays as it is"
            )
            fix = f"keep what changes in an item of its own beside {write.entity.name}"
            yield evidence.finding("DW405", "warning", write.place, message, fix, wasted_wu_per_s=wasted)


def _changed_bytes(evidence: Evidence, write: Write) -> float | None:
    """The mean bytes of the attributes that an update sets; None where that is not known."""
    entity = evidence.items.entities[write.entity.name] if evidence.items is not None else None
    node = evidence.node(write.pattern, write.part, "update")
    total = 0.0
    for name in syntax.attributes(syntax.Projection(tuple(clause.path for clause in node.clauses))):
        column = entity.columns.get(name) if entity is not None else None
        if column is None or not len(column):
            return None
        total += len(name) + float(column.sizes.mean())
    return total


# Time to live


@rule("DW411", "error")
def ttl_not_a_number(evidence: Evidence) -> Iterator[Finding]:
    """A TTL attribute that is not a Number.

    What it does
        Finds an entity whose TTL attribute is text or another type, and a table whose TTL attribute no entity has.
    Why it is bad
        TTL takes a Number of epoch seconds and silently ignores everything else: nothing ever expires.
    Example
        tables:
          Sessions: {partition_key: id, ttl: expiresAt}
        entities:
          Session: {attributes: {expiresAt: timestamp(now)}}
    Use instead
        `expiresAt: epoch(createdAt + 7d)`.
    Source
        AWS: time-to-live-ttl-before-you-start.
    """
    for table in (t for t in evidence.design.tables.values() if t.ttl):
        holders = _holders(evidence, table)
        entities = evidence.design.entities_in(table.name)
        if entities and not holders and not any(entity.rows for entity in entities):
            message = f"its TTL attribute {table.ttl} is in no entity: nothing expires"
            fix = f"give an entity {table.ttl}, as epoch(createdAt + 7d), or remove ttl"
            yield evidence.finding("DW411", "error", ("tables", table.name), message, fix, attribute=table.ttl)
        for entity in holders:
            tag = key_tag(evidence.design, entity, str(table.ttl))
            if tag not in ("N", None):
                message = f"TTL attribute {table.ttl} is {tag}, and TTL ignores what is not a Number of epoch seconds"
                fix = f"{table.ttl}: epoch(...), in seconds"
                yield evidence.finding("DW411", "error", ("entities", entity.name), message, fix, type=tag)


def _holders(evidence: Evidence, table: Table) -> list[Entity]:
    """The entities in a table that have its TTL attribute."""
    return [e for e in evidence.design.entities_in(table.name) if evidence.domain(e, str(table.ttl)) is not None]


def _with_ttl(evidence: Evidence) -> Iterator[tuple[Table, Entity, Domain]]:
    for table in (t for t in evidence.design.tables.values() if t.ttl):
        for entity in _holders(evidence, table):
            domain = evidence.domain(entity, str(table.ttl))
            if domain is not None and key_tag(evidence.design, entity, str(table.ttl)) == "N":
                yield table, entity, domain


@rule("DW412", "error")
def ttl_in_milliseconds(evidence: Evidence) -> Iterator[Finding]:
    """A TTL attribute in milliseconds.

    What it does
        Finds a TTL attribute of type epoch_ms, or with values of 13 digits.
    Why it is bad
        Read as seconds the time is some fifty thousand years ahead: nothing ever expires, and nothing says so.
    Example
        entities:
          Session: {attributes: {expiresAt: epoch_ms(createdAt + 7d)}}
    Use instead
        `epoch(createdAt + 7d)`; in JavaScript Math.floor(Date.now() / 1000).
    Source
        AWS: time-to-live-ttl-before-you-start (seconds).
    """
    for table, entity, domain in _with_ttl(evidence):
        kind = domain.type
        large = isinstance(domain.value, int) and domain.value > MILLISECONDS
        large |= (
            kind is not None and kind.word == "number" and kind.amount is not None and kind.amount.low > MILLISECONDS
        )
        if large or (kind is not None and kind.word == "epoch_ms"):
            message = (
                f"TTL attribute {table.ttl} is in milliseconds; as seconds it lies 50,000 years ahead: never expires"
            )
            fix = f"{table.ttl}: epoch(...), in seconds"
            yield evidence.finding("DW412", "error", ("entities", entity.name), message, fix, attribute=table.ttl)


@rule("DW413", "error")
def ttl_in_the_past(evidence: Evidence) -> Iterator[Finding]:
    """A TTL that has passed when the item is written, or that is too old to count.

    What it does
        Finds items that expire as they are created, and values more than five years in the past.
    Why it is bad
        The first are deleted within days, though somebody just wrote them. The second TTL ignores, so that they stay
        for ever.
    Example
        entities:
          Session: {attributes: {createdAt: timestamp(-1d..now), expiresAt: epoch(createdAt - 7d)}}
    Use instead
        The time of creation plus how long the item is to live, epoch(createdAt + 7d).
    Source
        AWS: time-to-live-ttl-how-to (items older than five years).
    """
    for table, entity, domain in _with_ttl(evidence):
        span = domain.type.span if domain.type else None
        if span is None or domain.type is None or domain.type.word != "epoch":
            continue
        creates = [w.pattern.name for w in evidence.writes_of(entity.name, "Put") if w.target == "new"]
        if span.base is None and span.latest < -TTL_YEARS * SECONDS["y"]:
            message = f"{table.ttl} lies more than five years in the past, which TTL ignores: nothing expires"
        elif creates and domain.new is None and span.latest <= 0 and (span.base is None or span.latest < 0):
            message = f"{creates[0]} creates items whose {table.ttl} ({domain.type}) has passed already"
        else:
            continue
        fix = f"{table.ttl}: epoch(createdAt + 7d), or the time that an item is to live"
        yield evidence.finding("DW413", "error", ("entities", entity.name), message, fix, value=str(domain.type))


@rule("DW414", "warning")
def ttl_missing(evidence: Evidence) -> Iterator[Finding]:
    """Items that never expire among items that do.

    What it does
        Finds an entity of which only a share has the TTL attribute, and an update that creates items without it.
    Why it is bad
        What has no TTL stays and is paid for, for ever, and nobody notices: the others do expire. Different kinds of
        item in one table may differ in this; items of one kind seldom should.
    Example
        entities:
          Session: {attributes: {expiresAt: {type: epoch(now), present: 80%}}}
    Use instead
        The attribute in every put and in every update that may create the item:
        "ADD hits :one SET expiresAt = if_not_exists(expiresAt, :expiresAt)". A deliberate exception is written as a
        condition, `present: {kind: guest}`.
    Source
        AWS: TTL (items without the attribute are not expired), API_UpdateItem (creates the item).
    """
    for table, entity, domain in _with_ttl(evidence):
        own = (entity.attributes or {}).get(str(table.ttl), domain)
        if isinstance(own.present, float) and own.present < 1:
            message = f"only {percent(own.present)} of the items have {table.ttl}; the others never expire"
            fix = f"write {table.ttl} in every item, or say which have it: present: {{attribute: value}}"
            yield evidence.finding("DW414", "warning", ("entities", entity.name), message, fix, share=own.present)
        puts = [w for w in evidence.writes_of(entity.name, "Put") if w.target == "new"]
        for write in evidence.writes_of(entity.name, "Update") if not puts else ():
            if own.present is None and _creates_without(evidence, write, str(table.ttl)):
                message = f"creates {entity.name} where there is none, without {table.ttl}: that item never expires"
                name = written(str(table.ttl))
                fix = f"SET {name} = if_not_exists({name}, :{table.ttl}) in the same update"
                yield evidence.finding("DW414", "warning", write.place, message, fix, attribute=table.ttl)


def _creates_without(evidence: Evidence, write: Write, attribute: str) -> bool:
    """Whether an update may create an item, and does not set an attribute."""
    condition = evidence.node(write.pattern, write.part, "condition")
    creates = condition is None or satisfied(condition, {}, {})
    node = evidence.node(write.pattern, write.part, "update")
    return creates and attribute not in {str(clause.path.parts[0]) for clause in node.clauses}


@rule("DW415", "warning")
def expired_items_returned(evidence: Evidence) -> Iterator[Finding]:
    """Expired items that a read still returns.

    What it does
        Finds a user-facing Query or Scan of items with a TTL that does not compare the TTL attribute with the time, and
        any read whose projection leaves it out, so that nobody can.
    Why it is bad
        TTL deletes within days, not at the time: until then an expired session, token or lock is there and looks valid.
        TTL frees storage; it is no security.
    Example
        access_patterns:
          sessions: {operation: Query, entity: Session, key_condition: user = :user}
    Use instead
        `filter: expiresAt > :now`. After a GetItem the application compares; writes carry it in the condition.
    Source
        AWS: ttl-expired-items (filter them), TTL (deleted within a few days).
    """
    for table, entity, _ in _with_ttl(evidence):
        for pattern in (p for p in evidence.reads_of(entity.name) if p.user_facing and p.select != "COUNT"):
            looked = _looked_at(evidence, pattern, str(table.ttl))
            if pattern.operation in ("Query", "Scan") and not looked:
                message = f"returns {entity.name} after {table.ttl} has passed: TTL deletes within days"
                fix = f'filter: "{_with(pattern.filter, f"{written(str(table.ttl))} > :now")}"'
            elif pattern.projection and table.ttl not in _named(evidence, pattern, "projection") and not looked:
                message = f"leaves {table.ttl} out of what it returns, so that nobody can tell an expired {entity.name}"
                fix = f"add {table.ttl} to the projection, and compare it with the time"
            else:
                continue
            yield evidence.finding("DW415", "warning", evidence.place(pattern), message, fix, attribute=table.ttl)


def _with(stated: str | None, more: str) -> str:
    """A condition or filter together with what it has to ask for as well.

    >>> _with(None, "b > :now"), _with("a = :a", "b > :now"), _with("a = :a or c = :c", "b > :now")
    ('b > :now', 'a = :a AND b > :now', '(a = :a or c = :c) AND b > :now')
    """
    both = " or " in f" {stated} ".lower()
    return f"{f'({stated})' if both else stated} AND {more}" if stated else more


def _named(evidence: Evidence, pattern: AccessPattern, key: str) -> tuple[str, ...]:
    node = evidence.node(pattern, pattern, key)
    return syntax.attributes(node) if node is not None else ()


def _looked_at(evidence: Evidence, pattern: AccessPattern, name: str) -> bool:
    return any(name in _named(evidence, pattern, key) for key in ("filter", "key_condition"))


@rule("DW416", "warning")
def ttl_as_scheduler(evidence: Evidence) -> Iterator[Finding]:
    """TTL as a scheduler.

    What it does
        Finds a table with a stream whose TTL attribute is named after a time to act, such as runAt, dueAt or remindAt.
    Why it is bad
        TTL deletes within a few days of the time, in no order: a reminder that comes two days late is none.
    Example
        tables:
          Reminders: {partition_key: id, ttl: remindAt, stream: OLD_IMAGE}
    Use instead
        EventBridge Scheduler, or a queue with a delay; or an index keyed by the hour that a job queries.
    Source
        AWS: TTL (timing of deletions), time-to-live-ttl-streams.
    """
    for table in (t for t in evidence.design.tables.values() if t.ttl and t.stream):
        if _ACTS.match(str(table.ttl)):
            message = f"a stream waits for the deletion by {table.ttl}, which TTL does within days, in no order"
            fix = "schedule with EventBridge Scheduler or a delay queue, and leave TTL to free storage"
            yield evidence.finding("DW416", "warning", ("tables", table.name), message, fix, attribute=table.ttl)


_ACTS = re.compile(
    r"(?i)(run|due|fire|remind|schedule|trigger|execute|start|send|notify|wake|publish|retry|next_?run)"
    r"(d|r|s|ed)?(_?(at|time|on|date|after|ts))?\Z"
)


@rule("DW417", "warning")
def expired_items_in_the_way(evidence: Evidence) -> Iterator[Finding]:
    """A write that takes an expired item for a live one.

    What it does
        Finds a put with `attribute_not_exists` for items with a TTL whose key is taken again: locks and leases by their
        name, and items without a random id or a time in the key that a pattern deletes. As a note, user-facing updates
        that ask only whether the item exists. Conditions that name the TTL attribute are left alone.
    Why it is bad
        TTL deletes within days. Until then the lock of a crashed worker is still there, and nobody gets it; and an
        update changes, or extends, a session that is over.
    Example
        tables:
          Locks: {partition_key: name, ttl: lockedUntil}
        access_patterns:
          lock: {operation: PutItem, entity: Lock, condition: attribute_not_exists(name)}
    Use instead
        `condition: attribute_not_exists(name) OR lockedUntil < :now`; for updates
        `condition: attribute_exists(id) AND expiresAt > :now`.
    Source
        AWS: ttl-expired-items, TTL (deleted within a few days).
    """
    for table, entity, _ in _with_ttl(evidence):
        name = str(table.ttl)
        for write in evidence.writes_of(entity.name, "Put", "Update"):
            condition = evidence.node(write.pattern, write.part, "condition")
            if condition is None or name in syntax.attributes(condition) or write.pattern.expect.error:
                continue
            now, key = f"{written(name)} > :now", written(table.partition_key)
            if write.operation == "Put" and needs_no_item(condition) and _taken_again(evidence, write):
                message = (
                    f"finds an expired {entity.name} in its way for days: TTL deletes late, and only then is it free"
                )
                fix = f"condition: attribute_not_exists({key}) OR {written(name)} < :now"
                yield evidence.finding("DW417", "warning", write.place, message, fix, attribute=name)
            elif write.operation == "Update" and needs_item(condition) and write.pattern.user_facing:
                message = f"changes {entity.name} after {name} has passed: until TTL deletes it, the item exists"
                fix = f"condition: {_with(write.part.condition, now)}"
                yield evidence.finding("DW417", "note", write.place, message, fix, attribute=name)


_LOCKS = re.compile(r"(?i)(^|[^a-z])(un)?(lock|lease|mutex|semaphore)(s|ed|ing)?([^a-z]|$)")


def _taken_again(evidence: Evidence, write: Write) -> bool:
    """Whether the same key is written anew after it was in use: it is a lock's, or it is deleted and no key is new."""
    names = (write.entity.name, write.pattern.name, str(evidence.design.table_of(write.entity.name).ttl))
    if any(_LOCKS.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name)) for name in names):
        return True
    once = evidence.key_has(write.entity, (*ID_TYPES, *TIME_TYPES))
    return not once and bool(evidence.writes_of(write.entity.name, "Delete"))
