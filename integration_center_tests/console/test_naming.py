"""Sentences name a field by its label first, the API name beside it in grey, and an integration by its name."""

from datetime import UTC, datetime

import pytest

from integration_center.console.labels import Labels, find_labels
from integration_center.console.naming import Names
from integration_center.console.shell.context import Console
from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LABELS = {"score__c": "Fit Score", "email": "Email", "numberofemployees": "Employees", "evil__c": "<script>"}
NAMES = Names({"lead": Labels("Lead", LABELS), "fit__c": Labels("Fit")}, {"a b": "Scores", "b_2": "Second"}, now=NOW)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Read on Lead.Score__c", 'Read on Fit Score <span class="api">Lead.Score__c</span>'),
        ("Edit on lead.EMAIL.", 'Edit on Email <span class="api">lead.EMAIL</span>.'),
        ("Read on Lead.Other__c", "Read on Lead.Other__c"),
        ("Edit on Fit__c", 'Edit on Fit <span class="api">Fit__c</span>'),
        ("2 fields of Lead (Score__c, NumberOfEmployees, Email)",
         '2 fields of Lead (Fit Score <span class="api">Score__c</span>, '
         'Employees <span class="api">NumberOfEmployees</span>, Email)'),
        ("2 fields of Case (Score__c)", "2 fields of Case (Score__c)"),
        ("Lead.Evil__c <b>", '&lt;script&gt; <span class="api">Lead.Evil__c</span> &lt;b&gt;'),
        ("by integration 'a b'; x", 'by <a href="/integrations/a%20b">Scores</a>; x'),
        ("ended: b_2 (0a1b2c3d), gone (0a1b2c3d)",
         'ended: <a href="/integrations/b_2">Second</a> <span class="api">0a1b2c3d</span>, gone (0a1b2c3d)'),
        ("by integration 'gone'", "by integration &#39;gone&#39;"),
        ("at 2026-10-27 08:00 UTC", 'at <time datetime="2026-10-27T08:00:00Z">2026-10-27 08:00 UTC</time>'),
        ("by ann at 2026-11-27 08:00 UTC: x",
         'by ann <time datetime="2026-11-27T08:00:00Z" title="2026-11-27 08:00 UTC">today 08:00</time>'
         ' <span class="utc">UTC</span>: x'),
        ("since 2026-11-26 08:00 UTC", 'since <time datetime="2026-11-26T08:00:00Z" title="2026-11-26 08:00 UTC">'
         'yesterday 08:00</time> <span class="utc">UTC</span>'),
        ("at 2026-13-27 08:00 UTC", "at 2026-13-27 08:00 UTC"),
    ],
)  # fmt: skip
def test_a_sentence_is_marked(text: str, shown: str) -> None:
    assert NAMES.mark(text) == shown


def test_a_clash_rights_and_the_doctor_show_labels_first(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    center.integrate("second", name="Second")
    named = f'WalkMe Logins Last 30 Days <span class="api">Lead.{COUNT}</span>'
    assert find_labels(console, Environment.SANDBOX, "Lead", patience=60).of(COUNT) == "WalkMe Logins Last 30 Days"
    clash = f'{named} are already written by <a href="/integrations/logins_to_leads">Logins to Leads</a>'
    for page in ("/", "/integrations/second"):
        assert clash in browser.open(page).html
    rights = browser.open("/accounts/sandbox/rights").html
    assert f"Read and Edit on {named}" in rights
    assert 'WalkMe Engagement <span class="api">WalkMe_Engagement__c</span>' in rights
    assert clash in look_with_the_doctor(console, browser)


def test_the_answers_to_changes_show_labels_first(center: Center, console: Console, browser: Browser) -> None:
    center.integrate()
    center.integrate("second", name="Second", enabled=False)
    named = f'WalkMe Logins Last 30 Days <span class="api">Lead.{COUNT}</span>'
    find_labels(console, Environment.SANDBOX, "Lead", patience=60)
    refused = browser.post("/integrations/second/enable", {"csrf_token": browser.token()}, status=409)
    assert f'{named} are already written by <a href="/integrations/logins_to_leads">Logins to Leads</a>' in refused.html
    several = browser.post("/integrations", {"csrf_token": browser.token(), "go": "enable", "slug": "second"})
    assert f'{named} are already written by <a href="/integrations/logins_to_leads">Logins to Leads</a>' in several.html


@pytest.mark.proof
@pytest.mark.parametrize(
    ("column", "field", "said"),
    [
        ("User ID", "Email", 'Email <span class="api">Lead.Email</span> is a key field'),
        ("# Logins Last 30 Days", "CreatedDate", 'Created Date <span class="api">Lead.CreatedDate</span> '),
        (
            "# Logins Last 30 Days",
            COUNT,
            f'WalkMe Logins Last 30 Days <span class="api">Lead.{COUNT}</span> is written',
        ),
    ],
)
def test_the_wizard_says_labels_first(column: str, field: str, said: str, center: Center, browser: Browser) -> None:
    center.drop(logins(PLAIN))
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("add")
    user.press("stay", {"column-3": column})
    user.press("stay", {"field-3": field})
    assert said in user.seen.html


def look_with_the_doctor(console: Console, browser: Browser) -> str:
    """The doctor's page, once it has looked."""
    browser.open("/doctor?again=1")
    answer = console.lookups.find(("doctor",))
    assert answer
    answer.future.result(60)
    return browser.open("/doctor").html
