"""Index entries: how an item stands in a secondary index, and what happens there when the item is written.

An index holds an entry for each item that has all of its key attributes: the table's key, the index's key and what is
projected. A write that adds, removes or changes the entry consumes units of the index, one that leaves it as it was
none; an entry whose index key changes is removed in one place and added in another. (AWS:
GSI.ThroughputConsiderations, LSI.ThroughputConsiderations, bp-indexes-general-sparse-indexes.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from workbench.explain import Step
from workbench.numbers import parsed_number
from workbench.sizes import Item, Tagged, binary_content, item_size, tagging


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

    def __post_init__(self) -> None:
        if self.kind not in ("gsi", "lsi"):
            raise ValueError(f"index {self.name}: kind {self.kind!r} is neither 'gsi' nor 'lsi'")
        for what, names in (("keys", self.keys), ("table_keys", self.table_keys)):
            if isinstance(names, str):
                raise ValueError(f"index {self.name}: {what}={names!r} is text; a tuple of one name is ({names!r},)")
        if isinstance(self.projection, str) and self.projection not in ("ALL", "KEYS_ONLY"):
            allowed = "'ALL', 'KEYS_ONLY', or a tuple of names"
            raise ValueError(f"index {self.name}: projection {self.projection!r} is not one of {allowed}")

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


def index_step(before: Item | None, after: Item | None, index: IndexSchema) -> Step:
    """What happens to the item's entry in the index, as a step of the charge: one row of AWS's table.

    >>> by_status = IndexSchema("by-status", "gsi", ("status",), ("pk",))
    >>> index_step({"pk": "a"}, {"pk": "a", "status": "done"}, by_status).rule
    'added'
    """
    old, new = index_entry(before, index), index_entry(after, index)
    rule, names = _row(before, after, old, new, index)
    was, now = (None if entry is None else item_size(entry) for entry in (old, new))
    return Step(rule, was, now, names=names, index=index.name, local=index.kind == "lsi")


def _row(
    before: Item | None, after: Item | None, old: Item | None, new: Item | None, index: IndexSchema
) -> tuple[str, tuple[str, ...]]:
    """The row of the table that a change of an entry falls under, and the key attributes that are missing or change."""
    if old is None or new is None:
        images = [item for item in (before, after) if item is not None]
        missing = tuple(key for key in index.keys if any(key not in item for item in images))
        absent = "swapped" if before and after and _swaps(before, after, index) else "absent"
        return {(True, True): absent, (True, False): "added"}.get((old is None, new is None), "removed"), missing
    was, now = _plain(old), _plain(new)
    moved = tuple(key for key in index.keys if was[key] != now[key])
    return ("moved" if moved else "same" if was == now else "changed"), moved


def _swaps(before: Item, after: Item, index: IndexSchema) -> bool:
    """Whether the item has some keys of the index before and only others after, never all of them."""
    had, has = ({key for key in index.keys if key in item} for item in (before, after))
    return bool(had and has) and not had & has


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
