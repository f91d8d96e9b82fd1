"""Adjustments: a few numbers of a design turned, one access pattern at a time, and the change that makes in its file.

A knob that is not touched (None) leaves what the design says. What is turned becomes a patch of the design file, so
that the design under the numbers can be kept, reviewed and run:

    state = State(focus(design, "record-webhook"), rate=900, shards=4)
    state.yaml()      what changes in the file
    state.design      the design with it

Which parts the knobs act upon follows from the access pattern: its entity, its table and the field of its partition
key. `Focus` names them, and says in words why a knob has nothing to act upon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from math import ceil, log10
from typing import Any, Literal

from workbench import limits
from workbench.amendments import amended, amended_values, yaml_text
from workbench.design import Design
from workbench.focus import Focus
from workbench.load import Kind
from workbench.quantities import is_quantity, is_whole

Capacity = Literal["on-demand", "provisioned", "auto scaling"]
Consistency = Literal["eventual", "strong"]
CAPACITIES: tuple[Capacity, ...] = ("on-demand", "provisioned", "auto scaling")
CONSISTENCIES: tuple[Consistency, ...] = ("eventual", "strong")
LOADS = ("step", "constant", "ramp", "diurnal", "spike")
MOST_SKEW = 3.0  # Zipf exponent; measured traffic has 0.6 to 1.3
MOST_RATE = 1e6  # requests a second
MOST_SHARDS = 100
TARGET = 0.7  # utilisation that auto scaling keeps
KNOBS: dict[str, str] = {
    "skew": "Zipf exponent of who gets the requests, 0 is even",
    "rate": "mean requests a second; a peak moves along",
    "cardinality": "values of the partition key's field",
    "size": "bytes of an item",
    "shards": "keys that each partition key is written over",
    "capacity": "on-demand, provisioned, auto scaling",
    "consistency": "eventual or strong",
}
_TYPES = {"skew": "float", "rate": "float", "cardinality": "int", "size": "int", "shards": "int"}


@dataclass(frozen=True, repr=False)
class State:
    """How the knobs stand: None is as the design has it. Skew is a Zipf exponent, rate requests/s, size bytes.

    `load` is the shape of the load in simulations, which is no part of a design. `units` are those that a capacity
    mode provisions, by kind, which follow from the load.
    """

    focus: Focus = field(repr=False)
    load: str = "step"
    skew: float | None = None
    rate: float | None = None
    cardinality: int | None = None
    size: int | None = None
    shards: int | None = None
    capacity: Capacity | None = None
    consistency: Consistency | None = None
    units: Mapping[Kind, tuple[float, float]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if why := self.focus.idle.get(name):
                raise ValueError(f"{name}={value!r} has nothing to act upon: {why}")
            if not check(self, value):
                raise ValueError(f"{name}={value!r}: {_ALLOWED[name](self)}")
        if not isinstance(self.load, str) or self.load not in LOADS:
            raise ValueError(f"load={self.load!r}: one of {', '.join(LOADS)}")

    @property
    def settings(self) -> dict[str, Any]:
        """What is turned, by name; the access pattern and the load are always there."""
        turned = {name: value for name in KNOBS if (value := getattr(self, name)) is not None}
        return {"pattern": self.focus.pattern, "load": self.load, **turned}

    def __repr__(self) -> str:
        return f"<State {self.focus.pattern}, {self.load} load: {self}>"

    def __str__(self) -> str:
        """What is turned, in words."""
        told = [f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in self._turned()]
        return ", ".join(told) or "as designed"

    def _turned(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self.settings.items() if name in KNOBS]

    # What changes in the design

    @cached_property
    def patch(self) -> dict[str, Any]:
        """What changes in the design file, as a merge patch."""
        found: dict[str, Any] = {}
        for name, change in _CHANGES.items():
            if getattr(self, name) is not None:
                change(self, found)
        return found

    @cached_property
    def design(self) -> Design:
        """The design with what is turned, as its file has it then."""
        return amended(self.focus.design, self.patch) if self.patch else self.focus.design

    @cached_property
    def values(self) -> Design:
        """The same without the text of its file, in a tenth of the time."""
        return amended_values(self.focus.design, self.patch) if self.patch else self.focus.design

    def yaml(self) -> str:
        """What changes in the design file, to be merged into it."""
        name = self.focus.design.name
        if not self.patch:
            return f"# nothing of {name} is changed\n"
        null = "; null: remove it" if "null" in (text := yaml_text(self.patch)) else ""
        return f"# merge into the design file of {name}{null}\n{text}"

    def parameters(self) -> str:
        """The knobs as a notebook's `parameters` cell, for a cell `wb.explorer(design, **knobs)` below it."""
        lines = [f"pattern: str = {self.focus.pattern!r}  # the access pattern that the knobs act upon"]
        lines += [f"load: str = {self.load!r}  # shape of the load: {', '.join(LOADS)}"]
        for name, about in KNOBS.items():
            kind = _TYPES.get(name, "str")
            lines.append(f"{name}: {kind} | None = {getattr(self, name)!r}  # {about}; None: as designed")
        return "\n".join(lines) + "\n"


def call_text(design: str) -> str:
    """The cell that opens an explorer with what a `parameters` cell says."""
    given = ", ".join(f"{name}={name}" for name in ("pattern", "load", *KNOBS))
    return f"wb.explorer({design}, {given})\n"


def with_capacity(state: State, mean: Mapping[Kind, float], peak: Mapping[Kind, float]) -> State:
    """The state with the units that its capacity mode needs for a load, in units a second: those of the peak."""
    kinds: tuple[Kind, Kind] = ("read", "write")
    units: dict[Kind, tuple[float, float]] = {
        kind: (_whole(mean.get(kind, 0.0)), _whole(peak.get(kind, 0.0))) for kind in kinds
    }
    return replace(state, units=units)


def _whole(units: float) -> float:
    """Units that can be provisioned, at least one; what sums leave behind makes none."""
    return max(1.0, ceil(units - 1e-6))


# What is allowed


def _is_rate(state: State, value: Any) -> bool:
    return is_quantity(value) and 0 < value <= MOST_RATE


_CHECKS: dict[str, Any] = {
    "skew": lambda state, value: is_quantity(value) and value <= MOST_SKEW,
    "rate": _is_rate,
    "cardinality": lambda state, value: is_whole(value, 1) and value <= state.focus.most_values,
    "size": lambda state, value: is_whole(value, 1) and value <= limits.ITEM_BYTES,
    "shards": lambda state, value: is_whole(value, 1) and value <= MOST_SHARDS,
    "capacity": lambda state, value: value in CAPACITIES,
    "consistency": lambda state, value: value in CONSISTENCIES,
}
_ALLOWED: dict[str, Any] = {
    "skew": lambda state: f"a Zipf exponent from 0 (even) to {MOST_SKEW:g}",
    "rate": lambda state: f"requests a second, above 0 and at most {MOST_RATE:,.0f}",
    "cardinality": lambda state: f"a whole number from 1 to {state.focus.most_values:,}: {state.focus.why_most}",
    "size": lambda state: f"whole bytes from 1 to {limits.ITEM_BYTES:,}, what an item may have",
    "shards": lambda state: f"a whole number from 1 to {MOST_SHARDS}",
    "capacity": lambda state: f"one of {', '.join(CAPACITIES)}",
    "consistency": lambda state: f"either {' or '.join(CONSISTENCIES)}",
}


# What each knob changes


def _of_pattern(state: State, found: dict[str, Any], **keys: Any) -> None:
    found.setdefault("access_patterns", {}).setdefault(state.focus.pattern, {}).update(keys)


def _rate(state: State, found: dict[str, Any]) -> None:
    pattern = state.focus.design.access_patterns[state.focus.pattern]
    _of_pattern(state, found, rate=rate_words(state.rate or 0.0))
    if pattern.peak and pattern.rate:
        _of_pattern(state, found, peak=rate_words((state.rate or 0.0) * pattern.peak / pattern.rate))


def _skew(state: State, found: dict[str, Any]) -> None:
    _of_pattern(state, found, popularity={state.focus.popular: f"zipf({state.skew:.10g})" if state.skew else "uniform"})


def _cardinality(state: State, found: dict[str, Any]) -> None:
    found.setdefault("fields", {}).setdefault(state.focus.counted, {})["count"] = state.cardinality


def _size(state: State, found: dict[str, Any]) -> None:
    found.setdefault("entities", {}).setdefault(state.focus.entity, {})["size"] = state.size


def _shards(state: State, found: dict[str, Any]) -> None:
    if state.shards == 1:
        return
    focus = state.focus
    of = f" of {focus.sharded_by}" if focus.sharded_by else ""
    found.setdefault("fields", {})[focus.shard] = {"type": f"shard({state.shards}{of})"}
    entity = found.setdefault("entities", {}).setdefault(focus.entity, {})
    entity["key"] = {focus.attribute: f"{focus.template}#{{{focus.shard}}}"}
    for name, change in focus.sharded_patterns(state.skew is not None).items():
        part = found.setdefault("access_patterns", {}).setdefault(name, {})
        popularity = {**change.pop("popularity", {}), **part.get("popularity", {})}
        part.update(change, **({"popularity": popularity} if popularity else {}))


def _consistency(state: State, found: dict[str, Any]) -> None:
    _of_pattern(state, found, consistent=state.consistency == "strong")


def _capacity(state: State, found: dict[str, Any]) -> None:
    capacity: Any = "on-demand"
    if state.capacity == "provisioned":
        capacity = {kind: int(peak) for kind, (_, peak) in state.units.items()}
    elif state.capacity == "auto scaling":
        capacity = {
            kind: {"min": int(mean), "max": ceil(peak / TARGET), "target": f"{TARGET:.0%}"}
            for kind, (mean, peak) in state.units.items()
        }
    found.setdefault("tables", {}).setdefault(state.focus.table, {})["capacity"] = capacity or "on-demand"


_CHANGES = {
    "rate": _rate,
    "skew": _skew,
    "cardinality": _cardinality,
    "size": _size,
    "consistency": _consistency,
    "capacity": _capacity,
    "shards": _shards,
}


def rate_words(rate: float) -> str:
    """A rate as design files write it.

    >>> rate_words(900), rate_words(1 / 60), rate_words(1e6)
    ('900/s', '0.0166666667/s', '1000000/s')
    """
    digits = max(0, 9 - int(log10(rate))) if rate else 0
    text = f"{rate:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}/s"


def known_settings() -> tuple[str, ...]:
    """The names of the knobs, and of what stands beside them."""
    return tuple(f.name for f in fields(State) if f.name not in ("focus", "units"))
