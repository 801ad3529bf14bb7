"""`permissions`: what it prints for people, with and without an account, and what the org refuses of it."""

import io
import json
from pathlib import Path

import pytest

from integration_center_tests.pipeline.center import COUNT, Center
from integration_center_tests.pipeline.commands import Command, as_json

APPLY = ("permissions", "sandbox", "--apply")


def test_no_integration_needs_no_right(center: Center, command: Command) -> None:
    code, _, error = command("permissions", "production")
    assert code == 1
    assert "there is no integration for Production yet, so no right is needed" in error


def test_without_an_account_it_shows_what_is_needed_and_applies_nothing(center: Center, command: Command) -> None:
    center.integrate(environment="production")
    code, out, _ = command("permissions", "production")
    assert code == 0
    assert "No account is connected, so nothing was compared with an org." in out
    found = as_json(command("permissions", "production", "--json"))
    assert found["missing"] is None
    assert f"Lead.{COUNT}" in " ".join(found["needed"])
    code, _, error = command("permissions", "production", "--apply", "--yes")
    assert code == 1
    assert "integration-center connect production" in error


def test_a_field_that_does_not_exist_is_listed_apart(center: Center, command: Command) -> None:
    center.integrate(fields=[{"column": "# Logins Last 30 Days", "field": "Visits__c"}])
    code, out, _ = command("permissions", "sandbox")
    assert code == 0
    assert "These fields do not exist yet:\n- " in out
    assert "Visits__c" in out.partition("These fields do not exist yet:")[2]


def test_what_is_not_confirmed_is_not_applied(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    for answer, wanted in (("n", 1), ("y", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
        code, out, error = command(*APPLY)
        assert (code, "in Sandbox, and assign it to" in out) == (wanted, True), out + error
        made = center.emulator.sandbox.calls.find("POST", "*/PermissionSet*")
        assert bool(made) is (answer == "y")


def test_a_package_needs_a_place(center: Center, command: Command, tmp_path: Path) -> None:
    center.integrate()
    code, _, error = command("permissions", "sandbox", "--package", str(tmp_path / "missing" / "set.zip"))
    assert code == 1
    assert f"--package {tmp_path}/missing/set.zip cannot be written: No such file or directory" in error
    code, out, _ = command("permissions", "sandbox", "--package", str(tmp_path / "set.zip"))
    assert code == 0
    assert f"The package is in {tmp_path}/set.zip." in out


def test_what_the_org_refuses_of_it_fails_the_command(center: Center, command: Command) -> None:
    center.integrate()
    body = json.dumps([{"errorCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": "licence"}])
    center.emulator.sandbox.faults.respond(
        400, "*/PermissionSetAssignment", method="POST", body=body, content_type="application/json"
    )
    code, out, error = command(*APPLY, "--yes")
    assert code == 1
    assert "not assigned" in out + error
