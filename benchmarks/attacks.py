"""Design files under attack: whatever a file holds, it is a design or an error with a line and a fix, soon.

Each mutation (see mutations.py) is read in a process that hears what Python does meanwhile: code run or compiled,
programs started, sockets opened, files written. Its time is that of its processor, against a second or 2 ms a line,
whichever is more. Of the mutations that are still designs, a sample goes on to units, keys and the review.
"""

import os
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import workbench
from benchmarks.mutations import KINDS, Mutation, mutation
from benchmarks.ratios import Fact, Grid, Ratio
from workbench.design import Design
from workbench.designfile import parse_design
from workbench.errors import DesignError, Problem, WorkbenchError

LINE_SECONDS = 0.002
PACKAGE = str(Path(workbench.__file__).parent)
# A message has at least one of these, where it says what is allowed, needed, or to be done.
FIX = re.compile(
    r"(known|is missing|types): |is \S+: \S+ missing\?|"
    r"\b(allowed|must|mean|needs?|at (least|most)|as|or|see|only|write|written|quoted?|use|"
    r"takes|holds|give|put|add|sum to|remove|save|leave|close|state|say|tell|move|make|name|belongs?|unique|"
    r"does not fit|has one|no design needs)\b"
)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutation: refused or a design, the share of its time that it took, what is wrong."""

    seed: int
    kind: str
    refused: bool
    share: float
    wrong: str = ""


def measure(mutations: int = 10_000, sampled: int = 150, workers: int = 2) -> Iterator[Ratio | Fact | Grid]:
    """Attack with so many mutations; AssertionError names the seeds of those that were not met as they should be."""
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        found = list(pool.map(attacked, range(mutations), chunksize=50))
        designs = [one.seed for one in found if not (one.refused or one.wrong)]
        later = list(pool.map(used, designs[:: max(1, len(designs) // sampled)]))
    yield _by_kind(found)
    slowest = max(found, key=lambda one: one.share)
    name = f"slowest of {mutations:,} mutated design files : a second, or 2 ms a line"
    yield Ratio(name, (slowest.share,), at_most=1)
    yield Fact("mutations that are designs, taken to units, keys and the review", f"{len(later)}, each to its end")
    wrong = [one for one in (*found, *later) if one.wrong]
    assert not wrong, "\n".join(f"mutation {one.seed} ({one.kind}): {one.wrong}" for one in wrong[:20])


def _by_kind(found: list[Outcome]) -> Grid:
    counts = Counter((one.kind, one.refused) for one in found)
    rows = [(kind, f"{counts[kind, True]:,}", f"{counts[kind, False]:,}") for kind in KINDS]
    note = (
        "Each mutation is a shipped design file with something changed. No error without a line and a fix, no code run."
    )
    return Grid("Design files under attack", ("what was changed", "refused", "still a design"), tuple(rows), note)


# One mutation


def attacked(seed: int) -> Outcome:
    """Read the mutation of a seed, and judge how it was met."""
    made = mutation(seed)
    with overheard() as heard:
        outcome = _read(made)
    if heard:  # what is done once only is an import
        with overheard() as heard:
            _read(made)
    return replace(outcome, wrong=outcome.wrong or f"Python did {heard[0]}") if heard else outcome


def _read(made: Mutation) -> Outcome:
    began = time.process_time()
    problems, wrong = _problems(made)
    allowed = max(1.0, LINE_SECONDS * _lines(made.text))
    share = (time.process_time() - began) / allowed
    wrong = wrong or next(filter(None, (misfit(one, made.text) for one in problems)), "")
    return Outcome(made.seed, made.kind, bool(problems), share, wrong or ("too slow" if share > 1 else ""))


def _problems(made: Mutation) -> tuple[tuple[Problem, ...], str]:
    """The problems of the file, and what was raised that is no DesignError."""
    try:
        parse_design(made.text, "design.yaml")
    except DesignError as error:
        return error.problems, ""
    except Exception:
        return (), traceback.format_exc(limit=-3)
    return (), ""


def _lines(text: bytes) -> int:
    return len(re.split(rb"\r\n|\r|\n", text))


def misfit(problem: Problem, text: bytes) -> str:
    """Why a problem does not help: it has no place in the file, no fix, or is no text for a terminal."""
    if not (1 <= problem.line <= _lines(text) and problem.column >= 1):
        return f"not in the file: {problem}"
    if not FIX.search(problem.message):
        return f"no fix: {problem}"
    if len(problem.message) > 900 or not problem.message.replace("\n", "").isprintable():
        return f"not to be shown: {problem.message[:300]!r}"
    return ""


def used(seed: int) -> Outcome:
    """Take a mutation that is a design to its units, keys and review; an error in words is an answer, too."""
    made = mutation(seed)
    began = time.process_time()
    wrong = next(filter(None, (_ends(step, parse_design(made.text)) for step in _steps())), "")
    return Outcome(seed, made.kind, False, time.process_time() - began, wrong)


def _steps() -> list[Callable[[Design], Any]]:
    return [workbench.expected_units, workbench.key_report, workbench.review]


def _ends(step: Callable[[Design], Any], design: Design) -> str:
    try:
        step(design)
    except WorkbenchError:
        return ""
    except Exception as error:
        raised = traceback.extract_tb(error.__traceback__)[-1].filename
        in_words = isinstance(error, ValueError) and raised.startswith(PACKAGE)
        return "" if in_words else f"{step.__name__}: {traceback.format_exc(limit=-3)}"
    return ""


# What Python does meanwhile

RUNS = re.compile(
    r"exec|compile|os\.(system|exec|spawn|posix_spawn|fork|remove|rename|mkdir|putenv)|subprocess\.|ctypes\.|"
    r"socket\.(connect|bind)|pickle\.|marshal\.loads|shutil\.|urllib\."
)


@dataclass
class Ear:
    """What a hook of this process hears while it is open."""

    heard: list[str] = field(default_factory=list)
    is_open: bool = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note an event of Python's, if it is one that reading a file must not cause."""
        if self.is_open and (RUNS.match(event) or (event == "open" and _writes(arguments))):
            self.heard.append(f"{event} {arguments!r}"[:200])


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


@contextmanager
def overheard() -> Iterator[list[str]]:
    """What Python's audit hooks hear that reading a file must not do; empty if nothing."""
    ear = _ear()
    ear.heard.clear()
    ear.is_open = True
    try:
        yield ear.heard
    finally:
        ear.is_open = False


@cache
def _ear() -> Ear:
    """The only one of this process: a hook cannot be removed."""
    ear = Ear()
    sys.addaudithook(ear)
    return ear
