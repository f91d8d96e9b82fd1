"""The design: tables, fields, entities and access patterns, as one immutable description.

A design is the only input of the workbench. Its tables say how items are keyed; its entities say which items there
are and how their keys are made of fields; its access patterns say who asks for what, how often. Write the access
patterns first: in DynamoDB a table's keys follow from them, not the other way round (AWS: bp-general-nosql-design).

The language of design files is described in docs/design-file.md; `load_design` reads one.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator

from workbench.distributions import Amount
from workbench.domains import Count, Domain, Part, PopularityText, Share, Size, parse_share
from workbench.keys import KeyTemplate

Operation = Literal[
    "GetItem",
    "BatchGetItem",
    "Query",
    "Scan",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactGetItems",
    "TransactWriteItems",
]
READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")
MULTIPLE = ("BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems")
PER = {"s": 1, "min": 60, "h": 3600, "day": 86_400}


def parse_rate(value: object) -> float:
    """Requests per second from `20/s`, `1_500/s`, `3/min`, `2/h` or `500/day`.

    >>> parse_rate("3/min")
    0.05
    """
    text = str(value).strip()
    found = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*/\s*(s|min|h|day)", text)
    if not found:
        fix = f"; write {text}/s" if re.fullmatch(r"[0-9_.]+", text) else ""
        raise ValueError(f"{text!r} is not a rate: a number above 0 per s, min, h or day, as 20/s{fix}")
    rate = float(found[1].replace("_", "")) / PER[found[2]]
    if rate <= 0:
        raise ValueError(f"{text!r}: a rate must be above 0; leave it out if the pattern is no part of a load")
    return rate


def parse_bounds(value: object) -> tuple[float, float]:
    """Lowest and highest allowed number from `3`, `1..20`, `1..` or `..5`.

    >>> parse_bounds("1.."), parse_bounds("..5"), parse_bounds(3)
    ((1.0, inf), (0.0, 5.0), (3.0, 3.0))
    """
    number = r"[0-9][0-9_]*(?:\.[0-9]+)?"
    found = re.fullmatch(rf"({number})?\s*(\.\.)?\s*({number})?", str(value).strip())
    if (
        isinstance(value, bool)
        or not found
        or not (found[1] or found[3])
        or bool(found[1] and found[3]) > bool(found[2])
    ):
        raise ValueError(f"{value!r} is not a range: write 3, 1..20, 1.. or ..5")
    low = float(found[1].replace("_", "")) if found[1] else 0.0
    high = float(found[3].replace("_", "")) if found[3] else (float("inf") if found[2] else low)
    return low, high


def _names(value: object) -> object:
    """One name or several, as a tuple."""
    return (value,) if isinstance(value, str) else value


def _number(value: object) -> object:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value).replace("_", "")


_RATE_SCHEMA = {"type": "string", "pattern": r"^[0-9][0-9_.]*\s*/\s*(s|min|h|day)$"}
Rate = Annotated[
    float, BeforeValidator(lambda v: v if isinstance(v, float) else parse_rate(v)), WithJsonSchema(_RATE_SCHEMA)
]
Bounds = Annotated[
    tuple[float, float],
    BeforeValidator(lambda v: v if isinstance(v, tuple) else parse_bounds(v)),
    WithJsonSchema({"type": ["string", "integer"], "description": "3, 1..20, 1.. or ..5"}),
]
_NAMES_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Names = Annotated[tuple[str, ...], BeforeValidator(_names), WithJsonSchema(_NAMES_SCHEMA)]
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema({"type": ["number", "string"]})]
Projection = Annotated[
    Literal["ALL", "KEYS_ONLY"] | tuple[str, ...],
    WithJsonSchema({"anyOf": [{"enum": ["ALL", "KEYS_ONLY"]}, {"type": "array", "items": {"type": "string"}}]}),
]
Accept = dict[str, str]


class AutoScaling(Part):
    """Provisioned units that follow the load between `min` and `max` at a target utilisation."""

    min: Number
    max: Number
    target: Share = 0.7


class Provisioned(Part):
    """Provisioned units per second for reads and writes."""

    read: Number | AutoScaling
    write: Number | AutoScaling


class Throughput(Part):
    """Units per second for reads and writes; unset means no setting."""

    read: Number | None = None
    write: Number | None = None


Capacity = Annotated[
    Literal["on-demand"] | Provisioned, WithJsonSchema({"anyOf": [{"const": "on-demand"}, {"type": "object"}]})
]


class Index(Part):
    """A secondary index: its own keys over the same items. `kind` is gsi or lsi.

    A global secondary index has its own partitions and capacity and may be keyed by up to 4 + 4 attributes; a local
    one shares the table's partition key and partitions. An item without all of the key attributes is not in it.
    """

    name: str = Field("", exclude=True)
    kind: Literal["gsi", "lsi"] = Field("gsi", exclude=True)
    partition_key: Names = ()
    sort_key: Names = ()
    projection: Projection = "ALL"
    capacity: Capacity | None = None
    max_throughput: Throughput | None = None
    warm_throughput: Throughput | None = None
    accept: Accept = {}

    @property
    def key_attributes(self) -> tuple[str, ...]:
        """Partition key attributes, then sort key attributes."""
        return self.partition_key + self.sort_key


class Table(Part):
    """A table: its primary key, its indexes and its settings."""

    name: str = Field("", exclude=True)
    partition_key: str
    sort_key: str | None = None
    key_types: dict[str, Literal["S", "N", "B"]] = {}
    gsi: dict[str, Index] = {}
    lsi: dict[str, Index] = {}
    ttl: str | None = None
    capacity: Capacity = "on-demand"
    max_throughput: Throughput | None = None
    warm_throughput: Throughput | None = None
    table_class: Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"] = "STANDARD"
    pitr: bool = False
    stream: Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] | None = None
    replicas: tuple[str, ...] = ()
    accept: Accept = {}

    @model_validator(mode="before")
    @classmethod
    def _name_indexes(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {**value, **{k: _named(value[k], kind=k) for k in ("gsi", "lsi") if isinstance(value.get(k), Mapping)}}

    @property
    def key_attributes(self) -> tuple[str, ...]:
        """The primary key: partition key, then sort key if there is one."""
        return (self.partition_key, self.sort_key) if self.sort_key else (self.partition_key,)

    @cached_property
    def indexes(self) -> dict[str, Index]:
        """All secondary indexes by name; a local one has the table's partition key."""
        local = {n: i.model_copy(update={"partition_key": (self.partition_key,)}) for n, i in self.lsi.items()}
        return {**self.gsi, **local}

    def keys(self, index: str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Partition and sort key attributes of the table, or of one of its indexes."""
        if index is None:
            return (self.partition_key,), self.key_attributes[1:]
        return self.indexes[index].partition_key, self.indexes[index].sort_key

    @property
    def indexed_attributes(self) -> tuple[str, ...]:
        """Every attribute that is part of the primary key or of an index key, once each."""
        keys = [*self.key_attributes, *(a for index in self.indexes.values() for a in index.key_attributes)]
        return tuple(dict.fromkeys(keys))


class Rows(Part):
    """Items that come from data instead of being generated: a CSV, Parquet, JSON Lines or DynamoDB JSON file."""

    source: str | None = Field(None, alias="from", description="a path, package:<dist>/<file>, or absent: a DataFrame")
    columns: tuple[str, ...] | None = None


class Entity(Part):
    """A kind of item: in which table it is, how its keys are made, what its attributes hold."""

    name: str = Field("", exclude=True)
    description: str = ""
    table: str | None = None
    key: dict[str, Any] = {}
    attributes: dict[str, Domain] | None = None
    size: Size | None = None
    items: Annotated[
        Amount | Literal["all"] | None,
        BeforeValidator(lambda v: v if v in (None, "all") or isinstance(v, Amount) else parse_count(v)),
        WithJsonSchema({"type": ["integer", "string"]}),
    ] = None
    rows: str | None = None
    accept: Accept = {}

    @model_validator(mode="before")
    @classmethod
    def _keep_empty_attributes(cls, value: Any) -> Any:
        return {} if value is None else value


def parse_count(value: object) -> Amount:
    """A number of items; ValueError names what is allowed."""
    from workbench.distributions import parse_amount

    return parse_amount(value)


class Expect(Part):
    """What must come back: number of items, their order, attributes that each has, an error, the units."""

    items: Bounds | None = None
    order: str | None = None
    attributes: Names = ()
    error: str | None = None
    units: Bounds | None = None


class Action(Part):
    """One member of a transaction or mixed batch."""

    operation: Literal["Put", "Update", "Delete", "ConditionCheck", "Get"]
    entity: str | None = None
    condition: str | None = None
    update: str | None = None
    projection: str | None = None
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    target: Literal["existing", "new", "missing"] | dict[str, Any] | None = None
    count: Count | None = None
    key: dict[str, Any] = {}


class AccessPattern(Part):
    """One thing the application asks of the table, how often, and what must come back."""

    name: str = Field("", exclude=True)
    description: str = ""
    operation: Operation
    entity: Names = ()
    table: str | None = None
    index: str | None = None
    key_condition: str | None = None
    filter: str | None = None
    condition: str | None = None
    update: str | None = None
    projection: str | None = None
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    target: Literal["existing", "new", "missing"] | dict[str, Any] | None = None
    count: Count | None = None
    same: Names = ()
    actions: tuple[Action, ...] = ()
    for_each: str | None = None
    consistent: bool = False
    descending: bool = False
    limit: Annotated[int, Field(ge=1)] | None = None
    pages: Annotated[int, Field(ge=1)] | Literal["all"] | None = None
    segments: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    select: Literal["ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"] | None = None
    given: Names | None = None
    unserved: str | None = None
    rate: Rate | None = None
    peak: Rate | None = None
    popularity: dict[str, PopularityText] = {}
    user_facing: bool = True
    role: str | None = None
    expect: Expect = Expect()
    accept: Accept = {}

    @model_validator(mode="after")
    def _peak_is_highest(self) -> "AccessPattern":
        if self.peak is not None and self.peak < (self.rate or 0):
            raise ValueError(f"peak {self.peak:g}/s is below rate {self.rate:g}/s: peak is the highest, rate the mean")
        return self

    @property
    def is_read(self) -> bool:
        """Whether it consumes read units."""
        return self.operation in READS

    @property
    def page_limit(self) -> int | None:
        """How many pages one call reads: all (None), or 1 where a limit is set."""
        pages = self.pages or (1 if self.limit else "all")
        return None if pages == "all" else pages

    @property
    def peak_rate(self) -> float | None:
        """The highest rate, in requests per second."""
        return self.peak or self.rate

    def target_of(self, action: Action | None = None) -> str | dict[str, Any]:
        """Which items it addresses: existing, new, missing, or a mapping that restricts them."""
        stated = action.target if action else self.target
        puts = action.operation == "Put" if action else self.operation in ("PutItem", "BatchWriteItem")
        return stated if stated is not None else ("new" if puts else "existing")


class Role(Part):
    """Who calls: the field that the caller's identity fixes, for IAM policies."""

    tenant: str | None = None
    identity: str | None = None


class Design(Part):
    """A whole design; `load_design` reads one from a file. Its parts are found by name in its mappings."""

    name: str
    description: str = ""
    source: str = ""
    tables: dict[str, Table] = Field(min_length=1)
    fields: dict[str, Domain] = {}
    rows: dict[str, Rows] = {}
    entities: dict[str, Entity] = {}
    access_patterns: dict[str, AccessPattern] = Field(min_length=1)
    roles: dict[str, Role] = {}
    accept: Accept = {}
    _text: str = PrivateAttr(default="")
    _path: str = PrivateAttr(default="")

    @model_validator(mode="before")
    @classmethod
    def _name_parts(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        parts = ("tables", "entities", "access_patterns")
        return {**value, **{k: _named(value[k]) for k in parts if isinstance(value.get(k), Mapping)}}

    def __repr__(self) -> str:
        return (
            f"<Design {self.name}: {_count(self.tables, 'table')}, {_count(self.entities, 'entity')}, "
            f"{_count(self.access_patterns, 'access pattern')}>"
        )

    __str__ = __repr__

    @property
    def path(self) -> str:
        """The file that it was read from, or ''."""
        return self._path

    def to_yaml(self) -> str:
        """The design file as it was read, comments included."""
        return self._text

    def table_of(self, entity: str) -> Table:
        """The table that an entity's items are in."""
        return self.tables[self.entities[entity].table or next(iter(self.tables))]

    def entities_in(self, table: str) -> list[Entity]:
        """The entities whose items are in a table."""
        return [e for name, e in self.entities.items() if self.table_of(name).name == table]

    def addressed(self, pattern: AccessPattern) -> list[Entity]:
        """The entities that an access pattern addresses; for a Scan of a table, all that are in it."""
        if pattern.entity:
            return [self.entities[name] for name in pattern.entity]
        if pattern.actions:
            return [self.entities[name] for name in dict.fromkeys(self.action_entity(a) for a in pattern.actions)]
        if pattern.table:
            return self.entities_in(pattern.table)
        return list(self.entities.values())

    def action_entity(self, action: Action) -> str:
        """The name of the entity that a member of a transaction addresses."""
        return action.entity or next(iter(self.entities))

    def table_for(self, pattern: AccessPattern) -> Table:
        """The table that an access pattern's requests go to (of a transaction, its first member's)."""
        return self.tables[pattern.table] if pattern.table else self.table_of(self.addressed(pattern)[0].name)

    def domains_of(self, entity: str) -> dict[str, Domain]:
        """The domain of each attribute that the design states for an entity, key attributes first."""
        part, table = self.entities[entity], self.table_of(entity)
        stated = {**{name: Domain(value=value) for name, value in part.key.items()}, **(part.attributes or {})}
        by_name = {a: Domain() for a in table.indexed_attributes if a in self.fields and a not in stated}
        keyed = {a: d for a in table.indexed_attributes if (d := stated.get(a) or by_name.get(a))}
        return {**keyed, **{a: d for a, d in stated.items() if a not in keyed}}

    def served_patterns(self) -> Iterator[AccessPattern]:
        """The access patterns that some key serves, in file order: those that a run calls."""
        return (p for p in self.access_patterns.values() if p.unserved is None)

    def to_frame(self):
        """The access patterns as a DataFrame: name, operation, entity, table, index, rate and peak per second."""
        import pandas as pd

        return pd.DataFrame(
            {
                "pattern": p.name,
                "operation": p.operation,
                "entity": ", ".join(e.name for e in self.addressed(p)),
                "table": self.table_for(p).name,
                "index": p.index or "",
                "rate_per_s": p.rate,
                "peak_per_s": p.peak_rate,
                "served": p.unserved is None,
            }
            for p in self.access_patterns.values()
        )

    def _repr_html_(self) -> str:
        from workbench.results import html_table

        return html_table(self.to_frame(), repr(self))


def key_template(domain: Domain, name: str) -> KeyTemplate | None:
    """The template behind an attribute's domain: its own, or the field of the same name."""
    return domain.template or (KeyTemplate(f"{{{name}}}") if domain.is_field else None)


def _named(parts: Mapping[Any, Any], **more: Any) -> dict[Any, Any]:
    """Each part with its name among its values, where it is a mapping at all."""
    return {
        name: {**({} if part is None else part), "name": name, **more}
        if part is None or isinstance(part, Mapping)
        else part
        for name, part in parts.items()
    }


def _count(things: Any, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{len(things)} {noun if len(things) == 1 else plural}"


__all__ = [
    "AccessPattern",
    "Design",
    "Domain",
    "Entity",
    "Index",
    "Table",
    "key_template",
    "parse_bounds",
    "parse_rate",
    "parse_share",
]
