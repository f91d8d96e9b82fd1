"""Restrictions: targets that name which items an access pattern is about, `target: {status: OPEN}`.

Only the items that have one of the stated values are then addressed. A value that no item can ever have leaves nothing
to address, so that the pattern would never be called: such a target is an error, as is one that has no effect. What a
domain surely excludes is known without items: other values of a choice or constant, another DynamoDB type, a text that
its template or format cannot write, a number outside its span.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from workbench.design import AccessPattern, Action, Design, Entity
from workbench.documents import NAME
from workbench.domains import Domain
from workbench.identity import domain_tag, value_tag
from workbench.references import Place, made_of, nearest

Found = Iterator[tuple[Place, str]]

_FORM = "a target holds texts, numbers and booleans, one or a list of them, as {status: OPEN} or {status: [OPEN, DONE]}"
_TYPES = {"S": "text (S)", "N": "a number (N)", "BOOL": "a boolean (BOOL)", "B": "binary (B)"}
_SHOWN = {"None": "nothing", "True": "true", "False": "false"}


def restriction_problems(design: Design, place: Place, pattern: AccessPattern, entities: list[Entity]) -> Found:
    """Targets of a pattern and its actions that no item can meet, or that have no effect."""
    if pattern.target is not None and (pattern.actions or pattern.operation == "Scan"):
        where = "each action has its own" if pattern.actions else "a Scan reads every item; choose by filter"
        yield (*place, "target", NAME), f"a target has no effect here: {where}"
        return
    parts: list[tuple[Place, AccessPattern | Action, list[Entity]]] = [((), pattern, entities)]
    for i, action in enumerate(pattern.actions):
        parts.append((("actions", i), action, [design.entities[design.action_entity(action)]]))
    for at, part, addressed in parts:
        if isinstance(part.target, dict):
            yield from _restriction(design, (*place, *at, "target"), part.target, addressed)


def _restriction(design: Design, place: Place, target: dict[str, Any], entities: list[Entity]) -> Found:
    if not target:
        yield place, "{} restricts nothing: write existing, or an attribute with its value, as {status: OPEN}"
    known = set().union(*(_names(design, entity) for entity in entities))
    for name, wanted in target.items():
        if name not in known:
            message = f"{name!r} is no field or attribute of what is addressed{nearest(name, sorted(known))}"
            yield (*place, name, NAME), message
            continue
        several = isinstance(wanted, list | tuple)
        if several and not wanted:
            yield (*place, name), f"[] is no value of {name}: {_FORM}"
        for i, value in enumerate(wanted if several else [wanted]):
            if reason := _never(design, name, value, entities):
                yield (*place, name, *((i,) if several else ())), reason


def _names(design: Design, entity: Entity) -> set[str]:
    """Attributes, the fields that they are made of, and the columns of rows."""
    columns = design.rows[entity.rows].columns if entity.rows in design.rows else None
    return {*made_of(design, entity), *(columns or ())}


def _never(design: Design, name: str, value: Any, entities: list[Entity]) -> str:
    """Why no item of any of the entities has a value; empty if one may."""
    if not isinstance(value, str | int | float | Decimal):
        return f"{_shown(value)} is no value of {name}: {_FORM}"
    reasons = [_excluded(design, entity, name, value) for entity in entities if name in _names(design, entity)]
    return "" if "" in reasons else reasons[0]


def _excluded(design: Design, entity: Entity, name: str, value: Any) -> str:
    domain = None if entity.rows else _source(design, entity, name)
    if domain is None:
        return ""
    allowed = _values(domain)
    if allowed is not None:
        fits = any(_equal(each, value) for each in allowed)
        return "" if fits else f"{_shown(value)} is no value of {name}{nearest(str(value), allowed)}"
    if reason := _not_written(domain, name, value):
        return reason
    tag = domain_tag(design, entity, domain)
    if _has_type(tag, value):
        return ""
    quoted = f": write '{value}', in quotes" if tag == "S" else ""
    return f"{_shown(value)} is {_TYPES[value_tag(value)]}, and {name} is {_TYPES.get(tag or '', tag)}{quoted}"


def _shown(value: Any) -> str:
    """A value as design files write it."""
    return _SHOWN.get(repr(value), repr(value))


def _source(design: Design, entity: Entity, name: str, passed: frozenset[str] = frozenset()) -> Domain | None:
    """The domain from which an attribute's or field's values are, through fields that share them."""
    domain = design.domains_of(entity.name).get(name)
    domain = design.fields.get(name) if domain is None or domain.is_field else domain
    other = domain and (domain.of or (domain.template.lone_field if domain.template else None))
    if other and other not in passed:
        return _source(design, entity, other, passed | {name})
    return domain if not other else None


def _values(domain: Domain) -> list[Any] | None:
    """All values of a choice or constant, and what new items have; None where they are not listed."""
    constant = domain.value is not None and not (domain.template and domain.template.fields)
    listed = list(domain.choice or ()) or ([domain.value] if constant else None)
    if listed is None or any(isinstance(value, str) and "{" in value for value in listed):
        return None
    return [*listed, *([domain.new] if domain.new is not None and domain.new not in listed else [])]


def _equal(item: Any, wanted: Any) -> bool:
    return item == wanted or str(item) == wanted


def _has_type(tag: str | None, value: Any) -> bool:
    """Whether values of a type can equal one that is written in a target, where texts may stand for numbers."""
    if tag == "N":
        return value_tag(value) == "N" or _number(value) is not None
    return tag in (None, "mixed", value_tag(value)) or (tag == "BOOL" and value in ("True", "False"))


def _number(value: Any) -> Decimal | None:
    try:
        return None if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return None


def _not_written(domain: Domain, name: str, value: Any) -> str:
    """Why a template, a format or a span of numbers does not make a value; empty if it may."""
    if domain.template and domain.template.match(str(value)) is None:
        return f"{value!r} is no value of {name}, which is made as {domain.template.text}"
    if domain.format and not _formatted(domain.format, str(value)):
        return f"{value!r} is no value of {name}, which has the format {domain.format}"
    amount, number = domain.type.amount if domain.type and domain.type.word == "number" else None, _number(value)
    if domain.format or amount is None or number is None or amount.kind not in ("fixed", "uniform"):
        return ""
    within = amount.low <= float(number) <= amount.high
    return "" if within else f"{value!r} is no value of {name}, which is {domain.type}"


def _formatted(text: str, value: str) -> bool:
    before, after = re.split(r"\{[^{}]*\}", text)
    return len(value) > len(before + after) and value.startswith(before) and value.endswith(after)
