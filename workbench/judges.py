"""Judges: whether a design does what it is for, tried on an engine and in the simulation, not read off its text.

A judge takes the items of a design and the tables that hold them, and says in words what is still wrong: that a list
misses items, or reads a hundred for each that it shows; that a second delivery undoes what the first began; that one
key is asked for more than a partition serves. Nothing of it depends on how the design was written, so every right
design passes. What it says names the symptom and asks on; the way out is left to whoever reads it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from workbench.descriptors import to_item
from workbench.design import AccessPattern, Design
from workbench.entities import EntityItems
from workbench.errors import RequestError
from workbench.items import Items
from workbench.keyanalysis import KeyAnalysis
from workbench.keyreport import key_report
from workbench.picks import drawn_items
from workbench.policytexts import read_policy
from workbench.proofs import Case, prove_policy
from workbench.requests import Call, Request, draw_calls, overrides
from workbench.results import percent
from workbench.simulation import simulate
from workbench.tables import RunTables
from workbench.trials import REFUSED

CALLS = 12  # of an access pattern that is tried
WASTE = 4  # items that a list may read for each that it shows
MOST_REQUESTS = 1_000  # of one call, and of all calls of a list that are tried, if they have many
Key = tuple[str, ...]
Judge = Callable[["Evidence"], Iterator[str]]


@dataclass
class Evidence:
    """What a judge looks at, and the numbers that it finds: `measured`, with the unit in each name."""

    items: Items
    tables: RunTables
    measured: dict[str, float] = field(default_factory=dict)

    def pattern(self, name: str) -> AccessPattern:
        """An access pattern of the design."""
        return self.items.design.access_patterns[name]

    def calls(self, name: str) -> list[Call]:
        """Some calls of an access pattern."""
        return draw_calls(self.items, self.pattern(name), CALLS, seed=self.items.seed)

    def send(self, request: Request, **instead: Any) -> dict[str, Any]:
        """The engine's answer to a request."""
        parameters = self.tables.prefixed({**request.parameters, **instead})
        return self.tables.engine.call(request.operation, parameters)

    def item(self, table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """An item as it is on the engine now."""
        return self.send(Request("GetItem", {"TableName": table, "Key": dict(key), "ConsistentRead": True})).get("Item")


# A list shows what it must, all of it, and reads little more ----------------------------------------------------------


@dataclass(frozen=True)
class Listing:
    """A list that an application shows: the items of an entity that have the same `by` (all, unless given).

    `keep` says of an item, at a time, whether it is to be shown; `shows` are the attributes that it shows, and
    `writes` the access patterns that are called before, the last of which takes items off the list; what it makes of
    an item is in `becomes`.
    """

    pattern: str
    entity: str
    by: str | None = None
    keep: Callable[[Mapping[str, Any], int], bool] = lambda item, now: True
    shows: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    becomes: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, evidence: Evidence) -> Iterator[str]:
        operation = evidence.pattern(self.pattern).operation
        if operation not in ("Query", "Scan"):
            yield f"{self.pattern} is a {operation} now, and a {operation} cannot list: it is to show all that belong"
            return
        calls = evidence.calls(self.pattern)
        most = max(len(call.requests) for call in calls)
        added, removed = self._written(evidence)
        yield from self._undone(evidence)
        lists = [_read(evidence, call) for call in calls[: max(1, MOST_REQUESTS // most)]]
        wanted = [(keys | added) - removed for keys in self._wanted(evidence)[: len(lists)]]
        read, shown = (sum(each) / len(lists) for each in zip(*((p.scanned, len(p.items)) for p in lists), strict=True))
        evidence.measured |= {"items_read_per_list": read, "items_shown_per_list": shown}
        yield from list(self._differences(evidence, lists, wanted)) or self._waste(read, shown)

    def _written(self, evidence: Evidence) -> tuple[set[Key], set[Key]]:
        """The keys of what is put on the list first, and of what is taken off it."""
        touched: list[set[Key]] = [set(), set()]
        for name, keys in zip(self.writes, touched, strict=False):
            for request in (request for call in evidence.calls(name) for request in call.requests):
                evidence.send(request)
                keys |= {_key(evidence, self.entity, self.by, key) for _, key in request.keys}
        return touched[0], touched[1]

    def _undone(self, evidence: Evidence) -> Iterator[str]:
        """What the write that takes items off the list should have made of them."""
        calls = evidence.calls(self.writes[-1]) if self.becomes else []
        left = [evidence.item(table, key) for call in calls for request in call.requests for table, key in request.keys]
        due = to_item(self.becomes)
        if wrong := [item for item in left if item is None or {**item, **due} != item]:
            state = ", ".join(f"{name} = {value}" for name, value in self.becomes.items())
            yield f"{len(wrong)} of {len(left)} items that {self.writes[-1]} was called for are not there with {state}"

    def _wanted(self, evidence: Evidence) -> list[set[Key]]:
        """For each call the keys of the items that it is to show."""
        entity, pattern = evidence.items.entities[self.entity], evidence.pattern(self.pattern)
        everything = entity.take(range(len(entity)))
        keys = [_key(evidence, self.entity, self.by, to_item(item)) for item in everything]
        shown = [self.keep(item, evidence.items.now) for item in everything]
        groups, asked = self._groups(entity), [None] * CALLS
        if self.by:
            asked = self._groups(drawn_items(evidence.items, pattern, CALLS, seed=evidence.items.seed))
        found: dict[Any, set[Key]] = {}
        for key, group, is_shown in zip(keys, groups, shown, strict=True):
            if is_shown:
                found.setdefault(group, set()).add(key)
        return [found.get(group, set()) for group in asked]

    def _groups(self, entity: EntityItems) -> list[Any]:
        """What items have in common that are on one list."""
        if self.by is None:
            return [None] * len(entity)
        if self.by in entity.places:
            return entity.places[self.by].tolist()
        column = entity.value_column(self.by)
        return column.take(np.arange(len(entity))) if column is not None else [None] * len(entity)

    def _differences(self, evidence: Evidence, lists: Sequence["Pages"], wanted: Sequence[set[Key]]) -> Iterator[str]:
        returned = [item for pages in lists for item in pages.items]
        keys = _key_names(evidence, self.entity, self.by)
        if lost := [name for name in dict.fromkeys([*keys, *self.shows]) if any(name not in item for item in returned)]:
            yield f"what {self.pattern} returns lacks {', '.join(lost)}, which the page needs: where is it kept?"
        if set(lost) & set(keys):
            return  # which items they are cannot be told
        shown = [{_key(evidence, self.entity, self.by, item) for item in pages.items} for pages in lists]
        missing = [(len(should - is_), len(should)) for is_, should in zip(shown, wanted, strict=True) if should - is_]
        if missing:
            lacks, of = max(missing)
            yield f"{self.pattern} shows {of - lacks:,} of the {of:,} items that it must: where are the others?"
        if extra := [(len(is_ - should), len(is_)) for is_, should in zip(shown, wanted, strict=True) if is_ - should]:
            too_many, of = max(extra)
            items = f"{of:,} item{'s' * (of > 1)}"
            yield f"{self.pattern} shows {items}, {too_many:,} of which do not belong there (any more)"

    def _waste(self, read: float, returned: float) -> Iterator[str]:
        if read > WASTE * max(returned, 1):
            yield (
                f"{self.pattern} reads {read:,.0f} items to show {returned:,.0f}, and pays for all of them at each "
                "call: which key would have just those together?"
            )


def asks_too_often(items: Items) -> Iterator[str]:
    """That no call is as many requests as would take a minute to try; simulated they would take longer still."""
    for name, pattern in items.design.access_patterns.items():
        if pattern.for_each and pattern.unserved is None:
            entity = items.entities[items.design.addressed(pattern)[0].name]
            count = len(overrides(items, pattern, entity))
            if count > MOST_REQUESTS:
                yield f"{name} sends {count:,} requests a call, and pays for each: how many keys does its list need?"


@dataclass(frozen=True)
class Pages:
    """What the requests of one call returned, and how many items they read for it."""

    items: tuple[dict[str, Any], ...]
    scanned: int


def _read(evidence: Evidence, call: Call) -> Pages:
    """All pages that a call reads."""
    items: list[dict[str, Any]] = []
    scanned, most = 0, call.pattern.page_limit
    for request in call.requests:
        start: dict[str, Any] = {}
        for _ in range(most or 1_000):
            answer = evidence.send(request, **start)
            items += answer.get("Items", [])
            scanned += answer["ScannedCount"]
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    return Pages(tuple(items), scanned)


def _key(evidence: Evidence, entity: str, by: str | None, item: Mapping[str, Any]) -> Key:
    """What tells an item from others of its list, in DynamoDB's JSON."""
    return tuple(repr(item.get(name)) for name in _key_names(evidence, entity, by))


def _key_names(evidence: Evidence, entity: str, by: str | None) -> list[str]:
    """The primary key, without what a whole list shares and whoever asked for it knows."""
    keys = evidence.items.design.table_of(entity).key_attributes
    return [name for name in keys if name != by] or list(keys)


# Items expire when they should ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expiry:
    """That the service would delete an entity's items so many seconds after the time in the attribute `since`."""

    entity: str
    since: str
    seconds: int

    def __call__(self, evidence: Evidence) -> Iterator[str]:
        table = evidence.items.design.table_of(self.entity)
        if table.ttl is None:
            yield f"table {table.name} has no ttl any more: an item that nobody deletes is kept and paid for, for good"
            return
        entity = evidence.items.entities[self.entity]
        for item in entity.take(range(len(entity))):
            if problem := self._problem(item, table.ttl):
                yield problem
                return

    def _problem(self, item: Mapping[str, Any], name: str) -> str:
        """What is wrong with the time when an item expires; empty if nothing is."""
        expires, due = item.get(name), datetime.fromisoformat(item[self.since]).timestamp() + self.seconds
        if expires is None:
            return f"an item has no {name}, which the table's ttl names, so that it is never deleted"
        if not isinstance(expires, int | float | Decimal):
            return f"{name} is {expires!r} in an item: TTL looks at Numbers alone, so that it is never deleted"
        if abs(float(expires) - due) <= 1:
            return ""
        asked = "From when does it count?" if due / 2 < expires < due * 2 else "What does it count in?"
        return (
            f"an item whose {self.since} is {item[self.since]} has {name} {expires}, which the service "
            f"reads as {_date(int(expires))}: it is to be {_date(int(due))}. {asked}"
        )


def _date(seconds: int) -> str:
    """A time in words, also where calendars end.

    >>> _date(0), _date(1_767_225_600_000)
    ('1970-01-01', 'a day in the year 57971')
    """
    if 0 <= seconds < 253_402_300_800:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    year = 1970 + seconds / 31_556_952
    return f"a day in the year {year:.0f}" if 0 < year < 1e6 else "no day of any calendar"


def is_younger(seconds: int, since: str) -> Callable[[Mapping[str, Any], int], bool]:
    """That less than so many seconds have passed since the time in an attribute."""
    return lambda item, now: datetime.fromisoformat(item[since]).timestamp() + seconds > now


def has(name: str, value: Any) -> Callable[[Mapping[str, Any], int], bool]:
    """That an attribute has a value."""
    return lambda item, now: item.get(name) == value


# What is delivered twice counts once ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deliveries:
    """That a write is done when it comes, and that the same write once more leaves what became of its item.

    `progress` is what the application has done with the item in between, `stores` the attributes that it needs.
    """

    pattern: str
    progress: Mapping[str, Any]
    stores: tuple[str, ...] = ()

    def __call__(self, evidence: Evidence) -> Iterator[str]:
        found = [
            self._delivered(evidence, request) for call in evidence.calls(self.pattern) for request in call.requests
        ]
        lost, undone = found.count("lost"), found.count("undone")
        evidence.measured |= {"deliveries": len(found), "undone_by_the_second": undone}
        if incomplete := [name for name in self.stores if name in found]:
            yield f"what {self.pattern} stores lacks {', '.join(incomplete)}, and the application goes on with it"
        if lost:
            yield f"{lost} of {len(found)} new deliveries to {self.pattern} are not stored: whom does it turn away?"
        if undone:
            yield (
                f"{undone} of {len(found)} deliveries that came twice undid what was done in between: {self.pattern} "
                f"wrote over {', '.join(f'{n} = {v}' for n, v in self.progress.items())}. What does it know of an item "
                "that is there already?"
            )

    def _delivered(self, evidence: Evidence, request: Request) -> str:
        table, key = request.keys[0]
        _refused(evidence, request)
        stored = evidence.item(table, key)
        if stored is None:
            return "lost"
        if lacking := next((name for name in self.stores if name not in stored), ""):
            return lacking
        changed = {**stored, **to_item(self.progress)}
        evidence.send(Request("PutItem", {"TableName": table, "Item": changed}))
        _refused(evidence, request)
        return "kept" if evidence.item(table, key) == changed else "undone"


def _refused(evidence: Evidence, request: Request) -> bool:
    """Whether the engine refuses a write for its condition."""
    try:
        evidence.send(request)
    except RequestError as error:
        if error.code not in REFUSED:
            raise
        return True
    return False


# The keys hold at the peak --------------------------------------------------------------------------------------------


def holds_at_peak(evidence: Evidence) -> Iterator[str]:
    """That the keys of every table and index sustain the peak, once DynamoDB has split what it can split."""
    sim = simulate(evidence.items, "15min", "step", heat=False, seed=evidence.items.seed)
    evidence.measured |= {"throttled_share_before_splits": sim.throttled_share}
    for one in key_report(evidence.items):
        bound = one.verdict.bound
        if not one.verdict.holds and not (bound and bound.index):  # else the index says it
            yield _too_hot(one)


def _too_hot(one: KeyAnalysis) -> str:
    hottest, verdict = one.hottest, one.verdict
    limit = f"{one.name} serves at most {verdict.rate_per_s:,.0f} of the {verdict.load_per_s:,.0f} requests a second"
    if hottest is None:
        return f"{limit} that come at the peak"
    return (
        f"{limit} that come at the peak: its key {hottest.key} takes {percent(hottest.share)} of all units, and one "
        "key is on one partition. What have the requests of one moment in common?"
    )


# A policy lets in whom it must, and nobody else -----------------------------------------------------------------------


def leaks(design: Design, policy: Any, measured: dict[str, float]) -> Iterator[str]:
    """What a policy allows and must not, or denies and must allow, in its proof; each kind of attack once."""
    if not isinstance(policy, str | Path | Mapping):
        yield f"the answer is a {type(policy).__name__}: give the policy as JSON text, as a Path, or as a dict"
        return
    try:
        read = read_policy(f"{policy}\n" if isinstance(policy, str) else policy, design, None)  # a text is no path here
    except (OSError, ValueError) as error:  # of a file
        yield f"{policy} cannot be read: {error}"
        return
    if read.problems:
        yield from read.problems
        return
    proof = prove_policy(design, read.document)
    measured |= {"requests_tried": len(proof.cases), "decided_wrongly": len(proof.failures)}
    first: dict[tuple[str, bool], Case] = {}
    for case in proof.failures:
        first.setdefault((case.attack, case.expected), case)
    yield from dict.fromkeys(map(_decided_wrongly, first.values()))


def _decided_wrongly(case: Case) -> str:
    action, keys = case.request.action.partition(":")[2], ", ".join(case.request.values("dynamodb:LeadingKeys") or ())
    said = f"{action} by {case.caller or 'nobody'} {f'on {keys}' if keys else 'without a partition key'}"
    if case.expected:
        return f"{said} is denied, and an access pattern of the role needs it: what turns it away?"
    return f"{said} is allowed, and must not be ({case.attack}): which part of the policy lets it in?"
