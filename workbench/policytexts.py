"""Policy texts: an IAM policy as somebody wrote it, read as far as it can be, for the rules that judge policies.

A text may be no JSON, or JSON and no policy. What is wrong with its form is said once, with its place; everything else
is judged on the statements that have a form. (IAM User Guide: reference_policies_grammar.)
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.authorization import VERSION, Request, holds, like, listed, statements
from workbench.design import Design

OLD_VERSION = "2008-10-17"
_NEEDS = (("Effect",), ("Action", "NotAction"), ("Resource", "NotResource"))
_KNOWN = {"Sid", "Principal", "NotPrincipal", "Condition", *(name for names in _NEEDS for name in names)}


@dataclass(frozen=True)
class PolicyText:
    """A policy to be judged: its name, its document as far as it parses, and the design and role that it is for."""

    name: str
    document: Any
    problems: tuple[str, ...] = ()
    design: Design | None = field(default=None, repr=False)
    role: str | None = None

    @cached_property
    def statements(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The statements that have a form, each with its Sid or number."""
        if not isinstance(self.document, Mapping):
            return []
        sound = [(n, s) for n, s in enumerate(_listed_statements(self.document), 1) if not list(_statement_problems(s))]
        return [(str(statement.get("Sid") or number), statement) for number, statement in sound]

    @property
    def allowing(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The statements that allow something."""
        return [(name, statement) for name, statement in self.statements if statement["Effect"] == "Allow"]

    @property
    def has_variables(self) -> bool:
        """Whether its version knows policy variables."""
        return isinstance(self.document, Mapping) and self.document.get("Version") == VERSION

    def allows(self, action: str, resource: str) -> bool:
        """Whether some statement allows an action on a resource, whatever its conditions."""
        return any(
            any(like(str(p), action, fold=True) for p in listed(statement.get("Action", [])))
            and any(like(str(p), resource) for p in listed(statement.get("Resource", [])))
            for _, statement in self.allowing
        )


# What requests come with that a design knows nothing of: where from, when, how. A proof takes such conditions as met.
_SURROUNDINGS = ("aws:SecureTransport", "aws:RequestedRegion", "aws:UserAgent", "aws:MultiFactorAuth*", "aws:Source*")
_OF_SURROUNDINGS = ("Date*", "*IpAddress*")


def _is_surrounding(operator: str, key: str) -> bool:
    bare = operator.rpartition(":")[2]
    named = any(like(pattern, key, fold=True) for pattern in (*_SURROUNDINGS, "aws:VpcSourceIp", "aws:*Time"))
    return named or any(like(pattern, bare) for pattern in _OF_SURROUNDINGS)


def surroundings(policy: PolicyText) -> list[str]:
    """The conditions of a policy, as `IpAddress aws:SourceIp`, that no request of a design can answer."""
    found = (
        f"{operator} {key}"
        for _, statement in policy.statements
        for operator, keys in statement.get("Condition", {}).items()
        for key in keys
        if _is_surrounding(operator, key)
    )
    return list(dict.fromkeys(found))


def in_its_surroundings(policy: PolicyText) -> dict[str, Any]:
    """The document as it decides where such conditions let requests through: an Allow without them, no such Deny."""
    kept: list[dict[str, Any]] = []
    for _, statement in policy.statements:
        conditions = {
            operator: {key: values for key, values in keys.items() if not _is_surrounding(operator, key)}
            for operator, keys in statement.get("Condition", {}).items()
        }
        same = conditions == statement.get("Condition", {})
        if same or statement["Effect"] == "Allow":
            kept.append(
                dict(statement) if same else {**statement, "Condition": {o: k for o, k in conditions.items() if k}}
            )
    return {**policy.document, "Statement": kept}


def read_policy(policy: "str | Path | Mapping[str, Any]", design: Design | None, role: str | None) -> PolicyText:
    """A policy from JSON text, from a file, or as parsed already. FileNotFoundError if there is no such file."""
    if isinstance(policy, Mapping):
        return PolicyText("policy", policy, tuple(_problems(policy)), design, role)
    is_text = isinstance(policy, str) and ("{" in policy or "\n" in policy or not policy.strip())
    name, text = ("policy", str(policy)) if is_text else (str(policy), Path(policy).read_text(encoding="utf-8"))
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        said = f"no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        return PolicyText(name, None, (said,), design, role)
    except RecursionError:
        return PolicyText(name, None, ("nested deeper than any policy is",), design, role)
    return PolicyText(name, document, tuple(_problems(document)), design, role)


def _problems(document: Any) -> Iterator[str]:
    """What keeps a document from being a policy."""
    if not isinstance(document, Mapping):
        yield "a policy is an object with Version and Statement"
        return
    if "Version" in document and document["Version"] not in (VERSION, OLD_VERSION):
        yield f"Version {document['Version']!r}: {VERSION} (or {OLD_VERSION}, which has no policy variables)"
    if not (found := _listed_statements(document)):
        yield "Statement is missing or empty"
    for number, statement in enumerate(found, start=1):
        name = statement.get("Sid", number) if isinstance(statement, Mapping) else number
        yield from (f"statement {name}: {problem}" for problem in _statement_problems(statement))


def _listed_statements(document: Mapping[str, Any]) -> list[Any]:
    found = document.get("Statement")
    return statements(document) if isinstance(found, Mapping | list) else []


def _statement_problems(statement: Any) -> Iterator[str]:
    if not isinstance(statement, Mapping):
        yield "is no object"
        return
    for names in _NEEDS:
        if not any(name in statement for name in names):
            yield f"{' or '.join(names)} is missing"
    if statement.get("Effect", "Allow") not in ("Allow", "Deny"):
        yield f"Effect {statement['Effect']!r}: Allow or Deny"
    if unknown := sorted(map(str, statement.keys() - _KNOWN)):
        yield f"{', '.join(unknown)} is no element of a statement"
    yield from _condition_problems(statement.get("Condition", {}))


def _condition_problems(conditions: Any) -> Iterator[str]:
    if not isinstance(conditions, Mapping):
        yield "Condition is no object"
        return
    for operator, keys in conditions.items():
        if not isinstance(keys, Mapping):
            yield f"Condition {operator} holds no condition keys"
            continue
        try:
            holds(operator, "aws:username", [], Request(""))
        except ValueError as error:
            yield str(error)
