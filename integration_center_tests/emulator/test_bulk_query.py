import csv
import io

import httpx
import pytest

from integration_center_tests.emulator.bulk_client import create_query, finish_query
from salesforce_emulator.org.org import Org

STATEMENT = "SELECT ID, email, AnnualRevenue, IsConverted, SystemModstamp, Owner.Name FROM Lead"
CREATED_KEYS = {
    *("id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode"),
    *("contentType", "apiVersion", "lineEnding", "columnDelimiter"),
}


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_whole_cycle(api: httpx.Client, org: Org) -> None:
    job = create_query(api, STATEMENT)
    assert (set(job), job["state"]) == (CREATED_KEYS, "UploadComplete")
    ended = finish_query(api, org, job)
    assert set(ended) >= CREATED_KEYS | {"jobType", "numberRecordsProcessed", "retries", "totalProcessingTime"}
    assert (ended["state"], ended["jobType"]) == ("JobComplete", "V2Query")
    answer = api.get(f"/jobs/query/{job['id']}/results")
    assert answer.headers["sforce-locator"] == "null"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.splitlines()[0] == '"Id","Email","AnnualRevenue","IsConverted","SystemModstamp","Owner.Name"'
    rows = read(answer.text)
    living = org.store.count("Lead")
    assert len(rows) == living == ended["numberRecordsProcessed"] == int(answer.headers["sforce-numberofrecords"])
    row = next(row for row in rows if row["AnnualRevenue"])
    assert row["SystemModstamp"].endswith(".000Z")
    assert row["IsConverted"] in ("true", "false")
    assert any("E7" in row["AnnualRevenue"] for row in rows)
    assert {row["Owner.Name"] for row in rows} == {"Integration User", "Sam Sales"}


def test_pages_repeat_the_header_and_can_be_read_again(api: httpx.Client, org: Org) -> None:
    job = create_query(api, "SELECT Id FROM Lead")
    finish_query(api, org, job)
    path = f"/jobs/query/{job['id']}/results"
    ids: list[str] = []
    locator = ""
    while locator != "null":
        answer = api.get(path, params={"maxRecords": 300, **({"locator": locator} if locator else {})})
        again = api.get(path, params={"maxRecords": 300, **({"locator": locator} if locator else {})})
        assert again.text == answer.text
        page = read(answer.text)
        assert int(answer.headers["sforce-numberofrecords"]) == len(page)
        ids += [row["Id"] for row in page]
        locator = answer.headers["sforce-locator"]
    assert len(ids) == len(set(ids)) == org.store.count("Lead")
    assert api.get(path, params={"locator": "nonsense"}).status_code == 400


def test_result_pages_for_parallel_download(api: httpx.Client, org: Org) -> None:
    org.bulk.page_rows = 100
    job = create_query(api, "SELECT Id FROM Lead")
    finish_query(api, org, job)
    pages = api.get(f"/jobs/query/{job['id']}/resultPages").json()
    assert len(pages["resultPages"]) == 5
    assert pages["done"] is False
    urls = [page["resultUrl"] for page in pages["resultPages"]]
    more = api.get(f"{org.url}{pages['nextRecordsUrl']}").json()
    urls += [page["resultUrl"] for page in more["resultPages"]]
    assert more["done"] is True
    total = sum(len(read(api.get(f"{org.url}{url}").text)) for url in urls)
    assert total == org.store.count("Lead")


def test_no_rows_is_a_header_only(api: httpx.Client, org: Org) -> None:
    job = create_query(api, "SELECT Id, Name FROM Lead WHERE Email = 'nobody@x.example'")
    finish_query(api, org, job)
    answer = api.get(f"/jobs/query/{job['id']}/results")
    assert answer.text == '"Id","Name"\n'
    assert (answer.headers["sforce-locator"], answer.headers["sforce-numberofrecords"]) == ("null", "0")


def test_query_all_and_quotes_and_crlf(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    company = 'Say "hi",\nplease'
    api.patch(f"/sobjects/Lead/{lead_ids[0]}", json={"Company": company})
    statement = f"SELECT Id, IsDeleted, Company FROM Lead WHERE Id = '{lead_ids[0]}' OR IsDeleted = true"
    job = create_query(api, statement, operation="queryAll", lineEnding="CRLF", columnDelimiter="TAB")
    finish_query(api, org, job)
    text = api.get(f"/jobs/query/{job['id']}/results").text
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))
    assert {row["IsDeleted"] for row in rows} == {"true", "false"}
    assert next(row["Company"] for row in rows if row["Id"] == lead_ids[0]) == company


def test_another_version_is_a_conflict(api: httpx.Client, org: Org) -> None:
    job = create_query(api, "SELECT Id FROM Lead")
    finish_query(api, org, job)
    assert api.get(f"{org.url}/services/data/v65.0/jobs/query/{job['id']}/results").status_code == 409


def test_results_before_the_end_and_states(api: httpx.Client, org: Org) -> None:
    org.bulk.pause()
    job = create_query(api, "SELECT Id FROM Lead")
    path = f"/jobs/query/{job['id']}"
    assert api.get(f"{path}/results").status_code == 400
    early = api.delete(path)
    assert early.status_code == 400
    message = "Error encountered when deleting the job because the job is not terminated"
    assert early.json() == [{"errorCode": "API_ERROR", "message": message}]
    assert api.patch(path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    org.bulk.resume()
    assert finish_query(api, org, job)["state"] == "Aborted"
    assert api.patch(path, json={"state": "Aborted"}).status_code == 400
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("statement", "code", "text"),
    [
        ("SELECT Address FROM Lead", "INVALID_FIELD", "Selecting compound data not supported in Bulk Query"),
        ("SELECT Id FROM Organization", "INVALIDENTITY", "Entity 'Organization' is not supported by the Bulk API."),
        ("SELECT COUNT() FROM Lead", "API_ERROR", "Implementation restriction"),
        ("SELECT MAX(CreatedDate) FROM Lead", "API_ERROR", "Implementation restriction"),
        ("SELECT Id FROM Lead LIMIT 5 OFFSET 5", "API_ERROR", "Implementation restriction"),
        ("SELECT Nothing FROM Lead", "INVALID_FIELD", "No such column"),
        ("", "MALFORMED_QUERY", "<EOF>"),
    ],
)
def test_queries_that_bulk_refuses(api: httpx.Client, statement: str, code: str, text: str) -> None:
    answer = api.post("/jobs/query", json={"operation": "query", "query": statement})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == code
    assert text in answer.json()[0]["message"]
