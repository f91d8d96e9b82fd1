"""Auto scaling: the units that are provisioned while a load rises and falls.

Provisioned capacity is paid by the hour, used or not, so what it costs depends on how closely it follows the load.
Auto scaling raises it when consumption has passed the target utilisation for two minutes, and lowers it when it has
been below for fifteen, as often as a day allows (`throughput`). (AWS: autoscaling, servicequotas.)

A load is a mean and a peak. Between them stands the curve of a day: unless one is given, a smooth one with this mean
and this highest minute, the narrower the higher the peak is above the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from workbench.columns import Floats
from workbench.throughput import AutoScaler

MINUTES = 1440  # of a day
TARGET = 0.7  # the utilisation that AWS's console proposes
_ROUNDS = 60  # of halving, in finding the shape of a day


def daily_curve(ratio: float) -> Floats:
    """A day's load by the minute, relative to its mean: quiet at both ends, `ratio` at its highest, at noon.

    >>> curve = daily_curve(4.0)
    >>> [round(float(each), 6) for each in (curve.mean(), curve.max(), curve.argmax())]
    [1.0, 4.0, 720.0]
    """
    if not 1 <= ratio < float("inf"):
        raise ValueError(f"ratio={ratio}: the highest load over the mean is at least 1")
    wave = (1 - np.cos(2 * np.pi * np.arange(MINUTES) / MINUTES)) / 2  # from 0 to 1 and back
    if ratio <= 2:
        return 1 + (ratio - 1) * (2 * wave - 1)
    low, high = 1.0, 1e9  # the narrower the wave, the lower its mean beside its top
    for _ in range(_ROUNDS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if ratio * (wave**middle).mean() > 1 else (low, middle)
    curve = ratio * wave**high
    return curve / curve.mean()


def stated_curve(loads: Sequence[float]) -> Floats:
    """A day's load by the minute, relative to its mean, from numbers at even distances, as 24 for its hours.

    >>> stated_curve([1, 3])[[0, 719, 720]].tolist()
    [0.5, 0.5, 1.5]
    """
    given = np.asarray(loads, dtype=float)
    if given.ndim != 1 or not 1 <= len(given) <= MINUTES:
        raise ValueError(f"a load curve has 1 to {MINUTES} numbers, of one day: 24 for its hours")
    if not np.isfinite(given).all() or (given < 0).any() or not given.any():
        raise ValueError("a load curve has finite numbers from 0, not all of them 0")
    curve = given[np.arange(MINUTES) * len(given) // MINUTES]
    return curve / curve.mean()


@dataclass(frozen=True)
class Scaled:
    """Capacity over a day: provisioned units by the minute, and how much of the load is above them."""

    units: Floats
    short_minutes: int

    @property
    def mean(self) -> float:
        """Mean of the provisioned units."""
        return float(self.units.mean())


def scaled(load: Floats, least: float, most: float, target: float) -> Scaled:
    """What auto scaling provisions for the load of a day, by the minute, within its bounds.

    The day is repeated: it begins with what the day before has left.
    """
    scaler, loads = AutoScaler(least, most, target), load.tolist()
    units, found = min(max(ceil(loads[-1] / target), least), most), [0.0] * len(loads)
    if min(loads) == max(loads):
        return Scaled(np.full(len(loads), units), _short(load, units))
    for minute in range(2 * len(loads)):
        place = minute % len(loads)
        found[place] = units
        units = scaler.watch(loads[place], units, minute) or units
    return Scaled(np.array(found), _short(load, np.array(found)))


def _short(load: Floats, units: Floats | float) -> int:
    """In how many minutes the load is above the units."""
    return int((load - units > 1e-9).sum())


def reserved_units(units: Floats, discount: float, block: float) -> float:
    """How many units to reserve, in whole blocks, of a day's provisioned units: paid at a discount, used or not.

    A block pays where it is provisioned for a larger share of the time than it costs.

    >>> reserved_units(np.array([100.0, 250.0, 250.0, 900.0]), 0.54, 100)
    300.0
    """
    ranked = np.sort(units)
    above = np.concatenate([np.cumsum(ranked[::-1])[::-1], [0.0]])  # the sum of each and all that are larger
    tried = np.arange(0.0, ranked[-1] + block, block)
    places = np.searchsorted(ranked, tried)
    beyond = (above[places] - tried * (len(ranked) - places)) / len(ranked)
    return float(tried[np.argmin(tried * (1 - discount) + beyond)])
