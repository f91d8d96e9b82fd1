"""The explorer: knobs on a design, and beside them what they come to, while a slider is dragged.

    explorer = wb.explorer("designs/task_board.yaml", pattern="record-webhook")
    explorer                       in a notebook: the panel; run headless: the same as one figure
    explorer.set(shards=4)         what a slider does, for the next cell
    explorer.pin()                 keeps this state as "before"; the charts show both from now on
    explorer.state.yaml()          what changes in the design file
    explorer.results               the numbers, for `wb.record(**explorer.results)`

The panel is a view: everything it shows is computed by `outlook` and drawn by `outlook_charts`. While a knob moves, the
heat map is a preview; once it rests, the simulation runs beside the kernel, and is given up if the knob moves on.
What is wrong with a setting is said in the panel, which stays as it was. Run headless, it is an error of the cell.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.adjustments import KNOBS, State, known_settings
from workbench.amazon import HEADLESS
from workbench.defaults import DEFAULT_NOW, DEFAULT_SEED
from workbench.design import Design
from workbench.designfile import load_design
from workbench.items import Items
from workbench.outlook import Outlook, Outlooks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.panel import Panel


def explorer(
    design: "Design | Items | str | Path",
    *,
    table: str | None = None,
    pattern: str | None = None,
    duration: Any = "30min",
    seed: int = DEFAULT_SEED,
    now: int = DEFAULT_NOW,
    **knobs: Any,
) -> "Explorer":
    """Knobs on a design, or a design file, and what they come to: spread, heat, cost, and a sentence.

    Args:
        design: a design, its items, or the path of a design file.
        table: the table to look at; that of the pattern, unless given.
        pattern: the access pattern that the knobs act upon; the one with the hottest key, unless given.
        duration: what is simulated once the knobs rest.
        seed, now: of the items and the simulation.
        knobs: how they stand at first: load, skew (a Zipf exponent), rate (requests/s), cardinality (values of the
            partition key's field), size (bytes), shards, capacity, consistency. None is as the design has it.

    ValueError says which setting cannot be, and why; DesignError what is wrong with the design.
    """
    if unknown := knobs.keys() - known_settings():
        raise ValueError(f"explorer has no knob {min(unknown)!r}; there are {', '.join(known_settings())}")
    known = load_design(design) if isinstance(design, str | Path) else design
    outlooks = Outlooks(known, duration=duration, seed=seed, now=now)
    knobs = {name: value for name, value in knobs.items() if value is not None or name != "load"}
    return Explorer(outlooks, State(outlooks.focus(pattern, table), **knobs))


class Explorer:
    """The knobs of a design and what they come to; `explorer` makes one."""

    def __init__(self, outlooks: Outlooks, state: State):
        self.outlooks, self.found = outlooks, outlooks.outlook(state)  # found: with a simulation once it has been run
        self._before: Outlook | None = None
        self._panel: Panel | None = None

    def __repr__(self) -> str:
        return f"<Explorer {self.outlooks.design.name}, {self.state.focus.pattern}: {self.state}: {self.verdict}>"

    # What there is

    @property
    def state(self) -> State:
        """How the knobs stand."""
        return self.found.state

    @property
    def outlook(self) -> Outlook:
        """What they come to, with its simulation."""
        if self.found.simulation is None:
            self.found = self.outlooks.simulated(self.found)
        return self.found

    @property
    def before(self) -> Outlook | None:
        """What the pinned state came to."""
        return self._before

    @property
    def verdict(self) -> str:
        """The sentence: which key, how much, which limit, and what would help; and what changed since the pin."""
        words = f"{self.found.headline} {self.found.dollars}."
        return f"{words} {self.found.since(self._before)}" if self._before else words

    @property
    def results(self) -> dict[str, Any]:
        """The numbers of the state, as plain values for `record`."""
        return self.outlook.results

    def figure(self) -> "Figure":
        """All charts in one figure, for a report; a notebook shows it with its alt text."""
        from workbench.outlook_charts import whole

        return whole(self.outlook, self._before)

    @property
    def panel(self) -> "Panel":
        """The widgets."""
        if self._panel is None:
            from workbench.panel import Panel

            self._panel = Panel(self)
        return self._panel

    # What changes it

    def set(self, **knobs: Any) -> "Explorer":
        """Turn knobs as the sliders do; None is as the design has it. Another pattern sets all others back."""
        if unknown := knobs.keys() - known_settings() - {"pattern"}:
            raise ValueError(f"explorer has no knob {min(unknown)!r}; there are pattern, {', '.join(known_settings())}")
        focus, settings = self.state.focus, dict(self.state.settings)
        if (pattern := knobs.pop("pattern", focus.pattern)) != focus.pattern:
            focus, settings = self.outlooks.focus(pattern), {"load": self.state.load}
        settings = {name: value for name, value in {**settings, **knobs}.items() if name != "pattern"}
        self.found = self.outlooks.outlook(State(focus, **settings))
        return self._shown()

    def reset(self) -> "Explorer":
        """Set all knobs back to what the design has."""
        return self.set(**dict.fromkeys(KNOBS))

    def pin(self) -> "Explorer":
        """Keep this state as the one before; the charts and the sentence compare with it from now on."""
        self._before = self.outlook
        return self._shown()

    def unpin(self) -> "Explorer":
        """Compare no more."""
        self._before = None
        return self._shown()

    def _shown(self) -> "Explorer":
        """Itself, with the panel showing it, if there is one."""
        if self._panel is not None:
            self._panel.refresh()
        return self

    def _ipython_display_(self) -> None:
        if os.environ.get(HEADLESS):
            from workbench.pictures import show

            show(self.figure())
        else:
            self.panel.show()
