"""Retry: the records that failed in a run are sent again, as a run of its own."""

import polars as pl
import pytest

from integration_center.access.audit import Action
from integration_center.alerts.judging import is_cured
from integration_center.errors import PlanMissing, PlanOnly, PlanStale
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.jobs.decisions import decide_release
from integration_center.pipeline.jobs.retry import require_retryable
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import RETRY
from integration_center.settings import read_settings
from integration_center_tests.pipeline.center import (
    COUNT,
    FIRST,
    LAST,
    PLAIN,
    Center,
    Ran,
    as_stored,
    days_before,
    email,
    logins,
)
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.refusals import RowError

SLUG = "logins_to_leads"
REFUSED = PLAIN[:3]


def refuse(center: Center, *people: int) -> None:
    center.emulator.sandbox.faults.clear()
    ids = [center.lead(person)["Id"] for person in people]
    center.emulator.sandbox.faults.fail_rows(ids, RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))


@pytest.fixture
def failed(center: Center) -> Ran:
    """A run in which three records are refused."""
    center.integrate(limits={"max_failed": "100 %"})
    center.drop(logins(PLAIN))
    refuse(center, *REFUSED)
    ran = center.run()
    assert center.sync(ran).counts["lines"] == {"updated": len(PLAIN) - 3, "failed": 3}
    center.let_time_pass()
    center.emulator.sandbox.calls.clear()
    return ran


@pytest.mark.proof
def test_only_the_failed_records_are_sent_again_and_the_retry_can_be_undone(
    center: Center, command: Command, failed: Ran
) -> None:
    before = center.lead(REFUSED[0])[COUNT]
    center.emulator.sandbox.faults.clear()
    done = as_json(command("retry", failed.run_id[:8], "--json"))
    assert (done["status"], done["lines"], done["rows"]) == ("Completed", {"updated": 3}, {"updated": 3})
    assert center.lead(REFUSED[0])[COUNT] == 7 + REFUSED[0]
    assert center.lead(PLAIN[-1])[COUNT] == 7 + PLAIN[-1]
    assert len(center.writes()) == 1
    run = center.instance.get_run_by_id(done["run_id"])
    assert run is not None
    assert (run.job_name, run.tags[RETRY.tag]) == ("retry_sandbox", failed.run_id)
    assert f"(retry of {failed.run_id[:8]})" in " ".join(command("log")[1].split())
    lines = center.ledger(Ran(done["run_id"], True, {}))
    rows = center.ledger(failed).filter(pl.col("outcome") == "failed")
    assert lines.select("row", "key", "record_id").equals(rows.select("row", "key", "record_id"))
    with open_installation() as installation:
        (entry, *_) = installation.audit.list()
        assert (entry.action, entry.detail) == (Action.RETRIED, f"3 failed records of run {failed.run_id}")
        history = installation.syncs.history(SLUG)
        assert is_cured(history[-1], history)

    code, _, said = command("retry", failed.run_id)
    assert (code, "has written since" in said) == (1, True)
    code, _, said = command("retry", done["run_id"])
    assert (code, "there is nothing to try again" in said) == (1, True)
    center.let_time_pass()
    assert as_json(command("undo", done["run_id"], "--yes", "--json"))["lines"] == {"updated": 3}
    assert center.lead(REFUSED[0])[COUNT] == before


def test_the_org_is_looked_at_first(center: Center, command: Command, failed: Ran) -> None:
    changed, right, moved = REFUSED
    center.emulator.sandbox.faults.clear()
    center.change_lead(changed, COUNT, 99.0)
    (wanted,) = center.ledger(failed).filter(pl.col("record_id") == center.lead(right)["Id"]).to_dicts()
    for field in (FIRST, LAST, COUNT):
        center.change_lead(right, field, as_stored(wanted[f"after.{field}"]))
    moved_id = center.lead(moved)["Id"]
    center.change_lead(moved, "Email", "somebody.else@example.com")
    done = as_json(command("retry", failed.run_id, "--json"))
    assert done["lines"] == {"unchanged": 1, "conflict": 2}
    assert center.writes() == []
    lines = {line["record_id"]: line for line in center.ledger(Ran(done["run_id"], True, {})).to_dicts()}
    assert lines[center.lead(changed)["Id"]]["reason"] == f"changed since the run, so left alone: {COUNT}"
    assert lines[center.lead(right)["Id"]]["reason"] == "the record holds these values by now"
    assert lines[moved_id]["error_fields"] == "Email"


@pytest.mark.proof
def test_after_the_key_pairs_changed_it_says_so(center: Center, command: Command, failed: Ran) -> None:
    center.emulator.sandbox.faults.clear()
    center.integrate(limits={"max_failed": "100 %"}, keys=[{"column": "User ID", "field": "LastName"}])
    code, _, _ = command("retry", failed.run_id)
    assert code == 1
    with open_installation() as installation:
        said = installation.syncs.history(SLUG, limit=1)[0].error or ""
    assert "holds its key in LastName now, so the key pairs of 'logins_to_leads' or the records were changed" in said
    assert "Run the integration again instead" in said
    assert center.writes() == []


@pytest.mark.proof
def test_what_is_still_refused_keeps_its_day_and_is_tried_once_more(
    center: Center, command: Command, failed: Ran
) -> None:
    refuse(center, REFUSED[0])
    again = as_json(command("retry", failed.run_id, "--json"))
    assert again["lines"] == {"updated": 2, "failed": 1}
    center.emulator.sandbox.faults.clear()
    assert as_json(command("retry", again["run_id"], "--json"))["lines"] == {"updated": 1}
    center.drop(logins(PLAIN))
    assert center.sync(center.run()).counts["lines"] == {"unchanged": len(PLAIN)}


@pytest.mark.proof
def test_a_newer_run_an_undo_and_a_run_without_failures_are_refused(center: Center, failed: Ran) -> None:
    center.emulator.sandbox.faults.clear()
    newer = center.run()
    with open_installation() as installation:
        with pytest.raises(PlanStale, match=f"run {newer.run_id} has written since"):
            require_retryable(installation, center.sync(failed))
        with pytest.raises(PlanMissing, match="there is nothing to try again"):
            require_retryable(installation, center.sync(newer))


def test_an_installation_that_only_plans_refuses_before_it_notes_anything(
    center: Center, command: Command, failed: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_PLAN_ONLY", "true")
    with open_installation() as installation:
        before = installation.audit.list()
        for verb in (("retry",), ("undo", "--yes")):
            code, _, said = command(verb[0], failed.run_id, *verb[1:])
            assert (code, "INTEGRATION_CENTER_PLAN_ONLY is set" in said) == (1, True)
        assert installation.audit.list() == before
        with pytest.raises(PlanOnly):
            decide_release(installation, center.sync(failed), who="ann", where="here", reason="looked at")


@pytest.mark.proof
def test_dagster_runs_it_as_a_job_once(center: Center, failed: Ran) -> None:
    center.emulator.sandbox.faults.clear()
    config = {"ops": {RETRY.op(Environment.SANDBOX): {"config": {"run_id": failed.run_id, "slug": SLUG}}}}
    request = RunRequest(RETRY.job(Environment.SANDBOX), None, {}, run_config=config)
    assert run_here(request, read_settings(), center.instance)[1]
    center.emulator.sandbox.calls.clear()
    assert not run_here(request, read_settings(), center.instance)[1]
    assert center.writes() == []


@pytest.mark.proof
def test_of_events_an_older_row_stays_behind_the_one_that_was_tried_again(center: Center, command: Command) -> None:
    center.integrate(limits={"max_failed": "100 %"})
    about, person = {"kind": "events", "latest_by": "Last Login"}, PLAIN[0]
    row = [email(person), "2026-01-02 08:00:00", "2026-10-02 09:30:15", 5]
    center.drop([row, *logins(PLAIN[1:])], days_before(1), about=about)
    refuse(center, person)
    ran = center.run(day=days_before(1))
    assert center.sync(ran).counts["lines"]["failed"] == 1
    center.emulator.sandbox.faults.clear()
    center.let_time_pass()
    assert as_json(command("retry", ran.run_id, "--json"))["lines"] == {"updated": 1}
    center.let_time_pass()
    older = [email(person), "2026-01-02 08:00:00", "2026-10-01 09:30:15", 1]
    center.drop([older], days_before(2), about=about)
    late = center.run(day=days_before(2))
    assert center.sync(late).counts["rows"] == {"superseded": 1}
    assert center.lead(person)[COUNT] == 5
