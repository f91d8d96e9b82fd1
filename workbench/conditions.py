"""The conditions of a simulation: what is asked in each second, by whom, of which tables, and how these begin.

All that a caller gives is checked here, before the first second: a ValueError names it, the value seen and what is
allowed. Rates are requests a second, units read or write units a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workbench.clients import ClosedLoop, Retries
from workbench.columns import Floats
from workbench.design import Design
from workbench.histories import Note
from workbench.items import Items, items_of
from workbench.load import Kind
from workbench.profile import Profile
from workbench.quantities import is_quantity, is_whole
from workbench.results import number
from workbench.schema import Table
from workbench.shapes import Diurnal, Shape, Spike, shape
from workbench.spreads import KINDS
from workbench.workload import PatternRate, Workload, check_rate, settings_of, workload

Client = Retries | ClosedLoop


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
        if self.partitions is not None and not is_whole(self.partitions, 1):
            raise ValueError(f"start: partitions={self.partitions!r}; a table has a whole number of them, at least 1")
        for name, given in (("previous_peak", self.previous_peak), ("warm", self.warm)):
            unknown = [each for each in given if each not in KINDS] if isinstance(given, Mapping) else [given]
            if unknown:
                allowed = "it is by kind, as {'read': 3000, 'write': 1000}"
                raise ValueError(f"start: {name} has {unknown[0]!r}; {allowed}")
        units = {**self.previous_peak, **{f"warm {kind}": value for kind, value in self.warm.items()}}
        for name, value in {**units, "idle_s": self.idle_s}.items():
            if not is_quantity(value):
                raise ValueError(f"start: {name}={value!r}; a finite number from 0 is allowed")

    def __str__(self) -> str:
        said = [f"{self.partitions:,} partitions"] if self.partitions else []
        said += [f"previous peak {number(units)} {kind} units/s" for kind, units in self.previous_peak.items()]
        said += [f"warm for {number(units)} {kind} units/s" for kind, units in self.warm.items()]
        said += [f"idle for {self.idle_s:g} s"] if self.idle_s else []
        return self.words or ", ".join(said) or "cold"


COLD = Start()


@dataclass(frozen=True)
class Conditions:
    """What all lanes of a simulation have in common."""

    work: Workload
    rates: Floats  # requests a second, (patterns, seconds)
    start: Start
    clients: Mapping[int, Client]
    profile: Profile
    fluid: bool
    seed: int
    hash_seed: int | None
    interval_s: int
    heat: bool

    @property
    def seconds(self) -> int:
        """How many seconds are to be simulated."""
        return self.rates.shape[1]


def workload_of(
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
        found = design
    else:
        found = workload(items_of(design, seed, now), patterns, table)
    return found if capacity is None else _with_capacity(found, capacity)


def _with_capacity(work: Workload, capacity: Any) -> Workload:
    """The workload with another capacity for all of its tables and indexes."""
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


def rates_of(work: Workload, load: Any, seconds: int) -> tuple[Floats, str, list[Note]]:
    """Requests a second of each pattern in each second, the load in words, and which patterns it leaves as they are."""
    names = [pattern.name for pattern in work.patterns]
    by_pattern = isinstance(load, Mapping) and "shape" not in load and any(isinstance(name, str) for name in load)
    if by_pattern and (unknown := set(load) - set(names)):
        raise ValueError(
            f"load: {work.name} has no access pattern {min(unknown)!r} with a rate; there are {', '.join(names)}"
        )
    shapes = [shape(load.get(name, "constant") if by_pattern else load) for name in names]
    found = np.array(
        [_checked_rates(s, p.name, p.rate, p.peak, seconds) for s, p in zip(shapes, work.patterns, strict=True)]
    )
    words = str(shapes[0]) if len(set(map(str, shapes))) == 1 else "mixed"
    flat = [_flat(p, s) for p, s, rates in zip(work.patterns, shapes, found, strict=True) if _stays(s, p, rates)]
    return found, words, flat


def _stays(form: Shape, pattern: PatternRate, rates: Floats) -> bool:
    """Whether a shape that goes up to the peak does nothing, since the peak is no higher than the rate."""
    rises = isinstance(form, Diurnal | Spike)
    return rises and len(rates) > 1 and pattern.peak <= pattern.rate and float(np.ptp(rates)) == 0


def _flat(pattern: PatternRate, form: Shape) -> Note:
    fix = f"state one, as peak: {3 * pattern.rate:g}/s"
    return Note("assumed", f"{pattern.name} has no peak above its rate, so that its {form} load is constant: {fix}")


def _checked_rates(form: Shape, pattern: str, rate: float, peak: float, seconds: int) -> Floats:
    found = np.asarray(form.rates(rate, peak, seconds), dtype=float)
    if found.shape != (seconds,) or not np.isfinite(found).all() or (found < 0).any():
        raise ValueError(f"load of {pattern}: a shape gives a finite rate from 0 for each of the {seconds:,} seconds")
    return found


def start_of(start: Start | str, work: Workload) -> Start:
    if isinstance(start, Start):
        return start
    if start == "cold":
        return COLD
    if start != "warm":
        raise ValueError(f"start={start!r}: 'cold', 'warm', or a Start with partitions, previous_peak, warm or idle_s")
    return Start(idle_s=300.0, words="warm")


def clients_of(work: Workload, clients: Client | Mapping[str, Client] | None) -> dict[int, Client]:
    if clients is None:
        return {}
    names = [pattern.name for pattern in work.patterns]
    if not isinstance(clients, Mapping):
        return dict.fromkeys(range(len(names)), _client("clients", clients))
    if unknown := set(clients) - set(names):
        raise ValueError(
            f"clients: {work.name} has no access pattern {min(unknown)!r} with a rate; there are {', '.join(names)}"
        )
    return {names.index(name): _client(f"clients of {name}", client) for name, client in clients.items()}


def _client(what: str, given: Any) -> Client:
    if not isinstance(given, Retries | ClosedLoop):
        raise ValueError(f"{what}: {given!r} is neither Retries(attempts=3) nor ClosedLoop(threads=64)")
    return given


def tried_clients(clients: Client | Mapping[str, Client] | None, retries: Any) -> Client | Mapping[str, Client] | None:
    """The clients, or the retries in their place; ValueError for both, and for what is no number of attempts."""
    if retries is None:
        return clients
    if clients is not None:
        raise ValueError("clients and retries: one of them; clients={'pattern': Retries(3)} gives each pattern its own")
    if isinstance(retries, Retries):
        return retries
    if not is_whole(retries):
        raise ValueError(f"retries={retries!r}: a number of attempts, as 3, or Retries(attempts=3, base_s=0.05)")
    return Retries(retries)
