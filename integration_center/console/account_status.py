"""How a connected account is at present, and what depends on it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from integration_center.accounts.stored_tokens import StoredTokens
from integration_center.database.engine import reading
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import sent_work, syncs
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.remote import IMPATIENT
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org

DAILY_CALLS = "DailyApiRequests"
"""Somebody looks at the page meanwhile."""


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
    tokens = StoredTokens(environment, installation.settings, installation.accounts)
    api_version = installation.settings.api_version
    with Session(tokens, api_version=api_version, retries=IMPATIENT) as session:
        limit = Org(session).limits().get(DAILY_CALLS)
        usage = session.usage
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
