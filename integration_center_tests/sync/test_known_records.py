"""The frame of known records stays as it is where a push only saw the same people again."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from integration_center.sync.absence import KNOWN, find_day_seen_again, note_known
from integration_center.sync.columns import OUTCOME

DAY = date(2026, 11, 20)
people = st.integers(0, 4)
outcomes = st.sampled_from(["unchanged", "updated", "failed", "ineligible", "unmatched", "superseded"])
seen = st.tuples(people, st.integers(0, 2))


def build_known(known: list[tuple[int, int]]) -> pl.LazyFrame:
    rows = [(f"00Q{person}", f"{person}@x.com", DAY - timedelta(days=back), "run 1") for person, back in known]
    return pl.LazyFrame(rows, schema=KNOWN, orient="row")


def build_lines(found: list[tuple[int, str, bool]]) -> pl.LazyFrame:
    rows = [
        (None if outcome == "unmatched" else f"00Q{person}", f"{'New' * new}{person}@X.com".lower(), outcome)
        for person, outcome, new in found
    ]
    return pl.LazyFrame(rows, schema={"record_id": pl.String(), "key": pl.String(), "outcome": OUTCOME}, orient="row")


@given(
    st.lists(seen, unique_by=lambda each: each[0]),
    st.lists(st.tuples(people, outcomes, st.booleans()), unique_by=lambda each: each[0]),
    st.booleans(),
)
def test_to_note_the_day_is_the_same_as_to_write_the_frame(
    known: list[tuple[int, int]], found: list[tuple[int, str, bool]], same: bool
) -> None:
    lines = build_lines([(person, "unchanged", False) for person, back in known if not back] if same else found)
    before, day = build_known(known), DAY + timedelta(days=1)
    newest = find_day_seen_again(before, lines, day)
    if newest is None:
        return
    written = pl.concat(note_known(before, lines, "run 2", day))
    assert before.collect().with_columns(pl.col("last_seen").replace(newest, day)).equals(written)


def test_the_same_people_are_seen_again() -> None:
    known = build_known([(1, 0), (2, 0), (3, 1)])
    again = [(1, "unchanged", False), (4, "ineligible", False), (2, "updated", False), (5, "unmatched", False)]
    assert find_day_seen_again(known, build_lines(again), DAY + timedelta(days=1)) == DAY
    assert find_day_seen_again(known, build_lines(again), DAY) == DAY
    assert find_day_seen_again(known, build_lines(again), DAY - timedelta(days=1)) is None
    assert find_day_seen_again(known, build_lines([*again, (3, "unmatched", False)]), DAY) is None
    assert find_day_seen_again(known, build_lines([*again, (6, "updated", False)]), DAY) is None
    assert find_day_seen_again(known, build_lines(again[1:]), DAY) is None
