import csv
import io

import httpx
import pytest

from integration_center_tests.emulator.bulk_client import (
    create_ingest,
    finish_ingest,
    ingest,
    read_results,
    set_state,
    upload,
)
from salesforce_emulator.org.org import Org

CREATED_KEYS = {
    *("id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode"),
    *("contentType", "apiVersion"),
}
POLLED_KEYS = CREATED_KEYS | {
    *("jobType", "lineEnding", "columnDelimiter", "numberRecordsProcessed", "numberRecordsFailed", "retries"),
    *("totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime"),
}
HEADER = "Id,WalkMe_NPS_Score__c\n"


def test_update_tells_what_became_of_each_row(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    content = f"{HEADER}{lead_ids[0]},9\n{lead_ids[1]},2000\n00Q000000000000EAA,1\n"
    job = ingest(api, org, content)
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 3, 2)
    (saved,) = read_results(api, job, "successfulResults")
    assert saved["sf__Id"] == lead_ids[0]
    assert saved["sf__Created"] == "false"
    failed = {row["Id"]: row for row in read_results(api, job, "failedResults")}
    assert failed[lead_ids[1]]["sf__Error"] == (
        "NUMBER_OUTSIDE_VALID_RANGE:WalkMe NPS Score: value outside of valid range on numeric field: 2000"
        ":WalkMe_NPS_Score__c --"
    )
    assert failed["00Q000000000000EAA"]["sf__Error"] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
    assert failed["00Q000000000000EAA"]["sf__Id"] == ""
    assert failed[lead_ids[1]]["sf__Id"] == lead_ids[1]
    assert api.get(f"/jobs/ingest/{job['id']}/unprocessedrecords/").text == HEADER


def test_answers_differ_by_call(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    created = create_ingest(api)
    assert set(created) == CREATED_KEYS | {"contentUrl", "lineEnding", "columnDelimiter"}
    assert created["apiVersion"] == 66.0
    assert created["contentUrl"] == f"services/data/v66.0/jobs/ingest/{created['id']}/batches"
    opened = api.get(f"/jobs/ingest/{created['id']}").json()
    assert set(opened) == POLLED_KEYS - {"numberRecordsProcessed", "numberRecordsFailed"} | {"contentUrl"}
    sent = upload(api, created, f"{HEADER}{lead_ids[0]},1\n")
    assert (sent.status_code, sent.content) == (201, b"")
    assert api.get(f"/jobs/ingest/{created['id']}").json()["numberRecordsProcessed"] == 0
    closed = set_state(api, created, "UploadComplete").json()
    assert set(closed) == CREATED_KEYS
    assert closed["state"] == "UploadComplete"
    assert set(finish_ingest(api, org, created)) == POLLED_KEYS


def test_empty_cell_keeps_and_na_clears(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    first, second = lead_ids[2], lead_ids[3]
    header = "Id,WalkMe_NPS_Score__c,City,WalkMe_NPS_Comment__c\n"
    ingest(api, org, f'{header}{first},5,Oslo,"a, ""b"""\n{second},6,Rome,x\n')
    job = ingest(api, org, f'{header}{first},,#N/A,\n{second},#N/A,"",  y \n')
    assert job["numberRecordsFailed"] == 0
    record = org.store.record("Lead", first)
    assert record is not None
    assert (record["WalkMe_NPS_Score__c"], record["City"]) == (5.0, None)
    assert record["WalkMe_NPS_Comment__c"] == 'a, "b"'
    record = org.store.record("Lead", second)
    assert record is not None
    assert (record["WalkMe_NPS_Score__c"], record["City"], record["WalkMe_NPS_Comment__c"]) == (None, "Rome", "y")


@pytest.mark.parametrize(
    ("content", "line_ending", "message"),
    [
        ("Id,Email\r\nx,y\r\n", "LF", "ClientInputError : LineEnding is invalid on user data. Current LineEnding "
                                      "setting is LF"),
        ("Id,Email\nx,y\n", "CRLF", "ClientInputError : LineEnding is invalid on user data. Current LineEnding "
                                    "setting is CRLF"),
        ("Id,Nothing__c\nx,y\n", "LF", "InvalidBatch : Field name not found : Nothing__c"),
        ('\ufeff"Id","Email"\n"x","y"\n', "LF", "InvalidBatch : Failed to parse CSV. Found unescaped quote"),
        ("\ufeffId,Email\nx,y\n", "LF", "InvalidBatch : Field name not found : \ufeffId"),
        ('Id,Email\nx, "y"\n', "LF", "InvalidBatch : Failed to parse CSV. Found unescaped quote"),
        ('Id,Email\nx,"y" \n', "LF", "InvalidBatch : Failed to parse CSV. Found unescaped quote"),
        ('Id,Email\nx,"y\n', "LF", "InvalidBatch : Failed to parse CSV. Found unescaped quote"),
        ("Id,Email\nx,y,z\n", "LF", "InvalidBatch : Failed to parse CSV. Row 1 has 3 columns, the header has 2"),
        ("", "LF", "InvalidBatch : Failed to parse CSV. The file is empty"),
        (f"Id,Email\nx,{'y' * 32_001}\n", "LF", "InvalidBatch : Row 1 has 32001 characters in a field, the most is "
                                                 "32000"),
    ],
)  # fmt: skip
def test_upload_that_fails_as_a_whole(
    api: httpx.Client, org: Org, content: str, line_ending: str, message: str
) -> None:
    job = ingest(api, org, content, lineEnding=line_ending)
    assert (job["state"], job["errorMessage"]) == ("Failed", message)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (0, 0)
    unprocessed = api.get(f"/jobs/ingest/{job['id']}/unprocessedrecords").content.decode()
    assert unprocessed == content


def test_hidden_field_fails_the_job(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.schema.hide("Lead", "WalkMe_NPS_Score__c")
    job = ingest(api, org, f"{HEADER}{lead_ids[0]},1\n")
    assert job["errorMessage"] == "InvalidBatch : Field name not found : WalkMe_NPS_Score__c"


def test_quoted_newlines_and_other_delimiters(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    content = f'Id|WalkMe_NPS_Comment__c\r\n{lead_ids[0]}|"one\r\ntwo | three"\r\n'
    job = ingest(api, org, content, lineEnding="CRLF", columnDelimiter="PIPE")
    assert job["numberRecordsFailed"] == 0
    record = org.store.record("Lead", lead_ids[0])
    assert record is not None
    assert record["WalkMe_NPS_Comment__c"] == "one\r\ntwo | three"


def test_one_upload_only(api: httpx.Client, lead_ids: list[str]) -> None:
    job = create_ingest(api)
    assert upload(api, job, f"{HEADER}{lead_ids[0]},1\n").status_code == 201
    second = upload(api, job, f"{HEADER}{lead_ids[1]},1\n")
    assert second.status_code == 400
    assert "Found multiple contents for job" in second.json()[0]["message"]


def test_result_files_are_written_again_and_reordered(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    header = "Id,AnnualRevenue,WalkMe_Champion_Since__c,WalkMe_Last_Login__c\n"
    rows = [f"{record_id[:15]},912260031,2026-05-01T10:00:00Z,2026-05-01T10:00:00.250Z\n" for record_id in lead_ids[:3]]
    job = ingest(api, org, header + "".join(rows))
    text = api.get(f"/jobs/ingest/{job['id']}/successfulResults/").text
    lines = text.splitlines()
    assert lines[0] == '"sf__Id","sf__Created",' + header.strip()
    expected = f'"{lead_ids[2]}","false","{lead_ids[2][:15]}","9.12260031E8","2026-05-01","2026-05-01T10:00:00.000Z"'
    assert lines[1] == expected
    quoted = ingest(api, org, f'"Id","City"\n"{lead_ids[0]}","A"\n')
    text = api.get(f"/jobs/ingest/{quoted['id']}/successfulResults/").text
    assert text.splitlines()[0] == '"sf__Id","sf__Created","Id","City"'


def test_row_errors_of_unreadable_values(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    content = (
        "Id,NumberOfEmployees,WalkMe_Champion_Since__c\n"
        f"{lead_ids[0]},250.0,\n{lead_ids[1]},,2003-04-987654321\n"
    )  # fmt: skip
    job = ingest(api, org, content)
    errors = {row["Id"]: row["sf__Error"] for row in read_results(api, job, "failedResults")}
    assert errors == {
        lead_ids[
            0
        ]: "INVALID_TYPE_ON_FIELD_IN_RECORD:Employees: value not of required type: 250.0:NumberOfEmployees --",
        lead_ids[1]: "INVALID_FIELD:Failed to deserialize field at col 2. Due to, '2003-04-987654321' is not a valid "
        "value for the type xsd:date:WalkMe_Champion_Since__c --",
    }


def test_same_record_twice(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    twice = lead_ids[0]
    near = ingest(api, org, f"{HEADER}{twice},1\n{twice},2\n")
    assert near["numberRecordsFailed"] == 1
    (error,) = read_results(api, near, "failedResults")
    assert error["sf__Error"].startswith("DUPLICATE_VALUE:Duplicate id specified: ")
    between = "".join(f"{record_id},3\n" for record_id in lead_ids[1:201])
    far = ingest(api, org, f"{HEADER}{twice},1\n{between}{twice},2\n")
    assert far["numberRecordsFailed"] == 0
    record = org.store.record("Lead", twice)
    assert record is not None
    assert record["WalkMe_NPS_Score__c"] == 2.0


def test_insert_upsert_and_delete(api: httpx.Client, org: Org) -> None:
    described = {"object": "WalkMe_Engagement__c", "operation": "upsert", "externalIdFieldName": "Customer_Key__c"}
    job = ingest(api, org, "Customer_Key__c,Sessions__c\nbulk-1,1\nbulk-2,2\n", **described)
    rows = read_results(api, job, "successfulResults")
    assert {row["sf__Created"] for row in rows} == {"true"}
    again = ingest(api, org, "Customer_Key__c,Sessions__c\nBULK-1,5\n", **described)
    (row,) = read_results(api, again, "successfulResults")
    assert row["sf__Created"] == "false"
    assert org.store.record("WalkMe_Engagement__c", row["sf__Id"])["Sessions__c"] == 5  # type: ignore[index]
    gone = ingest(api, org, f"Id\n{row['sf__Id']}\n", object="WalkMe_Engagement__c", operation="delete")
    assert gone["numberRecordsFailed"] == 0
    assert org.store.record("WalkMe_Engagement__c", row["sf__Id"])["IsDeleted"] == 1  # type: ignore[index]
    made = ingest(api, org, "LastName,Company\nBulk,Acme\nNobody,\n", operation="insert")
    assert made["numberRecordsFailed"] == 1
    (error,) = read_results(api, made, "failedResults")
    assert error["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --"
    assert error["sf__Id"] == ""


def test_same_key_twice_in_an_upsert(api: httpx.Client, org: Org) -> None:
    described = {"object": "WalkMe_Engagement__c", "operation": "upsert", "externalIdFieldName": "Customer_Key__c"}
    header = "Customer_Key__c,Sessions__c\n"
    near = ingest(api, org, f"{header}twin,1\nTWIN,2\n", **described)
    (error,) = read_results(api, near, "failedResults")
    assert error["sf__Error"] == "DUPLICATE_VALUE:Duplicate external id specified: TWIN:Customer_Key__c --"
    between = "".join(f"between-{index},0\n" for index in range(200))
    far = ingest(api, org, f"{header}late,1\n{between}late,2\n", **described)
    assert far["numberRecordsFailed"] == 0
    (record,) = org.store.records("WalkMe_Engagement__c", "Customer_Key__c = 'late'")
    assert record["Sessions__c"] == 2


def test_parent_by_another_field(api: httpx.Client, org: Org) -> None:
    record_id = org.store.records("WalkMe_Engagement__c")[0]["Id"]
    contact = org.store.records("Contact", "IsDeleted = 0")[0]
    described = {"object": "WalkMe_Engagement__c"}
    header = "Id,Contact__r.Email\n"
    job = ingest(api, org, f"{header}{record_id},{contact['Email']}\n", **described)
    assert job["numberRecordsFailed"] == 0
    assert org.store.record("WalkMe_Engagement__c", record_id)["Contact__c"] == contact["Id"]  # type: ignore[index]
    job = ingest(api, org, f"{header}{record_id},nobody@x.example\n", **described)
    (error,) = read_results(api, job, "failedResults")
    assert error["sf__Error"].startswith("INVALID_FIELD:Foreign key external ID: nobody@x.example not found for field")


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_job_that_ends_half_way(api: httpx.Client, org: Org, lead_ids: list[str], state: str) -> None:
    org.faults.end_job(state, after_rows=2)  # type: ignore[arg-type]
    rows = [f"{record_id},4.5\n" for record_id in lead_ids[:5]]
    job = ingest(api, org, HEADER + "".join(rows))
    assert (job["state"], job["numberRecordsProcessed"]) == (state, 2)
    assert {row["Id"] for row in read_results(api, job, "successfulResults")} == set(lead_ids[:2])
    assert api.get(f"/jobs/ingest/{job['id']}/unprocessedrecords/").text == HEADER + "".join(rows[2:])
    saved = [org.store.value("SELECT WalkMe_NPS_Score__c FROM Lead WHERE Id = ?", (item,)) for item in lead_ids[:5]]
    assert [value == 4.5 for value in saved] == [True, True, False, False, False]


def test_locked_rows_pass_later(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.faults.lock_rows([lead_ids[0][:15]], times=1)
    content = f"{HEADER}{lead_ids[0]},1\n{lead_ids[1]},1\n"
    job = ingest(api, org, content)
    (error,) = read_results(api, job, "failedResults")
    expected = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"
    assert (error["Id"], error["sf__Error"]) == (lead_ids[0], expected)
    assert ingest(api, org, content)["numberRecordsFailed"] == 0


def test_states_and_what_they_allow(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.bulk.pause()
    job = create_ingest(api)
    path = f"/jobs/ingest/{job['id']}"
    assert api.delete(path).status_code == 400
    upload(api, job, f"{HEADER}{lead_ids[0]},1\n")
    set_state(api, job, "UploadComplete")
    assert api.get(path).json()["state"] == "UploadComplete"
    assert upload(api, job, HEADER).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert api.get(f"{path}/successfulResults/").status_code == 400
    aborted = set_state(api, job, "Aborted")
    assert (aborted.status_code, aborted.json()["state"]) == (200, "Aborted")
    org.bulk.resume()
    assert finish_ingest(api, org, job)["state"] == "Aborted"
    again = set_state(api, job, "Aborted")
    assert again.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert api.delete(path).status_code == 204
    gone = api.get(path)
    assert gone.status_code == 404
    assert gone.json() == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


def test_finished_job_cannot_be_aborted(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    job = ingest(api, org, f"{HEADER}{lead_ids[0]},1\n")
    answer = set_state(api, job, "Aborted")
    assert answer.status_code == 400
    message = "Aborting already Completed Job not allowed"
    assert answer.json() == [{"errorCode": "INVALIDJOBSTATE", "message": message}]


def test_multipart_is_uploaded_at_once(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    described = '{"object": "Lead", "operation": "update", "contentType": "CSV", "lineEnding": "LF"}'
    files = {
        "job": (None, described, "application/json"),
        "content": ("content", f'Id,WalkMe_NPS_Comment__c\n{lead_ids[0]},"a\nb"\n', "text/csv"),
    }
    answer = api.post("/jobs/ingest", files=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "UploadComplete"
    assert finish_ingest(api, org, answer.json())["numberRecordsFailed"] == 0
    assert org.store.record("Lead", lead_ids[0])["WalkMe_NPS_Comment__c"] == "a\nb"  # type: ignore[index]
    large = {**files, "content": ("content", "Id\n" + "x" * 100_000, "text/csv")}
    assert api.post("/jobs/ingest", files=large).status_code == 400


@pytest.mark.parametrize(
    ("described", "code"),
    [
        ({"object": "Nothing"}, "INVALIDJOB"),
        ({"object": "Organization"}, "INVALIDENTITY"),
        ({"operation": "merge"}, "INVALIDJOB"),
        ({"operation": "upsert"}, "INVALIDJOB"),
        ({"operation": "upsert", "externalIdFieldName": "City"}, "INVALIDJOB"),
        ({"lineEnding": "CR"}, "INVALIDJOB"),
    ],
)
def test_jobs_that_cannot_be_made(api: httpx.Client, described: dict[str, str], code: str) -> None:
    answer = api.post("/jobs/ingest", json={"object": "Lead", "operation": "update", **described})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_list_of_jobs(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    job = ingest(api, org, f"{HEADER}{lead_ids[0]},1\n")
    body = api.get("/jobs/ingest", params={"jobType": "V2Ingest"}).json()
    assert set(body) == {"done", "records", "nextRecordsUrl"}
    assert job["id"] in {item["id"] for item in body["records"]}


def test_many_batches_keep_the_unprocessed_text_as_sent(api: httpx.Client, org: Org, lead_ids: list[str]) -> None:
    org.bulk.batch_rows = 2
    org.faults.end_job(after_rows=3)
    rows = [f'{record_id},"line 1\nline ""{index}"""\n' for index, record_id in enumerate(lead_ids[:6])]
    content = "Id,WalkMe_NPS_Comment__c\n" + "".join(rows)
    job = ingest(api, org, content)
    assert job["numberRecordsProcessed"] == 3
    text = api.get(f"/jobs/ingest/{job['id']}/unprocessedrecords/").text
    assert text == "Id,WalkMe_NPS_Comment__c\n" + "".join(rows[3:])
    assert [row[0] for row in list(csv.reader(io.StringIO(text, newline="")))[1:]] == lead_ids[3:6]
