"""The charts of spreads: what each partition key holds, and what is asked of it against what one partition serves.

Read and write units stand on one scale on which their limits, 3,000 and 1,000 a second, are the same height: left it is
labelled in write units, right in read units, and one line is the limit of both. What passes it is vermilion and
hatched.

Thousands of keys are ranked, the busiest first, along a logarithmic axis: the first key takes as much room as the next
two, so that one that stands alone is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, StepPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workbench.columns import Floats
from workbench.load import Kind
from workbench.pictures import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    SKY,
    SMALL,
    VERMILION,
    WARNING_HATCH,
    check_given,
    finish,
    new_axes,
    thousands,
)
from workbench.results import percent
from workbench.spreads import KINDS, LIMITS, UNIT, ItemSpread, RequestSpread, rate_text

FEW = 24  # keys that are drawn as bars with their names
BINS = 120  # steps of a ranking of more keys than that
LABEL = 24  # characters of a key's name
LEAST_SHARE = 1.0  # per cent that an item scale reaches at least: what lies even is to look even
COLOURS: dict[Kind, str] = {"read": BLUE, "write": GREEN}
By = Literal["key", "partition"]
Spread = ItemSpread | RequestSpread


@dataclass(frozen=True)
class Series:
    """Values of the keys to draw, `top` the key with most; those above `limit` are drawn as a warning."""

    name: str
    values: Floats
    colour: str
    top: int
    limit: float | None = None
    warning: str = VERMILION

    def warns(self, values: Any) -> Any:
        return np.zeros(len(values), dtype=bool) if self.limit is None else values > self.limit


def item_spread(spread: ItemSpread, *, ax: Axes | None = None, by: By = "key") -> Axes:
    """The share of all items of each partition key, or of each simulated partition, with the even share as a line.

    The largest key is orange and hatched if it sticks out.
    """
    check_given(spread, ItemSpread, 'wb.item_spread(items, "TABLE")')
    ax = ax if ax is not None else new_axes(8, 3.8)
    shares = 100 * spread.shares
    top = spread.largest if len(spread.keys) else 0
    limit = None if spread.is_even or by == "partition" else 0.9999 * float(shares.max(initial=0.0))
    series = [Series("items", shares, SKY, top, limit, ORANGE)]
    _draw(ax, spread, series, by)
    _label_groups(ax, spread, series, by)
    groups = max(spread.partitions if by == "partition" else len(spread.keys), 1)
    _line(ax, 100 / groups, f"even share: {percent(1 / groups)}", FAINT)
    _scale(ax, LEAST_SHARE, by)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.3g} %"))
    title = f"{spread.name}: {spread.finding}"
    return finish(ax, "item_spread", title, x=_label(spread, by, "largest"), y="share of all items")


def request_spread(spread: RequestSpread, *, ax: Axes | None = None, by: By = "key") -> Axes:
    """Read and write units a second of each partition key, or simulated partition, against one partition's limits."""
    check_given(spread, RequestSpread, 'wb.request_spread(items, "TABLE")')
    ax = ax if ax is not None else new_axes(8, 3.8)
    series = request_series(spread)
    draw_requests(ax, spread, series, by)
    finding = spread.finding if by == "key" else _partition_finding(spread)
    return label_requests(ax, spread, series, f"{spread.name}: {finding}", by)


def request_series(spread: RequestSpread) -> list[Series]:
    """Of each kind that is asked for, what the keys use of one partition's limit."""
    return [_of_kind(spread, kind) for kind in KINDS if spread.units(kind).any()]


def draw_requests(ax: Axes, spread: RequestSpread, series: Sequence[Series], by: By = "key") -> None:
    """What a request spread has inside its axes: the values, the hottest key's name, the limit; and their scale."""
    _draw(ax, spread, series, by)
    if by == "key":
        _name_hottest(ax, spread)
    limits = " and ".join(f"{LIMITS[kind]:,} {UNIT[kind]}/s" for kind in _kinds(spread))
    _line(ax, 1.0, f"one partition serves {limits}", VERMILION)
    _scale(ax, 1.25, by)


def label_requests(ax: Axes, spread: RequestSpread, series: Sequence[Series], title: str, by: By = "key") -> Axes:
    """What a request spread has around its axes: ticks, labels, legend and title."""
    _label_groups(ax, spread, series, by)
    kinds = _kinds(spread)
    _label_units(ax, kinds)
    y, x = f"{_units_label(kinds[0])}, at {spread.at}", _label(spread, by, "busiest")
    return finish(ax, "request_spread", title, x=x, y=y, legend=_legend(spread, series, by))


def _kinds(spread: RequestSpread) -> list[Kind]:
    """The kinds that are asked for, writes first: theirs is the scale on the left."""
    return [kind for kind in reversed(KINDS) if spread.units(kind).any()] or ["write"]


def _of_kind(spread: RequestSpread, kind: Kind) -> Series:
    units = spread.units(kind)
    return Series(f"{kind} units ({UNIT[kind]})", units / LIMITS[kind], COLOURS[kind], int(units.argmax()), 1.0)


def _label_units(ax: Axes, kinds: Sequence[Kind]) -> None:
    """The scale, on which 1 is the limit, in units of the first kind on the left, and of the second on the right."""
    first, *others = kinds
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * LIMITS[first]:,.10g}"))
    for kind in others:
        scaled: Any = (partial(np.multiply, LIMITS[kind]), partial(np.multiply, 1 / LIMITS[kind]))
        right = ax.secondary_yaxis("right", functions=scaled)
        right.set_ylabel(_units_label(kind), color=INK)
        right.yaxis.set_major_formatter(thousands())
        right.tick_params(colors=INK)
        right.spines["right"].set_color(FAINT)


def _units_label(kind: Kind) -> str:
    return f"{kind} units/s ({UNIT[kind]}/s)"


def _label(spread: Spread, by: By, most: str) -> str:
    if by == "key":
        many = f"{len(spread.keys):,} partition keys, the {most} first" if len(spread.keys) != 1 else "1 partition key"
        return many + _log_words(spread)
    ring = "DynamoDB's hash, as far as known" if spread.hash_seed is None else f"hash seed {spread.hash_seed}"
    return f"{spread.partitions:,} simulated partitions, equal ranges of the hash ring ({ring})"


def _log_words(spread: Spread) -> str:
    return "" if len(spread.keys) <= FEW else " (rank, log scale)"


def short(key: str) -> str:
    """A key's name cut in its middle.

    >>> short("TENANT#0123456789abcdef#ORDER#77")
    'TENANT#01234567…ORDER#77'
    """
    return key if len(key) <= LABEL else f"{key[: LABEL - 9]}…{key[-8:]}"


# Drawing


def _draw(ax: Axes, spread: Spread, series: Sequence[Series], by: By) -> None:
    """Draws keys or partitions."""
    if by == "partition":
        _partitions(ax, spread, series)
    elif len(spread.keys) <= FEW:
        _bars(ax, most_first(spread, series), series)
    else:
        _ranking(ax, series)


def _label_groups(ax: Axes, spread: Spread, series: Sequence[Series], by: By) -> None:
    """The axis along which keys or partitions stand."""
    keys = len(spread.keys)
    if by == "partition":
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif keys <= FEW:
        names = [short(spread.keys[i]) for i in map(int, most_first(spread, series))]
        slanted = sum(map(len, names)) > 60
        ax.set_xticks(range(keys), names, rotation=30 if slanted else 0, ha="right" if slanted else "center")
        ax.set_xlim(-0.44 - 0.04 * keys, keys - 0.56 + 0.04 * keys)
    else:
        ax.set_xscale("log")
        ax.set_xlim(1, keys + 1)
        ax.xaxis.set_major_formatter(thousands())


def most_first(spread: Spread, series: Sequence[Series]) -> Any:
    """The places of the keys, that with most first."""
    most = np.max([np.zeros(len(spread.keys)), *(each.values for each in series)], axis=0)
    return np.argsort(-most, kind="stable")


def _bars(ax: Axes, order: Any, series: Sequence[Series]) -> None:
    """A bar for each key, in this order."""
    width = 0.8 / max(len(series), 1)
    for place, each in enumerate(series):
        left = np.arange(len(order)) - 0.4 + place * width
        bars = ax.bar(left, each.values[order], width, align="edge", color=each.colour, label=each.name)
        _warn(each, [bar for bar, warns in zip(bars, each.warns(each.values[order]), strict=True) if warns])


def _ranking(ax: Axes, series: Sequence[Series]) -> None:
    """Each series' values, the largest first, as steps along a logarithmic axis of ranks."""
    for each in sorted(series, key=lambda one: -float(one.values.max(initial=0.0))):  # the lower in front
        means, edges = ranked_steps(each.values)
        steps(ax, means, edges, fill=True, color=each.colour, alpha=0.45, label=each.name)
        steps(ax, means, edges, color=each.colour, linewidth=1.6)
        if warned := int(each.warns(means).sum()):
            _warn(each, [steps(ax, means[:warned], edges[: warned + 1], fill=True)])


def ranked_steps(values: Floats) -> tuple[Floats, Floats]:
    """The values, the largest first, as means of at most 120 steps along a logarithmic axis, and the steps' edges."""
    count = len(values)
    edges = np.unique(np.geomspace(1, count + 1, BINS).round()) if count > BINS else np.arange(1.0, count + 2)
    return np.add.reduceat(np.sort(values)[::-1], edges[:-1].astype(np.int64) - 1) / np.diff(edges), edges


def steps(ax: Axes, values: Floats, edges: Floats, *, fill: bool = False, **style: Any) -> StepPatch:
    """Values as steps between edges: `Axes.stairs`, which looks for the limits of each line as if it were a curve."""
    patch = StepPatch(values, edges, fill=fill, **style)
    ax.add_artist(patch)
    ax.update_datalim([(edges[0], 0.0), (edges[-1], float(values.max(initial=0.0)))])
    return patch


def _warn(series: Series, artists: Sequence[Any]) -> None:
    """A warning is never by colour alone: it is hatched too."""
    for artist in artists:
        artist.set(facecolor=series.warning, edgecolor=INK, hatch=WARNING_HATCH, linewidth=0.8, alpha=1)


def _partitions(ax: Axes, spread: Spread, series: Sequence[Series]) -> None:
    """A bar for each simulated partition, the part of the hottest key outlined and named."""
    width = 0.8 / max(len(series), 1)
    named: set[int] = set()
    for place, each in sorted(enumerate(series), key=lambda one: -float(one[1].values.max(initial=0.0))):
        left = np.arange(spread.partitions) - 0.4 + place * width
        totals = np.bincount(spread.placed, each.values, minlength=spread.partitions)
        bars = ax.bar(left, totals, width, align="edge", color=each.colour, label=each.name)
        _warn(each, [bar for bar, warns in zip(bars, each.warns(totals), strict=True) if warns])
        if len(spread.keys):
            partition = int(spread.placed[each.top])
            _outline(ax, spread, each, (float(left[partition]), width, float(totals[partition])), partition in named)
            named.add(partition)


def _outline(ax: Axes, spread: Spread, series: Series, bar: tuple[float, float, float], silent: bool) -> None:
    """The hottest key's part of its partition's bar, and above the bar its name and share."""
    left, width, height = bar
    value = float(series.values[series.top])
    ax.bar(left, value, width, align="edge", fill=False, edgecolor=INK, linewidth=1.6)
    if silent:  # the bar beside it bears a name already
        return
    text = f"{short(spread.keys[series.top])}\n{percent(value / max(float(series.values.sum()), 1e-300))}"
    where: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": SMALL}
    ax.annotate(text, (left + width / 2, height), (0, 2), color=INK, **where)


def _name_hottest(ax: Axes, spread: RequestSpread) -> None:
    """The name, share and units of the hottest key beside its step, where keys are too many to be named below."""
    hot = spread.hottest()
    if hot is None or len(spread.keys) <= FEW:
        return
    rate = f"{rate_text(hot.units_per_s)} {UNIT[hot.kind]}/s"
    idle = int((spread.units(hot.kind) == 0).sum())
    rest = f"\nthe other {idle:,} keys: no {hot.kind}s" if idle == len(spread.keys) - 1 else ""
    text = f"{short(hot.key)}: {percent(hot.share)} of {hot.kind} units, {rate}{rest}"
    low = hot.utilisation < 0.2
    where: dict[str, Any] = {"textcoords": "offset points", "va": "bottom" if low else "top", "fontsize": SMALL}
    at = (1 if low else 2, hot.utilisation)
    ax.annotate(text, at, (6, 4 if low else -2), color=INK, bbox=PAPER, **where)


def _line(ax: Axes, value: float, text: str, colour: str) -> None:
    """A labelled line across."""
    ax.axhline(value, color=colour, linestyle="--", linewidth=1.4, label="_limit")
    where: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": SMALL}
    ax.annotate(text, (1, value), (-2, 2), xycoords=("axes fraction", "data"), color=INK, bbox=PAPER, **where)


def _scale(ax: Axes, least: float, by: By) -> None:
    """A scale from zero to at least `least`, with some room above all, more where bars bear names."""
    ax.set_ylim(0, max((1.12 if by == "key" else 1.3) * ax.dataLim.y1, least))


def too_much(spread: Spread, series: Sequence[Series], by: By = "key") -> bool:
    """Whether a key or a partition is drawn as a warning."""
    if by == "key":
        return any(each.warns(each.values).any() for each in series)
    totals = (np.bincount(spread.placed, each.values, minlength=spread.partitions) for each in series)
    return any(each.warns(values).any() for each, values in zip(series, totals, strict=True))


def _legend(spread: Spread, series: Sequence[Series], by: By) -> list[Patch]:
    entries = [Patch(color=each.colour, label=each.name) for each in series]
    if too_much(spread, series, by):
        label = "more than one partition serves"
        entries.append(Patch(facecolor=VERMILION, edgecolor=INK, hatch=WARNING_HATCH, label=label))
    return entries


def _partition_finding(spread: RequestSpread) -> str:
    used = spread.by_partition()["utilisation"].to_numpy()
    if not used.any():
        return spread.finding
    busiest = int(used.argmax())
    times = f"{used[busiest]:,.1f} times" if used[busiest] >= 1 else f"{percent(float(used[busiest]))} of"
    return f"partition {busiest} gets {times} what it serves; {spread.finding}"
