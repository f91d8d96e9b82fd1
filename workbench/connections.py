"""Connections to one server that stay open between requests, shared by threads.

A load's rate is what the engine can take, if the client's own time beside it is small. boto3 spends about 2 ms of
Python on a request, urllib3 0.3 ms, http.client 0.1 ms, all under the interpreter's one lock. A request to DynamoDB
is always the same few lines, and its answer a status, a length and a text: they are written and read by hand here, in
0.04 ms (RFC 9112, HTTP/1.1).
"""

import socket
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

LINE_BYTES = 65_536  # of a header: what is longer is not HTTP


class Unanswered(Exception):
    """A request was sent, and no whole answer came: whether the server did its work is not known."""


class Connections:
    """At most `most` connections at a time. Each request is sent once; a dropped connection is made anew before."""

    def __init__(self, url: str, most: int):
        self._url, self._slots = urlsplit(url), threading.BoundedSemaphore(most)
        self._idle: deque[_Connection] = deque()
        weakref.finalize(self, _close_all, self._idle)

    def post(self, body: bytes, headers: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
        """The status and content of the answer to a POST; no step of it may take more than `seconds`.

        OSError if there is no connection, so that nothing was sent; Unanswered if there was one.
        """
        with self._slots:
            connection = self._take(seconds)
            try:
                status, content = connection.post(body, headers)
            except BaseException as error:
                connection.close()
                if isinstance(error, OSError | ValueError):
                    raise Unanswered(str(error) or type(error).__name__) from error
                raise
            self._idle.append(connection)
            return status, content

    def _take(self, seconds: float) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                connection.socket.settimeout(seconds)
                return connection
            connection.close()
        return _Connection(_connected(self._url, seconds), self._url.netloc)

    def close(self) -> None:
        """Close what is idle."""
        _close_all(self._idle)


def _close_all(idle: "deque[_Connection]") -> None:
    while idle:
        idle.pop().close()


def _connected(url: SplitResult, seconds: float) -> socket.socket:
    host, secure = url.hostname or "", url.scheme == "https"
    made = socket.create_connection((host, url.port or (443 if secure else 80)), seconds)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _trust().wrap_socket(made, server_hostname=host) if secure else made


def _trust() -> ssl.SSLContext:
    """The machine's certificates, and those of botocore for machines that have none."""
    from botocore.httpsession import get_cert_path

    context = ssl.create_default_context()
    context.load_verify_locations(get_cert_path(True))
    return context


class _Connection:
    """One connection; after an error it is of no more use."""

    def __init__(self, made: socket.socket, host: str):
        self.socket, self.file, self.host = made, made.makefile("rb"), host
        self.keeps = True

    def is_open(self) -> bool:
        """Whether it can be used once more: what an idle connection has to read is its end."""
        from urllib3.util import wait_for_read

        return self.keeps and not wait_for_read(self.socket, 0)

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        lines = [f"POST / HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        self.socket.sendall("".join(lines).encode("latin-1") + b"\r\n" + body)
        status, fields = self._head()
        self.keeps = fields.get(b"connection", b"").lower() != b"close" and not status.startswith(b"HTTP/1.0")
        return int(status.split()[1]), b"".join(self._content(fields))

    def _head(self) -> tuple[bytes, dict[bytes, bytes]]:
        status, fields = self._line(), dict[bytes, bytes]()
        if not status.startswith(b"HTTP/1."):
            raise ValueError(f"{status[:60]!r} is no answer of HTTP/1.1" if status else "the connection was closed")
        while line := self._line():
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        return status, fields

    def _line(self) -> bytes:
        line = self.file.readline(LINE_BYTES)
        if line and not line.endswith(b"\n"):
            raise ValueError("the answer ends in its head")
        return line.rstrip(b"\r\n")

    def _content(self, fields: Mapping[bytes, bytes]) -> Iterator[bytes]:
        if b"content-length" in fields:
            yield self._exactly(int(fields[b"content-length"]))
        elif fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            while length := int(self._line().partition(b";")[0], 16):
                yield self._exactly(length)
                self._line()
            while self._line():  # trailers
                pass
        else:
            self.keeps = False
            yield self.file.read()

    def _exactly(self, length: int) -> bytes:
        content = self.file.read(length)
        if len(content) < length:
            raise ValueError(f"the answer ends after {len(content):,} of {length:,} bytes")
        return content
