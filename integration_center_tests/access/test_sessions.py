from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from integration_center.access.identities import Identity, Method
from integration_center.access.people import People
from integration_center.access.sessions import CHECKED_AGAIN, IDLE, LIFETIME, ConsoleSessions, Origin
from integration_center.access.users import Role, User
from integration_center.settings import SignInSettings
from integration_center_tests.access.conftest import Clock

ANN = User("Ann", Role.OPERATOR, "$argon2id$one")
USERS = {"ann": ANN}
MOMENT = timedelta(seconds=1)


@pytest.fixture
def sessions(engine: Engine, clock: Clock) -> ConsoleSessions:
    return ConsoleSessions(engine, clock)


def test_a_session_is_found_by_its_token_until_it_ends(sessions: ConsoleSessions) -> None:
    token, other = sessions.begin(ANN), sessions.begin(ANN)
    assert token != other
    assert sessions.find(token, USERS) == ANN
    sessions.end(token)
    assert sessions.find(token, USERS) is None
    assert sessions.find(other, USERS) == ANN
    assert sessions.find("made up", USERS) is None


def test_the_token_itself_is_not_stored(sessions: ConsoleSessions, engine: Engine) -> None:
    token = sessions.begin(ANN)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM console_sessions")).one()
    assert token not in str(row)


def test_without_pages_it_ends_after_the_idle_time(sessions: ConsoleSessions, clock: Clock) -> None:
    token = sessions.begin(ANN)
    clock.now += IDLE - MOMENT
    assert sessions.find(token, USERS) == ANN
    clock.now += IDLE - MOMENT
    assert sessions.find(token, USERS) == ANN
    clock.now += IDLE
    assert sessions.find(token, USERS) is None


def test_a_page_that_brings_itself_up_to_date_is_no_sign_of_life(sessions: ConsoleSessions, clock: Clock) -> None:
    token = sessions.begin(ANN)
    clock.now += IDLE - MOMENT
    assert sessions.find(token, USERS, renew=False) == ANN
    clock.now += MOMENT
    assert sessions.find(token, USERS, renew=False) is None


def test_it_ends_for_good_however_busy(sessions: ConsoleSessions, clock: Clock) -> None:
    token, began = sessions.begin(ANN), clock.now
    while clock.now < began + LIFETIME - IDLE / 2:
        clock.now += IDLE / 2
        last = sessions.find(token, USERS)
    assert clock.now == began + LIFETIME - IDLE / 2
    assert last == ANN
    clock.now += IDLE / 2
    assert sessions.find(token, USERS) is None


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ann": replace(ANN, password_hash="$argon2id$two")},
        {"ann": replace(ANN, role=Role.VIEWER)},
        {"bob": replace(ANN, name="bob")},
    ],
    ids=["taken out", "another password", "another role", "renamed"],
)
def test_it_ends_when_its_user_changes(sessions: ConsoleSessions, changed: dict[str, User]) -> None:
    token = sessions.begin(ANN)
    assert sessions.find(token, changed) is None


def test_ended_sessions_are_cleared_away(sessions: ConsoleSessions, engine: Engine, clock: Clock) -> None:
    sessions.begin(ANN)
    clock.now += IDLE
    sessions.begin(ANN)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM console_sessions")).scalar_one() == 1


@pytest.mark.parametrize(
    ("changes", "comes_in"),
    [
        ({}, True),
        ({"oidc_issuer": ""}, False),
        ({"group_roles": "operator=everybody"}, False),
        ({"group_roles": ""}, False),
        ({"group_roles": "operator=everybody; admin=chiefs"}, True),
    ],
)
def test_a_session_by_a_provider_ends_with_the_way_of_signing_in(
    engine: Engine, clock: Clock, changes: dict[str, str], comes_in: bool
) -> None:
    person = People(engine, clock).note_sign_in(Identity(Method.PROVIDER, "issuer|eve", "eve", frozenset({"chiefs"})))
    token = ConsoleSessions(engine, clock).begin(
        User("eve", Role.ADMIN, ""), Origin(person.id, "192.0.2.1", by_group=True)
    )
    settings = SignInSettings.model_construct(oidc_issuer="https://id.example", group_roles="admin=chiefs")
    sessions = ConsoleSessions(engine, clock, settings.model_copy(update=changes))
    found = sessions.find(token, {})
    assert (found is not None) is comes_in
    clock.now += CHECKED_AGAIN / 2
    assert (sessions.find(token, {}) is not None) is comes_in
    clock.now += CHECKED_AGAIN / 2
    assert sessions.find(token, {}) is None
