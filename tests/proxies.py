"""A proxy between a client and a real engine that loses answers, before or after the engine has done the work."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

from workbench.engine import Engine
from workbench.engines import start_engine

Loss = Literal["", "before", "after"]
KEPT = ("authorization", "content-type", "x-amz-date", "x-amz-target")


class Proxy(ThreadingHTTPServer):
    """Passes requests on, and asks `loses(operation, body)` of each whether its answer is lost, and when."""

    daemon_threads = True

    def __init__(self, engine: Engine, loses: Callable[[str, bytes], Loss]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.loses, self.lock = urlsplit(engine.endpoint_url).netloc, loses, threading.Lock()
        self.seen: Counter[str] = Counter()  # by operation
        self.lost: Counter[tuple[str, str]] = Counter()  # by operation, before or after

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    server: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        with self.server.lock:
            loss = self.server.loses(operation, body)
            self.server.seen[operation] += 1
            self.server.lost[operation, loss] += bool(loss)
        if loss != "before":
            status, content = self._behind(body)
        if loss:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _behind(self, body: bytes) -> tuple[int, bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() in KEPT}
        with closing(HTTPConnection(self.server.behind, timeout=60)) as connection:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def losing(engine: Engine, loses: Callable[[str, bytes], Loss]) -> Iterator[tuple[Engine, Proxy]]:
    """The engine as it looks through such a proxy, and the proxy."""
    with Proxy(engine, loses) as proxy:
        threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            with start_engine(proxy.url) as beyond:
                yield beyond, proxy
        finally:
            proxy.shutdown()
