"""Which values a field or attribute has: its domain.

A domain is written short (`email`, `1..60`, `[OPEN, DONE]`, `"{user_id}"`) or as a mapping (`{count: 200, format:
"p-{:04}"}`). A domain with a `count` makes its field an **identity field**: it has that many distinct values, and
entities whose key holds it have one item for each. Every domain knows the DynamoDB type of its values, so that key
attributes get their type (S, N or B) from the design and nowhere else.

Times are counted from the clock that the caller passes; no domain looks at the wall clock.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from workbench.distributions import Amount, Popularity, parse_amount, parse_popularity
from workbench.keys import KeyTemplate, can_format, parse_template
from workbench.typewords import KNOWN_WORDS, TYPE_WORDS, TypeWord, parse_type


def _reads(parse: Any, kind: type) -> BeforeValidator:
    """Reads a written value with `parse`, so that one slip gives one message."""
    return BeforeValidator(lambda value: value if isinstance(value, kind) else parse(value))


def _atom(description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "number"], "description": description})


_COUNTS = _atom("40, 1..9, lognormal(40..400) (median..99th percentile) or poisson(3)")
_SIZES = _atom("bytes: 800, 1 KB, 1 KB..4 KB or lognormal(1 KB..20 KB)")
_SHARES = _atom("70% or 0.7")
_POPULARITIES = _atom("uniform, zipf(1.1), hotset(1% takes 90%), top(70% 5%), top(40% zipf(1.2)) or latest")
_TYPES = _atom("a number or range as 1..60, or a type word: " + KNOWN_WORDS)

Count = Annotated[Amount, _reads(parse_amount, Amount), _COUNTS]
Size = Annotated[Amount, _reads(lambda value: parse_amount(value, sizes=True), Amount), _SIZES]
CountOrAll = Annotated[
    Amount | Literal["all"] | None,
    BeforeValidator(lambda v: v if v in (None, "all") or isinstance(v, Amount) else parse_amount(v)),
    _atom("40, 1..9, lognormal(40..400), poisson(3), or all"),
]
PopularityText = Annotated[Popularity, _reads(parse_popularity, Popularity), _POPULARITIES]
Type = Annotated[TypeWord, _reads(parse_type, TypeWord), _TYPES]


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


Share = Annotated[float, BeforeValidator(parse_share), _SHARES]


class Part(BaseModel):
    """What every part of a design file has: unknown keys are refused, nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ReadWrite(Part):
    """A popularity for reads and one for writes."""

    read: PopularityText = Field(default=parse_popularity("uniform"), description="who gets the reads")
    write: PopularityText = Field(default=parse_popularity("uniform"), description="who gets the writes")


def _read_write(value: object) -> object:
    if value is None or isinstance(value, Mapping | ReadWrite):
        return value
    popularity = parse_popularity(value)
    return {"read": popularity, "write": popularity}


ReadWriteText = Annotated[
    ReadWrite,
    BeforeValidator(_read_write),
    WithJsonSchema(
        {
            "type": ["string", "object"],
            "properties": {side: {"type": "string"} for side in ("read", "write")},
            "additionalProperties": False,
            "patternProperties": {"^x-": {}},
        }
    ),
]


def _presence(value: object) -> object:
    return value if value is None or isinstance(value, Mapping) else parse_share(value)


class Domain(Part):
    """Which values a field or attribute has, written long; most can be written short: email, 1..60, [OPEN, DONE]."""

    type: Type | None = Field(default=None, description="a type word, as email, 1..60, timestamp(-30d..now)")
    choice: Annotated[dict[Any, Share | None] | None, WithJsonSchema({"type": ["array", "object"]})] = Field(
        default=None, description="one of these: [A, B], or with their shares {A: 70%, B: 30%}"
    )
    value: Any = Field(default=None, description="a constant, or a template over fields")
    map: dict[str, "Domain"] | None = Field(default=None, description="a map of these members")
    list: "Domain | None" = Field(default=None, description="a list of these elements; see length")
    set: "Domain | None" = Field(default=None, description="a set of these elements; see length")
    length: Count | None = Field(default=None, description="how many elements a list or set has")
    of: str | None = Field(default=None, description="another role, drawn from the same values as this field")
    count: CountOrAll = Field(
        default=None,
        description="makes it an identity field: how many distinct values (as in production); with `per`, for each "
        "value of the parent",
    )
    per: str | None = Field(default=None, description="the parent field: a value belongs to one value of the parent")
    format: str | None = Field(default=None, description='text made of the ordinal or the value: "p-{:04}"')
    popularity: ReadWriteText | None = Field(
        default=None, description="which share of the requests each value gets; also {read: ..., write: ...}"
    )
    present: Annotated[
        dict[str, Any] | float | None,
        BeforeValidator(_presence),
        WithJsonSchema({"type": ["string", "number", "object"]}),
    ] = Field(default=None, description="the share of items that have it, or {attribute: value} of those that do")
    new: Any = Field(default=None, description="the value in items that an access pattern creates")

    @model_validator(mode="before")
    @classmethod
    def _long_form(cls, value: object) -> object:
        return normalise(value)

    @model_validator(mode="after")
    def _one_kind(self) -> "Domain":
        kinds = [k for k in _KINDS if getattr(self, k) is not None]
        if len(kinds) > 1:
            raise ValueError(f"{' and '.join(kinds)} exclude each other: a domain has one kind")
        for key in self.model_fields_set & {"value", "new"}:
            _check_constant(key, getattr(self, key))
        if self.length and not (self.list or self.set):
            raise fault("length", "length goes with list or set; the length of a text is written text(30)")
        if self.format is not None:
            self._check_format(self.format, kinds)
        if self.choice is not None:
            self._check_choice(self.choice)
        self.references()  # templates that do not parse say so here
        return self

    def _check_format(self, text: str, kinds: Sequence[str]) -> None:
        if kinds and kinds != ["type"]:
            raise fault("format", f"format goes with a type or an ordinal, not with {kinds[0]}")
        try:
            check_format(text, self.type.sample if self.type else 1)
        except ValueError as error:
            raise fault("format", str(error)) from None

    def _check_choice(self, choice: Mapping[Any, float | None]) -> None:
        shares = [share for share in choice.values() if share is not None]
        if not choice:
            raise fault("choice", "choice is empty: name at least one value")
        if None in choice:
            raise fault("choice", "a choice holds texts, numbers and booleans, not nothing")
        if shares and len(shares) < len(choice):
            bare = next(value for value, share in choice.items() if share is None)
            raise fault("choice", f"{bare} has no share, and others have: give all of them one, or none")
        if shares and abs(sum(shares) - 1) > 1e-6:
            raise fault("choice", f"the shares of choice sum to {100 * sum(shares):.4g}%, not 100%")

    @property
    def is_field(self) -> bool:
        """Whether no values were named: the domain is that of the field of the same name."""
        return not self.model_fields_set & {*_KINDS, "count", "per", "format"}

    @property
    def may_lack(self) -> bool:
        """Whether some items do without it: not all have it, or a set of none of its elements, which is no set."""
        return self.present is not None or (
            self.set is not None and self.length is not None and not self.length.minimum
        )

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
        return parse_template(self.value) if isinstance(self.value, str) else None

    def templates(self) -> Iterator[KeyTemplate]:
        """Every template in it, nested ones included."""
        if self.template:
            yield self.template
        yield from (parse_template(value) for value in self.choice or () if isinstance(value, str) and "{" in value)
        for inner in [*(self.map or {}).values(), self.list, self.set]:
            yield from inner.templates() if inner else ()

    def inner(self) -> Iterator["Domain"]:
        """The domains of its members and elements, at any depth."""
        for part in (*(self.map or {}).values(), self.list, self.set):
            if part is not None:
                yield from (part, *part.inner())

    @property
    def new_references(self) -> tuple[str, ...]:
        """The fields and attributes that its value in created items is made of."""
        return parse_template(self.new).fields if isinstance(self.new, str) else ()

    def references(self) -> Sequence[str]:
        """The fields and attributes its values are computed from."""
        return self._references

    @cached_property
    def _references(self) -> Sequence[str]:
        return tuple(self._find_references())

    def _find_references(self) -> Iterator[str]:
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


_KINDS = ("type", "choice", "value", "map", "list", "set", "of")


def normalise(value: object) -> object:
    """The long form of a short one: `email` is {type: email}, `[a, b]` a choice, `"{x}"` a value, a mapping itself.

    >>> normalise("email"), normalise(5), normalise("{user_id}")
    ({'type': 'email'}, {'value': 5}, {'value': '{user_id}'})
    """
    if value is None:
        return {}
    if isinstance(value, str):
        return {"value": value} if "{" in value else {"type": value}
    if isinstance(value, bool | int | float | Decimal):
        return {"value": value}
    if isinstance(value, list | tuple):
        options = _options(value)
        return {"value": value[0]} if len(value) == 1 else {"choice": options}
    if isinstance(value, Mapping) and isinstance(value.get("choice"), list | tuple):
        return {**value, "choice": _options(value["choice"])}
    return value


def _options(values: Sequence[Any]) -> dict[Any, None]:
    """The values of a choice without shares."""
    for value in values:
        if value is None or isinstance(value, list | tuple | Mapping):
            raise ValueError(f"a choice holds texts, numbers and booleans, not {_shown(value)}")
        if list(values).count(value) > 1:
            raise ValueError(f"{value} stands twice in a choice; for unequal shares write {{{value}: 70%, ...}}")
    return dict.fromkeys(values)


def _shown(value: object) -> str:
    return {list: "a list", tuple: "a list", dict: "a mapping"}.get(type(value), "nothing")


def _check_constant(key: str, value: object) -> None:
    if isinstance(value, Mapping) and len(value) == 1:
        raise fault(key, unquoted(value))
    if value is None or isinstance(value, list | Mapping):
        raise fault(key, f"{key} holds a text, number, boolean or template, not {_shown(value)}")
    if isinstance(value, str):
        try:
            KeyTemplate(value)
        except ValueError as error:
            raise fault(key, str(error)) from None


def fault(key: str, message: str) -> PydanticCustomError:
    """An error of one key of a part, for checks that see the whole part."""
    return PydanticCustomError("value_error", "{message}", {"message": message, "key": key})


def unquoted(value: Mapping[Any, Any]) -> str:
    """What to say of `{project_id}` without quotes, which YAML takes for a mapping."""
    inner = next(iter(value), "field")
    return f'unquoted {{{inner}}} is a YAML mapping; write "{{{inner}}}"'


def check_template(value: object) -> object:
    """The value of a key attribute as it is written: a constant or a template that parses. ValueError otherwise."""
    if isinstance(value, Mapping) and len(value) == 1:
        raise ValueError(unquoted(value))
    if value is None or isinstance(value, list | tuple | Mapping):
        raise ValueError('write a template, as "PROJECT#{project_id}", or a constant')
    if isinstance(value, str):
        _refuse_type(value, "give it to a field, and write that in braces")
        KeyTemplate(value)
    return value


def value_domain(value: Any) -> Domain:
    """The domain of an entry of `values`: a bare string is a template, a mapping or list a domain, else a constant."""
    if isinstance(value, Mapping):
        if len(value) == 1 and None in value.values():
            raise ValueError(unquoted(value))
        return Domain.model_validate(value)
    if isinstance(value, list):
        return Domain.model_validate({"choice": value})
    return _text_domain(value) if isinstance(value, str) else Domain(value=value)


@lru_cache(maxsize=4096)
def _text_domain(text: str) -> Domain:
    _refuse_type(text, f"a domain is written {{type: {text}}}")
    return Domain(value=text)


def _refuse_type(text: str, fix: str) -> None:
    """A type with parentheses where a bare string stands for itself is a slip: nobody stores the text `date(-7d)`."""
    if (found := re.match(r"([a-z_0-9]+)\(.*\)\Z", text)) and found[1] in {*TYPE_WORDS, "lognormal", "poisson"}:
        raise ValueError(f"{text!r} would be this very text, since here a bare string stands for itself; {fix}")


def check_format(text: str, sample: Any) -> None:
    """ValueError unless `text` has exactly one place, `{}` or `{:04}`, into which a value like `sample` can go."""
    found = re.fullmatch(r"[^{}]*\{(?::([^{}]*))?\}[^{}]*", text)
    if not found:
        raise ValueError(f'format {text!r}: write one place for the value, as in "p-{{:04}}"')
    if not can_format(sample, found[1] or ""):
        raise ValueError(
            f"format {text!r}: {{:{found[1] or ''}}} cannot write a value like {sample!r}; a width is {{:04}}"
        )
