"""Knobs: the widgets of the explorer that are turned, their ranges, and how their values are written.

Rates, counts and sizes go in round numbers by powers of ten, since it is their order of magnitude that decides. What
the design has is a place of its own on each slider, where it begins: there the knob says nothing, and the design holds
to the last digit. Moved, it takes the place of what the design says.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from math import floor, log10
from typing import Any

import ipywidgets as widgets

from workbench import limits
from workbench.adjustments import CAPACITIES, CONSISTENCIES, LOADS, MOST_RATE, MOST_SHARDS, MOST_SKEW, State
from workbench.design import Design
from workbench.focus import choosable
from workbench.outlook import Outlooks
from workbench.schema import AutoScaling

WIDE: dict[str, Any] = {"style": {"description_width": "7em"}, "layout": {"width": "28em"}}
ROUND = (1, 1.1, 1.2, 1.35, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9)  # numbers of a decade
SKEW_STEP = 0.05
AS_DESIGNED = "as designed"  # the place on a slider that leaves what the design has


def _slider(words: str, tooltip: str) -> widgets.SelectionSlider:
    return widgets.SelectionSlider(description=words, tooltip=tooltip, options=[("-", AS_DESIGNED)], **WIDE)


def _choice(words: str, tooltip: str, options: Any) -> widgets.Dropdown:
    return widgets.Dropdown(description=words, tooltip=tooltip, options=options, **WIDE)


WIDGETS: dict[str, Callable[[], Any]] = {
    "pattern": lambda: _choice("Pattern", "The access pattern that the knobs act upon", ["-"]),
    "skew": lambda: _slider("Skew", "Zipf exponent; 0: every key alike; 1: the first gets most"),
    "rate": lambda: _slider("Rate", "Mean requests a second; a peak moves along"),
    "load": lambda: _choice("Load", "How the load moves in the simulation", LOADS),
    "cardinality": lambda: _slider("Cardinality", "How many values the partition key's field has"),
    "size": lambda: _slider("Item size", "Bytes of an item, padded with a filler"),
    "shards": lambda: _slider("Shards", "Keys that each partition key is written over"),
    "capacity": lambda: _choice("Capacity", "Capacity mode of the table; provisioned holds the peak", CAPACITIES),
    "consistency": lambda: _choice("Consistency", "Consistency of the pattern's reads", CONSISTENCIES),
}


def knob_value(value: Any) -> Any:
    """What a widget's value says to the explorer."""
    return None if value == AS_DESIGNED else value


def shown_value(name: str, value: Any) -> str:
    """A setting in words.

    >>> shown_value("skew", 1.1), shown_value("rate", 1500.0), shown_value("shards", None)
    ('zipf(1.1)', '1,500/s', 'as designed')
    """
    if value is None:
        return AS_DESIGNED
    if isinstance(value, str):
        return value
    written: dict[str, Callable[[Any], str]] = {
        "skew": lambda v: f"zipf({v:g})" if v else "uniform",
        "rate": lambda v: f"{float(f'{v:.6g}'):,.10g}/s",
        "size": lambda v: f"{v:,} bytes",
    }
    return written.get(name, lambda v: f"{v:,.10g}")(value)


def fitted(name: str, knob: Any, state: State, outlooks: Outlooks) -> None:
    """Give a knob its places for the access pattern, and the state's value, else the design's."""
    if name == "pattern":
        if len(knob.options) != len(choosable(outlooks.design)):
            knob.options = choosable(outlooks.design)
        knob.value = state.focus.pattern
    elif name == "load":
        knob.value = state.load
    else:
        knob.disabled = name in state.focus.idle
        own, has = getattr(state, name), _DESIGNED[name](state, outlooks)
        if name not in _GRIDS:
            knob.value = has if own is None else own
            return
        places = _places(name, own, has, state)
        if knob.options != places:
            knob.options = places
        knob.value = AS_DESIGNED if own is None else own


def _places(name: str, own: Any, has: Any, state: State) -> tuple[tuple[str, Any], ...]:
    """A slider's places in rising order: round numbers, what the design has, and where the state stands."""
    if name in state.focus.idle:
        return (("off", AS_DESIGNED),)
    values = {*_GRIDS[name](state, has), *([own] if own is not None else [])} - {has}
    words = f"≈ {has:g}" if name == "skew" and not _is_exponent(state) else _place_words(name, has)
    marked = [(value, (_place_words(name, value), value)) for value in values] + [(has, (words, AS_DESIGNED))]
    return tuple(place for _, place in sorted(marked, key=lambda one: one[0]))


def _place_words(name: str, value: float) -> str:
    """A value as it stands beside its slider."""
    written = {"skew": lambda v: f"{v:g}", "size": lambda v: f"{round(v):,} bytes"}
    return written.get(name, partial(shown_value, name))(value)


def designed(state: State, outlooks: Outlooks) -> dict[str, Any]:
    """By knob, what the design has; a popularity as the design file writes it."""
    found = {name: value(state, outlooks) for name, value in _DESIGNED.items()}
    return found | {"skew": state.focus.popularity or "each item alike", "size": round(found["size"])}


def _round_numbers(low: float, high: float) -> Iterator[float]:
    """Round numbers from one value to another, both included.

    >>> list(_round_numbers(8, 12.5))
    [8.0, 9.0, 10.0, 11.0, 12.0, 12.5]
    """
    for decade in range(floor(log10(low)), floor(log10(high)) + 1):
        yield from (value for part in ROUND if low <= (value := float(f"{part}e{decade}")) < high)
    yield float(high)


def _whole_numbers(low: float, high: float) -> set[int]:
    return {round(value) for value in _round_numbers(low, high)}


_GRIDS: dict[str, Callable[[State, Any], Any]] = {
    "skew": lambda state, has: [round(SKEW_STEP * at, 2) for at in range(round(MOST_SKEW / SKEW_STEP) + 1)],
    "rate": lambda state, has: _round_numbers(min(1.0, 10.0 ** (floor(log10(has)) - 2)), MOST_RATE),
    "cardinality": lambda state, has: _whole_numbers(1, state.focus.most_values or 1),
    "size": lambda state, has: _whole_numbers(10, limits.ITEM_BYTES),
    "shards": lambda state, has: range(1, MOST_SHARDS + 1),
}
SLIDERS = tuple(_GRIDS)


def _is_exponent(state: State) -> bool:
    return state.focus.popularity in ("", "uniform") or state.focus.popularity.startswith("zipf")


def _designed_skew(state: State, outlooks: Outlooks) -> float:
    """The exponent that the design states; where it says otherwise, the one that gives the hottest key its share."""
    text = state.focus.popularity
    if found := re.match(r"zipf\(([0-9.]+)\)", text):
        return min(float(found[1]), MOST_SKEW)
    return 0.0 if text in ("", "uniform") else outlooks.exponent(state.focus)


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
