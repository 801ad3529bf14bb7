"""Awkward rows, sent by Collections and by Bulk: the ledger says the same of each, and the org holds the same."""

import threading
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from integration_center.integration.spec import IntegrationSpec
from integration_center_tests.conftest import restore
from integration_center_tests.faults.cases import Case
from integration_center_tests.faults.rehearsal import Rehearsal, check_books
from integration_center_tests.pipeline.center import EXAMPLE
from salesforce_emulator.clock import stamp
from salesforce_emulator.org.record_events import convert_leads
from salesforce_emulator.refusals import RowError

FIELDS = {
    "Text": "Description",
    "Title": "Title",
    "Feature": "WalkMe_Top_Feature__c",
    "Comment": "WalkMe_NPS_Comment__c",
}
PLAIN: Mapping[str, str | None] = {"Text": "plain", "Title": "Ms", "Feature": "API", "Comment": "fine"}
ROWS: Mapping[str, Mapping[str, str | None]] = {
    "quotes": {"Text": "said \"so\", 'twice'"},
    "line breaks": {"Text": "one\r\ntwo\nthree\rfour"},
    "formula": {"Text": "=1+1", "Comment": "@SUM(A1)"},
    "emoji": {"Title": "😀 é e\u0301"},
    "null mark": {"Comment": "#N/A"},
    "cleared": {"Text": None, "Title": None, "Feature": None, "Comment": None},
    "too long": {"Title": "x" * 129},
    "not on the list": {"Feature": "Nowhere"},
    "locked": {},
    "refused by a rule": {},
    "refused by fields": {},
    "deleted meanwhile": {},
    "converted meanwhile": {},
    "converted": {},
}
"""What differs from `PLAIN`, by what is awkward about the row."""
ENDED = {
    "null mark": ("rejected", "NOT_STORABLE"),
    "too long": ("rejected", "TOO_LONG"),
    "not on the list": ("rejected", "NOT_IN_PICKLIST"),
    "locked": ("failed", "UNABLE_TO_LOCK_ROW"),
    "refused by a rule": ("failed", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
    "refused by fields": ("failed", "STRING_TOO_LONG"),
    "deleted meanwhile": ("failed", "ENTITY_IS_DELETED"),
    "converted meanwhile": ("failed", "CANNOT_UPDATE_CONVERTED_LEAD"),
    "converted": ("ineligible", None),
}
"""Outcome and code of the rows that are not written."""
RULE = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", 'Ask "Sam",\nthen =go', ("Title",))
TWO = RowError("STRING_TOO_LONG", "data value too large", ("Title", "Description"))
SENT = {"collections": ("PATCH", "*/composite/sobjects"), "bulk": ("PUT", "*/batches")}
WAITED = 60


@pytest.fixture
def spec() -> IntegrationSpec:
    fields = [{"column": column, "field": field} for column, field in FIELDS.items()]
    return IntegrationSpec.model_validate(
        {**EXAMPLE, "fields": fields, "when_null": "clear", "limits": {"max_failed": 100, "max_cleared": 100}}
    )


def sync(case: Case, spec: IntegrationSpec, channel: str) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """One sync of the rows; its ledger, and the org's records of them. The org is then as it was before."""
    org = case.emulator.sandbox
    before = org.store.records("Lead")
    ids = dict(zip(ROWS, (record_id for record_id, _ in case.leads), strict=True))
    emails = dict(case.leads)
    org.faults.fail_rows([ids["refused by a rule"]], RULE)
    org.faults.fail_rows([ids["refused by fields"]], TWO)
    org.faults.lock_rows([ids["locked"]], times=None)
    convert_leads(org.org, [ids["converted"]])
    with org.store.writing() as connection:  # so that there is something to clear
        columns = ", ".join(f'"{field}" = ?' for field in FIELDS.values())
        connection.execute(f'UPDATE "Lead" SET {columns} WHERE Id = ?', [*PLAIN.values(), ids["cleared"]])
    rows = pl.DataFrame([{"User ID": emails[ids[name]], **PLAIN, **awkward} for name, awkward in ROWS.items()])
    method, path = SENT[channel]
    held = org.faults.hold(path, method=method)

    def interfere() -> None:
        if held.reached.wait(WAITED):
            convert_leads(org.org, [ids["converted meanwhile"]])
            delete_records(case, ids["deleted meanwhile"])
        held.release()

    somebody = threading.Thread(target=interfere)
    somebody.start()
    try:
        ran = Rehearsal(case.rehearsal.installation, "awkward", spec).sync(rows)
        assert held.reached.is_set(), f"nothing was sent by {channel}"
        assert ran.error is None
        assert ran.lines is not None
        check_books(ran, len(ROWS))
        records = {record["Id"]: record for record in org.store.records("Lead")}
        names = (*FIELDS.values(), "IsDeleted", "IsConverted")
        return ran.lines, [{name: records[record_id][name] for name in names} for record_id in ids.values()]
    finally:
        held.reached.set()
        somebody.join(WAITED)
        restore(org, before)


def delete_records(case: Case, *ids: str) -> None:
    """Put Leads into the recycle bin."""
    org = case.emulator.sandbox
    now = stamp(org.clock.now())
    with org.store.writing() as connection:
        connection.executemany(
            'UPDATE "Lead" SET IsDeleted = 1, SystemModstamp = ? WHERE Id = ?', [(now, record_id) for record_id in ids]
        )


def test_awkward_rows_end_the_same_by_either_channel(
    case: Case, spec: IntegrationSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.resending.RESEND_PAUSE", 0.0)
    by_collections, held_then = sync(case, spec, "collections")
    monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", 0)
    by_bulk, held_now = sync(case, spec, "bulk")

    compared = ["row", "key", "record_id", "outcome", "code", "error_fields"]
    assert by_bulk.select(compared).rows() == by_collections.select(compared).rows()
    assert held_now == held_then
    ended = dict(zip(ROWS, by_bulk.sort("row").select("outcome", "code").rows(), strict=True))
    assert ended == {name: ENDED.get(name, ("updated", None)) for name in ROWS}
    held = dict(zip(ROWS, held_now, strict=True))
    for name in ROWS.keys() - ENDED.keys() - {"line breaks"}:  # whose form the org may choose
        report = {**PLAIN, **ROWS[name]}
        assert {field: held[name][field] for field in FIELDS.values()} == {
            field: report[column] for column, field in FIELDS.items()
        }
    assert str(held["line breaks"]["Description"]).split() == ["one", "two", "three", "four"]
