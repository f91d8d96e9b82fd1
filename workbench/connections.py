"""Connections to one server that stay open between requests, shared by threads.

A load's rate is what the engine can take, if the client's own time beside it is small. boto3 spends about 2 ms of
Python on a request, urllib3 0.4 ms, the standard library's client, which this is, half of that; and what it spends,
it spends under the interpreter's one lock.
"""

import http.client
import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl


class Unanswered(Exception):
    """A request was sent, and no whole answer came: whether the server did its work is not known."""


class Connections:
    """At most `most` connections at a time. Each request is sent once; a dropped connection is made anew before."""

    def __init__(self, url: str, most: int):
        self._url, self._slots = urlsplit(url), threading.BoundedSemaphore(most)
        self._idle: deque[http.client.HTTPConnection] = deque()

    def post(self, body: bytes, headers: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
        """The status and content of the answer to a POST; each step of it may take `seconds`.

        OSError if there is no connection, so that nothing was sent; Unanswered if there was one.
        """
        with self._slots:
            connection = self._idle.pop() if self._idle else self._connection()
            try:
                _open(connection, seconds)
                return _exchange(connection, body, headers)
            except BaseException:
                connection.close()
                raise
            finally:
                self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(host, port, context=_trust())
        return http.client.HTTPConnection(host, port)


def _trust() -> "ssl.SSLContext":
    """The machine's certificates and those of botocore, for machines that have none."""
    import ssl

    from botocore.httpsession import get_cert_path

    context = ssl.create_default_context()
    context.load_verify_locations(get_cert_path(True))
    return context


def _open(connection: http.client.HTTPConnection, seconds: float) -> None:
    """Connect unless connected: what an idle connection has to read is its end."""
    from urllib3.util import wait_for_read

    if connection.sock is not None and wait_for_read(connection.sock, 0):
        connection.close()
    connection.timeout = seconds
    if connection.sock is None:
        connection.connect()
    connection.sock.settimeout(seconds)


def _exchange(connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(f"{error or type(error).__name__}") from error
