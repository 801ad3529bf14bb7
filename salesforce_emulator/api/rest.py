"""Versions, limits, queries and single records."""

import re
from typing import Any

from salesforce_emulator.api.call import Answer, Call
from salesforce_emulator.api.setup_queries import check_one_row, check_setup_query
from salesforce_emulator.bulk.ingest import IngestJobs
from salesforce_emulator.bulk.query import QueryJobs
from salesforce_emulator.org.cursors import Cursors
from salesforce_emulator.org.org import Org
from salesforce_emulator.org.row_checks import DELETED, NO_ACCESS, UNKNOWN_ID
from salesforce_emulator.org.saving import save_rows
from salesforce_emulator.org.uniqueness import UniqueValues
from salesforce_emulator.refusals import Refusal, RowResult, not_found
from salesforce_emulator.schema.identifiers import normalize_id
from salesforce_emulator.soql.queries import RecordSet, count, fetch_aggregates, fetch_records, prepare
from salesforce_emulator.soql.sql import Query

OLDEST_VERSION, NEWEST_VERSION = 31, 68
_SEASONS = ("Winter", "Spring", "Summer")
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)
DEFAULT_PAGE, SMALLEST_PAGE = 2_000, 200


def versions(call: Call) -> Answer:
    """`GET /services/data`: the API versions, oldest first; needs no session."""
    rows = []
    for number in range(OLDEST_VERSION, NEWEST_VERSION + 1):
        # v31.0 was Summer '14; three releases a year, Winter named after the year to come.
        year, season = divmod(number - 29, 3)
        label = f"{_SEASONS[season]} '{year + 14:02d}"
        rows.append({"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return Answer(data=rows)


def resources(call: Call) -> Answer:
    """`GET /services/data/vXX.X`: the resources below."""
    names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs")
    return Answer(data={name: f"{call.base}/{name}" for name in names})


def limits(call: Call) -> Answer:
    """`GET /limits`: allowances and what is left of them."""
    org = call.org
    used = org.allowance.used(org.clock.now())
    jobs = len(org.part(QueryJobs))
    maximum = org.allowance.maximum
    rows: dict[str, Any] = {
        "DailyApiRequests": {"Max": maximum, "Remaining": max(0, maximum - used)},
        "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000 - org.part(IngestJobs).batches},
        "DailyBulkV2QueryFileStorageMB": {"Max": 976_562, "Remaining": 976_562},
        "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000 - jobs},
        "DataStorageMB": {"Max": 10_240, "Remaining": 9_216},
        "FileStorageMB": {"Max": 10_240, "Remaining": 10_240},
        "HourlyAsyncReportRuns": {"Max": 1_200, "Remaining": 1_200},
        "PermissionSets": {"Max": 1_500, "Remaining": 1_498, "CreateCustom": {"Max": 1_000, "Remaining": 998}},
        "SingleEmail": {"Max": 5_000, "Remaining": 5_000},
    }
    return Answer(data=rows)


def query(call: Call) -> Answer:
    """`GET /query?q=`: living records."""
    return _query(call, with_deleted=False)


def query_tooling(call: Call) -> Answer:
    """`GET /tooling/query?q=`: the org's list of its objects and fields, and what runs when records are saved."""
    return _query(call, with_deleted=False, tooling=True)


def query_all(call: Call) -> Answer:
    """`GET /queryAll?q=`: records in the recycle bin too."""
    return _query(call, with_deleted=True)


def _query(call: Call, *, with_deleted: bool, tooling: bool = False) -> Answer:
    statement = call.query.get("q")
    if not statement:
        raise Refusal(400, "MALFORMED_QUERY", "unexpected token: <EOF>")
    org = call.org
    prepared = prepare(org, statement, with_deleted=with_deleted)
    check_setup_query(prepared, tooling=tooling)
    if prepared.statement.counts:
        return Answer(data={"totalSize": count(org, prepared), "done": True, "records": []})
    if prepared.aggregate_sql:
        return Answer(data={"totalSize": 1, "done": True, "records": [fetch_aggregates(org, prepared)]})
    records = fetch_records(org, prepared, call.base)
    check_one_row(prepared, len(records))
    size = _page_size(call, prepared)
    if len(records) <= size:
        return Answer(data={"totalSize": len(records), "done": True, "records": records.page(0, size)})
    locator = org.part(build_cursors).open(records, org.profile.instance)
    return _page(call, locator, records, 0, size)


def build_cursors(org: Org) -> Cursors[RecordSet]:
    """Return the place where an org keeps its open query results."""
    return Cursors()


def _page_size(call: Call, prepared: Query) -> int:
    """Return the records of a page: as asked within bounds, fewer with long texts."""
    asked = _BATCH_SIZE.search(call.headers.get("sforce-query-options", ""))
    size = min(max(int(asked.group(1)), SMALLEST_PAGE), DEFAULT_PAGE) if asked else DEFAULT_PAGE
    long_texts = [column.field for column in prepared.columns if column.field.is_long_text]
    if sum(item.custom for item in long_texts) >= 2:
        return SMALLEST_PAGE
    return min(size, 1_000) if long_texts else size


def _page(call: Call, locator: str, records: RecordSet, start: int, size: int) -> Answer:
    end = start + size
    page: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records)}
    if end < len(records):
        page["nextRecordsUrl"] = f"{call.base}/query/{locator}-{end}"
        if size != DEFAULT_PAGE:
            # The locator is opaque; ours remembers an unusual page size.
            page["nextRecordsUrl"] += f"-{size}"
    page["records"] = records.page(start, end)
    return Answer(data=page)


def query_more(call: Call) -> Answer:
    """`GET {nextRecordsUrl}`: the next page."""
    locator, *numbers = str(call.params["locator"]).split("-")
    records = call.org.part(build_cursors).find(locator)
    if records is None or not numbers or not all(item.isdigit() for item in numbers):
        raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    size = int(numbers[1]) if len(numbers) > 1 else DEFAULT_PAGE
    return _page(call, locator, records, int(numbers[0]), size)


def _record_id(call: Call) -> str:
    text = str(call.params["id"])
    found = normalize_id(text)
    if found is None:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {text}")
    return found


def read_record(call: Call) -> Answer:
    """`GET /sobjects/X/Id[?fields=]`: one record."""
    sobject, org = call.sobject(), call.org
    record_id = _record_id(call)
    names = call.query.get("fields")
    fields = names.split(",") if names else [item.name for item in org.schema.visible_fields(sobject)]
    statement = f"SELECT {', '.join(fields)} FROM {sobject.name} WHERE Id = '{record_id}'"  # noqa: S608
    found = fetch_records(org, prepare(org, statement, with_deleted=True), call.base).page(0, 1)
    if not found:
        raise not_found()
    if org.store.value(f'SELECT IsDeleted FROM "{sobject.name}" WHERE Id = ?', (record_id,)):  # noqa: S608
        raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted", [])
    return Answer(data=found[0])


def _refuse_row(result: RowResult) -> None:
    """Raise the first error of a row, in the way of a call about this one row."""
    if not result.errors:
        return
    error = result.errors[0]
    if error == UNKNOWN_ID:
        raise not_found()
    raise error.as_refusal({DELETED: 404, NO_ACCESS: 403}.get(error, 400))


def create_record(call: Call) -> Answer:
    """`POST /sobjects/X`: a new record."""
    sobject = call.writable_sobject()
    result = save_rows(call.org, sobject, "insert", [_values(call)], allow_duplicates=call.allows_duplicates)[0]
    _refuse_row(result)
    location = f"{call.base}/sobjects/{sobject.name}/{result.id}"
    return Answer(201, {"id": result.id, "success": True, "errors": []}, headers={"location": location})


def update_record(call: Call) -> Answer:
    """`PATCH /sobjects/X/Id`: change one record."""
    sobject = call.writable_sobject()
    values = _values(call)
    if any(name.lower() == "id" for name in values):
        raise Refusal(400, "INVALID_FIELD", "The Id field should not be specified in the sobject data.", [])
    result = save_rows(
        call.org, sobject, "update", [{"Id": _record_id(call), **values}], allow_duplicates=call.allows_duplicates
    )[0]
    _refuse_row(result)
    return Answer(204)


def upsert_record(call: Call) -> Answer:
    """`PATCH /sobjects/X/Field/value`: change the record that a field finds, or make one."""
    sobject = call.writable_sobject()
    name, value = str(call.params["field"]), str(call.params["value"])
    target = call.org.schema.find_field(sobject, name)
    if target is None or not (target.external_id or target.id_lookup):
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise Refusal(404, "NOT_FOUND", message)
    lookup = UniqueValues(call.org, sobject, name)
    owners = lookup.owners([value]).get(lookup.fold(value), [])
    if len(owners) > 1:
        return Answer(300, [f"{call.base}/sobjects/{sobject.name}/{owner}" for owner in owners])
    if not owners and call.query.get("updateOnly", "").lower() == "true":
        raise not_found()
    row = {**_values(call), **({"Id": owners[0]} if owners else {target.name: value})}
    result = save_rows(
        call.org, sobject, "update" if owners else "insert", [row], allow_duplicates=call.allows_duplicates
    )[0]
    _refuse_row(result)
    data: dict[str, Any] = {"id": result.id, "success": True, "errors": [], "created": result.created}
    return Answer(201 if result.created else 200, data)


def delete_record(call: Call) -> Answer:
    """`DELETE /sobjects/X/Id`: into the recycle bin."""
    sobject = call.writable_sobject()
    result = save_rows(call.org, sobject, "delete", [{"Id": _record_id(call)}])[0]
    _refuse_row(result)
    return Answer(204)


def _values(call: Call) -> dict[str, Any]:
    return {name: value for name, value in call.json_object().items() if name != "attributes"}
