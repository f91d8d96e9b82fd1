"""What fields and attributes are made of, and whether that can work.

A domain may name others: in a template, as the base of a time, as parent (`per`), as the field whose values it shares
(`of`), as a condition of its presence. What it names must exist, must not lead back to it, and must be of a kind that
can be used so; and a domain with a `count` must have that many distinct values, because keys are made of them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from math import prod
from typing import Any

from workbench import limits
from workbench.design import Design, Entity
from workbench.distributions import Amount
from workbench.documents import NAME
from workbench.domains import Domain
from workbench.identity import attributes_of, parents, value_tag
from workbench.keys import can_format, is_field_name
from workbench.typewords import TIME_TYPES

Place = tuple[Any, ...]
Found = Iterator[tuple[Place, str]]

MOST_VALUES = 50_000_000  # of one field: 400 MB for each of its arrays
_MOST_LISTED = 20


def nearest(name: str, known: Iterable[str]) -> str:
    """What is known, the nearest first: `; did you mean 'status'? known: ...`."""
    names = list(map(str, known))
    by_case = {each.lower(): each for each in reversed(names)}
    near = get_close_matches(name.lower(), by_case, 1, 0.7)
    meant = f"did you mean {by_case[near[0]]!r}? " if near else ""
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"; {meant}known: {', '.join(names[:_MOST_LISTED]) or 'none'}{more}"


def unknown(place: Place, name: str | None, known: Collection[str], what: str, shown: str = "{!r}") -> Found:
    """That a name `is not a field`, with those known, the nearest first; nothing if it is known or not given."""
    if name is not None and name not in known:
        yield place, f"{shown.format(name)} {what}{nearest(name, known)}"


def enumeration(names: Iterable[str]) -> str:
    """Names as a sentence has them: `a`, `a and b`, `a, b and c`."""
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def other_case(name: str, known: Iterable[str]) -> str | None:
    """What is known under `name` in other letters of the same: `PK` for `pk`."""
    names = list(map(str, known))
    return None if name in names else next((each for each in names if each.lower() == name.lower()), None)


def field_problems(design: Design, place: Place, name: str, domain: Domain) -> Found:
    """What is wrong with a field."""
    if not is_field_name(name):
        message = f"field name {name!r}: letters, digits, _ . -, a letter first, so that it can stand in a template"
        yield (*place, NAME), message
    for key in ("per", "of"):
        yield from unknown((*place, key), getattr(domain, key), design.fields, "is not a field")
    if loops({n: needs(d) for n, d in design.fields.items()}, name):
        yield place, f"field {name} is made of itself; leave out one of the references in that circle"
        return
    yield from _counted(design, place, name, domain)
    yield from cardinality_problems(place, f"field {name}", domain)
    yield from part_problems(place, domain)
    for reference in dict.fromkeys([*domain.references(), *domain.new_references]):
        if reference not in design.fields:
            yield place, f"{{{reference}}} is not a field{nearest(reference, design.fields)}"
        else:
            yield from use_problems(place, domain, reference, design.fields[reference])
    yield from role_problems(place, domain, design.fields)
    yield from presence_problems(place, domain, design.fields)


def _counted(design: Design, place: Place, name: str, domain: Domain) -> Found:
    children = [n for n, other in design.fields.items() if other.per == name]
    if domain.per is not None and domain.count is None:
        yield place, f"field {name} is per {domain.per} but has no count: say how many for each, as count: 1..5"
    elif domain.count is not None and all(each in design.fields for each in [name, *parents(design, name)]):
        yield from _too_many(design, place, name)
    elif domain.is_field:
        yield place, f"field {name} has no domain: give it a count, a type or a choice, as {name}: {{count: 200}}"
    elif children and domain.count is None and domain.of is None and domain.cardinality == float("inf"):
        fix = "give it a count, which makes it an identity field"
        yield place, f"field {name} is the parent of {', '.join(children)}, but nothing says how many it has: {fix}"


def _too_many(design: Design, place: Place, name: str) -> Found:
    """Whether a field has more values than are generated: its count, times those of its parents."""
    line = [name, *parents(design, name)]
    counts = [design.fields[each].count for each in line]
    means = [count.mean for count in counts if isinstance(count, Amount)]
    if prod(means[1:]) <= MOST_VALUES < (expected := prod(means)):
        made = " x ".join(f"{count} of {each}" for each, count in zip(line, counts, strict=True))
        message = f"field {name} has about {expected:,.0f} values ({made}); at most {MOST_VALUES:,} are generated"
        yield (*place, "count"), f"{message}: state a part of production, with rates in proportion"


def bracket_problems(place: Place, domain: Domain, known: Iterable[str]) -> Found:
    """Fields in other brackets than those of a template."""
    names = set(known)
    for template in domain.templates():
        text = "".join(part for part in template.parts if isinstance(part, str))
        for name in re.findall(r"<([A-Za-z_][A-Za-z0-9_]*)>", text):
            if name in names:
                yield place, f"<{name}> is text here; a field stands in braces: {{{name}}}"


def loops(needs: Mapping[str, Iterable[str]], start: str) -> bool:
    """Whether what `start` is made of leads back to it."""
    todo, seen = list(needs.get(start, ())), set()
    while todo:
        name = todo.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            todo += needs.get(name, ())
    return False


def needs(domain: Domain) -> list[str]:
    """What must be drawn before a domain's values can be."""
    inner = [d for d in [*(domain.map or {}).values(), domain.list, domain.set] if d]
    own = [*domain.references(), *(domain.present if isinstance(domain.present, dict) else ())]
    own += [name for name in (domain.of, domain.per) if name]
    own += [name for name, member in (domain.map or {}).items() if member.is_field]
    return own + [name for part in inner for name in needs(part)]


def made_of(design: Design, entity: Entity) -> set[str]:
    """The attributes of an entity, and the fields that they are made of."""
    domains = design.domains_of(entity.name)
    todo, found = list(attributes_of(design, entity)), set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            own = domains.get(name, Domain())
            used = design.fields.get(name, own) if own.is_field else own
            todo += needs(used)
    return found


def cardinality_problems(place: Place, noun: str, domain: Domain) -> Found:
    """Whether the domain can give as many distinct values as its count asks for."""
    if domain.count is None:
        return
    where, most = (*place, "count"), domain.cardinality
    if reason := _uncountable(domain):
        yield where, f"{noun} has a count, but {reason}"
    elif domain.count == "all":
        if most == float("inf"):
            yield where, "`all` needs a finite domain: a choice, a range of whole numbers or of times"
    elif domain.count.bound > most:
        yield (
            where,
            (f"{noun} cannot have {domain.count} distinct values: its domain has {most:,.0f}, and keys are unique"),
        )
    elif domain.count.high == 0 or (domain.per is None and domain.count.bound < 1):
        yield where, f"{noun} has no values: its count must be at least 1"


def _uncountable(domain: Domain) -> str | None:
    """Why a domain's values cannot be counted out beforehand."""
    kind = domain.type
    if domain.map or domain.list or domain.set or domain.of:
        return "only texts, numbers, times, ids and choices have one; it goes where the values are from"
    if domain.template and domain.template.fields:
        return "a template's values follow from its fields: give them the count"
    if kind and (kind.shard_of or (kind.span and kind.span.base)):
        return f"the values of {kind} follow from another field: leave count out"
    if kind and kind.word == "number" and kind.amount and kind.amount.kind not in ("fixed", "uniform"):
        return f"numbers drawn by {kind} repeat themselves: give a range, as 1..1_000"
    return None


def part_problems(place: Place, domain: Domain) -> Found:
    """What is wrong inside maps, lists and sets: their parts are no identity fields, and not all can be in a set."""
    members = {("map", n): d for n, d in (domain.map or {}).items()}
    members |= {(k,): d for k in ("list", "set") if (d := getattr(domain, k))}
    for step, inner in members.items():
        if inner.count is not None or inner.per is not None:
            yield (*place, *step), "count and per stand under fields: name one here by {of: ...}"
        if inner.is_field and step[0] != "map":
            yield (*place, *step), f"{step[0]} has no domain: say what its elements are, as {{{step[0]}: text(5)}}"
        yield from part_problems((*place, *step), inner)
    if (depth := _depth(domain)) == limits.NESTING_LEVELS + 1:
        yield place, f"{depth} levels of lists and maps; DynamoDB nests at most {limits.NESTING_LEVELS}"
    if domain.set and _value_kind(domain.set) not in ("S", "N", "B"):
        yield (*place, "set"), "a set holds only texts, only numbers or only binary"


def _depth(domain: Domain) -> int:
    inner = [d for d in [*(domain.map or {}).values(), domain.list] if d]
    return (1 if domain.map or domain.list else 0) + max(map(_depth, inner), default=0)


def _value_kind(domain: Domain) -> str:
    """The type of a set's elements, S where that is not known here."""
    if domain.choice:
        tags = {value_tag(value) for value in domain.choice}
        return tags.pop() if len(tags) == 1 else "mixed"
    if domain.map or domain.list or domain.set:
        return "M"
    return value_tag(domain.value) if domain.value is not None else domain.type.tag if domain.type else "S"


def use_problems(place: Place, domain: Domain, name: str, used: Domain) -> Found:
    """Whether a template or time can be made of what it names."""
    if domain.type and domain.type.span and domain.type.span.base == name:
        if not (used.type and used.type.word in TIME_TYPES):
            why = f"is not a time ({', '.join(TIME_TYPES)}), so that nothing can be counted from it"
            yield place, f"{name} {why}; name a field that is one"
        elif used.format:
            why = "has a format, which makes it text, so that nothing can be counted from it"
            yield place, f"{name} {why}; leave out its format"
        return
    if used.map or used.list or used.set:
        yield place, f"{{{name}}} is a map, list or set; a template takes texts and numbers"
    elif used.type and used.type.word == "binary":
        yield place, f"{{{name}}} is binary; a template takes texts and numbers"
    yield from _widths(place, domain, name, used)


def _widths(place: Place, domain: Domain, name: str, used: Domain) -> Found:
    sample = used.type.sample if used.type and not used.format else "1"
    if used.value is not None or used.choice:
        sample = used.value if used.value is not None else next(iter(used.choice or ()))
    for template in domain.templates():
        for part in template.parts:
            if isinstance(part, str) or part.field != name or not part.spec or used.of or used.is_field:
                continue
            if not can_format(sample, part.spec):
                fix = f"and {name} is none; a width is {{{name}:04}}"
                yield place, f"{{{name}:{part.spec}}}: d and f are for numbers, {fix}"


def role_problems(place: Place, domain: Domain, known: Iterable[str]) -> Found:
    """Names in the `of` of members and elements that are not known."""
    for other in dict.fromkeys(part.of for part in domain.inner() if part.of):
        if other not in known:
            yield place, f"{other!r} is not a field{nearest(other, known)}"


def presence_problems(place: Place, domain: Domain, known: Iterable[str]) -> Found:
    """Names in `present` that are not known."""
    for other in domain.present if isinstance(domain.present, dict) else ():
        if other not in known:
            yield (*place, "present", other, NAME), f"{other!r} is not an attribute or field{nearest(other, known)}"


def member_fields(domain: Domain) -> Iterator[str]:
    """The names of map members that are written alone: each is the field or attribute of its name."""
    for name, member in (domain.map or {}).items():
        if member.is_field:
            yield name
        yield from member_fields(member)
    for inner in (domain.list, domain.set):
        yield from member_fields(inner) if inner else ()
