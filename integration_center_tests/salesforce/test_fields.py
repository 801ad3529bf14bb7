import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from integration_center.errors import OrgError
from integration_center.salesforce.client.cells import (
    WORTH_A_TABLE,
    changed_fields,
    parse_cells,
    parse_records,
    write_csv_cells,
    write_json_records,
    write_texts,
)
from integration_center_tests.salesforce.scripted import LEAD, build_id


def test_cells_of_bulk_get_the_types_of_their_fields() -> None:
    cells = pl.DataFrame(
        {
            "Id": [build_id(1), build_id(2)],
            "SystemModstamp": ["2026-05-01T07:25:37.000Z", "2026-05-01T09:25:37.250+0200"],
            "Logins__c": ["9.12260031E8", ""],
            "Seats__c": ["250.0", ""],
            "Active__c": ["true", "FALSE"],
            "Company": ["  Ümläut, Inc.\nLtd ", ""],
        }
    )
    parsed = parse_cells(cells, LEAD)
    moments = [datetime(2026, 5, 1, 7, 25, 37, tzinfo=UTC), datetime(2026, 5, 1, 7, 25, 37, 250_000, tzinfo=UTC)]
    assert parsed["SystemModstamp"].to_list() == moments
    assert parsed["Logins__c"].to_list() == [912260031.0, None]
    assert parsed["Seats__c"].to_list() == [250, None]
    assert parsed["Active__c"].to_list() == [True, False]
    assert parsed["Company"].to_list() == ["  Ümläut, Inc.\nLtd ", None]
    assert parsed.schema == {name: LEAD.get(name).dtype for name in cells.columns}  # type: ignore[union-attr]


@given(st.lists(st.sampled_from(["true", "false", "TRUE", "False", "", None])))
def test_checkboxes_are_read_in_any_letters(cells: list[str | None]) -> None:
    parsed = parse_cells(pl.DataFrame({"Active__c": cells}, schema={"Active__c": pl.String}), LEAD)
    assert parsed["Active__c"].to_list() == [cell.lower() == "true" if cell else None for cell in cells]


def test_records_of_rest_give_the_same_frame_as_bulk() -> None:
    record: dict[str, object] = {
        "attributes": {"type": "Lead"},
        "Id": build_id(1),
        "SystemModstamp": "2026-05-01T07:25:37.000+0000",
        "Logins__c": 9.12260031e8,
        "Seats__c": 250,
        "Active__c": False,
        "Company": None,
    }
    cells = pl.DataFrame(
        {
            "Id": [build_id(1)],
            "SystemModstamp": ["2026-05-01T07:25:37.000Z"],
            "Logins__c": ["9.12260031E8"],
            "Seats__c": ["250"],
            "Active__c": ["false"],
            "Company": [""],
        }
    )
    assert_frame_equal(parse_records([record], cells.columns, LEAD), parse_cells(cells, LEAD))


def test_a_parents_field_is_found_and_null_where_there_is_no_parent() -> None:
    records: list[dict[str, object]] = [{"Owner": {"attributes": {}, "Email": "a@b.c"}}, {"Owner": None}]
    assert parse_records(records, ["Owner.Email"], LEAD)["Owner.Email"].to_list() == ["a@b.c", None]


@pytest.mark.parametrize(
    ("name", "value"), [("Logins__c", "12x"), ("Last_Login__c", "yesterday"), ("Active__c", "maybe")]
)
def test_a_value_of_another_form_is_refused_without_being_quoted(name: str, value: str) -> None:
    with pytest.raises(OrgError, match=name) as caught:
        parse_cells(pl.DataFrame({name: [value]}), LEAD)
    assert value not in str(caught.value)


def test_numbers_are_written_without_exponent_or_loss() -> None:
    numbers = pl.Series([5.0, 1e16, 1e-7, 0.1, 1 / 3, -0.0, 912260031.0, None])
    expected = ["5", "10000000000000000", "0.0000001", "0.1", "0.3333333333333333", "0", "912260031", None]
    assert write_texts(numbers).to_list() == expected
    whole = pl.Series([5.0, -0.0, -12.0, None, 2.0**53, 2.0**60])
    assert write_texts(whole[:5]).to_list() == ["5", "0", "-12", None, "9007199254740992"]
    assert write_texts(whole).to_list() == ["5", "0", "-12", None, "9007199254740992", "1152921504606847000"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(OrgError):
        write_texts(pl.Series("after.Logins__c", [value, 1.0]))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1))
def test_every_double_survives_the_way_out_and_back(values: list[float | None]) -> None:
    texts = write_texts(pl.Series("Logins__c", values, dtype=pl.Float64))
    assert not texts.drop_nulls().str.contains("(?i)e").any()
    assert [None if text is None else float(Decimal(text)) for text in texts] == values
    assert parse_cells(pl.DataFrame({"Logins__c": texts.fill_null("")}), LEAD)["Logins__c"].to_list() == values


@given(st.lists(st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(4000, 1, 1)), min_size=1))  # noqa: DTZ001
def test_every_moment_survives_the_way_out_and_back_to_the_second(values: list[datetime]) -> None:
    moments = [value.replace(microsecond=0, tzinfo=UTC) for value in values]
    texts = write_texts(pl.Series("Last_Login__c", moments, dtype=pl.Datetime("us", "UTC")))
    assert texts.str.contains(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$").all()
    assert parse_cells(texts.to_frame(), LEAD)["Last_Login__c"].to_list() == moments


@given(
    st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)) | st.none(), min_size=1, max_size=30),  # noqa: DTZ001
    st.sampled_from(["ms", "us"]),
    st.sampled_from(["UTC", "Asia/Kolkata", None]),
)
@example([datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 1), None], "ms", "UTC")  # noqa: DTZ001
def test_many_moments_are_written_as_few_are(
    moments: list[datetime | None], unit: Literal["ms", "us"], zone: str | None
) -> None:
    few = pl.Series("Last_Login__c", moments, dtype=pl.Datetime(unit)).dt.replace_time_zone("UTC")
    few = few.dt.convert_time_zone(zone) if zone else few.dt.replace_time_zone(None)
    times = WORTH_A_TABLE // len(few) + 1
    many = pl.concat([few] * times)
    assert write_texts(many).equals(pl.concat([write_texts(few)] * times), check_names=True, null_equal=True)


def test_dates_booleans_and_line_breaks() -> None:
    assert write_texts(pl.Series([date(2026, 1, 2), None])).to_list() == ["2026-01-02", None]
    assert write_texts(pl.Series([True, False, None])).to_list() == ["true", "false", None]
    assert write_texts(pl.Series(["a\r\nb\rc\nd", "", "#N/A"])).to_list() == ["a\nb\nc\nd", None, "#N/A"]


UPDATES = pl.DataFrame(
    {
        "Id": [build_id(1), build_id(2), build_id(3)],
        "after.Company": ['Say "hi", Ltd\nLine 2', None, "ignored"],
        "changed.Company": [True, True, False],
        "after.Logins__c": [5.0, 1.5, None],
        "changed.Logins__c": [True, False, True],
        "after.Active__c": [None, True, False],
        "changed.Active__c": [False, False, False],
    },
    schema_overrides={"after.Active__c": pl.Boolean},
)


def test_csv_cells_tell_cleared_from_left_alone() -> None:
    fields = changed_fields(UPDATES)
    assert fields == ["Company", "Logins__c"]
    text = write_csv_cells(UPDATES, fields).write_csv()
    assert text == (
        f'Id,Company,Logins__c\n{build_id(1)},"Say ""hi"", Ltd\nLine 2",5\n{build_id(2)},#N/A,\n{build_id(3)},,#N/A\n'
    )


def test_json_records_tell_cleared_from_left_alone_and_name_their_type_first() -> None:
    records = write_json_records(UPDATES, "Lead", changed_fields(UPDATES))
    assert all(record.startswith('{"attributes":{"type":"Lead"},"id":"') for record in records)
    assert [json.loads(record) for record in records] == [
        {"attributes": {"type": "Lead"}, "id": build_id(1), "Company": 'Say "hi", Ltd\nLine 2', "Logins__c": 5},
        {"attributes": {"type": "Lead"}, "id": build_id(2), "Company": None},
        {"attributes": {"type": "Lead"}, "id": build_id(3), "Logins__c": None},
    ]


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r")), min_size=1))
def test_every_text_survives_csv_and_json(values: list[str]) -> None:
    ids = [build_id(number) for number in range(len(values))]
    updates = pl.DataFrame({"Id": ids, "after.Company": values, "changed.Company": [True] * len(values)})
    stored = [value or None for value in values]
    records = [json.loads(record) for record in write_json_records(updates, "Lead", ["Company"])]
    assert [record["Company"] for record in records] == stored
    back = pl.read_csv(write_csv_cells(updates, ["Company"]).write_csv().encode(), infer_schema=False)
    assert back["Company"].to_list() == [value or "#N/A" for value in values]
