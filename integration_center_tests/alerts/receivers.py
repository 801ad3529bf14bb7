"""Real receivers of alerts: a web server that checks signatures, and a mail server."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MailHandler
from pydantic import ValidationError

from integration_center_tests.alerts.shapes import SHAPES

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes!").decode()


@dataclass
class Receiver:
    """A web server. Paths that begin with `/hooks` want the signature of standardwebhooks.com.

    Attributes:
        answers: the status by path, where it is not 200.
        taken: path and document of what it took, in order.
        times: when it took them.
        notice: called with a moment and the sender's port, when it has a message and when it has answered.
    """

    url: str = ""
    answers: dict[str, int] = field(default_factory=dict)
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    retry_after: str | None = None
    times: list[datetime] = field(default_factory=list)
    notice: Callable[[Literal["unanswered", "answered"], int], None] = lambda moment, port: None

    def of(self, path: str) -> list[dict[str, Any]]:
        """What came to one path."""
        return [document for where, document in self.taken if where == path]

    def judge(self, path: str, headers: Any, body: bytes) -> int:
        """The status of an answer."""
        if path in self.answers:
            return self.answers[path]
        if not headers["content-type"].startswith("application/json"):
            return 415
        if path in SHAPES:
            try:
                SHAPES[path].model_validate_json(body)
            except ValidationError as error:
                self.faults.append(str(error))
                return 400
        if path.startswith("/hooks"):
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            key = base64.b64decode(SECRET.removeprefix("whsec_"))
            wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
            if headers["webhook-signature"] != f"v1,{wanted}" or json.loads(body)["id"] != headers["webhook-id"]:
                return 401
        return 202


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A running web server."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.judge(self.path, self.headers, body)
            if status < 300:
                receiver.taken.append((self.path, json.loads(body)))
                receiver.times.append(datetime.now(UTC))
                receiver.notice("unanswered", self.client_address[1])
            else:
                receiver.refused += 1
            self.send_response(status)
            self.send_header("content-length", "0")
            if receiver.retry_after is not None:
                self.send_header("retry-after", receiver.retry_after)
            with suppress(ConnectionError):  # the sender was killed
                self.end_headers()
                receiver.notice("answered", self.client_address[1])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """A mail server, and what it took."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)


@contextmanager
def receiving_mail() -> Iterator[Mailbox]:
    """A running mail server."""
    mailbox = Mailbox()

    class Keep(MailHandler):
        def handle_message(self, message: Mail) -> None:
            mailbox.mails.append(message)

    with socket.create_server(("127.0.0.1", 0)) as free:
        mailbox.port = free.getsockname()[1]
    controller = Controller(Keep(), hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
