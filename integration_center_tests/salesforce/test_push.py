import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest

from integration_center.errors import PlanError
from integration_center.salesforce.write.bulk_files import write_parts
from integration_center.salesforce.write.push import push_updates, settle_job
from integration_center.salesforce.write.results import RESULTS
from integration_center_tests.salesforce.scripted import LEAD, BulkOrg, RecordingJournal, build_id, build_org, refuse
from integration_center_tests.salesforce.test_collections import CollectionsOrg, build_updates

LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"


class WholeOrg:
    """Bulk and Collections of one org."""

    def __init__(self, bulk: BulkOrg | None = None, collections: CollectionsOrg | None = None) -> None:
        self.bulk, self.collections = bulk or BulkOrg(), collections or CollectionsOrg()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return self.bulk(request) if "/jobs/ingest" in request.url.path else self.collections(request)


def counts(results: pl.DataFrame) -> dict[str, int]:
    return dict(results.group_by("outcome").len().cast({"outcome": pl.String}).iter_rows())


def test_the_channel_follows_the_number_of_rows() -> None:
    for rows, bulk_jobs in [(2_000, 0), (2_001, 1)]:
        org = WholeOrg()
        results = push_updates(build_org(org), LEAD, build_updates(rows), journal=RecordingJournal())
        assert len(org.bulk.states) == bulk_jobs
        assert counts(results) == {"updated": rows}
        assert results.schema == RESULTS


def test_the_channel_does_not_change_the_outcome() -> None:
    updates = build_updates(30)
    frames = [
        push_updates(build_org(WholeOrg()), LEAD, updates, journal=RecordingJournal(), channel=channel).drop("job_id")
        for channel in ("bulk", "collections")
    ]
    assert frames[0].equals(frames[1])


def test_a_push_of_100000_takes_few_calls_and_tells_its_progress() -> None:
    org, reported = WholeOrg(), []
    connected = build_org(org)
    results = push_updates(
        connected,
        LEAD,
        build_updates(100_000),
        journal=RecordingJournal(),
        progress=lambda done, total: reported.append((done, total)),
    )
    assert counts(results) == {"updated": 100_000}
    assert connected.session.usage.calls <= 6
    assert reported[-1] == (100_000, 100_000)


def test_progress_is_reported_while_a_job_runs() -> None:
    org = WholeOrg()
    reported: list[tuple[int, int]] = []
    looks: Iterator[dict[str, object]] = iter(
        [{"state": "UploadComplete"}, {"state": "InProgress", "numberRecordsProcessed": 4}]
    )

    def watch(request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET" and (job := next(looks, None)):
            return httpx.Response(200, json={"id": "x", **job})
        return None

    org.bulk.before = watch
    push_updates(
        build_org(org),
        LEAD,
        build_updates(10),
        journal=RecordingJournal(),
        channel="bulk",
        progress=lambda done, total: reported.append((done, total)),
    )
    assert reported == [(0, 10), (4, 10), (10, 10), (10, 10)]


def test_the_journal_knows_the_job_before_it_is_closed_and_forgets_it_when_settled() -> None:
    org, journal = WholeOrg(), RecordingJournal()
    seen: list[str] = []

    def watch(request: httpx.Request) -> httpx.Response | None:
        if request.method in {"PUT", "PATCH"}:
            seen.extend(event for event, _ in journal.events)
        return None

    org.bulk.before = watch
    push_updates(build_org(org), LEAD, build_updates(10), journal=journal, channel="bulk")
    assert seen == ["opened", "opened"]
    assert [event for event, _ in journal.events] == ["opened", "settled"]


def test_a_push_killed_between_two_jobs_leaves_both_in_the_journal() -> None:
    class Killed(BaseException):
        pass

    org, journal = WholeOrg(), RecordingJournal()

    def kill(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH" and len(org.bulk.states) == 2:
            raise Killed
        return None

    org.bulk.before = kill
    with pytest.raises(Killed):
        push_updates(build_org(org), LEAD, build_updates(100), journal=journal, channel="bulk", max_job_bytes=1_500)
    assert [event for event, _ in journal.events] == ["opened", "opened"]


def test_an_upload_is_cut_by_bytes_and_every_row_reported_once() -> None:
    org = WholeOrg()
    updates = build_updates(1_000)
    results = push_updates(
        build_org(org), LEAD, updates, journal=RecordingJournal(), channel="bulk", max_job_bytes=6_000
    )
    assert all(len(content) <= 6_000 for content in org.bulk.uploads.values())
    assert all(content.startswith(b"Id,Logins__c\n") for content in org.bulk.uploads.values())
    sent = [row for job in org.bulk.uploads for row in org.bulk.sent(job)]
    assert sent == updates["Id"].to_list()
    assert results["Id"].to_list() == updates["Id"].to_list()
    assert counts(results) == {"updated": 1_000}


def test_parts_hold_every_row_even_one_larger_than_a_part(tmp_path: Path) -> None:
    texts = ["a", "b" * 500, "c", 'd\n"e"']
    updates = pl.DataFrame(
        {"Id": [build_id(n) for n in range(4)], "after.Company": texts, "changed.Company": [True] * 4}
    )
    read = []
    for part in write_parts(updates, ["Company"], tmp_path, 100):
        content = part.path.read_bytes()
        assert part.size == len(content)
        assert b"\r" not in content
        read.append(pl.read_csv(content, infer_schema=False))
        assert read[-1]["Id"].to_list() == part.ids.to_list()
    assert pl.concat(read)["Company"].to_list() == texts
    assert list(tmp_path.iterdir()) == []


def test_a_lost_upload_goes_into_a_new_job_and_the_old_one_is_aborted() -> None:
    org, journal = WholeOrg(), RecordingJournal()
    drops = iter([True])

    def drop(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PUT" and next(drops, False):
            raise httpx.WriteError("broken pipe")
        return None

    org.bulk.before = drop
    results = push_updates(build_org(org), LEAD, build_updates(5), journal=journal, channel="bulk")
    assert counts(results) == {"updated": 5}
    assert list(org.bulk.states.values()) == ["Aborted", "JobComplete"]
    assert [event for event, _ in journal.events] == ["opened", "settled", "opened", "settled"]


def test_a_lost_close_is_found_out_and_not_done_twice() -> None:
    org = WholeOrg()
    patches = 0

    def drop(request: httpx.Request) -> httpx.Response | None:
        nonlocal patches
        if request.method == "PATCH":
            patches += 1
            org.bulk.states[f"750{1:012d}AAA"] = "UploadComplete"
            raise httpx.ReadTimeout("slow")
        return None

    org.bulk.before = drop
    results = push_updates(build_org(org), LEAD, build_updates(5), journal=RecordingJournal(), channel="bulk")
    assert patches == 1
    assert counts(results) == {"updated": 5}


def test_when_results_cannot_be_had_rows_are_unknown_and_the_job_stays_in_the_journal() -> None:
    org, journal = WholeOrg(), RecordingJournal()
    org.bulk.before = lambda request: (
        refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.") if request.method == "GET" else None
    )
    results = push_updates(build_org(org), LEAD, build_updates(5), journal=journal, channel="bulk")
    assert counts(results) == {"unknown": 5}
    assert set(results["code"]) == {"REQUEST_LIMIT_EXCEEDED"}
    assert set(results["job_id"]) == {f"750{1:012d}AAA"}
    assert [event for event, _ in journal.events] == ["opened"]


def test_a_refusal_in_the_middle_keeps_what_was_done() -> None:
    refusal = refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    org = WholeOrg(collections=CollectionsOrg(lambda call, rows: refusal if call == 2 else None))
    results = push_updates(build_org(org), LEAD, build_updates(1_500), journal=RecordingJournal())
    assert counts(results) == {"updated": 1_000, "unprocessed": 500}
    assert set(results["code"]) == {None, "REQUEST_LIMIT_EXCEEDED"}


@pytest.mark.parametrize(
    "refusal",
    [
        refuse(400, "INVALIDENTITY", "Entity 'Lead' is not supported by the Bulk API."),
        refuse(404, "NOT_FOUND", "The requested resource does not exist"),
        refuse(400, "API_ERROR", "Implementation restriction"),
    ],
    ids=["the object", "Bulk altogether", "another reason"],
)
def test_an_object_that_bulk_refuses_goes_by_collections(refusal: httpx.Response) -> None:
    org = WholeOrg()
    org.bulk.before = lambda request: refusal
    results = push_updates(build_org(org), LEAD, build_updates(2_500), journal=RecordingJournal())
    assert counts(results) == {"updated": 2_500}
    assert sum(map(sum, org.collections.sizes)) == 2_500


def test_a_text_that_would_clear_a_field_in_bulk_goes_by_collections() -> None:
    updates = pl.DataFrame(
        {
            "Id": [build_id(1), build_id(2)],
            "after.Company": ["#N/A", "Acme"],
            "changed.Company": [True, True],
        }
    )
    sent: list[dict[str, object]] = []

    class Texts(CollectionsOrg):
        def _update(self, row: dict[str, object]) -> dict[str, object]:
            sent.append(row)
            return {"id": row["id"], "success": True, "errors": []}

    org = WholeOrg(collections=Texts())
    results = push_updates(build_org(org), LEAD, updates, journal=RecordingJournal(), channel="bulk")
    assert counts(results) == {"updated": 2}
    assert [row["Company"] for row in sent] == ["#N/A"]
    assert b"#N/A" not in next(iter(org.bulk.uploads.values()))


def test_rows_that_met_a_lock_are_sent_again_in_smaller_transactions() -> None:
    bulk = BulkOrg(failed={build_id(n): LOCKED for n in range(60)} | {build_id(99): "INVALID_FIELD:x:Logins__c --"})
    lock = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []}

    def answer(call: int, rows: list[dict[str, object]]) -> httpx.Response | None:
        if call > 1:
            return None
        halves = [rows[:50], rows[50:]]
        results = [
            {
                "httpStatusCode": 200,
                "referenceId": f"part{number}",
                "body": [
                    {"success": False, "errors": [lock]} if number else {"id": row["id"], "success": True, "errors": []}
                    for row in half
                ],
            }
            for number, half in enumerate(halves)
        ]
        return httpx.Response(200, json={"compositeResponse": results})

    org = WholeOrg(bulk, CollectionsOrg(answer))
    results = push_updates(build_org(org), LEAD, build_updates(100), journal=RecordingJournal(), channel="bulk")
    assert org.collections.sizes == [[50, 10], [10]]
    assert counts(results) == {"updated": 99, "failed": 1}
    assert results["Id"].to_list() == build_updates(100)["Id"].to_list()


def test_rows_that_stay_locked_stay_failed() -> None:
    def answer(call: int, rows: list[dict[str, object]]) -> httpx.Response:
        lock = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []}
        return httpx.Response(200, json=[{"success": False, "errors": [lock]} for _ in rows])

    org = WholeOrg(collections=CollectionsOrg(answer))
    results = push_updates(build_org(org), LEAD, build_updates(3), journal=RecordingJournal())
    assert org.collections.sizes == [[3], [3], [3]]
    assert counts(results) == {"failed": 3}


def test_a_record_that_occurs_twice_is_refused_before_any_call() -> None:
    updates = pl.concat([build_updates(2), build_updates(1)])
    connected = build_org(WholeOrg())
    with pytest.raises(PlanError, match="twice"):
        push_updates(connected, LEAD, updates, journal=RecordingJournal())
    assert connected.session.usage.calls == 0


def test_an_empty_update_set_costs_no_call() -> None:
    connected = build_org(WholeOrg())
    results = push_updates(connected, LEAD, build_updates(0), journal=RecordingJournal())
    assert results.is_empty()
    assert results.schema == RESULTS
    assert connected.session.usage.calls == 0


def test_the_job_of_a_killed_run_is_settled() -> None:
    org = WholeOrg(BulkOrg(failed={build_id(1): LOCKED}))
    job = f"750{1:012d}AAA"
    org.bulk.uploads[job] = f"Id,Logins__c\n{build_id(0)},5\n{build_id(1)},5\n".encode()
    org.bulk.states[job] = "UploadComplete"
    state, results = settle_job(build_org(org), job)
    assert state == "JobComplete"
    assert dict(zip(results["Id"], results["outcome"], strict=True)) == {build_id(0): "updated", build_id(1): "failed"}


def test_messages_of_salesforce_do_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    bulk = BulkOrg(
        failed={build_id(0): "INVALID_EMAIL_ADDRESS:Email: invalid email address: jane:Email --"},
        error_message="InvalidBatch : jane",
    )
    with caplog.at_level(logging.DEBUG):
        results = push_updates(
            build_org(WholeOrg(bulk)), LEAD, build_updates(3), journal=RecordingJournal(), channel="bulk"
        )
    assert results["message"].to_list()[0] == "Email: invalid email address: jane"
    assert "jane" not in caplog.text
    assert json.dumps(build_id(0)) not in caplog.text


def test_an_upload_that_finds_the_disk_full_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (folder := tmp_path / "gone").mkdir()
    org = WholeOrg()
    parts = write_parts(build_updates(3), ["Logins__c"], folder)
    folder.rmdir()
    monkeypatch.setattr("integration_center.salesforce.write.push.write_parts", lambda *_: parts)
    results = push_updates(build_org(org), LEAD, build_updates(3), journal=RecordingJournal(), channel="bulk")
    assert counts(results) == {"unprocessed": 3}
    assert "No such file or directory; look at the disk" in results["message"][0]
    assert str(tmp_path) not in results["message"][0], "an operator reads it"
    assert org.bulk.states == {}
