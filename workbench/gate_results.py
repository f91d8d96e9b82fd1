"""What a suite of regression notebooks did: an outcome for each case, and all of them as one result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.baselines import Change, Metrics
from workbench.matrices import Case, Suite
from workbench.results import Result

if TYPE_CHECKING:
    import pandas as pd

PASSED, ACCEPTED, MOVED, FAILED, NEW, NOT_RUN = "passed", "accepted", "moved", "failed", "no baseline", "not run"
GOOD = (PASSED, ACCEPTED)


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    `results` are what it recorded, `metrics` the same flat; `changes` are what moved, also if an update accepts it.
    `error` says why it failed, with notebook, cell, parameters and cause; `parameters` are all that it ran with.
    """

    case: Case
    status: str
    results: Mapping[str, Any] = field(default_factory=dict, repr=False)
    metrics: Metrics = field(default_factory=dict, repr=False)
    changes: tuple[Change, ...] = ()
    baseline: Metrics = field(default_factory=dict, repr=False)
    error: str = ""
    cell: int | None = None
    seconds: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    output: Path | None = None

    @property
    def holds(self) -> bool:
        """Whether it lets the gate pass."""
        return self.status in GOOD

    @property
    def reason(self) -> str:
        """Why it does not pass, as lines of text; empty if it does."""
        if self.holds:
            return ""
        if self.status == NEW:
            return f"{self.case}: no baseline yet; look at its results, then accept them with --update"
        return self.error or "\n".join(f"{self.case}: {change}" for change in self.changes) or NOT_RUN


@dataclass(frozen=True, repr=False)
class Regression(Result):
    """What a suite of notebooks did: an outcome for each case, and what a reader needs to judge it by.

    `strays` are baselines without a notebook or a case; `about` states engine, versions, when, and how long it took.
    """

    outcomes: tuple[Outcome, ...]
    strays: tuple[str, ...]
    suite: Suite
    about: Mapping[str, Any] = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether everything passed."""
        return not self.strays and all(outcome.holds for outcome in self.outcomes)

    def summary_line(self) -> str:
        counts = [(status, sum(o.status == status for o in self.outcomes)) for status in _ORDER]
        strays = [f"{len(self.strays)} stray baseline{'s' * (len(self.strays) > 1)}"] if self.strays else []
        words = ", ".join([*(f"{count} {status}" for status, count in counts if count), *strays])
        return f"{len(self.outcomes)} case{'s' * (len(self.outcomes) != 1)}: {words or 'nothing to run'}"

    @property
    def moved(self) -> "list[tuple[Outcome, Change]]":
        """Every change with its outcome, in order."""
        return [(outcome, change) for outcome in self.outcomes for change in outcome.changes]

    def shown(self) -> dict[str, list[Any]]:
        """What people see: what does not pass first, with what moved or why it failed."""
        lines = [line for outcome in sorted(self.outcomes, key=lambda o: o.holds) for line in _shown_lines(outcome)]
        headings = ("case", "status", "s", "metric", "baseline", "value", "why")
        return {name: [line[place] for line in lines] for place, name in enumerate(headings)}

    def to_frame(self) -> "pd.DataFrame":
        """A line per case and metric that moved; a case without any has one line."""
        import pandas as pd

        columns = ["notebook", "case", "status", "seconds", "metric", "baseline", "value", "allowed", "error"]
        return pd.DataFrame([line for outcome in self.outcomes for line in _frame_lines(outcome)], columns=columns)


_ORDER = (PASSED, ACCEPTED, MOVED, FAILED, NEW, NOT_RUN)


def _shown_lines(outcome: Outcome) -> Iterator[tuple[Any, ...]]:
    """The lines of a case as people read them: its name, status and seconds once."""
    head = (str(outcome.case), outcome.status, round(outcome.seconds, 1))
    if not outcome.changes:
        yield (*head, "", "", "", outcome.error)
    for place, change in enumerate(outcome.changes):
        moved = (change.metric, change.baseline, change.value, f"allowed: {change.tolerance}")
        yield (*(head if not place else ("", "", "")), *moved)


def _frame_lines(outcome: Outcome) -> Iterator[tuple[Any, ...]]:
    head = (outcome.case.suite, outcome.case.name, outcome.status, outcome.seconds)
    for change in outcome.changes:
        yield (*head, change.metric, change.baseline, change.value, str(change.tolerance), "")
    if not outcome.changes:
        yield (*head, "", None, None, "", outcome.error)
