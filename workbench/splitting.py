"""Splitting: which partitions a ring has, which of them matter each second, and when they split.

A partition that is used for half of either limit for a minute is split some minutes later, at the median of the heat
that was observed until then; one that nears 10 GB at the median of its bytes; and where more capacity is provisioned
than the partitions can serve, the largest ranges are halved. Partitions are never merged.

Only some partitions can throttle or split: of a partition whose mean use and eight standard deviations stay below the
trigger, nothing is of interest but its part in the sum. The others are active, and are looked at second by second.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.columns import Floats, Ints
from workbench.draws import address, uniform
from workbench.histories import Cause, PartitionHistory
from workbench.placement import Cut, Placement
from workbench.profile import Profile

NEVER = np.inf
_DEVIATIONS = 8.0
_FEW = 256  # partitions that are all looked at, since it costs nothing
_DELAY = 11  # the stream of random numbers that delays are drawn from


class Partitions:
    """The partitions of a ring, numbered by birth, and the columns of those that are active.

    `rates` gives the mean rate of each stream between two seconds. A column stands for an active partition; the last
    one for all others together, which never throttle by themselves.
    """

    def __init__(
        self, placement: Placement, count: int, profile: Profile, seed: int, peaks: Sequence[float], *, whole: bool
    ):
        self.placement, self.profile, self.seed, self.peaks = placement, profile, seed, peaks
        self.whole = whole or count <= _FEW
        edges = placement.equal_ranges(count)
        self.count, streams = count, len(placement.ring.streams)
        self.begin, self.end = edges[:-1].copy(), edges[1:].copy()
        self.lo, self.hi = np.arange(count) / count, np.arange(1, count + 1) / count
        self.lo_segment, self.hi_segment = np.zeros(count), np.zeros(count)
        self.born, self.ended = np.zeros(count, dtype=np.int64), np.full(count, NEVER)
        self.parent = np.full(count, -1, dtype=np.int64)
        self.units, self.sizes = np.zeros((streams, count)), np.ones((streams, count))
        self.cause: list[Cause] = ["start"] * count
        self.stuck: dict[int, str] = {}
        self._measure(np.arange(count))
        self.columns: Ints = np.flatnonzero(self._matters(np.arange(count)))
        self.resting = np.ones(count, dtype=bool)
        self.resting[self.columns] = False
        self.resting_units = self.units[:, :count][:, self.resting].sum(axis=1)
        self.held = np.zeros(len(self.columns), dtype=np.int64)
        self.due = np.full(len(self.columns), NEVER)
        self.since = np.zeros(len(self.columns), dtype=np.int64)
        self.again = np.zeros(len(self.columns))  # not before this second is a split tried
        self.recent = np.zeros((profile_window(profile) - 1, len(self.columns)))

    # The load of partitions

    def _measure(self, ids: Ints) -> None:
        begin, end = self.begin[ids], self.end[ids]
        self.units[:, ids] = self.placement.units(begin, end)
        self.sizes[:, ids] = self.placement.unit_sizes(self.units[:, ids], begin, end)

    def _matters(self, ids: Ints) -> NDArray[np.bool_]:
        """Which partitions can throttle or split at the load's highest rates."""
        if self.whole:
            return np.ones(len(ids), dtype=bool)
        found = np.zeros(len(ids), dtype=bool)
        for kind in ("read", "write"):
            mean, variance = np.zeros(len(ids)), np.zeros(len(ids))
            for row, stream in enumerate(self.placement.ring.streams):
                if stream.kind == kind:
                    use = self.units[row, ids] * (self.placement.weights[row] * self.peaks[row])
                    mean += use
                    variance += use * self.sizes[row, ids] * self.placement.weights[row]
            found |= mean + _DEVIATIONS * np.sqrt(variance) >= min(self.profile.split_utilisation, 1.0)
        return found

    # Columns

    @property
    def column_units(self) -> Floats:
        """Units of each stream in each column, one request a second of its pattern; the last column is the rest."""
        return np.concatenate([self.units[:, self.columns], self.resting_units[:, None]], axis=1)

    @property
    def column_sizes(self) -> Floats:
        """Units per request of each stream in each column."""
        means = [s.total_units / max(s.total_requests, 1e-300) for s in self.placement.ring.streams]
        return np.concatenate([self.sizes[:, self.columns], np.array(means).reshape(-1, 1)], axis=1)

    def addresses(self) -> Ints:
        """The numbers by which random numbers of the columns are drawn: a partition's own, and one of the rest's."""
        return np.concatenate([self.columns + 1, [0]])

    def wake(self, ids: Ints) -> None:
        """Make partitions active that were at rest."""
        new = np.unique(ids[self.resting[ids]])
        if len(new):
            self.resting[new] = False
            self.resting_units = self.resting_units - self.units[:, new].sum(axis=1)
            self._reorder(np.concatenate([np.arange(len(self.columns)), np.full(len(new), -1)]), new)

    def _reorder(self, source: Ints, new: Ints) -> Ints:
        """Columns taken from old ones, -1 for new ones (in order), whose state begins afresh."""
        fresh = source < 0
        kept = np.where(fresh, 0, source)

        def moved(values: NDArray, start: float) -> NDArray:
            if not values.shape[-1]:
                return np.full((*values.shape[:-1], len(source)), start, dtype=values.dtype)
            return np.where(fresh, values.dtype.type(start), values[..., kept])

        self.columns = moved(self.columns, 0)
        self.columns[fresh] = new
        self.held, self.since = moved(self.held, 0), moved(self.since, 0)
        self.due, self.again, self.recent = moved(self.due, NEVER), moved(self.again, 0), moved(self.recent, 0)
        return source

    # Births

    def next_due(self) -> float:
        """The second at which the next split completes; inf if none is under way."""
        return float(self.due.min(initial=NEVER))

    def complete(self, until: int, rates, moving: Floats) -> None:
        """Complete the splits that fall due before a second.

        `rates(first, last)` gives the mean rates of the streams in between; `moving` the use of each column by heat
        that moves. Parents keep their column until `drop`.
        """
        found: list[tuple[int, list[int]]] = []
        there = self.ended[self.columns] == NEVER  # one that was cut for another cause is not cut again
        for column in np.flatnonzero((self.due < until) & there).tolist():
            second, partition = int(self.due[column]), int(self.columns[column])
            since = max(int(self.since[column] - self.profile.heat_memory_s), 0)
            cut = self.placement.cut(
                int(self.begin[partition]), int(self.end[partition]), rates(since, second), moving[column]
            )
            self.due[column], self.held[column] = NEVER, 0
            if cut.refused:
                self._refuse(column, partition, cut, second)
            else:
                cause: Cause = "isolation" if cut.isolates else "heat"
                found.append((column, self._born(partition, cut.at, second, cause)))
        self._add(found)

    def _add(self, found: Sequence[tuple[int, list[int]]]) -> None:
        """Columns for those new partitions that matter; the others rest."""
        new = np.array([child for _, children in found for child in children], dtype=np.int64)
        if len(new):
            matters = self._matters(new)
            self.resting = np.concatenate([self.resting, np.zeros(self.count - len(self.resting), dtype=bool)])
            active = new[matters]
            self._reorder(np.concatenate([np.arange(len(self.columns)), np.full(len(active), -1)]), active)
            self.rest(new[~matters])

    def rest(self, ids: Ints) -> None:
        """Let partitions that have no column take part in the sum of the rest."""
        self.resting[ids] = True
        self.resting_units = self.resting_units + self.units[:, ids].sum(axis=1)

    def drop(self, second: int) -> None:
        """Remove the columns of partitions that have ended."""
        stays = self.ended[self.columns] > second
        if not stays.all():
            self._reorder(np.flatnonzero(stays), np.zeros(0, dtype=np.int64))

    def _refuse(self, column: int, partition: int, cut: Cut, second: int) -> None:
        self.stuck[partition] = cut.refused
        self.again[column] = NEVER if cut.final else second + self.profile.split_delay_median_s
        self.held[column] = 0

    def _born(self, parent: int, cuts: Sequence[int], second: int, cause: Cause) -> list[int]:
        """Partitions in place of one that is cut at these atoms; the next numbers are theirs."""
        at = [int(self.begin[parent]), *cuts, int(self.end[parent])]
        position, segment = self.placement.position, self.placement.segment_at
        inner = [(position(atom), segment(atom)) for atom in cuts]
        edges = [(self.lo[parent], self.lo_segment[parent]), *inner, (self.hi[parent], self.hi_segment[parent])]
        return self._append(parent, at, edges, second, cause)

    def _append(
        self,
        parent: int,
        at: Sequence[int],
        edges: Sequence[tuple[float, float]],
        second: int,
        cause: Cause,
    ) -> list[int]:
        number = len(at) - 1
        self._grow(number)
        new = np.arange(self.count, self.count + number)
        self.begin[new], self.end[new] = at[:-1], at[1:]
        self.lo[new], self.hi[new] = [e[0] for e in edges[:-1]], [e[0] for e in edges[1:]]
        self.lo_segment[new], self.hi_segment[new] = [e[1] for e in edges[:-1]], [e[1] for e in edges[1:]]
        self.born[new], self.ended[new], self.parent[new] = second, NEVER, parent
        self.ended[parent] = second
        self.count += number
        self.cause += (cause,) * number
        self._measure(new)
        return new.tolist()

    def _grow(self, number: int) -> None:
        """Room for more partitions, by a half of what there is."""
        if self.count + number <= len(self.begin):
            return
        more = max(number, len(self.begin) // 2, 16)
        for name in ("begin", "end", "lo", "hi", "lo_segment", "hi_segment", "born", "ended", "parent"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros(more, dtype=old.dtype)]))
        room = ((0, 0), (0, more))
        self.units, self.sizes = np.pad(self.units, room), np.pad(self.sizes, room, constant_values=1.0)

    # Triggers

    def watch(self, use: Floats, first: int, rates, moving: Floats) -> None:
        """Take the seconds' use of each column (seconds, columns), as a share of the limit, and start splits.

        A second counts if it, or the mean of the last ten, is above the trigger, so that noise alone does not
        interrupt; after 60 of them in a row a split begins, unless no cut would help.
        """
        window = len(self.recent) + 1
        whole = np.concatenate([self.recent, use])
        sums = np.cumsum(np.concatenate([np.zeros((1, use.shape[1])), whole]), axis=0)
        trigger = self.profile.split_utilisation - 1e-9
        above = (sums[window:] - sums[:-window] >= trigger * window) | (use >= trigger)
        if window > 1:
            self.recent = whole[-(window - 1) :]
        rows = np.arange(1, len(use) + 1)[:, None]
        last_below = np.maximum.accumulate(np.where(above, 0, rows), axis=0)
        held = np.where(last_below == 0, self.held + rows, rows - last_below)
        self.held = held[-1]
        hold = max(int(self.profile.split_hold_s), 1)
        ready = (held >= hold) & (self.due == NEVER) & ((first + rows) > self.again)
        for column in np.flatnonzero(ready.any(axis=0)).tolist():
            self._start(column, first + int(ready[:, column].argmax()), first + len(use), rates, moving)

    def _start(self, column: int, second: int, soonest: int, rates, moving: Floats) -> None:
        """Begin a split, or note why it would be of no use."""
        partition = int(self.columns[column])
        since = max(int(second - self.profile.heat_memory_s), 0)
        cut = self.placement.cut(
            int(self.begin[partition]), int(self.end[partition]), rates(since, second + 1), moving[column]
        )
        if cut.refused:
            return self._refuse(column, partition, cut, second)
        self.stuck.pop(partition, None)
        self.since[column] = second
        self.due[column] = max(second + 1 + self.delay(second, partition), soonest)

    def delay(self, second: int, partition: int) -> int:
        """Seconds until a split that begins now is complete."""
        one, other = uniform(address(self.seed, _DELAY), [second], [2 * partition, 2 * partition + 1])[0]
        normal = np.sqrt(-2 * np.log(one)) * np.cos(2 * np.pi * other)
        profile = self.profile
        drawn = profile.split_delay_median_s * np.exp(profile.split_delay_sigma * normal)
        return round(float(np.clip(drawn, profile.split_delay_least_s, profile.split_delay_most_s)))

    # For capacity and size

    def raise_to(self, number: int, second: int) -> None:
        """Halve the largest ranges until there are so many partitions, as when more capacity is provisioned."""
        found: list[tuple[int, list[int]]] = []
        while (alive := np.flatnonzero(self.ended[: self.count] > second)).size < number:
            widths = self.hi[alive] - self.lo[alive]
            parent = int(alive[widths.argmax()])
            middle = (self.lo[parent] + self.hi[parent]) / 2
            at = int(np.searchsorted(self.placement.hashes, np.uint64(min(middle * 2.0**64, 2.0**64 - 2**12))))
            at = min(max(at, int(self.begin[parent])), int(self.end[parent]))
            edges = [(self.lo[parent], self.lo_segment[parent]), (middle, 0.0)]
            edges.append((self.hi[parent], self.hi_segment[parent]))
            ends = [int(self.begin[parent]), at, int(self.end[parent])]
            found.append(
                (-1, self._replace(parent, lambda p=parent, a=ends, e=edges: self._append(p, a, e, second, "capacity")))
            )
        self._add([(-1, [c for c in children if self.ended[c] > second]) for _, children in found])

    def _replace(self, parent: int, birth) -> list[int]:
        """Children of a partition that may be at rest, which then is no longer in the sum."""
        if parent < len(self.resting) and self.resting[parent]:
            self.resting[parent] = False
            self.resting_units = self.resting_units - self.units[:, parent]
        return birth()

    def split_full(self, second: int, grown: Sequence[float]) -> None:
        """Split the partitions that have passed 10 GB, at the median of their bytes."""
        alive = np.flatnonzero(self.ended[: self.count] > second)
        found: list[tuple[int, list[int]]] = []
        for partition in alive[self.sizes_of(alive, grown) > self.profile.partition_bytes].tolist():
            cut = self.placement.size_cut(int(self.begin[partition]), int(self.end[partition]), grown)
            if cut.refused:
                self.stuck[partition] = cut.refused
            else:
                born = self._replace(partition, lambda p=partition, c=cut: self._born(p, c.at, second, "size"))
                found.append((-1, born))
        self._add(found)

    def sizes_of(self, ids: Ints, grown: Sequence[float]) -> Floats:
        """Bytes of partitions; `grown` is what each stream has added on the whole ring."""
        stored = self.placement.bytes
        size = stored[self.end[ids]] - stored[self.begin[ids]] if stored is not None else np.zeros(len(ids))
        for row, (stream, added) in enumerate(zip(self.placement.ring.streams, grown, strict=True)):
            if added and stream.total_units:
                size = size + self.units[row, ids] * (added / stream.total_units)
        return size

    def at(self, positions: Floats, second: int) -> Ints:
        """The partitions that hold positions of the ring, 0..1, at a second."""
        alive = np.flatnonzero((self.born[: self.count] <= second) & (self.ended[: self.count] > second))
        order = alive[np.lexsort((self.lo_segment[alive], self.lo[alive]))]
        return order[np.searchsorted(self.lo[order], positions, "right") - 1]

    def alive(self, second: int) -> int:
        """How many there are at a second."""
        return int(((self.born[: self.count] <= second) & (self.ended[: self.count] > second)).sum())

    def history(self) -> PartitionHistory:
        """What there was, as arrays."""
        n, stuck = self.count, [""] * self.count
        for partition, why in self.stuck.items():
            stuck[partition] = why
        return PartitionHistory(
            self.lo[:n],
            self.hi[:n],
            self.lo_segment[:n],
            self.hi_segment[:n],
            self.born[:n],
            self.ended[:n],
            self.parent[:n],
            tuple(self.cause),
            tuple(stuck),
        )


def profile_window(profile: Profile) -> int:
    """Seconds over which use is averaged before it is held against the trigger: ten, but less for a shorter hold."""
    return max(1, min(10, int(profile.split_hold_s) // 6))
