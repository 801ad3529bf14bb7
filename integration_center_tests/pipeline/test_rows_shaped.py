"""Rows shaped into records: roll-ups, calculated values, filters, windows, and people who drop out."""

from datetime import datetime
from typing import Any

import dagster as dg
import polars as pl
import pytest

from integration_center.pipeline.steps import applying
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, Ran, days_before, email, logins
from integration_center_tests.pipeline.test_recovery import break_off
from integration_center_tests.pipeline.test_undo import undo_here

NPS = ("User ID", "Score", "Submitted At")
EVENTS = {"kind": "events", "tags": ["integrations_salesforce"], "key_column": "User ID", "latest_by": "Submitted At"}
SCORE = "WalkMe_Logins_Last_30_Days__c"
PROMOTERS = (
    '100.0 * (SUM(CASE WHEN "Score" >= 9 THEN 1 ELSE 0 END) - SUM(CASE WHEN "Score" <= 6 THEN 1 ELSE 0 END))'
    ' / COUNT("Score")'
)


def answers(*given: tuple[int, object, str]) -> list[tuple[str, object, str]]:
    return [(email(person), score, f"{day} 10:00:00") for person, score, day in given]


def roll_up(center: Center, **changes: Any) -> None:
    center.integrate(
        "nps",
        **{
            "name": "NPS",
            "report": "answers",
            "rows": "all",
            "fields": [
                {"value": PROMOTERS, "field": SCORE},
                {"value": 'MAX("Submitted At")', "field": LAST},
            ],
            **changes,
        },
    )


def outcomes(center: Center, ran: Ran, slug: str = "nps") -> dict[str, int]:
    return dict(center.ledger(ran, slug)["outcome"].cast(pl.String).value_counts().iter_rows())


def test_answers_of_one_person_become_one_score(center: Center) -> None:
    day = YESTERDAY.isoformat()
    rows = answers((1, 10, day), (1, 9, day), (1, 2, day), (3, 10, day), (9999, 3, day), (9999, 4, day))
    center.drop([*rows, ("", 5, f"{day} 10:00:00")], report="answers", header=NPS, about=EVENTS)
    roll_up(center)
    ran = center.run("nps")
    assert ran.success, ran.error
    assert (center.lead(1)[SCORE], center.lead(3)[SCORE]) == (33, 100)
    assert outcomes(center, ran) == {"updated": 2, "rolled_up": 3, "unmatched": 1, "no_key": 1}
    lines = center.ledger(ran, "nps")
    assert lines["row"].to_list() == [*range(7)]
    assert lines["source_rows"].to_list() == [3, None, None, 1, 2, None, None]
    assert lines["reason"][1] == "row 0 has the value of all rows with this key"
    again = center.run("nps")
    assert outcomes(center, again)["unchanged"] == 2
    assert center.sync(again, "nps").counts["rows"] == {"unchanged": 2, "rolled_up": 3, "no_key": 1, "unmatched": 1}


@pytest.mark.proof
def test_a_window_takes_the_days_that_end_with_the_run(center: Center) -> None:
    for back, score in ((0, 2), (1, 10), (2, 9), (4, 1)):
        day = days_before(back)
        center.drop(answers((1, score, day.isoformat())), day, report="answers", header=NPS, about=EVENTS)
    roll_up(center, window=4, filter='"Score" IS NOT NULL')
    ran = center.run("nps")
    assert ran.success, ran.error
    assert center.lead(1)[SCORE] == 33
    event = center.instance.get_latest_materialization_event(dg.AssetKey(["nps", "update_set"]))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["window_days_missing"].value == [days_before(3).isoformat()]
    lineage = metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    assert {each.column_name for each in lineage.deps_by_column[f"after.{LAST}"]} == {"Submitted At", "Score"}
    center.drop(answers((1, 10, YESTERDAY.isoformat())), report="answers", header=NPS, about=EVENTS)
    corrected = center.run("nps")
    assert corrected.success, corrected.error
    assert center.lead(1)[SCORE] == 100


@pytest.mark.proof
def test_values_and_a_filter_without_roll_up(center: Center) -> None:
    center.drop(logins(PLAIN[:3]))
    center.integrate(
        filter=f"\"User ID\" <> '{email(PLAIN[2])}'",
        fields=[{"value": 'RUN_DATE - CAST("Last Login" AS DATE)', "field": COUNT}],
    )
    ran = center.run()
    assert ran.success, ran.error
    expected = (YESTERDAY - datetime.fromisoformat("2026-10-02").date()).days
    assert center.lead(PLAIN[0])[COUNT] == expected
    assert outcomes(center, ran, "logins_to_leads") == {"updated": 2, "filtered": 1}
    lead = center.lead(PLAIN[2])
    assert lead[COUNT] != expected


@pytest.mark.proof
def test_a_late_day_of_rolled_up_events_does_not_replace_a_newer_one(center: Center) -> None:
    for back, score in ((1, 1), (0, 10)):
        day = days_before(back)
        center.drop(answers((1, score, day.isoformat())), day, report="answers", header=NPS, about=EVENTS)
    roll_up(center)
    assert center.run("nps").success
    late = center.run("nps", days_before(1))
    assert late.success, late.error
    assert center.lead(1)[SCORE] == 100
    assert outcomes(center, late) == {"superseded": 1}


@pytest.mark.proof
def test_undo_restores_rolled_up_values(center: Center) -> None:
    before = {person: (center.lead(person)[SCORE], center.lead(person)[LAST]) for person in (1, 3)}
    day = YESTERDAY.isoformat()
    rows = answers((1, 10, day), (1, 9, day), (1, 2, day), (3, 10, day))
    center.drop(rows, report="answers", header=NPS, about=EVENTS)
    roll_up(center)
    ran = center.run("nps")
    assert ran.success, ran.error
    assert {person: center.lead(person)[SCORE] for person in before} == {1: 33, 3: 100}
    undone = undo_here(center, ran.run_id, "nps")
    assert undone.success, undone.error
    assert {person: (center.lead(person)[SCORE], center.lead(person)[LAST]) for person in before} == before


@pytest.mark.proof
def test_a_past_window_gives_what_it_gave_then(center: Center) -> None:
    """Days that came since make no difference."""
    for back, scores in ((3, (10, 9)), (2, (2,)), (0, (1, 1))):
        day = days_before(back)
        rows = [row for score in scores for row in answers((1, score, day.isoformat()))]
        center.drop(rows, day, report="answers", header=NPS, about=EVENTS)
    roll_up(center, window=2)
    first = center.run("nps", days_before(2))
    assert first.success, first.error
    assert center.lead(1)[SCORE] == 33
    assert center.run("nps").success
    assert center.lead(1)[SCORE] == -100
    assert "would overwrite newer values" in str(center.run("nps", days_before(2)).error)
    assert center.run("nps", days_before(2), allow_stale=True).success
    assert center.lead(1)[SCORE] == 33


class TestPeopleWhoDropOut:
    """Twelve people; one of them leaves the report."""

    def integrate(self, center: Center, **changes: Any) -> None:
        fields = [
            {"column": "# Logins Last 30 Days", "field": COUNT, "absent": 0},
            {"column": "First Login", "field": FIRST},
        ]
        center.integrate(fields=fields, **{"when_absent": {"after": 3}, **changes})

    @pytest.mark.proof
    def test_they_are_counted_then_written_then_left_alone(self, center: Center) -> None:
        self.integrate(center)
        center.drop(logins(PLAIN), days_before(4))
        first = center.run(day=days_before(4))
        assert first.success, first.error
        for back, expected in ((3, 9), (2, 9), (1, 0), (0, 0)):
            center.drop(logins(PLAIN[1:]), days_before(back))
            ran = center.run(day=days_before(back))
            assert ran.success, ran.error
            lines = center.ledger(ran).filter(pl.col("last_seen").is_not_null())
            assert lines["key"].to_list() == [email(PLAIN[0])]
            assert lines["outcome"].to_list() == ["updated" if back == 1 else "absent"]
            assert lines["last_seen"].to_list() == [days_before(4)]
            assert center.lead(PLAIN[0])[COUNT] == (8 if expected else 0)
            assert center.lead(PLAIN[0])[FIRST] is not None
        center.drop(logins(PLAIN, 20))
        back_again = center.run()
        assert center.lead(PLAIN[0])[COUNT] == 20 + PLAIN[0], back_again.error

    def test_half_a_report_holds_the_push(self, center: Center) -> None:
        self.integrate(center)
        center.drop(logins(PLAIN), days_before(1))
        assert center.run(day=days_before(1)).success
        center.drop(logins(PLAIN[:5]), YESTERDAY)
        ran = center.run()
        assert not ran.success
        assert "3 of 8 people of the last report are no longer in it (37.5 %)" in (center.sync(ran).error or "")

    @pytest.mark.proof
    def test_those_whom_a_run_wrote_that_was_cut_off(self, center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
        self.integrate(center)
        center.drop(logins(PLAIN), days_before(1))
        with monkeypatch.context() as broken:
            broken.setattr(applying, "completing", break_off)
            assert not center.run(day=days_before(1)).success
        assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]
        center.drop(logins(PLAIN[1:]))
        ran = center.run()
        assert ran.success, ran.error
        absent = center.ledger(ran).filter(pl.col("outcome") == "absent")
        assert absent.select("key", "last_seen").rows() == [(email(PLAIN[0]), days_before(1))]

    @pytest.mark.proof
    def test_undo_restores_them(self, center: Center) -> None:
        self.integrate(center, when_absent={"after": 1, "then": "clear"})
        center.drop(logins(PLAIN), days_before(1))
        assert center.run(day=days_before(1)).success
        before = center.lead(PLAIN[0])
        center.let_time_pass()
        center.drop(logins(PLAIN[1:]))
        ran = center.run()
        assert ran.success, ran.error
        assert (center.lead(PLAIN[0])[COUNT], center.lead(PLAIN[0])[FIRST]) == (0, None)
        assert undo_here(center, ran.run_id).success
        assert center.lead(PLAIN[0])[COUNT] == before[COUNT]
        assert center.lead(PLAIN[0])[FIRST] == before[FIRST]


@pytest.mark.proof
def test_people_without_an_event_for_days_beside_rows_of_other_days(center: Center) -> None:
    """The ledger adds up although rows that earlier runs applied take part in the plan."""
    center.integrate(
        "nps",
        report="answers",
        fields=[{"column": "Score", "field": SCORE, "absent": 0}],
        when_absent={"after": 1},
    )
    for back, people in ((2, (1, 3, 4)), (0, (1, 3)), (1, (1,))):
        day = days_before(back)
        given = answers(*((person, 10 - back, day.isoformat()) for person in people))
        center.drop(given, day, report="answers", header=NPS, about=EVENTS)
        ran = center.run("nps", day)
        assert ran.success, ran.error
        lines = center.ledger(ran, "nps")
        assert lines["row"].to_list() == [*range(lines.height)]
    assert [center.lead(person)[SCORE] for person in (1, 3, 4)] == [10, 10, 0]
    assert outcomes(center, ran) == {"superseded": 1, "absent": 1}
