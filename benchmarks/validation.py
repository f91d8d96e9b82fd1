"""Published measurements of DynamoDB against the simulation: `python -m benchmarks.validation [FILE.yaml ...]`.

A case is a YAML file; those of `benchmarks/cases` are run unless others are named. It has

- `about`, `source`: what was done, and who published it
- `fit`: true if parameters of the profile were chosen with it in view; all other cases are held out
- `design`: a design as in a design file (its name is the case's unless stated), or the path of one, from the case's
  folder
- `duration`: what is simulated, as 30min
- `load`: as `simulate` takes it: a shape, {shape: step, at: 0.5}, [[0, 1.0], [60, 2.0]], or these by access pattern;
  the rate of each pattern is in the design; constant unless stated
- `clients`: by access pattern, {threads: 64} for a closed loop, {attempts: 3} for retries; open loop unless stated
- `start`: "cold", "warm", or {partitions, previous_peak, warm, idle_s}
- `capacity`: in place of the design's
- `profile`: parameters of the behaviour profile as they were at the time, as {adaptive_delay_s: 600}
- `measured`: what was measured, by name: {value, tolerance, figure, ...}, and `fit` where it differs from the case's

A measurement's `tolerance` is `plateau` (10 % either way), `count` (30 %), `time` (half to double), `share` (half to
double, or within one percentage point), or a number, as a share of the value. Its `figure` is one of

- `consumed_units_per_s`, `served_requests_per_s`, `throttled_requests_per_s`: by minute; `statistic` is median (unless
  stated), mean, highest or lowest
- `highest_units_per_s`: the highest second
- `growth`: the last minute's consumption as a multiple of the first whole minute's
- `units_above_provisioned`: consumed beyond what is provisioned per second
- `served_before_throttled`: requests served until more than half of those in a second are turned away
- `throttled_share`: of requests, 0..1, or of one `reason` alone
- `first_throttle_s`, `throttling_ends_s`: the first second with a throttled request, and the one after the last
- `minutes_until`: from the beginning of the window until a minute's consumption `reaches` so many units per second
- `partitions`, `splits`: at the end, until then

each with `kind` (read or write; the table's only one unless stated), `pattern`, `table`, `index`, and `between`, the
window in seconds (the whole duration unless stated; minutes count that lie in it). Requests that are turned away for an
index count where they were sent: with the writes to its table.

For each measurement the table says two things apart: how far the predicted median is from what was measured, against
the tolerance; and whether what was measured lies in the band that holds 95 % of the seeds. *Inside* means that the band
meets the measured value +- its tolerance. Each seed has other noise, other delays of splits, and other places of the
keys on the ring.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.clients import ClosedLoop, Retries
from workbench.conditions import Start
from workbench.design import Design
from workbench.designfile import load_design, parse_design
from workbench.documents import read_document
from workbench.errors import DesignError
from workbench.histories import PatternHistory, RingHistory
from workbench.items import generate_items
from workbench.profile import PROFILE
from workbench.shapes import duration_seconds
from workbench.simulation import simulate
from workbench.summaries import Simulation
from workbench.throughput import REASONS
from workbench.workload import workload

CASES = Path(__file__).with_name("cases")
SEEDS = 200
TOLERANCES = {"plateau": (0.9, 1.1), "count": (0.7, 1.3), "time": (0.5, 2.0), "share": (0.5, 2.0)}
HEAD = "| case | measured | predicted median | deviation | within tolerance | 95 % band | in band | inside | used as |"

ABOUT = (
    "Predictions are medians of {seeds} seeds, each with other noise, delays of splits, and places of keys. "
    "*Inside*: the band of 95 % of the seeds meets the measured value within its tolerance. The profile was fitted on "
    "what is marked so; everything else was held out."
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """One thing that was measured: its value, how exact it is, and the figure of a simulation that predicts it."""

    name: str
    value: float
    tolerance: str | float
    figure: str
    fit: bool
    options: Mapping[str, Any]

    @property
    def allowed(self) -> tuple[float, float]:
        """The values within the tolerance."""
        if isinstance(self.tolerance, int | float):
            return self.value * (1 - self.tolerance), self.value * (1 + self.tolerance)
        low, high = (self.value * factor for factor in TOLERANCES[self.tolerance])
        return (min(low, self.value - 0.01), max(high, self.value + 0.01)) if self.tolerance == "share" else (low, high)


@dataclass(frozen=True)
class Case:
    """A published experiment: how it is simulated, and what was measured."""

    id: str
    about: str
    source: str
    design: Any
    settings: Mapping[str, Any]
    measured: tuple[Measurement, ...]


@dataclass(frozen=True)
class Comparison:
    """A measurement beside what the seeds predict."""

    case: Case
    measurement: Measurement
    predicted: Floats

    @property
    def median(self) -> float:
        """The predicted median."""
        return float(np.median(self.predicted))

    @property
    def band(self) -> tuple[float, float]:
        """What holds 95 % of the seeds."""
        low, high = np.quantile(self.predicted, [0.025, 0.975], method="inverted_cdf")
        return float(low), float(high)  # of whole outcomes, as "never" is one

    @property
    def within_tolerance(self) -> bool:
        """Whether the median is within the tolerance of what was measured."""
        low, high = self.measurement.allowed
        return low <= self.median <= high

    @property
    def in_band(self) -> bool:
        """Whether what was measured lies in the band."""
        low, high = self.band
        exact = 1e-6 * abs(self.measurement.value)
        return low - exact <= self.measurement.value <= high + exact

    @property
    def inside(self) -> bool:
        """Whether the band meets the measured value +- its tolerance."""
        low, high = self.measurement.allowed
        return self.band[0] <= high and self.band[1] >= low

    def __str__(self) -> str:
        one, (low, high) = self.measurement, self.band
        deviation = f"{100 * (self.median / one.value - 1):+.0f} %" if one.value else f"{self.median - one.value:+.3g}"
        cells = [
            f"{self.case.id}: {one.name}",
            figure(one.value),
            figure(self.median),
            deviation,
            "yes" if self.within_tolerance else "**no**",
            f"{figure(low)} to {figure(high)}",
            "yes" if self.in_band else "no",
            "yes" if self.inside else "**no**",
            "fit" if one.fit else "held out",
        ]
        return f"| {' | '.join(cells)} |"


def figure(value: float) -> str:
    """A figure with as many digits as it deserves.

    >>> figure(19560.0), figure(4.5), figure(0.99713), figure(float("inf"))
    ('19,560', '4.5', '0.997', 'never')
    """
    return "never" if value == float("inf") else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# Cases


def load_case(path: Path) -> Case:
    """The case of a file, all of it checked; ValueError names the file, the entry, and what is allowed there."""
    try:
        return _case(path, _floats(read_document(path.read_bytes(), str(path)).data))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _floats(value: Any) -> Any:
    """A document's values with floats for its decimals, which numpy cannot reckon with."""
    if isinstance(value, dict):
        return {name: _floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_floats(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _case(path: Path, data: Any) -> Case:
    if not isinstance(data, dict):
        raise ValueError(f"{path}: not a mapping; {__name__} describes the format")
    known = {"about", "source", "fit", "design", "measured", "duration", *SETTINGS}
    problems = [f"no {name}" for name in ("source", "design", "duration", "measured") if name not in data]
    problems += [f"unknown {name}" for name in data if name not in known]
    if problems:
        raise ValueError(f"{path}: {', '.join(problems)}; {__name__} describes the format")
    settings = {name: _setting(path, name, data[name]) for name in ("duration", *SETTINGS) if name in data}
    common = {"fit": data.get("fit", False)}
    if not isinstance(data["measured"], dict):
        raise ValueError(f"{path}: measured: write what was measured by name, as {{plateau: {{value: 1_000, ...}}}}")
    measured = tuple(
        _measurement(path, name, {**common, **_mapping(path, name, one)}) for name, one in data["measured"].items()
    )
    stated = path.parent / data["design"] if isinstance(data["design"], str) else data["design"]
    design = _checked_design(path, stated)
    _check_patterns(path, design, "clients", settings.get("clients", {}))
    for one in measured:
        _check_names(f"{path}: {one.name}", design, one.options, settings["duration"])
    return Case(path.stem, str(data.get("about", "")), str(data["source"]), stated, settings, measured)


def _setting(path: Path, name: str, stated: Any) -> Any:
    try:
        return SETTINGS[name](stated) if name in SETTINGS else duration_seconds(stated)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {name}: {error}") from None


def _mapping(path: Path, name: str, stated: Any) -> dict[str, Any]:
    if not isinstance(stated, dict):
        raise ValueError(f"{path}: {name}: {stated!r} is not a mapping; write {{value, tolerance, figure}}")
    return stated


def _design(stated: Any, name: str) -> Design:
    return load_design(stated) if isinstance(stated, Path) else parse_design(json.dumps({"name": name, **stated}), name)


def _checked_design(path: Path, stated: Any) -> Design:
    try:
        return _design(stated, path.stem)
    except (DesignError, TypeError) as error:
        raise ValueError(f"{path}: design: {error}") from None


def _measurement(path: Path, name: str, stated: dict[str, Any]) -> Measurement:
    where = f"{path}: {name}"
    missing = [each for each in ("value", "tolerance", "figure") if each not in stated]
    if missing:
        raise ValueError(f"{where}: no {', '.join(missing)}")
    value, tolerance, which, fit = (stated.pop(each) for each in ("value", "tolerance", "figure", "fit"))
    if not _is_number(value):
        raise ValueError(f"{where}: value {value!r} is not a number; a share is written 0.2")
    if which not in FIGURES or not (tolerance in TOLERANCES or (_is_number(tolerance) and tolerance >= 0)):
        raise ValueError(
            f"{where}: figure {which} with tolerance {tolerance}; figures are {', '.join(FIGURES)}, tolerances "
            f"{', '.join(TOLERANCES)} or a share"
        )
    if unknown := set(stated) - set(OPTIONS):
        raise ValueError(f"{where}: unknown {min(unknown)}; there are {', '.join(sorted(OPTIONS))}")
    for option, given in stated.items():
        allowed, is_allowed = OPTIONS[option]
        if not is_allowed(given):
            raise ValueError(f"{where}: {option}: {given!r}; allowed is {allowed}")
        if which not in ONLY.get(option, FIGURES):
            raise ValueError(f"{where}: {option} has no bearing on {which}; it is for {', '.join(ONLY[option])}")
    if which == "minutes_until" and "reaches" not in stated:
        raise ValueError(f"{where}: minutes_until needs `reaches`, the units a second that are waited for")
    return Measurement(name, float(value), tolerance, which, bool(fit), stated)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_window(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and 0 <= value[0] < value[1]


def _check_names(where: str, design: Design, options: Mapping[str, Any], duration_s: int) -> None:
    """ValueError if a measurement names what its design does not have, or a window that is not simulated."""
    table, index = options.get("table"), options.get("index")
    indexes = [name for one in design.tables.values() if table in (None, one.name) for name in one.gsi]
    for kind, name, known in (
        ("table", table, list(design.tables)),
        ("index", index, indexes),
        ("pattern", options.get("pattern"), [p.name for p in design.served_patterns() if p.rate or p.peak_rate]),
    ):
        if name is not None and name not in known:
            raise ValueError(f"{where}: {kind}: the design has no {name!r}; there are {', '.join(known) or 'none'}")
    if options.get("between", [0, 0])[1] > duration_s:
        raise ValueError(f"{where}: between: {options['between']} ends after the {duration_s} s that are simulated")


def _check_patterns(path: Path, design: Design, setting: str, named: Mapping[str, Any]) -> None:
    known = [p.name for p in design.served_patterns()]
    if unknown := [name for name in named if name not in known]:
        raise ValueError(
            f"{path}: {setting}: the design has no access pattern {unknown[0]!r}; it has {', '.join(known)}"
        )


def _start(stated: Any) -> Any:
    if not isinstance(stated, Mapping):
        return stated
    return Start(**_known(stated, [one.name for one in fields(Start) if one.name != "words"]))


def _clients(stated: Any) -> dict[str, ClosedLoop | Retries]:
    if not isinstance(stated, Mapping) or not all(isinstance(one, Mapping) for one in stated.values()):
        raise ValueError("write them by access pattern, as {put: {threads: 64}} or {put: {attempts: 3}}")
    return {name: _client(one) for name, one in stated.items()}


def _client(stated: Mapping[str, Any]) -> ClosedLoop | Retries:
    kind = ClosedLoop if "threads" in stated else Retries
    return kind(**_known(stated, [one.name for one in fields(kind)]))


def _profile(stated: Any) -> Any:
    if not isinstance(stated, Mapping):
        raise ValueError("write parameters by name, as {adaptive_delay_s: 600}")
    return replace(PROFILE, **_known(stated, [one.name for one in fields(PROFILE)]))


def _known(stated: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    if unknown := [name for name in stated if name not in names]:
        raise ValueError(f"unknown {unknown[0]}; there are {', '.join(names)}")
    return stated


SETTINGS: dict[str, Callable[[Any], Any]] = {
    "load": lambda stated: stated,
    "start": _start,
    "clients": _clients,
    "capacity": lambda stated: stated,
    "profile": _profile,
}


def simulated(case: Case, seeds: Sequence[int]) -> list[list[float]]:
    """The figures of a case's measurements for each seed."""
    work = workload(generate_items(_design(case.design, case.id)))
    found: list[list[float]] = []
    for seed in seeds:
        try:
            sim = simulate(work, seed=seed, hash_seed=seed, heat=False, **case.settings)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{case.id}: {error}") from None
        found.append([FIGURES[one.figure](sim, **one.options) for one in case.measured])
    return found


# Figures


def _ring(sim: Simulation, options: Mapping[str, Any]) -> RingHistory:
    return sim.ring(options.get("table"), options.get("index"))


def _kind(ring: RingHistory, options: Mapping[str, Any]) -> Any:
    used = [kind for kind in ("write", "read") if ring.consumed_per_s[kind].any()]
    return options.get("kind") or (used or ["write"])[0]


def _window(sim: Simulation, options: Mapping[str, Any]) -> slice:
    begin, end = options.get("between") or (0, sim.duration_s)
    return slice(int(begin), min(int(end), sim.duration_s))


def _minutes(per_s: Floats, window: slice) -> Floats:
    """The means of the whole minutes in a window; of a window without one, of it all."""
    inside = per_s[-(-window.start // 60) * 60 : window.stop // 60 * 60]
    return inside.reshape(-1, 60).mean(axis=1) if len(inside) else per_s[window].mean(keepdims=True)


STATISTICS = {"median": np.median, "mean": np.mean, "highest": np.max, "lowest": np.min}


def _by_minute(sim: Simulation, per_s: Floats, options: Mapping[str, Any]) -> float:
    return float(STATISTICS[options.get("statistic", "median")](_minutes(per_s, _window(sim, options))))


def _consumed(sim: Simulation, options: Mapping[str, Any]) -> Floats:
    ring = _ring(sim, options)
    return ring.consumed_per_s[_kind(ring, options)]


def _requests(sim: Simulation, what: str, options: Mapping[str, Any]) -> Floats:
    """Requests per second of the pattern that is named, or of all."""
    return sum((getattr(p, what) for p in _histories(sim, options)), np.zeros(sim.duration_s))


def _histories(sim: Simulation, options: Mapping[str, Any]) -> list[PatternHistory]:
    """The patterns that are meant: by name, by kind, by table; by index, those that read it or write to its table."""
    pattern, kind, table, index = (options.get(name) for name in ("pattern", "kind", "table", "index"))
    rings = {sim.ring(table).name, sim.ring(table, index).name} if index else {r.name for r in _rings(sim, table)}
    mine = [p for p in sim.patterns if pattern in (None, p.pattern) and kind in (None, p.kind) and p.ring in rings]
    return [p for p in mine if not index or p.kind == "write" or p.ring == sim.ring(table, index).name]


def _rings(sim: Simulation, table: str | None) -> list[RingHistory]:
    return [ring for ring in sim.rings if table in (None, ring.table)]


def _growth(sim: Simulation, **options: Any) -> float:
    minutes = _minutes(_consumed(sim, options), _window(sim, options))
    return float(minutes[-1] / max(minutes[min(1, len(minutes) - 1)], 1e-300))


def _above_provisioned(sim: Simulation, **options: Any) -> float:
    ring, window = _ring(sim, options), _window(sim, options)
    kind = _kind(ring, options)
    return float(ring.consumed_per_s[kind][window].sum() - ring.capacity[kind][0] * (window.stop - window.start))


def _served_before(sim: Simulation, **options: Any) -> float:
    offered, served = (_requests(sim, what, options) for what in ("offered", "consumed"))
    turned = np.flatnonzero((served < offered / 2) & (offered > 0))
    return float(served[: turned[0] if len(turned) else None].sum())


def _throttled_share(sim: Simulation, **options: Any) -> float:
    window, reason = _window(sim, options), options.get("reason")
    offered = _requests(sim, "offered", options)[window].sum()
    mine = _histories(sim, options)
    lost = sum(float(units[window].sum()) for p in mine for why, units in p.throttled.items() if reason in (None, why))
    return lost / max(float(offered), 1e-300)


def _first_throttle(sim: Simulation, **options: Any) -> float:
    found = np.flatnonzero(_requests(sim, "all_throttled", options)[_window(sim, options)])
    return float(found[0] + _window(sim, options).start) if len(found) else float("inf")


def _throttling_ends(sim: Simulation, **options: Any) -> float:
    found = np.flatnonzero(_requests(sim, "all_throttled", options)[_window(sim, options)])
    return float(found[-1] + 1 + _window(sim, options).start) if len(found) else 0.0


def _minutes_until(sim: Simulation, **options: Any) -> float:
    minutes = _minutes(_consumed(sim, options), _window(sim, options))
    found = np.flatnonzero(minutes >= float(options["reaches"]))
    return float(found[0]) if len(found) else float("inf")


def _partitions(sim: Simulation, **options: Any) -> float:
    return float(_ring(sim, options).partitions.count(_window(sim, options).stop))


def _splits(sim: Simulation, **options: Any) -> float:
    return float(sum(sim.summary().splits[_ring(sim, options).name].values()))


FIGURES: dict[str, Callable[..., float]] = {
    "consumed_units_per_s": lambda sim, **options: _by_minute(sim, _consumed(sim, options), options),
    "served_requests_per_s": lambda sim, **options: _by_minute(sim, _requests(sim, "consumed", options), options),
    "throttled_requests_per_s": lambda sim, **o: _by_minute(sim, _requests(sim, "all_throttled", o), o),
    "highest_units_per_s": lambda sim, **options: float(_consumed(sim, options)[_window(sim, options)].max()),
    "growth": _growth,
    "units_above_provisioned": _above_provisioned,
    "served_before_throttled": _served_before,
    "throttled_share": _throttled_share,
    "first_throttle_s": _first_throttle,
    "throttling_ends_s": _throttling_ends,
    "minutes_until": _minutes_until,
    "partitions": _partitions,
    "splits": _splits,
}
BY_MINUTE = ("consumed_units_per_s", "served_requests_per_s", "throttled_requests_per_s")
ONLY = {"statistic": BY_MINUTE, "reaches": ("minutes_until",), "reason": ("throttled_share",)}
OPTIONS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "kind": ("read or write", lambda given: given in ("read", "write")),
    "pattern": ("the name of an access pattern with a rate", lambda given: isinstance(given, str)),
    "table": ("the name of a table", lambda given: isinstance(given, str)),
    "index": ("the name of a global index", lambda given: isinstance(given, str)),
    "between": ("two times in seconds, the earlier one first", _is_window),
    "statistic": (", ".join(STATISTICS), lambda given: given in STATISTICS),
    "reaches": ("a number of units a second", _is_number),
    "reason": (f"one of {', '.join(REASONS)}", lambda given: given in REASONS),
}


# The comparison


def compare(paths: Sequence[Path] = (), seeds: int = SEEDS) -> Iterator[Comparison]:
    """Each measurement of the cases beside what so many seeds predict; the seeds are shared out to all cores."""
    cases = [load_case(path) for path in paths or sorted(CASES.glob("*.yaml"))]
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        jobs = [[pool.submit(simulated, case, range(core, seeds, cores)) for core in range(cores)] for case in cases]
        for case, parts in zip(cases, jobs, strict=True):
            found = np.array([row for part in parts for row in part.result()])
            for column, measurement in enumerate(case.measured):
                yield Comparison(case, measurement, found[:, column])


def measure(seeds: int = SEEDS) -> Iterator[Comparison]:
    """The comparison of all cases, for RESULTS.md."""
    yield from compare(seeds=seeds)


def sentence(one: Comparison) -> str:
    """A comparison in words."""
    (low, high), use = one.band, "fit" if one.measurement.fit else "held out"
    hit = "inside" if one.inside else "**missed**"
    return (
        f"measured {figure(one.measurement.value)}, predicted {figure(one.median)} ({figure(low)} to {figure(high)}): "
        f"{hit}, {use}"
    )


def table(found: Sequence[Comparison]) -> str:
    """The comparisons as a Markdown table, with the score."""
    missed = [one for one in found if not one.inside]
    score = f"{len(found) - len(missed)} of {len(found)} measurements inside"
    return "\n".join([HEAD, "|---|---:|---:|---:|---|---|---|---|---|", *map(str, found), "", score])


def main(words: Sequence[str]) -> int:
    """The table of the cases that are named, or of all; 1 if a measurement is not inside, 2 if a case is wrong."""
    seeds = int(os.environ.get("SEEDS", SEEDS))
    try:
        found = list(compare([Path(word) for word in words], seeds))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(found))
    return int(not all(one.inside for one in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
