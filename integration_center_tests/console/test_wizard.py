"""The wizard by HTTP, with the local org behind it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from integration_center.access.audit import Action
from integration_center.access.users import Role
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.users import User
from integration_center.database.engine import reading
from integration_center.database.tables import drafts
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.wizard_user import WizardUser
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, email, logins

HOSTILE = "<script>alert('x')</script>\"onload='y'"


@pytest.fixture
def drops(center: Center) -> Center:
    """The report of yesterday, with a visitor that is no Lead."""
    center.drop([*logins(PLAIN), ("nobody@nowhere.example", None, None, 1)])
    return center


def test_from_nothing_to_a_saved_integration(drops: Center, browser: Browser, installation: Installation) -> None:
    user = WizardUser.begin(browser)
    assert user.step == "environment"
    assert "integration@acme.example" in user.seen.text
    user.to_report()
    assert user.values["key-column"] == ["User ID"]
    assert user.values["key-field"] == ["Email"]
    assert "89 % of all 9 keys match a record: 8 match one, 0 several, 1 none." in user.seen.text
    assert "nobody@nowhere.example" in user.seen.text
    user.press("next")
    assert user.step == "mapping"
    assert [user.values[f"field-{n}"] for n in range(3)] == [[FIRST], [LAST], [COUNT]]
    assert "the next run is" in user.seen.text
    user.press("plan")
    assert user.step == "plan"
    assert "A run would update 8 records." in user.seen.text
    assert "8 to be updated · 1 not found in Salesforce" in user.seen.text
    assert not drops.writes()
    root = user.root
    user.send(user.seen.path, {"go": ["save"]})
    assert user.seen.path == "/?saved=logins_to_lead"
    assert "Logins to Lead is saved. Its next run is" in user.seen.text
    assert "Dagster does not run" in user.seen.text
    text = (drops.defs / "logins_to_lead" / "defs.yaml").read_text()
    assert text.startswith("type: integration_center.Integration\nattributes:\n  name: Logins to Lead\n")
    assert drops.run("logins_to_lead").success
    assert [(entry.action, entry.slug) for entry in installation.audit.list()] == [
        (Action.RAN, "logins_to_lead"),
        (Action.CREATED, "logins_to_lead"),
        (Action.PLANNED, None),
    ]
    assert "this draft is not here any more" in browser.open(f"{root}/mapping", status=409).text.casefold()


def test_nothing_is_lost_between_the_screens(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("add", {"name": "My own name", "schedule": "nonsense", "when_null-1": "clear", "factor-2": "abc"})
    user.press("report", {"column-3": "User ID"})
    user.press("environment")
    user.press("mapping")
    values = user.values
    assert values["name"] == ["My own name"]
    assert values["schedule"] == ["nonsense"]
    assert (values["when_null-1"], values["factor-2"], values["column-3"]) == (["clear"], ["abc"], ["User ID"])
    user.press("remove-0")
    assert user.values["row"] == ["1", "2", "3"], "the others keep their numbers, so a page can keep their inputs"
    assert user.values["field-1"] == [LAST]
    user.press("add")
    assert user.values["row"] == ["1", "2", "3", "4"]


def test_only_connected_environments_can_be_chosen(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    assert user.values["environment"] == ["sandbox"]
    user.press("next", {"environment": "production"})
    assert user.step == "environment"
    assert "Choose a connected account." in user.seen.text


def test_screens_that_are_not_reached_yet_lead_back(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.open("mapping")
    assert user.step == "environment"
    user.press("next")
    user.press("mapping")
    assert user.step == "report"
    user.press("next")
    assert "Choose a report." in user.seen.text
    assert "Choose an object." in user.seen.text


def test_only_visible_reports_are_offered(drops: Center, browser: Browser) -> None:
    drops.drop([("a", 1)], report="secret", header=("User ID", "Score"), about={"name": "Secret"})
    drops.drop(
        [("a", 1)],
        report="champions",
        header=("User ID", "Score"),
        about={"name": "Champions", "tags": ["integration_salesforce"]},
    )
    user = WizardUser.begin(browser)
    user.press("next")
    assert {"Logins", "NPS", "Champions"} <= set(user.inputs.offers["report"])
    assert "Secret" not in user.inputs.offers["report"]


def test_objects_are_found_by_label_or_part_of_a_name(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_report(sobject="walkme engagement")
    assert user.values["object"] == ["WalkMe_Engagement__c"]
    user.press("stay", {"object": "ac"})
    assert "Objects that are alike" in user.seen.text
    user.press("", {"pick": "Contact"})
    assert user.values["object"] == ["Contact"]
    user.press("stay", {"object": "Renamed__c"})
    assert "It may have been renamed or deleted" in user.seen.text


def test_a_salesforce_identifier_is_used_once(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_report()
    user.press("add-key")
    assert user.inputs.offers["key-field-1"]["Email"] == ("Email – used already", True)
    user.press("stay", {"key-column": ["User ID", "User ID"], "key-field": ["Email", "Email"]})
    assert "Email is used twice" in user.seen.text
    user.press("remove-key-1")
    assert user.values["key-field"] == ["Email"]


def test_what_cannot_be_mapped_says_why(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    offers = user.inputs.offers["field-0"]
    assert "Email" not in offers, "a key field is never written"
    text, disabled = offers["Id"]
    assert disabled
    assert "is read-only" in text
    text, disabled = offers[COUNT]
    assert disabled
    assert "cannot hold date and time" in text
    assert offers[LAST] == ("WalkMe Last Login · WalkMe_Last_Login__c – used already", True)


def test_saving_needs_a_complete_row_also_on_the_server(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    for number in user.values["row"]:
        user.press(f"remove-{number}")
    assert not user.inputs.buttons["save"]
    user.press("save")
    assert "Choose at least one report column" in user.seen.text
    user.press("add")
    assert not user.inputs.buttons["save"]
    user.press("stay", {"column-0": "Last Login", "field-0": LAST})
    assert user.inputs.buttons["save"]
    assert list(drops.defs.iterdir()) == []


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("name", " ", "Give the integration a name."),
        ("schedule", "every day", "cron expression of five fields"),
        ("schedule", "0 0 30 2 *", "a time that never comes"),
        ("max_cleared", "120", "It may be at most 100"),
        ("min_match_rate", "many", "It must be a number"),
        ("max_matches", "0", "It must be at least 1"),
        ("factor-2", "abc", "It must be a number"),
        ("gainsight", "no name", "It must be an API name"),
    ],
)
def test_what_is_wrong_is_at_its_input(drops: Center, browser: Browser, name: str, value: str, says: str) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("save", {name: value})
    assert user.step == "mapping"
    assert says in user.seen.text
    assert user.values[name] == [value]
    assert list(drops.defs.iterdir()) == []


def test_fields_that_are_missing_become_a_message_and_a_package(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("add")
    user.press("stay", {"column-3": "User ID"})
    assert "WalkMe_User_ID__c" in user.inputs.offers["field-3"]
    user.press("stay", {"field-3": "WalkMe_User_ID__c"})
    assert "- Label: User ID, API name: WalkMe_User_ID__c, type: Text(255)" in user.seen.text
    package = browser.client.get(f"{user.root}/missing-fields.zip")
    assert package.headers["content-type"] == "application/zip"
    assert package.content.startswith(b"PK")
    user.press("save")
    assert "Lead.WalkMe_User_ID__c" in user.seen.text
    assert list(drops.defs.iterdir()) == []
    user.press("remove-3")
    browser.open(f"{user.root}/missing-fields.zip", status=404)


def test_editing_opens_on_the_mapping_and_keeps_what_no_screen_shows(drops: Center, browser: Browser) -> None:
    drops.write(
        "by_hand",
        """\
# For the Lead team.
type: integration_center.Integration
attributes:
  name: By hand
  environment: sandbox
  report: Logins Review
  object: lead
  keys: [{column: User ID, field: Email}]
  fields:
    - {column: First Login, field: WalkMe_First_Login__c, when_null: clear}   # since 2024
  limits: {max_changed: 50}
  owners: [team:leads]
""",
    )
    user = WizardUser.begin(browser, "/integrations/by_hand/edit")
    assert user.step == "mapping"
    assert user.values["when_null-0"] == ["clear"]
    assert user.values["max_changed"] == ["50"]
    user.press("save", {"schedule": "30 9 * * *"})
    text = (drops.defs / "by_hand" / "defs.yaml").read_text()
    assert "# For the Lead team." in text
    assert "# since 2024" in text
    assert "schedule: 30 9 * * *" in text
    assert "owners: [team:leads]" in text
    assert "every day at 09:30" in user.seen.text


def test_a_field_that_another_integration_writes_is_refused(drops: Center, browser: Browser) -> None:
    drops.integrate()
    user = WizardUser.begin(browser)
    user.to_mapping()
    seen = user.press("save")
    said = "WalkMe Last Login, WalkMe Logins Last 30 Days are already written by Logins to Leads. Choose another"
    assert said in seen.text
    assert user.step == "mapping"
    assert "save-off" in user.inputs.buttons
    user.press("save", {"enabled": None})
    assert user.seen.path == "/?saved=logins_to_lead"
    assert (drops.defs / "logins_to_lead" / "defs.yaml").exists()


def test_a_copy_is_checked_in_its_own_org(
    drops: Center, browser: Browser, connect: Callable[[Environment], None]
) -> None:
    drops.integrate()
    connect(Environment.PRODUCTION)
    drops.emulator.production.org.schema.hide("Lead", LAST)
    seen = browser.open("/integrations/logins_to_leads/duplicate")
    user = WizardUser(
        browser, browser.submit(seen, "/integrations/logins_to_leads/duplicate", {"environment": "production"})
    )
    user.wait()
    assert user.step == "mapping"
    assert "in Production" in user.seen.text
    assert f"Lead has no field {LAST} yet" in user.seen.text
    assert user.values["name"] == ["Logins to Leads, Production"]
    assert "enabled" not in user.values
    user.press("remove-1")
    user.press("save")
    assert "environment: production" in (drops.defs / "logins_to_leads_production" / "defs.yaml").read_text()


@pytest.mark.proof
def test_names_of_the_report_and_the_org_stay_text(drops: Center, browser: Browser) -> None:
    drops.drop([(email(1), HOSTILE)], header=("User ID", HOSTILE))
    user = WizardUser.begin(browser)
    user.to_report()
    assert "<script>alert" not in user.seen.html
    user.press("next")
    user.press("stay", {"column-0": HOSTILE, "field-0": "Description", "name": HOSTILE})
    assert user.values["column-0"] == [HOSTILE]
    user.press("plan")
    assert HOSTILE in user.seen.text
    assert "<script>alert" not in user.seen.html
    user.send(user.seen.path, {"go": ["save"]})
    assert "<script>alert" not in user.seen.html


def test_a_draft_is_its_owners(
    drops: Center, console: Console, browser: Browser, open_browser: Callable[..., Browser]
) -> None:
    user = WizardUser.begin(browser)
    other = replace(console, identify=lambda request: User("berta", Role.OPERATOR))
    open_browser(build_app(other)).open(f"{user.root}/environment", status=409)
    viewer = open_browser(build_app(replace(console, identify=lambda request: User("carl", Role.VIEWER))))
    viewer.open("/integrations/new", status=403)


def test_another_site_cannot_begin_drafts(drops: Center, installation: Installation, browser: Browser) -> None:
    drops.integrate()
    for path in ("/integrations/new", "/integrations/logins_to_leads/edit"):
        answer = browser.client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, path
    with reading(installation.engine) as connection:
        assert connection.execute(select(drafts)).all() == []


@pytest.mark.proof
def test_a_condition_counts_in_the_match_rate_and_is_proved_before_it_is_saved(drops: Center, browser: Browser) -> None:
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("report", {"where": "Id = null"})
    assert "0 % of all 9 keys match" in user.seen.text
    user.press("mapping")
    user.press("save", {"where": "Nowhere__c = 1"})
    assert "Nowhere__c" in user.seen.text
    assert list(drops.defs.iterdir()) == []
    user.open("mapping")
    user.press("save", {"where": "Status = 'a') OR (Id != null"})
    assert user.step == "mapping"
    user.press("save", {"where": "Id != null"})
    assert "where: Id != null" in (drops.defs / "logins_to_lead" / "defs.yaml").read_text()


def test_a_field_that_is_hidden_is_distinguished_from_one_that_is_missing(drops: Center, browser: Browser) -> None:
    drops.emulator.sandbox.org.schema.hide("Lead", LAST)
    user = WizardUser.begin(browser)
    user.to_mapping()
    user.press("add")
    user.press("stay", {"column-2": "Last Login"})
    user.press("stay", {"field-2": LAST})
    assert "exists, hidden" in user.seen.text


@pytest.mark.proof
def test_addresses_that_the_sandbox_altered_are_explained_and_matched_by_one_button(
    drops: Center, browser: Browser
) -> None:
    with drops.emulator.sandbox.store.writing() as connection:
        connection.execute("UPDATE Lead SET Email = Email || '.invalid'")
    user = WizardUser.begin(browser)
    user.to_report()
    assert "0 % of all 9 keys match" in user.seen.text
    assert "Salesforce changes them in a sandbox" in user.seen.text
    user.press("ignore-invalid")
    assert "89 % of all 9 keys match" in user.seen.text
    user.press("next")
    user.press("save")
    assert "ignore_invalid: true" in (drops.defs / "logins_to_lead" / "defs.yaml").read_text()


@pytest.mark.proof
def test_hashed_user_ids_are_refused_when_an_integration_is_saved(center: Center, browser: Browser) -> None:
    center.drop([(f"{number:043}", *logins([number])[0][1:]) for number in PLAIN])
    user = WizardUser.begin(browser)
    user.to_mapping()
    assert "Next to nothing matches." in user.seen.text
    user.press("next-anyway")
    user.press("save")
    assert user.step == "mapping"
    assert "holds WalkMe's hashed user ids, which match no e-mail address of Email Lead.Email" in user.seen.text
    assert list(center.defs.iterdir()) == []
