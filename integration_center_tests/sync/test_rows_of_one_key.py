"""Several rows of a report with one key: which of them is used."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from integration_center_tests.sync.builders import (
    ANN,
    BOB,
    DAY,
    make_records,
    make_rows,
    make_spec,
    outcomes,
    plan,
    utc,
)


class TestDuplicates:
    def test_rows_that_agree_are_written_once(self) -> None:
        rows = make_rows({"User": [ANN, " ANN@EXAMPLE.ORG", BOB], "Score": [1.001, 1.0, 2.0]})
        lines = plan(rows, make_records({"Email": ANN}, {"Email": BOB}))
        assert outcomes(lines) == ["planned", "duplicate_key", "planned"]
        assert lines["reason"].to_list() == [None, "row 0 has the same key and is used", None]

    def test_rows_that_differ_are_not_written_without_latest_by(self) -> None:
        spec = make_spec({"Score": "Score__c", "Title{}": "Title"})
        rows = make_rows({"User": [ANN, ANN, BOB], "Score": [1.0, 2.0, 3.0], "Title{}": ["x", "y", "z"]})
        lines = plan(rows, make_records({"Email": ANN}, {"Email": BOB}), spec)
        assert outcomes(lines) == ["duplicate_key", "duplicate_key", "planned"]
        assert lines["reason"][0] == "2 rows have this key and differ in 'Score', 'Title{}'; none is used"

    def test_unfit_and_empty_do_not_agree(self) -> None:
        rows = make_rows({"User": [ANN, ANN], "Score": [None, "many"]}, Score=pl.String)
        assert outcomes(plan(rows, make_records({"Email": ANN}))) == ["duplicate_key", "duplicate_key"]

    def test_newest_by_column_wins_and_null_is_oldest(self) -> None:
        rows = make_rows(
            {"User": [ANN, ANN, ANN, BOB, BOB], "Score": [1.0, 2.0, 3.0, 4.0, 4.0], "At": [1, 7, None, None, None]}
        )
        records = make_records({"Email": ANN}, {"Email": BOB})
        lines = plan(rows, records, latest_by="At")
        assert outcomes(lines) == ["duplicate_key", "planned", "duplicate_key", "planned", "duplicate_key"]
        assert lines["reason"][0] == "row 1 has the same key and is used"
        assert plan(rows, records, make_spec({"Score": "Score__c"}, latest_by="At")).equals(lines)

    def test_ties_for_the_newest_must_agree(self) -> None:
        rows = make_rows({"User": [ANN] * 3, "Score": [1.0, 2.0, 3.0], "{At}": [7, 7, 1]})
        lines = plan(rows, make_records({"Email": ANN}), latest_by="{At}")
        assert outcomes(lines) == ["duplicate_key"] * 3
        assert lines["reason"][2] == "2 rows have this key and the newest '{At}' and differ in 'Score'; none is used"
        rows = rows.with_columns(Score=pl.lit(1.0))
        assert outcomes(plan(rows, make_records({"Email": ANN}), latest_by="{At}")) == [
            "planned", "duplicate_key", "duplicate_key",
        ]  # fmt: skip


class TestLatestByText:
    records = make_records({"Email": ANN}, {"Email": BOB})

    def used(self, at: Sequence[str | None], users: list[str] | None = None, **options: Any) -> list[int]:
        """The rows that are used of rows of one key (or of `users`), all of which would write different values."""
        users = users or [ANN] * len(at)
        rows = make_rows({"User": users, "Score": [float(row) for row in range(len(at))], "At": at}, At=pl.String)
        lines = plan(rows.with_columns(Score=pl.col("Score") + 1), self.records, latest_by="At", **options)
        return lines.filter(pl.col("outcome") == "planned")["row"].to_list()

    @pytest.mark.parametrize(
        ("at", "winner"),
        [
            (["2026-11-20", "2026-11-09 23:00", "n/a"], 0),
            (["n/a", "2026-11-20T10:00:00Z", "2026-11-20T09:30:00-01:00", "2026-11-20"], 2),
            (["", None, " ", "2026-11-20"], 3),
            (["9", "10", "-100"], 1),
            (["9", "unknown", "1e2", "33.5"], 2),
            ([" 2026-11-20 ", "11/21/2026"], 0),
        ],
    )
    def test_text_is_read_as_moments_else_as_numbers_and_the_unreadable_is_oldest(
        self, at: list[str | None], winner: int
    ) -> None:
        assert self.used(at) == [winner]
        assert self.used(at[::-1]) == [len(at) - 1 - winner]

    @pytest.mark.parametrize(
        "at",
        [
            ["11/9/2026 9:00", "11/10/2026 10:00"],
            ["v2", "v1", "2026-11-20"],
            ["2026-11-20", "20261121", "2026-11-19"],
            ["09:30", "10:00"],
        ],
    )
    def test_text_without_an_order_uses_only_rows_that_agree(self, at: list[str]) -> None:
        assert self.used(at) == []
        rows = make_rows({"User": [ANN] * len(at), "Score": [1.0] * len(at), "At": at})
        lines = plan(rows, self.records, latest_by="At")
        assert outcomes(lines) == ["planned", *["duplicate_key"] * (len(at) - 1)]
        differ = plan(rows.with_columns(Score=pl.int_range(pl.len())), self.records, latest_by="At")
        assert set(differ["reason"]) == {
            f"{len(at)} rows have this key (the values of 'At' do not show the newest: they are neither all dates and"
            " times nor all numbers) and differ in 'Score'; none is used"
        }

    def test_the_whole_column_tells_what_its_texts_are(self) -> None:
        users = [ANN, ANN, *(f"{number}@example.org" for number in range(3))]
        assert self.used(["2026-11-20", "n/a", *["11/9/2026"] * 3], users) == []
        assert self.used(["2026-11-20", "n/a", *["2026-11-09"] * 3], users) == [0]

    def test_a_column_of_categories_is_text(self) -> None:
        rows = make_rows({"User": [ANN, ANN], "Score": [1.0, 2.0], "At": ["10", "9"]}, At=pl.Categorical)
        assert outcomes(plan(rows, self.records, latest_by="At")) == ["planned", "duplicate_key"]

    def test_no_number_is_oldest(self) -> None:
        rows = make_rows({"User": [ANN, ANN], "Score": [1.0, 2.0], "At": [float("nan"), -1.0]})
        assert outcomes(plan(rows, self.records, latest_by="At")) == ["duplicate_key", "planned"]


class TestSeveralDays:
    days = (DAY - timedelta(1), DAY - timedelta(1), DAY)

    def test_of_a_snapshot_only_the_newest_day_counts(self) -> None:
        rows = make_rows({"User": [ANN, BOB, ANN], "Score": [1.0, 2.0, 3.0]}, days=self.days)
        lines = plan(rows, make_records({"Email": ANN}, {"Email": BOB}))
        assert outcomes(lines) == ["superseded", "superseded", "planned"]
        assert lines["day"].to_list() == list(self.days)

    def test_of_events_the_newest_row_of_each_key_counts(self) -> None:
        rows = make_rows({"User": [ANN, BOB, ANN], "Score": [1.0, 2.0, 3.0]}, days=self.days)
        lines = plan(rows, make_records({"Email": ANN}, {"Email": BOB}), kind="events")
        assert outcomes(lines) == ["superseded", "planned", "planned"]

    def test_of_events_their_own_time_beats_the_day(self) -> None:
        days = [DAY, DAY, DAY - timedelta(1), DAY - timedelta(1), DAY - timedelta(2), DAY]
        rows = make_rows(
            {
                "User": [ANN, ANN, ANN, ANN, ANN, BOB],
                "Score": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
                "At": [1, None, 9, 8, 7, 0],
            },
            days=days,
        )
        lines = plan(rows, make_records({"Email": ANN}, {"Email": BOB}), kind="events", latest_by="At")
        assert outcomes(lines) == ["superseded", "superseded", "planned", "duplicate_key", "superseded", "planned"]
        newer = f"a newer row with this key, of {DAY - timedelta(1)}, is used"
        assert lines["reason"].to_list()[:5] == [
            newer, newer, None, "row 2 has the same key and is used", "a newer day replaces this row",
        ]  # fmt: skip

    def test_of_events_of_one_time_the_newer_day_wins(self) -> None:
        rows = make_rows({"User": [ANN] * 3, "Score": [1.0, 2.0, 3.0], "At": [7, 7, 7]}, days=list(self.days))
        records = make_records({"Email": ANN})
        assert outcomes(plan(rows, records, kind="events", latest_by="At")) == ["superseded", "superseded", "planned"]
        undated = rows.with_columns(At=pl.lit(None))
        assert outcomes(plan(undated, records, kind="events", latest_by="At"))[2] == "planned"

    def test_events_of_one_time_and_day_must_agree(self) -> None:
        """Of a day whose newest rows differ none is used: that of another day is, as when days run one by one."""
        days = [DAY - timedelta(1), DAY - timedelta(1), DAY, DAY - timedelta(2)]
        rows = make_rows({"User": [ANN] * 4, "Score": [1.0, 2.0, 3.0, 4.0], "At": [7, 7, 5, 6]}, days=days)
        lines = plan(rows, make_records({"Email": ANN}), kind="events", latest_by="At")
        assert outcomes(lines) == ["duplicate_key", "duplicate_key", "superseded", "planned"]
        assert lines["reason"][1] == "2 rows have this key and the newest 'At' and differ in 'Score'; none is used"

    def test_events_whose_times_cannot_be_read_go_by_the_day(self) -> None:
        rows = make_rows(
            {"User": [ANN] * 3, "Score": [1.0, 2.0, 3.0], "At": ["12/9/2026", "9/9/2026", "1/9/2026"]},
            days=list(self.days),
        )
        lines = plan(rows, make_records({"Email": ANN}), kind="events", latest_by="At")
        assert outcomes(lines) == ["superseded", "superseded", "planned"]

    def test_of_a_snapshot_the_newest_day_beats_the_time_of_its_rows(self) -> None:
        rows = make_rows({"User": [ANN] * 3, "Score": [1.0, 2.0, 3.0], "At": [9, 8, 7]}, days=list(self.days))
        lines = plan(rows, make_records({"Email": ANN}), latest_by="At")
        assert outcomes(lines) == ["superseded", "superseded", "planned"]

    def test_events_without_key_have_no_newer_row(self) -> None:
        rows = make_rows({"User": [None, "", ANN], "Score": [1.0, 2.0, 3.0]}, days=self.days)
        assert outcomes(plan(rows, make_records({"Email": ANN}), kind="events")) == ["no_key", "no_key", "planned"]


@pytest.mark.parametrize("column", ["*", "^At$", "{At}"])
@pytest.mark.parametrize("moments", [[utc("2026-11-22T10:00:00"), utc("2026-11-22T09:00:00")], ["2", "1"], [2.0, 1.0]])
def test_what_tells_the_newest_row_may_have_any_name(column: str, moments: list[Any]) -> None:
    rows = make_rows({"User": [ANN, ANN], "Score": [1.0, 2.0], "At": moments[::-1]}).with_columns(
        pl.Series(values=moments).alias(column)  # Polars itself stumbles over such a name while it reads moments
    )
    spec = make_spec({"Score": "Score__c"}, latest_by=column)
    assert outcomes(plan(rows, make_records({"Email": ANN}), spec)) == ["planned", "duplicate_key"]
