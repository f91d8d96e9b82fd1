"""Bundles: the items of batches and transactions, drawn for many calls at once.

The members of one request are different items. In a transaction they agree in the fields that they share: the lines
of an order are those of the order that is read with them, as many as it has; with `same`, so do those of a batch. Who
holds most fields in its key is drawn first, by its own popularity, and the others among the items that agree with it.
`requests` draws single calls in the same way; thousands of them are drawn here, item by item but without any value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workbench.changes import Member
from workbench.columns import Ints, combine
from workbench.design import AccessPattern, Action
from workbench.entities import EntityItems
from workbench.identity import key_renamings
from workbench.items import Items
from workbench.requests import key_holders_first
from workbench.targets import draw_places

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """The items that a member of a request may be for, and the share of each."""

    member: Member
    entity: EntityItems
    shares: Floats


@dataclass(frozen=True)
class Drawn:
    """The items of a member in all calls: of which call each is, and its place; `grouped` if others limit them."""

    calls: Ints
    places: Ints
    grouped: bool = False


def draw_bundles(
    items: Items, pattern: AccessPattern, pools: Sequence[Pool], count: int, rng: np.random.Generator
) -> list[Drawn]:
    """The items of `count` calls of a pattern, for each of its members in their order."""
    draw = _Draw(items, count, rng)
    if not pattern.actions:
        return [draw.alike(pool, pattern.same) for pool in pools]
    by_action = {id(pool.member.part): i for i, pool in enumerate(pools)}
    found: dict[int, Drawn] = {}
    for place in (by_action[id(action)] for action in key_holders_first(items, pattern)):
        found[place] = draw.member(pools[place])
    return [found[i] for i in range(len(pools))]


@dataclass
class _Draw:
    """The calls so far: the values of fields that their members share, and the items that they have already."""

    items: Items
    count: int
    rng: np.random.Generator
    shared: dict[str, Ints] = field(default_factory=dict)
    taken: dict[str, Ints] = field(default_factory=dict)

    def alike(self, pool: Pool, same: Sequence[str]) -> Drawn:
        """Members of a batch, which agree in the fields of `same` with an item that is drawn first."""
        columns = [column for name in same if (column := pool.entity.value_column(name)) is not None]
        if self._is_new(pool) or not columns:
            return self._drawn(pool, None, None)
        codes = combine([np.maximum(column.codes, -1) + 1 for column in columns], len(pool.entity))
        first = pick_evenly(pool.shares, self.count, self.rng)
        return self._drawn(pool, codes, codes[first])

    def member(self, pool: Pool) -> Drawn:
        """A member of a transaction, which agrees with those drawn before it."""
        part = pool.member.part
        named = key_renamings(self.items.design, part) if isinstance(part, Action) else {}
        codes, wanted = None, None
        if not self._is_new(pool):
            known = {own: self.shared[named.get(own, own)] for own in pool.entity.places if named.get(own, own) in self.shared}
            if known:
                both = [np.concatenate([pool.entity.places[own], wanted]) + 1 for own, wanted in known.items()]
                together = combine(both, len(pool.entity) + self.count)
                codes, wanted = together[: len(pool.entity)], together[len(pool.entity) :]
        drawn = self._without_taken(pool, self._drawn(pool, codes, wanted))
        self._remember(pool, drawn, named)
        return drawn

    def _is_new(self, pool: Pool) -> bool:
        return pool.entity is not self.items.entities[pool.entity.name]

    def _drawn(self, pool: Pool, codes: Ints | None, wanted: Ints | None) -> Drawn:
        amount = pool.member.count
        counts = amount.draw(self.rng, self.count) if amount else np.ones(self.count, dtype=np.int64)
        if self._is_new(pool):
            calls = np.repeat(np.arange(self.count), counts)
            return Drawn(calls, pick_evenly(pool.shares, len(calls), self.rng))
        if codes is None or wanted is None:
            everything = np.zeros(len(pool.entity), dtype=np.int64)
            return Drawn(*different(pool.shares, counts, everything, counts * 0, self.rng))
        return Drawn(*different(pool.shares, counts, codes, wanted, self.rng), grouped=True)

    def _without_taken(self, pool: Pool, drawn: Drawn) -> Drawn:
        """No request has two members for one item: the first stays."""
        if self._is_new(pool):
            return drawn
        codes, name = drawn.calls * len(pool.entity) + drawn.places, pool.entity.name
        before = self.taken.get(name, np.zeros(0, dtype=np.int64))
        left = ~np.isin(codes, before)
        self.taken[name] = np.concatenate([before, codes])
        return Drawn(drawn.calls[left], drawn.places[left], drawn.grouped or not left.all())

    def _remember(self, pool: Pool, drawn: Drawn, named: dict[str, str]) -> None:
        """Of each call, the field values of the first item that is drawn."""
        calls, first = np.unique(drawn.calls, return_index=True)
        for own, places in pool.entity.places.items():
            if named.get(own, own) not in self.shared:
                values = np.full(self.count, -2, dtype=np.int64)
                values[calls] = places[drawn.places[first]]
                self.shared[named.get(own, own)] = values
