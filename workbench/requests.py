"""The requests of an access pattern: which item each one asks for, and with which values.

A pattern's requests fall on items as their keys' popularity says: the first project gets most of the traffic if
projects are `zipf(1.1)`, and within a project every task alike. The values of one request come from one generated
item, so that they belong together. `request_weights` gives each item's share exactly; `draw_calls` samples requests
with a seed and writes them as DynamoDB's parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np

from workbench import syntax
from workbench.access import EXPRESSIONS, value_domain
from workbench.columns import ABSENT, Column, Ints
from workbench.design import AccessPattern, Action, Design, Entity, Table, key_template
from workbench.distributions import Popularity
from workbench.domains import Domain
from workbench.entities import EntityItems, equals
from workbench.fields import stream
from workbench.identity import key_fields, key_renamings
from workbench.items import Items
from workbench.targets import draw_places, request_weights

Places = Mapping[str, Ints]  # for each entity the items that may be asked for

API_NAMES = {
    "key_condition": "KeyConditionExpression",
    "filter": "FilterExpression",
    "condition": "ConditionExpression",
    "update": "UpdateExpression",
    "projection": "ProjectionExpression",
}


@dataclass(frozen=True)
class Request:
    """One request: the operation, boto3's parameters for the low-level client, and the items that it addresses."""

    operation: str
    parameters: dict[str, Any]
    keys: tuple[tuple[str, dict[str, Any]], ...] = ()
    places: tuple[tuple[str, int], ...] = ()  # entity and place among its items; -1 for an item that is new
    actions: tuple[str, ...] = ()  # what is done to each of them: Get, Put, Update, Delete, ConditionCheck, Query, Scan


@dataclass(frozen=True)
class Call:
    """One call of an access pattern: usually one request, with `for_each` one for each value."""

    pattern: AccessPattern
    requests: tuple[Request, ...]


def to_wire(value: Any) -> dict[str, Any]:
    """A Python value as DynamoDB JSON.

    >>> to_wire({"hits": 3, "tags": {"a"}})
    {'M': {'hits': {'N': '3'}, 'tags': {'SS': ['a']}}}
    """
    return _WIRE[type(value)](value)


def _wire_number(value: Any) -> dict[str, str]:
    return {"N": str(value)}


def _wire_set(value: Any) -> dict[str, Any]:
    first = next(iter(value))
    if isinstance(first, bytes):
        return {"BS": sorted(value)}
    if isinstance(first, str):
        return {"SS": sorted(value)}
    return {"NS": [str(number) for number in sorted(value)]}


_WIRE = {
    str: lambda v: {"S": v},
    int: _wire_number,
    float: lambda v: _wire_number(Decimal(repr(v))),
    Decimal: lambda v: {"N": f"{v.normalize():f}"},
    bool: lambda v: {"BOOL": v},
    bytes: lambda v: {"B": v},
    type(None): lambda v: {"NULL": True},
    list: lambda v: {"L": [to_wire(element) for element in v]},
    tuple: lambda v: {"L": [to_wire(element) for element in v]},
    dict: lambda v: {"M": to_item(v)},
    set: _wire_set,
    frozenset: _wire_set,
}


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item of Python values as DynamoDB JSON."""
    return {name: to_wire(value) for name, value in values.items()}


@dataclass
class _Context:
    """The values of one drawn item, by attribute and by field; and where values that it lacks come from."""

    items: Items
    entity: EntityItems
    item: dict[str, Any]
    fields: dict[str, Any]
    rng: np.random.Generator
    overridden: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str, values: Mapping[str, Any], *, anew: bool) -> Any:
        """What `:name` stands for: an entry of values, the clock, the item's attribute or field, or a new value."""
        if name in values:
            return self.of_domain(value_domain(values[name]))
        if name in self.overridden:
            return self.overridden[name]
        if not anew and (found := self.own(name)) is not ABSENT:
            return found
        if name == "now" and name not in self.item:
            return self.items.now
        return self.fresh(name)

    def own(self, name: str) -> Any:
        """The item's value of an attribute or field; one made of an overridden field is made again."""
        domain = self.items.design.domains_of(self.entity.name).get(name)
        template = key_template(domain, name) if domain else None
        if template and set(template.fields) & self.overridden.keys():
            return template.format({f: self.named(f) for f in template.fields})
        return self.item.get(name, self.fields.get(name, ABSENT))

    def named(self, name: str) -> Any:
        if name in self.overridden:
            return self.overridden[name]
        found = self.own(name)
        return self.fresh(name) if found is ABSENT else found

    def fresh(self, name: str) -> Any:
        """A new value from the domain of an attribute or field."""
        return self.items.source.fresh(self.entity, name, self.rng)

    def of_domain(self, domain: Domain) -> Any:
        template = domain.template
        if template is not None:
            lone = template.lone_field
            return self.named(lone) if lone else template.format({f: self.named(f) for f in template.fields})
        return self.items.source.one(self.entity.name, domain, self.rng, self.named)


def _contexts(items: Items, entity: EntityItems, rng: np.random.Generator) -> list[_Context]:
    everything = np.arange(len(entity))
    taken = {name: column.take(everything) for name, column in entity.fields.items()}
    rows = entity.take(everything)
    return [
        _Context(items, entity, item, {n: v[i] for n, v in taken.items() if v[i] is not ABSENT}, rng)
        for i, item in enumerate(rows)
    ]


def expression_parameters(
    part: AccessPattern | Action, names: Mapping[str, str], values: Mapping[str, Any], context: _Context
) -> dict[str, Any]:
    """The expressions of a request with the names and values that they use."""
    texts = tuple((key, text) for key in EXPRESSIONS if (text := getattr(part, key, None)) is not None)
    written, wanted = _used(texts)
    bound = {n: context.value(n, values, anew=anew) for n, anew in wanted}
    out: dict[str, Any] = {API_NAMES[key]: text for key, text in texts}
    if written:
        out["ExpressionAttributeNames"] = {f"#{n}": names.get(n, n) for n in written}
    if bound:
        out["ExpressionAttributeValues"] = {f":{n}": to_wire(value) for n, value in bound.items()}
    return out


@lru_cache(maxsize=4096)
def _used(texts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], tuple[tuple[str, bool], ...]]:
    """The `#names` in some expressions, and the `:values`, each with whether it stands in an update alone."""
    nodes = {key: EXPRESSIONS[key](text) for key, text in texts}
    written = dict.fromkeys(n for node in nodes.values() for n in syntax.names(node))
    elsewhere = {n for key, node in nodes.items() if key != "update" for n in syntax.values(node)}
    wanted = dict.fromkeys(n for node in nodes.values() for n in syntax.values(node))
    return tuple(written), tuple((n, n not in elsewhere) for n in wanted)


# The calls of a pattern


@dataclass
class _Draw:
    """What the draws of a pattern share: the random stream, and of each entity the items and how many are new so far.

    `among` are the items that may be asked for, `there` all that are: a changed one too belongs to what is below it.
    """

    rng: np.random.Generator
    among: dict[str, Ints]
    there: dict[str, Ints]
    created: dict[str, int]

    def put(self, entity: str) -> Ints:
        """The combinations of an entity's fields that were put so far."""
        codes = [name.removeprefix(f"{entity} ") for name in self.created if name.startswith(f"{entity} ")]
        return np.array([int(code) for code in codes], dtype=np.int64)

    def use_up(self, entity: EntityItems, place: int, *, deleted: bool) -> None:
        """From now on, leave one item out."""
        for book in (self.among, self.there) if deleted else (self.among,):
            left = book.get(entity.name, np.arange(len(entity)))
            book[entity.name] = left[left != place]


def draw_calls(
    items: Items,
    pattern: AccessPattern,
    count: int,
    *,
    seed: int,
    among: Places | None = None,
    there: Places | None = None,
    created: dict[str, int] | None = None,
) -> list[Call]:
    """`count` calls of an access pattern (fewer, if a write has no more items to use up), drawn with `seed`.

    `among` are the items of each entity that may be asked for, `there` those that exist. `created` counts the new items
    of each entity, and of each combination of its key's fields; kept from pattern to pattern, it makes the keys of
    later ones differ from those of earlier ones.
    """
    rng = stream(seed, "requests", _asked(items.design, pattern) if pattern.is_read else pattern.name)
    draw = _Draw(rng, dict(among or {}), dict(there or among or {}), {} if created is None else created)
    return list(_BUILD[pattern.operation](items, pattern, count, draw))


def drawn_items(items: Items, pattern: AccessPattern, count: int, *, seed: int) -> EntityItems:
    """The items that `count` calls of a read ask for, those that `draw_calls` draws with this seed."""
    rng = stream(seed, "requests", _asked(items.design, pattern))
    return _drawn(items, pattern, pattern, count, _Draw(rng, {}, {}, {}))[0]


def _asked(design: Design, pattern: AccessPattern) -> str:
    """What a read asks for, however it reads it: patterns that differ in a filter ask for the same items.

    With common random numbers two patterns differ by what they do, not by chance.
    """
    entities = [entity.name for entity in design.addressed(pattern)]
    members = [(design.action_entity(action), action.target, action.key) for action in pattern.actions]
    popularity = [(name, str(stated)) for name, stated in pattern.popularity.items()]
    return repr((entities, pattern.index, pattern.target_of(), popularity, members))


def _drawn(
    items: Items, pattern: AccessPattern, part: AccessPattern | Action, count: int, draw: _Draw
) -> tuple[EntityItems, Ints]:
    """`count` items for a pattern or a member of its transaction, and their places (-1 for new ones)."""
    design = items.design
    name = design.action_entity(part) if isinstance(part, Action) else design.addressed(pattern)[0].name
    entity, target = items.entities[name], pattern.target_of(part if isinstance(part, Action) else None)
    if target in ("new", "missing"):
        return _new(items, name, pattern, count, draw)
    if isinstance(part, Action):
        pattern = pattern.model_copy(update={"target": part.target})
    weights = request_weights(items, pattern, entity, draw.among.get(name))
    if not weights.any():
        return entity.select(np.array([], dtype=np.int64)), np.array([], dtype=np.int64)
    places = draw_places(weights, count, draw.rng, distinct=_uses_up(pattern, part))
    return entity.select(places), places


def _uses_up(pattern: AccessPattern, part: AccessPattern | Action) -> bool:
    """Whether a second request for the same item would meet another state than the first."""
    if isinstance(part, Action) or pattern.operation in ("BatchGetItem", "BatchWriteItem", "TransactGetItems"):
        return True
    changes = pattern.operation == "UpdateItem" and (pattern.condition is not None or isinstance(pattern.target, dict))
    return changes or pattern.operation == "DeleteItem"


def _new(
    items: Items,
    name: str,
    pattern: AccessPattern,
    count: int,
    draw: _Draw,
    shared: "_Shared | None" = None,
) -> tuple[EntityItems, Ints]:
    """Items that do not exist yet; of rows the next ones, in their order, that the pattern's popularity allows."""
    entity, created = items.entities[name], draw.created.get(name, 0)
    part = items.design.entities[name]
    if part.rows:
        draw.created[name] = created + count
        places = np.flatnonzero(request_weights(items, pattern, entity) > 0)[created : created + count]
        return entity.select(places), places
    shared = shared or _Shared()
    popularity = of_fields(items.design, part, pattern)
    put = draw.put(name)
    made = items.source.new(name, entity, count, draw.rng, shared.places, shared.values, created, popularity, put)
    draw.created[name] = created + len(made)
    if items.source.is_combined(part) and set(items.source.leaves(part)) <= made.places.keys():
        draw.created |= {f"{name} {code}": 1 for code in items.source.combinations(part, made.places).tolist()}
    return made, np.full(len(made), -1)


def new_items(items: Items, pattern: AccessPattern, name: str, count: int, rng: np.random.Generator) -> EntityItems:
    """`count` items of an entity as a pattern would create them, were each the first."""
    popularity = of_fields(items.design, items.design.entities[name], pattern)
    none = np.zeros(0, dtype=np.int64)
    return items.source.new(name, items.entities[name], count, rng, popularity=popularity, created=none)


def of_fields(design: Design, part: Entity, pattern: AccessPattern) -> dict[str, Popularity]:
    """A pattern's popularity by field: one that is stated of an attribute made of one field is that field's."""
    found: dict[str, Popularity] = {}
    for name, popularity in pattern.popularity.items():
        fields = [name] if name in design.fields else key_fields(design, part, [name])
        if len(fields) == 1:
            found[fields[0]] = popularity
    return found


def _key(table: Table, item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_wire(item[name]) for name in table.key_attributes}


def _single(items: Items, pattern: AccessPattern, count: int, draw: _Draw) -> Iterator[Call]:
    """GetItem, PutItem, UpdateItem and DeleteItem: one item each."""
    entity, places = _drawn(items, pattern, pattern, count, draw)
    action = pattern.operation.removesuffix("Item")
    for context, place in zip(_contexts(items, entity, draw.rng), places.tolist(), strict=True):
        parameters = {"TableName": entity.table.name, **_addressed_item(pattern.operation, entity.table, context.item)}
        parameters |= expression_parameters(pattern, pattern.names, pattern.values, context)
        if pattern.consistent:
            parameters["ConsistentRead"] = True
        key = (entity.table.name, _key(entity.table, context.item))
        yield Call(pattern, (Request(pattern.operation, parameters, (key,), ((entity.name, place),), (action,)),))


def _addressed_item(operation: str, table: Table, item: Mapping[str, Any]) -> dict[str, Any]:
    return {"Item": to_item(item)} if operation == "PutItem" else {"Key": _key(table, item)}


def _reading(items: Items, pattern: AccessPattern, count: int, draw: _Draw) -> Iterator[Call]:
    """Query and Scan: an item collection, or everything."""
    if not items.design.addressed(pattern):
        return  # a Scan of a table of which no items are generated
    table = items.design.table_for(pattern)
    entity, places = _drawn(items, pattern, pattern, count, draw)
    settings = {
        "IndexName": pattern.index,
        "ConsistentRead": pattern.consistent or None,
        "ScanIndexForward": False if pattern.descending else None,
        "Limit": pattern.limit,
        "Select": pattern.select,
    }
    base = {"TableName": table.name, **{k: v for k, v in settings.items() if v is not None}}
    for context, place in zip(_contexts(items, entity, draw.rng), places.tolist(), strict=True):
        requests: list[Request] = []
        for override in overrides(items, pattern, entity):
            context.overridden = override
            bound = expression_parameters(pattern, pattern.names, pattern.values, context)
            requests += [_read(pattern, {**base, **bound, **part}, entity.name, place) for part in _segments(pattern)]
        yield Call(pattern, tuple(requests))


def _read(pattern: AccessPattern, parameters: dict[str, Any], entity: str, place: int) -> Request:
    return Request(pattern.operation, parameters, (), ((entity, place),), (pattern.operation,))


def overrides(items: Items, pattern: AccessPattern, entity: EntityItems) -> list[dict[str, Any]]:
    if not pattern.for_each:
        return [{}]
    return [
        {pattern.for_each: value} for value in items.source.all_values(items.entities[entity.name], pattern.for_each)
    ]


def _segments(pattern: AccessPattern) -> list[dict[str, int]]:
    total = pattern.segments
    return [{}] if total == 1 else [{"Segment": i, "TotalSegments": total} for i in range(total)]


def _batches(items: Items, pattern: AccessPattern, count: int, draw: _Draw) -> Iterator[Call]:
    """BatchGetItem, BatchWriteItem and transactions: several items each, by `count` or by `actions`."""
    for _ in range(count):
        members = _members(items, pattern, draw)
        if not members:
            continue
        yield Call(pattern, (_MULTIPLE[pattern.operation](pattern, members),))
        for member in members:
            if member.is_used_up:
                whole = items.entities[member.context.entity.name]
                draw.use_up(whole, member.place, deleted=member.operation == "Delete")


@dataclass(frozen=True)
class _Member:
    operation: str
    table: Table
    context: _Context
    part: AccessPattern | Action
    place: int

    @property
    def key(self) -> tuple[str, dict[str, Any]]:
        return self.table.name, _key(self.table, self.context.item)

    @property
    def is_used_up(self) -> bool:
        """Whether the next call would find another state: it was deleted, or an update looked at what it was."""
        asked = self.part.condition is not None or isinstance(self.part.target, dict)
        return self.place >= 0 and (self.operation == "Delete" or (self.operation == "Update" and asked))


_MEMBER_OF = {"BatchGetItem": "Get", "TransactGetItems": "Get", "BatchWriteItem": "Put"}


def _members(items: Items, pattern: AccessPattern, draw: _Draw) -> list[_Member]:
    """The members of one batch or transaction, each for another item; none if an action has no item left."""
    if not pattern.actions:
        return _even_members(items, pattern, draw)
    shared = _Shared()
    members: dict[Any, _Member] = {}
    for action in key_holders_first(items, pattern):
        found = list(_action_members(items, pattern, action, draw, shared))
        if not found and action.count is None:
            return []
        for member in found:
            members.setdefault(str(member.key), member)
    order = {id(action): i for i, action in enumerate(pattern.actions)}
    return sorted(members.values(), key=lambda member: order[id(member.part)])


def _even_members(items: Items, pattern: AccessPattern, draw: _Draw) -> list[_Member]:
    wanted = int(pattern.count.draw(draw.rng, 1)[0]) if pattern.count else 1
    entity, places = _drawn(items, pattern, pattern, 1 if pattern.same else wanted, draw)
    if pattern.same and len(entity):
        entity, places = _same_members(items, pattern, entity, places, wanted, draw)
    operation = _MEMBER_OF[pattern.operation]
    contexts = _contexts(items, entity, draw.rng)
    return [_Member(operation, entity.table, c, pattern, p) for c, p in zip(contexts, places.tolist(), strict=True)]


def _same_members(
    items: Items, pattern: AccessPattern, first: EntityItems, places: Ints, wanted: int, draw: _Draw
) -> tuple[EntityItems, Ints]:
    """`wanted` items that agree with the first in the fields of `same`."""
    everything = items.entities[first.name]
    if places[0] < 0:
        shared = {name: int(first.places[name][0]) for name in pattern.same if name in first.places}
        return _new(items, first.name, pattern, wanted, draw, _Shared(shared))
    alike = _alike(everything, first, pattern.same, draw.among.get(first.name))
    weights = request_weights(items, pattern, everything, alike)
    places = draw_places(weights, wanted, draw.rng, distinct=True)
    return everything.select(places), places


def _alike(entity: EntityItems, drawn: EntityItems, same: Sequence[str], among: Ints | None) -> Ints:
    """The items that agree with the drawn one in the fields of `same`."""
    fits = np.ones(len(entity), dtype=bool)
    for name in same:
        column, one = entity.value_column(name), drawn.value_column(name)
        if column is not None and one is not None:
            fits &= equals(column, one.take(np.array([0]))[0])
    places = np.flatnonzero(fits)
    return places if among is None else np.intersect1d(places, among)


def key_holders_first(items: Items, pattern: AccessPattern) -> list[Action]:
    """The order of drawing: who creates a field's value or holds it in its key draws it for all.

    First what is created and others name in their keys (an order, before its lines), then by fields in the key.
    """
    used = {id(action): set(_action_fields(items.design, action)) for action in pattern.actions}

    def rank(action: Action) -> tuple[bool, int]:
        elsewhere = set().union(*(fields for other, fields in used.items() if other != id(action)))
        leaves = items.source.leaves(items.design.entities[items.design.action_entity(action)])
        creates = pattern.target_of(action) == "new" and bool(elsewhere & set(leaves))
        return not creates, -len(used[id(action)])

    return sorted(pattern.actions, key=rank)


def _action_fields(design: Design, action: Action) -> list[str]:
    named = key_renamings(design, action)
    return [named.get(f, f) for f in key_fields(design, design.entities[design.action_entity(action)])]


@dataclass
class _Shared:
    """The values of fields that the members of one call share: places of those that exist, columns of created ones."""

    places: dict[str, int] = field(default_factory=dict)
    values: dict[str, Column] = field(default_factory=dict)

    def seen_by(self, named: Mapping[str, str]) -> "_Shared":
        """What an action sees whose key names other fields: `named[own]` is the one in place of its own."""
        return _Shared(_renamed(self.places, named), _renamed(self.values, named))

    def remember(self, items: Items, entity: EntityItems, named: Mapping[str, str]) -> None:
        """Add what an action drew first."""
        if not len(entity):
            return
        for name, place in entity.places.items():
            if named.get(name, name) not in self.values:
                self.places.setdefault(named.get(name, name), int(place[0]))
        for leaf in items.source.leaves(items.design.entities[entity.name]):
            if leaf not in entity.places and leaf in entity.fields:
                self.values.setdefault(named.get(leaf, leaf), entity.fields[leaf])


def _renamed(shared: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    own = {name: shared[other] for name, other in named.items() if other in shared}
    return {name: value for name, value in shared.items() if name not in named} | own


def _action_members(
    items: Items, pattern: AccessPattern, action: Action, draw: _Draw, everyones: _Shared
) -> Iterator[_Member]:
    name, named = items.design.action_entity(action), key_renamings(items.design, action)
    shared = everyones.seen_by(named)
    wanted = int(action.count.draw(draw.rng, 1)[0]) if action.count else 1
    if pattern.target_of(action) in ("new", "missing"):
        entity, places = _new(items, name, pattern, wanted, draw, shared)
    else:
        among = {**draw.among, name: _sharing(items.entities[name], shared.places, draw)}
        entity, places = _drawn(items, pattern, action, wanted, replace(draw, among=among))
    everyones.remember(items, entity, named)
    for context, place in zip(_contexts(items, entity, draw.rng), places.tolist(), strict=True):
        yield _Member(action.operation, entity.table, context, action, place)


def _sharing(population: EntityItems, shared: Mapping[str, int], draw: _Draw) -> Ints:
    """The items that agree with the fields already drawn: those that may be asked for, else those that are there."""
    fits = np.ones(len(population), dtype=bool)
    for name, place in shared.items():
        if name in population.places:
            fits &= population.places[name] == place
    everything = np.arange(len(population))
    among, there = (book.get(population.name, everything) for book in (draw.among, draw.there))
    return among[fits[among]] if fits[among].any() else there[fits[there]]


def _request(pattern: AccessPattern, members: Sequence[_Member], parameters: dict[str, Any]) -> Request:
    places = tuple((m.context.entity.name, m.place) for m in members)
    keys, actions = tuple(m.key for m in members), tuple(m.operation for m in members)
    return Request(pattern.operation, parameters, keys, places, actions)


def _batch_get(pattern: AccessPattern, members: Sequence[_Member]) -> Request:
    tables: dict[str, dict[str, Any]] = {}
    for member in members:
        table = tables.setdefault(member.table.name, {"Keys": []})
        table["Keys"].append(member.key[1])
        if pattern.consistent:
            table["ConsistentRead"] = True
        table |= expression_parameters(pattern, pattern.names, pattern.values, member.context)
    return _request(pattern, members, {"RequestItems": tables})


def _batch_write(pattern: AccessPattern, members: Sequence[_Member]) -> Request:
    tables: dict[str, list[Any]] = {}
    for member in members:
        put = {"PutRequest": {"Item": to_item(member.context.item)}}
        one = put if member.operation == "Put" else {"DeleteRequest": {"Key": member.key[1]}}
        tables.setdefault(member.table.name, []).append(one)
    return _request(pattern, members, {"RequestItems": tables})


def _transact(pattern: AccessPattern, members: Sequence[_Member]) -> Request:
    return _request(pattern, members, {"TransactItems": [{m.operation: _transact_member(pattern, m)} for m in members]})


def _transact_member(pattern: AccessPattern, member: _Member) -> dict[str, Any]:
    names, values = {**pattern.names, **member.part.names}, {**pattern.values, **member.part.values}
    part = {"TableName": member.table.name}
    operation = "PutItem" if member.operation == "Put" else member.operation
    part |= _addressed_item(operation, member.table, member.context.item)
    return part | expression_parameters(member.part, names, values, member.context)


_MULTIPLE = {
    "BatchGetItem": _batch_get,
    "BatchWriteItem": _batch_write,
    "TransactGetItems": _transact,
    "TransactWriteItems": _transact,
}
_BUILD = {
    **dict.fromkeys(("GetItem", "PutItem", "UpdateItem", "DeleteItem"), _single),
    **dict.fromkeys(("Query", "Scan"), _reading),
    **dict.fromkeys(_MULTIPLE, _batches),
}
