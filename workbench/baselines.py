"""Baselines: what notebooks recorded when their results were last accepted, and what has moved since.

A baseline is a JSON file beside the notebooks, one for each of them, with one metric a line under each set of
parameters, sorted, so that a review of it reads like a review of code. Units, counts, findings and words are exact: a
unit more is a change of the design, and so is a unit less. What is simulated or measured gets a tolerance, by name.

A metric is a place in what was recorded: `{"units": {"list-tasks": 4}}` has the metric `units.list-tasks`, and a table
whose first column names its lines has one metric a cell, as in `patterns.list-tasks.write_units`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeGuard

from workbench.errors import NotebookError
from workbench.folders import write_whole
from workbench.results import number

ROUNDING = 1e-9  # relative; two machines may add the same floats in another order
DIGITS = 10  # significant ones of a float, so that a baseline shows 185.6 and not 185.60000000000002
Metrics = dict[str, Any]


def metrics(results: Mapping[str, Any]) -> Metrics:
    """Recorded results as one flat mapping, sorted by name; ValueError if two places would get one name.

    >>> metrics({"units": {"list": 4.5}, "hot": ["A", "B"], "lines": [{"pattern": "list", "calls": 20}]})
    {'hot': ['A', 'B'], 'lines.list.calls': 20, 'units.list': 4.5}
    """
    found: Metrics = {}
    for name, value in _flat(results, ""):
        if name in found:
            raise ValueError(f"two recorded results have the name {name}: rename one of them")
        found[name] = _plain(value)
    return dict(sorted(found.items()))


def _plain(value: Any) -> Any:
    """A value without the noise of floating point: 3.0 is 3, 0.1 + 0.2 is 0.3."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, float):
        return value
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 10**DIGITS else short


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = _named_parts(value)
    if inner is None or not inner:
        yield name, value
        return
    for part, content in inner:
        yield from _flat(content, f"{name}.{part}" if name else part)


def _named_parts(value: Any) -> list[tuple[str, Any]] | None:
    """The parts of what has parts: a mapping's values, a table's lines by name; None for a value by itself."""
    if isinstance(value, Mapping):
        return list(value.items())
    if not isinstance(value, list) or not any(isinstance(one, dict | list) for one in value):
        return None
    label = _naming_column(value)
    if label is None:
        return [(str(place), one) for place, one in enumerate(value)]
    return [(line[label], {k: v for k, v in line.items() if k != label}) for line in value]


def _naming_column(lines: list[Any]) -> str | None:
    """The first column if its values tell the lines apart."""
    if not all(isinstance(line, dict) and len(line) > 1 for line in lines):
        return None
    label = next(iter(lines[0]))
    names = [line.get(label) for line in lines]
    return label if all(isinstance(name, str) for name in names) and len(set(names)) == len(names) else None


# Tolerances -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tolerance:
    """How far a number may move: `relative` to the baseline or `absolute`, whichever allows more; or not compared."""

    relative: float = 0.0
    absolute: float = 0.0
    ignored: bool = False

    def __str__(self) -> str:
        parts = [f"±{self.relative * 100:g} %" * bool(self.relative), f"±{self.absolute:g}" * bool(self.absolute)]
        return "not compared" if self.ignored else " or ".join(filter(None, parts)) or "exact"

    def width(self, baseline: float) -> float:
        """By how much a number may differ from this baseline."""
        return max(self.absolute, self.relative * abs(baseline))

    def allows(self, baseline: Any, value: Any) -> bool:
        """Whether a value is near enough to its baseline; of lists, whether each element is."""
        if self.ignored or (baseline == value and type(baseline) is type(value)):
            return True
        if isinstance(baseline, list) and isinstance(value, list) and len(baseline) == len(value):
            return all(map(self.allows, baseline, value))
        if not _is_number(baseline) or not _is_number(value):
            return False
        rounding = ROUNDING * max(abs(baseline), abs(value)) if isinstance(baseline + value, float) else 0
        return abs(value - baseline) <= self.width(baseline) + rounding


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


EXACT = Tolerance()
MEASURED = "*latency*"  # no two runs take the same time
Tolerances = Mapping[str, Tolerance]


def tolerance_of(metric: str, notebook: str, tolerances: Tolerances) -> Tolerance:
    """The tolerance of the last pattern that fits `metric` or `notebook/metric`.

    If none does, latencies are not compared, and everything else is exact.

    >>> table = {"*_ms": Tolerance(ignored=True), "race/first_ms": Tolerance(absolute=5)}
    >>> [str(tolerance_of(name, "race", table)) for name in ("last_ms", "first_ms", "winners")]
    ['not compared', '±5', 'exact']
    """
    fitting = [t for p, t in tolerances.items() if fnmatchcase(metric, p) or fnmatchcase(f"{notebook}/{metric}", p)]
    return fitting[-1] if fitting else Tolerance(ignored=True) if fnmatchcase(metric, MEASURED) else EXACT


# What moved -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A metric that is not what its baseline says. `baseline` or `value` is None where the metric is not there."""

    metric: str
    baseline: Any
    value: Any
    tolerance: Tolerance = EXACT
    kind: str = "moved"  # moved, new, gone

    @property
    def relative(self) -> float | None:
        """The change relative to the baseline; None if it is not one between numbers, or from zero."""
        if not (_is_number(self.baseline) and _is_number(self.value)) or not self.baseline:
            return None
        return (self.value - self.baseline) / abs(self.baseline)

    @property
    def by(self) -> str:
        """The change relative to the baseline, as text."""
        share = self.relative
        return "" if share is None else f"{share * 100:+,.3g} %"

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """It as a line of a table: metric, baseline, now, change, what is allowed."""
        was = "not there" if self.kind == "new" else shown(self.baseline)
        now = "not there" if self.kind == "gone" else shown(self.value)
        return self.metric, was, now, self.by, str(self.tolerance)

    def __str__(self) -> str:
        if self.kind == "new":
            return f"{self.metric}: {shown(self.value)} is recorded, and the baseline has no such result"
        if self.kind == "gone":
            return f"{self.metric}: {shown(self.baseline)} in the baseline, and not recorded any more"
        by = f"{self.by}, " if self.by else ""
        return f"{self.metric}: {shown(self.baseline)} -> {shown(self.value)} ({by}allowed: {self.tolerance})"


def shown(value: Any) -> str:
    """A value as people read it, cut if it is long; two numbers that differ look different.

    >>> shown(13056), shown(0.123456789), shown(["A"]), shown("x" * 200)[-3:]
    ('13,056', '0.123456789', '["A"]', '...')
    """
    if _is_number(value):
        text = number(value)
        return text if float(text.replace(",", "")) == value else repr(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."


def compare(
    baseline: Mapping[str, Any], found: Mapping[str, Any], notebook: str, tolerances: Tolerances
) -> list[Change]:
    """The metrics that differ from their baseline by more than their tolerance allows, by name."""
    return [
        change
        for metric in sorted({*baseline, *found})
        if (change := _change(metric, baseline, found, tolerance_of(metric, notebook, tolerances)))
    ]


def _change(metric: str, baseline: Mapping[str, Any], found: Mapping[str, Any], tolerance: Tolerance) -> Change | None:
    was, now = baseline.get(metric), found.get(metric)
    if tolerance.ignored or (metric in baseline and metric in found and tolerance.allows(was, now)):
        return None
    kind = "moved" if metric in baseline and metric in found else "new" if metric in found else "gone"
    return Change(metric, was, now, tolerance, kind)


# Files ----------------------------------------------------------------------------------------------------------------


def read_baseline(path: Path) -> dict[str, Metrics]:
    """The metrics of each case in a baseline file, none if there is no file; NotebookError says what is wrong."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as problem:
        line = f":{problem.lineno}" if isinstance(problem, json.JSONDecodeError) else ""
        raise NotebookError(f"{path}{line} is not JSON ({problem}); {_MEND}", notebook=path) from None
    if not isinstance(data, dict) or not all(isinstance(case, dict) for case in data.values()):
        raise NotebookError(f"{path} is no baseline, which holds metrics under cases; {_MEND}", notebook=path)
    return data


_MEND = "take it from version control, or delete it and write it anew with --update"


def write_baseline(path: Path, cases: Mapping[str, Metrics]) -> None:
    """Write the metrics of each case, sorted, one a line. No cases, no file."""
    if not cases:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(f"  {json.dumps(name)}: {_lines(cases[name])}" for name in sorted(cases))
    write_whole(path, f"{{\n{text}\n}}\n")


def _lines(found: Metrics) -> str:
    lines = (
        f"    {json.dumps(name, ensure_ascii=False)}: {json.dumps(found[name], ensure_ascii=False)}"
        for name in sorted(found)
    )
    return "{\n" + ",\n".join(lines) + "\n  }" if found else "{}"


def without_ignored(found: Metrics, notebook: str, tolerances: Tolerances) -> Metrics:
    """The metrics that are compared; only they stand in a baseline."""
    return {name: value for name, value in found.items() if not tolerance_of(name, notebook, tolerances).ignored}
