"""Ratios of rates that were measured in turn, so that whatever else the machine does meets both sides.

A rate alone says more about the machine than about the code. Each round runs every candidate once; a round gives one
ratio, and the median of the rounds is what counts.
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
        return median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the median keeps the bounds."""
        return (self.at_least or 0) <= self.median <= (self.at_most or float("inf"))

    @property
    def required(self) -> str:
        """The bound in words, empty if there is none."""
        bounds = {"at least": self.at_least, "at most": self.at_most}
        return ", ".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None)


@dataclass(frozen=True)
class Fact:
    """A number that stands beside the ratios and has no bound: a rate, a size in memory."""

    name: str
    value: str


def rates(candidates: Mapping[str, Callable[[int], int]], rounds: int) -> Rates:
    """Items per second of each candidate, round by round; a candidate takes the round and returns its items."""
    found: Rates = {name: [] for name in candidates}
    for i in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            count = run(i)
            found[name].append(count / (time.perf_counter() - start))
    return found


def ratio(found: Rates, one: str, other: str, **bounds: float) -> Ratio:
    """The rate of `one` over that of `other`, round by round.

    >>> ratio({"a": [6.0, 8.0, 9.0], "b": [3.0, 2.0, 3.0]}, "a", "b", at_least=3).median
    3.0
    """
    values = tuple(a / b for a, b in zip(found[one], found[other], strict=True))
    return Ratio(f"{one} : {other}", values, **bounds)


def rate_facts(found: Rates, unit: str = "items") -> list[Fact]:
    """The median rate of each candidate."""
    return [Fact(name, f"{median(values):,.0f} {unit}/s") for name, values in found.items()]
