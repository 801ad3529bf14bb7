"""Refuse requests to our web servers that come under a foreign name or from a page of another site.

Without this check any page that a person opens could use a server on this machine: by a picture, a form, a script, a
WebSocket, or a name of its own that leads to this machine (DNS rebinding). Sources: Fetch Metadata (W3C), RFC 9110.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
"""A Host as RFC 9110 has it; a URL parser would find `localhost` in `a@localhost` and `localhost:abc`, too."""
OTHER_SITES = frozenset({"cross-site", "same-site"})
PROXY_HEADERS = frozenset(
    {
        *("via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "client-ip", "x-remote-ip"),
        *("x-originating-ip", "x-original-host", "x-proxyuser-ip", "x-envoy-external-address", "x-appengine-user-ip"),
        *("cf-connecting-ip", "cf-connecting-ipv6", "cf-ray", "cdn-loop", "fastly-client-ip", "fly-client-ip"),
        *("x-azure-clientip", "x-azure-socketip", "x-arr-log-id", "x-amzn-trace-id", "x-cloud-trace-context"),
    }
)
"""Headers that proxies add to what they pass on, besides all that have `forwarded` in their names."""
READS = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}
STRICT_TRANSPORT = "max-age=31536000"


@dataclass(frozen=True)
class Door:
    """The addresses of one of our servers, and the texts and headers of its answers.

    Attributes:
        name: of the server, as its refusals say it.
        hosts: the names under which it may be asked for, in lower case, without ports.
        forwarded: whether requests may come through a proxy.
        forwarded_advice: what a refusal says to the person who set up a proxy.
        headers: of every answer, besides and instead of `HEADERS`; one that the answer brings itself stays.
    """

    name: str
    hosts: Collection[str]
    forwarded: bool
    forwarded_advice: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    text: str


def find_refusal(scope: Scope, door: Door) -> Refusal | None:
    """Judge a request by its head alone; None when it may come in.

    The server itself refuses changes that a page of another site sends as a form, because only it knows which requests
    change something.
    """
    headers = Headers(scope=scope)
    if {host_name(host) for host in headers.getlist("host")} - set(door.hosts) or "host" not in headers:
        names = ", ".join(sorted(door.hosts))
        return Refusal(421, f"This {door.name} answers only under these names: {names}.")
    if not door.forwarded and is_forwarded(scope, headers):
        return Refusal(403, f"This request came through a proxy. {door.forwarded_advice}")
    if scope["type"] == "websocket":
        elsewhere = is_from_elsewhere(headers)
    else:
        elsewhere = is_embedded_elsewhere(headers) or (scope["method"] in READS and names_other_origin(headers))
    if elsewhere:
        return Refusal(403, f"Another site may link to this {door.name}, but not embed or use it.")
    return None


class Shield:
    """ASGI middleware: security headers on every answer, and a refusal for what `find_refusal` turns away.

    Args:
        app: what comes after.
        door: where the server is reached.
        on_refusal: called with each refusal.
    """

    def __init__(
        self, app: ASGIApp, door: Door, on_refusal: Callable[[Scope, Refusal], None] = lambda scope, refusal: None
    ) -> None:
        self.app = app
        self.door = door
        self.on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return

        asked = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**HEADERS, **self.door.headers}.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https" and host_name(asked.get("host", "")) not in LOOPBACK_NAMES:
                    headers["strict-transport-security"] = STRICT_TRANSPORT
            await send(message)

        refusal = find_refusal(scope, self.door)
        if refusal is None:
            await self.app(scope, receive, send_with_headers)
            return
        self.on_refusal(scope, refusal)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the handshake gets HTTP 403
        else:
            await PlainTextResponse(refusal.text, status_code=refusal.status)(scope, receive, send_with_headers)


def host_name(host: str) -> str:
    """Return the name in a host: `localhost` for `localhost:3001`. Empty when it is no host."""
    found = HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else ""


def is_forwarded(scope: Scope, headers: Headers) -> bool:
    """Return whether a proxy passes the request on for another client.

    nginx adds no header unless it is set up to, but speaks HTTP/1.0 to what is behind it. Browsers speak 1.1.
    """
    names = {name.replace("_", "-") for name in headers}
    return scope.get("http_version") == "1.0" or any(name in PROXY_HEADERS or "forwarded" in name for name in names)


def is_embedded_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page asks for a part of its own: a picture, a frame, a fetch."""
    kind = headers.get("sec-fetch-mode", "navigate"), headers.get("sec-fetch-dest", "document")
    return not OTHER_SITES.isdisjoint(headers.getlist("sec-fetch-site")) and kind != ("navigate", "document")


def is_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page, or none that it names, sent the request."""
    return names_other_origin(headers) or not set(headers.getlist("sec-fetch-site")) <= {"same-origin", "none"}


def names_other_origin(headers: Headers) -> bool:
    """Whether a script or form of a page that is not ours sent the request. A link names no origin."""
    return any(_place_of(origin) != headers.get("host", "").lower() for origin in headers.getlist("origin"))


def _place_of(origin: str) -> str | None:
    """Return the host of an address: `localhost:3001` for `http://localhost:3001`. None when it is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
