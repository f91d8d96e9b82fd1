"""Simulation: a table's partitions through time, one second after the other."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.histories import (
    BUCKETS,
    Heat,
    HotAtom,
    Note,
    PartitionHistory,
    PatternHistory,
    RingHistory,
)
from workbench.profile import PROFILE, Profile
from workbench.results import Result

if TYPE_CHECKING:
    pass

Floats = NDArray[np.float64]

__all__ = ["BUCKETS", "PROFILE", "Heat", "HotAtom", "PartitionHistory", "PatternHistory", "Profile", "RingHistory"]


@dataclass(frozen=True, repr=False)
class Simulation(Result):
    """A design's partitions through time: rings (tables first, each followed by its global indexes) and patterns.

    `duration_s` is what was simulated, less than was asked for if it was interrupted. `load` says the load in words.
    """

    design: str
    duration_s: int
    interval_s: int
    load: str
    start: str
    seed: int
    hash_seed: int | None
    rings: tuple[RingHistory, ...]
    patterns: tuple[PatternHistory, ...]
    profile: Profile
    notes: tuple[Note, ...]
    interrupted: bool = False

    def ring(self, table: str | None = None, index: str | None = None) -> RingHistory:
        """The history of a table (the first unless named) or of one of its indexes; ValueError names those there are."""
        for one in self.rings:
            if table in (None, one.table) and one.index == index:
                return one
        raise ValueError(f"no {index or table!r} in this simulation; there are {', '.join(r.name for r in self.rings)}")

    @cached_property
    def throttled_per_s(self) -> Floats:
        """Requests turned away per second, over all patterns."""
        return sum((p.all_throttled for p in self.patterns), np.zeros(self.duration_s))

    @property
    def first_throttle_s(self) -> int | None:
        """The first second with a throttled request; None if there was none."""
        found = np.flatnonzero(self.throttled_per_s)
        return int(found[0]) if len(found) else None

    @property
    def last_throttle_s(self) -> int | None:
        """The last second with a throttled request; None if there was none."""
        found = np.flatnonzero(self.throttled_per_s)
        return int(found[-1]) if len(found) else None
