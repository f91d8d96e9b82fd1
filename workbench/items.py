"""Sample items, generated from a design: the same for the same design, seed and clock, byte for byte.

An entity has one item for each combination of the identity fields in its primary key; everything else is drawn once
per item. Items stand as columns until somebody asks for dictionaries, so that a million of them take about a second
and their sizes are known to the byte without building one.

`now` is the clock in epoch seconds. Its default is fixed: no result depends on the day it is computed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import limits
from workbench.columns import (
    ABSENT,
    Chosen,
    Column,
    Ints,
    Lists,
    Maps,
    Mask,
    Pooled,
    Texts,
    Times,
    as_text,
    combine,
    constant,
    joined,
)
from workbench.design import Design, Entity, Table, key_template
from workbench.domains import Domain
from workbench.fields import (
    FieldValues,
    calculated_shard,
    distinct,
    drawn,
    field_values,
    pick,
    pick_choice,
    stream,
)
from workbench.results import Result
from workbench.rows import read_rows

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_SEED = 7
DEFAULT_NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
FILLER = "filler"


def generate_items(
    design: Design,
    seed: int = DEFAULT_SEED,
    now: int = DEFAULT_NOW,
    *,
    rows: "Mapping[str, pd.DataFrame] | None" = None,
) -> "Items":
    """The design's items: `seed` fixes every draw, `now` (epoch seconds) the clock; `rows` gives data by name.

    Raises DesignError or ValueError if an item would pass 400 KB or rows lack a column.
    """
    source = _Source(design, seed, now, dict(rows or {}))
    return Items(design, seed, now, {name: source.entity(name) for name in design.entities}, source)


@dataclass(frozen=True, repr=False)
class EntityItems:
    """The items of one entity: a column per attribute, and the field values that they were made from.

    `places[field]` says which value of an identity field each item has.
    """

    name: str
    table: Table
    count: int
    columns: dict[str, Column]
    places: dict[str, Ints]
    fields: dict[str, Column]

    def __len__(self) -> int:
        return self.count

    @cached_property
    def sizes(self) -> Ints:
        """Bytes of each item as DynamoDB counts them: names and values."""
        total = np.zeros(self.count, dtype=np.int64)
        for name, column in self.columns.items():
            here = 1 if column.present is None else column.present
            total += column.sizes + len(name.encode()) * here
        return total

    def take(self, index: Sequence[int] | Ints) -> list[dict[str, Any]]:
        """The items at `index` as dictionaries of Python values."""
        places = np.asarray(index, dtype=np.int64)
        names = list(self.columns)
        values = [self.columns[name].take(places) for name in names]
        return [{n: v for n, v in zip(names, row, strict=True) if v is not ABSENT} for row in zip(*values, strict=True)]

    def select(self, index: Ints) -> "EntityItems":
        """The items at `index`, as columns."""
        columns = {name: column.select(index) for name, column in self.columns.items()}
        fields = {name: column.select(index) for name, column in self.fields.items()}
        places = {name: place[index] for name, place in self.places.items()}
        return EntityItems(self.name, self.table, len(index), columns, places, fields)

    def key_codes(self, attributes: Sequence[str]) -> Ints:
        """A code for each item's values of key attributes, -1 where one is absent: then it is not in the index."""
        codes = [self.columns[a].codes if a in self.columns else np.full(self.count, -1) for a in attributes]
        there = np.logical_and.reduce([c >= 0 for c in codes]) if codes else np.ones(self.count, dtype=bool)
        return np.where(there, combine([np.maximum(c, 0) for c in codes], self.count), -1)

    def value_column(self, name: str) -> Column | None:
        """The column of an attribute or field, if the entity has one of that name."""
        return self.columns.get(name) or self.fields.get(name)


@dataclass(frozen=True, repr=False)
class Items(Result):
    """The items of a design, entity by entity; `len()` counts them all."""

    design: Design
    seed: int
    now: int
    entities: dict[str, EntityItems]
    source: "_Source" = field(repr=False, compare=False)

    def __len__(self) -> int:
        return sum(len(entity) for entity in self.entities.values())

    def summary_line(self) -> str:
        total = sum(int(entity.sizes.sum()) for entity in self.entities.values())
        return f"{self.design.name}: {len(self):,} items, {total / limits.MB:,.1f} MB, seed {self.seed}"

    def in_table(self, table: str) -> list[EntityItems]:
        """The items of a table, by entity."""
        return [entity for entity in self.entities.values() if entity.table.name == table]

    def new(self, entity: str, count: int, rng: np.random.Generator) -> EntityItems:
        """`count` items as an access pattern would create them: new keys, parents by write popularity."""
        return self.source.new(entity, self.entities[entity], count, rng)

    def to_frame(self) -> "pd.DataFrame":
        """One line per entity: items and bytes (mean, smallest, largest)."""
        import pandas as pd

        return pd.DataFrame(
            {
                "entity": e.name,
                "table": e.table.name,
                "items": len(e),
                "mean_bytes": float(e.sizes.mean()) if len(e) else 0.0,
                "smallest_bytes": int(e.sizes.min(initial=limits.ITEM_BYTES)),
                "largest_bytes": int(e.sizes.max(initial=0)),
            }
            for e in self.entities.values()
        )


class _Source:
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
        if name not in self.design.fields:
            return False
        origin = self.origin(name)
        return self.design.fields[origin].is_identity or any(d.per == origin for d in self.design.fields.values())

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

    def weights(self, name: str, side: str = "write") -> Any:
        """The share of requests that each value of an identity field gets, parents first."""
        origin = self.origin(name)
        values, domain, parent = self.values(origin), self.design.fields[origin], self.parent(origin)
        within = _rank_weights(domain, values.ranks, values.siblings, side)
        totals = np.bincount(values.parents, within, minlength=len(values.counts))
        within = within / np.maximum(totals, 1e-300)[values.parents]
        if parent is None:
            return within
        stated = any(is_stated(self.design.fields[a]) for a in self.ancestors(origin))
        return within * (self.weights(parent, side) if stated else values.counts)[values.parents]

    def ancestors(self, name: str) -> list[str]:
        """The parent, its parent, and so on."""
        parent = self.parent(name)
        return [parent, *self.ancestors(parent)] if parent else []

    def entity(self, name: str) -> EntityItems:
        part = self.design.entities[name]
        if part.rows:
            columns = self.rows(part.rows)
            count = len(next(iter(columns.values())))
            return _Builder(self, part, count, {}, columns).build()
        places, count = self._combinations(part)
        return _Builder(self, part, count, places).build()

    def new(self, name: str, existing: EntityItems, count: int, rng: np.random.Generator) -> EntityItems:
        part = self.design.entities[name]
        if part.rows:
            return existing.select(np.arange(count) % max(len(existing), 1))
        leaves = self.leaves(part)
        if len(leaves) != 1:
            places = {leaf: pick(self.weights(leaf), count, rng) for leaf in leaves}
            return _Builder(self, part, count, places, rng=rng, is_new=True).build()
        return self._with_new_leaf(part, leaves[0], count, rng)

    def _with_new_leaf(self, part: Entity, leaf: str, count: int, rng: np.random.Generator) -> EntityItems:
        parent, values, domain = self.parent(leaf), self.values(leaf), self.design.fields[self.origin(leaf)]
        owners = pick(self.weights(parent), count, rng) if parent else np.zeros(count, dtype=np.int64)
        if domain.choice is not None:  # a finite domain has no new value: the put meets one that exists
            places = {leaf: pick(self.weights(leaf), count, rng)}
            return _Builder(self, part, count, places, rng=rng, is_new=True).build()
        earlier = np.array([int((owners[:i] == owner).sum()) for i, owner in enumerate(owners)], dtype=np.int64)
        ranks = values.counts[owners] + earlier
        column = self._new_values(domain, leaf, ranks, values, rng)
        places = {parent: owners} if parent else {}
        return _Builder(self, part, count, places, {leaf: column}, rng=rng, is_new=True).build()

    def _new_values(
        self, domain: Domain, name: str, ranks: Ints, values: FieldValues, rng: np.random.Generator
    ) -> Column:
        if domain.type and domain.type.span:
            return _at_now(domain.type.word, self.now, len(ranks))
        if domain.type and domain.type.word == "number":
            return drawn(domain, len(ranks), rng, self.seed, self.now)
        widest = np.full(len(ranks), int(values.counts.max(initial=1)))
        return distinct(domain, ranks, np.maximum(widest, ranks + 1), rng, self.seed, name, self.now)

    def leaves(self, part: Entity) -> list[str]:
        """The identity fields in an entity's primary key, without those that another one determines."""
        used = [f for f in self.key_fields(part) if self.is_identity(f)]
        return [f for f in used if not any(f in self.ancestors(other) for other in used)]

    def key_fields(self, part: Entity) -> list[str]:
        """The fields that an entity's primary key is made of, through its own attributes too."""
        domains = self.design.domains_of(part.name)
        found: dict[str, None] = {}
        todo = [f for a in self.design.table_of(part.name).key_attributes for f in _made_of(domains, a)]
        while todo:
            name = todo.pop(0)
            if name not in found:
                found[name] = None
                todo += [] if name in self.design.fields else _made_of(domains, name)
        return [name for name in found if name in self.design.fields]

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


class _Builder:
    """Makes the columns of one entity's items; each name is drawn once, so that an item's values agree."""

    def __init__(
        self,
        source: _Source,
        part: Entity,
        count: int,
        places: dict[str, Ints],
        known: dict[str, Column] | None = None,
        *,
        rng: np.random.Generator | None = None,
        is_new: bool = False,
    ):
        self.source, self.part, self.count, self.is_new = source, part, count, is_new
        self.places, self.known, self.rng = dict(places), dict(known or {}), rng
        self.domains = source.design.domains_of(part.name)
        self.made: dict[str, Column] = {}
        for name in list(places):
            self._place_ancestors(name)

    def build(self) -> EntityItems:
        names = list(self.domains)
        if self.part.rows and self.part.attributes is None:
            names += [name for name in self.known if name not in names]
        columns = {name: self.attribute(name) for name in names}
        if self.part.size:
            columns[FILLER] = self._filler(columns)
        table = self.source.design.table_of(self.part.name)
        items = EntityItems(self.part.name, table, self.count, columns, self.places, self.made)
        self._check_sizes(items)
        return items

    def attribute(self, name: str) -> Column:
        """The column of an attribute: its own domain, or the field of the same name."""
        domain = self.domains.get(name)
        return self.field(name) if domain is None or domain.is_field else self._column(name, domain)

    def named(self, name: str) -> Column:
        """The column that a template or time refers to: a field, or another attribute of the entity."""
        own = self.domains.get(name)
        return self.attribute(name) if own is not None and not own.is_field else self.field(name)

    def field(self, name: str) -> Column:
        if name in self.known:
            return self.known[name]
        if name not in self.made:
            self.made[name] = self._field(name)
        return self.made[name]

    def _field(self, name: str) -> Column:
        domain = self.source.design.fields[name]
        if not self.source.is_identity(name):
            return self._new_or(domain, lambda: self._draw(name, domain))
        if name not in self.places:
            self._place(name)
        place = self.places[name]
        column = self.source.values(name).column.select(np.maximum(place, 0))
        return column.where(None if (place >= 0).all() else place >= 0)

    def _place(self, name: str) -> None:
        """Draw which value of an identity field each item has: a child of its parent's value, if that is known."""
        values, rng = self.source.values(name), self._stream(name)
        parent = self.source.parent(name)
        if parent and parent in self.places:
            owners = self.places[parent]
            counts = values.counts[owners]
            offsets = np.floor(rng.random(self.count) * counts).astype(np.int64)
            self.places[name] = np.where(counts > 0, values.starts[owners] + offsets, -1)
        else:
            self.places[name] = pick(self.source.weights(name), self.count, rng)
            self._place_ancestors(name)

    def _place_ancestors(self, name: str) -> None:
        parent = self.source.parent(name)
        if parent and parent not in self.places:
            self.places[parent] = self.source.values(name).parents[self.places[name]]
            self._place_ancestors(parent)

    def _stream(self, name: str) -> np.random.Generator:
        return self.rng or stream(self.source.seed, self.part.name, name)

    def _column(self, name: str, domain: Domain) -> Column:
        if name not in self.made:
            column = self._new_or(domain, lambda: self._draw(name, domain))
            self.made[name] = column.where(self._presence(name, domain))
        return self.made[name]

    def _new_or(self, domain: Domain, draw: "Callable[[], Column]") -> Column:
        """What a created item has: the `new` value, the present for a time that ends now, else a draw."""
        if not self.is_new:
            return draw()
        if domain.new is not None:
            return constant(domain.new, self.count)
        kind = domain.type
        if kind and kind.span and kind.span.ends_now:
            return _at_now(kind.word, self.source.now, self.count)
        return draw()

    def _draw(self, name: str, domain: Domain) -> Column:
        for kind, build in _KINDS:
            if kind(domain):
                return build(self, name, domain)
        return drawn(domain, self.count, self._stream(name), self.source.seed, self.source.now)

    def _role(self, name: str, domain: Domain) -> Column:
        """Another role of a private attribute: drawn anew from the same values."""
        assert domain.of is not None
        if domain.of in self.source.design.fields:
            origin = self.source.design.fields[self.source.origin(domain.of)]
        else:
            origin = self.domains[domain.of]
        return self._private_values(name, origin, domain.of)

    def _private(self, name: str, domain: Domain) -> Column:
        return self._private_values(name, domain, name)

    def _private_values(self, name: str, domain: Domain, origin: str) -> Column:
        values = field_values(domain, 1, self.source.seed, f"{self.part.name}.{origin}", self.source.now)
        weights = _rank_weights(domain, values.ranks, values.siblings, "write")
        return values.column.select(pick(weights, self.count, self._stream(name)))

    def _template(self, name: str, domain: Domain) -> Column:
        template = key_template(domain, name)
        assert template is not None
        if template.lone_field:
            return self.named(template.lone_field)
        parts = [p if isinstance(p, str) else as_text(self.named(p.field), p.spec) for p in template.parts]
        return joined(parts, self.count)

    def _choice(self, name: str, domain: Domain) -> Column:
        options = [Domain(value=value) for value in domain.choice or ()]
        columns = tuple(self._draw(name, option) for option in options)
        return Chosen(None, columns, pick_choice(domain, self.count, self._stream(name)))

    def _later(self, name: str, domain: Domain) -> Column:
        assert domain.type and domain.type.span and domain.type.span.base
        base = self.named(domain.type.span.base)
        assert isinstance(base, Times)
        return Times(base.present, base.instants + domain.type.span.earliest * 1000, domain.type.word)

    def _shard(self, name: str, domain: Domain) -> Column:
        assert domain.type and domain.type.shard_of
        return calculated_shard(self.named(domain.type.shard_of), domain.type.shards)

    def _map(self, name: str, domain: Domain) -> Column:
        members = {m: self._member(f"{name}.{m}", m, d) for m, d in (domain.map or {}).items()}
        return Maps(None, members, self.count)

    def _member(self, path: str, name: str, domain: Domain) -> Column:
        if domain.is_field:
            return self.named(name)
        return self._draw(path, domain).where(self._presence(path, domain))

    def _list(self, name: str, domain: Domain) -> Column:
        lengths = self._lengths(name, domain)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        return Lists(None, self._elements(name, domain.list, int(lengths.sum())), starts, lengths)

    def _elements(self, name: str, domain: Domain | None, count: int) -> Column:
        assert domain is not None
        inner = _Builder(self.source, self.part, count, {}, rng=self.rng, is_new=self.is_new)
        return inner._member(f"{name}[]", name, domain)

    def _lengths(self, name: str, domain: Domain) -> Ints:
        length = domain.length
        return (
            length.draw(self._stream(f"{name}.length"), self.count) if length else np.ones(self.count, dtype=np.int64)
        )

    def _set(self, name: str, domain: Domain) -> Column:
        assert domain.set is not None
        lengths = np.minimum(np.maximum(self._lengths(name, domain), 1), min(domain.set.cardinality, 1 << 40))
        values = self._elements(name, domain.set, int(lengths.sum()) * 2)
        flat = iter(values.take(np.arange(len(values))))
        sets = [_fill(set(), flat, int(length), values, self._stream(name)) for length in lengths.tolist()]
        return Pooled(None, sets, np.arange(self.count))

    def _presence(self, name: str, domain: Domain) -> Mask | None:
        if domain.present is None:
            return None
        if isinstance(domain.present, float):
            return self._stream(f"{name}.present").random(self.count) < domain.present
        masks = [self._equals(other, value) for other, value in domain.present.items()]
        return np.logical_and.reduce(masks)

    def _equals(self, name: str, wanted: Any) -> Mask:
        return equals(self.named(name), wanted)

    def _filler(self, columns: dict[str, Column]) -> Column:
        """Text that brings an item up to its stated size, absent where it is there already."""
        assert self.part.size is not None
        table = self.source.design.table_of(self.part.name)
        bare = EntityItems(self.part.name, table, self.count, columns, {}, {}).sizes
        target = np.minimum(self.part.size.draw(self._stream("size"), self.count), limits.ITEM_BYTES)
        lengths = target - bare - len(FILLER)
        starts = np.zeros(self.count, dtype=np.int64)
        return Texts(None, np.maximum(lengths, 0), starts).where(None if (lengths >= 0).all() else lengths >= 0)

    def _check_sizes(self, items: EntityItems) -> None:
        largest = int(items.sizes.max(initial=0))
        if largest > limits.ITEM_BYTES:
            raise ValueError(
                f"entity {self.part.name}: an item of {largest:,} bytes; DynamoDB's limit is {limits.ITEM_BYTES:,} "
                "(400 KB): lower the size of its texts, lists or maps, or keep the large part elsewhere"
            )


def equals(column: Column, wanted: Any) -> Mask:
    """Which items have `wanted`, a value or one of a list of values."""
    options = wanted if isinstance(wanted, list | tuple) else [wanted]
    _, first, inverse = np.unique(column.codes, return_index=True, return_inverse=True)
    hits = np.array([v in options or str(v) in options for v in column.take(first)], dtype=bool)
    return hits[inverse.reshape(len(column))]


def _fill(found: set[Any], values: Any, length: int, column: Column, rng: np.random.Generator) -> set[Any]:
    """`length` distinct values from a stream of drawn ones."""
    for value in values:
        found.add(value)
        if len(found) >= length:
            return found
    while len(found) < length:
        found.update(column.take(rng.integers(0, len(column), length)))
    return found


_KINDS: list[tuple[Callable[[Domain], Any], Callable[[_Builder, str, Domain], Column]]] = [
    (lambda d: d.of is not None, _Builder._role),
    (lambda d: d.is_identity, _Builder._private),
    (lambda d: d.map is not None, _Builder._map),
    (lambda d: d.list is not None, _Builder._list),
    (lambda d: d.set is not None, _Builder._set),
    (lambda d: d.type and d.type.span and d.type.span.base, _Builder._later),
    (lambda d: d.type and d.type.shard_of, _Builder._shard),
    (lambda d: d.choice and any(isinstance(v, str) and "{" in v for v in d.choice), _Builder._choice),
    (lambda d: d.template and d.template.fields, _Builder._template),
]


def _made_of(domains: Mapping[str, Domain], name: str) -> list[str]:
    domain = domains.get(name)
    if domain is None or domain.is_field:
        return [name]
    return list(domain.references())


def is_stated(domain: Domain) -> bool:
    """Whether the design says how requests spread over a field's values."""
    return domain.popularity is not None or any(share is not None for share in (domain.choice or {}).values())


def _rank_weights(domain: Domain, ranks: Ints, siblings: Ints, side: str) -> Any:
    if domain.popularity is not None:
        return getattr(domain.popularity, side).weights(ranks, siblings)
    shares = list((domain.choice or {}).values())
    if shares and shares[0] is not None:
        return np.array(shares, dtype=float)[ranks]
    return np.ones(len(ranks))


def _at_now(word: str, now: int, count: int) -> Times:
    return Times(None, np.full(count, now * 1000, dtype=np.int64), word)
