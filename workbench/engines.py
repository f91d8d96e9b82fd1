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

import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from workbench.endpoints import local_url
from workbench.engine import ADOPT_SECONDS, FACTS, Engine, Facts
from workbench.errors import EngineError, RequestError
from workbench.processes import BINARY_PROGRAM, WATCH, Child, free_port, is_taken

__all__ = ["FACTS", "KINDS", "Engine", "Facts", "check_kind", "start_engine"]

START_SECONDS = 30.0  # an engine of ours must answer within this, on a busy machine too
CONNECTIONS = 16
PORT_TRIES = 5  # how often another program may take the free port between choosing and binding it

_MINISTACK = (1, 5, 33)  # older ones lack 1 MB pages, and pip falls back to them when botocore does not fit
_INSTALL = "pip install 'dynamodb-workbench[local]', in a checkout: pip install -e '.[local]'"

_MINISTACK_PROGRAM = f"""{WATCH}
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
    engine = Engine("url", local_url(url), "", options.connections)
    try:
        engine.greet(ADOPT_SECONDS)
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

    def launch(port: int) -> Child:
        return Child(_MINISTACK_PROGRAM, settings=_HARDENED | {"GATEWAY_PORT": str(port)})

    return _start("embedded", f"ministack {version}", launch, options)


def _dynoxide(options: _Options) -> Engine:
    path = shutil.which("dynoxide")
    if not path:
        raise EngineError("no dynoxide on the path", kind="dynoxide")
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=ADOPT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{path} does not run: {error}", kind="dynoxide") from error

    def launch(port: int) -> Child:
        return Child(BINARY_PROGRAM, (path, "--host", "127.0.0.1", "--port", str(port)))

    return _start("dynoxide", said.stdout.strip(), launch, options)


KINDS: dict[str, Callable[[_Options], Engine]] = {"embedded": _embedded, "dynoxide": _dynoxide}
_LATER = ("docker", "java")


def _start(kind: str, version: str, launch: Callable[[int], Child], options: _Options) -> Engine:
    """An engine on a free port; tries another one if a stranger takes it before the engine does."""
    for left in reversed(range(PORT_TRIES)):
        port = free_port()
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
            if not (left and isinstance(error, EngineError) and is_taken(port)):
                raise
    raise AssertionError("the last try returns or raises")
