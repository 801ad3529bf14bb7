"""What the org does of its own: flows that change values back, hidden fields, converted Leads, records that refuse."""

import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from integration_center.cli.checking import find_faults
from integration_center.installation import open_installation
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, days_before, email, logins
from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import RowError
from salesforce_emulator.schema.objects.organization import EDITS_CONVERTED_LEADS

ALONE = PLAIN[0]
CONVERTED = 20
"""A person whose Lead is converted."""


@pytest.fixture
def org(center: Center) -> Org:
    return center.emulator.sandbox.org


class Days:
    """Syncs of one person's Lead, a simulated day each; beside it another Lead that changes every day."""

    def __init__(self, center: Center) -> None:
        self.center = center
        self.left = 12
        center.integrate()

    def sync(self, count: int, *, last: str = "2026-10-02 09:30:15", busy: bool = True) -> tuple[str, str | None]:
        """Drop a report of the next day and run it; the outcome and reason of the person's line."""
        self.left -= 1
        self.center.let_time_pass()
        rows: list[Any] = [(email(ALONE), "2026-01-02 08:00:00", last, count)]
        if busy:
            rows += logins(PLAIN[1:2], count=100 + self.left)
        self.center.drop(rows, day=days_before(self.left))
        run = self.center.run(day=days_before(self.left))
        assert run.success, run.error
        line = self.center.ledger(run).row(0, named=True)
        assert line["record_id"] == self.center.lead(ALONE)["Id"]
        return line["outcome"], line["reason"]


@pytest.fixture
def days(center: Center) -> Days:
    return Days(center)


@pytest.mark.proof
def test_a_flow_that_changes_back_is_written_against_once_and_then_left_alone(days: Days, org: Org) -> None:
    lead = days.center.lead(ALONE)["Id"]
    org.flows.change_on_save("Lead", COUNT, lambda sent: 1.0, record_ids=[lead])
    overridden = ("unchanged", f"org_overrides: the org changes back {COUNT}")
    assert days.sync(5) == ("updated", None)
    assert days.sync(5) == ("updated", None)
    saves = org.saves[lead]
    for _ in range(6):  # longer than any one ledger is remembered
        assert days.sync(5) == overridden
    assert org.saves[lead] == saves
    assert days.sync(6) == ("updated", None)
    assert days.center.lead(ALONE)[COUNT] == 1.0
    assert days.sync(6) == ("updated", None)
    assert days.sync(6) == overridden


@pytest.mark.proof
def test_the_other_fields_of_an_overridden_record_go_on(days: Days, org: Org) -> None:
    org.flows.change_on_save("Lead", COUNT, lambda sent: 1.0)
    days.sync(5, busy=False)
    days.sync(5, busy=False)
    left = f"org_overrides: the org changes back {COUNT}"
    assert days.sync(5, last="2026-10-03 10:00:00", busy=False) == ("updated", left)
    assert days.center.lead(ALONE)[LAST] == "2026-10-03T10:00:00"
    assert days.sync(5, last="2026-10-03 10:00:00", busy=False) == ("unchanged", left)
    assert days.sync(5, last="2026-10-04 10:00:00", busy=False) == ("updated", left)


@pytest.mark.proof
def test_a_value_changed_by_hand_is_written_once_more_and_holds(days: Days, org: Org) -> None:
    assert days.sync(5) == ("updated", None)
    days.center.change_lead(ALONE, COUNT, 1.0)
    assert days.sync(5) == ("updated", None)
    assert days.center.lead(ALONE)[COUNT] == 5.0
    assert days.sync(5) == ("unchanged", None)
    days.center.change_lead(ALONE, COUNT, 1.0)
    assert days.sync(5) == ("unchanged", f"org_overrides: the org changes back {COUNT}")
    days.center.change_lead(ALONE, COUNT, 5.0)
    assert days.sync(5) == ("unchanged", None)


@pytest.mark.proof
def test_a_flow_that_rewrites_what_it_gets_costs_two_writes(days: Days, org: Org) -> None:
    org.flows.change_on_save("Lead", COUNT, lambda sent: sent + 0.5)
    assert [days.sync(5, busy=False)[0] for _ in range(4)] == ["updated", "updated", "unchanged", "unchanged"]


Check = Callable[[], dict[str, Any]]


@pytest.fixture
def check(center: Center) -> Check:
    """What `integration-center check` finds."""

    def run() -> dict[str, Any]:
        loaded = load_integrations(center.defs)
        with open_installation() as installation:
            return find_faults(installation, loaded, "logins_to_leads", {}, {})[0]

    return run


@pytest.mark.proof
def test_a_hidden_field_is_said_to_be_hidden(center: Center, org: Org, check: Check) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    assert check()["problems"] == []
    assert center.run().success
    assert org.calls.find(path="*/tooling/*") == []

    org.schema.hide("Lead", COUNT)
    org.calls.clear()
    found = check()
    said = f"Lead.{COUNT} exists, but is hidden from the connected user by field-level security"
    (problem,) = found["problems"]
    assert problem.startswith(said)
    assert re.search(rf"exist, but are hidden from the user \S+:\n- {COUNT}\n", found["admin_message"])
    assert len(org.calls.find(path="*/tooling/*")) == 1
    run = center.run()
    assert not run.success
    assert said in (center.sync(run).error or "")

    refusal = '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'
    org.faults.respond(404, "*/tooling/*", times=None, body=refusal, content_type="application/json")
    (problem,) = check()["problems"]
    assert problem == (
        f"Lead.{COUNT} is missing, or hidden from the connected user by field-level security, who needs Read and Edit"
        " access to it"
    )


def test_a_field_that_is_nowhere_is_said_to_be_missing(center: Center, check: Check) -> None:
    center.integrate(fields=[{"column": "First Login", "field": "WalkMe_First_Lgoin__c"}])
    center.drop(logins(PLAIN))
    (problem,) = check()["problems"]
    assert "Lead has no field of this name; the nearest is WalkMe_First_Login__c" in problem


def test_hashed_user_ids_are_found_out_before_a_run(center: Center, check: Check) -> None:
    center.integrate()
    hashed = [(f"{number:043}", *logins([number])[0][1:]) for number in PLAIN]
    center.drop([*hashed[:5], *logins(PLAIN[5:])])
    (problem,) = check()["problems"]
    assert "column 'User ID' holds WalkMe's hashed user ids, which match no e-mail address of Lead.Email" in problem
    center.drop([*hashed[:2], *logins(PLAIN[2:])])
    assert check()["problems"] == []


@pytest.mark.proof
def test_a_converted_lead_is_written_only_with_the_permission(center: Center, org: Org) -> None:
    center.integrate(limits={"min_match_rate": 0})
    center.drop([*logins(PLAIN), *logins([CONVERTED])])
    before = center.lead(CONVERTED)
    lines = center.ledger(center.run())
    (line,) = lines.filter(pl.col("outcome") == "ineligible").iter_rows(named=True)
    assert line["record_id"] == before["Id"]
    assert "View and Edit Converted Leads" in line["reason"]
    assert center.lead(CONVERTED) == before

    org.set_permission(EDITS_CONVERTED_LEADS, granted=True)
    run = center.run()
    assert run.success, run.error
    assert center.ledger(run).filter(pl.col("record_id") == before["Id"])["outcome"].to_list() == ["updated"]
    assert center.lead(CONVERTED)[COUNT] == 7 + CONVERTED

    org.calls.clear()
    center.drop(logins(PLAIN))
    center.run()
    asked = [call for call in org.calls.find(path="*/query") if "UserPermissionAccess" in call.query]
    assert asked == []


def test_an_org_that_does_not_tell_the_permission_has_its_converted_leads_left_alone(center: Center, org: Org) -> None:
    center.integrate()
    center.drop([*logins(PLAIN), *logins([CONVERTED])])
    org.schema.hide("UserPermissionAccess", EDITS_CONVERTED_LEADS)
    run = center.run()
    assert run.success, run.error
    assert center.sync(run).counts["lines"]["ineligible"] == 1


@pytest.mark.sampled
@pytest.mark.parametrize("code", ["INSUFFICIENT_ACCESS_OR_READONLY", "ENTITY_IS_LOCKED", "ENTITY_IS_DELETED"])
@pytest.mark.parametrize("collections_rows", [2_000, 2])
def test_a_record_that_cannot_be_edited_fails_alone(
    center: Center, org: Org, monkeypatch: pytest.MonkeyPatch, code: str, collections_rows: int
) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", collections_rows)
    center.integrate(limits={"max_failed": 50})
    center.drop(logins(PLAIN))
    refused = center.lead(PLAIN[3])
    org.faults.fail_rows([refused["Id"]], RowError(code, "the org says no"))
    run = center.run()
    assert run.success, run.error
    lines = center.ledger(run)
    (failed,) = lines.filter(pl.col("outcome") == "failed").iter_rows(named=True)
    assert (failed["record_id"], failed["code"]) == (refused["Id"], code)
    assert center.sync(run).counts["lines"] == {"updated": len(PLAIN) - 1, "failed": 1}
    assert center.lead(PLAIN[3])[FIRST] == refused[FIRST]
