import polars as pl
import pytest

from integration_center.sync.values.ids import to_18

KNOWN = ["001RM000003oLrBYAU", "0013000000auCyTAAU", "000000000000000AAA"]


def convert(*ids: str | None) -> list[str | None]:
    return pl.DataFrame({"id": ids}, schema={"id": pl.String}).select(to_18(pl.col("id"))).to_series().to_list()


@pytest.mark.parametrize("known", KNOWN)
def test_fifteen_characters_get_their_check_characters(known: str) -> None:
    assert convert(known[:15]) == [known]


@pytest.mark.parametrize("known", KNOWN)
def test_case_lost_in_a_spreadsheet_comes_back(known: str) -> None:
    assert convert(known, known.lower(), known.upper(), f" {known} ") == [known] * 4


def test_what_is_no_id_is_null() -> None:
    damaged = "001RM000003oLrbYAU"
    assert convert(damaged, "001RM000003oLrB999", "short", "001RM000003oLr-", "", None, "x" * 16) == [None] * 7
