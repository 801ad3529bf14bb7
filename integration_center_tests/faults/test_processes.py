"""Processes that are killed at each step of a sync, or run out of disk: the next sync brings all in order."""

import os
import signal
from typing import Any, Literal
from uuid import uuid4

import pytest

from integration_center.database.sync_records import SyncStatus
from integration_center.integration.spec import Environment
from integration_center.store.known_records import find_known
from integration_center_tests.faults.cases import Case
from integration_center_tests.faults.child import Work, start
from integration_center_tests.faults.conftest import EAGER, PATIENCE
from integration_center_tests.pipeline.center import EXAMPLE

WAITED = 60
Step = tuple[str, str, str, int, Literal["before", "after"]]
STEPS: dict[str, Step] = {
    "describing": ("keys", "GET", "*/describe", 0, "after"),
    "reading": ("keys", "POST", "*/composite", 0, "before"),
    "looking before the push": ("keys", "POST", "*/composite", 1, "after"),
    "sending a collection, not arrived": ("keys", "PATCH", "*/composite/sobjects", 0, "before"),
    "sending a collection, carried out": ("keys", "PATCH", "*/composite/sobjects", 0, "after"),
    "opening a job, not arrived": ("bulk", "POST", "*/jobs/ingest", 0, "before"),
    "opening a job, carried out": ("bulk", "POST", "*/jobs/ingest", 0, "after"),
    "uploading, not arrived": ("bulk", "PUT", "*/batches", 0, "before"),
    "uploading, carried out": ("bulk", "PUT", "*/batches", 0, "after"),
    "closing a job, not arrived": ("bulk", "PATCH", "*/jobs/ingest/*", 0, "before"),
    "closing a job, carried out": ("bulk", "PATCH", "*/jobs/ingest/*", 0, "after"),
    "looking at a job": ("bulk", "GET", "*/jobs/ingest/*[!s/]", 0, "before"),
    "fetching results": ("bulk", "GET", "*/failedResults/", 0, "after"),
    "fetching the last results": ("bulk", "GET", "*/unprocessedrecords/", 0, "after"),
}


def build_work(case: Case, **how: Any) -> Work:
    rehearsal = case.rehearsal
    spec = {**EXAMPLE, "limits": {"max_failed": 50}}
    settings = rehearsal.installation.settings
    return Work(
        settings,
        retries=PATIENCE,
        first_waits=EAGER.first_waits,
        slug=rehearsal.slug,
        spec=spec,
        rows=case.rows,
        run_id=str(uuid4()),
        **how,
    )


@pytest.mark.proof
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_is_brought_in_order_by_the_next(case: Case, step: str) -> None:
    way, method, path, skip, when = STEPS[step]
    org = case.emulator.sandbox
    case.refuse()
    held = org.faults.hold(path, method=method, skip=skip, when=when)
    work = build_work(case, by_bulk=way == "bulk")
    child = start(work)
    assert held.reached.wait(WAITED), "the step was not reached"
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(WAITED)

    second = case.sync()

    assert second.error is None
    assert second.sync.status is SyncStatus.COMPLETED
    killed = case.rehearsal.read(work.run_id)
    assert killed.sync.status is SyncStatus.FAILED
    assert "planned" not in killed.outcomes or killed.sync.applied_at is None
    case.check_written_once([killed, second])


@pytest.mark.sampled
@pytest.mark.parametrize("by_bulk", [False, True], ids=["collections", "bulk"])
@pytest.mark.parametrize(
    "full",
    [
        pytest.param({"largest_file": 0}, id="no file at all"),
        pytest.param({"largest_file": 9_000}, id="database", marks=pytest.mark.sqlite),
        pytest.param({"full_at": 0}, id="plan"),
        pytest.param({"full_at": 1}, id="ledger"),
        pytest.param({"full_at": 2}, id="people"),
    ],
)
def test_a_full_disk_loses_nothing(case: Case, full: dict[str, int], by_bulk: bool) -> None:
    case.refuse()
    installation = case.rehearsal.installation
    org_id = installation.accounts.get(Environment.SANDBOX).org_id
    installation.frames.delete([find_known(case.rehearsal.slug, org_id, "Lead").name])  # and this sync stores them
    work = build_work(case, by_bulk=by_bulk, **full)
    child = start(work)
    child.join(WAITED)
    assert child.exitcode == 1

    opened = installation.syncs.get(work.run_id, work.slug)
    if "full_at" in full:
        assert opened is not None
        assert "could not be written: the disk is full; free some space" in (opened.error or "")
    second = case.sync()

    assert second.error is None
    assert second.sync.status is SyncStatus.COMPLETED
    first = [case.rehearsal.read(work.run_id)] if opened is not None else []
    case.check_written_once([*first, second])
