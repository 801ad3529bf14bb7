"""What every answer and every change must satisfy: headers, the Host, where a form came from, its token."""

import hmac
import re
from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, ImmutableMultiDict, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_FIELD = "csrf_token"  # noqa: S105 - the name of a form's field
LARGEST_FORM = 1_000_000
MOST_FIELDS = 5_000
FORM = "application/x-www-form-urlencoded"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
"""A Host as RFC 9110 has it; a URL parser would find `localhost` in `a@localhost` and `localhost:abc`, too."""
OTHER_SITES = frozenset({"cross-site", "same-site"})

Form = ImmutableMultiDict[str, str]

HEADERS = {
    # No inline script or style: what an org or a report holds can never run, even where escaping were missed.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Shield:
    """ASGI middleware: security headers on every answer; a Host that is not ours, or another site's page, gets none.

    The Host check stops a page elsewhere that lets its own name point to this machine (DNS rebinding). Another site may
    link here, but not embed or fetch: its pictures would spend an org's calls, and without sign-in no cookie stops it.

    Args:
        app: what comes after.
        hosts: the names under which the console may be asked for, without ports.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        if {host_name(host) for host in headers.getlist("host")} - self.hosts or "host" not in headers:
            names = ", ".join(sorted(self.hosts))
            refusal = PlainTextResponse(f"This console answers only under these names: {names}.", status_code=421)
            await refusal(scope, receive, send_with_headers)
        elif is_embedded_elsewhere(headers):
            refusal = PlainTextResponse("Another site may link to this console, but not embed it.", status_code=403)
            await refusal(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)


def host_name(host: str) -> str:
    """`localhost` of `localhost:3001`; empty when it is no host."""
    found = HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else ""


def is_embedded_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page asks for a part of its own: a picture, a frame, a fetch."""
    kind = headers.get("sec-fetch-mode", "navigate"), headers.get("sec-fetch-dest", "document")
    return headers.get("sec-fetch-site") in OTHER_SITES and kind != ("navigate", "document")


async def read_form(request: Request) -> Form:
    """The form of a change, once it is sure that our own page sent it.

    Raises:
        HTTPException: 403 when it came from elsewhere or without the session's token, 413 or 415 when it is no form
            of ours.
    """
    refuse_other_origins(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, "Only forms are accepted here.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, "The form is too large.")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None
    form = Form(fields)
    given = form.get(TOKEN_FIELD, "")
    if not hmac.compare_digest(given.encode(), request.state.session.csrf.encode()):
        raise HTTPException(
            403, "This page had been open for too long, or the form did not come from here. Go back, reload, try again."
        )
    return form


def refuse_other_sites(request: Request) -> None:
    """Refuse a page that another site leads to: for those that note something down when they are opened.

    Raises:
        HTTPException: 403.
    """
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise HTTPException(403, "Another site led here. Open this page from the console itself.")


def refuse_other_origins(request: Request) -> None:
    """Refuse what a browser says another site sent; clients that say nothing still need the token.

    Raises:
        HTTPException: 403.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    same = origin is None or _place_of(origin) == request.headers.get("host", "").lower()
    if not same or site not in {None, "same-origin", "none"}:
        raise HTTPException(403, "The form did not come from this console.")


def _place_of(origin: str) -> str | None:
    """`localhost:3001` of `http://localhost:3001`; None when it is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
