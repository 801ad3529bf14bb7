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
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from integration_center.console.shell.context import console_of
from integration_center.console.shell.faults import show_error, show_http_error, show_unexpected
from integration_center.console.shell.security import Form, read_form
from integration_center.console.shell.users import Role, User
from integration_center.errors import IntegrationCenterError

SIGN_IN = "/sign-in"

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


def _say_refusal(user: User, role: Role) -> str:
    if role > Role.OPERATOR:
        return f"Only an {role.title} may do this. Ask one to do it, or for the role {role.title}."
    return f"{user.name} may look but not change. Ask an operator to do it, or for the role operator."


def _build_endpoint(path: str, handler: Handler, role: Role | None, *, changes: bool) -> Callable[[Request], object]:
    def answer(request: Request) -> Response:
        user = request.state.user = console_of(request).identify(request)
        if role is None:
            return handler(request)
        if user is None:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{SIGN_IN}?{urlencode({'next': here if not changes else '/'})}", status_code=303)
        if user.role < role:
            raise HTTPException(403, _say_refusal(user, role))
        request.state.stop = console_of(request).installation.stops.find()
        return handler(request)

    async def endpoint(request: Request) -> Response:
        request.state.route = path  # for the audit log, as is the reason
        try:
            if changes:
                request.state.form = await read_form(request)
            return await run_in_threadpool(answer, request)
        except HTTPException as error:
            request.state.refused_because = error.detail
            return show_http_error(request, error)
        except IntegrationCenterError as error:
            return show_error(request, error)
        except Exception as error:  # noqa: BLE001 - the last place where a page can still be made of it
            return show_unexpected(request, error)

    return endpoint
