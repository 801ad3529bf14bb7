"""The definitions that Dagster loads: assets, jobs, schedules, lineage and checks. To build them needs no network."""

import json
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from integration_center.pipeline.location.assembly import build_definitions
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, PLAIN, Center, logins
from salesforce_emulator.refusals import RowError

TICK = datetime(2026, 11, 23, 8, tzinfo=UTC)
SCORE = {"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}
PUSH = dg.AssetKey(["logins_to_leads", "push"])


@pytest.fixture
def defs(tmp_path: Path) -> Path:
    """A folder of integrations: daily, hourly, disabled, broken; two read one report by two of its names."""
    integrations: dict[str, dict[str, Any]] = {
        "logins_to_leads": {},
        "to_production": {"environment": "production", "report": "logins", "gainsight": "Company"},
        "hourly": {"object": "Contact", "schedule": "30 * * * *", "fields": [SCORE], "report": "NPS"},
        "disabled": {"enabled": False, "fields": [SCORE]},
        "disabled_hourly": {"enabled": False, "schedule": "30 * * * *", "fields": [SCORE]},
        "broken": {"environment": "staging"},
    }
    for slug, changes in integrations.items():
        (tmp_path / slug).mkdir()
        text = yaml.safe_dump({"type": "integration_center.Integration", "attributes": {**EXAMPLE, **changes}})
        (tmp_path / slug / "defs.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def repository(defs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.RepositoryDefinition:
    """What the code location serves."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # where a tick looks whether everything is stopped
    repository = build_definitions(defs).get_repository_def()
    assert isinstance(repository, dg.RepositoryDefinition)
    return repository


def evaluate(repository: dg.RepositoryDefinition, name: str, tick: datetime = TICK) -> list[dg.RunRequest]:
    """What a schedule asks for at a tick."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, tick, repository_def=repository)
        requests = repository.get_schedule_def(name).evaluate_tick(context).run_requests
    assert requests is not None
    return list(requests)


def test_a_code_location_can_load_all_of_it(repository: dg.RepositoryDefinition) -> None:
    repository.load_all_definitions()  # what the code server does: it finds jobs and ops that share a name
    assert {"logins_to_leads", "to_production", "hourly"} <= {job.name for job in repository.get_all_jobs()}


def test_all_asset_keys(repository: dg.RepositoryDefinition) -> None:
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    slugs = {"logins_to_leads", "to_production", "hourly", "disabled", "disabled_hourly"}
    assert keys == {
        "insights/logins",
        "insights/nps",
        *(f"{slug}/{asset}" for slug in slugs for asset in ("update_set", "push")),
        "broken/push",
        "salesforce/sandbox/Lead",
        "salesforce/sandbox/Contact",
        "salesforce/production/Lead",
        "gainsight/Company",
    }
    external = {key.to_user_string() for key in repository.asset_graph.external_asset_keys}
    assert external == {key for key in keys if key.startswith(("salesforce/", "gainsight/"))}


def test_lineage_from_report_to_gainsight(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    chain = ["insights/logins", "to_production/update_set", "to_production/push", "salesforce/production/Lead"]
    for parent, child in zip(chain, [*chain[1:], "gainsight/Company"], strict=True):
        assert dg.AssetKey(parent.split("/")) in graph.get(dg.AssetKey(child.split("/"))).parent_keys


def test_jobs(repository: dg.RepositoryDefinition) -> None:
    names = {name for name in repository.job_names if not name.startswith("__")}
    slugs = {"logins_to_leads", "to_production", "hourly", "disabled", "disabled_hourly", "broken"}
    assert names >= {*slugs, "sync"}
    selected = repository.get_job("logins_to_leads").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in selected} == {
        "insights/logins",
        "logins_to_leads/update_set",
        "logins_to_leads/push",
    }


def test_the_daily_tick_asks_for_one_run_each(repository: dg.RepositoryDefinition) -> None:
    requests = {request.tags["integration"]: request for request in evaluate(repository, "daily_sync")}
    assert requests.keys() == {"logins_to_leads", "to_production", "broken"}
    assert {request.partition_key for request in requests.values()} == {"2026-11-22"}
    assert len({request.run_key for request in requests.values()}) == 3
    assert {key: requests["to_production"].tags[key] for key in ("salesforce_environment", "triggered_by")} == {
        "salesforce_environment": "production",
        "triggered_by": "schedule",
    }
    chosen = {
        slug: {key.to_user_string() for key in request.asset_selection or []} for slug, request in requests.items()
    }
    assert chosen == {
        "logins_to_leads": {"insights/logins", "logins_to_leads/update_set", "logins_to_leads/push"},
        "to_production": {"insights/logins", "to_production/update_set", "to_production/push"},
        "broken": {"broken/push"},
    }
    tomorrow = evaluate(repository, "daily_sync", TICK + timedelta(days=1))
    assert {request.run_key for request in tomorrow}.isdisjoint(request.run_key for request in requests.values())


def test_the_schedule_runs_by_default_at_eight_utc(repository: dg.RepositoryDefinition) -> None:
    schedule = repository.get_schedule_def("daily_sync")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 8 * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_an_own_cron_has_its_own_schedule(repository: dg.RepositoryDefinition, monkeypatch: pytest.MonkeyPatch) -> None:
    # An instance in memory keeps no earlier ticks; see `test_moved_schedules`.
    monkeypatch.setattr("integration_center.pipeline.starting.schedules.passed_before_move", lambda *_: False)
    slugs = ("logins_to_leads", "to_production", "hourly", "disabled", "disabled_hourly", "broken")
    own = {schedule.name for schedule in repository.schedule_defs if schedule.job_name in slugs}
    assert own == {"hourly_schedule"}
    (request,) = evaluate(repository, "hourly_schedule", TICK.replace(hour=0, minute=30))
    assert (request.partition_key, request.tags["integration"]) == ("2026-11-22", "hourly")
    assert repository.get_schedule_def("hourly_schedule").job_name == "hourly"


def test_pools_and_backfills(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    assert graph.get(dg.AssetKey(["to_production", "update_set"])).pools == {"salesforce_production_lead"}
    for key in graph.materializable_asset_keys:
        assert graph.get(key).backfill_policy == dg.BackfillPolicy.single_run()
        assert isinstance(graph.get(key).partitions_def, dg.DailyPartitionsDefinition)


def test_an_empty_folder_and_none_at_all(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert build_definitions(folder).get_repository_def().asset_graph.get_all_asset_keys() == set()


def test_loading_needs_no_network(defs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a connection was opened while loading")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("WALKME_SOURCE", "api")
    assert build_definitions(defs).get_repository_def().job_names


def metadata_of(center: Center, run_id: str, key: dg.AssetKey) -> dict[str, Any]:
    """The metadata of an asset's materialization in a run."""
    for record in center.instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ).records:
        materialization = record.asset_materialization
        if materialization and materialization.asset_key == key:
            return {name: entry.value for name, entry in materialization.metadata.items()}
    raise AssertionError(f"{key.to_user_string()} was not materialized")


def failure_metadata(center: Center, run_id: str) -> dict[str, Any]:
    """The metadata of the one failure in a run: a push that failed is not materialized."""
    (record,) = center.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    event = record.event_log_entry.dagster_event
    assert event is not None
    said = event.step_failure_data.user_failure_data
    assert said is not None
    return {name: entry.value for name, entry in said.metadata.items()}


def test_what_a_run_leaves_in_dagster(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    refused = center.lead(PLAIN[0])["Id"]
    center.emulator.sandbox.faults.fail_rows([refused], RowError("CUSTOM_ERROR", "no", (COUNT,)))
    run = center.run()
    assert not run.success
    report = metadata_of(center, run.run_id, dg.AssetKey(["insights", "logins"]))
    assert report["dagster/row_count"] == len(PLAIN)
    plan = metadata_of(center, run.run_id, dg.AssetKey(["logins_to_leads", "update_set"]))
    assert plan["outcomes"] == {"planned": len(PLAIN)}
    assert plan["plan_id"] == center.sync(run).plan_id
    (source,) = plan["dagster/column_lineage"].deps_by_column[f"after.{COUNT}"]
    assert (source.asset_key.to_user_string(), source.column_name) == ("insights/logins", "# Logins Last 30 Days")
    push = failure_metadata(center, run.run_id)
    assert push["outcomes"] == {"updated": len(PLAIN) - 1, "failed": 1}
    assert push["status"] == "Failed"
    assert push["api_calls_of_the_sync"] == center.sync(run).api_calls == len(center.emulator.sandbox.calls)
    assert push["api_calls_left_today"] > 0
    assert [record.data for record in push["failures"].records] == [
        {"record_id": refused, "code": "CUSTOM_ERROR", "error_fields": COUNT}
    ]
    (field,) = push["dagster/column_lineage"].deps_by_column[COUNT]
    assert (field.asset_key.to_user_string(), field.column_name) == ("logins_to_leads/update_set", f"after.{COUNT}")


def test_checks_and_the_external_object_are_noted(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    run = center.run()
    checks = {}
    events = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for record in center.instance.get_records_for_run(run.run_id, of_type=events).records:
        event = record.event_log_entry.dagster_event
        assert event is not None
        evaluation = event.asset_check_evaluation_data
        checks[evaluation.asset_key.to_user_string(), evaluation.check_name] = evaluation.passed
    plan = ["columns_present", "schema_as_mapped", "types_fit", "match_rate", "values_cleared"]
    plan += ["share_changed", "people_stayed"]
    assert checks == {
        ("insights/logins", "not_empty"): True,
        ("insights/logins", "not_shrunk"): True,
        **{("logins_to_leads/update_set", name): True for name in plan},
        ("logins_to_leads/push", "rows_failed"): True,
        ("logins_to_leads/push", "ledger_adds_up"): True,
    }
    lead = dg.AssetKey(["salesforce", "sandbox", "Lead"])
    (written,) = center.instance.fetch_materializations(lead, limit=5).records
    assert written.run_id == run.run_id
    assert written.asset_materialization is not None
    assert written.asset_materialization.metadata["updated"].value == len(PLAIN)


def test_partitions_begin_early_enough_and_end_yesterday(repository: dg.RepositoryDefinition) -> None:
    partitions = repository.asset_graph.get(PUSH).partitions_def
    assert partitions is not None
    keys = partitions.get_partition_keys()
    assert keys[0] <= date(2024, 1, 1).isoformat()
    assert keys[-1] == YESTERDAY.isoformat()


def test_the_container_of_a_run_is_that_of_its_integration(center: Center) -> None:
    """Kubernetes starts one for a run by the tags of the run; those of its steps are read inside of it."""
    needs = {"container_config": {"resources": {"limits": {"memory": "8Gi"}}}}
    center.integrate(op_tags={"dagster-k8s/config": needs, "other": "1"})
    job = center.definitions().resolve_job_def("logins_to_leads")
    assert json.loads(job.tags["dagster-k8s/config"]) == needs
    assert "other" not in job.tags
