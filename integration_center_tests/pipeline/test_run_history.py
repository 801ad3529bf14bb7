"""The history that a command writes, which executes runs itself, is the one that Dagster's own processes read."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log import SqliteEventLogStorage

from integration_center.pipeline.instance.dagster_storage import STORES, open_instance
from integration_center.pipeline.run_history import EventLog, RunHistory
from integration_center.settings import read_settings


@dg.asset(check_specs=[dg.AssetCheckSpec("counted", asset="logins")])
def logins(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg] # of no value
    context.log.info("read")
    return dg.MaterializeResult(metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True)])


CHECKS = ("counted", "complete", "recent")


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition("2026-11-01"),
    check_specs=[dg.AssetCheckSpec(name, asset="days") for name in CHECKS],
)
def days() -> dg.MaterializeResult:  # type: ignore[type-arg] # of no value
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name=name) for name in CHECKS])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def execute(instance: dg.DagsterInstance) -> str:
    return dg.materialize([logins], instance=instance).run_id


def describe(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, str | None]]:
    return [
        (
            entry.dagster_event_type.value if entry.is_dagster_event and entry.dagster_event_type else "LOG",
            entry.step_key,
        )
        for entry in instance.all_logs(run_id)
    ]


def test_dagsters_own_class_reads_what_a_command_wrote(home: Path) -> None:
    with open_instance(read_settings(), executes_runs=True) as instance:
        ours = [execute(instance), execute(instance)]
        seen_here = [describe(instance, run_id) for run_id in ours]
    with open_instance(read_settings()) as instance:
        theirs = execute(instance)
        assert [describe(instance, run_id) for run_id in ours] == seen_here
        assert [event for event in seen_here[0] if "LOGS_CAPTURED" not in event] == [
            event for event in describe(instance, theirs) if "LOGS_CAPTURED" not in event
        ]
        materializations = instance.fetch_materializations(logins.key, limit=5).records
        assert [record.run_id for record in materializations] == [theirs, *reversed(ours)]
        check = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(logins.check_keys))
        assert [record.run_id for record in check.values()] == [theirs]
        assert instance.get_run_by_id(ours[1]).status is dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]


def describe_file(path: Path) -> list[tuple[object, ...]]:
    """The tables and indexes of a run's file, its version of Dagster's migrations, how it is written, and by whom."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        return [
            *made,
            *connection.execute("SELECT version_num FROM alembic_version"),
            *connection.execute("PRAGMA journal_mode"),
            ("mode", path.stat().st_mode),
        ]


def test_a_run_has_the_file_that_dagster_makes(home: Path) -> None:
    with open_instance(read_settings()) as instance:
        theirs = execute(instance)
    with open_instance(read_settings(), executes_runs=True) as instance:
        first, second = execute(instance), execute(instance)
    runs = home / "history" / "runs"
    assert describe_file(runs / f"{first}.db") == describe_file(runs / f"{theirs}.db")
    assert describe_file(runs / f"{second}.db") == describe_file(runs / f"{theirs}.db")
    assert [path.name for path in runs.iterdir() if path.name.startswith(".new_run_")] == []


def list_filled_in(path: Path) -> list[tuple[str, bool]]:
    """What Dagster has noted of a new file as filled in."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, migration_completed IS NOT NULL FROM secondary_indexes").fetchall()


COUNTED = """
import sys
from alembic.script import ScriptDirectory
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.settings import read_settings

reads = []
load = ScriptDirectory._load_revisions
ScriptDirectory._load_revisions = lambda script: reads.append(script) or load(script)
with open_instance(read_settings(), executes_runs=sys.argv[1] == "ours") as instance:
    with instance.event_log_storage.run_connection("of_a_run"):
        print(len(reads))
"""


def make_home(home: Path, kind: str) -> int:
    """Make a new home in another process, as Dagster or we make it; how often Dagster's migrations are read."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, kind],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_a_new_home_has_the_files_that_dagster_makes_and_reads_the_migrations_once(home: Path) -> None:
    assert make_home(home / "theirs", "theirs") > 1, "Dagster reads them once: remove `migrations_read_once`"
    assert make_home(home / "ours", "ours") == 1
    for name in (*STORES, "history/runs/of_a_run.db"):
        assert describe_file(home / "ours" / name) == describe_file(home / "theirs" / name)
        assert list_filled_in(home / "ours" / name) == list_filled_in(home / "theirs" / name)


def test_the_empty_file_is_made_once_for_all_commands(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    make = EventLog._make_empty

    def make_and_note(log: EventLog) -> bytes:
        made.append(make(log))
        return made[-1]

    monkeypatch.setattr(EventLog, "_make_empty", make_and_note)

    def run() -> Path:
        with open_instance(read_settings(), executes_runs=True) as instance:
            return home / "history" / "runs" / f"{execute(instance)}.db"

    first, second = run(), run()
    assert len(made) == 1
    assert describe_file(first) == describe_file(second)
    (kept,) = first.parent.glob(".empty_*")
    kept.write_bytes(made[0][:1000])
    assert describe_file(run()) == describe_file(first)
    assert len(made) == 2
    assert kept.read_bytes() == made[1]


def test_dagster_yaml_may_name_it(home: Path) -> None:
    history = {"module": RunHistory.__module__, "class": "RunHistory", "config": {"base_dir": {"env": "DAGSTER_HOME"}}}
    (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"custom": history}}), encoding="utf-8")
    with open_instance(read_settings()) as instance:
        assert isinstance(instance.event_log_storage, EventLog)
        run_id = execute(instance)
    (home / "dagster.yaml").write_text("{}", encoding="utf-8")
    with open_instance(read_settings()) as instance:
        assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]


def test_events_do_not_open_a_connection_each(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    connect = sqlite3.dbapi2.connect

    def noting(path: str, *options: object, **named: object) -> object:
        opened.append(Path(path).name)
        return connect(path, *options, **named)  # type: ignore[call-overload]

    with open_instance(read_settings(), executes_runs=True) as instance:
        execute(instance)
        monkeypatch.setattr(sqlite3.dbapi2, "connect", noting)
        run_id = execute(instance)
    assert opened.count("runs.db") == 0
    assert opened.count("index.db") <= 4, "to look for tables; events take the connection of the run before"
    assert opened.count(f"{run_id}.db") <= 5, "one to write the events, the others made the file"


def test_a_process_that_reads_the_same_run_meanwhile_is_not_in_the_way(home: Path) -> None:
    with open_instance(read_settings(), executes_runs=True) as instance, open_instance(read_settings()) as reader:
        run_id = execute(instance)
        assert describe(reader, run_id) == describe(instance, run_id)
        reader.delete_run(run_id)
        assert execute(instance) != run_id


def test_storages_that_dagster_yaml_names_stay(home: Path) -> None:
    (home / "dagster.yaml").write_text(
        "event_log_storage:\n"
        "  module: dagster._core.storage.event_log\n"
        "  class: ConsolidatedSqliteEventLogStorage\n"
        f"  config:\n    base_dir: {home}/elsewhere\n"
    )
    with open_instance(read_settings(), executes_runs=True) as instance:
        execute(instance)
        assert type(instance.event_log_storage).__name__ == "ConsolidatedSqliteEventLogStorage"


def find_last(instance: dg.DagsterInstance) -> list[str]:
    return [record.run_id for record in instance.fetch_materializations(logins.key, limit=1).records]


def test_a_materialization_is_found_whoever_stored_or_wiped_it_just_now(home: Path) -> None:
    with open_instance(read_settings(), executes_runs=True) as instance, open_instance(read_settings()) as other:
        assert find_last(instance) == []
        for runs in (instance, other, instance, other):
            run_id = execute(runs)
            assert find_last(instance) == [run_id]
            assert find_last(instance) == [run_id]
        for wipes in (instance, other):
            wipes.wipe_assets([logins.key])
            assert find_last(instance) == []
            run_id = execute(instance)
            assert find_last(instance) == [run_id]


def test_the_checks_of_a_run_look_for_what_they_judge_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    fetch = SqliteEventLogStorage.fetch_materializations

    def noting(log: SqliteEventLogStorage, *question: object) -> object:
        asked.append(question)
        return fetch(log, *question)  # type: ignore[arg-type] # as Dagster asks

    def run(instance: dg.DagsterInstance) -> int:
        """Return how often a run asked; its checks judge what it has materialized itself."""
        asked.clear()
        run_id = dg.materialize([days], instance=instance, partition_key="2026-11-02").run_id
        count = len(asked)
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(days.check_keys))
        judged = [record.event.dagster_event.asset_check_evaluation_data for record in found.values()]  # type: ignore[union-attr]
        assert [each.target_materialization_data.run_id for each in judged] == [run_id] * len(CHECKS)  # type: ignore[union-attr]
        return count

    monkeypatch.setattr(SqliteEventLogStorage, "fetch_materializations", noting)
    with open_instance(read_settings(), executes_runs=True) as instance:
        assert [run(instance), run(instance)] == [1, 1]
    with open_instance(read_settings()) as instance:
        assert run(instance) == 2 * len(CHECKS), "Dagster's own class asks for each check twice"
