"""Passwords: hashed with Argon2id, compared in the same time whether or not the user exists."""

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
"""Each comparison takes 64 MiB and a core for a while; a crowd of sign-ins must not take all of both."""


def hash_password(password: str, name: str = "") -> str:
    """The Argon2id hash of a new password.

    Args:
        password: as typed.
        name: of the user.

    Raises:
        ConfigurationError: the password is too short, too long or a common one.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ConfigurationError(f"a password needs {MIN_LENGTH} to {MAX_LENGTH} characters; choose another")
    if is_common(password, name):
        raise ConfigurationError(
            "this password is a common one, or made of common words, rows of keys or the user's name, so it is among"
            " the first that are guessed; choose another, such as four words that do not belong together"
        )
    return PasswordHasher.from_parameters(COST).hash(password)


def find_user(users: Mapping[str, User], name: str, password: str) -> User | None:
    """The user with this name and password, or None.

    Args:
        users: from `read_users`; not empty.
        name: as typed, any case.
        password: as typed.
    """
    folded = name.strip().lower()
    user = users.get(folded)
    # A name that nobody has is compared too, so that the time taken does not tell which names exist.
    password_hash = user.password_hash if user else _decoy(_pick(users, folded).password_hash)
    with AT_ONCE:
        try:
            PasswordHasher().verify(password_hash, password[:MAX_LENGTH])
        except VerificationError:
            return None
    return user if len(password) <= MAX_LENGTH else None


def _pick(users: Mapping[str, User], name: str) -> User:
    """Some user, always the same for one name: hashes may differ in their cost, and an unknown name has one, too."""
    return list(users.values())[crc32(name.encode(errors="surrogatepass")) % len(users)]


@cache
def _decoy(like: str) -> str:
    """A hash that takes as long to compare as `like`, of a password that nobody knows."""
    return PasswordHasher.from_parameters(extract_parameters(like)).hash(like)
