"""Names that nearly fit: which one was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.wording.near_names import find_nearest, find_twin, say_nearest

FIELDS = ["Email", "acme__WalkMe_Score__c", "WalkMe_Last_Login__c", "WalkMe_First_Login__c", "Rating"]


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("WalkMe_Score__c", "acme__WalkMe_Score__c"),
        ("walkme_score", "acme__WalkMe_Score__c"),
        ("beta__WalkMe_Score__c", "acme__WalkMe_Score__c"),
        ("WALKME_LAST_LOGIN", "WalkMe_Last_Login__c"),
        ("Rating__c", None),
        ("WalkMe_Login__c", None),
    ],
)
def test_a_field_is_known_without_its_namespace_and_its_ending(name: str, twin: str | None) -> None:
    assert find_twin(name, FIELDS) == twin


def test_of_two_packages_none_is_meant() -> None:
    assert find_twin("Score__c", ["acme__Score__c", "beta__Score__c"]) is None


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("user id", "User ID"),
        ("User\u00a0ID", "User ID"),
        ("\ufeffUser ID", "User ID"),
        ("UserId", "User ID"),
        ("Last Logn", "Last Login"),
        ("last_login", "Last Login"),
        ("Churn", None),
    ],
)
def test_the_nearest_column(name: str, nearest: str | None) -> None:
    assert find_nearest(name, ["User ID", "First Login", "Last Login"]) == nearest


def test_without_a_near_name_the_first_ones_are_listed() -> None:
    assert say_nearest("Churn", ["A", "B"]) == "there are 'A', 'B'"
    assert say_nearest("Churn", []) == "there is none at all"
    assert say_nearest("Churn", [f"Column {n}" for n in range(40)]).endswith("'Column 11' and 28 more")


def test_a_name_without_end_is_cut() -> None:
    assert len(say_nearest("x" * 50_000, ["x" * 50_001, "y"])) < 120
    assert len(say_nearest("a", ["x" * 50_001] * 3)) < 300


@given(name=st.text(), there=st.lists(st.text()))
def test_any_name_has_an_answer(name: str, there: list[str]) -> None:
    assert find_nearest(name, there) in {None, *there} - {name} | {None}
    assert find_twin(name, there) in {None, *there}
