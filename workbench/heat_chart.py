"""The heat map: a table's key space by time, as Google's Key Visualizer draws it.

Up the side run the places of the hash ring, along the bottom the time; the brighter, the more. A hot key is a bright
line along the map, a burst a stripe across it, an even load even grain. Boundaries of partitions lie over it: where one
begins in the middle, a partition was split. Colours are logarithmic and rise in lightness alone, so that they read the
same in any colour vision, and in grey. (Google Cloud: Key Visualizer, "Heatmap patterns".)
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from workbench.columns import Floats
from workbench.diagnosis import Diagnosis, diagnose
from workbench.histories import Heat, HotAtom, RingHistory
from workbench.load import Kind
from workbench.pictures import (
    FAINT,
    INK,
    SMALL,
    TITLE_CHARACTERS,
    Picture,
    check_given,
    describe,
    new_axes,
    width_of,
    wrapped,
)
from workbench.sortkeys import collection_boundaries, collection_heat
from workbench.spread_charts import short
from workbench.spreads import KINDS, UNIT
from workbench.summaries import Simulation

Layer = Literal["offered", "consumed", "throttled", "utilisation"]
LAYERS: dict[Layer, str] = {
    "offered": "asked for",
    "consumed": "consumed",
    "throttled": "throttled",
    "utilisation": "used of a partition's limit",
}
ROWS = 128  # of the picture: each shows the hottest of eight of the 1,024 ranges of the ring
DECADES = 3.0  # that colours span at most
CROWDED = 120  # boundaries from which on they are drawn faintly
MOST_LINES = 300  # boundaries at the start, and again of splits, that are drawn
NAMED = 4  # keys that are named in the map
NOTABLE = 0.05  # of a partition's limit, from which on a key stands out
NAME_HEIGHT = 0.24  # inches that a name takes
LABEL: dict[str, Any] = {"facecolor": "black", "edgecolor": "none", "alpha": 0.55, "pad": 1.5}
EDGE, BORN = "#7fd3ff", "#ffffff"


def heat(
    sim: Simulation,
    *,
    layer: Layer = "offered",
    table: str | None = None,
    index: str | None = None,
    kind: Kind | None = None,
    by: Literal["ring", "sort key"] = "ring",
    highest: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The key space of a table or index by time, with what is seen in it in words above.

    The table or index that turns most away, unless one is named; its read or write units, whichever come nearer to
    their limit. `layer` shows what was asked for, consumed, throttled, or how much of its limit each partition used;
    `by="sort key"` looks into the hottest collection; `highest`, in units a second, fixes the top of the scale, so
    that maps of two designs compare. ValueError for what is not there.
    """
    check_given(sim, Simulation, "wb.simulate(design)")
    if layer not in LAYERS:
        raise ValueError(f"layer={layer!r}: one of {', '.join(LAYERS)}")
    if kind not in (None, *KINDS):
        raise ValueError(f"kind={kind!r}: either {' or '.join(map(repr, KINDS))}")
    sim.check_simulated()
    ring = _most_troubled(sim) if table is None and index is None else sim.ring(table or sim.rings[0].table, index)
    kind, rows = kind or _busier(sim, ring), _heat_of(ring, by)
    ax = ax if ax is not None else new_axes(10, 5.6)
    values, width = _values(sim, ring, rows, kind, layer), width_of(ax)
    _paint(ax, sim, values, layer, kind, rows, highest)
    _boundaries(ax, sim, _begins(ring) if by == "ring" else collection_boundaries(ring))
    if by == "ring":
        _name_keys(ax, sim, [atom for atom in ring.hot if atom.kind == kind])
    said = diagnose(sim, ring.table, ring.index)
    _label(ax, sim, ring, rows, kind, layer)
    _sentences(ax, ring, said, width)
    return ax


def _most_troubled(sim: Simulation) -> RingHistory:
    """The ring with the largest share turned away, else with the most that is asked for."""

    def trouble(ring: RingHistory) -> tuple[float, float]:
        throttled, offered = (
            sum(float(part[kind].sum()) for kind in KINDS) for part in (ring.throttled, ring.consumed)
        )
        return throttled / max(throttled + offered, 1e-300), offered

    return max(sim.rings, key=trouble)


def _busier(sim: Simulation, ring: RingHistory) -> Kind:
    """The kind of units that is nearer to its limit."""

    def near(kind: Kind) -> tuple[float, float]:
        most = ring.offered(kind).max(initial=0.0) / sim.interval_s / sim.profile.partition_limit(kind)
        return float(ring.throttled[kind].sum() > 0) * most, most

    return max(reversed(KINDS), key=near)


def _heat_of(ring: RingHistory, by: str) -> Heat:
    found = ring.heat if by == "ring" else collection_heat(ring)
    if by not in ("ring", "sort key"):
        raise ValueError(f"by={by!r}: either 'ring' or 'sort key'")
    if found is None:
        why = "no busy collection of it can be split" if by == "sort key" else "it was simulated with heat=False"
        raise ValueError(f"{ring.name} has no heat by {by}: {why}")
    return found


def _values(sim: Simulation, ring: RingHistory, rows: Heat, kind: Kind, layer: Layer) -> Floats:
    """What is drawn, in rows from the bottom up: units a second of a row, or the share of a partition's limit."""
    if layer == "utilisation" and rows.collection:
        raise ValueError("layer='utilisation' is of partitions on the ring; by sort key there are the other layers")
    if layer == "utilisation":
        return _utilisation(sim, ring, kind, len(rows.consumed[kind]))
    units = rows.offered(kind) if layer == "offered" else getattr(rows, layer)[kind]
    return units / _seconds(sim, units.shape[1])


def _seconds(sim: Simulation, intervals: int) -> Floats:
    """The seconds of each interval, of which the last may be short."""
    ends = np.minimum((np.arange(intervals) + 1) * sim.interval_s, sim.duration_s)
    return np.maximum(np.diff(ends, prepend=0), 1).astype(float)


def _utilisation(sim: Simulation, ring: RingHistory, kind: Kind, count: int) -> Floats:
    """How much of its limit the partition of each row used, by interval."""
    used = ring.consumed[kind] / _seconds(sim, len(ring.consumed[kind]))[:, None] / sim.profile.partition_limit(kind)
    middles, out = (np.arange(count) + 0.5) / count, np.zeros((count, len(used)))
    for n, (lo, hi) in enumerate(zip(ring.partitions.lo, ring.partitions.hi, strict=True)):
        first, behind = np.searchsorted(middles, [lo, hi])
        behind = max(behind, first + 1)  # a partition inside one collection has no width of its own on the ring
        out[first:behind] = np.maximum(out[first:behind], used[:, n])
    return out


# Drawing


def _paint(
    ax: Axes, sim: Simulation, values: Floats, layer: Layer, kind: Kind, rows: Heat, highest: float | None
) -> None:
    factor = max(1, len(values) // ROWS)
    shown = values[: len(values) // factor * factor].reshape(-1, factor, values.shape[1]).max(axis=1)
    most = float(shown.max(initial=0.0)) if highest is None else highest
    norm: Normalize = Normalize(0, max(1.0, most))
    if layer != "utilisation":
        least = float(shown[shown > 0].min(initial=most)) if most else 0.0
        norm = LogNorm(max(least, most / 10**DECADES), most) if most else LogNorm(0.1, 1.0)
    extent = (0.0, sim.duration_s / 60, 0.0, 1.0)
    style: dict[str, Any] = {"aspect": "auto", "origin": "lower", "interpolation": "nearest", "cmap": "inferno"}
    image = ax.imshow(np.where(shown > 0, shown, np.nan), extent=extent, norm=norm, **style)
    ax.set_facecolor("#000004")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.015, aspect=32)
    bar.set_label(_scale_label(layer, kind, rows, len(values)), color=INK, fontsize=SMALL)
    bar.ax.tick_params(colors=INK, labelsize=SMALL)
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    percent_scale = FuncFormatter(lambda value, _: f"{100 * value:,.0f} %")
    bar.ax.yaxis.set_major_formatter(
        percent_scale if layer == "utilisation" else FuncFormatter(lambda v, _: f"{v:,.10g}")
    )


def _scale_label(layer: Layer, kind: Kind, rows: Heat, count: int) -> str:
    if layer == "utilisation":
        return f"{kind} units used of a partition's limit"
    part = f"{count:,} sort-key ranges" if rows.collection else f"{count:,} ranges of the ring"
    return f"{UNIT[kind]}/s {LAYERS[layer]} in each of {part} (log scale)"


def _boundaries(ax: Axes, sim: Simulation, found: Mapping[float, float]) -> None:
    """Where partitions meet, each line from the birth of the partition above it; a dot where it was split off."""
    begins = _thinned(dict(found))
    faint = len(begins) > CROWDED
    style: dict[str, Any] = {"colors": EDGE, "linewidth": 0.3 if faint else 0.8, "alpha": 0.35 if faint else 0.75}
    ax.hlines(list(begins), [b / 60 for b in begins.values()], sim.duration_s / 60, label="_boundaries", **style)
    later = [(born / 60, lo) for lo, born in begins.items() if born > 0]
    if later:
        size: dict[str, Any] = {"markersize": 2.0 if faint else 4.5, "markeredgewidth": 0.5}
        times, places = zip(*later, strict=True)
        ax.plot(times, places, "o", color=BORN, markeredgecolor=INK, label="_splits", **size)


def _begins(ring: RingHistory) -> dict[float, float]:
    """Each boundary's place on the ring, and the second from which on it is there."""
    found: dict[float, float] = {}
    for lo, born in sorted(zip(ring.partitions.lo.tolist(), ring.partitions.born_s.tolist(), strict=True)):
        if lo > 0:
            found.setdefault(lo, born)
    return found


def _thinned(begins: dict[float, float]) -> dict[float, float]:
    """As many boundaries as can be told apart, evenly: of those at the start, and of those of splits."""
    for later in (False, True):
        some = [lo for lo, born in begins.items() if (born > 0) == later]
        dropped = set(some) - set(some[:: -(-len(some) // MOST_LINES) or 1])
        begins = {lo: born for lo, born in begins.items() if lo not in dropped}
    return begins


def _name_keys(ax: Axes, sim: Simulation, atoms: Sequence[HotAtom]) -> None:
    """The keys that stand out by name, at the right end of their lines; where none does, the busiest."""
    ranked = sorted(atoms, key=lambda one: -one.units_per_s)
    notable = [a for a in ranked if a.units_per_s >= NOTABLE * sim.profile.partition_limit(a.kind)] or ranked[:1]
    places: dict[float, list[str]] = {}
    figure: Any = ax.figure
    apart = NAME_HEIGHT / (ax.get_position().height * figure.get_figheight())
    for atom in notable[:NAMED]:
        above = min(atom.position, 1 - apart)  # the highest that a name still fits under the edge
        near = next((place for place in places if abs(above - place) < apart), above)
        places.setdefault(near, []).append(short(atom.key))
    for place, names in places.items():
        style: dict[str, Any] = {"fontsize": SMALL, "color": "white", "fontweight": "bold", "ha": "right"}
        where: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "bbox": LABEL}
        ax.annotate(", ".join(names), (1.0, place), va="bottom", xytext=(-4, 6), **style, **where)


def _label(ax: Axes, sim: Simulation, ring: RingHistory, rows: Heat, kind: Kind, layer: Layer) -> None:
    begins = collection_boundaries(ring) if rows.collection else _begins(ring)
    begun, some = any(born > 0 for born in begins.values()), "some " if len(begins) > MOST_LINES else ""
    lines = f"; light lines are {some}partition boundaries" + (", dots splits" if begun else "")
    hashed = "hash as far as known" if sim.hash_seed is None else f"hash seed {sim.hash_seed}"
    ax.set_xlabel(f"minutes ({sim.load} load){lines}", color=INK)
    ax.set_ylabel(
        f"sort keys of {short(rows.collection)}" if rows.collection else f"where keys stand on the ring ({hashed})",
        color=INK,
    )
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:,.0f} %"))
    ax.tick_params(colors=INK)
    for spine in ax.spines.values():
        spine.set_color(FAINT)


def _sentences(ax: Axes, ring: RingHistory, said: Sequence[Diagnosis], width: float) -> None:
    """What is seen, above the map: the first headline in bold, below it the rest."""
    characters = max(30, int(width * TITLE_CHARACTERS))
    first, *others = said
    more = [
        wrapped(text, int(characters * 1.3)) for text in (first.detail, *(one.headline for one in others[:3])) if text
    ]
    lines = sum(text.count("\n") + 1 for text in more)
    head = wrapped(f"{ring.name}. {first.headline}", characters)
    ax.set_title(head, loc="left", fontsize=11, fontweight="bold", color=INK, pad=8 + 12 * lines)
    if more:
        style: dict[str, Any] = {"textcoords": "offset points", "fontsize": SMALL + 0.5, "color": INK, "va": "bottom"}
        ax.annotate("\n".join(more), (0, 1), (0, 5), xycoords="axes fraction", **style)
    alt = f"Heat map of {ring.name}. " + " ".join(one.text for one in said)
    describe(ax, "heat", alt)
    if isinstance(ax.figure, Picture) and len(ax.figure.axes) <= 2:  # the map and its scale of colours
        describe(ax.figure, "heat", alt)
