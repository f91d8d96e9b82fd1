"""Grants: what a role needs of each table and index, so that its access patterns work and nothing more does.

An access pattern needs an action on a table or index, for the partition keys that its requests name. Those follow from
the key templates: `TENANT#{tenant}#{order}` with the tenant that the caller's identity fixes is `TENANT#<identity>#*`.
Which part of a key a condition can fix decides whether tenants are kept apart: the tenant must stand in the partition
key, and a separator that no tenant's id contains must end it, or `t1*` is also the beginning of `t10`. What cannot be
kept apart is not granted, and said. (Developer Guide: specifying-conditions, transaction-apis-iam.)
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from workbench import syntax
from workbench.access import EXPRESSIONS
from workbench.authorization import like
from workbench.design import AccessPattern, Action, Design, Entity, Role
from workbench.domains import value_domain
from workbench.keys import Placeholder
from workbench.reach import query_condition
from workbench.schema import Table
from workbench.tenancy import WILD, Shape, Tenancy, expanded, glob, shape_of

SINGLE = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchGetItem", "BatchWriteItem")
MEMBERS = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
RETURNED = ("NONE", "UPDATED_NEW", "UPDATED_OLD")  # what an update may return without showing other attributes


@dataclass(frozen=True)
class Grant:
    """An action on a table or index that an access pattern needs.

    `keys` has a pattern for each partition key attribute, with `*` for what may vary; None for the whole table.
    `attributes` are those that a request may name, None for all; `select` what it must select to return no others;
    `within` the transaction that it must be part of; `entity` whose items' own keys it asks for, empty if others.
    """

    action: str
    table: str
    index: str
    keys: tuple[str, ...] | None
    attributes: frozenset[str] | None = None
    select: str = ""
    within: str = ""
    pattern: str = ""
    entity: str = ""

    @property
    def where(self) -> tuple[str, str, str]:
        """Action, table and index."""
        return self.action, self.table, self.index

    def covers(self, other: "Grant") -> bool:
        """Whether it allows all that another does."""
        return (
            self.where == other.where
            and self.within in ("", other.within)
            and _keys_cover(self.keys, other.keys)
            and (
                self.attributes is None
                or (
                    other.attributes is not None and self.attributes >= other.attributes and self.select == other.select
                )
            )
        )


@dataclass(frozen=True)
class Gap:
    """An access pattern that is not granted, or only in part, and why."""

    pattern: str
    why: str


def _keys_cover(own: tuple[str, ...] | None, other: tuple[str, ...] | None) -> bool:
    if own is None or other is None:
        return own is None
    return all(
        a == b or ("${*}" not in a + b and "${?}" not in a + b and like(a, b)) for a, b in zip(own, other, strict=True)
    )


def reduced(grants: Sequence[Grant]) -> tuple[Grant, ...]:
    """The grants without those that others cover."""
    left: list[Grant] = []
    for grant in grants:
        if not any(kept.covers(grant) for kept in left):
            left = [kept for kept in left if not grant.covers(kept)] + [grant]
    return tuple(left)


# The role


def role_of(design: Design, name: str | None) -> tuple[str, Role]:
    """A role by its name, or the only one; a design without roles has one that is everybody. ValueError otherwise."""
    if name is None and len(design.roles) <= 1:
        return next(iter(design.roles.items()), ("", Role()))
    if name not in design.roles:
        known = f"its roles are {', '.join(design.roles)}" if design.roles else "it has no roles; leave role out"
        said = "which role?" if name is None else f"no role {name!r}:"
        raise ValueError(f"{design.name}: {said} {known}")
    return name, design.roles[name]


def identity_of(role: Role) -> str:
    """The policy variable that holds the caller's tenant, as `${aws:PrincipalTag/tenant}`; empty without a tenant."""
    return "" if role.tenant is None else role.identity or f"${{aws:PrincipalTag/{role.tenant}}}"


def patterns_of(design: Design, name: str) -> list[AccessPattern]:
    """The served access patterns that a role uses."""
    alone = len(design.roles) <= 1
    return [p for p in design.served_patterns() if p.role == name or (p.role is None and alone)]


class Needs:
    """The grants that a role needs, and what of it cannot be granted."""

    def __init__(self, design: Design, name: str | None):
        self.design = design
        self.name, self.role = role_of(design, name)
        self.identity = identity_of(self.role)
        if self.role.tenant is not None and not re.fullmatch(r"\$\{[^{}*?$]+\}", self.identity):
            raise ValueError(
                f"role {self.name}: identity {self.identity!r} is no policy variable; write ${{aws:PrincipalTag/name}}"
            )
        if self.role.tenant is not None and self.role.tenant not in design.fields:
            known = ", ".join(design.fields)
            raise ValueError(f"role {self.name}: tenant {self.role.tenant!r} is not a field; there are {known}")
        self.tenancy = Tenancy(design, self.role.tenant)
        self.gaps: dict[Gap, None] = {}
        self.shared: dict[str, None] = {}  # entities of no tenant that the role uses
        found = [grant for pattern in patterns_of(design, self.name) for grant in self._of(pattern)]
        self.grants = reduced(found)

    @property
    def identity_key(self) -> str:
        """The condition key that the policy variable names."""
        return self.identity[2:-1]

    def _of(self, pattern: AccessPattern) -> Iterator[Grant]:
        if pattern.for_each is not None and pattern.for_each == self.role.tenant:
            self._gap(pattern, f"it asks for every {self.role.tenant} in turn: give it a role without a tenant")
        elif pattern.operation == "Scan":
            yield from self._scan(pattern)
        elif pattern.operation == "Query":
            yield from self._query(pattern)
        elif pattern.actions:
            for action in pattern.actions:
                yield from self._member(pattern, action)
        else:
            yield from self._items(pattern)

    def _gap(self, pattern: AccessPattern, why: str) -> None:
        self.gaps[Gap(pattern.name, why)] = None

    # Requests

    def _scan(self, pattern: AccessPattern) -> Iterator[Grant]:
        table = self.design.table_for(pattern)
        owned = [e.name for e in self.design.entities_in(table.name) if self.tenancy.is_owned(e)]
        if self.role.tenant is not None and owned:
            why = f"a Scan reads the {', '.join(owned)} of every {self.role.tenant}, and no condition narrows it"
            self._gap(pattern, f"{why}: give it a role without a tenant, or serve it by a key")
            return
        yield self._grant("Scan", table, pattern, pattern, None)

    def _query(self, pattern: AccessPattern) -> Iterator[Grant]:
        table, condition = self.design.table_for(pattern), query_condition(self.design, pattern)
        for entity in self.design.addressed(pattern):
            shapes = [self._value_shape(pattern, entity, name) for _, name in condition.partition]
            yield from self._granted("Query", table, pattern, pattern, entity, shapes)

    def _items(self, pattern: AccessPattern) -> Iterator[Grant]:
        within = pattern.operation if pattern.operation.startswith("Transact") else ""
        action = pattern.operation if pattern.operation in SINGLE else "GetItem"
        for entity in self.design.addressed(pattern):
            table = self.design.table_of(entity.name)
            shapes = [shape_of(self.design, entity, table.partition_key)]
            yield from self._granted(action, table, pattern, pattern, entity, shapes, within)

    def _member(self, pattern: AccessPattern, action: Action) -> Iterator[Grant]:
        entity = self.design.entities[self.design.action_entity(action)]
        table = self.design.table_of(entity.name)
        stated = action.key.get(table.partition_key)
        shape = shape_of(self.design, entity, table.partition_key)
        if stated is not None:
            shape = expanded(self.design, entity, stated)
        batch = pattern.operation == "BatchWriteItem"
        name = "BatchWriteItem" if batch else MEMBERS[action.operation]
        within = "" if batch or name == "ConditionCheckItem" else pattern.operation  # there is no check outside of one
        yield from self._granted(name, table, pattern, action, entity, [shape], within)

    def _value_shape(self, pattern: AccessPattern, entity: Entity, name: str) -> Shape:
        """What `:name` is in the key condition of a Query."""
        if name not in pattern.values:
            return shape_of(self.design, entity, name)
        domain = value_domain(pattern.values[name])
        constant = domain.template is None and domain.value is not None
        if domain.template is not None or constant:
            return expanded(self.design, entity, domain.value)
        return (Placeholder(f":{name}"),)

    def _granted(
        self,
        name: str,
        table: Table,
        pattern: AccessPattern,
        part: AccessPattern | Action,
        entity: Entity,
        shapes: Sequence[Shape],
        within: str = "",
    ) -> Iterator[Grant]:
        if why := self.tenancy.problem(table, pattern.index, entity, shapes):
            self._gap(pattern, why)
            return
        if self.role.tenant is not None and not any(self.tenancy.stands_in(shape) for shape in shapes):
            self.shared[entity.name] = None
        keys = tuple(glob(shape, self.role.tenant, self.identity) for shape in shapes)
        grant = self._grant(name, table, pattern, part, None if set(keys) == {WILD} else keys, within)
        own = [shape_of(self.design, entity, attribute) for attribute in table.keys(pattern.index)[0]]
        yield replace(grant, entity=entity.name) if own == list(shapes) else grant

    def _grant(
        self,
        name: str,
        table: Table,
        pattern: AccessPattern,
        part: AccessPattern | Action,
        keys: tuple[str, ...] | None,
        within: str = "",
    ) -> Grant:
        index = pattern.index or ""
        attributes, select = _named_attributes(pattern, part, table, index, name)
        return Grant(name, table.name, index, keys, attributes, select, within, pattern.name)


def _named_attributes(
    pattern: AccessPattern, part: AccessPattern | Action, table: Table, index: str, name: str
) -> tuple[frozenset[str] | None, str]:
    """The attributes that a request names if it returns or changes no others, and what it selects; else None."""
    counts = pattern.select == "COUNT" and not part.projection
    if not (part.projection or counts or name == "UpdateItem") or name == "BatchWriteItem":
        return None, ""
    names = {**pattern.names, **part.names}
    found = {*table.key_attributes, *(table.indexes[index].key_attributes if index else ())}
    for key, parse in EXPRESSIONS.items():
        if text := getattr(part, key, None):
            found |= {*syntax.attributes(syntax.resolve(parse(text), names))}
    return frozenset(found), "" if name == "UpdateItem" else "COUNT" if counts else "SPECIFIC_ATTRIBUTES"
