"""How much one client may take of a web server of ours: size of a request's head, time to send it, connections.

uvicorn's faster parser takes heads of any size, and neither of its parsers sets a time for a request to arrive: one
connection could take gigabytes, or a core for minutes, before anybody looks at who it is.
"""

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_BYTES = 64 * 1024
"""Of the request line with all header lines; the browsers' own limits for cookies and addresses are lower."""
REQUEST_SECONDS = 30.0
"""For a whole request to arrive, its body included."""
CONNECTIONS = 512
"""At a time. One more takes the place of the one that has been sending its request for the longest."""
_ARRIVING = (h11.IDLE, h11.SEND_BODY)


class LimitedProtocol(H11Protocol):
    """An HTTP/1.1 connection that closes when its request takes too long to arrive, or others need its place."""

    request_seconds = REQUEST_SECONDS
    most_connections = CONNECTIONS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            waiting = [each for each in self.connections if isinstance(each, LimitedProtocol) and each._deadline]
            oldest = min(waiting, key=lambda each: each._began, default=self)
            oldest.give_up()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._request_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes; from the first of a request on, the rest has `request_seconds` to arrive."""
        if self._deadline is None and self.conn.their_state is h11.IDLE:
            self._await_request()
        super().data_received(data)
        if self.conn.their_state not in _ARRIVING:
            self._request_arrived()

    def on_response_complete(self) -> None:
        """Go on with what follows on the connection; an idle one is uvicorn's to end."""
        self._request_arrived()
        super().on_response_complete()
        if self.conn.their_state in _ARRIVING and self.conn.trailing_data[0]:
            self._await_request()

    def give_up(self) -> None:
        """Close the connection at once, unanswered."""
        self._request_arrived()
        self.transport.abort()

    def _await_request(self) -> None:
        if self._deadline is None:
            self._began = self.loop.time()
            self._deadline = self.loop.call_later(self.request_seconds, self.give_up)

    def _request_arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


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
        h11_max_incomplete_event_size=HEAD_BYTES,
        log_level="warning",
        access_log=False,  # it would hold the addresses of pages, and those the codes of sign-ins
        server_header=False,
        proxy_headers=False,  # the app itself believes those that the settings trust, and no others
        **more,
    )
