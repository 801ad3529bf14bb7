"""A held plan is released as it was shown, once; plans wait for approval; the first records are tried."""

from datetime import timedelta

import pytest

from integration_center.access.audit import Action
from integration_center.database.engine import writing
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import syncs
from integration_center.errors import PlanError, PlanHeld
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.jobs.decisions import decide_release
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import RELEASE, push_key
from integration_center.settings import read_settings
from integration_center.sync.columns import AFTER, CHANGED
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, Ran, days_before, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.refusals import RowError

SLUG = "logins_to_leads"
HOLD = {"max_changed": "0 %"}
WHY = ("--reason", "the campaign was announced")


@pytest.fixture
def held(center: Center) -> Ran:
    """The example, held by its limit."""
    center.integrate(limits=HOLD)
    center.drop(logins(PLAIN))
    ran = center.run()
    sync = center.sync(ran)
    assert (sync.status, sync.counts["lines"]) == (SyncStatus.FAILED, {"held": len(PLAIN)})
    assert center.writes() == []
    return ran


def release_here(center: Center, run_id: str) -> Ran:
    """The release's job, as the Dagster UI launches it."""
    job, op = RELEASE.job(Environment.SANDBOX), RELEASE.op(Environment.SANDBOX)
    config = {"ops": {op: {"config": {"run_id": run_id, "slug": SLUG, "reason": "because"}}}}
    ran, success = run_here(RunRequest(job, None, {}, run_config=config), read_settings(), center.instance)
    return Ran(ran, success, center.failures(ran, center.instance))


@pytest.mark.proof
def test_a_released_plan_writes_exactly_what_was_shown_and_once(center: Center, command: Command, held: Ran) -> None:
    shown = {line["record_id"]: line for line in center.ledger(held).to_dicts()}
    released = as_json(command("release", held.run_id[:8], *WHY, "--json"))
    assert (released["status"], released["lines"]) == ("Completed", {"updated": len(PLAIN)})
    assert released["triggered_by"] == f"release of {held.run_id}"
    for record_id, lead in center.leads().items():
        for field in (FIRST, LAST, COUNT):
            if record_id in shown and shown[record_id][CHANGED + field]:
                sent = shown[record_id][AFTER + field]
                assert str(lead[field])[:10] == str(sent)[:10]
    assert center.sync(Ran(released["run_id"], True, {})).plan_id == center.sync(held).plan_id

    with open_installation() as installation:
        (entry, *_) = installation.audit.list()
    assert (entry.action, entry.slug) == (Action.RELEASED, SLUG)
    assert entry.detail == f"plan of run {held.run_id}: the campaign was announced"
    event = center.instance.get_latest_materialization_event(push_key(SLUG))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == YESTERDAY.isoformat()

    center.emulator.sandbox.calls.clear()
    code, _, said = command("release", held.run_id, *WHY)
    assert (code, f"was applied already, by run {released['run_id']}" in said) == (1, True)
    assert "was applied already" in release_here(center, held.run_id).error
    assert center.writes() == []
    undone = as_json(command("undo", released["run_id"], "--yes", "--json"))
    assert undone["lines"] == {"updated": len(PLAIN)}


def test_what_changed_since_is_a_conflict_for_that_record_alone(center: Center, command: Command, held: Ran) -> None:
    center.let_time_pass()
    center.change_lead(PLAIN[0], COUNT, 99.0)
    released = as_json(command("release", held.run_id, *WHY, "--json"))
    assert released["lines"] == {"updated": len(PLAIN) - 1, "conflict": 1}
    assert center.lead(PLAIN[0])[COUNT] == 99.0


@pytest.mark.proof
def test_only_a_fresh_plan_of_the_newest_day_is_released(center: Center, command: Command, held: Ran) -> None:
    read_at = center.sync(held).read_at
    assert read_at is not None
    with open_installation() as installation, writing(installation.engine) as connection:
        connection.execute(syncs.update().values(read_at=read_at - timedelta(hours=25)))
    assert "a plan may be released for 24" in command("release", held.run_id, *WHY)[2]

    center.drop(logins(PLAIN), days_before(1))
    older = center.run(day=days_before(1))
    assert "there is a plan of" in command("release", older.run_id, *WHY)[2]

    center.integrate(limits={"max_changed": "50 %"}, where="Company != null")
    newer = center.run()
    assert center.sync(newer).held
    center.integrate(limits=HOLD)
    assert "changed since the plan" in command("release", newer.run_id, *WHY)[1]
    assert center.writes() == []


@pytest.mark.proof
def test_what_is_not_held_or_does_not_fit_is_not_released(center: Center, command: Command) -> None:
    center.integrate(fields=[{"column": "First Login", "field": "Nothing__c"}])
    center.drop(logins(PLAIN))
    unfit = center.run()
    assert "has no record to write" in command("release", unfit.run_id, *WHY)[1]
    center.integrate()
    done = center.run()
    assert "was applied already" in command("release", done.run_id, *WHY)[2]
    planned = center.run(assets=["insights/logins", f"{SLUG}/update_set"])
    assert "is not held: it ended as Planned" in command("release", planned.run_id, *WHY)[2]
    assert command("release", planned.run_id)[0] == 2
    assert "say in a sentence why" in command("release", planned.run_id, "--reason", " ")[2]


@pytest.mark.proof
def test_a_plan_waits_for_approval_by_somebody_else(center: Center, command: Command) -> None:
    center.integrate(approval="required")
    center.drop(logins(PLAIN))
    ran = center.run()
    sync = center.sync(ran)
    assert ran.success
    assert (sync.status, sync.counts["lines"]) == (SyncStatus.WAITING, {"held": len(PLAIN)})
    assert center.instance.get_latest_materialization_event(push_key(SLUG)) is None
    assert center.writes() == []
    (line,) = as_json(command("log", "--json"))
    assert (line["status"], ran.run_id in line["error"]) == ("Waiting for approval", True)
    assert "waits for approval" in release_here(center, ran.run_id).error
    with open_installation() as installation:
        installation.audit.record(Action.CHANGED, who="ann", where="::1", slug=SLUG)
        with pytest.raises(PlanHeld, match="Ann changed the integration last"):
            decide_release(installation, sync, who="Ann", where="::1", reason="mine")
    released = as_json(command("release", ran.run_id, *WHY, "--json"))
    assert (released["status"], released["lines"]) == ("Completed", {"updated": len(PLAIN)})
    with open_installation() as installation:
        actions = [entry.action for entry in installation.audit.list(limit=2)]
    assert set(actions) == {Action.APPROVED, Action.RELEASED}
    again = center.run()
    assert center.sync(again).status is SyncStatus.COMPLETED  # nothing to write needs no approval


def test_a_rejected_plan_is_never_sent(center: Center, command: Command) -> None:
    center.integrate(approval="required")
    center.drop(logins(PLAIN))
    ran = center.run()
    assert command("reject", ran.run_id, "--reason", "wrong month")[0] == 0
    sync = center.sync(ran)
    assert sync.status is SyncStatus.FAILED
    assert (sync.error or "").endswith("wrong month")
    assert "is not held" in command("release", ran.run_id, *WHY)[2]
    with open_installation() as installation, pytest.raises(PlanError):
        decide_release(installation, sync, who="bob", where="::1", reason="all the same")
    assert center.writes() == []


def test_a_canary_that_is_refused_holds_the_rest(center: Center) -> None:
    center.integrate(canary=2)
    center.drop(logins(PLAIN))
    rule = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")
    center.emulator.sandbox.faults.fail_rows([center.lead(PLAIN[0])["Id"]], rule)
    ran = center.run()
    sync = center.sync(ran)
    assert sync.counts["lines"] == {"updated": 1, "held": len(PLAIN) - 2, "failed": 1}
    assert "of the first 2 records (canary) Salesforce refused 1 (FIELD_CUSTOM_VALIDATION_EXCEPTION)" in (
        sync.error or ""
    )


@pytest.mark.proof
def test_a_canary_that_the_org_holds_lets_the_rest_follow(center: Center) -> None:
    center.integrate(canary=3)
    center.drop(logins(PLAIN))
    sync = center.sync(center.run())
    assert (sync.status, sync.counts["lines"]) == (SyncStatus.COMPLETED, {"updated": len(PLAIN)})
