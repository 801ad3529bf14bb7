"""Any asset as the report: each kind of frame, each type, each partitioning; and what is refused, with a sentence."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from integration_center import build_integration_defs
from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center.pipeline.starting.automation import NothingStopped
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, LAST, PLAIN, Center, Ran, days_before, email

SLUG = "usage"
USAGE = dg.AssetKey(["marts", "usage"])
SPEC: Mapping[str, Any] = {
    "name": "Usage to Leads",
    "environment": "sandbox",
    "source": {"asset": "marts/usage"},
    "object": "Lead",
    "keys": [{"column": "email", "field": "Email"}],
    "fields": [{"column": "logins", "field": COUNT}],
}


def usage(number: int = 7, **columns: Any) -> pl.DataFrame:
    """A frame of the first two people."""
    people = PLAIN[:2]
    return pl.DataFrame({"email": [email(each) for each in people], "logins": [number] * len(people), **columns})


def build_project(value: Callable[[], Any], spec: Mapping[str, Any] = SPEC) -> dg.Definitions:
    """A team's project: an asset that hands on what `value` returns, an IO manager in memory, and the integration."""

    @dg.asset(key=USAGE)
    def upstream() -> Any:
        return value()

    team = dg.Definitions(assets=[upstream], resources={"io_manager": dg.mem_io_manager})
    return dg.Definitions.merge(team, build_integration_defs({SLUG: spec}))


def run_all(center: Center, project: dg.Definitions) -> Ran:
    """Materialize the asset, the plan and the push in one run."""
    result = project.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=center.instance, partition_key=YESTERDAY.isoformat(), raise_on_error=False
    )
    return Ran(result.run_id, result.success, center.failures(result.run_id, center.instance))


def hand_on_path(tmp_path: Path) -> str:
    usage().write_parquet(tmp_path / "usage.parquet")
    return str(tmp_path / "usage.parquet")


@pytest.mark.sampled
@pytest.mark.parametrize(
    "give",
    [
        pytest.param(lambda path: usage(), id="eager"),
        pytest.param(lambda path: usage().lazy(), id="lazy"),
        pytest.param(hand_on_path, id="path as text"),
        pytest.param(lambda path: Path(hand_on_path(path)), id="path"),
    ],
)
def test_each_kind_of_table_is_pushed(center: Center, tmp_path: Path, give: Callable[[Path], Any]) -> None:
    run = run_all(center, build_project(lambda: give(tmp_path)))
    assert run.success, run.error
    assert center.sync(run, SLUG).counts["lines"] == {"updated": 2}
    assert center.lead(PLAIN[0])[COUNT] == 7


def test_types_are_taken_as_they_are(center: Center) -> None:
    zone = timezone(timedelta(hours=5))
    moment = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
    frame = usage(
        seen=pl.Series([moment.astimezone(zone)] * 2, dtype=pl.Datetime("ns", "Asia/Karachi")),
        amount=[Decimal("12.50")] * 2,
        level=pl.Series(["Hot", "Cold"], dtype=pl.Categorical),
        unused=[[1], [2]],
    )
    fields = [
        {"column": "seen", "field": LAST},
        {"column": "amount", "field": "AnnualRevenue"},
        {"column": "level", "field": "Title"},
    ]
    run = run_all(center, build_project(lambda: frame, {**SPEC, "fields": fields}))
    assert run.success, run.error
    lead = center.lead(PLAIN[0])
    # AnnualRevenue has no decimals in the org; 12.50 is rounded half up.
    assert (lead[LAST], lead["AnnualRevenue"], lead["Title"]) == ("2026-11-02T03:00:00", 13.0, "Hot")


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(None, "handed on nothing", id="nothing"),
        pytest.param(42, "handed on a int; it must be a Polars frame", id="another type"),
        pytest.param("/nowhere/usage.parquet", "names a file that is not there: usage.parquet", id="no file"),
        pytest.param(usage().drop("logins"), "has no column 'logins'", id="no column"),
        pytest.param(usage().head(0), "the report is empty, and allow_empty is off", id="empty"),
        pytest.param(usage(logins=[[1], [2]]), "column 'logins' holds lists", id="nested"),
        pytest.param(usage(logins=["many", "few"]), "a value does not fit", id="another type in the column"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_and_nothing_is_written(center: Center, value: Any, said: str) -> None:
    run = run_all(center, build_project(lambda: value))
    assert not run.success
    sync = center.sync(run, SLUG)
    assert sync.status is SyncStatus.FAILED
    assert said in (sync.error or "")
    assert center.writes() == []


def test_the_job_runs_only_the_steps_of_the_integration(center: Center) -> None:
    project = build_project(usage)
    job = project.resolve_job_def(SLUG)
    assert job.asset_layer.executable_asset_keys == {dg.AssetKey([SLUG, "update_set"]), dg.AssetKey([SLUG, "push"])}
    lineage = project.resolve_asset_graph().get(dg.AssetKey([SLUG, "update_set"]))
    assert lineage.parent_keys == {USAGE}


@pytest.mark.proof
def test_a_range_of_days_of_a_partitioned_asset_pushes_the_newest(center: Center) -> None:
    daily = dg.DailyPartitionsDefinition(days_before(2).isoformat())
    stored: dict[str, pl.DataFrame] = {}

    class Days(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
            stored[context.partition_key] = obj

        def load_input(self, context: dg.InputContext) -> Any:
            keys = [key for key in context.asset_partition_keys if key in stored]
            return stored[keys[0]] if len(keys) == 1 else {key: stored[key] for key in keys}

    @dg.asset(key=USAGE, partitions_def=daily)
    def upstream(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return usage(date_number(context.partition_key))

    team = dg.Definitions(assets=[upstream], resources={"io_manager": Days()})
    project = dg.Definitions.merge(team, build_integration_defs({SLUG: SPEC}))
    days = [days_before(1).isoformat(), YESTERDAY.isoformat()]
    for day in days:
        dg.materialize([upstream], partition_key=day, resources={"io_manager": Days()}, instance=center.instance)
    result = project.resolve_job_def(SLUG).execute_in_process(
        instance=center.instance,
        tags={"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[1]},
        raise_on_error=False,
    )
    assert result.success, center.failures(result.run_id, center.instance)
    assert center.lead(PLAIN[0])[COUNT] == date_number(days[1])


def date_number(day: str) -> int:
    """A number that tells the days of a month apart."""
    return int(day[-2:])


def write_in_project(center: Center, upstream: dg.AssetsDefinition, spec: Mapping[str, Any], io: Any) -> dg.Definitions:
    """A project with an integration that also the log of syncs knows."""
    center.integrate(SLUG, **{**spec, "report": None})
    team = dg.Definitions(assets=[upstream], resources={"io_manager": io})
    return dg.Definitions.merge(team, build_integration_defs({SLUG: spec}))


def test_an_asset_that_is_missing_or_failed_is_a_sentence_in_the_log(center: Center, tmp_path: Path) -> None:
    @dg.asset(key=USAGE)
    def upstream() -> Any:
        raise RuntimeError("about ann@x.example")

    project = write_in_project(center, upstream, SPEC, dg.FilesystemIOManager(base_dir=str(tmp_path)))
    project.resolve_job_def(SLUG).execute_in_process(
        instance=center.instance, partition_key=YESTERDAY.isoformat(), raise_on_error=False
    )
    said = center.history()[SLUG].error or ""
    assert "asset 'marts/usage' could not be loaded by its IO manager (FileNotFoundError)" in said
    assert "Materialize it, then run again" in said
    run_all(center, project)
    said = center.history()[SLUG].error or ""
    assert said.startswith("step marts__usage failed, so this sync was not begun and nothing was written")
    assert "ann@" not in said
    assert center.writes() == []


@pytest.mark.proof
def test_an_asset_with_other_partitions_is_read_whole(center: Center) -> None:
    countries = dg.StaticPartitionsDefinition(["at", "de"])
    stored: dict[str, pl.DataFrame] = {}

    class Countries(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
            stored[context.partition_key] = obj

        def load_input(self, context: dg.InputContext) -> Any:
            return {key: stored[key] for key in context.asset_partition_keys}

    @dg.asset(key=USAGE, partitions_def=countries)
    def upstream(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return usage().slice(context.partition_key == "de", 1)

    for country in countries.get_partition_keys():
        dg.materialize(
            [upstream], partition_key=country, resources={"io_manager": Countries()}, instance=center.instance
        )
    project = write_in_project(center, upstream, SPEC, Countries())
    project.resolve_job_def(SLUG).execute_in_process(
        instance=center.instance, partition_key=YESTERDAY.isoformat(), raise_on_error=False
    )
    assert "write `partitions: all` below `source:`" in (center.history()[SLUG].error or "")
    whole = {**SPEC, "source": {**SPEC["source"], "partitions": "all"}}
    result = (
        write_in_project(center, upstream, whole, Countries())
        .resolve_job_def(SLUG)
        .execute_in_process(instance=center.instance, partition_key=YESTERDAY.isoformat(), raise_on_error=False)
    )
    assert result.success, center.failures(result.run_id, center.instance)
    assert center.lead(PLAIN[0])[COUNT] == center.lead(PLAIN[1])[COUNT] == 7


@pytest.mark.usefixtures("home")
def test_a_condition_starts_it_instead_of_the_schedule() -> None:
    project = build_project(usage, {**SPEC, "automation": "eager"})
    graph = project.resolve_asset_graph()
    for name in ("update_set", "push"):
        condition = graph.get(dg.AssetKey([SLUG, name])).automation_condition
        assert condition == dg.AutomationCondition.eager() & NothingStopped()
    repository = project.get_repository_def()
    assert "start_by_condition" in {sensor.name for sensor in repository.sensor_defs}
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 23, 8, tzinfo=UTC), repository_def=repository
    )
    assert repository.get_schedule_def("daily_sync").evaluate_tick(context).run_requests == []


def test_while_all_is_stopped_a_condition_starts_nothing(center: Center) -> None:
    project = build_project(usage, {**SPEC, "automation": "eager"})
    cursor = None

    def count_requested() -> int:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(defs=project, instance=center.instance, cursor=cursor)
        cursor = result.cursor
        return result.get_num_requested(dg.AssetKey([SLUG, "push"]))

    assert count_requested() == 0
    center.instance.report_runless_asset_event(dg.AssetMaterialization(USAGE))
    with open_installation() as installation:
        installation.stops.begin("ann", "a rehearsal")
        assert count_requested() == 0
        installation.stops.lift("ann")
    assert count_requested() == 1


def test_column_lineage_begins_at_the_asset(center: Center) -> None:
    run = run_all(center, build_project(usage))
    (record,) = center.instance.fetch_materializations(dg.AssetKey([SLUG, "update_set"]), limit=1).records
    assert record.run_id == run.run_id
    assert record.asset_materialization is not None
    lineage = record.asset_materialization.metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    assert lineage.deps_by_column["key"] == [dg.TableColumnDep(USAGE, "email")]
