"""Beside each limit the wizard says what it would have done in the last runs."""

from datetime import timedelta

import pytest

from integration_center.console.shell.security import TOKEN_FIELD
from integration_center.database.sync_records import SyncStatus
from integration_center.installation import Installation
from integration_center_tests.conftest import YESTERDAY
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


@pytest.mark.proof
def test_a_new_integration_has_no_runs_to_look_at(user: WizardUser, browser: Browser) -> None:
    new = WizardUser.begin(browser)
    new.to_mapping()
    assert "It was" not in new.seen.text


@pytest.mark.proof
def test_values_lost_and_people_who_dropped_out_are_remembered(center: Center, browser: Browser) -> None:
    center.integrate(when_null="clear")
    center.drop(logins(PLAIN), day=YESTERDAY - timedelta(days=1))
    assert center.run(day=YESTERDAY - timedelta(days=1)).success
    stays = logins(PLAIN[:6])
    stays[0] = (stays[0][0], None, *stays[0][2:])
    center.drop(stays)
    held = center.run()
    assert not held.success
    assert center.sync(held).judged == {"cleared": 1, "matched": 6, "dropped": 2, "known": 8}
    cleared = "It was 0 to 17 % in the last 2 runs; 10 % would have stopped 1 of them."
    dropped = "It was 25 % in the last run; 10 % would have stopped it."  # the first run knew nobody
    page = browser.open("/integrations/logins_to_leads").text
    assert f"more than 10 % of the records would lose a value {cleared}" in page
    assert f"more than 10 % of the people drop out of the report at once {dropped}" in page
    user = WizardUser.begin(browser, "/integrations/logins_to_leads/edit")
    user.open("mapping")
    assert cleared in user.seen.text
    assert dropped in user.seen.text
    user.press("stay", {"max_cleared": "20", "max_absent": "30"})
    assert "20 % would have stopped none of them." in user.seen.text
    assert "30 % would have stopped nothing." in user.seen.text


@pytest.mark.proof
def test_one_person_never_stops_a_run(center: Center, browser: Browser) -> None:
    center.integrate()
    center.drop(logins(PLAIN), day=YESTERDAY - timedelta(days=1))
    assert center.run(day=YESTERDAY - timedelta(days=1)).success
    center.drop(logins(PLAIN[:7]))
    ran = center.run()
    assert ran.success, ran.error
    assert center.sync(ran).judged == {"cleared": 0, "matched": 7, "dropped": 1, "known": 8}
    page = browser.open("/integrations/logins_to_leads").text
    # The numbers are those of the plan: they stay when the push counts what became of it.
    assert "It was 12 % in the last run; 10 % would have stopped nothing." in page
