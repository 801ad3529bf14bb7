"""How far steps have come is noted for other hosts: seldom, without slowing a step, and gone after the run."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select, update

from integration_center.database.engine import build_engine, reading, writing
from integration_center.database.shared_progress import LEFT_AFTER, SharedProgress
from integration_center.database.sync_records import SyncStatus
from integration_center.database.syncs import SyncLog
from integration_center.database.tables import step_progress
from integration_center.errors import ServiceUnavailable
from integration_center.integration.spec import Environment
from integration_center.pipeline.steps import sharing
from integration_center.pipeline.steps.sharing import Sharing
from integration_center.progress import Phase, Seen, Spent
from integration_center.store.run_progress import StepProgress
from integration_center_tests.pipeline.center import PLAIN, Center, logins

WAIT_SECONDS = 30
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def step(done: int, slug: str | None = "a", *, ended: bool = False) -> StepProgress:
    """A step that has read some rows."""
    seen = (Seen(Phase.READ, done, share=0.5),)
    return StepProgress(seen, Phase.READ, {Phase.READ: Spent(4.0, 1.0)}, NOW, NOW, slug, ended)


class Table(SharedProgress):
    """Keeps what is noted."""

    def __init__(self, write: Callable[[], None] = lambda: None) -> None:
        self.noted: list[StepProgress | None] = []
        self.wrote = Event()
        self._write = write

    def note(self, run_id: str, step: str, progress: StepProgress) -> None:
        self._keep(progress)

    def forget(self, run_id: str, step: str) -> None:
        self._keep(None)

    def forget_left(self) -> None:
        self._write()

    def _keep(self, progress: StepProgress | None) -> None:
        self._write()
        self.noted.append(progress)
        self.wrote.set()


def test_only_the_newest_of_each_turn_and_the_last_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    offered, begun = Event(), Event()

    def write() -> None:
        offered.wait(WAIT_SECONDS)
        if begun.is_set():
            monkeypatch.setattr(sharing, "SHARED_EVERY", WAIT_SECONDS)  # no turn comes after the first one
        begun.set()

    monkeypatch.setattr(sharing, "SHARED_EVERY", 0.01)
    table = Table(write)
    shared = Sharing(table, "r", "s")
    for number in range(10_000):
        shared.offer(step(number))
    offered.set()
    assert table.wrote.wait(WAIT_SECONDS)
    assert table.noted == [step(9_999)]
    shared.offer(step(10_000))
    shared.end(step(10_001, ended=True))
    assert table.noted == [step(9_999), step(10_001, ended=True)]


def test_a_step_that_fails_is_forgotten() -> None:
    table = Table()
    Sharing(table, "r", "s").end(None)
    assert table.noted == [None]


def test_a_database_that_does_not_answer_neither_fails_nor_slows_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LAST_WAIT", 0.1)
    answers, given_up = Event(), Event()

    def never() -> None:
        if not answers.wait(WAIT_SECONDS):
            given_up.set()

    shared = Sharing(Table(never), "r", "s")
    shared.offer(step(1))
    shared.end(step(1, ended=True))
    assert not given_up.is_set()
    answers.set()

    def refuse() -> None:
        raise ServiceUnavailable("the database does not answer")

    refusing = Table(refuse)
    Sharing(refusing, "r", "s").end(step(1, ended=True))
    assert refusing.noted == []


@pytest.fixture
def log(tmp_path: Path) -> SyncLog:
    """The log of an installation."""
    return SyncLog(build_engine(f"sqlite:///{tmp_path / 'center.db'}"))


def begin(log: SyncLog, *slugs: str) -> SharedProgress:
    """Open lines of one run, and note the step of its report and one of each integration."""
    table = SharedProgress(log._engine)
    table.note("r", "report", step(9, None, ended=True))
    for slug in slugs:
        log.open(
            "r",
            slug,
            name=slug,
            environment=Environment.SANDBOX,
            report="Logins",
            object="Lead",
            partition_start=date(2026, 11, 22),
            partition_end=date(2026, 11, 22),
            triggered_by="the tests",
        )
        table.note("r", f"{slug}__update_set", step(5, slug))
    return table


def list_steps(log: SyncLog) -> Sequence[str]:
    """The steps whose progress is known."""
    with reading(log._engine) as connection:
        return connection.execute(select(step_progress.c.step).order_by(step_progress.c.step)).scalars().all()


def test_a_host_reads_all_that_was_noted_and_how_long_ago(log: SyncLog) -> None:
    table = begin(log, "a", "b")
    own, report = sorted(table.read("r", "a"), key=lambda step: step.ended)
    assert (report.slug, own.slug) == (None, "a")
    assert [*own.seen] == [*step(5).seen]
    assert 4.0 <= own.seconds(Phase.READ, datetime.now(UTC)) < 4.0 + WAIT_SECONDS, "the time since NOW is not counted"
    assert table.read("another run", "a") == []


@pytest.mark.parametrize("closing", ["close", "fail_open"])
def test_progress_is_gone_after_the_run(closing: str, log: SyncLog) -> None:
    def end(slug: str) -> None:
        if closing == "close":
            log.close("r", slug, status=SyncStatus.COMPLETED)
        else:
            log.fail_open("r", slug, "the run was killed")

    table = begin(log, "a", "b")
    log.note_progress("r", "a", 1, 2)
    end("a")
    assert log.progress("r", "a") is None
    assert list_steps(log) == ["b__update_set", "report"]
    table.note("r", "a__send", step(8, ended=True))
    assert list_steps(log) == ["b__update_set", "report"], "it ends after its line is closed"
    end("b")
    assert list_steps(log) == []


@pytest.mark.proof
def test_a_step_that_is_tried_again_keeps_what_the_report_noted(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[Sequence[str]] = []
    fail_open = SyncLog.fail_open

    def note(log: SyncLog, run_id: str, slug: str, error: Any, **options: Any) -> bool:
        table = SharedProgress(log._engine)
        table.note(run_id, "report", step(9, None, ended=True))
        table.note(run_id, "plan", step(5, slug))
        was_open = fail_open(log, run_id, slug, error, **options)
        failed.append(list_steps(log))
        return was_open

    monkeypatch.setattr(SyncLog, "fail_open", note)
    monkeypatch.setattr("integration_center.pipeline.assets.update_set.RETRY_SECONDS", 0)
    center.integrate(plan_retries=1)
    center.drop(logins(PLAIN))
    center.emulator.sandbox.faults.respond(503, times=None)
    ran = center.run()
    assert not ran.success
    kept, left = failed
    assert set(kept) - {"insights__logins"} == {"report"}, "the real step of the report notes itself on a server"
    assert left == []


def test_what_a_killed_run_left_is_forgotten_later(log: SyncLog) -> None:
    table = begin(log, "a")
    table.note("killed", "report", step(9, None))
    table.forget_left()
    assert list_steps(log) == ["a__update_set", "report", "report"]
    with writing(log._engine) as connection:
        connection.execute(update(step_progress).values(noted_at=datetime.now(UTC) - LEFT_AFTER - timedelta(minutes=1)))
    table.forget_left()
    assert list_steps(log) == ["a__update_set", "report"], "the run that works keeps its own"
