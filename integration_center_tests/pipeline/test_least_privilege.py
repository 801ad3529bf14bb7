"""A user who has only the generated permission set: whole syncs pass, and a right that is taken away is named."""

import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from integration_center.errors import ServiceUnavailable
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.org import automation
from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import RowError

SET = "Integration_Center_Sandbox"
ROLL_UP: dict[str, Any] = {
    "name": "Rolled up",
    "rows": "all",
    "where": "IsConverted = false AND Country != 'Atlantis'",
    "fields": [{"value": 'SUM("# Logins Last 30 Days")', "field": COUNT}],
}


@pytest.fixture
def org(center: Center) -> Org:
    """The sandbox, which lets every user write records of other owners."""
    org = center.emulator.sandbox.org
    org.rights.sharing = "ReadWrite"
    return org


@pytest.fixture
def narrow(org: Org, command: Command) -> Callable[[], None]:
    """Lets the administrator make the permission set, and then leaves the user nothing else."""

    def become_narrow() -> None:
        code, said, errors = command("permissions", "sandbox", "--apply", "--yes")
        assert code == 0, said + errors
        org.become_integration_user()

    return become_narrow


@pytest.mark.proof
def test_the_generated_set_is_enough_for_a_sync_and_a_roll_up(
    center: Center, command: Command, narrow: Callable[[], None]
) -> None:
    center.integrate(fields=EXAMPLE["fields"][:2])
    center.integrate("rolled_up", **ROLL_UP)
    center.drop(logins(PLAIN))
    narrow()
    for slug in ("logins_to_leads", "rolled_up"):
        ran = center.run(slug)
        assert ran.success, ran.error
        assert center.sync(ran, slug).counts["rows"]["updated"] == len(PLAIN)
    checked = as_json(command("check", "--json"))
    assert [(each["verdict"], each["rights"]) for each in checked] == [
        ("sound", {"missing": [], "surplus": [], "absent": [], "unknown": []})
    ] * 2
    found = as_json(command("permissions", "sandbox", "--json"))
    assert {name: found[name] for name in ("missing", "absent", "surplus", "unknown")} == {
        "missing": [],
        "absent": [],
        "surplus": [],
        "unknown": [],
    }


@pytest.mark.proof
def test_the_generated_set_is_enough_in_an_org_whose_automation_works_against_it(
    center: Center, org: Org, command: Command, narrow: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What triggers, flows and rules do is booked as it is for an administrator; what cannot be seen is said."""
    monkeypatch.setattr("integration_center.pipeline.steps.look_back.WORTH_A_LOOK", 1)
    automation.add_trigger(org, "Lead", "LeadScore", f"trigger LeadScore on Lead (before update) {{ l.{COUNT} = 1; }}")
    automation.add_flow(org, "Lead", "Lead_Router", COUNT)
    automation.add_validation_rule(org, "Lead", "Need_Count", f"{COUNT} < 0")
    refused, changed = (center.lead(number)["Id"] for number in PLAIN[:2])
    org.faults.fail_rows([refused], RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))
    org.flows.change_on_save("Lead", COUNT, lambda value: value + 1, record_ids=[changed])
    center.integrate(limits={"max_failed": 50})
    center.drop(logins(PLAIN))
    narrow()
    ran = center.run()
    assert ran.success, ran.error
    assert center.sync(ran).counts["lines"] == {"failed": 1, "overridden": 1, "updated": len(PLAIN) - 2}
    said = command("check", "logins_to_leads")
    assert said[0] == 0
    assert "not seen: Apex triggers" in said[1]
    assert "Not all that runs when Lead is updated could be looked at" in said[1]
    assert "No trigger, flow or rule was seen" not in said[1]
    automation.clear_automation(org)


def test_the_generated_set_is_enough_for_an_external_id_and_a_condition_on_a_parent(
    center: Center, org: Org, command: Command, narrow: Callable[[], None]
) -> None:
    before = org.store.records("WalkMe_Engagement__c")
    keys = [row["Customer_Key__c"] for row in before if row["Customer_Key__c"] and row["Account__c"]][:3]
    center.integrate(
        object="WalkMe_Engagement__c",
        keys=[{"column": "User ID", "field": "Customer_Key__c"}],
        fields=[{"column": "# Logins Last 30 Days", "field": "Sessions__c"}],
        where="Account__r.Name != 'Nobody'",
    )
    center.drop([(key, None, None, 70 + number) for number, key in enumerate(keys)])
    narrow()
    ran = center.run()
    assert ran.success, ran.error
    assert center.sync(ran).counts["rows"] == {"updated": len(keys)}
    needed = as_json(command("permissions", "sandbox", "--json"))["needed"]
    assert {"Read on Account", "Read and Edit on WalkMe_Engagement__c.Sessions__c"} <= {*needed}
    assert not any("Edit on Account" in right or "Account.Name" in right for right in needed)
    with org.store.writing() as connection:
        connection.execute("DELETE FROM WalkMe_Engagement__c")
        org.store.insert_many("WalkMe_Engagement__c", list(before[0]), [tuple(row.values()) for row in before])


def test_an_expired_assignment_is_none(center: Center, org: Org, command: Command) -> None:
    center.integrate()
    assert command("permissions", "sandbox", "--apply", "--yes")[0] == 0
    with org.store.writing() as connection:
        connection.execute("UPDATE PermissionSetAssignment SET ExpirationDate = '2026-01-01T00:00:00'")
    code, said, errors = command("permissions", "sandbox", "--apply", "--yes")
    assert "its assignment to the connected user has expired" in said + errors
    assert code == 1


@pytest.mark.proof
def test_an_activity_is_edited_by_a_user_permission(
    center: Center, org: Org, command: Command, narrow: Callable[[], None]
) -> None:
    task = {"Id": org.new_id("00T"), "Subject": "Call", "OwnerId": org.profile.user_id, "IsDeleted": 0}
    org.store.insert_many("Task", list(task), [tuple(task.values())])
    center.integrate(
        object="Task",
        keys=[{"column": "User ID", "field": "Subject"}],
        fields=[{"column": "# Logins Last 30 Days", "field": "WalkMe_Minutes__c"}],
    )
    center.drop([("Call", None, None, 70)])
    narrow()
    needed = as_json(command("permissions", "sandbox", "--json"))["needed"]
    assert [right for right in needed if "." not in right] == ["API Enabled", "Edit Tasks"]
    assert not org.store.records("ObjectPermissions")
    ran = center.run()
    assert ran.success, ran.error
    assert center.sync(ran).counts["rows"] == {"updated": 1}
    (checked,) = as_json(command("check", "--json"))
    assert checked["rights"] == {"missing": [], "surplus": [], "absent": [], "unknown": []}
    with org.store.writing() as connection:
        connection.execute("UPDATE PermissionSet SET PermissionsEditTask = 0, PermissionsEditEvent = 1")
    org.refresh_rights()
    (checked,) = as_json(command("check", "--json"))
    assert checked["rights"]["missing"] == ["Edit Tasks"]
    org.become_administrator()
    command("permissions", "sandbox", "--package", "set.zip")
    with zipfile.ZipFile(center.home / "set.zip") as package:
        xml = package.read(f"permissionsets/{SET}.permissionset").decode()
    assert "<name>EditTask</name>" in xml
    assert "EditEvent" not in xml
    assert "objectPermissions" not in xml
    with org.store.writing() as connection:
        connection.execute("DELETE FROM Task")


def test_a_permission_that_is_no_longer_needed_is_taken_away(center: Center, org: Org, command: Command) -> None:
    center.integrate()
    command("permissions", "sandbox", "--apply", "--yes")
    with org.store.writing() as connection:
        connection.execute("UPDATE PermissionSet SET PermissionsEditTask = 1, PermissionsApiEnabled = 0")
    assert command("permissions", "sandbox", "--apply", "--yes")[0] == 0
    (row,) = org.store.records("PermissionSet")
    assert (row["PermissionsEditTask"], row["PermissionsApiEnabled"]) == (0, 1)
    org.become_administrator()


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("taken", "said", "missing"),
    [
        ("DELETE FROM ObjectPermissions WHERE SobjectType = 'Lead'", "Read on Lead", "Read and Edit on Lead"),
        ("UPDATE ObjectPermissions SET PermissionsEdit = 0", "Edit on Lead", "Edit on Lead"),
        ("DELETE FROM FieldPermissions WHERE Field = 'Lead.Email'", "needs Read access", "Read on Lead.Email"),
        (
            f"UPDATE FieldPermissions SET PermissionsEdit = 0 WHERE Field = 'Lead.{COUNT}'",
            f"Lead.{COUNT}",
            f"Edit on Lead.{COUNT}",
        ),
        ("UPDATE PermissionSet SET PermissionsApiEnabled = 0", "API Enabled", None),
    ],
)
def test_a_right_that_is_taken_away_is_named(
    center: Center, org: Org, command: Command, narrow: Callable[[], None], taken: str, said: str, missing: str | None
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    narrow()
    with org.store.writing() as connection:
        connection.execute(taken)
    org.refresh_rights()
    ran = center.run()
    assert not ran.success
    sync = center.sync(ran)
    assert said in f"{sync.error} {sync.held}"
    assert not center.writes()
    if missing:
        (checked,) = as_json(command("check", "--json"))
        assert missing in checked["rights"]["missing"]
        assert missing in as_json(command("permissions", "sandbox", "--json"))["missing"]


def test_an_administrator_sees_what_is_surplus(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    code, said, _ = command("check")
    assert code == 0
    assert "more than the integrations of Sandbox need" in said
    assert "- Modify All Data" in said
    assert "- Create on Lead" in said
    calls = len(center.emulator.sandbox.calls.find())
    command("check")
    assert len(center.emulator.sandbox.calls.find()) - calls <= 5


def test_a_user_with_only_these_rights_can_be_connected(
    center: Center, org: Org, command: Command, narrow: Callable[[], None]
) -> None:
    center.integrate()
    narrow()
    assert command("connect", "sandbox", "--flow", "client-credentials")[0] == 0
    with org.store.writing() as connection:
        connection.execute(f"UPDATE FieldPermissions SET PermissionsEdit = 0 WHERE Field = 'Lead.{COUNT}'")
    org.refresh_rights()
    code, _, said = command("connect", "sandbox", "--flow", "client-credentials")
    assert code == 1
    assert f"lacks Modify All Data and, to do with less, Edit on Lead.{COUNT}" in said


def test_parts_of_an_address_are_granted_as_a_whole(
    center: Center, org: Org, command: Command, narrow: Callable[[], None]
) -> None:
    center.integrate(fields=[{"column": "First Login", "field": "City"}])
    center.drop(logins(PLAIN))
    narrow()
    rows = org.store.records("FieldPermissions")
    assert {row["Field"]: row["PermissionsEdit"] for row in rows} == {"Lead.Email": 0, "Lead.Address": 1}
    (checked,) = as_json(command("check", "--json"))
    assert checked["rights"]["missing"] == []


def test_the_set_follows_the_integrations(center: Center, org: Org, command: Command) -> None:
    center.integrate()
    assert command("permissions", "sandbox", "--apply", "--yes")[0] == 0
    center.integrate(fields=EXAMPLE["fields"][:1], where="Street != 'x'")
    applied = as_json(command("permissions", "sandbox", "--apply", "--yes", "--json"))["applied"]
    assert (applied["created"], applied["granted"], applied["removed"]) == (False, ["Read on Lead.Address"], 2)
    rows = org.store.records("FieldPermissions", "IsDeleted = 0")
    assert {row["Field"] for row in rows} == {"Lead.Email", "Lead.Address", "Lead.WalkMe_First_Login__c"}


def test_a_change_of_the_set_that_breaks_off_is_in_the_audit_log(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ServiceUnavailable("Salesforce is busy")

    center.integrate()
    monkeypatch.setattr("integration_center.salesforce.objects.permission_writing._assign", fail)
    assert command("permissions", "sandbox", "--apply", "--yes")[0] == 1
    entry = as_json(command("audit", "--json"))[0]
    assert entry["action"] == "changed permission set"
    assert entry["detail"].endswith("broke off; a part of it may be in the org: Salesforce is busy")


def test_the_package_needs_no_account(center: Center, command: Command) -> None:
    center.integrate(environment="production", keys=[{"column": "User ID", "field": "LastName"}])
    code, said, _ = command("permissions", "production", "--package", "set.zip")
    assert code == 0
    assert "No account is connected" in said
    with zipfile.ZipFile(center.home / "set.zip") as package:
        xml = package.read("permissionsets/Integration_Center_Production.permissionset").decode()
        manifest = package.read("package.xml").decode()
    assert "<members>Integration_Center_Production</members>" in manifest
    assert f"<field>Lead.{COUNT}</field>" in xml
    assert "LastName" not in xml  # a required field comes with its object, and cannot be granted
    assert xml.count("<objectPermissions>") == xml.count("<userPermissions>") == 1
    code, _, said = command("permissions", "sandbox")
    assert code == 1
    assert "there is no integration for Sandbox yet" in said
