"""The people whom report drops tell about, so that the orgs hold a Lead for each of them."""

import csv
from collections.abc import Iterator
from pathlib import Path

from salesforce_emulator.people import Person

EMAIL_COLUMNS = ("User ID", "End User ID")
ID_COLUMN = "Salesforce ID"


def read_drop_people(drops: Path) -> list[Person]:
    """One person for each e-mail address or record id in the drops below `drops`, in order of first appearance."""
    people: dict[str, Person] = {}
    for path in sorted(drops.glob("*/*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for person in _read_people(csv.DictReader(file)):
                people.setdefault(person.record_id or person.email, person)
    return list(people.values())


def _read_people(rows: "csv.DictReader[str]") -> Iterator[Person]:
    for row in rows:
        if record_id := row.get(ID_COLUMN):
            yield Person(f"champion.{record_id.lower()}@drops.example", "Champion", record_id, "Drops", record_id)
            continue
        key = next((row[column] for column in EMAIL_COLUMNS if row.get(column)), "").strip().lower()
        if "@" not in key:
            continue
        name, _, company = key.partition("@")
        first, _, last = name.rstrip("0123456789").partition(".")
        yield Person(key, first.title(), last.title() or first.title(), company.split(".")[0].title())
