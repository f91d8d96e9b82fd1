"""Focus: what the knobs of an explorer act upon, derived from one access pattern.

An access pattern asks for items of one entity, which stand in one table under one partition key attribute. That
attribute's template is made of fields: whose popularity decides which key is hot, and whose count how many keys there
are. Write sharding adds a suffix to the template, and makes each Query of the collection ask all shards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from workbench.design import AccessPattern, Design, Entity, key_template
from workbench.identity import is_identity, key_fields
from workbench.keys import parse_template

SINGLE = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")
MOST_ITEMS = 400_000  # that an explorer makes: what still answers while a slider is dragged
SHARD = "shard"


@dataclass(frozen=True)
class Focus:
    """The access pattern that the knobs act upon, and what follows from it; `items` is how many its entity has."""

    design: Design = field(repr=False)
    pattern: str
    items: int = 0

    @cached_property
    def _pattern(self) -> AccessPattern:
        return self.design.access_patterns[self.pattern]

    @cached_property
    def _entity(self) -> Entity:
        return self.design.addressed(self._pattern)[0]

    @property
    def entity(self) -> str:
        """Whose items it asks for."""
        return self._entity.name

    @property
    def table(self) -> str:
        """The table that they are in."""
        return self.design.table_of(self.entity).name

    @cached_property
    def index(self) -> str | None:
        """The global index that it reads; None for the table, on whose partitions local indexes stand too."""
        return self._pattern.index if self._pattern.index in self.design.tables[self.table].gsi else None

    @cached_property
    def attribute(self) -> str:
        """The partition key attribute that it asks by, the first of several."""
        return self.design.tables[self.table].keys(self.index)[0][0]

    @cached_property
    def template(self) -> str:
        """The template of the partition key, as the design file writes it."""
        domain = self.design.domains_of(self.entity).get(self.attribute)
        found = key_template(domain, self.attribute) if domain else None
        return str(domain.value) if domain and domain.value is not None else found.text if found else ""

    @cached_property
    def _fields(self) -> tuple[str, ...]:
        """The fields of the partition key; of rows, the columns."""
        made_of = key_fields(self.design, self._entity, [self.attribute])
        return tuple(made_of or (parse_template(self.template).fields if self.template else ()))

    @cached_property
    def popular(self) -> str:
        """Whose popularity the skew is: what the pattern states it of, else the field, or the key of rows."""
        stated = [name for name in self._pattern.popularity if name in (self.attribute, *self._fields)]
        own = [name for name in self._fields if name in self.design.fields]
        return next(iter(stated or own), self.attribute)

    @cached_property
    def counted(self) -> str:
        """The field whose count is how many keys there are; "" if none has one."""
        fields = self.design.fields
        return next((n for n in self._fields if n in fields and fields[n].count is not None), "")

    @cached_property
    def values(self) -> float:
        """How many values that field has now, for each value of its parent."""
        count = self.design.fields[self.counted].count if self.counted else None
        return count.mean if count is not None and count != "all" else 0.0

    @property
    def most_values(self) -> int:
        """The most values that the field can be given."""
        return max(int(self.values), int(MOST_ITEMS * self.values / max(self.items, 1)))

    @property
    def why_most(self) -> str:
        """Why not more of them."""
        return f"items are made for all of them, {MOST_ITEMS:,} at most while a slider is dragged"

    @cached_property
    def shard(self) -> str:
        """A name for the field of the shards."""
        taken = {*self.design.fields, *(self._entity.attributes or {}), *self._fields}
        return next(name for name in (SHARD, *(f"{SHARD}{n}" for n in range(2, 99))) if name not in taken)

    @cached_property
    def sharded_by(self) -> str:
        """The field that a shard is calculated from, one of the sort key alone; "" for items that come from rows."""
        sort = self.design.tables[self.table].sort_key
        if self._entity.rows or not sort:
            return ""
        own = [n for n in key_fields(self.design, self._entity, [sort]) if n not in self._fields]
        return next((n for n in reversed(own) if is_identity(self.design, n)), "")

    def sharded_patterns(self, skewed: bool) -> dict[str, dict[str, Any]]:
        """What shards change in access patterns: Queries ask each, and what is popular is said of fields."""
        found: dict[str, dict[str, Any]] = {}
        for pattern in self.design.served_patterns():
            if self.entity not in [e.name for e in self.design.addressed(pattern)]:
                continue
            change: dict[str, Any] = {}
            if pattern.operation == "Query" and pattern.index not in self.design.tables[self.table].gsi:
                change["for_each"] = self.shard
            if self.attribute in pattern.popularity and not (skewed and pattern.name == self.pattern):
                stated = str(pattern.popularity[self.attribute])
                change["popularity"] = {self.attribute: None, **dict.fromkeys(self._fields, stated)}
            if change:
                found[pattern.name] = change
        return found

    @cached_property
    def popularity(self) -> str:
        """Who gets the requests, as the design file writes it; "shares" of a choice, "" where nothing is stated."""
        name, side = self.popular, "read" if self._pattern.is_read else "write"
        if name in self._pattern.popularity:
            return str(self._pattern.popularity[name])
        domain = self.design.fields.get(name)
        if domain is None or domain.popularity is None:
            return "shares" if domain is not None and any((domain.choice or {}).values()) else ""
        return str(getattr(domain.popularity, side))

    @cached_property
    def acts(self) -> Mapping[str, str]:
        """By knob, what it acts upon."""
        pattern, peak = self._pattern, ""
        if pattern.peak and pattern.rate:
            peak = f", and its peak, {pattern.peak / pattern.rate:,.3g} times that"
        per = f" per {self.design.fields[self.counted].per}" if self.counted and self._parent else ""
        return {
            "skew": f"popularity of {self.popular} in {self.pattern}",
            "rate": f"rate of {self.pattern}{peak}",
            "cardinality": f"count of {self.counted}{per}",
            "size": f"size of {self.entity}, at least what its attributes take",
            "shards": f"partition key {self.attribute} of {self.entity}",
            "capacity": f"capacity of table {self.table}",
            "consistency": f"reads of {self.pattern}",
        }

    @property
    def _parent(self) -> str | None:
        return self.design.fields[self.counted].per

    # What there is nothing to act upon for

    @cached_property
    def idle(self) -> Mapping[str, str]:
        """By knob, why it has nothing to act upon."""
        found = {
            "skew": self._no_skew,
            "cardinality": self._no_count,
            "size": f"the items of {self.entity} come from data, and have its sizes" if self._entity.rows else "",
            "shards": self._no_shards,
            "consistency": self._no_consistency,
        }
        return {name: why for name, why in found.items() if why}

    @property
    def _no_skew(self) -> str:
        constant = not self._fields and self._entity.rows is None and not self._pattern.popularity
        return f"the partition key {self.attribute} of {self.entity} is the same for all items" if constant else ""

    @property
    def _no_count(self) -> str:
        if self.counted:
            return ""
        if self._entity.rows:
            return f"the items of {self.entity} come from data, which has the keys that it has"
        return f"no field in the partition key {self.attribute} of {self.entity} has a count"

    @property
    def _no_shards(self) -> str:
        table = self.design.tables[self.table]
        if self.index:
            return f"{self.pattern} reads index {self.index}; shards are of the table's partition key"
        if self.attribute in self.design.fields:
            name = self.attribute
            made = f"{name.upper()}#{{{name}}}"
            return f"the partition key is field {name} itself; shards need a key that is made of it, as {made}"
        if not table.sort_key:
            return f"each item of {self.table} has a partition key of its own, which shards cannot divide"
        if not (self._entity.rows or self.sharded_by):
            return f"no field of the sort key tells items of {self.entity} under one key apart"
        return next(filter(None, map(self._unsharded, self.design.served_patterns())), "")

    def _unsharded(self, pattern: AccessPattern) -> str:
        """Why a pattern keeps the entity from being sharded."""
        addressed = [e.name for e in self.design.addressed(pattern)]
        if self.entity not in addressed or pattern.operation == "Scan":
            return ""
        if len(addressed) > 1:
            return f"{pattern.name} addresses several entities, and {self.entity} alone would be sharded"
        if self.attribute in pattern.values:
            return f"{pattern.name} makes the partition key itself, in its values"
        several = self.attribute in pattern.popularity and len(self._fields) > 1
        if several and str(pattern.popularity[self.attribute]) not in ("latest", "uniform"):
            return f"the popularity of {pattern.name} is of the whole key {self.attribute}"
        return ""

    @property
    def _no_consistency(self) -> str:
        if not self._pattern.is_read:
            return f"{self.pattern} writes, and every write is consistent"
        return f"reads of the global index {self.index} are always eventually consistent" if self.index else ""


def choosable(design: Design) -> list[str]:
    """The access patterns that knobs can act upon: those with a rate that ask for items of one entity."""
    return [
        pattern.name
        for pattern in design.served_patterns()
        if pattern.rate and pattern.operation in SINGLE and not pattern.actions and len(design.addressed(pattern)) == 1
    ]
