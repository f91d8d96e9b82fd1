"""Values of many items at once: a column per attribute, built into Python values only where somebody looks.

A million items as dictionaries cost minutes and gigabytes; as columns they cost a second. A column knows three things
about its values without making them: how many bytes each takes in DynamoDB (`sizes`), which are equal and in which
order they stand (`codes`), and how to make the few that are asked for (`take`). Text stands in shared pools.

Arrays are one value an item; sizes are bytes as DynamoDB counts them (AWS: capacity-unit-calculations).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.keys import format_value
from workbench.sizes import integer_sizes, value_size

Ints = NDArray[np.int64]
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


_PIECES = np.random.default_rng(20120118).integers(0, 26, 3 * 4096)
_TEXT = "".join(chr(97 + p) if i % 7 else " " for i, p in enumerate(_PIECES.tolist())).replace("  ", " a").strip()


@dataclass(frozen=True)
class Texts(Column):
    """Filling text (or bytes) of given lengths, cut from a pool at given places."""

    lengths: Ints
    starts: Ints
    binary: bool = False

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def is_text(self) -> bool:
        return not self.binary

    def _value_sizes(self) -> Ints:
        return self.lengths

    def _value_codes(self) -> Ints:
        return np.unique(np.array(self._values(np.arange(len(self))), dtype=object), return_inverse=True)[1]

    def _values(self, index: Ints) -> list[Any]:
        lengths, starts = self.lengths[index].tolist(), self.starts[index].tolist()
        pool = filling_text(max((s + n for s, n in zip(starts, lengths, strict=True)), default=0))
        values = [pool[s : s + n] for s, n in zip(starts, lengths, strict=True)]
        return [value.encode() for value in values] if self.binary else values

    def _select(self, index: Ints) -> Column:
        return replace(self, lengths=self.lengths[index], starts=self.starts[index])


TEXT_STARTS = len(_TEXT)


def filling_text(length: int) -> str:
    """At least `length` characters of filling text, always the same."""
    return _TEXT * (length // len(_TEXT) + 1)


_TIME_FORMATS = {  # numpy's unit, what follows the text, bytes of the text
    "timestamp": ("s", "Z", 20),
    "timestamp_ms": ("ms", "Z", 24),
    "month": ("M", "", 7),
    "date": ("D", "", 10),
    "hour": ("h", "", 13),
    "minute": ("m", "", 16),
}


def _unit(word: str) -> str:
    return {"epoch": "s", "epoch_ms": "ms"}.get(word) or _TIME_FORMATS[word][0]


def to_ticks(instants: Ints, word: str) -> Ints:
    """Milliseconds since 1970 in the unit in which `word` is written: seconds, days, calendar months."""
    return instants.astype("datetime64[ms]").astype(f"datetime64[{_unit(word)}]").astype(np.int64)


def to_instants(ticks: Ints, word: str) -> Ints:
    """The milliseconds at which each tick begins."""
    return ticks.astype(f"datetime64[{_unit(word)}]").astype("datetime64[ms]").astype(np.int64)


@dataclass(frozen=True)
class Times(Column):
    """Instants in milliseconds since 1970, written as `word` says: epoch seconds, ISO 8601 text, or a bucket."""

    instants: Ints
    word: str

    def __len__(self) -> int:
        return len(self.instants)

    @property
    def is_text(self) -> bool:
        return self.word not in ("epoch", "epoch_ms")

    @cached_property
    def ticks(self) -> Ints:
        """The instants in the unit in which they are written, whole."""
        return to_ticks(self.instants, self.word)

    def _value_sizes(self) -> Ints:
        if not self.is_text:
            return integer_sizes(self.ticks)
        return np.full(len(self), _TIME_FORMATS[self.word][2], dtype=np.int64)

    def _value_codes(self) -> Ints:
        return self.ticks - int(self.ticks.min(initial=0))

    def _values(self, index: Ints) -> list[Any]:
        if not self.is_text:
            return self.ticks[index].tolist()
        unit, suffix, _ = _TIME_FORMATS[self.word]
        texts = np.datetime_as_string(self.ticks[index].astype(f"datetime64[{unit}]")).tolist()
        return [text + suffix for text in texts] if suffix else texts

    def _select(self, index: Ints) -> Column:
        return replace(self, instants=self.instants[index])


@dataclass(frozen=True)
class Ids(Column):
    """128-bit identifiers, written as uuid, uuid7, ulid or ksuid; `high` and `low` are their halves."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    word: str

    def __len__(self) -> int:
        return len(self.high)

    def _value_sizes(self) -> Ints:
        return np.full(len(self), {"ulid": 26, "ksuid": 27}.get(self.word, 36), dtype=np.int64)

    def _value_codes(self) -> Ints:
        order = np.lexsort((self.low, self.high))
        high, low = self.high[order], self.low[order]
        steps = np.concatenate([[0], (high[1:] != high[:-1]) | (low[1:] != low[:-1])]) if len(order) else order
        codes = np.empty(len(order), dtype=np.int64)
        codes[order] = np.cumsum(steps)
        return codes

    def _values(self, index: Ints) -> list[Any]:
        write = _ID_WRITERS.get(self.word, _write_uuid)
        return [write(h, lo) for h, lo in zip(self.high[index].tolist(), self.low[index].tolist(), strict=True)]

    def _select(self, index: Ints) -> Column:
        return replace(self, high=self.high[index], low=self.low[index])


def _write_uuid(high: int, low: int) -> str:
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _write_base(digits: str, width: int) -> Callable[[int, int], str]:
    def write(high: int, low: int) -> str:
        number, out = high << 64 | low, []
        for _ in range(width):
            number, digit = divmod(number, len(digits))
            out.append(digits[digit])
        return "".join(reversed(out))

    return write


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_WRITERS = {
    "ulid": _write_base("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26),
    "ksuid": _write_base(_BASE62, 27),
}


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
