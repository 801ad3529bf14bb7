"""Invented people, the same ones in both orgs and in the reports about them."""

from dataclasses import dataclass
from functools import cache

_FIRST = (
    *("Ada", "Bo", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Grace", "Hüseyin", "Inés", "Jörg", "Kai", "Léa", "Mei"),
    *("Noor", "Olu", "Priya", "Quentin", "Renée", "Søren", "Tomás", "Uma", "Vikram", "Wei", "Xenia", "Yara", "Zoë"),
)
_LAST = (
    *("Adeyemi", "Brown", "Castillo", "D'Angelo", "Eriksson", "Fernández", "García", "Hughes", "Ibáñez", "Jansen"),
    *("Kim", "Lindqvist", "Müller", "Nowak", "Okafor", "Peña", "Quinn", "Rossi", "Świątek", "Tanaka", "Usman"),
    *("Varga", "Wu", "Ximenes", "Yılmaz", "Żak", "Bauer", "Cohen", "Dubois"),
)
_PLAIN = str.maketrans("áąéëíıñöøüśż", "aaeeiinoousz", "'-")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is in a report and who is a Lead or Contact in the orgs.

    Attributes:
        email: as the org holds it.
        first: first name.
        last: last name.
        company: the employer.
        record_id: a 15-character Lead id for the seeded Lead, if it matters.
    """

    email: str
    first: str
    last: str
    company: str
    record_id: str | None = None


@cache
def _mailbox(first: str, last: str) -> str:
    return f"{first}.{last}".lower().translate(_PLAIN)


def build_person(number: int) -> Person:
    """Return the invented person with this number: always the same, and no two with one e-mail address.

    Example:
        `build_person(12).email` looks like `mei.varga12@customer12.example`.
    """
    # Multipliers without a common factor with the list lengths walk through every pair of names.
    first = _FIRST[number * 7 % len(_FIRST)]
    last = _LAST[(number * 11 + number // len(_FIRST)) % len(_LAST)]
    company = company_number(number)
    return Person(
        email=f"{_mailbox(first, last)}{number}@customer{company}.example",
        first=first,
        last=last,
        company=f"Customer {company}",
    )


def company_number(number: int) -> int:
    """Return the number of the company where person `number` works, from 0 to 19,999."""
    return number % 20_000
