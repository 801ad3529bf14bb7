"""Hash passwords with Argon2id, and compare them in the same time whether or not the user exists."""

import threading
from collections.abc import Mapping
from functools import cache
from zlib import crc32

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerificationError

from integration_center.access.common_passwords import is_common
from integration_center.access.password_hashes import COST
from integration_center.access.users import User
from integration_center.errors import ConfigurationError

MIN_LENGTH, MAX_LENGTH = 12, 256
AT_ONCE = threading.Semaphore(2)
"""Limits simultaneous comparisons. Each takes 64 MiB and a core, and many sign-ins must not take all of them."""


def hash_password(password: str, name: str = "") -> str:
    """Hash a new password with Argon2id.

    Raises:
        ConfigurationError: the password is too short, too long or too common.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ConfigurationError(f"a password needs {MIN_LENGTH} to {MAX_LENGTH} characters; choose another")
    if is_common(password, name):
        raise ConfigurationError(
            "this password is common, or made of common words, rows of keys or the user's name, so it is among"
            " the first guesses; choose another, such as four unrelated words"
        )
    return PasswordHasher.from_parameters(COST).hash(password)


def find_user(users: Mapping[str, User], name: str, password: str) -> User | None:
    """Find the user with this name and password; None when there is none.

    Args:
        users: the users from `read_users`; not empty.
        name: the name as typed, in upper or lower case.
        password: the password as typed.
    """
    folded = name.strip().lower()
    user = users.get(folded)
    # A password is compared for an unknown name too, so that the time does not reveal which names exist.
    password_hash = user.password_hash if user else _decoy(_pick(users, folded).password_hash)
    with AT_ONCE:
        try:
            PasswordHasher().verify(password_hash, password[:MAX_LENGTH])
        except VerificationError:
            return None
    return user if len(password) <= MAX_LENGTH else None


def _pick(users: Mapping[str, User], name: str) -> User:
    """Pick a user for an unknown name, always the same one, so that the cost of its comparison does not vary."""
    return list(users.values())[crc32(name.encode(errors="surrogatepass")) % len(users)]


@cache
def _decoy(like: str) -> str:
    """Build a hash that takes as long to compare as `like`, for a password that nobody knows."""
    return PasswordHasher.from_parameters(extract_parameters(like)).hash(like)
