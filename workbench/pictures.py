"""Pictures: what every chart shares, whoever draws it.

A chart states its finding twice, as its title and as the alt text that a screen reader speaks and a report keeps. It
tells nothing by colour alone: a hatch, a label or a line says the same. Ground and ink are fixed, dark on white, so
that it can be read in light and dark themes alike. Colours are those of Okabe and Ito, which people with any colour
vision tell apart. (https://jfly.uni-koeln.de/color/, https://www.w3.org/WAI/tutorials/images/complex/)
"""

import base64
import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

INK, FAINT = "#1a1a1a", "#59636e"
BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE, YELLOW, GREY = (
    "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#F0E442", "#999999"
)  # fmt: skip
WARNING_HATCH = "////"
SMALL = 8.5  # points
PAPER: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1}
DOTS_PER_INCH = 160
TITLE_CHARACTERS = 11.5  # in an inch, on average
LEGEND_COLUMNS = 4


class Picture(Figure):
    """A figure that a notebook shows with its alt text, also where it is shown by itself at the end of a cell."""

    def _ipython_display_(self) -> None:
        _display(self, str(self.get_gid() or ""), alt_text(self))


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches, white whatever the theme; a notebook shows it without being asked."""
    return pyplot.figure(figsize=(width, height), layout="constrained", facecolor="white", FigureClass=Picture)


def new_axes(width: float, height: float) -> Axes:
    """Axes of their own figure, in inches."""
    return new_figure(width, height).subplots()


def width_of(ax: Axes) -> float:
    """The width of axes in inches, before labels take their part."""
    figure: Any = ax.figure
    return ax.get_position().width * figure.get_figwidth()


def finish(ax: Axes, name: str, finding: str, *, x: str, y: str, alt: str = "", legend: Sequence[Patch] = ()) -> Axes:
    """The axes with title, labels, legend, quiet lines and alt text; a figure of its own gets the alt text too."""
    ax.set_facecolor("white")
    columns = legend_columns([str(each.get_label()) for each in legend], width_of(ax))
    rows = -(-len(legend) // columns)
    title = wrapped(finding, max(24, int(width_of(ax) * TITLE_CHARACTERS)))
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=6 + 15 * rows, parse_math=False)
    if legend:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderpad": 0.2, "borderaxespad": 0.2}
        ax.legend(handles=list(legend), ncols=columns, frameon=False, fontsize=SMALL, labelcolor=INK, **place)
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    ax.tick_params(which="both", colors=INK)
    ax.tick_params(which="minor", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    describe(ax, name, alt or f"{finding}.")
    if isinstance(ax.figure, Picture) and len(ax.figure.axes) == 1:
        describe(ax.figure, name, alt_text(ax))
    return ax


def legend_columns(labels: Sequence[str], width: float) -> int:
    """How many columns of a legend fit into so many inches: at most four, the entries running down each of them.

    >>> legend_columns(["reads", "writes"], 6.0), legend_columns(["write units, index ByCustomer"] * 5, 6.0)
    (4, 2)
    """
    for count in range(LEGEND_COLUMNS, 1, -1):
        rows = -(-len(labels) // count)
        longest = (max(map(len, labels[at : at + rows])) for at in range(0, len(labels), rows or 1))
        if sum(0.5 + 0.068 * most for most in longest) <= width:
            return count
    return 1


def wrapped(text: str, width: int) -> str:
    """The text in lines of this width; a number stays with its unit."""
    kept = re.sub(r"(?<=\d) (?=%|[RW]U)", "\u00a0", text)
    return textwrap.fill(kept, width, break_on_hyphens=False).replace("\u00a0", " ")


def beside_bars(ax: Axes, ends: Iterable[float], texts: Sequence[str], *, bold: Sequence[bool] = ()) -> None:
    """A text at the end of each horizontal bar, from the top down, and an axis long enough to hold them."""
    ends = list(ends)
    room = max(2.0, 0.9 * width_of(ax))  # inches
    longest = [end / max(0.2, 1 - 0.068 * len(text) / room) for end, text in zip(ends, texts, strict=True)]
    ax.set_xlim(0, 1.03 * max(longest, default=0.0) or 1.0)
    for place, (end, text) in enumerate(zip(ends, texts, strict=True)):
        weight = "bold" if bold and bold[place] else "normal"
        where: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": SMALL, "color": INK}
        ax.annotate(text, (end, place), (4, 0), fontweight=weight, bbox=PAPER, parse_math=False, **where)


def check_given(value: Any, kind: type, how: str) -> None:
    """ValueError unless a chart is given what it draws: `how` says what makes one."""
    if not isinstance(value, kind):
        raise ValueError(f"{value!r:.100} is no {kind.__name__}: give {how}")


def thousands() -> FuncFormatter:
    """Numbers on an axis with their thousands separated."""
    return FuncFormatter(lambda value, _: f"{value:,.10g}")


# Alt text


def describe(chart: Axes | Figure, name: str, alt: str) -> None:
    """Give a chart its name, which names its file in a report, and its alt text."""
    chart.set_gid(name)
    chart.set_label(alt)


def alt_text(chart: Axes | Figure) -> str:
    """The finding of a chart in words; of a figure with several, that of each."""
    own = str(chart.get_label())
    return own if own or isinstance(chart, Axes) else " ".join(filter(None, map(alt_text, chart.axes)))


def show(chart: Axes | Figure, name: str | None = None) -> None:
    """Show a chart in a notebook, once, with its alt text; `name` names its file in a report."""
    figure: Any = chart.figure if isinstance(chart, Axes) else chart
    pyplot.close(figure)  # else the notebook shows it again at the end of the cell
    _display(figure, name or str(chart.get_gid() or ""), alt_text(chart))


def _display(figure: Figure, name: str, alt: str) -> None:
    from IPython.display import display

    metadata: dict[str, Any] = {"image/png": {"alt": alt, "width": round(figure.get_figwidth() * 100)}}
    if name:
        metadata["workbench"] = {"chart": name}
    picture = base64.b64encode(png(figure)).decode()
    page = image_tag(picture, alt, metadata["image/png"]["width"])
    display({"text/html": page, "image/png": picture, "text/plain": alt}, raw=True, metadata=metadata)


def image_tag(picture: str, alt: str, width: int) -> str:
    """A PNG in base64 as an HTML image with its alt text, which JupyterLab does not give to a bare `image/png`."""
    return f'<img src="data:image/png;base64,{picture}" alt="{escape(alt)}" width="{width}">'


def png(chart: Axes | Figure) -> bytes:
    """The chart as a PNG file, with its alt text as the file's description."""
    figure: Any = chart.figure if isinstance(chart, Axes) else chart
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DOTS_PER_INCH, metadata={"Description": alt_text(chart)})
    return out.getvalue()
