"""A server in front of the org says "busy" although the org has carried the request out, and refuses the repeat."""

import json

import httpx
import pytest

from integration_center.errors import LimitExceeded
from integration_center.salesforce.client.faults import AnswerLost
from integration_center.salesforce.write.push import push_updates
from integration_center_tests.salesforce.scripted import (
    LEAD,
    BulkOrg,
    RecordingJournal,
    build_org,
    build_session,
    play,
    refuse,
)
from integration_center_tests.salesforce.test_collections import build_updates

PAGE = httpx.Response(503, text="<html>Service Unavailable</html>", headers={"Content-Type": "text/html"})
BUSY = [PAGE, refuse(503, "SERVER_UNAVAILABLE")]


class StrictOrg(BulkOrg):
    """A Bulk org that takes one upload a job, and closes only open jobs. Its first answer to `method` is lost.

    Args:
        method: the request whose first answer is lost.
        busy: the answer that comes in its place.
    """

    def __init__(self, method: str, busy: httpx.Response) -> None:
        super().__init__(before=self.check)
        self.method, self.busy = method, busy
        self.lost = False

    def check(self, request: httpx.Request) -> httpx.Response | None:
        job_id = request.url.path.split("/")[6] if request.method in ("PUT", "PATCH") else ""
        if request.method == "PUT" and job_id in self.uploads:
            return refuse(400, "CLIENT_ERROR", "Found multiple contents for job")
        closes = request.method == "PATCH" and json.loads(request.content)["state"] == "UploadComplete"
        if closes and self.states[job_id] != "Open":
            return refuse(400, "INVALIDJOBSTATE")
        if request.method != self.method or self.lost:
            return None
        self.lost = True
        if request.method == "PUT":
            self.uploads[job_id] = request.content
        else:
            self.states[job_id] = "UploadComplete"
        return self.busy


@pytest.mark.parametrize("busy", BUSY)
def test_a_close_that_the_org_carried_out_behind_a_busy_answer_is_not_taken_back(busy: httpx.Response) -> None:
    org, journal = StrictOrg("PATCH", busy), RecordingJournal()
    results = push_updates(build_org(org), LEAD, build_updates(5), journal=journal, channel="bulk")
    assert results["outcome"].to_list() == ["updated"] * 5
    assert list(org.states.values()) == ["JobComplete"]
    assert [event for event, _ in journal.events] == ["opened", "settled"]


@pytest.mark.parametrize("busy", BUSY)
def test_an_upload_that_the_org_has_behind_a_busy_answer_goes_into_a_new_job(busy: httpx.Response) -> None:
    org = StrictOrg("PUT", busy)
    results = push_updates(build_org(org), LEAD, build_updates(5), journal=RecordingJournal(), channel="bulk")
    assert results["outcome"].to_list() == ["updated"] * 5
    assert list(org.states.values()) == ["Aborted", "JobComplete"]


def test_a_refusal_after_a_busy_answer_leaves_open_whether_a_write_was_carried_out() -> None:
    with (
        build_session(play(PAGE, refuse(400, "INVALIDJOBSTATE"))) as session,
        pytest.raises(AnswerLost, match="INVALIDJOBSTATE"),
    ):
        session.request("PATCH", "jobs/ingest/750", json={}, idempotent=False)


def test_the_daily_limit_stays_the_daily_limit_after_a_busy_answer() -> None:
    spent = refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    with build_session(play(PAGE, spent)) as session, pytest.raises(LimitExceeded):
        session.request("PATCH", "composite/sobjects", json={}, idempotent=False)
