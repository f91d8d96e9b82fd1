"""The key report: how good the keys of each table and index are, measured, and how much they can serve at most.

The names are those that people know from MongoDB's analyzeShardKey: cardinality (how many values a key has), frequency
(how often the most common ones occur), monotonicity (whether the heat moves with time), targeting (how many requests
find what they need in one partition). To these come the spread over the hash ring, the normalised utilisation (how
much of its limit the busiest partition uses), and a verdict: the highest rate that the design can ever sustain, and
which key of which resource sets it. Nothing is simulated; `ceilings` has the closed forms.

A collection can be split by sort key, unless a local index or a rising sort key prevents it, so what counts is the
hottest *atom*: the part of a key that no split divides. How the requests of a key fall on its atoms is estimated: those
for single items by the items, a Query with a limit on one end of the collection, others evenly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench import concentration
from workbench.bounds import Bound
from workbench.ceilings import excess, shards_needed, throttled_share
from workbench.columns import Floats, Ints
from workbench.concentration import Frequency, frequency
from workbench.keymeasures import Atoms, Cardinality, Monotonicity, ShardedRead, Spread, Targeting, Verdict
from workbench.load import Kind
from workbench.motions import Motion
from workbench.results import Result, html_table, percent
from workbench.spreads import KINDS, LIMITS, UNIT, HotKey, ItemSpread, RequestSpread, rate_text, times_text

if TYPE_CHECKING:
    import pandas as pd

RANGES = 100  # equal ranges of the ring over which a spread is measured
SHOWN = 20  # values that a frame of the most common ones has
What = Literal["items", "read", "write"]


@dataclass(frozen=True, repr=False)
class KeyAnalysis(Result):
    """The partition keys of a table or global index, measured under a load; a local index counts with its table."""

    items: ItemSpread
    requests: RequestSpread
    atoms: Mapping[Kind, Atoms] = field(repr=False)
    targeting: Targeting
    monotonicity: Monotonicity
    settings: tuple[Bound, ...]  # capacity, quotas and maxima that bind whatever the keys
    ranges: Ints = field(repr=False)  # which of 100 equal ranges of the ring each key is in
    queries: Mapping[str, tuple[float, bool]] = field(
        repr=False
    )  # of each Query: the factor of its units, has it a limit
    others: tuple[Bound, ...] = ()  # of a table: its indexes' bounds, which hold back its writes

    @property
    def table(self) -> str:
        """The table."""
        return self.items.table

    @property
    def index(self) -> str | None:
        """The index, or None."""
        return self.items.index

    @property
    def name(self) -> str:
        """The table, or the index and its table."""
        return self.items.name

    @cached_property
    def cardinality(self) -> Cardinality:
        """Distinct values, and items under each."""
        count = self.items.items
        values, most = int((count > 0).sum()), int(count.max(initial=0))
        return Cardinality(values, int(count.sum()), most, most == 1)

    @cached_property
    def frequency(self) -> Mapping[What, Frequency]:
        """How concentrated items, read units and write units are on the most common values."""
        return {
            "items": frequency(self.items.items),
            **{kind: frequency(self.requests.units(kind)) for kind in KINDS},
        }

    @cached_property
    def spread(self) -> Mapping[Kind, Spread]:
        """Read and write units over 100 equal ranges of the hash ring."""
        return {kind: self._spread(self.per_range(kind)) for kind in KINDS}

    def per_range(self, kind: Kind) -> Floats:
        """Units a second of each of 100 equal ranges of the hash ring."""
        return np.bincount(self.ranges, self.requests.units(kind), minlength=RANGES).astype(float)

    @staticmethod
    def _spread(units: Floats) -> Spread:
        return Spread(concentration.gini(units), concentration.variation(units), concentration.peak_to_mean(units))

    @property
    def utilisation(self) -> float:
        """Normalised utilisation: units of the busiest partition at first as a multiple of its limit."""
        return max(float(self.requests.per_partition(kind).max(initial=0.0)) / LIMITS[kind] for kind in KINDS)

    @property
    def utilised_by(self) -> str:
        """The key that asks the most of the busiest partition; "" where nothing is asked."""
        used = {kind: self.requests.per_partition(kind) / LIMITS[kind] for kind in KINDS}
        kind = max(KINDS, key=lambda kind: float(used[kind].max(initial=0.0)))
        there = np.where(self.requests.placed == used[kind].argmax(), self.requests.units(kind), 0.0)
        return self.requests.keys[int(there.argmax())] if there.any() else ""

    def atom_share(self, kind: Kind) -> float:
        """The share of this kind's units that the hottest part takes which no split divides."""
        return float(self.atoms[kind].hottest.max(initial=0.0) / max(self.requests.units(kind).sum(), 1e-300))

    @property
    def hottest(self) -> HotKey | None:
        """The key nearest to a partition's limit."""
        return self.requests.hottest()

    @cached_property
    def key_bounds(self) -> tuple[Bound, ...]:
        """For read and write units the multiple of this load at which the hottest atom fills a partition."""
        return tuple(self._key_bound(kind) for kind in KINDS if self.requests.units(kind).any())

    def _key_bound(self, kind: Kind) -> Bound:
        hottest = self.atoms[kind].hottest
        place = int(hottest.argmax())
        multiple = LIMITS[kind] / float(hottest[place])
        resource, rate = f"{LIMITS[kind]:,} {UNIT[kind]}/s of one partition", self.requests.requests_per_s
        return Bound(kind, resource, LIMITS[kind], multiple, multiple * rate, self.requests.keys[place])

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """Everything that runs out, the first to do so first."""
        return tuple(sorted((*self.key_bounds, *self.settings, *self.others), key=lambda bound: bound.multiple))

    @property
    def by_keys(self) -> float:
        """The highest requests a second of this mix that the keys allow, whatever is provisioned or raised."""
        return min((bound.rate_per_s for bound in self.key_bounds), default=float("inf"))

    def after_splits(self, kind: Kind) -> float:
        """The share of this kind's units that no number of partitions serves."""
        whole, atoms = self.requests.units(kind), self.atoms[kind]
        rest = np.maximum(atoms.count - 1, 1)
        above = excess(atoms.hottest, LIMITS[kind]) + rest * excess((whole - atoms.hottest) / rest, LIMITS[kind])
        return float(above.sum() / whole.sum()) if whole.any() else 0.0

    def at_first(self, kind: Kind) -> float:
        """The share of this kind's units above the limits of the partitions that there are before any split."""
        return throttled_share(self.requests.per_partition(kind), LIMITS[kind])

    @property
    def hot_bound(self) -> Bound | None:
        """The first of the keys' bounds."""
        return min(self.key_bounds, key=lambda bound: bound.multiple, default=None)

    def asked_of(self, bound: Bound) -> str:
        """What the key of a bound is asked for in all, also what a split divides: the number that charts have."""
        hot = self.hottest
        same = hot is not None and (hot.key, hot.kind) == (bound.key, bound.kind)
        return f"{rate_text(hot.units_per_s)} {UNIT[hot.kind]}/s" if same and hot else bound.asked

    def why_undivided(self, bound: Bound) -> str:
        """Why splits do not help the key of a bound; "" where nothing but its own items' popularity is the cause."""
        place = self.requests.keys.index(str(bound.key))
        asked = {
            load.pattern: load.units[load.keys == place].sum()
            for load in self.requests.loads
            if load.kind == bound.kind
        }
        moved = self.monotonicity.motions.get(max(asked, key=lambda name: asked[name]), "")
        pinned = self.monotonicity.pinned_by
        return _MOVED[moved] if moved else f"its items cannot be split ({pinned})" if pinned else ""

    @cached_property
    def shards(self) -> int:
        """Over how many keys to write the hottest one for this load; 1 where it can stay as it is."""
        hot = self.hot_bound
        return shards_needed(hot.limit / hot.multiple, hot.limit) if hot and hot.multiple < 1 else 1

    def sharded_reads(self, key: str, shards: int) -> tuple[ShardedRead, ...]:
        """What the Queries of a key cost once it is written over so many shards, each of which they must ask."""
        place = self.requests.keys.index(key)
        found = [(load, at[0]) for load in self.requests.loads if len(at := np.flatnonzero(load.keys == place))]
        return tuple(
            _sharded(load.pattern, float(load.units[at] / load.requests[at]), *self.queries[load.pattern], shards)
            for load, at in found
            if load.pattern in self.queries
        )

    @cached_property
    def verdict(self) -> Verdict:
        """What it can serve at most, and why not more."""
        now, later = (max(map(share, KINDS)) for share in (self.at_first, self.after_splits))
        reads = self.sharded_reads(str(self.hot_bound.key), self.shards) if self.hot_bound and self.shards > 1 else ()
        bound = next(iter(self.bounds), None)
        return Verdict(self.requests.requests_per_s, bound, now, later, self.shards, reads, verdict_text(self, reads))

    def summary_line(self) -> str:
        return f"{self.name} at {self.requests.at}: {self.verdict}"

    def to_frame(self) -> "pd.DataFrame":
        """The most common values, the one nearest to a partition's limit first: items, read and write units of each."""
        import pandas as pd

        frame = self.requests.to_frame().head(SHOWN)
        places = [self.requests.keys.index(key) for key in frame["key"]]
        shares = self.items.shares[places]
        split = np.maximum(*(self.atoms[kind].count[places] for kind in KINDS)) if places else []
        columns = ["key", "read_units_per_s", "share_of_read_units", "write_units_per_s", "share_of_write_units"]
        found = pd.DataFrame({name: frame[name] for name in columns}).reset_index(drop=True)
        found.insert(1, "items", self.items.items[places])
        found.insert(2, "share_of_items", shares)
        return found.assign(utilisation=frame["utilisation"].to_numpy(), parts_at_most=split)

    def shown(self) -> dict[str, list[Any]]:
        """What people see: the busiest keys, what they take, and into how many parts splits can divide them."""
        return self.requests.shown_keys(self.to_frame(), ["items", "parts_at_most"])

    def _html(self, rows: int) -> str:
        return html_table(self.shown(), self.summary_line(), rows, len(self.requests.keys))

    def measures(self) -> "pd.DataFrame":
        """Every measure in a line: which, of what, its value."""
        import pandas as pd

        return pd.DataFrame(self._measures(), columns=["measure", "of", "value"])

    def _measures(self) -> Iterator[tuple[str, str, float]]:
        has, told = self.cardinality, self.targeting
        yield from (("distinct values", "keys", has.values), ("items", "items", has.items))
        yield from (("items per key", "mean", has.items_per_key), ("items per key", "most", has.most_items))
        for what, found in self.frequency.items():
            of = what if what == "items" else f"{what} units"
            yield from ((words, of, getattr(found, name)) for name, words in _FREQUENCY.items())
        yield "rank correlation of sort key and time", "new items", self.monotonicity.rank_correlation
        yield from (("share of calls that ask", f"{name} key(s)", share) for name, share in vars(told).items())
        for kind, spread in self.spread.items():
            yield from ((words, f"{kind} units", getattr(spread, name)) for name, words in _SPREAD.items())
        yield from (("share of the hottest indivisible part", f"{k} units", self.atom_share(k)) for k in KINDS)
        yield "utilisation of the busiest partition", f"its limit, most by {self.utilised_by}", self.utilisation
        yield from (("highest requests/s", str(bound), bound.rate_per_s) for bound in self.bounds)


_MOVED: dict[Motion, str] = {
    "rising sort key": "its sort key rises with time, and the newest end takes all",
    "current time": "all requests of the moment share the newest key",
    "moving hot set": "the hot set moves on before splits help",
}
_FREQUENCY = {
    "top1": "share of the most common value",
    "top10": "share of the top 10",
    "top_percent": "share of the top 1 %",
    "zipf": "fitted Zipf exponent",
    "entropy_bits": "entropy in bits",
    "effective_keys": "effective keys",
}
_SPREAD = {
    "gini": "Gini coefficient over the ring",
    "variation": "coefficient of variation over the ring",
    "peak_to_mean": "peak to mean over the ring",
}


def _sharded(pattern: str, units: float, factor: float, has_limit: bool, shards: int) -> ShardedRead:
    """A Query for all shards: each reads its part, with a limit up to as much again, and pays for a unit at least."""
    each = units / factor if has_limit else max(1.0, float(np.ceil(units / factor / shards - 1e-9)))
    return ShardedRead(pattern, shards, units, shards * each * factor)


# The verdict in words


def verdict_text(one: KeyAnalysis, reads: tuple[ShardedRead, ...] = ()) -> str:
    """What a table or index can serve at most, and why not more, in a sentence."""
    bound, hot = next(iter(one.bounds), None), one.hot_bound
    if bound is None:
        return "no access pattern with a rate comes here"
    words = [_served(one, bound)]
    if bound.key is not None and bound.multiple < 1:
        words.append(_because(one, bound))
    if hot is not None and hot.multiple < 1 and bound is not hot:
        words.append(f"{hot.key} is asked for {one.asked_of(hot)}, more than the {hot.resource}")
    words += _throttled(one)
    if one.shards > 1 and hot is not None:
        words.append(f"{one.shards} shards of {hot.key} would hold it{_cost(reads)}")
    return "; ".join(words)


def _served(one: KeyAnalysis, bound: Bound) -> str:
    load = f"{rate_text(one.requests.requests_per_s)} requests/s"
    if bound.multiple < 1:
        return f"serves at most {rate_text(bound.rate_per_s)} of {load}, {percent(bound.multiple)}"
    return f"serves {times_text(bound.multiple)} times this load of {load}; the first limit is {bound}"


def _because(one: KeyAnalysis, bound: Bound) -> str:
    where = f"in index {bound.index} " if bound.index else ""
    asked = f"{where}{bound.key} is asked for {one.asked_of(bound)}, and one partition serves {bound.limit:,.0f}"
    why = "" if bound.index else one.why_undivided(bound)
    return asked + (f": {why}" if why else "")


def _throttled(one: KeyAnalysis) -> Iterator[str]:
    kind = max(KINDS, key=one.after_splits)
    if (share := one.after_splits(kind)) > 0:
        yield f"{percent(share)} of {kind} units are throttled however many partitions there are"
    elif (share := max(map(one.at_first, KINDS))) > 0:
        yield f"{percent(share)} of units are throttled until splits are done"


def _cost(reads: tuple[ShardedRead, ...]) -> str:
    told = [f"{r.pattern} becomes {r.queries} Queries, {r.units_before:,.3g} to {r.units_after:,.3g} RU" for r in reads]
    return f" ({'; '.join(told)})" if told else ""
