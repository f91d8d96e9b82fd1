"""Knobs: the widgets of the explorer that are turned, their ranges, and how their values are written.

Rates, counts and sizes go by powers of ten, since it is their order of magnitude that decides. Whatever the design has,
a knob begins there; it says nothing until it is moved, and then takes the place of what the design says.
"""

import re
from collections.abc import Callable
from math import floor, log10
from typing import Any

import ipywidgets as widgets

from workbench import limits
from workbench.adjustments import CAPACITIES, CONSISTENCIES, LOADS, MOST_RATE, MOST_SHARDS, MOST_SKEW, State
from workbench.design import Design
from workbench.focus import choosable
from workbench.outlook import Outlooks
from workbench.schema import AutoScaling
from workbench.spreads import rate_text

WIDE: dict[str, Any] = {"style": {"description_width": "7em"}, "layout": {"width": "28em"}}
DIGITS = 3  # significant ones of a value on a logarithmic scale


def _log(words: str, tooltip: str) -> widgets.FloatLogSlider:
    return widgets.FloatLogSlider(description=words, tooltip=tooltip, step=0.02, readout_format=",.3r", **WIDE)


def _choice(words: str, tooltip: str, options: Any) -> widgets.Dropdown:
    return widgets.Dropdown(description=words, tooltip=tooltip, options=options, **WIDE)


WIDGETS: dict[str, Callable[[], Any]] = {
    "pattern": lambda: _choice("Pattern", "The access pattern that the knobs act upon", ["-"]),
    "skew": lambda: widgets.FloatSlider(
        description="Skew (Zipf)",
        tooltip="0: every key alike; 1: the first gets most",
        max=MOST_SKEW,
        step=0.05,
        **WIDE,
    ),
    "rate": lambda: _log("Rate /s", "Mean requests a second; a peak moves along"),
    "load": lambda: _choice("Load", "How the load moves in the simulation", LOADS),
    "cardinality": lambda: _log("Cardinality", "How many values the partition key's field has"),
    "size": lambda: _log("Item bytes", "Bytes of an item, padded with a filler"),
    "shards": lambda: widgets.IntSlider(
        description="Shards", tooltip="Keys that each partition key is written over", min=1, max=MOST_SHARDS, **WIDE
    ),
    "capacity": lambda: _choice("Capacity", "Capacity mode of the table; provisioned holds the peak", CAPACITIES),
    "consistency": lambda: _choice("Consistency", "Consistency of the pattern's reads", CONSISTENCIES),
}


def knob_value(name: str, value: Any) -> Any:
    """What a widget's value says to the explorer."""
    if name in ("cardinality", "size"):
        return max(1, round(_rounded(value)))
    return _rounded(value) if name == "rate" else round(value, 2) if name == "skew" else value


def _rounded(value: float) -> float:
    """A value with three significant digits.

    >>> _rounded(1234.5), _rounded(0.016666)
    (1230.0, 0.0167)
    """
    return float(f"{value:.{DIGITS}g}")


def shown_value(name: str, value: Any) -> str:
    """A setting in words.

    >>> shown_value("skew", 1.1), shown_value("rate", 1500.0), shown_value("shards", None)
    ('zipf(1.1)', '1,500/s', 'as designed')
    """
    if value is None:
        return "as designed"
    if isinstance(value, str):
        return value
    written: dict[str, Callable[[Any], str]] = {
        "skew": lambda v: f"zipf({v:g})" if v else "uniform",
        "rate": lambda v: f"{rate_text(v)}/s",
        "size": lambda v: f"{v:,} bytes",
    }
    return written.get(name, lambda v: f"{v:,.10g}")(value)


def echoes(knob: Any, new: Any, put: Any) -> bool:
    """Whether a new value is the one that was put, rounded by the front end to the steps of a logarithmic slider."""
    if not isinstance(knob, widgets.FloatLogSlider) or not put:
        return False
    return abs(log10(new) - log10(put)) < 0.51 * (knob.step or 0)


def fitted(name: str, knob: Any, state: State, outlooks: Outlooks) -> Any:
    """Give a knob its range for the access pattern, and the state's value, else the design's; the value it got."""
    if name in ("pattern", "load"):
        if name == "pattern" and len(knob.options) != len(choosable(outlooks.design)):
            knob.options = choosable(outlooks.design)
        knob.value = state.focus.pattern if name == "pattern" else state.load
        return knob.value
    knob.disabled = name in state.focus.idle
    value = getattr(state, name)
    designed = _DESIGNED[name](state, outlooks)
    if name in _RANGES:
        low, high = _RANGES[name](state, designed)
        knob.min, knob.max = min(low, knob.max), max(high, knob.min)
        knob.min, knob.max = low, high
        value, designed = (v if v is None else min(max(v, 10**low), 10**high) for v in (value, designed))
    target = designed if value is None else value
    if not echoes(knob, knob.value, target) and knob.value != target:
        knob.value = target
    return target


def designed(state: State, outlooks: Outlooks) -> dict[str, Any]:
    """By knob, what the design has; a popularity as the design file writes it."""
    found = {name: value(state, outlooks) for name, value in _DESIGNED.items()}
    return found | {"skew": state.focus.popularity or "each item alike", "size": round(found["size"])}


def _decades(state: State, designed: float) -> tuple[float, float]:
    """Powers of ten from two below a rate up to the most."""
    return floor(log10(designed)) - 2.0 if designed < 1 else 0.0, log10(MOST_RATE)


_RANGES: dict[str, Callable[[State, float], tuple[float, float]]] = {
    "rate": _decades,
    "cardinality": lambda state, designed: (0.0, max(0.02, log10(state.focus.most_values or 2))),
    "size": lambda state, designed: (1.0, log10(limits.ITEM_BYTES)),
}


def _designed_skew(state: State, outlooks: Outlooks) -> float:
    """The exponent that the design states; where it says otherwise, about as uneven."""
    text = state.focus.popularity
    if found := re.match(r"zipf\(([0-9.]+)\)", text):
        return min(float(found[1]), MOST_SKEW)
    return 0.0 if text in ("", "uniform") else MOST_SKEW if text == "latest" else 1.0


def _designed_size(state: State, outlooks: Outlooks) -> float:
    items = outlooks.base.entities[state.focus.entity]
    return float(items.sizes.mean()) if len(items) else 1000.0


def _designed_capacity(state: State, outlooks: Outlooks) -> str:
    capacity: Any = outlooks.design.tables[state.focus.table].capacity
    scales = any(isinstance(getattr(capacity, kind, None), AutoScaling) for kind in ("read", "write"))
    return "on-demand" if capacity == "on-demand" else "auto scaling" if scales else "provisioned"


_DESIGNED: dict[str, Callable[[State, Outlooks], Any]] = {
    "skew": _designed_skew,
    "rate": lambda state, outlooks: outlooks.design.access_patterns[state.focus.pattern].rate or 1.0,
    "cardinality": lambda state, outlooks: max(1.0, state.focus.values),
    "size": _designed_size,
    "shards": lambda state, outlooks: 1,
    "capacity": _designed_capacity,
    "consistency": lambda state, outlooks: CONSISTENCIES[_pattern(outlooks.design, state).consistent],
}


def _pattern(design: Design, state: State) -> Any:
    return design.access_patterns[state.focus.pattern]
