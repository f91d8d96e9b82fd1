"""Simulation: a table's partitions through time, so that throttling shows before production.

"Requests divided by keys" hides skew: 500 requests a second over 10,000 keys looks like 0.05 on each, and is 76 on the
first key at Zipf 1.1. Here a table and each of its global indexes have a ring of keys, partitions and limits of their
own, and are followed second by second: what is asked, what the table and its partitions admit, when partitions split,
and how an index that cannot keep up holds back the table. Every request that is turned away has one of the service's
16 reasons. The rules and their parameters are in the behaviour profile; what is inferred or assumed is said in notes.

    sim = wb.simulate(design, duration="1h", load="ramp")
    sim.summary()
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal

from workbench.backpressure import BackPressure
from workbench.clients import Retries
from workbench.conditions import Client, Conditions, Start, clients_of, rates_of, start_of, tried_clients, workload_of
from workbench.defaults import DEFAULT_NOW
from workbench.design import Design
from workbench.histories import Note
from workbench.interrupts import held
from workbench.items import Items
from workbench.lanes import Lane
from workbench.profile import PROFILE, Profile
from workbench.quantities import is_whole
from workbench.shapes import duration_seconds
from workbench.summaries import Simulation
from workbench.workload import Workload

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
    retries: Retries | int | None = None,
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
        clients: `ClosedLoop(threads)` or `Retries(attempts)`, for all patterns or by pattern; unless given, requests
            come whatever happens, and those that are turned away are counted.
        retries: `Retries` or a number of attempts, for all patterns, in place of `clients`.
        profile: the rules; `dataclasses.replace(wb.PROFILE, ...)` makes others.
        counts: "poisson", which is exact for independent callers, or "fluid", the mean without noise.
        seed: of all that is random; the same seed gives the same arrays.
        hash_seed: places keys on another ring; the inferred hash of the service unless given.
        interval_s: how many seconds a row of the result sums up.
        heat: whether to record the heat map.

    A KeyboardInterrupt ends it early with what there is. ValueError says what cannot be simulated and why.
    """
    return prepare(
        design,
        duration,
        load,
        patterns=patterns,
        table=table,
        start=start,
        capacity=capacity,
        clients=tried_clients(clients, retries),
        profile=profile,
        counts=counts,
        seed=seed,
        now=now,
        hash_seed=hash_seed,
        interval_s=interval_s,
        heat=heat,
    ).run(progress=progress)


def prepare(
    design: Design | Items | Workload,
    duration: Any = "1h",
    load: Any = "constant",
    *,
    patterns: Sequence[str] | None = None,
    table: str | None = None,
    start: Start | Literal["cold", "warm"] = "cold",
    capacity: Any = None,
    clients: Client | Mapping[str, Client] | None = None,
    profile: Profile = PROFILE,
    counts: Literal["poisson", "fluid"] = "poisson",
    seed: int = 7,
    now: int = DEFAULT_NOW,
    hash_seed: int | None = None,
    interval_s: int = 60,
    heat: bool = True,
) -> "Prepared":
    """What `simulate` does before the first second: it is all checked, and the keys have their places on the ring."""
    seconds = duration_seconds(duration)
    if not is_whole(interval_s, 1):
        raise ValueError(f"interval_s={interval_s!r}: rows sum up whole seconds, from 1")
    if not isinstance(profile, Profile):
        raise ValueError(f"profile={profile!r} is no profile: dataclasses.replace(wb.PROFILE, burst_s=60) makes one")
    for name, value in (("seed", seed), ("hash_seed", 0 if hash_seed is None else hash_seed)):
        if not is_whole(value, 0):
            raise ValueError(f"{name}={value!r}: a whole number from 0")
    if counts not in ("poisson", "fluid"):
        raise ValueError(f"counts={counts!r}: either 'poisson' or 'fluid'")
    work = workload_of(design, seed, now, patterns, table, capacity)
    rates, words, flat = rates_of(work, load, seconds)
    began, found = start_of(start, work), clients_of(work, clients)
    fluid = counts == "fluid"
    return Prepared(
        Conditions(work, rates, began, found, profile, fluid, seed, hash_seed, interval_s, heat), words, flat
    )


# The run


class Prepared:
    """A simulation before its first second: each ring with its flow, its recording and its capacity. It runs once."""

    def __init__(self, conditions: Conditions, load: str, flat: Sequence[Note]):
        self.conditions, self.load, self.flat = conditions, load, flat
        self.seconds, self.interval_s = conditions.seconds, conditions.interval_s
        self.lanes = [Lane(conditions, number, ring) for number, ring in enumerate(conditions.work.rings)]
        self.groups = _groups(self.lanes)

    def run(self, progress: bool = False, stop: Callable[[], bool] = lambda: False) -> Simulation:
        """Simulate all seconds, or as many as there are until a KeyboardInterrupt, or until `stop()` is true."""
        from tqdm.auto import tqdm

        done = 0
        bar = tqdm(total=self.seconds, desc="simulating", unit="s", disable=not progress, leave=False)
        try:
            with bar, held() as interrupts:
                while done < self.seconds and not interrupts.came and not stop():
                    until = self._until(done)
                    for group in self.groups:
                        group.step(done, until)
                    bar.update(until - done)
                    done = until
        except KeyboardInterrupt:
            return self._result(self._whole(done))
        return self._result(done)

    def _whole(self, done: int) -> int:
        """How many of the seconds that are done are whole: without an interval into which a later block was begun."""
        begun = any(lane.recording.until > done for lane in self.lanes)
        return done // self.interval_s * self.interval_s if begun else done

    def _until(self, second: int) -> int:
        """The end of a block: within one minute and one interval, and where something happens that ends it."""
        ends = [self.seconds, *((second // step + 1) * step for step in (60, self.interval_s))]
        events = [lane.next_event(second) for lane in self.lanes]
        return int(min(*ends, *events))

    def _result(self, seconds: int) -> Simulation:
        names = [pattern.name for pattern in self.conditions.work.patterns]
        return Simulation(
            self.conditions.work.name,
            seconds,
            self.interval_s,
            self.load,
            str(self.conditions.start),
            self.conditions.seed,
            self.conditions.hash_seed,
            tuple(lane.recording.ring(seconds) for lane in self.lanes),
            tuple(p for lane in self.lanes for p in lane.recording.patterns(seconds, names)),
            self.conditions.profile,
            (*self.flat, *_notes(self.conditions)),
            seconds < self.seconds,
        )


class Group:
    """A table's lane with those of its indexes, whose second depends on the table's."""

    def __init__(self, lanes: Sequence[Lane]):
        self.lanes, self.writes = lanes, BackPressure([lane.flow for lane in lanes])

    def step(self, first: int, until: int) -> None:
        """Simulate a block of seconds."""
        for lane in self.lanes:
            lane.before(first)
            lane.flow.begin(first, until)
        for row in range(until - first):
            for lane in self.lanes:
                lane.flow.ask("read", row)
                lane.flow.serve("read", row)
            self.writes.serve(row)
        for lane in self.lanes:
            lane.flow.finish()
            lane.recording.add()
            lane.after(until)


def _groups(lanes: Sequence[Lane]) -> list[Group]:
    found: dict[str, list[Lane]] = {}
    for lane in lanes:
        found.setdefault(lane.ring.table, []).append(lane)
    return [Group(each) for each in found.values()]


def _notes(run: Conditions) -> list[Note]:
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
    rings = run.work.rings
    if any(ring.settings.mode == "on-demand" for ring in rings):
        found.append(Note("assumed", "beyond twice its previous peak, an on-demand table throttles for its key ranges"))
    if any(ring.index is not None for ring in rings):
        found.append(Note("assumed", "an index whose backlog is full lets in as many writes as it works off"))
    if any(ring.segments is not None for ring in rings):
        found.append(Note("estimated", "requests for a collection that may be split spread evenly over its sort keys"))
    return found
