"""IAM policies: what a role may do with the tables of a design, generated from its access patterns, and proven.

Least privilege is read off the design: the actions that a role's access patterns need, on the tables and indexes that
they name, for the partition keys that its tenant has, for the attributes that they return or change. The conditions
are those of fine-grained access control (Developer Guide: specifying-conditions), with what its examples leave out:

- `ForAllValues` is true of a request without any key, so `Null` asks for one, and a Scan never stands beside it;
- a prefix ends in a separator that no id contains, or it is not granted;
- an id that holds `*` or `?` could be read as a pattern, so such callers are refused where patterns are compared.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.authorization import POSITIONS, VERSION
from workbench.design import Design
from workbench.grants import RETURNED, Gap, Grant, Needs
from workbench.items import design_of
from workbench.proofs import ACCOUNT, REGION, Proof, prove_policy, table_arn
from workbench.results import Result, cut, html_notes, html_table
from workbench.tenancy import WILD, is_numeric

if TYPE_CHECKING:
    import pandas as pd

SHOWN_JSON = 20_000  # characters of a policy in a notebook
MANAGED_CHARACTERS = 6144  # of a managed policy, without white space; reference_iam-quotas
Key = tuple[Any, ...]


@dataclass(frozen=True, repr=False)
class Policy(Result):
    """A policy for a role: `document` is what `json.dumps` writes, `gaps` what it does not grant, and why."""

    design: Design
    role: str
    document: dict[str, Any] = field(repr=False)
    grants: tuple[Grant, ...] = field(repr=False)
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]
    region: str = REGION
    account: str = ACCOUNT

    def to_json(self) -> str:
        """The document as it is pasted into IAM."""
        return json.dumps(self.document, indent=2)

    @cached_property
    def proof(self) -> Proof:
        """The requests that it must allow and deny, and what it decides."""
        role = self.role or None
        return prove_policy(self.design, self.document, role, region=self.region, account=self.account)

    def summary_line(self) -> str:
        who = f"role {self.role} of {self.design.name}" if self.role else self.design.name
        statements = self.document["Statement"]
        actions = len({action for each in statements for action in each["Action"]})
        gaps = f", {len({gap.pattern for gap in self.gaps})} access patterns not granted" if self.gaps else ""
        count = f"{len(statements)} statement{'s' * (len(statements) != 1)}"
        return f"{who}: {count}, {actions} action{'s' * (actions != 1)}{gaps}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per statement: its actions, resources and conditions."""
        import pandas as pd

        return pd.DataFrame(
            {
                "statement": each["Sid"],
                "actions": ", ".join(action.partition(":")[2] for action in each["Action"]),
                "resource": each["Resource"].partition(":table/")[2],
                "conditions": "; ".join(_conditions(each)),
            }
            for each in self.document["Statement"]
        )

    def _html(self, rows: int) -> str:
        notes = html_notes([*(f"not granted: {gap.pattern}: {gap.why}" for gap in self.gaps), *self.notes], rows)
        document = f"<pre>{escape(cut(self.to_json(), SHOWN_JSON))}</pre>"
        folded = f"<details><summary>the policy as JSON: to_json()</summary>{document}</details>"
        return html_table(self.shown(), self.summary_line(), rows) + notes + folded


def _conditions(statement: dict[str, Any]) -> Iterator[str]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            listed = ", ".join(values) if isinstance(values, list) else values
            yield f"{key.partition(':')[2]} {operator} {listed}"


def iam_policy(design: Design, role: str | None = None, *, region: str = REGION, account: str = ACCOUNT) -> Policy:
    """The least that a role needs for its access patterns, as an IAM policy that was proven by its `proof`.

    `role` may be left out where a design has one or none. ARNs are those of `region` and `account`. What no condition
    can keep apart is not granted and stands in `gaps`. ValueError for an unknown role, a role that no access pattern
    uses, and where nothing at all can be granted.
    """
    design = design_of(design)
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", region):
        raise ValueError(f"region {region!r}: as us-east-1")
    if not re.fullmatch(r"[0-9]{12}", account):
        raise ValueError(f"account {account!r}: twelve digits")
    needs = Needs(design, role)
    if not needs.grants:
        said = "; ".join(f"{gap.pattern}: {gap.why}" for gap in needs.gaps) or "no served access pattern has this role"
        raise ValueError(f"role {needs.name or '(all)'} of {design.name}: nothing can be granted: {said}")
    statements = list(_statements(needs, region, account))
    document = {"Version": VERSION, "Statement": statements}
    notes = tuple(_notes(needs, document, account))
    return Policy(design, needs.name, document, needs.grants, tuple(needs.gaps), notes, region, account)


# Statements


def _statements(needs: Needs, region: str, account: str) -> Iterator[dict[str, Any]]:
    for number, ((_, keys), (actions, like)) in enumerate(_grouped(needs.grants).items(), start=1):
        arn = table_arn(like.table, region, account)
        condition = _condition(needs, like, keys)
        named = "".join(re.findall("[A-Za-z0-9]+", f"{like.table} {like.index}"))
        kind = "Own" if needs.identity and needs.identity in json.dumps(condition) else ""
        statement: dict[str, Any] = {
            "Sid": f"{kind}{named}{number}",
            "Effect": "Allow",
            "Action": [f"dynamodb:{action}" for action in sorted(actions)],
            "Resource": f"{arn}/index/{like.index}" if like.index else arn,
        }
        yield {**statement, "Condition": condition} if condition else statement


def _grouped(grants: Sequence[Grant]) -> dict[tuple[Key, Key], tuple[set[str], Grant]]:
    """Actions by what they share: place, keys and all other conditions. The keys of one action stand together."""
    keys: dict[Key, dict[Key, None]] = {}
    for grant in grants:
        keys.setdefault((grant.action, *_group(grant)), {})[grant.keys or ()] = None
    found: dict[tuple[Key, Key], tuple[set[str], Grant]] = {}
    for grant in grants:
        group = _group(grant)
        own = tuple(sorted(keys[grant.action, *group])) if not _is_multiple(grant) else (grant.keys,)
        found.setdefault((group, own), (set(), grant))[0].add(grant.action)
    return found


def _is_multiple(grant: Grant) -> bool:
    return grant.keys is not None and len(grant.keys) > 1


def _group(grant: Grant) -> Key:
    """What must be the same for two actions to stand in one statement."""
    alone = grant.action if grant.attributes is not None or grant.action == "Scan" else ""
    multiple = grant.keys if _is_multiple(grant) else ()
    whole = grant.keys is None
    return (grant.table, grant.index, grant.within, grant.attributes, grant.select, alone, multiple, whole)


def _condition(needs: Needs, grant: Grant, keys: Sequence[Any]) -> dict[str, Any]:
    condition: dict[str, dict[str, Any]] = {}
    listed = [each for each in keys if each]
    for position, patterns in zip(POSITIONS, zip(*listed, strict=True), strict=False):
        if WILD not in patterns:
            operator = "StringLike" if any(_is_pattern(pattern) for pattern in patterns) else "StringEquals"
            condition.setdefault(f"ForAllValues:{operator}", {})[position] = list(dict.fromkeys(patterns))
            condition.setdefault("Null", {})[position] = "false"
            if operator == "StringLike" and needs.identity and needs.identity in "".join(patterns):
                condition["StringNotLike"] = {needs.identity_key: ["*${*}*", "*${?}*"]}
    if grant.attributes is not None:
        _restrict(condition, grant)
    if grant.within:
        condition["ForAnyValue:StringEquals"] = {"dynamodb:EnclosingOperation": [grant.within]}
    return condition


def _restrict(condition: dict[str, dict[str, Any]], grant: Grant) -> None:
    """Only these attributes: those that a request names, and no others that it would return unasked."""
    named = sorted(grant.attributes or ())
    condition.setdefault("ForAllValues:StringEquals", {})["dynamodb:Attributes"] = named
    condition.setdefault("Null", {})["dynamodb:Attributes"] = "false"
    if grant.select:  # a GetItem need not say what it selects
        operator = "StringEquals" if grant.action in ("Query", "Scan") else "StringEqualsIfExists"
        condition.setdefault(operator, {})["dynamodb:Select"] = [grant.select]
    if grant.action == "UpdateItem":
        condition.setdefault("StringEqualsIfExists", {})["dynamodb:ReturnValues"] = list(RETURNED)


def _is_pattern(key: str) -> bool:
    return WILD in key.replace("${*}", "")


def _notes(needs: Needs, document: dict[str, Any], account: str) -> Iterator[str]:
    if account == ACCOUNT:
        yield f"the ARNs are those of the account {ACCOUNT}, a placeholder: say account and region"
    if needs.role.tenant is None and needs.name:
        yield f"role {needs.name} has no tenant: it sees the items of everybody"
    if needs.shared:
        yield f"shared by every {needs.role.tenant}: {', '.join(needs.shared)}"
    for name in dict.fromkeys(grant.table for grant in needs.grants if grant.keys):
        table = needs.design.tables[name]
        if numeric := [a for a in (table.partition_key,) if is_numeric(needs.design, table, a)]:
            yield f"{name}: {numeric[0]} is a number, which conditions compare as text: try it before relying on it"
    loose = [p.name for p in needs.design.served_patterns() if p.role is None] if len(needs.design.roles) > 1 else []
    if loose:
        yield f"of no role, and granted to none: {', '.join(loose)}"
    if (size := len(re.sub(r"\s", "", json.dumps(document)))) > MANAGED_CHARACTERS:
        yield f"{size:,} characters: a managed policy has at most {MANAGED_CHARACTERS:,}; split it, or the role"
