"""A double of Salesforce, and accounts connected to it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import stamina
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from integration_center.accounts.store import AccountStore
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.auth import oauth
from integration_center.settings import Settings
from integration_center_tests.accounts.connections import connect, sign_in
from integration_center_tests.accounts.fake_salesforce import (
    APP,
    CLIENT_ID,
    CLIENT_SECRET,
    LOGIN_URL,
    FakeSalesforce,
    RefusedRefresh,
    oauth_error,
)
from integration_center_tests.accounts.stores import build_store
from integration_center_tests.postgresql import set_database

__all__ = ["connect", "sign_in"]


@pytest.fixture(autouse=True)
def _retry_without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of an installation, whose database is on a server with `--postgresql`."""
    if request.config.getoption("--postgresql"):
        set_database(monkeypatch, request)
    return Settings(
        _env_file=None,
        dagster_home=tmp_path / "home",
        callback_url="http://localhost:0/oauth/callback",
        sandbox_login_url=LOGIN_URL,
        sandbox_client_id=CLIENT_ID,
        sandbox_client_secret=SecretStr(CLIENT_SECRET),
        production_login_url=LOGIN_URL,
        production_client_id=CLIENT_ID,
        production_client_secret=SecretStr(CLIENT_SECRET),
    )


@pytest.fixture
def store(settings: Settings) -> AccountStore:
    return build_store(settings)


@pytest.fixture
def salesforce(caplog: pytest.LogCaptureFixture) -> Iterator[FakeSalesforce]:
    caplog.set_level(logging.DEBUG)
    with FakeSalesforce() as fake:
        yield fake


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with oauth.build_client() as client:
        yield client


@pytest.fixture
def refused_refresh(client: httpx.Client, salesforce: FakeSalesforce) -> RefusedRefresh:
    """Refuses a refresh of tokens, and returns what is said of it."""

    def refuse(error: str, description: str, expected: type[IntegrationCenterError], match: str) -> str:
        salesforce.refuse(oauth_error(error, description))
        with pytest.raises(expected, match=match) as caught:
            oauth.refresh(client, Environment.SANDBOX, APP, SecretStr("5Aep861.refresh"))
        assert type(caught.value) is expected
        return str(caught.value)

    return refuse


@pytest.fixture(scope="session")
def signing_key() -> SecretStr:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return SecretStr(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )
