"""The log of syncs is completed from Dagster's history, at the same cost however long that is."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.location.loader import load_integrations
from integration_center.pipeline.names import PARTITION_TAG, push_key, report_key, update_set_key
from integration_center.pipeline.runs.history import complete_log
from integration_center.pipeline.runs.unlogged_runs import NO_RUNS, log_ended_runs, look_at_runs
from integration_center.settings import Settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import Center
from integration_center_tests.statements import noted_statements


def fail(
    center: Center,
    slug: str,
    *,
    selection: frozenset[dg.AssetKey] | None = None,
    job: str = "",
    definitions: dg.Definitions | None = None,
) -> str:
    """A run of an integration that failed before it did anything, as one that Dagster could not start."""
    instance = center.instance
    run = instance.create_run_for_job(
        (definitions or center.definitions()).resolve_job_def(job or slug),
        tags={PARTITION_TAG: YESTERDAY.isoformat()},
        asset_selection=selection,
        status=dg.DagsterRunStatus.STARTING,
    )
    instance.report_run_failed(run, "it could not be started")
    return run.run_id


def complete(center: Center, **only: Any) -> list[str]:
    """Complete the log; the statements that took."""
    loaded = load_integrations(center.defs)
    with open_installation() as installation, noted_statements() as sent:
        complete_log(center.instance, installation, {**loaded.specs, **dict.fromkeys(loaded.broken)}, **only)
    return sent


def asked(sent: list[str]) -> list[str]:
    """The statements without those that open a connection."""
    return [statement for statement in sent if statement.startswith("SELECT")]


def lines(center: Center) -> set[tuple[str, str, SyncStatus]]:
    with open_installation() as installation:
        return {(sync.run_id, sync.slug, sync.status) for sync in installation.syncs.history(limit=1_000)}


@pytest.mark.proof
def test_completing_the_log_takes_the_same_queries_however_long_the_history(center: Center) -> None:
    center.integrate()
    fail(center, "logins_to_leads")
    assert len(complete(center)) > 0
    few = len(asked(complete(center)))
    for number in range(8):
        center.integrate(f"other_{number}", object=f"Object_{number}__c")
    definitions = center.definitions()  # once: to build them takes as long as all the rest
    known = {fail(center, f"other_{number % 8}", definitions=definitions) for number in range(16)}
    complete(center)
    assert {run_id for run_id, *_ in lines(center)} >= known
    assert len(asked(complete(center))) == few
    assert few <= 5


def test_the_run_that_failed_is_the_only_one_looked_at(center: Center) -> None:
    center.integrate()
    first, second = fail(center, "logins_to_leads"), fail(center, "logins_to_leads")
    complete(center, run_id=second)
    assert lines(center) == {(second, "logins_to_leads", SyncStatus.FAILED)}
    complete(center)
    assert {run_id for run_id, *_ in lines(center)} == {first, second}


@pytest.mark.sampled
@pytest.mark.parametrize("job", ["sync", "__ASSET_JOB"])
def test_a_run_of_many_integrations_gets_a_line_for_each_that_it_planned(center: Center, job: str) -> None:
    center.integrate()
    center.integrate("other", object="Object__c")
    both = frozenset({update_set_key("other"), push_key("other"), push_key("logins_to_leads"), report_key("logins")})
    run_id = fail(center, "", selection=both, job=job)
    report_only = fail(center, "", selection=frozenset({report_key("logins")}), job=job)
    complete(center)
    assert lines(center) == {(run_id, slug, SyncStatus.FAILED) for slug in ("logins_to_leads", "other")}
    assert report_only not in {run for run, *_ in lines(center)}


@pytest.mark.sqlite
def test_the_log_asks_dagster_again_only_when_a_run_ended_badly_or_is_under_way(
    center_on_disk: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    center = center_on_disk
    asked_dagster: list[str] = []

    def open_counted(settings: Settings) -> dg.DagsterInstance:
        asked_dagster.append("asked")
        return open_instance(settings)

    monkeypatch.setattr("integration_center.pipeline.instance.dagster_storage.open_instance", open_counted)

    def logged() -> set[str]:
        asked_dagster.clear()
        with open_installation() as installation:
            log_ended_runs(installation, load_integrations(center.defs).by_slug)
        return {run_id for run_id, *_ in lines(center)}

    center.integrate()
    first = fail(center, "logins_to_leads")
    assert (logged(), asked_dagster) == ({first}, ["asked"])
    assert (logged(), asked_dagster) == ({first}, [])
    second = fail(center, "logins_to_leads")
    assert (logged(), asked_dagster) == ({first, second}, ["asked"])
    job = center.definitions().resolve_job_def("logins_to_leads")
    third = center.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    for _ in range(2):
        assert (logged(), asked_dagster) == ({first, second}, ["asked"])
    center.instance.report_run_failed(third, "its process was killed")
    assert (logged(), asked_dagster) == ({first, second, third.run_id}, ["asked"])
    assert (logged(), asked_dagster) == ({first, second, third.run_id}, [])


@pytest.mark.parametrize("place", ["dagster.yaml", "history/runs.db"])
def test_a_pipe_in_the_place_of_dagsters_files_is_not_waited_for(tmp_path: Path, place: str) -> None:
    (tmp_path / "history").mkdir()
    assert look_at_runs(tmp_path) == NO_RUNS
    os.mkfifo(tmp_path / place)
    assert look_at_runs(tmp_path) is None


@pytest.mark.parametrize("text", ["storage: {}\n", "run_storage: {}\n", "- a\n", "a: [\n", "\0", "&a [*a]\n"])
def test_only_dagster_looks_where_its_settings_say_anything_of_storage(tmp_path: Path, text: str) -> None:
    (tmp_path / "dagster.yaml").write_text(text)
    assert look_at_runs(tmp_path) is None
    (tmp_path / "dagster.yaml").write_text("# where storage is\ntelemetry: {enabled: false}\n")
    assert look_at_runs(tmp_path) == NO_RUNS
