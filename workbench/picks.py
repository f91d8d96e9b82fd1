"""Picks: the items that the requests of an access pattern fall on.

A pattern's requests fall on items as their keys' popularity says: the first project gets most of the traffic if
projects are `zipf(1.1)`, and within a project every task alike. A create picks items that do not exist yet, with keys
that differ from all earlier ones. Reads that ask for the same pick the same with one seed (common random numbers), so
that two patterns differ by what they do, not by chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.columns import Column, Ints
from workbench.design import AccessPattern, Action, Design, Entity
from workbench.distributions import Popularity
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.identity import key_fields, origin
from workbench.items import Items
from workbench.targets import draw_places, request_weights

Places = Mapping[str, Ints]  # for each entity the items that may be asked for


@dataclass
class Draw:
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


@dataclass
class Shared:
    """The values of fields that the members of one call share: places of those that exist, columns of created ones."""

    places: dict[str, int] = field(default_factory=dict)
    values: dict[str, Column] = field(default_factory=dict)

    def seen_by(self, named: Mapping[str, str]) -> "Shared":
        """What an action sees whose key names other fields: `named[own]` is the one in place of its own."""
        return Shared(_renamed(self.places, named), _renamed(self.values, named))

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


def drawn_items(items: Items, pattern: AccessPattern, count: int, *, seed: int) -> EntityItems:
    """The items that `count` calls of a read ask for, those that `draw_calls` draws with this seed."""
    rng = stream(seed, "requests", asked(items.design, pattern))
    return pick(items, pattern, pattern, count, Draw(rng, {}, {}, {}))[0]


def asked(design: Design, pattern: AccessPattern) -> str:
    """What a read asks for, however it reads it: patterns that differ in a filter ask for the same items.

    With common random numbers two patterns differ by what they do, not by chance. A popularity that the field has
    anyway may be said again.
    """
    entities = [entity.name for entity in design.addressed(pattern)]
    members = [(design.action_entity(action), action.target, action.key) for action in pattern.actions]
    other = {name: stated for name, stated in pattern.popularity.items() if not _is_own(design, name, stated)}
    popularity = [(name, str(stated)) for name, stated in other.items()]
    return repr((entities, pattern.index, pattern.target_of(), popularity, members))


def _is_own(design: Design, name: str, stated: Popularity) -> bool:
    """Whether a popularity only says again what a field's own is, to reads."""
    fields = [design.fields[each] for each in (name, origin(design, name))] if name in design.fields else []
    own = next((field.popularity for field in fields if field.popularity), None)
    return own is not None and str(own.read) == str(stated)


def pick(
    items: Items, pattern: AccessPattern, part: AccessPattern | Action, count: int, draw: Draw
) -> tuple[EntityItems, Ints]:
    """`count` items for a pattern or a member of its transaction, and their places (-1 for new ones)."""
    design = items.design
    name = design.action_entity(part) if isinstance(part, Action) else design.addressed(pattern)[0].name
    entity, target = items.entities[name], pattern.target_of(part if isinstance(part, Action) else None)
    if target in ("new", "missing"):
        return pick_new(items, name, pattern, count, draw)
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


def pick_new(
    items: Items,
    name: str,
    pattern: AccessPattern,
    count: int,
    draw: Draw,
    shared: "Shared | None" = None,
) -> tuple[EntityItems, Ints]:
    """Items that do not exist yet; of rows the next ones, in their order, that the pattern's popularity allows."""
    entity, created = items.entities[name], draw.created.get(name, 0)
    part = items.design.entities[name]
    if part.rows:
        draw.created[name] = created + count
        places = np.flatnonzero(request_weights(items, pattern, entity) > 0)[created : created + count]
        return entity.select(places), places
    shared = shared or Shared()
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
    named = {name: field_of(design, part, name) for name in pattern.popularity}
    return {field: pattern.popularity[name] for name, field in named.items() if field is not None}


def field_of(design: Design, part: Entity, name: str) -> str | None:
    """The field that a popularity stated of a field or attribute is of; None of an attribute of several, or of none."""
    fields = [name] if name in design.fields else key_fields(design, part, [name])
    return fields[0] if len(fields) == 1 else None
