"""How much one client may take of a web server of ours, over real connections."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from resource import RUSAGE_SELF, getrusage

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from integration_center.web.limits import HEAD_BYTES, LimitedProtocol, build_server_config

MEGABYTE = 1_000_000


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{len(await request.body())}")


@contextmanager
def served(protocol: type[LimitedProtocol] = LimitedProtocol) -> Iterator[int]:
    """A server within our limits; its port."""
    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    config = build_server_config(app, "127.0.0.1", 0)
    config.http = protocol
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def ask(port: int, request: bytes = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") -> bytes:
    """Send as much as the server takes, and read until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it had enough
            connection.sendall(request)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"a" * 100 * MEGABYTE,
        b"a:b\r\n" * (40 * MEGABYTE // 5),
        b"Cookie: " + b"a" * (HEAD_BYTES + 100_000) + b"\r\n\r\n",
    ],
    ids=["one long line", "many short lines", "a little too much"],
)
def test_a_head_without_end_is_cut_off_at_once(head: bytes) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + head
    with served() as port:
        before = getrusage(RUSAGE_SELF)
        said = ask(port, request)
        after = getrusage(RUSAGE_SELF)
        assert b" 200 " not in said
        assert after.ru_utime - before.ru_utime < 2
        assert (after.ru_maxrss - before.ru_maxrss) / 1024 < 64  # MB
        assert b" 200 " in ask(port)


def test_a_long_address_is_cut_off_too() -> None:
    with served() as port:
        assert b" 200 " not in ask(port, b"GET /?" + b"a" * MEGABYTE + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_ordinary_requests_arrive_in_pieces_and_one_after_another() -> None:
    with served() as port, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for number in range(3):
            for piece in (b"POST / HT", b"TP/1.1\r\nHost: localhost\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd"):
                connection.sendall(piece)
            assert connection.recv(65536).endswith(b"4"), number


class Hurried(LimitedProtocol):
    request_seconds = 0.2


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: loc",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHo",
    ],
    ids=["nothing", "half a head", "half a body", "chunks without end", "half a second request"],
)
def test_a_request_that_does_not_arrive_ends_its_connection(begun: bytes) -> None:
    with served(Hurried) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        began = time.monotonic()
        connection.sendall(begun)
        read_all(connection)
        assert time.monotonic() - began < 4  # uvicorn's own limit for an idle connection is five


class Small(LimitedProtocol):
    most_connections = 20


def test_half_open_connections_keep_nobody_out() -> None:
    with served(Small) as port, ExitStack() as stack:
        half_open = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(60)]
        for connection in half_open:
            connection.sendall(b"GET / HTTP/1.1\r\nHost")
        assert b" 200 " in ask(port)
        ended: set[socket.socket] = set()
        while len(ended) < 40:  # the others keep the places there are
            readable, _, _ = select.select([each for each in half_open if each not in ended], [], [], 20)
            assert readable, f"only {len(ended)} gave up their places"
            ended |= set(readable)
