"""The design file: read it, check all of it, say everything that is wrong at once, write it back unchanged.

The file is read in three steps: YAML with positions, the shape of every part, then DynamoDB's own rules. Messages
name file, line and column. `workbench schema` gives the same language as JSON Schema, for completion in editors.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.access import access_problems
from workbench.constraints import structure_problems
from workbench.design import Design
from workbench.documents import MOST_BYTES, Document, read_document
from workbench.errors import DesignError, Problem


def load_design(path: str | Path) -> Design:
    """The design in a YAML file; DesignError carries every problem with file, line and column."""
    place = Path(path)
    try:
        if place.stat().st_size > MOST_BYTES:
            text: bytes = b" " * (MOST_BYTES + 1)
        else:
            text = place.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or str(error))
        raise DesignError([Problem(str(path), 1, 1, reason)]) from None
    return parse_design(text, str(path))


def parse_design(text: str | bytes, file: str = "design") -> Design:
    """The design in YAML text; `file` is the name that messages give, and the place that paths in it count from."""
    document = read_document(text, file)
    if not isinstance(document.data, Mapping):
        found = "nothing" if document.data is None else type(document.data).__name__
        raise DesignError(
            [document.problem((), f"a design is a mapping with name, tables, access_patterns; found {found}")]
        )
    try:
        design = Design.model_validate(document.data)
    except ValidationError as error:
        raise DesignError(list(_shape_problems(document, error))) from None
    problems = [document.problem(*found) for found in (*structure_problems(design), *_access(design))]
    if problems:
        raise DesignError(list(dict.fromkeys(problems)))
    design._text, design._path = document.text, file
    return design


def _access(design: Design) -> Iterator[tuple[tuple[Any, ...], str]]:
    """The access patterns' problems; they need tables and entities that can be looked up."""
    broken = {place[1] for place, _ in structure_problems(design) if place[0] == "entities" and len(place) > 1}
    usable = {name: p for name, p in design.access_patterns.items() if not broken & _addressed(design, p)}
    yield from access_problems(design.model_copy(update={"access_patterns": usable}))


def _addressed(design: Design, pattern: Any) -> set[str]:
    named = {*pattern.entity, *(a.entity for a in pattern.actions if a.entity)}
    return named or set(design.entities)


def _shape_problems(document: Document, error: ValidationError) -> Iterator[Problem]:
    seen: set[tuple[int, int, str]] = set()
    for found in error.errors():
        location, message = _located(found["loc"], document.data), _message(found)
        problem = document.problem(location, message)
        if (problem.line, problem.column, problem.message) not in seen:
            seen.add((problem.line, problem.column, problem.message))
            yield problem


def _located(location: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    """The part of pydantic's path that stands in the file: tags of unions and short forms do not."""
    place: list[Any] = []
    for step in location:
        if isinstance(data, Mapping) and step in data:
            place.append(step)
            data = data[step]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            place.append(step)
            data = data[step]
    return (*place, location[-1]) if location and place[-1:] != [location[-1]] else tuple(place)


def _message(found: Any) -> str:
    kind, name = found["type"], found["loc"][-1] if found["loc"] else "design"
    if kind == "extra_forbidden":
        return _unknown_key(found["loc"])
    if kind == "missing":
        return f"{name} is missing"
    if kind == "value_error":
        return _hinted(found["msg"].removeprefix("Value error, "), found)
    if kind == "literal_error":
        return f"{name}: {found['input']!r} is not allowed; it is {found['ctx']['expected']}"
    if kind in ("dict_type", "model_type"):
        return f"{name} must be a mapping (name: value), not {_shown(found['input'])}"
    if kind == "too_short":
        return f"{name} is empty; a design has at least one"
    return f"{name}: {found['msg'][0].lower()}{found['msg'][1:]}, not {_shown(found['input'])}"


def _hinted(message: str, found: Any) -> str:
    value = found.get("input")
    if isinstance(value, Mapping) and len(value) == 1 and next(iter(value.values())) is None:
        inner = next(iter(value))
        return f'unquoted {{{inner}}} is a YAML mapping; write "{{{inner}}}"'
    return message


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{value!r}"[:60]


def _unknown_key(location: tuple[Any, ...]) -> str:
    name, known = str(location[-1]), _known_keys(location[:-1])
    near = get_close_matches(name, known, 1)
    meant = f", did you mean {near[0]!r}?" if near else ""
    return (
        f"unknown key {name!r}{meant} allowed: {', '.join(known)}; own notes go under x-..."
        if not near
        else (f"unknown key {name!r}{meant}")
    )


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """The keys that the part at `location` takes."""
    model: Any = Design
    for step in location:
        model = _model_below(model, step) or model
    return [f.alias or n for n, f in model.model_fields.items() if not f.exclude]


def _model_below(model: Any, step: Any) -> Any:
    field = model.model_fields.get(step) if isinstance(model, type) and issubclass(model, BaseModel) else None
    return _model_in(field.annotation) if field else None


def _model_in(annotation: Any) -> Any:
    """The pydantic model inside an annotation such as dict[str, Table] or Index | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in getattr(annotation, "__args__", ()))
    return next((model for model in found if model), None)


def json_schema() -> dict[str, Any]:
    """The language of design files as JSON Schema, for completion and hover help in editors.

    Short forms of domains are allowed wherever a domain is.
    """
    schema = Design.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "DynamoDB workbench design"
    domain = schema["$defs"]["Domain"]
    schema["$defs"]["Domain"] = {"anyOf": [domain, {"type": ["string", "number", "boolean", "array", "null"]}]}
    for part in schema["$defs"].values():
        if part.get("additionalProperties") is False:
            part["patternProperties"] = {"^x-": {}}
    schema["patternProperties"] = {"^x-": {}}
    return schema
