"""The wizard's last screen: what fires in the org, and missing fields that are created by a button."""

from collections.abc import Iterator

import pytest

from integration_center.access.audit import Action
from integration_center.installation import Installation
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import COUNT, HEADER, PLAIN, Center, logins
from salesforce_emulator.org import automation
from salesforce_emulator.org.org import Org

NEW = "WalkMe_User_ID__c"


@pytest.fixture
def org(center: Center) -> Iterator[Org]:
    """The sandbox, with a report for its Leads."""
    center.drop(logins(PLAIN))
    yield center.emulator.sandbox.org
    automation.clear_automation(center.emulator.sandbox.org)


def map_new_field(browser: Browser, column: str = "User ID") -> WizardUser:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("add")
    user.press("stay", {"column-3": column})
    user.press("stay", {"field-3": NEW})
    return user


@pytest.mark.proof
def test_from_a_missing_field_to_a_saved_integration(
    center: Center, org: Org, browser: Browser, installation: Installation
) -> None:
    user = map_new_field(browser)
    assert "Create it in Sandbox" in user.seen.text
    user.press("create-fields")
    assert f'Created on Lead: User ID <span class="api">{NEW}</span>.' in user.seen.html
    assert "the Salesforce admin has to provide" not in user.seen.text
    assert installation.audit.list()[0].action is Action.CREATED_FIELDS
    (row,) = org.store.records("FieldPermissions")
    assert (row["Field"], row["PermissionsEdit"]) == (f"Lead.{NEW}", 1)
    user.press("save")
    assert [folder.name for folder in center.defs.iterdir()] == ["logins_to_lead"]


def test_a_column_of_long_texts_gets_a_long_text_area(center: Center, org: Org, browser: Browser) -> None:
    center.drop([(*row, "Good. " * 50) for row in logins(PLAIN)], header=(*HEADER, "Comment"))
    assert f"API name: {NEW}, type: Text Area (Long, 32768)" in map_new_field(browser, "Comment").seen.text


@pytest.mark.proof
def test_a_user_who_may_not_sees_what_is_missing(org: Org, browser: Browser, installation: Installation) -> None:
    user = map_new_field(browser)
    org.set_permission("PermissionsCustomizeApplication", granted=False)
    user.press("create-fields")
    assert "may not create fields: that takes Customize Application" in user.seen.text
    assert "Message to the Salesforce admin" in user.seen.text
    assert not installation.audit.list(actions=[Action.CREATED_FIELDS])
    org.set_permission("PermissionsCustomizeApplication", granted=True)
    org.set_permission("PermissionsManageProfilesPermissionsets", granted=False)
    user.press("create-fields")
    assert "may not change permission sets" in user.seen.text
    assert "exists, hidden" in user.seen.text  # the field was created, and waits to be granted
    (noted,) = installation.audit.list(actions=[Action.CREATED_FIELDS])
    assert f"Created on Lead: {NEW}." in (noted.detail or "")
    org.set_permission("PermissionsManageProfilesPermissionsets", granted=True)
    user.press("create-fields")
    assert f'Already there: User ID <span class="api">{NEW}</span>.' in user.seen.html
    assert "the Salesforce admin has to provide" not in user.seen.text


@pytest.mark.proof
def test_what_fires_is_reported_for_the_mapped_fields(org: Org, browser: Browser) -> None:
    automation.add_trigger(org, "Lead", "Scores", f"l.{COUNT} = 1;", events=["AfterUpdate"])
    automation.add_validation_rule(org, "Lead", "Need_City", "ISBLANK(City)")
    user = WizardUser.begin(browser)
    user.to_mapping()
    assert "2 things the org runs when Lead is updated" in user.open("mapping").text
    named = f'WalkMe Logins Last 30 Days <span class="api">{COUNT}</span>'
    assert f"Apex trigger Scores (after update) reads {named}" in user.seen.html
    assert "Validation rule Need_City names none of the mapped fields" in user.seen.text
    assert "Not seen: sharing" in user.seen.text
    user.press("plan")
    assert "A run would update" in user.seen.text
    assert f"Apex trigger Scores (after update) reads {named}" in user.seen.html
