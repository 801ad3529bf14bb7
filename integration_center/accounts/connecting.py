"""Connect and disconnect an environment: sign in, check, store, revoke."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
from pydantic import SecretStr
from sqlalchemy import func, select

from integration_center.accounts.connections import Connection, Disconnection
from integration_center.accounts.sign_ins import PendingSignIn
from integration_center.accounts.store import Account, AccountStore, Flow, Tokens
from integration_center.accounts.stored_tokens import require_app
from integration_center.accounts.traces import STILL_IN_LOG, delete_snapshots
from integration_center.accounts.verification import verify_account
from integration_center.database.engine import reading
from integration_center.database.stops import Stops
from integration_center.database.tables import sent_work, syncs
from integration_center.errors import ConfigurationError, IntegrationCenterError
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.salesforce.auth.callback import SIGN_IN_SECONDS, Answer, CallbackServer
from integration_center.salesforce.auth.grants import Grant
from integration_center.salesforce.auth.oauth import (
    SIGN_IN_POLICY,
    AuthorizationRequest,
    build_authorization,
    build_client,
    exchange_code,
    request_client_credentials,
    request_jwt,
    revoke,
)
from integration_center.salesforce.auth.token_errors import explain_refusal
from integration_center.settings import Settings
from integration_center.wording.answers import UNKNOWN_CODE, read_code

__all__ = [
    "Connection",
    "Disconnection",
    "abandon_web",
    "begin_web",
    "connect_client_credentials",
    "connect_jwt",
    "connect_web",
    "disconnect",
    "finish_web",
]


def connect_web(
    environment: Environment,
    settings: Settings,
    store: AccountStore,
    *,
    open_browser: Callable[[str], object],
    connected_by: str,
    seconds: float = SIGN_IN_SECONDS,
    specs: Sequence[IntegrationSpec] = (),
) -> Connection:
    """Connect through the browser: open Salesforce's page, and wait until the browser returns to the callback URL.

    Args:
        environment: the environment to connect.
        settings: the settings, for the External Client App and the callback URL.
        store: the store that gets the account.
        open_browser: called once with the URL to open.
        connected_by: the user who connects.
        seconds: how long to wait for the browser.
        specs: the integrations of the environment; see `verify_account`.

    Raises:
        ConfigurationError: settings are missing, or the callback's port is in use.
        AccessRefused: access was denied, the wait timed out, or the user or the org is not the right one.
        TransientError: Salesforce did not answer.
    """
    request: list[AuthorizationRequest] = []

    def finish(code: SecretStr) -> Answer[Connection]:
        connection = finish_web(request[0].state, code, settings, store, connected_by=connected_by, specs=specs)
        return Answer(connection, connection.summary)

    require_app(settings, environment, store.names.kind_of(environment))
    server = CallbackServer(settings.callback_url, environment, finish)
    request.append(begin_web(environment, settings, store, callback_url=server.url))
    with server.listening(request[0].state):
        open_browser(request[0].url)
        return server.wait(seconds)


def begin_web(
    environment: Environment, settings: Settings, store: AccountStore, *, callback_url: str | None = None
) -> AuthorizationRequest:
    """Start a web sign-in. Send the browser to the request's URL, then call `finish_web` with the values it returns.

    Raises:
        ConfigurationError: the External Client App's settings are missing.
    """
    callback_url = callback_url or settings.callback_url
    request = build_authorization(require_app(settings, environment, store.names.kind_of(environment)), callback_url)
    store.sign_ins.keep(request.state, PendingSignIn(environment, request.verifier, callback_url))
    return request


def finish_web(
    state: str,
    code: SecretStr,
    settings: Settings,
    store: AccountStore,
    *,
    connected_by: str,
    specs: Sequence[IntegrationSpec] = (),
) -> Connection:
    """Complete the web sign-in that `state` belongs to. A state works only once.

    Raises:
        AccessRefused: the state is unknown or used, the code is too old, the user lacks a permission, or the org is
            of the wrong kind.
        ConfigurationError: the External Client App's settings are missing or wrong.
        TransientError: Salesforce did not answer.
    """
    sign_in = store.sign_ins.take(state)
    app = require_app(settings, sign_in.environment, store.names.kind_of(sign_in.environment))
    with build_client() as client:
        grant = exchange_code(client, sign_in.environment, app, code, sign_in.verifier, sign_in.callback_url)
    if grant.refresh_token is None:
        raise ConfigurationError(
            "Salesforce sent no refresh token, so the connection would end within hours; add the scope refresh_token"
            " (perform requests at any time) to the External Client App",
            command=f"The app is that of SALESFORCE_{sign_in.environment.name}_CLIENT_ID",
        )
    return _admit(sign_in.environment, settings, store, grant, flow="web", connected_by=connected_by, specs=specs)


def abandon_web(state: str, error: str, description: str, store: AccountStore) -> IntegrationCenterError:
    """End the web sign-in that `state` belongs to, after Salesforce returned an error, and return our error for it.

    Args:
        state: the state from the callback's query.
        error: the error from the callback's query, which is untrusted text.
        description: the callback's `error_description`, or empty.
        store: the store that keeps the sign-in.

    Raises:
        AccessRefused: the state is unknown, used or too old.
    """
    sign_in = store.sign_ins.take(state)
    secrets = [state, sign_in.verifier.get_secret_value()]
    return explain_refusal(read_code(error) or UNKNOWN_CODE, description, sign_in.environment, sent=secrets)


def connect_client_credentials(
    environment: Environment,
    settings: Settings,
    store: AccountStore,
    *,
    connected_by: str,
    specs: Sequence[IntegrationSpec] = (),
) -> Connection:
    """Connect as the app's own Run As user, without a browser. The login URL must be the org's My Domain.

    Raises:
        ConfigurationError: settings are missing or wrong, or the app is not set up for this flow.
        AccessRefused: the user lacks a permission, or the org is of the wrong kind.
        TransientError: Salesforce did not answer.
    """
    app = require_app(settings, environment, store.names.kind_of(environment))
    with build_client() as client:
        grant = SIGN_IN_POLICY.retry(request_client_credentials)(client, environment, app)
    return _admit(
        environment, settings, store, grant, flow="client-credentials", connected_by=connected_by, specs=specs
    )


def connect_jwt(
    environment: Environment,
    settings: Settings,
    store: AccountStore,
    *,
    username: str,
    signing_key: SecretStr,
    connected_by: str,
    specs: Sequence[IntegrationSpec] = (),
) -> Connection:
    """Connect as `username` by signed assertions, without a browser.

    Args:
        environment: the environment to connect.
        settings: the settings, for the External Client App. Its secret is not needed.
        store: the store that gets the account and, encrypted, the key.
        username: the user to act as, whom the admin has approved for the app.
        signing_key: the RSA private key (PEM) whose certificate the app has.
        connected_by: the user who connects.
        specs: the integrations of the environment; see `verify_account`.

    Raises:
        ConfigurationError: settings are missing or wrong, or the key is not valid.
        AccessRefused: the user is not approved or lacks a permission, or the org is of the wrong kind.
        TransientError: Salesforce did not answer.
    """
    app = require_app(settings, environment, store.names.kind_of(environment), with_secret=False)
    with build_client() as client:
        grant = SIGN_IN_POLICY.retry(request_jwt)(client, environment, app, username, signing_key)
    return _admit(
        environment, settings, store, grant, flow="jwt", connected_by=connected_by, signing_key=signing_key, specs=specs
    )


def disconnect(environment: Environment, settings: Settings, store: AccountStore) -> Disconnection:
    """Revoke the tokens, and delete the account and the snapshots of its org's records.

    They are deleted here whatever Salesforce answers, because a user who disconnects wants them gone from this machine.
    The result says if the revocation is not confirmed, or if files could not be deleted.

    Args:
        environment: the environment to disconnect.
        settings: the settings, for the folder of snapshots.
        store: the store that has the account.

    Raises:
        NotConnected: there is no account.
    """
    account = store.get(environment)
    unconfirmed: str | None = None
    try:
        tokens = store.tokens(environment)
        with build_client() as client:
            revoke(client, environment, account.login_url, tokens.refresh_token or tokens.access_token)
    except IntegrationCenterError as error:
        unconfirmed = error.said.sentence
    kept = None if store.delete(environment) else STILL_IN_LOG
    undeleted = " ".join(filter(None, (kept, delete_snapshots(settings, store.engine, [account.org_id]))))
    return Disconnection(environment, account.org_id, unconfirmed, undeleted or None)


def _admit(
    environment: Environment,
    settings: Settings,
    store: AccountStore,
    grant: Grant,
    *,
    flow: Flow,
    connected_by: str,
    signing_key: SecretStr | None = None,
    specs: Sequence[IntegrationSpec] = (),
) -> Connection:
    """Check the user and the org of `grant`, and store the account."""
    kind = store.names.kind_of(environment)
    login_url = settings.find_login_url(environment, kind)
    with build_client() as client:
        try:
            Stops(store.engine).require_none()
            user, org, advice = verify_account(client, environment, kind, grant, settings.api_version, specs)
            account = Account(
                environment=environment,
                org_id=org.org_id,
                org_name=org.name,
                is_sandbox=org.is_sandbox,
                developer_edition=org.developer_edition,
                user_id=user.user_id,
                username=user.username,
                instance_url=grant.instance_url,
                login_url=login_url,
                flow=flow,
                scopes=grant.scopes,
                connected_at=datetime.now(UTC),
                connected_by=connected_by,
            )
            previous = store.find(environment)
            replaced = None if previous is None else _read_refresh_token(store, environment)
            store.save(
                account,
                Tokens(grant.access_token, grant.refresh_token, grant.instance_url, grant.issued_at, signing_key),
            )
        except IntegrationCenterError as error:
            # A user has five approvals per app, and a useless one must not replace a useful one.
            if grant.refresh_token is not None:
                _revoke_refused(client, environment, login_url, grant.refresh_token, error)
            raise
        warning = advice
        if previous is not None and replaced is not None and replaced != grant.refresh_token:
            warning = _join(warning, _revoke_replaced(client, previous, replaced))
    connection = _build_connection(store, account, previous, warning)
    kept = {connected.org_id for connected in store.list()}
    failure = delete_snapshots(
        settings, store.engine, [org_id for org_id in connection.replaced_org_ids if org_id not in kept]
    )
    return replace(connection, warning=_join(warning, failure))


def _join(*sentences: str | None) -> str | None:
    return " ".join(filter(None, sentences)) or None


def _read_refresh_token(store: AccountStore, environment: Environment) -> SecretStr | None:
    try:
        return store.tokens(environment).refresh_token
    except ConfigurationError:
        return None  # encrypted with a lost key: connecting again must work, because it is the remedy


def _revoke_replaced(client: httpx.Client, previous: Account, token: SecretStr) -> str | None:
    try:
        revoke(client, previous.environment, previous.login_url, token)
    except IntegrationCenterError as error:
        return f"The tokens of the earlier connection could not be revoked: {error}."
    return None


def _revoke_refused(
    client: httpx.Client, environment: Environment, login_url: str, token: SecretStr, refusal: IntegrationCenterError
) -> None:
    try:
        revoke(client, environment, login_url, token)
    except IntegrationCenterError as error:
        refusal.add_note(f"the token of the refused sign-in could not be revoked: {error}")


def _build_connection(
    store: AccountStore, account: Account, previous: Account | None, warning: str | None
) -> Connection:
    others = (syncs.c.environment == account.environment.value) & (syncs.c.org_id != account.org_id)
    with reading(store.engine) as connection:
        replaced = set(connection.execute(select(syncs.c.org_id).where(others).distinct()).scalars())
        if previous is not None and previous.org_id != account.org_id:
            replaced.add(previous.org_id)
        voided_syncs = connection.execute(select(func.count()).select_from(syncs).where(others)).scalar_one()
        voided_jobs = connection.execute(
            select(func.count())
            .select_from(sent_work)
            .where(sent_work.c.org_id.in_(replaced), sent_work.c.settled_at.is_(None))
        ).scalar_one()
    return Connection(account, tuple(sorted(replaced)), voided_syncs, voided_jobs, warning)
