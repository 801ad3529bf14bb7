"""What a push refuses: plans that are not its own, held, applied, old, or of a day older than what was pushed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import polars as pl
import pytest

from integration_center.database.leases import Leases
from integration_center.database.sync_records import SyncStatus
from integration_center.errors import ObjectBusy
from integration_center.installation import open_installation
from integration_center.pipeline.names import PARENT_RUN_TAG
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.database.lease_owners import find_owner
from integration_center_tests.pipeline.center import (
    COUNT,
    EXAMPLE,
    PLAIN,
    Center,
    Ran,
    days_before,
    email,
    logins,
)
from salesforce_emulator.faults import HttpFault

UPDATE_SET, PUSH = "logins_to_leads/update_set", "logins_to_leads/push"
TOGETHER = "Materialize update_set and push together"


@pytest.fixture
def planned(center: Center) -> Ran:
    """The example, planned and not pushed."""
    center.integrate()
    center.drop(logins(PLAIN))
    return center.run(assets=["insights/logins", UPDATE_SET])


def re_execute(center: Center, parent: Ran) -> Ran:
    """Run the push again, as "Re-execute from failure" does."""
    return center.run(assets=[PUSH], tags={PARENT_RUN_TAG: parent.run_id})


def test_a_plan_alone_is_the_dry_run(center: Center, planned: Ran) -> None:
    assert planned.success, planned.error
    assert center.writes() == []
    sync = center.sync(planned)
    assert sync.status is SyncStatus.PLANNED
    assert sync.counts["lines"] == {"planned": len(PLAIN)}
    assert center.ledger(planned)["outcome"].unique().to_list() == ["planned"]


def test_a_push_alone_is_refused(center: Center, planned: Ran) -> None:
    pushed = center.run(assets=[PUSH])
    assert not pushed.success
    assert f"this run made no plan. {TOGETHER}" in pushed.error
    assert center.writes() == []
    latest = center.history()["logins_to_leads"]
    assert (latest.run_id, latest.status) == (pushed.run_id, SyncStatus.FAILED)
    assert TOGETHER in (latest.error or "")


@pytest.mark.proof
def test_re_executions_push_the_plan_of_their_parent_once(center: Center, planned: Ran) -> None:
    first = re_execute(center, planned)
    assert first.success, first.error
    assert center.sync(first).counts["lines"] == {"updated": len(PLAIN)}
    center.emulator.sandbox.calls.clear()
    for again in (re_execute(center, planned), re_execute(center, first)):
        assert again.success, again.error
        assert center.sync(again).counts["lines"] == {"unchanged": len(PLAIN)}
    assert center.writes() == []


def test_a_plan_that_was_replaced_is_refused(center: Center, planned: Ran) -> None:
    center.run(assets=[UPDATE_SET])
    assert f"another run has made a newer plan for this day. {TOGETHER}" in re_execute(center, planned).error
    assert center.writes() == []


def test_a_plan_made_long_ago_is_refused(center: Center, planned: Ran) -> None:
    sync = center.sync(planned)
    with open_installation() as installation:
        installation.syncs.planned(
            sync.run_id,
            sync.slug,
            plan_id=sync.plan_id or "",
            counts=sync.counts,
            org_id=sync.org_id or "",
            read_at=datetime.now(UTC) - timedelta(hours=6, minutes=1),
            describe_hash=sync.describe_hash or "",
            api_calls=0,
        )
    assert "a plan is good for 6:00:00" in re_execute(center, planned).error
    assert center.writes() == []


CLEARING = [{**field, "when_null": "clear"} for field in EXAMPLE["fields"]]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("changes", "rows", "said"),
    [
        (
            {"limits": {"min_match_rate": "50 %"}},
            [*logins(PLAIN[:1]), ("ann@nowhere.example", None, None, 1), ("bo@nowhere.example", None, None, 1)],
            "1 of 3 rows that could be looked up match a record (33.3 %); at least 50 % must",
        ),
        (
            {"fields": CLEARING},
            [*logins(PLAIN[1:]), (email(1), None, None, None)],
            "1 of 8 matched records would lose a value (12.5 %); at most 10 % may",
        ),
        (
            {"limits": {"max_changed": 50}},
            logins(PLAIN),
            "8 of 8 matched records would change (100.0 %); at most 50 % may",
        ),
    ],
    ids=["match rate", "values cleared", "share changed"],
)
def test_a_held_plan_is_not_pushed(
    center: Center, changes: Mapping[str, Any], rows: list[tuple[object, ...]], said: str
) -> None:
    center.integrate(**changes)
    center.drop(rows)
    run = center.run()
    again = re_execute(center, run)
    assert not run.success
    assert said in again.error
    assert center.writes() == []
    sync, lines = center.sync(run), center.ledger(run)
    assert (sync.status, sync.error, sync.held) == (SyncStatus.FAILED, said, said)
    assert sync.counts["rows"]["held"] == sync.counts["lines"]["held"]
    held = lines.filter(pl.col("outcome") == "held")
    assert held.height == sync.counts["lines"]["held"] > 0
    assert held["reason"].unique().to_list() == [said]
    assert sum(sync.counts["rows"].values()) == len(rows)


@pytest.fixture
def pushed(center: Center) -> None:
    """Three days of Logins, the newest pushed."""
    center.integrate()
    for age in range(3):
        center.drop(logins(PLAIN[:3], count=100 * (3 - age)), day=days_before(age))
    assert center.run().success
    center.emulator.sandbox.calls.clear()


@pytest.mark.proof
@pytest.mark.usefixtures("pushed")
def test_a_stale_day_is_refused_unless_allowed(center: Center) -> None:
    refused = center.run(day=days_before(1))
    assert f"{days_before(1)} is older than {YESTERDAY}, which was pushed already" in refused.error
    assert "allow_stale: true" in refused.error
    assert center.writes() == []
    assert center.sync(refused).status is SyncStatus.FAILED
    allowed = center.run(day=days_before(1), allow_stale=True)
    assert allowed.success, allowed.error
    assert center.lead(PLAIN[0])[COUNT] == 200 + PLAIN[0]
    # The newest pushed day is still the newest: yesterday's report may be pushed again.
    assert center.run().success
    assert center.lead(PLAIN[0])[COUNT] == 300 + PLAIN[0]


@pytest.mark.proof
@pytest.mark.usefixtures("pushed")
def test_stale_days_of_a_backfill_are_superseded(center: Center) -> None:
    run = center.run(day=days_before(2), last=days_before(1))
    assert run.success, run.error
    assert center.writes() == []
    sync, lines = center.sync(run), center.ledger(run)
    assert (sync.status, sync.counts["lines"]) == (SyncStatus.COMPLETED, {"superseded": 6})
    newest = lines.filter(pl.col("day") == days_before(1))
    assert newest["reason"].unique().to_list() == [f"{YESTERDAY} was pushed already"]


@pytest.mark.proof
def test_two_runs_at_once_on_one_object_write_once(center_on_disk: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is held in the middle of its push; this run must not read the org before that has ended.

    Two processes, as in real life: two runs in threads of one process lock each other out in Dagster's logging.
    """
    center = center_on_disk
    center.integrate()
    center.drop(logins(PLAIN))
    org = center.emulator.sandbox
    writing, find_faults, take = Event(), org.faults.take_http, Leases.take

    def note_write(method: str, path: str) -> list[HttpFault]:
        if method == "PATCH":
            writing.set()
        return find_faults(method, path)

    monkeypatch.setattr(org.faults, "take_http", note_write)
    held = ExitStack()

    def take_or_let_go(*arguments: Any, **options: Any) -> None:
        try:
            take(*arguments, **options)
        except ObjectBusy:
            held.close()
            raise

    monkeypatch.setattr(Leases, "take", take_or_let_go)
    command = [sys.executable, "-m", "integration_center", "run", "logins_to_leads", "--json"]
    with held:
        held.enter_context(org.store.writing())
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writing.wait(60)
        run = center.run()
    said, _ = other.communicate(timeout=60)
    assert other.returncode == 0
    assert json.loads(said)["lines"] == {"updated": len(PLAIN)}
    assert run.success, run.error
    assert center.sync(run).counts["lines"] == {"unchanged": len(PLAIN)}
    assert len(center.writes()) == 1
    assert owner_of_lead(center) is None


def owner_of_lead(center: Center) -> str | None:
    """The run that holds the lease on the sandbox's Leads."""
    with open_installation() as installation:
        return find_owner(installation.engine, center.emulator.sandbox.org.profile.org_id, "Lead")


def test_a_held_plan_gives_its_object_up(center: Center) -> None:
    center.integrate(limits={"max_changed": 1})
    center.drop(logins(PLAIN))
    assert not center.run().success
    assert owner_of_lead(center) is None


def test_a_plan_is_not_pushed_after_the_integration_changed(center: Center, planned: Ran) -> None:
    """Re-executing the push of an earlier run must not write what the file no longer says."""
    center.integrate(fields=EXAMPLE["fields"][:2])

    run = re_execute(center, planned)

    assert "changed since the plan" in run.error
    assert center.writes() == []


@pytest.mark.proof
def test_a_re_execution_of_a_re_execution_finds_the_first_plan(center: Center, planned: Ran) -> None:
    refused = '[{"errorCode":"API_DISABLED_FOR_ORG","message":"API is not enabled for this org"}]'
    center.emulator.sandbox.faults.respond(403, "*/composite", times=50, body=refused)
    broken = re_execute(center, planned)
    assert not broken.success
    center.emulator.sandbox.faults.clear()

    run = re_execute(center, broken)

    assert run.success, run.error
    assert center.sync(run).counts["lines"] == {"updated": len(PLAIN)}
