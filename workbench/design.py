"""The design: tables, fields, entities and access patterns, as one immutable description.

A design is the only input of the workbench. Its tables say how items are keyed; its entities say which items there
are and how their keys are made of fields; its access patterns say who asks for what, how often. Write the access
patterns first: in DynamoDB a table's keys follow from them, not the other way round (AWS: bp-general-nosql-design).

The language of design files is described in docs/design-file.md; `load_design` reads one.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from workbench import limits
from workbench.domains import Count, CountOrAll, Domain, Part, PopularityText, Size, fault
from workbench.keys import KeyTemplate, is_field_name, parse_template
from workbench.notation import Accept, Bounds, Flag, KeyText, Names, Pages, Rate, Target, Value
from workbench.schema import ACCEPT, Table, named

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


class Rows(Part):
    """Items that come from data instead of being generated: a CSV, Parquet, JSON Lines or DynamoDB JSON file."""

    source: str | None = Field(
        default=None,
        alias="from",
        description="a path (.csv, .jsonl, .json, .parquet), package:<dist>/<file>, or absent: a DataFrame in the call",
    )
    columns: Names | None = Field(default=None, description="the columns that are used; stated, they are checked early")


class Entity(Part):
    """A kind of item: in which table it is, how its keys are made, what its attributes hold."""

    name: str = Field(default="", alias="x-name", exclude=True)
    description: str = Field(default="", description="what an item of it stands for")
    table: str | None = Field(default=None, description="the table its items are in; the only one unless stated")
    key: dict[str, KeyText] = Field(
        default={},
        description='templates of the primary and index key attributes: {PK: "USER#{id}", SK: META}; one that is not '
        "here is the field of its name",
    )
    attributes: dict[str, Domain] | None = Field(
        default=None, description="domains of the other attributes: {title: text(30), status: [OPEN, DONE], ownerId: }"
    )
    size: Size | None = Field(default=None, description="bytes that an attribute `filler` pads an item up to: 3 KB")
    items: CountOrAll = Field(
        default=None, description="how many of the combinations of unrelated identity fields exist, or all"
    )
    rows: str | None = Field(default=None, description="items from data: a name under rows, or a file")
    accept: Accept = Field(default={}, description=ACCEPT)

    @model_validator(mode="before")
    @classmethod
    def _keep_empty_attributes(cls, value: Any) -> Any:
        return {} if value is None else value


class Expect(Part):
    """What must come back: number of items, their order, attributes that each has, an error, the units."""

    items: Bounds | None = Field(default=None, description="how many items come back: 1..20")
    order: str | None = Field(default=None, description="the attribute by which they are ordered")
    attributes: Names = Field(default=(), description="attributes that each of them has")
    error: str | None = Field(default=None, description="the error that must come: ConditionalCheckFailedException")
    units: Bounds | None = Field(default=None, description="capacity units that a call consumes: ..5")


_CONDITION = "condition expression of a write"
_UPDATE = "update expression, as SET #status = :done"
_RETURNED = "projection expression: the attributes that come back"
_VALUES = "what :x stands for, by x: a template or a {domain}; else the attribute or field of that name: {open: OPEN}"
_NAMES = "the attribute that #x stands for; x itself unless stated"
_ITEM = "which item: existing, new, missing (looks for what is not there), or {status: OPEN}"


class Action(Part):
    """One member of a transaction or mixed batch."""

    operation: Literal["Put", "Update", "Delete", "ConditionCheck", "Get"] = Field(description="what it does")
    entity: str | None = Field(default=None, description="whose item it addresses; the only one unless stated")
    condition: str | None = Field(default=None, description=_CONDITION)
    update: str | None = Field(default=None, description=_UPDATE)
    projection: str | None = Field(default=None, description=_RETURNED)
    values: dict[str, Value] = Field(default={}, description=_VALUES)
    names: dict[str, str] = Field(default={}, description=_NAMES)
    target: Target | None = Field(default=None, description=_ITEM)
    count: Count | None = Field(default=None, description="how many items it addresses")
    key: dict[str, KeyText] = Field(default={}, description="templates of the item's key, where they differ")


class AccessPattern(Part):
    """One thing the application asks of the table, how often, and what must come back."""

    name: str = Field(default="", alias="x-name", exclude=True)
    description: str = Field(default="", description="what the application does with it")
    operation: Operation = Field(description="the API operation, as GetItem or Query")
    entity: Names = Field(default=(), description="whose items are addressed, and what must come back")
    table: str | None = Field(default=None, description="the table that a Scan reads, in place of an entity")
    index: str | None = Field(default=None, description="the index that a Query or Scan reads")
    key_condition: str | None = Field(
        default=None, description="key condition expression: PK = :PK AND begins_with(SK, :tasks)"
    )
    filter: str | None = Field(default=None, description="filter expression, applied to what was read and paid for")
    condition: str | None = Field(default=None, description=_CONDITION)
    update: str | None = Field(default=None, description=_UPDATE)
    projection: str | None = Field(default=None, description=_RETURNED)
    values: dict[str, Value] = Field(default={}, description=_VALUES)
    names: dict[str, str] = Field(default={}, description=_NAMES)
    target: Target | None = Field(default=None, description=_ITEM)
    count: Count | None = Field(default=None, description="items in one batch: 25 or 1..25")
    same: Names = Field(default=(), description="fields whose value the items of a batch share")
    actions: tuple[Action, ...] = Field(default=(), description="members of a transaction or mixed batch")
    for_each: str | None = Field(default=None, description="one request for each value of this field")
    consistent: Flag = Field(default=False, description="strongly consistent reads")
    descending: Flag = Field(default=False, description="from the highest sort key down")
    limit: Annotated[int, Field(ge=1, le=limits.INTEGER)] | None = Field(
        default=None, description="items evaluated per page"
    )
    pages: Pages | None = Field(
        default=None, description="pages that one call reads: all, or 1 with a limit, unless stated"
    )
    segments: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=1, description="segments of a parallel Scan")
    select: Literal["ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"] | None = Field(
        default=None, description="what comes back; COUNT costs the same"
    )
    given: Names | None = Field(default=None, description="all that the caller knows; else what the key needs")
    unserved: str | None = Field(default=None, description="why it stays though no key serves it; it is not run")
    rate: Rate | None = Field(default=None, description="mean calls: 20/s, 3/min, 2/h or 500/day")
    peak: Rate | None = Field(default=None, description="the highest rate; the mean unless stated")
    popularity: dict[str, PopularityText] = Field(
        default={}, description="who gets these requests, for this pattern alone: {day: latest}"
    )
    user_facing: Flag = Field(default=True, description="false for jobs and exports")
    role: str | None = Field(default=None, description="who calls; the only role unless stated")
    expect: Expect = Field(default=Expect(), description="what must come back: {items: 1..20, order: SK, units: ..5}")
    accept: Accept = Field(default={}, description=ACCEPT)

    @model_validator(mode="after")
    def _peak_is_highest(self) -> "AccessPattern":
        if self.peak is not None and self.peak < (self.rate or 0):
            message = f"peak {self.peak:g}/s is below rate {self.rate:g}/s: peak is the highest, rate the mean"
            raise fault("peak", message)
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

    tenant: str | None = Field(default=None, description="the field that the caller's identity fixes")
    identity: str | None = Field(
        default=None, description="the policy variable that holds it; ${aws:PrincipalTag/<tenant>} unless stated"
    )


class Design(Part):
    """A whole design; `load_design` reads one from a file. Its parts are found by name in its mappings."""

    name: str = Field(max_length=255, description="the design's name")
    description: str = Field(default="", description="what it models")
    source: str = Field(default="", description="where the model is from")
    tables: dict[str, Table] = Field(min_length=1, description="tables by name: {Sessions: {partition_key: user_id}}")
    fields: dict[str, Domain] = Field(default={}, description="domains by name, shared by all entities")
    rows: dict[str, Rows] = Field(default={}, description="data that items come from, by name")
    entities: dict[str, Entity] = Field(default={}, description="kinds of items by name")
    access_patterns: dict[str, AccessPattern] = Field(
        min_length=1, description="what the application asks, by name; a run calls them in this order"
    )
    roles: dict[str, Role] = Field(default={}, description="callers by name")
    accept: Accept = Field(default={}, description=ACCEPT)
    _text: str = PrivateAttr(default="")
    _path: str = PrivateAttr(default="")

    @model_validator(mode="before")
    @classmethod
    def _name_parts(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        parts = ("tables", "entities", "access_patterns")
        return {**value, **{k: named(value[k]) for k in parts if isinstance(value.get(k), Mapping)}}

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
        return [e for e in self.entities.values() if (e.table or next(iter(self.tables))) == table]

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

    def domains_of(self, entity: str) -> Mapping[str, Domain]:
        """The domain of each attribute that the design states for an entity, key attributes first."""
        made_of = (self.entities[entity], self.table_of(entity), self.fields)
        known = self._domains.get(entity)
        if known is None or any(mine is not its for mine, its in zip(made_of, known[0], strict=True)):
            known = self._domains[entity] = made_of, MappingProxyType(self._stated_domains(*made_of))
        return known[1]

    @cached_property
    def _domains(self) -> dict[str, tuple[tuple[Entity, Table, dict[str, Domain]], Mapping[str, Domain]]]:
        """Domains by entity with what they were made of, which is another in a copy that was changed."""
        return {}

    def _stated_domains(self, part: Entity, table: Table, fields: Mapping[str, Domain]) -> dict[str, Domain]:
        stated = {**{name: Domain(value=value) for name, value in part.key.items()}, **(part.attributes or {})}
        stated = {name: Domain() if d.value == f"{{{name}}}" else d for name, d in stated.items()}
        by_name = {a: Domain() for a in table.indexed_attributes if a in fields and a not in stated}
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

    def shown(self) -> "Mapping[str, list[Any]]":
        """What people see: who asks for what, by which operation, how often; columns that say nothing left out."""
        patterns = list(self.access_patterns.values())
        columns: dict[str, list[Any]] = {
            "access pattern": [p.name for p in patterns],
            "operation": [p.operation for p in patterns],
            "entity": [", ".join(e.name for e in self.addressed(p)) for p in patterns],
            "table": [self.table_for(p).name if len(self.tables) > 1 else "" for p in patterns],
            "index": [p.index or "" for p in patterns],
            "requests/s": [p.rate for p in patterns],
            "at peak": [p.peak_rate for p in patterns],
            "served by a key": ["" if p.unserved is None else "no" for p in patterns],
        }
        return {name: cells for name, cells in columns.items() if any(cell not in ("", None) for cell in cells)}

    def _repr_html_(self) -> str:
        from workbench.results import fitting, html_table

        return fitting(lambda rows: html_table(self.shown(), repr(self)[1:-1], rows))


def key_template(domain: Domain, name: str) -> KeyTemplate | None:
    """The template behind an attribute's domain: its own, or the field of the same name."""
    return domain.template or (parse_template(f"{{{name}}}") if domain.is_field and is_field_name(name) else None)


def _count(things: Any, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{len(things)} {noun if len(things) == 1 else plural}"
