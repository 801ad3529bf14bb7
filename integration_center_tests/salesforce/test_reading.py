import logging
from collections.abc import Sequence
from urllib.parse import unquote
from weakref import ReferenceType, ref

import httpx
import polars as pl
import pytest

from integration_center.errors import LimitExceeded, OrgError, RateLimited, SchemaMismatch, ServiceUnavailable
from integration_center.salesforce.client.soql import build_key_queries, build_literal, quote
from integration_center.salesforce.org import Limit
from integration_center.salesforce.read import bulk
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center_tests.salesforce.readable_org import ReadableOrg, build_record, emails
from integration_center_tests.salesforce.scripted import LEAD, NO_WAIT, build_org, play, refuse


def test_every_way_gives_the_same_frame() -> None:
    frames = []
    for handler, keys in [
        (ReadableOrg(50), emails(50)),
        (ReadableOrg(50, page=20), None),
        (ReadableOrg(50, bulk_page=20), None),
    ]:
        org = build_org(handler)
        expected = 1_000_000 if handler.bulk_page == 20 else None
        key = ("Email", keys) if keys else None
        frames.append((handler.calls[-1:], org.read_records(LEAD, ["email"], key=key, expected_rows=expected), handler))
    by_keys, by_rest, by_bulk = (frame for _, frame, _ in frames)
    assert frames[0][2].calls == ["POST composite"]
    assert frames[1][2].calls[1:] == ["GET query", *[f"GET query/0r8000000000001AAA-{n}" for n in (20, 40)]]
    assert frames[2][2].calls[0] == "POST jobs/query"
    assert by_keys.equals(by_rest)
    assert by_rest.equals(by_bulk)
    assert by_bulk.schema == {
        "Id": pl.String(),
        "SystemModstamp": pl.Datetime("ms", "UTC"),
        "IsConverted": pl.Boolean(),
        "Email": pl.String(),
    }
    assert by_bulk.height == 50


def test_an_object_of_110000_records_is_read_in_few_calls() -> None:
    handler = ReadableOrg(110_000)
    frame = build_org(handler).read_records(LEAD, ["Email"], key=("Email", emails(100_000)))
    assert frame.height == 110_000
    assert frame["Id"].n_unique() == 110_000
    assert len(handler.calls) <= 8, handler.calls


def test_keys_stay_out_of_urls_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    urls: list[str] = []
    inner = ReadableOrg(10)

    def handle(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return inner(request)

    with caplog.at_level(logging.DEBUG):
        build_org(handle).read_records(LEAD, ["Email"], key=("Email", emails(5)))
    assert "acme.test" not in caplog.text + unquote("".join(urls))


def test_a_bulk_page_that_came_short_is_fetched_again() -> None:
    handler = ReadableOrg(30)
    handler.short_pages = 1
    assert build_org(handler).read_records(LEAD, ["Email"], expected_rows=1_000_000).height == 30
    handler = ReadableOrg(30)
    handler.short_pages = 99
    with pytest.raises(ServiceUnavailable, match="incomplete"):
        build_org(handler).read_records(LEAD, ["Email"], expected_rows=1_000_000)


def test_a_bulk_query_that_loses_rows_is_read_again_and_then_refused() -> None:
    handler = ReadableOrg(30)

    def overcount(request: httpx.Request) -> httpx.Response:
        answer = handler(request)
        if request.method == "GET" and not request.url.path.endswith("results"):
            return httpx.Response(200, json=answer.json() | {"numberRecordsProcessed": 31})
        return answer

    with pytest.raises(ServiceUnavailable, match="counted 31 rows, but returned 30"):
        build_org(overcount).read_records(LEAD, ["Email"], expected_rows=1_000_000)
    assert handler.calls.count("POST jobs/query") == 2


def test_a_page_of_a_bulk_query_is_let_go_before_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[ReferenceType[pl.DataFrame]] = []
    alive: list[int] = []

    def parse(path: str, columns: Sequence[str]) -> pl.DataFrame | None:
        alive.append(sum(page() is not None for page in pages))
        found = parse_page(path, columns)
        assert found is not None
        pages.append(ref(found))
        return found

    parse_page = bulk._parse_page
    monkeypatch.setattr(bulk, "_parse_page", parse)
    read = build_org(ReadableOrg(50, bulk_page=20)).read_records(LEAD, ["Email"], expected_rows=1_000_000)
    assert (read.height, alive) == (50, [0, 0, 0])


def test_an_object_that_bulk_does_not_support_is_read_by_rest() -> None:
    handler = ReadableOrg(30)
    handler.refuse_bulk = True
    assert build_org(handler).read_records(LEAD, ["Email"], expected_rows=1_000_000).height == 30
    assert handler.calls == ["POST jobs/query", "GET query"]


LONG = SObjectSchema(
    "Lead",
    "Lead",
    queryable=True,
    updateable=True,
    fields=(
        *LEAD.fields,
        *(SObjectField(f"A_Field_With_A_Long_Name_{number}__c", "x", "string") for number in range(500)),
    ),
)
"""A schema whose select is too long for a URL."""


def end_as(state: str, message: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"id": "750x", "state": state, "errorMessage": message})


@pytest.mark.parametrize(
    "answer",
    [
        refuse(404, "NOT_FOUND"),
        refuse(405, "METHOD_NOT_ALLOWED"),
        httpx.Response(405),
        refuse(400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"),
        end_as("Failed", "InternalServerError : jane@acme.test"),
        end_as("Aborted"),
    ],
    ids=["404", "405", "bare 405", "quota", "failed", "aborted"],
)
def test_what_bulk_cannot_do_now_is_read_by_rest(answer: httpx.Response) -> None:
    handler = ReadableOrg(30)

    def handle(request: httpx.Request) -> httpx.Response:
        return answer if "jobs/query" in request.url.path else handler(request)

    assert build_org(handle).read_records(LEAD, ["Email"], expected_rows=1_000_000).height == 30
    assert handler.calls == ["GET query"]


def test_the_daily_limit_of_calls_is_not_met_with_more_calls() -> None:
    limit = refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    with pytest.raises(LimitExceeded):
        build_org(play(limit)).read_records(LEAD, ["Email"], expected_rows=1_000_000)


@pytest.mark.parametrize("status", [400, 404, 405])
@pytest.mark.parametrize("inside", [False, True], ids=["the call", "a query in it"])
def test_where_a_list_of_keys_is_refused_the_whole_object_is_read(status: int, inside: bool) -> None:
    handler = ReadableOrg(30)
    refusal = refuse(status, "NOT_NOW")

    def handle(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/composite"):
            return handler(request)
        if not inside:
            return refusal
        result = {"httpStatusCode": status, "referenceId": "query0", "body": refusal.json()}
        return httpx.Response(200, json={"compositeResponse": [result]})

    assert build_org(handle).read_records(LEAD, ["Email"], key=("Email", emails(5))).height == 30
    assert handler.calls == ["GET query", "GET query"], "a count, and the rows"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_query_inside_a_composite_is_asked_again(status: int) -> None:
    handler = ReadableOrg(30)
    busy = iter([True, True])

    def handle(request: httpx.Request) -> httpx.Response:
        answer = handler(request)
        if not next(busy, False):
            return answer
        result = {"httpStatusCode": status, "referenceId": "query0", "body": [{"errorCode": "SERVER_UNAVAILABLE"}]}
        return httpx.Response(200, json={"compositeResponse": [result]})

    assert build_org(handle).read_records(LEAD, ["Email"], key=("Email", emails(5))).height == 5
    assert handler.calls == ["POST composite"] * 3


def test_a_query_inside_a_composite_that_stays_busy_is_transient() -> None:
    result = {"httpStatusCode": 503, "referenceId": "query0", "body": [{"errorCode": "SERVER_UNAVAILABLE"}]}
    calls: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(200, json={"compositeResponse": [result]})

    with pytest.raises(RateLimited):
        build_org(handle).read_records(LEAD, ["Email"], key=("Email", emails(5)))
    assert len(calls) == NO_WAIT.attempts


def test_nothing_is_counted_when_the_keys_fit_one_call() -> None:
    handler = ReadableOrg(2_000)
    frame = build_org(handler).read_records(LEAD, ["Email"], key=("Email", emails(2_000)))
    assert handler.calls == ["POST composite"]
    assert frame.height == 2_000


def test_allocations_that_are_no_pair_are_left_out() -> None:
    answer = {"DailyApiRequests": {"Max": 15_000, "Remaining": 14_000}, "Odd": 5, "Empty": {}, "None": None}
    limits = build_org(lambda request: httpx.Response(200, json=answer)).limits()
    assert limits == {"DailyApiRequests": Limit(15_000, 14_000)}


def test_pages_that_lose_rows_are_noticed() -> None:
    body = {"totalSize": 3, "done": True, "records": [build_record(1)]}
    with pytest.raises(ServiceUnavailable, match="promised 3 rows, but returned 1"):
        list(build_org(lambda request: httpx.Response(200, json=body)).query("SELECT Id FROM Lead"))


def test_a_query_whose_cursor_was_closed_is_read_again_from_the_start() -> None:
    handler = ReadableOrg(30, page=20)
    closed = iter([True])

    def handle(request: httpx.Request) -> httpx.Response:
        if "query/" in request.url.path and next(closed, False):
            body = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
            return httpx.Response(400, json=body)
        return handler(request)

    assert build_org(handle).read_records(LEAD, ["Email"], expected_rows=30).height == 30
    assert len(handler.calls) == 3


def test_a_condition_is_kept_and_an_empty_object_has_the_columns() -> None:
    handler = ReadableOrg(0)
    frame = build_org(handler).read_records(LEAD, ["Email", "Logins__c"], where="IsConverted = false")
    assert handler.soql == "SELECT Id,SystemModstamp,IsConverted,Email,Logins__c FROM Lead WHERE (IsConverted = false)"
    assert frame.is_empty()
    assert frame.schema["Logins__c"] == pl.Float64()


def test_keys_that_no_record_can_hold_cost_no_call() -> None:
    handler = ReadableOrg(5)
    assert build_org(handler).read_records(LEAD, ["Email"], key=("Email", ["", "  "])).is_empty()
    assert handler.calls == []


@pytest.mark.parametrize("name", ["Nope__c", "Id FROM User"])
def test_a_field_that_is_not_there_is_refused_before_any_call(name: str) -> None:
    handler = ReadableOrg(5)
    with pytest.raises(SchemaMismatch, match="has no field"):
        build_org(handler).read_records(LEAD, [name])
    assert handler.calls == []


def test_a_refused_query_inside_a_composite_is_an_error() -> None:
    result = {
        "httpStatusCode": 400,
        "referenceId": "query0",
        "body": [{"errorCode": "INVALID_FIELD", "message": "No such column 'Email' on entity 'Lead'. If"}],
    }
    org = build_org(lambda request: httpx.Response(200, json={"compositeResponse": [result]}))
    with pytest.raises(SchemaMismatch, match="Lead has no field Email"):
        org.read_records(LEAD, ["Email"], key=("Email", ["a@b.c"]))


def test_a_failed_bulk_query_is_an_error_without_its_message() -> None:
    def fail(message: str) -> OrgError:
        org = build_org(lambda request: end_as("Failed", message))
        with pytest.raises(OrgError, match="ended as Failed") as caught:
            org.read_records(LONG, [field.name for field in LONG.fields], expected_rows=5)
        return caught.value

    refused = fail("InvalidBatch : jane@acme.test")
    assert "InvalidBatch" in str(refused)
    for error in (refused, fail("jane@acme.test"), fail("jane doe: x")):
        assert "jane" not in f"{error}{error.code}"


def test_a_compound_field_is_refused_before_any_call() -> None:
    address = SObjectField("Address", "Address", "address")
    schema = SObjectSchema("Lead", "Lead", queryable=True, updateable=True, fields=(*LEAD.fields, address))
    handler = ReadableOrg(5)
    with pytest.raises(SchemaMismatch, match="single fields"):
        build_org(handler).read_records(schema, ["Address"])
    assert handler.calls == []


def test_a_select_that_is_too_long_for_a_url_goes_by_bulk() -> None:
    handler = ReadableOrg(5)
    with pytest.raises(ServiceUnavailable):  # the scripted org does not hold these columns
        build_org(handler).read_records(LONG, [field.name for field in LONG.fields], expected_rows=5)
    assert handler.calls[0] == "POST jobs/query"


def test_a_list_of_keys_is_refused_where_it_could_miss_a_record() -> None:
    columns = ["Id", "Email"]
    assert build_key_queries(LEAD, columns, ("Company", ["Acme"]), None) is None, "no index"
    assert build_key_queries(LEAD, columns, ("Email", ["jürgen@acme.test"]), None) is None, "case outside ASCII"
    assert build_key_queries(LEAD, columns, ("Nope", ["x"]), None) is None


def test_keys_are_asked_once_whatever_their_case_and_blanks() -> None:
    queries = build_key_queries(
        LEAD, ["Id"], ("email", [" Jane@Acme.test", "jane@acme.test", "o'hara@acme.test"]), "A = 1"
    )
    assert queries == ("SELECT Id FROM Lead WHERE (A = 1) AND (Email IN ('jane@acme.test','o\\'hara@acme.test'))",)


def test_keys_of_a_case_sensitive_field_keep_their_case() -> None:
    field = SObjectField("Ext__c", "Ext", "string", length=20, external_id=True, case_sensitive=True)
    schema = SObjectSchema("A__c", "A", queryable=True, updateable=True, fields=(field,))
    assert build_key_queries(schema, ["Id"], ("Ext__c", ["a", "A"]), None) == (
        "SELECT Id FROM A__c WHERE Ext__c IN ('a','A')",
    )


def test_literals_have_the_form_of_their_fields() -> None:
    number = SObjectField("N__c", "N", "double")
    assert build_literal(number, "1e3") == "1000"
    assert build_literal(number, "0012.50") == "12.50"
    assert build_literal(number, "twelve") is None
    assert build_literal(number, "1e400") is None
    assert build_literal(SObjectField("N__c", "N", "int"), "7.0") == "7"
    assert build_literal(SObjectField("N__c", "N", "int"), "7.5") is None
    assert build_literal(SObjectField("Id", "Id", "id"), "x') OR (Id != '") is None
    assert build_literal(SObjectField("T", "T", "string"), "x" * 4001) is None
    assert quote('O\'Hara \\ "x"\n') == "'O\\'Hara \\\\ \\\"x\\\"\\n'"
