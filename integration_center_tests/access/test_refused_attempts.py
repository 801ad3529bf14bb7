from datetime import timedelta

import pytest
from sqlalchemy import Engine

from integration_center.access.audit import Action, AuditEntry, AuditLog
from integration_center.access.refused_attempts import (
    BEYOND,
    COUNTED,
    DAY,
    ENTRIES_A_DAY,
    MANY_PLACES,
    NOBODY,
    WINDOW,
    RefusedAttempt,
    RefusedAttempts,
)
from integration_center_tests.access.conftest import Clock

ROLE = RefusedAttempt(Action.REFUSED, "vera", "POST /integrations/{slug}/run: vera may look but not change")
STRANGER = RefusedAttempt(Action.REFUSED, NOBODY, "GET: asked for the console under a name that is not its own")
GUESS = RefusedAttempt(Action.SIGN_IN_REFUSED, NOBODY, "the name or the password is wrong", alone=True)
HERE = "192.0.2.7"


@pytest.fixture
def attempts(engine: Engine, clock: Clock) -> RefusedAttempts:
    return RefusedAttempts(engine, clock)


def listed(engine: Engine) -> list[AuditEntry]:
    return list(AuditLog(engine).list(limit=100_000))


def test_the_same_refusal_is_counted_for_a_quarter_of_an_hour(
    attempts: RefusedAttempts, engine: Engine, clock: Clock
) -> None:
    for _ in range(3):
        attempts.record(ROLE, HERE)
    (entry,) = listed(engine)
    assert (entry.who, entry.where, entry.action, entry.times) == ("vera", HERE, Action.REFUSED, 3)
    assert (entry.at, entry.detail) == (clock.now, ROLE.detail)
    attempts.record(ROLE, "198.51.100.9")
    clock.now += WINDOW
    attempts.record(ROLE, HERE)
    assert [entry.times for entry in listed(engine)] == [1, 1, 3]


def test_one_household_of_ipv6_is_one_entry(attempts: RefusedAttempts, engine: Engine) -> None:
    for number in range(4):
        attempts.record(STRANGER, f"2001:db8:1:2::{number}")
    assert [(entry.where, entry.times) for entry in listed(engine)] == [("2001:db8:1:2::/64", 4)]


@pytest.mark.parametrize("refusal", [STRANGER, GUESS], ids=["other host", "wrong password"])
def test_strangers_from_many_networks_do_not_fill_the_disk(
    attempts: RefusedAttempts, engine: Engine, clock: Clock, refusal: RefusedAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ENTRIES_A_DAY <= 1_000
    monkeypatch.setattr("integration_center.access.refused_attempts.ENTRIES_A_DAY", 20)
    for number in range(20 + 15):
        attempts.record(refusal, f"2001:db8:{number:x}::1")
    entries = listed(engine)
    assert len(entries) == 20 + 1
    assert (entries[0].where, entries[0].detail, entries[0].times) == (MANY_PLACES, BEYOND, 15)
    assert sum(entry.times for entry in entries) == 20 + 15

    attempts.record(ROLE, HERE)
    assert listed(engine)[0].detail == ROLE.detail, "what a known user tries is noted beside a flood of strangers"
    clock.now += DAY
    attempts.record(refusal, HERE)
    assert listed(engine)[0].where == HERE


def test_each_wrong_password_has_its_own_entry(attempts: RefusedAttempts, engine: Engine, clock: Clock) -> None:
    for _ in range(3):
        attempts.record(GUESS, HERE)
        clock.now += timedelta(seconds=1)
    assert [entry.times for entry in listed(engine)] == [1, 1, 1]


def test_a_count_ends(attempts: RefusedAttempts, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert COUNTED >= 1_000
    monkeypatch.setattr("integration_center.access.refused_attempts.COUNTED", 5)
    for _ in range(9):
        attempts.record(STRANGER, HERE)
    assert [entry.times for entry in listed(engine)] == [5]
