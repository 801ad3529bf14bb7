"""The source over the API: pages, types, days, faults."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import polars as pl
import pytest

from integration_center.errors import (
    NoDataForDay,
    ReportError,
    ServiceUnavailable,
    UnknownReport,
    UnreadableReport,
)
from integration_center.insights.source import Report
from integration_center.insights.walkme_api.api import ApiSource
from integration_center_tests.insights.walkme_double import (
    LOGINS,
    PATH,
    REPORTS,
    WalkMeDouble,
)

DAY = date(2026, 11, 22)
TOKEN = "/accounts/connect/token"


def read(source: ApiSource, day: date = DAY, name: str = "Logins Review") -> Report:
    return source.read(source.find(name), day)


def report(id_: str, name: str, **changes: Any) -> dict[str, Any]:
    return {**LOGINS, "id": id_, "name": name, "kind": "custom", **changes}


def test_rows_of_all_pages_in_order() -> None:
    walkme = WalkMeDouble()
    result = read(walkme.source())
    assert result.frame.rows() == [(f"u{i}", i) for i in range(5)]
    assert walkme.counts[f"{PATH}/data"] == 3
    assert walkme.counts[TOKEN] == 1
    assert result.refreshed_at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert result.info.slug == "logins"
    assert result.identity == walkme.source().identity(result.info, DAY)


def test_a_report_without_rows_keeps_its_types() -> None:
    frame = read(WalkMeDouble(rows=[]).source()).frame
    assert frame.schema == pl.Schema({"User ID": pl.String, "Count": pl.Int64})
    assert frame.height == 0


def test_values_come_exact_and_keys_as_text() -> None:
    described = {
        **LOGINS,
        "columns": [
            {"name": "User ID", "type": "integer"},
            {"name": "Count", "type": "number"},
            {"name": "At", "type": "datetime"},
            {"name": "Active", "type": "boolean"},
            {"name": "Shape", "type": "polygon"},
        ],
    }
    walkme = WalkMeDouble(
        described,
        rows=[
            {
                "User ID": 12345678901234567890,
                "Count": 0.1,
                "At": "2026-11-22T10:00:00.5Z",
                "Active": True,
                "Shape": "x",
            },
            {"User ID": "00123", "Count": None, "At": "", "Active": False},
            {"User ID": " Ada@Example.com\t", "Count": 3, "Extra": 1.10},
        ],
    )
    walkme.columns = [{"name": name} for name in ("User ID", "Count", "At", "Active", "Shape")]
    report = read(walkme.source())
    frame = report.frame
    assert report.likely_types == {"Extra": "number"}
    assert frame.columns == ["User ID", "Count", "At", "Active", "Shape", "Extra"]
    assert frame["User ID"].to_list() == ["12345678901234567890", "00123", " Ada@Example.com\t"]
    assert frame["Count"].to_list() == [0.1, None, 3.0]
    assert frame["At"].to_list() == [datetime(2026, 11, 22, 10, 0, 0, 500_000, tzinfo=UTC), None, None]
    assert frame["Active"].to_list() == [True, False, None]
    assert frame["Shape"].to_list() == ["x", None, None]
    assert frame["Extra"].to_list() == [None, None, "1.1"]


def test_a_value_that_does_not_fit_is_named_by_column_and_row() -> None:
    with pytest.raises(UnreadableReport, match=r"column 'Count' is declared integer.*row 3") as error:
        read(WalkMeDouble(rows=[{"User ID": "a", "Count": 1}, {"User ID": "b", "Count": "ada@x"}]).source())
    assert "ada@x" not in str(error.value)


def test_a_snapshot_is_asked_for_from_the_beginning_to_the_end_of_the_day() -> None:
    walkme = WalkMeDouble()
    read(walkme.source())
    query = next(request for request in walkme.requests if request.url.path.endswith("/data")).url.params
    assert query["to"] == str(round(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000))
    assert query["from"] == "0"


def test_events_are_asked_for_from_midnight_to_midnight() -> None:
    walkme = WalkMeDouble({**LOGINS, "name": "NPS"})
    read(walkme.source(), name="nps")
    query = next(request for request in walkme.requests if request.url.path.endswith("/data")).url.params
    assert query["from"] == str(round(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000))
    assert query["to"] == str(round(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000))


@pytest.mark.parametrize(
    ("refreshed_at", "expected"),
    [
        ("2026-11-22T23:59:59Z", "the newest is 2026-11-21"),
        ("2026-11-23T01:00:00+02:00", "the newest is 2026-11-21"),
    ],
)
def test_a_day_that_had_not_ended_at_the_refresh_is_no_data(refreshed_at: str, expected: str) -> None:
    walkme = WalkMeDouble({**LOGINS, "refreshedAt": refreshed_at})
    source = walkme.source()
    info = source.find("logins")
    for ask in (source.read, source.identity):
        with pytest.raises(NoDataForDay, match=f"no data for 2026-11-22; {expected}"):
            ask(info, DAY)
    assert f"{PATH}/data" not in walkme.counts


def test_a_day_is_there_once_it_had_ended_at_the_refresh() -> None:
    source = WalkMeDouble({**LOGINS, "refreshedAt": "2026-11-23T00:00:00Z"}).source()
    info = source.find("logins")
    assert source.newest_day(info) == DAY
    assert source.identity(info, DAY)


@pytest.mark.parametrize("given", [{"refreshedAt": None}, {"refreshedAt": ""}, {}], ids=["null", "empty", "missing"])
@pytest.mark.parametrize(("hour", "newest"), [(8, date(2026, 11, 21)), (9, DAY), (23, DAY)])
def test_where_the_refresh_is_not_given_it_is_taken_to_be_the_usual_one(
    given: dict[str, Any], hour: int, newest: date
) -> None:
    walkme = WalkMeDouble({name: value for name, value in LOGINS.items() if name != "refreshedAt"} | given)
    walkme.now = datetime(2026, 11, 23, hour, tzinfo=UTC)
    source = walkme.source()
    info = source.find("logins")
    assert source.newest_day(info) == newest
    with pytest.raises(NoDataForDay):
        source.identity(info, newest + timedelta(days=1))
    result = source.read(info, newest)
    assert (result.frame.height, result.refreshed_at) == (5, None)
    identities = {result.identity, source.identity(info, newest), source.identity(info, newest)}
    assert len(identities) == 3, "rows of an unknown refresh are never taken for those already stored"


@pytest.mark.parametrize("given", [1795424400000, "1795424400000", 1795424400000.0, "2026-11-23T09:00:00Z"])
def test_the_refresh_may_be_given_in_milliseconds(given: object) -> None:
    walkme = WalkMeDouble({**LOGINS, "refreshedAt": given})
    assert read(walkme.source()).refreshed_at == datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize("given", ["yesterday", 5, True, ["2026-11-23"], {}])
def test_a_refresh_that_is_no_time_is_transient(given: object) -> None:
    source = WalkMeDouble({**LOGINS, "refreshedAt": given}).source()
    info = source.find("logins")
    with pytest.raises(ServiceUnavailable, match="refreshedAt"):
        source.newest_day(info)


def test_identity_follows_refresh_and_declared_types() -> None:
    later = {**LOGINS, "refreshedAt": "2026-11-24T09:00:00Z"}
    retyped = {**LOGINS, "columns": [{"name": "Count", "type": "number"}]}
    identities = set()
    for described in (LOGINS, dict(LOGINS), later, retyped):
        source = WalkMeDouble(described).source()
        identities.add(source.identity(source.find("logins"), DAY))
    assert len(identities) == 3


def test_only_tagged_and_out_of_the_box_reports_are_listed_over_all_pages() -> None:
    hidden = [report(f"h{i}", f"Hidden {i}", tags=["internal"]) for i in range(2_100)]
    both = [report("a", "A", tags=["Integration_Salesforce"]), report("b", "B", tags=["integrations_salesforce"])]
    walkme = WalkMeDouble(both[0], *hidden, both[1], dict(LOGINS))
    assert [info.slug for info in walkme.source().list_reports()] == ["a", "b", "logins"]
    assert walkme.counts[REPORTS] == 4, "up to the empty page"
    with pytest.raises(UnknownReport, match="'Hidden 7' is not visible; visible are 'A', 'B', 'Logins'"):
        walkme.source().find("Hidden 7")


def test_a_server_that_gives_fewer_reports_than_asked_is_asked_for_the_rest() -> None:
    walkme = WalkMeDouble(*[report(f"r{i}", f"R {i}", tags=["integrations_salesforce"]) for i in range(250)])
    walkme.max_limit = 100
    assert len(walkme.source().list_reports()) == 250


def test_without_a_total_pages_are_read_up_to_the_empty_one() -> None:
    walkme = WalkMeDouble()
    walkme.changes, walkme.max_limit = {"total": None}, 2
    assert read(walkme.source(data_page=10)).frame["User ID"].to_list() == [f"u{i}" for i in range(5)]
    assert walkme.counts[f"{PATH}/data"] == 4


def test_without_a_total_a_server_that_ignores_the_offset_gives_its_rows_once() -> None:
    walkme = WalkMeDouble()
    body = {"columns": ["User ID"], "rows": [{"User ID": "a"}, {"User ID": "b"}]}
    source = walkme.source()
    info = source.find("logins")
    walkme.first = [httpx.Response(200, json=LOGINS), *[httpx.Response(200, json=body)] * 2]
    assert source.read(info, DAY).frame["User ID"].to_list() == ["a", "b"]


@pytest.mark.parametrize("columns", [[], None])
def test_a_page_without_columns_takes_those_of_the_description_and_the_rows(columns: list[Any] | None) -> None:
    walkme = WalkMeDouble(rows=[{"Extra": "x", "User ID": "a"}])
    walkme.changes = {"columns": columns}
    assert read(walkme.source()).frame.columns == ["User ID", "Count", "Extra"]
    walkme.rows = []
    empty = read(walkme.source()).frame
    assert empty.schema == pl.Schema({"User ID": pl.String, "Count": pl.Int64})
    assert empty.is_empty()


@pytest.mark.parametrize("columns", [[], None])
def test_a_report_without_any_column_has_no_rows_or_is_refused(columns: list[Any] | None) -> None:
    described: dict[str, Any] = {**LOGINS, "columns": columns}
    walkme = WalkMeDouble(described, rows=[])
    walkme.changes = {"columns": columns}
    assert read(walkme.source()).frame.is_empty()
    walkme.rows = [{}]
    with pytest.raises(ServiceUnavailable, match="without columns"):
        read(walkme.source())


def test_pages_that_are_refused_for_their_size_are_asked_for_smaller() -> None:
    walkme = WalkMeDouble(rows=[{"User ID": f"u{i}"} for i in range(1_500)])
    walkme.refused_limit = 1_001
    source = walkme.source(data_page=10_000)
    assert read(source).frame.height == 1_500
    read(source)
    limits = [request.url.params["limit"] for request in walkme.requests if request.url.path.endswith("/data")]
    assert limits == ["10000", "1000", "1000", "1000", "1000"], "the refusal is remembered"
    walkme.refused_limit = 1
    with pytest.raises(ReportError, match="400"):
        read(source)


def test_a_server_that_ignores_the_offset_is_not_asked_for_ever() -> None:
    reports = [report(f"r{i}", f"R {i}", tags=["integrations_salesforce"]) for i in range(1_000)]
    walkme = WalkMeDouble(*reports)
    walkme.first = [httpx.Response(200, json={"reports": reports}) for _ in range(5)]
    assert len(walkme.source().list_reports()) == 1_000
    assert walkme.counts[REPORTS] == 2


def test_two_reports_of_one_slug_cannot_be_used() -> None:
    walkme = WalkMeDouble(dict(LOGINS), report("other", "Logins Review"))
    assert [info.slug for info in walkme.source().list_reports()] == ["logins"]
    with pytest.raises(UnreadableReport, match=r"'Logins' \(id rep 1/logins\), 'Logins Review' \(id other\)"):
        walkme.source().find("logins")


def test_a_report_that_lost_its_tag_is_no_longer_read() -> None:
    walkme = WalkMeDouble({**LOGINS, "name": "Health", "tags": ["integrations_salesforce"]})
    source = walkme.source()
    info = source.find("Health")
    walkme.reports[0]["tags"] = []
    with pytest.raises(UnknownReport, match="lost its tag"):
        source.read(info, DAY)


def test_a_report_refreshed_between_its_pages_is_read_again() -> None:
    walkme = WalkMeDouble()

    def refresh() -> None:
        walkme.on_data = lambda: None
        walkme.reports[0] = {**LOGINS, "refreshedAt": "2026-11-24T09:00:00Z"}
        walkme.rows = [{"User ID": f"n{i}", "Count": i} for i in range(5)]

    walkme.on_data = refresh
    result = read(walkme.source())
    assert result.frame["User ID"].to_list() == [f"n{i}" for i in range(5)]
    assert result.refreshed_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.mark.parametrize("left", [0, 1, 3, 7])
def test_a_total_that_changes_between_pages_starts_again(left: int) -> None:
    walkme = WalkMeDouble()

    def change() -> None:
        walkme.on_data = lambda: None
        walkme.rows = [{"User ID": f"n{i}", "Count": i} for i in range(left)]

    walkme.on_data = change
    assert read(walkme.source()).frame["User ID"].to_list() == [f"n{i}" for i in range(left)]


def test_a_report_that_never_stops_changing_is_transient() -> None:
    walkme = WalkMeDouble()
    start = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def refresh() -> None:
        later = start + timedelta(seconds=len(walkme.requests))
        walkme.reports[0] = {**LOGINS, "refreshedAt": later.isoformat()}

    walkme.on_data = refresh
    with pytest.raises(ServiceUnavailable, match="refreshed during each of 3 readings"):
        read(walkme.source())


@pytest.mark.parametrize(
    "body", [{"columns": ["A"], "total": 0}, {"columns": ["A"], "rows": [], "total": -1}, {"columns": [{}], "rows": []}]
)
def test_rows_without_the_contract_are_transient(body: dict[str, Any]) -> None:
    walkme = WalkMeDouble()
    source = walkme.source()
    info = source.find("logins")
    walkme.first = [httpx.Response(200, json=LOGINS), httpx.Response(200, json=body)]
    with pytest.raises(ServiceUnavailable, match="/data with"):
        source.read(info, DAY)


def test_lists_in_cells_are_refused() -> None:
    with pytest.raises(UnreadableReport, match="column 'Count' holds lists or objects"):
        read(WalkMeDouble(rows=[{"User ID": "a", "Count": [1]}]).source())
