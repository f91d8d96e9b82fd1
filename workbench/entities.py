"""The items of one entity, made column by column.

Each name is drawn once, so that the values of an item agree: a template, an attribute and a condition that name the
same field see the same value. What an access pattern creates differs in two ways: its keys are new, and its times
that end in `now` are now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import limits
from workbench.columns import ABSENT, Chosen, Column, Ints, Lists, Maps, Mask, Pooled, as_text, combine, joined
from workbench.design import Entity, key_template
from workbench.distributions import Popularity
from workbench.domains import Domain
from workbench.fields import calculated_shard, drawn, field_values, pick, pick_choice, stream
from workbench.schema import Table
from workbench.text_columns import Texts, Times

if TYPE_CHECKING:
    from workbench.origins import Source

FILLER = "filler"
_KEY_BYTES = (limits.PARTITION_KEY_BYTES, limits.SORT_KEY_BYTES)
_ROUNDS = 20  # of drawing the members of sets


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
        names = {name: len(name.encode()) for name in self.columns}
        everywhere = sum(names[name] for name, column in self.columns.items() if column.present is None)
        total = np.full(self.count, everywhere, dtype=np.int64)
        for name, column in self.columns.items():
            total += column.sizes
            if column.present is not None:
                total += names[name] * column.present
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


class Builder:
    """Makes the columns of one entity's items; each name is drawn once, so that an item's values agree."""

    def __init__(
        self,
        source: "Source",
        part: Entity,
        count: int,
        places: dict[str, Ints],
        known: dict[str, Column] | None = None,
        *,
        rng: np.random.Generator | None = None,
        is_new: bool = False,
        outer: Callable[[str], Column] | None = None,
        popularity: Mapping[str, Popularity] | None = None,
    ):
        self.source, self.part, self.count, self.is_new, self.outer = source, part, count, is_new, outer
        self.places, self.known, self.rng = dict(places), dict(known or {}), rng
        self.popularity = popularity  # of one access pattern, in place of the fields' own
        self.domains = source.design.domains_of(part.name)
        self.made: dict[str, Column] = {}
        self.sparse: dict[str, Column] = {}
        for name in list(places):
            self._place_ancestors(name)

    def build(self) -> EntityItems:
        names = list(self.domains)
        if self.part.rows:
            keys = self.source.design.table_of(self.part.name).indexed_attributes
            wanted = self.known if self.part.attributes is None else [name for name in keys if name in self.known]
            names += [name for name in wanted if name not in names]
        columns = {name: self.attribute(name) for name in names}
        if self.part.size:
            columns[FILLER] = self._filler(columns)
        table = self.source.design.table_of(self.part.name)
        items = EntityItems(self.part.name, table, self.count, columns, self.places, {**self.made, **self.known})
        self._check_sizes(items)
        return items

    def alone(self, domain: Domain) -> Column:
        """A column of a domain that is no attribute's."""
        return self._draw("", domain)

    def attribute(self, name: str) -> Column:
        """The column of an attribute: its own domain, or the field of the same name."""
        domain = self.domains.get(name)
        if domain is None or domain.is_field:
            return self._own_field(name, domain)
        return self._column(name, domain)

    def _own_field(self, name: str, domain: Domain | None) -> Column:
        """The field of an attribute's name, absent where the attribute is."""
        if domain is None or domain.present is None:
            return self.field(name)
        if name not in self.sparse:
            self.sparse[name] = self.field(name).where(self._presence(name, domain))
        return self.sparse[name]

    def named(self, name: str) -> Column:
        """The column that a template or time refers to: a field, or another attribute of the entity.

        In a list, what is named is the item's, the same in every element.
        """
        if self.outer is not None:
            return self.outer(name)
        own = self.domains.get(name)
        return self.attribute(name) if own is not None and not own.is_field else self.field(name)

    def field(self, name: str) -> Column:
        if name in self.known:
            return self.known[name]
        if name not in self.made:
            self.made[name] = self._field(name)
        return self.made[name]

    def _field(self, name: str) -> Column:
        if name not in self.source.design.fields:
            columns = ", ".join(self.known) or "none"
            raise ValueError(f"entity {self.part.name}: {name} is neither a field nor a column of its rows ({columns})")
        domain = self.source.design.fields[name]
        if not self.source.is_identity(name):
            column = self._new_or(name, domain)
        else:
            if name not in self.places:
                self._place(name)
            place = self.places[name]
            column = self.source.values(name).column.select(np.maximum(place, 0))
            column = column.where(None if (place >= 0).all() else place >= 0)
        return column.where(self._presence(name, domain))

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
            self.places[name] = pick(self.source.weights(name, popularity=self.popularity), self.count, rng)
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
            self.made[name] = self._new_or(name, domain).where(self._presence(name, domain))
        return self.made[name]

    def _new_or(self, name: str, domain: Domain) -> Column:
        """What a created item has: the `new` value, the present for a time that ends now, else a draw."""
        if not self.is_new:
            return self._draw(name, domain)
        if domain.new is not None:
            return self._draw(name, Domain(value=domain.new))
        kind = domain.type
        if kind and kind.span and kind.span.ends_now and not domain.format:
            return at_now(kind.word, self.source.now, self.count)
        return self._draw(name, domain)

    def _draw(self, name: str, domain: Domain) -> Column:
        for kind, build in _KINDS:
            if kind(domain):
                return build(self, name, domain)
        return drawn(domain, self.count, self._stream(name), self.source.seed, self.source.now)

    def _role(self, name: str, domain: Domain) -> Column:
        """Another role: drawn anew from the same values."""
        assert domain.of is not None
        if domain.of in self.domains and not self.domains[domain.of].is_field:
            origin = self.domains[domain.of]
            if origin.is_identity:
                return self._private_values(name, origin, domain, f"{self.part.name}.{domain.of}")
            return self._draw(name, origin)
        if not self.source.is_identity(domain.of):
            return self._draw(name, self.source.design.fields[self.source.origin(domain.of)])
        weights = self.source.weights(domain.of, role=domain)
        return self.source.values(domain.of).column.select(pick(weights, self.count, self._stream(name)))

    def _private(self, name: str, domain: Domain) -> Column:
        return self._private_values(name, domain, domain, f"{self.part.name}.{name}")

    def _private_values(self, name: str, origin: Domain, role: Domain, stream_name: str) -> Column:
        values = field_values(origin, 1, self.source.seed, stream_name, self.source.now)
        stated = role if role.popularity is not None else origin
        weights = rank_weights(stated, values.ranks, values.siblings, "write")
        return values.column.select(pick(weights, self.count, self._stream(name)))

    def _template(self, name: str, domain: Domain) -> Column:
        template = key_template(domain, name)
        assert template is not None
        if template.lone_field:
            return self.named(template.lone_field)
        try:
            parts = [p if isinstance(p, str) else as_text(self.named(p.field), p.spec) for p in template.parts]
        except ValueError as error:  # a width for numbers, and text in the rows
            raise ValueError(f"entity {self.part.name}: {name}: {template.text!r}: {error}") from None
        return joined(parts, self.count)

    def _choice(self, name: str, domain: Domain) -> Column:
        options = [Domain(value=value) for value in domain.choice or ()]
        columns = tuple(self._draw(name, option) for option in options)
        return Chosen(None, columns, pick_choice(domain, self.count, self._stream(name)))

    def _later(self, name: str, domain: Domain) -> Column:
        assert domain.type and domain.type.span and domain.type.span.base
        base = self.named(domain.type.span.base)
        if not isinstance(base, Times):
            raise ValueError(
                f"entity {self.part.name}: {name} is counted from {domain.type.span.base}, which is no time"
            )
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
        owners = np.repeat(np.arange(self.count), lengths)
        return Lists(None, self._elements(name, domain.list, owners), starts, lengths)

    def _elements(
        self, name: str, domain: Domain | None, owners: Ints, rng: np.random.Generator | None = None
    ) -> Column:
        """The elements of lists or sets: one for each of `owners`, the items that they are in."""
        assert domain is not None

        def of_the_item(other: str) -> Column:
            return self.named(other).select(owners)

        inner = Builder(self.source, self.part, len(owners), {}, rng=rng or self.rng, outer=of_the_item)
        return inner._member(f"{name}[]", name, domain)

    def _lengths(self, name: str, domain: Domain) -> Ints:
        length = domain.length
        return (
            length.draw(self._stream(f"{name}.length"), self.count) if length else np.ones(self.count, dtype=np.int64)
        )

    def _set(self, name: str, domain: Domain) -> Column:
        """Sets of distinct values; as many as the length says, or as the domain gives in a few rounds of drawing."""
        assert domain.set is not None
        lengths = np.minimum(self._lengths(name, domain), int(min(domain.set.cardinality, 1 << 40)))
        found: list[dict[Any, None]] = [{} for _ in range(self.count)]
        rng = self._stream(f"{name}[]")
        for _ in range(_ROUNDS):
            short = lengths - np.array([len(members) for members in found], dtype=np.int64)
            if not short.any():
                break
            owners = np.repeat(np.arange(self.count), np.where(short > 0, 2 * short + 4, 0))
            values = self._elements(name, domain.set, owners, rng).take(np.arange(len(owners)))
            for owner, value in zip(owners.tolist(), values, strict=True):
                if len(found[owner]) < lengths[owner]:
                    found[owner][value] = None
        # DynamoDB has no empty sets: an item whose set would be one lacks the attribute.
        there = np.array([bool(members) for members in found], dtype=bool)
        sets = [set(members) or {""} for members in found]
        return Pooled(None, sets, np.arange(self.count)).where(None if there.all() else there)

    def _presence(self, name: str, domain: Domain) -> Mask | None:
        if domain.present is None or domain.present == {}:
            return None
        if not isinstance(domain.present, dict):
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
        for name, most in zip(items.table.key_attributes, _KEY_BYTES, strict=False):
            longest = int(items.columns[name].sizes.max(initial=0)) if name in items.columns else 0
            if longest > most:
                raise ValueError(
                    f"entity {self.part.name}: key attribute {name} has {longest:,} bytes; at most {most:,}"
                )


def equals(column: Column, wanted: Any) -> Mask:
    """Which items have `wanted`, a value or one of a list of values."""
    options = wanted if isinstance(wanted, list | tuple) else [wanted]
    _, first, inverse = np.unique(column.codes, return_index=True, return_inverse=True)
    hits = np.array([v in options or str(v) in options for v in column.take(first)], dtype=bool)
    return hits[inverse.reshape(len(column))]


_KINDS: list[tuple[Callable[[Domain], Any], Callable[[Builder, str, Domain], Column]]] = [
    (lambda d: d.of is not None, Builder._role),
    (lambda d: d.is_identity, Builder._private),
    (lambda d: d.map is not None, Builder._map),
    (lambda d: d.list is not None, Builder._list),
    (lambda d: d.set is not None, Builder._set),
    (lambda d: d.type and d.type.span and d.type.span.base, Builder._later),
    (lambda d: d.type and d.type.shard_of, Builder._shard),
    (lambda d: d.choice and any(isinstance(v, str) and "{" in v for v in d.choice), Builder._choice),
    (lambda d: d.template and d.template.fields, Builder._template),
]


def is_stated(domain: Domain) -> bool:
    """Whether the design says how requests spread over a field's values."""
    return domain.popularity is not None or any(share is not None for share in (domain.choice or {}).values())


def rank_weights(domain: Domain, ranks: Ints, siblings: Ints, side: str) -> Any:
    """The weight of each value of a field from its rank among its siblings; `side` is read or write."""
    if domain.popularity is not None:
        return getattr(domain.popularity, side).weights(ranks, siblings)
    shares = list((domain.choice or {}).values())
    if shares and shares[0] is not None:
        return np.array(shares, dtype=float)[ranks]
    return np.ones(len(ranks))


def at_now(word: str, now: int, count: int) -> Times:
    """The present time, as `word` writes it."""
    return Times(None, np.full(count, now * 1000, dtype=np.int64), word)
