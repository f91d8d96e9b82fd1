"""The read and write units that operations consume.

DynamoDB charges by size. A read unit carries up to 4 KB, a write unit up to 1 KB, and each operation rounds up once:
per item for GetItem, batches and transactions, per page for Query and Scan. A write pays for the larger of the item
before and after, and again for every index entry it adds, removes or changes. Operations are charged in steps, which
`explain` puts into words. (AWS: read-write-operations, GSI, LSI, transaction-apis.)

>>> write_units(None, 1025), read_units(4097, consistent=True)
(2.0, 2.0)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workbench import limits
from workbench.entries import IndexSchema, index_entry, index_step
from workbench.explain import Explanation, Step, explain
from workbench.sizes import Item, Tagged, content_size, item_size, size_gate, tagging

Image = Item | int | None  # an item, its bytes, or nothing there

# -- units -------------------------------------------------------------------------------------------------------------


def read_units(image: Image, *, consistent: bool = False, transactional: bool = False) -> float:
    """Read units of one item: 4 KB each, rounded up, at least one; half if eventually consistent, twice in a
    transaction.

    Takes an item, its bytes, or None for a key that has no item, which costs the minimum. An array of sizes gives an
    array. ValueError for an item that DynamoDB would not take. (AWS: read-write-operations.)

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


def pages(sizes: Iterable[int], *, limit: int | None = None, fetched: Sequence[int] = ()) -> Iterator[list[int]]:
    """The pages in which a Query or Scan reads items of these sizes: each ends with the item that reaches 1 MB.

    What a local index has `fetched` for each of its entries counts too, rounded up to 4 KB (AWS: LSI.Reading).

    >>> [len(page) for page in pages([300_000] * 6)], [len(page) for page in pages([1] * 5, limit=2)]
    ([4, 2], [2, 2, 1])
    >>> [len(page) for page in pages([10] * 300, fetched=[4000] * 300)]
    [256, 44]
    """
    page: list[int] = []
    total = 0
    for place, size in enumerate(sizes):
        page.append(size)
        total += size + (-(-fetched[place] // limits.READ_UNIT_BYTES) * limits.READ_UNIT_BYTES if fetched else 0)
        if total >= limits.PAGE_BYTES or len(page) == limit:
            yield page
            page, total = [], 0
    if page:
        yield page


def write_units(before: Image, after: Image, *, transactional: bool = False) -> float:
    """Write units of the table: 1 KB each of the larger image, rounded up, at least one; twice in a transaction.

    `before` and `after` are items, their bytes, or None where there is none: a create has no before, a delete no after.
    A failed condition costs the same, for the item found and the one that would have been written. ValueError for an
    item that DynamoDB would not take. (AWS: read-write-operations.)

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
    if isinstance(image, int) and image < 0:
        raise ValueError(f"{image} bytes: an item has none or more; None where there is no item")
    return 0 if image is None else item_size(image) if isinstance(image, Mapping) else image


def _steps(size: int, step: int) -> int:
    """Whole units, at least one; of an array, for each element."""
    steps = -(-size // step)
    return steps + (steps == 0)


def _larger(one: int, other: int) -> int:
    return one + (other - one) * (other > one)  # as max(), and for arrays too


def index_write_units(before: Item | None, after: Item | None, index: IndexSchema) -> float:
    """Write units that the index consumes when the item changes; 0 if its entry stays as it is.

    An entry added or removed costs its size, one that changes in place the larger of both, and one whose index key
    changes both: it is removed here and added there. The order of a set and the way a number is written do not count.

    >>> by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",))
    >>> index_write_units({"pk": "a", "status": "open"}, {"pk": "a", "status": "done"}, by_status)
    2.0
    """
    return index_step(before, after, index).units


# -- whole operations --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Units:
    """Units of one operation, or of many added up: the table's, and those of each index that has any.

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
        """Units of the table and of all indexes together."""
        return self.table + sum(self.gsi.values()) + sum(self.lsi.values())

    def __add__(self, other: "Units") -> "Units":
        return Units(self.table + other.table, _added(self.gsi, other.gsi), _added(self.lsi, other.lsi))

    def __mul__(self, times: float) -> "Units":
        gsi, lsi = ({name: n * times for name, n in units.items()} for units in (self.gsi, self.lsi))
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
    """Units of one write, by index. A transaction doubles the table's only; an index left as it was is not there.

    >>> by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",))
    >>> write_cost({"pk": "a", "status": "open"}, {"pk": "a", "status": "done"}, [by_status], transactional=True)
    Units(table=2.0, gsi={'by-status': 2.0}, lsi={})
    """
    return units_of(write_steps(before, after, indexes, transactional=transactional))


def write_steps(
    before: Image,
    after: Image,
    indexes: Sequence[IndexSchema] = (),
    *,
    transactional: bool = False,
    condition: Literal["met", "failed", "checked"] = "met",
) -> list[Step]:
    """The steps of one write: the item, then its entry in each index, also where that costs nothing.

    A `condition` that failed, or is only checked, leaves the indexes alone.

    >>> [(step.rule, step.units) for step in write_steps(1517, None, transactional=True)]
    [('deleted', 4.0)]
    """
    old, new = (None if image is None else _bytes(image) for image in (before, after))
    factor = 2.0 if transactional or condition == "checked" else 1.0
    own = Step(_WRITTEN.get(condition) or _written(old, new), old, new, factor=factor)
    if condition != "met" or (before is None and after is None):
        return [own]
    return [own, *(index_step(before, after, index) for index in indexes)]  # type: ignore[arg-type]  # these need items


_WRITTEN = {"failed": "refused", "checked": "checked"}


def _written(old: int | None, new: int | None) -> str:
    if old is None or new is None:
        return "missing" if old == new else "created" if old is None else "deleted"
    return "kept" if old == new else "replaced"


def read_steps(image: Image, *, consistent: bool = False, transactional: bool = False) -> list[Step]:
    """The step of reading one item by its key: GetItem, and each item of a batch or transaction.

    >>> [(step.rule, step.units) for step in read_steps(None)]
    [('nothing', 0.5)]
    """
    factor = 2.0 if transactional else 1.0 if consistent else 0.5
    return [Step("nothing" if image is None else "item", read=(_bytes(image),), factor=factor)]


def units_of(steps: Iterable[Step]) -> Units:
    """The units of some steps, by index; one without any is not there.

    >>> units_of(write_steps(None, 1517) + write_steps(900, None))
    Units(table=3.0, gsi={}, lsi={})
    """
    table, gsi, lsi = 0.0, dict[str, float](), dict[str, float]()
    for step in steps:
        by_index = lsi if step.local else gsi
        if not step.index:
            table += step.units
        elif step.units:
            by_index[step.index] = by_index.get(step.index, 0.0) + step.units
    return Units(table, gsi, lsi)


def query_cost(
    evaluated: int | Iterable[Item | int],
    index: IndexSchema | None = None,
    *,
    consistent: bool = False,
    fetched: Iterable[Item | int] = (),
    partitions: int = 1,
) -> Units:
    """Units of one page of a Query or Scan, by index: one carries the read of its entries.

    `fetched` are the items that a local index has to get from the table, because the answer needs attributes that are
    not projected; each is rounded up on its own. A global index never fetches, and reads eventually consistent only.

    >>> by_date = IndexSchema("by-date", "lsi", ("pk", "date"), ("pk", "sk"), "KEYS_ONLY")
    >>> query_cost([200] * 4, by_date, consistent=True, fetched=[300] * 4)
    Units(table=4.0, gsi={}, lsi={'by-date': 1.0})
    """
    return units_of(query_steps(evaluated, index, consistent=consistent, fetched=fetched, partitions=partitions))


def query_steps(
    evaluated: int | Iterable[Item | int],
    index: IndexSchema | None = None,
    *,
    consistent: bool = False,
    fetched: Iterable[Item | int] = (),
    partitions: int = 1,
) -> list[Step]:
    """The steps of one page of a Query or Scan: the items evaluated, and those fetched for a local index.

    >>> [step.units for step in query_steps([64] * 1500, consistent=True)]
    [24.0]
    """
    fetches = tuple(map(_bytes, fetched))
    if index is not None and index.kind == "gsi" and (consistent or fetches):
        raise ValueError(f"{index.name}: a global index has no consistent reads and fetches nothing from the table")
    sizes = list(map(_bytes, evaluated)) if isinstance(evaluated, Iterable) else [evaluated]
    factor = 1.0 if consistent else 0.5
    page = Step("page", read=(sum(sizes),), items=len(sizes), factor=factor, least=partitions)
    if index is not None:
        page = replace(page, index=index.name, local=index.kind == "lsi")
    return [page, *([Step("fetched", read=fetches, items=len(fetches), factor=factor)] if fetches else [])]


def explain_write(
    before: Image, after: Image, indexes: Sequence[IndexSchema] = (), *, transactional: bool = False
) -> Explanation:
    """Why a write costs what `write_cost` says: the item before and after, and its entry in each index.

    >>> by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",))
    >>> print(explain_write({"pk": "a", "status": "open"}, {"pk": "a", "status": "done"}, [by_status]))
    3 write units: table 1, index by-status 2
      table            1  item of 13 bytes before and after: 1 x 1 KB
      index by-status  2  its key (status) moved: entry of 13 bytes removed, one of 13 bytes added: (1 + 1) x 1 KB
      total            3
    """
    return explain(write_steps(before, after, indexes, transactional=transactional))


def explain_read(image: Image, *, consistent: bool = False, transactional: bool = False) -> Explanation:
    """Why reading one item costs what `read_units` says.

    >>> explain_read(4097, consistent=True).summary_line()
    '2 read units: table 2'
    """
    return explain(read_steps(image, consistent=consistent, transactional=transactional))


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
    `failed` are the units of statements that failed in a BatchExecuteStatement: in the total, of no table or index.

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
        for name, by_index in (("GlobalSecondaryIndexes", units.gsi), ("LocalSecondaryIndexes", units.lsi)):
            reply |= {name: {index: dict.fromkeys(names, n) for index, n in by_index.items()}} if by_index else {}
    return reply


def replicated_units(units: Units, regions: int) -> Units:
    """Units of a write to a global table, in all regions together, the local one included.

    The table's are replicated write units; those of global indexes are plain write units, paid in each region.

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

    Of `indexes` the key attributes are held to the same bounds where the item has them; of the local ones the entries
    count too: an item and its entries in them share one limit of 400 KB.

    >>> check_item({"pk": "p", "sk": 7}, "pk", "sk")
    7
    """
    size, tagged = item_size(item), tagging(item)
    for name, most in ((partition_key, limits.PARTITION_KEY_BYTES), (sort_key, limits.SORT_KEY_BYTES)):
        if name is not None:
            _check_key(name, most, item, tagged)
    indexes = tuple(indexes)
    for name in {key for index in indexes for key in index.keys if key in item}:
        most = limits.PARTITION_KEY_BYTES if any(index.keys[0] == name for index in indexes) else limits.SORT_KEY_BYTES
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
