"""Updates: what an update expression leaves of the items, column by column.

An update pays for the whole item, the larger of before and after, and for each index entry that it changes: so its
cost depends on what it writes. Clauses are applied to the columns of all items at once: values that the design states
are written as they are, others drawn anew from the domain of the attribute. (AWS: Expressions.UpdateExpressions.)

Numbers are counted up, texts replaced, members of maps set. Of what cannot be followed in columns (lists, sets) only
the size is: by as many bytes as are added.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from workbench import expressions, syntax
from workbench.bindings import bound, drawn_anew
from workbench.columns import Chosen, Column, Ints, Lists, Maps, Mask, Numbers, Pooled, constant
from workbench.design import AccessPattern, Action
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.items import Items
from workbench.syntax import Arithmetic, Call, Clause, Node, Path, Value
from workbench.text_columns import Texts

COMPARED = 20_000  # distinct values that are compared one by one

Parts = Sequence[str | int]


def updated(items: Items, entity: EntityItems, pattern: AccessPattern, part: AccessPattern | Action) -> EntityItems:
    """The items as the update of a pattern, or of a member of its transaction, leaves them."""
    names = {**pattern.names, **part.names}
    update = syntax.resolve(expressions.parse_update(part.update or ""), names)
    writer, columns = _Writer(items, entity, pattern, part), dict(entity.columns)
    for clause in update.clauses:
        name, rest = str(clause.path.parts[0]), clause.path.parts[1:]
        after = _placed(columns.get(name), rest, clause, writer)
        if after is None:
            columns.pop(name, None)
        else:
            columns[name] = after
    return replace(entity, columns=columns)


def created(items: Items, entity: EntityItems, pattern: AccessPattern, part: AccessPattern | Action) -> EntityItems:
    """The items as an update creates them, where there were none: their keys, and what it writes."""
    bare = {name: entity.columns[name] for name in entity.table.key_attributes}
    return updated(items, replace(entity, columns=bare), pattern, part)


class _Writer:
    """The values that an update writes into each item."""

    def __init__(self, items: Items, entity: EntityItems, pattern: AccessPattern, part: AccessPattern | Action):
        self.items, self.entity = items, entity
        self.stated = {**pattern.values, **part.values}
        asked = expressions.parse_condition(part.condition) if part.condition else None
        self.asked = syntax.values(asked) if asked else ()
        self.rng = stream(items.seed, "update", pattern.name)
        self.known: dict[str, Column] = {}

    def column(self, node: Node) -> Column:
        """What an operand of the update comes to."""
        return _OPERANDS[type(node)](self, node)

    def value(self, node: Any) -> Column:
        if node.name not in self.known:
            self.known[node.name] = self._value(node.name)
        return self.known[node.name]

    def _value(self, name: str) -> Column:
        """A value that the condition names too is the item's own; any other is stated, the clock, or new."""
        is_clock = name == "now" and name not in self.entity.columns
        found = None
        if name in self.stated or name in self.asked or is_clock:
            found = bound(self.items, self.entity, name, self.stated, {})
        return drawn_anew(self.items, self.entity, name, self.stated, self.rng) if found is None else found

    def path(self, node: Any) -> Column:
        column = self.entity.columns.get(str(node.parts[0]))
        for part in node.parts[1:]:
            column = column.members.get(part) if isinstance(column, Maps) else None
        return constant(0, len(self.entity)) if column is None else column

    def call(self, node: Any) -> Column:
        first, second = (self.column(argument) for argument in node.arguments)
        if node.function == "list_append":
            return Grown(first.present, first, second.sizes - 3)
        return _where_absent(first, second)

    def arithmetic(self, node: Any) -> Column:
        sign = 1 if node.operator == "+" else -1
        return _sum(self.column(node.left), self.column(node.right), sign)


_OPERANDS: dict[type, Any] = {
    Value: _Writer.value,
    Path: _Writer.path,
    Call: _Writer.call,
    Arithmetic: _Writer.arithmetic,
}


# Clauses


def _placed(column: Column | None, rest: Parts, clause: Clause, writer: _Writer) -> Column | None:
    """An attribute after a clause about it, or about the part of it that `rest` names; None if it is no more."""
    if not rest:
        return _CLAUSES[clause.action](column, clause, writer)
    if not isinstance(column, Maps):
        return None if column is None else _changed(column)
    name = str(rest[0])
    after = _placed(column.members.get(name), rest[1:], clause, writer)
    others = {other: member for other, member in column.members.items() if other != name}
    return replace(column, members=others if after is None else others | {name: after})


def _set(column: Column | None, clause: Clause, writer: _Writer) -> Column:
    assert clause.value is not None
    return writer.column(clause.value)


def _remove(column: Column | None, clause: Clause, writer: _Writer) -> None:
    return None


def _add(column: Column | None, clause: Clause, writer: _Writer) -> Column:
    value = _set(column, clause, writer)
    if column is None:
        return value
    more = Grown(column.present, column, value.sizes) if _holds_sets(value) else _sum(column, value, 1)
    return _where_absent(replace(more, present=column.present), value)


def _delete(column: Column | None, clause: Clause, writer: _Writer) -> Column | None:
    """Members taken from a set: the larger image, which counts, is the one before."""
    return None if column is None else _changed(column)


_CLAUSES: dict[str, Any] = {"SET": _set, "REMOVE": _remove, "ADD": _add, "DELETE": _delete}


def _holds_sets(column: Column) -> bool:
    return isinstance(column, Pooled) and isinstance(column.pool[0], set | frozenset)


def _where_absent(column: Column, other: Column) -> Column:
    """The column, and another where an item lacks it."""
    if column.present is None:
        return column
    picks = (~column.present).astype(np.int64)
    return Filled(other.present, (replace(column, present=None), other), picks, column)


def _sum(column: Column, other: Column, sign: int) -> Column:
    """Numbers and what is added to them; where columns cannot say, numbers of the same size."""
    step = other.pool[0] if isinstance(other, Pooled) and len(other.pool) == 1 else None
    if isinstance(step, int | Decimal):
        if isinstance(column, Numbers) and (scaled := Decimal(step).scaleb(column.digits)) == int(scaled):
            return replace(column, steps=column.steps + sign * int(scaled))
        if isinstance(column, Pooled) and all(isinstance(value, int | Decimal) for value in column.pool):
            return replace(column, pool=[value + sign * step for value in column.pool])
    return _changed(column)


@dataclass(frozen=True)
class Filled(Chosen):
    """A column with other values where items lacked it."""

    base: Column


@dataclass(frozen=True)
class Grown(Column):
    """Values that were changed, of which only the sizes are known: so many bytes more."""

    base: Column
    more: Ints

    def __len__(self) -> int:
        return len(self.base)

    @property
    def is_text(self) -> bool:
        return self.base.is_text

    def _value_sizes(self) -> Ints:
        return self.base._value_sizes() + self.more

    def _value_codes(self) -> Ints:
        return self.base._value_codes()

    def _values(self, index: Ints) -> list[Any]:
        return self.base._values(index)

    def _select(self, index: Ints) -> Column:
        return replace(self, base=self.base.select(index), more=self.more[index])


def _changed(column: Column) -> Column:
    """Other values of the same sizes."""
    return Grown(column.present, column, np.zeros(len(column), dtype=np.int64))


# Before and after


def unequal(one: Column | None, other: Column | None, count: int) -> Mask:
    """For which of so many items the values of an attribute differ.

    In more than 20,000 items, values of which there are as many are taken to differ.
    """
    if one is other:
        return np.zeros(count, dtype=bool)
    was, now = (_there(column, count) for column in (one, other))
    if one is None or other is None:
        return was | now
    if isinstance(other, Filled) and other.base is one:
        return was != now
    return (was != now) | (was & now & _values_differ(one, other))


def _there(column: Column | None, count: int) -> Mask:
    if column is None or column.present is not None:
        return np.zeros(count, dtype=bool) if column is None else column.present  # type: ignore[return-value]
    return np.ones(count, dtype=bool)


def _values_differ(one: Column, other: Column) -> Mask:
    known: dict[Any, int] = {}
    codes = [_common_codes(column, known) for column in (one, other)]
    return np.ones(len(one), dtype=bool) if codes[0] is None or codes[1] is None else codes[0] != codes[1]


def _common_codes(column: Column, known: dict[Any, int]) -> Ints | None:
    """A number for each value, the same in all columns that are numbered with `known`; None if that takes too long."""
    many = len(column) > COMPARED
    if isinstance(column, Grown) or (many and isinstance(column, Texts | Lists | Maps | Chosen)):
        return None
    _, first, inverse = np.unique(column.codes, return_index=True, return_inverse=True)
    if len(first) > COMPARED:
        return None
    codes = [known.setdefault(_hashable(value), len(known)) for value in column._values(first)]
    return np.array(codes, dtype=np.int64)[inverse.reshape(len(column))]


def _hashable(value: Any) -> Any:
    """Something to know a value by: 1 is not true, and lists have no hash."""
    if isinstance(value, set | frozenset):
        return frozenset(value)
    return repr(value) if isinstance(value, list | dict | bool) else value
