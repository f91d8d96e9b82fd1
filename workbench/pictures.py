"""Pictures: what every chart shares, whoever draws it.

A chart states its finding twice, as its title and as the alt text that a screen reader speaks and a report keeps. It
tells nothing by colour alone: a hatch, a label or a line says the same. Ground and ink are fixed, dark on white, so
that it can be read in light and dark themes alike. Colours are those of Okabe and Ito, which people with any colour
vision tell apart. (https://jfly.uni-koeln.de/color/, https://www.w3.org/WAI/tutorials/images/complex/)
"""

import base64
import io
import textwrap
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, FAINT, GRID = "#1a1a1a", "#59636e", "#e3e6ea"
BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE, YELLOW, GREY = (
    "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#F0E442", "#999999"
)  # fmt: skip
HATCH = "////"
DOTS_PER_INCH = 160
CHARACTERS_PER_INCH = 11.5  # of a title in its size, on average


class Picture(Figure):
    """A figure that a notebook shows with its alt text, also where it is shown by itself at the end of a cell."""

    def _ipython_display_(self) -> None:
        _display(self, self.get_gid() or "")


def new_axes(width: float, height: float) -> Axes:
    """Axes of their own figure, in inches, white whatever the theme."""
    return new_figure(width, height).subplots()


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; pyplot knows it, so that a notebook shows it without being asked."""
    return pyplot.figure(figsize=(width, height), layout="constrained", facecolor="white", FigureClass=Picture)


def finish(ax: Axes, name: str, finding: str, *, x: str, y: str, alt: str = "") -> Axes:
    """The axes with title, labels, quiet lines and alt text; the figure takes the alt text if it has none."""
    ax.set_facecolor("white")
    width = ax.get_position().width * ax.figure.get_figwidth()  # type: ignore[union-attr]
    title = textwrap.fill(finding, max(24, int(width * CHARACTERS_PER_INCH)), break_on_hyphens=False)
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    ax.tick_params(which="both", colors=INK)
    ax.tick_params(which="minor", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.set_axisbelow(True)
    describe(ax, name, alt or f"{finding}.")
    if isinstance(ax.figure, Picture) and len(ax.figure.axes) == 1:
        describe(ax.figure, name, alt_text(ax))
    return ax


def describe(chart: Axes | Figure, name: str, alt: str) -> None:
    """Give a chart its name, which names its file in a report, and its alt text."""
    chart.set_gid(name)
    chart.set_label(alt)


def alt_text(chart: Axes | Figure) -> str:
    """The finding of a chart in words, of a figure with several that of each."""
    own = str(chart.get_label())
    return own if own or isinstance(chart, Axes) else " ".join(filter(None, map(alt_text, chart.axes)))


def show(chart: Axes | Figure, name: str | None = None) -> None:
    """Show a chart in a notebook, once, with its alt text; `name` names its file in a report."""
    figure: Any = chart.figure if isinstance(chart, Axes) else chart
    pyplot.close(figure)
    _display(figure, name or str(chart.get_gid() or ""), alt_text(chart))


def _display(figure: Figure, name: str, alt: str = "") -> None:
    from IPython.display import display

    alt = alt or alt_text(figure)
    metadata: dict[str, Any] = {"image/png": {"alt": alt, "width": round(figure.get_figwidth() * 100)}}
    if name:
        metadata["workbench"] = {"chart": name}
    picture = base64.b64encode(png(figure)).decode()
    display({"image/png": picture, "text/plain": alt}, raw=True, metadata=metadata)


def png(chart: Axes | Figure) -> bytes:
    """The chart as a PNG file, its alt text inside as the description."""
    figure: Any = chart.figure if isinstance(chart, Axes) else chart
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DOTS_PER_INCH, metadata={"Description": alt_text(chart)})
    return out.getvalue()


def thousands() -> FuncFormatter:
    """Numbers on an axis with their thousands separated."""
    return FuncFormatter(lambda value, _: f"{value:,.10g}")
