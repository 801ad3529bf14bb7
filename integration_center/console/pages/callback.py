"""Where Salesforce sends the browser back to, with a code or a refusal."""

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.accounts.connecting import abandon_web, finish_web
from integration_center.console.pages.accounts import list_specs, show_refusal
from integration_center.console.refusals import SIGNED_OUT, STRANGER, explain
from integration_center.console.shell.context import console_of, note, user_of
from integration_center.console.shell.origins import CALLBACK_PATH
from integration_center.console.shell.page import Page, view
from integration_center.console.shell.rendering import redirect, render
from integration_center.console.shell.users import Role
from integration_center.console.sign_in_states import take_state
from integration_center.errors import IntegrationCenterError, SignInOver


def finish_connection(request: Request) -> Response:
    """Complete the sign-in that this browser began, and go on to Accounts, away from the address with the code."""
    user = request.state.user
    if user is None or user.role < Role.OPERATOR:
        # Not by way of the sign-in page, whose address would carry the code on.
        return render(request, "refused.html", {"environment": None, "refusal": SIGNED_OUT}, status=403)
    installation = console_of(request).installation
    answer = request.query_params
    state = answer.get("state", "")
    environment = take_state(request.state.session, state)
    if environment is None:
        return show_refusal(request, None, STRANGER)
    try:
        if "error" in answer:
            description = answer.get("error_description", "")
            raise abandon_web(state, answer["error"], description, installation.accounts)
        if not answer.get("code"):
            raise SignInOver("Salesforce's answer has no code")
        connection = finish_web(
            state,
            SecretStr(answer["code"]),
            installation.settings,
            installation.accounts,
            connected_by=user_of(request).name,
            specs=list_specs(request, environment),
        )
    except IntegrationCenterError as error:
        return show_refusal(request, environment, explain(error, environment))
    note(request, Action.CONNECTED, environment=environment, detail=connection.summary)
    return redirect(request, "/accounts", connection.summary, "warning" if connection.warning else "success")


PAGE = Page(routes=(view(CALLBACK_PATH, finish_connection, role=None),))
