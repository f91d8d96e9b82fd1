"""Which key serves an access pattern, and which would.

GetItem, PutItem, UpdateItem and DeleteItem need the whole primary key. A Query reads one item collection: it needs the
partition key by equality. What the caller knows (`given`) decides whether the key can be made (AWS:
Query.KeyConditionExpressions, bp-query-scan).
"""

from collections.abc import Collection, Iterable
from typing import Any

from workbench import expressions, syntax
from workbench.design import MULTIPLE, AccessPattern, Design, Entity
from workbench.domains import Domain, value_domain
from workbench.identity import names_of
from workbench.key_conditions import check_key_condition
from workbench.keys import KeyTemplate
from workbench.references import enumeration
from workbench.schema import Table


def not_served(design: Design, pattern: AccessPattern) -> list[str]:
    """Why no key serves an access pattern; empty if one does."""
    if pattern.operation == "Scan" or (pattern.operation in MULTIPLE and pattern.given is None):
        return []
    if pattern.operation == "Query":
        return _query_not_served(design, pattern)
    if pattern.given is None:
        return []
    entity = design.addressed(pattern)[0]
    table = design.table_of(entity.name)
    missing = unknown_parts(design, entity, pattern.given)
    if not missing:
        return []
    are = "is" if len(missing) == 1 else "are"
    return [
        f"{pattern.operation} needs the whole primary key of {table.name} ({_key_words(design, entity, table)}), "
        f"and the caller knows only {', '.join(pattern.given) or 'nothing'}: {enumeration(missing)} {are} missing"
    ]


def _key_words(design: Design, entity: Entity, table: Table) -> str:
    domains = design.domains_of(entity.name)
    texts = {n: d.value if (d := domains.get(n)) and d.value is not None else f"{{{n}}}" for n in table.key_attributes}
    return ", ".join(f"{name} = {text}" for name, text in texts.items())


def _query_not_served(design: Design, pattern: AccessPattern) -> list[str]:
    table = design.table_for(pattern)
    if pattern.index is not None and pattern.index not in table.indexes:
        return []  # said where the index is named
    partition, sort = table.keys(pattern.index)
    where = f"index {pattern.index}" if pattern.index else f"table {table.name}"
    if pattern.key_condition is None:
        return [f"a Query reads one item collection of {where}: it needs {' and '.join(partition)} by ="]
    try:
        node = syntax.resolve(expressions.parse_condition(pattern.key_condition), pattern.names)
    except ValueError:
        return []  # said where the expression is parsed
    reasons = check_key_condition(node, partition, sort, where)
    if reasons or pattern.given is None:
        return reasons
    missing = _unknown_in(design, pattern, node, pattern.given)
    knows = ", ".join(pattern.given) or "nothing"
    return [f"the key condition needs {enumeration(missing)}, and the caller knows only {knows}"] if missing else []


def _unknown_in(design: Design, pattern: AccessPattern, node: Any, given: Collection[str]) -> list[str]:
    """What the values of a key condition are made of that is not `given`."""
    entity, found = design.addressed(pattern)[0], dict[str, None]()
    known = {*names_of(design, entity)}
    for name in syntax.values(node):
        of = value_domain(pattern.values[name]).references() if name in pattern.values else (name,)
        found.update(dict.fromkeys(unknown_parts(design, entity, given, [each for each in of if each in known])))
    return list(found)


def unknown_parts(
    design: Design, entity: Entity, given: Collection[str], attributes: Iterable[str] | None = None
) -> list[str]:
    """What key attributes are made of that is not `given`: fields, and attributes that each item has of its own."""
    domains, found, seen = design.domains_of(entity.name), dict[str, None](), {*given}
    todo = list(design.table_of(entity.name).key_attributes if attributes is None else attributes)
    while todo:
        name = todo.pop(0)
        domain = domains.get(name)
        if name in seen:
            continue
        seen.add(name)
        if domain is None or domain.is_field:
            found[name] = None
        elif domain.references():
            todo += domain.references()
        elif domain.cardinality > 1:
            found[name] = None
    return list(found)


def unserved_reason(design: Design, pattern: AccessPattern) -> str:
    """Why no key reaches what the pattern asks for, and which key would."""
    reasons = "; ".join(not_served(design, pattern))
    entity = design.addressed(pattern)[0]
    given = [name for name in pattern.given or () if name in names_of(design, entity)]
    if not given:
        return reasons
    missing = unknown_parts(design, entity, given)
    keyed = _existing_index(design, entity, given)
    index = f"the index {keyed}" if keyed else f"a GSI with partition key {' and '.join(given)}"
    return f"{reasons}. It would be reached with {enumeration(missing)} given too, or by a Query of {index} first"


def _existing_index(design: Design, entity: Entity, given: list[str]) -> str | None:
    """An index of the entity's table whose partition key the caller can make."""
    domains = design.domains_of(entity.name)
    for index in design.table_of(entity.name).gsi.values():
        held = all(a in domains for a in index.partition_key)
        if held and not unknown_parts(design, entity, given, index.partition_key):
            return index.name
    return None


def sort_prefix(domain: Domain | None) -> str:
    """The literal text that every value of a key attribute begins with."""
    template: KeyTemplate | None = domain.template if domain else None
    return template.prefix if template else ""
