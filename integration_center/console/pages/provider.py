"""Signing in by the company's own sign-in service (OpenID Connect), and coming back from there."""

import hmac
import json
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integration_center.access.audit import Action
from integration_center.access.refused_attempts import NOBODY, RefusedAttempt
from integration_center.console.pages.sign_in import show_form
from integration_center.console.plain_words import say_error
from integration_center.console.shell.context import console_of
from integration_center.console.shell.origins import find_callback_origin, origin_of
from integration_center.console.shell.page import Page, view
from integration_center.console.shell.rendering import redirect
from integration_center.console.shell.signing_in import admit, safe_path
from integration_center.errors import ConfigurationError, SignInRefused

BEGIN, CALLBACK = "/sign-in/provider", "/sign-in/callback"
BEGUN = "provider_sign_in"
"""The name under which the browser's session holds the sign-in that it has begun."""
MOVED = "moved"
"""The query of the page when the browser was sent on to it from another address of the console."""
LONGEST_ONWARD = 350
"""Bytes of the page to go on to, as JSON: what the browser's session has room for beside the rest."""
NOT_BEGUN = "this sign-in was not begun in this browser, or was used already; begin again"
DENIED = "your company's sign-in did not let you in; try again, or ask an admin"


def begin_sign_in(request: Request) -> Response:
    """Send the browser to the provider."""
    console = console_of(request)
    onward = safe_path(request.query_params.get("next", "/"))
    if len(json.dumps(onward, ensure_ascii=False).encode()) > LONGEST_ONWARD:
        onward = "/"
    if console.provider is None:
        raise ConfigurationError("there is no single sign-on here; sign in by name and password")
    there = find_callback_origin(console.installation.settings)
    if (here := origin_of(request)) != there:  # the provider sends the browser back there, to another session
        if MOVED in request.query_params:
            raise ConfigurationError(
                f"this console is set up for {there}, but it is reached as {here}",
                setting="let the proxy pass Host and X-Forwarded-Proto, or correct INTEGRATION_CENTER_CALLBACK_URL",
            )
        return RedirectResponse(f"{there}{BEGIN}?{urlencode({'next': onward, MOVED: 1})}", status_code=303)
    begun = console.provider.begin(f"{there}{CALLBACK}")
    request.state.session.set(BEGUN, [begun.state, begun.nonce, begun.verifier, onward])
    return RedirectResponse(begun.url, status_code=303)


def finish_sign_in(request: Request) -> Response:
    """Take the provider's answer, and begin a session."""
    console, answer = console_of(request), request.query_params
    begun = request.state.session.pop(BEGUN)  # whatever comes of it, it is used up
    onward, who = begun[3] if begun else "/", NOBODY
    try:
        if console.provider is None or not begun or not _is_same(answer.get("state", ""), begun[0]):
            raise SignInRefused(NOT_BEGUN)
        if "error" in answer or not answer.get("code"):
            raise SignInRefused(DENIED)
        there = find_callback_origin(console.installation.settings)
        identity = console.provider.finish(
            answer["code"], verifier=begun[2], nonce=begun[1], redirect_uri=f"{there}{CALLBACK}"
        )
        who = identity.name
        admit(request, identity)
    except SignInRefused as error:
        request.state.refusal = RefusedAttempt(Action.SIGN_IN_REFUSED, who, f"by single sign-on: {error}")
        return show_form(request, onward, wrong=say_error(error), status=403)
    return redirect(request, safe_path(onward))


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


PAGE = Page(routes=(view(BEGIN, begin_sign_in, role=None), view(CALLBACK, finish_sign_in, role=None)))
