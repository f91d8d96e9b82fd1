"""Members of a batch or a transaction: several items in one request, which belong together.

The members of one call share their fields: the order that a transaction creates is the one its lines name, and the
customer whose balance falls is the one who ordered. Who creates a value or holds it in its key draws it first; the
others take what fits. No two members of a request have the same key. (AWS: TransactWriteItems, BatchWriteItem.)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.columns import Ints
from workbench.descriptors import to_wire
from workbench.design import AccessPattern, Action, Design
from workbench.entities import EntityItems, equals
from workbench.identity import key_fields, key_renamings
from workbench.items import Items
from workbench.picks import Draw, Shared, pick, pick_new
from workbench.placeholders import Context, contexts_of
from workbench.references import made_of
from workbench.schema import Table
from workbench.targets import draw_places, request_weights

_MEMBER_OF = {"BatchGetItem": "Get", "TransactGetItems": "Get", "BatchWriteItem": "Put"}


@dataclass(frozen=True)
class Member:
    """One item of a batch or transaction: what is done to it, where, and with which values; place -1 if it is new."""

    operation: str
    table: Table
    context: Context
    part: AccessPattern | Action
    place: int

    @property
    def key(self) -> tuple[str, dict[str, Any]]:
        return self.table.name, key_of(self.table, self.context.item)

    @property
    def is_used_up(self) -> bool:
        """Whether the next call would find another state: it was deleted, or an update looked at what it was."""
        asked = self.part.condition is not None or isinstance(self.part.target, dict)
        return self.place >= 0 and (self.operation == "Delete" or (self.operation == "Update" and asked))


def draw_members(items: Items, pattern: AccessPattern, draw: Draw) -> list[Member]:
    """The members of one batch or transaction, each for another item; none if an action has no item left."""
    if not pattern.actions:
        return _even_members(items, pattern, draw)
    shared = Shared()
    members: dict[Any, Member] = {}
    for action in key_holders_first(items, pattern):
        found = list(_action_members(items, pattern, action, draw, shared))
        if not found and action.count is None:
            return []
        for member in found:
            members.setdefault(str(member.key), member)
    order = {id(action): i for i, action in enumerate(pattern.actions)}
    return sorted(members.values(), key=lambda member: order[id(member.part)])


def _even_members(items: Items, pattern: AccessPattern, draw: Draw) -> list[Member]:
    wanted = int(pattern.count.draw(draw.rng, 1)[0]) if pattern.count else 1
    entity, places = pick(items, pattern, pattern, 1 if pattern.same else wanted, draw)
    if pattern.same and len(entity):
        entity, places = _same_members(items, pattern, entity, places, wanted, draw)
    operation = _MEMBER_OF[pattern.operation]
    contexts = contexts_of(items, entity, draw.rng)
    return [Member(operation, entity.table, c, pattern, p) for c, p in zip(contexts, places.tolist(), strict=True)]


def _same_members(
    items: Items, pattern: AccessPattern, first: EntityItems, places: Ints, wanted: int, draw: Draw
) -> tuple[EntityItems, Ints]:
    """`wanted` items that agree with the first in the fields of `same`."""
    everything = items.entities[first.name]
    if places[0] < 0:
        shared = {name: int(first.places[name][0]) for name in pattern.same if name in first.places}
        return pick_new(items, first.name, pattern, wanted, draw, Shared(shared))
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

    First what is created and others name in their keys (an order, before its lines), then by fields in the key. But an
    item that is there comes before a new one which would name it by an attribute: the member of a room who exists,
    before the message that is written, since not every user is a member of every room.
    """
    design, used = items.design, {id(action): {*_action_fields(items.design, action)} for action in pattern.actions}

    def rank(action: Action) -> tuple[bool, bool, int, bool]:
        others = [other for other in pattern.actions if other is not action]
        entity, own, is_new = design.entities[design.action_entity(action)], used[id(action)], _is_new(pattern, action)
        named = key_renamings(design, action)
        drawn = {named.get(name, name) for name in made_of(design, entity)}
        there = [used[id(other)] for other in others if not _is_new(pattern, other)]
        elsewhere = set().union(*(used[id(other)] for other in others))
        creates = pattern.target_of(action) == "new" and bool(elsewhere & set(items.source.leaves(entity)))
        names_one = is_new and any((fields - own) & drawn for fields in there)
        return not creates, names_one, -len(own), is_new

    return sorted(pattern.actions, key=rank)


def fitting(design: Design, pattern: AccessPattern) -> str:
    """What an item has to meet for a call: the pattern's target, or with members the fields that these share."""
    used = [set(_action_fields(design, action)) for action in pattern.actions]
    shared = [name for name in design.fields if sum(name in fields for fields in used) > 1]
    if not shared:
        return "fit its target"
    members = " and ".join(f"{action.operation} {design.action_entity(action)}" for action in pattern.actions)
    targets = "fit their targets and " if any(isinstance(a.target, dict) for a in pattern.actions) else ""
    return f"{targets}agree in {' and '.join(shared)}, which {members} share in one transaction"


def _is_new(pattern: AccessPattern, action: Action) -> bool:
    return pattern.target_of(action) in ("new", "missing")


def _action_fields(design: Design, action: Action) -> list[str]:
    named = key_renamings(design, action)
    return [named.get(f, f) for f in key_fields(design, design.entities[design.action_entity(action)])]


def _action_members(
    items: Items, pattern: AccessPattern, action: Action, draw: Draw, everyones: Shared
) -> Iterator[Member]:
    name, named = items.design.action_entity(action), key_renamings(items.design, action)
    shared = everyones.seen_by(named)
    wanted = int(action.count.draw(draw.rng, 1)[0]) if action.count else 1
    if _is_new(pattern, action):
        entity, places = pick_new(items, name, pattern, wanted, draw, shared)
    else:
        among = {**draw.among, name: _sharing(items.entities[name], shared.places, draw)}
        entity, places = pick(items, pattern, action, wanted, replace(draw, among=among))
    everyones.remember(items, entity, named)
    for context, place in zip(contexts_of(items, entity, draw.rng), places.tolist(), strict=True):
        yield Member(action.operation, entity.table, context, action, place)


def _sharing(population: EntityItems, shared: Mapping[str, int], draw: Draw) -> Ints:
    """The items that agree with the fields already drawn: those that may be asked for, else those that are there."""
    fits = np.ones(len(population), dtype=bool)
    for name, place in shared.items():
        if name in population.places:
            fits &= population.places[name] == place
    everything = np.arange(len(population))
    among, there = (book.get(population.name, everything) for book in (draw.among, draw.there))
    return among[fits[among]] if fits[among].any() else there[fits[there]]


def key_of(table: Table, item: Mapping[str, Any]) -> dict[str, Any]:
    """The primary key of an item, as DynamoDB JSON."""
    return {name: to_wire(item[name]) for name in table.key_attributes}
