"""The behaviour profile: what DynamoDB's partitions are taken to do, with a date and a source for each number.

AWS documents some of the rules (a partition serves 1,000 write units a second), others were inferred from published
measurements (a partition splits once it has been half used for a minute), and some are assumptions, because nobody has
published them. A profile holds them all, so that an old measurement can be judged by the rules of its date, and so that
you can ask what would change: `dataclasses.replace(PROFILE, split_delay_median_s=1200)`. Every result carries its own.
"""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from workbench import limits
from workbench.quantities import is_quantity
from workbench.results import Result

if TYPE_CHECKING:
    import pandas as pd

Basis = Literal["documented", "measured", "assumed"]


def _known(default: Any, basis: Basis, about: str) -> Any:
    """A parameter with what it rests on."""
    return field(default=default, metadata={"basis": basis, "about": about})


_LIFTED = ("table_read_units", "table_write_units", "index_backlog_units")  # may be inf: there is no such limit

_ABOVE_ZERO = (
    "partition_read_units",
    "partition_write_units",
    "partition_bytes",
    "eventual_read_headroom",
    "split_utilisation",
    "split_delay_median_s",
    "collection_segments",
)


@dataclass(frozen=True, repr=False)
class Profile(Result):
    """The parameters of the partition model; times in seconds, capacity in units a second.

    `dataclasses.replace` makes another; ValueError for one that cannot be.

    >>> from dataclasses import replace
    >>> PROFILE.partition_limit("write"), replace(PROFILE, burst_s=60.0).burst_s
    (1000, 60.0)
    """

    date: str = _known("2026-04", "documented", "the state of AWS's documentation that the documented rules are from")
    partition_read_units: float = _known(
        limits.PARTITION_READ_UNITS, "documented", "read units a second of a partition"
    )
    partition_write_units: float = _known(limits.PARTITION_WRITE_UNITS, "documented", "write units a second of one")
    eventual_read_headroom: float = _known(
        1.5, "measured", "eventually consistent reads are served by all replicas: 4,500 units a second were seen"
    )
    partition_bytes: float = _known(limits.PARTITION_BYTES, "documented", "a partition splits for size here")
    burst_s: float = _known(300.0, "documented", "seconds of unused table capacity that are kept for a burst")
    new_bucket_s: float = _known(0.0, "assumed", "seconds of burst capacity that a new table starts with")
    new_on_demand_read_units: float = _known(limits.ON_DEMAND_READ_UNITS, "documented", "of a new on-demand table")
    new_on_demand_write_units: float = _known(limits.ON_DEMAND_WRITE_UNITS, "documented", "of a new on-demand table")
    on_demand_growth: float = _known(2.0, "documented", "an on-demand table serves this multiple of its previous peak")
    table_read_units: float = _known(limits.TABLE_READ_UNITS, "documented", "quota of a table, and of each index")
    table_write_units: float = _known(limits.TABLE_WRITE_UNITS, "documented", "quota of a table, and of each index")
    split_utilisation: float = _known(
        0.5, "measured", "a partition used this much of either limit is split: 20,000 write units/s ended on 56 of them"
    )
    split_hold_s: int = _known(60, "measured", "once it has been so for this many seconds")
    split_delay_median_s: float = _known(510.0, "measured", "and is then split after a log-normal delay: its median")
    split_delay_sigma: float = _known(0.25, "assumed", "the delay's spread, as the deviation of its logarithm")
    split_delay_least_s: float = _known(300.0, "measured", "the shortest delay")
    split_delay_most_s: float = _known(780.0, "measured", "the longest delay")
    heat_memory_s: float = _known(120.0, "assumed", "how far back the heat is looked at when the split point is chosen")
    single_item_share: float = _known(0.9, "assumed", "one item with this share of a partition's heat prevents a split")
    isolation_share: float = _known(0.5, "assumed", "an item with this share is cut free of its neighbours")
    collection_segments: int = _known(64, "assumed", "sort-key ranges at which an item collection may be split")
    adaptive_delay_s: float = _known(
        0.0, "documented", "until a hot partition may use what the table has left: at once since 2019"
    )
    index_backlog_units: float = _known(
        19_600.0, "measured", "index writes that may wait before every write to the table is turned away"
    )
    scale_up_minutes: int = _known(2, "documented", "minutes above the target before auto scaling raises capacity")
    scale_down_minutes: int = _known(15, "documented", "minutes below the target before it lowers capacity")
    scale_down_margin: float = _known(0.2, "assumed", "below the target by this much of it counts as below")
    capacity_update_s: float = _known(120.0, "assumed", "until a change of provisioned capacity is in force")

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "date" or (one.name in _LIFTED and value == float("inf")):
                continue
            if not is_quantity(value) or (not value and one.name in _ABOVE_ZERO):
                allowed = "a number above 0" if one.name in _ABOVE_ZERO else "a number from 0"
                raise ValueError(f"profile: {one.name}={value!r}; {allowed} is allowed ({one.metadata['about']})")
        if self.split_delay_least_s > self.split_delay_most_s:
            raise ValueError("profile: split_delay_least_s is above split_delay_most_s")

    def partition_limit(self, kind: Literal["read", "write"]) -> float:
        """Units a second that one partition serves."""
        return self.partition_read_units if kind == "read" else self.partition_write_units

    def quota(self, kind: Literal["read", "write"]) -> float:
        """Units a second that one table or index may use."""
        return self.table_read_units if kind == "read" else self.table_write_units

    def new_on_demand(self, kind: Literal["read", "write"]) -> float:
        """Units a second that a new on-demand table or index serves."""
        return self.new_on_demand_read_units if kind == "read" else self.new_on_demand_write_units

    def basis(self, name: str) -> Basis:
        """What a parameter rests on: documented, measured or assumed."""
        return next(one.metadata["basis"] for one in fields(self) if one.name == name)

    def about(self, name: str) -> str:
        """What a parameter says."""
        return next(one.metadata["about"] for one in fields(self) if one.name == name)

    def summary_line(self) -> str:
        changed = [f"{o.name}={getattr(self, o.name)!r}" for o in fields(self) if getattr(self, o.name) != o.default]
        told = ", ".join(f"{count} {basis}" for basis, count in Counter(map(self.basis, self._names)).items())
        return f"partition model of {self.date}: {told}" + (f"; changed: {', '.join(changed)}" if changed else "")

    @property
    def _names(self) -> list[str]:
        return [one.name for one in fields(self)]

    def to_frame(self) -> "pd.DataFrame":
        """A line per parameter: its value, what it rests on, and what it says."""
        import pandas as pd

        lines = [(name, getattr(self, name), self.basis(name), self.about(name)) for name in self._names]
        return pd.DataFrame(lines, columns=["parameter", "value", "basis", "about"])


PROFILE = Profile()
