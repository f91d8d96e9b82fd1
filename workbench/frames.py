"""Frames: the part of a chart that stays while a slider is dragged, drawn once and kept as pixels.

Most of the time of a small picture goes into what is the same after the move: axes, ticks, letters, a legend. So a
chart is in two parts. Its frame is drawn when it is first needed, and kept; its content, and the scale of its values,
are drawn anew, on top of the frame. (https://matplotlib.org/stable/users/explain/animations/blitting.html)

    frame = kept_frame(("cost", names), lambda: Frame(5.8, 1.8, margins, dress))
    png, _ = frame.picture(lambda ax: ax.barh(places, values))
"""

import io
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

DOTS_PER_INCH = 100
KEPT = 12  # frames
_FAST: Any = {"text.hinting": "none"}  # letters take the most time
_frames: dict[Hashable, "Frame"] = {}
Margins = tuple[float, float, float, float]


def sized_figure(width: float, height: float, margins: Margins, kind: type[Figure] = Figure) -> Figure:
    """An empty figure in inches, whose axes leave these margins: left, right, below and above them."""
    figure = kind(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    left, right, below, above = margins
    figure.subplots_adjust(left / width, below / height, 1 - right / width, 1 - above / height)
    return figure


class Frame:
    """Axes of a figure of their own, as large as always, with what `dress` puts around them; what it returns moves.

    Width, height and margins (left, right, below, above the axes) are in inches.
    """

    def __init__(self, width: float, height: float, margins: Margins, dress: Callable[[Axes], Iterable[Artist]]):
        figure = sized_figure(width, height, margins)
        self.canvas, self.ax = FigureCanvasAgg(figure), figure.subplots()
        self.moving = list(dress(self.ax))
        for artist in self.moving:
            artist.set_animated(True)  # is not drawn with the rest
        with rc_context(_FAST):
            self.canvas.draw()
        self.still: Any = self.canvas.copy_from_bbox(figure.bbox)
        self.own = set(map(id, self.ax.get_children()))

    def draw(self, content: Callable[[Axes], Any]) -> Any:
        """The pixels, rows of red, green and blue, with what `content` draws into the axes for this time."""
        self.canvas.restore_region(self.still)
        content(self.ax)
        drawn = [artist for artist in self.ax.get_children() if id(artist) not in self.own]
        with rc_context(_FAST):
            for artist in sorted([*self.moving, *drawn], key=Artist.get_zorder):
                self.ax.draw_artist(artist)
        for artist in drawn:
            artist.remove()
        self.ax.dataLim.set(Bbox.null())  # else it holds what was removed too
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Where in the pixels the axes are: left, top, right, bottom."""
        box, height = self.ax.get_window_extent(), self.canvas.get_width_height()[1]
        return round(box.x0), height - round(box.y1), round(box.x1), height - round(box.y0)


def kept_frame(key: Hashable, make: Callable[[], Frame]) -> Frame:
    """The frame that was made for a key, or a new one; those that were used last are kept."""
    _frames[key] = frame = _frames.pop(key, None) or make()
    if len(_frames) > KEPT:
        del _frames[next(iter(_frames))]
    return frame


def png(pixels: Any) -> bytes:
    """Pixels as a PNG file, made quickly rather than small."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()
