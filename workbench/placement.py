"""Placement: where the parts of a load stand on the ring, and where a partition can be cut in two.

An atom is the smallest thing that a split can separate: a partition key, or one sort-key range of a collection that
may be split inside. Atoms stand in the order of (hash of the partition key, sort key), and a partition is a contiguous
range of them. Each stream's shares are summed up along the ring once: what any partition gets is one subtraction.

A split for heat is made at the median of the heat that was observed. An atom with most of it is cut free of its
neighbours instead, and one with all of it cannot be helped. (AWS: burst-adaptive-capacity; USENIX ATC'22.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workbench.columns import Floats, Ints
from workbench.histories import BUCKETS, HotAtom
from workbench.load import Kind
from workbench.profile import Profile
from workbench.workload import Ring, Stream, Workload

Hashes = NDArray[np.uint64]
_RING = 2.0**64
_HOT = 12  # keys that a history names
_CHUNK = 1 << 16  # keys that are looked at together: what a core keeps at hand
_MANY = 1 << 17  # keys from which on they are sorted with their number in the hash's last bits
_SEGMENTED = 0.02  # of a partition's limit at the peak: a key that is asked for less needs no cut inside


@dataclass(frozen=True)
class Cut:
    """Where a partition is cut: atoms at which its second, third... part begin; or why it cannot be."""

    at: tuple[int, ...] = ()
    isolates: bool = False
    refused: str = ""
    final: bool = False  # whether it will be refused whatever the load


class Placement:
    """The atoms of a ring in order, and the sums of each stream's requests and units along them."""

    def __init__(self, ring: Ring, workload: Workload, profile: Profile, hash_seed: int | None):
        self.ring, self.profile, self.workload = ring, profile, workload
        self.order, self.hashes = in_order(ring.hashes(hash_seed))
        self.weights = np.array([self._weight(s) for s in ring.streams])
        self._divide()
        self.sums = [self._summed(s) for s in ring.streams]
        self.squares = [
            self._summed(s, squared=True) if isinstance(s.units, np.ndarray) else None for s in ring.streams
        ]
        self.bytes = self._along(ring.bytes) if ring.bytes is not None else None

    def __len__(self) -> int:
        """How many atoms there are."""
        return len(self.hashes)

    def _weight(self, stream: Stream) -> float:
        """How much of a partition's limit a unit takes."""
        spread = self.profile.eventual_read_headroom if stream.eventual else 1.0
        return 1.0 / (max(spread, 1e-9) * self.profile.partition_limit(stream.kind))

    # Keys and atoms

    def usage(self, begin: int = 0, end: int | None = None) -> Floats:
        """Of each key of a range of numbers, the share of a partition's limit that it takes at all patterns' peak."""
        end = self.ring.count if end is None else end
        found = {kind: np.zeros(end - begin) for kind in {s.kind for s in self.ring.streams}}
        for stream, weight in zip(self.ring.streams, self.weights, strict=True):
            here, places = slice(begin, end), slice(None)
            if stream.keys is not None:
                here = slice(*np.searchsorted(stream.keys, [begin, end]))
                places = stream.keys[here] - begin
            units = stream.units[here] if isinstance(stream.units, np.ndarray) else stream.units
            found[stream.kind][places] += stream.requests[here] * (units * weight * self._peak(stream))
        return np.maximum.reduce(list(found.values())) if found else np.zeros(end - begin)

    def _peak(self, stream: Stream) -> float:
        return self.workload.patterns[stream.pattern].peak

    def _divide(self) -> None:
        """Give each hot collection that may be split inside an atom for each sort-key range."""
        self.segments = self.firsts = None
        if self.ring.segments is None:
            return
        usage, most = self.usage(), int(max(self.profile.collection_segments, 1))
        size = self.ring.bytes if self.ring.bytes is not None else np.zeros(self.ring.count)
        large = (usage >= _SEGMENTED) | (size >= self.profile.partition_bytes / 10)
        counts = np.where(large, np.clip(self.ring.segments, 1, most), 1)
        created = {s.pattern for s in self.ring.streams if s.pattern in self.ring.growth}
        for stream in self.ring.streams:
            if stream.pattern in created and stream.keys is not None:
                counts[stream.keys] = np.where(large[stream.keys], most, counts[stream.keys])
        counts[list(self.pinned_keys)] = 1
        if counts.max(initial=1) > 1:
            self.segments = counts[self.order]
            self.firsts = np.concatenate([[0], np.cumsum(self.segments)])
            self.hashes = np.repeat(self.hashes, self.segments)

    @cached_property
    def pinned_keys(self) -> dict[int, str]:
        """Keys whose collection is not split since most of their heat is at a rising end."""
        if not self.ring.rising:
            return {}
        keys = np.fromiter(self.ring.rising, dtype=np.int64)
        moving = np.zeros(self.ring.count)
        for stream, weight in zip(self.ring.streams, self.weights, strict=True):
            if stream.motion in ("rising sort key", "current time") and stream.kind == "write":
                assert stream.keys is not None
                moving[stream.keys] += stream.requests * stream.units * weight * self._peak(stream)
        led = keys[moving[keys] >= 0.5 * self.usage()[keys]]
        return {int(key): self.ring.rising[int(key)] for key in led}

    def _summed(self, stream: Stream, squared: bool = False) -> Floats:
        """Units of the atoms before each, one request a second of the pattern; or the sums of units squared."""
        factor = stream.units * stream.units if squared else stream.units
        units = stream.requests if np.ndim(factor) == 0 else stream.requests * factor
        if stream.keys is not None:
            dense = np.zeros(self.ring.count)
            dense[stream.keys] = units
            units = dense
        times = float(stream.period_s == 0)  # keys that move have no place of their own
        return self._along(units, times * float(factor) if np.ndim(factor) == 0 else times)

    def _along(self, values: Floats, factor: float = 1.0) -> Floats:
        """Sums of the atoms before each, of values by key: one more than there are atoms."""
        sums = np.empty(len(self) + 1)
        sums[0] = 0.0
        if self.segments is None:
            np.take(values, self.order, out=sums[1:])
        else:
            sums[1:] = np.repeat(values[self.order] / self.segments, self.segments)
        if factor != 1.0:
            sums *= factor
        np.cumsum(sums, out=sums)
        return sums

    def key_at(self, atom: int) -> int:
        """The key that an atom is of, or is part of."""
        place = atom if self.firsts is None else int(np.searchsorted(self.firsts, atom, "right")) - 1
        return int(self.order[place])

    def segment_at(self, atom: int) -> float:
        """How far along its collection an atom begins: 0 where it is the first of its key."""
        if self.firsts is None or self.segments is None:
            return 0.0
        place = int(np.searchsorted(self.firsts, atom, "right")) - 1
        if place >= len(self.segments):
            return 0.0
        return float((atom - self.firsts[place]) / self.segments[place])

    def hashes_of(self, keys: Ints) -> Hashes:
        """The hashes of a few keys."""
        places = {key: place for place, key in self._places(keys)}
        return self.hashes[[self._first(places[int(key)]) for key in keys]]

    def _first(self, place: int) -> int:
        """The first atom of the key that stands at a place in the order of keys."""
        return place if self.firsts is None else int(self.firsts[place])

    # Ranges

    def equal_ranges(self, partitions: int) -> Ints:
        """The atoms at which partitions begin that have equal ranges of the ring; one more for the end."""
        edges = np.arange(1, partitions) * (_RING / partitions)
        return np.concatenate([[0], np.searchsorted(self.hashes, edges.astype(np.uint64)), [len(self)]])

    def units(self, begin: Ints, end: Ints) -> Floats:
        """Units of each stream in ranges of atoms, one request a second of its pattern: (streams, ranges)."""
        return np.array([np.maximum(sums[end] - sums[begin], 0.0) for sums in self.sums]).reshape(
            len(self.sums), len(begin)
        )

    def unit_sizes(self, units: Floats, begin: Ints, end: Ints) -> Floats:
        """Units per request of each stream in ranges; of requests of different sizes, what gives the same variance."""
        sizes = np.ones_like(units)
        for row, (stream, squares) in enumerate(zip(self.ring.streams, self.squares, strict=True)):
            if squares is None:
                sizes[row] = stream.units
            else:
                there = units[row] > 0
                sizes[row, there] = (squares[end] - squares[begin])[there] / units[row, there]
        return np.maximum(sizes, 1e-9)

    def position(self, atom: int) -> float:
        """Where an atom stands on the ring, 0..1."""
        return float(self.hashes[atom]) / _RING if atom < len(self) else 1.0

    @cached_property
    def bucket_edges(self) -> Ints:
        """The atom at which each row of a heat map begins; one more for the end."""
        edges = (np.arange(1, BUCKETS) * (_RING / BUCKETS)).astype(np.uint64)
        return np.concatenate([[0], np.searchsorted(self.hashes, edges), [len(self)]])

    # Cuts

    def heat_along(self, begin: int, end: int, rates: Sequence[float]) -> dict[Kind, Floats]:
        """Sums of utilisation along a range of atoms, by kind, at these rates of the streams."""
        found: dict[Kind, Floats] = {}
        for stream, sums, weight, rate in zip(self.ring.streams, self.sums, self.weights, rates, strict=True):
            if rate > 0 and not stream.period_s:
                part = (sums[begin : end + 1] - sums[begin]) * (weight * rate)
                found[stream.kind] = found[stream.kind] + part if stream.kind in found else part
        return found

    def cut(self, begin: int, end: int, rates: Sequence[float], moving: float = 0.0) -> Cut:
        """Where a partition of these atoms is cut for its heat, at these rates; `moving` heat has no place to cut."""
        if end - begin < 2:
            return Cut(refused=self._alone(begin, end), final=True)
        by_kind = self.heat_along(begin, end, rates)
        sums = max(by_kind.values(), key=lambda s: s[-1], default=np.zeros(end - begin + 1))
        total = float(sums[-1])
        if moving >= self.profile.split_utilisation and moving > total:
            return Cut(refused="its heat moves with the time")
        if total <= 0:
            return Cut(refused="no heat was observed")
        heat = np.diff(sums)
        top = int(heat.argmax())
        share = float(heat[top]) / total
        if share > self.profile.isolation_share:
            return self._around(begin, end, top, share, total)
        middle = int(np.searchsorted(sums, total / 2))
        if middle > 1 and total / 2 - sums[middle - 1] < sums[middle] - total / 2:
            middle -= 1
        return Cut((begin + min(max(middle, 1), end - begin - 1),))

    def _around(self, begin: int, end: int, top: int, share: float, total: float) -> Cut:
        """The cuts that free an atom of its neighbours; with nearly all of the heat, only if it throttles them."""
        suffer = total > 1 and (1 - share) * total > 1e-9
        if share >= self.profile.single_item_share and not suffer:
            what = "sort-key range" if self._is_divided(begin + top) else "key"
            return Cut(refused=f"one {what}, {self.label(begin + top)}, has {100 * share:.0f} % of its heat")
        return Cut(tuple(a for a in (begin + top, begin + top + 1) if begin < a < end), isolates=True)

    def _is_divided(self, atom: int) -> bool:
        return self.firsts is not None and self.segment_at(atom + 1) + self.segment_at(atom) > 0

    def _alone(self, begin: int, end: int) -> str:
        if end == begin:
            return "it holds no key"
        key = self.key_at(begin)
        why = self.pinned_keys.get(key) or self.ring.pinned
        if self._is_divided(begin):
            return f"it holds one sort-key range of {self.label(begin)}"
        return f"it holds {self.label(begin)} alone" + (f", which is not split: {why}" if why else "")

    def label(self, atom: int) -> str:
        """The partition key that an atom belongs to."""
        return self.ring.label(self.key_at(atom))

    def size_cut(self, begin: int, end: int, grown: Sequence[float]) -> Cut:
        """Where a partition that is full is cut: at the median of its bytes."""
        if end - begin < 2:
            return Cut(refused=f"it is full, and {self._alone(begin, end)}", final=True)
        sums = self.bytes_along(begin, end, grown)
        middle = int(np.searchsorted(sums, sums[-1] / 2))
        return Cut((begin + min(max(middle, 1), end - begin - 1),))

    def bytes_along(self, begin: int, end: int, grown: Sequence[float]) -> Floats:
        """Sums of bytes along a range of atoms; `grown` is what each stream has added on the whole ring."""
        stored = self.bytes if self.bytes is not None else np.zeros(len(self) + 1)
        sums = stored[begin : end + 1] - stored[begin]
        for stream, along, added in zip(self.ring.streams, self.sums, grown, strict=True):
            if added and stream.total_units:
                sums = sums + (along[begin : end + 1] - along[begin]) * (added / stream.total_units)
        return sums

    # Keys that stand out

    def hot(self) -> tuple[HotAtom, ...]:
        """The keys that take the most of a partition's limit when all patterns are at their peak."""
        found: list[tuple[float, int]] = []
        for begin in range(0, self.ring.count, _CHUNK):
            usage = self.usage(begin, min(begin + _CHUNK, self.ring.count))
            count = min(_HOT, len(usage))
            found += [(-float(usage[i]), begin + int(i)) for i in np.argpartition(-usage, count - 1)[:count]]
        keys = [key for use, key in sorted(found)[:_HOT] if use < 0]
        where = {key: place for place, key in self._places(np.array(keys, dtype=np.int64))}
        return tuple(self._hot(key, where[key]) for key in keys)

    def _places(self, keys: Ints) -> list[tuple[int, int]]:
        wanted = np.flatnonzero(np.isin(self.order, keys))
        return [(int(place), int(self.order[place])) for place in wanted]

    def _hot(self, key: int, place: int) -> HotAtom:
        atom = self._first(place)
        asked = [
            (self._units_of(s, key) * self._peak(s), w, s) for s, w in zip(self.ring.streams, self.weights, strict=True)
        ]
        by_kind: dict[Kind, float] = {}
        for units, weight, stream in asked:
            by_kind[stream.kind] = by_kind.get(stream.kind, 0.0) + units * weight
        kind = max(by_kind, key=lambda k: by_kind[k])
        mine = [(units, stream) for units, _, stream in asked if stream.kind == kind]
        units, leading = sum(u for u, _ in mine), max(mine, key=lambda each: each[0])[1]
        whole = sum(s.total_units * self._peak(s) for s in self.ring.streams if s.kind == kind)
        divided = self._is_divided(atom)
        pinned = "" if divided else self.pinned_keys.get(key) or self.ring.pinned
        name = self.workload.patterns[leading.pattern].name
        position = float(self.hashes[atom]) / _RING
        return HotAtom(
            self.ring.label(key),
            kind,
            position,
            units / whole,
            units,
            name,
            leading.motion,
            divided,
            pinned,
            units / by_kind[kind] if by_kind[kind] else float(self.profile.partition_limit(kind)),
        )

    def _units_of(self, stream: Stream, key: int) -> float:
        place = key
        if stream.keys is not None:
            place = int(np.searchsorted(stream.keys, key))
            if place >= len(stream.keys) or stream.keys[place] != key:
                return 0.0
        units = stream.units[place] if isinstance(stream.units, np.ndarray) else stream.units
        return float(stream.requests[place] * units)


def in_order(hashes: Hashes) -> tuple[Ints, Hashes]:
    """The numbers of keys in the order of their hashes, and the hashes in order.

    Very many are sorted with their number in place of the hash's last bits, which is four times as quick; of those
    that agree in all others, less than 2**-40 of the ring apart, the one with the lower number comes first.

    >>> [part.tolist() for part in in_order(np.array([7, 3, 5], dtype=np.uint64))]
    [[1, 2, 0], [3, 5, 7]]
    """
    if len(hashes) < _MANY:
        order = np.argsort(hashes, kind="stable")
        return order, hashes[order]
    mask = np.uint64((1 << (len(hashes) - 1).bit_length()) - 1)
    packed = hashes & ~mask
    packed |= np.arange(len(hashes), dtype=np.uint64)
    packed.sort()
    order = (packed & mask).view(np.int64)
    packed &= ~mask
    return order, packed
