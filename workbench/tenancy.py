"""Tenancy: whether the partition keys of a design keep the items of one tenant apart from those of all others.

A condition on partition keys sees text. It can tell tenants apart if the tenant's id stands in the key, and if what
stands beside it is a separator that no id contains: `T#t1*` is the beginning of `T#t10` too, `T#t1#*` is not. And a key
must not read as that of another kind of item: under `{tenant}` and `{product}` in one table, the product t1 lies in the
partition of the tenant t1. (Developer Guide: specifying-conditions, bp-sort-keys.)
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from workbench.design import Design, Entity
from workbench.distributions import Amount
from workbench.domains import Domain
from workbench.fields import distinct, stream
from workbench.identity import key_tag, origin, parents
from workbench.keys import KeyTemplate, Placeholder, format_value
from workbench.results import article
from workbench.schema import Table

Shape = tuple[str | Placeholder, ...]
SAMPLE = 64  # ids of tenants that are looked through for separators
CLOCK = 1_767_225_600  # of ids that are made of time
WILD, WORD = "*", "\1"
_ESCAPES = {"*": "${*}", "?": "${?}", "$": "${$}"}


class Tenancy:
    """The tenants of a design: one field, or None for a role that has no tenant."""

    def __init__(self, design: Design, tenant: str | None):
        self.design, self.tenant = design, tenant

    def is_owned(self, entity: Entity) -> bool:
        """Whether an entity's items belong to tenants: its fields, their parents or other roles name the tenant."""
        if self.tenant is None:
            return False
        domains = self.design.domains_of(entity.name)
        names = {name for domain in domains.values() for name in domain.references()}
        names |= {name for name, domain in domains.items() if domain.is_field}
        names |= {domain.of for domain in domains.values() if domain.of is not None}
        named = {f for n in names if n in self.design.fields for f in (n, *parents(self.design, n))}
        return self.tenant in named | {origin(self.design, name) for name in named}

    def stands_in(self, shape: Shape) -> bool:
        """Whether a key holds the tenant."""
        return any(isinstance(part, Placeholder) and part.field == self.tenant for part in shape)

    def problem(self, table: Table, index: str | None, entity: Entity, shapes: Sequence[Shape]) -> str:
        """Why a condition on these partition keys does not keep tenants apart; empty if it does."""
        if self.tenant is None:
            return ""
        names = table.keys(index)[0]
        where = f"partition key {', '.join(names)} of {f'index {index} of ' if index else ''}{table.name}"
        if not any(map(self.stands_in, shapes)):
            return self._shared_problem(table, names, entity, shapes, where)
        for shape in shapes:
            if self.stands_in(shape) and (problem := self.rewritten(shape) or self.separation(entity, shape)):
                return f"{where}, {text_of(shape)}: {problem}"
        return self._ambiguity(table, names, entity, shapes)

    def _shared_problem(
        self, table: Table, names: Sequence[str], entity: Entity, shapes: Sequence[Shape], where: str
    ) -> str:
        written = ", ".join(map(text_of, shapes))
        if self.is_owned(entity):
            return (
                f"{entity.name} belongs to {article(str(self.tenant))}, and the {where}, {written}, does not say "
                f"which: begin it with {{{self.tenant}}} and a separator, or let a service that checks stand in between"
            )
        keys = [glob(shape, None, "") for shape in shapes]
        for other in self.design.entities_in(table.name):
            theirs = [shape_of(self.design, other, name) for name in names]
            if self.is_owned(other) and all(overlap(k, glob(s, None, "")) for k, s in zip(keys, theirs, strict=True)):
                return (
                    f"the {where}, {written}, may be that of {article(other.name)} too, which belongs to "
                    f"{article(str(self.tenant))}: begin the keys of {entity.name} with text of their own"
                )
        return ""

    def _ambiguity(self, table: Table, names: Sequence[str], entity: Entity, shapes: Sequence[Shape]) -> str:
        """Which other items of another tenant may have such a key, where a field stands in the tenant's place."""
        for other in self.design.entities_in(table.name):
            if not other.rows and not self.design.domains_of(other.name).keys() >= set(names):
                continue  # its items are not in the index
            stated = [shape_of(self.design, other, name) for name in names]
            if not (self.is_owned(other) or any(map(self.stands_in, stated))):
                continue
            problem = next((p for shape in stated if (p := self.separation(other, shape))), "")
            pairs = zip(shapes, stated, strict=True)
            if all(self._may_meet((entity, own), (other, theirs), bool(problem)) for own, theirs in pairs):
                why = f": {problem}" if problem else f" of another {self.tenant}: begin them with text of their own"
                return f"the keys {', '.join(map(text_of, shapes))} may be those of {article(other.name)} too{why}"
        return ""

    def _may_meet(self, mine: tuple[Entity, Shape], theirs: tuple[Entity, Shape], loose: bool) -> bool:
        """Whether a key of the caller's may be one of another tenant's items.

        Not, where the tenant stands in the same place of both. `loose` is a key in which nothing separates tenants.
        """
        own, other = mine[1], theirs[1]
        if loose:
            return overlap(glob(own, None, ""), glob(other, None, ""))
        alike = self.stands_in(own) and self.stands_in(other)
        if alike and (own == other or self._before(own) == self._before(other) is not None):
            return False
        marks = _marks((*own, *other))
        identity = WILD if self._holding(mine[0], str(self.tenant), "", marks) else WORD
        words = "".join(self._wild(theirs[0], part, marks) for part in other)
        return overlap(glob(own, self.tenant, identity), words, without=marks)

    def _wild(self, entity: Entity, part: str | Placeholder, marks: str) -> str:
        """A part of a key as a pattern: a field as WORD, if its ids hold no separator."""
        if isinstance(part, str):
            return glob((part,), None, "")
        return WILD if self._holding(entity, part.field, part.spec, marks) else WORD

    def _before(self, shape: Shape) -> str | None:
        """The text before the tenant; None if another field stands there."""
        first = next(i for i, part in enumerate(shape) if isinstance(part, Placeholder))
        tenant = shape[first]
        is_first = isinstance(tenant, Placeholder) and tenant.field == self.tenant
        return "".join(part for part in shape[:first] if isinstance(part, str)) if is_first else None

    def rewritten(self, shape: Shape) -> str:
        """Why a key does not hold the tenant as its id is, but formatted; empty if it does."""
        specs = [p.spec for p in shape if isinstance(p, Placeholder) and p.field == self.tenant and p.spec]
        for spec in specs:
            written = _written(self.design.fields[origin(self.design, str(self.tenant))], str(self.tenant), spec)
            plain = self.tenants
            if written is None or written != plain:
                example = f" ({plain[0]} as {written[0]})" if written and plain else ""
                return (
                    f"{{{self.tenant}:{spec}}} writes the id otherwise than the caller's identity holds it{example}: "
                    f'give the field the format, format: "{{:{spec}}}", and the key {{{self.tenant}}}'
                )
        return ""

    def separation(self, entity: Entity, shape: Shape) -> str:
        """Why a wildcard beside the tenant would let in other tenants; empty if separators stand between."""
        places = [i for i, part in enumerate(shape) if isinstance(part, Placeholder) and part.field == self.tenant]
        if not places:
            return ""
        sides = [(shape[: places[0]][::-1], -1), (shape[places[-1] + 1 :], 1)]
        varying = [(beyond, step) for beyond, step in sides if any(isinstance(part, Placeholder) for part in beyond)]
        problems = (self._edge_problem(beyond[0], step) for beyond, step in varying)
        if problem := next(filter(None, problems), ""):
            return problem
        return self._straddling(entity, shape) if len(varying) == len(sides) else ""

    def _edge_problem(self, near: str | Placeholder, step: int) -> str:
        """What is wrong with what stands next to the tenant, before (-1) or after it."""
        side = "follows" if step > 0 else "stands before"
        if isinstance(near, Placeholder):
            return f"{{{near.field}}} {side} {{{self.tenant}}} without a separator, so that t1 is also in t10"
        edge = near[0] if step > 0 else near[-1]
        if edge.isalnum():
            return f"{near!r} {side} {{{self.tenant}}}, and no separator as #: t1 is also in t10"
        if found := next((each for each in self.tenants if near in each), None):
            return f"{near!r} is no separator, since ids such as {found!r} contain it"
        return ""

    def _straddling(self, entity: Entity, shape: Shape) -> str:
        """Why wildcards on both sides of the tenant may move: a field whose ids hold a separator, or may."""
        fields = [i for i, part in enumerate(shape) if isinstance(part, Placeholder)]
        marks = _marks(shape[fields[0] : fields[-1]])
        for part in shape:
            if isinstance(part, Placeholder) and (found := self._holding(entity, part.field, part.spec, marks)):
                return (
                    f"fields stand on both sides of {{{self.tenant}}}, and {{{part.field}}} {found}, so that another "
                    f"{self.tenant}'s key may fit: begin the key with {{{self.tenant}}}"
                )
        return ""

    def _holding(self, entity: Entity, field: str, spec: str, marks: str) -> str:
        """That the ids of a field hold one of some characters, or that it is not known; empty if they hold none."""
        if (field, spec, entity.name) not in self._ids:
            domain = self.design.domains_of(entity.name).get(field)
            if domain is None or domain.is_field:
                name = origin(self.design, field) if field in self.design.fields else ""
                domain = self.design.fields.get(name)
            self._ids[field, spec, entity.name] = None if domain is None else _written(domain, field, spec)
        ids = self._ids[field, spec, entity.name]
        if ids is None:
            return f"may hold {' or '.join(marks)}" if marks else ""
        found = next(((each, mark) for each in ids for mark in marks if mark in each), None)
        return f"holds {found[1]}, as in {found[0]!r}" if found else ""

    @cached_property
    def _ids(self) -> dict[tuple[str, str, str], tuple[str, ...] | None]:
        return {}

    @cached_property
    def tenants(self) -> tuple[str, ...]:
        """Some ids of tenants, as their domain makes them; none where they come from rows."""
        return _written(self.design.fields[origin(self.design, str(self.tenant))], str(self.tenant), "") or ()


def _marks(shape: Shape) -> str:
    """The characters of a key's texts that may separate: neither letters nor digits."""
    return "".join(sorted({c for part in shape if isinstance(part, str) for c in part if not c.isalnum()}))


# Shapes of keys


def shape_of(design: Design, entity: Entity, attribute: str) -> Shape:
    """An attribute as text and fields, with its own attributes put in; of anything else one placeholder."""
    domain = design.domains_of(entity.name).get(attribute)
    if domain is None or domain.is_field or domain.value is None:
        return (Placeholder(attribute),)
    return expanded(design, entity, domain.value)


def expanded(design: Design, entity: Entity, value: Any, passed: frozenset[str] = frozenset()) -> Shape:
    """A constant or template as text and fields; attributes of the entity that are templates are put in."""
    if not isinstance(value, str):
        return (str(value),)
    found: list[str | Placeholder] = []
    for part in KeyTemplate(value).parts:
        inner: Shape = (part,)
        if isinstance(part, Placeholder) and part.field not in passed:
            domain = design.domains_of(entity.name).get(part.field)
            if domain is not None and not domain.is_field and domain.value is not None and not part.spec:
                inner = expanded(design, entity, domain.value, passed | {part.field})
        for each in inner:
            if isinstance(each, str) and found and isinstance(found[-1], str):
                found[-1] += each
            else:
                found.append(each)
    return tuple(found)


def text_of(shape: Shape) -> str:
    """A shape as a template."""
    return "".join(
        part if isinstance(part, str) else f"{{{part.field}{':' * bool(part.spec)}{part.spec}}}" for part in shape
    )


def glob(shape: Shape, tenant: str | None, identity: str) -> str:
    """A shape as a pattern of IAM: the tenant as the policy variable, other fields as `*`.

    >>> glob(("TENANT#", Placeholder("t"), "#", Placeholder("order")), "t", "${aws:PrincipalTag/t}")
    'TENANT#${aws:PrincipalTag/t}#*'
    """
    parts = [
        "".join(_ESCAPES.get(c, c) for c in part)
        if isinstance(part, str)
        else identity
        if part.field == tenant
        else WILD
        for part in shape
    ]
    return re.sub(r"(?<!\{)\*+", WILD, "".join(parts))


def overlap(one: str, two: str, *, without: str = "") -> bool:
    """Whether some text fits both patterns, in which `*` is any text and WORD any that has none of `without`.

    >>> overlap("A#*", "*#B"), overlap("A#*", "B#*"), overlap("A#*", f"{WORD}#B", without="#")
    (True, False, True)
    >>> overlap(WORD, "T#*", without="#"), overlap(WORD, f"x{WORD}", without="#")
    (False, True)
    """
    wild = (WILD, WORD)
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if (i, j) in seen:
            continue
        seen.add((i, j))
        a, b = one[i : i + 1], two[j : j + 1]
        if not a and not b:
            return True
        if a in wild and a:
            waiting += [(i + 1, j), *([(i, j + 1)] if _takes(a, b, without) else [])]
        if b in wild and b:
            waiting += [(i, j + 1), *([(i + 1, j)] if _takes(b, a, without) else [])]
        if a and a == b:
            waiting.append((i + 1, j + 1))
    return False


def _takes(wild: str, part: str, without: str) -> bool:
    """Whether a wildcard may stand for the next part of the other pattern."""
    return bool(part) and (wild == WILD or part not in without)


def _written(domain: Domain, field: str, spec: str) -> tuple[str, ...] | None:
    """Some of the values of a domain, as keys write them; None where they are not made from it alone."""
    if domain.choice is not None:
        return tuple(format_value(value, spec) for value in domain.choice)
    if domain.value is not None:
        return None if "{" in str(domain.value) else (format_value(domain.value, spec),)
    if domain.of is not None or not (domain.type or domain.count) or (domain.type and domain.type.shard_of):
        return None
    most = min(SAMPLE, domain.cardinality, domain.count.most if isinstance(domain.count, Amount) else SAMPLE)
    ranks = np.arange(int(most))
    column = distinct(domain, ranks, np.full(len(ranks), len(ranks)), stream(1, "tenants", field), 1, field, CLOCK)
    return tuple(format_value(value, spec) for value in column.take(ranks))


def is_numeric(design: Design, table: Table, attribute: str) -> bool:
    """Whether a key attribute holds numbers."""
    return any(key_tag(design, entity, attribute) == "N" for entity in design.entities_in(table.name))
