"""The people who may sign in to the console: named in the settings, with Argon2 hashes of their passwords.

The settings are read again at each look, so that a user who is taken out is out at once.
"""

import hashlib
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError

from integration_center.errors import ConfigurationError
from integration_center.settings import Settings

VARIABLE = "INTEGRATION_CENTER_USERS"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
HOW_TO_MAKE_ONE = "make a line with: integration-center password NAME --role operator"


class Role(IntEnum):
    """What a user may do: a viewer looks; an operator also connects, changes and runs."""

    VIEWER = 1
    OPERATOR = 2

    @property
    def title(self) -> str:
        """The role as the settings say it."""
        return self.name.lower()


ROLES = {role.title: role for role in Role}


@dataclass(frozen=True)
class User:
    """Somebody who may sign in.

    Attributes:
        password_hash: Argon2id, in its usual text form.
    """

    name: str
    role: Role
    password_hash: str = field(repr=False)

    @property
    def line(self) -> str:
        """The user as the settings take it: `name:role:hash`."""
        return f"{self.name}:{self.role.title}:{self.password_hash}"

    @property
    def credential(self) -> str:
        """Changes with the name, the role and the password; sessions that began under another one have ended."""
        return hashlib.sha256(self.line.encode()).hexdigest()


def read_users(settings: Settings) -> Mapping[str, User]:
    """The users by their name in lower case; empty when sign-in is not set up.

    `INTEGRATION_CENTER_USERS` holds entries `name:role:hash` with blanks between them, or names a file with one a
    line, where empty lines and lines that begin with `#` do not count.

    Raises:
        ConfigurationError: the file cannot be read, others may write it, it holds nobody, or an entry is wrong; says
            which, without its hash.
    """
    value = settings.users.get_secret_value().strip()
    if not value:
        return {}
    if "$argon2" in value:
        return _index(VARIABLE, value.split())
    path = Path(value).expanduser()
    return _index(str(path), _read_file(path))


def _read_file(path: Path) -> list[str]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the file of {VARIABLE}, {path}, cannot be read ({type(error).__name__}); expected a text file with one"
            f" name:role:hash a line; {HOW_TO_MAKE_ONE}"
        ) from None
    if mode & 0o022:
        raise ConfigurationError(f"{path} may be written by other users (mode {mode:04o}); run: chmod 600 {path}")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _index(origin: str, entries: list[str]) -> dict[str, User]:
    users: dict[str, User] = {}
    for number, entry in enumerate(entries, start=1):
        user = _read_entry(f"{origin}: entry {number} of {len(entries)}", entry)
        if user.name.lower() in users:
            raise ConfigurationError(f"{origin} names {user.name} twice; keep one entry")
        users[user.name.lower()] = user
    if not users:
        raise ConfigurationError(f"{origin} holds no user; {HOW_TO_MAKE_ONE}")
    return users


def _read_entry(place: str, entry: str) -> User:
    name, _, rest = entry.partition(":")
    title, _, password_hash = rest.partition(":")
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{place} does not begin with a user name (letters, digits and . _ @ + -); {HOW_TO_MAKE_ONE}"
        )
    role = ROLES.get(title)
    if role is None:
        raise ConfigurationError(f"{place} ({name}) has no role; expected {name}:viewer:… or {name}:operator:…")
    try:
        kind = extract_parameters(password_hash).type
    except (InvalidHashError, ValueError):
        kind = None
    if kind is not Type.ID:
        raise ConfigurationError(f"{place} ({name}) has no Argon2id hash as its third part; {HOW_TO_MAKE_ONE}")
    return User(name, role, password_hash)
