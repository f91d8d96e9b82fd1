"""The key report: the partition keys of every table and index of a design, measured under its load.

    report = wb.key_report(design)
    report.holds, report["Orders"].verdict, report.to_frame()

A table's analysis counts its local indexes, which stand on its partitions, and knows of its global indexes, each of
which has partitions of its own and holds back the table's writes when it cannot follow. (AWS: gsi-throttling.)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.bounds import partitions_at_first, setting_bounds
from workbench.columns import Floats, Ints
from workbench.defaults import DEFAULT_NOW, DEFAULT_SEED
from workbench.design import AccessPattern, Design
from workbench.items import Items, items_of
from workbench.keyanalysis import RANGES, KeyAnalysis
from workbench.keymeasures import Atoms, Monotonicity, Targeting
from workbench.load import Demand, Kind, demands
from workbench.motions import Motion, entities_put, motion, pinned_by, rank_correlation
from workbench.partitions import At, rate_at, spread_items, summed
from workbench.reach import read_factor
from workbench.results import Result, html_table, percent
from workbench.ring import PartitionKeys, keys_of
from workbench.spreads import KINDS, ItemSpread, RequestSpread, rate_text

if TYPE_CHECKING:
    import pandas as pd

SEGMENTS = 64  # sort-key ranges at which a collection may be split
Found = Sequence[tuple[AccessPattern, Demand]]


@dataclass(frozen=True, repr=False)
class KeyReport(Result):
    """The keys of each table and global index of a design; `report["Orders"]`, `report["Orders", "byStatus"]`."""

    design: str
    at: At
    analyses: tuple[KeyAnalysis, ...]

    def __iter__(self) -> Iterator[KeyAnalysis]:
        return iter(self.analyses)

    def __len__(self) -> int:
        return len(self.analyses)

    def __getitem__(self, name: str | tuple[str, str | None]) -> KeyAnalysis:
        table, index = name if isinstance(name, tuple) else (name, None)
        for one in self.analyses:
            if (one.table, one.index) == (table, index) or one.name == name:
                return one
        known = ", ".join(one.name for one in self.analyses)
        raise KeyError(f"{self.design} has no table or global index {name!r}; there are {known}")

    @property
    def worst(self) -> KeyAnalysis:
        """The table or index that reaches a limit first; of a table and the index that holds it back, the index."""
        return min(self.analyses, key=lambda one: min((b.multiple for b in one.bounds if not b.index), default=1e300))

    @property
    def holds(self) -> bool:
        """Whether every table and index sustains the load, once splits are done."""
        return all(one.verdict.holds for one in self.analyses)

    def summary_line(self) -> str:
        return f"{self.design} at {self.at}: {self.worst.name} {self.worst.verdict}"

    def shown(self) -> dict[str, list[object]]:
        """What people see: of each table and index the hottest key, what it sustains, what is throttled."""
        lines = [_line(one) for one in self.analyses]
        return {title: [show(line) for line in lines] for title, show in _SHOWN.items()}

    def _html(self, rows: int) -> str:
        return f"{html_table(self.shown(), self.summary_line(), rows)}<div>{LEGEND}</div>"

    def to_frame(self) -> "pd.DataFrame":
        """A line per table and index: its keys, the load, the highest rate, and what sets it."""
        import pandas as pd

        return pd.DataFrame([_line(one) for one in self.analyses])


LEGEND = (
    "Requests are a second, of this mix: each item of a batch or transaction is one, and each entry that a write adds "
    "to an index, changes or removes there. Throttled is the share of units beyond what AWS documents for the "
    "partitions that a new table has, and the share that no number of partitions serves; shards, over how many keys to "
    "write the hottest one."
)
_SHOWN: dict[str, Callable[[dict[str, Any]], object]] = {
    "keys of": lambda line: line["keys_of"],
    "keys": lambda line: line["keys"],
    "hottest key": lambda line: line["hottest_key"],
    "of its units": lambda line: percent(line["share_of_units"]),
    "requests/s": lambda line: rate_text(line["load_requests_per_s"]),
    "at most": lambda line: rate_text(line["highest_requests_per_s"]),
    "throttled at first": lambda line: percent(line["throttled_now"]),
    "for good": lambda line: percent(line["throttled_after_splits"]),
    "shards": lambda line: line["shards"],
}


def _line(one: KeyAnalysis) -> dict[str, Any]:
    hot, verdict = one.hottest, one.verdict
    return {
        "keys_of": one.name,
        "keys": one.cardinality.values,
        "items": one.cardinality.items,
        "hottest_key": hot.key if hot else "",
        "share_of_units": hot.share if hot else 0.0,
        "load_requests_per_s": verdict.load_per_s,
        "highest_requests_per_s": verdict.rate_per_s,
        "holds": verdict.holds,
        "limited_by": str(verdict.bound or ""),
        "throttled_now": verdict.throttled_now,
        "throttled_after_splits": verdict.throttled_after_splits,
        "shards": verdict.shards,
    }


# Making one


def key_report(
    design: Design | Items,
    *,
    at: At = "peak",
    tables: Sequence[str] | None = None,
    seed: int = DEFAULT_SEED,
    now: int = DEFAULT_NOW,
    hash_seed: int | None = None,
) -> KeyReport:
    """How good the partition keys of each table and global index are, under the load of all access patterns.

    `at` takes their peak or mean rates, `tables` some of the tables. Items are generated from a design, or given.
    ValueError for a table that there is not.
    """
    if at not in ("peak", "rate"):
        raise ValueError(f"at={at!r}: either 'peak' (the highest rate, for limits) or 'rate' (the mean, for cost)")
    items = items_of(design, seed, now)
    for name in tables or ():
        if name not in items.design.tables:
            known = ", ".join(items.design.tables)
            raise ValueError(f"{items.design.name} has no table {name!r}; its tables are {known}")
    patterns = _by_table(items.design, at)
    wanted = list(tables or items.design.tables)
    found = [one for name in wanted for one in _table(items, name, patterns.get(name, []), at, hash_seed)]
    return KeyReport(items.design.name, at, tuple(found))


def _by_table(design: Design, at: At) -> dict[str, list[AccessPattern]]:
    """The access patterns with a rate by the tables that they go to; transactions and batches may go to several."""
    found: dict[str, list[AccessPattern]] = {}
    for pattern in design.served_patterns():
        names = [pattern.table] if pattern.table else [design.table_of(e.name).name for e in design.addressed(pattern)]
        for name in dict.fromkeys(names) if rate_at(pattern, at) else ():
            found.setdefault(name, []).append(pattern)
    return found


def _table(
    items: Items, name: str, patterns: Sequence[AccessPattern], at: At, hash_seed: int | None
) -> Iterator[KeyAnalysis]:
    """A table's analysis, then those of its global indexes, whose bounds for writes are the table's too."""
    table = items.design.tables[name]
    own = _analysis(items, name, None, patterns, at, hash_seed)
    indexes = [_analysis(items, name, index, patterns, at, hash_seed) for index in table.gsi]
    rate = own.requests.requests_per_s
    held = [
        replace(bound, rate_per_s=bound.multiple * rate, index=one.index)
        for one in indexes
        for bound in (*one.key_bounds, *one.settings)
        if bound.kind == "write"
    ]
    yield replace(own, others=tuple(held))
    yield from indexes


def _analysis(
    items: Items, table: str, index: str | None, patterns: Sequence[AccessPattern], at: At, hash_seed: int | None
) -> KeyAnalysis:
    keys = keys_of(items, table, index)
    found = [(p, demand) for p in patterns for demand in demands(keys, p, rate_at(p, at)) if len(demand.keys)]
    labels = keys.labels()
    stored = spread_items(keys, np.zeros(len(keys), dtype=np.int64), 1, hash_seed)
    partitions = partitions_at_first(keys.table, keys.index, float(stored.bytes.sum()))
    placed, loads = keys.placed(partitions, hash_seed), summed([demand for _, demand in found])
    requests = RequestSpread(table, index, at, labels, placed, partitions, loads, hash_seed)
    held = replace(stored, placed=placed, partitions=partitions)
    motions: dict[str, Motion] = {name: motion(keys, p) for name, p in {p.name: p for p, _ in found}.items()}
    return KeyAnalysis(
        held,
        requests,
        _atoms(held, found, motions, pinned_by(keys)),
        _targeting(items.design, [p for p in patterns if _asks(p, keys)], at),
        Monotonicity(_rank_correlation(keys, patterns), {n: m for n, m in motions.items() if m}, pinned_by(keys)),
        tuple(setting_bounds(requests, keys.table, keys.index)),
        keys.placed(RANGES, hash_seed),
        {p.name: (read_factor(p), p.limit is not None) for p, _ in found if p.operation == "Query"},
    )


def _rank_correlation(keys: PartitionKeys, patterns: Sequence[AccessPattern]) -> float:
    """That of the entities of which new items are put, the most monotonic one's."""
    names = {name for pattern in patterns for name in entities_put(keys.items.design, pattern) if name in keys.of}
    return max((rank_correlation(keys, keys.items.entities[name]) for name in sorted(names)), key=abs, default=0.0)


# Atoms


def _atoms(held: ItemSpread, found: Found, motions: Mapping[str, Motion], pinned: str) -> dict[Kind, Atoms]:
    count = np.ones(len(held.keys), dtype=np.int64) if pinned else np.clip(held.items, 1, SEGMENTS)
    hottest: dict[Kind, Floats] = {kind: np.zeros(len(held.keys)) for kind in KINDS}
    for pattern, demand in found:
        hottest[demand.kind] += _hottest(pattern, demand, count, bool(motions[pattern.name]))
    return {kind: Atoms(hottest[kind], count) for kind in KINDS}


def _hottest(pattern: AccessPattern, demand: Demand, count: Ints, moves: bool) -> Floats:
    """Units a second of a pattern on the hottest atom of each key."""
    units = demand.requests * demand.units
    whole = np.bincount(demand.keys, units, minlength=len(count)).astype(float)
    if moves or (pattern.operation == "Query" and pattern.limit is not None):
        return whole
    hottest = whole / count
    if pattern.operation not in ("Query", "Scan") and pattern.target_of() != "new":
        np.maximum.at(hottest, demand.keys, units)
    return hottest


# Targeting


def _asks(pattern: AccessPattern, keys: PartitionKeys) -> bool:
    """Whether a pattern's own requests, not the index writes that follow from them, go to this table or index."""
    return (pattern.index if pattern.index in keys.table.gsi else None) == keys.ring_index


def _targeting(design: Design, patterns: Sequence[AccessPattern], at: At) -> Targeting:
    shares = {"one": 0.0, "several": 0.0, "all": 0.0}
    for pattern in patterns:
        shares[_reached(design, pattern)] += rate_at(pattern, at)
    total = sum(shares.values()) or 1.0
    return Targeting(**{name: share / total for name, share in shares.items()})


def _reached(design: Design, pattern: AccessPattern) -> str:
    if pattern.operation == "Scan":
        return "all" if pattern.page_limit is None else "one"
    shared = {name for e in design.addressed(pattern) for name in (design.table_of(e.name).partition_key,)}
    alone = bool(pattern.same) and not pattern.actions and shared <= set(pattern.same)
    times = sum(a.count.mean if a.count else 1 for a in pattern.actions) or (pattern.count.mean if pattern.count else 1)
    return "one" if alone or (times <= 1 and not pattern.for_each) else "several"
