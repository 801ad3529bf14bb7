"""The API source against the local Insights API, over real HTTP."""

from datetime import date

import polars as pl
import pytest

from integration_center.errors import AccessRefused, NoDataForDay, UnknownReport
from integration_center.insights.columns import show_dtypes, type_columns
from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center_tests.insights.local_api import DAY, SAMPLES, Running


def test_what_is_listed_is_what_may_be_integrated(walkme: Running) -> None:
    assert [info.slug for info in walkme.source().list_reports()] == [
        "feature_champions",
        "logins",
        "nps",
        "onboarding_completion_rate",
        "teachme",
        "workflow_adoption",
    ]
    with pytest.raises(UnknownReport):
        walkme.source().find("Internal usage")


def test_logins_in_pages(walkme: Running) -> None:
    source = walkme.source(data_page=300)
    report = source.read(source.find("Logins Review"), DAY)
    assert walkme.app.state.requests == {"token": 1, "list": 2, "report": 2, "data": 4}
    assert report.frame.height == 1_000
    assert report.frame.dtypes == [pl.String(), *[pl.Datetime("us", "UTC")] * 2, pl.Int64()]
    whole = walkme.source()
    assert report.frame.equals(whole.read(whole.find("logins"), DAY).frame)


@pytest.mark.parametrize("name", ["nps", "onboarding_completion_rate", "teachme", "feature_champions"])
def test_both_sources_read_the_same_frame(walkme: Running, name: str) -> None:
    api, files = walkme.source(), FilesSource(LocalDrops(SAMPLES))
    over_http, from_file = (source.read(source.find(name), DAY) for source in (api, files))
    by_file = from_file.info.columns.keys()  # columns of which a file declares nothing stay text
    declared = {column: type_ for column, type_ in over_http.info.columns.items() if column not in by_file}
    typed = type_columns(from_file.frame, key_column=from_file.info.key_column, declared=declared, source=name)
    assert over_http.frame.equals(typed)
    assert show_dtypes(over_http.frame.schema, over_http.likely_types) == show_dtypes(
        from_file.frame.schema, from_file.likely_types
    )
    assert over_http.info.key_column == from_file.info.key_column
    assert over_http.info.latest_by == from_file.info.latest_by


def test_a_day_that_is_not_there_yet(walkme: Running) -> None:
    source = walkme.source()
    info = source.find("logins")
    with pytest.raises(NoDataForDay, match="no data for 2026-11-23; the newest is 2026-11-22"):
        source.read(info, date(2026, 11, 23))


def test_faults_that_pass_and_faults_that_stay(walkme: Running) -> None:
    source = walkme.source()
    walkme.app.state.faults.throttled = 1
    walkme.app.state.faults.failing = 1
    info = source.find("logins")
    walkme.app.state.insights.tokens.clear()
    assert source.newest_day(info) == DAY
    walkme.app.state.faults.permitted = False
    with pytest.raises(AccessRefused, match="permission"):
        source.newest_day(info)
    with pytest.raises(AccessRefused, match="refused the client id and secret"):
        walkme.source(secret="wrong").list_reports()
