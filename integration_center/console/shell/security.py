"""What every change in the console must satisfy: where its form came from, its size, its token."""

import hmac
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from integration_center.web.shield import is_from_elsewhere

TOKEN_FIELD = "csrf_token"  # noqa: S105 - the name of a form's field
LARGEST_FORM = 1_000_000
MOST_FIELDS = 5_000
FORM = "application/x-www-form-urlencoded"

Form = ImmutableMultiDict[str, str]

HEADERS = {
    # No inline script or style: what an org or a report holds can never run, even where escaping were missed.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cache-control": "no-store",
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class StaleToken(HTTPException):
    """A form without the token of the session: of a page that was open for too long, or of nobody we know."""


async def read_form(request: Request) -> Form:
    """The form of a change, once it is sure that our own page sent it.

    Raises:
        StaleToken: 403, it has not the session's token.
        HTTPException: 403 when it came from elsewhere, 413 or 415 when it is no form of ours.
    """
    refuse_other_origins(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, "Only forms are accepted here.")
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_FORM:
                raise HTTPException(413, "The form is too large.")
    except ClientDisconnect:
        raise HTTPException(400, "The form did not arrive as a whole.") from None
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None
    form = Form(fields)
    given = form.get(TOKEN_FIELD, "")
    if not hmac.compare_digest(given.encode(), request.state.session.csrf.encode()):
        raise StaleToken(
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
    if is_from_elsewhere(request.headers):
        raise HTTPException(403, "The form did not come from this console.")
