"""Figures: what of a simulation is held against a published measurement, by the names that case files use.

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
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.histories import PatternHistory, RingHistory
from workbench.summaries import Simulation
from workbench.throughput import REASONS

Floats = NDArray[np.float64]


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


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_window(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value)) and 0 <= value[0] < value[1]


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
    "reaches": ("a number of units a second", is_number),
    "reason": (f"one of {', '.join(REASONS)}", lambda given: given in REASONS),
}
