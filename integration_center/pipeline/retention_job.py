"""Deletes stored reports, plans, ledgers and snapshots after 90 days, the audit log after a year: personal data."""

from datetime import UTC, datetime

import dagster as dg

from integration_center.database.incidents import Incidents
from integration_center.installation import open_installation
from integration_center.settings import Paths
from integration_center.store.retention import delete_old_files


@dg.op(name="delete_old_files")
def delete_op(context: dg.OpExecutionContext) -> None:
    """Delete files older than 90 days and audit entries older than a year."""
    now = datetime.now(UTC)
    context.log.info(f"{delete_old_files(Paths().storage, now):,} files deleted")
    with open_installation() as installation:
        context.log.info(f"{installation.audit.delete_old(now):,} entries of the audit log deleted")
        context.log.info(f"{Incidents(installation.engine).delete_old(now):,} incidents deleted")


@dg.job(
    name="retention",
    description="Deletes reports, plans, ledgers and snapshots after 90 days, audit entries after a year.",
)
def retention_job() -> None:
    """One op."""
    delete_op()


def build_retention() -> dg.Definitions:
    """The job, and its weekly schedule, running by default."""
    schedule = dg.ScheduleDefinition(
        name="weekly_retention",
        job=retention_job,
        cron_schedule="30 3 * * 0",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Sundays at 03:30 UTC.",
    )
    return dg.Definitions(jobs=[retention_job], schedules=[schedule])
