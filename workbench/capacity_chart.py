"""The chart of a run: the units that one call of each access pattern consumes, by table and index.

Reads are blue and writes green; the arms of indexes are lighter and hatched. A pattern that costs many times the
others, as a Scan of everything does, is cut off at the edge and says so, or nothing else could be told apart.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from workbench.pictures import BLUE, FAINT, GREEN, INK, finish, new_axes, thousands
from workbench.results import number

if TYPE_CHECKING:
    from workbench.runs import Run

UNIT = {"read": "RU", "write": "WU"}
TABLE = {"read": BLUE, "write": GREEN}
INDEX = {"read": "#a6d3ee", "write": "#a3dcc6"}  # the same hues, lighter
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "+++")
OFF_SCALE = 8  # times the next: then a bar is cut

Arm = tuple[str, str]  # kind, and "table" or the name of an index


def capacity(run: "Run", *, ax: Axes | None = None) -> Axes:
    """Mean read and write units of one call of each access pattern, in file order, stacked by table and index."""
    lines: list[Mapping[str, Any]] = run.summary.to_dict("records")
    names = [line["pattern"] for line in lines]
    arms = _by_arm(run.arms.to_dict("records"), names)
    totals = np.sum([*arms.values(), np.zeros(len(names))], axis=0)
    ax = ax if ax is not None else new_axes(9, 1.4 + 0.34 * len(names))
    edge = _edge(totals)
    _bars(ax, arms, np.minimum(1.0, edge * 1.12 / np.maximum(totals, 1e-9)))
    for place, line in enumerate(lines):
        _annotate(ax, place, line, totals[place], edge, {arm: float(units[place]) for arm, units in arms.items()})
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, edge * 1.75 or 1)
    ax.xaxis.set_major_formatter(thousands())
    _legend(ax, list(arms))
    return finish(ax, "capacity", _finding(lines, totals), x="capacity units per call, mean (RU, WU)", y="")


def _by_arm(lines: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[Arm, Any]:
    """Mean units of a call by arm, reads before writes, tables before indexes: an array over the patterns each."""
    found: dict[Arm, Any] = {}
    for line in lines:
        kind, name = line["kind"], str(line["arm"])
        arm = (kind, "table" if name.startswith("table ") else name)
        found.setdefault(arm, np.zeros(len(names)))[names.index(line["pattern"])] += line["mean_units_per_call"]
    return {arm: found[arm] for arm in sorted(found, key=lambda arm: (arm[0], arm[1] != "table"))}


def _edge(totals: Any) -> float:
    """Where the scale ends: at the largest, or before the few that are many times the next."""
    ranked = np.sort(totals)[::-1]
    for cut in range(len(ranked) // 3, 0, -1):
        if ranked[cut - 1] > OFF_SCALE * ranked[cut] > 0:
            return float(ranked[cut])
    return float(ranked.max(initial=0.0))


def _bars(ax: Axes, arms: Mapping[Arm, Any], shrink: Any) -> None:
    """The stacked bars, those beyond the edge shrunk to it."""
    left = np.zeros(len(shrink))
    for arm, units in arms.items():
        colour, hatch = _style(arm, list(arms))
        label = " ".join(arm)
        ax.barh(np.arange(len(units)), units * shrink, 0.62, left, color=colour, hatch=hatch, edgecolor=INK, lw=0.4)
        ax.containers[-1].set_label(label)
        left += units * shrink


def _style(arm: Arm, arms: Sequence[Arm]) -> tuple[str, str]:
    kind, name = arm
    if name == "table":
        return TABLE[kind], ""
    indexes = list(dict.fromkeys(name for _, name in arms if name != "table"))
    return INDEX[kind], HATCHES[1 + indexes.index(name) % (len(HATCHES) - 1)]


def _annotate(ax: Axes, place: int, line: Mapping[str, Any], total: float, edge: float, arms: dict[Arm, float]) -> None:
    """The units at the end of the bar, how many items were read for how many returned, and a tear in a cut bar."""
    if not line["calls"]:
        ax.annotate("not run: no key serves it", (0, place), (4, 0), **_BESIDE, color=FAINT, style="italic")
        return
    length = min(total, edge * 1.12)
    if total > length:
        ax.annotate("//", (edge, place), ha="center", va="center", fontsize=15, fontweight="bold", color="white")
    text = ", ".join([_units(arms), *_waste(line)])
    ax.annotate(text, (length, place), (4, 0), **_BESIDE, color=INK, fontweight="bold" if total > length else "normal")


_BESIDE: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 9}


def _units(arms: Mapping[Arm, float]) -> str:
    parts = []
    for kind, unit in UNIT.items():
        mine = {name: units for (each, name), units in arms.items() if each == kind and units}
        if mine:
            detail = " + ".join(f"{number(units)} {name}" for name, units in mine.items())
            parts.append(f"{number(sum(mine.values()))} {unit}" + (f" ({detail})" if len(mine) > 1 else ""))
    return ", ".join(parts) or "0 units"


def _waste(line: Mapping[str, Any]) -> list[str]:
    scanned, returned = line["items_scanned"], line["items_returned"]
    return [f"reads {_whole(scanned)}, returns {_whole(returned)}"] if scanned > 1 or returned < scanned else []


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else number(value)


def _legend(ax: Axes, arms: Sequence[Arm]) -> None:
    styles = {arm: _style(arm, arms) for arm in arms}
    entries = [
        Patch(facecolor=colour, hatch=hatch, edgecolor=INK, lw=0.4, label=f"{kind} units, {name}")
        for (kind, name), (colour, hatch) in styles.items()
    ]
    if entries:
        ax.legend(handles=entries, fontsize=8, frameon=False, loc="lower right", labelcolor=INK)


def _finding(lines: Sequence[Mapping[str, Any]], totals: Any) -> str:
    """The pattern that costs most, by how much, and what it reads for what it returns."""
    if not totals.any():
        return "no access pattern consumed anything"
    order = np.argsort(-totals, kind="stable")
    line, most = lines[order[0]], float(totals[order[0]])
    unit = "RU" if line["read_units"] >= line["write_units"] else "WU"
    then = float(totals[order[1]]) if len(order) > 1 else 0.0
    times = f", {most / then:,.0f} times the next" if then and most >= 2 * then else ""
    waste = (
        "".join(f": it {text}" for text in _waste(line)).replace("reads", "reads", 1).replace(", returns", " to return")
    )
    return (
        f"{line['pattern']} costs most, {number(most)} {unit} a call{times}{waste} items"
        if waste
        else (f"{line['pattern']} costs most, {number(most)} {unit} a call{times}")
    )
