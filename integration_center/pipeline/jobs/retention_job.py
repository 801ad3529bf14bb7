"""Deletes stored reports, plans, ledgers and snapshots after 90 days, the audit log after a year: personal data."""

from datetime import UTC, datetime

import dagster as dg

from integration_center.database.incidents import Incidents
from integration_center.installation import open_installation
from integration_center.pipeline.names import WEEKLY_RETENTION, put_before
from integration_center.pipeline.steps.resources import build_job_resources
from integration_center.store.retention import delete_old_files
from integration_center.wording.sentences import count


@dg.op(name="delete_old_files")
def delete_op(context: dg.OpExecutionContext) -> None:
    """Delete files older than 90 days and audit entries older than a year."""
    now = datetime.now(UTC)
    with open_installation() as installation:
        deleted = delete_old_files(installation.frames, installation.settings.scratch, now)
        context.log.info(f"{count(deleted, 'file')} deleted")
        context.log.info(f"{installation.audit.delete_old(now):,} entries of the audit log deleted")
        context.log.info(f"{Incidents(installation.engine).delete_old(now):,} incidents deleted")


def build_retention(prefix: str | None = None) -> dg.Definitions:
    """The job, and its weekly schedule, running by default."""
    job = dg.GraphDefinition(name=put_before("retention", prefix), node_defs=[delete_op]).to_job(
        description="Deletes reports, plans, ledgers and snapshots after 90 days, audit entries after a year.",
        resource_defs=build_job_resources(),
    )
    schedule = dg.ScheduleDefinition(
        name=put_before(WEEKLY_RETENTION, prefix),
        job=job,
        cron_schedule="30 3 * * 0",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Sundays at 03:30 UTC.",
    )
    return dg.Definitions(jobs=[job], schedules=[schedule])
