"""Snippets: each access pattern as working boto3 code, with its condition, names and values.

A snippet is a function. Its parameters are what the caller knows: the fields that keys are made of, and the values that
differ from call to call. Keys are written as the design's templates say, constants stand where they belong, and what
DynamoDB gives back in pages is read as the pattern says. (boto3: guide/dynamodb.html, Table and client.)
"""

import builtins
import keyword
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workbench import expressions
from workbench.access import EXPRESSIONS, value_domain
from workbench.design import AccessPattern, Action, Design, Entity, Table, key_template
from workbench.domains import Domain
from workbench.identity import key_renamings, open_rows
from workbench.keys import KeyTemplate, Placeholder
from workbench.requests import API_NAMES

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


@dataclass(frozen=True)
class Snippet:
    """An access pattern as code: the function's name, its parameters, its text, and the members of its request."""

    pattern: AccessPattern
    function: str
    parameters: tuple[str, ...]
    code: str = field(repr=False)
    members: tuple[Member, ...] = field(repr=False)


def snippet(design: Design, pattern: AccessPattern) -> Snippet:
    """The code of a served access pattern."""
    members = tuple(_members(design, pattern))
    parameters = _parameters(members, pattern)
    body = _BODIES[pattern.operation](design, pattern, members)
    function = identifier(pattern.name)
    optional = set().union(*(member.optional for member in members if not member.name), {"now"})
    signature = ", ".join(f"{identifier(name)}{'=None' * (name in optional)}" for name in parameters)
    about = f'"""{_about(design, pattern, members)}"""'
    lines = [
        f"def {function}({signature}):",
        *_wrapped(about),
        *(_indented(x) for each in body for x in each.split("\n")),
    ]
    return Snippet(pattern, function, parameters, "\n".join(lines) + "\n", members)


def _wrapped(docstring: str) -> list[str]:
    return textwrap.wrap(docstring, 100, initial_indent="    ", subsequent_indent="    ")


def _parameters(members: Sequence[Member], pattern: AccessPattern) -> tuple[str, ...]:
    named = [member.name for member in members if member.name]
    own = [name for member in members for name in member.parameters if not member.name or name == "now"]
    optional = {name for member in members if not member.name for name in member.optional} | {"now"}
    found = [name for name in dict.fromkeys([*named, *own]) if name != pattern.for_each]
    return tuple(sorted(found, key=lambda name: name in optional))


def _about(design: Design, pattern: AccessPattern, members: Sequence[Member]) -> str:
    """What the function does, in a line or two that a reader of the code needs."""
    first = pattern.description or f"{pattern.operation}: {', '.join(e.name for e in design.addressed(pattern))}"
    text = first[0].upper() + first[1:].rstrip(".") + "."
    for member in (member for member in members if member.name):
        kind = "dicts" if member.many else "a dict"
        names = [name for name in member.parameters if name != "now"]
        text += f" {identifier(member.name)}: {kind} with {', '.join(names)}."
    if any(member.part.condition for member in members):
        error = "TransactionCanceledException" if pattern.actions else "ConditionalCheckFailedException"
        text += f" ClientError {error} if the condition fails."
    return text.replace("\\", "\\\\").replace('"""', "'''")


# What a request is made of


def _members(design: Design, pattern: AccessPattern) -> Iterator[Member]:
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
        name = _plural(entity.name) if many else _snake(entity.name)
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
        found += [_created(name, domains.get(name), design, used, named) for name in names]
    found += _expression_bindings(pattern, part, domains, named)
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


def _created(name: str, domain: Domain | None, design: Design, used: set[str], named: Mapping[str, str]) -> Binding:
    """The value of an attribute in an item that is put: what new items have, else as in all of them."""
    place = ("Item", name)
    if domain is not None and domain.present is not None:
        return Binding(place, parameter=name, optional=True)
    new = domain.new if domain is not None else None
    if isinstance(new, str):
        return _of_template(place, KeyTemplate(new), named)
    if new is not None:
        return Binding(place, constant=new)
    lone = domain.template.lone_field if domain is not None and domain.template else None
    if lone is not None and lone not in used:
        return Binding(place, parameter=name)  # another name for what the caller gives
    return _bound(place, name, domain, named)


def _expression_bindings(
    pattern: AccessPattern, part: Part, domains: Mapping[str, Domain], named: Mapping[str, str]
) -> Iterator[Binding]:
    values = {**pattern.values, **part.values}
    nodes = [EXPRESSIONS[key](text) for key in EXPRESSIONS if (text := getattr(part, key, None)) is not None]
    for name in dict.fromkeys(name for node in nodes for name in expressions.values(node)):
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


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _plural(name: str) -> str:
    snake = _snake(name)
    return f"{snake[:-1]}ies" if snake.endswith("y") else f"{snake}{'es' if snake.endswith('s') else 's'}"


def _indented(line: str) -> str:
    return f"    {line}" if line else ""


def table_variable(table: str) -> str:
    """What the table is called in the code."""
    return f"{_snake(identifier(table))}_table"


# Bodies


def _scope(member: Member) -> Scope:
    if not member.name:
        return identifier
    holder = "each" if member.many else identifier(member.name)

    def given(name: str) -> str:
        if name == "now":
            return name
        return f"{holder}.get('{name}')" if name in member.optional else f"{holder}['{name}']"

    return given


def _values(bindings: Iterable[Binding], kind: str, scope: Scope) -> str:
    """The dict of a request's key, item or values, as code."""
    return _braces([f"{python(b.place[1])}: {b.code(scope)}" for b in bindings if b.place[0] == kind])


def _braces(members: Sequence[str], most: int = 76) -> str:
    """Members of a dict on one line, or on one each where they are too long for it."""
    inside = ", ".join(members)
    if len(inside) <= most or len(members) < 2:
        return f"{{{inside}}}"
    return "{\n" + "".join(f"    {member},\n" for member in members) + "}"


def _arguments(member: Member, pattern: AccessPattern) -> dict[str, str]:
    """The parameters of a request by their API names, as code."""
    scope, part = _scope(member), member.part
    found: dict[str, str] = {}
    for kind in ("Key", "Item"):
        if any(binding.place[0] == kind for binding in member.bindings):
            found[kind] = _values(member.bindings, kind, scope)
    if member.has_more:
        holder = f"{identifier(member.name) if not member.many else 'each'}.get('{MORE}', {{}})"
        found["Item"] = f"{{**{holder if member.name else f'({MORE} or {{}})'}, **{found['Item']}}}"
    if any(binding.optional for binding in member.bindings):
        found["Item"] = f"{{name: value for name, value in {found['Item']}.items() if value is not None}}"
    nodes: list[Any] = []
    for key, api in API_NAMES.items():
        if (text := getattr(part, key, None)) is not None:
            found[api] = python(text)
            nodes.append(EXPRESSIONS[key](text))
    stated = {**pattern.names, **part.names}
    if names := {f"#{n}": stated.get(n, n) for node in nodes for n in expressions.names(node)}:
        found["ExpressionAttributeNames"] = "{" + ", ".join(f"{python(k)}: {python(v)}" for k, v in names.items()) + "}"
    if any(binding.place[0] == "ExpressionAttributeValues" for binding in member.bindings):
        found["ExpressionAttributeValues"] = _values(member.bindings, "ExpressionAttributeValues", scope)
    return found


def _clock(members: Sequence[Member]) -> list[str]:
    if any("now" in member.parameters for member in members):
        return ["now = int(time.time()) if now is None else now"]
    return []


_METER = {"ReturnConsumedCapacity": '"TOTAL"'}


def _call(target: str, arguments: Mapping[str, str]) -> list[str]:
    return [f"{target}(", *(_deeper(f"{name}={code},") for name, code in arguments.items()), ")"]


def _deeper(code: str) -> str:
    return "\n".join(f"    {line}" for line in code.split("\n"))


def _single(design: Design, pattern: AccessPattern, members: Sequence[Member]) -> list[str]:
    (member,) = members
    arguments = _arguments(member, pattern)
    if pattern.consistent:
        arguments["ConsistentRead"] = "True"
    target = f"{table_variable(member.table.name)}.{_snake(pattern.operation)}"
    call = _call(target, {**arguments, **_METER})
    if member.operation == "Get":
        call = [f"answer = {call[0]}", *call[1:], 'return answer.get("Item")']
    return [*_clock(members), *call]


def _dict(name: str, arguments: Mapping[str, str]) -> list[str]:
    return [f"{name} = {{", *(_deeper(f"{python(key)}: {code},") for key, code in arguments.items()), "}"]


def _reading(design: Design, pattern: AccessPattern, members: Sequence[Member]) -> list[str]:
    (member,) = members
    settings = {
        "IndexName": pattern.index,
        "ConsistentRead": pattern.consistent or None,
        "ScanIndexForward": False if pattern.descending else None,
        "Limit": pattern.limit,
        "Select": pattern.select,
    }
    stated = {name: python(value) for name, value in settings.items() if value is not None}
    request = _dict("request", {**_arguments(member, pattern), **stated, **_METER})
    operation = f"{table_variable(member.table.name)}.{pattern.operation.lower()}"
    most = f", {pattern.page_limit}" if pattern.page_limit else ""
    counts = pattern.select == "COUNT"
    gather = 'found += page["Count"]' if counts else 'found += page["Items"]'
    reading = [f"for page in pages({operation}, request{most}):", f"    {gather}"]
    if pattern.segments > 1:
        part = f'{{**request, "Segment": segment, "TotalSegments": {pattern.segments}}}'
        reading = [
            f"for segment in range({pattern.segments}):",
            f"    for page in pages({operation}, {part}{most}):",
            f"        {gather}",
        ]
    body = [*request, *reading]
    if pattern.for_each:
        body = [f"for {identifier(pattern.for_each)} in {_every(design, pattern)}:", *map(_deeper, body)]
    return [*_clock(members), f"found = {'0' if counts else '[]'}", *body, "return found"]


def _every(design: Design, pattern: AccessPattern) -> str:
    """All values of the field that a call goes through, as code."""
    name = str(pattern.for_each)
    entity = design.addressed(pattern)[0]
    domain = (entity.attributes or {}).get(name) or design.fields.get(name) or Domain()
    if domain.type is not None and domain.type.word == "shard":
        return f"range({domain.type.shards})"
    values = [python(value) for value in domain.choice or ()]
    return f"({', '.join(values)},)" if values else f"{identifier(name)}_values"


def _batch_get(design: Design, pattern: AccessPattern, members: Sequence[Member]) -> list[str]:
    (member,) = members
    arguments = _arguments(member, pattern)
    key = arguments.pop("Key")
    inner = {"Keys": f"[{key} for each in {identifier(member.name)}]", **arguments}
    if pattern.consistent:
        inner["ConsistentRead"] = "True"
    table = f"{table_variable(member.table.name)}.name"
    inside = _braces([f"{python(name)}: {code}" for name, code in inner.items()])
    return [
        f"left, found = {{{table}: {inside}}}, []",
        "while left:",
        '    answer = dynamodb.batch_get_item(RequestItems=left, ReturnConsumedCapacity="TOTAL")',
        f'    found += answer["Responses"].get({table}, [])',
        '    left = answer.get("UnprocessedKeys")  # wait between tries: they were throttled',
        "return found",
    ]


def _batch_write(design: Design, pattern: AccessPattern, members: Sequence[Member]) -> list[str]:
    body: list[str] = []
    for member in members:
        verb, kind = ("put_item", "Item") if member.operation == "Put" else ("delete_item", "Key")
        call = f"batch.{verb}({kind}={_arguments(member, pattern)[kind]})"
        loop = [f"for each in {identifier(member.name)}:", _deeper(call)] if member.many else [call]
        body += [f"with {table_variable(member.table.name)}.batch_writer() as batch:", *map(_deeper, loop)]
    return body


def _transact(design: Design, pattern: AccessPattern, members: Sequence[Member]) -> list[str]:
    lines = ["actions = []"]
    for member in members:
        arguments = {"TableName": f"{table_variable(member.table.name)}.name", **_arguments(member, pattern)}
        inside = ", ".join(f"{python(name)}: {code}" for name, code in arguments.items())
        append = f"actions.append({{{python(member.operation)}: {{{inside}}}}})"
        lines += [f"for each in {identifier(member.name)}:", _deeper(append)] if member.many else [append]
    verb = "transact_get_items" if pattern.operation == "TransactGetItems" else "transact_write_items"
    call = f'dynamodb.meta.client.{verb}(TransactItems=actions, ReturnConsumedCapacity="TOTAL")'
    if pattern.operation == "TransactGetItems":
        answer = [f"answer = {call}", 'return [one["Item"] for one in answer["Responses"] if "Item" in one]']
        return [*_clock(members), *lines, *answer]
    return [*_clock(members), *lines, call]


_BODIES: dict[str, Callable[[Design, AccessPattern, Sequence[Member]], list[str]]] = {
    **dict.fromkeys(("GetItem", "PutItem", "UpdateItem", "DeleteItem"), _single),
    **dict.fromkeys(("Query", "Scan"), _reading),
    **dict.fromkeys(("TransactGetItems", "TransactWriteItems"), _transact),
    "BatchGetItem": _batch_get,
    "BatchWriteItem": _batch_write,
}


def preamble(design: Design) -> str:
    """What all snippets share: imports, the tables, and how pages are read."""
    tables = "\n".join(f"{table_variable(t)} = dynamodb.Table({python(t)})" for t in design.tables)
    return _PREAMBLE.format(tables=tables)


_PREAMBLE = '''\
import time
from decimal import Decimal  # boto3 takes numbers with a fraction as Decimal

import boto3

dynamodb = boto3.resource("dynamodb")  # region, endpoint and credentials come from the environment
{tables}


def pages(operation, request, most=None):
    """The answers of a Query or Scan, page by page: all, or at most so many."""
    while True:
        answer = operation(**request)
        yield answer
        most = most and most - 1
        if "LastEvaluatedKey" not in answer or most == 0:
            return
        request = {{**request, "ExclusiveStartKey": answer["LastEvaluatedKey"]}}
'''
