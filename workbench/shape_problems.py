"""What is wrong with the shape of a design file: a key that is unknown, a value of another kind, what is missing.

Each problem that validation finds becomes a place in the file and a message that names the value and what is allowed.
Keys that the API, other tools or habit know by another name are recognised. Follow-ups of one slip are left out.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from workbench.design import Design
from workbench.documents import NAME
from workbench.domains import unquoted
from workbench.references import Place


def shape_problem(found: Any, data: Any) -> tuple[Place, str]:
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


def without_consequences(found: list[Any]) -> list[Any]:
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


def _not_flag(value: Any, found: Any) -> str:
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(str(value).lower())
    fix = f": write {meant}; in YAML 1.2 {value} is text" if meant and isinstance(value, str) else ""
    return f"must be true or false, not {_shown(value)}{fix}"


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
    "bool_type": _not_flag,
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
