"""Connections: answers in every form that HTTP/1.1 gives them, and no request sent twice.

The forms are those of RFC 9112, section 6: a length, chunks, and the end of the connection.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workbench.connections import Connections, Unanswered

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"


@contextmanager
def serving(*answers: bytes, keeps: bool = True) -> Iterator[tuple[Connections, list[bytes]]]:
    """A server that gives these answers, whatever is asked; and the requests that it saw."""
    seen: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        left = list(answers)
        while left:
            made, _ = listening.accept()
            with made, made.makefile("rb") as file:
                while left and (head := request(file)):
                    seen.append(head)
                    made.sendall(left.pop(0))
                    if not keeps:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        connections = Connections(f"http://127.0.0.1:{listening.getsockname()[1]}", 2)
        try:
            yield connections, seen
        finally:
            connections.close()
            thread.join(5)


def request(file) -> bytes:
    head = b""
    while (line := file.readline()).strip():
        head += line
    length = [int(line.partition(b":")[2]) for line in head.lower().splitlines() if line.startswith(b"content-length")]
    return head + file.read(length[0] if length else 0)


@pytest.mark.parametrize(
    ("answer", "status", "content"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\n{}", 200, b"{}"),
        (HEAD + b"content-length:   0\r\n\r\n", 200, b""),
        (HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n3;x=y\r\n 1}\r\n0\r\n\r\n', 200, b'{"a": 1}'),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n", 200, b"{}"),
        (b"HTTP/1.1 400\r\nContent-Length: 2\r\n\r\n{}", 400, b"{}"),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", 503, b"busy"),
    ],
)
def test_answers_are_read_whole_and_the_connection_is_kept(answer, status, content):
    with serving(answer, answer) as (connections, seen):
        for _ in range(2):
            assert connections.post(b'{"a":1}', {"X-Amz-Target": "T"}, 5) == (status, content)
    assert len(seen) == 2
    assert seen[0].startswith(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Amz-Target: T\r\n" in seen[0] and seen[0].endswith(b'{"a":1}')


@pytest.mark.parametrize(
    "answer",
    [HEAD + b"\r\n{}", HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.0 200 OK\r\n\r\n{}"],
)
def test_after_an_answer_that_ends_with_its_connection_another_is_made(answer):
    with serving(answer, answer, keeps=False) as (connections, seen):
        for _ in range(2):
            assert connections.post(b"{}", {}, 5) == (200, b"{}")
    assert len(seen) == 2


def test_a_connection_that_the_server_has_dropped_is_made_anew_before_anything_is_sent():
    answer = HEAD + b"Content-Length: 2\r\n\r\n{}"
    with serving(answer, answer, keeps=False) as (connections, seen):
        connections.post(b"first", {}, 5)
        until = time.monotonic() + 5
        while connections._idle[0].is_open() and time.monotonic() < until:
            time.sleep(0.01)  # the end of a connection takes a moment to get here
        assert connections.post(b"second", {}, 5) == (200, b"{}")
    assert [one[-6:] for one in seen] == [b"\nfirst"[-6:], b"second"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "the connection was closed"),
        (b"HTTP/1.1 200", "the answer ends in its head"),
        (HEAD + b"Content-Length: 10\r\n\r\n{}", "the answer ends after 2 of 10 bytes"),
        (HEAD + b"Content-Length: ten\r\n\r\n{}", "invalid literal"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{}", "the answer ends after 2 of 255 bytes"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no answer of HTTP/1.1"),
    ],
)
def test_an_answer_that_is_not_whole_is_none_and_the_request_was_sent_once(answer, why):
    with serving(answer, keeps=False) as (connections, seen), pytest.raises(Unanswered, match=why):
        connections.post(b"{}", {}, 5)
    assert len(seen) == 1


def test_a_server_that_is_silent_is_waited_for_as_long_as_stated():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connections = Connections(f"http://127.0.0.1:{listening.getsockname()[1]}", 1)
        with pytest.raises(Unanswered, match="timed out"):
            connections.post(b"{}", {}, 0.1)


def test_where_nobody_listens_nothing_is_sent():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        Connections(f"http://127.0.0.1:{port}", 1).post(b"{}", {}, 1)


@pytest.mark.engine
def test_no_more_connections_are_open_than_stated(engine):
    """Through a real engine: 16 threads over 2 connections all get their answers."""
    connections = Connections(engine.endpoint_url, 2)
    headers = engine._headers | {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
    found: list[int] = []

    def ask() -> None:
        found.append(connections.post(b"{}", headers, 30)[0])
        assert len(connections._idle) <= 2

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 16
    connections.close()
