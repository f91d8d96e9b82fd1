"""The schema of a table: its primary key, its secondary indexes and its settings.

What CreateTable takes: which attributes key the items, in which indexes they stand again, and what capacity there is,
on demand or provisioned, fixed or scaled. Rates and units are a second's.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, Tag, model_validator

from workbench.domains import Part, Share, fault
from workbench.notation import BY_FORM, Accept, Flag, Names, OnDemand, Projection, Units

ACCEPT = "findings of the review that are accepted, each with the reason: {DW204: three admins}"
_MAX_THROUGHPUT = "on-demand: the most units per second, as {read: 4_000, write: 1_000}"
_WARM_THROUGHPUT = "units per second that it can serve at once, as {read: 12_000, write: 4_000}"


class AutoScaling(Part):
    """Provisioned units that follow the load between `min` and `max` at a target utilisation."""

    min: Units = Field(description="the fewest units per second")
    max: Units = Field(description="the most units per second")
    target: Share = Field(default=0.7, description="the utilisation that scaling keeps, 20% to 90%")

    @model_validator(mode="after")
    def _in_order(self) -> "AutoScaling":
        if self.max < self.min:
            raise fault("max", f"max {self.max:g} is below min {self.min:g}")
        if not 0.2 <= self.target <= 0.9:
            raise fault("target", f"target {self.target:.0%}: auto scaling keeps between 20% and 90%")
        return self


UnitsOrScaling = Annotated[Annotated[Units, Tag("value")] | Annotated[AutoScaling, Tag("mapping")], BY_FORM]


class Provisioned(Part):
    """Provisioned units per second for reads and writes."""

    read: UnitsOrScaling = Field(description="read units per second, or {min: 5, max: 400, target: 70%}")
    write: UnitsOrScaling = Field(description="write units per second, or {min: 5, max: 400, target: 70%}")


def most_units(capacity: float | AutoScaling) -> float:
    """The most units a second that a provisioned setting comes to."""
    return capacity.max if isinstance(capacity, AutoScaling) else capacity


class Throughput(Part):
    """Units per second for reads and writes; unset means no setting."""

    read: Units | None = Field(default=None, description="read units per second")
    write: Units | None = Field(default=None, description="write units per second")


Capacity = Annotated[
    OnDemand | Annotated[Provisioned, Tag("mapping")],
    BY_FORM,
]


class Index(Part):
    """A secondary index: its own keys over the same items. `kind` is gsi or lsi.

    A global secondary index has its own partitions and capacity and may be keyed by up to 4 + 4 attributes; a local
    one shares the table's partition key and partitions. An item without all of the key attributes is not in it.
    """

    name: str = Field(default="", alias="x-name", exclude=True)  # keys with x- never come from a file
    kind: Literal["gsi", "lsi"] = Field(default="gsi", alias="x-kind", exclude=True)
    partition_key: Names = Field(default=(), description="one attribute, or up to four: [carrier, depot]")
    sort_key: Names = Field(default=(), description="one attribute, or up to four, compared left to right")
    projection: Projection = Field(default="ALL", description="ALL, KEYS_ONLY, or the attributes to include: [title]")
    capacity: Capacity | None = Field(default=None, description="on-demand or {read, write}; the table's unless stated")
    max_throughput: Throughput | None = Field(default=None, description=_MAX_THROUGHPUT)
    warm_throughput: Throughput | None = Field(default=None, description=_WARM_THROUGHPUT)
    accept: Accept = Field(default={}, description=ACCEPT)

    @property
    def key_attributes(self) -> tuple[str, ...]:
        """Partition key attributes, then sort key attributes."""
        return self.partition_key + self.sort_key


class Table(Part):
    """A table: its primary key, its indexes and its settings."""

    name: str = Field(default="", alias="x-name", exclude=True)
    description: str = Field(default="", description="what it is for")
    partition_key: str = Field(
        description="the attribute whose hash places an item: a value of it is an item collection"
    )
    sort_key: str | None = Field(default=None, description="the attribute that orders the items of a collection")
    key_types: dict[str, Literal["S", "N", "B"]] = Field(
        default={}, description="types of key attributes, {n: N}; only for a table without entities"
    )
    gsi: dict[str, Index] = Field(default={}, description="global secondary indexes by name")
    lsi: dict[str, Index] = Field(default={}, description="local secondary indexes by name: {sort_key, projection}")
    ttl: str | None = Field(default=None, description="the attribute with the expiry time, in epoch seconds")
    capacity: Capacity = Field(default="on-demand", description="on-demand, or provisioned {read: 100, write: 50}")
    max_throughput: Throughput | None = Field(default=None, description=_MAX_THROUGHPUT)
    warm_throughput: Throughput | None = Field(default=None, description=_WARM_THROUGHPUT)
    table_class: Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"] = Field(
        default="STANDARD", description="infrequent access: cheaper storage, dearer requests"
    )
    pitr: Flag = Field(default=False, description="point-in-time recovery")
    stream: Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] | None = Field(
        default=None, description="what a stream record holds"
    )
    replicas: Names = Field(default=(), description="regions of a global table's other replicas: [eu-west-1]")
    accept: Accept = Field(default={}, description=ACCEPT)

    @model_validator(mode="before")
    @classmethod
    def _name_indexes(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {**value, **{k: named(value[k], k) for k in ("gsi", "lsi") if isinstance(value.get(k), Mapping)}}

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

    @cached_property
    def indexed_attributes(self) -> tuple[str, ...]:
        """Every attribute that is part of the primary key or of an index key, once each."""
        keys = [*self.key_attributes, *(a for index in self.indexes.values() for a in index.key_attributes)]
        return tuple(dict.fromkeys(keys))


def named(parts: Mapping[Any, Any], kind: str = "") -> dict[Any, Any]:
    """Each part with its name (an index also with its kind) among its values, where it is a mapping at all."""
    more = {"x-kind": kind} if kind else {}
    return {
        name: {**(part or {}), "x-name": str(name), **more} if part is None or isinstance(part, Mapping) else part
        for name, part in parts.items()
    }
