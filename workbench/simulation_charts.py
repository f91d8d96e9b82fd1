"""Charts of a simulation by time: how many requests are throttled and why, and how many partitions there are.

What is served is pale and what is throttled vermilion, with a hatch of its own for each of the service's reasons; lines
of partitions differ by dashes as well as by colour.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from workbench.columns import Floats
from workbench.diagnosis import span
from workbench.histories import PatternHistory, RingHistory, given_up_share
from workbench.pictures import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    YELLOW,
    check_given,
    finish,
    new_axes,
    thousands,
)
from workbench.results import percent
from workbench.summaries import Simulation

REASONS = ((VERMILION, "////"), (ORANGE, "...."), (PURPLE, "xxxx"), (YELLOW, "----"))
LINES = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (PURPLE, ":"), (ORANGE, (0, (5, 1, 1, 1))))
STEPS = 240  # points in time that a chart has at most
BASES = {
    "start": "",
    "heat": "for heat",
    "isolation": "to set a hot key apart",
    "size": "for size",
    "capacity": "for capacity",
}


def throttling(sim: Simulation, *, pattern: str | None = None, ax: Axes | None = None) -> Axes:
    """Requests a second by time: served, and throttled by the service's reason; of all access patterns, or of one.

    ValueError names the patterns that there are.
    """
    check_given(sim, Simulation, "wb.simulate(design)")
    sim.check_simulated()
    chosen = _chosen(sim, pattern)
    ax = ax if ax is not None else new_axes(9, 4.2)
    times, step = _times(sim)
    parts = [("served", _averaged(sum((p.consumed for p in chosen), np.zeros(sim.duration_s)), step))]
    parts += [(reason, _averaged(units, step)) for reason, units in _reasons(chosen)]
    styles = ((SKY, ""), *REASONS)
    below, legend = np.zeros(len(times)), list[Patch]()
    for (name, values), (colour, hatch) in zip(_few(parts, len(styles)), styles, strict=True):
        style: dict[str, Any] = {"facecolor": colour, "hatch": hatch, "edgecolor": INK, "linewidth": 0.3}
        ax.fill_between(times, below, below + values, step="post", label=name, **style)
        legend.append(Patch(label=name, **style))
        below = below + values
    ax.set_xlim(0, sim.duration_s / 60)
    ax.set_ylim(0, max(1e-9, 1.06 * float(below.max(initial=0.0))))
    ax.yaxis.set_major_formatter(thousands())
    of = f"{pattern}: " if pattern else ""
    legend = [patch for patch in legend if patch.get_label()]
    return finish(
        ax,
        "throttling",
        of + _throttled(sim, chosen),
        x=f"minutes ({sim.load} load)",
        y="requests per second",
        legend=legend,
    )


def _chosen(sim: Simulation, pattern: str | None) -> list[PatternHistory]:
    """The histories to draw: of a pattern on all tables and indexes, or of all patterns."""
    found = [one for one in sim.patterns if pattern in (None, one.pattern)]
    if not found:
        known = ", ".join(dict.fromkeys(one.pattern for one in sim.patterns))
        raise ValueError(f"no access pattern {pattern!r} in this simulation; there are {known}")
    return found


def _reasons(chosen: Sequence[PatternHistory]) -> list[tuple[str, Floats]]:
    """Throttled requests a second by reason, the most frequent first."""
    found: dict[str, Floats] = {}
    for one in chosen:
        for reason, units in one.throttled.items():
            found[reason] = found.get(reason, 0) + units
    return sorted(found.items(), key=lambda pair: -float(pair[1].sum()))


def _few(parts: Sequence[tuple[str, Floats]], most: int) -> list[tuple[str, Floats]]:
    """At most so many parts, the last of them all others; fewer are filled up with nothing."""
    named, others = list(parts[: most - 1]), [values for _, values in parts[most - 1 :]]
    if len(others) == 1:
        named.append(parts[most - 1])
    elif others:
        named.append(("other reasons", np.sum(others, axis=0)))
    return named + [("", np.zeros(len(parts[0][1])))] * (most - len(named))


def _times(sim: Simulation) -> tuple[Floats, int]:
    """The minutes at which steps begin, and their length in seconds."""
    step = max(1, -(-sim.duration_s // STEPS))
    return np.arange(0, sim.duration_s, step) / 60, step


def _averaged(per_second: Floats, step: int) -> Floats:
    """Means over steps of so many seconds; the last may be shorter."""
    starts = np.arange(0, len(per_second), step)
    return np.add.reduceat(per_second, starts) / np.minimum(step, len(per_second) - starts)


def _throttled(sim: Simulation, chosen: Sequence[PatternHistory]) -> str:
    """The finding: how much is throttled, when, and of which pattern the most."""
    offered, lost = (
        sum(float(part.sum()) for part in parts)
        for parts in zip(*((p.offered, p.all_throttled) for p in chosen), strict=True)
    )
    if not lost:
        return "no request is throttled"
    seconds = np.flatnonzero(sum((p.all_throttled for p in chosen), np.zeros(sim.duration_s)))
    worst = max(chosen, key=lambda one: float(one.all_throttled.sum()))
    who = f", mostly of {worst.pattern} ({percent(worst.throttled_share)} of its own)" if len(chosen) > 1 else ""
    told = f"{percent(lost / offered)} of {{}} are throttled, first after {span(float(seconds[0]))}{who}"
    if not any(one.retried for one in chosen):
        return told.format("requests")
    return told.format("attempts") + f"; {percent(given_up_share(chosen))} of requests are given up"


def partitions(sim: Simulation, *, ax: Axes | None = None) -> Axes:
    """How many partitions each table and global index has, by time; up to five, those that grow most."""
    check_given(sim, Simulation, "wb.simulate(design)")
    sim.check_simulated()
    ax = ax if ax is not None else new_axes(9, 3.8)
    shown = sorted(sim.rings, key=lambda ring: -len(ring.partitions))[: len(LINES)]
    legend: list[Any] = []
    for ring, (colour, dashes) in zip(shown, LINES, strict=False):
        times, counts = _growth(sim, ring)
        (line,) = ax.step(times, counts, where="post", color=colour, linestyle=dashes, linewidth=1.8, label=ring.name)
        legend.append(Line2D([], [], color=colour, linestyle=line.get_linestyle(), linewidth=1.8, label=ring.name))
        ax.annotate(
            f"{counts[-1]:,.0f}", (times[-1], counts[-1]), (3, 0), textcoords="offset points", va="center",
            fontsize=SMALL, color=INK, bbox=PAPER, annotation_clip=False,
        )  # fmt: skip
    ax.set_xlim(0, sim.duration_s / 60)
    ax.set_ylim(0, 1.15 * max((_now(ring) for ring in shown), default=1))
    ax.grid(axis="y", color=FAINT, alpha=0.2)
    ax.yaxis.set_major_formatter(thousands())
    legend = legend if len(legend) > 1 else []
    finding = "; ".join(_grown(ring) for ring in shown)
    more = f" ({len(shown)} of {len(sim.rings)} shown)" if len(sim.rings) > len(shown) else ""
    return finish(ax, "partitions", finding + more, x=f"minutes ({sim.load} load)", y="partitions", legend=legend)


def _growth(sim: Simulation, ring: RingHistory) -> tuple[Floats, Floats]:
    """The minutes at which the number of partitions changes, and how many there are from then on."""
    parts = ring.partitions
    moments = np.unique([0, *parts.born_s.tolist(), sim.duration_s])
    moments = moments[moments <= sim.duration_s]
    return moments / 60, np.array([parts.count(float(moment)) for moment in moments], dtype=float)


def _grown(ring: RingHistory) -> str:
    """How many partitions a ring had and has, and why."""
    parts = ring.partitions
    first, last = sum(cause == "start" for cause in parts.cause), _now(ring)
    if first == last:
        return f"{ring.name} keeps its {first:,} partitions" if first > 1 else f"{ring.name} keeps its one partition"
    return f"{ring.name}: {first:,} partitions became {last:,}{''.join(_causes(ring))}"


def _now(ring: RingHistory) -> int:
    """Partitions at the end, when there are most."""
    return int(np.isinf(ring.partitions.ended_s).sum())


def _causes(ring: RingHistory) -> Iterator[str]:
    causes = [BASES[cause] for cause in dict.fromkeys(ring.partitions.cause) if BASES[cause]]
    if causes:
        yield f", split {' and '.join(causes)}"
