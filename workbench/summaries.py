"""Summaries: what a simulation is and what it comes to, as records that charts and reports read.

A `Simulation` holds the histories of all rings and access patterns. Its summary says what an engineer asks first: which
share of each pattern's requests is turned away and for which of the service's reasons, when that begins and ends, how
many partitions there are and why they split, and how much burst capacity is left.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.columns import Floats
from workbench.histories import Cause, Note, PartitionHistory, PatternHistory, RingHistory, given_up_share
from workbench.load import Kind
from workbench.profile import Profile
from workbench.results import Result, html_notes, html_table
from workbench.spreads import KINDS

if TYPE_CHECKING:
    import pandas as pd


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
        """The history of a table (the first unless named) or one of its indexes; ValueError names those there are."""
        for one in self.rings:
            if table in (None, one.table) and one.index == index:
                return one
        raise ValueError(f"no {index or table!r} in this simulation; there are {', '.join(r.name for r in self.rings)}")

    def check_simulated(self) -> None:
        """ValueError if it was interrupted before the first second, so that there is nothing to draw."""
        if not self.duration_s:
            raise ValueError(
                f"{self.design}: the simulation was interrupted before its first second; simulate it again"
            )

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

    @property
    def throttled_share(self) -> float:
        """The share of all requests that were turned away; of all attempts, where they are tried again."""
        offered = sum(float(p.offered.sum()) for p in self.patterns)
        return float(self.throttled_per_s.sum()) / max(offered, 1e-300)

    @property
    def retried(self) -> bool:
        """Whether any requests are tried again, so that attempts are counted."""
        return any(one.retried for one in self.patterns)

    @property
    def given_up_share(self) -> float:
        """The share of all requests that were lost for good: after their last attempt, or the only one."""
        return given_up_share(self.patterns)

    def summary(self) -> "Summary":
        """What happened, in numbers: throttling by pattern and reason, when, partitions, splits, burst left."""
        return Summary(self)

    def summary_line(self) -> str:
        stop = ", interrupted" if self.interrupted else ""
        span = f"{self.design}: {_span(self.duration_s)} of {self.load} load{stop}"
        if self.first_throttle_s is None:
            return f"{span}: nothing is throttled"
        share, first = _percent(self.throttled_share), f"first after {_span(self.first_throttle_s)}"
        if not self.retried:
            return f"{span}: {share} throttled, {first}"
        return f"{span}: {share} of attempts throttled, {first}; {_percent(self.given_up_share)} of requests given up"

    def to_frame(self) -> "pd.DataFrame":
        """A line for each ring, interval and partition that then was: units a second consumed and throttled."""
        import pandas as pd

        frames = [self._ring_frame(ring) for ring in self.rings]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def _ring_frame(self, ring: RingHistory) -> "pd.DataFrame":
        import pandas as pd

        parts, step = ring.partitions, self.interval_s
        starts = np.arange(len(ring.backlog)) * step
        ends = np.minimum(starts + step, self.duration_s)
        there = (parts.born_s[None, :] < ends[:, None]) & (parts.ended_s[None, :] > starts[:, None])
        rows, columns = np.nonzero(there)
        seconds = (ends - starts)[rows].astype(float)
        frame: dict[str, Any] = {
            "table": ring.table,
            "index": ring.index or "",
            "start_s": starts[rows],
            "partition": columns,
            "key_space_from": parts.lo[columns],
            "key_space_to": parts.hi[columns],
        }
        for kind in KINDS:
            for what, units in (("consumed", ring.consumed[kind]), ("throttled", ring.throttled[kind])):
                frame[f"{what}_{kind}_units_per_s"] = units[rows, columns] / seconds
        return pd.DataFrame(frame)

    def shown(self) -> dict[str, list[Any]]:
        """What people see: the summary's."""
        return self.summary().shown()

    def _html(self, rows: int) -> str:
        return self.summary()._html(rows)


@dataclass(frozen=True, repr=False)
class Summary(Result):
    """What a simulation comes to; each property is plain data, `to_frame()` all of it as lines."""

    simulation: Simulation

    @property
    def throttled_share(self) -> dict[str, float]:
        """The share of each access pattern's requests that were turned away; of its attempts, if they are retried."""
        offered: dict[str, float] = {}
        lost: dict[str, float] = {}
        for one in self.simulation.patterns:
            offered[one.pattern] = offered.get(one.pattern, 0.0) + float(one.offered.sum())
            lost[one.pattern] = lost.get(one.pattern, 0.0) + float(one.all_throttled.sum())
        return {name: lost[name] / max(offered[name], 1e-300) for name in offered}

    @property
    def given_up(self) -> dict[str, float]:
        """The share of each access pattern's requests lost for good: after their last attempt, or the only one."""
        found: dict[str, list[PatternHistory]] = {}
        for one in self.simulation.patterns:
            found.setdefault(one.pattern, []).append(one)
        return {name: given_up_share(mine) for name, mine in found.items()}

    @property
    def by_reason(self) -> dict[tuple[str, str], float]:
        """The share of each pattern's requests that was turned away for each reason: {(pattern, reason): share}."""
        found: dict[tuple[str, str], float] = {}
        totals: dict[str, float] = {}
        for one in self.simulation.patterns:
            totals[one.pattern] = totals.get(one.pattern, 0.0) + float(one.offered.sum())
            for reason, lost in one.throttled.items():
                found[one.pattern, reason] = found.get((one.pattern, reason), 0.0) + float(lost.sum())
        return {(name, reason): lost / max(totals[name], 1e-300) for (name, reason), lost in found.items()}

    @property
    def first_throttle_s(self) -> int | None:
        """The first second with a throttled request; None if there was none."""
        return self.simulation.first_throttle_s

    @property
    def minutes_until_it_ends(self) -> float | None:
        """Minutes from the first throttled request to the last; None without any, inf if it goes on at the end.

        It goes on if a request was turned away in the last minute.
        """
        first, last = self.simulation.first_throttle_s, self.simulation.last_throttle_s
        if first is None or last is None:
            return None
        return float("inf") if last >= self.simulation.duration_s - 60 else (last + 1 - first) / 60

    @property
    def partitions(self) -> dict[str, tuple[int, int]]:
        """Partitions of each table and index at the start and at the end."""
        last = self.simulation.duration_s
        return {r.name: (_at_start(r.partitions), r.partitions.count(last)) for r in self.simulation.rings}

    @property
    def splits(self) -> dict[str, dict[Cause, int]]:
        """How many partitions of each table and index were split, by cause."""
        return {ring.name: _splits(ring.partitions) for ring in self.simulation.rings}

    @property
    def burst_left(self) -> dict[tuple[str, Kind], float]:
        """Units saved at the end, of each table and index with provisioned capacity: {(name, kind): units}."""
        return {
            (ring.name, kind): float(ring.burst_left[kind][-1])
            for ring in self.simulation.rings
            if ring.mode == "provisioned" and len(ring.backlog)
            for kind in KINDS
        }

    def summary_line(self) -> str:
        return self.simulation.summary_line()

    def to_frame(self) -> "pd.DataFrame":
        """A line for each thing that is said: what, of which pattern, table or index, the value and its unit."""
        import pandas as pd

        return pd.DataFrame(self._lines(), columns=["what", "of", "value", "unit", "about"])

    def shown(self) -> dict[str, list[Any]]:
        """What people see first: which share of each access pattern is throttled, and for what."""
        reasons, given_up = self.by_reason, self.given_up
        shares = self.throttled_share
        columns = {
            "access pattern": list(shares),
            "throttled": [_percent(share) for share in shares.values()],
            "for": [
                ", ".join(f"{reason} {_percent(part)}" for (name, reason), part in reasons.items() if name == one)
                for one in shares
            ],
            "given up": [_percent(given_up[name]) for name in shares] if self.simulation.retried else [],
        }
        return {name: cells for name, cells in columns.items() if any(cells)}

    def shown_places(self) -> dict[str, list[Any]]:
        """What people see of the tables and indexes: partitions, why they were split, burst capacity left."""
        left = self.burst_left
        columns = {
            "table or index": list(self.partitions),
            "partitions at the start": [before for before, _ in self.partitions.values()],
            "at the end": [after for _, after in self.partitions.values()],
            "splits": [_counts(self.splits[name]) for name in self.partitions],
            **{f"burst left, {k} units": [left.get((name, k), "") for name in self.partitions] for k in KINDS},
        }
        return {name: cells for name, cells in columns.items() if any(cell != "" for cell in cells)}

    def _html(self, rows: int) -> str:
        places = html_table(self.shown_places(), "Partitions", rows)
        notes = [f"{note.basis}: {note.text}" for note in self.simulation.notes]
        folded = html_notes(notes, len(notes), f"{len(notes)} numbers that this rests on, and how well each is known")
        return html_table(self.shown(), self.summary_line(), rows) + places + folded

    def _lines(self) -> list[tuple[str, str, float | None, str, str]]:
        reasons, given_up = self.by_reason, self.given_up
        retried = {one.pattern for one in self.simulation.patterns if one.retried}
        lines: list[tuple[str, str, float | None, str, str]] = []
        for name, share in self.throttled_share.items():
            unit = "% of attempts" if name in retried else "% of requests"
            lines.append(("throttled", name, 100 * share, unit, ""))
            mine = [(reason, part) for (pattern, reason), part in reasons.items() if pattern == name]
            lines += [("throttled for", name, 100 * part, unit, reason) for reason, part in mine]
            if name in retried:
                lines.append(("given up", name, 100 * given_up[name], "% of requests", "lost for good"))
        ends = self.minutes_until_it_ends
        goes_on = "goes on at the end" if ends == float("inf") else ""
        first = self.first_throttle_s
        lines.append(
            ("first throttled request", self.simulation.design, first, "s", "" if first is not None else "none")
        )
        if first is not None:
            lines.append(("throttling ends after", self.simulation.design, None if goes_on else ends, "min", goes_on))
        for name, (before, after) in self.partitions.items():
            lines.append(("partitions at the start", name, before, "", ""))
            lines.append(("partitions at the end", name, after, "", ""))
            lines += [("splits", name, count, "", cause) for cause, count in self.splits[name].items()]
        lines += [("burst left", name, units, f"{kind} units", "") for (name, kind), units in self.burst_left.items()]
        lines += [("rests on", self.simulation.design, None, "", f"{n.basis}: {n.text}") for n in self.simulation.notes]
        return lines


def _at_start(partitions: PartitionHistory) -> int:
    return sum(cause == "start" for cause in partitions.cause)


def _splits(partitions: PartitionHistory) -> dict[Cause, int]:
    """Partitions that were cut, by the cause that their children were born of."""
    parents: dict[int, Cause] = {}
    for parent, cause in zip(partitions.parent.tolist(), partitions.cause, strict=True):
        if parent >= 0:
            parents[parent] = cause
    found: dict[Cause, int] = {}
    for cause in parents.values():
        found[cause] = found.get(cause, 0) + 1
    return found


def _counts(splits: dict[Cause, int]) -> str:
    """Splits by cause in words.

    >>> _counts({"heat": 4, "size": 1}), _counts({})
    ('4 heat, 1 size', '')
    """
    return ", ".join(f"{count} {cause}" for cause, count in splits.items())


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _span(seconds: int) -> str:
    """A time as people say it.

    >>> _span(90), _span(3600), _span(5400), _span(7)
    ('90 s', '1 h', '1 h 30 min', '7 s')
    """
    if seconds < 120 or seconds % 60:
        return f"{seconds:,} s"
    hours, minutes = divmod(seconds // 60, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes))
