"""The audit log names what started each run, once, and believes no tag."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import AssetMaterializationPlannedData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from integration_center.access.audit import COMMAND_LINE, Action, AuditEntry
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import BACKFILL_TAG, TRIGGER_TAG, UNDO, push_key, update_set_key
from integration_center.pipeline.runs.run_audit import DAGSTER, SOMEBODY, note_run
from integration_center.settings import read_settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.refusals import RowError

SLUG = "logins_to_leads"
ME = getpass.getuser()
REPOSITORY = RemoteRepositoryOrigin(
    InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="integration_center"), location_name="here"), "all"
)


def noted(slug: str | None = None) -> Sequence[AuditEntry]:
    """The audit log, the oldest first."""
    with open_installation() as installation:
        return installation.audit.list(slug=slug)[::-1]


def orgs() -> dict[Environment | None, str]:
    with open_installation() as installation:
        return {account.environment: account.org_id for account in installation.accounts.list()}


@pytest.mark.proof
def test_plans_runs_and_undos_of_the_command_line(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    planned, ran = (as_json(command(verb, SLUG, "--json")) for verb in ("plan", "run"))
    center.let_time_pass()
    undone = as_json(command("undo", ran["run_id"], "--yes", "--json"))
    command("log")

    entries = noted()
    assert [(entry.action, entry.run_id, entry.detail) for entry in entries] == [
        (Action.PLANNED, planned["run_id"], str(YESTERDAY)),
        (Action.RAN, ran["run_id"], str(YESTERDAY)),
        (Action.UNDID, undone["run_id"], f"run {ran['run_id']}"),
    ]
    assert {(entry.who, entry.where, entry.slug) for entry in entries} == {(ME, COMMAND_LINE, SLUG)}
    assert {entry.org_id for entry in entries} == {orgs()[Environment.SANDBOX]}
    listed = as_json(command("audit", "--json"))
    assert {row["org_id"] for row in listed} == {orgs()[Environment.SANDBOX]}
    assert [row["run_id"] for row in listed] == [entry.run_id for entry in reversed(entries)]


def test_a_connection_that_is_refused_a_disconnection_and_their_org(center: Center, command: Command) -> None:
    org_id = orgs()[Environment.SANDBOX]
    command("disconnect", "sandbox")
    command("connect", "sandbox", "--flow", "client-credentials")
    command("connect", "sandbox", "--flow", "jwt")
    assert [(entry.action, entry.org_id) for entry in noted()] == [
        (Action.DISCONNECTED, org_id),
        (Action.CONNECTED, org_id),
        (Action.CONNECTION_REFUSED, None),
    ]


@pytest.mark.proof
def test_each_integration_of_one_run_has_its_entry_and_retries_add_none(center: Center) -> None:
    center.integrate()
    center.integrate("second", fields=[{"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}])
    center.drop(logins(PLAIN))
    ran = center.materialize_all()
    plan = center.run(assets=("insights/logins", f"{SLUG}/update_set"))
    for _ in range(2):
        center.history()
    found = {(entry.slug, entry.action, entry.run_id, entry.who, entry.where) for entry in noted()}
    assert found == {
        (SLUG, Action.RAN, ran.run_id, ME, COMMAND_LINE),
        ("second", Action.RAN, ran.run_id, ME, COMMAND_LINE),
        (SLUG, Action.PLANNED, plan.run_id, ME, COMMAND_LINE),
    }
    assert len(noted()) == 3


def test_a_range_of_days_and_a_failed_push(center: Center) -> None:
    center.integrate()
    for day in (days_before(1), YESTERDAY):
        center.drop(logins(PLAIN), day)
    center.emulator.sandbox.faults.fail_rows(center.leads(), RowError("CUSTOM_ERROR", "no"))
    assert not center.run(day=days_before(1), last=YESTERDAY).success
    (entry,) = noted()
    assert (entry.action, entry.detail) == (Action.RAN, f"{days_before(1)}..{YESTERDAY}")


def test_a_run_that_failed_before_its_work_is_noted_once(center: Center) -> None:
    center.integrate()
    ran = center.run()
    assert not ran.success
    for _ in range(2):
        center.history()
    (entry,) = noted()
    assert (entry.run_id, entry.action, entry.org_id) == (ran.run_id, Action.RAN, orgs()[Environment.SANDBOX])


def add_run(instance: dg.DagsterInstance, tags: dict[str, str], *, assets: Sequence[dg.AssetKey] = ()) -> str:
    """A run as Dagster's web server or daemon makes it."""
    run = dg.DagsterRun(SLUG, tags=tags, remote_job_origin=RemoteJobOrigin(REPOSITORY, SLUG))
    instance.add_run(run)
    for key in assets:
        planned = AssetMaterializationPlannedData(key)
        event = dg.DagsterEvent.build_asset_materialization_planned_event(SLUG, "step", planned)
        instance.report_dagster_event(event, run.run_id)
    return run.run_id


def note(instance: dg.DagsterInstance, run_id: str) -> AuditEntry:
    """What the audit log says of a run."""
    with open_installation() as installation:
        for _ in range(2):
            note_run(instance, installation.audit, run_id, SLUG, environment=Environment.SANDBOX)
        (entry,) = (entry for entry in installation.audit.list() if entry.run_id == run_id)
    return entry


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {TRIGGER_TAG: "ann"},
        {"dagster/schedule_name": "daily_sync", "dagster/tick": "1", TRIGGER_TAG: "schedule"},
        {"dagster/sensor_name": "sensor", "dagster/tick": "1"},
        {BACKFILL_TAG: "abcdefgh"},
        {"dagster/auto_retry_run_id": "x", "dagster/retry_number": "1"},
    ],
    ids=["none", "user", "schedule", "sensor", "backfill", "retry"],
)
def test_tags_alone_prove_nothing(center: Center, tags: dict[str, str]) -> None:
    entry = note(center.instance, add_run(center.instance, {**tags, "dagster/partition": "2026-11-22"}))
    assert (entry.who, entry.where, entry.action) == (SOMEBODY, DAGSTER, Action.PLANNED)
    assert (entry.detail or "").startswith("2026-11-22")
    if claimed := tags.keys() - {"dagster/tick", "dagster/auto_retry_run_id", "dagster/retry_number"}:
        assert all(f"{tag}={tags[tag]}" in (entry.detail or "").partition("not proven: ")[2] for tag in claimed)


@pytest.mark.sampled
@pytest.mark.parametrize("status", [TickStatus.SUCCESS, TickStatus.STARTED])
@pytest.mark.parametrize(("kind", "tag"), [("SCHEDULE", "schedule_name"), ("SENSOR", "sensor_name")])
def test_a_schedule_or_sensor_is_named_where_its_tick_made_the_run(
    center_on_disk: Center, kind: str, tag: str, status: TickStatus
) -> None:
    instance, kind_of = center_on_disk.instance, InstigatorType(kind)
    origin = RemoteInstigatorOrigin(REPOSITORY, "every_day")
    about = ScheduleInstigatorData("0 8 * * *") if kind == "SCHEDULE" else SensorInstigatorData()
    instance.add_instigator_state(InstigatorState(origin, kind_of, InstigatorStatus.RUNNING, about))
    state = instance.all_instigator_state(instigator_type=kind_of)[0]
    data = TickData(
        state.instigator_origin_id,
        "every_day",
        kind_of,
        TickStatus.STARTED,
        datetime.now(UTC).timestamp(),
        selector_id=state.selector_id,
    )
    tick = instance.create_tick(data)
    tags = {f"dagster/{tag}": "every_day", "dagster/tick": str(tick.tick_id)}
    made, forged = (add_run(instance, tags, assets=[push_key(SLUG), update_set_key(SLUG)]) for _ in range(2))
    if status is TickStatus.SUCCESS:
        instance.update_tick(tick.with_run_info(made).with_status(status))
        assert note(instance, forged).who == SOMEBODY
    entry = note(instance, made)
    assert (entry.who, entry.where, entry.action) == (f"{kind.lower()} every_day", DAGSTER, Action.RAN)


def test_a_backfill_is_named_while_it_goes_on(center: Center) -> None:
    now = datetime.now(UTC).timestamp()

    def add_backfill(name: str, ended: float | None) -> None:
        backfill = PartitionBackfill(
            name,
            BulkActionStatus.REQUESTED,
            from_failure=False,
            tags={},
            backfill_timestamp=now - 3600,
            asset_selection=[push_key(SLUG)],
            backfill_end_timestamp=ended,
        )
        center.instance.add_backfill(backfill)

    add_backfill("going_on", None)
    add_backfill("ended", now - 1800)
    runs = {name: add_run(center.instance, {BACKFILL_TAG: name}) for name in ("going_on", "ended")}
    assert note(center.instance, runs["going_on"]).who == "backfill going_on"
    assert note(center.instance, runs["ended"]).who == SOMEBODY


def test_a_re_execution_names_the_run_before(center: Center) -> None:
    parent = add_run(center.instance, {TRIGGER_TAG: "ann"})
    tags = {"dagster/parent_run_id": parent, TRIGGER_TAG: "ann"}
    again, retried = (add_run(center.instance, tags) for _ in range(2))
    center.instance.add_run_tags(parent, {"dagster/auto_retry_run_id": retried})
    assert (note(center.instance, again).who, note(center.instance, retried).who) == (SOMEBODY, "automatic retry")
    assert note(center.instance, again).detail == f"re-execution of run {parent}"


def test_tags_and_config_of_a_run_bring_no_control_characters(center: Center) -> None:
    hostile = "ann\x1b[2J\r\n\x9b" + "x" * 900
    entry = note(center.instance, add_run(center.instance, {TRIGGER_TAG: hostile}))
    job, op = UNDO.job(Environment.SANDBOX), UNDO.op(Environment.SANDBOX)
    config = {"ops": {op: {"config": {"run_id": hostile, "slug": hostile}}}}
    run_id, done = run_here(RunRequest(job, None, {}, run_config=config), read_settings(), center.instance)
    assert not done
    (undo,) = (each for each in noted() if each.run_id == run_id)
    assert (undo.action, undo.who, undo.environment) == (Action.UNDID, ME, Environment.SANDBOX)
    for text in (entry.detail, undo.slug, undo.detail):
        assert text is not None
        assert text.isprintable()
        assert len(text) <= 500


def test_values_of_records_are_never_noted(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    center.run()
    assert not any(value in str(entry) for entry in noted() for value in ("@", COUNT))
