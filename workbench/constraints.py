"""What DynamoDB refuses of tables and entities: rules that a design must obey before anything is built from it.

Every check yields problems as (place in the file, message); all are collected, so that one look mends the whole file.
A message names the value, what is allowed, and DynamoDB's rule behind it. Findings about a design that works but will
hurt are another thing: the review.
"""

from collections.abc import Container
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from workbench import limits
from workbench.design import Design, Entity, key_template
from workbench.documents import NAME
from workbench.domains import Domain
from workbench.identity import (
    attributes_of,
    count_of,
    is_identity,
    key_fields,
    key_tag,
    known_names,
    open_rows,
    origin,
    parents,
    usual_tag,
)
from workbench.references import (
    Found,
    Place,
    bracket_problems,
    cardinality_problems,
    field_problems,
    loops,
    member_fields,
    nearest,
    needs,
    part_problems,
    presence_problems,
    role_problems,
    unknown,
    use_problems,
)
from workbench.schema import Table
from workbench.table_problems import gsi_problems, lsi_problems, table_problems
from workbench.typewords import ID_TYPES


def structure_problems(design: Design, incomplete: Container[str] = ()) -> Found:
    """Problems of tables, fields and entities; of `incomplete` tables not all entities are known."""
    for name, table in design.tables.items():
        yield from table_problems(("tables", name), table)
    broken: set[str] = set()
    for name, domain in design.fields.items():
        found = list(field_problems(design, ("fields", name), name, domain))
        yield from found
        broken |= {name} if found else set()
    for name, entity in design.entities.items():
        yield from _entity(design, ("entities", name), entity, broken)
    yield from _same_keys(design)
    yield from _empty_tables(design, incomplete)
    yield from _key_types(design, incomplete)


# Entities


def _entity(design: Design, place: Place, entity: Entity, broken: Container[str]) -> Found:
    if entity.table is None and len(design.tables) > 1:
        yield (
            place,
            f"entity {entity.name} names no table, and there are several: state its table{nearest('', design.tables)}",
        )
        return
    if entity.table is not None and entity.table not in design.tables:
        yield from unknown((*place, "table"), entity.table, design.tables, "is not a table")
        return
    problems = [
        *_rows(design, place, entity),
        *_key_attributes(design, place, entity),
        *_attributes(design, place, entity),
        *_references(design, place, entity),
    ]
    yield from problems
    if not problems and not broken_fields(design, entity, broken):
        yield from _identity(design, place, entity)


def broken_fields(design: Design, entity: Entity, broken: Container[str]) -> list[str]:
    """Fields with a problem of their own that an entity's key is made of."""
    used = key_fields(design, entity)
    return [f for name in used for f in (name, *parents(design, name)) if f in broken]


def _rows(design: Design, place: Place, entity: Entity) -> Found:
    name = entity.rows
    if name is None:
        return
    if name not in design.rows and "." not in name and not name.startswith("package:"):
        yield (*place, "rows"), f"{name!r} is neither a file nor a name under rows{nearest(name, design.rows)}"
    for key in ("size", "items"):
        if getattr(entity, key) is not None:
            yield (*place, key), f"{key} is for generated items; the items of {entity.name} come from rows"


def _key_attributes(design: Design, place: Place, entity: Entity) -> Found:
    table = design.table_of(entity.name)
    known = known_names(design, entity)
    foreign = [name for name in entity.key if name not in table.indexed_attributes]
    for name in foreign:
        if name not in _missing_keys(design, table):
            message = f"{name!r} is no key attribute of table {table.name} or its indexes"
            near = nearest(name, table.indexed_attributes)
            yield (*place, "key", name, NAME), f"{message}{near}; other attributes stand under attributes"
    for name, value in entity.key.items():
        if value == "":
            message = f"key attribute {name} is empty text, which DynamoDB refuses in a key"
            yield (*place, "key", name), f"{message}; give it a constant or a template"
    lacking = [name for name in table.key_attributes if name not in entity.key and name not in known]
    if lacking and not foreign and not open_rows(design, entity):
        attributes = f"key attribute{'s' * (len(lacking) > 1)} {' and '.join(lacking)}"
        fix = f'give it a template under key ({lacking[0]}: "...") or a field of that name'
        yield place, f"entity {entity.name} lacks the {attributes} of table {table.name}: every item needs it; {fix}"
    for name in table.key_attributes:
        if name not in lacking and (sparse := _sparse(design, entity, name)):
            where = "" if sparse == name else f" (through {sparse})"
            yield place, f"key attribute {name} is sparse{where}: every item needs it; take away `present`"


def _missing_keys(design: Design, table: Table) -> dict[str, list[str]]:
    """Attributes that several entities have under key, and the table has not: there, not here, is the slip."""
    found: dict[str, list[str]] = {}
    for entity in design.entities_in(table.name):
        for name in entity.key:
            if name not in table.indexed_attributes:
                found.setdefault(name, []).append(entity.name)
    return {name: names for name, names in found.items() if len(names) > 1}


def _sparse(design: Design, entity: Entity, name: str) -> str | None:
    """What makes a key attribute absent from some items."""
    domains = design.domains_of(entity.name)
    own = domains.get(name, Domain())
    for each in (name, *own.references()):
        domain = (entity.attributes or {}).get(each) or design.fields.get(each)
        if domain is not None and domain.present is not None:
            return each
    return None


def _attributes(design: Design, place: Place, entity: Entity) -> Found:
    for name, domain in (entity.attributes or {}).items():
        here = (*place, "attributes", name)
        if not name:
            yield (*here, NAME), "an attribute needs a name"
        if name in design.fields and not domain.is_field:
            message = f"attribute {name} redeclares the field {name}; write `{name}:` alone, or give it another name"
            yield (*here, NAME), message
        if name in entity.key:
            yield (*here, NAME), f"{name} stands under key already; leave it out here"
        if name == "filler" and entity.size:
            yield (*here, NAME), "filler is the attribute that size pads an item with; give this one another name"
        if domain.per:
            yield (*here, "per"), f"per stands under fields: make {name} a field, and write `{name}:` here"
        else:
            yield from cardinality_problems(here, name, domain)
        yield from part_problems(here, domain)
    yield from _item_size(place, entity)


def _item_size(place: Place, entity: Entity) -> Found:
    if entity.size and entity.size.high > limits.ITEM_BYTES:
        yield (*place, "size"), f"{entity.size}: an item has at most 400 KB ({limits.ITEM_BYTES:,} bytes)"


def _references(design: Design, place: Place, entity: Entity) -> Found:
    if open_rows(design, entity):
        return
    known, domains = known_names(design, entity), design.domains_of(entity.name)
    named = {**design.fields, **{n: d for n, d in domains.items() if not d.is_field}}
    for name, domain in domains.items():
        here = (*place, "key" if name in entity.key else "attributes", name)
        if domain.is_field and name not in design.fields and not (entity.rows and name in known):
            yield here, f"{name} has no domain and there is no field {name}{nearest(name, design.fields)}"
        for reference in dict.fromkeys([*domain.references(), *domain.new_references, *member_fields(domain)]):
            if reference not in known:
                near = nearest(reference, sorted(known))
                yield here, f"{{{reference}}} has no domain: no field or attribute of that name{near}"
            elif reference in named:
                yield from use_problems(here, domain, reference, named[reference])
        if domain.of and domain.of not in named:
            yield (*here, "of"), f"{domain.of!r} is not a field{nearest(domain.of, sorted(known))}"
        yield from role_problems(here, domain, sorted(named))
        yield from bracket_problems(here, domain, known)
        yield from presence_problems(here, domain, sorted({*known, *domains}))
        if loops({n: needs(d) for n, d in named.items()}, name) and name not in design.fields:
            yield here, f"{name} is made of itself; leave out one of the references in that circle"


def _identity(design: Design, place: Place, entity: Entity) -> Found:
    """An entity needs one identity field in its key, or to say how many of the combinations exist."""
    if entity.rows:
        return
    used = key_fields(design, entity)
    identity = [f for f in used if is_identity(design, f)]
    leaves = [f for f in identity if not any(f in parents(design, other) for other in identity)]
    if used and not identity:
        yield (
            (*place, "key") if entity.key else place,
            f"the key of {entity.name} has fields ({', '.join(used)}) but no identity field, so that nothing says how "
            "many items there are: give one of them a count",
        )
        return
    yield from _parents_in_key(design, place, entity, leaves, used)
    yield from _combinations(design, place, entity, leaves)


def _parents_in_key(design: Design, place: Place, entity: Entity, leaves: list[str], used: list[str]) -> Found:
    """Values are distinct within their parent only, unless they are identifiers that never repeat."""
    for leaf in leaves:
        for child, parent in pairwise([leaf, *parents(design, leaf)]):
            kind = design.fields[origin(design, child)].type
            if kind and kind.word in ID_TYPES:
                break
            if parent not in used:
                message = (
                    f"the key of {entity.name} has {child} without {parent}: values of {child} are distinct within one "
                    f"{parent} only, and keys are unique; put {{{parent}}} into the key, or make {child} a uuid or ulid"
                )
                yield (*place, "key") if entity.key else place, message
                break


def _combinations(design: Design, place: Place, entity: Entity, leaves: list[str]) -> Found:
    if len(leaves) > 1 and entity.items is None:
        yield (
            place,
            f"the key of {entity.name} has {len(leaves)} unrelated identity fields ({', '.join(leaves)}): "
            "say how many of their combinations exist, as items: 150_000, or items: all",
        )
    whole = 1.0
    for leaf in leaves:
        whole *= count_of(design, leaf)
    if entity.items is not None and len(leaves) < 2:
        one = f"one for each {leaves[0]}" if leaves else "one, since its key is constant"
        message = f"the key of {entity.name} says how many items there are ({one}): leave items out"
        yield (*place, "items"), message
    elif entity.items not in (None, "all") and entity.items.high > whole:  # type: ignore[union-attr]
        yield (
            (*place, "items"),
            (f"{entity.items} items, and {' x '.join(leaves)} give {whole:,.0f} combinations: keys are unique"),
        )


# Keys across entities


def _same_keys(design: Design) -> Found:
    """Two entities of a table whose keys are written alike would have the same keys."""
    seen: dict[Any, str] = {}
    unclear = {table.name for table in design.tables.values() if _missing_keys(design, table)}
    for name, entity in design.entities.items():
        if entity.rows or (entity.table or next(iter(design.tables))) not in design.tables:
            continue
        table, domains = design.table_of(name), design.domains_of(name)
        templates = [key_template(d, a) if (d := domains.get(a)) else None for a in table.key_attributes]
        if table.name in unclear or any(t is None or not set(t.fields) <= set(design.fields) for t in templates):
            continue
        first = seen.setdefault((table.name, *(template.text for template in templates if template)), name)
        if first != name:
            message = f"the keys of {name} are those of {first}, and keys are unique: tell them apart by a prefix"
            yield ("entities", name), message


def _empty_tables(design: Design, incomplete: Container[str]) -> Found:
    filled = {entity.table or next(iter(design.tables)) for entity in design.entities.values()}
    for name, table in design.tables.items():
        if name not in filled and name not in incomplete and not table.key_types:
            yield ("tables", name), f"table {name} has no entity: say what is in it, or give key_types"
        elif table.sort_key != table.partition_key:
            for attribute, entities in _missing_keys(design, table).items():
                few = ", ".join(entities[:8]) + f" and {len(entities) - 8} more" * (len(entities) > 8)
                message = f"table {name} has no key attribute {attribute}, and {few} have it under key"
                fix = ": use one name for both" if table.sort_key else f"; is sort_key: {attribute} missing?"
                yield ("tables", name), message + fix


def _key_types(design: Design, incomplete: Container[str]) -> Found:
    for table in design.tables.values():
        entities = [e for e in design.entities.values() if (e.table or next(iter(design.tables))) == table.name]
        held: set[str] = set()
        for name in table.indexed_attributes:
            tags = {e.name: tag for e in entities if (tag := _known_tag(design, e, name))}
            held |= {name} if tags or any(open_rows(design, e) for e in entities) else set()
            yield from _one_type(design, name, tags)
        if table.name not in incomplete:
            yield from _unheld_index_keys(design, table, held)
        if table.key_types and entities and not any(open_rows(design, e) for e in entities):
            message = f"the types of keys follow from the entities of table {table.name}: leave key_types out"
            yield ("tables", table.name, "key_types"), message


def _known_tag(design: Design, entity: Entity, name: str) -> str | None:
    return None if open_rows(design, entity) else key_tag(design, entity, name)


def _one_type(design: Design, name: str, tags: dict[str, str]) -> Found:
    """A key attribute has one type over all entities: the one that most of them give it."""
    usual = usual_tag(list(tags.values()))
    for entity, tag in tags.items():
        part = "key" if name in design.entities[entity].key else "attributes"
        here = ("entities", entity, part, name)
        if tag not in ("S", "N", "B"):
            yield here, f"key attribute {name} is of type {tag}; a key is a string, a number or binary (S, N, B)"
        elif tag != usual:
            other = next(e for e, t in tags.items() if t == usual)
            yield here, f"key attribute {name} is {tag} here and {usual} in {other}; a key attribute has one type"


def _unheld_index_keys(design: Design, table: Table, held: set[str]) -> Found:
    for index in table.indexes.values():
        place = ("tables", table.name, index.kind, index.name)
        missing = [name for name in index.key_attributes if name not in held and name not in table.key_attributes]
        is_sound = not any(
            gsi_problems(place, index, table)
            if index.kind == "gsi"
            else lsi_problems(place, table.lsi[index.name], table)
        )
        if missing and is_sound and design.entities_in(table.name):
            message = f"no entity has {' and '.join(missing)}, key of {index.name}: the index would stay empty"
            known = {name for e in design.entities_in(table.name) for name in attributes_of(design, e)}
            near = [f"did you mean {other}?" for name in missing for other in get_close_matches(name, known, 1, 0.7)]
            yield place, "; ".join([message, *(near or ["give an entity the attribute, or remove the index"])])
