"""Migration: what a change of a design means for tables that are in production.

A table's primary key cannot be changed, nor its local indexes, nor the keys and projection of a global one: something
new is made beside the old, filled, and switched to. A global index can be added while the table serves, and fills
itself from items that have its attributes; items that lack them must be written first. Settings change in place, some
only so often. (AWS: API_UpdateTable, GSI.OnlineOps, LSI, howitworks-tableclasses, bp-switching-capacity-modes,
autoscaling quotas, Streams, TTL.)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench import capacity
from workbench.design import AccessPattern, Design, Entity
from workbench.entities import EntityItems
from workbench.identity import key_tag, key_types, origin
from workbench.items import Items, design_of, generate_items
from workbench.prices import load_prices
from workbench.results import Result, in_words
from workbench.ring import entry_sizes, is_in
from workbench.schema import Index, Table

if TYPE_CHECKING:
    import pandas as pd

Way = Literal["delete", "rebuild", "rewrite", "backfill", "in place", "code"]
WAYS: dict[Way, str] = {
    "delete": "stored items go, and nothing brings them back: back them up or export them first",
    "rebuild": "cannot be changed: a new one beside the old, copied to and switched over",
    "rewrite": "items must be written again",
    "backfill": "filled by DynamoDB while the table serves",
    "in place": "changed while the table serves",
    "code": "no change of tables: deployed with the application",
}


@dataclass(frozen=True)
class Change:
    """One change: of what, from what to what, how it gets into production, and what that takes."""

    where: str
    what: str
    way: Way
    how: str
    items: int = 0
    write_units: float = 0.0
    usd: float = 0.0


@dataclass(frozen=True, repr=False)
class Diff(Result):
    """What changes from one design to another, the hardest first."""

    old: str
    new: str
    changes: tuple[Change, ...] = field(repr=False)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def of(self, way: Way) -> tuple[Change, ...]:
        """The changes that get into production in one way."""
        return tuple(change for change in self.changes if change.way == way)

    def summary_line(self) -> str:
        names = self.old if self.old == self.new else f"{self.old} to {self.new}"
        counts = [f"{len(found)} {way}" for way in WAYS if (found := self.of(way))]
        return f"{names}: {', '.join(counts) if counts else 'nothing changes in production'}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per change: where, what, way, how; items, write units and US dollars that it takes once."""
        import pandas as pd

        columns = ["where", "what", "way", "how", "items", "write_units", "usd"]
        return pd.DataFrame([[getattr(change, name) for name in columns] for change in self.changes], columns=columns)

    def shown(self) -> "pd.DataFrame":
        """What people see: what an item, a write unit or a dollar is needed for, where anything needs one."""
        return in_words(self.to_frame()).replace({0: "", "0.00": ""}).loc[:, lambda frame: (frame != "").any()]


def diff(old: Design, new: Design) -> Diff:
    """What a change means in production: what is immutable, what must be filled or rewritten, what changes in place.

    Items, write units and their price on demand are those of the old design's counts, as far as it says them.
    (AWS: API_UpdateTable.)
    """
    old, new = design_of(old), design_of(new)
    found = list(_Changes(old, new).all())
    order = list(WAYS)
    return Diff(old.name, new.name, tuple(sorted(found, key=lambda change: order.index(change.way))))


class _Changes:
    """The changes between two designs."""

    def __init__(self, old: Design, new: Design):
        self.old, self.new = old, new
        self._items: Items | None = None

    def all(self) -> Iterator[Change]:
        for name in (name for name in self.old.tables if name not in self.new.tables):
            how = "its items go with it: export or back it up first; items whose entity moved are copied from it before"
            yield Change(f"table {name}", "removed", "delete", how, items=sum(map(len, self._stored(name))))
        for name, table in self.new.tables.items():
            if name not in self.old.tables:
                yield Change(f"table {name}", "added", "in place", "created empty; nothing else waits for it")
            else:
                yield from self._table(self.old.tables[name], table)
        for name, entity in self.old.entities.items():
            if name in self.new.entities:
                yield from self._entity(entity, self.new.entities[name])
            elif (home := self._home(self.old, entity)) in self.new.tables:
                how = "its items stay in the table, and are paid for and found by Scans, until each of them is deleted"
                yield Change(f"entity {name}", "removed", "delete", how, **self._effort(self._mine(entity, home)))
        yield from self._patterns()

    # What it takes

    @property
    def items(self) -> Items | None:
        """The items of the old design; None if they cannot be made."""
        if self._items is None:
            try:
                self._items = generate_items(self.old)
            except ValueError:
                return None
        return self._items

    def _effort(self, entities: list[EntityItems], index: Index | None = None) -> dict[str, Any]:
        """Items, write units and dollars of writing all of these, or their entries in an index."""
        count, units = 0, 0.0
        for entity in entities:
            there = is_in(entity, index)
            sizes: Any = entry_sizes(entity, index)[there]
            count += int(there.sum())
            units += float(np.sum(capacity.write_units(None, sizes))) if there.any() else 0.0
        return {"items": count, "write_units": units, "usd": load_prices().usd("write_requests", units)}

    def _stored(self, table: str) -> list[EntityItems]:
        return self.items.in_table(table) if self.items else []

    def _mine(self, entity: Entity, table: str) -> list[EntityItems]:
        return [stored for stored in self._stored(table) if stored.name == entity.name]

    def _renewed(self, entity: str) -> list[EntityItems]:
        """The items of an entity as the new design has them; none if they cannot be made."""
        try:
            return [generate_items(self.new).entities[entity]]
        except ValueError:
            return []

    # Tables and indexes

    def _table(self, old: Table, new: Table) -> Iterator[Change]:
        where = f"table {new.name}"
        before, after = key_types(self.old, old.name), key_types(self.new, new.name)
        typed = _typed(before, after, old.key_attributes)
        if old.key_attributes != new.key_attributes or typed:
            changed = f"primary key {_names(old.key_attributes)} to {_names(new.key_attributes)}"
            what = changed if old.key_attributes != new.key_attributes else f"type of key attribute {', '.join(typed)}"
            how = "a table with the new key; write to both, copy the old items, check, switch reads, drop the old table"
            yield Change(where, what, "rebuild", how, **self._effort(self._stored(old.name)))
        yield from self._local(old, new, where)
        for name in {**old.gsi, **new.gsi}:
            yield from self._global(old, new, name)
        yield from _settings(where, old, new)

    def _local(self, old: Table, new: Table, where: str) -> Iterator[Change]:
        if old.key_attributes != new.key_attributes:
            return  # all of them are new with the table
        for name in {**old.lsi, **new.lsi}:
            one, other = old.lsi.get(name), new.lsi.get(name)
            if one is None or other is None or _shape(one) != _shape(other):
                word = "added" if one is None else "removed" if other is None else "changed"
                how = "local indexes are made with their table and stay: a new table, or a global index instead"
                yield Change(
                    f"{where}, local index {name}", word, "rebuild", how, **self._effort(self._stored(old.name))
                )

    def _global(self, old: Table, new: Table, name: str) -> Iterator[Change]:
        where, one, other = f"index {name} of table {new.name}", old.gsi.get(name), new.gsi.get(name)
        if other is None:
            yield Change(where, "removed", "in place", "once no access pattern reads it; one index at a time")
        elif one is None:
            yield from self._added(where, old, other)
        elif _shape(one) != _shape(other):
            what = "; ".join(f"{n} {_names(a)} to {_names(b)}" for n, a, b in _differences(one, other))
            how = (
                "an index of another name with the new definition; when it is filled, switch reads and drop the old one"
            )
            yield Change(where, what, "rebuild", how, **self._effort(self._stored(old.name), other))
        elif typed := _typed(key_types(self.old, old.name), key_types(self.new, new.name), other.key_attributes):
            how = (
                "the index holds its keys to their type and refuses writes of another: write the value under a new "
                "attribute, add an index over it, fill it from the old items, switch reads and drop the old index"
            )
            what = f"type of key attribute {', '.join(typed)}"
            yield Change(where, what, "rebuild", how, **self._effort(self._stored(old.name), one))
        if one is not None and other is not None:
            yield from _settings(where, one, other)

    def _added(self, where: str, old: Table, index: Index) -> Iterator[Change]:
        how = "UpdateTable, one index at a time; entries of existing items are written at once, and hold back writes"
        yield Change(where, "added", "backfill", how, **self._effort(self._stored(old.name), index))
        for entity in self.old.entities_in(old.name):
            wanted = self.new.entities.get(entity.name)
            known = self.old.domains_of(entity.name)
            lacking = [a for a in index.key_attributes if a not in known]
            gains = wanted is not None and all(a in self.new.domains_of(entity.name) for a in index.key_attributes)
            if lacking and gains:
                how = (
                    f"set {', '.join(lacking)} on every item that is to be in the index, before or after adding it; "
                    "either way its entry is written too"
                )
                what, effort = f"gets {', '.join(lacking)}", self._effort(self._mine(entity, old.name))
                entries = self._effort(self._renewed(entity.name), index)
                effort |= {name: effort[name] + entries[name] for name in ("write_units", "usd")}
                yield Change(f"entity {entity.name}", what, "rewrite", how, **effort)

    # Entities and access patterns

    def _entity(self, old: Entity, new: Entity) -> Iterator[Change]:
        where, mine = f"entity {new.name}", self._mine(old, self._home(self.old, old))
        if self._home(self.old, old) != self._home(self.new, new):
            what = f"moves from table {self._home(self.old, old)} to {self._home(self.new, new)}"
            how = "write to both tables, copy, check, switch reads, delete from the old one"
            yield Change(where, what, "rewrite", how, **self._effort(mine))
            return
        table = self.new.tables[self._home(self.new, new)]
        before, after = self.old.domains_of(old.name), self.new.domains_of(new.name)
        both = [name for name in before if name in after]
        kinds = {name: (key_tag(self.old, old, name), key_tag(self.new, new, name)) for name in both}
        typed = [name for name, (was, now) in kinds.items() if was != now and None not in (was, now)]
        changed = [
            name
            for name in table.indexed_attributes
            if name in both and name not in typed and _form(self.old, old, name) != _form(self.new, new, name)
        ]
        if keys := [a for a in changed if a in table.key_attributes]:
            how = "a key cannot be updated: put each item under its new key and delete the old one, in one transaction"
            yield Change(where, f"key {', '.join(keys)} is made otherwise", "rewrite", how, **self._effort(mine))
        elif changed:
            how = "update each item; until then a Query of the index finds old and new forms"
            what = f"index key {', '.join(changed)} is made otherwise"
            yield Change(where, what, "rewrite", how, **self._effort(mine))
        yield from self._retyped(where, table, {a: kinds[a] for a in typed if a not in table.indexed_attributes}, mine)
        if gone := sorted(before.keys() - after.keys()):
            yield Change(where, f"without {', '.join(gone)}", "code", "stays in old items until they are written again")
        new_names = sorted(after.keys() - before.keys() - {a for i in table.indexes.values() for a in i.key_attributes})
        if new_names:
            yield Change(
                where, f"with {', '.join(new_names)}", "code", "old items lack it: read as if it may be absent"
            )

    def _retyped(
        self, where: str, table: Table, kinds: dict[str, tuple[Any, Any]], mine: list[EntityItems]
    ) -> Iterator[Change]:
        """Attributes of another type than the stored items have: one by which they expire, and others."""
        for name, (was, now) in kinds.items():
            what = f"{name} {was} to {now}"
            if name == table.ttl:
                how = "time to live reads numbers alone, and ignores an item whose value is no number: update each item"
                yield Change(where, f"time to live {what}", "rewrite", how, **self._effort(mine))
            else:
                yield Change(where, what, "code", "old items keep the old type until they are written again: read both")

    @staticmethod
    def _home(design: Design, entity: Entity) -> str:
        return design.table_of(entity.name).name

    def _patterns(self) -> Iterator[Change]:
        old, new = self.old.access_patterns, self.new.access_patterns
        for name in {**old, **new}:
            where = f"access pattern {name}"
            if name not in new:
                yield Change(where, "removed", "code", "then look for an index that nobody reads any more")
            elif name not in old:
                yield Change(where, "added", "code", "after the tables and indexes that it reads")
            elif changed := _changed(old[name], new[name]):
                yield Change(
                    where, f"{', '.join(changed)} changed", "code", "after the tables and indexes that it reads"
                )


def _shape(index: Index) -> tuple[Any, ...]:
    """What of an index cannot be changed."""
    projection = index.projection if isinstance(index.projection, str) else tuple(sorted(index.projection))
    return index.partition_key, index.sort_key, projection


def _differences(one: Index, other: Index) -> Iterator[tuple[str, Any, Any]]:
    for name, before, after in zip(
        ("partition key", "sort key", "projection"), _shape(one), _shape(other), strict=True
    ):
        if before != after:
            yield name, before, after


def _names(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "none"


def _typed(before: Mapping[str, str], after: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Which key attributes have another type, as `day S to N`."""
    return [f"{a} {before[a]} to {after[a]}" for a in names if a in before and a in after and before[a] != after[a]]


def _form(design: Design, entity: Entity, name: str, passed: frozenset[str] = frozenset()) -> Any:
    """What decides how a value is written: its text, and of each field in it the type and format, whatever its range.

    A field's name does not count, nor how many values it has.
    """
    domain = design.domains_of(entity.name).get(name)
    if domain is None or domain.is_field or name in passed:
        domain = design.fields.get(origin(design, name)) if name in design.fields else None
    if domain is None or name in passed:
        return name
    if domain.template:
        parts = domain.template.parts
        inner = passed | {name}
        forms = [p if isinstance(p, str) else (_form(design, entity, p.field, inner), p.spec) for p in parts]
        return forms[0][0] if len(forms) == 1 and not isinstance(forms[0], str) and not forms[0][1] else tuple(forms)
    if domain.type and domain.type.shard_of:
        return str(domain.type)  # which shard an item is in follows from how many there are
    word = domain.type.word if domain.type else "a choice" if domain.choice else ""
    return _ALIKE.get(word, word), domain.format, domain.value


_ALIKE = {"integer": "number"}


def _changed(old: AccessPattern, new: AccessPattern) -> list[str]:
    """What of a pattern the application must know of: not its load."""
    ignored = {"rate", "peak", "popularity", "description", "accept", "name", "expect", "role", "unserved"}
    return [key for key in type(new).model_fields if key not in ignored and getattr(old, key) != getattr(new, key)]


# Settings: what is said of each, and how it changes. The value of a setting is what `getattr` gives.
_IN_PLACE: dict[str, str] = {
    "capacity": "UpdateTable; to on demand at most four times in 24 hours, units lowered at most 27 times a day",
    "table_class": "UpdateTable, at most twice in 30 days; all indexes change with it",
    "pitr": "UpdateContinuousBackups; the history begins when it is switched on",
    "stream": "switch the stream off and on: it gets another ARN, and its readers begin anew",
    "ttl": "UpdateTimeToLive, one change an hour; switched off for the old attribute first",
    "replicas": "UpdateTable for each region; a new replica is filled first, at the price of a restore",
    "max_throughput": "UpdateTable",
    "warm_throughput": "UpdateTable; it costs once, and cannot be lowered",
}


def _settings(where: str, old: Table | Index, new: Table | Index) -> Iterator[Change]:
    for name, how in _IN_PLACE.items():
        before, after = getattr(old, name, None), getattr(new, name, None)
        if before != after:
            what = f"{name.replace('_', ' ')} {_setting(before)} to {_setting(after)}"
            yield Change(where, what, "in place", how)


_SETTINGS: list[tuple[Callable[[Any], bool], Callable[[Any], str]]] = [
    (lambda value: value is None or value == (), lambda value: "none"),
    (lambda value: isinstance(value, bool), lambda value: "on" if value else "off"),
    (lambda value: isinstance(value, tuple), lambda value: ", ".join(value)),
    (lambda value: isinstance(value, str), str),
    (lambda value: isinstance(value, float), lambda value: f"{value:g}"),
]


def _setting(value: Any) -> str:
    for fits, written in _SETTINGS:
        if fits(value):
            return written(value)
    return "{" + ", ".join(f"{name}: {_setting(part)}" for name, part in value if part is not None) + "}"
