"""DW1xx: keys. Whether the partition key spreads the load, and the sort key the collection."""

from collections.abc import Iterator

from workbench.design import AccessPattern, Entity
from workbench.domains import Domain
from workbench.evidence import Evidence
from workbench.findings import Finding
from workbench.heat import Hot, first_template, hot_keys
from workbench.key_conditions import SortCondition
from workbench.limits import PARTITION_WRITE_UNITS
from workbench.reach import literal, query_condition
from workbench.results import percent
from workbench.rules.registry import rule
from workbench.schema import Table
from workbench.spreads import UNIT, rate_text
from workbench.thresholds import KEY_UTILISATION


@rule("DW101", "error")
def constant_partition_key(evidence: Evidence) -> Iterator[Finding]:
    """Every request goes to one constant partition key.

    What it does
        Finds a table or global index in which what is written or read at peak goes to a key that never varies, and
        takes half of one partition's limit or more.
    Why it is bad
        One partition key is served by one partition: 1,000 write units and 3,000 read units a second, whatever the
        table's capacity. Beyond that requests are throttled, and no setting helps. DynamoDB splits a hot collection
        between its sort keys, after minutes of throttling: where that ends it, this is a warning. It does not without
        a sort key, with a local index, or where one item or the newest end takes it all.
    Example
        entities:
          Event: {key: {PK: GLOBAL, SK: "EVENT#{event_id}"}}
        access_patterns:
          record: {operation: PutItem, entity: Event, rate: 1_500/s}
    Use instead
        Put what the readers know into the partition key, "DEVICE#{device_id}"; or spread writes over shards,
        "GLOBAL#{shard}" with shard(10), and read with one Query for each.
    Source
        AWS: bp-partition-key-design, bp-partition-key-sharding.
    """
    why = "is the only key that {pattern} names"
    yield from _hot(evidence, "DW101", "constant", why, "put what the readers know into the partition key")


@rule("DW102", "error")
def newest_partition_key(evidence: Evidence) -> Iterator[Finding]:
    """All requests of a moment name the newest partition key.

    What it does
        Finds a partition key that is a day, an hour or another bucket of time (or whose popularity is `latest`), where
        the newest value takes half of one partition's limit or more.
    Why it is bad
        Keys spread over time, but not at any time: all of today's writes go to today's key and its one partition. A
        unique key that rises, such as a ULID, is no such key: it is hashed, and each item has its own.
    Example
        entities:
          Flight: {key: {PK: "DAY#{date}", SK: "{departure}"}}
        access_patterns:
          record: {operation: PutItem, entity: Flight, popularity: {date: latest}, rate: 1_500/s}
    Use instead
        Lead with something else, "CARRIER#{carrier}#{date}", or add a shard, "DAY#{date}#{shard}".
    Source
        AWS: bp-partition-key-uniform-load, bp-partition-key-sharding, bp-time-series.
    """
    fix = "lead the partition key with what differs between the requests of a moment"
    yield from _hot(
        evidence, "DW102", "newest", "is the newest key, which all requests of {pattern} name at a moment", fix
    )


@rule("DW103", "error")
def few_partition_keys(evidence: Evidence) -> Iterator[Finding]:
    """So few partition keys that one of them runs hot.

    What it does
        Finds a table or global index with fewer than 100 partition key values, one of which takes half of one
        partition's limit or more at peak.
    Why it is bad
        Three statuses are at most three busy partitions: the load cannot spread further, however large the table is.
    Example
        entities:
          Event: {key: {PK: "WEBHOOK#{provider}", SK: "EVENT#{event_id}"}}
        access_patterns:
          record: {operation: PutItem, entity: Event, peak: 1_200/s, rate: 30/s}
    Use instead
        A partition key with many values, such as the event's id, or "WEBHOOK#{provider}#{shard}" with shards.
    Source
        AWS: bp-partition-key-uniform-load (status code: bad).
    """
    yield from _hot(
        evidence, "DW103", "few", "is one of only {keys} keys of {pattern}", "take a partition key with many values"
    )


@rule("DW104", "error")
def skewed_partition_key(evidence: Evidence) -> Iterator[Finding]:
    """One partition key of many takes too much of the traffic.

    What it does
        Finds a key that popularity makes hot: of many values, one takes half of one partition's limit or more.
    Why it is bad
        "Requests divided by keys" hides it: at Zipf 1.1 over 10,000 keys the first takes 15 %, 1,500 times its share.
    Example
        fields:
          user_id: {count: 10_000, popularity: zipf(1.1)}
        access_patterns:
          post: {operation: PutItem, rate: 8_000/s}
    Use instead
        For writes, shards of the hot key (all keys, or those that are known to be hot). For reads, a cache, eventually
        consistent reads, or copies of the item under several keys.
    Source
        AWS: bp-partition-key-uniform-load, bp-partition-key-sharding.
    """
    yield from _hot(evidence, "DW104", "skew", "is the most popular of {keys:,} keys of {pattern}", "spread that key")


def _hot(evidence: Evidence, code: str, cause: str, why: str, fix: str) -> Iterator[Finding]:
    for hot in evidence.once(hot_keys):
        # Writes of an index throttle its table: that is a rule of its own.
        if hot.cause == cause and not (hot.index and hot.kind == "write"):
            reason = why.format(keys=hot.keys, pattern=hot.pattern.name)
            message = f"at peak {hot.key}{hot.and_others}; it {reason}{hot.ends}"
            yield evidence.finding(code, hot.severity, hot.place, message, f"{fix}{_or_shards(hot)}", **heat(hot))


def _or_shards(hot: Hot) -> str:
    if hot.kind == "read":
        halved = "" if not hot.pattern.consistent else ", read eventually consistent at half the units"
        return f"; or cache what is read most{halved}, or keep copies under {hot.shards} keys"
    reads = f"a read then takes {hot.shards} Queries"
    return f"; or write to {hot.shards} shards of it, field shard: {{type: shard({hot.shards})}}: {reads}"


def heat(hot: Hot) -> dict[str, object]:
    """The evidence of a hot key: what it is asked for, against what one partition serves."""
    unit = UNIT[hot.kind].lower()
    return {
        "key": hot.key.key,
        "pattern": hot.pattern.name,
        "share": hot.key.share,
        "rate_per_s": hot.pattern.rate,
        "peak_per_s": hot.pattern.peak_rate,
        f"peak_{unit}_per_s": hot.key.units_per_s,
        f"limit_{unit}_per_s": hot.key.limit,
        "keys": hot.keys,
        "other_keys_over": hot.others,
        "shards": hot.shards,
    }


@rule("DW105", "error")
def rising_sort_key(evidence: Evidence) -> Iterator[Finding]:
    """A hot collection whose sort key only rises.

    What it does
        Finds a partition key that takes half of one partition's write limit or more, where new items always come at
        the end of the collection: their sort key begins with a time, a ULID or a sequence number.
    Why it is bad
        DynamoDB splits a hot collection by sort key, but not where all writes go to its end: these stay at 1,000 write
        units a second for ever, whatever else of the collection is split away. A partition key that rises does no
        harm, since keys are hashed.
    Example
        entities:
          Reading: {key: {PK: "SITE#{site}", SK: "{at}"}, attributes: {at: timestamp(-1d..now)}}
        access_patterns:
          record: {operation: PutItem, entity: Reading, popularity: {site: top(60%)}, rate: 3_000/s}
    Use instead
        Put before the time what differs between writers, "{sensor}#{at}"; or shard the partition key.
    Source
        AWS: burst-adaptive-capacity (isolation), Scaling DynamoDB part 3.
    """
    for hot in evidence.once(hot_keys):
        if hot.kind == "write" and hot.rises:
            sort = hot.table.keys(hot.index)[1][0]
            rates = dict.fromkeys(map(rate_text, (hot.undivided, hot.key.units_per_s)))
            message = (
                f"new items of {hot.key.key} come at the end of its sort key {sort}: {' of '.join(rates)} WU/s at peak "
                f"stay on one partition, which serves {PARTITION_WRITE_UNITS:,}, since DynamoDB does not split there"
            )
            fix = "put what differs between the writers before what rises, or shard the partition key"
            yield evidence.finding("DW105", hot.severity, hot.place, message, fix, sort_key=sort, **heat(hot))


@rule("DW106", "warning")
def numbers_sorted_as_text(evidence: Evidence) -> Iterator[Finding]:
    """Numbers of different lengths in a text sort key.

    What it does
        Finds a Query by range or order on a text sort key that is made of a number without a fixed width.
    Why it is bad
        Text is sorted by its bytes: "10" comes before "9". A range misses items and an order is wrong, from the tenth
        item on.
    Example
        entities:
          Line: {key: {PK: "ORDER#{order}", SK: "LINE#{line}"}, attributes: {line: 1..250}}
        access_patterns:
          lines-from: {operation: Query, key_condition: "PK = :PK AND SK >= :SK"}
    Use instead
        A width in the template, "LINE#{line:04}"; or a sort key of type Number, which holds the number alone.
    Source
        Sort order of text by UTF-8 bytes: AWS, HowItWorks.CoreComponents; fixed widths: bp-sort-keys.
    """
    for pattern in evidence.queries:
        sort = _ordered_by(evidence, pattern)
        for entity in evidence.design.addressed(pattern) if sort else ():
            if name := _loose_number(evidence, entity, str(sort)):
                message = f'{sort} of {entity.name} holds {{{name}}} as text without a width, and "10" sorts before "9"'
                fix = f"write {{{name}:06}} in the template, wide enough for the largest number"
                yield evidence.finding("DW106", "warning", evidence.place(pattern), message, fix, field=name)


def _ordered_by(evidence: Evidence, pattern: AccessPattern) -> str | None:
    """The sort key attribute on whose order a Query depends."""
    condition = query_condition(evidence.design, pattern)
    ranges = [t.attribute for t in condition.sort if t.operator not in ("=", "begins_with")]
    sort = evidence.design.table_for(pattern).keys(pattern.index)[1]
    if not ranges and sort and (pattern.limit or pattern.descending or pattern.expect.order == sort[0]):
        ranges = [sort[0]]
    return ranges[0] if ranges else None


def _loose_number(evidence: Evidence, entity: Entity, attribute: str) -> str | None:
    """The number in a text key that has no width, and values of different lengths."""
    template = first_template(evidence.design, entity, attribute)
    if template is None or template.lone_field:
        return None
    for part in (part for part in template.parts if not isinstance(part, str)):
        domain = (entity.attributes or {}).get(part.field) or evidence.design.fields.get(part.field) or Domain()
        kind = None if domain.format else domain.type
        if part.spec or kind is None or kind.word not in ("number", "integer") or kind.amount is None:
            return None
        return part.field if len(str(int(kind.amount.minimum))) != len(str(int(kind.amount.most))) else None
    return None


@rule("DW107", "error")
def prefix_of_nothing(evidence: Evidence) -> Iterator[Finding]:
    """A key condition that reaches none of the items that it is for.

    What it does
        Finds a Query whose begins_with or = on the sort key is a text that no key template of its entities has.
    Why it is bad
        It is a typo: the Query succeeds, and comes back empty for ever.
    Example
        entities:
          Task: {key: {PK: "PROJECT#{project}", SK: "TASK#{task}"}}
        access_patterns:
          list: {operation: Query, key_condition: "PK = :PK AND begins_with(SK, :p)", values: {p: "TASKS#"}}
    Use instead
        The prefix of the template, "TASK#".
    Source
        AWS: Query.KeyConditionExpressions (begins_with compares from the first byte).
    """
    for pattern in evidence.queries:
        terms = query_condition(evidence.design, pattern).sort[:1]
        text = literal(pattern, terms[0].values[0]) if terms else None
        entities = evidence.design.addressed(pattern)
        if text is not None and entities and not any(_can_reach(evidence, e, terms[0], text) for e in entities):
            names = " or ".join(entity.name for entity in entities)
            written = [t.text for e in entities if (t := first_template(evidence.design, e, terms[0].attribute))]
            message = f"{terms[0].attribute} of {names} is {' or '.join(written)}, and never fits {text!r}"
            fix = f"write the beginning of {' or '.join(written)}"
            yield evidence.finding("DW107", "error", evidence.place(pattern), message, fix, value=text)


def _can_reach(evidence: Evidence, entity: Entity, term: SortCondition, text: str) -> bool:
    """Whether an item of the entity may meet a condition on its sort key by a constant text; if in doubt, yes."""
    template = first_template(evidence.design, entity, term.attribute)
    if template is None or term.operator not in ("begins_with", "="):
        return True
    prefix = template.prefix if template.fields else template.format({})
    if term.operator == "=":
        return template.match(text) is not None
    return prefix.startswith(text) or (bool(template.fields) and text.startswith(prefix))


@rule("DW108", "warning")
def needless_shards(evidence: Evidence) -> Iterator[Finding]:
    """Write shards that the load does not need.

    What it does
        Finds a Query for each shard of a key where all writes to the table or index together stay under half of one
        partition's limit.
    Why it is bad
        Each read pays for as many Queries as there are shards, and the application merges what they return. Without
        the load there is nothing in return.
    Example
        fields:
          shard: {type: shard(10)}
        access_patterns:
          vote: {operation: PutItem, rate: 20/s}
          results: {operation: Query, key_condition: PK = :PK, for_each: shard, rate: 50/s}
    Use instead
        The key without the shard, until its writes come near 1,000 units a second.
    Source
        AWS: bp-partition-key-sharding (reads have to query every shard).
    """
    for pattern in evidence.queries:
        table = evidence.design.table_for(pattern)
        if pattern.for_each is None or not _shards_partition(evidence, pattern, table):
            continue
        writes = evidence.units_per_s("write", table.name, pattern.index if pattern.index in table.gsi else None)
        if 0 < writes < KEY_UTILISATION * PARTITION_WRITE_UNITS:
            share = percent(writes / PARTITION_WRITE_UNITS)
            message = (
                f"each call sends a Query for each {pattern.for_each}, and all writes together are "
                f"{rate_text(writes)} WU/s at peak, {share} of what one partition serves"
            )
            fix = f"leave {pattern.for_each} out of the partition key until the writes ask for it"
            place = evidence.place(pattern)
            yield evidence.finding("DW108", "warning", place, message, fix, peak_wu_per_s=writes)


def _shards_partition(evidence: Evidence, pattern: AccessPattern, table: Table) -> bool:
    """Whether what a Query goes through is a write shard in the partition key."""
    domain = evidence.design.fields.get(str(pattern.for_each))
    is_shard = domain is not None and domain.type is not None and domain.type.word == "shard"
    templates = [
        first_template(evidence.design, entity, attribute)
        for entity in evidence.design.addressed(pattern)
        for attribute in table.keys(pattern.index)[0]
    ]
    return is_shard and any(template and pattern.for_each in template.fields for template in templates)


@rule("DW109", "note")
def unrelated_entities(evidence: Evidence) -> Iterator[Finding]:
    """A single table whose entities have nothing in common.

    What it does
        Finds a table with several entities under generic keys where no two share an item collection, and no access
        pattern touches two of them.
    Why it is bad
        A single table pays off where one Query or transaction gets several kinds of item. Without that it only couples
        them: one capacity setting, one stream, one backup, one TTL attribute, and keys that nobody can read.
    Example
        entities:
          User: {key: {PK: "USER#{user}", SK: META}}
          Product: {key: {PK: "PRODUCT#{product}", SK: META}}
    Use instead
        A table for each; or, if you keep them together on purpose, accept this with the reason.
    Source
        AWS's data modelling guidance on single-table anti-patterns; bp-general-nosql-design for the contrary case.
    """
    for table in evidence.design.tables.values():
        entities = evidence.design.entities_in(table.name)
        if len(entities) > 1 and not _collections_shared(evidence, entities, table) and not _together(evidence, table):
            names = ", ".join(entity.name for entity in entities)
            message = f"{names} share no item collection, and no access pattern touches two of them"
            fix = "give each a table of its own, with keys that say what they are"
            place = ("tables", table.name)
            yield evidence.finding("DW109", "note", place, message, fix, entities=[e.name for e in entities])


def _collections_shared(evidence: Evidence, entities: list[Entity], table: Table) -> bool:
    """Whether two entities have a partition key of the same template, in the table or in an index."""
    for index in (None, *table.indexes):
        texts = []
        for entity in entities:
            parts = [first_template(evidence.design, entity, name) for name in table.keys(index)[0]]
            if all(parts):
                texts.append(tuple(part.text for part in parts if part))
        if len(set(texts)) < len(texts):
            return True
    return False


def _together(evidence: Evidence, table: Table) -> bool:
    every = evidence.design.access_patterns.values()
    touched = [{e.name for e in evidence.design.addressed(p)} for p in every if not p.table]
    mine = {entity.name for entity in evidence.design.entities_in(table.name)}
    return any(len(names & mine) > 1 for names in touched)
