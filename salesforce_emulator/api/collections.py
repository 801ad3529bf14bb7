"""sObject Collections: up to 200 records in one call."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from salesforce_emulator.api.call import Answer, Call
from salesforce_emulator.org.saving import Operation, roll_back, save_rows
from salesforce_emulator.refusals import Refusal, RowError, RowResult
from salesforce_emulator.schema.identifiers import normalize_id
from salesforce_emulator.schema.schema import SObject

MAX_RECORDS, MAX_CHUNKS = 200, 10
_NO_ATTRIBUTES = RowError(
    "JSON_PARSER_ERROR",
    "Nested object for polymorphic foreign key must have an attributes field before any other fields.",
)


class _RolledBack(Exception):
    def __init__(self, results: list[RowResult]) -> None:
        super().__init__()
        self.results = results


def create_records(call: Call) -> Answer:
    """`POST /composite/sobjects`."""
    return _save(call, "insert")


def update_records(call: Call) -> Answer:
    """`PATCH /composite/sobjects`."""
    return _save(call, "update")


def upsert_records(call: Call) -> Answer:
    """`PATCH /composite/sobjects/X/Field`."""
    sobject = call.writable_sobject()
    name = str(call.params["field"])
    target = call.org.schema.find_field(sobject, name)
    if target is None or not (target.external_id or target.id_lookup):
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise Refusal(404, "NOT_FOUND", message)
    return _save(call, "upsert", key_field=target.name)


def delete_records(call: Call) -> Answer:
    """`DELETE /composite/sobjects?ids=&allOrNone=`."""
    ids = [item for item in call.query.get("ids", "").split(",") if item]
    _check_size(ids)
    typed = [({"Id": item}, call.org.schema.by_prefix((normalize_id(item) or item)[:3])) for item in ids]
    all_or_none = call.query.get("allOrNone", "false").lower() == "true"
    return _answer(_save_typed(call, "delete", typed, all_or_none, None), with_created=False)


def _check_size(records: Sequence[object]) -> None:
    if not records:
        raise Refusal(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if len(records) > MAX_RECORDS:
        message = f"record limit reached. cannot submit more than {MAX_RECORDS} records into this call"
        raise Refusal(400, "EXCEEDED_ID_LIMIT", message)


def _save(call: Call, operation: Operation, key_field: str | None = None) -> Answer:
    body = call.json_object()
    records = body.get("records")
    if not isinstance(records, list):
        raise Refusal(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    _check_size(records)
    typed: list[tuple[dict[str, Any], SObject | None]] = []
    for record in records:
        attributes = record.get("attributes") if isinstance(record, dict) else None
        if not isinstance(attributes, dict) or not attributes.get("type"):
            # One record without a type makes the whole list unreadable, yet the status is 200.
            return _answer([RowResult(errors=[_NO_ATTRIBUTES]) for _ in records], with_created=False)
        values = {name: value for name, value in record.items() if name != "attributes"}
        typed.append((values, call.org.schema.find(str(attributes["type"]))))
    results = _save_typed(call, operation, typed, bool(body.get("allOrNone", False)), key_field)
    return _answer(results, with_created=operation == "upsert")


def _save_typed(
    call: Call,
    operation: Operation,
    typed: Sequence[tuple[dict[str, Any], SObject | None]],
    all_or_none: bool,
    key_field: str | None,
) -> list[RowResult]:
    """Save runs of records of one type, in the order given."""
    chunks = [(key, list(group)) for key, group in groupby(typed, key=lambda pair: pair[1] and pair[1].name)]
    if len(chunks) > MAX_CHUNKS:
        message = "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking."
        raise Refusal(400, "INVALID_FIELD", message)
    results: list[RowResult] = []
    try:
        with call.org.store.writing():
            for _, group in chunks:
                sobject = group[0][1]
                if sobject is None or not sobject.writable:
                    error = RowError("INVALID_TYPE", "sObject type is not supported")
                    results.extend(RowResult(errors=[error]) for _ in group)
                    continue
                rows = [values for values, _ in group]
                results.extend(
                    save_rows(
                        call.org, sobject, operation, rows, key_field=key_field, allow_duplicates=call.allows_duplicates
                    )
                )
            if all_or_none and any(item.errors for item in results):
                raise _RolledBack(results)
    except _RolledBack as rolled_back:
        return roll_back(rolled_back.results)
    return results


def _answer(results: Sequence[RowResult], *, with_created: bool) -> Answer:
    rows = []
    for result in results:
        row: dict[str, Any] = {"success": result.success, "errors": [item.as_row() for item in result.errors]}
        if result.success:
            row = {"id": result.id, **row}
            if with_created:
                row["created"] = result.created
        rows.append(row)
    return Answer(data=rows)
