"""Bundles: the items of batches and transactions, drawn for many calls at once.

The members of one request are different items. In a transaction they agree in the fields that they share: with a line
its own order is read, and the account that pays is not the one that is paid. Who holds most fields in its key is drawn
first, by its own popularity, and the others among the items that agree with it. In a batch the items agree in what is
the `same`, and are as many as there are. `requests` draws single calls in this way; here thousands are drawn at once,
as places of items and without any values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from workbench.changes import Member
from workbench.columns import Floats, Ints, Mask, combine
from workbench.design import AccessPattern, Action
from workbench.entities import EntityItems
from workbench.identity import key_renamings
from workbench.items import Items
from workbench.members import key_holders_first

UNKNOWN = -2  # the place of a field's value where a call has none; -1 is that of an item without one


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
) -> tuple[list[Drawn], Mask]:
    """The items of `count` calls of a pattern, for each of its members in their order; and which calls are made.

    A call is not made where nothing agrees with the others that a member could be for.
    """
    draw = _Draw(items, count, rng, np.ones(count, dtype=bool))
    if not pattern.actions:
        return [draw.alike(pool, pattern.same) for pool in pools], draw.made
    by_action = {id(pool.member.part): i for i, pool in enumerate(pools)}
    found: dict[int, Drawn] = {}
    for action in key_holders_first(items, pattern):
        if (place := by_action.get(id(action))) is not None:
            found[place] = draw.member(pools[place])
    return [found[i] for i in range(len(pools))], draw.made


@dataclass
class _Draw:
    """The calls so far: the values of fields that their members share, and the items that they have already."""

    items: Items
    count: int
    rng: np.random.Generator
    made: Mask
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
        drawn = self._drawn(pool, *self._agreeing(pool.entity, named))
        if pool.member.count is None:
            self.made &= np.bincount(drawn.calls, minlength=self.count) > 0
        drawn = self._without_taken(pool, drawn)
        self._remember(pool, drawn, named)
        return drawn

    def _agreeing(self, entity: EntityItems, named: dict[str, str]) -> tuple[Ints | None, Ints | None]:
        """A code for each item by the fields that were drawn before, and the code that each call wants."""
        known = {own: self.shared[named.get(own, own)] for own in entity.places if named.get(own, own) in self.shared}
        if not known:
            return None, None
        both = [np.concatenate([entity.places[own], wanted]) - UNKNOWN for own, wanted in known.items()]
        codes = combine(both, len(entity) + self.count)
        return codes[: len(entity)], codes[len(entity) :]

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
                values = np.full(self.count, UNKNOWN, dtype=np.int64)
                values[calls] = places[drawn.places[first]]
                self.shared[named.get(own, own)] = values


# Draws of many calls


def pick_evenly(shares: Floats, count: int, rng: np.random.Generator) -> Ints:
    """`count` places by their shares, each share met as often as it comes to: their mean is nearly exact.

    >>> np.bincount(pick_evenly(np.array([0.25, 0.75]), 100, np.random.default_rng(7))).tolist()
    [25, 75]
    """
    running = np.cumsum(shares)
    even = (rng.permutation(count) + rng.random(count)) / max(count, 1) * running[-1]
    return np.minimum(np.searchsorted(running, even, side="right"), len(shares) - 1)


def different(shares: Floats, counts: Ints, codes: Ints, wanted: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """For each call so many different items, of those with the code that it wants: for each item the call, and place.

    They are drawn by their shares, one after the other, those that a call has already left out; fewer, if there are no
    more.
    """
    order = np.argsort(codes, kind="stable")
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    ranges = np.stack([np.searchsorted(codes[order], wanted, side=side) for side in sides], axis=1)
    numbers = np.concatenate([[0], np.cumsum(shares[order] > 0)])
    counts = np.minimum(counts, numbers[ranges[:, 1]] - numbers[ranges[:, 0]])
    most = int(counts.max(initial=0))
    drawn = _draws(shares[order], ranges, 1 if most <= 1 else 3 * most // 2 + 4, rng)
    calls, found, short = _taken(drawn, counts)
    if len(short) and most > 1:  # more draws for those calls that met the same items again
        longer = np.hstack([drawn[short], _draws(shares[order], ranges[short], 3 * most + 4, rng)])
        rest, more, still = _taken(longer, counts[short])
        calls, found = _instead(calls, found, short, short[rest], more)
        short = short[still]
    if len(short):  # few items have nearly all of the requests: the others follow in one order for all calls
        rest, more = _by_race(shares[order], ranges[short], counts[short], rng)
        calls, found = _instead(calls, found, short, short[rest], more)
    return calls, order[found]


def _taken(drawn: Ints, counts: Ints) -> tuple[Ints, Ints, Ints]:
    """The first so many different values of each row: their rows, the values, and the rows that have too few."""
    taken = _firsts(drawn)
    taken &= np.cumsum(taken, axis=1) <= counts[:, None]
    rows, columns = np.nonzero(taken)
    return rows, drawn[rows, columns], np.flatnonzero(taken.sum(axis=1) < counts)


def _instead(calls: Ints, found: Ints, again: Ints, others: Ints, more: Ints) -> tuple[Ints, Ints]:
    """What was found, with other finds for the calls that were made again."""
    kept = ~np.isin(calls, again)
    return np.concatenate([calls[kept], others]), np.concatenate([found[kept], more])


def _draws(shares: Floats, ranges: Ints, width: int, rng: np.random.Generator) -> Ints:
    """For each range so many of its places, by their shares, with repetitions."""
    running = np.concatenate([[0.0], np.cumsum(shares)])
    low, high = running[ranges[:, :1]], running[ranges[:, 1:]]
    count = len(ranges)
    even = (rng.permutation(count) + rng.random(count)) / max(count, 1)
    uniform = even[:, None] if width == 1 else rng.random((count, width))
    places = np.searchsorted(running, low + uniform * (high - low), side="right") - 1
    return np.clip(places, ranges[:, :1], np.maximum(ranges[:, 1:] - 1, ranges[:, :1]))


def _firsts(drawn: Ints) -> Mask:
    """Which of the values in each row stand there for the first time."""
    order = np.argsort(drawn, axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, axis=1)
    firsts = np.ones(drawn.shape, dtype=bool)
    np.put_along_axis(firsts, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], axis=1)
    return firsts


def _by_race(shares: Floats, ranges: Ints, counts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """For each range the first of its places in one random order by shares: for each place the range, and the place."""
    with np.errstate(divide="ignore"):
        times = rng.exponential(size=len(shares)) / shares
    orders: dict[tuple[int, int], Ints] = {}
    for low, high in set(map(tuple, ranges.tolist())):
        orders[low, high] = low + np.argsort(times[low:high], kind="stable")[: int(counts.max())]
    taken = [orders[low, high][:count] for (low, high), count in zip(map(tuple, ranges.tolist()), counts, strict=True)]
    return np.repeat(np.arange(len(ranges)), [len(places) for places in taken]), np.concatenate(taken)
