"""Settings that name a secret of a store: what is fetched, and what is said where the store does not give it."""

import base64
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
import responses
from google.auth.credentials import AnonymousCredentials
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from integration_center.alerts.places import AlertFile, read_alert_settings
from integration_center.alerts.settings import PagerDuty
from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.integration.environment import Environment, OrgKind
from integration_center.secret_stores.references import fetch_secret
from integration_center.settings import Paths, read_settings

VAULT = "https://vault.acme.example"
GOOGLE = "https://secretmanager.googleapis.com/v1/projects/acme/secrets/center/versions"
HIDDEN = "s3cret-of-the-store"


@pytest.fixture(autouse=True)
def forget(home: Path) -> Iterator[None]:
    """A process fetches each secret once; each test is a process of its own."""
    fetch_secret.cache_clear()
    yield
    fetch_secret.cache_clear()


@pytest.fixture(scope="module")
def aws_url() -> Iterator[str]:
    """AWS Secrets Manager, on loopback."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Stores a secret in AWS."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()

    def store(name: str, text: str) -> None:
        boto3.client("secretsmanager").create_secret(Name=name, SecretString=text)

    return store


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """Vault's answers, as its documentation has them."""
    monkeypatch.setenv("VAULT_ADDR", VAULT)
    monkeypatch.setenv("VAULT_TOKEN", "hvs.token")
    with responses.RequestsMock() as answers:
        yield answers


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """Google Cloud's answers, as its REST API has them."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    monkeypatch.setattr("google.auth.default", lambda *args, **options: (nobody, "acme"))
    with responses.RequestsMock() as answers:
        yield answers


def refuse(reference: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of a reference that yields nothing."""
    monkeypatch.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", reference)
    with pytest.raises(ConfigurationError) as error:
        read_settings()
    assert HIDDEN not in str(error.value)
    assert error.value.__cause__ is None
    return str(error.value)


def test_each_secret_may_be_in_aws_and_is_fetched_once(
    aws: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    aws("prod/center", json.dumps({"database": "postgresql://u:p@db/center", "oidc": "o", "number": 1}))
    aws("key", HIDDEN)
    monkeypatch.setenv("INTEGRATION_CENTER_SECRET_KEY", "aws-sm://key")
    monkeypatch.setenv("INTEGRATION_CENTER_DATABASE_URL", "aws-sm://prod/center#database")
    monkeypatch.setenv("INTEGRATION_CENTER_OIDC_CLIENT_SECRET", "AWS-SM://prod/center#oidc")  # schemes have no case
    settings = read_settings()
    assert settings.secret_key.get_secret_value() == HIDDEN
    assert settings.oidc_client_secret.get_secret_value() == "o"
    assert settings.database == Paths().database == "postgresql://u:p@db/center"
    assert HIDDEN not in repr(settings)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert read_settings() == settings

    (home / "alerts.yaml").write_text(
        "channels:\n  pager:\n    type: pagerduty\n    routing_key: aws-sm://prod/center#oidc\n"
    )
    alerts = read_alert_settings(AlertFile(home))
    assert alerts is not None
    channel = alerts.channels["pager"]
    assert isinstance(channel, PagerDuty)
    assert channel.routing_key.get_secret_value() == "o"


def test_the_secret_of_a_further_account_may_be_in_a_store_and_stops_only_that_account(
    aws: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws("emea", HIDDEN)
    for name, value in {"EMEA_PROD_CLIENT_SECRET": "aws-sm://emea", "APAC_CLIENT_SECRET": "aws-sm://gone"}.items():
        monkeypatch.setenv(f"SALESFORCE_{name}", value)
    for name in ("EMEA_PROD", "APAC"):
        monkeypatch.setenv(f"SALESFORCE_{name}_CLIENT_ID", "id")
    settings = read_settings()
    app = settings.app(Environment("emea-prod"), OrgKind.PRODUCTION)
    assert app.client_secret.get_secret_value() == HIDDEN
    assert HIDDEN not in repr(settings)
    assert settings.app(Environment.SANDBOX, OrgKind.SANDBOX).client_id
    with pytest.raises(ConfigurationError, match="aws-sm://gone is not in AWS Secrets Manager"):
        settings.app(Environment("apac"), OrgKind.PRODUCTION)
    assert settings.find_login_url(Environment("apac"), OrgKind.PRODUCTION) == "https://login.salesforce.com"


def test_what_aws_does_not_give(aws: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    aws("json", json.dumps({"number": 1, "text": HIDDEN}))
    assert "is not in AWS Secrets Manager" in refuse("aws-sm://nothing", monkeypatch)
    assert "no JSON object with a text under 'number'" in refuse("aws-sm://json#number", monkeypatch)
    assert "names no secret" in refuse("aws-sm://#x", monkeypatch)
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        without.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        boto3.setup_default_session()
        assert "needs AWS credentials" in refuse("aws-sm://json", without)
    with monkeypatch.context() as down:
        boto3.setup_default_session()
        down.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        down.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", "aws-sm://json#text")
        down.setattr("integration_center.secret_stores.aws.PATIENCE", None)
        down.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            read_settings()


def test_vault_gives_a_key_of_a_secret(vault: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"data": {"data": {"client": HIDDEN, "number": 1}, "metadata": {"version": 3}}}
    vault.get(f"{VAULT}/v1/secret/data/team/center", json=answer)
    monkeypatch.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", "vault://secret/team/center#client")
    assert read_settings().sandbox_client_secret.get_secret_value() == HIDDEN
    assert "no text under 'number'" in refuse("vault://secret/team/center#number", monkeypatch)


def test_vault_is_asked_over_http_with_the_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    class Vault(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["X-Vault-Token"]))
            known = asked[-1] == ("/v1/secret/data/team/center", "hvs.token")
            found = {"data": {"client": HIDDEN}, "metadata": {"version": 1}}
            self.send_response(200 if known else 403)
            self.end_headers()
            self.wfile.write(json.dumps({"data": found} if known else {"errors": []}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("VAULT_TOKEN", "hvs.token")
        monkeypatch.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", "vault://secret/team/center#client")
        for _ in range(2):  # a process fetches it once
            assert read_settings().sandbox_client_secret.get_secret_value() == HIDDEN
        assert asked == [("/v1/secret/data/team/center", "hvs.token")]
        monkeypatch.setenv("VAULT_TOKEN", "hvs.another")
        assert "a token whose policy" in refuse("vault://secret/other#client", monkeypatch)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "said"), [(403, 'a token whose policy has "read" on secret/data/center'), (404, "is not in Vault")]
)
def test_what_vault_refuses(
    vault: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    vault.get(f"{VAULT}/v1/secret/data/center", json={"errors": [HIDDEN]}, status=status)
    assert said in refuse("vault://secret/center#client", monkeypatch)


@pytest.mark.parametrize("status", [500, 503])
def test_a_vault_that_is_down_or_sealed_may_be_asked_again(
    vault: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    vault.get(f"{VAULT}/v1/secret/data/center", json={"errors": [HIDDEN]}, status=status)
    monkeypatch.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", "vault://secret/center#client")
    with pytest.raises(ServiceUnavailable, match="Vault does not answer") as error:
        read_settings()
    assert HIDDEN not in str(error.value)


def test_a_reference_to_vault_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", VAULT)
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    assert "needs VAULT_ADDR and VAULT_TOKEN" in refuse("vault://secret/center#client", monkeypatch)
    assert "is not vault://MOUNT/PATH#KEY" in refuse("vault://secret/center", monkeypatch)
    monkeypatch.setitem(sys.modules, "hvac", None)
    monkeypatch.delitem(sys.modules, "integration_center.secret_stores.vault", raising=False)
    assert "needs the extra `vault`" in refuse("vault://secret/center#other", monkeypatch)


def test_google_gives_the_newest_version_unless_one_is_named(
    google: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, text in (("latest", HIDDEN), ("3", json.dumps({"key": "third"}))):
        payload = {"data": base64.b64encode(text.encode()).decode()}
        google.get(f"{GOOGLE}/{version}:access", json={"name": f"{version}", "payload": payload})
    monkeypatch.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", "gcp-sm://projects/acme/secrets/center")
    monkeypatch.setenv("WALKME_CLIENT_SECRET", "gcp-sm://projects/acme/secrets/center/versions/3#key")
    settings = read_settings()
    assert settings.sandbox_client_secret.get_secret_value() == HIDDEN
    assert settings.walkme_client_secret.get_secret_value() == "third"
    assert "is not gcp-sm://projects/PROJECT" in refuse("gcp-sm://center", monkeypatch)


@pytest.mark.parametrize(("status", "said"), [(403, "Secret Manager Secret Accessor"), (404, "is not in Google Cloud")])
def test_what_google_refuses(
    google: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    google.get(f"{GOOGLE}/latest:access", json={"error": {"code": status, "message": HIDDEN}}, status=status)
    assert said in refuse("gcp-sm://projects/acme/secrets/center", monkeypatch)


def test_other_values_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALKME_FILES_ROOT", "vault://drops")
    monkeypatch.setenv("WALKME_CLIENT_SECRET", "s3://not-a-secret-store")
    settings = read_settings()
    assert settings.walkme_files_root == "vault://drops"
    assert settings.walkme_client_secret.get_secret_value() == "s3://not-a-secret-store"
