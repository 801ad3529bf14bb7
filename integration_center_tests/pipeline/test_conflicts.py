"""A record that somebody changed between the plan and its push is left alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center.pipeline.names import PARENT_RUN_TAG
from integration_center_tests.pipeline.center import (
    COUNT,
    EXAMPLE,
    FIRST,
    HEADER,
    PLAIN,
    Center,
    Ran,
    email,
    logins,
)
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.clock import stamp
from salesforce_emulator.schema.fields import PicklistValue

UPDATE_SET, PUSH = "logins_to_leads/update_set", "logins_to_leads/push"
CHANGED, TOUCHED, MOVED, *REST = PLAIN
FEATURE = "WalkMe_Top_Feature__c"


@pytest.fixture(params=["by their Ids", "by the time of their change"])
def planned(request: pytest.FixtureRequest, center: Center, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """The example, planned and not pushed; the records are looked at as few are, and as many are."""
    if request.param == "by the time of their change":
        monkeypatch.setattr("integration_center.salesforce.write.last_look.NAMED", 0)
    center.integrate(limits={"max_failed": 50})
    center.drop(logins(PLAIN))
    return center.run(assets=["insights/logins", UPDATE_SET])


def change(center: Center, number: int, field: str, value: object) -> None:
    """Let somebody in the org change a record now."""
    center.let_time_pass()
    now = stamp(center.emulator.sandbox.clock.now())
    with center.emulator.sandbox.store.writing() as connection:
        connection.execute(
            f'UPDATE "Lead" SET "{field}" = ?, SystemModstamp = ? WHERE Email = ?', (value, now, email(number))
        )


def push(center: Center, planned: Ran) -> Ran:
    center.emulator.sandbox.calls.clear()
    return center.run(assets=[PUSH], tags={PARENT_RUN_TAG: planned.run_id})


@pytest.fixture(params=[-3, 0, 3], ids=["org behind", "same time", "org ahead"])
def clock(request: pytest.FixtureRequest, center: Center) -> Iterator[None]:
    """The org's clock goes wrong by years: only its own times may be compared."""
    center.emulator.sandbox.clock.advance(request.param * 365 * 86_400)
    yield
    center.emulator.sandbox.clock.reset()


@pytest.mark.sampled
@pytest.mark.usefixtures("clock")
def test_changed_records_are_left_alone_and_touched_ones_written(center: Center, planned: Ran) -> None:
    change(center, CHANGED, COUNT, 99)
    change(center, TOUCHED, "City", "Elsewhere")
    change(center, MOVED, "Email", "moved@customer.example")

    pushed = push(center, planned)

    assert pushed.success, pushed.error
    assert center.sync(pushed).status is SyncStatus.COMPLETED
    assert center.sync(pushed).counts["lines"] == {"updated": len(PLAIN) - 2, "conflict": 2}
    lines = center.ledger(pushed).filter(outcome="conflict").sort("error_fields")
    assert lines["error_fields"].to_list() == ["Email", COUNT]
    assert "was left alone" in lines["reason"][0]
    assert center.lead(CHANGED)[COUNT] == 99
    assert center.lead(CHANGED)[FIRST] != "2026-01-02T08:00:00"
    assert center.lead(TOUCHED)[COUNT] == 7 + TOUCHED
    calls = [(call.method, call.path.rpartition("/")[2]) for call in center.emulator.sandbox.calls.find()]
    assert calls == [("POST", "composite"), ("PATCH", "sobjects")], "the look costs no call of its own"


@pytest.mark.proof
def test_the_next_sync_plans_them_again(center: Center, planned: Ran) -> None:
    change(center, CHANGED, COUNT, 99)
    push(center, planned)
    again = center.run()
    assert center.sync(again).counts["lines"] == {"updated": 1, "unchanged": len(PLAIN) - 1}
    assert center.lead(CHANGED)[COUNT] == 7 + CHANGED


@pytest.mark.proof
@pytest.mark.sampled
def test_a_plan_of_which_nothing_is_left_writes_nothing(center: Center, planned: Ran) -> None:
    for number in PLAIN:
        change(center, number, COUNT, 99)
    pushed = push(center, planned)
    assert not pushed.success
    gone = len(PLAIN)
    assert pushed.error == (
        f"logins_to_leads: nothing was written; {gone} of {gone} records went wrong (100.0 %; at most 50 % may):"
        f" {gone} left alone, because somebody changed them meanwhile"
    )
    assert center.sync(pushed).counts["lines"] == {"conflict": len(PLAIN)}
    assert center.writes() == []
    with open_installation() as installation:
        assert installation.syncs.get(planned.run_id, "logins_to_leads").applied_at is None  # type: ignore[union-attr]


@pytest.mark.proof
def test_a_push_that_completes_without_a_write_says_so_first(center: Center, planned: Ran, command: Command) -> None:
    """The other records hold their values already, so one conflict breaks no limit."""
    assert push(center, planned).success
    center.let_time_pass()
    center.drop([*logins(PLAIN[1:]), *logins(PLAIN[:1], count=30)])
    planned = center.run(assets=["insights/logins", UPDATE_SET])
    change(center, PLAIN[0], COUNT, 99)
    pushed = push(center, planned)
    assert pushed.success, pushed.error
    said = "nothing was written (changed in Salesforce after the plan was made: 1)"
    assert center.sync(pushed).counts["lines"] == {"unchanged": len(PLAIN) - 1, "conflict": 1}
    assert center.sync(pushed).error == said
    assert as_json(command("log", "--json"))[0]["error"] == said
    evaluations = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    records = center.instance.get_records_for_run(pushed.run_id, of_type=evaluations).records
    events = [record.event_log_entry.dagster_event for record in records]
    assert f"{said}; 1 conflict" in {event.asset_check_evaluation_data.description for event in events if event}


@pytest.mark.sampled
def test_a_field_that_went_away_since_the_plan_stops_the_push(center: Center, planned: Ran) -> None:
    center.emulator.sandbox.org.schema.hide("Lead", COUNT)
    pushed = push(center, planned)
    assert "the object's fields changed since the plan" in pushed.error
    assert center.writes() == []
    assert center.sync(pushed).status is SyncStatus.FAILED


@pytest.mark.proof
@pytest.mark.parametrize(
    ("field", "change"),
    [
        (COUNT, {"type": "string", "length": 18, "precision": 0}),
        (COUNT, {"updateable": False}),
        (FEATURE, {"values": (PicklistValue("Dashboards"), PicklistValue("API"))}),
        (FEATURE, {"values": (PicklistValue("Dashboards"), PicklistValue("Exports", active=False))}),
    ],
    ids=["another type", "read-only", "picklist value removed", "picklist value deactivated"],
)
def test_a_field_that_changed_since_the_plan_stops_the_push(center: Center, field: str, change: dict[str, Any]) -> None:
    center.integrate(fields=[*EXAMPLE["fields"], {"column": "Feature", "field": FEATURE}])
    center.drop([[*row, "Exports"] for row in logins(PLAIN)], header=[*HEADER, "Feature"])
    planned = center.run(assets=["insights/logins", UPDATE_SET])
    assert center.sync(planned).counts["lines"] == {"planned": len(PLAIN)}
    schema = center.emulator.sandbox.org.schema
    lead = schema.find("Lead")
    assert lead is not None
    before = schema.alter("Lead", replace(lead.by_name[field.lower()], **change))
    try:
        pushed = push(center, planned)
    finally:
        schema.alter("Lead", before)
    assert "the integration or the object's fields changed since the plan" in pushed.error
    assert "Traceback" not in pushed.error
    assert center.writes() == []
    assert center.sync(pushed).status is SyncStatus.FAILED
    again = center.run()
    assert center.sync(again).counts["lines"] == {"updated": len(PLAIN)}
