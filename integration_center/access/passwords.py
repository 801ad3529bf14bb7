"""Passwords: hashed with Argon2id, compared in the same time whether or not the user exists."""

import threading
from collections.abc import Mapping
from functools import cache

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerificationError

from integration_center.access.users import User
from integration_center.errors import ConfigurationError

MIN_LENGTH, MAX_LENGTH = 12, 256
AT_ONCE = threading.Semaphore(2)
"""Each comparison takes 64 MiB and a core for a while; a crowd of sign-ins must not take all of both."""


def hash_password(password: str) -> str:
    """The Argon2id hash of a new password, with argon2-cffi's current parameters (RFC 9106, low memory).

    Raises:
        ConfigurationError: the password is too short or too long.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ConfigurationError(f"a password needs {MIN_LENGTH} to {MAX_LENGTH} characters; choose another")
    return PasswordHasher().hash(password)


def find_user(users: Mapping[str, User], name: str, password: str) -> User | None:
    """The user with this name and password, or None.

    Args:
        users: from `read_users`; not empty.
        name: as typed, any case.
        password: as typed.
    """
    user = users.get(name.strip().lower())
    # A name that nobody has is compared too, so that the time taken does not tell which names exist.
    password_hash = user.password_hash if user else _decoy(next(iter(users.values())).password_hash)
    with AT_ONCE:
        try:
            PasswordHasher().verify(password_hash, password[:MAX_LENGTH])
        except VerificationError:
            return None
    return user if len(password) <= MAX_LENGTH else None


@cache
def _decoy(like: str) -> str:
    """A hash that takes as long to compare as `like`, of a password that nobody knows."""
    return PasswordHasher.from_parameters(extract_parameters(like)).hash(like)
