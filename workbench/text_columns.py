"""Columns of filling text, times and identifiers: written one by one, and only where somebody looks.

A thousand filling texts are a thousand places in one pool, and a thousand times are a thousand numbers. How many bytes
each takes follows from lengths and formats without writing any. Instants are milliseconds since 1970; identifiers are
128 bits, written as their standards say (RFC 9562 for uuid, https://github.com/ulid/spec, https://github.com/segmentio/ksuid).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.columns import Column, Ints
from workbench.numbers import integer_sizes

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
