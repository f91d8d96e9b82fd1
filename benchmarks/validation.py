"""Published measurements of DynamoDB against the simulation: `python -m benchmarks.validation [FILE.yaml ...]`.

The experiments of `benchmarks/cases` are run unless others are named. For each measurement the table says two things
apart: how far the predicted median is from what was measured, against the tolerance; and whether what was measured lies
in the band that holds 95 % of the seeds. *Inside* means that the band meets the measured value +- its tolerance. Each
seed has other noise, other delays of splits, and other places of the keys on the ring.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.experiments import CASES, Case, Measurement, load_case
from benchmarks.figures import FIGURES, Floats
from workbench.items import generate_items
from workbench.simulation import simulate
from workbench.workload import workload

SEEDS = 200
HEAD = "| case | measured | predicted median | deviation | within tolerance | 95 % band | in band | inside | used as |"

ABOUT = (
    "Predictions are medians of {seeds} seeds, each with other noise, delays of splits, and places of keys. "
    "*Inside*: the band of 95 % of the seeds meets the measured value within its tolerance. The profile was fitted on "
    "what is marked so; everything else was held out."
)


@dataclass(frozen=True)
class Comparison:
    """A measurement beside what the seeds predict."""

    case: Case
    measurement: Measurement
    predicted: Floats

    @property
    def median(self) -> float:
        """The predicted median."""
        return float(np.median(self.predicted))

    @property
    def band(self) -> tuple[float, float]:
        """What holds 95 % of the seeds."""
        low, high = np.quantile(self.predicted, [0.025, 0.975], method="inverted_cdf")
        return float(low), float(high)  # of whole outcomes, as "never" is one

    @property
    def within_tolerance(self) -> bool:
        """Whether the median is within the tolerance of what was measured."""
        low, high = self.measurement.allowed
        return low <= self.median <= high

    @property
    def in_band(self) -> bool:
        """Whether what was measured lies in the band."""
        low, high = self.band
        exact = 1e-6 * abs(self.measurement.value)
        return low - exact <= self.measurement.value <= high + exact

    @property
    def inside(self) -> bool:
        """Whether the band meets the measured value +- its tolerance."""
        low, high = self.measurement.allowed
        return self.band[0] <= high and self.band[1] >= low

    def __str__(self) -> str:
        one, (low, high) = self.measurement, self.band
        deviation = f"{100 * (self.median / one.value - 1):+.0f} %" if one.value else f"{self.median - one.value:+.3g}"
        cells = [
            f"{self.case.id}: {one.name}",
            figure(one.value),
            figure(self.median),
            deviation,
            "yes" if self.within_tolerance else "**no**",
            f"{figure(low)} to {figure(high)}",
            "yes" if self.in_band else "no",
            "yes" if self.inside else "**no**",
            "fit" if one.fit else "held out",
        ]
        return f"| {' | '.join(cells)} |"


def figure(value: float) -> str:
    """A figure with as many digits as it deserves.

    >>> figure(19560.0), figure(4.5), figure(0.99713), figure(float("inf"))
    ('19,560', '4.5', '0.997', 'never')
    """
    return "never" if value == float("inf") else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def simulated(case: Case, seeds: Sequence[int]) -> list[list[float]]:
    """The figures of a case's measurements for each seed."""
    work = workload(generate_items(case.built()))
    found: list[list[float]] = []
    for seed in seeds:
        try:
            sim = simulate(work, seed=seed, hash_seed=seed, heat=False, **case.settings)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{case.id}: {error}") from None
        found.append([FIGURES[one.figure](sim, **one.options) for one in case.measured])
    return found


def compare(paths: Sequence[Path] = (), seeds: int = SEEDS) -> Iterator[Comparison]:
    """Each measurement of the cases beside what so many seeds predict; the seeds are shared out to all cores."""
    cases = [load_case(path) for path in paths or sorted(CASES.glob("*.yaml"))]
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        jobs = [[pool.submit(simulated, case, range(core, seeds, cores)) for core in range(cores)] for case in cases]
        for case, parts in zip(cases, jobs, strict=True):
            found = np.array([row for part in parts for row in part.result()])
            for column, measurement in enumerate(case.measured):
                yield Comparison(case, measurement, found[:, column])


def measure(seeds: int = SEEDS) -> Iterator[Comparison]:
    """The comparison of all cases, for RESULTS.md."""
    yield from compare(seeds=seeds)


def sentence(one: Comparison) -> str:
    """A comparison in words."""
    (low, high), use = one.band, "fit" if one.measurement.fit else "held out"
    hit = "inside" if one.inside else "**missed**"
    return (
        f"measured {figure(one.measurement.value)}, predicted {figure(one.median)} ({figure(low)} to {figure(high)}): "
        f"{hit}, {use}"
    )


def table(found: Sequence[Comparison]) -> str:
    """The comparisons as a Markdown table, with the score."""
    missed = [one for one in found if not one.inside]
    score = f"{len(found) - len(missed)} of {len(found)} measurements inside"
    return "\n".join([HEAD, "|---|---:|---:|---:|---|---|---|---|---|", *map(str, found), "", score])


def main(words: Sequence[str]) -> int:
    """The table of the cases that are named, or of all; 1 if a measurement is not inside, 2 if a case is wrong."""
    seeds = int(os.environ.get("SEEDS", SEEDS))
    try:
        found = list(compare([Path(word) for word in words], seeds))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(found))
    return int(not all(one.inside for one in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
