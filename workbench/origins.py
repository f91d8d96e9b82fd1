"""Where items come from: the values of each field, drawn once, and from them the items of an entity, old or new.

An entity has one item for each combination of the identity fields in its key, or as many of these as the design says.
Draws are fixed by the seed, and by the name of what is drawn: one entity more changes none of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.columns import Column, Floats, Ints, Pooled, constant
from workbench.design import Design, Entity
from workbench.distributions import Popularity, parse_popularity
from workbench.domains import Domain
from workbench.entities import Builder, EntityItems, at_now, is_stated, rank_weights
from workbench.fields import FieldValues, distinct, drawn, field_values, ids_at, pick, stream
from workbench.identity import is_identity, key_fields, key_types, parents, value_tag
from workbench.rows import read_rows
from workbench.typewords import ID_TYPES

if TYPE_CHECKING:
    import pandas as pd


_LEAST = 1e-300  # the weight of a value that others drew, though popularity gives it none
_ROUNDS = 12  # of drawing free combinations by popularity
_MOST = 2_000_000  # combinations looked through for free ones


class Source:
    """Draws entities on demand, each field's values once."""

    def __init__(self, design: Design, seed: int, now: int, rows: "dict[str, pd.DataFrame]"):
        self.design, self.seed, self.now, self.frames = design, seed, now, rows
        self._fields: dict[str, FieldValues] = {}
        self._rows: dict[str, dict[str, Column]] = {}

    def origin(self, name: str) -> str:
        """The field whose values `name` draws from: itself, or through `of` another."""
        domain = self.design.fields[name]
        return self.origin(domain.of) if domain.of in self.design.fields else name

    def is_identity(self, name: str) -> bool:
        """Whether a field has a stated number of values, or is named by another's `per`."""
        return is_identity(self.design, name)

    def parent(self, name: str) -> str | None:
        """The parent of an identity field; another role of a field has none."""
        return self.design.fields[name].per if name in self.design.fields else None

    def values(self, name: str) -> FieldValues:
        """All values of an identity field."""
        name = self.origin(name)
        if name not in self._fields:
            parent = self.parent(name)
            parents = len(self.values(parent)) if parent else 1
            self._fields[name] = field_values(self.design.fields[name], parents, self.seed, name, self.now)
        return self._fields[name]

    def rows(self, name: str) -> dict[str, Column]:
        """The columns of `rows`, read once."""
        if name not in self._rows:
            self._rows[name] = read_rows(self.design, name, self.frames.get(name))
        return self._rows[name]

    def weights(
        self,
        name: str,
        side: str = "write",
        role: Domain | None = None,
        popularity: Mapping[str, Popularity] | None = None,
    ) -> Any:
        """The share of requests that each value of an identity field gets, parents first; a role may have its own.

        `popularity` stands in place of that of the fields that it names.
        """
        own, named = role or self.design.fields[name], popularity or {}
        origin = self.origin(name)
        values, domain, parent = self.values(origin), self.design.fields[origin], self.parent(origin)
        if name in named:
            within = named[name].weights(values.ranks, values.siblings)
        else:
            within = rank_weights(own if own.popularity is not None else domain, values.ranks, values.siblings, side)
        totals = np.bincount(values.parents, within, minlength=len(values.counts))
        within = within / np.maximum(totals, 1e-300)[values.parents]
        if parent is None:
            return within
        stated = any(a in named or is_stated(self.design.fields[a]) for a in parents(self.design, origin))
        owners = self.weights(parent, side, popularity=popularity) if stated else values.counts
        return within * owners[values.parents]

    @cached_property
    def current(self) -> dict[str, Popularity]:
        """How new items choose among the values of fields that are times ending now: the latest, unless it is stated.

        The day under which events of each day stand, say: what comes now belongs to today.
        """
        latest, fields = parse_popularity("latest"), self.design.fields
        stated = {name for name in fields if any(is_stated(fields[n]) for n in (name, self.origin(name)))}
        return {name: latest for name in fields.keys() - stated if self._ends_now(name)}

    def _ends_now(self, name: str) -> bool:
        domain = self.design.fields[self.origin(name)]
        span = domain.type.span if domain.type else None
        return self.is_identity(name) and bool(span and span.ends_now) and domain.new is None

    def entity(self, name: str) -> EntityItems:
        part = self.design.entities[name]
        if part.rows:
            columns = self.rows(part.rows)
            count = len(next(iter(columns.values())))
            items = Builder(self, part, count, {}, columns).build()
            _check_types(items, part.rows, key_types(self.design, items.table.name))
            return _unique(items, part.rows)
        places, count = self._combinations(part)
        return Builder(self, part, count, places).build()

    def new(
        self,
        name: str,
        existing: EntityItems,
        count: int,
        rng: np.random.Generator,
        shared: Mapping[str, int] | None = None,
        values: Mapping[str, Column] | None = None,
        earlier: int = 0,
        popularity: Mapping[str, Popularity] | None = None,
        created: Ints | None = None,
    ) -> EntityItems:
        """`count` items as a pattern would create them, after `earlier` ones.

        `shared` fixes the values of fields that others drew, `values` those that others created; `popularity` is the
        pattern's own. With `created`, the combinations of unrelated fields that were put before, those that exist or
        were put are left out, so that there may be fewer items; without it each item is drawn by popularity alone.
        """
        part, popularity = self.design.entities[name], {**self.current, **(popularity or {})}
        if part.rows:
            return existing.select(np.arange(count) % max(len(existing), 1))
        given = {f: np.full(count, place) for f, place in (shared or {}).items()}
        known = {f: column.select(np.zeros(count, dtype=np.int64)) for f, column in (values or {}).items()}
        leaves = [leaf for leaf in self.leaves(part) if leaf not in given and leaf not in known]
        free = None
        made_of = {f for leaf in self.leaves(part) for f in (leaf, *parents(self.design, leaf))}
        if created is not None and leaves and self.is_combined(part) and made_of.isdisjoint(known):
            free = self._free(part, existing, shared or {}, popularity, count, rng, created)
        if free is not None:
            given, count = {f: place[: len(free[leaves[0]])] for f, place in given.items()} | free, len(free[leaves[0]])
        elif len(leaves) == 1 and self.design.fields[self.origin(leaves[0])].choice is None:
            known |= {leaves[0]: self._new_leaf(leaves[0], given, known, count, rng, earlier, popularity)}
        else:  # a finite domain has no new value: the put meets one that exists
            given |= {leaf: pick(self.weights(leaf, popularity=popularity), count, rng) for leaf in leaves}
        return Builder(self, part, count, given, known, rng=rng, is_new=True, popularity=popularity).build()

    def is_combined(self, part: Entity) -> bool:
        """Whether an entity's items differ by the combination of unrelated fields alone, as users in groups."""
        domains, fields = self.design.domains_of(part.name), self.design.fields
        names = [*key_fields(self.design, part), *self.design.table_of(part.name).key_attributes]
        drawn_ = [d for n in names if not self.is_identity(n) and (d := domains.get(n) or fields.get(n))]
        return len(self.leaves(part)) > 1 and not any(d.type and d.type.word in ID_TYPES for d in drawn_)

    def combinations(self, part: Entity, places: Mapping[str, Ints]) -> Ints:
        """One number for each combination of the values of an entity's leaf fields."""
        leaves = self.leaves(part)
        codes = np.ravel_multi_index([places[leaf] for leaf in leaves], [len(self.values(leaf)) for leaf in leaves])
        return np.asarray(codes, dtype=np.int64)

    def _free(
        self,
        part: Entity,
        existing: EntityItems,
        shared: Mapping[str, int],
        popularity: Mapping[str, Popularity] | None,
        count: int,
        rng: np.random.Generator,
        created: Ints,
    ) -> dict[str, Ints] | None:
        """Combinations that are free, by popularity: as many as there are up to `count`, None if all of them exist."""
        leaves = self.leaves(part)
        weights = [self._shared_weights(leaf, shared, popularity) for leaf in leaves]
        taken = np.sort(self.combinations(part, existing.places), kind="stable")
        if len(taken) >= np.prod([float(len(w)) for w in weights]):
            return None
        codes = draw_free(weights, np.sort(np.concatenate([taken, created])), count, rng)
        if not len(codes) and not (len(created) and len(draw_free(weights, taken, 1, rng))):
            return None
        return dict(zip(leaves, np.unravel_index(codes, [len(w) for w in weights]), strict=True))

    def _shared_weights(
        self, leaf: str, shared: Mapping[str, int], popularity: Mapping[str, Popularity] | None
    ) -> Floats:
        """The weights of a leaf's values, none for those that do not belong to what others drew."""
        weights, places = self.weights(leaf, popularity=popularity), np.arange(len(self.values(leaf)))
        line = [leaf, *parents(self.design, leaf)]
        for below, name in zip([None, *line], line, strict=False):
            places = places if below is None else self.values(below).parents[places]
            if name in shared:
                weights = np.where(places == shared[name], np.maximum(weights, _LEAST), 0.0)
        return weights

    def _new_leaf(
        self,
        leaf: str,
        given: dict[str, Ints],
        known: Mapping[str, Column],
        count: int,
        rng: np.random.Generator,
        created: int,
        popularity: Mapping[str, Popularity] | None,
    ) -> Column:
        """New values of a key's last field, after those that its parent has; the parent is drawn unless given."""
        parent, values = self.parent(leaf), self.values(leaf)
        if parent and parent not in given and parent not in known:
            given[parent] = pick(self.weights(parent, popularity=popularity), count, rng)
        owners = given.get(parent or "", np.zeros(count, dtype=np.int64))
        taken = np.zeros(count, dtype=np.int64) if parent in known else values.counts[owners]
        order = np.argsort(owners, kind="stable")
        begins = np.searchsorted(owners[order], owners[order])
        earlier = np.empty(count, dtype=np.int64)
        earlier[order] = created + np.arange(count) - begins  # how many of the new ones the parent got before
        return self._new_values(self.design.fields[self.origin(leaf)], leaf, taken, earlier, values, rng)

    def _new_values(
        self, domain: Domain, name: str, taken: Ints, earlier: Ints, values: FieldValues, rng: np.random.Generator
    ) -> Column:
        kind, ranks = domain.type, taken + earlier
        if kind and kind.span and not domain.format:
            return at_now(kind.word, self.now, len(ranks))
        if kind and kind.word in ID_TYPES and not domain.format:
            return ids_at(kind.word, self.now * 1000 + earlier, rng)
        if kind and kind.word == "number":
            return drawn(domain, len(ranks), rng, self.seed, self.now)
        widest = np.full(len(ranks), int(values.counts.max(initial=1)))
        return distinct(domain, ranks, np.maximum(widest, ranks + 1), rng, self.seed, name, self.now)

    def leaves(self, part: Entity) -> list[str]:
        """The identity fields in an entity's primary key, without those that another one determines."""
        used = [f for f in key_fields(self.design, part) if self.is_identity(f)]
        return [f for f in used if not any(f in parents(self.design, other) for other in used)]

    def _combinations(self, part: Entity) -> tuple[dict[str, Ints], int]:
        """Which value of each leaf field each of the entity's items has."""
        leaves = self.leaves(part)
        lengths = [len(self.values(leaf)) for leaf in leaves]
        whole = int(np.prod(lengths)) if leaves else 1
        if len(leaves) < 2 or part.items == "all":
            flat = np.arange(whole)
        else:
            flat = self._distinct_combinations(part, leaves, lengths, whole)
        grid = np.unravel_index(flat, lengths) if leaves else ()
        return dict(zip(leaves, (np.asarray(g) for g in grid), strict=True)), len(flat)

    def _distinct_combinations(self, part: Entity, leaves: list[str], lengths: list[int], whole: int) -> Ints:
        assert part.items is not None and part.items != "all"
        rng = stream(self.seed, part.name, "items")
        wanted = int(part.items.draw(rng, 1)[0])
        if wanted > whole // 2:
            return np.sort(rng.permutation(whole)[:wanted])
        weights, flat = [self.weights(leaf) for leaf in leaves], np.array([], dtype=np.int64)
        for _ in range(64):
            drawn_ = np.ravel_multi_index([pick(w, wanted, rng) for w in weights], lengths)
            flat = np.unique(np.concatenate([flat, drawn_]))
            if len(flat) >= wanted:
                return np.sort(rng.permutation(flat)[:wanted])
        # A very skewed popularity repeats itself: the rest is filled evenly.
        free = np.setdiff1d(rng.integers(0, whole, wanted * 3), flat)
        return np.sort(np.concatenate([flat, free[: wanted - len(flat)]]))

    def fresh(self, entity: EntityItems, name: str, rng: np.random.Generator) -> Any:
        """One new value of an attribute or field, from its domain."""
        return self.fresh_column(entity, name, 1, rng).take(np.array([0]))[0]

    def fresh_column(self, entity: EntityItems, name: str, count: int, rng: np.random.Generator) -> Column:
        """`count` new values of an attribute or field, from its domain."""
        part = self.design.entities[entity.name]
        rows = self._row_columns(part)
        places = rng.integers(0, max(1, *map(len, rows.values())), count) if rows else np.zeros(count, dtype=np.int64)
        builder = Builder(self, part, count, {}, {n: c.select(places) for n, c in rows.items()}, rng=rng)
        column = builder.attribute(name) if name in builder.domains else builder.field(name)
        return replace(column, present=None)

    def _row_columns(self, part: Entity) -> dict[str, Column]:
        return self.rows(part.rows) if part.rows else {}

    def one(self, entity: str, domain: Domain, rng: np.random.Generator, named: Callable[[str], Any]) -> Any:
        """One value of a domain that stands in `values`, for an item of an entity; `named` gives what it refers to."""
        column = self.drawn_column(entity, domain, 1, rng, lambda name: constant(named(name), 1))
        return column.take(np.array([0]))[0]

    def drawn_column(
        self, entity: str, domain: Domain, count: int, rng: np.random.Generator, named: Callable[[str], Column]
    ) -> Column:
        """`count` values of a domain, for so many items of an entity; `named` gives the columns that it refers to."""
        return Builder(self, self.design.entities[entity], count, {}, rng=rng, outer=named).alone(domain)

    def all_values(self, entity: EntityItems, name: str) -> list[Any]:
        """Every value that a field or attribute can have: of a shard all suffixes, else those that occur."""
        domain = self.design.fields.get(name) or (self.design.entities[entity.name].attributes or {}).get(name)
        if domain is not None and domain.type and domain.type.shards:
            return list(range(domain.type.shards))
        if domain is not None and domain.choice:
            return list(domain.choice)
        column = entity.value_column(name)
        if column is None:
            return []
        codes, first = np.unique(column.codes, return_index=True)
        return column.take(first[codes >= 0])


def draw_free(weights: Sequence[Floats], taken: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Up to `count` distinct combinations, a place of each weights, by weight and none of `taken` (sorted numbers).

    Fewer only if no more are free. A value without weight is in none.

    >>> draw_free([np.ones(2), np.array([1.0, 1.0, 0.0])], np.array([0, 1]), 9, np.random.default_rng(1)).tolist()
    [3, 4]
    """
    lengths, found = [len(w) for w in weights], {}
    for _ in range(_ROUNDS if all(w.any() for w in weights) else 0):
        codes = np.ravel_multi_index([pick(w, 2 * count, rng) for w in weights], lengths)
        found |= dict.fromkeys(_without(codes, taken).tolist())
        if len(found) >= count:
            break
    drawn_ = np.array(list(found), dtype=np.int64)
    if len(drawn_) < count:  # the popular ones are taken: the rest is filled evenly
        rest = np.setdiff1d(_without(_whole(weights, lengths, rng), taken), drawn_)
        drawn_ = np.concatenate([drawn_, rng.permutation(rest)])
    return drawn_[:count]


def _without(codes: Ints, taken: Ints) -> Ints:
    if not len(taken):
        return codes
    return codes[taken[np.minimum(np.searchsorted(taken, codes), len(taken) - 1)] != codes]


def _whole(weights: Sequence[Floats], lengths: Sequence[int], rng: np.random.Generator) -> Ints:
    """All combinations of values that have a weight; of very many, as many as are quickly drawn."""
    axes = [np.flatnonzero(w) for w in weights]
    sizes = [len(axis) for axis in axes]
    whole = int(np.prod(sizes))
    flat = np.arange(whole) if whole <= _MOST else rng.integers(0, whole, _MOST)
    grid = np.unravel_index(flat, sizes) if whole else [flat] * len(axes)
    return np.ravel_multi_index([axis[g] for axis, g in zip(axes, grid, strict=True)], lengths)


def _check_types(items: EntityItems, rows: str, types: Mapping[str, str]) -> None:
    """ValueError if a column of rows does not have the type of the key attribute that it is."""
    for name, wanted in types.items():
        column = items.columns.get(name)
        for value in column.pool if isinstance(column, Pooled) else ():
            tag = "B" if isinstance(value, bytes) else value_tag(value)
            if isinstance(value, list | dict | set) or tag != wanted:
                shown = f"{value!r} in column {name} of {rows}"
                fix = (
                    f"; state it under table {items.table.name}, as key_types: {{{name}: {tag}}}" if tag == "N" else ""
                )
                raise ValueError(f"entity {items.name}: {shown} is not of type {wanted}, as the key attribute{fix}")


def _unique(items: EntityItems, rows: str) -> EntityItems:
    """The items, or ValueError if two rows have the same primary key."""
    codes = items.key_codes(items.table.key_attributes)
    known, first, counts = np.unique(codes, return_index=True, return_counts=True)
    key = ", ".join(items.table.key_attributes)
    if known[0] < 0:
        place = int(np.flatnonzero(codes < 0)[0])
        raise ValueError(f"entity {items.name}: row {place + 1} of {rows} has no value for the key ({key})")
    if len(known) < len(codes):
        again = items.take([int(first[np.argmax(counts)])])[0]
        shown = {name: again[name] for name in items.table.key_attributes}
        raise ValueError(
            f"entity {items.name}: {len(codes) - len(known):,} rows of {rows} repeat a primary key, such as {shown}; "
            "add a column to the key that tells them apart"
        )
    return items
