"""Motions: whether the heat stands still on a key or moves with time, which decides whether splits can help.

DynamoDB splits a partition where it was hot over the last minutes. That helps if the heat stays. It does not where
items of one collection are written in the order of their sort key, as events under a device with their time: the
newest end is hot, always another one, and one partition serves it. Nor where all requests of the moment share a
partition key, as today's date. A partition key of its own for each item, as an id that rises, is neither: keys are
hashed, and neighbours in time are no neighbours on the ring. (AWS: bp-partition-key-design, burst-adaptive-capacity.)

`rank_correlation` measures how far the order of the sort keys within a collection follows the order of insertion; from
0.7 on it counts as rising.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from workbench.bindings import bound
from workbench.columns import Column, Floats, Ints, Pooled
from workbench.design import AccessPattern, Design
from workbench.domains import Domain
from workbench.entities import EntityItems
from workbench.expressions import parse_update
from workbench.fields import stream
from workbench.identity import key_fields, origin, parents
from workbench.items import Items
from workbench.ring import UNMET, PartitionKeys
from workbench.syntax import Value, resolve
from workbench.text_columns import Times
from workbench.typewords import ID_TYPES, SECONDS

Motion = Literal["", "rising sort key", "current time", "moving hot set"]
RISING = 0.7  # rank correlation of sort key and time of insertion from which on splits cannot help
_INSERTED = 200  # items whose insertion is played through
_LARGEST = 5  # collections of rows that are looked at
_DATE = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])(-\d\d)?(?!\d)")
_FEWEST = 10  # items of a collection that say anything about an order


def motion(keys: PartitionKeys, pattern: AccessPattern) -> Motion:
    """How the heat that an access pattern makes on a table or global index moves; "" if it stays where it is."""
    entities = [e for e in keys.items.design.addressed(pattern) if e.name in keys.of]
    for entity in entities:
        if moved := _motion(keys, pattern, keys.items.entities[entity.name]):
            return moved
    return ""


def _motion(keys: PartitionKeys, pattern: AccessPattern, entity: EntityItems) -> Motion:
    told = set(_popularities(keys, pattern, entity))
    if "latest" in told:
        return "current time"
    puts = entity.name in entities_put(keys.items.design, pattern)
    if puts and _is_current(keys, entity, pattern):
        return "current time"
    if (puts or _restamps(keys, pattern, entity)) and abs(rank_correlation(keys, entity, pattern)) >= RISING:
        return "rising sort key"
    return "moving hot set" if any(" moving " in text for text in told) else ""


def moving_period(keys: PartitionKeys, pattern: AccessPattern) -> int:
    """For how many seconds the hot set of a pattern's partition keys stays where it is; 0 if it does not move."""
    entities = [e for e in keys.items.design.addressed(pattern) if e.name in keys.of]
    texts = [t for e in entities for t in _popularities(keys, pattern, keys.items.entities[e.name])]
    found = [re.search(r" moving ([0-9]+)(s|min|h|d)", text) for text in texts]
    return min((int(each[1]) * SECONDS[each[2]] for each in found if each), default=0)


def pinned_by(keys: PartitionKeys) -> str:
    """Why no collection of a table or global index can be split by sort key; "" if they can."""
    if not keys.table.keys(keys.ring_index)[1]:
        return "no sort key"
    return f"local index {next(iter(keys.table.lsi))}" if keys.ring_index is None and keys.table.lsi else ""


def entities_put(design: Design, pattern: AccessPattern) -> list[str]:
    """The entities of which a pattern puts new items."""
    if pattern.operation in ("PutItem", "BatchWriteItem") and not pattern.actions:
        return [design.addressed(pattern)[0].name] if pattern.target_of() == "new" else []
    return [design.action_entity(a) for a in pattern.actions if a.operation == "Put" and pattern.target_of(a) == "new"]


# The partition key


def _popularities(keys: PartitionKeys, pattern: AccessPattern, entity: EntityItems) -> Iterator[str]:
    """The popularities by which a pattern chooses a partition key, as they are written."""
    design, side = keys.items.design, "read" if pattern.is_read else "write"
    made_of = key_fields(design, design.entities[entity.name], keys.attributes)
    columns = _columns(keys, entity) if entity.name in keys.of and design.entities[entity.name].rows else ()
    for name in (*keys.attributes, *columns, *made_of, *(p for f in made_of for p in parents(design, f))):
        if name in pattern.popularity:
            yield str(pattern.popularity[name])
        elif name in design.fields and (stated := design.fields[name].popularity or _of(design, name)):
            yield str(getattr(stated, side))


def _columns(keys: PartitionKeys, entity: EntityItems) -> list[str]:
    """The columns of rows that a partition key is made of."""
    domains = keys.items.design.domains_of(entity.name)
    return [name for a in keys.attributes if a in domains for name in domains[a].references()]


def _of(design: Design, name: str) -> object:
    return design.fields[origin(design, name)].popularity


def _is_current(keys: PartitionKeys, entity: EntityItems, pattern: AccessPattern) -> bool:
    """Whether the partition key of new items holds the present time and nothing that is theirs alone."""
    design = keys.items.design
    names = _behind(keys, entity, keys.attributes)
    made_of = {name: _domain(design, entity, name) for name in names}
    own = set(_own_leaf(keys.items, entity)) & set(names)
    return holds_now(keys, entity, pattern) and not own and not any(map(_is_unique, made_of.values()))


def holds_now(keys: PartitionKeys, entity: EntityItems, pattern: AccessPattern) -> bool:
    """Whether the partition key of new items holds the present time, alone or beside other values."""
    behind = [n for n in _behind(keys, entity, keys.attributes) if _ends_now(_domain(keys.items.design, entity, n))]
    return any(name not in pattern.popularity and not _is_spread(keys.items, entity, name) for name in behind)


def _is_spread(items: Items, entity: EntityItems, name: str) -> bool:
    """Whether new items choose among a time's values by a popularity that is stated, instead of the latest."""
    own = items.design.domains_of(entity.name).get(name)
    is_field = name in items.design.fields and (own is None or own.is_field)
    return is_field and items.source.is_identity(name) and name not in items.source.current


def _behind(keys: PartitionKeys, entity: EntityItems, attributes: Sequence[str]) -> list[str]:
    """The attributes and fields that key attributes are made of, first to last."""
    design, found = keys.items.design, dict[str, None]()
    todo = list(attributes)
    while todo:
        name = todo.pop(0)
        domain = _domain(design, entity, name)
        is_shard = bool(domain and domain.type and domain.type.shards)  # of many values, whatever it is calculated from
        inner = [f for f in (domain.references() if domain and not is_shard else ()) if f not in found]
        todo = inner + todo
        if not inner:
            found[name] = None
    return list(found)


def _domain(design: Design, entity: EntityItems, name: str) -> Domain | None:
    own = design.domains_of(entity.name).get(name)
    return design.fields.get(name) if own is None or own.is_field else own


def _ends_now(domain: Domain | None) -> bool:
    return bool(domain and domain.type and domain.type.span and domain.type.span.ends_now)


def _is_unique(domain: Domain | None) -> bool:
    return bool(domain and domain.type and domain.type.word in ID_TYPES)


def _own_leaf(items: Items, entity: EntityItems) -> list[str]:
    """The identity field that every new item has another value of, if there is one."""
    leaves = items.source.leaves(items.design.entities[entity.name])
    return leaves if len(leaves) == 1 and items.design.fields[items.source.origin(leaves[0])].choice is None else []


# The sort key


def rank_correlation(keys: PartitionKeys, entity: EntityItems, pattern: AccessPattern | None = None) -> float:
    """How far sort keys rise with the time of insertion within a collection, from -1 to 1; 0 without a sort key.

    Of items that come from rows, by the order of the rows in the largest collections, or 1 if their sort keys begin
    with a date; of others, by playing the insertion of new items through: times that end now, ids that hold the time
    and running numbers rise.
    """
    sort = keys.table.keys(keys.ring_index)[1]
    if not sort:
        return 0.0
    if keys.items.design.entities[entity.name].rows:
        return _in_rows(keys, entity, sort)
    rng = stream(keys.items.seed, "motion", entity.name)
    fixed = set(_behind(keys, entity, keys.attributes))
    stamped = set(_restamps(keys, pattern, entity)) if pattern else set()
    within = [name for name in _behind(keys, entity, sort) if name not in fixed]
    parts = [part for name in within if np.ptp(part := _played(keys, entity, name, name in stamped, rng))]
    if not parts or (np.diff(parts[0]) > 0).all():
        return float(bool(parts))  # the first part that varies decides, if it never repeats itself
    return spearman(_order(parts), np.arange(_INSERTED))


def _played(keys: PartitionKeys, entity: EntityItems, name: str, stamped: bool, rng: np.random.Generator) -> Floats:
    """The order of a field's values in items that are inserted one after the other."""
    domain, later = _domain(keys.items.design, entity, name), np.arange(_INSERTED, dtype=float)
    rises = bool(domain and domain.type and domain.type.word in ID_TYPES and domain.type.word != "uuid")
    running = name in _own_leaf(keys.items, entity) and not _is_unique(domain)
    if domain is None or stamped or rises or _ends_now(domain) or running:
        return later if domain is not None or stamped else np.zeros(_INSERTED)
    if domain.value is not None or domain.new is not None:
        return np.zeros(_INSERTED)
    if domain.choice:
        shares = np.array([share or 1 / len(domain.choice) for share in domain.choice.values()])
        return rng.choice(len(shares), _INSERTED, p=shares / shares.sum()).astype(float)
    return rng.random(_INSERTED)


def _order(parts: Sequence[Floats]) -> Floats:
    """Where each item stands once they are sorted by the first part, then the next."""
    places = np.empty(_INSERTED)
    places[np.lexsort([np.arange(_INSERTED), *reversed(parts)])] = np.arange(_INSERTED)
    return places


def _in_rows(keys: PartitionKeys, entity: EntityItems, sort: Sequence[str]) -> float:
    """The rank correlation of sort key and row number in the largest collections, by their items."""
    numbers, codes = keys.of[entity.name], entity.key_codes(sort)
    counts = np.bincount(numbers[numbers != UNMET], minlength=1)
    if _are_dated(entity.columns[sort[0]]):
        return 1.0
    largest = [n for n in np.argsort(-counts, kind="stable")[:_LARGEST].tolist() if counts[n] >= _FEWEST]
    found = [spearman(codes[(places := np.flatnonzero(numbers == n))], places) for n in largest]
    return float(np.average(found, weights=counts[largest])) if largest else 0.0


def _are_dated(column: Column) -> bool:
    """Whether values, as far as some show it, begin with a date: new ones come at the end then, however rows stand."""
    some = column.take(np.linspace(0, len(column) - 1, min(len(column), 50)).astype(np.int64))
    return all(isinstance(value, str) and _DATE.match(value) for value in some) and len(set(some)) > 1


def _restamps(keys: PartitionKeys, pattern: AccessPattern, entity: EntityItems) -> list[str]:
    """The sort key attributes of an index that an update sets to the present time."""
    sort = set(keys.table.keys(keys.ring_index)[1])
    if keys.index is None or pattern.operation != "UpdateItem":
        return []
    update = resolve(parse_update(pattern.update or ""), pattern.names)
    return [
        name
        for clause in update.clauses
        if (name := str(clause.path)) in sort and isinstance(clause.value, Value)
        if _is_now(keys.items, entity, pattern, clause.value.name)
    ]


def _is_now(items: Items, entity: EntityItems, pattern: AccessPattern, name: str) -> bool:
    if name not in pattern.values:
        return name == "now" or _ends_now(_domain(items.design, entity, name))
    column = bound(items, entity, name, pattern.values, {})
    return column is not None and len(column) > 0 and _all_now(column, items.now)


def _all_now(column: Column, now: int) -> bool:
    if isinstance(column, Times):
        return bool((column.instants == now * 1000).all())
    return isinstance(column, Pooled) and list(column.pool) == [now]


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """The rank correlation of two orders, equal values sharing their rank; 0 where one of them does not vary.

    >>> spearman([1, 5, 9], [10, 20, 30]), spearman([3, 2, 1], [1, 2, 3]), spearman([1, 1], [1, 2])
    (1.0, -1.0, 0.0)
    """
    ranks = [_ranks(np.asarray(values)) for values in (one, other)]
    deviations = [r - r.mean() for r in ranks]
    spread = np.sqrt(np.prod([d @ d for d in deviations]))
    return float(np.clip(deviations[0] @ deviations[1] / spread, -1, 1)) if spread > 0 else 0.0


def _ranks(values: Ints) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
