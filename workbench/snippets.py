"""Snippets: each access pattern as working boto3 code, with its condition, names and values.

A snippet is a function. Its parameters are what the caller knows: the fields that keys are made of, and the values that
differ from call to call. Keys are written as the design's templates say, constants stand where they belong, and what
DynamoDB gives back in pages is read as the pattern says. (boto3: guide/dynamodb.html, Table and client.)
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench import syntax
from workbench.access import EXPRESSIONS
from workbench.arguments import MORE, Binding, Member, Scope, identifier, members_of, python, snake
from workbench.design import AccessPattern, Design
from workbench.domains import Domain
from workbench.placeholders import API_NAMES
from workbench.requests import read_settings


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
    members = tuple(members_of(design, pattern))
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


# Bodies


def _indented(line: str) -> str:
    return f"    {line}" if line else ""


def table_variable(table: str) -> str:
    """What the table is called in the code."""
    return f"{snake(identifier(table))}_table"


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


def _braces(members: Sequence[str]) -> str:
    """Members of a dict on one line, or on one each where they are too long for it."""
    inside = ", ".join(members)
    if len(inside) <= 76 or len(members) < 2:
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
    if names := {f"#{n}": stated.get(n, n) for node in nodes for n in syntax.names(node)}:
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
    target = f"{table_variable(member.table.name)}.{snake(pattern.operation)}"
    call = _call(target, {**arguments, **_METER})
    if member.operation == "Get":
        call = [f"answer = {call[0]}", *call[1:], 'return answer.get("Item")']
    return [*_clock(members), *call]


def _dict(name: str, arguments: Mapping[str, str]) -> list[str]:
    return [f"{name} = {{", *(_deeper(f"{python(key)}: {code},") for key, code in arguments.items()), "}"]


def _reading(design: Design, pattern: AccessPattern, members: Sequence[Member]) -> list[str]:
    (member,) = members
    stated = {name: python(value) for name, value in read_settings(pattern).items()}
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
