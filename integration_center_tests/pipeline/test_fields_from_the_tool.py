"""Missing fields are created on consent, opened by the generated permission set alone, and then written."""

import pytest
from typer.testing import CliRunner

from integration_center.access.audit import Action
from integration_center.cli.verbs import app
from integration_center.installation import open_installation
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, email, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.org.org import Org

NEW = {"First Login": "WalkMe_Since__c", "# Logins Last 30 Days": "WalkMe_Visits__c", "Last Login": COUNT}


@pytest.fixture
def org(center: Center) -> Org:
    """The sandbox, for an integration with two new fields."""
    center.integrate(fields=[{"column": column, "field": field} for column, field in NEW.items() if field != COUNT])
    center.drop(logins(PLAIN))
    return center.emulator.sandbox.org


@pytest.mark.proof
def test_from_missing_fields_to_a_sync(center: Center, org: Org, command: Command) -> None:
    code, said, _ = command("check")
    assert code == 1
    assert "Please create these custom fields on Lead" in said
    code, said, errors = command("check", "logins_to_leads", "--create-fields", "--yes")
    assert code == 0
    assert said.startswith("sound")
    assert "Created on Lead: WalkMe_Since__c, WalkMe_Visits__c." in errors
    ran = center.run()
    assert ran.success, ran.error
    (lead,) = org.store.records("Lead", "Email = ?", (email(PLAIN[0]),))
    assert lead["WalkMe_Visits__c"] == 7 + PLAIN[0]
    granted = {row["Field"] for row in org.store.records("FieldPermissions", "PermissionsEdit = 1")}
    assert granted == {"Lead.WalkMe_Since__c", "Lead.WalkMe_Visits__c"}
    made = org.store.records("CustomField", "DeveloperName = 'WalkMe_Visits'")
    assert '"inlineHelpText": "Filled by the Integration Center from the WalkMe report' in made[0]["Metadata"]
    assert '"type": "Number"' in made[0]["Metadata"]
    with open_installation() as installation:
        assert Action.CREATED_FIELDS in {entry.action for entry in installation.audit.list()}
    assert as_json(command("permissions", "sandbox", "--json"))["absent"] == []


def test_texts_that_are_too_long_for_a_text_field_get_a_long_text_area(
    center: Center, org: Org, command: Command
) -> None:
    words, header = "They said: good. " * 20, ("User ID", "First Login", "Last Words", "Last Login")
    center.drop([(key, first, words, last) for key, first, last, _ in logins(PLAIN)], header=header)
    center.integrate(fields=[{"column": "Last Words", "field": "WalkMe_Words__c"}])
    assert "API name: WalkMe_Words__c, type: Text Area (Long, 32768)" in command("check")[1]
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 0, errors
    (made,) = org.store.records("CustomField", "DeveloperName = 'WalkMe_Words'")
    assert '"type": "LongTextArea"' in made["Metadata"]
    ran = center.run()
    assert ran.success, ran.error
    (lead,) = org.store.records("Lead", "Email = ?", (email(PLAIN[0]),))
    assert lead["WalkMe_Words__c"] == words.strip()


def test_a_field_that_was_made_already_is_opened(center: Center, org: Org, command: Command) -> None:
    calls = org.calls
    center.emulator.sandbox.faults.drop("*/tooling/sobjects/CustomField", when="after", method="POST")
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 0, errors
    assert "Created on Lead: WalkMe_Since__c, WalkMe_Visits__c." in errors
    assert len(calls.find("POST", "*/tooling/sobjects/CustomField")) == 2
    org.schema.hide("Lead", COUNT)
    center.integrate(fields=[{"column": "# Logins Last 30 Days", "field": COUNT}])
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 0
    assert f"Already there: {COUNT}." in errors


def test_a_user_who_may_not_create_fields_sees_so(org: Org, command: Command) -> None:
    org.set_permission("PermissionsCustomizeApplication", False)
    code, _, errors = command("check", "--create-fields", "--yes")
    assert code == 1
    assert "may not create fields: that takes Customize Application" in errors
    assert org.store.records("CustomField") == []


def test_nothing_is_created_without_consent(org: Org, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", lambda *given, **options: False)
    assert command("check", "--create-fields")[0] == 1
    assert org.store.records("CustomField") == org.store.records("PermissionSet") == []


def test_new_offers_a_field_for_a_column_that_none_suits(center: Center, org: Org) -> None:
    header = ("User ID", "First Login", "Favourite Colour", "Last Login")
    center.drop([(key, first, "blue" * 99, last) for key, first, last, _ in logins(PLAIN)], header=header)
    answers = ["", "", "", "", "", "y", *[""] * 8]
    result = CliRunner().invoke(app, ["new", "--create-fields"], input="\n".join(answers) + "\n")
    assert result.exit_code == 0, (result.exception, result.output)
    assert (
        "No field suits 'Favourite Colour'. Create WalkMe_Favourite_Colour__c (Text Area (Long, 32768))?"
        in result.output
    )
    assert "Created on Lead: WalkMe_Favourite_Colour__c." in result.output, result.output
    specs = load_integrations(center.defs).specs
    assert "WalkMe_Favourite_Colour__c" in {field.field for field in specs["logins_to_lead"].fields}
    assert {row["Field"] for row in org.store.records("FieldPermissions")} == {"Lead.WalkMe_Favourite_Colour__c"}
