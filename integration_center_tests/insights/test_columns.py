"""Types of columns: declared, by name, and what text looks like."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.errors import UnreadableReport
from integration_center.insights.catalogue import ColumnType
from integration_center.insights.columns import (
    DTYPES,
    READABLE_DATETIME,
    USUAL,
    USUAL_DATETIME,
    DeclaredTypes,
    parse,
    show_dtypes,
    type_columns,
)
from integration_center.insights.delimited.form import Rows, name_row
from integration_center.insights.delimited.whole_numbers import WHOLE_FORM
from integration_center.insights.likely_types import TypeJudge, infer_type, infer_types, is_identifier
from integration_center_tests.proofs import examples


def text(*values: str | None, name: str = "Value") -> pl.Series:
    return pl.Series(name, values, dtype=pl.String)


def declare(type_: ColumnType, *values: str | None) -> pl.Series:
    return type_columns(
        text(*values).to_frame(), key_column=None, declared={"Value": type_}, source="x.csv"
    ).to_series()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", None, "-20"], "integer"),
        (["9223372036854775807"], "integer"),
        (["1", "2.5", ".5"], "number"),
        (["1.00", "2.50", None, "0.75"], "number"),
        (["62.5%", "100 %", None], "number"),
        (["True", "false", "TRUE", None], "boolean"),
        (["2026-02-28", None], "date"),
        ([" 7", "8\t"], "integer"),
    ],
)
def test_what_all_values_look_like(values: list[str | None], expected: ColumnType) -> None:
    assert infer_type(text(*values)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22 10:00:00",
        "2026-11-22T10:00:00Z",
        "2026-11-22 10:00",
        "2026-11-22T12:30:00+02:30",
        "2026-11-22 05:00:00.000000 -0500",
        "2026-11-22 10:00:00 UTC",
    ],
)
def test_datetimes_are_utc(value: str) -> None:
    assert infer_type(text(value)) == "datetime"
    series = declare("datetime", value)
    assert series.dtype == pl.Datetime("us", "UTC")
    assert series[0] == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_datetimes_keep_microseconds_and_may_mix_zones() -> None:
    values = ("2026-11-22 10:00:00.570317", None, "2026-11-22T10:00:00.123456789-01:00")
    assert infer_type(text(*values)) == "datetime"
    assert declare("datetime", *values).to_list() == [
        datetime(2026, 11, 22, 10, 0, 0, 570317, tzinfo=UTC),
        None,
        datetime(2026, 11, 22, 11, 0, 0, 123456, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    "values",
    [
        ["00123", "7"],
        ["+49301234"],
        ["1E5"],
        ["NaN", "1"],
        ["inf"],
        ["9223372036854775808"],
        ["1234567890123456.5"],
        ["5%", "5"],
        ["%"],
        ["-", "1"],
        ["2026-02-30"],
        ["2026-11-22 24:00:00"],
        ["2026-11-22 23:59:60"],
        ["2026-11-22", "2026-11-22 10:00:00"],
        ["22/11/2026"],
        ["yes", "1"],
        ["Yes", "No", None],
        ["1.9", "1.10"],
        ["1", "2.50"],
        ["1,000"],
        ["  "],
        [None],
        [],
        [" inner  blanks stay\n"],
    ],
)
def test_what_has_no_plain_form_looks_like_text(values: list[str | None]) -> None:
    assert infer_type(text(*values)) is None


def test_one_odd_value_far_down_makes_the_column_look_like_text() -> None:
    values = [str(number) for number in range(20_000)] + ["n/a"]
    assert infer_type(text(*values)) is None


@pytest.mark.parametrize(
    "name", ["User ID", "End User ID", "userId", "UserID", "user_id", "GUID", "E-mail", "eMail", "Email Address", "ID"]
)
def test_names_of_identifiers(name: str) -> None:
    assert is_identifier(name)


@pytest.mark.parametrize("name", ["Paid", "Valid Until", "Idle Minutes", "# Logins Last 30 Days", "Width"])
def test_names_that_only_look_like_identifiers(name: str) -> None:
    assert not is_identifier(name)


def test_precedence_of_key_declared_identifier_and_inferred() -> None:
    values = ["1", "2"]
    frame = pl.DataFrame({name: values for name in ("Key", "Survey ID", "Course ID", "Score", "Count")})
    declared: dict[str, ColumnType] = {"Key": "integer", "Course ID": "integer", "Score": "number", "Gone": "date"}
    typed = type_columns(frame, key_column="Key", declared=declared, source="x.csv")
    assert dict(typed.schema) == {
        "Key": pl.String,
        "Survey ID": pl.String,
        "Course ID": pl.Int64,
        "Score": pl.Float64,
        "Count": pl.String,
    }
    likely = infer_types(frame, key_column="Key", declared=declared)
    assert likely == {"Count": "integer"}
    assert show_dtypes(typed.schema, likely) == {**typed.schema, "Count": pl.Int64}


@pytest.mark.parametrize("type_", list(DTYPES))
def test_a_declared_type_holds_for_a_column_without_values(type_: ColumnType) -> None:
    assert declare(type_, None, None).dtype == DTYPES[type_]
    assert declare(type_).dtype == DTYPES[type_]


def test_declared_types_read_more_forms_than_are_inferred() -> None:
    assert declare("integer", "00123", "+5").to_list() == [123, 5]
    assert declare("number", "1E5", "87%", "5").to_list() == [100000.0, 87.0, 5.0]
    assert declare("boolean", "1", "0", "Yes").to_list() == [True, False, True]
    assert declare("string", " 007 ").to_list() == [" 007 "]


@pytest.mark.parametrize(
    ("type_", "form"),
    [
        ("integer", "whole number"),
        ("number", "62.5%"),
        ("boolean", "yes, no"),
        ("date", "YYYY-MM-DD"),
        ("datetime", "YYYY-MM-DD HH:MM:SS"),
    ],
)
def test_a_misfit_is_named_by_column_row_and_form_but_not_by_value(type_: ColumnType, form: str) -> None:
    with pytest.raises(UnreadableReport) as error:
        declare(type_, None, "s3cret")
    message = str(error.value)
    assert "x.csv: column 'Value'" in message
    assert "row 3" in message
    assert form in message
    assert "s3cret" not in message


def test_a_number_too_large_for_a_float_is_a_misfit() -> None:
    with pytest.raises(UnreadableReport, match="row 2"):
        declare("number", "1e999")


cells = st.none() | st.text(max_size=8) | st.integers().map(str) | st.dates().map(str) | st.sampled_from(["yes", "5%"])


@given(st.lists(st.tuples(cells, cells), max_size=20))
def test_what_is_not_declared_stays_as_it_is(rows: list[tuple[str | None, str | None]]) -> None:
    frame = pl.DataFrame(rows, schema={"Key": pl.String, "Value": pl.String}, orient="row")
    frame = frame.with_columns(pl.all().replace("", None))
    typed = type_columns(frame, key_column="Key", declared={}, source="x.csv")
    assert typed.equals(frame, null_equal=True)
    assert typed.schema == frame.schema


@given(st.lists(cells, max_size=20))
def test_a_column_parses_as_what_it_looks_like(values: list[str | None]) -> None:
    series = text(*(value or None for value in values))
    if looks_like := infer_type(series):
        read = declare(looks_like, *series)
        blank = series.str.strip_chars() == ""
        assert not (read.is_null() & series.is_not_null() & ~blank).any()


@given(st.lists(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), min_size=1))  # noqa: DTZ001
def test_datetimes_come_back_to_the_microsecond(moments: list[datetime]) -> None:
    series = declare("datetime", *(moment.isoformat(" ", "microseconds") for moment in moments))
    assert series.to_list() == [moment.replace(tzinfo=UTC) for moment in moments]


usual = st.builds(
    "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format,
    *(st.integers(0, most) for most in (9999, 13, 32, 25, 60, 60)),
)


@given(st.lists(st.none() | usual, max_size=20))
@example(["2024-02-29 23:59:59", None, "2023-02-29 00:00:00", "0000-01-01 00:00:00", "9999-12-31 23:59:59"])
@example([None])
@example([])
@example(["２０２６-11-22 10:00:00"])
def test_a_column_of_one_form_is_read_as_beside_another_form(values: Sequence[str | None]) -> None:
    # A value of another form keeps the column from being read by one format.
    beside = parse(text(*values, "2026-11-22T10:00Z"), "datetime")
    assert beside[-1] == datetime(2026, 11, 22, 10, tzinfo=UTC)
    alone = parse(text(*values), "datetime")
    assert alone.equals(beside.head(len(values)), check_dtypes=True, check_names=True, null_equal=True)


looks = st.one_of(
    st.lists(st.none() | st.integers(-12, 12).map(str), max_size=4),
    st.lists(
        st.sampled_from(["1", "-0", "0", "1234567890123456", "9223372036854775808", "007", "+5", " 5"]), max_size=3
    ),
    st.lists(st.sampled_from(["1.5", "1.50", "0.10", ".5", "-", "5%", "7.5 %", "62.5%", "5"]), max_size=3),
    st.lists(
        st.none() | usual | st.sampled_from(["2026-11-22T10:00Z", "2026-11-22", " 2026-11-22 10:00:00"]), max_size=3
    ),
    st.lists(st.none() | st.sampled_from(["true", "False", "yes", "2026-02-30", "2026-02-28", " ", "x"]), max_size=3),
)


@examples(300)
@given(slices=st.lists(looks, max_size=4), known=st.booleans())
@example(slices=[["1"], ["1.5"]], known=True)
@example(slices=[["1234567890123456"], ["1.5"]], known=True)
@example(slices=[["1.5"], ["1.50"]], known=True)
@example(slices=[["5%"], ["5"]], known=True)
@example(slices=[["2026-11-22 10:00:00"], ["2026-11-22T10:00Z"]], known=True)
@example(slices=[["1"], [None], ["1"], ["-0"]], known=True)
def test_slices_look_like_the_whole(slices: list[list[str | None]], *, known: bool) -> None:
    judge = TypeJudge(["Value"], key_column=None, declared={})
    for values in slices:
        there = [value for value in values if value is not None]
        is_whole = bool(there) and all(re.match(WHOLE_FORM, value) for value in there)
        judge.look_at(Rows(text(*values).to_frame(), frozenset(["Value"] if known and is_whole else ())))
    whole = text(*(value for values in slices for value in values))
    expected = infer_type(whole)
    assert judge.types == ({"Value": expected} if expected else {})


@given(st.lists(st.lists(cells, max_size=4), min_size=1, max_size=4), st.sampled_from([*DTYPES]))
def test_slices_are_read_as_the_whole(slices: list[list[str | None]], type_: ColumnType) -> None:
    frames = [text(*(value or None for value in values)).to_frame() for values in slices]
    types = DeclaredTypes({"Value": type_}, "x.csv")
    typed = [types.read(frame) for frame in frames]
    try:
        whole = type_columns(pl.concat(frames), key_column=None, declared={"Value": type_}, source="x.csv")
    except UnreadableReport as error:
        with pytest.raises(UnreadableReport, match=re.escape(str(error))):
            types.check(name_row)
    else:
        types.check(name_row)
        assert pl.concat(typed).equals(whole, null_equal=True)
        assert whole.schema == types.fit_schema(["Value"])


def test_the_form_of_days_and_times_that_exist_is_what_can_be_read() -> None:
    years = [*range(401), 1900, 2000, 2024, 2026, 2100, 9999]
    days = (f"{year:04}-{month:02}-{day:02}" for year in years for month in range(14) for day in range(33))
    times = (f"{hour:02}:{part:02}:{other:02}" for hour in range(26) for part in range(62) for other in (0, 59, 60, 61))
    written = [f"{day} 23:59:59" for day in days] + [f"2024-02-29 {time}" for time in times]
    cells = text(*written, "2026-11-22T10:00:00", "2026-11-22 1:00:00", "2026-11-22 10:00", " 2026-11-22 10:00:00")
    read = cells.str.to_datetime(USUAL, time_unit="us", strict=False, cache=False).is_not_null()
    assert cells.str.contains(READABLE_DATETIME).equals(cells.str.contains(USUAL_DATETIME) & read)


def test_a_name_that_could_be_a_pattern_names_its_column() -> None:
    odd = "^b.*$"  # a pattern that does not match itself
    frame = text("2026-01-01", "2026-01-02", name=odd).to_frame()
    assert infer_types(frame, key_column=None, declared={}) == {odd: "date"}
    typed = type_columns(frame, key_column=None, declared={odd: "date"}, source="x.csv")
    assert typed.schema == {odd: pl.Date()}
