"""Figures for Prometheus: runs, rows, lag, leases and API calls. Names and counts only, no keys or values."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from integration_center.console.shell.context import Console
from integration_center.database.figures import Figures
from integration_center.database.sync_records import SyncRecord, SyncStatus

RECENT = 20
"""Lines of the log of an integration in which the newest completed one is looked for."""


def write_metrics(console: Console) -> bytes:
    """Write the figures of the installation as they are now, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(InstallationFigures(console))
    return generate_latest(registry)


class InstallationFigures(Collector):
    """The figures of one installation.

    Args:
        console: knows the installation and its integrations.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the figures."""
        installation = self._console.installation
        figures = Figures(installation.engine)
        runs = gauge("runs", "Syncs in the log, by status", "status")
        for status, count in figures.count_syncs().items():
            runs.add_metric([status.value], count)
        yield runs
        slugs = [file.slug for file in self._console.defs.list() if file.spec is not None]
        yield from describe_syncs(installation.syncs.latest(slugs, RECENT), self._console.now())
        environments = {
            account.org_id: account.environment.value for account in installation.accounts.list() if account.org_id
        }
        ages = gauge("lease_age_seconds", "How long a run has held an object of an org", "environment", "object")
        for lease in figures.list_leases():
            ages.add_metric([environments.get(lease.org_id, "unknown"), lease.object], lease.age.total_seconds())
        yield ages
        left = gauge("api_calls_left", "API calls that the org had left today when it was last asked", "environment")
        most = gauge("api_calls_limit", "API calls that the org allows in 24 hours", "environment")
        for calls in figures.list_calls_left():
            if environment := environments.get(calls.org_id):
                left.add_metric([environment], calls.remaining)
                most.add_metric([environment], calls.maximum)
        yield left
        yield most


def describe_syncs(found: Mapping[str, Iterable[SyncRecord]], now: datetime) -> Iterable[GaugeMetricFamily]:
    """Describe the newest syncs of each integration."""
    rows = gauge("rows", "Rows of the report in the newest sync, by outcome", "integration", "outcome")
    lag = gauge("lag_seconds", "Time since the end of the newest day that was synced", "integration")
    for slug, syncs in found.items():
        newest, *before = syncs
        for outcome, count in newest.rows.items():
            rows.add_metric([slug, str(outcome)], count)
        completed = [sync.partition_end for sync in (newest, *before) if sync.status is SyncStatus.COMPLETED]
        if completed:
            end = datetime.combine(max(completed) + timedelta(days=1), time(), UTC)
            lag.add_metric([slug], max((now - end).total_seconds(), 0.0))
    yield rows
    yield lag


def gauge(name: str, help: str, *labels: str) -> GaugeMetricFamily:
    """Begin a family of figures."""
    return GaugeMetricFamily(f"integration_center_{name}", help, labels=labels)
