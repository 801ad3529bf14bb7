from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.match.keys import count_hashed_ids, list_spellings, normalise_key
from integration_center.sync.schema import SObjectField
from integration_center_tests.proofs import examples
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
        (make_field("string"), ["caf\u00e9", "cafe\u0301", "CAF\u00c9", "caf\u00e9\u200f"]),
        (make_field("string"), ["Acme Corp", "Acme\u00a0Corp", "Ac\u00adme Corp", "\u202aAcme\u2003Corp\u202c"]),
        (
            make_field("string", case_sensitive=True),
            ["E\u0301-7", "\u00c9-7", "\ufeff\u00c9-\u200b7"],
        ),
        (
            make_field("email", case_sensitive=True),
            ["ann@x.org", "ann\u200b@x.org", "\u2066ann@x.org\u2069"],
        ),
        (make_field("double"), ["1200", "12\u200b00"]),
        (make_field("id"), ["001RM000003oLrBYAU", "001RM\u200d000003oLrBYAU"]),
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


@examples(40)
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


def test_the_spellings_under_which_the_org_may_hold_a_key() -> None:
    """ASCII keys have one, so that a list of keys asks for each once; blanks outside are never stored."""
    field = make_field("string")
    assert list_spellings(pl.Series([" A b", "a B", None, " "]), field) == ["a b"]
    assert list_spellings(pl.Series(["x\u200b"]), field) == ["x"]
    assert list_spellings(pl.Series(["x\u200by"]), field) == ["xy", "x\u200by"]
    assert list_spellings(pl.Series(["\u00c9 "]), field) == ["\u00e9", "e\u0301", "\u00c9"]
    assert list_spellings(pl.Series([7]), make_field("double")) == ["7"]
