"""DW62x: security of IAM policies. Rules that judge a policy given as JSON, alone or against the design it is for."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.authorization import KEYS, POSITIONS, VERSION, like, listed, variables_in
from workbench.findings import Finding, Severity, where
from workbench.grants import Needs
from workbench.policytexts import PolicyText, in_its_surroundings
from workbench.proofs import Case, prove_policy
from workbench.rules.registry import rule

WITHOUT_KEYS = ("dynamodb:Scan",)
BY_TEXT = "dynamodb:PartiQLSelect"


def _finding(
    policy: PolicyText, code: str, severity: Severity, statement: str, message: str, fix: str, **more: Any
) -> Finding:
    place = ("statement", statement) if statement else ("policy", policy.name)
    return Finding(code, severity, where(place), message, more, fix, place)


def _keyed(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """The conditions of a statement on partition keys: operator, condition key, values."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            if key.lower() in {position.lower() for position in POSITIONS} and operator.rpartition(":")[2] != "Null":
                yield operator, key, [str(value) for value in listed(values)]


def _guarded(statement: Mapping[str, Any], key: str) -> bool:
    """Whether a statement asks for a condition key to be there."""
    guard = {name.lower(): values for name, values in statement.get("Condition", {}).get("Null", {}).items()}
    return [str(value).lower() for value in listed(guard.get(key.lower(), []))] == ["false"]


def _actions(statement: Mapping[str, Any], *wanted: str) -> list[str]:
    """Which of some actions a statement names, by patterns too."""
    patterns = [str(pattern) for pattern in listed(statement.get("Action", []))]
    return [action for action in wanted if any(like(pattern, action, fold=True) for pattern in patterns)]


@rule("DW621", "error", "policy")
def unparsable_policy(policy: Any) -> Iterator[Finding]:
    """A policy that IAM does not take.

    What it does
        Reads a policy as JSON and checks its form: Statement, and in each Effect, Action, Resource and operators that
        there are.
    Why it is bad
        IAM refuses it, or, where a misspelt element is ignored, grants something else than was meant.
    Example
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:GetItem"}]}
    Use instead
        `workbench policy DESIGN --role ROLE`, which writes a policy that is valid and proven.
    Source
        AWS: IAM User Guide, reference_policies_grammar.
    """
    for problem in policy.problems:
        yield _finding(policy, "DW621", "error", "", problem, "mend the document, or generate it: workbench policy")


@rule("DW622", "error", "policy")
def every_action(policy: Any) -> Iterator[Finding]:
    """An action with a wildcard.

    What it does
        Finds statements that allow `dynamodb:*`, `*`, or actions by pattern.
    Why it is bad
        `dynamodb:*` holds DeleteTable, and Scan, which no condition on keys narrows. A pattern also grants actions that
        are still to come.
    Example
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"}
    Use instead
        The actions by name: ["dynamodb:GetItem", "dynamodb:Query"].
    Source
        AWS: IAM User Guide, best-practices (least privilege); Service Authorization Reference, DynamoDB.
    """
    for name, statement in policy.allowing:
        wild = [str(a) for a in listed(statement.get("Action", [])) if "*" in str(a) or "?" in str(a)]
        broad = [a for a in wild if a == "*" or a.lower().startswith(("dynamodb:", "dynamo*", "d*"))]
        wrong = [*broad, *(["NotAction"] if "NotAction" in statement else [])]
        if wrong:
            reached = _actions(statement, *(f"dynamodb:{action}" for action in ("DeleteTable", *KEYS)))
            message = f"allows {', '.join(wrong)}" + (f", which holds {', '.join(reached[:3])}" if reached else "")
            severity: Severity = "error" if {"*", "dynamodb:*", "NotAction"} & set(wrong) else "warning"
            yield _finding(policy, "DW622", severity, name, message, "name the actions", actions=wrong)


@rule("DW623", "error", "policy")
def every_table(policy: Any) -> Iterator[Finding]:
    """A resource that is every table.

    What it does
        Finds statements that allow DynamoDB's actions on `*`, or on all tables of an account.
    Why it is bad
        It grants every table that there is, and each that somebody creates later.
    Example
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "*"}
    Use instead
        The ARN of the table, and of each index: .../table/Orders, .../table/Orders/index/byStatus.
    Source
        AWS: Service Authorization Reference, DynamoDB (resource types); IAM User Guide, best-practices.
    """
    for name, statement in policy.allowing:
        wide = [str(r) for r in listed(statement.get("Resource", [])) if _is_every_table(str(r))]
        wide += ["NotResource"] if "NotResource" in statement else []
        if wide and (_actions(statement, *(f"dynamodb:{action}" for action in KEYS)) or "NotAction" in statement):
            message = f"allows it on {', '.join(wide)}"
            yield _finding(policy, "DW623", "error", name, message, "name the table's ARN and those of its indexes")


def _is_every_table(resource: str) -> bool:
    return like(resource, "arn:aws:dynamodb:us-east-1:123456789012:table/~any")


@rule("DW624", "warning", "policy")
def missing_index(policy: Any) -> Iterator[Finding]:
    """A Query of an index that the policy does not name.

    What it does
        Compares the policy with the access patterns of the role: a Query or Scan of an index needs the index's ARN.
    Why it is bad
        The table's ARN does not stand for its indexes: the Query is denied, in production and not before.
    Example
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/T"}
    Use instead
        Both ARNs: .../table/T and .../table/T/index/byStatus (or .../table/T/index/*).
    Source
        AWS: specifying-conditions; Service Authorization Reference, DynamoDB.
    """
    if policy.design is None or policy.problems:
        return
    seen: set[tuple[str, str, str]] = set()
    for grant in Needs(policy.design, policy.role).grants:
        if grant.index and grant.where not in seen and not _names_index(policy, grant.action, grant.table, grant.index):
            seen.add(grant.where)
            message = f"{grant.pattern} needs {grant.action} on index {grant.index} of {grant.table}"
            fix = f"add the resource .../table/{grant.table}/index/{grant.index}"
            yield _finding(policy, "DW624", "warning", "", f"no statement names it: {message}", fix, index=grant.index)


def _names_index(policy: PolicyText, action: str, table: str, index: str) -> bool:
    """Whether an allowing statement has the action and a resource that can be this index, in whatever account."""
    for _, statement in policy.allowing:
        resources = [str(r) for r in listed(statement.get("Resource", []))]
        named = any(like(r.rpartition(":")[2], f"table/{table}/index/{index}") for r in resources)
        if named and (_actions(statement, f"dynamodb:{action}") or "NotAction" in statement):
            return True
    return False


@rule("DW625", "error", "policy")
def scan_under_leading_keys(policy: Any) -> Iterator[Finding]:
    """A Scan in a statement that is narrowed by partition keys.

    What it does
        Finds Scan, or PartiQLSelect without a denied full table scan, in a statement with a condition on
        dynamodb:LeadingKeys that does not ask for the key to be there.
    Why it is bad
        A Scan has no leading keys, and ForAllValues is true of a key that is not there: the statement that should hold
        each tenant to its own items lets everyone read the whole table.
    Example
        {"Effect": "Allow", "Action": ["dynamodb:Query", "dynamodb:Scan"],
         "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/T",
         "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant}"]}}}
    Use instead
        Leave Scan out; add "Null": {"dynamodb:LeadingKeys": "false"}; deny PartiQLSelect where
        dynamodb:FullTableScan is true.
    Source
        AWS: IAM User Guide, multivalued context keys; Service Authorization Reference, DynamoDB; ql-iam.
    """
    for name, statement in policy.allowing:
        open_ = [key for operator, key, _ in _keyed(statement) if not _guarded(statement, key) and "ForAll" in operator]
        found = _actions(statement, *WITHOUT_KEYS, BY_TEXT) if open_ else []
        if BY_TEXT in found and _denies_full_scans(policy):
            found.remove(BY_TEXT)
        if found:
            message = f"{' and '.join(found)} under a condition on {open_[0]}, which is true of a request without keys"
            fix = 'leave it out, and add "Null": {"dynamodb:LeadingKeys": "false"}'
            yield _finding(policy, "DW625", "error", name, message, fix, actions=found)


def _denies_full_scans(policy: PolicyText) -> bool:
    denied = (s for _, s in policy.statements if s["Effect"] == "Deny" and _actions(s, BY_TEXT))
    return any("dynamodb:FullTableScan" in json.dumps(statement.get("Condition", {})) for statement in denied)


@rule("DW626", "warning", "policy")
def no_guard(policy: Any) -> Iterator[Finding]:
    """A condition on partition keys that is true where there are none.

    What it does
        Finds conditions on dynamodb:LeadingKeys with ForAllValues and without Null, and those without ForAllValues.
    Why it is bad
        ForAllValues is true of a key that is not there, so that the condition narrows no request that lacks it. Without
        ForAllValues, one key of a batch may be enough.
    Example
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/T",
         "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant}"]}}}
    Use instead
        ForAllValues, and beside it "Null": {"dynamodb:LeadingKeys": "false"}.
    Source
        AWS: IAM User Guide, multivalued context keys.
    """
    for name, statement in policy.allowing:
        for operator, key, _ in _keyed(statement):
            if not operator.startswith("ForAllValues:"):
                message = f"{operator} on {key}, of which a request may have several: every one must match"
                yield _finding(policy, "DW626", "warning", name, message, f"ForAllValues:{operator.rpartition(':')[2]}")
            elif not _guarded(statement, key):
                message = f"{operator} on {key} is true of a request that has none"
                yield _finding(policy, "DW626", "warning", name, message, f'add "Null": {{"{key}": "false"}}')


@rule("DW627", "error", "policy")
def prefix_without_separator(policy: Any) -> Iterator[Finding]:
    """A prefix that is also the beginning of another tenant's.

    What it does
        Finds patterns of partition keys in which a wildcard touches the caller's id, `${...}*`.
    Why it is bad
        The tenant t1 is the beginning of t10: `T#t1*` is true of the keys of both.
    Example
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/T",
         "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["T#${aws:PrincipalTag/tenant}*"]},
                       "Null": {"dynamodb:LeadingKeys": "false"}}}
    Use instead
        A separator that no id contains: "T#${aws:PrincipalTag/tenant}#*".
    Source
        AWS: specifying-conditions; bp-sort-keys.
    """
    for name, statement in policy.allowing:
        for operator, _, values in _keyed(statement):
            for value in values if "Like" in operator else ():
                if re.search(r"\}[*?]|[*?]\$\{(?![*?$]\})", re.sub(r"\$\{[*?$]\}", "x", value)):
                    message = f"{value}: the wildcard touches the id, so that t1 opens t10"
                    yield _finding(policy, "DW627", "error", name, message, "put a separator between", pattern=value)


@rule("DW628", "error", "policy")
def variables_without_version(policy: Any) -> Iterator[Finding]:
    """Policy variables in a version that has none.

    What it does
        Finds `${...}` in a policy whose Version is missing or 2008-10-17.
    Why it is bad
        There `${aws:PrincipalTag/tenant}` is these very characters: nobody's key matches, or a Deny never applies.
    Example
        {"Statement": {"Effect": "Allow", "Action": "dynamodb:Query",
                       "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/T",
                       "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:userid}"},
                                     "Null": {"dynamodb:LeadingKeys": "false"}}}}
    Use instead
        "Version": "2012-10-17".
    Source
        AWS: IAM User Guide, reference_policies_variables.
    """
    text = json.dumps(policy.document) if policy.document is not None else ""
    if not policy.has_variables and (named := list(variables_in(text))):
        message = f"${{{named[0]}}} is plain text without Version {VERSION}"
        yield _finding(policy, "DW628", "error", "", message, f'"Version": "{VERSION}"', variable=named[0])


@rule("DW629", "error", "policy")
def more_than_needed(policy: Any) -> Iterator[Finding]:
    """A policy that allows more, or less, than the role's access patterns need.

    What it does
        Where the design and the role are given, tries the policy with the role's requests and with attacks: other
        tenants, ids with wildcards, mixed batches, foreign attributes, actions, tables.
    Why it is bad
        What is allowed and not needed is what an attacker uses; what is needed and denied fails in production.
    Example
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource":
         "arn:aws:dynamodb:us-east-1:123456789012:table/Orders"}]}
    Use instead
        The policy that `workbench policy DESIGN --role ROLE` writes.
    Source
        AWS: IAM User Guide, best-practices (least privilege).
    """
    if policy.design is None or policy.problems:
        return
    region, account = _place_of(policy)
    proof = prove_policy(policy.design, in_its_surroundings(policy), policy.role, region=region, account=account)
    for expected, word in ((False, "allows"), (True, "denies")):
        failed = [case for case in proof.failures if case.expected == expected]
        if failed:
            kinds = list(dict.fromkeys(case.attack for case in failed))
            tried = sum(case.expected == expected for case in proof.cases)
            asked = "requests of its own" if expected else "attacks"
            detail = _actions_of(failed) if expected else ", ".join(kinds[:4]) + ", ..." * (len(kinds) > 4)
            message = f"{word} {len(failed)} of {tried} {asked}: {detail}"
            fix = "compare it with the one that workbench policy writes"
            yield _finding(policy, "DW629", "error", "", message, fix, requests=len(failed), of=tried)


def _actions_of(cases: Sequence[Case]) -> str:
    return ", ".join(sorted({case.request.action.partition(":")[2] for case in cases}))


def _place_of(policy: PolicyText) -> tuple[str, str]:
    """Region and account of the first table that a policy names; the usual placeholders if it names none."""
    found = re.search(r"arn:aws:dynamodb:([a-z0-9-]+):([0-9]{12}):table/", json.dumps(policy.document))
    return (found[1], found[2]) if found else ("us-east-1", "123456789012")
