"""Read the users who may sign in to the console: named in the settings, with Argon2 hashes of their passwords.

The settings are read again for each request, so that a removed user loses access at once.
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from integration_center.access.password_hashes import find_fault
from integration_center.errors import ConfigurationError
from integration_center.settings import Settings

VARIABLE = "INTEGRATION_CENTER_USERS"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
HOW_TO_MAKE_ONE = "make a line with: integration-center password NAME --role operator"


class Role(IntEnum):
    """What a user may do. A viewer can look; an operator can also connect, change and run.

    An approver can do all of that, and approve plans that wait for it. An admin can also stop everything, give roles to
    people and end their sessions.
    """

    VIEWER = 1
    OPERATOR = 2
    APPROVER = 3
    ADMIN = 4

    @property
    def title(self) -> str:
        """The role as written in the settings."""
        return self.name.lower()


ROLES = {role.title: role for role in Role}


@dataclass(frozen=True)
class User:
    """A user who may sign in.

    Attributes:
        password_hash: the Argon2id hash in its usual text form.
    """

    name: str
    role: Role
    password_hash: str = field(repr=False)

    @property
    def line(self) -> str:
        """The user as written in the settings: `name:role:hash`."""
        return f"{self.name}:{self.role.title}:{self.password_hash}"

    @property
    def credential(self) -> str:
        """A hash of the name, the role and the password. Sessions that began with another hash have ended."""
        return hashlib.sha256(self.line.encode()).hexdigest()


def read_users(settings: Settings) -> Mapping[str, User]:
    """Read the users, by their name in lowercase; none when sign-in is not set up.

    `INTEGRATION_CENTER_USERS` has entries `name:role:hash` with blanks between them, or names a file with one entry per
    line, where empty lines and lines that begin with `#` do not count.

    Raises:
        ConfigurationError: the file cannot be read, others may read or write it, it has no user, or an entry is
            wrong. The message names the entry, without its hash.
    """
    value = settings.users.get_secret_value().strip()
    if not value:
        return {}
    if "$argon2" in value:
        return _index(VARIABLE, value.split())
    path = Path(os.path.expanduser(value))
    return _index(str(path), _read_file(path))


def _read_file(path: Path) -> list[str]:
    """Read the entries of a users file that only its owner can read or change.

    Links are followed and the target is checked, because containers mount secrets by links.
    """
    try:
        with open(path, encoding="utf-8", opener=_open_at_once) as file:
            _refuse_open_file(path, os.fstat(file.fileno()))  # checks the same file that is read
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the file of {VARIABLE}, {path}, cannot be read ({type(error).__name__}); expected a text file with one"
            f" name:role:hash per line; {HOW_TO_MAKE_ONE}"
        ) from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting, because a pipe in its place would block every request."""
    return os.open(path, flags | os.O_NONBLOCK)


def _refuse_open_file(path: Path, found: os.stat_result) -> None:
    """Refuse a users file that others may read or change.

    Raises:
        ConfigurationError: others may read or change the file. The message says how to change that.
    """
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{path} is not a file; name a text file in {VARIABLE}")
    mode, me = stat.S_IMODE(found.st_mode), os.geteuid()
    if found.st_uid not in {0, me}:
        raise ConfigurationError(
            f"{path} belongs to another user (uid {found.st_uid}), who may change it; run: chown {me} {path}"
        )
    if mode & 0o077:
        what = "written" if mode & 0o022 else "read"
        raise ConfigurationError(f"{path} may be {what} by other users (mode {mode:04o}); run: chmod 600 {path}")


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
        raise ConfigurationError(
            f"{place} ({name}) has no role; expected {name}:viewer:…, {name}:operator:…, {name}:approver:… or"
            f" {name}:admin:…"
        )
    if fault := find_fault(password_hash):
        raise ConfigurationError(f"{place} ({name}) {fault}; {HOW_TO_MAKE_ONE}")
    return User(name, role, password_hash)
