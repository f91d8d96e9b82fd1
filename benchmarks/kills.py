"""`workbench run` and `workbench regress` ended at random moments: nothing stays behind, and the next one works.

A seed chooses the command, the signal and the moment, anywhere in the time that an undisturbed command takes. Its
processes are told by a folder on their PATH, which every one of them inherits. Afterwards none of them may be left, no
folder of an engine, no report that is half written; and the same command, once more, ends well.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from benchmarks.faults import DESIGN
from benchmarks.items import ROOT
from benchmarks.ratios import Grid
from benchmarks.regress import trivial

END_SECONDS = 30.0  # for a kernel to run its `finally`, on a machine with other work
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
LOADING = f"""
import workbench as wb
from workbench.designfile import parse_design
from workbench.regression import record
design = parse_design({DESIGN!r})
with wb.start_engine() as engine:
    run = wb.run_patterns(design, engine, wb.generate_items(design), calls=5, progress=False)
record(units=14)
"""
COMMANDS = {
    "run": ("run", "design.yaml", "--engine", "embedded", "--calls", "20", "--output", "out/calls.csv"),
    "regress": ("regress", "suite", "-n", "2", "--output", "out"),
}


@dataclass(frozen=True)
class Kill:
    """What a seed chose, and how the command ended: by the signal, or before it came."""

    command: str
    number: signal.Signals
    after_s: float
    code: int

    @property
    def is_late(self) -> bool:
        """Whether the command had ended already."""
        return self.code == 0


def measure(times: int = 40, workers: int = 2) -> Iterator[Grid]:
    """So many kills, the commands and signals in turn; an AssertionError names the seed that failed."""
    seconds = {command: undisturbed(command) for command in COMMANDS}
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        kills = list(pool.map(partial(killed, seconds=seconds), range(times)))
    counts = Counter((one.command, one.number) for one in kills)
    rows = [
        (f"workbench {command}", *(str(counts[command, number]) for number in SIGNALS), f"{seconds[command]:.1f} s")
        for command in COMMANDS
    ]
    late = sum(one.is_late for one in kills)
    note = (
        "After each: no process and no folder of an engine left, no report half written, and the next run ends well. "
        f"{late} of {len(kills)} signals came when the command had just ended."
    )
    yield Grid(
        "Commands killed at random moments", ("command", *(n.name for n in SIGNALS), "undisturbed"), tuple(rows), note
    )


def undisturbed(command: str) -> float:
    """The seconds that a command takes, from its start to its end."""
    with TemporaryDirectory(prefix="workbench-kills-") as folder:
        place = Place(Path(folder))
        began = time.monotonic()
        place.succeeds(command)
        return time.monotonic() - began


def killed(seed: int, seconds: dict[str, float]) -> Kill:
    """The kill of a seed, what it left behind, and the run after it."""
    command, number = list(COMMANDS)[seed % 2], SIGNALS[seed // 2 % 3]
    after_s = random.Random(seed).uniform(0.02, seconds[command])
    with TemporaryDirectory(prefix="workbench-kills-") as folder:
        place = Place(Path(folder))
        code = place.ended(command, number, after_s)
        what = f"seed {seed}: workbench {command}, {number.name} after {after_s:.2f} s"
        # before Python has set its own, a signal has its usual effect
        assert code in (0, CODES[number], -number), f"{what}: exit code {code}, {place.said}"
        assert not (left := place.left()), f"{what} left {left}"
        assert not (half := list(place.half_written())), f"{what} left {half}"
        place.succeeds(command)
        assert not (left := place.left()), f"{what}, and the run after it left {left}"
    return Kill(command, number, after_s, code)


class Place:
    """A folder with a design and notebooks, in which commands run that know no other home."""

    def __init__(self, folder: Path):
        self.folder, self.said = folder, ""
        for name in ("mark", "tmp", "out", "suite/baselines"):
            (folder / name).mkdir(parents=True)
        (folder / "design.yaml").write_text(DESIGN)
        for name, code in (("loads", LOADING), ("trivial", None)):
            (folder / "suite" / f"{name}.ipynb").write_text(json.dumps(_notebook(code)))
            (folder / "suite" / "baselines" / f"{name}.json").write_text('{"defaults": {"units": 14}}')
        path = os.pathsep.join([os.environ["PATH"], str(folder / "mark")])
        self.environ = {
            **os.environ,
            "PATH": path,
            "TMPDIR": str(folder / "tmp"),
            "WORKBENCH_HOME": str(folder / "home"),
        }

    def start(self, command: str) -> "subprocess.Popen[str]":
        """The command, running."""
        words = [sys.executable, "-m", "workbench", *COMMANDS[command]]
        environ = {**self.environ, "PYTHONPATH": str(ROOT)}
        out, err = subprocess.PIPE, subprocess.STDOUT
        return subprocess.Popen(words, cwd=self.folder, env=environ, text=True, stdout=out, stderr=err)

    def ended(self, command: str, number: signal.Signals, after_s: float) -> int:
        """Start a command, send it a signal, and return its exit code."""
        with self.start(command) as process:
            time.sleep(after_s)
            process.send_signal(number)
            self.said = process.communicate(timeout=120)[0]
        return process.returncode

    def succeeds(self, command: str) -> None:
        """Run a command to its good end, with whole reports."""
        with self.start(command) as process:
            self.said = process.communicate(timeout=300)[0]
        assert process.returncode == 0, f"workbench {command}: exit code {process.returncode}: {self.said}"
        assert not (half := list(self.half_written())), f"workbench {command} wrote {half}"

    def left(self) -> list[str]:
        """Processes and folders of engines that are still there when they have had time to go."""
        deadline = time.monotonic() + END_SECONDS
        while (found := [*self._processes(), *self._folders()]) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def _processes(self) -> Iterator[str]:
        import psutil

        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self.folder / "mark") in process.environ().get("PATH", ""):
                    yield f"process {process.pid}: {' '.join(process.cmdline())[:200]}"

    def _folders(self) -> Iterator[str]:
        yield from map(str, (self.folder / "tmp").glob("workbench-engine-*"))

    def half_written(self) -> Iterator[str]:
        """The reports that cannot be read."""
        for path in sorted((self.folder / "out").iterdir()):
            try:
                READERS.get(path.name, Path.stat)(path)
            except (ValueError, ElementTree.ParseError) as error:
                yield f"{path.name}: {error}"


def _whole_table(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines(keepends=True)
    if len(lines) < 2 or {line.count(",") for line in lines} != {lines[0].count(",")} or not lines[-1].endswith("\n"):
        raise ValueError(f"{len(lines)} lines, the last one {lines[-1:]}")


def _whole_page(path: Path) -> None:
    if not path.read_text("utf-8").rstrip().endswith("</html>"):
        raise ValueError("the page has no end")


READERS = {
    "calls.csv": _whole_table,
    "results.json": lambda path: json.loads(path.read_text("utf-8")),
    "junit.xml": lambda path: ElementTree.parse(path),
    "report.html": _whole_page,
    "history.jsonl": lambda path: [json.loads(line) for line in path.read_text("utf-8").splitlines()],
}


def _notebook(code: str | None) -> dict:
    """A trivial notebook; with code, one whose last cell is that."""
    book = trivial()
    if code:
        book["cells"][-1]["source"] = code
    return book
