import re
import time
from collections.abc import Mapping
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from integration_center.access import passwords
from integration_center.access.common_passwords import is_common
from integration_center.access.passwords import find_user, hash_password
from integration_center.access.users import Role, User
from integration_center.errors import ConfigurationError
from integration_center_tests.proofs import examples

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


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password1234",
        "P@ssw0rd1234",
        "aaaaaaaaaaaa",
        "            ",
        "123456789012",
        "098765432109",
        "qwertyuiop12",
        "1q2w3e4r5t6y",
        "abcdefghijkl",
        "passwordpassword",
        "letmeinletmeinletmein",
        "iloveyou1234",
        "administrator",
        "Summer2024!!",
        "salesforce123",
        "walkme-walkme",
        "IntegrationCenter1",
        "ann.miller123",
        "Ann.Miller-Ann.Miller",
        "password" * 30,
    ],
)
def test_a_common_password_is_refused_with_a_reason(password: str) -> None:
    with pytest.raises(ConfigurationError, match="is common") as caught:
        hash_password(password, "ann.miller")
    assert password.strip() == "" or password not in str(caught.value)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "a good long password", "Kf8#mmQ2xLp0", "tr0ub4dor&3xx", "aaaaaaaaaaaa" + "Kf8#mmQ2xLp0"],
)
def test_any_other_password_is_accepted(password: str) -> None:
    assert not is_common(password, "ann")


@examples(60)
@given(st.text(max_size=300))
def test_any_text_is_judged_and_that_takes_no_time(password: str) -> None:
    assert is_common(password, "ann") in {True, False}


@pytest.mark.proof
def test_leet_letters_at_length_take_no_time() -> None:
    """The worst case of the estimate, which grows steeply with the length."""
    began = time.process_time()
    assert not is_common("4@8({[<369&#!1/|0$5+7%2z" * 10, "ann")
    assert time.process_time() - began < 5
