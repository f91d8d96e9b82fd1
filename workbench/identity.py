"""What identifies an item: which fields its key is made of, how many values they have, and of which type they are.

An entity's primary key is made of fields. Those with a stated number of values are identity fields; an entity has one
item for each combination of them. A child field (`per`) determines its parents. The types of all key attributes
follow from the entities, for AttributeDefinitions (AWS: API_AttributeDefinition).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from workbench.design import Action, Design, Entity, key_template
from workbench.domains import Domain
from workbench.keys import KeyTemplate


def open_rows(design: Design, entity: Entity) -> bool:
    """Whether an entity's items come from rows whose columns are known only when they are read."""
    return entity.rows is not None and not (entity.rows in design.rows and design.rows[entity.rows].columns)


def known_names(design: Design, entity: Entity) -> set[str]:
    """The names that a template of the entity may use, as far as they are known before rows are read."""
    columns = design.rows[entity.rows].columns if entity.rows in design.rows else None
    return {*design.fields, *(entity.attributes or {}), *(columns or ())}


def is_identity(design: Design, name: str) -> bool:
    """Whether a field has a stated number of values: a count, a `per` that names it, or the same through `of`."""
    if name not in design.fields:
        return False
    name = origin(design, name)
    return design.fields[name].is_identity or any(other.per == name for other in design.fields.values())


def parents(design: Design, name: str) -> list[str]:
    """A field's parent, its parent's, and so on."""
    found: list[str] = []
    current = design.fields[name].per if name in design.fields else None
    while current in design.fields and current not in found:
        found.append(current)
        current = design.fields[current].per
    return found


def origin(design: Design, name: str) -> str:
    """The field whose values a field has: itself, or through `of` another."""
    passed: set[str] = set()
    while (other := design.fields[name].of) in design.fields and name not in passed:
        passed.add(name)
        name = str(other)
    return name


def key_fields(design: Design, entity: Entity, attributes: Iterable[str] | None = None) -> list[str]:
    """The fields that key attributes are made of (the primary key's, unless others are named)."""
    domains = design.domains_of(entity.name)
    todo = list(attributes or design.table_of(entity.name).key_attributes)
    found: dict[str, None] = {}
    seen: set[str] = set()
    while todo:
        name = todo.pop(0)
        domain = domains.get(name)
        if name in design.fields and (domain is None or domain.is_field):
            found[name] = None
        elif domain is not None and name not in seen:
            seen.add(name)
            todo += domain.references()
    return list(found)


def key_renamings(design: Design, action: Action) -> dict[str, str]:
    """Which fields an action's key names in place of its entity's: {account: payee} for `key: {id: "{payee}"}`.

    ValueError if the templates differ in more than their fields.
    """
    entity = design.entities[design.action_entity(action)]
    domains = design.domains_of(entity.name)
    named: dict[str, str] = {}
    for attribute, text in action.key.items():
        domain = domains.get(attribute)
        own, other = key_template(domain, attribute) if domain else None, KeyTemplate(str(text))
        if own is None or not _alike(own, other):
            shape = f"as {own.text!r} with other fields" if own else "an attribute of its key"
            raise ValueError(f"{attribute}: {text!r}: the key of {entity.name} is {shape}")
        named |= dict(zip(own.fields, other.fields, strict=True))
    return {own: other for own, other in named.items() if own != other}


def _alike(one: KeyTemplate, other: KeyTemplate) -> bool:
    texts = [[part if isinstance(part, str) else part.spec for part in template.parts] for template in (one, other)]
    return texts[0] == texts[1] and len(one.fields) == len(other.fields)


def count_of(design: Design, name: str) -> float:
    """The most values that a field can have over all its parents."""
    name, total = origin(design, name), 1.0
    for each in (name, *parents(design, name)):
        domain = design.fields[each]
        total *= domain.cardinality if domain.count in (None, "all") else domain.count.most  # type: ignore[union-attr]
    return total


def key_tag(design: Design, entity: Entity, name: str) -> str | None:
    """The DynamoDB type of a key attribute in an entity's items: S, N, B, another tag, or None if it has it not."""
    domain = design.domains_of(entity.name).get(name)
    return None if domain is None else _tag(design, entity, name, domain)


def domain_tag(design: Design, entity: Entity, domain: Domain) -> str | None:
    """The DynamoDB type of the values of a domain that stands in an access pattern, None if that is not known."""
    return _tag(design, entity, "", domain)


def _tag(design: Design, entity: Entity, name: str, domain: Domain, passed: frozenset[str] = frozenset()) -> str | None:
    domain = design.fields.get(name, domain) if domain.is_field else domain
    template = key_template(domain, name)
    lone = template.lone_field if template and not domain.is_field else None
    if other := domain.of or (lone if lone != name else None):
        source = (entity.attributes or {}).get(other) or design.fields.get(other)
        return _tag(design, entity, other, source, passed | {other}) if source and other not in passed else None
    if domain.format or domain.template:
        return "S"
    if domain.value is not None:
        return value_tag(domain.value)
    if domain.choice:
        tags = {_tag(design, entity, "", Domain(value=value), passed) for value in domain.choice}
        return tags.pop() if len(tags) == 1 else "mixed"
    if domain.map or domain.list or domain.set:
        return "M" if domain.map else "L" if domain.list else "a set"
    return domain.type.tag if domain.type else "S"


def value_tag(value: Any) -> str:
    """The DynamoDB type of a constant: BOOL, N or S."""
    return "BOOL" if isinstance(value, bool) else "N" if isinstance(value, int | float | Decimal) else "S"


def key_types(design: Design, table: str) -> dict[str, str]:
    """The type, S, N or B, of every attribute in a table's keys, for AttributeDefinitions."""
    found: dict[str, str] = {**design.tables[table].key_types}
    for name in design.tables[table].indexed_attributes:
        tags = [tag for entity in design.entities_in(table) if (tag := key_tag(design, entity, name))]
        found[name] = usual_tag(tags) or found.get(name, "S")
    return {name: found[name] for name in design.tables[table].indexed_attributes}


def usual_tag(tags: Sequence[str]) -> str | None:
    """The type that most entities give a key attribute."""
    return max(tags, key=tags.count, default=None)


def attributes_of(design: Design, entity: Entity) -> set[str]:
    """The attributes that an entity's items may have."""
    return {*design.domains_of(entity.name), *design.table_of(entity.name).key_attributes}


def names_of(design: Design, entity: Entity) -> set[str]:
    """Every attribute and field that an expression's values may come from."""
    return {*design.fields, *attributes_of(design, entity)}
