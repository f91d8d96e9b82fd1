"""Sweeps: many simulations, of each combination of some parameters with each of some seeds, and their bands.

One simulation says what happened once. Where keys land on the ring, when splits fall due and which second a burst of
requests comes in are chance, so what a design does is a distribution: `sweep` gives the median and the band between
the 5th and the 95th percentile of everything that is measured.

Simulations run on all cores, in threads. On a cluster the same call runs under joblib's own switch:

    with joblib.parallel_config(backend="dask"):
        found = wb.sweep(design, {"load": ["step", "ramp"]}, seeds=200)

Seeds belong to scenarios and not to workers: the result is the same wherever and in whatever order they run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isclose
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.defaults import DEFAULT_NOW
from workbench.design import Design
from workbench.items import Items, items_of
from workbench.quantities import is_whole
from workbench.results import Result, number, percent
from workbench.simulation import simulate
from workbench.summaries import Simulation
from workbench.workload import Workload, workload

if TYPE_CHECKING:
    import pandas as pd

SEEDS = 20
PERCENTILES = (5, 50, 95)
PARAMETERS = (
    "duration",
    "load",
    "start",
    "capacity",
    "clients",
    "retries",
    "profile",
    "counts",
    "hash_seed",
    "interval_s",
)
MEASURES: dict[str, str] = {
    "throttled_share": "share of requests that are throttled; of attempts, if they are retried",
    "given_up_share": "share of requests that are lost for good",
    "first_throttle_s": "seconds until the first",
    "throttled_minutes": "minutes in which some are",
    "partitions": "partitions at the end, of all tables and indexes",
    "splits": "partitions that were split",
}
Measured = dict[str, float]


@dataclass(frozen=True)
class Band:
    """The 5th percentile, median and 95th of something over seeds; None where it never happened."""

    low: float | None
    median: float | None
    high: float | None

    def __str__(self) -> str:
        return "never" if self.median is None else f"{self.median:,.4g} ({self.low:,.4g} to {self.high:,.4g})"


@dataclass(frozen=True)
class Scenario:
    """A combination of parameters, by name as text, and what each of its simulations measured."""

    parameters: Mapping[str, str]
    seeds: tuple[int, ...]
    measured: tuple[Measured, ...]

    @property
    def name(self) -> str:
        """The parameters in words."""
        return ", ".join(f"{name} {value}" for name, value in self.parameters.items()) or "as it is"

    def band(self, measure: str) -> Band:
        """The band of a measure over seeds; of those in which it happened."""
        if measure not in MEASURES:
            raise ValueError(f"{measure!r} is not measured; there are {', '.join(MEASURES)}")
        values = np.array([one[measure] for one in self.measured], dtype=float)
        there = values[np.isfinite(values)]
        return Band(*np.percentile(there, PERCENTILES).tolist()) if len(there) else Band(None, None, None)

    @property
    def happened(self) -> float:
        """The share of its simulations in which any request was throttled."""
        return float(np.mean([one["throttled_share"] > 0 for one in self.measured])) if self.measured else 0.0


@dataclass(frozen=True, repr=False)
class Sweep(Result):
    """Scenarios with the bands of what their simulations measured; `runs()` gives every simulation."""

    design: str
    scenarios: tuple[Scenario, ...]
    interrupted: bool = False

    def __iter__(self) -> Iterator[Scenario]:
        return iter(self.scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)

    def __getitem__(self, place: int) -> Scenario:
        return self.scenarios[place]

    @property
    def simulations(self) -> int:
        """How many simulations there are."""
        return sum(len(one.measured) for one in self.scenarios)

    @property
    def finding(self) -> str:
        """The best and the worst scenario in a sentence."""
        ranked = sorted((one.band("throttled_share").median or 0.0, one.name) for one in self.scenarios if one.measured)
        if not ranked:
            return "nothing was simulated"
        (least, best), (most, worst) = ranked[0], ranked[-1]
        if most == 0:
            return "no scenario throttles, in the median over seeds"
        if len(ranked) == 1:
            return f"{percent(most)} of {self._counted} are throttled, in the median over seeds"
        of = f"{best} throttles {percent(least)} of {self._counted} and {worst} {percent(most)}"
        return f"{of}, in the median over seeds"

    @property
    def _counted(self) -> str:
        """What shares are of: attempts, if any requests are retried."""
        pairs = [(m["throttled_share"], m["given_up_share"]) for one in self.scenarios for m in one.measured]
        return "requests" if all(isclose(*pair, rel_tol=1e-6) for pair in pairs) else "attempts"

    def summary_line(self) -> str:
        stop = ", interrupted" if self.interrupted else ""
        return f"{self.design}: {len(self)} scenarios, {self.simulations} simulations{stop}: {self.finding}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per scenario: its parameters, and of each measure the 5th percentile, median and 95th."""
        import pandas as pd

        return pd.DataFrame([_line(one) for one in self.scenarios])

    def shown(self) -> dict[str, list[Any]]:
        """What people see: the parameters, and of each measure the median, with 5th to 95th percentile."""
        names = [name for one in self.scenarios for name in one.parameters]
        parameters = {name: [one.parameters.get(name, "") for one in self.scenarios] for name in names}
        return {**parameters, **shown_bands(self.scenarios)}

    def runs(self) -> "pd.DataFrame":
        """A line per simulation: the parameters, the seed, and what was measured."""
        import pandas as pd

        return pd.DataFrame(
            {**one.parameters, "seed": seed, **measured}
            for one in self.scenarios
            for seed, measured in zip(one.seeds, one.measured, strict=False)
        )


_SHOWN = {  # of each measure: heading, how a value is written
    "throttled_share": ("throttled", percent),
    "given_up_share": ("given up", percent),
    "first_throttle_s": ("first after, s", number),
    "throttled_minutes": ("throttled minutes", number),
    "partitions": ("partitions at the end", number),
    "splits": ("splits", number),
}


def shown_bands(scenarios: Sequence[Scenario]) -> dict[str, list[str]]:
    """By heading what each scenario measured, in words."""
    found = {title: [_band(s.band(measure), write) for s in scenarios] for measure, (title, write) in _SHOWN.items()}
    if found["given up"] == found["throttled"]:
        del found["given up"]  # nothing is tried again
    return found


def _band(band: Band, write: Callable[[float], str]) -> str:
    """The median, and the 5th to 95th percentile where they are others."""
    if band.low is None or band.median is None or band.high is None:
        return "never"
    low, median, high = map(write, (band.low, band.median, band.high))
    return median if low == high else f"{median} ({low} to {high})"


def _line(one: Scenario) -> dict[str, Any]:
    line: dict[str, Any] = {**one.parameters, "simulations": len(one.measured), "share_that_throttle": one.happened}
    for measure in MEASURES:
        band = one.band(measure)
        line |= {f"{measure}_p5": band.low, f"{measure}_p50": band.median, f"{measure}_p95": band.high}
    return line


# Running them


def sweep(
    design: Design | Items | Workload | Mapping[str, Design | Items | Workload],
    parameters: Mapping[str, Sequence[Any]] | None = None,
    *,
    seeds: int | Sequence[int] = SEEDS,
    seed: int = 7,
    now: int = DEFAULT_NOW,
    progress: bool = False,
    **fixed: Any,
) -> Sweep:
    """Simulations of each combination of `parameters` with each seed, on all cores, and the bands over seeds.

    Args:
        design: one design, items or workload; or several by name, which makes them a parameter.
        parameters: by the names that `simulate` has, the values that each is to take: {"load": ["step", "ramp"]}.
        seeds: of the simulations: so many, counted from `seed`, or a list. The items are drawn with `seed`.
        fixed: what `simulate` gets in all of them, as duration="30min".

    A KeyboardInterrupt ends it with the simulations that there are. ValueError for a name that `simulate` lacks.

    >>> from workbench.workload import keyed
    >>> one_key = keyed([1.0], 1500)  # writes a second, and a partition serves 1,000
    >>> [(one.name, one.happened) for one in sweep(one_key, {"start": ["cold", "warm"]}, seeds=2, duration="60s")]
    [('start cold', 1.0), ('start warm', 1.0)]
    """
    from joblib import Parallel, delayed, effective_n_jobs

    grid = _grid(parameters or {})
    _check(grid, fixed)
    chosen = _seeds(seeds, seed)
    designs = dict(design) if isinstance(design, Mapping) else {"": design}
    loads = {name: _workload(one, fixed, seed, now) for name, one in designs.items()}
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    scenarios = [(name, each) for name in loads for each in combinations]
    tasks = [(loads[name], {**fixed, **each}, one) for name, each in scenarios for one in chosen]
    unset: Any = None
    jobs = None if effective_n_jobs(unset) > 1 else -1  # as parallel_config says, else all cores
    run = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    measured, stopped = _collect(run(delayed(_measured)(*task) for task in tasks), len(tasks), progress)
    per = len(chosen)
    found = [
        Scenario(_told(name, each), tuple(chosen), tuple(measured[place * per : (place + 1) * per]))
        for place, (name, each) in enumerate(scenarios)
    ]
    return Sweep(next(iter(loads.values())).name if len(loads) == 1 else "designs", tuple(found), stopped)


def _grid(parameters: Any) -> dict[str, list[Any]]:
    """The values that each parameter is to take; ValueError unless they are a list for each name."""
    if not isinstance(parameters, Mapping):
        raise ValueError(f'sweep: {parameters!r} is no mapping from parameters to values: {{"load": ["step", "ramp"]}}')
    for name, values in parameters.items():
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            raise ValueError(f"sweep: {name} takes a list of values, here [{values!r}]")
    return {name: list(values) for name, values in parameters.items()}


def _seeds(seeds: Any, first: int) -> list[int]:
    """So many seeds, counted from the first, or those that are listed."""
    allowed = "seeds: how many, at least one, or a list of whole numbers from 0"
    if is_whole(seeds) and is_whole(first):
        chosen = list(range(first, first + seeds))
    elif isinstance(seeds, Iterable) and not isinstance(seeds, str | bytes):
        chosen = list(seeds)
    else:
        raise ValueError(f"{allowed}; here is {seeds!r}")
    if not chosen or not all(is_whole(each, 0) for each in chosen):
        raise ValueError(f"{allowed}; a sweep needs at least one")
    return [int(each) for each in chosen]


def _check(grid: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any]) -> None:
    """ValueError for a parameter that `simulate` does not have, one without values, or one given twice."""
    for name in (*grid, *fixed):
        if name not in (*PARAMETERS, "patterns", "table") or (name in ("patterns", "table") and name in grid):
            raise ValueError(f"sweep: {name!r} is no parameter to vary; there are {', '.join(PARAMETERS)}")
    for name, values in grid.items():
        if not values or name in fixed:
            raise ValueError(f"sweep: {name} " + ("is given twice" if values else "has no values"))


def _workload(design: Any, fixed: Mapping[str, Any], seed: int, now: int) -> Workload:
    """The workload of a design, computed once for all of its simulations."""
    if isinstance(design, Workload):
        return design
    return workload(items_of(design, seed, now), fixed.get("patterns"), fixed.get("table"))


def _measured(work: Workload, options: Mapping[str, Any], seed: int) -> Measured:
    """One simulation, measured; what it recorded is let go."""
    options = {name: value for name, value in options.items() if name not in ("patterns", "table")}
    found = simulate(work, **options, seed=seed, heat=False)
    if found.interrupted:
        raise KeyboardInterrupt
    return measures(found)


def measures(sim: Simulation) -> Measured:
    """What a sweep keeps of a simulation; NaN for the first throttled second where there is none."""
    away = sim.throttled_per_s
    minutes = np.add.reduceat(away, np.arange(0, len(away), 60)) > 0 if len(away) else away
    first = sim.first_throttle_s
    return {
        "throttled_share": sim.throttled_share,
        "given_up_share": sim.given_up_share,
        "first_throttle_s": float("nan") if first is None else float(first),
        "throttled_minutes": float(minutes.sum()),
        "partitions": float(sum(ring.partitions.count(sim.duration_s) for ring in sim.rings)),
        "splits": float(sum(len(set(ring.partitions.parent.tolist()) - {-1}) for ring in sim.rings)),
    }


def _collect(found: Any, count: int, progress: bool) -> tuple[list[Measured], bool]:
    """The results in order, as far as they come before an interrupt."""
    from tqdm.auto import tqdm

    done: list[Measured] = []
    try:
        for one in tqdm(found, total=count, desc="sweep", unit="simulation", disable=not progress, leave=False):
            done.append(one)
    except KeyboardInterrupt:
        return done, True
    return done, False


def _told(name: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as text."""
    return ({"design": name} if name else {}) | {key: _text(value) for key, value in parameters.items()}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    return "none" if value is None else str(value)
