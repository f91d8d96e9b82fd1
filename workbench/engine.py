"""What an engine is: where it listens, and the ways to speak to it.

A local client reads no profile, config file, proxy or credential, only dummy ones. A request is sent once: a lost
answer is an AnswerLost, and whether the engine did the work is then unknown.
"""

import base64
import json
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from workbench.connections import Connections, Unanswered
from workbench.errors import AnswerLost, EngineError, RequestError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ADOPT_SECONDS = 5.0  # a running engine, given by its URL, must answer within this
ANSWER_SECONDS = 60.0  # any later request
REGION, ACCESS_KEY = "us-east-1", "WORKBENCHLOCAL"  # letters only: DynamoDB Local refuses other characters


@dataclass(frozen=True)
class Facts:
    """How a kind of engine was seen to differ from the service, so that runs can say so and work round it.

    What it reports wrongly as consumed stands in `errata`, as predictions.
    """

    reads_metered: bool  # ConsumedCapacity of a read says something about its size
    ttl_deletes: str = ""  # why TTL must not be switched on; empty: it may be
    multi_attribute_keys: bool = True  # an index with several partition or sort key attributes can be queried


FACTS = {
    "embedded": Facts(
        reads_metered=False,
        ttl_deletes="it deletes expired items within a minute, also after five years, when the service keeps them",
    ),
    "dynoxide": Facts(reads_metered=True, multi_attribute_keys=False),
    **dict.fromkeys(
        ("java", "docker"),
        Facts(reads_metered=True, ttl_deletes="it deletes expired items at once, some ten of them every ten seconds"),
    ),
    "aws": Facts(reads_metered=True),
    "url": Facts(
        reads_metered=False, ttl_deletes="an engine that was not started here may delete expired items at once"
    ),
}
HEALTH = "/_ministack/health"  # one engine answers there; the others say who they are in a header of any answer


class Server(Protocol):
    """What runs an engine that was started here, a process or a container."""

    command: tuple[str, ...]

    def ended(self, seconds: float = 0) -> str:
        """How it ended; empty while it runs. It looks for at most so many seconds; 0 must cost next to nothing."""
        ...

    def listens(self) -> set[str] | None:
        """The host:port pairs on which it listens; None where that is not known."""
        ...

    def log_tail(self, lines: int) -> str:
        """The last lines of its log."""
        ...

    def end(self) -> None:
        """End it and remove what it left."""
        ...


class Engine:
    """A local DynamoDB that answers: what it is, where it listens, and two ways to speak to it.

    `client()` is boto3's client; `call()` is the short way for bulk work. As a context manager it is stopped at the
    end of the block, if it was started here (`owned`). Made by `start_engine`.
    """

    def __init__(
        self,
        kind: str,
        endpoint_url: str,
        version: str,
        connections: int,
        server: Server | None = None,
        owned: bool = True,
    ):
        self.kind, self.endpoint_url, self.version = kind, endpoint_url, version
        self.name = f"{kind} ({version or endpoint_url})"
        self.description = f"{kind} engine{f' ({version})' if version else ''} at {endpoint_url}"
        self.choice = f"{self.description}; asked for"  # the line that says what was taken, and why not another
        self.owned, self.is_local = server is not None and owned, True
        self.behaves_as = kind
        self.log: Path | None = getattr(server, "log", None)
        self.start_seconds = 0.0
        self._server, self._connections, self._stopped = server, connections, False
        self._end = weakref.finalize(self, server.end if server else lambda: None)  # at exit, too
        self._pool = Connections(endpoint_url, connections)
        self._headers = _dummy_headers()
        self._client: DynamoDBClient | None = None
        self._lock = threading.Lock()

    @property
    def facts(self) -> Facts:
        """How it differs from the service."""
        return FACTS[self.behaves_as]

    @property
    def reads_prove_nothing(self) -> bool:
        """Whether the units that it reports for reads say nothing about their size."""
        return not self.facts.reads_metered

    def recognise(self) -> None:
        """Look which engine answers at a URL, and expect of it what is known of that one."""
        self.behaves_as, self.version = recognised(self.endpoint_url, ADOPT_SECONDS)
        if self.version:
            self.name = f"{self.kind} ({self.version} at {self.endpoint_url})"
            self.description = f"{self.kind} engine ({self.version}) at {self.endpoint_url}"
            self.choice = f"{self.description}; asked for"

    def __repr__(self) -> str:
        return f"Engine({self.choice}{', stopped' if self._stopped else ''})"

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

    def detach(self) -> None:
        """Let the engine outlive this process: nothing here stops it any more."""
        self._end.detach()
        self.owned = False

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log; empty if it has none."""
        return self._server.log_tail(lines) if self._server else ""

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
        refuses it; AnswerLost if no answer comes or the engine fails, EngineError if nothing could be sent. Threads
        may share it, up to `connections` at a time.
        """
        return self._post(operation, body, ANSWER_SECONDS)

    def _post(self, operation: str, body: bytes | Mapping[str, Any], seconds: float) -> dict[str, Any]:
        self._check()
        data = body if isinstance(body, bytes) else json.dumps(body, default=_base64).encode()
        headers = self._signed(operation, data)
        try:
            status, answer = self._pool.post(data, headers, seconds)
        except (OSError, Unanswered) as error:
            raise self._lost(error, isinstance(error, Unanswered)) from error
        return self._read(operation, status, answer)

    def _signed(self, operation: str, data: bytes) -> dict[str, str]:
        """A request's headers; a local engine looks at no signature."""
        return self._headers | {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}

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
            if status >= 500:
                raise self._failed(operation, code, text)
            raise RequestError(f"{operation}: {code}: {text}", operation=operation, code=code)
        raise self._error(f"{self.endpoint_url} answers, but not as DynamoDB: HTTP {status}, {data[:60]!r}")

    def _check(self, **_: object) -> None:
        if self._stopped:
            raise EngineError(f"{self.description} was stopped: start another with start_engine()", kind=self.kind)
        self._check_runs(0)

    def _check_runs(self, seconds: float) -> None:
        if self._server and (how := self._server.ended(seconds)):
            raise self._error(f"{self.description} ended by itself ({how}): start another")

    def _lost(self, error: BaseException, sent: bool) -> EngineError:
        if self._server and self.start_seconds:
            self._server.ended(0.2)  # a death shows a little later than its broken pipe
        return self._error(f"no answer from {self.description}: {error}", AnswerLost if sent else EngineError)

    def _failed(self, operation: str, code: str, text: str) -> EngineError:
        """It did not refuse, it failed, as on a full disk: whether it did the work is as open as without an answer."""
        return self._error(f"{operation} failed on {self.description}: {code}: {text}", AnswerLost)

    def _error(self, message: str, kind: type[EngineError] = EngineError) -> EngineError:
        command = self._server.command if self._server else ()
        return kind(message, kind=self.kind, command=command, log=self.log_tail())

    def _on_answer(
        self, response: Any = None, operation: Any = None, caught_exception: BaseException | None = None, **_: object
    ) -> None:
        from botocore.exceptions import ConnectionError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError

        if isinstance(caught_exception, ConnectionError | HTTPClientError):
            sent = not isinstance(caught_exception, ConnectTimeoutError | EndpointConnectionError)
            raise self._lost(caught_exception, sent) from caught_exception
        if response and response[0].status_code >= 500:
            said = response[1].get("Error", {})
            raise self._failed(operation.name, said.get("Code", "no code"), said.get("Message", "no message"))

    def _report_lost(self, client: Any) -> None:
        """Have boto3's client tell a lost answer as `call` does."""
        client.meta.events.register("before-call.dynamodb", self._check)
        client.meta.events.register_first("needs-retry.dynamodb", self._on_answer)

    def greet(self, seconds: float) -> None:
        """EngineError unless it answers as DynamoDB within so many seconds."""
        if "TableNames" not in (said := self._post("ListTables", b"{}", seconds)):
            raise self._error(f"{self.endpoint_url} answers, but not as DynamoDB: {said}")

    def wait(self, seconds: float) -> None:
        """Wait until the engine answers; EngineError if it ends, or does not within so many seconds."""
        start = time.monotonic()
        while not self._answers():
            self._check_runs(0.01)
            if time.monotonic() - start > seconds:
                raise self._error(f"{self.description} did not answer within {seconds:g} s")
        self.start_seconds = time.monotonic() - start

    def _answers(self) -> bool:
        """Whether this very process answers as DynamoDB; EngineError if it listens where it should not."""
        try:
            self.greet(1.0)
        except (EngineError, RequestError):
            return False
        assert self._server
        where = self._server.listens()
        if where and where != {self.endpoint_url.removeprefix("http://")}:
            raise self._error(f"{self.description} also listens on {', '.join(sorted(where))}: not used")
        if where is None:  # not told: if it was a stranger who answered, ours ends soon, for want of the port
            self._server.ended(0.5)
        self._check_runs(0)
        return where != set()


def recognised(url: str, seconds: float) -> tuple[str, str]:
    """The kind of engine that answers at a URL and its version, as far as it says so; "url" if it is not known."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connection = (HTTPSConnection if secure else HTTPConnection)(parts.netloc, timeout=seconds)
    with closing(connection), suppress(OSError, HTTPException, ValueError):
        connection.request("GET", HEALTH)
        answer = connection.getresponse()
        said, server = answer.read(), answer.headers.get("server", "")
        if server.startswith("Jetty"):
            return "java", "DynamoDB Local"
        if server.startswith("Dynoxide"):
            return "dynoxide", server.lower().replace("/", " ")
        if answer.status == 200 and "dynamodb" in (health := json.loads(said)).get("services", {}):
            return "embedded", f"ministack {health.get('version', '')}".strip()
    return "url", ""


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
    engine._report_lost(client)
    return client
