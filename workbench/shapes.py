"""Shapes: how the rate of an access pattern moves through a simulation.

A pattern has a mean `rate` and a `peak`. A constant load stays at the rate; the other shapes reach the peak:

- `diurnal`: a day that has the rate as its mean, with the peak in the middle of what is simulated
- `ramp`: from nothing to the peak over the whole duration
- `step`: a tenth of the peak, then the peak, at a sixth of the duration
- `spike`: the rate, but for two minutes the peak
- `between`: the rate, from one second to another, which are given: {"shape": "between", "begin_s": 60, "end_s": 90}
- a recorded series: a series of times and multiples of the rate, from monitoring

Give the word; with other parameters `Step(at=0.5)` or {"shape": "step", "at": 0.5}; or a series: pairs, a mapping, a
pandas Series, or a DataFrame with the columns time and multiple.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from numbers import Real
from typing import Any, Protocol, cast

import numpy as np

from workbench.columns import Floats
from workbench.quantities import is_quantity
from workbench.typewords import SECONDS

LONGEST = 31_536_000  # seconds


class Shape(Protocol):
    """Requests a second for each second of a simulation, from a pattern's mean and highest rate."""

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats: ...


def duration_seconds(value: object) -> int:
    """Whole seconds from `"1h"`, `"90 min"`, `"30s"`, `"1d"` or a number of seconds; ValueError says how.

    >>> duration_seconds("1h"), duration_seconds("1h30min"), duration_seconds(90)
    (3600, 5400, 90)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        seconds = _written_seconds(str(value))
    if seconds > LONGEST:
        raise ValueError(f"duration {value!r}: a simulation goes second by second, over a year ({LONGEST:,} s) at most")
    if not seconds >= 1:
        raise ValueError(f"duration {value!r}: nothing can be simulated in less than one second; give 1h, 30min, 90s")
    return round(seconds)


_PART = r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|h|d|w)"


def _written_seconds(text: str) -> float:
    if not re.fullmatch(rf"(?:{_PART}\s*)+", text.strip()):
        raise ValueError(f"duration {text!r} is not a time: write seconds, or 90s, 30min, 1h, 1h30min, 1d")
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(_PART, text))


def _checked(**values: float) -> None:
    for name, value in values.items():
        if not is_quantity(value):
            raise ValueError(f"{name}={value!r}: a rate or time is a number from 0, and finite")


def _share(name: str, value: float) -> None:
    if not is_quantity(value) or value > 1:
        raise ValueError(f"{name}={value!r}: a share of the duration lies between 0 and 1")


@dataclass(frozen=True)
class Constant:
    """The same all the time: the pattern's rate, or `multiple` times it."""

    multiple: float = 1.0

    def __post_init__(self) -> None:
        _checked(multiple=self.multiple)

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats:
        return np.full(duration_s, rate * self.multiple)

    def __str__(self) -> str:
        return "constant" if self.multiple == 1 else f"constant at {self.multiple:g} times the rate"


@dataclass(frozen=True)
class Diurnal:
    """A day with the rate as its mean and the peak at `peak_at` of the duration; `period_s` is a day's length.

    A sine where the peak is at most twice the rate, otherwise one hump between quiet nights.
    """

    period_s: float = 86_400.0
    peak_at: float = 0.5

    def __post_init__(self) -> None:
        _checked(period_s=self.period_s)
        _share("peak_at", self.peak_at)
        if not self.period_s:
            raise ValueError("period_s=0: a day has a length")

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats:
        angle = 2 * np.pi * (np.arange(duration_s) - self.peak_at * (duration_s - 1)) / self.period_s
        if peak <= 2 * rate or not rate:
            return rate + (peak - rate) * np.cos(angle) if rate else (1 + np.cos(angle)) / 2 * peak
        return peak * ((1 + np.cos(angle)) / 2) ** _sharpness(rate / peak)

    def __str__(self) -> str:
        return "diurnal"


def _sharpness(mean: float) -> float:
    """The power of a raised cosine that gives this mean (below a half)."""
    day, low, high = (1 + np.cos(np.linspace(0, 2 * np.pi, 1440, endpoint=False))) / 2, 1.0, 1e7
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if (day**middle).mean() > mean else (low, middle)
    return low


@dataclass(frozen=True)
class Ramp:
    """Evenly up from `start` times the peak to the peak, over `over_s` seconds (the whole duration unless given)."""

    start: float = 0.0
    over_s: float | None = None

    def __post_init__(self) -> None:
        _checked(start=self.start, over_s=1.0 if self.over_s is None else self.over_s)

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats:
        over = min(duration_s if self.over_s is None else self.over_s, 1e9)
        done = np.minimum(np.arange(1, duration_s + 1) / max(over, 1.0), 1.0)
        return peak * (self.start + (1 - self.start) * done)

    def __str__(self) -> str:
        return "ramp"


@dataclass(frozen=True)
class Step:
    """`before` times the peak, then the peak, from `at` of the duration on."""

    before: float = 0.1
    at: float = 1 / 6

    def __post_init__(self) -> None:
        _checked(before=self.before)
        _share("at", self.at)

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats:
        return np.where(np.arange(duration_s) < round(self.at * duration_s), self.before * peak, peak)

    def __str__(self) -> str:
        return "step"


@dataclass(frozen=True)
class Spike:
    """The rate, and the peak for `lasts_s` seconds from `at` of the duration on."""

    at: float = 0.5
    lasts_s: float = 120.0

    def __post_init__(self) -> None:
        _share("at", self.at)
        _checked(lasts_s=self.lasts_s)

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats:
        since = np.arange(duration_s) - round(self.at * duration_s)
        return np.where((since >= 0) & (since < self.lasts_s), peak, rate)

    def __str__(self) -> str:
        return "spike"


@dataclass(frozen=True)
class Between:
    """The rate, or `multiple` times it, from one second to before another, and nothing before and after."""

    begin_s: float
    end_s: float
    multiple: float = 1.0

    def __post_init__(self) -> None:
        _checked(begin_s=self.begin_s, end_s=self.end_s, multiple=self.multiple)
        if self.end_s <= self.begin_s:
            raise ValueError(f"{self}: it ends before it begins")

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats:
        second = np.arange(duration_s)
        return np.where((second >= self.begin_s) & (second < self.end_s), rate * self.multiple, 0.0)

    def __str__(self) -> str:
        return f"from {self.begin_s:g} s to {self.end_s:g} s"


@dataclass(frozen=True)
class Recorded:
    """Multiples of the rate at given seconds, evenly in between; before the first and after the last, nothing is known.

    ValueError if the series has gaps: missing values, times out of order, a hole more than twice as long as the usual
    distance between two times, or an end before the simulation's.
    """

    times_s: tuple[float, ...]
    multiples: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times_s) != len(self.multiples) or len(self.times_s) < 2:
            raise ValueError(
                f"a load series has a time for each multiple, and at least two: here are {len(self.times_s)} times "
                f"and {len(self.multiples)} multiples"
            )
        for time, multiple in zip(self.times_s, self.multiples, strict=True):
            if not isfinite(time) or not isfinite(multiple):
                raise ValueError(f"the load series has a gap at {time:g} s (its multiple is {multiple}): fill it in")
            if multiple < 0:
                raise ValueError(f"the load series has multiple {multiple:g} at {time:g} s: a load is not negative")
        self._check_distances()

    def _check_distances(self) -> None:
        distances = np.diff(self.times_s)
        if (distances <= 0).any():
            place = int(np.flatnonzero(distances <= 0)[0])
            before, after = self.times_s[place : place + 2]
            raise ValueError(f"the load series goes back in time: {after:g} s comes after {before:g} s")
        usual = float(np.median(distances))
        if (distances > 2 * usual + 1e-9).any():
            place = int(np.flatnonzero(distances > 2 * usual + 1e-9)[0])
            raise ValueError(
                f"the load series has a gap from {self.times_s[place]:g} s to {self.times_s[place + 1]:g} s, where "
                f"its times are usually {usual:g} s apart: fill it in"
            )

    def rates(self, rate: float, peak: float, duration_s: int) -> Floats:
        start = self.times_s[0]
        last = self.times_s[-1] - start + float(np.median(np.diff(self.times_s)))
        if duration_s > last + 1e-9:
            raise ValueError(
                f"the load series covers {last:g} s, and {duration_s:,} s are to be simulated: shorten the duration or "
                "record longer"
            )
        return rate * np.interp(np.arange(duration_s) + start, self.times_s, self.multiples)

    def __str__(self) -> str:
        return f"recorded series of {len(self.times_s)} times"


SHAPES: dict[str, Callable[..., Shape]] = {
    "constant": Constant,
    "diurnal": Diurnal,
    "ramp": Ramp,
    "step": Step,
    "spike": Spike,
}
_WITH_PARAMETERS: dict[str, Callable[..., Shape]] = {**SHAPES, "between": Between}  # what a word alone does not say


def shape(value: Any) -> Shape:
    """The shape that a word, a shape with parameters, or a series means; ValueError says what is allowed.

    >>> str(shape("ramp")), shape([(0, 1.0), (60, 3.0), (120, 1.0)]).rates(10, 10, 61)[30]
    ('ramp', np.float64(20.0))
    """
    if hasattr(value, "rates"):
        return cast(Shape, value)
    if isinstance(value, str) or not isinstance(value, Iterable):
        if value not in SHAPES:
            raise ValueError(
                f"load {value!r}: there are {', '.join(SHAPES)}; in Python also a shape with parameters, as "
                'Step(at=0.5) or {"shape": "between", "begin_s": 60, "end_s": 90}, or a series of times and multiples'
            )
        return SHAPES[value]()
    if isinstance(value, Mapping) and "shape" in value:
        return _written(value)
    times, multiples = _series(value)
    for multiple in multiples:
        if not isinstance(multiple, Real):
            raise ValueError(f"the load series has {multiple!r} as a multiple of the rate: a number is needed")
    return Recorded(_seconds(times), tuple(float(m) for m in multiples))


def _written(value: Mapping[str, Any]) -> Shape:
    """A shape with parameters, as {"shape": "step", "at": 0.5}."""
    word = value["shape"]
    form = _WITH_PARAMETERS.get(word) if isinstance(word, str) else None
    form = form or type(shape(word if isinstance(word, str) else repr(word)))
    given = {name: each for name, each in value.items() if name != "shape"}
    known = [one.name for one in fields(cast(Any, form))]
    if unknown := set(given) - set(known):
        raise ValueError(f"load {value['shape']}: it has no parameter {min(unknown)!r}; it has {', '.join(known)}")
    needed = [one.name for one in fields(cast(Any, form)) if one.default is MISSING]
    if missing := [name for name in needed if name not in given]:
        raise ValueError(f"load {word}: {' and '.join(missing)} must be given, in seconds from the start")
    return form(**given)


def _series(value: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """Times and multiples of a DataFrame, a pandas Series, a mapping, or pairs."""
    if hasattr(value, "columns"):
        missing = [name for name in ("time", "multiple") if name not in value.columns]
        if missing:
            raise ValueError(f"a load series has the columns time and multiple; {', '.join(missing)} is missing")
        return list(value["time"]), list(value["multiple"])
    if hasattr(value, "index") and hasattr(value, "to_numpy"):
        return list(value.index), list(value)
    pairs = list(value.items()) if isinstance(value, Mapping) else list(value)
    if not all(hasattr(pair, "__len__") and len(pair) == 2 for pair in pairs):
        raise ValueError("a load series is made of pairs: [(0, 1.0), (60, 1.5)], seconds and multiples of the rate")
    return [time for time, _ in pairs], [multiple for _, multiple in pairs]


def _seconds(times: Sequence[Any]) -> tuple[float, ...]:
    """Times as seconds from the first; numbers, datetimes or durations."""
    if not all(isinstance(time, int | float | np.number) for time in times):
        import pandas as pd

        if not _are_durations(times):
            try:
                instants = pd.to_datetime(list(times), format="mixed")
            except (TypeError, ValueError) as error:
                raise ValueError(f"the load series has times that are neither seconds nor dates: {error}") from error
            times = list(instants - instants[0])
        return tuple(float(time.total_seconds()) for time in times)
    return tuple(float(time) for time in times)


def _are_durations(times: Sequence[Any]) -> bool:
    return all(hasattr(time, "total_seconds") for time in times)
