"""Arguments: what a caller gives for a request of an access pattern, and what follows from it.

A key is made of fields by its template, a constant is the same in every request, and what is left the caller gives:
the fields of keys, and the values that differ from call to call. A request for several items, or a transaction, has
members, each with arguments of its own. Everything is written as Python here, the values of boto3's Table.
"""

import builtins
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from workbench import syntax
from workbench.access import EXPRESSIONS
from workbench.design import AccessPattern, Action, Design, Entity, key_template
from workbench.domains import Domain, value_domain
from workbench.identity import key_renamings, open_rows
from workbench.keys import KeyTemplate, Placeholder
from workbench.schema import Table

Part = AccessPattern | Action
Scope = Callable[[str], str]
MORE = "more"  # attributes that the design gives a size or takes from data, without naming them


@dataclass(frozen=True)
class Binding:
    """Where in a request a value stands, and what it is made of: a constant, a template, or a parameter."""

    place: tuple[str, ...]  # ("Key", "PK"), ("Item", "title") or ("ExpressionAttributeValues", ":open")
    template: KeyTemplate | None = None
    constant: Any = None
    parameter: str = ""
    optional: bool = False  # not every item has it

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the caller has to give for it."""
        return self.template.fields if self.template else ((self.parameter,) if self.parameter else ())

    def code(self, scope: Scope) -> str:
        """The Python expression of its value."""
        if self.parameter:
            return scope(self.parameter)
        return python(self.constant) if self.template is None else _template_code(self.template, scope)


@dataclass(frozen=True)
class Member:
    """One item that a request addresses: its entity, its part of the pattern, its values, and how callers name it."""

    operation: str
    table: Table
    entity: Entity | None
    part: Part
    bindings: tuple[Binding, ...]
    name: str = ""  # the parameter that holds its values; "" where they are the function's own parameters
    many: bool = False
    has_more: bool = False

    @property
    def parameters(self) -> list[str]:
        """What it needs, each once; what may be left out last."""
        names = list(dict.fromkeys(name for binding in self.bindings for name in binding.parameters))
        names += [MORE] if self.has_more else []
        return sorted(names, key=lambda name: name in self.optional)

    @property
    def optional(self) -> set[str]:
        """The parameters that may be left out."""
        return {"now", MORE} | {binding.parameter for binding in self.bindings if binding.optional}


# What a request is made of


def members_of(design: Design, pattern: AccessPattern) -> Iterator[Member]:
    if pattern.actions:
        yield from _action_members(design, pattern)
        return
    table, entities = design.table_for(pattern), design.addressed(pattern)
    entity = entities[0] if entities else None
    many = pattern.operation in ("BatchGetItem", "BatchWriteItem", "TransactGetItems")
    operation = _PLAIN[pattern.operation]
    bindings, more = _bindings(design, pattern, pattern, operation, table, entity, {})
    name = _plural(entity.name) if many and entity else ""
    yield Member(operation, table, entity, pattern, tuple(bindings), name, many, more)


_PLAIN = {
    "GetItem": "Get",
    "BatchGetItem": "Get",
    "TransactGetItems": "Get",
    "PutItem": "Put",
    "BatchWriteItem": "Put",
    "UpdateItem": "Update",
    "DeleteItem": "Delete",
    "Query": "Query",
    "Scan": "Scan",
}


def _action_members(design: Design, pattern: AccessPattern) -> Iterator[Member]:
    taken: dict[str, int] = {}
    for action in pattern.actions:
        entity = design.entities[design.action_entity(action)]
        table, many = design.table_of(entity.name), action.count is not None
        named = key_renamings(design, action)
        bindings, more = _bindings(design, pattern, action, action.operation, table, entity, named)
        name = _plural(entity.name) if many else snake(entity.name)
        taken[name] = taken.get(name, 0) + 1
        name = name if taken[name] == 1 else f"{name}_{taken[name]}"
        yield Member(action.operation, table, entity, action, tuple(bindings), name, many, more)


def _bindings(
    design: Design,
    pattern: AccessPattern,
    part: Part,
    operation: str,
    table: Table,
    entity: Entity | None,
    named: Mapping[str, str],
) -> tuple[list[Binding], bool]:
    """The values of a request, and whether its item has attributes that the design does not name."""
    domains = design.domains_of(entity.name) if entity else {}
    found: list[Binding] = []
    if operation in ("Get", "Update", "Delete", "ConditionCheck"):
        found += [_bound(("Key", name), name, domains.get(name), named) for name in table.key_attributes]
    if operation == "Put" and entity:
        names = dict.fromkeys([*table.key_attributes, *domains])
        used = {f for name in table.indexed_attributes for f in _fields(name, domains.get(name))}
        value = _created if creates(pattern, part) else _stored
        found += [value(name, domains.get(name), used, named) for name in names]
    compared = list(_expression_bindings(pattern, part, domains, named))
    if operation == "Put" and not creates(pattern, part):
        own = {binding.parameter for binding in found if binding.place[1] not in table.indexed_attributes} - {""}
        compared = [_as_read(binding) if binding.parameter in own else binding for binding in compared]
    found += compared
    more = operation == "Put" and entity is not None and (entity.size is not None or open_rows(design, entity))
    return found, more or bool(operation == "Put" and entity and entity.rows)


def _fields(name: str, domain: Domain | None) -> tuple[str, ...]:
    template = key_template(domain, name) if domain else None
    return template.fields if template else (name,)


def _bound(place: tuple[str, ...], name: str, domain: Domain | None, named: Mapping[str, str]) -> Binding:
    """The value of an attribute of the item: its template, its constant, or a parameter of its name."""
    if domain is None or domain.value is None:
        return Binding(place, parameter=named.get(name, name))
    if domain.template is None:
        return Binding(place, constant=domain.value)
    return _of_template(place, domain.template, named)


def _of_template(place: tuple[str, ...], template: KeyTemplate, named: Mapping[str, str]) -> Binding:
    if not template.fields:
        return Binding(place, constant="".join(map(str, template.parts)))
    return Binding(place, _renamed(template, named))


def _renamed(template: KeyTemplate, named: Mapping[str, str]) -> KeyTemplate:
    if not set(template.fields) & named.keys():
        return template
    parts = (
        p if isinstance(p, str) else _braced(Placeholder(named.get(p.field, p.field), p.spec)) for p in template.parts
    )
    return KeyTemplate("".join(part.replace("{", "{{") if part[:1] != "{" else part for part in parts))


def _braced(part: Placeholder) -> str:
    return f"{{{part.field}:{part.spec}}}" if part.spec else f"{{{part.field}}}"


def creates(pattern: AccessPattern, part: Part) -> bool:
    """Whether a put makes an item that was not there, with what new items have, or puts back one that was."""
    return pattern.target_of(part if isinstance(part, Action) else None) in ("new", "missing")


def _created(name: str, domain: Domain | None, used: set[str], named: Mapping[str, str]) -> Binding:
    """The value of an attribute in an item that is created: what new items have, else as in all of them."""
    new = domain.new if domain is not None and not domain.may_lack else None
    if new is None:
        return _stored(name, domain, used, named)
    if isinstance(new, str):
        return _of_template(("Item", name), KeyTemplate(new), named)
    return Binding(("Item", name), constant=new)


def _stored(name: str, domain: Domain | None, used: set[str], named: Mapping[str, str]) -> Binding:
    """The value of an attribute in an item that is put back: its template or constant, or what the caller gives."""
    place = ("Item", name)
    if domain is not None and domain.may_lack:
        return Binding(place, parameter=name, optional=True)
    lone = domain.template.lone_field if domain is not None and domain.template else None
    if lone is not None and lone not in used:
        return Binding(place, parameter=name)  # another name for what the caller gives
    return _bound(place, name, domain, named)


def _as_read(binding: Binding) -> Binding:
    """What a put compares is what was read before; what it writes in its place is another value, as of a version."""
    return replace(binding, parameter=f"read_{binding.parameter}")


def _expression_bindings(
    pattern: AccessPattern, part: Part, domains: Mapping[str, Domain], named: Mapping[str, str]
) -> Iterator[Binding]:
    values = {**pattern.values, **part.values}
    nodes = [EXPRESSIONS[key](text) for key in EXPRESSIONS if (text := getattr(part, key, None)) is not None]
    for name in dict.fromkeys(name for node in nodes for name in syntax.values(node)):
        place = ("ExpressionAttributeValues", f":{name}")
        if name not in values:
            own = domains.get(name)
            lone = own.template.lone_field if own is not None and own.template else None
            key = name in {b for b in domains if domains[b].template} and lone is None
            yield _bound(place, name, own, named) if key or lone is None else Binding(place, parameter=name)
            continue
        stated = value_domain(values[name])
        drawn = stated.value is None
        yield Binding(place, parameter=name) if drawn else _bound(place, name, stated, named)


# Python


def python(value: Any) -> str:
    """A constant as Python code; numbers with a fraction are Decimal, which boto3 asks for.

    >>> python("TASK#"), python(3), python(0.5), python(True)
    ('"TASK#"', '3', 'Decimal("0.5")', 'True')
    """
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) or (isinstance(value, Decimal) and value != value.to_integral_value()):
        return f'Decimal("{value}")'
    return repr(int(value)) if isinstance(value, Decimal) else repr(value)


def _quoted(text: str) -> str:
    """Text in double quotes."""
    inner = repr(f"'{text}")[2:-1].replace('\\"', '"') if "'" in repr(text)[1:-1] else repr(text)[1:-1]
    return '"' + inner.replace("\\'", "'").replace('"', '\\"') + '"'


def _template_code(template: KeyTemplate, scope: Scope) -> str:
    if template.lone_field:
        return scope(template.lone_field)
    texts = [
        _quoted(part)[1:-1].replace("{", "{{").replace("}", "}}") if isinstance(part, str) else _slot(part, scope)
        for part in template.parts
    ]
    return f'f"{"".join(texts)}"'


def _slot(part: Placeholder, scope: Scope) -> str:
    """A field in an f-string; a width is for numbers, which may come as text."""
    name = scope(part.field)
    if not part.spec:
        return f"{{{name}}}"
    number = f"float({name})" if part.spec.endswith("f") else f"int({name})"
    return f"{{{name if part.spec[0] in '<>^' else number}:{part.spec}}}"


def identifier(text: str) -> str:
    """A name that Python takes: `list-open-tasks` is list_open_tasks.

    >>> identifier("list-open-tasks"), identifier("2nd"), identifier("from"), identifier("list")
    ('list_open_tasks', '_2nd', 'from_', 'list_')
    """
    name = re.sub(r"\W", "_", text)
    name = f"_{name}" if not name or name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN else name


_TAKEN = {*dir(builtins), "boto3", "dynamodb", "pages", "request", "answer", "item", "time", "Decimal"}


def snake(name: str) -> str:
    """A name in snake case: `BatchGetItem` is batch_get_item."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _plural(name: str) -> str:
    one = snake(name)
    return f"{one[:-1]}ies" if one.endswith("y") else f"{one}{'es' if one.endswith('s') else 's'}"
