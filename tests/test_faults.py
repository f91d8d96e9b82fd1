"""Engines, kernels and disks that fail in the middle: bounded waits, errors that say what to do, and runs that go on.

The kills strike at moments that a seed fixes; the seeds are printed, and `make bench` takes more of them.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benchmarks.faults import DESIGN, MOMENTS, counted, engine_killed, held_after_loading, kernel_ended
from tests.conftest import ROOT
from workbench import attempts, emulators, loading
from workbench import engine as engine_module
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import EngineError
from workbench.items import generate_items
from workbench.runs import run_patterns

SEEDS = (11, 23, 47)
BOARD = parse_design(DESIGN)
ITEMS = generate_items(BOARD)
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
with_dynoxide = pytest.mark.skipif(not shutil.which("dynoxide"), reason="no dynoxide on the path")
KINDS = [
    pytest.param("embedded", False, marks=pytest.mark.slow),
    pytest.param("dynoxide", True, marks=[pytest.mark.slow, with_dynoxide]),
    pytest.param("java", True, marks=pytest.mark.java),
]


def run(engine: Engine, **options: Any) -> Any:
    given = {"calls": 2, "sample": len(ITEMS), "progress": False, **options}
    return run_patterns(BOARD, engine, ITEMS, **given)


# Killed at random


@posix
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("kind", "keeps"), KINDS)
def test_an_engine_that_is_killed_is_told_at_once_and_the_next_run_holds_exactly_the_items(kind, keeps, moment, seed):
    print(f"seed {seed}")
    if kind == "java":
        needs_java()
    told = engine_killed(kind, moment, seed, keeps)
    assert f"{kind} engine" in str(told.error)
    assert "command: " in str(told.error)


def needs_java() -> None:
    from workbench.installing import find_files
    from workbench.java import find_java

    try:
        find_java()
        find_files()
    except EngineError as missing:
        pytest.skip(missing.message)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_kernel_that_ends_leaves_an_engine_on_which_the_next_run_holds_exactly_the_items(number, moment, seed):
    print(f"seed {seed}")
    kernel_ended(number, moment, seed)


@pytest.mark.engine
def test_a_load_whose_kernel_was_killed_goes_on_where_it_was_noted(engine, monkeypatch):
    """Killed outright, nothing can be said at the end: what counts is what was noted on the way."""
    monkeypatch.setattr(loading, "NOTE_SECONDS", 0.0)
    monkeypatch.setattr(loading, "AHEAD", 8)
    with start_engine(engine.endpoint_url) as adopted:
        killed = _killed_after(adopted, 60)
        assert 0 < killed < len(ITEMS)
        sent = []
        with counted(adopted, "BatchWriteItem", lambda: sent.append(1)):
            held_after_loading(BOARD, adopted, ITEMS, 0)
    assert len(sent) < len(ITEMS) // 25 - 30


def _killed_after(engine: Engine, requests: int) -> int:
    """A load in a fork that dies without a word after so many requests; how many items are then noted as put."""
    program = (
        "import sys\n"
        "from workbench import loading\n"
        "loading.NOTE_SECONDS, loading.AHEAD = 0.0, 8\n"
        "from benchmarks.faults import end_running\n"
        "end_running(*sys.argv[1:])\n"
    )
    words = [engine.endpoint_url, str(ITEMS.seed), "BatchWriteItem", str(requests), str(int(signal.SIGKILL))]
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, timeout=100)
    assert done.returncode == -signal.SIGKILL
    from workbench.tables import RunTables, default_prefix

    notes = RunTables(BOARD, engine, default_prefix(BOARD, engine)).noted()
    return sum(int(note["loaded"]) for note in notes.values())


@pytest.mark.engine
def test_a_table_whose_kernel_was_killed_before_it_was_noted_is_known_as_ours(engine, monkeypatch):
    """Between CreateTable and the note that it was done there is a moment; a stranger's table is told from it."""
    from workbench.tables import RunTables

    with start_engine(engine.endpoint_url) as adopted:
        tables = RunTables(BOARD, adopted, "moment-")
        with monkeypatch.context() as patch:
            patch.setattr(RunTables, "_make_ready", killed)
            patch.setattr(RunTables, "_drop", lambda *_: None)
            patch.setattr(RunTables, "_forget", lambda *_: None)
            with pytest.raises(Killed):
                tables.create("fingerprint")
        assert "moment-Orders" in adopted.call("ListTables", {})["TableNames"]
        held = run(adopted, prefix="moment-")
        assert held.loaded == len(ITEMS)


class Killed(BaseException):
    """Stands for the end of the process: nothing more is done."""


def killed(*_: Any) -> None:
    raise Killed


# Silent, slow, full


@posix
def test_an_engine_that_stops_answering_is_given_up_on_after_the_stated_time(monkeypatch):
    """60 s for the answer and 5 s for a sign of life; a second each here. Tidying up does not wait again."""
    monkeypatch.setattr(engine_module, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(attempts, "ADOPT_SECONDS", 1.0)
    with start_engine("embedded") as engine:
        process = engine._server.process
        with counted(engine, "BatchWriteItem", stops(process.pid, after=20)):
            began = time.monotonic()
            with pytest.raises(EngineError, match=r"^no answer from embedded engine .*timed out") as told:
                run(engine)
            assert time.monotonic() - began < 10
        assert told.value.kind == "embedded" and told.value.command
        os.kill(process.pid, signal.SIGCONT)
        assert run(engine).loaded == len(ITEMS), "the engine was only busy: the next run uses it"


def stops(pid: int, after: int):
    left = iter(range(after, -1, -1))

    def count() -> None:
        if next(left, None) == 0:
            os.kill(pid, signal.SIGSTOP)

    return count


def test_an_engine_that_starts_slowly_is_waited_for(monkeypatch):
    program = emulators._MINISTACK_PROGRAM
    monkeypatch.setattr(emulators, "_MINISTACK_PROGRAM", "import time; time.sleep(2)\n" + program)
    with start_engine("embedded") as engine:
        assert engine.start_seconds > 2
        assert engine.call("ListTables", {})["TableNames"] == []


@pytest.mark.slow
@with_dynoxide
@pytest.mark.skipif(sys.platform != "linux" or getattr(os, "geteuid", lambda: 1)() != 0, reason="needs root on Linux")
def test_a_full_disk_is_said_with_engine_command_and_log_and_space_is_all_it_takes(monkeypatch, tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", tmp_path], check=True)
    try:
        monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
        with start_engine("dynoxide", persist="full") as engine:
            with pytest.raises(EngineError, match=r"BatchWriteItem failed on dynoxide engine .* disk is full") as told:
                run(engine)
            assert re.search(r"\n  command: .*dynoxide --host 127\.0\.0\.1", str(told.value))
            assert "\n  log: " in str(told.value)
        subprocess.run(["mount", "-o", "remount,size=50m", tmp_path], check=True)
        with start_engine("dynoxide", persist="full") as engine:
            held_after_loading(BOARD, engine, ITEMS, 0)
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


# Two at once


@pytest.mark.slow
def test_two_notebooks_that_start_at_once_each_have_their_engine():
    program = (
        "from benchmarks.faults import DESIGN, held_after_loading\n"
        "from workbench import generate_items, start_engine\n"
        "from workbench.designfile import parse_design\n"
        "design = parse_design(DESIGN)\n"
        "with start_engine('embedded') as engine:\n"
        "    held_after_loading(design, engine, generate_items(design), 0)\n"
    )
    assert [done.returncode for done in both(program)] == [0, 0]


@pytest.mark.slow
def test_of_two_notebooks_that_use_one_engine_at_once_one_is_told_to_wait():
    program = (
        "import sys\n"
        "from benchmarks.faults import DESIGN, held_after_loading\n"
        "from workbench import EngineError, generate_items, start_engine\n"
        "from workbench.designfile import parse_design\n"
        "design = parse_design(DESIGN)\n"
        "with start_engine(sys.argv[1]) as engine:\n"
        "    try:\n"
        "        held_after_loading(design, engine, generate_items(design), 0)\n"
        "    except EngineError as error:\n"
        "        sys.exit(str(error))\n"
    )
    with start_engine("embedded") as engine:
        done = both(program, engine.endpoint_url)
        told = [one.stderr for one in done if one.returncode]
        assert len(told) < 2
        assert all(re.search(r"process \d+ on .* is running faults on .* with the same tables", text) for text in told)
        assert engine.call("ListTables", {})["TableNames"] == []


def both(program: str, *words: str) -> list[subprocess.CompletedProcess[str]]:
    command = [sys.executable, "-c", program, *words]
    with ThreadPoolExecutor(2) as pool:
        started = [
            pool.submit(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=100) for _ in "ab"
        ]
        return [one.result() for one in started]
