"""A month of one integration against an oracle in plain Python: people join, leave, come back and change addresses."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl
import pytest

from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, email
from salesforce_emulator.clock import stamp

AFTER = 3
NUMBERS = PLAIN[:6]
STRANGERS = [(f"stranger{n}@nowhere.example", None, None, n) for n in range(len(NUMBERS))]
"""Rows without a Lead, so that the report never shrinks by half."""
NEW = NUMBERS[3]
"""Somebody who is not in the first report."""
SHARED = 2
"""The day on which the last of them takes the address of the one before, so that two Leads share one."""


@dataclass
class Person:
    """Somebody with a Lead."""

    lead: str
    in_report: str
    in_org: str
    present: bool = True


@dataclass
class Oracle:
    """What the org has to hold, and whom the integration knows.

    Attributes:
        values: the logins in each Lead.
        known: for each Lead that was written, its last day in the report and the key there.
    """

    values: dict[str, float | None]
    known: dict[str, tuple[date, str]] = field(default_factory=dict)

    def sync(self, people: list[Person], rows: dict[str, int], day: date) -> set[str]:
        """Apply a day, and return the Leads that have to be written."""
        wanted: dict[str, float] = {}
        matched = {person.lead: person.in_org for person in people if person.in_org in rows}
        for lead, key in matched.items():
            wanted[lead] = rows[key]
        for lead, (last, key) in self.known.items():
            if lead not in matched and key not in rows and (day - last).days >= AFTER:
                wanted[lead] = 0
        written = {lead for lead, value in wanted.items() if self.values[lead] != value}
        self.values |= wanted
        for lead in {*self.known, *(written & matched.keys())}:
            last, key = self.known.get(lead, (day, ""))
            key = matched.get(lead, key)
            seen = lead in matched or key in rows
            self.known[lead] = (day if seen else last, key)
        return written


@pytest.mark.proof
@pytest.mark.parametrize("length", [8, pytest.param(30, marks=pytest.mark.every_fault)])
def test_each_day_ends_as_the_oracle_says(center: Center, length: int) -> None:
    chance = random.Random(length)
    center.integrate(
        fields=[{"column": "# Logins Last 30 Days", "field": COUNT, "absent": 0}],
        when_absent={"after": AFTER},
        limits={"max_absent": 100, "max_changed": 100, "allow_empty": True, "min_match_rate": 0},
    )
    people = [Person(center.lead(n)["Id"], email(n), email(n), present=n != NEW) for n in NUMBERS]
    oracle = Oracle({person.lead: center.leads()[person.lead][COUNT] for person in people})
    first = YESTERDAY - timedelta(days=length - 1)
    late: date | None = None
    for number in range(length):
        day = first + timedelta(days=number)
        move(center, people, chance, number)
        rows = {person.in_report: number + place for place, person in enumerate(people) if person.present}
        center.drop([*STRANGERS, *((key.upper(), None, None, count) for key, count in rows.items())], day)
        if number < length - 1 and late is None and chance.random() < 0.15:
            late = day  # its run comes together with the next one
            continue
        center.let_time_pass()
        ran = center.run(day=late or day, last=day)
        assert ran.success, ran.error
        expected = oracle.sync(people, rows, day)
        held = {lead: center.leads()[lead][COUNT] for lead in oracle.values}
        assert held == oracle.values, day
        lines = center.ledger(ran)
        assert set(lines.filter(pl.col("outcome") == "updated")["record_id"]) == expected, day
        late = None


def move(center: Center, people: list[Person], chance: random.Random, number: int) -> None:
    """Let people leave, come back, and change their address: first in the org, and a day later in the report."""
    center.let_time_pass()
    for place, person in enumerate(people):
        if person.in_report != person.in_org:
            person.in_report = person.in_org
        elif chance.random() < 0.08 or (number == SHARED and person is people[-1]):
            takes_over = number == SHARED and person is people[-1]
            person.in_org = people[-2].in_org if takes_over else f"new{place}of{number}@example.org"
            with center.emulator.sandbox.store.writing() as connection:
                connection.execute(
                    'UPDATE "Lead" SET Email = ?, SystemModstamp = ? WHERE Id = ?',
                    (person.in_org, stamp(center.emulator.sandbox.clock.now()), person.lead),
                )
        if chance.random() < 0.2:
            person.present = not person.present
