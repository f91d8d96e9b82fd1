"""Charts of money: what each access pattern costs, when provisioned capacity pays, which table class, what spikes cost.

Costs of reads are blue, of writes green, of what is there without any request orange and hatched. A design that is
compared with others has a colour and a hatch of its own, in the order of the legend.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, PercentFormatter

from workbench.costs import REQUESTS, Cost
from workbench.pictures import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    WARNING_HATCH,
    YELLOW,
    beside_bars,
    check_given,
    finish,
    new_axes,
)
from workbench.prices import Prices, load_prices
from workbench.prices import breakeven as same_price
from workbench.results import usd

if TYPE_CHECKING:
    from workbench.comparison import Comparison, Side
    from workbench.spending import Spending
    from workbench.spikes import Spike

ROWS = 14  # bars of a chart; what is left is one more
SIDES = ((BLUE, ""), (ORANGE, "///"), (GREEN, "..."), (PURPLE, "xxx"), (YELLOW, "\\\\"), (SKY, "++"))
Bar = tuple[str, float, str]  # label, US dollars a month, kind


def dollars() -> FuncFormatter:
    """US dollars on an axis."""
    return FuncFormatter(lambda value, _: f"${value:,.10g}")


def _patch(colour: str, hatch: str, label: str) -> Patch:
    return Patch(facecolor=colour, hatch=hatch, edgecolor=INK, linewidth=0.4, label=label)


_KINDS = {"reads": (BLUE, ""), "writes": (GREEN, ""), "without any request": (ORANGE, WARNING_HATCH)}


def cost(cost: Cost, *, ax: Axes | None = None) -> Axes:
    """US dollars a month of each access pattern, and of storage and the rest by table; the dearest first."""
    check_given(cost, Cost, "wb.estimate_cost(design)")
    bars = sorted(_bars(cost), key=lambda bar: -bar[1])
    shown = bars[:ROWS] + _others(bars[ROWS:])
    ax = ax if ax is not None else new_axes(9, 1.7 + 0.32 * max(len(shown), 3))
    for place, (_, amount, kind) in enumerate(shown):
        colour, hatch = _KINDS[kind]
        ax.barh(place, max(amount, 0), 0.66, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.4)
    whole = cost.usd or 1.0
    beside_bars(ax, [max(bar[1], 0) for bar in shown], [f"{usd(bar[1])}, {bar[1] / whole:.1%}" for bar in shown])
    ax.set_yticks(range(len(shown)), [bar[0] for bar in shown])
    ax.set_ylim(max(len(shown), 3) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(dollars())
    kinds = dict.fromkeys(bar[2] for bar in shown)
    legend = [_patch(*_KINDS[kind], kind) for kind in _KINDS if kind in kinds]
    x = f"US dollars a month, {cost.prices.region} prices of {cost.prices.date}"
    return finish(ax, "cost", _cost_finding(cost, bars), x=x, y="", legend=legend)


def _bars(cost: Cost) -> list[Bar]:
    kinds = {line.pattern.name: f"{line.kind}s" for line in cost.expected.lines}
    bars: list[Bar] = [
        (name, amount, kinds[name]) for name in kinds if (amount := cost.sum(pattern=name)) or _has_rate(cost, name)
    ]
    rest: dict[str, float] = {}
    for line in cost.lines:
        if not line.pattern:
            what = f"{line.line}, unused" if line.line in REQUESTS else line.line
            label = f"{what}, {line.table}" if line.table else what
            rest[label] = rest.get(label, 0.0) + line.usd
    return bars + [(label, amount, "without any request") for label, amount in rest.items()]


def _has_rate(cost: Cost, name: str) -> bool:
    pattern = cost.design.access_patterns[name]
    return pattern.rate is not None and pattern.unserved is None


def _others(bars: Sequence[Bar]) -> list[Bar]:
    return [(f"{len(bars)} others", sum(bar[1] for bar in bars), bars[0][2])] if bars else []


def _cost_finding(cost: Cost, bars: Sequence[Bar]) -> str:
    if not cost.usd:
        return f"{cost.design.name}: nothing that is estimated costs anything"
    label, amount, _ = bars[0]
    return f"{cost.design.name} costs {usd(cost.usd)} a month: {label} alone {usd(amount)}, {amount / cost.usd:.0%}"


# Capacity modes


def breakeven(source: "Cost | Prices | None" = None, *, ax: Axes | None = None) -> Axes:
    """What a unit costs by how much of it is used: on demand, provisioned, reserved; and where a design stands.

    Of a cost, the points are the tables and indexes, each at the share of a capacity that holds its peak which its mean
    uses: left of the crossing on demand is cheaper.
    """
    prices = source.prices if isinstance(source, Cost) else load_prices(source)
    at = same_price(prices["STANDARD.write_unit_hour"], prices["STANDARD.write_requests_million"])
    ax = ax if ax is not None else new_axes(9, 4.6)
    used = np.linspace(0, 1, 101)
    ax.plot(used, used / at, color=BLUE, linewidth=2)
    where: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "fontsize": SMALL, "color": INK}
    ax.annotate("on demand", (0.8, 0.8 / at), (-8, 6), **where)
    _level(ax, "provisioned", 1.0, at, "-")
    for term, style in (("one_year", "--"), ("three_years", ":")):
        _level(ax, f"{term.replace('_', ' ')} reserved", 1 - prices[f"reserved.{term}"], at, style)
    points = _points(source) if isinstance(source, Cost) else []
    _mark(ax, points, at)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1 / at * 1.05)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    x, y = "share of the provisioned capacity that is used, on average", "price of the same load, provisioned = 1"
    return finish(ax, "breakeven", _breakeven_finding(at, points), x=x, y=y)


def _level(ax: Axes, name: str, level: float, at: float, style: str) -> None:
    """A capacity that is paid whether it is used or not, and where it meets on demand."""
    crossing = level * at
    ax.axhline(level, color=GREEN, linewidth=2, linestyle=style)
    where: dict[str, Any] = {"textcoords": "offset points", "fontsize": SMALL, "color": INK, "bbox": PAPER}
    ax.annotate(name, (1, level), (-4, 4), ha="right", va="bottom", **where)
    ax.plot([crossing], [level], "o", color=VERMILION, markersize=7, zorder=5)
    ax.annotate(f"{crossing:.1%}", (crossing, level), (-6, 5), ha="right", va="bottom", fontweight="bold", **where)


def _points(cost: Cost) -> list[tuple[str, float]]:
    """Each table and index that has a load: its name with its kind, and mean over the capacity that holds its peak."""
    return [(_name(s), s.mean / s.peak_units) for s in cost.capacity if s.mean > 0]


def _name(spent: "Spending") -> str:
    return f"{spent.kind}s of {spent.index or spent.table}"


def _mark(ax: Axes, points: Sequence[tuple[str, float]], at: float) -> None:
    """The design's loads on the line of on demand, at most eight labels; those that lie together share one."""
    where: dict[str, Any] = {
        "textcoords": "offset points",
        "fontsize": SMALL,
        "color": INK,
        "bbox": PAPER,
        "va": "center",
    }
    for group in _near(sorted(points, key=lambda point: point[1]))[:8]:
        names, shares = [name for name, _ in group], [used for _, used in group]
        ax.plot(shares, [used / at for used in shares], "D", color=ORANGE, markeredgecolor=INK, clip_on=False, zorder=6)
        low, high = (f"{used:.0%}" for used in (shares[0], shares[-1]))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        text = f"{', '.join(names[:3])}{more}: {low if low == high else f'{low} to {high}'}"
        right = shares[-1] < 0.6
        side: dict[str, Any] = {"xytext": (10, -9) if right else (-10, 2), "ha": "left" if right else "right"}
        ax.annotate(text, (shares[-1 if right else 0], shares[-1 if right else 0] / at), **side, **where)


def _near(points: Sequence[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """The points in groups whose labels would lie upon each other, each within six hundredths."""
    groups: list[list[tuple[str, float]]] = []
    for point in points:
        if groups and point[1] - groups[-1][0][1] < 0.06:
            groups[-1].append(point)
        else:
            groups.append([point])
    return groups


def _breakeven_finding(at: float, points: Sequence[tuple[str, float]]) -> str:
    text = f"on demand is cheaper below {at:.1%} utilisation"
    below = [name for name, used in points if used < at]
    if not points:
        return text
    if len(below) == len(points):
        return f"{text}; all loads of the design are below, where capacity must hold their peak"
    return f"{text}; {', '.join(below[:3])} are below" if below else f"{text}; no load of the design is below"


# Table classes


def table_classes(cost: Cost, *, ax: Axes | None = None) -> Axes:
    """US dollars a month of each table in the Standard and in the Infrequent Access class."""
    rows = cost.classes.to_dict("records")[:ROWS]
    ax = ax if ax is not None else new_axes(9, 1.8 + 0.62 * max(len(rows), 2))
    series = {"Standard": "standard_usd_per_month", "Standard-IA": "ia_usd_per_month"}
    _grouped(
        ax, [str(row["table"]) for row in rows], {n: [float(row[key]) for row in rows] for n, key in series.items()}
    )
    ax.xaxis.set_major_formatter(dollars())
    legend = [_patch(*style, name) for style, name in zip(SIDES, series, strict=False)]
    return finish(ax, "table_classes", _class_finding(rows), x="US dollars a month", y="", legend=legend)


def _class_finding(rows: Sequence[Mapping[Any, Any]]) -> str:
    better = [row for row in rows if row["saves_usd_per_month"] > 0.005]
    if not better:
        return "every table is in the cheaper class"
    best = max(better, key=lambda row: row["saves_usd_per_month"])
    other = "Standard-IA" if best["cheaper"] != "STANDARD" else "Standard"
    return f"{best['table']} would cost {usd(best['saves_usd_per_month'])} a month less as {other}"


def _grouped(ax: Axes, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> None:
    """Groups of bars, one for each label, with a bar of each series; nothing where there is no number."""
    height = 0.8 / len(series)
    places, ends, texts = [], [], []
    for i, (values, (colour, hatch)) in enumerate(zip(series.values(), SIDES, strict=False)):
        for row, value in enumerate(values):
            place = row - 0.4 + height * (i + 0.5)
            ax.barh(
                place,
                0 if isnan(value) else value,
                0.9 * height,
                color=colour,
                hatch=hatch,
                edgecolor=INK,
                linewidth=0.4,
            )
            places.append(place)
            ends.append(0.0 if isnan(value) else value)
            texts.append("none known" if isnan(value) else usd(value))
    beside_bars(ax, ends, texts)
    for place, text in zip(places, ax.texts[-len(texts) :], strict=True):
        text.xy = (text.xy[0], place)  # type: ignore[attr-defined]  # bars of a group stand closer than rows
    ax.set_yticks(range(len(labels)), list(labels))
    ax.set_ylim(max(len(labels), 2) - 0.4, -0.6)


# Spikes


def spike(spike: "Spike", *, ax: Axes | None = None) -> Axes:
    """US dollars of a mean hour, the worst hour and a retry storm: as the design states its capacity, and on demand."""
    ax = ax if ax is not None else new_axes(9, 3.6)
    series = {"on demand": [hour.on_demand_usd for hour in spike.hours]}
    if any(hour.usd != hour.on_demand_usd for hour in spike.hours):
        series = {"as designed": [hour.usd for hour in spike.hours], **series}
    _grouped(ax, [hour.hour.replace(", ", ",\n") for hour in spike.hours], series)
    ax.xaxis.set_major_formatter(dollars())
    legend = [_patch(*style, name) for style, name in zip(SIDES, series, strict=False)] if len(series) > 1 else []
    return finish(ax, "spike", _spike_finding(spike), x="US dollars for one hour", y="", legend=legend)


def _spike_finding(spike: "Spike") -> str:
    mean, worst, storm = spike.hours
    times = f"{spike.times:,.0f} times a mean hour" if spike.times > 1.05 else "as a mean hour"
    text = f"the worst hour costs {usd(worst.usd)}, a retry storm {usd(storm.usd)}, {times}"
    if storm.refused_units_per_s:
        text += f"; {storm.refused_units_per_s:,.0f} units a second are refused"
    return text if mean.usd else "an hour costs nothing that is estimated"


# Comparison


def comparison(comparison: "Comparison", *, ax: Axes | None = None) -> Axes:
    """US dollars a month of each access pattern in each design; those that only some have say so."""
    names = _dearest(comparison)
    sides = comparison.sides[: len(SIDES)]
    ax = ax if ax is not None else new_axes(9, 1.9 + (0.2 + 0.24 * len(sides)) * max(len(names), 2))
    series = {side.label: [_amount(side, name) for name in names] for side in sides}
    _grouped(ax, names, series)
    ax.xaxis.set_major_formatter(dollars())
    legend = [_patch(*style, side.label) for style, side in zip(SIDES, sides, strict=False)]
    return finish(ax, "comparison", _comparison_finding(comparison), x="US dollars a month", y="", legend=legend)


def _amount(side: "Side", name: str) -> float:
    return side.lines[name]["usd_per_month"] if name in side.lines else float("nan")


def _dearest(comparison: "Comparison") -> list[str]:
    """The access patterns of which some design knows the cost: those that all have first, then the dearest."""
    most = {
        name: max((amount for side in comparison.sides if not isnan(amount := _amount(side, name))), default=-1.0)
        for name in comparison.names
    }
    return sorted((n for n in most if most[n] >= 0), key=lambda n: (n not in comparison.common, -most[n]))[:ROWS]


def _comparison_finding(comparison: "Comparison") -> str:
    if comparison.is_equal:
        return "the designs agree in every number"
    if not comparison.common:
        return "the designs have no access pattern in common"
    costs = {side.label: comparison.common_usd(side) for side in comparison.sides}
    least, most = min(costs, key=costs.__getitem__), max(costs, key=costs.__getitem__)
    count = len(comparison.common)
    shared = f"the {count} access patterns that all have" if count > 1 else "the one access pattern that all have"
    if costs[most] - costs[least] < 0.005:
        return f"{shared} cost the same, {usd(costs[least])} a month"
    return f"{shared} cost {usd(costs[least])} a month in {least}, {usd(costs[most])} in {most}"
