"""The chart of a run: the units that one call of each access pattern consumes, by table and index.

Reads are blue and writes green; indexes are lighter and hatched. A pattern that costs many times the
others, as a Scan of everything does, would leave nothing else to be seen: its bar runs off the chart, vermilion and
hatched, and says its units. Read units are compared with read units, and write units with write units.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from workbench.pictures import (
    BLUE,
    GREEN,
    INK,
    PAPER,
    VERMILION,
    WARNING_HATCH,
    beside_bars,
    finish,
    new_axes,
    thousands,
)
from workbench.results import number

if TYPE_CHECKING:
    from workbench.runs import Run

UNIT = {"read": "RU", "write": "WU"}
TABLE = {"read": BLUE, "write": GREEN}
INDEX = {"read": "#a6d3ee", "write": "#a3dcc6"}  # the same hues, lighter
HATCHES = ("\\\\\\", "...", "xxx", "--", "ooo", "+++")
OFF_SCALE = 20  # times the next: then a bar runs off the scale
BEYOND = 2.0  # times the longest other bar that such a bar is long at least

Part = tuple[str, str]  # kind, and "table" or the name of an index
Line = Mapping[Any, Any]


def capacity(run: "Run", *, ax: Axes | None = None) -> Axes:
    """Mean read and write units of one call of each access pattern, in file order, stacked by table and index."""
    if not hasattr(run, "summary"):
        raise ValueError(f"{run!r:.100} is no Run: give wb.run_patterns(design, engine)")
    lines: Sequence[Line] = run.summary.to_dict("records")
    names = [line["pattern"] for line in lines]
    parts = _by_place(run.by_index.to_dict("records"), names)
    totals = np.sum([*parts.values(), np.zeros(len(names))], axis=0)
    ax = ax if ax is not None else new_axes(9, 1.6 + 0.34 * len(names))
    edge = _edge(totals)
    off = totals > edge
    texts = [_text(line, parts, i) for i, line in enumerate(lines)]
    beside_bars(ax, np.where(off, 0, totals), texts, bold=off.tolist())
    end = _end(ax, edge) if off.any() else 1.0
    _bars(ax, parts, np.where(off, end / np.maximum(totals, 1e-9), 1.0), off)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(thousands())
    x, finding = "read units (RU) or write units (WU) per call, mean", _finding(lines, parts)
    return finish(ax, "capacity", finding, x=x, y="", legend=_legend(list(parts), bool(off.any())))


def _by_place(lines: Sequence[Line], names: Sequence[str]) -> dict[Part, Any]:
    """Mean units of a call, reads before writes, tables before indexes: each an array over the patterns."""
    found: dict[Part, Any] = {}
    for line in lines:
        part = (line["kind"], f"index {line['index']}" if line["index"] else "table")
        found.setdefault(part, np.zeros(len(names)))[names.index(line["pattern"])] += line["mean_units_per_call"]
    return {part: found[part] for part in sorted(found, key=lambda part: (part[0], part[1] != "table"))}


def _edge(totals: Any) -> float:
    """Where the scale ends: at the largest, or before the few that are many times the next."""
    ranked = np.sort(totals)[::-1]
    for cut in range(len(ranked) // 3, 0, -1):
        if ranked[cut - 1] > OFF_SCALE * ranked[cut] > 0:
            return float(ranked[cut])
    return float(ranked.max(initial=0.0))


def _end(ax: Axes, edge: float) -> float:
    """Where a bar that runs off the scale leaves the chart, well beyond all others."""
    end = max(ax.get_xlim()[1], BEYOND * edge)
    ax.set_xlim(0, end)
    return end


def _bars(ax: Axes, parts: Mapping[Part, Any], shrink: Any, off: Any) -> None:
    """The stacked bars, those off the scale shrunk to the chart, with an arrow where they leave it."""
    left = np.zeros(len(shrink))
    for part, units in parts.items():
        colour, hatch = _style(part, list(parts))
        places = np.arange(len(units))
        bars = ax.barh(places, units * shrink, 0.62, left, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.4)
        bars.set_label(" ".join(part))
        for place in np.flatnonzero(off & (units > 0)):
            bars[place].set(facecolor=VERMILION, hatch=WARNING_HATCH)
        left += units * shrink
    where: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "center", "color": INK}
    for place in np.flatnonzero(off):
        ax.annotate("→", (left[place], place), (-4, 0), fontweight="bold", bbox=PAPER, **where)


def _style(part: Part, parts: Sequence[Part]) -> tuple[str, str]:
    kind, name = part
    if name == "table":
        return TABLE[kind], ""
    indexes = list(dict.fromkeys(name for _, name in parts if name != "table"))
    return INDEX[kind], HATCHES[indexes.index(name) % len(HATCHES)]


def _legend(parts: Sequence[Part], off: bool) -> list[Patch]:
    styles = {part: _style(part, parts) for part in parts}
    entries = [(colour, hatch, f"{kind} units, {name}") for (kind, name), (colour, hatch) in styles.items()]
    entries += [(VERMILION, WARNING_HATCH, "far beyond the scale")] if off else []
    return [Patch(facecolor=c, hatch=hatch, edgecolor=INK, linewidth=0.4, label=label) for c, hatch, label in entries]


# Words


def _text(line: Line, parts: Mapping[Part, Any], place: int) -> str:
    """What stands beside a bar: its units, and how many items were read for how many returned."""
    if not line["calls"]:
        return "not run: no key serves it"
    return ", ".join([_units({part: float(units[place]) for part, units in parts.items()}), *_read(line)])


def _units(parts: Mapping[Part, float]) -> str:
    texts: list[str] = []
    for kind, unit in UNIT.items():
        mine = {name: units for (each, name), units in parts.items() if each == kind and units}
        detail = " + ".join(f"{number(units)} {name}" for name, units in mine.items())
        if mine:
            texts.append(f"{number(sum(mine.values()))} {unit}" + (f" ({detail})" if len(mine) > 1 else ""))
    return ", ".join(texts) or "0 units"


def _read(line: Line) -> list[str]:
    scanned, returned = line["items_scanned"], line["items_returned"]
    if scanned <= 1 and returned >= scanned:
        return []
    return [f"reads {_whole(scanned)}, returns {_whole(returned)}"]


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else number(value)


def _finding(lines: Sequence[Line], parts: Mapping[Part, Any]) -> str:
    """The pattern that costs most, by how much, what it reads for what it returns; and the most of the other kind."""
    zero = np.zeros(len(lines))
    units = {kind: np.sum([zero, *(values for (k, _), values in parts.items() if k == kind)], axis=0) for kind in UNIT}
    used = sorted((kind for kind in UNIT if units[kind].any()), key=lambda kind: -float(units[kind].max()))
    if not used:
        return "no access pattern consumed anything"
    text = _costliest(lines, used[0], units[used[0]])
    for kind in used[1:]:
        text += f"; {kind}s cost at most {number(float(units[kind].max()))} {UNIT[kind]}"
    return text


def _costliest(lines: Sequence[Line], kind: str, units: Any) -> str:
    order = np.argsort(-units, kind="stable")
    line, most = lines[order[0]], float(units[order[0]])
    then = float(units[order[1]]) if len(order) > 1 else 0.0
    text = f"{line['pattern']} is the costliest {kind}, {number(most)} {UNIT[kind]} a call"
    if then and most >= 2 * then:
        text += f", {most / then:,.0f} times the next"
    if line["items_returned"] < 0.9 * line["items_scanned"]:
        text += f": it reads {_whole(line['items_scanned'])} items to return {_whole(line['items_returned'])}"
    return text
