"""The gate from outside: what fails it and in which words, what is left behind, and what is run again.

Every notebook here is built by its test; expected values are the notebooks' own literals.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import ROOT
from workbench.errors import DesignError, EngineError, NotebookError
from workbench.gate_reports import to_html
from workbench.gates import Gate, cases, check, regress
from workbench.matrices import find_suite

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals as on Unix")
FAKETIME = shutil.which("faketime") or ""
SHIPPED = Path(__file__).parent.parent / "notebooks/regression"
SEEDED = [str(SHIPPED / f"{name}.ipynb") for name in ("ttl", "hot_partition")]
PARAMETERS = "seed: int = 7  # fixes every draw"
DOUBLE = "from workbench.regression import record\nrecord(units=2 * seed, share=0.25, table=[{'of': 'a', 'n': 1.5}])"


def book(folder: Path, name: str, *code: str, parameters: str | None = PARAMETERS) -> Path:
    folder.mkdir(exist_ok=True)
    tagged = [] if parameters is None else [new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=[*tagged, *map(new_code_cell, code)]), folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return tmp_path / "suite"


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of one notebook, run with an update: its baselines, and what the run left behind."""
    suite = tmp_path_factory.mktemp("recorded") / "suite"
    book(suite, "a", DOUBLE)
    run(suite, update=True)
    return suite.parent


@pytest.fixture
def recorded(recorded_once: Path, tmp_path: Path) -> Path:
    """The suite that was run once, a copy for each test."""
    shutil.copytree(recorded_once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "suite"


def run(suite: Path, **options):
    return regress(suite, **{"output": suite.parent / "out", "progress": False, **options})


def errors(result) -> dict[str, str]:
    return {str(outcome.case): outcome.error for outcome in result.outcomes if outcome.error}


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def gone(pid: int, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not is_alive(pid)


@pytest.mark.slow
def test_what_papermill_lets_pass_fails_here_and_each_failure_names_notebook_cell_parameters_and_cause(suite):
    """papermill warns of an unknown parameter, and takes the other four for good."""
    suite.mkdir()
    (suite / "matrix.yaml").write_text("notebooks: {unknown: {sed: 1}, typed: {seed: '7'}, callback: {seed: [3]}}")
    book(suite, "unknown", DOUBLE)
    book(suite, "typed", DOUBLE)
    book(suite, "bare", DOUBLE, parameters=None)
    book(suite, "silent", "1 + 1")
    book(suite, "slow", "import time\ntime.sleep(60)", DOUBLE)
    book(
        suite,
        "callback",
        "import ipywidgets\nslider = ipywidgets.IntSlider(3)",
        "show = ipywidgets.interactive_output(lambda n: 1 / n, {'n': slider})",
        "slider.value = 0",
        DOUBLE,
    )
    book(suite, "widget", "import ipywidgets\nwith ipywidgets.Output():\n    print('inside')", DOUBLE)
    book(suite, "dies", "import os; os._exit(3)")
    book(suite, "kills", "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)")
    result = run(suite, workers=2, timeout=20)
    found = errors(result)
    expected = {
        "unknown[sed=1]": "unknown[sed=1]: unknown.ipynb, cell 1: no parameter sed; its parameters are seed",
        "typed[seed=7]": "typed[seed=7]: typed.ipynb, cell 1: seed is an int, and '7' is a str",
        "bare": "bare: bare.ipynb has no cell tagged `parameters`: tag the cell that assigns what it can be given, "
        "or an empty one (JupyterLab: property inspector, Cell Tags)",
        "silent": "silent: silent.ipynb, cell 2 (`1 + 1`): the last to run, and none recorded results: add "
        "wb.record(name=value)",
        "slow": "slow: slow.ipynb, cell 2 (`import time`): no end within 20 s, so it was stopped",
        "callback[seed=3]": "callback[seed=3]: callback.ipynb, cell 4 (`slider.value = 0`): ZeroDivisionError: "
        "division by zero",
        "dies": "dies: dies.ipynb, cell 2 (`import os; os._exit(3)`): its kernel died",
        "kills": "kills: the process that ran it ended (signal 9) before the notebook did",
    }
    assert {case: text.splitlines()[0] for case, text in found.items()} == expected
    stated = {str(o.case): o.parameters.get("seed") for o in result.outcomes}
    assert stated["dies"] == stated["kills"] == stated["unknown[sed=1]"] == 7 and stated["callback[seed=3]"] == 3
    widget = next(o for o in result.outcomes if o.case.suite == "widget")
    assert widget.metrics["units"] == 14 and widget.status == "no baseline", "the others' results are kept"
    assert not result.holds and result.summary_line() == "9 cases: 8 failed, 1 no baseline"
    tree = ElementTree.parse(suite.parent / "out" / "junit.xml")
    assert len(tree.findall(".//error")) == 8 and len(tree.findall(".//failure")) == 1


@pytest.mark.slow
def test_update_accepts_a_later_change_fails_and_last_failed_runs_only_that(suite):
    suite.mkdir()
    (suite / "matrix.yaml").write_text("tolerances: {share: {relative: 0.1}}\nnotebooks: {b: {seed: [7, 8]}}")
    book(suite, "a", DOUBLE)
    book(suite, "b", DOUBLE)
    result = run(suite, workers=2)
    assert [o.status for o in result.outcomes] == ["no baseline"] * 3 and not result.holds
    assert not (suite / "baselines").exists(), "only an update writes baselines"
    assert run(suite, workers=2, update=True).holds
    stored = json.loads((suite / "baselines" / "b.json").read_text())
    assert stored["seed=8"] == {"share": 0.25, "table.a.n": 1.5, "units": 16}
    before = json.loads((suite.parent / "out" / "results.json").read_text())
    (suite / "baselines" / "a.json").write_text(
        json.dumps({"defaults": {**stored["seed=7"], "units": 7, "share": 0.26}})
    )
    moved = run(suite, last_failed=True)
    assert [str(change) for _, change in moved.moved] == ["units: 7 -> 14 (+100 %, allowed: exact)"]
    said = []
    book(suite, "a", DOUBLE.replace("2 * seed", "seed"))
    again = run(suite, last_failed=True, say=said.append)
    assert [str(outcome.case) for outcome in said] == ["a"] and again.holds and len(again.outcomes) == 3
    nothing = run(suite, last_failed=True, say=said.append)
    assert len(said) == 1 and nothing.holds, "nothing had failed"
    after = json.loads((suite.parent / "out" / "results.json").read_text())
    same = [[case["metrics"] for case in data["cases"] if case["notebook"] == "b"] for data in (before, after)]
    assert same[0] == same[1]
    assert run(suite, update=True, last_failed=True).holds
    assert json.loads((suite / "baselines" / "a.json").read_text())["defaults"]["share"] == 0.26, "no creeping"


def test_a_baseline_of_nothing_fails_until_an_update_removes_it(recorded):
    suite = recorded
    lost = suite / "baselines" / "lost.json"
    lost.write_text('{"defaults": {"units": 1}}')
    path = suite / "baselines" / "a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "seed=9": {"units": 18}}))
    result = run(suite, last_failed=True)
    assert not result.holds and result.strays == (
        "baselines/a.json has the case seed=9, and the matrix does not; --update removes it",
        "baselines/lost.json is of no notebook here; --update removes it",
    )
    assert "stray" in (suite.parent / "out" / "junit.xml").read_text()
    assert run(suite, last_failed=True, update=True).holds and not lost.exists()
    assert list(json.loads(path.read_text())) == ["defaults"]


def test_an_update_keeps_the_baseline_of_what_failed(recorded):
    before = (recorded / "baselines" / "a.json").read_text()
    book(recorded, "a", "1 / 0")
    assert not run(recorded, update=True).holds
    assert (recorded / "baselines" / "a.json").read_text() == before


@pytest.mark.parametrize("wrong, kind", [({"engine": "nosuch"}, EngineError), ({"workers": 0}, ValueError)])
def test_wrong_settings_are_refused_before_anything_runs(suite, wrong, kind):
    book(suite, "a", DOUBLE)
    with pytest.raises(kind):
        run(suite, **wrong)
    (suite / "matrix.yaml").write_text("notebooks: {nowhere: {}}")
    with pytest.raises(DesignError, match=r"matrix\.yaml:1:13: there is no notebook nowhere\.ipynb"):
        run(suite)
    assert not (suite.parent / "out").exists()


def test_the_page_says_what_moved_and_states_seed_clock_versions_and_engine_and_fetches_nothing(recorded):
    (recorded / "matrix.yaml").write_text("tolerances: {share: {absolute: 0.1}}")
    path = recorded / "baselines" / "a.json"
    path.write_text(path.read_text().replace("14", "7"))
    run(recorded)
    page = (recorded.parent / "out" / "report.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    assert not re.search(r"<(script|link|iframe)\b|@import|url\(|https?://", page)
    assert soup.h1 and soup.h1.text == "The gate is closed"
    text = soup.get_text(" ")
    for stated in ("embedded", "1767225600", "papermill", "seed = 7", "2 runs on record", "units: 7 -> 14 (+100 %"):
        assert stated in text, stated
    alts = [str(img["alt"]) for img in soup("img")]
    assert alts[0] == "units: always 14, in 2 runs; baseline 7, more than allowed away (exact)"
    assert all(img["src"].startswith("data:image/svg+xml;base64,") for img in soup("img"))
    assert not [tag for tag in soup("img") if not tag["alt"]]


@pytest.mark.slow
def test_two_runs_record_the_same_but_for_what_time_measures(suite):
    clock = "import time, datetime\nfrom workbench.defaults import DEFAULT_NOW"
    book(
        suite,
        "a",
        clock,
        "sets = list({'a', 'b', 'c', 'd', 'e'})",
        DOUBLE.replace("units=", "order=sets, now=DEFAULT_NOW, units="),
    )
    first, second = (run(suite, output=suite.parent / name).outcomes[0].metrics for name in ("one", "two"))
    assert first == second and first["units"] == 14


@pytest.mark.slow
def test_a_test_may_be_three_lines_and_says_what_moved(recorded, tmp_path):
    [case] = cases(recorded)
    assert check(case, tmp_path / "out").status == "passed"
    with pytest.raises(NotebookError) as error:
        check(case, tmp_path / "out", parameters={"seed": 8})
    assert error.value.changes == ("units: 14 -> 16 (+14.3 %, allowed: exact)",)


@pytest.mark.slow
def test_pytest_collects_every_case_of_a_suite_and_only_when_asked(suite):
    suite.mkdir()
    (suite / "matrix.yaml").write_text("notebooks: {a: {seed: [7, 8]}}")
    book(suite, "a", DOUBLE)
    run(suite, update=True)
    path = suite / "baselines" / "a.json"
    path.write_text(path.read_text().replace("16", "12"))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(suite), str(suite), "-q"]
    done = subprocess.run([*command, "--workbench-regress"], capture_output=True, text=True, cwd=suite)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout and "units: 12 -> 16 (+33.3 %, allowed: exact)" in done.stdout
    without = subprocess.run(command, capture_output=True, text=True, cwd=suite)
    assert without.returncode == 5, "no tests without the option"


def test_tables_on_a_running_engine_carry_a_prefix_of_the_case(suite, engine):
    book(
        suite,
        "a",
        "import os",
        "from workbench.regression import record\nrecord(prefix=os.environ['WORKBENCH_PREFIX'])",
    )
    outcome = run(suite, engine=engine.endpoint_url).outcomes[0]
    assert re.fullmatch(r"wb-[0-9a-f]{10}-", outcome.metrics["prefix"])


# Nothing stays behind

LIVE = """\
import os, time, workbench as wb
from pathlib import Path
engine = wb.start_engine("embedded")
Path({pids!r}).write_text(f"{{os.getpid()}} {{os.getppid()}} {{engine._server.process.pid}}")
time.sleep(120)
"""


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("how", ["timeout", "failure", "SIGTERM", "SIGINT", "SIGKILL"])
def test_kernels_and_engines_end_with_the_run_however_it_ends(suite, how):
    pids = suite.parent / "pids"
    code = LIVE.format(pids=str(pids))
    book(suite, "live", code.replace("time.sleep(120)", "1 / 0") if how == "failure" else code)
    book(suite, "also", "import time; time.sleep(120)" if how.startswith("SIG") else DOUBLE)
    words = [sys.executable, "-m", "workbench", "regress", str(suite), "-n", "2", "--output", str(suite.parent / "out")]
    seconds = ["--timeout", "15"] if how == "timeout" else []
    process = subprocess.Popen([*words, *seconds], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if how.startswith("SIG"):
        deadline = time.monotonic() + 60
        while not (pids.exists() and pids.read_text().count(" ") == 2) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(getattr(signal, how))
    said, _ = process.communicate(timeout=90)
    assert process.returncode == {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}.get(how, 1), said
    found = [int(pid) for pid in pids.read_text().split()]
    assert len(found) == 3 and all(map(gone, found)), (
        f"kernel, worker, engine: {[(pid, is_alive(pid)) for pid in found]}"
    )
    if how in ("SIGINT", "SIGTERM"):
        assert "interrupted: 0 of 2 cases are done" in said and "--last-failed runs the others" in said
        data = json.loads((suite.parent / "out" / "results.json").read_text())
        assert [case["status"] for case in data["cases"]] == ["not run", "not run"]
        assert 'skipped="1"' in (suite.parent / "out" / "junit.xml").read_text()
        assert "2 not run" in (suite.parent / "out" / "report.html").read_text()


def test_the_longest_cases_of_the_last_run_begin_first(suite):
    for name in ("a", "b"):
        book(suite, name, DOUBLE)
    out = suite.parent / "out"
    out.mkdir()
    known = [{"notebook": name, "case": "defaults", "seconds": seconds} for name, seconds in (("a", 1), ("b", 9))]
    (out / "results.json").write_text(json.dumps({"cases": known}))
    said = []
    Gate(find_suite([suite]), out).run(False, lambda outcome: said.append(outcome.case.suite))
    assert said == ["b", "a"]


def test_an_update_of_many_metrics_takes_no_longer_for_each_of_them(suite):
    book(suite, "many", DOUBLE)
    gate = Gate(find_suite([suite]), suite.parent / "out", update=True)
    old = {f"units.{place}": place for place in range(10_000)}
    gate.stored["many"] = {"defaults": old}
    [case] = gate.suite.cases
    outcome = gate.judged(case, {"results": {"units": {str(place): place + 1 for place in range(10_000)}}})
    began = time.perf_counter()
    assert gate._to_store(outcome) == {name: place + 1 for name, place in sorted(old.items())}
    gate.found[case.key] = outcome
    assert to_html(gate.result()).count("units.9999") >= 2, "among what moved, and among all results"
    assert time.perf_counter() - began < 15, "seconds; minutes if each metric looks at all others"


@pytest.mark.slow
@pytest.mark.skipif(not FAKETIME, reason="needs faketime, which gives processes another clock")
def test_results_are_the_same_on_a_leap_day_in_another_zone(tmp_path):
    found = []
    for name, clock, zone in (("today", [], "UTC"), ("leap", [FAKETIME, "2028-02-29 23:59:50"], "Asia/Kolkata")):
        out = tmp_path / name
        words = [*clock, sys.executable, "-m", "workbench", "regress", *SEEDED, "--output", str(out)]
        subprocess.run(words, env={**os.environ, "TZ": zone, "PYTHONHASHSEED": "99"}, check=True)
        data = json.loads((out / "results.json").read_text())
        found.append((data["about"]["at"][:4], [case["results"] for case in data["cases"]]))
    assert found[0][0] != found[1][0] == "2028" and found[0][1] == found[1][1]


def test_the_page_says_what_to_do_without_a_baseline(suite):
    book(suite, "fresh", DOUBLE)
    gate = Gate(find_suite([suite]), suite.parent / "out")
    [case] = gate.suite.cases
    gate.found[case.key] = gate.judged(case, {"results": {"units": 1}})
    assert "no baseline yet; look at its results, then accept them with --update" in to_html(gate.result())


def test_an_output_that_is_no_folder_is_said_before_anything_runs(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(NotebookError, match=r"out: .*exists; output is a folder for reports"):
        regress(ROOT / "notebooks" / "regression", output=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_reports_need_no_numpy_whose_import_a_signal_may_have_ended_for_good():
    """Its extension modules load once a process: after an import that a signal ended, every other fails."""
    program = (
        "import sys, types\nfrom workbench.gate_reports import clock, write_results\n"
        "print(clock(types.SimpleNamespace(parameters={})), 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1767225600", "False"]
