"""Serve the one loopback request with which a browser returns from Salesforce's sign-in page (RFC 8252, 7.3)."""

import contextlib
import hmac
import html
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from integration_center.errors import AccessRefused, ConfigurationError, IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth.instances import is_loopback
from integration_center.salesforce.auth.token_errors import explain_refusal
from integration_center.wording.answers import UNKNOWN_CODE, read_code

Result = TypeVar("Result")
SIGN_IN_SECONDS = 300.0
CONNECTION_SECONDS = 2  # enough on this machine; an idle spare connection must not delay the end
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """The result of exchanging the code, and the sentence to show for it."""

    result: Result
    sentence: str


class CallbackServer(Generic[Result]):
    """A server that waits for one browser to return with the right state.

    A request with another state is refused and the wait continues, so that nobody can end a sign-in from outside.

    Args:
        callback_url: a loopback `http://` URL. With port 0 the server takes a free port, see `url`.
        environment: the environment that messages name.
        finish: turns the authorization code into a result; runs while the browser waits for its page.

    Raises:
        ConfigurationError: the URL is not a loopback URL, or its port is in use.
    """

    def __init__(
        self, callback_url: str, environment: Environment, finish: Callable[[SecretStr], Answer[Result]]
    ) -> None:
        parts = urlsplit(callback_url)
        if parts.scheme != "http" or not is_loopback(parts.hostname):
            raise ConfigurationError(
                "INTEGRATION_CENTER_CALLBACK_URL points to another machine, so the browser cannot come back to this"
                " command; connect in the web console, or use --flow client-credentials"
            )
        self._environment = environment
        self._finish = finish
        self._state = ""
        self._outcome: Future[Result] = Future()
        self._once = threading.Lock()
        self._path = parts.path or "/"
        # "localhost" may resolve to ::1 first; browsers then fall back to 127.0.0.1.
        host = "127.0.0.1" if str(parts.hostname).endswith("localhost") else str(parts.hostname)
        try:
            self._server = _LoopbackServer((host, 80 if parts.port is None else parts.port), self._build_handler())
        except OSError as error:
            raise ConfigurationError(
                f"port {parts.port} of INTEGRATION_CENTER_CALLBACK_URL cannot be opened ({error.strerror}); if the web"
                f" console runs there, connect in it: http://{parts.netloc}/accounts, + Add Account. Else stop the"
                " program that uses the port, or use --flow client-credentials"
            ) from error
        self.url = f"http://{parts.hostname}:{self._server.server_port}{self._path}"

    @contextlib.contextmanager
    def listening(self, state: str) -> Iterator[None]:
        """Accept browsers that return with `state`, until the end of the block."""
        self._state = state
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def wait(self, seconds: float = SIGN_IN_SECONDS) -> Result:
        """Wait for the browser and return the result of `finish`.

        Raises:
            AccessRefused: no browser returned in time, or access was denied.
            IntegrationCenterError: the error that `finish` raised.
        """
        try:
            return self._outcome.result(timeout=seconds)
        except TimeoutError:
            raise AccessRefused(
                f"nobody completed Salesforce's sign-in page within {seconds:.0f} seconds",
                command=f"start again: integration-center connect {self._environment.value}",
            ) from None

    def respond(self, target: str) -> tuple[HTTPStatus, str]:
        """Build the page for a request to `target` (path and query), and end the wait if the request completes it."""
        parts = urlsplit(target)
        if parts.path != self._path:
            return HTTPStatus.NOT_FOUND, render_page("Not found", "There is nothing here.")
        values = {name: found[0] for name, found in parse_qs(parts.query).items()}
        if not self._state or not hmac.compare_digest(values.get("state", "").encode(), self._state.encode()):
            return HTTPStatus.BAD_REQUEST, render_page(
                "Not connected", "This answer does not belong to the current sign-in. Nothing was changed."
            )
        if not self._once.acquire(blocking=False):
            return HTTPStatus.CONFLICT, render_page("Already used", "This sign-in is already complete.")
        try:
            answer = self._complete(values)
        except IntegrationCenterError as error:
            self._outcome.set_exception(error)
            return HTTPStatus.BAD_REQUEST, render_page("Not connected", str(error))
        except BaseException as error:
            self._outcome.set_exception(error)
            raise
        self._outcome.set_result(answer.result)
        return HTTPStatus.OK, render_page("Connected", f"{answer.sentence} You can close this page.")

    def _complete(self, values: dict[str, str]) -> Answer[Result]:
        if "error" in values:
            error, description = read_code(values["error"]) or UNKNOWN_CODE, values.get("error_description", "")
            raise explain_refusal(error, description, self._environment, sent=[values.get("state", "")])
        if not values.get("code"):
            raise AccessRefused("Salesforce's answer has no code; start the sign-in again")
        return self._finish(SecretStr(values["code"]))

    def _build_handler(self) -> type[BaseHTTPRequestHandler]:
        respond = self.respond

        class Handler(BaseHTTPRequestHandler):
            timeout = CONNECTION_SECONDS
            server_version = "IntegrationCenter"
            sys_version = ""

            def do_GET(self) -> None:
                status, page = respond(self.path)
                body = page.encode()
                self.send_response(status)
                for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing, because the request line holds the authorization code."""

        return Handler


class _LoopbackServer(ThreadingHTTPServer):
    # Threads, because browsers open spare connections, which would block a single-threaded server. The threads are
    # joined on close, so that the page is sent before the process ends.
    daemon_threads = False
    allow_reuse_address = True


def render_page(title: str, text: str) -> str:
    """Render a small HTML page. Both texts are escaped."""
    return PAGE.format(title=html.escape(title), text=html.escape(text))
