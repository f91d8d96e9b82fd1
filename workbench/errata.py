"""Errata: where an engine reports other units than the service charges, and which number it reports instead.

Local engines answer with a ConsumedCapacity of their own, and each is wrong in ways that were seen and can be named.
An erratum here is not an excuse but a prediction: applied to the steps of a metered call, it says to the unit what the
engine will report, for the table and for every index. So an engine's number is proof even where it is wrong; a number
that neither the service's rules nor an erratum predicts means that somebody is mistaken, and that may be us.

What a refused write is charged is in no answer of any engine, nor of the service; there is nothing to compare.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from workbench import limits
from workbench.design import AccessPattern
from workbench.entries import IndexSchema
from workbench.explain import Step
from workbench.sizes import item_size

TableIndex = tuple[str, str]  # a table, and an index or '' for the table itself


class Answered(Protocol):
    """What errata look at: a metered call."""

    error: str
    steps: list[Step]
    pages_as_cut: list[Step]  # the pages as the engine cut them, where the service would have cut elsewhere
    replies: list[tuple[str, Mapping[str, Any]]]  # a table, and the ConsumedCapacity that was reported for it
    returned: list[dict[str, Any]]
    indexes: Mapping[str, Sequence[IndexSchema]]  # of each table
    projected: bool  # the request names the attributes that it wants
    base_sizes: list[tuple[int, ...]]  # of each page of an index, the bytes of the whole items, if they were looked up


@dataclass(frozen=True)
class Said:
    """The units that an engine reports for one step of a charge; steps of one action belong together."""

    step: Step
    action: int
    units: float

    @property
    def where(self) -> TableIndex:
        """Where the units are reported."""
        return self.step.table, self.step.index


Change = Callable[[Answered, list[Said]], list[Said]]


@dataclass(frozen=True)
class Erratum:
    """What an engine was seen to report wrongly, of which operations, and how its number comes about."""

    words: str
    operations: tuple[str, ...]
    change: Change
    whole_items: bool = False  # it takes the sizes of the items behind the entries of an index


@dataclass(frozen=True)
class Verdict:
    """Whether an engine's number is what was predicted: `by_index` are its units, None without a report.

    `errata` are the known mistakes that it takes to explain it, none if it says what the service would; `difference`
    says in words what nothing explains.
    """

    by_index: Mapping[TableIndex, float] | None
    errata: tuple[str, ...] = ()
    difference: str = ""


def verdict(kind: str, operation: str, call: Answered) -> Verdict:
    """What an engine of this kind reported for a call, and what explains it; without errata where none are known."""
    if call.error:
        return Verdict(None)
    by_index = reported(call.replies)
    units, used = predicted(ERRATA.get(kind, ()), operation, call)
    if units == (by_index or {}):
        return Verdict(by_index, used)
    return Verdict(by_index, difference=_difference(units, by_index))


def needs_whole_items(kind: str, pattern: AccessPattern) -> bool:
    """Whether it takes the sizes of whole items to check what an engine of this kind says of reading an index."""
    if pattern.operation == "Query" and not pattern.projection:
        return False
    known = ERRATA.get(kind, ())
    return any(erratum.whole_items and pattern.operation in erratum.operations for erratum in known)


def predicted(
    errata: Iterable[Erratum], operation: str, call: Answered
) -> tuple[dict[TableIndex, float], tuple[str, ...]]:
    """The units that an engine with these errata reports for a call, by table and index, and those that bear on it.

    >>> class Call:
    ...     error, replies, returned, indexes, projected, base_sizes, pages_as_cut = "", [], [], {}, False, [], []
    ...     steps = [Step("page", read=(90_000,), factor=0.5, table="T")]
    >>> predicted((), "Query", Call())[0], predicted(EMBEDDED, "Query", Call())[0]
    ({('T', ''): 11.0}, {('T', ''): 0.5})
    """
    said, used = list(_as_charged(call.steps)), []
    for erratum in errata:
        if operation in erratum.operations:
            changed = erratum.change(call, said)
            if _by_index(changed) != _by_index(said):
                used.append(erratum.words)
            said = changed
    return _by_index(said), tuple(used)


def _by_index(said: Iterable[Said]) -> dict[TableIndex, float]:
    units: dict[TableIndex, float] = {}
    for one in said:
        units[one.where] = units.get(one.where, 0.0) + one.units
    return {where: n for where, n in units.items() if n}


def _as_charged(steps: Iterable[Step]) -> Iterator[Said]:
    action = -1
    for step in steps:
        action += not step.index  # an action is its item's step, then those of the index entries
        yield Said(step, action, step.units)


def reported(replies: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[TableIndex, float] | None:
    """The units by table and index that an engine reported, without those that are 0; None if it reported none.

    >>> reported([("T", {"CapacityUnits": 3.0, "GlobalSecondaryIndexes": {"g": {"CapacityUnits": 2.0}}})])
    {('T', 'g'): 2.0, ('T', ''): 1.0}
    """
    units: dict[TableIndex, float] = {}
    for table, part in replies:
        by_index = {**part.get("GlobalSecondaryIndexes", {}), **part.get("LocalSecondaryIndexes", {})}
        each = {index: said["CapacityUnits"] for index, said in by_index.items()}
        # Not every engine reports the table's own units of a transaction.
        each[""] = part.get("Table", {}).get("CapacityUnits", part["CapacityUnits"] - sum(each.values()))
        for index, amount in each.items():
            units[table, index] = units.get((table, index), 0.0) + amount
    return {where: n for where, n in units.items() if n} if replies else None


def _difference(expected: Mapping[TableIndex, float], by_index: Mapping[TableIndex, float] | None) -> str:
    if by_index is None:
        return "the engine reported no units"
    wrong = [
        f"{f'index {index} of {table}' if index else f'table {table}'} {by_index.get((table, index), 0):g} instead of "
        f"{expected.get((table, index), 0):g}"
        for table, index in {**expected, **by_index}
        if by_index.get((table, index)) != expected.get((table, index))
    ]
    return f"the engine reported {', '.join(wrong)}"


# -- how each number comes about ---------------------------------------------------------------------------------------


def _by_step(units: Callable[[Answered, Said], float]) -> Change:
    """A change of the units of each step, one by one."""
    return lambda call, said: [replace(one, units=units(call, one)) for one in said]


def _minimum(call: Answered, one: Said) -> float:
    """Whatever was read, the minimum for it; what a local index fetches, nothing."""
    return 0.0 if one.step.rule == "fetched" else one.step.factor


def _in_every_gsi(call: Answered, said: list[Said]) -> list[Said]:
    """The table's units, and the same again for each of its global indexes."""
    return said + [
        replace(one, step=replace(one.step, index=index.name))
        for one in said
        for index in call.indexes.get(one.step.table, ())
        if index.kind == "gsi"
    ]


def _as_cut(call: Answered, said: list[Said]) -> list[Said]:
    """The pages that the engine really read."""
    return list(_as_charged(call.pages_as_cut)) if call.pages_as_cut else said


def _unless_empty(call: Answered, one: Said) -> float:
    return one.units if any(one.step.read) else 0.0


def _projected(call: Answered, said: list[Said]) -> list[Said]:
    """Items read for the attributes that came back of them."""
    if not call.projected:
        return said
    sizes = iter([item_size(item) for item in call.returned])
    return [
        replace(one, units=replace(one.step, read=(next(sizes),)).units) if one.step.rule == "item" else one
        for one in said
    ]


def _fetched_at_once(call: Answered, one: Said) -> float:
    """What a local index fetches: added up before rounding, for a projection nothing."""
    if one.step.rule != "fetched":
        return one.units
    return 0.0 if call.projected else replace(one.step, read=(sum(one.step.read),)).units


def _no_fetches(call: Answered, one: Said) -> float:
    return 0.0 if one.step.rule == "fetched" else one.units


def _whole_items(call: Answered, said: list[Said]) -> list[Said]:
    """The pages of a scanned index by the bytes of the whole items, and none fetched besides."""
    if not call.base_sizes:
        return said
    pages = [one for one in said if one.step.rule == "page"]
    return [
        replace(one, units=replace(one.step, read=(sum(sizes),)).units)
        for one, sizes in zip(pages, call.base_sizes, strict=True)
    ]


def _always_fetched(call: Answered, said: list[Said]) -> list[Said]:
    """Every whole item as fetched from the table, besides the pages of a local index."""
    pages = [one for one in said if one.step.rule == "page"]
    if not call.base_sizes or not pages[0].step.local:
        return said
    steps = [
        replace(one.step, rule="fetched", read=sizes, index="", local=False)
        for one, sizes in zip(pages, call.base_sizes, strict=True)
    ]
    return pages + [Said(step, one.action, step.units) for step, one in zip(steps, pages, strict=True)]


def _on_the_table(call: Answered, said: list[Said]) -> list[Said]:
    return [replace(one, step=replace(one.step, index="")) if one.step.local else one for one in said]


def _entry_overhead(call: Answered, one: Said) -> float:
    """An entry of a local index with the 100 bytes that only storage is billed for."""
    if not one.step.local or not one.units:
        return one.units
    before, after = (
        None if size is None else size + limits.STORED_ITEM_OVERHEAD_BYTES for size in (one.step.before, one.step.after)
    )
    return replace(one.step, before=before, after=after).units


def _twice_if_missing(call: Answered, one: Said) -> float:
    return 2 * one.units if one.step.rule == "missing" else one.units


def _entry_of_halves(call: Answered, one: Said) -> float:
    """An entry that never was, of an item that had one key of the index and now has another, as one unit."""
    return 1.0 if one.step.rule == "swapped" else one.units


def _transacted(call: Answered, one: Said) -> float:
    """A transaction's step: entries twice, a check as a read, a missing item to delete 1."""
    if one.step.index:
        return 2 * one.units
    if one.step.rule == "checked":
        return Step("item", read=(one.step.before or 0,), factor=2.0).units
    return 1.0 if one.step.rule == "missing" else one.units


def _alike_once(call: Answered, said: list[Said]) -> list[Said]:
    """The actions of a transaction as a set: of those that consume the same everywhere, one is counted."""
    actions: dict[int, list[Said]] = {}
    for one in said:
        actions.setdefault(one.action, []).append(one)
    kinds = {frozenset((one.where, one.units) for one in parts if one.units): parts for parts in actions.values()}
    return [one for parts in kinds.values() for one in parts]


def _silence(call: Answered, said: list[Said]) -> list[Said]:
    return []


READS = ("GetItem", "Query", "Scan", "TransactGetItems")
PAGES = ("Query", "Scan")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")

PAGING = Erratum("a page of 1 MB ends elsewhere than the service's", PAGES, _as_cut)

EMBEDDED = (
    PAGING,
    Erratum(
        "a page or item read is 0.5 or 1 unit whatever its size, 2 in a transaction; fetches of a local index are free",
        READS,
        _by_step(_minimum),
    ),
    Erratum("BatchGetItem reports no units", ("BatchGetItem",), _silence),
    Erratum("TransactGetItems is reported for every global index, too", ("TransactGetItems",), _in_every_gsi),
)
DYNOXIDE = (
    PAGING,
    Erratum("an item read is charged for the attributes that come back", ("GetItem", "TransactGetItems"), _projected),
    Erratum("a Scan of a local index fetches for free", ("Scan",), _by_step(_no_fetches)),
    Erratum(
        "fetches of a local index are added up before rounding, for a projection they are free",
        ("Query",),
        _by_step(_fetched_at_once),
    ),
    Erratum("a Scan of a local index is reported as the table's", ("Scan",), _on_the_table),
)
DYNAMODB_LOCAL = (
    PAGING,
    Erratum("a missing item in BatchGetItem is free", ("BatchGetItem",), _by_step(_unless_empty)),
    Erratum("a Scan of an index is charged for the whole items", ("Scan",), _whole_items, True),
    Erratum("a Query of a local index with a projection is charged for fetching", ("Query",), _always_fetched, True),
    Erratum("a page without any item is free", PAGES, _by_step(_unless_empty)),
    Erratum(
        "an item that swaps one of an index's keys for another is charged for an entry",
        WRITES,
        _by_step(_entry_of_halves),
    ),
    Erratum("an entry of a local index counts 100 bytes more", WRITES, _by_step(_entry_overhead)),
    Erratum("deleting a missing item in BatchWriteItem is 2 units", ("BatchWriteItem",), _by_step(_twice_if_missing)),
    Erratum(
        "in a transaction, index entries are doubled, a ConditionCheck is charged as a read, a missing item deleted 1",
        ("TransactWriteItems",),
        _by_step(_transacted),
    ),
    Erratum(
        "of a transaction's actions on a table, those that consume the same are counted once",
        ("TransactWriteItems",),
        _alike_once,
    ),
)
ERRATA: dict[str, tuple[Erratum, ...]] = {
    "embedded": EMBEDDED,
    "dynoxide": DYNOXIDE,
    "java": DYNAMODB_LOCAL,
    "docker": DYNAMODB_LOCAL,
    "aws": (),
}
