"""The target field decides how a cell is read: text fields get the cell's own text, whatever the other cells are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.insights.columns import show_dtypes
from integration_center.insights.likely_types import infer_type, infer_types
from integration_center.sync.lines import build_lines
from integration_center.sync.mapping.fitness import check_fitness
from integration_center.sync.outcomes import Outcome
from integration_center.sync.recency import read_recency
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.targets import Target, fit_sources
from integration_center_tests.proofs import examples
from integration_center_tests.sync.builders import LEAD, make_field, make_records, make_rows, make_spec

LOOK_ALIKES = (
    *(
        "50%",
        "12 %",
        "1.10",
        "7.00",
        "7",
        "-0",
        "+5",
        ".5",
        "5.",
        "1e3",
        "1E5",
        "1,000",
        "1_000",
        "00123",
        "0x1F",
        "NaN",
    ),
    *("inf", "TRUE", "False", "yes", "No", "0", "1", "1.0", "12:30", "2026-11-22", "2026-02-30", "2026-11-22 07:00:00"),
    *("2026-11-22T07:00:00Z", "2026-11-22 07:00:00+02:00", "2026-11-22 07:00:00.250", "n/a", "-", "9" * 25, "٣", "２"),
    *("9007199254740993", "0.1234567", "2026-11-22T07:00:00.5Z", "2026-11-22 7:00:00", "123456789012345.6"),
)
CELLS = st.sampled_from(LOOK_ALIKES) | st.builds(str.center, st.sampled_from(LOOK_ALIKES), st.integers(1, 30))
COLUMNS = st.lists(st.none() | CELLS, min_size=1, max_size=12)
MOMENTS = st.lists(
    st.none()
    | st.builds(
        lambda day, between, time, after, width: f"{day}{between}{time}{after}".center(width),
        st.sampled_from(["2026-11-22", "2024-02-29", "0001-01-01", "9999-12-31"]),
        st.sampled_from([" ", " ", "T"]),
        st.sampled_from(["07:00:00", "23:59:59", "07:00", "00:00:00"]),
        st.sampled_from(["", "", "", "Z", ".250", "+02:00", " UTC"]),
        st.sampled_from([0, 0, 25]),
    ),
    min_size=1,
    max_size=8,
)
WHOLE_NUMBERS = st.lists(
    st.none()
    | st.builds(
        lambda number, width: str(number).center(width),
        st.integers(-(10**18), 10**18) | st.integers(-(10**15) - 2, 10**15 + 2) | st.integers(-9, 99),
        st.sampled_from([0, 0, 22]),
    ),
    min_size=1,
    max_size=8,
)
TEXT_FIELDS = (
    make_field("string", length=255),
    make_field("textarea", length=1000),
    make_field("phone", length=40),
    make_field("url", length=255),
    make_field("combobox", length=255),
    make_field("encryptedstring", length=175),
    make_field("picklist", length=255),
)
TYPED_FIELDS = (
    make_field("double", precision=18, scale=2),
    make_field("double", precision=16, scale=0),
    make_field("int", digits=9),
    make_field("long"),
    make_field("percent", precision=5, scale=2),
    make_field("date"),
    make_field("datetime"),
    make_field("time"),
    make_field("boolean", nillable=False),
)
QUICK = examples(25)


def plan(cells: Sequence[str | None], field: SObjectField) -> pl.DataFrame:
    """The lines of a report with a row for each cell, all of which have a record."""
    schema = SObjectSchema("Lead", "Lead", queryable=True, updateable=True, fields=(*LEAD.fields, field))
    people = [f"p{number}@x.org" for number in range(len(cells))]
    rows = make_rows({"User": people, "Value": cells}, Value=pl.String)
    records = make_records(*({"Email": person} for person in people), schema=schema)
    return build_lines(rows, records, make_spec({"Value": field.name}), schema)


@QUICK
@given(COLUMNS, st.sampled_from(TEXT_FIELDS))
def test_a_text_field_gets_the_text_of_the_cell(cells: list[str | None], field: SObjectField) -> None:
    after = plan(cells, field)["after.F__c"].to_list()
    assert after == [cell and cell.strip() for cell in cells]


@QUICK
@given(COLUMNS, CELLS, st.integers(0, 11), st.sampled_from((*TEXT_FIELDS, *TYPED_FIELDS)))
def test_another_cell_changes_its_own_line_only(
    cells: list[str | None], other: str, place: int, field: SObjectField
) -> None:
    place %= len(cells)
    before = plan(cells, field)
    after = plan([*cells[:place], other, *cells[place + 1 :]], field)
    rest = pl.int_range(pl.len()) != place
    assert after.filter(rest).equals(before.filter(rest), null_equal=True)


@examples(40)
@given(COLUMNS, st.sampled_from(TYPED_FIELDS), st.sampled_from([None, 0.01, 3.0]))
@example([None, None], make_field("datetime"), None)
@example([None, "n/a", "2026-11-22 07:00:00", "22 Nov 2026"], make_field("datetime"), None)
def test_what_is_read_all_at_once_is_what_is_read_by_parts(
    cells: list[str | None], field: SObjectField, factor: float | None
) -> None:
    target = Target("Value", field, pl.String(), clears=False, truncate=False, factor=factor)
    lines = pl.DataFrame({target.source: cells}, schema={target.source: pl.String})
    by_parts = target.fit()
    expected = lines.select(by_parts.value.alias(target.after), by_parts.code.alias(target.code))
    assert fit_sources(lines, [target]).equals(expected, null_equal=True)


@examples(60)
@given(MOMENTS | WHOLE_NUMBERS | COLUMNS, st.sampled_from(TYPED_FIELDS), st.sampled_from([None, 0.01]))
@example(["2026-11-22 07:00:00", "2026-11-22T07:00:00.5Z", None], make_field("datetime"), None)
@example(["7", " 9007199254740993 "], make_field("double", precision=18, scale=2), None)
def test_a_column_of_one_type_is_read_like_each_of_its_cells(
    cells: list[str | None], field: SObjectField, factor: float | None
) -> None:
    likely = infer_type(pl.Series(cells, dtype=pl.String))
    target = Target("Value", field, pl.String(), clears=False, truncate=False, factor=factor)
    lines = pl.DataFrame({target.source: cells}, schema={target.source: pl.String})
    each = pl.concat(fit_sources(line, [target]) for line in lines.iter_slices(1))
    assert fit_sources(lines, [replace(target, likely_type=likely)]).equals(each, null_equal=True)


@pytest.mark.parametrize(
    ("cells", "field", "expected"),
    [
        (["1.0", "0.00", "TRUE", "2"], make_field("boolean"), [True, False, True, "WRONG_TYPE"]),
        (["1%", "0%", "no"], make_field("boolean"), ["WRONG_TYPE", "WRONG_TYPE", False]),
        (["50%", "n/a", " 62.5 % "], make_field("percent", precision=5, scale=2), [50.0, "WRONG_TYPE", 62.5]),
        (["2026-11-22 23:30:00-02:00", "n/a"], make_field("date"), ["2026-11-22", "WRONG_TYPE"]),
    ],
)
def test_other_fields_read_each_cell(cells: list[str], field: SObjectField, expected: list[Any]) -> None:
    lines = plan(cells, field)
    shown = [row["code"] or row["after.F__c"] for row in lines.iter_rows(named=True)]
    assert [value if isinstance(value, bool | float) else str(value) for value in shown] == expected


def test_a_factor_multiplies_the_numbers_of_a_text_field() -> None:
    target = Target("Value", make_field("string", length=9), pl.String(), clears=False, truncate=False, factor=0.5)
    lines = pl.DataFrame({target.source: ["7.00", "50%", "n/a", " ", None]})
    assert fit_sources(lines, [target]).rows() == [
        ("3.5", None),
        ("25", None),
        (None, "WRONG_TYPE"),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("cells", "field", "fits"),
    [
        (["2026-11-22", "2026-11-23"], "double", False),
        (["2026-11-22", "n/a"], "double", True),  # one cell may fit yet
        (["7", "8"], "date", False),
        (["TRUE", "FALSE"], "int", False),
        (["7", "8"], "url", True),
        (["7", "8"], "string", True),
        (["TRUE"], "string", True),
        (["n/a", "n/a"], "double", True),
        (["50%"], "percent", True),
    ],
)
def test_a_mapping_is_refused_when_no_cell_can_ever_fit(cells: list[str], field: str, fits: bool) -> None:
    schema = SObjectSchema(
        "Lead", "Lead", queryable=True, updateable=True, fields=(*LEAD.fields, make_field(field, length=20))
    )
    frame = pl.DataFrame({"User": ["a@x.org"] * len(cells), "Value": cells})
    likely = show_dtypes(frame.schema, infer_types(frame, key_column="User", declared={}))
    faults = check_fitness(make_spec({"Value": "F__c"}), schema, frame.schema, likely=likely)
    assert [fault.code for fault in faults] == ([] if fits else ["WRONG_TYPE"])


def test_a_column_of_yes_and_no_can_be_a_key_of_text() -> None:
    frame = pl.DataFrame({"User": ["TRUE"], "Value": ["1.10"]})
    likely = show_dtypes(frame.schema, {"User": "boolean"})
    spec = make_spec({"Value": "Note__c"}, keys={"User": "Title"})
    assert check_fitness(spec, LEAD, frame.schema, likely=likely) == []


@pytest.mark.parametrize(
    "ordered",
    [
        ["9", "10", "1e3"],
        ["-1", "0.5", "50%", "100 %"],
        ["9007199254740992", "9007199254740993", "+9007199254740994"],
        ["2026-11-09", "2026-11-10 00:00:01", "2026-11-10T01:00:00+00:30"],
        ["2026-11-22 07:00:00.1", "2026-11-22 07:00:00.25", "2026-11-22 08:00:00.125+00:30"],
        ["False", "TRUE"],
    ],
)
def test_text_is_ordered_as_it_is_meant(ordered: list[str]) -> None:
    recency = read_recency(pl.Series([*ordered, None]))
    assert recency is not None
    assert recency.arg_sort(nulls_last=True).to_list() == list(range(len(ordered) + 1))
    assert recency.n_unique() == len(ordered) + 1


@pytest.mark.parametrize("mixed", [["9", "2026-11-10"], ["true", "9"], ["n/a", "n/a", "9"], ["a"]])
def test_text_that_tells_no_order(mixed: list[str]) -> None:
    assert read_recency(pl.Series(mixed)) is None


def test_rows_of_one_key_that_a_number_cannot_tell_apart_differ_as_text() -> None:
    rows = make_rows({"User": ["a@x.org"] * 2, "Value": ["7", "7.00"]})
    records = make_records({"Email": "a@x.org"})
    as_text = build_lines(rows, records, make_spec({"Value": "Title"}), LEAD)
    assert as_text["outcome"].to_list() == [Outcome.DUPLICATE_KEY] * 2
    as_number = build_lines(rows, records, make_spec({"Value": "Score__c"}), LEAD)
    assert as_number["outcome"].to_list() == [Outcome.PLANNED, Outcome.DUPLICATE_KEY]
