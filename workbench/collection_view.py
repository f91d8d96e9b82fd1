"""The item-collection view: a table, or an index, drawn as its item collections.

An item collection is all items with one partition key: they lie together, in the order of their sort key, and one Query
reads them. A list of items hides that. Here each collection is one block, its partition key standing once beside its
items; an item names its own attributes, because in DynamoDB items of one table need share nothing but their key. An
index is drawn by its own key, with what it projects; items that lack a key attribute of it are not in it. (AWS:
HowItWorks.CoreComponents, WorkingWithItemCollections, bp-indexes-general-sparse-indexes.)
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.columns import Ints, combine
from workbench.design import Design
from workbench.entities import EntityItems
from workbench.items import Items, items_of
from workbench.pictures import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW
from workbench.results import Result
from workbench.ring import KeyValue, PartitionKeys, projected
from workbench.sizes import item_size

if TYPE_CHECKING:
    import pandas as pd

COLLECTIONS, PER_COLLECTION = 6, 3
VALUE, KEY = 28, 48  # characters that are shown of a value or a name, and of a key
ATTRIBUTES = 10  # of an item
HTML_BYTES = 40_000  # of the blocks of all collections; what would pass it is counted, not drawn
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
_STYLE = """\
<style>
.wb-collections table.wb-c{border-collapse:collapse;color:var(--jp-ui-font-color1,inherit);font-size:12px}
.wb-collections table.wb-c tr:nth-child(n){background:transparent}
.wb-collections table.wb-c :is(th,td){border:1px solid var(--jp-border-color1,#8888);padding:2px 8px;\
text-align:left;vertical-align:top;white-space:nowrap}
.wb-collections table.wb-c thead th{vertical-align:bottom}
.wb-collections table.wb-c tbody{border-top:3px solid var(--jp-border-color1,#8888)}
.wb-collections{overflow-x:auto}
.wb-collections table.wb-c :is(small,th[scope=row]){font-weight:normal}
.wb-collections table.wb-c small{display:block;color:var(--jp-ui-font-color2,inherit)}
.wb-collections table.wb-c i{color:var(--jp-ui-font-color2,inherit)}
</style>"""


@dataclass(frozen=True)
class Item:
    """An item, or its entry in an index, as it is shown: its entity, attributes as Python values, and bytes."""

    entity: str
    attributes: Mapping[str, Any]
    bytes: int


@dataclass(frozen=True)
class Collection:
    """One item collection: its partition key, the items shown in sort key order, and how many there are by entity."""

    key: KeyValue
    items: tuple[Item, ...]
    counts: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many items it has."""
        return sum(self.counts.values())

    def hidden(self, entity: str) -> int:
        """How many items of an entity are not shown."""
        return self.counts[entity] - sum(item.entity == entity for item in self.items)


@dataclass(frozen=True, repr=False)
class ItemCollections(Result):
    """Some of the item collections of a table or index, and how many collections and items there are in all."""

    table: str
    index: str | None
    partition_key: tuple[str, ...]
    sort_key: tuple[str, ...]
    collections: tuple[Collection, ...]
    total_collections: int
    total_items: int
    absent: int  # items of the table that are not in the index
    entities: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The attributes of the partition key and the sort key."""
        return self.partition_key + self.sort_key

    def summary_line(self) -> str:
        where = f"index {self.index} of {self.table}" if self.index else self.table
        if not self.total_items:
            return f"{where}: no items{self._sparse()}"
        shown = "all" if len(self.collections) == self.total_collections else f"{len(self.collections):,}"
        what = "entries" if self.index else "items"
        held = f"{self.total_items:,} {what} in {self.total_collections:,} item collections"
        return f"{where}: {held}, {shown} shown{self._sparse()}"

    @property
    def columns(self) -> int:
        """How many attributes stand beside each other at most."""
        most = max((len(i.attributes.keys() - {*self.keys}) for c in self.collections for i in c.items), default=0)
        return min(max(most, 1), ATTRIBUTES + 1)

    def _sparse(self) -> str:
        return f"; {self.absent:,} items of the table are not in it: they lack {' or '.join(self.keys)}" * bool(
            self.absent
        )

    def to_frame(self) -> "pd.DataFrame":
        """A line per item shown: its key, its entity, its other attributes (missing where it lacks them), its bytes."""
        import pandas as pd

        shown = [item for collection in self.collections for item in collection.items]
        others = dict.fromkeys(name for item in shown for name in item.attributes if name not in self.keys)
        lines = [
            [
                *(item.attributes[name] for name in self.keys),
                item.entity,
                *map(item.attributes.get, others),
                item.bytes,
            ]
            for item in shown
        ]
        entity, size = _free("entity", {*self.keys, *others}), _free("item_bytes", {*self.keys, *others})
        return pd.DataFrame(lines, columns=[*self.keys, entity, *others, size])

    def _html(self, rows: int) -> str:
        blocks, cut = _fitting(_block(self, collection) for collection in self.collections)
        more = (
            f"<p>{cut:,} not drawn, to keep this small: ask for fewer collections, or items of each.</p>" if cut else ""
        )
        table = f"<table class='wb-c'>{_head(self)}{''.join(blocks)}</table>"
        return f"<div class='wb-collections'>{_STYLE}<b>{escape(self.summary_line())}</b>{table}{more}</div>"


def _free(name: str, taken: AbstractSet[str]) -> str:
    """The name of a column of our own: another one where an attribute has it."""
    return _free(f"{name}_", taken) if name in taken else name


# Making it


def item_collections(
    items: Items | Design,
    table: str | None = None,
    index: str | None = None,
    *,
    collections: int | Sequence[Any] = COLLECTIONS,
    per_collection: int = PER_COLLECTION,
) -> ItemCollections:
    """A table, or one of its indexes, as item collections: the view in which a single-table design is read.

    Of a design, its generated items are shown. `table` may be left out where there is one. `collections` is how many
    are shown, some of each kind (which entities they hold), or the partition keys of those to show; `per_collection`
    how many items of each entity.
    ValueError names the tables, indexes and keys that there are.
    """
    items = items_of(items)
    keys = PartitionKeys(items, _only_table(items) if table is None else table, index)
    _check_counts(collections, per_collection)
    entities = items.in_table(keys.table.name)
    counts = np.array([_counted(keys, entity) for entity in entities]).reshape(len(entities), len(keys))
    shown = _spread(counts, collections) if isinstance(collections, int) else _named(keys, collections)
    total = int(counts.sum())
    return ItemCollections(
        keys.table.name,
        index,
        *keys.table.keys(index),
        tuple(_collection(keys, entities, counts, number, per_collection) for number in shown),
        len(keys),
        total,
        sum(map(len, entities)) - total,
        tuple(entity.name for entity in entities),
    )


def _only_table(items: Items) -> str:
    names = list(items.design.tables)
    if len(names) != 1:
        raise ValueError(f"{items.design.name} has {len(names)} tables: name one of {', '.join(names)}")
    return names[0]


def _check_counts(collections: Any, per_collection: Any) -> None:
    if isinstance(collections, str | bytes):
        raise ValueError(f"collections={collections!r} is one key: give a list of keys, [{collections!r}], or a number")
    for name, value in (("collections", collections), ("per_collection", per_collection)):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if not whole and not (name == "collections" and isinstance(value, Sequence)):
            raise ValueError(f"{name}={value!r}: a whole number from 1")


def _counted(keys: PartitionKeys, entity: EntityItems) -> Ints:
    """How many items of an entity each partition key has."""
    numbers = keys.of[entity.name]
    return np.bincount(numbers[numbers >= 0], minlength=len(keys))


def _spread(counts: Ints, wanted: int) -> list[int]:
    """The numbers of so many collections, of each kind as many, in the order in which keys were met."""
    kinds: dict[bytes, list[int]] = {}
    for number, held in enumerate((counts > 0).T):
        kinds.setdefault(held.tobytes(), []).append(number)
    dealt = chain.from_iterable(zip_longest(*(numbers[:wanted] for numbers in kinds.values())))
    return sorted(islice((number for number in dealt if number is not None), wanted))


def _named(keys: PartitionKeys, wanted: Sequence[Any]) -> list[int]:
    known = {label: number for number, label in enumerate(keys.labels())}
    texts = [", ".join(map(_label, key if isinstance(key, tuple) else (key,))) for key in wanted]
    if unknown := [text for text in texts if text not in known]:
        there = f"the first are {', '.join(islice(known, 3))}" if known else "there are none"
        raise ValueError(f"no item has the partition key {unknown[0]!r}; {there}")
    return [known[text] for text in texts]


def _label(part: Any) -> str:
    return part.hex() if isinstance(part, bytes) else str(part)


def _collection(
    keys: PartitionKeys, entities: Sequence[EntityItems], counts: Ints, number: int, most: int
) -> Collection:
    sort = keys.table.keys(keys.index.name if keys.index else None)[1]
    kept = projected(keys.table, keys.index) if keys.index else None
    held = {entity.name: int(n) for entity, n in zip(entities, counts[:, number], strict=True) if n}
    found: list[Item] = []
    for entity in (entity for entity in entities if entity.name in held):
        places = np.flatnonzero(keys.of[entity.name] == number)
        codes = combine([entity.columns[name].codes[places] for name in sort], len(places))
        for item in entity.take(places[np.argsort(codes, kind="stable")[:most]]):
            attributes = {name: value for name, value in item.items() if kept is None or name in kept}
            found.append(Item(entity.name, attributes, item_size(attributes)))
    found.sort(key=lambda item: [item.attributes[name] for name in sort])
    return Collection(keys.values[number], tuple(found), held)


# Drawing it


def _fitting(blocks: Iterator[str]) -> tuple[list[str], int]:
    """The blocks that fit into the size of the view, and how many do not."""
    found, size, cut = list[str](), 0, 0
    for block in blocks:
        size += len(block.encode())
        if size <= HTML_BYTES:
            found.append(block)
        else:
            cut += 1
    return found, cut


def _head(view: ItemCollections) -> str:
    sort = f"<th scope='col'><small>sort key</small>{_text(', '.join(view.sort_key))}</th>" if view.sort_key else ""
    first = f"<th scope='col'><small>partition key</small>{_text(', '.join(view.partition_key))}</th>"
    attributes = f"<th scope='colgroup' colspan='{view.columns}'>attributes</th>"
    return f"<thead><tr>{first}{sort}<th scope='col'>entity</th>{attributes}</tr></thead>"


def _block(view: ItemCollections, collection: Collection) -> str:
    """One collection: its partition key once, beside its items; what is not shown is counted where it would stand."""
    rows = list(_rows(view, collection))
    items = f"{collection.count:,} item{'s' * (collection.count != 1)}"
    shown = ", ".join(shown_value(part, KEY) for part in collection.key)
    key = f"<th scope='rowgroup' rowspan='{len(rows)}'>{escape(shown)}<small>{items}</small></th>"
    return f"<tbody><tr>{key}{'</tr><tr>'.join(rows)}</tr></tbody>"


def _rows(view: ItemCollections, collection: Collection) -> Iterator[str]:
    last = {item.entity: place for place, item in enumerate(collection.items)}
    for place, item in enumerate(collection.items):
        sort = ", ".join(shown_value(item.attributes[name], KEY) for name in view.sort_key)
        yield f"<th scope='row'>{escape(sort)}</th>" * bool(view.sort_key) + _entity(view, item) + _cells(view, item)
        if last[item.entity] == place and (more := collection.hidden(item.entity)):
            width = view.columns + 1 + bool(view.sort_key)
            yield f"<td colspan='{width}'><i>… {more:,} more {_text(item.entity)}</i></td>"


def _entity(view: ItemCollections, item: Item) -> str:
    colour = COLOURS[view.entities.index(item.entity) % len(COLOURS)]
    return f"<td style='border-left:6px solid {colour}'>{_text(item.entity)}</td>"


def _cells(view: ItemCollections, item: Item) -> str:
    """The attributes beside the key, each with its name above its value."""
    others = [(name, value) for name, value in item.attributes.items() if name not in view.keys]
    cells = [f"<td><small>{_text(name)}</small>{escape(shown_value(value))}</td>" for name, value in others]
    more = f"<td><i>… {len(cells) - ATTRIBUTES:,} more</i></td>" if len(cells) > ATTRIBUTES else ""
    return "".join(cells[:ATTRIBUTES]) + more


def _text(text: str) -> str:
    return escape(_cut(text, VALUE))


def _cut(text: str, most: int) -> str:
    """Long text cut to so many characters and how many there were, unless the mark would be as long as what it cuts."""
    cut = f"{text[:most]}… ({len(text):,} characters)"
    return cut if len(text) > len(cut) else text


def shown_value(value: Any, most: int = VALUE) -> str:
    """A value as people read it, cut with a mark where it is long: text bare, binary as base64, sets in braces.

    >>> shown_value("OPEN"), shown_value(b"ab"), shown_value({2, 1}), shown_value([1, {"a": None}])
    ('OPEN', 'base64 YWI=', '{1, 2}', '[1, {"a": null}]')
    >>> shown_value("x" * 2048, most=3), shown_value(b"abcdef", most=4)
    ('xxx… (2,048 characters)', 'base64 YWJj… (6 bytes)')
    """
    for kind, show in _SHOWN:
        if isinstance(value, kind):
            return show(value, most)
    return _cut(json.dumps(value, default=_plain, ensure_ascii=False), most)


def _binary(value: bytes, most: int) -> str:
    kept = value[: most * 3 // 4]  # three bytes are four characters
    return f"base64 {base64.b64encode(kept).decode()}" + (f"… ({len(value):,} bytes)" if len(value) > len(kept) else "")


def _set(value: AbstractSet[Any], most: int) -> str:
    return _cut(f"{{{', '.join(map(shown_value, sorted(value)))}}}", most)


_SHOWN: tuple[tuple[Any, Callable[[Any, int], str]], ...] = (
    (str, _cut),
    (bytes | bytearray, _binary),
    (AbstractSet, _set),
    (Decimal, lambda value, most: f"{value:f}"),
)


def _plain(value: Any) -> Any:
    """What JSON lacks, inside lists and maps."""
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else shown_value(value)
