"""Diagnosis: what a simulation shows, in sentences that name the key, as Google's Key Visualizer names its patterns.

    hot key              one bright line along the key space: more is asked of one key than a partition serves
    rising key           the same, at the newest end of a collection or at the current date: no split ever helps
    index back-pressure  an index cannot follow, and writes to its table are rejected for its sake
    table limit          the capacity or quota of the table or index is used up, whatever the keys are
    few partitions       the load is spread, but over fewer partitions than it needs, until they have been split
    burst                a stripe over the whole key space: the load is a multiple of its usual for a short time
    healthy              even grain: nothing is turned away
    interrupted          the simulation ended before its time

The sentences are a pure function of the record, for charts, summaries and tests alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from workbench.histories import HotAtom, Motion, RingHistory
from workbench.load import Kind
from workbench.results import percent
from workbench.spreads import KINDS, UNIT, rate_text
from workbench.summaries import Simulation
from workbench.throughput import REASONS

Seen = Literal[
    "hot key",
    "rising key",
    "index back-pressure",
    "table limit",
    "few partitions",
    "burst",
    "healthy",
    "interrupted",
]
NOTABLE = 1e-3  # share of a ring's units that is turned away, from which on it is told
STANDS_OUT = 0.9  # of a partition's limit, from which on a key is the cause of what its partition turns away
BURST = 3.0  # times the median load
ENDED = 0.98  # of the time: throttling later than that goes on to the end
TOLD = 3  # keys at most
SHORT = 0.2  # of the time at most that a burst lasts


@dataclass(frozen=True)
class Diagnosis:
    """Something that a simulation shows: what, on which table or index, by which key; in a line, and what more."""

    seen: Seen
    ring: str
    headline: str
    detail: str = ""
    key: str | None = None
    kind: Kind | None = None
    first_s: int | None = None  # of throttling
    note: str = ""  # on the limit that it rests on, where another one is documented

    @property
    def text(self) -> str:
        """All of it in words."""
        return " ".join(filter(None, (self.headline, self.detail, self.note)))

    def __str__(self) -> str:
        return self.text


def diagnose(sim: Simulation, table: str | None = None, index: str | None = None) -> tuple[Diagnosis, ...]:
    """What a simulation shows, the most important first: of all tables and indexes, or of one of them.

    There is always something: at least that it is healthy. ValueError for a table or index that is not in it.
    """
    rings = sim.rings if table is None else (sim.ring(table, index),)
    found = [one for ring in rings for one in _of_ring(sim, ring)]
    if sim.interrupted:
        headline = f"Interrupted: only the first {span(sim.duration_s)} were simulated."
        found.append(Diagnosis("interrupted", rings[0].name, headline))
    return tuple(sorted(found, key=lambda one: get_args(Seen).index(one.seen))) or (_healthy(sim, rings),)


def span(seconds: float) -> str:
    """A length of time as people say it.

    >>> span(45), span(90), span(3600), span(5400), span(2820)
    ('45 s', '90 s', '1 h', '1 h 30 min', '47 min')
    """
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n)


# One table or index


def _of_ring(sim: Simulation, ring: RingHistory) -> Iterator[Diagnosis]:
    for kind in KINDS:
        offered, throttled = (float(units.sum()) for units in (ring.offered(kind), ring.throttled[kind]))
        if throttled > NOTABLE * offered or (throttled and _culprits(ring, kind)):
            yield from _throttled(sim, ring, kind, throttled / offered)
        if (burst := _burst(sim, ring, kind)) is not None:
            yield burst


def _throttled(sim: Simulation, ring: RingHistory, kind: Kind, share: float) -> Iterator[Diagnosis]:
    """Why a table or index turned units away: by key where one stands out, by its index, by its setting."""
    told = {reason: float(units.sum()) for reason, units in ring.reasons.items() if _is_of(reason, kind)}
    first, last = _times(ring, kind)
    spell = _when(first, last, sim.duration_s)
    when = f"{percent(share)} of all {kind} units are throttled, {spell}"
    main = max(told, key=lambda reason: told[reason], default="")
    atoms = _culprits(ring, kind)
    atom = next(iter(atoms), None)
    if ring.index is not None and kind == "write":
        yield _back_pressure(sim, ring, spell, first, atom)
    elif main.startswith("Index") and kind == "write":
        return  # the index says so itself
    elif atom is not None and ("KeyRange" in main or not main):
        ended = last is not None and last < ENDED * sim.duration_s
        yield from (_hot(sim, ring, each, when if each is atom else "", first, ended) for each in atoms)
    elif "KeyRange" in main or not main:
        yield Diagnosis("few partitions", ring.name, *_few(ring, kind, when), None, kind, first)
    else:
        yield Diagnosis("table limit", ring.name, _limit(sim, ring, kind, main), f"{when}.", None, kind, first)


def _is_of(reason: str, kind: Kind) -> bool:
    return kind.capitalize() in reason


def _times(ring: RingHistory, kind: Kind) -> tuple[int | None, int | None]:
    """The first and last second in which units of this kind were turned away."""
    seconds = sum((units for reason, units in ring.reasons.items() if _is_of(reason, kind)), np.zeros(1))
    found = np.flatnonzero(seconds)
    return (int(found[0]), int(found[-1])) if len(found) else (None, None)


def _when(first: int | None, last: int | None, duration_s: int) -> str:
    if first is None or last is None:
        return "over the whole time"
    begin = "from the start" if first < 2 else f"first after {span(first)}"
    return begin + (" and to the end" if last >= ENDED * duration_s else f" and last after {span(last)}")


def _culprits(ring: RingHistory, kind: Kind) -> list[HotAtom]:
    """The keys of which more is asked than a partition serves, or nearly; at most three, the hottest first."""
    found = [atom for atom in ring.hot if atom.kind == kind and atom.units_per_s >= STANDS_OUT * atom.limit]
    return sorted(found, key=lambda atom: -atom.units_per_s)[:TOLD]


def _hot(sim: Simulation, ring: RingHistory, atom: HotAtom, when: str, first: int | None, ended: bool) -> Diagnosis:
    """A hot key, or one whose heat moves so that no split helps."""
    asked = f"{rate_text(atom.units_per_s)} {UNIT[atom.kind]}/s, and one partition serves {atom.limit:,.0f}"
    seen: Seen = "rising key" if atom.motion in ("rising sort key", "current time") else "hot key"
    headline = f"{seen.capitalize()} {atom.key}: it is asked for up to {asked}."
    moved = _MOVED[atom.motion].format(key=atom.key, kind=atom.kind)
    told = f"It takes {percent(atom.share)} of all {atom.kind} units{moved}; {_splits(atom, seen, ended)}."
    detail = f"{told} {when}." if when else told
    return Diagnosis(seen, ring.name, headline, detail, atom.key, atom.kind, first, _measured(sim, atom))


def _measured(sim: Simulation, atom: HotAtom) -> str:
    """Of reads that ask for more than is documented, what a partition serves of them in the simulation, and why."""
    documented = sim.profile.partition_limit(atom.kind)
    if atom.units_per_s <= documented or round(atom.limit) <= documented:
        return ""
    serves = f"A partition serves {atom.limit:,.0f} {UNIT[atom.kind]}/s of these eventually consistent reads here"
    return f"{serves}, as measured; AWS documents {documented:,.0f}."


_MOVED: dict[Motion, str] = {
    "": "",
    "rising sort key": ", all at the newest end of its collection, since its sort key rises with time",
    "current time": ", since all {kind}s of the moment go to the newest key",
    "moving hot set": ", and others like it take turns",
}


def _splits(atom: HotAtom, seen: Seen, ended: bool) -> str:
    if seen == "rising key":
        return "no split helps: write it over several keys"
    if atom.splits and not atom.pinned_by:
        return "splits by sort key ended it" if ended else "splits by sort key help, after some minutes each"
    return f"no split helps ({atom.pinned_by})" if atom.pinned_by else "no split helps"


def _back_pressure(
    sim: Simulation, ring: RingHistory, spell: str, first: int | None, atom: HotAtom | None
) -> Diagnosis:
    """An index for whose sake its table rejects writes, whatever their keys are."""
    why = f"its key {atom.key} takes {percent(atom.share)} of its writes" if atom else "it has too little capacity"
    headline = f"Index back-pressure: {ring.index} cannot follow, since {why}, and {ring.table} rejects writes for it."
    told = f"{_rejected(sim, ring)} rejected for it, whatever their own keys are, {spell}."
    return Diagnosis("index back-pressure", ring.name, headline, told, atom.key if atom else None, "write", first)


def _rejected(sim: Simulation, ring: RingHistory) -> str:
    """Which part of the writes to the table of an index is rejected for the index, as the summary counts them."""
    mine = [one for one in sim.patterns if (one.ring, one.kind) == (ring.table, "write")]
    lost = sum(float(units.sum()) for one in mine for name, units in one.throttled.items() if name in _FOR_AN_INDEX)
    offered = sum(float(one.offered.sum()) for one in mine)
    indexes = [one for one in sim.rings if one.table == ring.table and one.index is not None]
    part = float(ring.throttled["write"].sum()) / sum(float(one.throttled["write"].sum()) for one in indexes)
    counted = "attempts to write" if any(one.retried for one in mine) else "writes"
    return f"{percent(lost * part / max(offered, 1e-300))} of {counted} to {ring.table} are"


_FOR_AN_INDEX = {name for name in REASONS if name.startswith("IndexWrite")}


def _few(ring: RingHistory, kind: Kind, when: str) -> tuple[str, str]:
    before, after = int((ring.partitions.born_s == 0).sum()), int(np.isinf(ring.partitions.ended_s).sum())
    grown = f"Splits made {after:,} of them" if after > before else "None was split in time"
    most = max((atom for atom in ring.hot if atom.kind == kind), key=lambda atom: atom.units_per_s, default=None)
    busiest = f": {most.key} takes the most, {percent(most.share)}" if most else ""
    headline = f"Few partitions: {before:,} partitions are too few for the load; no key alone is too much{busiest}."
    return headline, f"{grown}. {when}."


def _limit(sim: Simulation, ring: RingHistory, kind: Kind, reason: str) -> str:
    what = next((words for part, words in _LIMITS.items() if part in reason), "the limit of the table")
    levels = ring.capacity[kind]
    capacity = float(levels.max(initial=0.0))
    if ring.mode == "provisioned" and "Provisioned" in reason and _asked(sim, ring, kind) <= capacity > levels.min():
        low, unit = f"{levels.min():,.0f}", UNIT[kind]
        headline = f"Table limit: {kind}s ask {ring.name} for more than {what} until auto scaling has caught up"
        return f"{headline}, between {low} and {capacity:,.0f} {unit}/s, whatever its keys are."
    at = f", {capacity:,.0f} {UNIT[kind]}/s at most" if 0 < capacity < np.inf else ""
    return f"Table limit: {kind}s ask {ring.name} for more than {what}{at}, whatever its keys are."


def _asked(sim: Simulation, ring: RingHistory, kind: Kind) -> float:
    """Units a second that are asked for in the busiest interval, by the mean."""
    return float(ring.offered(kind).sum(axis=1).max(initial=0.0)) / sim.interval_s


_LIMITS = {
    "ProvisionedThroughput": "its provisioned capacity",
    "MaxOnDemand": "its maximum on-demand throughput",
    "AccountLimit": "it serves on demand at the time",
}


def _burst(sim: Simulation, ring: RingHistory, kind: Kind) -> Diagnosis | None:
    """A short time in which the load is a multiple of its usual."""
    load = ring.offered(kind).sum(axis=1)
    usual = float(np.median(load)) if len(load) > 4 else 0.0
    high = load > max(load.max(initial=0.0) / 2, BURST * usual)
    if usual <= 0 or not high.any() or high.mean() > SHORT:
        return None
    times, at = float(load.max() / usual), int(np.argmax(load)) * sim.interval_s
    length = span(max(1, int(high.sum())) * sim.interval_s)
    headline = f"Burst: {kind}s on {ring.name} are {times:,.1f} times the usual, for {length} after {span(at)}."
    return Diagnosis("burst", ring.name, headline, kind=kind)


def _carried(sim: Simulation, ring: RingHistory, kind: Kind) -> str:
    """That provisioned capacity was passed, and saved units carried the load; empty where they did not have to."""
    if ring.mode != "provisioned" or not ring.consumed[kind].size:
        return ""
    used = ring.consumed[kind].sum(axis=1) / sim.interval_s
    at = int((used - ring.capacity[kind]).argmax())
    saved = sim.profile.burst_s * ring.capacity[kind][at]
    if used[at] <= ring.capacity[kind][at] or ring.burst_left[kind].min() > saved / 2:
        return ""
    asked, provided = f"{rate_text(used[at])} {UNIT[kind]}/s", f"{rate_text(ring.capacity[kind][at])} provisioned"
    return f"{ring.name} is asked for {asked}, above {provided}, and only its saved units serve it."


def _healthy(sim: Simulation, rings: Sequence[RingHistory]) -> Diagnosis:
    """Nothing is turned away, and which key takes the most."""
    atoms = [(ring, atom) for ring in rings for atom in ring.hot]
    ring, atom = max(atoms, key=lambda pair: pair[1].units_per_s, default=(rings[0], None))
    carried = " ".join(filter(None, (_carried(sim, each, kind) for each in rings for kind in KINDS)))
    headline = f"Only just: {carried}" if carried else "Healthy: every partition serves what it is asked for."
    if atom is None:
        return Diagnosis("healthy", ring.name, headline)
    asked = f"{percent(atom.share)} of {atom.kind} units, {rate_text(atom.units_per_s)} {UNIT[atom.kind]}/s at most"
    detail, kind = f"The busiest key, {atom.key}, takes {asked}.", atom.kind
    return Diagnosis("healthy", ring.name, headline, detail, atom.key, kind, note=_measured(sim, atom))
