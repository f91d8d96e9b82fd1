"""Spreads: what lies under each partition key and what is asked of it, as records with a finding.

What has one partition key stands together and is served by one partition: 3,000 read units and 1,000 write units a
second, whatever the table's capacity mode and however many partitions it has. So the share q of the hottest key says
what a table can serve: limit / (q x units per request). (AWS: bp-partition-key-design.)

DynamoDB may split a busy collection by sort key after some minutes; before that, and always with a local index or a
sort key that only rises, this is the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench import limits
from workbench.ceilings import sustainable_rate
from workbench.columns import Floats, Ints
from workbench.load import Kind
from workbench.results import Result, heading, html_table, in_words, percent

if TYPE_CHECKING:
    import pandas as pd

KINDS: tuple[Kind, Kind] = ("read", "write")
LIMITS: dict[Kind, int] = {"read": limits.PARTITION_READ_UNITS, "write": limits.PARTITION_WRITE_UNITS}
UNIT: dict[Kind, str] = {"read": "RU", "write": "WU"}


def rate_text(rate: float) -> str:
    """A number of units a second as people read it.

    >>> rate_text(1500.4), rate_text(2.1678)
    ('1,500', '2.17')
    """
    return f"{rate:,.3g}" if rate < 10 else f"{rate:,.0f}"


def times_text(multiple: float) -> str:
    """How many times something fits, in three digits and without an exponent.

    >>> times_text(1.294), times_text(1466.4), times_text(20_479)
    ('1.29', '1,470', '20,500')
    """
    return f"{float(f'{multiple:.3g}'):,.10g}"


SHOWN_KEYS = 10


# Items


@dataclass(frozen=True, repr=False)
class ItemSpread(Result):
    """How many items and bytes each partition key has, and in which simulated partition it stands."""

    table: str
    index: str | None
    keys: tuple[str, ...]
    items: Ints
    bytes: Ints
    placed: Ints
    partitions: int
    hash_seed: int | None = None

    @property
    def name(self) -> str:
        """The table, or the index and its table."""
        return _name(self.table, self.index)

    @property
    def shares(self) -> Floats:
        """Each key's share of the items."""
        return self.items / max(int(self.items.sum()), 1)

    @property
    def largest(self) -> int:
        """Which key has the most items."""
        return int(self.items.argmax())

    @property
    def is_even(self) -> bool:
        """Whether no key sticks out: none has 1 % of all items and 1.3 times the mean share."""
        return _is_even(self.shares)

    @property
    def finding(self) -> str:
        """What the spread shows, in a sentence."""
        if not len(self.keys):
            return "there are no items"
        total, most = f"{int(self.items.sum()):,} items", percent(float(self.shares[self.largest]))
        if self.is_even:
            return f"items lie evenly: none of {len(self.keys):,} keys has more than {most} of {total}"
        others = int((self.items == self.items[self.largest]).sum()) - 1
        if others:
            return f"{self.keys[self.largest]} and {others:,} more hold {most} each of all {total}"
        return f"{self.keys[self.largest]} holds {most} of all {total}"

    def summary_line(self) -> str:
        return f"{self.name}: {self.finding}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per partition key, the one with most items first."""
        import pandas as pd

        order = np.argsort(-self.items, kind="stable")
        frame = {
            "key": np.array(self.keys, dtype=object),
            "items": self.items,
            "share_of_items": self.shares,
            "bytes": self.bytes,
            "share_of_bytes": self.bytes / max(int(self.bytes.sum()), 1),
            "partition": self.placed,
        }
        return pd.DataFrame({name: values[order] for name, values in frame.items()})

    def shown(self) -> "pd.DataFrame":
        """What people see: the keys with the most items."""
        return in_words(self.to_frame().head(SHOWN_KEYS))

    def _html(self, rows: int) -> str:
        return html_table(self.shown(), self.summary_line(), rows, len(self.keys))

    def by_partition(self) -> "pd.DataFrame":
        """A line per simulated partition, in the order of the ring: keys, items and bytes."""
        import pandas as pd

        keys, items, size = (self.per_partition(w) for w in (np.ones(len(self.keys)), self.items, self.bytes))
        columns = {"keys": keys, "items": items, "bytes": size}
        whole = {name: values.astype(np.int64) for name, values in columns.items()}
        shares = {"share_of_items": items / max(items.sum(), 1), "share_of_bytes": size / max(size.sum(), 1)}
        return pd.DataFrame({"partition": np.arange(self.partitions), **whole, **shares})

    def per_partition(self, values: Any) -> Floats:
        """Values of the keys summed up by partition."""
        return np.bincount(self.placed, values, minlength=self.partitions).astype(float)


# Requests


@dataclass(frozen=True)
class PatternLoad:
    """What one access pattern asks of the keys it touches, a second: `keys` by number, requests and units."""

    pattern: str
    kind: Kind
    keys: Ints
    requests: Floats
    units: Floats


@dataclass(frozen=True)
class HotKey:
    """The key that takes the most of one kind of units: its share of them, what that is a second, and who asks."""

    key: str
    kind: Kind
    share: float
    requests_per_s: float
    units_per_s: float
    limit: int
    partition: int
    pattern: str
    pattern_share: float

    @property
    def utilisation(self) -> float:
        """Its units as a multiple of what one partition serves."""
        return self.units_per_s / self.limit

    def __str__(self) -> str:
        rate = f"{rate_text(self.units_per_s)} {UNIT[self.kind]}/s"
        return f"{self.key} takes {percent(self.share)} of {self.kind} units: {rate}, {self.against}"

    @property
    def against(self) -> str:
        """Its units against one partition's limit, in words."""
        if self.utilisation < 1:
            return f"{percent(self.utilisation)} of what one partition serves"
        return f"{self.utilisation:,.1f} times what one partition serves"


@dataclass(frozen=True, repr=False)
class RequestSpread(Result):
    """The requests, read units and write units a second that each partition key and simulated partition gets."""

    table: str
    index: str | None
    at: Literal["peak", "rate"]
    keys: tuple[str, ...]
    placed: Ints
    partitions: int
    loads: tuple[PatternLoad, ...] = field(repr=False)
    hash_seed: int | None = None

    @property
    def name(self) -> str:
        """The table, or the index and its table."""
        return _name(self.table, self.index)

    def units(self, kind: Kind) -> Floats:
        """Units a second of each key."""
        return self._units[kind]

    def requests(self, kind: Kind) -> Floats:
        """Requests a second of each key; a member of a batch or transaction counts as one."""
        return self._requests[kind]

    @cached_property
    def _units(self) -> dict[Kind, Floats]:
        return {kind: self._summed(kind, "units") for kind in KINDS}

    @cached_property
    def _requests(self) -> dict[Kind, Floats]:
        return {kind: self._summed(kind, "requests") for kind in KINDS}

    def _summed(self, kind: Kind, what: Literal["units", "requests"]) -> Floats:
        total = np.zeros(len(self.keys))
        for load in self.loads:
            if load.kind == kind:
                total[load.keys] += getattr(load, what)
        return total

    def per_partition(self, kind: Kind) -> Floats:
        """Units a second of each simulated partition, in the order of the ring."""
        return np.bincount(self.placed, self.units(kind), minlength=self.partitions).astype(float)

    def hottest(self, kind: Kind | None = None) -> HotKey | None:
        """The key with the most read or write units a second; without a kind, the one nearest to its limit."""
        if kind is None:
            hot = [key for key in map(self.hottest, KINDS) if key]
            return max(hot, key=lambda key: key.utilisation, default=None)
        units = self.units(kind)
        if not units.any():
            return None
        place = int(units.argmax())
        by_pattern = {load.pattern: 0.0 for load in self.loads if load.kind == kind}
        for load in self.loads:
            if load.kind == kind:
                by_pattern[load.pattern] += float(load.units[load.keys == place].sum())
        pattern = max(by_pattern, key=lambda name: by_pattern[name])
        return HotKey(
            self.keys[place],
            kind,
            float(units[place] / units.sum()),
            float(self.requests(kind)[place]),
            float(units[place]),
            LIMITS[kind],
            int(self.placed[place]),
            pattern,
            by_pattern[pattern] / float(units[place]),
        )

    @property
    def requests_per_s(self) -> float:
        """All requests a second."""
        return float(sum(self.requests(kind).sum() for kind in KINDS))

    @property
    def utilisation(self) -> float:
        """Units of the hottest key as a multiple of what one partition serves; 0 where nobody asks."""
        hot = self.hottest()
        return hot.utilisation if hot else 0.0

    @property
    def sustainable_rate(self) -> float:
        """The highest rate of this mix of requests, a second, at which no key passes what one partition serves.

        The least, over reads and writes, of limit / (share of the hottest key x units per request). This is by keys
        alone: until DynamoDB has split them, partitions that hold many keys each can pass their limit before.
        """
        hot = self.hottest()
        if hot is None:
            return float("inf")
        units = float(self.units(hot.kind).sum())
        return sustainable_rate(hot.share, units / self.requests_per_s, hot.limit)

    @property
    def is_even(self) -> bool:
        """Whether no key sticks out of either kind of units: none has 1 % and 1.3 times the mean share."""
        return all(_is_even(self.units(kind) / max(self.units(kind).sum(), 1e-300)) for kind in KINDS)

    @property
    def finding(self) -> str:
        """What the spread shows, in a sentence."""
        hot = self.hottest()
        if hot is None:
            return "no access pattern with a rate comes here"
        if self.is_even and hot.utilisation < 1:
            most = f"more than {percent(hot.share)} of {hot.kind} units"
            return f"requests are even: none of {len(self.keys):,} keys takes {most}{self._crowded}"
        return f"{hot}{self._crowded if hot.utilisation <= 1 else ''}"

    @property
    def partitions_over(self) -> int:
        """How many simulated partitions are asked for more read or write units than they serve."""
        used = [self.per_partition(kind) / LIMITS[kind] for kind in KINDS]
        return int((np.maximum(*used) > 1 + 1e-9).sum())

    @property
    def _crowded(self) -> str:
        """The partitions over their limit in words, unless it is one and for the hottest key's sake."""
        over = self.partitions_over
        if over <= (self.utilisation > 1):
            return ""
        return f"; {over:,} of {self.partitions:,} partitions over their limit at first"

    def summary_line(self) -> str:
        most = self.sustainable_rate
        beyond = f"; at most {most:,.0f} requests/s of this mix by keys alone" if most < float("inf") else ""
        crowded = self._crowded if self.utilisation > 1 else ""  # else the finding says it
        return f"{self.name} at {self.at}: {self.finding}{crowded}{beyond}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per partition key with requests and units a second, the one nearest to a partition's limit first."""
        import pandas as pd

        read, write = (self.units(kind) for kind in KINDS)
        utilisation = np.maximum(*(self.units(kind) / LIMITS[kind] for kind in KINDS))
        frame = {
            "key": np.array(self.keys, dtype=object),
            "reads_per_s": self.requests("read"),
            "writes_per_s": self.requests("write"),
            "read_units_per_s": read,
            "write_units_per_s": write,
            "share_of_read_units": read / max(read.sum(), 1e-300),
            "share_of_write_units": write / max(write.sum(), 1e-300),
            "utilisation": utilisation,
            "partition": self.placed,
        }
        order = np.argsort(-utilisation, kind="stable")
        return pd.DataFrame({name: values[order] for name, values in frame.items()})

    def shown(self) -> dict[str, list[Any]]:
        """What people see: the busiest keys, what they take, and how much of a partition's limit that is."""
        return self.shown_keys(self.to_frame(), ["partition"])

    def _html(self, rows: int) -> str:
        return html_table(self.shown(), self.summary_line(), rows, len(self.keys))

    @staticmethod
    def shown_keys(frame: "pd.DataFrame", more: Sequence[str]) -> dict[str, list[Any]]:
        """The keys of a frame and their units as people read them, the first ten; `more` columns at the end."""
        first = frame.head(SHOWN_KEYS)
        columns: dict[str, list[Any]] = {"key": list(first["key"])}
        for kind in KINDS:
            columns[f"{kind} units/s"] = list(first[f"{kind}_units_per_s"])
            columns[f"of all {kind}s"] = [percent(share) for share in first[f"share_of_{kind}_units"]]
        columns["of a partition's limit"] = [percent(share) for share in first["utilisation"]]
        return {**columns, **{heading(name): list(first[name]) for name in more}}

    def by_partition(self) -> "pd.DataFrame":
        """A line per simulated partition: units a second, and how much of its limits they take."""
        import pandas as pd

        read, write = (self.per_partition(kind) for kind in KINDS)
        return pd.DataFrame(
            {
                "partition": np.arange(self.partitions),
                "read_units_per_s": read,
                "write_units_per_s": write,
                "utilisation": np.maximum(read / LIMITS["read"], write / LIMITS["write"]),
            }
        )

    def by_pattern(self) -> "pd.DataFrame":
        """A line per access pattern and kind: requests, units each and a second, and its share of the hottest key."""
        import pandas as pd

        return pd.DataFrame([self._pattern_line(load) for load in self.loads])

    def _pattern_line(self, load: PatternLoad) -> dict[str, Any]:
        hot = self.hottest(load.kind)
        requests, units = float(load.requests.sum()), float(load.units.sum())
        there = load.keys == (self.keys.index(hot.key) if hot else -1)
        return {
            "pattern": load.pattern,
            "kind": load.kind,
            "requests_per_s": requests,
            "units_per_request": units / requests,
            "units_per_s": units,
            "share_of_hottest_key": float(load.units[there].sum()) / hot.units_per_s if hot else 0.0,
        }


def _is_even(shares: Floats) -> bool:
    return bool(shares.max(initial=0.0) <= max(0.01, 1.3 / max(len(shares), 1)))


def _name(table: str, index: str | None) -> str:
    return table if index is None else f"{index} of {table}"
