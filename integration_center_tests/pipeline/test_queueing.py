"""What it takes to queue a run does not depend on how many other integrations there are, and is written at once."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.execution.api import create_execution_plan
from dagster._core.snap import JobSnap, snapshot_from_execution_plan
from dagster._core.snap.execution_plan_snapshot import create_execution_plan_snapshot_id
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.tags import RUN_KEY_TAG
from dagster_shared.serdes import serialize_value
from dagster_shared.serdes.utils import hash_str

from integration_center.installation import Installation, open_installation
from integration_center.pipeline import snapshot_texts
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.known_runs import KnownRuns
from integration_center.pipeline.location.assembly import build_location
from integration_center.pipeline.planned_events import PLANNED, TOGETHER, build_rows, find_days
from integration_center.pipeline.run_history import RunHistory
from integration_center.pipeline.starting import schedules
from integration_center.pipeline.starting.own_job import OwnJobDefinition
from integration_center.pipeline.starting.own_types import JobAsAnother
from integration_center.settings import read_settings
from integration_center.store.home import ON_SERVER
from integration_center_tests.pipeline.center import Center
from integration_center_tests.statements import noted_statements

TICK = datetime(2026, 11, 23, 8, tzinfo=UTC)
TEAM = [{"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}]
FURTHER = ("Contact", "Account", "Opportunity")
TYPE_KEYS = ("type_key", "dagster_type_key", "loader_schema_key", "root_config_key")
"""Under which a description of a job names a type."""
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")
HISTORY = {
    "module": RunHistory.__module__,
    "class": RunHistory.__name__,
    "config": {"base_dir": {"env": "DAGSTER_HOME"}},
}


def select(slug: str, report: str = "logins") -> frozenset[dg.AssetKey]:
    return frozenset(map(dg.AssetKey, (["insights", report], [slug, "update_set"], [slug, "push"])))


def test_the_job_of_a_run_describes_its_own_integration_alone(center: Center) -> None:
    center.integrate()
    alone = build_location(center.defs).resolve_job_def("sync").get_subset(asset_selection=select("logins_to_leads"))
    for name in FURTHER:
        center.integrate(f"further_{name.lower()}", object=name, fields=TEAM)
    job = build_location(center.defs).resolve_job_def("sync")
    assert isinstance(job, OwnJobDefinition)
    part = job.get_subset(asset_selection=select("logins_to_leads"))
    snapshot = part.get_job_snapshot()
    assert "further_" not in serialize_value(snapshot)
    assert len(serialize_value(snapshot)) == len(serialize_value(alone.get_job_snapshot()))
    assert snapshot.lineage_snapshot is not None
    assert snapshot.lineage_snapshot.parent_snapshot_id == job.get_job_snapshot_id()
    theirs = dg.JobDefinition.get_subset(job, asset_selection=select("logins_to_leads"))
    assert snapshot.node_names == theirs.get_job_snapshot().node_names
    assert part.asset_layer.selected_asset_keys == theirs.asset_layer.selected_asset_keys == select("logins_to_leads")
    assert job.get_subset(asset_selection=select("logins_to_leads")) is part
    assert job.get_subset(asset_selection=select("further_contact")) is not part


def test_a_part_that_is_a_job_of_its_own_is_what_dagster_builds_of_it(center: Center) -> None:
    center.integrate()
    center.integrate("nps_to_contacts", report="NPS", object="Contact", fields=TEAM)
    repository = build_location(center.defs).get_repository_def()
    repository.get_all_jobs()
    job = repository.get_job("sync")
    assert isinstance(job, OwnJobDefinition)
    for slug, report in (("logins_to_leads", "logins"), ("nps_to_contacts", "nps")):
        keys = set(select(slug, report))  # as the code server reads them
        part, built = job.get_subset(asset_selection=keys), job._build_part(keys, None)
        assert isinstance(part, JobAsAnother)
        assert not isinstance(built, JobAsAnother)
        assert serialize_value(part.get_job_snapshot()) == serialize_value(built.get_job_snapshot())
        plans = [snapshot_from_execution_plan(create_execution_plan(each), "name") for each in (part, built)]
        assert serialize_value(plans[0]) == serialize_value(plans[1])
        assert (part.tags, part.run_tags, part.partitions_def) == (built.tags, built.run_tags, built.partitions_def)
        assert part.asset_layer.selected_asset_keys == built.asset_layer.selected_asset_keys == keys


def test_a_run_may_name_its_checks(center: Center) -> None:
    center.integrate()
    job, keys = build_location(center.defs).resolve_job_def("sync"), select("logins_to_leads")
    every = job.get_subset(asset_selection=keys)
    checks = frozenset(every.asset_layer.asset_graph.asset_check_keys)
    assert checks
    named = job.get_subset(asset_selection=keys, asset_check_selection=checks)
    assert named.get_job_snapshot().node_names == every.get_job_snapshot().node_names
    lineage = named.get_job_snapshot().lineage_snapshot
    assert lineage is not None
    assert lineage.asset_check_selection == checks


def test_a_tick_opens_the_installation_once(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FURTHER:
        center.integrate(f"nps_to_{name.lower()}", report="NPS", object=name, fields=TEAM)
    opened: list[None] = []

    @contextmanager
    def counting() -> Iterator[Installation]:
        opened.append(None)
        with open_installation() as installation:
            yield installation

    monkeypatch.setattr(schedules, "open_installation", counting)
    repository = build_location(center.defs).get_repository_def()
    with dg.build_schedule_context(
        center.instance, scheduled_execution_time=TICK, repository_def=repository
    ) as context:
        requests = repository.get_schedule_def("daily_sync").evaluate_tick(context).run_requests
    assert len(requests or []) == len(FURTHER)
    assert len(opened) <= 2, "to see whether everything is stopped, and for the days before"


@dg.asset(
    partitions_def=DAYS,
    check_specs=[
        dg.AssetCheckSpec("counted", asset="drops", partitions_def=DAYS),
        dg.AssetCheckSpec("new", asset="drops"),
    ],
)
def drops() -> Iterator[Any]:
    yield dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(passed=True, check_name=name) for name in ("counted", "new")]
    )


@dg.asset(deps=[drops])
def total() -> None:
    """Depends on the other."""


JOB = dg.define_asset_job("both", [drops, total])
RANGE = {"dagster/asset_partition_range_start": "2026-01-03", "dagster/asset_partition_range_end": "2026-01-05"}


@pytest.fixture(params=["files", "server"])
def home_with_history(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose history is written by our classes."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    options: Mapping[str, object] = {"storage": {"custom": HISTORY}} if request.param == "files" else {}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}, **options}) + "\n")
    if request.param == "server":
        put: Callable[[Path], str] = request.getfixturevalue("on_postgresql")
        put(tmp_path)
        assert ON_SERVER.read_text() in (tmp_path / "dagster.yaml").read_text()
    return tmp_path


def announce(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> tuple[str, list[object]]:
    """Create a run, and describe all that Dagster's history says of it."""
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    run_id = instance.create_run_for_job(job, tags=tags).run_id
    store = instance.event_log_storage
    events = [
        (event.dagster_event.event_type_value, event.dagster_event.step_key, event.dagster_event.message)
        for event in instance.all_logs(run_id)
        if event.dagster_event
    ]
    checks = [
        [
            (found.partition, found.status.value, found.run_id == run_id, found.event.dagster_event_type)
            for found in store.get_asset_check_execution_history(key, limit=9)
            if found.run_id == run_id and found.event
        ]
        for key in drops.check_keys
    ]
    planned = [store.get_latest_planned_materialization_info(key) for key in (drops.key, total.key)]
    assets = [record.asset_entry.last_run_id == run_id for record in store.get_asset_records([drops.key, total.key])]
    return run_id, [events, checks, [info.run_id == run_id if info else None for info in planned], assets]


@pytest.mark.sampled
@pytest.mark.parametrize("tags", [{"dagster/partition": "2026-01-03"}, RANGE])
def test_what_a_run_announces_at_once_is_what_dagster_announces_one_by_one(
    home_with_history: Path, monkeypatch: pytest.MonkeyPatch, tags: Mapping[str, str]
) -> None:
    with open_instance(read_settings()) as instance:
        _, one_by_one = announce(instance, tags)
    for name, value in TOGETHER.items():
        monkeypatch.setenv(name, value)
    with open_instance(read_settings()) as instance:  # which has asked the database nothing yet, as in a new process
        alone: list[object] = []
        monkeypatch.setattr(
            type(instance.event_log_storage), "store_event", lambda store, event: alone.append(event.dagster_event_type)
        )
        run_id, at_once = announce(instance, tags)
        assert alone == [], "Dagster writes one by one what could not be written at once"
        assert at_once == one_by_one
        kinds = [event.dagster_event_type for event in instance.all_logs(run_id)]
        assert set(kinds) == PLANNED


def test_what_the_first_run_of_an_asset_announces_is_kept(
    home_with_history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TOGETHER.items():
        monkeypatch.setenv(name, value)
    with open_instance(read_settings()) as instance:
        first, (_, _, planned, assets) = announce(instance, {"dagster/partition": "2026-01-03"})
        assert planned == assets == [True, True]
        (before,) = instance.event_log_storage.get_asset_records([drops.key])
        instance.event_log_storage.wipe_asset(drops.key)
        assert instance.event_log_storage.get_asset_records([drops.key]) == []
        second, _ = announce(instance, {"dagster/partition": "2026-01-03"})
        (after,) = instance.event_log_storage.get_asset_records([drops.key])
        assert (before.asset_entry.last_run_id, after.asset_entry.last_run_id) == (first, second), "it is there again"


@pytest.mark.parametrize("tags", [{}, {"dagster/partition": "2026-01-03"}, RANGE])
def test_the_text_of_what_is_announced_is_dagsters(home_with_history: Path, tags: Mapping[str, str]) -> None:
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    with open_instance(read_settings()) as instance:
        events = instance.all_logs(instance.create_run_for_job(job, tags=tags).run_id)
        store = instance.event_log_storage
        assert isinstance(store, SqlEventLogStorage)
        assert build_rows(store, events) == [store._event_to_row(event) for event in events]
        assert any(find_days(event) for event in events) == bool(tags)


def test_runs_are_found_as_dagster_finds_them(home_with_history: Path) -> None:
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    with open_instance(read_settings()) as instance:
        runs = [instance.create_run_for_job(job, tags={RUN_KEY_TAG: key, "of": "both"}) for key in ("one", "two")]
        store = instance.run_storage
        assert isinstance(store, KnownRuns)
        alone = [dg.RunsFilter(run_ids=[run.run_id]) for run in runs]
        filters = [
            *(dg.RunsFilter(tags={RUN_KEY_TAG: key, "of": "both"}) for key in ("one", "two", "three")),
            dg.RunsFilter(tags={RUN_KEY_TAG: "one", "of": "another"}),
            dg.RunsFilter(tags={RUN_KEY_TAG: ["one", "two"]}),
            *(dg.RunsFilter(run_ids=[run.run_id], statuses=[dg.DagsterRunStatus.SUCCESS]) for run in runs),
            dg.RunsFilter(run_ids=[run.run_id for run in runs]),
            dg.RunsFilter(run_ids=["unknown"]),
            *alone,
        ]
        for one in filters:
            assert store.get_runs(one) == SqlRunStorage.get_runs(store, one)
            assert store.get_run_records(one) == SqlRunStorage.get_run_records(store, one)
        assert [len(store.get_runs(one)) for one in filters] == [1, 1, 0, 0, 2, 0, 0, 2, 0, 1, 1]
        assert store.get_run_records(alone[0], cursor=runs[0].run_id) == []


def test_a_run_is_stored_once(home_with_history: Path) -> None:
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    with open_instance(read_settings()) as instance:
        run = instance.create_run_for_job(job, tags={"of": "both"})
        with pytest.raises(DagsterRunAlreadyExists):
            instance.run_storage.add_run(run)
        assert instance.get_runs(dg.RunsFilter(tags={"of": "both"})) == [run]
        untagged = instance.create_run_for_job(job)
        assert instance.get_run_by_id(untagged.run_id) == untagged


def test_what_becomes_of_a_run_is_read_each_time(home_with_history: Path) -> None:
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    with open_instance(read_settings()) as instance, open_instance(read_settings()) as elsewhere:
        run = instance.create_run_for_job(job)
        assert instance.get_run_by_id(run.run_id) == instance.get_run_by_id(run.run_id) == run
        elsewhere.add_run_tags(run.run_id, {"of": "both"})
        elsewhere.report_run_failed(run)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert (found.status, found.tags["of"]) == (dg.DagsterRunStatus.FAILURE, "both")
        elsewhere.delete_run(run.run_id)
        assert instance.get_run_by_id(run.run_id) is None


def test_a_further_run_asks_the_database_only_for_what_may_change(
    home_with_history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TOGETHER.items():
        monkeypatch.setenv(name, value)
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    tags = {"dagster/partition": "2026-01-03"}
    with open_instance(read_settings()) as instance:
        for _ in range(2):
            with noted_statements() as statements:
                instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: "new", "of": "both"}))
                instance.get_run_by_id(instance.create_run_for_job(job, tags=tags).run_id)
    columns = [said for said in statements if "table_info" in said or "table_xinfo" in said or "pg_catalog" in said]
    assert columns == []
    assert [said for said in statements if "FROM snapshots" in said] == [], "a minute before, they were stored"
    assert [said for said in statements if "JOIN run_tags" in said] == [], "no run has the key"
    assert len([said for said in statements if "INTO asset_keys" in said or "UPDATE asset_keys" in said]) == 1


def test_a_run_after_all_were_deleted_stores_its_snapshots_again(home_with_history: Path) -> None:
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    with open_instance(read_settings()) as instance:
        instance.create_run_for_job(job)
        instance.wipe()
        run = instance.create_run_for_job(job)
        assert run.job_snapshot_id is not None
        assert instance.get_job_snapshot(run.job_snapshot_id).name == "both"
        assert run.execution_plan_snapshot_id is not None
        assert instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).steps


def list_references(described: object) -> set[str]:
    """The keys of types that a description names anywhere."""
    if isinstance(described, list):
        return {key for each in described for key in list_references(each)}
    if not isinstance(described, dict):
        return set()
    named = {described[name] for name in TYPE_KEYS if described.get(name)}
    return named.union(described.get("type_param_keys") or (), *map(list_references, described.values()))


def test_a_job_is_described_by_the_types_that_it_names(center: Center) -> None:
    center.integrate()
    job = build_location(center.defs).resolve_job_def("sync")
    part = job.get_subset(asset_selection=select("logins_to_leads"))
    for own in (job, part):
        snapshot = own.get_job_snapshot()
        described = json.loads(serialize_value(snapshot))
        types = snapshot.dagster_type_namespace_snapshot.all_dagster_type_snaps_by_key
        options = snapshot.config_schema_snapshot.all_config_snaps_by_key
        assert list_references(described) == types.keys() | options.keys(), "all that is named is there, and no other"
        whole = JobSnap.from_job_def(own)
        theirs = whole.dagster_type_namespace_snapshot.all_dagster_type_snaps_by_key
        assert {key: each._replace(loader_schema_key=None) for key, each in theirs.items()}.items() > types.items()
        assert whole.config_schema_snapshot.all_config_snaps_by_key.items() > options.items()
        assert len(serialize_value(snapshot)) < 0.8 * len(serialize_value(whole))
        assert own.get_job_snapshot() is snapshot


def test_a_snapshot_is_written_once_to_be_named_and_stored(
    home_with_history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def noting(value: Any) -> str:
        written.append(type(value).__name__)
        return serialize_value(value)

    monkeypatch.setattr(snapshot_texts, "_named", ())
    monkeypatch.setattr(snapshot_texts, "serialize_value", noting)
    monkeypatch.setattr("dagster_shared.serdes.utils.serialize_value", noting)  # by which Dagster would name them
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    with open_instance(read_settings()) as instance:
        for _ in range(2):
            run = instance.create_run_for_job(job)
        assert [name for name in written if "Snap" in name] == ["JobSnap", "ExecutionPlanSnapshot"], (
            "of the second run, the plan is an equal one, and its job is the same one"
        )
        assert run.job_snapshot_id is not None
        assert run.execution_plan_snapshot_id is not None
        job_found = instance.get_job_snapshot(run.job_snapshot_id)
        plan_found = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    for snapshot, name in ((job_found, run.job_snapshot_id), (plan_found, run.execution_plan_snapshot_id)):
        assert hash_str(serialize_value(snapshot)) == name


def test_a_plan_is_stored_as_dagster_stores_it(home_with_history: Path) -> None:
    job = dg.Definitions(assets=[drops, total], jobs=[JOB]).resolve_job_def("both")
    plan = snapshot_from_execution_plan(create_execution_plan(job), job.get_job_snapshot_id())
    with open_instance(read_settings()) as instance:
        store = instance.run_storage
        assert isinstance(store, KnownRuns)
        stored = [store.add_execution_plan_snapshot(plan) for _ in range(2)]
        assert stored == [create_execution_plan_snapshot_id(plan)] * 2
        assert store.get_execution_plan_snapshot(stored[0]) == plan
        theirs = SqlRunStorage.add_execution_plan_snapshot(store, plan)
        assert theirs == stored[0]
