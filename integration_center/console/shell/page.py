"""How a page module says what it answers to: views, and changes, which need a role and the session's token.

    PAGE = Page(
        nav=(Link("Accounts", "/accounts"),),
        routes=(view("/accounts", show_accounts), change("/accounts/{environment}/disconnect", disconnect)),
    )

A handler is a plain function in a thread of its own: `def show_accounts(request: Request) -> Response`. The form of a
change is `form_of(request)`, its user `user_of(request)`. Errors of `integration_center.errors` may be raised.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integration_center.access.users import Role
from integration_center.console.shell.context import console_of
from integration_center.console.shell.faults import show_error, show_http_error, show_unexpected
from integration_center.console.shell.rendering import redirect
from integration_center.console.shell.security import Form, StaleToken, read_form
from integration_center.console.shell.users import User
from integration_center.errors import IntegrationCenterError

SIGN_IN = "/sign-in"
LONGEST_PAGE = 10
"""Digits of the number of a page; a longer one is a mistake, and too much for a database."""
UNDONE = "You were signed out, so nothing was changed. Sign in, and do it again."

Handler = Callable[[Request], Response]


@dataclass(frozen=True)
class Link:
    """An entry of the navigation, for those who have the role."""

    title: str
    path: str
    role: Role = Role.VIEWER


@dataclass(frozen=True)
class Page:
    """What a page module answers to, and its entries of the navigation."""

    routes: tuple[Route, ...]
    nav: tuple[Link, ...] = ()


def view(path: str, handler: Handler, *, role: Role | None = Role.VIEWER) -> Route:
    """A page to look at.

    Args:
        path: as Starlette writes it.
        handler: answers it, in a thread.
        role: who may look; None for everybody, as on the sign-in page.
    """
    return Route(path, _build_endpoint(path, handler, role, changes=False), methods=["GET"])


def change(path: str, handler: Handler, *, role: Role | None = Role.OPERATOR) -> Route:
    """A form's POST: accepted only from our own pages, with the session's token.

    Args:
        path: as Starlette writes it.
        handler: answers it, in a thread; mostly by `redirect`.
        role: who may do it; None for everybody, as on the sign-in page.
    """
    return Route(path, _build_endpoint(path, handler, role, changes=True), methods=["POST"])


def form_of(request: Request) -> Form:
    """The form of a change."""
    form: Form = request.state.form
    return form


def read_page(request: Request) -> int:
    """Read the number of the page of a long list, from 1; the first where the address names none."""
    asked = request.query_params.get("page", "")
    return max(1, int(asked)) if asked.isascii() and asked.isdecimal() and len(asked) < LONGEST_PAGE else 1


def _say_refusal(user: User, role: Role) -> str:
    if role > Role.OPERATOR:
        return f"Only an {role.title} may do this. Ask one to do it, or for the role {role.title}."
    return f"{user.name} may look but not change. Ask an operator to do it, or for the role operator."


def _ask_to_sign_in(request: Request, page: str, message: str | None) -> Response:
    """Send somebody to the sign-in page, and from there back to where they were."""
    return redirect(request, f"{SIGN_IN}?{urlencode({'next': page or '/'})}", message, "warning")


def _find_path(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _find_page_of_form(request: Request) -> str:
    """The page of ours from which a form was sent, as the browser says it; empty where it does not."""
    try:
        page = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    ours = page.netloc and page.netloc.lower() == request.headers.get("host", "").lower()
    return f"{page.path or '/'}{f'?{page.query}' if page.query else ''}" if ours else ""


def _build_endpoint(path: str, handler: Handler, role: Role | None, *, changes: bool) -> Callable[[Request], object]:
    def answer(request: Request, stale: StaleToken | None) -> Response:
        user = request.state.user = console_of(request).identify(request)
        page = _find_page_of_form(request) if changes else _find_path(request)
        if role is not None and user is None and (page or stale is None):  # says more than that the token is not right
            return _ask_to_sign_in(request, page, UNDONE if changes else None)
        if stale is not None:
            raise stale
        if role is None or user is None:
            return handler(request)
        if user.role < role:
            raise HTTPException(403, _say_refusal(user, role))
        request.state.stop = console_of(request).installation.stops.find()
        return handler(request)

    async def endpoint(request: Request) -> Response:
        request.state.route = path  # for the audit log, as is the reason
        stale = None
        try:
            try:
                request.state.form = await read_form(request) if changes else None
            except StaleToken as error:
                stale = error
            return await run_in_threadpool(answer, request, stale)
        except HTTPException as error:
            request.state.refused_because = error.detail
            return show_http_error(request, error)
        except IntegrationCenterError as error:
            return show_error(request, error)
        except Exception as error:  # noqa: BLE001 - the last place where a page can still be made of it
            return show_unexpected(request, error)

    return endpoint
