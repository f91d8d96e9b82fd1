"""DynamoDB Local in Docker: on loopback only, never left behind, and clear words when Docker is not there."""

import contextlib
import gc
import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from workbench import containers
from workbench.containers import LABEL
from workbench.daemon import IMAGE, connect, daemon_url
from workbench.engines import start_engine
from workbench.errors import EngineError

docker_runs = pytest.mark.docker


@pytest.fixture
def daemon():
    """The Docker daemon with the image, or a skip that says why it is not here."""
    import docker

    try:
        client = connect(daemon_url())
        client.images.get(IMAGE)
    except EngineError as missing:
        pytest.skip(missing.message)
    except docker.errors.ImageNotFound:
        pytest.skip(f"{IMAGE} is not in Docker: python -m tests.image builds a stand-in")
    yield client
    client.close()


def ours(client) -> list[str]:
    return sorted(one.name for one in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True))


def wait(condition, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


# without Docker


@pytest.fixture
def no_docker(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return tmp_path


def test_without_a_daemon_it_is_said_what_to_start_and_what_else_there_is(no_docker):
    with pytest.raises(EngineError) as caught:
        start_engine("docker")
    assert str(caught.value) == (
        f"no Docker daemon runs ({no_docker}/docker.sock is missing): start Docker Desktop or the docker service, or "
        "take start_engine('java') or start_engine('embedded'), which need no Docker"
    )
    assert caught.value.kind == "docker"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="unix sockets")
def test_a_daemon_that_does_not_answer_is_said(no_docker):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{no_docker}/docker.sock")
    with pytest.raises(EngineError, match=r"the Docker daemon at .* does not answer \(.*refused\): start Docker"):
        start_engine("docker")


@pytest.mark.parametrize("host", ["tcp://192.0.2.1:2375", "ssh://me@build.example.com"])
def test_a_daemon_on_another_machine_is_refused_because_its_loopback_is_not_ours(monkeypatch, host):
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineError, match="on another machine, whose loopback cannot be reached from here"):
        start_engine("docker")


def test_without_the_package_the_pip_command_is_given(no_docker, monkeypatch):
    monkeypatch.setitem(sys.modules, "docker", None)
    with (
        socket.create_server(f"{no_docker}/docker.sock", family=socket.AF_UNIX),
        pytest.raises(EngineError, match=r"pip install 'dynamodb-workbench\[local\]'"),
    ):
        start_engine("docker")


def test_the_command_in_the_container_never_sends_telemetry():
    """Without -disableTelemetry a machine without internet waits at every start:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.UsageNotes.html"""
    for persist in (False, True):
        command = containers.container_command(persist=persist)
        assert "-disableTelemetry" in command and "-sharedDb" in command
        assert ("-inMemory" in command) is not persist and ("-dbPath" in command) is persist


# for real


@docker_runs
def test_a_container_is_published_on_loopback_labelled_and_removed(daemon):
    before = ours(daemon)
    with start_engine("docker") as engine:
        (name,) = set(ours(daemon)) - set(before)
        container = daemon.containers.get(name)
        assert container.labels[LABEL] == str(os.getpid()) and container.labels[f"{LABEL}.host"] == platform.node()
        assert [one["HostIp"] for one in container.ports["8000/tcp"]] == ["127.0.0.1"]
        assert engine.version == IMAGE and engine.owned and "Version:" in engine.log_tail()
        assert engine.client().list_tables()["TableNames"] == []
    assert ours(daemon) == before


@docker_runs
def test_the_image_is_not_pulled_by_auto(daemon, monkeypatch):
    monkeypatch.setattr("workbench.daemon.IMAGE", "amazon/dynamodb-local:0.0.0")
    with pytest.raises(EngineError, match=r"the image amazon/dynamodb-local:0\.0\.0 is not in Docker"):
        containers.docker_at_hand(containers.Options())


@docker_runs
def test_an_image_that_cannot_be_pulled_is_said_with_what_to_do(daemon, monkeypatch):
    monkeypatch.setattr("workbench.daemon.IMAGE", "localhost:9/dynamodb-local:0.0.0")
    lines: list[str] = []
    with pytest.raises(EngineError, match=r"is not here and cannot be pulled: .*docker tag MIRROR"):
        start_engine("docker", progress=lines.append)
    assert lines == ["pulling localhost:9/dynamodb-local:0.0.0"]


@docker_runs
def test_a_taken_port_is_said_and_leaves_no_container(daemon):
    before = ours(daemon)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port} is taken by another program"):
            start_engine("docker", port=port)
    assert ours(daemon) == before


@docker_runs
def test_a_start_that_is_too_slow_ends_at_its_timeout_with_command_and_log(daemon):
    before = ours(daemon)
    with pytest.raises(EngineError, match=r"did not answer within 0\.1 s") as caught:
        start_engine("docker", timeout=0.1)
    assert caught.value.command[:2] == ("docker", "run") and ours(daemon) == before


@docker_runs
def test_a_container_that_ends_at_once_tells_its_log(daemon, monkeypatch):
    monkeypatch.setattr(containers, "OPTIONS", ("-noSuchOption",))
    before = ours(daemon)
    with pytest.raises(EngineError) as caught:
        start_engine("docker")
    assert "exit code" in str(caught.value) and "command line arguments" in caught.value.log
    assert ours(daemon) == before


@docker_runs
def test_requests_after_the_container_was_killed_say_so_with_the_log(daemon):
    with start_engine("docker") as engine:
        engine._server.container.kill()
        with pytest.raises(EngineError) as caught:
            engine.call("ListTables", {})
        assert "no answer from docker engine" in str(caught.value) and "Version:" in caught.value.log
        with pytest.raises(EngineError, match="its container is exited, exit code 137"):
            engine.call("ListTables", {})


@docker_runs
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_container_is_removed_when_its_parent_is_killed(daemon, number):
    before = ours(daemon)
    with parent() as process:
        assert len(ours(daemon)) == len(before) + 1
        process.send_signal(number)
        process.wait()
        assert wait(lambda: ours(daemon) == before)


@contextlib.contextmanager
def parent():
    code = "import time, workbench as wb\nengine = wb.start_engine('docker')\nprint(flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        yield process
        process.kill()


@docker_runs
def test_a_container_whose_guard_was_killed_too_is_removed_by_the_next_start(daemon):
    before = ours(daemon)
    code = "import os, workbench as wb\nengine = wb.start_engine('docker')\n"
    code += "engine._server.guard.process.kill()\nos._exit(1)"
    subprocess.run([sys.executable, "-c", code])
    assert len(ours(daemon)) == len(before) + 1
    with start_engine("docker"):
        assert len(ours(daemon)) == len(before) + 1
    assert ours(daemon) == before


@docker_runs
def test_named_data_is_there_at_the_next_start_and_is_one_engines_at_a_time(daemon):
    name = f"test-{os.getpid()}"
    try:
        with start_engine("docker", persist=name) as engine:
            create(engine, "Kept")
            with pytest.raises(EngineError, match=f"the data '{name}' is in use by the container workbench-{name}"):
                start_engine("docker", persist=name)
            engine.call("ListTables", {})  # the second start has not harmed it
        with start_engine("docker", persist=name) as engine:
            assert engine.call("ListTables", {})["TableNames"] == ["Kept"]
    finally:
        daemon.volumes.get(f"workbench-{name}").remove()


def create(engine, name: str) -> None:
    engine.call(
        "CreateTable",
        {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
        },
    )


class Proxy:
    """A way to the Docker daemon that can be cut."""

    def __init__(self, path: str):
        self.path, self.target = path, daemon_url().removeprefix("unix://")
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen()
        self.open: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, far = self.listening.accept()[0], socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                self.open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self.copy, args=(one, other), daemon=True).start()

    def copy(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        for one in (self.listening, *self.open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@docker_runs
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK's sockets to a dead daemon
def test_a_daemon_that_stops_is_said_does_not_hang_and_what_it_leaves_is_removed_later(daemon, monkeypatch, tmp_path):
    before = ours(daemon)
    proxy = Proxy(str(tmp_path / "docker.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    engine = start_engine("docker")
    (name,) = set(ours(daemon)) - set(before)
    proxy.cut()
    engine.call("ListTables", {})  # the container runs on
    daemon.containers.get(name).kill()
    start = time.monotonic()
    with pytest.raises(EngineError, match="no answer from docker engine"):
        engine.call("ListTables", {})
    with pytest.raises(EngineError, match="the Docker daemon does not answer"):
        engine.call("ListTables", {})
    engine.stop()
    assert time.monotonic() - start < 15 and ours(daemon) == [*before, name]
    with pytest.raises(EngineError, match=r"the Docker daemon at .* does not answer"):
        start_engine("docker")
    monkeypatch.undo()
    gc.collect()
    daemon.containers.get(name).remove()  # by the next start, once this process has ended


@docker_runs
def test_two_containers_at_once_know_nothing_of_each_other(daemon):
    with start_engine("docker") as one, start_engine("docker") as two:
        create(one, "Only")
        assert two.call("ListTables", {})["TableNames"] == []


def test_the_error_for_a_daemon_that_is_missing_can_be_sent_to_another_process(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(EngineError) as caught:
        start_engine("docker")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is EngineError and (str(again), again.kind) == (str(caught.value), "docker")
