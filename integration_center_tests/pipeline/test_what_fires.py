"""What fires in the org when records are updated: shown before the first sync, and never an obstacle to one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from integration_center.salesforce.client.session import Session
from integration_center.salesforce.objects import firing_notes
from integration_center.salesforce.objects.firing import UNSEEN_ALWAYS, Fires, Firing
from integration_center.salesforce.objects.firing_notes import FiringNotes
from integration_center_tests.pipeline.center import COUNT, FIRST, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.org import automation
from salesforce_emulator.org.org import Org


@pytest.fixture
def org(center: Center) -> Iterator[Org]:
    """A sandbox with automation of every kind."""
    org = center.emulator.sandbox.org
    automation.add_trigger(org, "Lead", "LeadScore", f"trigger LeadScore on Lead (before update) {{ l.{COUNT} = 1; }}")
    automation.add_trigger(org, "Lead", "Managed", namespace="pkg")
    automation.add_trigger(org, "Lead", "OnInsert", COUNT, events=["BeforeInsert"])
    automation.add_trigger(org, "Lead", "Off", COUNT, status="Inactive")
    automation.add_trigger(org, "Account", "OfAccounts", COUNT)
    automation.add_flow(org, "Lead", "Lead_Router", FIRST)
    automation.add_flow(org, "Lead", "Greets_New_Leads", FIRST, event="Create")
    automation.add_flow(org, "Contact", "Of_Contacts", FIRST)
    automation.add_flow(org, "Lead", "With_A_Draft", FIRST, draft=True)
    automation.add_process(org, "Lead", "Old_Process", FIRST)
    automation.add_process(org, "Account", "Of_Accounts", FIRST)
    automation.add_process(org, "Lead", "Switched_Off", FIRST, active=False)
    automation.add_flow(org, "Lead", "Inside", FIRST, namespace="pkg")
    automation.add_validation_rule(org, "Lead", "Need_Count", f"{COUNT} < 0")
    automation.add_validation_rule(org, "Lead", "Need_City", "ISBLANK(City)")
    automation.add_workflow_rule(org, "Lead", "Notify_Owner", FIRST)
    automation.add_workflow_rule(org, "Lead", "Old_Rule", FIRST, active=False)
    automation.add_duplicate_rule(org, "Lead", "Standard_Lead")
    yield org
    automation.clear_automation(org)


def found_in(checked: Any) -> dict[str, Any]:
    return {f"{each['kind']} {each['name']}": each["fields"] for each in checked["fires"]["found"]}


@pytest.mark.usefixtures("org")
def test_check_tells_what_fires_and_which_mapped_fields_it_reads(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    (checked,) = as_json(command("check", "--json"))
    assert found_in(checked) == {
        "Apex trigger LeadScore": [COUNT],
        "Flow Lead_Router": [FIRST],
        "Flow With_A_Draft": [FIRST],
        "Process Old_Process": [FIRST],
        "Validation rule Need_Count": [COUNT],
        "Workflow rule Notify_Owner": [FIRST],
        "Apex trigger pkg__Managed": None,
        "Duplicate rule Standard_Lead": None,
        "Flow pkg__Inside": None,
        "Validation rule Need_City": [],
    }
    assert any("sharing" in each for each in checked["fires"]["unseen"])
    center.emulator.sandbox.calls.clear()
    said = command("check")[1]
    assert f"Apex trigger LeadScore (before update) reads {COUNT}" in said
    assert "Flow pkg__Inside (after saving): its content cannot be read" in said
    assert not center.emulator.sandbox.calls.find(path="*/tooling/*")


def test_flows_beyond_the_first_page_are_seen(center: Center, org: Org, command: Command) -> None:
    for number in range(2_001):
        automation.add_flow(org, "Account", f"Of_Accounts_{number}", FIRST)
    automation.add_flow(org, "Lead", "The_Last", FIRST)
    center.integrate()
    center.drop(logins(PLAIN))
    (checked,) = as_json(command("check", "--json"))
    assert "Flow The_Last" in found_in(checked)


@pytest.mark.proof
def test_a_user_without_the_right_to_look_syncs_all_the_same(center: Center, org: Org, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    org.set_permission("PermissionsViewSetup", False)
    code, said, _ = command("plan", "logins_to_leads")
    assert code == 0
    assert "not seen: Apex triggers: the connected user may not see them (INVALID_TYPE); that takes View Setup" in said
    assert "not seen: record-triggered flows" in said
    assert f"The last run touched, or would have touched, {len(PLAIN)} records." in said
    center.emulator.sandbox.calls.clear()
    assert center.run().success
    assert not center.emulator.sandbox.calls.find(path="*/tooling/*")


def test_an_org_that_answers_nothing_stops_no_plan(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    center.emulator.sandbox.faults.respond(400, "*/tooling/*", times=None, body='[{"errorCode":"X","message":"no"}]')
    planned = as_json(command("plan", "logins_to_leads", "--json"))
    assert planned["fires"]["found"] == []
    assert len(planned["fires"]["unseen"]) >= 3


def test_what_one_user_could_see_is_not_shown_as_what_another_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = iter(["seen by an admin", "seen by another"])
    monkeypatch.setattr(firing_notes, "read_schema", lambda *_: None)
    monkeypatch.setattr(firing_notes, "look_at_firing", lambda *_: Firing(unseen=(next(seen),)))
    notes, session = FiringNotes(tmp_path), cast(Session, None)
    for user, expected in (("005A", "seen by an admin"), ("005B", "seen by another"), ("005A", "seen by an admin")):
        assert notes.look(session, "Lead", [], ("00D", user)).unseen == (expected,)


def test_what_could_not_be_seen_is_looked_at_again_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = Firing(unseen=("validation rules: the connected user may not see them", *UNSEEN_ALWAYS))
    seen = Firing((Fires("Validation rule", "Score", "", ()),), UNSEEN_ALWAYS)
    answers = iter([hidden, seen])
    monkeypatch.setattr(firing_notes, "read_schema", lambda *_: None)
    monkeypatch.setattr(firing_notes, "look_at_firing", lambda *_: next(answers))
    notes, session, user = FiringNotes(tmp_path), cast(Session, None), ("00D", "005")

    def age_by(seconds: float) -> None:
        (file,) = tmp_path.rglob("*.json")
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - seconds))

    assert notes.look(session, "Lead", [], user) == hidden
    assert notes.look(session, "Lead", [], user) == hidden, "it costs ten calls, so it is not asked each time"
    age_by(firing_notes.PARTIAL_SECONDS + 1)
    assert notes.look(session, "Lead", [], user) == seen
    age_by(firing_notes.PARTIAL_SECONDS + 1)
    assert notes.look(session, "Lead", [], user) == seen, "all was seen, and that counts for the day"
