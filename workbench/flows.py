"""Flows: what a ring's partitions are asked in a second, what they admit, and why the rest is turned away.

In one second the table's tokens thin all partitions alike; a global index whose backlog is full thins the table's
writes; then each partition admits up to its limit, and what it refuses goes back to the table's tokens.

Everything is counted in columns: one for each active partition, and one for all others together.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

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
        self.debts: dict[Kind, Floats] = {kind: np.zeros(width) for kind in KINDS}
        self.backlog, self.drained, self.refused_by = np.zeros(width), 0.0, KEY_RANGE
        self.moving_use = np.zeros(width - 1)
        self.starved: dict[Kind, Floats] = {kind: np.zeros(width) for kind in KINDS}
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
        self.first, self.until = first, until
        before = self.known
        self.partitions.complete(until, self.mean_rates, self.moving_use)
        self.partitions.drop(first)
        self.moving_places: list[tuple[int, int, int, int, float, float]] = []
        moving = self._moving()
        self.known = self.partitions.columns
        if not np.array_equal(before, self.known):
            self._move_state(before)
        self.addresses = self.partitions.addresses()
        self.units, self.sizes = self.partitions.column_units, self.partitions.column_sizes
        self._mark_lives()
        self.moving_use = np.zeros(len(self.addresses) - 1)
        self.means = [self._means(i, moving.get(i)) for i in range(len(self.streams))]
        self.offered = [self._drawn(i) for i in range(len(self.streams))]
        shape = (until - first, len(self.addresses))
        self.use = np.zeros(shape)
        self.limit = np.append(np.ones(shape[1] - 1), np.inf)
        self.consumed = {kind: np.zeros(shape[1]) for kind in KINDS}
        self.throttled = {kind: np.zeros(shape[1]) for kind in KINDS}
        self.asked = np.zeros((len(self.streams), shape[0]))
        self.lost: list[dict[tuple[str | None, str], Floats]] = [{} for _ in self.streams]
        self.given_up = np.zeros((len(self.streams), shape[0]))
        self.served = {kind: np.zeros(shape[0]) for kind in KINDS}

    def _mark_lives(self) -> None:
        """The columns that are not there for the whole block, with the seconds of it for which they are."""
        ids, length = self.partitions.columns, self.until - self.first
        begins = np.clip(self.partitions.born[ids] - self.first, 0, length)
        ends = np.clip(self.partitions.ended[ids] - self.first, 0, length).astype(np.int64)
        self.part = [(int(c), int(begins[c]), int(ends[c])) for c in np.flatnonzero((begins > 0) | (ends < length))]
        self.lives = np.append((ends - begins) / length, 1.0)
        self.rest_births = self._rest_corrections(length)

    def _rest_corrections(self, length: int) -> list[tuple[int, Floats]]:
        """Partitions at rest that are born in the block: until when the sum of the rest must do without them."""
        first = self.partitions.count - 1
        found: list[tuple[int, Floats]] = []
        while first >= 0 and self.partitions.born[first] > self.first:
            if self.partitions.resting[first]:
                found.append((int(self.partitions.born[first] - self.first), self.partitions.units[:, first]))
            first -= 1
        return found

    def _means(self, stream: int, moving: list[tuple[int, int, int, float]] | None) -> Floats:
        """The mean requests of a stream in each second and column, in the block."""
        rate = self.rates[self.streams[stream].pattern, self.first : self.until]
        requests = self.units[stream] / self.sizes[stream]
        means = rate[:, None] * requests[None, :]
        for column, begins, ends in self.part:
            means[:begins, column] = 0.0
            means[ends:, column] = 0.0
        for begins, units in self.rest_births:
            means[:begins, -1] -= rate[:begins] * (units[stream] / self.sizes[stream, -1])
        for begins, ends, column, share in moving or ():
            means[begins:ends, column] += rate[begins:ends] * share
            weight = self.placement.weights[stream] * self.sizes[stream, column]
            self.moving_use[column] = max(self.moving_use[column], share * weight * float(rate[begins:ends].mean()))
        return np.maximum(means, 0.0)

    def _drawn(self, stream: int) -> Floats:
        """Units of a stream that are asked of each column in each second: counts times the units of one."""
        if self.fluid or isinstance(self._client(stream), ClosedLoop):
            return self.means[stream] * self.sizes[stream]
        seconds = np.arange(self.first, self.until)
        counts = poisson(self.means[stream], address(self.seed, stream), seconds, self.addresses)
        counts *= self.sizes[stream]
        return counts

    def _client(self, stream: int) -> Retries | ClosedLoop | None:
        return self.waiting[stream].client if stream in self.waiting else None

    def _moving(self) -> dict[int, list[tuple[int, int, int, float]]]:
        """Of streams whose keys move: (first second, last, column, requests), and their partitions made active."""
        found: list[tuple[int, int, int, float, float]] = []
        for row, stream in enumerate(self.streams):
            for begins, ends, number in self._periods(stream.period_s) if stream.period_s else ():
                hashes = self._places(stream, number)
                found += [(row, begins, ends, p, r) for p, r in zip(hashes, stream.requests, strict=True)]
        if not found:
            return {}
        partitions = [
            int(self.partitions.at(np.array([place]), self.first + begins)[0]) for _, begins, _, place, _ in found
        ]
        self.partitions.wake(np.array(partitions))
        columns = {int(p): c for c, p in enumerate(self.partitions.columns)}
        moving: dict[int, list[tuple[int, int, int, float]]] = {}
        self.moving_places = [
            (row, begins, ends, columns[p], place, r)
            for (row, begins, ends, place, r), p in zip(found, partitions, strict=True)
        ]
        for row, begins, ends, column, _, requests in self.moving_places:
            moving.setdefault(row, []).append((begins, ends, column, requests))
        return moving

    def _periods(self, period: int) -> list[tuple[int, int, int]]:
        """The parts of the block within one period each: first second, last, and the period's number."""
        edges = [self.first, *range((self.first // period + 1) * period, self.until, period), self.until]
        return [(a - self.first, b - self.first, a // period) for a, b in pairwise(edges)]

    def _places(self, stream: Stream, number: int) -> Floats:
        """Where the keys of a moving stream stand in a period: at first their own place, then that of later values."""
        hashes = self.placement.hashes_of(np.arange(self.ring.count) if stream.keys is None else stream.keys)
        if number:
            mixed = np.array([address(self.seed, _MOVES, int(h), number) for h in hashes], dtype=np.uint64)
            return mixed / 2.0**64
        return hashes / 2.0**64

    def _move_state(self, before: Ints) -> None:
        """What waits in columns that are gone goes to the children, by their share of the load."""
        old, new, share = self._inheritance(before)
        width = len(self.partitions.columns) + 1

        def moved(values: Floats, parts: Floats) -> Floats:
            return np.bincount(new, values[old] * parts, minlength=width).astype(float)

        for waiting in self.waiting.values():
            waiting.moved(lambda values: moved(values, share))
        self.backlog = moved(self.backlog, share)
        self.debts: dict[Kind, Floats] = {kind: moved(debts, np.ones(len(old))) for kind, debts in self.debts.items()}
        self.starved = {kind: moved(starved, np.ones(len(old))) for kind, starved in self.starved.items()}
        for debts in self.debts.values():
            debts[-1] = 0.0

    def _inheritance(self, before: Ints) -> tuple[Ints, Ints, Floats]:
        """Which new column has which share of what waited in an old one: (old, new, share)."""
        parts, rest = self.partitions, len(self.partitions.columns)
        column = np.full(parts.count, rest)
        column[parts.columns] = np.arange(rest)
        old, heirs, share = [np.arange(len(before))], [before], [np.ones(len(before))]
        gone = np.flatnonzero(~np.isin(before, parts.columns))
        share[0][gone] = 0.0
        for place in gone.tolist():
            children = np.flatnonzero(parts.parent[: parts.count] == before[place])
            weights = parts.units[:, children].sum(axis=0)
            whole = float(weights.sum())
            old.append(np.full(len(children), place))
            heirs.append(children)
            share.append(weights / whole if whole > 0 else np.full(len(children), 1 / max(len(children), 1)))
        columns = column[np.concatenate(heirs)]
        return (
            np.append(np.concatenate(old), len(before)),
            np.append(columns, rest),
            np.append(np.concatenate(share), 1.0),
        )

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
                self._offer_again(i, row, table, ceiling)
        self.totals = [float(self.offered[i][row].sum()) for i in rows]
        total = sum(self.totals)
        self.thin = min(1.0, table / total) if total > 0 else 1.0

    def serve(self, kind: Kind, row: int, gate: float = 1.0, because: tuple[str | None, str] = (None, "")) -> None:
        """Admit what was asked of a kind in a second of the block; `gate` is the share that an index lets through."""
        rows = self.rows[kind]
        if not rows:
            return
        totals, thin, why = self.totals, self.thin, self.why
        passed = thin * gate
        asked = self.offered[rows[0]][row] * self.placement.weights[rows[0]]
        for i in rows[1:]:
            asked = asked + self.offered[i][row] * self.placement.weights[i]
        wanted = asked * passed if passed < 1 else asked
        room = self._room(kind, row, asked)
        served = np.minimum(wanted, self._adapted(kind, wanted, room) if self.adapts_late else room)
        np.maximum(self.use[row], served, out=self.use[row])
        if self.coarse[kind]:
            self.debts[kind] = np.maximum(self.debts[kind] + served - 1.0, 0.0)
            self.debts[kind][-1] = 0.0
        self._account(kind, row, totals, (thin, why), (gate, because), asked, served)

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

    def _account(
        self,
        kind: Kind,
        row: int,
        totals: Sequence[float],
        table: tuple[float, str],
        index: tuple[float, tuple[str | None, str]],
        asked: Floats,
        served: Floats,
    ) -> None:
        """Add up what was admitted and what was not, by stream and reason; take the tokens."""
        rows, passed = self.rows[kind], table[0] * index[0]
        whole = passed >= 1 and not (served < asked).any()
        share = None if whole else np.divide(served, asked, out=np.ones_like(asked), where=asked > 0)
        admitted = 0.0
        for i, total in zip(rows, totals, strict=True):
            self.asked[i, row] = total
            if share is None:
                admitted += total
                if i in self.waiting:
                    self._settle(i, row, np.zeros_like(asked))
                continue
            offered = self.offered[i][row]
            refused = offered * (1.0 - share)
            lost = float(refused.sum())
            self.throttled[kind] += refused
            admitted += total - lost
            by_table, by_index = total * (1 - table[0]), total * table[0] * (1 - index[0])
            self.lose(i, row, (None, table[1]), by_table)
            self.lose(i, row, index[1], by_index)
            self.lose(i, row, (None, KEY_RANGE), lost - by_table - by_index)
            if i in self.waiting:
                self._settle(i, row, refused)
        self.served[kind][row] = admitted
        self.buckets[kind].spend(admitted)

    def lose(self, stream: int, row: int, reason: tuple[str | None, str], units: float) -> None:
        """Count units of a stream that are turned away in a second, by whose fault it is and why."""
        if units > 1e-9:
            found = self.lost[stream].get(reason)
            if found is None:
                found = self.lost[stream][reason] = np.zeros(self.until - self.first)
            found[row] += units

    # Clients

    def _offer_again(self, stream: int, row: int, table: float, ceiling: float) -> None:
        """Add what comes again to what is asked in a second; of a closed loop, ask for what its threads allow."""
        waiting = self.waiting[stream]
        again = waiting.coming()
        if isinstance(waiting.client, ClosedLoop):
            self.offered[stream][row] = self._looped(stream, row, again, table, ceiling)
        self.offered[stream][row] += again

    def _looped(self, stream: int, row: int, again: Floats, table: float, ceiling: float) -> Floats:
        """Fresh units of a closed loop: until its threads all wait for a partition, the table or an index."""
        client = self.waiting[stream].client
        assert isinstance(client, ClosedLoop)
        means = self.means[stream][row] * self.sizes[stream]
        most, sizes = float(means.sum()), self.sizes[stream]
        if most <= 0:
            return means
        shares, threads = means / most, float(client.threads * (means @ sizes) / most)
        kind = self.streams[stream].kind
        room = (self.limit - self.debts[kind]) / self.placement.weights[stream]
        held = float(again.sum())
        units = closed_loop_units(most, threads, again, shares, room)
        if table < np.inf:
            units = min(units, max(table + threads - held, 0.0))
        if ceiling < 1:
            units = min(units, max(most * ceiling + threads - held, 0.0))
        if self.fluid:
            return shares * units
        counts = poisson(
            (shares * units / sizes)[None, :], address(self.seed, stream), [self.first + row], self.addresses
        )
        return counts[0] * sizes

    def _settle(self, stream: int, row: int, refused: Floats) -> None:
        waiting = self.waiting[stream]
        waiting.turned_away(self.offered[stream][row] - waiting.again.sum(axis=0), refused)
        self.given_up[stream, row] = waiting.given_up

    # The end of a block

    def finish(self) -> None:
        """Take the block's use as heat, which may start splits, and add up what each column consumed."""
        self.partitions.watch(self.use[:, :-1], self.first, self.mean_rates, self.moving_use)
        for kind in KINDS:
            if not (self.is_index and kind == "write"):
                offered = sum((self.offered[i].sum(axis=0) for i in self.rows[kind]), np.zeros(len(self.limit)))
                self.consumed[kind] = offered - self.throttled[kind]
