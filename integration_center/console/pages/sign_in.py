"""Signing in to the console, and out."""

from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from integration_center.access.attempts import Attempts
from integration_center.access.audit import Action
from integration_center.access.common_passwords import is_common
from integration_center.access.identities import Method
from integration_center.access.passwords import find_user
from integration_center.access.refused_attempts import NOBODY, RefusedAttempt
from integration_center.access.sessions import ConsoleSessions
from integration_center.console.plain_words import say_error
from integration_center.console.shell.context import address_of, console_of
from integration_center.console.shell.origins import find_callback_origin
from integration_center.console.shell.page import SIGN_IN, Page, change, form_of, view
from integration_center.console.shell.rendering import leave_for, redirect, render
from integration_center.console.shell.signing_in import METHOD, admit, admit_user, safe_path
from integration_center.console.shell.users import SESSION_TOKEN, users_of
from integration_center.errors import RateLimited, SignInRefused

WRONG = "the name or the password is wrong"
COMMON = "this password is a common one, so it is not accepted any more; ask an admin for another"
COMMON_NOTED = "the password is right but a common one"
OUT = "out"
"""The query of the page after somebody signed out, which must not sign them in again."""
TOO_MANY = "too many sign-ins failed, so the password was not looked at"


def show_sign_in(request: Request) -> Response:
    """The ways to sign in. Where a proxy says who somebody is, that is believed at once, unless they signed out."""
    onward = request.query_params.get("next", "/")
    if request.state.user is not None:
        return redirect(request, safe_path(onward))
    console = console_of(request)
    headers = console.signed_headers
    given = request.headers.get(console.installation.settings.proxy_header) if headers else None
    if headers is not None and given is not None and OUT not in request.query_params:
        try:
            admit(request, headers.take(given))
        except SignInRefused as error:
            request.state.refusal = RefusedAttempt(Action.SIGN_IN_REFUSED, NOBODY, str(error))
            return show_form(request, onward, wrong=say_error(error), status=403)
        return redirect(request, safe_path(onward))
    return show_form(request, onward)


def show_form(
    request: Request, onward: str, *, name: str = "", wrong: str | None = None, status: int = 200
) -> Response:
    """Show the ways to sign in that this console has."""
    installation = console_of(request).installation
    values = {
        "next": onward,
        "name": name,
        "wrong": wrong,
        "passwords": bool(users_of(installation)),
        "provider": installation.settings.has_provider,
        "onward": urlencode({"next": safe_path(onward)}),
    }
    return render(request, "sign_in.html", values, status=status)


def sign_in(request: Request) -> Response:
    """Compare the password, and begin a session: a new one, whatever session the browser had."""
    installation = console_of(request).installation
    form, address = form_of(request), address_of(request)
    name, password, onward = (str(form.get(field, "")) for field in ("name", "password", "next"))
    users, attempts = users_of(installation), Attempts(installation.engine)
    if not users and not installation.settings.has_sign_in:  # nobody has to sign in
        return redirect(request, "/")
    if not users:
        raise HTTPException(403, "Nobody signs in by name and password here.")
    known = users.get(name.strip().lower())
    who = known.name if known else NOBODY

    def refuse(wrong: str, status: int, refusal: RefusedAttempt) -> Response:
        request.state.refusal = refusal
        return show_form(request, onward, name=name, wrong=wrong, status=status)

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
    admit_user(request, user)
    return redirect(request, safe_path(onward))


def sign_out(request: Request) -> Response:
    """End the session, here and in the browser, and with the provider that began it."""
    console, installation = console_of(request), console_of(request).installation
    user, method = request.state.user, request.state.session.get(METHOD)
    ConsoleSessions(installation.engine).end(request.state.session.get(SESSION_TOKEN, ""))
    request.state.session.renew()
    if user is not None:
        installation.audit.record(Action.SIGNED_OUT, who=user.name, where=address_of(request))
    signed_out = f"{SIGN_IN}?{OUT}=1"
    if method == Method.PROVIDER and console.provider is not None:
        away = console.provider.find_logout_url(f"{find_callback_origin(installation.settings)}{signed_out}")
        if away is not None:
            return leave_for(request, away, "your company's sign-in")
    return redirect(request, signed_out, "You are signed out.")


def show_token(request: Request) -> Response:
    """Show the token that forms of this session must carry, so that a page finds out before it sends one.

    401 where somebody has to sign in first.
    """
    return PlainTextResponse(request.state.session.csrf, status_code=200 if request.state.user else 401)


PAGE = Page(
    routes=(
        view(SIGN_IN, show_sign_in, role=None),
        change(SIGN_IN, sign_in, role=None),
        change("/sign-out", sign_out, role=None),
        view("/token", show_token, role=None),
    )
)
