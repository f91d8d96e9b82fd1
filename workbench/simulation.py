"""Simulation: a table's partitions through time, so that throttling shows before production.

"Requests divided by keys" hides skew: 500 requests a second over 10,000 keys looks like 0.05 on each, and is 76 on the
first key at Zipf 1.1. Here a table and each of its global indexes have a ring of keys, partitions and limits of their
own, and are followed second by second: what is asked, what the table and its partitions admit, when partitions split,
and how an index that cannot keep up holds back the table. Every request that is turned away has one of the service's
16 reasons. The rules and their parameters are in the behaviour profile; what is inferred or assumed is said in notes.

    sim = wb.simulate(design, duration="1h", load="ramp")
    sim.summary()
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.clients import ClosedLoop, Retries
from workbench.design import Design
from workbench.draws import address
from workbench.flows import KINDS, Flow
from workbench.histories import (
    BUCKETS,
    Cause,
    Heat,
    HotAtom,
    Note,
    PartitionHistory,
    PatternHistory,
    RingHistory,
)
from workbench.items import DEFAULT_NOW, Items, generate_items
from workbench.load import Kind
from workbench.placement import Placement
from workbench.profile import PROFILE, Profile
from workbench.recording import Recording
from workbench.results import Result, number
from workbench.shapes import Constant, Diurnal, Ramp, Recorded, Shape, Spike, Step, duration_seconds, shape
from workbench.splitting import Partitions
from workbench.throughput import (
    REASONS,
    AutoScaler,
    TableBucket,
    on_demand_units,
    partitions_for,
)
from workbench.workload import Ring, Workload, check_rate, keyed, settings_of, workload

if TYPE_CHECKING:
    pass

Floats = NDArray[np.float64]
Client = Retries | ClosedLoop

__all__ = [
    "BUCKETS",
    "PROFILE",
    "REASONS",
    "ClosedLoop",
    "Constant",
    "Diurnal",
    "Heat",
    "HotAtom",
    "Note",
    "PartitionHistory",
    "PatternHistory",
    "Profile",
    "Ramp",
    "Recorded",
    "Retries",
    "RingHistory",
    "Simulation",
    "Spike",
    "Start",
    "Step",
    "Summary",
    "keyed",
    "simulate",
]


@dataclass(frozen=True)
class Start:
    """The state in which tables and indexes begin.

    `previous_peak` and `warm` are units a second by kind, as {"write": 10_000}; `idle_s` for how long provisioned
    capacity was unused before, which is what burst there is; `partitions` how many there are, unless they follow.
    """

    partitions: int | None = None
    previous_peak: Mapping[Kind, float] = field(default_factory=dict)
    warm: Mapping[Kind, float] = field(default_factory=dict)
    idle_s: float = 0.0
    words: str = ""

    def __post_init__(self) -> None:
        if self.partitions is not None and self.partitions < 1:
            raise ValueError(f"start: partitions={self.partitions}; a table has at least 1")
        units = {**self.previous_peak, **{f"warm {kind}": value for kind, value in self.warm.items()}}
        for name, value in {**units, "idle_s": self.idle_s}.items():
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"start: {name}={value!r}; a finite number from 0 is allowed")

    def __str__(self) -> str:
        said = [f"{self.partitions:,} partitions"] if self.partitions else []
        said += [f"previous peak {number(units)} {kind} units/s" for kind, units in self.previous_peak.items()]
        said += [f"warm for {number(units)} {kind} units/s" for kind, units in self.warm.items()]
        said += [f"idle for {self.idle_s:g} s"] if self.idle_s else []
        return self.words or ", ".join(said) or "cold"


COLD = Start()


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

    @property
    def throttled_share(self) -> float:
        """The share of all requests that were turned away."""
        offered = sum(float(p.offered.sum()) for p in self.patterns)
        return float(self.throttled_per_s.sum()) / max(offered, 1e-300)

    def summary(self) -> "Summary":
        """What happened, in numbers: throttling by pattern and reason, when, partitions, splits, burst left."""
        return Summary(self)

    def summary_line(self) -> str:
        stop = ", interrupted" if self.interrupted else ""
        span = f"{self.design}: {_span(self.duration_s)} of {self.load} load{stop}"
        if self.first_throttle_s is None:
            return f"{span}: nothing is throttled"
        return f"{span}: {_percent(self.throttled_share)} throttled, first after {_span(self.first_throttle_s)}"

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

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


@dataclass(frozen=True, repr=False)
class Summary(Result):
    """What a simulation comes to; each property is plain data, `to_frame()` all of it as lines."""

    simulation: Simulation

    @property
    def throttled_share(self) -> dict[str, float]:
        """The share of each access pattern's requests that were turned away."""
        offered: dict[str, float] = {}
        lost: dict[str, float] = {}
        for one in self.simulation.patterns:
            offered[one.pattern] = offered.get(one.pattern, 0.0) + float(one.offered.sum())
            lost[one.pattern] = lost.get(one.pattern, 0.0) + float(one.all_throttled.sum())
        return {name: lost[name] / max(offered[name], 1e-300) for name in offered}

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

    def _lines(self) -> list[tuple[str, str, float | None, str, str]]:
        reasons = self.by_reason
        lines: list[tuple[str, str, float | None, str, str]] = []
        for name, share in self.throttled_share.items():
            lines.append(("throttled", name, 100 * share, "% of requests", ""))
            mine = [(reason, part) for (pattern, reason), part in reasons.items() if pattern == name]
            lines += [("throttled for", name, 100 * part, "% of requests", reason) for reason, part in mine]
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


# The call


def simulate(
    design: Design | Items | Workload,
    duration: Any = "1h",
    load: Any = "constant",
    *,
    patterns: Sequence[str] | None = None,
    table: str | None = None,
    start: Start | Literal["cold", "warm"] = "cold",
    capacity: Any = None,
    clients: Client | Mapping[str, Client] | None = None,
    retries: Retries | None = None,
    profile: Profile = PROFILE,
    counts: Literal["poisson", "fluid"] = "poisson",
    seed: int = 7,
    now: int = DEFAULT_NOW,
    hash_seed: int | None = None,
    interval_s: int = 60,
    heat: bool = True,
    progress: bool = False,
) -> Simulation:
    """A design's tables and global indexes under its access patterns, second by second.

    Args:
        design: a design, its items if they are there already (they are generated otherwise), or a bare workload.
        duration: what is simulated: "1h", "90 min", seconds.
        load: a shape ("constant", "diurnal", "ramp", "step", "spike", or one with parameters), a series of times and
            multiples of the rate, or a mapping from access pattern to these.
        patterns: the access patterns that make up the load; all that have a rate and are served, unless given.
        table: the table to simulate; all to which requests come, unless given.
        start: "cold" (new tables), "warm" (ready for what the design states as warm throughput, or for the load's
            peak), or a `Start` with a history.
        capacity: in place of what the design states for its tables and indexes: "on-demand" or {"read": ..,
            "write": ..}, with numbers or {"min": .., "max": .., "target": ..}.
        clients: `ClosedLoop(threads)` or `Retries(attempts)` for all patterns or by pattern; unless given, requests come
            whatever happens, and those that are turned away are counted.
        retries: the same as `clients`, for all patterns.
        profile: the rules; `dataclasses.replace(wb.PROFILE, ...)` makes others.
        counts: "poisson", which is exact for independent callers, or "fluid", the mean without noise.
        seed: of all that is random; the same seed gives the same arrays.
        hash_seed: places keys on another ring; the inferred hash of the service unless given.
        interval_s: how many seconds a row of the result sums up.
        heat: whether to record the heat map.

    A KeyboardInterrupt ends it early with what there is. ValueError says what cannot be simulated and why.
    """
    seconds = duration_seconds(duration)
    if not isinstance(interval_s, int) or interval_s < 1:
        raise ValueError(f"interval_s={interval_s!r}: rows sum up whole seconds, from 1")
    if counts not in ("poisson", "fluid"):
        raise ValueError(f"counts={counts!r}: either 'poisson' or 'fluid'")
    work = _workload(design, seed, now, patterns, table, capacity)
    rates, words = _rates(work, load, seconds)
    began = _start(start, work)
    run = _Run(work, rates, began, _clients(work, clients or retries), profile, counts == "fluid", seed, hash_seed)
    return run.simulate(seconds, interval_s, heat, progress, words)


def _workload(
    design: Design | Items | Workload,
    seed: int,
    now: int,
    patterns: Sequence[str] | None,
    table: str | None,
    capacity: Any,
) -> Workload:
    if isinstance(design, Workload):
        for one in design.patterns:
            check_rate(one.name, one.rate)
            check_rate(one.name, one.peak)
        return design
    items = design if isinstance(design, Items) else generate_items(design, seed=seed, now=now)
    found = workload(items, patterns, table)
    return found if capacity is None else _with_capacity(found, capacity)


def _with_capacity(work: Workload, capacity: Any) -> Workload:
    """The workload with another capacity for all of its tables and indexes."""
    from dataclasses import replace

    from workbench.design import Table

    try:
        settings = settings_of(Table.model_validate({"partition_key": "pk", "capacity": capacity}))
    except ValueError as error:
        raise ValueError(
            f"capacity={capacity!r}: 'on-demand', or {{'read': 100, 'write': 50}}, each a number of units or "
            "{'min': 5, 'max': 400, 'target': '70%'}"
        ) from error
    rings = tuple(
        replace(ring, settings=replace(settings, most=ring.settings.most, warm=ring.settings.warm))
        for ring in work.rings
    )
    return replace(work, rings=rings)


def _rates(work: Workload, load: Any, seconds: int) -> tuple[Floats, str]:
    """Requests a second of each pattern in each second, and the load in words."""
    names = [pattern.name for pattern in work.patterns]
    by_pattern = isinstance(load, Mapping) and any(isinstance(name, str) for name in load)
    if by_pattern and (unknown := set(load) - set(names)):
        raise ValueError(
            f"load: {work.name} has no access pattern {min(unknown)!r} with a rate; there are {', '.join(names)}"
        )
    shapes = [shape(load.get(name, "constant") if by_pattern else load) for name in names]
    found = np.array(
        [_checked_rates(s, p.name, p.rate, p.peak, seconds) for s, p in zip(shapes, work.patterns, strict=True)]
    )
    return found, str(shapes[0]) if len(set(map(str, shapes))) == 1 else "mixed"


def _checked_rates(form: Shape, pattern: str, rate: float, peak: float, seconds: int) -> Floats:
    found = np.asarray(form.rates(rate, peak, seconds), dtype=float)
    if found.shape != (seconds,) or not np.isfinite(found).all() or (found < 0).any():
        raise ValueError(f"load of {pattern}: a shape gives a finite rate from 0 for each of the {seconds:,} seconds")
    return found


def _start(start: Start | str, work: Workload) -> Start:
    if isinstance(start, Start):
        return start
    if start == "cold":
        return COLD
    if start != "warm":
        raise ValueError(f"start={start!r}: 'cold', 'warm', or a Start with partitions, previous_peak, warm or idle_s")
    return Start(idle_s=300.0, words="warm")


def _clients(work: Workload, clients: Client | Mapping[str, Client] | None) -> dict[int, Client]:
    if clients is None:
        return {}
    names = [pattern.name for pattern in work.patterns]
    if not isinstance(clients, Mapping):
        return dict.fromkeys(range(len(names)), clients)
    if unknown := set(clients) - set(names):
        raise ValueError(
            f"clients: {work.name} has no access pattern {min(unknown)!r} with a rate; there are {', '.join(names)}"
        )
    return {names.index(name): client for name, client in clients.items()}


# The run


class _Run:
    """A simulation while it runs: the rings with their flows and recordings, and what governs their capacity."""

    def __init__(
        self,
        work: Workload,
        rates: Floats,
        start: Start,
        clients: Mapping[int, Client],
        profile: Profile,
        fluid: bool,
        seed: int,
        hash_seed: int | None,
    ):
        self.work, self.rates, self.start, self.profile = work, rates, start, profile
        self.seed, self.hash_seed, self.fluid, self.clients = seed, hash_seed, fluid, clients
        self.lanes = [_Lane(self, number, ring) for number, ring in enumerate(work.rings)]
        self.groups = _groups(self.lanes)

    def simulate(self, seconds: int, interval_s: int, heat: bool, progress: bool, load: str) -> Simulation:
        from tqdm.auto import tqdm

        for lane in self.lanes:
            lane.recording = Recording(lane.flow, seconds, interval_s, heat)
        done = 0
        try:
            with tqdm(total=seconds, desc="simulating", unit="s", disable=not progress, leave=False) as bar:
                while done < seconds:
                    until = self._until(done, seconds, interval_s)
                    for group in self.groups:
                        _step(group, done, until)
                    bar.update(until - done)
                    done = until
        except KeyboardInterrupt:
            pass
        return self._result(done, interval_s, load, done < seconds)

    def _until(self, second: int, seconds: int, interval_s: int) -> int:
        """The end of a block: within one minute and one interval, and where something happens that ends it."""
        ends = [seconds, (second // 60 + 1) * 60, (second // interval_s + 1) * interval_s]
        ends += [int(lane.next_event(second)) for lane in self.lanes if lane.next_event(second) < seconds]
        return min(ends)

    def _result(self, seconds: int, interval_s: int, load: str, interrupted: bool) -> Simulation:
        names = [pattern.name for pattern in self.work.patterns]
        return Simulation(
            self.work.name,
            seconds,
            interval_s,
            load,
            str(self.start),
            self.seed,
            self.hash_seed,
            tuple(lane.recording.ring(seconds) for lane in self.lanes),
            tuple(p for lane in self.lanes for p in lane.recording.patterns(seconds, names)),
            self.profile,
            tuple(_notes(self)),
            interrupted,
        )


def _groups(lanes: Sequence["_Lane"]) -> list[list["_Lane"]]:
    """Each table's lane with those of its indexes, whose second depends on the table's."""
    found: dict[str, list[_Lane]] = {}
    for lane in lanes:
        found.setdefault(lane.ring.table, []).append(lane)
    return list(found.values())


def _step(group: Sequence["_Lane"], first: int, until: int) -> None:
    """Simulate a block of seconds of a table and its indexes."""
    for lane in group:
        lane.before(first)
        lane.flow.begin(first, until)
    bases = [lane for lane in group if lane.ring.index is None]
    indexes = [lane for lane in group if lane.ring.index is not None]
    for row in range(until - first):
        for lane in group:
            lane.flow.serve("read", row)
        gate, because = _gate(indexes, row)
        for lane in bases:
            lane.flow.serve("write", row, gate, because)
        if indexes:
            _absorb(bases, indexes, row)
    for lane in group:
        lane.flow.finish()
        lane.recording.add()
        lane.after(until)


def _gate(indexes: Sequence["_Lane"], row: int) -> tuple[float, tuple[str | None, str]]:
    """The share of writes that the fullest index lets through, and its name and reason."""
    gate, because = 1.0, (None, "")
    for lane in indexes:
        if lane.flow.rows["write"] and (share := lane.flow.gate(row)) < gate:
            gate, because = share, (lane.ring.index, lane.flow.refused_by)
    return gate, because


def _absorb(bases: Sequence["_Lane"], indexes: Sequence["_Lane"], row: int) -> None:
    """Give the indexes the writes that the table admitted, by pattern."""
    admitted: dict[int, float] = {}
    turned_away: dict[str | None, dict[int, float]] = {}
    for lane in bases:
        flow = lane.flow
        for i in flow.rows["write"]:
            asked, pattern = flow.asked[i, row], flow.streams[i].pattern
            if asked <= 0:
                continue
            lost = {reason: float(units[row]) for reason, units in flow.lost[i].items() if units[row]}
            admitted[pattern] = 1.0 - sum(lost.values()) / asked
            for (index, _), units in lost.items():
                if index is not None:
                    turned_away.setdefault(index, {})[pattern] = units / asked
    for lane in indexes:
        lane.flow.absorb(row, admitted, turned_away.get(lane.ring.index, {}))


class _Lane:
    """One ring of a run: its flow, its recording, and the table-level capacity that governs it."""

    recording: Recording

    def __init__(self, run: _Run, number: int, ring: Ring):
        self.ring, self.profile, self.start = ring, run.profile, run.start
        placement = Placement(ring, run.work, run.profile, run.hash_seed)
        peaks = [float(run.rates[s.pattern].max(initial=0.0)) for s in ring.streams]
        wanted = {kind: 0.0 for kind in KINDS}
        for stream, peak in zip(ring.streams, peaks, strict=True):
            wanted[stream.kind] += stream.total_units * peak
        self.settings = ring.settings
        self.warm = self._warm(wanted if str(run.start) == "warm" else {})
        self.peak = {kind: float(run.start.previous_peak.get(kind, 0.0)) for kind in KINDS}
        self.units = {kind: float(self.settings.units.get(kind, 0.0)) for kind in KINDS}
        count = self._partitions(placement)
        if run.start.partitions:
            self.warm = {k: max(self.warm[k], count * run.profile.partition_limit(k)) for k in KINDS}
        self.buckets = {kind: self._bucket(kind) for kind in KINDS}
        self._fill()
        seed = address(run.seed, number)
        whole = bool(run.clients) or any(isinstance(c, ClosedLoop) for c in run.clients.values())
        partitions = Partitions(placement, count, run.profile, seed, peaks, whole=whole)
        self.flow = Flow(placement, partitions, self.buckets, run.rates, run.profile, seed, run.clients, run.fluid)
        scaling = self.settings.scaling
        self.scalers = {k: AutoScaler(s.min, s.max, s.target, run.profile) for k, s in scaling.items()}
        self.changes: list[tuple[int, Kind, float]] = []
        self.minute = {kind: 0.0 for kind in KINDS}
        self.added = [0.0] * len(ring.streams)

    # Capacity

    def _warm(self, wanted: Mapping[Kind, float]) -> dict[Kind, float]:
        stated = {**dict.fromkeys(KINDS, 0.0), **self.settings.warm}
        given = {kind: max(stated[kind], float(self.start.warm.get(kind, 0.0))) for kind in KINDS}
        return given if any(given.values()) else {kind: float(wanted.get(kind, 0.0)) for kind in KINDS}

    def _partitions(self, placement: Placement) -> int:
        """How many partitions there are at the start."""
        if self.start.partitions:
            return self.start.partitions
        size = float(placement.bytes[-1]) if placement.bytes is not None else 0.0
        if self.settings.mode == "provisioned":
            most = {kind: max(self.units[kind], self.peak[kind]) for kind in KINDS}
            count = partitions_for(most["read"], most["write"], size, profile=self.profile)
            warm = partitions_for(self.warm["read"], self.warm["write"], rule="max", profile=self.profile)
            return max(count, warm)
        units = {kind: self._on_demand(kind, quota=float("inf")) for kind in KINDS}
        return partitions_for(units["read"], units["write"], size, rule="max", profile=self.profile)

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
            if count > self.flow.partitions.history().count(second):
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


def _notes(run: _Run) -> list[Note]:
    """What the result rests on beside documentation: parameters that are inferred or assumed, and estimates."""
    profile = run.profile
    found: list[Note] = []
    for one in fields(profile):
        basis, value = one.metadata["basis"], getattr(profile, one.name)
        if basis != "documented":
            found.append(Note(basis, f"{one.name} = {value:g}: {one.metadata['about']}"))
        elif value != one.default:
            found.append(Note("assumed", f"{one.name} = {value}, where AWS documents {one.default}"))
    where = "the hash was inferred from the order of scans" if run.hash_seed is None else "keys are placed by a seed"
    found.append(Note("estimated", f"which partition a key is in: {where}; try several values of hash_seed"))
    found += [Note("estimated", text) for text in run.work.notes]
    return found
