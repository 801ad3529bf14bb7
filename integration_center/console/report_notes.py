"""What was found about the files of a sync's report, such as numbers that may mean something else."""

from collections.abc import Sequence
from datetime import timedelta

from integration_center.database.sync_records import SyncRecord
from integration_center.insights.catalogue import report_slug
from integration_center.installation import Installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.store.reports import source_folder

MOST_DAYS = 31
"""The most days of a range, the newest, whose notes are shown."""


def read_notes(installation: Installation, sync: SyncRecord, spec: IntegrationSpec | None) -> Sequence[str]:
    """Read what was found about the report of a sync, one sentence each.

    A sync without a plan may not have read its report: what is stored then is of an earlier reading.

    Args:
        installation: holds the stored reports.
        sync: the line of the log.
        spec: the integration as its file is now; None where it is of another project, or gone.
    """
    if sync.plan_id is None:
        return ()
    folder = source_folder(sync.slug) if spec and spec.source else report_slug(sync.report)
    span = min((sync.partition_end - sync.partition_start).days + 1, MOST_DAYS)
    days = [sync.partition_end - timedelta(days=back) for back in reversed(range(span))]
    return installation.reports.list_notes(folder, days)
