"""DW2xx: indexes. What each costs, and whether it serves anybody.

One file per family of codes, however long: two lines in five are the docstrings that the review and docs/rules.md show.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from workbench import limits, syntax
from workbench.design import AccessPattern
from workbench.entities import EntityItems
from workbench.evidence import Evidence
from workbench.findings import Finding
from workbench.heat import Hot, hot_keys, partition_fields
from workbench.reach import fetches
from workbench.results import article, percent
from workbench.ring import entry_sizes, is_in, projected
from workbench.rules.dw1xx import heat
from workbench.rules.registry import rule
from workbench.schema import Index, Provisioned, Table, most_units
from workbench.spreads import rate_text
from workbench.thresholds import (
    COLLECTION_SHARE,
    COLLECTION_YEARS,
    FETCH_UNITS,
    INDEX_UTILISATION,
    KEY_CHANGE_UNITS,
    MONTH_SECONDS,
    SAVED_UNITS,
)

YEAR_SECONDS = 12 * MONTH_SECONDS


@rule("DW201", "warning")
def unused_index(evidence: Evidence) -> Iterator[Finding]:
    """An index that no access pattern reads.

    What it does
        Finds a secondary index that no Query or Scan names, with the units that it takes a month.
    Why it is bad
        Every write that touches its keys or what it projects is paid for again, and the entries are stored again. A
        global index that runs hot even throttles the writes of its table.
    Example
        tables:
          Orders: {partition_key: order_id, gsi: {byCity: {partition_key: city}}}
    Use instead
        Leave it out until an access pattern asks for it: a global index can be added at any time.
    Source
        AWS: bp-indexes-general (keep the number of indexes to a minimum).
    """
    for table, index, place in _indexes(evidence):
        if evidence.reads_from(table.name, index.name):
            continue
        rate = evidence.units_per_s("write", table.name, index.name, at="rate")
        stored = sum(int(entry_sizes(e, index)[is_in(e, index)].sum()) for e in _entities(evidence, table))
        monthly = f"{rate * MONTH_SECONDS:,.0f} write units a month" if rate else "no writes with a rate"
        message = f"no access pattern reads it; it takes {monthly} and stores {stored / limits.MB:,.1f} MB"
        fix = f"remove {index.name}, or add the access pattern that reads it"
        monthly_units = {"write_units_per_month": rate * MONTH_SECONDS, "stored_bytes": stored}
        yield evidence.finding("DW201", "warning", place, message, fix, wu_per_s=rate, **monthly_units)


def _indexes(evidence: Evidence, kind: str = "") -> Iterator[tuple[Table, Index, tuple[str, ...]]]:
    for table in evidence.design.tables.values():
        for index in table.indexes.values():
            if kind in ("", index.kind):
                yield table, index, ("tables", table.name, index.kind, index.name)


def _entities(evidence: Evidence, table: Table) -> list[EntityItems]:
    return evidence.items.in_table(table.name) if evidence.items is not None else []


@rule("DW202", "error")
def hot_index_key(evidence: Evidence) -> Iterator[Finding]:
    """A hot key of a global index, which throttles the writes of its table.

    What it does
        Finds a global index in which one partition key takes half of one partition's write limit or more at peak.
    Why it is bad
        An index has partitions of its own, 1,000 write units a second each. What it cannot take in is queued for a
        moment, and then every write to the table that would change the index is throttled: back-pressure. A status
        index with few writes is no problem; one that all writes of a busy table pass through is.
    Example
        tables:
          Orders: {partition_key: order_id, gsi: {byStatus: {partition_key: status}}}
        access_patterns:
          place-order: {operation: PutItem, rate: 2_000/s}
    Use instead
        A composed key, "{status}#{customer}" or the attributes [status, customer]; shards; or a sparse index that
        holds only the items that are asked for.
    Source
        AWS: gsi-throttling, bp-indexes-gsi-sharding.
    """
    for hot in evidence.once(hot_keys):
        if hot.index is None or hot.kind == "read":
            continue
        few = "the only key" if hot.keys == 1 else f"one of only {hot.keys} keys"
        every = f", {few} that {hot.pattern.name} writes," if hot.cause in ("few", "constant") else ""
        units = f"{rate_text(hot.key.units_per_s)} WU/s, {hot.key.against}{hot.and_others}"
        held = f"beyond that the index throttles the writes of {hot.table.name}"
        message = f"at peak {hot.key.key}{every} takes {units}; {held}"
        severity = "error" if hot.key.utilisation > 1 else "warning"
        names = ", ".join(hot.table.keys(hot.index)[0])
        fix = f"compose {names} with what has many values, shard it in {hot.shards}, or make the index sparse"
        yield evidence.finding("DW202", severity, hot.place, message, fix, **heat(hot))


@rule("DW203", "warning")
def over_projection(evidence: Evidence) -> Iterator[Finding]:
    """An index that projects far more than is read from it.

    What it does
        Finds an index all of whose readers name what they want, where projecting just that would save at least 10
        write or read units a second.
    Why it is bad
        The index is written again for each change of what it projects, and its entries are stored and read with it. Up
        to 1 KB an entry costs one write unit, whatever it holds, so that small entries are left alone.
    Example
        tables:
          Orders: {partition_key: order_id, gsi: {byCustomer: {partition_key: customer, projection: ALL}}}
        access_patterns:
          order-ids: {operation: Query, index: byCustomer, key_condition: customer = :customer, projection: order_id}
    Use instead
        `projection: KEYS_ONLY`, or a list of the attributes that are read.
    Source
        AWS: bp-indexes-general (projections).
    """
    for table, index, place in _indexes(evidence):
        needed = _needed(evidence, table, index)
        if needed is None or index.projection == "KEYS_ONLY":
            continue
        keys = {*table.key_attributes, *index.key_attributes}
        narrow = index.model_copy(update={"projection": tuple(sorted(needed - keys)) or "KEYS_ONLY"})
        saved_write, saved_read = _saved(evidence, table, index, narrow)
        if saved_write + saved_read >= SAVED_UNITS:
            wanted = ", ".join(sorted(needed - keys)) or "keys"
            message = (
                f"its readers want {wanted} alone; projecting just that would save {rate_text(saved_write)} WU/s and "
                f"{rate_text(saved_read)} RU/s"
            )
            fix = f"project [{', '.join(sorted(needed - keys))}]" if needed - keys else "project KEYS_ONLY"
            saved = {"saved_wu_per_s": saved_write, "saved_ru_per_s": saved_read}
            yield evidence.finding("DW203", "warning", place, message, fix, needed=sorted(needed), **saved)


def _needed(evidence: Evidence, table: Table, index: Index) -> set[str] | None:
    """The attributes that all readers of an index name; None if one of them wants everything, or nobody reads it."""
    readers = evidence.reads_from(table.name, index.name)
    found: set[str] = set()
    for pattern in readers:
        if pattern.projection is None and pattern.select != "COUNT":
            return None
        for key in ("projection", "filter"):
            node = evidence.node(pattern, pattern, key)
            found |= set(syntax.attributes(node)) if node is not None else set()
        found |= set(pattern.expect.attributes)
    return found if readers else None


def _saved(evidence: Evidence, table: Table, index: Index, narrow: Index) -> tuple[float, float]:
    """Write and read units a second that a narrower projection of an index would save."""
    wide_units = narrow_units = wide_bytes = narrow_bytes = 0.0
    for entity in _entities(evidence, table):
        there = is_in(entity, index)
        sizes = [entry_sizes(entity, which)[there] for which in (index, narrow)]
        wide_units += np.ceil(sizes[0] / limits.WRITE_UNIT_BYTES).sum()
        narrow_units += np.ceil(sizes[1] / limits.WRITE_UNIT_BYTES).sum()
        wide_bytes, narrow_bytes = wide_bytes + sizes[0].sum(), narrow_bytes + sizes[1].sum()
    if not wide_bytes:
        return 0.0, 0.0
    write = evidence.units_per_s("write", table.name, index.name, at="rate") * (1 - narrow_units / wide_units)
    reads = [p for p in evidence.reads_from(table.name, index.name) if p.rate and p.unserved is None]
    read = sum((p.rate or 0) * max(0.0, evidence.mean_units(p, table.name, index.name) - 0.5) for p in reads)
    return write, read * (1 - narrow_bytes / wide_bytes)


@rule("DW204", "warning")
def missing_projection(evidence: Evidence) -> Iterator[Finding]:
    """A read that needs what its index does not project.

    What it does
        Finds a Query of a local index that fetches attributes from the table, item by item; and one of a global index
        that expects attributes which the index does not hold.
    Why it is bad
        Each fetched item costs a read of its own, rounded up to 4 KB, beside the entry. A global index fetches nothing:
        the attribute is missing from what comes back, and the application reads every item again.
    Example
        tables:
          Posts: {partition_key: author, sort_key: post, lsi: {byDate: {sort_key: at, projection: KEYS_ONLY}}}
        access_patterns:
          titles: {operation: Query, index: byDate, key_condition: author = :author, projection: title}
    Use instead
        Put what is read into the index's projection.
    Source
        AWS: LSI (fetches), GSI (a query of an index returns projected attributes only).
    """
    for table, index, _ in _indexes(evidence):
        there = projected(table, index)
        for pattern in evidence.reads_from(table.name, index.name) if there is not None else ():
            missing = _missing(evidence, pattern, there or frozenset())
            fetched = evidence.drawn_units(pattern, table.name) if index.kind == "lsi" else 0.0
            wants = fetches(pattern, there) if index.kind == "lsi" else bool(missing)
            if wants and (index.kind == "gsi" or fetched >= FETCH_UNITS):
                what = " and ".join(missing) or "attributes"
                message = f"wants {what}, which index {index.name} does not project"
                message += f": {rate_text(fetched)} RU a call to fetch them from the table" if fetched else ""
                severity = "error" if index.kind == "gsi" else "warning"
                fix = f"add {what} to the projection of {index.name}"
                place = evidence.place(pattern)
                yield evidence.finding("DW204", severity, place, message, fix, missing=missing, fetched_ru=fetched)


def _missing(evidence: Evidence, pattern: AccessPattern, there: frozenset[str]) -> list[str]:
    node = evidence.node(pattern, pattern, "projection")
    wanted = [*(syntax.attributes(node) if node is not None else ()), *pattern.expect.attributes]
    return [name for name in dict.fromkeys(wanted) if name not in there]


@rule("DW205", "error")
def collection_past_10_gb(evidence: Evidence) -> Iterator[Finding]:
    """A local index on a collection that can pass 10 GB.

    What it does
        Finds a table with a local index where an item collection is near 10 GB with its index entries, or gets there
        within three years at the rates of the patterns that create items and never expire.
    Why it is bad
        A local index holds its collection on one partition. At 10 GB every write that adds to the collection fails,
        and a local index can neither be removed nor added later: the way out is a new table.
    Example
        tables:
          Logs: {partition_key: tenant, sort_key: at, lsi: {byLevel: {sort_key: level}}}
    Use instead
        A global index with the same partition key; or a partition key that bounds the collection, "{tenant}#{month}".
    Source
        AWS: LSI.ItemCollections (10 GB), bp-indexes-general (prefer global indexes).
    """
    for table in (t for t in evidence.design.tables.values() if t.lsi and evidence.items is not None):
        found, sizes = evidence.keys(table.name), _collections(evidence, table)
        if found is None or not len(sizes):
            continue
        largest = int(sizes.argmax())
        growth = _growth(evidence, table)
        key, size = found.requests.keys[largest], float(sizes[largest])
        full = (limits.COLLECTION_BYTES_WITH_LSI - size) / growth if growth else float("inf")
        if size < COLLECTION_SHARE * limits.COLLECTION_BYTES_WITH_LSI and full > COLLECTION_YEARS * YEAR_SECONDS:
            continue
        grows = f", and grows by {_stored(growth * MONTH_SECONDS)} a month" if growth else ""
        when = f": 10 GB in {_duration(full)}" if growth and full > 0 else ""
        message = f"the collection of {key} has {_stored(size)} with its local indexes{grows}{when}"
        severity = "error" if full <= YEAR_SECONDS or size > limits.COLLECTION_BYTES_WITH_LSI else "warning"
        fix = "make the local index a global one, or bound the collection by its partition key"
        facts = {"key": key, "bytes": size, "bytes_per_s": growth, "limit_bytes": limits.COLLECTION_BYTES_WITH_LSI}
        yield evidence.finding("DW205", severity, ("tables", table.name), message, fix, **facts)


def _stored(size: float) -> str:
    """Bytes in the unit that fits them.

    >>> _stored(3_000), _stored(450_000_000), _stored(11 * 2**30)
    ('2.9 KB', '429.2 MB', '11.0 GB')
    """
    units = {"GB": limits.GB, "MB": limits.MB, "KB": limits.KB}
    unit = next((unit for unit, least in units.items() if size >= least), "KB")
    return f"{size / units[unit]:,.1f} {unit}"


def _duration(seconds: float) -> str:
    """A time to come, as people say it.

    >>> _duration(3_600), _duration(86_400), _duration(86_400 * 200), _duration(86_400 * 800)
    ('1 hour', '24 hours', '7 months', '2.2 years')
    """
    days = seconds / 86_400
    if days < 2:
        hours = max(1, round(days * 24))
        return f"{hours} hour{'s' * (hours != 1)}"
    if days < 60:
        return f"{days:.0f} days"
    return f"{days / 30:.0f} months" if days < 720 else f"{days / 365:.1f} years"


def _collections(evidence: Evidence, table: Table) -> "np.ndarray":
    """Bytes of each item collection, entries of local indexes included."""
    assert evidence.costs is not None
    keys = evidence.costs.keys(table, None)
    total = np.zeros(len(keys))
    for entity in _entities(evidence, table):
        size = entity.sizes.astype(float)
        for name in table.lsi:
            index = table.indexes[name]
            size = size + np.where(is_in(entity, index), entry_sizes(entity, index), 0)
        total += np.bincount(keys.of[entity.name], size, minlength=len(keys))
    return total


def _growth(evidence: Evidence, table: Table) -> float:
    """Bytes a second that the fastest-growing collection gains from items that never expire."""
    found = evidence.keys(table.name)
    if found is None:
        return 0.0
    spread = found.requests
    gained = np.zeros(len(spread.keys))
    for write in evidence.writes:
        entity = evidence.items.entities[write.entity.name] if evidence.items is not None else None
        lasting = table.ttl is None or evidence.domain(write.entity, table.ttl) is None
        puts = write.operation == "Put" and write.target == "new" and write.pattern.rate and lasting
        if entity is None or entity.table.name != table.name or not puts or not len(entity):
            continue
        for load in spread.loads:
            if load.pattern == write.pattern.name and load.kind == "write":
                scale = (write.pattern.rate or 0) / (write.pattern.peak_rate or 1)
                gained[load.keys] += load.requests * scale * float(entity.sizes.mean()) * (1 + len(table.lsi))
    # New keys bring collections of their own, which are spread over the known ones here.
    return float(gained.max(initial=0.0))


@rule("DW206", "error")
def index_under_provisioned(evidence: Evidence) -> Iterator[Finding]:
    """An index with less write capacity than its table sends it.

    What it does
        Compares the write capacity or maximum throughput of a global index with the units that writes to the table
        cause in it at peak.
    Why it is bad
        An index that cannot keep up throttles the writes of its table, though the table has capacity left.
    Example
        tables:
          Orders:
            partition_key: order_id
            capacity: {read: 100, write: 500}
            gsi: {byCustomer: {partition_key: customer, capacity: {read: 50, write: 100}}}
    Use instead
        Write capacity of at least what the table sends, or of the table's own.
    Source
        AWS: GSI.ThroughputConsiderations, gsi-throttling.
    """
    for table, index, place in _indexes(evidence, "gsi"):
        units = evidence.units_per_s("write", table.name, index.name)
        for most, what in _write_ceilings(table, index):
            if units > most * (1 + 1e-6):
                message = f"takes {rate_text(units)} WU/s at peak, and its {what} is {rate_text(most)}"
                fix = f"raise the {what} of {index.name} to {units:,.0f} at least"
                facts = {"peak_wu_per_s": units, "most_wu_per_s": most}
                yield evidence.finding("DW206", "error", place, message, fix, **facts)


def _write_ceilings(table: Table, index: Index) -> Iterator[tuple[float, str]]:
    capacity = index.capacity or table.capacity  # an index has its table's unless it states its own
    if isinstance(capacity, Provisioned):
        yield most_units(capacity.write), "write capacity"
    if index.max_throughput and index.max_throughput.write:
        yield float(index.max_throughput.write), "maximum write throughput"


@rule("DW207", "warning")
def busy_index_key(evidence: Evidence) -> Iterator[Finding]:
    """An update that moves entries in an index all the time.

    What it does
        Finds an update that changes a key attribute of an index so often that this takes 100 write units a second or
        more there.
    Why it is bad
        A changed key is two writes to the index, one that deletes the old entry and one that puts the new: an update of
        1 unit costs 3. A status that changes now and then costs nothing worth mentioning.
    Example
        tables:
          Jobs: {partition_key: job, gsi: {byHeartbeat: {partition_key: queue, sort_key: heartbeat}}}
        access_patterns:
          beat: {operation: UpdateItem, update: "SET heartbeat = :now", values: {now: {type: epoch(now)}}, rate: 400/s}
    Use instead
        Index what changes seldom, or write the changing value in steps (the hour of the heartbeat).
    Source
        AWS: GSI (updates of index keys), bp-indexes-general.
    """
    for write in (w for w in evidence.writes if w.operation == "Update" and w.pattern.rate):
        node = evidence.node(write.pattern, write.part, "update")
        changed = {str(clause.path.parts[0]) for clause in node.clauses}
        table = evidence.design.table_of(write.entity.name)
        for index in table.indexes.values():
            units = (write.pattern.rate or 0) * evidence.mean_units(write.pattern, table.name, index.name)
            if (moved := sorted(changed & set(index.key_attributes))) and units >= KEY_CHANGE_UNITS:
                message = f"changes {' and '.join(moved)}, key of index {index.name}: {rate_text(units)} WU/s there"
                fix = f"index what changes seldom, or write {moved[0]} in coarser steps"
                facts = {"index": index.name, "wu_per_s": units}
                yield evidence.finding("DW207", "warning", evidence.place(write.pattern), message, fix, **facts)


@rule("DW208", "warning")
def same_index_twice(evidence: Evidence) -> Iterator[Finding]:
    """Two indexes with the same keys, or one with the table's.

    What it does
        Finds indexes whose partition and sort key are those of another index or of the table.
    Why it is bad
        Each is written, stored and paid for; one with a projection that fits both serves every Query.
    Example
        tables:
          Orders:
            partition_key: order_id
            gsi:
              byCustomer: {partition_key: customer, sort_key: at}
              recent: {partition_key: customer, sort_key: at, projection: [total]}
    Use instead
        One index. An index may also serve what asks for its partition key alone.
    Source
        AWS: bp-indexes-general.
    """
    for table in evidence.design.tables.values():
        keyed = {(): table.keys(), **{(i.kind, i.name): table.keys(i.name) for i in table.indexes.values()}}
        for (one, key), (other, other_key) in combinations(keyed.items(), 2):
            if key == other_key:
                name = f"index {one[1]}" if one else f"table {table.name}"
                shown = ", ".join([*key[0], *key[1]])
                message = f"has the keys of {name}: {shown}"
                fix = f"keep one of the two, with a projection for both; let its readers use {name}"
                place = ("tables", table.name, *other)
                yield evidence.finding("DW208", "warning", place, message, fix, same_as=name)


@rule("DW209", "note")
def parent_as_partition_key(evidence: Evidence) -> Iterator[Finding]:
    """An index only to find the children of a parent.

    What it does
        Finds items that are keyed by their own id, and read only through an index on the id of their parent.
    Why it is bad
        The index costs as much as the table again. With the parent's id as the table's partition key and the child's as
        its sort key the same Query needs no index: about half of the writes and storage.
    Example
        fields:
          order: {count: 1_000}
          line: {per: order, count: 1..9, type: uuid}
        entities:
          Line: {key: {line_id: "{line}", order_id: "{order}"}}
        tables:
          Lines: {partition_key: line_id, gsi: {byOrder: {partition_key: order_id}}}
    Use instead
        `partition_key: order_id, sort_key: line_id`, for as long as whoever knows the line knows its order.
    Source
        AWS's data modelling guidance on identifying relationships.
    """
    for table, index, place in _indexes(evidence, "gsi"):
        for entity in evidence.design.entities_in(table.name):
            reads = evidence.reads_of(entity.name)
            own = [name for name, _ in partition_fields(evidence.design, table, None, entity)]
            other = [name for name, _ in partition_fields(evidence.design, table, index.name, entity)]
            if reads and all(p.index == index.name for p in reads) and _is_parent(evidence, other, own):
                saved = evidence.units_per_s("write", table.name, index.name, at="rate")
                child, parent = own[0], other[0]
                message = (
                    f"{entity.name} is keyed by {child} and read only by its {parent} through {index.name}, which "
                    f"takes {rate_text(saved)} WU/s"
                )
                who = f"those who change {article(entity.name)} know its {parent}"
                fix = f"key the table by {parent}, then {child}, if {who}"
                yield evidence.finding("DW209", "note", place, message, fix, wu_per_s=saved)


def _is_parent(evidence: Evidence, parent: Sequence[str], child: Sequence[str]) -> bool:
    fields = evidence.design.fields
    return len(parent) == len(child) == 1 and child[0] in fields and fields[child[0]].per == parent[0]


@rule("DW210", "warning")
def crowded_index_partition(evidence: Evidence) -> Iterator[Finding]:
    """A local index on a hot collection.

    What it does
        Finds a table with a local index where one partition key takes half of a partition's limit or more. A collection
        that could not be divided anyway, since it is one item or its sort key only rises, is left alone.
    Why it is bad
        Without a local index DynamoDB can divide a hot collection between partitions, by sort key. With one it stays
        together: 1,000 write units and 3,000 read units a second, entries of the index included.
    Example
        tables:
          Games: {partition_key: game, sort_key: player, lsi: {byScore: {sort_key: score}}}
        access_patterns:
          score: {operation: UpdateItem, update: "SET score = :score", popularity: {game: top(80%)}, rate: 900/s}
    Use instead
        A global index with the same partition key.
    Source
        AWS: burst-adaptive-capacity, bp-indexes-general.
    """
    for hot in evidence.once(hot_keys):
        crowded = hot.table.lsi and hot.index is None and hot.key.utilisation >= INDEX_UTILISATION
        if crowded and not hot.rises and _is_divisible(evidence, hot):
            names = ", ".join(hot.table.lsi)
            message = (
                f"local index {names} holds {hot.key.key} on one partition, {percent(hot.key.utilisation)} of whose "
                f"{hot.kind} limit it takes at peak"
            )
            fix = f"make {names} global, so that the collection can be divided"
            yield evidence.finding("DW210", "warning", hot.place, message, fix, **heat(hot))


def _is_divisible(evidence: Evidence, hot: Hot) -> bool:
    """Whether a hot collection has several items, or gets new ones."""
    if any(write.operation == "Put" and write.target == "new" for write in evidence.writes_by(hot.pattern)):
        return True
    assert evidence.costs is not None
    keys = evidence.costs.keys(hot.table, None)
    labels = keys.labels()
    number = labels.index(hot.key.key) if hot.key.key in labels else None
    return sum(int((of == number).sum()) for of in keys.of.values()) > 1
