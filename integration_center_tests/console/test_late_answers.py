"""What comes late in the wizard shows by itself: nobody has to load the page again for it."""

import time
from importlib import import_module
from threading import Event
from typing import Any

import pytest

from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import Center, logins

STRANGERS = [(f"nobody{number}@nowhere.example", None, None, 1) for number in range(40)]


def hold(monkeypatch: pytest.MonkeyPatch, name: str) -> Event:
    """Let one of the wizard's questions be answered only after an event."""
    module = "integration_center.console.wizard.calls"
    answers, original = Event(), getattr(import_module(module), name)

    def late(*given: Any, **named: Any) -> Any:
        assert answers.wait(60)
        return original(*given, **named)

    monkeypatch.setattr(f"{module}.{name}", late)
    return answers


def follow_until(user: WizardUser, part: str) -> None:
    """Ask again, as the script does, until a part of the page is followed."""
    deadline = time.monotonic() + 60
    while part not in find_followed(user.seen):
        assert find_followed(user.seen), user.seen.text
        assert time.monotonic() < deadline
        user.seen = user.browser.open(f"{user.root}/{user.step}")


def find_followed(seen: Seen) -> set[str | None]:
    return {tag.get("id") for _, tag in seen.tags if tag.get("data-refresh")}


@pytest.mark.proof
def test_late_samples_show_by_themselves(center: Center, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    center.drop(logins((1, 3)))
    center.integrate()
    answers = hold(monkeypatch, "find_samples")
    user = WizardUser(browser, browser.open("/integrations/logins_to_leads/edit"))
    follow_until(user, "late")
    assert "e.g." not in user.seen.text
    answers.set()
    assert '<span class="value">10</span>' in user.wait().html
    part = browser.client.get(f"{user.root}/mapping?refresh=1", headers={"x-parts": "late"}).text
    assert 'id="sample-1"' in part
    assert 'id="fires"' in part
    assert 'id="rows"' not in part


def test_other_pairs_show_by_themselves(center: Center, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    center.drop(STRANGERS)
    monkeypatch.setattr("integration_center.console.wizard.report.BETTER_SECONDS", 0.01)
    answers = hold(monkeypatch, "find_alternatives")
    user = WizardUser.begin(browser)
    user.press("next", {"environment": "sandbox"})
    fields = {"report": "Logins", "object": "Lead", "go": "stay", "csrf_token": browser.token()}
    user.seen = Seen(browser.client.post(f"{user.root}/report", data=fields))
    while "Other pairs are being tried" not in user.seen.text:
        follow_until(user, "match")
        user.seen = browser.open(f"{user.root}/report")
    assert find_followed(user.seen) == {"match"}
    answers.set()
    assert "No other likely pair matches better." in user.wait().text
