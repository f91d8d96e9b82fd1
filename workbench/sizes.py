"""Item sizes in bytes, as DynamoDB counts them.

An item weighs its attribute names plus its values: text and binary their bytes, a number about one byte for two
digits, lists and maps three bytes and one for each member. (AWS: CapacityUnitCalculations.) Every judgement about
capacity begins here: units are sizes rounded up.

Items are taken as boto3's client gives them (`{"id": {"S": "x"}}`) or as its resource does (`{"id": "x"}`): an item
whose values are all maps is the former, because a key attribute is never a map. Where the guide says "approximately",
the rule here is the one measured on the service, and the comment says so.

>>> item_size({"shirt-color": "R", "shirt-size": "M"})
23
"""

import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType
from typing import Any

from workbench import limits
from workbench.numbers import float_refused, number_size, short

Item = Mapping[str, Any]
Tagged = Callable[[Any], tuple[str, Any]]  # a value as its type tag and its content


def item_size(item: Item) -> int:
    """Bytes of an item, names included. ValueError names the path of an attribute that DynamoDB would not take.

    >>> item_size({"pk": {"S": "p"}, "l": {"L": []}}), item_size({"pk": "p", "tags": {"a", "bc"}})
    (7, 10)
    >>> item_size({"pk": "p", "address": {"lines": ["x", 1.5]}})
    Traceback (most recent call last):
    ...
    ValueError: address.lines[1]: 1.5 is a float; DynamoDB's numbers are decimal: write Decimal('1.5')
    """
    if not isinstance(item, Mapping):
        raise ValueError(f"{short(item)} is not an item: a mapping of attribute names to values")
    try:
        return _members_size(item, 0, tagging(item)) - len(item)
    except ValueError as error:
        raise _located(error) from None


def value_size(value: Any) -> int:
    """Bytes of one value as boto3's resource gives it, without the name of its attribute.

    >>> value_size("äö"), value_size({"a": [True, None]}), value_size(b"123")
    (4, 12, 3)
    """
    tag, content = _native(value)
    try:
        return _SIZES[tag](content, 1, _native)
    except ValueError as error:
        raise _located(error) from None


def tagging(item: Item) -> Tagged:
    """How the item's values say their type: with a tag, or by being Python's."""
    return _wire if set(map(type, item.values())) == {dict} else _native


def _wire(value: Any) -> tuple[str, Any]:
    try:
        ((tag, content),) = value.items()
    except (AttributeError, ValueError):
        raise ValueError(f"{short(value)} is not one type tag with its content, as {{'S': 'x'}}") from None
    if tag not in _SIZES:
        raise ValueError(f"{short(tag)} is an unknown type tag; known are {', '.join(_SIZES)}")
    return tag, content


def _native(value: Any) -> tuple[str, Any]:
    return _TAGS.get(type(value)) or _uncommon_tag(value), value


_TAGS = {
    str: "S",
    bool: "BOOL",
    int: "N",
    Decimal: "N",
    bytes: "B",
    bytearray: "B",
    NoneType: "NULL",
    list: "L",
    tuple: "L",
    dict: "M",
}


def _uncommon_tag(value: Any) -> str:
    """The tag of a set, of a type derived from a common one, of boto3's Binary."""
    if isinstance(value, Set):
        tags = {_native(element)[0] for element in value}
        if len(tags) > 1 or not tags <= {"S", "N", "B"}:
            raise ValueError(f"a set holds only text, only numbers or only binary, not {', '.join(sorted(tags))}")
        return f"{tags.pop()}S" if tags else "SS"
    for base, tag in {**_TAGS, Mapping: "M"}.items():
        if isinstance(value, base):
            return tag
    if isinstance(getattr(value, "value", None), bytes | bytearray):
        return "B"
    raise ValueError(_refused(value))


def _refused(value: Any) -> str:
    if isinstance(value, float):
        return float_refused(value)
    return f"{short(value)} is of type {type(value).__name__}, which DynamoDB has no attribute type for"


def _inside(step: str, error: ValueError) -> ValueError:
    """The error with one more step in front of its path; `_located` makes the message of both."""
    why, path = error.args if len(error.args) == 2 else (str(error), "")
    return ValueError(why, step + path)


def _located(error: ValueError) -> ValueError:
    why, path = error.args if len(error.args) == 2 else (str(error), "")
    return ValueError(f"{path.removeprefix('.')}: {why}" if path else why)


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _text_size(content: Any, depth: int, tagged: Tagged) -> int:
    if not isinstance(content, str):
        raise ValueError(f"{short(content)} is not text")
    return _utf8(content)


def _binary_size(content: Any, depth: int, tagged: Tagged) -> int:
    return len(binary_content(content))


def binary_content(content: Any) -> bytes | bytearray:
    content = getattr(content, "value", content)  # boto3's Binary
    if isinstance(content, str):  # JSON carries binary as base64; only the bytes behind it count
        return binascii.a2b_base64(content, strict_mode=True)
    if not isinstance(content, bytes | bytearray):
        raise ValueError(f"{short(content)} is not binary: bytes, or base64 text in DynamoDB JSON")
    return content


def _flag_size(content: Any, depth: int, tagged: Tagged) -> int:
    if not isinstance(content, bool):
        raise ValueError(f"{short(content)} is not true or false")
    return 1


def _null_size(content: Any, depth: int, tagged: Tagged) -> int:
    if content not in (None, True):
        raise ValueError(f"{short(content)} is not the content of NULL, which is true")
    return 1


def _list_size(content: Any, depth: int, tagged: Tagged) -> int:
    _check_nesting(content, depth, list | tuple)
    total = 3
    for position, value in enumerate(content):
        try:
            tag, inner = tagged(value)
            total += 1 + _SIZES[tag](inner, depth + 1, tagged)
        except ValueError as error:
            raise _inside(f"[{position}]", error) from None
    return total


def _map_size(content: Any, depth: int, tagged: Tagged) -> int:
    _check_nesting(content, depth, Mapping)
    return 3 + _members_size(content, depth, tagged)


def _members_size(members: Item, depth: int, tagged: Tagged) -> int:
    total = len(members)
    for name, value in members.items():
        if not isinstance(name, str) or not (name or depth):
            raise ValueError(f"{short(name)} is no name of an attribute, which is text of at least one character")
        try:
            tag, content = tagged(value)
            total += _utf8(name) + _SIZES[tag](content, depth + 1, tagged)
        except ValueError as error:
            raise _inside(f".{name}", error) from None
    return total


def _check_nesting(content: Any, depth: int, kind: Any) -> None:
    if not isinstance(content, kind):
        raise ValueError(f"{short(content)} is not the content of a list or map")
    if content and depth >= limits.NESTING_LEVELS:  # the attribute itself is level 1
        raise ValueError(f"nested deeper than {limits.NESTING_LEVELS} levels")


def _set_size(element: str) -> Callable[[Any, int, Tagged], int]:
    """Sets weigh their elements and nothing else: seen on the service, where lists cost 3 bytes and 1 an element."""

    def size(content: Any, depth: int, tagged: Tagged) -> int:
        if not isinstance(content, Set | list | tuple):
            raise ValueError(f"{short(content)} is not the content of a set")
        if not content:
            raise ValueError(f"{short(content)}: a set cannot be empty; leave the attribute out")
        return sum(_SIZES[element](value, depth, tagged) for value in content)

    return size


_SIZES: dict[str, Callable[[Any, int, Tagged], int]] = {
    "S": _text_size,
    "N": lambda content, depth, tagged: number_size(content),
    "B": _binary_size,
    "BOOL": _flag_size,
    "NULL": _null_size,
    "L": _list_size,
    "M": _map_size,
    "SS": _set_size("S"),
    "NS": _set_size("N"),
    "BS": _set_size("B"),
}


def content_size(tag: str, content: Any, tagged: Tagged) -> int:
    """Bytes of a value that is taken apart already."""
    return _SIZES[tag](content, 1, tagged)


@dataclass(frozen=True)
class Refusal:
    """How the service refuses a write for its size: error and message; `reason` if a transaction is cancelled."""

    error: str
    message: str
    reason: str | None = None


_PUTS = {"Put", "PutItem", "BatchWriteItem", "INSERT"}
_UPDATES = {"Update", "UpdateItem", "UPDATE"}
NESTED_SET_BYTES = 9  # one report of a refused 409,592 bytes: the least that explains it; counts for the gate alone


def size_gate(operation: str, image: Item | int, *, statement: int = 0) -> Refusal | None:
    """Why a write of this item would be refused for its size, None if it is accepted: 400 KB, to the byte.

    `operation` is PutItem, BatchWriteItem or UpdateItem; in a transaction TransactWriteItems.Put or .Update; in PartiQL
    ExecuteStatement INSERT or UPDATE. In most regions UpdateItem measures what the statement writes as well: give
    that as `statement` (`update_statement_bytes`); the default is the flat rule of the other regions.

    >>> size_gate("PutItem", 409_600), size_gate("UpdateItem", 409_601).message
    (None, 'Item size to update has exceeded the maximum allowed size')
    """
    action = re.split(r"[. ]", operation)[-1]
    if action not in _PUTS | _UPDATES:
        raise ValueError(f"{operation!r} writes no item that could be too large; known are {sorted(_PUTS | _UPDATES)}")
    size = item_size(image) + NESTED_SET_BYTES * _nested_sets(image) if isinstance(image, Mapping) else image
    if max(size, statement if action == "UpdateItem" else 0) <= limits.ITEM_BYTES:
        return None
    message = f"Item size {'to update ' * (action in _UPDATES)}has exceeded the maximum allowed size"
    # The size of a put is known from the request, that of an update only once the transaction runs.
    if action in _UPDATES and "Transact" in operation:
        return Refusal("TransactionCanceledException", message, "ValidationError")
    return Refusal("ValidationException", message)


def _nested_sets(item: Item) -> int:
    """How many sets stand inside lists and maps."""

    def count(value: Any, tagged: Tagged) -> int:
        tag, content = tagged(value)
        inner = {"M": lambda: content.values(), "L": lambda: content}.get(tag, tuple)()
        return sum(tagged(v)[0] in ("SS", "NS", "BS") or count(v, tagged) for v in inner)

    return sum(count(value, tagging(item)) for value in item.values())


_CLAUSES = {
    "SET": 19,
    "ADD": 19,
    "REMOVE": 1,
    "DELETE": 1,
    "+": 34,
    "-": 37,
    "if_not_exists": 39,
    "list_append": 37,
}


def update_statement_bytes(written: int, clauses: Iterable[str]) -> int:
    """What UpdateItem measures of a statement, as seen in 22 regions: its targets and operands, and fixed costs.

    `written` is the bytes of names and values that the statement writes; `clauses` has a SET, ADD, REMOVE or DELETE for
    each action and a +, -, if_not_exists or list_append for each function. A path as an operand counts 1, and 14 with
    its bytes for each element; as a target, its first name, and 4 with its bytes for each later element.

    >>> update_statement_bytes(409_578, ["SET"])
    409600
    """
    return 3 + written + sum(_CLAUSES[clause] for clause in clauses)
