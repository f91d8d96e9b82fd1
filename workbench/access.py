"""Which requests a key can serve: the rules of DynamoDB's operations, checked for every access pattern.

GetItem, PutItem, UpdateItem and DeleteItem need the whole primary key. A Query reads one item collection: it needs
the partition key by equality, and may narrow it by the sort key. A filter is applied after the read and saves
nothing. Everything else is a Scan, which reads and pays for the whole table. An access pattern that no key serves is
an error in a design, unless it says `unserved` and why (AWS: Query.KeyConditionExpressions, bp-query-scan).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple

from workbench import expressions, limits, syntax
from workbench.aggregates import aggregate_problems
from workbench.design import AccessPattern, Action, Design, Entity
from workbench.documents import NAME
from workbench.domains import value_domain
from workbench.identity import attributes_of, domain_tag, key_renamings, key_types, names_of, open_rows
from workbench.key_conditions import check_key_condition, key_condition
from workbench.references import Found, Place, made_of, nearest, other_case, part_problems, unknown
from workbench.restrictions import restriction_problems
from workbench.schema import Table
from workbench.serving import not_served


class Operation(NamedTuple):
    """What an operation takes of a pattern's keys, which one it needs, its kinds of actions, and its most items."""

    takes: tuple[str, ...]
    needs: str = ""
    actions: tuple[str, ...] = ()
    most: int = 0


_READ, _SEVERAL = ("projection", "consistent"), ("count", "same")
_SCAN = ("index", "filter", "limit", "pages", "select", *_READ)
OPERATIONS = {
    "GetItem": Operation(_READ),
    "BatchGetItem": Operation((*_READ, *_SEVERAL), most=limits.BATCH_GET_ITEMS),
    "Query": Operation((*_SCAN, "key_condition", "descending", "for_each"), "key_condition"),
    "Scan": Operation((*_SCAN, "segments", "table")),
    "PutItem": Operation(("condition",)),
    "UpdateItem": Operation(("condition", "update"), "update"),
    "DeleteItem": Operation(("condition",)),
    "BatchWriteItem": Operation((*_SEVERAL, "actions"), "", ("Put", "Delete"), limits.BATCH_WRITE_ITEMS),
    "TransactGetItems": Operation((*_SEVERAL, "actions", "projection"), "", ("Get",), limits.TRANSACTION_ITEMS),
    "TransactWriteItems": Operation(
        (*_SEVERAL, "actions"), "actions", ("Put", "Update", "Delete", "ConditionCheck"), limits.TRANSACTION_ITEMS
    ),
    "Put": Operation(("condition",)),
    "Update": Operation(("condition", "update"), "update"),
    "Delete": Operation(("condition",)),
    "ConditionCheck": Operation(("condition",), "condition"),
    "Get": Operation(("projection",)),
}
ACTIONS = ("Put", "Update", "Delete", "ConditionCheck", "Get")
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
WHY_NOT = {
    "condition": "a condition goes with a single write; in a transaction it stands in the action",
    "update": "only an UpdateItem changes attributes in place",
    "filter": "a filter is applied to what a Query or Scan has read",
    "key_condition": "only a Query has a key condition",
    "consistent": "consistency is chosen for reads",
    "index": "only a Query or Scan reads an index",
}
EXPRESSIONS: dict[str, Callable[[str], Any]] = {
    "key_condition": expressions.parse_condition,
    "filter": expressions.parse_condition,
    "condition": expressions.parse_condition,
    "update": expressions.parse_update,
    "projection": expressions.parse_projection,
}
KINDS = {"S": "text (S)", "N": "a number (N)", "B": "binary (B)"}


def access_problems(design: Design) -> Found:
    """Problems of the access patterns: what an operation does not take, what no key serves, names and values."""
    for name, pattern in design.access_patterns.items():
        place = ("access_patterns", name)
        if problems := [*_addresses(design, place, pattern)]:
            yield from problems
        else:
            yield from _operation(place, pattern)
            yield from aggregate_problems(design, place, pattern)
            yield from (problems := [*_parts(design, place, pattern)])
            if not any(where[2:3] in (("given",), ("index",)) for where, _ in problems):
                yield from _serving(design, place, pattern)


def _addresses(design: Design, place: Place, pattern: AccessPattern) -> Found:
    """Entities, tables and roles that there are not, or that are not named."""
    entities = design.entities
    for name in pattern.entity:
        yield from unknown((*place, "entity"), name, entities, "is not an entity")
    for i, action in enumerate(pattern.actions):
        yield from unknown((*place, "actions", i, "entity"), action.entity, entities, "is not an entity")
        if action.entity is None and len(entities) != 1:
            yield (*place, "actions", i), f"the action names no entity{nearest('', entities)}"
    yield from unknown((*place, "table"), pattern.table, design.tables, "is not a table")
    if pattern.table in design.tables and pattern.entity:
        yield (*place, "table"), "a Scan names an entity or a table, not both; the entity's table is known"
    if not (pattern.entity or pattern.actions or pattern.table) and len(entities) != 1:
        yield place, f"{pattern.operation} names no entity{nearest('', entities)}"
    yield from unknown((*place, "role"), pattern.role, design.roles, "is not a role")


# What an operation takes


def _operation(place: Place, pattern: AccessPattern) -> Found:
    operation = OPERATIONS[pattern.operation]
    takers = {name: one.takes for name, one in OPERATIONS.items() if name not in ACTIONS}
    for key in sorted(set().union(*takers.values()) - set(operation.takes)):
        if getattr(pattern, key) != AccessPattern.model_fields[key].default:
            reason = WHY_NOT.get(key, "it belongs to " + ", ".join(op for op, keys in takers.items() if key in keys))
            yield (*place, key, NAME), f"{pattern.operation} takes no {key}: {reason}"
    if operation.needs and operation.needs not in pattern.model_fields_set and pattern.unserved is None:
        yield place, f"{pattern.operation} needs {operation.needs}"
    yield from _select((*place, "select"), pattern)
    yield from _amounts(place, pattern, operation.most)
    for i, action in enumerate(pattern.actions):
        yield from _action((*place, "actions", i), pattern, action)
    error = pattern.expect.error
    if error is not None and error not in ERRORS:
        near = [*get_close_matches(error, ERRORS, 1, 0.5), ""]
        yield (*place, "expect", "error"), f"{error!r} is no error of DynamoDB{nearest(near[0], ERRORS)}"


def _select(place: Place, pattern: AccessPattern) -> Found:
    select = pattern.select
    if pattern.projection and select not in (None, "SPECIFIC_ATTRIBUTES"):
        yield place, f"a projection names what comes back, and select {select} says otherwise: leave one out"
    if select == "SPECIFIC_ATTRIBUTES" and not pattern.projection:
        yield place, "select SPECIFIC_ATTRIBUTES needs a projection that names them"
    if select == "ALL_PROJECTED_ATTRIBUTES" and not pattern.index:
        yield place, "select ALL_PROJECTED_ATTRIBUTES is for an index"


def _amounts(place: Place, pattern: AccessPattern, most: int) -> Found:
    if most and pattern.count and pattern.count.bound > most:
        yield (*place, "count"), f"{pattern.count} items; a {pattern.operation} has at most {most}"
    if most and pattern.count and pattern.actions:
        yield (*place, "count"), "with actions, each action has its own count"
    members = sum(action.count.bound if action.count else 1 for action in pattern.actions)
    if most and members > most:
        yield (*place, "actions"), f"{members:g} items; a {pattern.operation} has at most {most}"


def _action(place: Place, pattern: AccessPattern, action: Action) -> Found:
    allowed = OPERATIONS[pattern.operation].actions
    if allowed and action.operation not in allowed:
        message = f"a {pattern.operation} has no {action.operation}{nearest(action.operation, allowed)}"
        yield (*place, "operation"), message
        return
    for key in ("condition", "update", "projection"):
        takers = [name for name in ACTIONS if key in OPERATIONS[name].takes]
        if key in action.model_fields_set and action.operation not in takers:
            yield (*place, key, NAME), f"{action.operation} takes no {key}; it goes with {' and '.join(takers)}"
    if pattern.operation == "BatchWriteItem" and action.condition:
        yield (*place, "condition", NAME), "a batch has no conditions; use TransactWriteItems"
    need = OPERATIONS[action.operation].needs
    if need and need not in action.model_fields_set:
        yield place, f"an action {action.operation} needs {need}"


# What its parts name


@dataclass(frozen=True)
class _Part:
    """A pattern or one of its actions: where it stands, and the table and entities that its expressions are about."""

    design: Design
    place: Place
    pattern: AccessPattern
    stated: AccessPattern | Action
    table: Table
    entities: list[Entity]

    @cached_property
    def is_open(self) -> bool:
        """Whether items come from rows whose columns are not known yet."""
        return any(open_rows(self.design, e) for e in self.entities)

    @cached_property
    def attributes(self) -> set[str]:
        """What the items have."""
        return set().union(*(attributes_of(self.design, e) for e in self.entities))

    @cached_property
    def names(self) -> set[str]:
        """Attributes, and the fields that they are made of."""
        return set().union(*(names_of(self.design, e) for e in self.entities))

    def each(self, given: Mapping[str, Any], step: Callable[[str, Any], Any], made: dict[str, Any]) -> Found:
        """Put what a step makes of each expression into `made`, unless it is refused."""
        for key, one in given.items():
            try:
                made[key] = step(key, one)
            except ValueError as error:
                yield (*self.place, key), str(error)

    def problems(self) -> Found:
        nodes: dict[str, Any] = {}
        resolved: dict[str, Any] = {}
        texts = {key: getattr(self.stated, key) or "" for key in EXPRESSIONS if key in self.stated.model_fields_set}
        yield from self.each(texts, lambda key, text: EXPRESSIONS[key](text), nodes)
        yield from self._reserved(nodes)
        yield from (problems := [*self._placeholders(nodes)])
        is_whole = self.stated is not self.pattern or not self.pattern.actions
        if not problems and is_whole and nodes.keys() == texts.keys():  # what does not parse may use them
            yield from self._unused(nodes)
        yield from self._values()
        names = {**self.pattern.names, **self.stated.names}
        yield from self.each(nodes, lambda _, node: syntax.resolve(node, names), resolved)
        yield from self._letters(resolved)
        yield from self._keys(resolved)
        yield from self._projection(resolved)
        if "key_condition" in resolved and self.stated is self.pattern:
            yield from self._key_values(resolved["key_condition"])

    def _reserved(self, nodes: Mapping[str, Any]) -> Found:
        for key, node in nodes.items():
            for word in syntax.reserved(node):
                fix = f"write #{word} (it stands for {word}) and quote the expression"
                yield (*self.place, key), f"{word} is a reserved word of DynamoDB: {fix}"

    def _placeholders(self, nodes: Mapping[str, Any]) -> Found:
        """Each `:x` needs a value: one of `values`, or an attribute or field of that name."""
        values = {**self.pattern.values, **self.stated.values}
        known = {"now", *values, *self.names}
        first = {name: key for key, node in reversed([*nodes.items()]) for name in syntax.values(node)}
        for name, key in () if self.is_open else first.items():
            if name not in known and f":{name}" in values:
                yield (*self.place, "values", f":{name}", NAME), f"write {name}, without the colon"
            elif name not in known:
                message = f":{name} has no value: put {name} under values, or name a field or attribute"
                yield (*self.place, key), message + nearest(name, sorted(known))

    def _unused(self, nodes: Mapping[str, Any]) -> Found:
        if (OPERATIONS[self.stated.operation].needs or "operation") not in self.stated.model_fields_set:
            return  # what is missing may use them
        for what, sign, used_by in (("values", ":", syntax.values), ("names", "#", syntax.names)):
            used = {name for node in nodes.values() for name in used_by(node)}
            for name in (name for name in getattr(self.stated, what) if name not in used):
                message = f"{sign}{name} stands in no expression; remove it: DynamoDB refuses unused {what}"
                yield (*self.place, what, name, NAME), message

    def _values(self) -> Found:
        known = sorted({*self.design.fields, *self.names})
        for name, value in {} if self.is_open else self.stated.values.items():
            here, domain = (*self.place, "values", name), value_domain(value)
            each = (domain, *domain.inner())
            for reference in dict.fromkeys([*domain.references(), *(one.of for one in each if one.of)]):
                yield from unknown(here, reference, known, "is no field or attribute", "{{{}}}")
            yield from part_problems(here, domain)
            if domain.count is not None or domain.per is not None:
                yield here, "count and per stand under fields; here each request draws one value"
            for kind in (one.type for one in each):
                if kind and kind.span and kind.span.base:
                    yield here, f"{kind}: a time in values is counted from now, as {{type: date(-7d)}}"

    def _letters(self, nodes: Mapping[str, Any]) -> Found:
        """Attributes that only differ in upper and lower case from one that the items have."""
        known = sorted({*self.table.indexed_attributes, *self.attributes})
        for key, node in nodes.items():
            for name in sorted(syntax.attributes(node)):
                if meant := other_case(name, known):
                    yield (*self.place, key), f"{name} is no attribute of what is addressed, did you mean {meant}?"

    def _keys(self, nodes: Mapping[str, Any]) -> Found:
        """Key attributes in a Query's filter or in an update."""
        pattern, table = self.pattern, self.table
        partition, sort = table.keys(pattern.index if pattern.index in table.indexes else None)
        filtered = syntax.attributes(nodes["filter"]) if pattern.operation == "Query" and "filter" in nodes else ()
        if keys := [name for name in filtered if name in (*partition, *sort)]:
            message = f"the filter names {' and '.join(keys)}, key of {pattern.index or table.name}: they belong into"
            yield (*self.place, "filter"), f"{message} key_condition; a Query's filter takes no key attributes"
        updated = [clause.path.parts[0] for clause in nodes["update"].clauses] if "update" in nodes else []
        for name in (name for name in dict.fromkeys(updated) if name in table.key_attributes):
            message = f"{name} is part of the primary key, which no update changes: delete and put"
            yield (*self.place, "update"), message

    def _projection(self, nodes: Mapping[str, Any]) -> Found:
        """What an index does not hold; a local one fetches it from the table, but not to filter."""
        index = self.table.indexes.get(self.pattern.index or "")
        if index is None or index.projection == "ALL":
            return
        included = index.projection if isinstance(index.projection, tuple) else ()
        projected = {*self.table.key_attributes, *index.key_attributes, *included}
        is_global = index.kind == "gsi"
        if self.pattern.select == "ALL_ATTRIBUTES" and is_global:
            message = f"GSI {index.name} does not project all attributes, and a GSI fetches nothing"
            yield (*self.place, "select"), message
        for key in (key for key in ("projection", "filter")[not is_global :] if key in nodes):
            for name in (name for name in syntax.attributes(nodes[key]) if name not in projected):
                message = f"{index.kind.upper()} {index.name} does not project {name}"
                yield (*self.place, key), message + nearest(name, sorted(projected))

    def _key_values(self, node: Any) -> Found:
        """A value that a key attribute is compared with has the attribute's type; DynamoDB refuses another."""
        keys, stated = self.table.keys(self.pattern.index), self.pattern.values
        if check_key_condition(node, *keys, ""):
            return
        condition, types = key_condition(node, *keys, ""), key_types(self.design, self.table.name)
        terms = [*condition.partition, *((term.attribute, name) for term in condition.sort for name in term.values)]
        for attribute, name in (term for term in terms if term[1] in stated):
            tag, needed = domain_tag(self.design, self.entities[0], value_domain(stated[name])), types[attribute]
            if tag is not None and tag != needed:
                message = f":{name} is {KINDS.get(tag, tag)}, and key attribute {attribute} is {KINDS[needed]}"
                yield (*self.place, "values", name), f"{message}; DynamoDB compares a key with its own type only"


def _parts(design: Design, place: Place, pattern: AccessPattern) -> Found:
    table, entities = design.table_for(pattern), design.addressed(pattern)
    if pattern.index is not None and pattern.index not in table.indexes:
        message = f"table {table.name} has no index {pattern.index!r}{nearest(pattern.index, table.indexes)}"
        yield (*place, "index"), message
        return
    if pattern.consistent and pattern.index in table.gsi:
        yield (*place, "consistent"), f"{pattern.index} is a GSI: its reads are always eventually consistent"
    whole = _Part(design, place, pattern, pattern, table, entities)
    yield from whole.problems()
    for i, action in enumerate(pattern.actions):
        entity, here = design.entities[design.action_entity(action)], (*place, "actions", i)
        part = _Part(design, here, pattern, action, design.table_of(entity.name), [entity])
        yield from part.problems()
        renamed: dict[str, dict[str, str]] = {"key": {}}
        yield from part.each({"key": action}, lambda _, action: key_renamings(design, action), renamed)
        for name in renamed["key"].values():
            yield from unknown((*here, "key"), name, design.fields, "is not a field", "{{{}}}")
    if not whole.is_open:
        yield from _named(whole)


def _named(whole: _Part) -> Found:
    """Names beside the expressions that are no attribute, or no field, of what is addressed."""
    pattern, attributes = whole.pattern, whole.attributes
    yield from restriction_problems(whole.design, whole.place, pattern, whole.entities)
    drawn = set().union(*(made_of(whole.design, e) for e in whole.entities))
    wanted = [
        *((("popularity", n, NAME), n, drawn) for n in pattern.popularity),
        *((("given",), n, drawn | set(whole.design.fields)) for n in pattern.given or ()),
        *((("same",), n, drawn) for n in pattern.same),
        *((("for_each",), n, drawn) for n in [pattern.for_each] if n),
        *((("expect", "attributes"), n, attributes) for n in pattern.expect.attributes),
        *((("expect", "order"), n, attributes) for n in [pattern.expect.order] if n),
    ]
    for where, name, known in wanted:
        kind = "attribute" if known is attributes else "field or attribute"
        yield from unknown((*whole.place, *where), name, sorted(known), f"is no {kind} of what is addressed")


# Serving


def _serving(design: Design, place: Place, pattern: AccessPattern) -> Found:
    reasons = not_served(design, pattern)
    if pattern.unserved is not None and not reasons:
        yield (*place, "unserved"), f"{pattern.name} can be served by the keys it has: remove unserved"
    key = "given" if pattern.key_condition is None else "key_condition"
    if pattern.unserved is None and getattr(pattern, key) is not None:
        yield from (((*place, key), reason) for reason in reasons)
