"""Which items the requests of an access pattern fall on.

Popularity is stated for fields: projects are `zipf(1.1)`, so the first project gets most of the traffic, and within a
project every task alike. `request_weights` turns that into each item's exact share of a pattern's requests: the key
that the pattern uses is walked field by field, parents first, and each group's share is divided among its values.
Where nothing is stated every existing item is alike, so that a big parent gets more.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.columns import Chosen, Floats, Ints, Pooled, combine
from workbench.design import AccessPattern, Design
from workbench.domains import Domain
from workbench.entities import EntityItems, equals, is_stated
from workbench.identity import key_fields, open_rows, parents
from workbench.items import Items
from workbench.schema import Table

GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class _Level:
    """One step of popularity: each item's value, its rank among how many, and who gets how much."""

    codes: Ints
    ranks: Ints
    counts: Ints
    weigh: Callable[[Ints, Ints], Floats]


def request_weights(items: Items, pattern: AccessPattern, entity: EntityItems, among: Ints | None = None) -> Floats:
    """The share of a pattern's requests that each item of an entity gets; the shares sum to 1.

    `among` restricts the requests to some items: the others get nothing, and popularity counts among what is left.
    """
    weights = np.zeros(len(entity))
    chosen = np.arange(len(entity)) if among is None else among
    chosen = chosen[addressable(items.design, pattern, entity)[chosen]]
    if len(chosen):
        weights[chosen] = _weigh([*_levels(items, pattern, entity, chosen)], len(chosen))
    return weights


def addressable(design: Design, pattern: AccessPattern, entity: EntityItems) -> NDArray[np.bool_]:
    """Which items of an entity the pattern's target and index allow."""
    allowed = np.ones(len(entity), dtype=bool)
    if pattern.index in entity.table.indexes:
        allowed &= entity.key_codes(entity.table.indexes[pattern.index].key_attributes) >= 0
    target = pattern.target if isinstance(pattern.target, dict) else {}
    is_open = open_rows(design, design.entities[entity.name])  # names were checked where columns are known
    for name in (*target, *pattern.popularity) if is_open else ():
        if entity.value_column(name) is None and name not in entity.places:
            have = ", ".join({**entity.columns, **entity.fields})
            raise ValueError(
                f"entity {entity.name}: access pattern {pattern.name} names {name}, which it lacks: {have}"
            )
    for name, wanted in target.items():
        column = entity.value_column(name)
        allowed &= equals(column, wanted) if column is not None else False
    return allowed


def _weigh(levels: Sequence[_Level], count: int) -> Floats:
    """Each item's share: level by level the group's share is divided among its values, the last evenly."""
    group, share = np.zeros(count, dtype=np.int64), np.ones(1)
    for level in levels:
        both = combine([group, level.codes], count)
        _, first, inverse = np.unique(both, return_index=True, return_inverse=True)
        inverse = inverse.reshape(count)
        weight = level.weigh(level.ranks[first], level.counts[first])
        parent = group[first]
        total = np.bincount(parent, weight, minlength=len(share))
        weight = np.where(total[parent] > 0, weight, _newest(parent, level.ranks[first], len(share)))
        total = np.bincount(parent, weight, minlength=len(share))
        share, group = share[parent] * weight / total[parent], inverse
    shares = share[group] / np.bincount(group)[group]
    return shares / shares.sum()


def _newest(parent: Ints, ranks: Ints, groups: int) -> Floats:
    """Where none of a group's values has any weight (the newest one has no items), the last of them has it all."""
    highest = np.full(groups, -1, dtype=np.int64)
    np.maximum.at(highest, parent, ranks)
    return (ranks == highest[parent]).astype(float)


def _levels(items: Items, pattern: AccessPattern, entity: EntityItems, chosen: Ints) -> Iterator[_Level]:
    """The popularities that bear on a pattern: its own, and those of the fields in the key that it uses."""
    side = "read" if pattern.is_read else "write"
    stated = dict(pattern.popularity)
    for attribute in _addressing(pattern, entity.table):
        names = _parents_first(items.design, entity, attribute)
        if attribute in stated and attribute not in names:
            yield _column_level(items.design, entity, attribute, stated.pop(attribute), chosen)
            continue
        for name in names:
            if name in stated:
                yield _field_level(items, entity, name, stated.pop(name), chosen)
            elif domain := _stated_domain(items.design, entity, name):
                yield _field_level(items, entity, name, _domain_weights(domain, side), chosen)
    for name, popularity in stated.items():
        yield _field_level(items, entity, name, popularity, chosen)


def _addressing(pattern: AccessPattern, table: Table) -> tuple[str, ...]:
    partition, sort = table.keys(pattern.index if pattern.index in table.indexes else None)
    return (*partition, *sort)


def _parents_first(design: Design, entity: EntityItems, attribute: str) -> list[str]:
    """The fields and private attributes that a key attribute is made of, each after its parent."""
    part = design.entities[entity.name]
    domain = design.domains_of(entity.name).get(attribute)
    own = [n for n in (domain.references() if domain else ()) if n in (part.attributes or {})]
    made_of = key_fields(design, part, [attribute])
    return sorted(made_of, key=lambda name: len(parents(design, name))) + own + ([attribute] if not made_of else [])


def _stated_domain(design: Design, entity: EntityItems, name: str) -> Domain | None:
    domain = design.fields.get(name) or (design.entities[entity.name].attributes or {}).get(name)
    while domain is not None and domain.popularity is None and domain.of in design.fields:
        domain = design.fields[domain.of]
    return domain if domain is not None and is_stated(domain) else None


def _domain_weights(domain: Domain, side: str) -> Any:
    if domain.popularity is not None:
        return getattr(domain.popularity, side)
    shares = np.array([share or 0.0 for share in (domain.choice or {}).values()])
    return lambda ranks, counts: shares[ranks]


def _field_level(items: Items, entity: EntityItems, name: str, popularity: Any, chosen: Ints) -> _Level:
    """Popularity over a field: by its place among all values where the field has them, else among those that occur."""
    if name not in entity.places:
        return _column_level(items.design, entity, name, popularity, chosen)
    values, place = items.source.values(name), entity.places[name][chosen]
    place = np.maximum(place, 0)
    return _Level(place, values.ranks[place], values.siblings[place], _weigher(popularity))


def _column_level(design: Design, entity: EntityItems, name: str, popularity: Any, chosen: Ints) -> _Level:
    """Popularity over the values that occur, in their order; of a choice over all its values, as written."""
    column = entity.value_column(name)
    if column is None:
        nothing = np.zeros(len(chosen), dtype=np.int64)
        return _Level(nothing, nothing, nothing + 1, lambda ranks, counts: np.ones(len(ranks)))
    own = design.fields.get(name) or (design.entities[entity.name].attributes or {}).get(name)
    if own is not None and own.choice and isinstance(column, Pooled | Chosen):
        ranks = column.picks[chosen]
        return _Level(ranks, ranks, np.full(len(chosen), len(own.choice)), _weigher(popularity))
    known, ranks = np.unique(column.codes, return_inverse=True)
    absent = int(known[0] < 0)  # items without the value count as its first
    ranks = np.maximum(ranks.reshape(len(column))[chosen] - absent, 0)
    return _Level(ranks, ranks, np.full(len(chosen), len(known) - absent), _weigher(popularity))


def _weigher(popularity: Any) -> Any:
    return popularity.weights if hasattr(popularity, "weights") else popularity


def draw_places(weights: Floats, count: int, rng: np.random.Generator, *, distinct: bool = False) -> Ints:
    """`count` items by their weights; `distinct` ones, as far as there are so many, for writes that use an item up.

    They are taken in golden-ratio steps from a random start, so that a few calls stand for the whole better than free
    draws would, each with the same chances, and more calls begin with the same items.
    """
    if not distinct:
        running = np.cumsum(weights)
        points = (rng.random() + np.arange(count) * GOLDEN) % 1
        return np.minimum(np.searchsorted(running, points * running[-1], side="right"), len(weights) - 1)
    with np.errstate(divide="ignore"):  # an item without weight never comes: its time is infinite
        times = rng.exponential(size=len(weights)) / weights
    order = np.argsort(times, kind="stable")[:count]
    return order[np.isfinite(times[order])]
