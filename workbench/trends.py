"""Trends: what notebooks recorded from run to run, and the small pictures of it.

Each run of a suite adds a line to `history.jsonl` in its output folder: when, and every number that was recorded. The
last fifty are kept. A build that keeps this file between its runs (a cache, an artefact) sees in the report whether a
number crept up or jumped. Pictures are SVG in the page, with a sentence as their alternative text.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from workbench.baselines import Tolerance, shown

KEPT = 50  # runs
WIDTH, HEIGHT, MARGIN = 240, 48, 6  # pixels


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that are numbers."""
    return {k: v for k, v in metrics.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def read_history(path: Path) -> list[dict[str, Any]]:
    """The runs on record, oldest first; lines that cannot be read, as of a full disk, are left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [run for run in found if isinstance(run, dict) and isinstance(run.get("cases"), dict)]


def add_to_history(path: Path, at: str, cases: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put a run on record and return all of them, oldest first."""
    runs = [*read_history(path), {"at": at, "cases": {name: numbers(metrics) for name, metrics in cases.items()}}]
    lines = "".join(json.dumps(run, ensure_ascii=False) + "\n" for run in runs[-KEPT:])
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(lines, encoding="utf-8")
    temporary.replace(path)
    return runs[-KEPT:]


@dataclass(frozen=True)
class Trend:
    """A metric over the runs on record, the newest last, beside its baseline."""

    metric: str
    values: tuple[float, ...]
    baseline: float | None
    tolerance: Tolerance

    @property
    def moves(self) -> bool:
        """Whether it was ever another number than it is now."""
        return len({*self.values, *([] if self.baseline is None else [self.baseline])}) > 1

    @property
    def is_off(self) -> bool:
        """Whether the newest value is further from the baseline than allowed."""
        return self.baseline is not None and not self.tolerance.allows(self.baseline, self.values[-1])

    @property
    def sentence(self) -> str:
        """What the picture shows."""
        low, high, last = (shown(value) for value in (min(self.values), max(self.values), self.values[-1]))
        span = f"always {last}" if low == high else f"between {low} and {high}, now {last}"
        against = "no baseline" if self.baseline is None else f"baseline {shown(self.baseline)}, {self._verdict}"
        return f"{self.metric}: {span}, in {len(self.values)} run{'s' * (len(self.values) > 1)}; {against}"

    @property
    def _verdict(self) -> str:
        if self.tolerance.ignored:
            return "not compared"
        return f"more than allowed away ({self.tolerance})" if self.is_off else "as allowed"

    def to_img(self) -> str:
        """The picture as an HTML element that needs nothing else."""
        data = base64.b64encode(self.to_svg().encode()).decode()
        size, alt = f'width="{WIDTH}" height="{HEIGHT}"', escape(self.sentence)
        return f'<img {size} alt="{alt}" src="data:image/svg+xml;base64,{data}">'

    def to_svg(self) -> str:
        """A line of the values, dashes for the baseline, a band for its tolerance, and the newest value as a mark."""
        band = [] if self.baseline is None else [self.baseline - self._width, self.baseline + self._width]
        low, high = min(*self.values, *band, self.values[0]), max(*self.values, *band, self.values[0])
        places = [(self._x(i), _y(value, low, high)) for i, value in enumerate(self.values)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        x, y = places[-1]
        mark = _CROSS.format(x0=x - 4, x1=x + 4, y0=y - 4, y1=y + 4) if self.is_off else _DOT.format(x=x, y=y)
        return f'{_HEAD}{self._band(band, low, high)}<polyline class="l" points="{line}"/>{mark}</svg>'

    @property
    def _width(self) -> float:
        return 0.0 if self.baseline is None or self.tolerance.ignored else self.tolerance.width(self.baseline)

    def _x(self, place: int) -> float:
        steps = max(len(self.values) - 1, 1)
        return MARGIN + (place / steps if len(self.values) > 1 else 1) * (WIDTH - 2 * MARGIN)

    def _band(self, band: Sequence[float], low: float, high: float) -> str:
        if self.baseline is None:
            return ""
        bottom, top = (_y(value, low, high) for value in band)
        middle = _y(self.baseline, low, high)
        return (
            f'<rect class="a" x="0" width="{WIDTH}" y="{top:.1f}" height="{bottom - top:.1f}"/>'
            f'<line class="b" x1="0" x2="{WIDTH}" y1="{middle:.1f}" y2="{middle:.1f}"/>'
        )


def _y(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)


# Okabe and Ito's blue and vermilion, apart for every eye; what is off is also another mark.
_HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"><style>.l{{fill:none;stroke:#0072b2;'
    "stroke-width:2}.b{stroke:#777;stroke-dasharray:4 3}.a{fill:#777;opacity:.18}.m{fill:#0072b2}"
    ".x{stroke:#d55e00;stroke-width:3}@media(prefers-color-scheme:dark){.l{stroke:#56b4e9}.m{fill:#56b4e9}"
    ".b{stroke:#aaa}}</style>"
)
_DOT = '<circle class="m" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
_CROSS = '<path class="x" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}M{x0:.1f} {y1:.1f}L{x1:.1f} {y0:.1f}"/>'
