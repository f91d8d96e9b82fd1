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

import os
import time
from collections.abc import Callable

from workbench import residents
from workbench.amazon import Permission, amazon
from workbench.containers import docker, docker_at_hand
from workbench.emulators import dynoxide, embedded
from workbench.endpoints import is_loopback, local_url
from workbench.engine import ADOPT_SECONDS, Engine
from workbench.errors import EngineError, RequestError
from workbench.java import java
from workbench.starting import CONNECTIONS, START_SECONDS, Options

ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"  # AWS's own variable for another address of the service
Start = Callable[[Options], Engine]
KINDS: dict[str, Start] = {"docker": docker, "java": java, "dynoxide": dynoxide, "embedded": embedded}
AT_HAND: tuple[Start, ...] = (docker_at_hand, java, dynoxide, embedded)  # what `auto` starts: it never downloads


def start_engine(
    kind: str = "auto",
    *,
    timeout: float = START_SECONDS,
    connections: int = CONNECTIONS,
    port: int | None = None,
    persist: str = "",
    progress: Callable[[str], object] | None = None,
    allow_aws: bool = False,
    account: str = "",
    profile: str = "",
    region: str = "",
) -> Engine:
    """A local DynamoDB that answers; EngineError says what went wrong, with command and log, and what to do.

    `kind`: "docker" or "java" (DynamoDB Local), "dynoxide" (its binary on the path), "embedded", the URL of a running
    engine, or "auto": what AWS_ENDPOINT_URL_DYNAMODB names if that is set, else the first that works of an engine of
    `workbench engine start`, then those in that order, without downloading anything; `.choice`, which `repr` shows,
    tells why. WORKBENCH_ENGINE stands in for "auto".

    `timeout`: seconds until it must answer; `connections`: requests in flight; `port`: instead of a free one;
    `persist`: keep the data under this name, for the next engine of that kind; `progress`: called with lines of text.

    "aws" is the real service: only with `allow_aws`, in the `account` whose id is given or typed, by a `profile` and
    in a `region`, never one that is called prod, and never from a regression notebook.

    >>> with start_engine("embedded") as engine:
    ...     engine.client().list_tables()["TableNames"]
    []
    """
    check_kind(kind)
    options = Options(timeout, connections, progress, port, persist)
    options.check(kind)
    if allow_aws and kind != "aws":
        raise EngineError(
            f"allow_aws is for the real service, and {kind!r} is a local engine: start_engine('aws', allow_aws=True, "
            "account=...) uses AWS; leave allow_aws out for a local one",
            kind=kind,
        )
    if kind == "aws":
        return amazon(Permission(allow_aws, account, profile, region), options)
    if kind == "auto" and (named := os.environ.get("WORKBENCH_ENGINE") or "auto") != "auto":
        engine = _named(named, options)
        engine.choice = f"{engine.description}; WORKBENCH_ENGINE says so"
        return engine
    if kind != "auto":
        return _named(kind, options)
    engine = _from_environment(options) or _automatic(options, _running(options))
    options.say(engine.choice)
    return engine


def keep_engine(kind: str = "auto", **settings: object) -> residents.Resident:
    """Start an engine that outlives this process, for every notebook after it; settings as for `start_engine`.

    EngineError if one runs already. `workbench engine stop` ends it.
    """
    check_kind(kind)
    if "://" in kind or kind == "aws":
        raise EngineError(f"{kind} runs already; there are {', '.join(KINDS)} to start", kind="url")
    options = Options(**settings)  # type: ignore[arg-type]
    options.check(kind)
    return residents.keep(KINDS.get(kind, lambda given: _automatic(given, ())), options, kind)


def _named(kind: str, options: Options) -> Engine:
    check_kind(kind)
    if kind == "aws":  # as WORKBENCH_ENGINE
        return amazon(Permission(), options)
    return _adopt(kind, options) if "://" in kind else KINDS[kind](options)


def check_kind(kind: str) -> None:
    """EngineError unless `kind` names an engine that can be started, or is a URL."""
    if isinstance(kind, str) and ("://" in kind or kind in KINDS or kind in ("auto", "aws")):
        return
    raise EngineError(
        f"engine {kind!r} is unknown; there are auto, {', '.join(KINDS)}, the URL of a running engine, as in "
        "http://127.0.0.1:8000, and aws",
        kind=str(kind),
    )


def _running(options: Options) -> tuple[Start, ...]:
    """Engines that run already come first, unless something is asked of the engine that only a new one can give."""
    return () if options.port or options.persist else (residents.adopt,)


def _automatic(options: Options, running: tuple[Start, ...]) -> Engine:
    reasons = [f"{ENDPOINT} is not set"] if running else []
    for start in (*running, *AT_HAND):
        try:
            engine = start(options)
        except EngineError as error:
            reasons.append(error.message)
        else:
            engine.choice = "; ".join([engine.description, *reasons])
            return engine
    raise EngineError(f"no engine could be started: {'; '.join(reasons)}", kind="auto")


def _from_environment(options: Options) -> Engine | None:
    """The engine that AWS_ENDPOINT_URL_DYNAMODB names; EngineError if that cannot be used, None without it.

    Whoever sets it means that engine: another one in its place would be a surprise.
    """
    url = os.environ.get(ENDPOINT)
    if not url or options.port or options.persist:
        return None
    try:
        engine = _adopt(url, options)
    except EngineError as error:
        raise EngineError(
            f"{ENDPOINT} is set to {url.rpartition('@')[2]!r}, which cannot be used: {error.message}. Correct it, or "
            "take it away and another engine is looked for",
            kind="url",
        ) from error
    engine.choice = f"{engine.description}; {ENDPOINT} says so"
    return engine


def _adopt(url: str, options: Options) -> Engine:
    if options.persist or options.port:
        raise EngineError(f"{url} runs already: port and persist are for engines that are started", kind="url")
    engine = Engine("url", local_url(url), "", options.connections)
    try:
        _greet(engine)
        engine.recognise()
    except (EngineError, RequestError) as error:
        engine.stop()
        fix = f"waited at most {ADOPT_SECONDS:g} s; start DynamoDB there, or use start_engine('embedded')"
        raise EngineError(f"{error.message}; {fix}", kind="url") from error
    return engine


def _greet(engine: Engine) -> None:
    """EngineError unless it answers; one of another container, as in our compose file, may still be starting."""
    deadline = time.monotonic() + (0 if is_loopback(engine.endpoint_url) else ADOPT_SECONDS)
    while True:
        try:
            return engine.greet(ADOPT_SECONDS)
        except EngineError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)
