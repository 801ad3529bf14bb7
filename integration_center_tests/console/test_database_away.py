"""A console whose database goes away says so, and goes on when the database is back, without being started again."""

from collections.abc import Callable
from pathlib import Path

from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import build_identify
from integration_center.installation import open_installation
from integration_center.settings import read_settings
from integration_center_tests.console.browser import Browser
from integration_center_tests.postgresql import Server

PAGES = ("/", "/alerts", "/log", "/accounts")


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
