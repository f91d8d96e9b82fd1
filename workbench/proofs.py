"""Proofs: that a policy lets a role do what its access patterns need, and nothing else.

The proof asks the evaluator about requests whose answers follow from the design: the role's own, which must be
allowed, and attacks, which must be denied: another tenant's keys, a tenant whose id is the beginning of another's,
ids that hold wildcards, a batch with one foreign key, a request without any key, actions and attributes that nobody
needs, Scan, PartiQL, a write outside of its transaction, other indexes and tables. What must come out is worked out
from the key templates, not from the policy, so that a changed condition shows; and from generated items, each of which
its tenant may have and no other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.authorization import KEYS, ON_INDEXES, POSITIONS, Request, decide
from workbench.design import Design
from workbench.grants import RETURNED, Grant, Needs, reduced
from workbench.items import design_of
from workbench.ownership import OwnedKey, Ownership
from workbench.results import Result, heading, html_table
from workbench.tenancy import WILD, glob, shape_of

if TYPE_CHECKING:
    import pandas as pd

REGION, ACCOUNT = "us-east-1", "123456789012"
CALLER, OTHER, LONGER = "t1", "t2", "t10"
FOREIGN_KEY, FOREIGN_ATTRIBUTE = "~elsewhere", "~secret"
ATTACKS_BY_ID = (
    ("another tenant", CALLER, OTHER),
    ("a tenant whose id extends the caller's", CALLER, LONGER),
    ("a tenant whose id the caller's extends", LONGER, CALLER),
    ("a caller whose id is t*", "t*", LONGER),
    ("a caller whose id is t?", "t?", CALLER),
    ("a tenant whose id is t*", CALLER, "t*"),
)
CONTROL = ("DeleteTable", "UpdateTable", "UpdateTimeToLive", "CreateBackup", "ExportTableToPointInTime")


def table_arn(table: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """The ARN of a table.

    >>> table_arn("Orders")
    'arn:aws:dynamodb:us-east-1:123456789012:table/Orders'
    """
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}"


@dataclass(frozen=True)
class Case:
    """One request of a proof: what it attacks, what must be decided, and what was, by which statement."""

    attack: str
    caller: str
    request: Request
    expected: bool
    got: str
    statement: str

    @property
    def holds(self) -> bool:
        """Whether the policy decides as it must."""
        return (self.got == "allow") == self.expected


@dataclass(frozen=True, repr=False)
class Proof(Result):
    """What a policy decides on the requests of a role and on the attacks against it."""

    design: Design
    role: str
    cases: tuple[Case, ...] = field(repr=False)

    @cached_property
    def failures(self) -> tuple[Case, ...]:
        """The requests that are decided otherwise than they must be."""
        return tuple(case for case in self.cases if not case.holds)

    @property
    def holds(self) -> bool:
        """Whether every request is decided as it must be, and there are some that must be allowed."""
        return not self.failures and any(case.expected for case in self.cases)

    def against(self, policy: Mapping[str, Any]) -> "Proof":
        """The same requests, decided by another policy for the role."""
        decided = ((case, decide(policy, case.request)) for case in self.cases)
        cases = (replace(case, got=found.effect, statement=found.statement) for case, found in decided)
        return replace(self, cases=tuple(cases))

    def summary_line(self) -> str:
        own = sum(case.expected for case in self.cases)
        who = f"role {self.role} of {self.design.name}" if self.role else self.design.name
        asked = f"{own} requests of its own allowed, {len(self.cases) - own} attacks denied"
        if self.holds:
            return f"{who}: the policy holds, {asked}"
        wrong = [f"{c.attack} {'denied' if c.expected else 'allowed'}" for c in self.failures]
        return (
            f"{who}: the policy fails, {len(self.failures)} of {len(self.cases)} requests: {wrong[0] if wrong else ''}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """A line per request: attack, action, resource, caller, partition keys, what must be decided and what was."""
        import pandas as pd

        return pd.DataFrame(
            {
                "attack": case.attack,
                "action": case.request.action.partition(":")[2],
                "resource": (case.request.resource or "").partition(":table/")[2],
                "caller": case.caller,
                "keys": ", ".join(case.request.values(POSITIONS[0]) or ()),
                "expected": "allow" if case.expected else "deny",
                "got": case.got,
                "statement": case.statement,
                "holds": case.holds,
            }
            for case in self.cases
        )

    def shown(self) -> "pd.DataFrame":
        """What people see: by attack and action how many requests were tried, what must be decided, how many are."""
        frame = self.to_frame()
        grouped = frame.groupby(["attack", "expected"], sort=False)
        actions = grouped["action"].agg(lambda names: ", ".join(dict.fromkeys(names)))
        columns = {"actions": actions, "requests": grouped.size(), "as they must be": grouped["holds"].sum()}
        example = grouped["keys"].agg(lambda keys: next((key for key in keys if key), ""))
        import pandas as pd

        return pd.DataFrame({**columns, "for example on": example}).reset_index()

    def _html(self, rows: int) -> str:
        wrong = Proof(self.design, self.role, self.failures).to_frame().rename(columns=heading)
        failed = html_table(wrong, "decided otherwise than they must be", rows) if self.failures else ""
        return html_table(self.shown(), self.summary_line(), rows) + failed


def prove_policy(
    design: Design,
    policy: Mapping[str, Any],
    role: str | None = None,
    *,
    region: str = REGION,
    account: str = ACCOUNT,
) -> Proof:
    """What a policy, as parsed from JSON, decides on a role's requests and on attacks. ValueError for another role."""
    needs = Needs(design_of(design), role)
    attacks = _Attacks(needs, region, account)
    cases = []
    for attack, caller, request, expected in attacks.requests():
        decision = decide(policy, request)
        cases.append(Case(attack, caller, request, expected, decision.effect, decision.statement))
    return Proof(design, needs.name, tuple(cases))


Asked = tuple[str, str, Request, bool]


class _Attacks:
    """The requests of a proof, for what a role needs."""

    def __init__(self, needs: Needs, region: str, account: str):
        self.needs, self.design = needs, needs.design
        self.region, self.account = region, account
        self.grants = reduced(needs.grants)
        self.ownership = Ownership(self.design, needs.role.tenant) if needs.role.tenant is not None else None
        self._owned: dict[tuple[str, str], list[OwnedKey]] = {}
        self.tables = {name: self.design.tables[name] for name in dict.fromkeys(g.table for g in self.grants)}

    def requests(self) -> Iterator[Asked]:
        for grant in self.grants:
            yield from self._own(grant)
            for attack, caller, context in [
                *self._by_key(grant), *self._by_attribute(grant), *self._by_transaction(grant)
            ]:  # fmt: skip
                yield from self._denied(attack, caller, self._request(grant.where, context))
            yield from self._by_item(grant)
        yield from self._by_action()

    def _denied(self, attack: str, caller: str, request: Request) -> Iterator[Asked]:
        """The attack, unless some access pattern needs just this."""
        if not any(self._permits(grant, caller, request) for grant in self.grants):
            yield attack, caller, request, False

    # Requests

    def _request(self, where: tuple[str, str, str], context: Mapping[str, Any]) -> Request:
        action, table, index = where
        arn = table_arn(table, self.region, self.account)
        return Request(f"dynamodb:{action}", f"{arn}/index/{index}" if index else arn, context)

    def _context(self, grant: Grant, caller: str | None = CALLER, keys: Sequence[Sequence[str]] = ()) -> dict[str, Any]:
        """What a request of a grant brings along: its caller's identity, keys, attributes, transaction."""
        context: dict[str, Any] = {}
        if self.needs.identity and caller is not None:
            context[self.needs.identity_key] = caller
        keys = keys or self._keys(grant, caller or CALLER)
        context |= {position: list(values) for position, values in zip(POSITIONS, keys, strict=False)}
        if grant.attributes is not None:
            context["dynamodb:Attributes"] = sorted(grant.attributes)
        if grant.select and grant.action in ON_INDEXES:
            context["dynamodb:Select"] = grant.select
        if grant.within:
            context["dynamodb:EnclosingOperation"] = grant.within
        return context

    def _keys(self, grant: Grant, tenant: str) -> list[list[str]]:
        patterns = grant.keys or (WILD,) * len(self.design.tables[grant.table].keys(grant.index or None)[0])
        return [[self._rendered(pattern, tenant)] for pattern in patterns]

    def _rendered(self, pattern: str, tenant: str, other: str = "x1") -> str:
        """A key that fits a pattern, of a tenant."""
        identity = self.needs.identity or "\0"
        texts = [re.sub(r"\*", other, part.replace("${*}", "\1")) for part in pattern.split(identity)]
        return tenant.join(text.replace("\1", "*").replace("${?}", "?").replace("${$}", "$") for text in texts)

    # What must be allowed

    def _own(self, grant: Grant) -> Iterator[Asked]:
        context = self._context(grant)
        yield "its own", CALLER, self._request(grant.where, context), True
        if grant.select and grant.action not in ON_INDEXES:
            stated = {**context, "dynamodb:Select": grant.select}
            yield "its own", CALLER, self._request(grant.where, stated), True
        if grant.action == "UpdateItem":
            for returned in RETURNED:
                stated = {**context, "dynamodb:ReturnValues": returned}
                yield "its own", CALLER, self._request(grant.where, stated), True

    def _permits(self, grant: Grant, caller: str, request: Request) -> bool:
        """Whether an access pattern needs a request, by the templates: the answer that a policy must give."""
        same = self._request(grant.where, {})
        if (same.action, same.resource) != (request.action, request.resource):
            return False
        identity = self.needs.identity
        if identity and identity in "".join(grant.keys or ()) and request.values(self.needs.identity_key) is None:
            return False
        return self._keys_fit(grant, caller, request) and _attributes_fit(grant, request)

    def _keys_fit(self, grant: Grant, caller: str, request: Request) -> bool:
        for position, pattern in zip(POSITIONS, grant.keys or (), strict=False):
            values = request.values(position)
            alike = [g.keys for g in self.grants if _alike(g, grant) and g.keys is not None]
            patterns = [keys[0] for keys in alike] if grant.keys and len(grant.keys) == 1 else [pattern]
            if pattern == WILD:
                continue
            if not values or not all(any(self._fits(each, caller, value) for each in patterns) for value in values):
                return False
        return True

    def _fits(self, pattern: str, caller: str, value: str) -> bool:
        identity = self.needs.identity or "\0"
        parts = re.split(
            f"({re.escape(identity)}|{re.escape('${*}')}|{re.escape('${?}')}|{re.escape('${$}')}|\\*)", pattern
        )
        known = {identity: re.escape(caller), "${*}": r"\*", "${?}": r"\?", "${$}": r"\$", "*": ".*"}
        return re.fullmatch("".join(known.get(part) or re.escape(part) for part in parts), value, re.DOTALL) is not None

    # What must be denied

    def _by_key(self, grant: Grant) -> Iterator[tuple[str, str, dict[str, Any]]]:
        if grant.keys is None:
            return
        own = self._keys(grant, CALLER)
        if self.needs.identity and self.needs.identity in "".join(grant.keys):
            for attack, caller, tenant in ATTACKS_BY_ID:
                yield attack, caller, self._context(grant, caller, self._keys(grant, tenant))
            yield "a caller without an identity", "", self._context(grant, None)
        absent = {k: v for k, v in self._context(grant).items() if k not in POSITIONS}
        yield "a request without a key", CALLER, absent
        foreign = [[FOREIGN_KEY] if pattern != WILD else key for pattern, key in zip(grant.keys, own, strict=True)]
        yield "a key of no access pattern", CALLER, self._context(grant, keys=foreign)
        others = [self._keys(grant, OTHER)] if self._keys(grant, OTHER) != own else []
        for other in [foreign, *others]:
            for mixed in (
                [a + b for a, b in zip(own, other, strict=True)],
                [b + a for a, b in zip(own, other, strict=True)],
            ):
                yield "a batch with a foreign key among its own", CALLER, self._context(grant, keys=mixed)
        for keys in self._kinds(grant):
            yield "a key of another kind of item", CALLER, self._context(grant, keys=keys)

    def _kinds(self, grant: Grant) -> Iterator[list[list[str]]]:
        """Keys of every kind of item there, of the caller's tenant and of another whose other fields look like it."""
        names = self.design.tables[grant.table].keys(grant.index or None)[0]
        for entity in self.design.entities_in(grant.table):
            shapes = [shape_of(self.design, entity, name) for name in names]
            patterns = [glob(shape, self.needs.role.tenant, self.needs.identity) for shape in shapes]
            for tenant, other in ((CALLER, "x1"), (OTHER, CALLER)):
                yield [[self._rendered(pattern, tenant, other)] for pattern in patterns]

    def _by_item(self, grant: Grant) -> Iterator[Asked]:
        """Keys of generated items: those that the grant is for, asked for by their tenant; any, by another."""
        for owned in self._owned_keys(grant):
            keys = [[part] for part in owned.key]
            if owned.entity == grant.entity and not set(owned.owner) & {"*", "?"}:
                context = self._context(grant, owned.owner, keys)
                yield "its own item", owned.owner, self._request(grant.where, context), True
            for other in self._others(owned):
                context = self._context(grant, other, keys)
                yield "an item of another tenant", other, self._request(grant.where, context), False

    def _owned_keys(self, grant: Grant) -> list[OwnedKey]:
        place = grant.table, grant.index
        if place not in self._owned:
            table = self.design.tables[grant.table]
            self._owned[place] = [] if self.ownership is None else list(self.ownership.keys(table, grant.index or None))
        return self._owned[place]

    def _others(self, owned: OwnedKey) -> list[str]:
        """Other tenants that may want an item: those whose id stands somewhere in its key, and one more."""
        others = [tenant for tenant in self.tenants if tenant != owned.owner]
        inside = [tenant for tenant in others if any(tenant in part for part in owned.key)]
        return list(dict.fromkeys([*inside[:3], *others[:1]]))

    @cached_property
    def tenants(self) -> list[str]:
        """Ids of tenants as the design makes them."""
        return self.ownership.tenants if self.ownership is not None else []

    def _by_attribute(self, grant: Grant) -> Iterator[tuple[str, str, dict[str, Any]]]:
        if grant.attributes is None:
            return
        context = self._context(grant)
        known = {a for entity in self.design.entities_in(grant.table) for a in self.design.domains_of(entity.name)}
        for name in [*sorted(known - grant.attributes), FOREIGN_ATTRIBUTE]:
            for named in ([name], [*sorted(grant.attributes), name]):
                yield "an attribute of no access pattern", CALLER, {**context, "dynamodb:Attributes": named}
        bare = {k: v for k, v in context.items() if k not in ("dynamodb:Attributes", "dynamodb:Select")}
        yield "all attributes", CALLER, bare
        yield "all attributes", CALLER, {k: v for k, v in context.items() if k != "dynamodb:Attributes"}
        if grant.select:
            for select in ("ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"):
                yield "all attributes", CALLER, {**context, "dynamodb:Select": select}
            if grant.action in ON_INDEXES:
                yield "all attributes", CALLER, {k: v for k, v in context.items() if k != "dynamodb:Select"}
        if grant.action == "UpdateItem":
            for returned in ("ALL_OLD", "ALL_NEW"):
                yield "all attributes", CALLER, {**context, "dynamodb:ReturnValues": returned}

    def _by_transaction(self, grant: Grant) -> Iterator[tuple[str, str, dict[str, Any]]]:
        if grant.within:
            context = self._context(grant)
            yield (
                "outside of its transaction",
                CALLER,
                {k: v for k, v in context.items() if k != "dynamodb:EnclosingOperation"},
            )
            yield "in PartiQL's transaction", CALLER, {**context, "dynamodb:EnclosingOperation": "ExecuteTransaction"}

    def _by_action(self) -> Iterator[Asked]:
        """Every action on every table and index of the role that none of its access patterns needs."""
        for name, table in self.tables.items():
            mine = next(grant for grant in self.grants if grant.table == name)
            context = {k: v for k, v in self._context(mine).items() if k in (*POSITIONS, self.needs.identity_key)}
            granted = {grant.where for grant in self.grants}
            for index in ("", *table.indexes):
                for action in (a for a in KEYS if not index or a in ON_INDEXES):
                    if (action, name, index) not in granted:
                        yield from self._denied(_kind(action), CALLER, self._request((action, name, index), context))
            for action in CONTROL:
                yield "managing the table", CALLER, self._request((action, name, ""), context), False
        for grant in self.grants:
            elsewhere = Request(
                f"dynamodb:{grant.action}", table_arn("~other", self.region, self.account), self._context(grant)
            )
            yield "another table", CALLER, elsewhere, False


def _kind(action: str) -> str:
    if action == "Scan":
        return "Scan"
    return "PartiQL" if action.startswith("PartiQL") else "an action of no access pattern"


def _alike(one: Grant, other: Grant) -> bool:
    """Whether two grants differ in their keys alone: a batch may mix them."""
    return (one.where, one.attributes, one.select, one.within) == (
        other.where,
        other.attributes,
        other.select,
        other.within,
    )


def _attributes_fit(grant: Grant, request: Request) -> bool:
    if grant.within and request.values("dynamodb:EnclosingOperation") != (grant.within,):
        return False
    if grant.attributes is None:
        return True
    named, select = request.values("dynamodb:Attributes"), request.values("dynamodb:Select")
    returned = request.values("dynamodb:ReturnValues")
    if not named or not grant.attributes.issuperset(named):
        return False
    if returned is not None and grant.action == "UpdateItem" and returned[0] not in RETURNED:
        return False
    return (
        not grant.select or (select or ("",))[0] == grant.select or (select is None and grant.action not in ON_INDEXES)
    )
