"""What DynamoDB refuses of tables and indexes: names, numbers of indexes, keys, and settings that exclude each other.

Every check yields problems as (place in the file, message). Quotas are those of `limits`.
"""

import re
from typing import Any

from workbench import limits
from workbench.documents import NAME
from workbench.references import Found, Place, nearest
from workbench.schema import Index, Table


def table_problems(place: Place, table: Table) -> Found:
    """Problems of a table, its indexes and their settings."""
    yield from _table_name(place, table.name, "table")
    if table.sort_key == table.partition_key:
        yield (
            (*place, "sort_key"),
            f"{table.sort_key!r} is the partition key already; name another attribute as sort key",
        )
    if len(table.gsi) > limits.GSI_PER_TABLE:
        yield (*place, "gsi"), f"{len(table.gsi)} GSIs; a table has at most {limits.GSI_PER_TABLE} (quota)"
    if len(table.lsi) > limits.LSI_PER_TABLE:
        yield (*place, "lsi"), f"{len(table.lsi)} LSIs; a table has at most {limits.LSI_PER_TABLE}"
    if table.lsi and not table.sort_key:
        yield (*place, "lsi"), f"table {table.name} has no sort key, so no LSI: an LSI shares the partition key"
    for name in table.gsi.keys() & table.lsi.keys():
        yield (*place, "lsi", name), f"index {name!r} stands under gsi and lsi; index names are unique in a table"
    projected = sum(len(i.projection) for i in table.indexes.values() if isinstance(i.projection, tuple))
    if projected > limits.PROJECTED_ATTRIBUTES:
        most = limits.PROJECTED_ATTRIBUTES
        yield place, f"{projected} projected attributes over all indexes; a table has at most {most}"
    for name, index in table.gsi.items():
        yield from gsi_problems((*place, "gsi", name), index, table)
    for name, index in table.lsi.items():
        yield from lsi_problems((*place, "lsi", name), index, table)
    yield from _throughput(place, table, table.capacity)
    yield from _key_names(place, table)


def _key_names(place: Place, table: Table) -> Found:
    most = limits.KEY_NAME_BYTES
    for name in table.indexed_attributes:
        if not 1 <= len(name.encode()) <= most:
            shown = f"{name[:40]!r}{'...' if len(name) > 40 else ''}"
            yield place, f"key attribute {shown}: a name of 1 to {most} bytes"
    for name in table.key_types:
        if name not in table.indexed_attributes:
            here = (*place, "key_types", name, NAME)
            yield here, f"{name!r} is no key attribute of table {table.name}{nearest(name, table.indexed_attributes)}"


def _throughput(place: Place, part: Table | Index, capacity: Any) -> Found:
    if part.max_throughput and capacity != "on-demand":
        message = "max_throughput bounds on-demand capacity; provisioned capacity is a bound itself"
        yield (*place, "max_throughput"), message


def _table_name(place: Place, name: Any, noun: str) -> Found:
    low, high = limits.NAME_CHARACTERS
    if not isinstance(name, str) or not re.fullmatch(rf"[A-Za-z0-9_.-]{{{low},{high}}}", name):
        shown = f"{str(name)[:40]!r}"
        yield (*place, NAME), f"{noun} name {shown}: a name has {low} to {high} characters of A-Z a-z 0-9 _ . -"


def gsi_problems(place: Place, index: Index, table: Table) -> Found:
    """Problems of a global secondary index."""
    yield from _table_name(place, index.name, "index")
    most = limits.INDEX_KEY_ATTRIBUTES
    for part in ("partition_key", "sort_key"):
        found = getattr(index, part)
        if len(found) > most:
            yield (
                (*place, part),
                f"{len(found)} attributes; a GSI has at most {most} partition key and {most} sort key attributes",
            )
    if not index.partition_key:
        yield place, f"GSI {index.name} needs a partition_key"
    for name in dict.fromkeys(n for n in index.key_attributes if index.key_attributes.count(n) > 1):
        yield place, f"GSI {index.name} names {name} twice; each key attribute stands once"
    capacity = index.capacity or table.capacity
    if (capacity == "on-demand") != (table.capacity == "on-demand"):
        mode = "on-demand" if table.capacity == "on-demand" else "provisioned"
        where = (*place, "capacity") if index.capacity else place
        yield where, f"table {table.name} is {mode}, and so are its indexes: the capacity mode is a table's"
    else:
        yield from _throughput(place, index, capacity)


def lsi_problems(place: Place, index: Index, table: Table) -> Found:
    """Problems of a local secondary index."""
    yield from _table_name(place, index.name, "index")
    if index.partition_key:
        yield (*place, "partition_key"), f"an LSI has the table's partition key ({table.partition_key}); leave it out"
    if len(index.sort_key) != 1:
        where = (*place, "sort_key") if index.sort_key else place
        yield where, f"LSI {index.name} has {len(index.sort_key)} sort key attributes; an LSI has exactly one"
    for setting in ("capacity", "max_throughput", "warm_throughput"):
        if getattr(index, setting):
            yield (*place, setting), "an LSI draws on the table's capacity; it has no setting of its own"
