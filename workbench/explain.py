"""Explanations: why a call consumed so many units, in bytes, roundings and index entries.

A charge comes about in small steps: an item or page read, an item written, an index entry added, removed, changed or
moved. A step holds the bytes that it is charged for and the rule that charges it, and its units follow from these
alone. So the steps of a call are at once its price and the reason for it: the steps of a table or an index
add up to what it consumed. (AWS: read-write-operations, GSI.ThroughputConsiderations,
LSI.ThroughputConsiderations, transaction-apis.)

>>> print(explain([Step("replaced", 900, 1517), Step("moved", 900, 1517, index="by-status", names=("status",))]))
5 write units: table 2, index by-status 3
  table            2  item of 900 bytes before and 1,517 bytes after, the larger counts: 2 x 1 KB
  index by-status  3  its key (status) moved: entry of 900 bytes removed, one of 1,517 bytes added: (1 + 2) x 1 KB
  total            5
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench import limits
from workbench.results import Result

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # kinds of steps that a line names


@dataclass(frozen=True)
class Step:
    """One step of a charge, by a `rule` of RULES, on a table: on itself or, where one is named, an `index`.

    A write has bytes `before` and `after` of the item or of its index entry, None where there is none; a read has
    `read`, bytes that are each rounded up on their own, for so many `items`. `names` are the key attributes that
    changed or are missing. A unit's worth costs `factor` (0.5 eventually consistent, 2 in a transaction), a part at
    least `least` units. `local` says that the index is a local one; `table` is the table, if known.
    """

    rule: str
    before: int | None = None
    after: int | None = None
    read: tuple[int, ...] = ()
    items: int = 1
    names: tuple[str, ...] = ()
    factor: float = 1.0
    least: int = 1
    index: str = ""
    local: bool = False
    table: str = ""

    @property
    def is_read(self) -> bool:
        """Whether it consumes read units."""
        return RULES[self.rule].unit_bytes == limits.READ_UNIT_BYTES

    @property
    def whole(self) -> list[int]:
        """Units of each part that is rounded up on its own, before the factor."""
        rule = RULES[self.rule]
        return [max(-(-size // rule.unit_bytes), self.least) for size in rule.parts(self)]

    @property
    def units(self) -> float:
        """The units that it consumes."""
        return sum(self.whole) * self.factor


@dataclass(frozen=True)
class Rule:
    """How a kind of step is charged: bytes of a unit, the parts that are rounded up on their own, and its words."""

    unit_bytes: int
    parts: Callable[[Step], Sequence[int]]
    words: str


def _larger(step: Step) -> Sequence[int]:
    return (max(step.before or 0, step.after or 0),)


def _both(step: Step) -> Sequence[int]:
    return tuple(size for size in (step.before, step.after) if size is not None)


def _none(step: Step) -> Sequence[int]:
    return ()


def _read(step: Step) -> Sequence[int]:
    return step.read


_READ, _WRITE = limits.READ_UNIT_BYTES, limits.WRITE_UNIT_BYTES
RULES = {
    # an item of the table
    "created": Rule(_WRITE, _larger, "new item of {after}"),
    "kept": Rule(_WRITE, _larger, "item of {after} before and after"),
    "replaced": Rule(_WRITE, _larger, "item of {before} before and {after} after, the larger counts"),
    "deleted": Rule(_WRITE, _larger, "item of {before} deleted"),
    "missing": Rule(_WRITE, _larger, "no item there, which costs the minimum"),
    "refused": Rule(_WRITE, _larger, "nothing written: {before} found, {after} asked for, the larger counts"),
    "checked": Rule(_WRITE, _larger, "condition checked on {before}"),
    # an entry of an index
    "absent": Rule(_WRITE, _none, "no entry before or after: the item lacks {names}"),
    "swapped": Rule(_WRITE, _none, "no entry before or after: of its keys ({names}) the item only ever has some"),
    "added": Rule(_WRITE, _both, "entry of {after} added"),
    "removed": Rule(_WRITE, _both, "entry of {before} removed"),
    "same": Rule(_WRITE, _none, "its entry stays as it is"),
    "changed": Rule(_WRITE, _larger, "entry of {before} changed in place to {after}, the larger counts"),
    "moved": Rule(_WRITE, _both, "its key ({names}) moved: entry of {before} removed, one of {after} added"),
    # reads
    "item": Rule(_READ, _read, "item of {read}"),
    "nothing": Rule(_READ, _read, "no item there, which costs the minimum"),
    "page": Rule(_READ, _read, "page of {items} with {read} in all"),
    "fetched": Rule(_READ, _read, "{items} fetched from the table, each rounded up"),
}
FACTORS = {0.5: ", x 0.5 eventually consistent", 1.0: "", 2.0: ", x 2 in a transaction"}


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """The steps of a charge; `print` shows a line for each table and index, and the total."""

    steps: tuple[Step, ...]

    @property
    def by_index(self) -> dict[tuple[str, str], list[Step]]:
        """The steps by table and index; the index of the table itself is ''."""
        found: dict[tuple[str, str], list[Step]] = {}
        for step in self.steps:
            found.setdefault((step.table, step.index), []).append(step)
        return found

    @property
    def units(self) -> float:
        """All units together."""
        return sum(step.units for step in self.steps)

    def summary_line(self) -> str:
        sums = {self._label(*where): sum(step.units for step in steps) for where, steps in self.by_index.items()}
        charged = ", ".join(f"{label} {_units(units)}" for label, units in sums.items() if units)
        return f"{self._total()}: {charged or 'nothing was charged'}"

    def _total(self) -> str:
        units = {kind: sum(s.units for s in self.steps if s.is_read == (kind == "read")) for kind in ("read", "write")}
        said = [f"{_units(n)} {kind} unit{'s' * (n != 1)}" for kind, n in units.items() if n]
        return " and ".join(said) or "0 units"

    def _label(self, table: str, index: str) -> str:
        several = len({step.table for step in self.steps}) > 1
        if not index:
            return f"table {table}".rstrip()
        return f"index {index}" + (f" of {table}" if several else "")

    def to_frame(self) -> "pd.DataFrame":
        """A line per table and index ('' for the table itself), kind (read or write), units, and why."""
        import pandas as pd

        lines = [
            (table, index, "read" if steps[0].is_read else "write", sum(s.units for s in steps), _why(steps))
            for (table, index), steps in self.by_index.items()
        ]
        return pd.DataFrame(lines, columns=["table", "index", "kind", "units", "why"])

    def __str__(self) -> str:
        lines = [
            (self._label(*where), _units(sum(step.units for step in steps)), _why(steps))
            for where, steps in self.by_index.items()
        ]
        lines.append(("total", _units(self.units), ""))
        wide, deep = (max(len(line[i]) for line in lines) for i in (0, 1))
        text = [f"  {label:<{wide}}  {units:>{deep}}  {why}".rstrip() for label, units, why in lines]
        return "\n".join([self.summary_line(), *text])


def explain(call: Any) -> Explanation:
    """Why a call consumed what it did: its steps, added up by table and index.

    `call` is a metered call (anything with `steps`, as an attribute or a key), or steps themselves. TypeError
    otherwise.

    >>> print(explain([Step("item", read=(6000,), factor=0.5)]))
    1 read unit: table 1
      table  1  item of 6,000 bytes: 2 x 4 KB, x 0.5 eventually consistent
      total  1
    """
    found = call.get("steps") if isinstance(call, Mapping) else getattr(call, "steps", call)
    steps: tuple[Any, ...] = tuple(found) if isinstance(found, Iterable) else (found,)
    if not all(isinstance(step, Step) for step in steps):
        raise TypeError(
            f"{type(call).__name__} is no metered call: give one of a run, or what capacity.write_steps, "
            "read_steps or query_steps return"
        )
    return Explanation(steps)


def _units(units: float) -> str:
    """Units as people read them; they come in halves, and none is rounded away."""
    return f"{units:,.1f}".removesuffix(".0")


def _why(steps: Sequence[Step]) -> str:
    """Steps in words, those that are charged alike together."""
    alike: dict[tuple[Any, ...], list[Step]] = {}
    for step in steps:
        alike.setdefault((step.rule, tuple(step.whole), step.factor, step.names), []).append(step)
    groups = sorted(alike.values(), key=lambda group: -sum(step.units for step in group))
    said = [_words(group) for group in groups[:SHOWN]]
    if rest := groups[SHOWN:]:
        units = sum(step.units for group in rest for step in group)
        said.append(f"{sum(map(len, rest)):,} more for {_units(units)}")
    return "; ".join(said)


def _words(alike: Sequence[Step]) -> str:
    """What some steps have in common: their words with the range of their bytes, and the arithmetic of one."""
    one, times = alike[0], f"{len(alike):,} times " if len(alike) > 1 else ""
    text = RULES[one.rule].words.format(
        before=_range([step.before for step in alike], "byte"),
        after=_range([step.after for step in alike], "byte"),
        read=_range([size for step in alike for size in step.read], "byte"),
        items=_range([step.items for step in alike], "item"),
        names=", ".join(one.names),
    )
    return f"{times}{text}{_arithmetic(one)}"


def _range(values: Sequence[int | None], noun: str) -> str:
    there = sorted({value for value in values if value is not None})
    if not there:
        return "nothing"
    shown = f"{there[0]:,}" if len(there) == 1 else f"{there[0]:,} to {there[-1]:,}"
    return f"{shown} {noun}{'s' * (there[-1] != 1)}"


def _arithmetic(step: Step) -> str:
    if not step.whole:
        return ""
    wide = f"{RULES[step.rule].unit_bytes // limits.KB} KB"
    whole = str(sum(step.whole)) if len(step.whole) != 2 else "({} + {})".format(*step.whole)
    least = f" (at least {step.least}, one for each partition)" if step.least > 1 else ""
    return f": {whole} x {wide}{least}{FACTORS.get(step.factor, f', x {step.factor:g}')}"
