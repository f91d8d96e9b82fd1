"""The panel of the explorer: its widgets, what each turns, and when what is drawn.

A move of a knob is answered at once, with the sentence, the spread, the cost and a preview of the heat; the front end
sends the next move only when the last was answered, so that nothing piles up. When the knobs rest, the simulation runs
in a thread, which another move tells to stop. ipywidgets loads with this module, and nothing else needs it.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from workbench.adjustments import KNOBS, State, call_text
from workbench.amazon import HEADLESS
from workbench.errors import WorkbenchError
from workbench.knobs import SLIDERS, WIDGETS, designed, fitted, knob_value, shown_value
from workbench.outlook import Outlook
from workbench.outlook_charts import CHARTS, bill, chart_html

if TYPE_CHECKING:
    from workbench.exploring import Explorer

REST_S = 0.35  # that the knobs must rest before the simulation starts
INK = "color:var(--jp-ui-font-color1,inherit)"
FAINT = "color:var(--jp-ui-font-color2,inherit);font-size:var(--jp-ui-font-size1,13px)"
ALARM = "color:var(--jp-error-color1,#b00020)"

# Widgets give a slider's handle no name, and say its place instead of its value; nor can they make a live region that
# stays when its text changes, as screen readers need it. Where a page runs no scripts, the rest works without.
NAMES = """
(() => {
  const say = (handle, slider) => {
    const words = slider.querySelector(".widget-readout").innerText;
    if (handle.getAttribute("aria-valuetext") !== words) handle.setAttribute("aria-valuetext", words);
  };
  const name = panel => {
    for (const slider of panel.querySelectorAll(".widget-hslider")) {
      const handle = slider.querySelector(".noUi-handle"), later = () => setTimeout(() => say(handle, slider));
      handle.setAttribute("aria-label", slider.querySelector(".widget-label").innerText);
      new MutationObserver(later).observe(handle, {attributeFilter: ["aria-valuetext"]});
      new MutationObserver(later).observe(slider.querySelector(".widget-readout"), {childList: true, subtree: true});
      later();
    }
    const verdict = panel.querySelector(".workbench-verdict");
    verdict.setAttribute("role", "status");
    verdict.setAttribute("aria-live", "polite");
    panel.querySelector(".workbench-error").setAttribute("role", "alert");
    panel.dataset.named = "yes";
  };
  const drawn = panel => panel.querySelectorAll(".noUi-handle").length === SLIDERS
    && panel.querySelector(".workbench-error");
  const look = left => {
    for (const panel of document.querySelectorAll(".workbench-explorer:not([data-named])"))
      if (drawn(panel)) name(panel);
    if (left) setTimeout(look, 250, left - 1);
  };
  look(60);
})();
"""


class Panel:
    """The widgets of an explorer; `box` holds them all, `knobs` by name those that are turned."""

    def __init__(self, explorer: "Explorer"):
        self.explorer = explorer
        self.knobs: dict[str, Any] = {name: make() for name, make in WIDGETS.items()}
        self.charts = {name: _html(f"workbench-{name}") for name in (*CHARTS, "heat-before")}
        self.verdict, self.error, self.hints = map(_html, ("workbench-verdict", "workbench-error", "workbench-hints"))
        self.pin = _button("Pin as before", "Keep this state; the charts compare with it from now on", self._pin)
        self.unpin = _button("Unpin", "Compare no more", self._unpin)
        self.reset = _button("Reset", "Set all knobs back to what the design has", self._reset)
        self.yaml, self.parameters = _text("YAML"), _text("Parameters")
        self.box = self._arranged()
        self._drawn: dict[str, tuple[Any, ...]] = {}
        self._quiet = False
        self._rest: asyncio.Task[None] | None = None
        self._fit()
        for name, knob in self.knobs.items():
            knob.observe(partial(self._turned, name), "value")
        self._show_state()

    def show(self) -> None:
        """Show the panel in a notebook; where there are no widgets, its sentence."""
        from IPython.display import display

        display({**(self.box._repr_mimebundle_() or {}), "text/plain": self.explorer.verdict}, raw=True)
        display({"application/javascript": NAMES.replace("SLIDERS", str(len(SLIDERS))), "text/plain": ""}, raw=True)

    def _arranged(self) -> widgets.VBox:
        buttons = widgets.HBox([self.pin, self.unpin, self.reset])
        copied = widgets.Accordion([self.yaml, self.parameters], titles=("Change of the design", "Parameters cell"))
        left = widgets.VBox([*self.knobs.values(), buttons, self.hints, copied], layout={"width": "29em"})
        pictures = [self.charts[name] for name in ("spread", "heat", "cost", "heat-before")]
        for chart in pictures:
            chart.layout = widgets.Layout(flex="1 1 30em", max_width="580px", margin="0 0.5em 0 0")
        right = widgets.HBox(
            pictures, layout={"flex_flow": "row wrap", "flex": "1 1 31em", "align_content": "flex-start"}
        )
        body = widgets.HBox([left, right], layout={"flex_flow": "row wrap"})
        box = widgets.VBox([self.verdict, self.error, body])
        box.add_class("workbench-explorer")
        return box

    # What is turned

    def _turned(self, name: str, change: Mapping[str, Any]) -> None:
        if not self._quiet:
            self._answer(lambda: self.explorer.set(**{name: knob_value(change["new"])}))

    def _pin(self) -> None:
        self._answer(self.explorer.pin)

    def _unpin(self) -> None:
        self._answer(self.explorer.unpin)

    def _reset(self) -> None:
        self._answer(self.explorer.reset)

    def _answer(self, act: Callable[[], Any]) -> None:
        """Do what was asked, which shows what it comes to; or say why not, and stay as it was."""
        with self._said():
            act()
            self.error.value = ""
            return
        self._fit()

    def refresh(self) -> None:
        """Show the explorer's state, whoever changed it: a knob, or a cell."""
        self._give_up()
        self._show_state()
        self._fit()

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Say what goes wrong in the panel; what is no fault of a setting, and all of it headless, is raised too."""
        try:
            yield
        except Exception as error:
            expected = isinstance(error, ValueError | WorkbenchError)
            words = str(error) if expected else f"{type(error).__name__}: {error}"
            self.error.value = f'<p style="{ALARM}">{escape(words)} (The charts stay as they were.)</p>'
            if os.environ.get(HEADLESS) or not expected:
                raise

    # What is shown

    def _show_state(self) -> None:
        """What the state comes to, at once; the simulation once the knobs rest."""
        explorer = self.explorer
        self._draw(explorer.found)
        if explorer.found.simulation is None:
            self._simulate_later()

    def _draw(self, found: Outlook) -> None:
        """The sentence, and each chart that shows something else now."""
        before = self.explorer.before
        self.verdict.value = _sentence(found, before)
        contents: dict[str, tuple[Any, ...]] = {
            "spread": (found.report, before and before.report),
            "cost": (bill(found), before and bill(before)),
            "heat": (found.report, found.state.load, found.simulation),
        }
        for name, content in contents.items():
            if not _alike(content, self._drawn.get(name)):
                self.charts[name].value = chart_html(name, found, before)
                self._drawn[name] = content
        self._draw_before(before)

    def _draw_before(self, before: Outlook | None) -> None:
        if self._drawn.get("heat-before") != (before,):
            self.charts["heat-before"].value = chart_html("heat", before, before) if before else ""
            self._drawn["heat-before"] = (before,)

    def _fit(self) -> None:
        """The knobs as the state has them, with what they act upon."""
        state, outlooks = self.explorer.state, self.explorer.outlooks
        self._quiet = True
        try:
            for name, knob in self.knobs.items():
                fitted(name, knob, state, outlooks)
        finally:
            self._quiet = False
        self.unpin.disabled = self.explorer.before is None
        self.hints.value = _hints(state, designed(state, outlooks))
        self.yaml.value = state.yaml()
        self.parameters.value = state.parameters() + "\n# and in a cell below\n" + call_text("design")

    # The simulation, when the knobs rest

    def _simulate_later(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None or os.environ.get(HEADLESS):
            self.settle()
        else:
            self._rest = loop.create_task(self._simulated_at_rest())

    def _give_up(self) -> None:
        """End the simulation that is waiting or running for an older state."""
        if self._rest is not None:
            self._rest.cancel()

    async def _simulated_at_rest(self) -> None:
        await asyncio.sleep(REST_S)
        stop, found = threading.Event(), self.explorer.found
        with self._said():
            try:
                if found.simulation is None:  # no cell has asked for it meanwhile
                    found = await asyncio.to_thread(self.explorer.outlooks.simulated, found, stop.is_set)
            finally:
                stop.set()
            self.explorer.found = found
            self._draw(found)

    def settle(self) -> None:
        """Run the simulation now, and show it."""
        self._draw(self.explorer.outlook)


def _alike(one: tuple[Any, ...], other: tuple[Any, ...] | None) -> bool:
    """Whether a chart would show the same: the same objects, or equal numbers."""
    if other is None:
        return False
    return all(a is b or (isinstance(a, dict | str) and a == b) for a, b in zip(one, other, strict=True))


def _sentence(found: Outlook, before: Outlook | None) -> str:
    """The verdict, what changed since the pin, and what the simulation shows."""
    head, line = "font-size:1.25em;font-weight:600;margin:0.2em 0;line-height:1.35", "margin:0.2em 0;line-height:1.35"
    told = [f'<p style="{head}">{escape(f"{found.headline} {found.dollars}.")}</p>']
    told += [f'<p style="{line}">{escape(found.since(before))}</p>'] if before else []
    detail = found.detail or "The heat map is a preview; the simulation follows when the knobs rest."
    told += [f'<p style="{FAINT};{line}">{escape(detail)}</p>']
    return f'<div style="{INK}">{"".join(told)}</div>'


def _hints(state: State, designed: Mapping[str, Any]) -> str:
    """What each knob acts upon, and how it stands; or why it has nothing to act upon."""
    lines = []
    for name in KNOBS:
        why, own = state.focus.idle.get(name), getattr(state, name)
        value = f"as designed, {shown_value(name, designed[name])}" if own is None else shown_value(name, own)
        told = f"<i>off: {escape(why)}</i>" if why else f"{escape(state.focus.acts[name])}: <b>{escape(value)}</b>"
        lines.append(f"<li>{name}: {told}</li>")
    return f'<ul style="{FAINT};line-height:1.35;padding-left:1.2em;white-space:normal">{"".join(lines)}</ul>'


def _html(name: str) -> widgets.HTML:
    found = widgets.HTML()
    found.add_class(name)
    return found


def _button(words: str, tooltip: str, act: Callable[[], None]) -> widgets.Button:
    found = widgets.Button(description=words, tooltip=tooltip, layout={"width": "auto"})
    found.on_click(lambda _: act())
    return found


def _text(name: str) -> widgets.Textarea:
    found = widgets.Textarea(description=name, rows=9, layout={"width": "27em"})
    found.add_class(f"workbench-{name.lower()}")
    return found
