"""Addresses outside the console: a run in the Dagster UI, a record in its org."""

from urllib.parse import quote, urlsplit

from integration_center.console.shell.context import Console
from integration_center.database.sync_records import SyncRecord
from integration_center.pipeline.instance.webserver import find_dagster_url


def run_url(console: Console, run_id: str) -> str | None:
    """A run in the Dagster UI; None while that is down."""
    url = find_dagster_url(console.installation.settings)
    return f"{url}/runs/{quote(run_id, safe='')}" if url else None


def record_url(console: Console, sync: SyncRecord, record_id: str | None) -> str | None:
    """A record in the org that the sync wrote to; None when that org is not the one connected now."""
    account = console.installation.accounts.find(sync.environment) if sync.environment else None
    if account is None or account.org_id != sync.org_id or record_id is None:
        return None
    if urlsplit(account.instance_url).scheme not in {"https", "http"}:
        return None
    return f"{account.instance_url.rstrip('/')}/{quote(record_id, safe='')}"
