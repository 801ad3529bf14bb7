"""Two people who edit one integration, and what the audit log says of an edit."""

from collections.abc import Callable

import pytest

from integration_center.access.audit import Action
from integration_center.console.differences import compare_versions, describe_changes
from integration_center.console.labels import Labels
from integration_center.console.shell.context import Console
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.reading import DefsFile
from integration_center_tests.console.browser import Browser, Seen
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import EXAMPLE, FIRST, LAST, PLAIN, Center, logins

HERE = "/integrations/logins_to_leads"
LEAD = Labels("Lead", {FIRST.lower(): "First Login", LAST.lower(): "Last Login"})


@pytest.fixture
def editors(center: Center, browser: Browser, open_browser: Callable[..., Browser]) -> tuple[WizardUser, WizardUser]:
    """Two people who edit the same integration: the second to save, and the first."""
    center.drop(logins(PLAIN))
    center.integrate()
    return WizardUser.begin(browser, f"{HERE}/edit"), WizardUser.begin(open_browser(), f"{HERE}/edit")


def find_file(console: Console) -> DefsFile:
    return console.defs.read("logins_to_leads")


def find_spec(console: Console) -> IntegrationSpec:
    spec = find_file(console).spec
    assert spec is not None
    return spec


def save_both(editors: tuple[WizardUser, WizardUser]) -> tuple[Seen, str]:
    """Both change the schedule, and the first the owners, too. What the second sees, and where the choice is sent."""
    mine, theirs = editors
    theirs.press("save", {"schedule": "0 10 * * *", "owners": "team:leads", "max_changed": "30"})
    seen = mine.press("save", {"schedule": "0 11 * * *"})
    assert seen.status == 409
    return seen, f"{mine.root}/version"


def test_the_second_of_two_editors_sees_both_versions(
    editors: tuple[WizardUser, WizardUser], browser: Browser, console: Console
) -> None:
    seen, _ = save_both(editors)
    assert "Logins to Leads was changed just now while you edited it." in seen.text
    assert "Schedule Every day at 08:00 UTC Every day at 10:00 UTC Every day at 11:00 UTC" in seen.text
    assert "Owners none team:leads none" in seen.text
    assert "Held when more records would change none 30 % none" in seen.text
    assert "Held when more records would lose a value" not in seen.text
    assert "changed by" in seen.text
    assert find_spec(console).schedule == "0 10 * * *"
    mine = editors[0]
    mine.seen = browser.open(seen.links["Look at my draft"])
    mine.wait()
    assert mine.values["schedule"] == ["0 11 * * *"]


@pytest.mark.proof
def test_mine_is_saved_over_theirs(editors: tuple[WizardUser, WizardUser], browser: Browser, console: Console) -> None:
    seen, path = save_both(editors)
    done = browser.submit(seen, path, {"go": "mine"})
    assert "Logins to Leads is saved." in done.text
    assert (find_spec(console).schedule, find_spec(console).owners) == ("0 11 * * *", ())
    (entry, *_) = console.installation.audit.list(actions=[Action.CHANGED])
    assert "Schedule from Every day at 10:00 UTC to Every day at 11:00 UTC" in (entry.detail or "")


def test_theirs_is_kept(editors: tuple[WizardUser, WizardUser], browser: Browser, console: Console) -> None:
    seen, path = save_both(editors)
    before = find_file(console).text
    done = browser.submit(seen, path, {"go": "theirs"})
    assert done.path == HERE
    assert "The other version is kept; yours is discarded." in done.text
    assert find_file(console).text == before
    assert "is not here any more" in browser.open(path.replace("version", "mapping"), status=409).text


@pytest.mark.proof
def test_a_third_version_is_not_overwritten_unseen(
    editors: tuple[WizardUser, WizardUser], browser: Browser, console: Console
) -> None:
    seen, path = save_both(editors)
    console.defs.set_enabled("logins_to_leads", False)
    before = find_file(console).text
    again = browser.submit(seen, path, {"go": "mine"}, status=409)
    assert find_file(console).text == before
    assert "On the schedule yes no yes" in again.text
    assert browser.open(path).path.endswith("/mapping")
    assert "is saved" in browser.submit(again, path, {"go": "mine"}).text
    assert find_spec(console).enabled
    assert find_spec(console).schedule == "0 11 * * *"


@pytest.mark.proof
def test_two_who_make_the_same_change(editors: tuple[WizardUser, WizardUser]) -> None:
    mine, theirs = editors
    theirs.press("save", {"schedule": "0 10 * * *"})
    seen = mine.press("save", {"schedule": "0 10 * * *"})
    assert "Both versions say the same." in seen.text
    assert "Use mine" not in seen.text


def test_an_edit_is_described_without_conditions_people_and_secrets() -> None:
    before = IntegrationSpec.model_validate(EXAMPLE)
    after = IntegrationSpec.model_validate(
        {
            **EXAMPLE,
            "schedule": "0 7 * * *",
            "where": "Email = 'ada@x.example'",
            "fields": [{"column": "Last Login", "field": FIRST}],
            "limits": {"max_changed": 20},
            "owners": ["ada@x.example"],
            "op_tags": {"token": "ada"},
        }
    )
    said = describe_changes(before, after, LEAD)
    assert "Schedule from Every day at 08:00 UTC to Every day at 07:00 UTC" in said
    assert "First Login from First Login to Last Login" in said
    assert "Last Login from Last Login to none" in said
    assert "Held when more records would change from none to 20 %" in said
    assert {"Only records with", "Owners", "Op tags"} <= set(said.split("; "))
    assert "ada" not in said
    assert describe_changes(before, before, LEAD) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Other"},
        {"enabled": False},
        {"timezone": "Europe/Berlin"},
        {"paused_until": "2030-01-01"},
        {"arrive_by": "12:00"},
        {"not_between": ["22:00-06:00"]},
        {"when_null": "clear"},
        {"when_many_match": "skip"},
        {"max_matches": 3},
        {"ignore_invalid": True},
        {"latest_by": "Last Login"},
        {"where": "Name != null"},
        {"when_absent": {"then": "clear"}},
        {"limits": {"allow_empty": True}},
        {"limits": {"max_failed": 1}},
        {"approval": "required"},
        {"canary": 5},
        {"tags": {"team": "leads"}},
        {"keys": [{"column": "User ID", "field": "Name"}]},
    ],
)
def test_no_difference_is_left_out(change: dict[str, object]) -> None:
    versions = [IntegrationSpec.model_validate(each) for each in (EXAMPLE, {**EXAMPLE, **change})]
    assert compare_versions(versions, LEAD)
