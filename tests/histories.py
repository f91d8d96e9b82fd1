"""Records of simulations by hand, for tests of what reads them: sentences, charts, sweeps."""

from dataclasses import replace
from typing import Any

import numpy as np

from workbench.histories import BUCKETS, Heat, HotAtom, PartitionHistory, PatternHistory, RingHistory
from workbench.profile import PROFILE
from workbench.summaries import Simulation

MINUTES = 60
TABLE = "Board"


def partitions(count: int = 4, split_at: int | None = None) -> PartitionHistory:
    """Equal partitions, of which the first splits in two at a second."""
    edges = np.linspace(0, 1, count + 1)
    lo, hi = edges[:-1].tolist(), edges[1:].tolist()
    born, ended, parent = [0] * count, [np.inf] * count, [-1] * count
    cause: list[Any] = ["start"] * count
    if split_at is not None:
        ended[0], middle = float(split_at), hi[0] / 2
        lo, hi = [*lo, 0.0, middle], [*hi, middle, hi[0]]
        born, ended, parent = [*born, split_at, split_at], [*ended, np.inf, np.inf], [*parent, 0, 0]
        cause += ["heat", "heat"]
    flat = np.zeros(len(lo))
    return PartitionHistory(
        np.array(lo), np.array(hi), flat, flat, np.array(born), np.array(ended), np.array(parent), tuple(cause),
        ("",) * len(lo),
    )  # fmt: skip


def atom(key: str = "HOT", **changes: Any) -> HotAtom:
    """A key that stands out."""
    made = HotAtom(key, "write", 0.3, 0.6, 1500.0, "put", "", True, "", 1000.0)
    return replace(made, **changes)


def ring(
    index: str | None = None,
    *,
    hot: tuple[HotAtom, ...] = (),
    split_at: int | None = None,
    load: Any = None,
    throttled: float = 0.0,
    reason: str = "TableWriteKeyRangeThroughputExceeded",
) -> RingHistory:
    """A ring written to at `load` units a minute, of which a share is turned away in the second half of the hour."""
    parts = partitions(split_at=split_at)
    load = np.full(MINUTES, 6000.0) if load is None else np.asarray(load, dtype=float)
    share = np.where(np.arange(len(load)) >= len(load) // 2, throttled, 0.0)
    alive = np.array([parts.alive(60 * minute) for minute in range(len(load))], dtype=float)
    each = load[:, None] * alive / alive.sum(axis=1, keepdims=True)
    nothing = np.zeros_like(each)
    rows = np.outer(np.full(BUCKETS, 1 / BUCKETS), load)
    for one in hot:
        rows *= 1 - one.share
        rows[one.bucket] += one.share * load
    empty = np.zeros_like(rows)
    seconds = np.repeat(load * share / 60, 60)
    kinds: Any = {"read": nothing, "write": each * (1 - share[:, None])}
    return RingHistory(
        TABLE, index, "on-demand", 100, hot, parts, kinds, {"read": nothing, "write": each * share[:, None]},
        {reason: seconds} if throttled else {},
        {"read": np.full(len(load), 12_000.0), "write": np.full(len(load), 4_000.0)},
        {"read": np.zeros(len(load)), "write": np.zeros(len(load))},
        np.zeros(len(load)),
        {"read": np.zeros(60 * len(load)), "write": np.repeat(load * (1 - share) / 60, 60)},
        Heat({"read": empty, "write": rows * (1 - share)}, {"read": empty, "write": rows * share}),
    )  # fmt: skip


def simulation(*rings: RingHistory, **changes: Any) -> Simulation:
    """A simulation of an hour; the pattern `put` is turned away as its table is."""
    rings = rings or (ring(),)
    first = rings[0]
    seconds = len(first.consumed_per_s["write"])
    away = {reason: units for one in rings for reason, units in one.reasons.items()}
    offered = first.consumed_per_s["write"] + sum(first.reasons.values(), np.zeros(seconds))
    put = PatternHistory("put", "write", first.name, offered, away)
    made = Simulation("board", seconds, 60, "constant", "cold", 7, None, rings, (put,), PROFILE, ())
    return replace(made, **changes)
