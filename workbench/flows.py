"""Flows: what a ring's partitions are asked in a second, what they admit, and why the rest is turned away.

In one second the table's tokens thin all partitions alike; a global index whose backlog is full thins the table's
writes; then each partition admits up to its limit, and what it refuses goes back to the table's tokens.

Everything is counted in columns: one for each active partition, and one for all others together.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from workbench.clients import ClosedLoop, Retries, Waiting, closed_loop_units
from workbench.columns import Floats, Ints
from workbench.draws import address, poisson
from workbench.load import Kind
from workbench.placement import Placement
from workbench.profile import Profile
from workbench.splitting import Partitions
from workbench.throughput import TableBucket, even_share
from workbench.workload import Stream

KINDS: tuple[Kind, Kind] = ("read", "write")
KEY_RANGE = "KeyRangeThroughputExceeded"
_MOVES = 13  # the stream of random numbers that places of moving keys are drawn from


class Moved(NamedTuple):
    """Heat of a stream that stays in one place for some seconds of a block: its column, its place, its requests."""

    stream: int
    begins: int
    ends: int
    column: int
    place: float
    requests: float


class Flow:
    """The requests on one ring, block of seconds by block.

    `rates` are requests a second of each access pattern, (patterns, seconds). `offered` and `lost` hold what the block
    saw: units of each stream by second, in all and by (whose fault, reason).
    """

    def __init__(
        self,
        placement: Placement,
        partitions: Partitions,
        buckets: Mapping[Kind, TableBucket],
        rates: Floats,
        profile: Profile,
        seed: int,
        clients: Mapping[int, Retries | ClosedLoop],
        fluid: bool,
    ):
        self.placement, self.partitions, self.buckets, self.rates = placement, partitions, buckets, rates
        self.ring, self.profile, self.seed, self.fluid = placement.ring, profile, seed, fluid
        self.streams = self.ring.streams
        self.rows = {k: [i for i, s in enumerate(self.streams) if s.kind == k] for k in KINDS}
        self.sums = np.concatenate([np.zeros((len(rates), 1)), np.cumsum(rates, axis=1)], axis=1)
        self.known, width = partitions.columns, len(partitions.columns) + 1
        self.is_index = self.ring.index is not None
        self.waiting = {
            i: Waiting(clients[s.pattern], width)
            for i, s in enumerate(self.streams)
            if s.pattern in clients and not (self.is_index and s.kind == "write")
        }
        self.threads = {i: w.client.threads for i, w in self.waiting.items() if isinstance(w.client, ClosedLoop)}
        self.debts: dict[Kind, Floats] = {kind: np.zeros(width) for kind in KINDS}
        self.starved: dict[Kind, Floats] = {kind: np.zeros(width) for kind in KINDS}
        self.backlog, self.drained, self.refused_by = np.zeros(width), 0.0, KEY_RANGE
        self.moving_use = np.zeros(width - 1)
        self.adapts_late = profile.adaptive_delay_s > 0 and self.ring.settings.mode == "provisioned"
        self.coarse = {k: any(np.max(self.streams[i].units) > 1 for i in self.rows[k]) for k in KINDS}

    @property
    def remembers(self) -> bool:
        """Whether anything waits in columns from second to second, so that a block must end where a split does."""
        waits = self.is_index and self.rows["write"]
        return bool(self.waiting or waits or any(self.coarse.values()) or self.adapts_late)

    def mean_rates(self, first: int, last: int) -> list[float]:
        """Mean requests a second of each stream's pattern from one second to before another."""
        last = min(max(last, first + 1), self.rates.shape[1])
        first = min(first, last - 1)
        return [float(self.sums[s.pattern, last] - self.sums[s.pattern, first]) / (last - first) for s in self.streams]

    # A block

    def begin(self, first: int, until: int) -> None:
        """Complete the splits that are due, and draw what is asked of each column in each second of the block."""
        self.first, self.until, before = first, until, self.known
        self.partitions.complete(until, self.mean_rates, self.moving_use)
        self.partitions.drop(first)
        self.moved = self._moved()
        self.known = self.partitions.columns
        if not np.array_equal(before, self.known):
            self._inherit(before)
        self.addresses = self.partitions.addresses()
        self.units, self.sizes = self.partitions.column_units, self.partitions.column_sizes
        streams, seconds, width = len(self.streams), until - first, len(self.addresses)
        self._mark_lives()
        self.moving_use = np.zeros(width - 1)
        self.means = [self._means(i) for i in range(streams)]
        self.offered = [self._drawn(i, means, range(first, until)) for i, means in enumerate(self.means)]
        self.use, self.limit = np.zeros((seconds, width)), np.append(np.ones(width - 1), np.inf)
        self.consumed = {kind: np.zeros(width) for kind in KINDS}
        self.throttled = {kind: np.zeros(width) for kind in KINDS}
        self.served = {kind: np.zeros(seconds) for kind in KINDS}
        self.asked, self.given_up = np.zeros((streams, seconds)), np.zeros((streams, seconds))
        self.lost: list[dict[tuple[str | None, str], Floats]] = [{} for _ in self.streams]

    def _mark_lives(self) -> None:
        """The columns that are not there for the whole block, with the seconds of it for which they are.

        Of partitions at rest: until when the sum of the rest must do without those that are born in the block.
        """
        parts, length = self.partitions, self.until - self.first
        begins = np.clip(parts.born[parts.columns] - self.first, 0, length)
        ends = np.clip(parts.ended[parts.columns] - self.first, 0, length).astype(np.int64)
        self.part = [(int(c), int(begins[c]), int(ends[c])) for c in np.flatnonzero((begins > 0) | (ends < length))]
        self.lives = np.append((ends - begins) / length, 1.0)
        young = np.flatnonzero((parts.born[: parts.count] > self.first) & parts.resting)
        self.rest_births = [(int(parts.born[p] - self.first), parts.units[:, p]) for p in young[::-1]]

    def _means(self, stream: int) -> Floats:
        """The mean requests of a stream in each second and column, in the block."""
        rate = self.rates[self.streams[stream].pattern, self.first : self.until]
        means = rate[:, None] * (self.units[stream] / self.sizes[stream])[None, :]
        for column, begins, ends in self.part:
            means[:begins, column] = 0.0
            means[ends:, column] = 0.0
        for begins, units in self.rest_births:
            means[:begins, -1] -= rate[:begins] * (units[stream] / self.sizes[stream, -1])
        for _, begins, ends, column, _, requests in (one for one in self.moved if one.stream == stream):
            means[begins:ends, column] += rate[begins:ends] * requests
            use = requests * (self.placement.weights[stream] * self.sizes[stream, column])
            self.moving_use[column] = max(self.moving_use[column], use * float(rate[begins:ends].mean()))
        return np.maximum(means, 0.0)

    def _drawn(self, stream: int, means: Floats, seconds: Sequence[int]) -> Floats:
        """Units of a stream that are asked of each column in these seconds: counts of requests times the units of one.

        Of a closed loop those that it would ask for at most, until `ask` knows how many threads are free.
        """
        counts = means if self.fluid else poisson(means, address(self.seed, stream), seconds, self.addresses)
        return counts * self.sizes[stream]

    # Heat that moves

    def _moved(self) -> list[Moved]:
        """Where the heat of streams whose keys move is in the block; its partitions are made active."""
        found = [
            (row, begins, ends, place, requests)
            for row, stream in enumerate(self.streams)
            for begins, ends, number in self._periods(stream.period_s)
            for place, requests in zip(self._places(stream, number).tolist(), stream.requests, strict=True)
        ]
        at = [int(self.partitions.at(np.array([one[3]]), self.first + one[1])[0]) for one in found]
        self.partitions.wake(np.array(at, dtype=np.int64))
        columns = {int(p): c for c, p in enumerate(self.partitions.columns)}
        return [Moved(*one[:3], columns[p], *one[3:]) for one, p in zip(found, at, strict=True)]

    def _periods(self, period: int) -> list[tuple[int, int, int]]:
        """The parts of the block within one period each: first second, last, and the period's number; none for 0."""
        steps = range((self.first // period + 1) * period, self.until, period) if period else ()
        edges = [self.first, *steps, self.until]
        return [(a - self.first, b - self.first, a // period) for a, b in pairwise(edges)] if period else []

    def _places(self, stream: Stream, number: int) -> Floats:
        """Where the keys of a moving stream stand in a period: at first their own place, then that of later values."""
        hashes = self.placement.hashes_of(np.arange(self.ring.count) if stream.keys is None else stream.keys)
        if number:
            hashes = np.array([address(self.seed, _MOVES, int(h), number) for h in hashes], dtype=np.uint64)
        return hashes / 2.0**64

    # Splits

    def _inherit(self, before: Ints) -> None:
        """What waits in columns that are gone goes to the children, by their share of the load."""
        old, new, share = self._heirs(before)
        width = len(self.known) + 1

        def moved(values: Floats, parts: Floats | float = 1.0) -> Floats:
            return np.bincount(new, values[old] * parts, minlength=width).astype(float)

        for waiting in self.waiting.values():
            waiting.moved(lambda values: moved(values, share))
        self.backlog = moved(self.backlog, share)
        for kind in KINDS:
            self.debts[kind], self.starved[kind] = moved(self.debts[kind]), moved(self.starved[kind])
            self.debts[kind][-1] = 0.0

    def _heirs(self, before: Ints) -> tuple[Ints, Ints, Floats]:
        """Which new column has which share of what waited in an old one: (old, new, share)."""
        parts, rest = self.partitions, len(self.known)
        column = np.full(parts.count, rest)
        column[self.known] = np.arange(rest)
        stays = np.isin(before, self.known)
        found = [(np.flatnonzero(stays), before[stays], np.ones(int(stays.sum())))]
        for place in np.flatnonzero(~stays):
            children = np.flatnonzero(parts.parent[: parts.count] == before[place])
            weights = parts.units[:, children].sum(axis=0)
            weights = weights if weights.any() else np.ones(len(children))
            found.append((np.full(len(children), place), children, weights / weights.sum()))
        old, heirs, share = (np.concatenate(each) for each in zip(*found, strict=True))
        return np.append(old, len(before)), np.append(column[heirs], rest), np.append(share, 1.0)

    # A second

    def ask(self, kind: Kind, row: int, ceiling: float = 1.0) -> None:
        """Find what is asked in a second of the block, with what comes again, and what the table's tokens let through.

        `ceiling` is the share of its own rate that a closed loop gets through to the indexes.
        """
        rows = self.rows[kind]
        if not rows:
            return
        bucket = self.buckets[kind]
        bucket.refill()
        table, self.why = bucket.available()
        for i in rows:
            if i in self.waiting:
                self._ask_again(i, row, table, ceiling)
            self.asked[i, row] = self.offered[i][row].sum()
        total = float(sum(self.asked[i, row] for i in rows))
        self.thin = min(1.0, table / total) if total > 0 else 1.0

    def _ask_again(self, stream: int, row: int, table: float, ceiling: float) -> None:
        """Add what comes again to what is asked in a second; of a closed loop, ask for what its threads allow."""
        again = self.waiting[stream].coming()
        if stream in self.threads:
            self.offered[stream][row] = self._looped(stream, row, again, table, ceiling)
        self.offered[stream][row] += again

    def _looped(self, stream: int, row: int, again: Floats, table: float, ceiling: float) -> Floats:
        """Fresh units of a closed loop: until its threads all wait for a partition, the table or an index."""
        sizes = self.sizes[stream]
        means = self.means[stream][row] * sizes
        most = float(means.sum())
        if most <= 0:
            return means
        shares, threads = means / most, float(self.threads[stream] * (means @ sizes) / most)
        room = (self.limit - self.debts[self.streams[stream].kind]) / self.placement.weights[stream]
        units = closed_loop_units(most, threads, again, shares, room)
        for share in [table] * (table < np.inf) + [most * ceiling] * (ceiling < 1):
            units = min(units, max(share + threads - float(again.sum()), 0.0))
        return self._drawn(stream, (shares * units / sizes)[None, :], [self.first + row])[0]

    def serve(self, kind: Kind, row: int, gate: float = 1.0, because: tuple[str | None, str] = (None, "")) -> None:
        """Admit what was asked of a kind in a second of the block; `gate` is the share that an index lets through."""
        rows, weights = self.rows[kind], self.placement.weights
        if not rows:
            return
        passed = self.thin * gate
        asked = self.offered[rows[0]][row] * weights[rows[0]]
        for i in rows[1:]:
            asked = asked + self.offered[i][row] * weights[i]
        wanted = asked * passed if passed < 1 else asked
        room = self._room(kind, row, asked)
        served = np.minimum(wanted, self._adapted(kind, wanted, room) if self.adapts_late else room)
        np.maximum(self.use[row], served, out=self.use[row])
        if self.coarse[kind]:
            self.debts[kind] = np.maximum(self.debts[kind] + served - 1.0, 0.0)
            self.debts[kind][-1] = 0.0
        refused: Floats | float = 0.0
        if passed < 1 or (served < asked).any():
            refused = 1.0 - np.divide(served, asked, out=np.ones_like(asked), where=asked > 0)
        admitted = sum(self._admit(i, row, refused, gate, because) for i in rows)
        self.served[kind][row] = admitted
        self.buckets[kind].spend(admitted)

    def _room(self, kind: Kind, row: int, asked: Floats) -> Floats:
        """What each column admits at most: its limit, or with large requests those that begin while tokens are left."""
        if not self.coarse[kind]:
            return self.limit
        room = np.maximum(self.limit - self.debts[kind], 0.0)
        requests = sum(self.offered[i][row] / self.sizes[i] for i in self.rows[kind])
        each = np.divide(asked, requests, out=np.ones_like(asked), where=requests > 0)
        whole = np.ceil(room[:-1] / np.maximum(each[:-1], 1e-12) - 1e-9) * each[:-1]
        return np.append(np.where(room[:-1] > 1e-12, whole, 0.0), np.inf)

    def _adapted(self, kind: Kind, wanted: Floats, room: Floats) -> Floats:
        """What columns admit where adaptive capacity comes late: an even share of what is provisioned at first.

        A partition that has wanted more for the profile's delay may use what the table has left, as all may today.
        """
        provisioned = self.buckets[kind].limits[0][0] / self.profile.partition_limit(kind)
        share = even_share(provisioned, self.partitions.alive(self.first))
        known = self.starved[kind] >= self.profile.adaptive_delay_s
        self.starved[kind] = np.where(wanted > share, self.starved[kind] + 1, np.where(known, self.starved[kind], 0))
        return np.append(np.where(known, room, np.minimum(room, share))[:-1], np.inf)

    def _admit(
        self, stream: int, row: int, refused: Floats | float, gate: float, because: tuple[str | None, str]
    ) -> float:
        """Units of a stream that are admitted in a second, of which each column refuses a share.

        What is turned away is counted by its reason: the table's tokens, an index, else the limit of partitions.
        """
        total, waiting = float(self.asked[stream, row]), self.waiting.get(stream)
        if waiting is None and isinstance(refused, float):
            return total  # nearly every second of most tables
        turned_away = self.offered[stream][row] * refused
        lost = float(turned_away.sum())
        if lost > 0:
            by_table, by_index = total * (1 - self.thin), total * self.thin * (1 - gate)
            self.lose(stream, row, (None, self.why), by_table)
            self.lose(stream, row, because, by_index)
            self.lose(stream, row, (None, KEY_RANGE), lost - by_table - by_index)
            self.throttled[self.streams[stream].kind] += turned_away
        if waiting:
            waiting.turned_away(self.offered[stream][row] - waiting.again.sum(axis=0), turned_away)
            self.given_up[stream, row] = waiting.given_up
        return total - lost

    def lose(self, stream: int, row: int, reason: tuple[str | None, str], units: float) -> None:
        """Count units of a stream that are turned away in a second, by whose fault it is and why."""
        if units > 1e-9:
            found = self.lost[stream].get(reason)
            if found is None:
                found = self.lost[stream][reason] = np.zeros(self.until - self.first)
            found[row] += units

    # The end of a block

    def finish(self) -> None:
        """Take the block's use as heat, which may start splits, and add up what each column consumed."""
        self.partitions.watch(self.use[:, :-1], self.first, self.mean_rates, self.moving_use)
        for kind in KINDS:
            if not (self.is_index and kind == "write"):
                offered = sum((self.offered[i].sum(axis=0) for i in self.rows[kind]), np.zeros(len(self.limit)))
                self.consumed[kind] = offered - self.throttled[kind]
