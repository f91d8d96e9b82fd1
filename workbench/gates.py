"""The gate: notebooks are run with every set of parameters, and what they record is held against their baselines.

A case passes if its notebook ran to its end, recorded results, and none of them moved by more than it may. Everything
else fails the gate: an error in a cell or in a widget's callback, a parameter that the notebook does not have, a time
limit, no results, no baseline yet. Cases run in processes of their own, so that one that dies takes no other with it.
What is known after every case is in `results.json`; from there `last_failed` reads what to run again.
"""

import hashlib
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.baselines import Metrics, compare, metrics, read_baseline, without_ignored, write_baseline
from workbench.engines import check_kind
from workbench.errors import NotebookError
from workbench.folders import check_writable
from workbench.gate_reports import RESULTS, read_results, write_reports, write_results
from workbench.gate_results import ACCEPTED, FAILED, MOVED, NEW, NOT_RUN, PASSED, Outcome, Regression
from workbench.matrices import Case, Suite, find_suite
from workbench.regression import default_parameters
from workbench.workers import Pool

TIMEOUT = 300.0  # seconds for each cell
OUTPUT = Path("build/regression")
PACKAGES = ("dynamodb-workbench", "papermill", "nbclient", "ipykernel", "boto3", "numpy", "pandas", "ministack")
Key = tuple[str, str]
Say = Callable[[Outcome], object]


def regress(
    *paths: str | Path,
    matrix: str | Path | None = None,
    baselines: str | Path | None = None,
    workers: int = 1,
    update: bool = False,
    last_failed: bool = False,
    engine: str = "embedded",
    timeout: float = TIMEOUT,
    output: str | Path = OUTPUT,
    reports: bool = True,
    progress: bool | None = None,
    say: Say | None = None,
) -> Regression:
    """Run the notebooks in a folder, or some of them, with every set of parameters, and compare with their baselines.

    `matrix` and `baselines` are `matrix.yaml` and `baselines/` beside the notebooks unless named. `workers` run at the
    same time, each with an engine of its own kind `engine`, or on a running one (its URL) with tables of its own.
    `timeout`: seconds for each cell. `update` accepts what was recorded as the new baseline; `last_failed` runs only
    what did not pass the last time. `output` gets the executed notebooks and `results.json`, and with `reports` a page,
    JUnit XML and the history. `progress` shows a bar, None on a terminal only; `say` gets each outcome as it comes.

    Ctrl-C, or a signal whose handler raises SystemExit, ends kernels and engines, writes what is known until then, and
    goes on with a note that says so. ValueError for no workers or no time; NotebookError if there is nothing to run.

    >>> regress("notebooks/regression", workers=0)
    Traceback (most recent call last):
    ValueError: workers=0, timeout=300: at least one worker, and more than no time
    """
    if workers < 1 or not timeout > 0:
        raise ValueError(f"workers={workers}, timeout={timeout:g}: at least one worker, and more than no time")
    check_kind(engine)
    gate = Gate(find_suite(paths, matrix, baselines), Path(output).resolve(), engine, timeout, workers, update)
    _need_folder(gate.output)
    gate.found |= gate.remembered() if last_failed else {}
    try:
        gate.run(sys.stderr.isatty() if progress is None else progress, say or (lambda outcome: None))
    except (KeyboardInterrupt, SystemExit) as stop:
        write_reports(gate.result(), gate.output, reports)
        stop.add_note(gate.interrupted())
        raise
    return gate.close(reports)


def _need_folder(output: Path) -> None:
    """NotebookError if nothing can be written there: it is better known before anything runs."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        check_writable(output / RESULTS)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NotebookError(f"{output}: {reason}; output is a folder for reports that can be written to") from None


@dataclass
class Gate:
    """A run of a suite: what is to be done, and what is known so far."""

    suite: Suite
    output: Path
    engine: str = "embedded"
    timeout: float = TIMEOUT
    workers: int = 1
    update: bool = False
    found: dict[Key, Outcome] = field(default_factory=dict)
    stored: dict[str, dict[str, Metrics]] = field(init=False)
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        # a baseline that cannot be read is better known before anything runs
        self.stored = {case.suite: read_baseline(self.suite.baseline(case)) for case in self.suite.cases}

    def remembered(self) -> dict[Key, Outcome]:
        """What passed in the last run and still would: it is not run again."""
        last = read_results(self.output)
        if not last:
            return {}
        judged = {c.key: self.judged(c, last[c.key]) for c in self.suite.cases if self._is_known(c, last)}
        return {key: outcome for key, outcome in judged.items() if outcome.holds}

    def _is_known(self, case: Case, last: Mapping[Key, Mapping[str, Any]]) -> bool:
        return case.key in last and "results" in last[case.key] and last[case.key]["given"] == case.parameters

    def run(self, progress: bool, say: Say) -> None:
        """Run all cases of which nothing is known yet, the longest first; an interruption ends everything it began."""
        from tqdm.auto import tqdm

        left = [case for case in self.suite.cases if case.key not in self.found]
        last = read_results(self.output)
        left.sort(key=lambda case: -last.get(case.key, {}).get("seconds", 0))
        bar = tqdm(total=len(left), desc="notebooks", unit="case", disable=not progress, leave=False)
        # the pool ends first: threads wait for their workers
        with bar, ThreadPoolExecutor(self.workers) as threads, Pool(self.workers, self._environ()) as pool:
            waiting: set[Future[Outcome]] = {threads.submit(self.outcome, case, pool) for case in left}
            try:
                while waiting:  # a wait without an end would keep Ctrl-C waiting on Windows
                    done, waiting = wait(waiting, 0.5, FIRST_COMPLETED)
                    for future in done:
                        self._take(future.result(), say, bar)
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def _take(self, outcome: Outcome, say: Say, bar: Any) -> None:
        self.found[outcome.case.key] = outcome
        write_results(self.result(), self.output)
        with bar.external_write_mode():
            say(outcome)
        bar.update()

    def _environ(self) -> dict[str, str]:
        return {"WORKBENCH_ENGINE": self.engine}

    def outcome(self, case: Case, pool: Pool) -> Outcome:
        """Run a case in a worker of the pool and judge what it recorded."""
        job = {
            "notebook": str(case.notebook),
            "output": str(self._executed(case)),
            "parameters": dict(case.parameters),
            "timeout": self.timeout,
            "environ": {"WORKBENCH_PREFIX": f"wb-{self._mark(case)}-"},
        }
        began = time.monotonic()
        answer = pool.run(job)
        return self.judged(case, {"seconds": time.monotonic() - began, **answer})

    def _executed(self, case: Case) -> Path:
        words = re.sub(r"[^A-Za-z0-9_.]+", "-", str(case)).strip("-")[:80]
        return self.output / "notebooks" / f"{words}{f'-{self._mark(case)[:4]}' * bool(case.parameters)}.ipynb"

    def _mark(self, case: Case) -> str:
        """A few characters that tell this case here from others, also of others who use the same engine."""
        return hashlib.sha256(repr((platform.node(), str(self.output), case.key)).encode()).hexdigest()[:10]

    def judged(self, case: Case, answer: Mapping[str, Any]) -> Outcome:
        """The outcome of a case that was answered with `results`, or with an `error` and its `cell`."""
        known = {"seconds": answer.get("seconds", 0.0), "output": self._executed(case)}
        known["parameters"] = answer.get("parameters") or _all_parameters(case)
        if "results" not in answer:
            return Outcome(case, FAILED, error=f"{case}: {answer['error']}", cell=answer.get("cell"), **known)
        try:
            recorded = metrics(answer["results"])
        except ValueError as error:
            return Outcome(case, FAILED, error=f"{case}: {case.notebook.name}: {error}", **known)
        known |= {"results": answer["results"], "metrics": recorded}
        baseline = self.stored[case.suite].get(case.name)
        if baseline is None:
            return Outcome(case, ACCEPTED if self.update else NEW, **known)
        changes = tuple(compare(baseline, recorded, case.suite, self.suite.tolerances))
        status = PASSED if not changes else ACCEPTED if self.update else MOVED
        return Outcome(case, status, changes=changes, baseline=baseline, **known)

    # What comes out

    def result(self) -> Regression:
        """What is known so far."""
        outcomes = tuple(self.found.get(case.key) or Outcome(case, NOT_RUN) for case in self.suite.cases)
        return Regression(outcomes, tuple(self.strays()), self.suite, self._about())

    def close(self, reports: bool) -> Regression:
        """Accept what an update accepts, write the reports, and return the result."""
        if self.update:
            self._accept()
        result = self.result()
        write_reports(result, self.output, reports)
        return result

    def interrupted(self) -> str:
        """What to say after Ctrl-C or a signal."""
        return (
            f"interrupted: {len(self.found)} of {len(self.suite.cases)} cases are done and in {self.output}; "
            "--last-failed runs the others"
        )

    def strays(self) -> list[str]:
        """Baselines that nothing is held against any more."""
        names = {suite: [c.name for c in self.suite.cases if c.suite == suite] for suite in self.stored}
        cases = [
            f"{self._shown(suite)} has the case {name}, and the matrix does not; --update removes it"
            for suite, known in self.stored.items()
            for name in known
            if name not in names[suite]
        ]
        return cases + [
            f"{self._shown(path.stem)} is of no notebook here; --update removes it" for path in self._lost()
        ]

    def _shown(self, suite: str) -> str:
        return f"{self.suite.baselines.name}/{suite}.json"

    def _lost(self) -> list[Path]:
        files = sorted(self.suite.baselines.glob("*.json")) if self.suite.whole else []
        return [path for path in files if path.stem not in self.stored]

    def _accept(self) -> None:
        """Write the new baselines: of cases that ran what they recorded, of those that failed what stood there."""
        for path in self._lost():
            path.unlink()
        for suite, old in self.stored.items():
            cases = [self.found[case.key] for case in self.suite.cases if case.suite == suite]
            new = {o.case.name: self._to_store(o) if o.holds else old.get(o.case.name) for o in cases}
            self.stored[suite] = {name: stored for name, stored in new.items() if stored is not None}
            write_baseline(self.suite.baselines / f"{suite}.json", self.stored[suite])

    def _to_store(self, outcome: Outcome) -> Metrics:
        """What was recorded; of what moved within its tolerance the old value, so that updates do not creep."""
        moved = {change.metric for change in outcome.changes}
        kept = {name: value for name, value in outcome.baseline.items() if name not in moved}
        new = without_ignored(outcome.metrics, outcome.case.suite, self.suite.tolerances)
        return {name: kept.get(name, value) for name, value in new.items()}

    def _about(self) -> dict[str, Any]:
        return {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "seconds": round(time.time() - self.began, 1),
            "engine": self.engine,
            "workers": self.workers,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "versions": _versions(),
        }


def _all_parameters(case: Case) -> dict[str, Any]:
    """What a case that failed ran with, or would have: its own parameters and the notebook's other defaults."""
    with suppress(NotebookError):
        return default_parameters(case.notebook) | dict(case.parameters)
    return dict(case.parameters)


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# One case at a time, for test frameworks ------------------------------------------------------------------------------


def cases(*paths: str | Path, matrix: str | Path | None = None) -> Sequence[Case]:
    """The cases of a suite, to parametrize a test with; `check` runs one of them."""
    return find_suite(paths, matrix).cases


def check(
    case: Case,
    output: str | Path,
    *,
    baselines: str | Path | None = None,
    matrix: str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    engine: str = "embedded",
    timeout: float = TIMEOUT,
    pool: Pool | None = None,
) -> Outcome:
    """Run a case and return its outcome; NotebookError, with what moved in `.changes`, if it does not pass.

    `parameters` stand in for some of the case's, and are held against the same baseline: what does an edited design do?
    """
    suite = find_suite([case.notebook], matrix, baselines)
    gate = Gate(suite, Path(output).resolve(), engine, timeout)
    changed = _Changed(case.notebook, {**case.parameters, **(parameters or {})}, case.name)
    if pool:
        outcome = gate.outcome(changed, pool)
    else:
        with Pool(1, {"WORKBENCH_ENGINE": engine}) as own:
            outcome = gate.outcome(changed, own)
    if not outcome.holds:
        changes = [str(change) for change in outcome.changes]
        raise NotebookError(outcome.reason, notebook=case.notebook, cell=outcome.cell, changes=changes)
    return outcome


@dataclass(frozen=True)
class _Changed(Case):
    """A case with other parameters, under the old name."""

    known_as: str = ""

    @property
    def name(self) -> str:
        return self.known_as
