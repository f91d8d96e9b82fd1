"""The times that a user waits: the second demo, the tests, each notebook, against the limits that are set for them.

Each is a process of its own, as from a terminal, on the embedded engine. The first demo is not counted: it may install.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.items import ROOT
from benchmarks.ratios import Fact, Grid, Ratio

DEMO_SECONDS, TESTS_SECONDS, NOTEBOOK_SECONDS = 30, 300, 30


def measure(tests: bool = True, notebooks: int | None = None) -> Iterator[Ratio | Fact | Grid]:
    """The demo, the tests if asked for, and so many notebooks (all)."""
    workbench("demo", "--engine", "embedded")
    yield from against("make demo, the second time", workbench("demo", "--engine", "embedded"), DEMO_SECONDS)
    if tests:
        yield from against("make test", workbench("test"), TESTS_SECONDS)
    seconds = {path: notebook(path) for path in shipped()[:notebooks]}
    slowest = max(seconds, key=lambda path: seconds[path])
    yield from against(f"the slowest notebook, {slowest.stem}", seconds[slowest], NOTEBOOK_SECONDS)
    rows = tuple((str(path.relative_to(ROOT)), f"{taken:.1f} s") for path, taken in seconds.items())
    note = f"In a process of its own, with the start of kernel and engine; each may take {NOTEBOOK_SECONDS} s."
    yield Grid("Time that each notebook takes", ("notebook", "time"), rows, note)
    yield Fact("packages for all chores", f"{megabytes(Path(sys.prefix)):,.0f} MB")


def megabytes(folder: Path) -> float:
    """The size of the files in a folder, in millions of bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def against(what: str, seconds: float, limit: int) -> Iterator[Ratio | Fact]:
    """A time, and its ratio to its limit in seconds."""
    yield Ratio(f"{what} : {limit} s", (seconds / limit,), at_most=1)
    yield Fact(what, f"{seconds:.1f} s")


def shipped() -> list[Path]:
    """The notebooks, in reading order."""
    found = (ROOT / "notebooks").rglob("*.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def workbench(*words: str) -> float:
    """The seconds that a command or chore takes; AssertionError with the end of its output if it fails."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "workbench", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"workbench {' '.join(words)}: {(done.stdout + done.stderr)[-2_000:]}"
    return time.monotonic() - began


def notebook(path: Path) -> float:
    """The seconds from the start of a process to the end of a notebook that it runs with its own parameters."""
    program = "import sys; from workbench.regression import run_notebook; run_notebook(*sys.argv[1:], progress=False)"
    environ = {**os.environ, "WORKBENCH_ENGINE": "embedded"}
    with TemporaryDirectory() as folder:
        words = [sys.executable, "-c", program, str(path), str(Path(folder, path.name))]
        began = time.monotonic()
        done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, f"{path.name}: {done.stderr[-2_000:]}"
    return time.monotonic() - began
