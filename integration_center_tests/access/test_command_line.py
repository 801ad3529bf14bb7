"""`password` and `audit`, as typed."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from integration_center.access.audit import Action
from integration_center.access.passwords import find_user
from integration_center.access.users import Role, read_users
from integration_center.cli.verbs import app
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.settings import Settings


def test_the_printed_line_lets_the_user_in(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["password", "ann", "--role", "operator"], input="a good long password\n")
    assert result.exit_code == 0, result.output
    path = tmp_path / "users"
    path.write_text(result.stdout)
    path.chmod(0o600)
    users = read_users(Settings(_env_file=None, users=SecretStr(str(path))))
    user = find_user(users, "ann", "a good long password")
    assert user is not None
    assert user.role is Role.OPERATOR
    assert "a good long password" not in result.output


def test_a_short_password_is_refused_without_being_repeated() -> None:
    result = CliRunner().invoke(app, ["password", "ann"], input="too-short\n")
    assert isinstance(result.exception, ConfigurationError)
    assert "too-short" not in str(result.exception)


def test_a_common_password_is_refused_without_being_repeated() -> None:
    result = CliRunner().invoke(app, ["password", "ann"], input="Password1234\n")
    assert isinstance(result.exception, ConfigurationError)
    assert "is common" in str(result.exception)
    assert "Password1234" not in result.output + str(result.exception)


@pytest.mark.parametrize("arguments", [["a b"], ["ann", "--role", "boss"]])
def test_a_wrong_name_or_role_asks_for_no_password(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["password", *arguments])
    assert result.exit_code != 0
    assert result.stdout == ""


def test_the_audit_log_is_listed_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with open_installation() as installation:
        installation.audit.record(
            Action.CONNECTED, who="ann", where="192.0.2.7", environment=Environment.SANDBOX, detail="org"
        )
        installation.audit.record(Action.RAN, who="bob", where="command line", slug="logins_to_leads")
    listed = json.loads(CliRunner().invoke(app, ["audit", "--json"]).stdout)
    assert [(row["who"], row["where"], row["action"]) for row in listed] == [
        ("bob", "command line", "ran"),
        ("ann", "192.0.2.7", "connected"),
    ]
    assert listed[1]["environment"] == "sandbox"
    assert listed[1]["at"].endswith("Z")
    one = json.loads(CliRunner().invoke(app, ["audit", "logins_to_leads", "--json"]).stdout)
    assert [row["integration"] for row in one] == ["logins_to_leads"]
