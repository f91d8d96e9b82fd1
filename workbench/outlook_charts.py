"""Charts of an outlook: requests against limits, heat, and cost; small, and drawn again while a slider moves.

Each is a figure of its own at a fixed size and layout, since finding a layout is what takes a chart its time. Where a
state was pinned, what it came to stands in the same chart: a dashed line, or bars beside the bars.
"""

import base64
import io
from collections.abc import Callable
from functools import lru_cache
from html import escape
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, FuncFormatter, MaxNLocator

from workbench.columns import Floats
from workbench.heat_chart import heat as heat_map
from workbench.outlook import Outlook
from workbench.pictures import (
    BLUE,
    INK,
    ORANGE,
    PAPER,
    SMALL,
    WARNING_HATCH,
    Picture,
    alt_text,
    beside_bars,
    describe,
    finish,
    new_figure,
    wrapped,
)
from workbench.results import percent, usd
from workbench.simulation_charts import throttling
from workbench.spread_charts import BINS, FEW, request_spread
from workbench.spreads import KINDS, LIMITS, UNIT, rate_text

SIZES = {"spread": (5.8, 2.6), "heat": (5.8, 2.6), "cost": (5.8, 1.8)}  # inches: three are seen beside the knobs
DOTS_PER_INCH = 100
MARGINS = {  # inches left, right, below and above the axes
    "spread": (0.78, 0.74, 0.46, 0.7),
    "heat": (0.78, 0.74, 0.46, 0.48),
    "cost": (1.6, 0.1, 0.06, 0.3),
}
Draw = Callable[[Axes, Outlook, Outlook | None], Any]


def spread(ax: Axes, found: Outlook, before: Outlook | None = None) -> Axes:
    """Units a second of each key against one partition's limits; the pinned state's as a dashed line, ranked too."""
    requests = found.analysis.requests
    request_spread(requests, ax=ax)
    few = len(requests.keys) <= FEW
    if not few:  # below the line, where the hottest key's name is not
        _limit_text(ax).set(va="top", position=(-2, -2))
    if before is not None:
        ranked, edges = _ranked(before, few)
        ax.stairs(ranked, edges, color=INK, linestyle="--", linewidth=1.3, label="_before", baseline=None)
        ax.set_ylim(0, max(ax.get_ylim()[1], 1.1 * float(ranked.max(initial=0.0))))
        where: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right", "va": "top"}
        ax.annotate("dashed: before", (1, 1), (-2, -2), fontsize=SMALL, color=INK, bbox=PAPER, **where)
        _describe(ax, "spread", f"{alt_text(ax)} Before: {before.analysis.requests.finding}.")
    return ax


def _limit_text(ax: Axes) -> Any:
    return next(text for text in ax.texts if text.get_text().startswith("one partition serves"))


def _describe(ax: Axes, name: str, alt: str) -> None:
    """Alt text of a chart, and of its figure where it stands alone."""
    describe(ax, name, alt)
    if isinstance(ax.figure, Picture) and len(ax.figure.axes) <= 2:
        describe(ax.figure, name, alt)


def _ranked(found: Outlook, few: bool) -> tuple[Floats, Floats]:
    """What each key uses of a partition's limit, the busiest first, and the steps of the axis that they stand on."""
    requests = found.analysis.requests
    ranked: Any = np.sort(np.maximum(*(requests.units(kind) / LIMITS[kind] for kind in KINDS)))[::-1]
    if few:
        return ranked[:FEW], np.arange(len(ranked[:FEW]) + 1, dtype=float) - 0.5
    edges: Any = np.unique(np.geomspace(1, len(ranked) + 1, BINS).round())
    means: Any = np.add.reduceat(ranked, edges[:-1].astype(np.int64) - 1) / np.diff(edges)
    return means, edges


def heat(ax: Axes, found: Outlook, before: Outlook | None = None) -> Axes:
    """The heat map of the simulation, which must have been run; it says if it is the one before."""
    assert found.simulation is not None
    heat_map(found.simulation, table=found.analysis.table, index=found.analysis.index, ax=ax)
    return _shortened(ax, found, "Before: " if found is before else "")


def _shortened(ax: Axes, found: Outlook, when: str) -> Axes:
    """A heat map whose sentences stand beside it in full: the first is its title."""
    for text in [text for text in ax.texts if text.xy == (0, 1)]:  # type: ignore[attr-defined]
        text.remove()
    head = f"{when}{found.analysis.name}, simulated. {found.seen[0].headline.partition(': ')[0]}"
    ax.set_title(wrapped(head, 56), loc="left", fontsize=11, fontweight="bold", color=INK, pad=6, parse_math=False)
    _describe(ax, "heat", f"{when}{alt_text(ax)}")
    ax.set_ylabel("hash ring", color=INK)
    for scale in (other for other in ax.figure.axes if other.get_label() == "<colorbar>"):
        scale.set_ylabel(f"{UNIT[found.kind]}/s asked for", fontsize=SMALL)
    return ax


BARS = 5


def cost(ax: Axes, found: Outlook, before: Outlook | None = None) -> Axes:
    """US dollars a month by access pattern and in all; of the pinned state too."""
    sides = [("now", found, BLUE, "")] + ([("before", before, ORANGE, WARNING_HATCH)] if before else [])
    bills = [bill(one) for _, one, _, _ in sides]
    names = ["in all", *sorted(bills[0].keys() - {"in all"}, key=lambda name: (-bills[0][name], name))[:BARS]]
    values = np.array([[spent.get(name, 0.0) for name in names] for spent in bills])
    height = 0.8 / len(sides)
    for number, (label, _, colour, hatch) in enumerate(sides):
        at = np.arange(len(names)) - 0.4 + height * (number + 0.5)
        ax.barh(at, values[number], 0.92 * height, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.4, label=label)
    texts = [", before ".join(usd(value) for value in spent) for spent in values.T.tolist()]
    beside_bars(ax, values.max(axis=0), texts)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.xaxis.set_visible(False)  # the bars bear their values
    prices = f"{found.cost.prices.region}, {found.cost.prices.date}"
    before_it = f"; hatched: before, {usd(before.cost.usd)}" if before else f" ({prices})"
    finish(ax, "cost", f"{found.dollars}{before_it}", x="", y="")
    ax.spines["bottom"].set_visible(False)
    _describe(
        ax,
        "cost",
        f"{found.cost.design.name} costs {found.dollars}, by prices of {prices}{before_it if before else ''}.",
    )
    return ax


def bill(found: Outlook) -> dict[str, float]:
    """US dollars a month in all, of each access pattern, and of the rest by line."""
    bill = {"in all": found.cost.usd}
    for line in found.cost.lines:
        name = line.pattern or line.line
        bill[name] = bill.get(name, 0.0) + line.usd
    return bill


CHARTS: dict[str, Draw] = {"spread": spread, "heat": heat, "cost": cost}
_TITLE: dict[str, Any] = {"fontsize": 10, "fontweight": "bold", "color": INK, "parse_math": False}
_PADS = {"spread": 36, "heat": 6, "cost": 6}  # points between the axes and the title, the legend among them
_FAST: Any = {"text.hinting": "none"}  # most of the time goes into letters


# One picture of a chart


def picture(name: str, found: Outlook, before: Outlook | None = None) -> Picture:
    """A figure with one of the charts, of the size that stands in the panel."""
    figure = _empty(name)
    drawn = CHARTS[name](figure.subplots(), found, before)
    said = f"Requests to {found.analysis.name}" if name == "spread" else drawn.get_title("left")
    drawn.set_title(said, loc="left", y=1, pad=_PADS[name], **_TITLE)  # y: where it is does not follow from the ticks
    if name == "spread":
        for ax in (drawn, *drawn.child_axes):
            ax.set_ylabel(ax.get_ylabel().partition("(")[2].replace(")", ""), color=INK)
    for ax in [axes for own in figure.axes for axes in (own, *own.child_axes)]:
        ax.minorticks_off()  # each tick takes its time
        if isinstance(ax.yaxis.get_major_locator(), AutoLocator | MaxNLocator):
            ax.yaxis.set_major_locator(MaxNLocator(4))
    return figure


def _empty(name: str) -> Picture:
    width, height = SIZES[name]
    figure = Picture(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    left, right, below, above = MARGINS[name]
    places = {"left": left / width, "right": 1 - right / width, "bottom": below / height, "top": 1 - above / height}
    figure.subplots_adjust(**places)
    return figure


def chart_html(name: str, found: Outlook, before: Outlook | None = None) -> str:
    """A chart as an HTML image with its alt text; the heat of an outlook without a simulation as a preview."""
    if name == "heat" and found.simulation is None:
        return preview_html(found)
    figure, out = picture(name, found, before), io.BytesIO()
    with rc_context(_FAST):
        figure.savefig(out, format="png", dpi=DOTS_PER_INCH, pil_kwargs={"compress_level": 1})
    return _image(out.getvalue(), alt_text(figure))


def _image(png: bytes, alt: str) -> str:
    style = f"display:block;width:100%;max-width:{round(SIZES['heat'][0] * DOTS_PER_INCH)}px"
    return f'<img style="{style}" alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


# The preview of the heat: only its colours change from move to move, so that its frame is drawn once


def preview_html(found: Outlook) -> str:
    """What is expected of the heat, before any split, as an HTML image that is labelled as a preview."""
    from PIL import Image

    values, unit = found.heat, f"{UNIT[found.kind]}/s"
    frame, (left, top, right, bottom) = _frame(found.analysis.name, found.state.load, found.duration_s)
    rows = np.arange(bottom - top)[::-1] * len(values) // (bottom - top)
    columns = np.arange(right - left) * values.shape[1] // (right - left)
    shown = frame.copy()
    shown[top:bottom, left:right] = _colours(values)[rows[:, None], columns]
    out = io.BytesIO()
    Image.fromarray(shown).save(out, "PNG", compress_level=1)
    hot = percent(float(values.sum(axis=1).argmax()) / len(values))
    said = f"up to {rate_text(float(values.max(initial=0.0)))} {unit} in a hundredth of the ring, most at {hot}"
    return _image(out.getvalue(), f"Heat map of {found.analysis.name}, a preview before any split: {said}.")


def _colours(values: Floats) -> Any:
    """Red, green and blue of values on a logarithmic scale of three decades; black where nothing is."""
    most = float(values.max(initial=0.0)) or 1.0
    norm = LogNorm(max(float(values[values > 0].min(initial=most)), most / 1000) * 0.999, most, clip=True)
    found = colormaps["inferno"](norm(np.maximum(values, 1e-300)), bytes=True)[..., :3]
    return np.where((values > 0)[..., None], found, np.uint8(0))


@lru_cache(maxsize=8)
def _frame(name: str, load: str, duration_s: int) -> tuple[Any, tuple[int, int, int, int]]:
    """The pixels of an empty map, and where in them the map goes: left, top, right, bottom."""
    figure = _empty("heat")
    ax = figure.subplots()
    ax.set(xlim=(0, duration_s / 60), ylim=(0, 1))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:,.0f} %"))
    x = f"minutes ({load} load); brighter: more is asked for (log scale)"
    said = f"{name}: a preview, before any split; the simulation follows"
    finish(ax, "heat", said, x=x, y="hash ring")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    box = ax.get_window_extent()
    return pixels, (round(box.x0), len(pixels) - round(box.y1), round(box.x1), len(pixels) - round(box.y0))


def whole(found: Outlook, before: Outlook | None = None) -> Figure:
    """All charts in one figure, under the sentence: what a notebook keeps, and a report shows."""
    figure = new_figure(13, 8.6)
    grid = figure.subplots(2, 2)
    spread(grid[0][0], found, before)
    cost(grid[0][1], found, before)
    heat(grid[1][0], found, before)
    if before is not None:
        heat(grid[1][1], before, before)
    elif found.simulation is not None:
        throttling(found.simulation, ax=grid[1][1])
    words = [f"{found.headline} {found.dollars}.", *([found.since(before)] if before else [])]
    style: dict[str, Any] = {"fontweight": "bold", "color": INK, "x": 0.01, "ha": "left", "parse_math": False}
    figure.suptitle("\n".join(wrapped(line, 112) for line in words), fontsize=13, **style)
    describe(figure, "explorer", " ".join([*words, *filter(None, map(alt_text, grid.flat))]))
    return figure
