"""The console over integrations in the database, and over a checkout that it must not change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.installation import Installation, open_installation
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.places import DatabasePlace
from integration_center.pipeline.judging import judge_with_dagster
from integration_center_tests.console.browser import Browser
from integration_center_tests.pipeline.center import EXAMPLE, Center


@pytest.fixture
def in_database(center: Center, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console whose integrations are in the database, with one of them."""
    center.integrate()
    text = (center.defs / "logins_to_leads" / "defs.yaml").read_text()
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", "database")
    with open_installation() as installation:
        console = Console(installation)
    spec = DefsFolder(center.defs, judge_with_dagster).read("logins_to_leads").spec
    assert spec is not None
    console.defs.create(spec, slug="logins_to_leads", text=text, by="anna")
    return console


def test_a_switch_in_the_console_is_a_change_by_its_user(
    in_database: Console, open_browser: Callable[..., Browser], tmp_path: Path
) -> None:
    browser = open_browser(build_app(in_database))
    seen = browser.submit(browser.open("/"), "/integrations/logins_to_leads/disable")
    assert "is off the schedule" in seen.text
    assert isinstance(in_database.defs.place, DatabasePlace)
    other_host = DatabasePlace(in_database.defs.place.texts, tmp_path / "other")
    spec = DefsFolder(other_host, judge_with_dagster).read("logins_to_leads").spec
    assert spec is not None
    assert not spec.enabled
    newest, first = other_host.texts.list_history("logins_to_leads")
    assert (first.saved_by, newest.number) == ("anna", 2)
    assert newest.saved_by not in ("anna", "")

    confirm = browser.open("/integrations/logins_to_leads/delete")
    DefsFolder(other_host, judge_with_dagster).set_enabled("logins_to_leads", True)
    seen = browser.submit(confirm, "/integrations/logins_to_leads/delete", status=409)
    assert "was changed" in seen.text


def test_a_checkout_is_shown_and_not_changed(
    center: Center, installation: Installation, open_browser: Callable[..., Browser]
) -> None:
    center.integrate()
    before = (center.defs / "logins_to_leads" / "defs.yaml").read_text()
    settings = installation.settings.model_copy(update={"defs_read_only": True})
    browser = open_browser(build_app(Console(replace(installation, settings=settings))))
    seen = browser.open("/")
    assert EXAMPLE["name"] in seen.text
    assert "kept in git" in seen.text
    assert "+ New Integration" not in seen.text
    assert "/integrations/logins_to_leads/disable" not in str(seen.reader.forms)
    token = browser.token()
    for change in ("disable", "delete"):
        answer = browser.client.post(f"/integrations/logins_to_leads/{change}", data={"csrf_token": token})
        assert answer.status_code == 409
        assert "kept in git" in answer.text
    assert "kept in git" in browser.open("/integrations/new", status=409).text
    assert (center.defs / "logins_to_leads" / "defs.yaml").read_text() == before
