"""Rows find their records by a key of any type, and find the same ones however the records are read."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest

from integration_center.planning.plan import list_keys
from integration_center.salesforce.org import Org
from integration_center.sync.lines import build_lines
from integration_center.sync.mapping.fitness import check_fitness, why_not_key
from integration_center.sync.schema import USABLE_TYPES
from integration_center_tests.sync.builders import make_spec
from salesforce_emulator.server import Emulator, OrgHandle

OBJECT = "WalkMe_Engagement__c"
BY_REST, BY_BULK = 1, 1_000_000
"""Expected rows that make the reader take the one way and the other, where it has no list of keys."""
HELD: Mapping[str, tuple[Any, Any, Any]] = {
    "Customer_Key__c": ('O\'Brien\\ 50%_"x"', "Müller-1", "plain\tkey"),
    "License_Code__c": ("AbC", "abc", "a_c"),
    "User_Email__c": ("ada@x.example", "o'b+c@x.example", "grace@x.example"),
    "Profile_Page__c": ("https://x.example/a?b=%41&c='d'", "https://x.example/B", None),
    "Hotline__c": ("+49 30 1234", "00493012345", None),
    "Channel__c": ("Call", "Letter", None),
    "Remark__c": ("caf\u00e9", "e\u0301te\u0301", "😀"),
    "Sessions__c": (7, 77, 0),
    "Clicks__c": (2**53 - 1, 5, 6),
    "Minutes__c": (912260031.0, 7.5, 0.1),
    "Contract_Value__c": (1.01, 1e15, -2.0),
    "Adoption__c": (62.5, 100.0, 0.0),
    "Since__c": ("2026-02-03", "1999-12-31", None),
    "Last_Seen__c": ("2026-02-03T04:05:06", "2026-02-03T04:05:07", None),
    "Usual_Start__c": ("09:30:00", "21:30:15", None),
    "Top_Feature__c": ("Exports", "API", "Classic Editor"),
    "Used_Features__c": ("Dashboards;API", "API", "Exports"),
    "Summary__c": ("Short text", "Other text", None),
}
"""What three records hold, as the org stores it."""
KEYS: tuple[tuple[str, list[Any], list[int | None]], ...] = (
    ("Customer_Key__c", [' o\'brien\\ 50%_"X" ', "MÜLLER-1", "plain\tkey", "O'Brien\\ 50%xx"], [0, 1, 2, None]),
    ("License_Code__c", ["abc", "AbC", "ABC", "aXc"], [1, 0, None, None]),
    ("User_Email__c", ["ADA@X.example", "o'b+c@x.example", "%@x.example"], [0, 1, None]),
    ("Profile_Page__c", ["https://x.example/a?b=%41&c='d'", "https://X.example/b"], [0, 1]),
    ("Hotline__c", ["0049 3012345", "+49 30 1234"], [None, 0]),
    ("Channel__c", ["call", "LETTER"], [0, 1]),
    ("Remark__c", ["CAFE\u0301", "\u00c9t\u00e9\u200b", "😀"], [0, 1, 2]),
    ("Sessions__c", ["7.0", "77", "-0", "7.5", "seven"], [0, 1, 2, None, None]),
    ("Sessions__c", [7, 77, 8], [0, 1, None]),
    ("Clicks__c", [str(2**53 - 1), "5.00", "9" * 30], [0, 1, None]),
    ("Minutes__c", ["9.12260031E8", "7.50", ".1", "1e400"], [0, 1, 2, None]),
    ("Minutes__c", [912260031.0, 7.5, 7.51], [0, 1, None]),
    ("Contract_Value__c", ["1.01", "1000000000000000", "-2"], [0, 1, 2]),
    ("Adoption__c", ["62.50", "0.0"], [0, 2]),
    ("Since__c", ["2026-02-03", "1999-12-31T23:00:00Z", "03.02.2026"], [0, 1, None]),
    ("Since__c", [date(2026, 2, 3)], [0]),
    ("Last_Seen__c", ["2026-02-03 05:05:06+01:00", "2026-02-03T04:05:07.9Z", "2026-02-03"], [0, 1, None]),
    ("Usual_Start__c", ["9:30", "21:30:15.000Z"], [0, 1]),
    ("Top_Feature__c", ["exports", "Api", "Classic Editor"], [0, 1, 2]),
    ("Used_Features__c", ["api; dashboards", "API", "API;Exports"], [0, 1, None]),
    ("Summary__c", ["short text", "text"], [0, None]),
)


@pytest.fixture(scope="module")
def ids(emulator: Emulator) -> list[str]:
    """Ids of three records that hold `HELD`, and of no other value of it in any other record."""
    store = emulator.sandbox.store
    ids = sorted(row["Id"] for row in store.records(OBJECT))[:3]
    assignments = ", ".join(f'"{field}" = ?' for field in HELD)
    with store.writing() as connection:
        connection.execute(f'UPDATE "{OBJECT}" SET ' + ", ".join(f'"{f}" = NULL' for f in HELD))
        for number, record_id in enumerate(ids):
            values = [held[number] for held in HELD.values()]
            connection.execute(f'UPDATE "{OBJECT}" SET {assignments} WHERE Id = ?', (*values, record_id))
    return ids


def match(org: Org, keys: Mapping[str, Any], *fields: str) -> Iterator[list[str | None]]:
    """The records that rows with these keys match, for each way of reading."""
    schema = org.describe(OBJECT)
    pairs = dict(zip(keys, fields, strict=True))
    spec = make_spec({"Note": "Remark__c" if "Remark__c" not in fields else "Segment__c"}, keys=pairs)
    rows = pl.DataFrame(keys).with_columns(Note=pl.lit("x"), _day=date(2026, 11, 22))
    assert check_fitness(spec, schema, dict(rows.drop("_day").schema)) == []
    names = [*fields, spec.fields[0].field]
    for key, expected_rows in ((list_keys(spec, rows, schema), BY_BULK), (None, BY_REST), (None, BY_BULK)):
        records = org.read_records(schema, names, key=key, expected_rows=expected_rows)
        lines = build_lines(rows, records, spec, schema)
        assert lines["row"].to_list() == list(range(rows.height))
        yield lines["record_id"].to_list()


@pytest.mark.sampled
@pytest.mark.sampled
@pytest.mark.parametrize(
    ("field", "given", "found"), KEYS, ids=[f"{key[0]}-{number}" for number, key in enumerate(KEYS)]
)
def test_rows_find_their_records(
    org: Org, ids: list[str], field: str, given: list[Any], found: list[int | None]
) -> None:
    expected = [None if place is None else ids[place] for place in found]
    for matched in match(org, {"Key": given}, field):
        assert matched == expected


def test_every_searchable_type_is_tried(org: Org) -> None:
    schema = org.describe(OBJECT)
    tried = {schema.require(field).type for field, _, _ in KEYS} | {"id", "reference", "boolean"}
    assert tried == {field.type for field in schema.fields if why_not_key(field) is None}
    assert tried == USABLE_TYPES - {"encryptedstring"}


def test_ids_of_any_writing_find_their_records(org: Org, handle: OrgHandle, ids: list[str]) -> None:
    contact = handle.store.records("Contact")[0]["Id"]
    with handle.store.writing() as connection:
        connection.execute(f'UPDATE "{OBJECT}" SET Contact__c = NULL')
        connection.execute(f'UPDATE "{OBJECT}" SET Contact__c = ? WHERE Id = ?', (contact, ids[1]))
    for matched in match(org, {"Key": [ids[0][:15], ids[1].lower(), ids[2].upper(), ids[2][:-1]]}, "Id"):
        assert matched == [*ids, None]
    for matched in match(org, {"Key": [contact[:15]]}, "Contact__c"):
        assert matched == [ids[1]]


def test_what_the_org_works_out_is_a_key_too(org: Org, handle: OrgHandle, ids: list[str]) -> None:
    """An auto-number and a formula: read, matched by, never written."""
    names = [handle.store.record(OBJECT, record_id)["Name"] for record_id in ids]  # type: ignore[index]
    for matched in match(org, {"Key": [name.lower() for name in names]}, "Name"):
        assert matched == ids
    for matched in match(org, {"Key": [str(912260031.0 / 7)]}, "Minutes_Per_Session__c"):
        assert matched == [ids[0]]


def test_several_pairs_must_all_match(org: Org, handle: OrgHandle, ids: list[str]) -> None:
    with handle.store.writing() as connection:
        connection.execute(f'UPDATE "{OBJECT}" SET Is_Champion__c = Id IN (?, ?)', (ids[0], ids[2]))
    keys = {
        "Mail": ["ADA@x.example", "ada@x.example", "grace@x.example", "ada@x.example", None],
        "Champion": ["yes", "no", "TRUE", "", "true"],
    }
    for matched in match(org, keys, "User_Email__c", "Is_Champion__c"):
        assert matched == [ids[0], None, ids[2], None, None]


def test_records_in_the_recycle_bin_are_never_matched(org: Org, handle: OrgHandle, ids: list[str]) -> None:
    with handle.store.writing() as connection:
        connection.execute(f'UPDATE "{OBJECT}" SET IsDeleted = 1 WHERE Id = ?', (ids[0],))
    try:
        for matched in match(org, {"Key": ["ada@x.example", "grace@x.example"]}, "User_Email__c"):
            assert matched == [None, ids[2]]
    finally:
        with handle.store.writing() as connection:
            connection.execute(f'UPDATE "{OBJECT}" SET IsDeleted = 0')
