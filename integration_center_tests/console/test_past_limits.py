"""Beside each limit the wizard says what it would have done in the last runs."""

import pytest

from integration_center.console.shell.security import TOKEN_FIELD
from integration_center.database.sync_records import SyncStatus
from integration_center.installation import Installation
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.test_integrations import log
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import PLAIN, Center, logins


@pytest.fixture
def user(center: Center, installation: Installation, browser: Browser) -> WizardUser:
    """Somebody who edits an integration of which three runs are in the log."""
    center.drop(logins(PLAIN))
    center.integrate()
    log(installation, "one", updated=80, unchanged=10, unmatched=10)
    log(installation, "two", updated=40, unchanged=30, failed=10, unmatched=20)
    log(installation, "three", status=SyncStatus.FAILED, held=57, unchanged=3, unmatched=40)
    log(installation, "under way", status=SyncStatus.RUNNING)
    return WizardUser.begin(browser, "/integrations/logins_to_leads/edit")


def test_each_limit_says_what_it_would_have_done(user: WizardUser) -> None:
    user.open("mapping")
    assert "It was 60 to 90 % in the last 3 runs; 1 % would have stopped none of them." in user.seen.text
    assert "It was 62 to 95 % in the last 3 runs." in user.seen.text  # no limit is set
    assert "It was 0 to 12 % in the last 3 runs; 10 % would have called 1 of them Failed." in user.seen.text
    user.press("stay", {"min_match_rate": "85", "max_changed": "90", "max_failed": "5"})
    assert "85 % would have stopped 2 of them." in user.seen.text
    assert "90 % would have stopped 1 of them." in user.seen.text
    assert "5 % would have called 1 of them Failed." in user.seen.text
    user.press("stay", {"min_match_rate": "many"})
    assert "It was 60 to 90 % in the last 3 runs." in user.seen.text


def test_a_limit_that_is_typed_is_explained_at_once(user: WizardUser) -> None:
    user.open("mapping")
    live = {said.get("id"): said.get("data-live") for tag, said in user.seen.tags if tag == "input"}
    parts = live["min_match_rate"]
    assert parts == "save past-min_match_rate"
    fields = {**user.values, "min_match_rate": "89", "go": "stay", TOKEN_FIELD: user.browser.token()}
    path = user.seen.path.partition("?")[0]
    answer = Seen(user.browser.client.post(path, data=fields, headers={"x-parts": parts}))
    assert "89 % would have stopped 2 of them." in answer.text


def test_a_new_integration_has_no_runs_to_look_at(user: WizardUser, browser: Browser) -> None:
    new = WizardUser.begin(browser)
    new.to_mapping()
    assert "It was" not in new.seen.text
