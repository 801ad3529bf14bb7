"""Runs whose host is lost are closed by the first that looks: `up`, a console, or Dagster's sensor."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import insert

from integration_center.console.shell import server
from integration_center.database.engine import writing
from integration_center.database.tables import workers
from integration_center.database.workers import GONE_AFTER
from integration_center.errors import ServiceUnavailable
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.names import PROCESS_TAG
from integration_center.pipeline.runs import lost_runs
from integration_center.pipeline.runs.lost_runs import keep_closing_lost_runs
from integration_center.settings import read_settings

ELSEWHERE = "host-b@boot/1/1"


class Looks(threading.Event):
    """Lets somebody look some times at once, and then end."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        return self.left < 0


@dg.op
def work() -> None:
    """Do nothing."""


@dg.job
def some_work() -> None:
    """Do nothing."""
    work()


@pytest.mark.sampled
@pytest.mark.parametrize(("age", "closed"), [(GONE_AFTER, True), (timedelta(seconds=5), False)])
def test_a_run_of_a_host_without_beat_is_closed(
    on_postgresql: Callable[[Path], str], home: Path, age: timedelta, closed: bool
) -> None:
    on_postgresql(home)
    settings = read_settings()
    with open_installation(settings) as installation, open_instance(settings) as instance:
        with writing(installation.engine) as connection:
            connection.execute(insert(workers).values(process=ELSEWHERE, beat_at=datetime.now(UTC) - age))
        started = dg.DagsterRunStatus.STARTED
        run = instance.create_run_for_job(some_work, status=started, tags={PROCESS_TAG: ELSEWHERE})
        keep_closing_lost_runs(settings, Looks(1))
        then = instance.get_run_by_id(run.run_id)
    assert then
    assert (then.status is dg.DagsterRunStatus.FAILURE) == closed


def test_a_database_that_does_not_answer_is_named_once_and_asked_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def fail(_: object) -> None:
        asked.append(1)
        if len(asked) != 3:
            raise ServiceUnavailable("the database does not answer")

    monkeypatch.setattr(lost_runs, "close_lost_runs", fail)
    with caplog.at_level(logging.WARNING):
        keep_closing_lost_runs(read_settings(), Looks(5))
    assert (len(asked), caplog.text.count("the database does not answer")) == (5, 2)


@pytest.mark.parametrize("on_server", [True, pytest.param(False, marks=pytest.mark.sqlite)])
def test_a_console_looks_where_hosts_share_the_database(
    on_postgresql: Callable[[Path], str], home: Path, monkeypatch: pytest.MonkeyPatch, on_server: bool
) -> None:
    """On one machine, `up` does."""
    if on_server:
        on_postgresql(home)
    looking: list[str] = []
    monkeypatch.setattr(server, "run_server", lambda _: looking.extend(each.name for each in threading.enumerate()))
    server.serve(read_settings(), "127.0.0.1", 0)
    assert ("lost runs" in looking) == on_server
