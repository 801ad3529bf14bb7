"""What is wrong with one integration is said clearly and never stops another, be it in runs of their own or in one."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import httpx
import pytest
import yaml
from pydantic import SecretStr

from integration_center.accounts.connecting import begin_web, finish_web
from integration_center.database.sync_records import SyncStatus
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import EXAMPLE, PLAIN, Center, days_before, logins

GOOD = "logins_to_leads"
SCORE = {"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}


def as_yaml(**changes: Any) -> str:
    """An integration's file: the example, changed."""
    attributes = {name: value for name, value in {**EXAMPLE, **changes}.items() if value is not None}
    return yaml.safe_dump({"type": "integration_center.Integration", "attributes": attributes})


FREE = {"fields": [SCORE]}
BROKEN_FILES: Mapping[str, tuple[str, str, str]] = {
    "YAML syntax": ("bad_syntax", "type: integration_center.Integration\nattributes: {name: [", r"defs\.yaml.*line"),
    "missing attribute": ("no_report", as_yaml(report=None, **FREE), r"report in line 1: it is missing"),
    "misspelt attribute": ("misspelt", as_yaml(enabledd=True, **FREE), r"enabledd"),
    "misread text": (
        "misread",
        as_yaml(fields=[{"column": False, "field": SCORE["field"]}]),
        r"defs\.yaml: fields\[0\]\.column in line 4: YAML reads false as false; write it in quotes: \"false\"$",
    ),
    "written twice": (
        "twice",
        as_yaml(**FREE).replace("attributes:\n", "attributes:\n  fields: []\n"),
        r"defs\.yaml: fields is written twice, in lines 2 and \d+; keep one$",
    ),
    "bad value": (
        "bad_value",
        as_yaml(environment="staging", **FREE),
        r"environment.*neither 'sandbox' nor 'production'",
    ),
    "unknown type": (
        "bad_type",
        "type: integration_center.Nonsense\nattributes: {}\n",
        r"integration_center.*Nonsense",
    ),
    "empty file": ("empty", "", r"the file is empty"),
    "bad schedule": ("bad_cron", as_yaml(schedule="61 8 * * *", **FREE), r"'61 8 \* \* \*' is no cron expression"),
    "bad owner": ("bad_owner", as_yaml(owners=["ann@"], **FREE), r"ann@"),
    "key written": ("key_written", as_yaml(fields=[{"column": "User ID", "field": "Email"}]), r"Email is a key field"),
    "field taken": (
        "second",
        as_yaml(fields=EXAMPLE["fields"][:1]),
        r"Lead\.WalkMe_First_Login__c is already.*'logins",
    ),
}
BAD_FOLDERS: Mapping[str, tuple[str, str]] = {
    "x y!": ("broken_x_y_", r"folder 'x y!': rename it"),
    "A_B": ("broken_a_b", r"folder 'A_B': rename it"),
    "a-b": ("broken_a_b_", r"folder 'a-b': rename it"),
    "sync": ("broken_sync", r"folder 'sync': Dagster or the Integration Center itself uses this name"),
    "insights": ("broken_insights", r"folder 'insights': Dagster or the Integration Center"),
}


def assert_says(errors: Mapping[str, str | None], expected: Mapping[str, str]) -> None:
    """Check that each integration's error says what was expected of it."""
    wrong = {
        slug: (errors.get(slug), pattern)
        for slug, pattern in expected.items()
        if not re.search(pattern, errors.get(slug) or "", re.DOTALL)
    }
    assert not wrong


@pytest.fixture
def broken(center: Center) -> dict[str, str]:
    """Every kind of broken file beside a good one and `a_b`, which is good too; the expected error by slug."""
    center.integrate(GOOD)
    center.integrate("a_b", name="Another", fields=[SCORE])
    center.drop(logins(PLAIN[:2], count=1))
    expected = {}
    for slug, text, pattern in BROKEN_FILES.values():
        center.write(slug, text)
        expected[slug] = pattern
    for folder, (slug, pattern) in BAD_FOLDERS.items():
        center.integrate(folder, fields=[SCORE])
        expected[slug] = pattern
    return expected


@pytest.mark.proof
def test_broken_files_in_runs_of_their_own(center: Center, broken: dict[str, str]) -> None:
    some = {slug: broken[slug] for slug in ("bad_syntax", "second", "broken_a_b")}
    runs = {slug: center.run(slug) for slug in some}
    assert {slug for slug, run in runs.items() if run.success} == set()
    assert_says({slug: run.error for slug, run in runs.items()}, some)
    good = [center.run(slug) for slug in (GOOD, "a_b")]
    assert all(run.success for run in good), [run.error for run in good]
    history = center.history()
    assert {slug for slug, sync in history.items() if sync.status is SyncStatus.FAILED} == set(some)
    assert_says({slug: sync.error for slug, sync in history.items()}, some)


@pytest.mark.proof
def test_broken_files_when_all_is_materialized(center: Center, broken: dict[str, str]) -> None:
    run = center.materialize_all()
    assert not run.success
    assert center.lead(PLAIN[0])["WalkMe_Logins_Last_30_Days__c"] == 1 + PLAIN[0]
    history = center.history()
    assert {slug: sync.status for slug, sync in history.items()} == {
        GOOD: SyncStatus.COMPLETED,
        "a_b": SyncStatus.COMPLETED,
        **dict.fromkeys(broken, SyncStatus.FAILED),
    }
    assert_says({slug: sync.error for slug, sync in history.items()}, broken)


def connect_by_browser(center: Center, environment: Environment) -> None:
    """The web flow, with a user who approves."""
    org = center.org(environment)
    with open_installation() as installation, httpx.Client(trust_env=False) as browser:
        request = begin_web(environment, installation.settings, installation.accounts)
        form = {**dict(httpx.URL(request.url).params), "decision": "approve"}
        answer = browser.post(f"{org.url}/services/oauth2/authorize", data=form)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        finish_web(request.state, SecretStr(code), installation.settings, installation.accounts, connected_by="tests")


@pytest.fixture
def troubled(center: Center) -> dict[str, str]:
    """A good integration and one for each trouble that shows only when it runs; the expected error by slug."""
    reports = {"nps": "NPS", "onboarding_completion_rate": "Onboarding Completion Rate"}
    center.integrate(GOOD)
    center.drop(logins(PLAIN[:2], count=1))
    center.drop([], report="nps")
    center.drop(logins([1]), report="onboarding_completion_rate", day=days_before(1))
    center.integrate("no_rows", report=reports["nps"], fields=[SCORE], keys=[{"column": "User ID", "field": "Email"}])
    center.integrate("no_day", report=reports["onboarding_completion_rate"], object="Contact", fields=[SCORE])
    center.integrate("no_report", report="Churn Forecast", object="Contact", enabled=False, fields=[SCORE])
    column = {"column": "Churn", "field": "WalkMe_Champion_Score__c"}
    center.integrate("no_column", fields=[column])
    center.integrate("no_field", fields=[{**SCORE, "field": "WalkMe_Nope__c"}])
    center.integrate("hidden_field", fields=[{**SCORE, "field": "WalkMe_Onboarding__c"}])
    center.emulator.sandbox.org.schema.hide("Lead", "WalkMe_Onboarding__c")
    center.integrate("wrong_type", fields=[{"column": "First Login", "field": "AnnualRevenue"}])
    center.integrate("no_object", object="Nonsense__c")
    center.integrate("not_connected", environment="production")
    return {
        "no_rows": r"has no rows.*allow_empty",
        "no_day": rf"report 'Onboarding Completion Rate': no data for {YESTERDAY}; the newest is {days_before(1)}",
        "no_report": r"report 'Churn Forecast' is not visible; visible are .*'Logins'",
        "no_column": r"report 'Logins Review' has no column 'Churn'",
        "no_field": r"Lead\.WalkMe_Nope__c is missing: Lead has no field",
        "hidden_field": r"Lead\.WalkMe_Onboarding__c exists, but is hidden",
        "wrong_type": r"column 'First Login' holds date and time, which Lead\.AnnualRevenue",
        "no_object": r"Nonsense__c",
        "not_connected": r"(?i)production.*integration-center connect production",
    }


@pytest.mark.proof
def test_troubles_in_runs_of_their_own(center: Center, troubled: dict[str, str]) -> None:
    some = {slug: troubled[slug] for slug in ("no_rows", "no_day", "hidden_field", "not_connected")}
    runs = {slug: center.run(slug) for slug in some}
    assert {slug for slug, run in runs.items() if run.success} == set()
    assert center.writes() == []
    good = center.run(GOOD)
    assert good.success, good.error
    history = center.history()
    assert {slug for slug, sync in history.items() if sync.status is SyncStatus.FAILED} == set(some)
    assert_says({slug: sync.error for slug, sync in history.items()}, some)


@pytest.mark.proof
def test_troubles_when_all_is_materialized(center: Center, troubled: dict[str, str]) -> None:
    run = center.materialize_all()
    assert not run.success
    history = center.history()
    assert {slug: sync.status for slug, sync in history.items()} == {
        GOOD: SyncStatus.COMPLETED,
        **dict.fromkeys(troubled, SyncStatus.FAILED),
    }
    assert_says({slug: sync.error for slug, sync in history.items()}, troubled)
    assert history[GOOD].counts["lines"] == {"updated": 2}
    assert center.lead(PLAIN[0])["WalkMe_Logins_Last_30_Days__c"] == 1 + PLAIN[0]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("SALESFORCE_PRODUCTION_CLIENT_ID", "SALESFORCE_PRODUCTION_CLIENT_ID"),
        ("SALESFORCE_PRODUCTION_CLIENT_SECRET", "SALESFORCE_PRODUCTION_CLIENT_SECRET"),
    ],
)
def test_an_unset_production_variable_leaves_sandbox_alone(
    center: Center, connect: Callable[[Environment], None], monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    connect(Environment.PRODUCTION)
    center.integrate(GOOD)
    center.integrate("to_production", environment="production")
    center.drop(logins(PLAIN[:2]))
    center.emulator.production.org.sessions.expire_access()
    monkeypatch.delenv(variable)
    assert not center.materialize_all().success
    history = center.history()
    assert history[GOOD].status is SyncStatus.COMPLETED
    assert history["to_production"].status is SyncStatus.FAILED
    assert said in (history["to_production"].error or "")


def test_a_revoked_connection_is_named(center: Center) -> None:
    connect_by_browser(center, Environment.PRODUCTION)
    center.integrate(GOOD)
    center.integrate("to_production", environment="production")
    center.drop(logins(PLAIN[:2]))
    center.emulator.production.org.sessions.revoke_all()
    failed, good = center.run("to_production"), center.run(GOOD)
    assert good.success, good.error
    assert "integration-center connect production" in failed.error
    assert center.sync(failed, "to_production").error == failed.error


def test_an_ended_session_is_renewed_in_passing(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:2]))
    center.emulator.sandbox.org.sessions.expire_access()
    run = center.run()
    assert run.success, run.error


def test_a_wrong_setting_is_named_in_the_log(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate()
    monkeypatch.delenv("WALKME_FILES_ROOT")
    run = center.run()
    assert "WALKME_FILES_ROOT is empty" in run.error
    assert "WALKME_FILES_ROOT is empty" in (center.history()["logins_to_leads"].error or "")


def test_the_sensor_closes_what_a_failed_run_left_open(center: Center) -> None:
    center.integrate()
    run = center.run()
    repository = center.definitions().get_repository_def()
    failures = center.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    event, dagster_run = failures[0].event_log_entry.dagster_event, center.instance.get_run_by_id(run.run_id)
    assert event is not None
    assert dagster_run is not None
    context = dg.build_run_status_sensor_context("log_failure_runs", event, center.instance, dagster_run)
    repository.get_sensor_def("log_failure_runs")(context)
    sync = center.sync(run)
    assert sync.status is SyncStatus.FAILED
    assert f"no data for {YESTERDAY}" in (sync.error or "")


@pytest.mark.proof
def test_one_that_allows_no_empty_report_does_not_stop_one_that_does(center: Center) -> None:
    center.integrate("strict")
    center.integrate("lenient", fields=[SCORE], limits={"allow_empty": True})
    center.drop([])
    center.materialize_all()
    history = center.history()
    assert history["lenient"].status is SyncStatus.COMPLETED
    assert history["strict"].status is SyncStatus.FAILED
    assert "the report is empty, and allow_empty is off" in (history["strict"].error or "")


@pytest.mark.proof
def test_a_report_that_lost_half_of_its_rows_is_stopped(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN), day=days_before(1))
    center.drop(logins(PLAIN[:3]))
    assert center.run(day=days_before(1)).success
    shrunk = center.run()
    assert not shrunk.success
    assert "3 rows, after 8 before" in (center.history()["logins_to_leads"].error or "")
