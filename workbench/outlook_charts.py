"""Charts of an outlook: requests against limits, heat, and cost; small, and drawn again while a slider moves.

Each is a figure of its own at a fixed size and layout, since finding a layout is what takes a chart its time. Where a
state was pinned, what it came to stands in the same chart: a dashed line, or bars beside the bars.
"""

import base64
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workbench.columns import Floats
from workbench.frames import Frame, kept_frame, png, sized_figure
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
from workbench.spread_charts import (
    FEW,
    Series,
    draw_requests,
    label_requests,
    most_first,
    ranked_steps,
    request_series,
    steps,
    too_much,
)
from workbench.spreads import KINDS, LIMITS, UNIT, rate_text

SIZES = {"spread": (5.8, 2.6), "heat": (5.8, 2.6), "cost": (5.8, 1.8)}  # inches: three are seen beside the knobs
MARGINS = {  # inches left, right, below and above the axes
    "spread": (0.78, 0.74, 0.46, 0.7),
    "heat": (0.78, 0.74, 0.46, 0.48),
    "cost": (1.6, 0.1, 0.06, 0.3),
}
_TITLE: dict[str, Any] = {
    "loc": "left", "y": 1, "fontsize": 10, "fontweight": "bold", "color": INK, "parse_math": False
}  # fmt: skip
_CORNER: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right", "va": "top"}


# Requests against limits


def spread(ax: Axes, found: Outlook, before: Outlook | None = None) -> Axes:
    """Units a second of each key against one partition's limits; the pinned state's as a dashed line, ranked too."""
    requests = found.analysis.requests
    series = request_series(requests)
    label_requests(ax, requests, series, f"{requests.name}: {requests.finding}")
    _draw_spread(ax, found, before, series)
    _describe(ax, "spread", _spread_words(found, before))
    return ax


def _draw_spread(ax: Axes, found: Outlook, before: Outlook | None, series: list[Series]) -> None:
    """What a spread has inside its axes."""
    requests = found.analysis.requests
    draw_requests(ax, requests, series)
    few = len(requests.keys) <= FEW
    if not few:  # below the line, where the hottest key's name is not
        _limit_text(ax).set(va="top", position=(-2, -2))
    if before is not None:
        ranked, edges = _ranked(before, few)
        steps(ax, ranked, edges, color=INK, linestyle="--", linewidth=1.3, label="_before", baseline=None)
        ax.set_ylim(0, max(ax.get_ylim()[1], 1.1 * float(ranked.max(initial=0.0))))
        ax.annotate("dashed: before", (1, 1), (-2, -2), fontsize=SMALL, color=INK, bbox=PAPER, **_CORNER)


def _spread_words(found: Outlook, before: Outlook | None) -> str:
    requests = found.analysis.requests
    told = f"{requests.name}: {requests.finding}."
    return f"{told} Before: {before.analysis.requests.finding}." if before else told


def _limit_text(ax: Axes) -> Any:
    return next(text for text in ax.texts if text.get_text().startswith("one partition serves"))


def _ranked(found: Outlook, few: bool) -> tuple[Floats, Floats]:
    """What each key uses of a partition's limit, the busiest first, and the steps of the axis that they stand on."""
    requests = found.analysis.requests
    used: Any = np.maximum(*(requests.units(kind) / LIMITS[kind] for kind in KINDS))
    if not few:
        return ranked_steps(used)
    return np.sort(used)[::-1][:FEW], np.arange(len(used[:FEW]) + 1, dtype=float) - 0.5


def _spread_picture(found: Outlook, before: Outlook | None) -> tuple[Any, str]:
    """The spread's pixels, and the same in words."""
    requests = found.analysis.requests
    series = request_series(requests)
    names = tuple(requests.keys[i] for i in most_first(requests, series)) if len(requests.keys) <= FEW else ()
    around = (requests.name, requests.at, len(requests.keys), names, [each.name for each in series])

    def dress(ax: Axes) -> list[Any]:
        label_requests(ax, requests, series, "")
        ax.set_title(f"Requests to {requests.name}", pad=36, **_TITLE)  # points, the legend among them
        for x, own in zip((-0.165, 1.165), (ax, *ax.child_axes), strict=False):
            words = own.get_ylabel().partition("(")[2].replace(")", "")
            ax.text(x, 0.5, words, transform=ax.transAxes, rotation=90, ha="center", va="center", color=INK)
            own.set_ylabel("")  # an axis looks for a place for it each time
            own.yaxis.set_major_locator(MaxNLocator(4))
            own.minorticks_off()
        return [ax.yaxis, *ax.child_axes]

    frame = _frame("spread", (*around, too_much(requests, series)), dress)
    return frame.draw(lambda ax: _draw_spread(ax, found, before, series)), _spread_words(found, before)


def _frame(name: str, around: tuple[Any, ...], dress: Callable[[Axes], list[Any]]) -> Frame:
    """The frame of a chart with this around it."""
    return kept_frame((name, repr(around)), lambda: Frame(*SIZES[name], MARGINS[name], dress))


def _describe(ax: Axes, name: str, alt: str) -> None:
    """Alt text of a chart, and of its figure where it stands alone."""
    describe(ax, name, alt)
    if isinstance(ax.figure, Picture) and len(ax.figure.axes) <= 2:
        describe(ax.figure, name, alt)


# Heat


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


def _heat_picture(found: Outlook, before: Outlook | None) -> tuple[Any, str]:
    """The heat map's pixels, a preview without a simulation, and the same in words."""
    if found.simulation is None:
        return _preview(found)
    figure = sized_figure(*SIZES["heat"], MARGINS["heat"], Picture)
    canvas = FigureCanvasAgg(figure)
    ax = heat(figure.subplots(), found, before)
    ax.set_title(ax.get_title("left"), pad=6, **_TITLE)
    for own in figure.axes:
        own.minorticks_off()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3], alt_text(ax)


def _preview(found: Outlook) -> tuple[Any, str]:
    """What is expected of the heat, before any split, which its title says too."""
    values, unit, name = found.heat, f"{UNIT[found.kind]}/s", found.analysis.name

    def dress(ax: Axes) -> list[Any]:
        ax.set(xlim=(0, found.duration_s / 60), ylim=(0, 1))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:,.0f} %"))
        x = f"minutes ({found.state.load} load); brighter: more is asked for (log scale)"
        finish(ax, "heat", "", x=x, y="hash ring")
        ax.set_title(wrapped(f"{name}: a preview; the simulation follows", 56), pad=6, **_TITLE)
        return []

    frame = _frame("heat", (name, found.state.load, found.duration_s), dress)
    pixels, (left, top, right, bottom) = frame.draw(lambda _: None), frame.place
    rows = np.arange(bottom - top)[::-1] * len(values) // (bottom - top)
    columns = np.arange(right - left) * values.shape[1] // (right - left)
    pixels[top:bottom, left:right] = _colours(values)[rows[:, None], columns]
    hot = percent(float(values.sum(axis=1).argmax()) / len(values))
    said = f"up to {rate_text(float(values.max(initial=0.0)))} {unit} in a hundredth of the ring, most at {hot}"
    return pixels, f"Heat map of {name}, a preview before any split: {said}."


def _colours(values: Floats) -> Any:
    """Red, green and blue of values on a logarithmic scale of three decades; black where nothing is."""
    most = float(values.max(initial=0.0)) or 1.0
    norm = LogNorm(max(float(values[values > 0].min(initial=most)), most / 1000) * 0.999, most, clip=True)
    found = colormaps["inferno"](norm(np.maximum(values, 1e-300)), bytes=True)[..., :3]
    return np.where((values > 0)[..., None], found, np.uint8(0))


# Cost

BARS = 5  # beside that of the whole


def cost(ax: Axes, found: Outlook, before: Outlook | None = None) -> Axes:
    """US dollars a month by access pattern and in all; of the pinned state too."""
    title, alt = _cost_words(found, before)
    _label_cost(ax, _bar_names(found), title)
    _draw_cost(ax, found, before)
    _describe(ax, "cost", alt)
    return ax


def _bar_names(found: Outlook) -> list[str]:
    """What has a bar: the whole, the dearest, and what the rest is called."""
    spent = bill(found)
    names = sorted(spent.keys() - {"in all"}, key=lambda name: (-spent[name], name))
    rest = len(names) - BARS + 1
    return ["in all", *(names if rest <= 1 else [*names[: BARS - 1], f"{rest} others"])]


def _bar_values(spent: dict[str, float], names: list[str]) -> list[float]:
    """US dollars of each bar; those of the rest, whose name no bill has, are what is left."""
    known = [spent.get(name, 0.0) for name in names]
    left = spent["in all"] - sum(known[1:])
    return [*known[:-1], left if names[-1].endswith(" others") and names[-1] not in spent else known[-1]]


def _label_cost(ax: Axes, names: list[str], title: str) -> None:
    """What the cost has around its axes."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.xaxis.set_visible(False)  # the bars bear their values
    finish(ax, "cost", title, x="", y="")
    ax.spines["bottom"].set_visible(False)


def _draw_cost(ax: Axes, found: Outlook, before: Outlook | None) -> None:
    """The bars, each with its value beside it."""
    sides = [("now", bill(found), BLUE, "")] + ([("before", bill(before), ORANGE, WARNING_HATCH)] if before else [])
    names = _bar_names(found)
    values = np.array([_bar_values(spent, names) for _, spent, _, _ in sides])
    height = 0.8 / len(sides)
    for number, (label, _, colour, hatch) in enumerate(sides):
        at = np.arange(len(names)) - 0.4 + height * (number + 0.5)
        ax.barh(at, values[number], 0.92 * height, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.4, label=label)
    texts = [", before ".join(usd(value) for value in spent) for spent in values.T.tolist()]
    beside_bars(ax, values.max(axis=0), texts)


def _cost_words(found: Outlook, before: Outlook | None) -> tuple[str, str]:
    """The title, and the alt text."""
    prices = f"{found.cost.prices.region}, {found.cost.prices.date}"
    since = f"; hatched: before, {usd(before.cost.usd)}" if before else ""
    alt = f"{found.cost.design.name} costs {found.dollars}, by prices of {prices}{since}."
    return f"{found.dollars}{since or f' ({prices})'}", alt


def _cost_picture(found: Outlook, before: Outlook | None) -> tuple[Any, str]:
    """The cost's pixels, and the same in words."""
    (title, alt), names = _cost_words(found, before), _bar_names(found)

    def dress(ax: Axes) -> list[Any]:
        _label_cost(ax, names, "")
        return [ax.set_title("", **_TITLE)]

    def draw(ax: Axes) -> None:
        _draw_cost(ax, found, before)
        ax.set_title(title, pad=6, **_TITLE)

    return _frame("cost", tuple(names), dress).draw(draw), alt


def bill(found: Outlook) -> dict[str, float]:
    """US dollars a month in all, of each access pattern, and of the rest by line."""
    bill = {"in all": found.cost.usd}
    for line in found.cost.lines:
        name = line.pattern or line.line
        bill[name] = bill.get(name, 0.0) + line.usd
    return bill


# One chart, and all of them

CHARTS = {"spread": _spread_picture, "heat": _heat_picture, "cost": _cost_picture}


def chart_html(name: str, found: Outlook, before: Outlook | None = None) -> str:
    """A chart as an HTML image with its alt text; the heat of an outlook without a simulation as a preview."""
    pixels, alt = CHARTS[name](found, before)
    style = f"display:block;width:100%;max-width:{pixels.shape[1]}px"
    image = base64.b64encode(png(pixels)).decode()
    return f'<img style="{style}" alt="{escape(alt)}" src="data:image/png;base64,{image}">'


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
