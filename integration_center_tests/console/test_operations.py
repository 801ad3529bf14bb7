"""What an operations team does in the console: search, erase, alerts, the doctor."""

import io
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.alerts.places import FILE_NAME
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User, build_identify
from integration_center.installation import open_installation
from integration_center.settings import read_settings
from integration_center_tests.alerts.receivers import SECRET, receiving
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, email, logins


def follow(browser: Browser, seen: Seen) -> Seen:
    """Ask again until the answer is there."""
    for _ in range(60):
        refresh = next((tag["data-refresh"] for _, tag in seen.tags if tag.get("data-refresh")), None)
        if refresh is None:
            return seen
        seen = browser.open(refresh)
    raise AssertionError(seen.text)


@pytest.mark.proof
def test_what_a_record_says_is_explained_and_a_person_is_erased(
    center: Center, console: Console, browser: Browser, open_browser: Callable[..., Browser]
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    run = center.run()
    found = browser.submit(browser.open("/search"), "/search", {"text": f" {email(PLAIN[0]).upper()} "})
    assert email(PLAIN[0]) not in found.path
    assert f"/integrations/logins_to_leads/runs/{run.run_id}" in found.targets
    assert "2 of Logins Review" in found.text, "the first row below the header"
    assert f'WalkMe Logins Last 30 Days <span class="api">{COUNT}</span>' in found.html
    assert any(target.startswith(center.emulator.sandbox.url) for target in found.targets), "the record in Salesforce"
    viewer = User("vera", Role.VIEWER, signed_in=True)
    theirs = open_browser(build_app(replace(console, identify=lambda request: viewer)))
    assert "ask=held" not in theirs.submit(theirs.open("/search"), "/search", {"text": email(PLAIN[0])}).html

    held = follow(browser, browser.open(found.links["What is stored of this person …"]))
    assert "Report" in held.text
    unsure = follow(browser, browser.submit(held, "/search/erase"))
    assert "Tick the box" in unsure.text
    erased = follow(browser, browser.submit(unsure, "/search/erase", {"sure": "on"}))
    assert "found nothing" in erased.text
    assert "can no longer be undone" in erased.text
    (entry,) = console.installation.audit.list(actions=[Action.FORGOT_PERSON])
    assert email(PLAIN[0]) not in repr(entry)
    again = browser.submit(browser.open("/search"), "/search", {"text": email(PLAIN[0])})
    assert "No run of the last 90 days wrote to it." in again.text
    assert "no longer remembered" in browser.open("/search?find=nothing").text


@pytest.mark.proof
def test_a_search_names_an_integration_that_was_deleted(center: Center, browser: Browser) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    center.run()
    center.run()
    before = browser.submit(browser.open("/search"), "/search", {"text": email(PLAIN[0])})
    assert before.links["Logins to Leads"]
    assert "Logins to Leads : already up to date in 1 run" in before.text
    shutil.rmtree(center.defs / "logins_to_leads")
    after = browser.submit(browser.open("/search"), "/search", {"text": email(PLAIN[0])})
    assert "Logins to Leads (deleted): already up to date in 1 run" in after.text
    assert "logins_to_leads" not in after.text
    assert "/integrations/logins_to_leads" not in after.targets, "there is no such page any more"


@pytest.mark.proof
def test_a_record_in_a_ledger_opens_its_history_over_all_runs(center: Center, browser: Browser) -> None:
    center.integrate()
    center.drop([*logins(PLAIN), ("nobody@nowhere.example", None, None, 1)])
    runs = [center.run() for _ in range(2)]
    ledger = browser.open(f"/integrations/logins_to_leads/runs/{runs[1].run_id}/ledger")
    record_id = center.lead(PLAIN[0])["Id"]
    offered = set(re.findall(r"History of (\S+)", ledger.text))
    assert {record_id, "nobody@nowhere.example"} <= offered
    history = browser.submit(ledger, "/search", {"text": record_id})
    assert record_id not in history.path
    assert f"/integrations/logins_to_leads/runs/{runs[0].run_id}" in history.targets
    assert "Logins to Leads : already up to date in 1 run" in history.text


def test_channels_are_added_tried_and_removed(center: Center, console: Console, browser: Browser) -> None:
    (center.home / FILE_NAME).write_text("# ours\nthresholds:\n  failed_rows: 3  # percent\n")
    with receiving() as receiver:
        seen = browser.open("/alerts")
        wrong = browser.submit(seen, "/alerts", {"name": "hook", "type": "webhook", "url": "ftp://x"}, status=400)
        assert "it must be an https:// address" in wrong.text
        given = {"name": "hook", "type": "webhook", "url": f"{receiver.url}/hooks", "secret": SECRET}
        added = browser.submit(seen, "/alerts", {**given, "kind-failed": "on"})
        assert "The channel hook is added." in added.text
        assert "Signed webhook A run failed" in added.text
        assert SECRET not in added.html
        assert receiver.url not in added.html
        text = (center.home / FILE_NAME).read_text()
        assert "# ours" in text
        assert "failed_rows: 3  # percent" in text
        tried = browser.submit(added, "/alerts/hook/test")
        assert "The test message to hook is sent." in tried.text
        assert [document["kind"] for document in receiver.of("/hooks")] == ["test"]
        twice = browser.submit(tried, "/alerts", given, status=400)
        assert "already; choose another name" in twice.text
        assert SECRET not in twice.html
        receiver.answers["/hooks"] = 500
        assert "is not sent: it answered 500" in browser.submit(tried, "/alerts/hook/test").text
    assert "There is no channel yet." in browser.submit(tried, "/alerts/hook/remove").text
    details = [entry.detail for entry in console.installation.audit.list(actions=[Action.CHANGED])]
    assert details == ["removed alert channel hook", "added alert channel hook"]


@pytest.mark.parametrize(
    "channel", [{"type": "slack"}, {"type": "fax"}, {"type": "email", "host": "h", "port": "99999"}]
)
def test_a_channel_that_is_not_whole_is_refused(center: Center, browser: Browser, channel: dict[str, str]) -> None:
    seen = browser.submit(browser.open("/alerts"), "/alerts", {"name": "a", **channel}, status=400)
    assert "The channel is not added" in seen.text
    assert not (center.home / FILE_NAME).exists()


def test_a_run_that_never_came_is_named_first(center: Center, browser: Browser) -> None:
    center.integrate()
    assert "Late:" not in browser.open("/").text
    path = center.defs / "logins_to_leads" / "defs.yaml"
    os.utime(path, (path.stat().st_mtime - 3 * 86_400,) * 2)
    seen = browser.open("/").text
    assert "Late: The run that was due" in seen
    assert seen.index("Late:") < seen.index("Last run")


def test_the_doctor_says_what_is_wrong_and_packs_it(center: Center, browser: Browser) -> None:
    center.integrate(where="LastName = 'Secret'")
    seen = follow(browser, browser.open("/doctor"))
    assert "Nobody hears of it when something goes wrong" in seen.text
    assert seen.links["Go to Alerts"] == "/alerts"
    assert "integration-center alerts" not in seen.text
    assert "Problem" in seen.text
    packed = browser.client.get("/doctor/bundle.zip")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert "Secret" not in "".join(archive.read(name).decode() for name in archive.namelist())


@pytest.mark.proof
def test_what_one_console_adds_the_console_of_another_host_shows(
    on_postgresql: Callable[[Path], str], home: Path, tmp_path: Path, open_browser: Callable[..., Browser]
) -> None:
    on_postgresql(home)
    browsers = []
    for name in ("host-1", "host-2"):
        settings = read_settings().model_copy(update={"dagster_home": tmp_path / name})
        with open_installation(settings) as installation:
            browsers.append(open_browser(build_app(Console(installation, build_identify(installation)))))
    here, there = browsers
    given = {"name": "chat", "type": "slack", "url": "https://hooks.slack.example/T/secret"}
    here.submit(here.open("/alerts"), "/alerts", given)
    seen = there.open("/alerts")
    assert "chat Slack All kinds" in seen.text
    assert "There is no channel yet." in there.submit(seen, "/alerts/chat/remove").text
    assert "There is no channel yet." in here.open("/alerts").text
