"""Sort keys by time: the hottest item collection that can be split, as rows of a heat map of its own.

On the ring a collection is a single place, and what happens inside it does not show: a partition that ends within the
collection serves its first sort keys, the next one the rest. Here its sort keys are 64 rows. What is asked of a
collection is taken to be spread evenly over them; what each of its partitions served of it is the share that the
partition served of everything.
"""

from collections.abc import Mapping

import numpy as np

from workbench.columns import Floats
from workbench.histories import Heat, HotAtom, RingHistory
from workbench.load import Kind
from workbench.spreads import KINDS

ROWS = 64
NEAR = 1e-9  # of the ring: places that are the same


def hottest_collection(ring: RingHistory) -> HotAtom | None:
    """The key nearest to a partition's limit whose collection can be split by sort key; None if there is none."""
    return next((atom for atom in ring.hot if atom.splits and not atom.pinned_by), None)


def collection_heat(ring: RingHistory) -> Heat | None:
    """Units by sort-key range and interval of the hottest collection that can be split; None if there is none."""
    atom = hottest_collection(ring)
    if atom is None:
        return None
    covers = _covers(ring, atom.position)
    consumed: dict[Kind, Floats] = {}
    throttled: dict[Kind, Floats] = {}
    for kind in KINDS:
        offered = ring.offered(kind)
        asked = offered.sum(axis=1) * (atom.share if kind == atom.kind else 0.0) / ROWS
        served = np.divide(ring.consumed[kind], offered, out=np.zeros_like(offered), where=offered > 0)
        part = covers @ np.where(offered > 0, served, 0.0).T / np.maximum(covers @ (offered > 0).T, 1)
        consumed[kind], throttled[kind] = part * asked, (1 - part) * asked
    return Heat(consumed, throttled, atom.key)


def collection_boundaries(ring: RingHistory) -> Mapping[float, float]:
    """Where partitions meet within the hottest collection, as a share of its sort keys, and from which second on."""
    atom, found = hottest_collection(ring), dict[float, float]()
    if atom is None:
        return found
    parts = ring.partitions
    inside = (np.abs(parts.lo - atom.position) < NEAR) & (parts.lo_segment > 0)
    for segment, born in sorted(zip(parts.lo_segment[inside].tolist(), parts.born_s[inside].tolist(), strict=True)):
        found.setdefault(segment, born)
    return found


def _covers(ring: RingHistory, position: float) -> Floats:
    """How much of each row each partition covers, (rows, partitions): a row belongs to the partition of its middle."""
    parts, middles = ring.partitions, (np.arange(ROWS) + 0.5) / ROWS
    begins, ends = np.abs(parts.lo - position) < NEAR, np.abs(parts.hi - position) < NEAR
    there = ((parts.lo < position) | begins) & ((position < parts.hi) | ends)
    first = np.where(begins, parts.lo_segment, 0.0)
    last = np.where(ends, parts.hi_segment, 1.0)
    return (there & (first <= middles[:, None]) & (middles[:, None] < last)).astype(float)
