from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from integration_center_tests.sync.builders import fit, fit_column, make_field, utc

DOUBLE = make_field("double", precision=8, scale=2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1.005, 1.01),
        (2.675, 2.68),
        (-1.005, -1.01),
        (0.004999, 0.0),
        (-0.0, 0.0),
        (1e-300, 0.0),
        (999999.99, 999999.99),
        (999999.994, 999999.99),
        (999999.995, "TOO_LARGE"),
        (1e6, "TOO_LARGE"),
        (-1e6, "TOO_LARGE"),
        (1e300, "TOO_LARGE"),
        (float("nan"), "NOT_FINITE"),
        (float("inf"), "NOT_FINITE"),
        (float("-inf"), "NOT_FINITE"),
        (None, None),
    ],
)
def test_numbers_are_rounded_half_up_to_the_scale_and_checked_against_the_digits(given: Any, expected: Any) -> None:
    assert fit([given], DOUBLE, pl.Float64) == [expected]


def test_zero_has_no_sign() -> None:
    assert str(fit([-0.0], DOUBLE)[0]) == "0.0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 7.5 ", 7.5),
        ("+7", 7.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("7,5", "WRONG_TYPE"),
        ("1,234", "WRONG_TYPE"),
        ("62.5%", 62.5),
        (" 87 % ", 87.0),
        ("%", "WRONG_TYPE"),
        ("5%%", "WRONG_TYPE"),
        ("nan", "WRONG_TYPE"),
        ("inf", "WRONG_TYPE"),
        ("1e400", "NOT_FINITE"),
        ("0x10", "WRONG_TYPE"),
        ("", None),
        ("   ", None),
    ],
)
def test_text_becomes_a_number_only_when_it_is_one(text: str, expected: Any) -> None:
    assert fit([text], DOUBLE) == [expected]


@pytest.mark.parametrize(
    ("given", "expected"),
    [(250.0, 250), (2.5, 3), (-2.5, -3), (99_999_999.4, 99_999_999), (100_000_000.0, "TOO_LARGE")],
)
def test_whole_number_fields_get_whole_numbers(given: float, expected: Any) -> None:
    assert fit([given], make_field("int", digits=8), pl.Float64) == [expected]


def test_int_without_digits_holds_32_bits() -> None:
    assert fit([2**31 - 1, 2**31], make_field("int")) == [2**31 - 1, "TOO_LARGE"]


def test_integers_fit_doubles_and_the_other_way_round() -> None:
    assert fit([7, 10**6, None], DOUBLE, pl.Int64) == [7.0, "TOO_LARGE", None]
    assert fit([7], make_field("currency", precision=18, scale=2), pl.UInt8) == [7.0]
    assert fit([Decimal("7.125")], DOUBLE) == [7.13]


def test_smallest_integer_is_no_overflow() -> None:
    assert fit([-(2**63)], DOUBLE, pl.Int64) == ["TOO_LARGE"]
    assert fit([-(2**63)], make_field("long"), pl.Int64) == ["TOO_LARGE"]


WIDE = make_field("double", precision=18, scale=0)


@pytest.mark.parametrize("type_", ["double", "currency", "percent"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2**53 - 1, float(2**53 - 1)),
        (2**53, float(2**53)),
        (2**53 + 1, "NOT_EXACT"),
        (2**53 + 2, float(2**53 + 2)),
        (123_456_789_012_345_678, "NOT_EXACT"),
        (2**59, float(2**59)),
        (10**17, 1e17),
        (10**18, "TOO_LARGE"),
        (2**63 - 1, "TOO_LARGE"),
    ],
)
def test_whole_numbers_that_a_double_cannot_hold_are_rejected(given: int, expected: Any, sign: int, type_: str) -> None:
    field = make_field(type_, precision=18, scale=0)
    expected = sign * expected if isinstance(expected, float) else expected
    assert fit([sign * given], field, pl.Int64) == [expected]
    assert fit([f" {sign * given} "], field) == [expected]


def test_text_beyond_whole_doubles_is_judged_as_rounded() -> None:
    assert fit(["9007199254740994.4", "9007199254740994.5", "9.007199254740993e15", "1e17"], WIDE) == [
        2.0**53 + 2, "NOT_EXACT", "NOT_EXACT", 1e17,
    ]  # fmt: skip
    cents = make_field("currency", precision=18, scale=2)
    assert fit(["9007199254740993.01", "9007199254740994.00", "0.005"], cents) == ["NOT_EXACT", 2.0**53 + 2, 0.01]
    assert fit(["1" + "0" * 30, "-" + "9" * 25], WIDE) == ["TOO_LARGE", "TOO_LARGE"]


def test_whole_number_fields_keep_every_digit_they_hold() -> None:
    long, wide = make_field("long"), make_field("int", digits=18)
    edge = 2**53 - 1
    assert fit([edge, -edge, 2**53, 2**53 + 1], long, pl.Int64) == [edge, -edge, "TOO_LARGE", "TOO_LARGE"]
    assert fit([str(edge), str(2**53), str(2**53 + 1)], long) == [edge, "TOO_LARGE", "TOO_LARGE"]
    assert fit([2**53 + 1], wide, pl.Int64) == [2**53 + 1]
    assert fit([str(2**53 + 1), str(2**53 + 2)], wide) == ["NOT_EXACT", 2**53 + 2]


def test_factor_alters_no_digit_before_the_decimal_point() -> None:
    assert fit([2**53 - 1], WIDE, pl.Int64, factor=1) == [float(2**53 - 1)]
    assert fit([2**53 + 1], WIDE, pl.Int64, factor=0.01) == ["NOT_EXACT"]
    assert fit([str(2**53 + 1)], WIDE, factor=0.01) == ["NOT_EXACT"]


def test_factor_multiplies_without_binary_noise() -> None:
    assert fit([0.285], make_field("double", precision=18, scale=0), factor=100) == [29.0]
    assert fit([62.5], DOUBLE, factor=0.01) == [0.63]
    assert fit(["62.5"], DOUBLE, factor=2) == [125.0]
    assert fit([3], make_field("int", digits=9), factor=60) == [180]
    assert fit([3], make_field("string", length=9), factor=60) == ["180"]
    assert fit([1e308], DOUBLE, factor=1e10) == ["NOT_FINITE"]


STRING = make_field("string", length=10)
AREA = make_field("textarea", length=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  plain\t", "plain"),
        ("\u00a0\u2003x", "x"),
        (" \t\n ", None),
        ("", None),
        ("a\r\nb", "a b"),
        ("a\n\n b", "a b"),
        ("a\tb", "a\tb"),
        ("a\x00b\x07", "ab"),
        ("0123456789", "0123456789"),
        ("0123456789x", "TOO_LONG"),
        ("😀😀😀😀😀", "😀😀😀😀😀"),
        ("😀😀😀😀😀x", "TOO_LONG"),
        ("é" * 10, "é" * 10),
        ("#N/A", "NOT_STORABLE"),
        (" #N/A ", "NOT_STORABLE"),
        ("#n/a", "#n/a"),
        ("=1+1", "=1+1"),
    ],
)
def test_text_becomes_what_a_single_line_field_stores(text: str, expected: Any) -> None:
    assert fit([text], STRING) == [expected]


def test_what_is_cut_is_judged_after_the_cut() -> None:
    """`#N/A` alone would clear the field in a Bulk job, and be stored by any other call."""
    assert fit(["#N/A later"], make_field("string", length=4), truncate=True) == ["NOT_STORABLE"]


def test_rich_text_is_not_cut_and_counts_its_entities() -> None:
    rich = make_field("textarea", length=12, html_formatted=True)
    given = ["<b>bold</b>", "<b>bolder</b>", "a & b &amp; c", "a &amp; b"]
    assert fit(given, rich, truncate=True) == ["<b>bold</b>", "TOO_LONG", "TOO_LONG", "a &amp; b"]


@pytest.mark.parametrize("type_", ["base64", "anyType", "complexvalue", "location", "hologram"])
def test_types_without_values_of_a_report_take_none(type_: str) -> None:
    field = make_field(type_)
    assert fit(["x", None], field) == ["WRONG_TYPE", None]
    assert field.unusable


def test_line_breaks_of_text_areas_become_line_feeds() -> None:
    assert fit(["a\r\nb\rc\x0bd\u2028e\n\nf"], AREA) == ["a\nb\nc\nd\ne\n\nf"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789x", "0123456789"),
        ("012345678 x", "012345678"),
        ("😀" * 6, "😀" * 5),
        ("012345678😀", "012345678"),
        ("short", "short"),
    ],
)
def test_truncate_cuts_whole_characters(text: str, expected: str) -> None:
    assert fit([text], STRING, truncate=True) == [expected]


def test_an_address_is_never_cut() -> None:
    assert fit(["long@example.org"], make_field("email", length=10), truncate=True) == ["TOO_LONG"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([7, -3], pl.Int64, ["7", "-3"]),
        ([7.0, 7.5, -0.0, float("nan")], pl.Float64, ["7", "7.5", "0", "NOT_FINITE"]),
        ([True, False], pl.Boolean, ["true", "false"]),
        ([date(2026, 11, 22)], pl.Date, ["2026-11-22"]),
        ([time(9, 30)], pl.Time, ["09:30:00"]),
        (["a"], pl.Categorical, ["a"]),
        ([None], pl.Null, [None]),
    ],
)
def test_other_types_become_canonical_text(values: list[Any], dtype: Any, expected: list[Any]) -> None:
    assert fit(values, STRING, dtype) == expected


def test_datetime_becomes_iso_text() -> None:
    assert fit([utc("2026-11-22T08:00:00.9")], AREA) == ["2026-11-22T08:00:00Z"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (" Ann.Lee@Example.ORG ", "ann.lee@example.org"),
        ("o'neil+x@sub.example.co.uk", "o'neil+x@sub.example.co.uk"),
        ("ann", "BAD_EMAIL"),
        ("ann@example", "BAD_EMAIL"),
        ("ann@@example.org", "BAD_EMAIL"),
        ("ann lee@example.org", "BAD_EMAIL"),
        ("ann@example.org;bob@example.org", "BAD_EMAIL"),
        ("Ann <ann@example.org>", "BAD_EMAIL"),
        ("", None),
    ],
)
def test_email_fields_hold_one_address_in_small_letters(address: str, expected: Any) -> None:
    assert fit([address], make_field("email", length=80)) == [expected]


PICKLIST = make_field("picklist", length=255, picklist=("Hot", "Cold", "cold"), restricted_picklist=True)


def test_restricted_picklist_takes_api_names_without_regard_to_case() -> None:
    assert fit(["Hot", "HOT ", "cold", "Cold", "COLD", "warm", " "], PICKLIST) == [
        "Hot", "Hot", "cold", "Cold", "Cold", "NOT_IN_PICKLIST", None,
    ]  # fmt: skip


def test_open_picklist_takes_other_text() -> None:
    field = make_field("picklist", length=5, picklist=("Hot",))
    assert fit(["hot", "warm", "too warm"], field) == ["Hot", "warm", "TOO_LONG"]
    assert fit(["hot"], make_field("picklist")) == ["hot"]


def test_multi_select_picklist_is_a_set_in_its_own_order() -> None:
    field = make_field("multipicklist", length=4099, picklist=("Red", "Blue", "Green"), restricted_picklist=True)
    assert fit(["blue; RED;;Red", "Green", " ; ", "Red;Pink"], field) == ["Red;Blue", "Green", None, "NOT_IN_PICKLIST"]
    field = make_field("multipicklist", length=4099, picklist=("Red", "Blue"))
    assert fit(["Pink;Blue;Ash"], field) == ["Blue;Ash;Pink"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22", date(2026, 11, 22)),
        ("2026-11-22 23:30:00", date(2026, 11, 22)),
        ("2026-11-22T23:30:00-05:00", date(2026, 11, 22)),
        ("2026-02-30", "WRONG_TYPE"),
        ("22.11.2026", "WRONG_TYPE"),
        ("11/22/2026", "WRONG_TYPE"),
        ("1699-12-31", "OUT_OF_RANGE"),
        ("1700-01-01", date(1700, 1, 1)),
        ("4000-12-31", date(4000, 12, 31)),
        ("4001-01-01", "OUT_OF_RANGE"),
        (" ", None),
    ],
)
def test_text_becomes_a_date_only_in_iso_form(text: str, expected: Any) -> None:
    assert fit([text], make_field("date")) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22", utc("2026-11-22T00:00:00")),
        ("2026-11-22 08:01", utc("2026-11-22T08:01:00")),
        ("2026-11-22 08:01:02.999999", utc("2026-11-22T08:01:02")),
        ("2026-11-22T08:01:02Z", utc("2026-11-22T08:01:02")),
        ("2026-11-22T08:01:02.000+0000", utc("2026-11-22T08:01:02")),
        ("2026-11-22T08:01:02+02:00", utc("2026-11-22T06:01:02")),
        ("2026-11-22T25:00:00Z", "WRONG_TYPE"),
        ("yesterday", "WRONG_TYPE"),
        ("4000-12-31T23:59:59.9Z", utc("4000-12-31T23:59:59")),
        ("9999-01-01", "OUT_OF_RANGE"),
    ],
)
def test_text_becomes_a_datetime_in_utc_and_whole_seconds(text: str, expected: Any) -> None:
    assert fit([text], make_field("datetime")) == [expected]


def test_datetimes_and_dates_become_each_other() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert fit([utc("2026-11-22T23:59:59.999")], make_field("date")) == [date(2026, 11, 22)]
    assert fit([late], make_field("date"), pl.Datetime("us", "America/New_York")) == [date(2026, 11, 22)]
    assert fit([date(2026, 11, 22)], make_field("datetime")) == [utc("2026-11-22T00:00:00")]
    assert fit([datetime(2026, 11, 22, 8)], make_field("datetime")) == [utc("2026-11-22T08:00:00")]  # noqa: DTZ001
    assert fit([utc("1969-12-31T23:59:59.5")], make_field("datetime")) == [utc("1969-12-31T23:59:59")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("9:30", "09:30:00.000Z"),
        ("09:30:15.25Z", "09:30:15.000Z"),
        ("23:59:59.999999", "23:59:59.000Z"),
        ("24:00", "WRONG_TYPE"),
        ("12:60", "WRONG_TYPE"),
        ("noon", "WRONG_TYPE"),
        ("", None),
        (time(9, 30, 15, 250_000), "09:30:15.000Z"),
        ("9:30 PM", "21:30:00.000Z"),
        ("9:30:15 a.m.", "09:30:15.000Z"),
        ("12:05am", "00:05:00.000Z"),
        ("12:05 pm", "12:05:00.000Z"),
        ("13:05 pm", "WRONG_TYPE"),
        ("0:05 am", "WRONG_TYPE"),
    ],
)
def test_times_of_day(given: Any, expected: Any) -> None:
    assert fit([given], make_field("time")) == [expected]


def test_booleans() -> None:
    field = make_field("boolean", nillable=False)
    assert fit([True, None], field) == [True, None]
    assert fit(["Yes", "no", "TRUE", "0", "maybe", " "], field) == [True, False, True, False, "WRONG_TYPE", None]
    assert fit([1, 0, 2], field) == [True, False, "WRONG_TYPE"]


def test_ids_become_18_characters() -> None:
    field = make_field("reference", length=18, reference_to=("Account",))
    assert fit(["001RM000003oLrB", "001RM000003oLrBYAU", "nonsense", ""], field) == [
        "001RM000003oLrBYAU", "001RM000003oLrBYAU", "BAD_ID", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([True], "double"),
        ([utc("2026-11-22T08:00:00")], "int"),
        ([7], "date"),
        ([7.5], "datetime"),
        ([7], "email"),
        ([7], "reference"),
        ([timedelta(1)], "string"),
        ([["a"]], "string"),
        ([b"a"], "string"),
        ([True], "time"),
        (["Main Street 1"], "address"),
    ],
)
def test_a_column_no_value_of_which_can_fit_is_rejected_row_by_row(values: list[Any], type_: str) -> None:
    assert fit([*values, None], make_field(type_)) == ["WRONG_TYPE", None]


def test_reasons_say_what_and_why() -> None:
    too_long = fit_column(pl.Series("c", ["x" * 11]), STRING)["reason"]
    assert too_long.to_list() == ["has 11 characters; the field holds 10"]
    (said,) = fit_column(pl.Series("c", ["abc{}"]), DOUBLE)["reason"]
    assert said.startswith("'abc{}' is not a number; write digits with a decimal point, or set `decimal:`")
