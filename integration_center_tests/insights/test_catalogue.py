"""Names, aliases and visibility of reports."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.errors import UnknownReport, UnreadableReport
from integration_center.insights.catalogue import (
    OUT_OF_THE_BOX,
    ReportInfo,
    find_clashes,
    find_report,
    fit_columns,
    is_visible,
    report_slug,
)

LOGINS = OUT_OF_THE_BOX["logins"]
HEALTH = ReportInfo("17", "account_health", "Account Health")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Logins", "logins"),
        ("Logins Review", "logins"),
        ("LOGINS REVIEW", "logins"),
        ("logins_review", "logins"),
        ("nps", "nps"),
        ("Onboarding completion rate", "onboarding_completion_rate"),
        ("TeachMe", "teachme"),
        ("  Feature champions (2026)! ", "feature_champions_2026"),
        ("Évolution d'usage", "evolution_d_usage"),
        ("Straße", "strasse"),
    ],
)
def test_slug_of_a_name(name: str, slug: str) -> None:
    assert report_slug(name) == slug


@pytest.mark.parametrize("name", ["ログイン", "Отчёт", "🎉", "!!!", "NPS ログイン"])
def test_a_name_without_ascii_letters_still_has_a_slug_of_its_own(name: str) -> None:
    slug = report_slug(name)
    assert re.fullmatch(r"[a-z0-9_]+", slug)
    assert slug != report_slug(name + "レポート")
    assert slug not in OUT_OF_THE_BOX


@given(st.text())
def test_a_slug_is_its_own_slug(name: str) -> None:
    slug = report_slug(name)
    assert re.fullmatch(r"[a-z0-9_]+", slug)
    assert report_slug(slug) == slug


@pytest.mark.parametrize("tag", ["integrations_salesforce", "integration_salesforce", " Integrations_Salesforce "])
def test_both_spellings_of_the_tag_make_visible(tag: str) -> None:
    assert is_visible("account_health", ["other", tag])


def test_without_the_tag_only_the_reports_out_of_the_box_are_visible() -> None:
    assert is_visible("nps", [])
    assert not is_visible("account_health", ["salesforce"])


@pytest.mark.parametrize("name", ["Logins", "logins review", "LOGINS", "logins"])
def test_find_by_name_alias_and_slug(name: str) -> None:
    assert find_report([HEALTH, LOGINS], name) is LOGINS


@pytest.mark.parametrize("name", ["Account Health", "account health ", "17", "account_health", "Account-Health"])
def test_find_a_custom_report(name: str) -> None:
    assert find_report([HEALTH, LOGINS], name) is HEALTH


def test_an_unknown_report_is_reported_with_the_visible_ones_and_the_tag() -> None:
    with pytest.raises(UnknownReport, match="'Churn' is not visible; visible are 'Account Health', 'Logins'") as error:
        find_report([LOGINS, HEALTH], "Churn")
    assert "needs the tag integrations_salesforce" in str(error.value)


def test_a_name_that_two_reports_have_is_refused() -> None:
    twins = [ReportInfo("a", "health_a", "Health"), ReportInfo("b", "health_b", "health")]
    with pytest.raises(UnknownReport, match=r"slug health_a.*slug health_b"):
        find_report(twins, "Health")
    assert find_report(twins, "health_b").id == "b"


def test_a_report_with_a_problem_is_found_as_that_problem() -> None:
    with pytest.raises(UnreadableReport, match="correct it"):
        find_report([ReportInfo("a", "a", "A", problem="a/report.yaml: correct it")], "a")


def test_key_and_latest_by_follow_the_columns_that_are_there() -> None:
    nps = OUT_OF_THE_BOX["nps"]
    fitted = fit_columns(nps, ["User ID", "NPS Score"])
    assert (fitted.key_column, fitted.latest_by) == ("User ID", None)
    fitted = fit_columns(nps, ["User ID", "End User ID", "Question Date & Time (UTC)"])
    assert (fitted.key_column, fitted.latest_by) == ("End User ID", "Question Date & Time (UTC)")
    assert fit_columns(nps, ["Answer"]).key_column is None


def test_two_reports_never_share_an_asset() -> None:
    reports = {"a": "NPS (EU)", "b": "NPS EU", "c": "nps (eu)", "d": "Logins", "e": "Logins Review", "f": "nps_eu"}
    assert find_clashes(reports) == {"b": "reports 'NPS (EU)' and 'NPS EU' would share the asset insights/nps_eu"}
