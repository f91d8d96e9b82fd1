"""`python -m benchmarks [items|loading|engines ...]`: measure, print, and write RESULTS.md.

QUICK=1 in the environment takes smaller sizes. RESULTS.md is written anew only by a full run of all subjects. One that
fails keeps no other from running; then, and when the run is interrupted, what was found is in build/benchmarks.md and
RESULTS.md stays as it was. The exit code is 1 if a subject fails or a ratio misses what is required of it.
"""

import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import (
    attacks,
    chores,
    costs,
    crosscheck,
    engines,
    explorer,
    faults,
    imports,
    items,
    keyreport,
    kills,
    loading,
    regress,
    simulation,
    sizes,
    validation,
)
from benchmarks.ratios import Fact, Grid, Ratio, Report
from benchmarks.validation import Comparison

RESULTS = Path(__file__).with_name("RESULTS.md")
KEPT = Path("build", "benchmarks.md")  # of a run that did not come to its good end
MINUTES = {False: 30, True: 5}  # that all subjects may take, by whether they are quick


@dataclass(frozen=True)
class Ended:
    """That a subject ended, after how many seconds, and why it failed if it did."""

    subject: str
    seconds: float
    failure: str = ""


Finding = Ratio | Fact | Grid | Report | Comparison | Ended
SUBJECTS: dict[str, Callable[..., Iterator[Any]]] = {
    "items": items.measure,
    "sizes": sizes.measure,
    "loading": loading.measure,
    "keyreport": keyreport.measure,
    "imports": imports.measure,
    "costs": costs.measure,
    "simulation": simulation.measure,
    "validation": validation.measure,
    "engines": engines.measure,
    "crosscheck": crosscheck.measure,
    "faults": faults.measure,
    "regress": regress.measure,
    "explorer": explorer.measure,
    "attacks": attacks.measure,
    "kills": kills.measure,
    "chores": chores.measure,
}
QUICK = {
    "items": {"one_by_one": 5_000, "rounds": 3},
    "sizes": {"rounds": 3},
    "loading": {"tasks": 10_000, "written": 5_000, "most": 30_000, "rounds": 3},
    "keyreport": {"tables": 10, "rounds": 2},
    "imports": {"rounds": 5},
    "costs": {"rounds": 2},
    "simulation": {"rounds": 2},
    "validation": {"seeds": 10},
    "engines": {"rounds": 1},
    "faults": {"times": 2},
    "regress": {"rounds": 1},
    "explorer": {"rounds": 2},
    "attacks": {"mutations": 500, "sampled": 10},
    "kills": {"times": 4},
    "chores": {"tests": False, "notebooks": 2},
}
PACKAGES = ("boto3", "Faker", "ministack", "numpy", "pandas", "pydantic")


def main(words: Sequence[str]) -> int:
    """Measure the subjects that the words name, or all; 1 if one fails or misses a bound, 2 for an unknown subject."""
    if unknown := set(words) - set(SUBJECTS):
        print(f"benchmarks: no subject {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}", file=sys.stderr)
        return 2
    quick = bool(os.environ.get("QUICK"))
    found: list[Finding] = []
    try:
        for one in measured(words or list(SUBJECTS), quick):
            found.append(one)  # one by one: what is found before an interruption is kept
    except KeyboardInterrupt:
        found.append(Ended("the run", 0.0, "interrupted"))
    if not words:
        found.append(whole_time(found, MINUTES[quick]))
        print(f"\n{line(found[-1])}")
    failed = [one for one in found if isinstance(one, Ended) and one.failure]
    if not words and not quick:
        write(found, KEPT if failed else RESULTS)
    return verdict_of(found, failed)


def verdict_of(found: Sequence[Finding], failed: Sequence[Ended]) -> int:
    """Say what failed and what missed its bound; the exit code."""
    missed = [one for one in found if isinstance(one, Ratio) and not one.holds]
    for end in failed:
        print(f"FAILED {end.subject}: {end.failure}", file=sys.stderr)
    for one in missed:
        print(f"MISSED {one.name}: {figure(one.median)}, {one.required} is required", file=sys.stderr)
    return 1 if missed or failed else 0


def write(found: Sequence[Finding], path: Path) -> None:
    """Write what was found, and say where."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(report(found), encoding="utf-8")
    print(f"\n{path.name if path == RESULTS else path} written")


def measured(subjects: Iterable[str], quick: bool) -> Iterator[Finding]:
    """What the subjects measure, printed as it comes; of each also that it ended."""
    print(machine(), flush=True)
    for name in subjects:
        print(f"\n{name}", flush=True)
        began, failure = time.monotonic(), ""
        try:
            for one in SUBJECTS[name](**QUICK.get(name, {}) if quick else {}):
                print(f"  {line(one)}", flush=True)
                yield one
        except Exception as error:  # whatever it is, the other subjects run
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"
        ended = Ended(name, time.monotonic() - began, failure)
        print(f"  {line(ended)}", flush=True)
        yield ended


def whole_time(found: Sequence[Finding], minutes: int) -> Ratio:
    """The time of all subjects as a ratio to what they may take."""
    seconds = sum(one.seconds for one in found if isinstance(one, Ended))
    return Ratio(f"make bench, all of it : {minutes} minutes", (seconds / 60 / minutes,), at_most=1)


def machine() -> str:
    """The machine and the packages that count, in one line."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {system}; {packages}"


def line(one: Finding) -> str:
    """A ratio, a fact, a table or a longer report as it is printed."""
    if isinstance(one, Ended):
        return f"{one.failure or 'ended'}, after {one.seconds:.0f} s"
    if isinstance(one, Report):
        return f"{one.heading}\n\n{one.text}\n"
    if isinstance(one, Grid):
        return "\n    ".join([f"{one.name}:", *("  ".join(row) for row in (one.columns, *one.rows))])
    if isinstance(one, Comparison):
        return f"{one.case.id}: {one.measurement.name}: {validation.sentence(one)}"
    if isinstance(one, Fact):
        return f"{one.name}: {one.value}"
    return f"{one.name}: {figure(one.median)} ({spread(one)}){f', {one.required} is required' if one.required else ''}"


def figure(value: float) -> str:
    """A ratio with as many digits as it deserves.

    >>> figure(171.4), figure(2.718), figure(0.0773)
    ('171', '2.72', '0.077')
    """
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.1 else f"{value:.2g}"


def spread(one: Ratio) -> str:
    """The smallest and the largest value, and how many there are."""
    count = len(one.values)
    return f"{figure(min(one.values))} to {figure(max(one.values))} in {count} round{'s' * (count > 1)}"


def verdict(one: Ratio) -> str:
    """Whether the ratio keeps its bound; empty if it has none."""
    return ("yes" if one.holds else "**no**") if one.required else ""


def section(one: Grid) -> list[str]:
    """A table of findings with its heading, as lines of Markdown."""
    rows = [one.columns, ("---",) * len(one.columns), *one.rows]
    note = [one.note, ""] if one.note else []
    return ["", f"## {one.name}", "", *note, *(f"| {' | '.join(row)} |" for row in rows)]


def report(found: Sequence[Finding]) -> str:
    """RESULTS.md: a table of the ratios, the facts beside them, and what needs more room."""
    ratios = [one for one in found if isinstance(one, Ratio)]
    facts = [one for one in found if isinstance(one, Fact)]
    rows = [f"| {r.name} | {r.required} | **{figure(r.median)}** | {spread(r)} | {verdict(r)} |" for r in ratios]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`. A ratio is the median of rounds in one run; in a round, each side runs once.",
            "",
            machine(),
            "",
            "| ratio | required | median | spread | holds |",
            "|---|---|---:|---|---|",
            *rows,
            "",
            "| measured beside | |",
            "|---|---|",
            *(f"| {fact.name} | {fact.value} |" for fact in facts),
            *(text for one in found if isinstance(one, Grid) for text in section(one)),
            *(f"\n## {one.heading}\n\n{one.text}" for one in found if isinstance(one, Report)),
            *times([one for one in found if isinstance(one, Ended)]),
            "",
            *validated([one for one in found if isinstance(one, Comparison)]),
        ]
    )


def times(found: Sequence[Ended]) -> list[str]:
    """The lines on how long each subject took."""
    rows = tuple((one.subject, f"{one.seconds:.0f} s", one.failure) for one in found)
    return section(Grid("Time that each subject took", ("subject", "time", "failed"), rows))


def validated(found: Sequence[Comparison]) -> Iterator[str]:
    """The lines on published measurements, if there are any."""
    if found:
        yield "## Published measurements and the simulation"
        yield ""
        yield validation.ABOUT.format(seeds=len(found[0].predicted))
        yield ""
        yield validation.table(found)
        yield ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
