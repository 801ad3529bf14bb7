"""What a person reads when a request fails: what is wrong and what to do, never a stack trace."""

import logging
import secrets
import traceback
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_center.console.naming import mark_names
from integration_center.console.plain_words import say_error
from integration_center.console.shell.context import console_of
from integration_center.console.shell.rendering import render
from integration_center.errors import (
    AccessRefused,
    AccountError,
    IntegrationCenterError,
    LimitExceeded,
    NotConnected,
    ObjectBusy,
    OrgError,
    PlanError,
    RateLimited,
    ReportError,
    SchemaMismatch,
    SignInRefused,
    Stopped,
    TransientError,
)
from integration_center.wording.sentences import capitalize_first

logger = logging.getLogger(__name__)

SIGNPOSTS: tuple[tuple[type[IntegrationCenterError], int, str, str, str], ...] = (
    (SignInRefused, 403, "You cannot sign in", "/sign-in", "Go to the sign-in"),
    (NotConnected, 409, "No account is connected", "/accounts", "Go to Accounts"),
    (AccessRefused, 409, "Salesforce refused access", "/accounts", "Go to Accounts"),
    (AccountError, 409, "The account cannot be used", "/accounts", "Go to Accounts"),
    (ReportError, 502, "The report cannot be used", "/", "Go to Integrations"),
    (SchemaMismatch, 409, "The object or a field does not fit", "/", "Go to Integrations"),
    (LimitExceeded, 503, "The org's API calls are used up", "/accounts", "Go to Accounts"),
    (OrgError, 502, "Salesforce refused the request", "/accounts", "Go to Accounts"),
    (Stopped, 409, "Everything is stopped", "/", "Go to Integrations"),
    (PlanError, 409, "The plan cannot be used", "/log", "Go to the log"),
    (ObjectBusy, 409, "The object is busy", "/log", "Go to the log"),
    (RateLimited, 503, "Please try again in a while", "", "Try again"),
    (TransientError, 503, "That did not work just now", "", "Try again"),
    (IntegrationCenterError, 409, "That cannot be done yet", "/", "Go to Integrations"),
)
"""By error: the status, the headline, where to go on and what that link says; an empty link is the same page again."""


HEADLINES = {
    400: "That cannot be read",
    403: "You may not do that",
    405: "That page takes no such request",
    409: "That cannot be done now",
    413: "That is too much at once",
}
"""By status, for refusals that come from the request alone."""


def find_signpost(error: IntegrationCenterError) -> tuple[int, str, str, str]:
    """Of one of our errors: status, headline, where to go on (empty: the same page), and what that link says."""
    return next(post[1:] for post in SIGNPOSTS if isinstance(error, post[0]))


def show_error(request: Request, error: IntegrationCenterError) -> Response:
    """The page of one of our own errors, whose text is a sentence that says what to do."""
    status, headline, link, says = find_signpost(error)
    again = request.url.path if request.method == "GET" else "/"
    detail = mark_names(console_of(request), capitalize_first(say_error(error)))
    return render_fault(request, status, headline, detail, link or again, says)


def show_http_error(request: Request, error: HTTPException) -> Response:
    """The page of a 403, 404, 405 and the like."""
    phrase = HTTPStatus(error.status_code).phrase
    headline = HEADLINES.get(error.status_code, phrase)
    detail = error.detail if error.detail != phrase else ""
    if error.status_code == 404:
        headline, detail = "There is no such page", detail or "It may have been deleted or renamed."
    return render_fault(request, error.status_code, headline, detail, "/", "Go to Integrations")


def show_unexpected(request: Request, error: Exception) -> Response:
    """The page of a mistake of ours. Its text may quote values, so only its type and place go to the log."""
    reference = secrets.token_hex(4)
    place = "".join(traceback.format_tb(error.__traceback__))
    path = quote(request.scope["path"])  # with a line's end in it, anybody could write lines of the log
    logger.error("error %s: %s at %s\n%s", reference, type(error).__name__, path, place)
    detail = (
        f"This is a mistake of the Integration Center. The console's own log says more under the number {reference};"
        " give it to the server admin."
    )
    return render_fault(request, 500, "Something went wrong", detail, "/", "Go to Integrations")


def render_fault(request: Request, status: int, headline: str, detail: str, link: str, says: str) -> Response:
    """The page of a failed request."""
    values = {"status": status, "headline": headline, "detail": detail, "link": link, "says": says}
    return render(request, "fault.html", values, status=status)
