"""Dagster cannot write its log any more, but the sync was completed: the log, `run` and Dagster say so alike."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import InMemoryEventLogStorage as EventLog
from sqlalchemy.exc import OperationalError

from integration_center.installation import open_installation
from integration_center.pipeline.runs.history import complete_log
from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command

FULL = OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))


@contextmanager
def losing(monkeypatch: pytest.MonkeyPatch, is_lost: Callable[[str, str], bool], times: int) -> Iterator[list[str]]:
    """Refuse Dagster's events from the first one on that `is_lost` names by type and step, so many times."""
    lost: list[str] = []

    def refuse(event: Any) -> None:
        found = event.dagster_event
        named = found is not None and is_lost(found.event_type_value, found.step_key or "")
        if len(lost) < times and (lost or named):
            lost.append(found.event_type_value if found else "message")
            raise FULL

    store, store_all = EventLog.store_event, EventLog.store_event_batch

    def store_event(self: EventLog, event: Any) -> None:
        refuse(event)
        store(self, event)  # type: ignore[no-untyped-call] # of Dagster

    def store_event_batch(self: EventLog, events: Any) -> None:
        for event in events:
            refuse(event)
        store_all(self, events)

    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "store_event", store_event)
        patched.setattr(EventLog, "store_event_batch", store_event_batch)
        yield lost


@pytest.mark.sampled
@pytest.mark.parametrize("times", [1, 10_000], ids=["once", "from then on"])
@pytest.mark.parametrize("kind", ["ASSET_MATERIALIZATION", "STEP_SUCCESS", "PIPELINE_SUCCESS"])
def test_a_sync_that_was_completed_is_completed_everywhere(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch, kind: str, times: int
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    with losing(monkeypatch, lambda found, step: found == kind and (not step or "push" in step), times) as lost:
        code, out, error = command("run", "logins_to_leads", "--json")
    assert lost[0] == kind
    assert (code, json.loads(out)["status"], json.loads(out)["rows"]) == (0, "Completed", {"updated": len(PLAIN)})
    (run,) = center.instance.get_runs()
    if run.status is not dg.DagsterRunStatus.SUCCESS:  # nothing could be noted while the disk was full
        assert "Dagster could not note the end of this run" in error
        monkeypatch.setattr("integration_center.pipeline.runs.history.is_gone", lambda _: True)
    (line,) = as_json(command("log", "--json"))
    assert (line["status"], line["error"]) == ("Completed", None)
    with open_installation() as installation:
        complete_log(center.instance, installation, {})
    (run,) = center.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.SUCCESS


@pytest.mark.proof
def test_an_undo_that_was_completed_is_completed_everywhere(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    ran = as_json(command("run", "logins_to_leads", "--json"))
    with losing(monkeypatch, lambda found, step: found == "STEP_SUCCESS", 1) as lost:
        undone = as_json(command("undo", ran["run_id"], "--json", "--yes"))
    assert (len(lost), undone["status"]) == (1, "Completed")
    assert {run.status for run in center.instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}


def test_a_sync_that_had_not_ended_is_failed_everywhere(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    with losing(monkeypatch, lambda found, step: found == "STEP_START" and "push" in step, 10_000):
        code, out, error = command("run", "logins_to_leads", "--json")
    assert (code, out) == (1, "")
    assert "a database of Dagster's did not work" in error
    assert center.writes() == []
    monkeypatch.setattr("integration_center.pipeline.runs.history.is_gone", lambda _: True)
    with open_installation() as installation:
        complete_log(center.instance, installation, {})
    (run,) = center.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    (line,) = as_json(command("log", "--json"))
    assert line["status"] == "Failed"


@pytest.mark.sqlite
def test_a_command_leaves_no_files_of_sqlite_beside_its_history(
    center: Center, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    assert build_command(monkeypatch, capsys)("run", "logins_to_leads", "--quiet")[0] == 0
    files = {path.name for path in (center.home / "history").rglob("*") if path.is_file()}
    assert "index.db" in files
    assert [name for name in files if name.endswith(("-wal", "-shm"))] == []
