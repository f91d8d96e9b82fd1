"""Experiments: published measurements of DynamoDB, as case files say how to repeat them in the simulation.

A case is a YAML file of `benchmarks/cases`. It has

- `about`, `source`: what was done, and who published it
- `fit`: true if parameters of the profile were chosen with it in view; all other cases are held out
- `design`: a design as in a design file (its name is the case's unless stated), or the path of one, from the case's
  folder
- `duration`: what is simulated, as 30min
- `load`: as `simulate` takes it: a shape, {shape: step, at: 0.5}, [[0, 1.0], [60, 2.0]], or these by access pattern;
  the rate of each pattern is in the design; constant unless stated
- `clients`: by access pattern, {threads: 64} for a closed loop, {attempts: 3} for retries; open loop unless stated
- `start`: "cold", "warm", or {partitions, previous_peak, warm, idle_s}
- `capacity`: in place of the design's
- `profile`: parameters of the behaviour profile as they were at the time, as {adaptive_delay_s: 600}
- `measured`: what was measured, by name: {value, tolerance, figure, ...}, and `fit` where it differs from the case's

A measurement's `tolerance` is `plateau` (10 % either way), `count` (30 %), `time` (half to double), `share` (half to
double, or within one percentage point), or a number, as a share of the value. Its `figure` is one of those that
`benchmarks.figures` describes, with its options.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES, ONLY, OPTIONS, is_number
from workbench.clients import ClosedLoop, Retries
from workbench.conditions import Start
from workbench.design import Design
from workbench.designfile import load_design, parse_design
from workbench.documents import read_document
from workbench.errors import DesignError
from workbench.profile import PROFILE
from workbench.shapes import duration_seconds

CASES = Path(__file__).with_name("cases")
TOLERANCES = {"plateau": (0.9, 1.1), "count": (0.7, 1.3), "time": (0.5, 2.0), "share": (0.5, 2.0)}


@dataclass(frozen=True)
class Measurement:
    """One thing that was measured: its value, how exact it is, and the figure of a simulation that predicts it."""

    name: str
    value: float
    tolerance: str | float
    figure: str
    fit: bool
    options: Mapping[str, Any]

    @property
    def allowed(self) -> tuple[float, float]:
        """The values within the tolerance."""
        if isinstance(self.tolerance, int | float):
            return self.value * (1 - self.tolerance), self.value * (1 + self.tolerance)
        low, high = (self.value * factor for factor in TOLERANCES[self.tolerance])
        return (min(low, self.value - 0.01), max(high, self.value + 0.01)) if self.tolerance == "share" else (low, high)


@dataclass(frozen=True)
class Case:
    """A published experiment: how it is simulated, and what was measured."""

    id: str
    about: str
    source: str
    design: Any
    settings: Mapping[str, Any]
    measured: tuple[Measurement, ...]

    def built(self) -> Design:
        """The design that is simulated."""
        return _design(self.design, self.id)


def load_case(path: Path) -> Case:
    """The case of a file, all of it checked; ValueError names the file, the entry, and what is allowed there."""
    try:
        return _case(path, _floats(read_document(path.read_bytes(), str(path)).data))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _floats(value: Any) -> Any:
    """A document's values with floats for its decimals, which numpy cannot reckon with."""
    if isinstance(value, dict):
        return {name: _floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_floats(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _case(path: Path, data: Any) -> Case:
    if not isinstance(data, dict):
        raise ValueError(f"{path}: not a mapping; {__name__} describes the format")
    known = {"about", "source", "fit", "design", "measured", "duration", *SETTINGS}
    problems = [f"no {name}" for name in ("source", "design", "duration", "measured") if name not in data]
    problems += [f"unknown {name}" for name in data if name not in known]
    if problems:
        raise ValueError(f"{path}: {', '.join(problems)}; {__name__} describes the format")
    settings = {name: _setting(path, name, data[name]) for name in ("duration", *SETTINGS) if name in data}
    common = {"fit": data.get("fit", False)}
    if not isinstance(data["measured"], dict):
        raise ValueError(f"{path}: measured: write what was measured by name, as {{plateau: {{value: 1_000, ...}}}}")
    measured = tuple(
        _measurement(path, name, {**common, **_mapping(path, name, one)}) for name, one in data["measured"].items()
    )
    stated = path.parent / data["design"] if isinstance(data["design"], str) else data["design"]
    design = _checked_design(path, stated)
    _check_patterns(path, design, "clients", settings.get("clients", {}))
    for one in measured:
        _check_names(f"{path}: {one.name}", design, one.options, settings["duration"])
    return Case(path.stem, str(data.get("about", "")), str(data["source"]), stated, settings, measured)


def _setting(path: Path, name: str, stated: Any) -> Any:
    try:
        return SETTINGS[name](stated) if name in SETTINGS else duration_seconds(stated)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {name}: {error}") from None


def _mapping(path: Path, name: str, stated: Any) -> dict[str, Any]:
    if not isinstance(stated, dict):
        raise ValueError(f"{path}: {name}: {stated!r} is not a mapping; write {{value, tolerance, figure}}")
    return stated


def _design(stated: Any, name: str) -> Design:
    return load_design(stated) if isinstance(stated, Path) else parse_design(json.dumps({"name": name, **stated}), name)


def _checked_design(path: Path, stated: Any) -> Design:
    try:
        return _design(stated, path.stem)
    except (DesignError, TypeError) as error:
        raise ValueError(f"{path}: design: {error}") from None


def _measurement(path: Path, name: str, stated: dict[str, Any]) -> Measurement:
    where = f"{path}: {name}"
    missing = [each for each in ("value", "tolerance", "figure") if each not in stated]
    if missing:
        raise ValueError(f"{where}: no {', '.join(missing)}")
    value, tolerance, which, fit = (stated.pop(each) for each in ("value", "tolerance", "figure", "fit"))
    if not is_number(value):
        raise ValueError(f"{where}: value {value!r} is not a number; a share is written 0.2")
    if which not in FIGURES or not (tolerance in TOLERANCES or (is_number(tolerance) and tolerance >= 0)):
        raise ValueError(
            f"{where}: figure {which} with tolerance {tolerance}; figures are {', '.join(FIGURES)}, tolerances "
            f"{', '.join(TOLERANCES)} or a share"
        )
    if unknown := set(stated) - set(OPTIONS):
        raise ValueError(f"{where}: unknown {min(unknown)}; there are {', '.join(sorted(OPTIONS))}")
    for option, given in stated.items():
        allowed, is_allowed = OPTIONS[option]
        if not is_allowed(given):
            raise ValueError(f"{where}: {option}: {given!r}; allowed is {allowed}")
        if which not in ONLY.get(option, FIGURES):
            raise ValueError(f"{where}: {option} has no bearing on {which}; it is for {', '.join(ONLY[option])}")
    if which == "minutes_until" and "reaches" not in stated:
        raise ValueError(f"{where}: minutes_until needs `reaches`, the units a second that are waited for")
    return Measurement(name, float(value), tolerance, which, bool(fit), stated)


def _check_names(where: str, design: Design, options: Mapping[str, Any], duration_s: int) -> None:
    """ValueError if a measurement names what its design does not have, or a window that is not simulated."""
    table, index = options.get("table"), options.get("index")
    indexes = [name for one in design.tables.values() if table in (None, one.name) for name in one.gsi]
    for kind, name, known in (
        ("table", table, list(design.tables)),
        ("index", index, indexes),
        ("pattern", options.get("pattern"), [p.name for p in design.served_patterns() if p.rate or p.peak_rate]),
    ):
        if name is not None and name not in known:
            raise ValueError(f"{where}: {kind}: the design has no {name!r}; there are {', '.join(known) or 'none'}")
    if options.get("between", [0, 0])[1] > duration_s:
        raise ValueError(f"{where}: between: {options['between']} ends after the {duration_s} s that are simulated")


def _check_patterns(path: Path, design: Design, setting: str, named: Mapping[str, Any]) -> None:
    known = [p.name for p in design.served_patterns()]
    if unknown := [name for name in named if name not in known]:
        raise ValueError(
            f"{path}: {setting}: the design has no access pattern {unknown[0]!r}; it has {', '.join(known)}"
        )


def _start(stated: Any) -> Any:
    if not isinstance(stated, Mapping):
        return stated
    return Start(**_known(stated, [one.name for one in fields(Start) if one.name != "words"]))


def _clients(stated: Any) -> dict[str, ClosedLoop | Retries]:
    if not isinstance(stated, Mapping) or not all(isinstance(one, Mapping) for one in stated.values()):
        raise ValueError("write them by access pattern, as {put: {threads: 64}} or {put: {attempts: 3}}")
    return {name: _client(one) for name, one in stated.items()}


def _client(stated: Mapping[str, Any]) -> ClosedLoop | Retries:
    kind = ClosedLoop if "threads" in stated else Retries
    return kind(**_known(stated, [one.name for one in fields(kind)]))


def _profile(stated: Any) -> Any:
    if not isinstance(stated, Mapping):
        raise ValueError("write parameters by name, as {adaptive_delay_s: 600}")
    return replace(PROFILE, **_known(stated, [one.name for one in fields(PROFILE)]))


def _known(stated: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    if unknown := [name for name in stated if name not in names]:
        raise ValueError(f"unknown {unknown[0]}; there are {', '.join(names)}")
    return stated


SETTINGS: dict[str, Callable[[Any], Any]] = {
    "load": lambda stated: stated,
    "start": _start,
    "clients": _clients,
    "capacity": lambda stated: stated,
    "profile": _profile,
}
