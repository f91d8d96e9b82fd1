"""Charts: what each access pattern costs, and where a partition runs hot. Records in, `Axes` out.

Each chart draws into `ax` or makes a figure of its own, and returns the axes; its title is its finding. Reads are blue
and writes green throughout. What passes the limit of a partition, 3,000 read units or 1,000 write units a second, is
vermilion and hatched, and the limit is a labelled line.

Thousands of keys are ranked, the busiest first, along a logarithmic axis: the first key takes as much room as the next
two, so that one that stands alone is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workbench.capacity_chart import capacity
from workbench.items import Items
from workbench.partitions import NEW_TABLE_PARTITIONS
from workbench.partitions import item_spread as spread_of_items
from workbench.partitions import request_spread as spread_of_requests
from workbench.pictures import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    HATCH,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    alt_text,
    describe,
    finish,
    new_axes,
    new_figure,
    show,
    thousands,
)
from workbench.spreads import KINDS, LIMITS, UNIT, Floats, ItemSpread, RequestSpread, percent, rate_text

__all__ = ["alt_text", "capacity", "item_spread", "request_spread", "show", "spreads", "top_keys"]

FEW = 24  # keys that are drawn as bars with their names
BINS = 400  # steps of a ranking with more keys than that
LABEL = 22  # characters of a key's name under its bar
COLOURS = {"read": BLUE, "write": GREEN}
By = Literal["key", "partition"]


@dataclass(frozen=True)
class _Series:
    """Values of the keys to draw, of one kind; `limit` is what one partition serves, `standing_out` a bar to mark."""

    name: str
    values: Floats
    colour: str
    limit: float | None = None
    standing_out: int | None = None

    def is_hot(self, values: Floats) -> Any:
        return np.zeros(len(values), dtype=bool) if self.limit is None else values > self.limit


# Spreads


def item_spread(spread: ItemSpread, *, ax: Axes | None = None, by: By = "key") -> Axes:
    """The share of all items that each partition key has, or each simulated partition, with the even share as a line.

    A key that sticks out is orange and hatched.
    """
    ax = ax if ax is not None else new_axes(8, 3.6)
    standing_out = None if spread.is_even or not len(spread.keys) else spread.largest
    if by == "partition":
        _partitions(ax, spread, [_Series("items", 100 * spread.shares, SKY, standing_out=standing_out)])
        even, x = 100 / spread.partitions, _ring_label(spread)
    else:
        _keys(ax, spread.keys, [_Series("items", 100 * spread.shares, SKY, standing_out=standing_out)])
        even, x = 100 / max(len(spread.keys), 1), _rank_label(len(spread.keys), "largest")
    _limit(ax, even, f"even share: {percent(even / 100)}", FAINT)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.3g} %"))
    title = f"{spread.name}: {spread.finding}"
    alt = f"Items by partition {'key' if by == 'key' else ''} of {title}."
    return finish(ax, "item_spread", title, x=x, y="share of all items", alt=alt.replace("  ", " "))


def request_spread(spread: RequestSpread, *, ax: Axes | None = None, by: By = "key") -> Axes:
    """Read and write units a second of each partition key, or simulated partition, against one partition's limits."""
    ax = ax if ax is not None else new_axes(8, 3.6)
    series = [_kind_series(spread, kind) for kind in KINDS if spread.units(kind).any()]
    if by == "partition":
        _partitions(ax, spread, series)
        finding, x = _partition_finding(spread), _ring_label(spread)
    else:
        _keys(ax, spread.keys, series)
        _name_hottest(ax, spread)
        finding, x = spread.finding, _rank_label(len(spread.keys), "busiest")
    for each in series:
        unit = f"{each.limit:,.0f} {'RU' if each.name == 'read' else 'WU'}/s"
        _limit(ax, each.limit or 0.0, f"{unit}: all that one partition {each.name}s", each.colour)
    _legend(ax, series)
    ax.yaxis.set_major_formatter(thousands())
    title = f"{spread.name}: {finding}"
    return finish(ax, "request_spread", title, x=x, y=f"units per second, at {spread.at} rate")


def _kind_series(spread: RequestSpread, kind: Any) -> _Series:
    hot = spread.hottest(kind)
    place = spread.keys.index(hot.key) if hot else None
    return _Series(kind, spread.units(kind), COLOURS[kind], LIMITS[kind], place)


def _rank_label(keys: int, most: str) -> str:
    return f"{keys:,} partition keys, the {most} first" + ("" if keys <= FEW else " (rank, log scale)")


def _ring_label(spread: ItemSpread | RequestSpread) -> str:
    ring = "by the hash that DynamoDB seems to use" if spread.hash_seed is None else f"hash seed {spread.hash_seed}"
    return f"{spread.partitions:,} simulated partitions: equal ranges of the hash ring, {ring}"


def _keys(ax: Axes, keys: Sequence[str], series: Sequence[_Series]) -> None:
    if len(keys) <= FEW:
        _named_bars(ax, keys, series)
    else:
        _ranking(ax, len(keys), series)


def _named_bars(ax: Axes, keys: Sequence[str], series: Sequence[_Series]) -> None:
    """A bar for each key with its name below, the key nearest to a limit (or with most) first."""
    if not series:
        return
    most = np.max([each.values / (each.limit or 1) for each in series], axis=0)
    order = np.argsort(-most, kind="stable")
    width = 0.8 / len(series)
    for place, each in enumerate(series):
        left = np.arange(len(keys)) - 0.4 + place * width
        bars = ax.bar(left, each.values[order], width, align="edge", color=each.colour, label=each.name)
        marked = order == each.standing_out if each.limit is None else each.is_hot(each.values[order])
        _mark([bar for bar, is_marked in zip(bars, marked, strict=True) if is_marked], each)
    names = [_short(keys[i]) for i in order.tolist()]
    slanted = sum(map(len, names)) > 60
    ax.set_xticks(range(len(names)), names, rotation=30 if slanted else 0, ha="right" if slanted else "center")


def _ranking(ax: Axes, keys: int, series: Sequence[_Series]) -> None:
    """Each series' values, the largest first, as steps along a logarithmic axis of ranks."""
    edges = np.unique(np.geomspace(1, keys + 1, BINS).round()) if keys > BINS else np.arange(1.0, keys + 2)
    starts = edges[:-1].astype(np.int64) - 1
    for each in series:
        ranked = np.sort(each.values)[::-1]
        means = np.add.reduceat(ranked, starts) / np.diff(edges)
        steps = ax.stairs(means, edges, fill=True, color=each.colour, alpha=0.45, label=each.name)
        steps.set_gid(each.name)
        ax.stairs(means, edges, color=each.colour, linewidth=1.6)
        marked = np.arange(len(means)) == 0 if each.limit is None else each.is_hot(means)
        if marked.any() and each.standing_out is not None:
            _mark([ax.stairs(means[marked], edges[: marked.sum() + 1], fill=True)], each)
    ax.set_xscale("log")
    ax.set_xlim(1, keys + 1)
    ax.xaxis.set_major_formatter(thousands())


def _mark(artists: Sequence[Any], series: _Series) -> None:
    """What passes a limit, or sticks out, in a warning colour and hatched: never by colour alone."""
    for artist in artists:
        artist.set(facecolor=VERMILION if series.limit else ORANGE, edgecolor=INK, hatch=HATCH, linewidth=0.8)


def _partitions(ax: Axes, spread: ItemSpread | RequestSpread, series: Sequence[_Series]) -> None:
    """A bar for each simulated partition, the part of the hottest key hatched at its foot."""
    width = 0.8 / max(len(series), 1)
    for place, each in enumerate(series):
        left = np.arange(spread.partitions) - 0.4 + place * width
        totals = np.bincount(spread.placed, each.values, minlength=spread.partitions)
        bars = ax.bar(left, totals, width, align="edge", color=each.colour, label=each.name)
        _mark([bar for bar, is_hot in zip(bars, each.is_hot(totals), strict=True) if is_hot], each)
        if each.standing_out is not None:
            _foot(ax, spread, each, left, width)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _foot(ax: Axes, spread: ItemSpread | RequestSpread, series: _Series, left: Floats, width: float) -> None:
    """The hottest key's part of its partition's bar, outlined and named."""
    key = series.standing_out or 0
    partition, value = int(spread.placed[key]), float(series.values[key])
    ax.bar(left[partition], value, width, align="edge", fill=False, edgecolor=INK, hatch="...", linewidth=1.2)
    share = percent(value / max(float(series.values.sum()), 1e-300))
    text = f"{_short(spread.keys[key])}\n{share}"
    at = (left[partition] + width / 2, value)
    ax.annotate(text, at, (0, 3), textcoords="offset points", ha="center", fontsize=8, color=INK, bbox=_PAPER)


_PAPER: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}


def _partition_finding(spread: RequestSpread) -> str:
    used = spread.by_partition()["utilisation"].to_numpy()
    if not used.any():
        return spread.finding
    busiest = int(used.argmax())
    times = f"{used[busiest]:,.1f} times" if used[busiest] >= 1 else f"{percent(used[busiest])} of"
    return f"partition {busiest} of {spread.partitions:,} gets {times} what it serves; {spread.finding}"


def _name_hottest(ax: Axes, spread: RequestSpread) -> None:
    """The name and share of the hottest key beside its step, where keys are too many to be named below."""
    hot = spread.hottest()
    if hot is None or len(spread.keys) <= FEW or spread.is_even:
        return
    idle = int((spread.units(hot.kind) == 0).sum())
    rest = f"\nthe other {idle:,} keys: no {hot.kind}s" if idle == len(spread.keys) - 1 else ""
    text = f"{_short(hot.key)}: {percent(hot.share)} of {hot.kind}s{rest}"
    where: dict[str, Any] = {"textcoords": "offset points", "va": "top", "fontsize": 9, "color": INK}
    ax.annotate(text, (2, hot.units_per_s), (8, -2), bbox=_PAPER, **where)


def _limit(ax: Axes, value: float, text: str, colour: str) -> None:
    """A labelled line across, with room above it."""
    ax.axhline(value, color=colour, linestyle="--", linewidth=1.3, label="_limit")
    where: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": 8}
    ax.annotate(text, (1, value), (-2, 2), xycoords=("axes fraction", "data"), color=INK, **where)
    tallest = max([value, *(bar.get_height() for bar in ax.patches if hasattr(bar, "get_height"))])
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.2 * tallest))


def _legend(ax: Axes, series: Sequence[_Series]) -> None:
    entries = [Patch(color=s.colour, label=f"{s.name} units ({'RU' if s.name == 'read' else 'WU'})") for s in series]
    if any(s.is_hot(s.values).any() for s in series):
        entries.append(Patch(facecolor=VERMILION, edgecolor=INK, hatch=HATCH, label="more than one partition serves"))
    if entries:
        ax.legend(handles=entries, fontsize=8, frameon=False, loc="upper right", labelcolor=INK)


def _short(key: str) -> str:
    return key if len(key) <= LABEL else f"{key[: LABEL - 9]}…{key[-8:]}"


# Keys by name


def top_keys(spread: ItemSpread | RequestSpread, *, ax: Axes | None = None, n: int = 10) -> Axes:
    """The `n` partition keys with most items, or most of the units nearest to their limit, by access pattern."""
    ax = ax if ax is not None else new_axes(8, 1.5 + 0.32 * min(n, max(len(spread.keys), 1)))
    if isinstance(spread, ItemSpread):
        return _top_items(spread, ax, n)
    hot = spread.hottest()
    kind = hot.kind if hot else "read"
    units = spread.units(kind)
    order = np.argsort(-units, kind="stable")[:n]
    order = order[units[order] > 0]
    _stacked(ax, [(name, values[order]) for name, values in _pattern_units(spread, kind)])
    total = max(float(units.sum()), 1e-300)
    texts = [f"{percent(units[i] / total)}, {rate_text(float(units[i]))} {UNIT[kind]}/s" for i in order.tolist()]
    _name_rows(ax, [spread.keys[i] for i in order.tolist()], units[order], texts)
    _limit_across(ax, LIMITS[kind], f"{LIMITS[kind]:,} {UNIT[kind]}/s: one partition", float(units.max(initial=0.0)))
    who = f", mostly by {hot.pattern}" if hot and hot.pattern_share < 1 else f", by {hot.pattern}" if hot else ""
    title = f"{spread.name}: {spread.finding}{who}"
    return finish(ax, "top_keys", title, x=f"{kind} units per second, at {spread.at} rate", y="")


def _top_items(spread: ItemSpread, ax: Axes, n: int) -> Axes:
    order = np.argsort(-spread.items, kind="stable")[:n]
    ax.barh(range(len(order)), spread.items[order], 0.66, color=SKY, edgecolor=INK, linewidth=0.4)
    texts = [f"{percent(spread.shares[i])}, {spread.items[i]:,} items" for i in order.tolist()]
    _name_rows(ax, [spread.keys[i] for i in order.tolist()], spread.items[order], texts)
    return finish(ax, "top_keys", f"{spread.name}: {spread.finding}", x="items", y="")


def _pattern_units(spread: RequestSpread, kind: Any) -> list[tuple[str, Floats]]:
    """Units of each key by access pattern, the four largest by name and the others together."""
    each = []
    for load in (load for load in spread.loads if load.kind == kind):
        values = np.zeros(len(spread.keys))
        values[load.keys] = load.units
        each.append((load.pattern, values))
    each.sort(key=lambda named: -float(named[1].sum()))
    others = [values for _, values in each[4:]]
    return each[:4] + ([("others", np.sum(others, axis=0))] if others else [])


_PATTERNS = ((BLUE, ""), (ORANGE, "///"), (PURPLE, "..."), (YELLOW, "xxx"), (GREY, ""))


def _stacked(ax: Axes, parts: Sequence[tuple[str, Floats]]) -> None:
    left = np.zeros(len(parts[0][1]) if parts else 0)
    for (name, values), (colour, hatch) in zip(parts, _PATTERNS, strict=False):
        ax.barh(range(len(values)), values, 0.66, left, color=colour, hatch=hatch, edgecolor=INK, lw=0.4, label=name)
        left = left + values
    if parts:
        ax.legend(fontsize=8, frameon=False, loc="lower right", labelcolor=INK)


def _name_rows(ax: Axes, keys: Sequence[str], values: Any, texts: Sequence[str]) -> None:
    """Keys down the side, and beside each bar what it says."""
    ax.set_yticks(range(len(keys)), [_short(key) for key in keys])
    ax.set_ylim(len(keys) - 0.4, -0.6)
    ax.set_xlim(0, 1.4 * max(float(np.max(values, initial=0.0)), 1e-9))
    ax.xaxis.set_major_formatter(thousands())
    for place, (value, text) in enumerate(zip(values, texts, strict=True)):
        where: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8, "color": INK}
        ax.annotate(text, (float(value), place), (4, 0), **where)


def _limit_across(ax: Axes, value: float, text: str, most: float) -> None:
    """The limit as a line upright, unless all stays so far below that it would leave nothing to see."""
    if value > 4 * most:
        ax.annotate(f"{text} (beyond the edge)", (1, 1), (-2, -2), xycoords="axes fraction", ha="right", va="top",
                    textcoords="offset points", fontsize=8, color=INK)  # fmt: skip
        return
    ax.axvline(value, color=VERMILION, linestyle="--", linewidth=1.3, label="_limit")
    ax.annotate(text, (value, 1), (-3, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="right", va="top", fontsize=8, color=INK, rotation=90)  # fmt: skip
    ax.set_xlim(0, max(ax.get_xlim()[1], 1.15 * value))


# All tables


def spreads(
    items: Items,
    *,
    tables: Sequence[str] | None = None,
    partitions: int = NEW_TABLE_PARTITIONS,
    at: Literal["peak", "rate"] = "peak",
) -> Figure:
    """One figure: for each table, and each of its global indexes, the item spread left and the request spread right.

    The panels of a column share their scale, so that tables can be compared.
    """
    names = list(items.design.tables) if tables is None else list(tables)
    rings = [(table, index) for table in names for index in (None, *items.design.tables[table].gsi)]
    pairs = [
        (
            spread_of_items(items, table, index, partitions=partitions),
            spread_of_requests(items, table, index, partitions=partitions, at=at),
        )
        for table, index in rings
    ]
    figure = new_figure(13, 0.6 + 3.4 * len(pairs))
    grid = figure.subplots(len(pairs), 2, squeeze=False, sharey="col")
    for row, (left, right) in zip(grid, pairs, strict=True):
        item_spread(left, ax=row[0])
        request_spread(right, ax=row[1])
    finding = _finding_of(pairs)
    figure.suptitle(finding, fontsize=13, fontweight="bold", color=INK, x=0.01, ha="left")
    each = "; ".join(text for pair in pairs for text in (pair[0].summary_line(), f"{pair[1].name}, {pair[1].finding}"))
    describe(figure, "spreads", f"{finding}. {each}.")
    return figure


def _finding_of(pairs: Sequence[tuple[ItemSpread, RequestSpread]]) -> str:
    """The hottest of all keys, and whether the items of its table gave it away."""
    items, requests = max(pairs, key=lambda pair: pair[1].utilisation)
    hot = requests.hottest()
    if hot is None:
        return "no access pattern has a rate: only items can be shown"
    though = f"{items.name}: items lie evenly, yet " if items.is_even and not requests.is_even else ""
    return f"{though}{hot}" if though else f"{requests.name}: {requests.finding}"
