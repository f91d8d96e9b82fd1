"""Recording: the histories of a simulation, added up block by block while it runs.

Partitions that are at rest have no column of their own; what they consumed together is shared out by their load, which
is the mean of what each of them got, given the sum. A heat map spreads what a partition consumed over the rows that it
covers, again by the load that stands there.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workbench.columns import Floats
from workbench.flows import KINDS, Flow
from workbench.histories import BUCKETS, Heat, PatternHistory, RingHistory
from workbench.load import Kind
from workbench.throughput import reason_name


class Recording:
    """What one ring saw: rows for intervals, and series by second."""

    def __init__(self, flow: Flow, seconds: int, interval_s: int, heat: bool):
        self.flow, self.interval_s, self.intervals = flow, interval_s, -(-seconds // interval_s)
        self.kinds: list[Kind] = [kind for kind in KINDS if flow.rows[kind]]
        self.consumed: dict[Kind, list[Floats]] = {kind: [] for kind in self.kinds}
        self.throttled: dict[Kind, list[Floats]] = {kind: [] for kind in self.kinds}
        self.per_s: dict[Kind, Floats] = {kind: np.zeros(seconds) for kind in KINDS}
        self.asked = np.zeros((len(flow.streams), seconds))
        self.given_up = np.zeros((len(flow.streams), seconds))
        self.lost: list[dict[tuple[str | None, str], Floats]] = [{} for _ in flow.streams]
        self.capacity: dict[Kind, Floats] = {kind: np.zeros(self.intervals) for kind in KINDS}
        self.burst: dict[Kind, Floats] = {kind: np.zeros(self.intervals) for kind in KINDS}
        self.backlog = np.zeros(self.intervals)
        self.seconds, self.until = seconds, 0
        self.map = HeatRows(flow, self.intervals, self.kinds) if heat else None

    def add(self) -> None:
        """Add the block that the flow has just finished."""
        flow, interval = self.flow, self.flow.first // self.interval_s
        self.until = flow.until
        here = slice(flow.first, flow.until)
        for kind in self.kinds:
            self._add_units(self.consumed[kind], interval, kind, flow.consumed[kind])
            self._add_units(self.throttled[kind], interval, kind, flow.throttled[kind])
            self.per_s[kind][here] = flow.served[kind]
            bucket = flow.buckets[kind]
            self.capacity[kind][interval] = min((rate for rate, _, _ in bucket.limits), default=np.inf)
            self.burst[kind][interval] = bucket.saved()
        self.asked[:, here], self.given_up[:, here] = flow.asked, flow.given_up
        for stream, reasons in enumerate(flow.lost):
            for reason, units in reasons.items():
                if reason not in self.lost[stream]:
                    self.lost[stream][reason] = np.zeros(self.seconds)
                self.lost[stream][reason][here] += units
        self.backlog[interval] = float(flow.backlog.sum())
        if self.map is not None:
            self.map.add(interval)

    def _add_units(self, rows: list[Floats], interval: int, kind: Kind, units: Floats) -> None:
        """Add a block's units of the columns to the interval's row of partitions."""
        parts = self.flow.partitions
        while len(rows) <= interval:
            rows.append(np.zeros(0))
        row = rows[interval]
        if len(row) < parts.count:
            row = rows[interval] = np.concatenate([row, np.zeros(parts.count - len(row))])
        row[parts.columns] += units[:-1]
        if units[-1] > 0:
            row += self._resting(kind, float(units[-1]))

    def _resting(self, kind: Kind, units: float) -> Floats:
        """Units of the rest, shared out to the partitions at rest by what each stream asks of them."""
        flow, parts = self.flow, self.flow.partitions
        asked = {i: float(flow.offered[i][:, -1].sum()) for i in flow.rows[kind]}
        total, found = sum(asked.values()), np.zeros(parts.count)
        for i, mine in asked.items():
            if mine > 0 and parts.resting_units[i] > 0:
                found += parts.units[i, : parts.count] * (units * mine / total / parts.resting_units[i])
        found *= parts.resting[: parts.count]
        return found * (units / max(float(found.sum()), 1e-300))

    def ring(self, seconds: int) -> RingHistory:
        """The history of the ring, of so many seconds."""
        flow, ring = self.flow, self.flow.ring
        count, intervals = flow.partitions.count, -(-seconds // self.interval_s)
        reasons: dict[str, Floats] = {}
        for stream, found in enumerate(self.lost):
            for (index, why), units in found.items():
                name = reason_name(index or ring.index, flow.streams[stream].kind, why)
                reasons[name] = reasons.get(name, np.zeros(seconds)) + units[:seconds]
        return RingHistory(
            table=ring.table,
            index=ring.index,
            mode=ring.settings.mode,
            keys=ring.count,
            hot=flow.placement.hot(),
            partitions=flow.partitions.history(),
            consumed={kind: self._whole(self.consumed, kind, intervals, count) for kind in KINDS},
            throttled={kind: self._whole(self.throttled, kind, intervals, count) for kind in KINDS},
            reasons=reasons,
            capacity={kind: values[:intervals] for kind, values in self.capacity.items()},
            burst_left={kind: values[:intervals] for kind, values in self.burst.items()},
            backlog=self.backlog[:intervals],
            consumed_per_s={kind: values[:seconds] for kind, values in self.per_s.items()},
            heat=self.map.heat(intervals) if self.map is not None else None,
        )

    def _whole(self, rows: dict[Kind, list[Floats]], kind: Kind, intervals: int, count: int) -> Floats:
        """The rows of a kind as one array; a kind that nobody asks for takes no memory."""
        if kind not in rows:
            return np.broadcast_to(np.zeros(()), (intervals, count))
        whole = np.zeros((intervals, count))
        for i, row in enumerate(rows[kind][:intervals]):
            whole[i, : len(row)] = row
            rows[kind][i] = np.zeros(0)
        return whole

    def patterns(self, seconds: int, names: list[str]) -> list[PatternHistory]:
        """What became of the patterns' requests here; an index's writes belong to the table's patterns."""
        found: dict[tuple[int, Kind], PatternHistory] = {}
        for i, stream in enumerate(self.flow.streams):
            if self.flow.is_index and stream.kind == "write":
                continue
            each = stream.total_units / max(stream.total_requests, 1e-300)
            lost = {
                reason_name(index or self.flow.ring.index, stream.kind, why): units[:seconds] / each
                for (index, why), units in self.lost[i].items()
            }
            asked, given_up = self.asked[i, :seconds] / each, self.given_up[i, :seconds] / each
            name, retried = names[stream.pattern], i in self.flow.waiting
            one = PatternHistory(name, stream.kind, self.flow.ring.name, asked, lost, given_up, retried)
            place = stream.pattern, stream.kind
            found[place] = _together(found[place], one) if place in found else one
        return list(found.values())


def _together(one: PatternHistory, other: PatternHistory) -> PatternHistory:
    """The history of a pattern whose requests came in two streams, as those that move and those that do not."""
    none = np.zeros(len(one.offered))
    reasons = {*one.throttled, *other.throttled}
    lost = {reason: one.throttled.get(reason, none) + other.throttled.get(reason, none) for reason in reasons}
    return replace(one, offered=one.offered + other.offered, throttled=lost, given_up=one.given_up + other.given_up)


class HeatRows:
    """The rows of a heat map: what 1,024 equal ranges of the ring consumed and were refused, in each interval."""

    def __init__(self, flow: Flow, intervals: int, kinds: list[Kind]):
        self.flow, self.kinds = flow, kinds
        self.consumed = {kind: np.zeros((BUCKETS, intervals)) for kind in kinds}
        self.throttled = {kind: np.zeros((BUCKETS, intervals)) for kind in kinds}
        edges = flow.placement.bucket_edges
        self.shares = [sums[edges[1:]] - sums[edges[:-1]] for sums in flow.placement.sums]

    def add(self, interval: int) -> None:
        """Add the block that the flow has just finished."""
        flow = self.flow
        bucket, owner, pieces = self._pieces()
        rates = flow.mean_rates(flow.first, flow.until)
        for kind in self.kinds:
            heat = sum((pieces[i] * rates[i] for i in flow.rows[kind]), np.zeros(len(bucket)))
            rest = sum((self.shares[i] * rates[i] for i in flow.rows[kind]), np.zeros(BUCKETS))
            rest = rest - np.bincount(bucket, heat * flow.lives[owner], minlength=BUCKETS)
            bucket_, owner_, heat_ = self._with_moving(kind, bucket, owner, heat, rates)
            totals = np.bincount(owner_, heat_, minlength=len(flow.lives))
            share = heat_ / np.maximum(totals[owner_], 1e-300)
            for rows, units in ((self.consumed, flow.consumed[kind]), (self.throttled, flow.throttled[kind])):
                rows[kind][:, interval] += np.bincount(bucket_, share * units[owner_], minlength=BUCKETS)
                if units[-1] > 0:
                    spread = np.maximum(rest, 0.0)
                    rows[kind][:, interval] += spread * (units[-1] / max(float(spread.sum()), 1e-300))

    def _pieces(self) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Floats]]:
        """The parts of active partitions within one row each: row, column, and each stream's units there."""
        flow, edges = self.flow, self.flow.placement.bucket_edges
        ids = flow.partitions.columns
        begin, end = flow.partitions.begin[ids], flow.partitions.end[ids]
        first = np.searchsorted(edges, begin, "right") - 1
        last = np.maximum(np.searchsorted(edges, end, "left") - 1, first)
        counts = last - first + 1
        owner = np.repeat(np.arange(len(ids)), counts)
        bucket = np.minimum(
            np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + first[owner], BUCKETS - 1
        )
        starts, stops = np.maximum(edges[bucket], begin[owner]), np.minimum(edges[bucket + 1], end[owner])
        stops = np.maximum(stops, starts)
        return bucket, owner, [sums[stops] - sums[starts] for sums in flow.placement.sums]

    def _with_moving(self, kind: Kind, bucket, owner, heat: Floats, rates: list[float]):
        """The pieces together with those of keys that move."""
        flow = self.flow
        length = flow.until - flow.first
        found = [
            (min(int(place * BUCKETS), BUCKETS - 1), column, units * rates[row] * (ends - begins) / length)
            for row, begins, ends, column, place, units in flow.moved
            if flow.streams[row].kind == kind
        ]
        if not found:
            return bucket, owner, heat
        buckets, columns, heats = (np.array(each) for each in zip(*found, strict=True))
        return np.append(bucket, buckets), np.append(owner, columns), np.append(heat, heats)

    def heat(self, intervals: int) -> Heat:
        """The rows as a record."""
        zero = np.broadcast_to(np.zeros(()), (BUCKETS, intervals))
        return Heat(
            {kind: self.consumed[kind][:, :intervals] if kind in self.consumed else zero for kind in KINDS},
            {kind: self.throttled[kind][:, :intervals] if kind in self.throttled else zero for kind in KINDS},
        )
