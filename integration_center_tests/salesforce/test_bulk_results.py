import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import httpx
import polars as pl
import pytest

from integration_center.errors import TransientError
from integration_center.salesforce.write.bulk import IngestJob, end_job, parse_ingest_job
from integration_center.salesforce.write.bulk_results import parse_row_error, read_ended_results, read_results
from integration_center.salesforce.write.push import push_updates
from integration_center_tests.salesforce.scripted import (
    LEAD,
    BulkOrg,
    RecordingJournal,
    build_id,
    build_org,
    build_session,
    refuse,
)
from integration_center_tests.salesforce.test_collections import build_updates
from integration_center_tests.salesforce.test_push import WholeOrg

JOB = f"750{1:012d}AAA"
LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"


def build_ended(org: BulkOrg, count: int = 4) -> tuple[IngestJob, pl.Series]:
    ids = [build_id(number) for number in range(count)]
    org.uploads[JOB] = "\n".join(["Id,Logins__c", *(f"{row},5" for row in ids), ""]).encode()
    org.states[JOB] = org.state
    return parse_ingest_job(org._job(JOB)), pl.Series("Id", ids)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "FIELD_INTEGRITY_EXCEPTION:There's a problem with this state, even though it may appear correct. Please"
            " select a state from the list of valid states.: Mailing State/Province:MailingState --",
            (
                "FIELD_INTEGRITY_EXCEPTION",
                "There's a problem with this state, even though it may appear correct. Please select a state from the"
                " list of valid states.: Mailing State/Province",
                "MailingState",
            ),
        ),
        (
            "INVALID_FIELD:Failed to deserialize field at col 3. Due to, '2003-04-98' is not a valid value for the "
            "type xsd:date:CloseDate --",
            (
                "INVALID_FIELD",
                "Failed to deserialize field at col 3. Due to, '2003-04-98' is not a valid value for the type xsd:date",
                "CloseDate",
            ),
        ),
        (
            "DUPLICATE_VALUE:duplicate value found: X__c duplicates value on record with id: 006Ov000004iYzq:--",
            (
                "DUPLICATE_VALUE",
                "duplicate value found: X__c duplicates value on record with id: 006Ov000004iYzq",
                None,
            ),
        ),
        (
            "REQUIRED_FIELD_MISSING:Required fields are missing: [A__c, B__c]:A__c,B__c --",
            ("REQUIRED_FIELD_MISSING", "Required fields are missing: [A__c, B__c]", "A__c,B__c"),
        ),
        ("CANNOT_INSERT:line one\nline two: x:--", ("CANNOT_INSERT", "line one\nline two: x", None)),
        ("Duplicate id specified: 0013000000auCyT", (None, None, None)),
        ("TOO_OLD:no tail at all", ("TOO_OLD", "no tail at all", None)),
    ],
)
def test_row_errors_are_taken_apart(text: str, expected: tuple[str | None, ...]) -> None:
    parts = pl.DataFrame({"e": [text]}).select(parse_row_error(pl.col("e")).struct.unnest())
    assert parts.row(0) == expected


def test_success_is_what_neither_failed_nor_stayed_behind() -> None:
    org = BulkOrg(
        failed={build_id(2): LOCKED}, unprocessed=[build_id(3)], state="Failed", error_message="InvalidBatch : x"
    )
    job, sent = build_ended(org)
    results = read_results(build_session(org), job, sent)
    assert results["Id"].to_list() == sent.to_list()
    assert results["outcome"].to_list() == ["updated", "updated", "failed", "unprocessed"]
    assert results["code"].to_list() == [None, None, "UNABLE_TO_LOCK_ROW", "InvalidBatch"]
    assert set(results["job_id"]) == {JOB}
    assert [path.rpartition("/")[2] for _, path in org.calls] == ["failedResults", "unprocessedrecords"]


def test_results_are_read_to_their_last_page() -> None:
    org = BulkOrg(
        failed={build_id(number): LOCKED for number in (0, 3, 4)},
        unprocessed=[build_id(number) for number in (1, 5, 6)],
        state="Failed",
        page_rows=2,
    )
    job, sent = build_ended(org, 8)
    outcomes = ["failed", "unprocessed", "updated", "failed", "failed", "unprocessed", "unprocessed", "updated"]
    assert read_results(build_session(org), job, sent)["outcome"].to_list() == outcomes
    ended = read_ended_results(build_session(org), job)
    assert dict(ended.select("Id", "outcome").iter_rows()) == dict(zip(sent, outcomes, strict=True))


def test_pages_that_lead_in_a_circle_are_no_results() -> None:
    circle = httpx.Response(200, content=b"sf__Id,sf__Error,Id\n", headers={"Sforce-Locator": "again"})
    org = BulkOrg()
    job, sent = build_ended(org)
    org.before = lambda request: circle if "failedResults" in request.url.path else None
    assert read_results(build_session(org), job, sent)["outcome"].to_list() == ["updated"] * 4
    assert len([path for _, path in org.calls if path.endswith("failedResults")]) == 4


def test_a_file_that_ended_early_is_fetched_again() -> None:
    org = BulkOrg(failed={build_id(0): LOCKED, build_id(1): LOCKED})
    org.broken_downloads = {"failedResults": [f'"sf__Id","sf__Error",Id\n"","{LOCKED}","{build_id(0)}"\n'.encode()]}
    job, sent = build_ended(org)
    assert read_results(build_session(org), job, sent)["outcome"].to_list() == [
        "failed",
        "failed",
        "updated",
        "updated",
    ]


@pytest.mark.parametrize("corrupt", [b'"sf__Id","sf__Error",Id\n"","UNABLE', b"", b"no,such\n1,2\n"])
def test_when_the_failed_file_stays_corrupt_the_successful_file_decides(corrupt: bytes) -> None:
    org = BulkOrg(failed={build_id(0): LOCKED}, unprocessed=[build_id(3)])
    org.broken_downloads = {"failedResults": [corrupt, corrupt]}
    job, sent = build_ended(org)
    results = read_results(build_session(org), job, sent)
    assert results["outcome"].to_list() == ["unknown", "updated", "updated", "unprocessed"]
    assert results["code"][0] == "RESULT_LOST"


def test_counts_that_lag_behind_are_read_again() -> None:
    org = BulkOrg(failed={build_id(0): LOCKED})
    job, sent = build_ended(org)
    results = read_results(build_session(org), replace(job, processed=2, failed=0), sent)
    assert results["outcome"].to_list() == ["failed", "updated", "updated", "updated"]
    assert "successfulResults" not in {path.rpartition("/")[2] for _, path in org.calls}


def test_counts_that_do_not_add_up_never_make_a_success() -> None:
    org = BulkOrg()
    job, sent = build_ended(org)
    org.uploads[JOB] = b"Id,Logins__c\n" + f"{build_id(0)},5\n".encode()  # the org processed one of four
    results = read_results(build_session(org), parse_ingest_job(org._job(job.id)), sent)
    assert results["outcome"].to_list() == ["updated", "unknown", "unknown", "unknown"]


def test_results_of_a_killed_run_come_from_the_three_files() -> None:
    org = BulkOrg(failed={build_id(1): LOCKED}, unprocessed=[build_id(2)])
    job, _ = build_ended(org, 3)
    results = read_ended_results(build_session(org), job).sort("Id")
    assert results["outcome"].to_list() == ["updated", "failed", "unprocessed"]
    org.broken_downloads = {"failedResults": [b'"a']}
    assert sorted(read_ended_results(build_session(org), job)["outcome"]) == ["unprocessed", "updated"]


def test_a_job_never_closed_is_aborted_and_a_forgotten_one_is_none() -> None:
    org = BulkOrg()
    org.states[JOB] = "Open"
    connected = build_org(org)
    ended = end_job(connected.session, JOB, connected.polling)
    assert ended is not None
    assert ended.state == "Aborted"
    gone = build_org(lambda request: refuse(404, "NOT_FOUND"))
    assert end_job(gone.session, JOB, gone.polling) is None


def test_an_open_job_that_cannot_be_aborted_is_not_waited_for() -> None:
    org = BulkOrg(before=lambda request: refuse(400, "INVALIDJOBSTATE") if request.method == "PATCH" else None)
    org.states[JOB] = "Open"
    connected = build_org(org)
    with pytest.raises(TransientError, match="could not be aborted"):
        end_job(connected.session, JOB, connected.polling)


def test_a_polling_fault_is_ridden_out() -> None:
    org = BulkOrg()
    build_ended(org)
    org.states[JOB] = "UploadComplete"
    faults = iter([httpx.Response(503), httpx.Response(502, text="<html>"), None, None])
    org.before = lambda request: next(faults)
    connected = build_org(org)
    assert (
        connected.polling.await_end(lambda: parse_ingest_job(connected.session.get_json(f"jobs/ingest/{JOB}"))).state
        == "JobComplete"
    )


@pytest.mark.parametrize("at_once", [True, False])
def test_results_that_find_no_room_are_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_once: bool) -> None:
    """The org has written by then, so the next run has to look again."""

    @contextmanager
    def find_no_room(**_: object) -> Iterator[IO[bytes]]:
        if at_once:
            raise OSError(errno.ENOSPC, "No space left on device")
        with (tmp_path / "x.csv").open("w+b") as file:
            yield file
        raise OSError(errno.ENOSPC, "No space left on device")  # what closing a file does

    org = build_org(WholeOrg(BulkOrg()))
    org.session.scratch = tmp_path
    monkeypatch.setattr("integration_center.salesforce.client.scratch_files.NamedTemporaryFile", find_no_room)
    results = push_updates(org, LEAD, build_updates(3), journal=RecordingJournal(), channel="bulk")
    assert set(results["outcome"]) == {"unknown"}
    assert "the disk is full" in results["message"][0]
