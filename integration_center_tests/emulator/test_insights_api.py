"""The local Insights API holds its own contract, spoken to by a plain client."""

import asyncio
import csv
import io
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from salesforce_emulator.insights.api import (
    CLIENT_ID,
    CLIENT_SECRET,
    EXPORTS,
    REPORTS,
    build_insights_app,
)
from salesforce_emulator.people import build_person

SAMPLES = Path(__file__).parent.parent / "samples"
TODAY = date(2026, 11, 23)
RECORDS = 2_000


class Caller:
    """A client of the app, in process."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.token = ""

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://walkme") as client:
                return await client.request(method, path, **options)

        return asyncio.run(exchange())

    def sign_in(self, secret: str = CLIENT_SECRET, grant_type: str = "client_credentials") -> httpx.Response:
        return self.send("POST", "/accounts/connect/token", auth=(CLIENT_ID, secret), data={"grant_type": grant_type})

    def get(self, path: str, accept: str = "application/json", **params: Any) -> httpx.Response:
        if not self.token:
            self.token = self.sign_in().json()["access_token"]
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        return self.send("GET", path, params=params, headers=headers)

    def rows(self, report: str, day: date | None = None) -> list[dict[str, Any]]:
        params: dict[str, Any] = {"to": milliseconds(day) + 86_400_000} if day else {}
        rows: list[dict[str, Any]] = self.get(f"{REPORTS}/{report}/data", limit=1_000_000, **params).json()["rows"]
        return rows


def milliseconds(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def walkme() -> Caller:
    return Caller(build_insights_app(drops=SAMPLES, records=RECORDS, today=lambda: TODAY))


def test_sign_in(walkme: Caller) -> None:
    body = walkme.sign_in().json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 86_400
    assert walkme.sign_in(secret="wrong").status_code == 401
    assert walkme.sign_in(secret="wrong").json() == {"error": "invalid_client"}
    assert walkme.sign_in(grant_type="password").status_code == 400
    nobody = walkme.send("POST", "/accounts/connect/token", data={"grant_type": "client_credentials"})
    assert nobody.status_code == 401


def test_the_list_holds_tagged_and_untagged_reports(walkme: Caller) -> None:
    reports = {report["name"]: report for report in walkme.get(REPORTS).json()["reports"]}
    assert reports.keys() == {
        "Logins",
        "NPS",
        "Onboarding Completion Rate",
        "TeachMe",
        "Feature champions",
        "Workflow adoption",
        "Internal usage",
    }
    logins = reports["Logins"]
    assert (logins["kind"], logins["keyColumn"], logins["refreshedAt"]) == ("common", "User ID", "2026-11-23T00:15:00Z")
    assert {"name": "Last Login", "type": "datetime"} in logins["columns"]
    assert walkme.get(f"{REPORTS}/{logins['id']}").json() == logins


def test_the_list_by_tag_and_page(walkme: Caller) -> None:
    def names(**params: Any) -> list[str]:
        return [report["name"] for report in walkme.get(REPORTS, **params).json()["reports"]]

    assert names(tag="integration_salesforce") == ["Feature champions"]
    assert names(tag=["integration_salesforce", "INTEGRATIONS_SALESFORCE"]) == [
        "Workflow adoption",
        "Feature champions",
    ]
    assert names(limit=2) + names(limit=2, offset=2) == names()[:4]
    assert names(offset=100) == []


def test_rows_in_pages_as_json_and_csv(walkme: Caller) -> None:
    path = f"{REPORTS}/common-logins/data"
    pages = [walkme.get(path, limit=900, offset=offset).json() for offset in (0, 900, 1_800)]
    assert [len(page["rows"]) for page in pages] == [900, 900, 200]
    assert {page["total"] for page in pages} == {RECORDS}
    answer = walkme.get(path, accept="text/csv", limit=900)
    assert answer.headers["content-type"].startswith("text/csv")
    from_csv = list(csv.DictReader(io.StringIO(answer.text)))
    assert from_csv == [{name: str(value) for name, value in row.items()} for row in pages[0]["rows"]]


def test_logins_are_of_the_invented_people_with_the_usual_dirt(walkme: Caller) -> None:
    keys = [row["User ID"] for row in walkme.rows("common-logins")]
    assert keys[0] == build_person(0).email
    people = {build_person(number).email for number in range(RECORDS)}
    unmatched = [key for key in keys if key not in people]
    assert sum("@" in key for key in unmatched) == RECORDS * 5 // 100
    assert sum("@" not in key for key in unmatched) == RECORDS * 2 // 100
    assert sum(count > 1 for count in Counter(keys).values()) == RECORDS // 100


def test_logins_are_the_same_every_time_and_little_changes_in_a_day(walkme: Caller) -> None:
    again = Caller(build_insights_app(drops=None, records=RECORDS, today=lambda: TODAY))
    newest, before = (walkme.rows("common-logins", date(2026, 11, day)) for day in (22, 21))
    assert again.rows("common-logins") == newest
    changed = sum(left != right for left, right in zip(newest, before, strict=True))
    assert 0 < changed < RECORDS // 10
    for row in newest:
        assert row["First Login"] <= row["Last Login"] < "2026-11-23"


def test_drops_count_for_the_newest_day_whatever_their_date() -> None:
    walkme = Caller(build_insights_app(drops=SAMPLES, records=0, today=lambda: date(2027, 3, 1)))
    newest = date(2027, 2, 28)
    assert len(walkme.rows("common-nps", newest)) == 420
    assert walkme.rows("common-nps", date(2027, 2, 27)) == []
    assert len(walkme.rows("custom-feature-champions", date(2027, 2, 27))) == 80
    row = walkme.rows("common-onboarding-completion-rate", newest)[0]
    assert row["Onboarding Completion Rate"] == 37.5
    assert row["Last Task Completed"] == "2026-10-01T12:27:45.000000Z"
    assert walkme.rows("common-logins") == []


def test_an_export_is_begun_looked_at_and_fetched_by_its_signature_alone(walkme: Caller) -> None:
    rows = walkme.get(f"{REPORTS}/common-logins/data", accept="text/csv", limit=RECORDS).text
    headers = {"Authorization": f"Bearer {walkme.token}"}
    path = f"{REPORTS}/common-logins/exports"
    assert walkme.send("POST", path, json={"format": "csv"}).status_code == 401
    assert walkme.send("POST", path, json={"format": "parquet"}, headers=headers).status_code == 400
    assert walkme.send("POST", path, json={"format": "csv", "to": "now"}, headers=headers).status_code == 400
    begun = walkme.send("POST", path, json={"format": "csv"}, headers=headers)
    assert (begun.status_code, begun.json()["status"]) == (202, "queued")
    looks = [walkme.get(f"{EXPORTS}/{begun.json()['exportId']}").json() for _ in range(2)]
    assert [look["status"] for look in looks] == ["running", "completed"]
    assert looks[1]["rowCount"] == RECORDS
    url = looks[1]["url"]
    assert walkme.send("GET", url).text == rows
    assert walkme.send("GET", url, headers=headers).status_code == 400
    assert walkme.send("GET", url.partition("?")[0]).status_code == 403
    assert walkme.get(f"{EXPORTS}/nothing").status_code == 404


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        (f"{REPORTS}/nothing", {}, 404, "report_not_found"),
        (f"{REPORTS}/nothing/data", {}, 404, "report_not_found"),
        ("/public/v1/insights/system/other/reports", {}, 404, "not_found"),
        (f"{REPORTS}/common-logins/data", {"limit": "all"}, 400, "invalid_limit"),
    ],
)
def test_refusals(walkme: Caller, path: str, params: dict[str, str], status: int, code: str) -> None:
    answer = walkme.get(path, **params)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["requestId"]


def test_tokens_die_and_permissions_lack(walkme: Caller) -> None:
    assert walkme.send("GET", REPORTS).status_code == 401
    assert walkme.get(REPORTS).status_code == 200
    walkme.app.state.insights.tokens.clear()
    assert walkme.get(REPORTS).json()["error"]["code"] == "unauthorized"
    walkme.token = ""
    walkme.app.state.faults.permitted = False
    assert walkme.get(REPORTS).status_code == 403


def test_faults_pass_and_requests_are_counted(walkme: Caller) -> None:
    walkme.get(REPORTS)
    walkme.app.state.faults.throttled = 1
    walkme.app.state.faults.retry_after = 9
    throttled = walkme.get(REPORTS)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "9")
    walkme.app.state.faults.failing = 1
    assert walkme.get(REPORTS).status_code == 503
    assert walkme.get(REPORTS).status_code == 200
    assert walkme.app.state.requests == {"token": 1, "list": 4}
