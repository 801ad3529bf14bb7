"""Connecting an account: on Salesforce's page and back from there, or at once where it needs no browser."""

import hashlib

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.accounts.connecting import (
    abandon_web,
    begin_web,
    connect_client_credentials,
    connect_jwt,
    finish_web,
)
from integration_center.accounts.connections import Connection
from integration_center.accounts.store import Account
from integration_center.accounts.stored_tokens import require_app
from integration_center.accounts.tickets import ConnectTickets
from integration_center.console.pages.accounts import environment_of, list_specs
from integration_center.console.refusals import SIGNED_OUT, STRANGER, Refusal, explain
from integration_center.console.shell.context import console_of, note, user_of
from integration_center.console.shell.origins import CALLBACK_PATH, find_callback_origin, origin_of, refuse_other_origin
from integration_center.console.shell.page import Page, change, view
from integration_center.console.shell.rendering import leave_for, redirect, render
from integration_center.console.shell.sessions import Session
from integration_center.errors import IntegrationCenterError, SignInOver
from integration_center.integration.spec import Environment

OVER = "That sign-in was used already, is too old, or was begun by somebody else. Begin it again here."
UNDER_WAY = "connecting"
"""The name under which the browser's session holds the sign-ins that it has begun."""
MOST_UNDER_WAY = 4
"""Sign-ins under way in several tabs; a cookie holds little."""


def begin_connection(request: Request) -> Response:
    """Add or reconnect an account: by Salesforce's page, or at once where the account needs no browser."""
    environment = environment_of(request)
    installation = console_of(request).installation
    settings, here = installation.settings, origin_of(request)
    account = installation.accounts.find(environment)
    try:
        if account is not None and account.flow != "web":
            connection = reconnect_headless(request, account)
            return redirect(request, "/accounts", connection.summary, "warning" if connection.warning else "success")
        require_app(settings, environment, installation.accounts.names.kind_of(environment))
        refuse_other_origin(here, settings)
        if here != (there := find_callback_origin(settings)):
            # The session of localhost is not that of 127.0.0.1, and Salesforce comes back to one of the two.
            ticket = ConnectTickets(installation.engine).issue(user_of(request).name, environment)
            return leave_for(request, f"{there}/accounts/connect?ticket={ticket}", "Salesforce")
        return go_to_salesforce(request, environment)
    except IntegrationCenterError as error:
        return show_refusal(request, environment, explain(error, environment))


def continue_connection(request: Request) -> Response:
    """Go on with a connection that was begun under the console's other name."""
    installation = console_of(request).installation
    here, there = origin_of(request), find_callback_origin(installation.settings)
    tickets, ticket = ConnectTickets(installation.engine), request.query_params.get("ticket", "")
    environment = tickets.take(ticket, user_of(request).name)
    if environment is None or here != there:
        return redirect(request, "/accounts", OVER, "warning")
    return go_to_salesforce(request, environment)


def go_to_salesforce(request: Request, environment: Environment) -> Response:
    """Begin a sign-in that only this browser can end."""
    installation = console_of(request).installation
    asked = begin_web(environment, installation.settings, installation.accounts)
    remember_state(request.state.session, asked.state, environment)
    return leave_for(request, asked.url, "Salesforce")


def reconnect_headless(request: Request, account: Account) -> Connection:
    """Connect again the way the account was connected, without a browser."""
    installation = console_of(request).installation
    settings, store, name = installation.settings, installation.accounts, user_of(request).name
    key = store.tokens(account.environment).signing_key
    specs = list_specs(request, account.environment)
    if account.flow == "jwt" and key is not None:
        connection = connect_jwt(
            account.environment,
            settings,
            store,
            username=account.username,
            signing_key=key,
            connected_by=name,
            specs=specs,
        )
    else:
        connection = connect_client_credentials(account.environment, settings, store, connected_by=name, specs=specs)
    note(request, Action.CONNECTED, environment=account.environment, detail=connection.summary)
    return connection


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


def show_refusal(request: Request, environment: Environment | None, refusal: Refusal) -> Response:
    """The page of a connection that did not come about; noted in the audit log."""
    note(request, Action.CONNECTION_REFUSED, environment=environment, detail=refusal.headline)
    return render(request, "refused.html", {"environment": environment, "refusal": refusal}, status=409)


def remember_state(session: Session, state: str, environment: Environment) -> None:
    """Bind a sign-in to this browser's session."""
    session.set(UNDER_WAY, [*session.get(UNDER_WAY, []), [_hash(state), environment.value]][-MOST_UNDER_WAY:])


def take_state(session: Session, state: str) -> Environment | None:
    """The environment of a sign-in that this browser began; None when it began none with this state.

    It is forgotten: an answer is taken once.
    """
    found: list[list[str]] = session.get(UNDER_WAY, [])
    mine = [environment for hash, environment in found if hash == _hash(state)]
    if not mine:
        return None
    session.set(UNDER_WAY, [entry for entry in found if entry[0] != _hash(state)])
    return Environment(mine[0])


def _hash(state: str) -> str:
    # Compared as a hash of a random text, so the time it takes tells nothing about the state.
    return hashlib.sha256(state.encode()).hexdigest()


PAGE = Page(
    routes=(
        change("/accounts/{environment}/connect", begin_connection),
        view("/accounts/connect", continue_connection, role=Role.OPERATOR),
        view(CALLBACK_PATH, finish_connection, role=None),
    ),
)
