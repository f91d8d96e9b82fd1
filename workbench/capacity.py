"""The read and write units that operations consume.

DynamoDB charges by size. A read unit carries up to 4 KB, a write unit up to 1 KB, and each operation rounds up once:
per item for GetItem, batches and transactions, per page for Query and Scan. A write pays for the larger of the item
before and after, and again for every index entry it adds, removes or changes. (AWS: read-write-operations, GSI, LSI,
transaction-apis.)

>>> write_units(None, 1025), read_units(4097, consistent=True)
(2.0, 2.0)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from workbench import limits
from workbench.sizes import Item, Tagged, binary_content, content_size, item_size, parsed_number, size_gate, tagging

Image = Item | int | None  # an item, its bytes, or nothing there

# -- units -------------------------------------------------------------------------------------------------------------


def read_units(image: Image, *, consistent: bool = False, transactional: bool = False) -> float:
    """Read units of one item: 4 KB each, rounded up, at least one; half if eventually consistent, twice in a
    transaction.

    Takes an item, its bytes, or None for a key that has no item, which costs the minimum. An array of sizes gives an
    array.

    >>> read_units(None), read_units(4096, consistent=True), read_units(4097, consistent=True)
    (0.5, 1.0, 2.0)
    """
    return _steps(_bytes(image), limits.READ_UNIT_BYTES) * (2.0 if transactional else 1.0 if consistent else 0.5)


def query_units(evaluated: int | Iterable[Item | int], *, consistent: bool = False, partitions: int = 1) -> float:
    """Read units of one page of a Query or Scan: the sizes of all items evaluated, added and then rounded up once.

    `evaluated` is those items before filter and projection, or their bytes; of an index, its entries. A Scan pays at
    least the minimum for each of the `partitions` it touches.

    >>> query_units([64] * 1500), query_units([], consistent=True), query_units(20, partitions=4)
    (12.0, 1.0, 2.0)
    """
    total = sum(map(_bytes, evaluated)) if isinstance(evaluated, Iterable) else evaluated
    return max(_steps(total, limits.READ_UNIT_BYTES), partitions) * (1.0 if consistent else 0.5)


def pages(sizes: Iterable[int], *, limit: int | None = None) -> Iterator[list[int]]:
    """The pages in which a Query or Scan reads items of these sizes: each ends with the item that reaches 1 MB.

    >>> [len(page) for page in pages([300_000] * 6)], [len(page) for page in pages([1] * 5, limit=2)]
    ([4, 2], [2, 2, 1])
    """
    page: list[int] = []
    total = 0
    for size in sizes:
        page.append(size)
        total += size
        if total >= limits.PAGE_BYTES or len(page) == limit:
            yield page
            page, total = [], 0
    if page:
        yield page


def write_units(before: Image, after: Image, *, transactional: bool = False) -> float:
    """Write units of the table: 1 KB each of the larger image, rounded up, at least one; twice in a transaction.

    `before` and `after` are items, their bytes, or None where there is none: a create has no before, a delete no after.
    A failed condition costs the same, for the item found and the one that would have been written.

    >>> write_units(3014, 15), write_units(None, None), write_units(None, 2048, transactional=True)
    (3.0, 1.0, 4.0)
    """
    return _steps(_larger(_bytes(before), _bytes(after)), limits.WRITE_UNIT_BYTES) * (2.0 if transactional else 1.0)


def condition_check_units(image: Image) -> float:
    """Write units of a ConditionCheck in a transaction, for the item looked at or for None.

    >>> condition_check_units(3014), condition_check_units(None)
    (6.0, 2.0)
    """
    return write_units(image, None, transactional=True)


def replay_read_units(before: Image, after: Image) -> float:
    """Read units of one action when a transaction is sent again with the same token: it writes nothing, and reads.

    >>> replay_read_units(9010, 8), replay_read_units(None, 1536)
    (6.0, 2.0)
    """
    return read_units(_larger(_bytes(before), _bytes(after)), transactional=True)


def _bytes(image: Image) -> int:
    return 0 if image is None else item_size(image) if isinstance(image, Mapping) else image


def _steps(size: int, step: int) -> int:
    """Whole units, at least one; of an array, for each element."""
    steps = -(-size // step)
    return steps + (steps == 0)


def _larger(one: int, other: int) -> int:
    return one + (other - one) * (other > one)  # as max(), and for arrays too


# -- indexes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IndexSchema:
    """What decides the entries of a secondary index: its key attributes, the table's, and what it projects.

    `projection` is ALL, KEYS_ONLY or the names of the attributes that come with the keys (INCLUDE).
    """

    name: str
    kind: Literal["gsi", "lsi"]
    keys: tuple[str, ...]
    table_keys: tuple[str, ...]
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = "ALL"

    @cached_property
    def attributes(self) -> frozenset[str] | None:
        """The attributes of an entry; None for all."""
        included = () if self.projection == "KEYS_ONLY" else self.projection
        return None if self.projection == "ALL" else frozenset((*self.table_keys, *self.keys, *included))


def index_entry(item: Item | None, index: IndexSchema) -> Item | None:
    """The item as it stands in the index; None if a key attribute of the index is missing: the index is sparse.

    >>> by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",), "KEYS_ONLY")
    >>> index_entry({"pk": "a", "status": "open", "text": "…"}, by_status), index_entry({"pk": "a"}, by_status)
    ({'pk': 'a', 'status': 'open'}, None)
    """
    if item is None or not all(key in item for key in index.keys):
        return None
    kept = index.attributes
    return item if kept is None else {name: value for name, value in item.items() if name in kept}


def index_write_units(before: Item | None, after: Item | None, index: IndexSchema) -> float:
    """Write units that the index consumes when the item changes; 0 if its entry stays as it is.

    An entry added or removed costs its size, one that changes in place the larger of both, and one whose index key
    changes both: it is removed here and added there. The order of a set and the way a number is written do not count.

    >>> by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",))
    >>> index_write_units({"pk": "a", "status": "open"}, {"pk": "a", "status": "done"}, by_status)
    2.0
    """
    old, new = index_entry(before, index), index_entry(after, index)
    if old is None or new is None:
        return sum((write_units(None, entry) for entry in (old, new) if entry is not None), 0.0)
    was, now = _plain(old), _plain(new)
    if was == now:
        return 0.0
    if any(was[key] != now[key] for key in index.keys):
        return write_units(None, old) + write_units(None, new)
    return write_units(old, new)


def _plain(item: Item) -> dict[str, Any]:
    """The item in a form that is equal exactly if DynamoDB holds both for equal, in whichever format."""
    tagged = tagging(item)
    return {name: _plain_value(value, tagged) for name, value in item.items()}


def _plain_value(value: Any, tagged: Tagged) -> tuple[str, Any]:
    tag, content = tagged(value)
    return tag, _PLAIN.get(tag, lambda content, tagged: content)(content, tagged)


_PLAIN: dict[str, Callable[[Any, Tagged], Any]] = {
    "N": lambda content, tagged: parsed_number(content),
    "B": lambda content, tagged: bytes(binary_content(content)),
    "NULL": lambda content, tagged: None,
    "L": lambda content, tagged: [_plain_value(value, tagged) for value in content],
    "M": lambda content, tagged: {name: _plain_value(value, tagged) for name, value in content.items()},
    "SS": lambda content, tagged: frozenset(content),
    "NS": lambda content, tagged: frozenset(map(parsed_number, content)),
    "BS": lambda content, tagged: frozenset(bytes(binary_content(value)) for value in content),
}


# -- whole operations --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Units:
    """Units of one operation, or of many added up: the table's arm, and an arm for each index that has any.

    Local indexes consume the table's capacity, global ones their own.

    >>> Units(1.0, gsi={"a": 2.0}) + Units(2.0, gsi={"a": 1.0}, lsi={"b": 1.0})
    Units(table=3.0, gsi={'a': 3.0}, lsi={'b': 1.0})
    >>> sum([Units(1.0), Units(2.0)], Units()).total, (Units(0.5) * 20).table
    (3.0, 10.0)
    """

    table: float = 0.0
    gsi: Mapping[str, float] = field(default_factory=dict)
    lsi: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The table's arm and all index arms."""
        return self.table + sum(self.gsi.values()) + sum(self.lsi.values())

    def __add__(self, other: "Units") -> "Units":
        return Units(self.table + other.table, _added(self.gsi, other.gsi), _added(self.lsi, other.lsi))

    def __mul__(self, times: float) -> "Units":
        gsi, lsi = ({name: n * times for name, n in arms.items()} for arms in (self.gsi, self.lsi))
        return Units(self.table * times, gsi, lsi)


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in [*one, *(n for n in other if n not in one)]}


def write_cost(
    before: Item | None,
    after: Item | None,
    indexes: Sequence[IndexSchema] = (),
    *,
    transactional: bool = False,
) -> Units:
    """Units of one write, by arm. A transaction doubles the table's arm only; an index left as it was has no arm.

    >>> by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",))
    >>> write_cost({"pk": "a", "status": "open"}, {"pk": "a", "status": "done"}, [by_status], transactional=True)
    Units(table=2.0, gsi={'by-status': 2.0}, lsi={})
    """
    arms = [(index, index_write_units(before, after, index)) for index in indexes]
    gsi, lsi = ({i.name: n for i, n in arms if n and i.kind == kind} for kind in ("gsi", "lsi"))
    return Units(write_units(before, after, transactional=transactional), gsi, lsi)


def query_cost(
    evaluated: int | Iterable[Item | int],
    index: IndexSchema | None = None,
    *,
    consistent: bool = False,
    fetched: Iterable[Item | int] = (),
    partitions: int = 1,
) -> Units:
    """Units of one page of a Query or Scan, by arm: an index carries the read of its entries.

    `fetched` are the items that a local index has to get from the table, because the answer needs attributes that are
    not projected; each is rounded up on its own. A global index never fetches, and reads eventually consistent only.

    >>> by_date = IndexSchema("by-date", "lsi", ("pk", "date"), ("pk", "sk"), "KEYS_ONLY")
    >>> query_cost([200] * 4, by_date, consistent=True, fetched=[300] * 4)
    Units(table=4.0, gsi={}, lsi={'by-date': 1.0})
    """
    if index is not None and index.kind == "gsi" and (consistent or list(fetched)):
        raise ValueError(f"{index.name}: a global index has no consistent reads and fetches nothing from the table")
    own = query_units(evaluated, consistent=consistent, partitions=partitions)
    fetches = sum(read_units(item, consistent=consistent) for item in fetched)
    return Units(own + fetches) if index is None else Units(fetches, **{index.kind: {index.name: own}})


def consumed_capacity(
    units: Units,
    mode: str = "TOTAL",
    operation: str = "GetItem",
    *,
    table: str = "",
    replay: bool = False,
    failed: float = 0.0,
) -> dict[str, Any] | None:
    """The ConsumedCapacity that the service answers for one table; None for mode NONE.

    Transactions say whether units were read or written: `replay` for one sent again, or a reading ExecuteTransaction.
    `failed` are the units of statements that failed in a BatchExecuteStatement: in the total, in no arm.

    >>> consumed_capacity(Units(gsi={"g": 0.5}), "INDEXES", "Query")
    {'CapacityUnits': 0.5, 'Table': {'CapacityUnits': 0.0}, 'GlobalSecondaryIndexes': {'g': {'CapacityUnits': 0.5}}}
    """
    if mode == "NONE":
        return None
    side = "Read" if replay or operation == "TransactGetItems" else "Write"
    names = ["CapacityUnits", *([f"{side}CapacityUnits"] if "Transact" in operation else [])]
    reply: dict[str, Any] = {"TableName": table} if table else {}
    reply |= dict.fromkeys(names, units.total + failed)
    if mode == "INDEXES":
        reply["Table"] = dict.fromkeys(names, units.table)
        for name, arms in (("GlobalSecondaryIndexes", units.gsi), ("LocalSecondaryIndexes", units.lsi)):
            reply |= {name: {index: dict.fromkeys(names, n) for index, n in arms.items()}} if arms else {}
    return reply


def replicated_units(units: Units, regions: int) -> Units:
    """Units of a write to a global table, in all regions together, the local one included.

    The table's arm is in replicated write units; arms of global indexes are plain write units, paid in each region.

    >>> replicated_units(Units(200.0, gsi={"by-status": 200.0}), regions=2)
    Units(table=400.0, gsi={'by-status': 400.0}, lsi={})
    """
    return units * regions


def storage_bytes(items: int, size: int, *, global_tables: bool = False) -> int:
    """Bytes billed for storing items, or index entries, of `size` bytes together: 100 more each, 148 if replicated.

    >>> storage_bytes(1_000_000, 1_000_000 * 1024), storage_bytes(1, 1000, global_tables=True)
    (1124000000, 1148)
    """
    return size + items * (limits.STORED_ITEM_OVERHEAD_BYTES + limits.REPLICATED_ITEM_OVERHEAD_BYTES * global_tables)


def check_item(
    item: Item, partition_key: str, sort_key: str | None = None, *, indexes: Iterable["IndexSchema"] = ()
) -> int:
    """Bytes of an item that a table with these keys takes; ValueError names the attribute that it would refuse.

    Of `indexes` the local ones count: an item and its entries in them share one limit of 400 KB.

    >>> check_item({"pk": "p", "sk": 7}, "pk", "sk")
    7
    """
    size, tagged = item_size(item), tagging(item)
    for name, most in ((partition_key, limits.PARTITION_KEY_BYTES), (sort_key, limits.SORT_KEY_BYTES)):
        if name is not None:
            _check_key(name, most, item, tagged)
    local = sum(item_size(index_entry(item, index) or {}) for index in indexes if index.kind == "lsi")
    if size_gate("PutItem", item) or size + local > limits.ITEM_BYTES:
        with_entries = f" with its {local:,} bytes in local indexes" if local else ""
        raise ValueError(
            f"item of {size:,} bytes{with_entries}: at most {limits.ITEM_BYTES:,} fit; split it or store the bulk in S3"
        )
    return size


def _check_key(name: str, most: int, item: Item, tagged: Tagged) -> None:
    if name not in item:
        raise ValueError(f"{name}: the key attribute is missing; every item has it")
    tag, content = tagged(item[name])
    if tag not in ("S", "N", "B"):
        raise ValueError(f"{name}: a key attribute is text (S), a number (N) or binary (B), not {tag}")
    size = content_size(tag, content, tagged)
    if not 0 < size <= most:
        raise ValueError(f"{name}: a key value of {size:,} bytes; it may have 1 to {most:,}")
