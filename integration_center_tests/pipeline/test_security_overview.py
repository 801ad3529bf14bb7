"""The page for a security review names every address and account, and no secret."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.administration.egress import list_destinations, name_place
from integration_center.pipeline.administration.security_overview import say_age, write_overview
from integration_center_tests.pipeline.center import EXAMPLE, Center
from integration_center_tests.pipeline.commands import Command

ALERTS = """
channels:
  chat: {type: slack, url: "https://hooks.slack.example/services/SECRETPATH"}
  mail: {type: email, host: smtp.acme.example, security: tls, sender: c@acme.example, to: [o@acme.example]}
"""


@pytest.fixture
def installation(center: Center, monkeypatch: pytest.MonkeyPatch) -> Installation:
    (center.home / "alerts.yaml").write_text(ALERTS)
    (center.home / "alerts.yaml").chmod(0o600)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with open_installation() as installation:
        changed = {
            "walkme_files_root": "s3://drops/prefix",
            "walkme_client_secret": SecretStr("walkme-secret"),
            "oidc_issuer": "https://sso.acme.example/realms/a",
            "oidc_client_id": "center",
            "oidc_client_secret": SecretStr("oidc-secret"),
            "group_roles": "admin=it",
        }
        return Installation(installation.settings.model_copy(update=changed), installation.engine)


def test_every_address_is_named_once_and_without_its_secrets(installation: Installation, center: Center) -> None:
    org = urlsplit(center.emulator.sandbox.url)
    hosts = {each.host for each in list_destinations(installation)}
    assert hosts >= {
        f"{org.hostname}:{org.port}",
        "drops.s3.eu-west-1.amazonaws.com:443",
        "sso.acme.example:443",
        "hooks.slack.example:443",
        "smtp.acme.example:587",
    }
    assert name_place("https://user:secret@acme.example/path?token=x") == "acme.example:443"


def test_it_says_whether_a_setting_here_allows_requests_without_tls(installation: Installation) -> None:
    closed = write_overview(installation, datetime.now(UTC))
    assert "No setting allows requests to another machine without encryption." in closed
    assert "| it stays within this machine |" in closed, "the emulator"
    changed = {"walkme_files_root": "sftp://walkme@drops.acme.example/out"}
    by_ssh = Installation(installation.settings.model_copy(update=changed), installation.engine)
    assert "| `drops.acme.example:22` | Reports, dropped as files | SSH |" in write_overview(by_ssh, datetime.now(UTC))


@pytest.mark.parametrize(
    ("variables", "alerts", "database", "named"),
    [
        ({"AWS_ENDPOINT_URL": "http://minio:9000", "AWS_ALLOW_HTTP": "true"}, "", "", "minio:9000"),
        ({}, "security: none", "", "smtp.acme.example:587"),
        ({}, "", "postgresql://center@db.acme.example/center", "db.acme.example:5432"),
    ],
)
def test_what_a_setting_leaves_open_is_named(
    installation: Installation, center: Center, monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str], alerts: str, database: str, named: str,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if alerts:
        text = ALERTS.replace("security: tls", alerts)
        assert text != ALERTS
        (center.home / "alerts.yaml").write_text(text)
    settings = installation.settings.model_copy(update={"database_url": SecretStr(database)} if database else {})
    text = write_overview(Installation(settings, installation.engine), datetime.now(UTC))
    assert f"**A setting allows requests without TLS to `{named}`.**" in text


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("", ["| `a socket` | The database of this installation | it stays within this machine |"]),
        (
            "?host=/run/postgresql",
            ["| `a socket` | The database of this installation | it stays within this machine |"],
        ),
        (
            "?sslmode=require&host=one.acme.example:5433&host=two.acme.example",
            [
                "| `one.acme.example:5433` | The database of this installation | TLS (sslmode=require) |",
                "| `two.acme.example:5432` | The database of this installation | TLS (sslmode=require) |",
            ],
        ),
    ],
)
def test_servers_of_the_database_are_found_in_the_query(
    installation: Installation, query: str, lines: list[str]
) -> None:
    settings = installation.settings.model_copy(update={"database_url": SecretStr(f"postgresql:///center{query}")})
    text = write_overview(Installation(settings, installation.engine), datetime.now(UTC))
    assert [line for line in text.splitlines() if "The database of this" in line] == lines


def test_it_holds_scopes_and_age_and_no_secret(installation: Installation) -> None:
    later = datetime.now(UTC) + timedelta(hours=5)
    text = write_overview(installation, later)
    tokens = installation.accounts.tokens(Environment.SANDBOX)
    for secret in (tokens.access_token.get_secret_value(), "SECRETPATH", "oidc-secret", "walkme-secret"):
        assert secret not in text
    assert f"`{installation.accounts.get(Environment.SANDBOX).username}`" in text, "as it can be copied"
    assert "5 hours, renewed by the app" in text
    assert "OAuth client credentials flow" in text
    assert "admin=it" in text
    assert "Nothing is stopped" in text
    assert len(text.splitlines()) < 60, "one page"


def test_it_names_the_fields_that_are_changed(installation: Installation, center: Center) -> None:
    assert "No integration is built" in write_overview(installation, datetime.now(UTC))
    center.integrate(fields=EXAMPLE["fields"][:1])
    center.integrate("again", fields=EXAMPLE["fields"][1:2], enabled=False)
    center.integrate("of_contacts", object="Contact")
    text = write_overview(installation, datetime.now(UTC))
    names = [f"`{each['field']}`" for each in EXAMPLE["fields"]]
    assert f"| Sandbox | Lead | {', '.join(sorted(names[:2]))} |" in text
    assert f"| Sandbox | Contact | {', '.join(sorted(names))} |" in text
    for number in range(40):
        center.integrate(f"n{number}", object=f"Custom_{number}__c")
    text = write_overview(installation, datetime.now(UTC))
    assert "And 27 more objects." in text
    assert len(text.splitlines()) < 75, "one page"


def test_it_comes_as_a_command(center: Center, command: Command, tmp_path: Path) -> None:
    assert "# Security overview" in command("security")[1]
    code, _, _ = command("security", "--output", str(tmp_path / "overview.md"))
    assert code == 0
    assert "Salesforce accounts" in (tmp_path / "overview.md").read_text()


@pytest.mark.parametrize(
    ("age", "said"), [(0, "less than a minute"), (60, "1 minute"), (7_200, "2 hours"), (86_400, "1 day")]
)
def test_an_age_is_said_in_its_largest_unit(age: int, said: str) -> None:
    assert say_age(timedelta(seconds=age)) == said
