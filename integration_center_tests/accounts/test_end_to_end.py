"""The whole way against the emulator, over real sockets: written from the fact sheet by other hands than the client."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from integration_center.accounts.connecting import (
    Connection,
    connect_client_credentials,
    connect_jwt,
    connect_web,
    disconnect,
)
from integration_center.accounts.store import AccountStore
from integration_center.accounts.stored_tokens import StoredTokens
from integration_center.errors import AccessRefused, ConfigurationError
from integration_center.integration.spec import Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.stores import build_store
from salesforce_emulator.server import Emulator, EmulatorConfig, OrgHandle

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
Decide = Callable[[str], str]

RENEW = """
import json, sys
from pathlib import Path
from integration_center_tests.accounts.stores import build_store
from integration_center.accounts.stored_tokens import StoredTokens
from integration_center.integration.spec import Environment
from integration_center.settings import Settings
settings = Settings(_env_file=None, **json.loads(sys.argv[1]))
tokens = StoredTokens(Environment.SANDBOX, settings, build_store(settings))
dead = tokens.current()[1]
print("ready", flush=True)
sys.stdin.readline()
print(tokens.renew(dead)[1][-8:])
"""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(EmulatorConfig(records=0, insights=False)) as emulator:
        yield emulator


@pytest.fixture
def settings(emulator: Emulator, tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        dagster_home=tmp_path / "home",
        callback_url="http://localhost:0/oauth/callback",
        sandbox_login_url=emulator.sandbox.url,
        sandbox_client_id=emulator.sandbox.client_id,
        sandbox_client_secret=SecretStr(emulator.sandbox.client_secret),
        production_login_url=emulator.production.url,
        production_client_id=emulator.production.client_id,
        production_client_secret=SecretStr(emulator.production.client_secret),
    )


@pytest.fixture
def store(settings: Settings) -> AccountStore:
    return build_store(settings)


def browse(org: OrgHandle, decision: str) -> tuple[Callable[[str], None], list[httpx.Response]]:
    """A browser whose user decides on the consent page, and the pages it ends on."""
    pages: list[httpx.Response] = []

    def open_browser(url: str) -> None:
        asked = dict(httpx.URL(url).params)
        org.org.app.redirect_uris.append(asked["redirect_uri"])
        with httpx.Client(follow_redirects=True, trust_env=False) as client:
            assert client.get(url).status_code == 200
            form = asked | {"decision": decision}
            pages.append(client.post(f"{org.url}/services/oauth2/authorize", data=form))

    return open_browser, pages


def sign_in(environment: Environment, org: OrgHandle, settings: Settings, store: AccountStore) -> Connection:
    open_browser, pages = browse(org, "approve")
    connection = connect_web(environment, settings, store, open_browser=open_browser, connected_by="ann", seconds=10)
    assert "Connected" in pages[0].text
    return connection


def works(pair: tuple[str, str]) -> bool:
    instance_url, token = pair
    response = httpx.get(
        f"{instance_url}/services/data/v66.0/query",
        params={"q": "SELECT Id FROM Organization"},
        headers={"Authorization": f"Bearer {token}"},
    )
    return response.status_code == 200


def test_the_web_flow_from_sign_in_to_disconnect(emulator: Emulator, settings: Settings, store: AccountStore) -> None:
    org = emulator.sandbox
    account = sign_in(SANDBOX, org, settings, store).account
    assert (account.org_id, account.is_sandbox) == (org.org.profile.org_id, True)

    tokens = StoredTokens(SANDBOX, settings, store)
    first = tokens.current()
    assert works(first)
    org.org.sessions.expire_access()
    assert not works(first)
    second = tokens.renew(first[1])
    assert works(second)

    assert disconnect(SANDBOX, settings, store).revoked
    assert not works(second)


def test_rotation_survives_many_renewals(emulator: Emulator, settings: Settings, store: AccountStore) -> None:
    emulator.sandbox.org.sessions.rotation = True
    sign_in(SANDBOX, emulator.sandbox, settings, store)
    tokens = StoredTokens(SANDBOX, settings, store)
    pair = tokens.current()
    for _ in range(3):
        emulator.sandbox.org.sessions.expire_access()
        pair = tokens.renew(pair[1])
        assert works(pair)


@pytest.mark.proof
def test_two_processes_renew_with_one_rotating_token(
    emulator: Emulator, settings: Settings, store: AccountStore
) -> None:
    """A second use of the same refresh token would be a replay, and end the connection for both."""
    emulator.sandbox.org.sessions.rotation = True
    sign_in(SANDBOX, emulator.sandbox, settings, store)
    given = settings.model_dump_json(include={"dagster_home", "sandbox_login_url", "sandbox_client_id"})
    secret = f'{given[:-1]},"sandbox_client_secret":"{emulator.sandbox.client_secret}"}}'
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RENEW, secret], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    emulator.sandbox.org.sessions.expire_access()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = {process.communicate(timeout=100)[0].strip() for process in processes}

    assert len(ends) == 1
    tokens = StoredTokens(SANDBOX, settings, store).current()
    assert tokens[1].endswith(ends.pop())
    assert works(tokens)


def test_a_connection_the_admin_revoked_says_so(emulator: Emulator, settings: Settings, store: AccountStore) -> None:
    sign_in(SANDBOX, emulator.sandbox, settings, store)
    tokens = StoredTokens(SANDBOX, settings, store)
    _, dead = tokens.current()
    emulator.sandbox.org.sessions.revoke_all()
    with pytest.raises(AccessRefused, match="integration-center connect sandbox"):
        tokens.renew(dead)


def test_a_denied_sign_in_says_so_in_both_places(emulator: Emulator, settings: Settings, store: AccountStore) -> None:
    open_browser, pages = browse(emulator.sandbox, "deny")
    with pytest.raises(AccessRefused, match="denied"):
        connect_web(SANDBOX, settings, store, open_browser=open_browser, connected_by="ann", seconds=10)
    assert "Not connected" in pages[0].text
    assert store.list() == ()


def test_production_by_client_credentials(emulator: Emulator, settings: Settings, store: AccountStore) -> None:
    account = connect_client_credentials(PRODUCTION, settings, store, connected_by="ann").account
    assert (account.environment, account.is_sandbox, account.flow) == (PRODUCTION, False, "client-credentials")
    tokens = StoredTokens(PRODUCTION, settings, store)
    first = tokens.current()
    emulator.production.org.sessions.expire_access()
    assert works(tokens.renew(first[1]))
    assert disconnect(PRODUCTION, settings, store).revoked


def test_a_sandbox_in_the_production_slot_is_refused(
    emulator: Emulator, settings: Settings, store: AccountStore
) -> None:
    swapped = settings.model_copy(
        update={
            "production_login_url": settings.sandbox_login_url,
            "production_client_id": settings.sandbox_client_id,
            "production_client_secret": settings.sandbox_client_secret,
        }
    )
    with pytest.raises(AccessRefused, match="is a sandbox"):
        connect_client_credentials(PRODUCTION, swapped, store, connected_by="ann")
    assert store.list() == ()


def test_jwt_with_the_apps_certificate(
    emulator: Emulator, settings: Settings, store: AccountStore, signing_key: SecretStr
) -> None:
    key = serialization.load_pem_private_key(signing_key.get_secret_value().encode(), None)
    org = emulator.sandbox.org
    org.app.jwt_certificate = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    connection = connect_jwt(
        SANDBOX, settings, store, username=org.profile.username, signing_key=signing_key, connected_by="ann"
    )
    assert connection.account.username == org.profile.username
    tokens = StoredTokens(SANDBOX, settings, store)
    first = tokens.current()
    org.sessions.expire_access()
    assert works(tokens.renew(first[1]))


def test_a_wrong_secret_names_its_variable(emulator: Emulator, settings: Settings, store: AccountStore) -> None:
    wrong = settings.model_copy(update={"sandbox_client_secret": SecretStr("wrong")})
    with pytest.raises(ConfigurationError, match="SALESFORCE_SANDBOX_CLIENT_SECRET"):
        connect_client_credentials(SANDBOX, wrong, store, connected_by="ann")
