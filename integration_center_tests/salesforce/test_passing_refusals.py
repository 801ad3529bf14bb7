"""Refusals that pass although their status says that the request is wrong: tried again, or asked another way."""

import httpx
import pytest

from integration_center.errors import ConfigurationError, OrgError, TransientError
from integration_center.salesforce.client.faults import BUSY_CODES, CURES, CUT_SHORT_CODES, AnswerLost, CutShort
from integration_center_tests.salesforce.readable_org import ReadableOrg, emails
from integration_center_tests.salesforce.scripted import LEAD, build_org, build_session, play, refuse

GOOD = httpx.Response(200, json={"ok": 1})


@pytest.mark.parametrize("code", sorted(BUSY_CODES | CUT_SHORT_CODES))
@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_a_passing_refusal_of_a_read_is_tried_again(code: str, status: int) -> None:
    with build_session(play(refuse(status, code, "in the user's language"), GOOD)) as session:
        assert session.get_json("sobjects/Lead/describe") == {"ok": 1}
        assert session.usage.waits == 1


@pytest.mark.parametrize("code", sorted(CURES))
def test_a_passing_refusal_that_stays_names_its_code_and_the_cure(code: str) -> None:
    with (
        build_session(lambda request: refuse(400, code, "jane@acme.test")) as session,
        pytest.raises(TransientError) as caught,
    ):
        session.get_json("sobjects/Lead/describe")
    assert code in str(caught.value)
    assert CURES[code] in str(caught.value)
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("code", sorted(CUT_SHORT_CODES))
def test_a_write_that_was_broken_off_is_not_repeated_unseen(code: str) -> None:
    with build_session(play(refuse(400, code))) as session:
        with pytest.raises(AnswerLost):
            session.request("PATCH", "composite/sobjects", json={}, idempotent=False)
        assert session.usage.calls == 1


class SlowOrg(ReadableOrg):
    """An org whose REST queries take too long: those that count, those that read, or both."""

    def __init__(self, rows: int, *slow: str) -> None:
        super().__init__(rows)
        self.slow = slow

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/services/data/v66.0/")
        kind = "count" if request.url.params.get("q", "").startswith("SELECT COUNT()") else path.partition("/")[0]
        if kind in self.slow:
            self.calls.append(kind)
            return refuse(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
        return super().__call__(request)


@pytest.mark.parametrize("slow", [("count",), ("query",), ("count", "query")])
@pytest.mark.parametrize("code_of_bulk", [False, True])
def test_what_rest_takes_too_long_for_is_read_in_another_way(slow: tuple[str, ...], code_of_bulk: bool) -> None:
    org = SlowOrg(6, *slow)
    org.refuse_bulk = code_of_bulk
    read = build_org(org).read_records
    if not code_of_bulk or "query" not in slow:
        assert read(LEAD, ["Email"]).height == 6
        assert "POST jobs/query" in org.calls
        assert org.calls.count("count") <= 3
        return
    with pytest.raises((CutShort, OrgError)):  # no way is left, and no error of ours hides that
        read(LEAD, ["Email"])


def test_a_list_of_keys_that_takes_too_long_gives_way_to_bulk() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/composite"):
            part = {"httpStatusCode": 400, "referenceId": "query0", "body": [{"errorCode": "QUERY_TIMEOUT"}]}
            return httpx.Response(200, json={"compositeResponse": [part]})
        return slow(request)

    slow = SlowOrg(6, "count", "query")
    assert build_org(answer).read_records(LEAD, ["Email"], key=("Email", emails(2))).height == 6


def test_a_condition_that_is_not_counted_in_time_is_a_condition_that_was_understood() -> None:
    org = build_org(SlowOrg(6, "count"))
    assert org.prove_condition(LEAD, "Company != null") is None
    with pytest.raises(ConfigurationError, match="MALFORMED_QUERY"):
        build_org(lambda request: refuse(400, "MALFORMED_QUERY")).prove_condition(LEAD, "Company != null")
