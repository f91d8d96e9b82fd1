"""What DynamoDB refuses of tables and entities: rules that a design must obey before anything is built from it.

Every check yields problems as (place in the file, message); all are collected, so that one look mends the whole file.
A message names the value, what is allowed, and DynamoDB's rule behind it. Findings about a design that works but will
hurt are another thing: the review.
"""

import re
from collections.abc import Container, Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from workbench import limits
from workbench.design import Design, Entity, Index, Table, key_template
from workbench.domains import TIME_TYPES, Domain
from workbench.keys import KeyTemplate

Place = tuple[Any, ...]
Found = Iterator[tuple[Place, str]]


def structure_problems(design: Design, incomplete: Container[str] = ()) -> Found:
    """Problems of tables, fields and entities; of `incomplete` tables not all entities are known."""
    for name, table in design.tables.items():
        yield from _table(("tables", name), table)
    for name, domain in design.fields.items():
        yield from _field(design, ("fields", name), name, domain)
    for name, entity in design.entities.items():
        yield from _entity(design, ("entities", name), entity)
    yield from _empty_tables(design, incomplete)
    yield from _key_types(design, incomplete)


def nearest(name: str, known: Iterable[str]) -> str:
    """What is known, the nearest first: `; did you mean status? Known: ...`."""
    names = list(map(str, known))
    near = get_close_matches(name, names, 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"; {meant}known: {', '.join(names) or 'none'}"


# Tables and indexes


def _table(place: Place, table: Table) -> Found:
    yield from _table_name(place, table.name, "table")
    if table.sort_key == table.partition_key:
        yield (*place, "sort_key"), f"{table.sort_key!r} is the partition key already; a sort key is another attribute"
    if len(table.gsi) > limits.GSI_PER_TABLE:
        yield (*place, "gsi"), f"{len(table.gsi)} GSIs; a table has at most {limits.GSI_PER_TABLE} (quota)"
    if len(table.lsi) > limits.LSI_PER_TABLE:
        yield (*place, "lsi"), f"{len(table.lsi)} LSIs; a table has at most {limits.LSI_PER_TABLE}"
    if table.lsi and not table.sort_key:
        yield (*place, "lsi"), f"table {table.name} has no sort key, so no LSI: an LSI shares the partition key"
    for name in table.gsi.keys() & table.lsi.keys():
        yield (*place, "lsi", name), f"index {name!r} stands under gsi and lsi; index names are unique in a table"
    projected = sum(len(i.projection) for i in table.indexes.values() if isinstance(i.projection, tuple))
    if projected > limits.PROJECTED_ATTRIBUTES:
        most = limits.PROJECTED_ATTRIBUTES
        yield place, f"{projected} projected attributes over all indexes; a table has at most {most}"
    for name, index in table.gsi.items():
        yield from _gsi((*place, "gsi", name), index)
    for name, index in table.lsi.items():
        yield from _lsi((*place, "lsi", name), index, table)


def _table_name(place: Place, name: Any, noun: str) -> Found:
    low, high = limits.NAME_CHARACTERS
    if not isinstance(name, str) or not re.fullmatch(rf"[A-Za-z0-9_.-]{{{low},{high}}}", name):
        yield place, f"{noun} name {name!r}: {low} to {high} characters of A-Z a-z 0-9 _ . -"


def _gsi(place: Place, index: Index) -> Found:
    yield from _table_name(place, index.name, "index")
    most = limits.INDEX_KEY_ATTRIBUTES
    for part in ("partition_key", "sort_key"):
        found = getattr(index, part)
        if len(found) > most:
            yield (
                (*place, part),
                f"{len(found)} attributes; a GSI has at most {most} partition and {most} sort attributes",
            )
    if not index.partition_key:
        yield place, f"GSI {index.name} needs a partition_key"
    if len(set(index.key_attributes)) < len(index.key_attributes):
        yield place, f"GSI {index.name} names a key attribute twice"


def _lsi(place: Place, index: Index, table: Table) -> Found:
    yield from _table_name(place, index.name, "index")
    if index.partition_key:
        yield (*place, "partition_key"), f"an LSI has the table's partition key ({table.partition_key}); leave it out"
    if len(index.sort_key) != 1:
        yield place, f"LSI {index.name} needs one sort_key"
    for setting in ("capacity", "max_throughput", "warm_throughput"):
        if getattr(index, setting):
            yield (*place, setting), "an LSI draws on the table's capacity; it has no setting of its own"


# Fields


def _field(design: Design, place: Place, name: Any, domain: Domain) -> Found:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
        yield place, f"field name {name!r}: letters, digits, _ . -, a letter first, so that it can stand in a template"
    for key in ("per", "of"):
        other = getattr(domain, key)
        if other is not None and other not in design.fields:
            yield (*place, key), f"{other!r} is not a field{nearest(other, design.fields)}"
    if _circular(design, name):
        yield (*place, "per"), f"field {name} is its own parent"
    if domain.per and domain.count is None:
        yield place, f"field {name} is per {domain.per} but has no count: how many for each?"
    yield from _cardinality(place, name, domain)
    for reference in domain.references():
        if reference not in design.fields:
            yield place, f"{{{reference}}} is not a field{nearest(reference, design.fields)}"


def _circular(design: Design, name: str) -> bool:
    seen, current = set(), name
    while current in design.fields and current not in seen:
        seen.add(current)
        current = design.fields[current].per or design.fields[current].of or ""
    return current in seen


def _cardinality(place: Place, name: str, domain: Domain) -> Found:
    most = domain.cardinality
    if domain.count == "all":
        if most == float("inf"):
            yield (*place, "count"), "`all` needs a finite domain: a choice, a range of whole numbers or of times"
    elif domain.count is not None and domain.count.bound > most:
        message = f"cannot have {domain.count} distinct values: its domain has {most:g}, and keys are unique"
        yield (*place, "count"), f"field {name} {message}"


# Entities


def _entity(design: Design, place: Place, entity: Entity) -> Found:
    if entity.table is None and len(design.tables) > 1:
        yield place, f"entity {entity.name} names no table, and there are several: {', '.join(design.tables)}"
        return
    if entity.table is not None and entity.table not in design.tables:
        yield (*place, "table"), f"{entity.table!r} is not a table{nearest(entity.table, design.tables)}"
        return
    problems = [*_key_texts(place, entity)]
    yield from problems
    yield from _key_attributes(design, place, entity)
    yield from _attributes(design, place, entity)
    if not problems and not any(_references(design, place, entity)):
        yield from _identity(design, place, entity)
    yield from _references(design, place, entity)


def _key_texts(place: Place, entity: Entity) -> Found:
    for name, value in entity.key.items():
        if isinstance(value, dict):
            inner = next(iter(value), "x")
            yield (*place, "key", name), f'unquoted {{{inner}}} is a YAML mapping; write {name}: "{{{inner}}}"'
        elif value is None or isinstance(value, list):
            yield (*place, "key", name), f'{name} needs a template, as "PROJECT#{{project_id}}", or a constant'
        elif isinstance(value, str):
            try:
                KeyTemplate(value)
            except ValueError as error:
                yield (*place, "key", name), str(error)


def _known_names(design: Design, entity: Entity) -> set[str]:
    """The names that a template of the entity may use; empty if its rows' columns are only known when read."""
    columns = design.rows[entity.rows].columns if entity.rows in design.rows else None
    return {*design.fields, *(entity.attributes or {}), *(columns or ())}


def _open_rows(design: Design, entity: Entity) -> bool:
    return entity.rows is not None and not (entity.rows in design.rows and design.rows[entity.rows].columns)


def _key_attributes(design: Design, place: Place, entity: Entity) -> Found:
    table = design.table_of(entity.name)
    known = _known_names(design, entity)
    for name in entity.key:
        if name not in table.indexed_attributes:
            yield (
                (*place, "key", name),
                f"{name!r} is no key attribute of table {table.name} or its indexes"
                f"{nearest(name, table.indexed_attributes)}; other attributes stand under attributes",
            )
    for name in table.key_attributes:
        if name not in entity.key and name not in known and not _open_rows(design, entity):
            yield (
                place,
                f"entity {entity.name} lacks the key attribute {name} of table {table.name}: every item needs it; "
                f'give it a template under key ({name}: "...") or a field of that name',
            )


def _attributes(design: Design, place: Place, entity: Entity) -> Found:
    for name, domain in (entity.attributes or {}).items():
        here = (*place, "attributes", name)
        if name in design.fields and not domain.is_field:
            yield here, f"attribute {name} redeclares the field {name}; write `{name}:` alone, or give it another name"
        if name in entity.key:
            yield here, f"{name} stands under key already"
        if domain.is_field and name not in design.fields and not entity.rows:
            yield here, f"{name} has no domain and there is no field {name}{nearest(name, design.fields)}"
        yield from _cardinality(here, name, domain)


def _references(design: Design, place: Place, entity: Entity) -> Found:
    known = _known_names(design, entity)
    if _open_rows(design, entity):
        return
    domains = design.domains_of(entity.name)
    for name, domain in domains.items():
        here = (*place, "key" if name in entity.key else "attributes", name)
        try:
            references = list(domain.references())
        except ValueError as error:
            if name not in entity.key:
                yield here, str(error)
            continue
        yield from _reference_problems(design, here, domain, references, known, domains)
        if name in references or _loops(domains, name):
            yield here, f"{name} is made of itself"


def _reference_problems(
    design: Design, here: Place, domain: Domain, references: list[str], known: set[str], domains: dict[str, Domain]
) -> Found:
    for reference in references:
        if reference not in known:
            yield (
                here,
                f"{{{reference}}} has no domain: no field or attribute of that name{nearest(reference, sorted(known))}",
            )
    base = domain.type.span.base if domain.type and domain.type.span else None
    if base and base in known:
        source = domains.get(base) or design.fields.get(base, Domain())
        source = design.fields.get(base, source) if source.is_field else source
        if not (source.type and source.type.word in TIME_TYPES):
            yield here, f"{base} is not a time ({', '.join(TIME_TYPES)}), so that nothing can be counted from it"
    for other in domain.present if isinstance(domain.present, dict) else ():
        if other not in known and other not in domains:
            yield (*here, "present"), f"{other!r} is not an attribute of the entity{nearest(other, sorted(known))}"
    if domain.of and domain.of not in known:
        yield (*here, "of"), f"{domain.of!r} is not a field{nearest(domain.of, sorted(known))}"


def _loops(domains: dict[str, Domain], start: str) -> bool:
    todo, seen = [start], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in domains:
            continue
        seen.add(name)
        following = list(domains[name].references())
        if start in following:
            return True
        todo += following
    return False


def _identity(design: Design, place: Place, entity: Entity) -> Found:
    """An entity needs one identity field in its key, or to say how many of the combinations exist."""
    if entity.rows:
        return
    used = key_fields(design, entity)
    identity = [f for f in used if is_identity(design, f)]
    leaves = [f for f in identity if not any(f in parents(design, other) for other in identity)]
    if used and not identity:
        yield (
            (*place, "key"),
            f"the key of {entity.name} has fields ({', '.join(used)}) but no identity field, so that nothing says how "
            "many items there are: give one of them a count",
        )
    if len(leaves) > 1 and entity.items is None:
        yield (
            place,
            f"the key of {entity.name} has {len(leaves)} unrelated identity fields ({', '.join(leaves)}): "
            "say how many of their combinations exist, as items: 150_000, or items: all",
        )
    whole = 1.0
    for leaf in leaves:
        whole *= _count_of(design, leaf)
    if entity.items not in (None, "all") and entity.items.high > whole:  # type: ignore[union-attr]
        yield (*place, "items"), f"{entity.items} items of {whole:,.0f} combinations: keys are unique"


def _count_of(design: Design, name: str) -> float:
    domain = design.fields[name]
    if domain.of:
        return _count_of(design, domain.of) if domain.of in design.fields else 1.0
    own = domain.cardinality if domain.count in (None, "all") else domain.count.most  # type: ignore[union-attr]
    return own * (_count_of(design, domain.per) if domain.per in design.fields else 1)


def is_identity(design: Design, name: str) -> bool:
    """Whether a field has a stated number of values: a count, a `per` that names it, or the same through `of`."""
    domain = design.fields.get(name)
    if domain is None:
        return False
    if domain.of in design.fields:
        return is_identity(design, domain.of)
    return domain.is_identity or any(other.per == name for other in design.fields.values())


def parents(design: Design, name: str) -> list[str]:
    """A field's parent, its parent's, and so on."""
    found: list[str] = []
    current = design.fields[name].per if name in design.fields else None
    while current in design.fields and current not in found:
        found.append(current)
        current = design.fields[current].per
    return found


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


# Keys across entities


def _empty_tables(design: Design, incomplete: Container[str]) -> Found:
    filled = {entity.table or next(iter(design.tables)) for entity in design.entities.values()}
    for name, table in design.tables.items():
        if name not in filled and name not in incomplete and not table.key_types:
            yield ("tables", name), f"table {name} has no entity: say what is in it, or give key_types"


def key_tag(design: Design, entity: Entity, name: str) -> str | None:
    """The DynamoDB type of a key attribute in an entity's items: S, N, B, another tag, or None if it has it not."""
    domain = design.domains_of(entity.name).get(name)
    return None if domain is None else _tag(design, entity, name, domain)


def _tag(design: Design, entity: Entity, name: str, domain: Domain) -> str | None:
    domain = design.fields.get(name, domain) if domain.is_field else domain
    if domain.of:
        origin = (entity.attributes or {}).get(domain.of) or design.fields.get(domain.of)
        return _tag(design, entity, domain.of, origin) if origin else None
    template = key_template(domain, name)
    if template and template.lone_field and not domain.is_field and template.lone_field != name:
        inner = (entity.attributes or {}).get(template.lone_field) or design.fields.get(template.lone_field)
        return _tag(design, entity, template.lone_field, inner) if inner else None
    if domain.format or domain.template:
        return "S"
    if domain.value is not None:
        return _value_tag(domain.value)
    if domain.choice:
        tags = {_value_tag(value) for value in domain.choice}
        return tags.pop() if len(tags) == 1 else "mixed"
    if domain.map or domain.list or domain.set:
        return "M" if domain.map else "L" if domain.list else "SS"
    return domain.type.tag if domain.type else "S"


def _value_tag(value: Any) -> str:
    return "BOOL" if isinstance(value, bool) else "N" if isinstance(value, int | float) else "S"


def key_types(design: Design, table: str) -> dict[str, str]:
    """The type, S, N or B, of every attribute in a table's keys, for AttributeDefinitions."""
    found: dict[str, str] = dict(design.tables[table].key_types)
    for entity in design.entities_in(table):
        for name in design.tables[table].indexed_attributes:
            tag = key_tag(design, entity, name)
            if tag:
                found.setdefault(name, tag)
    return {name: found.get(name, "S") for name in design.tables[table].indexed_attributes}


def _key_types(design: Design, incomplete: Container[str]) -> Found:
    for table in design.tables.values():
        first: dict[str, tuple[str, str]] = {}
        for entity in (e for e in design.entities.values() if (e.table or next(iter(design.tables))) == table.name):
            try:
                yield from _entity_key_types(design, table, entity, first)
            except ValueError:  # a template that does not parse has its own message
                continue
        if table.name not in incomplete:
            yield from _unheld_index_keys(design, table, first)


def _entity_key_types(design: Design, table: Table, entity: Entity, first: dict[str, tuple[str, str]]) -> Found:
    if _open_rows(design, entity):
        first.update({name: ("S", entity.name) for name in table.indexed_attributes if name not in first})
        return
    for name in table.indexed_attributes:
        tag = key_tag(design, entity, name)
        if tag is None:
            continue
        part = "key" if name in entity.key else "attributes"
        here = ("entities", entity.name, part, name)
        before, where = first.setdefault(name, (tag, entity.name))
        if tag not in ("S", "N", "B"):
            yield here, f"key attribute {name} is of type {tag}; a key is a string, a number or binary (S, N, B)"
        elif tag != before:
            yield here, f"key attribute {name} is {tag} here and {before} in {where}; a key attribute has one type"


def _unheld_index_keys(design: Design, table: Table, held: dict[str, tuple[str, str]]) -> Found:
    for index in table.indexes.values():
        for name in index.key_attributes:
            if name not in held and name not in table.key_attributes and design.entities_in(table.name):
                place = ("tables", table.name, index.kind, index.name)
                yield place, f"no entity has {name}, a key attribute of {index.name}: the index would stay empty"
