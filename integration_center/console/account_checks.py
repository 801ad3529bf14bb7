"""How the connected accounts are, remembered for a while so that a busy page costs an org few calls."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from integration_center.accounts.store import Account
from integration_center.database.engine import reading
from integration_center.database.shared_notes import SharedNotes
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import sent_work, syncs
from integration_center.errors import AccountError, ConfigurationError, IntegrationCenterError
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.remote import IMPATIENT

KEPT_SECONDS = 30.0
CHANGED = "account changed"
"""The kind of the notes by which consoles tell each other that an account works no longer, or again."""
CHANGED_FOR = timedelta(hours=1)
"""Longer than any console believes what it saw."""


@dataclass(frozen=True)
class AccountStatus:
    """An account that answered.

    Attributes:
        checked_at: UTC.
        calls_left: API calls that the org has left of the rolling 24 hours; None when it does not say.
        calls_allowed: of how many.
    """

    checked_at: datetime
    calls_left: int | None
    calls_allowed: int | None


Result = AccountStatus | IntegrationCenterError


def find_fault(result: Result | None) -> AccountError | ConfigurationError | None:
    """Return why an account cannot be used; None where it can, or where nobody knows."""
    return result if isinstance(result, AccountError | ConfigurationError) else None


@dataclass
class AccountChecks:
    """What the accounts answered lately.

    Args:
        kept: for how many seconds an answer is used again.
        clock: seconds that only grow.
    """

    kept: float = KEPT_SECONDS
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _seen: dict[Account, tuple[float, Result]] = field(default_factory=dict, repr=False)
    _known: dict[Account, str] = field(default_factory=dict, repr=False)
    """The last change that a console had found when this one looked."""

    def known(self, account: Account) -> Result | None:
        """What is remembered of the account as it is connected now; None when that is too old."""
        seen = self._seen.get(account)
        return seen[1] if seen and self.clock() - seen[0] < self.kept else None

    def newest(self, account: Account) -> tuple[float, Result] | None:
        """What the account as it is connected now answered last, and how many seconds ago; None when nobody asked."""
        seen = self._seen.get(account)
        return (self.clock() - seen[0], seen[1]) if seen else None

    def is_overtaken(self, installation: Installation, account: Account) -> bool:
        """Whether another console has found, since this one looked, that the account works no longer, or again."""
        notes = SharedNotes(installation.engine)
        return notes.has_readers and _read_change(notes, account) not in ("", self._known.get(account, ""))

    def look(self, installation: Installation, account: Account, *, again: bool = False) -> Result:
        """How the account is; of many that ask at once, one asks the org.

        Args:
            installation: holds its tokens.
            account: as it is connected now; another connection is another account.
            again: whether to ask although the answer is known.
        """
        asked_at = self.clock()
        with self._lock:
            seen = self._seen.get(account)
            if seen and seen[0] >= asked_at:  # somebody else asked while we waited
                return seen[1]
            if not again and (known := self.known(account)) is not None:
                return known
            result: Result
            notes = SharedNotes(installation.engine)
            change = _read_change(notes, account)
            try:
                result = check_account(installation, account.environment)
            except IntegrationCenterError as error:
                result = error
            before = seen[1] if seen else None
            if (find_fault(before) is None) != (find_fault(result) is None):
                change = secrets.token_hex(8)
                notes.write(CHANGED, _name(account), change, {}, lifetime=CHANGED_FOR)
            self._known[account] = change
            self._seen = {
                other: value for other, value in self._seen.items() if other.environment != account.environment
            }
            self._seen[account] = (self.clock(), result)
            return result


def _read_change(notes: SharedNotes, account: Account) -> str:
    """Return the token of the last change; empty where there was none lately."""
    note = notes.read(CHANGED, _name(account))
    return note.token if note else ""


def _name(account: Account) -> str:
    """Name an account as it is connected now."""
    return f"{account.environment} {account.connected_at.isoformat()}"


@dataclass(frozen=True)
class StoredData:
    """What is stored of an org.

    Attributes:
        syncs: lines of the log of syncs, each with its ledger.
        running: the integrations of those that run now.
        unsettled_jobs: work that was sent and whose results were never read.
    """

    syncs: int
    running: tuple[str, ...]
    unsettled_jobs: int


def check_account(installation: Installation, environment: Environment) -> AccountStatus:
    """Ask the org whether it still accepts the account, with one API call.

    Raises:
        NotConnected: there is no account.
        ConnectionEnded: its tokens, its user or its org are no longer good.
        AccessRefused, ConfigurationError, OrgError: Salesforce refused; says why.
        TransientError: Salesforce did not answer.
    """
    with replace(installation, retries=IMPATIENT).connect(environment) as org:
        limit = org.daily_calls()
        usage = org.session.usage
    # The header of each answer is up to date; the resource lags some minutes.
    left = usage.daily_left if usage.daily_left is not None else limit.remaining if limit else None
    allowed = usage.daily_max if usage.daily_max is not None else limit.maximum if limit else None
    return AccountStatus(datetime.now(UTC), left, allowed)


def find_stored_data(installation: Installation, org_id: str) -> StoredData:
    """What is stored of the org `org_id`."""
    mine = syncs.c.org_id == org_id
    running = select(syncs.c.slug).where(mine, syncs.c.status == SyncStatus.RUNNING.value).distinct()
    unsettled = (
        select(func.count())
        .select_from(sent_work)
        .where(sent_work.c.org_id == org_id, sent_work.c.settled_at.is_(None))
    )
    with reading(installation.engine) as connection:
        return StoredData(
            syncs=connection.execute(select(func.count()).select_from(syncs).where(mine)).scalar_one(),
            running=tuple(sorted(connection.execute(running).scalars())),
            unsettled_jobs=connection.execute(unsettled).scalar_one(),
        )
