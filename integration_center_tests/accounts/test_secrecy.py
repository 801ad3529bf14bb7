"""No secret leaves the places it belongs to: the memory, the wire's bodies and headers, and ciphertexts."""

import contextlib
import logging
import sqlite3
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from integration_center.accounts.connecting import connect_jwt, connect_web, disconnect
from integration_center.accounts.store import AccountStore
from integration_center.accounts.stored_tokens import StoredTokens
from integration_center.database.engine import reading
from integration_center.database.tables import account_tokens
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.settings import Settings
from integration_center_tests.accounts.fake_salesforce import CLIENT_SECRET, USERNAME, FakeSalesforce, oauth_error

SANDBOX = Environment.SANDBOX


@pytest.mark.sqlite
def test_no_secret_is_stored_logged_shown_or_raised(
    settings: Settings,
    store: AccountStore,
    salesforce: FakeSalesforce,
    signing_key: SecretStr,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")  # an installation that another test opened keeps its lines low
    salesforce.rotation = True
    shown: list[str] = []

    def attempt(secret: str) -> None:
        salesforce.refuse(oauth_error("unknown_error", f"failed for {secret}"))
        try:
            tokens.renew(token)
        except IntegrationCenterError as error:
            shown.append("".join(traceback.format_exception(error)))
        else:
            raise AssertionError("the renewal should have failed")

    connection = connect_web(SANDBOX, settings, store, open_browser=salesforce.sign_in, connected_by="ann", seconds=10)
    tokens = StoredTokens(SANDBOX, settings, store)
    _, token = tokens.renew(tokens.current()[1])
    attempt(str(salesforce.refresh_token))
    attempt(CLIENT_SECRET)
    shown += [repr(connection), repr(tokens), repr(store), repr(store.tokens(SANDBOX)), repr(settings)]
    refresh_tokens = [form["refresh_token"] for form in salesforce.token_forms if "refresh_token" in form]
    forms = salesforce.token_forms
    stored = read_files(settings.dagster_home)
    connect_jwt(SANDBOX, settings, store, username=USERNAME, signing_key=signing_key, connected_by="ann")
    stored += read_files(settings.dagster_home)
    shown += [repr(store.tokens(SANDBOX)), repr(disconnect(SANDBOX, settings, store))]

    secrets = {
        CLIENT_SECRET,
        signing_key.get_secret_value().splitlines()[1],
        *refresh_tokens,
        *salesforce.access_tokens,
        *(form["code"] for form in forms if "code" in form),
        *(form["code_verifier"] for form in forms if "code_verifier" in form),
        str(salesforce.refresh_token),
    }
    captured = capfd.readouterr()
    urls = " ".join(str(request.url) for request in salesforce.requests)
    logs = " ".join(record.getMessage() for record in caplog.records)
    assert len(secrets) >= 8
    assert USERNAME.encode() in stored
    assert "oauth2/token" in logs
    for secret in secrets:
        assert secret.encode() not in stored
        assert secret not in urls
        assert secret not in logs + captured.out + captured.err
        assert secret not in " ".join(shown)


def read_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def stored_ciphertext(store: AccountStore) -> str:
    with reading(store.engine) as connection:
        ciphertext: str = connection.execute(select(account_tokens.c.ciphertext)).scalar_one()
    return ciphertext


@pytest.mark.sqlite
def test_after_a_disconnect_no_file_of_the_database_holds_a_token(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce, signing_key: SecretStr
) -> None:
    """With another process at the database, which keeps the write-ahead log from going away by itself."""
    path = Path(settings.database.removeprefix("sqlite:///"))
    ciphertexts = []
    with contextlib.closing(sqlite3.connect(path)) as other:
        for _ in range(3):
            connect_jwt(SANDBOX, settings, store, username=USERNAME, signing_key=signing_key, connected_by="ann")
            other.execute("SELECT count(*) FROM accounts").fetchall()
            ciphertexts.append(stored_ciphertext(store))
        pieces = [text[at : at + 32].encode() for text in ciphertexts for at in range(0, len(text) - 32, 32)]
        before = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert any(piece in before for piece in pieces)

        done = disconnect(SANDBOX, settings, store)

        after = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert not [piece for piece in pieces if piece in after]
        assert done.undeleted is None


@pytest.mark.sqlite
def test_a_log_that_cannot_be_emptied_now_is_reported(
    settings: Settings, store: AccountStore, salesforce: FakeSalesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_web(SANDBOX, settings, store, open_browser=salesforce.sign_in, connected_by="ann", seconds=10)
    monkeypatch.setattr("integration_center.database.sqlite_engine.BUSY_TIMEOUT_MS", 20)
    with contextlib.closing(sqlite3.connect(settings.database.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM accounts").fetchall()
        done = disconnect(SANDBOX, settings, store)
    assert "NOT deleted: the encrypted tokens" in done.summary
    assert store.find(SANDBOX) is None


@pytest.mark.sqlite
def test_what_is_deleted_is_overwritten_whatever_sqlite_does_unasked(store: AccountStore) -> None:
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 1
