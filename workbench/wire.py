"""Items as the text that DynamoDB's API takes, written column by column, without a dictionary in between.

A load sends every item once and looks at none: making dictionaries first and walking through them costs four times as
much as writing the text from the columns. The text is the same as that of `descriptors.to_item` (AWS:
Programming.LowLevelAPI, "data type descriptors").
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workbench import limits
from workbench.columns import ABSENT, Column, Ints, Numbers, Pooled
from workbench.descriptors import to_wire
from workbench.entities import EntityItems

BLOCK_ITEMS, BLOCK_BYTES = 1_000, 4 * limits.MB  # written at a time: bounds memory, however many or large items are

_quoted = json.encoder.encode_basestring  # type: ignore[attr-defined]  # json.dumps of a str, without its detour


def put_batches(name: str, entity: EntityItems, index: Ints) -> Iterator[tuple[bytes, int]]:
    """BatchWriteItem bodies that put the items at `index` into the table `name`, and how many items each puts."""
    for block in _blocks(entity, index):
        texts = item_texts(entity, block)
        for start in range(0, len(texts), limits.BATCH_WRITE_ITEMS):
            batch = texts[start : start + limits.BATCH_WRITE_ITEMS]
            puts = '}},{"PutRequest":{"Item":'.join(batch)
            yield f'{{"RequestItems":{{{_quoted(name)}:[{{"PutRequest":{{"Item":{puts}}}}}]}}}}'.encode(), len(batch)


def _blocks(entity: EntityItems, index: Ints) -> Iterator[Ints]:
    """The index in pieces of whole batches, of so many items or, where they are large, of about so many bytes."""
    batch = limits.BATCH_WRITE_ITEMS
    largest = int(entity.sizes[index].max(initial=1))
    length = max(batch, min(BLOCK_ITEMS, BLOCK_BYTES // largest) // batch * batch)
    for start in range(0, len(index), length):
        yield index[start : start + length]


def item_texts(entity: EntityItems, index: Ints) -> list[str]:
    """The items at `index`, each as the text of its DynamoDB JSON."""
    forms, cells = zip(*(_member(name, column, index) for name, column in entity.columns.items()), strict=True)
    template = "".join(forms)  # a comma before each member, the first too: any may be absent
    return ["{" + (template % row)[1:] + "}" for row in zip(*cells, strict=True)]


def _member(name: str, column: Column, index: Ints) -> tuple[str, list[Any]]:
    """How a member stands in the template of an item, and what is filled in for each item."""
    form, write = _form(column)
    form = f",{_quoted(name).replace('%', '%%')}:{form}"
    if column.present is None:
        return form, _written(column, write, index)
    return "%s", ["" if value is ABSENT else form % write(value) for value in column.take(index)]


def _form(column: Column) -> tuple[str, Callable[[Any], Any]]:
    if column.is_text:
        return '{"S":%s}', _quoted
    if isinstance(column, Numbers) and not column.digits:
        return '{"N":"%s"}', int
    return "%s", wire_text


def _written(column: Column, write: Callable[[Any], Any], index: Ints) -> list[Any]:
    """Every value written; of a small pool each only once."""
    if isinstance(column, Pooled) and len(column.pool) < len(index):
        written = np.array([write(value) for value in column.pool], dtype=object)
        return written[column.picks[index]].tolist()
    return list(map(write, column.take(index)))


def wire_text(value: Any) -> str:
    """A Python value as the text of DynamoDB JSON; binary is base64.

    >>> wire_text([1, b"ab"])
    '{"L":[{"N":"1"},{"B":"YWI="}]}'
    """
    return json.dumps(to_wire(value), default=_base64, separators=(",", ":"), ensure_ascii=False)


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
