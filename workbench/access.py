"""Which requests a key can serve: the rules of DynamoDB's operations, checked for every access pattern.

GetItem, PutItem, UpdateItem and DeleteItem need the whole primary key. A Query reads one item collection: it needs
the partition key by equality, and may narrow it by the sort key. A filter is applied after the read and saves
nothing. Everything else is a Scan, which reads and pays for the whole table. An access pattern that no key serves is
an error in a design, unless it says `unserved` and why (AWS: Query.KeyConditionExpressions, bp-query-scan).
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from workbench import expressions, limits, syntax
from workbench.design import AccessPattern, Action, Design, Entity
from workbench.documents import NAME
from workbench.domains import value_domain
from workbench.identity import attributes_of, domain_tag, key_renamings, key_types, names_of, open_rows
from workbench.key_conditions import check_key_condition, key_condition
from workbench.references import Place, made_of, nearest, other_case, part_problems
from workbench.restrictions import restriction_problems
from workbench.schema import Table
from workbench.serving import not_served

Found = Iterator[tuple[Place, str]]

TAKES = {
    "GetItem": {"projection", "consistent"},
    "BatchGetItem": {"projection", "consistent", "count", "same"},
    "Query": {
        *("index", "key_condition", "filter", "projection", "consistent", "descending"),
        *("limit", "pages", "select", "for_each"),
    },
    "Scan": {"index", "filter", "projection", "consistent", "limit", "pages", "segments", "select", "table"},
    "PutItem": {"condition"},
    "UpdateItem": {"condition", "update"},
    "DeleteItem": {"condition"},
    "BatchWriteItem": {"count", "same", "actions"},
    "TransactGetItems": {"count", "same", "actions", "projection"},
    "TransactWriteItems": {"count", "same", "actions"},
}
NEEDS = {"Query": "key_condition", "UpdateItem": "update", "TransactWriteItems": "actions"}
ACTIONS = {
    "BatchWriteItem": ("Put", "Delete"),
    "TransactGetItems": ("Get",),
    "TransactWriteItems": ("Put", "Update", "Delete", "ConditionCheck"),
}
_ACTION_TAKES = {
    "condition": ("Put", "Update", "Delete", "ConditionCheck"),
    "update": ("Update",),
    "projection": ("Get",),
}
ERRORS = (  # Programming.Errors, API_TransactWriteItems
    "ConditionalCheckFailedException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "ValidationException",
    "ResourceNotFoundException",
    "ItemCollectionSizeLimitExceededException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "AccessDeniedException",
)
MOST_ITEMS = {
    "BatchGetItem": limits.BATCH_GET_ITEMS,
    "BatchWriteItem": limits.BATCH_WRITE_ITEMS,
    "TransactGetItems": limits.TRANSACTION_ITEMS,
    "TransactWriteItems": limits.TRANSACTION_ITEMS,
}
WHY_NOT = {
    "condition": "a condition goes with a single write; in a transaction it stands in the action",
    "update": "only an UpdateItem changes attributes in place",
    "filter": "a filter is applied to what a Query or Scan has read",
    "key_condition": "only a Query has a key condition",
    "consistent": "consistency is chosen for reads",
    "index": "only a Query or Scan reads an index",
}
EXPRESSIONS = {
    "key_condition": expressions.parse_condition,
    "filter": expressions.parse_condition,
    "condition": expressions.parse_condition,
    "update": expressions.parse_update,
    "projection": expressions.parse_projection,
}


def access_problems(design: Design) -> Found:
    """Problems of the access patterns: what an operation does not take, what no key serves, names and values."""
    for name, pattern in design.access_patterns.items():
        place = ("access_patterns", name)
        problems = [*_addresses(design, place, pattern)]
        yield from problems
        if problems:
            continue
        yield from _operation(place, pattern)
        problems = [*_parts(design, place, pattern)]
        yield from problems
        if not any(where[2:3] in (("given",), ("index",)) for where, _ in problems):
            yield from _serving(design, place, pattern)


def _addresses(design: Design, place: Place, pattern: AccessPattern) -> Found:
    for name in pattern.entity:
        if name not in design.entities:
            yield (*place, "entity"), f"{name!r} is not an entity{nearest(name, design.entities)}"
    for i, action in enumerate(pattern.actions):
        if action.entity is not None and action.entity not in design.entities:
            message = f"{action.entity!r} is not an entity{nearest(action.entity, design.entities)}"
            yield (*place, "actions", i, "entity"), message
        if action.entity is None and len(design.entities) != 1:
            yield (*place, "actions", i), f"the action names no entity{nearest('', design.entities)}"
    if pattern.table is not None and pattern.table not in design.tables:
        yield (*place, "table"), f"{pattern.table!r} is not a table{nearest(pattern.table, design.tables)}"
    elif pattern.table is not None and pattern.entity:
        yield (*place, "table"), "a Scan names an entity or a table, not both; the entity's table is known"
    if not pattern.entity and not pattern.actions and not pattern.table and len(design.entities) != 1:
        yield place, f"{pattern.operation} names no entity{nearest('', design.entities)}"
    if pattern.role is not None and pattern.role not in design.roles:
        yield (*place, "role"), f"{pattern.role!r} is not a role{nearest(pattern.role, design.roles)}"


def _operation(place: Place, pattern: AccessPattern) -> Found:
    takes = TAKES[pattern.operation]
    for key in sorted(set().union(*TAKES.values()) - takes):
        if getattr(pattern, key) != AccessPattern.model_fields[key].default:
            reason = WHY_NOT.get(key, "it belongs to " + ", ".join(op for op, keys in TAKES.items() if key in keys))
            yield (*place, key, NAME), f"{pattern.operation} takes no {key}: {reason}"
    need = NEEDS.get(pattern.operation)
    if need and need not in pattern.model_fields_set and pattern.unserved is None:
        yield place, f"{pattern.operation} needs {need}"
    yield from _reading(place, pattern)
    yield from _amounts(place, pattern)
    for i, action in enumerate(pattern.actions):
        yield from _action((*place, "actions", i), pattern, action)
    error = pattern.expect.error
    if error is not None and error not in ERRORS:
        near = get_close_matches(error, ERRORS, 1, 0.5)
        yield (
            (*place, "expect", "error"),
            f"{error!r} is no error of DynamoDB{nearest(near[0] if near else '', ERRORS)}",
        )


def _reading(place: Place, pattern: AccessPattern) -> Found:
    if pattern.projection and pattern.select not in (None, "SPECIFIC_ATTRIBUTES"):
        message = f"a projection names what comes back, and select {pattern.select} says otherwise: leave one out"
        yield (*place, "select"), message
    if pattern.select == "SPECIFIC_ATTRIBUTES" and not pattern.projection:
        yield (*place, "select"), "select SPECIFIC_ATTRIBUTES needs a projection that names them"
    if pattern.select == "ALL_PROJECTED_ATTRIBUTES" and not pattern.index:
        yield (*place, "select"), "select ALL_PROJECTED_ATTRIBUTES is for an index"


def _amounts(place: Place, pattern: AccessPattern) -> Found:
    most = MOST_ITEMS.get(pattern.operation)
    if most is None:
        return
    if pattern.count and pattern.count.bound > most:
        yield (*place, "count"), f"{pattern.count} items; a {pattern.operation} has at most {most}"
    if pattern.count and pattern.actions:
        yield (*place, "count"), "with actions, each action has its own count"
    members = sum(action.count.bound if action.count else 1 for action in pattern.actions)
    if members > most:
        yield (*place, "actions"), f"{members:g} items; a {pattern.operation} has at most {most}"


def _action(place: Place, pattern: AccessPattern, action: Action) -> Found:
    allowed = ACTIONS.get(pattern.operation, ())
    if allowed and action.operation not in allowed:
        message = f"a {pattern.operation} has no {action.operation}{nearest(action.operation, allowed)}"
        yield (*place, "operation"), message
        return
    for key in ("condition", "update", "projection"):
        if key in action.model_fields_set and action.operation not in _ACTION_TAKES[key]:
            yield (
                (*place, key, NAME),
                f"{action.operation} takes no {key}; it goes with {' and '.join(_ACTION_TAKES[key])}",
            )
    if pattern.operation == "BatchWriteItem" and action.condition:
        yield (*place, "condition", NAME), "a batch has no conditions; use TransactWriteItems"
    for operation, key in (("Update", "update"), ("ConditionCheck", "condition")):
        if action.operation == operation and key not in action.model_fields_set:
            yield place, f"an action {operation} needs {key}"


def _parts(design: Design, place: Place, pattern: AccessPattern) -> Found:
    table, entities = design.table_for(pattern), design.addressed(pattern)
    if pattern.index is not None and pattern.index not in table.indexes:
        yield (
            (*place, "index"),
            f"table {table.name} has no index {pattern.index!r}{nearest(pattern.index, table.indexes)}",
        )
        return
    if pattern.consistent and pattern.index in table.gsi:
        yield (*place, "consistent"), f"{pattern.index} is a GSI: its reads are always eventually consistent"
    yield from _expressions(design, place, pattern, pattern, table, entities)
    for i, action in enumerate(pattern.actions):
        entity = design.entities[design.action_entity(action)]
        own = design.table_of(entity.name)
        yield from _expressions(design, (*place, "actions", i), pattern, action, own, [entity])
        yield from _action_key(design, (*place, "actions", i, "key"), action)
    yield from _named_parts(design, place, pattern, entities)


def _action_key(design: Design, place: Place, action: Action) -> Found:
    try:
        named = key_renamings(design, action)
    except ValueError as error:
        yield place, str(error)
        return
    for name in named.values():
        if name not in design.fields:
            yield place, f"{{{name}}} is not a field{nearest(name, design.fields)}"


def _named_parts(design: Design, place: Place, pattern: AccessPattern, entities: list[Entity]) -> Found:
    if any(open_rows(design, e) for e in entities):
        return
    yield from restriction_problems(design, place, pattern, entities)
    attributes = set().union(*(attributes_of(design, e) for e in entities))
    drawn = set().union(*(made_of(design, e) for e in entities))
    wanted = [
        *((("popularity", n, NAME), n, drawn) for n in pattern.popularity),
        *((("given",), n, drawn | set(design.fields)) for n in pattern.given or ()),
        *((("same",), n, drawn) for n in pattern.same),
        *((("for_each",), n, drawn) for n in [pattern.for_each] if n),
        *((("expect", "attributes"), n, attributes) for n in pattern.expect.attributes),
        *((("expect", "order"), n, attributes) for n in [pattern.expect.order] if n),
    ]
    for where, name, known in wanted:
        if name not in known:
            kind = "attribute" if known is attributes else "field or attribute"
            message = f"{name!r} is no {kind} of what is addressed{nearest(name, sorted(known))}"
            yield (*place, *where), message


def _expressions(
    design: Design,
    place: Place,
    pattern: AccessPattern,
    part: AccessPattern | Action,
    table: Table,
    entities: list[Entity],
) -> Found:
    nodes: dict[str, Any] = {}
    for key in (key for key in EXPRESSIONS if key in part.model_fields_set):
        try:
            nodes[key] = EXPRESSIONS[key](getattr(part, key) or "")
        except ValueError as error:
            yield (*place, key), str(error)
    names = {**pattern.names, **part.names}
    yield from _reserved(place, nodes)
    problems = list(_placeholders(design, place, {**pattern.values, **part.values}, nodes, entities))
    yield from problems
    if not problems and (part is not pattern or not pattern.actions):
        yield from _unused(place, part, nodes)
    yield from _values(design, place, part, entities)
    resolved: dict[str, Any] = {}
    for key, node in nodes.items():
        try:
            resolved[key] = syntax.resolve(node, names)
        except ValueError as error:
            yield (*place, key), str(error)
    yield from _letters(design, place, resolved, table, entities)
    yield from _rules(place, pattern, table, resolved)
    if "key_condition" in resolved and part is pattern:
        yield from _key_values(design, place, pattern, table, resolved["key_condition"])


def _letters(design: Design, place: Place, nodes: dict[str, Any], table: Table, entities: list[Entity]) -> Found:
    """Attributes that only differ in upper and lower case from one that the items have."""
    known = set().union(table.indexed_attributes, *(attributes_of(design, e) for e in entities))
    for key, node in nodes.items():
        for name in sorted(syntax.attributes(node)):
            if meant := other_case(name, sorted(known)):
                yield (*place, key), f"{name} is no attribute of what is addressed, did you mean {meant}?"


def _reserved(place: Place, nodes: dict[str, Any]) -> Found:
    for key, node in nodes.items():
        for word in syntax.reserved(node):
            yield (
                (*place, key),
                f"{word} is a reserved word of DynamoDB: write #{word} (it stands for {word}) and quote the expression",
            )


def _placeholders(
    design: Design, place: Place, values: dict[str, Any], nodes: dict[str, Any], entities: list[Entity]
) -> Found:
    """Each `:x` needs a value: one of `values`, or an attribute or field of that name."""
    if any(open_rows(design, e) for e in entities):
        return
    known = {"now", *values, *(n for e in entities for n in names_of(design, e))}
    first = {name: key for key, node in reversed(nodes.items()) for name in syntax.values(node)}
    for name, key in first.items():
        if name not in known:
            message = f":{name} has no value: put {name} under values, or name a field or attribute"
            if f":{name}" in values:
                yield (*place, "values", f":{name}", NAME), f"write {name}, without the colon"
                continue
            yield (*place, key), message + nearest(name, sorted(known))


def _unused(place: Place, part: AccessPattern | Action, nodes: dict[str, Any]) -> Found:
    need = NEEDS.get(part.operation, "operation")
    if need not in part.model_fields_set or any(k in part.model_fields_set and k not in nodes for k in EXPRESSIONS):
        return  # what is missing or does not parse may use them
    used = {name for node in nodes.values() for name in syntax.values(node)}
    used_names = {name for node in nodes.values() for name in syntax.names(node)}
    for name in part.values:
        if name not in used:
            message = f":{name} stands in no expression; remove it: DynamoDB refuses unused values"
            yield (*place, "values", name, NAME), message
    for name in part.names:
        if name not in used_names:
            yield (
                (*place, "names", name, NAME),
                f"#{name} stands in no expression; remove it: DynamoDB refuses unused names",
            )


def _values(design: Design, place: Place, part: AccessPattern | Action, entities: list[Entity]) -> Found:
    if any(open_rows(design, e) for e in entities):
        return
    known = set(design.fields).union(*(names_of(design, e) for e in entities))
    for name, value in part.values.items():
        here, domain = (*place, "values", name), value_domain(value)
        for reference in dict.fromkeys([*domain.references(), *(d.of for d in (domain, *domain.inner()) if d.of)]):
            if reference not in known:
                yield here, f"{{{reference}}} is no field or attribute{nearest(reference, sorted(known))}"
        yield from part_problems(here, domain)
        if domain.count is not None or domain.per is not None:
            yield here, "count and per stand under fields; here each request draws one value"
        for each in (domain, *domain.inner()):
            if each.type and each.type.span and each.type.span.base:
                yield here, f"{each.type}: a time in values is counted from now, as {{type: date(-7d)}}"


def _key_values(design: Design, place: Place, pattern: AccessPattern, table: Table, node: Any) -> Found:
    """A value that a key attribute is compared with has the attribute's type; DynamoDB refuses another."""
    partition, sort = table.keys(pattern.index)
    if check_key_condition(node, partition, sort, ""):
        return
    condition, types = key_condition(node, partition, sort, ""), key_types(design, table.name)
    terms = [(name, (value,)) for name, value in condition.partition]
    terms += [(term.attribute, term.values) for term in condition.sort]
    for attribute, names in terms:
        for name in (name for name in names if name in pattern.values):
            tag = domain_tag(design, design.addressed(pattern)[0], value_domain(pattern.values[name]))
            if tag is not None and tag != types[attribute]:
                message = f":{name} is {_KINDS.get(tag or '', tag)}, and key attribute {attribute} is "
                message += f"{_KINDS[types[attribute]]}; DynamoDB compares a key with its own type only"
                yield (*place, "values", name), message


_KINDS = {"S": "text (S)", "N": "a number (N)", "B": "binary (B)"}


def _rules(place: Place, pattern: AccessPattern, table: Table, nodes: dict[str, Any]) -> Found:
    partition, sort = table.keys(pattern.index if pattern.index in table.indexes else None)
    filtered = syntax.attributes(nodes["filter"]) if pattern.operation == "Query" and "filter" in nodes else ()
    if keys := [name for name in filtered if name in (*partition, *sort)]:
        message = f"the filter names {' and '.join(keys)}, key of {pattern.index or table.name}: they belong into"
        yield (*place, "filter"), f"{message} key_condition; a Query's filter takes no key attributes"
    if "update" in nodes:
        for name in dict.fromkeys(clause.path.parts[0] for clause in nodes["update"].clauses):
            if name in table.key_attributes:
                message = f"{name} is part of the primary key, which no update changes: delete and put"
                yield (*place, "update"), message
    yield from _projection(place, pattern, table, nodes)


def _projection(place: Place, pattern: AccessPattern, table: Table, nodes: dict[str, Any]) -> Found:
    index = table.indexes.get(pattern.index or "")
    if index is None or index.projection == "ALL":
        return
    projected = {*table.key_attributes, *index.key_attributes}
    projected |= set(index.projection) if isinstance(index.projection, tuple) else set()
    kind, fetches = index.kind.upper(), index.kind == "lsi"
    if pattern.select == "ALL_ATTRIBUTES" and not fetches:
        yield (*place, "select"), f"GSI {index.name} does not project all attributes, and a GSI fetches nothing"
    for key in ("filter",) if fetches else ("projection", "filter"):  # a local index fetches, but not to filter
        for name in syntax.attributes(nodes[key]) if key in nodes else ():
            if name not in projected:
                yield (*place, key), f"{kind} {index.name} does not project {name}{nearest(name, sorted(projected))}"


# Serving


def _serving(design: Design, place: Place, pattern: AccessPattern) -> Found:
    reasons = not_served(design, pattern)
    if pattern.unserved is not None:
        if not reasons:
            yield (*place, "unserved"), f"{pattern.name} can be served by the keys it has: remove unserved"
    elif pattern.key_condition is not None or pattern.given is not None:
        key = "key_condition" if pattern.key_condition is not None else "given"
        for reason in reasons:
            yield (*place, key), reason
