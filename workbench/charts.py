"""Charts: what each access pattern costs, where a partition runs hot, and when. Records in, `Axes` out.

Each chart draws into `ax` or makes a figure of its own, and returns the axes; its title is its finding, and `alt_text`
gives it with the rest in words. Reads are blue and writes green; what passes the limit of a partition is vermilion and
hatched, or outlined where hatches tell patterns apart. `show` puts a chart into a notebook together with its alt text.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from workbench.capacity_chart import capacity
from workbench.columns import Floats
from workbench.cost_charts import breakeven, comparison, cost, spike, table_classes
from workbench.heat_chart import heat
from workbench.items import Items
from workbench.load import Kind
from workbench.partitions import NEW_TABLE_PARTITIONS
from workbench.partitions import item_spread as spread_of_items
from workbench.partitions import request_spread as spread_of_requests
from workbench.pictures import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    WARNING_HATCH,
    YELLOW,
    alt_text,
    beside_bars,
    describe,
    finish,
    new_axes,
    new_figure,
    show,
    thousands,
    wrapped,
)
from workbench.proof_chart import proofs
from workbench.results import percent
from workbench.scoreboard_chart import scoreboard
from workbench.simulation_charts import partitions, throttling
from workbench.spread_charts import item_spread, request_spread, short
from workbench.spreads import LIMITS, UNIT, ItemSpread, RequestSpread, rate_text

__all__ = [
    "alt_text",
    "breakeven",
    "capacity",
    "comparison",
    "cost",
    "heat",
    "item_spread",
    "partitions",
    "proofs",
    "request_spread",
    "scoreboard",
    "show",
    "spike",
    "spreads",
    "table_classes",
    "throttling",
    "top_keys",
]

PATTERNS = ((BLUE, ""), (SKY, "///"), (PURPLE, "..."), (YELLOW, "xxx"), (GREY, ""))  # the last for all others
SUPTITLE = 122  # characters of a line over a figure
ROWS = 8  # of a figure that compares tables and indexes

Pair = tuple[ItemSpread, RequestSpread]


# Keys by name


def top_keys(spread: ItemSpread | RequestSpread, *, ax: Axes | None = None, n: int = 10) -> Axes:
    """The `n` partition keys with most items, or with most of the units nearest to their limit, by access pattern."""
    return _top_items(spread, ax, n) if isinstance(spread, ItemSpread) else _top_requests(spread, ax, n)


def _top_items(spread: ItemSpread, ax: Axes | None, n: int) -> Axes:
    order = np.argsort(-spread.items, kind="stable")[:n].tolist()
    ax = ax if ax is not None else _axes_for(len(order))
    bars = ax.barh(range(len(order)), spread.items[order], 0.66, color=SKY, edgecolor=INK, linewidth=0.4)
    for place, i in enumerate(order):
        if not spread.is_even and spread.items[i] == spread.items[spread.largest]:
            bars[place].set(facecolor=ORANGE, hatch=WARNING_HATCH)
    texts = [f"{percent(float(spread.shares[i]))}, {spread.items[i]:,} items" for i in order]
    _rows(ax, [spread.keys[i] for i in order], spread.items[order], texts)
    return finish(ax, "top_keys", f"{spread.name}: {spread.finding}", x="items", y="")


def _axes_for(rows: int) -> Axes:
    return new_axes(8, 1.8 + 0.32 * max(rows, 3))


def _top_requests(spread: RequestSpread, ax: Axes | None, n: int) -> Axes:
    hot = spread.hottest()
    kind: Kind = hot.kind if hot else "read"
    units, unit = spread.units(kind), f"{UNIT[kind]}/s"
    order = [i for i in np.argsort(-units, kind="stable")[:n].tolist() if units[i]]
    ax = ax if ax is not None else _axes_for(len(order))
    parts = [(name, values[order]) for name, values in _by_pattern(spread, kind) if values[order].any()]
    _stack(ax, parts)
    _rows(ax, [spread.keys[i] for i in order], units[order], [_text(float(units[i]), units.sum(), kind) for i in order])
    legend = [*_pattern_legend(parts), *_warn(ax, units[order], LIMITS[kind])]
    served = f"one partition serves {LIMITS[kind]:,} {unit}"
    x = f"{kind} units per second ({unit}), at {spread.at}"
    x += "" if _limit(ax, LIMITS[kind], served, float(units.max(initial=0.0))) else f"; {served}"
    who = f", {'mostly ' * (hot.pattern_share < 1)}by {hot.pattern}" if hot else ""
    return finish(ax, "top_keys", f"{spread.name}: {spread.finding}{who}", x=x, y="", legend=legend)


def _text(units: float, total: float, kind: Kind) -> str:
    times = f", {units / LIMITS[kind]:,.1f} times one partition" if units > LIMITS[kind] else ""
    return f"{percent(units / max(float(total), 1e-300))}, {rate_text(units)} {UNIT[kind]}/s{times}"


def _warn(ax: Axes, values: Floats, limit: float) -> list[Patch]:
    """A heavy outline around what passes the limit, and its entry in the legend; hatches are those of patterns."""
    style: dict[str, Any] = {"fill": False, "edgecolor": VERMILION, "label": "more than one partition serves"}
    over = np.flatnonzero(values > limit)
    if not len(over):
        return []
    ax.barh(over, values[over], 0.72, linewidth=3.5, **style)
    return [Patch(linewidth=2.5, **style)]


def _by_pattern(spread: RequestSpread, kind: Kind) -> list[tuple[str, Floats]]:
    """Units of each key by access pattern, the four largest by name and the others together."""
    each = []
    for load in (load for load in spread.loads if load.kind == kind):
        values = np.zeros(len(spread.keys))
        values[load.keys] = load.units
        each.append((load.pattern, values))
    each.sort(key=lambda named: -float(named[1].sum()))
    named, others = each[: len(PATTERNS) - 1], [values for _, values in each[len(PATTERNS) - 1 :]]
    return named + ([("others", np.sum(others, axis=0))] if others else [])


def _stack(ax: Axes, parts: Sequence[tuple[str, Floats]]) -> None:
    left: Any = 0.0
    for (name, values), (colour, hatch) in zip(parts, PATTERNS, strict=False):
        style: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": INK, "linewidth": 0.4}
        ax.barh(range(len(values)), values, 0.66, left, label=name, **style)
        left = left + values


def _pattern_legend(parts: Sequence[tuple[str, Floats]]) -> list[Patch]:
    return [
        Patch(facecolor=colour, hatch=hatch, edgecolor=INK, linewidth=0.4, label=name)
        for (name, _), (colour, hatch) in zip(parts, PATTERNS, strict=False)
    ]


def _rows(ax: Axes, keys: Sequence[str], values: Any, texts: Sequence[str]) -> None:
    """Keys down the side, and beside each bar what it says."""
    beside_bars(ax, [float(value) for value in values], texts)
    ax.set_yticks(range(len(keys)), [short(key) for key in keys])
    ax.set_ylim(max(len(keys), 3) - 0.3, -0.6)
    ax.xaxis.set_major_formatter(thousands())


def _limit(ax: Axes, value: float, text: str, most: float) -> bool:
    """The limit as a line upright; none, where all stays so far below it that nothing would be seen."""
    if value > 4 * most:
        return False
    ax.axvline(value, color=VERMILION, linestyle="--", linewidth=1.4, label="_limit")
    ax.set_xlim(0, max(ax.get_xlim()[1], 1.06 * value))
    style: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": SMALL, "color": INK, "bbox": PAPER}
    where = ("data", "axes fraction")
    ax.annotate(text, (value, 0), (-4, 4), xycoords=where, textcoords="offset points", **style)
    return True


# All tables


def spreads(
    items: Items,
    *,
    tables: Sequence[str] | None = None,
    partitions: int = NEW_TABLE_PARTITIONS,
    at: Literal["peak", "rate"] = "peak",
) -> Figure:
    """One figure: for each table, and each of its global indexes, the item spread left and the request spread right.

    At most eight rows, then those whose hottest key is nearest to a limit. Request spreads share their scale.
    """
    names = list(items.design.tables) if tables is None else list(tables)
    rings = [(table, index) for table in names for index in (None, *items.design.tables[table].gsi)]
    pairs: list[Pair] = [
        (
            spread_of_items(items, table, index, partitions=partitions),
            spread_of_requests(items, table, index, partitions=partitions, at=at),
        )
        for table, index in rings
    ]
    shown = sorted(sorted(range(len(pairs)), key=lambda i: -pairs[i][1].utilisation)[:ROWS])
    return _compared([pairs[i] for i in shown], len(pairs))


def _compared(pairs: Sequence[Pair], of: int) -> Figure:
    figure = new_figure(13, 0.4 + 3.5 * len(pairs))
    grid = figure.subplots(len(pairs), 2, squeeze=False)
    for row, (left, right) in zip(grid, pairs, strict=True):
        item_spread(left, ax=row[0])
        request_spread(right, ax=row[1])
    highest = max(ax.get_ylim()[1] for ax in grid[:, 1])
    for ax in grid[:, 1]:
        ax.set_ylim(0, highest)
    finding = _finding(pairs) + (f" ({len(pairs)} of {of} tables and indexes shown)" if of > len(pairs) else "")
    if len(pairs) > 1:
        figure.suptitle(wrapped(finding, SUPTITLE), fontsize=13, fontweight="bold", color=INK, x=0.01, ha="left")
    each = [f"{items.name}: {items.finding}; {requests.finding}." for items, requests in pairs]
    describe(figure, "spreads", " ".join([*([f"{finding}."] if len(pairs) > 1 else []), *each]))
    return figure


def _finding(pairs: Sequence[Pair]) -> str:
    """The hottest of all keys, and whether the items of its table gave it away."""
    items, requests = max(pairs, key=lambda pair: pair[1].utilisation)
    if items.is_even and not requests.is_even:
        return f"{items.name}: items lie evenly, yet {requests.finding}"
    return f"{requests.name}: {requests.finding}"
