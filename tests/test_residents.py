"""Engines that outlive the notebook: started once, adopted by everybody after, and ended on demand."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench import residents
from workbench.emulators import embedded
from workbench.engines import keep_engine, start_engine
from workbench.errors import EngineError
from workbench.inventory import FOREIGN, inventory
from workbench.tables import RunTables

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
DOCKER_HOST = os.environ.get("DOCKER_HOST")
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A user without any engine, and none left behind by a test."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "WORKBENCH_ENGINE", "DYNAMODB_LOCAL_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield residents.home()
    if residents.resident():
        residents.stop()


def workbench(*words: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "workbench", "engine", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})


def runs(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    if state.parent.parent.exists():
        return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"
    return residents.is_alive(process)


def test_an_engine_outlives_the_command_that_started_it_and_is_adopted_by_auto(home):
    done = workbench("start", "embedded")
    noted = residents.resident()
    assert done.returncode == 0 and noted and runs(noted.process)
    assert done.stdout.splitlines()[0] == f"embedded engine ({noted.version}) at {noted.endpoint_url}"
    with start_engine() as engine:
        assert (engine.kind, engine.owned, engine.endpoint_url) == ("embedded", False, noted.endpoint_url)
        assert engine.choice == f"{engine.description}; AWS_ENDPOINT_URL_DYNAMODB is not set"
        assert engine.facts.ttl_deletes  # known, because its kind is
    assert runs(noted.process)
    stopped = workbench("stop")
    assert stopped.stdout == f"stopped the embedded engine at {noted.endpoint_url}\n" and not home.exists()
    assert not runs(noted.process)


def test_status_shows_what_runs_and_whose_the_tables_are(designs):
    from workbench.designfile import load_design

    workbench("start", "embedded")
    noted = residents.resident()
    assert noted
    with start_engine() as engine:
        design = load_design(designs / "sessions_simple.yaml")
        RunTables(design, engine, "mine-").create("nothing")
        engine.call(
            "CreateTable",
            {
                "TableName": "Foreign",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
            },
        )
        engine.call("PutItem", {"TableName": "Foreign", "Item": {"PK": {"S": "a"}}})
        found = inventory(engine).to_frame().set_index("table")
    assert found.loc["Foreign"].to_list() == [1, FOREIGN]
    assert found.loc["mine-Sessions"].to_list() == [0, "sessions-simple"]
    said = workbench("status").stdout
    assert f"embedded engine ({noted.version}) at {noted.endpoint_url}\nstarted by {noted.user} on 20" in said
    assert "Foreign" in said and FOREIGN in said and "mine-WebhookEvents" in said and "workbench-tables" not in said


def test_without_an_engine_the_commands_say_how_to_start_one():
    for words, text in (
        ("status", "`workbench engine start` starts one"),
        ("stop", residents.NONE),
        ("logs", residents.NONE),
    ):
        done = workbench(words)
        assert done.returncode == 1 and text in done.stdout + done.stderr


def test_a_second_start_says_that_one_runs():
    assert workbench("start", "embedded").returncode == 0
    done = workbench("start", "embedded")
    assert done.returncode == 1 and "runs already: use it, or `workbench engine stop` first" in done.stderr


def test_of_two_who_start_at_once_one_starts_and_the_other_is_told():
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: workbench("start", "embedded"), range(2)))
    assert sorted(one.returncode for one in done) == [0, 1]
    assert "runs already" in next(one.stderr for one in done if one.returncode)
    with start_engine() as engine:
        assert not engine.owned


@posix
def test_an_engine_that_crashed_is_said_and_replaced(home):
    workbench("start", "embedded")
    noted = residents.resident()
    assert noted
    os.kill(noted.process, signal.SIGKILL)
    (home / noted.place / "engine.log").write_text("Fatal: out of luck\n")
    with pytest.raises(EngineError, match="does not answer"):
        residents.adopt(residents.Options())
    done = workbench("status")
    assert done.returncode == 1 and "does not answer within 5 s (`workbench engine logs` says more" in done.stderr
    assert workbench("logs").stdout == "Fatal: out of luck\n"
    assert workbench("start", "embedded").returncode == 0  # in its place
    assert residents.resident() != noted


def test_what_a_start_that_failed_leaves_is_nothing(home):
    done = workbench("start", "java")
    assert done.returncode == 1 and "DynamoDB Local is not installed" in done.stderr and not home.exists()


def test_a_record_that_cannot_be_read_is_no_engine(home):
    home.mkdir(parents=True)
    (home / "engine.json").write_text("{")
    assert residents.resident() is None
    (home / "engine.json").write_text(json.dumps({"kind": "embedded"}))
    assert residents.resident() is None


def launched(home: Path) -> subprocess.Popen:
    """A start that has launched an engine, and then hangs."""
    script = (
        "import time; from workbench.engine import Engine; from workbench.engines import keep_engine\n"
        "Engine.wait = lambda *_: time.sleep(600)\n"
        "keep_engine('embedded')"
    )
    start = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    deadline = time.monotonic() + 30
    while not list(home.glob("engine-*/lease")) and time.monotonic() < deadline:
        time.sleep(0.05)
    return start


def engines_in(home: Path) -> list[int]:
    """The processes that run in the folder of a user's engine."""
    named = [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return [int(path.parent.name) for path in named if str(home).encode() in path.read_bytes()]


@posix
def test_a_start_that_was_killed_half_way_is_taken_over_at_once_and_its_engine_ends(home):
    start = launched(home)
    start.kill()
    start.wait()
    begun = time.monotonic()
    noted = keep_engine("embedded")
    assert time.monotonic() - begun < 15
    assert runs(noted.process) and [place.name for place in home.glob("engine-*")] == [noted.place]
    time.sleep(0.5)  # the old guard has had its time
    assert runs(noted.process) and residents.resident() == noted
    assert not Path("/proc/self").exists() or engines_in(home) == [noted.process]


@posix
def test_a_start_under_way_is_seen_by_status_and_ended_by_stop(home):
    start = launched(home)
    try:
        said = workbench("status")
        assert said.returncode == 1 and f"that process {start.pid} starts is not there yet; wait for it" in said.stdout
        with pytest.raises(EngineError, match=f"process {start.pid} starts is not there yet"):
            residents.adopt(residents.Options())
        assert workbench("stop").stdout == "stopped the embedded engine that was being started\n"
        assert not home.exists() and engines_in(home) == []
    finally:
        start.kill()
        start.wait()


@posix
def test_who_waits_for_another_start_is_told_so_and_not_for_ever(home, monkeypatch):
    start = launched(home)
    monkeypatch.setattr(residents, "START_SECONDS", 0.3)
    told: list[str] = []
    try:
        with pytest.raises(EngineError, match="is still not there: wait for it, or `workbench engine stop`"):
            keep_engine("embedded", progress=told.append)
        assert told == [f"another start is under way, by process {start.pid}: waiting for it"]
    finally:
        start.kill()
        start.wait()


def test_a_start_that_is_stopped_meanwhile_leaves_no_engine(home):
    def stopped(options):
        engine = embedded(options)
        residents.stop()
        return engine

    with pytest.raises(EngineError, match="`workbench engine stop` ended the embedded engine"):
        residents.keep(stopped, residents.Options(), "embedded")
    assert residents.resident() is None and not home.exists()


@posix
def test_an_engine_that_is_slow_is_refused_not_replaced_and_can_be_stopped(home, monkeypatch):
    noted = keep_engine("embedded")
    monkeypatch.setattr(residents, "ADOPT_SECONDS", 0.3)
    monkeypatch.setattr(residents, "STOP_SECONDS", 0.3)
    os.kill(noted.process, signal.SIGSTOP)
    try:
        with pytest.raises(EngineError, match=r"runs, and does not answer within 0.3 s; `workbench engine stop` ends"):
            keep_engine("embedded")
        assert residents.resident() == noted and runs(noted.process)
        residents.stop()  # though it cannot even look at its lease
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(noted.process, signal.SIGCONT)
    assert not runs(noted.process) and not home.exists()


@posix
def test_the_number_of_an_engines_process_may_be_another_programs_by_now(home):
    noted = keep_engine("embedded")
    residents.stop()
    place = home / "engine-old"
    place.mkdir(parents=True)
    stale = residents.replace(noted, process=os.getpid(), place=place.name, endpoint_url="http://127.0.0.1:9")
    (home / "engine.json").write_text(json.dumps(residents.asdict(stale)))
    assert not stale.lives()
    assert keep_engine("embedded").process != os.getpid() and not place.exists()


def test_an_adopted_engine_that_is_stopped_meanwhile_is_said():
    workbench("start", "embedded")
    with start_engine() as engine:
        workbench("stop")
        with pytest.raises(EngineError, match=r"embedded engine .*`workbench engine stop`, or a crash"):
            engine.call("ListTables", {})


def test_a_running_engine_by_its_url_is_not_started(home):
    with pytest.raises(EngineError, match="runs already; there are docker, java, dynoxide, embedded to start"):
        keep_engine("http://127.0.0.1:8000")


@pytest.mark.docker
def test_a_container_outlives_the_command_too(monkeypatch):
    monkeypatch.delenv("DOCKER_HOST")
    if DOCKER_HOST:
        monkeypatch.setenv("DOCKER_HOST", DOCKER_HOST)
    done = workbench("start", "docker")
    if "no Docker daemon" in done.stderr or "cannot be pulled" in done.stderr:
        pytest.skip(done.stderr.strip())
    noted = residents.resident()
    assert noted and noted.container and noted.process == 0
    with start_engine() as engine:
        assert (engine.kind, engine.owned) == ("docker", False) and "Version:" in engine.log_tail()
    assert workbench("status").returncode == 0
    assert "stopped the docker engine" in workbench("stop").stdout
    with pytest.raises(EngineError, match="was removed"):
        noted.server()
