"""The design file: read it, check all of it, say everything that is wrong at once, write it back unchanged.

The file is read in three steps: YAML with positions, the shape of every part, then DynamoDB's own rules. A part whose
shape is wrong is left out of the third step, with everything that names it, so that one slip gives one message.
`workbench schema` gives the same language as JSON Schema, for completion in editors.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.access import access_problems
from workbench.constraints import structure_problems
from workbench.design import Design
from workbench.documents import MOST_BYTES, Document, read_document
from workbench.errors import DesignError, Problem
from workbench.references import Place
from workbench.shape_problems import shape_problem, without_consequences

Parts = set[tuple[str, Any]]  # (section, name)

SECTIONS = ("tables", "fields", "rows", "entities", "access_patterns", "roles")


def load_design(path: str | Path) -> Design:
    """The design in a YAML file; DesignError carries every problem with file, line and column."""
    if not isinstance(path, str | Path):
        raise ValueError(f'{path!r:.200} is no path of a design file, as "designs/task_board.yaml"')
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
    """The design in YAML text; `file` is the name that messages give, and the place that paths in it count from.

    DesignError carries every problem with line and column.

    >>> tables, fields = "tables: {Carts: {partition_key: user_id}}", "fields: {user_id: {count: 100}}"
    >>> patterns = "access_patterns: {open: {operation: GetItem, rate: 5/s}}"
    >>> parse_design(f"{{name: carts, {tables}, {fields}, entities: {{Cart: {{}}}}, {patterns}}}")
    <Design carts: 1 table, 1 entity, 1 access pattern>
    """
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
        found = without_consequences(error.errors())
        problems += [document.problem(*shape_problem(each, document.data)) for each in found]
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
