"""A gateway that repeats the request's token: no answer of any API carries it further."""

import base64
import json
import logging
import traceback
from io import BytesIO
from typing import Any

import httpx
import polars as pl
import pytest

from integration_center.errors import IntegrationCenterError
from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.bulk import read_bulk
from integration_center.salesforce.write.bulk import parse_ingest_job, read_job
from integration_center.salesforce.write.bulk_results import read_results
from integration_center.salesforce.write.collections import send_collections
from integration_center.wording.answers import BLOT
from integration_center_tests.salesforce.scripted import LEAD, NO_WAIT, build_id

TOKEN = "00D5g000004abcdEAA!AQEAQJx.vK2m_9LrT0wZbYc4HdNfGpSuXeV7iOaRk8tWnQyMzBj3Ul5Co6PhDsIg1FxEv"
REST = TOKEN.split("!")[1]


class OneToken:
    """A session that is never renewed into another one."""

    def current(self) -> tuple[str, str]:
        return "https://org.example", TOKEN

    def renew(self, dead_token: str) -> tuple[str, str]:
        return self.current()


def build(answer: httpx.Response | Any) -> Session:
    handler = answer if callable(answer) else lambda request: answer
    return Session(OneToken(), transport=httpx.MockTransport(handler), retries=NO_WAIT)


def error_document(code: str, message: str = "") -> list[dict[str, Any]]:
    return [{"errorCode": code, "message": message, "fields": [code]}]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        error_document(f"BAD_Bearer {TOKEN}"),
        error_document(f"INVALID_SESSION_ID Bearer {TOKEN}"),
        error_document(TOKEN),
        error_document(REST),
        error_document(f"BAD_{REST[:16]}"),
        error_document("INVALID_FIELD", f"No such column '{REST.replace('.', '_')}' on entity '{REST[:30]}'"),
        error_document("INVALID_TYPE", f"sObject type '{REST[20:60]}' is not supported"),
        error_document(base64.b64encode(TOKEN.encode()).decode()),
        error_document(TOKEN.encode().hex()),
        {"error": f"Bearer {TOKEN}"},
        {"error": REST, "error_description": TOKEN},
        {"statusCode": TOKEN},
        f"no session {TOKEN}",
    ],
    ids=range(13),
)
def test_no_error_shows_the_token_in_any_field(status: int, body: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with build(httpx.Response(status, json=body)) as session, pytest.raises(IntegrationCenterError) as caught:
        session.get_json("limits")
    said = f"{caplog.text} {''.join(traceback.format_exception(caught.value))} {vars(caught.value)}"
    for part in (REST[:16], REST[20:36], REST[-16:]):
        assert part not in said
        assert base64.b64encode(TOKEN.encode()).decode()[30:60] not in said


def test_an_unknown_code_is_a_refusal_and_sent_once() -> None:
    calls: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(400, json=error_document(f"BAD_Bearer {TOKEN}"))

    with build(handle) as session, pytest.raises(IntegrationCenterError, match=r"cannot be carried out \(UNKNOWN\)"):
        session.get_json("limits")
    assert len(calls) == 1


def send_two(handler: Any) -> pl.DataFrame:
    ids = [build_id(1), build_id(2)]
    updates = pl.DataFrame(
        {
            "Id": ids,
            "before.Company": ["a", "b"],
            "after.Company": ["c", "d"],
            "changed.Company": [True, True],
        }
    )
    with build(handler) as session:
        org = Org(session, polling=Polling(sleep=lambda seconds: None))
        return pl.concat(send_collections(org, LEAD, updates, chunk_sent=lambda name: None, rows=200))


@pytest.mark.parametrize("code", [TOKEN, REST, f"BAD Bearer {TOKEN}"])
def test_results_of_rows_do_not_hold_the_token(code: str) -> None:
    error = {"statusCode": code, "message": f"refused for {TOKEN}", "fields": [REST, "Company"]}
    rows = [{"success": False, "errors": [error]}] * 2
    results = send_two(httpx.Response(200, json=rows))
    assert results["code"].to_list() == ["UNKNOWN"] * 2
    assert results["error_fields"].to_list() == ["Company"] * 2
    assert results["message"].to_list() == [f"refused for 00D5g000004abcdEAA!{BLOT}"] * 2


def test_a_refused_collection_does_not_hold_the_token() -> None:
    results = send_two(httpx.Response(400, json=error_document(TOKEN, TOKEN)))
    assert results["code"].to_list() == ["UNKNOWN"] * 2
    assert TOKEN not in str(results.to_dicts())


def test_a_bulk_job_and_its_results_do_not_hold_the_token() -> None:
    ids = pl.Series("Id", [build_id(1), build_id(2)])
    errors = [f"{REST}:refused for {TOKEN}:Company --", f"CUSTOM_ERROR:{TOKEN}:--"]
    lines = ['"sf__Id","sf__Error",Id', *(f'"{i}","{error}","{i}"' for i, error in zip(ids, errors, strict=True))]
    job = {"id": "7501", "state": "Failed", "errorMessage": f"{TOKEN} : {TOKEN}", "numberRecordsProcessed": 2}

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/failedResults/"):
            return httpx.Response(200, text="\n".join(lines), headers={"Content-Type": "text/csv"})
        if request.url.path.endswith("/unprocessedrecords/"):
            return httpx.Response(200, text="Id\n", headers={"Content-Type": "text/csv"})
        return httpx.Response(200, json=job | {"numberRecordsFailed": 2})

    with build(handle) as session:
        found = read_job(session, "7501")
        results = read_results(session, found, ids)
    assert found.error_code is None
    assert REST not in str(vars(found))
    assert results["code"].to_list() == ["UNKNOWN", "CUSTOM_ERROR"]
    assert results["message"][1] == f"00D5g000004abcdEAA!{BLOT}"
    assert REST not in str(results.to_dicts())


def test_a_failed_bulk_query_does_not_show_the_token() -> None:
    job = {"id": "7501", "state": REST, "errorMessage": f"{REST} : {TOKEN}"}
    answers = iter([{"id": "7501", "state": "UploadComplete"}, job | {"state": "Failed"}])
    with (
        build(lambda request: httpx.Response(200, json=next(answers))) as session,
        pytest.raises(IntegrationCenterError) as caught,
    ):
        list(read_bulk(session, "SELECT Id FROM Lead", ["Id"], Polling(sleep=lambda seconds: None)))
    assert REST not in f"{caught.value} {vars(caught.value)}"


def test_a_download_and_a_success_do_not_keep_the_token() -> None:
    with build(httpx.Response(200, content=f"Id\n{TOKEN}\n".encode())) as session, BytesIO() as sink:
        session.download("jobs/query/7501/results", sink)
        assert sink.getvalue() == f"Id\n00D5g000004abcdEAA!{BLOT}\n".encode()
    body = {"sobjects": [{"name": "Lead", "label": TOKEN, "id": "00D5g000004abcdEAA"}]}
    with build(httpx.Response(200, json=body)) as session:
        answer = session.get_json("sobjects")
    assert answer["sobjects"][0] == {"name": "Lead", "label": f"00D5g000004abcdEAA!{BLOT}", "id": "00D5g000004abcdEAA"}
    assert json.loads(json.dumps(answer))


def test_a_job_without_a_usable_code_says_none() -> None:
    job = parse_ingest_job({"id": "7501", "state": "Failed", "errorMessage": "\x1b[2J: cleared"})
    assert job.error_code is None
