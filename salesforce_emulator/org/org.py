"""One org: who it is, what it holds, and the switches that tests turn."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from salesforce_emulator.clock import Clock, stamp
from salesforce_emulator.faults import Faults
from salesforce_emulator.org.calls import Allowance, CallLog
from salesforce_emulator.org.flows import Flows
from salesforce_emulator.org.rights import RIGHTS_OBJECTS, UserRights
from salesforce_emulator.org.sessions import Sessions
from salesforce_emulator.org.store import Store
from salesforce_emulator.schema.identifiers import IdSequence, extend_id
from salesforce_emulator.schema.objects import OBJECTS
from salesforce_emulator.schema.objects.organization import EDITS_CONVERTED_LEADS, PERMISSIONS
from salesforce_emulator.schema.schema import Schema

Part = TypeVar("Part")
DEFAULT_REDIRECT_URIS = ("http://localhost:3001/oauth/callback",)
NEW_RECORD_START = 500_000_000
"""Counter of the first record made through the API; seeded ones have lower numbers."""


@dataclass(frozen=True)
class OrgProfile:
    """What never changes of an org.

    Attributes:
        instance: the two characters of the instance in record ids.
        login_host: the host that identity URLs name.
    """

    name: str
    org_id: str
    user_id: str
    username: str
    email: str
    company: str
    instance: str
    instance_name: str
    is_sandbox: bool
    login_host: str
    client_id: str
    client_secret: str


SANDBOX = OrgProfile(
    name="sandbox",
    org_id=extend_id("00DKc00000Sbx01"),
    user_id=extend_id("005Kc000001Sbx1"),
    username="integration@acme.example.staging",
    email="integration@acme.example",
    company="Acme (Staging)",
    instance="Kc",
    instance_name="CS402",
    is_sandbox=True,
    login_host="https://test.salesforce.com",
    client_id="3MVG9sandboxIntegrationCenterConsumerKey",
    client_secret="5E1B0CAF3D2A4F76A0C8B1D2E3F405162738495A6B7C8D9E0F1A2B3C4D5E6F70",  # noqa: S106
)
PRODUCTION = OrgProfile(
    name="production",
    org_id=extend_id("00DHs00000Prd01"),
    user_id=extend_id("005Hs000002Prd1"),
    username="integration@acme.example",
    email="integration@acme.example",
    company="Acme",
    instance="Hs",
    instance_name="USA6S",
    is_sandbox=False,
    login_host="https://login.salesforce.com",
    client_id="3MVG9productionIntegrationCenterConsumerKey",
    client_secret="A7D0F6E5C4B3A29180716253443526170F8E9DACBB0A1928374655647382910F",  # noqa: S106
)


def build_profile(name: str, number: int, *, is_sandbox: bool) -> OrgProfile:
    """An org besides the two, with ids of its own.

    Args:
        name: of the org.
        number: which further org it is, from 0 to 25.
        is_sandbox: its kind.
    """
    letter = chr(ord("A") + number)
    like = SANDBOX if is_sandbox else PRODUCTION
    return replace(
        like,
        name=name,
        org_id=extend_id(f"00DF{letter}00000Fur01"),
        user_id=extend_id(f"005F{letter}000001Fur1"),
        username=f"integration@{name}.example",
        email=f"integration@{name}.example",
        company=f"Acme ({name})",
        instance=f"F{letter}",
        client_id=f"3MVG9{name.replace('-', '')}IntegrationCenterConsumerKey",
    )


@dataclass
class OAuthApp:
    """The external client app that is set up in the org.

    Attributes:
        require_pkce: whether a code without a challenge is refused.
        code_seconds: lifetime of an authorization code.
        jwt_certificate: PEM public key or certificate for the JWT bearer flow, when set up.
        run_as: whether the client-credentials flow has a user to run as.
    """

    client_id: str
    client_secret: str
    redirect_uris: list[str] = field(default_factory=lambda: list(DEFAULT_REDIRECT_URIS))
    require_pkce: bool = True
    scopes: tuple[str, ...] = ("api", "refresh_token", "openid", "id")
    code_seconds: int = 900
    jwt_certificate: bytes | None = None
    run_as: bool = True


@dataclass
class BulkSettings:
    """Sizes of the Bulk engine, smaller ones in tests.

    Attributes:
        batch_rows: rows between two looks at the job's state.
        chunk_rows: rows of one transaction.
        page_rows: rows of a query result page when the client names no number.
        running: while cleared, jobs wait in their current state.
    """

    batch_rows: int = 10_000
    chunk_rows: int = 200
    page_rows: int = 50_000
    running: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.running.set()

    def pause(self) -> None:
        """Keep jobs from advancing."""
        self.running.clear()

    def resume(self) -> None:
        """Let jobs advance again."""
        self.running.set()


class Org:
    """A local org: state shared by all its endpoints.

    Args:
        profile: who the org is.
        path: the SQLite file of its rows.

    Attributes:
        url: its base address once the server listens; login host, My Domain and instance are one.
        permissions: the permissions of the API user's profile by UserPermissionAccess field: at first all but the one
            to edit converted Leads, which no profile has by default.
        rights: what the API user may do, by profile and permission sets.
        saves: how often each record was updated, whatever the channel: how often its triggers would have run.
    """

    def __init__(self, profile: OrgProfile, path: Path, clock: Clock | None = None) -> None:
        self.profile = profile
        self.clock = clock if clock is not None else Clock()
        self.schema = Schema(OBJECTS, self.clock.now)
        self.store = Store(path, OBJECTS)
        self.sessions = Sessions(self.store, profile.org_id, self.clock.now)
        self.app = OAuthApp(profile.client_id, profile.client_secret)
        self.faults = Faults()
        self.flows = Flows()
        self.calls = CallLog()
        self.saves: Counter[str] = Counter()
        self.allowance = Allowance()
        self.bulk = BulkSettings()
        self.permissions: dict[str, bool] = {name: name != EDITS_CONVERTED_LEADS for name, _ in PERMISSIONS}
        self.rights = UserRights(self.store, profile.user_id, self.permissions, self.schema.touch)
        self.schema.sight = self.rights
        self.url = ""
        self._parts: dict[Callable[[Org], Any], Any] = {}
        self._parts_lock = threading.RLock()
        self._sequences: dict[str, IdSequence] = {}
        self._sequence_lock = threading.Lock()

    def part(self, build: Callable[["Org"], Part]) -> Part:
        """Return a part of this org that lives as long as the org, such as its Bulk jobs; built on first use.

        So the org need not know the parts that work on it.
        """
        with self._parts_lock:
            if build not in self._parts:
                self._parts[build] = build(self)
            part: Part = self._parts[build]
            return part

    def new_id(self, prefix: str) -> str:
        """Return the id of a new record, job or other thing with this key prefix."""
        with self._sequence_lock:
            sequence = self._sequences.get(prefix)
            if sequence is None:
                start = NEW_RECORD_START + self._saved_records(prefix)
                sequence = self._sequences[prefix] = IdSequence(prefix, self.profile.instance, start)
            return sequence.take()

    def _saved_records(self, prefix: str) -> int:
        """Return how many records a reused store already got through the API."""
        sobject = self.schema.by_prefix(prefix)
        if sobject is None or not sobject.writable:
            return 0
        first = IdSequence(prefix, self.profile.instance, NEW_RECORD_START).take()
        head = first[:10]
        where = "Id >= ? AND substr(Id, 1, 10) = ?"
        return int(self.store.value(f'SELECT COUNT(*) FROM "{sobject.name}" WHERE {where}', (first, head)))  # noqa: S608

    def set_permission(self, name: str, granted: bool) -> None:
        """Give the API user a permission, or take it; `name` is a field of UserPermissionAccess."""
        if name not in self.permissions:
            raise KeyError(name)
        self.permissions[name] = granted
        self.refresh_rights()

    def refresh_rights(self) -> None:
        """Work out again what the API user may do."""
        self.rights.refresh(stamp(self.clock.now()))

    def become_integration_user(self) -> None:
        """Give the API user the narrowest profile: no right but those of the permission sets assigned to them."""
        self.permissions.update(dict.fromkeys(self.permissions, False))
        self.rights.administrator = False
        self.refresh_rights()

    def become_administrator(self) -> None:
        """Give the API user the profile that the org began with, and delete all permission sets."""
        self.permissions.update({name: name != EDITS_CONVERTED_LEADS for name in self.permissions})
        self.rights.administrator, self.rights.sharing = True, "Read"
        with self.store.writing() as connection:
            for name in RIGHTS_OBJECTS:
                connection.execute(f'DELETE FROM "{name}"')  # noqa: S608
        self.refresh_rights()

    def pose_as(self, *, is_sandbox: bool | None = None, organization_type: str | None = None) -> None:
        """Let Organization say another kind of org, or another edition."""
        with self.store.writing() as connection:
            if is_sandbox is not None:
                connection.execute('UPDATE "Organization" SET IsSandbox = ?', (int(is_sandbox),))
            if organization_type is not None:
                connection.execute('UPDATE "Organization" SET OrganizationType = ?', (organization_type,))

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()
