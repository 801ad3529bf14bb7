"""The uses that the product exists for, in the org, by either write channel: NPS, courses, and people who leave."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.pipeline.test_rows_shaped import PROMOTERS

SCORE, PROGRESS, ANSWERS = "WalkMe_NPS_Score__c", "WalkMe_Onboarding__c", "WalkMe_Active_Users__c"
ACCOUNT_ANSWERS = {"kind": "events", "tags": ["integrations_salesforce"], "key_column": "Account Name"}
COURSES = {"kind": "snapshot", "tags": ["integrations_salesforce"], "key_column": "User ID"}
ANN, GONE = PLAIN[0], PLAIN[1]


def integrate(center: Center) -> None:
    """Write the three integrations."""
    center.integrate(
        "nps",
        name="NPS",
        report="answers",
        object="Account",
        keys=[{"column": "Account Name", "field": "Name"}],
        rows="all",
        window=90,
        filter='"Score" IS NOT NULL',
        fields=[{"value": PROMOTERS, "field": SCORE}, {"value": 'COUNT("Score")', "field": ANSWERS}],
        limits={"allow_empty": True},
    )
    done = "SUM(CASE WHEN \"Course Status\" = 'Completed' THEN 1 ELSE 0 END)"
    center.integrate(
        "courses",
        name="Courses",
        report="courses",
        rows="all",
        fields=[{"value": done, "field": SCORE}, {"value": 'AVG("Course Progress")', "field": PROGRESS}],
    )
    center.integrate(
        fields=[{"column": "# Logins Last 30 Days", "field": COUNT, "absent": 0}], when_absent={"after": 7}
    )


def drop_courses(center: Center, back: int) -> None:
    rows = [(email(ANN), "Completed", 100), (email(ANN), "Completed", 100), (email(ANN), "In progress", 10)]
    header = ("User ID", "Course Status", "Course Progress")
    center.drop(rows, days_before(back), report="courses", header=header, about=COURSES)


def drop_answers(center: Center, back: int, *scores: object) -> None:
    rows = [(account(center)["Name"], score) for score in scores]
    center.drop(rows, days_before(back), report="answers", header=("Account Name", "Score"), about=ACCOUNT_ANSWERS)


def account(center: Center) -> dict[str, Any]:
    """An Account whose name no other has."""
    accounts = center.emulator.sandbox.store.records("Account")
    names = [each["Name"] for each in accounts]
    return next(each for each in accounts if names.count(each["Name"]) == 1)


@pytest.fixture
def _accounts_as_before(center: Center) -> Iterator[None]:
    """Empties the fields of the Account before, and after, because tests share the org."""

    def empty() -> None:
        with center.emulator.sandbox.store.writing() as connection:
            connection.execute(
                f'UPDATE "Account" SET "{SCORE}" = NULL, "{ANSWERS}" = NULL WHERE Id = ?', (account(center)["Id"],)
            )

    empty()
    yield
    empty()


@pytest.mark.proof
@pytest.mark.usefixtures("_accounts_as_before")
@pytest.mark.parametrize("channel", ["collections", "bulk"])
def test_the_org_holds_what_the_uses_are_for(
    center: Center, command: Command, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if channel == "bulk":
        monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", 0)
    integrate(center)
    center.drop(logins(PLAIN), days_before(8))
    assert center.run(day=days_before(8)).success
    assert center.lead(GONE)[COUNT] == 7 + GONE

    center.let_time_pass()
    center.emulator.sandbox.calls.clear()
    center.drop(logins([n for n in PLAIN if n != GONE]), days_before(1))
    drop_courses(center, 1)
    drop_answers(center, 1, 10, 9, 2, None)
    first = center.materialize_all(days_before(1))
    assert first.success, first.error
    assert (account(center)[SCORE], account(center)[ANSWERS]) == (33, 3)
    assert (center.lead(ANN)[SCORE], center.lead(ANN)[PROGRESS]) == (2, 70)
    assert center.lead(GONE)[COUNT] == 0
    assert {"/jobs/ingest" in call.path for call in center.writes()} == {channel == "bulk"}

    shown = as_json(command("ledger", first.run_id, "--slug", "courses", "--key", f" {email(ANN).upper()}", "--json"))
    assert [(line["outcome"], line["source_rows"]) for line in shown] == [
        ("updated", 3),
        ("rolled_up", None),
        ("rolled_up", None),
    ]
    assert center.sync(first, "nps").counts["rows"] == {"updated": 1, "rolled_up": 2, "filtered": 1}

    center.let_time_pass()
    center.emulator.sandbox.calls.clear()
    center.drop(logins([n for n in PLAIN if n != GONE]))
    drop_courses(center, 0)
    drop_answers(center, 0)
    second = center.materialize_all()
    assert second.success, second.error
    assert center.writes() == []
    absent = center.ledger(second).filter(pl.col("outcome") == "absent")
    assert absent["key"].to_list() == [email(GONE)]
