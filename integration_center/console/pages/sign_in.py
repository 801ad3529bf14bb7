"""Signing in to the console, and out."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.attempts import Attempts
from integration_center.access.audit import Action
from integration_center.access.common_passwords import is_common
from integration_center.access.passwords import find_user
from integration_center.access.refused_attempts import NOBODY, RefusedAttempt
from integration_center.access.sessions import ConsoleSessions
from integration_center.console.shell.context import address_of, console_of
from integration_center.console.shell.page import SIGN_IN, Page, change, form_of, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.users import SESSION_TOKEN, users_of
from integration_center.errors import RateLimited

WRONG = "the name or the password is wrong"
COMMON = (
    "this password is a common one, so it is not accepted any more; whoever looks after this installation makes"
    " another with: integration-center password NAME"
)
COMMON_NOTED = "the password is right but a common one"
TOO_MANY = "too many sign-ins failed, so the password was not looked at"


def show_sign_in(request: Request) -> Response:
    """The form."""
    if request.state.user is not None:
        return redirect(request, safe_path(request.query_params.get("next", "/")))
    return render(request, "sign_in.html", {"next": request.query_params.get("next", "/"), "name": "", "wrong": None})


def sign_in(request: Request) -> Response:
    """Compare the password, and begin a session: a new one, whatever session the browser had."""
    installation = console_of(request).installation
    form, address = form_of(request), address_of(request)
    name, password, onward = (str(form.get(field, "")) for field in ("name", "password", "next"))
    users, attempts = users_of(installation), Attempts(installation.engine)
    if not users:  # nobody has to sign in
        return redirect(request, "/")
    known = users.get(name.strip().lower())
    who = known.name if known else NOBODY

    def refuse(wrong: str, status: int, refusal: RefusedAttempt) -> Response:
        request.state.refusal = refusal
        return render(request, "sign_in.html", {"next": onward, "name": name, "wrong": wrong}, status=status)

    try:
        attempts.admit(name, address)
    except RateLimited as error:
        answer = refuse(str(error), 429, RefusedAttempt(Action.SIGN_IN_REFUSED, who, TOO_MANY))
        answer.headers["retry-after"] = str(int(error.retry_after or 60))
        return answer
    user = find_user(users, name, password)
    if user is None:
        return refuse(WRONG, 403, RefusedAttempt(Action.SIGN_IN_REFUSED, who, WRONG, alone=True))
    if is_common(password, user.name):
        return refuse(COMMON, 403, RefusedAttempt(Action.SIGN_IN_REFUSED, who, COMMON_NOTED, alone=True))
    attempts.forget(name, address)
    attempts.remember(name, address)
    request.state.session.renew()
    request.state.session.set(SESSION_TOKEN, ConsoleSessions(installation.engine).begin(user))
    installation.audit.record(Action.SIGNED_IN, who=user.name, where=address)
    return redirect(request, safe_path(onward))


def sign_out(request: Request) -> Response:
    """End the session, here and in the browser."""
    installation = console_of(request).installation
    user = request.state.user
    ConsoleSessions(installation.engine).end(request.state.session.get(SESSION_TOKEN, ""))
    request.state.session.renew()
    if user is not None:
        installation.audit.record(Action.SIGNED_OUT, who=user.name, where=address_of(request))
    return redirect(request, SIGN_IN, "You are signed out.")


def safe_path(path: str) -> str:
    """`path` when it is a page of ours, else the front page: nobody is sent elsewhere after signing in."""
    try:
        parts = urlsplit(path)
    except ValueError:  # such as `//[`
        return "/"
    ours = path.startswith("/") and not parts.scheme and not parts.netloc and "\\" not in path and path.isprintable()
    return path if ours and not path.startswith("//") else "/"


PAGE = Page(
    routes=(
        view(SIGN_IN, show_sign_in, role=None),
        change(SIGN_IN, sign_in, role=None),
        change("/sign-out", sign_out, role=None),
    )
)
