import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from integration_center.access.attempts import (
    AS_USER,
    FROM_ADDRESS,
    FROM_ADDRESS_AS_USER,
    KNOWN_FOR,
    PLACES,
    WINDOW,
    Attempts,
)
from integration_center.errors import RateLimited
from integration_center_tests.access.conftest import Clock

HERE, THERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture
def attempts(engine: Engine, clock: Clock) -> Attempts:
    return Attempts(engine, clock)


def fail(attempts: Attempts, times: int, name: str = "ann", address: str = HERE) -> None:
    for _ in range(times):
        attempts.admit(name, address)


def test_guessing_at_one_user_ends_soon_and_only_there(attempts: Attempts) -> None:
    fail(attempts, FROM_ADDRESS_AS_USER)
    with pytest.raises(RateLimited, match="try again in 15 minutes") as caught:
        attempts.admit(" ANN", HERE)
    assert caught.value.retry_after == WINDOW.total_seconds()
    attempts.admit("ann", THERE)
    attempts.admit("bob", HERE)


def test_the_wait_ends(attempts: Attempts, clock: Clock) -> None:
    fail(attempts, FROM_ADDRESS_AS_USER)
    clock.now += WINDOW - timedelta(seconds=30)
    with pytest.raises(RateLimited, match=r"in 1 minute$") as caught:
        attempts.admit("ann", HERE)
    assert caught.value.retry_after == 30
    clock.now += timedelta(seconds=30)
    attempts.admit("ann", HERE)


def test_a_refused_attempt_does_not_make_the_wait_longer(attempts: Attempts, clock: Clock) -> None:
    fail(attempts, FROM_ADDRESS_AS_USER)
    clock.now += WINDOW / 2
    for _ in range(10):
        with pytest.raises(RateLimited):
            attempts.admit("ann", HERE)
    clock.now += WINDOW / 2
    attempts.admit("ann", HERE)


def test_many_names_from_one_address_end_too_and_lock_nobody_out_elsewhere(attempts: Attempts) -> None:
    for number in range(FROM_ADDRESS):
        attempts.admit(f"user{number % 7}", HERE)
    with pytest.raises(RateLimited):
        attempts.admit("somebody else", HERE)
    for number in range(7):
        attempts.admit(f"user{number}", THERE)


def test_a_crowd_of_addresses_at_one_user_ends(attempts: Attempts) -> None:
    for number in range(AS_USER):
        attempts.admit("ann", f"203.0.113.{number}")
    with pytest.raises(RateLimited):
        attempts.admit("ann", THERE)
    attempts.admit("bob", THERE)


def test_one_household_of_ipv6_is_one_address(attempts: Attempts) -> None:
    for number in range(FROM_ADDRESS_AS_USER):
        attempts.admit("ann", f"2001:db8:1:2::{number}")
    with pytest.raises(RateLimited):
        attempts.admit("ann", "2001:db8:1:2:ffff::1")
    attempts.admit("ann", "2001:db8:1:3::1")


def test_what_is_no_address_is_one_address(attempts: Attempts) -> None:
    for number in range(FROM_ADDRESS_AS_USER):
        attempts.admit("ann", f"_hidden{number}")
    with pytest.raises(RateLimited):
        attempts.admit("ann", "192.0.2.7.example")
    attempts.admit("ann", HERE)


def test_a_sign_in_that_worked_forgets_its_own_failures_only(attempts: Attempts) -> None:
    fail(attempts, FROM_ADDRESS_AS_USER - 1)
    fail(attempts, FROM_ADDRESS_AS_USER, name="bob")
    attempts.forget("Ann", HERE)
    fail(attempts, FROM_ADDRESS_AS_USER)
    with pytest.raises(RateLimited):
        attempts.admit("bob", HERE)


def test_a_volley_is_held_to_the_limit_too(attempts: Attempts) -> None:
    barrier, admitted = threading.Barrier(12), []

    def try_once() -> None:
        barrier.wait()
        try:
            attempts.admit("ann", HERE)
        except RateLimited:
            return
        admitted.append(1)

    threads = [threading.Thread(target=try_once) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == FROM_ADDRESS_AS_USER


@pytest.fixture
def crowd(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Wrong passwords for ann from so many networks that her own limit, here a low one, is reached."""
    monkeypatch.setattr("integration_center.access.attempts.AS_USER", 7)

    def crowd() -> None:
        for number in range(7):
            attempts.admit("ann", f"2001:db8:{number:x}::1")

    return crowd


def test_an_address_from_which_the_user_signed_in_lately_stays_open(
    attempts: Attempts, clock: Clock, crowd: Callable[[], None]
) -> None:
    attempts.remember("Ann", HERE)
    attempts.remember("ann", "2001:db8:ffff:1::7")
    attempts.remember("bob", THERE)
    clock.now += KNOWN_FOR - timedelta(minutes=1)
    crowd()
    attempts.admit("ann", HERE)
    attempts.admit("ann", "2001:db8:ffff:1::8")
    for address in (THERE, "203.0.113.7", "2001:db8:ffff:2::7"):
        with pytest.raises(RateLimited):
            attempts.admit("ann", address)
    clock.now += timedelta(minutes=1)
    with pytest.raises(RateLimited):
        attempts.admit("ann", HERE)


def test_a_known_address_keeps_its_own_limits(attempts: Attempts, crowd: Callable[[], None]) -> None:
    attempts.remember("ann", HERE)
    crowd()
    fail(attempts, FROM_ADDRESS_AS_USER)
    with pytest.raises(RateLimited):
        attempts.admit("ann", HERE)


def test_the_addresses_remembered_are_few_and_the_latest(
    attempts: Attempts, clock: Clock, crowd: Callable[[], None]
) -> None:
    for number in range(PLACES + 1):
        attempts.remember("ann", f"198.51.100.{number}")
        clock.now += timedelta(minutes=1)
    crowd()
    with pytest.raises(RateLimited):
        attempts.admit("ann", "198.51.100.0")
    for number in range(1, PLACES + 1):
        attempts.admit("ann", f"198.51.100.{number}")


@pytest.mark.parametrize("address", ["unknown", "", "_hidden", "<b>x</b>"])
def test_what_is_no_address_is_never_known(attempts: Attempts, crowd: Callable[[], None], address: str) -> None:
    attempts.remember("ann", address)
    crowd()
    with pytest.raises(RateLimited):
        attempts.admit("ann", address)
