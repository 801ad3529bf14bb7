"""What a reverse proxy asks before it lets somebody through to the Dagster UI: is this person signed in here?"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from integration_center.access.users import ROLES, Role
from integration_center.console.shell.context import console_of
from integration_center.console.shell.origins import find_callback_origin
from integration_center.console.shell.page import SIGN_IN, Page, view
from integration_center.console.shell.users import CHECK


def check_person(request: Request) -> Response:
    """Answer 204 with who it is, 401 when nobody is signed in, or 403 when the role is too low.

    `?role=` names the lowest role, operator if it is left out: who uses the Dagster UI can run everything. With
    `?redirect=1` a browser without a session is sent to the sign-in, for proxies that pass our answer on.
    """
    needed = ROLES.get(request.query_params.get("role", ""), Role.OPERATOR)
    user = request.state.user
    if user is None:
        if "redirect" in request.query_params:
            there = find_callback_origin(console_of(request).installation.settings)
            return RedirectResponse(f"{there}{SIGN_IN}", status_code=303)
        return PlainTextResponse("Sign in to the Integration Center first.", status_code=401)
    if user.role < needed:
        return PlainTextResponse(f"{user.name} needs the role {needed.title}.", status_code=403)
    return Response(status_code=204, headers={"x-auth-user": user.name, "x-auth-role": user.role.title})


PAGE = Page(routes=(view(CHECK, check_person, role=None),))
