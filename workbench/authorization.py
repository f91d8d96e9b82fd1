"""Authorization: what IAM decides on a request to DynamoDB, by the statements of a policy.

A request is denied unless a statement allows it, and denied for good if one denies it. A statement applies where its
action, its resource and every condition match. Conditions see the request through condition keys, and not every
action has every key: `dynamodb:LeadingKeys` holds the partition keys of a request, and a Scan has none. A condition
with `ForAllValues` is true of a key that is not there, so that it narrows nothing for a Scan. (Service Authorization
Reference, DynamoDB; IAM User Guide: reference_policies_evaluation-logic, reference_policies_condition-single-vs-
multi-valued-context-keys, reference_policies_variables; Developer Guide: specifying-conditions.)

Where IAM's documentation leaves room, the wider reading is taken, so that a proof covers both: a `*` or `?` in the
value that a policy variable brings along counts as a wildcard, and a key with several values matches an operator
without `ForAllValues` or `ForAnyValue` if one of them does.

>>> allow = {"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "*",
...          "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["u1"]}}}
>>> decide(allow, Request("dynamodb:Scan")).effect
'allow'
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any, Literal

Effect = Literal["allow", "implicit-deny", "explicit-deny"]
Policy = Mapping[str, Any]
VERSION = "2012-10-17"  # of the language; earlier ones have no policy variables
TAG = "aws:PrincipalTag/"

# Condition keys by action, as the Service Authorization Reference lists them (read 2026-06).
_ITEM = ("LeadingKeys", "Attributes", "ReturnConsumedCapacity")
_READ = (*_ITEM, "Select")
_WRITE = (*_ITEM, "ReturnValues", "EnclosingOperation")
_KEY_PARTS = ("FirstPartitionKeyValues", "SecondPartitionKeyValues", "ThirdPartitionKeyValues")
KEYS: dict[str, frozenset[str]] = {
    name: frozenset(f"dynamodb:{key}" for key in keys)
    for name, keys in {
        "GetItem": (*_READ, "EnclosingOperation"),
        "BatchGetItem": _READ,
        "Query": (*_READ, "ReturnValues", *_KEY_PARTS, "FourthPartitionKeyValues"),
        "Scan": ("Attributes", "Select", "ReturnValues", "ReturnConsumedCapacity"),
        "PutItem": _WRITE,
        "UpdateItem": _WRITE,
        "DeleteItem": _WRITE,
        "BatchWriteItem": _ITEM,
        # The reference lists no EnclosingOperation here; the guide's examples use it.
        "ConditionCheckItem": _WRITE,
        "PartiQLSelect": (*_READ[:2], "Select", "EnclosingOperation", "FullTableScan"),
        "PartiQLInsert": ("LeadingKeys", "Attributes", "EnclosingOperation"),
        "PartiQLUpdate": ("LeadingKeys", "Attributes", "ReturnValues", "EnclosingOperation"),
        "PartiQLDelete": ("LeadingKeys", "Attributes", "ReturnValues", "EnclosingOperation"),
    }.items()
}
ON_INDEXES = ("Query", "Scan", "PartiQLSelect")
POSITIONS = ("dynamodb:LeadingKeys", *(f"dynamodb:{n}PartitionKeyValues" for n in ("Second", "Third", "Fourth")))
FIRST = "dynamodb:FirstPartitionKeyValues"  # another name of LeadingKeys


@dataclass(frozen=True)
class Request:
    """A request as IAM sees it: its action, its resource (None for any), and the values of condition keys.

    Keys that the action does not have are left out, whatever is given: a Scan has no `dynamodb:LeadingKeys`.
    """

    action: str
    resource: str | None = None
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    def values(self, key: str) -> tuple[str, ...] | None:
        """The values of a condition key; None if the request does not have it."""
        wanted = POSITIONS[0] if key.lower() == FIRST.lower() else key
        for name, value in self.context.items():
            if name.lower() == wanted.lower() and self._has(name):
                return (value,) if isinstance(value, str) else tuple(value)
        return None

    def _has(self, key: str) -> bool:
        known = KEYS.get(self.action.partition(":")[2])
        return not key.lower().startswith("dynamodb:") or (known is not None and key in known)


@dataclass(frozen=True)
class Decision:
    """What IAM decides, and by which statement: its Sid, or its number from 1; empty if none applies."""

    effect: Effect
    statement: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the request is carried out."""
        return self.effect == "allow"


def decide(policy: Policy | Sequence[Policy], request: Request) -> Decision:
    """What a policy, or several of them or of statements, decide on a request.

    A policy without a Version is one of 2008-10-17, which has no variables. ValueError names an operator that IAM does
    not have.
    """
    found = Decision("implicit-deny")
    for number, (statement, variables) in enumerate(_read(policy), start=1):
        if applies(statement, request, variables=variables):
            name = str(statement.get("Sid") or number)
            if statement["Effect"] == "Deny":
                return Decision("explicit-deny", name)
            found = Decision("allow", name) if not found.allowed else found
    return found


def _read(policy: Policy | Sequence[Policy]) -> Iterator[tuple[Policy, bool]]:
    """Every statement, and whether its policy's version has variables; of a statement alone, it has."""
    if not isinstance(policy, Mapping):
        for each in policy:
            yield from _read(each)
    elif "Statement" in policy:
        variables = policy.get("Version") == VERSION
        yield from ((statement, variables) for statement in statements(policy))
    else:
        yield policy, True


def statements(policy: Policy | Sequence[Policy]) -> list[Policy]:
    """The statements of a policy, of a list of them, or the one."""
    if isinstance(policy, Mapping):
        policy = policy.get("Statement", [policy])
    return [policy] if isinstance(policy, Mapping) else list(policy)


def listed(value: Any) -> list[Any]:
    """A value of a policy as a list: a single one may stand alone."""
    return list(value) if isinstance(value, list | tuple) else [value]


def applies(statement: Policy, request: Request, *, variables: bool = True) -> bool:
    """Whether a statement's action, resource and every condition match the request."""
    return (
        _names(statement, "Action", request.action, fold=True)
        and (
            request.resource is None
            or _names(statement, "Resource", request.resource, of=request if variables else None)
        )
        and all(
            holds(operator, key, listed(values), request, variables=variables)
            for operator, conditions in statement.get("Condition", {}).items()
            for key, values in conditions.items()
        )
    )


def _names(statement: Policy, element: str, value: str, *, fold: bool = False, of: Request | None = None) -> bool:
    """Whether Action or Resource names the value; NotAction and NotResource the other way round."""
    inverted = f"Not{element}" in statement
    patterns = [_filled(p, of) if of else p for p in listed(statement.get(f"Not{element}", statement.get(element, [])))]
    found = any(p is not None and like(p, value, fold=fold) for p in patterns)
    return found != inverted


# Conditions


def holds(operator: str, key: str, wanted: Sequence[Any], request: Request, *, variables: bool = True) -> bool:
    """Whether a condition is true of a request.

    >>> asked = Request("dynamodb:GetItem", context={"dynamodb:LeadingKeys": ["u1", "u2"]})
    >>> [holds(f"{every}:StringEquals", "dynamodb:LeadingKeys", ["u1"], asked) for every in
    ...  ("ForAllValues", "ForAnyValue")]
    [False, True]
    """
    quantifier, _, bare = operator.rpartition(":")
    name, if_exists = bare.removesuffix("IfExists"), bare.endswith("IfExists")
    if name not in (*OPERATORS, "Null") or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"{operator!r} is no condition operator; there are {', '.join((*OPERATORS, 'Null'))}")
    found = request.values(key)
    if name == "Null":
        return any(str(value).lower() == str(found is None).lower() for value in wanted)
    test, negated = OPERATORS[name]
    if not found:
        return if_exists or quantifier == "ForAllValues" or (negated and quantifier == "")
    texts = [_text(value) for value in wanted]
    filled = [_filled(text, request) if variables else text for text in texts]
    if None in filled:
        return False  # a variable that cannot be resolved makes the statement invalid
    each = [any(test(str(text), value) for text in filled) != negated for value in found]
    return all(each) if quantifier == "ForAllValues" or (negated and not quantifier) else any(each)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(compare: Callable[[Decimal, Decimal], bool]) -> Callable[[str, str], bool]:
    def test(wanted: str, value: str) -> bool:
        try:
            return compare(Decimal(value), Decimal(wanted))
        except InvalidOperation:
            return False

    return test


def _date(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def test(wanted: str, value: str) -> bool:
        try:
            return compare(_epoch(value), _epoch(wanted))
        except ValueError:
            return False

    return test


def _epoch(text: str) -> float:
    """Seconds since 1970 of a date as ISO 8601 writes it, without a zone in UTC, or of a number of seconds."""
    if text.replace(".", "", 1).isdigit() and len(text) != len("2026"):
        return float(text)
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _in_network(wanted: str, value: str) -> bool:
    try:
        return ip_address(value) in ip_network(wanted, strict=False)
    except ValueError:
        return False


def like(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Whether a text fits a pattern in which `*` is any text and `?` one character; `fold` ignores case.

    >>> like("TENANT#t1#*", "TENANT#t1#o7"), like("TENANT#t1#*", "TENANT#t10#o7"), like("Get*", "getitem", fold=True)
    (True, False, True)
    """
    return _pattern(pattern, fold).fullmatch(text) is not None


@lru_cache(maxsize=8192)
def _pattern(pattern: str, fold: bool) -> re.Pattern[str]:
    parts = (_WILD.get(part) or re.escape(_LITERAL.get(part, part)) for part in re.split("([*?\0\1\2])", pattern))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))


# ${*}, ${?} and ${$} stand for the characters themselves: they are carried through as these.
_ESCAPED = {"*": "\0", "?": "\1", "$": "\2"}
_LITERAL = {"\0": "*", "\1": "?", "\2": "$"}
_WILD = {"*": ".*", "?": "."}


def _same(wanted: str, value: str) -> bool:
    return "".join(_LITERAL.get(c, c) for c in wanted) == value


def _fold(wanted: str, value: str) -> bool:
    return _same(wanted.lower(), value.lower())


_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], bool]] = {
    "Equals": (eq, False),
    "NotEquals": (eq, True),
    "LessThan": (lt, False),
    "LessThanEquals": (le, False),
    "GreaterThan": (gt, False),
    "GreaterThanEquals": (ge, False),
}
OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_same, False),
    "StringNotEquals": (_same, True),
    "StringEqualsIgnoreCase": (_fold, False),
    "StringNotEqualsIgnoreCase": (_fold, True),
    "StringLike": (like, False),
    "StringNotLike": (like, True),
    "ArnEquals": (like, False),
    "ArnLike": (like, False),
    "ArnNotEquals": (like, True),
    "ArnNotLike": (like, True),
    "Bool": (_fold, False),
    "BinaryEquals": (_same, False),
    "IpAddress": (_in_network, False),
    "NotIpAddress": (_in_network, True),
    **{f"Numeric{name}": (_number(compare), negated) for name, (compare, negated) in _COMPARISONS.items()},
    **{f"Date{name}": (_date(compare), negated) for name, (compare, negated) in _COMPARISONS.items()},
}


# Policy variables

_VARIABLE = re.compile(r"\$\{\s*([^{}',]+?)\s*(?:,\s*'([^']*)'\s*)?\}")


def variables_in(text: str) -> Iterator[str]:
    """The condition keys that the policy variables of a text name.

    >>> list(variables_in("TENANT#${aws:PrincipalTag/tenant}#${*}"))
    ['aws:PrincipalTag/tenant']
    """
    return (found[1] for found in _VARIABLE.finditer(text) if found[1] not in _ESCAPED)


def _filled(text: str, request: Request) -> str | None:
    """A text with its policy variables replaced; None if the request has no single value for one."""
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        if found[1] in _ESCAPED:
            return _ESCAPED[found[1]]
        known = request.values(found[1])
        if known is None or len(known) != 1:
            missing = missing or found[2] is None
            return found[2] or ""
        return known[0]

    filled = _VARIABLE.sub(value, text)
    return None if missing else filled
