import re
from collections.abc import Mapping
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters

from integration_center.access import passwords
from integration_center.access.passwords import find_user, hash_password
from integration_center.access.users import Role, User
from integration_center.errors import ConfigurationError

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
ANN = User("Ann", Role.OPERATOR, CHEAP.hash("correct horse battery"))
USERS: Mapping[str, User] = {"ann": ANN}


def test_name_in_any_case_and_password_to_the_letter() -> None:
    assert find_user(USERS, " aNN ", "correct horse battery") == ANN
    assert find_user(USERS, "ann", "Correct horse battery") is None
    assert find_user(USERS, "bob", "correct horse battery") is None
    assert find_user(USERS, "ann", "") is None


def test_a_new_hash_opens_what_it_was_made_for() -> None:
    line = User("ann", Role.VIEWER, hash_password("a good long password")).line
    assert re.fullmatch(r"ann:viewer:\$argon2id\$v=19\$\S+", line)
    user = User("ann", Role.VIEWER, line.partition("viewer:")[2])
    assert find_user({"ann": user}, "ann", "a good long password") == user


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_has_bounds(password: str) -> None:
    with pytest.raises(ConfigurationError, match="12 to 256 characters") as caught:
        hash_password(password)
    assert not password or password not in str(caught.value)


def test_a_name_that_nobody_has_costs_as_much_as_one_that_somebody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            compared.append(extract_parameters(str(hash)))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "PasswordHasher", Watched)
    find_user(USERS, "ann", "wrong")
    find_user(USERS, "nobody", "wrong")
    assert compared == [extract_parameters(ANN.password_hash)] * 2
