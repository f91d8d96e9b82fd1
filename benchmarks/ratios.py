"""Ratios of rates that were measured in turn, so that whatever else the machine does meets both sides.

A rate alone says more about the machine than about the code. Each round runs every candidate once, after one round
that does not count (it pays for the first use of memory and of modules). A round gives one ratio; the median of the
rounds is what is promised.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Rates = dict[str, list[float]]


@dataclass(frozen=True)
class Ratio:
    """What is compared with what, a value for each round, and the bound that the median must keep, if any."""

    name: str
    values: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        """The value that counts."""
        return median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the median keeps the bounds."""
        return (self.at_least or 0) <= self.median <= (self.at_most or float("inf"))

    @property
    def required(self) -> str:
        """The bounds in words, empty if there are none."""
        bounds = {"at least": self.at_least, "at most": self.at_most}
        return ", ".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None)


@dataclass(frozen=True)
class Fact:
    """What stands beside the ratios and has no bound: a rate, the memory taken."""

    name: str
    value: str


@dataclass(frozen=True)
class Grid:
    """A table of findings under a heading of its own: what was compared, line by line; `note` says how to read it."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What needs more than a line: a heading, and Markdown under it."""

    heading: str
    text: str


def rates(candidates: Mapping[str, Callable[[], int]], rounds: int) -> Rates:
    """Items per second of each candidate, round by round; a candidate does its work and returns how many it did."""
    found: Rates = {name: [] for name in candidates}
    for i in range(rounds + 1):
        for name, run in candidates.items():
            start = time.perf_counter()
            rate = run() / (time.perf_counter() - start)
            if i:
                found[name].append(rate)
    return found


def ratio(found: Rates, one: str, other: str, *, at_least: float | None = None, at_most: float | None = None) -> Ratio:
    """The rate of `one` over that of `other`, round by round.

    >>> ratio({"a": [6.0, 8.0, 9.0], "b": [3.0, 2.0, 3.0]}, "a", "b", at_least=4)
    Ratio(name='a : b', values=(2.0, 4.0, 3.0), at_least=4, at_most=None)
    """
    values = tuple(a / b for a, b in zip(found[one], found[other], strict=True))
    return Ratio(f"{one} : {other}", values, at_least, at_most)


def rate_facts(found: Rates) -> list[Fact]:
    """The median rate of each candidate."""
    return [Fact(name, f"{median(values):,.0f} items/s") for name, values in found.items()]
