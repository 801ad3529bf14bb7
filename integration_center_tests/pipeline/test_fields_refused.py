"""Fields that the org refuses to create: what is said, what was done all the same, and what the audit log has."""

import json

import pytest

from integration_center.access.audit import Action
from integration_center.installation import open_installation
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command

FIRST_NEW, SECOND_NEW = "WalkMe_Since__c", "WalkMe_Visits__c"
PATH = "*/tooling/sobjects/CustomField"


@pytest.fixture
def lacking(center: Center) -> Center:
    """An integration of which two fields are missing."""
    pairs = {"First Login": FIRST_NEW, "# Logins Last 30 Days": SECOND_NEW}
    center.integrate(fields=[{"column": column, "field": field} for column, field in pairs.items()])
    center.drop(logins(PLAIN))
    return center


def refuse(center: Center, code: str, message: str, *, skip: int = 0, status: int = 400) -> None:
    """Let the org refuse one creation."""
    body = json.dumps([{"errorCode": code, "message": message}])
    center.emulator.sandbox.faults.respond(
        status, PATH, method="POST", skip=skip, body=body, content_type="application/json"
    )


def test_one_that_is_refused_stops_no_other(lacking: Center, command: Command) -> None:
    refuse(lacking, "FIELD_INTEGRITY_EXCEPTION", "too many fields")
    code, out, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert f"Created on Lead: {SECOND_NEW}." in errors
    assert f"Refused: {FIRST_NEW}: " in errors
    assert "(FIELD_INTEGRITY_EXCEPTION): too many fields." in errors
    assert f"Lead.{FIRST_NEW} is missing" in out
    assert f"Lead.{SECOND_NEW} is missing" not in out


def test_an_object_that_is_full_stops_no_other_step(lacking: Center, command: Command) -> None:
    refuse(lacking, "LIMIT_EXCEEDED", "No clean data columns available for custom fields", skip=1)
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert f"Created on Lead: {FIRST_NEW}." in errors
    assert f"Refused: {SECOND_NEW}: " in errors
    assert "No clean data columns available for custom fields" in errors
    assert "what was left to do" not in errors


def test_a_right_that_is_missing_has_several_names(lacking: Center, command: Command) -> None:
    refuse(lacking, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights", status=403)
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert "may not create fields: that takes Customize Application" in errors


def test_a_name_that_a_deleted_field_still_has(lacking: Center, command: Command) -> None:
    refuse(lacking, "DUPLICATE_DEVELOPER_NAME", "there is one already")
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert f"Refused: {FIRST_NEW}: its name is taken by a deleted field, which an admin has to erase first" in errors


def test_what_was_created_before_an_error_is_in_the_audit_log(lacking: Center, command: Command) -> None:
    refuse(lacking, "REQUEST_LIMIT_EXCEEDED", "TotalRequests", skip=1, status=403)
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert f"Created on Lead: {FIRST_NEW}." in errors
    assert "Refused: what was left to do: " in errors
    with open_installation() as installation:
        (entry,) = [each for each in installation.audit.list() if each.action is Action.CREATED_FIELDS]
    assert f"Created on Lead: {FIRST_NEW}." in (entry.detail or "")


def test_nothing_was_created_before_the_error(lacking: Center, command: Command) -> None:
    refuse(lacking, "REQUEST_LIMIT_EXCEEDED", "TotalRequests", status=403)
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert "Created" not in errors
    with open_installation() as installation:
        assert Action.CREATED_FIELDS not in {each.action for each in installation.audit.list()}


def test_what_the_tool_cannot_create_is_said(lacking: Center, command: Command) -> None:
    """A field of the standard has no name that could be given to a new one."""
    lacking.integrate(fields=[{"column": "# Logins Last 30 Days", "field": "Visits"}])
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert "No missing field of Logins to Leads can be created here." in errors
    assert lacking.emulator.sandbox.calls.find("POST", PATH) == []
    assert COUNT not in errors
