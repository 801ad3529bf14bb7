from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_center.sync.keys import count_hashed_ids, normalise_key
from integration_center.sync.schema import SObjectField
from integration_center_tests.sync.builders import make_field, utc

FIELDS = [
    make_field("email", length=80, case_sensitive=True),
    make_field("string", length=80),
    make_field("string", length=80, case_sensitive=True),
    make_field("double", precision=18, scale=2),
    make_field("int", digits=9),
    make_field("date"),
    make_field("datetime"),
    make_field("id"),
    make_field("reference"),
    make_field("picklist"),
    make_field("multipicklist"),
    make_field("boolean"),
    make_field("time"),
]


def normalise(values: list[Any], field: SObjectField, dtype: Any = pl.String) -> list[str | None]:
    column = pl.Series("k", values, dtype=dtype)
    return column.to_frame().select(normalise_key(pl.col("k"), field, column.dtype)).to_series().to_list()


@pytest.mark.parametrize(
    ("field", "same"),
    [
        (make_field("email", case_sensitive=True), ["a@b.c", " A@B.C\t", "\u00a0a@b.C\u200b", "\ufeffa@b.c"]),
        (make_field("string"), ["Straße", "STRAßE ", "straße"]),
        (make_field("double"), ["7", "7.0", " 7.00", "+7", "0.7e1"]),
        (make_field("int"), ["-0", "0", "0.0"]),
        (make_field("date"), ["2026-11-22", "2026-11-22 23:00:00", "2026-11-22T01:00:00Z"]),
        (make_field("datetime"), ["2026-11-22 08:00", "2026-11-22T08:00:00.000Z", "2026-11-22T10:00:00+02:00"]),
        (make_field("time"), ["9:30", "09:30:00", "09:30:00.000Z"]),
        (make_field("boolean"), ["true", "YES", " 1 "]),
        (make_field("multipicklist"), ["Red;Blue", "blue; red", "Blue;Red;red;"]),
        (make_field("picklist"), ["Hot", "hot "]),
        (make_field("id"), ["001RM000003oLrB", "001RM000003oLrBYAU", "001rm000003olrbyau"]),
    ],
)
def test_keys_salesforce_finds_equal_are_equal(field: SObjectField, same: list[str]) -> None:
    assert len(set(normalise(same, field))) == 1


@pytest.mark.parametrize(
    ("field", "different"),
    [
        (make_field("string", case_sensitive=True), ["abc", "ABC"]),
        (make_field("string"), ["00123", "123", "a b", "ab"]),
        (make_field("string"), ["straße", "strasse"]),
        (make_field("double"), ["7", "7.01", "seven"]),
        (make_field("double"), ["9007199254740992", "9007199254740993"]),
        (make_field("id"), ["001RM000003oLrB", "001RM000003oLrb"]),
        (make_field("boolean"), ["true", "false", "maybe"]),
        (make_field("multipicklist"), ["Red", "Blue", "Blue;Red"]),
        (make_field("string"), ["50%", "50_", "50", "O'Brien", "O\\'Brien", 'O"Brien']),
        (make_field("string"), ["caf\u00e9", "cafe\u0301"]),
    ],
)
def test_other_keys_stay_apart(field: SObjectField, different: list[str]) -> None:
    assert len(set(normalise(different, field))) == len(different)


@pytest.mark.parametrize("field", FIELDS)
def test_blank_is_no_key(field: SObjectField) -> None:
    assert normalise(["", "  ", "\t\u00a0\u200b", None], field) == [None] * 4


def test_typed_columns_meet_text() -> None:
    assert normalise([7.0], make_field("double"), pl.Float64) == normalise(["7"], make_field("double"))
    assert normalise([7], make_field("string"), pl.Int64) == ["7"]
    assert normalise([7.0], make_field("string"), pl.Float64) == ["7"]
    assert normalise([date(2026, 1, 2)], make_field("date"), pl.Date) == normalise(["2026-01-02"], make_field("date"))
    moment = utc("2026-01-02T03:04:05")
    for unit in ("ms", "us", "ns"):
        dtype = pl.Datetime(unit, "UTC")
        assert normalise([moment], make_field("datetime"), dtype) == ["2026-01-02T03:04:05Z"]


@settings(max_examples=80, deadline=None)
@given(
    values=st.lists(st.text() | st.from_regex(r"[-+]?\d{1,4}(\.\d)?|\d{4}-\d\d-\d\d|[0-9A-Za-z]{15}", fullmatch=True))
)
def test_normalising_twice_is_normalising_once(values: list[str]) -> None:
    for field in FIELDS:
        once = normalise(values, field)
        assert normalise(once, field) == once


def test_hashed_ids_are_recognised() -> None:
    hashed = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
    assert count_hashed_ids(pl.Series([hashed, hashed + "=", "a@b.c", None, " "])) == (3, 2)
    assert count_hashed_ids(pl.Series([hashed, "a@b.c", "b@b.c"])) == (3, 1)
    assert count_hashed_ids(pl.Series([], dtype=pl.String)) == (0, 0)
