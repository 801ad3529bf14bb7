"""Messages about values name the characters that nobody sees."""

import re

import polars as pl
import pytest

from integration_center.store.person import MARKS
from integration_center.sync.schema import SObjectField
from integration_center.sync.values.invisible import NAME, NAMES
from integration_center_tests.sync.builders import fit_column, make_field

PICKLIST = make_field("picklist", length=255, picklist=("Hot", "Cold"), restricted_picklist=True)


@pytest.mark.parametrize("field", [PICKLIST, *(make_field(type_) for type_ in ("double", "date", "boolean"))])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Hot\u200bter", "Hot<zero width space>ter"),
        ("Ho\u00adt", "Ho<soft hyphen>t"),
        ("Very\u00a0hot", "Very<no-break space>hot"),
        ("Very\u202fhot", "Very<narrow no-break space>hot"),
        ("H\u202eot", "H<right-to-left override>ot"),
        ("Zo\u00eb \U0001f600", "Zo\u00eb \U0001f600"),
    ],
)
def test_a_message_names_what_nobody_sees_in_a_value(value: str, shown: str, field: SObjectField) -> None:
    (said,) = fit_column(pl.Series("c", [value]), field)["reason"]
    assert said.startswith(f"'{shown}' ")


def test_control_characters_that_are_not_removed_are_named_too() -> None:
    (said,) = fit_column(pl.Series("c", ["1\x1b[0m"]), make_field("double"))["reason"]
    assert said.startswith("'1<u+001b>[0m' is not a number")


def test_the_names_are_found_again_in_texts_about_a_person() -> None:
    assert [name for name in NAMES.values() if not re.fullmatch(NAME, name)] == []
    assert {mark for mark in map(chr, range(0x10000)) if re.fullmatch(MARKS, mark)} <= NAMES.keys()
