"""An hour of ten thousand partitions against a compiled loop over all of them, and what the heat map adds.

The loop is the limit of what a machine can do: every second of every partition in one pass, compiled by numba, with
normal noise from counters and the same rule for tokens. It knows no splits, no tables, no reasons, and records nothing.
The simulation has exact Poisson counts and all of these, and is quick because it leaves out the partitions that can
neither throttle nor split. Setting up (placing a million keys on the ring) is measured apart.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ratios import Fact, Ratio
from workbench.conditions import Start
from workbench.distributions import parse_popularity
from workbench.profile import PROFILE
from workbench.simulation import prepare
from workbench.summaries import Simulation
from workbench.workload import Workload, keyed

ROOT = Path(__file__).parent.parent
LIFTED = replace(PROFILE, table_write_units=inf)
LIMIT = PROFILE.partition_write_units
WRITES_PER_S = 2_000_000.0

Floats = NDArray[np.float64]


def measure(
    partitions: int = 10_000, keys: int = 1_000_000, seconds: int = 3600, rounds: int = 5, larger: int = 10
) -> Iterator[Ratio | Fact]:
    """The simulation against the loop, at one size and at `larger` times it; set-up, the heat map, memory."""
    work, rates = load(keys), WRITES_PER_S
    many, compiled = load(keys * larger), loop()
    means = partition_means(work, partitions, rates)
    admitted(compiled, means, 60)  # compiled here
    found: dict[str, list[float]] = {"loop": [], "ours": [], "set up": [], "plain": [], "larger": []}
    for _ in range(rounds):
        found["loop"].append(timed(lambda: admitted(compiled, means, seconds)))
        for name, mine, parts, heat in (
            ("ours", work, partitions, True),
            ("plain", work, partitions, False),
            ("larger", many, partitions * larger, False),
        ):
            set_up, ran = run(mine, parts, rates, seconds, heat)
            found[name].append(ran + (set_up if name == "larger" else 0.0))
            if name == "plain":
                found["set up"].append(set_up)
    size = f"{partitions:,} partitions, {keys:,} keys"
    yield compared(f"{size}: an hour, a compiled loop's", found, "plain", "loop", 15)
    yield Ratio(f"{size}: seconds to set up", tuple(found["set up"]), at_most=1.5)
    whole = {**found, "both": [a + b for a, b in zip(found["plain"], found["set up"], strict=True)]}
    yield compared(f"{larger} times the partitions and keys, set-up included", whole, "larger", "both", 4)
    yield compared("with the heat map, without", found, "ours", "plain", 1.3)
    yield Fact("the compiled loop", f"{np.median(found['loop']):.3f} s for {partitions * seconds:,} partition-seconds")
    yield Fact(
        "the simulation", f"{np.median(found['plain']):.2f} s, {np.median(found['larger']):.2f} s for the larger"
    )
    if sys.platform != "win32":
        for times in (1, larger):
            yield memory(partitions * times, keys * times, rates, seconds)


def compared(name: str, found: dict[str, list[float]], one: str, other: str, at_most: float) -> Ratio:
    """How many times as long one takes as the other, round by round."""
    one_name, other_name = name.rsplit(", ", 1)
    values = tuple(a / b for a, b in zip(found[one], found[other], strict=True))
    return Ratio(f"{one_name} : {other_name}", values, at_most=at_most)


def timed(work) -> float:
    """Seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def load(keys: int) -> Workload:
    """Writes of one unit to so many keys, by Zipf 0.99."""
    return keyed(parse_popularity("zipf(0.99)").shares(keys), WRITES_PER_S)


def run(work: Workload, partitions: int, rate: float, seconds: int, heat: bool) -> tuple[float, float]:
    """Seconds to set up, and to simulate."""
    start = time.perf_counter()
    prepared = prepare(with_rate(work, rate), seconds, start=Start(partitions), profile=LIFTED, heat=heat)
    middle = time.perf_counter()
    done = prepared.run()
    assert isinstance(done, Simulation) and done.duration_s == seconds
    return middle - start, time.perf_counter() - middle


def with_rate(work: Workload, rate: float) -> Workload:
    """The workload at another rate."""
    return replace(work, patterns=(replace(work.patterns[0], rate=rate, peak=rate),))


# The compiled loop


def loop():
    """The compiled loop over partitions and seconds; the seconds of a partition run one after the other."""
    from numba import njit, prange  # pyright: ignore[reportMissingImports]

    @njit(parallel=True, fastmath=True, cache=False)
    def admit(means, limit, seconds, seed):  # pragma: no cover
        served = np.zeros(len(means))
        for p in prange(len(means)):
            mean, deviation, tokens, total = means[p], np.sqrt(means[p]), limit, 0.0
            for t in range(seconds):
                x = (
                    np.uint64(seed)
                    + np.uint64(p) * np.uint64(0x9E3779B97F4A7C15)
                    + np.uint64(t) * np.uint64(0xD1B54A32D192ED03)
                )
                x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                x = x ^ (x >> np.uint64(31))
                # four 16-bit uniforms: their sum is normal to within what a token rule can tell
                sum_ = (x & np.uint64(65535)) + (x >> np.uint64(16) & np.uint64(65535))
                sum_ += (x >> np.uint64(32) & np.uint64(65535)) + (x >> np.uint64(48))
                normal = (float(sum_) / 65535.0 - 2.0) * 1.7320508075688772
                offered = max(mean + deviation * normal, 0.0)
                taken = min(offered, tokens)
                total += taken
                tokens = min(limit, tokens - taken + limit)
            served[p] = total
        return served

    return admit


def admitted(compiled, means: Floats, seconds: int) -> Floats:
    """Units that each partition admits in so many seconds, by the loop."""
    return compiled(means, LIMIT, seconds, 7)


def partition_means(work: Workload, partitions: int, rate: float) -> Floats:
    """Writes a second of each partition, in equal ranges of the ring."""
    from workbench.placement import Placement

    placement = Placement(work.rings[0], work, LIFTED, None)
    edges = placement.equal_ranges(partitions)
    return placement.units(edges[:-1], edges[1:])[0] * rate


# Memory

_MEMORY = """
import sys
from benchmarks.items import peak_megabytes
from benchmarks.simulation import load, run
run(load(int(sys.argv[2])), int(sys.argv[1]), float(sys.argv[3]), int(sys.argv[4]), True)
print(peak_megabytes())
"""


def memory(partitions: int, keys: int, rate: float, seconds: int) -> Ratio:
    """The peak memory of a fresh process that simulates, before frames are built."""
    command = [sys.executable, "-c", _MEMORY, *map(str, (partitions, keys, rate, seconds))]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return Ratio(f"peak memory in MB, {partitions:,} partitions, {keys:,} keys", (float(found),), at_most=1000)
