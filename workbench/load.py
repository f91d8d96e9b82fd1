"""The load: which partition keys the requests of an access pattern fall on, and the units that each costs.

All of it follows from the design and its items, before anything runs. A request for one item falls on that item's
partition key; a Query falls on one item collection and pays for what its key condition reaches there, filtered away
or not; a Scan falls on everything. A write falls on the table, and for each entry that it adds, removes or changes in
a global index on the key that this entry has there: an index has a ring and partitions of its own.
(AWS: bp-partition-key-design, GSI.ThroughputConsiderations, read-write-operations.)

Shares of requests are exact where popularity decides; for items that do not exist yet and for ranges of sort keys they
are estimated from a sample, drawn with the items' seed. Members of a transaction are taken each by its own popularity.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench import capacity, expressions
from workbench.access import value_domain
from workbench.arrivals import Asked, new_items
from workbench.columns import Column, Ints, as_text, constant, joined
from workbench.design import AccessPattern, Action, Index, key_template
from workbench.entities import EntityItems
from workbench.items import Items
from workbench.key_conditions import KeyCondition
from workbench.keys import KeyTemplate
from workbench.reach import (
    collection_sizes,
    collection_units,
    drawn_values,
    page_units,
    query_condition,
    read_factor,
)
from workbench.ring import UNMET, PartitionKeys, entry_sizes, is_in, projected
from workbench.targets import request_weights

Kind = Literal["read", "write"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Demand:
    """Requests of one access pattern: on which key each part falls, how many a second, and the units of one."""

    pattern: str
    kind: Kind
    keys: Ints
    requests: Floats
    units: Floats

    @property
    def units_per_s(self) -> float:
        """Units a second, over all keys."""
        return float(self.requests @ self.units)


def demands(keys: PartitionKeys, pattern: AccessPattern, rate: float = 1.0) -> Iterator[Demand]:
    """What `rate` requests a second of a pattern ask of the table or global index whose keys are given.

    Nothing, if the pattern goes elsewhere. Keys that only requests have are added to `keys`.
    """
    if pattern.operation in _READS:
        if _reads_here(keys, pattern):
            yield from _READS[pattern.operation](keys, pattern, rate)
        return
    for member in _members(keys.items, pattern):
        if keys.items.entities[member.entity].table.name == keys.table.name:
            yield from _member_demands(keys, pattern, member, rate * member.times)


def _reads_here(keys: PartitionKeys, pattern: AccessPattern) -> bool:
    """Whether a Query or Scan reads this table or global index; a local index stands on its table's ring."""
    ring = pattern.index if pattern.index in keys.table.gsi else None
    return keys.items.design.table_for(pattern).name == keys.table.name and ring == keys.ring_index


# Query and Scan


def _query(keys: PartitionKeys, pattern: AccessPattern, rate: float) -> Iterator[Demand]:
    design, items = keys.items.design, keys.items
    condition, entity = query_condition(design, pattern), items.entities[design.addressed(pattern)[0].name]
    weights = request_weights(items, pattern, entity)
    places = np.flatnonzero(weights)
    asked = [_collections(keys, pattern, entity, places, condition, o) for o in _overrides(items, pattern, entity)]
    requests = rate * weights[places]
    if any(numbers is None for numbers in asked):
        drawn = drawn_values(keys, pattern)
        keys_drawn = [keys.number(tuple(v[n] for _, n in condition.partition), add=True) for v in drawn]
        asked = [np.array(keys_drawn, dtype=np.int64)]
        requests = np.full(len(drawn), rate * len(_overrides(items, pattern, entity)) / max(len(drawn), 1))
    units = collection_units(keys, pattern, condition)
    for numbers in asked:
        assert numbers is not None
        own = _reads_one_item(pattern, condition, keys) and len(numbers) == len(places)
        each = page_units(1, entity.sizes[places]) * read_factor(pattern) if own else units[numbers]
        yield Demand(pattern.name, "read", numbers, requests, each)


def _overrides(items: Items, pattern: AccessPattern, entity: EntityItems) -> list[dict[str, Any]]:
    """What each request of a call fixes: with `for_each`, one value after the other."""
    if not pattern.for_each:
        return [{}]
    return [{pattern.for_each: value} for value in items.source.all_values(entity, pattern.for_each)]


def _reads_one_item(pattern: AccessPattern, condition: KeyCondition, keys: PartitionKeys) -> bool:
    """Whether it names the whole primary key of the item that is asked for."""
    equal = [term for term in condition.sort if term.operator == "="]
    return bool(equal) and pattern.index is None and equal[-1].values[0] not in pattern.values


def _collections(
    keys: PartitionKeys,
    pattern: AccessPattern,
    entity: EntityItems,
    places: Ints,
    condition: KeyCondition,
    override: Mapping[str, Any],
) -> Ints | None:
    """The key that a Query for each item names; None where its values are drawn anew for each request."""
    columns = [_bound(keys.items, entity, name, pattern.values, override) for _, name in condition.partition]
    taken = [column.select(places) for column in columns if column is not None]
    if len(taken) < len(columns) or any((column.codes < 0).any() for column in taken):
        return None
    return keys.numbers(taken) if len(places) else np.zeros(0, dtype=np.int64)


def _bound(
    items: Items, entity: EntityItems, name: str, values: Mapping[str, Any], override: Mapping[str, Any]
) -> Column | None:
    """What `:name` stands for in a request for each item of an entity; None if that is drawn each time."""
    if name in values:
        domain = value_domain(values[name])
        if domain.template is None:
            return None if domain.value is None else constant(domain.value, len(entity))
        return _written(entity, domain.template, override)
    if name in override:
        return constant(override[name], len(entity))
    domain = items.design.domains_of(entity.name).get(name)
    template = key_template(domain, name) if domain else None
    if template and set(template.fields) & override.keys():
        return _written(entity, template, override)
    found = entity.value_column(name)
    return constant(items.now, len(entity)) if found is None and name == "now" else found


def _written(entity: EntityItems, template: KeyTemplate, override: Mapping[str, Any]) -> Column | None:
    """A template's text for each item, with some fields fixed; None if the items lack one of its fields."""
    columns = {f: constant(override[f], len(entity)) if f in override else _field(entity, f) for f in template.fields}
    if any(column is None for column in columns.values()):
        return None
    if template.lone_field:
        return columns[template.lone_field]
    parts = [p if isinstance(p, str) else as_text(columns[p.field], p.spec) for p in template.parts]  # type: ignore
    return joined(parts, len(entity))


def _field(entity: EntityItems, name: str) -> Column | None:
    found = entity.fields.get(name)
    return entity.columns.get(name) if found is None else found


def _scan(keys: PartitionKeys, pattern: AccessPattern, rate: float) -> Iterator[Demand]:
    """A Scan reads every key's items: its requests and units are shared out by bytes."""
    count, size, _ = collection_sizes(keys, pattern, None, keys.table.indexes.get(pattern.index or ""))
    if not size.any():
        return
    units = page_units(count.sum(), size.sum(), limit=pattern.limit, pages=pattern.page_limit) * read_factor(pattern)
    numbers = np.flatnonzero(size)
    shares = size[numbers] / size.sum()
    yield Demand(pattern.name, "read", numbers, rate * shares, np.full(len(numbers), float(units)))


_READS = {"Query": _query, "Scan": _scan}


# Requests for single items, alone or in batches and transactions


@dataclass(frozen=True)
class _Member:
    """One item's part in a request; `times` how many such items a request has."""

    operation: str
    entity: str
    part: AccessPattern | Action
    target: Any
    times: float = 1.0

    @property
    def is_new(self) -> bool:
        return self.target in ("new", "missing")


_OPERATIONS = {
    **dict.fromkeys(("GetItem", "BatchGetItem", "TransactGetItems"), "Get"),
    **dict.fromkeys(("PutItem", "BatchWriteItem", "TransactWriteItems"), "Put"),
    "UpdateItem": "Update",
    "DeleteItem": "Delete",
}


def _members(items: Items, pattern: AccessPattern) -> Iterator[_Member]:
    design = items.design
    for action in pattern.actions:
        times = action.count.mean if action.count else 1.0
        yield _Member(action.operation, design.action_entity(action), action, pattern.target_of(action), times)
    if not pattern.actions:
        times = pattern.count.mean if pattern.count else 1.0
        name = design.addressed(pattern)[0].name
        yield _Member(_OPERATIONS[pattern.operation], name, pattern, pattern.target_of(), times)


def _member_demands(keys: PartitionKeys, pattern: AccessPattern, member: _Member, rate: float) -> Iterator[Demand]:
    asked = _asked(keys, pattern, member)
    if keys.index is not None:
        for numbers, units in _entry_changes(keys, pattern, member, asked, keys.index):
            yield _demand(keys, pattern, "write", asked, numbers, rate, units)
        return
    units = _table_units(pattern, member, asked)
    for index in keys.table.lsi:  # entries in local indexes stand with their item, and load the same key
        changes = _entry_changes(keys, pattern, member, asked, keys.table.indexes[index])
        units = units + sum(changed for _, changed in changes)
    yield _demand(keys, pattern, _kind(member), asked, asked.keys, rate, units)


def _kind(member: _Member) -> Kind:
    return "read" if member.operation == "Get" else "write"


def _table_units(pattern: AccessPattern, member: _Member, asked: Asked) -> Any:
    """Units of the request for each item, on the table itself."""
    found = member.target != "missing" or member.operation in ("Put", "Update")
    sizes: Any = asked.entity.sizes if found else np.zeros(len(asked.entity), dtype=np.int64)
    transactional = pattern.operation.startswith("Transact")
    if member.operation == "Get":
        return capacity.read_units(sizes, consistent=pattern.consistent, transactional=transactional)
    return capacity.write_units(sizes, sizes, transactional=transactional)


def _demand(
    keys: PartitionKeys, pattern: AccessPattern, kind: Kind, asked: Asked, numbers: Ints, rate: float, units: Any
) -> Demand:
    """The demand of requests with these units; those of keys not met yet are spread over the entity's keys."""
    units = np.asarray(units, dtype=float)
    costs = (asked.shares > 0) & (units > 0)
    numbers, requests, units = numbers[costs], rate * asked.shares[costs], units[costs]
    new = numbers == UNMET
    if new.any():
        others = np.unique(keys.of[asked.entity.name])
        others = others[others != UNMET]
        even = requests[new].sum()
        mean = requests[new] @ units[new] / even
        numbers = np.concatenate([numbers[~new], others])
        requests = np.concatenate([requests[~new], np.full(len(others), even / len(others))])
        units = np.concatenate([units[~new], np.full(len(others), mean)])
    return Demand(pattern.name, kind, numbers, requests, units)


def _asked(keys: PartitionKeys, pattern: AccessPattern, member: _Member) -> Asked:
    existing, generated = keys.items.entities[member.entity], not keys.items.design.entities[member.entity].rows
    if member.is_new and generated and not pattern.popularity:
        return new_items(keys, existing)
    asked = pattern if member.part is pattern else pattern.model_copy(update={"target": member.part.target})
    return Asked(existing, keys.of[member.entity], request_weights(keys.items, asked, existing))


# Index entries


def _entry_changes(
    keys: PartitionKeys, pattern: AccessPattern, member: _Member, asked: Asked, index: Index
) -> Iterator[tuple[Ints, Any]]:
    """For each entry that a write removes, changes or adds: the key it is under, and its units (0 if there is none)."""
    if pattern.expect.error:  # a condition that fails leaves the indexes alone
        return
    units = _entry_units(asked.entity, index)
    if member.operation in (("Put", "Update") if member.is_new else ("Delete",)):
        yield asked.keys, units
    elif member.operation == "Update":
        after = _updated(keys.items, asked.entity, pattern, member.part)
        changed, kept = _changed(asked.entity, after), projected(keys.table, index)
        if changed & set(index.key_attributes):
            yield asked.keys, units
            yield keys.under(after) if keys.index else asked.keys, _entry_units(after, index)
        elif kept is None or changed & kept:
            yield asked.keys, units


def _entry_units(entity: EntityItems, index: Index) -> Any:
    sizes: Any = entry_sizes(entity, index)
    return capacity.write_units(None, sizes) * is_in(entity, index)


def _changed(before: EntityItems, after: EntityItems) -> set[str]:
    names = before.columns.keys() | after.columns.keys()
    return {name for name in names if before.columns.get(name) is not after.columns.get(name)}


def _updated(items: Items, entity: EntityItems, pattern: AccessPattern, part: AccessPattern | Action) -> EntityItems:
    """The items as an update leaves them, as far as their top-level attributes go."""
    if not part.update:
        return entity
    columns = dict(entity.columns)
    names, values = {**pattern.names, **part.names}, {**pattern.values, **part.values}
    for clause in expressions.resolve(expressions.parse_update(part.update), names).clauses:
        name = str(clause.path.parts[0])
        if clause.action == "REMOVE" and len(clause.path.parts) == 1:
            columns.pop(name, None)
        else:
            columns[name] = _set(items, entity, name, clause.value, values)
    return replace(entity, columns=columns)


def _set(items: Items, entity: EntityItems, name: str, value: Any, values: Mapping[str, Any]) -> Column:
    """The values that an update gives an attribute: those named, else another item's in place of a new one."""
    stated = value.name if isinstance(value, expressions.Value) else ""
    named = _bound(items, entity, stated, values, {}) if stated in values or stated == "now" else None
    if named is not None:
        return named
    column, others = entity.columns.get(name), np.roll(np.arange(len(entity)), 1)
    return constant(0, len(entity)) if column is None else replace(column.select(others), present=None)
