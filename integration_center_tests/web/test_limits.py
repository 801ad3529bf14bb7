"""How much one client may take of a web server of ours, over real connections."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from resource import RUSAGE_SELF, getrusage

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from integration_center.web.limits import BODY_BYTES, HEAD_BYTES, ImpatientLoop, LimitedProtocol, build_server_config

MEGABYTE = 1_000_000
NEVER = 600
HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = (
    b"GET /socket" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def answer(request: Request) -> PlainTextResponse:
    with suppress(ClientDisconnect):
        return PlainTextResponse(f"{len(await request.body())}")
    return PlainTextResponse("nobody reads this")


async def answer_unread(request: Request) -> PlainTextResponse:
    return PlainTextResponse("unread")


async def answer_at_length(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a" * 30 * MEGABYTE)


async def accept(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive()


@contextmanager
def served(protocol: type[LimitedProtocol] = LimitedProtocol) -> Iterator[int]:
    """A server within our limits; its port."""
    app = Starlette(
        routes=[
            Route("/", answer, methods=["GET", "POST"]),
            Route("/unread", answer_unread, methods=["POST"]),
            Route("/long", answer_at_length),
            WebSocketRoute("/socket", accept),
        ]
    )
    config = build_server_config(app, "127.0.0.1", 0)
    config.http = protocol
    config.timeout_keep_alive = NEVER  # so that what ends an idle connection is our limit
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
    ("begin", "repeated", "times", "end"),
    [
        (b"X-Long: ", b"a", 100 * MEGABYTE, b""),
        (b"", b"a:b\r\n", 40 * MEGABYTE // 5, b""),
        (b"Cookie: ", b"a", HEAD_BYTES + 100_000, b"\r\n\r\n"),
    ],
    ids=["one long line", "many short lines", "a little too much"],
)
def test_a_head_without_end_is_cut_off_at_once(begin: bytes, repeated: bytes, times: int, end: bytes) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + begin + repeated * times + end
    with served() as port:
        before = getrusage(RUSAGE_SELF)
        said = ask(port, request)
        after = getrusage(RUSAGE_SELF)
        assert b" 200 " not in said
        assert said == b"" or b" 431 " in said
        assert after.ru_utime - before.ru_utime < 2
        assert (after.ru_maxrss - before.ru_maxrss) / 1024 < 64  # MB
        assert b" 200 " in ask(port)


@pytest.mark.parametrize("size", [HEAD_BYTES, HEAD_BYTES + 30_000])
def test_a_head_that_arrives_at_once_is_measured_too(size: int) -> None:
    with served() as port:
        assert b" 431 " in ask(port, b"GET /" + HOST + b"X-Long: " + b"a" * size + b"\r\n\r\n")
        assert b" 431 " in ask(port, b"GET /?" + b"a" * size + HOST + b"\r\n")


@pytest.mark.sampled
@pytest.mark.parametrize("path", [b"/", b"/unread", b"/nowhere"])
@pytest.mark.parametrize("chunk", [b"10000\r\n" + b"a" * 65_536 + b"\r\n", b"1\r\na\r\n"], ids=["large", "tiny"])
def test_a_body_without_end_is_cut_off(path: bytes, chunk: bytes) -> None:
    request = b"POST " + path + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (100 * MEGABYTE // len(chunk))
    with served() as port:
        before = getrusage(RUSAGE_SELF)
        ask(port, request)
        after = getrusage(RUSAGE_SELF)
        assert after.ru_utime - before.ru_utime < 2
        assert (after.ru_maxrss - before.ru_maxrss) / 1024 < 64  # MB
        assert b" 200 " in ask(port)


def test_a_body_that_says_that_it_is_too_large_is_refused() -> None:
    with served() as port:
        length = f"Content-Length: {BODY_BYTES + MEGABYTE}\r\nConnection: close\r\n\r\n".encode()
        assert b" 200 " not in ask(port, b"POST /" + HOST + length + b"a" * (BODY_BYTES + MEGABYTE))
        length = f"Content-Length: {BODY_BYTES}\r\nConnection: close\r\n\r\n".encode()
        assert ask(port, b"POST /" + HOST + length + b"a" * BODY_BYTES).endswith(str(BODY_BYTES).encode())


def test_a_long_address_is_cut_off_too() -> None:
    with served() as port:
        assert b" 200 " not in ask(port, b"GET /?" + b"a" * MEGABYTE + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_ordinary_requests_arrive_in_pieces_and_one_after_another() -> None:
    with served() as port, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for number in range(3):
            for piece in (b"POST / HT", b"TP/1.1\r\nHost: localhost\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd"):
                connection.sendall(piece)
            received = b""
            while not received.endswith(b"\r\n\r\n4"):  # head and body may arrive one after the other
                part = connection.recv(65536)
                assert part, (number, received)
                received += part


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
        b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
        UPGRADE[:-2],
    ],
    ids=[
        *("nothing", "half a head", "half a body", "chunks without end", "half a second request"),
        *("half a body that nobody reads", "half a handshake"),
    ],
)
def test_a_request_that_does_not_arrive_ends_its_connection(begun: bytes) -> None:
    with served(Hurried) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(begun)
        read_all(connection)


class Watched(Hurried):
    lost = threading.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


def test_a_client_that_does_not_read_its_answer_is_left() -> None:
    with served(Watched) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /long" + HOST + b"\r\n")
        assert Watched.lost.wait(20)


def test_a_websocket_stays_open() -> None:
    with served(Hurried) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(UPGRADE)
        assert b" 101 " in connection.recv(65536)
        assert select.select([connection], [], [], 3 * Hurried.request_seconds)[0] == []


class Small(LimitedProtocol):
    most_connections = 20
    most_websockets = 10


def test_websockets_leave_places_to_others() -> None:
    with served(Small) as port, ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(15)]
        said = []
        for connection in sockets:
            connection.sendall(UPGRADE)
            said.append(connection.recv(65536).split()[1])
        assert said == [b"101"] * 10 + [b"503"] * 5
        assert b" 200 " in ask(port)


def test_connections_that_wait_for_another_request_leave_their_places() -> None:
    with served(Small) as port, ExitStack() as stack:
        for _ in range(25):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            connection.sendall(b"GET /" + HOST + b"\r\n")
            assert b" 200 " in connection.recv(65536)


def test_servers_wait_for_tls_only_shortly() -> None:
    config = build_server_config(Starlette(), "127.0.0.1", 0)
    assert config.get_loop_factory() is ImpatientLoop


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
