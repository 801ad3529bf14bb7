from pathlib import Path

import pytest

from salesforce_emulator.org.org import PRODUCTION, SANDBOX, Org, OrgProfile
from salesforce_emulator.people import Person, build_person
from salesforce_emulator.schema.identifiers import IdSequence, extend_id, normalize_id
from salesforce_emulator.schema.numbers import format_double
from salesforce_emulator.seed import is_only_in_production, is_only_in_sandbox, seed_org

GIVEN = (
    Person("zo.lindqvist45@customer8.example", "Zoë", "Lindqvist", "Customer 8"),
    Person("champion@customer9.example", "Cham", "Pion", "Customer 9", record_id="00Qd3ebDB50A6Dc"),
    build_person(3),
)


def build(folder: Path, profile: OrgProfile, records: int = 1_000) -> Org:
    org = Org(profile, folder / f"{profile.name}.sqlite")
    seed_org(org, records, GIVEN)
    return org


@pytest.fixture
def sandbox(tmp_path: Path) -> Org:
    return build(tmp_path, SANDBOX)


def test_people_are_always_the_same_and_unlike_each_other() -> None:
    assert build_person(12) == build_person(12)
    people = [build_person(number) for number in range(5_000)]
    assert len({person.email for person in people}) == 5_000
    assert len({(person.first, person.last) for person in people}) > 500
    assert all(person.email.isascii() and person.email == person.email.lower() for person in people)
    assert build_person(7).email.endswith("7@customer7.example")


def test_same_seed_gives_the_same_rows(sandbox: Org, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    other = build(tmp_path / "again", SANDBOX)
    assert sandbox.store.records("Lead") == other.store.records("Lead")


def test_orgs_differ_in_ids_values_and_a_few_people(sandbox: Org, tmp_path: Path) -> None:
    production = build(tmp_path, PRODUCTION)
    here = {row["Email"].lower(): row for row in sandbox.store.records("Lead")}
    there = {row["Email"].lower(): row for row in production.store.records("Lead")}
    shared = set(here) & set(there)
    only_there = {build_person(number).email for number in range(1_000) if is_only_in_production(number)}
    only_here = {build_person(number).email for number in range(1_000) if is_only_in_sandbox(number)}
    assert only_there
    assert only_here
    assert only_there - set(here) == only_there & set(there)
    assert only_here - set(there) == only_here & set(here)
    same_ids = {email for email in shared if here[email]["Id"] == there[email]["Id"]}
    assert same_ids == {"champion@customer9.example"}
    differing = [email for email in shared if here[email]["WalkMe_NPS_Score__c"] != there[email]["WalkMe_NPS_Score__c"]]
    assert 100 < len(differing) < len(shared)


def test_given_people_have_records(sandbox: Org) -> None:
    leads = {row["Id"]: row for row in sandbox.store.records("Lead")}
    assert leads[extend_id("00Qd3ebDB50A6Dc")]["Email"] == "champion@customer9.example"
    emails = [row["Email"].lower() for row in leads.values()]
    assert emails.count("zo.lindqvist45@customer8.example") == 1
    assert emails.count(build_person(3).email) == 1
    contacts = {row["Email"].lower() for row in sandbox.store.records("Contact")}
    assert contacts >= {"champion@customer9.example", build_person(3).email}


def test_special_leads_are_there(sandbox: Org) -> None:
    assert sandbox.store.count("Lead", "IsConverted = 1") >= 10
    assert sandbox.store.count("Lead", "IsDeleted = 1") >= 10
    emails = [row["Email"] for row in sandbox.store.records("Lead", "IsDeleted = 0")]
    assert any(email != email.lower() for email in emails)
    lowered = [email.lower() for email in emails]
    assert 0 < len(lowered) - len(set(lowered)) < 50


def test_new_records_never_take_a_used_id(sandbox: Org) -> None:
    first = sandbox.new_id("00Q")
    sandbox.store.insert_many("Lead", ("Id", "IsDeleted", "LastName"), [(first, 0, "New")])
    sandbox.close()
    again = Org(SANDBOX, sandbox.store.path)
    assert again.new_id("00Q") != first
    again.close()


def test_bad_record_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Not a record id"):
        seed_org(Org(SANDBOX, tmp_path / "x.sqlite"), 1, [Person("a@b.example", "A", "B", "C", record_id="short")])


def test_ids_of_both_lengths() -> None:
    # A published pair of the two forms of one id.
    assert extend_id("001dM00003jU9Gy") == "001dM00003jU9GyQAK"
    assert normalize_id("001dm00003ju9gyqak") == "001dM00003jU9GyQAK"
    assert normalize_id("001RM000003oLrB000") is None
    assert normalize_id("too short") is None
    sequence = IdSequence("00Q", "Kc", 61)
    ids = [sequence.take() for _ in range(4_000)]
    assert len(set(ids)) == 4_000
    assert all(extend_id(item[:15]) == item for item in ids)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (48.0, "48.0"), (912260031.0, "9.12260031E8"), (1e7, "1.0E7"), (9999999.5, "9999999.5"), (0.0, "0.0"),
        (0.0001, "1.0E-4"), (-2.5e9, "-2.5E9"), (123456789012345.67, "1.2345678901234567E14"), (None, None),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)  # fmt: skip
def test_doubles_are_written_as_java_does(value: float | None, text: str | None) -> None:
    assert format_double(value) == text
