"""The hash ring: where items stand in a table, and which of them stand together.

DynamoDB hashes an item's partition key and keeps the items of a table, and again those of each global index, in the
order of that hash: a ring. A partition holds one contiguous range of it, never "hash modulo N", which would re-deal
the whole table whenever a partition splits. All items of one partition key, an item collection, have the same hash
and stand together, ordered by sort key. (AWS: HowItWorks.Partitions, bp-partition-key-design.)

AWS does not publish the hash. MD5 of "Outliers" and the key's bytes reproduces the order in which the service was seen
to scan, and its 4,096 scan segments; that is reverse-engineered, not a contract. A placement shown with it is likely,
not promised: give a `seed` for another one. What holds for several seeds does not hang on the placement.
"""

import hashlib
from collections.abc import Callable, Sequence
from copy import copy
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.columns import Column, Ints, Mask, combine
from workbench.entities import EntityItems
from workbench.entries import IndexSchema
from workbench.items import Items
from workbench.numbers import number_key_bytes
from workbench.schema import Index, Table

KeyPart = str | int | float | Decimal | bytes
KeyValue = tuple[KeyPart, ...]  # one part, but for global indexes with up to four partition key attributes
UNMET = -1


# The hash


def key_bytes(value: KeyPart) -> bytes:
    """The bytes of a key value that are hashed: UTF-8, the bytes themselves, or a number in base 100.

    >>> key_bytes("a"), key_bytes(1)
    (b'a', b'\\xc1\\x02')
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"{value!r} is no key value: a key is text, a number or binary")
    return number_key_bytes(Decimal(repr(value)) if isinstance(value, float) else value)


def key_hash(value: KeyPart | KeyValue, *, seed: int | None = None) -> int:
    """Where a partition key stands on the ring, from 0 to 2**128 - 1; with a seed, on another ring.

    A tuple is a key of several attributes; that their bytes are hashed together, joined, is an inference.

    >>> sorted("0123456789", key=key_hash)[:3], key_hash("a") == key_hash(("a",))
    (['2', '8', '9'], True)
    """
    return int.from_bytes(_digest(value if isinstance(value, tuple) else (value,), seed), "big")


def _digest(value: KeyValue, seed: int | None) -> bytes:
    joined = b"".join(map(key_bytes, value))
    if seed is None:
        return hashlib.md5(b"Outliers" + joined, usedforsecurity=False).digest()
    return hashlib.blake2b(joined, digest_size=16, salt=seed.to_bytes(16, "big", signed=True)).digest()


def partition_of(hashes: ArrayLike, partitions: int) -> Ints:
    """The partition (0 the first) of each hash, given as its upper 64 bits; the ring is cut into equal ranges.

    >>> partition_of([0, 2**62 - 1, 2**62, 2**64 - 1], 4).tolist()
    [0, 0, 1, 3]
    """
    if partitions < 1:
        raise ValueError(f"partitions={partitions}: a table has at least 1")
    whole = np.asarray(hashes, dtype=np.uint64)
    high, low = whole >> np.uint64(32), whole & np.uint64(2**32 - 1)
    count = np.uint64(partitions)
    return ((high * count + (low * count >> np.uint64(32))) >> np.uint64(32)).astype(np.int64)


# What stands on it


def is_in(entity: EntityItems, index: Index | None) -> Mask:
    """Which items of an entity are in an index: those with all of its key attributes. None is the table itself."""
    return entity.key_codes(index.key_attributes if index else ()) >= 0


def entry_sizes(entity: EntityItems, index: Index | None) -> Ints:
    """Bytes of each item's entry in an index, of the attributes that it projects; of the table, of the item."""
    kept = projected(entity.table, index) if index else None
    if kept is None:
        return entity.sizes
    sizes = np.zeros(len(entity), dtype=np.int64)
    for name in kept & entity.columns.keys():
        column = entity.columns[name]
        sizes += column.sizes + len(name.encode()) * (1 if column.present is None else column.present)
    return sizes


def projected(table: Table, index: Index) -> frozenset[str] | None:
    """The attributes of an index's entries; None for all."""
    schema = IndexSchema(index.name, index.kind, index.key_attributes, table.key_attributes, index.projection)
    return schema.attributes


class PartitionKeys:
    """The distinct partition keys of a table or index, numbered in the order they are met, and the items under each.

    `of[entity]` gives the number of each item's key, -1 where the item is not in the index. Only distinct keys are
    made into values: a million items under a thousand keys cost a thousand strings.
    """

    def __init__(self, items: Items, table: str, index: str | None = None):
        self.items, self.table, self.index = items, *_located(items, table, index)
        self.attributes = self.table.keys(index)[0]
        self.values: list[KeyValue] = []
        self._numbers: dict[KeyValue, int] = {}
        self._made: dict[Any, Any] = {}
        self.of: dict[str, Ints] = {e.name: self.under(e) for e in items.in_table(table)}
        self._stored = len(self.values)

    def copy(self, items: Items) -> "PartitionKeys":
        """The same keys for the same items, under a design that may ask other things of them.

        Keys that requests add are added to the copy alone; what is made of the others is made once.
        """
        found = copy(self)
        if any(items.entities[name] is not self.items.entities[name] for name in self.of):
            found._made = {what: made for what, made in self._made.items() if what != "held"}
        found.items, found.table, found.index = items, *_located(items, self.table.name, self.index and self.index.name)
        found.values, found._numbers = list(self.values), dict(self._numbers)
        return found

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def ring_index(self) -> str | None:
        """The global index whose ring this is; None for the table's, which its local indexes share."""
        return self.index.name if self.index and self.index.kind == "gsi" else None

    def under(self, entity: EntityItems, *, least: int = 1) -> Ints:
        """The number of each item's key, -1 where it has none here; a new key counts if `least` items have it."""
        numbers = np.full(len(entity), UNMET, dtype=np.int64)
        there = np.flatnonzero(is_in(entity, self.index))
        if len(there):
            numbers[there] = self.numbers([entity.columns[a].select(there) for a in self.attributes], least=least)
        return numbers

    def numbers(self, columns: Sequence[Column], *, least: int = 1) -> Ints:
        """The number of each key value, given a column for each attribute; unknown ones met `least` times are added."""
        codes = combine([column.codes for column in columns], len(columns[0]))
        _, first, inverse, times = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
        values = zip(*(column.take(first) for column in columns), strict=True)
        if not self.values and least == 1:
            known = self._number_all(list(values))
        else:
            known = [self.number(value, add=met >= least) for value, met in zip(values, times.tolist(), strict=True)]
        return np.array(known, dtype=np.int64)[inverse.reshape(len(codes))]

    def _number_all(self, values: list[KeyValue]) -> list[int]:
        """The numbers of the first values: as `number` gives them, without asking for each."""
        self.values = list(dict.fromkeys(values))
        self._numbers = dict(zip(self.values, range(len(self.values)), strict=True))
        return list(map(self._numbers.__getitem__, values))

    def number(self, value: KeyValue, *, add: bool = False) -> int:
        """The number of a key value; -1 if no item and no request has it, unless it is to be added."""
        found = self._numbers.get(value, UNMET)
        if found == UNMET and add:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
        return found

    def labels(self) -> tuple[str, ...]:
        """Each key as text."""
        added = tuple(map(_joined, self.values[self._stored :]))
        return self._once("labels", lambda: tuple(map(_joined, self.values[: self._stored]))) + added

    def hashes(self, seed: int | None = None) -> NDArray[np.uint64]:
        """The upper 64 bits of each key's place on the ring."""
        stored = self._once(seed, lambda: _hashes(self.values[: self._stored], seed))
        return np.concatenate([stored, _hashes(self.values[self._stored :], seed)])

    def placed(self, partitions: int, seed: int | None = None) -> Ints:
        """The partition of each key, of so many that are equal ranges of the ring."""
        stored = self._once((seed, partitions), lambda: partition_of(self.hashes(seed)[: self._stored], partitions))
        if len(self.values) == self._stored:
            return stored
        return np.concatenate([stored, partition_of(self.hashes(seed)[self._stored :], partitions)])

    def held(self) -> tuple[Ints, Ints]:
        """Items and bytes under each key."""
        added = np.zeros(len(self.values) - self._stored, dtype=np.int64)
        count, size = self._once("held", self._held)
        return np.concatenate([count, added]), np.concatenate([size, added])

    def _held(self) -> tuple[Ints, Ints]:
        count, size = np.zeros(self._stored), np.zeros(self._stored)
        for entity in self.items.in_table(self.table.name):
            numbers = self.of[entity.name]
            there = numbers != UNMET
            count += np.bincount(numbers[there], minlength=self._stored)
            size += np.bincount(numbers[there], entry_sizes(entity, self.index)[there], minlength=self._stored)
        return count.astype(np.int64), size.astype(np.int64)

    def _once(self, what: object, make: Callable[[], Any]) -> Any:
        """What is made of the keys that items have, once for all copies."""
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]


def keys_of(items: Items, table: str, index: str | None = None) -> PartitionKeys:
    """The partition keys of a table or index; asked for again, those that were made, as far as items have them."""
    there = items.in_table(table)
    made = items.keys.get((table, index))
    if made is None or [id(e) for e in made.items.in_table(table)] != [id(e) for e in there]:
        made = items.keys[table, index] = PartitionKeys(items, table, index)
    return made.copy(items)


def _hashes(values: Sequence[KeyValue], seed: int | None) -> NDArray[np.uint64]:
    if seed is None and all(len(value) == 1 and type(value[0]) is str for value in values):  # the usual, at once
        texts = [b"Outliers" + value[0].encode() for value in values]  # type: ignore[union-attr]
        digests = b"".join([hashlib.md5(text, usedforsecurity=False).digest() for text in texts])
    else:
        digests = b"".join(_digest(value, seed) for value in values)
    return np.frombuffer(digests, dtype=">u8")[::2].astype(np.uint64)


def _joined(value: KeyValue) -> str:
    return ", ".join(map(_label, value))


def _label(value: KeyPart) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _located(items: Items, table: str, index: str | None) -> tuple[Table, Index | None]:
    """The table and index of these names; ValueError names those that there are."""
    tables = items.design.tables
    if table not in tables:
        raise ValueError(f"{items.design.name} has no table {table!r}; its tables are {', '.join(tables)}")
    indexes = tables[table].indexes
    if index is not None and index not in indexes:
        known = f"its indexes are {', '.join(indexes)}" if indexes else "it has none"
        raise ValueError(f"table {table} has no index {index!r}; {known}")
    return tables[table], indexes[index] if index is not None else None
