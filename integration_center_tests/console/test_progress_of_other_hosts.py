"""The page of a run on another host shows the same numbers: both hosts share a PostgreSQL database and no folder."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, update

from integration_center.console.shell.context import Console
from integration_center.database.engine import reading, writing
from integration_center.database.tables import step_progress
from integration_center.installation import open_installation
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.conftest import read_history_of
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.console.test_run_numbers import SLUG, STRANGER, WAIT_SECONDS
from integration_center_tests.pipeline.center import PLAIN, Center, logins


@pytest.fixture
def worker(request: pytest.FixtureRequest, home: Path, on_postgresql: Callable[[Path], str]) -> Center:
    """The host that works: a center on PostgreSQL."""
    if not request.config.getoption("--postgresql"):  # then it is there already
        on_postgresql(home)
    center: Center = request.getfixturevalue("center_on_disk")
    center.integrate()
    center.drop([*logins(PLAIN), STRANGER])
    return center


@pytest.fixture
def console(worker: Center, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console on another host, with a folder of its own."""
    monkeypatch.setattr("integration_center.console.surroundings.check_again", lambda console, account: None)
    dagster = OwnDagster("http://127.0.0.1:9", center=worker)
    monkeypatch.setattr(Console, "find_dagster", lambda self: dagster)
    read_history_of(worker, monkeypatch)
    with monkeypatch.context() as there:
        there.setenv("DAGSTER_HOME", str(tmp_path / "other_host"))
        with open_installation() as installation:
            console = Console(installation)
            assert installation.settings.scratch.is_relative_to(tmp_path / "other_host")
    return console


HELD = {
    "*/composite": ["Getting the report (done) 9 rows read", "Reading the org and making the plan"],
    "*/composite/sobjects*": [
        "Getting the report (done) 9 rows read",
        "of the org read · 8 of 9 rows matched · 9 of 9 rows compared",
        "Sending the changes: 0 of 8 records sent …",
    ],
}


@pytest.mark.proof
@pytest.mark.parametrize("held", HELD)
def test_a_run_on_another_host_shows_its_numbers(held: str, worker: Center, console: Console, browser: Browser) -> None:
    shown = show_while_held(worker, console, browser, held)
    for each in HELD[held]:
        assert each in shown
    with reading(console.installation.engine) as connection:
        assert connection.execute(select(step_progress)).all() == [], "the run has ended"


@pytest.mark.proof
def test_what_a_newer_program_notes_is_left_out(worker: Center, console: Console, browser: Browser) -> None:
    shown = show_while_held(worker, console, browser, "*/composite/sobjects*", content={"seen": "in another form"})
    assert "Sending the changes: 0 of 8 records sent …" in shown
    assert "rows read" not in shown


def show_while_held(
    worker: Center, console: Console, browser: Browser, held: str, content: object | None = None
) -> str:
    """Return the page of a run while the org does not answer a request; `content` replaces what its steps noted."""
    hold = worker.emulator.sandbox.faults.hold(held, times=None)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(worker.run)
        try:
            assert hold.reached.wait(WAIT_SECONDS)
            if content is not None:
                with writing(console.installation.engine) as connection:
                    connection.execute(update(step_progress).values(content=content))
            (sync,) = console.installation.syncs.history(SLUG)
            shown = browser.open(f"/integrations/{SLUG}/runs/{sync.run_id}").text
        finally:
            hold.release()
        assert running.result(WAIT_SECONDS).success
    return shown
