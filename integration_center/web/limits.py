"""How much one client may take of a web server of ours: sizes, times, connections.

uvicorn's faster parser takes heads of any size, and neither of its parsers limits bodies or the time for a request to
arrive: one connection could take gigabytes, or a core for minutes, before anybody looks at who it is.
"""

import asyncio
import resource
from http import HTTPStatus
from typing import Any, NoReturn

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_BYTES = 64 * 1024
"""Of the request line with all header lines; the browsers' own limits for cookies and addresses are lower."""
BODY_BYTES = 4_000_000
"""Of a request's body; the console's forms and the UI's GraphQL stay far below."""
LEAST_PIECE = 512
"""Bytes that each piece of a body counts for: parsing a million chunks of one byte takes a core for half a minute."""
REQUEST_SECONDS = 30.0
"""For a whole request to arrive, its body included; and for a client to take some more of its answer."""
CONNECTIONS = 256
"""At a time. One more takes the place of the one that has been waiting for its client for the longest."""
WEBSOCKETS = 64
"""Of these connections. A WebSocket stays open, and each tab of the Dagster UI has one."""
WEBSOCKET_MESSAGE_BYTES = 1_000_000
HANDSHAKE_SECONDS = 10.0
"""For TLS to begin; asyncio itself waits for a minute. Such a connection is none of the `CONNECTIONS` yet."""
OPEN_FILES = 4_096
"""Asked of the system, which may allow a process 256 or 1,024 of them unless it asks for more."""
BACKLOG = 128
"""Connections that the system accepts for us before we look: each is an open file, too."""
SHUTDOWN_SECONDS = 10
_ANSWERABLE = (h11.IDLE, h11.SEND_RESPONSE)


class LimitedConnection(h11.Connection):
    """The parser of one connection. It refuses a head or a body that is too large, however its bytes arrive.

    Attributes:
        refusal: the HTTP status that says what was wrong with the request.
    """

    refusal: int = HTTPStatus.BAD_REQUEST
    _body = 0

    def next_event(self) -> Any:
        """Return the next part of a request.

        Raises:
            h11.RemoteProtocolError: the request is malformed or too large.
        """
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = error.error_status_hint
            raise
        if isinstance(event, h11.Request):
            # h11 limits what it waits for, but not a head that is there as a whole.
            self._body = 0
            if measure_head(event) > HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif isinstance(event, h11.Data):
            self._body += max(len(event.data), LEAST_PIECE)
            if self._body > BODY_BYTES:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return event

    def _refuse(self, status: HTTPStatus) -> NoReturn:
        self.refusal = status
        raise h11.RemoteProtocolError(status.phrase, error_status_hint=status)


def measure_head(request: h11.Request) -> int:
    """Count the bytes of a request's line and headers."""
    return len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)


class LimitedProtocol(H11Protocol):
    """An HTTP/1.1 connection that closes when its request takes too long to arrive, or others need its place."""

    request_seconds = REQUEST_SECONDS
    most_connections = CONNECTIONS
    most_websockets = WEBSOCKETS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn: LimitedConnection = LimitedConnection(h11.SERVER, HEAD_BYTES)
        self._deadline: asyncio.TimerHandle | None = None
        self._upgraded = False
        self._since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        open_ = [each for each in self.connections if not each.transport.is_closing()]
        if len(open_) > self.most_connections:
            others = [each for each in open_ if isinstance(each, LimitedProtocol) and each is not self]
            waiting = (each for each in others if each.waits_for_client)
            min(waiting, key=lambda each: each._since, default=self).give_up()
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes; from the first of a request on, the rest has `request_seconds` to arrive."""
        super().data_received(data)
        self._watch_request()

    def on_response_complete(self) -> None:
        """Go on with what follows on the connection; uvicorn itself ends one that stays idle."""
        self._since = self.loop.time()
        super().on_response_complete()
        self._watch_request()

    def pause_writing(self) -> None:
        """Give a client that does not read its answer `request_seconds` to go on."""
        super().pause_writing()
        self._start_deadline()

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        self._stop_deadline()
        self._watch_request()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over, unless there are too many WebSockets already."""
        self._stop_deadline()
        self._upgraded = True
        if sum(not isinstance(each, LimitedProtocol) for each in self.connections) < self.most_websockets:
            super().handle_websocket_upgrade(event)
        else:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser refused, with its status; an answer under way is cut off."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._answer(self.conn.refusal)

    @property
    def waits_for_client(self) -> bool:
        """Whether nothing is being done for the client just now."""
        return self._deadline is not None or self.cycle is None or self.cycle.response_complete

    def give_up(self) -> None:
        """Close the connection at once, unanswered."""
        self._stop_deadline()
        self.transport.abort()

    def _answer(self, status: int) -> None:
        """Say why the request is not taken, if an answer can still begin, and close."""
        if self.conn.our_state not in _ANSWERABLE:
            self.give_up()
            return
        headers = [(b"connection", b"close"), (b"content-length", b"0")]
        response = h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase)
        self.transport.write((self.conn.send(response) or b"") + (self.conn.send(h11.EndOfMessage()) or b""))
        self.transport.close()

    def _watch_request(self) -> None:
        """Let the deadline run exactly while a part of a request, or room for an answer, is still to come."""
        state = self.conn.their_state
        arriving = state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))
        if self._upgraded or self.flow.write_paused:
            return
        if arriving:
            self._start_deadline()
        else:
            self._stop_deadline()

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._since = self.loop.time()
            self._deadline = self.loop.call_later(self.request_seconds, self.give_up)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class ImpatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers end a connection on which TLS does not begin. uvicorn has no option for that."""

    async def create_server(self, *arguments: Any, **named: Any) -> asyncio.Server:
        """Create a server."""
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = HANDSHAKE_SECONDS
        return await super().create_server(*arguments, **named)


def build_server_config(app: ASGIApp, host: str, port: int, **more: Any) -> uvicorn.Config:
    """How uvicorn serves `app` within these limits, and says nothing of itself or of the addresses it is asked for.

    Args:
        app: what answers.
        host: the address to listen on.
        port: its port.
        more: other options of uvicorn.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=LimitedProtocol,
        loop=f"{__name__}:{ImpatientLoop.__name__}",
        ws_max_size=WEBSOCKET_MESSAGE_BYTES,
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        log_level="warning",
        access_log=False,  # it would hold the addresses of pages, and those the codes of sign-ins
        server_header=False,
        proxy_headers=False,  # the app itself believes those that the settings trust, and no others
        **more,
    )


def run_server(config: uvicorn.Config) -> None:
    """Serve until SIGINT or SIGTERM, with as many open files as the connections may need."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    uvicorn.Server(config).run()
