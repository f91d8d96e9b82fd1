"""Spikes: what the worst hour costs, and what a retry storm would.

On demand, a spike is paid for, not refused: an hour at peak costs as many times a mean hour as the peak is above the
mean, and clients that time out and send again multiply it by their attempts. `max_throughput` caps what is consumed,
and so the bill. Provisioned, the hour costs what is provisioned, and what is above is throttled instead.
(AWS: on-demand-capacity-mode-max-throughput; SDK reference, retry behaviour: three attempts in standard mode.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from workbench.design import Design
from workbench.prices import Prices
from workbench.results import Result, number
from workbench.schema import AutoScaling
from workbench.spending import Spending

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Hour:
    """One kind of hour: what is asked for, what is refused as the design stands, and US dollars for it."""

    hour: str
    read_units_per_s: float
    write_units_per_s: float
    refused_units_per_s: float
    usd: float
    on_demand_usd: float


@dataclass(frozen=True, repr=False)
class Spike(Result):
    """A mean hour, the worst hour and a retry storm, as the design states its capacity and on demand without a cap."""

    design: Design
    attempts: int
    hours: tuple[Hour, ...]

    @property
    def times(self) -> float:
        """How many times a mean hour the storm costs, as stated; NaN for a design that costs nothing by the hour."""
        first, *_, last = self.hours
        return last.usd / first.usd if first.usd else float("nan")

    def summary_line(self) -> str:
        mean, worst, storm = self.hours
        refused = f", {number(storm.refused_units_per_s)} units/s refused" if storm.refused_units_per_s else ""
        return (
            f"{self.design.name}: a mean hour ${mean.usd:,.2f}, the worst ${worst.usd:,.2f}, "
            f"with {self.attempts} attempts a call ${storm.usd:,.2f}{refused}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """A line per hour: units a second asked for and refused, US dollars as stated and on demand."""
        import pandas as pd

        return pd.DataFrame([vars(hour) for hour in self.hours])


def spike(design: Design, capacity: Sequence[Spending], prices: Prices, attempts: int) -> Spike:
    """The hours of a design; `attempts` is how often each call is sent in a storm, the first time included."""
    if attempts < 1:
        raise ValueError(f"attempts={attempts}: a call is sent at least once")
    return Spike(design, attempts, tuple(_hours(capacity, prices, attempts)))


def _hours(capacity: Sequence[Spending], prices: Prices, attempts: int) -> Iterator[Hour]:
    means, peaks = [each.mean for each in capacity], [each.peak for each in capacity]
    for name, loads in (
        ("mean hour", means),
        ("worst hour, all patterns at their peak", peaks),
        (f"retry storm, each call {attempts} times", [attempts * peak for peak in peaks]),
    ):
        asked = {kind: sum(x for s, x in zip(capacity, loads, strict=True) if s.kind == kind) for kind in _KINDS}
        refused = sum(max(load - _served(s, load), 0.0) for s, load in zip(capacity, loads, strict=True))
        usd = sum(_usd(s, prices, load) for s, load in zip(capacity, loads, strict=True))
        free = sum(_requests(s, prices, load) for s, load in zip(capacity, loads, strict=True))
        yield Hour(name, asked["read"], asked["write"], refused, usd, free)


_KINDS = ("read", "write")


def _served(spent: Spending, load: float) -> float:
    """The units a second that are served for an hour: up to what is provisioned, or to the stated maximum."""
    if isinstance(spent.stated, AutoScaling):
        return min(load, spent.stated.max)
    most = spent.stated if spent.stated is not None else spent.maximum
    return load if most is None else min(load, most)


def _usd(spent: Spending, prices: Prices, load: float) -> float:
    if spent.stated is None:
        return _requests(spent, prices, _served(spent, load))
    units = spent.stated
    if isinstance(units, AutoScaling):
        units = min(max(ceil(load / units.target), units.min), units.max)
    return prices.usd(spent.what("provisioned"), units * spent.regions, spent.table_class)


def _requests(spent: Spending, prices: Prices, load: float) -> float:
    return prices.usd(spent.what("on demand"), load * 3600 * spent.regions, spent.table_class)
