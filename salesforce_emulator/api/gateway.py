"""What every request passes before its route: size limits, faults, compression, the edge's headers, the call log."""

import asyncio
import gzip
import json
import secrets
from email.utils import format_datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from salesforce_emulator.faults import Hold, HttpFault
from salesforce_emulator.org.calls import KEPT_HEADERS, CallRecord
from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import Refusal

MAX_URI = 16_384
SMALLEST_COMPRESSED = 1_024
_EDGE_HEADERS = (
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"x-robots-tag", b"none"),
    (b"cache-control", b"no-cache,must-revalidate,max-age=0,no-store,private"),
    (b"vary", b"Accept-Encoding"),
    (b"server", b"sfdcedge"),
    (b"x-sfdc-edge-cache", b"none"),
)


class Gateway:
    """Wraps the routes of an org."""

    def __init__(self, app: ASGIApp, org: Org) -> None:
        self._app = app
        self._org = org

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith("/__emulator__"):
            await self._app(scope, receive, send)
            return
        await _Exchange(self._app, self._org, scope, receive, send).run()


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: ASGIApp, org: Org, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._org = org
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        self._bytes_in = 0
        self._status = 0
        self._response_headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._arrived: list[Message] = []

    async def run(self) -> None:
        faults = {item.kind: item for item in self._org.faults.take_http(self._scope["method"], self._scope["path"])}
        if "delay" in faults:
            await asyncio.sleep(faults["delay"].seconds)
        if "expire" in faults:
            self._org.sessions.expire_access()
        drop, hold = faults.get("drop"), faults.get("hold")
        if drop is not None and drop.when == "during":
            await self._count_received()  # the first piece of the request, or all of a small one
        if drop is not None and drop.when != "after":
            await self._disconnect()
            return
        if hold is not None and hold.when == "before":
            await self._keep_request()
            if not await self._hold(hold):
                return
        respond = faults.get("respond")
        if respond is not None and respond.when == "before":
            await self._drain()
            self._respond(respond)
        elif (refusal := self._check_size()) is not None:
            await self._drain()
            self._status = refusal.status
            self._response_headers = [(b"content-type", b"application/json;charset=UTF-8")]
            self._body += json.dumps(refusal.body()).encode()
        else:
            await self._app(self._scope, self._give_request, self._keep)
            if respond is not None:
                self._body.clear()
                self._respond(respond)
        if drop is not None:
            await self._disconnect()
            return
        if hold is not None and hold.when == "after" and not await self._hold(hold):
            return
        if "corrupt" in faults:
            del self._body[faults["corrupt"].keep_bytes :]
        await self._finish(faults.get("truncate"))

    async def _keep_request(self) -> None:
        """Read the request to its end and keep it, so that what comes after it is the caller's leaving."""
        more = True
        while more:
            self._arrived.append(message := await self._count_received())
            more = message["type"] == "http.request" and message.get("more_body", False)

    async def _give_request(self) -> Message:
        return self._arrived.pop(0) if self._arrived else await self._count_received()

    async def _hold(self, hold: HttpFault) -> bool:
        """Wait until the call is let go; False when its caller left before that."""
        released = asyncio.ensure_future((hold.held or Hold()).wait())
        leaving = asyncio.ensure_future(self._wait_for_leaving())
        await asyncio.wait([released, leaving], return_when=asyncio.FIRST_COMPLETED)
        let_go = released.done()
        for waiting in (released, leaving):
            waiting.cancel()
        if not let_go:
            self._status = 0
            self._log(0)
        return let_go

    async def _wait_for_leaving(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _check_size(self) -> Refusal | None:
        query = self._scope["query_string"]
        uri = len(self._scope["raw_path"]) + len(query) + bool(query)
        if uri > MAX_URI:
            return Refusal(414, "URI_TOO_LONG", "The URI exceeds 16,384 bytes")
        if uri + sum(len(key) + len(value) + 4 for key, value in self._scope["headers"]) > MAX_URI:
            return Refusal(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The URI and headers exceed 16,384 bytes")
        return None

    async def _count_received(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._bytes_in += len(message.get("body", b""))
        return message

    async def _drain(self) -> None:
        """Read the request to its end, so that the client hears the answer and not a reset."""
        while True:
            message = await self._count_received()
            if message["type"] != "http.request" or not message.get("more_body", False):
                return

    async def _keep(self, message: Message) -> None:
        """Hold the answer back until it is known what becomes of it."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._response_headers = [
                (key, value) for key, value in message["headers"] if key.lower() != b"content-length"
            ]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def _respond(self, fault: HttpFault) -> None:
        self._status = fault.status
        self._response_headers = [(key.encode(), value.encode()) for key, value in fault.headers.items()]
        self._body += fault.body.encode()

    async def _finish(self, truncate: HttpFault | None) -> None:
        body = bytes(self._body)
        headers = list(self._response_headers)
        if len(body) >= SMALLEST_COMPRESSED and "gzip" in self._headers.get("accept-encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, 1)
            headers.append((b"content-encoding", b"gzip"))
        request_id = secrets.token_hex(16).encode()
        sent = {key.lower() for key, _ in headers}
        headers.extend((key, value) for key, value in _EDGE_HEADERS if key not in sent)
        # The org's own time: a client takes its watermarks from it, not from the machine's clock.
        headers.append((b"date", format_datetime(self._org.clock.now(), usegmt=True).encode()))
        headers.extend([(b"x-sfdc-request-id", request_id), (b"x-request-id", request_id)])
        if self._status not in (204, 304):
            headers.append((b"content-length", str(len(body)).encode()))
        part = body if truncate is None else body[: truncate.keep_bytes]
        self._log(len(part))
        await self._send({"type": "http.response.start", "status": self._status, "headers": headers})
        await self._send({"type": "http.response.body", "body": part, "more_body": truncate is not None})
        if truncate is not None:
            await self._close_transport(abort=False)

    async def _disconnect(self) -> None:
        self._status = 0
        self._log(0)
        await self._close_transport(abort=True)

    async def _close_transport(self, *, abort: bool) -> None:
        """Close the socket under uvicorn, which has no other way to hang up on a client."""
        transport: Any = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is None:
            raise RuntimeError("The server gives no access to the connection.")
        if abort:
            transport.abort()
        else:
            transport.close()
        await self._wait_for_leaving()

    def _log(self, bytes_out: int) -> None:
        headers = {name: self._headers[name] for name in KEPT_HEADERS if name in self._headers}
        if "authorization" in headers:
            headers["authorization"] = headers["authorization"].partition(" ")[0]
        self._org.calls.add(
            CallRecord(
                method=self._scope["method"],
                path=self._scope["path"],
                query=self._scope["query_string"].decode("latin-1"),
                status=self._status,
                bytes_in=self._bytes_in,
                bytes_out=bytes_out,
                headers=headers,
                at=self._org.clock.now(),
            )
        )
