"""Local DynamoDB engines: start one, find one, wait until it answers, stop it.

An engine is a program that speaks DynamoDB's protocol on this machine, so that a design can be tried without an
account: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.html. All kinds stand behind
one small `Engine`, which knows no design. Three promises hold for each of them:

- **Nothing of yours is sent.** A client reads no profile, config file, proxy or credential, only dummy ones, and
  only loopback (or a private host that `WORKBENCH_LOCAL_HOSTS` names) is ever spoken to.
- **Nothing stays behind.** What was started here ends with the `with` block, the variable, the interpreter, and
  also when the interpreter is killed: the engine reads a pipe that closes with its parent, whatever ended it.
- **Nothing is sent twice.** A lost answer is an EngineError; whether the engine did the work is then unknown.
"""

import base64
import contextlib
import importlib.metadata
import ipaddress
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from workbench.errors import EngineError, RequestError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

START_SECONDS = 30.0  # an engine of ours must answer within this, on a busy machine too
ADOPT_SECONDS = 5.0  # a running engine, given by its URL, must
ANSWER_SECONDS = 60.0  # any later request
CONNECTIONS = 16
PORT_TRIES = 5  # how often another program may take the free port between choosing and binding it

REGION, ACCESS_KEY = "us-east-1", "WORKBENCHLOCAL"  # letters only: DynamoDB Local refuses other characters
_MINISTACK = (1, 5, 33)  # older ones lack 1 MB pages, and pip falls back to them when botocore does not fit
_INSTALL = "pip install 'dynamodb-workbench[local]', in a checkout: pip install -e '.[local]'"


@dataclass(frozen=True)
class Facts:
    """How a kind of engine was seen to differ from the service, so that runs can say so and work round it."""

    reads_metered: bool  # ConsumedCapacity of a read says something about its size
    ttl_deletes: str = ""  # why TTL must not be switched on; empty: it may be
    errata: tuple[str, ...] = ()  # where its answers or its ConsumedCapacity are known to be wrong


FACTS = {
    "embedded": Facts(
        reads_metered=False,
        ttl_deletes="it deletes expired items within a minute, also after five years, when the service keeps them",
        errata=(
            "a page or item read is 0.5 or 1 unit whatever its size, 2 in a transaction; BatchGetItem reports none",
            "BatchGetItem answers more than 16 MB at once",
            "a page ends before the item that crosses 1 MB; the service's ends after it",
        ),
    ),
    "dynoxide": Facts(
        reads_metered=True,
        errata=(
            "GetItem is charged on the projected item; fetches from the table by an LSI are not charged everywhere",
            "the ScannedCount of a page that 1 MB ended is one too many",
            "a page ends before the item that crosses 1 MB; the service's ends after it",
            "an index with several partition or sort key attributes cannot be queried",
        ),
    ),
    "url": Facts(
        reads_metered=False,
        ttl_deletes="an engine that was not started here may delete expired items at once",
        errata=("which engine answers is not known",),
    ),
}

# The engine's own side of "nothing stays behind". The pipe is portable and sees every death of the parent; asking
# for the parent covers a fork of it (multiprocessing) that still holds the pipe. PR_SET_PDEATHSIG alone would not
# do: it fires when the thread that started the engine ends, which in a notebook server is not the end of the work.
_WATCH = """
import os, shutil, sys, threading, time

def watch(end):
    def pipe():
        os.read(0, 1)
        end()

    def parent():
        while os.getppid() == int(os.environ["WORKBENCH_PARENT"]):
            time.sleep(1)
        end()

    for look in (pipe, parent) if os.name == "posix" else (pipe,):
        threading.Thread(target=look, daemon=True).start()

def sweep():  # a log that says something stays
    folder = os.path.dirname(os.path.abspath(__file__))
    shutil.rmtree(os.path.join(folder, "work") if os.fstat(1).st_size else folder, ignore_errors=True)
"""
_MINISTACK_PROGRAM = f"""{_WATCH}
def end():
    try:
        sweep()
    finally:
        os._exit(0)

watch(end)
import socket  # a taken port ends this process at once, long before the engine would find out
socket.create_server(("127.0.0.1", int(os.environ["GATEWAY_PORT"]))).close()
sys.path += [p for p in os.environ["WORKBENCH_PATH"].split(os.pathsep) if p not in sys.path]
import ministack.app
ministack.app._collect_scripts = lambda *folders: []  # it would run scripts that lie in a system folder
ministack.app.main()
"""
_HARDENED = {
    "BIND_HOST": "127.0.0.1",
    "SERVICES": "dynamodb,dynamodbstreams",
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",  # it would remove containers that bear its label
    "LOG_LEVEL": "WARNING",
}
_BINARY_PROGRAM = f"""{_WATCH}
import ctypes, signal, subprocess
linux = sys.platform == "linux"
libc = ctypes.CDLL(None) if linux else None
engine = subprocess.Popen(
    sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=(lambda: libc.prctl(1, signal.SIGKILL)) if linux else None
)
signal.signal(signal.SIGTERM, lambda *_: engine.kill())
watch(engine.kill)
code = engine.wait()
sweep()
sys.exit(code)
"""
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")


class _Child:
    """A program in a process group of its own (the user's Ctrl-C is not for it), in a private folder, with a log."""

    def __init__(self, program: str, arguments: Iterable[str] = (), settings: Mapping[str, str] | None = None):
        self.folder = Path(tempfile.mkdtemp(prefix="workbench-engine-"))
        self.log, self.owner = self.folder / "engine.log", os.getpid()
        script, work = self.folder / "engine.py", self.folder / "work"
        script.write_text(program, encoding="utf-8")
        work.mkdir()
        self.command = (sys.executable, "-I", str(script), *arguments)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,  # never written; no other child inherits our end (PEP 446)
                stdout=log,
                stderr=log,
                cwd=work,
                env=self._environment(work) | dict(settings or {}),
                **_DETACHED,
            )

    def _environment(self, work: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        ours = {"WORKBENCH_PARENT": str(self.owner), "WORKBENCH_PATH": os.pathsep.join(filter(None, sys.path))}
        return kept | ours | dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), str(work))

    def end(self) -> None:
        """Ends the process and removes what it left, save a log that says something."""
        if os.getpid() != self.owner or self.process.stdin is None:
            return  # a fork of the owner
        self.process.stdin.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        said = self.log.exists() and self.log.stat().st_size > 0
        shutil.rmtree(self.folder / "work" if said else self.folder, ignore_errors=True)


_DETACHED: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _DETACHED = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}


def _listening(pid: int) -> set[str] | None:
    """The host:port pairs on which a process and its children listen; None where the system does not tell."""
    try:
        family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        sockets = {link for member in family for link in _links(Path(f"/proc/{member}/fd"))}
        tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    except OSError:
        return None
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {_address(row[1]) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets} if rows else None


def _links(folder: Path) -> list[str]:
    found = []
    for link in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(link.readlink()))
    return found


def _address(text: str) -> str:
    """Linux writes 127.0.0.1:8080 as `0100007F:1F90`, in words of the machine's byte order."""
    host, _, port = text.partition(":")
    words = struct.pack(f"={len(host) // 8}I", *(int(host[i : i + 8], 16) for i in range(0, len(host), 8)))
    return f"{ipaddress.ip_address(words)}:{int(port, 16)}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # connections that an ended engine leaves behind do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return False
    return True


class Engine:
    """A local DynamoDB that answers: what it is, where it listens, and two ways to speak to it.

    `client()` is boto3's client; `call()` is the short way for bulk work. As a context manager it is stopped at the
    end of the block, if it was started here (`owned`). Made by `start_engine`.
    """

    def __init__(self, kind: str, endpoint_url: str, version: str, connections: int, child: _Child | None = None):
        import urllib3

        self.kind, self.endpoint_url, self.version = kind, endpoint_url, version
        self.name = f"{kind} ({version or endpoint_url})"
        self.description = f"{kind} engine{f' ({version})' if version else ''} at {endpoint_url}"
        self.choice = f"{self.description}; asked for"  # the line that says what was taken, and why not another
        self.owned, self.is_local = child is not None, True
        self.facts = FACTS[kind]
        self.reads_prove_nothing = not self.facts.reads_metered
        self.log = child.log if child else None
        self.start_seconds = 0.0
        self._child, self._connections, self._stopped = child, connections, False
        self._end = weakref.finalize(self, child.end if child else lambda: None)  # at exit, too
        self._pool = urllib3.connection_from_url(endpoint_url, maxsize=connections, block=True)
        self._headers = _dummy_headers()
        self._client: DynamoDBClient | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Engine({self.description}{', stopped' if self._stopped else ''})"

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the engine if it was started here, and leaves any other alone; twice does no harm."""
        self._stopped = True
        self._end()
        self._pool.close()
        if self._client:
            self._client.close()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log; empty if it has none."""
        with contextlib.suppress(OSError):
            text = self.log.read_text(encoding="utf-8", errors="replace") if self.log else ""
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def client(self) -> "DynamoDBClient":
        """boto3's low-level DynamoDB client, made once and safe to share between threads.

        It sends each request once: a second try of a write whose answer was lost could do it twice.
        """
        with self._lock:
            self._client = self._client or _isolated_client(self)
        return self._client

    def call(self, operation: str, body: bytes | Mapping[str, Any]) -> dict[str, Any]:
        """The engine's answer to one request, as DynamoDB's JSON: binary values are base64 text.

        `body` is DynamoDB's JSON, ready-made or as a dict. RequestError with the service's `.code` if the engine
        refuses it; EngineError if no answer comes. Threads may share it, up to `connections` at a time.
        """
        return self._post(operation, body, ANSWER_SECONDS)

    def _post(self, operation: str, body: bytes | Mapping[str, Any], seconds: float) -> dict[str, Any]:
        from urllib3.exceptions import HTTPError

        self._check()
        data = body if isinstance(body, bytes) else json.dumps(body, default=_base64).encode()
        headers = self._headers | {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        try:
            answer = self._pool.urlopen(
                "POST", "/", data, headers, retries=False, redirect=False, timeout=seconds, pool_timeout=None
            )
        except HTTPError as error:
            raise self._lost(error) from error
        return self._read(operation, answer.status, answer.data)

    def _read(self, operation: str, status: int, data: bytes) -> dict[str, Any]:
        try:
            said = json.loads(data)
        except ValueError:
            said = None
        if isinstance(said, dict) and status == 200:
            return said
        if isinstance(said, dict) and "__type" in said:
            code = str(said["__type"]).rpartition("#")[2]
            text = said.get("message") or said.get("Message") or "no message"
            raise RequestError(f"{operation}: {code}: {text}", operation=operation, code=code)
        raise self._error(f"{self.endpoint_url} answers, but not as DynamoDB: HTTP {status}, {data[:60]!r}")

    def _check(self, **_: object) -> None:
        if self._stopped:
            raise EngineError(f"{self.description} was stopped: start another with start_engine()", kind=self.kind)
        if self._child and (code := self._child.process.poll()) is not None:
            raise self._error(f"{self.description} ended by itself (exit code {code}): start another")

    def _lost(self, error: BaseException) -> EngineError:
        with contextlib.suppress(subprocess.TimeoutExpired):  # a death shows a little later than its broken pipe
            if self._child and self.start_seconds:
                self._child.process.wait(0.2)
        return self._error(f"no answer from {self.description}: {error}")

    def _error(self, message: str) -> EngineError:
        command = self._child.command if self._child else ()
        return EngineError(message, kind=self.kind, command=command, log=self.log_tail())

    def _on_answer(self, caught_exception: BaseException | None = None, **_: object) -> None:
        from botocore.exceptions import ConnectionError, HTTPClientError

        if isinstance(caught_exception, ConnectionError | HTTPClientError):
            raise self._lost(caught_exception) from caught_exception

    def _greet(self, seconds: float) -> None:
        if "TableNames" not in (said := self._post("ListTables", b"{}", seconds)):
            raise self._error(f"{self.endpoint_url} answers, but not as DynamoDB: {said}")

    def _await(self, seconds: float) -> None:
        start = time.monotonic()
        while not self._answers():
            self._check()
            if time.monotonic() - start > seconds:
                raise self._error(f"{self.description} did not answer within {seconds:g} s")
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - start

    def _answers(self) -> bool:
        """Whether this very process answers as DynamoDB; EngineError if it listens where it should not."""
        try:
            self._greet(1.0)
        except (EngineError, RequestError):
            return False
        assert self._child
        where = _listening(self._child.process.pid)
        if where and where != {self.endpoint_url.removeprefix("http://")}:
            raise self._error(f"{self.description} also listens on {', '.join(sorted(where))}: not used")
        if where is None:  # not told: if it was a stranger who answered, ours ends soon, for want of the port
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.process.wait(0.5)
        self._check()
        return where != set()


def _base64(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    raise TypeError(f"{value!r} is not DynamoDB JSON; numbers are text and stand under N, as in {{'N': '1'}}")


def _dummy_headers() -> dict[str, str]:
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{ACCESS_KEY}/{now[:8]}/{REGION}/dynamodb/aws4_request"
    signed = f"Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 {signed}",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Date": now,
    }


def _isolated_client(engine: Engine) -> "DynamoDBClient":
    from botocore.config import Config
    from botocore.session import Session

    # Each variable keeps its default and loses its name in the environment; without files nothing else is read.
    names = {name: (file, None, default, cast) for name, (file, _, default, cast) in Session.SESSION_VARIABLES.items()}
    names |= dict.fromkeys(("config_file", "credentials_file"), (None, None, None, None))
    config = Config(
        proxies={},
        retries={"mode": "legacy", "total_max_attempts": 1},  # "standard" would end every error in "max retries: 0"
        connect_timeout=ADOPT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        max_pool_connections=engine._connections,
    )
    client: Any = Session(session_vars=names).create_client(
        "dynamodb", REGION, endpoint_url=engine.endpoint_url, config=config,
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY,
    )  # fmt: skip
    client.meta.events.register("before-call.dynamodb", engine._check)
    client.meta.events.register_first("needs-retry.dynamodb", engine._on_answer)
    return client


@dataclass(frozen=True)
class _Options:
    timeout: float
    connections: int
    progress: Callable[[str], object]


def start_engine(
    kind: str = "auto",
    *,
    timeout: float = START_SECONDS,
    connections: int = CONNECTIONS,
    progress: Callable[[str], object] | None = None,
) -> Engine:
    """A local DynamoDB that answers; EngineError says what went wrong, with the log, and what to do.

    `kind`: "embedded", "dynoxide" (its binary on the path), the URL of a running engine, or "auto", which takes the
    first of AWS_ENDPOINT_URL_DYNAMODB, dynoxide and embedded that works, and tells in `.choice` why. WORKBENCH_ENGINE
    stands in for "auto". `timeout`: seconds; `connections`: requests in flight; `progress`: called with lines of text.

    >>> with start_engine("embedded") as engine:
    ...     engine.client().list_tables()["TableNames"]
    []
    """
    options = _Options(timeout, connections, progress or (lambda line: None))
    if kind == "auto" and (named := os.environ.get("WORKBENCH_ENGINE") or "auto") != "auto":
        engine = _named(named, options)
        engine.choice = f"{engine.description}; WORKBENCH_ENGINE says so"
        return engine
    return _automatic(options) if kind == "auto" else _named(kind, options)


def _named(kind: str, options: _Options) -> Engine:
    check_kind(kind)
    return _adopt(kind, options) if "://" in kind else KINDS[kind](options)


def check_kind(kind: str) -> None:
    """EngineError unless `kind` names an engine that can be started, or is a URL."""
    if "://" in kind or kind in KINDS or kind == "auto":
        return
    why = "not available in this version" if kind in _LATER else "unknown"
    raise EngineError(
        f"engine {kind!r} is {why}; there are auto, {', '.join(KINDS)}, and the URL of a running engine, as in "
        "http://127.0.0.1:8000",
        kind=kind,
    )


def _automatic(options: _Options) -> Engine:
    reasons: list[str] = []
    for start in (_from_environment, _dynoxide, _embedded):
        try:
            engine = start(options)
        except EngineError as error:
            reasons.append(error.message)
        else:
            engine.choice = "; ".join([engine.description, *reasons])
            return engine
    raise EngineError(f"no engine could be started: {'; '.join(reasons)}", kind="auto")


def _from_environment(options: _Options) -> Engine:
    url = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
    if not url:
        raise EngineError("AWS_ENDPOINT_URL_DYNAMODB is not set", kind="url")
    return _adopt(url, options)


def _adopt(url: str, options: _Options) -> Engine:
    engine = Engine("url", _local(url), "", options.connections)
    try:
        engine._greet(ADOPT_SECONDS)
    except (EngineError, RequestError) as error:
        engine.stop()
        fix = f"waited at most {ADOPT_SECONDS:g} s; start DynamoDB there, or use start_engine('embedded')"
        raise EngineError(f"{error.message}; {fix}", kind="url") from error
    return engine


def _embedded(options: _Options) -> Engine:
    try:
        version = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        raise EngineError(f"the embedded engine is not installed: {_INSTALL}", kind="embedded") from None
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < _MINISTACK:
        need = ".".join(map(str, _MINISTACK))
        raise EngineError(f"ministack {version} is too old, {need} is needed: {_INSTALL}", kind="embedded")

    def launch(port: int) -> _Child:
        return _Child(_MINISTACK_PROGRAM, settings=_HARDENED | {"GATEWAY_PORT": str(port)})

    return _start("embedded", f"ministack {version}", launch, options)


def _dynoxide(options: _Options) -> Engine:
    path = shutil.which("dynoxide")
    if not path:
        raise EngineError("no dynoxide on the path", kind="dynoxide")
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=ADOPT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{path} does not run: {error}", kind="dynoxide") from error

    def launch(port: int) -> _Child:
        return _Child(_BINARY_PROGRAM, (path, "--host", "127.0.0.1", "--port", str(port)))

    return _start("dynoxide", said.stdout.strip(), launch, options)


KINDS: dict[str, Callable[[_Options], Engine]] = {"embedded": _embedded, "dynoxide": _dynoxide}
_LATER = ("docker", "java")


def _start(kind: str, version: str, launch: Callable[[int], _Child], options: _Options) -> Engine:
    """An engine on a free port; tries another one if a stranger takes it before the engine does."""
    for left in reversed(range(PORT_TRIES)):
        port = _free_port()
        options.progress(f"starting {version} on port {port}")
        try:
            child = launch(port)
        except OSError as error:  # no space, no processes left
            raise EngineError(f"{version} cannot be started: {error}", kind=kind) from error
        engine = Engine(kind, f"http://127.0.0.1:{port}", version, options.connections, child)
        try:
            engine._await(options.timeout)
            return engine
        except BaseException as error:
            engine.stop()
            if not (left and isinstance(error, EngineError) and _is_taken(port)):
                raise
    raise AssertionError("the last try returns or raises")


# The domains of every AWS partition, as botocore's partitions.json names them, and of function URLs.
_AMAZON = (
    "amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "amazonwebservices.com.cn", "amazonwebservices.eu",
    "api.aws", "on.aws", "ic.gov", "sgov.gov", "scloud", "adc-e.uk",
)  # fmt: skip
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]


def _local(url: str) -> str:
    """The URL as scheme, host and port, if it is that of a local engine."""
    shown = url.rpartition("@")[2]  # never a password
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise EngineError(f"{shown!r} is no URL: {error}", kind="url") from None
    beyond = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not host or beyond:
        raise EngineError(f"{shown!r} is no engine's URL, which looks like http://127.0.0.1:8000", kind="url")
    if refusal := _not_local(host):
        raise EngineError(
            f"{shown}: {refusal}. Only a local engine is used: loopback (127.0.0.1, ::1, localhost), or a host that "
            "WORKBENCH_LOCAL_HOSTS names (separated by commas) and whose addresses are all private",
            kind="url",
        )
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _not_local(host: str) -> str:
    """Why a host is not local; empty if it is. A name is looked up only once it is allowed."""
    if any(f".{host}".endswith(f".{domain}") for domain in _AMAZON):
        return f"{host} is Amazon's, and no setting makes it local"
    named = {name.strip().rstrip(".").lower() for name in os.environ.get("WORKBENCH_LOCAL_HOSTS", "").split(",")}
    try:
        literal = ipaddress.ip_address(host).is_loopback
    except ValueError:
        literal = False
    if literal or (host != "localhost" and host not in named):
        return "" if literal else f"{host} is not local, and WORKBENCH_LOCAL_HOSTS does not name it"
    try:
        found = {ipaddress.ip_address(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except (OSError, ValueError) as error:
        return f"{host} has no address ({error})"
    public = sorted(str(a) for a in found if not any(a in network for network in _PRIVATE))
    return f"{host} has an address that is not private: {', '.join(public)}" if public else ""
