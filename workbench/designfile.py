"""The design file: read it, check all of it, say everything that is wrong at once, write it back unchanged.

The file is read in three steps: YAML with positions, the shape of every part, then DynamoDB's own rules. A part whose
shape is wrong is left out of the third step, with everything that names it, so that one slip gives one message.
`workbench schema` gives the same language as JSON Schema, for completion in editors.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.access import access_problems
from workbench.constraints import structure_problems
from workbench.design import Design
from workbench.documents import MOST_BYTES, NAME, Document, read_document
from workbench.domains import unquoted
from workbench.errors import DesignError, Problem

Place = tuple[Any, ...]
Parts = set[tuple[str, Any]]  # (section, name)

SECTIONS = ("tables", "fields", "rows", "entities", "access_patterns", "roles")


def load_design(path: str | Path) -> Design:
    """The design in a YAML file; DesignError carries every problem with file, line and column."""
    place = Path(path)
    try:
        with place.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DesignError([Problem(str(place), 1, 1, _unreadable(place, error))]) from None
    return parse_design(text, str(path))


def _unreadable(path: Path, error: OSError) -> str:
    """Why there is no file to read, and what to do."""
    if path.is_dir():
        found = ", ".join(sorted(each.name for each in path.glob("*.y*ml"))[:5])
        return f"a folder: name a design file in it{f', as {found}' if found else ''}"
    if isinstance(error, FileNotFoundError):
        below = "" if path.is_absolute() else f" in {Path.cwd()}"
        return f"no such file{below}; `workbench new {path.stem}` writes a design to start from"
    return error.strerror or str(error)


def parse_design(text: str | bytes, file: str = "design") -> Design:
    """The design in YAML text; `file` is the name that messages give, and the place that paths in it count from."""
    document = read_document(text, file)
    if not isinstance(document.data, Mapping):
        found = {type(None): "the file is empty", list: "found a list"}.get(type(document.data), "found text")
        message = f"a design is a mapping with name, tables and access_patterns; {found}"
        raise DesignError([document.problem((), message)])
    design = check_document(document)
    design._text, design._path = document.text, file
    return design


def check_document(document: Document) -> Design:
    """The design of a document that is a mapping; DesignError carries every problem with file, line and column."""
    design, problems = _shaped(document)
    if problems:
        raise DesignError(list(dict.fromkeys(problems)))
    assert design is not None
    return design


def _shaped(document: Document) -> tuple[Design | None, list[Problem]]:
    """The design and every problem of the document; no design, where nothing of it can be judged."""
    problems = list(document.problems)
    try:
        design, left_out = Design.model_validate(document.data), set()
    except ValidationError as error:
        found = _without_consequences(error.errors())
        problems += [document.problem(*_problem(each, document.data)) for each in found]
        design, left_out = _sound_part(document.data, [each["loc"] for each in found])
    if design is not None:
        problems += _once([document.problem(*found) for found in _rule_problems(design, left_out)])
    return design, problems


def _once(problems: list[Problem]) -> Iterator[Problem]:
    """What is wrong in several places in the same way, such as a field that is missing, is said at the first."""
    alike: dict[str, list[Problem]] = {}
    for problem in sorted(problems):
        alike.setdefault(problem.message.partition(";")[0], []).append(problem)
    for first, *others in alike.values():
        lines = sorted({other.line for other in others} - {first.line})
        more = f" and {len(lines) - _MOST_LINES:,} more" if len(lines) > _MOST_LINES else ""
        also = (
            f" (also in line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:_MOST_LINES]))}{more})" if lines else ""
        )
        yield Problem(first.file, first.line, first.column, first.message + also)


_MOST_LINES = 8  # are named where the same thing is wrong


def _rule_problems(design: Design, left_out: Parts) -> Iterator[tuple[Place, str]]:
    """Problems of structure, then those of access patterns whose entities and tables have none."""
    incomplete = {name for section, name in left_out if section == "tables"}
    found = list(structure_problems(design, incomplete))
    yield from found
    tables = {place[1] for place, _ in found if place[0] == "tables" and place[2:3] in _KEYS_OF_TABLES}
    broken = {place[1] for place, _ in found if place[0] == "entities" and len(place) > 1}
    broken |= {name for name, e in design.entities.items() if (e.table or next(iter(design.tables))) in tables}
    indexes = {place[3] for place, _ in found if place[0] == "tables" and place[2:3] in _INDEXES and len(place) > 3}
    usable = {
        name: pattern
        for name, pattern in design.access_patterns.items()
        if not broken & _addressed(design, pattern) and pattern.index not in indexes
    }
    yield from access_problems(design.model_copy(update={"access_patterns": usable}))


_INDEXES = (("gsi",), ("lsi",))
_KEYS_OF_TABLES = ((), ("partition_key",), ("sort_key",))


def _addressed(design: Design, pattern: Any) -> set[str]:
    named = {*pattern.entity, *(a.entity for a in pattern.actions if a.entity)}
    return named or set(design.entities)


# What can be judged though some parts are wrong


def _sound_part(data: Mapping[Any, Any], wrong: Iterable[Place]) -> tuple[Design | None, Parts]:
    """A design of the parts that are sound and name no wrong one; the tables that it shows only in part."""
    parts: Parts = {(place[0], place[1]) for place in wrong if len(place) > 1 and place[0] in SECTIONS}
    if len({place[:2] for place in wrong}) > len(parts):
        return None, set()  # a whole section is wrong or missing
    spread = _spread(data, parts)
    sound = {key: value for key, value in data.items() if key not in SECTIONS}
    for section in SECTIONS:
        members = data.get(section) or {}
        sound[section] = {name: part for name, part in members.items() if (section, name) not in spread}
    partial: Parts = {("tables", _table_name(data, name)) for section, name in spread if section == "entities"}
    try:
        return Design.model_validate(sound), partial
    except ValidationError:  # nothing is left of the tables or of the access patterns
        return None, set()


def _spread(data: Mapping[Any, Any], wrong: Parts) -> Parts:
    """The wrong parts and those that name one of them, directly or not."""
    spread = set(wrong)
    while more := {part for part in _parts(data) - spread if _depends(data, part, spread)}:
        spread |= more
    return spread


def _parts(data: Mapping[Any, Any]) -> Parts:
    return {(section, name) for section in SECTIONS for name in data.get(section) or ()}


# What names in a part can refer to: of two sections with the same name, both count.
_REFERS = {
    "fields": ("fields",),
    "entities": ("tables", "fields", "rows"),
    "access_patterns": ("tables", "fields", "entities", "roles"),
    "roles": ("fields",),
}


def _depends(data: Mapping[Any, Any], part: tuple[str, Any], spread: Parts) -> bool:
    section, name = part
    targets = {other for kind, other in spread if kind in _REFERS.get(section, ())}
    content = data[section][name]
    if section in ("entities", "access_patterns") and not _states_its_own(section, content):
        owner = "tables" if section == "entities" else "entities"
        targets |= {"*"} if any(kind == owner for kind, _ in spread) else set()
    words = {"*", *_words(content)}
    if section == "entities":
        words |= set(_words((data.get("tables") or {}).get(_table_name(data, name))))
    return bool({str(target) for target in targets} & words)


def _states_its_own(section: str, content: Any) -> bool:
    keys = ("table",) if section == "entities" else ("entity", "table", "actions")
    return isinstance(content, Mapping) and any(key in content for key in keys)


def _table_name(data: Mapping[Any, Any], entity: Any) -> Any:
    content = (data.get("entities") or {}).get(entity)
    stated = content.get("table") if isinstance(content, Mapping) else None
    return stated if isinstance(stated, str) else next(iter(data.get("tables") or {}), None)


def _words(content: Any) -> Iterator[str]:
    """Every text in a part, whole and word by word."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from (*_words(key), *_words(value))
    elif isinstance(content, list):
        for value in content:
            yield from _words(value)
    elif isinstance(content, str):
        yield content
        yield from re.findall(r"[A-Za-z_][A-Za-z0-9_.-]*", content)


# Messages about the shape


def _problem(found: Any, data: Any) -> tuple[Place, str]:
    """Where a problem of pydantic's stands in the file, and what to say about it."""
    place = _located(found["loc"], data)
    name, value, kind = place[-1] if place else "design", found.get("input"), found["type"]
    if kind == "extra_forbidden":
        holder = _at(data, place[:-1])
        if len(holder) == 1 and value is None:
            return place[:-1], unquoted(holder)
        return (*place, NAME), _unknown_key(place)
    if kind == "missing":
        return place, _missing(place, found["loc"][-1])
    if kind == "invalid_key" or (kind == "string_type" and found["loc"][-1] == "[key]"):
        holder = found["loc"][: -1 if kind == "invalid_key" else -2]
        return (*_located(holder, data), value, NAME), _no_name(value)
    if kind == "value_error":
        at = found.get("ctx", {}).get("key")
        return (*place, at) if at else place, found["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        return place, f"{name}: {_choices(value, found['ctx']['expected'])}"
    say = _SAYINGS.get(kind)
    return place, f"{name} {say(value, found) if say else _plain(found)}"


def _without_consequences(found: list[Any]) -> list[Any]:
    """The problems without those that follow from another: what is below a wrong name, what was only misspelt."""
    names = {each["loc"][:-1] for each in found if each["loc"][-1:] == ("[key]",)}
    unknown = [each["loc"] for each in found if each["type"] == "extra_forbidden"]
    near = {
        (*place[:-1], name) for place in unknown for name in get_close_matches(str(place[-1]), _keys(place[:-1]), 1)
    }
    return [
        each
        for each in found
        if (each["type"] != "missing" or each["loc"] not in near)
        and (each["loc"][-1:] == ("[key]",) or not any(each["loc"][: len(name)] == name for name in names))
    ]


def _located(location: Place, data: Any) -> Place:
    """The part of pydantic's path that stands in the file (tags of unions do not), and the key that is missing."""
    place: list[Any] = []
    steps = [step for step in location if step != "[key]"]
    for step in steps:
        is_index = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if is_index or (isinstance(data, Mapping) and step in data):
            place.append(step)
            data = data[step]
    is_missing = bool(steps) and isinstance(data, Mapping) and steps[-1] not in ("mapping", "value", *place[-1:])
    return (*place, steps[-1]) if is_missing else tuple(place)


def _at(data: Any, place: Place) -> Any:
    for step in place:
        data = data[step]
    return data


def _plain(found: Any) -> str:
    return f"{found['msg'][0].lower()}{found['msg'][1:]}, not {_shown(found['input'])}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = "a list" if isinstance(value, list | tuple) else "a mapping" if isinstance(value, Mapping) else str(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...") if isinstance(value, str) else text


def _no_name(value: Any) -> str:
    shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else value
    return f'{shown} is no text: a name is text; quote it, as "{shown}"'


def _not_text(value: Any, found: Any) -> str:
    if isinstance(value, Mapping) and len(value) == 1:
        return f"must be text: {unquoted(value)}"
    fix = f'; quote it: "{value}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    return f"must be text, not {_shown(value)}{fix}"


def _not_mapping(value: Any, found: Any) -> str:
    return f"must be a mapping (name: value), not {_shown(value)}"


def _not_list(value: Any, found: Any) -> str:
    return f"must be a list, as [a, b], not {_shown(value)}"


def _not_whole(value: Any, found: Any) -> str:
    return f"must be a whole number, not {_shown(value)}"


_SAYINGS: dict[str, Callable[[Any, Any], str]] = {
    "string_type": _not_text,
    "dict_type": _not_mapping,
    "model_type": _not_mapping,
    "model_attributes_type": _not_mapping,
    "tuple_type": _not_list,
    "list_type": _not_list,
    "int_type": _not_whole,
    "int_parsing": _not_whole,
    "int_from_float": _not_whole,
    "bool_type": lambda value, found: f"must be true or false, not {_shown(value)}",
    "bool_parsing": lambda value, found: f"must be true or false, not {_shown(value)}",
    "string_too_long": lambda value, found: (
        f"must have at most {found['ctx']['max_length']} characters, not {len(value):,}"
    ),
    "too_short": lambda value, found: "is empty; a design has at least one",
    "greater_than_equal": lambda value, found: f"must be at least {found['ctx']['ge']}, not {_shown(value)}",
    "less_than_equal": lambda value, found: f"must be at most {found['ctx']['le']:,}, not {_shown(value)}",
}


def _choices(value: Any, expected: str) -> str:
    allowed = re.findall(r"'([^']*)'", expected)
    return f"{_shown(value)} is not allowed{_did_you_mean(value, allowed) or ';'} allowed: {', '.join(allowed)}"


def _did_you_mean(value: Any, known: Iterable[str]) -> str:
    if not isinstance(value, str):
        return ""
    by_case = {each.lower(): each for each in known}
    text = value.lower()
    begins = [each for each in by_case if len(text) > 2 and each.startswith(text)]
    near = begins or get_close_matches(text, by_case, 1, 0.65)
    return f", did you mean {by_case[near[0]]!r}?" if near else ""


_OTHER_WORDS = {  # what the API, other tools and habit call it
    **dict.fromkeys(("pk", "hash", "hash_key", "hashkey", "partitionkey"), "partition_key"),
    **dict.fromkeys(("sk", "range", "range_key", "rangekey", "sortkey"), "sort_key"),
    **dict.fromkeys(("indexes", "indices", "globalsecondaryindexes", "global_secondary_indexes"), "gsi"),
    **dict.fromkeys(("localsecondaryindexes", "local_secondary_indexes"), "lsi"),
    **dict.fromkeys(("billing", "billing_mode", "billingmode", "throughput", "provisioned"), "capacity"),
    **dict.fromkeys(("scan_forward", "scan_index_forward", "scanindexforward", "reverse"), "descending"),
    **dict.fromkeys(("filterexpression", "filter_expression"), "filter"),
    **dict.fromkeys(("keyconditionexpression", "where"), "key_condition"),
    **dict.fromkeys(("conditionexpression", "condition_expression"), "condition"),
    **dict.fromkeys(("updateexpression", "set"), "update"),
    **dict.fromkeys(("consistent_read", "consistentread", "strong"), "consistent"),
    **dict.fromkeys(("rps", "tps", "throughput_per_second", "frequency"), "rate"),
    **dict.fromkeys(("ttl_attribute", "time_to_live"), "ttl"),
    **dict.fromkeys(("parent", "of_each"), "per"),
    **dict.fromkeys(("cardinality", "distinct"), "count"),
    **dict.fromkeys(("distribution", "skew"), "popularity"),
}


def _unknown_key(place: Place) -> str:
    name, known = str(place[-1]), list(_keys(place[:-1]))
    meant = _did_you_mean(_OTHER_WORDS.get(name.lower(), name), known)
    if re.fullmatch(r"[0-9]{3}", name):
        meant = "; a number has no commas: write 2_000"
    return f"unknown key {name!r}{meant or '; allowed: ' + ', '.join(known) + '; own notes go under x-...'}"


def _missing(place: Place, needed: Any) -> str:
    if place[-1:] == (needed,):
        return f"{needed} is missing{_meaning(place)}"
    return f"{place[-1] if place else 'the design'} is empty; it needs {needed}{_meaning((*place, needed))}"


def _meaning(place: Place) -> str:
    field = _keys(place[:-1]).get(place[-1])
    return f": {field.description}" if field is not None and field.description else ""


def _keys(place: Place) -> dict[Any, Any]:
    """The keys that the part at `place` takes, with what is known of them."""
    model: Any = Design
    steps = iter(place)
    for step in steps:
        if below := _model_below(model, step):
            model, is_named = below
            next(steps if is_named else iter(()), None)  # a name, be it that of a key
    return {f.alias or n: f for n, f in model.model_fields.items() if not f.exclude}


def _model_below(model: Any, step: Any) -> tuple[Any, bool] | None:
    """The model at a key, if there is one, and whether it stands there under names."""
    field = model.model_fields.get(step)
    below = _model_in(field.annotation) if field else None
    return (below, "dict[" in str(field.annotation)) if below else None


def _model_in(annotation: Any) -> Any:
    """The pydantic model inside an annotation such as dict[str, Table] or Index | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in getattr(annotation, "__args__", ()))
    return next((model for model in found if model), None)


# JSON Schema


def json_schema() -> dict[str, Any]:
    """The language of design files as JSON Schema, for completion and hover help in editors.

    Short forms of domains are allowed wherever a domain is.
    """
    schema = _for_editors(Design.model_json_schema(by_alias=True))
    parts = schema["$defs"]
    parts["Domain"] = {"anyOf": [parts["Domain"], _SHORT_DOMAIN]}
    parts["Entity"] = {"anyOf": [parts["Entity"], {"type": "null"}]}
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "DynamoDB workbench design"}
    return {**named, **schema}


_SHORT_DOMAIN = {
    "type": ["string", "number", "boolean", "array", "null"],
    "description": 'a type word, as email or 1..60; constants [OPEN, DONE]; a template "{user_id}"; nothing: the field '
    "of this name",
}


def _for_editors(part: Any) -> Any:
    """The schema without what pydantic adds: titles, keys that the loader sets. Keys with x- go anywhere."""
    if isinstance(part, list):
        return [_for_editors(each) for each in part]
    if not isinstance(part, dict):
        return part
    out = {key: _for_editors(value) for key, value in part.items() if key != "title" or isinstance(value, dict)}
    if isinstance(out.get("properties"), dict) and "type" in out:
        out["properties"] = {name: value for name, value in out["properties"].items() if not name.startswith("x-")}
    if out.get("type") == "object" and "additionalProperties" in out:
        out["patternProperties"] = {"^x-": {}}
    return out
