"""The page that takes an integration to Production."""

import re
from collections.abc import Callable

import pytest

from integration_center.integration.spec import Environment
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import OwnDagster
from integration_center_tests.pipeline.center import COUNT, PLAIN, logins
from salesforce_emulator.org.custom_fields import add_custom_field
from salesforce_emulator.schema.fields import PicklistValue

TIER = "WalkMe_Tier__c"
PAGE = "/integrations/logins_to_leads/promote"
CHOICES = (PicklistValue("gold", label="Gold, at last"), PicklistValue("Silver", label="Silver"))
TIERS = {
    "restricted": True,
    "valueSetDefinition": {
        "sorted": False,
        "value": [{"fullName": each.value, "default": False, "label": each.label} for each in CHOICES],
    },
}


@pytest.fixture
def ready(dagster: OwnDagster) -> OwnDagster:
    dagster.center.integrate()
    dagster.center.drop(logins(PLAIN))
    return dagster


def test_it_is_compared_planned_and_switched_on(
    browser: Browser, ready: OwnDagster, connect: Callable[[Environment], None]
) -> None:
    seen = browser.open(PAGE)
    assert "Production is not connected" in seen.text
    connect(Environment.PRODUCTION)
    assert PAGE in browser.open("/integrations/logins_to_leads").targets
    seen = browser.open(PAGE)
    assert "Nothing that this integration uses" in seen.text
    assert f"{PAGE}/switch-on" not in seen.html
    planned = browser.submit(seen, PAGE)
    assert planned.path == PAGE
    planned = browser.open(PAGE)
    assert f"{len(PLAIN)} records would be updated" in planned.text
    assert ready.center.writes(Environment.PRODUCTION) == []
    forged = browser.submit(planned, f"{PAGE}/switch-on", {"run": "made-up"})
    assert "It stays switched off" in forged.text
    on = browser.submit(browser.open(PAGE), f"{PAGE}/switch-on")
    assert on.path == "/integrations/logins_to_leads_production"
    assert "It is switched on in Production" in on.text
    assert re.search(r"Enabled: after the plan of the run of \S+ \S+ UTC was seen", on.text)
    assert "is on. A new plan" in browser.open(PAGE).text
    assert f"{PAGE}/switch-on" not in browser.open(PAGE).html


def test_fields_that_production_lacks_are_created_like_those_of_the_sandbox(
    browser: Browser, ready: OwnDagster, connect: Callable[[Environment], None]
) -> None:
    connect(Environment.PRODUCTION)
    sandbox, production = (org.org for org in (ready.center.emulator.sandbox, ready.center.emulator.production))
    add_custom_field(sandbox, f"Lead.{TIER}", {"label": "Tier", "type": "Number", "precision": 5, "scale": 1})
    sandbox.schema.show("Lead", TIER)
    ready.center.integrate(fields=[{"column": "# Logins Last 30 Days", "field": TIER}])
    seen = browser.open(PAGE)
    assert f"({TIER}) is missing in Production" in seen.text
    assert f"Label: Tier, API name: {TIER}, type: Number(4, 1)" in seen.text
    assert "Create it in Production" in seen.text
    created = browser.submit(seen, f"{PAGE}/fields")
    assert "Created on Lead: Tier" in created.text
    assert "Nothing that this integration uses" in created.text
    lead = production.schema.find_any("Lead")
    assert lead is not None
    made = lead.by_name[TIER.lower()]
    assert (made.label, made.type, made.precision, made.scale) == ("Tier", "double", 5, 1)
    assert ready.center.writes(Environment.PRODUCTION) == []


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("metadata", "shape", "described"),
    [
        ({"type": "Email"}, "type: Email", {"type": "email", "length": 80}),
        ({"type": "Phone"}, "type: Phone", {"type": "phone"}),
        ({"type": "Url"}, "type: URL", {"type": "url"}),
        ({"type": "TextArea"}, "type: Text Area", {"type": "textarea", "length": 255, "html": False}),
        (
            {"type": "LongTextArea", "length": 4000, "visibleLines": 5},
            "type: Text Area (Long, 4000)",
            {"type": "textarea", "length": 4000, "html": False},
        ),
        (
            {"type": "Html", "length": 32768, "visibleLines": 5},
            "type: Text Area (Rich, 32768)",
            {"type": "textarea", "length": 32768, "html": True},
        ),
        (
            {"type": "Percent", "precision": 5, "scale": 2},
            "type: Percent(3, 2)",
            {"type": "percent", "precision": 5, "scale": 2},
        ),
        (
            {"type": "Currency", "precision": 18, "scale": 2},
            "type: Currency(16, 2)",
            {"type": "currency", "precision": 18, "scale": 2},
        ),
        (
            {"type": "Picklist", "valueSet": TIERS},
            "type: Picklist restricted to its values, values: gold (label: Gold, at last); Silver",
            {"type": "picklist", "restricted": True, "values": CHOICES},
        ),
        (
            {"type": "MultiselectPicklist", "valueSet": {**TIERS, "restricted": False}, "visibleLines": 4},
            "type: Picklist (Multi-Select), values: gold (label: Gold, at last); Silver",
            {"type": "multipicklist", "restricted": False, "values": CHOICES},
        ),
    ],
    ids=lambda given: given["type"] if isinstance(given, dict) and "label" not in given else "",
)
def test_each_type_of_field_is_created_in_production_as_it_is_in_the_sandbox(
    browser: Browser,
    ready: OwnDagster,
    connect: Callable[[Environment], None],
    metadata: dict[str, object],
    shape: str,
    described: dict[str, object],
) -> None:
    connect(Environment.PRODUCTION)
    sandbox, production = (org.org for org in (ready.center.emulator.sandbox, ready.center.emulator.production))
    add_custom_field(sandbox, f"Lead.{TIER}", {"label": "Tier", **metadata})
    sandbox.schema.show("Lead", TIER)
    ready.center.integrate(fields=[{"column": "# Logins Last 30 Days", "field": TIER}])
    seen = browser.open(PAGE)
    assert f"Label: Tier, API name: {TIER}, {shape}" in seen.text
    assert "Created on Lead: Tier" in browser.submit(seen, f"{PAGE}/fields").text
    lead = production.schema.find_any("Lead")
    assert lead is not None
    made = lead.by_name[TIER.lower()]
    assert {name: getattr(made, name) for name in described} == described
    (granted,) = (row for row in production.store.records("FieldPermissions") if row["Field"] == f"Lead.{TIER}")
    (opened,) = (row for row in production.store.records("PermissionSet") if row["Id"] == granted["ParentId"])
    assert opened["Name"] == "Integration_Center_Production"


def test_what_production_lacks_is_said_and_nothing_is_copied(
    browser: Browser, ready: OwnDagster, connect: Callable[[Environment], None]
) -> None:
    connect(Environment.PRODUCTION)
    ready.center.emulator.production.org.schema.hide("Lead", COUNT)
    seen = browser.open(PAGE)
    assert "field-level security hides it" in seen.text
    assert "Compare again" in seen.links
    token = browser.token()
    assert "nothing was copied" in browser.post(PAGE, {"csrf_token": token}).text
    assert not (ready.center.defs / "logins_to_leads_production").exists()
