"""Addresses outside the console: a run in the Dagster UI, a record in its org."""

from urllib.parse import quote, urlsplit

from integration_center.accounts.store import Account
from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.webserver import find_dagster_url


def dagster_url(console: Console) -> str | None:
    """The Dagster UI that the settings name, or that `up` started on this machine; None while there is none."""
    return find_dagster_url(console.installation.settings)


def run_url(console: Console, run_id: str) -> str | None:
    """A run in the Dagster UI; None while that is down."""
    url = dagster_url(console)
    return f"{url}/runs/{quote(run_id, safe='')}" if url else None


def record_url(console: Console, sync: SyncRecord, record_id: str | None) -> str | None:
    """A record in the org that the sync wrote to; None when that org is not the one connected now."""
    account = find_account(console, sync)
    if account is None or record_id is None or urlsplit(account.instance_url).scheme not in {"https", "http"}:
        return None
    return f"{account.instance_url.rstrip('/')}/{quote(record_id, safe='')}"


def find_account(console: Console, sync: SyncRecord) -> Account | None:
    """The account by which the sync's org is connected now, if it is."""
    environment: Environment | None = sync.environment
    account = console.installation.accounts.find(environment) if environment else None
    return account if account and account.org_id == sync.org_id else None
