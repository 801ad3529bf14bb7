"""What a provider or a proxy says of a person, and the role that follows from it."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from integration_center.access.users import NAME, ROLES, Role
from integration_center.errors import SignInRefused
from integration_center.settings import SignInSettings

MOST_GROUPS = 2_000


class Method(StrEnum):
    """How a person signs in."""

    PASSWORD = "password"  # noqa: S105 - no password
    PROVIDER = "provider"
    PROXY = "proxy"

    @property
    def words(self) -> str:
        """The method, for people."""
        return {"password": "name and password", "provider": "single sign-on", "proxy": "the proxy"}[self.value]


@dataclass(frozen=True)
class Identity:
    """A person, as a provider or proxy names them.

    Attributes:
        subject: the issuer and its own id of the person, which never change.
        name: the name for pages and the audit log.
        groups: the groups of the person.
    """

    method: Method
    subject: str
    name: str
    groups: frozenset[str]

    @property
    def person_id(self) -> str:
        """The id of the person in our database."""
        return make_person_id(self.method, self.subject)


def make_person_id(method: Method, subject: str) -> str:
    """Make the id of a person in our database."""
    return hashlib.sha256(f"{method.value}|{subject}".encode()).hexdigest()


def read_identity(claims: Mapping[str, Any], method: Method, groups_claim: str) -> Identity:
    """Read the person from claims whose signature was checked.

    Raises:
        SignInRefused: they name no person.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise SignInRefused("the sign-in names no person (sub)")
    verified = claims.get("email") if claims.get("email_verified") is not False else None
    names = (claims.get("preferred_username"), verified, subject)
    name = next((each for each in names if isinstance(each, str) and NAME.fullmatch(each)), None)
    known = f"{claims.get('iss')}|{subject}"
    name = name or f"person-{hashlib.sha256(known.encode()).hexdigest()[:10]}"
    return Identity(method, known, name, _read_groups(claims, groups_claim))


def find_role(groups: Collection[str], settings: SignInSettings) -> Role | None:
    """Find the highest role of somebody's groups; None when no groups are set up, so that roles are given here.

    Raises:
        SignInRefused: none of the groups has a role.
    """
    if not settings.group_roles:
        return None
    pairs = [part.partition("=") for part in settings.group_roles.split(";")]
    found = [ROLES[role.strip()] for role, _, group in pairs if group.strip() in groups]
    if not found:
        raise SignInRefused("you are in no group that may use this console; ask an admin which group that is")
    return max(found)


def _read_groups(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """Read the groups. A name with dots leads into nested claims, as `realm_access.roles` of Keycloak does."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, Sequence):
        return frozenset()
    return frozenset(each for each in found[:MOST_GROUPS] if isinstance(each, str))
