"""A sandbox in which Salesforce changed the e-mail addresses of people: nothing matches, and the product says why."""

import pytest

from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, email, logins
from integration_center_tests.pipeline.commands import Command

PEOPLE = PLAIN[:4]
SAYS = "the org holds these addresses with .invalid at the end, or as user=domain@example.com"


@pytest.fixture
def altered(center: Center) -> Center:
    """An org in which the addresses of some people are altered in each way; the report knows the real ones."""
    first, second, third, fourth = (email(number) for number in PEOPLE)
    altered = {
        first: f"{first}.invalid",
        second: second.replace("@", "=") + "@example.com",
        third: f"{third}.INVALID",
        fourth: f"{fourth}.invalid.invalid",
    }
    with center.emulator.sandbox.store.writing() as connection:
        for before, after in altered.items():
            connection.execute("UPDATE Lead SET Email = ? WHERE Email = ?", (after, before))
    center.drop(logins(PEOPLE))
    return center


def test_a_run_and_a_check_say_why_nothing_matches(altered: Center, command: Command) -> None:
    altered.integrate()
    run = altered.run()
    assert not run.success
    error = altered.sync(run).error or ""
    assert "0 of 4 rows that could be looked up match a record" in error
    assert SAYS in error
    assert "`ignore_invalid: true`" in error
    assert altered.writes() == []
    code, out, _ = command("check", "logins_to_leads")
    assert code == 1
    assert SAYS in " ".join(out.split())


@pytest.mark.proof
@pytest.mark.sampled
@pytest.mark.parametrize("whole", [False, True])
def test_addresses_are_matched_as_they_were_when_the_integration_says_so(
    altered: Center, command: Command, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    """A list of keys asks for each spelling that one refresh of a sandbox makes; the whole object has all of them."""
    if whole:
        monkeypatch.setattr("integration_center.planning.plan.KEY_LIST_ROWS", 0)
    altered.integrate(ignore_invalid=True)
    assert command("check", "logins_to_leads")[0] == 0
    run = altered.run()
    assert run.success, run.error
    written = {lead[COUNT] for lead in altered.leads().values()}
    assert {7 + number for number in PEOPLE} & written == {7 + number for number in PEOPLE[: 4 if whole else 3]}


def test_an_org_without_these_people_is_another_matter(center: Center) -> None:
    center.integrate()
    center.drop([(f"nobody{number}@nowhere.example", None, None, 1) for number in range(30)])
    run = center.run()
    error = center.sync(run).error or ""
    assert "match a record" in error
    assert SAYS not in error
