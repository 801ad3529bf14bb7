"""A run that does not answer loses its object and writes nothing more; one asked to end books what it knows."""

import signal
import socket
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg
import pytest
from dagster._utils.interrupts import capture_interrupts
from sqlalchemy import select, update

from integration_center.database import processes
from integration_center.database.engine import reading, upsert, writing
from integration_center.database.journal import JobJournal, unfinished
from integration_center.database.processes import is_gone, this_process
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import leases, workers
from integration_center.database.workers import GONE_AFTER
from integration_center.errors import LeaseLost, ObjectBusy, StopRequested
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.pipeline.runs.history import KILLED
from integration_center.pipeline.starting.alert_watch import build_alert_sensor
from integration_center.pipeline.steps.stopping import GRACE_SECONDS, Patience
from integration_center.salesforce.write import collections, push
from integration_center_tests.database.lease_owners import find_owner
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, Ran, logins

CANARY = 3
PUSH = "integration_center.salesforce.write"


@pytest.fixture
def planned(center: Center) -> Center:
    center.integrate()
    center.drop(logins(PLAIN))
    return center


def let_beats_stop() -> None:
    """Let a minute go by in which the process that holds the leases did not beat."""
    with open_installation() as installation, writing(installation.engine) as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        connection.execute(update(leases).values(expires_at=long_ago, process="elsewhere@boot:1/1/1"))


def after_first(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, then: Callable[[], None]) -> None:
    """Let something happen once, after the first call of a function."""
    original, calls = getattr(module, name), []

    def call(*arguments: Any, **options: Any) -> Any:
        done = original(*arguments, **options)
        calls.append(name)
        if len(calls) == 1:
            then()
        return done

    monkeypatch.setattr(module, name, call)


@pytest.mark.proof
@pytest.mark.parametrize(("module", "moment"), [(push, "upload_part"), (push, "create_job")])
def test_a_run_that_wakes_up_late_writes_nothing_more(
    planned: Center, monkeypatch: pytest.MonkeyPatch, module: Any, moment: str
) -> None:
    """It lay still while it sent a job, and another run has taken over meanwhile."""
    monkeypatch.setattr(f"{PUSH}.push.COLLECTIONS_ROWS", 0)
    others: list[Ran] = []

    def take_over() -> None:
        let_beats_stop()
        others.append(planned.run())

    after_first(monkeypatch, module, moment, take_over)
    late = planned.run()
    (other,) = others

    assert other.success, other.error
    assert (late.success, "taken over" in late.error) == (False, True), late.error
    assert planned.sync(late).error == KILLED or "out what it had written" in (planned.sync(late).error or "")
    assert planned.sync(other).counts["lines"] == {"updated": len(PLAIN)}
    assert [planned.lead(number)[COUNT] for number in PLAIN] == [7 + number for number in PLAIN]
    assert set(planned.emulator.sandbox.org.saves.values()) == {1}
    assert planned.sync(late).status is SyncStatus.FAILED
    with open_installation() as installation:
        assert unfinished(installation.engine, planned.sync(other).org_id or "", "Lead") == ()


def test_nothing_is_noted_without_the_lease(planned: Center) -> None:
    with open_installation() as installation:
        org_id, taken = installation.accounts.get(Environment.SANDBOX).org_id, installation.leases
        taken.take(org_id, "Lead", "first", is_finished=lambda run: False)
        hold = taken.hold(org_id, "Lead", "first")
        journal = JobJournal(installation.engine, org_id, "Lead", "first", "a", "plan", hold=hold)
        journal.job_opened("750", 1, "hash")
        with pytest.raises(ObjectBusy):
            taken.take(org_id, "lead", "second", is_finished=lambda run: False)
        let_beats_stop()
        assert taken.take(org_id, "lead", "second", is_finished=lambda run: False) == "first"
        for write in (journal.push_begun, lambda: journal.job_opened("751", 1, "x"), lambda: journal.chunk_sent("x")):
            with pytest.raises(LeaseLost, match="Lead was taken over"):
                write()
        taken.release(org_id, "Lead", "second")
        with pytest.raises(LeaseLost):
            hold.require()
        taken.take(org_id, "Lead", "third", is_finished=lambda run: False)
        JobJournal(
            installation.engine, org_id, "Lead", "third", "a", "p", hold=taken.hold(org_id, "Lead", "third")
        ).push_begun()
        noted = {work.job_id: work.fence for work in unfinished(installation.engine, org_id, "Lead")}
        assert list(noted) == ["750", "p:push"]
        assert noted["750"] is not None
        assert (noted["p:push"] or 0) > noted["750"]


def test_a_push_that_is_asked_to_end_books_what_it_knows(planned: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    planned.integrate(canary=CANARY)
    with monkeypatch.context() as patched:
        after_first(patched, collections, "_post_many", lambda: signal.raise_signal(signal.SIGTERM))
        after_first(patched, collections, "_post_one", lambda: signal.raise_signal(signal.SIGTERM))
        stopped = planned.run()
    assert not stopped.success
    sync = planned.sync(stopped)
    assert sync.counts["lines"] == {"updated": CANARY, "unprocessed": len(PLAIN) - CANARY}
    with open_installation() as installation:
        assert find_owner(installation.engine, sync.org_id or "", "Lead") is None
        assert unfinished(installation.engine, sync.org_id or "", "Lead") == ()
    again = planned.run()
    assert again.success, again.error
    assert planned.sync(again).counts["lines"] == {"unchanged": CANARY, "updated": len(PLAIN) - CANARY}


def test_a_running_job_is_awaited_for_a_while_after_the_request_to_end() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    patience = Patience(sleep, lambda: now[0])
    with capture_interrupts():
        patience.wait(100)
        assert now == [100]
        signal.raise_signal(signal.SIGTERM)
        waits = iter(partial(patience.wait, 30), "never")
        with pytest.raises(StopRequested):
            deque(waits, maxlen=0)
    assert GRACE_SECONDS <= now[0] - 100 <= GRACE_SECONDS + 5


@pytest.fixture
def installation(center: Center) -> Any:
    with open_installation() as installation:
        yield installation


def test_a_beat_tells_of_processes_elsewhere(installation: Installation, center: Center) -> None:
    """Containers may have the host name of this one: only their beats say whether they live."""
    center.integrate()
    job = center.definitions().resolve_job_def("logins_to_leads")
    here = socket.gethostname()
    now = datetime.now(UTC)
    beats = {"fresh": now, "stale": now - GONE_AFTER - timedelta(seconds=5), "unknown": None}
    runs = {}
    for name, beat_at in beats.items():
        process = f"{here}@another-boot:{name}/1/1"
        assert not is_gone(process)
        if beat_at:
            with writing(installation.engine) as connection:
                upsert(connection, workers, ("process",), {"process": process, "beat_at": beat_at})
        tags, going = {PROCESS_TAG: process}, dg.DagsterRunStatus.STARTED
        runs[center.instance.create_run_for_job(job, tags=tags, status=going).run_id] = name

    (sensor,) = build_alert_sensor().sensors or ()  # which runs wherever Dagster's daemon does
    assert isinstance(sensor, dg.SensorDefinition)
    sensor(dg.build_sensor_context(instance=center.instance))

    failed = {runs[run.run_id] for run in center.instance.get_runs() if run.status is dg.DagsterRunStatus.FAILURE}
    assert failed == {"stale"}


@pytest.mark.proof
def test_a_process_that_takes_another_run_says_first_that_it_lives(
    planned: Center, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been stopped for minutes in its last run, and its thread may not have had its turn since."""
    planned.run()
    with writing(installation.engine) as connection:
        connection.execute(update(workers).values(beat_at=datetime.now(UTC) - timedelta(hours=1)))
    gone = []
    original = dg.DagsterInstance.add_run_tags

    def add_run_tags(self: dg.DagsterInstance, run_id: str, tags: dict[str, str]) -> None:
        if PROCESS_TAG in tags:
            with reading(installation.engine) as connection:
                beat_at = connection.execute(select(workers.c.beat_at)).scalar_one()
                gone.append(beat_at <= datetime.now(UTC) - GONE_AFTER)
        original(self, run_id, tags)

    monkeypatch.setattr(dg.DagsterInstance, "add_run_tags", add_run_tags)
    assert planned.materialize_all().success
    assert set(gone) == {False}


def test_a_process_id_means_a_process_only_in_its_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    ended = this_process().rsplit("/", 1)[0] + "/1"
    assert is_gone(ended)
    other = tmp_path / "pid"
    other.touch()
    monkeypatch.setattr(processes, "PID_NAMESPACE", other)
    assert not is_gone(ended)
    assert is_gone(this_process().rsplit("/", 1)[0] + "/1")
