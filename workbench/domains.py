"""Which values a field or attribute has: its domain.

A domain is written short (`email`, `1..60`, `[OPEN, DONE]`, `"{user_id}"`) or as a mapping (`{count: 200, format:
"p-{:04}"}`). A domain with a `count` makes its field an **identity field**: it has that many distinct values, and
entities whose key holds it have one item for each. Every domain knows the DynamoDB type of its values, so that key
attributes get their type (S, N or B) from the design and nowhere else.

Times are counted from the clock that the caller passes; no domain looks at the wall clock.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from workbench.distributions import Amount, Popularity, parse_amount, parse_popularity
from workbench.keys import KeyTemplate

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
        """How many distinct values it has."""
        if self.word == "number" and self.amount:
            bounded = self.amount.kind in ("fixed", "uniform")
            return round((self.amount.high - self.amount.low) * 10**self.amount.digits) + 1 if bounded else float("inf")
        if self.span and not self.span.base:
            return (self.span.latest - self.span.earliest) // _BUCKETS.get(self.word, 1) + 1
        if self.word in ("text", "binary") and self.amount:
            return 10 ** min(self.amount.mean, 18)
        return {"boolean": 2, "shard": self.shards}.get(self.word, float("inf"))

    def __str__(self) -> str:
        return self.text


_BUCKETS = {"month": 31 * 86_400, "date": 86_400, "hour": 3600, "minute": 60}


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
    try:
        return TypeWord("number", amount=parse_amount(text, signed=True), text=text)
    except ValueError:
        raise ValueError(f"{text!r} is not a type{_nearest(text)}; types: numbers as 1..60, {_KNOWN}") from None


_KNOWN = ", ".join(word for word in TYPE_WORDS if word != "number")


def _nearest(text: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(text.partition("(")[0], TYPE_WORDS, 1)
    return f", did you mean {near[0]}?" if near else ""


def _parse_word(text: str, word: str, argument: str | None) -> TypeWord:
    if argument is not None and "," in argument:
        raise ValueError(f"{text!r}: functions take no commas; write a range as 1..9")
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
        base, seconds = found[1], _seconds(*found.groups()[1:])
        return TimeSpan(seconds, seconds, None if base == "now" else base)
    bounds = [_instant(part) for part in argument.split("..")]
    if len(bounds) > 2 or None in bounds:
        raise ValueError(f"{text!r} is not a time: write -30d..now, now, -7d or createdAt + 7d (units s min h d w y)")
    earliest, latest = bounds[0] or 0, bounds[-1] or 0
    if latest < earliest:
        raise ValueError(f"{text!r} runs backwards: write the earlier time first")
    return TimeSpan(earliest, latest)


def _instant(text: str) -> int | None:
    if re.fullmatch(r"\s*now\s*", text):
        return 0
    found = re.fullmatch(rf"\s*(?:now\s*)?{_OFFSET}\s*", text)
    return _seconds(*found.groups()) if found else None


def _seconds(sign: str | None, number: str | None, unit: str | None) -> int:
    return int(f"{sign}{number}") * SECONDS[unit] if number and unit else 0


def _parsed(parse: Any, kind: type, schema: dict[str, Any]) -> Any:
    """An annotation: a value that pydantic reads with `parse`, one message a slip."""
    return Annotated[kind, BeforeValidator(lambda v: v if isinstance(v, kind) else parse(v)), WithJsonSchema(schema)]


_ATOM = {"type": ["string", "number"]}
Count = _parsed(parse_amount, Amount, {**_ATOM, "description": "40, 1..9, lognormal(40..400), poisson(3)"})
Size = _parsed(
    lambda v: parse_amount(v, sizes=True), Amount, {**_ATOM, "description": "1 KB, 1 KB..4 KB, lognormal(1 KB..20 KB)"}
)
PopularityText = _parsed(
    parse_popularity,
    Popularity,
    {"type": "string", "description": "uniform, zipf(1.1), hotset(1% takes 90%), top(70% 5%), latest"},
)
Type = _parsed(parse_type, TypeWord, {**_ATOM, "description": "a type word: " + _KNOWN})


def parse_share(value: object) -> float:
    """A share between 0 and 1 from `70%` or 0.7."""
    text = str(value).strip()
    number = text.removesuffix("%")
    try:
        share = float(number) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if isinstance(value, bool) or not 0 <= share <= 1:
        raise ValueError(f"{value!r} is not a share: write 70% or 0.7")
    return share


Share = Annotated[float, BeforeValidator(parse_share), WithJsonSchema({**_ATOM, "description": "70% or 0.7"})]


class Part(BaseModel):
    """What every part of a design file has: unknown keys are refused, nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ReadWrite(Part):
    """A popularity for reads and one for writes."""

    read: PopularityText = parse_popularity("uniform")
    write: PopularityText = parse_popularity("uniform")


def _read_write(value: object) -> object:
    return value if isinstance(value, Mapping | ReadWrite) else ReadWrite(read=value, write=value)  # type: ignore[arg-type]


class Domain(Part):
    """Which values a field or attribute has; `short` says how to write the common ones."""

    type: Type | None = Field(None, description="a type word, as email, 1..60, timestamp(-30d..now)")
    choice: dict[Any, Share | None] | None = Field(None, description="one of these: [A, B] or {A: 70%, B: 30%}")
    value: Any = Field(None, description="a constant, or a template over fields")
    map: dict[str, "Domain"] | None = Field(None, description="a map of these members")
    list: "Domain | None" = Field(None, description="a list of these elements")
    set: "Domain | None" = Field(None, description="a set of these elements")
    length: Count | None = Field(None, description="how many elements a list or set has")
    of: str | None = Field(None, description="another role drawn from the same values as this field")
    count: Annotated[
        Amount | Literal["all"] | None,
        BeforeValidator(lambda v: v if v in (None, "all") or isinstance(v, Amount) else parse_amount(v)),
        WithJsonSchema({**_ATOM, "description": "how many distinct values; with `per`, for each of the parent's"}),
    ] = None
    per: str | None = Field(None, description="the parent field: count is for each of its values")
    format: str | None = Field(None, description='text made of the ordinal or the value: "p-{:04}"')
    popularity: Annotated[ReadWrite | None, BeforeValidator(lambda v: None if v is None else _read_write(v))] = Field(
        None, description="which share of the requests each value gets"
    )
    present: Annotated[
        dict[str, Any] | float | None,
        BeforeValidator(lambda v: v if v is None or isinstance(v, Mapping) else parse_share(v)),
        WithJsonSchema({"type": ["string", "number", "object"]}),
    ] = Field(None, description="the share of items that have it, or {attribute: value} of those that do")
    new: Any = Field(None, description="the value in items that an access pattern creates")

    @model_validator(mode="before")
    @classmethod
    def _long_form(cls, value: object) -> object:
        return normalise(value)

    @model_validator(mode="after")
    def _one_kind(self) -> "Domain":
        kinds = [k for k in ("type", "choice", "value", "map", "list", "set", "of") if getattr(self, k) is not None]
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(kinds)} exclude each other: a domain has one kind")
        if self.length and not (self.list or self.set):
            raise ValueError("length goes with list or set; the length of a text is written text(30)")
        if self.format is not None:
            check_format(self.format)
        if self.choice is not None:
            self._check_choice()
        return self

    def _check_choice(self) -> None:
        shares = [share for share in (self.choice or {}).values() if share is not None]
        if not self.choice:
            raise ValueError("choice is empty: name at least one value")
        if shares and (len(shares) < len(self.choice) or abs(sum(shares) - 1) > 1e-6):
            raise ValueError(f"the shares of choice sum to {sum(shares):.0%}, not 100%")

    @property
    def is_field(self) -> bool:
        """Whether nothing was written: the domain is that of the field of the same name."""
        return not self.model_fields_set

    @property
    def cardinality(self) -> float:
        """How many distinct values the domain can give; infinite where nothing bounds it.

        >>> Domain.model_validate("1..5").cardinality, Domain.model_validate("minute(-3min..now)").cardinality
        (5, 4)
        """
        if self.choice is not None:
            return len(self.choice)
        if self.value is not None:
            return 1
        return self.type.cardinality if self.type else float("inf")

    @property
    def is_identity(self) -> bool:
        """Whether the field has a stated number of distinct values."""
        return self.count is not None

    @property
    def template(self) -> KeyTemplate | None:
        """The template, if the value is one."""
        return KeyTemplate(self.value) if isinstance(self.value, str) else None

    def templates(self) -> Iterator[KeyTemplate]:
        """Every template in it, nested ones included."""
        if self.template:
            yield self.template
        yield from (KeyTemplate(value) for value in self.choice or () if isinstance(value, str) and "{" in value)
        for inner in [*(self.map or {}).values(), self.list, self.set]:
            yield from inner.templates() if inner else ()

    def references(self) -> Iterator[str]:
        """The fields and attributes its values are computed from."""
        for template in self.templates():
            yield from template.fields
        if self.type and self.type.span and self.type.span.base:
            yield self.type.span.base
        if self.type and self.type.shard_of:
            yield self.type.shard_of
        for inner in [*(self.map or {}).values(), self.list, self.set]:
            yield from _type_references(inner) if inner else ()


def _type_references(domain: Domain) -> Iterator[str]:
    templated = {field for template in domain.templates() for field in template.fields}
    yield from (name for name in domain.references() if name not in templated)


def normalise(value: object) -> object:
    """The long form of a short one: `email` is {type: email}, `[a, b]` a choice, `"{x}"` a value, a mapping itself.

    >>> normalise("email"), normalise(5), normalise("{user_id}")
    ({'type': 'email'}, {'value': 5}, {'value': '{user_id}'})
    """
    if value is None:
        return {}
    if isinstance(value, str):
        return {"value": value} if "{" in value else {"type": value}
    if isinstance(value, bool | int | float):
        return {"value": value}
    if isinstance(value, list | tuple):
        return {"value": value[0]} if len(value) == 1 else {"choice": dict.fromkeys(value)}
    if isinstance(value, Mapping) and isinstance(value.get("choice"), list | tuple):
        return {**value, "choice": dict.fromkeys(value["choice"])}
    return value


def check_format(text: str) -> None:
    """ValueError unless `text` has exactly one place, `{}` or `{:04}`."""
    if not re.fullmatch(r"[^{}]*\{(:[^{}]*)?\}[^{}]*", text):
        raise ValueError(f'format {text!r}: write one place for the value, as in "p-{{:04}}"')
