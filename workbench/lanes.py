"""Lanes: one ring of a simulation with the capacity that governs it.

How a table or index begins (cold, warm, with a history), what its tokens are refilled with, how on-demand capacity
follows the previous peak and provisioned capacity follows auto scaling, and how bytes grow: all that changes by the
minute, around the flow of requests that changes by the second.
"""

from collections.abc import Mapping

from workbench.conditions import Conditions
from workbench.draws import address
from workbench.flows import Flow
from workbench.load import Kind
from workbench.placement import Placement
from workbench.recording import Recording
from workbench.splitting import Partitions
from workbench.spreads import KINDS
from workbench.throughput import AutoScaler, TableBucket, first_partitions, on_demand_units, partitions_for
from workbench.workload import Ring


class Lane:
    """One ring of a run: its flow, its recording, and the table-level capacity that governs it."""

    def __init__(self, run: Conditions, number: int, ring: Ring):
        self.ring, self.profile, self.start = ring, run.profile, run.start
        placement = Placement(ring, run.work, run.profile, run.hash_seed)
        peaks = [float(run.rates[s.pattern].max(initial=0.0)) for s in ring.streams]
        wanted: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
        for stream, peak in zip(ring.streams, peaks, strict=True):
            wanted[stream.kind] += stream.total_units * peak
        self.settings = ring.settings
        self.warm: dict[Kind, float] = self._warm(wanted if str(run.start) == "warm" else {})
        self.peak: dict[Kind, float] = {kind: float(run.start.previous_peak.get(kind, 0.0)) for kind in KINDS}
        self.units: dict[Kind, float] = {kind: float(self.settings.units.get(kind, 0.0)) for kind in KINDS}
        count = self._partitions(placement)
        if run.start.partitions:
            self.warm = {k: max(self.warm[k], count * run.profile.partition_limit(k)) for k in KINDS}
        self.buckets: dict[Kind, TableBucket] = {kind: self._bucket(kind) for kind in KINDS}
        self._fill()
        seed = address(run.seed, number)
        partitions = Partitions(placement, count, run.profile, seed, peaks, whole=bool(run.clients))
        self.flow = Flow(placement, partitions, self.buckets, run.rates, run.profile, seed, run.clients, run.fluid)
        self.recording = Recording(self.flow, run.seconds, run.interval_s, run.heat)
        scaling = self.settings.scaling
        self.scalers = {k: AutoScaler(s.min, s.max, s.target, run.profile) for k, s in scaling.items()}
        self.changes: list[tuple[int, Kind, float]] = []
        self.minute: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
        self.added = [0.0] * len(ring.streams)

    # Capacity

    def _warm(self, wanted: Mapping[Kind, float]) -> dict[Kind, float]:
        stated = {**dict.fromkeys(KINDS, 0.0), **self.settings.warm}
        given: dict[Kind, float] = {kind: max(stated[kind], float(self.start.warm.get(kind, 0.0))) for kind in KINDS}
        return given if any(given.values()) else {**dict.fromkeys(KINDS, 0.0), **wanted}

    def _partitions(self, placement: Placement) -> int:
        """How many partitions there are at the start."""
        if self.start.partitions:
            return self.start.partitions
        size = float(placement.bytes[-1]) if placement.bytes is not None else 0.0
        units = self.units if self.settings.mode == "provisioned" else None
        return first_partitions(units, self.warm, size, previous_peak=self.peak, profile=self.profile)

    def _on_demand(self, kind: Kind, quota: float | None = None) -> float:
        return on_demand_units(kind, self.peak[kind], self.warm[kind], profile=self.profile, quota=quota)

    def _bucket(self, kind: Kind) -> TableBucket:
        return TableBucket(self._limits(kind))

    def _limits(self, kind: Kind) -> list[tuple[float, float, str]]:
        """The limits at the level of the table: units a second, seconds that are saved, the reason."""
        if self.settings.mode == "provisioned":
            return [(self.units[kind], self.profile.burst_s, "ProvisionedThroughputExceeded")]
        growth, quota = self._on_demand(kind, quota=float("inf")), self.profile.quota(kind)
        why = "AccountLimitExceeded" if quota <= growth else "KeyRangeThroughputExceeded"
        found = [(min(growth, quota), 0.0, why)]
        if kind in self.settings.most:
            found.append((self.settings.most[kind], self.profile.burst_s, "MaxOnDemandThroughputExceeded"))
        return found

    def _fill(self) -> None:
        saved = max(self.profile.new_bucket_s, self.start.idle_s)
        for bucket in self.buckets.values():
            bucket.tokens = [rate * min(saved, most) for rate, most, _ in bucket.limits]

    # Events

    def next_event(self, second: int) -> float:
        """The next second at which a block must end."""
        events = [float(due) for due, _, _ in self.changes if due > second]
        if self.flow.remembers and (due := self.flow.partitions.next_due()) > second:
            events.append(due)
        return min(events, default=float("inf"))

    def before(self, second: int) -> None:
        """Apply the changes of provisioned capacity that are due."""
        due = [change for change in self.changes if change[0] <= second]
        self.changes = [change for change in self.changes if change[0] > second]
        for _, kind, units in due:
            self.units[kind] = units
            self.warm[kind] = max(self.warm[kind], units)
            self.buckets[kind].limits = self._limits(kind)
        if due:
            count = partitions_for(self.units["read"], self.units["write"], profile=self.profile)
            if count > self.flow.partitions.alive(second):
                self.flow.partitions.raise_to(count, second)

    def after(self, until: int) -> None:
        """Once a minute: the on-demand peak, auto scaling, and bytes."""
        for kind in KINDS:
            self.minute[kind] += float(self.flow.served[kind].sum())
        if until % 60:
            return
        for kind in KINDS:
            self._end_minute(kind, self.minute[kind] / 60, until // 60)
            self.minute[kind] = 0.0
        self._grow(until)

    def _end_minute(self, kind: Kind, used: float, minute: int) -> None:
        if used > self.peak[kind]:
            self.peak[kind] = used
            if self.settings.mode == "on-demand":
                self.buckets[kind].limits = self._limits(kind)
        if kind in self.scalers and not any(kind == changed for _, changed, _ in self.changes):
            wanted = self.scalers[kind].watch(used, self.units[kind], minute)
            if wanted is not None:
                self.changes.append((minute * 60 + round(self.profile.capacity_update_s), kind, wanted))

    def _grow(self, until: int) -> None:
        """Add the bytes of new items, and split what has become full."""
        if not self.ring.growth and self.flow.placement.bytes is None:
            return
        minute = slice(max(until - 60, 0), until)
        for i, stream in enumerate(self.ring.streams):
            size = self.ring.growth.get(stream.pattern, 0.0)
            if size and stream.kind == "write":
                lost = sum(float(units[minute].sum()) for units in self.recording.lost[i].values())
                units = float(self.recording.asked[i, minute].sum()) - (0.0 if self.flow.is_index else lost)
                self.added[i] += units * size * self.ring.streams[i].total_requests / max(stream.total_units, 1e-300)
        stored = float(self.flow.placement.bytes[-1]) if self.flow.placement.bytes is not None else 0.0
        if stored + sum(self.added) > self.profile.partition_bytes:
            self.flow.partitions.split_full(until, self.added)
