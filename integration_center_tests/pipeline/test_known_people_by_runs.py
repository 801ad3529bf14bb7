"""Whole runs end the same whether whom a ledger has is compared by its sum or read line by line."""

import random
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from integration_center.pipeline.assets import push
from integration_center.pipeline.jobs import release, retry
from integration_center.pipeline.steps import people
from integration_center.planning import absent_people
from integration_center.sync.absence import Absence, KnownPeople, find_absent, note_known
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command
from salesforce_emulator.clock import stamp
from salesforce_emulator.refusals import RowError

NUMBERS = PLAIN[:5]
STRANGERS = [f"stranger{number}@nowhere.example" for number in range(4)]
"""People without a Lead, so that the report seldom shrinks by half."""
EVENTS = {"kind": "events", "tags": ["integrations_salesforce"], "key_column": "User ID"}
COUNTED = {"column": "# Logins Last 30 Days", "field": COUNT}
WIDE = {"max_absent": 100, "max_changed": 100, "max_failed": 100, "min_match_rate": 0, "allow_empty": True}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"when_absent": {"after": 1}, "fields": [{**COUNTED, "absent": "0"}]},
    {"when_absent": {"after": 3, "then": "clear"}},
    {"filter": '"# Logins Last 30 Days" > 5'},
    {"rows": "all", "fields": [{"value": 'SUM("# Logins Last 30 Days")', "field": COUNT}]},
    {"where": "Company != 'Gone'"},
    {"when_many_match": "skip"},
    {"limits": {**WIDE, "max_absent": "10 %", "max_changed": "40 %"}},
    {"approval": "required"},
]
DAY = timedelta(days=1)
RUNS = 16


class Lines:
    """Compares what runs find and note with what the lines of their ledgers say.

    Attributes:
        short: how often a sum said who is absent, and who was seen.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.short = [0, 0]
        monkeypatch.setattr(absent_people, "find_absent", self.find_absent)
        for module in (push, release, retry):
            monkeypatch.setattr(module, "note_push", self.note_push)

    def find_absent(self, known: KnownPeople, *asked: Any) -> Absence:
        """Find who is absent, by the sum and by all ids."""
        found, by_line = find_absent(known, *asked), find_absent(KnownPeople(known.read), *asked)
        assert found.people.equals(by_line.people)
        assert (found.known, found.dropped) == (by_line.known, by_line.dropped)
        self.short[0] += known.seen is not None and known.seen[0] == asked[-1]
        return found

    def note_push(self, step: Any, lines: pl.LazyFrame) -> None:
        """Note a push, and compare the frame with the one that every line makes."""
        expected = pl.concat(note_known(people.read_known(step).lazy(), lines, step.run_id, step.days[-1]))
        with pytest.MonkeyPatch.context() as patch:
            read = []
            patch.setattr(people, "find_day_seen_again", lambda *a: read.append(a))
            people.note_push(step, lines)
        assert people.read_known(step).equals(expected)
        self.short[1] += not read


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    return Lines(monkeypatch)


def give_lead(center: Center, lead: str, field: str, value: object) -> None:
    """Let somebody in the sandbox change a field of a Lead."""
    sandbox = center.emulator.sandbox
    with sandbox.store.writing() as connection:
        connection.execute(
            f'UPDATE "Lead" SET "{field}" = ?, SystemModstamp = ? WHERE Id = ?',
            (value, stamp(sandbox.clock.now()), lead),
        )
    center.let_time_pass()


class Course:
    """A random sequence of days of one integration, with all that people do between its runs."""

    def __init__(self, center: Center, command: Command, chance: random.Random, about: dict[str, Any] | None) -> None:
        self.center, self.command, self.chance, self.about = center, command, chance, about
        self.leads = {number: center.lead(number)["Id"] for number in NUMBERS}
        self.in_org = {number: email(number) for number in NUMBERS}
        self.in_report = dict(self.in_org)
        self.present, self.counts = {*NUMBERS[:-1]}, {number: number for number in NUMBERS}
        self.day = days_before(25)
        self.newest_run = ""

    def integrate(self, settings: dict[str, Any]) -> None:
        """Change the settings of the integration, so that people can drop out of its report."""
        of_events = {"when_absent": {"after": 1}, "window": self.chance.choice([None, 3])} if self.about else {}
        self.center.integrate(**{"limits": WIDE, **of_events, **settings})

    def move(self) -> None:
        """Let something happen that changes who is in the report, or whom the org has."""
        chance, number, other = self.chance, *self.chance.sample(NUMBERS, 2)
        match chance.randrange(12):
            case 0 | 1:
                self.present ^= {number}
            case 2:
                self.counts[number] += 1
            case 3:
                self.in_org[number] = chance.choice([f"new{chance.random()}@example.org", self.in_org[other]])
                give_lead(self.center, self.leads[number], "Email", self.in_org[number])
            case 4:
                self.in_report = dict(self.in_org)
            case 5:
                give_lead(self.center, self.leads[number], COUNT, float(self.counts[number]))
            case 6:
                give_lead(self.center, self.leads[number], "Company", chance.choice(["Gone", "Here"]))
            case 7:
                self.center.emulator.sandbox.faults.clear()
                if chance.random() < 0.5:
                    refused = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")
                    self.center.emulator.sandbox.faults.fail_rows([self.leads[number]], refused)
            case 8:
                self.integrate(chance.choice(SETTINGS))
            case 9 if self.newest_run:
                self.command(chance.choice(["undo", "retry"]), self.newest_run, *["--yes"][: chance.randrange(2)])

    def drop(self, day: date) -> None:
        rows = [(self.in_report[n], "2026-01-02 08:00:00", None, self.counts[n]) for n in sorted(self.present)]
        self.center.drop([*rows, *((key, None, None, 3) for key in STRANGERS)], day, about=self.about)

    def run(self) -> None:
        """Run the next day, or the same one again, or an older one, or several."""
        chance = self.chance
        self.day += chance.choice([0, 1, 1, 1, 2]) * DAY
        last = self.day - chance.choice([0] * 8 + [1, 2]) * DAY
        first = last - chance.choice([0] * 6 + [1, 2]) * DAY
        self.drop(last)
        for earlier in range((last - first).days):
            if not (self.center.home / "drops" / "logins" / f"{first + earlier * DAY}.csv").exists():
                self.drop(first + earlier * DAY)
        self.center.let_time_pass()
        ran = self.center.run(day=first, last=last, allow_stale=chance.random() < 0.3)
        assert "unexpected" not in ran.error
        self.newest_run = ran.run_id
        if chance.random() < 0.7:
            assert "unexpected" not in self.command("release", ran.run_id, "--reason", "because")[2]


@pytest.mark.proof
@pytest.mark.parametrize("about", [None, EVENTS])
def test_a_course_of_runs_ends_as_their_lines_say(
    center: Center, command: Command, lines: Lines, about: dict[str, Any] | None
) -> None:
    course = Course(center, command, random.Random(7), about)
    course.integrate({})
    try:
        for _ in range(RUNS):
            if course.chance.random() < 0.6:
                course.move()
            course.run()
    finally:
        center.emulator.sandbox.faults.clear()
        for number, lead in course.leads.items():
            give_lead(center, lead, "Email", email(number))
    assert all(lines.short)


@pytest.mark.proof
def test_a_row_of_another_day_does_not_hide_who_dropped_out(center: Center) -> None:
    stays, leaves = NUMBERS[:2]
    lead = center.lead(leaves)["Id"]

    def run(first: int, last: int, files: dict[int, list[int]]) -> pl.DataFrame:
        for back, numbers in files.items():
            center.drop(logins(numbers, 10 - back), days_before(back), about=EVENTS)
        center.let_time_pass()
        return center.ledger(center.run(day=days_before(first), last=days_before(last)))

    absent = [{**COUNTED, "absent": "0"}]
    center.integrate(fields=absent, when_absent={"after": 1}, limits={**WIDE, "max_failed": 0})
    run(5, 5, {5: [leaves]})
    run(4, 4, {4: [stays, leaves]})
    give_lead(center, lead, "Email", "moved@example.org")
    try:
        faults = center.emulator.sandbox.faults
        faults.fail_rows([center.lead(stays)["Id"]], RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))
        run(4, 3, {3: [stays]})  # which fails, so the day before counts as it was applied before
        faults.clear()
        found = run(4, 2, {4: [stays], 2: [stays]})  # the row of the first day has to be written again
    finally:
        faults.clear()
        give_lead(center, lead, "Email", email(leaves))
    of_other_day = found.filter(pl.col("day") == days_before(5))
    assert of_other_day.select("key", "outcome").rows() == [(email(leaves), "unmatched")]
    assert found.filter(pl.col("record_id") == lead).select("key", "outcome").rows() == [(email(leaves), "updated")]
