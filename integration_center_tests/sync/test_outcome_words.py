"""Outcomes and reasons in the words of operators."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.columns import OUTCOME
from integration_center.sync.outcome_words import (
    OUTCOME_WORDS,
    TROUBLED,
    order_counts,
    say_counts,
    say_records,
    title_outcome,
)
from integration_center.sync.outcomes import BROKEN, Outcome
from integration_center.sync.reason_groups import GROUPED, group_reason


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words_of_its_own(outcome: Outcome) -> None:
    said = title_outcome(outcome)
    assert said[0].isupper()
    assert "_" not in said
    assert [each for each in Outcome if title_outcome(each) == said] == [outcome]


def test_what_counts_as_broken_needs_a_look() -> None:
    assert set(BROKEN) <= set(TROUBLED)
    assert not any(OUTCOME_WORDS[outcome].calm for outcome in TROUBLED)


def test_counts_read_as_in_the_documentation() -> None:
    counts = {"failed": 3, "ineligible": 97, "duplicate_key": 55, "unmatched": 485, "updated": 4363}
    assert say_counts(counts) == (
        "4,363 updated · 485 not found in Salesforce · 55 repeated · 97 cannot be edited · 3 refused"
    )
    assert say_records(1, Outcome.FAILED) == "1 record was refused"


@given(st.dictionaries(st.sampled_from(Outcome), st.integers(0, 9)))
def test_no_count_is_lost_and_trouble_comes_last(counts: dict[Outcome, int]) -> None:
    ordered = order_counts({outcome.value: count for outcome, count in counts.items()})
    assert dict(ordered) == {outcome: count for outcome, count in counts.items() if count}
    troubled = [outcome in TROUBLED for outcome, _ in ordered if outcome is not Outcome.OVERRIDDEN]
    assert troubled == sorted(troubled)


@pytest.mark.parametrize(
    ("outcome", "reasons", "said"),
    [
        ("duplicate_key", [f"row {n} has the same key and is used" for n in range(5)], "another row has the same key"),
        ("ambiguous", [f"matches {n} records; at most 10 may match" for n in (11, 250)], None),
        ("failed", [f"duplicate value found: duplicates record 00QKc00000000{n:02d}MAA" for n in range(9)], None),
        ("rejected", [f"the text has {n:,} characters; the field holds 255" for n in (300, 12_345)], None),
        ("unmatched", [None, None], "no record has this key"),
        ("no_key", [None], "the row has no value in its key column"),
        ("updated", [None, None], None),
    ],
)
def test_reasons_that_say_the_same_are_one(outcome: str, reasons: list[str | None], said: str | None) -> None:
    lines = pl.LazyFrame(
        {"outcome": pl.Series([outcome] * len(reasons), dtype=OUTCOME), "reason": pl.Series(reasons, dtype=pl.String)}
    )
    found = lines.select(group_reason()).collect()[GROUPED].unique().to_list()
    assert len(found) == 1
    if said is not None:
        assert found == [said]


def test_the_most_frequent_reason_of_refusals_is_said_beside_their_number() -> None:
    counts = {"updated": 5, "failed": 300}
    assert say_counts(counts, refused={"DUPLICATES_DETECTED": 300}) == (
        "5 updated · 300 refused by a duplicate rule (DUPLICATES_DETECTED)"
    )
    assert say_counts(counts, refused={"A_CODE": 100, "STRING_TOO_LONG": 150, "": 50}) == (
        "5 updated · 300 refused, most often because a text is too long (STRING_TOO_LONG), and for 2 other reasons"
    )
    assert say_counts(counts, refused={"A_CODE": 300}) == "5 updated · 300 refused with the code A_CODE"
    assert say_counts(counts, refused={"": 300}) == "5 updated · 300 refused without a code"
    assert say_counts({"updated": 5}, refused={}) == "5 updated"
