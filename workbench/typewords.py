"""Type words: what a field's values look like, in a word: `email`, `1..60`, `timestamp(-30d..now)`, `shard(10)`.

Every type word has a DynamoDB type (S, N, B or BOOL). Times span instants that are counted from the clock, or follow
from another time; shards are suffixes that spread a hot key over several (AWS: bp-partition-key-sharding).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from workbench.distributions import Amount, parse_amount

TIME_TYPES = {
    "timestamp": "S",
    "timestamp_ms": "S",
    "epoch": "N",
    "epoch_ms": "N",
    "month": "S",
    "date": "S",
    "hour": "S",
    "minute": "S",
}
TEXT_TYPES = ("word", "sentence", "name", "email", "phone", "city", "country", "url", "ip")
ID_TYPES = ("uuid", "uuid7", "ulid", "ksuid")
TYPE_WORDS = {
    **TIME_TYPES,
    **dict.fromkeys(TEXT_TYPES + ID_TYPES + ("text",), "S"),
    "integer": "N",
    "number": "N",
    "shard": "N",
    "boolean": "BOOL",
    "binary": "B",
}
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_OFFSET = r"([+-])\s*([0-9][0-9_]*)\s*(s|min|h|d|w|y)"
_REFERENCE = r"[A-Za-z_][A-Za-z0-9_]*"


@dataclass(frozen=True)
class TimeSpan:
    """The instants a time may have, in seconds from the clock: `-30d..now`; or from another value: `createdAt + 7d`."""

    earliest: int
    latest: int
    base: str | None = None

    @property
    def ends_now(self) -> bool:
        """Whether a newly created item has the present time."""
        return self.base is None and self.latest == 0


@dataclass(frozen=True)
class TypeWord:
    """A parsed type: its word, and what stood in its parentheses."""

    word: str
    amount: Amount | None = None
    span: TimeSpan | None = None
    shards: int = 0
    shard_of: str | None = None
    text: str = ""

    @property
    def tag(self) -> str:
        """The DynamoDB type of its values: S, N, B or BOOL."""
        return TYPE_WORDS[self.word]

    @property
    def cardinality(self) -> float:
        """How many distinct values it surely has."""
        if self.word == "number" and self.amount:
            bounded = self.amount.kind in ("fixed", "uniform")
            return round((self.amount.high - self.amount.low) * 10**self.amount.digits) + 1 if bounded else float("inf")
        if self.span and not self.span.base:
            return (self.span.latest - self.span.earliest) * 1000 // _BUCKET_MS.get(self.word, 1000) + 1
        if self.word in ("text", "binary") and self.amount:
            return 10 ** min(self.amount.mean, 18)
        return {"boolean": 2, "shard": self.shards}.get(self.word, float("inf"))

    @property
    def sample(self) -> Any:
        """A value of the kind that it has, to try a format on."""
        number = Decimal("1.5") if self.amount and self.amount.digits else 1
        return {"N": number, "BOOL": True, "B": b"x"}.get(self.tag, "x")

    def __str__(self) -> str:
        return self.text


_BUCKET_MS = {
    "month": 31 * 86_400_000,
    "date": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "timestamp_ms": 1,
    "epoch_ms": 1,
}


def parse_type(value: object) -> TypeWord:
    """The type that `value` writes; ValueError names the nearest known type word.

    >>> parse_type("epoch(createdAt + 7d)").span
    TimeSpan(earliest=604800, latest=604800, base='createdAt')
    >>> parse_type("0.50..99.99").tag, parse_type("text(2 KB)").amount.mean
    ('N', 2048.0)
    """
    text = str(value).strip()
    found = re.fullmatch(r"([a-z_0-9]+)\s*(?:\((.*)\))?", text, re.DOTALL)
    if found and found[1] in TYPE_WORDS and found[1] != "number":
        return _parse_word(text, found[1], found[2])
    if re.match(r"-?[0-9]|lognormal|poisson", text):
        return TypeWord("number", amount=parse_amount(text, numbers=True), text=text)
    raise ValueError(f"{text!r} is not a type{_nearest(text)}")


_WORDS = [word for word in TYPE_WORDS if word != "number"]
KNOWN_WORDS = ", ".join(_WORDS)
_MEANT = {
    **dict.fromkeys(("string", "str"), "text(20)"),
    **dict.fromkeys(("int", "long"), "integer"),
    **dict.fromkeys(("number", "float", "double", "decimal"), "a range, as 1..60 or 0.50..99.99"),
    **dict.fromkeys(("time", "datetime", "iso", "iso8601"), "timestamp"),
    **dict.fromkeys(("bool",), "boolean"),
    **dict.fromkeys(("guid", "uuid4", "id"), "uuid"),
    **dict.fromkeys(("bytes", "blob"), "binary(20)"),
}


def _nearest(text: str) -> str:
    """What may have been meant: a type word, or a constant."""
    word = text.partition("(")[0].strip().lower()
    if near := [_MEANT[word]] if word in _MEANT else get_close_matches(word, _WORDS, 1):
        return f", did you mean {near[0]}?" + ("" if "(" in text else f" A constant is written [{text}]")
    return f"; a constant is written [{text}]; types: numbers as 1..60, {KNOWN_WORDS}"


def _parse_word(text: str, word: str, argument: str | None) -> TypeWord:
    if argument is not None and "," in argument:
        raise ValueError(f"{text!r}: functions take no commas; a range is written 1..9")
    if word in TIME_TYPES:
        return TypeWord(word, span=_parse_span(text, argument or "-30d..now"), text=text)
    if word in ("text", "binary"):
        return TypeWord(word, amount=parse_amount(argument or "20", sizes=True), text=text)
    if word == "shard":
        return _parse_shard(text, argument)
    if argument is not None:
        raise ValueError(f"{text!r}: {word} takes nothing in parentheses")
    return TypeWord(word, text=text)


def _parse_shard(text: str, argument: str | None) -> TypeWord:
    found = re.fullmatch(rf"\s*([0-9]+)\s*(?:of\s+({_REFERENCE}))?\s*", argument or "")
    if not found or int(found[1]) < 1:
        raise ValueError(f"{text!r}: write shard(10) for a random suffix or shard(10 of voter) for a calculated one")
    return TypeWord("shard", shards=int(found[1]), shard_of=found[2], text=text)


def _parse_span(text: str, argument: str) -> TimeSpan:
    if found := re.fullmatch(rf"\s*({_REFERENCE})\s*(?:{_OFFSET})?\s*", argument):
        seconds = _seconds(*found.groups()[1:])
        return _span(text, seconds, seconds, None if found[1] == "now" else found[1])
    bounds = [_instant(part) for part in argument.split("..")]
    if len(bounds) > 2 or None in bounds:
        raise ValueError(
            f"{text!r} is not a time: write -30d..now, now..+2d, -7d or createdAt + 7d (units s min h d w y)"
        )
    return _span(text, bounds[0] or 0, bounds[-1] or 0)


_MOST_YEARS = 50  # so that every instant has a positive epoch and a year of four digits


def _span(text: str, earliest: int, latest: int, base: str | None = None) -> TimeSpan:
    if latest < earliest:
        raise ValueError(f"{text!r} runs backwards: write the earlier time first")
    if max(-earliest, latest) > _MOST_YEARS * SECONDS["y"]:
        raise ValueError(f"{text!r} is more than {_MOST_YEARS} years away, the most that is allowed")
    return TimeSpan(earliest, latest, base)


def _instant(text: str) -> int | None:
    if re.fullmatch(r"\s*now\s*", text):
        return 0
    found = re.fullmatch(rf"\s*(?:now\s*)?{_OFFSET}\s*", text)
    return _seconds(*found.groups()) if found else None


def _seconds(sign: str | None, number: str | None, unit: str | None) -> int:
    return int(f"{sign}{number}") * SECONDS[unit] if number and unit else 0
