"""A console whose database goes away says so, and goes on when the database is back, without being started again."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integration_center.console.engine import Starts, UnfinishedRun
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import build_identify
from integration_center.database.engine import build_engine
from integration_center.database.shared_notes import SharedNotes
from integration_center.errors import ServiceUnavailable
from integration_center.installation import open_installation
from integration_center.settings import read_settings
from integration_center_tests.console.browser import Browser
from integration_center_tests.postgresql import Server

PAGES = ("/", "/alerts", "/log", "/accounts")


@pytest.mark.proof
def test_a_console_goes_on_when_its_database_is_back(
    on_postgresql: Callable[[Path], str],
    home: Path,
    postgresql_server: Server,
    open_browser: Callable[..., Browser],
) -> None:
    on_postgresql(home)
    with open_installation(read_settings()) as installation:
        browser = open_browser(build_app(Console(installation, build_identify(installation))))
    for page in PAGES:
        assert browser.client.get(page).status_code == 200
    postgresql_server.control("-m", "immediate", "stop")
    try:
        for page in PAGES:
            away = browser.client.get(page)
            assert away.status_code == 503, (page, away.text)
            assert "Traceback" not in away.text
            assert "postgresql" not in away.text
        assert browser.client.get("/health/live").status_code == 200
        assert browser.client.get("/health/ready").status_code == 503
    finally:
        postgresql_server.start()
    for page in PAGES:
        assert browser.client.get(page).status_code == 200, page
    postgresql_server.restart()  # nobody asks meanwhile, so all connections are ones that have ended
    given = {"name": "chat", "type": "slack", "url": "https://hooks.slack.example/T/x"}
    assert "The channel chat is added." in browser.submit(browser.open("/alerts"), "/alerts", given).text


class Away(SharedNotes):
    """Notes in a database that goes away once a run is started."""

    def write(self, kind: str, name: str, token: str, content: Mapping[str, Any], *, lifetime: timedelta) -> None:
        raise ServiceUnavailable("the database does not answer")

    def drop(self, kind: str, name: str, token: str) -> None:
        raise ServiceUnavailable("the database does not answer")


def test_a_run_that_was_started_is_shown_where_the_database_went_away_just_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next look at Dagster sees it, and what this console noted before it started the run grows old by itself."""
    starts, started = Starts(Away(build_engine(f"sqlite:///{tmp_path}/center.db"))), []
    with starts.one_at_a_time("logins"):
        started.append("run")
        starts.note(UnfinishedRun("run", "logins", dg.DagsterRunStatus.STARTING))
    assert started == ["run"]
    assert caplog.text.count("the database does not answer") == 2
