"""Values of many items at once: a column per attribute, built into Python values only where somebody looks.

A million items as dictionaries cost minutes and gigabytes; as columns they cost a second. A column knows three things
about its values without making them: how many bytes each takes in DynamoDB (`sizes`), which are equal and in which
order they stand (`codes`), and how to make the few that are asked for (`take`). Text stands in shared pools.

Arrays are one value an item; sizes are bytes as DynamoDB counts them (AWS: capacity-unit-calculations).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.keys import format_value
from workbench.numbers import integer_sizes
from workbench.sizes import value_size

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class _Absent:
    """Stands where an item lacks the attribute."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


@dataclass(frozen=True)
class Column:
    """What every column has; `present` is None where every item has the attribute."""

    present: Mask | None

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def is_text(self) -> bool:
        """Whether its values are strings."""
        return True

    @cached_property
    def sizes(self) -> Ints:
        """Bytes of each value, 0 where the item lacks it."""
        sizes = self._value_sizes()
        return sizes if self.present is None else np.where(self.present, sizes, 0)

    @cached_property
    def codes(self) -> Ints:
        """A number for each value: equal values have equal numbers, larger values larger ones; -1 where absent."""
        codes = self._value_codes()
        return codes if self.present is None else np.where(self.present, codes, -1)

    def take(self, index: Ints) -> list[Any]:
        """The values of the items at `index`, ABSENT where an item lacks it."""
        values = self._values(index)
        if self.present is None:
            return values
        return [v if there else ABSENT for v, there in zip(values, self.present[index].tolist(), strict=True)]

    def select(self, index: Ints) -> "Column":
        """The column of the items at `index`."""
        present = None if self.present is None else self.present[index]
        return replace(self._select(index), present=present)

    def where(self, mask: Mask | None) -> "Column":
        """The column with the attribute absent outside `mask`."""
        if mask is None:
            return self
        return replace(self, present=mask if self.present is None else self.present & mask)

    def _value_sizes(self) -> Ints:
        raise NotImplementedError

    def _value_codes(self) -> Ints:
        raise NotImplementedError

    def _values(self, index: Ints) -> list[Any]:
        raise NotImplementedError

    def _select(self, index: Ints) -> "Column":
        raise NotImplementedError


@dataclass(frozen=True)
class Pooled(Column):
    """Values from a pool of distinct ones: constants, choices, names, rows; the pool stands in order."""

    pool: Sequence[Any]
    picks: Ints

    def __len__(self) -> int:
        return len(self.picks)

    @property
    def is_text(self) -> bool:
        return all(isinstance(value, str) for value in self.pool)

    def _value_sizes(self) -> Ints:
        sizes = [len(v) if type(v) is str and v.isascii() else value_size(v) for v in self.pool]
        return np.array(sizes, dtype=np.int64)[self.picks]

    def _value_codes(self) -> Ints:
        return self.picks

    def _values(self, index: Ints) -> list[Any]:
        return [self.pool[i] for i in self.picks[index].tolist()]

    def _select(self, index: Ints) -> Column:
        return replace(self, picks=self.picks[index])


def constant(value: Any, count: int) -> Pooled:
    """A column of one value."""
    return Pooled(None, [value], np.zeros(count, dtype=np.int64))


@dataclass(frozen=True)
class Numbers(Column):
    """Numbers in steps of 10**-digits: 4.25 with two digits stands as 425."""

    steps: Ints
    digits: int = 0

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def is_text(self) -> bool:
        return False

    def _value_sizes(self) -> Ints:
        # Sizes follow base-100 digits, so that only an odd number of decimals shifts the pairs.
        return integer_sizes(self.steps * 10 if self.digits % 2 else self.steps)

    def _value_codes(self) -> Ints:
        return self.steps - min(0, int(self.steps.min(initial=0)))

    def _values(self, index: Ints) -> list[Any]:
        steps = self.steps[index].tolist()
        return steps if not self.digits else [Decimal(step).scaleb(-self.digits) for step in steps]

    def _select(self, index: Ints) -> Column:
        return replace(self, steps=self.steps[index])


@dataclass(frozen=True)
class Ordinals(Column):
    """Text made of a running number: `p-0007`. `width` is the least number of digits."""

    numbers: Ints
    before: str = ""
    width: int = 1
    after: str = ""

    def __len__(self) -> int:
        return len(self.numbers)

    def _value_sizes(self) -> Ints:
        literal = len((self.before + self.after).encode())
        return literal + digit_counts(self.numbers, self.width)

    def _value_codes(self) -> Ints:
        return self.numbers

    def _values(self, index: Ints) -> list[Any]:
        before, after, width = self.before, self.after, self.width
        return [f"{before}{n:0{width}}{after}" for n in self.numbers[index].tolist()]

    def _select(self, index: Ints) -> Column:
        return replace(self, numbers=self.numbers[index])


_POWERS = 10 ** np.arange(1, 19, dtype=np.int64)


def digit_counts(numbers: Ints, least: int = 1) -> Ints:
    """How many characters each number takes in text, its sign included, if it is written with `least` at the least.

    >>> digit_counts(np.array([0, 9, 10, -5])).tolist(), digit_counts(np.array([7, 123]), 2).tolist()
    ([1, 1, 2, 2], [2, 3])
    """
    lowest, highest = int(numbers.min(initial=2**62)), int(numbers.max(initial=0))
    if lowest < 0:
        return np.maximum(digit_counts(np.abs(numbers)) + (numbers < 0), least)
    fewest = max(len(str(lowest)), least)
    counts = np.full(len(numbers), fewest, dtype=np.int64)
    for power in _POWERS[fewest - 1 : np.searchsorted(_POWERS, highest, side="right")]:
        counts += numbers >= power
    return counts


@dataclass(frozen=True)
class Joined(Column):
    """Text joined of literals and other columns of text: a key template over fields."""

    parts: tuple[str | Column, ...]
    count: int

    def __len__(self) -> int:
        return self.count

    def _value_sizes(self) -> Ints:
        literal = sum(len(part.encode()) for part in self.parts if isinstance(part, str))
        own = [part.sizes for part in self.parts if isinstance(part, Column)] or [np.zeros(self.count, dtype=np.int64)]
        return sum(own[1:], own[0] + literal)

    def _value_codes(self) -> Ints:
        return combine([part.codes for part in self.parts if isinstance(part, Column)], self.count)

    def _values(self, index: Ints) -> list[Any]:
        pieces = [[p] * len(index) if isinstance(p, str) else p.take(index) for p in self.parts]
        return ["".join(piece) for piece in zip(*pieces, strict=True)]

    def _select(self, index: Ints) -> Column:
        parts = tuple(p if isinstance(p, str) else p.select(index) for p in self.parts)
        return replace(self, parts=parts, count=len(index))


def joined(parts: Sequence[str | Column], count: int) -> Column:
    """The parts joined to text; an item that lacks one of them lacks the whole."""
    masks = [p.present for p in parts if isinstance(p, Column) and p.present is not None]
    present = np.logical_and.reduce(masks) if masks else None
    columns = tuple(p if isinstance(p, str) else replace(p, present=None) for p in parts)
    return Joined(present, columns, count)


def combine(codes: Sequence[Ints], count: int) -> Ints:
    """One code for each combination of codes, in their order."""
    total, bound = np.zeros(count, dtype=np.int64), 1
    for part in codes:
        most = int(part.max(initial=0)) + 1
        if bound * most > 2**62:
            total = np.unique(total, return_inverse=True)[1]
            bound = int(total.max(initial=0)) + 1
        total, bound = total * most + part, bound * most
    return total


def as_text(column: Column, spec: str = "") -> Column:
    """The column as it stands in a template: numbers as text, widths applied."""
    if column.is_text and not spec:
        return column
    if isinstance(column, Pooled):
        return replace(column, pool=[format_value(value, spec) for value in column.pool])
    _, first, inverse = np.unique(column.codes, return_index=True, return_inverse=True)
    pool = [format_value(value, spec) for value in column._values(first)]
    return Pooled(column.present, pool, inverse.reshape(len(column)).astype(np.int64))


@dataclass(frozen=True)
class Chosen(Column):
    """For each item the value of one of several columns."""

    columns: tuple[Column, ...]
    picks: Ints

    def __len__(self) -> int:
        return len(self.picks)

    @property
    def is_text(self) -> bool:
        return all(column.is_text for column in self.columns)

    def _value_sizes(self) -> Ints:
        return np.choose(self.picks, [column.sizes for column in self.columns])

    def _value_codes(self) -> Ints:
        return _codes_of(self._values(np.arange(len(self))))

    def _values(self, index: Ints) -> list[Any]:
        columns = [column.take(index) for column in self.columns]
        return [columns[pick][i] for i, pick in enumerate(self.picks[index].tolist())]

    def _select(self, index: Ints) -> Column:
        return replace(self, columns=tuple(c.select(index) for c in self.columns), picks=self.picks[index])


def _codes_of(values: Sequence[Any]) -> Ints:
    """Codes of values that have no order of their own, by how they are written."""
    return np.unique(np.array([repr(value) for value in values], dtype=object), return_inverse=True)[1].reshape(-1)


@dataclass(frozen=True)
class Maps(Column):
    """Maps of the same members."""

    members: dict[str, Column]
    count: int

    def __len__(self) -> int:
        return self.count

    @property
    def is_text(self) -> bool:
        return False

    def _value_sizes(self) -> Ints:
        total = np.full(self.count, 3, dtype=np.int64)
        for name, column in self.members.items():
            total = total + np.where(True if column.present is None else column.present, 1 + len(name.encode()), 0)
            total = total + column.sizes
        return total

    def _value_codes(self) -> Ints:
        return _codes_of(self._values(np.arange(len(self))))

    def _values(self, index: Ints) -> list[Any]:
        columns = {name: column.take(index) for name, column in self.members.items()}
        return [{n: c[i] for n, c in columns.items() if c[i] is not ABSENT} for i in range(len(index))]

    def _select(self, index: Ints) -> Column:
        return replace(self, members={n: c.select(index) for n, c in self.members.items()}, count=len(index))


@dataclass(frozen=True)
class Lists(Column):
    """Lists: item i has the elements `starts[i] : starts[i] + lengths[i]`."""

    elements: Column
    starts: Ints
    lengths: Ints

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def is_text(self) -> bool:
        return False

    def _value_sizes(self) -> Ints:
        running = np.concatenate([[0], np.cumsum(self.elements.sizes + 1)])
        return 3 + running[self.starts + self.lengths] - running[self.starts]

    def _value_codes(self) -> Ints:
        return _codes_of(self._values(np.arange(len(self))))

    def _values(self, index: Ints) -> list[Any]:
        spans = zip(self.starts[index].tolist(), self.lengths[index].tolist(), strict=True)
        return [self.elements.take(np.arange(start, start + length)) for start, length in spans]

    def _select(self, index: Ints) -> Column:
        return replace(self, starts=self.starts[index], lengths=self.lengths[index])
